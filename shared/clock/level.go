package clock

import (
	"fmt"

	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Level is how far the supervision of a clock has gone. The words are the
// catalogue's "clock.level."+Level.
type Level string

// The levels, from low to high.
const (
	Quiet      Level = ""
	Urged      Level = "urged"      // 催办: those who handle it are reminded
	Supervised Level = "supervised" // 督办: the organisation above is told
	Reported   Level = "reported"   // 通报: the city's lead bureau is told
)

// Levels lists the levels that something is done at, from low to high.
func Levels() []Level { return []Level{Urged, Supervised, Reported} }

// Over tells whether l is higher than o.
func (l Level) Over(o Level) bool { return l.rank() > o.rank() }

func (l Level) rank() int {
	for i, x := range Levels() {
		if x == l {
			return i + 1
		}
	}
	return 0
}

// escalation are the parameters of the rule "clock-escalation", in working days.
type escalation struct {
	Urge      int `json:"urgeBefore"`     // before the last day
	Supervise int `json:"superviseAfter"` // after it
	Report    int `json:"reportAfter"`    // after it
}

// Level is how far the supervision of the clock has gone today, by the version of
// the rule "clock-escalation" in force when the clock began, and the first day on
// which it will be higher; none where it will not be. A clock that is done or
// stands has none, nor has one from before the rule.
func (c Clock) Level(set ruleset.Set, cal workday.Calendar, today workday.Date) (l Level, next workday.Date) {
	days, err := c.days(set, cal)
	if err != nil {
		return Quiet, workday.Date{} // such a set does not load, see ruleset's tests
	}
	return c.level(days, today)
}

func (c Clock) level(days []workday.Date, today workday.Date) (l Level, next workday.Date) {
	if len(days) == 0 || !c.Running() || c.Paused {
		return Quiet, workday.Date{}
	}
	for i, level := range Levels() {
		if today.Before(days[i]) {
			return l, days[i]
		}
		l = level
	}
	return l, workday.Date{}
}

// days are the first days of the levels, in their order; none where no rule says.
func (c Clock) days(set ruleset.Set, cal workday.Calendar) ([]workday.Date, error) {
	rule, ok := set.For("clock-escalation", c.From)
	if !ok || c.Due.IsZero() {
		return nil, nil
	}
	p, err := ruleset.Params[escalation](rule)
	if err != nil {
		return nil, fmt.Errorf("clock: %w", err)
	}
	// The first day on which no more than so many working days are left. Whoever
	// got it today is not urged today.
	urge, left := c.Due, 0
	for d := c.Due; d.AddDays(-1).After(c.From); {
		if cal.Working(d) {
			left++
		}
		if d = d.AddDays(-1); left > p.Urge {
			break
		}
		urge = d
	}
	after := func(n int) workday.Date {
		return cal.Last(c.Due, workday.Period{N: n, Unit: workday.Workdays}, workday.None)
	}
	return []workday.Date{urge, after(p.Supervise), after(p.Report)}, nil
}
