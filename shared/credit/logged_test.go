package credit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/notary"
	"ipcredit/shared/redistest"
	"ipcredit/shared/workday"
)

// check does what a stranger does with a statement: recompute everything from
// what it holds and the log's public files.
func (c *city) check(e *Evidence, answer Answer) {
	c.t.Helper()
	proof, err := c.log.Proof(c.t.Context(), e.Index)
	if err != nil {
		c.t.Fatal(err)
	}
	entry, err := e.Leaf.Entry()
	if err != nil {
		c.t.Fatal(err)
	}
	p, err := notary.ParseProof(proof)
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := p.Verify(entry, c.public); err != nil {
		c.t.Errorf("entry %d: %v", e.Index, err)
	}
	if leaf, err := notary.ParseLeaf(entry); err != nil || leaf.Event != "profile" {
		c.t.Errorf("leaf %s: %v", entry, err)
	}
	if !notary.Opens(e.Leaf.Commitment, e.Salt, []byte(e.Document)) {
		c.t.Error("the document is not the leaf's")
	}
	var d documentV1
	if err := json.Unmarshal([]byte(e.Document), &d); err != nil || d.Code != answer.Code || d.Name != answer.Name {
		c.t.Errorf("document %s: %v", e.Document, err)
	}
	if n := len(d.Records); n < 4 || n&(n-1) != 0 || !slices.IsSorted(d.Records) {
		c.t.Errorf("%d commitments tell how many records there are", n)
	}
	if len(e.Records) != len(answer.Records) {
		c.t.Fatalf("%d openings for %d records", len(e.Records), len(answer.Records))
	}
	for _, o := range e.Records {
		if !slices.Contains(d.Records, notary.Commit(o.Salt, []byte(o.Document))) {
			c.t.Errorf("record %s is not in the document", o.ID)
		}
		i := slices.IndexFunc(answer.Records, func(s Shown) bool { return s.ID == o.ID })
		if i < 0 || !strings.Contains(o.Document, answer.Records[i].InstrumentNo) {
			c.t.Errorf("opening of a record that is not shown: %s", o.Document)
		}
	}
}

func (c *city) evidence(code string) (*Evidence, Answer) {
	c.t.Helper()
	p, err := c.store.Load(c.t.Context(), code)
	if err != nil {
		c.t.Fatal(err)
	}
	e, err := c.store.Evidence(c.t.Context(), p, c.now)
	if err != nil {
		c.t.Fatal(err)
	}
	return e, p.Answer(Shipped(), c.now)
}

func TestEachChangeOfRecordsIsOneEntryInThePublicLog(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		waiting := func() int64 {
			n, err := c.log.Waiting(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := waiting(); n != 0 {
			t.Fatalf("%d leaves about subjects of whom there is nothing to say", n)
		}
		c.record(firmB, "2026-03-01")
		c.record(firmA, "2026-03-10")
		if a := c.answer(firmA); waiting() != 2 || a.Log != nil {
			t.Fatalf("before its entry: %+v", a)
		}
		unlogged := c.view(firmA)
		if e, _ := c.evidence(firmA); e != nil {
			t.Error("evidence before there is an entry")
		}
		c.sequence()
		a := c.answer(firmA)
		if a.Log == nil || a.Log.URL != fmt.Sprintf("https://city.example/function/disclosure-publish/log/%d/proof", a.Log.Index) {
			t.Fatalf("%+v", a.Log)
		}
		if c.view(firmA).ETag == unlogged.ETag {
			t.Error("the ETag does not cover the log")
		}
		e, answer := c.evidence(firmA)
		if e == nil || e.Index != a.Log.Index {
			t.Fatalf("%+v", e)
		}
		c.check(e, answer)

		// The next change: until it has its entry, the answer names the one before,
		// and no statement passes that off as its own.
		c.record(firmA, "2026-04-01")
		if now := c.answer(firmA); now.Log == nil || now.Log.Index != a.Log.Index || len(now.Records) != 2 {
			t.Errorf("%+v", now)
		}
		if e, _ := c.evidence(firmA); e != nil {
			t.Error("the entry of another state is passed off as this one's")
		}
		// Saying the same again is no change.
		c.record(firmA, "2026-04-01")
		if n := waiting(); n != 1 {
			t.Errorf("%d leaves wait", n)
		}
		c.sequence()
		next, answer := c.evidence(firmA)
		if next == nil || next.Index <= e.Index {
			t.Fatalf("%+v", next)
		}
		c.check(next, answer)
		if strings.Contains(next.Document, string(e.Document[len(e.Document)-70:])) {
			t.Error("the commitments of two leaves can be told to be of the same record")
		}
	})
}

func TestThreat_ALogEntryTellsNothingOfWhatIsNotShown(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		c.record(firmA, "2025-05-10") // ends on 2026-05-10
		c.record(firmA, "2026-02-01") // from 2026-05-11 to 2027-05-10
		c.sequence()
		both, answer := c.evidence(firmA)
		if len(both.Records) != 2 {
			t.Fatalf("%+v", both)
		}
		c.check(both, answer)

		c.now = noon("2026-05-11")
		one, answer := c.evidence(firmA)
		if one == nil || one.Index != both.Index || len(answer.Records) != 1 {
			t.Fatalf("no new entry is needed for a day that passes: %+v", one)
		}
		c.check(one, answer)
		text, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "0510号") || strings.Contains(string(text), "2025-05-10") {
			t.Errorf("the ended record is told: %s", text)
		}

		c.now = noon("2028-01-01")
		if a := c.answer(firmA); len(a.Records) != 0 || a.Log != nil {
			t.Errorf("an entry beside nothing tells that there was something: %+v", a)
		}
		if e, _ := c.evidence(firmA); e != nil {
			t.Error("evidence of nothing")
		}
		clean := c.view(firmC)
		if ended := c.view(firmA); len(ended.ETag) != len(clean.ETag) {
			t.Errorf("ETags %s and %s", ended.ETag, clean.ETag)
		}
	})
}

func TestThreat_NothingAboutANaturalPersonIsLogged(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		r := punished("2026-05-01", "罚款", 60_000)
		r.NaturalPerson = true
		c.apply(Change{Records: []Entry{{SubjectCode: "P-abc", SubjectName: "张*", NaturalPerson: true, Record: r}}})
		if n, err := c.log.Waiting(t.Context()); err != nil || n != 0 {
			t.Errorf("%d leaves, %v", n, err)
		}
	})
}

func TestReindexWritesOldProfilesAnewAndLogsWhatIsNotLogged(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		c.record(firmA, "2026-03-10")
		c.record(firmB, "2026-03-11")
		c.sequence()
		want, logged := c.view(firmA), c.answer(firmB).Log
		p, err := c.store.Load(t.Context(), firmA)
		if err != nil {
			t.Fatal(err)
		}
		// As it was stored before there was a log.
		rest, err := json.Marshal(state{Records: p.Records, At: p.ChangedAt})
		if err != nil {
			t.Fatal(err)
		}
		body := strings.Replace(string(want.Body), `"log":{`, `"log":null,"x":{`, 1)
		if err := rdb.Set(t.Context(), c.store.key(firmA), fmt.Sprintf("1 %d 0 %d %s\n%s%s", c.now.Unix(), len(body), "tag", body, rest), 0).Err(); err != nil {
			t.Fatal(err)
		}
		if err := rdb.Del(t.Context(), c.store.logKey(firmA)).Err(); err != nil {
			t.Fatal(err)
		}
		law := another(t, workday.Official(), "badge", `{"kinds":["penalty"]}`)
		asOf := p.ChangedAt
		c.now = c.now.Add(time.Hour)
		reindex := func() (commits int64) {
			t.Helper()
			before, err := rdb.XLen(t.Context(), c.j.Key("journal")).Result()
			if err != nil {
				t.Fatal(err)
			}
			done := 0
			if err := c.store.Reindex(t.Context(), c.entry(), func(n int) { done = n }); err != nil || done == 0 {
				t.Fatal(done, err)
			}
			after, err := rdb.XLen(t.Context(), c.j.Key("journal")).Result()
			if err != nil {
				t.Fatal(err)
			}
			return after - before
		}
		if n := reindex(); n != 1 {
			t.Errorf("%d commits", n)
		}
		c.sequence()
		a := c.answer(firmA)
		if a.Log == nil || a.Log.Index != 2 || len(a.Records) != 1 {
			t.Errorf("%+v", a)
		}
		e, answer := c.evidence(firmA)
		if e == nil {
			t.Fatal("no evidence")
		}
		c.check(e, answer)
		if now, err := c.store.Load(t.Context(), firmA); err != nil || !now.ChangedAt.Equal(asOf) {
			t.Errorf("writing it anew counts as a change: %v %v", now.ChangedAt, err)
		}
		if b := c.answer(firmB); *b.Log != *logged {
			t.Errorf("an entry more for what is logged: %+v", b.Log)
		}
		if n := reindex(); n != 0 {
			t.Errorf("again: %d commits", n)
		}
		c.store = NewStore(c.j, law).Public("https://city.example")
		if n := reindex(); n != 1 {
			t.Errorf("under another law: %d commits", n)
		}
		if n, err := c.log.Waiting(t.Context()); err != nil || n != 0 {
			t.Errorf("%d leaves for a change of law, %v", n, err)
		}
	})
}
