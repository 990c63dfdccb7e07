package function

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"golang.org/x/text/unicode/norm"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/casework"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// keep writes a PDF beside the screenshots.
func keep(t testing.TB, name string, data []byte) {
	t.Helper()
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var missingWord = regexp.MustCompile(`〔[a-z][^〕]*〕`)

// look opens a page at both widths and in both languages, and wants it without a
// fault that axe finds, a missing word or a bar to scroll sideways.
func (c *city) look(t *testing.T, b *browsertest.Browser, path, name string, each bool) {
	t.Helper()
	for _, v := range []struct {
		name string
		view browsertest.View
		few  bool
	}{
		{"360", browsertest.View{Width: browsertest.Narrow}, false}, {"1280", browsertest.View{}, false},
		{"1280-en", browsertest.View{Language: "en"}, true}, {"360-dark", browsertest.View{Width: browsertest.Narrow, Dark: true}, true},
	} {
		if v.few && !each {
			continue
		}
		p := b.Open(t, c.public+prefix+path, v.view)
		if p.Status() != http.StatusOK {
			t.Errorf("%s: %d", path, p.Status())
			continue
		}
		p.NoErrors()
		p.Axe()
		p.FitsWidth()
		p.Look(name + "-" + v.name)
		if m := missingWord.FindString(p.HTML()); m != "" {
			t.Errorf("%s: a word is missing: %s", path, m)
		}
	}
}

// TestOfficerGoesThroughFortyCasesInABrowser assigns, notifies and prints forty
// open cases with the keyboard's and the mouse's buttons only.
func TestOfficerGoesThroughFortyCasesInABrowser(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	for n := range 40 {
		c.newCase(n)
	}
	c.enter(b, "hongqi.handler")
	c.look(t, b, "/cases?show=unassigned", "cases-unassigned", true)
	p := b.Open(t, c.public+prefix+"/cases?show=unassigned", browsertest.View{})
	press(p, "a[href*='choose=all']", "input[name=c]:checked")
	if n := browsertest.Eval[int](p, "document.querySelectorAll('input[name=c]:checked').length"); n != 40 {
		t.Fatalf("%d chosen", n)
	}
	press(p, ".bulkbar button[value=assign]", "input[name=handlers]")
	p.Axe()
	p.Look("bulk-assign-1280")
	p.Do(chromedp.Click(chromedp.CSS("input[name=handlers]")))
	press(p, "main form .btn", ".notice.good")
	if text := p.Text("main"); !strings.Contains(text, say("cases.bulk_counts", 40, 0)) {
		t.Fatalf("assigned: %s", text)
	}
	p.Axe()
	p.Look("bulk-assigned-1280")

	p = b.Open(t, c.public+prefix+"/cases?show=mine&choose=all", browsertest.View{Width: browsertest.Narrow})
	press(p, ".bulkbar button[value=notify]", "input[name=kind]")
	p.Axe()
	p.FitsWidth()
	p.Look("bulk-notify-kind-360")
	p.Do(chromedp.Click(chromedp.CSS("input[name=kind][value=notification]")))
	press(p, "main form .btn", "textarea[name=matter]")
	p.Do(chromedp.SendKeys(chromedp.CSS("[name=recipient]"), "新乡市科学技术局（演示）"), chromedp.SendKeys(chromedp.CSS("[name=matter]"), "{party}涉嫌假冒注册商标，我局已立案（{number}），特此通报。"))
	press(p, "button[value=preview]", ".preview")
	p.Axe()
	p.FitsWidth()
	p.Look("bulk-notify-360")
	press(p, "button[value=go]", ".notice.good")
	press(p, "main .btns a.btn", "article.paper")
	p.Axe()
	p.FitsWidth()
	data, pages := onPaper(t, p)
	keep(t, "forty.pdf", data)
	wantA4(t, pages)
	if len(pages) != 40 {
		t.Errorf("%d pages of forty letters", len(pages))
	}
	for n := range 40 {
		number, found := fmt.Sprintf("新红市监通报〔2026〕%d号", n+1), false
		for _, pg := range pages {
			found = found || strings.Contains(pg.Text, norm.NFKC.String(number+"通报函")) && strings.Contains(pg.Text, fmt.Sprintf("%s第%d分公司涉嫌假冒", respondent, n))
		}
		if !found {
			t.Errorf("no page holds %s with its text", number)
		}
	}
}

// TestEveryDocumentIsA4WithItsNumberOnEachPage issues each kind and prints it.
func TestEveryDocumentIsA4WithItsNumberOnEachPage(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	handler, head, reviewer := c.as("hongqi.handler"), c.as("hongqi.approver"), c.as("hongqi.reviewer")
	no := c.newCase(1).Number
	second := c.officer("hongqi.second", "hongqi", staff.Handler)
	handler.caseDone(no, "assign", "handlers", c.userID("hongqi.handler"), "handlers", second.ID)
	long := strings.Repeat("经查，当事人在其经营场所内存放并销售贴有他人注册商标的商品，货值金额尚在核定，现场检查笔录、询问笔录、照片等证据相互印证。\n", 30)
	fill := func(kind string) answer {
		form, ok := casework.FormOf(kind)
		if !ok {
			t.Fatal(kind)
		}
		var fields []string
		for _, f := range form.Fields {
			switch f.Type {
			case "long":
				fields = append(fields, f.Name, long)
			case "date":
				fields = append(fields, f.Name, "2026-06-01")
			default:
				fields = append(fields, f.Name, fmt.Sprintf("第%d项内容", len(fields)))
			}
		}
		return handler.issue(no, kind, fields...)
	}
	issued := 0
	all := func(kinds ...string) {
		for _, kind := range kinds {
			fill(kind)
			issued++
		}
	}
	all("filing", "no-filing", "transfer", "notification", "inquiry-notice", "inquiry-record", "preservation", "extension", "delivery", "repair-notice")
	head.caseDone(no, "move", "to", "investigating")
	all("suspension")
	handler.caseDone(no, "move", "to", "review")
	all("no-penalty-decision")
	reviewer.caseDone(no, "move", "to", "notice")
	all("penalty-notice", "penalty-decision")
	handler.caseDone(no, "record", "what", "notice-served")
	handler.caseDone(no, "move", "to", "hearing")
	all("hearing-notice")

	c.enter(b, "hongqi.handler")
	f, err := c.desk.cases.Get(t.Context(), c.actor("hongqi.handler"), no, c.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, doc := range f.Documents {
		seen[doc.Kind] = true
		if doc.For != 0 {
			continue
		}
		path := fmt.Sprintf("/cases/%s/documents/%d", no, doc.N)
		p := b.Open(t, c.public+prefix+path, browsertest.View{})
		p.NoErrors()
		data, pages := onPaper(t, p)
		keep(t, "document-"+doc.Kind+".pdf", data)
		wantA4(t, pages)
		form, _ := casework.FormOf(doc.Kind)
		title := say("casework.document." + doc.Kind)
		whole := ""
		for n, pg := range pages {
			whole += pg.Text
			if n := len([]rune(pg.Text)); n < 75 {
				t.Errorf("%s has a page with next to nothing on it: %s", doc.Kind, pg.Text)
			}
			head := doc.Number
			if head == "" {
				head = no
			}
			// What goes with it (两书同达) says which document it goes with.
			head, title = norm.NFKC.String(head), norm.NFKC.String(title)
			if !strings.Contains(pg.Text, head) || !strings.Contains(pg.Text, title) && (len(form.Attach) == 0 || !strings.Contains(pg.Text, say("casework.document."+form.Attach[0]))) {
				t.Errorf("%s, page %d lacks %s or its name: %.80s", doc.Kind, n+1, head, pg.Text)
			}
		}
		for name, value := range doc.Body {
			want := norm.NFKC.String(strings.Join(strings.Fields(value), ""))
			if _, err := fmt.Sscanf(value, "%d-%d-%d", new(int), new(int), new(int)); err == nil {
				want = "2026年6月1日"
			}
			// A page break stands between the lines of a long text.
			for _, line := range strings.Split(want, "。") {
				if !strings.Contains(whole, line) {
					t.Errorf("%s lacks its field %s", doc.Kind, name)
					break
				}
			}
		}
		for _, kind := range form.Attach {
			at := strings.Index(whole, norm.NFKC.String(say("cases.paper.repair.way")))
			if at < 0 || at < strings.Index(whole, norm.NFKC.String(say("cases.paper.one_facts"))) {
				t.Errorf("%s does not print the %s after it", doc.Kind, kind)
			}
		}
		if m := missingWord.FindString(p.HTML()); m != "" {
			t.Errorf("%s: a word is missing: %s", path, m)
		}
	}
	for _, form := range casework.Forms() {
		if !seen[form.Kind] && form.Kind != "closing" {
			t.Errorf("%s was not printed", form.Kind)
		}
	}
	c.look(t, b, fmt.Sprintf("/cases/%s/documents/1", no), "document-filing", true)
	c.look(t, b, fmt.Sprintf("/cases/%s/documents/13", no), "document-penalty-notice", false)
}

// TestEveryCasePageInABrowser looks at each page and each form.
func TestEveryCasePageInABrowser(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	k := c.as("hongqi.handler")
	l := c.verifying(k, tipoff.Lodged{Reporter: named(), Numbers: []string{"202510999999.3"}})
	for n := range 6 {
		c.newCase(n)
	}
	open, _ := c.investigated(7)
	no := open.Number
	k = c.as("hongqi.handler")
	k.caseDone(no, "record", "what", "preserved", "text", "扣押清单另附")
	k.caseDone(no, "ask-extension", "clock", "decision", "reason", "需等待鉴定结论")
	k.issue(no, "notification", "recipient", "新乡市科学技术局（演示）", "matter", "通报事项")
	offered := c.newCase(8).Number
	k.caseDone(offered, "offer-to", "unit", "410703", "reason", "行为发生在卫滨区", "sure", "yes")

	c.enter(b, "hongqi.handler")
	tip := "/tip-offs/" + l.Number
	p := b.Open(t, c.public+prefix+tip, browsertest.View{})
	press(p, "form[action$='/open'] .btn", "#evidence")
	c.look(t, b, tip+"/case", "tip-case", true)
	c.look(t, b, "/day", "day", true)
	c.look(t, b, "/day?of=unit", "day-unit", false)
	c.look(t, b, "/cases", "cases", true)
	c.look(t, b, "/cases?state=filed&kind=counterfeit&tag=industry:C", "cases-narrowed", false)
	c.look(t, b, "/cases/new", "case-new", true)
	c.look(t, b, "/cases/"+no, "case", true)
	c.look(t, b, "/cases/"+offered, "case-offered", false)
	c.look(t, b, "/cases/"+no+"/files", "case-files", false)
	c.look(t, b, "/cases/export", "cases-export", true)
	c.look(t, b, "/cases/"+no+"/issue/transfer", "document-issue", true)
	c.look(t, b, "/templates", "templates", true)
	c.look(t, b, "/templates/materials-wanted", "template", true)
	c.look(t, b, "/templates/new", "template-new", false)
	c.look(t, b, "/cases/"+no+"/documents/1", "document-notification", false)
	f, err := c.desk.cases.Get(t.Context(), c.actor("hongqi.handler"), no, c.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range f.Can {
		if x != "issue" {
			c.look(t, b, "/cases/"+no+"/"+x, "case-"+x, x == "record")
		}
	}
	for _, n := range f.Next {
		c.look(t, b, "/cases/"+no+"/move?to="+string(n.To), "case-move-"+string(n.To), false)
	}

	// The second look, a refusal and a change meanwhile are answers to a form.
	p = b.Open(t, c.public+prefix+"/cases/"+no+"/move?to=to-police", browsertest.View{Width: browsertest.Narrow})
	p.Do(chromedp.SendKeys(chromedp.CSS("[name=reason]"), "货值金额达到刑事立案标准"))
	press(p, "main form .btn", ".btn.warn")
	p.Axe()
	p.FitsWidth()
	p.Look("case-sure-360")
	p = b.Open(t, c.public+prefix+"/cases/"+no+"/note", browsertest.View{})
	p.Do(chromedp.SendKeys(chromedp.CSS("[name=text]"), "写到一半"))
	k.caseDone(no, "note", "text", "另一条备注")
	press(p, "main form .btn", ".wrong")
	p.Axe()
	p.Look("case-stale-1280")
	if got := browsertest.Eval[string](p, "document.querySelector('[name=text]').value"); got != "写到一半" {
		t.Errorf("what was typed became %q", got)
	}
	p = b.Open(t, c.public+prefix+"/cases/new", browsertest.View{Width: browsertest.Narrow})
	press(p, "main form .btn", ".wrong")
	p.Axe()
	p.FitsWidth()
	p.Look("case-new-wrong-360")
	p = b.Open(t, c.public+prefix+"/cases/"+no+"/issue/transfer", browsertest.View{})
	p.Do(chromedp.SendKeys(chromedp.CSS("[name=recipient]"), "样例公安局"), chromedp.SendKeys(chromedp.CSS("[name=facts]"), "事实"), chromedp.SendKeys(chromedp.CSS("[name=reason]"), "理由"))
	press(p, "button[value=preview]", "article.paper")
	p.Axe()
	p.Look("document-preview-1280")

	c.enter(b, "hongqi.approver")
	c.look(t, b, "/cases/"+no, "case-head", false)
	c.look(t, b, "/cases/"+no+"/extend", "case-extend", false)
	c.look(t, b, "/cases/"+no+"/move?to=suspended", "case-move-suspended", false)
	c.enter(b, "weibin.handler")
	c.look(t, b, "/cases?show=offered", "cases-offered", false)
	c.look(t, b, "/cases/"+offered, "case-to-accept", false)
	c.look(t, b, "/cases/"+offered+"/accept", "case-accept", false)
	c.look(t, b, "/cases/"+offered+"/decline", "case-decline", false)
	c.enter(b, "lead.supervisor")
	c.look(t, b, "/cases", "cases-supervisor", true)
	c.look(t, b, "/cases/"+no, "case-supervisor", false)
}

// TestOfficerTakesATipOffFromTheQueueToTheProvinceInABrowser without JavaScript;
// the reporter sees each step.
func TestOfficerTakesATipOffFromTheQueueToTheProvinceInABrowser(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	l, _ := c.lodge(tipoff.Lodged{Kind: tipoff.UnlicensedAgency, Reporter: named()})
	sees := func(want string) {
		t.Helper()
		v, err := c.intake.Track(t.Context(), claim(l), c.clock.Now())
		if err != nil || v.Status.Word != want {
			t.Fatalf("the reporter sees %s, want %s (%v)", v.Status.Word, want, err)
		}
	}
	c.enter(b, "hongqi.handler")
	p := b.Open(t, c.public+prefix+"/", browsertest.View{NoScript: true, Width: browsertest.Narrow})
	sees("received")
	press(p, "tbody th a", "form[action$='/open']")
	press(p, "form[action$='/open'] .btn", "#evidence")
	for _, to := range []string{"assigned", "verifying"} {
		press(p, ".todo a[href*='/state']", "[name=to]")
		p.Do(chromedp.Click(chromedp.CSS("[name=to][value=" + to + "]")))
		press(p, "main form .btn", ".notice.good")
		sees(to)
	}
	press(p, ".todo a[href*='/transfer']", "[name=body]")
	p.Look("tip-transfer-360")
	if html := p.HTML(); !strings.Contains(html, `value="`+say("cases.province")+`"`) {
		t.Error("the province is not filled in")
	}
	p.Do(chromedp.SendKeys(chromedp.CSS("[name=answer]"), "依照专利代理条例第二十七条，已移送省知识产权局处理。"))
	press(p, "main form .btn", ".notice.good")
	sees("transferred")
	press(p, ".todo a[href*='/state']", "[name=to]")
	p.Do(chromedp.Click(chromedp.CSS("[name=to][value=notified]")))
	press(p, "main form .btn", ".notice.good")
	sees("notified")
}
