package function

import (
	_ "embed"
	"strconv"
	"time"

	"ipcredit/shared/ruleset"
)

//go:embed params.json
var paramData []byte

// chosen are the numbers the public side works by.
var chosen = ruleset.ReadChosen(paramData)

// cached is a Cache-Control for an answer that holds until the instant: at most
// the usual time, and never past it, down to none at all in the last second. A
// fraction of a second is cut off, never rounded up.
func cached(until, now time.Time) string {
	d := chosen.Seconds("cache.seconds")
	if !until.IsZero() {
		d = min(d, until.Sub(now))
	}
	return "public, max-age=" + strconv.Itoa(max(0, int(d/time.Second)))
}
