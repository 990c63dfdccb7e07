package function

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ipcredit/shared/commitment"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// promiseTextRoutes are the templates of commitments, which two officers change.
func (d *desk) promiseTextRoutes(m *fn.Mux) {
	m.Handle("GET /desk/texts", d.signed(d.promiseTexts))
	m.Handle("POST /desk/texts", d.signed(d.promiseTextPropose))
	m.Handle("POST /desk/texts/{ref}/{action}", d.signed(d.promiseTextDecide))
}

type promiseTextsPage struct {
	base
	Today   workday.Date
	Texts   commitment.Templates // with a day in force from today on
	Waiting commitment.Templates
	// Edits and Approves tell what the reader can do.
	Edits, Approves bool
}

// KindOptions are the kinds that a template can be of.
func (promiseTextsPage) KindOptions(lang page.Lang) []map[string]string {
	var list []string
	for _, k := range commitment.Kinds {
		if k != commitment.Repair {
			list = append(list, string(k))
		}
	}
	return words(lang, "commitment.kind.", list)
}

// Own tells whether the reader proposed it.
func (p promiseTextsPage) Own(t commitment.Template) bool { return t.ProposedBy == p.Actor.User.ID }

func (d *desk) promiseTextsPage(r *http.Request, a staff.Actor) (promiseTextsPage, error) {
	ctx, now := r.Context(), d.env.Now()
	p := promiseTextsPage{base: d.promising(r, a), Today: d.today()}
	p.Edits, p.Approves = d.promises.Makes(a, now)
	var err error
	if p.Waiting, err = d.promises.Proposed(ctx, a, now); err != nil {
		return p, err
	}
	all, err := d.promises.Templates(ctx)
	if err != nil {
		return p, err
	}
	for _, t := range all {
		if current, ok := all.On(t.ID, p.Today); t.From.After(p.Today) || ok && current.Ref() == t.Ref() {
			p.Texts = append(p.Texts, t)
		}
	}
	slices.SortFunc(p.Texts, func(a, b commitment.Template) int { return strings.Compare(a.Ref(), b.Ref()) })
	if t, ok := all.On(r.URL.Query().Get("template"), p.Today); ok && r.Method == http.MethodGet {
		p.Form = page.NewForm(url.Values{
			"id": {t.ID}, "kind": {string(t.Kind)}, "months": {strconv.Itoa(t.Most.N)}, "titleZH": {t.Title.ZH}, "titleEN": {t.Title.EN},
			"clausesZH": {strings.Join(t.Clauses.ZH, "\n")}, "clausesEN": {strings.Join(t.Clauses.EN, "\n")}, "source": {t.Source},
		})
	}
	return p, nil
}

func (d *desk) promiseTexts(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.promiseTextsPage(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "promise-texts", p)
}

// clauses are the lines of a text that say something.
func clauses(text string) []string {
	var out []string
	for l := range strings.Lines(text) {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

func (d *desk) promiseTextPropose(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	f := r.PostForm
	t := commitment.Template{
		ID: f.Get("id"), Kind: commitment.Kind(f.Get("kind")), Source: f.Get("source"), Title: ruleset.Words{ZH: strings.TrimSpace(f.Get("titleZH")), EN: strings.TrimSpace(f.Get("titleEN"))},
		Clauses: commitment.Lines{ZH: clauses(f.Get("clausesZH")), EN: clauses(f.Get("clausesEN"))},
	}
	var err error
	if t.From, err = date(r, "from"); err == nil {
		if n, bad := strconv.Atoi(f.Get("months")); bad == nil && n > 0 {
			t.Most, err = workday.NewPeriod(n, workday.Months)
		}
	}
	if err == nil {
		err = d.promises.Propose(r.Context(), a, t, d.env.Now())
	}
	return d.promiseTextDone(w, r, a, "text-proposed", err)
}

func (d *desk) promiseTextDecide(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	what := r.PathValue("action")
	if what != "approve" && what != "drop" {
		return fault.New(fault.NotFound, "credit-repair.unknown")
	}
	err := d.promises.Decide(r.Context(), a, r.PathValue("ref"), what == "approve", d.env.Now())
	return d.promiseTextDone(w, r, a, "text-"+what, err)
}

// promiseTextDone goes back to the list, or shows it with what is wrong.
func (d *desk) promiseTextDone(w http.ResponseWriter, r *http.Request, a staff.Actor, what string, why error) error {
	if why == nil {
		return d.see(w, r, "/desk/texts", done(what))
	}
	return showRefused(d, w, r, "promise-texts", why, func() (*promiseTextsPage, error) {
		p, err := d.promiseTextsPage(r, a)
		return &p, err
	})
}
