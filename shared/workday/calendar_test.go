package workday

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"ipcredit/shared/fault"
)

// invented is an arrangement nobody published: 2027, with a day in the December
// before, as the notices for 2017 to 2019 and 2023 had.
func invented(t *testing.T) Year {
	t.Helper()
	b, err := os.ReadFile("testdata/2027-invented.json")
	if err != nil {
		t.Fatal(err)
	}
	y, err := ParseYear(b)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

func TestImportingAYearEndsTheProvisionalState(t *testing.T) {
	t.Parallel()
	y := invented(t)
	c, err := NewCalendar(y)
	if err != nil {
		t.Fatal(err)
	}
	from := MustDate("2026-12-28")
	before, after := Official().AddWorkdays(from, 5), c.AddWorkdays(from, 5)
	if !before.Provisional || before.Due != MustDate("2027-01-05") {
		t.Errorf("before: %+v", before)
	}
	// 12-31 is off in the invented notice, Sunday 01-03 is worked.
	if after.Provisional || after.Due != MustDate("2027-01-05") || len(after.Worked) != 1 {
		t.Errorf("after: %+v", after)
	}
	if c.Working(MustDate("2026-12-31")) || !Official().Working(MustDate("2026-12-31")) {
		t.Error("a notice may speak of the December before its year")
	}
	if c.Version() == Official().Version() || c.LastOfficial() != 2027 || Official().LastOfficial() != 2026 {
		t.Errorf("versions %q %q", c.Version(), Official().Version())
	}
	if !c.Covers(2027) || Official().Covers(2027) || Official().Covers(2023) {
		t.Error("coverage")
	}
}

func TestALaterNoticeReplacesAnEarlierOneInAnyOrder(t *testing.T) {
	t.Parallel()
	first := invented(t)
	second := invented(t)
	second.Notice, second.Published = "国办发明电〔2027〕测2号", MustDate("2027-01-20")
	second.Off[1].To = second.Off[1].To.AddDays(1)
	extra := second.Off[1].To
	for name, years := range map[string][]Year{"in order": {first, second}, "reversed": {second, first}} {
		c, err := NewCalendar(years...)
		if err != nil {
			t.Fatal(name, err)
		}
		if c.Working(extra) {
			t.Errorf("%s: %v is off by the later notice", name, extra)
		}
	}
	old := invented(t)
	old.Year, old.Published = 2026, MustDate("2020-01-01")
	old.Off, old.Work = slices.Clone(Official().years[2026].Off), nil
	old.Off[1].To = old.Off[1].To.AddDays(1)
	c, err := NewCalendar(old)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Working(MustDate("2026-02-24")) {
		t.Error("an earlier notice must not replace the shipped one")
	}
}

func TestRefusesAnArrangementThatCannotBe(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*Year)
		field  string
		code   string
	}{
		{"no number", func(y *Year) { y.Notice = " " }, "notice", "workday.year_missing"},
		{"no source", func(y *Year) { y.Source = "" }, "source", "workday.year_missing"},
		{"not dated", func(y *Year) { y.Published = Date{} }, "published", "workday.year_missing"},
		{"another century", func(y *Year) { y.Year = 1999 }, "year", "workday.year_range"},
		{"holiday of another year", func(y *Year) { y.Off[0].From, y.Off[0].To = MustDate("2028-01-01"), MustDate("2028-01-01") }, "off/0", "workday.year_outside"},
		{"November before is too early", func(y *Year) { y.Off[0].From = MustDate("2026-11-30") }, "off/0", "workday.year_outside"},
		{"ends before it begins", func(y *Year) { y.Off[1].From, y.Off[1].To = y.Off[1].To, y.Off[1].From }, "off/1", "workday.year_reversed"},
		{"a month off", func(y *Year) { y.Off[1].To = y.Off[1].From.AddDays(30) }, "off/1", "workday.year_too_long"},
		{"the same day twice", func(y *Year) { y.Off[2] = y.Off[1] }, "off/2", "workday.year_twice"},
		{"unnamed", func(y *Year) { y.Off[1].Name = "" }, "off/1", "workday.year_missing"},
		{"worked Wednesday", func(y *Year) { y.Work[0] = MustDate("2027-03-03") }, "work/0", "workday.year_not_weekend"},
		{"worked day in a holiday", func(y *Year) { y.Work[0] = MustDate("2027-10-02") }, "work/0", "workday.year_twice"},
		{"National Day forgotten", func(y *Year) { y.Off = y.Off[:len(y.Off)-1] }, "off", "workday.year_statutory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			y := invented(t)
			tt.change(&y)
			f, ok := fault.Of(y.Check())
			if !ok {
				t.Fatal("accepted")
			}
			for _, field := range f.Fields {
				if field.Name == tt.field && field.Code == tt.code {
					if _, err := NewCalendar(y); err == nil {
						t.Error("NewCalendar took what Check refuses")
					}
					return
				}
			}
			t.Fatalf("got %v, want %s at %s", f, tt.code, tt.field)
		})
	}
}

func TestRefusesAYearFileThatIsNotOne(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/2027-invented.json")
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	for name, in := range map[string]string{
		"empty":           "",
		"an array":        "[]",
		"misspelt":        strings.Replace(good, `"off"`, `"offf"`, 1),
		"something after": good + "{}",
		"cut off":         good[:len(good)/2],
		"30 February":     strings.Replace(good, "2027-02-05", "2027-02-30", 1),
	} {
		if _, err := ParseYear([]byte(in)); err == nil {
			t.Errorf("%s: accepted", name)
		} else if _, ok := fault.Of(err); !ok {
			t.Errorf("%s: not a fault: %v", name, err)
		}
	}
}

func TestAYearSurvivesItsOwnJSON(t *testing.T) {
	t.Parallel()
	for _, y := range Official().Years() {
		b, err := json.Marshal(y)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseYear(b); err != nil {
			t.Errorf("%d: %v", y.Year, err)
		}
	}
}

func FuzzParseYear(f *testing.F) {
	b, err := os.ReadFile("testdata/2027-invented.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"year":2027}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		y, err := ParseYear(b)
		if err != nil {
			return
		}
		c, err := NewCalendar(y)
		if err != nil {
			t.Fatalf("parsed but not usable: %v", err)
		}
		if c.Working(pack(y.Year, 10, 1)) && y.Published.After(MustDate("2025-11-04")) {
			t.Fatal("National Day worked")
		}
	})
}
