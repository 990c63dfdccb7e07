package function

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/evidence"
	"ipcredit/shared/fn"
)

// choose fills the form's file input as a person does in the browser's dialogue.
func choose(p *browsertest.Page, files ...string) {
	p.Do(chromedp.SetUploadFiles(chromedp.CSS("#f-file"), files))
}

func save(t *testing.T, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// whole waits until n files of the token's box are complete.
func (c *city) whole(p *browsertest.Page, token string, n int) []evidence.File {
	c.t.Helper()
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for {
		all, err := c.boxes.Files(c.t.Context(), c.box(token))
		if err != nil {
			c.t.Fatal(err)
		}
		done := 0
		for _, f := range all {
			if f.State == evidence.Whole {
				done++
			}
		}
		if done == n {
			return all
		}
		select {
		case <-every.C:
		case <-c.t.Context().Done():
			c.t.Fatalf("%+v: %s", all, p.Text("main"))
		case <-time.After(time.Minute):
			c.t.Fatalf("%+v: %s", all, p.Text("main"))
		}
	}
}

func TestEveryPageInABrowser(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	empty, some := c.draft(), c.draft()
	k := c.browser("")
	k.form("/forms/"+some, "现场照片-20260519.jpg", join([]byte("\xff\xd8\xff\xe1"), places()["jpeg with a place"].data)).says(t, 200)
	c.tus().patch(c.tus().begin(some, 9000).location(), 0, picture(4000, 1))
	for _, v := range []struct {
		name string
		view browsertest.View
	}{
		{"360", browsertest.View{Width: browsertest.Narrow}},
		{"1280", browsertest.View{}},
		{"360-en", browsertest.View{Width: browsertest.Narrow, Language: "en"}},
		{"1280-dark", browsertest.View{Dark: true}},
	} {
		for name, path := range map[string]string{"index": "/", "enter": "/forms", "empty": "/forms/" + empty, "some": "/forms/" + some} {
			p := b.Open(t, c.public+prefix+path, v.view)
			if p.Status() != 200 {
				t.Errorf("%s: %d", path, p.Status())
			}
			p.NoErrors()
			p.Axe()
			p.FitsWidth()
			p.Look("evidence-" + name + "-" + v.name)
		}
	}
}

func TestAReporterUploadsWithoutScripts(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	token := c.draft()
	p := b.Open(t, c.public+prefix+"/forms/"+token, browsertest.View{NoScript: true, Width: browsertest.Narrow})
	send := func(answered string) {
		p.Do(chromedp.Click(chromedp.CSS("#upload .btn")), chromedp.WaitReady(chromedp.CSS(answered)))
	}
	send(".wrong")
	if said := p.Text(".wrong"); !strings.Contains(said, zh("fault.evidence.no_file_chosen")) {
		t.Errorf("said %q", said)
	}
	one, two := picture(4000, 1), picture(fn.MaxBody+300, 2)
	for i, data := range [][]byte{one, two} {
		choose(p, save(t, "照片.jpg", data))
		send(`li[data-n="` + strconv.Itoa(i+1) + `"] code`)
		if text := p.Text("main"); !strings.Contains(text, hexOf(data)) || !strings.Contains(text, hexOf(one)) {
			t.Errorf("file %d: %s", i, text)
		}
		c.opens(token, i+1, keys()["draft"], data)
	}
	p.Look("evidence-noscript-two")
	p.Do(chromedp.Click(chromedp.CSS(".btns a")), chromedp.WaitReady(chromedp.CSS("#returned")))
}

func TestAReporterUploadsWithScriptsPausesReloadsAndGoesOn(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	token := c.draft()
	way := &line{to: c.server.Config.Handler}
	c.server.Config.Handler = way
	p := b.Open(t, c.public+prefix+"/forms/"+token, browsertest.View{Width: browsertest.Narrow})
	small, large := picture(3000, 1), picture(3*fn.MaxBody, 2)
	largeFile := save(t, "录像.jpg", large)
	choose(p, save(t, "一.jpg", small), save(t, "程序.exe", []byte("MZ")), save(t, "空.txt", nil))
	c.whole(p, token, 1)
	c.opens(token, 1, keys()["draft"], small)
	p.Do(chromedp.WaitReady(chromedp.CSS("#queue .bad")))
	text := p.Text("main")
	for _, want := range []string{zh("evidence-upload.js.kind"), zh("evidence-upload.js.empty"), "一.jpg"} {
		if !strings.Contains(text, want) {
			t.Errorf("the queue does not say %q: %s", want, text)
		}
	}
	p.Axe()
	p.Look("evidence-queue")
	// The line is lost twice; in between somebody presses pause and resume.
	way.lost.Store(2)
	choose(p, largeFile)
	c.whole(p, token, 2)
	c.opens(token, 2, keys()["draft"], large)

	// Closed in the middle and opened again: the same file goes on, and is not begun
	// anew.
	way.lost.Store(1 << 30)
	other := picture(3*fn.MaxBody, 3)
	otherFile := save(t, "另一.jpg", other)
	choose(p, otherFile)
	for {
		all, err := c.boxes.Files(t.Context(), c.box(token))
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == 3 && all[2].Offset > 0 {
			break
		}
		browsertest.Eval[int](p, `new Promise((go) => setTimeout(() => go(1), 50))`)
	}
	kept := browsertest.Eval[string](p, `JSON.stringify(localStorage)`)
	if strings.Contains(kept, "另一") || strings.Contains(kept, token) {
		t.Errorf("the device keeps in clear: %s", kept)
	}
	again := b.Open(t, c.public+prefix+"/forms/"+token, browsertest.View{})
	way.lost.Store(0)
	choose(again, otherFile)
	all := c.whole(again, token, 3)
	if len(all) != 3 {
		t.Errorf("begun anew: %+v", all)
	}
	m := c.opens(token, 3, keys()["draft"], other)
	if m.SHA256 != hexOf(other) || m.Name != "另一.jpg" {
		t.Errorf("%+v", m)
	}
}

func TestThePageWarnsBeforeAPictureWithAPlaceIsSent(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	token := c.draft()
	p := b.Open(t, c.public+prefix+"/forms/"+token, browsertest.View{Width: browsertest.Narrow})
	data := places()["jpeg with a place"].data
	choose(p, save(t, "现场.jpg", data))
	p.Do(chromedp.WaitReady(chromedp.CSS("#queue .notice.warn .btn.second")))
	if text := p.Text("#queue .notice"); !strings.Contains(text, zh("evidence-upload.js.place")) {
		t.Errorf("warns %q", text)
	}
	if all, err := c.boxes.Files(t.Context(), c.box(token)); err != nil || len(all) != 0 {
		t.Errorf("sent before it was agreed to: %+v %v", all, err)
	}
	p.Axe()
	p.Look("evidence-place")
	p.Do(chromedp.Click(chromedp.CSS("#queue .notice.warn .btn.second")))
	c.whole(p, token, 1)
	c.opens(token, 1, keys()["draft"], data)
	choose(p, save(t, "再一张.jpg", data))
	p.Do(chromedp.WaitReady(chromedp.CSS("#queue .notice.warn .btn")), chromedp.Click(chromedp.CSS("#queue .notice.warn .btn:not(.second)")), chromedp.WaitNotPresent(chromedp.CSS("#queue .notice.warn")))
	if all, err := c.boxes.Files(t.Context(), c.box(token)); err != nil || len(all) != 1 {
		t.Errorf("sent although it was left out: %+v %v", all, err)
	}
}
