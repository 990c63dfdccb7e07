package function

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/casework"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// investigated is a case of 红旗区 with two handlers whose filing was approved.
func (c *city) investigated(n int) (casework.Case, staff.User) {
	c.t.Helper()
	no := c.newCase(n).Number
	second := c.officer(fmt.Sprintf("hongqi.second%d", n), "hongqi", staff.Handler)
	c.as("hongqi.handler").caseDone(no, "assign", "handlers", c.userID("hongqi.handler"), "handlers", second.ID)
	c.as("hongqi.approver").caseDone(no, "move", "to", "investigating")
	f, err := c.desk.cases.Get(c.t.Context(), c.actor("hongqi.handler"), no, c.clock.Now())
	if err != nil {
		c.t.Fatal(err)
	}
	return f.Case, second
}

// TestBadInputIsRefusedAndChangesNothing goes through what people send wrongly or
// on purpose: each is refused in words, and the case is what it was.
func TestBadInputIsRefusedAndChangesNothing(t *testing.T) {
	c := embedded(t)
	k := c.as("hongqi.handler")
	open, _ := c.investigated(1)
	filed := c.newCase(2).Number
	other := c.newCase(3).Number
	// He is a head, too: what he handled he may not approve.
	order := staff.Order{Kind: staff.OrderGrant, User: c.userID("hongqi.handler"), Role: staff.Approver, Reason: "兼任"}
	if _, err := c.staff.Do(t.Context(), staff.Operator(), order, c.clock.Now()); err != nil {
		t.Fatal(err)
	}
	version := func(no string) string { return fmt.Sprint(caseState(t, c, no).Version) }
	for _, tt := range []struct {
		name, who, no, action string
		fields                []string
		status                int
		says                  string
	}{
		{"a transition not allowed from here", "hongqi.handler", filed, "move", []string{"to", "decided"}, http.StatusConflict, say("casework.state.decided")},
		{"a state that does not exist", "hongqi.handler", filed, "move", []string{"to", "punished"}, http.StatusBadRequest, ""},
		{"an action not possible now", "hongqi.handler", filed, "accept", nil, http.StatusConflict, say("casework.state.filed")},
		{"handler approving himself", "hongqi.handler", open.Number, "move", []string{"to", "suspended", "reason", "自己批准", "sure", "yes"}, http.StatusForbidden, say("fault.staff.can.handled")},
		{"a handler taking a step of the head", "hongqi.suo", filed, "move", []string{"to", "investigating"}, http.StatusForbidden, ""},
		{"an officer of another district", "weibin.handler", open.Number, "note", []string{"text", "别的区"}, http.StatusForbidden, ""},
		{"somebody with another role only", "hongqi.uploader", open.Number, "note", []string{"text", "没有权限"}, http.StatusForbidden, ""},
		{"an unknown number", "hongqi.handler", "AJ410702-2026-99999", "note", []string{"text", "没有"}, http.StatusNotFound, ""},
		{"no number at all", "hongqi.handler", "..%2f..", "note", []string{"text", "没有"}, http.StatusNotFound, ""},
		{"merging with itself", "hongqi.handler", open.Number, "merge", []string{"into", open.Number, "sure", "yes"}, http.StatusBadRequest, ""},
		{"merging with what nobody has", "hongqi.handler", open.Number, "merge", []string{"into", "AJ410702-2026-88888", "sure", "yes"}, http.StatusBadRequest, ""},
		{"handing over to another district's officer", "hongqi.handler", open.Number, "hand-over", []string{"user", c.userID("hongqi.handler"), "to", c.userID("weibin.handler")}, http.StatusUnprocessableEntity, ""},
		{"three handlers", "hongqi.handler", other, "assign", []string{"handlers", c.userID("hongqi.handler"), "handlers", "a", "handlers", "b"}, http.StatusUnprocessableEntity, ""},
		{"a fact that cannot have happened", "hongqi.handler", open.Number, "record", []string{"what", "hearing-held"}, http.StatusBadRequest, ""},
		{"a day in the future", "hongqi.handler", open.Number, "record", []string{"what", "preserved", "on", "2027-01-01"}, http.StatusBadRequest, ""},
		{"no reason for a transfer", "hongqi.handler", open.Number, "move", []string{"to", "to-police", "sure", "yes"}, http.StatusBadRequest, ""},
		{"no body for a transfer to a court", "hongqi.handler", open.Number, "move", []string{"to", "to-other", "reason", "移送", "sure", "yes"}, http.StatusBadRequest, ""},
		{"deleting too early", "hongqi.approver", open.Number, "erase", []string{"again", open.Number, "sure", "yes"}, http.StatusUnprocessableEntity, ""},
		{"an extension nobody asked for", "hongqi.approver", open.Number, "extend", []string{"clock", "decision", "grant", "yes"}, http.StatusConflict, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := "1"
			known := tt.no == open.Number || tt.no == filed || tt.no == other
			var before casework.Case
			if known {
				before = caseState(t, c, tt.no)
				v = version(tt.no)
			}
			a := c.as(tt.who).post("/cases/"+tt.no+"/"+tt.action, append(tt.fields, "version", v)...)
			if a.StatusCode != tt.status {
				t.Errorf("%d, want %d: %s", a.StatusCode, tt.status, words(a.body))
			}
			if tt.says != "" {
				wantIn(t, a, tt.says)
			}
			if strings.Contains(a.body, "〔casework") || strings.Contains(a.body, "〔cases") || strings.Contains(a.body, "〔fault") {
				t.Errorf("a word is missing: %s", words(a.body))
			}
			if known {
				if after := caseState(t, c, tt.no); after.Version != before.Version || after.State != before.State {
					t.Errorf("it changed: %d %s → %d %s", before.Version, before.State, after.Version, after.State)
				}
			}
		})
	}

	t.Run("closing while a clock is paused", func(t *testing.T) {
		k.caseDone(open.Number, "record", "what", "pause", "ref", "testing")
		a := c.as("hongqi.handler").post("/cases/"+open.Number+"/move", "to", "to-police", "reason", "涉嫌犯罪", "sure", "yes", "version", version(open.Number))
		wantStatus(t, a, http.StatusConflict)
		wantIn(t, a, "涉嫌犯罪") // what was typed stays
		k.caseDone(open.Number, "record", "what", "resume", "ref", "testing")
	})
	t.Run("an instrument number of the wrong form", func(t *testing.T) {
		a := k.post("/cases/"+open.Number+"/issue/transfer", "recipient", "样例公安局", "facts", "事实", "reason", "理由", "number", "新红测市监〔26〕1号", "do", "issue", "version", version(open.Number))
		wantStatus(t, a, http.StatusBadRequest)
		wantIn(t, a, "新红测市监〔26〕1号", "f-number")
	})
	t.Run("a document that lacks a field", func(t *testing.T) {
		a := k.post("/cases/"+open.Number+"/issue/transfer", "recipient", "样例公安局", "do", "issue", "version", version(open.Number))
		wantStatus(t, a, http.StatusBadRequest)
		wantIn(t, a, "f-facts", "f-reason", "样例公安局")
	})
	t.Run("a document not of this stage", func(t *testing.T) {
		a := k.post("/cases/"+open.Number+"/issue/hearing-notice", "do", "issue", "version", version(open.Number))
		wantStatus(t, a, http.StatusConflict)
	})
	t.Run("an extension after the deadline", func(t *testing.T) {
		c.clock.Pass(200 * 24 * time.Hour)
		a := c.as("hongqi.handler").post("/cases/"+open.Number+"/ask-extension", "clock", "decision", "reason", "情况复杂", "version", version(open.Number))
		wantStatus(t, a, http.StatusConflict)
	})
}

// TestUnlicensedAgencyCanOnlyGoToTheProvince: a district has no way to a penalty
// (专利代理条例第二十七条).
func TestUnlicensedAgencyCanOnlyGoToTheProvince(t *testing.T) {
	c := embedded(t)
	k := c.as("hongqi.handler")
	a := c.actor("hongqi.handler")
	got, err := c.desk.cases.Open(t.Context(), a, casework.Draft{Kind: tipoff.UnlicensedAgency, Source: casework.OwnCheck, Filed: true, Target: casework.Unlicensed, Facts: caseFacts}, c.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	second := c.officer("hongqi.second", "hongqi", staff.Handler)
	k.caseDone(got.Number, "assign", "handlers", a.User.ID, "handlers", second.ID)
	c.as("hongqi.approver").caseDone(got.Number, "move", "to", "investigating")
	k.caseDone(got.Number, "move", "to", "review")
	for _, to := range []string{"notice", "decided", "no-penalty"} {
		for _, who := range []string{"hongqi.handler", "hongqi.reviewer", "hongqi.approver"} {
			if x := c.as(who).get("/cases/" + got.Number + "/move?to=" + to); x.StatusCode != http.StatusConflict {
				t.Errorf("%s is offered %s: %d", who, to, x.StatusCode)
			}
		}
	}
	page := k.get("/cases/" + got.Number)
	wantIn(t, page, say("cases.to.to-province"))
	wantNone(t, page, "?to=notice", "?to=decided")
	k.caseDone(got.Number, "move", "to", "to-province", "reason", "省级处罚权限", "sure", "yes")
	if s := caseState(t, c, got.Number).State; s != casework.ToProvince {
		t.Errorf("it is %s", s)
	}
}

// TestSecondToChangeACaseKeepsWhatHeTyped answers 412, with what happened since.
func TestSecondToChangeACaseKeepsWhatHeTyped(t *testing.T) {
	c := embedded(t)
	no := c.newCase(1).Number
	k := c.as("hongqi.handler")
	k.caseDone(no, "claim")
	path := "/cases/" + no + "/note"
	stale := k.caseVersion(path)
	k.caseDone(no, "record", "what", "pause", "ref", "appraisal")
	a := k.post(path, "text", "写到一半的备注", "version", stale)
	wantStatus(t, a, http.StatusPreconditionFailed)
	wantIn(t, a, "写到一半的备注", say("cases.stale_title"), say("casework.event.pause"))
	if n := caseState(t, c, no).Notes; n != 0 {
		t.Errorf("%d notes", n)
	}
	// The form that comes with it can be sent at once.
	fresh := caseVersion.FindStringSubmatch(a.body)[1]
	wantStatus(t, k.post(path, "text", "写到一半的备注", "version", fresh), http.StatusSeeOther)
	// If-Match says the same as the field.
	a = k.do("POST", path, strings.NewReader("text=x"), "Content-Type", "application/x-www-form-urlencoded", "If-Match", `"`+stale+`"`)
	wantStatus(t, a, http.StatusPreconditionFailed)
	wantStatus(t, k.post(path, "text", "没有版本"), http.StatusBadRequest)
}

// TestFormSentTwiceIsDoneOnce for what changes a case, and answers as the first
// time.
func TestFormSentTwiceIsDoneOnce(t *testing.T) {
	c := embedded(t)
	no := c.newCase(1).Number
	k := c.as("hongqi.handler")
	fields := []string{"text", "只记一次", "ticket", strings.Repeat("T", 26), "version", k.caseVersion("/cases/" + no + "/note")}
	first, second := k.post("/cases/"+no+"/note", fields...), k.post("/cases/"+no+"/note", fields...)
	wantStatus(t, first, http.StatusSeeOther)
	wantStatus(t, second, http.StatusSeeOther)
	if n := caseState(t, c, no).Notes; n != 1 {
		t.Errorf("%d notes", n)
	}
	k.caseDone(no, "claim")
	path := "/cases/" + no + "/issue/notification"
	fields = []string{"recipient", "新乡市科学技术局（演示）", "matter", "通报事项", "do", "issue", "ticket", strings.Repeat("D", 26), "version", k.caseVersion(path)}
	k.post(path, fields...)
	k.post(path, fields...)
	if n := caseState(t, c, no).Documents; n != 1 {
		t.Errorf("%d documents", n)
	}
}

// TestOtherDistrictSeesNothingOfACase: not in its list, not by its number, not on
// paper, not in an export.
func TestOtherDistrictSeesNothingOfACase(t *testing.T) {
	c := embedded(t)
	no := c.newCase(1).Number
	c.as("hongqi.handler").caseDone(no, "claim")
	c.as("hongqi.handler").issue(no, "notification", "recipient", "新乡市科学技术局（演示）", "matter", caseFacts)
	for _, who := range []string{"weibin.handler", "muye.approver", "lead.system", "lead.auditor", "science.handler", "jia.legal", "discipline.handler"} {
		k := c.as(who)
		for _, path := range []string{"/cases", "/cases/" + no, "/cases/" + no + "/documents/1", "/cases/documents?d=" + no + ":1", "/cases/" + no + "/note", "/cases/" + no + "/reward", "/cases?q=" + respondentCode, "/day?of=unit"} {
			a := k.get(path)
			wantNone(t, a, respondent, suspect, caseFacts, suspectPhone)
			if strings.HasPrefix(path, "/cases/"+no) && a.StatusCode != http.StatusForbidden && a.StatusCode != http.StatusNotFound {
				t.Errorf("%s %s: %d", who, path, a.StatusCode)
			}
		}
	}
	// Who supervises sees what stands in the clear, and no more.
	a := c.as("lead.supervisor").get("/cases/" + no)
	wantStatus(t, a, http.StatusOK)
	wantIn(t, a, respondent, say("cases.sealed"))
	wantNone(t, a, suspect, suspectPhone, caseFacts)
}

// TestThreat_EntrustmentRestsOnTheRegister: what only the province may punish goes on here
// while an instrument stands in the register that two people keep, for this unit
// and kind of case, and no longer (专利代理条例第二十七条，行政处罚法第二十条).
func TestThreat_EntrustmentRestsOnTheRegister(t *testing.T) {
	c := embedded(t)
	k, boss := c.as("hongqi.handler"), c.as("hongqi.approver")
	a := c.actor("hongqi.handler")
	got, err := c.desk.cases.Open(t.Context(), a, casework.Draft{Kind: tipoff.UnlicensedAgency, Source: casework.OwnCheck, Filed: true, Target: casework.Unlicensed, Facts: caseFacts}, c.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	second := c.officer("hongqi.second", "hongqi", staff.Handler)
	k.caseDone(got.Number, "assign", "handlers", a.User.ID, "handlers", second.ID)
	boss.caseDone(got.Number, "move", "to", "investigating")
	k.caseDone(got.Number, "move", "to", "review")

	register := func(number, divisions, kind string) string {
		t.Helper()
		c.as("lead.handler").follow("/mandates", "number", number, "issuer", "河南省知识产权局（演示）", "on", "2026-05-01", "from", "2026-05-10", "to", "2027-05-09", "kinds", kind, "divisions", divisions)
		return regexp.MustCompile(`/mandates/m[0-9a-z]+/approve`).FindString(c.as("lead.approver").get("/mandates").body)
	}
	refused := func(number string) {
		t.Helper()
		x := boss.caseDo(got.Number, "entrust", "instrument", number, "from", "2026-05-01", "to", "2099-12-31", "sure", "yes")
		wantStatus(t, x, http.StatusUnprocessableEntity)
		wantIn(t, x, say("cases.no_mandate"))
		// Nothing to choose: nothing to press.
		wantNone(t, boss.get("/cases/"+got.Number+"/entrust"), ">"+say("cases.do.entrust")+"</button>")
	}
	refused("豫测知〔2026〕1号") // nowhere
	for _, other := range [][]string{{"豫测知〔2026〕2号", "410711", "unlicensed-agency"}, {"豫测知〔2026〕3号", "410702", "agency-misconduct"}} {
		c.as("lead.approver").follow(register(other[0], other[1], other[2]))
		refused(other[0])
	}
	const number = "豫测知〔2026〕4号"
	approve := register(number, "410702", "unlicensed-agency")
	refused(number) // one person is not two
	c.as("lead.approver").follow(approve)
	wantIn(t, boss.get("/cases/"+got.Number+"/entrust"), number)
	boss.caseDone(got.Number, "entrust", "instrument", number, "sure", "yes")
	if e := caseState(t, c, got.Number).Entrusted; e == nil || e.To.String() != "2027-05-09" {
		t.Errorf("%+v", e)
	}
	wantIn(t, c.as("hongqi.reviewer").get("/cases/"+got.Number), "?to=notice")
	// Ended early: nothing rests on it any more.
	c.as("lead.approver").follow(regexp.MustCompile(`/approve$`).ReplaceAllString(approve, "/end"))
	x := c.as("hongqi.reviewer").caseDo(got.Number, "move", "to", "notice")
	wantIn(t, x, page.Say(page.ZH, "fault.casework.province_only"))
	if s := caseState(t, c, got.Number).State; s != casework.Review {
		t.Errorf("it is %s", s)
	}
}
