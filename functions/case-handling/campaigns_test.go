package function

import (
	"strings"
	"testing"

	"ipcredit/shared/casework"
	"ipcredit/shared/tipoff"
)

func campaignFields() []string {
	return []string{"name", "代理行业整治专项行动", "from", "2026-05-01", "to", "2026-10-31", "basisNumber", "新测知联〔2026〕3号", "basisTitle", "专项行动方案", "basisOn", "2026-04-28",
		"tasks/0/district", "each", "tasks/0/measure", "agencies", "tasks/0/target", "2", "tasks/0/due", "2026-06-30",
		"tasks/1/district", "410702", "tasks/1/measure", "leads", "tasks/1/target", "5", "tasks/1/due", "2026-10-31",
		"tasks/2/district", "", "tasks/2/measure", "", "tasks/2/target", "", "tasks/2/due", ""}
}

func TestCampaignOverThePages(t *testing.T) {
	c := embedded(t)
	lead, h := c.as("lead.handler"), c.as("hongqi.handler")
	wantStatus(t, lead.get("/campaigns/new"), 200)
	for name, tt := range map[string]struct{ field, value, want string }{
		"no document":     {"basisNumber", "", "f-basisNumber"},
		"a wrong number":  {"basisNumber", "3号文", "f-basisNumber"},
		"a wrong target":  {"tasks/1/target", "0", "f-tasks/1/target"},
		"due outside":     {"tasks/0/due", "2026-12-01", "f-tasks/0/due"},
		"a wrong measure": {"tasks/1/measure", "smiles", "f-tasks/1/measure"},
	} {
		f := campaignFields()
		for i := 0; i < len(f); i += 2 {
			if f[i] == tt.field {
				f[i+1] = tt.value
			}
		}
		a := lead.post("/campaigns", f...)
		if a.StatusCode != 400 || strings.Count(a.body, `id="`+tt.want+`-bad"`) != 1 {
			t.Errorf("%s: %d %s", name, a.StatusCode, words(a.body))
		}
	}
	wantStatus(t, c.as("science.handler").get("/campaigns"), 403)
	wantStatus(t, c.as("science.handler").post("/campaigns", campaignFields()...), 403)
	record := lead.created("/campaigns", campaignFields()...)
	wantIn(t, lead.get(record), "代理行业整治专项行动", "红旗区", "长垣市", "新测知联〔2026〕3号")
	wantNone(t, h.get("/cases/new"), "代理行业整治专项行动") // planned only
	lead.stepped(record, "start")
	// A case names it by choosing it, and is called by its name.
	id := record[strings.LastIndex(record, "/")+1:]
	wantIn(t, h.get("/cases/new"), `<option value="`+id+`">代理行业整治专项行动`)
	no := c.newCase(1).Number
	h.caseDone(no, "claim")
	wantIn(t, h.caseDone(no, "edit", "kind", "counterfeit", "facts", caseFacts, "campaign", id), "代理行业整治专项行动", "campaign="+id)
	wantIn(t, h.get("/cases/"+no+"/edit"), `<option value="`+id+`" selected>`)
	a := h.step(record, "enter", "task", "3", "on", "2026-05-20", "add", "1") // another district's task
	wantStatus(t, a, 403)
	a = h.step(record, "enter", "task", "1", "on", "2026-05-20", "add", "x")
	wantStatus(t, a, 400)
	wantIn(t, a, `value="x"`)
	wantIn(t, h.stepped(record, "enter", "task", "1", "on", "2026-05-20", "add", "2", "note", "检查两家"), "2 / 2", "按期完成", "检查两家")
	wantStatus(t, h.post(record+"/enter", "version", "1", "task", "1", "on", "2026-05-20", "add", "1"), 412)
	wantStatus(t, lead.step(record, "close", "result", "总结"), 403)
	c.as("lead.supervisor").stepped(record, "close", "result", "专项行动结束，情况如下。")
	a = h.get(record + "/print?lang=en")
	wantIn(t, a, "专项行动结束，情况如下。", "情况报告", "新乡市市场监督管理局")
	wantStatus(t, h.get(record+"/enter"), 409)
	wantIn(t, lead.get("/campaigns?state=closed"), "代理行业整治专项行动")
	wantStatus(t, lead.get("/campaigns?state=x"), 400)
}

func TestJointInspectionOverThePages(t *testing.T) {
	c := embedded(t)
	followed, err := c.desk.cases.Open(t.Context(), c.actor("lead.handler"), casework.Draft{Kind: tipoff.AgencyMisconduct, Source: casework.OwnCheck, Facts: caseFacts}, c.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	lead, s := c.as("lead.handler"), c.as("science.handler")
	fields := []string{"name", "代理机构联合检查", "from", "2026-05-18", "to", "2026-05-29", "basisNumber", "新测知联〔2026〕4号", "basisTitle", "联合检查方案", "basisOn", "2026-05-10",
		"orgs", "science", "orgs", "police", "sites", code + " " + reported + "\n91410771MA00AAA104，虚构甲科技有限公司"}
	wantStatus(t, lead.get("/inspections/new"), 200)
	bad := append([]string{}, fields...)
	bad[len(bad)-1] = "91410771MA00AAA105 虚构甲科技有限公司"
	a := lead.post("/inspections", bad...)
	wantStatus(t, a, 400)
	wantIn(t, a, "第 1 行", "91410771MA00AAA105")
	record := lead.created("/inspections", fields...)
	wantStatus(t, c.as("health.handler").get(record), 404)
	wantIn(t, s.get("/inspections"), "代理机构联合检查")
	wantStatus(t, s.step(record, "join", "answer", "accepted", "people", ""), 400)
	s.stepped(record, "join", "answer", "accepted", "people", "钱演示甲\n冯演示乙")
	lead.stepped(record, "begin")
	wantStatus(t, lead.step(record, "finish"), 422)
	for _, site := range []string{code, "91410771MA00AAA104"} {
		s.stepped(record, "find", "site", site, "outcome", "nothing", "on", "2026-05-20", "text", "未见异常")
		lead.stepped(record, "find", "site", site, "outcome", "lead", "on", "2026-05-20", "text", "发现未备案代理")
		for _, wrong := range []string{"AJ410700-2026-99999", "x"} {
			a := lead.step(record, "follow-up", "site", site, "case", wrong) // no such case
			wantStatus(t, a, 400)
			wantIn(t, a, `value="`+wrong+`"`)
		}
		lead.stepped(record, "follow-up", "site", site, "case", followed.Number)
	}
	lead.stepped(record, "finish")
	wantIn(t, s.get(record), "已结束", "钱演示甲", "发现未备案代理")
	wantIn(t, s.get(record+"/print"), "联合检查报告", "未见异常")
}
