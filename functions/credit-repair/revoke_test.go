package function

import (
	"net/http"
	"strings"
	"testing"

	"ipcredit/shared/browsertest"
)

// allowed files an application about a penalty of ours and has it allowed.
func (o *office) allowed(id string) string {
	o.t.Helper()
	no := o.filed(id)
	h := o.as("lead.handler")
	o.want(h.post("/desk/"+no+"/hand-over", "number", "信用中国2026-61号"), http.StatusSeeOther)
	o.want(h.post("/desk/"+no+"/accept"), http.StatusSeeOther)
	o.want(o.as("lead.approver").post("/desk/"+no+"/decide", "outcome", "approved", "decision", "新测市监信修〔2026〕61号"), http.StatusSeeOther)
	return no
}

// TestARepairThatWasAMistakeIsTakenBackOnThePages: two people, the subject told and
// heard, and the record there again.
func TestARepairThatWasAMistakeIsTakenBackOnThePages(t *testing.T) {
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-12"))
	o.on("2026-08-19")
	no := o.allowed("P1")
	h, b, j := o.as("lead.handler"), o.as("lead.approver"), o.as("jia.agent")
	o.want(h.get("/desk/"+no), 200, "启动撤销修复", "报送“信用中国”")
	if body := o.want(b.get("/desk/"+no), 200).body; strings.Contains(body, "启动撤销修复") {
		t.Error("who decides is offered to begin")
	}
	o.want(j.get("/applications/"+no+"/revoked"), 404)
	o.want(h.post("/desk/"+no+"/propose"), 422, "请选择撤销修复的理由")
	o.want(h.post("/desk/"+no+"/propose", "why", "mistake"), http.StatusSeeOther)
	o.want(j.get("/applications/"+no), 200, "起拟撤销修复", "准予修复或者导入决定有误", "提交陈述意见")
	o.want(j.get("/applications/"+no+"/revoked"), 200, "拟撤销信用修复告知书", "陈述意见")
	o.want(h.post("/desk/"+no+"/revoke", "decision", "新测市监信修〔2026〕62号"), 403)
	o.want(b.post("/desk/"+no+"/revoke", "decision", "", "version", "1"), 412, "他人改动")
	o.want(b.post("/desk/"+no+"/revoke", "decision", ""), 400, "文书号")
	if o.shown() != 0 {
		t.Fatal("begun, and displayed already")
	}
	o.want(b.post("/desk/"+no+"/revoke", "decision", "新测市监信修〔2026〕62号"), http.StatusSeeOther)
	if o.shown() != 1 {
		t.Fatal("taken back, and not displayed")
	}
	o.want(j.get("/applications/"+no), 200, "撤销</h2>", "修复已撤销")
	o.want(j.get("/applications/"+no+"/revoked"), 200, "撤销信用修复决定书", "新测市监信修〔2026〕62号", "行政复议")
	o.want(j.get("/records/P1"), 200, "现在可以申请修复")
	o.want(h.post("/desk/"+no+"/report"), http.StatusSeeOther)
	o.want(h.post("/desk/"+no+"/report"), 409, "2026-08-19")
}

// TestReasonsStandWithTheirArticle: on the page, on paper, and for another authority's
// refusal, which names no day.
func TestReasonsStandWithTheirArticle(t *testing.T) {
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-12"), determined("D1", "2026-01-12"))
	o.on("2026-08-19")
	h, b, j := o.as("lead.handler"), o.as("lead.approver"), o.as("jia.agent")
	own := o.filed("P1")
	o.want(h.post("/desk/"+own+"/hand-over", "number", "信用中国2026-61号"), http.StatusSeeOther)
	o.want(h.post("/desk/"+own+"/accept"), http.StatusSeeOther)
	o.want(b.post("/desk/"+own+"/decide", "outcome", "approved", "reasons", "fraud", "decision", "新测市监信修〔2026〕61号"), 422, "不要选择理由", "value=\"fraud\" checked", "新测市监信修〔2026〕61号")
	if o.shown() != 2 {
		t.Fatal("repaired with reasons against it")
	}
	o.want(b.post("/desk/"+own+"/decide", "outcome", "denied", "reasons", "unperformed", "reasons", "fraud", "decision", "新测市监信修〔2026〕61号"), http.StatusSeeOther)
	o.want(j.get("/applications/"+own), 200, "义务没有履行完毕", "信用修复管理办法（国家发展改革委令第36号）", "申请条件条款")
	o.want(j.get("/applications/"+own+"/decision"), 200, "不予信用修复决定书", "（1）", "（2）", "依据：信用修复管理办法（国家发展改革委令第36号）申请条件条款", "新乡市市场监督管理局")

	other := o.filed("D1")
	o.want(h.post("/desk/"+other+"/forward", "number", "信用中国2026-62号"), http.StatusSeeOther)
	o.want(b.post("/desk/"+other+"/import", "outcome", "denied", "reasons", "recent-repair", "decision", "国知测〔2026〕5号", "on", "2026-08-19"), http.StatusSeeOther)
	for _, path := range []string{"/applications/" + other, "/applications/" + other + "/decision"} {
		if body := o.want(j.get(path), 200, "距离上一次信用修复不满一年", "第十四条第一项").body; strings.Contains(body, "%!") || strings.Contains(body, "%s") {
			t.Errorf("%s lacks a day", path)
		}
	}
	// What CNIPA decided is told by us and signed as ours, not as CNIPA's.
	o.want(j.get("/applications/"+other+"/decision"), 200, "信用修复结果通知书", "已由国家知识产权局于2026年8月19日", "<p>新乡市市场监督管理局</p>")
}

func TestAnApplicationFromCreditChinaIsRegisteredWithItsDays(t *testing.T) {
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-12"))
	o.on("2026-08-19")
	h := o.as("lead.handler")
	all := []string{"code", jia, "records", "P1", "corrected", "yes", "performed", "yes", "removed", "yes", "number", "信用中国2026-3号"}
	o.want(h.post("/desk/register", append(all, "applied", "2026-08-12")...), 422, "2026-08-13") // the first day of applying
	o.want(h.post("/desk/register", append(all, "applied", "2026-08-18", "came", "2026-08-17")...), 422, "不能晚于收到日期 2026-08-17", `value="2026-08-18"`)
	o.want(h.post("/desk/register", append(all, "applied", "2026-08-33")...), 400, "2026-08-33")
	a := o.want(h.post("/desk/register", append(all, "applied", "2026-08-13", "came", "2026-08-17")...), http.StatusSeeOther)
	o.want(o.as("jia.agent").get("/applications/"+numberIn.FindString(a.header.Get("Location"))), 200, "2026年8月13日", "2026年8月17日", "2026年8月20日", "2026年8月27日")
}

// The pages of taking back, looked at in a browser.
func TestTakingBackInABrowser(t *testing.T) {
	b := browsertest.New(t)
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-12"))
	o.on("2026-08-19")
	no := o.allowed("P1")
	look := func(path, name string) {
		t.Helper()
		for width, v := range map[string]browsertest.View{"360": {Width: browsertest.Narrow}, "1280-en": {Width: browsertest.Wide, Language: "en"}} {
			p := b.Open(t, o.public+prefix+path, v)
			p.NoErrors()
			p.Axe()
			p.FitsWidth()
			p.Look(name + "-" + width)
		}
	}
	o.enter(b, "lead.handler")
	look("/desk/"+no, "desk-approved")
	look("/desk/register?code="+jia, "register-days")
	p := b.Open(t, o.public+prefix+"/desk/"+no, browsertest.View{Width: browsertest.Narrow})
	press(p, "form[action$='/propose'] .btn", ".wrong")
	p.Axe()
	p.FitsWidth()
	o.want(o.as("lead.handler").post("/desk/"+no+"/propose", "why", "fraud"), http.StatusSeeOther)
	o.enter(b, "lead.approver")
	look("/desk/"+no, "desk-revoking")
	o.enter(b, "jia.agent")
	look("/applications/"+no, "application-revoking")
	look("/applications/"+no+"/revoked", "revoking-paper")
}
