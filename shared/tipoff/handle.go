package tipoff

import (
	"context"
	"errors"
	"slices"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// work is one act of an officer on an opened tip-off.
type work struct {
	action staff.Action // what he must be allowed
	name   string       // of the journal's entry
	// act changes the report as it is now; what it refuses is not done.
	act func(tx *journal.Tx, r *Report, today workday.Date) error
	// untouched leaves him out of those who handled it.
	untouched bool
}

// do opens a tip-off, asks whether the officer may, and commits.
func (o *Office) do(ctx context.Context, a staff.Actor, number string, w work, now time.Time) error {
	f, err := o.enter(ctx, a, w.action, number, now)
	if err != nil {
		return err
	}
	_, err = o.commit(ctx, a, f, w, now)
	return err
}

func (o *Office) commit(ctx context.Context, a staff.Actor, f file, w work, now time.Time) (Report, error) {
	today := workday.DateOf(now)
	return o.store.update(ctx, entry(a, w.name, now), f.report.Number, func(tx *journal.Tx, r *Report) error {
		// Between opening and this, somebody may have moved it to another unit.
		if r.Unit != f.report.Unit {
			return fault.New(fault.Stale, "tipoff.stale")
		}
		if r.State == Erased {
			return fault.New(fault.Gone, "tipoff.erased", r.ErasedOn.String())
		}
		if err := o.fresh(*r); err != nil {
			return err
		}
		if err := w.act(tx, r, today); err != nil {
			return err
		}
		if !w.untouched {
			r.handled(a.User.ID)
		}
		return nil
	})
}

// fresh refuses to act on what was seen and is so no more.
func (o *Office) fresh(r Report) error {
	if o.seen != "" && o.seen != r.Version() {
		return fault.New(fault.Stale, "tipoff.stale")
	}
	return nil
}

// Answer writes to the reporter (staff.TipoffHandle). key is the form's ticket:
// the same key and text again adds nothing.
func (o *Office) Answer(ctx context.Context, a staff.Actor, number, key, text string, now time.Time) error {
	text, err := CheckMessage("text", text, o.store.rules, workday.DateOf(now))
	if err != nil {
		return err
	}
	if err := checkTicket(key); err != nil {
		return err
	}
	f, err := o.enter(ctx, a, staff.TipoffHandle, number, now)
	if err != nil {
		return err
	}
	message, err := o.sealMessage(f.report, plainMessage, text, now)
	if err != nil {
		return err
	}
	_, err = o.commit(ctx, a, f, work{name: "tipoff.answer", act: func(tx *journal.Tx, r *Report, today workday.Date) error {
		if again, err := o.store.once(ctx, tx, r.Number, key, text); again || err != nil {
			return err
		}
		return o.store.addPost(tx, r, ByUnit, today, message)
	}}, now)
	return err
}

func (o *Office) sealMessage(r Report, kind, text string, now time.Time) (string, error) {
	to, err := seal.ParseRecipient(r.To)
	if err != nil {
		return "", err
	}
	return sealed(to, said{Kind: kind, Text: text, At: now.UTC().Truncate(time.Second)})
}

// Change takes a tip-off to another state.
type Change struct {
	To State
	// Answer is what the reporter reads; needed where Report.MustAnswer.
	Answer string
	// From, if set, is the state the officer saw: Stale "tipoff.stale" if it moved.
	From State
	// With, if set, queues what another matter writes in the same commit: the case
	// that is opened of it (casework.Opening.With). What it refuses moves nothing.
	// It may run again, as the function of any commit.
	With func(tx *journal.Tx) error
}

// ChangeState moves a tip-off by the state machine (staff.TipoffHandle; from
// Received also staff.TipoffIntake). Conflict "tipoff.state" where the machine
// has no such move, Invalid naming "answer" where the reporter must be told.
func (o *Office) ChangeState(ctx context.Context, a staff.Actor, number string, c Change, now time.Time) error {
	if !slices.Contains(States(), c.To) {
		return fault.New(fault.Invalid, "tipoff.form").With("to", "tipoff.state.unknown")
	}
	if c.Answer != "" {
		var err error
		if c.Answer, err = CheckMessage("answer", c.Answer, o.store.rules, workday.DateOf(now)); err != nil {
			return err
		}
	}
	action := staff.TipoffHandle
	if c.To == Assigned {
		action = staff.TipoffIntake
	}
	f, err := o.enter(ctx, a, action, number, now)
	if err != nil {
		return err
	}
	message := ""
	if c.Answer != "" {
		if message, err = o.sealMessage(f.report, answerMessage, c.Answer, now); err != nil {
			return err
		}
	}
	_, err = o.commit(ctx, a, f, work{
		name: "tipoff." + string(c.To), untouched: c.To == Assigned,
		act: func(tx *journal.Tx, r *Report, today workday.Date) error {
			switch {
			case c.From != "" && c.From != r.State:
				return fault.New(fault.Stale, "tipoff.stale")
			case !slices.Contains(r.Next(), c.To):
				return fault.New(fault.Conflict, "tipoff.state", string(r.State), string(c.To))
			case r.MustAnswer(c.To) && message == "":
				return fault.New(fault.Invalid, "tipoff.form").With("answer", "tipoff.answer.none")
			}
			if r.pausing() && (c.To.Decided() || c.To == OutOfScope) {
				r.happen(PauseEnded, today, a.User.ID)
			}
			r.move(c.To, today, a.User.ID)
			if c.With != nil {
				if err := c.With(tx); err != nil {
					return err
				}
			}
			if message == "" {
				return nil
			}
			return o.store.addPost(tx, r, ByUnit, today, message)
		},
	}, now)
	return err
}

// extensible are the states in which the check can be extended.
var extensible = []State{Assigned, Verifying, Merged}

// AskExtension asks the head for more time, with a reason that the unit reads
// (staff.TipoffHandle).
func (o *Office) AskExtension(ctx context.Context, a staff.Actor, number, reason string, now time.Time) error {
	return o.remark(ctx, a, staff.TipoffHandle, number, "reason", reason, "tipoff.ask_extension",
		func(r *Report, today workday.Date) error {
			rules, err := o.store.law(ctx)
			if err != nil {
				return err
			}
			if err := r.mayExtend(rules, today); err != nil {
				return err
			}
			if r.asking() {
				return fault.New(fault.Conflict, "tipoff.extension.asked")
			}
			r.happen(ExtensionAsked, today, a.User.ID)
			r.handled(a.User.ID)
			return nil
		}, now)
}

// mayExtend tells why the check cannot be extended today: once, while it runs,
// before it is late.
func (r Report) mayExtend(rules Rules, today workday.Date) error {
	switch {
	case r.has(string(Extended)):
		return fault.New(fault.Conflict, "tipoff.extension.twice")
	case !slices.Contains(extensible, r.State) || !r.checking():
		return fault.New(fault.Conflict, "tipoff.extension.state")
	}
	clocks, err := r.Clocks(rules, today)
	if err != nil {
		return err
	}
	if clocks[0].Overdue(today) {
		return fault.New(fault.Conflict, "tipoff.extension.late", clocks[0].Due.String())
	}
	return nil
}

// asking tells whether an extension waits for the head. What a former unit asked
// for was for its own head.
func (r Report) asking() bool {
	waiting := false
	for _, e := range r.Events {
		waiting = e.What == ExtensionAsked || waiting && e.What != ExtensionRefused && e.What != string(Extended) && e.What != Rerouted
	}
	return waiting
}

// Extend is the head's decision on it (staff.CaseApprove, another person than
// those who handled it): once, while the check runs.
func (o *Office) Extend(ctx context.Context, a staff.Actor, number string, grant bool, now time.Time) error {
	return o.do(ctx, a, number, work{action: staff.CaseApprove, name: "tipoff.extend", untouched: true,
		act: func(_ *journal.Tx, r *Report, today workday.Date) error {
			if !r.asking() {
				return fault.New(fault.Conflict, "tipoff.extension.none")
			}
			r.approved(a.User.ID)
			if !grant {
				r.happen(ExtensionRefused, today, a.User.ID)
				return nil
			}
			rules, err := o.store.law(ctx)
			if err != nil {
				return err
			}
			if err := r.mayExtend(rules, today); err != nil {
				return err
			}
			if r.State == Merged {
				// It is still handled with the other one; only its clock is longer.
				r.happen(string(Extended), today, a.User.ID)
				return nil
			}
			r.move(Extended, today, a.User.ID)
			return nil
		}}, now)
}

// Pause stops the check's clock while an expert works (testing, inspection,
// quarantine, appraisal, identification by the right holder); Resume ends that.
func (o *Office) Pause(ctx context.Context, a staff.Actor, number, reason string, now time.Time) error {
	return o.remark(ctx, a, staff.TipoffHandle, number, "reason", reason, "tipoff.pause",
		func(r *Report, today workday.Date) error {
			switch {
			case !r.checking():
				return fault.New(fault.Conflict, "tipoff.pause.state")
			case r.pausing():
				return fault.New(fault.Conflict, "tipoff.pause.twice")
			}
			r.happen(PauseBegun, today, a.User.ID)
			r.handled(a.User.ID)
			return nil
		}, now)
}

// Resume ends a Pause.
func (o *Office) Resume(ctx context.Context, a staff.Actor, number string, now time.Time) error {
	return o.do(ctx, a, number, work{action: staff.TipoffHandle, name: "tipoff.resume",
		act: func(_ *journal.Tx, r *Report, today workday.Date) error {
			if !r.pausing() {
				return fault.New(fault.Conflict, "tipoff.pause.none")
			}
			r.happen(PauseEnded, today, a.User.ID)
			return nil
		}}, now)
}

// Note adds a remark that only the unit can open (staff.TipoffHandle).
func (o *Office) Note(ctx context.Context, a staff.Actor, number, text string, now time.Time) error {
	return o.remark(ctx, a, staff.TipoffHandle, number, "text", text, "tipoff.note",
		func(r *Report, _ workday.Date) error {
			r.handled(a.User.ID)
			return nil
		}, now)
}

// remark seals a text to the unit and commits it with a change.
func (o *Office) remark(ctx context.Context, a staff.Actor, action staff.Action, number, field, text, name string, change func(r *Report, today workday.Date) error, now time.Time) error {
	text, err := CheckMessage(field, text, o.store.rules, workday.DateOf(now))
	if err != nil {
		return err
	}
	f, err := o.enter(ctx, a, action, number, now)
	if err != nil {
		return err
	}
	sealed, err := o.sealNote(f.report, f.report.Unit, noted{Text: text})
	if err != nil {
		return err
	}
	_, err = o.commit(ctx, a, f, work{name: name, untouched: true, act: func(tx *journal.Tx, r *Report, today workday.Date) error {
		if err := change(r, today); err != nil {
			return err
		}
		return o.store.addNote(tx, r, a.User.ID, today, r.Unit, sealed)
	}}, now)
	return err
}

// Reroute gives a tip-off to another unit of this system and takes the key away
// from the present one (staff.TipoffHandle, before anybody handles it also
// staff.TipoffIntake). Its clock goes on. reason is for the unit that gets it.
func (o *Office) Reroute(ctx context.Context, a staff.Actor, number, unit, reason string, now time.Time) error {
	reason, err := CheckMessage("reason", reason, o.store.rules, workday.DateOf(now))
	if err != nil {
		return err
	}
	to, ok := o.units[unit]
	if !ok {
		return fault.New(fault.Invalid, "tipoff.form").With("unit", "tipoff.unit")
	}
	f, err := o.enter(ctx, a, staff.TipoffIntake, number, now)
	if err != nil {
		return err
	}
	from := f.report.Unit
	if unit == from {
		return fault.New(fault.Conflict, "tipoff.reroute.same")
	}
	note, err := o.sealNote(f.report, unit, noted{Text: reason})
	if err != nil {
		return err
	}
	// Nobody gets a key for what is then refused.
	if !f.report.reroutable() {
		return fault.New(fault.Conflict, "tipoff.reroute.state")
	}
	// First the new unit can open it, then it is the new unit's, then the old one
	// cannot any more: whatever breaks in between, somebody can work on it.
	if err := o.grant(ctx, f.report, unit, to); err != nil {
		return err
	}
	r, err := o.commit(ctx, a, f, work{name: "tipoff.reroute", untouched: true, act: func(tx *journal.Tx, r *Report, today workday.Date) error {
		if !r.reroutable() {
			return fault.New(fault.Conflict, "tipoff.reroute.state")
		}
		if r.pausing() {
			r.happen(PauseEnded, today, a.User.ID)
		}
		r.Unit, r.Leaving = unit, from
		switch {
		case unit == Discipline:
			r.Division = o.store.j.City()
		case from == Discipline || unit != o.store.j.City():
			r.Division = unit
		}
		r.happen(Rerouted, today, a.User.ID)
		if r.State != Received {
			r.State = Received // the new unit assigns it anew
			r.happen(string(Received), today, a.User.ID)
		}
		// Who handled it there is no bar here.
		r.Handlers, r.Approvers = nil, nil
		return o.store.addNote(tx, r, a.User.ID, today, unit, note)
	}}, now)
	if err != nil {
		return err
	}
	_, err = o.settle(ctx, a, r, now)
	return err
}

// reroutable tells whether another unit can get it: while the check runs, and not
// before the wrap of the unit it left last is dropped.
func (r Report) reroutable() bool { return r.checking() && r.Leaving == "" }

// settle drops the wrap of the unit that a tip-off has left.
func (o *Office) settle(ctx context.Context, a staff.Actor, r Report, now time.Time) (Report, error) {
	if err := o.keys.Revoke(ctx, r.Key, UnitLabel(r.Leaving)); err != nil {
		return r, err
	}
	return o.store.update(ctx, entry(a, "tipoff.rerouted", now), r.Number, func(_ *journal.Tx, now *Report) error {
		if now.Leaving == r.Leaving {
			now.Leaving = ""
		}
		return nil
	})
}

// grant lets a unit open the report; that it can already is as good.
func (o *Office) grant(ctx context.Context, r Report, unit string, to seal.Recipient) error {
	err := o.keys.Grant(ctx, r.Key, UnitLabel(r.Unit), o.identities[r.Unit], seal.Party{Label: UnitLabel(unit), To: to})
	if errors.Is(err, seal.ErrExists) {
		return nil
	}
	return err
}
