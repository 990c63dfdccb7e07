package share

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/redistest"
)

const (
	agentCode = "p:abc" // as a natural person is kept: no number of any paper
	agentName = "张样三"
)

// agent adds the record of a natural person, which is about a patent agent, and
// returns its id.
func (k *kit) agent(like string) string {
	k.t.Helper()
	r := k.stored(like)
	r.NaturalPerson = true
	r.ID = credit.NewID(r.Kind, r.Authority, r.InstrumentNo, agentCode)
	k.apply(credit.Change{Records: []credit.Entry{{SubjectCode: agentCode, SubjectName: agentName, NaturalPerson: true, Record: r}}})
	return r.ID
}

// TestAnAgentIsASharedSubject: told by act and area to whom a subscription for the
// purpose gives a right, and of its end to whoever was told, by the record's id
// alone.
func TestAnAgentIsASharedSubject(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb, "410700")
		ctx := t.Context()
		firm := k.record(1, firmA)
		id := k.agent(firm)
		k.subscribe(wholeCity("court"))
		other := wholeCity("science") // what speaks for a subject is no answer to what speaks against it
		other.Purpose, other.Acts = Reward, []string{string(credit.Commendation)}
		k.subscribe(other)
		acts := wholeCity("customs")
		acts.Acts = []string{"DA1"}
		k.subscribe(acts)
		page := k.read("court", "")
		same(t, "the court", told(page.Changes), "published "+firm, "published "+id)
		for _, org := range []string{"science", "customs"} {
			if p := k.read(org, ""); len(p.Changes) != 0 {
				t.Errorf("%s: %s", org, told(p.Changes))
			}
		}
		for _, c := range page.Changes {
			if c.RecordID == id && (c.Code != "" || c.URL != "") {
				t.Errorf("a person is named: %+v", c)
			}
		}
		raw, err := json.Marshal(page.Changes)
		if err != nil || strings.Contains(string(raw), agentName) || strings.Contains(string(raw), agentCode) {
			t.Errorf("%s, %v", raw, err)
		}
		// Nobody gets it whole, nor in a file: a person's papers are kept nowhere.
		if _, err := k.store.Whole(ctx, "court", "key:test", id, k.now.Now()); !fault.Is(err, fault.NotFound) {
			t.Errorf("%v", err)
		}
		rows, err := k.store.File(ctx, k.actor("lead.handler"), Wanted{Kind: credit.Penalty}, k.now.Now())
		if err != nil || len(rows) != 1 {
			t.Errorf("%v, %v", rows, err)
		}
		// What ends is told to who had it and to nobody else, and is answered.
		k.repair(agentCode, id)
		page = k.read("court", page.Next)
		same(t, "the end", told(page.Changes), "repaired "+id)
		if c := page.Changes[0]; c.Code != "" || c.Act != "" || c.District != "" {
			t.Errorf("%+v", c)
		}
		if p := k.read("customs", ""); len(p.Changes) != 0 {
			t.Errorf("customs hears of an end: %s", told(p.Changes))
		}
		if _, err := k.store.Give(ctx, "court", "key:test", page.Changes[0].ID, Feedback{Action: Removed}, k.now.Now()); err != nil {
			t.Error(err)
		}
	})
}

// TestThreat_AnotherCityBringsNoNaturalPerson: what a source sends of a person is
// not taken over, and it can end none that is shown here.
func TestThreat_AnotherCityBringsNoNaturalPerson(t *testing.T) {
	t.Parallel()
	k := newKit(t, redistest.Embedded(t), "410100")
	firm := k.record(1, firmA)
	id := k.agent(firm)
	r := k.stored(id)
	r.Channel = credit.Republish
	x := Source{ID: "c1", Region: "410700", State: Active}
	var got Received
	fetched := func(context.Context, string) (credit.Entry, bool, error) {
		return credit.Entry{SubjectCode: agentCode, SubjectName: agentName, NaturalPerson: true, Record: r}, true, nil
	}
	if err := k.store.bring(t.Context(), k.entry(), x, id, credit.Case{}, -1, fetched, &got); err != nil || got.Problem != "share.not_theirs" || got.Brought != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	k.apply(credit.Change{Amend: []credit.Amendment{{SubjectCode: agentCode, ID: id, Do: func(r *credit.Record) error { r.Channel = credit.Original; return nil }}}})
	if k.hears(x, id, credit.RepairedEnd); !shownAll(k, id) {
		t.Error("another city ended the record of a person")
	}
}
