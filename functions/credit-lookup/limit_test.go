package function

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
)

func TestTooManySearchesOfANetworkWait(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		c.firms()
		ask := func(path, from string) answer { return c.get(path, "X-Forwarded-For", from) }
		burst := chosen.N("network.burst")
		for i := range burst {
			if a := ask("/search?q=虚构", "203.0.113.7"); a.StatusCode != 200 {
				t.Fatalf("search %d of %d: %d %s", i+1, burst, a.StatusCode, a.body)
			}
		}
		a := ask("/search?q=虚构", "203.0.113.9") // the same /24
		wait, err := strconv.Atoi(a.Header.Get("Retry-After"))
		if a.StatusCode != 429 || err != nil || wait < 1 || wait > 60 {
			t.Fatalf("%d, wait %q", a.StatusCode, a.Header.Get("Retry-After"))
		}
		if a.problem(t).Code != "credit-lookup.rate" {
			t.Error(a.body)
		}
		if a := c.send("POST", "/match", `{"queries":[{"name":"虚构"}]}`, "Content-Type", "application/json", "X-Forwarded-For", "203.0.113.7"); a.StatusCode != 429 {
			t.Errorf("match: %d", a.StatusCode)
		}
		for _, path := range []string{"/subjects/" + firm, "/badge/" + firm + ".svg", "/embed/" + firm, "/statement/" + firm} {
			if a := ask(path, "203.0.113.7"); a.StatusCode != 200 {
				t.Errorf("%s is limited: %d", path, a.StatusCode)
			}
		}
		if a := ask("/search?q=虚构", "198.51.100.1"); a.StatusCode != 200 {
			t.Errorf("another network: %d", a.StatusCode)
		}
		later := c.env.Now().Add(time.Duration(wait) * time.Second)
		c.clock.Store(&later)
		if a := ask("/search?q=虚构", "203.0.113.7"); a.StatusCode != 200 {
			t.Errorf("after Retry-After: %d", a.StatusCode)
		}
		// No address and no network stands in Redis.
		keys, err := rdb.Keys(t.Context(), "*").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			if strings.Contains(k, "203.0") || strings.Contains(k, "198.51") {
				t.Errorf("key %s", k)
			}
			if strings.Contains(k, "pace:lookup") && rdb.PTTL(t.Context(), k).Val() <= 0 {
				t.Errorf("key %s stays for ever", k)
			}
		}
	})
}

func TestNetworksAreNamedAnewEachDay(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.firms()
	c.get("/search?q=虚构", "X-Forwarded-For", "203.0.113.7")
	c.at("2026-05-07")
	c.get("/search?q=虚构", "X-Forwarded-For", "203.0.113.7")
	if n := len(c.buckets()) - 1; n != 2 {
		t.Errorf("%d names in two days", n)
	}
}

func TestKeyThatDoesNotWorkIsRefused(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.firms()
	for _, authorization := range []string{"Bearer x", "Basic eDp5", "Bearer ipc_000000000000_000000000000000000000000000"} {
		if a := c.get("/search?q=虚构", "Authorization", authorization); a.StatusCode != 401 || a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d", authorization, a.StatusCode)
		}
	}
}

func TestKeyWithTheScopeRaisesTheLimit(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		c.firms()
		s := staff.New(c.env.Journal)
		org, err := s.CreateOrganization(t.Context(), staff.Operator(), staff.Organization{Kind: staff.LeadBureau, Name: "新乡市测试市场监督管理局", Divisions: []string{"410700"}}, c.env.Now())
		if err != nil {
			t.Fatal(err)
		}
		issue := func(scope staff.Scope, until string) string {
			_, text, err := s.IssueKey(t.Context(), staff.Operator(), staff.KeyOrder{Org: org.ID, Name: "test", Scopes: []staff.Scope{scope}, Until: until}, c.env.Now())
			if err != nil {
				t.Fatal(err)
			}
			return "Bearer " + text
		}
		good, other := issue(staff.ScopeLookup, "2026-05-06"), issue(staff.ScopeMaterial, "")
		for i := range chosen.N("network.burst") + 10 {
			if a := c.get("/search?q=虚构", "Authorization", good); a.StatusCode != 200 {
				t.Fatalf("search %d: %d %s", i, a.StatusCode, a.body)
			}
		}
		if a := c.get("/search?q=虚构", "Authorization", other); a.StatusCode != 403 {
			t.Errorf("key without the scope: %d", a.StatusCode)
		}
		if a := c.get("/subjects/"+firm, "Authorization", other); a.StatusCode != 200 {
			t.Errorf("lookup by code wants a key: %d", a.StatusCode)
		}
		c.at("2026-05-07")
		if a := c.get("/search?q=虚构", "Authorization", good); a.StatusCode != 401 {
			t.Errorf("expired key: %d", a.StatusCode)
		}
	})
}

// TestReadingUserIsEnough answers every route as a Redis user that may read its
// city and write nothing but tmp.
func TestReadingUserIsEnough(t *testing.T) {
	t.Parallel()
	admin := redistest.Real(t)
	newCity(t, admin, "2026-05-06").firms()
	rule := "on >pass resetchannels %R~{410700}:* %RW~{410700}:tmp:* -@all +@read +@write +@transaction +@connection +@scripting -@dangerous"
	args := []any{"ACL", "SETUSER", "reader"}
	for word := range strings.FieldsSeq(rule) {
		args = append(args, word)
	}
	if err := admin.Do(t.Context(), args...).Err(); err != nil {
		t.Fatal(err)
	}
	reader := redis.NewClient(&redis.Options{Addr: admin.Options().Addr, Username: "reader", Password: "pass", Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() { _ = reader.Close() })
	c := newCity(t, reader, "2026-05-06")
	for _, path := range []string{"/readyz", "/subjects/" + firm, "/search?q=虚构", "/search?q=xgj", "/badge/" + firm + ".svg", "/badge/" + firm + ".json", "/embed/" + firm, "/statement/" + firm} {
		if a := c.get(path); a.StatusCode != 200 {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
	if a := c.send("POST", "/match", `{"queries":[{"name":"虚构甲"},{"code":"`+firm+`"}]}`, "Content-Type", "application/json"); a.StatusCode != 200 {
		t.Errorf("match: %d %s", a.StatusCode, a.body)
	}
}
