package credit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ipcredit/shared/workday"
)

// What follows is the law once more, written from the domain reference (§B.5, §B.6,
// F.1 to F.5 and the values of §M) without the program: days are numbers, periods are
// counted by hand, and no rule is read.

// civil is a day; ord numbers it.
type civil struct{ y, m, d int }

func leap(y int) bool { return y%4 == 0 && (y%100 != 0 || y%400 == 0) }

func lengthOf(y, m int) int {
	switch m {
	case 2:
		if leap(y) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

func (c civil) ord() int {
	n := 0
	for y := 2000; y < c.y; y++ {
		n += 365
		if leap(y) {
			n++
		}
	}
	for m := 1; m < c.m; m++ {
		n += lengthOf(c.y, m)
	}
	return n + c.d
}

func (c civil) plusDays(n int) civil {
	for ; n > 0; n-- {
		if c.d++; c.d > lengthOf(c.y, c.m) {
			if c.d, c.m = 1, c.m+1; c.m > 12 {
				c.m, c.y = 1, c.y+1
			}
		}
	}
	for ; n < 0; n++ {
		if c.d--; c.d == 0 {
			if c.m--; c.m == 0 {
				c.m, c.y = 12, c.y-1
			}
			c.d = lengthOf(c.y, c.m)
		}
	}
	return c
}

// months is the same day so many months later, or the month's last.
func (c civil) months(n int) civil {
	at := c.y*12 + c.m - 1 + n
	c.y, c.m = at/12, at%12+1
	c.d = min(c.d, lengthOf(c.y, c.m))
	return c
}

func (c civil) after(o civil) bool { return c.ord() > o.ord() }

func (c civil) String() string { return fmt.Sprintf("%04d-%02d-%02d", c.y, c.m, c.d) }

func (c civil) date() workday.Date { return workday.MustDate(c.String()) }

// duty moves a last day for whoever has to act off days of rest.
func (c civil) duty() civil {
	for !workday.Official().Working(c.date()) {
		c = c.plusDays(1)
	}
	return c
}

func (c civil) workdays(n int) civil {
	for n > 0 {
		if c = c.plusDays(1); workday.Official().Working(c.date()) {
			n--
		}
	}
	return c
}

func latestOf(a civil, more ...civil) civil {
	for _, b := range more {
		if b.after(a) {
			a = b
		}
	}
	return a
}

func earliestOf(a civil, more ...civil) civil {
	for _, b := range more {
		if a.after(b) {
			a = b
		}
	}
	return a
}

// chainEnds is §B.5: the last day that each day's determinations bring, and the first
// day of the chain they stand in.
func chainEnds(days []civil) (last, start map[civil]civil) {
	days = slices.Clone(days)
	slices.SortFunc(days, func(a, b civil) int { return a.ord() - b.ord() })
	last, start = map[civil]civil{}, map[civil]civil{}
	var from, to civil
	for i, d := range days {
		if i == 0 || d.after(to) {
			from, to = d, d.months(12)
		} else {
			to = earliestOf(to.months(12), from.months(36))
		}
		last[d], start[d] = to, from
	}
	return last, start
}

// lawful is a record as the law sees it.
type lawful struct {
	id        string
	on, shown civil // determined, and first published
	kind      Kind
	tier      Tier
	act       string
	why       bool // there is a reason to show the minor tier
	classes   []string
	fine      int64 // fen
	person    bool
	source    civil // the source's own last day
	ban       civil // the ban's last day
	annulled  civil // the day on whose noon it was; none
	repaired  civil
	disputed  bool
}

func (f lawful) record() Record {
	r := determined(f.id, f.on.String())
	if f.kind == Penalty {
		r = punished(f.on.String(), strings.Join(f.classes, ";"), 0)
		r.ID, r.InstrumentNo, r.Content.Penalty.FineFen, r.NaturalPerson = f.id, f.id, f.fine, f.person
		if f.ban.y > 0 {
			r.Content.Penalty.ValidUntil = f.ban.date()
		}
		if f.source.y > 0 {
			r.SourceUntil = f.source.date()
		}
	} else {
		r.Act = f.act
	}
	r.PublishedOn, r.Tier, r.Disputed = f.shown.date(), f.tier, f.disputed
	if f.why {
		r.ShowMinor = "测试理由"
	}
	if f.annulled.y > 0 {
		r.Withdrawn = &Withdrawal{At: noon(f.annulled.String()), Reason: "测试"}
	}
	if f.repaired.y > 0 {
		r.Repaired = &Repair{On: f.repaired.date()}
	}
	return r
}

// gone tells whether it was annulled or repaired by the noon of the day.
func (f lawful) gone(today civil) bool {
	return f.annulled.y > 0 && !f.annulled.after(today) || f.repaired.y > 0 && !f.repaired.after(today)
}

var order36 = civil{2026, 4, 1}

// days are the first and last day of display; false for never.
func (f lawful) days(chain map[civil]civil) (from, to civil, ok bool) {
	months := map[Tier]int{Minor: 3, General: 12, Serious: 36}
	tiered := !order36.after(f.on)
	five := f.on.months(60) // Henan art. 19
	if f.kind == Determination {
		switch {
		case f.act == SeriousList: // Order 44: three years
			return f.on, earliestOf(f.on.months(36), five), true
		case f.tier == Minor && !f.why:
			return from, to, false
		case f.tier != "" && tiered:
			return f.on, f.on.months(months[f.tier]), true
		}
		return f.on, earliestOf(chain[f.on], five), true
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(f.classes, func(c string) bool { return slices.Contains(names, c) })
	}
	onlyOf := func(names ...string) bool {
		return !slices.ContainsFunc(f.classes, func(c string) bool { return !slices.Contains(names, c) })
	}
	if onlyOf("警告") {
		return from, to, false
	}
	lower := int64(50_000_00)
	if f.person {
		lower = 5_000_00
	}
	count := f.on
	if from = f.on; !tiered {
		// Display begins with its publication, and counts at the latest from the last
		// day on which that was due.
		from = latestOf(f.on, f.shown)
		count = earliestOf(from, f.on.workdays(20))
	}
	to = count.months(36)
	if onlyOf("警告", "通报批评", "罚款") && (!has("罚款") || f.fine < lower) {
		to = count.months(3)
	} else if has("限制开展生产经营活动", "限制从业") && f.ban.y > 0 {
		to = latestOf(to, f.ban)
	}
	if !(civil{2023, 5, 1}).after(f.on) && !tiered { // Order 58
		to = earliestOf(to, count.months(36))
	}
	tier := f.tier
	if tiered {
		if tier == "" {
			tier = Minor
			if has("罚款", "没收违法所得、没收非法财物", "暂扣许可证件", "其他") {
				tier = General
			}
			if has("降低资质等级", "吊销许可证件", "限制开展生产经营活动", "责令停产停业", "责令关闭", "限制从业", "行政拘留") {
				tier = Serious
			}
		}
		to = earliestOf(to, f.on.months(months[tier]))
	}
	if tier == Minor && !f.why {
		return from, to, false
	}
	if f.source.y > 0 {
		to = earliestOf(to, f.source)
	}
	return from, earliestOf(to, five), true
}

// seenBy is what a stranger sees at noon: id, last day and state, by id.
func seenBy(all []lawful, today civil) string {
	var chained []civil
	for _, f := range all {
		if f.kind == Determination && f.act != SeriousList && !f.gone(today) && (f.tier == "" || order36.after(f.on)) {
			chained = append(chained, f.on)
		}
	}
	chain, _ := chainEnds(chained)
	var out []string
	for _, f := range all {
		from, to, ok := f.days(chain)
		if !ok || f.gone(today) || from.after(today) || today.after(to) {
			continue
		}
		state, counts := "disclosed", true
		if f.kind == Penalty {
			// 60 days for review, six months for suit, whichever is later.
			if open := latestOf(f.on.plusDays(60).duty(), f.on.months(6).duty()); !today.after(open) {
				state, counts = "open-to-challenge", false
			}
		}
		if f.disputed {
			state = "disputed"
		}
		out = append(out, fmt.Sprint(f.id, " ", from, " ", to, " ", state, " ", counts))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// aDay prefers what is easily got wrong: month ends, leap days and the first days of
// rules.
func aDay(t *rapid.T, name string) civil {
	if rapid.IntRange(0, 3).Draw(t, name+" sort") == 0 {
		return rapid.SampledFrom([]civil{
			{2023, 4, 30}, {2023, 5, 1}, {2024, 2, 28}, {2024, 2, 29}, {2024, 3, 1}, {2025, 3, 10}, {2025, 8, 31}, {2025, 9, 1}, {2025, 11, 30}, {2026, 1, 31},
			{2026, 2, 28}, {2026, 3, 10}, {2026, 3, 11}, {2026, 3, 31}, {2026, 4, 1}, {2026, 4, 10}, {2026, 4, 29}, {2026, 11, 30}, {2028, 2, 29},
		}).Draw(t, name)
	}
	return civil{2022, 1, 24}.plusDays(rapid.IntRange(0, 2400).Draw(t, name+" days"))
}

func aFact(t *rapid.T, id string) lawful {
	f := lawful{id: id, on: aDay(t, "on"), kind: rapid.SampledFrom([]Kind{Determination, Determination, Penalty}).Draw(t, "kind")}
	f.shown = f.on.plusDays(rapid.SampledFrom([]int{0, 0, 1, 19, 27, 40, 400}).Draw(t, "published"))
	f.tier = rapid.SampledFrom([]Tier{"", "", "", Minor, General, Serious}).Draw(t, "tier")
	f.act = rapid.SampledFrom([]string{"DA1", "DA2", "DA7", SeriousList}).Draw(t, "act")
	if f.kind == Penalty {
		f.act = string(Penalty)
		f.classes = rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
			"警告", "通报批评", "罚款", "没收违法所得、没收非法财物", "暂扣许可证件", "吊销许可证件", "限制从业", "限制开展生产经营活动", "其他",
		}), 1, 3, rapid.ID).Draw(t, "classes")
		if slices.Contains(f.classes, "罚款") {
			f.fine = rapid.SampledFrom([]int64{1, 4_999_99, 5_000_00, 49_999_99, 50_000_00, 900_000_00}).Draw(t, "fine")
		}
		f.person = rapid.Bool().Draw(t, "person")
		if rapid.IntRange(0, 3).Draw(t, "source") == 0 {
			f.source = f.on.plusDays(rapid.IntRange(0, 1500).Draw(t, "source ends"))
		}
		if rapid.IntRange(0, 1).Draw(t, "ban") == 0 {
			f.ban = f.on.plusDays(rapid.IntRange(0, 2200).Draw(t, "ban ends"))
		}
	}
	f.why = rapid.IntRange(0, 2).Draw(t, "why") == 0
	f.disputed = rapid.IntRange(0, 4).Draw(t, "disputed") == 0
	switch rapid.IntRange(0, 5).Draw(t, "ended") {
	case 0:
		f.annulled = f.on.plusDays(rapid.IntRange(0, 900).Draw(t, "annulled"))
	case 1:
		f.repaired = f.on.plusDays(rapid.IntRange(0, 900).Draw(t, "repaired"))
	}
	return f
}

// TestWhatIsShownAgreesWithTheLawWrittenTwice: any records of one subject, at the noon
// of the days on which something may change and of those beside them.
func TestWhatIsShownAgreesWithTheLawWrittenTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "records")
		var all []lawful
		var records []Record
		for i := range n {
			f := aFact(t, fmt.Sprintf("r%d", i))
			if i > 0 && rapid.IntRange(0, 3).Draw(t, "same day") == 0 {
				f.on, f.shown = all[0].on, all[0].on
			}
			all, records = append(all, f), append(records, f.record())
		}
		today := aDay(t, "today")
		if rapid.Bool().Draw(t, "at a bound") { // the last day of something, or the one beside it
			f := all[rapid.IntRange(0, n-1).Draw(t, "whose")]
			today = f.on.months(rapid.SampledFrom([]int{0, 3, 6, 12, 24, 36, 60}).Draw(t, "after")).plusDays(rapid.IntRange(-1, 2).Draw(t, "beside"))
		}
		shown, next := Show(records, noon(today.String()))
		var got []string
		for _, s := range shown {
			got = append(got, fmt.Sprint(s.ID, " ", s.DisplayFrom, " ", s.DisplayUntil, " ", s.Status, " ", s.Counts))
		}
		slices.Sort(got)
		if want := seenBy(all, today); strings.Join(got, "\n") != want {
			t.Fatalf("on %s:\n%s\nwant\n%s", today, strings.Join(got, "\n"), want)
		}
		if next.IsZero() {
			return
		}
		// Until the next change nothing changes.
		before := workday.DateOf(next.Add(-time.Nanosecond))
		last := civil{before.Year(), int(before.Month()), before.Day()}
		if next.Equal(noon(before.String())) { // an annulment at noon
			last = last.plusDays(-1)
		}
		if last.after(today) && seenBy(all, last) != seenBy(all, today) {
			t.Fatalf("on %s it says that nothing changes before %s, but then there is\n%s\nand not\n%s", today, next, seenBy(all, last), seenBy(all, today))
		}
	})
}

// TestEstimatesAgreeWithTheLawWrittenTwice is §M 4, 5 and 7 for any days.
func TestEstimatesAgreeWithTheLawWrittenTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var days []civil
		q := Question{Route: rapid.SampledFrom([]Route{CNIPA, ByTiers}).Draw(t, "route")}
		q.Tier = rapid.SampledFrom([]Tier{Minor, General, Serious}).Draw(t, "tier")
		for range rapid.IntRange(1, 7).Draw(t, "n") {
			d := aDay(t, "determined")
			if len(days) > 0 && rapid.Bool().Draw(t, "near") {
				d = days[0].months(rapid.SampledFrom([]int{0, 6, 12, 24, 36}).Draw(t, "after")).plusDays(rapid.IntRange(0, 2).Draw(t, "beside"))
			}
			days = append(days, d)
			q.Determined = append(q.Determined, d.date())
		}
		var repaired civil
		if rapid.Bool().Draw(t, "repaired") {
			repaired = aDay(t, "last repair")
			q.LastRepair = repaired.date()
		}
		newest := latestOf(days[0], days...)
		e, err := Shipped().Estimate(q)
		if q.Route == ByTiers {
			if order36.after(newest) {
				if err == nil {
					t.Fatalf("%+v of before the rule", e)
				}
				return
			}
			longest := map[Tier]int{Minor: 3, General: 12, Serious: 36}[q.Tier]
			repair := newest
			if shortest := map[Tier]int{General: 3, Serious: 12}[q.Tier]; shortest > 0 {
				repair = newest.months(shortest).plusDays(1)
			}
			if err != nil || e.DisplayFrom != newest.date() || e.DisplayUntil != newest.months(longest).date() || e.RepairFrom != repair.date() || e.Displayed != (q.Tier != Minor) || !e.RefusedUntil.IsZero() {
				t.Fatalf("%s %v: %+v %v, want from %s to %s, repair from %s", q.Tier, days, e, err, newest, newest.months(longest), repair)
			}
			return
		}
		last, start := chainEnds(days)
		refused := workday.Date{}
		if repaired.y > 0 {
			refused = repaired.months(12).date()
		}
		if err != nil || e.DisplayFrom != start[newest].date() || e.DisplayUntil != last[newest].date() ||
			e.RepairFrom != newest.months(6).plusDays(1).date() || e.RefusedUntil != refused || !e.Displayed {
			t.Fatalf("%v: %+v %v, want from %s to %s, repair from %s, refused to %s", days, e, err, start[newest], last[newest], newest.months(6).plusDays(1), refused)
		}
	})
}
