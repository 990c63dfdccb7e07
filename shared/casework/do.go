package casework

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// Seen names a case and the version that whoever changes it saw.
type Seen struct {
	Number  string
	Version int64
}

// Edit replaces what a case is about (staff.CaseHandle): everything of the draft
// but Source, Unit, Division, Received, Filed and Key.
func (s *Store) Edit(ctx context.Context, a staff.Actor, seen Seen, d Draft, now time.Time) (Case, error) {
	o, err := s.enter(ctx, a, staff.CaseHandle, seen.Number, now)
	if err != nil {
		return Case{}, err
	}
	d.Source, d.Received = o.Source, workday.Date{}
	if d.Kind == "" {
		d.Kind = o.Kind
	}
	about, err := d.check(o.today)
	if err != nil {
		return Case{}, err
	}
	content, err := sealed(o.To, inside{Facts: about.facts, People: about.people, Address: o.inside.Address})
	if err != nil {
		return Case{}, err
	}
	return s.commit(ctx, a, o, seen, work{name: "edit", act: func(c *Case, do doing) error {
		if err := c.closedNow(); err != nil {
			return err
		}
		if err := c.mine(do); err != nil {
			return err
		}
		if c.Penalty != nil && d.Kind != c.Kind {
			return fault.New(fault.Conflict, "casework.kind.decided")
		}
		c.fill(d, about)
		c.happen(Event{On: do.today, What: Edited, By: do.by})
		c.acted(staff.CaseHandle, do.by)
		return nil
	}, also: func(tx *journal.Tx, c *Case) error {
		tx.Set(s.key(c.Number, "content"), content)
		return nil
	}}, now)
}

// ConfirmZone notes that the place lies in a zone, or (zone "") that it does not:
// by the address, which is sealed (staff.CaseHandle).
func (s *Store) ConfirmZone(ctx context.Context, a staff.Actor, seen Seen, zone, address string, now time.Time) (Case, error) {
	address, err := paragraphs("address", address, true)
	if err != nil {
		return Case{}, err
	}
	o, err := s.enter(ctx, a, staff.CaseHandle, seen.Number, now)
	if err != nil {
		return Case{}, err
	}
	o.inside.Address = address
	content, err := sealed(o.To, o.inside)
	if err != nil {
		return Case{}, err
	}
	return s.commit(ctx, a, o, seen, work{name: "zone",
		act: func(c *Case, d doing) error { return c.confirmZone(d, zone) },
		also: func(tx *journal.Tx, c *Case) error {
			tx.Set(s.key(c.Number, "content"), content)
			return nil
		}}, now)
}

// Entrust notes the province's instrument (staff.CaseApprove). Where there is a
// register (Config.Entrusted), it must stand there for this kind of case and this
// unit today, and its days are the register's: Refused "casework.entrust.register".
// A penalty rests on it while it is in force.
func (s *Store) Entrust(ctx context.Context, a staff.Actor, seen Seen, e Entrustment, now time.Time) (Case, error) {
	wrong := fault.New(fault.Invalid, "casework.form")
	no, err := ident.ParseDocNo(e.Instrument)
	if f, ok := fault.Of(err); ok {
		return Case{}, wrong.With("instrument", f.Code, f.Args...)
	}
	o, err := s.enter(ctx, a, staff.CaseApprove, seen.Number, now)
	if err != nil {
		return Case{}, err
	}
	if !o.provinces() {
		return o.Case, fault.New(fault.Refused, "casework.entrust.kind")
	}
	e.Instrument = no.String()
	if s.c.Entrusted != nil {
		found, ok, err := s.c.Entrusted(ctx, e.Instrument, o.Kind, o.Unit, o.today)
		if err != nil {
			return o.Case, err
		}
		if !ok {
			return o.Case, fault.New(fault.Refused, "casework.entrust.register").With("instrument", "casework.entrust.register")
		}
		e.From, e.To = found.From, found.To
	}
	if e.From.IsZero() {
		wrong.With("from", "casework.day")
	}
	if e.To.IsZero() || e.To.Before(e.From) {
		wrong.With("to", "casework.entrust.to")
	}
	if len(wrong.Fields) > 0 {
		return o.Case, wrong
	}
	e.By = a.User.ID
	return s.commit(ctx, a, o, seen, work{name: "entrust", act: func(c *Case, d doing) error {
		if err := c.closedNow(); err != nil {
			return err
		}
		if !c.provinces() || c.Unit != o.Unit || c.Kind != o.Kind {
			return fault.New(fault.Refused, "casework.entrust.kind")
		}
		c.Entrusted = &e
		c.happen(Event{On: d.today, What: EntrustedBy, By: d.by, Ref: e.Instrument})
		c.acted(staff.CaseApprove, d.by)
		return nil
	}}, now)
}

// lapsed tells whether the register no longer has the instrument that the case
// rests on: it was ended early, or the case is another unit's now.
func (s *Store) lapsed(ctx context.Context, c Case, on workday.Date) (bool, error) {
	if s.c.Entrusted == nil || !c.Entrusted.InForce(on) {
		return false, nil
	}
	_, ok, err := s.c.Entrusted(ctx, c.Entrusted.Instrument, c.Kind, c.Unit, on)
	return !ok, err
}

// provinces tells whether a penalty of this case may be the province's.
func (c Case) provinces() bool {
	return slices.Contains([]Kind{tipoff.UnlicensedAgency, tipoff.AbnormalFilingAgency, tipoff.AgencyMisconduct}, c.Kind)
}

// Claim makes the actor a handler of what waits in his unit's queue, or the
// second one (staff.CaseHandle).
func (s *Store) Claim(ctx context.Context, a staff.Actor, seen Seen, now time.Time) (Case, error) {
	return s.do(ctx, a, seen, work{action: staff.CaseHandle, name: "claim", act: (*Case).claim}, now)
}

// Assign makes one or two users of the unit (or of the 监管所 that has it) its
// handlers, in place of those it has (staff.CaseIntake). Each must be allowed to
// handle it. None puts it back into the queue; once the investigation has begun
// there are always two.
func (s *Store) Assign(ctx context.Context, a staff.Actor, seen Seen, handlers []string, now time.Time) (Case, error) {
	o, err := s.enter(ctx, a, staff.CaseIntake, seen.Number, now)
	if err != nil {
		return Case{}, err
	}
	for _, u := range handlers {
		if err := s.handles(ctx, o, u, "handlers", now); err != nil {
			return Case{}, err
		}
	}
	return s.commit(ctx, a, o, seen, work{name: "assign", act: func(c *Case, d doing) error { return c.assign(d, handlers) }}, now)
}

// handles refuses a user who may not handle the case. Where the unit has fewer than
// the two officers that the law asks for, the unit above can lend one.
func (s *Store) handles(ctx context.Context, o opened, user, field string, now time.Time) error {
	who, err := s.c.Staff.Actor(ctx, user)
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Refused, "casework.handler.unknown").With(field, "casework.handler.unknown")
	}
	if err != nil {
		return err
	}
	err = staff.Can(who, staff.CaseHandle, o.resource(o.inside.People), now)
	if err != nil {
		lends, lookErr := s.lends(ctx, o, now)
		if lookErr != nil {
			return lookErr
		}
		if lends != "" && who.Org.ID == lends {
			err = staff.Can(who, staff.CaseHandle, o.from(who.Org.Division(), o.inside.People), now)
		}
	}
	if f, ok := fault.Of(err); ok {
		return fault.New(fault.Refused, "casework.handler.may_not").With(field, f.Code, f.Args...)
	}
	return err
}

// lends is the organisation above the case's unit where that lacks two officers of
// its own (those of the 监管所 that has the case among them); "" where it does not.
func (s *Store) lends(ctx context.Context, o opened, now time.Time) (string, error) {
	bureau, ok, err := s.c.Staff.Unit(ctx, o.Unit)
	if err != nil || !ok || bureau.Parent == "" {
		return "", err
	}
	own, err := s.officers(ctx, o, bureau.ID, now)
	if err != nil || len(own) >= 2 {
		return "", err
	}
	return bureau.Parent, nil
}

// officers lists who can handle the case: of the 监管所 that has it, and of the
// bureau.
func (s *Store) officers(ctx context.Context, o opened, bureau string, now time.Time) ([]staff.User, error) {
	var out []staff.User
	for _, org := range []string{o.Office, bureau} {
		if org == "" {
			continue
		}
		users, err := s.c.Staff.Able(ctx, org, staff.CaseHandle, o.resource(o.inside.People), now)
		if err != nil {
			return nil, err
		}
		for _, u := range users {
			if !slices.Contains(o.Recused, u.ID) {
				out = append(out, u)
			}
		}
	}
	return out, nil
}

// Result is what came of one case of a bulk action: Err is a fault or nil.
type Result struct {
	Number string
	Case   Case
	Err    error
}

// AssignMany assigns each case by itself; one that is refused stops no other. At
// most Limits("bulk").
func (s *Store) AssignMany(ctx context.Context, a staff.Actor, seen []Seen, handlers []string, now time.Time) ([]Result, error) {
	if n := len(seen); n == 0 || n > chosen.N("bulk") {
		return nil, fault.New(fault.Invalid, "casework.form").With("cases", "casework.bulk", chosen.N("bulk"), n)
	}
	out := make([]Result, 0, len(seen))
	for _, x := range seen {
		c, err := s.Assign(ctx, a, x, handlers, now)
		if _, ours := fault.Of(err); err != nil && !ours {
			return out, err
		}
		out = append(out, Result{Number: x.Number, Case: c, Err: err})
	}
	return out, nil
}

// Assignable lists whom the case can be assigned to: of the 监管所 that has it, of
// the unit, and where these are fewer than two, of the unit above
// (staff.CaseIntake).
func (s *Store) Assignable(ctx context.Context, a staff.Actor, number string, now time.Time) ([]staff.User, error) {
	o, err := s.enter(ctx, a, staff.CaseIntake, number, now)
	if err != nil {
		return nil, err
	}
	bureau, ok, err := s.c.Staff.Unit(ctx, o.Unit)
	if err != nil || !ok {
		return nil, err
	}
	out, err := s.officers(ctx, o, bureau.ID, now)
	if err != nil || len(out) >= 2 || bureau.Parent == "" {
		return out, err
	}
	above, err := s.c.Staff.Organization(ctx, bureau.Parent)
	if err != nil {
		return nil, err
	}
	more, err := s.c.Staff.Able(ctx, above.ID, staff.CaseHandle, o.from(above.Division(), o.inside.People), now)
	if err != nil {
		return nil, err
	}
	return append(out, slices.DeleteFunc(more, func(u staff.User) bool { return slices.Contains(o.Recused, u.ID) })...), nil
}

// Move takes a case on, by whoever Next names. Conflict "casework.state" where
// the machine has no such move; Refused where a rule forbids it now: fewer than
// two handlers, a zone not confirmed, a clock paused, evidence still held, a
// defence that can still be made, a penalty nobody here may impose.
func (s *Store) Move(ctx context.Context, a staff.Actor, seen Seen, ch Change, now time.Time) (Case, error) {
	o, err := s.look(ctx, seen.Number, now)
	if err != nil {
		return Case{}, err
	}
	on := ch.On
	if on.IsZero() {
		on = o.today
	}
	lapsed := false
	if punishes(ch.To) {
		if lapsed, err = s.lapsed(ctx, o.Case, on); err != nil {
			return Case{}, err
		}
	}
	rests := func(c *Case) {
		if lapsed {
			c.Entrusted = nil // what happened stays among the events
		}
	}
	action := staff.CaseHandle
	rests(&o.Case)
	way, wayErr := o.way(ch.To, o.today)
	if way.Action != "" {
		action = way.Action
	}
	if o, err = s.enter(ctx, a, action, seen.Number, now); err != nil {
		return Case{}, err
	}
	if wayErr != nil {
		return o.Case, wayErr
	}
	if ch.Body != "" {
		if ch.Body, err = ident.Clean(ch.Body); err != nil {
			return o.Case, err
		}
		if n := len([]rune(ch.Body)); n > chosen.N("name") {
			return o.Case, fault.New(fault.Invalid, "casework.form").With("body", "casework.long", chosen.N("name"), n)
		}
	}
	return s.commit(ctx, a, o, seen, work{
		name: "move." + string(ch.To), text: ch.Reason, about: string(ch.To),
		act: func(c *Case, d doing) error {
			rests(c)
			return c.move(d, ch)
		},
	}, now)
}

// Record notes a fact (staff.CaseHandle).
func (s *Store) Record(ctx context.Context, a staff.Actor, seen Seen, f Fact, now time.Time) (Case, error) {
	return s.do(ctx, a, seen, work{
		action: staff.CaseHandle, name: "record", field: "text", text: f.Text, about: f.What,
		act: func(c *Case, d doing) error { return c.record(d, f) },
	}, now)
}

// AskExtension asks the head for more time (staff.CaseHandle). Conflict
// "casework.extension.late" after the deadline.
func (s *Store) AskExtension(ctx context.Context, a staff.Actor, seen Seen, clock, reason string, now time.Time) (Case, error) {
	return s.do(ctx, a, seen, work{
		action: staff.CaseHandle, name: "ask_extension", text: reason, about: ExtensionAsked, needed: true,
		act: func(c *Case, d doing) error { return c.askExtension(d, clock) },
	}, now)
}

// Extend is the head's decision on it (staff.CaseApprove), before the deadline.
func (s *Store) Extend(ctx context.Context, a staff.Actor, seen Seen, e Extending, now time.Time) (Case, error) {
	return s.do(ctx, a, seen, work{
		action: staff.CaseApprove, name: "extend", act: func(c *Case, d doing) error { return c.extend(d, e) },
	}, now)
}

// Delegate gives the work to a 监管所 of the unit's bureau, which has a delegation
// for it, to act in the bureau's name (staff.CaseIntake).
func (s *Store) Delegate(ctx context.Context, a staff.Actor, seen Seen, office string, now time.Time) (Case, error) {
	o, err := s.enter(ctx, a, staff.CaseIntake, seen.Number, now)
	if err != nil {
		return Case{}, err
	}
	bureau, ok, err := s.c.Staff.Unit(ctx, o.Unit)
	if err != nil {
		return Case{}, err
	}
	to, err := s.c.Staff.Organization(ctx, office)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Case{}, err
	}
	delegated := slices.ContainsFunc(to.Received, func(d staff.Delegation) bool {
		return !d.Ended && d.Bureau == bureau.ID && d.In(now) && slices.Contains(d.Roles, staff.Handler)
	})
	if err != nil || !ok || to.Closed || to.Kind != staff.SubOffice || to.Parent != bureau.ID || !delegated {
		return Case{}, fault.New(fault.Refused, "casework.delegate.office").With("office", "casework.delegate.office")
	}
	return s.commit(ctx, a, o, seen, work{name: "delegate",
		act:  func(c *Case, d doing) error { return c.delegate(d, to.ID, bureau.ID) },
		also: s.send(s.letter(nil, to.ID, "delegated", o.Case, now), nil)}, now)
}

// Return gives it back to the unit with a reason, or the unit takes it back
// (staff.CaseIntake).
func (s *Store) Return(ctx context.Context, a staff.Actor, seen Seen, reason string, now time.Time) (Case, error) {
	o, err := s.look(ctx, seen.Number, now)
	if err != nil {
		return Case{}, err
	}
	return s.tells(ctx, a, seen, o.Unit, "returned", work{
		action: staff.CaseIntake, name: "return", text: reason, about: Undelegated, needed: true, act: (*Case).undelegate,
	}, now)
}

// Recuse takes a user off the case (回避) until a supervisor lifts it: himself (staff.CaseHandle) or,
// by the head, anybody (staff.CaseApprove). Once the investigation has begun
// somebody has to take his place in the same step.
func (s *Store) Recuse(ctx context.Context, a staff.Actor, seen Seen, user, instead, reason string, now time.Time) (Case, error) {
	action := staff.CaseApprove
	if user == a.User.ID {
		action = staff.CaseHandle
	}
	o, err := s.enter(ctx, a, action, seen.Number, now)
	if fault.Is(err, fault.Forbidden) && user == a.User.ID {
		// He may find that he is tied to a party, and must then be able to leave.
		if o, err = s.look(ctx, seen.Number, now); err == nil && !slices.Contains(o.Handlers, user) {
			err = fault.New(fault.Forbidden, "casework.not_handler")
		}
	}
	if err != nil {
		return Case{}, err
	}
	if instead != "" {
		if err := s.handles(ctx, o, instead, "instead", now); err != nil {
			return Case{}, err
		}
	}
	return s.commit(ctx, a, o, seen, work{name: "recuse", text: reason, about: RecusedUser, needed: true,
		act: func(c *Case, d doing) error { return c.recuse(d, user, instead) }}, now)
}

// HandOver gives the actor's own part to a colleague (staff.CaseHandle), or by
// intake anybody's (staff.CaseIntake): the clocks keep an owner.
func (s *Store) HandOver(ctx context.Context, a staff.Actor, seen Seen, from, to string, now time.Time) (Case, error) {
	action := staff.CaseIntake
	if slices.Contains(principals(a, now), from) {
		action = staff.CaseHandle
	}
	o, err := s.enter(ctx, a, action, seen.Number, now)
	if err != nil {
		return Case{}, err
	}
	if err := s.handles(ctx, o, to, "to", now); err != nil {
		return Case{}, err
	}
	return s.commit(ctx, a, o, seen, work{name: "hand_over",
		act: func(c *Case, d doing) error { return c.handOver(d, from, to) }}, now)
}

// Viewed notes in the journal that somebody was shown what is sealed of the case:
// call it before that is given.
func (s *Store) Viewed(ctx context.Context, a staff.Actor, number string, now time.Time) error {
	e := entry(a, "casework.view", now)
	e.Ref = Ref(number)
	return s.j.Commit(ctx, e, nil, func(tx *journal.Tx) error {
		s.viewed(tx, number, a.User.ID, now)
		return nil
	})
}

// Note adds a remark (staff.CaseHandle).
func (s *Store) Note(ctx context.Context, a staff.Actor, seen Seen, text string, now time.Time) (Case, error) {
	return s.do(ctx, a, seen, work{
		action: staff.CaseHandle, name: "note", field: "text", text: text, needed: true,
		act: func(c *Case, d doing) error { c.acted(staff.CaseHandle, d.by); return nil },
	}, now)
}

// Erase drops the key of a closed case whose time of keeping has passed
// (staff.CaseApprove): everything sealed in it is gone everywhere.
func (s *Store) Erase(ctx context.Context, a staff.Actor, seen Seen, now time.Time) (Case, error) {
	o, err := s.enter(ctx, a, staff.CaseApprove, seen.Number, now)
	if err != nil {
		return Case{}, err
	}
	until, err := o.Case.KeptUntil(o.rules)
	switch {
	case err != nil:
		return o.Case, err
	case o.Open():
		return o.Case, fault.New(fault.Refused, "casework.erase.open")
	case until.IsZero() || !o.today.After(until):
		return o.Case, fault.New(fault.Refused, "casework.erase.early", until.String())
	}
	c, err := s.commit(ctx, a, o, seen, work{name: "erase", act: func(c *Case, d doing) error {
		if c.ErasedOn.IsZero() {
			c.ErasedOn = d.today
			c.happen(Event{On: d.today, What: ErasedEvent, By: d.by})
		}
		return nil
	}, also: func(tx *journal.Tx, c *Case) error {
		tx.Del(s.key(c.Number, "content"), s.key(c.Number, "notes"), s.key(c.Number, "documents"))
		return nil
	}}, now)
	if err != nil {
		return c, err
	}
	if err := s.keys.Erase(ctx, c.Key, now); err != nil && !errors.Is(err, seal.ErrErased) {
		return c, fmt.Errorf("casework: %w", err)
	}
	return c, nil
}

// KeptUntil is the last day on which a case that has ended is kept; none while it
// is open.
func (c Case) KeptUntil(rules Rules) (workday.Date, error) {
	if c.Open() {
		return workday.Date{}, nil
	}
	end := c.Events[0].On
	for _, e := range c.Events {
		if e.What == string(c.State) {
			end = e.On
		}
	}
	rules = rules.Filled()
	_, p, err := ruleset.Of[struct{ Punished, Others workday.Period }](rules.Set, "casework-retention", end)
	if err != nil {
		return end, err
	}
	period := p.Others
	if c.Penalty != nil {
		period = p.Punished
	}
	return rules.Calendar.Last(end, period, workday.None), nil
}

// Prior lists what is known of a party's earlier trademark infringements, from
// decided cases of the city, oldest first; records of other bodies are the
// caller's to add before Repeated.
func (s *Store) Prior(ctx context.Context, code string) ([]Infringed, error) {
	clean, err := ident.ParseUSCC(code)
	if err != nil {
		return nil, err
	}
	return s.infringed(ctx, string(clean))
}

// Identity opens what is sealed to the case's own key, for whom Get shows it: what
// was uploaded to an evidence box of the case (BoxSpec{For: Ref(c.Number), To: c.To,
// Key: c.Key}).
func (s *Store) Identity(ctx context.Context, a staff.Actor, number string, now time.Time) (seal.Identity, error) {
	o, sealed, err := s.readable(ctx, a, number, now)
	switch {
	case err != nil:
		return seal.Identity{}, err
	case !sealed:
		return seal.Identity{}, fault.New(fault.Forbidden, "staff.can.role")
	}
	return s.unwrap(ctx, o.Case)
}

// Recount computes the clocks of all open cases anew and puts them where lists and
// deadline-tick find them: after another calendar was imported, and daily. It opens
// nothing and needs no key. It returns how many it moved.
func Recount(ctx context.Context, j *journal.Journal, clocks *clock.Store, rules Rules, now time.Time) (int, error) {
	b := base{j: j, clocks: clocks}
	rules = rules.Filled()
	moved := 0
	for _, unit := range staff.UnitLabels() {
		var behind journal.Place
		for {
			found, err := b.rank(ctx, b.key("open", unit), nil, behind, false, 200)
			if err != nil {
				return moved, err
			}
			if len(found) == 0 {
				break
			}
			n, err := b.recounts(ctx, found, rules, now)
			if moved += n; err != nil {
				return moved, err
			}
			behind = found[len(found)-1]
		}
	}
	return moved, nil
}
