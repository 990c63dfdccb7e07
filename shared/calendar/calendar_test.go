package calendar

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// noon is the day on which this is written; the invented notice is of that month.
var noon = time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)

func day(s string) workday.Date { return workday.MustDate(s) }

// invented is an arrangement of 2027 that nobody published.
func invented(t testing.TB) workday.Year {
	t.Helper()
	b, err := os.ReadFile("../workday/testdata/2027-invented.json")
	if err != nil {
		t.Fatal(err)
	}
	y, err := workday.ParseYear(b)
	if err != nil {
		t.Fatal(err)
	}
	return y
}

var ok = citytest.OK

func refused(t testing.TB, err error, code string) {
	t.Helper()
	if f, is := fault.Of(err); !is || f.Code != code {
		t.Errorf("%v, want %s", err, code)
	}
}

// office is a store with the demonstration city's people.
type office struct {
	*Store
	t     *testing.T
	staff citytest.Staff
}

func newOffice(t *testing.T, rdb *redis.Client) office {
	t.Helper()
	j := journal.New(rdb, "410700", journal.Options{})
	return office{New(j), t, citytest.NewStaff(t, j, noon)}
}

func (o office) as(name string) staff.Actor {
	o.t.Helper()
	return o.staff.As(o.t, name)
}

func (o office) current() workday.Calendar {
	o.t.Helper()
	c, err := o.Current(o.t.Context())
	ok(o.t, err)
	return c
}

func TestAYearCountsOnceTwoPeopleBroughtItIn(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		o, ctx, y := newOffice(t, rdb), t.Context(), invented(t)
		handler, approver := o.as("lead.handler"), o.as("lead.approver")
		if o.current().Version() != workday.Official().Version() {
			t.Error("nothing was imported yet")
		}
		x, err := o.Propose(ctx, handler, y, noon)
		ok(t, err)
		if x.State != Proposed || o.current().Covers(2027) {
			t.Errorf("%+v, covered %v", x, o.current().Covers(2027))
		}
		_, err = o.Approve(ctx, handler, x.ID, noon)
		refused(t, err, "staff.can.role")
		x, err = o.Approve(ctx, approver, x.ID, noon.Add(time.Hour))
		ok(t, err)
		if x.State != Approved || x.Second != approver.User.ID || !o.current().Covers(2027) {
			t.Errorf("%+v", x)
		}
		if term := o.current().AddWorkdays(day("2026-12-28"), 5); term.Provisional || term.Due != day("2027-01-05") {
			t.Errorf("%+v", term)
		}
		_, err = o.Approve(ctx, approver, x.ID, noon)
		refused(t, err, "calendar.decided")
		// Another process sees it at its next question, one that had asked before too.
		if c, err := New(o.j).Current(ctx); err != nil || c.Version() != o.current().Version() {
			t.Errorf("%v", err)
		}
		_, err = o.Propose(ctx, handler, y, noon)
		refused(t, err, "calendar.same")
	})
}

func TestAMistakeIsCorrectedAndTheHistoryStays(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		o, ctx := newOffice(t, rdb), t.Context()
		handler, approver, at := o.as("lead.handler"), o.as("lead.approver"), noon
		bring := func(y workday.Year) {
			t.Helper()
			at = at.Add(time.Minute)
			x, err := o.Propose(ctx, handler, y, at)
			ok(t, err)
			at = at.Add(time.Minute)
			_, err = o.Approve(ctx, approver, x.ID, at)
			ok(t, err)
		}
		wrong := invented(t)
		wrong.Off[0].From, wrong.Published = day("2027-01-01"), day("2026-11-20") // two slips of the hand
		bring(wrong)
		if !o.current().Working(day("2026-12-31")) {
			t.Fatal("12-31 is still worked")
		}
		before := o.current()
		right := invented(t) // the same notice, of the right day: earlier than what was typed in
		bring(right)
		if o.current().Working(day("2026-12-31")) || o.current().Version() == before.Version() {
			t.Error("the same notice again takes the place of what it said")
		}
		if c := Changes(before, o.current(), 2027); len(c) != 1 || c[0].Date != day("2026-12-31") || !c[0].Was.Working || c[0].Is.Working {
			t.Errorf("changes %+v", c)
		}
		later := right
		later.Notice, later.Published = "国办发明电〔2026〕测9号", day("2026-11-24")
		later.Work = append(later.Work[:0:0], later.Work...)
		later.Work[5] = day("2027-10-10")
		bring(later)
		if o.current().Working(day("2027-10-09")) || !o.current().Working(day("2027-10-10")) {
			t.Error("a later notice counts")
		}
		_, err := o.Propose(ctx, handler, right, at)
		refused(t, err, "calendar.superseded")
		list, err := o.List(ctx)
		if err != nil || len(list) != 3 || list[0].Year.Notice != later.Notice || list[2].Year.Published != wrong.Published {
			t.Errorf("history %+v %v", list, err)
		}
	})
}

func TestWhoMayBringAYearIn(t *testing.T) {
	t.Parallel()
	o := newOffice(t, redistest.Embedded(t))
	ctx, y := t.Context(), invented(t)
	for n, tt := range []struct{ who, code string }{
		{"lead.handler", ""}, {"lead.publisher", ""}, {"lead.approver", "staff.can.role"},
		{"lead.system", "staff.can.role"}, {"hongqi.handler", "staff.can.division"}, {"science.handler", "staff.can.org"},
		{"jia.legal", "staff.can.role"},
	} {
		y.Title = fmt.Sprint("测试用放假安排", n)
		_, err := o.Propose(ctx, o.as(tt.who), y, noon)
		if tt.code == "" {
			ok(t, err)
			continue
		}
		refused(t, err, tt.code)
	}
	list, err := o.List(ctx)
	ok(t, err)
	for _, tt := range []struct{ who, code string }{{"hongqi.approver", "staff.can.division"}, {"lead.handler", "staff.can.role"}} {
		_, err := o.Approve(ctx, o.as(tt.who), list[0].ID, noon)
		refused(t, err, tt.code)
		_, err = o.Refuse(ctx, o.as(tt.who), list[0].ID, "不符", noon)
		refused(t, err, tt.code)
	}
	_, err = o.Refuse(ctx, o.as("lead.approver"), list[0].ID, "  ", noon)
	refused(t, err, "calendar.why")
	x, err := o.Refuse(ctx, o.as("lead.approver"), list[0].ID, " 与公告\n不符 ", noon)
	if err != nil || x.State != Refused || x.Why != "与公告 不符" || o.current().Covers(2027) {
		t.Errorf("%+v %v", x, err)
	}
	_, err = o.Withdraw(ctx, o.as("lead.handler2"), list[1].ID, noon)
	refused(t, err, "calendar.not_own")
	own := list[1].By
	for _, name := range []string{"lead.handler", "lead.publisher"} {
		if a := o.as(name); a.User.ID == own {
			x, err = o.Withdraw(ctx, a, list[1].ID, noon)
		}
	}
	if err != nil || x.State != Withdrawn {
		t.Errorf("%+v %v", x, err)
	}
	_, err = o.Approve(ctx, o.as("lead.approver"), x.ID, noon)
	refused(t, err, "calendar.decided")
	_, err = o.Approve(ctx, o.as("lead.approver"), "none", noon)
	refused(t, err, "calendar.none")
}

// One who has both roles, as a stand-in may, does not approve his own.
func TestNobodyApprovesHisOwn(t *testing.T) {
	t.Parallel()
	o := newOffice(t, redistest.Embedded(t))
	a := o.as("lead.handler")
	x, err := o.Propose(t.Context(), a, invented(t), noon)
	ok(t, err)
	a.User.Grants = append(a.User.Grants, staff.Grant{Role: staff.Approver, Division: "410700"})
	_, err = o.Approve(t.Context(), a, x.ID, noon)
	refused(t, err, "staff.can.asked")
}

func TestWhatCannotBeANoticeIsRefused(t *testing.T) {
	t.Parallel()
	today := workday.DateOf(noon)
	for _, tt := range []struct {
		name, code string
		change     func(*workday.Year)
	}{
		{"of tomorrow", "calendar.future", func(y *workday.Year) { y.Published = today.AddDays(1) }},
		{"of today", "", func(y *workday.Year) { y.Published = today }},
		{"without a source", "workday.year", func(y *workday.Year) { y.Source = " " }},
		{"a holiday of seventeen days", "workday.year", func(y *workday.Year) { y.Off[6].To = day("2027-10-17") }},
		{"work on a Monday", "workday.year", func(y *workday.Year) { y.Work[0] = day("2027-01-04") }},
		{"1 May worked", "workday.year", func(y *workday.Year) { y.Off[3].From = day("2027-05-02") }},
		{"the shipped year again", "calendar.same", func(y *workday.Year) { *y = workday.Official().Years()[2] }},
		{"an older notice of the shipped year", "calendar.superseded", func(y *workday.Year) {
			*y = workday.Official().Years()[2]
			y.Notice, y.Published = "国办发明电〔2025〕测1号", y.Published.AddDays(-1)
			y.Work = y.Work[1:]
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			y := invented(t)
			tt.change(&y)
			_, err := With(nil, y, today)
			if tt.code == "" {
				ok(t, err)
				return
			}
			refused(t, err, tt.code)
		})
	}
}

func TestProposalsThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	o := newOffice(t, redistest.Embedded(t))
	y := invented(t)
	for n := range waiting {
		y.Title = fmt.Sprint("测试用放假安排", n)
		_, err := o.Propose(t.Context(), o.as("lead.handler"), y, noon)
		ok(t, err)
	}
	// The last one again is the same; another is one too many.
	_, err := o.Propose(t.Context(), o.as("lead.handler"), y, noon)
	ok(t, err)
	_, err = o.Propose(t.Context(), o.as("lead.publisher"), y, noon)
	refused(t, err, "calendar.proposed")
	y.Title = "测试用放假安排"
	_, err = o.Propose(t.Context(), o.as("lead.handler"), y, noon)
	refused(t, err, "calendar.waiting")
}

func TestTheCalendarIsCheapToAsk(t *testing.T) {
	t.Parallel()
	rdb := redistest.Embedded(t)
	o := newOffice(t, rdb)
	x, err := o.Propose(t.Context(), o.as("lead.handler"), invented(t), noon)
	ok(t, err)
	_, err = o.Approve(t.Context(), o.as("lead.approver"), x.ID, noon)
	ok(t, err)
	o.current()
	var commands count
	rdb.AddHook(&commands)
	for range 10 {
		o.current()
	}
	if n := commands.Load(); n != 10 {
		t.Errorf("%d commands for ten questions", n)
	}
}

// count counts the commands sent.
type count struct{ atomic.Int64 }

func (c *count) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *count) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { c.Add(1); return next(ctx, cmd) }
}

func (c *count) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error { c.Add(int64(len(cmds))); return next(ctx, cmds) }
}

func TestVersionsTellCalendarsApart(t *testing.T) {
	t.Parallel()
	y := invented(t)
	a, err := workday.NewCalendar(y)
	ok(t, err)
	y.Work = y.Work[1:]
	b, err := workday.NewCalendar(y)
	ok(t, err)
	if a.Version() == b.Version() || strings.ContainsAny(a.Version(), "\" \n") {
		t.Errorf("%q, %q", a.Version(), b.Version())
	}
}
