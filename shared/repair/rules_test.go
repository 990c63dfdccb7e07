package repair

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

func day(s string) workday.Date {
	if s == "" {
		return workday.Date{}
	}
	return workday.MustDate(s)
}

var shipped = Rules{Law: credit.Shipped(), Calendar: workday.Official()}

func determined(id, on string, change ...func(*credit.Record)) credit.Record {
	x := credit.Record{
		ID: id, Kind: credit.Determination, Act: "DA1", InstrumentNo: "国知发〔2025〕" + id + "号", Authority: "国家知识产权局",
		Source: credit.Admin, Channel: credit.Republish, DeterminedOn: day(on), PublishedOn: day(on),
		Content: credit.Content{Determination: &credit.DeterminationContent{Basis: "第六条"}},
	}
	for _, f := range change {
		f(&x)
	}
	return x
}

func tier(t credit.Tier) func(*credit.Record) { return func(x *credit.Record) { x.Tier = t } }
func repaired(on string) func(*credit.Record) {
	return func(x *credit.Record) { x.Repaired = &credit.Repair{On: day(on)} }
}

func punished(id, on string, fen int64, classes ...string) credit.Record {
	return credit.Record{
		ID: id, Kind: credit.Penalty, Act: "penalty", InstrumentNo: "新测市监处罚〔2026〕" + id + "号", Authority: "新乡市市场监督管理局",
		AuthorityCode: "11410700000000019U", Source: credit.Admin, Channel: credit.Original, DeterminedOn: day(on), PublishedOn: day(on),
		Content: credit.Content{Penalty: &credit.PenaltyContent{Violation: "样例", Classes: classes, FineFen: fen}},
	}
}

func late(x credit.Record, on string) credit.Record {
	x.PublishedOn = day(on)
	return x
}

func codes(reasons []Reason) string {
	var out []string
	for _, r := range reasons {
		s := r.Code
		if !r.On.IsZero() {
			s += " " + r.On.String()
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

// Domain reference M.5 and M.7, both sides of every boundary.
func TestRepairIsPossibleFromTheDayAndNotBefore(t *testing.T) {
	t.Parallel()
	listed := func(x *credit.Record) { x.Act = credit.SeriousList }
	minorShown := func(x *credit.Record) { x.Tier, x.ShowMinor = credit.Minor, "示例理由" }
	tests := []struct {
		name    string
		records []credit.Record
		filed   string
		from    string
		why     string
	}{
		{"six months, the last day", []credit.Record{determined("A", "2025-03-10")}, "2025-09-10", "2025-09-11", "early 2025-09-11"},
		{"six months, the day after", []credit.Record{determined("A", "2025-03-10")}, "2025-09-11", "2025-09-11", ""},
		{"six months from the end of August, the last day", []credit.Record{determined("A", "2025-08-31")}, "2026-02-28", "2026-03-01", "early 2026-03-01"},
		{"six months from the end of August, the day after", []credit.Record{determined("A", "2025-08-31")}, "2026-03-01", "2026-03-01", ""},
		{"the last day of a year after the last repair", []credit.Record{determined("A", "2025-12-01"), determined("Z", "2025-01-10", repaired("2025-10-01"))}, "2026-10-01", "2026-10-02", "recent-repair 2026-10-02"},
		{"a year after the last repair", []credit.Record{determined("A", "2025-12-01"), determined("Z", "2025-01-10", repaired("2025-10-01"))}, "2026-10-02", "2026-10-02", ""},
		{"early and soon after a repair: both are said", []credit.Record{determined("A", "2025-12-01"), determined("Z", "2025-01-10", repaired("2025-10-01"))}, "2026-05-31", "2026-10-02", "recent-repair 2026-10-02, early 2026-06-02"},
		{"a second in the chain counts from the second", []credit.Record{determined("A", "2025-03-10"), determined("B", "2025-09-01")}, "2026-03-01", "2026-03-02", "early 2026-03-02"},
		{"a second in the chain, on its day", []credit.Record{determined("A", "2025-03-10"), determined("B", "2025-09-01")}, "2026-03-02", "2026-03-02", ""},
		{"the last day of display", []credit.Record{determined("A", "2025-03-10")}, "2026-03-10", "2025-09-11", ""},
		{"the day after display", []credit.Record{determined("A", "2025-03-10")}, "2026-03-11", "", "not-shown"},
		{"repaired already", []credit.Record{determined("A", "2025-03-10", repaired("2025-10-09"))}, "2025-10-09", "", "not-shown"},
		{"minor, at once where it is shown", []credit.Record{determined("A", "2026-04-10", minorShown)}, "2026-04-10", "2026-04-10", ""},
		{"minor, not shown", []credit.Record{determined("A", "2026-04-10", tier(credit.Minor))}, "2026-04-10", "", "not-shown"},
		{"general, the last day", []credit.Record{determined("A", "2026-04-10", tier(credit.General))}, "2026-07-10", "2026-07-11", "early 2026-07-11"},
		{"general, the day after", []credit.Record{determined("A", "2026-04-10", tier(credit.General))}, "2026-07-11", "2026-07-11", ""},
		{"serious, the last day", []credit.Record{determined("A", "2026-04-10", tier(credit.Serious))}, "2027-04-10", "2027-04-11", "early 2027-04-11"},
		{"serious, the day after", []credit.Record{determined("A", "2026-04-10", tier(credit.Serious))}, "2027-04-11", "2027-04-11", ""},
		{"uploaded late: the document's day counts", []credit.Record{determined("A", "2026-04-10", tier(credit.General), func(x *credit.Record) { x.PublishedOn = day("2026-05-20") })}, "2026-07-11", "2026-07-11", ""},
		{"three months from the end of November, the last day", []credit.Record{determined("A", "2026-11-30", tier(credit.General))}, "2027-02-28", "2027-03-01", "early 2027-03-01"},
		{"three months from the end of November, the day after", []credit.Record{determined("A", "2026-11-30", tier(credit.General))}, "2027-03-01", "2027-03-01", ""},
		{"a fine under the tiers, the last day", []credit.Record{punished("A", "2026-04-10", 9000000, "罚款")}, "2026-07-10", "2026-07-11", "early 2026-07-11"},
		{"a fine under the tiers, the day after", []credit.Record{punished("A", "2026-04-10", 9000000, "罚款")}, "2026-07-11", "2026-07-11", ""},
		{"a larger fine before the tiers, the last day", []credit.Record{punished("A", "2025-10-10", 9000000, "罚款")}, "2026-04-10", "2026-04-11", "early 2026-04-11"},
		{"a larger fine before the tiers, the day after", []credit.Record{punished("A", "2025-10-10", 9000000, "罚款")}, "2026-04-11", "2026-04-11", ""},
		{"a larger fine before the tiers, published a year late: from when it was due", []credit.Record{late(punished("A", "2025-10-10", 9000000, "罚款"), "2026-10-12")}, "2026-10-12", "2026-05-07", ""},
		{"listed before the tiers, the last day of the year", []credit.Record{determined("A", "2025-09-10", listed)}, "2026-09-10", "2026-09-11", "early 2026-09-11"},
		{"listed before the tiers, the day after", []credit.Record{determined("A", "2025-09-10", listed)}, "2026-09-11", "2026-09-11", ""},
		{"listed on the last day before the tiers, six months after", []credit.Record{determined("A", "2026-03-31", listed)}, "2026-10-01", "2027-04-01", "early 2027-04-01"},
		{"listed on the first day of the tiers", []credit.Record{determined("A", "2026-04-01", listed, tier(credit.Serious))}, "2027-04-01", "2027-04-02", "early 2027-04-02"},
		{"listed on a leap day", []credit.Record{determined("A", "2024-02-29", listed)}, "2025-02-28", "2025-03-01", "early 2025-03-01"},
		{"listed, and repaired of something else half a year ago", []credit.Record{determined("A", "2025-03-10", listed), determined("Z", "2025-01-10", repaired("2025-10-01"))}, "2026-03-11", "2026-03-11", ""},
		{"a listing does not put off the repair of a determination", []credit.Record{determined("A", "2025-03-10"), determined("B", "2025-09-01", listed)}, "2025-09-11", "2025-09-11", ""},
		{"revoked before the tiers", []credit.Record{punished("A", "2025-10-10", 0, "吊销许可证件")}, "2026-06-01", "", "not-repairable"},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			s, err := shipped.Standing(x.records, "A", day(x.filed))
			if err != nil {
				t.Fatal(err)
			}
			if got := codes(s.Reasons); got != x.why || s.From != day(x.from) || s.May() != (x.why == "") {
				t.Errorf("from %s, %q; want %s, %q", s.From, got, x.from, x.why)
			}
		})
	}
}

// Every route on both sides of 2026-04-01: who takes in, inside which limits, with
// which papers.
func TestRouteFollowsTheDayOfFiling(t *testing.T) {
	t.Parallel()
	listing := credit.Record{Kind: credit.Determination, Act: credit.SeriousList}
	determination, penalty := credit.Record{Kind: credit.Determination, Act: "DA2"}, credit.Record{Kind: credit.Penalty, Act: "penalty"}
	const through = "3 to accept, 7 from acceptance, 10 to answer; [commitment performance]"
	for _, x := range []struct {
		name   string
		record credit.Record
		on     string
		want   Route
		single bool
		terms  string
	}{
		{"CNIPA's rule, the last day", determination, "2026-03-31", CNIPA, false, "10 from receipt; [form commitment correction]"},
		{"a determination, the first day of Order 36", determination, "2026-04-01", CreditChina, true, through},
		{"Order 44, the last day", listing, "2026-03-31", Order44, false, "5 to accept, 15 from acceptance; [form commitment performance]"},
		{"a listing, the first day of Order 36", listing, "2026-04-01", CreditChina, true, through},
		{"the market regulators' rule, the last day", penalty, "2026-03-31", SAMR, false, "2 to accept, 15 from acceptance; [form commitment performance]"},
		{"a penalty, the first day of Order 36", penalty, "2026-04-01", CreditChina, true, through},
		{"a judgment has no route before", credit.Record{Kind: credit.Judgment}, "2026-03-31", "", false, ""},
		{"nor after", credit.Record{Kind: credit.Judgment}, "2026-04-01", "", true, ""},
		{"nor has a licence", credit.Record{Kind: credit.Licence}, "2026-03-31", "", false, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			got, rule, single, err := shipped.RouteOf(x.record, day(x.on))
			if err != nil || got != x.want || single != x.single || !rule.InForce(day(x.on)) {
				t.Fatalf("%s %v %v %s", got, single, err, rule.Ref())
			}
			if got == "" {
				return
			}
			own := Application{Route: got, State: Submitted, FiledOn: day(x.on), CompleteOn: day(x.on), Authority: Authority{Unit: "410700"}}
			needed, err := shipped.Needed(own)
			if err != nil {
				t.Fatal(err)
			}
			timers, err := shipped.timers(own)
			if err != nil {
				t.Fatal(err)
			}
			accepted := own
			accepted.State, accepted.AcceptedOn = Accepted, day(x.on)
			more, err := shipped.timers(accepted)
			if err != nil {
				t.Fatal(err)
			}
			var terms []string
			for _, timer := range slices.Concat(timers, more) {
				words := map[string]string{AcceptClock: "to accept", DecideClock: "from acceptance", AnswerClock: "to answer"}[timer.Name]
				if timer.Name == DecideClock && len(timers) > 0 && timers[0].Name == DecideClock {
					words = "from receipt"
				}
				if term := fmt.Sprintf("%d %s", timer.Period.N, words); !slices.Contains(terms, term) {
					terms = append(terms, term)
				}
			}
			slices.SortStableFunc(terms, func(a, b string) int { return strings.Compare(last(a), last(b)) })
			if s := fmt.Sprintf("%s; %v", strings.Join(terms, ", "), needed); s != x.terms {
				t.Errorf("%s, want %s", s, x.terms)
			}
		})
	}
}

// last makes terms come in the order of an application: accept, from, answer.
func last(term string) string {
	return map[string]string{"accept": "1", "acceptance": "2", "receipt": "2", "answer": "3"}[term[strings.LastIndex(term, " ")+1:]]
}

// Bankruptcy, both sides of 2026-04-01: only since then does a court's ruling let a
// firm apply while it still performs.
func TestACourtsRulingCountsSinceOrder36(t *testing.T) {
	t.Parallel()
	for on, want := range map[string]bool{"2026-03-31": false, "2026-04-01": true} {
		if got := shipped.MayWhilePerforming(day(on)); got != want {
			t.Errorf("%s: %v", on, got)
		}
		in := Order{Records: []string{"A"}, Corrected: true, Removed: true, Bankruptcy: &Bankruptcy{Court: "样例市中级人民法院", No: "（2026）豫07破2号", On: day("2026-02-10")}}
		if err := in.check(shipped, day(on)); (err == nil) != want {
			t.Errorf("%s: %v", on, err)
		}
	}
}

// The reasons of domain reference B.6 are data with an article on every route that
// knows them.
func TestEveryReasonHasItsArticle(t *testing.T) {
	t.Parallel()
	for _, on := range []string{"2026-03-31", "2026-04-01"} {
		codes, err := shipped.Foreign(Application{FiledOn: day(on)})
		if err != nil || len(codes) < 11 {
			t.Fatal(codes, err)
		}
		for _, code := range codes {
			for _, route := range []Route{CNIPA, SAMR, Order44, CreditChina} {
				g, known := shipped.Ground(code, route, day(on))
				if !known || g.Source == "" || g.Article == "" || g.Confidence == "" {
					t.Errorf("%s on %s: %+v", code, route, g)
				}
			}
			for _, key := range []string{"repair.reason." + code, "repair.given." + code} {
				if !page.Has(key) {
					t.Error(key)
				}
			}
		}
	}
	for code, article := range map[string]string{RecentRepair: "第十四条第一项", Fraud: "第十四条第二项", NewRecord: "第十四条第三项", NotRepairable: "第十四条第四项", Early: "第十三条"} {
		if g, _ := shipped.Ground(code, CNIPA, day("2026-03-31")); !strings.HasPrefix(g.Article, article) || !strings.Contains(g.Source, "国知发保字〔2022〕8号") {
			t.Errorf("%s: %+v", code, g)
		}
	}
}

// Domain reference M.6.
func TestRepairClocks(t *testing.T) {
	t.Parallel()
	own := Authority{Name: "新乡市市场监督管理局", Unit: "410700"}
	tests := []struct {
		name string
		a    Application
		want string
	}{
		{"CNIPA's route: ten working days over the holiday", Application{Route: CNIPA, State: Submitted, Authority: own, FiledOn: day("2025-09-26"), CompleteOn: day("2025-09-26")}, "decide 2025-10-16"},
		{"CNIPA's route: five more to stop", Application{Route: CNIPA, State: Approved, Authority: own, FiledOn: day("2025-09-26"), CompleteOn: day("2025-09-26"), ClosedOn: day("2025-10-16")}, "stop 2025-10-23"},
		{"Credit China: three to accept, ten to answer", Application{Route: CreditChina, State: Submitted, Authority: own, FiledOn: day("2026-09-21"), CompleteOn: day("2026-09-21")}, "accept 2026-09-24, answer 2026-10-12"},
		{"Credit China: accepted on the last day, seven to decide", Application{Route: CreditChina, State: Accepted, Authority: own, FiledOn: day("2026-09-21"), CompleteOn: day("2026-09-21"), AcceptedOn: day("2026-09-24")}, "decide 2026-10-12, answer 2026-10-12"},
		{"Credit China: one working day for the effects", Application{Route: CreditChina, State: Approved, Authority: own, FiledOn: day("2026-09-21"), CompleteOn: day("2026-09-21"), AcceptedOn: day("2026-09-22"), ClosedOn: day("2026-09-30")}, "stop 2026-10-08"},
		{"market regulators' route: two to accept", Application{Route: SAMR, State: Submitted, Authority: own, FiledOn: day("2025-09-26"), CompleteOn: day("2025-09-26")}, "accept 2025-09-29"},
		{"market regulators' route: fifteen to decide", Application{Route: SAMR, State: Accepted, Authority: own, FiledOn: day("2025-09-26"), CompleteOn: day("2025-09-26"), AcceptedOn: day("2025-09-26")}, "decide 2025-10-23"},
		{"waiting for the subject: no clock", Application{Route: CreditChina, State: Completeness, Authority: own, FiledOn: day("2026-09-21"), CompleteOn: day("2026-09-21")}, ""},
		{"the limits run from completion", Application{Route: CreditChina, State: Submitted, Authority: own, FiledOn: day("2026-09-14"), AskedOn: day("2026-09-15"), CompleteOn: day("2026-09-21")}, "accept 2026-09-24, answer 2026-10-12"},
		{"Credit China passed it on a day later: its own limit runs from the application", Application{Route: CreditChina, State: Submitted, Authority: own, FiledOn: day("2026-09-21"), CompleteOn: day("2026-09-22")}, "accept 2026-09-28, answer 2026-10-12"},
		{"another authority's: ours is to forward it", Application{Route: CNIPA, State: Submitted, Authority: Authority{Name: "国家知识产权局"}, FiledOn: day("2025-09-26"), CompleteOn: day("2025-09-26")}, "accept 2025-10-16"},
		{"denied: nothing runs", Application{Route: CreditChina, State: Denied, Authority: own, FiledOn: day("2026-09-21"), CompleteOn: day("2026-09-21"), AcceptedOn: day("2026-09-22"), ClosedOn: day("2026-09-30")}, ""},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			clocks, err := shipped.Clocks(x.a, day("2026-10-09"))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range clocks {
				if c.Running() {
					got = append(got, c.Name+" "+c.Due.String())
				}
			}
			if s := strings.Join(got, ", "); s != x.want {
				t.Errorf("%s, want %s", s, x.want)
			}
		})
	}
}

func TestPapersAreThoseOfTheRoute(t *testing.T) {
	t.Parallel()
	ruling := &Bankruptcy{Court: "样例人民法院", No: "（2026）豫破1号", On: day("2026-04-02")}
	for _, x := range []struct {
		a    Application
		want string
	}{
		{Application{Route: CNIPA, FiledOn: day("2025-09-11")}, "[commitment correction]"},
		{Application{Route: SAMR, FiledOn: day("2025-09-11")}, "[commitment performance]"},
		{Application{Route: CreditChina, FiledOn: day("2026-04-11")}, "[commitment performance]"},
		{Application{Route: CreditChina, FiledOn: day("2026-04-11"), Bankruptcy: ruling}, "[commitment ruling]"},
		{Application{Route: CreditChina, FiledOn: day("2026-04-11"), Signed: &Signature{}, Papers: []Handed{{Paper: Performance}}}, "[]"},
	} {
		got, err := shipped.Missing(x.a)
		if err != nil || fmt.Sprint(got) != x.want {
			t.Errorf("%s: %v, want %s (%v)", x.a.Route, got, x.want, err)
		}
	}
}

func TestWhoDeterminedDecides(t *testing.T) {
	t.Parallel()
	organizations := []staff.Organization{
		{ID: "lead", Kind: staff.LeadBureau, Name: "新乡市市场监督管理局", Code: "11410700000000019U", Divisions: []string{"410700"}},
		{ID: "hongqi", Kind: staff.DistrictBureau, Name: "新乡市红旗区市场监督管理局", Divisions: []string{"410702"}},
		{ID: "science", Kind: staff.Department, Name: "新乡市科学技术局", Divisions: []string{"410700"}},
		{ID: "gone", Kind: staff.DistrictBureau, Name: "样例区市场监督管理局", Divisions: []string{"410799"}, Closed: true},
	}
	for _, x := range []struct{ name, authority, code, unit string }{
		{"by code", "新乡市市监局", "11410700000000019U", "410700"},
		{"by name", "新乡市红旗区市场监督管理局", "", "410702"},
		{"a name with another's code", "新乡市市场监督管理局", "11410799000000019U", ""},
		{"the nation's", "国家知识产权局", "", ""},
		{"another city's", "样例市市场监督管理局", "", ""},
		{"a department does not decide here", "新乡市科学技术局", "", ""},
		{"a bureau that was closed", "样例区市场监督管理局", "", ""},
	} {
		got := Decides(credit.Record{Authority: x.authority, AuthorityCode: x.code}, organizations)
		if got.Unit != x.unit || got.Own() != (x.unit != "") || got.Name != x.authority {
			t.Errorf("%s: %+v", x.name, got)
		}
	}
}

func TestANewDeterminationDuringTheApplicationBarsIt(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ on, want string }{
		{"2025-09-20", ""}, // the day of filing is not after it
		{"2025-09-21", "new-record 2025-09-21"},
	} {
		a := Application{Records: []string{"A"}, FiledOn: day("2025-09-20")}
		got, err := shipped.Since([]credit.Record{determined("A", "2025-03-10"), determined("B", x.on), punished("C", "2025-09-25", 1, "罚款")}, a)
		if err != nil || codes(got) != x.want {
			t.Errorf("%s: %q %v", x.on, codes(got), err)
		}
	}
}

// A machine of random steps: however they come, the application is returned at
// most once, decided at most once, never approved where another authority decides,
// and never refused without a reason.
func TestNoOrderOfStepsBreaksTheRules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 9, 21, 2, 0, 0, 0, time.UTC)
		a := Application{No: "XF2026000001", Route: CreditChina, State: Submitted, FiledOn: workday.DateOf(now), CompleteOn: workday.DateOf(now)}
		if rapid.Bool().Draw(t, "own") {
			a.Authority.Unit = "410700"
		}
		returned, decided := 0, 0
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			now = now.Add(time.Hour)
			var next Application
			var err error
			n := rapid.IntRange(0, 11).Draw(t, "step")
			switch n {
			case 0:
				next, err = a.handIn(Performance, "", "u", now)
			case 1:
				next, err = a.sign("u", now)
			case 2:
				next, err = a.giveBack(shipped, rapid.SampledFrom([][]Paper{nil, {Performance}}).Draw(t, "unproven"), "h", now)
			case 3:
				next, err = a.complete("u", now)
			case 4:
				next, err = a.handOver("信用中国1号", "h", now)
			case 5:
				next, err = a.accept(shipped, nil, "h", now)
			case 6:
				next, err = a.forward(shipped, "国知1号", "h", now)
			case 7:
				next, err = a.refuse(shipped, rapid.SampledFrom([][]string{nil, {Fraud}, {Incomplete}, {Early}}).Draw(t, "reasons"), nil, "1号文书", "h", now)
			case 8:
				next, err = a.approve(nil, "1号文书", "d", now)
			case 9:
				next, err = a.foreign(shipped, Foreign{Approved: true, No: "国知2号", On: workday.DateOf(now)}, "d", now)
			case 10:
				next, err = a.spread("h", now)
			case 11:
				next, err = a.withdraw("u", now)
			}
			if err != nil {
				if _, ok := fault.Of(err); !ok {
					t.Fatal(err)
				}
				continue
			}
			if next.Version != a.Version+1 || len(next.Events) != len(a.Events)+1 {
				t.Fatalf("step %d leaves no event", n)
			}
			if a.State != next.State && next.State == Completeness {
				returned++
			}
			if a.State.Open() && !next.State.Open() {
				decided++
			}
			if !a.State.Open() && next.State != Propagated {
				t.Fatalf("%s became %s", a.State, next.State)
			}
			if n == 8 && !a.Authority.Own() {
				t.Fatal("approved what another authority decides")
			}
			if (next.State == Refused || next.State == Denied) && len(next.Reasons) == 0 {
				t.Fatal("refused without a reason")
			}
			if missing, _ := shipped.Missing(next); (n == 5 || n == 6) && len(missing) > 0 {
				t.Fatal("accepted or forwarded incomplete")
			}
			a = next
		}
		if returned > 1 || decided > 1 {
			t.Fatalf("returned %d times, decided %d times", returned, decided)
		}
	})
}

func TestTheListIsFullAndIsSentOnce(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 9, 21, 2, 0, 0, 0, time.UTC)
	a := Application{Route: CreditChina, State: Submitted, FiledOn: workday.DateOf(now), Papers: []Handed{{Paper: Performance, Version: 1, At: now.Add(-time.Hour)}}}
	a, err := a.giveBack(shipped, []Paper{Performance}, "h", now)
	if err != nil || !slices.Equal(a.Asked, []Paper{Commitment, Performance}) || a.State != Completeness {
		t.Fatalf("%v %v", a.Asked, err)
	}
	if _, err := a.complete("u", now.Add(time.Minute)); !fault.Is(err, fault.Refused) {
		t.Fatalf("complete without the papers: %v", err)
	}
	a, _ = a.sign("u", now.Add(time.Minute))
	if _, err := a.complete("u", now.Add(2*time.Minute)); !fault.Is(err, fault.Refused) {
		t.Fatal("an old paper counts as a new one")
	}
	a, _ = a.handIn(Performance, "BOX", "u", now.Add(2*time.Minute))
	if h, _ := a.Newest(Performance); h.Version != 2 {
		t.Errorf("version %d", h.Version)
	}
	a, err = a.complete("u", now.Add(24*time.Hour))
	if err != nil || a.CompleteOn != day("2026-09-22") || a.State != Submitted {
		t.Fatalf("%s %s %v", a.State, a.CompleteOn, err)
	}
	if _, err := a.giveBack(shipped, []Paper{Performance}, "h", now.Add(25*time.Hour)); !fault.Is(err, fault.Conflict) {
		t.Fatalf("returned twice: %v", err)
	}
}

func TestNumbersAreNumbersAndNoText(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"新测市监信修〔2026〕1号", "（2026）测破1号", "XY-2026/01.2", " 12 "} {
		if _, err := number("n", s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"", "1", "张样例 19900001234", "一\u202e号", "<b>1</b>", "１２３\u200b", strings.Repeat("号", 61), "a\nb"} {
		if _, err := number("n", s); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", s, err)
		}
	}
}
