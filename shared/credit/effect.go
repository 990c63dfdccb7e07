package credit

import (
	"slices"
	"time"

	"ipcredit/shared/catalog"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Effect is a measure or an incentive as it holds for one subject.
type Effect struct {
	catalog.Measure
	// First and Last are its days, both included; Last none: no end is known.
	First, Last workday.Date
}

// Effects are the measures that a displayed record brings on the day. Only what is
// final dishonesty brings any: a penalty still open to review or suit brings none,
// nor does what is favourable. They count from the determination, by the version of
// that day, and end with the record; so they are gone with its repair, its
// withdrawal or its last day.
func (l *Law) Effects(s Shown, on workday.Date) []Effect {
	if !s.Counts {
		return nil
	}
	var out []Effect
	for _, m := range l.catalog.Brought(s.Act, s.Tier, s.DeterminedOn) {
		last := workday.Min(s.DisplayUntil, m.Until)
		if last.IsZero() || !on.After(last) {
			out = append(out, Effect{m.Measure, s.DeterminedOn, last})
		}
	}
	return out
}

type goodRule struct {
	Term workday.Period `json:"term"`
	// FromEnd counts the years from the end of a record's display, not from its
	// document.
	FromEnd bool `json:"fromEnd"`
	// RepairedCounts lets a repaired record break the years as any other.
	RepairedCounts bool `json:"repairedCounts"`
}

// Good tells how a subject stands with three good years.
type Good struct {
	// Rule says what they are; it is labelled.
	Rule ruleset.Rule
	// From is the first day on which they are complete; none where no record that
	// this system knows stands in the way.
	From workday.Date
	// Reached tells that they are complete on the day asked about.
	Reached bool
	// Incentives are what they bring that day.
	Incentives []Effect
}

// GoodYears counts a subject's good years (三年守信). What breaks them is dishonesty
// that is final and may be displayed: what was annulled, what is kept from the
// public, and a penalty still open to review or suit break none. The term is
// complete once its last day has passed, and it is not while any record is
// displayed. False where no such rule is in force.
func (l *Law) GoodYears(records []Record, at time.Time) (Good, bool) {
	today := workday.DateOf(at)
	rule, ok := l.good.on(today)
	if !ok {
		return Good{}, false
	}
	g := Good{Rule: rule.Rule}
	visible, _ := l.Show(records, at)
	for _, s := range visible {
		if s.Counts {
			g.From = workday.Max(g.From, s.DisplayUntil.AddDays(1))
		}
	}
	for _, r := range records {
		if r.Withdrawn != nil && !r.Withdrawn.At.After(at) || r.Repaired != nil && !r.Repaired.On.After(today) && !rule.P.RepairedCounts {
			continue
		}
		newest, term, _, ok := l.displayable(r)
		if !ok || newest.DeterminedOn.After(today) || !l.counts(&newest) || l.open(&newest, today, &term) {
			continue
		}
		from := newest.DeterminedOn
		if rule.P.FromEnd {
			from = l.endedOn(records, r, visible)
		}
		g.From = workday.Max(g.From, l.calendar.Last(from, rule.P.Term, workday.None).AddDays(1))
	}
	g.Reached = g.From.IsZero() || !today.Before(g.From)
	if g.Reached {
		for _, m := range l.catalog.Incentives(today) {
			g.Incentives = append(g.Incentives, Effect{m.Measure, workday.Max(g.From, m.From), m.Until})
		}
	}
	return g, true
}

// endedOn is the last day of a record's display, as it was or will be.
func (l *Law) endedOn(records []Record, r Record, visible []Shown) workday.Date {
	if i := slices.IndexFunc(visible, func(s Shown) bool { return s.ID == r.ID }); i >= 0 && !visible[i].DisplayUntil.IsZero() {
		return visible[i].DisplayUntil
	}
	for _, x := range l.lives(records) {
		if x.id == r.ID && !x.gone.IsZero() {
			return x.gone.AddDays(-1)
		}
	}
	return r.DeterminedOn
}
