package objection

import (
	"context"
	"slices"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/disclosure"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// act is one change of an objection.
type act struct {
	by     string
	what   string
	toUnit bool // tell the unit of it, not the subject
	// may asks, of the objection as the commit sees it, whether it may be done.
	may  func(Objection) error
	move func(rules Rules, o Objection) (Objection, error)
	// officer says that who does it handles the objection from then on.
	officer bool
	// closes says that the record's mark goes away with it, and effect what else
	// becomes of the record; nil for nothing.
	closes bool
	effect func(r *credit.Record) error
}

// do makes the change in one commit. version is the one that the actor has seen, 0
// where it does not matter.
func (s *Office) do(ctx context.Context, o Objection, version int, a act, now time.Time) (Objection, error) {
	if err := a.may(o); err != nil {
		return o, err
	}
	rules, err := s.Rules(ctx)
	if err != nil {
		return o, err
	}
	messages, err := s.tell(ctx, o, a.what, a.toUnit, now)
	if err != nil {
		return o, err
	}
	no, next := o.No, o
	change := func(tx *journal.Tx) error {
		held, err := s.store.inside(ctx, tx, no)
		if err != nil {
			return err
		}
		if version != 0 && version != held.Version {
			return fault.New(fault.Stale, "objection.stale")
		}
		// Somebody may have become its handler meanwhile.
		if err := a.may(held); err != nil {
			return err
		}
		if next, err = a.move(rules, held); err != nil {
			return err
		}
		if a.officer && !slices.Contains(next.Handlers, a.by) {
			next.Handlers = append(slices.Clone(next.Handlers), a.by)
		}
		if err := s.take(ctx, tx, next.Papers[len(held.Papers):]); err != nil {
			return err
		}
		return s.write(tx, rules, held, next, messages, now)
	}
	if !a.closes {
		err = s.store.journal.Commit(ctx, entry(a.by, a.what, o, now), nil, change)
		return next, err
	}
	// What cannot be done is said before anything is made of the record.
	if _, err := a.move(rules, o); err != nil {
		return o, err
	}
	var ruled credit.Record // as the commit leaves it
	_, _, err = s.credit.Apply(ctx, credit.Change{
		Entry: entry(a.by, a.what, o, now),
		Amend: []credit.Amendment{{SubjectCode: o.Holder, ID: o.Record, Do: func(r *credit.Record) error {
			if a.effect != nil {
				if err := a.effect(r); err != nil {
					return err
				}
			}
			r.Disputed = r.DisputedThere // where it came from it may be disputed still
			ruled = *r
			return nil
		}}},
		Also: func(tx *journal.Tx, _, _ []credit.Outcome) error {
			err := change(tx)
			if err == nil && a.effect != nil {
				// Else a later correction of the notice would undo the ruling.
				err = s.notices.Ruled(ctx, tx, ruled, a.by, next.No+" "+next.Decision, now)
			}
			return err
		},
	})
	if err != nil {
		return o, err
	}
	return next, nil
}

// officer makes a change that an officer makes.
func (s *Office) officer(ctx context.Context, by staff.Actor, no string, version int, action staff.Action, a act, now time.Time) (Objection, error) {
	o, err := s.Get(ctx, by, no, now)
	if err != nil {
		return o, err
	}
	a.by = by.User.ID
	a.may = func(o Objection) error { return s.may(ctx, by, action, o, now) }
	return s.do(ctx, o, version, a, now)
}

// handle makes a change of who checks it.
func (s *Office) handle(ctx context.Context, by staff.Actor, no string, version int, what string, move func(Rules, Objection) (Objection, error), now time.Time) (Objection, error) {
	return s.officer(ctx, by, no, version, staff.ObjectionCheck, act{what: what, officer: true, move: move}, now)
}

// Ask records that the source of the record was asked on the day: from then on the
// longer limit applies.
func (s *Office) Ask(ctx context.Context, by staff.Actor, no string, version int, on workday.Date, now time.Time) (Objection, error) {
	return s.handle(ctx, by, no, version, EventAsked, func(_ Rules, o Objection) (Objection, error) { return o.ask(on, by.User.ID, now) }, now)
}

// Answered records what the source said on the day.
func (s *Office) Answered(ctx context.Context, by staff.Actor, no string, version int, said Answer, on workday.Date, now time.Time) (Objection, error) {
	return s.handle(ctx, by, no, version, EventAnswered, func(r Rules, o Objection) (Objection, error) { return o.answered(r, said, on, by.User.ID, now) }, now)
}

// Pause begins an inspection or appraisal, Resume ends it.
func (s *Office) Pause(ctx context.Context, by staff.Actor, no string, version int, now time.Time) (Objection, error) {
	return s.handle(ctx, by, no, version, EventPaused, func(_ Rules, o Objection) (Objection, error) { return o.pause(by.User.ID, now) }, now)
}

// Resume ends an inspection or appraisal.
func (s *Office) Resume(ctx context.Context, by staff.Actor, no string, version int, now time.Time) (Objection, error) {
	return s.handle(ctx, by, no, version, EventResumed, func(_ Rules, o Objection) (Objection, error) { return o.resume(by.User.ID, now) }, now)
}

// Check records what the check found; another person rules on it.
func (s *Office) Check(ctx context.Context, by staff.Actor, no string, version int, f Finding, now time.Time) (Objection, error) {
	return s.handle(ctx, by, no, version, EventChecked, func(_ Rules, o Objection) (Objection, error) { return o.check(f, by.User.ID, now) }, now)
}

// Forward passes it to the authority that provided the record, under the number
// that it has there.
func (s *Office) Forward(ctx context.Context, by staff.Actor, no string, version int, external string, on workday.Date, now time.Time) (Objection, error) {
	return s.handle(ctx, by, no, version, EventForwarded, func(_ Rules, o Objection) (Objection, error) { return o.forward(external, on, by.User.ID, now) }, now)
}

// Rule decides about a record of our own, by another person than checked it. What
// another authority provided is refused: fault.Conflict.
func (s *Office) Rule(ctx context.Context, by staff.Actor, no string, version int, r Ruling, now time.Time) (Objection, error) {
	return s.closing(ctx, by, no, version, EventRuled, r, func(o Objection) (Objection, error) { return o.rule(r, by.User.ID, now) }, now)
}

// Import takes over what the other authority answered, by another person than
// forwarded it.
func (s *Office) Import(ctx context.Context, by staff.Actor, no string, version int, r Ruling, now time.Time) (Objection, error) {
	return s.closing(ctx, by, no, version, EventImported, r, func(o Objection) (Objection, error) { return o.imported(r, by.User.ID, now) }, now)
}

func (s *Office) closing(ctx context.Context, by staff.Actor, no string, version int, what string, r Ruling, move func(Objection) (Objection, error), now time.Time) (Objection, error) {
	o, err := s.Get(ctx, by, no, now)
	if err != nil {
		return o, err
	}
	effect, err := s.effect(ctx, o, r, now)
	if err != nil {
		return o, err
	}
	return s.officer(ctx, by, no, version, staff.ObjectionRule, act{
		what: what, closes: true, effect: effect, move: func(_ Rules, o Objection) (Objection, error) { return move(o) },
	}, now)
}

// effect is what a ruling makes of the record. One that changes nothing is refused:
// it would uphold an objection and leave what it is about as it was.
func (s *Office) effect(ctx context.Context, o Objection, r Ruling, now time.Time) (func(*credit.Record) error, error) {
	same := fault.New(fault.Refused, "objection.no_change")
	switch r.Outcome {
	case End:
		last, err := s.lastDay(ctx, o, now)
		if err != nil {
			return nil, err
		}
		return func(x *credit.Record) error {
			// Nobody's objection lengthens a display.
			if err := between("day", r.On, x.DeterminedOn, last); err != nil {
				return err
			}
			if r.On == last {
				return same
			}
			x.SourceUntil = r.On
			return nil
		}, nil
	case Repair:
		return func(x *credit.Record) error {
			if err := between("day", r.On, x.DeterminedOn, workday.DateOf(now)); err != nil {
				return err
			}
			if x.Repaired != nil && !x.Repaired.On.After(r.On) {
				return same
			}
			x.Repaired = &credit.Repair{On: r.On}
			return nil
		}, nil
	case Recall:
		return func(x *credit.Record) error {
			if x.Withdrawn == nil {
				x.Withdrawn = &credit.Withdrawal{At: now.UTC(), Reason: r.Why}
			}
			return nil
		}, nil
	case Correct:
		law, err := s.credit.Law(ctx)
		if err != nil {
			return nil, err
		}
		code, name, city := o.Holder, o.Name, s.store.journal.City()
		if name == "" {
			return nil, fault.New(fault.Refused, "disclosure.person").With("outcome", "disclosure.person")
		}
		return func(x *credit.Record) error {
			row, err := disclosure.Corrected(law, city, *x, code, name, r.Values, now)
			if err != nil {
				return err
			}
			if row == nil {
				return same
			}
			*x = *row
			return nil
		}, nil
	}
	return nil, nil
}

// lastDay is the last day of the record's display as the law computes it: now, or
// as it was when the objection came, where the display ended since.
func (s *Office) lastDay(ctx context.Context, o Objection, now time.Time) (workday.Date, error) {
	to, err := s.credit.Subjects().Resolve(ctx, o.Holder)
	if err != nil {
		return workday.Date{}, err
	}
	p, err := s.credit.Load(ctx, to.Code)
	if err != nil {
		return workday.Date{}, err
	}
	law, err := s.credit.Law(ctx)
	if err != nil {
		return workday.Date{}, err
	}
	for _, at := range []time.Time{now, o.FiledOn.Start()} {
		visible, _ := law.Show(p.Records, at)
		for _, x := range visible {
			switch {
			case x.ID != o.Record:
			case x.DisplayUntil.IsZero():
				return workday.MaxDate, nil
			default:
				return x.DisplayUntil, nil
			}
		}
	}
	return workday.DateOf(now), nil
}

// subject makes a change of the subject, by account or by code.
func (s *Office) subject(ctx context.Context, by staff.Actor, no string, a act, now time.Time) (Objection, error) {
	o, err := s.Get(ctx, by, no, now)
	if err != nil {
		return o, err
	}
	a.by, a.toUnit = by.User.ID, true
	a.may = func(o Objection) error { return s.may(ctx, by, staff.ObjectionFile, o, now) }
	return s.do(ctx, o, 0, a, now)
}

func (s *Office) holder(ctx context.Context, code staff.Activation, no string, a act, now time.Time) (Objection, error) {
	o, err := s.GetByCode(ctx, code, no)
	if err != nil {
		return o, err
	}
	a.by, a.toUnit = byActivation, true
	a.may = func(o Objection) error {
		if o.Code != code.Hash {
			return errUnknown()
		}
		return nil
	}
	return s.do(ctx, o, 0, a, now)
}

func papers(box, by string, now time.Time) act {
	return act{what: EventPaper, move: func(_ Rules, o Objection) (Objection, error) { return o.paper(box, by, now) }}
}

func withdrawal(by string, now time.Time) act {
	return act{what: EventWithdrawn, closes: true, move: func(_ Rules, o Objection) (Objection, error) { return o.withdraw(by, now) }}
}

// Attach adds a box of the subject.
func (s *Office) Attach(ctx context.Context, by staff.Actor, no, box string, now time.Time) (Objection, error) {
	return s.subject(ctx, by, no, papers(box, by.User.ID, now), now)
}

// AttachByCode is Attach for whoever filed with an activation code.
func (s *Office) AttachByCode(ctx context.Context, a staff.Activation, no, box string, now time.Time) (Objection, error) {
	return s.holder(ctx, a, no, papers(box, byActivation, now), now)
}

// Withdraw takes the objection back; the record's mark goes in the same commit.
func (s *Office) Withdraw(ctx context.Context, by staff.Actor, no string, now time.Time) (Objection, error) {
	return s.subject(ctx, by, no, withdrawal(by.User.ID, now), now)
}

// WithdrawByCode is Withdraw for whoever filed with an activation code.
func (s *Office) WithdrawByCode(ctx context.Context, a staff.Activation, no string, now time.Time) (Objection, error) {
	return s.holder(ctx, a, no, withdrawal(byActivation, now), now)
}
