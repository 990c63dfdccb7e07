package disclosure

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
)

// TestAListOfSeveralDivisionsLosesAndRepeatsNothing: an officer who covers two
// divisions pages through both as one list, newest first, each page full but the
// last, whether or not the notices were begun at the same instant and whatever the
// filter leaves out.
func TestAListOfSeveralDivisionsLosesAndRepeatsNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		b := newBureau(t, rdb)
		covers := anybody("covers", staff.Handler)
		covers.User.Grants = append(covers.User.Grants, staff.Grant{Role: staff.Handler, Division: "410702"})
		covers.Org.Divisions = append(covers.Org.Divisions, "410702")
		const all = 2*pageSize + 20
		want := map[State]int{}
		for i := range all {
			if i%3 == 0 { // some begin at one instant, and some later
				b.now = b.now.Add(time.Second)
			}
			w := b.penalty()
			w.Values["instrumentNo"] = fmt.Sprintf("新测市监处罚〔2026〕%d号", i+1)
			n, err := b.store.Begin(t.Context(), covers, []string{"410700", "410702"}[i%5%2], w, b.now)
			if err != nil {
				t.Fatal(err)
			}
			if i%2 == 0 {
				b.must(covers, &n, Act{Step: Discard})
			}
			want[n.State]++
		}
		for _, state := range []State{"", Draft, Discarded, Published} {
			var got []Notice
			cursor := ""
			for pages := 0; ; pages++ {
				list, next, err := b.store.List(t.Context(), covers, state, cursor, b.now)
				if err != nil || pages > all {
					t.Fatal(pages, err)
				}
				got = append(got, list...)
				if next == "" {
					break
				}
				if len(list) != pageSize {
					t.Errorf("%q: a page of %d is not the last", state, len(list))
				}
				cursor = next
			}
			number := want[state]
			if state == "" {
				number = all
			}
			if len(got) != number {
				t.Errorf("%q: %d, not %d", state, len(got), number)
			}
			for i, n := range got {
				if i > 0 && n.ID >= got[i-1].ID || state != "" && n.State != state {
					t.Fatalf("%q: %d is %s %s", state, i, n.ID, n.State)
				}
			}
		}
		// Who covers one division sees its own only.
		own := anybody("own")
		own.Org.Kind, own.Org.Divisions = staff.DistrictBureau, []string{"410702"}
		own.User.Grants = []staff.Grant{{Role: staff.Handler, Division: "410702"}}
		list, next, err := b.store.List(t.Context(), own, "", "", b.now)
		if err != nil || next != "" || len(list) != all/5*2 {
			t.Fatalf("%d %q (%v)", len(list), next, err)
		}
		for _, n := range list {
			if n.Division != "410702" {
				t.Errorf("%s is of %s", n.ID, n.Division)
			}
		}
		if _, _, err := b.store.List(t.Context(), writes, "", "x", b.now); !is(err, "disclosure.cursor") {
			t.Errorf("%v", err)
		}
	})
}
