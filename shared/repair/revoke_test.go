package repair

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
)

// approved is an application that was repaired on the clock's day.
func (w *town) approved(ids ...string) Application {
	w.t.Helper()
	ctx, h := w.t.Context(), w.as("lead.handler")
	a := w.filed(ids...)
	a, err := w.HandOver(ctx, h, a.No, a.Version, "信用中国2026-41号", w.now)
	ok(w.t, err)
	a, err = w.Accept(ctx, h, a.No, a.Version, w.now)
	ok(w.t, err)
	a, err = w.Approve(ctx, w.as("lead.approver"), a.No, a.Version, "新测市监信修〔2026〕41号", w.now)
	ok(w.t, err)
	return a
}

// TestARepairIsTakenBackByTwoPeopleAndTheRecordIsThereAgain: what was allowed by
// mistake or on false papers does harm until it is undone.
func TestARepairIsTakenBackByTwoPeopleAndTheRecordIsThereAgain(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb, "2026-05-20", punished("P1", "2026-05-12", 9000000, "罚款"), punished("P2", "2026-05-12", 9000000, "罚款"))
		w.on("2026-08-19")
		a := w.approved("P1")
		if w.shown() != "P2" {
			t.Fatalf("shown %q", w.shown())
		}
		_, err := w.Revoke(ctx, w.as("lead.approver"), a.No, a.Version, "新测市监信修〔2026〕42号", w.now)
		refused(t, err, fault.Conflict, "repair.state")
		_, err = w.ProposeRevocation(ctx, w.as("lead.handler"), a.No, a.Version, "dislike", w.now)
		refused(t, err, fault.Refused, "repair.revocation")
		for _, who := range []string{"jia.agent", "jia.legal", "hongqi.handler"} {
			if _, err := w.ProposeRevocation(ctx, w.as(who), a.No, a.Version, "fraud", w.now); !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v", who, err)
			}
		}
		w.on("2026-08-26")
		a, err = w.ProposeRevocation(ctx, w.as("lead.handler"), a.No, a.Version, "fraud", w.now)
		ok(t, err)
		if w.shown() != "P2" || !a.Revoking() || a.State != Approved {
			t.Errorf("begun only: %q %+v", w.shown(), a.Revocation)
		}
		inbox, _, err := w.staff.Inbox(ctx, w.as("jia.agent"), "", 1)
		if err != nil || len(inbox) != 1 || inbox[0].Kind != "repair.revoking" {
			t.Errorf("the subject was not told: %+v %v", inbox, err)
		}
		_, err = w.ProposeRevocation(ctx, w.as("lead.handler2"), a.No, a.Version, "fraud", w.now)
		refused(t, err, fault.Conflict, "repair.revoking")
		// Dropped, and begun by another again.
		a, err = w.Keep(ctx, w.as("lead.handler2"), a.No, a.Version, w.now)
		ok(t, err)
		if a.Revocation != nil {
			t.Errorf("%+v", a.Revocation)
		}
		a, err = w.ProposeRevocation(ctx, w.as("lead.handler2"), a.No, a.Version, "fraud", w.now)
		ok(t, err)
		if _, err = w.Revoke(ctx, w.as("lead.handler2"), a.No, a.Version, "新测市监信修〔2026〕42号", w.now); !fault.Is(err, fault.Forbidden) {
			t.Fatalf("who began it decides: %v", err)
		}
		_, err = w.Revoke(ctx, w.as("lead.approver"), a.No, a.Version, "一句话，不是文书号", w.now)
		refused(t, err, fault.Invalid, "repair.number")
		before, err := rdb.XLen(ctx, w.j.Key("journal")).Result()
		ok(t, err)
		a, err = w.Revoke(ctx, w.as("lead.approver"), a.No, a.Version, "新测市监信修〔2026〕42号", w.now)
		ok(t, err)
		after, err := rdb.XLen(ctx, w.j.Key("journal")).Result()
		ok(t, err)
		if w.shown() != "P1 P2" || after != before+1 || a.State != Revoked || a.Revocation.On != day("2026-08-26") || w.clocks(a.No) != "" {
			t.Fatalf("%q, %d commits, %s %+v %q", w.shown(), after-before, a.State, a.Revocation, w.clocks(a.No))
		}
		if list, err := w.credit.Disclosures(ctx, credit.Asked{Limit: 10}, w.now); err != nil || len(list.List) != 2 {
			t.Errorf("%d disclosed (%v)", len(list.List), err)
		}
		// It ends when it would have ended, and not later.
		if w.on("2027-05-12"); w.shown() != "P1 P2" {
			t.Errorf("the last day: %q", w.shown())
		}
		if w.on("2027-05-13"); w.shown() != "" {
			t.Errorf("the day after: %q", w.shown())
		}
		// It is settled: no further step but to tell 信用中国.
		if list, err := w.Spreading(ctx); err != nil || len(list) != 0 {
			t.Errorf("%+v %v", list, err)
		}
		_, err = w.ProposeRevocation(ctx, w.as("lead.handler"), a.No, a.Version, "fraud", w.now)
		refused(t, err, fault.Conflict, "repair.state")
		_, err = w.Spread(ctx, w.as("lead.handler"), a.No, a.Version, w.now)
		refused(t, err, fault.Conflict, "repair.state")
	})
}

// What somebody else did to a record, the undoing of an application leaves alone.
func TestUndoingLeavesWhatAnotherDecisionDid(t *testing.T) {
	t.Parallel()
	for on, gone := range map[string]bool{"2026-08-19": true, "2026-08-20": false} {
		x := credit.Record{Repaired: &credit.Repair{On: day(on)}}
		if err := (Application{DecidedOn: day("2026-08-19")}).again(&x); err != nil || (x.Repaired == nil) != gone {
			t.Errorf("%s: %+v %v", on, x.Repaired, err)
		}
	}
}

// TestThreat_AnImportOnTheWrongApplicationIsUndone: another authority's approval that
// was imported where it does not belong is taken back by two people as well.
func TestThreat_AnImportOnTheWrongApplicationIsUndone(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb, "2026-04-10", determined("D1", "2026-01-12"))
		w.on("2026-07-21")
		a := w.filed("D1")
		a, err := w.Forward(ctx, w.as("lead.handler"), a.No, a.Version, "国知受2026-81", w.now)
		ok(t, err)
		w.on("2026-07-29")
		a, err = w.Import(ctx, w.as("lead.approver"), a.No, a.Version, Foreign{Approved: true, No: "国知保函〔2026〕81号", On: day("2026-07-24")}, w.now)
		ok(t, err)
		if w.shown() != "" {
			t.Fatal(w.shown())
		}
		a, err = w.ProposeRevocation(ctx, w.as("lead.handler"), a.No, a.Version, "mistake", w.now)
		ok(t, err)
		a, err = w.Revoke(ctx, w.as("lead.approver"), a.No, a.Version, "新测市监信修〔2026〕81号", w.now)
		ok(t, err)
		if w.shown() != "D1" || a.State != Revoked {
			t.Errorf("%q %s", w.shown(), a.State)
		}
	})
}

// 信用中国 takes in since 2026-04-01 and passes on later: whether one can apply goes by
// the day there, the limit for accepting by the day it came.
func TestAnApplicationFromCreditChinaHasTheDayOfItsFilingThere(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb, "2026-05-20", punished("P1", "2026-06-21", 9000000, "罚款"), punished("P2", "2025-06-02", 9000000, "罚款"))
		w.on("2026-09-24")
		register := func(id, applied, came string) (Application, error) {
			in := full(id)
			in.Applied, in.Came = day(applied), day(came)
			return w.Register(ctx, w.as("lead.handler"), jia, "信用中国2026-91号", in, w.now)
		}
		for _, x := range []struct{ name, id, applied, came, field, code string }{
			{"filed there later than it came", "P1", "2026-09-24", "2026-09-23", "applied", "repair.applied_later"},
			{"came later than today", "P1", "2026-09-22", "2026-09-25", "came", "repair.came_later"},
			{"filed before 信用中国 took in", "P2", "2026-03-31", "2026-09-23", "applied", "repair.applied_before"},
		} {
			_, err := register(x.id, x.applied, x.came)
			f := refused(t, err, fault.Refused, "repair.order")
			if len(f.Fields) != 1 || f.Fields[0].Name != x.field || f.Fields[0].Code != x.code {
				t.Errorf("%s: %+v", x.name, f.Fields)
			}
		}
		// The first day of applying is 2026-09-22: filed there the day before it is refused.
		_, err := register("P1", "2026-09-21", "2026-09-23")
		if f := refused(t, err, fault.Refused, "repair.early"); fmt.Sprint(f.Args) != "[2026-09-22]" {
			t.Errorf("%v", f.Args)
		}
		a, err := register("P1", "2026-09-22", "2026-09-23")
		ok(t, err)
		if a.FiledOn != day("2026-09-22") || a.Came != day("2026-09-23") || w.clocks(a.No) != "accept 2026-09-29, answer 2026-10-13" {
			t.Errorf("%+v: %s", a, w.clocks(a.No))
		}
	})
}

func TestTheFirstDayOfCreditChinaIsADayOfFilingThere(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb, "2026-04-02", punished("P2", "2025-06-02", 9000000, "罚款"))
		in := full("P2")
		in.Applied = day("2026-04-01")
		a, err := w.Register(t.Context(), w.as("lead.handler"), jia, "信用中国2026-92号", in, w.now)
		ok(t, err)
		if a.FiledOn != day("2026-04-01") || a.Came != day("2026-04-02") || a.Route != CreditChina {
			t.Errorf("%+v", a)
		}
	})
}

// The result goes back to 信用中国, once, and again where it was taken back.
func TestTheResultIsPassedToCreditChina(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb, "2026-05-20", punished("P1", "2026-05-12", 9000000, "罚款"))
		w.on("2026-08-19")
		h := func() staff.Actor { return w.as("lead.handler") }
		a := w.filed("P1")
		_, err := w.Report(ctx, h(), a.No, a.Version, w.now)
		refused(t, err, fault.Conflict, "repair.state")
		a, err = w.HandOver(ctx, h(), a.No, a.Version, "信用中国2026-41号", w.now)
		ok(t, err)
		a, err = w.Accept(ctx, h(), a.No, a.Version, w.now)
		ok(t, err)
		a, err = w.Approve(ctx, w.as("lead.approver"), a.No, a.Version, "新测市监信修〔2026〕41号", w.now)
		ok(t, err)
		a, err = w.Report(ctx, h(), a.No, a.Version, w.now)
		ok(t, err)
		if a.ReportedOn != day("2026-08-19") || a.State != Approved {
			t.Errorf("%+v", a)
		}
		_, err = w.Report(ctx, h(), a.No, a.Version, w.now)
		if f := refused(t, err, fault.Conflict, "repair.reported"); fmt.Sprint(f.Args) != "[2026-08-19]" {
			t.Errorf("%v", f.Args)
		}
		a, err = w.ProposeRevocation(ctx, h(), a.No, a.Version, "annulled", w.now)
		ok(t, err)
		w.on("2026-08-21")
		a, err = w.Revoke(ctx, w.as("lead.approver"), a.No, a.Version, "新测市监信修〔2026〕43号", w.now)
		ok(t, err)
		a, err = w.Report(ctx, h(), a.No, a.Version, w.now)
		ok(t, err)
		_, err = w.Report(ctx, h(), a.No, a.Version, w.now)
		refused(t, err, fault.Conflict, "repair.reported")
	})
}
