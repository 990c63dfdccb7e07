package function

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/redistest"
	"ipcredit/shared/share"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

func TestARecordIsGivenWholeToWhoWasToldOfItWhileItIsShown(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		k, anybody := c.key(), c.as("")
		anybody.header.Set("Accept", "application/json")
		c.subscribed(forService())
		a := c.record(1, firmA)
		k.want(k.get("/records/"+a), http.StatusNotFound, "share.unknown") // it was not told yet
		c.changes("")
		got := k.want(k.get("/records/"+a), http.StatusOK)
		var x share.Whole
		if err := json.Unmarshal([]byte(got.Text), &x); err != nil || x.ID != a || x.Kind != "penalty" || x.Fields["CF_XDR_SHXYM"] != firmA || x.Fields["CF_WSH"] == "" {
			t.Errorf("%+v, %v", x, err)
		}
		if got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v", got.Header)
		}
		anybody.want(anybody.get("/records/"+a), http.StatusUnauthorized)
		anybody.header.Set("Authorization", "Bearer "+c.staff.Demo.APIKeys[staff.ScopeLookup])
		anybody.want(anybody.get("/records/"+a), http.StatusForbidden)
		for _, id := range []string{"unknown", "..%2f..%2fkey", "%00", a + "0"} {
			if got := k.get("/records/" + id); got.StatusCode/100 != 4 {
				t.Errorf("%s: %d", id, got.StatusCode)
			}
		}
		c.repair(firmA, a, workday.DateOf(c.clock.Now()))
		k.want(k.get("/records/"+a), http.StatusNotFound, "share.unknown")
	})
}

// TestThreat_LettersAreListedToTheCityTheyAreForAlone: a key with the scope is not
// enough, the organisation must be one that letters are exchanged with.
func TestThreat_LettersAreListedToTheCityTheyAreForAlone(t *testing.T) {
	c := newCity(t, redistest.Embedded(t))
	k, anybody := c.key(), c.as("")
	anybody.header.Set("Accept", "application/json")
	anybody.want(anybody.get("/key"), http.StatusOK, `"letterRecipient":"age1`)
	for _, path := range []string{"/letters", "/letters?cursor=1.p0", "/letters/p00000000000000000000000001"} {
		k.want(k.get(path), http.StatusNotFound, "share.unknown")
		anybody.want(anybody.get(path), http.StatusUnauthorized)
	}
	k.want(k.get("/letters?limit=0"), http.StatusBadRequest)
	k.want(k.get("/letters?limit=501"), http.StatusBadRequest)
}
