package workday

import (
	"strings"
	"testing"
	"time"

	"ipcredit/shared/fault"

	"github.com/6tail/lunar-go/HolidayUtil"
	"pgregory.net/rapid"
)

func TestWorkingDayDeadlines(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		from        string
		n           int
		due         string
		provisional bool
	}{
		{name: "check across the eight days of October 2025", from: "2025-09-22", n: 15, due: "2025-10-17"},
		{name: "the same check extended", from: "2025-10-17", n: 15, due: "2025-11-07"},
		{name: "notice to the named reporter", from: "2025-10-17", n: 5, due: "2025-10-24"},
		{name: "received inside the holiday", from: "2025-10-04", n: 15, due: "2025-10-28"},
		{name: "received on the last working day before it", from: "2025-09-30", n: 15, due: "2025-10-28"},
		{name: "received on the first working day after it", from: "2025-10-09", n: 15, due: "2025-10-29"},
		{name: "Spring Festival with two worked Saturdays", from: "2026-02-10", n: 15, due: "2026-03-09"},
		{name: "Mid-Autumn and National Day", from: "2026-09-18", n: 15, due: "2026-10-15"},
		{name: "repair decision", from: "2025-09-26", n: 10, due: "2025-10-16"},
		{name: "stop of display after it", from: "2025-10-16", n: 5, due: "2025-10-23"},
		{name: "acceptance under the 2026 route", from: "2026-09-21", n: 3, due: "2026-09-24"},
		{name: "answer under the 2026 route", from: "2026-09-21", n: 10, due: "2026-10-12"},
		{name: "double publicity", from: "2026-04-29", n: 7, due: "2026-05-12"},
		{name: "display by Order 45", from: "2026-04-29", n: 20, due: "2026-05-29"},
		{name: "transfer to another province", from: "2026-04-29", n: 10, due: "2026-05-15"},
		{name: "hearing request", from: "2026-04-30", n: 5, due: "2026-05-11"},
		{name: "objection, three days", from: "2026-04-30", n: 3, due: "2026-05-08"},
		{name: "objection, seven days", from: "2026-04-30", n: 7, due: "2026-05-13"},
		{name: "a worked Sunday counts", from: "2026-01-03", n: 1, due: "2026-01-04"},
		{name: "last day of the last official year", from: "2026-12-30", n: 1, due: "2026-12-31"},
		{name: "first working day of an unknown year", from: "2026-12-31", n: 1, due: "2027-01-04", provisional: true},
		{name: "no days", from: "2026-10-04", n: 0, due: "2026-10-04"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Official().AddWorkdays(MustDate(tt.from), tt.n)
			if got.Due.String() != tt.due || got.Provisional != tt.provisional || got.Counted != tt.n {
				t.Fatalf("%s + %d = %v (counted %d, provisional %v), want %s (provisional %v)",
					tt.from, tt.n, got.Due, got.Counted, got.Provisional, tt.due, tt.provisional)
			}
		})
	}
}

func TestCalendarPeriodsRollOnlyForDuties(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		from        string
		p           Period
		roll        Roll
		due         string
		provisional bool
	}{
		{name: "90 days end in the holiday", from: "2026-07-05", p: Period{90, Days}, roll: Duty, due: "2026-10-08"},
		{name: "the same without rolling", from: "2026-07-05", p: Period{90, Days}, roll: None, due: "2026-10-03"},
		{name: "90 days end before it", from: "2026-07-01", p: Period{90, Days}, roll: Duty, due: "2026-09-29"},
		{name: "end on the day before the holiday", from: "2026-07-02", p: Period{90, Days}, roll: Duty, due: "2026-09-30"},
		{name: "end on its first day", from: "2026-07-03", p: Period{90, Days}, roll: Duty, due: "2026-10-08"},
		{name: "end on a worked Saturday stays", from: "2026-09-10", p: Period{1, Months}, roll: Duty, due: "2026-10-10"},
		{name: "end on a plain Saturday moves to Monday", from: "2026-09-17", p: Period{1, Months}, roll: Duty, due: "2026-10-19"},
		{name: "holiday that runs into a weekend", from: "2024-04-01", p: Period{3, Days}, roll: Duty, due: "2024-04-07"},
		{name: "a year", from: "2025-03-10", p: Period{1, Years}, roll: None, due: "2026-03-10"},
		{name: "month end", from: "2025-08-31", p: Period{6, Months}, roll: None, due: "2026-02-28"},
		{name: "month end on a worked Saturday", from: "2025-08-31", p: Period{6, Months}, roll: Duty, due: "2026-02-28"},
		{name: "leap day", from: "2024-02-29", p: Period{12, Months}, roll: None, due: "2025-02-28"},
		{name: "a duty in an unknown year is provisional", from: "2026-10-03", p: Period{6, Months}, roll: Duty, due: "2027-04-05", provisional: true},
		{name: "a term that rolls for nobody is certain", from: "2026-10-03", p: Period{6, Months}, roll: None, due: "2027-04-03"},
		{name: "New Year's Day of an unknown year is off", from: "2026-12-01", p: Period{1, Months}, roll: Duty, due: "2027-01-04", provisional: true},
		{name: "last official day", from: "2026-11-30", p: Period{31, Days}, roll: Duty, due: "2026-12-31"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Official().Due(MustDate(tt.from), tt.p, tt.roll)
			if got.Due.String() != tt.due || got.Provisional != tt.provisional {
				t.Fatalf("got %v provisional %v, want %s %v", got.Due, got.Provisional, tt.due, tt.provisional)
			}
		})
	}
}

func TestADeadlineShowsWhatItSkippedAndWhy(t *testing.T) {
	t.Parallel()
	got := Official().AddWorkdays(MustDate("2025-09-22"), 15)
	var skipped []string
	for _, p := range got.Skipped {
		skipped = append(skipped, p.Date.String()+" "+string(p.Why)+p.Holiday)
	}
	want := "2025-09-27 weekend|2025-10-01 holiday国庆节、中秋节|2025-10-02 holiday国庆节、中秋节|2025-10-03 holiday国庆节、中秋节|" +
		"2025-10-04 holiday国庆节、中秋节|2025-10-05 holiday国庆节、中秋节|2025-10-06 holiday国庆节、中秋节|2025-10-07 holiday国庆节、中秋节|" +
		"2025-10-08 holiday国庆节、中秋节|2025-10-12 weekend"
	if s := strings.Join(skipped, "|"); s != want {
		t.Errorf("skipped\n%s\nwant\n%s", s, want)
	}
	if len(got.Worked) != 2 || got.Worked[0].Date != MustDate("2025-09-28") || got.Worked[1].Date != MustDate("2025-10-11") {
		t.Errorf("worked %v", got.Worked)
	}
	last := got.Basis[len(got.Basis)-1]
	if got.Basis[0].Article != "第二百零一条" || last.Article != "国办发明电〔2024〕12号" {
		t.Errorf("basis %v", got.Basis)
	}
	if e := Official().Due(Date{}, Period{1, Days}, Duty); !e.Due.IsZero() {
		t.Errorf("an event that has not happened has no deadline: %v", e)
	}
}

func TestEachDayOfRestHasItsProvision(t *testing.T) {
	t.Parallel()
	c, err := NewCalendar(invented(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ date, article string }{
		{"2025-09-27", "第七条"},            // a plain Saturday
		{"2025-10-04", "国办发明电〔2024〕12号"}, // a Saturday inside the holiday
		{"2025-10-08", "国办发明电〔2024〕12号"},
		{"2026-10-01", "国办发明电〔2025〕7号"},
		{"2026-12-31", "国办发明电〔2026〕测1号"}, // of the notice for the year after
		{"2029-01-01", "第二条"},            // a Monday
	} {
		d := MustDate(tt.date)
		p := passed(c.On(d))
		if got := c.Basis(p); got.Article != tt.article || got.Source == "" {
			t.Errorf("%s: %+v", tt.date, got)
		}
	}
	if p := passed(c.On(MustDate("2028-01-01"))); c.Basis(p).Article != "第二条" {
		t.Errorf("%+v", c.Basis(p))
	}
	worked := c.AddWorkdays(MustDate("2025-09-26"), 1)
	if got := c.Basis(worked.Worked[0]); got.Article != "国办发明电〔2024〕12号" {
		t.Errorf("a worked Sunday: %+v", got)
	}
}

// The table of domain reference H.2, typed in again, not read from the program's data.
var (
	weekdaysOff = dates(`2024-01-01 2024-02-12 2024-02-13 2024-02-14 2024-02-15 2024-02-16 2024-04-04 2024-04-05
		2024-05-01 2024-05-02 2024-05-03 2024-06-10 2024-09-16 2024-09-17 2024-10-01 2024-10-02 2024-10-03 2024-10-04 2024-10-07
		2025-01-01 2025-01-28 2025-01-29 2025-01-30 2025-01-31 2025-02-03 2025-02-04 2025-04-04 2025-05-01 2025-05-02 2025-05-05
		2025-06-02 2025-10-01 2025-10-02 2025-10-03 2025-10-06 2025-10-07 2025-10-08
		2026-01-01 2026-01-02 2026-02-16 2026-02-17 2026-02-18 2026-02-19 2026-02-20 2026-02-23 2026-04-06 2026-05-01 2026-05-04
		2026-05-05 2026-06-19 2026-09-25 2026-10-01 2026-10-02 2026-10-05 2026-10-06 2026-10-07`)
	weekendsOn = dates(`2024-02-04 2024-02-18 2024-04-07 2024-04-28 2024-05-11 2024-09-14 2024-09-29 2024-10-12
		2025-01-26 2025-02-08 2025-04-27 2025-09-28 2025-10-11 2026-01-04 2026-02-14 2026-02-28 2026-05-09 2026-09-20 2026-10-10`)
)

func dates(s string) map[string]bool {
	m := make(map[string]bool)
	for _, d := range strings.Fields(s) {
		m[d] = true
	}
	return m
}

// slowWorking is the independent answer: standard library days, the table above.
func slowWorking(t time.Time) bool {
	s := t.Format("2006-01-02")
	switch {
	case weekdaysOff[s]:
		return false
	case weekendsOn[s]:
		return true
	case t.Year() > 2026 && t.YearDay() == 1, t.Year() < 2024 && t.YearDay() == 1:
		return false
	}
	return t.Weekday() != time.Saturday && t.Weekday() != time.Sunday
}

func TestYearsHaveTheirOfficialNumberOfWorkingDays(t *testing.T) {
	t.Parallel()
	for year, want := range map[int]int{2024: 251, 2025: 248, 2026: 248} {
		n := 0
		for d := MustDate("2023-12-31").AddYears(year - 2024).AddDays(1); d.Year() == year; d = d.AddDays(1) {
			if Official().Working(d) {
				n++
			}
		}
		if n != want {
			t.Errorf("%d has %d working days, want %d", year, n, want)
		}
	}
}

func TestEveryDayAgreesWithTheTableAndWithAnIndependentLibrary(t *testing.T) {
	t.Parallel()
	for d := MustDate("2024-01-01"); d.Year() <= 2026; d = d.AddDays(1) {
		std, _ := time.Parse("2006-01-02", d.String())
		if got, want := Official().Working(d), slowWorking(std); got != want {
			t.Errorf("%v: working %v, table says %v", d, got, want)
		}
		want := std.Weekday() != time.Saturday && std.Weekday() != time.Sunday
		if h := HolidayUtil.GetHoliday(d.String()); h != nil {
			want = h.IsWork()
		}
		if got := Official().Working(d); got != want {
			t.Errorf("%v: working %v, lunar-go says %v", d, got, want)
		}
	}
}

func TestCountingAgreesWithASlowDayByDayCount(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := MustDate("2023-11-01").AddDays(rapid.IntRange(0, 1300).Draw(t, "from"))
		n := rapid.IntRange(0, 80).Draw(t, "n")
		unit := rapid.SampledFrom([]Unit{Workdays, Days, Months, Years}).Draw(t, "unit")
		roll := rapid.SampledFrom([]Roll{Duty, None}).Draw(t, "roll")
		got := Official().Due(from, Period{n, unit}, roll)

		day, _ := time.Parse("2006-01-02", from.String())
		provisional := false
		look := func() bool {
			if day.Year() < 2024 || day.Year() > 2026 {
				provisional = true
			}
			return slowWorking(day)
		}
		next := func() { day = day.Add(24 * time.Hour) }
		switch unit {
		case Workdays:
			for left := n; left > 0; {
				next()
				if look() {
					left--
				}
			}
		case Days:
			for range n {
				next()
			}
		default:
			months := n
			if unit == Years {
				months = 12 * n
			}
			// Walk to the target month, then to the corresponding or last day.
			start := day
			for passed := 0; passed < months; {
				month := day.Month()
				next()
				if day.Month() != month {
					passed++
				}
			}
			for months > 0 && day.Day() != start.Day() && day.Add(24*time.Hour).Month() == day.Month() {
				next()
			}
		}
		if unit != Workdays && roll == Duty {
			for !look() {
				next()
			}
		}
		if last := Official().Last(from, Period{n, unit}, roll); last != got.Due {
			t.Fatalf("Last says %v, Due %v", last, got.Due)
		}
		if got.Due.String() != day.Format("2006-01-02") || got.Provisional != provisional {
			t.Fatalf("%v + %d %s (%s) = %v provisional %v; slow count %s %v",
				from, n, unit, roll, got.Due, got.Provisional, day.Format("2006-01-02"), provisional)
		}
		if unit == Workdays {
			if got.Counted != n || from.DaysUntil(got.Due) != n+len(got.Skipped) || Official().Between(from, got.Due) != n {
				t.Fatalf("arithmetic shown does not add up: %+v", got)
			}
		} else if got.Counted != from.DaysUntil(got.Due) {
			t.Fatalf("counted %d", got.Counted)
		}
	})
}

func TestBetweenCountsWhatIsLeftAndWhatIsOverdue(t *testing.T) {
	t.Parallel()
	c := Official()
	a, b := MustDate("2026-04-30"), MustDate("2026-05-08")
	if got := c.Between(a, b); got != 3 {
		t.Errorf("left %d, want 3", got)
	}
	if got := c.Between(b, a); got != -3 {
		t.Errorf("overdue %d, want -3", got)
	}
	if got := c.Between(a, a); got != 0 {
		t.Errorf("today %d", got)
	}
}

func TestPeriodsAreBounded(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, n string
		unit    Unit
		code    string
	}{
		{name: "fifteen", n: "15", unit: Workdays},
		{name: "zero", n: "0", unit: Days},
		{name: "a hundred years", n: "1200", unit: Months},
		{name: "more than a hundred years", n: "1201", unit: Months, code: "workday.period_range"},
		{name: "more digits than any period", n: "99999999999999999999", unit: Days, code: "workday.period_range"},
		{name: "negative", n: "-1", unit: Days, code: "workday.period_form"},
		{name: "plus", n: "+1", unit: Days, code: "workday.period_form"},
		{name: "fraction", n: "1.5", unit: Days, code: "workday.period_form"},
		{name: "empty", n: "", unit: Days, code: "workday.period_form"},
		{name: "unit", n: "1", unit: "weeks", code: "workday.unit"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParsePeriod(tt.n, tt.unit)
			if f, ok := fault.Of(err); tt.code == "" && err != nil || tt.code != "" && (!ok || f.Code != tt.code) {
				t.Fatalf("got %v, want %q", err, tt.code)
			}
		})
	}
	if _, err := ParseRoll("up"); err == nil {
		t.Error("unknown roll")
	}
	if r, err := ParseRoll(""); r != Duty || err != nil {
		t.Error("default roll is for duties")
	}
}

func FuzzDue(f *testing.F) {
	f.Add("2025-09-22", "15", "workdays", "duty")
	f.Add("9999-12-30", "26000", "workdays", "none")
	f.Add("0001-01-01", "100", "years", "duty")
	f.Fuzz(func(t *testing.T, from, n, unit, roll string) {
		d, err := ParseDate(from)
		if err != nil {
			return
		}
		p, err := ParsePeriod(n, Unit(unit))
		if err != nil {
			return
		}
		r, err := ParseRoll(roll)
		if err != nil {
			return
		}
		got := Official().Due(d, p, r)
		if got.Due.Before(d) {
			t.Fatalf("%s + %s %s is before it: %v", from, n, unit, got.Due)
		}
		if p.Unit == Workdays && p.N > 0 || r == Duty && p.Unit != Workdays {
			if got.Due != MaxDate && !Official().Working(got.Due) {
				t.Fatalf("%v is a rest day", got.Due)
			}
		}
	})
}

func BenchmarkAddWorkdays(b *testing.B) {
	from := MustDate("2025-09-22")
	for b.Loop() {
		Official().AddWorkdays(from, 15)
	}
}

func BenchmarkLastMonths(b *testing.B) {
	from := MustDate("2025-09-22")
	for b.Loop() {
		Official().Last(from, Period{6, Months}, Duty)
	}
}
