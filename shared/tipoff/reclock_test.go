package tipoff

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/calendar"
	"ipcredit/shared/clock"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// importYear puts the invented calendar of 2027 in force.
func (w *town) importYear(t testing.TB, now time.Time) workday.Calendar {
	t.Helper()
	b, err := os.ReadFile("../workday/testdata/2027-invented.json")
	ok(t, err)
	y, err := workday.ParseYear(b)
	ok(t, err)
	c := calendar.New(w.j)
	x, err := c.Propose(t.Context(), officer("u-one", "410700", staff.Handler), y, now)
	ok(t, err)
	_, err = c.Approve(t.Context(), officer("u-two", "410700", staff.Approver), x.ID, now)
	ok(t, err)
	cal, err := c.Current(t.Context())
	ok(t, err)
	return cal
}

// indexed is what the index of clocks holds of a tip-off.
func (w *town) indexed(t testing.TB, number string) (clock.Kept, bool) {
	t.Helper()
	k, known, err := clock.New(w.j).Of(t.Context(), Ref(number))
	ok(t, err)
	return k, known
}

func TestTheIndexOfClocksFollowsATipOff(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		in := w.lodge(t, withName())
		names := func() (out []string) {
			k, known := w.indexed(t, in.Number)
			if !known {
				return nil
			}
			for _, c := range k.Clocks {
				out = append(out, c.Name+" "+c.Due.String())
			}
			return out
		}
		if got := names(); !slices.Equal(got, []string{"check 2026-06-23"}) {
			t.Errorf("lodged: %v", got)
		}
		w.walk(t, in.Number, noon, Assigned, Verifying)
		if k, _ := w.indexed(t, in.Number); k.Unit != "410702" || !slices.Equal(k.Owners, []string{handler.User.ID}) || k.Link != "case-handling/tip-offs/"+in.Number {
			t.Errorf("%+v", k)
		}
		ok(t, w.office.Pause(t.Context(), handler, in.Number, "送检", on("2026-06-08")))
		if k, _ := w.indexed(t, in.Number); !k.Clocks[0].Paused {
			t.Errorf("%+v", k.Clocks)
		}
		ok(t, w.office.Resume(t.Context(), handler, in.Number, on("2026-06-11")))
		if got := names(); !slices.Equal(got, []string{"check 2026-06-26"}) {
			t.Errorf("after a pause: %v", got)
		}
		w.walk(t, in.Number, on("2026-06-12"), NotFiled)
		if got := names(); !slices.Equal(got, []string{"notice 2026-06-22"}) {
			t.Errorf("decided: %v", got)
		}
		w.walk(t, in.Number, on("2026-06-15"), Notified, Closed)
		if got := names(); got != nil {
			t.Errorf("closed, only retention runs: %v", got)
		}
	})
}

func TestAnImportedYearSettlesWhatWasProvisional(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		now := on("2026-12-15")
		s := Submission{Key: ticket(), Lodged: withoutName()}
		in, err := w.intake.Lodge(t.Context(), s, now)
		ok(t, err)
		if in.Due.Due != day("2027-01-06") || !in.Due.Provisional {
			t.Fatalf("%+v", in.Due)
		}
		if n, err := Reclock(t.Context(), w.j, now); n != 0 || err != nil {
			t.Errorf("nothing to bring up: %d %v", n, err)
		}
		w.importYear(t, now)
		// Both sides see it at once: 12-31 is off, Sunday 01-03 is worked.
		v, err := w.intake.Track(t.Context(), in.claim(), now)
		ok(t, err)
		rows, _, err := w.office.List(t.Context(), handler, Filter{}, now)
		ok(t, err)
		for name, c := range map[string]Clock{"reporter": v.Clocks[0], "officer": rows[0].Clocks[0]} {
			if c.Due != day("2027-01-06") || c.Provisional {
				t.Errorf("%s: %v provisional %v", name, c.Due, c.Provisional)
			}
		}
		if k, _ := w.indexed(t, in.Number); !k.Clocks[0].Provisional {
			t.Fatal("the index is not there yet")
		}
		if n, err := Reclock(t.Context(), w.j, now); n != 1 || err != nil {
			t.Errorf("%d %v", n, err)
		}
		if k, _ := w.indexed(t, in.Number); k.Clocks[0].Provisional {
			t.Errorf("%+v", k.Clocks)
		}
		if n, err := Reclock(t.Context(), w.j, now); n != 0 || err != nil {
			t.Errorf("again: %d %v", n, err)
		}
	})
}

// TestTipOffsFromBeforeTheIndexComeIntoIt takes the index away, as it was before
// there was one.
func TestTipOffsFromBeforeTheIndexComeIntoIt(t *testing.T) {
	t.Parallel()
	w := desk(t)
	var numbers []string
	for range 5 {
		numbers = append(numbers, w.lodge(t, withoutName()).Number)
	}
	before, err := w.rdb.Get(t.Context(), w.j.Key("tipoff", numbers[0])).Result()
	ok(t, err)
	keys, err := w.rdb.Keys(t.Context(), w.j.Key("clock", "*")).Result()
	ok(t, err)
	ok(t, w.rdb.Del(t.Context(), keys...).Err())
	n, err := Reclock(t.Context(), w.j, noon)
	if n != len(numbers) || err != nil {
		t.Fatalf("%d %v", n, err)
	}
	for _, number := range numbers {
		if _, known := w.indexed(t, number); !known {
			t.Errorf("%s is not in the index", number)
		}
	}
	if after := w.rdb.Get(t.Context(), w.j.Key("tipoff", numbers[0])).Val(); after != before {
		t.Errorf("a tip-off was changed:\n%s\n%s", before, after)
	}
}

func TestBringingUpGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	w := desk(t)
	s := newStore(w.j, Rules{})
	const open = reclockAtOnce + 3
	r, _, err := s.report(t.Context(), w.lodge(t, withoutName()).Number)
	ok(t, err)
	for n := range open - 1 {
		r.Number = fmt.Sprintf("1%011d", n)
		text, err := json.Marshal(r)
		ok(t, err)
		ok(t, w.rdb.Set(t.Context(), s.key(r.Number), text, 0).Err())
		w.rdb.ZAdd(t.Context(), s.open(r.Unit), redis.Z{Score: 20260623, Member: r.Number})
	}
	for _, want := range []int{reclockAtOnce, open - 1 - reclockAtOnce, 0} {
		if n, err := Reclock(t.Context(), w.j, noon); n != want || err != nil {
			t.Errorf("%d %v, want %d", n, err, want)
		}
	}
}

// TestGoingThroughAllMissesNobodyWhenOthersAreClosedMeanwhile: a key is renewed while
// the officers work on.
func TestGoingThroughAllMissesNobodyWhenOthersAreClosedMeanwhile(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		ctx, s := t.Context(), newStore(w.j, Rules{})
		r, _, err := s.report(ctx, w.lodge(t, withoutName()).Number)
		ok(t, err)
		w.rdb.Del(ctx, s.open(r.Unit))
		const open, closed = 2*page + 5, 10
		for n := range open {
			r.Number = fmt.Sprintf("1%011d", n)
			text, err := json.Marshal(r)
			ok(t, err)
			ok(t, w.rdb.Set(ctx, s.key(r.Number), text, 0).Err())
			w.rdb.ZAdd(ctx, s.open(r.Unit), redis.Z{Score: 20260623 + float64(n%3), Member: r.Number})
		}
		seen := map[string]int{}
		ok(t, s.each(ctx, s.of(r.Unit, false), func(r Report) (bool, error) {
			if seen[r.Number]++; len(seen) == page {
				w.rdb.ZRemRangeByRank(ctx, s.open(r.Unit), 0, closed-1)
			}
			return true, nil
		}))
		if len(seen) != open {
			t.Errorf("%d of %d", len(seen), open)
		}
		for number, n := range seen {
			if n != 1 {
				t.Errorf("%s %d times", number, n)
			}
		}
	})
}
