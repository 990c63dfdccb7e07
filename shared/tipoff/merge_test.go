package tipoff

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"ipcredit/shared/fault"
	"ipcredit/shared/staff"
)

// TestASupervisorReadsAllUnitsInOneOrder: by the next limit, whatever the unit,
// and page by page exactly what one long page holds.
func TestASupervisorReadsAllUnitsInOneOrder(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *town) {
		places := []string{"新乡市红旗区示例路1号", "新乡市牧野区示例路2号", "新乡市示例路3号"}
		const reports = 23
		for n := range reports {
			l := withoutName()
			l.Place = places[n%len(places)]
			// Two arrive on a day, the later ones on earlier days: the order of the
			// numbers is not that of the limits.
			_, err := w.intake.Lodge(t.Context(), Submission{Key: ticket(), Lodged: l}, noon.AddDate(0, 0, (reports-n)/2))
			ok(t, err)
		}
		at := noon.AddDate(0, 0, 30)
		supervisor := officer("s", "410700", staff.Supervisor)
		whole, next, err := w.office.List(t.Context(), supervisor, Filter{Limit: 200}, at)
		ok(t, err)
		if len(whole) != reports || next != "" {
			t.Fatalf("%d of %d, next %q", len(whole), reports, next)
		}
		units := map[string]bool{}
		for _, r := range whole {
			units[r.Report.Unit] = true
		}
		if len(units) < 3 {
			t.Errorf("units %v", units)
		}
		if !slices.IsSortedFunc(whole, func(a, b Row) int {
			return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Report.Number, b.Report.Number))
		}) {
			for _, r := range whole {
				t.Log(r.Due, r.Report.Unit, r.Report.Number)
			}
			t.Error("not in order of the limits")
		}
		numbers := func(rows []Row) (out []string) {
			for _, r := range rows {
				out = append(out, r.Report.Number)
			}
			return out
		}
		for _, limit := range []int{1, 2, 7, reports - 1, reports, reports + 1} {
			var all []string
			f := Filter{Limit: limit}
			for {
				rows, next, err := w.office.List(t.Context(), supervisor, f, at)
				ok(t, err)
				if len(rows) > limit || len(rows) == 0 {
					t.Fatalf("%d rows at a time: %d", limit, len(rows))
				}
				all = append(all, numbers(rows)...)
				if f.Cursor = next; next == "" {
					break
				}
			}
			if !slices.Equal(all, numbers(whole)) {
				t.Errorf("%d at a time: %v, want %v", limit, all, numbers(whole))
			}
		}
		// What comes in between pages moves nobody out of them.
		rows, next, err := w.office.List(t.Context(), supervisor, Filter{Limit: 5}, at)
		ok(t, err)
		first := withoutName()
		_, err = w.intake.Lodge(t.Context(), Submission{Key: ticket(), Lodged: first}, noon.AddDate(0, 0, -10))
		ok(t, err)
		rest, _, err := w.office.List(t.Context(), supervisor, Filter{Limit: 200, Cursor: next}, at)
		ok(t, err)
		if got := append(numbers(rows), numbers(rest)...); !slices.Equal(got, numbers(whole)) {
			t.Errorf("%v, want %v", got, numbers(whole))
		}
		// Closed ones: the newest first.
		for n, number := range numbers(whole)[:6] {
			who := officer("u", whole[n].Report.Unit, staff.Handler, staff.Intake)
			for _, to := range []State{Assigned, OutOfScope, Closed} {
				ok(t, w.office.ChangeState(t.Context(), who, number, Change{To: to, Answer: "不属于本局"}, noon.AddDate(0, 0, 20+n/2)))
			}
		}
		var closed []string
		f := Filter{Closed: true, Limit: 2}
		for {
			rows, next, err := w.office.List(t.Context(), supervisor, f, at)
			ok(t, err)
			for _, r := range rows {
				closed = append(closed, r.Report.closedOn().String()+" "+r.Report.Number)
			}
			if f.Cursor = next; next == "" {
				break
			}
		}
		if sorted := slices.SortedFunc(slices.Values(closed), func(a, b string) int { return cmp.Compare(b, a) }); len(closed) != 6 || !slices.Equal(closed, sorted) {
			t.Errorf("closed: %v", closed)
		}
		for _, cursor := range []string{"x", ":", "1:", "20260601", "-1:" + numbers(whole)[0], "NaN:" + numbers(whole)[0], "1e99:" + numbers(whole)[0], "20260601:123456789012", fmt.Sprint("410702:", 0)} {
			if _, _, err := w.office.List(t.Context(), supervisor, Filter{Cursor: cursor}, at); !fault.Is(err, fault.Invalid) {
				t.Errorf("cursor %q: %v", cursor, err)
			}
		}
	})
}
