package main

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"ipcredit/shared/browsertest"
)

// snippetOf finds what the portal offers to copy: the text after a heading's id.
var snippetOf = regexp.MustCompile(`(?s)<pre class="snippet"[^>]*aria-labelledby="s-([a-z]+)"[^>]*><code>(.*?)</code></pre>`)

// badgeElsewhere puts what the portal's snippet page says on a website of
// another origin and looks at it in a browser, before and after a batch.
func badgeElsewhere(t *testing.T, p *program, demo demoFile) {
	slow(t)
	browser := browsertest.New(t)
	code, badge := "", badgeState{}
	for _, c := range demo.Subjects {
		if badge = badgeOf(t, p, c); badge.Message == "无失信公示" {
			code = c
			break
		}
	}
	if code == "" {
		t.Fatal("no subject of the demonstration is without records")
	}
	elsewhere := website(t, p, code)
	if got := look(t, browser, elsewhere); got.Component != "无失信公示" || !strings.Contains(got.Drawing, "无失信公示") || !got.Drawn || !got.Framed {
		t.Fatalf("before: %+v", got)
	}
	name := p.subject(code).Name
	row := larger(code, name, 880001, 250)
	if b := p.handIn("penalty", demo.APIKeys["material"], penaltyTable([][]string{row})); b.Accepted != 1 {
		t.Fatalf("upload: %+v", b)
	}
	if badge = badgeOf(t, p, code); badge.Message != "有 1 条公示" {
		t.Errorf("the badge's data says %q", badge.Message)
	}
	// A cache may keep the old answer for as long as it was told, no longer.
	for _, path := range []string{"badge/" + code + ".svg", "badge/" + code + ".json", "embed/" + code} {
		control := p.page("/function/credit-lookup/" + path).header.Get("Cache-Control")
		_, age, found := strings.Cut(control, "max-age=")
		age, _, _ = strings.Cut(age, ",")
		if seconds, err := strconv.Atoi(age); !found || err != nil || seconds > 300 {
			t.Errorf("%s: Cache-Control %q", path, control)
		}
	}
	reload(t, browser, elsewhere)
	if got := look(t, browser, elsewhere); got.Component != "有 1 条公示" || !strings.Contains(got.Drawing, "有 1 条公示") || !got.Framed {
		t.Errorf("after: %+v", got)
	}
	if frame := p.page("/function/credit-lookup/embed/" + code); !strings.Contains(frame.body, "有 1 条公示") || !strings.Contains(frame.body, "880001") {
		t.Errorf("the frame does not show the record: %s", frame.body)
	}
}

// website is a site of another origin with everything on it that the portal's page
// of snippets says about a subject.
func website(t *testing.T, p *program, code string) string {
	t.Helper()
	snippets := map[string]string{}
	for _, m := range snippetOf.FindAllStringSubmatch(p.page("/function/portal/embed?code="+code).body, -1) {
		snippets[m[1]] = html.UnescapeString(m[2])
	}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			w.WriteHeader(http.StatusNoContent) // the browser's wish for an icon
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, "<!doctype html><html lang=zh-CN><title>别处的网站</title><body><p>%s</p><div>%s</div><div>%s</div>",
			snippets["badge"], snippets["frame"], snippets["component"])
	}))
	t.Cleanup(site.Close)
	// Another name and another port: another site, as the browser sees it.
	return strings.Replace(site.URL, "127.0.0.1", "localhost", 1)
}

type badgeState struct{ Label, Message, Color string }

func badgeOf(t *testing.T, p *program, code string) badgeState {
	t.Helper()
	return decode[badgeState](t, p.get("/function/credit-lookup/badge/"+code+".json"))
}

// seen is what stands on the website.
type seen struct {
	Component string // the component's text
	Drawing   string // the badge's text
	Drawn     bool   // the badge has a size
	Framed    bool   // the frame belongs to another origin and has been loaded
}

// look opens the website and reads it when all of it has come.
func look(t *testing.T, b *browsertest.Browser, url string) seen {
	t.Helper()
	page := b.Open(t, url, browsertest.View{})
	got := browsertest.Eval[seen](page, `(async () => {
		const come = (yes) => new Promise((resolve) => {
			const ask = () => yes() ? resolve() : requestAnimationFrame(ask);
			ask();
		});
		const component = document.querySelector("ip-credit");
		const image = document.querySelector("img");
		const frame = document.querySelector("iframe");
		image.loading = "eager";
		await come(() => component.hasAttribute("data-state") && image.complete);
		const drawing = await (await fetch(image.src)).text();
		let framed = false;
		try { frame.contentWindow.document.title; } catch (e) { framed = e.name === "SecurityError"; }
		return {
			Component: component.shadowRoot.querySelector(".state").textContent,
			Drawing: drawing, Drawn: image.naturalWidth > 50, Framed: framed,
		};
	})()`)
	page.NoErrors()
	page.Look("badge-elsewhere")
	return got
}

// reload fetches what the website shows past the browser's cache, as a reload
// with the shift key does.
func reload(t *testing.T, b *browsertest.Browser, url string) {
	t.Helper()
	page := b.Open(t, url, browsertest.View{})
	n := browsertest.Eval[int](page, `(async () => {
		const image = document.querySelector("img").src;
		for (const u of [image, image.replace(/svg$/, "json") + "?lang=zh"]) await fetch(u, {cache: "reload", credentials: "omit"});
		await fetch(document.querySelector("iframe").src, {cache: "reload", mode: "no-cors", credentials: "omit"});
		return 3;
	})()`)
	if n != 3 {
		t.Fatal(n)
	}
}
