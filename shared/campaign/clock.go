package campaign

import (
	"context"
	"fmt"
	"slices"

	"ipcredit/shared/clock"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// The clocks of a joint inspection; those of a campaign's tasks are named by their
// measure. Words are the catalogue's "campaign.clock."+name.
const (
	AnswerClock = "answer" // an invited organisation: say whether it takes part
	FindClock   = "find"   // who takes part: find at every site by the last day
	FinishClock = "finish" // the leading organisation: sum up after the last day
)

// rule is the document as the provision that a last day rests on.
func (b Basis) rule() ruleset.Rule {
	return ruleset.Rule{ID: "campaign-basis", From: b.On, Source: "《" + b.Title + "》", Article: b.Number, Confidence: ruleset.Verified}
}

// Timer is what runs for a task of the campaign: from its start to the task's own
// day. Before the start and once it is reached or the campaign has ended, nobody
// owes anything; a correction that takes the number below the target makes the
// task run again.
func (c Campaign) Timer(t Task) (clock.Timer, bool) {
	if c.State != Running && c.State != Closed {
		return clock.Timer{}, false
	}
	x := clock.Timer{Name: t.Measure, From: c.Started, Until: t.Due, Rule: c.Basis.rule(), Done: t.Reached}
	if x.Done.IsZero() && c.State == Closed {
		x.Done = c.Ended
	}
	return x, true
}

// kept is what the index of clocks holds of a task: it is the district's.
func (c Campaign) kept(t Task, now times) clock.Kept {
	k := clock.Kept{
		Ref: Ref(c.ID + "/" + t.ID), Unit: t.District, Division: t.District, Matter: "campaign", Link: "case-handling/campaigns/" + c.ID,
		Calendar: now.cal.Version(),
	}
	if timer, runs := c.Timer(t); runs {
		k.Clocks = []clock.Clock{timer.Clock(now.cal, now.today)}
	}
	return k
}

// Timers are what runs for an organisation of the inspection, in the order in which
// it began.
func (i Inspection) Timers(set ruleset.Set, org string) ([]clock.Timer, error) {
	var out []clock.Timer
	planned, begun := i.on("created"), i.on("begin")
	if n := i.part(org); n >= 0 && i.Stage == Invited && i.Parts[n].Answer == "" {
		t, err := within(set, AnswerClock, "inspection-answer", planned)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	if i.Stage != Underway {
		return out, nil
	}
	if i.misses(org) {
		out = append(out, clock.Timer{Name: FindClock, From: begun, Until: i.To, Rule: i.Basis.rule()})
	}
	if org == i.Org {
		t, err := within(set, FinishClock, "inspection-finish", workday.Max(i.To, begun))
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// misses tells whether the organisation has still to find something somewhere.
func (i Inspection) misses(org string) bool {
	for _, orgs := range i.Missing() {
		if slices.Contains(orgs, org) {
			return true
		}
	}
	return false
}

// on is the day of the first event of the kind.
func (i Inspection) on(what string) workday.Date {
	for _, e := range i.Events {
		if e.What == what {
			return workday.DateOf(e.At)
		}
	}
	return workday.Date{}
}

func within(set ruleset.Set, name, id string, from workday.Date) (clock.Timer, error) {
	r, ok := set.For(id, from)
	if !ok {
		return clock.Timer{}, fmt.Errorf("campaign: no rule %s for %s", id, from)
	}
	p, err := ruleset.Params[struct {
		Within workday.Period `json:"within"`
	}](r)
	return clock.Timer{Name: name, From: from, Period: p.Within, Roll: workday.Duty, Rule: r}, err
}

// kept is what the index holds of an inspection: one record for each organisation,
// which owes its own part and nobody else's.
func (i Inspection) kept(now times) ([]clock.Kept, error) {
	orgs := []string{i.Org}
	for _, p := range i.Parts {
		if p.Org != i.Org {
			orgs = append(orgs, p.Org)
		}
	}
	var out []clock.Kept
	for _, org := range orgs {
		timers, err := i.Timers(now.set, org)
		if err != nil {
			return nil, err
		}
		k := clock.Kept{
			Ref: InspectionRef(i.ID + "/" + org), Unit: org, Division: i.Division, Matter: "campaign", Link: "case-handling/inspections/" + i.ID,
			Clocks: clock.All(timers, now.cal, now.today), Calendar: now.cal.Version(),
		}
		if org == i.Org {
			k.Unit, k.Owners = i.Division, i.Handlers
		} else if p := i.Parts[i.part(org)]; p.By != "" {
			k.Owners = []string{p.By}
		}
		out = append(out, k)
	}
	return out, nil
}

// times is what clocks are computed with.
type times struct {
	set   ruleset.Set
	cal   workday.Calendar
	today workday.Date
}

// times reads the calendar in force: before a commit, which holds a connection.
func (s *Store) times(ctx context.Context, today workday.Date) (times, error) {
	cal, err := s.calendar.Current(ctx)
	return times{ruleset.Shipped(), cal, today}, err
}

// keep notes the clocks of some of a campaign's tasks.
func (s *Store) keep(tx *journal.Tx, c Campaign, now times, tasks ...Task) error {
	records := make([]clock.Kept, len(tasks))
	for i, t := range tasks {
		records[i] = c.kept(t, now)
	}
	return s.clocks.Keep(tx, records...)
}

// keepInspection notes those of an inspection.
func (s *Store) keepInspection(tx *journal.Tx, i Inspection, now times) error {
	records, err := i.kept(now)
	if err != nil {
		return err
	}
	return s.clocks.Keep(tx, records...)
}
