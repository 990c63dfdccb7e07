package function

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/embed"
	"ipcredit/shared/fn"
	"ipcredit/shared/journal"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}

const (
	prefix = "/function/portal"
	code   = "91410771MA00AAA104"
)

// city serves the portal as the gateway does, with a stand-in for what
// credit-lookup answers to the snippets. The whole city is tested in functions/.
func city(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	s := httptest.NewUnstartedServer(mux)
	public := "http://" + s.Listener.Addr().String()
	portal, err := routes(&open.Env{City: "410700", PublicURL: public, Demo: true, Journal: journal.New(redistest.Embedded(t), "410700", journal.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle(prefix+"/", http.StripPrefix(prefix, fn.HTTP(portal.Serve)))
	const lookup = "/function/credit-lookup/"
	answer := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Access-Control-Allow-Origin", "*")
			io.WriteString(w, body)
		}
	}
	mux.HandleFunc("GET "+lookup+embed.Path, answer("text/javascript; charset=utf-8", string(embed.Script())))
	mux.HandleFunc("GET "+lookup+"badge/"+code+".json", answer("application/json", `{"schemaVersion":1,"label":"知识产权信用","message":"无失信公示","color":"blue"}`))
	mux.HandleFunc("GET "+lookup+"badge/"+code+".svg", answer("image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" width="190" height="24"><rect width="190" height="24" rx="3" fill="#0e4a86"/><text x="10" y="17" font-size="13" fill="#fff">知识产权信用 无失信公示</text></svg>`))
	mux.HandleFunc("GET "+lookup+"embed/"+code, answer("text/html; charset=utf-8", `<!DOCTYPE html><html lang="zh-CN"><head><title>虚构甲科技有限公司</title><link rel="icon" href="data:,"></head><body><main><h1>虚构甲科技有限公司</h1><p>无失信公示</p></main></body></html>`))
	s.Start()
	t.Cleanup(s.Close)
	return public
}

func read(t *testing.T, target string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest("GET", target, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	body, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w, string(body)
}

// paths are all pages of the portal, and the status of each.
var paths = map[string]int{
	"/": 200, "/guides": 200, "/guides/reading": 200, "/guides/rules": 200, "/guides/embedding": 200,
	"/guides/privacy": 200, "/guides/accessibility": 200, "/embed": 200, "/embed?code=" + code: 200,
	"/embed?code=91410771MA00AAA105": 400, "/guides/none": 404, "/nowhere": 404,
	"/deadline": 200, "/deadline?from=2025-09-22&workdays=15": 200, "/deadline?from=2026-11-30&months=3&roll=duty": 200,
	"/deadline?from=2026-02-30&workdays=x": 400,
}

func TestEveryPageInBothLanguages(t *testing.T) {
	t.Parallel()
	base := city(t) + prefix
	for path, status := range paths {
		for _, lang := range []page.Lang{page.ZH, page.EN} {
			target := base + path + "?lang=" + string(lang)
			if strings.Contains(path, "?") {
				target = base + path + "&lang=" + string(lang)
			}
			w, body := read(t, target)
			if w.StatusCode != status {
				t.Errorf("%s: %d, want %d", target, w.StatusCode, status)
			}
			if strings.Contains(body, "〔portal.") || strings.Contains(body, "〔page.") || strings.Contains(body, "%!") {
				t.Errorf("%s: a word is missing", target)
			}
			if n := strings.Count(body, "<h1"); n != 1 {
				t.Errorf("%s: %d h1", target, n)
			}
			if !strings.Contains(body, `<html lang="`+lang.Tag()+`"`) || !strings.Contains(body, page.Say(lang, "page.demo")) {
				t.Errorf("%s: language or demo mark missing", target)
			}
			if cached := strings.HasPrefix(w.Header.Get("Cache-Control"), "public"); cached != (status == 200 && !strings.Contains(path, "code=")) {
				t.Errorf("%s: Cache-Control %q", target, w.Header.Get("Cache-Control"))
			}
			if w.Header.Get("Set-Cookie") != "" {
				t.Errorf("%s: sets a cookie", target)
			}
			if strings.Contains(body, "function:") {
				t.Errorf("%s: a link was not resolved", target)
			}
		}
	}
}

var linkPattern = regexp.MustCompile(`(?:href|src|action)="([^"]*)"`)

// TestEveryLinkLeadsSomewhere follows the links of all pages within the portal;
// those to other functions must name one that has a folder beside this one.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	public := city(t)
	seen := map[string]bool{}
	for path := range paths {
		_, body := read(t, public+prefix+path)
		for _, m := range linkPattern.FindAllStringSubmatch(body, -1) {
			to := strings.ReplaceAll(m[1], "&amp;", "&")
			if strings.HasPrefix(to, "data:") || strings.HasPrefix(to, "#") || seen[to] {
				continue
			}
			seen[to] = true
			if !strings.HasPrefix(to, "/function/") {
				t.Errorf("%s links to %s", path, to)
				continue
			}
			if !strings.HasPrefix(to, prefix+"/") {
				continue
			}
			own, _, _ := strings.Cut(strings.TrimPrefix(to, prefix), "?")
			want := 200
			if own == "/guides/none" || own == "/nowhere" { // the language switch of an error page
				want = 404
			}
			if strings.Contains(to, "AAA105") || strings.Contains(to, "2026-02-30") {
				want = 400
			}
			if w, _ := read(t, public+to); w.StatusCode != want {
				t.Errorf("%s links to %s: %d", path, to, w.StatusCode)
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d links found", len(seen))
	}
}

// TestHomeLeadsToReportingFirst where the city takes reports, and nowhere else.
func TestHomeLeadsToReportingFirst(t *testing.T) {
	t.Parallel()
	_, body := read(t, city(t)+prefix+"/")
	_, body, _ = strings.Cut(body, "<main")
	start, track := strings.Index(body, `/function/report-intake/"`), strings.Index(body, `/function/report-intake/track"`)
	services := strings.Index(body, `<ul class="cards">`)
	if !page.Offers("report-intake") {
		if start >= 0 || track >= 0 {
			t.Error("the home page leads to a function that the city does not run")
		}
		return
	}
	if start < 0 || track < start || services < track {
		t.Errorf("reporting at %d, following at %d, other services at %d", start, track, services)
	}
}

func TestSnippetsNameThePublicAddress(t *testing.T) {
	t.Parallel()
	public := city(t)
	tests := []struct{ name, query, lang string }{
		{"canonical", code, ""},
		{"lower case", strings.ToLower(code), ""},
		{"full width and space", "%20９１４１０７７１ＭＡ００ＡＡＡ１０４", ""},
		{"English", code, "en"},
	}
	for _, tt := range tests {
		q, in := "", "zh"
		if tt.lang != "" {
			q, in = "?lang="+tt.lang, tt.lang
		}
		_, body := read(t, public+prefix+"/embed?code="+tt.query+"&lang="+tt.lang)
		lookup := public + "/function/credit-lookup/"
		for _, want := range []string{
			`&lt;img src=&#34;` + lookup + "badge/" + code + ".svg" + q + `&#34;`,
			`&lt;iframe src=&#34;` + lookup + "embed/" + code + q + `&#34;`,
			`&lt;script src=&#34;` + lookup + embed.Path + `&#34; integrity=&#34;` + embed.Integrity() + `&#34;`,
			`&lt;ip-credit code=&#34;` + code + `&#34; lang=&#34;` + in + `&#34;`,
			`<code>` + lookup + "badge/" + code + ".json" + q + `</code>`,
			`](` + lookup + "subjects/" + code + q + `)`,
		} {
			if !strings.Contains(body, strings.ReplaceAll(want, "+", "&#43;")) && !strings.Contains(body, want) {
				t.Errorf("%s: no %s", tt.name, want)
			}
		}
	}
}

func TestWrongCodeIsExplainedAtTheField(t *testing.T) {
	t.Parallel()
	_, body := read(t, city(t)+prefix+"/embed?code=91410771MA00AAA105")
	for _, want := range []string{`<title>错误：`, `<a href="#f-code">`, `aria-invalid="true"`, `value="91410771MA00AAA105"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(body, "<ip-credit") || strings.Contains(body, "iframe") {
		t.Error("snippets for a wrong code")
	}
	_, body = read(t, city(t)+prefix+`/embed?code="><script>alert(1)</script>`)
	if strings.Contains(body, "<script>alert") {
		t.Error("markup came through")
	}
}

func TestGuideMarkupIsCleaned(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{}
	for _, name := range guideOrder {
		for _, lang := range []string{"zh", "en"} {
			files["guides/"+name+"."+lang+".md"] = &fstest.MapFile{Data: []byte("# T\n\n<script>alert(1)</script>\n\n[a](javascript:alert(1)) [b](function:credit-lookup/x)\n\n<p onclick=\"x()\">p</p>\n\n| A | B |\n|---|---|\n| 1 | 2 |\n")}
		}
	}
	book, err := readGuides(files)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := book.find("reading", page.ZH)
	body, err := g.html(func(target string) string { return "/function/" + target })
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "javascript:", "onclick"} {
		if strings.Contains(string(body), bad) {
			t.Errorf("%s in %s", bad, body)
		}
	}
	for _, want := range []string{`href="/function/credit-lookup/x"`, `<td role="cell" data-label="B">2</td>`} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	files["guides/rules.en.md"] = &fstest.MapFile{Data: []byte("no title")}
	if _, err := readGuides(files); err == nil {
		t.Error("a guide without a title was accepted")
	}
}

// TestPagesInABrowser looks at each page as a telephone and as an office
// screen, with and without scripts.
func TestPagesInABrowser(t *testing.T) {
	b := browsertest.New(t)
	base := city(t) + prefix
	for _, tt := range []struct{ name, path string }{
		{"home", "/"}, {"guides", "/guides"}, {"reading", "/guides/reading"}, {"rules", "/guides/rules"}, {"embedding", "/guides/embedding"},
		{"privacy", "/guides/privacy"}, {"accessibility", "/guides/accessibility"}, {"embed", "/embed"}, {"embed-made", "/embed?code=" + code},
		{"deadline", "/deadline"}, {"deadline-answer", "/deadline?from=2025-09-22&workdays=15"}, {"deadline-wrong", "/deadline?from=&months=x"},
		{"deadline-provisional-en", "/deadline?from=2026-11-30&months=3&lang=en"},
		{"home-en", "/?lang=en"}, {"home-large", "/?text=large"}, {"reading-en", "/guides/reading?lang=en"},
	} {
		for name, width := range map[string]int{"360": browsertest.Narrow, "1280": browsertest.Wide} {
			p := b.Open(t, base+tt.path, browsertest.View{Width: width})
			p.Look("portal-" + tt.name + "-" + name)
			p.FitsWidth()
			if p.Status() == http.StatusOK {
				p.NoErrors() // a browser calls the answer 400 an error
			}
			p.Axe()
		}
	}
	for _, v := range []struct {
		name string
		view browsertest.View
	}{
		{"portal-embed-noscript", browsertest.View{NoScript: true}},
		{"portal-embed-dark", browsertest.View{Dark: true}},
		{"portal-embed-320", browsertest.View{Width: 320}}, // 1280 px at 400 % zoom
	} {
		p := b.Open(t, base+"/embed?code="+code, v.view)
		p.Look(v.name)
		p.FitsWidth()
		p.NoErrors()
		if v.view.NoScript {
			if got := p.Text("ip-credit a"); !strings.Contains(got, code) {
				t.Errorf("fallback reads %q", got)
			}
		} else {
			p.Axe()
			if got := browsertest.Get(p, chromedp.Poll[string](`document.querySelector("ip-credit").shadowRoot.textContent`)); !strings.Contains(got, "无失信公示") {
				t.Errorf("component shows %q", got)
			}
		}
	}
	p := b.Open(t, base+"/guides/reading", browsertest.View{Print: true, Width: 794})
	p.Look("portal-reading-print")
}

func BenchmarkHome(b *testing.B) {
	mux, err := routes(&open.Env{City: "410700", PublicURL: "http://127.0.0.1:8080"})
	if err != nil {
		b.Fatal(err)
	}
	h := fn.HTTP(mux.Serve)
	r := httptest.NewRequest("GET", "/", nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
