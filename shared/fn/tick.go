package fn

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"ipcredit/shared/journal"
)

// tickEvery is how often a tick takes effect at most. Cron connectors call each
// minute and are never exact, so a little less.
const tickEvery = 50 * time.Second

// Tick makes run a function's scheduled work: it takes effect at most once a
// minute however often and by whomever it is called, and answers the same
// either way. A run that failed may be repeated at once.
func Tick(j *journal.Journal, function string, run func(*http.Request) error) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		key := j.Tmp("tick", function)
		won, err := j.Redis().SetNX(r.Context(), key, "1", tickEvery).Result()
		if err != nil {
			return fmt.Errorf("fn: tick: %w", err)
		}
		if won {
			if err := run(r); err != nil {
				if del := j.Redis().Del(context.WithoutCancel(r.Context()), key).Err(); del != nil {
					return fmt.Errorf("%w; and %w", err, del)
				}
				return err
			}
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}
