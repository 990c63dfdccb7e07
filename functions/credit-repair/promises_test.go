package function

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"ipcredit/shared/commitment"
	"ipcredit/shared/credit"
	"ipcredit/shared/journal"
	"ipcredit/shared/material"
	"ipcredit/shared/workday"
)

var promiseIn = regexp.MustCompile(`XC\d{10}`)

// drafted writes a draft of jia's and returns its number.
func (o *office) drafted(template, until string) string {
	o.t.Helper()
	a := o.want(o.as("jia.agent").post("/promises", "template", template, "what", "建立知识产权管理制度", "until", until), http.StatusSeeOther)
	return promiseIn.FindString(a.header.Get("Location"))
}

func (o *office) promised(until string) string {
	o.t.Helper()
	no := o.drafted("honest-business", until)
	o.want(o.as("jia.legal").post("/promises/"+no+"/sign", "agree", "yes"), http.StatusSeeOther)
	return no
}

func TestARepresentativeSignsWhatWasReadAgain(t *testing.T) {
	o := embedded(t, "2026-03-02")
	agent, legal := o.as("jia.agent"), o.as("jia.legal")
	o.want(agent.get("/promises"), http.StatusOK, "知识产权诚信经营承诺书", "专利费用减缴备案告知承诺书")
	o.want(agent.get("/promises/new?template=honest-business"), http.StatusOK, "不委托无资质机构代理", "2029-03-02")
	a := o.want(agent.post("/promises", "template", "honest-business", "what", " ", "until", "2026-03-01"), http.StatusBadRequest, "请写明承诺做什么", "2026-03-02", "不委托无资质机构代理")
	if strings.Contains(a.body, "〔") {
		t.Error("a word is missing")
	}
	no := o.drafted("honest-business", "2026-06-30")
	o.want(agent.get("/promises/"+no), http.StatusOK, "建立知识产权管理制度", "须由法定代表人登录后签署")
	o.want(agent.post("/promises/"+no+"/sign", "agree", "yes"), http.StatusForbidden)
	o.want(agent.get("/promises/"+no+"/edit"), http.StatusOK, "建立知识产权管理制度")
	o.want(agent.post("/promises/"+no+"/edit", "version", "1", "template", "honest-business", "what", "建立制度并培训", "until", "2026-07-31"), http.StatusSeeOther)
	o.want(agent.post("/promises/"+no+"/edit", "version", "1", "template", "honest-business", "what", "旧的", "until", "2026-07-31"), http.StatusPreconditionFailed, "旧的")
	o.want(legal.post("/promises/"+no+"/sign", "version", "2"), http.StatusUnprocessableEntity, "请阅读全文后勾选同意")
	o.want(legal.post("/promises/"+no+"/sign", "version", "1", "agree", "yes"), http.StatusPreconditionFailed)
	o.want(legal.post("/promises/"+no+"/sign", "version", "2", "agree", "yes"), http.StatusSeeOther)
	a = o.want(agent.get("/promises/"+no), http.StatusOK, "建立制度并培训", "2026-07-31", "disclosure-publish/commitments/"+no)
	o.want(agent.get("/promises/"+no+"/paper"), http.StatusOK, "2026年7月31日", "在线签署", "SHA-256")
	o.want(agent.post("/promises/"+no+"/drop"), http.StatusConflict)
	gone := o.drafted("honest-business", "2026-06-30")
	o.want(agent.post("/promises/"+gone+"/drop"), http.StatusSeeOther)
	o.want(agent.get("/promises/"+gone), http.StatusNotFound)
}

func TestACommitmentInsteadOfPapersIsRefusedToTheDishonestOnThePage(t *testing.T) {
	o := embedded(t, "2026-06-10", determined("D1", "2026-06-01"))
	o.want(o.as("jia.agent").post("/promises", "template", "fee-reduction", "what", "费用减缴", "until", "2026-12-31"), http.StatusUnprocessableEntity, "2027-06-01", "不适用信用承诺制")
	o.drafted("honest-business", "2026-12-31")
}

func TestAnOfficerWatchesOverACommitmentAndAnotherFindsItBroken(t *testing.T) {
	o := embedded(t, "2026-03-02")
	no := o.promised("2026-03-31")
	h, boss := o.as("gaoxin.handler"), o.as("gaoxin.approver")
	o.want(h.get("/desk/promises"), http.StatusOK, no, "2026-03-31")
	o.want(h.get("/promises/"+no), http.StatusSeeOther)
	o.want(h.post("/desk/promises/"+no+"/take"), http.StatusSeeOther)
	m, err := material.New(o.env.Journal).Hand(t.Context(), o.actor("jia.agent"), material.Fulfilment, "", "BOX1", o.clock.Now())
	ok(t, err)
	o.want(o.as("jia.agent").get("/promises/"+no), http.StatusOK, m.No)
	o.want(o.as("jia.agent").post("/promises/"+no+"/prove"), http.StatusUnprocessableEntity, "承诺履行证明")
	o.want(o.as("jia.agent").post("/promises/"+no+"/prove", "material", m.No), http.StatusSeeOther)
	o.want(h.get("/desk/promises/"+no), http.StatusOK, m.No, "2026-03-16")
	o.want(boss.post("/desk/promises/"+no+"/break", "why", "not-done", "document", "新测市监检〔2026〕1号", "facts", "未建立制度"), http.StatusUnprocessableEntity, "2026-04-01")
	o.on("2026-04-01")
	h, boss = o.as("gaoxin.handler"), o.as("gaoxin.approver")
	o.want(h.post("/desk/promises/"+no+"/break", "why", "not-done", "document", "1号", "facts", "未建立制度"), http.StatusForbidden)
	o.want(boss.post("/desk/promises/"+no+"/break", "why", "not-done", "document", "", "facts", "写过的事实"), http.StatusBadRequest, "写过的事实", "依据文书")
	o.want(boss.post("/desk/promises/"+no+"/break", "why", "not-done", "document", "新测市监检〔2026〕1号", "facts", "未建立制度"), http.StatusSeeOther)
	o.want(boss.get("/desk/promises/"+no), http.StatusOK, "AJ410771-2026-00001", "不是失信行为认定")
	a := o.want(o.as("jia.legal").get("/promises/"+no), http.StatusOK, "不是失信行为认定")
	if strings.Contains(a.body, "AJ410771") {
		t.Error("the subject is told of the lead")
	}
	o.want(boss.post("/desk/promises/"+no+"/take-back", "mistake", "kept"), http.StatusForbidden)
	above := o.as("lead.approver")
	o.want(above.get("/desk/promises?unit=410771&state=closed"), http.StatusOK, no)
	o.want(above.post("/desk/promises/"+no+"/take-back"), http.StatusBadRequest, "请选择理由")
	o.want(above.post("/desk/promises/"+no+"/take-back", "mistake", "kept"), http.StatusSeeOther)
	o.want(h.post("/desk/promises/"+no+"/fulfil", "how", "proof", "doneOn", "2026-03-30"), http.StatusSeeOther)
	o.want(h.get("/desk/promises/"+no), http.StatusOK, "已履行", "2026-03-30")
	o.want(boss.post("/desk/promises/"+no+"/annul", "annulment", "not-signed"), http.StatusSeeOther)
}

func TestAnOfficerRecordsAPaperOfAnOrganisationOnly(t *testing.T) {
	o := embedded(t, "2026-03-02")
	h := o.as("gaoxin.handler")
	o.want(h.get("/desk/promises/new"), http.StatusOK, "自然人的承诺不在这里登记和公示")
	o.want(h.post("/desk/promises", "unit", "410771", "code", "410799190001019907", "template", "agency-discipline", "what", "遵守公约", "until", "2026-12-31", "signedOn", "2026-03-01"), http.StatusBadRequest, "遵守公约")
	a := o.want(h.post("/desk/promises", "unit", "410771", "code", yi, "template", "agency-discipline", "what", "遵守公约", "until", "2026-12-31", "signedOn", "2026-03-01"), http.StatusSeeOther)
	no := promiseIn.FindString(a.header.Get("Location"))
	o.want(h.get("/desk/promises/"+no+"/paper"), http.StatusOK, "虚构乙科技有限公司", "纸质签署")
	o.want(o.as("jia.legal").get("/desk/promises/new"), http.StatusForbidden)
	o.want(o.as("jia.legal").get("/desk/promises"), http.StatusForbidden)
}

// TestThreat_ASubjectsCommitmentsAreItsOwn: the pages answer another subject as if
// there were none.
func TestThreat_ASubjectsCommitmentsAreItsOwn(t *testing.T) {
	o := embedded(t, "2026-03-02")
	written, open := o.drafted("honest-business", "2026-06-30"), o.promised("2026-06-30")
	stranger := o.another("虚构乙科技有限公司", yi)
	for _, no := range []string{written, open} {
		for _, path := range []string{"/promises/" + no, "/promises/" + no + "/paper", "/promises/" + no + "/edit"} {
			got, none := stranger.get(path), stranger.get(strings.ReplaceAll(path, no, "XC2026009999"))
			if got.status != http.StatusNotFound || none.status != http.StatusNotFound || strings.Contains(got.body, "建立知识产权管理制度") {
				t.Errorf("%s: %d and %d", path, got.status, none.status)
			}
		}
		for _, step := range []string{"sign", "drop", "edit", "prove"} {
			if a := stranger.post("/promises/"+no+"/"+step, "agree", "yes", "template", "honest-business", "what", "别的", "until", "2026-06-30", "material", "CL2026000001"); a.status != http.StatusNotFound {
				t.Errorf("%s of %s: %d", step, no, a.status)
			}
		}
		for _, step := range []string{"take", "fulfil", "break", "take-back", "annul"} {
			if a := stranger.post("/desk/promises/"+no+"/"+step, "agree", "yes"); a.status != http.StatusNotFound {
				t.Errorf("%s of %s: %d", step, no, a.status)
			}
		}
	}
	if a := stranger.get("/promises"); strings.Contains(a.body, written) || strings.Contains(a.body, open) {
		t.Error("the list of another")
	}
	// A draft is not even the officers'.
	o.want(o.as("gaoxin.handler").get("/desk/promises/"+written), http.StatusNotFound)
}

// TestThreat_ACommitmentForRepairGoesWithTheRecord: signing an application makes an
// entry of the public ledger, whose text is that of the letter; once the record is
// repaired nothing in public tells that there was one.
func TestThreat_ACommitmentForRepairGoesWithTheRecord(t *testing.T) {
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-10"))
	o.on("2026-09-21")
	no := o.filed("P1")
	ledger := commitment.New(o.env.Journal)
	made, err := ledger.OfApplication(t.Context(), no)
	if err != nil || made == "" {
		t.Fatalf("%q %v", made, err)
	}
	e, err := ledger.Entry(t.Context(), made, o.clock.Now())
	ok(t, err)
	if e.Kind != commitment.Repair || e.Code != jia || !strings.Contains(e.What, "P1号") || commitment.Sum(e.Document) != e.SHA256 {
		t.Errorf("%+v", e)
	}
	letter := o.want(o.as("jia.legal").get("/applications/"+no+"/commitment"), http.StatusOK, made)
	for _, clause := range e.Clauses {
		if !strings.Contains(letter.body, clause) {
			t.Errorf("the letter does not say %s", clause)
		}
	}
	o.want(o.as("jia.legal").get("/promises/"+made), http.StatusOK, no)
	o.as("jia.legal").post("/applications/"+no+"/sign", "agree", "yes") // once more
	if l, err := ledger.Ledger(t.Context(), commitment.Asked{Subject: jia}, o.clock.Now()); err != nil || len(l.List) != 1 {
		t.Errorf("%+v %v", l.List, err)
	}
	_, _, err = credit.NewStore(o.env.Journal, credit.NewInForce(o.env.Journal)).Apply(t.Context(), credit.Change{
		Entry: journal.Entry{Actor: "test", Action: "repair.approved", Ref: no, At: o.clock.Now()},
		Amend: []credit.Amendment{{SubjectCode: jia, ID: "P1", Do: func(r *credit.Record) error {
			r.Repaired = &credit.Repair{On: workday.DateOf(o.clock.Now())}
			return nil
		}}},
	})
	ok(t, err)
	if _, err := ledger.Entry(t.Context(), made, o.clock.Now()); err == nil {
		t.Error("the ledger still tells of the repaired record")
	}
	l, err := ledger.Ledger(t.Context(), commitment.Asked{Subject: jia}, o.clock.Now())
	if err != nil || len(l.List) != 0 {
		t.Errorf("%+v %v", l.List, err)
	}
}

func TestATemplateIsChangedOnThePageByTwoPeople(t *testing.T) {
	o := embedded(t, "2026-03-02")
	h, boss := o.as("lead.handler"), o.as("lead.approver")
	o.want(h.get("/desk/texts?template=honest-business"), http.StatusOK, `value="honest-business"`, "不委托无资质机构代理")
	in := []string{"id", "honest-business", "kind", "proactive", "from", "2026-03-02", "months", "6", "titleZH", "新的承诺书", "titleEN", "New", "clausesZH", "第一条；\r\n第二条。", "clausesEN", "One.\r\nTwo.", "source", "样例文件"}
	o.want(h.post("/desk/texts", in...), http.StatusBadRequest, "最早为明日", "第二条。")
	in[5] = "2026-03-03"
	o.want(h.post("/desk/texts", in...), http.StatusSeeOther)
	o.want(boss.get("/desk/texts"), http.StatusOK, "honest-business@2026-03-03", "待批准")
	o.want(h.post("/desk/texts/honest-business@2026-03-03/approve"), http.StatusForbidden)
	o.want(boss.post("/desk/texts/honest-business@2026-03-03/approve"), http.StatusSeeOther)
	o.want(o.as("jia.agent").get("/promises/new?template=honest-business"), http.StatusOK, "不委托无资质机构代理")
	o.on("2026-03-03")
	o.want(o.as("jia.agent").get("/promises/new?template=honest-business"), http.StatusOK, "新的承诺书", "第二条。", "2026-09-03")
	o.want(o.as("jia.agent").get("/desk/texts"), http.StatusForbidden)
}
