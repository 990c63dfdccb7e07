package credit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"ipcredit/shared/calendar"
	"ipcredit/shared/redistest"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// importYear puts the invented 2027 in force, as two officers do.
func (c *city) importYear() {
	c.t.Helper()
	b, err := os.ReadFile("../workday/testdata/2027-invented.json")
	if err != nil {
		c.t.Fatal(err)
	}
	y, err := workday.ParseYear(b)
	if err != nil {
		c.t.Fatal(err)
	}
	imports := calendar.New(c.j)
	x, err := imports.Propose(c.t.Context(), keeper("u-one", staff.Handler), y, c.now)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := imports.Approve(c.t.Context(), keeper("u-two", staff.Approver), x.ID, c.now); err != nil {
		c.t.Fatal(err)
	}
}

func (c *city) header(code string) header {
	c.t.Helper()
	h, _, _, err := c.store.read(c.t.Context(), code)
	if err != nil {
		c.t.Fatal(err)
	}
	return h
}

func TestAnImportedYearIsNoticedWithoutRestart(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-11-24")
		c.store = NewStore(c.j, NewInForce(c.j)).Public("https://city.example")
		// The last day for suit is Saturday 2027-05-08 of the second penalty: a worked
		// one once the year is imported. That of the first ends in 2026.
		put := func(code, on string) {
			r := punished(on, "罚款", 60_000)
			r.ID = NewID(Penalty, r.Authority, r.InstrumentNo, code)
			c.apply(Change{Records: []Entry{{SubjectCode: code, SubjectName: "某", Record: r}}})
		}
		put(firmA, "2026-03-10")
		put(firmB, "2026-11-08")
		old, recent := c.view(firmA), c.view(firmB)
		if !recent.Next.Equal(workday.MustDate("2027-05-11").Start()) {
			t.Fatalf("open until %v", recent.Next)
		}
		c.importYear()
		if after := c.view(firmB); !after.Next.Equal(workday.MustDate("2027-05-09").Start()) {
			t.Errorf("with the year: open until %v", after.Next)
		}
		if after := c.view(firmA); after.ETag != old.ETag || !bytes.Equal(after.Body, old.Body) {
			t.Error("what does not rely on the year has another answer")
		}
		// The stored answer of the one is as good as it was, that of the other not.
		if law := c.law(); !c.header(firmA).holds(law, c.now) || c.header(firmB).holds(law, c.now) {
			t.Errorf("%s, %s", c.header(firmA).law, c.header(firmB).law)
		}
		// A commit writes it anew, under the law in force.
		put(firmB, "2026-11-09")
		if !c.header(firmB).holds(c.law(), c.now) {
			t.Error("what is written now is out of date already")
		}
	})
}

// A lookup asks for the calendar in the same round trip.
func TestALookupStaysOneRoundTrip(t *testing.T) {
	t.Parallel()
	rdb := redistest.Embedded(t)
	c := newCity(t, rdb, "2026-11-24")
	c.store = NewStore(c.j, NewInForce(c.j))
	c.record(firmA, "2026-03-10")
	c.importYear()
	c.view(firmA) // reads the imported year
	asked := new(trips)
	rdb.AddHook(asked)
	for range 5 {
		c.view(firmA)
	}
	if n := asked.Load(); n != 5 {
		t.Errorf("%d round trips for five lookups", n)
	}
}

// trips counts round trips.
type trips struct{ atomic.Int64 }

func (n *trips) DialHook(next redis.DialHook) redis.DialHook { return next }

func (n *trips) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { n.Add(1); return next(ctx, cmd) }
}

func (n *trips) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { n.Add(1); return next(ctx, cmds) }
}

// Where a law agrees with what a stored answer relied on, it gives that answer.
func TestAgreementMeansTheSameAnswer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := Shipped(), anyLaw2027(t)
		var records []Record
		for n := range rapid.IntRange(1, 4).Draw(t, "records") {
			on := workday.MustDate("2024-01-01").AddDays(rapid.IntRange(0, 1150).Draw(t, "on"))
			r := punished(on.String(), "罚款", int64(rapid.IntRange(100, 90_000).Draw(t, "fine")))
			r.ID = fmt.Sprint("r", n)
			if rapid.Bool().Draw(t, "served") {
				r.ServedOn = on.AddDays(rapid.IntRange(0, 40).Draw(t, "served after"))
			}
			if rapid.Bool().Draw(t, "published") {
				r.PublishedOn = on.AddDays(rapid.IntRange(0, 60).Draw(t, "published after"))
			}
			records = append(records, r)
		}
		at := workday.MustDate("2026-01-01").AddDays(rapid.IntRange(0, 700).Draw(t, "at")).Start().Add(3 * time.Hour)
		p := Profile{Records: records}
		one, err := json.Marshal(p.Answer(a, at))
		if err != nil {
			t.Fatal(err)
		}
		two, err := json.Marshal(p.Answer(b, at))
		if err != nil {
			t.Fatal(err)
		}
		if !a.agrees(a.reliance(records)) || !b.agrees(b.reliance(records)) {
			t.Fatal("a law does not agree with itself")
		}
		if b.agrees(a.reliance(records)) && !bytes.Equal(one, two) {
			t.Fatalf("%s\n%s\nrelying on %s", one, two, a.reliance(records))
		}
	})
}

// anyLaw2027 is the shipped rules with an arrangement of 2027 that may reach into
// the December before.
func anyLaw2027(t *rapid.T) *Law {
	d := workday.MustDate
	y := workday.Year{
		Year: 2027, Title: "测试安排", Notice: "测试〔2026〕1号", Source: "https://example.com", Published: d("2026-11-05"),
		Off: []workday.Span{
			{Name: "元旦", From: d("2027-01-01").AddDays(-rapid.IntRange(0, 3).Draw(t, "before")), To: d("2027-01-01").AddDays(rapid.IntRange(0, 3).Draw(t, "after"))},
			{Name: "劳动节", From: d("2027-05-01"), To: d("2027-05-01").AddDays(rapid.IntRange(0, 6).Draw(t, "may"))},
			{Name: "国庆节", From: d("2027-10-01"), To: d("2027-10-03").AddDays(rapid.IntRange(0, 6).Draw(t, "october"))},
		},
	}
	if rapid.Bool().Draw(t, "worked") {
		y.Work = []workday.Date{d("2027-05-15")}
	}
	cal, err := workday.NewCalendar(y)
	if err != nil {
		t.Fatal(err)
	}
	law, err := NewLaw(cal, ruleset.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	return law
}

func TestARuleThatCountsWorkingDaysRestsOnTheWholeCalendar(t *testing.T) {
	t.Parallel()
	law := another(t, workday.Official(), "judgment-display", `{"longest":{"n":700,"unit":"workdays"},"favourable":["x"]}`)
	if !law.counting || law.reliance(nil) != law.Fingerprint() || !law.agrees(law.Fingerprint()) || law.agrees(law.rules) {
		t.Errorf("relies on %s", law.reliance(nil))
	}
	if Shipped().counting || Shipped().agrees(Shipped().rules+".2026-05-2026-04.x") || Shipped().agrees(Shipped().rules+".0001-01-9999-12.x") || Shipped().agrees(Shipped().rules+".x") {
		t.Error("agrees with what it never wrote")
	}
}
