package tipoff

import (
	"testing"
	"time"

	"ipcredit/shared/staff"
)

func TestReminderIsNotHiddenBehindOtherUnits(t *testing.T) {
	t.Parallel()
	w := desk(t)
	close := func(division string, by staff.Actor, at time.Time) string {
		t.Helper()
		l := withName()
		l.Division = division
		in := w.lodge(t, l)
		for _, s := range []State{Assigned, Verifying, NotFiled, Notified, Closed} {
			c := Change{To: s}
			if s.Decided() {
				c.Answer = "答复：理由如下。"
			}
			ok(t, w.office.ChangeState(t.Context(), by, in.Number, c, at))
		}
		return in.Number
	}
	others := officer("u-others", "410711", staff.Handler)
	for range page + 1 {
		close("410711", others, noon)
	}
	own := close("410702", handler, noon.AddDate(0, 0, 1)) // comes after all of them
	due, err := w.office.RetentionDue(t.Context(), approver, on("2028-06-03"))
	ok(t, err)
	if len(due) != 1 || due[0].Report.Number != own || !due[0].Erase {
		t.Errorf("%d are due: %+v", len(due), due)
	}
}
