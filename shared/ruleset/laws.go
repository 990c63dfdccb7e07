package ruleset

import (
	"fmt"

	"ipcredit/shared/workday"
)

// Laws are the rule sets and the calendar that a matter is to apply; the zero value
// is what the program ships.
type Laws struct {
	Set      Set
	Calendar workday.Calendar

	ready bool
}

// Filled puts what the program ships in the place of what was not given.
func (l Laws) Filled() Laws {
	if l.ready {
		return l
	}
	l.ready = true
	if len(l.Set.All()) == 0 {
		l.Set = Shipped()
	}
	if len(l.Calendar.Years()) == 0 {
		l.Calendar = workday.Official()
	}
	return l
}

// Of returns the version of a rule in force on the day of the event, with its
// parameters. That there is none is an error of ours: a set that lacks a rule is
// found by its matter's tests.
func Of[T any](set Set, id string, on workday.Date) (Rule, T, error) {
	found, ok := set.For(id, on)
	if !ok {
		var none T
		return Rule{}, none, fmt.Errorf("ruleset: no rule %s for %s", id, on)
	}
	p, err := Params[T](found)
	return found, p, err
}
