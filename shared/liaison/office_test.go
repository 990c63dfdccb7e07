package liaison

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/objects"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

var noon = time.Date(2026, 5, 20, 4, 0, 0, 0, time.UTC)

type town struct {
	*Store
	t      testing.TB
	j      *journal.Journal
	rdb    *redis.Client
	staff  citytest.Staff
	keys   *seal.Keys
	clocks *clock.Store
}

func newTown(t testing.TB, rdb *redis.Client) *town {
	t.Helper()
	return newTownOf(t, rdb, "410700", citytest.Identities())
}

func newTownOf(t testing.TB, rdb *redis.Client, city string, identities map[string]seal.Identity) *town {
	t.Helper()
	buckets, err := objects.Open(objects.Config{Dir: t.TempDir()})
	ok(t, err)
	j := journal.New(rdb, city, journal.Options{})
	w := &town{t: t, j: j, rdb: rdb, staff: citytest.NewStaff(t, j, noon), keys: seal.NewKeys(buckets.Keys)}
	units := tipoff.Units(citytest.Recipients(identities))
	delete(units, "410704") // a district without a key of its own
	safe := NewSafe(w.keys, city, units, identities[citytest.Escrow].Recipient(), identities)
	w.clocks = clock.New(j)
	w.Store = New(j, Config{Safe: safe, Staff: w.staff.Store, Clocks: w.clocks})
	return w
}

var ok = citytest.OK

func (w *town) actor(name string) staff.Actor {
	w.t.Helper()
	return w.staff.As(w.t, name)
}

const secretText = "样例核查所见甲乙丙"

func writing(to string) Writing {
	t, _ := TemplateOf(to)
	w := Writing{Kind: Notice, To: to, Basis: []string{"xinxiang-2022-8"}, Fields: good(t)}
	w.Fields["request"] = secretText
	return w
}

func (w *town) draft(by string, in Writing) Letter {
	w.t.Helper()
	l, err := w.Draft(w.t.Context(), w.actor(by), in, noon)
	ok(w.t, err)
	return l
}

func (w *town) try(by string, l Letter, act Act) (Letter, error) {
	act.ID, act.Version = l.ID, l.Version
	return w.Do(w.t.Context(), w.actor(by), act, noon)
}

func (w *town) do(by string, l Letter, act Act) Letter {
	w.t.Helper()
	got, err := w.try(by, l, act)
	if err != nil {
		w.t.Fatalf("%s %s: %v", by, act.Step, err)
	}
	return got
}

func (w *town) sent(by, approver, to, number string) Letter {
	w.t.Helper()
	l := w.draft(by, writing(to))
	l = w.do(by, l, Act{Step: Submit})
	return w.do(approver, l, Act{Step: Send, DocNo: number})
}

func (w *town) inbox(name string) []string {
	w.t.Helper()
	list, _, err := w.staff.Inbox(w.t.Context(), w.actor(name), "", 50)
	ok(w.t, err)
	var out []string
	for _, m := range list {
		if strings.HasPrefix(m.Kind, "liaison.") {
			out = append(out, m.Kind)
		}
	}
	return out
}

func wants(t testing.TB, err error, kind fault.Kind, code string) {
	t.Helper()
	f, is := fault.Of(err)
	if !is || f.Kind != kind || f.Code != code && !slices.ContainsFunc(f.Fields, func(x fault.Field) bool { return x.Code == code }) {
		t.Errorf("got %v, want %s %s", err, kind, code)
	}
}

func TestNoticeGoesFromDraftToAnswerAndOn(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		l := w.draft("hongqi.handler", writing("science"))
		if rows, _, err := w.List(t.Context(), w.actor("science.handler"), Filter{}, noon); err != nil || len(rows) != 0 {
			t.Errorf("a draft is on the receiver's list: %v, %v", rows, err)
		}
		_, err := w.Open(t.Context(), w.actor("science.handler"), l.ID, noon)
		wants(t, err, fault.NotFound, "liaison.unknown")
		l = w.do("hongqi.handler", l, Act{Step: Submit})
		l = w.do("hongqi.approver", l, Act{Step: SendBack, Text: "请补充依据"})
		edited := writing("science")
		edited.Fields["count"] = "3"
		l = w.do("hongqi.handler", l, Act{Step: Edit, Writing: edited})
		l = w.do("hongqi.handler", l, Act{Step: Submit})
		l = w.do("hongqi.approver", l, Act{Step: Send, DocNo: "新测市监函[2026]１号"})
		if l.DocNo != "新测市监函〔2026〕1号" || l.Started != day("2026-05-20") {
			t.Errorf("sent %+v", l)
		}
		if got := w.inbox("science.handler"); !slices.Equal(got, []string{"liaison.send"}) {
			t.Errorf("the department's inbox: %v", got)
		}
		_, err = w.try("science.handler", l, Act{Step: Reply, Text: "已核实"})
		wants(t, err, fault.Conflict, "liaison.step")
		l = w.do("science.handler", l, Act{Step: Receive})
		l = w.do("science.handler", l, Act{Step: Reply, Text: "已在评审中核实"})
		l = w.do("hongqi.handler", l, Act{Step: Follow, Text: "请补充结果"})
		l = w.do("science.handler", l, Act{Step: Reply, Text: "结果已附"})
		l = w.do("hongqi.handler", l, Act{Step: Close})
		if l.State != Closed || l.Signed.IsZero() || l.Replied.IsZero() || l.AskedOn.IsZero() {
			t.Errorf("closed %+v", l)
		}
		if got := w.inbox("hongqi.handler"); !slices.Equal(got, []string{"liaison.reply", "liaison.reply", "liaison.receive", "liaison.send-back"}) {
			t.Errorf("the bureau's inbox: %v", got)
		}
		ours, err := w.Open(t.Context(), w.actor("hongqi.handler"), l.ID, noon)
		ok(t, err)
		theirs, err := w.Open(t.Context(), w.actor("science.handler"), l.ID, noon)
		ok(t, err)
		if len(ours.Posts) != 4 || len(theirs.Posts) != 3 || theirs.Fields["count"] != "3" || theirs.Fields["request"] != secretText {
			t.Errorf("ours %d, theirs %d posts: %+v", len(ours.Posts), len(theirs.Posts), theirs.Fields)
		}
		if text := fmt.Sprint(theirs.Posts, theirs.Events); strings.Contains(text, "补充依据") || strings.Contains(text, string(SendBack)) {
			t.Error("the receiver sees what went between writer and approver")
		}
		// What was typed is nowhere in the clear.
		for _, canary := range []string{secretText, "已在评审中核实", "补充依据", "202510999999"} {
			redistest.Grep(t, rdb, canary)
		}
		// Erased, it can be read by nobody, and the list still has it.
		l = w.do("hongqi.approver", l, Act{Step: Erase})
		gone, err := w.Open(t.Context(), w.actor("hongqi.handler"), l.ID, noon)
		if err != nil || len(gone.Values) != 0 || len(gone.Posts) != 0 || gone.State != Erased {
			t.Errorf("erased: %+v, %v", gone, err)
		}
	})
}

func TestRefusalsChangeNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		l := w.draft("hongqi.handler", writing("education"))
		sent := w.sent("hongqi.handler", "hongqi.approver", "health", "新测市监函〔2026〕2号")
		submitted := w.do("hongqi.handler", w.draft("hongqi.handler", writing("health")), Act{Step: Submit})
		state := func() string {
			dump := ""
			for _, x := range []Letter{l, sent, submitted} {
				v, err := w.store.letter(t.Context(), x.ID)
				ok(t, err)
				b, _ := json.Marshal(v)
				dump += string(b)
			}
			return dump
		}
		before := state()
		for _, tt := range []struct {
			name string
			by   string
			on   Letter
			act  Act
			kind fault.Kind
			code string
		}{
			{"another district's handler", "muye.handler", l, Act{Step: Submit}, fault.Forbidden, "staff.can.division"},
			{"another district's approver", "muye.approver", submitted, Act{Step: Send, DocNo: "新测市监函〔2026〕9号"}, fault.Forbidden, "staff.can.division"},
			{"the department before it is sent", "health.handler", submitted, Act{Step: Receive}, fault.NotFound, "liaison.unknown"},
			{"another department", "education.handler", sent, Act{Step: Receive}, fault.NotFound, "liaison.unknown"},
			{"the writer approves", "hongqi.handler", submitted, Act{Step: Send, DocNo: "新测市监函〔2026〕9号"}, fault.Forbidden, "staff.can.role"},
			{"sending a draft", "hongqi.approver", l, Act{Step: Send, DocNo: "新测市监函〔2026〕9号"}, fault.Conflict, "liaison.step"},
			{"a number of the wrong form", "hongqi.approver", submitted, Act{Step: Send, DocNo: "新测市监函2026-9"}, fault.Invalid, "ident.docno.form"},
			{"no number", "hongqi.approver", submitted, Act{Step: Send}, fault.Invalid, "ident.docno.form"},
			{"a number that is taken", "hongqi.approver", submitted, Act{Step: Send, DocNo: "新测市监函〔2026〕2号"}, fault.Conflict, "liaison.number"},
			{"a return without a reason", "hongqi.approver", submitted, Act{Step: SendBack}, fault.Invalid, "liaison.required"},
			{"the issuing side signs for the receiver", "hongqi.handler", sent, Act{Step: Receive}, fault.Forbidden, "staff.can.org"},
			{"a withdrawal by the writer", "hongqi.handler", sent, Act{Step: Withdraw, Text: "有误"}, fault.Forbidden, "staff.can.role"},
			{"an answer with a telephone number", "hongqi.approver", submitted, Act{Step: SendBack, Text: "问19900001234"}, fault.Refused, "liaison.personal"},
			{"erasing what is open", "hongqi.approver", sent, Act{Step: Erase}, fault.Conflict, "liaison.step"},
		} {
			_, err := w.try(tt.by, tt.on, tt.act)
			f, is := fault.Of(err)
			if !is || f.Kind != tt.kind || f.Code != tt.code && !slices.ContainsFunc(f.Fields, func(x fault.Field) bool { return x.Code == tt.code }) {
				t.Errorf("%s: %v, want %s %s", tt.name, err, tt.kind, tt.code)
			}
		}
		_, err := w.Do(t.Context(), w.actor("hongqi.handler"), Act{ID: l.ID, Version: l.Version + 1, Step: Submit}, noon)
		wants(t, err, fault.Stale, "liaison.stale")
		if state() != before {
			t.Error("a refusal changed something")
		}
		for name, change := range map[string]func(*Writing){
			"no basis":             func(x *Writing) { x.Basis = nil },
			"a basis of old":       func(x *Writing) { x.Basis = []string{"samr-20"} },
			"an unknown basis":     func(x *Writing) { x.Basis = []string{"xinxiang"} },
			"nobody":               func(x *Writing) { x.To = "nobody" },
			"a subject":            func(x *Writing) { x.To = "subject-jia" },
			"a field it never has": func(x *Writing) { x.Fields["facts"] = "事实" },
			"a tip-off as case":    func(x *Writing) { x.Case = "tip-off:1" },
		} {
			in := writing("health")
			change(&in)
			if _, err := w.Draft(t.Context(), w.actor("hongqi.handler"), in, noon); err == nil {
				t.Errorf("%s was taken", name)
			} else if _, is := fault.Of(err); !is {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, by := range []string{"science.handler", "lead.inquirer", "jia.legal", "hongqi.approver", "province.handler"} {
			if _, err := w.Draft(t.Context(), w.actor(by), writing("health"), noon); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s drafts: %v", by, err)
			}
		}
	})
}

func TestThreat_LetterNeverCarriesATipOff(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	number := ""
	for n := 482109370000; number == ""; n++ {
		if _, err := tipoff.ParseNumber(fmt.Sprint(n)); err == nil {
			number = fmt.Sprint(n)
		}
	}
	for _, text := range []string{number, tipoff.FormatNumber(number), "见举报" + number + "号", "１" + number[1:]} {
		if text[0] != number[0] && !strings.HasPrefix(text, "见") {
			continue
		}
		for _, field := range []string{"progress", "request"} {
			in := writing("science")
			in.Fields[field] = text
			_, err := w.Draft(t.Context(), w.actor("hongqi.handler"), in, noon)
			wants(t, err, fault.Invalid, "liaison.tipoff")
		}
	}
	l := w.sent("hongqi.handler", "hongqi.approver", "science", "新测市监函〔2026〕3号")
	raw, err := json.Marshal(l)
	ok(t, err)
	for _, word := range []string{"tip", "reporter", "receipt\":"} {
		if strings.Contains(strings.ToLower(string(raw)), word) {
			t.Errorf("a letter has %q: %s", word, raw)
		}
	}
}

func TestWithdrawnNoticeReachesItsReceiverAndIsReplaced(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	l := w.sent("hongqi.handler", "hongqi.approver", "science", "新测市监函〔2026〕4号")
	l = w.do("science.handler", l, Act{Step: Receive})
	l = w.do("hongqi.approver", l, Act{Step: Withdraw, Text: "件数有误，以更正函为准"})
	if got := w.inbox("science.handler"); got[0] != "liaison.withdraw" {
		t.Errorf("the receiver was not told: %v", got)
	}
	o, err := w.Open(t.Context(), w.actor("science.handler"), l.ID, noon)
	if err != nil || o.State != Withdrawn || len(o.Posts) != 1 || len(o.Clocks) != 0 {
		t.Errorf("%+v, %v", o, err)
	}
	in := writing("science")
	in.Replaces = l.ID
	right := w.draft("hongqi.handler", in)
	old, err := w.Open(t.Context(), w.actor("science.handler"), l.ID, noon)
	if err != nil || old.ReplacedBy != right.ID {
		t.Errorf("replaced by %q, %v", old.ReplacedBy, err)
	}
	if _, err := w.Draft(t.Context(), w.actor("hongqi.handler"), in, noon); !fault.Is(err, fault.Conflict) {
		t.Errorf("replaced twice: %v", err)
	}
}

func TestTiedOfficerSeesNoLetterOfHisSubject(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	l := w.draft("hongqi.handler", writing("science"))
	a := w.actor("hongqi.approver")
	a.User.Ties = []staff.Tie{{Party: staff.Party{Code: "91410771MA00AAA104"}, Reason: "亲属任职"}}
	if _, err := w.Open(t.Context(), a, l.ID, noon); !fault.Is(err, fault.Forbidden) {
		t.Errorf("%v", err)
	}
	_, err := w.Do(t.Context(), a, Act{ID: l.ID, Version: l.Version, Step: Discard}, noon)
	wants(t, err, fault.Forbidden, "staff.can.tied")
}

func TestUnitTooSmallIsApprovedFromAbove(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	l := w.draft("fengquan.handler", writing("science")) // sealed to the city's key
	l = w.do("fengquan.handler", l, Act{Step: Submit})
	if l = w.do("lead.approver", l, Act{Step: Send, DocNo: "新测市监函〔2026〕5号"}); l.State != Sent {
		t.Errorf("%+v", l)
	}
	w.do("science.handler", l, Act{Step: Receive})
}

func share(kind Kind) Writing {
	t, _ := TemplateOf("share-filings")
	w := Writing{Kind: kind, Template: t.ID, Region: "420100", Partner: "示例市市场监督管理局", Basis: []string{"xinxiang-2022-8"}, Fields: good(t)}
	return w
}

func TestOutboundShareIsAnsweredByHand(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		l := w.draft("hongqi.handler", share(Outbound))
		l = w.do("hongqi.handler", l, Act{Step: Submit})
		_, err := w.try("hongqi.handler", l, Act{Step: Send, DocNo: "新测市监函〔2026〕6号"})
		wants(t, err, fault.Forbidden, "staff.can.role")
		l = w.do("hongqi.approver", l, Act{Step: Send, DocNo: "新测市监函〔2026〕6号"})
		_, err = w.try("hongqi.handler", l, Act{Step: Receive, On: day("2026-05-19")})
		wants(t, err, fault.Invalid, "liaison.on")
		_, err = w.try("hongqi.handler", l, Act{Step: Receive, On: day("2026-05-21")})
		wants(t, err, fault.Invalid, "liaison.on")
		later := noon.Add(9 * 24 * time.Hour) // Friday 2026-05-29
		l, err = w.Do(t.Context(), w.actor("hongqi.handler"), Act{ID: l.ID, Version: l.Version, Step: Receive, On: day("2026-05-22")}, later)
		ok(t, err)
		_, err = w.Do(t.Context(), w.actor("hongqi.handler"), Act{ID: l.ID, Version: l.Version, Step: Reply, Text: "收到", On: day("2026-05-21"), DocNo: "示测函〔2026〕1号"}, later)
		wants(t, err, fault.Invalid, "liaison.on")
		l, err = w.Do(t.Context(), w.actor("hongqi.handler"), Act{ID: l.ID, Version: l.Version, Step: Reply, Text: "已转代理机构所在地核查", On: day("2026-05-26"), DocNo: "示测函〔2026〕1号"}, later)
		ok(t, err)
		if l.TheirNo != "示测函〔2026〕1号" || l.DocNo != "新测市监函〔2026〕6号" {
			t.Errorf("%+v", l)
		}
		out, in, err := w.Metrics(t.Context(), w.actor("hongqi.handler"), workday.Date{}, workday.Date{}, later)
		ok(t, err)
		if out != (Metrics{Sent: 1, Answered: 1, Halves: 8}) || in != (Metrics{}) {
			t.Errorf("out %+v in %+v", out, in)
		}
		if out, _, err = w.Metrics(t.Context(), w.actor("hongqi.handler"), day("2026-05-21"), workday.Date{}, later); err != nil || out.Sent != 0 {
			t.Errorf("from the day after: %+v, %v", out, err)
		}
		if out, _, err = w.Metrics(t.Context(), w.actor("muye.handler"), workday.Date{}, workday.Date{}, later); err != nil || out.Sent != 0 {
			t.Errorf("another district: %+v, %v", out, err)
		}
		if out, _, err = w.Metrics(t.Context(), w.actor("lead.supervisor"), workday.Date{}, workday.Date{}, later); err != nil || out.Sent != 1 {
			t.Errorf("the city's supervisor: %+v, %v", out, err)
		}
	})
}

func arrival(number string) Arrival {
	return Arrival{Writing: share(Inbound), DocNo: number, On: day("2026-05-18"), Basis: "市场监督管理行政处罚程序规定"}
}

func TestInboundShareIsAnsweredWithASecondPerson(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		l, err := w.Register(t.Context(), w.actor("hongqi.handler"), arrival("示测市监函〔2026〕7号"), noon)
		ok(t, err)
		_, err = w.Register(t.Context(), w.actor("hongqi.handler"), arrival("示测市监函[2026]7号"), noon)
		wants(t, err, fault.Conflict, "liaison.came")
		_, err = w.Register(t.Context(), w.actor("hongqi.handler"), arrival("第7号"), noon)
		wants(t, err, fault.Invalid, "ident.docno.form")
		no := arrival("示测市监函〔2026〕8号")
		no.Basis = " "
		_, err = w.Register(t.Context(), w.actor("hongqi.handler"), no, noon)
		wants(t, err, fault.Invalid, "liaison.basis")
		l = w.do("hongqi.handler", l, Act{Step: Receive})
		l = w.do("hongqi.handler", l, Act{Step: Propose, Text: "经查，该机构已受处理"})
		_, err = w.try("hongqi.handler", l, Act{Step: Send, DocNo: "新测市监函〔2026〕7号"})
		wants(t, err, fault.Forbidden, "staff.can.role")
		l = w.do("hongqi.approver", l, Act{Step: Send, DocNo: "新测市监函〔2026〕7号"})
		if l.State != Answered || l.TheirNo != "新测市监函〔2026〕7号" || l.DocNo != "示测市监函〔2026〕7号" {
			t.Errorf("%+v", l)
		}
		_, in, err := w.Metrics(t.Context(), w.actor("hongqi.handler"), workday.Date{}, workday.Date{}, noon)
		if err != nil || in != (Metrics{Sent: 1, Answered: 1, Halves: 4}) {
			t.Errorf("%+v, %v", in, err)
		}
	})
}

// TestShareTravelsAsAFile: what one city writes, another reads, and again is no
// second share.
func TestShareTravelsAsAFile(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	l := w.draft("hongqi.handler", share(Outbound))
	l = w.do("hongqi.handler", l, Act{Step: Submit})
	if _, err := w.Exported(t.Context(), w.actor("hongqi.handler"), []string{l.ID}, "移交", noon); !fault.Is(err, fault.Refused) {
		t.Errorf("before it was approved: %v", err)
	}
	l = w.do("hongqi.approver", l, Act{Step: Send, DocNo: "新测市监函〔2026〕10号"})
	if _, err := w.Exported(t.Context(), w.actor("hongqi.handler"), []string{l.ID}, " ", noon); !fault.Is(err, fault.Invalid) {
		t.Errorf("without a purpose: %v", err)
	}
	if _, err := w.Exported(t.Context(), w.actor("hongqi.approver"), []string{l.ID}, "移交", noon); !fault.Is(err, fault.Forbidden) {
		t.Errorf("by who may not export: %v", err)
	}
	list, err := w.Exported(t.Context(), w.actor("hongqi.handler"), []string{l.ID}, secretText, noon)
	ok(t, err)
	redistest.Grep(t, w.rdb, secretText)
	cells := list[0].Cells("410700", "新乡市红旗区市场监督管理局", "实施方案")
	var text strings.Builder
	for _, line := range [][]string{headers(), cells} {
		for i, c := range line {
			if i > 0 {
				text.WriteByte(',')
			}
			text.WriteString(`"` + c + `"`)
		}
		text.WriteString("\r\n")
	}
	r, err := sheet.Open(Schema(), strings.NewReader(text.String()), sheet.Limits{})
	ok(t, err)
	row, err := r.Next()
	ok(t, err)
	in, problems := ReadArrival(row, day("2026-05-20"))
	if len(problems) > 0 || in.Template != "share-filings" || in.Region != "410700" || in.Fields["holder"] != "enterprise" || in.DocNo != l.DocNo {
		t.Fatalf("%+v %v", in, problems)
	}
	// In the other city 410700 is another region.
	tpl, _ := TemplateOf(in.Template)
	if _, err := tpl.Check(in.Fields, day("2026-05-21")); err != nil {
		t.Errorf("%v", err)
	}
	in.Region = "420100"
	if _, err := w.Register(t.Context(), w.actor("muye.handler"), in, noon); err != nil {
		t.Errorf("registering it: %v", err)
	}
	if _, err := w.Register(t.Context(), w.actor("muye.handler"), in, noon); !fault.Is(err, fault.Conflict) {
		t.Errorf("again: %v", err)
	}
}

func headers() []string {
	var out []string
	for _, c := range Schema().Columns {
		out = append(out, c.Header)
	}
	return out
}

func TestMandateNeedsTwoPeople(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		in := Mandate{Number: "豫测知[2026]1号", Issuer: "河南省知识产权局（演示）", On: day("2026-05-01"), From: day("2026-05-10"), To: day("2027-05-09"),
			Kinds: []string{"unlicensed-agency"}, Divisions: []string{"410700"}}
		for name, change := range map[string]func(*Mandate){
			"number": func(m *Mandate) { m.Number = "1号" }, "issuer": func(m *Mandate) { m.Issuer = "" }, "no end": func(m *Mandate) { m.To = workday.Date{} },
			"ends before": func(m *Mandate) { m.To = day("2026-05-09") }, "begins before its date": func(m *Mandate) { m.From = day("2026-04-30") },
			"of tomorrow": func(m *Mandate) { m.On, m.From = day("2026-05-21"), day("2026-05-21") }, "kind": func(m *Mandate) { m.Kinds = []string{"infringement"} },
			"no kind": func(m *Mandate) { m.Kinds = nil }, "division": func(m *Mandate) { m.Divisions = []string{"420100"} },
		} {
			bad := in
			change(&bad)
			if _, err := w.RecordMandate(t.Context(), w.actor("lead.handler"), bad, noon); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := w.RecordMandate(t.Context(), w.actor("hongqi.handler"), in, noon); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a district records: %v", err)
		}
		m, err := w.RecordMandate(t.Context(), w.actor("lead.handler"), in, noon)
		ok(t, err)
		if err := w.ApproveMandate(t.Context(), w.actor("lead.handler"), m.ID, true, noon); !fault.Is(err, fault.Forbidden) {
			t.Errorf("who recorded it approves: %v", err)
		}
		list, err := w.Mandates(t.Context())
		ok(t, err)
		covering := func(m Mandate) bool { return m.Covers("unlicensed-agency", "410700", day("2026-05-20")) }
		if slices.ContainsFunc(list, covering) {
			t.Error("it covers before it is approved")
		}
		ok(t, w.ApproveMandate(t.Context(), w.actor("lead.approver"), m.ID, true, noon))
		list, err = w.Mandates(t.Context())
		ok(t, err)
		if len(list) != 1 || !covering(list[0]) || list[0].Number != "豫测知〔2026〕1号" {
			t.Errorf("%+v", list)
		}
		ok(t, w.EndMandate(t.Context(), w.actor("lead.approver"), m.ID, noon))
		list, _ = w.Mandates(t.Context())
		if slices.ContainsFunc(list, covering) {
			t.Error("it covers after its end")
		}
	})
}

func TestListGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	want := map[string]bool{}
	for i := range 7 {
		l, err := w.Draft(t.Context(), w.actor("hongqi.handler"), writing("science"), noon.Add(time.Duration(i/3)*time.Second))
		ok(t, err)
		want[l.ID] = true
	}
	w.draft("muye.handler", writing("science"))
	cursor, n := "", 0
	for {
		rows, next, err := w.List(t.Context(), w.actor("hongqi.handler"), Filter{Limit: 2, Cursor: cursor}, noon)
		ok(t, err)
		for _, r := range rows {
			if !want[r.ID] {
				t.Errorf("%s twice, or another's", r.ID)
			}
			delete(want, r.ID)
		}
		n += len(rows)
		if cursor = next; next == "" {
			break
		}
	}
	if n != 7 || len(want) != 0 {
		t.Errorf("%d rows, %v left", n, want)
	}
	for _, bad := range []string{"x", "0/x:l", "0/NaN:l", "0/Inf:l", "9/1:l"} {
		if _, _, err := w.List(t.Context(), w.actor("hongqi.handler"), Filter{Cursor: bad}, noon); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if rows, _, err := w.List(t.Context(), w.actor("lead.supervisor"), Filter{}, noon); err != nil || len(rows) != 8 {
		t.Errorf("the city's supervisor sees %d, %v", len(rows), err)
	}
}

func TestDemonstrationIsLoadedOnce(t *testing.T) {
	t.Parallel()
	w := newTown(t, redistest.Embedded(t))
	actor := func(name string) (staff.Actor, error) { return w.actor(name), nil }
	size := func() int64 { n, err := w.rdb.DBSize(t.Context()).Result(); ok(t, err); return n }
	ok(t, w.Demo(t.Context(), actor, noon))
	before := size()
	ok(t, w.Demo(t.Context(), actor, noon.Add(48*time.Hour)))
	if size() != before {
		t.Errorf("%d keys became %d", before, size())
	}
}

// TestClocksAreKeptWhileSomebodyOwesSomething: the index from which urging is done
// has the receipt and the answer until each is there, and nothing of a draft or of
// what was withdrawn.
func TestClocksAreKeptWhileSomebodyOwesSomething(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newTown(t, rdb)
		kept := func(ref string) string {
			t.Helper()
			k, known, err := w.clocks.Of(t.Context(), ref)
			ok(t, err)
			var out []string
			for _, c := range k.Clocks {
				out = append(out, c.Name+" "+c.Due.String())
			}
			if known && (k.Matter != "liaison" || k.Unit != "410702" || !strings.HasPrefix(k.Link, "case-handling/notices/")) {
				t.Errorf("%+v", k)
			}
			return strings.Join(out, ", ")
		}
		const ref = "notice:新测市监函〔2026〕1号"
		l := w.sent("hongqi.handler", "hongqi.approver", "science", "新测市监函〔2026〕1号")
		if got := kept(ref); got != "receipt 2026-05-22, reply 2026-06-03" {
			t.Errorf("sent: %q", got)
		}
		l = w.do("science.handler", l, Act{Step: Receive})
		if got := kept(ref); got != "reply 2026-06-03" {
			t.Errorf("signed for: %q", got)
		}
		l = w.do("science.handler", l, Act{Step: Reply, Text: "已核实"})
		if got := kept(ref); got != "" {
			t.Errorf("answered: %q", got)
		}
		w.do("hongqi.handler", l, Act{Step: Follow, Text: "请补充"})
		if got := kept(ref); got != "reply 2026-06-03" {
			t.Errorf("asked for more: %q", got)
		}
		other := w.sent("hongqi.handler", "hongqi.approver", "health", "新测市监函〔2026〕2号")
		w.do("hongqi.approver", other, Act{Step: Withdraw, Text: "有误"})
		if got := kept("notice:新测市监函〔2026〕2号"); got != "" {
			t.Errorf("withdrawn: %q", got)
		}
		in, err := w.Register(t.Context(), w.actor("hongqi.handler"), arrival("示测市监函〔2026〕7号"), noon)
		ok(t, err)
		if got := kept("share-in:420100 " + in.DocNo); got != "receipt 2026-05-20, reply 2026-06-01" {
			t.Errorf("came in: %q", got)
		}
	})
}
