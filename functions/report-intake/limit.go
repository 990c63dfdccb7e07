package function

import (
	"net/http"
	"slices"
	"time"

	"ipcredit/shared/fn"
	"ipcredit/shared/pace"
	"ipcredit/shared/workday"
)

// network names the caller's network for one day, so that it cannot be found out
// from what Redis holds: the key of the hash is no part of it, and tomorrow the
// name is another.
func (d *desk) network(r *http.Request, now time.Time) string {
	return text64.EncodeToString(mac(d.keys.network, workday.DateOf(now).String(), fn.Network(r))[:12])
}

// pressed tells whether more reports come, from the caller's network or from
// everybody, than people write. It refuses nothing.
func (d *desk) pressed(r *http.Request, now time.Time) (bool, error) {
	waits, err := pace.TakeEach(r.Context(), d.env.Journal, now,
		pace.Call{Name: "report:" + d.network(r, now), Limit: rate("network.per_minute", "network.burst"), N: 1},
		pace.Call{Name: "report", Limit: rate("all.per_minute", "all.burst"), N: 1})
	return slices.ContainsFunc(waits, func(wait time.Duration) bool { return wait > 0 }), err
}

// searching slows down whoever searches the register here.
func (d *desk) searching(r *http.Request, now time.Time) (time.Duration, error) {
	return pace.Take(r.Context(), d.env.Journal, "reportsearch:"+d.network(r, now), rate("search.per_minute", "search.burst"), 1, now)
}
