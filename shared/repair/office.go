package repair

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/calendar"
	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Office is where applications are filed and worked on. It is safe for concurrent
// use.
type Office struct {
	store    store
	credit   *credit.Store
	staff    *staff.Store
	clocks   *clock.Store
	calendar *calendar.Store
}

// New returns the office of the journal's city, with the law in force.
func New(j *journal.Journal) *Office {
	return &Office{
		store: store{j}, credit: credit.NewStore(j, credit.NewInForce(j)),
		staff: staff.New(j), clocks: clock.New(j), calendar: calendar.New(j),
	}
}

// Rules are the law in force.
func (o *Office) Rules(ctx context.Context) (Rules, error) {
	cal, err := o.calendar.Current(ctx)
	if err != nil {
		return Rules{}, err
	}
	law, err := o.credit.Law(ctx)
	return Rules{Law: law, Calendar: cal, Set: ruleset.Shipped()}, err
}

// Order is what is filed.
type Order struct {
	Records    []string
	Corrected  bool
	Performed  bool
	Removed    bool
	Bankruptcy *Bankruptcy
	// Applied is the day of the application at 信用中国 and Came that on which it came
	// to us, for what came from there; today where none is given.
	Applied, Came workday.Date
}

// mostRecords is how many records one application can be about: more than the
// chain's cap of three years holds in practice.
const mostRecords = 20

var courtForm = regexp.MustCompile(`^\p{Han}{2,30}法院\p{Han}{0,10}$`)

// check refuses what an order says, without looking at records.
func (in *Order) check(rules Rules, today workday.Date) error {
	bad := fault.New(fault.Refused, "repair.order")
	in.Records = slices.Compact(slices.Sorted(slices.Values(in.Records)))
	if n := len(in.Records); n == 0 || n > mostRecords {
		bad.With("records", "repair.records", mostRecords)
	}
	if !in.Corrected {
		bad.With("corrected", "repair.declare.corrected")
	}
	if b := in.Bankruptcy; b != nil {
		b.Court, b.No = strings.TrimSpace(b.Court), strings.TrimSpace(b.No)
		if !rules.MayWhilePerforming(today) {
			bad.With("court", "repair.bankruptcy")
		} else if !courtForm.MatchString(b.Court) {
			bad.With("court", "repair.court")
		}
		if _, err := number("ruling", b.No); err != nil {
			bad.With("ruling", "repair.number")
		}
		if b.On.IsZero() || b.On.After(today) {
			bad.With("rulingOn", "repair.ruling_on")
		}
	} else if !in.Performed {
		bad.With("performed", "repair.declare.performed")
	}
	if !in.Removed {
		bad.With("removed", "repair.declare.removed")
	}
	if len(bad.Fields) > 0 {
		return bad
	}
	return nil
}

// days are the day of an application at 信用中国 and that on which it came to us. It
// takes applications in since the rule repair-route says so, and neither day comes
// before the one before it.
func (in Order) days(rules Rules, today workday.Date) (filed, came workday.Date, err error) {
	filed, came = in.Applied, in.Came
	if came.IsZero() {
		came = today
	}
	if filed.IsZero() {
		filed = came
	}
	bad := fault.New(fault.Refused, "repair.order")
	if came.After(today) {
		bad.With("came", "repair.came_later")
	}
	if filed.After(came) {
		bad.With("applied", "repair.applied_later", came.String())
	}
	if first := rules.single(); filed.Before(first) {
		bad.With("applied", "repair.applied_before", first.String())
	}
	if len(bad.Fields) > 0 {
		return filed, came, bad
	}
	return filed, came, nil
}

// File files an application of the subject that the actor works for. It is refused
// one day early with the date, and for records that differ in who decides.
func (o *Office) File(ctx context.Context, by staff.Actor, in Order, now time.Time) (Application, error) {
	if err := staff.Can(by, staff.RepairFile, staff.Resource{Subject: by.Org.Code}, now); err != nil {
		return Application{}, err
	}
	return o.file(ctx, by, by.Org.Code, in, "", now)
}

// Register takes in an application that came from 信用中国, under its number there.
// The unit that decides registers it, or the city's for another authority's.
func (o *Office) Register(ctx context.Context, by staff.Actor, code, creditChina string, in Order, now time.Time) (Application, error) {
	no, err := number("number", creditChina)
	if err != nil {
		return Application{}, err
	}
	if !by.May(staff.RepairAccept, now) {
		return Application{}, fault.New(fault.Forbidden, "staff.can.role")
	}
	return o.file(ctx, by, code, in, no, now)
}

func (o *Office) file(ctx context.Context, by staff.Actor, code string, in Order, creditChina string, now time.Time) (Application, error) {
	rules, err := o.Rules(ctx)
	if err != nil {
		return Application{}, err
	}
	today := workday.DateOf(now)
	if err := in.check(rules, today); err != nil {
		return Application{}, err
	}
	p, err := o.credit.Load(ctx, code)
	if err != nil {
		return Application{}, err
	}
	filed, came := today, today
	if creditChina != "" {
		if filed, came, err = in.days(rules, today); err != nil {
			return Application{}, err
		}
	}
	a := Application{
		Subject: code, Name: p.Subject.Name, Records: in.Records, State: Submitted, FiledOn: filed, CompleteOn: came, Came: came,
		Bankruptcy: in.Bankruptcy, Corrected: in.Corrected, Performed: in.Performed, Removed: in.Removed,
		FiledBy: by.User.ID, CreditChina: creditChina, CameFrom: creditChina != "",
	}
	organizations, err := o.staff.Organizations(ctx, false)
	if err != nil {
		return a, err
	}
	for n, id := range in.Records {
		x, ok := record(p.Records, id)
		if !ok {
			return a, fault.New(fault.NotFound, "credit.no_record")
		}
		s, err := rules.Standing(p.Records, id, filed)
		if err != nil {
			return a, err
		}
		who := Decides(x, organizations)
		if n > 0 && (who != a.Authority || s.Route != a.Route) {
			return a, fault.New(fault.Refused, "repair.apart").With("records", "repair.apart")
		}
		a.Authority, a.Route = who, s.Route
		for _, rule := range s.Rules {
			if ref := rule.Ref(); !slices.Contains(a.Rules, ref) {
				a.Rules = append(a.Rules, ref)
			}
		}
	}
	a.Unit = a.Authority.Unit
	if a.Unit == "" {
		a.Unit = o.store.journal.City()
	}
	if creditChina != "" {
		if err := o.may(ctx, by, staff.RepairAccept, a, now); err != nil {
			return a, err
		}
		a.Handlers = []string{by.User.ID}
	}
	computed, err := rules.Computed(p.Records, a)
	if err != nil {
		return a, err
	}
	if len(computed) > 0 {
		return a, because(computed)
	}
	n, err := o.store.journal.Next(ctx, "repair")
	if err != nil {
		return a, err
	}
	a.No = fmt.Sprintf("XF%d%06d", today.Year(), n)
	a = a.step(by.User.ID, EventFiled, "", now)
	if creditChina != "" {
		a = a.step(by.User.ID, EventHanded, creditChina, now)
	}
	messages, err := o.tell(ctx, a, EventFiled, true, now)
	if err != nil {
		return a, err
	}
	err = o.store.journal.Commit(ctx, o.entry(by, EventFiled, a, now), nil, func(tx *journal.Tx) error {
		open, err := o.store.openFor(ctx, tx, a.Records)
		if err != nil {
			return err
		}
		for _, no := range open {
			if no != "" {
				return fault.New(fault.Conflict, "repair.open", no)
			}
		}
		tx.Counter("repair", n)
		return o.write(ctx, tx, rules, Application{}, a, messages, now)
	})
	return a, err
}

func (o *Office) entry(by staff.Actor, what string, a Application, now time.Time) journal.Entry {
	e := journal.Entry{Actor: by.User.ID, Action: "repair." + what, Ref: a.Ref(), At: now}
	if len(a.Rules) > 0 {
		e.Rule = a.Rules[0]
	}
	return e
}

// write queues the application with its clocks and the news of it.
func (o *Office) write(ctx context.Context, tx *journal.Tx, rules Rules, old, a Application, messages []staff.Message, now time.Time) error {
	clocks, err := rules.Clocks(a, workday.DateOf(now))
	if err != nil {
		return err
	}
	if err := o.clocks.Keep(tx, clock.Kept{
		Ref: a.Ref(), Unit: a.Unit, Division: a.Unit, Owners: a.Handlers, Matter: "repair",
		Link: "credit-repair/desk/" + a.No, Clocks: clocks, Calendar: rules.Calendar.Version(),
	}); err != nil {
		return err
	}
	for _, m := range messages {
		if err := o.staff.Tell(tx, m); err != nil {
			return err
		}
	}
	return o.store.put(tx, old, a)
}

// tell makes the messages about a step: to the subject's account, if it has one,
// or to the unit.
func (o *Office) tell(ctx context.Context, a Application, what string, unit bool, now time.Time) ([]staff.Message, error) {
	title := "repair.told." + what
	if unit {
		org, ok, err := o.staff.Unit(ctx, a.Unit)
		if err != nil || !ok {
			return nil, err
		}
		return []staff.Message{staff.NewMessage(org.ID, "repair."+what, a.Ref(), title, "credit-repair/desk/"+a.No, now, a.No)}, nil
	}
	org, ok, err := o.staff.OrganizationByCode(ctx, a.Subject)
	if err != nil || !ok || org.Kind != staff.Subject {
		return nil, err
	}
	return []staff.Message{staff.NewMessage(org.ID, "repair."+what, a.Ref(), title, "credit-repair/applications/"+a.No, now, a.No)}, nil
}

// Profile is the profile that has the application's records: that of its subject,
// or, where one was merged into another or that was undone since, of whoever has
// them now.
func (o *Office) Profile(ctx context.Context, a Application) (credit.Profile, error) {
	if len(a.Records) > 0 {
		if p, known, err := o.credit.Holder(ctx, a.Records[0]); err != nil || known {
			return p, err
		}
	}
	p, err := o.credit.Load(ctx, a.Subject)
	if f, ok := fault.Of(err); ok && f.Code == "credit.merged" {
		into, err := o.credit.Subjects().Resolve(ctx, a.Subject)
		if err != nil {
			return p, err
		}
		return o.credit.Load(ctx, into.Code)
	}
	return p, err
}

// may asks whether the actor may do the action to the application.
func (o *Office) may(ctx context.Context, by staff.Actor, action staff.Action, a Application, now time.Time) error {
	return o.staff.CanIn(ctx, by, action, staff.SubjectMatter{
		Unit: a.Unit, Subject: staff.Party{Code: a.Subject, Name: a.Name}, Handlers: a.Handlers,
	}, errUnknown(), now)
}

// May tells whether the actor may do the action to the application: for pages.
func (o *Office) May(ctx context.Context, by staff.Actor, action staff.Action, a Application, now time.Time) bool {
	return o.may(ctx, by, action, a, now) == nil
}

// reads lists what lets an officer see an application.
var reads = []staff.Action{staff.RepairAccept, staff.RepairDecide, staff.RecordRead}

// Get is an application that the actor may see; to everybody else there is none.
func (o *Office) Get(ctx context.Context, by staff.Actor, no string, now time.Time) (Application, error) {
	a, err := o.store.get(ctx, o.store.journal.Redis(), no)
	if err != nil {
		return Application{}, err
	}
	if by.Org.Kind == staff.Subject {
		if err := o.may(ctx, by, staff.SubjectRead, a, now); err != nil {
			return Application{}, errUnknown()
		}
		return a, nil
	}
	for _, action := range reads {
		// Who handled it may not decide it, and sees it all the same.
		seen := a
		seen.Handlers = nil
		if err := o.may(ctx, by, action, seen, now); err == nil {
			return a, nil
		} else if _, ok := fault.Of(err); !ok {
			return Application{}, err
		}
	}
	return Application{}, errUnknown()
}

// Queue lists a unit's applications, those that are open or those that are not,
// newest first.
func (o *Office) Queue(ctx context.Context, by staff.Actor, unit string, open bool, cursor string, n int, now time.Time) ([]Application, string, error) {
	allowed := false
	for _, action := range reads {
		r, err := o.staff.Matter(ctx, action, unit, staff.UnitResource(unit, ""), now)
		if err != nil {
			return nil, "", err
		}
		allowed = allowed || staff.Can(by, action, r, now) == nil
	}
	if !allowed || by.Org.Kind == staff.Subject {
		return nil, "", fault.New(fault.Forbidden, "staff.can.unit")
	}
	list := "closed"
	if open {
		list = "unit"
	}
	return o.store.list(ctx, o.store.key(list, unit), cursor, min(max(n, 1), 200))
}

// Of lists the applications of the actor's subject, newest first.
func (o *Office) Of(ctx context.Context, by staff.Actor, cursor string, n int, now time.Time) ([]Application, string, error) {
	if err := staff.Can(by, staff.SubjectRead, staff.Resource{Subject: by.Org.Code}, now); err != nil {
		return nil, "", err
	}
	return o.store.list(ctx, o.store.key("of", by.Org.Code), cursor, min(max(n, 1), 200))
}

// Line is one of a subject's records with what can be done about it.
type Line struct {
	credit.Record
	Shown    credit.Shown
	Standing Standing
	Decides  Authority
	// Open is the number of the application under way, "" for none.
	Open string
}

// Lines are the records that are displayed against the actor's subject.
func (o *Office) Lines(ctx context.Context, by staff.Actor, now time.Time) (credit.Profile, []Line, error) {
	if err := staff.Can(by, staff.SubjectRead, staff.Resource{Subject: by.Org.Code}, now); err != nil {
		return credit.Profile{}, nil, err
	}
	return o.lines(ctx, by.Org.Code, now)
}

// LinesOf are those of any subject, for an officer who registers.
func (o *Office) LinesOf(ctx context.Context, by staff.Actor, code string, now time.Time) (credit.Profile, []Line, error) {
	if by.Org.Kind == staff.Subject || !by.May(staff.RepairAccept, now) {
		return credit.Profile{}, nil, fault.New(fault.Forbidden, "staff.can.role")
	}
	return o.lines(ctx, code, now)
}

func (o *Office) lines(ctx context.Context, code string, now time.Time) (credit.Profile, []Line, error) {
	p, err := o.credit.Load(ctx, code)
	if err != nil {
		return p, nil, err
	}
	rules, err := o.Rules(ctx)
	if err != nil {
		return p, nil, err
	}
	organizations, err := o.staff.Organizations(ctx, false)
	if err != nil {
		return p, nil, err
	}
	visible, _ := rules.Law.Show(p.Records, now)
	var out []Line
	var keys []string
	for _, s := range visible {
		x, ok := record(p.Records, s.ID)
		if !ok || !s.Adverse {
			continue
		}
		standing, err := rules.Standing(p.Records, s.ID, workday.DateOf(now))
		if err != nil {
			return p, nil, err
		}
		out = append(out, Line{Record: x, Shown: s, Standing: standing, Decides: Decides(x, organizations)})
		keys = append(keys, o.store.key("open", s.ID))
	}
	open, err := o.store.texts(ctx, o.store.journal.Redis(), keys)
	if err != nil {
		return p, nil, err
	}
	for i := range open {
		out[i].Open = open[i]
	}
	return p, out, nil
}
