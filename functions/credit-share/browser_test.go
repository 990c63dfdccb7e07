package function

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/redistest"
	"ipcredit/shared/share"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

func TestEveryPageInABrowser(t *testing.T) {
	b := browsertest.New(t)
	c := newCity(t, redistest.Embedded(t))
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	id := c.subscribed(url.Values{"org": {"court"}, "purpose": {"joint-punishment"}, "acts": {"penalty", "DA1", "DA3"}, "areas": {"410700"},
		"basis": {"《河南省社会信用条例》第三十条"}, "url": {receiver.URL}, "shared": {"yes"}})
	a := c.record(1, firmA)
	c.record(2, firmB)
	c.tick()
	c.repair(firmA, a, workday.DateOf(c.clock.Now()))
	c.tick()
	officer := c.as("lead.handler")
	made := officer.want(officer.post("/subscriptions", url.Values{"org": {"science"}, "purpose": {"joint-incentive"}, "acts": {"licence"}, "areas": {"410702"}, "basis": {"《河南省社会信用条例》第二十八条"}}), http.StatusSeeOther)
	waiting, err := url.Parse(made.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := share.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := share.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	officer.want(officer.post("/sources", url.Values{"name": {"郑州市"}, "region": {"410100"}, "key": {key.Public()}}), http.StatusSeeOther)

	p := b.Open(t, c.public+prefix+"/readyz", browsertest.View{})
	for who, paths := range map[string]map[string]string{
		"lead.publisher": {"list": "/subscriptions", "new": "/subscriptions/new", "one": "/subscriptions/" + id, "waits": waiting.Path[len(prefix):], "sources": "/sources"},
		"lead.handler":   {"file": "/file"},
		"court.handler":  {"received": "/received"},
		"court.inquirer": {"received-inquirer": "/received"},
		"science.handler": {
			"received-none": "/received"},
	} {
		token := c.staff.Session(t, who, &c.clock)
		p.Do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, network.SetCookie, network.SetCookieParams{Name: staff.CookiePlain, Value: token, URL: c.public})
			return err
		}))
		for name, path := range paths {
			for size, view := range map[string]browsertest.View{"360": {Width: browsertest.Narrow}, "1280": {}, "1280-en": {Language: "en"}} {
				p := b.Open(t, c.public+prefix+path, view)
				if p.Status() != http.StatusOK {
					t.Errorf("%s: %d", path, p.Status())
				}
				p.NoErrors()
				p.Axe()
				p.FitsWidth()
				p.Look("share-" + name + "-" + size)
			}
		}
	}
}
