// Package clock computes time limits from events and knows which of them are due.
//
// A clock is one limit of one obligation: a matter with three obligations has
// three, and no record holds the earliest of them instead. What a clock says is
// computed from its Timer on every read; nothing of it is stored as the truth.
// Store keeps an index beside it, for lists of what is due and for deadline-tick,
// which urges, supervises and reports what is late (催办, 督办, 通报). The index is
// computed anew when the official calendar changes.
//
// The rules are functions of events, the calendar and the day.
package clock

import (
	"ipcredit/shared/workday"
)

// Clock is one time limit as it stands on a day.
type Clock struct {
	// Name is the obligation's, in the words of its matter: "check", "notice", ….
	Name string `json:"name"`
	// From is the day of the event that set it running.
	From workday.Date `json:"from"`
	// Due is the last day, included.
	Due workday.Date `json:"due"`
	// Provisional says that Due depends on a year without an official calendar.
	Provisional bool `json:"provisional,omitzero"`
	// Extended says that the head extended it.
	Extended bool `json:"extended,omitzero"`
	// Paused says that something not counted is being waited for: an inspection, an
	// expert's opinion. Due is then what it would be if that ended today.
	Paused bool `json:"paused,omitzero"`
	// Done is the day on which it was kept or missed for good; none while it runs.
	Done workday.Date `json:"done,omitzero"`
	// Rule is the rule version applied; Labelled says that it is ours or known
	// from memory, see ruleset.Rule.Labelled.
	Rule     string        `json:"rule"`
	Labelled bool          `json:"labelled,omitzero"`
	Basis    workday.Basis `json:"basis"`

	// Timer is what it was computed from; nil where it was not made by a Timer.
	// The index keeps it, so that it can compute the clock under another calendar.
	Timer *Timer `json:"-"`
}

// Running tells whether the obligation is still open.
func (c Clock) Running() bool { return c.Done.IsZero() }

// Overdue tells whether the limit is missed on that day. A clock that stands is
// not late.
func (c Clock) Overdue(on workday.Date) bool {
	if !c.Done.IsZero() {
		return c.Done.After(c.Due)
	}
	return !c.Paused && on.After(c.Due)
}

// Left is how many working days are left after today, negative how many it is
// late.
func (c Clock) Left(cal workday.Calendar, today workday.Date) int { return cal.Between(today, c.Due) }

// calendar is what the clock was computed with, as far as is known.
func (c Clock) calendar() workday.Calendar {
	if c.Timer == nil || c.Timer.cal.Version() == "" {
		return workday.Official()
	}
	return c.Timer.cal
}

// Next is the running clock that ends first; false when none runs. It is what a
// list is sorted by, never what is stored in place of the clocks.
func Next(clocks []Clock) (Clock, bool) {
	var next Clock
	found := false
	for _, k := range clocks {
		if k.Running() && (!found || k.Due.Before(next.Due)) {
			next, found = k, true
		}
	}
	return next, found
}

// Never is the score of what has no limit running: after everything that has.
const Never = 99991231

// Score is a day as the score of a sorted list, in the order of the days: 20260520;
// Never where there is none.
func Score(d workday.Date) float64 {
	if d.IsZero() {
		return Never
	}
	return float64(d.Year()*10000 + int(d.Month())*100 + d.Day())
}
