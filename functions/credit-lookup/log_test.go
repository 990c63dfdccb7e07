package function

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/notary"
	"ipcredit/shared/objects"
	"ipcredit/shared/redistest"
)

// sequencer is the log as disclosure-publish keeps it.
func (c *city) sequencer() (*notary.Log, *notary.Verifier) {
	c.t.Helper()
	buckets, err := objects.Open(objects.Config{Dir: c.t.TempDir(), Create: true})
	if err != nil {
		c.t.Fatal(err)
	}
	origin, err := notary.Origin(c.env.PublicURL, c.env.City, notary.Disclosure)
	if err != nil {
		c.t.Fatal(err)
	}
	secret, err := notary.NewKey(origin)
	if err != nil {
		c.t.Fatal(err)
	}
	key, err := notary.ParseKey([]byte(secret))
	if err != nil {
		c.t.Fatal(err)
	}
	public, err := notary.ParsePublic(key.Public())
	if err != nil {
		c.t.Fatal(err)
	}
	return notary.Open(c.env.Journal, buckets.Main, notary.Disclosure, key).Mirror(), public
}

func TestThreat_AStatementProvesItselfInThePublicLog(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		c.firms()
		r := c.determination(firm, "国知信认〔2026〕1号", "2026-04-29", credit.General)
		log, public := c.sequencer()
		bare := c.get("/subjects/" + firm)
		if s := c.signed(firm); string(s.Log) != "null" {
			t.Errorf("before its entry: %s", s.Log)
		}
		if _, err := log.Sequence(t.Context(), c.env.Now()); err != nil {
			t.Fatal(err)
		}
		var got fixed
		a := c.get("/subjects/"+firm, "If-None-Match", bare.Header.Get("ETag"))
		if a.StatusCode != 200 {
			t.Fatal("the ETag does not cover the log")
		}
		a.decode(t, &got)
		if got.Log == nil || got.Log.URL != fmt.Sprintf("%s/function/disclosure-publish/log/%d/proof", c.env.PublicURL, got.Log.Index) {
			t.Fatalf("%+v", got.Log)
		}
		if p := c.page("/subjects/" + firm); !strings.Contains(p.body, got.Log.URL) {
			t.Error("the page does not lead to the proof")
		}
		frame := c.page("/embed/" + firm).body
		if !strings.Contains(frame, got.Log.URL) || !strings.Contains(frame, "/statement/"+firm) {
			t.Errorf("the frame does not lead to the proof: %s", frame)
		}

		// From here on nothing but the statement and the log's public key.
		var e struct {
			Index    int64
			URL      string
			Leaf     json.RawMessage
			Salt     string
			Document string
			Records  []struct{ ID, Salt, Document string }
			Proof    string
		}
		s := c.signed(firm)
		if err := json.Unmarshal(s.Log, &e); err != nil {
			t.Fatal(err)
		}
		if e.Index != got.Log.Index || e.URL != got.Log.URL || len(e.Records) != 1 || e.Records[0].ID != r.ID {
			t.Fatalf("%s", s.Log)
		}
		proof, err := notary.ParseProof([]byte(e.Proof))
		if err != nil {
			t.Fatal(err)
		}
		if proof.Index != e.Index {
			t.Errorf("the proof is of entry %d", proof.Index)
		}
		if _, err := proof.Verify(e.Leaf, public); err != nil {
			t.Errorf("the leaf is not in the log: %v", err)
		}
		commitment := func(salt, document string) string {
			raw, err := base64.StdEncoding.DecodeString(salt)
			if err != nil || len(raw) != 32 {
				t.Fatalf("salt %q: %v", salt, err)
			}
			sum := sha256.Sum256(append(raw, document...))
			return "sha256:" + hex.EncodeToString(sum[:])
		}
		var leaf struct{ Commitment string }
		if err := json.Unmarshal(e.Leaf, &leaf); err != nil || leaf.Commitment != commitment(e.Salt, e.Document) {
			t.Errorf("the document is another: %s %v", e.Leaf, err)
		}
		var document struct {
			Code    string
			Records []string
		}
		if err := json.Unmarshal([]byte(e.Document), &document); err != nil || document.Code != firm {
			t.Errorf("%s: %v", e.Document, err)
		}
		for _, x := range e.Records {
			if !slices.Contains(document.Records, commitment(x.Salt, x.Document)) {
				t.Errorf("the record is not in the document: %s", x.Document)
			}
		}
		if strings.Contains(e.Document, "国知信认") {
			t.Error("the document tells records, not commitments")
		}

		// A log whose proofs are not at hand (Redis was restored a moment ago) is one
		// that waits; the next run of the sequencer brings them.
		if err := rdb.Del(t.Context(), c.env.Journal.Tmp("notary", notary.Disclosure, "mirror")).Err(); err != nil {
			t.Fatal(err)
		}
		waits := fmt.Sprintf(`{"index":%d,"url":"%s","pending":true}`, e.Index, e.URL)
		if s := c.signed(firm); string(s.Log) != waits {
			t.Errorf("%s", s.Log)
		}
		if _, err := log.Sequence(t.Context(), c.env.Now()); err != nil {
			t.Fatal(err)
		}
		if again := c.signed(firm); string(again.Log) != string(s.Log) {
			t.Errorf("%s, it was %s", again.Log, s.Log)
		}

		// A change that waits: the statement names the entry before, and says so.
		c.determination(firm, "国知信认〔2026〕2号", "2026-04-30", credit.General)
		if s := c.signed(firm); string(s.Log) != waits {
			t.Errorf("%s", s.Log)
		}
		// After its end nothing tells that there was something.
		c.at("2028-01-01")
		if a := c.get("/subjects/" + firm); !strings.Contains(a.body, `"log":null`) || strings.Contains(c.page("/subjects/"+firm).body+c.page("/embed/"+firm).body, "disclosure-publish/log/") {
			t.Errorf("%s", a.body)
		}
		if s := c.signed(firm); string(s.Log) != "null" {
			t.Errorf("%s", s.Log)
		}
	})
}

func TestLookupIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	c := newCity(t, redistest.Real(t), "2026-05-06")
	c.firms()
	c.determination(firm, "国知信认〔2026〕1号", "2026-04-29", credit.General)
	calls := func() int {
		t.Helper()
		text, err := c.rdb.Info(t.Context(), "commandstats").Result()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(text) {
			var of int
			if name, rest, ok := strings.Cut(line, ":calls="); ok && name != "cmdstat_info" {
				if _, err := fmt.Sscan(strings.Split(rest, ",")[0], &of); err == nil {
					n += of
				}
			}
		}
		return n
	}
	before := calls()
	if a := c.get("/subjects/" + firm); a.StatusCode != 200 {
		t.Fatal(a.body)
	}
	if n := calls() - before; n != 1 {
		t.Errorf("%d commands", n)
	}
}
