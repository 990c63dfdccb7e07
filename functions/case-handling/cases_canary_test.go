package function

import (
	"net/http"
	"strings"
	"testing"

	"ipcredit/shared/casework"
	"ipcredit/shared/citytest"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// TestThreat_CasesNeverTellWhoTippedOff walks over every page, print and export of
// a case that came from a tip-off: the reporter's name, contact, identity number
// and address on the network are on none, nor in the log, nor readable in Redis
// (domain reference M.14).
func TestThreat_CasesNeverTellWhoTippedOff(t *testing.T) {
	log := citytest.Logged(t)
	c := embedded(t)
	const id, ip = "410799190001019907", "192.0.2.7"
	k := c.as("hongqi.handler")
	l := c.verifying(k, tipoff.Lodged{
		Reporter: named(), Narrative: story + "。我的身份证号是" + id + "，电话" + contact + "，我叫" + reporter, Place: "示例路1号", Numbers: []string{"202510999999.3"},
	})
	never := []string{reporter, contact, id, ip, story}
	path := "/tip-offs/" + l.Number + "/case"
	form := k.get(path)
	version := versionField.FindStringSubmatch(form.body)[1]
	a := k.follow(path, "version", version, "kind", "counterfeit", "parties/0/name", reported, "parties/0/code", code, "parties/0/role", "respondent", "facts", caseFacts, "answer", "决定立案。")
	no := caseNo.FindString(a.body)
	second := c.officer("hongqi.second", "hongqi", staff.Handler)
	k.caseDone(no, "assign", "handlers", c.userID("hongqi.handler"), "handlers", second.ID)
	c.as("hongqi.approver").caseDone(no, "move", "to", "investigating")
	k.issue(no, "notification", "recipient", "新乡市教育局（演示）", "matter", "通报{party}有关情况")
	k.issue(no, "transfer", "recipient", "样例公安局", "facts", caseFacts, "reason", "涉嫌犯罪")
	k.caseDone(no, "note", "text", "内部备注一条")

	paths := []string{"/day", "/day?of=unit", "/cases", "/cases?q=" + l.Number, "/cases?show=mine", "/cases/new", "/cases/export", "/cases/" + no, "/cases/" + no + "/documents/1", "/cases/" + no + "/documents/2",
		"/cases/documents?d=" + no + ":1&d=" + no + ":2", "/cases/" + no + "/reward?claimant=natural&grade=1&sum=80000&on=2026-05-20&checks=major&checks=definite&checks=new&checks=led", "/templates", "/templates/named-filed", path,
		"/cases/none", "/cases?q=" + reporter[:3]}
	for _, x := range caseActionNames() {
		paths = append(paths, "/cases/"+no+"/"+x)
	}
	for _, s := range casework.States() {
		paths = append(paths, "/cases/"+no+"/move?to="+string(s))
	}
	for _, f := range casework.Forms() {
		paths = append(paths, "/cases/"+no+"/issue/"+f.Kind)
	}
	for _, who := range []string{"hongqi.handler", "hongqi.approver", "hongqi.reviewer", "lead.supervisor"} {
		v := c.as(who)
		for _, p := range paths {
			wantNone(t, v.get(p), never...)
		}
	}
	all := []string{"purpose", "archive", "show", "mine"}
	for _, f := range casework.ExportFields() {
		all = append(all, "fields", f)
	}
	for _, format := range []string{"csv", "xlsx"} {
		a := k.post("/cases/export", append(all, "format", format)...)
		wantStatus(t, a, http.StatusOK)
		wantNone(t, a, append(never, tipoff.FormatNumber(l.Number))...)
	}
	// What was typed into a form comes back to whoever typed it and stands in no log.
	k.post("/cases/"+no+"/note", "text", "备注样例叁零叁", "version", "0")
	for _, secret := range append(never, caseFacts, "备注样例叁零叁", "内部备注一条") {
		if secret != ip && strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
	for _, secret := range append(never, caseFacts, "内部备注一条") {
		redistest.Grep(t, c.rdb, secret)
	}
}

// TestThreat_OtherDistrictCannotChangeACase: each action of an officer of another
// district is refused and changes nothing.
func TestThreat_OtherDistrictCannotChangeACase(t *testing.T) {
	c := embedded(t)
	no := c.newCase(1).Number
	c.as("hongqi.handler").caseDone(no, "claim")
	before := caseState(t, c, no)
	for _, who := range []string{"weibin.handler", "muye.approver", "muye.reviewer", "science.handler", "lead.supervisor"} {
		k := c.as(who)
		for _, x := range caseActionNames() {
			a := k.post("/cases/"+no+"/"+x, "version", "2", "to", "to-police", "reason", "x", "text", "x", "user", c.userID(who), "handlers", c.userID(who), "sure", "yes", "what", "pause", "ref", "testing", "kind", "counterfeit", "unit", "410703")
			if a.StatusCode < 400 {
				t.Errorf("%s by %s: %d", x, who, a.StatusCode)
			}
		}
		for _, do := range []string{"assign", "notify", "print"} {
			a := k.post("/cases/bulk", "do", do, "step", "go", "c", no+":2", "handlers", c.userID(who), "kind", "notification", "recipient", "x", "matter", "x")
			wantNone(t, a, caseFacts, suspect)
		}
	}
	if after := caseState(t, c, no); after.Version != before.Version {
		t.Errorf("version %d became %d", before.Version, after.Version)
	}
}
