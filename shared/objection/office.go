package objection

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ipcredit/shared/calendar"
	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/disclosure"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/repair"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

// prefix begins the numbers of objections (异议).
const prefix = "YY"

// Office is where objections are filed and worked on. It is safe for concurrent
// use.
type Office struct {
	store    store
	credit   *credit.Store
	staff    *staff.Store
	clocks   *clock.Store
	calendar *calendar.Store
	notices  *disclosure.Store
}

// New returns the office of the journal's city, with the law in force.
func New(j *journal.Journal) *Office {
	records := credit.NewStore(j, credit.NewInForce(j))
	return &Office{
		store: store{j}, credit: records, staff: staff.New(j), clocks: clock.New(j), calendar: calendar.New(j),
		notices: disclosure.NewStore(j, records, disclosure.Sealing{}),
	}
}

// Notices has the office keep the notices of n in step with its rulings; without it
// a record that has a notice cannot be ruled on, because nothing opens that.
func (s *Office) Notices(n *disclosure.Store) *Office {
	s.notices = n
	return s
}

// Rules are the law in force.
func (s *Office) Rules(ctx context.Context) (Rules, error) {
	cal, err := s.calendar.Current(ctx)
	return Rules{Set: ruleset.Shipped(), Calendar: cal}, err
}

// Order is what is filed.
type Order struct {
	Record string
	Ground Ground
	// Boxes hold the papers that come with it, if any.
	Boxes []string
	// Statement says, to Would, that a text comes with it, which is not sealed yet.
	Statement bool
}

// filer is who files, in whatever way.
type filer struct {
	user, code, hash string
	way              Way
	on               workday.Date
	handlers         []string
}

// byActivation stands for who files with a code, in the journal and in events.
const byActivation = "activation"

// BoxFor names the boxes that a subject's papers are put into before they belong to
// an objection.
func BoxFor(code string) string { return "objection:" + lower(code) }

func lower(code string) string {
	out := []byte(code)
	for i, c := range out {
		if 'A' <= c && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return string(out)
}

// File objects to a record of the subject that the actor works for.
func (s *Office) File(ctx context.Context, by staff.Actor, in Order, now time.Time) (Objection, error) {
	if err := staff.Can(by, staff.ObjectionFile, staff.Resource{Subject: by.Org.Code}, now); err != nil {
		return Objection{}, err
	}
	return s.file(ctx, filer{user: by.User.ID, code: by.Org.Code, way: ByAccount}, in, now)
}

// Would is the objection as it would be taken in now, without a number, or why it
// would not; the next moment can be another.
func (s *Office) Would(ctx context.Context, code string, in Order, now time.Time) (Objection, error) {
	o, err := s.draft(ctx, filer{code: code}, in, now)
	if err != nil {
		return o, err
	}
	open, err := s.store.text(ctx, nil, s.store.key("open", o.Record))
	if err == nil && open != "" {
		err = fault.New(fault.Conflict, "objection.open", open)
	}
	if err == nil && !in.Statement {
		err = s.anew(ctx, nil, o)
	}
	return o, err
}

// anew refuses an objection to a record on a ground that was dismissed already,
// when nothing is new: neither papers nor what the record says (see the rule
// objection-again). Else a dismissed objection, filed again and again, would keep
// the record marked for ever. On paper an officer sees himself what is new.
func (s *Office) anew(ctx context.Context, tx *journal.Tx, o Objection) error {
	rules, err := s.Rules(ctx)
	if err != nil {
		return err
	}
	if braked, err := rules.again(o); err != nil || !braked {
		return err
	}
	no, err := s.store.text(ctx, tx, s.store.key("dismissed", o.Record, string(o.Ground)))
	if err != nil || no == "" {
		return err
	}
	last, err := s.store.get(ctx, s.store.journal.Redis(), no)
	if err != nil {
		return err
	}
	r, _, found, err := s.Record(ctx, o)
	if err != nil || found && r.CollectedAt.After(last.Events[len(last.Events)-1].At) {
		return err
	}
	return fault.New(fault.Refused, "objection.nothing_new", no).With("text", "objection.nothing_new", no)
}

// FileByCode objects to a record of the activation's subject, for whoever holds the
// paper that its code is printed on (see staff.Store.Holder). The activation must
// still work: after it opened an account, the account objects.
func (s *Office) FileByCode(ctx context.Context, a staff.Activation, in Order, now time.Time) (Objection, error) {
	if a.Code == "" || !a.Works(now) {
		return Objection{}, fault.New(fault.Refused, "objection.code_over").With("activation", "objection.code_over")
	}
	return s.file(ctx, filer{user: byActivation, code: a.Code, hash: a.Hash, way: ByCode}, in, now)
}

// Register takes in an objection that came on paper on the day: its limits run from
// then. It is for the handlers of the unit that handles it.
func (s *Office) Register(ctx context.Context, by staff.Actor, in Order, on workday.Date, now time.Time) (Objection, error) {
	if by.Org.Kind == staff.Subject || !by.May(staff.ObjectionCheck, now) {
		return Objection{}, fault.New(fault.Forbidden, "staff.can.role")
	}
	c, err := s.credit.Case(ctx, in.Record, now)
	if err != nil {
		return Objection{}, err
	}
	if c.Fate != credit.Displayed {
		return Objection{}, fault.New(fault.NotFound, "credit.no_record").With("record", "credit.no_record")
	}
	if err := between("on", on, c.DisplayFrom, workday.DateOf(now)); err != nil {
		return Objection{}, err
	}
	f := filer{user: by.User.ID, code: c.Profile.Subject.Code, way: AtCounter, on: on, handlers: []string{by.User.ID}}
	o, err := s.draft(ctx, f, in, now)
	if err != nil {
		return Objection{}, err
	}
	if err := s.may(ctx, by, staff.ObjectionCheck, o, now); err != nil {
		return Objection{}, err
	}
	return s.commitNew(ctx, o, now)
}

func (s *Office) file(ctx context.Context, f filer, in Order, now time.Time) (Objection, error) {
	o, err := s.draft(ctx, f, in, now)
	if err != nil {
		return o, err
	}
	return s.commitNew(ctx, o, now)
}

// draft is the objection before it has a number, or why there can be none.
func (s *Office) draft(ctx context.Context, f filer, in Order, now time.Time) (Objection, error) {
	o := Objection{
		Subject: f.code, Record: in.Record, Ground: in.Ground, State: Filed, Way: f.way, Code: f.hash,
		FiledOn: f.on, FiledBy: f.user, Handlers: f.handlers,
	}
	if o.FiledOn.IsZero() {
		o.FiledOn = workday.DateOf(now)
	}
	wrong := fault.New(fault.Invalid, "objection.incomplete")
	if !slices.Contains(Grounds, in.Ground) {
		wrong.With("ground", "objection.ground")
	}
	if in.Record == "" {
		wrong.With("record", "objection.record")
	}
	if len(in.Boxes) > mostPapers || slices.Contains(in.Boxes, "") {
		wrong.With("box", "objection.papers", mostPapers)
	}
	if len(wrong.Fields) > 0 {
		return o, wrong
	}
	for _, box := range slices.Compact(slices.Sorted(slices.Values(in.Boxes))) {
		o.Papers = append(o.Papers, Paper{Box: box, At: now.UTC()})
	}
	rules, err := s.Rules(ctx)
	if err != nil {
		return o, err
	}
	if o.Rules, err = rules.Applied(o.FiledOn); err != nil {
		return o, err
	}
	p, err := s.credit.Load(ctx, f.code)
	if err != nil {
		return o, err
	}
	law, err := s.credit.Law(ctx)
	if err != nil {
		return o, err
	}
	// What is not displayed is nobody's business but the unit's.
	visible, _ := law.Show(p.Records, now)
	at := slices.IndexFunc(p.Records, func(r credit.Record) bool { return r.ID == in.Record })
	if at < 0 || !slices.ContainsFunc(visible, func(x credit.Shown) bool { return x.ID == in.Record }) {
		return o, fault.New(fault.NotFound, "credit.no_record")
	}
	organizations, err := s.staff.Organizations(ctx, false)
	if err != nil {
		return o, err
	}
	r := p.Records[at]
	o.Authority, o.Holder = repair.Decides(r, organizations), r.From
	if o.Holder == "" {
		o.Holder = f.code
	}
	if o.Unit = o.Authority.Unit; o.Unit == "" {
		o.Unit = s.store.journal.City()
	}
	if p.Subject.Kind != subject.Person {
		o.Name = p.Subject.Name
	}
	return o, nil
}

// commitNew takes the objection in and marks the record in one commit. A record
// that has one open already is refused with its number.
func (s *Office) commitNew(ctx context.Context, o Objection, now time.Time) (Objection, error) {
	n, err := s.store.journal.Next(ctx, "objection")
	if err != nil {
		return o, err
	}
	o.No = fmt.Sprintf("%s%d%06d", prefix, workday.DateOf(now).Year(), n)
	o = o.step(o.FiledBy, EventFiled, "", now)
	rules, err := s.Rules(ctx)
	if err != nil {
		return o, err
	}
	messages, err := s.tell(ctx, o, EventFiled, true, now)
	if err != nil {
		return o, err
	}
	c := credit.Change{Entry: entry(o.FiledBy, EventFiled, o, now)}
	c.Amend = []credit.Amendment{{SubjectCode: o.Holder, ID: o.Record, Do: func(r *credit.Record) error {
		if r.Withdrawn != nil && !r.Withdrawn.At.After(now) || r.Repaired != nil && !r.Repaired.On.Start().After(now) {
			return fault.New(fault.NotFound, "credit.no_record") // it ended at this moment
		}
		r.Disputed = true
		return nil
	}}}
	c.Also = func(tx *journal.Tx, _, _ []credit.Outcome) error {
		open, err := s.store.text(ctx, tx, s.store.key("open", o.Record))
		if err != nil {
			return err
		}
		if open != "" {
			return fault.New(fault.Conflict, "objection.open", open)
		}
		if err := s.anew(ctx, tx, o); err != nil {
			return err
		}
		if err := s.take(ctx, tx, o.Papers); err != nil {
			return err
		}
		tx.Counter("objection", n)
		return s.write(tx, rules, Objection{}, o, messages, now)
	}
	if _, _, err := s.credit.Apply(ctx, c); err != nil {
		return Objection{}, err
	}
	return o, nil
}

// take makes sure that a box belongs to one objection.
func (s *Office) take(ctx context.Context, tx *journal.Tx, papers []Paper) error {
	for _, p := range papers {
		no, err := s.store.text(ctx, tx, s.store.key("box", p.Box))
		if err != nil {
			return err
		}
		if no != "" {
			return fault.New(fault.Conflict, "objection.same_box")
		}
	}
	return nil
}

func entry(by, what string, o Objection, now time.Time) journal.Entry {
	return journal.Entry{Actor: by, Action: "objection." + what, Ref: o.Ref(), At: now, Rule: o.Rules[0]}
}

// write queues the objection with its clocks and the news of it.
func (s *Office) write(tx *journal.Tx, rules Rules, old, o Objection, messages []staff.Message, now time.Time) error {
	clocks, err := rules.Clocks(o, workday.DateOf(now))
	if err != nil {
		return err
	}
	if !o.State.Open() {
		clocks = nil
	}
	if err := s.clocks.Keep(tx, clock.Kept{
		Ref: o.Ref(), Unit: o.Unit, Division: o.Unit, Owners: o.Handlers, Matter: "objection", Link: desk(o.No),
		Clocks: clocks, Calendar: rules.Calendar.Version(),
	}); err != nil {
		return err
	}
	for _, m := range messages {
		if err := s.staff.Tell(tx, m); err != nil {
			return err
		}
	}
	return s.store.put(tx, old, o)
}

func desk(no string) string { return "disclosure-publish/objections/" + no }

// tell makes the message about a step: to the unit, or to the subject's account if
// it has one.
func (s *Office) tell(ctx context.Context, o Objection, what string, unit bool, now time.Time) ([]staff.Message, error) {
	find, link := func() (staff.Organization, bool, error) { return s.staff.Unit(ctx, o.Unit) }, desk(o.No)
	if !unit {
		find, link = func() (staff.Organization, bool, error) { return s.staff.OrganizationByCode(ctx, o.Subject) }, "credit-repair/objections/"+o.No
	}
	org, found, err := find()
	if err != nil || !found || !unit && org.Kind != staff.Subject {
		return nil, err
	}
	return []staff.Message{staff.NewMessage(org.ID, "objection."+what, o.Ref(), "objection.told."+what, link, now, o.No)}, nil
}

// may asks whether the actor may do the action to the objection.
func (s *Office) may(ctx context.Context, by staff.Actor, action staff.Action, o Objection, now time.Time) error {
	return s.staff.CanIn(ctx, by, action, staff.SubjectMatter{
		Unit: o.Unit, Subject: staff.Party{Code: o.Subject, Name: o.Name}, Handlers: o.Handlers,
	}, errUnknown(), now)
}

// May tells whether the actor may do the action to the objection: for pages.
func (s *Office) May(ctx context.Context, by staff.Actor, action staff.Action, o Objection, now time.Time) bool {
	return s.may(ctx, by, action, o, now) == nil
}

// reads lists what lets an officer see an objection.
var reads = []staff.Action{staff.ObjectionCheck, staff.ObjectionRule, staff.RecordRead}

// Get is an objection that the actor may see; to everybody else there is none.
func (s *Office) Get(ctx context.Context, by staff.Actor, no string, now time.Time) (Objection, error) {
	o, err := s.store.get(ctx, s.store.journal.Redis(), no)
	if err != nil {
		return Objection{}, err
	}
	actions, seen := reads, o
	seen.Handlers = nil // who handled it may not rule on it, and sees it all the same
	if by.Org.Kind == staff.Subject {
		actions = []staff.Action{staff.SubjectRead}
	}
	for _, action := range actions {
		err := s.may(ctx, by, action, seen, now)
		if err == nil {
			return o, nil
		}
		if _, ok := fault.Of(err); !ok {
			return Objection{}, err
		}
	}
	return Objection{}, errUnknown()
}

// GetByCode is an objection that was filed with the activation's code.
func (s *Office) GetByCode(ctx context.Context, a staff.Activation, no string) (Objection, error) {
	o, err := s.store.get(ctx, s.store.journal.Redis(), no)
	if err == nil && (a.Hash == "" || o.Code != a.Hash || o.Subject != a.Code) {
		err = errUnknown()
	}
	if err != nil {
		return Objection{}, err
	}
	return o, nil
}

// Units are the labels of the units whose objections the actor sees.
func (s *Office) Units(ctx context.Context, by staff.Actor, now time.Time) ([]string, error) {
	var out []string
	if by.Org.Kind == staff.Subject {
		return nil, nil
	}
	for _, action := range reads {
		units, err := s.staff.Units(ctx, by, action, now)
		if err != nil {
			return nil, err
		}
		out = append(out, units...)
	}
	out = slices.DeleteFunc(out, func(l string) bool { return l == staff.DisciplineUnit })
	return slices.Compact(slices.Sorted(slices.Values(out))), nil
}

// Filter narrows a unit's queue.
type Filter struct {
	Unit   string
	Closed bool
	State  State  // "": any
	Ground Ground // "": any
	Cursor string
	Limit  int
}

// Queue lists a unit's objections, newest first.
func (s *Office) Queue(ctx context.Context, by staff.Actor, f Filter, now time.Time) ([]Objection, string, error) {
	units, err := s.Units(ctx, by, now)
	if err != nil {
		return nil, "", err
	}
	if !slices.Contains(units, f.Unit) {
		return nil, "", fault.New(fault.Forbidden, "staff.can.unit")
	}
	list := "unit"
	if f.Closed {
		list = "closed"
	}
	return s.store.list(ctx, s.store.key(list, f.Unit), f.Cursor, min(max(f.Limit, 1), 200), func(o Objection) bool {
		return (f.State == "" || o.State == f.State) && (f.Ground == "" || o.Ground == f.Ground) && !by.TiedTo([]staff.Party{{Code: o.Subject, Name: o.Name}})
	})
}

// Of lists the objections of the actor's subject, newest first.
func (s *Office) Of(ctx context.Context, by staff.Actor, cursor string, n int, now time.Time) ([]Objection, string, error) {
	if err := staff.Can(by, staff.SubjectRead, staff.Resource{Subject: by.Org.Code}, now); err != nil {
		return nil, "", err
	}
	return s.store.list(ctx, s.store.key("of", by.Org.Code), cursor, min(max(n, 1), 200), func(Objection) bool { return true })
}

// Free are those of the boxes that no objection has.
func (s *Office) Free(ctx context.Context, boxes []string) ([]string, error) {
	bound, err := s.store.bound(ctx, boxes)
	var out []string
	for i, no := range bound {
		if no == "" {
			out = append(out, boxes[i])
		}
	}
	return out, err
}

// Record is the record as it stands and the name of its subject, which is "" for a
// natural person; false where it moved out of reach.
func (s *Office) Record(ctx context.Context, o Objection) (credit.Record, subject.Public, bool, error) {
	to, err := s.credit.Subjects().Resolve(ctx, o.Holder)
	if err == nil {
		var p credit.Profile
		if p, err = s.credit.Load(ctx, to.Code); err == nil {
			for _, r := range p.Records {
				if r.ID == o.Record {
					return r, p.Subject, true, nil
				}
			}
			return credit.Record{}, p.Subject, false, nil
		}
	}
	if fault.Is(err, fault.NotFound) {
		err = nil
	}
	return credit.Record{}, subject.Public{}, false, err
}
