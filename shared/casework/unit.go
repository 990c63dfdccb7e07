package casework

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// OfferTo asks another unit to take the case over (staff.CaseHandle). Its clocks
// go on; it stays the unit's until the other accepts.
func (s *Store) OfferTo(ctx context.Context, a staff.Actor, seen Seen, unit, reason string, now time.Time) (Case, error) {
	if err := s.ours(unit); err != nil {
		return Case{}, err
	}
	return s.tells(ctx, a, seen, unit, "offered", work{
		action: staff.CaseHandle, name: "offer", text: reason, about: Offered, needed: true,
		act: func(c *Case, d doing) error { return c.offer(d, unit) },
	}, now)
}

// tells is do with a message to a unit.
func (s *Store) tells(ctx context.Context, a staff.Actor, seen Seen, unit, what string, w work, now time.Time) (Case, error) {
	o, err := s.enter(ctx, a, w.action, seen.Number, now)
	if err != nil {
		return Case{}, err
	}
	to, err := s.toUnit(ctx, nil, unit, what, o.Case, now)
	if err != nil {
		return Case{}, err
	}
	w.also = s.send(to, w.also)
	return s.commit(ctx, a, o, seen, w, now)
}

// asked enters a case for the unit that it was offered to.
func (s *Store) asked(ctx context.Context, a staff.Actor, number string, now time.Time) (opened, error) {
	o, err := s.look(ctx, number, now)
	if err != nil {
		return o, err
	}
	if o.Offer == nil {
		return o, fault.New(fault.Conflict, "casework.offer.none")
	}
	// Nothing is opened for who may not.
	if err := staff.Can(a, staff.CaseIntake, o.offeredTo(nil), now); err != nil {
		return o, err
	}
	if o.inside, err = s.open(ctx, o.Case); err != nil {
		return o, err
	}
	return o, staff.Can(a, staff.CaseIntake, o.offeredTo(o.inside.People), now)
}

// Accept takes over a case that was offered to the actor's unit (staff.CaseIntake).
// The key is wrapped to the new unit first, then the case is its own, then the old
// unit's wrap is dropped: whatever breaks in between, somebody can work on it.
func (s *Store) Accept(ctx context.Context, a staff.Actor, seen Seen, now time.Time) (Case, error) {
	o, err := s.asked(ctx, a, seen.Number, now)
	if err != nil {
		return Case{}, err
	}
	to, err := s.toUnit(ctx, nil, o.Unit, "accepted", o.Case, now)
	if err != nil {
		return Case{}, err
	}
	return s.passes(ctx, a, o, seen, work{name: "accept", act: (*Case).accept, also: s.send(to, nil)}, now)
}

// passes makes a change that may give the case to the unit it was offered to.
func (s *Store) passes(ctx context.Context, a staff.Actor, o opened, seen Seen, w work, now time.Time) (Case, error) {
	// Nobody gets a key for what is then refused.
	if o.Version != seen.Version {
		return o.Case, fault.New(fault.Stale, "casework.stale")
	}
	dry := o.Case
	if err := w.act(&dry, o.doing(a, now)); err != nil {
		return o.Case, err
	}
	if dry.Unit != o.Unit {
		if err := s.grant(ctx, o.Case, dry.Unit); err != nil {
			return o.Case, err
		}
	}
	c, err := s.commit(ctx, a, o, seen, w, now)
	if err != nil || c.Leaving == "" {
		return c, err
	}
	return s.leave(ctx, a, c, o.rules, now)
}

// grant lets a unit open the case; that it can already is as good.
func (s *Store) grant(ctx context.Context, c Case, unit string) error {
	id, ok := s.c.Identities[c.Unit]
	if !ok {
		return fault.New(fault.Unavailable, "casework.no_key", c.Unit).After(time.Hour)
	}
	err := s.keys.Grant(ctx, c.Key, tipoff.UnitLabel(c.Unit), id, seal.Party{Label: tipoff.UnitLabel(unit), To: s.c.Units[unit]})
	if err != nil && !errors.Is(err, seal.ErrExists) {
		return fmt.Errorf("casework: %w", err)
	}
	return nil
}

// leave drops the wrap of the unit that a case has left. It is nobody's act: the
// version an officer saw stays the one he changes.
func (s *Store) leave(ctx context.Context, a staff.Actor, c Case, rules Rules, now time.Time) (Case, error) {
	if err := s.keys.Revoke(ctx, c.Key, tipoff.UnitLabel(c.Leaving)); err != nil && !errors.Is(err, seal.ErrNoLabel) {
		return c, fmt.Errorf("casework: %w", err)
	}
	left, err := s.update(ctx, entry(a, "casework.left", now), Seen{c.Number, c.Version}, rules, func(_ *journal.Tx, x *Case) error {
		if x.Leaving == c.Leaving {
			x.Leaving = ""
		}
		return nil
	})
	if fault.Is(err, fault.Stale) {
		return c, nil // somebody works on it already; the next view goes on
	}
	return left, err
}

// Decline returns it with a reason (staff.CaseIntake).
func (s *Store) Decline(ctx context.Context, a staff.Actor, seen Seen, reason string, now time.Time) (Case, error) {
	o, err := s.asked(ctx, a, seen.Number, now)
	if err != nil {
		return Case{}, err
	}
	to, err := s.toUnit(ctx, nil, o.Unit, "declined", o.Case, now)
	if err != nil {
		return Case{}, err
	}
	return s.commit(ctx, a, o, seen, work{
		name: "decline", text: reason, about: Declined, needed: true, act: (*Case).decline, also: s.send(to, nil),
	}, now)
}

// Withdraw ends an offer of the actor's own unit (staff.CaseHandle).
func (s *Store) Withdraw(ctx context.Context, a staff.Actor, seen Seen, now time.Time) (Case, error) {
	return s.do(ctx, a, seen, work{action: staff.CaseHandle, name: "withdraw", act: (*Case).withdraw}, now)
}

// Dispute notes, after a return, that the units disagree on jurisdiction
// (staff.CaseHandle): they have 7 working days to agree.
func (s *Store) Dispute(ctx context.Context, a staff.Actor, seen Seen, reason string, now time.Time) (Case, error) {
	return s.tells(ctx, a, seen, s.j.City(), "dispute", work{
		action: staff.CaseHandle, name: "dispute", text: reason, about: DisputeBegun, needed: true, act: (*Case).dispute,
	}, now)
}

// settles says whether somebody decides for the common superior: an approver of
// the unit right above both.
func (s *Store) settles(a staff.Actor, c Case, now time.Time) error {
	if c.Offer == nil {
		return fault.New(fault.Conflict, "casework.dispute.none")
	}
	above := superior(c.Unit, c.Offer.To)
	if above == "" {
		return fault.New(fault.Refused, "casework.dispute.above")
	}
	r := c.resource(nil)
	r.Division, r.Unit, r.Parent = above, "", ""
	return staff.Can(a, staff.CaseApprove, r, now)
}

// Settle is the common superior's decision (an approver of the city's unit), once
// the 7 working days have passed.
func (s *Store) Settle(ctx context.Context, a staff.Actor, seen Seen, unit, reason string, now time.Time) (Case, error) {
	o, err := s.look(ctx, seen.Number, now)
	if err != nil {
		return Case{}, err
	}
	if err := s.settles(a, o.Case, now); err != nil {
		return Case{}, err
	}
	to, err := s.toUnit(ctx, nil, o.Unit, "settled", o.Case, now)
	if err != nil {
		return Case{}, err
	}
	if to, err = s.toUnit(ctx, to, o.Offer.To, "settled", o.Case, now); err != nil {
		return Case{}, err
	}
	return s.passes(ctx, a, o, seen, work{
		name: "settle", text: reason, about: DisputeSettled, needed: true,
		act: func(c *Case, d doing) error { return c.settle(d, unit) }, also: s.send(to, nil),
	}, now)
}

// Merge handles a case with another, older one of the unit (staff.CaseHandle):
// parties, numbers, tip-offs and tags go there. into must be seen, too.
func (s *Store) Merge(ctx context.Context, a staff.Actor, seen, into Seen, now time.Time) (Case, error) {
	o, err := s.enter(ctx, a, staff.CaseHandle, seen.Number, now)
	if err != nil {
		return Case{}, err
	}
	lead, err := s.enter(ctx, a, staff.CaseHandle, into.Number, now)
	if err != nil {
		return Case{}, err
	}
	into.Number = lead.Number
	content := ""
	if len(o.inside.People) > 0 {
		both := lead.inside
		both.People = append(both.People[:len(both.People):len(both.People)], o.inside.People...)
		if content, err = sealed(lead.To, both); err != nil {
			return Case{}, err
		}
	}
	var merged Case
	c, err := s.commit(ctx, a, o, seen, work{name: "merge",
		act: func(*Case, doing) error { return nil },
		also: func(tx *journal.Tx, c *Case) error {
			before, other, err := s.pair(ctx, tx, into)
			if err != nil {
				return err
			}
			if err := c.merge(o.doing(a, now), &other); err != nil {
				return err
			}
			if content != "" {
				tx.Set(s.key(other.Number, "content"), content)
			}
			merged = other
			return s.put(tx, before, &merged, o.rules, now)
		}}, now)
	return c, err
}
