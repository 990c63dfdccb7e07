package workday

import (
	"fmt"
	"strings"
	"time"

	"ipcredit/shared/fault"
)

// CST is China Standard Time, UTC+8 without daylight saving. All civil dates of
// the system are dates in CST; instants are stored in UTC. It is a fixed zone so
// that images without a time zone database agree.
var CST = time.FixedZone("CST", 8*3600)

// Date is a civil date in China: no clock, no zone. The zero Date means "none"
// and sorts before every date. Dates are comparable with == and usable as map
// keys. Every non-zero Date is a day that exists in the Gregorian calendar, of
// the years 0001 to 9999.
//
// In JSON a Date is the string "2026-04-29"; none is null (reading also takes
// the empty string).
type Date struct {
	ymd int32 // year*10000 + month*100 + day, so that order is numeric order
}

const (
	firstYear = 1
	lastYear  = 9999
)

// MaxDate is the last date that can be written, 9999-12-31. Arithmetic that
// would pass it stops there.
var MaxDate = Date{lastYear*10000 + 1231}

var minDate = Date{firstYear*10000 + 101}

// NewDate returns the date, or a fault if there is no such day.
func NewDate(year int, month time.Month, day int) (Date, error) {
	if year < firstYear || year > lastYear || month < time.January || month > time.December || day < 1 {
		return Date{}, fault.New(fault.Invalid, "workday.date_absent", year, int(month), day)
	}
	if last := daysIn(year, month); day > last {
		return Date{}, fault.New(fault.Invalid, "workday.date_month_end", year, int(month), day, last)
	}
	return pack(year, month, day), nil
}

// MustDate parses s and panics if it is not a date. For tests and tables in code.
func MustDate(s string) Date {
	d, err := ParseDate(s)
	if err != nil {
		panic(fmt.Sprintf("workday: %q is not a date: %v", s, err))
	}
	return d
}

// ParseDate reads 2026-04-29 (ISO 8601) or 2026/04/29 (the national exchange
// form; there month and day may lose their leading zero, as spreadsheets write
// them). Anything else, and a day that does not exist, is a fault.
func ParseDate(s string) (Date, error) {
	sep := byte('-')
	if strings.IndexByte(s, '/') >= 0 {
		sep = '/'
	}
	form := func() (Date, error) { return Date{}, fault.New(fault.Invalid, "workday.date_form") }
	if len(s) < 8 || len(s) > 10 || s[4] != sep {
		return form()
	}
	year, ok := digits(s[:4])
	if !ok {
		return form()
	}
	m, d, found := strings.Cut(s[5:], string(sep))
	if !found {
		return form()
	}
	if sep == '-' && (len(m) != 2 || len(d) != 2) {
		return form()
	}
	month, ok := digits(m)
	if !ok || len(m) > 2 {
		return form()
	}
	day, ok := digits(d)
	if !ok || len(d) > 2 {
		return form()
	}
	return NewDate(year, time.Month(month), day)
}

// digits reads an unsigned decimal number of at most four digits.
func digits(s string) (int, bool) {
	if len(s) == 0 || len(s) > 4 {
		return 0, false
	}
	n := 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int(s[i]-'0')
	}
	return n, true
}

// DateOf returns the date it is in China at the instant t.
func DateOf(t time.Time) Date {
	if t.IsZero() {
		return Date{}
	}
	y, m, d := t.In(CST).Date()
	switch {
	case y < firstYear:
		return minDate
	case y > lastYear:
		return MaxDate
	}
	return pack(y, m, d)
}

func pack(year int, month time.Month, day int) Date {
	return Date{int32(year*10000 + int(month)*100 + day)}
}

// IsZero tells whether d is none.
func (d Date) IsZero() bool { return d.ymd == 0 }

// Year, Month and Day are the parts of d, all 0 for none.
func (d Date) Year() int         { return int(d.ymd / 10000) }
func (d Date) Month() time.Month { return time.Month(d.ymd / 100 % 100) }
func (d Date) Day() int          { return int(d.ymd % 100) }

// Weekday is the day of the week of d.
func (d Date) Weekday() time.Weekday { return d.utc().Weekday() }

// Before, After and Equal compare days; none is before every day.
func (d Date) Before(o Date) bool { return d.ymd < o.ymd }
func (d Date) After(o Date) bool  { return d.ymd > o.ymd }
func (d Date) Equal(o Date) bool  { return d == o }

// Compare is -1, 0 or +1 as d is before, the same as or after o.
func (d Date) Compare(o Date) int {
	switch {
	case d.ymd < o.ymd:
		return -1
	case d.ymd > o.ymd:
		return +1
	}
	return 0
}

// utc is midnight UTC of d: a safe base for day arithmetic, never an instant.
func (d Date) utc() time.Time {
	return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, time.UTC)
}

// AddDays returns the date n days later (earlier if n is negative). None stays
// none; the result stays inside the years 0001 to 9999.
func (d Date) AddDays(n int) Date {
	if d.IsZero() || n == 0 {
		return d
	}
	const span = lastYear * 366
	n = min(max(n, -span), span)
	t := d.utc().AddDate(0, 0, n)
	switch y := t.Year(); {
	case y < firstYear:
		return minDate
	case y > lastYear:
		return MaxDate
	}
	return pack(t.Date())
}

// AddMonths returns the corresponding day n months later, or the last day of
// that month where it has no such day (民法典 art. 202). The result of several
// steps may differ from that of one: 01-31 + 1 + 1 months is 03-28, 01-31 + 2
// months is 03-31. None stays none.
func (d Date) AddMonths(n int) Date {
	if d.IsZero() {
		return d
	}
	const span = lastYear * 12
	n = min(max(n, -span), span)
	m := d.Year()*12 + int(d.Month()) - 1 + n
	switch {
	case m < firstYear*12:
		return minDate
	case m >= (lastYear+1)*12:
		return MaxDate
	}
	year, month := m/12, time.Month(m%12+1)
	return pack(year, month, min(d.Day(), daysIn(year, month)))
}

// AddYears returns the corresponding day n years later; 02-29 becomes 02-28 in a
// common year (民法典 art. 202).
func (d Date) AddYears(n int) Date {
	const span = lastYear
	return d.AddMonths(min(max(n, -span), span) * 12)
}

// DaysUntil is how many days o is after d; negative if o is earlier.
func (d Date) DaysUntil(o Date) int {
	return int(o.utc().Sub(d.utc()).Hours() / 24)
}

// Start is the first instant of d in China, in UTC. Start of none is the zero time.
func (d Date) Start() time.Time {
	if d.IsZero() {
		return time.Time{}
	}
	return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, CST).UTC()
}

// End is the first instant after d in China, in UTC: what lasts through d
// inclusive holds while now is before End.
func (d Date) End() time.Time {
	if d.IsZero() {
		return time.Time{}
	}
	return d.Start().Add(24 * time.Hour)
}

// String is "2026-04-29", or "" for none.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return string(d.append(make([]byte, 0, 10)))
}

func (d Date) append(b []byte) []byte {
	y, m, day := d.Year(), int(d.Month()), d.Day()
	return append(b, byte('0'+y/1000), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-',
		byte('0'+m/10), byte('0'+m%10), '-', byte('0'+day/10), byte('0'+day%10))
}

// MarshalText writes "2026-04-29", or nothing for none.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDate reads; empty is none.
func (d *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Date{}
		return nil
	}
	p, err := ParseDate(string(b))
	if err != nil {
		return err
	}
	*d = p
	return nil
}

// MarshalJSON writes the date as a string, or null for none.
func (d Date) MarshalJSON() ([]byte, error) {
	if d.IsZero() {
		return []byte("null"), nil
	}
	b := append(make([]byte, 0, 12), '"')
	return append(d.append(b), '"'), nil
}

// UnmarshalJSON reads a string as ParseDate does; null and "" are none.
func (d *Date) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*d = Date{}
		return nil
	}
	if len(b) < 2 || b[0] != '"' || b[len(b)-1] != '"' {
		return fault.New(fault.Invalid, "workday.date_form")
	}
	return d.UnmarshalText(b[1 : len(b)-1])
}

// Min is the earliest of the dates that are not none; none if all are.
func Min(dates ...Date) Date {
	var m Date
	for _, d := range dates {
		if !d.IsZero() && (m.IsZero() || d.Before(m)) {
			m = d
		}
	}
	return m
}

// Max is the latest of the dates; none if there is none.
func Max(dates ...Date) Date {
	var m Date
	for _, d := range dates {
		if d.After(m) {
			m = d
		}
	}
	return m
}

func daysIn(year int, month time.Month) int {
	switch month {
	case time.February:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case time.April, time.June, time.September, time.November:
		return 30
	}
	return 31
}
