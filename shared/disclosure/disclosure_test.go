package disclosure

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/objects"
	"ipcredit/shared/redistest"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

var law = Law{ruleset.Shipped(), workday.Official()}

// TestClocksOfAPublication are the values of domain §M.11.
func TestClocksOfAPublication(t *testing.T) {
	t.Parallel()
	n := Notice{Kind: credit.Penalty, State: Draft, SubjectCode: "91410771MA00AAA104", Record: credit.Record{DeterminedOn: workday.MustDate("2026-04-29")}}
	away := n
	away.SubjectCode = "91350100M000100Y43"
	fallen := n
	fallen.Fallen = &Fallen{LearnedOn: workday.MustDate("2026-04-30")}
	for _, x := range []struct {
		name, clock, due string
		n                Notice
	}{
		{"双公示, seven working days", DoublePublicityClock, "2026-05-12", n},
		{"display, twenty working days", DisplayClock, "2026-05-29", n},
		{"other province, ten working days", SendClock, "2026-05-15", away},
		{"withdrawal, three working days", WithdrawClock, "2026-05-08", fallen},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			timers, err := law.Timers(x.n)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range clock.All(timers, law.Calendar, workday.MustDate("2026-04-30")) {
				if c.Name != x.clock {
					continue
				}
				if c.Due.String() != x.due || c.Overdue(c.Due) || !c.Overdue(c.Due.AddDays(1)) {
					t.Errorf("due %s, not %s", c.Due, x.due)
				}
				return
			}
			t.Error("no such clock")
		})
	}
}

func TestOnlyListsAndDeterminationsHaveAWindow(t *testing.T) {
	t.Parallel()
	served := workday.MustDate("2026-04-29")
	r := credit.Record{
		ID: "0000000000000000", Kind: credit.Determination, Act: "DA1", DeterminedOn: served, Channel: credit.Republish,
		Content: credit.Content{Determination: &credit.DeterminationContent{Basis: "x"}},
	}
	n := Notice{Kind: credit.Determination, State: Draft, Review: Clear, ServedOn: served, Record: r}
	last, _, err := law.Window(n) // 30 April, 6, 7, 8 and 9 May (a Saturday that works)
	if err != nil || last.String() != "2026-05-09" {
		t.Fatalf("%s (%v)", last, err)
	}
	late := func(change func(*Notice)) error {
		x := n
		change(&x)
		return law.Ready(x, credit.Shipped(), last.End().Add(-time.Second))
	}
	if err := late(func(*Notice) {}); !is(err, "disclosure.window") {
		t.Errorf("on the last day of the window: %v", err)
	}
	if err := law.Ready(n, credit.Shipped(), last.End()); err != nil {
		t.Errorf("the day after the window: %v", err)
	}
	if err := late(func(n *Notice) { n.Reply = Waived }); err != nil {
		t.Errorf("it will not object: %v", err)
	}
	if err := late(func(n *Notice) { n.ServedOn = workday.Date{} }); !is(err, "disclosure.not_served") {
		t.Errorf("not told: %v", err)
	}
	for _, review := range []Review{TradeSecret, StateSecret, OfMinor} {
		if err := late(func(n *Notice) { n.Review, n.Reply = review, Waived }); !is(err, "disclosure.review."+string(review)) {
			t.Errorf("%s: %v", review, err)
		}
	}
	n.Kind = credit.Penalty
	if last, _, _ := law.Window(n); !last.IsZero() {
		t.Errorf("a penalty waits until %s", last)
	}
}

func is(err error, code string) bool {
	f, ok := fault.Of(err)
	return ok && f.Code == code
}

// bureau is a city with staff.
type bureau struct {
	t       *testing.T
	rdb     *redis.Client
	store   *Store
	credit  *credit.Store
	journal *journal.Journal
	sealing Sealing
	escrow  seal.Identity
	now     time.Time
}

func newBureau(t *testing.T, rdb *redis.Client) *bureau {
	t.Helper()
	b := &bureau{t: t, rdb: rdb, journal: journal.New(rdb, "410700", journal.Options{}), now: time.Date(2026, 5, 11, 2, 0, 0, 0, time.UTC)}
	b.credit = credit.NewStore(b.journal, credit.NewInForce(b.journal))
	buckets, err := objects.Open(objects.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	b.escrow = b.identity()
	b.sealing = Sealing{Keys: seal.NewKeys(buckets.Keys), Identity: b.identity(), Escrow: b.escrow.Recipient()}
	b.store = NewStore(b.journal, b.credit, b.sealing)
	return b
}

func (b *bureau) identity() seal.Identity {
	b.t.Helper()
	id, err := seal.Generate()
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

// anybody is an actor of the lead bureau with the roles.
func anybody(id string, roles ...staff.Role) staff.Actor {
	a := staff.Actor{
		User: staff.User{ID: id, Name: id, Org: "lead"},
		Org:  staff.Organization{ID: "lead", Kind: staff.LeadBureau, Name: "新乡市测试市场监督管理局", Divisions: []string{"410700"}},
	}
	for _, r := range roles {
		a.User.Grants = append(a.User.Grants, staff.Grant{Role: r, Division: "410700"})
	}
	return a
}

var (
	writes    = anybody("writer", staff.Handler, staff.Approver, staff.Publisher)
	approves  = anybody("approver", staff.Approver)
	publishes = anybody("publisher", staff.Publisher)
)

func (b *bureau) penalty() Writing {
	return Writing{Kind: credit.Penalty, Review: Clear, Values: map[string]string{
		"subjectName": "新乡市虚构甲科技有限公司", "subjectCode": "91410771MA00AAA104", "instrumentNo": "新测市监处罚〔2026〕1号",
		"violation": "商标侵权", "facts": "销售侵权商品，联系电话13800138000", "basis": "《中华人民共和国商标法》第六十条", "classes": "罚款",
		"fine": "6", "text": "罚款人民币60000元", "determinedOn": "2026-05-06", "authority": "新乡市测试区市场监督管理局", "authorityCode": "11410700000000019U",
	}}
}

func (b *bureau) do(who staff.Actor, n *Notice, act Act) error {
	act.ID, act.Version = n.ID, n.Version
	next, err := b.store.Do(b.t.Context(), who, act, b.now)
	if err == nil {
		*n = next
	}
	return err
}

func (b *bureau) must(who staff.Actor, n *Notice, act Act) {
	b.t.Helper()
	if err := b.do(who, n, act); err != nil {
		b.t.Fatalf("%s: %v", act.Step, err)
	}
}

func (b *bureau) fate(n Notice) credit.Case {
	b.t.Helper()
	c, err := b.credit.Case(b.t.Context(), n.Record.ID, b.now)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

func TestANoticeIsPublishedCorrectedAndRecalledByDifferentPeople(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		b := newBureau(t, rdb)
		n, err := b.store.Begin(t.Context(), writes, "410700", b.penalty(), b.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := n.Values["facts"]; got != "销售侵权商品，联系电话[*]" {
			t.Errorf("stored %q", got)
		}
		if err := b.do(writes, &n, Act{Step: Submit}); !is(err, "disclosure.not_served") {
			t.Errorf("submitted before the subject was told: %v", err)
		}
		for _, x := range []struct {
			on, code string
		}{{"2026-05-05", "disclosure.incomplete"}, {"2026-05-12", "disclosure.incomplete"}} {
			if err := b.do(writes, &n, Act{Step: Serve, On: workday.MustDate(x.on)}); !is(err, x.code) {
				t.Errorf("served on %s: %v", x.on, err)
			}
		}
		b.must(writes, &n, Act{Step: Serve, On: workday.MustDate("2026-05-06")})
		b.must(writes, &n, Act{Step: Submit})
		if err := b.do(writes, &n, Act{Step: Approve}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("approved by who handled it: %v", err)
		}
		if err := b.do(publishes, &n, Act{Step: Publish}); !is(err, "disclosure.step") {
			t.Errorf("published without approval: %v", err)
		}
		b.must(approves, &n, Act{Step: Approve})
		if err := b.do(writes, &n, Act{Step: Publish}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("published by who handled it: %v", err)
		}
		if got := b.fate(n).Fate; got != credit.Unseen {
			t.Errorf("before publication: %q", got)
		}
		b.must(publishes, &n, Act{Step: Publish})
		c := b.fate(n)
		if c.Fate != credit.Displayed || c.Name != "新乡市虚构甲科技有限公司" || c.DisplayFrom.String() != "2026-05-06" {
			t.Errorf("published: %+v", c)
		}
		if k, kept, err := clock.New(b.journal).Of(t.Context(), "disclosure:"+n.ID); err != nil || kept {
			t.Errorf("its clocks go on: %+v (%v)", k, err)
		}

		old := n
		b.must(writes, &n, Act{Step: Correct})
		w := b.penalty()
		w.Values["instrumentNo"] = "新测市监处罚〔2026〕2号"
		if err := b.do(writes, &n, Act{Step: Edit, Writing: w}); !is(err, "disclosure.other_record") {
			t.Errorf("a correction that is another record: %v", err)
		}
		w.Values["instrumentNo"], w.Values["fine"], w.Values["text"] = "新测市监处罚〔2026〕1号", "7", "罚款人民币70000元"
		b.must(writes, &n, Act{Step: Edit, Writing: w})
		if got := b.fate(n).Content.Penalty.FineFen; got != 6_000_000 {
			t.Errorf("an unapproved correction is shown: %d", got)
		}
		b.must(writes, &n, Act{Step: Submit})
		b.must(approves, &n, Act{Step: Approve})
		b.must(publishes, &n, Act{Step: Publish})
		if c := b.fate(n); c.Content.Penalty.FineFen != 7_000_000 || n.PublishedOn != old.PublishedOn {
			t.Errorf("corrected: %+v", c.Content.Penalty)
		}
		if err := b.do(writes, &old, Act{Step: Report, On: workday.MustDate("2026-05-11"), Reason: "annulled"}); !fault.Is(err, fault.Stale) {
			t.Errorf("on an old version: %v", err)
		}
		b.must(writes, &n, Act{Step: Report, On: workday.MustDate("2026-05-11"), Reason: "annulled"})
		if k, kept, err := clock.New(b.journal).Of(t.Context(), "disclosure:"+n.ID); err != nil || !kept || k.Clocks[0].Due.String() != "2026-05-14" {
			t.Errorf("to be withdrawn by: %+v (%v)", k, err)
		}
		if err := b.do(writes, &n, Act{Step: Recall}); !fault.Is(err, fault.Forbidden) {
			t.Errorf("withdrawn by who asked for it: %v", err)
		}
		b.must(publishes, &n, Act{Step: Recall})
		if c := b.fate(n); c.Fate != credit.Annulled || c.Reason != "annulled" {
			t.Errorf("withdrawn: %+v", c)
		}
		again, err := b.store.Begin(t.Context(), writes, "410700", b.penalty(), b.now)
		if err != nil {
			t.Fatal(err)
		}
		b.must(writes, &again, Act{Step: Serve, On: workday.MustDate("2026-05-06")})
		if err := b.do(writes, &again, Act{Step: Submit}); !is(err, "disclosure.was_withdrawn") {
			t.Errorf("what was withdrawn comes back: %v", err)
		}
		list, _, err := b.store.List(t.Context(), publishes, Withdrawn, "", b.now)
		if err != nil || len(list) != 1 || list[0].ID != n.ID {
			t.Errorf("%v (%v)", list, err)
		}
	})
}

func TestDraftsAreRefusedWhereTheLawIs(t *testing.T) {
	b := newBureau(t, redistest.Embedded(t))
	for _, x := range []struct {
		name, field string
		with        func(*Writing)
	}{
		{"no instrument", "instrumentNo", func(w *Writing) { delete(w.Values, "instrumentNo") }},
		{"no basis", "basis", func(w *Writing) { delete(w.Values, "basis") }},
		{"a wrong check digit", "subjectCode", func(w *Writing) { w.Values["subjectCode"] = "91410771MA00AAA105" }},
		{"a natural person", "subjectCode", func(w *Writing) { delete(w.Values, "subjectCode"); w.Values["subjectName"] = "张样例" }},
		{"only a warning", "classes", func(w *Writing) {
			w.Values["classes"], w.Values["text"] = "警告", "警告"
			delete(w.Values, "fine")
		}},
		{"decided tomorrow", "determinedOn", func(w *Writing) { w.Values["determinedOn"] = "2026-05-12" }},
		{"no review", "review", func(w *Writing) { w.Review = "" }},
		{"a licence", "kind", func(w *Writing) { w.Kind = credit.Licence }},
		{"nobody’s", "authorityCode", func(w *Writing) { w.Values["authorityCode"] = "" }},
		{"another city’s without its source", "sourceUrl", func(w *Writing) {
			code, err := ident.MakeUSCC("1141010000000001")
			if err != nil {
				t.Fatal(err)
			}
			w.Values["authorityCode"], w.Values["authority"] = string(code), "测试市测试区市场监督管理局"
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := b.penalty()
			x.with(&w)
			_, err := b.store.Begin(t.Context(), writes, "410700", w, b.now)
			f, ok := fault.Of(err)
			if !ok || len(f.Fields) == 0 || f.Fields[0].Name != x.field {
				t.Errorf("%v %+v", err, f)
			}
		})
	}
	if _, err := b.store.Begin(t.Context(), publishes, "410700", b.penalty(), b.now); !fault.Is(err, fault.Forbidden) {
		t.Errorf("drafted without the role: %v", err)
	}
	if _, err := b.store.Begin(t.Context(), writes, "410702", b.penalty(), b.now); !fault.Is(err, fault.Forbidden) {
		t.Errorf("drafted for another division: %v", err)
	}
}

// TestARecordThatCameByBatchIsWithdrawnByTheSameSteps: what was uploaded has no
// notice, and must go within the same limit.
func TestARecordThatCameByBatchIsWithdrawnByTheSameSteps(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		b := newBureau(t, rdb)
		w := b.penalty()
		e, err := w.read(credit.Shipped(), "410700", b.now)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = b.credit.Apply(t.Context(), credit.Change{
			Entry: journal.Entry{Actor: "t", Action: "credit.import", Ref: "t", At: b.now}, Records: []credit.Entry{e},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.store.Adopt(t.Context(), publishes, e.Record.ID, b.now); !fault.Is(err, fault.Forbidden) {
			t.Errorf("without the role: %v", err)
		}
		if _, err := b.store.Adopt(t.Context(), writes, "0000000000000000", b.now); !is(err, "disclosure.no_record") {
			t.Errorf("a record of nobody: %v", err)
		}
		n, err := b.store.Adopt(t.Context(), writes, e.Record.ID, b.now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.store.Adopt(t.Context(), writes, e.Record.ID, b.now); !is(err, "disclosure.adopted") {
			t.Errorf("twice: %v", err)
		}
		// Saved as it was adopted, it says the same again.
		b.must(writes, &n, Act{Step: Correct})
		b.must(writes, &n, Act{Step: Edit, Writing: Writing{Values: n.Values, Review: Clear}})
		before := b.fate(n).ChangedAt
		b.must(writes, &n, Act{Step: Submit})
		b.must(approves, &n, Act{Step: Approve})
		b.now = b.now.Add(time.Hour)
		b.must(publishes, &n, Act{Step: Publish})
		if c := b.fate(n); !c.ChangedAt.Equal(before) {
			t.Errorf("the record changed: %+v", c.Content.Penalty)
		}
		b.must(writes, &n, Act{Step: Report, On: workday.MustDate("2026-05-11"), Reason: "error"})
		b.must(publishes, &n, Act{Step: Recall})
		if c := b.fate(n); c.Fate != credit.Annulled || c.Reason != "error" {
			t.Errorf("withdrawn: %+v", c)
		}
	})
}

// TestARecordThatHasNoFormIsWithdrawnAllTheSame: one about a natural person, as a
// patent agent, and a judgment can be taken back in the same way, and not corrected
// here.
func TestARecordThatHasNoFormIsWithdrawnAllTheSame(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		b := newBureau(t, rdb)
		agent := credit.Entry{SubjectCode: "p:k3v7", SubjectName: "张*三", NaturalPerson: true, Record: credit.Record{
			ID: credit.NewID(credit.Penalty, "河南省知识产权局", "豫知罚〔2026〕1号", "p:k3v7"), Kind: credit.Penalty, Act: string(credit.Penalty), NaturalPerson: true,
			InstrumentNo: "豫知罚〔2026〕1号", Authority: "河南省知识产权局", Source: credit.Admin, Channel: credit.Republish,
			DeterminedOn: workday.MustDate("2026-05-06"), PublishedOn: workday.MustDate("2026-05-07"), CollectedAt: b.now,
			Content: credit.Content{Penalty: &credit.PenaltyContent{Violation: "违规执业", Facts: "x", Basis: "《专利代理条例》第二十六条", Classes: []string{"罚款"}, FineFen: 2_000_000}},
		}}
		judged := credit.Entry{SubjectCode: "91410771MA00AAA104", SubjectName: "新乡市虚构甲科技有限公司", Record: credit.Record{
			ID: credit.NewID(credit.Judgment, "测试市中级人民法院", "（2026）豫07知民初1号", "91410771MA00AAA104"), Kind: credit.Judgment, Act: string(credit.Judgment),
			InstrumentNo: "（2026）豫07知民初1号", Authority: "测试市中级人民法院", Source: credit.Judicial, Channel: credit.Republish,
			DeterminedOn: workday.MustDate("2026-05-06"), PublishedOn: workday.MustDate("2026-05-07"), CollectedAt: b.now,
			Content: credit.Content{Judgment: &credit.JudgmentContent{Cause: "侵害商标权纠纷", Result: "败诉"}},
		}}
		_, _, err := b.credit.Apply(t.Context(), credit.Change{
			Entry: journal.Entry{Actor: "t", Action: "credit.import", Ref: "t", At: b.now}, Records: []credit.Entry{agent, judged},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range []credit.Entry{agent, judged} {
			n, err := b.store.Adopt(t.Context(), writes, e.Record.ID, b.now)
			if err != nil {
				t.Fatal(e.Record.Kind, err)
			}
			if got := n.Steps(); !slices.Equal(got, []Step{Report}) || n.Person != e.NaturalPerson {
				t.Errorf("%s: %v", e.Record.Kind, got)
			}
			if err := b.do(writes, &n, Act{Step: Correct}); !is(err, "disclosure.step") {
				t.Errorf("corrected here: %v", err)
			}
			b.must(writes, &n, Act{Step: Report, On: workday.MustDate("2026-05-11"), Reason: "void"})
			if k, kept, err := clock.New(b.journal).Of(t.Context(), "disclosure:"+n.ID); err != nil || !kept || k.Clocks[len(k.Clocks)-1].Due.String() != "2026-05-14" {
				t.Errorf("to be withdrawn by: %+v (%v)", k, err)
			}
			b.must(publishes, &n, Act{Step: Recall})
			if c := b.fate(n); c.Fate != credit.Annulled || c.Reason != "void" {
				t.Errorf("withdrawn: %+v", c)
			}
			if held := b.kept(n); held.SubjectName != n.SubjectName || held.Person != e.NaturalPerson || held.State != Withdrawn {
				t.Errorf("%+v", held)
			}
		}
		if got := b.holding("p:k3v7", "张", "违规执业", "侵害商标权"); len(got) > 0 {
			t.Errorf("%v", got)
		}
	})
}

// TestALongPenaltyIsNoReason: what the form of a draft says stays out of what is
// noted about the step.
func TestALongPenaltyIsNoReason(t *testing.T) {
	b := newBureau(t, redistest.Embedded(t))
	w := b.penalty()
	n, err := b.store.Begin(t.Context(), writes, "410700", w, b.now)
	if err != nil {
		t.Fatal(err)
	}
	w.Values["text"] = strings.Repeat("罚款人民币60000元。", 60)
	b.must(writes, &n, Act{Step: Edit, Writing: w, Text: w.Values["text"]})
	if notes(n) != "" || n.Values["text"] != w.Values["text"] {
		t.Errorf("%q", notes(n))
	}
}

func TestDemoShowsWhatEachPersonHasToDo(t *testing.T) {
	b := newBureau(t, redistest.Embedded(t))
	actor := func(user string) (staff.Actor, error) {
		return map[string]staff.Actor{"lead.handler": writes, "lead.approver": approves, "lead.publisher": publishes}[user], nil
	}
	for range 2 {
		if err := b.store.Demo(t.Context(), actor, b.now); err != nil {
			t.Fatal(err)
		}
	}
	list, _, err := b.store.List(t.Context(), writes, "", "", b.now)
	states := map[State]int{}
	for _, n := range list {
		states[n.State]++
	}
	if err != nil || len(list) != 3 || states[Published] != 1 || states[Submitted] != 1 || states[Draft] != 1 {
		t.Errorf("%v (%v)", states, err)
	}
}
