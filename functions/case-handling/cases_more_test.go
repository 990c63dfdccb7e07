package function

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"ipcredit/shared/casework"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

var undoForm = regexp.MustCompile(`(?s)<form class="undo.*?</form>`)

// undo presses the button that takes the last action back.
func (k visitor) undo(page answer) answer {
	k.c.t.Helper()
	form := undoForm.FindString(page.body)
	if form == "" {
		k.c.t.Fatalf("%s offers no way back: %s", page.Request.URL, words(page.body))
	}
	action := regexp.MustCompile(`action="([^"]+)"`).FindStringSubmatch(form)[1]
	var fields []string
	for _, m := range regexp.MustCompile(`name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(form, -1) {
		fields = append(fields, m[1], m[2])
	}
	return k.follow(action, fields...)
}

func TestWhatWasDoneLastIsTakenBackByOneButton(t *testing.T) {
	c := embedded(t)
	no := c.newCase(1).Number
	k := c.as("hongqi.handler")
	k.undo(k.caseDone(no, "claim"))
	if got := caseState(t, c, no); len(got.Handlers) != 0 || got.Owner() != "unit:410702" {
		t.Errorf("after taking the claim back it is %s's", got.Owner())
	}
	k.caseDone(no, "claim")
	k.undo(k.caseDone(no, "offer-to", "unit", "410703", "reason", "行为发生在卫滨区", "sure", "yes"))
	if got := caseState(t, c, no); got.Offer != nil {
		t.Error("the offer stands")
	}
	k.undo(k.caseDone(no, "record", "what", "pause", "ref", "testing"))
	if a := k.get("/cases/" + no); strings.Contains(undoForm.FindString(a.body), "resume") {
		t.Error("what was taken back can be taken back again")
	}
	// Nobody takes back what somebody else did.
	k.caseDone(no, "offer-to", "unit", "410703", "reason", "行为发生在卫滨区", "sure", "yes")
	if a := c.as("hongqi.approver").get("/cases/" + no); undoForm.MatchString(a.body) {
		t.Error("the head is offered to take back what the handler did")
	}
}

// TestCaseGoesToAnotherDistrict: offered, read by the other, returned, offered
// again, accepted; then the first can no longer read it.
func TestCaseGoesToAnotherDistrict(t *testing.T) {
	c := embedded(t)
	no := c.newCase(1).Number
	k, other := c.as("hongqi.handler"), c.as("weibin.handler")
	k.caseDone(no, "claim")
	wantNone(t, other.get("/cases?show=offered"), no)
	a := k.caseDo(no, "offer-to", "unit", "410703", "reason", "行为发生在卫滨区")
	wantStatus(t, a, http.StatusOK)
	wantIn(t, a, say("cases.sure.offer-to"), "行为发生在卫滨区")
	if caseState(t, c, no).Offer != nil {
		t.Fatal("it is offered before it was confirmed")
	}
	k.caseDone(no, "offer-to", "unit", "410703", "reason", "行为发生在卫滨区", "sure", "yes")
	wantIn(t, other.get("/cases?show=offered"), no)
	wantIn(t, other.get("/cases/"+no), caseFacts)
	other.caseDone(no, "decline", "reason", "不在本区")
	wantIn(t, k.get("/cases/"+no), "不在本区", "卫滨区")
	k.caseDone(no, "withdraw")
	k.caseDone(no, "offer-to", "unit", "410703", "reason", "门店地址在卫滨区", "sure", "yes")
	a = other.caseDone(no, "accept")
	wantIn(t, a, caseFacts)
	wantStatus(t, k.get("/cases/"+no), http.StatusForbidden)
	wantNone(t, k.get("/cases"), no)
	wantIn(t, other.get("/cases"), no)
}

func TestSubOfficeWorksOnWhatWasDelegated(t *testing.T) {
	c := embedded(t)
	no := c.newCase(1).Number
	k, office := c.as("hongqi.handler"), c.as("hongqi.suo")
	wantNone(t, k.get("/cases/"+no+"/delegate"), `name="office" value`) // nothing is delegated to it
	span := staff.Span{From: "2026-05-01", To: "2026-12-31"}
	if _, err := c.staff.Delegate(t.Context(), c.actor("hongqi.approver"), "hongqi-suo", []staff.Role{staff.Intake, staff.Handler}, span, "新红测市监委〔2026〕1号", c.clock.Now()); err != nil {
		t.Fatal(err)
	}
	form := k.get("/cases/" + no + "/delegate")
	id := regexp.MustCompile(`name="office" value="([^"]+)"`).FindStringSubmatch(form.body)
	if id == nil {
		t.Fatalf("no sub-office is offered: %s", words(form.body))
	}
	k.caseDone(no, "delegate", "office", id[1])
	wantIn(t, office.get("/cases"), no)
	office.caseDone(no, "claim")
	office.caseDone(no, "return", "reason", "案情复杂，请局里办理")
	wantIn(t, k.get("/cases/"+no), "案情复杂，请局里办理")
	if got := caseState(t, c, no); got.Office != "" || got.Owner() == "" {
		t.Errorf("it is %s's, of office %q", got.Owner(), got.Office)
	}
}

// TestRewardIsComputedAndNeverPromised with the values of domain reference M.15.
func TestRewardIsComputedAndNeverPromised(t *testing.T) {
	c := embedded(t)
	k := c.as("hongqi.handler")
	l := c.verifying(k, tipoff.Lodged{})
	path := "/tip-offs/" + l.Number + "/case"
	a := k.follow(path, "version", versionField.FindStringSubmatch(k.get(path).body)[1], "kind", "counterfeit", "facts", caseFacts, "answer", "决定立案。")
	no := caseNo.FindString(a.body)
	wantIn(t, a, "/cases/"+no+"/reward")
	ask := func(query string) answer { return k.get("/cases/" + no + "/reward?on=2026-05-20&" + query) }
	good := "claimant=natural&checks=major&checks=definite&checks=new&checks=led&"
	for _, tt := range []struct{ query, want string }{
		{good + "grade=1&sum=80000", "5,000"},
		{good + "grade=1&sum=1200000", "60,000"},
		{good + "grade=1&sum=9999999.99", "499,999.99"},
		{good + "grade=1&sum=10000000", "500,000"},
		{good + "grade=1&sum=30000000", "1,000,000"},
		{good + "grade=3", "1,000"},
	} {
		got := ask(tt.query)
		wantStatus(t, got, http.StatusOK)
		wantIn(t, got, tt.want, say("cases.reward.maybe"))
		if joint := strings.Contains(got.body, say("cases.reward.joint")); joint != strings.Contains(tt.query, "0000000") {
			t.Errorf("%s: jointly %t", tt.query, joint)
		}
	}
	for _, q := range []string{"claimant=organisation&checks=major&checks=definite&checks=new&checks=led&grade=1", "claimant=paid&checks=major&checks=definite&checks=new&checks=led&grade=1", "claimant=natural&grade=1"} {
		wantIn(t, ask(q), say("cases.reward.not"))
	}
	wantStatus(t, ask(good+"grade=4"), http.StatusBadRequest)
	wantStatus(t, ask(good+"grade=1&sum=1.234"), http.StatusBadRequest)
	wantNone(t, k.get("/cases/"+c.newCase(9).Number), "/reward") // no tip-off led to it
}

func TestTemplatesKeepTheirVersions(t *testing.T) {
	c := embedded(t)
	k := c.as("hongqi.handler")
	list := k.get("/templates")
	wantStatus(t, list, http.StatusOK)
	wantIn(t, list, "/templates/materials-wanted")
	path := "/templates/materials-wanted"
	version := k.caseVersion(path)
	a := k.post(path, "do", "preview", "title", "请当事人补充材料", "text", "{party}：请补充。{number}", "version", version)
	wantStatus(t, a, http.StatusOK)
	wantIn(t, a, say("cases.preview_number"))
	if k.caseVersion(path) != version {
		t.Error("a preview saved it")
	}
	wantStatus(t, k.post(path, "do", "save", "title", "请当事人补充材料", "text", "第二版：请补充。", "version", version), http.StatusSeeOther)
	a = k.post(path, "do", "save", "title", "请当事人补充材料", "text", "没看到第二版的人写的", "version", version)
	wantStatus(t, a, http.StatusPreconditionFailed)
	wantIn(t, a, "没看到第二版的人写的")
	wantIn(t, k.get(path), "第二版：请补充。", "逾期未提供的")
	if a := c.as("hongqi.reviewer").post(path, "do", "save", "title", "x", "text", "x", "version", "1"); a.StatusCode != http.StatusForbidden {
		t.Errorf("a reviewer changes templates: %d", a.StatusCode)
	}
	no := c.newCase(1).Number
	k.caseDone(no, "claim")
	wantIn(t, k.get("/cases/"+no+"/issue/notification?template=materials-wanted"), "第二版：请补充。")
	if _, ok := casework.FormOf("notification"); !ok {
		t.Error("there is no letter")
	}
}

// TestWhoWasShownACaseStandsInTheJournal: once for a while of a session, by page,
// form or print; who sees what is in the clear only leaves no entry.
func TestWhoWasShownACaseStandsInTheJournal(t *testing.T) {
	c := embedded(t)
	no := c.newCase(1).Number
	views := func() int { return c.journaled("casework.view", casework.Ref(no)) }
	wantStatus(t, c.as("muye.handler").get("/cases/"+no), http.StatusForbidden)
	wantStatus(t, c.as("lead.supervisor").get("/cases/"+no), http.StatusOK)
	if n := views(); n != 0 {
		t.Errorf("%d views before anybody was shown it", n)
	}
	k := c.as("hongqi.handler")
	for _, path := range []string{"", "/note", ""} {
		wantStatus(t, k.get("/cases/"+no+path), http.StatusOK)
	}
	if n := views(); n != 1 {
		t.Errorf("%d entries for one session", n)
	}
	wantStatus(t, c.as("hongqi.approver").get("/cases/"+no), http.StatusOK)
	if n := views(); n != 2 {
		t.Errorf("%d entries for two officers", n)
	}
}

// TestNavigationLeadsOnlyWhereOneMayGo: no link of the head answers 403.
func TestNavigationLeadsOnlyWhereOneMayGo(t *testing.T) {
	c := embedded(t)
	for _, name := range []string{"science.handler", "court.handler", "police.handler", "hongqi.handler", "hongqi.intake", "lead.supervisor", "lead.statistics", "discipline.handler", "science.statistics"} {
		if _, known, err := c.staff.UserByName(t.Context(), name); err != nil || !known {
			continue
		}
		k := c.as(name)
		_, nav, found := strings.Cut(k.get("/inspections").body, "<nav")
		if !found {
			_, nav, found = strings.Cut(k.get("/inquiries").body, "<nav")
		}
		for found {
			var one string
			one, nav, _ = strings.Cut(nav, "</nav>")
			for _, m := range regexp.MustCompile(`href="`+prefix+`(/[a-z-]*)"`).FindAllStringSubmatch(one, -1) {
				if a := k.get(m[1]); a.StatusCode != http.StatusOK {
					t.Errorf("%s is led to %s: %d", name, m[1], a.StatusCode)
				}
			}
			_, nav, found = strings.Cut(nav, "<nav")
		}
	}
}
