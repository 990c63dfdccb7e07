package linkage

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// What a hold and its end are called among the events.
const (
	HoldBegun = "hold"
	HoldEnded = "release"
)

// HoldGrounds are why personal data can be kept beyond its time. Words are the
// catalogue's "evidence.hold."+ground. They are named and not written: a reason in
// free words could name somebody.
func HoldGrounds() []string { return []string{"case", "review", "audit"} }

type keepTerms struct {
	Kept   workday.Period `json:"kept"`
	Remind int            `json:"remind"` // days before the end
}

// KeptUntil is the last day on which what is sealed with the application is kept:
// the name of a natural person, whom contacts were with and what was said. It
// counts from the day of the outcome, of the receipt of the list or of the last
// thing that was done, whichever is latest (个人信息保护法 art. 19). False where nothing is sealed any
// more, and while there is no outcome or a hold.
func (a Application) KeptUntil(r Rules) (workday.Date, ruleset.Rule, bool, error) {
	sealed, from := a.sealed()
	if !sealed || a.Held || !a.State.Final() {
		return workday.Date{}, ruleset.Rule{}, false, nil
	}
	found, terms, err := ruleset.Of[keepTerms](r.Filled().Set, "linkage-retention", from)
	if err != nil {
		return workday.Date{}, found, false, err
	}
	return r.Filled().Calendar.Last(from, terms.Kept, workday.None), found, true, nil
}

// sealed tells whether something of a natural person is sealed with the
// application and was not forgotten, and the last day on which anything was done.
func (a Application) sealed() (bool, workday.Date) {
	person := a.Applicant.Person || slices.ContainsFunc(a.History, func(p Past) bool { return strings.HasPrefix(p.Was["applicant"], sealedPast) })
	last := workday.Max(a.Received, a.StateOn)
	for _, e := range a.Events {
		switch e.What {
		case ContactMade:
			person = true
		case Forgotten:
			person = false
		case HoldBegun, HoldEnded:
			continue
		}
		last = workday.Max(last, e.On)
	}
	return person, last
}

// keep notes when the personal data of what is put is erased. What is being
// forgotten stays noted until its keys are gone, see Store.erase.
func (w *writer) keep(tx *journal.Tx, a Application) error {
	until, _, ok, err := a.KeptUntil(w.rules)
	if err != nil {
		return err
	}
	sealed, _ := a.sealed()
	switch {
	case ok:
		tx.ZAdd(w.store.keepKey(), float64(until.AddDays(1).Start().Unix()), a.ID)
	case sealed && a.Held:
		tx.ZAdd(w.store.keepKey(), heldFrom, a.ID)
	case sealed && len(a.Events) > 1:
		tx.ZRem(w.store.keepKey(), a.ID)
	}
	return nil
}

// heldFrom stands on the list of what is kept in the place of the instant at which
// what is held would be forgotten: no instant comes to it.
const heldFrom = 1e15

// Retained is an application whose personal data is erased soon, or is to be.
type Retained struct {
	Application Application
	Due         workday.Date
	Rule        ruleset.Rule
	// Erase says that the day has come; before it is a reminder.
	Erase bool
}

// keptAtOnce bounds what is looked at in one call: what is left comes with the next.
const keptAtOnce = 500

// RetentionDue lists what is to be forgotten, or will be within the rule's days of
// reminder, in the actor's reach (staff.CaseRead, staff.CaseSupervise), the oldest
// first. What is held is not in it.
func (o *Office) RetentionDue(ctx context.Context, a staff.Actor, now time.Time) ([]Retained, error) {
	units, err := reach(a, now, staff.CaseRead, staff.CaseSupervise)
	if err != nil {
		return nil, err
	}
	today := workday.DateOf(now)
	rules, err := o.store.Rules(ctx)
	if err != nil {
		return nil, err
	}
	_, terms, err := ruleset.Of[keepTerms](rules.Filled().Set, "linkage-retention", today)
	if err != nil {
		return nil, err
	}
	list, err := o.store.retained(ctx, rules, today, today.AddDays(terms.Remind))
	return slices.DeleteFunc(list, func(x Retained) bool { return !units[x.Application.Unit] }), err
}

// Held lists what is kept beyond its time, in the actor's reach.
func (o *Office) Held(ctx context.Context, a staff.Actor, now time.Time) ([]Application, error) {
	units, err := reach(a, now, staff.CaseRead, staff.CaseSupervise)
	if err != nil {
		return nil, err
	}
	ids, err := o.store.scored(ctx, heldFrom, heldFrom, keptAtOnce)
	if err != nil {
		return nil, err
	}
	held, err := o.store.load(ctx, o.store.journal.Redis(), ids)
	if err != nil {
		return nil, err
	}
	var out []Application
	for _, h := range held {
		if h != nil && h.Held && units[h.Unit] {
			out = append(out, *h)
		}
	}
	return out, nil
}

func (s *Store) retained(ctx context.Context, rules Rules, today, by workday.Date) ([]Retained, error) {
	ids, err := s.scored(ctx, 0, by.Start().Unix(), keptAtOnce)
	if err != nil {
		return nil, err
	}
	held, err := s.load(ctx, s.journal.Redis(), ids)
	if err != nil {
		return nil, err
	}
	var out []Retained
	for _, h := range held {
		if h == nil {
			continue
		}
		x := Retained{Application: *h, Due: today.AddDays(-1), Erase: true} // being forgotten: its keys are left
		until, found, ok, err := h.KeptUntil(rules)
		if err != nil {
			return nil, err
		}
		if ok {
			x.Due, x.Rule, x.Erase = until, found, today.After(until)
		} else if sealed, _ := h.sealed(); sealed {
			continue // held, or its outcome overturned
		}
		out = append(out, x)
	}
	return out, nil
}

// Hold stays the erasure of an application's personal data for one of HoldGrounds,
// or ends the stay (staff.CaseApprove).
func (o *Office) Hold(ctx context.Context, a staff.Actor, id string, hold bool, ground string, now time.Time) error {
	if hold && !slices.Contains(HoldGrounds(), ground) {
		return fault.New(fault.Invalid, "evidence.hold").With("ground", "evidence.hold")
	}
	action, what := "linkage.hold", HoldBegun
	if !hold {
		action, what, ground = "linkage.release", HoldEnded, ""
	}
	result, _, err := o.store.change(ctx, entry(a, action, Ref(id), now), []string{id}, func(_ Rules, x *Application) error {
		if err := staff.Can(a, staff.CaseApprove, x.resource(), now); err != nil {
			return err
		}
		if sealed, _ := x.sealed(); !sealed {
			return fault.New(fault.Gone, "linkage.forgotten")
		}
		if x.Held == hold {
			return fault.New(fault.Conflict, "evidence.hold.same")
		}
		x.Held = hold
		x.Events = append(x.Events, Event{What: what, On: workday.DateOf(now), At: now.UTC(), By: a.User.ID, Ref: ground})
		return nil
	}, nil, nil)
	if err != nil {
		return err
	}
	return result.first([]string{id})
}

// errHeld ends the forgetting of what is held by now.
var errHeld = fault.New(fault.Conflict, "evidence.hold.same")

// Expire forgets what is past its time of keeping: the keys of names and of contacts
// are erased, the application, its states and that contacts took place stay. It may
// run in several processes at once and be cut off anywhere: an application stays on
// the list until its keys are gone. It returns how many were forgotten.
func (s *Store) Expire(ctx context.Context, keys *seal.Keys, now time.Time) (int, error) {
	rules, err := s.Rules(ctx)
	if err != nil {
		return 0, err
	}
	today := workday.DateOf(now)
	list, err := s.retained(ctx, rules, today, today)
	if err != nil {
		return 0, err
	}
	forgotten := 0
	var wrong error
	for _, x := range list {
		if ctx.Err() != nil {
			break // what is left comes with the next call
		}
		if !x.Erase {
			continue
		}
		done, err := s.expire(ctx, keys, x, now)
		if done {
			forgotten++
		}
		wrong = errors.Join(wrong, err)
	}
	return forgotten, wrong
}

// shares tells whether a key of what is sealed with the application also opens
// what another one still needs: one person's applications of one upload share the
// key of the name, and those of one call share the key of what was said.
func (s *Store) shares(ctx context.Context, a Application, today workday.Date) (bool, error) {
	refs, ids, err := s.personal(ctx, a)
	if err != nil {
		return false, err
	}
	v, err := s.view(ctx)
	if err != nil {
		return false, err
	}
	for _, ref := range refs {
		more, _, _ := v.list(Filter{Group: Applicant{Person: true, Key: ref}.Group()}, ByNotice, nil, keptAtOnce, nil)
		ids = append(ids, more...)
	}
	slices.Sort(ids)
	others, err := s.load(ctx, s.journal.Redis(), slices.Compact(ids))
	if err != nil {
		return false, err
	}
	rules, err := s.Rules(ctx)
	if err != nil {
		return false, err
	}
	for _, h := range others {
		if h == nil || h.ID == a.ID {
			continue
		}
		if sealed, _ := h.sealed(); !sealed {
			continue
		}
		until, _, ok, err := h.KeptUntil(rules)
		if err != nil || !ok || !today.After(until) {
			return true, err
		}
	}
	return false, nil
}

// postpone looks again in a month at what has to wait for another application.
func (s *Store) postpone(ctx context.Context, a Application, now time.Time) error {
	e := journal.Entry{Actor: "system", Action: "linkage.keep", Ref: Ref(a.ID), At: now}
	return s.journal.Commit(ctx, e, []string{s.key(a.ID)}, func(tx *journal.Tx) error {
		tx.ZAdd(s.keepKey(), float64(workday.DateOf(now).AddDays(30).Start().Unix()), a.ID)
		return nil
	})
}

func (s *Store) expire(ctx context.Context, keys *seal.Keys, x Retained, now time.Time) (bool, error) {
	a, today := x.Application, workday.DateOf(now)
	if sealed, _ := a.sealed(); sealed {
		if waits, err := s.shares(ctx, a, today); err != nil || waits {
			if err == nil {
				err = s.postpone(ctx, a, now)
			}
			return false, err
		}
		e := journal.Entry{Actor: "system", Action: "linkage.forget", Ref: Ref(a.ID), At: now, Rule: x.Rule.Ref()}
		result, done, err := s.change(ctx, e, []string{a.ID}, func(r Rules, b *Application) error {
			until, _, ok, err := b.KeptUntil(r)
			if err != nil {
				return err
			}
			if !ok || !today.After(until) {
				return errHeld
			}
			b.Events = append(b.Events, Event{What: Forgotten, On: today, At: now.UTC(), By: "system"})
			return nil
		}, nil, nil)
		if err != nil {
			return false, err
		}
		if result.first([]string{a.ID}) != nil {
			return false, nil
		}
		a = done[0]
	}
	return true, s.erase(ctx, keys, a, now)
}
