package tipoff

import (
	"context"
	"errors"
	"slices"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Hold stays retention (legal hold) with a reason, or ends the stay
// (staff.CaseApprove). The reason is for the unit.
func (o *Office) Hold(ctx context.Context, a staff.Actor, number string, hold bool, reason string, now time.Time) error {
	return o.remark(ctx, a, staff.CaseApprove, number, "reason", reason, "tipoff.hold",
		func(r *Report, today workday.Date) error {
			if r.Held == hold {
				return fault.New(fault.Conflict, "tipoff.hold.same")
			}
			r.Held = hold
			what := HoldEnded
			if hold {
				what = HoldBegun
			}
			r.happen(what, today, a.User.ID)
			return nil
		}, now)
}

// Retained is one line of the list of what retention ends soon.
type Retained struct {
	Report Report
	Clock  Clock
	// Erase says that the day has come; before it is a reminder.
	Erase bool
}

// retainedAtOnce bounds one answer; what is erased makes room for the rest.
const retainedAtOnce = 500

// RetentionDue lists what is to be erased, or will be within the rule's days of
// reminder, the oldest first (staff.TipoffClock). What is held is not in it.
func (o *Office) RetentionDue(ctx context.Context, a staff.Actor, now time.Time) ([]Retained, error) {
	today := workday.DateOf(now)
	_, terms, err := ruleset.Of[retentionTerms](o.store.rules.Set, "tipoff-retention", today)
	if err != nil {
		return nil, err
	}
	until := today.AddDays(terms.Remind)
	var out []Retained
	// Others' stand between his: all are read until his list is full.
	err = o.store.each(ctx, o.store.retained(until),
		func(r Report) (bool, error) {
			if staff.Can(a, staff.TipoffClock, r.resource(nil), now) != nil {
				return true, nil
			}
			clocks, err := r.Clocks(o.store.rules, today)
			if err != nil {
				return false, err
			}
			if k, ok := retention(clocks); ok && !k.Paused {
				out = append(out, Retained{Report: r, Clock: k, Erase: today.After(k.Due)})
			}
			return len(out) < retainedAtOnce, nil
		})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// retention is the running clock of what is kept.
func retention(clocks []Clock) (Clock, bool) {
	n := slices.IndexFunc(clocks, func(k Clock) bool { return k.Name == RetentionClock && k.Done.IsZero() })
	if n < 0 {
		return Clock{}, false
	}
	return clocks[n], true
}

// Erase drops the tip-off's key and its evidence and leaves a tombstone with what
// statistics need: kind, division, days and outcome (staff.CaseApprove, nobody who
// handled it). Conflict "tipoff.erase.held" or "tipoff.erase.early" before its
// time. Doing it again completes what was broken off.
func (o *Office) Erase(ctx context.Context, a staff.Actor, number string, now time.Time) error {
	f, err := o.enter(ctx, a, staff.CaseApprove, number, now)
	// Of a tip-off whose key is gone already only the rest is left to do.
	gone := fault.Is(err, fault.Gone) && f.report.State != Erased
	if err != nil && !gone {
		return err
	}
	if err := f.report.mayErase(o.store.rules, workday.DateOf(now)); err != nil {
		return err
	}
	number = f.report.Number
	// That it is to be erased is known before anything is gone: what comes between
	// now and the tombstone is refused.
	if _, err := o.store.update(ctx, entry(a, "tipoff.erase", now), number, func(_ *journal.Tx, r *Report) error {
		if err := o.fresh(*r); err != nil {
			return err
		}
		return r.mayErase(o.store.rules, workday.DateOf(now))
	}); err != nil {
		return err
	}
	// The identity's first: while the tip-off's own key is there, all this can be
	// done again.
	for _, ref := range []string{f.report.Person, f.report.Key} {
		if ref == "" {
			continue
		}
		if err := o.keys.Erase(ctx, ref, now); err != nil && !errors.Is(err, seal.ErrNoKey) {
			return err
		}
	}
	o.features.forget(number)
	if o.evidence != nil {
		boxes, err := o.evidence.Boxes(ctx, Ref(number))
		if err != nil {
			return err
		}
		for _, b := range boxes {
			if err := o.evidence.Drop(ctx, b.ID); err != nil {
				return err
			}
		}
	}
	receipt, err := o.store.receipt(ctx, number)
	if err != nil {
		return err
	}
	_, err = o.store.update(ctx, entry(a, "tipoff.erased", now), number, func(tx *journal.Tx, r *Report) error {
		today := workday.DateOf(now)
		r.move(Erased, today, a.User.ID)
		*r = r.tombstone(today)
		o.store.clear(tx, number)
		o.store.setReceipt(tx, number, tagOnly(receipt))
		if o.log != nil {
			o.log.Forget(tx, number)
		}
		return nil
	})
	return err
}

// mayErase tells why the report stays.
func (r Report) mayErase(rules Rules, today workday.Date) error {
	if r.State == Erased {
		return fault.New(fault.Gone, "tipoff.erased", r.ErasedOn.String())
	}
	if r.Held {
		return fault.New(fault.Conflict, "tipoff.erase.held")
	}
	clocks, err := r.Clocks(rules, today)
	if err != nil {
		return err
	}
	k, ok := retention(clocks)
	switch {
	case !ok:
		return fault.New(fault.Conflict, "tipoff.erase.open")
	case !today.After(k.Due):
		return fault.New(fault.Conflict, "tipoff.erase.early", k.Due.String())
	}
	return nil
}

// tombstone is what is left: nothing that leads to a person, officers included.
func (r Report) tombstone(on workday.Date) Report {
	out := Report{
		Number: r.Number, Division: r.Division, Unit: r.Unit, Kind: r.Kind, Day: r.Day, Size: r.Size,
		State: Erased, Named: r.Named, Key: r.Key, Disputed: r.Disputed, Rated: r.Rated, ErasedOn: on,
	}
	for _, e := range r.Events {
		if slices.Contains(States(), State(e.What)) && State(e.What) != Merged {
			out.Events = append(out.Events, Event{On: e.On, What: e.What})
		}
	}
	return out
}
