package clock

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"ipcredit/shared/calendar"
	"ipcredit/shared/citytest"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// start is a day on which something with 15 working days is received: its last one
// is Friday 2026-05-22.
var start = time.Date(2026, 4, 29, 4, 0, 0, 0, time.UTC)

var ok = citytest.OK

// town has an index and people.
type town struct {
	*Store
	t     testing.TB
	staff citytest.Staff
	now   time.Time
}

func newTown(t testing.TB, rdb *redis.Client) *town {
	t.Helper()
	j := journal.New(rdb, "410700", journal.Options{})
	return &town{New(j), t, citytest.NewStaff(t, j, start), start}
}

func (w *town) today() workday.Date { return workday.DateOf(w.now) }

// on goes to noon of a day.
func (w *town) on(s string) { w.now = day(s).Start().Add(12 * time.Hour) }

// keep keeps records in one commit, as their matter would.
func (w *town) keep(records ...Kept) {
	w.t.Helper()
	ok(w.t, w.j.Commit(context.Background(), journal.Entry{Actor: "u", Action: "test.keep", At: w.now}, nil, func(tx *journal.Tx) error {
		return w.Keep(tx, records...)
	}))
}

// record is one with a check that began on a day.
func (w *town) record(ref, unit, from string, change ...func(*Timer)) Kept {
	timer := Timer{Name: "check", From: day(from), Period: workdays(15), Rule: rule}
	for _, f := range change {
		f(&timer)
	}
	return Kept{Ref: ref, Unit: unit, Division: unit, Matter: "tipoff", Link: "case-handling/x", Clocks: All([]Timer{timer}, workday.Official(), w.today())}
}

func (w *town) escalate() int {
	w.t.Helper()
	n, err := w.Escalate(context.Background(), w.now)
	ok(w.t, err)
	return n
}

func (w *town) actor(name string) staff.Actor {
	w.t.Helper()
	return w.staff.As(w.t, name)
}

// inbox is what an organisation was told of clocks, oldest first.
func (w *town) inbox(org string) []string {
	w.t.Helper()
	list, _, err := w.staff.Inbox(context.Background(), staff.Actor{Org: staff.Organization{ID: org}}, "", 200)
	ok(w.t, err)
	var out []string
	for _, m := range list {
		if strings.HasPrefix(m.Kind, "clock.") {
			out = append(out, strings.TrimPrefix(m.Kind, "clock.")+" "+m.Ref)
		}
	}
	slices.Reverse(out)
	return out
}

func (w *town) told(org string, want ...string) {
	w.t.Helper()
	if got := w.inbox(org); !slices.Equal(got, want) {
		w.t.Errorf("%s was told %q, want %q", org, got, want)
	}
}

func refs(list []Kept) (out []string) {
	for _, k := range list {
		out = append(out, k.Ref)
	}
	return out
}

func TestEachLevelTellsWhomItIsFor(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		suo := w.actor("hongqi.suo")
		k := w.record("tip-off:1", "410702", "2026-04-29")
		k.Owners = []string{suo.User.ID}
		department := w.record("notice:7", "science", "2026-04-29")
		secret := w.record("tip-off:2", staff.DisciplineUnit, "2026-04-29")
		nobody := w.record("case:3", "410799", "2026-04-29") // a division without an organisation
		w.keep(k, department, secret, nobody)
		if due := k.Clocks[0].Due; due != day("2026-05-22") {
			t.Fatal(due)
		}
		for _, s := range []struct {
			on string
			n  int
		}{{"2026-05-19", 0}, {"2026-05-20", 4}, {"2026-05-28", 0}, {"2026-05-29", 4}, {"2026-06-04", 0}, {"2026-06-05", 4}, {"2026-07-01", 0}} {
			w.on(s.on)
			for range 3 {
				if n := w.escalate(); n != s.n {
					t.Errorf("%s: acted on %d, want %d", s.on, n, s.n)
				}
				s.n = 0
			}
		}
		w.told("hongqi", "urged tip-off:1", "supervised tip-off:1", "reported tip-off:1")
		w.told("hongqi-suo", "urged tip-off:1", "supervised tip-off:1", "reported tip-off:1")
		w.told("science", "urged notice:7", "supervised notice:7", "reported notice:7")
		w.told("discipline", "urged tip-off:2", "supervised tip-off:2", "reported tip-off:2")
		got := w.inbox("lead")
		slices.Sort(got)
		if want := []string{"reported case:3", "reported notice:7", "reported tip-off:1", "supervised case:3", "supervised notice:7", "supervised tip-off:1", "urged case:3"}; !slices.Equal(got, want) {
			t.Errorf("the lead bureau was told %q", got)
		}
		acts, err := w.Acts(t.Context(), "tip-off:1")
		if err != nil || len(acts) != 3 || acts[1] != (Act{"check", day("2026-04-29"), day("2026-05-22"), Supervised, day("2026-05-29")}) {
			t.Errorf("%+v %v", acts, err)
		}
	})
}

func TestSixteenCallersActOnce(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		const records = 12
		var list []Kept
		for n := range records {
			list = append(list, w.record(fmt.Sprintf("case:%02d", n), "410702", "2026-04-29"))
		}
		w.keep(list...)
		for _, on := range []string{"2026-05-20", "2026-05-29"} {
			w.on(on)
			var callers sync.WaitGroup
			var mu sync.Mutex
			total := 0
			for range 16 {
				replica := New(w.j)
				callers.Go(func() {
					for {
						n, err := replica.Escalate(context.Background(), w.now)
						mu.Lock()
						total += n
						mu.Unlock()
						if err == nil {
							return
						}
						if !fault.Is(err, fault.Conflict) {
							t.Error(err)
							return
						}
					}
				})
			}
			callers.Wait()
			if total != records {
				t.Errorf("%s: %d acts in all, want %d", on, total, records)
			}
		}
		if got := w.inbox("hongqi"); len(got) != 2*records {
			t.Errorf("%d messages, want %d", len(got), 2*records)
		}
		if got := w.inbox("lead"); len(got) != records {
			t.Errorf("%d messages above, want %d", len(got), records)
		}
	})
}

func TestAMessageHoldsKindNumberClockAndDayAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	w.keep(w.record("tip-off:100000000009", "410702", "2026-04-29"))
	w.on("2026-05-20")
	w.escalate()
	list, _, err := w.staff.Inbox(t.Context(), staff.Actor{Org: staff.Organization{ID: "hongqi"}}, "", 10)
	if err != nil || len(list) == 0 {
		t.Fatalf("%v %v", list, err)
	}
	m := list[0]
	said := func(lang page.Lang) string {
		return page.Say(lang, m.Title, m.Arguments(func(key string) (string, bool) { return page.Say(lang, key), page.Has(key) })...)
	}
	if zh := said(page.ZH); zh != "催办：举报 100000000009 的“"+page.Say(page.ZH, "tipoff.clock.check")+"”期限为 2026-05-22，请及时办理。" {
		t.Error(zh)
	}
	if en := said(page.EN); !strings.Contains(en, "tip-off 100000000009") || strings.Contains(en, "〔") {
		t.Error(en)
	}
	if m.Link != "case-handling/x" || m.Ref != "tip-off:100000000009" || len(m.Args) != 4 {
		t.Errorf("%+v", m)
	}
	for _, level := range Levels() {
		for _, lang := range []page.Lang{page.ZH, page.EN} {
			if !page.Has("clock.told."+string(level)) || strings.Contains(page.Say(lang, "clock.level."+string(level)), "〔") {
				t.Errorf("%s has no words", level)
			}
		}
	}
}

func TestWhatIsDoneOrStandsIsNotUrged(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		stand := func(timer *Timer) { timer.Pauses = []Pause{pause("2026-05-11", "")} }
		w.keep(w.record("case:done", "410702", "2026-04-29"), w.record("case:stands", "410702", "2026-04-29", stand))
		w.on("2026-05-19")
		w.keep(w.record("case:done", "410702", "2026-04-29", func(timer *Timer) { timer.Done = day("2026-05-19") }))
		w.on("2026-05-25")
		if n := w.escalate(); n != 0 {
			t.Errorf("acted on %d", n)
		}
		if _, known, err := w.Of(t.Context(), "case:done"); known || err != nil {
			t.Errorf("kept although nothing runs: %v", err)
		}
		// It goes on: ten working days were waited for, which moves the last day to
		// 2026-06-05.
		w.keep(w.record("case:stands", "410702", "2026-04-29", func(timer *Timer) { timer.Pauses = []Pause{pause("2026-05-11", "2026-05-25")} }))
		w.on("2026-06-02")
		if n := w.escalate(); n != 0 {
			t.Errorf("acted on %d", n)
		}
		w.on("2026-06-03")
		if n := w.escalate(); n != 1 {
			t.Errorf("acted on %d", n)
		}
	})
}

func TestAnExtendedClockIsUrgedAgain(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	w.keep(w.record("case:1", "410702", "2026-04-29"))
	w.on("2026-05-20")
	w.escalate()
	w.on("2026-05-21")
	w.keep(w.record("case:1", "410702", "2026-04-29", func(timer *Timer) { timer.Extension, timer.Extended = workdays(15), true }))
	if n := w.escalate(); n != 0 {
		t.Errorf("urged %d although there are fifteen days more", n)
	}
	w.on("2026-06-12") // due on 2026-06-15, after the weekend
	k, _, err := w.Of(t.Context(), "case:1")
	ok(t, err)
	if c, _ := k.Next(); c.Due != day("2026-06-12") && c.Due != day("2026-06-15") {
		t.Fatalf("%v", c.Due)
	}
	if n := w.escalate(); n != 1 {
		t.Errorf("acted on %d", n)
	}
	w.told("hongqi", "urged case:1", "urged case:1")
}

func TestALevelThatWasPassedUnseenIsToldWithTheHigherOne(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	w.keep(w.record("case:1", "410702", "2026-04-29"))
	w.on("2026-07-01")
	if n := w.escalate(); n != 1 {
		t.Errorf("acted on %d", n)
	}
	w.told("hongqi", "reported case:1")
	w.told("lead", "reported case:1")
}

func TestARunIsBoundedAndTheNextGoesOn(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	most := chosen.N("run.records")
	var list []Kept
	for n := range most + 10 {
		list = append(list, w.record(fmt.Sprintf("case:%04d", n), "410702", "2026-04-29"))
	}
	w.keep(list...)
	w.on("2026-05-20")
	for _, want := range []int{most, 10, 0} {
		if n := w.escalate(); n != want {
			t.Errorf("acted on %d, want %d", n, want)
		}
	}
}

func TestARunThatHasNoTimeLeftStopsAndLosesNothing(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	w.keep(w.record("case:1", "410702", "2026-04-29"))
	w.on("2026-05-20")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := w.Escalate(ctx, w.now); n != 0 || err == nil {
		t.Errorf("%d %v", n, err)
	}
	if n := w.escalate(); n != 1 {
		t.Errorf("acted on %d", n)
	}
}

func TestARecordThatCannotBeReadKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	rdb := redistest.Embedded(t)
	w := newTown(t, rdb)
	w.keep(w.record("case:1", "410702", "2026-04-29"), w.record("case:2", "410702", "2026-04-29"))
	w.on("2026-05-20")
	w.escalate() // so that computing anew is over for today
	w.on("2026-05-29")
	ok(t, w.recompute(t.Context(), workday.Official(), w.now))
	ok(t, w.recompute(t.Context(), workday.Official(), w.now))
	ok(t, rdb.Set(t.Context(), w.of("case:1"), "{", 0).Err())
	n, err := w.Escalate(t.Context(), w.now)
	if n != 1 || err == nil {
		t.Errorf("%d %v", n, err)
	}
	w.told("lead", "supervised case:2")
}

func TestListsAreByLastDayAndGoOnWhereTheyStopped(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w, ctx := newTown(t, rdb), t.Context()
		mine := w.record("case:b", "410711", "2026-04-28")
		mine.Owners = []string{"u1", "u2"}
		other := w.record("case:e", "410702", "2026-04-30")
		other.Owners = []string{"u1"}
		w.keep(w.record("case:c", "410702", "2026-04-29"), mine, w.record("case:a", "410702", "2026-04-29"), w.record("case:d", "410783", "2026-04-27"), other)
		page := func(units []string, by, cursor string, limit int) ([]string, string) {
			t.Helper()
			list, next, err := w.Due(ctx, units, day(by), cursor, limit)
			ok(t, err)
			return refs(list), next
		}
		units := []string{"410702", "410711"}
		all, next := page(units, "", "", 10)
		if want := []string{"case:b", "case:a", "case:c", "case:e"}; !slices.Equal(all, want) || next != "" {
			t.Errorf("%v, then %q", all, next)
		}
		var paged []string
		for cursor, n := "", 0; n < 10; n++ {
			some, next := page(units, "", cursor, 1)
			paged = append(paged, some...)
			if cursor = next; cursor == "" {
				break
			}
		}
		if !slices.Equal(paged, all) {
			t.Errorf("page by page %v", paged)
		}
		// 2026-04-29 is due on 05-22, 04-30 on 05-25.
		for by, want := range map[string]int{"2026-05-20": 0, "2026-05-21": 1, "2026-05-22": 3, "2026-05-24": 3, "2026-05-25": 4} {
			if some, _ := page(units, by, "", 10); len(some) != want {
				t.Errorf("by %s: %v", by, some)
			}
		}
		list, _, err := w.Owned(ctx, []string{"u1", "u2"}, workday.Date{}, "", 10)
		if got := refs(list); err != nil || !slices.Equal(got, []string{"case:b", "case:e"}) {
			t.Errorf("owned %v %v", got, err)
		}
		for _, cursor := range []string{"x", "20260522", "20260522 ", "2026052x case:a", "+", "[20260522 a"} {
			if _, _, err := w.Due(ctx, units, workday.Date{}, cursor, 10); !fault.Is(err, fault.Invalid) {
				t.Errorf("cursor %q: %v", cursor, err)
			}
		}
		if list, next, err := w.Due(ctx, nil, workday.Date{}, "", 10); len(list) != 0 || next != "" || err != nil {
			t.Error("nobody's list is empty")
		}
	})
}

func TestARecordGoesWithItsUnitAndItsOwner(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w, ctx := newTown(t, rdb), t.Context()
		k := w.record("case:1", "410702", "2026-04-29")
		k.Owners = []string{"u1"}
		w.keep(k)
		k.Unit, k.Owners = "410711", []string{"u2"}
		w.keep(k)
		for unit, want := range map[string]int{"410702": 0, "410711": 1} {
			if list, _, err := w.Due(ctx, []string{unit}, workday.Date{}, "", 10); len(list) != want || err != nil {
				t.Errorf("%s: %v %v", unit, refs(list), err)
			}
		}
		for user, want := range map[string]int{"u1": 0, "u2": 1} {
			if list, _, err := w.Owned(ctx, []string{user}, workday.Date{}, "", 10); len(list) != want || err != nil {
				t.Errorf("%s: %v %v", user, refs(list), err)
			}
		}
		k.Clocks[0].Done = day("2026-05-04")
		w.keep(k)
		// Nothing is left behind of a record without a clock, once it was there.
		keys, err := rdb.Keys(ctx, "{410700}:clock:*").Result()
		if err != nil || len(keys) != 0 {
			t.Errorf("left: %v %v", keys, err)
		}
	})
}

// importYear puts the invented 2027 in force.
func (w *town) importYear() workday.Calendar {
	w.t.Helper()
	b, err := os.ReadFile("../workday/testdata/2027-invented.json")
	ok(w.t, err)
	y, err := workday.ParseYear(b)
	ok(w.t, err)
	c := calendar.New(w.j)
	x, err := c.Propose(context.Background(), w.actor("lead.handler"), y, w.now)
	ok(w.t, err)
	_, err = c.Approve(context.Background(), w.actor("lead.approver"), x.ID, w.now)
	ok(w.t, err)
	cal, err := c.Current(context.Background())
	ok(w.t, err)
	return cal
}

func TestImportingAYearMovesAndSettlesWhatRuns(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w, ctx := newTown(t, rdb), t.Context()
		w.on("2026-12-21")
		w.keep(
			w.record("case:near", "410702", "2026-11-30"), // due on 12-21
			w.record("case:far", "410702", "2026-12-15"),  // due on 2027-01-06, provisional
			w.record("case:later", "410702", "2026-12-21", func(timer *Timer) { timer.Period = workday.Period{N: 3, Unit: workday.Months} }))
		far, _, err := w.Of(ctx, "case:far")
		if err != nil || !far.Clocks[0].Provisional {
			t.Fatalf("%+v %v", far, err)
		}
		w.escalate() // the pass of today under the old calendar is over now or at the next call
		w.escalate()
		b, err := os.ReadFile("../workday/testdata/2027-invented.json")
		ok(t, err)
		var y workday.Year
		ok(t, json.Unmarshal(b, &y))
		next, err := workday.NewCalendar(y)
		ok(t, err)
		m, err := w.Preview(ctx, next, w.today())
		if err != nil || m.Running != 3 || m.Settled != 2 || m.More {
			t.Errorf("%+v %v", m, err)
		}
		moved := m.Moved
		cal := w.importYear()
		w.escalate()
		changed := 0
		for _, ref := range []string{"case:near", "case:far", "case:later"} {
			k, known, err := w.Of(ctx, ref)
			if err != nil || !known {
				t.Fatalf("%s %v", ref, err)
			}
			c := k.Clocks[0]
			if want := c.Timer.Clock(cal, w.today()); c.Due != want.Due || c.Provisional || c.Basis != rule.Basis() || !c.Labelled {
				t.Errorf("%s: %+v, want %v", ref, c, want.Due)
			}
			if was := c.Timer.Clock(workday.Official(), w.today()); was.Due != c.Due {
				changed++
			}
		}
		if changed != moved {
			t.Errorf("the preview said %d, %d moved", moved, changed)
		}
		if m, err = w.Preview(ctx, cal, w.today()); err != nil || m.Moved != 0 || m.Settled != 0 {
			t.Errorf("%+v %v", m, err)
		}
	})
}

func TestComputingAnewIsBoundedAndResumes(t *testing.T) {
	t.Parallel()
	rdb := redistest.Embedded(t)
	w := newTown(t, rdb)
	w.on("2026-12-15")
	most := chosen.N("pass.records")
	var list []Kept
	for n := range most + 3 {
		list = append(list, w.record(fmt.Sprintf("case:%05d", n), "410702", "2026-12-15"))
	}
	w.keep(list...)
	cal := w.importYear()
	settled := func() (n int) {
		for at := 0; at < len(list); at += 1000 {
			got, err := w.read(t.Context(), rdb, refs(list[at:min(at+1000, len(list))]))
			ok(t, err)
			for _, k := range got {
				if !k.Clocks[0].Provisional {
					n++
				}
			}
		}
		return n
	}
	for _, want := range []int{most, most + 3, most + 3} {
		ok(t, w.recompute(t.Context(), cal, w.now))
		if n := settled(); n != want {
			t.Fatalf("%d settled, want %d", n, want)
		}
	}
	if _, over, err := w.passed(t.Context(), w.today().String()+"/"+cal.Version()); !over || err != nil {
		t.Errorf("over %v %v", over, err)
	}
}

func TestWhatIsKeptSurvivesItsOwnText(t *testing.T) {
	t.Parallel()
	rules := New(journal.New(redistest.Embedded(t), "410700", journal.Options{})).rules
	check, found := rules.For("tipoff-check", day("2026-05-01"))
	if !found {
		t.Fatal("no rule")
	}
	rapid.Check(t, func(t *rapid.T) {
		timer := Timer{Name: "check", From: day("2026-05-01").AddDays(rapid.IntRange(0, 300).Draw(t, "from"))}
		timer.Rule = rule
		if rapid.Bool().Draw(t, "known") {
			timer.Rule = check
		}
		if rapid.Bool().Draw(t, "until") {
			timer.Until = timer.From.AddDays(9)
		} else {
			timer.Period = workdays(rapid.IntRange(1, 40).Draw(t, "n"))
		}
		if rapid.Bool().Draw(t, "extended") {
			timer.Extension, timer.Extended = days(rapid.IntRange(1, 40).Draw(t, "more")), true
		}
		if rapid.Bool().Draw(t, "paused") {
			timer.Pauses = []Pause{{From: timer.From.AddDays(1), To: timer.From.AddDays(3)}, {From: timer.From.AddDays(5), Open: true}}
		}
		today := timer.From.AddDays(7)
		k := Kept{Ref: "case:1", Unit: "410702", Owners: []string{"u"}, Clocks: All([]Timer{timer}, workday.Official(), today)}
		text, err := k.encode(rules)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decode(text, rules)
		if err != nil {
			t.Fatal(err)
		}
		again, err := back.encode(rules)
		if err != nil || again != text {
			t.Fatalf("%s\n%s %v", text, again, err)
		}
		later := today.AddDays(20)
		a, b := k.At(workday.Official(), later).Clocks[0], back.At(workday.Official(), later).Clocks[0]
		a.Timer, b.Timer = nil, nil
		if a != b {
			t.Fatalf("%+v\n%+v", a, b)
		}
	})
}

func TestOnlyNamedRecordsOfAUnitAreKept(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	for _, k := range []Kept{{Ref: "case", Unit: "410702"}, {Ref: "case:", Unit: "410702"}, {Ref: ":1", Unit: "410702"}, {Ref: "case:1"}} {
		err := w.j.Commit(t.Context(), journal.Entry{Actor: "u", Action: "test.keep", At: w.now}, nil, func(tx *journal.Tx) error { return w.Keep(tx, k) })
		if _, refusal := fault.Of(err); err == nil || refusal {
			t.Errorf("%+v: %v", k, err)
		}
	}
}

func BenchmarkKeep(b *testing.B) {
	w := newTown(b, redistest.Real(b))
	var list []Kept
	for n := range 500 {
		list = append(list, w.record(fmt.Sprintf("application:%04d", n), "410702", "2026-04-29"))
	}
	for b.Loop() {
		w.keep(list...)
	}
	b.ReportMetric(float64(500*b.N)/b.Elapsed().Seconds(), "records/s")
}
