package linkage_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/clock"
	"ipcredit/shared/linkage"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
)

// deadline-tick and the page “my day” look at the index, which every change must
// keep.
func TestTheIndexOfClocksIsThatOfTheApplication(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		id := some(k, 1)[0]
		who, index := k.actor("gaoxin.handler"), clock.New(k.j)
		same := func(owner string) {
			t.Helper()
			a := k.get(id)
			want, err := a.Clocks(linkage.Rules{}, day("2026-03-03"))
			if err != nil {
				t.Fatal(err)
			}
			running := map[string]string{}
			for _, c := range want {
				if c.Running() {
					running[c.Name] = c.Due.String()
				}
			}
			got, found, err := index.Of(t.Context(), linkage.Ref(id))
			if err != nil || found != (len(running) > 0) {
				t.Fatal(found, running, err)
			}
			if !found {
				return
			}
			if len(got.Clocks) != len(running) || got.Unit != a.Unit || got.Link == "" || owner != "" && (len(got.Owners) != 1 || got.Owners[0] != owner) {
				t.Errorf("%+v", got)
			}
			for _, c := range got.Clocks {
				if running[c.Name] != c.Due.String() {
					t.Error(c.Name, c.Due, "not", running[c.Name])
				}
				// Messages and “my day” say which limit it is.
				if word := got.Matter + ".clock." + c.Name; !page.Has(word) {
					t.Error("no word", word)
				}
			}
		}
		same("")
		if _, err := k.office.Assign(t.Context(), who, linkage.Assign{IDs: []string{id}}, k.clock.Now()); err != nil {
			t.Fatal(err)
		}
		same(who.User.ID)
		if _, err := k.office.Send(t.Context(), who, linkage.Letter{IDs: []string{id}, To: linkage.ToAgency}, k.clock.Now()); err != nil {
			t.Fatal(err)
		}
		same(who.User.ID)
		if _, _, err := k.office.Report(t.Context(), who, linkage.Patent, "2026年第1批", k.clock.Now()); err != nil {
			t.Fatal(err)
		}
		same(who.User.ID)
		k.put("b2", row(linkage.Patent, map[string]string{"state": "视为撤回"}))
		same("")
		if _, found, _ := index.Of(t.Context(), linkage.Ref(id)); found {
			t.Error("a clock of a settled application runs")
		}
	})
}

// Lists come in while officers work and others look: each figure that anybody sees
// is that of whole applications, and in the end all agree.
func TestListsAndOfficersAtTheSameTime(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb)
		ids := some(k, 60)
		who := k.actor("gaoxin.handler")
		reader := linkage.NewStore(k.j)
		var wg sync.WaitGroup
		stop := make(chan struct{})
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				c, err := reader.Counts(t.Context(), linkage.Filter{})
				if err != nil || c.Notified+c.Accepted != 60 {
					t.Error(c, err)
					return
				}
			}
		})
		var work sync.WaitGroup
		for w := range 3 {
			work.Go(func() {
				for i := w; i < 60; i += 3 {
					m := linkage.Move{ID: ids[i], To: linkage.Explained}
					if i%2 == 0 {
						m.To, m.Document = linkage.Accepted, fmt.Sprintf("20260302%08d", i)
					}
					if _, err := k.move(who, m); err != nil {
						t.Error(err)
					}
				}
			})
		}
		some(k, 60) // the same list again, meanwhile
		work.Wait()
		close(stop)
		wg.Wait()
		if c := k.counts(linkage.Filter{}); c != (linkage.Counts{Notified: 30, Accepted: 30}) {
			t.Error(c)
		}
	})
}
