package repair

import (
	"testing"

	"ipcredit/shared/credit"
)

// Order 45 art. 14 and Order 44: what came after a penalty or a listing of the time
// before the tiers.
func TestWhatCameSinceKeepsAnOldRecordUp(t *testing.T) {
	t.Parallel()
	other := func(x credit.Record) credit.Record {
		x.Content.Penalty.Violation = "别的违法行为"
		return x
	}
	withdrawn := func(x credit.Record) credit.Record {
		x.Withdrawn = &credit.Withdrawal{At: day("2026-03-01").Start()}
		return x
	}
	listed := func(on string) credit.Record {
		return determined("L", on, func(x *credit.Record) { x.Act = credit.SeriousList })
	}
	fine := func(id, on string) credit.Record { return punished(id, on, 9000000, "罚款") }
	for _, x := range []struct {
		name    string
		records []credit.Record
		id      string
		why     string
	}{
		{"nothing since", []credit.Record{fine("A", "2025-08-12")}, "A", ""},
		{"the same kind of act the day after", []credit.Record{fine("A", "2025-08-12"), fine("B", "2025-08-13")}, "A", "new-penalty 2025-08-13"},
		{"on the same day", []credit.Record{fine("A", "2025-08-12"), fine("B", "2025-08-12")}, "A", ""},
		{"the one before", []credit.Record{fine("A", "2025-08-12"), fine("B", "2025-08-11")}, "A", ""},
		{"of another kind", []credit.Record{fine("A", "2025-08-12"), other(fine("B", "2025-09-01"))}, "A", ""},
		{"taken back", []credit.Record{fine("A", "2025-08-12"), withdrawn(fine("B", "2025-09-01"))}, "A", ""},
		{"the newer of the two", []credit.Record{fine("A", "2025-08-12"), fine("B", "2025-08-13")}, "B", ""},
		{"on the serious list", []credit.Record{fine("A", "2025-08-12"), listed("2024-06-03")}, "A", "listed"},
		{"a penalty of the tiers has the tier's conditions", []credit.Record{fine("A", "2026-04-01"), listed("2024-06-03")}, "A", ""},
		{"a listing, and a heavier penalty since", []credit.Record{listed("2025-05-06"), punished("B", "2025-07-01", 0, "吊销许可证件"), fine("C", "2025-06-01")}, "L", "new-penalty 2025-07-01"},
		{"a listing, and a fine since", []credit.Record{listed("2025-05-06"), fine("C", "2025-06-01")}, "L", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			s, err := shipped.Standing(x.records, x.id, day("2026-07-15"))
			if err != nil || codes(s.Reasons) != x.why {
				t.Errorf("%q, want %q (%v)", codes(s.Reasons), x.why, err)
			}
		})
	}
}
