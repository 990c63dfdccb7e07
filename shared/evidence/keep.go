package evidence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/seal"
	"ipcredit/shared/workday"
)

// ownKey begins the reference of a key that only one box is sealed to. What a box
// holds under it is forgotten by erasing it, and nothing else is.
const ownKey = "evidence."

// KeyOf is the reference of the key of a box that has one of its own.
func KeyOf(box string) string { return ownKey + box }

// HoldGrounds are why a box can be kept beyond its time. Words are the catalogue's
// "evidence.hold."+ground. They are named and not written: a reason in free words
// could name somebody.
func HoldGrounds() []string { return []string{"case", "review", "audit"} }

type keepTerms struct {
	Of     map[string]workday.Period `json:"of"` // by what comes before the colon of For
	Other  workday.Period            `json:"other"`
	Remind int                       `json:"remind"` // days before the end
}

// keeping is how long boxes of that day are kept.
func keeping(on workday.Date) (ruleset.Rule, keepTerms, error) {
	rule, ok := ruleset.For("evidence-retention", on)
	if !ok {
		return rule, keepTerms{}, fmt.Errorf("evidence: no rule evidence-retention for %s", on)
	}
	t, err := ruleset.Params[keepTerms](rule)
	return rule, t, err
}

// KeptUntil is the last day on which the box's material is kept, with the rule
// that says so; false where its key is not its own: what a tip-off's key opens is
// kept as long as the tip-off. The days run from the end of the box, and a last day
// of rest is as good as any other.
func (b Box) KeptUntil() (workday.Date, ruleset.Rule, bool, error) {
	if b.Dropped || b.Key != KeyOf(b.ID) {
		return workday.Date{}, ruleset.Rule{}, false, nil
	}
	from := workday.DateOf(b.Ends())
	rule, terms, err := keeping(from)
	if err != nil {
		return workday.Date{}, rule, false, err
	}
	matter, _, _ := strings.Cut(b.For, ":")
	period, known := terms.Of[matter]
	if !known {
		period = terms.Other
	}
	return workday.Official().Last(from, period, workday.None), rule, true, nil
}

// Retained is a box whose time of keeping ends soon or has ended.
type Retained struct {
	Box  Box
	Due  workday.Date
	Rule ruleset.Rule
	// Erase says that the day has come; before it is a reminder.
	Erase bool
}

// heldFrom stands on the list of what is kept in the place of the instant at which a
// held box would be erased: no instant comes to it.
const heldFrom = 1e15

// Held lists the boxes that are kept beyond their time, n at most.
func (s *Store) Held(ctx context.Context, n int) ([]Retained, error) {
	ids, err := s.scored(ctx, s.keepKey(), heldFrom, heldFrom, n)
	if err != nil {
		return nil, err
	}
	return s.kept(ctx, ids, true)
}

// RetentionDue lists the boxes whose material is to be erased, or will be within the
// rule's days of reminder, the oldest first, n at most. What is held is not in it.
func (s *Store) RetentionDue(ctx context.Context, n int) ([]Retained, error) {
	today := workday.DateOf(s.now())
	_, terms, err := keeping(today)
	if err != nil {
		return nil, err
	}
	return s.retained(ctx, today.AddDays(terms.Remind).Start(), n)
}

func (s *Store) retained(ctx context.Context, by time.Time, n int) ([]Retained, error) {
	ids, err := s.scored(ctx, s.keepKey(), 0, by.Unix(), n)
	if err != nil {
		return nil, err
	}
	return s.kept(ctx, ids, false)
}

// kept reads boxes with what is known of their keeping, held ones or the others.
func (s *Store) kept(ctx context.Context, ids []string, held bool) ([]Retained, error) {
	today := workday.DateOf(s.now())
	var out []Retained
	for _, id := range ids {
		b, err := s.Box(ctx, id)
		if isFault(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		due, rule, ok, err := b.KeptUntil()
		if err != nil {
			return nil, err
		}
		if ok && b.Held == held {
			out = append(out, Retained{b, due, rule, !held && today.After(due)})
		}
	}
	return out, nil
}

// Hold stays the erasure of a box for one of HoldGrounds, or ends the stay. Whether
// the actor may is the caller's to ask.
func (s *Store) Hold(ctx context.Context, actor, box string, hold bool, ground string) error {
	if hold && !slices.Contains(HoldGrounds(), ground) {
		return fault.New(fault.Invalid, "evidence.hold").With("ground", "evidence.hold")
	}
	action := "evidence.hold"
	if !hold {
		action, ground = "evidence.release", ""
	}
	entry := journal.Entry{Actor: actor, Action: action, Ref: box, At: s.now()}
	return s.changeBox(ctx, entry, box, func(tx *journal.Tx, b *Box) error {
		_, _, ok, err := b.KeptUntil()
		switch {
		case err != nil:
			return err
		case !ok:
			return fault.New(fault.NotFound, "evidence.no_box")
		case b.Expiring:
			return fault.New(fault.Gone, "evidence.expiring")
		case b.Held == hold:
			return fault.New(fault.Conflict, "evidence.hold.same")
		}
		b.Held, b.HeldFor = hold, ground
		return s.keep(tx, *b)
	})
}

// changeBox changes what is known of a box that is there.
func (s *Store) changeBox(ctx context.Context, entry journal.Entry, box string, f func(*journal.Tx, *Box) error) error {
	return s.journal.Commit(ctx, entry, []string{s.boxKey(box)}, func(tx *journal.Tx) error {
		b, known, err := journal.Read[Box](ctx, tx.Read(), s.boxKey(box))
		if err == nil && (!known || b.Dropped) {
			err = fault.New(fault.NotFound, "evidence.no_box")
		}
		if err != nil {
			return err
		}
		if err := f(tx, &b); err != nil {
			return err
		}
		return journal.Put(tx, s.boxKey(box), b)
	})
}

// keep notes when the box's material is to be erased; a held one's is not.
func (s *Store) keep(tx *journal.Tx, b Box) error {
	due, _, ok, err := b.KeptUntil()
	switch {
	case err != nil || !ok:
		return err
	case b.Held:
		tx.ZAdd(s.keepKey(), heldFrom, b.ID)
	default:
		tx.ZAdd(s.keepKey(), float64(due.AddDays(1).Start().Unix()), b.ID)
	}
	return nil
}

// expiring notes that the box is being erased, which nobody holds up any more.
func (s *Store) expiring(ctx context.Context, x Retained) error {
	entry := journal.Entry{Actor: "system", Action: "evidence.expire", Ref: x.Box.ID, At: s.now(), Rule: x.Rule.Ref()}
	return s.changeBox(ctx, entry, x.Box.ID, func(_ *journal.Tx, b *Box) error {
		if b.Held || b.Dropped {
			return fault.New(fault.Conflict, "evidence.hold.same")
		}
		b.Expiring = true
		return nil
	})
}

// Expire erases the keys of boxes whose time of keeping has passed, and drops what
// they hold. It may run in several processes at once and be cut off anywhere: a
// box stays on the list until all is done. What the list does not have yet is put
// there first. It returns how many it erased.
func (s *Store) Expire(ctx context.Context, keys *seal.Keys) (int, error) {
	if _, err := s.list(ctx, keys); err != nil {
		return 0, err
	}
	list, err := s.retained(ctx, s.now(), sweepEach)
	if err != nil {
		return 0, err
	}
	erased := 0
	for _, x := range list {
		if ctx.Err() != nil {
			break // what is left comes with the next
		}
		if !x.Erase {
			continue
		}
		// Whoever holds it now comes too late only after this commit.
		if err := s.expiring(ctx, x); err != nil {
			if isFault(err) {
				continue
			}
			return erased, err
		}
		if err := keys.Erase(ctx, x.Box.Key, s.now()); err != nil && !errors.Is(err, seal.ErrNoKey) {
			return erased, fmt.Errorf("evidence: erasing: %w", err)
		}
		if err := s.Drop(ctx, x.Box.ID); err != nil {
			return erased, err
		}
		erased++
	}
	return erased, nil
}
