package function

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"ipcredit/shared/casework"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

func (d *desk) doClaim(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.Claim(ctx, c.who, c.seen(), d.env.Now())
}

func (d *desk) doAssign(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.Assign(ctx, c.who, c.seen(), c.all("handlers"), d.env.Now())
}

func (d *desk) doHandOver(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.HandOver(ctx, c.who, c.seen(), c.text("user"), c.text("to"), d.env.Now())
}

func (d *desk) doDelegate(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.Delegate(ctx, c.who, c.seen(), c.text("office"), d.env.Now())
}

func (d *desk) doReturn(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.Return(ctx, c.who, c.seen(), c.text("reason"), d.env.Now())
}

func (d *desk) doOffer(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.OfferTo(ctx, c.who, c.seen(), c.text("unit"), c.text("reason"), d.env.Now())
}

func (d *desk) doAccept(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.Accept(ctx, c.who, c.seen(), d.env.Now())
}

func (d *desk) doDecline(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.Decline(ctx, c.who, c.seen(), c.text("reason"), d.env.Now())
}

func (d *desk) doWithdraw(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.Withdraw(ctx, c.who, c.seen(), d.env.Now())
}

func (d *desk) doDispute(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.Dispute(ctx, c.who, c.seen(), c.text("reason"), d.env.Now())
}

func (d *desk) doSettle(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.Settle(ctx, c.who, c.seen(), c.text("unit"), c.text("reason"), d.env.Now())
}

func (d *desk) doRecuse(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.Recuse(ctx, c.who, c.seen(), c.text("user"), c.text("instead"), c.text("reason"), d.env.Now())
}

func (d *desk) doCaseNote(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.Note(ctx, c.who, c.seen(), c.text("text"), d.env.Now())
}

func (d *desk) doAskExtension(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.AskExtension(ctx, c.who, c.seen(), c.text("clock"), c.text("reason"), d.env.Now())
}

func (d *desk) doConfirmZone(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.ConfirmZone(ctx, c.who, c.seen(), c.text("zone"), c.text("address"), d.env.Now())
}

// doCaseExtend is the head's decision. A further extension names the day of the
// collective discussion and its length.
func (d *desk) doCaseExtend(ctx context.Context, c caseCall) (casework.Case, error) {
	e := casework.Extending{Clock: c.text("clock")}
	switch c.text("grant") {
	case "yes":
		e.Grant = true
	case "no":
	default:
		return c.file.Case, fault.New(fault.Invalid, "case-handling.choose").With("grant", "case-handling.choose")
	}
	var err error
	if e.Collective, err = date(c.r.PostForm, "collective"); err != nil {
		return c.file.Case, err
	}
	if e.Days, err = c.whole("days"); err != nil {
		return c.file.Case, err
	}
	return d.cases.Extend(ctx, c.who, c.seen(), e, d.env.Now())
}

// whole reads a count; an empty field is 0.
func (c caseCall) whole(name string) (int, error) {
	s := c.text(name)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || len(s) > 6 {
		return 0, fault.New(fault.Invalid, "cases.whole").With(name, "cases.whole")
	}
	return n, nil
}

func (d *desk) doEntrust(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.Entrust(ctx, c.who, c.seen(), casework.Entrustment{Instrument: c.text("instrument")}, d.env.Now())
}

func (d *desk) doRecord(ctx context.Context, c caseCall) (casework.Case, error) {
	f := casework.Fact{What: c.text("what"), Ref: c.text("ref"), Text: c.text("text")}
	if !slices.Contains(c.file.Case.Facts(), f.What) {
		return c.file.Case, fault.New(fault.Invalid, "case-handling.choose").With("what", "case-handling.choose")
	}
	var err error
	if f.On, err = date(c.r.PostForm, "on"); err != nil {
		return c.file.Case, err
	}
	if f.Until, err = date(c.r.PostForm, "until"); err != nil {
		return c.file.Case, err
	}
	return d.cases.Record(ctx, c.who, c.seen(), f, d.env.Now())
}

// doMove takes the case on, and tells those who tipped off where something was
// written to them.
func (d *desk) doMove(ctx context.Context, c caseCall) (casework.Case, error) {
	ch := casework.Change{To: casework.State(c.text("to")), Reason: c.text("reason"), Body: c.text("body")}
	var err error
	if ch.On, err = date(c.r.PostForm, "on"); err != nil {
		return c.file.Case, err
	}
	if ch.To == casework.Decided {
		if ch.Penalty, err = c.penalty(); err != nil {
			return c.file.Case, err
		}
	}
	tell := c.text("tell")
	if tell != "" {
		if _, err := tipoff.CheckMessage("tell", tell, tipoff.Rules{}, d.today()); err != nil {
			return c.file.Case, err
		}
		if !d.mayTell(ctx, c.who, c.file) {
			return c.file.Case, fault.New(fault.Forbidden, "cases.may_not_tell")
		}
	}
	done, err := d.cases.Move(ctx, c.who, c.seen(), ch, d.env.Now())
	if err != nil {
		return done, err
	}
	if err := d.tellReporters(ctx, c); err != nil {
		// The case has moved; the word to the reporter has to be written again.
		return done, errUntold{err}
	}
	return done, nil
}

// errUntold says that a case was taken on and its reporter not told.
type errUntold struct{ why error }

func (e errUntold) Error() string { return "case-handling: telling a reporter: " + e.why.Error() }
func (e errUntold) Unwrap() error { return e.why }

// penalty reads what is decided. Amounts are written in yuan.
func (c caseCall) penalty() (*casework.Penalty, error) {
	p := casework.Penalty{Instrument: c.text("instrument"), Target: casework.Target(c.text("target"))}
	var err error
	if p.On, err = date(c.r.PostForm, "decidedOn"); err != nil {
		return nil, err
	}
	for _, m := range c.all("measures") {
		p.Measures = append(p.Measures, casework.Measure(m))
	}
	for name, into := range map[string]*int64{"fine": &p.FineFen, "taken": &p.TakenFen, "base": &p.BaseFen} {
		if *into, err = fen(c.text(name)); err != nil {
			return nil, fault.New(fault.Invalid, "cases.money").With(name, "cases.money")
		}
	}
	return &p, nil
}

// fen reads yuan with at most two decimals as hundredths of a yuan.
func fen(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	var whole, part int64
	decimals := -1
	for _, r := range s {
		switch {
		case (r == ',' || r == '，') && decimals < 0:
		case r == '.' && decimals < 0:
			decimals = 0
		case r >= '0' && r <= '9' && decimals < 0 && whole < 1e13:
			whole = whole*10 + int64(r-'0')
		case r >= '0' && r <= '9' && decimals >= 0 && decimals < 2:
			part, decimals = part*10+int64(r-'0'), decimals+1
		default:
			return 0, fault.New(fault.Invalid, "cases.money")
		}
	}
	if decimals == 1 {
		part *= 10
	}
	return whole*100 + part, nil
}

// mergeTarget is the case that this one is to be handled with.
func (d *desk) mergeTarget(r *http.Request, a staff.Actor, f casework.File) (casework.File, error) {
	wrong := fault.New(fault.Invalid, "cases.into").With("into", "cases.into")
	no := strings.ToUpper(strings.ReplaceAll(fieldText(r.PostForm, "into"), " ", ""))
	if !caseForm.MatchString(no) || no == f.Case.Number {
		return casework.File{}, wrong
	}
	into, err := d.cases.Get(r.Context(), a, no, d.env.Now())
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden) {
		return into, wrong
	}
	return into, err
}

func (d *desk) doCaseMerge(ctx context.Context, c caseCall) (casework.Case, error) {
	into, err := d.mergeTarget(c.r, c.who, c.file)
	if err != nil {
		return c.file.Case, err
	}
	seen := casework.Seen{Number: into.Case.Number}
	seen.Version, _ = strconv.ParseInt(c.text("intoVersion"), 10, 64)
	return d.cases.Merge(ctx, c.who, c.seen(), seen, d.env.Now())
}

func (d *desk) doUnmerge(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.Unmerge(ctx, c.who, c.seen(), c.text("reason"), d.env.Now())
}

func (d *desk) doLiftRecusal(ctx context.Context, c caseCall) (casework.Case, error) {
	return d.cases.LiftRecusal(ctx, c.who, c.seen(), c.text("user"), c.text("reason"), d.env.Now())
}

// fillRecused offers those who may not touch the case.
func (d *desk) fillRecused(r *http.Request, _ staff.Actor, p *caseActPage) error {
	known := names{}
	for _, u := range p.File.Case.Recused {
		p.Present = append(p.Present, option{Value: u, Text: d.name(r.Context(), known, u)})
	}
	return nil
}

// doCaseErase asks for the number once more: nothing brings it back.
func (d *desk) doCaseErase(ctx context.Context, c caseCall) (casework.Case, error) {
	if c.text("again") != c.file.Case.Number {
		return c.file.Case, fault.New(fault.Invalid, "cases.again").With("again", "cases.again")
	}
	return d.cases.Erase(ctx, c.who, c.seen(), d.env.Now())
}

// What the forms offer to choose from.

func (d *desk) fillMove(r *http.Request, a staff.Actor, p *caseActPage) error {
	lang := fn.Lang(r)
	if to := casework.State(p.Form.Value("to")); slices.Contains(casework.States(), to) {
		p.To.To = to
	}
	for _, n := range p.File.Next {
		if n.To == p.To.To {
			p.To = n
		}
	}
	p.Targets = options(lang, "casework.target.", casework.Targets())
	p.Measures = options(lang, "casework.measure.", casework.Measures())
	p.Tell = d.mayTell(r.Context(), a, p.File)
	return nil
}

func (d *desk) fillRecord(r *http.Request, _ staff.Actor, p *caseActPage) error {
	lang := fn.Lang(r)
	p.Whats = options(lang, "casework.event.", p.File.Case.Facts())
	p.Refs = options(lang, "casework.wait.", casework.Waits())
	for _, e := range p.File.Preserved {
		p.Refs = append(p.Refs, option{Value: e.Ref, Text: page.Say(lang, "cases.preserved", e.Ref, e.On.String())})
	}
	return nil
}

// extendable are the clocks that the head can extend.
var extendable = []string{casework.CheckClock, casework.DecisionClock, casework.ReviewClock}

func (d *desk) fillClocks(r *http.Request, _ staff.Actor, p *caseActPage) error {
	for _, k := range p.File.Clocks {
		if k.Done.IsZero() && slices.Contains(extendable, k.Name) {
			p.Clocks = append(p.Clocks, option{Value: k.Name, Text: page.Say(fn.Lang(r), "casework.clock."+k.Name) + " · " + k.Due.String()})
		}
	}
	return nil
}

// fillZones lists the function zones beneath the city: they are confirmed by
// address.
func (d *desk) fillZones(_ *http.Request, _ staff.Actor, p *caseActPage) error {
	for _, area := range ident.Areas(d.env.Now()) {
		if area.Kind == ident.Zone {
			p.Zones = append(p.Zones, option{Value: area.Code, Text: area.Name})
		}
	}
	return nil
}

func (d *desk) fillAssignable(r *http.Request, a staff.Actor, p *caseActPage) error {
	able, err := d.cases.Assignable(r.Context(), a, p.File.Case.Number, d.env.Now())
	if _, refused := fault.Of(err); err != nil && !refused {
		return err
	}
	for _, u := range able {
		p.People = append(p.People, option{Value: u.ID, Text: u.Name})
	}
	known := names{}
	for _, h := range p.File.Case.Handlers {
		p.Present = append(p.Present, option{Value: h, Text: d.name(r.Context(), known, h)})
	}
	return nil
}

func (d *desk) fillOffices(r *http.Request, _ staff.Actor, p *caseActPage) error {
	unit, ok, err := d.staff.Unit(r.Context(), p.File.Case.Unit)
	if err != nil || !ok {
		return err
	}
	all, err := d.staff.Organizations(r.Context(), false)
	if err != nil {
		return err
	}
	for _, o := range all {
		delegated := slices.ContainsFunc(o.Received, func(x staff.Delegation) bool { return !x.Ended && x.Bureau == unit.ID && x.In(d.env.Now()) })
		if o.Kind == staff.SubOffice && o.Parent == unit.ID && !o.Closed && delegated {
			p.Offices = append(p.Offices, option{Value: o.ID, Text: o.Name})
		}
	}
	return nil
}

func (d *desk) fillUnits(r *http.Request, _ staff.Actor, p *caseActPage) error {
	for _, label := range staff.UnitLabels() {
		if _, ok := d.units[label]; ok && label != p.File.Case.Unit && label != staff.DisciplineUnit {
			p.Units = append(p.Units, option{Value: label, Text: d.unitName(r.Context(), label)})
		}
	}
	if p.Action == "settle" {
		p.Units = append([]option{{Value: p.File.Case.Unit, Text: d.unitName(r.Context(), p.File.Case.Unit)}}, p.Units...)
	}
	return nil
}
