package material

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

type town struct {
	*Store
	t     testing.TB
	j     *journal.Journal
	staff citytest.Staff
	now   time.Time
}

var ok = citytest.OK

var refused = citytest.Refused

func newTown(t testing.TB, rdb *redis.Client) *town {
	t.Helper()
	w := &town{t: t, j: journal.New(rdb, "410700", journal.Options{}), now: workday.MustDate("2026-09-22").Start().Add(10 * time.Hour)}
	w.staff = citytest.NewStaff(t, w.j, w.now)
	w.Store = New(w.j)
	return w
}

func (w *town) as(name string) staff.Actor {
	w.t.Helper()
	return w.staff.As(w.t, name)
}

func (w *town) due(no string) string {
	w.t.Helper()
	k, found, err := clock.New(w.j).Of(w.t.Context(), "material:"+no)
	ok(w.t, err)
	if !found || len(k.Clocks) == 0 {
		return ""
	}
	return k.Clocks[0].Due.String()
}

func TestMaterialIsAnsweredReturnedAndHandedInAgain(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb)
		m, err := w.Hand(ctx, w.as("jia.agent"), Rectification, "", "BOX1", w.now)
		ok(t, err)
		// The subject is in 高新区: its administration answers, in five working days
		// over the holiday.
		if m.No != "CL2026000001" || m.Unit != "410771" || w.due(m.No) != "2026-09-30" {
			t.Fatalf("%+v due %s", m, w.due(m.No))
		}
		_, err = w.Hand(ctx, w.as("jia.agent"), Rectification, "", "BOX1", w.now)
		refused(t, err, fault.Conflict, "material.same")
		_, err = w.Again(ctx, w.as("jia.agent"), m.No, "BOX2", w.now)
		refused(t, err, fault.Conflict, "material.state")
		list, _, err := w.Queue(ctx, w.as("gaoxin.handler"), "410771", true, "", 10, w.now)
		if err != nil || len(list) != 1 {
			t.Fatalf("%v %v", list, err)
		}
		_, err = w.Answer(ctx, w.as("gaoxin.handler"), m.No, m.Seen, []Flaw{"ugly"}, w.now)
		refused(t, err, fault.Invalid, "material.flaw")
		m, err = w.Answer(ctx, w.as("gaoxin.handler"), m.No, m.Seen, []Flaw{Unsigned, Partial, Unsigned}, w.now)
		ok(t, err)
		if m.State != Returned || len(m.Last().Flaws) != 2 || w.due(m.No) != "" {
			t.Errorf("%+v due %s", m, w.due(m.No))
		}
		_, err = w.Again(ctx, w.as("jia.agent"), m.No, "BOX1", w.now)
		refused(t, err, fault.Conflict, "material.same")
		m, err = w.Again(ctx, w.as("jia.agent"), m.No, "BOX2", w.now)
		ok(t, err)
		_, err = w.Answer(ctx, w.as("gaoxin.handler"), m.No, m.Seen-1, nil, w.now)
		refused(t, err, fault.Stale, "material.stale")
		m, err = w.Answer(ctx, w.as("gaoxin.handler"), m.No, m.Seen, nil, w.now)
		ok(t, err)
		if m.State != Admitted || len(m.Versions) != 2 || len(m.Versions[0].Flaws) != 2 {
			t.Errorf("%+v", m)
		}
		done, _, err := w.Queue(ctx, w.as("gaoxin.approver"), "410771", false, "", 10, w.now)
		if err != nil || len(done) != 1 {
			t.Errorf("%v %v", done, err)
		}
	})
}

// TestThreat_AnotherSubjectLearnsNothingOfAMaterial: whoever it is not for gets what
// he gets of one that does not exist.
func TestThreat_AnotherSubjectLearnsNothingOfAMaterial(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb)
		m, err := w.Hand(ctx, w.as("jia.agent"), Statement, "", "BOX1", w.now)
		ok(t, err)
		stranger := w.as("jia.agent")
		stranger.Org.ID, stranger.Org.Code = "subject-yi", "91410771MA00AAA291"
		for name, who := range map[string]staff.Actor{"another subject": stranger, "another unit": w.as("hongqi.handler"),
			"the city": w.as("lead.handler"), "a department": w.as("science.handler")} {
			_, have := w.Get(ctx, who, m.No, w.now)
			_, none := w.Get(ctx, who, "CL2026999999", w.now)
			if have == nil || none == nil || have.Error() != none.Error() {
				t.Errorf("%s: %v, and of none %v", name, have, none)
			}
			if _, err := w.Again(ctx, who, m.No, "BOX9", w.now); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s hands in: %v", name, err)
			}
			if _, err := w.Answer(ctx, who, m.No, 0, nil, w.now); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s answers: %v", name, err)
			}
		}
		if list, _, err := w.Of(ctx, stranger, "", 10, w.now); err != nil || len(list) != 0 {
			t.Errorf("%v %v", list, err)
		}
		if _, err := w.Answer(ctx, w.as("jia.agent"), m.No, 0, nil, w.now); !fault.Is(err, fault.Forbidden) {
			t.Errorf("the subject admits its own: %v", err)
		}
		if _, err := w.Hand(ctx, w.as("lead.handler"), Statement, "", "BOX3", w.now); !fault.Is(err, fault.Forbidden) {
			t.Errorf("an officer hands in: %v", err)
		}
	})
}

func TestABoxIsHandedInOnceByHoweverMany(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		agent := w.as("jia.agent")
		errs := make([]error, 8)
		var wait sync.WaitGroup
		for i := range errs {
			wait.Go(func() { _, errs[i] = w.Hand(t.Context(), agent, Withdrawal, "", "BOX1", w.now) })
		}
		wait.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !fault.Is(err, fault.Conflict) {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d won", won)
		}
	})
}

func TestListsGoOnWhereTheyStopped(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		for _, box := range []string{"A", "B", "C", "D", "E"} {
			_, err := w.Hand(t.Context(), w.as("jia.agent"), AnnualReport, "", box, w.now)
			ok(t, err)
		}
		var seen []string
		for cursor, more := "", true; more; more = cursor != "" {
			list, next, err := w.Of(t.Context(), w.as("jia.agent"), cursor, 2, w.now)
			ok(t, err)
			for _, m := range list {
				seen = append(seen, m.Last().Box)
			}
			cursor = next
		}
		if strings.Join(seen, "") != "EDCBA" {
			t.Errorf("%v", seen)
		}
		for _, cursor := range []string{"x", "-1", "01", "1 "} {
			if _, _, err := w.Of(t.Context(), w.as("jia.agent"), cursor, 2, w.now); !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: %v", cursor, err)
			}
		}
	})
}
