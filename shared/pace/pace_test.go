package pace_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/journal"
	"ipcredit/shared/pace"
	"ipcredit/shared/redistest"
)

var noon = time.Date(2026, 4, 10, 4, 0, 0, 0, time.UTC)

func TestBurstThenRate(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		j := journal.New(rdb, "410700", journal.Options{})
		limit := pace.Limit{PerMinute: 60, Burst: 3}
		steps := []struct {
			name  string
			after time.Duration
			n     int
			wait  time.Duration
		}{
			{"first of the burst", 0, 1, 0},
			{"the rest of the burst at once", 0, 2, 0},
			{"one too many", 0, 1, time.Second},
			{"refused calls cost nothing", 999 * time.Millisecond, 1, time.Millisecond},
			{"at the instant promised", time.Second, 1, 0},
			{"more than the bucket holds costs all of it", time.Hour, 100, 0},
			{"and leaves nothing", time.Hour, 1, time.Second},
		}
		for _, s := range steps {
			wait, err := pace.Take(t.Context(), j, "a", limit, s.n, noon.Add(s.after))
			if err != nil || wait != s.wait {
				t.Errorf("%s: wait %s (%v), want %s", s.name, wait, err, s.wait)
			}
		}
		if wait, err := pace.Take(t.Context(), j, "b", limit, 1, noon); err != nil || wait != 0 {
			t.Errorf("another caller waits %s (%v)", wait, err)
		}
	})
}

func TestCallsAtOnceNeverExceedTheBurst(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		j := journal.New(rdb, "410700", journal.Options{})
		var passed atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 10 {
					wait, err := pace.Take(t.Context(), j, "a", pace.Limit{PerMinute: 1, Burst: 20}, 1, noon)
					if err != nil {
						t.Error(err)
					} else if wait == 0 {
						passed.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if n := passed.Load(); n != 20 {
			t.Errorf("%d calls passed, want 20", n)
		}
	})
}

func TestBucketsTakenFromTogetherStandEachAlone(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		j := journal.New(rdb, "410700", journal.Options{})
		small := pace.Call{Name: "small", Limit: pace.Limit{PerMinute: 60, Burst: 1}, N: 1}
		large := pace.Call{Name: "large", Limit: pace.Limit{PerMinute: 60, Burst: 3}, N: 1}
		for i, want := range [][]time.Duration{
			{0, 0},
			{time.Second, 0}, // the large one is taken from all the same
			{time.Second, 0},
			{time.Second, time.Second},
		} {
			waits, err := pace.TakeEach(t.Context(), j, noon, small, large)
			if err != nil || !slices.Equal(waits, want) {
				t.Errorf("call %d: waits %v (%v), want %v", i, waits, err, want)
			}
		}
		if wait, err := pace.Take(t.Context(), j, "large", large.Limit, 1, noon); err != nil || wait != time.Second {
			t.Errorf("by itself it waits %s (%v), want %s: it is the same bucket", wait, err, time.Second)
		}
	})
}
