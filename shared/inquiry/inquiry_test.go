package inquiry

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/liaison"
	"ipcredit/shared/objects"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/subject"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

var noon = time.Date(2026, 5, 20, 4, 0, 0, 0, time.UTC)

func day(s string) workday.Date { return workday.MustDate(s) }

var ok = citytest.OK

const (
	jia  = "91410771MA00AAA104"
	yi   = "91410771MA00AAA291"
	bing = "91410702MA00AAC13T"
)

func record(id string, kind credit.Kind, on string, change ...func(*credit.Record)) credit.Record {
	r := credit.Record{ID: id, Kind: kind, Act: string(kind), InstrumentNo: "新测市监〔2026〕1号", Authority: "国家知识产权局", Source: credit.Admin, Channel: credit.Internal, DeterminedOn: day(on), CollectedAt: noon}
	switch kind {
	case credit.Determination:
		r.Act, r.Content.Determination = "DA1", &credit.DeterminationContent{}
	case credit.Penalty:
		r.Content.Penalty = &credit.PenaltyContent{}
	case credit.Commendation:
		r.Content.Commendation = &credit.CommendationContent{}
	}
	for _, f := range change {
		f(&r)
	}
	return r
}

func TestAnswerGivesWhatThePurposeNeedsAndNoMore(t *testing.T) {
	t.Parallel()
	upheld := func(r *credit.Record) { r.UpheldOn = day("2026-05-01") }
	for _, tt := range []struct {
		name    string
		purpose string
		record  credit.Record
		want    string
	}{
		{"kept inside, for a project", "project", record("a", credit.Determination, "2026-01-10"), "shared"},
		{"kept inside, not for a title", "title", record("a", credit.Penalty, "2026-01-10", upheld), ""},
		{"public", "title", record("a", credit.Determination, "2026-01-10", func(r *credit.Record) { r.Channel = credit.Original }), "public"},
		{"public no more", "project", record("a", credit.Determination, "2024-01-10", func(r *credit.Record) { r.Channel = credit.Original }), ""},
		{"last day of five years", "project", record("a", credit.Determination, "2021-05-20"), "shared"},
		{"a day past five years", "project", record("a", credit.Determination, "2021-05-19"), ""},
		{"repaired today", "project", record("a", credit.Determination, "2026-01-10", func(r *credit.Record) { r.Repaired = &credit.Repair{On: day("2026-05-20")} }), ""},
		{"repaired tomorrow", "project", record("a", credit.Determination, "2026-01-10", func(r *credit.Record) { r.Repaired = &credit.Repair{On: day("2026-05-21")} }), "shared"},
		{"withdrawn", "project", record("a", credit.Determination, "2026-01-10", func(r *credit.Record) { r.Withdrawn = &credit.Withdrawal{At: noon} }), ""},
		{"in dispute", "project", record("a", credit.Determination, "2026-01-10", func(r *credit.Record) { r.Disputed = true }), ""},
		{"of a minor", "project", record("a", credit.Penalty, "2026-01-10", upheld, func(r *credit.Record) { r.Unpublished = credit.OfMinor }), ""},
		{"a warning only", "project", record("a", credit.Penalty, "2026-01-10", upheld, func(r *credit.Record) { r.Unpublished = credit.WarningOnly }), ""},
		{"of a natural person", "project", record("a", credit.Penalty, "2026-01-10", upheld, func(r *credit.Record) { r.NaturalPerson = true }), ""},
		{"penalty upheld today", "project", record("a", credit.Penalty, "2026-01-10", func(r *credit.Record) { r.UpheldOn = day("2026-05-20") }), "shared"},
		{"penalty upheld tomorrow", "project", record("a", credit.Penalty, "2026-01-10", func(r *credit.Record) { r.UpheldOn = day("2026-05-21") }), ""},
		{"penalty that can be challenged", "project", record("a", credit.Penalty, "2026-01-10"), ""},
		{"of tomorrow", "project", record("a", credit.Determination, "2026-05-21"), ""},
		{"commendation for an award", "award", record("a", credit.Commendation, "2026-01-10"), "shared"},
		{"commendation for a project", "project", record("a", credit.Commendation, "2026-01-10"), ""},
	} {
		p, _ := PurposeOf(tt.purpose)
		got := Answer(p, credit.Shipped(), []credit.Record{tt.record}, noon)
		is := ""
		for _, k := range got {
			if is = "shared"; k.Public {
				is = "public"
			}
		}
		if is != tt.want || len(got) > 1 {
			t.Errorf("%s: %q %+v, want %q", tt.name, is, got, tt.want)
		}
	}
}

func TestSubjectsAreReadOnceEachAndAtMost500(t *testing.T) {
	t.Parallel()
	lines := func(n int) []string {
		out := make([]string, n)
		for i := range out {
			out[i] = fmt.Sprintf("样例%d有限公司", i)
		}
		return out
	}
	for _, tt := range []struct {
		name string
		in   []string
		want int
		code string
	}{
		{"one", []string{jia}, 1, ""},
		{"500", lines(500), 500, ""},
		{"501", lines(501), 0, "inquiry.many"},
		{"501 with one twice", append(lines(500), "样例0有限公司"), 500, ""},
		{"none", []string{" ", ""}, 0, "inquiry.none"},
		{"twice, lower case and full width", []string{jia, strings.ToLower(jia), "９１４１０７７１ＭＡ００ＡＡＡ１０４"}, 1, ""},
		{"punctuation", []string{"，。"}, 0, "inquiry.line"},
		{"bidi", []string{"样例\u202e"}, 0, "inquiry.line"},
		{"too long", []string{strings.Repeat("样", 121)}, 0, "inquiry.line"},
	} {
		got, err := ReadSubjects(tt.in)
		if f, _ := fault.Of(err); len(got) != tt.want || (f == nil) != (tt.code == "") || f != nil && f.Code != tt.code {
			t.Errorf("%s: %d, %v", tt.name, len(got), err)
		}
	}
}

type town struct {
	*Store
	t        testing.TB
	j        *journal.Journal
	rdb      *redis.Client
	staff    citytest.Staff
	notified map[string]workday.Date
	codes    []string
	n        int
}

func newTown(t testing.TB, rdb *redis.Client) *town {
	t.Helper()
	buckets, err := objects.Open(objects.Config{Dir: t.TempDir()})
	ok(t, err)
	j := journal.New(rdb, "410700", journal.Options{})
	w := &town{t: t, j: j, rdb: rdb, staff: citytest.NewStaff(t, j, noon), notified: map[string]workday.Date{}, codes: []string{jia}}
	units := tipoff.Units(citytest.Recipients(citytest.Identities()))
	laws := credit.Shipped()
	store := credit.NewStore(j, laws)
	var c credit.Change
	c.Entry = journal.Entry{Actor: "test", Action: "credit.import", Ref: "batch:1", At: noon}
	for code, name := range map[string]string{jia: "虚构甲科技有限公司", yi: "虚构乙科技有限公司", bing: "虚构丙有限公司"} {
		c.Subjects = append(c.Subjects, subject.Subject{Code: code, Name: name, Kind: "enterprise", District: "410771"})
	}
	c.Records = []credit.Entry{{SubjectCode: jia, SubjectName: "虚构甲科技有限公司", Record: record("r1", credit.Determination, "2026-01-10")}}
	_, _, err = store.Apply(t.Context(), c)
	ok(t, err)
	w.Store = New(j, Config{
		Safe: liaison.NewSafe(seal.NewKeys(buckets.Keys), "410700", units, citytest.Identities()[citytest.Escrow].Recipient(), citytest.Identities()), Credit: store, Laws: laws,
		Case: func(_ context.Context, a staff.Actor, number string, _ time.Time) error {
			if !strings.HasPrefix(number, "AJ"+a.Org.Division()) {
				return fault.New(fault.NotFound, "casework.none")
			}
			return nil
		},
		Notified: func(_ context.Context, number string) (workday.Date, []string, error) {
			return w.notified[number], w.codes, nil
		},
	})
	return w
}

func (w *town) actor(name string) staff.Actor {
	w.t.Helper()
	return w.staff.As(w.t, name)
}

const secretReason = "样例评审事由甲乙"

func (w *town) question(purpose string, subjects ...string) Question {
	w.n++
	q := Question{Ticket: fmt.Sprintf("ticket-of-a-test-%06d", w.n), Purpose: purpose, Project: "豫科2026-001", Reason: secretReason, Subjects: subjects}
	if purpose == "verification" {
		q.Case = "AJ410702-2026-00001"
	}
	return q
}

func (w *town) ask(by string, q Question) Inquiry {
	w.t.Helper()
	in, err := w.Ask(w.t.Context(), w.actor(by), q, noon)
	ok(w.t, err)
	return in
}

func (w *town) visible(code string) string {
	w.t.Helper()
	list, next, err := w.Visible(w.t.Context(), code, "", 50)
	ok(w.t, err)
	b, err := json.Marshal(struct {
		List []Entry
		Next string
	}{list, next})
	ok(w.t, err)
	return string(b)
}

func TestLookupIsAnsweredKeptAndSeenByItsSubject(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		q := w.question("project", jia, "虚构乙科技有限公司", "虚构", "无此样例公司", "91410771MA00AAA105")
		in := w.ask("science.inquirer", q)
		if again := w.ask("science.inquirer", q); again.ID != in.ID {
			t.Error("sent twice, it is two lookups")
		}
		o, err := w.Open(t.Context(), w.actor("science.inquirer"), in.ID, noon)
		ok(t, err)
		var found []Found
		for _, x := range o.Lines {
			found = append(found, x.Found)
		}
		if want := []Found{One, One, Like, found[3], Wrong}; !slices.Equal(found, want) || found[3] == One {
			t.Errorf("found %v", found)
		}
		if len(o.Lines[0].Records) != 1 || o.Lines[0].Records[0].Public || len(o.Lines[1].Records) != 0 || in.Answered != 2 || o.Ended {
			t.Errorf("%+v", o)
		}
		if got := w.visible(jia); got != `{"List":[{"day":"2026-05-20","organization":"新乡市科学技术局","purpose":"project"}],"Next":""}` {
			t.Errorf("the subject sees %s", got)
		}
		if got := w.visible(bing); got != `{"List":[],"Next":""}` {
			t.Errorf("who was only similar sees %s", got)
		}
		redistest.Grep(t, rdb, secretReason)
		redistest.Grep(t, rdb, "豫科2026-001")
		// The answer can be read for a day, by who asked.
		for _, tt := range []struct {
			after time.Duration
			by    string
			ended bool
		}{{Readable() - time.Second, "science.inquirer", false}, {Readable(), "science.inquirer", true}} {
			o, err := w.Open(t.Context(), w.actor(tt.by), in.ID, noon.Add(tt.after))
			if err != nil || o.Ended != tt.ended || (len(o.Lines[0].Records) > 0) == tt.ended {
				t.Errorf("after %s: %+v, %v", tt.after, o.Ended, err)
			}
		}
		if _, err := w.Open(t.Context(), w.actor("health.inquirer"), in.ID, noon); !fault.Is(err, fault.NotFound) {
			t.Errorf("another department: %v", err)
		}
		if list, _, err := w.List(t.Context(), w.actor("health.inquirer"), "", 10, noon); err != nil || len(list) != 0 {
			t.Errorf("another department's list: %v, %v", list, err)
		}
	})
}

func TestLookupIsRefusedWithoutPurposeOrRight(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	for name, tt := range map[string]struct {
		by     string
		change func(*Question)
		kind   fault.Kind
		field  string
	}{
		"no purpose":                     {"science.inquirer", func(q *Question) { q.Purpose = "" }, fault.Invalid, "purpose"},
		"curiosity":                      {"science.inquirer", func(q *Question) { q.Purpose = "curiosity" }, fault.Invalid, "purpose"},
		"no number of a project":         {"science.inquirer", func(q *Question) { q.Project = " " }, fault.Invalid, "project"},
		"no reason":                      {"science.inquirer", func(q *Question) { q.Reason = "" }, fault.Invalid, "reason"},
		"nobody":                         {"science.inquirer", func(q *Question) { q.Subjects = nil }, fault.Invalid, "subjects"},
		"a telephone number":             {"science.inquirer", func(q *Question) { q.Reason = "19900001234" }, fault.Invalid, "reason"},
		"no ticket":                      {"science.inquirer", func(q *Question) { q.Ticket = "" }, fault.Invalid, "ticket"},
		"a court reviews projects":       {"court.inquirer", func(*Question) {}, fault.Forbidden, ""},
		"a credit service":               {"service.inquirer", func(*Question) {}, fault.Forbidden, ""},
		"a handler who is no inquirer":   {"science.handler", func(*Question) {}, fault.Forbidden, ""},
		"a department verifies":          {"science.inquirer", func(q *Question) { q.Purpose, q.Case = "verification", "AJ410702-2026-00001" }, fault.Forbidden, ""},
		"verification without a case":    {"hongqi.handler", func(q *Question) { q.Purpose = "verification" }, fault.Invalid, "case"},
		"verification in another's case": {"muye.handler", func(q *Question) { q.Purpose, q.Case = "verification", "AJ410702-2026-00001" }, fault.Invalid, "case"},
		"a subject":                      {"jia.legal", func(*Question) {}, fault.Forbidden, ""},
	} {
		q := w.question("project", jia)
		tt.change(&q)
		_, err := w.Ask(t.Context(), w.actor(tt.by), q, noon)
		f, is := fault.Of(err)
		if !is || f.Kind != tt.kind || tt.field != "" && !slices.ContainsFunc(f.Fields, func(x fault.Field) bool { return x.Name == tt.field }) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := w.visible(jia); got != `{"List":[],"Next":""}` {
		t.Errorf("a refused lookup is seen: %s", got)
	}
}

// state is what is stored under a subject's code, byte for byte.
func (w *town) state(code string) string {
	w.t.Helper()
	keys, err := w.rdb.Keys(w.t.Context(), "*"+code+"*").Result()
	ok(w.t, err)
	slices.Sort(keys)
	out := ""
	for _, k := range keys {
		dump := ""
		switch kind, _ := w.rdb.Type(w.t.Context(), k).Result(); kind {
		case "string":
			dump, _ = w.rdb.Get(w.t.Context(), k).Result()
		case "zset":
			z, _ := w.rdb.ZRangeWithScores(w.t.Context(), k, 0, -1).Result()
			dump = fmt.Sprint(z)
		case "set":
			m, _ := w.rdb.SMembers(w.t.Context(), k).Result()
			slices.Sort(m)
			dump = fmt.Sprint(m)
		}
		out += k + "=" + dump + "\n"
	}
	return out
}

// TestThreat_VerificationIsNotSeenBeforeTheCaseIsNotified: what the subject sees and
// what is stored under its code are the same bytes with and without the lookup,
// until the case is notified to it; then it is there, under its day.
func TestThreat_VerificationIsNotSeenBeforeTheCaseIsNotified(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		w.ask("science.inquirer", w.question("project", jia, yi))
		seen, stored, others := w.visible(jia), w.state(jia), w.visible(yi)
		in := w.ask("hongqi.handler", w.question("verification", jia, yi))
		same := func(when string) {
			t.Helper()
			if w.visible(jia) != seen || w.state(jia) != stored || w.visible(yi) != others {
				t.Errorf("%s, the subject can tell", when)
			}
		}
		same("after the lookup")
		n, err := w.RevealDue(t.Context(), noon)
		ok(t, err)
		if n != 0 {
			t.Errorf("%d cases revealed", n)
		}
		same("after a tick")
		w.notified[in.Case] = day("2026-05-21")
		_, err = w.RevealDue(t.Context(), noon)
		ok(t, err)
		same("the day before the notice")
		next := noon.Add(24 * time.Hour)
		for range 2 {
			_, err = w.RevealDue(t.Context(), next)
			ok(t, err)
		}
		if got := w.visible(jia); !strings.Contains(got, `{"day":"2026-05-20","organization":"新乡市红旗区市场监督管理局","purpose":"verification"}`) || strings.Count(got, "verification") != 1 {
			t.Errorf("afterwards the subject sees %s", got)
		}
		if w.visible(yi) != others {
			t.Error("another subject of the lookup, to which nothing was notified, sees it")
		}
		w.codes = []string{jia, yi}
		_, err = w.RevealDue(t.Context(), next)
		ok(t, err)
		if got := w.visible(yi); !strings.Contains(got, "verification") {
			t.Errorf("notified later, it sees %s", got)
		}
		if left, err := w.store.members(t.Context(), w.store.key("withheld")); err != nil || len(left) != 0 {
			t.Errorf("still withheld: %v, %v", left, err)
		}
		// A colleague in the same bureau sees no lookup that verifies something.
		if _, err := w.Open(t.Context(), w.actor("hongqi.suo"), in.ID, noon); err == nil {
			t.Error("somebody else reads it")
		}
	})
}

func TestHistoryOfASubjectGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	for range 5 {
		w.ask("science.inquirer", w.question("award", jia)) // all at the same instant
	}
	n, cursor := 0, ""
	for {
		list, next, err := w.Visible(t.Context(), jia, cursor, 2)
		ok(t, err)
		n += len(list)
		if cursor = next; next == "" {
			break
		}
	}
	if n != 5 {
		t.Errorf("%d entries", n)
	}
	if _, _, err := w.Visible(t.Context(), jia, "x", 2); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
}

func FuzzReadSubjects(f *testing.F) {
	f.Add(jia + "\n样例")
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ReadSubjects(strings.Split(s, "\n"))
		if _, is := fault.Of(err); err != nil && !is || len(got) > MostSubjects() {
			t.Errorf("%d, %v", len(got), err)
		}
	})
}

func TestDemonstrationIsLoadedOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	for range 2 {
		ok(t, w.Demo(t.Context(), func(name string) (staff.Actor, error) { return w.actor(name), nil }, noon))
	}
	if list, _, err := w.Visible(t.Context(), jia, "", 50); err != nil || len(list) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
}
