package credit

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/notary"
	"ipcredit/shared/redistest"
	"ipcredit/shared/workday"
)

func (c *city) own(code, id string) *Proven {
	c.t.Helper()
	p, err := c.store.Own(c.t.Context(), code, id, c.now)
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

// holdsIn checks a proof as whoever was given it does, and gives the record's document.
func (c *city) holdsIn(p *Proven) (r recordV2) {
	c.t.Helper()
	entry, err := p.Leaf.Entry()
	if err != nil {
		c.t.Fatal(err)
	}
	proof, err := notary.ParseProof([]byte(p.Proof))
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := proof.Verify(entry, c.public); err != nil || proof.Index != p.Index {
		c.t.Errorf("entry %d: %v", p.Index, err)
	}
	var d document
	if !notary.Opens(p.Leaf.Commitment, p.Salt, []byte(p.Document)) || json.Unmarshal([]byte(p.Document), &d) != nil {
		c.t.Error("the document is not the leaf's")
	}
	commitment := notary.Commit(p.Record.Salt, []byte(p.Record.Document))
	if !strings.Contains(fmt.Sprint(d.Records), commitment) {
		c.t.Error("the record is not in the document")
	}
	if err := json.Unmarshal([]byte(p.Record.Document), &r); err != nil {
		c.t.Error(err)
	}
	return r
}

func TestASubjectProvesItsOwnRepairAndTheLogTellsNobody(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-10-06")
		r, other := c.record(firmA, "2026-03-10"), c.record(firmA, "2026-03-11")
		c.sequence()
		if got := c.holdsIn(c.own(firmA, r.ID)); len(got.Events) != 1 || got.Events[0].Action != "published" {
			t.Errorf("while it is displayed: %+v", got)
		}
		c.amend(firmA, r.ID, func(r *Record) { r.Repaired = &Repair{On: workday.MustDate("2026-10-06")} })
		if p := c.own(firmA, r.ID); p != nil {
			t.Error("before its entry is in the log")
		}
		c.sequence()
		p := c.own(firmA, r.ID)
		got := c.holdsIn(p)
		if n := len(got.Events); n != 2 || got.Events[1] != (Deed{"repaired", workday.MustDate("2026-10-06")}) || got.ID != r.ID {
			t.Errorf("%+v", got)
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), other.ID) || strings.Contains(string(text), other.InstrumentNo) {
			t.Errorf("it tells of another record: %s", text)
		}
		// What strangers get opens nothing of it.
		e, _ := c.evidence(firmA)
		stranger, err := json.Marshal(e)
		if err != nil || len(e.Records) != 1 || strings.Contains(string(stranger), r.ID) || strings.Contains(string(stranger), "repaired") {
			t.Errorf("%s %v", stranger, err)
		}
		// And with the other gone, nothing at all, while the subject still proves it.
		c.amend(firmA, other.ID, func(r *Record) { r.Repaired = &Repair{On: workday.MustDate("2026-10-06")} })
		c.sequence()
		if e, a := c.evidence(firmA); e != nil || a.Log != nil {
			t.Errorf("%+v %+v", e, a.Log)
		}
		c.holdsIn(c.own(firmA, r.ID))
		c.holdsIn(p) // the one that was given holds for ever

		for name, id := range map[string]string{"another subject's": c.record(firmB, "2026-03-12").ID, "none": "0000000000000000", "nonsense": "x"} {
			_, err := c.store.Own(t.Context(), firmA, id, c.now)
			refused(t, err, fault.NotFound, "credit.no_record")
			_ = name
		}
	})
}

func TestASubjectSeesWhatHasEndedAndHow(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		a, b, d, s := c.record(firmA, "2026-03-10"), c.record(firmA, "2026-03-11"), c.record(firmB, "2026-03-12"), c.record(firmC, "2026-03-13")
		c.amend(firmA, a.ID, func(r *Record) { r.Repaired = &Repair{On: workday.MustDate("2026-05-08")} })
		c.amend(firmA, b.ID, func(r *Record) { r.Withdrawn = &Withdrawal{At: c.now, Reason: "决定被撤销"} })
		c.amend(firmC, s.ID, func(r *Record) { r.Unpublished = TradeSecret })
		ended := func(code string) string {
			p, err := c.store.Load(t.Context(), code)
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, x := range c.law().Ended(p.Records, c.now) {
				out = append(out, strings.TrimPrefix(string(x.How), "record.")+" "+x.On.String()+" "+x.InstrumentNo[len("国知测认〔2026〕"):])
			}
			return strings.Join(out, ", ")
		}
		if got := ended(firmA); got != "revoked 2026-05-06 0311号" {
			t.Errorf("the repair's day has not come: %s", got)
		}
		c.at("2026-05-08 00:00:00")
		if got := ended(firmA); got != "repaired 2026-05-08 0310号, revoked 2026-05-06 0311号" {
			t.Errorf("%s", got)
		}
		if got := ended(firmC); !strings.HasPrefix(got, "revoked 2026-05-0") {
			t.Errorf("withheld: %s", got)
		}
		c.at("2027-03-12 23:59:59")
		if got := ended(firmB); got != "" {
			t.Errorf("on its last day: %s", got)
		}
		c.at("2027-03-13 00:00:00")
		if got := ended(firmB); got != "expired 2027-03-13 0312号" {
			t.Errorf("%s %s", d.ID, got)
		}
	})
}

// Functions are deployed in any order. One that meets a leaf of a later form answers as
// ever and proves nothing, and so does its subject's own page; what it writes itself it
// can prove again.
func TestAnOlderFunctionGivesNoProofOfALaterForm(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		r := c.record(firmA, "2026-03-10")
		c.sequence()
		key := c.store.key(firmA)
		later := strings.Replace(rdb.Get(t.Context(), key).Val(), `"v":2`, `"v":3`, 1)
		if err := rdb.Set(t.Context(), key, later, 0).Err(); err != nil || !strings.Contains(later, `"v":3`) {
			t.Fatal(err, later)
		}
		e, a := c.evidence(firmA)
		if e != nil || len(a.Records) != 1 || a.Log == nil {
			t.Errorf("%+v %+v", e, a)
		}
		if p := c.own(firmA, r.ID); p != nil {
			t.Errorf("%+v", p)
		}
		c.amend(firmA, r.ID, func(r *Record) { r.Disputed = true })
		c.sequence()
		if e, a := c.evidence(firmA); e == nil {
			t.Error("what it wrote itself is not proved")
		} else {
			c.check(e, a)
		}
	})
}
