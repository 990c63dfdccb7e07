package commitment

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/redistest"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

func TestThreat_ATemplateIsMadeByTwoPeopleAndNeverForTodayOrBefore(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb) // 2026-03-02
		maker, second := w.as("lead.handler"), w.as("lead.approver")
		next := Template{
			ID: "honest-business", Kind: Proactive, From: day("2026-04-01"), Source: "样例文件", Most: workday.Period{N: 6, Unit: workday.Months},
			Title: ruleset.Words{ZH: "知识产权诚信经营承诺书（新）", EN: "New"}, Clauses: Lines{ZH: []string{"新条款；"}, EN: []string{"New."}},
		}
		for _, x := range []struct {
			name, code string
			kind       fault.Kind
			change     func(*Template)
		}{
			{"today", "commitment.template.early", fault.Invalid, func(t *Template) { t.From = day("2026-03-02") }},
			{"another kind", "commitment.template.other_kind", fault.Invalid, func(t *Template) { t.Kind = Industry }},
			{"a clause without its translation", "commitment.template.clauses", fault.Invalid, func(t *Template) { t.Clauses.EN = nil }},
			{"without a source", "commitment.template.source", fault.Invalid, func(t *Template) { t.Source = " " }},
			{"without a longest term", "commitment.template.most", fault.Invalid, func(t *Template) { t.Most = workday.Period{} }},
			{"a name in capitals", "commitment.template.id", fault.Invalid, func(t *Template) { t.ID = "Honest" }},
		} {
			bad := next
			x.change(&bad)
			refused(t, w.Propose(ctx, maker, bad, w.now), x.kind, x.code)
		}
		refused(t, w.Propose(ctx, w.as("jia.legal"), next, w.now), fault.Forbidden, "staff.can.role")
		tomorrow := next
		tomorrow.From = day("2026-03-03")
		ok(t, w.Propose(ctx, maker, tomorrow, w.now))
		ok(t, w.Decide(ctx, maker, tomorrow.Ref(), false, w.now)) // takes his own back
		ok(t, w.Propose(ctx, maker, next, w.now))
		refused(t, w.Propose(ctx, maker, next, w.now), fault.Conflict, "commitment.template.same")
		refused(t, w.Decide(ctx, maker, next.Ref(), true, w.now), fault.Forbidden, "staff.can.role")
		refused(t, w.Decide(ctx, second, "nothing@2026-04-01", true, w.now), fault.NotFound, "commitment.template.none")
		_, err := w.Proposed(ctx, w.as("jia.legal"), w.now)
		refused(t, err, fault.Forbidden, "staff.can.role")
		list, err := w.Proposed(ctx, second, w.now)
		if err != nil || len(list) != 1 || list[0].ProposedBy != maker.User.ID {
			t.Fatalf("%+v %v", list, err)
		}
		refused(t, w.Decide(ctx, second, next.Ref(), true, noon("2026-04-01")), fault.Conflict, "commitment.template.early")
		ok(t, w.Decide(ctx, second, next.Ref(), true, w.now))
		all, err := w.Templates(ctx)
		ok(t, err)
		for on, want := range map[string]string{"2026-03-31": "honest-business@2026-01-01", "2026-04-01": "honest-business@2026-04-01"} {
			if got, _ := all.On("honest-business", day(on)); got.Ref() != want {
				t.Errorf("on %s: %s", on, got.Ref())
			}
		}
		// What was signed by the text before keeps it.
		c := w.published("2026-12-31")
		w.now = noon("2026-05-01")
		e, err := w.Entry(ctx, c.No, w.now)
		if err != nil || Sum(e.Document) != e.SHA256 || len(e.Clauses) != 4 {
			t.Errorf("%+v %v", e, err)
		}
		_, err = w.Begin(ctx, w.as("jia.agent"), Writing{"honest-business", "事项", day("2026-11-02")}, w.now)
		refused(t, err, fault.Invalid, "commitment.until.far")
		_, err = w.Begin(ctx, w.as("jia.agent"), Writing{"honest-business", "事项", day("2026-11-01")}, w.now)
		ok(t, err)
	})
}
