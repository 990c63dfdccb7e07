package function

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/pace"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// spend takes n searches from whoever asks: from a key with the scope lookup, if
// one is given, else from the caller's network. Lookups by code are never
// limited: they cost as little as saying no.
func (l *lookup) spend(r *http.Request, n int) error {
	now := l.now()
	if authorization := r.Header.Get("Authorization"); authorization != "" {
		k, err := l.staff.Key(r.Context(), authorization, staff.ScopeLookup, now)
		if err == nil && n > 1 {
			err = l.staff.Spend(r.Context(), k, n-1, now)
		}
		return err
	}
	limit := pace.Limit{PerMinute: chosen.N("network.per_minute"), Burst: chosen.N("network.burst")}
	wait, err := pace.Take(r.Context(), l.env.Journal, "lookup:"+l.network(r, now), limit, n, now)
	if err != nil {
		return err
	}
	if wait > 0 {
		return fault.New(fault.TooMany, "credit-lookup.rate").After(wait)
	}
	return nil
}

// network names the caller's network for one day, so that it cannot be found
// out from what Redis holds: the key of the hash is no part of it.
func (l *lookup) network(r *http.Request, now time.Time) string {
	mac := hmac.New(sha256.New, l.keys[0].private.Seed())
	fmt.Fprintf(mac, "credit-lookup network %s %s", workday.DateOf(now), fn.Network(r))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:12])
}
