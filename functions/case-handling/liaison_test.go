package function

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"ipcredit/shared/tipoff"
)

var numberField = regexp.MustCompile(`name="version" value="([0-9]+)"`)

// step takes a step whose page holds the version.
func (k visitor) step(record, step string, fields ...string) answer {
	k.c.t.Helper()
	return k.post(record+"/"+step, append(fields, "version", k.seen1(record))...)
}

// seen1 is the version that the record's page, or else a form of it, carries.
func (k visitor) seen1(record string) string {
	k.c.t.Helper()
	a := k.get(record)
	if m := numberField.FindStringSubmatch(a.body); m != nil {
		return m[1]
	}
	for _, m := range regexp.MustCompile(`href="[^"]*(/(?:notices|campaigns|inspections)/[A-Za-z0-9-]+/[a-z-]+)"`).FindAllStringSubmatch(a.body, -1) {
		if v := numberField.FindStringSubmatch(k.get(m[1]).body); v != nil {
			return v[1]
		}
	}
	k.c.t.Fatalf("%s carries no version: %s", record, words(a.body))
	return ""
}

// stepped is step that must succeed.
func (k visitor) stepped(record, step string, fields ...string) answer {
	k.c.t.Helper()
	a := k.step(record, step, fields...)
	if a.StatusCode != http.StatusSeeOther {
		k.c.t.Fatalf("%s %s: %d %s", record, step, a.StatusCode, words(a.body))
	}
	return k.get(a.Header.Get("Location"))
}

// created is the record that a form leads to.
func (k visitor) created(path string, fields ...string) string {
	k.c.t.Helper()
	a := k.post(path, fields...)
	if a.StatusCode != http.StatusSeeOther {
		k.c.t.Fatalf("%s: %d %s", path, a.StatusCode, words(a.body))
	}
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		k.c.t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, prefix)
}

const asked = "请在项目评审中核实样例丁戊"

// noticeTo is a full notice to a department about the firm of these tests.
func noticeTo(org string) []string {
	return []string{"kind", "notice", "to", org, "subject", reported, "code", code, "holder", "enterprise", "matter", "abnormal-application",
		"applications", "202510999999.3", "count", "1", "progress", "已通知", "request", asked, "basis", "xinxiang-2022-8"}
}

func TestNoticeOverThePages(t *testing.T) {
	c := embedded(t)
	h, boss, s := c.as("hongqi.handler"), c.as("hongqi.approver"), c.as("science.handler")
	a := h.get("/notices/new?kind=notice")
	wantStatus(t, a, 200)
	wantIn(t, a, "新乡市科学技术局", "新乡市教育局", "样例海关")
	wantNone(t, a, "虚构甲科技有限公司", "样例征信服务有限公司")
	a = h.get("/notices/new?kind=notice&to=education")
	wantStatus(t, a, 200)
	wantIn(t, a, `name="subject"`, `name="request"`)
	wantNone(t, a, `name="facts"`, `name="evidence"`, `name="instrument"`, `value="person"`)
	record := h.created("/notices", noticeTo("science")...)
	wantIn(t, h.get(record), asked, reported, "起草中")
	wantStatus(t, s.get(record), 404)
	wantStatus(t, c.as("muye.handler").get(record), 403)
	wantStatus(t, h.post(record+"/edit", append(noticeTo("science"), "version", "0")...), 412)

	h.stepped(record, "submit")
	wantStatus(t, h.post(record+"/send", "version", "2", "docNo", "新测市监函〔2026〕1号"), 403) // not himself
	a = boss.step(record, "send", "docNo", "2026-1")
	wantStatus(t, a, 400)
	wantIn(t, a, `value="2026-1"`, "is-bad")
	wantIn(t, boss.stepped(record, "send", "docNo", "新测市监函[2026]1号"), "新测市监函〔2026〕1号", "已批准并发出")

	// The department has it in its inbox and on its list.
	list, _, err := c.staff.Inbox(t.Context(), actorOf(t, c, "science.handler"), "", 10)
	if err != nil || len(list) != 1 || !strings.HasPrefix(list[0].Link, "case-handling/notices/") {
		t.Fatalf("inbox %+v, %v", list, err)
	}
	a = s.get(strings.TrimPrefix(list[0].Link, "case-handling"))
	wantStatus(t, a, 200)
	wantIn(t, a, asked, "签收")
	wantIn(t, s.get("/notices"), "新测市监函〔2026〕1号", "新乡市红旗区市场监督管理局", "本系统设计")
	wantStatus(t, c.as("health.handler").get(record), 404)
	wantStatus(t, s.post(record+"/reply", "version", "3", "text", "已核实"), 409)
	s.stepped(record, "receive")
	a = s.step(record, "reply", "text", "")
	wantStatus(t, a, 400)
	s.stepped(record, "reply", "text", "已在评审中核实")
	wantIn(t, h.get(record), "已在评审中核实", "新乡市科学技术局")

	// On paper: in Chinese, with the number, what is asked and the days.
	a = s.get(record + "/print?lang=en")
	wantIn(t, a, "新测市监函〔2026〕1号", "新乡市科学技术局：", asked, "2026年5月20日", "《新乡市知识产权领域高质量发展信用体系建设实施方案》")

	// Withdrawn, it says so wherever the department looks.
	wantStatus(t, h.step(record, "withdraw", "text", "件数有误"), 403)
	boss.stepped(record, "withdraw", "text", "件数有误，以更正函为准")
	for _, p := range []string{record, record + "/print"} {
		wantIn(t, s.get(p), "撤回")
	}
	wantIn(t, h.get("/notices?show=all"), "已撤回")
	a = h.get("/notices/new?kind=notice&replaces=" + strings.TrimPrefix(record, "/notices/"))
	wantStatus(t, a, 200)
	wantIn(t, a, `name="replaces" value="l`, `name="subject"`)
}

// actorOf is the person behind a user name.
func actorOf(t testing.TB, c *city, name string) (a staffActor) {
	t.Helper()
	u, _, err := c.staff.UserByName(t.Context(), name)
	if err == nil {
		a, err = c.staff.Actor(t.Context(), u.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestNoticeIsRefused(t *testing.T) {
	c := embedded(t)
	h := c.as("hongqi.handler")
	with := func(name, value string) []string {
		f := noticeTo("science")
		for i := 0; i < len(f); i += 2 {
			if f[i] == name {
				f[i+1] = value
				return f
			}
		}
		return append(f, name, value)
	}
	number := ""
	for n := 482109370000; number == ""; n++ {
		if _, err := tipoff.ParseNumber(json.Number(itoa(n)).String()); err == nil {
			number = itoa(n)
		}
	}
	for name, tt := range map[string]struct {
		fields []string
		status int
		field  string
	}{
		"no basis":                     {with("basis", "no-such"), 400, "f-basis"},
		"basis that is not in force":   {with("basis", "samr-20"), 400, "f-basis"},
		"a field it must not have":     {with("facts", "事实"), 422, "facts"},
		"a person":                     {with("holder", "person"), 400, "f-holder"},
		"a wrong check digit":          {with("code", "91410771MA00AAA105"), 400, "f-code"},
		"an application that is wrong": {with("applications", "201710601862.4"), 400, "f-applications"},
		"a telephone number":           {with("request", "请联系19900001234"), 400, "f-request"},
		"the number of a tip-off":      {with("progress", "见 "+tipoff.FormatNumber(number)), 400, "f-progress"},
	} {
		a := h.post("/notices", tt.fields...)
		if a.StatusCode != tt.status || !strings.Contains(a.body, tt.field) || !strings.Contains(a.body, `class="wrong"`) {
			t.Errorf("%s: %d %s", name, a.StatusCode, words(a.body))
		}
		wantIn(t, a, reported) // what was typed is still there
	}
	wantStatus(t, c.as("science.handler").post("/notices", noticeTo("health")...), 403)
	wantStatus(t, c.as("jia.legal").get("/notices"), 403)
	wantStatus(t, c.as("hongqi.approver").post("/notices", noticeTo("health")...), 403)
	wantStatus(t, h.get("/notices?state=nothing"), 400)
	wantStatus(t, h.get("/notices?division=410711"), 403)
	wantStatus(t, h.get("/notices/none"), 404)
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// TestThreat_NothingOfATipOffReachesADepartment: no page, print or export of letters,
// campaigns and lookups holds what a reporter wrote or who he is.
func TestThreat_NothingOfATipOffReachesADepartment(t *testing.T) {
	c := embedded(t)
	l, _ := c.lodge(tipoff.Lodged{Reporter: named(), Numbers: []string{"202510999999.3"}})
	h, boss, s := c.as("hongqi.handler"), c.as("hongqi.approver"), c.as("science.handler")
	h.open(l.Number)
	h.done(l.Number, "state", "to", "assigned")
	record := h.created("/notices", noticeTo("science")...)
	h.stepped(record, "submit")
	boss.stepped(record, "send", "docNo", "新测市监函〔2026〕2号")
	s.stepped(record, "receive")
	s.stepped(record, "reply", "text", "收到")
	share := h.created("/notices", shareFields("outbound")...)
	h.stepped(share, "submit")
	boss.stepped(share, "send", "docNo", "新测市监函〔2026〕3号")
	id := strings.TrimPrefix(share, "/notices/")
	var seen []answer
	for _, x := range []struct {
		by    visitor
		paths []string
	}{
		{s, []string{"/notices", record, record + "/print"}},
		{h, []string{"/notices", record, record + "/print", share, share + "/print", "/shares"}},
	} {
		for _, p := range x.paths {
			a := x.by.get(p)
			wantStatus(t, a, 200)
			seen = append(seen, a)
		}
	}
	for _, format := range []string{"json", "xlsx"} {
		a := h.post("/shares/export", "ids", id, "purpose", "移交", "format", format)
		wantStatus(t, a, 200)
		seen = append(seen, a)
	}
	for _, a := range seen {
		wantNone(t, a, story, "样例壹零壹", reporter, contact, l.Number, tipoff.FormatNumber(l.Number), l.Receipt)
	}
}

func shareFields(kind string) []string {
	return []string{"kind", kind, "template", "share-filings", "region", "420100", "partner", "示例市市场监督管理局", "subject", reported, "code", code, "holder", "enterprise",
		"matter", "abnormal-application", "applications", "202510999999.3", "request", "请协助核查", "basis", "xinxiang-2022-8"}
}

func TestShareGoesOutAndComesIn(t *testing.T) {
	c := embedded(t)
	h, boss := c.as("hongqi.handler"), c.as("hongqi.approver")
	share := h.created("/notices", shareFields("outbound")...)
	h.stepped(share, "submit")
	boss.stepped(share, "send", "docNo", "新测市监函〔2026〕4号")
	id := strings.TrimPrefix(share, "/notices/")
	wantStatus(t, h.post("/shares/export", "ids", id, "purpose", "", "format", "json"), 400)
	wantStatus(t, h.post("/shares/export", "ids", id, "purpose", "移交", "format", "exe"), 400)
	wantStatus(t, c.as("muye.handler").post("/shares/export", "ids", id, "purpose", "移交", "format", "json"), 403)
	file := h.post("/shares/export", "ids", id, "purpose", "移交", "format", "json")
	wantStatus(t, file, 200)
	if !strings.Contains(file.Header.Get("Content-Disposition"), "attachment") || !strings.Contains(file.body, "新测市监函〔2026〕4号") {
		t.Errorf("%v %s", file.Header, file.body)
	}
	// The other city sends it back under its own code: here it is one share, once.
	came := strings.ReplaceAll(strings.ReplaceAll(file.body, `"410700"`, `"420100"`), "新测市监函", "示测市监函")
	m := c.as("muye.handler")
	a := m.upload("/shares/import", "来函.json", []byte(came))
	wantStatus(t, a, 200)
	wantIn(t, a, "已登记")
	a = m.upload("/shares/import", "来函.json", []byte(came))
	wantIn(t, a, "此前已登记")
	xlsx := h.post("/shares/export", "ids", id, "purpose", "移交", "format", "xlsx")
	a = m.upload("/shares/import", "来函.xlsx", []byte(xlsx.body))
	wantStatus(t, a, 200)
	wantIn(t, a, "这是本市地区") // our own file is no other region's
	a = m.upload("/shares/import", "空.csv", []byte("函号,来函机关\r\n1,2\r\n"))
	wantStatus(t, a, 400)
	wantStatus(t, m.upload("/shares/import", "", nil), 400)
	wantIn(t, m.get("/shares"), "示测市监函〔2026〕4号", "新乡市红旗区市场监督管理局 420100", "待签收")

	in := m.created("/shares/register", append(shareFields("inbound"), "docNo", "示测市监函〔2026〕9号", "on", "2026-05-18", "said", "行政处罚程序规定")...)
	a = m.post("/shares/register", append(shareFields("inbound"), "docNo", "示测市监函〔2026〕9号", "on", "2026-05-18", "said", "行政处罚程序规定")...)
	wantStatus(t, a, 409)
	a = m.post("/shares/register", append(shareFields("inbound"), "docNo", "示测市监函〔2026〕10号", "on", "2026-05-18", "said", "")...)
	wantStatus(t, a, 400)
	wantIn(t, a, `href="#f-said"`)
	m.stepped(in, "receive")
	m.stepped(in, "propose", "text", "已核查，确有其事")
	wantStatus(t, m.post(in+"/send", "version", "3", "docNo", "新测市监函〔2026〕5号"), 403)
	c.as("muye.approver").stepped(in, "send", "docNo", "新测市监函〔2026〕5号")
	wantIn(t, m.get("/shares?show=all"), "中位数 2 个工作日")
}

func TestMandateOverThePages(t *testing.T) {
	c := embedded(t)
	h, boss := c.as("lead.handler"), c.as("lead.approver")
	wantIn(t, h.get("/mandates"), "此类案件移送省级部门")
	fields := []string{"number", "豫测知〔2026〕1号", "issuer", "河南省知识产权局（演示）", "on", "2026-05-01", "from", "2026-05-10", "to", "2027-05-09", "kinds", "unlicensed-agency", "divisions", "410700"}
	bad := append([]string{}, fields...)
	bad[1] = "1号"
	wantStatus(t, h.post("/mandates", bad...), 400)
	wantStatus(t, c.as("hongqi.handler").post("/mandates", fields...), 403)
	wantIn(t, h.follow("/mandates", fields...), "待审核")
	path := regexp.MustCompile(`/mandates/m[0-9a-z]+`).FindString(boss.get("/mandates").body)
	wantStatus(t, h.post(path+"/approve"), 403)
	wantNone(t, h.get("/mandates"), "/approve")
	wantIn(t, boss.follow(path+"/approve"), "有效")
	wantIn(t, boss.follow(path+"/end"), "已失效")
	wantStatus(t, boss.post(path+"/approve"), 409)
	wantStatus(t, boss.post(path+"/nothing"), 404)
}

func TestAttachmentOfALetterIsSealedAndCheckedWhenRead(t *testing.T) {
	c := embedded(t)
	h, boss, s := c.as("hongqi.handler"), c.as("hongqi.approver"), c.as("science.handler")
	record := h.created("/notices", noticeTo("science")...)
	h.stepped(record, "submit")
	boss.stepped(record, "send", "docNo", "新测市监函〔2026〕6号")
	wantStatus(t, c.as("health.handler").post(record+"/attach"), 404)
	a := s.post(record + "/attach")
	wantStatus(t, a, http.StatusSeeOther)
	token := regexp.MustCompile(`evidence-upload/forms/([a-z0-9]+)`).FindStringSubmatch(a.Header.Get("Location"))
	if token == nil {
		t.Fatalf("it leads to %s", a.Header.Get("Location"))
	}
	c.upload(token[1], file{fileName, "image/jpeg", photograph(40, 30)})
	c.upload(token[1], file{"坏.txt", "text/plain", eicar})
	page := h.get(record)
	wantIn(t, page, fileName)
	links := regexp.MustCompile(`href="[^"]*(/notices/[a-z0-9]+/files/[^"]+)"`).FindAllStringSubmatch(page.body, -1)
	if len(links) != 2 {
		t.Fatalf("%d links", len(links))
	}
	got := h.get(links[0][1])
	wantStatus(t, got, 200)
	if !strings.Contains(got.Header.Get("Content-Disposition"), "attachment") || strings.Contains(got.body, "CanaryCamera") {
		t.Errorf("%v", got.Header)
	}
	wantStatus(t, c.as("health.handler").get(links[0][1]), 404)
	wantStatus(t, c.as("muye.handler").get(links[0][1]), 403)
	wantStatus(t, h.get(strings.Replace(links[0][1], "/1", "/9", 1)+"9"), 404)
	s.stepped(record, "receive")
	s.stepped(record, "reply", "text", "见附件")
	h.stepped(record, "close")
	wantStatus(t, h.post(record+"/attach"), 409)
	boss.stepped(record, "erase")
	wantIn(t, h.get(record), "本函内容已清除")
	wantNone(t, h.get(record), asked, fileName)
	wantStatus(t, h.get(links[0][1]), 410)
	wantStatus(t, h.get(record+"/print"), 410)
}
