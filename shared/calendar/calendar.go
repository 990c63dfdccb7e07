// Package calendar keeps the years of the official calendar that were imported.
//
// One officer proposes what a notice of the State Council says, another approves
// it, and from then on everybody counts by it. Nothing is ever taken out: a
// mistake is corrected by a later notice, or by importing the same one again, and
// all that was ever in force stays to be read.
package calendar

import (
	"slices"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// State is where an import stands.
type State = staff.Standing

// The states. The words are the catalogue's "calendar.state."+State.
const (
	Proposed  = staff.Moved
	Approved  = staff.Carried
	Refused   = staff.Denied  // by the second person
	Withdrawn = staff.Dropped // by who proposed it
)

// Import is one year as somebody brought it in.
type Import struct {
	staff.Motion
	Year workday.Year `json:"year"`
}

// Over is the shipped calendar with what was approved laid over it. Where two
// notices speak of the same year the later published one counts. The same notice
// approved again takes the place of what it said before: that is how a slip of the
// hand is corrected.
func Over(imports []Import) (workday.Calendar, error) {
	list := slices.DeleteFunc(slices.Clone(imports), func(x Import) bool { return x.State != Approved })
	slices.SortStableFunc(list, func(a, b Import) int { return a.Ended.Compare(b.Ended) })
	var years []workday.Year
	for i, x := range list {
		again := slices.ContainsFunc(list[i+1:], func(later Import) bool {
			return later.Year.Year == x.Year.Year && later.Year.Notice == x.Year.Notice
		})
		if !again {
			years = append(years, x.Year)
		}
	}
	return workday.NewCalendar(years...)
}

// With is what Over would be if the year were approved now, for somebody to look
// at before. A year that would change nothing is a fault: it says the same as the
// one in force, or a later notice is in force. So is a notice of another day than
// today or before.
func With(imports []Import, y workday.Year, today workday.Date) (workday.Calendar, error) {
	if err := y.Check(); err != nil {
		return workday.Calendar{}, err
	}
	if y.Published.After(today) {
		return workday.Calendar{}, refuse("calendar.future", y.Published.String())
	}
	now, err := Over(imports)
	if err != nil {
		return workday.Calendar{}, err
	}
	next, err := Over(append(slices.Clone(imports), Import{staff.Motion{State: Approved, Ended: endOfTime}, y}))
	if err != nil {
		return workday.Calendar{}, err
	}
	if next.Version() == now.Version() {
		for _, old := range now.Years() {
			if old.Year == y.Year && y.Published.Before(old.Published) {
				return next, refuse("calendar.superseded", old.Notice, old.Published.String())
			}
		}
		return next, refuse("calendar.same")
	}
	return next, nil
}

// endOfTime is after every decision.
var endOfTime = time.Unix(1<<40, 0)

func refuse(code string, args ...any) error {
	return fault.New(fault.Invalid, code, args...).With("published", code, args...)
}

// Change is a day that two calendars see differently.
type Change struct {
	Date    workday.Date
	Was, Is workday.Day
}

// Changes are the days of a year, and of the December before it, on which work
// begins or ends to be done; what a rest day is called does not matter.
func Changes(was, is workday.Calendar, year int) []Change {
	first, err := workday.NewDate(year-1, time.December, 1)
	if err != nil {
		return nil
	}
	var out []Change
	for d := first; d.Year() <= year; d = d.AddDays(1) {
		if a, b := was.On(d), is.On(d); a.Working != b.Working {
			out = append(out, Change{d, a, b})
		}
	}
	return out
}
