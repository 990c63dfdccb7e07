package repair

import (
	"context"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
)

// system is who does what nobody asked for.
const system = "system"

// Spread closes an approved application by an officer's word; who shows the
// button has found that everybody who was told of the records has confirmed.
func (o *Office) Spread(ctx context.Context, by staff.Actor, no string, version int, now time.Time) (Application, error) {
	return o.do(ctx, by, no, version, step{action: staff.RepairAccept, what: EventSpread, officer: true, move: func(_ Rules, _ []Reason, a Application) (Application, error) {
		return a.spread(by.User.ID, now)
	}}, now)
}

// Spreading are the approved applications of which it is not yet known that
// everybody who was told of the records has taken them off, the oldest first.
func (o *Office) Spreading(ctx context.Context) ([]Application, error) {
	numbers, err := o.store.spreading(ctx)
	if err != nil {
		return nil, err
	}
	var list []Application
	for _, no := range numbers {
		a, err := o.store.get(ctx, o.store.journal.Redis(), no)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if a.State == Approved {
			list = append(list, a)
		}
	}
	return list, nil
}

// Settle closes an approved application because everybody who was told of its
// records has confirmed; the subject is told. It is nobody's act and asks nobody's
// leave. One that is closed already stays as it is.
func (o *Office) Settle(ctx context.Context, no string, now time.Time) error {
	a, err := o.store.get(ctx, o.store.journal.Redis(), no)
	if err != nil || a.State != Approved {
		return err
	}
	rules, err := o.Rules(ctx)
	if err != nil {
		return err
	}
	messages, err := o.tell(ctx, a, EventSpread, false, now)
	if err != nil {
		return err
	}
	return o.store.journal.Commit(ctx, o.entry(staff.Actor{User: staff.User{ID: system}}, EventSpread, a, now), nil, func(tx *journal.Tx) error {
		a, err := o.store.current(ctx, tx, no)
		if err != nil || a.State != Approved {
			return err
		}
		next, err := a.spread(system, now)
		if err != nil {
			return err
		}
		return o.write(ctx, tx, rules, a, next, messages, now)
	})
}
