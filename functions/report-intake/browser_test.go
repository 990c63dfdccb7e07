package function

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	pagecdp "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/tipoff"
)

// fillIn types into fields: pairs of selector and text.
func fillIn(p *browsertest.Page, pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		p.Do(chromedp.SendKeys(chromedp.CSS(pairs[i]), pairs[i+1]))
	}
}

// press presses a button by the keyboard, so that a page that is still settling
// cannot move it away from under a pointer, and waits for the page after it.
func press(p *browsertest.Page, button, until string) {
	p.Do(chromedp.SendKeys(chromedp.CSS(button), kb.Enter), chromedp.WaitReady(chromedp.CSS(until)))
}

const (
	onward  = `button[name=go][value=next]`
	sendNow = `form[action$="/reports"] .btn`
)

// forget takes the browser's cookies away: its tabs share them.
func forget(p *browsertest.Page) {
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.ClearBrowserCookies, cdp.Empty{})
		return err
	}))
}

// elsewhereSite is a site of somebody else's, for the quick exit.
func elsewhereSite(t *testing.T, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!DOCTYPE html><html lang="zh-CN"><title>天气</title><link rel="icon" href="data:,">`+body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestWholeWayInABrowser walks from the first page to the follow-up, with and
// without JavaScript, on a telephone and in an office.
func TestWholeWayInABrowser(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	c.firms()
	for _, tt := range []struct {
		name string
		view browsertest.View
		full bool // looks at every page
	}{
		{"360", browsertest.View{Width: browsertest.Narrow}, true},
		{"1280", browsertest.View{}, true},
		{"360-noscript", browsertest.View{Width: browsertest.Narrow, NoScript: true}, false},
		{"1280-en-dark", browsertest.View{Language: "en", Dark: true}, true},
		{"1280-noscript", browsertest.View{NoScript: true}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.t = t
			p := b.Open(t, c.public+prefix+"/", tt.view)
			forget(p)
			look := func(name string) {
				t.Helper()
				p.Look("report-" + name + "-" + tt.name)
				if missingWord.MatchString(p.HTML()) {
					t.Errorf("%s: a word is missing", name)
				}
				if !tt.view.NoScript {
					p.Axe()
					p.FitsWidth()
				}
			}
			look("home")
			p.Do(chromedp.Navigate(c.public+prefix+"/nowhere"), chromedp.WaitReady(chromedp.CSS("h1")), chromedp.Navigate(c.public+prefix+"/"), chromedp.WaitReady(chromedp.CSS("main a.btn")))
			press(p, "main a.btn", "#f-kind")
			press(p, onward, ".wrong")
			if tt.full {
				look("kind-wrong")
			}
			p.Do(chromedp.Click(chromedp.CSS("label[for=f-kind-4]")))
			look("kind")
			press(p, onward, "#f-party")
			fillIn(p, "#f-party", "虚构甲")
			press(p, "button[value=search]", "#hits-title")
			look("whom-hits")
			press(p, `button[value="pick:`+firm+`"]`, `button[value="remove:1"]`)
			fillIn(p, "#f-party", "示例路1号的打印店")
			press(p, "button[value=add]", `button[value="remove:2"]`)
			look("whom")
			press(p, onward, "#f-narrative")
			fillIn(p, "#f-narrative", story, "#f-occurredOn", "2024-03-05", "#f-place", "示例路1号", "#f-numbers", "202510999999.4")
			if !tt.view.NoScript {
				p.Do(chromedp.Evaluate[chromedp.Void](`document.getElementById("f-numbers").dispatchEvent(new Event("change"))`), chromedp.WaitReady(chromedp.CSS("#numbers-live .no")))
			}
			press(p, onward, ".wrong")
			look("what-wrong")
			p.Do(chromedp.Clear(chromedp.CSS("#f-numbers")))
			fillIn(p, "#f-numbers", "202510999999.3")
			press(p, onward, "button[value=attach]")
			look("evidence-none")
			press(p, "button[value=attach]", "a[href$='/report/evidence']")
			d := c.draftOf(p)
			c.put(d.Box.Token, "IMG_0001.txt", []byte("照片"))
			c.put(d.Box.Token, "录音记录.txt", []byte(strings.Repeat("录音", 4000)))
			press(p, "a[href$='/report/evidence']", "ul.results")
			look("evidence")
			press(p, onward, "#f-anonymous")
			look("who")
			p.Do(chromedp.Click(chromedp.CSS("label[for=f-anonymous-1]")))
			fillIn(p, "#f-name", "张样例", "#f-contact", "19900000001")
			p.Do(chromedp.Click(chromedp.CSS("label[for=f-reward]")))
			look("who-named")
			press(p, onward, sendNow)
			look("check")
			c.clock.Pass(20 * time.Second)
			press(p, sendNow, "#report-receipt")
			look("receipt")
			if tt.name == "1280" {
				printed := b.Open(t, c.public+prefix+"/receipt", browsertest.View{Print: true, Width: 794})
				printed.Look("report-receipt-print")
			}
			receipt := strings.Join(strings.Fields(p.Text("#report-receipt")), "")
			fillIn(p, "#f-group", "ABCDE")
			press(p, "button[value=saved]", ".wrong")
			look("receipt-wrong")
			number := p.Text("#report-number")
			p.Do(chromedp.Clear(chromedp.CSS("#f-group")))
			fillIn(p, "#f-group", receipt[strings.LastIndexByte(receipt, '-')+1:])
			press(p, "button[value=saved]", "main dl.facts")
			look("done")
			press(p, "main a.btn", "#f-receipt")
			look("track")
			fillIn(p, "#f-reportNo", number, "#f-receipt", receipt)
			press(p, "form[action$='/track'] .btn", "#f-text")
			look("follow")
			fillIn(p, "#f-text", "补充：还有一个仓库。")
			press(p, "form[action$='/track/messages'] .btn", "ol.thread")
			look("follow-message")
			if left := c.drafts(); len(left) != 0 {
				t.Errorf("drafts are left: %q", left)
			}
		})
	}
	c.t = t
	for _, tt := range []struct{ name, path string }{{"privacy", "/privacy"}, {"channel", "/channels/consumer"}} {
		for width, name := range map[int]string{browsertest.Narrow: "360", browsertest.Wide: "1280"} {
			p := b.Open(t, c.public+prefix+tt.path, browsertest.View{Width: width})
			p.Axe()
			p.FitsWidth()
			p.NoErrors()
			p.Look("report-" + tt.name + "-" + name)
		}
	}
}

// draftOf is the draft the page belongs to.
func (c *city) draftOf(p *browsertest.Page) *draft {
	c.t.Helper()
	token := ""
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		got, err := cdp.Call(ctx, t, network.GetCookies, network.GetCookiesParams{URLs: []string{c.public + prefix + "/"}})
		if err != nil {
			return err
		}
		for _, x := range got.Cookies {
			if x.Name == cookiePlain {
				token = x.Value
			}
		}
		return nil
	}))
	d, err := c.desk.load(c.t.Context(), token, "")
	if err != nil || d == nil || d.Box == nil {
		c.t.Fatalf("no draft with a box: %+v %v", d, err)
	}
	return d
}

func TestQuickExitInABrowserLeadsAway(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t, "quick_exit_url", elsewhereSite(t, "<h1 id=weather>晴</h1>")+"/")
	for _, noScript := range []bool{false, true} {
		p := b.Open(t, c.public+prefix+"/report/kind", browsertest.View{NoScript: noScript, Width: browsertest.Narrow})
		p.Do(chromedp.Click(chromedp.CSS("label[for=f-kind]")))
		press(p, onward, "#f-party")
		press(p, ".leave .btn", "#weather")
		if left := c.drafts(); len(left) != 0 {
			t.Errorf("left: %q", left)
		}
		p.NoErrors()
	}
}

func TestUnsentTextSurvivesAKilledPage(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	p := b.Open(t, c.public+prefix+"/report/kind", browsertest.View{Width: browsertest.Narrow})
	forget(p)
	p.Do(chromedp.Navigate(c.public + prefix + "/report/kind"))
	p.Do(chromedp.Click(chromedp.CSS("label[for=f-kind-4]")))
	press(p, onward, "#f-party")
	fillIn(p, "#f-party", "写了一半的名称")
	// As the browser does when somebody goes to another app.
	p.Do(chromedp.Evaluate[chromedp.Void](`Object.defineProperty(document, "visibilityState", {value: "hidden", configurable: true}); document.dispatchEvent(new Event("visibilitychange"))`))
	browsertest.Eval[int](p, `(async () => { for (;;) {
		if (performance.getEntriesByType("resource").some(e => e.initiatorType === "fetch" && e.responseEnd > 0)) return 1;
		await new Promise(r => setTimeout(r, 10));
	} })()`)
	q := b.Open(t, c.public+prefix+"/", browsertest.View{Width: browsertest.Narrow})
	press(q, "main a.btn", "#f-party")
	if html := q.HTML(); !strings.Contains(html, "写了一半的名称") {
		t.Error("what was typed is lost")
	}
	if kept := browsertest.Eval[int](q, "localStorage.length + sessionStorage.length + document.cookie.length"); kept != 0 {
		t.Errorf("the device keeps %d things in clear", kept)
	}
}

// inFrame evaluates an expression in the page's only frame, as a person's hands
// reach there and the page around it does not.
func inFrame(p *browsertest.Page, expression string) string {
	out := ""
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		tree, err := cdp.Call(ctx, t, pagecdp.GetFrameTree, cdp.Empty{})
		if err != nil {
			return err
		}
		if len(tree.FrameTree.ChildFrames) != 1 {
			return fmt.Errorf("%d frames", len(tree.FrameTree.ChildFrames))
		}
		world, err := cdp.Call(ctx, t, pagecdp.CreateIsolatedWorld, pagecdp.CreateIsolatedWorldParams{FrameID: tree.FrameTree.ChildFrames[0].Frame.ID})
		if err != nil {
			return err
		}
		got, err := cdp.Call(ctx, t, runtime.Evaluate, runtime.EvaluateParams{Expression: expression, ContextID: world.ExecutionContextID, ReturnByValue: new(true)})
		if err != nil {
			return err
		}
		if got.ExceptionDetails != nil {
			return errors.New(got.ExceptionDetails.Text)
		}
		out = string(got.Result.Value)
		return nil
	}))
	return out
}

// TestFormInAFrameOfAListedSite walks the whole way inside a frame of another
// origin, whose pages the form's own cookies do not reach.
func TestFormInAFrameOfAListedSite(t *testing.T) {
	b := browsertest.New(t)
	var form string
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!DOCTYPE html><html lang="zh-CN"><title>host</title><link rel="icon" href="data:,"><iframe id="f" title="f" width="390" height="1200" src="`+form+`"></iframe>`)
	}))
	defer host.Close()
	c := embedded(t, "report_frame_ancestors", host.URL)
	form = c.public + prefix + "/frame"
	p := b.Open(t, host.URL, browsertest.View{})
	p.Look("report-frame")
	turn := func(fill, button string) {
		t.Helper()
		browsertest.Eval[int](p, `(window.loaded = new Promise(r => document.getElementById("f").addEventListener("load", () => r(1), {once: true})), 0)`)
		inFrame(p, fill+`; document.querySelector("`+button+`").click(); 1`)
		browsertest.Eval[int](p, "window.loaded")
	}
	turn("", "main form .btn[value='to:kind']")
	turn(`document.getElementById("f-kind-4").checked = true`, "button[value=next]")
	turn(`document.getElementById("f-party").value = "虚构的商店"`, "button[value=next]")
	turn(`document.getElementById("f-narrative").value = "`+story+`"`, "button[value=next]")
	turn("", "button[value=attach]")
	if said := inFrame(p, `document.querySelector("a[target=_blank].second").href`); !strings.Contains(said, "/evidence-upload/forms/") {
		t.Errorf("the way to the upload page is %s", said)
	}
	turn("", "button[value=next]")
	turn("", "button[value=next]")
	c.clock.Pass(20 * time.Second)
	turn("", `form[action$='/reports'] .btn`)
	p.Look("report-frame-receipt")
	receipt := inFrame(p, `document.getElementById("report-receipt").textContent`)
	if err := tipoff.CheckReceipt(strings.Trim(receipt, `"`)); err != nil {
		t.Errorf("%s: %v", receipt, err)
	}
	p.NoErrors()

	// A site that is not listed shows nothing of it.
	other := httptest.NewServer(host.Config.Handler)
	defer other.Close()
	q := b.Open(t, other.URL, browsertest.View{})
	if said := strings.Join(q.ConsoleErrors(), " "); !strings.Contains(said, "frame-ancestors") {
		t.Errorf("another site is let: %s", said)
	}
}
