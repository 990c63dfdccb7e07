package tipoff

import (
	"slices"

	"ipcredit/shared/clock"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Clock is one statutory or own time limit of a tip-off, computed from its events;
// nothing of it is stored but in the index that package clock keeps. Its Name is
// one of those below, its words the catalogue's "tipoff.clock."+Name. Retention is
// Paused while it is stayed.
type Clock = clock.Clock

// The clocks' names.
const (
	CheckClock     = "check"     // decide whether to open a case
	NoticeClock    = "notice"    // tell the named reporter
	DisputeClock   = "dispute"   // answer “not solved”
	RetentionClock = "retention" // keep, then erase
)

// Clocks computes all clocks of the report as they stand today, in the order in
// which they began. Time limits of the check: domain reference E.1.
//
//   - check: 15 working days from the day of receipt, 15 more when the head
//     extended it, not counting days on which an expert's work was waited for;
//     it ends with the decision to open a case or not, a transfer, or a refusal
//     for want of competence. Handing it to another unit here, or handling it
//     together with another, starts nothing anew.
//   - notice: 5 working days from a decision, to a named reporter only. An
//     anonymous tip-off has no such clock.
//   - dispute: from the day the reporter said “not solved”.
//   - retention: from closing, by what came of it.
func (r Report) Clocks(rules Rules, today workday.Date) ([]Clock, error) {
	rules = rules.Filled()
	c := counting{rules: rules, report: r}
	if err := c.begin(); err != nil {
		return nil, err
	}
	for _, e := range r.Events {
		if err := c.event(e); err != nil {
			return nil, err
		}
	}
	clocks := clock.All(c.timers, rules.Calendar, today)
	for n := range clocks {
		if k := &clocks[n]; k.Name == RetentionClock && k.Running() {
			k.Paused = r.Held
		}
	}
	return clocks, nil
}

// counting goes through the events of a report.
type counting struct {
	rules  Rules
	report Report
	timers []clock.Timer
	// outcome is what the tip-off came to so far.
	outcome State
}

// pauses are the times in which an expert's work was waited for.
func (r Report) pauses() []clock.Pause {
	var out []clock.Pause
	for _, e := range r.Events {
		switch n := len(out) - 1; {
		case e.What == PauseBegun:
			out = append(out, clock.Pause{From: e.On, Open: true})
		case e.What == PauseEnded && n >= 0 && out[n].Open:
			out[n].To, out[n].Open = e.On, false
		}
	}
	return out
}

func (c *counting) begin() error {
	from, terms, err := ruleset.Of[checkTerms](c.rules.Set, "tipoff-check", c.report.Day)
	if err != nil {
		return err
	}
	c.timers = append(c.timers, clock.Timer{
		Name: CheckClock, From: c.report.Day, Period: terms.Base, Rule: from, Pauses: c.report.pauses(),
		Extension: terms.Extension,
		Extended:  slices.ContainsFunc(c.report.Events, func(e Event) bool { return e.What == string(Extended) }),
	})
	return nil
}

func (c *counting) event(e Event) error {
	s := State(e.What)
	switch {
	case s.Decided():
		c.end(e.On, CheckClock, NoticeClock, DisputeClock)
		c.outcome = s
		if !c.report.Named {
			return nil
		}
		from, terms, err := ruleset.Of[noticeTerms](c.rules.Set, "tipoff-notice", e.On)
		if err != nil {
			return err
		}
		c.add(NoticeClock, e.On, from, terms.Told, workday.Duty)
	case s == OutOfScope:
		c.end(e.On, CheckClock, NoticeClock, DisputeClock)
		c.outcome = s
	case s == Notified:
		c.end(e.On, NoticeClock)
	case s == Disputed:
		c.drop(RetentionClock)
		from, terms, err := ruleset.Of[disputeTerms](c.rules.Set, "tipoff-dispute", e.On)
		if err != nil {
			return err
		}
		c.add(DisputeClock, e.On, from, terms.Answer, workday.Duty)
	case s == Closed:
		c.end(e.On, CheckClock, NoticeClock, DisputeClock)
		from, terms, err := ruleset.Of[retentionTerms](c.rules.Set, "tipoff-retention", e.On)
		if err != nil {
			return err
		}
		c.add(RetentionClock, e.On, from, terms.of(c.outcome), workday.None)
	case s == Erased:
		c.end(e.On, RetentionClock)
	}
	return nil
}

// of is how long what came to this is kept.
func (t retentionTerms) of(outcome State) workday.Period {
	switch outcome {
	case CaseFiled:
		return t.Filed
	case Transferred:
		return t.Transferred
	}
	return t.Unfounded
}

// add begins a clock. No pause but the check's is left out.
func (c *counting) add(name string, on workday.Date, from ruleset.Rule, p workday.Period, roll workday.Roll) {
	c.timers = append(c.timers, clock.Timer{Name: name, From: on, Period: p, Roll: roll, Rule: from})
}

// end stops the clocks of these names that still run.
func (c *counting) end(on workday.Date, names ...string) {
	for n := range c.timers {
		if t := &c.timers[n]; t.Done.IsZero() && slices.Contains(names, t.Name) {
			t.Done = on
		}
	}
}

// drop takes back a clock that never came to its end.
func (c *counting) drop(name string) {
	c.timers = slices.DeleteFunc(c.timers, func(t clock.Timer) bool { return t.Name == name })
}

// Next is the running clock that ends first, retention apart; false when none
// runs.
func Next(clocks []Clock) (Clock, bool) {
	return clock.Next(obligations(clocks))
}

// obligations are the clocks of what somebody has to do: all but retention.
func obligations(clocks []Clock) []Clock {
	return slices.DeleteFunc(slices.Clone(clocks), func(k Clock) bool { return k.Name == RetentionClock })
}

// kept is what the index of clocks holds of a report.
func (r Report) kept(clocks []Clock, calendar string) clock.Kept {
	k := clock.Kept{
		Ref: Ref(r.Number), Unit: r.Unit, Division: r.Division, Matter: "tipoff", Link: "case-handling/tip-offs/" + r.Number,
		Clocks: obligations(clocks), Calendar: calendar,
	}
	if n := len(r.Handlers); n > 0 {
		k.Owners = r.Handlers[n-1:] // who took it up last
	}
	return k
}
