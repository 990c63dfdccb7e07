package function

import (
	"maps"
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
	"ipcredit/shared/workday"
)

// keptEstimate is how long a cache may keep an answer: it hangs on the rules and
// the calendar alone.
const keptEstimate = "public, max-age=300"

// estimate answers what-if questions about display and repair, for everyone. It
// asks for dates and not for a name: nothing of what is asked is kept.
func (d *desk) estimate(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Vary", "Accept")
	q := r.URL.Query()
	html := fn.WantsHTML(r)
	p := estimatePage{Form: page.NewForm(q)}
	if html && !q.Has("route") {
		p.Form = page.NewForm(url.Values{"route": {string(credit.CNIPA)}})
		w.Header().Set("Cache-Control", keptEstimate)
		return d.pages.Show(w, r, http.StatusOK, "estimate", p)
	}
	e, err := d.answer(r, q, html)
	if f, refused := fault.Of(err); refused && html {
		p.Form.Refuse(fn.Lang(r), f)
		return d.pages.Show(w, r, fn.Status(f.Kind), "estimate", p)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", keptEstimate)
	if html {
		p.Estimate = &e
		return d.pages.Show(w, r, http.StatusOK, "estimate", p)
	}
	return fn.WriteJSON(w, http.StatusOK, e)
}

func (d *desk) answer(r *http.Request, q url.Values, html bool) (credit.Estimate, error) {
	if _, err := url.ParseQuery(r.URL.RawQuery); err != nil {
		// What cannot be read is not in q: the answer would be to another question.
		return credit.Estimate{}, fault.New(fault.Invalid, "credit-repair.estimate.query").With("query", "credit-repair.estimate.query")
	}
	asked, err := readQuestion(q, html)
	if err != nil {
		return credit.Estimate{}, err
	}
	cal, err := d.calendar.Current(r.Context())
	if err != nil {
		return credit.Estimate{}, err
	}
	law, err := credit.NewLaw(cal, ruleset.Shipped())
	if err != nil {
		return credit.Estimate{}, err
	}
	return law.Estimate(asked)
}

// readQuestion reads the parameters and names every one that is wrong. The form
// of the page leaves fields empty; a program that does has made a mistake.
func readQuestion(q url.Values, form bool) (credit.Question, error) {
	var out credit.Question
	bad := fault.New(fault.Invalid, "credit-repair.estimate")
	for _, name := range slices.Sorted(maps.Keys(q)) {
		values := q[name]
		if form {
			values = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return strings.TrimSpace(v) == "" })
		}
		repeatable := name == "determined"
		if len(values) > 1 && !repeatable {
			bad.With(name, "credit-repair.estimate.twice", name)
			continue
		}
		for _, v := range values {
			switch {
			case name == "route":
				out.Route = credit.Route(v)
			case name == "tier":
				if out.Tier = credit.Tier(v); v != "" && !slices.Contains(catalog.Tiers, out.Tier) {
					bad.With(name, "credit.estimate.tier")
				}
			case isDetermined(name), name == "lastRepair":
				date, err := workday.ParseDate(v)
				if f, ok := fault.Of(err); ok {
					bad.With(name, f.Code, f.Args...)
				}
				if name == "lastRepair" {
					out.LastRepair = date
				} else if err == nil {
					out.Determined = append(out.Determined, date)
				}
			case name == "lang", name == "text":
			default:
				bad.With(name, "credit-repair.estimate.parameter", name)
			}
		}
	}
	if len(bad.Fields) > 0 {
		return credit.Question{}, bad
	}
	return out, nil
}

// isDetermined tells whether a parameter is a date of determination: determined,
// determined2, determined3 and so on.
func isDetermined(name string) bool {
	n, ok := strings.CutPrefix(name, "determined")
	return ok && (n == "" || n[0] >= '1' && n[0] <= '9' && strings.Trim(n, "0123456789") == "")
}

// estimatePage is the calculator with an answer, or without one.
type estimatePage struct {
	*page.Form
	Estimate *credit.Estimate
}

// Fields is the form, for the templates of inputs.
func (p estimatePage) Fields() *page.Form { return p.Form }

// Routes are the procedures that are known.
func (p estimatePage) Routes(lang page.Lang) []map[string]string {
	return choices(lang, "route", credit.CNIPA, credit.ByTiers)
}

// Tiers are those of Order 36.
func (p estimatePage) Tiers(lang page.Lang) []map[string]string {
	return choices(lang, "tier", credit.Minor, credit.General, credit.Serious)
}

func choices[T ~string](lang page.Lang, what string, values ...T) []map[string]string {
	out := make([]map[string]string, len(values))
	for i, v := range values {
		out[i] = map[string]string{"Value": string(v), "Text": page.Say(lang, "credit-repair.estimate."+what+"."+string(v))}
	}
	return out
}
