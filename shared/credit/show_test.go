package credit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"

	"pgregory.net/rapid"
)

func determined(no string, on string) Record {
	return Record{ID: no, Kind: Determination, Act: "DA1", InstrumentNo: no, Authority: "国家知识产权局测试司", Source: Admin,
		Channel: Republish, DeterminedOn: workday.MustDate(on), Content: Content{Determination: &DeterminationContent{Basis: "测试"}}}
}

func punished(on string, classes string, fineYuan int64) Record {
	d := workday.MustDate(on)
	return Record{ID: "p" + on, Kind: Penalty, Act: "penalty", InstrumentNo: "新测市监处罚〔2026〕1号", Authority: "新乡市测试区市场监督管理局",
		Source: Admin, Channel: Original, DeterminedOn: d, PublishedOn: d,
		Content: Content{Penalty: &PenaltyContent{Classes: strings.Split(classes, ";"), FineFen: fineYuan * 100}}}
}

func noon(day string) time.Time { return workday.MustDate(day).Start().Add(12 * time.Hour) }

func ids(shown []Shown) string {
	var s []string
	for _, x := range shown {
		s = append(s, x.ID)
	}
	return strings.Join(s, " ")
}

func TestADeterminationIsShownThroughItsLastDayAndGoneAtMidnight(t *testing.T) {
	t.Parallel()
	r := []Record{determined("a", "2025-03-10")}
	last := time.Date(2026, 3, 10, 15, 59, 59, 0, time.UTC) // 23:59:59 in China
	shown, next := Show(r, last)
	if len(shown) != 1 || shown[0].Status != Disclosed || Dishonest(shown) != 1 || shown[0].DisplayUntil.String() != "2026-03-10" {
		t.Fatalf("last second: %+v", shown)
	}
	if !next.Equal(last.Add(time.Second)) {
		t.Errorf("next %v", next)
	}
	shown, next = Show(r, next)
	if len(shown) != 0 || !next.IsZero() {
		t.Errorf("midnight: %v %v", ids(shown), next)
	}
	shown, next = Show(r, workday.MustDate("2025-03-09").Start())
	if len(shown) != 0 || !next.Equal(workday.MustDate("2025-03-10").Start()) {
		t.Errorf("before its day: %v %v", ids(shown), next)
	}
}

func TestDeterminationsLengthenThoseBehindThem(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, determined string
		want             string // last day of each, in order of the dates
	}{
		{"two", "2025-03-10 2025-09-01", "2026-03-10 2027-03-10"},
		{"three", "2025-03-10 2025-09-01 2026-01-05", "2026-03-10 2027-03-10 2028-03-10"},
		{"four", "2025-03-10 2025-09-01 2026-01-05 2026-02-01", "2026-03-10 2027-03-10 2028-03-10 2028-03-10"},
		{"last day", "2025-03-10 2026-03-10", "2026-03-10 2027-03-10"},
		{"day after", "2025-03-10 2026-03-11", "2026-03-10 2027-03-11"},
		{"one day, two departments", "2025-03-10 2025-03-10", "2027-03-10 2027-03-10"},
		{"leap day", "2024-02-29", "2025-02-28"},
		{"leap day, stacked", "2024-02-29 2024-06-01 2024-07-01", "2025-02-28 2026-02-28 2027-02-28"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var records []Record
			for i, d := range strings.Fields(tt.determined) {
				records = append(records, determined(fmt.Sprint("n", i), d))
			}
			until := map[string]string{}
			// Each is looked at on its own day, when all of them are known.
			for i := range records {
				shown, _ := Show(records, records[i].DeterminedOn.Start())
				for _, s := range shown {
					until[s.ID] = s.DisplayUntil.String()
				}
			}
			var got []string
			for i := range records {
				got = append(got, until[records[i].ID])
			}
			if strings.Join(got, " ") != tt.want {
				t.Fatalf("got %v, want %s", got, tt.want)
			}
		})
	}
}

func TestChainsRecomputeWhenARecordIsWithdrawnOrRepaired(t *testing.T) {
	t.Parallel()
	first, second := determined("a", "2025-03-10"), determined("b", "2025-09-01")
	annulled := noon("2025-12-01")
	first.Withdrawn = &Withdrawal{At: annulled, Reason: "测试撤销"}
	records := []Record{first, second}

	shown, next := Show(records, annulled.Add(-time.Second))
	if ids(shown) != "b a" || shown[0].DisplayUntil.String() != "2027-03-10" || !next.Equal(annulled) {
		t.Errorf("before: %v until %v next %v", ids(shown), shown[0].DisplayUntil, next)
	}
	shown, next = Show(records, annulled)
	if ids(shown) != "b" || shown[0].DisplayUntil.String() != "2026-09-01" || !next.Equal(workday.MustDate("2026-09-02").Start()) {
		t.Errorf("after: %+v next %v", shown, next)
	}

	first.Withdrawn, first.Repaired = nil, &Repair{On: workday.MustDate("2025-12-01")}
	records = []Record{first, second}
	shown, _ = Show(records, workday.MustDate("2025-12-01").Start().Add(-1))
	if ids(shown) != "b a" {
		t.Errorf("before repair: %v", ids(shown))
	}
	shown, _ = Show(records, workday.MustDate("2025-12-01").Start())
	if ids(shown) != "b" || shown[0].DisplayUntil.String() != "2026-09-01" {
		t.Errorf("after repair: %+v", shown)
	}
}

func TestPenaltyDisplay(t *testing.T) {
	t.Parallel()
	with := func(r Record, f func(*Record)) Record { f(&r); return r }
	tests := []struct {
		name   string
		record Record
		from   string // "" never shown
		until  string
		tier   Tier
	}{
		{name: "warning only", record: punished("2025-06-02", "警告", 0)},
		{name: "warning only under the tiers", record: punished("2026-06-02", "警告", 0)},
		{name: "notice of criticism before the tiers", record: punished("2025-06-02", "通报批评", 0), from: "2025-06-02", until: "2025-09-02"},
		{name: "notice of criticism under the tiers", record: punished("2026-06-02", "通报批评", 0)},
		{name: "lower fine", record: punished("2025-06-02", "警告;罚款", 49_999), from: "2025-06-02", until: "2025-09-02"},
		{name: "fine at the threshold", record: punished("2025-06-02", "罚款", 50_000), from: "2025-06-02", until: "2028-06-02"},
		{name: "lower fine of a person", record: with(punished("2025-06-02", "罚款", 4_999), func(r *Record) { r.NaturalPerson = true }), from: "2025-06-02", until: "2025-09-02"},
		{name: "a person's fine at the threshold", record: with(punished("2025-06-02", "罚款", 5_000), func(r *Record) { r.NaturalPerson = true }), from: "2025-06-02", until: "2028-06-02"},
		{name: "lower fine and confiscation", record: punished("2025-06-02", "罚款;没收违法所得、没收非法财物", 1_000), from: "2025-06-02", until: "2028-06-02"},
		{name: "counted from the start of display", record: with(punished("2025-06-02", "罚款", 1_000), func(r *Record) { r.PublishedOn = workday.MustDate("2025-06-20") }), from: "2025-06-20", until: "2025-09-20"},
		{name: "republished late does not last longer", record: with(punished("2025-06-02", "罚款", 1_000), func(r *Record) {
			r.Channel, r.PublishedOn = Republish, workday.MustDate("2025-08-20")
		}), from: "2025-08-20", until: "2025-09-30"},
		{name: "the source ends earlier", record: with(punished("2025-06-02", "罚款", 90_000), func(r *Record) { r.SourceUntil = workday.MustDate("2026-01-31") }), from: "2025-06-02", until: "2026-01-31"},
		{name: "the source is endless", record: with(punished("2025-06-02", "罚款", 90_000), func(r *Record) { r.SourceUntil = Endless }), from: "2025-06-02", until: "2028-06-02"},
		{name: "last day before Order 36", record: punished("2026-03-31", "罚款", 90_000), from: "2026-03-31", until: "2029-03-31"},
		{name: "first day of Order 36", record: punished("2026-04-01", "罚款", 90_000), from: "2026-04-01", until: "2027-04-01", tier: General},
		{name: "tier counted from the decision although uploaded later", record: with(punished("2026-04-10", "罚款", 90_000), func(r *Record) { r.PublishedOn = workday.MustDate("2026-05-20") }), from: "2026-04-10", until: "2027-04-10", tier: General},
		{name: "lower fine under the tiers ends with Order 45", record: punished("2026-04-10", "罚款", 1_000), from: "2026-04-10", until: "2026-07-10", tier: General},
		{name: "revocation", record: punished("2026-04-10", "吊销许可证件", 0), from: "2026-04-10", until: "2029-04-10", tier: Serious},
		{name: "the heaviest class counts", record: punished("2026-04-10", "罚款;限制从业", 90_000), from: "2026-04-10", until: "2029-04-10", tier: Serious},
		{name: "a long ban before Order 58", record: with(punished("2023-04-30", "限制从业", 0), func(r *Record) { r.Content.Penalty.ValidUntil = workday.MustDate("2027-04-30") }), from: "2023-04-30", until: "2027-04-30"},
		{name: "a longer ban still ends after five years", record: with(punished("2023-04-30", "限制从业", 0), func(r *Record) { r.Content.Penalty.ValidUntil = Endless }), from: "2023-04-30", until: "2028-04-30"},
		{name: "a long ban under Order 58 ends with it", record: with(punished("2023-05-01", "限制从业", 0), func(r *Record) { r.Content.Penalty.ValidUntil = Endless }), from: "2023-05-01", until: "2026-05-01"},
		{name: "a short ban", record: with(punished("2023-04-30", "限制从业", 0), func(r *Record) { r.Content.Penalty.ValidUntil = workday.MustDate("2024-04-30") }), from: "2023-04-30", until: "2026-04-30"},
		{name: "month end", record: punished("2025-11-30", "罚款", 1_000), from: "2025-11-30", until: "2026-02-28"},
		{name: "a minor", record: with(punished("2025-06-02", "罚款", 90_000), func(r *Record) { r.Unpublished = OfMinor })},
		{name: "a trade secret", record: with(punished("2025-06-02", "罚款", 90_000), func(r *Record) { r.Unpublished = TradeSecret })},
		{name: "internal", record: with(punished("2025-06-02", "罚款", 90_000), func(r *Record) { r.Channel = Internal })},
		{name: "minor tier with a reason to show it", record: with(punished("2026-04-10", "通报批评", 0), func(r *Record) { r.ShowMinor = "测试理由" }), from: "2026-04-10", until: "2026-07-10", tier: Minor},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			records := []Record{tt.record}
			if tt.from == "" {
				for d := tt.record.DeterminedOn.AddDays(-1); d.Before(tt.record.DeterminedOn.AddYears(6)); d = d.AddDays(30) {
					if shown, next := Show(records, d.Start()); len(shown) != 0 || !next.IsZero() {
						t.Fatalf("shown on %v", d)
					}
				}
				return
			}
			from, until := workday.MustDate(tt.from), workday.MustDate(tt.until)
			for _, day := range []workday.Date{from, until} {
				shown, _ := Show(records, day.Start())
				if len(shown) != 1 || shown[0].DisplayFrom != from || shown[0].DisplayUntil != until || shown[0].Tier != tt.tier {
					t.Fatalf("on %v: %+v", day, shown)
				}
			}
			if shown, _ := Show(records, from.Start().Add(-1)); len(shown) != 0 {
				t.Error("shown before its day")
			}
			if shown, _ := Show(records, until.End()); len(shown) != 0 {
				t.Error("shown after its last day")
			}
		})
	}
}

func TestATierDecidesADeterminationFromOrder36On(t *testing.T) {
	t.Parallel()
	tier := func(r Record, tier Tier) Record { r.Tier = tier; return r }
	for _, tt := range []struct {
		name   string
		record Record
		until  string
	}{
		{"general", tier(determined("a", "2026-04-10"), General), "2027-04-10"},
		{"serious", tier(determined("a", "2026-04-10"), Serious), "2029-04-10"},
		{"minor", tier(determined("a", "2026-04-10"), Minor), ""},
		{"none", determined("a", "2026-04-10"), "2027-04-10"},
		{"serious before the tiers", tier(determined("a", "2026-03-31"), Serious), "2027-03-31"},
		{"minor before the tiers", tier(determined("a", "2026-03-31"), Minor), ""},
	} {
		shown, _ := Show([]Record{tt.record}, noon("2026-05-01"))
		got := ""
		if len(shown) > 0 {
			got = shown[0].DisplayUntil.String()
		}
		if got != tt.until {
			t.Errorf("%s: until %q, want %q", tt.name, got, tt.until)
		}
	}
	// A tiered determination does not lengthen the others, nor they it.
	shown, _ := Show([]Record{tier(determined("a", "2026-04-10"), General), determined("b", "2026-04-20")}, noon("2026-05-01"))
	if shown[0].DisplayUntil.String() != "2027-04-20" || shown[1].DisplayUntil.String() != "2027-04-10" {
		t.Errorf("%+v", shown)
	}
	if !slices.ContainsFunc(shown[1].Applied, func(r ruleset.Rule) bool { return r.ID == "tier-over-chain" && r.Labelled() }) {
		t.Error("our own rule must be shown as such")
	}
}

func TestAPenaltyStillOpenToReviewOrSuitIsNoDishonesty(t *testing.T) {
	t.Parallel()
	with := func(f func(*Record)) []Record {
		r := punished("2026-04-29", "罚款", 90_000)
		f(&r)
		return []Record{r}
	}
	tests := []struct {
		name   string
		record []Record
		at     string
		status Status
		count  int
	}{
		{"on its day", with(func(*Record) {}), "2026-04-29", OpenToChallenge, 0},
		{"after 60 days", with(func(*Record) {}), "2026-06-29", OpenToChallenge, 0},
		{"six months, last day", with(func(*Record) {}), "2026-10-29", OpenToChallenge, 0},
		{"six months, day after", with(func(*Record) {}), "2026-10-30", Disclosed, 1},
		{"served later", with(func(r *Record) { r.ServedOn = workday.MustDate("2026-05-06") }), "2026-11-06", OpenToChallenge, 0},
		{"served later, day after", with(func(r *Record) { r.ServedOn = workday.MustDate("2026-05-06") }), "2026-11-07", Disclosed, 1},
		{"upheld, day before", with(func(r *Record) { r.UpheldOn = workday.MustDate("2026-07-01") }), "2026-06-30", OpenToChallenge, 0},
		{"upheld", with(func(r *Record) { r.UpheldOn = workday.MustDate("2026-07-01") }), "2026-07-01", Disclosed, 1},
		{"under review beyond six months", with(func(r *Record) { r.ChallengedOn = workday.MustDate("2026-05-20") }), "2027-01-15", OpenToChallenge, 0},
		{"disputed and final", with(func(r *Record) { r.Disputed = true }), "2026-11-30", Disputed, 1},
		{"disputed and open", with(func(r *Record) { r.Disputed = true }), "2026-05-30", Disputed, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			shown, _ := Show(tt.record, noon(tt.at))
			if len(shown) != 1 || shown[0].Status != tt.status || Dishonest(shown) != tt.count {
				t.Fatalf("%+v counts %d", shown, Dishonest(shown))
			}
		})
	}
	// The window ends on a Saturday: whoever wants to sue may do so on Monday.
	r := []Record{punished("2026-04-17", "罚款", 90_000)}
	if shown, next := Show(r, noon("2026-10-19")); shown[0].Status != OpenToChallenge || !next.Equal(workday.MustDate("2026-10-20").Start()) {
		t.Errorf("%+v %v", shown, next)
	}
}

func TestOnlyAdverseFinalRecordsCount(t *testing.T) {
	t.Parallel()
	on := workday.MustDate("2026-04-29")
	licence := Record{ID: "l", Kind: Licence, DeterminedOn: on, Content: Content{Licence: &LicenceContent{ValidUntil: workday.MustDate("2026-12-31")}}}
	void := Record{ID: "v", Kind: Licence, DeterminedOn: on, Content: Content{Licence: &LicenceContent{Void: true}}}
	endless := Record{ID: "e", Kind: Licence, DeterminedOn: on, Content: Content{Licence: &LicenceContent{ValidUntil: Endless}}}
	praise := Record{ID: "c", Kind: Commendation, DeterminedOn: on, Content: Content{Commendation: &CommendationContent{}}}
	lost := Record{ID: "j", Kind: Judgment, DeterminedOn: on, Content: Content{Judgment: &JudgmentContent{Result: "判令停止侵权并赔偿损失"}}}
	won := Record{ID: "w", Kind: Judgment, DeterminedOn: on, Content: Content{Judgment: &JudgmentContent{Result: "驳回原告全部诉讼请求"}}}
	shown, next := Show([]Record{licence, void, endless, praise, lost, won}, noon("2026-06-01"))
	if ids(shown) != "c e j l w" || Dishonest(shown) != 1 {
		t.Fatalf("%v counts %d", ids(shown), Dishonest(shown))
	}
	if !next.Equal(workday.MustDate("2026-12-31").End()) {
		t.Errorf("next %v", next)
	}
	shown, next = Show([]Record{praise, endless}, noon("2126-06-01"))
	if ids(shown) != "c e" || !next.IsZero() {
		t.Errorf("good data may stay: %v %v", ids(shown), next)
	}
}

func TestShownIsTheFixedInterface(t *testing.T) {
	t.Parallel()
	shown, _ := Show([]Record{determined("a", "2026-04-10")}, noon("2026-05-01"))
	b, err := json.Marshal(shown[0])
	want := `{"id":"a","act":"DA1","tier":null,"instrumentNo":"a","authority":"国家知识产权局测试司","source":"ADMIN",` +
		`"determinedOn":"2026-04-10","displayFrom":"2026-04-10","displayUntil":"2027-04-10","status":"disclosed"}`
	if err != nil || string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}

// anyRecord draws records of all kinds and states.
func anyRecord(t *rapid.T, i int) Record {
	on := workday.MustDate("2023-01-01").AddDays(rapid.IntRange(0, 1800).Draw(t, "on"))
	var r Record
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0, 1:
		r = determined("", on.String())
		r.Tier = rapid.SampledFrom([]Tier{"", "", Minor, General, Serious}).Draw(t, "tier")
	case 2:
		r = punished(on.String(), rapid.SampledFrom([]string{"警告", "通报批评", "罚款", "罚款;限制从业", "吊销许可证件"}).Draw(t, "classes"),
			rapid.Int64Range(0, 100_000).Draw(t, "fine"))
		r.PublishedOn = on.AddDays(rapid.IntRange(0, 60).Draw(t, "published"))
		r.Channel = rapid.SampledFrom([]Channel{Original, Republish, Internal}).Draw(t, "channel")
	case 3:
		r = Record{Kind: Licence, DeterminedOn: on, Content: Content{Licence: &LicenceContent{ValidUntil: on.AddDays(rapid.IntRange(0, 900).Draw(t, "valid"))}}}
	}
	r.ID = fmt.Sprint("r", i)
	switch rapid.IntRange(0, 9).Draw(t, "state") {
	case 0:
		r.Withdrawn = &Withdrawal{At: on.Start().Add(time.Duration(rapid.IntRange(0, 20000).Draw(t, "withdrawn")) * time.Hour)}
	case 1:
		r.Repaired = &Repair{On: on.AddDays(rapid.IntRange(1, 700).Draw(t, "repaired"))}
	case 2:
		r.Disputed = true
	case 3:
		r.Unpublished = OfMinor
	case 4:
		r.SourceUntil = on.AddDays(rapid.IntRange(0, 900).Draw(t, "source"))
	}
	return r
}

func TestTheOrderOfRecordsNeverMattersAndNextIsTheNextChange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var records []Record
		for i := range rapid.IntRange(1, 6).Draw(t, "n") {
			records = append(records, anyRecord(t, i))
		}
		at := workday.MustDate("2023-01-01").Start().Add(time.Duration(rapid.IntRange(0, 50000).Draw(t, "at")) * time.Hour)
		shown, next := Show(records, at)

		shuffled := rapid.Permutation(records).Draw(t, "order")
		again, nextAgain := Show(shuffled, at)
		if !slices.EqualFunc(shown, again, sameAnswer) || !next.Equal(nextAgain) {
			t.Fatalf("order matters: %v %v / %v %v", ids(shown), next, ids(again), nextAgain)
		}
		today := workday.DateOf(at)
		for _, s := range shown {
			if today.Before(s.DisplayFrom) || !s.DisplayUntil.IsZero() && today.After(s.DisplayUntil) {
				t.Fatalf("%+v shown on %v", s, today)
			}
			if s.Counts && (!s.Adverse || s.Status == OpenToChallenge) {
				t.Fatalf("%+v counts", s)
			}
			r := records[slices.IndexFunc(records, func(r Record) bool { return r.ID == s.ID })]
			if s.Adverse && s.DisplayUntil.After(r.DeterminedOn.AddYears(5)) {
				t.Fatalf("%+v longer than five years", s)
			}
			if s.Adverse && !r.SourceUntil.IsZero() && s.DisplayUntil.After(r.SourceUntil) {
				t.Fatalf("%+v longer than the source", s)
			}
		}
		// Hour by hour the answer stays the same until next, and differs at next.
		for probe := at; probe.Before(at.Add(400 * 24 * time.Hour)); probe = probe.Add(37 * time.Hour) {
			if !next.IsZero() && !probe.Before(next) {
				break
			}
			then, _ := Show(records, probe)
			if !slices.EqualFunc(shown, then, sameAnswer) {
				t.Fatalf("changed by %v, before next %v", probe, next)
			}
		}
		if !next.IsZero() {
			before, _ := Show(records, next.Add(-time.Nanosecond))
			then, _ := Show(records, next)
			if !slices.EqualFunc(shown, before, sameAnswer) || slices.EqualFunc(shown, then, sameAnswer) {
				t.Fatalf("next %v is not the next change: %v → %v → %v", next, ids(shown), ids(before), ids(then))
			}
		}
	})
}

func TestACorrectedRowKeepsItsHistoryAndItsFirstDay(t *testing.T) {
	t.Parallel()
	old := punished("2026-04-10", "罚款", 90_000)
	old.Disputed, old.CollectedAt = true, noon("2026-04-20")
	same := old
	same.CollectedAt, same.BatchID, same.PublishedOn, same.Disputed = noon("2026-05-20"), "b2", workday.MustDate("2026-05-20"), false
	if got, changed := Supersede(old, same, noon("2026-05-20")); changed || !got.Disputed {
		t.Error("the same row counts once")
	}
	corrected := same
	corrected.Content.Penalty = &PenaltyContent{Classes: []string{"罚款"}, FineFen: 8_000_000}
	got, changed := Supersede(old, corrected, noon("2026-05-20"))
	if !changed || !got.Disputed || got.PublishedOn != old.PublishedOn || len(got.History) != 1 ||
		got.History[0].Record.Content.Penalty.FineFen != 9_000_000 || got.Content.Penalty.FineFen != 8_000_000 {
		t.Errorf("%+v", got)
	}
	again, changed := Supersede(got, corrected, noon("2026-05-21"))
	if changed || len(again.History) != 1 {
		t.Error("a correction uploaded twice counts once")
	}
	back, _ := Supersede(got, old, noon("2026-05-22"))
	if len(back.History) != 2 || back.History[1].Record.History != nil {
		t.Error("history is flat")
	}
	ruled := &account{code: "91410702MA00AAC13T", profile: Profile{Records: []Record{old}}}
	if err := ruled.amend(Amendment{ID: old.ID, Do: func(r *Record) error {
		content := *r.Content.Penalty
		content.FineFen = 1_000_000
		r.Content.Penalty = &content
		return nil
	}}, noon("2026-05-21")); err != nil {
		t.Fatal(err)
	}
	if got, changed := Supersede(ruled.profile.Records[0], same, noon("2026-05-22")); changed || got.Content.Penalty.FineFen != 1_000_000 {
		t.Error("the row that officers found wrong undoes their ruling")
	}
	if got, changed := Supersede(ruled.profile.Records[0], corrected, noon("2026-05-22")); !changed || got.Content.Penalty.FineFen != 8_000_000 {
		t.Error("a row that says something new is taken")
	}
	withdrawn := old
	withdrawn.Withdrawn = &Withdrawal{At: noon("2026-05-01"), Reason: "测试"}
	if got, _ := Supersede(withdrawn, corrected, noon("2026-05-20")); got.Withdrawn == nil {
		t.Error("uploading a row again must not bring a withdrawn record back")
	}
}

func TestARecordSurvivesItsOwnJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecord(t, 1)
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back Record
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if c, _ := json.Marshal(back); string(c) != string(b) {
			t.Fatalf("%s\n%s", b, c)
		}
	})
}

func BenchmarkShow(b *testing.B) {
	records := []Record{determined("a", "2025-03-10"), determined("b", "2025-09-01"), punished("2026-04-10", "罚款", 90_000)}
	at := noon("2026-05-01")
	b.ReportAllocs()
	for b.Loop() {
		Show(records, at)
	}
}
