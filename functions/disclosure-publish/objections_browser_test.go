package function

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/objection"
	"ipcredit/shared/staff"
)

// TestOfficersRuleOnObjectionsInABrowser looks at every page of the officers' side,
// and takes the steps by the keyboard.
func TestOfficersRuleOnObjectionsInABrowser(t *testing.T) {
	tab := browsertest.New(t)
	b := newBureau(t, "2026-04-30 10:00:00")
	first := b.fined("1", "2026-04-10")
	second := b.determined(firm, jiaName, "国知测认〔2026〕1号", "2026-04-10")
	no, other := b.objected(first, objection.Facts), b.objected(second, objection.Instrument)
	enter := func(user string) {
		t.Helper()
		b.as(user, "/objections", nil)
		p := tab.Open(t, b.url+"/disclosures", browsertest.View{})
		p.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			if _, err := cdp.Call(ctx, target, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
				return err
			}
			_, err := cdp.Call(ctx, target, network.SetCookie, network.SetCookieParams{Name: staff.CookiePlain, Value: b.tokens[user], URL: strings.TrimSuffix(b.url, prefix)})
			return err
		}))
	}
	look := func(path, name string) {
		t.Helper()
		for width, v := range map[string]browsertest.View{"360": {Width: browsertest.Narrow}, "1280-en": {Width: browsertest.Wide, Language: "en"}} {
			p := tab.Open(t, b.url+path, v)
			if p.Status() != http.StatusOK {
				t.Errorf("%s: %d", path, p.Status())
			}
			p.NoErrors()
			p.Axe()
			p.FitsWidth()
			p.Look("objections-" + name + "-" + width)
		}
	}
	press := func(p *browsertest.Page, button, until string) {
		p.Do(chromedp.Focus(chromedp.CSS(button)), chromedp.KeyEvent("\r"), chromedp.WaitReady(chromedp.CSS(until)))
	}
	enter("lead.handler")
	look("/objections", "queue")
	look("/objections/"+no, "own")
	look("/objections/"+other, "other")
	look("/objections/register", "register")
	p := tab.Open(t, b.url+"/objections/"+no, browsertest.View{Width: browsertest.Narrow})
	press(p, "form[action$='/check'] .btn", ".wrong")
	p.Axe()
	p.FitsWidth()
	p.Do(chromedp.Focus(chromedp.CSS("input[name=finding]")), chromedp.KeyEvent(" "))
	press(p, "form[action$='/check'] .btn", ".notice.good")
	b.must(http.StatusSeeOther)(b.act("lead.handler", other, "forward", "number", "国知受2026-1", "on", "2026-04-30"))
	enter("lead.approver")
	look("/objections/"+no, "rule")
	look("/objections/"+no+"/correct", "correct")
	look("/objections/"+other, "import")
	p = tab.Open(t, b.url+"/objections/"+no, browsertest.View{Width: browsertest.Narrow})
	press(p, "form[action$='/rule'] .btn", ".wrong")
	p.Axe()
	p.FitsWidth()
	p.Look("objections-rule-wrong-360")
	p.Do(chromedp.Focus(chromedp.CSS("input[name=outcome][value=recall]")), chromedp.KeyEvent(" "),
		chromedp.SetValue(chromedp.CSS("select[name=why]"), "error"), chromedp.SendKeys(chromedp.CSS("input[name=decision]"), "新测市监异〔2026〕1号"))
	press(p, "form[action$='/rule'] .btn", ".notice.good")
	look("/objections/"+no, "upheld")
	look("/objections?"+url.Values{"unit": {"410700"}, "list": {"closed"}}.Encode(), "closed")
}
