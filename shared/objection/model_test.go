package objection

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Whatever anybody does in whatever order: a record is marked exactly while one
// objection to it is open, and an open objection has a unit, clocks and, once
// somebody worked on it, an owner.
func TestARecordIsMarkedExactlyWhileAnObjectionIsOpen(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb, "2026-04-30")
		walks := 0
		rapid.Check(t, func(rt *rapid.T) {
			walks++
			w.walk(rt, fmt.Sprint(walks))
		})
	})
}

// ours is somebody of the walk's own subject: that of each has a profile of its own,
// which stays small.
func (w *town) ours() staff.Actor {
	a := w.as("jia.agent")
	a.Org.Code = w.code
	return a
}

// tries are what one walk can try, by who tries it.
func (w *town) tries(no string, version int, rt *rapid.T) []func() error {
	ctx := w.t.Context()
	on := workday.DateOf(w.now)
	ruling := Ruling{
		Outcome: rapid.SampledFrom(Outcomes).Draw(rt, "outcome"), Decision: "新测异〔2026〕1号", DecidedOn: on,
		Reasons: []string{"accurate"}, On: on, Why: "error", Values: map[string]string{},
	}
	h, b, j := w.as("lead.handler"), w.as("lead.approver"), w.ours()
	if rapid.IntRange(0, 5).Draw(rt, "wrong person") == 0 {
		h, b, j = b, h, w.another()
	}
	return []func() error{
		func() error { return second(w.Ask(ctx, h, no, version, on, w.now)) },
		func() error { return second(w.Answered(ctx, h, no, version, Silent, on, w.now)) },
		func() error { return second(w.Answered(ctx, h, no, version, Changes, on, w.now)) },
		func() error { return second(w.Pause(ctx, h, no, version, w.now)) },
		func() error { return second(w.Resume(ctx, h, no, version, w.now)) },
		func() error { return second(w.Check(ctx, h, no, version, Founded, w.now)) },
		func() error { return second(w.Forward(ctx, h, no, version, "国知受2026-1", on, w.now)) },
		func() error { return second(w.Rule(ctx, b, no, version, ruling, w.now)) },
		func() error { return second(w.Import(ctx, b, no, version, ruling, w.now)) },
		func() error {
			return second(w.Attach(ctx, j, no, fmt.Sprint("BOX", rapid.IntRange(1, 3).Draw(rt, "box")), w.now))
		},
		func() error { return second(w.Withdraw(ctx, j, no, w.now)) },
	}
}

func (w *town) walk(rt *rapid.T, number string) {
	t, rdb := w.t, w.rdb
	records := []credit.Record{fined(number, "2026-04-10"), determined(number, "2026-04-10")}
	w.on("2026-04-30")
	w.code = "9141077MODEL" + number
	w.add(records...)
	var nos []string
	for range rapid.IntRange(5, 25).Draw(rt, "steps") {
		w.now = w.now.Add(time.Duration(rapid.IntRange(0, 3).Draw(rt, "days")) * 24 * time.Hour)
		if len(nos) == 0 || rapid.IntRange(0, 3).Draw(rt, "file") == 0 {
			r := rapid.SampledFrom(records).Draw(rt, "record")
			if o, err := w.File(t.Context(), w.ours(), order(r.ID, Facts), w.now); err == nil {
				nos = append(nos, o.No)
			}
		} else {
			no := rapid.SampledFrom(nos).Draw(rt, "objection")
			held, err := w.store.get(t.Context(), rdb, no)
			ok(t, err)
			version := rapid.SampledFrom([]int{0, held.Version, held.Version, held.Version - 1}).Draw(rt, "version")
			tries := w.tries(no, version, rt)
			err = tries[rapid.IntRange(0, len(tries)-1).Draw(rt, "try")]()
			next, e := w.store.get(t.Context(), rdb, no)
			ok(t, e)
			if err != nil && next.Version != held.Version {
				rt.Fatalf("refused with %v, and yet changed: %+v", err, next)
			}
			if err == nil && next.Version != held.Version+1 {
				rt.Fatalf("done, and not changed once: %+v", next)
			}
		}
		w.holds(rt, nos, records)
	}
}

// holds checks what must be true at any time.
func (w *town) holds(rt *rapid.T, nos []string, records []credit.Record) {
	t, ctx := w.t, w.t.Context()
	open := map[string]int{}
	for _, no := range nos {
		o, err := w.store.get(ctx, w.rdb, no)
		ok(t, err)
		k, kept, err := clock.New(w.j).Of(ctx, o.Ref())
		ok(t, err)
		if kept != o.State.Open() || kept && (k.Unit == "" || !slices.ContainsFunc(k.Clocks, func(c clock.Clock) bool { return c.Name == AnswerClock && c.Running() })) {
			rt.Fatalf("%s is %s, its clocks %+v", no, o.State, k)
		}
		if kept && o.State != Filed && (len(o.Handlers) == 0 || !slices.Equal(k.Owners, o.Handlers)) {
			rt.Fatalf("%s is %s and nobody's: %v", no, o.State, o.Handlers)
		}
		if o.Decider != "" && slices.Contains(o.Handlers, o.Decider) {
			rt.Fatalf("%s was ruled on by who handled it", no)
		}
		if !o.Authority.Own() && o.Outcome != "" && !slices.ContainsFunc(o.Events, func(e Event) bool { return e.What == EventImported }) {
			rt.Fatalf("%s of another authority was ruled on here", no)
		}
		if o.State.Open() {
			open[o.Record]++
		}
	}
	numbers, err := w.opened(ctx, []string{records[0].ID, records[1].ID})
	ok(t, err)
	for _, r := range records {
		if marked := w.record(r.ID).Disputed; open[r.ID] > 1 || marked != (open[r.ID] == 1) || marked != (numbers[r.ID] != "") {
			rt.Fatalf("%s is marked %t with %d open, number %q", r.ID, marked, open[r.ID], numbers[r.ID])
		}
	}
}

// opened are the numbers of the objections that records have open, by record.
func (w *town) opened(ctx context.Context, records []string) (map[string]string, error) {
	found := map[string]string{}
	for _, id := range records {
		no, err := w.store.text(ctx, nil, w.store.key("open", id))
		if err != nil {
			return nil, err
		}
		if no != "" {
			found[id] = no
		}
	}
	return found, nil
}
