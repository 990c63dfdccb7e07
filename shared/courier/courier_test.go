package courier

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/journal"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
)

var start = time.Date(2026, 5, 20, 2, 0, 0, 0, time.UTC)

func TestTriesComeLessAndLessOftenAndEnd(t *testing.T) {
	t.Parallel()
	p := Parcel{ID: "1", Next: start}
	now, gap, given := start, time.Duration(0), false
	tries := 0
	for !given {
		now = p.Next
		next, g := p.Failed(WhyAway, now)
		if given = g; !given {
			if d := next.Next.Sub(now); d <= gap {
				t.Errorf("after try %d it waits %v, before %v", tries, d, gap)
			} else {
				gap = d
			}
		}
		p = next
		tries++
	}
	var longest time.Duration
	for _, w := range waits {
		longest += w
	}
	if tries != len(waits)+1 || now.Sub(start) != longest {
		t.Errorf("%d tries over %v", tries, now.Sub(start))
	}
}

func TestAParcelIsToldOnceOrGivenUp(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		s := NewStore(journal.New(rdb, "410700", journal.Options{}))
		ctx := t.Context()
		due := func(now time.Time, want int) []Parcel {
			t.Helper()
			list, err := s.Due(ctx, now, 10)
			if err != nil || len(list) != want {
				t.Fatalf("%d due, want %d (%v)", len(list), want, err)
			}
			return list
		}
		p, err := s.Hand(ctx, "482109375516", News, start.Add(time.Minute), start)
		if err != nil {
			t.Fatal(err)
		}
		due(start, 0)
		if got := due(start.Add(time.Minute), 1)[0]; got != p {
			t.Errorf("%+v, want %+v", got, p)
		}
		for i, want := range []bool{true, false} {
			if won, err := s.Claim(ctx, p, time.Minute); err != nil || won != want {
				t.Errorf("claim %d: %t %v", i, won, err)
			}
		}
		now := start.Add(time.Minute)
		for {
			list, err := s.Due(ctx, now, 10)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				break
			}
			if err := s.Missed(ctx, list[0], WhyRefused, now); err != nil {
				t.Fatal(err)
			}
			if won, err := s.Claim(ctx, p, time.Minute); err != nil || !won {
				t.Errorf("it cannot be tried again: %t %v", won, err)
			}
			now = now.Add(48 * time.Hour)
		}
		given, err := s.GivenUp(ctx, 10)
		if err != nil || len(given) != 1 || given[0].Tries != len(waits)+1 || given[0].Why != WhyRefused {
			t.Errorf("%+v %v", given, err)
		}
		q, err := s.Hand(ctx, "482109375516", News, start, start)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Told(ctx, q, start); err != nil {
			t.Fatal(err)
		}
		r, err := s.Hand(ctx, "482109375516", News, start, start)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.TakeBack(ctx, r, start); err != nil {
			t.Fatal(err)
		}
		due(now, 0)
	})
}

func TestEveryReasonHasWords(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"courier.why." + WhyAway, "courier.why." + WhyRefused, "courier.why." + WhyPrivate, "courier.why." + WhyContact, "courier.text." + string(News)} {
		if !page.Has(key) {
			t.Errorf("no words for %s", key)
		}
	}
}
