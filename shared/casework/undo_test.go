package casework

import (
	"encoding/json"
	"slices"
	"testing"

	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/redistest"
)

const other, otherName = "91410771MA00AAA104", "虚构甲科技有限公司"

func refusal(t testing.TB, err error, kind fault.Kind, code string) {
	t.Helper()
	f, is := fault.Of(err)
	if !is || f.Kind != kind || f.Code != code {
		t.Errorf("%v, want %s %s", err, kind, code)
	}
}

func TestAMergerIsTakenBackWithItsReasonAndTheClocksHaveRunOn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		ctx := t.Context()
		older := draft()
		older.People, older.Numbers, older.Tags = nil, []string{"99000001"}, []string{"industry:C"}
		lead := w.opened(older)
		young := draft()
		young.Parties = append(young.Parties, Party{Name: otherName, Code: other, Role: Agency})
		c := w.opened(young)
		h := w.as("hongqi.handler")
		take := func(x Case) Case {
			out, err := w.Claim(ctx, h, seen(x), w.now)
			ok(t, err)
			return out
		}
		lead, c = take(lead), take(c)
		before := c
		beforeLead := lead
		dues := func(x Case) (out []string) {
			k, _, err := clock.New(w.j).Of(ctx, Ref(x.Number))
			ok(t, err)
			for _, c := range k.Clocks {
				out = append(out, c.Name+" "+c.Due.String())
			}
			return out
		}
		run := dues(c)
		_, err := w.Merge(ctx, h, seen(c), seen(lead), w.now)
		ok(t, err)
		if len(dues(c)) != 0 {
			t.Error("a merged case has clocks:", dues(c))
		}
		get := func(x Case) Case {
			t.Helper()
			out, err := w.one(ctx, x.Number)
			ok(t, err)
			return out
		}
		c, lead = get(c), get(lead)
		if lead.People != 1 || len(lead.Parties) != 2 || len(lead.Applications) != 1 {
			t.Fatalf("%+v", lead)
		}
		head := w.as("hongqi.approver")
		if f, err := w.Get(ctx, head, c.Number, w.now); err != nil || !slices.Contains(f.Can, "unmerge") {
			t.Errorf("the head is not offered it: %v %v", f.Can, err)
		}
		_, err = w.Unmerge(ctx, h, seen(c), canaryReason, w.now)
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("by the handler: %v", err)
		}
		_, err = w.Unmerge(ctx, head, seen(c), " ", w.now)
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("without a reason: %v", err)
		}
		_, err = w.Unmerge(ctx, head, Seen{c.Number, c.Version - 1}, canaryReason, w.now)
		refusal(t, err, fault.Stale, "casework.stale")
		_, err = w.Unmerge(ctx, head, seen(lead), canaryReason, w.now)
		refusal(t, err, fault.Conflict, "casework.unmerge.state")
		w.now = on2("2026-05-22")
		c, err = w.Unmerge(ctx, head, seen(c), canaryReason, w.now)
		ok(t, err)
		lead = get(lead)
		if c.State != before.State || c.Into != "" || c.Outcome != "" || !slices.Equal(c.Handlers, before.Handlers) || !slices.Equal(dues(c), run) {
			t.Errorf("%s %q %v, clocks %v were %v", c.State, c.Into, c.Handlers, dues(c), run)
		}
		if lead.People != 0 || !slices.Equal(lead.Parties, beforeLead.Parties) || !slices.Equal(lead.Applications, beforeLead.Applications) ||
			!slices.Equal(lead.Marks, beforeLead.Marks) || !slices.Equal(lead.Tags, beforeLead.Tags) || len(lead.Same) != 0 || len(lead.Took) != 0 {
			t.Errorf("it kept what was not its own: %+v", lead)
		}
		if f, err := w.Get(ctx, h, lead.Number, w.now); err != nil || len(f.People) != 0 {
			t.Errorf("%+v %v", f.People, err)
		}
		if f, err := w.Get(ctx, h, c.Number, w.now); err != nil || len(f.People) != 1 || f.People[0].Name != canaryPerson {
			t.Errorf("%+v %v", f.People, err)
		}
		redistest.Grep(t, w.rdb, canaryReason)
		redistest.Grep(t, w.rdb, canaryPerson)
		// And they can be merged again.
		_, err = w.Merge(ctx, h, seen(c), seen(lead), w.now)
		ok(t, err)
	})
}

func TestAMergerStandsOnceTheOtherCaseHasGoneFurther(t *testing.T) {
	t.Parallel()
	w := desk(t)
	ctx := t.Context()
	d := draft()
	d.Filed = true
	lead, c := w.two(w.opened(d)), w.two(w.opened(d))
	_, err := w.Merge(ctx, w.as("hongqi.handler"), seen(c), seen(lead), w.now)
	ok(t, err)
	x, err := w.one(ctx, lead.Number)
	ok(t, err)
	x.State = Review
	if err := c.unmerge(doing{by: "u", today: day("2026-05-21")}, &x); !fault.Is(err, fault.Conflict) {
		t.Error(err)
	}
	c, err = w.one(ctx, c.Number)
	ok(t, err)
	refusal(t, c.unmerge(doing{by: "u", today: day("2026-05-21")}, &x), fault.Conflict, "casework.unmerge.lead")
}

func TestASupervisorLiftsARecusalAndNobodyElse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		ctx := t.Context()
		c := w.opened(draft())
		c, err := w.Claim(ctx, w.as("hongqi.handler"), seen(c), w.now)
		ok(t, err)
		c, err = w.Recuse(ctx, w.as("hongqi.approver"), seen(c), w.id("hongqi.handler"), "", canaryReason, w.now)
		ok(t, err)
		user := w.id("hongqi.handler")
		for _, by := range []string{"hongqi.handler", "hongqi.approver", "muye.approver", "science.handler"} {
			if _, err := w.LiftRecusal(ctx, w.as(by), seen(c), user, canaryReason, w.now); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s lifts it: %v", by, err)
			}
		}
		boss := w.as("lead.supervisor")
		if f, err := w.Get(ctx, boss, c.Number, w.now); err != nil || !slices.Contains(f.Can, "lift-recusal") {
			t.Errorf("the supervisor is not offered it: %v %v", f.Can, err)
		}
		_, err = w.LiftRecusal(ctx, boss, seen(c), w.id("hongqi.approver"), canaryReason, w.now)
		refusal(t, err, fault.Conflict, "casework.recused.not")
		if _, err = w.LiftRecusal(ctx, boss, seen(c), user, "", w.now); !fault.Is(err, fault.Invalid) {
			t.Error("without a reason:", err)
		}
		c, err = w.LiftRecusal(ctx, boss, seen(c), user, canaryReason, w.now)
		ok(t, err)
		if len(c.Recused) != 0 || len(c.Handlers) != 0 {
			t.Errorf("%v %v", c.Recused, c.Handlers)
		}
		if _, err = w.Claim(ctx, w.as("hongqi.handler"), seen(c), w.now); err != nil {
			t.Error("he cannot take it on again:", err)
		}
		redistest.Grep(t, w.rdb, canaryReason)
	})
}

func TestWhoeverRecusedSomebodyDoesNotLiftIt(t *testing.T) {
	t.Parallel()
	c := Case{State: Filed, Recused: []string{"x"}, Events: []Event{{What: RecusedUser, By: "boss", Ref: "x"}}}
	refusal(t, c.liftRecusal(doing{by: "boss", today: day("2026-05-21")}, "x"), fault.Forbidden, "casework.recused.same")
	ok(t, c.liftRecusal(doing{by: "another", today: day("2026-05-21")}, "x"))
}

func TestThreat_ANameWithoutACodeIsSealedAndOldCasesStayReadable(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *town) {
		ctx := t.Context()
		d := draft()
		d.People = nil
		d.Parties = append(d.Parties, Party{Name: canaryPerson, Role: Respondent}, Party{Name: canaryPerson + "号", Role: Agency})
		c := w.opened(d)
		redistest.Grep(t, w.rdb, canaryPerson)
		f, err := w.Get(ctx, w.as("hongqi.handler"), c.Number, w.now)
		ok(t, err)
		if len(f.Case.Parties) != 1 || len(f.People) != 2 || f.People[0].Name != canaryPerson || f.People[1].Role != Agency {
			t.Errorf("%+v %+v", f.Case.Parties, f.People)
		}
		// A case of before: the name stands among the parties, and is read.
		old, err := w.one(ctx, c.Number)
		ok(t, err)
		old.Parties = append(old.Parties, Party{Name: "旧案样例", Role: Respondent})
		value, err := json.Marshal(old)
		ok(t, err)
		ok(t, w.rdb.Set(ctx, w.key(c.Number), value, 0).Err())
		f, err = w.Get(ctx, w.as("hongqi.handler"), c.Number, w.now)
		ok(t, err)
		if len(f.Case.Parties) != 2 || f.Case.Parties[1].Name != "旧案样例" {
			t.Errorf("%+v", f.Case.Parties)
		}
		// Whoever changes what it is about seals it.
		c, err = w.Claim(ctx, w.as("hongqi.handler"), seen(c), w.now)
		ok(t, err)
		d.Parties = f.Case.Parties
		if _, err = w.Edit(ctx, w.as("hongqi.handler"), seen(c), d, w.now); err != nil {
			t.Fatal(err)
		}
		if now, err := w.one(ctx, c.Number); err != nil || len(now.Parties) != 1 || now.People != 1 {
			t.Errorf("%+v %v", now.Parties, err)
		}
	})
}
