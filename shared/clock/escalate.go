package clock

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Escalate acts on levels that clocks have reached: it notes the level with the
// clock and puts a message into the inboxes that the level is for, in one commit.
// Each level of each clock is acted on once, however often it is called and by
// however many at a time. It looks at a bounded number of records a call, begins
// with what waited longest, and returns how many levels it acted on. A record that
// cannot be done does not keep the others waiting; its error is returned beside
// the count.
//
// Before that it computes the index anew, a bounded part a call, once a day and
// after each import of a calendar.
func (s *Store) Escalate(ctx context.Context, now time.Time) (int, error) {
	cal, err := s.calendar.Current(ctx)
	if err != nil {
		return 0, err
	}
	today := workday.DateOf(now)
	wrong := s.recompute(ctx, cal, now)
	refs, err := s.reached(ctx, today, chosen.N("run.records"))
	if err != nil || len(refs) == 0 {
		return 0, errors.Join(wrong, err)
	}
	post, err := s.post(ctx)
	if err != nil {
		return 0, errors.Join(wrong, err)
	}
	acted := 0
	for _, ref := range refs {
		if ctx.Err() != nil {
			break // what is left waits for the next call
		}
		n, err := s.escalate(ctx, ref, cal, post, now)
		acted += n
		wrong = errors.Join(wrong, err)
	}
	return acted, wrong
}

func (s *Store) escalate(ctx context.Context, ref string, cal workday.Calendar, post *post, now time.Time) (int, error) {
	today, acted := workday.DateOf(now), 0
	entry := journal.Entry{Actor: "system", Action: "clock.escalate", Ref: ref, At: now}
	if rule, ok := s.rules.For("clock-escalation", today); ok {
		entry.Rule = rule.Ref()
	}
	err := s.j.Commit(ctx, entry, nil, func(tx *journal.Tx) error {
		acted = 0
		list, err := s.watched(tx, []string{ref})
		if err != nil {
			return err
		}
		k := list[0]
		if k.Ref == "" {
			s.look(tx, ref, workday.Date{})
			return nil
		}
		k = k.At(cal, today)
		acts, next, err := k.due(s.rules, cal, today)
		if err != nil {
			return err
		}
		if len(acts) == 0 {
			s.look(tx, ref, next)
			return nil
		}
		for _, a := range acts {
			k.Acts = append(k.Acts, a)
			to, err := post.to(ctx, k, a.Level)
			if err != nil {
				return err
			}
			for _, org := range to {
				if err := s.staff.Tell(tx, message(org, k, a, now)); err != nil {
					return err
				}
			}
		}
		acted = len(acts)
		return s.act(tx, k, next)
	})
	if err != nil {
		return 0, fmt.Errorf("clock: escalating %s: %w", ref, err)
	}
	return acted, nil
}

// post knows whose inboxes a level is for.
type post struct {
	staff *staff.Store
	orgs  []staff.Organization
	units map[string]staff.Organization // by label, the zero one where there is none
	homes map[string]string             // users' organisations, "" for accounts that are gone
}

func (s *Store) post(ctx context.Context) (*post, error) {
	orgs, err := s.staff.Organizations(ctx, false)
	return &post{s.staff, orgs, map[string]staff.Organization{}, map[string]string{}}, err
}

// unit is the organisation behind what Kept calls a unit.
func (p *post) unit(ctx context.Context, name string) (staff.Organization, error) {
	if o, ok := p.units[name]; ok {
		return o, nil
	}
	for _, o := range p.orgs {
		if o.ID == name && !o.Closed {
			p.units[name] = o
			return o, nil
		}
	}
	o, ok, err := p.staff.Unit(ctx, name)
	if err != nil {
		return o, err
	}
	if !ok {
		o = staff.Organization{}
	}
	p.units[name] = o
	return o, nil
}

// home is the organisation of a user, "" for an account that is gone.
func (p *post) home(ctx context.Context, user string) (string, error) {
	org, ok := p.homes[user]
	if !ok {
		u, err := p.staff.User(ctx, user)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return "", err
		}
		org = u.Org
		p.homes[user] = org
	}
	return org, nil
}

// to lists the organisations that a level is for: the unit and where its owners
// are; above it who supervises; at last the city's lead bureau, which also
// supervises what has nobody above it and learns what has no unit. What discipline
// inspection handles is told to nobody else.
func (p *post) to(ctx context.Context, k Kept, level Level) ([]string, error) {
	unit, err := p.unit(ctx, k.Unit)
	if err != nil {
		return nil, err
	}
	var out []string
	add := func(id string) {
		if id != "" && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	add(unit.ID)
	if k.Unit == staff.DisciplineUnit || unit.Kind == staff.Discipline {
		return out, nil
	}
	for _, user := range k.Owners {
		org, err := p.home(ctx, user)
		if err != nil {
			return nil, err
		}
		add(org)
	}
	if level.Over(Urged) {
		add(unit.Parent)
	}
	if level.Over(Supervised) || unit.ID == "" || level.Over(Urged) && unit.Parent == "" {
		for _, o := range p.orgs {
			if o.Kind == staff.LeadBureau && !o.Closed {
				add(o.ID)
			}
		}
	}
	return out, nil
}

// message tells of a level: the kind and number of the record, the clock and its
// last day, and nothing of what it is about or whom.
func message(org string, k Kept, a Act, now time.Time) staff.Message {
	return staff.NewMessage(org, "clock."+string(a.Level), k.Ref, "clock.told."+string(a.Level), k.Link, now,
		word("clock.matter."+k.Kind(), "clock.matter"), k.Number(), word(k.Matter+".clock."+a.Clock, "clock.any"), a.Due.String())
}

// word is an argument that is read in the reader's language.
func word(key, or string) string {
	if !page.Has(key) {
		key = or
	}
	return staff.Word(key)
}

// recompute computes the index anew under the calendar, a part of it a call: what
// is not the same any more is written. It goes on where the last call of the same
// day and calendar left off, and is over once it came to the end.
func (s *Store) recompute(ctx context.Context, cal workday.Calendar, now time.Time) error {
	today := workday.DateOf(now)
	name := today.String() + "/" + cal.Version()
	last, over, err := s.passed(ctx, name)
	if err != nil || over {
		return err
	}
	refs, err := s.after(ctx, last, chosen.N("pass.records"))
	if err != nil {
		return err
	}
	if len(refs) == 0 {
		return s.passTo(ctx, name, passOver)
	}
	list, err := s.read(ctx, s.j.Redis(), refs)
	if err != nil {
		return err
	}
	var wrong error
	for i, k := range list {
		if k.Ref == "" || !k.moves(cal, today) {
			continue
		}
		if ctx.Err() != nil {
			return errors.Join(wrong, ctx.Err())
		}
		wrong = errors.Join(wrong, s.again(ctx, refs[i], cal, now))
	}
	return errors.Join(wrong, s.passTo(ctx, name, refs[len(refs)-1]))
}

// moves tells whether a clock of the record stands otherwise under the calendar.
func (k Kept) moves(cal workday.Calendar, today workday.Date) bool {
	for i, c := range k.At(cal, today).Clocks {
		if c.Due != k.Clocks[i].Due || c.Provisional != k.Clocks[i].Provisional {
			return true
		}
	}
	return false
}

// again writes a record as it stands under the calendar.
func (s *Store) again(ctx context.Context, ref string, cal workday.Calendar, now time.Time) error {
	entry := journal.Entry{Actor: "system", Action: "clock.recompute", Ref: ref, At: now}
	err := s.j.Commit(ctx, entry, nil, func(tx *journal.Tx) error {
		list, err := s.watched(tx, []string{ref})
		if err != nil || list[0].Ref == "" {
			return err
		}
		return s.put(tx, list[0], list[0].At(cal, workday.DateOf(now)))
	})
	if err != nil {
		return fmt.Errorf("clock: computing %s anew: %w", ref, err)
	}
	return nil
}

// Moves is what a calendar would do to the clocks that run.
type Moves struct {
	// Running counts clocks, Moved those whose last day would be another, Settled
	// those that would be provisional no more.
	Running, Moved, Settled int
	// More says that there are more records than were looked at.
	More bool
}

// Preview tells what another calendar would do to the clocks that run. It changes
// nothing.
func (s *Store) Preview(ctx context.Context, cal workday.Calendar, today workday.Date) (Moves, error) {
	var m Moves
	current, err := s.calendar.Current(ctx)
	if err != nil {
		return m, err
	}
	last, step := "", chosen.N("pass.records")
	for looked := 0; ; looked += step {
		refs, err := s.after(ctx, last, step)
		if err != nil || len(refs) == 0 {
			return m, err
		}
		if looked >= chosen.N("preview.records") {
			m.More = true
			return m, nil
		}
		list, err := s.read(ctx, s.j.Redis(), refs)
		if err != nil {
			return m, err
		}
		for _, k := range list {
			was, is := k.At(current, today).Clocks, k.At(cal, today).Clocks
			for i := range was {
				m.Running++
				if was[i].Due != is[i].Due {
					m.Moved++
				}
				if was[i].Provisional && !is[i].Provisional {
					m.Settled++
				}
			}
		}
		last = refs[len(refs)-1]
	}
}
