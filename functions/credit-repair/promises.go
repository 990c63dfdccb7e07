package function

import (
	"net/http"
	"net/url"
	"slices"

	"ipcredit/shared/clock"
	"ipcredit/shared/commitment"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/material"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// promiseRoutes are a subject's credit commitments: written, read again, signed,
// and what became of them.
func (d *desk) promiseRoutes(m *fn.Mux) {
	m.Handle("GET /promises", d.signed(d.promiseList))
	m.Handle("GET /promises/new", d.signed(d.promiseNew))
	m.Handle("POST /promises", d.signed(d.promiseBegin))
	m.Handle("GET /promises/{no}", d.signed(d.promise))
	m.Handle("GET /promises/{no}/edit", d.signed(d.promiseEdit))
	m.Handle("GET /promises/{no}/paper", d.signed(d.promisePaper))
	m.Handle("POST /promises/{no}/{action}", d.signed(d.promiseAct))
}

// promising is base with what was done, in the words of commitments.
func (d *desk) promising(r *http.Request, a staff.Actor) base {
	b := d.base(r, a)
	if what := "commitment.done." + r.URL.Query().Get("done"); page.Has(what) {
		b.Done = what
	}
	return b
}

type promisesPage struct {
	base
	List     []commitment.Commitment
	Titles   map[string]string
	Next     string
	Offered  commitment.Templates
	May      bool // can write one
	Register string
}

// titles are the titles of the templates in the reader's language, by version.
func titles(lang page.Lang, all commitment.Templates) map[string]string {
	out := make(map[string]string, len(all))
	for _, t := range all {
		out[t.Ref()] = t.Title.ZH
		if lang == page.EN {
			out[t.Ref()] = t.Title.EN
		}
	}
	return out
}

// Titled is the title of a template in the reader's language.
func (b base) Titled(lang page.Lang, t commitment.Template) string {
	if lang == page.EN {
		return t.Title.EN
	}
	return t.Title.ZH
}

// promiseList lists the subject's commitments, and the texts to choose from.
func (d *desk) promiseList(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if a.Org.Kind != staff.Subject {
		return d.see(w, r, "/desk/promises")
	}
	ctx, now := r.Context(), d.env.Now()
	p := promisesPage{base: d.promising(r, a), May: a.May(staff.SubjectFile, now)}
	p.Register = d.pages.URL(r, "disclosure-publish/commitments", url.Values{"subject": {a.Org.Code}})
	var err error
	if p.List, p.Next, err = d.promises.Of(ctx, a, r.URL.Query().Get("cursor"), pageSize, now); err != nil {
		return err
	}
	all, err := d.promises.Templates(ctx)
	if err != nil {
		return err
	}
	p.Titles, p.Offered = titles(fn.Lang(r), all), all.Offered(d.today())
	return d.pages.Show(w, r, http.StatusOK, "promises", p)
}

// promiseForm is the form of a commitment: of a subject, or of an officer who
// records one made on paper.
type promiseForm struct {
	base
	Text    commitment.Template
	Offered commitment.Templates
	No      string // of the draft that is changed
	Seen    int
	Today   workday.Date
	Latest  workday.Date
	// For officers.
	Record bool
	Units  []string
}

// Options are the texts to choose from.
func (p promiseForm) Options(lang page.Lang) []map[string]string {
	var out []map[string]string
	for _, t := range p.Offered {
		out = append(out, map[string]string{"Value": t.ID, "Text": p.Titled(lang, t), "Hint": page.Say(lang, "commitment.kind."+string(t.Kind))})
	}
	return out
}

// UnitOptions are the units that an officer can record for.
func (p promiseForm) UnitOptions() []map[string]string {
	var out []map[string]string
	for _, u := range p.Units {
		out = append(out, map[string]string{"Value": u, "Text": queuePage{}.UnitName(u)})
	}
	return out
}

// formOf is the form with one of the texts that can be chosen on the day.
func (d *desk) formOf(r *http.Request, a staff.Actor, values url.Values) (promiseForm, error) {
	p := promiseForm{base: d.promising(r, a), Today: d.today()}
	p.Form = page.NewForm(values)
	all, err := d.promises.Templates(r.Context())
	if err != nil {
		return p, err
	}
	p.Offered = all.Offered(p.Today)
	for _, t := range p.Offered {
		if t.ID == values.Get("template") {
			p.Text, p.Latest = t, t.Latest(p.Today)
		}
	}
	return p, nil
}

// promiseNew shows a text and asks what it leaves open; without one, which text.
func (d *desk) promiseNew(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := staff.Can(a, staff.SubjectFile, staff.Resource{Subject: a.Org.Code}, d.env.Now()); err != nil {
		return err
	}
	p, err := d.formOf(r, a, url.Values{"template": {r.URL.Query().Get("template")}})
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "promise-new", p)
}

// promised reads what was filled in.
func promised(r *http.Request) (commitment.Writing, error) {
	until, err := date(r, "until")
	return commitment.Writing{Template: r.PostForm.Get("template"), What: r.PostForm.Get("what"), Until: until}, err
}

// promiseRefused shows the form again with what is wrong.
func (d *desk) promiseRefused(w http.ResponseWriter, r *http.Request, a staff.Actor, why error, fill func(*promiseForm)) error {
	return showRefused(d, w, r, "promise-new", why, func() (*promiseForm, error) {
		p, err := d.formOf(r, a, r.PostForm)
		fill(&p)
		return &p, err
	})
}

func (d *desk) promiseBegin(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	in, err := promised(r)
	var c commitment.Commitment
	if err == nil {
		c, err = d.promises.Begin(r.Context(), a, in, d.env.Now())
	}
	if err != nil {
		return d.promiseRefused(w, r, a, err, func(*promiseForm) {})
	}
	return d.see(w, r, "/promises", c.No)
}

type promisePage struct {
	base
	C     commitment.Commitment
	Text  commitment.Template
	Today workday.Date
	// Clocks are those of the commitment.
	Clocks []clock.Clock
	// Sign, Write and Prove tell what the subject's reader can do.
	Sign, Write, Prove bool
	Proofs             []material.Material // that can be added
	Uploads            bool
	Last               workday.Date // in the public ledger
	Public             string       // its address there, "" while it is not
	// For officers.
	Can   []string
	Owner string
}

// Numeral numbers a clause as papers do.
func (promisePage) Numeral(i int) string {
	numerals := []rune("一二三四五六七八九十")
	if i < 0 || i >= len(numerals) {
		return ""
	}
	return string(numerals[i])
}

func (d *desk) promisePage(r *http.Request, a staff.Actor) (promisePage, error) {
	ctx, now := r.Context(), d.env.Now()
	p := promisePage{base: d.promising(r, a), Today: d.today(), Uploads: d.evidence != nil}
	var err error
	if p.C, err = d.promises.Get(ctx, a, r.PathValue("no"), now); err != nil {
		return p, err
	}
	all, err := d.promises.Templates(ctx)
	if err != nil {
		return p, err
	}
	p.Text, _ = all.Ref(p.C.Template)
	rules, err := d.promises.Rules(ctx)
	if err != nil {
		return p, err
	}
	if p.Clocks, err = rules.Clocks(p.C, p.Today); err != nil {
		return p, err
	}
	entry, err := d.promises.Entry(ctx, p.C.No, now)
	switch {
	case err == nil:
		p.Last, p.Public = entry.ShownUntil, d.pages.URL(r, "disclosure-publish/commitments", p.C.No)
	case !fault.Is(err, fault.Gone) && !fault.Is(err, fault.NotFound):
		return p, err
	}
	if !p.Subject() {
		return p, nil
	}
	p.Write = p.C.State == commitment.Draft && d.promises.May(ctx, a, staff.SubjectFile, p.C, now)
	p.Sign = p.C.State == commitment.Draft && d.promises.May(ctx, a, staff.RepairSign, p.C, now)
	p.Prove = p.C.State.Open() && d.promises.May(ctx, a, staff.SubjectFile, p.C, now)
	if p.Prove {
		list, _, err := d.materials.Of(ctx, a, "", pageSize, now)
		if err != nil {
			return p, err
		}
		for _, m := range list {
			if m.Kind == material.Fulfilment && !p.has(m.No) {
				p.Proofs = append(p.Proofs, m)
			}
		}
	}
	return p, nil
}

func (p promisePage) has(no string) bool {
	for _, x := range p.C.Proofs {
		if x.Material == no {
			return true
		}
	}
	return false
}

// promise is one commitment: a draft to be read again and signed, or where it
// stands.
func (d *desk) promise(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if a.Org.Kind != staff.Subject {
		return d.see(w, r, "/desk/promises", r.PathValue("no"))
	}
	p, err := d.promisePage(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "promise", p)
}

// promisePaper is the paper, to be printed.
func (d *desk) promisePaper(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.promisePage(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "promise-paper", p)
}

// promiseEdit is the form of a draft that is there.
func (d *desk) promiseEdit(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.promisePage(r, a)
	if err != nil {
		return err
	}
	if !p.Write {
		return fault.New(fault.Conflict, "commitment.state")
	}
	f, err := d.formOf(r, a, url.Values{"template": {p.C.TemplateID()}, "what": {p.C.What}, "until": {p.C.Until.String()}})
	if err != nil {
		return err
	}
	f.No, f.Seen = p.C.No, p.C.Seen
	return d.pages.Show(w, r, http.StatusOK, "promise-new", f)
}

// promiseAct is a step of the subject.
func (d *desk) promiseAct(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	ctx, no, now, what := r.Context(), r.PathValue("no"), d.env.Now(), r.PathValue("action")
	if a.Org.Kind != staff.Subject {
		return fault.New(fault.NotFound, "commitment.unknown")
	}
	seen, err := version(r)
	if err != nil {
		return err
	}
	switch what {
	case "edit":
		var in commitment.Writing
		if in, err = promised(r); err == nil {
			_, err = d.promises.Rewrite(ctx, a, no, seen, in, now)
		}
		if err != nil {
			return d.promiseRefused(w, r, a, err, func(p *promiseForm) { p.No, p.Seen = no, seen })
		}
		return d.see(w, r, "/promises", no)
	case "drop":
		if err = d.promises.Drop(ctx, a, no, now); err == nil {
			return d.see(w, r, "/promises", done(what))
		}
	case "sign":
		if r.PostForm.Get("agree") == "" {
			err = fault.New(fault.Refused, "commitment.agree").With("agree", "commitment.agree")
			break
		}
		_, err = d.promises.Sign(ctx, a, no, seen, now)
	case "prove":
		_, err = d.promises.Prove(ctx, a, no, r.PostForm.Get("material"), now)
	default:
		return fault.New(fault.NotFound, "credit-repair.unknown")
	}
	if err != nil {
		return d.promiseAgain(w, r, a, "promise", err)
	}
	return d.see(w, r, "/promises", no, done(what))
}

// signRepair signs the commitment of an application for repair, which becomes an
// entry of the public ledger in the same commit.
func (d *desk) signRepair(r *http.Request, a staff.Actor, no string) error {
	ctx, now := r.Context(), d.env.Now()
	x, err := d.repair.Get(ctx, a, no, now)
	if err != nil {
		return err
	}
	profile, err := d.repair.Profile(ctx, x)
	if err != nil {
		return err
	}
	records := slices.DeleteFunc(slices.Clone(profile.Records), func(rec credit.Record) bool { return !slices.Contains(x.Records, rec.ID) })
	making, err := d.promises.OfRepair(ctx, a, x, records, now)
	if err != nil {
		return err
	}
	_, err = d.repair.Sign(ctx, a, no, now, making.With)
	return err
}

// promiseAgain shows the commitment with what is wrong.
func (d *desk) promiseAgain(w http.ResponseWriter, r *http.Request, a staff.Actor, name string, why error) error {
	return showRefused(d, w, r, name, why, func() (*promisePage, error) {
		p, err := d.promisePage(r, a)
		if err == nil && !p.Subject() {
			err = d.promiseDesking(r, a, &p)
		}
		return &p, err
	})
}

// shown is a page that has a base.
type shown interface{ on() *base }

func (b *base) on() *base { return b }

// showRefused shows a page again with what is wrong; a program is told.
func showRefused[P shown](d *desk, w http.ResponseWriter, r *http.Request, name string, why error, load func() (P, error)) error {
	if !fn.WantsHTML(r) {
		return why
	}
	p, err := load()
	if err != nil {
		return err
	}
	status, err := refused(r, p.on(), why)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, status, name, p)
}
