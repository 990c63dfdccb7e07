package function

import (
	"context"
	"net/http"
	"net/url"

	"ipcredit/shared/catalog"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// mergerRoutes are the officers' pages of mergers of subjects: one brings in what a
// registry announced, another agrees.
func (d *desk) mergerRoutes(m *fn.Mux) {
	m.Handle("GET /mergers", d.signed(d.mergers))
	m.Handle("POST /mergers", d.signed(d.mergerPropose))
	m.Handle("GET /mergers/{id}", d.signed(d.merger))
	m.Handle("POST /mergers/{id}/{action}", d.signed(d.mergerDecide))
}

// mergerLine is a merger with the names of whom it is about.
type mergerLine struct {
	credit.Merger
	FromName, IntoName string
	Who, Decider       string
}

func (mergerLine) Tone(s catalog.State) string { return proposalLine{}.Tone(s) }

// What is the word for what was brought in.
func (l mergerLine) What() string {
	if l.Undo {
		return "undo"
	}
	return "merge"
}

type mergersPage struct {
	office
	List  []mergerLine
	Whats []option
	May   bool
}

// mostMergers is how many the page lists.
const mostMergers = 200

func (d *desk) mergerOffice(r *http.Request, a staff.Actor) office {
	o := d.office(r, a)
	o.Done = ""
	if key := "disclosure-publish.mergers.done." + r.URL.Query().Get("done"); page.Has(key) {
		o.Done = key
	}
	return o
}

func (d *desk) mergers(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.mergersPage(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "mergers", p)
}

func (d *desk) mergersPage(r *http.Request, a staff.Actor) (mergersPage, error) {
	now := d.env.Now()
	p := mergersPage{
		office: d.mergerOffice(r, a), May: d.credit.MayProposeMerger(a, now) == nil,
		Whats: options(fn.Lang(r), "disclosure-publish.mergers.what.", []string{"merge", "undo"}),
	}
	p.Form = page.NewForm(url.Values{"what": {"merge"}, "from": {r.URL.Query().Get("from")}})
	list, err := d.credit.Mergers(r.Context(), a, mostMergers, now)
	if err != nil {
		return p, err
	}
	for _, m := range list {
		line, err := d.mergerLine(r.Context(), m)
		if err != nil {
			return p, err
		}
		p.List = append(p.List, line)
	}
	return p, nil
}

func (d *desk) mergerLine(ctx context.Context, m credit.Merger) (line mergerLine, err error) {
	line = mergerLine{Merger: m, Who: d.person(ctx, m.By)}
	if m.Second != "" {
		line.Decider = d.person(ctx, m.Second)
	}
	if line.FromName, err = d.subjectName(ctx, m.From); err != nil {
		return line, err
	}
	line.IntoName, err = d.subjectName(ctx, m.Into)
	return line, err
}

// subjectName is what a subject is called, also one that was merged; "" for none.
func (d *desk) subjectName(ctx context.Context, code string) (string, error) {
	s, err := d.credit.Subjects().Get(ctx, code)
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	return s.Name, err
}

func (d *desk) mergerPropose(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := posted(r); err != nil {
		return err
	}
	f := r.PostForm
	m := credit.Merger{From: f.Get("from"), Into: f.Get("into"), Undo: f.Get("what") == "undo", Instrument: f.Get("instrument"), Authority: f.Get("authority")}
	var err error
	if text := f.Get("on"); text != "" {
		m.On, err = workday.ParseDate(text)
		if e, ok := fault.Of(err); ok {
			err = e.With("on", e.Code, e.Args...)
		}
	}
	if err == nil {
		m, err = d.credit.ProposeMerger(r.Context(), a, m, d.env.Now())
	}
	if e, ok := fault.Of(err); ok && e.Kind != fault.Forbidden {
		p, err := d.mergersPage(r, a)
		if err != nil {
			return err
		}
		p.Form = page.NewForm(f).Refuse(fn.Lang(r), e)
		return d.pages.Show(w, r, fn.Status(e.Kind), "mergers", p)
	}
	if err != nil {
		return err
	}
	return d.toMerger(w, r, m.ID, "propose")
}

type mergerPage struct {
	office
	mergerLine
	// Records is how many move.
	Records        int
	Own, MayDecide bool
}

func (d *desk) merger(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.mergerPage(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "merger", p)
}

func (d *desk) mergerPage(r *http.Request, a staff.Actor) (mergerPage, error) {
	ctx, now := r.Context(), d.env.Now()
	p := mergerPage{office: d.mergerOffice(r, a)}
	m, err := d.credit.Merger(ctx, a, r.PathValue("id"), now)
	if err != nil {
		return p, err
	}
	if p.mergerLine, err = d.mergerLine(ctx, m); err != nil {
		return p, err
	}
	open := m.State == catalog.Proposed
	p.Own, p.MayDecide = open && m.By == a.User.ID, open && d.credit.MayDecideMerger(a, m, now) == nil
	if open && !m.Undo {
		profile, err := d.credit.Load(ctx, m.From)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return p, err
		}
		p.Records = len(profile.Records)
	}
	return p, nil
}

func (d *desk) mergerDecide(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := posted(r); err != nil {
		return err
	}
	ctx, id, now, action := r.Context(), r.PathValue("id"), d.env.Now(), r.PathValue("action")
	var err error
	switch action {
	case "approve":
		_, err = d.credit.ApproveMerger(ctx, a, id, now)
	case "refuse":
		_, err = d.credit.RefuseMerger(ctx, a, id, r.PostForm.Get("why"), now)
	case "withdraw":
		_, err = d.credit.WithdrawMerger(ctx, a, id, now)
	default:
		return fault.New(fault.NotFound, "credit.merger.none")
	}
	if f, ok := fault.Of(err); ok && f.Kind != fault.NotFound && f.Kind != fault.Forbidden {
		p, err := d.mergerPage(r, a)
		if err != nil {
			return err
		}
		p.Form = page.NewForm(r.PostForm).Refuse(fn.Lang(r), f)
		return d.pages.Show(w, r, fn.Status(f.Kind), "merger", p)
	}
	if err != nil {
		return err
	}
	return d.toMerger(w, r, id, action)
}

func (d *desk) toMerger(w http.ResponseWriter, r *http.Request, id, done string) error {
	http.Redirect(w, r, d.pages.URL(r, "/mergers", id, url.Values{"done": {done}}), http.StatusSeeOther)
	return nil
}
