package clock

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

func day(s string) workday.Date {
	if s == "" {
		return workday.Date{}
	}
	return workday.MustDate(s)
}

func workdays(n int) workday.Period { return workday.Period{N: n, Unit: workday.Workdays} }
func days(n int) workday.Period     { return workday.Period{N: n, Unit: workday.Days} }
func months(n int) workday.Period   { return workday.Period{N: n, Unit: workday.Months} }

// rule is one that all clocks of these tests rest on.
var rule = ruleset.Rule{ID: "test", From: workday.MustDate("2020-01-01"), Source: "测试", Article: "第一条", Confidence: ruleset.MemoryCheck}

func pause(from, to string) Pause {
	if to == "" {
		return Pause{From: day(from), Open: true}
	}
	return Pause{From: day(from), To: day(to)}
}

// Domain reference M.1 to M.3 and M.12, with both sides.
func TestLimitsOfTheDomainReference(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, from  string
		period      workday.Period
		extension   workday.Period
		roll        workday.Roll
		due         string
		provisional bool
	}{
		{name: "M.1 check across the National Day holiday", from: "2025-09-22", period: workdays(15), due: "2025-10-17"},
		{name: "M.1 the same extended", from: "2025-09-22", period: workdays(15), extension: workdays(15), due: "2025-11-07"},
		{name: "M.1 notice to a named reporter", from: "2025-10-17", period: workdays(5), due: "2025-10-24"},
		{name: "M.2 received inside the holiday", from: "2025-10-04", period: workdays(15), due: "2025-10-28"},
		{name: "M.2 received on the last working day before it", from: "2025-09-30", period: workdays(15), due: "2025-10-28"},
		{name: "M.2 received on the first working day after it", from: "2025-10-09", period: workdays(15), due: "2025-10-29"},
		{name: "M.3 Spring Festival", from: "2026-02-10", period: workdays(15), due: "2026-03-09"},
		{name: "M.3 a day later", from: "2026-02-11", period: workdays(15), due: "2026-03-10"},
		{name: "M.3 Mid-Autumn and National Day", from: "2026-09-18", period: workdays(15), due: "2026-10-15"},
		{name: "M.12 90 days that end in the holiday", from: "2026-07-05", period: days(90), due: "2026-10-08"},
		{name: "M.12 90 days that end on its eve", from: "2026-07-02", period: days(90), due: "2026-09-30"},
		{name: "M.12 90 days that end on its first day", from: "2026-07-03", period: days(90), due: "2026-10-08"},
		{name: "M.12 90 days before it", from: "2026-07-01", period: days(90), due: "2026-09-29"},
		{name: "M.12 hearing request", from: "2026-04-30", period: workdays(5), due: "2026-05-11"},
		{name: "M.12 objection in three", from: "2026-04-30", period: workdays(3), due: "2026-05-08"},
		{name: "M.12 objection in seven", from: "2026-04-30", period: workdays(7), due: "2026-05-13"},
		{name: "what rolls for nobody ends in the holiday", from: "2026-07-05", period: days(90), roll: workday.None, due: "2026-10-03"},
		{name: "an extension begins on the last day, not on what it rolled to", from: "2026-07-05", period: days(90), extension: days(30), due: "2026-11-02"},
		{name: "an extension of another unit", from: "2026-07-05", period: days(90), extension: workdays(1), due: "2026-10-08"},
		{name: "month end", from: "2026-11-30", period: months(3), roll: workday.None, due: "2027-02-28"},
		{name: "a duty in a year without a calendar", from: "2026-11-30", period: months(3), due: "2027-03-01", provisional: true},
		{name: "the last official day", from: "2026-12-30", period: workdays(1), due: "2026-12-31"},
		{name: "the day after", from: "2026-12-30", period: workdays(2), due: "2027-01-04", provisional: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			timer := Timer{Name: "check", From: day(tt.from), Period: tt.period, Roll: tt.roll, Rule: rule,
				Extension: tt.extension, Extended: !tt.extension.IsZero()}
			c := timer.Clock(workday.Official(), day(tt.from))
			if c.Due != day(tt.due) || c.Provisional != tt.provisional || c.Extended != timer.Extended || c.Paused {
				t.Fatalf("due %v provisional %v, want %s %v", c.Due, c.Provisional, tt.due, tt.provisional)
			}
			if c.Overdue(c.Due) || !c.Overdue(c.Due.AddDays(1)) {
				t.Error("the last day is included, the one after it is late")
			}
			if c.Rule != "test@2020-01-01" || !c.Labelled || c.Basis.Article != "第一条" {
				t.Errorf("%+v", c)
			}
			// Not extended, although it could be.
			timer.Extended = false
			if plain := timer.Clock(workday.Official(), day(tt.from)); plain.Due.After(c.Due) {
				t.Errorf("without the extension %v", plain.Due)
			}
		})
	}
}

func TestWhatIsWaitedForIsNotCounted(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		from      string
		period    workday.Period
		extension workday.Period
		pauses    []Pause
		today     string
		due       string
		paused    bool
	}{
		{name: "three working days", from: "2026-06-01", period: workdays(15), pauses: []Pause{pause("2026-06-08", "2026-06-11")}, today: "2026-06-11", due: "2026-06-26"},
		{name: "a weekend only", from: "2026-06-01", period: workdays(15), pauses: []Pause{pause("2026-06-12", "2026-06-14")}, today: "2026-06-20", due: "2026-06-23"},
		{name: "over the end", from: "2026-06-01", period: workdays(15), pauses: []Pause{pause("2026-06-22", "2026-07-06")}, today: "2026-07-06", due: "2026-07-07"},
		{name: "after the end lengthens nothing", from: "2026-06-01", period: workdays(15), pauses: []Pause{pause("2026-06-23", "2026-07-06")}, today: "2026-07-06", due: "2026-06-23"},
		{name: "before it began", from: "2026-06-01", period: workdays(15), pauses: []Pause{pause("2026-05-01", "2026-05-20")}, today: "2026-07-06", due: "2026-06-23"},
		{name: "begun before it", from: "2026-06-01", period: workdays(15), pauses: []Pause{pause("2026-05-25", "2026-06-02")}, today: "2026-07-06", due: "2026-06-24"},
		{name: "two of them, the second only inside what the first added", from: "2026-06-01", period: workdays(15),
			pauses: []Pause{pause("2026-06-08", "2026-06-11"), pause("2026-06-24", "2026-06-26")}, today: "2026-06-30", due: "2026-06-30"},
		{name: "still waiting", from: "2026-06-01", period: workdays(15), pauses: []Pause{pause("2026-06-08", "")}, today: "2026-06-10", due: "2026-06-25", paused: true},
		{name: "still waiting a day later", from: "2026-06-01", period: workdays(15), pauses: []Pause{pause("2026-06-08", "")}, today: "2026-06-11", due: "2026-06-26", paused: true},
		{name: "extended and paused", from: "2025-09-22", period: workdays(15), extension: workdays(15), pauses: []Pause{pause("2025-10-20", "2025-10-23")}, today: "2025-10-23", due: "2025-11-12"},
		{name: "calendar days", from: "2026-07-01", period: days(90), pauses: []Pause{pause("2026-07-10", "2026-07-12")}, today: "2026-07-12", due: "2026-10-08"},
		{name: "calendar days, not into the holiday", from: "2026-07-01", period: days(90), pauses: []Pause{pause("2026-07-10", "2026-07-11")}, today: "2026-07-12", due: "2026-09-30"},
		{name: "months", from: "2026-01-31", period: months(1), pauses: []Pause{pause("2026-02-02", "2026-02-04")}, today: "2026-02-05", due: "2026-03-02"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			timer := Timer{From: day(tt.from), Period: tt.period, Rule: rule, Pauses: tt.pauses, Extension: tt.extension, Extended: !tt.extension.IsZero()}
			c := timer.Clock(workday.Official(), day(tt.today))
			if c.Due != day(tt.due) || c.Paused != tt.paused {
				t.Fatalf("due %v paused %v, want %s %v", c.Due, c.Paused, tt.due, tt.paused)
			}
			if c.Overdue(day("2030-01-01")) == tt.paused {
				t.Error("what stands is not late, what runs is")
			}
		})
	}
}

func TestADoneClockStandsStill(t *testing.T) {
	t.Parallel()
	timer := Timer{From: day("2026-06-01"), Period: workdays(15), Rule: rule, Pauses: []Pause{pause("2026-06-08", "")}, Done: day("2026-06-10")}
	c := timer.Clock(workday.Official(), day("2026-07-31"))
	if c.Paused || c.Due != day("2026-06-25") || c.Overdue(day("2030-01-01")) {
		t.Errorf("a pause ends with its clock: %+v", c)
	}
	timer.Pauses = nil
	for done, late := range map[string]bool{"2026-06-23": false, "2026-06-24": true} {
		timer.Done = day(done)
		if c := timer.Clock(workday.Official(), day("2026-07-31")); c.Overdue(day("2026-07-31")) != late {
			t.Errorf("done on %s: late %v", done, !late)
		}
	}
}

func TestAnInstrumentsOwnDayIsNotMoved(t *testing.T) {
	t.Parallel()
	c := Timer{From: day("2026-09-01"), Until: day("2026-10-03"), Rule: rule, Pauses: []Pause{pause("2026-09-02", "")}}.Clock(workday.Official(), day("2026-09-10"))
	if c.Due != day("2026-10-03") || c.Provisional || !c.Paused {
		t.Errorf("%+v", c)
	}
}

func TestNextIsTheRunningClockThatEndsFirst(t *testing.T) {
	t.Parallel()
	a, b, done := Clock{Name: "a", Due: day("2026-06-03")}, Clock{Name: "b", Due: day("2026-06-02")}, Clock{Name: "c", Due: day("2026-06-01"), Done: day("2026-06-01")}
	if n, ok := Next([]Clock{a, b, done}); !ok || n.Name != "b" {
		t.Errorf("%+v", n)
	}
	if _, ok := Next([]Clock{done}); ok {
		t.Error("nothing runs")
	}
}

// slow counts day by day, with the standard library and a table typed in from
// domain reference H.2: a day of a pause is not counted, and that is all.
func slow(t Timer) (time.Time, bool) {
	at := func(d workday.Date) time.Time { return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, time.UTC) }
	stands := func(x time.Time) bool {
		for _, p := range t.Pauses {
			if x.After(at(p.From)) && !x.After(at(p.To)) {
				return true
			}
		}
		return false
	}
	x, provisional := at(t.From), false
	left := t.Period.N
	if t.Extended {
		left += t.Extension.N
	}
	for left > 0 {
		x = x.AddDate(0, 0, 1)
		if t.Period.Unit == workday.Workdays {
			provisional = provisional || x.Year() > 2026
		}
		if !stands(x) && (t.Period.Unit == workday.Days || works(x)) {
			left--
		}
	}
	if t.Period.Unit == workday.Days && t.Roll != workday.None {
		for {
			provisional = provisional || x.Year() > 2026
			if works(x) {
				break
			}
			x = x.AddDate(0, 0, 1)
		}
	}
	return x, provisional
}

func works(x time.Time) bool {
	switch s := x.Format("2006-01-02"); {
	case off[s], x.Year() > 2026 && x.YearDay() == 1:
		return false
	case on[s]:
		return true
	}
	return x.Weekday() != time.Saturday && x.Weekday() != time.Sunday
}

var (
	off = table("2025-10-01", "2025-10-02", "2025-10-03", "2025-10-06", "2025-10-07", "2025-10-08",
		"2026-01-01", "2026-01-02", "2026-02-16", "2026-02-17", "2026-02-18", "2026-02-19", "2026-02-20", "2026-02-23", "2026-04-06",
		"2026-05-01", "2026-05-04", "2026-05-05", "2026-06-19", "2026-09-25", "2026-10-01", "2026-10-02", "2026-10-05", "2026-10-06", "2026-10-07")
	on = table("2025-09-28", "2025-10-11", "2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10")
)

func table(days ...string) map[string]bool {
	m := map[string]bool{}
	for _, d := range days {
		m[d] = true
	}
	return m
}

func TestTimersAgreeWithASlowDayByDayCount(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := day("2025-07-01").AddDays(rapid.IntRange(0, 560).Draw(t, "from"))
		timer := Timer{
			From: from, Rule: rule, Roll: rapid.SampledFrom([]workday.Roll{workday.Duty, workday.None}).Draw(t, "roll"),
			Extended: rapid.Bool().Draw(t, "extended"),
		}
		unit := rapid.SampledFrom([]workday.Unit{workday.Workdays, workday.Days}).Draw(t, "unit")
		timer.Period = workday.Period{N: rapid.IntRange(1, 90).Draw(t, "period"), Unit: unit}
		timer.Extension = workday.Period{N: rapid.IntRange(1, 30).Draw(t, "extension"), Unit: unit}
		at := from
		for range rapid.IntRange(0, 3).Draw(t, "pauses") {
			begin := at.AddDays(rapid.IntRange(0, 20).Draw(t, "begin"))
			end := begin.AddDays(rapid.IntRange(0, 25).Draw(t, "length"))
			timer.Pauses = append(timer.Pauses, Pause{From: begin, To: end})
			at = end
		}
		c := timer.Clock(workday.Official(), at)
		due, provisional := slow(timer)
		if c.Due.String() != due.Format("2006-01-02") || c.Provisional != provisional {
			t.Fatalf("%v: due %v provisional %v, slow count %s %v", c.Timer, c.Due, c.Provisional, due.Format("2006-01-02"), provisional)
		}
	})
}

func TestLevelsAreReachedOnTheirDays(t *testing.T) {
	t.Parallel()
	// Due on Friday 2026-05-22. Two working days are left on Wednesday the 20th.
	c := Timer{From: day("2026-05-01"), Period: workdays(14), Rule: rule}.Clock(workday.Official(), day("2026-05-01"))
	if c.Due != day("2026-05-22") {
		t.Fatal(c.Due)
	}
	for _, tt := range []struct {
		today string
		level Level
		next  string
	}{
		{"2026-05-01", Quiet, "2026-05-20"},
		{"2026-05-19", Quiet, "2026-05-20"},
		{"2026-05-20", Urged, "2026-05-29"},
		{"2026-05-22", Urged, "2026-05-29"},
		{"2026-05-28", Urged, "2026-05-29"},
		{"2026-05-29", Supervised, "2026-06-05"}, // five working days late
		{"2026-06-04", Supervised, "2026-06-05"},
		{"2026-06-05", Reported, ""},
		{"2027-06-05", Reported, ""},
	} {
		l, next := c.Level(ruleset.Shipped(), workday.Official(), day(tt.today))
		if l != tt.level || next != day(tt.next) {
			t.Errorf("%s: %q until %v, want %q until %s", tt.today, l, next, tt.level, tt.next)
		}
	}
	paused, done := c, c
	paused.Paused, done.Done = true, day("2026-05-21")
	for _, k := range []Clock{paused, done} {
		if l, next := k.Level(ruleset.Shipped(), workday.Official(), day("2026-06-05")); l != Quiet || !next.IsZero() {
			t.Errorf("%+v: %q", k, l)
		}
	}
}

func TestWhoGotItTodayIsNotUrgedToday(t *testing.T) {
	t.Parallel()
	c := Timer{From: day("2026-05-20"), Period: workdays(1), Rule: rule}.Clock(workday.Official(), day("2026-05-20"))
	if l, next := c.Level(ruleset.Shipped(), workday.Official(), day("2026-05-20")); l != Quiet || next != day("2026-05-21") {
		t.Errorf("%q until %v", l, next)
	}
}

// However a clock stands, its levels only rise as days go by, and next is the day
// on which they do.
func TestLevelsOnlyRise(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := day("2025-06-01").AddDays(rapid.IntRange(0, 700).Draw(t, "from"))
		c := Timer{From: from, Period: workdays(rapid.IntRange(1, 30).Draw(t, "n")), Rule: rule}.Clock(workday.Official(), from)
		level, next := c.Level(ruleset.Shipped(), workday.Official(), from)
		if level != Quiet || !next.After(from) {
			t.Fatalf("%+v begins with %q, %v", c, level, next)
		}
		for d := from; d.Before(c.Due.AddDays(40)); d = d.AddDays(1) {
			l, n := c.Level(ruleset.Shipped(), workday.Official(), d)
			if l != level {
				if !l.Over(level) || d != next {
					t.Fatalf("%v: from %q to %q on %v, foretold for %v", c.Due, level, l, d, next)
				}
			} else if n != next {
				t.Fatalf("the day foretold moved from %v to %v", next, n)
			}
			level, next = l, n
		}
		if level != Reported {
			t.Fatalf("ends with %q", level)
		}
	})
}

func BenchmarkClock(b *testing.B) {
	timer := Timer{From: day("2025-09-22"), Period: workdays(15), Rule: rule, Pauses: []Pause{pause("2025-10-09", "2025-10-14")}}
	b.ReportAllocs()
	for b.Loop() {
		timer.Clock(workday.Official(), day("2025-10-20"))
	}
}
