package workday

import (
	"encoding/json"
	"testing"
	"time"

	"ipcredit/shared/fault"

	"pgregory.net/rapid"
)

func TestReadsOnlyDatesThatExist(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in, want, code string
	}{
		{name: "ISO", in: "2026-04-29", want: "2026-04-29"},
		{name: "national form", in: "2026/04/29", want: "2026-04-29"},
		{name: "national form as spreadsheets write it", in: "2026/4/9", want: "2026-04-09"},
		{name: "leap day", in: "2024-02-29", want: "2024-02-29"},
		{name: "leap day of a century year divisible by 400", in: "2000-02-29", want: "2000-02-29"},
		{name: "endless", in: "2099/12/31", want: "2099-12-31"},
		{name: "no leap day in a common year", in: "2026-02-29", code: "workday.date_month_end"},
		{name: "no leap day in 1900", in: "1900-02-29", code: "workday.date_month_end"},
		{name: "no 30 February", in: "2026-02-30", code: "workday.date_month_end"},
		{name: "no 31 April", in: "2026/04/31", code: "workday.date_month_end"},
		{name: "no month 13", in: "2026-13-01", code: "workday.date_absent"},
		{name: "no month 0", in: "2026-00-01", code: "workday.date_absent"},
		{name: "no day 0", in: "2026-01-00", code: "workday.date_absent"},
		{name: "no year 0", in: "0000-01-01", code: "workday.date_absent"},
		{name: "ISO needs its zeros", in: "2026-4-9", code: "workday.date_form"},
		{name: "mixed separators", in: "2026/04-29", code: "workday.date_form"},
		{name: "compact", in: "20260429", code: "workday.date_form"},
		{name: "with a time", in: "2026-04-29T00:00:00Z", code: "workday.date_form"},
		{name: "signs", in: "2026-+4-29", code: "workday.date_form"},
		{name: "spaces", in: " 2026-04-29", code: "workday.date_form"},
		{name: "full width", in: "２０２６-04-29", code: "workday.date_form"},
		{name: "empty", in: "", code: "workday.date_form"},
		{name: "two-digit year", in: "26-04-2900", code: "workday.date_form"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, err := ParseDate(tt.in)
			if tt.code == "" {
				if err != nil || d.String() != tt.want {
					t.Fatalf("ParseDate(%q) = %v, %v; want %s", tt.in, d, err, tt.want)
				}
				return
			}
			f, ok := fault.Of(err)
			if !ok || f.Code != tt.code || !d.IsZero() {
				t.Fatalf("ParseDate(%q) = %v, %v; want fault %s", tt.in, d, err, tt.code)
			}
		})
	}
}

func TestMonthsEndOnTheLastDayWhereThereIsNoCorrespondingOne(t *testing.T) {
	t.Parallel()
	tests := []struct {
		from string
		n    int
		want string
	}{
		{"2025-08-31", 6, "2026-02-28"},
		{"2026-11-30", 3, "2027-02-28"},
		{"2027-11-30", 3, "2028-02-29"},
		{"2024-02-29", 12, "2025-02-28"},
		{"2024-02-29", 48, "2028-02-29"},
		{"2026-01-31", 1, "2026-02-28"},
		{"2026-01-28", 1, "2026-02-28"},
		{"2026-03-31", -1, "2026-02-28"},
		{"2026-12-31", 1, "2027-01-31"},
		{"2026-01-31", 2, "2026-03-31"},
		{"2026-01-15", -1, "2025-12-15"},
		{"9999-12-01", 5, "9999-12-31"},
		{"0001-01-15", -1, "0001-01-01"},
	}
	for _, tt := range tests {
		if got := MustDate(tt.from).AddMonths(tt.n).String(); got != tt.want {
			t.Errorf("%s %+d months = %s, want %s", tt.from, tt.n, got, tt.want)
		}
	}
	if got := MustDate("2024-02-29").AddYears(1).String(); got != "2025-02-28" {
		t.Errorf("2024-02-29 + 1 year = %s", got)
	}
}

func TestTheDayInChinaChangesAtMidnightInChina(t *testing.T) {
	t.Parallel()
	before := time.Date(2026, 3, 10, 15, 59, 59, 999999999, time.UTC)
	after := time.Date(2026, 3, 10, 16, 0, 0, 0, time.UTC)
	if d := DateOf(before); d.String() != "2026-03-10" {
		t.Errorf("DateOf(%v) = %v", before, d)
	}
	if d := DateOf(after); d.String() != "2026-03-11" {
		t.Errorf("DateOf(%v) = %v", after, d)
	}
	d := MustDate("2026-03-11")
	if !d.Start().Equal(after) || !d.End().Equal(after.Add(24*time.Hour)) {
		t.Errorf("Start %v End %v", d.Start(), d.End())
	}
	if d.Start().Location() != time.UTC {
		t.Error("instants are to be UTC")
	}
}

func TestNoneIsNullInJSONAndSortsFirst(t *testing.T) {
	t.Parallel()
	type form struct {
		A Date `json:"a"`
		B Date `json:"b,omitzero"`
	}
	b, err := json.Marshal(form{})
	if err != nil || string(b) != `{"a":null}` {
		t.Fatalf("%s %v", b, err)
	}
	var f form
	for _, in := range []string{`{"a":null}`, `{"a":""}`, `{}`} {
		f = form{A: MustDate("2026-01-01")}
		if in == `{}` {
			f = form{}
		}
		if err := json.Unmarshal([]byte(in), &f); err != nil || !f.A.IsZero() {
			t.Errorf("%s: %v %v", in, f.A, err)
		}
	}
	for _, in := range []string{`{"a":20260101}`, `{"a":"2026-02-30"}`, `{"a":{}}`, `{"a":"x"}`} {
		if err := json.Unmarshal([]byte(in), &f); err == nil {
			t.Errorf("%s was read as %v", in, f.A)
		}
	}
	if !(Date{}).Before(MustDate("0001-01-01")) {
		t.Error("none must sort before every date")
	}
	if Min(Date{}, MustDate("2026-01-02"), MustDate("2026-01-01")) != MustDate("2026-01-01") || !Min().IsZero() {
		t.Error("Min")
	}
	if Max(Date{}, MustDate("2026-01-02"), MustDate("2026-01-01")) != MustDate("2026-01-02") {
		t.Error("Max")
	}
}

func anyDate() *rapid.Generator[Date] {
	return rapid.Custom(func(t *rapid.T) Date {
		return MustDate("1990-01-01").AddDays(rapid.IntRange(0, 25000).Draw(t, "day"))
	})
}

func TestDatesSurviveTextJSONAndDayArithmetic(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := anyDate().Draw(t, "d")
		if got, err := ParseDate(d.String()); err != nil || got != d {
			t.Fatalf("text: %v %v", got, err)
		}
		b, _ := json.Marshal(d)
		var back Date
		if err := json.Unmarshal(b, &back); err != nil || back != d {
			t.Fatalf("json: %v %v", back, err)
		}
		if DateOf(d.Start()) != d || DateOf(d.End().Add(-1)) != d || DateOf(d.End()) != d.AddDays(1) {
			t.Fatal("instants")
		}
		n := rapid.IntRange(-4000, 4000).Draw(t, "n")
		if e := d.AddDays(n); d.DaysUntil(e) != n || e.AddDays(-n) != d || e.Compare(d) != sign(n) {
			t.Fatalf("%v + %d = %v", d, n, e)
		}
	})
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"2026-04-29", "2026/4/9", "2026-02-30", "", "2026/04-29", "9999-12-31", "\x00\x00\x00\x00-\x00\x00-\x00\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDate(s)
		if err != nil {
			if _, ok := fault.Of(err); !ok || !d.IsZero() {
				t.Fatalf("%q: %v %v", s, d, err)
			}
			return
		}
		// The standard library agrees that the day exists.
		std, err := time.Parse("2006-01-02", d.String())
		if err != nil || std.Year() != d.Year() || std.Month() != d.Month() || std.Day() != d.Day() || std.Weekday() != d.Weekday() {
			t.Fatalf("%q read as %v; time says %v %v", s, d, std, err)
		}
	})
}
