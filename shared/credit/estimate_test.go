package credit

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/workday"

	"pgregory.net/rapid"
)

func days(s string) []workday.Date {
	var out []workday.Date
	for _, f := range strings.Fields(s) {
		out = append(out, workday.MustDate(f))
	}
	return out
}

func TestEstimateOfCNIPADeterminations(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, determined, lastRepair           string
		from, until, repairFrom, refused, code string
	}{
		{name: "one", determined: "2025-03-10", from: "2025-03-10", until: "2026-03-10", repairFrom: "2025-09-11"},
		{name: "a second while it runs", determined: "2025-03-10 2025-09-01", from: "2025-03-10", until: "2027-03-10", repairFrom: "2026-03-02"},
		{name: "a third", determined: "2025-03-10 2025-09-01 2026-01-05", from: "2025-03-10", until: "2028-03-10", repairFrom: "2026-07-06"},
		{name: "a fourth changes nothing", determined: "2025-03-10 2025-09-01 2026-01-05 2026-02-01", from: "2025-03-10", until: "2028-03-10", repairFrom: "2026-08-02"},
		{name: "in any order", determined: "2026-01-05 2025-03-10 2025-09-01", from: "2025-03-10", until: "2028-03-10", repairFrom: "2026-07-06"},
		{name: "on the last day it stacks", determined: "2025-03-10 2026-03-10", from: "2025-03-10", until: "2027-03-10", repairFrom: "2026-09-11"},
		{name: "on the day after it begins anew", determined: "2025-03-10 2026-03-11", from: "2026-03-11", until: "2027-03-11", repairFrom: "2026-09-12"},
		{name: "two departments on one day", determined: "2025-03-10 2025-03-10", from: "2025-03-10", until: "2027-03-10", repairFrom: "2025-09-11"},
		{name: "leap day", determined: "2024-02-29", from: "2024-02-29", until: "2025-02-28", repairFrom: "2024-08-30"},
		{name: "month end", determined: "2025-08-31", from: "2025-08-31", until: "2026-08-31", repairFrom: "2026-03-01"},
		{name: "the last day is no working day and stays", determined: "2025-10-03", from: "2025-10-03", until: "2026-10-03", repairFrom: "2026-04-04"},
		{name: "refused for a year after a repair", determined: "2025-11-01", lastRepair: "2025-10-01", from: "2025-11-01", until: "2026-11-01", repairFrom: "2026-05-02", refused: "2026-10-01"},
		{name: "joins inside the three years of a full chain", determined: "2025-03-10 2025-03-10 2025-03-10 2028-03-10", from: "2025-03-10", until: "2028-03-10", repairFrom: "2028-09-11"},
		{name: "first day of the rule", determined: "2022-01-24", from: "2022-01-24", until: "2023-01-24", repairFrom: "2022-07-25"},
		{name: "before the rule", determined: "2022-01-23", code: "credit.estimate.before"},
		{name: "none", determined: "", code: "credit.estimate.determined"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			q := Question{Route: CNIPA, Determined: days(tt.determined)}
			if tt.lastRepair != "" {
				q.LastRepair = workday.MustDate(tt.lastRepair)
			}
			check(t, q, tt.from, tt.until, tt.repairFrom, tt.refused, tt.code)
		})
	}
}

func TestEstimateByTiers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name                          string
		tier                          Tier
		determined                    string
		from, until, repairFrom, code string
	}{
		{name: "minor", tier: Minor, determined: "2026-04-10", from: "2026-04-10", until: "2026-07-10", repairFrom: "2026-04-10"},
		{name: "general", tier: General, determined: "2026-04-10", from: "2026-04-10", until: "2027-04-10", repairFrom: "2026-07-11"},
		{name: "serious", tier: Serious, determined: "2026-04-10", from: "2026-04-10", until: "2029-04-10", repairFrom: "2027-04-11"},
		{name: "month end", tier: General, determined: "2026-11-30", from: "2026-11-30", until: "2027-11-30", repairFrom: "2027-03-01"},
		{name: "minor at month end", tier: Minor, determined: "2026-11-30", from: "2026-11-30", until: "2027-02-28", repairFrom: "2026-11-30"},
		{name: "leap day", tier: Serious, determined: "2028-02-29", from: "2028-02-29", until: "2031-02-28", repairFrom: "2029-03-01"},
		{name: "first day of Order 36", tier: General, determined: "2026-04-01", from: "2026-04-01", until: "2027-04-01", repairFrom: "2026-07-02"},
		{name: "the day before it", tier: General, determined: "2026-03-31", code: "credit.estimate.before"},
		{name: "no tier", tier: "", determined: "2026-04-10", code: "credit.estimate.tier"},
		{name: "unknown tier", tier: "huge", determined: "2026-04-10", code: "credit.estimate.tier"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			check(t, Question{Route: ByTiers, Tier: tt.tier, Determined: days(tt.determined)}, tt.from, tt.until, tt.repairFrom, "", tt.code)
		})
	}
	e, _ := Shipped().Estimate(Question{Route: ByTiers, Tier: Minor, Determined: days("2026-04-10")})
	if e.Displayed {
		t.Error("a minor record is in principle not displayed")
	}
}

func check(t *testing.T, q Question, from, until, repairFrom, refused, code string) {
	t.Helper()
	e, err := Shipped().Estimate(q)
	if code != "" {
		if f, ok := fault.Of(err); !ok || f.Code != code {
			t.Fatalf("got %+v, %v; want %s", e, err, code)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	got := []string{e.DisplayFrom.String(), e.DisplayUntil.String(), e.RepairFrom.String(), e.RefusedUntil.String()}
	if want := []string{from, until, repairFrom, refused}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if len(e.Basis) == 0 || e.Basis[0].Source == "" {
		t.Error("an estimate names its basis")
	}
}

func TestEstimateRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	if _, err := Shipped().Estimate(Question{Route: "SAMR", Determined: days("2026-04-10")}); err == nil {
		t.Error("unknown route")
	}
	if _, err := Shipped().Estimate(Question{Route: CNIPA, Determined: make([]workday.Date, 1)}); err == nil {
		t.Error("a date that is none")
	}
	if _, err := Shipped().Estimate(Question{Route: CNIPA, Determined: slices.Repeat(days("2026-04-10"), 101)}); err == nil {
		t.Error("too many dates")
	}
	b, _ := json.Marshal(Estimate{})
	if !strings.Contains(string(b), `"refusedUntil":null`) {
		t.Errorf("no date is null: %s", b)
	}
}

// slowChain walks the days one by one, as somebody with a wall calendar would.
func slowChain(determined []workday.Date, upTo workday.Date) map[workday.Date]workday.Date {
	plus := func(d workday.Date, months int) workday.Date {
		y, m := d.Year(), int(d.Month())+months
		for m > 12 {
			y, m = y+1, m-12
		}
		for day := d.Day(); ; day-- {
			if e, err := workday.NewDate(y, time.Month(m), day); err == nil {
				return e
			}
		}
	}
	until := map[workday.Date]workday.Date{}
	var start, last workday.Date
	for today := workday.MustDate("2022-01-24"); !today.After(upTo); today = today.AddDays(1) {
		if !last.IsZero() && today.After(last) {
			start, last = workday.Date{}, workday.Date{}
		}
		for _, d := range determined {
			if d != today {
				continue
			}
			if start.IsZero() {
				start, last = today, plus(today, 12)
			} else if next, top := plus(last, 12), plus(start, 36); next.Before(top) {
				last = next
			} else {
				last = top
			}
			until[today] = last
		}
	}
	return until
}

func TestChainsAgreeWithASlowDayByDayWalk(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "n")
		var determined []workday.Date
		for range n {
			determined = append(determined, workday.MustDate("2023-01-01").AddDays(rapid.IntRange(0, 1500).Draw(t, "day")))
		}
		want := slowChain(determined, workday.MustDate("2028-01-01"))
		runs := Shipped().chain(determined)
		if len(runs) != len(want) {
			t.Fatalf("%v: %d runs, want %d", determined, len(runs), len(want))
		}
		for _, r := range runs {
			if want[r.on] != r.last {
				t.Fatalf("%v: %v ends %v, want %v", determined, r.on, r.last, want[r.on])
			}
			if r.last.After(r.start.AddMonths(36)) || r.last.Before(r.on) {
				t.Fatalf("%v: %+v", determined, r)
			}
		}
	})
}
