package function

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/objection"
)

// TestObjectionInABrowser: a subject objects by the keyboard, an officer checks and
// another rules, and the subject reads the answer; and the same without an account.
func TestObjectionInABrowser(t *testing.T) {
	b := browsertest.New(t)
	r, second := real(fined("1", "2026-04-10")), real(determined("2", "2026-04-10"))
	o := embedded(t, "2026-04-30", r, second)
	look := func(path, name string) {
		t.Helper()
		for width, v := range map[string]browsertest.View{
			"360": {Width: browsertest.Narrow}, "1280": {Width: browsertest.Wide},
			"360-en": {Width: browsertest.Narrow, Language: "en"}, "1280-en": {Width: browsertest.Wide, Language: "en"},
		} {
			p := b.Open(t, o.public+prefix+path, v)
			if p.Status() != http.StatusOK {
				t.Errorf("%s: %d", path, p.Status())
			}
			p.NoErrors()
			p.Axe()
			p.FitsWidth()
			if strings.HasPrefix(width, "360") == (v.Language == "") {
				p.Look("objection-" + name + "-" + width)
			}
		}
	}
	o.enter(b, "jia.agent")
	look("/objections/new?record="+r.ID, "new")
	p := b.Open(t, o.public+prefix+"/objections/new", browsertest.View{Width: browsertest.Narrow})
	press(p, "main form[action$='/objections'] .btn", ".wrong")
	p.Axe()
	p.FitsWidth()
	p.Look("objection-new-wrong-360")
	p.Do(chromedp.Focus(chromedp.CSS("input[name=record][value='"+r.ID+"']")), chromedp.KeyEvent(" "),
		chromedp.Focus(chromedp.CSS("input[name=ground][value=facts]")), chromedp.KeyEvent(" "),
		chromedp.SendKeys(chromedp.CSS("textarea[name=text]"), "罚款应为九千元"))
	press(p, "main form[action$='/objections'] .btn", ".notice.good")
	no := objectionIn.FindString(p.HTML())
	o.uploaded(o.want(o.as("jia.agent").post("/objections/"+no+"/upload"), http.StatusSeeOther).header.Get("Location"))
	look("/objections/"+no, "filed")
	look("/objections/"+no+"/receipt", "receipt")
	look("/objections", "list")

	office := objection.New(o.env.Journal)
	_, err := office.Check(t.Context(), o.actor("lead.handler"), no, 0, objection.Unfounded, o.clock.Now())
	ok(t, err)
	_, err = office.Rule(t.Context(), o.actor("lead.approver"), no, 0, objection.Ruling{Outcome: objection.Dismiss, Decision: "新测市监异〔2026〕1号", Reasons: []string{"accurate", "no-proof"}}, o.clock.Now())
	ok(t, err)
	look("/objections/"+no, "dismissed")

	code := o.printed(jia)
	look("/object?record="+second.ID, "code")
	look("/object/track", "track")
	p = b.Open(t, o.public+prefix+"/object?record="+second.ID, browsertest.View{Width: browsertest.Narrow})
	p.Do(chromedp.SendKeys(chromedp.CSS("input[name=code]"), jia), chromedp.SendKeys(chromedp.CSS("input[name=activation]"), "wrong"),
		chromedp.Focus(chromedp.CSS("input[name=ground][value=identity]")), chromedp.KeyEvent(" "))
	press(p, "main form[action$='/object'] .btn", ".wrong")
	p.Axe()
	p.Do(chromedp.SetValue(chromedp.CSS("input[name=activation]"), code))
	press(p, "main form[action$='/object'] .btn", ".notice.good")
	p.Axe()
	p.FitsWidth()
	p.Look("objection-code-filed-360")
}
