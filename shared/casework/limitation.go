package casework

import (
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Limitation says whether a penalty may come too late (行政处罚法 art. 36). It is
// a flag to look at, never a refusal.
type Limitation struct {
	Flag bool
	// Last is the last day on which the discovery was in time; none where the end
	// of the act is not known, or it goes on.
	Last workday.Date
	Rule ruleset.Rule
}

// Limit computes the flag: two years from the end of the act to the day of its
// discovery, five where life, health or financial safety was harmed; a continuing
// act has not begun to count. The last day is not rolled.
func Limit(rules Rules, ended workday.Date, continuing, health bool, discovered workday.Date) (Limitation, error) {
	rules = rules.Filled()
	var out Limitation
	rule, ordinary, err := ruleset.Of[struct{ Ordinary workday.Period }](rules.Set, "tipoff-limitation", discovered)
	if err != nil {
		return out, err
	}
	out.Rule = rule
	period := ordinary.Ordinary
	if health {
		longer, p, err := ruleset.Of[struct{ Health workday.Period }](rules.Set, "casework-limitation", discovered)
		if err != nil {
			return out, err
		}
		out.Rule, period = longer, p.Health
	}
	if ended.IsZero() || continuing {
		return out, nil
	}
	out.Last = rules.Calendar.Last(ended, period, workday.None)
	out.Flag = discovered.After(out.Last)
	return out, nil
}

// Limitation is the flag of the case.
func (c Case) Limitation(rules Rules) (Limitation, error) {
	return Limit(rules, c.ActEnded, c.Continuing, c.Health, c.ReceivedOn)
}
