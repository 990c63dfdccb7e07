package function

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
)

// printed is the page as a PDF, as its style sheet wants the paper.
func printed(t *testing.T, p *browsertest.Page, name string) []byte {
	t.Helper()
	data := browsertest.Get(p, chromedp.PrintToPDF(func(o *cdppage.PrintToPDFParams) {
		yes := true
		o.PreferCSSPageSize = &yes
	}))
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".pdf"), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return data
}

var mediaBox = regexp.MustCompile(`/MediaBox ?\[0 0 ([0-9.]+) ([0-9.]+)\]`)

func TestPagesOfRapidLinkageInABrowser(t *testing.T) {
	b := browsertest.New(t)
	c := embedded(t)
	c.notified(slices.Concat(notifiedRows(1, 60), notifiedRows(101, 140, "list", "2026年第2批", "agency", "41991", "state", "已撤回", "stateOn", "2026-05-19"),
		[]map[string]string{personRow(200), {"number": "99000001", "class": "35"}})...)
	k := c.as("hongqi.handler")
	group := groupOf("410702")
	one := "/applications/items/" + applicationNo(1)
	k.bulked("letter", group, "to", "applicant")
	k.follow("/letters/1/box")
	a := k.get("/letters/1")
	_, rest, _ := strings.Cut(a.body, "/function/evidence-upload/forms/")
	c.upload(rest[:strings.IndexAny(rest, `"<`)], file{"撤回手续合格通知书.pdf", "application/pdf", pdf()})
	k.bulked("contact", "id="+applicationNo(1), "method", "phone", "rights", "1", "on", "2026-05-20", "person", called, "note", spoken)
	path := "/applications/act/result?" + group
	wantStatus(t, k.post(path, append(k.fields(path), "to", "withdrawn", "on", "2026-05-20", "document", "2026052000012345")...), http.StatusSeeOther)
	undo := regexp.MustCompile(`/applications/undo/\d+`).FindString(k.get("/applications/group?" + group + "&show=all").body)
	c.enter(b, "hongqi.handler")

	pages := []struct{ path, name string }{
		{"/applications", "rates"}, {"/applications?by=year", "rates-year"}, {"/applications/items", "items"}, {"/applications/items?show=all", "items-all"},
		{"/applications/items?state=rejected", "items-none"}, {"/applications/groups?show=all", "groups"}, {"/applications/group?show=all&" + group, "group"},
		{one, "item"}, {"/letters/1", "letter"}, {undo, "undo"}, {"/applications/feedback?list=2026%E5%B9%B4%E7%AC%AC1%E6%89%B9", "feedback"},
		{"/applications/act/assign?show=all&" + group, "act-assign"}, {"/applications/act/reroute?show=all&" + group, "act-reroute"},
		{"/applications/act/result?id=" + applicationNo(200), "act-result"}, {"/applications/act/contact?id=" + applicationNo(200), "act-contact"},
		{"/applications/act/letter?id=99000001-35", "act-letter"},
	}
	for _, x := range pages {
		for _, v := range []struct {
			name string
			view browsertest.View
		}{{"360", browsertest.View{Width: browsertest.Narrow}}, {"1280", browsertest.View{}}, {"1280-en", browsertest.View{Language: "en"}}, {"360-en", browsertest.View{Width: browsertest.Narrow, Language: "en", Dark: true}}} {
			p := b.Open(t, c.public+prefix+x.path, v.view)
			if p.Status() != http.StatusOK {
				t.Errorf("%s: %d", x.path, p.Status())
			}
			p.NoErrors()
			p.Axe()
			p.FitsWidth()
			p.Look("linkage-" + x.name + "-" + v.name)
			if m := regexp.MustCompile(`〔[a-z][^〕]*〕`).FindString(p.HTML()); m != "" {
				t.Errorf("%s: a word is missing: %s", x.path, m)
			}
		}
	}

	// A refusal, with the keyboard alone: what was typed stays.
	p := b.Open(t, c.public+prefix+"/applications/act/contact?id="+applicationNo(200), browsertest.View{Width: browsertest.Narrow, NoScript: true})
	p.Do(chromedp.SendKeys(chromedp.CSS("[name=note]"), "写到一半"), chromedp.SendKeys(chromedp.CSS("[name=person]"), "某人\r"), chromedp.WaitReady(chromedp.CSS(".wrong")))
	p.Look("linkage-act-contact-wrong-360")
	p = b.Open(t, c.public+prefix+"/applications/act/contact?id="+applicationNo(200), browsertest.View{})
	p.Do(chromedp.SendKeys(chromedp.CSS("[name=note]"), "写到一半"))
	k.bulked("result", "id="+applicationNo(200), "to", "explained", "on", "2026-05-20")
	press(p, "main form .btn", ".wrong")
	p.Axe()
	p.FitsWidth()
	p.Look("linkage-act-stale-1280")
	if got := browsertest.Eval[string](p, "document.querySelector('[name=note]').value"); got != "写到一半" {
		t.Errorf("what was typed became %q", got)
	}

	// The letter is printed on A4: the letter itself and its annex, each page with
	// number and issuer, nothing of the screen around it.
	p = b.Open(t, c.public+prefix+"/letters/1", browsertest.View{Print: true})
	text := p.Text("main")
	for _, gone := range []string{say("applications.address_about"), say("applications.attach"), say("page.print")} {
		if strings.Contains(text, gone) {
			t.Errorf("the print holds %q", gone)
		}
	}
	data := printed(t, p, "linkage-letter")
	boxes := mediaBox.FindAllSubmatch(data, -1)
	// Two pages of the letter, and each sheet of the annex on one of its own.
	if sheets := strings.Count(k.get("/letters/1").body, "paper annex"); sheets < 3 || len(boxes) != 2+sheets {
		t.Errorf("%d pages, with %d sheets of the annex", len(boxes), sheets)
	}
	for _, m := range boxes {
		if !bytes.HasPrefix(m[1], []byte("59")) || !bytes.HasPrefix(m[2], []byte("84")) { // 595 by 842 points
			t.Errorf("a page of %s by %s points", m[1], m[2])
		}
	}
}
