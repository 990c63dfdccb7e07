package share

import (
	"context"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
)

// theirRecord is a record that is shown here on the word of an authority of the
// source's region.
func (k *kit) theirRecord(n int, code string) (credit.Record, Source) {
	k.t.Helper()
	id := k.record(n, code)
	k.apply(credit.Change{Amend: []credit.Amendment{{SubjectCode: code, ID: id, Do: func(r *credit.Record) error {
		r.Channel, r.AuthorityCode = credit.Republish, "11410100000000019U"
		return nil
	}}}})
	return k.stored(id), Source{ID: "c1", Region: "410100", State: Active}
}

func (k *kit) stored(id string) credit.Record {
	k.t.Helper()
	c, err := k.store.config.Credit.Case(k.t.Context(), id, k.now.Now())
	if err != nil {
		k.t.Fatal(err)
	}
	for _, r := range c.Profile.Records {
		if r.ID == id {
			return r
		}
	}
	k.t.Fatalf("no record %s", id)
	return credit.Record{}
}

// objects opens or closes an objection here as shared/objection does: the flag and
// the index in one commit.
func (k *kit) objects(code, id string, open bool) {
	k.t.Helper()
	index := k.j.Key("objection", "open", id)
	k.apply(credit.Change{
		Amend: []credit.Amendment{{SubjectCode: code, ID: id, Do: func(r *credit.Record) error {
			r.Disputed = open || r.DisputedThere
			return nil
		}}},
		Also: func(tx *journal.Tx, _, _ []credit.Outcome) error {
			if open {
				tx.Set(index, "YY20260000001")
			} else {
				tx.Del(index)
			}
			return nil
		},
	})
}

func (k *kit) hears(x Source, id string, what credit.Happening) {
	k.t.Helper()
	if _, err := k.store.take(k.t.Context(), k.entry(), x, []Change{{ID: "1-1-00000000", Type: what, RecordID: id}}, nil); err != nil {
		k.t.Fatal(err)
	}
}

func TestARecordIsFlaggedWhileItIsDisputedHereOrWhereItCameFrom(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		const theirsBegins, theirsEnds, oursBegins, oursEnds = "theirs begins", "theirs ends", "ours begins", "ours ends"
		for n, tt := range []struct {
			name  string
			steps []string
			want  []bool
		}{
			{"theirs alone", []string{theirsBegins, theirsEnds}, []bool{true, false}},
			{"ours alone", []string{oursBegins, oursEnds}, []bool{true, false}},
			{"theirs ends while ours is open", []string{theirsBegins, oursBegins, theirsEnds, oursEnds}, []bool{true, true, true, false}},
			{"ours ends while theirs is open", []string{oursBegins, theirsBegins, oursEnds, theirsEnds}, []bool{true, true, true, false}},
			{"an end of what was never told", []string{oursBegins, theirsEnds, oursEnds}, []bool{true, true, false}},
			{"told twice", []string{theirsBegins, theirsBegins, theirsEnds, theirsEnds}, []bool{true, true, false, false}},
		} {
			k := newKit(t, rdb, "410700")
			r, x := k.theirRecord(100+n, firmA)
			for i, step := range tt.steps {
				switch step {
				case theirsBegins:
					k.hears(x, r.ID, credit.Contested)
				case theirsEnds:
					k.hears(x, r.ID, credit.DisputeEnded)
				default:
					k.objects(firmA, r.ID, step == oursBegins)
				}
				if got := k.stored(r.ID).Disputed; got != tt.want[i] {
					t.Errorf("%s: after %q flagged: %v", tt.name, step, got)
				}
			}
		}
		// What is told twice is written once, and a record of ours is not theirs to flag.
		k := newKit(t, rdb, "410700")
		r, x := k.theirRecord(200, firmA)
		k.hears(x, r.ID, credit.Contested)
		lines := rdb.XLen(t.Context(), k.j.Key("journal")).Val()
		k.hears(x, r.ID, credit.Contested)
		if now := rdb.XLen(t.Context(), k.j.Key("journal")).Val(); now != lines {
			t.Errorf("%d lines more", now-lines)
		}
		ours := k.record(201, firmB)
		k.hears(x, ours, credit.Contested)
		if k.stored(ours).Disputed {
			t.Error("another city flagged a record of ours")
		}
	})
}

// TestAnObjectionThatBeginsMeanwhileKeepsTheFlag lets one begin between the reading
// of the index and the commit.
func TestAnObjectionThatBeginsMeanwhileKeepsTheFlag(t *testing.T) {
	t.Parallel()
	k := newKit(t, redistest.Embedded(t), "410700")
	r, x := k.theirRecord(300, firmA)
	k.hears(x, r.ID, credit.Contested)
	known, err := k.store.config.Credit.Case(t.Context(), r.ID, k.now.Now())
	if err != nil {
		t.Fatal(err)
	}
	stale := k.stored(r.ID)
	k.objects(firmA, r.ID, true)
	if err := k.store.disputeHere(context.WithoutCancel(t.Context()), k.entry(), x, known, stale, false); err != nil {
		t.Fatal(err)
	}
	if got := k.stored(r.ID); !got.Disputed || got.DisputedThere {
		t.Errorf("%+v", got)
	}
}

func TestAnEndThatIsNoneAnyMoreIsToldToNobody(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb, "410700")
		r := k.receiver(nil)
		defer r.Close()
		p := wholeCity("court")
		p.URL = r.URL
		x := k.subscribe(p)
		a := k.record(1, firmA)
		k.deliver()
		cursor := k.read("court", "").Next
		stands := func() {
			t.Helper()
			k.apply(credit.Change{Amend: []credit.Amendment{{SubjectCode: firmA, ID: a, Do: func(r *credit.Record) error { r.Repaired = nil; return nil }}}})
		}
		// Repaired, and the decision annulled before anybody heard of it.
		k.repair(firmA, a)
		stands()
		page := k.read("court", cursor)
		for _, c := range page.Changes {
			if c.Type.Ends() {
				t.Errorf("by cursor: %s", told(page.Changes))
			}
		}
		before := len(r.changes)
		k.deliver()
		for _, c := range r.changes[before:] {
			if c.Type.Ends() {
				t.Errorf("by webhook: %s", told(r.changes[before:]))
			}
		}
		if list, err := k.store.open(t.Context(), "court", 10); err != nil || len(list) != 0 {
			t.Errorf("something is owed: %+v, %v", list, err)
		}
		// Told of the end, it owes an answer, until it is told that the record stands.
		k.repair(firmA, a)
		k.deliver()
		if list, err := k.store.open(t.Context(), "court", 10); err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		stands()
		k.deliver()
		if list, err := k.store.open(t.Context(), "court", 10); err != nil || len(list) != 0 {
			t.Errorf("an answer is owed about what stands: %+v, %v", list, err)
		}
		// An end that stands is told as ever, also where a try of it failed before.
		r.Lock()
		r.status = 500
		r.Unlock()
		k.repair(firmA, a)
		k.deliver()
		stands()
		r.Lock()
		r.status, before = 200, len(r.changes)
		r.Unlock()
		k.now.Set(k.now.Now().Add(2 * waits[0]))
		k.deliver()
		for _, c := range r.changes[before:] {
			if c.Type.Ends() {
				t.Errorf("on a later try: %s", told(r.changes[before:]))
			}
		}
		k.repair(firmA, a)
		before = len(r.changes)
		k.deliver()
		if list := r.changes[before:]; len(list) != 1 || list[0].Type != credit.RepairedEnd {
			t.Errorf("an end that stands: %s", told(list))
		}
		if x, err := k.store.subscription(t.Context(), rdb, x.ID); err != nil || x.Current != "" {
			t.Errorf("%+v, %v", x, err)
		}
	})
}

// TestARecordStandsAgainHereWhenItStandsAgainThere: the repair that was taken over was
// taken back. What was ended here by our own decision stays ended.
func TestARecordStandsAgainHereWhenItStandsAgainThere(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		k := newKit(t, rdb, "410700")
		for n, end := range []credit.Happening{credit.RepairedEnd, credit.Revoked} {
			r, x := k.theirRecord(400+n, firmA)
			there := func(context.Context, string) (credit.Entry, bool, error) {
				return credit.Entry{SubjectCode: firmA, SubjectName: k.name(firmA), Record: r}, true, nil
			}
			comes := func() Received {
				got, err := k.store.take(t.Context(), k.entry(), x, []Change{{ID: "1-1-00000000", Type: credit.Published, RecordID: r.ID}}, there)
				if err != nil || got.Problem != "" {
					t.Fatalf("%+v, %v", got, err)
				}
				return got
			}
			k.hears(x, r.ID, end)
			if shownAll(k, r.ID) {
				t.Fatalf("%s: it is shown", end)
			}
			if got := comes(); got.Brought != 1 || !shownAll(k, r.ID) || k.stored(r.ID).EndedThere {
				t.Errorf("%s: it does not stand again: %+v, %+v", end, got, k.stored(r.ID))
			}
			if got := comes(); got.Brought != 0 {
				t.Errorf("%s: the same again: %+v", end, got)
			}
			k.repair(firmA, r.ID)
			if comes(); shownAll(k, r.ID) {
				t.Errorf("%s: what ended here by our own decision is shown", end)
			}
		}
	})
}

func (k *kit) name(code string) string {
	k.t.Helper()
	p, err := k.store.config.Credit.Load(k.t.Context(), code)
	if err != nil {
		k.t.Fatal(err)
	}
	return p.Subject.Name
}
