package objection

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// What came on paper is registered by who will check it; its limits run from the day
// it came.
func TestPaperIsRegisteredFromTheDayItCame(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		r := fined("1", "2026-04-10")
		w := newTown(t, rdb, "2026-05-06", r)
		h := w.as("lead.handler")
		for on, code := range map[string]string{"": "objection.day", "2026-04-09": "objection.day_before", "2026-05-07": "objection.day_after"} {
			_, err := w.Register(ctx, h, order(r.ID, Facts), day(on), w.now)
			refused(t, err, fault.Refused, code)
		}
		for _, user := range []string{"lead.approver", "jia.agent", "hongqi.handler"} {
			if _, err := w.Register(ctx, w.as(user), order(r.ID, Facts), day("2026-04-30"), w.now); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s registers: %v", user, err)
			}
		}
		o, err := w.Register(ctx, h, order(r.ID, Facts), day("2026-04-30"), w.now)
		ok(t, err)
		if o.FiledOn != workday.MustDate("2026-04-30") || o.Subject != jia || w.marked(r.ID) != credit.Disputed {
			t.Errorf("%+v", o)
		}
		ok(t, second(w.Get(ctx, w.as("jia.agent"), o.No, w.now)))
		_, err = w.Register(ctx, h, order("0000000000000000", Facts), day("2026-04-30"), w.now)
		refused(t, err, fault.NotFound, "credit.no_record")
	})
}

func TestTheDemonstrationHasOneOfEachAndIsMadeOnce(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb, "2026-04-30")
		actor := func(user string) (staff.Actor, error) { return w.as(user), nil }
		for range 2 {
			ok(t, w.Demo(ctx, actor, w.now))
			list, _, err := w.Of(ctx, w.as("jia.agent"), "", 10, w.now)
			ok(t, err)
			var states []string
			for _, o := range list {
				states = append(states, string(o.State))
			}
			if got := strings.Join(states, " "); got != "dismissed upheld filed" || w.marked(list[2].Record) != credit.Disputed || w.record(list[1].Record).Content.Penalty.FineFen != 900000 {
				t.Errorf("%s", got)
			}
			w.on("2027-02-01")
		}
		if n, err := rdb.XLen(ctx, w.j.Key("journal")).Result(); err != nil || n == 0 {
			t.Error(err)
		}
	})
}
