package function

import (
	"cmp"
	"net/http"
	"slices"

	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/linkage"
	"ipcredit/shared/page"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

type retentionPage struct {
	base
	Rows []retainedLine
	// Others are what is erased by itself: personal data of notified applications,
	// material that was handed in.
	Others []keptLine
	// Bases are the provisions that the days rest on, each once.
	Bases []tipoff.Clock
	Rules []ruleset.Rule
}

type retainedLine struct {
	Number, Href string
	Unit         string
	State        tipoff.State
	Due          workday.Date
	Left         int // days
	Erase        bool
	Clock        tipoff.Clock
	MayErase     bool
	EraseHref    string
	HoldHref     string
}

// keptLine is what is erased when its time has passed, unless it is held.
type keptLine struct {
	What, Ref string // what is posted: "application" or "box", and which
	Name      string
	Href      string
	Unit      string
	Due       workday.Date
	Left      int // days
	Erase     bool
	Held      bool
	MayHold   bool
}

// GroundOptions are what something can be held for.
func (p retentionPage) GroundOptions(lang page.Lang) []option {
	return options(lang, "evidence.hold.", evidence.HoldGrounds())
}

// keptLines bounds each list of what is erased by itself.
const keptLines = 200

// retention lists what is to be erased, and what will be before long. Erasing a
// tip-off is for the head, never for who handled it: two people know of it. What is
// erased by itself is listed first, so that a head can hold it.
func (d *desk) retention(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	now := d.env.Now()
	due, err := d.office.RetentionDue(r.Context(), a, now)
	if err != nil {
		return err
	}
	p := retentionPage{base: d.base(r, a)}
	for _, x := range due {
		line := retainedLine{
			Number: tipoff.FormatNumber(x.Report.Number), Href: d.pages.URL(r, "/tip-offs", x.Report.Number),
			Unit: d.unitName(r.Context(), x.Report.Unit), State: x.Report.State, Due: x.Clock.Due, Left: d.today().DaysUntil(x.Clock.Due),
			Erase: x.Erase, Clock: x.Clock, MayErase: a.May(staff.CaseApprove, now),
			EraseHref: d.pages.URL(r, "/tip-offs", x.Report.Number, "erase"), HoldHref: d.pages.URL(r, "/tip-offs", x.Report.Number, "hold"),
		}
		p.Rows = append(p.Rows, line)
		if !slices.ContainsFunc(p.Bases, func(c tipoff.Clock) bool { return c.Rule == x.Clock.Rule }) {
			p.Bases = append(p.Bases, x.Clock)
		}
	}
	if err := d.keptApplications(r, a, &p); err != nil {
		return err
	}
	if err := d.keptMaterial(r, a, &p); err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "retention", p)
}

func (p *retentionPage) keep(l keptLine, rule ruleset.Rule) {
	p.Others = append(p.Others, l)
	if rule.ID != "" && !slices.ContainsFunc(p.Rules, func(r ruleset.Rule) bool { return r.Ref() == rule.Ref() }) {
		p.Rules = append(p.Rules, rule)
	}
}

// keptApplications lists the notified applications whose personal data is erased
// before long, and those for which that is stayed.
func (d *desk) keptApplications(r *http.Request, a staff.Actor, p *retentionPage) error {
	ctx, now := r.Context(), d.env.Now()
	due, err := d.linkage.RetentionDue(ctx, a, now)
	if fault.Is(err, fault.Forbidden) {
		return nil // he has nothing to do with them
	}
	if err != nil {
		return err
	}
	held, err := d.linkage.Held(ctx, a, now)
	if err != nil {
		return err
	}
	line := func(x linkage.Application) keptLine {
		return keptLine{
			What: "application", Ref: x.ID, Name: page.Say(fn.Lang(r), "case-handling.kept.application", x.Title()), Href: d.pages.URL(r, "/applications/items", x.ID),
			Unit: d.unitName(ctx, x.Unit), Held: x.Held, MayHold: staff.Can(a, staff.CaseApprove, staff.UnitResource(x.Unit, x.Division), now) == nil,
		}
	}
	for _, x := range due[:min(len(due), keptLines)] {
		l := line(x.Application)
		l.Due, l.Left, l.Erase = x.Due, d.today().DaysUntil(x.Due), x.Erase
		p.keep(l, x.Rule)
	}
	for _, x := range held[:min(len(held), keptLines)] {
		p.keep(line(x), ruleset.Rule{})
	}
	return nil
}

// keptMaterial does the same for boxes of material that was handed in.
func (d *desk) keptMaterial(r *http.Request, a staff.Actor, p *retentionPage) error {
	ctx, now := r.Context(), d.env.Now()
	due, err := d.evidence.RetentionDue(ctx, keptLines)
	if err != nil {
		return err
	}
	held, err := d.evidence.Held(ctx, keptLines)
	if err != nil {
		return err
	}
	for _, x := range append(due, held...) {
		unit := d.boxUnit(x.Box)
		if staff.Can(a, staff.CaseRead, staff.UnitResource(unit, unit), now) != nil {
			continue
		}
		p.keep(keptLine{
			What: "box", Ref: x.Box.ID, Name: page.Say(fn.Lang(r), "case-handling.kept.box", x.Box.For), Unit: d.unitName(ctx, unit),
			Due: x.Due, Left: d.today().DaysUntil(x.Due), Erase: x.Erase, Held: x.Box.Held,
			MayHold: staff.Can(a, staff.CaseApprove, staff.UnitResource(unit, unit), now) == nil,
		}, x.Rule)
	}
	return nil
}

// boxUnit is the unit whose material a box holds: the city's where none is noted.
func (d *desk) boxUnit(b evidence.Box) string { return cmp.Or(b.Unit, d.env.City) }

// holdKept stays what is erased by itself, or ends the stay (staff.CaseApprove).
func (d *desk) holdKept(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	f, ctx, now := r.PostForm, r.Context(), d.env.Now()
	ref := f.Get("ref")
	hold := f.Get("hold") == "1"
	switch f.Get("what") {
	case "application":
		id, err := linkage.ParseID(ref)
		if err != nil {
			return err
		}
		if err := d.linkage.Hold(ctx, a, id, hold, f.Get("ground"), now); err != nil {
			return err
		}
	case "box":
		b, err := d.evidence.Box(ctx, ref)
		if err != nil {
			return err
		}
		unit := d.boxUnit(b)
		if err := staff.Can(a, staff.CaseApprove, staff.UnitResource(unit, unit), now); err != nil {
			return err
		}
		if err := d.evidence.Hold(ctx, a.User.ID, b.ID, hold, f.Get("ground")); err != nil {
			return err
		}
	default:
		return fault.New(fault.Invalid, "case-handling.filter").With("what", "case-handling.filter")
	}
	what := "kept-held"
	if !hold {
		what = "kept-released"
	}
	return d.see(w, r, "/retention", done(what))
}
