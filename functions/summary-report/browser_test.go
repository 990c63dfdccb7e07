package function

import (
	"context"
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/staff"
)

func TestEveryPageInABrowser(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	c.demo()
	p := b.Open(t, c.public+prefix+"/readyz", browsertest.View{})
	token := c.people.Session(t, "lead.statistics", &c.clock)
	p.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.SetCookie, network.SetCookieParams{Name: staff.CookiePlain, Value: token, URL: c.public})
		return err
	}))
	for _, x := range []struct{ name, path string }{
		{"rate", "/"}, {"rate-narrow", "/?district=410771&agency=41993"}, {"rate-none", "/?from=1999-01-01&to=1999-12-31"},
		{"rate-marks", "/?kind=bad-faith-mark"}, {"pending", "/pending"}, {"pending-none", "/pending?year=1999"},
	} {
		for name, view := range map[string]browsertest.View{
			"360": {Width: browsertest.Narrow}, "1280": {}, "1280-en": {Language: "en"}, "360-dark": {Width: browsertest.Narrow, Dark: true},
		} {
			p := b.Open(t, c.public+prefix+x.path, view)
			if p.Status() != http.StatusOK {
				t.Errorf("%s: %d", x.path, p.Status())
			}
			p.NoErrors()
			p.Axe()
			p.FitsWidth()
			p.Look("summary-" + x.name + "-" + name)
		}
	}
	for _, path := range []string{"/?from=2026-13-01", "/pending?from=2026-03-02&to=2026-03-01"} {
		p := b.Open(t, c.public+prefix+path, browsertest.View{Width: browsertest.Narrow})
		if p.Status() != http.StatusBadRequest {
			t.Errorf("%s: %d", path, p.Status())
		}
		p.Axe()
		p.FitsWidth()
		p.Look("summary-wrong-360")
	}
}
