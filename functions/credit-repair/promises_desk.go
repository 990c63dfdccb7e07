package function

import (
	"net/http"
	"net/url"
	"slices"

	"ipcredit/shared/casework"
	"ipcredit/shared/clock"
	"ipcredit/shared/commitment"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
)

// promiseDeskRoutes are the officers' side of commitments.
func (d *desk) promiseDeskRoutes(m *fn.Mux) {
	m.Handle("GET /desk/promises", d.signed(d.promiseQueue))
	m.Handle("GET /desk/promises/new", d.signed(d.promiseRecordForm))
	m.Handle("POST /desk/promises", d.signed(d.promiseRecord))
	m.Handle("GET /desk/promises/{no}", d.signed(d.promiseItem))
	m.Handle("GET /desk/promises/{no}/paper", d.signed(d.promisePaper))
	m.Handle("POST /desk/promises/{no}/{action}", d.signed(d.promiseDeskAct))
}

type promiseQueuePage struct {
	base
	Unit   string
	Units  []string
	Open   bool
	List   []promiseLine
	Next   string
	Record bool // can record one made on paper
	Texts  bool // can change the templates
}

type promiseLine struct {
	commitment.Commitment
	Title string
	Clock *clock.Clock
	Late  bool
	Mine  bool
}

// UnitName is the district that a unit is of.
func (p promiseQueuePage) UnitName(label string) string { return queuePage{}.UnitName(label) }

// promiseQueue lists what a unit watches over; the filters stand in the address.
func (d *desk) promiseQueue(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	ctx, now, q := r.Context(), d.env.Now(), r.URL.Query()
	p := promiseQueuePage{base: d.promising(r, a), Open: q.Get("state") != "closed", Record: len(a.Units(staff.CaseHandle, now)) > 0}
	edits, approves := d.promises.Makes(a, now)
	p.Texts = edits || approves
	if p.Subject() {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	var err error
	if p.Units, err = d.promises.Units(ctx, a, now); err != nil {
		return err
	}
	if len(p.Units) == 0 {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	if p.Unit = q.Get("unit"); p.Unit == "" {
		p.Unit = p.Units[0]
	}
	list, next, err := d.promises.Queue(ctx, a, p.Unit, p.Open, q.Get("cursor"), pageSize, now)
	if err != nil {
		return err
	}
	rules, err := d.promises.Rules(ctx)
	if err != nil {
		return err
	}
	all, err := d.promises.Templates(ctx)
	if err != nil {
		return err
	}
	words := titles(fn.Lang(r), all)
	p.Next = next
	for _, c := range list {
		l := promiseLine{Commitment: c, Title: words[c.Template], Mine: c.Owner == a.User.ID}
		clocks, err := rules.Clocks(c, d.today())
		if err != nil {
			return err
		}
		if k, running := clock.Next(clocks); running {
			l.Clock, l.Late = &k, k.Overdue(d.today())
		}
		p.List = append(p.List, l)
	}
	return d.pages.Show(w, r, http.StatusOK, "promise-desk", p)
}

// promiseRecording makes the form that of an officer.
func (d *desk) promiseRecording(a staff.Actor, p *promiseForm) {
	p.Record, p.Units = true, slices.DeleteFunc(a.Units(staff.CaseHandle, d.env.Now()), func(u string) bool { return u == staff.DisciplineUnit })
}

// promiseRecordForm asks what stands on a paper.
func (d *desk) promiseRecordForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.formOf(r, a, url.Values{"template": {r.URL.Query().Get("template")}})
	if err != nil {
		return err
	}
	if d.promiseRecording(a, &p); len(p.Units) == 0 || p.Subject() {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	return d.pages.Show(w, r, http.StatusOK, "promise-new", p)
}

func (d *desk) promiseRecord(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	in, err := promised(r)
	signed, e := date(r, "signedOn")
	if err == nil {
		err = e
	}
	var c commitment.Commitment
	if err == nil {
		c, err = d.promises.Record(r.Context(), a, r.PostForm.Get("unit"), r.PostForm.Get("code"), in, signed, d.env.Now())
	}
	if err != nil {
		return d.promiseRefused(w, r, a, err, func(p *promiseForm) { d.promiseRecording(a, p) })
	}
	return d.see(w, r, "/desk/promises", c.No, done("record"))
}

// Has tells whether a step can be taken.
func (p promisePage) Has(step string) bool { return slices.Contains(p.Can, step) }

// Reasons are codes to choose from: breaches, mistakes, annulments, ways.
func (p promisePage) Reasons(lang page.Lang, which string) []map[string]string {
	switch which {
	case "breaches":
		list := commitment.Breaches
		if !p.C.State.Open() { // it was thought kept
			list = []string{commitment.False}
		}
		return words(lang, "commitment.why.", list)
	case "mistakes":
		return words(lang, "commitment.mistake.", commitment.Mistakes)
	case "annulments":
		return words(lang, "commitment.mistake.", commitment.Annulments)
	}
	return words(lang, "commitment.how.", commitment.Ways)
}

// Most are the lengths of the form's texts.
func (promisePage) Most(name string) int { return commitment.Limits(name) }

// Most are the lengths of the form's texts.
func (promiseForm) Most(name string) int { return commitment.Limits(name) }

func (d *desk) promiseDesking(r *http.Request, a staff.Actor, p *promisePage) error {
	ctx, now, s := r.Context(), d.env.Now(), p.C.State
	handles, decides := d.promises.May(ctx, a, staff.CaseHandle, p.C, now), d.promises.May(ctx, a, staff.CaseApprove, p.C, now)
	add := func(step string, when bool) {
		if when {
			p.Can = append(p.Can, step)
		}
	}
	add("take", handles && s.Open() && p.C.Owner != a.User.ID)
	add("fulfil", handles && s == commitment.Fulfilling)
	add("break", decides && (s.Open() || s == commitment.Fulfilled))
	add("take-back", decides && (s == commitment.Fulfilled || s == commitment.Broken))
	add("annul", decides && s != commitment.Annulled)
	if p.C.Owner == "" {
		return nil
	}
	u, err := d.staff.User(ctx, p.C.Owner)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	p.Owner = u.Name
	return nil
}

func (d *desk) promiseItem(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if a.Org.Kind == staff.Subject {
		return d.see(w, r, "/promises", r.PathValue("no"))
	}
	p, err := d.promisePage(r, a)
	if err == nil {
		err = d.promiseDesking(r, a, &p)
	}
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "promise-desk-item", p)
}

// leads opens the investigations that broken commitments become. This function
// seals what it writes into them and can open nothing of them.
func (d *desk) leads() (*casework.Store, error) {
	units, escrow, err := d.recipients()
	if err != nil {
		return nil, err
	}
	if d.env.Objects == nil {
		return nil, fault.New(fault.Unavailable, "credit-repair.no_box")
	}
	return casework.New(d.env.Journal, seal.NewKeys(d.env.Objects.Keys), casework.Config{
		Units: units, Escrow: escrow, Staff: d.staff, Calendar: d.calendar.Current, Clocks: clock.New(d.env.Journal),
	})
}

// promiseDeskAct is a step of an officer.
func (d *desk) promiseDeskAct(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	if a.Org.Kind == staff.Subject {
		return fault.New(fault.NotFound, "commitment.unknown")
	}
	ctx, no, now, f, what := r.Context(), r.PathValue("no"), d.env.Now(), r.PostForm, r.PathValue("action")
	seen, err := version(r)
	if err != nil {
		return err
	}
	switch what {
	case "take":
		_, err = d.promises.Take(ctx, a, no, seen, now)
	case "fulfil":
		on, e := date(r, "doneOn")
		if err = e; err == nil {
			_, err = d.promises.Fulfil(ctx, a, no, seen, f.Get("how"), on, now)
		}
	case "break":
		leads, e := d.leads()
		if err = e; err == nil {
			_, err = d.promises.Break(ctx, a, leads, no, seen, commitment.Finding{Why: f.Get("why"), Document: f.Get("document"), Facts: f.Get("facts")}, now)
		}
	case "take-back":
		_, err = d.promises.TakeBack(ctx, a, no, seen, f.Get("mistake"), now)
	case "annul":
		_, err = d.promises.Annul(ctx, a, no, seen, f.Get("annulment"), now)
	default:
		return fault.New(fault.NotFound, "credit-repair.unknown")
	}
	if err != nil {
		return d.promiseAgain(w, r, a, "promise-desk-item", err)
	}
	return d.see(w, r, "/desk/promises", no, done(what))
}
