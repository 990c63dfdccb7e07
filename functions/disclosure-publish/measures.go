package function

import (
	"net/http"
	"slices"

	"ipcredit/shared/catalog"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
)

// measureLine is a measure as it is listed.
type measureLine struct {
	catalog.Measure
	Ref string `json:"ref"`
	URL string `json:"url"`
}

func (d *desk) measureLine(m catalog.Measure) measureLine {
	return measureLine{m, m.Ref(), d.pages.Absolute("/catalog/measures", m.ID)}
}

const (
	punishing = "punishment"
	rewarding = "incentive"
)

// sort is what a measure does to whom it meets.
func sort(m catalog.Measure) string {
	if m.Incentive {
		return rewarding
	}
	return punishing
}

type measuresPage struct {
	filter
	Measures []measureLine
	// Sorts, Acts and Tiers can be filtered by.
	Sorts, Acts, Tiers []option
}

// measures lists the measures and incentives in force on a day.
func (d *desk) measures(w http.ResponseWriter, r *http.Request) error {
	lang := fn.Lang(r)
	sorts := []string{punishing, rewarding}
	c, err := d.catalog.Current(r.Context())
	if err != nil {
		return err
	}
	acts := append(slices.Clone(credit.Acts), c.Added(true)...)
	f, bad := d.filtered(r, map[string][]string{"sort": sorts, "act": acts, "tier": strs(catalog.Tiers)})
	p := measuresPage{
		filter: f, Sorts: options(lang, "catalog.sort.", sorts), Acts: options(lang, "credit.act.", acts),
		Tiers: options(lang, "credit.tier.", catalog.Tiers), Measures: []measureLine{},
	}
	for _, m := range c.Measures("") {
		if bad == nil && m.InForce(f.On) && f.wants("sort", sort(m)) && f.brings(m) && (len(m.Tiers) == 0 && !m.Incentive || f.wants("tier", strs(m.Tiers)...)) {
			p.Measures = append(p.Measures, d.measureLine(m))
		}
	}
	return d.list(w, r, bad, f, "measures", p.Measures, p)
}

// brings tells whether the act that is asked for brings the measure.
func (f filter) brings(m catalog.Measure) bool {
	act := f.query.Get("act")
	return act == "" || !m.Incentive && m.Of(act)
}

// measure is one measure with its history.
func (d *desk) measure(w http.ResponseWriter, r *http.Request) error {
	f, bad := d.filtered(r, nil)
	c, err := d.catalog.Current(r.Context())
	if err != nil {
		return err
	}
	p := measuresPage{filter: f, Measures: []measureLine{}}
	for _, m := range slices.Backward(c.Measures(r.PathValue("id"))) {
		p.Measures = append(p.Measures, d.measureLine(m))
	}
	if len(p.Measures) == 0 {
		return fault.New(fault.NotFound, "catalog.none")
	}
	return d.list(w, r, bad, f, "measures-one", p.Measures, p)
}
