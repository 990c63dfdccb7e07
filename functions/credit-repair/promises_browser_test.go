package function

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/material"
)

// TestCommitmentInABrowser walks a commitment from its text to the lead that it
// becomes, by the keyboard, and looks at every page of both sides.
func TestCommitmentInABrowser(t *testing.T) {
	b := browsertest.New(t)
	o := embedded(t, "2026-03-02")
	look := func(path, name string) {
		t.Helper()
		for width, v := range map[string]browsertest.View{
			"360": {Width: browsertest.Narrow}, "1280-en": {Width: browsertest.Wide, Language: "en"},
		} {
			p := b.Open(t, o.public+prefix+path, v)
			if p.Status() != http.StatusOK {
				t.Errorf("%s: %d", path, p.Status())
			}
			p.NoErrors()
			p.Axe()
			p.FitsWidth()
			p.Look(name + "-" + width)
		}
	}
	o.enter(b, "jia.agent")
	look("/promises", "promises")
	look("/promises/new?template=honest-business", "promise-new")
	p := b.Open(t, o.public+prefix+"/promises/new?template=honest-business", browsertest.View{Width: browsertest.Narrow})
	press(p, "main form[action$='/promises'] .btn", ".wrong")
	p.Axe()
	p.FitsWidth()
	p.Look("promise-wrong-360")
	no := o.drafted("honest-business", "2026-03-31")
	look("/promises/"+no, "promise-draft")
	o.enter(b, "jia.legal")
	p = b.Open(t, o.public+prefix+"/promises/"+no, browsertest.View{Width: browsertest.Narrow})
	p.Axe()
	p.Do(chromedp.Focus(chromedp.CSS("input[name=agree]")), chromedp.KeyEvent(" "))
	press(p, "form[action$='/sign'] .btn", ".notice.good")
	_, err := material.New(o.env.Journal).Hand(t.Context(), o.actor("jia.agent"), material.Fulfilment, "", "BOX1", o.clock.Now())
	ok(t, err)
	look("/promises/"+no, "promise")
	look("/promises/"+no+"/paper", "promise-paper")

	o.enter(b, "gaoxin.handler")
	look("/desk/promises", "promise-desk")
	look("/desk/promises/new", "promise-record")
	o.enter(b, "lead.handler")
	look("/desk/texts?template=honest-business", "promise-texts")
	o.enter(b, "gaoxin.handler")
	p = b.Open(t, o.public+prefix+"/desk/promises/"+no, browsertest.View{Width: browsertest.Narrow})
	press(p, "form[action$='/take'] .btn", ".notice.good")
	look("/desk/promises/"+no, "promise-desk-item")
	p = b.Open(t, o.public+prefix+"/desk/promises/"+no, browsertest.View{Width: browsertest.Narrow})
	press(p, "form[action$='/fulfil'] .btn", ".wrong")
	p.Axe()
	p.FitsWidth()

	o.on("2026-04-01")
	o.enter(b, "gaoxin.approver")
	look("/desk/promises/"+no, "promise-desk-decide")
	p = b.Open(t, o.public+prefix+"/desk/promises/"+no, browsertest.View{Width: browsertest.Narrow})
	p.Do(
		chromedp.Focus(chromedp.CSS("input[name=why]")), chromedp.KeyEvent(" "),
		chromedp.SendKeys(chromedp.CSS("input[name=document]"), "新测市监检〔2026〕1号"),
		chromedp.SendKeys(chromedp.CSS("textarea[name=facts]"), "现场检查，制度未建立"),
	)
	press(p, "form[action$='/break'] .btn", ".notice.good")
	if !strings.Contains(p.HTML(), "AJ410771-2026-00001") {
		t.Error("no lead")
	}
	look("/desk/promises/"+no, "promise-desk-broken")
	o.enter(b, "jia.agent")
	look("/promises/"+no, "promise-broken")
	o.enter(b, "lead.approver")
	p = b.Open(t, o.public+prefix+"/desk/promises/"+no, browsertest.View{Width: browsertest.Narrow})
	press(p, "form[action$='/take-back'] .btn", ".wrong")
	p.Do(chromedp.Focus(chromedp.CSS("input[name=mistake]")), chromedp.KeyEvent(" "))
	press(p, "form[action$='/take-back'] .btn", ".notice.good")
}
