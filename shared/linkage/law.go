package linkage

import (
	"fmt"

	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Rules are the law to apply; the zero value is what the program ships.
type Rules struct {
	Set      ruleset.Set
	Calendar workday.Calendar

	ready bool
}

// filled puts what the program ships in the place of what was not given.
func (r Rules) filled() Rules {
	if r.ready {
		return r
	}
	r.ready = true
	if len(r.Set.All()) == 0 {
		r.Set = ruleset.Shipped()
	}
	if len(r.Calendar.Years()) == 0 {
		r.Calendar = workday.Official()
	}
	return r
}

// rule returns the version of a rule in force on the day of the event, with its
// parameters.
func rule[T any](r Rules, id string, on workday.Date) (ruleset.Rule, T, error) {
	found, ok := r.Set.For(id, on)
	if !ok {
		var none T
		return ruleset.Rule{}, none, fmt.Errorf("linkage: no rule %s for %s", id, on)
	}
	p, err := ruleset.Params[T](found)
	return found, p, err
}

// terms are the parameters of "linkage-clocks".
type terms struct {
	Notice   workday.Period `json:"notice"`   // receipt of the list → taken on
	Action   workday.Period `json:"action"`   // taken on → the holder is told
	Feedback workday.Period `json:"feedback"` // what was done → reported upward
	Follow   workday.Period `json:"follow"`   // reported without outcome → looked at again
}

// TargetOn is the rate to reach on a day (S4.13).
func TargetOn(r Rules, on workday.Date) (Target, ruleset.Rule, error) {
	found, t, err := rule[Target](r.filled(), "linkage-rate", on)
	return t, found, err
}
