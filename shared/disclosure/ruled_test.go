package disclosure

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
	"ipcredit/shared/workday"
)

// ruled changes the record of the notice as a ruling on an objection does.
func (b *bureau) ruled(n Notice, change func(*credit.Record)) error {
	var after credit.Record
	_, _, err := b.credit.Apply(b.t.Context(), credit.Change{
		Entry: journal.Entry{Actor: "ruler", Action: "objection.ruled", Ref: "objection:YY2026000001", At: b.now},
		Amend: []credit.Amendment{{SubjectCode: n.SubjectCode, ID: n.Record.ID, Do: func(r *credit.Record) error {
			change(r)
			after = *r
			return nil
		}}},
		Also: func(tx *journal.Tx, _, _ []credit.Outcome) error {
			return b.store.Ruled(b.t.Context(), tx, after, "ruler", "YY2026000001", b.now)
		},
	})
	return err
}

func fineOf(fen int64) func(*credit.Record) {
	return func(r *credit.Record) {
		c := *r.Content.Penalty
		c.FineFen = fen
		r.Content.Penalty = &c
	}
}

func (b *bureau) published(w Writing) Notice {
	b.t.Helper()
	n, err := b.store.Begin(b.t.Context(), writes, "410700", w, b.now)
	if err != nil {
		b.t.Fatal(err)
	}
	b.must(writes, &n, Act{Step: Serve, On: workday.MustDate("2026-05-06")})
	b.must(writes, &n, Act{Step: Submit})
	b.must(approves, &n, Act{Step: Approve})
	b.must(publishes, &n, Act{Step: Publish})
	return n
}

func (b *bureau) kept(n Notice) Notice {
	b.t.Helper()
	held, err := b.store.Get(b.t.Context(), writes, n.ID, b.now)
	if err != nil {
		b.t.Fatal(err)
	}
	return held
}

// TestALaterCorrectionDoesNotUndoARuling: the notice says what the ruling made of
// its record, and a correction begun before it does not bring the old values back.
func TestALaterCorrectionDoesNotUndoARuling(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		for _, under := range []State{Published, Draft, Submitted, Approved} {
			t.Run(string(under), func(t *testing.T) {
				b := newBureau(t, rdb)
				w := b.penalty()
				w.Values["instrumentNo"] = map[State]string{
					Published: "新测市监处罚〔2026〕1号", Draft: "新测市监处罚〔2026〕2号", Submitted: "新测市监处罚〔2026〕3号", Approved: "新测市监处罚〔2026〕4号",
				}[under]
				n := b.published(w)
				if under != Published {
					b.must(writes, &n, Act{Step: Correct})
				}
				if under == Submitted || under == Approved {
					b.must(writes, &n, Act{Step: Submit})
				}
				if under == Approved {
					b.must(approves, &n, Act{Step: Approve})
				}
				before := n
				if err := b.ruled(n, fineOf(600_000)); err != nil {
					t.Fatal(err)
				}
				n = b.kept(n)
				last := n.Events[len(n.Events)-1]
				if n.State != Published || n.Before != nil || n.Values["fine"] != "0.6" || n.Record.Content.Penalty.FineFen != 600_000 || last.By != "ruler" || last.Note != "YY2026000001" {
					t.Fatalf("%+v", n)
				}
				if err := b.do(publishes, &before, Act{Step: Publish}); !fault.Is(err, fault.Stale) {
					t.Errorf("what was approved before the ruling is published: %v", err)
				}
				b.must(writes, &n, Act{Step: Correct})
				again := Writing{Values: n.Values, Review: Clear}
				again.Values["violation"] = "商标侵权行为"
				b.must(writes, &n, Act{Step: Edit, Writing: again})
				b.must(writes, &n, Act{Step: Submit})
				b.must(approves, &n, Act{Step: Approve})
				b.must(publishes, &n, Act{Step: Publish})
				if p := b.fate(n).Content.Penalty; p.FineFen != 600_000 || p.Violation != "商标侵权行为" {
					t.Errorf("%+v", p)
				}
			})
		}
	})
}

func TestARulingThatTakesARecordBackTakesItsNotice(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		b := newBureau(t, rdb)
		n := b.published(b.penalty())
		b.must(writes, &n, Act{Step: Report, On: workday.MustDate("2026-05-08"), Reason: "changed"})
		err := b.ruled(n, func(r *credit.Record) { r.Withdrawn = &credit.Withdrawal{At: b.now, Reason: "annulled"} })
		if err != nil {
			t.Fatal(err)
		}
		n = b.kept(n)
		want := Fallen{Reason: "annulled", LearnedOn: workday.MustDate("2026-05-08"), DoneOn: workday.MustDate("2026-05-11")}
		if n.State != Withdrawn || *n.Fallen != want || len(n.Steps()) != 0 {
			t.Errorf("%+v %+v", n, n.Fallen)
		}
		if clocks, err := b.store.Clocks(t.Context(), n, b.now); err != nil || strings.Contains(clocks[len(clocks)-1].Name, WithdrawClock) && clocks[len(clocks)-1].Running() {
			t.Errorf("%+v (%v)", clocks, err)
		}
		// A record that came by batch has no notice, and needs none.
		if err := b.ruled(Notice{SubjectCode: n.SubjectCode, Record: n.Record}, func(r *credit.Record) { r.Disputed = false }); err != nil {
			t.Error(err)
		}
	})
}

// TestACorrectionKeepsTheEndThatTheSourceNamed: the form does not ask for it.
func TestACorrectionKeepsTheEndThatTheSourceNamed(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		b := newBureau(t, rdb)
		n := b.published(b.penalty())
		if err := b.ruled(n, func(r *credit.Record) { r.SourceUntil = workday.MustDate("2026-06-30") }); err != nil {
			t.Fatal(err)
		}
		n = b.kept(n)
		b.must(writes, &n, Act{Step: Correct})
		w := b.penalty()
		w.Values["violation"] = "商标侵权行为"
		b.must(writes, &n, Act{Step: Edit, Writing: w})
		b.must(writes, &n, Act{Step: Submit})
		b.must(approves, &n, Act{Step: Approve})
		b.must(publishes, &n, Act{Step: Publish})
		if c := b.fate(n); c.DisplayUntil.String() != "2026-06-30" || c.Content.Penalty.Violation != "商标侵权行为" {
			t.Errorf("%s %+v", c.DisplayUntil, c.Content.Penalty)
		}
	})
}

// TestARecordHasOneNotice: two would each bring back what the other corrected.
func TestARecordHasOneNotice(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		b := newBureau(t, rdb)
		ready := func() Notice {
			n, err := b.store.Begin(t.Context(), writes, "410700", b.penalty(), b.now)
			if err != nil {
				t.Fatal(err)
			}
			b.must(writes, &n, Act{Step: Serve, On: workday.MustDate("2026-05-06")})
			b.must(writes, &n, Act{Step: Submit})
			b.must(approves, &n, Act{Step: Approve})
			return n
		}
		first, second := ready(), ready()
		b.must(publishes, &first, Act{Step: Publish})
		if err := b.do(publishes, &second, Act{Step: Publish}); !is(err, "disclosure.adopted") {
			t.Errorf("published twice: %v", err)
		}
		b.must(publishes, &second, Act{Step: Return, Text: "重复"})
		if err := b.do(writes, &second, Act{Step: Submit}); !is(err, "disclosure.adopted") {
			t.Errorf("submitted beside another: %v", err)
		}
	})
}
