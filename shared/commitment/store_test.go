package commitment

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/casework"
	"ipcredit/shared/citytest"
	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/material"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/subject"
	"ipcredit/shared/tipoff"
)

const (
	jia = "91410771MA00AAA104"
	yi  = "91410771MA00AAA291"
)

type town struct {
	*Store
	t     testing.TB
	j     *journal.Journal
	staff citytest.Staff
	cases *casework.Store
	now   time.Time
}

func newTown(t testing.TB, rdb *redis.Client) *town {
	t.Helper()
	w := &town{t: t, j: journal.New(rdb, "410700", journal.Options{}), now: noon("2026-03-02")}
	w.staff = citytest.NewStaff(t, w.j, w.now)
	w.Store = New(w.j)
	unit, err := seal.Generate()
	ok(t, err)
	escrow, err := seal.Generate()
	ok(t, err)
	buckets := objectstest.Directory(t)
	units := tipoff.Units{"410700": unit.Recipient(), "410702": unit.Recipient(), "410771": unit.Recipient()}
	w.cases, err = casework.New(w.j, seal.NewKeys(buckets.Keys), casework.Config{
		Identities: map[string]seal.Identity{"410700": unit, "410702": unit, "410771": unit}, Units: units, Escrow: escrow.Recipient(), Staff: staff.New(w.j), Clocks: clock.New(w.j),
	})
	ok(t, err)
	c := credit.Change{Entry: journal.Entry{Actor: "test", Action: "credit.import", Ref: "batch:1", At: w.now}}
	for code, name := range map[string]string{jia: "虚构甲科技有限公司", yi: "虚构乙科技有限公司"} {
		c.Subjects = append(c.Subjects, subject.Subject{Code: code, Name: name, Kind: "enterprise", District: "410771"})
	}
	_, _, err = credit.NewStore(w.j, credit.NewInForce(w.j)).Apply(t.Context(), c)
	ok(t, err)
	return w
}

func (w *town) as(name string) staff.Actor {
	w.t.Helper()
	return w.staff.As(w.t, name)
}

// due is the next day that the index of clocks has for it, with its owners.
func (w *town) due(no string) (string, []string) {
	w.t.Helper()
	k, found, err := clock.New(w.j).Of(w.t.Context(), "commitment:"+no)
	ok(w.t, err)
	next, running := k.Next()
	if !found || !running {
		return "", nil
	}
	return next.Due.String(), k.Owners
}

func (w *town) published(until string) Commitment {
	w.t.Helper()
	c, err := w.Begin(w.t.Context(), w.as("jia.agent"), Writing{"honest-business", "建立知识产权管理制度", day(until)}, w.now)
	ok(w.t, err)
	c, err = w.Sign(w.t.Context(), w.as("jia.legal"), c.No, c.Seen, w.now)
	ok(w.t, err)
	return c
}

func (w *town) numbers(a Asked) string {
	w.t.Helper()
	l, err := w.Ledger(w.t.Context(), a, w.now)
	ok(w.t, err)
	var out []string
	for _, e := range l.List {
		out = append(out, e.Number)
	}
	return strings.Join(out, " ")
}

func finding(why string) Finding {
	return Finding{why, "新测市监检〔2026〕1号", "现场检查发现未建立制度，样例事实"}
}

func TestACommitmentIsWrittenSignedWatchedOverAndKept(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb)
		agent, legal, officer := w.as("jia.agent"), w.as("jia.legal"), w.as("gaoxin.handler")
		c, err := w.Begin(ctx, agent, Writing{"honest-business", "建立知识产权管理制度", day("2026-06-30")}, w.now)
		ok(t, err)
		if c.No != "XC2026000001" || c.Unit != "410771" || c.District != "410771" || w.numbers(Asked{}) != "" {
			t.Fatalf("%+v; ledger %q", c, w.numbers(Asked{}))
		}
		// A draft is nobody's but the subject's.
		_, err = w.Get(ctx, officer, c.No, w.now)
		refused(t, err, fault.NotFound, "commitment.unknown")
		_, err = w.Entry(ctx, c.No, w.now)
		refused(t, err, fault.NotFound, "commitment.unknown")
		c, err = w.Rewrite(ctx, agent, c.No, c.Seen, Writing{"honest-business", "建立知识产权管理制度并培训", day("2026-07-31")}, w.now)
		ok(t, err)
		_, err = w.Rewrite(ctx, agent, c.No, c.Seen-1, Writing{"honest-business", "别的", day("2026-07-31")}, w.now)
		refused(t, err, fault.Stale, "commitment.stale")
		_, err = w.Sign(ctx, agent, c.No, c.Seen, w.now)
		refused(t, err, fault.Forbidden, "staff.can.role")
		_, err = w.Sign(ctx, legal, c.No, c.Seen-1, w.now)
		refused(t, err, fault.Stale, "commitment.stale")
		c, err = w.Sign(ctx, legal, c.No, c.Seen, w.now)
		ok(t, err)
		_, err = w.Sign(ctx, legal, c.No, c.Seen, w.now)
		refused(t, err, fault.Conflict, "commitment.state")
		refused(t, w.Drop(ctx, agent, c.No, w.now), fault.Conflict, "commitment.state")
		e, err := w.Entry(ctx, strings.ToLower(c.No), w.now)
		ok(t, err)
		if Sum(e.Document) != e.SHA256 || e.State != Published || e.What != "建立知识产权管理制度并培训" || e.Since != day("2026-03-02") {
			t.Errorf("%+v", e)
		}
		if due, owners := w.due(c.No); due != "2026-07-31" || len(owners) != 0 {
			t.Errorf("due %s of %v", due, owners)
		}
		// An officer of another district does not see it among his own.
		_, err = w.Take(ctx, w.as("hongqi.handler"), c.No, 0, w.now)
		refused(t, err, fault.NotFound, "commitment.unknown")
		c, err = w.Take(ctx, officer, c.No, c.Seen, w.now)
		ok(t, err)
		if due, owners := w.due(c.No); due != "2026-07-31" || !slices.Equal(owners, []string{officer.User.ID}) || c.State != Fulfilling {
			t.Errorf("%s due %s of %v", c.State, due, owners)
		}
		m, err := material.New(w.j).Hand(ctx, agent, material.Fulfilment, "", "BOX1", w.now)
		ok(t, err)
		other, err := material.New(w.j).Hand(ctx, agent, material.Statement, "", "BOX2", w.now)
		ok(t, err)
		for _, no := range []string{other.No, "CL2026000099", ""} {
			_, err = w.Prove(ctx, agent, c.No, no, w.now)
			refused(t, err, fault.Refused, "commitment.proof")
		}
		_, err = w.Prove(ctx, agent, c.No, m.No, w.now)
		ok(t, err)
		if due, _ := w.due(c.No); due != "2026-03-16" { // ten working days
			t.Errorf("due %s", due)
		}
		w.now = noon("2026-03-10")
		_, err = w.Fulfil(ctx, w.as("gaoxin.approver"), c.No, 0, ByProof, day("2026-03-02"), w.now)
		refused(t, err, fault.Forbidden, "staff.can.role")
		c, err = w.Fulfil(ctx, officer, c.No, 0, ByProof, day("2026-03-02"), w.now)
		ok(t, err)
		if due, _ := w.due(c.No); due != "" || c.State != Fulfilled {
			t.Errorf("%s due %s", c.State, due)
		}
		// Gone by itself, on the day.
		for on, shown := range map[string]bool{"2027-03-10": true, "2027-03-11": false} {
			if _, err := w.Entry(ctx, c.No, noon(on)); (err == nil) != shown || !shown && !fault.Is(err, fault.Gone) {
				t.Errorf("on %s: %v", on, err)
			}
		}
		if _, err := w.Entry(ctx, c.No, day("2027-03-11").Start().Add(-time.Second)); err != nil {
			t.Errorf("in its last second: %v", err)
		}
		// Whoever confirmed it does not take that back; the unit above of a small one does.
		_, err = w.TakeBack(ctx, officer, c.No, 0, "wrong-facts", w.now)
		refused(t, err, fault.Forbidden, "staff.can.role")
		c, err = w.TakeBack(ctx, w.as("gaoxin.approver"), c.No, c.Seen, "wrong-facts", w.now)
		ok(t, err)
		if due, _ := w.due(c.No); c.State != Fulfilling || due != "2026-03-16" {
			t.Errorf("%s due %s", c.State, due)
		}
	})
}

func TestABrokenCommitmentBecomesALeadInTheSameCommitAndNoRecord(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb)
		c := w.published("2026-03-31")
		officer, boss, above := w.as("gaoxin.handler"), w.as("gaoxin.approver"), w.as("lead.approver")
		c, err := w.Take(ctx, officer, c.No, 0, w.now)
		ok(t, err)
		w.now = noon("2026-03-31")
		_, err = w.Break(ctx, boss, w.cases, c.No, c.Seen, finding(NotDone), w.now)
		refused(t, err, fault.Refused, "commitment.why.early")
		w.now = noon("2026-04-01")
		_, err = w.Break(ctx, officer, w.cases, c.No, c.Seen, finding(NotDone), w.now)
		refused(t, err, fault.Forbidden, "staff.can.role")
		_, err = w.Break(ctx, boss, w.cases, c.No, c.Seen, Finding{Why: NotDone, Document: "1号", Facts: " "}, w.now)
		refused(t, err, fault.Invalid, "commitment.facts")
		_, err = w.Break(ctx, boss, w.cases, c.No, c.Seen-1, finding(NotDone), w.now)
		refused(t, err, fault.Stale, "commitment.stale")
		if got := must(rdb.Keys(ctx, "*casework:AJ*").Result()); len(got) != 0 {
			t.Fatalf("a refused finding left %v", got)
		}
		entries := must(rdb.XLen(ctx, w.j.Key("journal")).Result())
		c, err = w.Break(ctx, boss, w.cases, c.No, c.Seen, finding(NotDone), w.now)
		ok(t, err)
		if n := must(rdb.XLen(ctx, w.j.Key("journal")).Result()) - entries; n != 1 {
			t.Errorf("%d commits", n)
		}
		file, err := w.cases.Get(ctx, w.as("gaoxin.handler"), c.Breach.Case, w.now)
		ok(t, err)
		lead := file.Case
		if lead.Kind != tipoff.BrokenCommitment || lead.State != casework.Lead || lead.Unit != "410771" || lead.Source != casework.OwnCheck ||
			len(lead.Parties) != 1 || lead.Parties[0].Code != jia || len(lead.Handlers) != 0 {
			t.Errorf("%+v", lead)
		}
		p, err := w.credit.Load(ctx, jia)
		if err == nil && len(p.Records) != 0 {
			t.Errorf("a record without an instrument: %+v", p.Records)
		}
		if due, _ := w.due(c.No); due != "" {
			t.Errorf("due %s", due)
		}
		// What the officer wrote stands nowhere in the clear.
		for _, text := range dump(t, rdb) {
			if strings.Contains(text, "样例事实") {
				t.Fatalf("the facts are in the clear: %.200s", text)
			}
		}
		// Whoever found it does not take it back; another person does.
		_, err = w.TakeBack(ctx, boss, c.No, c.Seen, "kept", w.now)
		refused(t, err, fault.Forbidden, "staff.can.handled")
		_, err = w.TakeBack(ctx, above, c.No, c.Seen, "because", w.now)
		refused(t, err, fault.Invalid, "commitment.mistake")
		c, err = w.TakeBack(ctx, above, c.No, c.Seen, "kept", w.now)
		ok(t, err)
		if due, _ := w.due(c.No); c.State != Fulfilling || c.Breach != nil || due != "2026-03-31" || c.Events[len(c.Events)-1].No != lead.Number {
			t.Errorf("%+v due %s", c, due)
		}
		// And it can be annulled, which ends it for everybody at once.
		_, err = w.Annul(ctx, officer, c.No, c.Seen, "wrong-subject", w.now)
		refused(t, err, fault.Forbidden, "staff.can.role")
		_, err = w.Annul(ctx, boss, c.No, c.Seen, "wrong-subject", w.now)
		ok(t, err)
		_, err = w.Entry(ctx, c.No, w.now)
		refused(t, err, fault.Gone, "commitment.over")
		if got := w.numbers(Asked{}); got != "" {
			t.Errorf("the ledger has %s", got)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// dump is all that the server holds, the journal too.
func dump(t testing.TB, rdb *redis.Client) []string {
	t.Helper()
	ctx := t.Context()
	var out []string
	for _, key := range must(rdb.Keys(ctx, "*").Result()) {
		switch must(rdb.Type(ctx, key).Result()) {
		case "string":
			out = append(out, must(rdb.Get(ctx, key).Result()))
		case "hash":
			out = append(out, fmt.Sprint(must(rdb.HGetAll(ctx, key).Result())))
		case "stream":
			out = append(out, fmt.Sprint(must(rdb.XRange(ctx, key, "-", "+").Result())))
		}
	}
	return out
}

// another is the legal representative of another subject.
func (w *town) another(code, name string) staff.Actor {
	w.t.Helper()
	a := w.as("jia.legal")
	a.Org.ID, a.Org.Code, a.Org.Name = "subject-yi", code, name
	return a
}

// TestThreat_AnotherSubjectLearnsNothingOfACommitment: what is not public of one is,
// for every other subject, what does not exist; and nobody acts for another.
func TestThreat_AnotherSubjectLearnsNothingOfACommitment(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb)
		written, err := w.Begin(ctx, w.as("jia.agent"), Writing{"honest-business", "建立知识产权管理制度", day("2026-06-30")}, w.now)
		ok(t, err)
		open := w.published("2026-06-30")
		m, err := material.New(w.j).Hand(ctx, w.as("jia.agent"), material.Fulfilment, "", "BOX1", w.now)
		ok(t, err)
		stranger := w.another(yi, "虚构乙科技有限公司")
		_, unknown := w.Get(ctx, stranger, "XC2026000999", w.now)
		for _, no := range []string{written.No, open.No, "XC2026000999", "x"} {
			for name, try := range map[string]func() error{
				"reads it":   func() error { _, err := w.Get(ctx, stranger, no, w.now); return err },
				"signs it":   func() error { _, err := w.Sign(ctx, stranger, no, 0, w.now); return err },
				"drops it":   func() error { return w.Drop(ctx, stranger, no, w.now) },
				"takes it":   func() error { _, err := w.Take(ctx, stranger, no, 0, w.now); return err },
				"annuls it":  func() error { _, err := w.Annul(ctx, stranger, no, 0, "twice", w.now); return err },
				"breaks it":  func() error { _, err := w.Break(ctx, stranger, w.cases, no, 0, finding(False), w.now); return err },
				"fulfils it": func() error { _, err := w.Fulfil(ctx, stranger, no, 0, OnSite, day("2026-03-02"), w.now); return err },
				"rewrites it": func() error {
					_, err := w.Rewrite(ctx, stranger, no, 0, Writing{"honest-business", "别的", day("2026-06-30")}, w.now)
					return err
				},
			} {
				if err := try(); err == nil || err.Error() != unknown.Error() {
					t.Errorf("%s %s: %v, not %v", name, no, err, unknown)
				}
			}
		}
		_, err = w.Prove(ctx, stranger, open.No, m.No, w.now)
		refused(t, err, fault.Refused, "commitment.proof") // the same as of a material that does not exist
		list, _, err := w.Of(ctx, stranger, "", 10, w.now)
		if err != nil || len(list) != 0 {
			t.Errorf("%v %v", list, err)
		}
		_, _, err = w.Queue(ctx, stranger, "410771", true, "", 10, w.now)
		refused(t, err, fault.Forbidden, "staff.can.unit")
		// And the subject itself does not decide.
		_, err = w.Take(ctx, w.as("jia.legal"), open.No, 0, w.now)
		refused(t, err, fault.Forbidden, "staff.can.role")
		_, err = w.Annul(ctx, w.as("jia.legal"), open.No, 0, "twice", w.now)
		refused(t, err, fault.Forbidden, "staff.can.role")
		_, err = w.Record(ctx, w.as("jia.legal"), "410771", jia, Writing{"honest-business", "事", day("2026-06-30")}, day("2026-03-01"), w.now)
		refused(t, err, fault.Forbidden, "staff.can.unit")
	})
}

func TestAnOfficerRecordsOneMadeOnPaperByAnOrganisation(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb)
		officer := w.as("gaoxin.handler")
		in := Writing{"agency-discipline", "遵守行业自律公约", day("2026-12-31")}
		for _, x := range []struct {
			name, code, on, want string
		}{
			{"a natural person", "410799190001019907", "2026-03-01", "ident.uscc.both_checks"},
			{"a wrong check digit", "91410771MA00AAA105", "2026-03-01", ""},
			{"one that nobody knows", "91410702MA00AAC13T", "2026-03-01", "commitment.no_subject"},
			{"tomorrow", yi, "2026-03-03", "commitment.signed_on.future"},
			{"before its template", yi, "2022-01-23", "commitment.no_template"},
		} {
			_, err := w.Record(ctx, officer, "410771", x.code, in, day(x.on), w.now)
			if f, is := fault.Of(err); !is || f.Kind != fault.Invalid || x.want != "" && f.Fields[0].Code != x.want {
				t.Errorf("%s: %v", x.name, err)
			}
		}
		_, err := w.Record(ctx, officer, "410702", yi, in, day("2026-03-01"), w.now)
		refused(t, err, fault.Forbidden, "staff.can.unit")
		c, err := w.Record(ctx, officer, "410771", strings.ToLower(yi), in, day("2026-03-02"), w.now)
		ok(t, err)
		if !c.Signed.Paper || c.State != Published || c.Name != "虚构乙科技有限公司" || !slices.Equal(c.Handlers, []string{officer.User.ID}) {
			t.Errorf("%+v", c)
		}
		if got := w.numbers(Asked{Subject: yi}); got != c.No {
			t.Errorf("the ledger has %q", got)
		}
	})
}

func TestTheLedgerIsFilteredAndPagedWithoutLosingOrRepeating(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb)
		var want []string
		for n := range 7 {
			var c Commitment
			var err error
			if n%2 == 0 {
				c = w.published("2026-06-30")
			} else {
				c, err = w.Record(ctx, w.as("gaoxin.handler"), "410771", yi, Writing{"agency-discipline", "事项", day("2026-12-31")}, day("2026-03-01"), w.now)
				ok(t, err)
			}
			want = append([]string{c.No}, want...)
		}
		_, err := w.Annul(ctx, w.as("gaoxin.approver"), want[2], 0, "twice", w.now)
		ok(t, err)
		taken, err := w.Take(ctx, w.as("gaoxin.handler"), want[0], 0, w.now)
		ok(t, err)
		want = slices.Delete(want, 2, 3)
		for limit := 1; limit < 8; limit++ {
			var got []string
			cursor := ""
			for range 20 {
				l, err := w.Ledger(ctx, Asked{Limit: limit, Cursor: cursor}, w.now)
				ok(t, err)
				for _, e := range l.List {
					got = append(got, e.Number)
				}
				if l.Until != day("2026-03-03").Start() {
					t.Errorf("holds until %s", l.Until)
				}
				if cursor = l.Next; cursor == "" {
					break
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("by %d: %v, want %v", limit, got, want)
			}
		}
		for _, x := range []struct {
			a    Asked
			want int
		}{
			{Asked{Subject: jia}, 3}, {Asked{Subject: "虚构乙"}, 3}, {Asked{Subject: "别家"}, 0}, {Asked{Kind: Industry}, 3}, {Asked{Kind: Repair}, 0},
			{Asked{State: Published}, 5}, {Asked{State: Fulfilling}, 1}, {Asked{State: Broken}, 0}, {Asked{District: "410771"}, 6}, {Asked{District: "410702"}, 0},
			{Asked{Subject: jia, State: Fulfilling, Kind: Proactive, District: "410771"}, 1}, {Asked{Subject: yi, State: Fulfilling}, 0},
		} {
			l, err := w.Ledger(ctx, x.a, w.now)
			if err != nil || len(l.List) != x.want {
				t.Errorf("%+v: %d %v", x.a, len(l.List), err)
			}
		}
		if taken.State != Fulfilling {
			t.Error(taken.State)
		}
		for _, a := range []Asked{{Kind: "other"}, {State: Draft}, {State: Annulled}, {District: "990000"}, {Cursor: "-1"}, {Cursor: "01"}, {Cursor: "x"}} {
			if _, err := w.Ledger(ctx, a, w.now); !fault.Is(err, fault.Invalid) {
				t.Errorf("%+v: %v", a, err)
			}
		}
	})
}

// TestTwoWhoTakeItAtOnceDoNotBothHaveIt: of two changes of one version, one counts.
func TestTwoWhoTakeItAtOnceDoNotBothHaveIt(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		c := w.published("2026-03-02")
		w.now = noon("2026-03-03")
		results := make(chan error, 2)
		for _, who := range []string{"gaoxin.approver", "lead.approver"} {
			a := w.as(who)
			go func() {
				_, err := w.Break(context.WithoutCancel(t.Context()), a, w.cases, c.No, c.Seen, finding(NotDone), w.now)
				results <- err
			}()
		}
		won := 0
		for range 2 {
			if err := <-results; err == nil {
				won++
			} else if _, is := fault.Of(err); !is {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d findings of one version", won)
		}
		rows, _, err := w.cases.List(t.Context(), w.as("gaoxin.handler"), casework.Filter{}, w.now)
		if err != nil || len(rows) != 1 {
			t.Errorf("%d leads, %v", len(rows), err)
		}
	})
}

func TestTheDemonstrationHasFiveStatesAndIsMadeOnce(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb)
		w.now = noon("2026-11-24")
		c := credit.Change{Entry: journal.Entry{Actor: "test", Action: "credit.import", Ref: "batch:2", At: w.now}}
		for code, district := range map[string]string{"91410702MA00AAC13T": "410702", "91410772MA00AAB17X": "410772", "91410711MA00AAD1X2": "410711"} {
			c.Subjects = append(c.Subjects, subject.Subject{Code: code, Name: "虚构" + district + "有限公司", Kind: "enterprise", District: district})
		}
		_, _, err := credit.NewStore(w.j, credit.NewInForce(w.j)).Apply(ctx, c)
		ok(t, err)
		actor := func(user string) (staff.Actor, error) { return w.as(user), nil }
		for range 2 {
			ok(t, w.Demo(ctx, actor, w.cases, w.now))
		}
		l, err := w.Ledger(ctx, Asked{}, w.now)
		ok(t, err)
		var states []State
		for _, e := range l.List {
			states = append(states, e.State)
		}
		if !slices.Equal(states, []State{Fulfilling, Published, Broken, Fulfilled}) {
			t.Errorf("%v", states)
		}
		mine, _, err := w.Of(ctx, w.as("jia.legal"), "", 10, w.now)
		if err != nil || len(mine) != 2 || mine[0].State != Draft {
			t.Errorf("%+v %v", mine, err)
		}
	})
}

// TestThreat_NeitherAnotherDistrictNorTheHandlerDecides: a finding that hurts takes
// somebody of the unit, or above a small one, who did not handle the matter.
func TestThreat_NeitherAnotherDistrictNorTheHandlerDecides(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		w := newTown(t, rdb)
		c := w.published("2026-03-02")
		w.now = noon("2026-03-03")
		_, err := w.Take(ctx, w.as("gaoxin.handler"), c.No, 0, w.now)
		ok(t, err)
		for user, want := range map[string]fault.Kind{
			"hongqi.approver": fault.NotFound, "hongqi.handler": fault.NotFound, "lead.system": fault.NotFound, "gaoxin.handler": fault.Forbidden,
		} {
			_, err := w.Break(ctx, w.as(user), w.cases, c.No, 0, finding(NotDone), w.now)
			if !fault.Is(err, want) {
				t.Errorf("%s finds it broken: %v", user, err)
			}
			if _, err = w.Annul(ctx, w.as(user), c.No, 0, "twice", w.now); !fault.Is(err, want) {
				t.Errorf("%s annuls it: %v", user, err)
			}
		}
	})
}
