package disclosure

import (
	_ "embed"
	"encoding/json"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// holding tells which of the texts stand in the clear in a key of this package.
func (b *bureau) holding(texts ...string) (out []string) {
	b.t.Helper()
	ctx := b.t.Context()
	keys, err := b.rdb.Keys(ctx, b.journal.Key("disclosure", "*")).Result()
	if err != nil || len(keys) == 0 {
		b.t.Fatal(keys, err)
	}
	for _, key := range keys {
		value := key
		if b.rdb.Type(ctx, key).Val() == "string" {
			value += b.rdb.Get(ctx, key).Val()
		} else {
			value += strings.Join(b.rdb.ZRange(ctx, key, 0, -1).Val(), " ")
		}
		for _, text := range texts {
			if strings.Contains(value, text) {
				out = append(out, text)
			}
		}
	}
	return out
}

// TestThreat_ADraftOfANoticeIsReadableNeitherInRedisNorInTheJournal walks a notice
// from its draft to its end. Until it is published nothing of it stands in the clear
// anywhere; then what is published does, as the subject's record, and what was said
// about it inside does not; and the notice itself tells nothing, whatever became of
// it.
func TestThreat_ADraftOfANoticeIsReadableNeitherInRedisNorInTheJournal(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		b := newBureau(t, rdb)
		w := b.penalty()
		w.Values["facts"], w.Values["violation"] = "金丝雀事实", "金丝雀违法"
		published := []string{"91410771MA00AAA104", "虚构甲科技", "新测市监处罚", "金丝雀事实", "金丝雀违法", "第六十条", "60000", "11410700000000019U"}
		within := []string{"金丝雀理由一", "金丝雀理由二"}
		n, err := b.store.Begin(t.Context(), writes, "410700", w, b.now)
		if err != nil {
			t.Fatal(err)
		}
		record := n.Record.ID
		nowhere := func(texts ...string) {
			t.Helper()
			for _, text := range texts {
				redistest.Grep(t, rdb, text)
			}
		}
		steps := func(who staff.Actor, acts ...Act) {
			t.Helper()
			for _, act := range acts {
				b.must(who, &n, act)
				nowhere(within...)
			}
		}
		steps(writes, Act{Step: Serve, On: workday.MustDate("2026-05-06")}, Act{Step: Submit})
		steps(approves, Act{Step: Return, Text: within[0]})
		steps(writes, Act{Step: Edit, Writing: w}, Act{Step: Serve, On: workday.MustDate("2026-05-07")}, Act{Step: Submit})
		steps(approves, Act{Step: Approve})
		nowhere(append(published, record)...)
		if len(n.Values["facts"]) == 0 || n.Events[3].Note != within[0] || n.SubjectCode != published[0] {
			t.Fatalf("the officers do not read it: %+v", n)
		}

		steps(publishes, Act{Step: Publish})
		if got := b.holding(published...); len(got) > 0 {
			t.Errorf("a published notice says %v", got)
		}
		steps(writes, Act{Step: Report, On: workday.MustDate("2026-05-11"), Reason: "void"})
		steps(publishes, Act{Step: Retain, Text: within[1]})
		steps(writes, Act{Step: Report, On: workday.MustDate("2026-05-11"), Reason: "void"})
		steps(publishes, Act{Step: Recall})
		if got := b.holding(append(published, "void")...); len(got) > 0 {
			t.Errorf("a notice that ended says %v", got)
		}
		if held := b.kept(n); held.Fallen.Reason != "void" || held.Record.Content.Penalty.Facts != "金丝雀事实" || !strings.Contains(notes(held), within[1]) {
			t.Errorf("the archive does not say what it was: %+v", held)
		}
	})
}

func notes(n Notice) (all string) {
	for _, e := range n.Events {
		all += e.Note
	}
	return all
}

// TestThreat_ANoticeWhoseKeyIsErasedIsReadByNobody: neither its officers nor the
// escrow read it again, and what stands in the clear stays.
func TestThreat_ANoticeWhoseKeyIsErasedIsReadByNobody(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		b := newBureau(t, rdb)
		n, err := b.store.Begin(t.Context(), writes, "410700", b.penalty(), b.now)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := b.store.Begin(t.Context(), writes, "410700", b.penalty(), b.now)
		if err != nil {
			t.Fatal(err)
		}
		b.must(writes, &n, Act{Step: Discard})
		b.now = b.now.AddDate(1, 0, 0) // the last day on which it is kept
		if count, err := b.store.Expire(t.Context(), b.now); err != nil || count != 0 || b.kept(n).Closed != "" {
			t.Fatalf("on the last day: %d %v", count, err)
		}
		b.now = b.now.AddDate(0, 0, 1)
		for _, want := range []int{1, 0} {
			if count, err := b.store.Expire(t.Context(), b.now); err != nil || count != want {
				t.Fatalf("%d, not %d (%v)", count, want, err)
			}
		}
		held := b.kept(n)
		if held.Closed != Erased || held.ErasedOn.String() != "2027-05-12" || held.SubjectCode != "" || len(held.Values) != 0 || held.Record.ID != "" ||
			held.State != Discarded || len(held.Events) != 2 {
			t.Errorf("%+v", held)
		}
		if _, err := b.sealing.Keys.Open(t.Context(), keyRef(n.ID), "escrow", b.escrow); err == nil {
			t.Error("the escrow still opens it")
		}
		list, _, err := b.store.List(t.Context(), writes, "", "", b.now)
		if err != nil || len(list) != 2 || list[0].ID != kept.ID || list[0].Closed != "" || list[1].Closed != Erased {
			t.Errorf("%+v (%v)", list, err)
		}
		// The same of one that could still be worked on.
		if err := b.sealing.Keys.Erase(t.Context(), keyRef(kept.ID), b.now); err != nil {
			t.Fatal(err)
		}
		if err := b.do(writes, &kept, Act{Step: Serve, On: workday.MustDate("2026-05-06")}); !is(err, "disclosure.erased") || !fault.Is(err, fault.Gone) {
			t.Errorf("a step on it: %v", err)
		}
	})
}

// TestOnlyTheKeyOfNoticesOpensThem: another key, none, or another notice's content
// in its place open nothing, and nothing is made of it.
func TestOnlyTheKeyOfNoticesOpensThem(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		b := newBureau(t, rdb)
		n, err := b.store.Begin(t.Context(), writes, "410700", b.penalty(), b.now)
		if err != nil {
			t.Fatal(err)
		}
		other := b.sealing
		other.Identity = b.identity()
		got, err := NewStore(b.journal, b.credit, other).Get(t.Context(), writes, n.ID, b.now)
		if err != nil || got.Closed != Lost || got.SubjectName != "" {
			t.Errorf("%+v (%v)", got, err)
		}
		if _, err := NewStore(b.journal, b.credit, other).Do(t.Context(), writes, Act{ID: n.ID, Version: n.Version, Step: Discard}, b.now); !is(err, "disclosure.lost") {
			t.Errorf("%v", err)
		}
		none := NewStore(b.journal, b.credit, Sealing{})
		if _, err := none.Get(t.Context(), writes, n.ID, b.now); err == nil {
			t.Error("opened without a key")
		}
		if _, err := none.Begin(t.Context(), writes, "410700", b.penalty(), b.now); err == nil {
			t.Error("begun without a key")
		}
		if id, err := b.sealing.Keys.Open(t.Context(), keyRef(n.ID), "escrow", b.escrow); err != nil {
			t.Error(err)
		} else if c, err := unsealed(id, b.filed(n.ID)); err != nil || c.SubjectName != n.SubjectName {
			t.Errorf("the escrow opens %+v (%v)", c, err)
		}
		// An earlier content laid under what the notice is now.
		old := b.filed(n.ID)
		b.must(writes, &n, Act{Step: Serve, On: workday.MustDate("2026-05-06")})
		f := b.filed(n.ID)
		f.Sealed = old.Sealed
		text, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := rdb.Set(t.Context(), b.store.key("filed", n.ID), text, 0).Err(); err != nil {
			t.Fatal(err)
		}
		if held := b.kept(n); held.Closed != Lost {
			t.Errorf("%+v", held)
		}
	})
}

func (b *bureau) filed(id string) (f filed) {
	b.t.Helper()
	if err := json.Unmarshal([]byte(b.rdb.Get(b.t.Context(), b.store.key("filed", id)).Val()), &f); err != nil {
		b.t.Fatal(err)
	}
	return f
}

// Notices as the release before this one stored them.
var (
	//go:embed testdata/clear-submitted.json
	clearSubmitted string
	//go:embed testdata/clear-withdrawn.json
	clearWithdrawn string
)

func (b *bureau) clear(text string) (n Notice) {
	b.t.Helper()
	if err := json.Unmarshal([]byte(text), &n); err != nil {
		b.t.Fatal(err)
	}
	err := b.journal.Commit(b.t.Context(), journal.Entry{Actor: "t", Action: "disclosure.begin", Ref: n.ID, At: b.now}, nil, func(tx *journal.Tx) error {
		tx.Set(b.store.key("notice", n.ID), text)
		tx.ZAdd(b.store.key("of", n.Division), float64(b.now.UnixMilli()), n.ID)
		tx.Set(b.store.key("record", n.Record.ID), n.ID)
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// TestThreat_AnOldNoticeInTheClearStaysReadableAndIsSealedAtItsNextChange: by an
// officer, or, of one that nothing changes any more, by the daily look.
func TestThreat_AnOldNoticeInTheClearStaysReadableAndIsSealedAtItsNextChange(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		b := newBureau(t, rdb)
		n, ended := b.clear(clearSubmitted), b.clear(clearWithdrawn)
		sealed := func(n Notice, want bool) {
			t.Helper()
			if got := rdb.Exists(t.Context(), b.store.key("notice", n.ID)).Val() == 0; got != want {
				t.Errorf("%s is sealed: %t", n.ID, got)
			}
		}
		list, _, err := b.store.List(t.Context(), writes, "", "", b.now)
		if err != nil || len(list) != 2 || list[1].SubjectName != "新乡市虚构甲科技有限公司" {
			t.Fatalf("%+v (%v)", list, err)
		}
		if held := b.kept(n); held.Events[3].Note != "请核对金额" || held.Values["fine"] != "6" {
			t.Errorf("%+v", held)
		}
		sealed(n, false)
		b.must(approves, &n, Act{Step: Approve})
		sealed(n, true)
		b.must(publishes, &n, Act{Step: Publish})
		if c := b.fate(n); c.Fate != credit.Displayed {
			t.Errorf("%+v", c)
		}
		sealed(ended, false)
		for _, want := range []int{1, 0} {
			if count, err := b.store.Settle(t.Context(), b.now); err != nil || count != want {
				t.Errorf("%d, not %d (%v)", count, want, err)
			}
		}
		sealed(ended, true)
		if got := b.holding("虚构甲科技", "商标侵权", "新测市监处罚", "请核对金额"); len(got) > 0 {
			t.Errorf("%v", got)
		}
		held := b.kept(ended)
		if held.Version != ended.Version || held.Fallen == nil || held.Fallen.Reason != "void" || held.Values["fine"] != "6" || held.Record.InstrumentNo != "新测市监处罚〔2026〕2号" {
			t.Errorf("%+v", held)
		}
	})
}
