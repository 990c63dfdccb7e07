package function

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// enter makes the browser that of a signed-in user.
func (c *city) enter(b *browsertest.Browser, user string) {
	c.t.Helper()
	p := b.Open(c.t, c.public+prefix+"/readyz", browsertest.View{})
	token := c.signIn(user)
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, network.SetCookie, network.SetCookieParams{Name: staff.CookiePlain, Value: token, URL: c.public})
		return err
	}))
}

func press(p *browsertest.Page, button, until string) {
	p.Do(chromedp.Click(chromedp.CSS(button)), chromedp.WaitReady(chromedp.CSS(until)))
}

func TestEveryPageInABrowser(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t, "notify_url", "http://127.0.0.1:9/", "outgoing_allow", "127.0.0.0/8")
	l, box := c.lodge(tipoff.Lodged{Reporter: named(), Place: "示例路1号院内东侧仓库", Numbers: []string{"202510999999.3", "99000001"}, Insider: true, Reward: true},
		file{fileName, "image/jpeg", photograph(1200, 800)}, file{"说明.txt", "text/plain", eicar}, file{"材料.pdf", "application/pdf", pdf()})
	other, _ := c.lodge(tipoff.Lodged{Narrative: story + "，另一人也反映过"})
	closed, _ := c.lodge(tipoff.Lodged{Narrative: "已经处理完的事情", Kind: tipoff.Infringement})
	k := c.as("hongqi.handler")
	for _, x := range []tipoff.Lodging{l, other, closed} {
		k.open(x.Number)
	}
	k.done(closed.Number, "state", "to", "assigned")
	k.done(closed.Number, "state", "to", "out-of-scope", "scope", "petition")
	k.done(closed.Number, "state", "to", "closed", "answer", "已办结。")
	c.clock.Pass(3 * 366 * 24 * time.Hour)
	fresh, _ := c.lodge(tipoff.Lodged{Narrative: "新收到的举报", Kind: tipoff.UnlicensedAgency})
	k = c.as("hongqi.handler")
	k.open(l.Number)
	k.follow("/tip-offs/" + l.Number + "/evidence/check")
	k.done(l.Number, "state", "to", "assigned")
	k.done(l.Number, "answer", "answer", "您的举报已收到，请补充现场照片。")
	if err := c.intake.Say(t.Context(), claim(l), "key-of-a-test-message-1234567890", "照片已经上传，请查看。", c.clock.Now()); err != nil {
		t.Fatal(err)
	}
	k.done(l.Number, "note", "text", "与市局核对过商标注册情况。")
	a := k.done(l.Number, "identity", "reason", "需要当面核实吊牌样品")
	ask := regexp.MustCompile(`/identity/([A-Za-z0-9-]+)`).FindStringSubmatch(a.body)[1]

	views := []struct {
		name string
		view browsertest.View
		few  bool // words and colours only: the layout is the same
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
			if s := p.HTML(); strings.Contains(s, "〔") && strings.Contains(s, "〕") && regexp.MustCompile(`〔[a-z]`).MatchString(s) {
				t.Errorf("%s: a word is missing: %s", path, regexp.MustCompile(`〔[a-z][^〕]*〕`).FindString(s))
			}
		}
	}
	tip := "/tip-offs/" + l.Number
	c.enter(b, "hongqi.handler")
	look("/", "index", true)
	look("/?show=closed", "index-closed", false)
	look("/?state=transferred", "index-none", false)
	look("/tip-offs/"+fresh.Number, "cover", true)
	p := b.Open(t, c.public+prefix+tip, browsertest.View{})
	press(p, "form[action$='/open'] .btn", "#evidence")
	look(tip, "tip", true)
	for _, x := range actionNames() {
		switch x {
		case "extend", "resume", "hold", "release", "erase", "case": // the head's, or not now
			continue
		}
		look(tip+"/"+x, "act-"+x, x == "state")
	}
	look(k.file(l.Number, box, 1), "file-photo", true)
	look(k.file(l.Number, box, 2), "file-eicar", false)
	look(k.file(l.Number, box, 3), "file-pdf", false)
	look("/register", "register", true)
	look("/import", "import", false)
	look("/identities", "identities", false)
	look(tip+"/identity/"+ask, "identity", false)
	look("/undelivered", "undelivered", false)

	// A refusal, a change meanwhile, a receipt and an identity are answers to a
	// form: no address leads to them.
	p = b.Open(t, c.public+prefix+tip+"/state", browsertest.View{Width: browsertest.Narrow})
	press(p, "main form .btn", ".wrong")
	p.Axe()
	p.FitsWidth()
	p.Look("act-state-wrong-360")
	p = b.Open(t, c.public+prefix+tip+"/answer", browsertest.View{})
	p.Do(chromedp.SendKeys(chromedp.CSS("#f-answer"), "写到一半"))
	c.as("hongqi.handler").open(l.Number)
	c.as("hongqi.handler").done(l.Number, "state", "to", "verifying")
	press(p, "main form .btn", ".wrong")
	p.Axe()
	p.Look("act-stale-1280")
	if got := browsertest.Eval[string](p, "document.querySelector('#f-answer').value"); got != "写到一半" {
		t.Errorf("what was typed became %q", got)
	}
	p = b.Open(t, c.public+prefix+"/register", browsertest.View{Width: browsertest.Narrow})
	p.Do(chromedp.Click(chromedp.CSS("[name=channel][value=counter]")), chromedp.Click(chromedp.CSS("[name=kind][value=unclear]")), chromedp.Click(chromedp.CSS("[name=who][value=anonymous]")),
		chromedp.SendKeys(chromedp.CSS("[name='parties/0/name']"), reported), chromedp.SendKeys(chromedp.CSS("[name=narrative]"), story))
	press(p, "main form .btn", ".secret")
	p.Axe()
	p.FitsWidth()
	p.Look("registered-360")

	c.enter(b, "hongqi.custodian")
	p = b.Open(t, c.public+prefix+tip+"/identity/"+ask, browsertest.View{})
	p.Axe()
	p.Look("identity-decide-1280")
	press(p, "button[value=grant]", ".notice.good")
	c.enter(b, "hongqi.handler")
	p = b.Open(t, c.public+prefix+tip+"/identity/"+ask, browsertest.View{Width: browsertest.Narrow})
	press(p, "button[value=show]", ".secret")
	p.Axe()
	p.FitsWidth()
	p.Look("identity-shown-360")
	c.enter(b, "hongqi.approver")
	look("/retention", "retention", true)
	look("/tip-offs/"+closed.Number+"/hold", "act-hold", false)
	look("/tip-offs/"+closed.Number+"/erase", "act-erase", false)
}

// pdf is a short document.
func pdf() []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	var offsets []int
	for i, o := range []string{"<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>"} {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	at := b.Len()
	b.WriteString("xref\n0 4\n0000000000 65535 f \n")
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", at)
	return b.Bytes()
}

// TestOfficerGetsALongOriginal lets the page assemble it from ranges, and checks
// that a hash that is wrong is noticed.
func TestOfficerGetsALongOriginal(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	data := append([]byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"), bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16)...)
	l, box := c.lodge(tipoff.Lodged{}, file{"录像.mp4", "video/mp4", data})
	c.enter(b, "hongqi.handler")
	p := b.Open(t, c.public+prefix+"/tip-offs/"+l.Number, browsertest.View{})
	press(p, "form[action$='/open'] .btn", "#evidence")
	press(p, "form[action$='/evidence/check'] .btn", ".notice.good")
	p.Do(chromedp.Navigate(c.public + prefix + c.as("").file(l.Number, box, 1)))
	p.Do(chromedp.Click(chromedp.CSS("#original button")), chromedp.WaitReady(chromedp.CSS("#original[data-done]")))
	if got := browsertest.Eval[string](p, "document.querySelector('#original').dataset.done"); got != sha(data) {
		t.Errorf("assembled %s, want %s", got, sha(data))
	}
	if text := p.Text("#original"); !strings.Contains(text, say("case-handling.get_right")) {
		t.Errorf("it says %q", text)
	}
	p.NoErrors()
	p.Axe()
	p.Look("file-long-1280")
	p.Do(chromedp.Navigate(c.public + prefix + c.as("").file(l.Number, box, 1)))
	browsertest.Eval[string](p, "document.querySelector('#original').dataset.sha256 = 'ff'")
	p.Do(chromedp.Click(chromedp.CSS("#original button")))
	deadline := time.Now().Add(30 * time.Second)
	for !strings.Contains(p.Text("#original"), say("case-handling.get_wrong")) {
		if time.Now().After(deadline) {
			t.Fatalf("a wrong hash is not noticed: %s", p.Text("#original"))
		}
	}
}

// TestOfficerWorksWithoutJavaScript does with forms alone what the office needs:
// open, check, look at the copy's list, answer, decide.
func TestOfficerWorksWithoutJavaScript(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	l, box := c.lodge(tipoff.Lodged{}, file{fileName, "image/jpeg", photograph(320, 240)})
	c.enter(b, "hongqi.handler")
	p := b.Open(t, c.public+prefix+"/", browsertest.View{NoScript: true})
	press(p, "tbody th a", "form[action$='/open']")
	press(p, "form[action$='/open'] .btn", "#evidence")
	if !strings.Contains(p.Text("main"), story) {
		t.Fatal("it is not open")
	}
	press(p, "form[action$='/evidence/check'] .btn", ".notice.good")
	press(p, "tbody th a", ".copyview")
	if text := p.Text("main"); !strings.Contains(text, say("clean.removed.location")) {
		t.Errorf("the list of what the copy lacks: %s", text)
	}
	if href := p.HTML(); !strings.Contains(href, box+"/1/original") {
		t.Error("there is no link to the original")
	}
	p.Do(chromedp.Navigate(c.public + prefix + "/tip-offs/" + l.Number))
	press(p, ".todo a[href*='/state']", "[name=to]")
	p.Do(chromedp.Click(chromedp.CSS("[name=to][value=assigned]")))
	press(p, "main form .btn", ".notice.good")
	press(p, ".todo a[href*='/answer']", "[name=answer]")
	p.Do(chromedp.SendKeys(chromedp.CSS("[name=answer]"), "已收到您的举报。"))
	press(p, "main form .btn", ".notice.good")
	v, err := c.intake.Track(t.Context(), claim(l), c.clock.Now())
	if err != nil || v.Report.State != tipoff.Assigned || len(v.Thread) != 1 || v.Thread[0].Text != "已收到您的举报。" {
		t.Errorf("the reporter sees %s %+v (%v)", v.Report.State, v.Thread, err)
	}
}
