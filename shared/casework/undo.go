package casework

import (
	"context"
	"slices"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Took is what a case got when another one was put into it and had not before: what
// ending the merger takes away again.
type Took struct {
	Parties      []Party  `json:"parties,omitempty"`
	Applications []string `json:"applications,omitempty"`
	Marks        []string `json:"marks,omitempty"`
	Agents       []string `json:"agents,omitempty"`
	Tags         []string `json:"tags,omitempty"`
	TipOffs      []string `json:"tipOffs,omitempty"`
	Same         []string `json:"same,omitempty"`
	People       int      `json:"people,omitzero"`
	// What the case said of the act before.
	ActEnded   workday.Date `json:"actEnded,omitzero"`
	Continuing bool         `json:"continuing,omitzero"`
	Health     bool         `json:"health,omitzero"`
}

// took compares a case with what it was before another one was put into it.
func took(before, after Case) Took {
	return Took{
		Parties: without(after.Parties, before.Parties), Applications: without(after.Applications, before.Applications),
		Marks: without(after.Marks, before.Marks), Agents: without(after.Agents, before.Agents), Tags: without(after.Tags, before.Tags),
		TipOffs: without(after.TipOffs, before.TipOffs), Same: without(after.Same, before.Same), People: after.People - before.People,
		ActEnded: before.ActEnded, Continuing: before.Continuing, Health: before.Health,
	}
}

// without is a list without what stands in another.
func without[T comparable](list, other []T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(v T) bool { return slices.Contains(other, v) })
}

// unmerge takes a case out of the one that it is handled with: it stands where it
// stood, its clocks have run on, and the other one gives back what it got from it.
// What was done with the other one meanwhile stays there, and so do those who had a
// part: they had it in both.
func (c *Case) unmerge(d doing, lead *Case) error {
	if c.State != Merged || c.Into == "" || c.Into != lead.Number {
		return fault.New(fault.Conflict, "casework.unmerge.state")
	}
	if !c.ErasedOn.IsZero() {
		return fault.New(fault.Gone, "casework.erased", c.ErasedOn.String())
	}
	if c.Unit != lead.Unit || lead.Offer != nil || !slices.Contains(mergeable, lead.State) {
		return fault.New(fault.Conflict, "casework.unmerge.lead")
	}
	at := slices.IndexFunc(c.Events, func(e Event) bool { return e.What == string(Merged) })
	before := slices.IndexFunc(c.Events, func(e Event) bool { return slices.Contains(mergeable, State(e.What)) })
	if at < 0 || before < 0 {
		return fault.New(fault.Conflict, "casework.unmerge.state")
	}
	c.Events = slices.Clone(c.Events)
	for i, e := range c.Events {
		if i < at && slices.Contains(mergeable, State(e.What)) {
			c.State = State(e.What)
		}
	}
	// It happened, and ends no clock any more.
	c.Events[at].What, c.Events[at].Ref = MergeUndone, lead.Number
	c.Into, c.Outcome = "", ""
	c.happen(Event{On: d.today, What: Unmerged, By: d.by, Ref: lead.Number})
	c.acted(staff.CaseApprove, d.by)

	if t, known := lead.Took[c.Number]; known {
		lead.Parties = without(lead.Parties, t.Parties)
		lead.Applications, lead.Marks = without(lead.Applications, t.Applications), without(lead.Marks, t.Marks)
		lead.Agents, lead.Tags = without(lead.Agents, t.Agents), without(lead.Tags, t.Tags)
		lead.TipOffs, lead.Same = without(lead.TipOffs, t.TipOffs), without(lead.Same, t.Same)
		if lead.ActEnded == c.ActEnded {
			lead.ActEnded = t.ActEnded
		}
		lead.Continuing, lead.Health = lead.Continuing && (t.Continuing || !c.Continuing), lead.Health && (t.Health || !c.Health)
		rest := map[string]Took{}
		for number, x := range lead.Took {
			if number != c.Number {
				rest[number] = x
			}
		}
		lead.Took = rest
	}
	lead.Same = without(lead.Same, []string{c.Number})
	lead.happen(Event{On: d.today, What: Unmerged, By: d.by, Ref: c.Number})
	lead.acted(staff.CaseApprove, d.by)
	return nil
}

// Unmerge takes a case out of the one that it was put into (staff.CaseApprove, with
// the reason): it is handled by itself again and its clocks, which have run on, run
// on. Conflict where the other one has gone further than the investigation or to
// another unit.
func (s *Store) Unmerge(ctx context.Context, a staff.Actor, seen Seen, reason string, now time.Time) (Case, error) {
	o, err := s.enter(ctx, a, staff.CaseApprove, seen.Number, now)
	if err != nil {
		return Case{}, err
	}
	if o.Into == "" {
		return o.Case, fault.New(fault.Conflict, "casework.unmerge.state")
	}
	lead, err := s.enter(ctx, a, staff.CaseApprove, o.Into, now)
	if err != nil {
		return o.Case, err
	}
	content, people := "", 0
	if mine := o.inside.People; len(mine) > 0 && lead.ErasedOn.IsZero() {
		rest := lead.inside
		rest.People = slices.Clone(rest.People)
		for _, p := range mine {
			if at := slices.Index(rest.People, p); at >= 0 {
				rest.People = slices.Delete(rest.People, at, at+1)
				people++
			}
		}
		if content, err = sealed(lead.To, rest); err != nil {
			return o.Case, err
		}
	}
	other := Seen{lead.Number, lead.Version}
	return s.commit(ctx, a, o, seen, work{name: "unmerge", text: reason, about: Unmerged, needed: true,
		act: func(*Case, doing) error { return nil },
		also: func(tx *journal.Tx, c *Case) error {
			before, led, err := s.pair(ctx, tx, other)
			if err != nil {
				return err
			}
			if err := c.unmerge(o.doing(a, now), &led); err != nil {
				return err
			}
			if content != "" {
				led.People -= people
				tx.Set(s.key(led.Number, "content"), content)
			}
			return s.put(tx, before, &led, o.rules, now)
		}}, now)
}

// liftRecusal lets a user take part again.
func (c *Case) liftRecusal(d doing, user string) error {
	if err := c.closedNow(); err != nil {
		return err
	}
	if !slices.Contains(c.Recused, user) {
		return fault.New(fault.Conflict, "casework.recused.not")
	}
	for _, e := range c.Events {
		if e.What == RecusedUser && e.Ref == user && e.By == d.by {
			return fault.New(fault.Forbidden, "casework.recused.same")
		}
	}
	c.Recused = without(c.Recused, []string{user})
	c.happen(Event{On: d.today, What: RecusalLifted, By: d.by, Ref: user})
	return nil
}

// LiftRecusal lets a user who was recused take part again (staff.CaseSupervise, with
// the reason; neither he himself nor who recused him). He gets nothing back: he is
// assigned like anybody else.
func (s *Store) LiftRecusal(ctx context.Context, a staff.Actor, seen Seen, user, reason string, now time.Time) (Case, error) {
	o, err := s.look(ctx, seen.Number, now)
	if err != nil {
		return Case{}, err
	}
	if err := s.can(ctx, a, staff.CaseSupervise, o.Case, nil, now); err != nil {
		return o.Case, err
	}
	return s.commit(ctx, a, o, seen, work{name: "lift_recusal", text: reason, about: RecusalLifted, needed: true,
		act: func(c *Case, d doing) error { return c.liftRecusal(d, user) }}, now)
}

// mayLift tells whether there is a recusal that the actor could lift.
func (s *Store) mayLift(ctx context.Context, a staff.Actor, o opened, now time.Time) bool {
	return o.Open() && len(o.Recused) > 0 && s.can(ctx, a, staff.CaseSupervise, o.Case, nil, now) == nil
}
