package workday

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strconv"

	"ipcredit/shared/fault"
)

// Unit is what a period is counted in.
type Unit string

// The units of periods. Workdays count only working days; the others count the
// calendar.
const (
	Workdays Unit = "workdays"
	Days     Unit = "days"
	Months   Unit = "months"
	Years    Unit = "years"
)

// maxPeriod bounds each unit to a hundred years: no statutory period is longer,
// and an open calculator must not be made to count for ever.
var maxPeriod = map[Unit]int{Workdays: 26000, Days: 36525, Months: 1200, Years: 100}

// Period is a length of time as a rule states it. The zero Period is none.
type Period struct {
	N    int  `json:"n"`
	Unit Unit `json:"unit"`
}

// NewPeriod checks n and unit; n may be 0 and at most a hundred years.
func NewPeriod(n int, unit Unit) (Period, error) {
	top, ok := maxPeriod[unit]
	if !ok {
		return Period{}, fault.New(fault.Invalid, "workday.unit")
	}
	if n < 0 || n > top {
		return Period{}, fault.New(fault.Invalid, "workday.period_range", top)
	}
	return Period{n, unit}, nil
}

// ParsePeriod reads a number as a person or program writes it: digits only.
func ParsePeriod(n string, unit Unit) (Period, error) {
	if n == "" || len(n) > 6 {
		return Period{}, periodForm(n, unit)
	}
	for _, r := range n {
		if r < '0' || r > '9' {
			return Period{}, periodForm(n, unit)
		}
	}
	v, err := strconv.Atoi(n)
	if err != nil {
		return Period{}, periodForm(n, unit)
	}
	return NewPeriod(v, unit)
}

func periodForm(n string, unit Unit) error {
	if _, ok := maxPeriod[unit]; !ok {
		return fault.New(fault.Invalid, "workday.unit")
	}
	if len(n) > 6 {
		return fault.New(fault.Invalid, "workday.period_range", maxPeriod[unit])
	}
	return fault.New(fault.Invalid, "workday.period_form")
}

// UnmarshalJSON reads {"n":6,"unit":"months"} and checks it as NewPeriod does.
func (p *Period) UnmarshalJSON(b []byte) error {
	var raw struct {
		N    *int `json:"n"`
		Unit Unit `json:"unit"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return fault.New(fault.Invalid, "workday.period_form").Because(err)
	}
	if raw.N == nil {
		return fault.New(fault.Invalid, "workday.period_form")
	}
	q, err := NewPeriod(*raw.N, raw.Unit)
	if err != nil {
		return err
	}
	*p = q
	return nil
}

// IsZero tells whether p is none.
func (p Period) IsZero() bool { return p == Period{} }

// Roll says what happens to a last day that is a rest day.
type Roll string

const (
	// Duty moves it to the first working day after the rest days: 民法典 art. 203,
	// for whoever must act by that day.
	Duty Roll = "duty"
	// None leaves it: a sanction, a display or a right's term is not lengthened
	// by a holiday. [design; 民法典 art. 203 exists for those who must act]
	None Roll = "none"
)

// ParseRoll reads duty or none; the empty string is Duty.
func ParseRoll(s string) (Roll, error) {
	switch Roll(s) {
	case "", Duty:
		return Duty, nil
	case None:
		return None, nil
	}
	return "", fault.New(fault.Invalid, "workday.roll")
}

// Why tells why a day was not counted, or was counted although it is a weekend.
type Why string

const (
	Weekend Why = "weekend" // Saturday or Sunday
	Holiday Why = "holiday" // named in the official arrangement
	Shifted Why = "shifted" // a weekend day worked by arrangement (调休上班)
)

// Passed is one day the counting treated specially.
type Passed struct {
	Date Date `json:"date"`
	Why  Why  `json:"why"`
	// Holiday is its official Chinese name, where there is one.
	Holiday string `json:"holiday,omitzero"`
}

// Basis is a provision a result rests on.
type Basis struct {
	Source  string `json:"source"`
	Article string `json:"article"`
	// Confidence is verified, memory-high, memory-check or design; the last two
	// must be shown as such. Empty for notices of the State Council, which are
	// cited by their own number.
	Confidence string `json:"confidence,omitzero"`
}

// Term is a computed deadline with its arithmetic.
type Term struct {
	// Due is the last day, included: the deadline is kept while it is before
	// Due.End(). None if the period began on no day.
	Due Date `json:"due"`
	// Provisional is true if the answer depends on a day of a year without an
	// official calendar; it must be recomputed when that year is imported.
	Provisional bool `json:"provisional"`
	// Counted is the number of working days counted (unit workdays) or of
	// calendar days from the day after the event to Due.
	Counted int `json:"counted"`
	// Skipped are the rest days passed over: between event and Due for working
	// days, at the end of the period for the other units.
	Skipped []Passed `json:"skipped"`
	// Worked are weekend days counted because the calendar makes them working days.
	Worked []Passed `json:"worked,omitzero"`
	Basis  []Basis  `json:"basis"`
}

//go:embed counting.json
var countingFile []byte

var basis = mustBasis()

func mustBasis() (b struct {
	Comment                                         string
	Start, Corresponding, Roll, NoRoll, Provisional Basis
	Weekend, NewYear                                Basis
}) {
	if err := json.Unmarshal(countingFile, &b); err != nil {
		panic(fmt.Sprintf("workday: counting.json: %v", err))
	}
	return b
}

// Due is the last day of a period that an event on the day from sets running.
// The day of the event is not counted (民法典 art. 201). Working days are never
// rolled: the last one is a working day. Days, months and years end on their
// last or corresponding day (art. 202), rolled as roll says (art. 203).
//
// The zero date gives the zero Term: an event that has not happened has no
// deadline.
func (c Calendar) Due(from Date, p Period, roll Roll) Term {
	if from.IsZero() {
		return Term{}
	}
	t := Term{Due: from, Skipped: []Passed{}, Basis: []Basis{basis.Start}}
	switch p.Unit {
	case Workdays:
		c.countWorkdays(&t, p.N)
	default:
		switch p.Unit {
		case Days:
			t.Due = from.AddDays(p.N)
		case Months:
			t.Due = from.AddMonths(p.N)
		case Years:
			t.Due = from.AddYears(p.N)
		}
		if p.Unit != Days {
			t.Basis = append(t.Basis, basis.Corresponding)
		}
		if roll == None {
			t.Basis = append(t.Basis, basis.NoRoll)
		} else {
			t.Basis = append(t.Basis, basis.Roll)
			c.roll(&t)
		}
		t.Counted = from.DaysUntil(t.Due)
	}
	if t.Provisional {
		t.Basis = append(t.Basis, basis.Provisional)
	}
	t.Basis = append(t.Basis, c.notices(from, t)...)
	return t
}

// Last is Due(from, p, roll).Due without the arithmetic to show: for reading
// paths that ask it for every record.
func (c Calendar) Last(from Date, p Period, roll Roll) Date {
	if from.IsZero() {
		return Date{}
	}
	d := from
	switch p.Unit {
	case Workdays:
		for n := p.N; n > 0 && d != MaxDate; {
			if d = d.AddDays(1); c.Working(d) {
				n--
			}
		}
		return d
	case Days:
		d = from.AddDays(p.N)
	case Months:
		d = from.AddMonths(p.N)
	case Years:
		d = from.AddYears(p.N)
	}
	for roll != None && d != MaxDate && !c.Working(d) {
		d = d.AddDays(1)
	}
	return d
}

// AddWorkdays is Due for n working days.
func (c Calendar) AddWorkdays(from Date, n int) Term {
	return c.Due(from, Period{n, Workdays}, None)
}

func (c Calendar) countWorkdays(t *Term, n int) {
	for t.Counted < n && t.Due != MaxDate {
		t.Due = t.Due.AddDays(1)
		day := c.On(t.Due)
		if !day.Official {
			t.Provisional = true
		}
		if !day.Working {
			t.Skipped = append(t.Skipped, passed(day))
			continue
		}
		t.Counted++
		if day.Shifted {
			t.Worked = append(t.Worked, Passed{Date: t.Due, Why: Shifted})
		}
	}
}

// roll moves t.Due off rest days.
func (c Calendar) roll(t *Term) {
	for {
		day := c.On(t.Due)
		if !day.Official {
			t.Provisional = true
		}
		if day.Working || t.Due == MaxDate {
			return
		}
		t.Skipped = append(t.Skipped, passed(day))
		t.Due = t.Due.AddDays(1)
	}
}

func passed(d Day) Passed {
	if d.Holiday != "" {
		return Passed{Date: d.Date, Why: Holiday, Holiday: d.Holiday}
	}
	return Passed{Date: d.Date, Why: Weekend}
}

// notices cites the arrangements of the years whose holidays or shifted days
// changed the count.
func (c Calendar) notices(from Date, t Term) []Basis {
	var out []Basis
	for y := from.Year(); y <= t.Due.Year(); y++ {
		year, ok := c.years[y]
		if !ok {
			continue
		}
		touches := func(list []Passed) bool {
			for _, p := range list {
				if p.Date.Year() == y && p.Why != Weekend {
					return true
				}
			}
			return false
		}
		if touches(t.Skipped) || touches(t.Worked) {
			out = append(out, Basis{Source: year.Title, Article: year.Notice})
		}
	}
	return out
}

// Basis is the provision that makes a day of a Term what it was passed as: the
// notice that names it, or what makes plain weekends and 1 January days of rest.
func (c Calendar) Basis(p Passed) Basis {
	if m, ok := c.days[p.Date]; ok {
		year := c.years[m.notice]
		return Basis{Source: year.Title, Article: year.Notice}
	}
	if p.Why == Holiday {
		return basis.NewYear
	}
	return basis.Weekend
}

// Between is how many working days lie after from up to and including to; it is
// negative if to is earlier. It says how many working days are left, or gone.
func (c Calendar) Between(from, to Date) int {
	if from.IsZero() || to.IsZero() {
		return 0
	}
	if to.Before(from) {
		return -c.Between(to, from)
	}
	n := 0
	for d := from; d.Before(to); {
		d = d.AddDays(1)
		if c.Working(d) {
			n++
		}
	}
	return n
}
