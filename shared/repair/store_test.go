package repair

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

const (
	jia = "91410771MA00AAA104"
	yi  = "91410771MA00AAA291"
)

// town is a city with records on the day.
type town struct {
	*Office
	t     testing.TB
	rdb   *redis.Client
	j     *journal.Journal
	staff citytest.Staff
	now   time.Time
}

var ok = citytest.OK

var refused = citytest.Refused

func newTown(t testing.TB, rdb *redis.Client, on string, records ...credit.Record) *town {
	t.Helper()
	w := &town{t: t, rdb: rdb, j: journal.New(rdb, "410700", journal.Options{}), now: day(on).Start().Add(10 * time.Hour)}
	w.staff = citytest.NewStaff(t, w.j, w.now)
	w.Office = New(w.j)
	w.add(records...)
	return w
}

func (w *town) add(records ...credit.Record) {
	w.t.Helper()
	c := credit.Change{Entry: journal.Entry{Actor: "test", Action: "credit.import", Ref: "batch:1", At: w.now}}
	for code, name := range map[string]string{jia: "虚构甲科技有限公司", yi: "虚构乙科技有限公司"} {
		c.Subjects = append(c.Subjects, subject.Subject{Code: code, Name: name, Kind: "enterprise", District: "410771"})
	}
	for _, x := range records {
		c.Records = append(c.Records, credit.Entry{SubjectCode: jia, SubjectName: "虚构甲科技有限公司", Record: x})
	}
	_, _, err := w.credit.Apply(w.t.Context(), c)
	ok(w.t, err)
}

func (w *town) on(s string) { w.now = day(s).Start().Add(10 * time.Hour) }

func (w *town) as(name string) staff.Actor {
	w.t.Helper()
	return w.staff.As(w.t, name)
}

// shown are the ids that strangers see of jia.
func (w *town) shown() string {
	w.t.Helper()
	p, err := w.credit.Load(w.t.Context(), jia)
	ok(w.t, err)
	visible, _ := credit.Show(p.Records, w.now)
	var out []string
	for _, s := range visible {
		out = append(out, s.ID)
	}
	return strings.Join(out, " ")
}

func (w *town) clocks(no string) string {
	w.t.Helper()
	k, _, err := clock.New(w.j).Of(w.t.Context(), Ref(no))
	ok(w.t, err)
	var out []string
	for _, c := range k.Clocks {
		out = append(out, c.Name+" "+c.Due.String())
	}
	return strings.Join(out, ", ")
}

func full(ids ...string) Order {
	return Order{Records: ids, Corrected: true, Performed: true, Removed: true}
}

// filed is an application with all papers.
func (w *town) filed(ids ...string) Application {
	w.t.Helper()
	ctx := w.t.Context()
	a, err := w.File(ctx, w.as("jia.agent"), full(ids...), w.now)
	ok(w.t, err)
	_, err = w.HandIn(ctx, w.as("jia.agent"), a.No, Performance, "BOX", w.now)
	ok(w.t, err)
	a, err = w.Sign(ctx, w.as("jia.legal"), a.No, w.now)
	ok(w.t, err)
	return a
}

func TestOwnDeterminationIsRepairedByTwoPeopleInOneCommit(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb, "2026-05-20", punished("P1", "2026-06-21", 9000000, "罚款"))
		w.on("2026-09-21")
		_, err := w.File(ctx, w.as("jia.agent"), full("P1"), w.now)
		if f := refused(t, err, fault.Refused, "repair.early"); f.Args[0] != "2026-09-22" {
			t.Errorf("the day is %v", f.Args)
		}
		w.on("2026-09-22")
		a := w.filed("P1")
		if a.Route != CreditChina || !a.Authority.Own() || a.Unit != "410700" || w.clocks(a.No) != "accept 2026-09-28, answer 2026-10-13" {
			t.Fatalf("%+v %s", a, w.clocks(a.No))
		}
		_, err = w.File(ctx, w.as("jia.legal"), full("P1"), w.now)
		refused(t, err, fault.Conflict, "repair.open")
		_, err = w.Accept(ctx, w.as("lead.handler"), a.No, a.Version, w.now)
		refused(t, err, fault.Conflict, "repair.no_number")
		a, err = w.HandOver(ctx, w.as("lead.handler"), a.No, a.Version, "信用中国2026-01号", w.now)
		ok(t, err)
		_, err = w.Accept(ctx, w.as("lead.handler"), a.No, a.Version-1, w.now)
		refused(t, err, fault.Stale, "repair.stale")
		_, err = w.Approve(ctx, w.as("lead.approver"), a.No, 0, "新测市监信修〔2026〕1号", w.now)
		refused(t, err, fault.Conflict, "repair.state")
		a, err = w.Accept(ctx, w.as("lead.handler"), a.No, a.Version, w.now)
		ok(t, err)
		_, err = w.Approve(ctx, w.as("lead.handler"), a.No, a.Version, "新测市监信修〔2026〕1号", w.now)
		if !fault.Is(err, fault.Forbidden) {
			t.Fatalf("the handler decides: %v", err)
		}
		_, err = w.Deny(ctx, w.as("lead.approver"), a.No, a.Version, nil, "新测市监信修〔2026〕1号", w.now)
		refused(t, err, fault.Refused, "repair.no_reason")
		_, err = w.Deny(ctx, w.as("lead.approver"), a.No, a.Version, []string{Early}, "新测市监信修〔2026〕1号", w.now)
		refused(t, err, fault.Invalid, "repair.reason")
		if w.shown() != "P1" {
			t.Fatalf("shown before the decision: %q", w.shown())
		}
		before, err := rdb.XLen(ctx, w.j.Key("journal")).Result()
		ok(t, err)
		a, err = w.Approve(ctx, w.as("lead.approver"), a.No, a.Version, "新测市监信修〔2026〕1号", w.now)
		ok(t, err)
		after, err := rdb.XLen(ctx, w.j.Key("journal")).Result()
		ok(t, err)
		if w.shown() != "" || after != before+1 || a.State != Approved || w.clocks(a.No) != "stop 2026-09-23" {
			t.Fatalf("shown %q, %d commits, %s, %s", w.shown(), after-before, a.State, w.clocks(a.No))
		}
		// Gone from the page of the record and from its lists as well, at once.
		p, err := w.Profile(ctx, a)
		ok(t, err)
		if fate, _, _, _ := credit.Shipped().Fate(p.Records, "P1", w.now); fate != credit.Over {
			t.Errorf("the record's page says %q", fate)
		}
		if list, err := w.credit.Disclosures(ctx, credit.Asked{Limit: 10}, w.now); err != nil || len(list.List) != 0 {
			t.Errorf("still listed: %+v (%v)", list, err)
		}
		a, err = w.Spread(ctx, w.as("lead.handler"), a.No, a.Version, w.now)
		ok(t, err)
		if a.State != Propagated || w.clocks(a.No) != "" {
			t.Errorf("%s %s", a.State, w.clocks(a.No))
		}
		_, err = w.Approve(ctx, w.as("lead.approver"), a.No, 0, "新测市监信修〔2026〕2号", w.now)
		refused(t, err, fault.Conflict, "repair.state")
		list, _, err := w.Of(ctx, w.as("jia.agent"), "", 10, w.now)
		if err != nil || len(list) != 1 || list[0].State != Propagated {
			t.Errorf("%v %v", list, err)
		}
		open, _, err := w.Queue(ctx, w.as("lead.handler"), "410700", true, "", 10, w.now)
		closed, _, err2 := w.Queue(ctx, w.as("lead.approver"), "410700", false, "", 10, w.now)
		if err != nil || err2 != nil || len(open) != 0 || len(closed) != 1 {
			t.Errorf("%d open, %d closed, %v %v", len(open), len(closed), err, err2)
		}
	})
}

// 谁认定、谁修复: what CNIPA determined is forwarded, and ends when its decision is
// imported by another person.
func TestAnotherAuthoritysDeterminationIsNotDecidedHere(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb, "2026-04-10", determined("D1", "2026-01-10"))
		w.on("2026-07-13")
		a := w.filed("D1")
		_, err := w.Accept(ctx, w.as("lead.handler"), a.No, a.Version, w.now)
		refused(t, err, fault.Conflict, "repair.other_authority")
		_, err = w.Approve(ctx, w.as("lead.approver"), a.No, a.Version, "新测市监信修〔2026〕1号", w.now)
		if f := refused(t, err, fault.Conflict, "repair.other_authority"); f.Args[0] != "国家知识产权局" {
			t.Errorf("%v", f.Args)
		}
		_, err = w.Deny(ctx, w.as("lead.approver"), a.No, a.Version, []string{Fraud}, "新测市监信修〔2026〕1号", w.now)
		refused(t, err, fault.Conflict, "repair.other_authority")
		f := Foreign{Approved: true, No: "国知保函〔2026〕9号", On: day("2026-07-15")}
		_, err = w.Import(ctx, w.as("lead.approver"), a.No, a.Version, f, w.now)
		refused(t, err, fault.Conflict, "repair.state")
		_, err = w.Forward(ctx, w.as("lead.handler"), a.No, a.Version, "好\u202e的", w.now)
		refused(t, err, fault.Invalid, "repair.number")
		a, err = w.Forward(ctx, w.as("lead.handler"), a.No, a.Version, "国知受2026-77", w.now)
		ok(t, err)
		_, err = w.Approve(ctx, w.as("lead.approver"), a.No, a.Version, "新测市监信修〔2026〕1号", w.now)
		refused(t, err, fault.Conflict, "repair.other_authority")
		_, err = w.Import(ctx, w.as("lead.approver"), a.No, a.Version, f, w.now)
		refused(t, err, fault.Refused, "repair.decided_later")
		w.on("2026-07-16")
		if w.shown() != "D1" {
			t.Fatalf("shown %q", w.shown())
		}
		if _, err = w.Import(ctx, w.as("lead.handler"), a.No, a.Version, f, w.now); !fault.Is(err, fault.Forbidden) {
			t.Fatalf("who forwarded imports: %v", err)
		}
		a, err = w.Import(ctx, w.as("lead.approver"), a.No, a.Version, f, w.now)
		ok(t, err)
		p, err := w.credit.Load(ctx, jia)
		ok(t, err)
		if w.shown() != "" || p.Records[0].Repaired == nil || p.Records[0].Repaired.On != f.On || a.DecidedOn != f.On || a.State != Approved {
			t.Errorf("%q %+v %+v", w.shown(), p.Records[0].Repaired, a)
		}
	})
}

func TestADeterminationDuringTheApplicationRefusesItsApproval(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb, "2026-05-20", punished("P1", "2026-05-10", 9000000, "罚款"))
		w.on("2026-09-21")
		a := w.filed("P1")
		a, err := w.HandOver(ctx, w.as("lead.handler"), a.No, 0, "信用中国2026-01号", w.now)
		ok(t, err)
		a, err = w.Accept(ctx, w.as("lead.handler"), a.No, a.Version, w.now)
		ok(t, err)
		w.on("2026-09-24")
		w.add(punished("P2", "2026-09-22", 100, "罚款"))
		_, err = w.Approve(ctx, w.as("lead.approver"), a.No, a.Version, "新测市监信修〔2026〕1号", w.now)
		refused(t, err, fault.Refused, "repair.new-record")
		a, err = w.Deny(ctx, w.as("lead.approver"), a.No, a.Version, []string{Unperformed}, "新测市监信修〔2026〕1号", w.now)
		ok(t, err)
		if codes(a.Reasons) != "new-record 2026-09-22, unperformed" || a.State != Denied || !strings.Contains(w.shown(), "P1") {
			t.Errorf("%s %s %q", codes(a.Reasons), a.State, w.shown())
		}
	})
}

func TestReturnedOnceThenRefusedForWhatStillLacks(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb, "2026-05-20", punished("P1", "2026-05-10", 9000000, "罚款"))
		w.on("2026-09-21")
		a, err := w.File(ctx, w.as("jia.agent"), full("P1"), w.now)
		ok(t, err)
		if _, err := w.Sign(ctx, w.as("jia.agent"), a.No, w.now); !fault.Is(err, fault.Forbidden) {
			t.Fatalf("an agent signs the commitment: %v", err)
		}
		_, err = w.Refuse(ctx, w.as("lead.handler"), a.No, a.Version, []string{Incomplete}, "1号文", w.now)
		refused(t, err, fault.Refused, "repair.not_told")
		a, err = w.Return(ctx, w.as("lead.handler"), a.No, a.Version, nil, w.now)
		ok(t, err)
		if len(a.Asked) != 2 || w.clocks(a.No) != "" {
			t.Errorf("%v %s", a.Asked, w.clocks(a.No))
		}
		_, err = w.Complete(ctx, w.as("jia.agent"), a.No, w.now)
		if f := refused(t, err, fault.Refused, "repair.still_missing"); len(f.Fields) != 2 {
			t.Errorf("%v", f.Fields)
		}
		w.on("2026-09-22")
		_, err = w.Sign(ctx, w.as("jia.legal"), a.No, w.now)
		ok(t, err)
		_, err = w.HandIn(ctx, w.as("jia.agent"), a.No, Performance, "", w.now)
		ok(t, err)
		a, err = w.Complete(ctx, w.as("jia.agent"), a.No, w.now)
		ok(t, err)
		if a.CompleteOn != workday.DateOf(w.now) {
			t.Errorf("complete on %s", a.CompleteOn)
		}
		_, err = w.Return(ctx, w.as("lead.handler"), a.No, a.Version, []Paper{Performance}, w.now)
		refused(t, err, fault.Conflict, "repair.returned_once")
		_, err = w.Refuse(ctx, w.as("lead.handler"), a.No, a.Version, []string{Fraud}, "1号文", w.now)
		ok(t, err)
		// The record is free again.
		_, err = w.File(ctx, w.as("jia.agent"), full("P1"), w.now)
		ok(t, err)
	})
}

func TestAFirmInReorganisationAppliesOnTheCourtsRuling(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb, "2025-05-20", punished("P1", "2025-05-10", 9000000, "罚款"))
		in := Order{Records: []string{"P1"}, Corrected: true, Removed: true, Bankruptcy: &Bankruptcy{Court: "样例市中级人民法院", No: "（2026）测破1号", On: day("2026-03-02")}}
		w.on("2026-03-31")
		_, err := w.File(ctx, w.as("jia.agent"), in, w.now)
		if f := refused(t, err, fault.Refused, "repair.order"); f.Fields[0].Code != "repair.bankruptcy" {
			t.Errorf("%v", f.Fields)
		}
		w.on("2026-04-01")
		a, err := w.File(ctx, w.as("jia.agent"), in, w.now)
		ok(t, err)
		rules, err := w.Rules(ctx)
		ok(t, err)
		if missing, _ := rules.Missing(a); len(missing) != 2 || missing[1] != Ruling {
			t.Errorf("%v", missing)
		}
		in.Records, in.Bankruptcy = []string{"P1"}, nil
		_, err = w.File(ctx, w.as("jia.agent"), in, w.now)
		if f := refused(t, err, fault.Refused, "repair.order"); f.Fields[0].Name != "performed" {
			t.Errorf("%v", f.Fields)
		}
	})
}

func TestWhatCameFromCreditChinaIsRegisteredByTheUnitThatDecides(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb, "2026-05-20", punished("P1", "2026-05-10", 9000000, "罚款"))
		w.on("2026-09-21")
		for _, who := range []string{"hongqi.handler", "science.handler", "jia.agent", "lead.approver"} {
			if _, err := w.Register(ctx, w.as(who), jia, "信用中国2026-01号", full("P1"), w.now); !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.NotFound) {
				t.Errorf("%s registers: %v", who, err)
			}
		}
		a, err := w.Register(ctx, w.as("lead.handler"), jia, "信用中国2026-01号", full("P1"), w.now)
		ok(t, err)
		if !a.CameFrom || len(a.Handlers) != 1 {
			t.Errorf("%+v", a)
		}
		_, err = w.HandOver(ctx, w.as("lead.handler"), a.No, 0, "信用中国2026-02号", w.now)
		refused(t, err, fault.Conflict, "repair.handed")
	})
}

// TestThreat_AnotherSubjectLearnsNothingOfAnApplication: another subject, another
// unit and a department get what they get of an application that does not exist.
func TestThreat_AnotherSubjectLearnsNothingOfAnApplication(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb, "2026-05-20", punished("P1", "2026-05-10", 9000000, "罚款"))
		w.on("2026-09-21")
		a := w.filed("P1")
		stranger := w.as("jia.agent")
		stranger.Org.ID, stranger.Org.Code = "subject-yi", yi
		nobody := stranger
		nobody.Org.Code = ""
		for name, who := range map[string]staff.Actor{"another subject": stranger, "a subject without a code": nobody,
			"another unit": w.as("hongqi.handler"), "a department": w.as("science.handler"), "an administrator": w.as("lead.system")} {
			_, have := w.Get(ctx, who, a.No, w.now)
			_, none := w.Get(ctx, who, "XF2026999999", w.now)
			if have == nil || none == nil || have.Error() != none.Error() {
				t.Errorf("%s: %v, and of none %v", name, have, none)
			}
			for what, f := range map[string]func() error{
				"hands in":  func() error { _, err := w.HandIn(ctx, who, a.No, Performance, "BOX", w.now); return err },
				"signs":     func() error { _, err := w.Sign(ctx, who, a.No, w.now); return err },
				"withdraws": func() error { _, err := w.Withdraw(ctx, who, a.No, w.now); return err },
			} {
				if err := f(); !fault.Is(err, fault.NotFound) {
					t.Errorf("%s %s: %v", name, what, err)
				}
			}
		}
		if _, err := w.File(ctx, stranger, full("P1"), w.now); !fault.Is(err, fault.NotFound) {
			t.Errorf("another subject applies for it: %v", err)
		}
		if list, _, err := w.Of(ctx, stranger, "", 10, w.now); err != nil || len(list) != 0 {
			t.Errorf("%v %v", list, err)
		}
		if _, _, err := w.Queue(ctx, w.as("hongqi.handler"), "410700", true, "", 10, w.now); !fault.Is(err, fault.Forbidden) {
			t.Errorf("another unit's queue: %v", err)
		}
	})
}

// A decision made by many at once is made once.
func TestSixteenDecidersDecideOnce(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb, "2026-05-20", punished("P1", "2026-05-10", 9000000, "罚款"))
		w.on("2026-09-21")
		a := w.filed("P1")
		_, err := w.HandOver(ctx, w.as("lead.handler"), a.No, 0, "信用中国2026-01号", w.now)
		ok(t, err)
		_, err = w.Accept(ctx, w.as("lead.handler"), a.No, 0, w.now)
		ok(t, err)
		approver := w.as("lead.approver")
		done := make([]error, 16)
		var wait sync.WaitGroup
		for i := range done {
			wait.Go(func() {
				if i%2 == 0 {
					_, done[i] = w.Approve(ctx, approver, a.No, 0, "新测市监信修〔2026〕1号", w.now)
				} else {
					_, done[i] = w.Deny(ctx, approver, a.No, 0, []string{Unperformed}, "新测市监信修〔2026〕1号", w.now)
				}
			})
		}
		wait.Wait()
		won := 0
		for _, err := range done {
			if err == nil {
				won++
			} else if !fault.Is(err, fault.Conflict) {
				t.Errorf("%v", err)
			}
		}
		a, err = w.Get(ctx, approver, a.No, w.now)
		if won != 1 || err != nil || (a.State == Approved) != (w.shown() == "") {
			t.Errorf("%d won, %s, shown %q, %v", won, a.State, w.shown(), err)
		}
	})
}

func TestTwoReportsAYearAreFree(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb, "2026-03-01")
		take := func(on string) error {
			w.on(on)
			_, err := w.TakeReport(ctx, w.as("jia.agent"), w.now)
			return err
		}
		ok(t, take("2026-03-01"))
		ok(t, take("2026-03-01")) // the same again
		ok(t, take("2026-12-31"))
		ok(t, take("2026-12-31"))
		had, free, err := w.Reports(ctx, w.as("jia.agent"), w.now)
		if err != nil || len(had) != 2 || free != 2 {
			t.Errorf("%v %d %v", had, free, err)
		}
		ok(t, take("2027-01-01"))
		ok(t, take("2027-01-02"))
		if f := refused(t, take("2027-01-03"), fault.Conflict, "repair.reports_used"); f.Args[1] != "2028-01-01" {
			t.Errorf("%v", f.Args)
		}
		if _, err := w.TakeReport(ctx, w.as("lead.handler"), w.now); !fault.Is(err, fault.Forbidden) {
			t.Errorf("an officer takes one: %v", err)
		}
	})
}

func TestListsGoOnWhereTheyStopped(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb, "2026-05-20", punished("P1", "2026-05-10", 9000000, "罚款"))
		w.on("2026-09-21")
		for range 5 {
			a, err := w.File(ctx, w.as("jia.agent"), full("P1"), w.now)
			ok(t, err)
			_, err = w.Withdraw(ctx, w.as("jia.agent"), a.No, w.now)
			ok(t, err)
		}
		var seen []string
		for cursor, more := "", true; more; more = cursor != "" {
			list, next, err := w.Of(ctx, w.as("jia.agent"), cursor, 2, w.now)
			ok(t, err)
			for _, a := range list {
				seen = append(seen, a.No)
			}
			cursor = next
		}
		if strings.Join(seen, " ") != "XF2026000005 XF2026000004 XF2026000003 XF2026000002 XF2026000001" {
			t.Errorf("%v", seen)
		}
		for _, cursor := range []string{"x", "20260101", "20260101-", "-1"} {
			if _, _, err := w.Of(ctx, w.as("jia.agent"), cursor, 2, w.now); !errors.As(err, new(*fault.Error)) {
				t.Errorf("%q: %v", cursor, err)
			}
		}
	})
}

// What a subject was merged into has the records that it applied for.
func TestAMergerDoesNotStopAnApplication(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb, "2026-05-20", punished("P1", "2026-05-10", 9000000, "罚款"))
		w.on("2026-09-21")
		a := w.filed("P1")
		_, err := w.HandOver(ctx, w.as("lead.handler"), a.No, 0, "信用中国2026-01号", w.now)
		ok(t, err)
		_, err = w.Accept(ctx, w.as("lead.handler"), a.No, 0, w.now)
		ok(t, err)
		ok(t, w.credit.Merge(ctx, journal.Entry{Actor: "test", Action: "subject.merge", Ref: "subject:" + jia, At: w.now}, jia, yi))
		a, err = w.Approve(ctx, w.as("lead.approver"), a.No, 0, "新测市监信修〔2026〕1号", w.now)
		ok(t, err)
		p, err := w.Profile(ctx, a)
		ok(t, err)
		if visible, _ := credit.Show(p.Records, w.now); p.Subject.Code != yi || len(visible) != 0 || p.Records[0].Repaired == nil {
			t.Errorf("%s has %+v", p.Subject.Code, p.Records)
		}
	})
}

// TestAMergerThatIsUndoneDoesNotStopAnApplication: the successor applied, and the
// record is its first subject's again when it is decided.
func TestAMergerThatIsUndoneDoesNotStopAnApplication(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb, "2026-05-20")
		entry := func(action string) journal.Entry {
			return journal.Entry{Actor: "test", Action: action, Ref: "subject:" + yi, At: w.now}
		}
		_, _, err := w.credit.Apply(ctx, credit.Change{Entry: entry("credit.import"), Records: []credit.Entry{
			{SubjectCode: yi, SubjectName: "虚构乙科技有限公司", Record: punished("P1", "2026-05-10", 9000000, "罚款")},
		}})
		ok(t, err)
		ok(t, w.credit.Merge(ctx, entry("subject.merge"), yi, jia))
		w.on("2026-09-21")
		a := w.filed("P1")
		_, err = w.HandOver(ctx, w.as("lead.handler"), a.No, 0, "信用中国2026-01号", w.now)
		ok(t, err)
		_, err = w.Accept(ctx, w.as("lead.handler"), a.No, 0, w.now)
		ok(t, err)
		ok(t, w.credit.Unmerge(ctx, entry("subject.unmerge"), yi))
		a, err = w.Approve(ctx, w.as("lead.approver"), a.No, 0, "新测市监信修〔2026〕1号", w.now)
		ok(t, err)
		p, err := w.Profile(ctx, a)
		ok(t, err)
		if p.Subject.Code != yi || len(p.Records) != 1 || p.Records[0].Repaired == nil {
			t.Errorf("%s has %+v", p.Subject.Code, p.Records)
		}
	})
}

func TestDemonstrationIsLoadedOnce(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb, "2026-05-20", punished("P1", "2026-05-10", 9000000, "罚款"))
		w.on("2026-09-21")
		for range 2 {
			ok(t, w.Demo(t.Context(), func(user string) (staff.Actor, error) { return w.as(user), nil }, w.now))
		}
		list, _, err := w.Of(t.Context(), w.as("jia.agent"), "", 10, w.now)
		if err != nil || len(list) != 1 || list[0].Signed == nil || len(list[0].Papers) != 1 {
			t.Errorf("%+v %v", list, err)
		}
	})
}
