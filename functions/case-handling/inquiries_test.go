package function

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ipcredit/shared/casework"
	"ipcredit/shared/credit"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/subject"
	"ipcredit/shared/tipoff"
)

type staffActor = staff.Actor

// subjects puts firms on the register.
func (c *city) subjects(list map[string]string) {
	c.t.Helper()
	x := credit.Change{Entry: journal.Entry{Actor: "test", Action: "credit.import", Ref: "batch:1", At: c.clock.Now()}}
	for code, name := range list {
		x.Subjects = append(x.Subjects, subject.Subject{Code: code, Name: name, Kind: "enterprise", District: "410702"})
	}
	if _, _, err := credit.NewStore(c.env.Journal, credit.Shipped()).Apply(c.t.Context(), x); err != nil {
		c.t.Fatal(err)
	}
}

func TestLookupForAPurposeOverThePages(t *testing.T) {
	c := embedded(t)
	c.subjects(map[string]string{code: reported, "91410771MA00AAA291": "虚构乙科技有限公司"})
	k := c.as("science.inquirer")
	a := k.get("/inquiries/new")
	wantStatus(t, a, 200)
	wantIn(t, a, "项目评审", "职称评审")
	wantNone(t, a, "案件核查", `name="case"`)
	ask := func(k visitor, file string, fields ...string) answer {
		name := "名单.csv"
		if file == "" {
			name = "空.txt"
		}
		return k.upload("/inquiries", name, []byte(file), append([]string{"ticket", ticket(), "reason", "年度评审", "project", "豫科2026-001"}, fields...)...)
	}
	const header = "统一社会信用代码,主体名称\r\n"
	a = ask(k, header+",虚构乙科技有限公司\r\n", "purpose", "project", "subjects", code)
	wantStatus(t, a, http.StatusSeeOther)
	record := strings.TrimPrefix(a.Header.Get("Location"), prefix)
	a = k.get(record)
	wantIn(t, a, reported, "虚构乙科技有限公司", "没有可提供的记录", "年度评审", "豫科2026-001")
	list, _, err := c.desk.inquiries.Visible(t.Context(), code, "", 10)
	if err != nil || len(list) != 1 || list[0].Organization != "新乡市科学技术局" || list[0].Purpose != "project" {
		t.Errorf("the subject sees %+v, %v", list, err)
	}
	wantIn(t, k.get("/inquiries"), "项目评审", "可见")
	wantStatus(t, c.as("health.inquirer").get(record), 404)
	for name, tt := range map[string]struct {
		by     string
		fields []string
		status int
	}{
		"no purpose":        {"science.inquirer", []string{"subjects", code}, 400},
		"no subject":        {"science.inquirer", []string{"purpose", "project"}, 400},
		"not its purpose":   {"court.inquirer", []string{"purpose", "project", "subjects", code}, 403},
		"no inquirer":       {"science.handler", []string{"purpose", "project", "subjects", code}, 403},
		"a credit service":  {"service.inquirer", []string{"purpose", "project", "subjects", code}, 403},
		"a case of nobody":  {"hongqi.handler", []string{"purpose", "verification", "case", "AJ410702-2026-09999", "subjects", code}, 400},
		"without a case":    {"hongqi.handler", []string{"purpose", "verification", "subjects", code}, 400},
		"a bureau's review": {"hongqi.handler", []string{"purpose", "project", "subjects", code}, 403},
	} {
		if a := ask(c.as(tt.by), "", tt.fields...); a.StatusCode != tt.status {
			t.Errorf("%s: %d %s", name, a.StatusCode, words(a.body))
		}
	}
	wantStatus(t, c.as("science.handler").get("/inquiries/new"), 403)
	wantStatus(t, c.as("lead.statistics").get("/inquiries"), 403)
}

// TestThreat_SubjectDoesNotSeeThatItsCaseIsVerified: a handler's lookup in a case
// changes nothing that the subject can see until the case is notified to it; the
// tick after that shows it.
func TestThreat_SubjectDoesNotSeeThatItsCaseIsVerified(t *testing.T) {
	c := embedded(t)
	c.subjects(map[string]string{code: reported})
	ctx := t.Context()
	opened, err := c.desk.cases.Open(ctx, actorOf(t, c, "hongqi.handler"), casework.Draft{
		Kind: tipoff.Counterfeit, Source: casework.OwnCheck, Facts: "样例案情", Parties: []casework.Party{{Name: reported, Code: code, Role: casework.Respondent}}, Key: ticket(),
	}, c.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	visible := func() string {
		list, next, err := c.desk.inquiries.Visible(ctx, code, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(list, next)
	}
	before := visible()
	h := c.as("hongqi.handler")
	a := h.upload("/inquiries", "空.txt", nil, "ticket", ticket(), "purpose", "verification", "case", opened.Number, "reason", "核实", "subjects", code)
	wantStatus(t, a, http.StatusSeeOther)
	record := strings.TrimPrefix(a.Header.Get("Location"), prefix)
	wantIn(t, h.get(record), "案件通知前不可见", opened.Number)
	tick := func() {
		t.Helper()
		if err := c.desk.tick(httptest.NewRequest("POST", "/", nil).WithContext(ctx)); err != nil {
			t.Fatal(err)
		}
	}
	tick()
	if visible() != before {
		t.Errorf("the subject sees %s", visible())
	}
	// As if the notice had been served on it.
	key := c.env.Journal.Key("casework", opened.Number)
	text, err := c.rdb.Get(ctx, key).Result()
	if err != nil {
		t.Fatal(err)
	}
	served := strings.Replace(text, `"events":[`, `"events":[{"on":"2026-05-20","what":"notice-served","by":"test"},`, 1)
	if served == text {
		t.Fatal(text)
	}
	if err := c.rdb.Set(ctx, key, served, 0).Err(); err != nil {
		t.Fatal(err)
	}
	tick()
	if got := visible(); !strings.Contains(got, "新乡市红旗区市场监督管理局 verification") {
		t.Errorf("afterwards the subject sees %s", got)
	}
	wantIn(t, h.get(record), "可见")
}
