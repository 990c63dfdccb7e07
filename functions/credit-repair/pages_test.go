package function

import (
	"net/http"
	"strings"
	"testing"

	"ipcredit/shared/credit"
	"ipcredit/shared/evidence"
	"ipcredit/shared/repair"
)

func (o *office) shown() int {
	o.t.Helper()
	p, err := credit.NewStore(o.env.Journal, credit.NewInForce(o.env.Journal)).Load(o.t.Context(), jia)
	ok(o.t, err)
	visible, _ := credit.Show(p.Records, o.clock.Now())
	return len(visible)
}

func TestASubjectReadsWhyAppliesAndIsRepaired(t *testing.T) {
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-10"))
	o.on("2026-09-21")
	o.want(o.as("").get("/records"), http.StatusSeeOther)
	o.want(o.as("jia.agent").get("/"), http.StatusSeeOther)
	o.want(o.as("jia.agent").get("/records"), 200, "虚构甲科技有限公司", "新测市监处罚〔2026〕P1号", "2027", "新乡市市场监督管理局", "现在可以申请修复")
	o.want(o.as("jia.agent").get("/records/P1"), 200, "擅自使用他人商标", "商标法第五十七条", "信用承诺书", "已履行义务的证明", "2026年8月11日")
	o.want(o.as("jia.agent").get("/records/P1/notice"), 200, "信用修复告知书", "2026年8月11日起", "不收取任何费用")
	o.want(o.as("jia.agent").get("/applications/new?record=P1"), 200, "91410771MA00AAA104", `value="P1" checked`)
	no := o.filed("P1")
	o.want(o.as("jia.agent").get("/applications/"+no), 200, "已提交", "2026年9月24日", "2026年10月12日")
	o.want(o.as("jia.agent").get("/applications/"+no+"/form"), 200, "信用修复申请表")
	o.want(o.as("jia.agent").get("/applications/"+no+"/commitment"), 200, "信用承诺书", "在线签署")
	o.want(o.as("jia.agent").get("/applications/"+no+"/decision"), 404)

	h := o.as("lead.handler")
	o.want(h.get("/desk"), 200, no, "2026-09-24")
	o.want(h.get("/desk/"+no), 200, "虚构甲科技有限公司")
	o.want(h.post("/desk/"+no+"/hand-over", "number", "信用中国2026-1号"), http.StatusSeeOther)
	o.want(h.post("/desk/"+no+"/accept", "version", "1"), 412)
	o.want(h.post("/desk/"+no+"/accept"), http.StatusSeeOther)
	o.want(h.post("/desk/"+no+"/decide", "outcome", "approved", "decision", "新测市监信修〔2026〕1号"), 403)
	if o.shown() != 1 {
		t.Fatal("gone before the decision")
	}
	b := o.as("lead.approver")
	o.want(b.get("/desk/"+no), 200, "作出决定")
	o.want(b.post("/desk/"+no+"/decide", "decision", "新测市监信修〔2026〕1号"), 400, "请选择决定结果")
	o.want(b.post("/desk/"+no+"/decide", "outcome", "denied", "decision", "新测市监信修〔2026〕1号"), 422, "请至少选择一项理由")
	o.want(b.post("/desk/"+no+"/decide", "outcome", "approved", "decision", "?"), 400)
	o.want(b.post("/desk/"+no+"/decide", "outcome", "approved", "decision", "新测市监信修〔2026〕1号"), http.StatusSeeOther)
	if o.shown() != 0 {
		t.Fatal("still shown after the decision")
	}
	o.want(o.as("jia.agent").get("/records"), 200, "没有公示中的不良记录")
	o.want(o.as("jia.agent").get("/applications/"+no), 200, "准予修复")
	o.want(o.as("jia.agent").get("/applications/"+no+"/decision"), 200, "准予信用修复决定书", "新测市监信修〔2026〕1号")
	o.want(o.as("jia.agent").get("/applications"), 200, no)
	o.want(h.post("/desk/"+no+"/spread"), http.StatusSeeOther)
	o.want(h.get("/desk?state=closed"), 200, no, "已修复并通知各方")
}

// The bad input of issue 5 that concerns repair: each refusal, its status and what
// it says.
func TestWhatIsRefusedSaysWhy(t *testing.T) {
	o := embedded(t, "2026-05-20", fined("P1", "2026-06-21"), determined("D1", "2026-01-10"))
	o.on("2026-09-21")
	all := []string{"corrected", "yes", "performed", "yes", "removed", "yes"}
	file := func(pairs ...string) answer {
		t.Helper()
		return o.as("jia.agent").post("/applications", pairs...)
	}
	o.want(file(append(all, "records", "P1")...), 422, "2026-09-22") // one day early
	o.want(file(all...), 422, "请选择要修复的记录")
	o.want(file("records", "D1", "corrected", "yes", "removed", "yes"), 422, "义务已经履行完毕的")
	o.want(file(append(all, "records", "D1", "court", "某公司", "ruling", "1号", "rulingOn", "2026-02-30")...), 400, "2026-02-30")
	o.want(file(append(all, "records", "D1", "court", "某公司", "ruling", "（2026）1号", "rulingOn", "2026-03-01")...), 422, "人民法院全称")
	o.want(file(append(all, "records", "NONE")...), 404)
	o.want(o.as("jia.agent").post("/applications/XF2026000099/sign", "agree", "yes"), 404)
	o.on("2026-09-22")
	o.want(file(append(all, "records", "D1", "records", "P1")...), 422, "不同机关")

	// Another authority's: approving it here is refused, forwarding is not.
	no := o.filed("D1")
	o.want(file(append(all, "records", "D1")...), 409, no)
	o.want(o.as("lead.approver").post("/desk/"+no+"/decide", "outcome", "approved", "decision", "新测市监信修〔2026〕1号"), 409, "国家知识产权局")
	a := o.as("lead.approver").do(http.MethodPost, "/desk/"+no+"/decide", map[string][]string{"outcome": {"approved"}, "decision": {"新测市监信修〔2026〕1号"}}, "Accept", "application/json")
	o.want(a, 409, "repair.other_authority")
	o.want(o.as("lead.handler").post("/desk/"+no+"/accept"), 409)
	o.want(o.as("lead.handler").post("/desk/"+no+"/hand-over", "number", "信用中国2026-2号"), http.StatusSeeOther)
	o.want(o.as("lead.handler").post("/desk/"+no+"/forward", "number", "国知受2026-1"), http.StatusSeeOther)
	if o.shown() != 2 {
		t.Fatal("forwarding repaired")
	}
	o.want(o.as("lead.handler").post("/desk/"+no+"/import", "outcome", "approved", "decision", "国知测〔2026〕3号", "on", "2026-09-22"), 403)
	b := o.as("lead.approver")
	o.want(b.post("/desk/"+no+"/import", "outcome", "approved", "decision", "国知测〔2026〕3号", "on", "2026-09-23"), 422, "不能晚于今天")
	o.want(b.post("/desk/"+no+"/import", "outcome", "approved", "decision", "国知测〔2026〕3号", "on", "2026-09-21"), 422, "2026-09-22")
	o.want(b.post("/desk/"+no+"/import", "outcome", "approved", "decision", "国知测〔2026〕3号", "on", "2026-09-22"), http.StatusSeeOther)
	if o.shown() != 1 {
		t.Fatal("the imported decision ended nothing")
	}
	// The penalty is now free of the waiting time, and of the year after a repair:
	// that is CNIPA's rule for its own determinations.
	o.filed("P1")
}

func TestReturnedOnceWithTheFullList(t *testing.T) {
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-10"))
	o.on("2026-09-21")
	a := o.want(o.as("jia.agent").post("/applications", "records", "P1", "corrected", "yes", "performed", "yes", "removed", "yes"), http.StatusSeeOther)
	no := numberIn.FindString(a.header.Get("Location"))
	h := o.as("lead.handler")
	o.want(h.post("/desk/"+no+"/refuse", "reasons", repair.Incomplete, "decision", "1号文书"), 422)
	o.want(h.post("/desk/"+no+"/return"), http.StatusSeeOther)
	o.want(o.as("jia.agent").get("/applications/"+no), 200, "告知需要补正的全部材料", "信用承诺书", "已履行义务的证明")
	o.want(o.as("jia.agent").post("/applications/"+no+"/complete"), 422, "请由法定代表人签署信用承诺书")
	o.want(o.as("jia.agent").post("/applications/"+no+"/sign", "agree", "yes"), 403)
	o.want(o.as("jia.legal").post("/applications/"+no+"/sign"), 422, "勾选同意")
	o.want(o.as("jia.legal").post("/applications/"+no+"/sign", "agree", "yes"), http.StatusSeeOther)
	o.want(h.post("/desk/"+no+"/counter", "paper", "performance"), http.StatusSeeOther)
	o.want(o.as("jia.agent").post("/applications/"+no+"/complete"), http.StatusSeeOther)
	o.want(h.post("/desk/"+no+"/return", "papers", "performance"), 409, "一次性告知")
}

// Papers go into a box that this function cannot open, and count once a whole file
// is in it.
func TestAPaperIsUploadedIntoASealedBox(t *testing.T) {
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-10"))
	o.on("2026-09-21")
	a := o.want(o.as("jia.agent").post("/applications", "records", "P1", "corrected", "yes", "performed", "yes", "removed", "yes"), http.StatusSeeOther)
	no := numberIn.FindString(a.header.Get("Location"))
	a = o.want(o.as("jia.agent").post("/applications/"+no+"/upload", "paper", "performance"), http.StatusSeeOther)
	if to := a.header.Get("Location"); !strings.Contains(to, "/function/evidence-upload/forms/") {
		t.Fatalf("leads to %q", to)
	}
	o.want(o.as("jia.agent").post("/applications/"+no+"/upload", "paper", "form"), 400)
	o.want(o.as("jia.agent").post("/applications/"+no+"/paper", "paper", "performance", "box", "x"), 422, "还没有收到")
}

func TestAnApplicationFromCreditChinaIsRegistered(t *testing.T) {
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-10"))
	o.on("2026-09-21")
	h := o.as("lead.handler")
	o.want(h.get("/desk/register"), 200, "信用中国")
	o.want(h.get("/desk/register?code="+jia), 200, "虚构甲科技有限公司", "P1")
	o.want(h.get("/desk/register?code=91410711MA00AAD1X2"), 404, "91410711MA00AAD1X2")
	all := []string{"code", jia, "records", "P1", "corrected", "yes", "performed", "yes", "removed", "yes"}
	o.want(h.post("/desk/register", all...), 400)
	a := o.want(h.post("/desk/register", append(all, "number", "信用中国2026-3号")...), http.StatusSeeOther)
	no := numberIn.FindString(a.header.Get("Location"))
	o.want(o.as("jia.agent").get("/applications/"+no), 200, "信用中国2026-3号")
	for _, who := range []string{"jia.agent", "science.handler", "hongqi.handler"} {
		if a := o.as(who).post("/desk/register", append(all, "number", "信用中国2026-4号")...); a.status != 403 && a.status != 409 {
			t.Errorf("%s: %d", who, a.status)
		}
	}
}

// TestThreat_OneSubjectSeesNothingOfAnother: another subject, another unit and a
// department get the page that they get where there is nothing.
func TestThreat_OneSubjectSeesNothingOfAnother(t *testing.T) {
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-10"))
	o.on("2026-09-21")
	no := o.filed("P1")
	for _, who := range []string{"hongqi.handler", "science.handler", "service.inquirer"} {
		c := o.as(who)
		for _, path := range []string{"/applications/" + no, "/applications/" + no + "/form", "/desk/" + no} {
			have, none := c.get(path), c.get(strings.Replace(path, no, "XF2026999999", 1))
			if have.status != 404 || none.status != 404 || strings.Contains(have.body, "虚构甲") {
				t.Errorf("%s %s: %d, of none %d", who, path, have.status, none.status)
			}
		}
		for _, path := range []string{"/applications/" + no + "/withdraw", "/desk/" + no + "/accept", "/desk/" + no + "/decide"} {
			if a := c.post(path, "outcome", "approved", "decision", "1号文书"); a.status != 404 {
				t.Errorf("%s %s: %d", who, path, a.status)
			}
		}
	}
	// The subject itself has no officers' pages, and an officer no subject's.
	o.want(o.as("jia.agent").get("/desk"), 403)
	o.want(o.as("jia.agent").post("/desk/"+no+"/accept"), 404)
	o.want(o.as("lead.handler").get("/records"), 403)
	o.want(o.as("lead.handler").get("/queries"), 403)
	o.want(o.as("lead.handler").post("/applications/"+no+"/withdraw"), 404)
	// Another subject, with the same roles.
	w := o.another("虚构乙科技有限公司", yi)
	o.want(w.get("/records"), 200, "虚构乙科技有限公司", "没有公示中的不良记录")
	for _, path := range []string{"/records/P1", "/records/P1/notice", "/applications/" + no, "/applications/" + no + "/form", "/applications/" + no + "/commitment", "/desk/" + no} {
		if a := w.get(path); a.status != 404 || strings.Contains(a.body, "虚构甲") {
			t.Errorf("another subject %s: %d", path, a.status)
		}
	}
	for _, step := range []string{"withdraw", "sign", "complete", "upload", "paper"} {
		if a := w.post("/applications/"+no+"/"+step, "agree", "yes", "paper", "performance", "box", "BOX"); a.status != 404 {
			t.Errorf("another subject %s: %d %s", step, a.status, a.body)
		}
	}
	o.want(w.post("/applications", "records", "P1", "corrected", "yes", "performed", "yes", "removed", "yes"), 404)
	o.want(w.get("/applications"), 200, "还没有申请")
}

// Henan art. 40: the day, the organisation and the purpose, and nothing else of it.
func TestASubjectSeesWhoLooked(t *testing.T) {
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-10"))
	o.looked()
	a := o.want(o.as("jia.agent").get("/queries"), 200, "新乡市科学技术局", "2026年5月20日", "项目")
	if strings.Contains(a.body, "豫科2026-001") || strings.Contains(a.body, "项目评审样例") {
		t.Error("it shows the project or the reason")
	}
	w := o.another("虚构乙科技有限公司", yi)
	if a := o.want(w.get("/queries"), 200, "没有查询记录"); strings.Contains(a.body, "科学技术局") {
		t.Error("another subject sees it")
	}
}

func TestASubjectTakesTwoReportsAYear(t *testing.T) {
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-10"))
	o.want(o.as("jia.agent").get("/queries"), 200, "没有查询记录", "今年还可领取 2 份")
	o.want(o.as("jia.agent").post("/report"), 200, "信用报告", "新测市监处罚〔2026〕P1号", "本年度第 1 份")
	o.want(o.as("jia.agent").post("/report"), 200, "本年度第 1 份")
	o.on("2026-06-20")
	o.want(o.as("jia.agent").post("/report"), 200, "本年度第 2 份")
	o.on("2026-06-22")
	o.want(o.as("jia.agent").post("/report"), 409, "2027-01-01")
	o.want(o.as("jia.agent").get("/queries"), 200, "今年还可领取 0 份")
}

// uploaded puts a whole file into a box that the function opened.
func (o *office) uploaded(location string) string {
	o.t.Helper()
	ctx := o.t.Context()
	token := location[strings.LastIndex(location, "/")+1:]
	store := evidence.NewStore(o.env.Journal, o.env.Objects.Main, o.clock.Now)
	b, err := store.Open(ctx, token)
	ok(o.t, err)
	data := []byte("样例材料内容")
	x, err := store.Create(ctx, b, evidence.NewFile{Name: "材料.txt", Type: "text/plain", Size: int64(len(data))})
	ok(o.t, err)
	_, err = store.Append(ctx, b, x.N, 0, data)
	ok(o.t, err)
	return b.ID
}

func TestAnUploadedPaperIsHandedIn(t *testing.T) {
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-10"))
	o.on("2026-09-21")
	a := o.want(o.as("jia.agent").post("/applications", "records", "P1", "corrected", "yes", "performed", "yes", "removed", "yes"), http.StatusSeeOther)
	no := numberIn.FindString(a.header.Get("Location"))
	a = o.want(o.as("jia.agent").post("/applications/"+no+"/upload", "paper", "performance"), http.StatusSeeOther)
	box := o.uploaded(a.header.Get("Location"))
	o.want(o.as("jia.agent").get("/applications/"+no), 200, "提交已上传的 1 个文件", box)
	// Not as another paper than it was opened for.
	o.want(o.as("jia.agent").post("/applications/"+no+"/paper", "paper", "correction", "box", box), 422)
	o.want(o.as("jia.agent").post("/applications/"+no+"/paper", "paper", "performance", "box", box), http.StatusSeeOther)
	o.want(o.as("jia.agent").post("/applications/"+no+"/paper", "paper", "performance", "box", box), 422)
	o.want(o.as("lead.handler").get("/desk/"+no), 200, "查验申请人上传的材料", "/function/case-handling/repairs/"+no)
}

func TestASubjectHandsInMaterialsAndIsAnswered(t *testing.T) {
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-10"))
	o.on("2026-09-21")
	j := o.as("jia.agent")
	o.want(j.get("/materials"), 200, "还没有提交过材料")
	upload := func() string {
		t.Helper()
		return o.uploaded(o.want(j.post("/materials/upload"), http.StatusSeeOther).header.Get("Location"))
	}
	box := upload()
	o.want(j.get("/materials"), 200, "已收到 1 个完整文件", "年度报告副本（不能代替国家系统填报）", "P1号")
	o.want(j.post("/materials", "box", box), 400, "请选择材料种类")
	o.want(j.post("/materials", "box", "x", "kind", "rectification"), 422)
	o.want(j.post("/materials", "box", box, "kind", "rectification", "about", "NONE"), 404)
	a := o.want(j.post("/materials", "box", box, "kind", "rectification", "about", "P1"), http.StatusSeeOther)
	no := a.header.Get("Location")
	no = no[strings.Index(no, "CL"):][:len("CL2026000001")]
	o.want(j.post("/materials", "box", box, "kind", "statement"), 422)
	o.want(j.get("/materials/"+no), 200, "整改证明", "已收到，核对中", "2026年9月29日", "提交回执")
	h := o.as("gaoxin.handler")
	o.want(h.get("/desk/materials"), 200, no)
	o.want(h.get("/desk/materials/"+no), 200, "/function/case-handling/materials/"+no)
	o.want(h.post("/desk/materials/"+no), 400, "请选择决定结果")
	o.want(h.post("/desk/materials/"+no, "outcome", "return"), 422, "退回补正的原因")
	o.want(h.post("/desk/materials/"+no, "outcome", "admit", "flaws", "partial"), 422)
	o.want(h.post("/desk/materials/"+no, "outcome", "return", "flaws", "partial", "version", "9"), 412)
	o.want(h.post("/desk/materials/"+no, "outcome", "return", "flaws", "partial", "version", "1"), http.StatusSeeOther)
	o.want(j.get("/materials/"+no), 200, "缺页或者缺附件", "需要补正")
	o.want(j.post("/materials/"+no, "box", "x"), 422)
	second := upload()
	o.want(j.post("/materials/"+no, "box", second), http.StatusSeeOther)
	o.want(h.post("/desk/materials/"+no, "outcome", "admit"), http.StatusSeeOther)
	o.want(j.get("/materials"), 200, "已采纳")
	o.want(h.get("/desk/materials?state=answered"), 200, no)

	// Nobody else's: another subject, another unit, a department.
	w := o.another("虚构乙科技有限公司", yi)
	third := upload()
	for name, c := range map[string]caller{"another subject": w, "another unit": o.as("hongqi.handler"), "a department": o.as("science.handler")} {
		for _, path := range []string{"/materials/" + no, "/desk/materials/" + no} {
			if a := c.get(path); a.status != 404 || strings.Contains(a.body, "虚构甲") {
				t.Errorf("%s %s: %d", name, path, a.status)
			}
			if a := c.post(path, "box", third, "outcome", "admit"); a.status != 404 {
				t.Errorf("%s posts to %s: %d", name, path, a.status)
			}
		}
	}
	o.want(w.post("/materials", "box", third, "kind", "statement"), 422)
	if a := o.want(w.get("/materials"), 200); strings.Contains(a.body, no) || strings.Contains(a.body, third) {
		t.Error("another subject sees what was handed in")
	}
}
