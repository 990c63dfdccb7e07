package function

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/staff"
)

// enter signs the browser in.
func (o *office) enter(b *browsertest.Browser, user string) {
	o.t.Helper()
	token := o.as(user).token
	p := b.Open(o.t, o.public+prefix+"/estimate", browsertest.View{})
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, network.SetCookie, network.SetCookieParams{Name: staff.CookiePlain, Value: token, URL: o.public})
		return err
	}))
}

func press(p *browsertest.Page, button, until string) {
	p.Do(chromedp.Focus(chromedp.CSS(button)), chromedp.KeyEvent("\r"), chromedp.WaitReady(chromedp.CSS(until)))
}

// TestRepairInABrowser walks a record from reading why to being repaired, by the
// keyboard, and looks at every page of both sides.
func TestRepairInABrowser(t *testing.T) {
	b := browsertest.New(t)
	o := embedded(t, "2026-05-20", fined("P1", "2026-05-10"), determined("D1", "2026-06-01"))
	o.on("2026-09-21")
	o.looked()
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
				p.Look(name + "-" + width)
			}
		}
	}
	o.enter(b, "jia.agent")
	look("/records", "records")
	look("/records/P1", "record")
	look("/records/D1", "record-early")
	look("/records/P1/notice", "notice")
	look("/queries", "queries")
	look("/received", "received")
	look("/applications/new?record=P1", "new")

	p := b.Open(t, o.public+prefix+"/applications/new?record=P1", browsertest.View{Width: browsertest.Narrow})
	press(p, "main form[action$='/applications'] .btn", ".wrong")
	p.Axe()
	p.FitsWidth()
	p.Look("new-wrong-360")
	for _, box := range []string{"corrected", "performed", "removed"} {
		p.Do(chromedp.Focus(chromedp.CSS("input[name="+box+"]")), chromedp.KeyEvent(" "))
	}
	press(p, "main form[action$='/applications'] .btn", ".papers")
	no := numberIn.FindString(p.HTML())
	look("/applications", "applications")
	look("/applications/"+no, "application")

	h := o.as("lead.handler")
	o.want(h.post("/desk/"+no+"/counter", "paper", "performance"), http.StatusSeeOther)
	o.want(h.post("/desk/"+no+"/return"), http.StatusSeeOther)
	look("/applications/"+no, "application-asked")
	o.enter(b, "jia.legal")
	p = b.Open(t, o.public+prefix+"/applications/"+no, browsertest.View{Width: browsertest.Narrow})
	p.Do(chromedp.Focus(chromedp.CSS("input[name=agree]")), chromedp.KeyEvent(" "))
	press(p, "form[action$='/sign'] .btn", ".notice.good")
	press(p, "form[action$='/complete'] .btn", ".notice.good")
	look("/applications/"+no+"/form", "form")
	look("/applications/"+no+"/commitment", "commitment")

	o.enter(b, "jia.agent")
	j := o.as("jia.agent")
	box := o.uploaded(o.want(j.post("/materials/upload"), http.StatusSeeOther).header.Get("Location"))
	look("/materials", "materials")
	p = b.Open(t, o.public+prefix+"/materials", browsertest.View{Width: browsertest.Narrow})
	press(p, "form[action$='/materials'] .btn", ".wrong")
	p.Axe()
	p.FitsWidth()
	to := o.want(j.post("/materials", "box", box, "kind", "statement"), http.StatusSeeOther).header.Get("Location")
	handed := "CL" + to[strings.Index(to, "CL")+2:][:10]
	o.enter(b, "gaoxin.handler")
	look("/desk/materials", "desk-materials")
	look("/desk/materials/"+handed, "desk-material")
	o.want(o.as("gaoxin.handler").post("/desk/materials/"+handed, "outcome", "return", "flaws", "partial"), http.StatusSeeOther)
	o.enter(b, "jia.agent")
	o.uploaded(o.want(j.post("/materials/upload"), http.StatusSeeOther).header.Get("Location"))
	look("/materials/"+handed, "material")

	o.enter(b, "lead.handler")
	look("/desk", "desk")
	look("/desk/register?code="+jia, "register")
	look("/desk/"+no, "desk-item")
	o.want(h.post("/desk/"+no+"/hand-over", "number", "信用中国2026-1号"), http.StatusSeeOther)
	p = b.Open(t, o.public+prefix+"/desk/"+no, browsertest.View{Width: browsertest.Wide})
	press(p, "form[action$='/accept'] .btn", ".notice.good")
	o.enter(b, "lead.approver")
	look("/desk/"+no, "desk-decide")
	p = b.Open(t, o.public+prefix+"/desk/"+no, browsertest.View{Width: browsertest.Narrow})
	press(p, "form[action$='/decide'] .btn", ".wrong")
	p.Axe()
	p.FitsWidth()
	p.Do(chromedp.Focus(chromedp.CSS("input[name=outcome]")), chromedp.KeyEvent(" "), chromedp.SendKeys(chromedp.CSS("input[name=decision]"), "新测市监信修〔2026〕1号"))
	press(p, "form[action$='/decide'] .btn", ".notice.good")
	o.enter(b, "jia.agent")
	look("/applications/"+no, "application-approved")
	look("/applications/"+no+"/decision", "decision")
	p = b.Open(t, o.public+prefix+"/queries", browsertest.View{Width: browsertest.Narrow})
	press(p, "form[action$='/report'] .btn", "article.paper")
	p.Axe()
	p.FitsWidth()
	p.Look("report-360")
	if strings.Contains(p.HTML(), "P1号") {
		t.Error("the report holds what was repaired")
	}
}
