package function

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"ipcredit/shared/casework"
	"ipcredit/shared/citytest"
	"ipcredit/shared/tipoff"
)

// verifying is a tip-off that is open in the officer's session and being checked.
func (c *city) verifying(k visitor, l tipoff.Lodged) tipoff.Lodging {
	c.t.Helper()
	got, _ := c.lodge(l)
	k.open(got.Number)
	k.done(got.Number, "state", "to", "assigned")
	k.done(got.Number, "state", "to", "verifying")
	return got
}

// TestTipOffBecomesACaseInOneChange: the state, the word to the reporter and the
// case happen together, and the case holds nothing of who reported.
func TestTipOffBecomesACaseInOneChange(t *testing.T) {
	c := embedded(t)
	k := c.as("hongqi.handler")
	l := c.verifying(k, tipoff.Lodged{Reporter: named(), Numbers: []string{"202510999999.3"}})
	path := "/tip-offs/" + l.Number + "/case"
	form := k.get(path)
	wantStatus(t, form, http.StatusOK)
	wantIn(t, form, reported, code, "202510999999.3", say("case-handling.template.filed"))
	wantNone(t, form, story, reporter, contact)
	version := versionField.FindStringSubmatch(form.body)[1]
	fields := []string{"ticket", strings.Repeat("F", 26), "version", version, "kind", "counterfeit", "parties/0/name", reported, "parties/0/code", code, "parties/0/role", "respondent", "facts", caseFacts}

	// Without a word to the reporter neither happens.
	a := k.post(path, fields...)
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, caseFacts)
	if list := k.get("/cases"); caseNo.MatchString(list.body) {
		t.Fatal("a case was opened though the tip-off was not changed")
	}
	// A wrong number costs both, too.
	a = k.post(path, append(fields, "answer", "已立案。", "numbers", "202510999999.4")...)
	wantStatus(t, a, http.StatusBadRequest)

	fields = append(fields, "answer", "经核查，决定立案。")
	a = k.post(path, fields...)
	wantStatus(t, a, http.StatusSeeOther)
	again := k.post(path, fields...)
	wantStatus(t, again, http.StatusSeeOther)
	page := k.get(a.Header.Get("Location"))
	wantIn(t, page, reported, tipoff.FormatNumber(l.Number), say("casework.source.tip-off"))
	wantNone(t, page, story, reporter, contact)
	if list := k.get("/cases"); strings.Count(list.body, "/cases/AJ") != 1 {
		t.Errorf("%d cases", strings.Count(list.body, "/cases/AJ"))
	}
	wantIn(t, k.get("/tip-offs/"+l.Number), caseNo.FindString(page.body), say("tipoff.state.case-filed"))
	v, err := c.intake.Track(t.Context(), claim(l), c.clock.Now())
	if err != nil || v.Status.Word != "case-filed" || len(v.Thread) != 1 || v.Thread[0].Text != "经核查，决定立案。" {
		t.Errorf("the reporter sees %+v %+v (%v)", v.Status, v.Thread, err)
	}
	// The tip-off's number finds the case.
	wantIn(t, k.get("/cases?q="+l.Number), reported)
}

// TestTipOffThatChangedMeanwhileOpensNoCase answers 412 and keeps what was typed.
func TestTipOffThatChangedMeanwhileOpensNoCase(t *testing.T) {
	c := embedded(t)
	k := c.as("hongqi.handler")
	l := c.verifying(k, tipoff.Lodged{})
	path := "/tip-offs/" + l.Number + "/case"
	version := versionField.FindStringSubmatch(k.get(path).body)[1]
	k.done(l.Number, "note", "text", "另一个人的备注")
	a := k.post(path, "version", version, "kind", "counterfeit", "facts", caseFacts, "answer", "已立案。")
	wantStatus(t, a, http.StatusPreconditionFailed)
	wantIn(t, a, caseFacts)
	if list := k.get("/cases"); caseNo.MatchString(list.body) {
		t.Error("a case was opened")
	}
}

// TestReporterIsToldWhenTheCaseGoesToTheProvince: the officer writes one word on
// the case's own form.
func TestReporterIsToldWhenTheCaseGoesToTheProvince(t *testing.T) {
	c := embedded(t)
	k := c.as("hongqi.handler")
	l := c.verifying(k, tipoff.Lodged{Kind: tipoff.UnlicensedAgency, Reporter: named()})
	path := "/tip-offs/" + l.Number + "/case"
	a := k.follow(path, "version", versionField.FindStringSubmatch(k.get(path).body)[1], "kind", "unlicensed-agency", "facts", caseFacts, "answer", "决定立案。")
	no := caseNo.FindString(a.body)
	k.caseDone(no, "move", "to", "to-province", "reason", "省级处罚权限", "tell", "您举报的线索已移送省知识产权局处理。", "sure", "yes", "ticket", strings.Repeat("M", 26))
	v, err := c.intake.Track(t.Context(), claim(l), c.clock.Now())
	if err != nil || len(v.Thread) != 2 || v.Thread[1].Text != "您举报的线索已移送省知识产权局处理。" {
		t.Errorf("the reporter reads %+v (%v)", v.Thread, err)
	}
}

// TestTipOffGoesToTheProvinceAndTheReporterSeesEachStep without a case.
func TestTipOffGoesToTheProvinceAndTheReporterSeesEachStep(t *testing.T) {
	c := embedded(t)
	k := c.as("hongqi.handler")
	l, _ := c.lodge(tipoff.Lodged{Kind: tipoff.UnlicensedAgency, Reporter: named()})
	sees := func(want string) {
		t.Helper()
		v, err := c.intake.Track(t.Context(), claim(l), c.clock.Now())
		if err != nil || v.Status.Word != want {
			t.Fatalf("the reporter sees %s, want %s (%v)", v.Status.Word, want, err)
		}
	}
	sees("received")
	k.open(l.Number)
	k.done(l.Number, "state", "to", "assigned")
	sees("assigned")
	k.done(l.Number, "state", "to", "verifying")
	sees("verifying")
	a := k.get("/tip-offs/" + l.Number + "/transfer")
	wantStatus(t, a, http.StatusSeeOther)
	form := k.get(a.Header.Get("Location"))
	wantIn(t, form, say("cases.province"), `value="transferred" checked`)
	k.done(l.Number, "state", "to", "transferred", "body", say("cases.province"), "answer", "依照专利代理条例第二十七条移送。")
	sees("transferred")
	k.done(l.Number, "state", "to", "notified")
	sees("notified")
}

var checkbox = regexp.MustCompile(`name="c" value="([^"]+)"`)

// TestFortyCasesAreAssignedNotifiedAndPrintedTogether, each with a number of its
// own; what is refused for one stops no other.
func TestFortyCasesAreAssignedNotifiedAndPrintedTogether(t *testing.T) {
	log := citytest.Logged(t)
	t.Cleanup(func() {
		for _, l := range strings.Split(log.String(), "\n") {
			if strings.Contains(l, "ERROR") {
				t.Log(l)
			}
		}
	})
	c := embedded(t)
	k := c.as("hongqi.handler")
	for n := range 40 {
		c.newCase(n)
	}
	list := k.get("/cases?show=unassigned&choose=all")
	wantStatus(t, list, http.StatusOK)
	var chosen []string
	for _, m := range checkbox.FindAllStringSubmatch(list.body, -1) {
		chosen = append(chosen, "c", m[1])
	}
	if len(chosen) != 80 || strings.Count(list.body, " checked") < 40 {
		t.Fatalf("%d chosen, %d ticked", len(chosen)/2, strings.Count(list.body, " checked"))
	}
	a := k.post("/cases/bulk", append(chosen, "do", "assign")...)
	wantStatus(t, a, http.StatusOK)
	wantIn(t, a, c.userID("hongqi.handler"))
	wantStatus(t, k.post("/cases/bulk", append(chosen, "do", "assign", "step", "go")...), http.StatusBadRequest) // nobody was chosen
	// One of them changes meanwhile.
	first := strings.Split(chosen[1], ":")[0]
	k.caseDone(first, "note", "text", "先改了一件")
	assign := append(slices.Clone(chosen), "do", "assign", "step", "go", "handlers", c.userID("hongqi.handler"), "ticket", strings.Repeat("B", 26))
	a = k.post("/cases/bulk", assign...)
	wantStatus(t, a, http.StatusOK)
	wantIn(t, a, say("cases.bulk_counts", 39, 1), first)
	undo := a
	// Sent again it does nothing.
	wantStatus(t, k.post("/cases/bulk", assign...), http.StatusSeeOther)

	// It can be taken back.
	var back []string
	for _, m := range checkbox.FindAllStringSubmatch(undo.body, -1) {
		back = append(back, "c", m[1])
	}
	a = k.post("/cases/bulk", append(back, "do", "assign", "step", "go", "undo", "1", "ticket", strings.Repeat("U", 26))...)
	wantIn(t, a, say("cases.bulk_counts", 39, 0))

	list = k.get("/cases?choose=all")
	chosen = nil
	for _, m := range checkbox.FindAllStringSubmatch(list.body, -1) {
		chosen = append(chosen, "c", m[1])
	}
	a = k.post("/cases/bulk", append(chosen, "do", "assign", "step", "go", "handlers", c.userID("hongqi.handler"), "ticket", strings.Repeat("C", 26))...)
	wantIn(t, a, say("cases.bulk_counts", 40, 0))
	list = k.get("/cases?show=mine")
	chosen = nil
	for _, m := range checkbox.FindAllStringSubmatch(list.body, -1) {
		chosen = append(chosen, "c", m[1])
	}
	a = k.post("/cases/bulk", append(chosen, "do", "notify")...)
	wantStatus(t, a, http.StatusOK)
	wantIn(t, a, say("casework.document.notification"))
	wantNone(t, a, `value="filing"`) // an internal form is no notice
	a = k.post("/cases/bulk", append(chosen, "do", "notify", "kind", "notification", "step", "preview", "recipient", "新乡市科学技术局（演示）", "matter", "{party}涉嫌违法，案件{number}。")...)
	wantIn(t, a, respondent+"第")
	wantStatus(t, k.post("/cases/bulk", append(chosen, "do", "notify", "kind", "notification", "step", "go", "matter", "没有收文单位")...), http.StatusBadRequest)
	notify := append(slices.Clone(chosen), "do", "notify", "kind", "notification", "step", "go", "ticket", strings.Repeat("N", 26), "recipient", "新乡市科学技术局（演示）", "matter", "{party}涉嫌违法，案件{number}。")
	a = k.post("/cases/bulk", notify...)
	wantIn(t, a, say("cases.bulk_counts", 40, 0))
	wantStatus(t, k.post("/cases/bulk", notify...), http.StatusSeeOther)
	print := regexp.MustCompile(`href="([^"]*/cases/documents\?[^"]+)"`).FindStringSubmatch(a.body)
	if print == nil {
		t.Fatal("there is no way to print them")
	}
	papers := k.get(strings.ReplaceAll(print[1], "&amp;", "&"))
	wantStatus(t, papers, http.StatusOK)
	if n := strings.Count(papers.body, `<article class="paper`); n != 40 {
		t.Errorf("%d papers", n)
	}
	for n := range 40 {
		wantIn(t, papers, fmt.Sprintf("新红市监通报〔2026〕%d号", n+1), fmt.Sprintf("%s第%d分公司涉嫌违法", respondent, n))
	}
	// The same by the button “print” of the queue.
	a = k.post("/cases/bulk", append(chosen, "do", "print", "step", "go", "kind", "notification")...)
	wantStatus(t, a, http.StatusSeeOther)
	if n := strings.Count(k.get(a.Header.Get("Location")).body, `<article class="paper`); n != 40 {
		t.Errorf("%d papers by the queue", n)
	}
}

// TestExportHoldsListedFieldsOnlyAndIsInTheJournal, as XLSX and as CSV.
func TestExportHoldsListedFieldsOnlyAndIsInTheJournal(t *testing.T) {
	c := embedded(t)
	a := c.actor("hongqi.handler")
	if _, err := c.desk.cases.Open(t.Context(), a, casework.Draft{
		Kind: tipoff.Infringement, Source: casework.OwnCheck, Facts: caseFacts, Parties: []casework.Party{{Name: "=1+1虚构公司", Code: holderNo, Role: casework.Respondent}},
		People: []casework.Person{{Name: suspect, Contact: suspectPhone, Role: casework.Witness}},
	}, c.clock.Now()); err != nil {
		t.Fatal(err)
	}
	k := c.as("hongqi.handler")
	wantIn(t, k.get("/cases"), "/cases/export")
	wantStatus(t, k.get("/cases/export"), http.StatusOK)
	wantStatus(t, k.post("/cases/export", "format", "csv", "fields", "number"), http.StatusBadRequest)                          // no purpose
	wantStatus(t, k.post("/cases/export", "format", "csv", "purpose", "statistics"), http.StatusBadRequest)                     // no field
	wantStatus(t, k.post("/cases/export", "format", "csv", "purpose", "statistics", "fields", "facts"), http.StatusBadRequest)  // no such field
	wantStatus(t, k.post("/cases/export", "format", "pdf", "purpose", "statistics", "fields", "number"), http.StatusBadRequest) // no such format
	wantStatus(t, c.as("hongqi.reviewer").post("/cases/export", "format", "csv", "purpose", "statistics", "fields", "number"), http.StatusForbidden)
	all := []string{"purpose", "statistics"}
	for _, f := range casework.ExportFields() {
		all = append(all, "fields", f)
	}
	got := k.post("/cases/export", append(all, "format", "csv")...)
	wantStatus(t, got, http.StatusOK)
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(got.body, "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows (%v)", len(rows), err)
	}
	if !strings.Contains(got.body, "'=1+1虚构公司") {
		t.Error("a formula was not neutralised")
	}
	if d := got.Header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment") || got.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("served as %s", d)
	}
	x := k.post("/cases/export", append(all, "format", "xlsx")...)
	book, err := excelize.OpenReader(bytes.NewReader([]byte(x.body)))
	if err != nil {
		t.Fatal(err)
	}
	cells, err := book.GetRows(book.GetSheetName(0))
	if err != nil || len(cells) != 2 || !slices.Equal(cells[0], rows[0]) {
		t.Fatalf("%v (%v)", cells, err)
	}
	var text bytes.Buffer
	for _, line := range cells {
		fmt.Fprintln(&text, line)
	}
	for _, secret := range []string{suspect, suspectPhone, caseFacts} {
		if strings.Contains(got.body, secret) || strings.Contains(text.String(), secret) {
			t.Errorf("an export holds %s", secret)
		}
	}
	entries, err := c.rdb.XRange(t.Context(), c.env.Journal.Key("journal"), "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	noted := 0
	for _, e := range entries {
		if text := fmt.Sprint(e.Values); strings.Contains(text, "casework.export") && strings.Contains(text, a.User.ID) && strings.Contains(text, "statistics") {
			noted++
		}
	}
	if noted != 2 {
		t.Errorf("%d exports are in the journal", noted)
	}
}

// TestMyDayShowsWhatIsLateSoonAndWaiting, tip-offs and cases together.
func TestMyDayShowsWhatIsLateSoonAndWaiting(t *testing.T) {
	c := embedded(t)
	no := c.newCase(1).Number
	k := c.as("hongqi.handler")
	k.caseDone(no, "claim")
	a := k.get("/day")
	wantStatus(t, a, http.StatusOK)
	wantNone(t, a, no)                                        // 90 days are far
	c.clock.Set(time.Date(2026, 8, 14, 2, 0, 0, 0, time.UTC)) // a Friday: due on Tuesday the 18th
	k = c.as("hongqi.handler")
	a = k.get("/day")
	wantIn(t, a, no, say("cases.day.soon", 1), say("cases.day.overdue", 0))
	c.clock.Set(time.Date(2026, 8, 19, 2, 0, 0, 0, time.UTC))
	k = c.as("hongqi.handler")
	wantIn(t, k.get("/day"), no, say("cases.day.overdue", 1), say("cases.late", 1))
	wantIn(t, k.get("/cases?show=overdue"), no)
	wantIn(t, c.as("hongqi.approver").get("/day?of=unit"), no)
	wantIn(t, c.as("lead.supervisor").get("/day?of=unit"), no)
	wantNone(t, c.as("weibin.handler").get("/day?of=unit"), no)
	k.caseDone(no, "record", "what", "pause", "ref", "appraisal")
	wantIn(t, k.get("/day"), no, say("cases.day.overdue", 0), say("cases.day.waiting", 1))
}

// TestQueueIsNarrowedByItsAddress: each filter alone, and what is no filter.
func TestQueueIsNarrowedByItsAddress(t *testing.T) {
	c := embedded(t)
	no := c.newCase(1).Number
	k := c.as("hongqi.handler")
	k.caseDone(no, "claim")
	k.caseDone(no, "edit", "kind", "counterfeit", "parties/0/name", respondent, "parties/0/code", respondentCode, "parties/0/role", "respondent", "numbers", "202510999999.3\n99000001", "tags", "industry:C", "campaign", "2026-blue", "facts", caseFacts)
	for _, q := range []string{"", "show=mine", "state=filed", "kind=counterfeit", "handler=" + c.userID("hongqi.handler"), "due=2026-12-31", "tag=industry:C", "campaign=2026-blue", "q=" + respondentCode, "q=202510999999.3", "q=99000001"} {
		wantIn(t, k.get("/cases?"+q), no)
	}
	for _, q := range []string{"show=unassigned", "show=overdue", "show=soon", "show=closed", "show=offered", "state=review", "kind=infringement", "due=2026-05-21", "tag=industry:A", "campaign=other", "q=91410711MA00AAD1X2", "q=202520999999.9"} {
		a := k.get("/cases?" + q)
		wantStatus(t, a, http.StatusOK)
		wantNone(t, a, "/cases/"+no)
	}
	for _, q := range []string{"show=none", "state=none", "kind=unclear", "due=soon", "q=202510999999.4", "q=张三"} {
		a := k.get("/cases?" + q)
		wantStatus(t, a, http.StatusBadRequest)
		wantIn(t, a, `class="wrong"`)
	}
	a := k.get("/cases?q=" + no)
	wantStatus(t, a, http.StatusSeeOther)
	for _, bad := range []string{"/cases/bulk", "/cases/AJ1/move", "/cases/" + no + "/nothing"} {
		if x := k.post(bad, "do", "erase-all"); x.StatusCode < 400 {
			t.Errorf("%s: %d", bad, x.StatusCode)
		}
	}
}
