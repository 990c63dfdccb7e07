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
	var d document
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

// committed is what the newest leaf commits to about a record, shown or not, as
// the archive could open it for a court.
func (c *city) committed(code, id string) string {
	c.t.Helper()
	p, err := c.store.Load(c.t.Context(), code)
	if err != nil {
		c.t.Fatal(err)
	}
	o := p.logged.document(p)
	leaf := p.logged.leaf(p)
	if !notary.Opens(leaf.Commitment, o.Salt, []byte(o.Document)) {
		c.t.Error("the document is not the leaf's")
	}
	var d document
	if err := json.Unmarshal([]byte(o.Document), &d); err != nil {
		c.t.Fatal(err)
	}
	i := slices.IndexFunc(p.Records, func(r Record) bool { return r.ID == id })
	r := p.logged.opening(code, p.Records[i])
	if !slices.Contains(d.Records, notary.Commit(r.Salt, []byte(r.Document))) {
		c.t.Error("the record is not in the document")
	}
	return r.Document
}

// TestWhatHappensToARecordIsTypedInTheLog: each change is one leaf, and what it
// was stands inside the commitment to the record.
func TestWhatHappensToARecordIsTypedInTheLog(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		r := c.record(firmA, "2026-03-01")
		other := c.record(firmA, "2026-03-02")
		c.sequence()
		amend := func(day string, do func(*Record)) {
			c.now = noon(day)
			c.apply(Change{Amend: []Amendment{{SubjectCode: firmA, ID: r.ID, Do: func(r *Record) error { do(r); return nil }}}})
			if n, err := c.log.Waiting(t.Context()); err != nil || n != 1 {
				t.Errorf("%s: %d leaves for one change, %v", day, n, err)
			}
			c.sequence()
		}
		events := `[{"action":"published","on":"2026-05-06"}`
		for _, tt := range []struct {
			day, action string
			do          func(*Record)
			disputed    bool
			shown       bool
		}{
			{"2026-05-07", "corrected", func(r *Record) { r.Authority = "新乡市虚构局" }, false, true},
			{"2026-05-08", "disputed", func(r *Record) { r.Disputed = true }, true, true},
			{"2026-05-09", "undisputed", func(r *Record) { r.Disputed = false }, false, true},
			{"2026-05-10", "withdrawn", func(r *Record) { r.Withdrawn = &Withdrawal{At: noon("2026-05-10"), Reason: "annulled"} }, false, false},
			{"2026-05-11", "reinstated", func(r *Record) { r.Withdrawn = nil }, false, true},
			{"2026-05-12", "repaired", func(r *Record) { r.Repaired = &Repair{On: workday.MustDate("2026-05-12")} }, false, false},
			{"2026-05-13", "unrepaired", func(r *Record) { r.Repaired = nil }, false, true},
		} {
			amend(tt.day, tt.do)
			events += `,{"action":"` + tt.action + `","on":"` + tt.day + `"}`
			if got := c.committed(firmA, r.ID); !strings.HasSuffix(got, fmt.Sprintf(`"disputed":%t,"events":%s]}`, tt.disputed, events)) {
				t.Errorf("%s: %s", tt.action, got)
			}
			e, answer := c.evidence(firmA)
			c.check(e, answer)
			opened := slices.ContainsFunc(e.Records, func(o Opening) bool { return o.ID == r.ID })
			if opened != tt.shown {
				t.Errorf("%s: opened to strangers: %t", tt.action, opened)
			}
			entry, err := e.Leaf.Entry()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(entry), tt.action) || strings.Contains(e.Document, tt.action) {
				t.Errorf("%s is told to everybody: %s %s", tt.action, entry, e.Document)
			}
		}
		// The other record's commitment says nothing of all that.
		if got := c.committed(firmA, other.ID); !strings.HasSuffix(got, `"events":[{"action":"published","on":"2026-05-06"}]}`) {
			t.Errorf("%s", got)
		}
		// The versions in the history hold no second copy.
		p, err := c.store.Load(t.Context(), firmA)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range p.Records {
			for _, v := range r.History {
				if v.Record.Deeds != nil || v.Record.History != nil {
					t.Errorf("%+v", v)
				}
			}
		}
	})
}

// TestThreat_TheLogDoesNotTellThatSomethingWasRepaired: two subjects show the
// same; one of them had something more, which was disputed and repaired. Nothing
// that the public gets tells which.
func TestThreat_TheLogDoesNotTellThatSomethingWasRepaired(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		c.record(firmA, "2026-03-01")
		c.record(firmB, "2026-03-01")
		gone := c.record(firmA, "2026-03-02")
		for _, do := range []func(*Record){
			func(r *Record) { r.Disputed = true },
			func(r *Record) { r.Disputed, r.Repaired = false, &Repair{On: workday.MustDate("2026-05-06")} },
		} {
			c.sequence()
			c.apply(Change{Amend: []Amendment{{SubjectCode: firmA, ID: gone.ID, Do: func(r *Record) error { do(r); return nil }}}})
		}
		c.sequence()
		a, answerA := c.evidence(firmA)
		b, answerB := c.evidence(firmB)
		c.check(a, answerA)
		c.check(b, answerB)
		plain := func(e *Evidence, code string) string {
			text, err := json.Marshal(e.Leaf)
			if err != nil {
				t.Fatal(err)
			}
			out := string(text) + e.Document
			for _, o := range e.Records {
				out += o.Document
			}
			var d document
			if err := json.Unmarshal([]byte(e.Document), &d); err != nil {
				t.Fatal(err)
			}
			for _, hash := range append(d.Records, e.Leaf.Commitment) {
				out = strings.ReplaceAll(out, hash, "*")
			}
			for _, o := range e.Records {
				out = strings.ReplaceAll(out, o.ID, "*")
			}
			return strings.ReplaceAll(strings.ReplaceAll(out, code, "*"), answerName(e), "*")
		}
		if x, y := plain(a, firmA), plain(b, firmB); x != y {
			t.Errorf("they differ:\n%s\n%s", x, y)
		}
	})
}

func answerName(e *Evidence) string {
	var d document
	_ = json.Unmarshal([]byte(e.Document), &d)
	return d.Name
}

// TestOldLeavesStayReadable: what was logged before records' events were part of
// it is opened as it was made.
func TestOldLeavesStayReadable(t *testing.T) {
	t.Parallel()
	c := newCity(t, redistest.Embedded(t), "2026-05-06")
	r := c.record(firmA, "2026-03-01")
	p, err := c.store.Load(t.Context(), firmA)
	if err != nil {
		t.Fatal(err)
	}
	old := *p.logged
	old.V = 0
	want := fmt.Sprintf(`{"id":"%s","code":"%s","act":"%s","tier":null,"instrumentNo":"%s","authority":"%s","source":"ADMIN","determinedOn":"2026-03-01"}`,
		r.ID, firmA, r.Act, r.InstrumentNo, r.Authority)
	if got := old.opening(firmA, p.Records[0]).Document; got != want {
		t.Errorf("%s\nwas %s", got, want)
	}
	if got := old.document(p).Document; !strings.HasPrefix(got, `{"v":1,"code":`) {
		t.Errorf("%s", got)
	}
	if got := p.logged.document(p).Document; !strings.HasPrefix(got, `{"v":2,"code":`) {
		t.Errorf("%s", got)
	}
	stored, err := json.Marshal(old)
	if err != nil || strings.Contains(string(stored), `"v"`) {
		t.Errorf("%s %v", stored, err)
	}
}
