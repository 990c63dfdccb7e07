package embed

import (
	"context"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
)

// released holds the hash of every version that pages elsewhere may name.
// Change a script? Then it is a new version: add a line, never edit one.
var released = map[string]string{
	"1": "sha384-S+xEZAkBrvg3TOvrmtRpAbRDx6eiAQTlrn1BijxvqOYtpWCTDbieO/awuCMc127S",
}

func TestReleasedVersionsNeverChange(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(files, "widget/*.js")
	if err != nil || len(names) != len(released) {
		t.Fatalf("%d scripts, %d recorded: %v", len(names), len(released), err)
	}
	for version, want := range released {
		body, ok := ByName(version + ".js")
		if !ok || integrity(body) != want {
			t.Errorf("version %s: %s, recorded %s", version, integrity(body), want)
		}
	}
	if released[Version] != Integrity() {
		t.Errorf("latest version is %s", Integrity())
	}
}

func TestOnlyVersionsAreServed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "1", "0.js", "../embed.go", "1.js/", ".js", "-1.js", "99.js", "１.js"} {
		if _, ok := ByName(name); ok {
			t.Errorf("%q is served", name)
		}
	}
}

func TestScriptWritesTextOnly(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "document.cookie", "Storage"} {
		if strings.Contains(string(Script()), word) {
			t.Errorf("script uses %s", word)
		}
	}
}

const code = "91410771MA00AAA104"

// lookup answers as credit-lookup does, for a few states.
func lookup(t *testing.T) *httptest.Server {
	answers := map[string]struct {
		status int
		body   string
	}{
		code:                 {200, `{"schemaVersion":1,"label":"知识产权信用","message":"有 1 条公示","color":"red","cacheSeconds":300}`},
		"91410771MA00AAA291": {200, `{"schemaVersion":1,"label":"<img src=x onerror=alert(1)>","message":"<b>x</b>","color":"url(//evil)","cacheSeconds":300}`},
		"91410772MA00AAB17X": {200, `{"schemaVersion":1,"label":"知识产权信用","message":"未收录","color":"lightgrey","isError":true}`},
		"91410702MA00AAC13T": {503, `down`},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /function/credit-lookup/widget/{name}", func(w http.ResponseWriter, r *http.Request) {
		body, ok := ByName(r.PathValue("name"))
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Write(body)
	})
	mux.HandleFunc("GET /function/credit-lookup/badge/{name}", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") != "" || r.Header.Get("Referer") != "" {
			t.Errorf("the widget sent %v", r.Header)
		}
		a := answers[strings.TrimSuffix(r.PathValue("name"), ".json")]
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Content-Type", "application/json")
		if a.status == 0 {
			a.status = 500
		}
		w.WriteHeader(a.status)
		w.Write([]byte(a.body))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// host is a page of another origin that embeds the widget under a strict
// content policy.
func host(t *testing.T, origin, element, integrity string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Set-Cookie", "host=1")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src data:; script-src "+origin+"; connect-src "+origin+"; require-trusted-types-for 'script'")
		w.Write([]byte(`<!DOCTYPE html><html lang="zh-CN"><head><meta charset="utf-8"><title>host</title><link rel="icon" href="data:,">
<script src="` + origin + `/function/credit-lookup/` + Path + `" integrity="` + integrity + `" crossorigin="anonymous" defer></script></head>
<body><main><h1>供应商名录</h1>` + element + `</main></body></html>`))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func widget(code string) string {
	return `<ip-credit code="` + code + `"><a id="fallback" href="https://city.example/subjects">查询信用</a></ip-credit>`
}

const shown = `document.querySelector("ip-credit").shadowRoot.textContent`

func TestWidgetOnAForeignOrigin(t *testing.T) {
	b := browsertest.New(t)
	s := lookup(t)
	tests := []struct {
		name, code, want string
		view             browsertest.View
	}{
		{"disclosed record", code, "有 1 条公示", browsertest.View{}},
		{"full width and lower case", "９１４１０７７１ma00aaa104", "有 1 条公示", browsertest.View{Width: browsertest.Narrow}},
		{"unknown subject", "91410772MA00AAB17X", "未收录", browsertest.View{}},
		{"markup in the answer stays text", "91410771MA00AAA291", "<b>x</b>", browsertest.View{}},
	}
	for _, tt := range tests {
		p := b.Open(t, host(t, s.URL, widget(tt.code), Integrity()), tt.view)
		p.Do(waitState)
		if got := browsertest.Eval[string](p, shown); !strings.Contains(got, tt.want) || !strings.Contains(got, "不等于评价") {
			t.Errorf("%s: shows %q", tt.name, got)
		}
		if n := browsertest.Eval[int](p, `document.querySelector("ip-credit").shadowRoot.querySelectorAll("img,b,script").length`); n != 0 {
			t.Errorf("%s: markup got in", tt.name)
		}
		p.NoErrors()
		p.FitsWidth()
		p.Axe()
		p.Look("widget-" + strings.ReplaceAll(tt.name, " ", "-"))
	}
}

var waitState = chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
	_, err := chromedp.Poll[bool](`!!document.querySelector("ip-credit").dataset.state`)(ctx, t)
	return err
})

func TestFallbackStaysWhenThereIsNoAnswer(t *testing.T) {
	b := browsertest.New(t)
	s := lookup(t)
	tests := []struct {
		name, code, integrity string
		view                  browsertest.View
	}{
		{"scripts off", code, Integrity(), browsertest.View{NoScript: true}},
		{"script altered on the way", code, integrity([]byte("another")), browsertest.View{}},
		{"not a code", "12345", Integrity(), browsertest.View{}},
		{"service down", "91410702MA00AAC13T", Integrity(), browsertest.View{}},
	}
	for _, tt := range tests {
		p := b.Open(t, host(t, s.URL, widget(tt.code), tt.integrity), tt.view)
		if got := p.Text("#fallback"); got != "查询信用" {
			t.Errorf("%s: fallback reads %q", tt.name, got)
		}
		if visible := browsertest.Eval[bool](p, `document.getElementById("fallback").getClientRects().length > 0`); !visible {
			t.Errorf("%s: fallback is hidden", tt.name)
		}
	}
}

func TestChangedCodeChangesWhatIsShown(t *testing.T) {
	b := browsertest.New(t)
	p := b.Open(t, host(t, lookup(t).URL, widget(code), Integrity()), browsertest.View{})
	p.Do(waitState)
	browsertest.Eval[int](p, `document.querySelector("ip-credit").setAttribute("code", "91410772MA00AAB17X"), 0`)
	browsertest.Get(p, chromedp.Poll[bool](shown+`.includes("未收录")`))
	browsertest.Eval[int](p, `document.querySelector("ip-credit").setAttribute("code", "no code"), 0`)
	browsertest.Get(p, chromedp.Poll[bool](`!document.querySelector("ip-credit").dataset.state`))
}
