package linkage

import (
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Rules are the law to apply; the zero value is what the program ships.
type Rules = ruleset.Laws

// terms are the parameters of "linkage-clocks".
type terms struct {
	Notice   workday.Period `json:"notice"`   // receipt of the list → taken on
	Action   workday.Period `json:"action"`   // taken on → the holder is told
	Feedback workday.Period `json:"feedback"` // what was done → reported upward
	Follow   workday.Period `json:"follow"`   // reported without outcome → looked at again
}

// TargetOn is the rate to reach on a day (S4.13).
func TargetOn(r Rules, on workday.Date) (Target, ruleset.Rule, error) {
	found, t, err := ruleset.Of[Target](r.Filled().Set, "linkage-rate", on)
	return t, found, err
}
