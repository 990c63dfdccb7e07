package objection

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
	"ipcredit/shared/subject"
)

const (
	jia     = "91410771MA00AAA104"
	jiaName = "虚构甲科技有限公司"
	yi      = "91410771MA00AAA291"
	lead    = "新乡市市场监督管理局"
)

// town is a city with records on the day.
type town struct {
	*Office
	t     testing.TB
	rdb   *redis.Client
	j     *journal.Journal
	staff citytest.Staff
	now   time.Time
	known map[string]staff.Actor
	code  string // whose records they are
}

var ok = citytest.OK

var refused = citytest.Refused

func newTown(t testing.TB, rdb *redis.Client, on string, records ...credit.Record) *town {
	t.Helper()
	w := &town{t: t, rdb: rdb, j: journal.New(rdb, "410700", journal.Options{}), known: map[string]staff.Actor{}, code: jia, now: day(on).Start().Add(10 * time.Hour)}
	w.staff = citytest.NewStaff(t, w.j, w.now)
	w.Office = New(w.j)
	w.add(records...)
	return w
}

func (w *town) add(records ...credit.Record) {
	w.t.Helper()
	c := credit.Change{Entry: journal.Entry{Actor: "test", Action: "credit.import", Ref: "batch:1", At: w.now}}
	for code, name := range map[string]string{w.code: jiaName, yi: "虚构乙科技有限公司"} {
		c.Subjects = append(c.Subjects, subject.Subject{Code: code, Name: name, Kind: "enterprise", District: "410771"})
	}
	for _, x := range records {
		c.Records = append(c.Records, credit.Entry{SubjectCode: w.code, SubjectName: jiaName, Record: x})
	}
	_, _, err := w.credit.Apply(w.t.Context(), c)
	ok(w.t, err)
}

func (w *town) on(s string) { w.now = day(s).Start().Add(10 * time.Hour) }

func (w *town) as(name string) staff.Actor {
	w.t.Helper()
	if a, found := w.known[name]; found {
		return a
	}
	a := w.staff.As(w.t, name)
	w.known[name] = a
	return a
}

// fined is a penalty of the city's bureau, as the batch would store it.
func fined(no, on string) credit.Record {
	no = "新测市监处罚〔2026〕" + no + "号"
	return credit.Record{
		ID: credit.NewID(credit.Penalty, lead, no, jia), Kind: credit.Penalty, Act: "penalty", InstrumentNo: no, Authority: lead,
		AuthorityCode: "11410700000000019U", Source: credit.Admin, Channel: credit.Original, DeterminedOn: day(on), PublishedOn: day(on), UpheldOn: day(on).AddDays(1),
		Content: credit.Content{Penalty: &credit.PenaltyContent{
			Violation: "商标侵权", Facts: "样例事实", Basis: "《中华人民共和国商标法》第六十条", Classes: []string{"罚款"}, Text: "罚款", FineFen: 9000000,
		}},
	}
}

// determined is a determination of CNIPA.
func determined(no, on string) credit.Record {
	no = "国知测认〔2026〕" + no + "号"
	return credit.Record{
		ID: credit.NewID(credit.Determination, "国家知识产权局", no, jia), Kind: credit.Determination, Act: "DA1", InstrumentNo: no, Authority: "国家知识产权局",
		Source: credit.Admin, Channel: credit.Republish, DeterminedOn: day(on), PublishedOn: day(on), SourceURL: "https://source.example/1",
		Content: credit.Content{Determination: &credit.DeterminationContent{Basis: "国知发保字〔2022〕8号第六条"}},
	}
}

// marked tells how strangers see a record of jia: "", or its status.
func (w *town) marked(id string) credit.Status {
	w.t.Helper()
	v, err := w.credit.Load(w.t.Context(), w.code)
	ok(w.t, err)
	visible, _ := credit.Show(v.Records, w.now)
	for _, s := range visible {
		if s.ID == id {
			return s.Status
		}
	}
	return ""
}

func (w *town) record(id string) credit.Record {
	w.t.Helper()
	p, err := w.credit.Load(w.t.Context(), w.code)
	ok(w.t, err)
	for _, r := range p.Records {
		if r.ID == id {
			return r
		}
	}
	w.t.Fatalf("no record %s", id)
	return credit.Record{}
}

func (w *town) clocks(no string) string {
	w.t.Helper()
	k, _, err := clock.New(w.j).Of(w.t.Context(), "objection:"+no)
	ok(w.t, err)
	var out []string
	for _, c := range k.Clocks {
		out = append(out, c.Name+" "+c.Due.String())
	}
	return strings.Join(out, ", ")
}

// feed are the happenings about a record, in order.
func (w *town) feed(id string) string {
	w.t.Helper()
	events, _, err := w.credit.Events(w.t.Context(), credit.Place{}, 100)
	ok(w.t, err)
	var out []string
	for _, e := range events {
		if e.RecordID == id {
			out = append(out, strings.TrimPrefix(string(e.Type), "record."))
		}
	}
	return strings.Join(out, " ")
}

func order(id string, g Ground) Order { return Order{Record: id, Ground: g} }

// checked is an objection that waits for the ruling.
func (w *town) checked(id string, g Ground, f Finding) Objection {
	w.t.Helper()
	ctx := w.t.Context()
	o, err := w.File(ctx, w.as("jia.agent"), order(id, g), w.now)
	ok(w.t, err)
	o, err = w.Check(ctx, w.as("lead.handler"), o.No, o.Version, f, w.now)
	ok(w.t, err)
	return o
}

func TestTheRecordIsMarkedInTheCommitThatTakesTheObjectionIn(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		r := fined("1", "2026-04-10")
		w := newTown(t, rdb, "2026-04-30", r)
		before, err := rdb.XLen(ctx, w.j.Key("journal")).Result()
		ok(t, err)
		o, err := w.File(ctx, w.as("jia.agent"), Order{Record: r.ID, Ground: Facts, Boxes: []string{"BOX1", "BOX1"}}, w.now)
		ok(t, err)
		after, err := rdb.XLen(ctx, w.j.Key("journal")).Result()
		ok(t, err)
		if after != before+1 {
			t.Errorf("%d commits", after-before)
		}
		if o.No != "YY2026000001" || o.Unit != "410700" || o.State != Filed || len(o.Papers) != 1 || w.clocks(o.No) != "answer 2026-05-08, check 2026-05-08" && w.clocks(o.No) != "check 2026-05-08, answer 2026-05-08" {
			t.Errorf("%+v %s", o, w.clocks(o.No))
		}
		if got := w.marked(r.ID); got != credit.Disputed {
			t.Errorf("the record is %q", got)
		}
		f := refused(t, second(w.File(ctx, w.as("jia.legal"), order(r.ID, Other), w.now)), fault.Conflict, "objection.open")
		if len(f.Args) != 1 || f.Args[0] != o.No {
			t.Errorf("the refusal names %v", f.Args)
		}
		// Correcting the row by a batch leaves the mark.
		again := r
		again.Content.Penalty = &credit.PenaltyContent{Violation: "商标侵权", Facts: "样例事实二", Basis: "商标法", Classes: []string{"罚款"}, FineFen: 9000000}
		w.add(again)
		if got := w.marked(r.ID); got != credit.Disputed {
			t.Errorf("after a correction the record is %q", got)
		}
		if _, err = w.Withdraw(ctx, w.as("jia.agent"), o.No, w.now); err != nil {
			t.Fatal(err)
		}
		if got := w.marked(r.ID); got != credit.Disclosed || w.clocks(o.No) != "" {
			t.Errorf("withdrawn: %q, clocks %s", got, w.clocks(o.No))
		}
		if got := w.feed(r.ID); got != "published disputed corrected dispute-ended" {
			t.Errorf("the feed says %s", got)
		}
		// Its papers stay its own.
		_, err = w.File(ctx, w.as("jia.agent"), Order{Record: r.ID, Ground: Facts, Boxes: []string{"BOX1"}}, w.now)
		refused(t, err, fault.Conflict, "objection.same_box")
		if got := w.marked(r.ID); got != credit.Disclosed {
			t.Errorf("a refused one marked it: %q", got)
		}
		_, err = w.File(ctx, w.as("jia.agent"), order(r.ID, Facts), w.now)
		ok(t, err)
	})
}

func second[T any](_ T, err error) error { return err }

func TestWhatCannotBeObjectedTo(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		gone := fined("2", "2026-04-10")
		gone.Repaired = &credit.Repair{On: day("2026-04-20")}
		over := determined("3", "2025-04-29")
		w := newTown(t, rdb, "2026-04-30", fined("1", "2026-04-10"), gone, over)
		j := w.as("jia.agent")
		for _, tt := range []struct {
			name string
			in   Order
			kind fault.Kind
			code string
		}{
			{"no ground", order(gone.ID, ""), fault.Invalid, "objection.incomplete"},
			{"a ground that is none", order(gone.ID, "dislike"), fault.Invalid, "objection.incomplete"},
			{"no record", order("", Facts), fault.Invalid, "objection.incomplete"},
			{"a record that is not there", order("none", Facts), fault.NotFound, "credit.no_record"},
			{"one that was repaired", order(gone.ID, Facts), fault.NotFound, "credit.no_record"},
			{"one whose time is over", order(over.ID, Facts), fault.NotFound, "credit.no_record"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				_, err := w.File(ctx, j, tt.in, w.now)
				refused(t, err, tt.kind, tt.code)
			})
		}
		for _, user := range []string{"lead.handler", "lead.approver"} {
			_, err := w.File(ctx, w.as(user), order(fined("1", "2026-04-10").ID, Facts), w.now)
			if !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s files: %v", user, err)
			}
		}
	})
}

// On its last day a record can be objected to, the day after it is gone.
func TestTheLastDayOfDisplayIsTheLastForObjecting(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		r := determined("1", "2025-04-30")
		w := newTown(t, rdb, "2025-05-01", r)
		w.now = day("2026-04-30").Start().Add(24*time.Hour - time.Second)
		o, err := w.File(t.Context(), w.as("jia.agent"), order(r.ID, Expired), w.now)
		ok(t, err)
		// Its answer is owed though it is displayed no more, and its mark goes with it.
		w.on("2026-05-06")
		_, err = w.File(t.Context(), w.as("jia.agent"), order(r.ID, Expired), w.now)
		refused(t, err, fault.NotFound, "credit.no_record")
		if !w.record(r.ID).Disputed {
			t.Error("the mark is gone before the answer")
		}
		_, err = w.Withdraw(t.Context(), w.as("jia.agent"), o.No, w.now)
		ok(t, err)
		if w.record(r.ID).Disputed {
			t.Error("the mark stays")
		}
	})
}

func TestAnotherPersonRulesAndTheMarkGoesWithTheRuling(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		r := fined("1", "2026-04-10")
		w := newTown(t, rdb, "2026-04-30", r)
		o, err := w.File(ctx, w.as("jia.agent"), order(r.ID, Facts), w.now)
		ok(t, err)
		dismiss := Ruling{Outcome: Dismiss, Decision: "新测市监异〔2026〕1号", Reasons: []string{"accurate"}}
		h, b := w.as("lead.handler"), w.as("lead.approver")
		_, err = w.Rule(ctx, b, o.No, o.Version, dismiss, w.now)
		refused(t, err, fault.Conflict, "objection.state")
		_, err = w.Check(ctx, h, o.No, o.Version, "maybe", w.now)
		refused(t, err, fault.Invalid, "objection.finding")
		_, err = w.Check(ctx, w.as("hongqi.handler"), o.No, 0, Unfounded, w.now)
		refused(t, err, fault.NotFound, "objection.unknown")
		o, err = w.Check(ctx, h, o.No, o.Version, Unfounded, w.now)
		ok(t, err)
		if got := w.clocks(o.No); got != "answer 2026-05-08" {
			t.Errorf("after the check: %s", got)
		}
		_, err = w.Rule(ctx, h, o.No, o.Version, dismiss, w.now)
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("who checked it rules: %v", err)
		}
		_, err = w.Rule(ctx, b, o.No, o.Version-1, dismiss, w.now)
		refused(t, err, fault.Stale, "objection.stale")
		for _, bad := range []Ruling{
			{Outcome: Dismiss, Decision: "1号"}, {Outcome: Dismiss, Decision: "新测1号", Reasons: []string{"because"}},
		} {
			_, err = w.Rule(ctx, b, o.No, o.Version, bad, w.now)
			refused(t, err, fault.Refused, "objection.reasons")
		}
		_, err = w.Rule(ctx, b, o.No, o.Version, Ruling{Outcome: Dismiss, Reasons: []string{"accurate"}, Decision: "因为张样例说得不对"}, w.now)
		refused(t, err, fault.Invalid, "objection.number")
		if w.marked(r.ID) != credit.Disputed {
			t.Fatal("a refused ruling took the mark away")
		}
		o, err = w.Rule(ctx, b, o.No, o.Version, dismiss, w.now)
		ok(t, err)
		if o.State != Dismissed || w.marked(r.ID) != credit.Disclosed || w.clocks(o.No) != "" || w.feed(r.ID) != "published disputed dispute-ended" {
			t.Errorf("%+v %s %s", o, w.marked(r.ID), w.feed(r.ID))
		}
		_, err = w.Withdraw(ctx, w.as("jia.agent"), o.No, w.now)
		refused(t, err, fault.Conflict, "objection.state")
		_, err = w.Rule(ctx, b, o.No, 0, dismiss, w.now)
		refused(t, err, fault.Conflict, "objection.state")
	})
}

func TestWhatAnUpheldObjectionMakesOfTheRecord(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		records := map[Outcome]credit.Record{Correct: fined("1", "2026-04-10"), End: fined("2", "2026-04-10"), Repair: fined("3", "2026-04-10"), Recall: fined("4", "2026-04-10")}
		w := newTown(t, rdb, "2026-04-30", records[Correct], records[End], records[Repair], records[Recall])
		rule := func(r Ruling) (Objection, error) {
			t.Helper()
			id := records[r.Outcome].ID
			open, err := w.opened(ctx, []string{id})
			ok(t, err)
			no := open[id]
			if no == "" {
				no = w.checked(id, Facts, Founded).No
			}
			r.Decision = "新测市监异〔2026〕1号"
			return w.Rule(ctx, w.as("lead.approver"), no, 0, r, w.now)
		}
		values := map[string]string{
			"subjectName": jiaName, "subjectCode": jia, "instrumentNo": records[Correct].InstrumentNo, "authority": lead, "authorityCode": "11410700000000019U",
			"determinedOn": "2026-04-10", "violation": "商标侵权", "facts": "样例事实", "basis": "《中华人民共和国商标法》第六十条", "classes": "罚款", "text": "罚款", "fine": "9",
		}
		_, err := rule(Ruling{Outcome: Correct, Values: values})
		refused(t, err, fault.Refused, "objection.no_change")
		other := clone(values, "instrumentNo", "新测市监处罚〔2026〕99号")
		_, err = rule(Ruling{Outcome: Correct, Values: other})
		refused(t, err, fault.Refused, "disclosure.other_record")
		_, err = rule(Ruling{Outcome: Correct, Values: clone(values, "basis", "")})
		refused(t, err, fault.Invalid, "disclosure.incomplete")
		if r := w.record(records[Correct].ID); !r.Disputed || r.Content.Penalty.FineFen != 9000000 {
			t.Errorf("a refused correction changed the record: %+v", r)
		}
		_, err = rule(Ruling{Outcome: Correct, Values: clone(values, "fine", "0.9")})
		ok(t, err)
		if r := w.record(records[Correct].ID); r.Disputed || r.Content.Penalty.FineFen != 900000 || len(r.History) != 1 || w.feed(r.ID) != "published disputed dispute-ended" && !strings.Contains(w.feed(r.ID), "corrected") {
			t.Errorf("corrected: %+v; %s", r, w.feed(r.ID))
		}

		_, err = rule(Ruling{Outcome: End})
		refused(t, err, fault.Refused, "objection.day")
		_, err = rule(Ruling{Outcome: End, On: day("2026-04-09")})
		refused(t, err, fault.Refused, "objection.day_before")
		// A fine of 90,000 is of the general tier: a year from the document.
		_, err = rule(Ruling{Outcome: End, On: day("2027-04-11")})
		if f := refused(t, err, fault.Refused, "objection.day_after"); f != nil && fmt.Sprint(f.Args) != "[2027-04-10]" {
			t.Errorf("a day after the last of display: %v", f.Args)
		}
		_, err = rule(Ruling{Outcome: End, On: day("2027-04-10")})
		refused(t, err, fault.Refused, "objection.no_change")
		records["end early"] = fined("6", "2026-04-10")
		w.add(records["end early"])
		early := w.checked(records["end early"].ID, Expired, Founded)
		_, err = w.Rule(ctx, w.as("lead.approver"), early.No, 0, Ruling{Outcome: End, On: day("2027-04-09"), Decision: "新测市监异〔2026〕2号"}, w.now)
		ok(t, err)
		if w.on("2027-04-09"); w.marked(records["end early"].ID) == "" {
			t.Error("it ended before its new last day")
		}
		if w.on("2027-04-10"); w.marked(records["end early"].ID) != "" {
			t.Error("it did not end with its new last day")
		}
		w.on("2026-04-30")
		_, err = rule(Ruling{Outcome: End, On: day("2026-04-29")})
		ok(t, err)
		if got := w.marked(records[End].ID); got != "" || w.record(records[End].ID).Disputed || w.feed(records[End].ID) != "published disputed revoked" {
			t.Errorf("ended: %q %s", got, w.feed(records[End].ID))
		}

		_, err = rule(Ruling{Outcome: Repair, On: day("2026-05-01")})
		refused(t, err, fault.Refused, "objection.day_after")
		_, err = rule(Ruling{Outcome: Repair, On: day("2026-04-30")})
		ok(t, err)
		if w.marked(records[Repair].ID) != "" || w.feed(records[Repair].ID) != "published disputed repaired" {
			t.Errorf("repaired: %s", w.feed(records[Repair].ID))
		}

		_, err = rule(Ruling{Outcome: Recall, Why: "dislike"})
		refused(t, err, fault.Refused, "objection.why")
		_, err = rule(Ruling{Outcome: Recall, Why: "annulled"})
		ok(t, err)
		if r := w.record(records[Recall].ID); r.Withdrawn == nil || r.Withdrawn.Reason != "annulled" || r.Disputed || w.feed(r.ID) != "published disputed revoked" {
			t.Errorf("taken back: %+v %s", r, w.feed(r.ID))
		}
		records["forget"] = fined("5", "2026-04-10")
		w.add(records["forget"])
		_, err = rule(Ruling{Outcome: "forget"})
		refused(t, err, fault.Invalid, "objection.outcome")
	})
}

// TestAnObjectionNeverLengthensADisplay: neither where the source set an earlier end,
// nor where the display ended while the objection was open.
func TestAnObjectionNeverLengthensADisplay(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		sourced, over := fined("1", "2026-04-10"), fined("2", "2026-04-10")
		sourced.SourceUntil, over.SourceUntil = day("2026-09-15"), day("2026-04-30")
		w := newTown(t, rdb, "2026-04-30", sourced, over)
		rule := func(no, last string) error {
			_, err := w.Rule(ctx, w.as("lead.approver"), no, 0, Ruling{Outcome: End, On: day(last), Decision: "新测市监异〔2026〕3号"}, w.now)
			return err
		}
		for _, x := range []struct{ id, last, after string }{{sourced.ID, "2026-09-15", "2026-09-16"}, {over.ID, "2026-04-30", "2026-05-01"}} {
			no := w.checked(x.id, Facts, Founded).No
			w.on("2026-05-06")
			if f := refused(t, rule(no, x.after), fault.Refused, "objection.day_after"); f != nil && fmt.Sprint(f.Args) != "["+x.last+"]" {
				t.Errorf("%s: %v", x.id, f.Args)
			}
			refused(t, rule(no, x.last), fault.Refused, "objection.no_change")
			ok(t, rule(no, "2026-04-29"))
			w.on("2026-04-30")
		}
	})
}

// TestWhatWasDismissedIsNotFiledAgainWithoutAnythingNew: else the record would be
// marked for ever.
func TestWhatWasDismissedIsNotFiledAgainWithoutAnythingNew(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		r := fined("1", "2026-04-10")
		w := newTown(t, rdb, "2026-04-30", r)
		no := 0
		dismiss := func(in Order) Objection {
			t.Helper()
			o, err := w.File(ctx, w.as("jia.agent"), in, w.now)
			ok(t, err)
			o, err = w.Check(ctx, w.as("lead.handler"), o.No, o.Version, Unfounded, w.now)
			ok(t, err)
			no++
			o, err = w.Rule(ctx, w.as("lead.approver"), o.No, o.Version, Ruling{Outcome: Dismiss, Decision: fmt.Sprintf("新测市监异〔2026〕%d号", no), Reasons: []string{"accurate"}}, w.now)
			ok(t, err)
			return o
		}
		o, err := w.File(ctx, w.as("jia.agent"), order(r.ID, Facts), w.now)
		ok(t, err)
		_, err = w.Withdraw(ctx, w.as("jia.agent"), o.No, w.now)
		ok(t, err)
		first := dismiss(order(r.ID, Facts)) // one that was withdrawn is no answer
		w.on("2026-05-20")
		nothing := func(in Order) {
			t.Helper()
			_, err := w.File(ctx, w.as("jia.legal"), in, w.now)
			if f := refused(t, err, fault.Refused, "objection.nothing_new"); f.Args[0] != first.No {
				t.Errorf("the refusal names %v", f.Args)
			}
			if w.marked(r.ID) != credit.Disclosed {
				t.Error("a refused one marked the record")
			}
		}
		nothing(order(r.ID, Facts))
		_, err = w.Would(ctx, jia, order(r.ID, Facts), w.now)
		refused(t, err, fault.Refused, "objection.nothing_new")
		ok(t, second(w.Would(ctx, jia, Order{Record: r.ID, Ground: Facts, Statement: true}, w.now)))
		nothing(Order{Record: r.ID, Ground: Facts, Statement: true}) // announced, and not there
		dismiss(order(r.ID, Identity))
		first = dismiss(Order{Record: r.ID, Ground: Facts, Boxes: []string{"BOX1"}})
		nothing(order(r.ID, Facts))
		// On paper the officer sees what is new.
		o, err = w.Register(ctx, w.as("lead.handler"), order(r.ID, Facts), day("2026-05-20"), w.now)
		ok(t, err)
		_, err = w.Withdraw(ctx, w.as("jia.agent"), o.No, w.now)
		ok(t, err)
		nothing(order(r.ID, Facts))
		// The record says something else: that is new.
		w.now = w.now.Add(time.Minute)
		r.CollectedAt = w.now
		r.Content.Penalty = &credit.PenaltyContent{Violation: "商标侵权", Facts: "样例事实二", Basis: "商标法", Classes: []string{"罚款"}, FineFen: 9000000}
		w.add(r)
		ok(t, second(w.File(ctx, w.as("jia.agent"), order(r.ID, Facts), w.now)))
	})
}

func clone(m map[string]string, field, value string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = v
	}
	out[field] = value
	return out
}

func TestTheSourceIsAskedAndThePauseIsNotCounted(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		r := fined("1", "2026-04-10")
		w := newTown(t, rdb, "2026-04-30", r)
		h := w.as("lead.handler")
		o, err := w.File(ctx, w.as("jia.agent"), order(r.ID, Instrument), w.now)
		ok(t, err)
		w.on("2026-05-06")
		for on, code := range map[string]string{"": "objection.day", "2026-04-29": "objection.day_before", "2026-05-07": "objection.day_after"} {
			_, err = w.Ask(ctx, h, o.No, 0, day(on), w.now)
			refused(t, err, fault.Refused, code)
		}
		o, err = w.Ask(ctx, h, o.No, o.Version, day("2026-05-06"), w.now)
		ok(t, err)
		if got := w.clocks(o.No); got != "answer 2026-05-13, source 2026-05-09" {
			t.Errorf("asked: %s", got)
		}
		_, err = w.Check(ctx, h, o.No, 0, Founded, w.now)
		refused(t, err, fault.Conflict, "objection.state")
		w.on("2026-05-09")
		_, err = w.Answered(ctx, h, o.No, 0, Silent, day("2026-05-09"), w.now)
		refused(t, err, fault.Refused, "objection.not_silent")
		w.on("2026-05-10")
		silent, err := w.Answered(ctx, h, o.No, 0, Silent, day("2026-05-10"), w.now)
		ok(t, err)
		if silent.State != Filed || silent.Source.Answer != Silent {
			t.Errorf("%+v", silent)
		}
		_, err = w.Ask(ctx, h, o.No, 0, day("2026-05-10"), w.now)
		refused(t, err, fault.Conflict, "objection.asked")
		_, err = w.Resume(ctx, h, o.No, 0, w.now)
		refused(t, err, fault.Conflict, "objection.not_paused")
		w.on("2026-05-11")
		_, err = w.Pause(ctx, h, o.No, 0, w.now)
		ok(t, err)
		_, err = w.Check(ctx, h, o.No, 0, Founded, w.now)
		refused(t, err, fault.Conflict, "objection.paused")
		w.on("2026-05-13")
		_, err = w.Resume(ctx, h, o.No, 0, w.now)
		ok(t, err)
		if got := w.clocks(o.No); got != "answer 2026-05-15" {
			t.Errorf("after an inspection of two working days: %s", got)
		}
		_, err = w.Check(ctx, h, o.No, 0, Founded, w.now)
		ok(t, err)
	})
}

func TestOneOfManyWhoObjectAtOnceIsTakenIn(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		r := fined("1", "2026-04-10")
		w := newTown(t, rdb, "2026-04-30", r)
		j := w.as("jia.agent")
		var taken sync.Map
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				o, err := w.File(ctx, j, order(r.ID, Facts), w.now)
				if err == nil {
					taken.Store(i, o.No)
				} else if !fault.Is(err, fault.Conflict) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		n := 0
		taken.Range(func(any, any) bool { n++; return true })
		if list, _, err := w.Of(ctx, j, "", 10, w.now); err != nil || n != 1 || len(list) != 1 {
			t.Errorf("%d taken in, %d listed, %v", n, len(list), err)
		}
	})
}

// A merger moves the record; its objection finds it, before and after it is undone.
func TestAMergerLosesNoObjection(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		r := fined("1", "2026-04-10")
		w := newTown(t, rdb, "2026-04-30", r)
		o := w.checked(r.ID, Facts, Founded)
		merge := journal.Entry{Actor: "test", Action: "subject.merge", Ref: "x", At: w.now}
		ok(t, w.credit.Merge(ctx, merge, jia, yi))
		x, who, found, err := w.Record(ctx, o)
		if err != nil || !found || x.ID != r.ID || who.Code != yi || !x.Disputed {
			t.Fatalf("%+v %v %v", x, found, err)
		}
		o, err = w.Rule(ctx, w.as("lead.approver"), o.No, 0, Ruling{Outcome: Dismiss, Decision: "新测异〔2026〕1号", Reasons: []string{"accurate"}}, w.now)
		ok(t, err)
		if x, _, _, _ := w.Record(ctx, o); x.Disputed {
			t.Error("the mark stays where the record went")
		}
		ok(t, w.credit.Unmerge(ctx, merge, jia))
		if w.record(r.ID).Disputed {
			t.Error("the mark came back")
		}
	})
}

func TestListsAreFilteredAndGoOnWhereTheyStopped(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		var records []credit.Record
		for _, no := range []string{"1", "2", "3", "4", "5"} {
			records = append(records, fined(no, "2026-04-10"))
		}
		w := newTown(t, rdb, "2026-04-30", records...)
		for i, r := range records {
			g := Facts
			if i%2 == 1 {
				g = Identity
			}
			_, err := w.File(ctx, w.as("jia.agent"), order(r.ID, g), w.now)
			ok(t, err)
		}
		read := func(f Filter) string {
			t.Helper()
			var all []string
			for range 10 {
				list, next, err := w.Queue(ctx, w.as("lead.supervisor"), f, w.now)
				ok(t, err)
				for _, o := range list {
					all = append(all, o.No[len(o.No)-1:])
				}
				if f.Cursor = next; next == "" {
					break
				}
			}
			return strings.Join(all, "")
		}
		for _, tt := range []struct {
			f    Filter
			want string
		}{
			{Filter{Unit: "410700", Limit: 10}, "54321"}, {Filter{Unit: "410700", Limit: 2}, "54321"}, {Filter{Unit: "410700", Limit: 1, Ground: Identity}, "42"},
			{Filter{Unit: "410700", Limit: 5, State: Checked}, ""}, {Filter{Unit: "410700", Limit: 5, Closed: true}, ""},
		} {
			if got := read(tt.f); got != tt.want {
				t.Errorf("%+v: %s", tt.f, got)
			}
		}
		_, _, err := w.Queue(ctx, w.as("lead.handler"), Filter{Unit: "410700", Cursor: "x"}, w.now)
		refused(t, err, fault.Invalid, "objection.cursor")
		ok(t, second(w.Withdraw(ctx, w.as("jia.legal"), "YY2026000003", w.now)))
		if got := read(Filter{Unit: "410700", Limit: 5, Closed: true}); got != "3" {
			t.Errorf("closed: %s", got)
		}
	})
}
