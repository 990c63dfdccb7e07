package casework

import (
	"context"
	"time"

	"ipcredit/shared/calendar"
	"ipcredit/shared/clock"
	"ipcredit/shared/journal"
	"ipcredit/shared/workday"
)

// Reclock brings the clocks of all open cases up to the day and to the calendar in
// force, once for each of both: a pause that goes on moves the last day with every
// working day, and an imported year moves what was provisional. Later calls cost
// two reads. It returns how many cases it moved.
func Reclock(ctx context.Context, j *journal.Journal, now time.Time) (int, error) {
	cal, err := calendar.New(j).Current(ctx)
	if err != nil {
		return 0, err
	}
	b := base{j: j, clocks: clock.New(j)}
	mark := cal.Version() + " " + workday.DateOf(now).String()
	done, err := b.recounted(ctx)
	if err != nil || done == mark {
		return 0, err
	}
	moved, err := Recount(ctx, j, b.clocks, Rules{Calendar: cal}, now)
	if err != nil {
		return moved, err
	}
	return moved, b.setRecounted(ctx, mark)
}
