package function

import (
	"crypto/ed25519"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"pgregory.net/rapid"

	"ipcredit/shared/credit"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"

	"github.com/redis/go-redis/v9"
)

// TestEverythingAgreesAtEveryInstant asks all forms of the answer at the same
// instant, on both sides of each boundary.
func TestEverythingAgreesAtEveryInstant(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-04-02")
		c.firms()
		c.determination(firm, "国知信认〔2026〕1号", "2026-04-29", credit.General) // displayed to 2027-04-29
		c.at("2026-05-06")
		c.penalty(second, "新乡市虚构乙机械有限公司", "新测市监处罚〔2026〕1号", "2026-05-06") // open to 2026-11-06
		tests := []struct {
			name, at, code string
			records, count int
			maxAge         string
		}{
			{"the day before its first", "2026-04-28 12:00:00", firm, 0, 0, "300"},
			{"last second before its first day", "2026-04-28 23:59:59", firm, 0, 0, "1"},
			{"first instant", "2026-04-29 00:00:00", firm, 1, 1, "300"},
			{"in between", "2026-11-24 09:00:00", firm, 1, 1, "300"},
			{"last day", "2027-04-29 12:00:00", firm, 1, 1, "300"},
			{"five minutes and a second before its end", "2027-04-29 23:54:59", firm, 1, 1, "300"},
			{"five minutes less a second", "2027-04-29 23:55:01", firm, 1, 1, "299"},
			{"half a minute before its end", "2027-04-29 23:59:30", firm, 1, 1, "30"},
			{"last second", "2027-04-29 23:59:59", firm, 1, 1, "1"},
			{"last millisecond", "2027-04-29 23:59:59.999", firm, 1, 1, "0"},
			{"first instant after", "2027-04-30 00:00:00", firm, 0, 0, "300"},
			{"the day after", "2027-04-30 12:00:00", firm, 0, 0, "300"},
			{"open to challenge", "2026-05-06 12:00:00", second, 1, 0, "300"},
			{"last second of challenge", "2026-11-06 23:59:59", second, 1, 0, "1"},
			{"final", "2026-11-07 00:00:00", second, 1, 1, "300"},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				c.t = t
				c.at(tt.at)
				words := clean.words(page.ZH, 0)
				if tt.count > 0 {
					words = listed.words(page.ZH, tt.count)
				}
				other := clean.words(page.ZH, 0)
				if tt.count == 0 {
					other = listed.words(page.ZH, 1)
				}
				keeps := "public, max-age=" + tt.maxAge

				a := c.get("/subjects/" + tt.code)
				var got fixed
				a.decode(t, &got)
				if len(got.Records) != tt.records || a.Header.Get("Cache-Control") != keeps {
					t.Errorf("JSON: %d records, %s", len(got.Records), a.Header.Get("Cache-Control"))
				}
				final := 0
				for _, r := range got.Records {
					if r.Status != "open-to-challenge" {
						final++
					}
				}
				if final != tt.count {
					t.Errorf("JSON: %d are final", final)
				}
				for _, path := range []string{"/subjects/" + tt.code, "/embed/" + tt.code, "/badge/" + tt.code + ".svg"} {
					a := c.page(path)
					if a.StatusCode != 200 || !strings.Contains(a.body, words+"<") || strings.Contains(a.body, other+"<") {
						t.Errorf("%s: %d does not say %s", path, a.StatusCode, words)
					}
					if a.Header.Get("Cache-Control") != keeps {
						t.Errorf("%s: %s", path, a.Header.Get("Cache-Control"))
					}
					shows := strings.Contains(a.body, "〔2026〕1号")
					if strings.HasPrefix(path, "/subjects") && shows != (tt.records > 0) || strings.HasPrefix(path, "/embed") && shows != (tt.count > 0) {
						t.Errorf("%s: shows the instrument: %t", path, shows)
					}
				}
				var b shield
				c.get("/badge/"+tt.code+".json").decode(t, &b)
				if b.Message != words || strconv.Itoa(b.CacheSeconds) != tt.maxAge || b.IsError {
					t.Errorf("badge data %+v", b)
				}
				if s := c.signed(tt.code); len(s.Records) != tt.records || s.Expires > c.env.Now().Unix()+86400 {
					t.Errorf("statement: %d records until %d", len(s.Records), s.Expires)
				} else if got.NextChange != nil && s.Expires > got.NextChange.Unix() {
					t.Errorf("statement outlives the change: %d > %d", s.Expires, got.NextChange.Unix())
				}
				// The search finds the subject by name whatever stands against it, and holds
				// nothing that could end while a cache keeps it; nor does the component, which
				// is a script that asks for the badge's data.
				for _, a := range []answer{c.get("/search?q=" + tt.code), c.page("/search?q=" + tt.code), c.get("/widget.js")} {
					if a.StatusCode != 200 || strings.Contains(a.body, "〔2026〕1号") || strings.Contains(a.body, words+"<") {
						t.Errorf("%s holds what stands against a subject: %s", a.Request.URL, a.body)
					}
					if !strings.Contains(a.body, got.Name) && !strings.HasSuffix(a.Request.URL.Path, ".js") {
						t.Errorf("%s: %s", a.Request.URL, a.body)
					}
				}
			})
		}
	})
}

// said are the claims of a statement.
type said struct {
	Issuer  string `json:"iss"`
	Subject string `json:"sub"`
	ID      string `json:"jti"`
	Issued  int64  `json:"iat"`
	Expires int64  `json:"exp"`
	Code    string
	Name    string
	Records []struct{ ID, Status string }
	AsOf    time.Time
	Log     json.RawMessage
	Notice  string
}

// signed fetches a statement and verifies it with the published keys.
func (c *city) signed(code string) said {
	c.t.Helper()
	var set jose.JSONWebKeySet
	keys := c.get("/jwks.json")
	if err := json.Unmarshal([]byte(keys.body), &set); err != nil {
		c.t.Fatal(err)
	}
	a := c.get("/statement/" + code)
	token, err := jose.ParseSignedCompact(a.body, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		c.t.Fatalf("%v: %s", err, a.body)
	}
	found := set.Key(token.Signatures[0].Protected.KeyID)
	if len(found) != 1 {
		c.t.Fatalf("key %q is not published", token.Signatures[0].Protected.KeyID)
	}
	payload, err := token.Verify(found[0])
	if err != nil {
		c.t.Fatal(err)
	}
	var s said
	if err := json.Unmarshal(payload, &s); err != nil {
		c.t.Fatal(err)
	}
	return s
}

func TestStatementIsSignedAndEndsInTime(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.firms()
	c.determination(firm, "国知信认〔2026〕1号", "2026-04-29", credit.General)
	a := c.get("/statement/" + firm)
	if a.Header.Get("Content-Type") != "application/jwt" || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("headers %v", a.Header)
	}
	s, again := c.signed(firm), c.signed(firm)
	now := c.env.Now().Unix()
	if s.Issuer != c.env.PublicURL || s.Subject != firm || s.Code != firm || s.Name == "" || s.Issued != now || s.Expires != now+86400 ||
		string(s.Log) != "null" || !strings.Contains(s.Notice, "不是评价") || s.ID == again.ID || len(s.Records) != 1 {
		t.Errorf("%+v", s)
	}
	c.at("2027-04-29 23:00:00")
	if s := c.signed(firm); s.Expires-s.Issued != 3600 {
		t.Errorf("an hour before the end it holds for %d s", s.Expires-s.Issued)
	}
	for path, status := range map[string]int{nobody: 404, "91410771MA00AAA105": 400} {
		if a := c.get("/statement/" + path); a.StatusCode != status {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
}

func TestTamperedStatementFails(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.firms()
	body := c.get("/statement/" + firm).body
	keys, err := readKeys([]byte(seed))
	if err != nil {
		t.Fatal(err)
	}
	right := keys[0].private.Public().(ed25519.PublicKey)
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, len(body)-1).Draw(t, "at")
		b := rapid.SampledFrom([]byte("ABCDwxyz0189-_")).Draw(t, "to")
		changed := []byte(body)
		if changed[i] == b || changed[i] == '.' {
			return
		}
		changed[i] = b
		token, err := jose.ParseSignedCompact(string(changed), []jose.SignatureAlgorithm{jose.EdDSA})
		if err != nil {
			return
		}
		payload, err := token.Verify(right)
		// The last character of the signature has bits that no byte uses.
		if err == nil && i < len(body)-1 {
			t.Fatalf("changing character %d still verifies: %s", i, payload)
		}
	})
}

func TestKeysArePublishedByThumbprintAndRotate(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.firms()
	a := c.get("/jwks.json")
	if strings.Contains(a.body, `"d"`) {
		t.Fatal("a private key is published")
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(a.body), &set); err != nil || len(set.Keys) != 2 {
		t.Fatalf("%v: %s", err, a.body)
	}
	for _, k := range set.Keys {
		if !k.IsPublic() || k.Algorithm != "EdDSA" || k.Use != "sig" || len(k.KeyID) != 43 {
			t.Errorf("%+v", k)
		}
	}
	token, err := jose.ParseSignedCompact(c.get("/statement/"+firm).body, []jose.SignatureAlgorithm{jose.EdDSA})
	if err != nil {
		t.Fatal(err)
	}
	if head := token.Signatures[0].Protected; head.KeyID != set.Keys[0].KeyID || head.ExtraHeaders["typ"] != statementType {
		t.Errorf("head %+v", head)
	}
	for name, secret := range map[string]string{"empty": "", "short": "AAEC", "no base64": "!!!!", "good then bad": seed + "\nx"} {
		if _, err := readKeys([]byte(secret)); err == nil {
			t.Errorf("%s: taken", name)
		} else if strings.Contains(err.Error(), "AAEC") {
			t.Errorf("%s: the error repeats the secret", name)
		}
	}
}

func TestNoAnswerIsKeptPastTheNextChange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "now"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		next := now.Add(time.Duration(rapid.Int64Range(-int64(time.Hour), int64(time.Hour)).Draw(t, "in")))
		got := keep(next, now)
		if got < 0 || got > 300 || got > 0 && now.Add(time.Duration(got)*time.Second).After(next) {
			t.Fatalf("kept %d s from %v to %v", got, now, next)
		}
	})
	if keep(time.Time{}, time.Now()) != 300 {
		t.Error("what never changes is kept for another time")
	}
}
