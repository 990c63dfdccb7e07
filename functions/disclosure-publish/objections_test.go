package function

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"ipcredit/shared/credit"
	"ipcredit/shared/objection"
	"ipcredit/shared/staff"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

const jiaName = "虚构甲科技有限公司"

// fined stores a penalty of the city's bureau that nobody can challenge any more.
func (b *bureau) fined(no, on string) string {
	b.t.Helper()
	no = "新测市监处罚〔2026〕" + no + "号"
	e := credit.Entry{SubjectCode: firm, SubjectName: jiaName, Record: credit.Record{
		ID: credit.NewID(credit.Penalty, "新乡市市场监督管理局", no, firm), Kind: credit.Penalty, Act: "penalty", InstrumentNo: no, Authority: "新乡市市场监督管理局",
		AuthorityCode: "11410700000000019U", Source: credit.Admin, Channel: credit.Original, DeterminedOn: workday.MustDate(on), PublishedOn: workday.MustDate(on),
		UpheldOn: workday.MustDate(on).AddDays(1), CollectedAt: b.env.Now(),
		Content: credit.Content{Penalty: &credit.PenaltyContent{
			Violation: "商标侵权", Facts: "样例事实", Basis: "《中华人民共和国商标法》第六十条", Classes: []string{"罚款"}, Text: "罚款", FineFen: 9000000,
		}},
	}}
	b.change(credit.Change{Subjects: []subject.Subject{{Code: firm, Name: jiaName, Kind: "enterprise", District: "410771"}}, Records: []credit.Entry{e}})
	return e.Record.ID
}

func (b *bureau) actor(user string) staff.Actor {
	b.t.Helper()
	u, _, err := b.people.UserByName(b.t.Context(), user)
	if err != nil {
		b.t.Fatal(err)
	}
	a, err := b.people.Actor(b.t.Context(), u.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	return a
}

// objected files an objection of the demonstration's subject.
func (b *bureau) objected(id string, g objection.Ground) string {
	b.t.Helper()
	o, err := objection.New(b.env.Journal).File(b.t.Context(), b.actor("jia.agent"), objection.Order{Record: id, Ground: g}, b.env.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	return o.No
}

// act takes a step on the newest version and answers status and page.
func (b *bureau) act(user, no, step string, pairs ...string) (int, string) {
	b.t.Helper()
	o, err := objection.New(b.env.Journal).Get(b.t.Context(), b.actor("lead.supervisor"), no, b.env.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	form := url.Values{"version": {strconv.Itoa(o.Version)}}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] == "version" {
			form.Set(pairs[i], pairs[i+1])
			continue
		}
		form.Add(pairs[i], pairs[i+1])
	}
	return b.as(user, "/objections/"+no+"/"+step, form)
}

func (b *bureau) must(want int, holds ...string) func(int, string) {
	return func(status int, page string) {
		b.t.Helper()
		if status != want {
			b.t.Fatalf("%d, want %d\n%s", status, want, strings.Join(regexp.MustCompile(`(?s)<main.*</main>`).FindAllString(page, 1), ""))
		}
		for _, s := range holds {
			if !strings.Contains(page, s) {
				b.t.Errorf("%q is not in\n%s", s, page)
			}
		}
	}
}

// says tells whether each public address that shows the record says that it is
// disputed, by address.
func (b *bureau) says(id string) map[string]bool {
	out := map[string]bool{}
	for path, a := range b.everywhere(id) {
		if path == "/sitemap.xml" || path == "/removed.json" || path == "/agencies" || path == "/disclosures?act=DA1" || strings.HasSuffix(path, "/proof") {
			continue // addresses, ids and what is not about this record
		}
		text := string(a.body)
		out[path] = strings.Contains(text, "异议中</strong>") || strings.Contains(text, "（异议中）") || strings.Contains(text, `"status":"disputed"`)
	}
	return out
}

// TestTheMarkIsThereEverywhereAtOnceAndGoesWithTheRuling walks an objection through
// the pages of two officers and looks at what the public sees at each step.
func TestTheMarkIsThereEverywhereAtOnceAndGoesWithTheRuling(t *testing.T) {
	b := newBureau(t, "2026-04-30 10:00:00")
	id := b.fined("1", "2026-04-10")
	marked := func(want bool) {
		t.Helper()
		for path, got := range b.says(id) {
			if got != want {
				t.Errorf("%s says that it is disputed: %t", path, got)
			}
		}
	}
	marked(false)
	no := b.objected(id, objection.Facts)
	marked(true)
	b.must(200, no, jiaName, "核查中", "2026年5月8日")(b.as("lead.handler", "/objections", nil))
	b.must(200, no)(b.as("lead.handler", "/objections?unit=410700&list=open&state=filed&ground=facts", nil))
	b.must(200, "没有符合条件的异议")(b.as("lead.handler", "/objections?unit=410700&ground=identity", nil))
	b.must(200, "没有符合条件的异议")(b.as("lead.handler", "/objections?unit=410700&list=closed", nil))
	b.must(http.StatusForbidden)(b.as("hongqi.handler", "/objections?unit=410700", nil))
	b.must(http.StatusForbidden)(b.as("jia.agent", "/objections", nil))
	b.must(http.StatusForbidden)(b.as("science.inquirer", "/objections", nil))
	b.must(200, "记录内容与事实或者文书不符", "商标侵权", "90,000", "第四十一条", "没有提交材料")(b.as("lead.handler", "/objections/"+no, nil))
	b.must(404)(b.as("hongqi.handler", "/objections/"+no, nil))
	b.must(404)(b.as("jia.agent", "/objections/"+no, nil))

	b.must(http.StatusPreconditionFailed, "别人刚刚办理过", `value="2026-04-30"`)(b.act("lead.handler", no, "ask", "on", "2026-04-30", "version", "7"))
	b.must(http.StatusUnprocessableEntity, "日期不能晚于")(b.act("lead.handler", no, "ask", "on", "2026-05-01"))
	b.must(http.StatusUnprocessableEntity, "请填写日期")(b.act("lead.handler", no, "ask", "on", "soon"))
	b.must(http.StatusSeeOther)(b.act("lead.handler", no, "ask", "on", "2026-04-30"))
	b.must(200, "2026年5月13日", "来源单位答复")(b.as("lead.handler", "/objections/"+no, nil))
	b.must(http.StatusConflict)(b.act("lead.handler", no, "check", "finding", "founded"))
	b.to("2026-05-06")
	b.must(http.StatusSeeOther)(b.act("lead.handler", no, "answered", "answer", "changes", "on", "2026-05-06"))
	b.must(http.StatusBadRequest, "请选择核查结论")(b.act("lead.handler", no, "check"))
	b.must(http.StatusConflict)(b.as("lead.handler", "/objections/"+no+"/correct", nil))
	b.must(http.StatusSeeOther)(b.act("lead.handler", no, "check", "finding", "founded"))
	marked(true)

	b.must(http.StatusForbidden)(b.act("lead.handler", no, "rule", "outcome", "dismiss", "decision", "新测1号", "reasons", "accurate"))
	b.must(http.StatusBadRequest, "请选择处理结果")(b.act("lead.approver", no, "rule", "decision", "新测1号"))
	b.must(http.StatusUnprocessableEntity, "至少选择一项理由")(b.act("lead.approver", no, "rule", "outcome", "dismiss", "decision", "新测1号"))
	b.must(http.StatusBadRequest, "请填写编号")(b.act("lead.approver", no, "rule", "outcome", "dismiss", "reasons", "accurate", "decision", "他说得不对"))
	marked(true)
	_, page := b.as("lead.approver", "/objections/"+no+"/correct", nil)
	values := url.Values{}
	for _, m := range regexp.MustCompile(`<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		values.Set(m[1], m[2])
	}
	if values.Get("fine") != "9" || values.Get("instrumentNo") != "新测市监处罚〔2026〕1号" {
		t.Fatalf("the form has %v", values)
	}
	pairs := []string{"outcome", "correct", "decision", "新测市监异〔2026〕1号", "facts", "样例事实", "basis", "《中华人民共和国商标法》第六十条", "text", "罚款", "classes", "罚款"}
	for _, field := range []string{"subjectName", "subjectCode", "instrumentNo", "determinedOn", "authority", "authorityCode", "violation"} {
		pairs = append(pairs, field, values.Get(field))
	}
	b.must(http.StatusUnprocessableEntity, "不会改变记录", "新测市监异〔2026〕1号")(b.act("lead.approver", no, "rule", append(pairs, "fine", "9")...))
	b.must(http.StatusBadRequest)(b.act("lead.approver", no, "rule", append(pairs, "fine", "many")...))
	marked(true)
	b.must(http.StatusSeeOther)(b.act("lead.approver", no, "rule", append(pairs, "fine", "0.9")...))
	marked(false)
	if a := b.ask(http.MethodGet, "/disclosures/"+id, asData); !strings.Contains(string(a.body), `"fineFen":900000,`) && !strings.Contains(string(a.body), `"fineFen":900000}`) {
		t.Errorf("the correction is not public: %s", a.body)
	}
	b.must(200, "异议成立", "更正记录内容", "新测市监异〔2026〕1号")(b.as("lead.approver", "/objections/"+no+"?done=rule", nil))
	b.must(200, no)(b.as("lead.supervisor", "/objections?unit=410700&list=closed", nil))
}

// TestThreat_ANoticeOfAnotherAuthorityIsForwardedAndNotRuledOn walks an objection to
// a determination of CNIPA.
func TestThreat_ANoticeOfAnotherAuthorityIsForwardedAndNotRuledOn(t *testing.T) {
	b := newBureau(t, "2026-04-30 10:00:00")
	b.fined("1", "2026-04-10")
	id := b.determined(firm, jiaName, "国知测认〔2026〕1号", "2026-04-10")
	no := b.objected(id, objection.Instrument)
	b.must(200, "谁提供、谁核查")(b.as("lead.handler", "/objections/"+no, nil))
	b.must(http.StatusConflict, "国家知识产权局")(b.act("lead.approver", no, "rule", "outcome", "recall", "why", "annulled", "decision", "新测1号"))
	b.must(http.StatusConflict, "国家知识产权局")(b.act("lead.handler", no, "check", "finding", "founded"))
	b.must(http.StatusSeeOther)(b.act("lead.handler", no, "forward", "number", "国知受2026-1", "on", "2026-04-30"))
	b.must(http.StatusConflict)(b.act("lead.approver", no, "rule", "outcome", "recall", "why", "annulled", "decision", "新测1号"))
	b.must(http.StatusForbidden)(b.act("lead.handler", no, "import", "outcome", "recall", "why", "annulled", "decision", "国知测异〔2026〕1号", "decidedOn", "2026-04-30"))
	b.must(http.StatusSeeOther)(b.act("lead.approver", no, "import", "outcome", "recall", "why", "annulled", "decision", "国知测异〔2026〕1号", "decidedOn", "2026-04-30"))
	if a := b.ask(http.MethodGet, "/disclosures/"+id, asPage); a.status != http.StatusGone || !strings.Contains(string(a.body), "已被撤销") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestPaperIsRegisteredAtTheCounter(t *testing.T) {
	b := newBureau(t, "2026-05-06 10:00:00")
	id := b.fined("1", "2026-04-10")
	b.must(200, id)(b.as("lead.handler", "/objections/register?record="+id, nil))
	b.must(http.StatusForbidden)(b.as("lead.approver", "/objections/register", nil))
	b.must(http.StatusNotFound, "record")(b.as("lead.handler", "/objections/register", url.Values{"record": {"0000000000000000"}, "ground": {"facts"}, "on": {"2026-04-30"}}))
	b.must(http.StatusUnprocessableEntity, "日期不能晚于")(b.as("lead.handler", "/objections/register", url.Values{"record": {id}, "ground": {"facts"}, "on": {"2026-05-07"}}))
	status, to := b.as("lead.handler", "/objections/register", url.Values{"record": {strings.ToUpper(id)}, "ground": {"facts"}, "on": {"2026-04-30"}})
	if status != http.StatusSeeOther || !strings.Contains(to, "/objections/YY2026") {
		t.Fatalf("%d %s", status, to)
	}
	b.must(200, "书面提出", "2026年5月8日")(b.as("lead.handler", to[strings.Index(to, "/objections/"):], nil))
	if !strings.Contains(string(b.ask(http.MethodGet, "/disclosures/"+id, asPage).body), "异议中") {
		t.Error("the record is not marked")
	}
}
