package disclosure

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
	"ipcredit/shared/workday"
)

// fined stores the bureau's penalty, changed, as a batch does, and gives its id.
func (b *bureau) fined(change func(*credit.Entry)) string {
	b.t.Helper()
	w := b.penalty()
	e, err := w.read(credit.Shipped(), "410700", b.now)
	if err != nil {
		b.t.Fatal(err)
	}
	if change != nil {
		change(&e)
		e.Record.ID = credit.NewID(credit.Penalty, ident.Normal(e.Record.Authority), e.Record.InstrumentNo, e.SubjectCode)
	}
	_, _, err = b.credit.Apply(b.t.Context(), credit.Change{
		Entry: journal.Entry{Actor: "t", Action: "credit.import", Ref: "t", At: b.now}, Records: []credit.Entry{e},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return e.Record.ID
}

func ours() Writing {
	return listing(credit.SeriousList, "新乡市测试区市场监督管理局", "11410700000000019U")
}

// TestThreat_NobodyIsListedWithoutAHeavierPenaltyOfTheSameBody: Order 44 arts. 2 and
// 13. The draft names the penalty by its number or its record, and each way in which
// it is not one that the listing can rest on is said by name.
func TestThreat_NobodyIsListedWithoutAHeavierPenaltyOfTheSameBody(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		for _, x := range []struct {
			name, code string
			penalty    func(*credit.Entry) // as it is on record
			named      string              // "": its number
		}{
			{"its number", "", nil, ""},
			{"its number as people write it", "", nil, " 新测市监处罚[2026]1号 "},
			{"its record", "", nil, "id"},
			{"decided on the same day", "", func(e *credit.Entry) { e.Record.DeterminedOn = workday.MustDate("2026-05-06") }, ""},
			{"a day later", "disclosure.penalty_later", func(e *credit.Entry) { e.Record.DeterminedOn = workday.MustDate("2026-05-07") }, ""},
			{"none", "disclosure.penalty_missing", nil, " "},
			{"one that is not on record", "disclosure.penalty_none", nil, "新测市监处罚〔2026〕2号"},
			{"another body's", "disclosure.penalty_body", func(e *credit.Entry) {
				e.Record.Authority, e.Record.AuthorityCode = "新乡市别处市场监督管理局", ""
			}, ""},
			{"another body's, by its code", "disclosure.penalty_body", func(e *credit.Entry) { e.Record.AuthorityCode = "11410000000000012M" }, ""},
			{"the same body's under another spelling", "", func(e *credit.Entry) {
				e.Record.Authority = "新乡市测试区市场监督管理局（知识产权局）"
			}, ""},
			{"another subject's", "disclosure.penalty_subject", func(e *credit.Entry) {
				e.SubjectCode, e.SubjectName = "91410771MA00AAA291", "新乡市虚构乙机械有限公司"
			}, "id"},
			{"another subject's, by its number", "disclosure.penalty_none", func(e *credit.Entry) {
				e.SubjectCode, e.SubjectName = "91410771MA00AAA291", "新乡市虚构乙机械有限公司"
			}, ""},
			{"taken back", "disclosure.penalty_withdrawn", func(e *credit.Entry) { e.Record.Withdrawn = &credit.Withdrawal{Reason: "void"} }, ""},
			{"a mere warning and criticism", "disclosure.penalty_light", func(e *credit.Entry) {
				e.Record.Content.Penalty.Classes = []string{"警告", "通报批评"}
			}, ""},
			{"a warning with a fine", "", func(e *credit.Entry) { e.Record.Content.Penalty.Classes = []string{"警告", "罚款"} }, ""},
			{"no penalty", "disclosure.penalty_none", func(e *credit.Entry) {
				e.Record.Kind, e.Record.Act = credit.Determination, "DA1"
				e.Record.Content = credit.Content{Determination: &credit.DeterminationContent{Basis: "x"}}
			}, "id"},
		} {
			t.Run(x.name, func(t *testing.T) {
				if err := rdb.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
				b := newBureau(t, rdb)
				id := b.fined(x.penalty)
				w := ours()
				switch {
				case x.named == "id":
					w.Values[PenaltyField] = id
				case x.named != "":
					w.Values[PenaltyField] = x.named
				}
				n, err := b.store.Begin(t.Context(), writes, "410700", w, b.now)
				if x.code == "" && (err != nil || n.Penalty != id || n.Values[PenaltyField] != "新测市监处罚〔2026〕1号") {
					t.Fatalf("%q %q: %v", n.Penalty, n.Values[PenaltyField], err)
				}
				if f, ok := fault.Of(err); x.code != "" && (!has(err, x.code) || !ok || f.Fields[0].Name != PenaltyField) {
					t.Errorf("%v", err)
				}
			})
		}
	})
}

// TestAListingFallsWithItsPenalty: what it rests on is looked at again at each step
// towards publication, and an older draft that names none goes no further.
func TestAListingFallsWithItsPenalty(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		b := newBureau(t, rdb)
		id := b.fined(nil)
		n, err := b.store.Begin(t.Context(), writes, "410700", ours(), b.now)
		if err != nil {
			t.Fatal(err)
		}
		b.must(writes, &n, Act{Step: Serve, On: workday.MustDate("2026-05-06")})
		b.must(writes, &n, Act{Step: Answer, Reply: Waived})
		b.must(writes, &n, Act{Step: Agree, Authority: "河南省测试市场监督管理局", Number: "豫测市监〔2026〕9号", On: workday.MustDate("2026-05-06")})
		b.must(writes, &n, Act{Step: Submit})
		take := func(back bool) {
			t.Helper()
			_, _, err := b.credit.Apply(t.Context(), credit.Change{
				Entry: journal.Entry{Actor: "t", Action: "credit.import", Ref: "t", At: b.now},
				Amend: []credit.Amendment{{SubjectCode: n.SubjectCode, ID: id, Do: func(r *credit.Record) error {
					if r.Withdrawn = nil; back {
						r.Withdrawn = &credit.Withdrawal{At: b.now, Reason: "annulled"}
					}
					return nil
				}}},
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		take(true)
		if err := b.do(approves, &n, Act{Step: Approve}); !is(err, "disclosure.penalty_withdrawn") {
			t.Errorf("approved: %v", err)
		}
		take(false)
		b.must(approves, &n, Act{Step: Approve})
		take(true)
		if err := b.do(publishes, &n, Act{Step: Publish}); !is(err, "disclosure.penalty_withdrawn") {
			t.Errorf("published: %v", err)
		}
		take(false)
		b.must(publishes, &n, Act{Step: Publish})
		// A correction that is given up leaves what it rests on, and the name.
		b.must(writes, &n, Act{Step: Correct})
		w := ours()
		w.Values["subjectName"] = "新乡市虚构甲科技股份有限公司"
		b.must(writes, &n, Act{Step: Edit, Writing: w})
		b.must(writes, &n, Act{Step: Keep})
		if n.Penalty != id || n.Values[PenaltyField] == "" || n.SubjectName != "新乡市虚构甲科技有限公司" {
			t.Errorf("%+v", n)
		}

		old := n
		old.ID, old.State, old.Penalty, old.PublishedOn = "01KRAC6F80VW7KY6MEWW5ZARHE", Draft, "", workday.Date{}
		if err := b.store.ready(t.Context(), old, b.now); !is(err, "disclosure.penalty_missing") {
			t.Errorf("one from before the rule: %v", err)
		}
	})
}
