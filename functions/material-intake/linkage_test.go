package function

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/linkage"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// lists are the demonstration's, as CSV by kind.
func lists(t *testing.T, c *city) map[linkage.Kind][]byte {
	t.Helper()
	out := map[linkage.Kind][]byte{}
	for _, l := range linkage.Demo(workday.DateOf(c.clock.Now())) {
		var b bytes.Buffer
		if err := csv.NewWriter(&b).WriteAll(append([][]string{l.Header}, l.Rows...)); err != nil {
			t.Fatal(err)
		}
		out[l.Kind] = b.Bytes()
	}
	return out
}

func TestListsOfNotifiedApplicationsAreHandedInAndCounted(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		for kind, body := range lists(t, c) {
			rows := bytes.Count(body, []byte("\n")) - 1
			var b toldBatch
			a := c.as("").with("Content-Type", "text/csv").post("kind="+string(kind), body)
			if err := json.Unmarshal(a.body, &b); err != nil || a.StatusCode != http.StatusCreated || b.Accepted != rows || b.Rejected != 0 {
				t.Fatal(kind, a.StatusCode, string(a.body), err)
			}
			a = c.as("").with("Content-Type", "text/csv").post("kind="+string(kind), body)
			if err := json.Unmarshal(a.body, &b); err != nil || b.Duplicates != rows {
				t.Error(kind, "twice:", string(a.body), err)
			}
		}
		store := linkage.NewStore(c.env.Journal)
		if got, err := store.Counts(t.Context(), linkage.Filter{Kind: linkage.Patent}); err != nil || got.Notified+got.Accepted != 600 || got.Withdrawn != 456 {
			t.Error(got, err)
		}
		bad := `[{"number":"201710601862.4","applicant":"新乡市虚构甲科技有限公司","grounds":"AF1","list":"第1批","notifiedAt":"2026-03-02","state":"通报","division":"410771","holder":"企业"}]`
		a := c.as("").with("Content-Type", "application/json").post("kind=abnormal-application", []byte(bad))
		if !strings.Contains(string(a.body), `"rejected":1`) || !strings.Contains(string(a.body), `"row":1`) || !strings.Contains(string(a.body), "number") || !strings.Contains(string(a.body), "3") {
			t.Error(string(a.body))
		}
		for _, kind := range linkage.Kinds {
			a := c.as("").get("/templates/" + string(kind) + ".xlsx")
			if a.StatusCode != http.StatusOK || !bytes.HasPrefix(a.body, []byte("PK")) {
				t.Error(kind, a.StatusCode)
			}
		}
	})
}

// A district that could hand in lists would write its own withdrawal rate.
func TestThreat_NoDistrictWritesItsOwnWithdrawalRate(t *testing.T) {
	c := embedded(t)
	key := c.key("hongqi", "", staff.ScopeMaterial)
	for kind, body := range lists(t, c) {
		a := c.as(key).with("Content-Type", "text/csv").post("kind="+string(kind), body)
		if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(a.body), "linkage.sender") {
			t.Error(kind, a.StatusCode, string(a.body))
		}
		page := c.browser("hongqi.uploader").form("", body, "kind", string(kind))
		if page.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(string(page.body), "市局或省局") {
			t.Error(kind, page.StatusCode)
		}
	}
	if got, err := linkage.NewStore(c.env.Journal).Counts(t.Context(), linkage.Filter{}); err != nil || got != (linkage.Counts{}) {
		t.Error(got, err)
	}
}
