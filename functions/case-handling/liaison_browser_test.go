package function

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"ipcredit/shared/browsertest"
)

// TestLettersCampaignsAndLookupsInABrowser looks at every page of letters, shares,
// instruments of entrustment, campaigns, joint inspections and lookups.
func TestLettersCampaignsAndLookupsInABrowser(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	c.subjects(map[string]string{code: reported, "91410771MA00AAA291": "虚构乙科技有限公司"})
	h, boss, s := c.as("hongqi.handler"), c.as("hongqi.approver"), c.as("science.handler")
	draft := h.created("/notices", noticeTo("education")...)
	notice := h.created("/notices", noticeTo("science")...)
	h.stepped(notice, "submit")
	boss.stepped(notice, "send", "docNo", "新测市监函〔2026〕1号")
	s.stepped(notice, "receive")
	a := s.post(notice + "/attach")
	token := regexp.MustCompile(`evidence-upload/forms/([a-z0-9]+)`).FindStringSubmatch(a.Header.Get("Location"))
	c.upload(token[1], file{fileName, "image/jpeg", photograph(40, 30)})
	s.stepped(notice, "reply", "text", "已在评审中核实，结果另附。")
	withdrawn := h.created("/notices", noticeTo("health")...)
	h.stepped(withdrawn, "submit")
	boss.stepped(withdrawn, "send", "docNo", "新测市监函〔2026〕2号")
	boss.stepped(withdrawn, "withdraw", "text", "件数有误")
	share := h.created("/notices", shareFields("outbound")...)
	h.stepped(share, "submit")
	boss.stepped(share, "send", "docNo", "新测市监函〔2026〕3号")
	came := h.created("/shares/register", append(shareFields("inbound"), "docNo", "示测市监函〔2026〕9号", "on", "2026-05-18", "said", "行政处罚程序规定")...)
	h.stepped(came, "receive")
	lead := c.as("lead.handler")
	lead.follow("/mandates", "number", "豫测知〔2026〕1号", "issuer", "河南省知识产权局（演示）", "on", "2026-05-01", "from", "2026-05-10", "to", "2027-05-09", "kinds", "unlicensed-agency", "divisions", "410700")
	run := lead.created("/campaigns", campaignFields()...)
	lead.stepped(run, "start")
	h.stepped(run, "enter", "task", "1", "on", "2026-05-20", "add", "2", "note", "检查两家代理机构")
	planned := lead.created("/campaigns", campaignFields()...)
	joint := lead.created("/inspections", "name", "代理机构联合检查", "from", "2026-05-18", "to", "2026-05-29", "basisNumber", "新测知联〔2026〕4号", "basisTitle", "联合检查方案", "basisOn", "2026-05-10",
		"orgs", "science", "orgs", "police", "sites", code+" "+reported)
	invited := lead.created("/inspections", "name", "第二次联合检查", "from", "2026-05-18", "to", "2026-05-29", "basisNumber", "新测知联〔2026〕5号", "basisTitle", "联合检查方案", "basisOn", "2026-05-10",
		"orgs", "science", "sites", code+" "+reported)
	s.stepped(joint, "join", "answer", "accepted", "people", "钱演示甲\n冯演示乙")
	lead.stepped(joint, "begin")
	s.stepped(joint, "find", "site", code, "outcome", "lead", "on", "2026-05-20", "text", "发现未备案的代理行为")
	asked := c.as("science.inquirer").upload("/inquiries", "空.txt", nil, "ticket", ticket(), "purpose", "project", "project", "豫科2026-001", "reason", "年度评审", "subjects", code+"\n虚构乙科技有限公司\n虚构\n91410771MA00AAA105")
	wantStatus(t, asked, http.StatusSeeOther)
	lookup := strings.TrimPrefix(asked.Header.Get("Location"), prefix)

	views := []struct {
		name string
		view browsertest.View
		few  bool
	}{
		{"360", browsertest.View{Width: browsertest.Narrow}, false},
		{"1280", browsertest.View{}, false},
		{"1280-en", browsertest.View{Language: "en"}, true},
		{"360-dark", browsertest.View{Width: browsertest.Narrow, Dark: true}, true},
	}
	look := func(path, name string, each bool) {
		t.Helper()
		for _, v := range views {
			if v.few && !each {
				continue
			}
			p := b.Open(t, c.public+prefix+path, v.view)
			if p.Status() != http.StatusOK {
				t.Errorf("%s: %d", path, p.Status())
			}
			p.NoErrors()
			p.Axe()
			p.FitsWidth()
			p.Look(name + "-" + v.name)
			if missing := regexp.MustCompile(`〔[a-z][^〕]*〕`).FindString(p.HTML()); missing != "" {
				t.Errorf("%s: a word is missing: %s", path, missing)
			}
		}
	}
	c.enter(b, "hongqi.handler")
	look("/notices?show=all", "notices", true)
	look("/notices/new?kind=notice", "notice-to", false)
	look("/notices/new?kind=notice&to=science", "notice-new", true)
	look(draft, "notice-draft", false)
	look(draft+"/edit", "notice-edit", false)
	look(draft+"/print", "notice-draft-print", false)
	look(notice, "notice", true)
	look(notice+"/print", "notice-print", false)
	look(notice+"/follow", "notice-follow", false)
	look(withdrawn, "notice-withdrawn", false)
	look("/shares", "shares", true)
	look("/notices/new?kind=outbound", "share-kind", false)
	look("/notices/new?kind=outbound&template=share-filings", "share-new", false)
	look(share+"/receive", "share-receive", false)
	look("/shares/register", "share-register-kind", false)
	look("/shares/register?template=share-assistance", "share-register", false)
	look("/shares/import", "share-import", false)
	look("/shares/export", "share-export", false)
	look(came, "share-came", false)
	look(came+"/propose", "share-propose", false)
	look("/campaigns", "campaigns", false)
	look(run, "campaign", true)
	look(run+"/enter", "campaign-enter", false)
	look(run+"/print", "campaign-print", false)
	p := b.Open(t, c.public+prefix+"/notices/new?kind=notice&to=science", browsertest.View{Width: browsertest.Narrow})
	press(p, "main form .btn", ".wrong")
	p.Axe()
	p.FitsWidth()
	p.Look("notice-wrong-360")

	c.enter(b, "hongqi.approver")
	look(notice+"/withdraw", "notice-withdraw", false)
	c.enter(b, "lead.handler")
	look("/mandates", "mandates", false)
	look("/mandates/new", "mandate-new", false)
	look("/campaigns/new", "campaign-new", true)
	look(planned+"/edit", "campaign-edit", false)
	look("/inspections", "inspections", false)
	look("/inspections/new", "inspection-new", false)
	look(joint, "inspection", true)
	look(joint+"/find", "inspection-find", false)
	look(joint+"/follow-up", "inspection-follow", false)
	look(joint+"/print", "inspection-print", false)
	c.enter(b, "lead.supervisor")
	look(run+"/close", "campaign-close", false)
	c.enter(b, "science.handler")
	look("/notices?show=all", "department", false)
	look(notice, "department-notice", false)
	look(invited+"/join", "inspection-join", false)
	c.enter(b, "science.inquirer")
	look("/inquiries", "inquiries", false)
	look("/inquiries/new", "inquiry-new", true)
	look(lookup, "inquiry", true)
}
