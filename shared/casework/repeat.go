package casework

import (
	"slices"

	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Infringed is one dated finding of trademark infringement against a party.
type Infringed struct {
	On         workday.Date
	Instrument string // document number: one finding counts once
	Annulled   bool
	Case       string // our case, "" from a record of another body
}

// Repetition is what 商标法 art. 60 makes of a party's infringements: two or more
// within five years are punished more heavily.
type Repetition struct {
	Repeated bool
	// Within are the findings that count, the day in question among them, oldest
	// first; Since is the first day that still counts.
	Within []Infringed
	Since  workday.Date
	Rule   ruleset.Rule
}

// Repeated tells whether a party whose infringements are these is a repeat
// infringer on a day: findings of the day itself and of the five years before it
// count, the corresponding day of five years ago among them (民法典 art. 201, 202:
// the day of the event is not counted, the last one is the corresponding day).
// What was annulled does not count, and the same instrument counts once. It
// decides nothing: how heavy a penalty is, officers decide.
func Repeated(set ruleset.Set, found []Infringed, on workday.Date) (Repetition, error) {
	rule, p, err := ruleset.Of[struct {
		Within workday.Period `json:"within"`
		Times  int            `json:"times"`
	}](set, "casework-repeat", on)
	if err != nil {
		return Repetition{}, err
	}
	out := Repetition{Rule: rule}
	cal := workday.Official() // years do not ask which days are worked
	ends := func(from workday.Date) workday.Date { return cal.Last(from, p.Within, workday.None) }
	// Back from the day: the earliest from which the period still reaches it.
	out.Since = on
	for out.Since = on.AddYears(-p.Within.N); ends(out.Since.AddDays(-1)).Compare(on) >= 0; {
		out.Since = out.Since.AddDays(-1)
	}
	for _, f := range found {
		same := func(o Infringed) bool { return f.Instrument != "" && o.Instrument == f.Instrument }
		if f.Annulled || f.On.IsZero() || f.On.After(on) || ends(f.On).Before(on) || slices.ContainsFunc(out.Within, same) {
			continue
		}
		out.Within = append(out.Within, f)
	}
	slices.SortStableFunc(out.Within, func(a, b Infringed) int { return a.On.Compare(b.On) })
	out.Repeated = len(out.Within) >= p.Times
	return out, nil
}
