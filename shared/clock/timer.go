package clock

import (
	"fmt"

	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Pause is a time that is not counted: the days after From, To inclusive. The day
// on which it begins was still worked on, and so was none after it.
type Pause struct {
	From workday.Date `json:"from"`
	// To is the day on which it ended; nothing while Open.
	To   workday.Date `json:"to,omitzero"`
	Open bool         `json:"open,omitzero"`
}

// Timer is what a clock is computed from: the event, the rule and what happened
// since.
type Timer struct {
	Name string
	// From is the day of the event that set it running.
	From workday.Date
	// Period is how long the rule gives; Roll what becomes of a last day of rest,
	// Duty also where it is empty. Periods of working days never roll.
	Period workday.Period
	Roll   workday.Roll
	// Rule is the version in force on the day of the event.
	Rule ruleset.Rule
	// Extension is what the head may add; it counts where Extended says so.
	Extension workday.Period
	Extended  bool
	// Until is the last day where an instrument names it: Period, Extension and
	// Pauses then lengthen nothing, and nothing rolls.
	Until workday.Date
	// Pauses are in the order in which they began, and do not overlap.
	Pauses []Pause
	// Done is the day on which the obligation was met or fell away.
	Done workday.Date

	cal workday.Calendar // what the clock was last computed with
}

// Clock is the limit as it stands today. Days of a pause are not counted: working
// days of a period in working days, calendar days of any other (程序规定 art. 18:
// time for inspection and appraisal is outside the check's). A pause that is open
// ends today, or on Done.
//
// An extension of the same unit is one longer period; one of another unit begins
// on the last day of the first, before that is rolled.
func (t Timer) Clock(cal workday.Calendar, today workday.Date) Clock {
	kept := t
	kept.cal = cal
	c := Clock{
		Name: t.Name, From: t.From, Extended: t.Extended, Done: t.Done,
		Rule: t.Rule.Ref(), Labelled: t.Rule.Labelled(), Basis: t.Rule.Basis(), Timer: &kept,
	}
	pauses, open := t.pauses(today)
	c.Paused = open && t.Done.IsZero()
	if !t.Until.IsZero() {
		c.Due = t.Until
		return c
	}
	c.Due, c.Provisional = t.due(cal, pauses)
	return c
}

// String says the arithmetic, for logs and tests.
func (t *Timer) String() string {
	if t == nil {
		return ""
	}
	p := *t
	p.cal = workday.Calendar{}
	type plain Timer
	return fmt.Sprintf("%+v", plain(p))
}

// All are the clocks of the timers as they stand today, in the same order.
func All(timers []Timer, cal workday.Calendar, today workday.Date) []Clock {
	out := make([]Clock, len(timers))
	for i, t := range timers {
		out[i] = t.Clock(cal, today)
	}
	return out
}

// pauses closes the open one, and tells whether there is one.
func (t Timer) pauses(today workday.Date) (out []Pause, open bool) {
	end := today
	if !t.Done.IsZero() {
		end = t.Done
	}
	for _, p := range t.Pauses {
		if p.Open {
			p.To, open = end, true
		}
		if !t.Done.IsZero() {
			p.To = workday.Min(p.To, t.Done)
		}
		out = append(out, p)
	}
	return out, open
}

// due finds the last day: lengthening the period by what was paused inside it can
// bring more of a pause inside, so it goes on until nothing more comes in.
func (t Timer) due(cal workday.Calendar, pauses []Pause) (workday.Date, bool) {
	left := 0
	for {
		due, unrolled, provisional := t.lengthened(cal, left)
		now := 0
		for _, p := range pauses {
			from, to := workday.Max(p.From, t.From), workday.Min(p.To, unrolled)
			if from.Before(to) {
				now += t.count(cal, from, to)
			}
		}
		if now == left {
			return due, provisional
		}
		left = now
	}
}

// count is how many days after from up to to the period's unit counts.
func (t Timer) count(cal workday.Calendar, from, to workday.Date) int {
	if t.last().Unit == workday.Workdays {
		return cal.Between(from, to)
	}
	return from.DaysUntil(to)
}

// last is the period that the timer ends with.
func (t Timer) last() workday.Period {
	if t.Extended && !t.Extension.IsZero() {
		return t.Extension
	}
	return t.Period
}

// lengthened is the last day when so many days were not counted, and what it was
// before it rolled.
func (t Timer) lengthened(cal workday.Calendar, left int) (due, unrolled workday.Date, provisional bool) {
	from, p := t.From, t.Period
	if t.Extended && !t.Extension.IsZero() {
		if t.Extension.Unit == p.Unit {
			p.N += t.Extension.N
		} else {
			first := cal.Due(from, p, workday.None)
			from, p, provisional = first.Due, t.Extension, first.Provisional
		}
	}
	if p.Unit == workday.Workdays {
		p.N += left
		term := cal.Due(from, p, workday.None)
		return term.Due, term.Due, provisional || term.Provisional
	}
	unrolled = cal.Due(from, p, workday.None).Due.AddDays(left)
	if t.Roll == workday.None {
		return unrolled, unrolled, provisional
	}
	// No days after the last one: only its rolling is asked for.
	term := cal.Due(unrolled, workday.Period{Unit: workday.Days}, workday.Duty)
	return term.Due, unrolled, provisional || term.Provisional
}
