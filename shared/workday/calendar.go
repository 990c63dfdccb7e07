// Package workday counts days as Chinese law does: civil dates in China, the
// official calendar of working days with its shifted rest days (调休), and the
// deadlines that follow from 民法典 arts. 201 to 203.
//
// Everything here is a pure function of its arguments. Years without an official
// calendar are counted with plain weekends and 1 January off, and every deadline
// that depends on such a day says so (Term.Provisional).
package workday

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/fault"
)

// Year is the official arrangement of one year's holidays: what the notice of
// the State Council's General Office says, and where. Its days lie in the year
// or in the December before it.
type Year struct {
	Year      int    `json:"year"`
	Title     string `json:"title"`
	Notice    string `json:"notice"`    // document number, 国办发明电〔2025〕7号
	Source    string `json:"source"`    // where it was read
	Published Date   `json:"published"` // the later notice wins where two speak of one day
	Off       []Span `json:"off"`
	Work      []Date `json:"work"` // weekend days that are working days
}

// Span is a holiday from its first to its last day, both included.
type Span struct {
	Name string `json:"name"`
	From Date   `json:"from"`
	To   Date   `json:"to"`
}

// Day is what the calendar says of one date.
type Day struct {
	Date    Date
	Working bool
	// Official is false where no notice covers the date's year.
	Official bool
	// Holiday names the holiday of a rest day, as the notice does. Empty on
	// plain weekends and working days.
	Holiday string
	// Shifted is true on a weekend day that a notice makes a working day.
	Shifted bool
}

// Calendar tells working days from rest days. It is immutable and safe for
// concurrent use. The zero Calendar covers no year.
type Calendar struct {
	years   map[int]Year
	days    map[Date]mark
	version string
}

type mark struct {
	working bool
	holiday string
	notice  int // the year whose arrangement says so
}

//go:embed years/*.json
var yearFiles embed.FS

var official = mustOfficial()

// Official is the calendar shipped with the program: 2024 to 2026.
func Official() Calendar { return official }

// NewCalendar is the shipped calendar with imported years laid over it. Where
// two arrangements of the same year are given, the one published later counts
// (an import counts over the shipped one of the same day). The order of the
// arguments does not matter.
func NewCalendar(imported ...Year) (Calendar, error) {
	years := maps.Clone(official.years)
	sorted := slices.Clone(imported)
	slices.SortStableFunc(sorted, func(a, b Year) int { return a.Published.Compare(b.Published) })
	for _, y := range sorted {
		if err := y.Check(); err != nil {
			return Calendar{}, err
		}
		if old, ok := years[y.Year]; !ok || !y.Published.Before(old.Published) {
			years[y.Year] = y
		}
	}
	return build(years), nil
}

func build(years map[int]Year) Calendar {
	c := Calendar{years: years, days: make(map[Date]mark)}
	list := slices.SortedFunc(maps.Values(years), func(a, b Year) int {
		if d := a.Published.Compare(b.Published); d != 0 {
			return d
		}
		return a.Year - b.Year
	})
	for _, y := range list {
		for _, s := range y.Off {
			for d := s.From; !d.After(s.To); d = d.AddDays(1) {
				c.days[d] = mark{holiday: s.Name, notice: y.Year}
			}
		}
		for _, d := range y.Work {
			c.days[d] = mark{working: true, notice: y.Year}
		}
	}
	b, err := json.Marshal(c.Years())
	if err != nil {
		panic(fmt.Sprintf("workday: version: %v", err)) // strings and dates always marshal
	}
	sum := sha256.Sum256(b)
	c.version = base64.RawURLEncoding.EncodeToString(sum[:9])
	return c
}

func mustOfficial() Calendar {
	years := make(map[int]Year)
	files, err := yearFiles.ReadDir("years")
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		b, err := yearFiles.ReadFile("years/" + f.Name())
		if err != nil {
			panic(err)
		}
		y, err := ParseYear(b)
		if err != nil {
			panic(fmt.Sprintf("workday: years/%s: %v", f.Name(), err))
		}
		years[y.Year] = y
	}
	return build(years)
}

// Covers tells whether an official arrangement of the year is known.
func (c Calendar) Covers(year int) bool {
	_, ok := c.years[year]
	return ok
}

// LastOfficial is the last year with an official arrangement, 0 if none.
func (c Calendar) LastOfficial() int {
	last := 0
	for y := range c.years {
		last = max(last, y)
	}
	return last
}

// Years lists the arrangements in force, by year.
func (c Calendar) Years() []Year {
	return slices.SortedFunc(maps.Values(c.years), func(a, b Year) int { return a.Year - b.Year })
}

// Version tells the calendar from every other: two of the same version give the
// same answers, with the same provisions, so that stored deadlines know when to be
// computed anew. It is short, and safe in a header.
func (c Calendar) Version() string { return c.version }

// On is what the calendar says of d.
func (c Calendar) On(d Date) Day {
	day := Day{Date: d, Official: c.Covers(d.Year())}
	wd := d.Weekday()
	weekend := wd == time.Saturday || wd == time.Sunday
	if m, ok := c.days[d]; ok {
		day.Working, day.Holiday = m.working, m.holiday
		day.Shifted = m.working && weekend
		return day
	}
	if !day.Official && d.Month() == time.January && d.Day() == 1 {
		day.Holiday = newYear
		return day
	}
	day.Working = !weekend
	return day
}

// newYear is the one holiday whose date no notice can move: 全国年节及纪念日放假办法 art. 2(1).
const newYear = "元旦"

// Working tells whether d is a working day.
func (c Calendar) Working(d Date) bool { return c.On(d).Working }

// ParseYear reads an arrangement from JSON and checks it. Unknown fields are
// refused, so that a misspelt one cannot silently lose a holiday.
func ParseYear(b []byte) (Year, error) {
	var y Year
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&y); err != nil {
		if f, ok := fault.Of(err); ok {
			return Year{}, f
		}
		return Year{}, fault.New(fault.Invalid, "workday.year_form").Because(err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return Year{}, fault.New(fault.Invalid, "workday.year_form")
	}
	if err := y.Check(); err != nil {
		return Year{}, err
	}
	return y, nil
}

// The bounds of what a plausible arrangement of a year is. They catch slips of
// the hand, not policy: the years 2008 to 2026 had 247 to 252 working days, and
// no holiday so far was longer than ten days. [design]
const (
	minWorkdays   = 235
	maxWorkdays   = 262
	maxHolidayLen = 16
)

// Check tells whether y can be an official arrangement, naming everything that
// is wrong: source and number given, days inside the year (or the December
// before), make-up days on weekends and outside holidays, the fixed statutory
// holidays off, a plausible number of working days.
func (y Year) Check() error {
	f := fault.New(fault.Invalid, "workday.year")
	if y.Year < 2008 || y.Year > 2199 {
		f.With("year", "workday.year_range")
		return f
	}
	for _, t := range []struct{ name, value string }{{"title", y.Title}, {"notice", y.Notice}, {"source", y.Source}} {
		if strings.TrimSpace(t.value) == "" {
			f.With(t.name, "workday.year_missing")
		}
	}
	if y.Published.IsZero() {
		f.With("published", "workday.year_missing")
	}
	first, last := pack(y.Year-1, time.December, 1), pack(y.Year, time.December, 31)
	outside := func(d Date) bool { return d.Before(first) || d.After(last) }
	off := make(map[Date]bool)
	for i, s := range y.Off {
		name := fmt.Sprintf("off/%d", i)
		switch {
		case strings.TrimSpace(s.Name) == "":
			f.With(name, "workday.year_missing")
		case s.From.IsZero() || s.To.IsZero():
			f.With(name, "workday.year_missing")
		case outside(s.From) || outside(s.To):
			f.With(name, "workday.year_outside", s.From.String(), s.To.String(), y.Year)
		case s.To.Before(s.From):
			f.With(name, "workday.year_reversed", s.From.String(), s.To.String())
		case s.From.DaysUntil(s.To) >= maxHolidayLen:
			f.With(name, "workday.year_too_long", maxHolidayLen)
		default:
			for d := s.From; !d.After(s.To); d = d.AddDays(1) {
				if off[d] {
					f.With(name, "workday.year_twice", d.String())
				}
				off[d] = true
			}
		}
	}
	work := make(map[Date]bool)
	for i, d := range y.Work {
		name := fmt.Sprintf("work/%d", i)
		wd := d.Weekday()
		switch {
		case d.IsZero():
			f.With(name, "workday.year_missing")
			continue
		case outside(d):
			f.With(name, "workday.year_outside", d.String(), d.String(), y.Year)
		case wd != time.Saturday && wd != time.Sunday:
			f.With(name, "workday.year_not_weekend", d.String())
		case off[d] || work[d]:
			f.With(name, "workday.year_twice", d.String())
		}
		work[d] = true
	}
	// 全国年节及纪念日放假办法 art. 2: 1 January, 1 May and 1 to 3 October are off in every year.
	for _, d := range []Date{
		pack(y.Year, 1, 1), pack(y.Year, 5, 1), pack(y.Year, 10, 1), pack(y.Year, 10, 2), pack(y.Year, 10, 3),
	} {
		if !off[d] {
			f.With("off", "workday.year_statutory", d.String())
		}
	}
	if len(f.Fields) > 0 {
		return f
	}
	n := 0
	for d := pack(y.Year, 1, 1); !d.After(last); d = d.AddDays(1) {
		wd := d.Weekday()
		if work[d] || !off[d] && wd != time.Saturday && wd != time.Sunday {
			n++
		}
	}
	if n < minWorkdays || n > maxWorkdays {
		return f.With("off", "workday.year_count", n, minWorkdays, maxWorkdays)
	}
	return nil
}
