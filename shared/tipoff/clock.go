package tipoff

import (
	"slices"

	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Clock is one statutory or own time limit of a tip-off, computed from its
// events; nothing of it is stored.
type Clock struct {
	// Name is check, notice, dispute or retention: the words are the catalogue's
	// "tipoff.clock."+Name.
	Name string `json:"name"`
	// From is the day of the event that set it running.
	From workday.Date `json:"from"`
	// Due is the last day, included.
	Due workday.Date `json:"due"`
	// Provisional says that Due depends on a year without an official calendar.
	Provisional bool `json:"provisional,omitzero"`
	// Extended says that the head extended it.
	Extended bool `json:"extended,omitzero"`
	// Paused says that an expert's work is being waited for, which is not counted
	// (Due is then what it would be if that ended today), or that retention is
	// stayed.
	Paused bool `json:"paused,omitzero"`
	// Done is the day on which it was kept or missed for good; none while it runs.
	Done workday.Date `json:"done,omitzero"`
	// Rule is the rule version applied; Labelled says that it is ours or known
	// from memory, see ruleset.Rule.Labelled.
	Rule     string        `json:"rule"`
	Labelled bool          `json:"labelled,omitzero"`
	Basis    workday.Basis `json:"basis"`
}

// The clocks' names.
const (
	CheckClock     = "check"     // decide whether to open a case
	NoticeClock    = "notice"    // tell the named reporter
	DisputeClock   = "dispute"   // answer “not solved”
	RetentionClock = "retention" // keep, then erase
)

// Overdue tells whether the limit is missed on that day.
func (c Clock) Overdue(on workday.Date) bool {
	if !c.Done.IsZero() {
		return c.Done.After(c.Due)
	}
	return !c.Paused && on.After(c.Due)
}

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
	c := counting{rules: rules.filled(), today: today, report: r, paused: r.pauses(today)}
	if err := c.begin(); err != nil {
		return nil, err
	}
	for _, e := range r.Events {
		if err := c.event(e); err != nil {
			return nil, err
		}
	}
	return c.clocks, nil
}

// counting goes through the events of a report.
type counting struct {
	rules  Rules
	today  workday.Date
	report Report
	paused []pause
	clocks []Clock
	// outcome is what the tip-off came to so far.
	outcome State
}

// pause is a time not counted: the days after from, to to inclusive.
type pause struct {
	from, to workday.Date
	open     bool
}

func (r Report) pauses(today workday.Date) []pause {
	var out []pause
	for _, e := range r.Events {
		switch n := len(out) - 1; {
		case e.What == PauseBegun:
			out = append(out, pause{from: e.On, to: today, open: true})
		case e.What == PauseEnded && n >= 0 && out[n].open:
			out[n].to, out[n].open = e.On, false
		}
	}
	return out
}

func (c *counting) begin() error {
	from, terms, err := rule[checkTerms](c.rules, "tipoff-check", c.report.Day)
	if err != nil {
		return err
	}
	days := terms.Base.N
	clock := clockOf(CheckClock, c.report.Day, from)
	if slices.ContainsFunc(c.report.Events, func(e Event) bool { return e.What == string(Extended) }) {
		days, clock.Extended = days+terms.Extension.N, true
	}
	c.workdays(&clock, days)
	c.clocks = append(c.clocks, clock)
	return nil
}

func clockOf(name string, from workday.Date, r ruleset.Rule) Clock {
	return Clock{Name: name, From: from, Rule: r.Ref(), Labelled: r.Labelled(), Basis: r.Basis()}
}

// workdays sets the end of a clock of so many working days, leaving out pauses.
func (c *counting) workdays(clock *Clock, n int) {
	cal := c.rules.Calendar
	left := 0
	term := cal.AddWorkdays(clock.From, n)
	for {
		now := 0
		for _, p := range c.paused {
			from, to := workday.Max(p.from, clock.From), workday.Min(p.to, term.Due)
			if from.Before(to) {
				now += cal.Between(from, to)
			}
		}
		if now == left {
			break
		}
		left = now
		term = cal.AddWorkdays(clock.From, n+left)
	}
	clock.Due, clock.Provisional = term.Due, term.Provisional
	clock.Paused = slices.ContainsFunc(c.paused, func(p pause) bool { return p.open })
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
		from, terms, err := rule[noticeTerms](c.rules, "tipoff-notice", e.On)
		if err != nil {
			return err
		}
		c.add(clockOf(NoticeClock, e.On, from), terms.Told)
	case s == OutOfScope:
		c.end(e.On, CheckClock, NoticeClock, DisputeClock)
		c.outcome = s
	case s == Notified:
		c.end(e.On, NoticeClock)
	case s == Disputed:
		c.drop(RetentionClock)
		from, terms, err := rule[disputeTerms](c.rules, "tipoff-dispute", e.On)
		if err != nil {
			return err
		}
		c.add(clockOf(DisputeClock, e.On, from), terms.Answer)
	case s == Closed:
		c.end(e.On, CheckClock, NoticeClock, DisputeClock)
		from, terms, err := rule[retentionTerms](c.rules, "tipoff-retention", e.On)
		if err != nil {
			return err
		}
		clock := clockOf(RetentionClock, e.On, from)
		clock.Paused = c.report.Held
		clock.Due = c.rules.Calendar.Last(e.On, terms.of(c.outcome), workday.None)
		c.clocks = append(c.clocks, clock)
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

// add begins a clock; one of working days leaves out no pauses but the check's.
func (c *counting) add(clock Clock, p workday.Period) {
	term := c.rules.Calendar.Due(clock.From, p, workday.Duty)
	clock.Due, clock.Provisional = term.Due, term.Provisional
	c.clocks = append(c.clocks, clock)
}

// end stops the clocks of these names that still run.
func (c *counting) end(on workday.Date, names ...string) {
	for n := range c.clocks {
		if k := &c.clocks[n]; k.Done.IsZero() && slices.Contains(names, k.Name) {
			k.Done, k.Paused = on, false
		}
	}
}

// drop takes back a clock that never came to its end.
func (c *counting) drop(name string) {
	c.clocks = slices.DeleteFunc(c.clocks, func(k Clock) bool { return k.Name == name })
}

// Next is the running clock that ends first, retention apart; false when none
// runs.
func Next(clocks []Clock) (Clock, bool) {
	var next Clock
	found := false
	for _, k := range clocks {
		if k.Done.IsZero() && k.Name != RetentionClock && (!found || k.Due.Before(next.Due)) {
			next, found = k, true
		}
	}
	return next, found
}
