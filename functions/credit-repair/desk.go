package function

import (
	"net/http"
	"slices"
	"strings"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/page"
	"ipcredit/shared/repair"
	"ipcredit/shared/staff"
)

// deskRoutes are the officers' side.
func (d *desk) deskRoutes(m *fn.Mux) {
	m.Handle("GET /desk", d.signed(d.queue))
	m.Handle("GET /desk/register", d.signed(d.registerForm))
	m.Handle("POST /desk/register", d.signed(d.register))
	m.Handle("GET /desk/{no}", d.signed(d.deskItem))
	m.Handle("POST /desk/{no}/{action}", d.signed(d.deskAct))
}

type queuePage struct {
	base
	Unit  string
	Units []string
	Open  bool
	List  []queueLine
	Next  string
}

type queueLine struct {
	repair.Application
	Due  string
	Late bool
}

// UnitName is the district that a unit is of.
func (p queuePage) UnitName(label string) string {
	if area, err := ident.ParseArea(label); err == nil {
		return area.Name
	}
	return label
}

// queue lists a unit's applications; the filters stand in the address.
func (d *desk) queue(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	ctx, now, q := r.Context(), d.env.Now(), r.URL.Query()
	p := queuePage{base: d.base(r, a), Open: q.Get("state") != "closed"}
	for _, action := range []staff.Action{staff.RepairAccept, staff.RepairDecide, staff.RecordRead} {
		for _, unit := range a.Units(action, now) {
			if !slices.Contains(p.Units, unit) {
				p.Units = append(p.Units, unit)
			}
		}
	}
	if len(p.Units) == 0 {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	if p.Unit = q.Get("unit"); p.Unit == "" {
		p.Unit = p.Units[0]
	}
	list, next, err := d.repair.Queue(ctx, a, p.Unit, p.Open, q.Get("cursor"), pageSize, now)
	if err != nil {
		return err
	}
	rules, err := d.repair.Rules(ctx)
	if err != nil {
		return err
	}
	p.Next = next
	for _, x := range list {
		l := queueLine{Application: x}
		clocks, err := rules.Clocks(x, d.today())
		if err != nil {
			return err
		}
		for _, c := range clocks {
			if c.Running() && (l.Due == "" || c.Due.String() < l.Due) {
				l.Due, l.Late = c.Due.String(), c.Overdue(d.today())
			}
		}
		p.List = append(p.List, l)
	}
	return d.pages.Show(w, r, http.StatusOK, "repair-desk", p)
}

// desking is what an officer's page of an application has beside it.
type desking struct {
	// Can are the steps that the reader can take now.
	Can []string
	// Reasons can be chosen, Given are another authority's, Computed the program's.
	Reasons, Given []string
	Computed       []repair.Reason
	Missing        []repair.Paper
	// Revocations are why an approval can be taken back.
	Revocations []string
	// Waiting are those who have not confirmed the end of what was repaired.
	Waiting []string
}

// Has tells whether a step can be taken.
func (p desking) Has(step string) bool { return slices.Contains(p.Can, step) }

// Handed tells whether files were handed in.
func (p applicationPage) Handed() bool {
	return slices.ContainsFunc(p.A.Papers, func(h repair.Handed) bool { return h.Box != "" })
}

// ReasonOptions are the reasons to choose from.
func (p desking) ReasonOptions(lang page.Lang) []map[string]string {
	return words(lang, "repair.reason.", p.Reasons)
}

// GivenOptions are the reasons that another authority may have given.
func (p desking) GivenOptions(lang page.Lang) []map[string]string {
	return words(lang, "repair.given.", p.Given)
}

// RevocationOptions are why an approval can be taken back.
func (p desking) RevocationOptions(lang page.Lang) []map[string]string {
	return words(lang, "repair.revocation.", p.Revocations)
}

// PaperOptions are the papers that may have come and prove nothing.
func (p applicationPage) PaperOptions(lang page.Lang) []map[string]string {
	var list []string
	for _, l := range p.Papers {
		if l.Has && l.Upload {
			list = append(list, string(l.Paper))
		}
	}
	return words(lang, "repair.paper.", list)
}

// CounterOptions are the papers that can be taken in at the counter.
func (p applicationPage) CounterOptions(lang page.Lang) []map[string]string {
	var list []string
	for _, l := range p.Papers {
		if l.Upload {
			list = append(list, string(l.Paper))
		}
	}
	return words(lang, "repair.paper.", list)
}

func words(lang page.Lang, prefix string, values []string) []map[string]string {
	out := make([]map[string]string, len(values))
	for i, v := range values {
		out[i] = map[string]string{"Value": v, "Text": page.Say(lang, prefix+v)}
	}
	return out
}

func (d *desk) desking(r *http.Request, a staff.Actor, p *applicationPage) error {
	ctx, now := r.Context(), d.env.Now()
	rules, err := d.repair.Rules(ctx)
	if err != nil {
		return err
	}
	if p.Missing, err = rules.Missing(p.A); err != nil {
		return err
	}
	if p.Reasons, err = rules.Choices(p.A); err != nil {
		return err
	}
	if p.Given, err = rules.Foreign(p.A); err != nil {
		return err
	}
	if p.A.State.Open() {
		profile, err := d.repair.Profile(ctx, p.A)
		if err != nil {
			return err
		}
		if p.Computed, err = rules.Computed(profile.Records, p.A); err != nil {
			return err
		}
	}
	accepts, decides := d.repair.May(ctx, a, staff.RepairAccept, p.A, now), d.repair.May(ctx, a, staff.RepairDecide, p.A, now)
	own := p.A.Authority.Own()
	add := func(step string, when bool) {
		if when {
			p.Can = append(p.Can, step)
		}
	}
	complete := len(p.Missing) == 0
	handed := p.A.CreditChina != "" || p.A.Route != repair.CreditChina
	submitted := p.A.State == repair.Submitted
	add("counter", accepts && p.A.State.Open())
	add("hand-over", accepts && p.A.State.Open() && !handed)
	add("return", accepts && submitted && p.A.AskedOn.IsZero())
	add("accept", accepts && submitted && own && complete && handed && len(p.Computed) == 0)
	// 信用中国 may be whom it is forwarded through: one number is enough.
	add("forward", accepts && submitted && !own && complete)
	add("refuse", accepts && submitted)
	add("decide", decides && own && p.A.State == repair.Accepted)
	add("import", decides && !own && p.A.State == repair.Forwarded)
	if p.A.State == repair.Approved {
		if p.Waiting, err = d.waiting(r, p.A.Records); err != nil {
			return err
		}
	}
	add("spread", accepts && p.A.State == repair.Approved && len(p.Waiting) == 0)
	closed := !p.A.State.Open() && p.A.State != repair.Withdrawn
	add("report", accepts && closed && p.A.CreditChina != "" && (p.A.ReportedOn.IsZero() || p.A.State == repair.Revoked && p.A.ReportedOn.Before(p.A.Revocation.On)))
	undone := p.A.State == repair.Approved || p.A.State == repair.Propagated
	add("propose", accepts && undone && !p.A.Revoking())
	add("keep", accepts && undone && p.A.Revoking())
	add("revoke", decides && undone && p.A.Revoking())
	if undone && accepts {
		if p.Revocations, err = rules.Revocations(p.A.ClosedOn); err != nil {
			return err
		}
	}
	return nil
}

func (d *desk) deskItem(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.applicationPage(r, a)
	if err != nil {
		return err
	}
	if p.Subject() {
		return d.see(w, r, "/applications", p.A.No)
	}
	if err := d.desking(r, a, &p); err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "repair-desk-item", p)
}

// errReasons refuses reasons for what is allowed: one of the two was ticked by
// mistake.
func errReasons() error {
	return fault.New(fault.Refused, "credit-repair.no_reasons").With("reasons", "credit-repair.no_reasons")
}

// deskAct is a step of an officer.
func (d *desk) deskAct(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	if a.Org.Kind == staff.Subject {
		return fault.New(fault.NotFound, "repair.unknown")
	}
	ctx, no, now, f, what := r.Context(), r.PathValue("no"), d.env.Now(), r.PostForm, r.PathValue("action")
	seen, err := version(r)
	if err != nil {
		return err
	}
	switch what {
	case "counter":
		_, err = d.repair.HandIn(ctx, a, no, repair.Paper(f.Get("paper")), "", now)
	case "hand-over":
		_, err = d.repair.HandOver(ctx, a, no, seen, f.Get("number"), now)
	case "return":
		var unproven []repair.Paper
		for _, p := range f["papers"] {
			unproven = append(unproven, repair.Paper(p))
		}
		_, err = d.repair.Return(ctx, a, no, seen, unproven, now)
	case "accept":
		_, err = d.repair.Accept(ctx, a, no, seen, now)
	case "forward":
		_, err = d.repair.Forward(ctx, a, no, seen, f.Get("number"), now)
	case "refuse":
		_, err = d.repair.Refuse(ctx, a, no, seen, f["reasons"], f.Get("decision"), now)
	case "decide":
		switch outcome := f.Get("outcome"); {
		case outcome == "approved" && len(f["reasons"]) > 0:
			err = errReasons()
		case outcome == "approved":
			_, err = d.repair.Approve(ctx, a, no, seen, f.Get("decision"), now)
		case outcome == "denied":
			_, err = d.repair.Deny(ctx, a, no, seen, f["reasons"], f.Get("decision"), now)
		default:
			err = fault.New(fault.Invalid, "credit-repair.outcome").With("outcome", "credit-repair.outcome")
		}
	case "import":
		in := repair.Foreign{Approved: f.Get("outcome") == "approved", No: f.Get("decision"), Reasons: f["reasons"]}
		switch in.On, err = date(r, "on"); {
		case err != nil:
		case f.Get("outcome") != "approved" && f.Get("outcome") != "denied":
			err = fault.New(fault.Invalid, "credit-repair.outcome").With("outcome", "credit-repair.outcome")
		case in.Approved && len(in.Reasons) > 0:
			err = errReasons()
		}
		if err == nil {
			_, err = d.repair.Import(ctx, a, no, seen, in, now)
		}
	case "spread":
		err = d.spread(r, a, no, seen)
	case "report":
		_, err = d.repair.Report(ctx, a, no, seen, now)
	case "propose":
		_, err = d.repair.ProposeRevocation(ctx, a, no, seen, f.Get("why"), now)
	case "keep":
		_, err = d.repair.Keep(ctx, a, no, seen, now)
	case "revoke":
		_, err = d.repair.Revoke(ctx, a, no, seen, f.Get("decision"), now)
	default:
		return fault.New(fault.NotFound, "credit-repair.unknown")
	}
	if err != nil {
		return d.again(w, r, a, "repair-desk-item", err)
	}
	return d.see(w, r, "/desk", no, done(what))
}

func (d *desk) registerForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.registerPage(r, a, r.URL.Query().Get("code"))
	if f, ok := fault.Of(err); ok && f.Kind != fault.Forbidden {
		p.Form.Refuse(fn.Lang(r), fault.New(f.Kind, f.Code, f.Args...).With("code", f.Code, f.Args...))
		return d.pages.Show(w, r, fn.Status(f.Kind), "repair-new", p)
	}
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "repair-new", p)
}

// registerPage is the form for an application that came from 信用中国.
func (d *desk) registerPage(r *http.Request, a staff.Actor, code string) (newPage, error) {
	p := newPage{base: d.base(r, a), Register: true, Code: strings.ToUpper(strings.TrimSpace(code))}
	if !a.May(staff.RepairAccept, d.env.Now()) || p.Subject() {
		return p, fault.New(fault.Forbidden, "staff.can.role")
	}
	if p.Code == "" {
		return p, nil
	}
	var err error
	if p.Profile, p.Lines, err = d.repair.LinesOf(r.Context(), a, p.Code, d.env.Now()); err != nil {
		return p, err
	}
	return p, d.fillNew(r, &p)
}

func (d *desk) register(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	in, err := order(r)
	var made repair.Application
	if err == nil {
		if in.Applied, err = date(r, "applied"); err == nil {
			in.Came, err = date(r, "came")
		}
	}
	if err == nil {
		made, err = d.repair.Register(r.Context(), a, r.PostForm.Get("code"), r.PostForm.Get("number"), in, d.env.Now())
	}
	if err != nil {
		if !fn.WantsHTML(r) {
			return err
		}
		p, e := d.registerPage(r, a, r.PostForm.Get("code"))
		if e != nil {
			return e
		}
		status, err := refused(r, &p.base, err)
		if err != nil {
			return err
		}
		return d.pages.Show(w, r, status, "repair-new", p)
	}
	return d.see(w, r, "/desk", made.No, done("filed"))
}
