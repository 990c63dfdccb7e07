package function

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"ipcredit/shared/catalog"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// catalogFormPage is the form of a version: of an item, or of a measure.
type catalogFormPage struct {
	office
	// What is "item" or "measure"; Fixed tells that its name is given.
	What  string
	Fixed bool
	// Incentive tells that the measure is one.
	Incentive bool

	Kinds, Channels, Sources, Tiers, Acts []option
}

const (
	anItem   = "item"
	aMeasure = "measure"
)

// catalogForm asks for a new version. What is in force stands in it.
func (d *desk) catalogForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	now := d.env.Now()
	if err := d.catalog.MayPropose(a, now); err != nil {
		return err
	}
	c, err := d.catalog.Current(r.Context())
	if err != nil {
		return err
	}
	q, today := r.URL.Query(), workday.DateOf(now)
	values := url.Values{"from": {today.AddDays(1).String()}}
	set := func(s catalog.Span) {
		values.Set("titleZH", s.Title.ZH)
		values.Set("titleEN", s.Title.EN)
		values.Set("basis", s.Basis)
		values.Set("article", s.Article)
		if !s.To.IsZero() {
			values.Set("to", s.To.String())
		}
		if s.From.After(today) {
			values.Set("from", s.From.String())
		}
	}
	switch name := q.Get(anItem); {
	case q.Get("sort") == anItem: // one more act, under the law's last one
		rest, _ := c.Item(catalog.Rest, today)
		values.Set("what", anItem)
		values.Set("channel", string(rest.Channel))
		values["kinds"], values["sources"] = strs(rest.Kinds), strs(rest.Sources)
		values.Set("basis", rest.Basis)
	case name != "":
		list := c.Items(name)
		if len(list) == 0 {
			return fault.New(fault.NotFound, "catalog.none")
		}
		i := list[len(list)-1]
		values.Set("what", anItem)
		values.Set("act", i.Act)
		values.Set("known", "1")
		values.Set("channel", string(i.Channel))
		values.Set("tier", string(i.Tier))
		values["kinds"], values["sources"] = strs(i.Kinds), strs(i.Sources)
		set(i.Span)
	default:
		values.Set("what", aMeasure)
		values.Set("sort", q.Get("sort"))
		if id := q.Get(aMeasure); id != "" {
			list := c.Measures(id)
			if len(list) == 0 {
				return fault.New(fault.NotFound, "catalog.none")
			}
			m := list[len(list)-1]
			values.Set("id", m.ID)
			values.Set("known", "1")
			values.Set("sort", sort(m))
			values.Set("byZH", m.By.ZH)
			values.Set("byEN", m.By.EN)
			values.Set("list", m.List)
			values.Set("listItem", m.ListItem)
			values["acts"], values["tiers"] = m.Acts, strs(m.Tiers)
			set(m.Span)
		}
	}
	return d.pages.Show(w, r, http.StatusOK, "catalog-form", d.catalogFormPage(r, a, values, actsOf(c)))
}

// actsOf are the acts that a measure can be for.
func actsOf(c catalog.Catalog) []string { return append(slices.Clone(credit.Acts), c.Added(false)...) }

func (d *desk) catalogFormPage(r *http.Request, a staff.Actor, values url.Values, acts []string) catalogFormPage {
	lang := fn.Lang(r)
	p := catalogFormPage{office: d.catalogOffice(r, a), What: values.Get("what"), Fixed: values.Get("known") != ""}
	p.Form = page.NewForm(values)
	p.Kinds, p.Sources = options(lang, "credit-lookup.record.", catalog.Kinds), options(lang, "catalog.source.", catalog.Sources)
	p.Channels, p.Tiers = options(lang, "catalog.channel.", catalog.Channels), options(lang, "credit.tier.", catalog.Tiers)
	if p.What == aMeasure {
		p.Incentive = values.Get("sort") == rewarding
		p.Acts = options(lang, "credit.act.", acts)
	}
	return p
}

// catalogPropose proposes what was typed.
func (d *desk) catalogPropose(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := posted(r); err != nil {
		return err
	}
	c, err := d.catalog.Current(r.Context())
	if err != nil {
		return err
	}
	p, err := typedProposal(r.PostForm, actsOf(c))
	if err == nil {
		p, err = d.catalog.Propose(r.Context(), a, p, d.env.Now())
	}
	if f, ok := fault.Of(err); ok && len(f.Fields) > 0 {
		v := d.catalogFormPage(r, a, r.PostForm, actsOf(c))
		v.Form.Refuse(fn.Lang(r), f)
		return d.pages.Show(w, r, fn.Status(f.Kind), "catalog-form", v)
	}
	if err != nil {
		return err
	}
	return d.toProposal(w, r, p.ID, "propose")
}

// typedProposal reads the form; the catalogue checks what it says.
func typedProposal(f url.Values, acts []string) (catalog.Proposal, error) {
	bad := fault.New(fault.Invalid, "catalog.incomplete")
	text := func(name string) string { return strings.Join(strings.Fields(f.Get(name)), " ") }
	day := func(name string) (on workday.Date) {
		if s := text(name); s != "" {
			d, err := workday.ParseDate(s)
			if e, ok := fault.Of(err); ok {
				bad = bad.With(name, e.Code, e.Args...)
			}
			on = d
		}
		return on
	}
	s := catalog.Span{
		Title: ruleset.Words{ZH: text("titleZH"), EN: text("titleEN")}, Basis: text("basis"), Article: text("article"), From: day("from"), To: day("to"),
		Confidence: ruleset.Verified,
	}
	p := catalog.Proposal{Reason: f.Get("reason")}
	if f.Get("what") == anItem {
		p.Item = &catalog.Item{Span: s, Act: strings.ToUpper(text("act")), Kinds: picked(f["kinds"], catalog.Kinds), Channel: catalog.Channel(f.Get("channel")), Sources: picked(f["sources"], catalog.Sources), Tier: catalog.Tier(f.Get("tier"))}
	} else {
		p.Measure = &catalog.Measure{
			Span: s, ID: text("id"), Incentive: f.Get("sort") == rewarding, List: text("list"), ListItem: text("listItem"), ListConfidence: ruleset.Verified,
			Acts: picked(f["acts"], acts), Tiers: picked(f["tiers"], catalog.Tiers), By: ruleset.Words{ZH: text("byZH"), EN: text("byEN")},
		}
	}
	if len(bad.Fields) > 0 {
		return p, bad
	}
	return p, nil
}

// picked are the words that were ticked, in the order of those there are.
func picked[T ~string](ticked []string, words []T) []T {
	var out []T
	for _, w := range words {
		if slices.Contains(ticked, string(w)) {
			out = append(out, w)
		}
	}
	return out
}
