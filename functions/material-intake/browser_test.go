package function

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"ipcredit/shared/batch"
	"ipcredit/shared/browsertest"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// enter makes the browser that of a signed-in user, or with "" of nobody.
func (c *city) enter(b *browsertest.Browser, user string) {
	c.t.Helper()
	p := b.Open(c.t, c.public+prefix+"/readyz", browsertest.View{})
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if user == "" {
			_, err := cdp.Call(ctx, t, network.ClearBrowserCookies, cdp.Empty{})
			return err
		}
		_, err := cdp.Call(ctx, t, network.SetCookie, network.SetCookieParams{Name: staff.CookiePlain, Value: c.signIn(user), URL: c.public})
		return err
	}))
}

// choose fills the form's file input as a person does in the browser's dialogue.
func choose(p *browsertest.Page, file string) {
	p.Do(chromedp.SetUploadFiles(chromedp.CSS("#f-file"), []string{file}))
}

func TestEveryPageInABrowser(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	ids := c.samples(t)
	views := []struct {
		name string
		view browsertest.View
	}{
		{"360", browsertest.View{Width: browsertest.Narrow}},
		{"1280", browsertest.View{}},
		{"360-en", browsertest.View{Width: browsertest.Narrow, Language: "en"}},
		{"1280-en", browsertest.View{Language: "en"}},
		{"1280-dark", browsertest.View{Dark: true}},
	}
	look := func(path, name string) {
		for _, v := range views {
			p := b.Open(t, c.public+prefix+path, v.view)
			if p.Status() != 200 {
				t.Errorf("%s: %d", path, p.Status())
			}
			p.NoErrors()
			p.Axe()
			p.FitsWidth()
			p.Look(name + "-" + v.name)
		}
	}
	look("/", "index-out")
	c.enter(b, "lead.handler")
	look("/", "index-barred")
	c.enter(b, "lead.uploader")
	look("/?kind=penalty", "index")
	look("/batches", "list")
	for _, name := range []string{"some", "all", "known", "none", "failed", "dry", "dry-bad", "held", "running"} {
		look("/batches/"+ids[name], "batch-"+name)
	}
	p := b.Open(t, c.public+prefix+"/?text=large", browsertest.View{Width: browsertest.Narrow})
	p.FitsWidth()
	p.Look("index-large-360")
	p = b.Open(t, c.public+prefix+"/batches/"+ids["some"], browsertest.View{Print: true, Width: 794})
	p.Look("batch-some-print")
}

// TestClerkHandsInAFile does what a clerk does, with and without JavaScript.
func TestClerkHandsInAFile(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	c.enter(b, "hongqi.uploader")
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	small := write("small.csv", table(header, penalty(1), spoilt(penalty(2), atDate, "2026-02-30")))
	body, _ := long(t)
	large := write("large.csv", body)
	for _, tt := range []struct {
		name     string
		file     string
		noScript bool
	}{
		{"small", small, false}, {"small, no script", small, true}, {"large", large, false}, {"large, no script", large, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := b.Open(t, c.public+prefix+"/", browsertest.View{NoScript: tt.noScript})
			// Forgotten first: the kind.
			choose(p, small)
			p.Do(chromedp.Click(chromedp.CSS("#upload .btn")), chromedp.WaitReady(chromedp.CSS(".wrong")))
			if said := p.Text(".wrong"); !strings.Contains(said, page.Say(page.ZH, "fault.material-intake.choose_kind")) {
				t.Errorf("said %q", said)
			}
			if !tt.noScript { // axe is a script
				p.Axe()
			}
			p.Look("index-wrong")
			p.Do(chromedp.Click(chromedp.CSS("label[for=f-kind]")))
			choose(p, tt.file)
			p.Do(chromedp.Click(chromedp.CSS("#upload .btn")), chromedp.WaitReady(chromedp.CSS("dl.facts")))
			if tt.noScript {
				for strings.Contains(p.HTML(), `id="live"`) { // as somebody who waits presses it again and again
					p.Do(chromedp.Click(chromedp.CSS(".again a")), chromedp.WaitReady(chromedp.CSS("dl.facts")))
				}
			} else {
				p.Do(chromedp.WaitNotPresent(chromedp.CSS("#live")), chromedp.WaitReady(chromedp.CSS("dl.facts")))
			}
			if text := p.Text("main"); !strings.Contains(text, page.Say(page.ZH, "material-intake.download")) {
				t.Errorf("the result is %s", text)
			}
			if errs := p.ConsoleErrors(); len(errs) > 1 { // one is the refusal of the incomplete form
				t.Errorf("%q", errs)
			}
		})
	}
	list, _, err := c.store.Of(t.Context(), "hongqi", "", 10)
	if err != nil || len(list) != 4 {
		t.Fatalf("%d batches, want 4: %v", len(list), err)
	}
	for _, x := range list {
		if x.State != batch.Done || x.Rejected != 1 {
			t.Errorf("%+v", x)
		}
	}
}
