package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
)

// TestReporterSeesEachStepOfACase takes a tip-off from the queue to a case and the
// case to the province, in a browser without JavaScript, and asks at report-intake
// after each step what the reporter reads.
func TestReporterSeesEachStepOfACase(t *testing.T) {
	b := browsertest.New(t)
	r := reside(t)
	a := r.visitor().lodges("5c1946ac-2492-4d23-87c6-235b4d261111", tipAbout(reportedName, reportedCode, "kind", "unlicensed-agency", "division", "410702", "place", "示例路1号"))
	if a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	l := decode[sent](t, a)
	sees := func(word, said string) {
		t.Helper()
		got := decode[tracked](t, r.visitor().track(l.ReportNo, l.Receipt))
		last := ""
		if n := len(got.Thread); n > 0 {
			last = got.Thread[n-1].Text
		}
		if got.Status.Word != word || !strings.Contains(last, said) {
			t.Fatalf("the reporter reads %s and %q, want %s and %q", got.Status.Word, last, word, said)
		}
	}
	sees("received", "")
	const officer = "hongqi.handler"
	o := visit(t, b, r, staffPath+"/sign-in", browsertest.View{NoScript: true, Width: browsertest.Narrow})
	o.signIn(r.login(officer))
	o.to(casePath + "/")
	if !strings.Contains(o.HTML(), "/tip-offs/"+l.ReportNo) {
		t.Fatalf("it is not in the queue of %s: %s", officer, o.Text("main"))
	}
	o.to(casePath + "/tip-offs/" + l.ReportNo)
	o.presses("form[action$='/open'] .btn", "#evidence")
	for _, to := range []string{"assigned", "verifying"} {
		o.presses(".todo a[href*='/state']", "[name=to]")
		o.Do(chromedp.Click(chromedp.CSS("[name=to][value=" + to + "]")))
		o.presses("main form .btn", ".notice.good")
		sees(to, "")
	}
	o.presses(".todo a[href$='/case']", "[name=facts]")
	o.types("[name=facts]", "以代理机构名义招揽业务，演示用案情，并无其事。")
	o.presses("main form .btns .btn", ".notice.good")
	sees("case-filed", zh("case-handling.template.filed"))
	o.presses(".todo a[href*='to=to-province']", "[name=reason]")
	o.types("[name=reason]", "专利代理条例第二十七条", "[name=tell]", "您举报的线索已移送省知识产权局处理。")
	o.presses("main form .btns .btn", ".btn.warn")
	o.presses(".btn.warn", ".notice.good")
	sees("case-filed", "已移送省知识产权局处理")
	if text := o.Text("main"); !strings.Contains(text, zh("casework.state.to-province")) {
		t.Errorf("the case reads %s", text)
	}
}
