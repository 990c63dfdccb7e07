package share

import (
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/redistest"
)

// sweep sweeps until nothing is left to do.
func (k *kit) sweep() (rounds int) {
	k.t.Helper()
	for {
		more, err := k.store.Sweep(k.t.Context(), k.now.Now())
		if err != nil || rounds > 20 {
			k.t.Fatal(rounds, err)
		}
		if !more {
			return rounds
		}
		rounds++
	}
}

// Past its time the feed is thinned out. An older cursor is told to begin anew;
// who begins anew gets all that stands and every end that it still has to hear of,
// by pages, also while the feed is swept meanwhile.
func TestChangesAreKeptForTheirTimeAndAnOlderCursorBeginsAnew(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb, "410700")
		ctx := t.Context()
		feed, _ := Kept()
		k.subscribe(wholeCity("court"))
		k.subscribe(wholeCity("science"))
		gone, stays := k.record(1, firmA), k.record(2, firmB)
		k.apply(credit.Change{Amend: []credit.Amendment{{SubjectCode: firmB, ID: stays, Do: func(r *credit.Record) error { r.Tier = credit.Serious; return nil }}}})
		p := k.read("court", "")
		old := p.Next
		k.read("science", "")
		k.repair(firmA, gone)
		end := k.read("court", old).Changes[0]
		if _, err := k.store.Give(ctx, "court", "key:x", end.ID, Feedback{Action: Removed}, k.now.Now()); err != nil {
			t.Fatal(err)
		}
		other := k.record(3, firmA)
		k.repair(firmA, other) // nobody was told of it
		for n := range 260 {   // a stretch of numbers, so that the old one is whole
			k.apply(credit.Change{Amend: []credit.Amendment{{SubjectCode: firmB, ID: stays, Do: func(r *credit.Record) error { r.Disputed = n%2 == 0; return nil }}}})
		}
		k.now.Pass(feed - time.Second)
		if n := k.sweep(); n != 0 {
			t.Fatalf("swept %d stretches on the last day", n)
		}
		if got := k.read("court", old); len(got.Changes) == 0 {
			t.Fatal("a cursor inside its time")
		}
		k.now.Pass(time.Hour)
		if n := k.sweep(); n != 1 {
			t.Fatalf("swept %d stretches", n)
		}
		_, err := k.store.Read(ctx, "court", "key:x", old, 100, k.now.Now())
		if f, _ := fault.Of(err); f == nil || f.Kind != fault.Gone || f.Code != "credit.feed.swept" {
			t.Fatalf("an older cursor: %v", err)
		}
		// Science has not heard of the end, so it is there for whoever had the record.
		var court, science []string
		for org, list := range map[string]*[]string{"court": &court, "science": &science} {
			cursor := ""
			for {
				p, err := k.store.Read(ctx, org, "key:x", cursor, 7, k.now.Now())
				if err != nil {
					t.Fatalf("%s from %q: %v", org, cursor, err)
				}
				for _, c := range p.Changes {
					if what := string(c.Type) + " " + c.RecordID; !slices.Contains(*list, what) {
						*list = append(*list, what)
					}
				}
				k.sweep()
				if cursor = p.Next; !p.More {
					break
				}
			}
		}
		ended := string(credit.RepairedEnd) + " " + gone
		if !slices.Contains(science, ended) {
			t.Errorf("science never hears of the end: %v", science)
		}
		if open, err := k.store.Open(ctx, k.actor("lead.handler"), "court", k.now.Now()); err != nil || len(open) != 0 {
			t.Errorf("the court owes again what it answered: %v %v", open, err)
		}
		for _, list := range [][]string{court, science} {
			if !slices.Contains(list, string(credit.Published)+" "+stays) || slices.ContainsFunc(list, func(s string) bool { return s[len(s)-len(other):] == other }) {
				t.Errorf("%v", list)
			}
		}
		if got, err := k.store.Read(ctx, "court", "key:x", "999999-1-00000000", 10, k.now.Now()); !fault.Is(err, fault.Invalid) {
			t.Errorf("a cursor from the future: %+v %v", got, err)
		}
		if e, err := credit.ParsePlace(end.ID); err != nil {
			t.Fatal(err)
		} else if _, err := k.store.config.Credit.Event(ctx, e); err != nil {
			t.Errorf("an end that somebody still has to hear of was swept: %v", err)
		}
	})
}

func TestDeliveriesAreKeptForTheirTime(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb, "410700")
		_, kept := Kept()
		if kept < 183*24*time.Hour {
			t.Fatal("logs are kept for six months at least (网络安全法 art. 21)")
		}
		r := k.receiver(nil)
		p := wholeCity("court")
		p.URL = r.URL
		x := k.subscribe(p)
		k.record(1, firmA)
		k.deliver()
		log := func() int {
			list, _, err := k.store.Log(t.Context(), k.actor("lead.handler"), x.ID, "", 10, k.now.Now())
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		k.now.Pass(kept - time.Second)
		if k.sweep(); log() != 1 {
			t.Errorf("%d on the last day", log())
		}
		k.now.Pass(time.Minute)
		r.Close() // the next one stays under way, however old
		k.record(2, firmB)
		k.deliver()
		if k.sweep(); log() != 1 {
			t.Errorf("%d after it", log())
		}
		k.now.Pass(kept + time.Hour)
		if k.sweep(); log() != 1 {
			t.Error("what is under way was swept")
		}
	})
}
