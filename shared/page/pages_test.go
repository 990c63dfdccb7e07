package page

import (
	"bytes"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/fault"
)

type kitData struct {
	*Form
	Options []map[string]string
	Table   Table
	Now     time.Time
	waiting bool
}

func (k kitData) Pending() bool { return k.waiting }

func newKit(f *Form) kitData {
	return kitData{
		Form:    f,
		Options: []map[string]string{{"Value": "a", "Text": "行政处罚", "Hint": "市场监管部门作出"}, {"Value": "b", "Text": "司法判决"}},
		Now:     time.Date(2026, 4, 28, 16, 5, 0, 0, time.UTC),
		Table: Table{
			Caption: "逐行结果", Columns: []Column{{Text: "行"}, {Text: "主体名称"}, {Text: "金额", Numeric: true}, {Text: "状态"}},
			Rows: [][]Cell{
				{{Text: "1"}, {Text: "虚构甲科技有限公司", Href: "/function/credit-lookup/subjects/91410771MA00AAA104"}, {Text: "1,000元"}, {Text: "已接收", Tone: "green"}},
				{{Text: "2"}, {Text: "样例星河知识产权代理有限公司"}, {Text: "20,000元"}, {Text: "退回", Tone: "red"}},
			},
		},
	}
}

func wrongForm() *Form {
	return NewForm(url.Values{"code": {`91"><script>`}, "password": {"secret-1"}, "note": {"</textarea>"}, "kind": {"b"}, "how": {"a"}, "many": {"a", "b"}}).
		Refuse(ZH, fault.New(fault.Invalid, "page.asset").With("code", "page.asset").With("how", "page.asset").With("file", "page.asset"))
}

func testPages(site Site) *Pages {
	return New("credit-lookup", os.DirFS("testdata/pages"), site)
}

var testSite = Site{PublicURL: "http://city.example/credit/", City: "410700", Demo: true}

func get(target string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	q := Request{Function: "credit-lookup", Prefix: "/function/credit-lookup", Reference: "01J", Lang: LangOf(r)}
	return r.WithContext(With(r.Context(), q))
}

func draw(t *testing.T, p *Pages, r *http.Request, name string, data any) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	if err := p.Show(w, r, http.StatusOK, name, data); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestLanguageIsAskedNegotiatedOrChinese(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, query, accept string
		want                Lang
	}{
		{"nothing said", "", "", ZH},
		{"header", "", "en-GB,en;q=0.9", EN},
		{"header prefers Chinese", "", "en;q=0.5,zh-CN;q=0.8", ZH},
		{"header prefers English", "", "zh;q=0.5,en;q=0.8", EN},
		{"equal weights: the first", "", "en,zh", EN},
		{"refused language", "", "en;q=0", ZH},
		{"other language", "", "fr-FR,de;q=0.9", ZH},
		{"traditional script is Chinese", "", "zh-Hant-TW", ZH},
		{"broken weight", "", "en;q=high", ZH},
		{"query beats header", "lang=zh", "en", ZH},
		{"query", "lang=en", "zh", EN},
		{"unknown query", "lang=fr", "en", EN},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/?"+tt.query, nil)
			if tt.accept != "" {
				r.Header.Set("Accept-Language", tt.accept)
			}
			if got := LangOf(r); got != tt.want {
				t.Fatalf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestLinksCarryOnlyWhatWasAsked(t *testing.T) {
	t.Parallel()
	p := testPages(testSite)
	tests := []struct{ name, target, want, not string }{
		{"nothing", "/kit", `href="/credit/function/portal/"`, "lang=zh&amp;"},
		{"language", "/kit?lang=en", `href="/credit/function/portal/?lang=en"`, ""},
		{"large text", "/kit?text=large", `href="/credit/function/portal/?text=large"`, ""},
		{"both", "/kit?lang=en&text=large", `href="/credit/function/portal/?lang=en&amp;text=large"`, ""},
		{"form", "/kit?text=large", `action="/credit/function/credit-lookup/kit?text=large"`, ""},
		{"switch keeps the query", "/kit?q=%E6%98%9F%26", `href="/credit/function/credit-lookup/kit?lang=en&amp;q=%E6%98%9F%26"`, ""},
		{"switch back", "/kit?lang=en", `href="/credit/function/credit-lookup/kit?lang=zh"`, ""},
		{"large text off", "/kit?text=large", `href="/credit/function/credit-lookup/kit"`, ""},
		{"a path from outside stays ours", "//evil.example/kit", `/credit/function/credit-lookup/`, `href="//evil`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := draw(t, p, get(tt.target), "kit", newKit(nil)).Body.String()
			if !strings.Contains(body, tt.want) {
				t.Errorf("no %s in\n%s", tt.want, body)
			}
			if tt.not != "" && strings.Contains(body, tt.not) {
				t.Errorf("%s in the page", tt.not)
			}
		})
	}
}

func TestSegmentsAreEscaped(t *testing.T) {
	t.Parallel()
	p := testPages(testSite)
	if got, want := p.URL(get("/?lang=en"), "/subjects", "a/b c?", url.Values{"q": {"星 1"}}), "/credit/function/credit-lookup/subjects/a%2Fb%20c%3F?lang=en&q=%E6%98%9F+1"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := p.Absolute("credit-lookup/badge", "91.svg"), "http://city.example/credit/function/credit-lookup/badge/91.svg"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEveryPageIsMarkedInADemo(t *testing.T) {
	t.Parallel()
	demo, real := testPages(testSite), testPages(Site{PublicURL: "http://127.0.0.1:8080", City: "410700"})
	for name, data := range map[string]any{"kit": newKit(nil), "done": nil, "small": map[string]string{"Code": "x"}} {
		for _, target := range []string{"/", "/?lang=en"} {
			mark := Say(LangOf(get(target)), "page.demo")
			if !strings.Contains(draw(t, demo, get(target), name, data).Body.String(), mark) {
				t.Errorf("%s: %s has no mark", target, name)
			}
			if strings.Contains(draw(t, real, get(target), name, data).Body.String(), mark) {
				t.Errorf("%s: %s is marked though it is real", target, name)
			}
		}
	}
	w := httptest.NewRecorder()
	if err := demo.Frame(w, get("/"), 200, "small", map[string]string{"Code": "x"}); err != nil || !strings.Contains(w.Body.String(), "演示数据") {
		t.Errorf("frame not marked: %v", err)
	}
}

func TestPagesAreClosedUnlessOpened(t *testing.T) {
	t.Parallel()
	p := New("closed", os.DirFS("testdata/pages"), testSite)
	p.Allow("done", "script-src 'self'", "img-src 'self'")
	closed := "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
	h := draw(t, p, get("/"), "kit", newKit(nil)).Header()
	want := map[string]string{
		"Content-Security-Policy": closed, "Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8", "Vary": "Accept-Language", "Content-Language": "zh-CN",
	}
	for k, v := range want {
		if h.Get(k) != v {
			t.Errorf("%s: %q, want %q", k, h.Get(k), v)
		}
	}
	if got := draw(t, p, get("/"), "done", nil).Header().Get("Content-Security-Policy"); got != "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'; script-src 'self'" {
		t.Errorf("opened page: %s", got)
	}
	w := httptest.NewRecorder()
	if err := p.Frame(w, get("/"), 200, "small", map[string]string{"Code": "x"}); err != nil {
		t.Fatal(err)
	}
	if got := w.Header().Get("Content-Security-Policy"); !strings.Contains(got, "frame-ancestors *") || w.Header().Get("Cross-Origin-Resource-Policy") != "cross-origin" {
		t.Errorf("frame: %s", got)
	}
	w = httptest.NewRecorder()
	w.Header().Set("Cache-Control", "public, max-age=60")
	if err := p.Show(w, get("/?lang=zh"), 200, "done", nil); err != nil {
		t.Fatal(err)
	}
	if w.Header().Get("Cache-Control") != "public, max-age=60" || w.Header().Get("Vary") != "" {
		t.Errorf("headers of a public page changed: %v", w.Header())
	}
}

func TestFormShowsWhatWasTypedAndWhatIsWrong(t *testing.T) {
	t.Parallel()
	p := testPages(testSite)
	body := draw(t, p, get("/kit"), "kit", newKit(wrongForm())).Body.String()
	for _, want := range []string{
		"<title>错误：组件一览", `role="alert"`, `<a href="#f-code">`, `aria-describedby="f-code-hint f-code-bad" aria-invalid="true"`,
		`value="91&#34;&gt;&lt;script&gt;"`, `&lt;/textarea&gt;`, `<option value="b" selected>`, `value="a" checked`,
		`id="f-how" name="how"`, `id="f-how-1" name="how"`, `<time datetime="2026-04-29">2026年4月29日</time>`, "2026年4月29日 00:05", "123,456.78元",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(body, "secret-1") {
		t.Error("a password came back")
	}
	if clean := draw(t, p, get("/kit"), "kit", newKit(nil)).Body.String(); strings.Contains(clean, "错误：") || strings.Contains(clean, `role="alert"`) {
		t.Error("an untouched form shows errors")
	}
}

func TestWaitingPageReloadsOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	p := testPages(testSite)
	waiting, done := newKit(nil), newKit(nil)
	waiting.waiting = true
	for _, tt := range []struct {
		name, target string
		data         kitData
		want         bool
	}{
		{"waiting, not asked", "/kit", waiting, false},
		{"waiting, asked", "/kit?refresh=1", waiting, true},
		{"finished", "/kit?refresh=1", done, false},
	} {
		if got := strings.Contains(draw(t, p, get(tt.target), "kit", tt.data).Body.String(), `http-equiv="refresh"`); got != tt.want {
			t.Errorf("%s: reloads %v", tt.name, got)
		}
	}
}

func TestNothingIsWrittenWhenATemplateFails(t *testing.T) {
	t.Parallel()
	p := testPages(testSite)
	w := httptest.NewRecorder()
	if err := p.Show(w, get("/"), 200, "kit", struct{ *Form }{}); err == nil {
		t.Fatal("no error")
	}
	if w.Body.Len() > 0 || len(w.Header()) > 0 {
		t.Fatalf("written: %v %s", w.Header(), w.Body)
	}
	if err := p.Show(w, get("/"), 200, "no-such-page", nil); err == nil {
		t.Fatal("no error for an unknown page")
	}
}

func TestProblemNamesReferenceAndFields(t *testing.T) {
	t.Parallel()
	New("problem-test", nil, testSite)
	r := get("/x?lang=en")
	r = r.WithContext(With(r.Context(), Request{Function: "problem-test", Reference: "01JREF", Lang: EN}))
	w := httptest.NewRecorder()
	Problem(w, r, http.StatusBadRequest, "01JREF", "There is a problem", "Detail <b>", []fault.Field{{Name: "统一社会信用代码", Code: "page.asset"}})
	body := w.Body.String()
	for _, want := range []string{"<h1>There is a problem</h1>", "Detail &lt;b&gt;", "01JREF", "统一社会信用代码", "<title>Error: ", `lang="en"`, "Demonstration data"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	if w.Code != 400 || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	w = httptest.NewRecorder()
	Problem(w, httptest.NewRequest("POST", "/", nil), http.StatusInternalServerError, "r2", "T", "D", nil)
	if !strings.Contains(w.Body.String(), Say(ZH, "page.problem.ours")) {
		t.Errorf("a failure of ours does not say so:\n%s", w.Body)
	}
}

// TestProblemAdvisesWhatHelps: who may not is told whom to ask and led back to the
// desk, not to correct what was right.
func TestProblemAdvisesWhatHelps(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status int
		key    string
		desk   bool
	}{
		{http.StatusBadRequest, "page.problem.yours", false},
		{http.StatusForbidden, "page.problem.forbidden", true},
		{http.StatusNotFound, "page.problem.missing", false},
		{http.StatusGone, "page.problem.missing", false},
		{http.StatusConflict, "page.problem.yours", false},
		{http.StatusInternalServerError, "page.problem.ours", false},
		{http.StatusServiceUnavailable, "page.problem.ours", false},
	} {
		w := httptest.NewRecorder()
		Problem(w, httptest.NewRequest("GET", "/", nil), tt.status, "r", "T", "D", nil)
		body := w.Body.String()
		if !strings.Contains(body, Say(ZH, tt.key)) || strings.Contains(body, Say(ZH, "page.problem.desk")) != tt.desk {
			t.Errorf("%d: want %s, and the way to the desk: %v\n%s", tt.status, tt.key, tt.desk, body)
		}
	}
}

// TestNavigationMarksWhereThePageBelongs: a page that is reached from the desk marks
// the desk; one of a function that is in the navigation marks that.
func TestNavigationMarksWhereThePageBelongs(t *testing.T) {
	t.Parallel()
	for function, want := range map[string]string{
		"case-handling": "staff-session/", "credit-repair": "staff-session/", "credit-share": "staff-session/", "summary-report": "staff-session/",
		"staff-session": "staff-session/", "credit-lookup": "credit-lookup/", "disclosure-publish": "disclosure-publish/disclosures",
	} {
		p := parsed(function, nil, testSite)
		w := httptest.NewRecorder()
		if err := p.Show(w, get("/"), http.StatusOK, problemName, problemData{Title: "T", Advice: "page.problem.yours"}); err != nil {
			t.Fatal(err)
		}
		body := w.Body.String()
		if strings.Count(body, "aria-current") != 1 || !strings.Contains(body, "/function/"+want+`" aria-current="true"`) {
			t.Errorf("%s marks not %s", function, want)
		}
	}
}

// TestChineseIsMarkedForWhoReadsEnglish: a screen reader changes its voice for it.
func TestChineseIsMarkedForWhoReadsEnglish(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"Answered", "Answered"}, {"", ""},
		{"新测市监函〔2026〕14号", `<span lang="zh-CN">新测市监函〔2026〕14号</span>`},
		{"Share 新测市监函〔2026〕14号 (sent)", `Share <span lang="zh-CN">新测市监函〔2026〕14号</span> (sent)`},
		{"局 & <b>", `<span lang="zh-CN">局</span> &amp; &lt;b&gt;`},
	} {
		if got := tongue(EN, tt.text); string(got) != tt.want {
			t.Errorf("%s: %s", tt.text, got)
		}
	}
	if got := tongue(ZH, "局 <b>"); got != "局 &lt;b&gt;" {
		t.Errorf("on a Chinese page: %s", got)
	}
}

// A function's partials fill the layout from the data of its own pages; the
// error page has none of it and stands in the layout all the same.
func TestProblemStandsInTheLayoutOfAFunctionWhosePartialsNeedItsData(t *testing.T) {
	t.Parallel()
	New("problem-partials-test", fstest.MapFS{"_parts.html": {Data: []byte(
		`{{define "account"}}<li>{{.Actor.Name}}</li>{{end}}{{define "crumbs"}}{{.Exit.URL}}{{end}}{{define "hero"}}{{.Lead}}{{end}}{{define "scripts"}}{{.Script}}{{end}}`)}}, testSite)
	r := get("/x?lang=en")
	r = r.WithContext(With(r.Context(), Request{Function: "problem-partials-test", Reference: "01JREF", Lang: EN}))
	w := httptest.NewRecorder()
	Problem(w, r, http.StatusForbidden, "01JREF", "No permission", "Detail", nil)
	for _, want := range []string{`<html lang="en"`, `name="viewport"`, `rel="stylesheet"`, "<h1>No permission</h1>", "01JREF", "Demonstration data"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in\n%s", want, w.Body)
		}
	}
}

func TestAssetsAreNamedByContentAndKept(t *testing.T) {
	t.Parallel()
	p := testPages(testSite)
	a := p.assets["page.css"]
	if a == nil {
		t.Fatal("no style sheet")
	}
	if len(a.body) > 20<<10 {
		t.Errorf("style sheet of %d bytes", len(a.body))
	}
	if !strings.Contains(draw(t, p, get("/"), "done", nil).Body.String(), `href="/credit/function/credit-lookup/assets/`+a.url+`"`) {
		t.Error("page does not link the style sheet")
	}
	r := get("/assets/" + a.url)
	r.Header.Set("Accept-Encoding", "br, gzip")
	w := httptest.NewRecorder()
	if err := p.Asset(w, r); err != nil {
		t.Fatal(err)
	}
	if w.Header().Get("Content-Encoding") != "gzip" || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Header().Get("Vary") != "Accept-Encoding" {
		t.Errorf("%v", w.Header())
	}
	w = httptest.NewRecorder()
	if err := p.Asset(w, get("/assets/"+a.url)); err != nil {
		t.Fatal(err)
	}
	if w.Body.String() != string(a.body) {
		t.Error("another body without gzip")
	}
	if err := p.Asset(w, get("/assets/page.0000000000000000.css")); !fault.Is(err, fault.NotFound) {
		t.Errorf("old name: %v", err)
	}
}

// TestNavigationNamesWhatTheCityRuns compares the functions that pages link to
// with the map of functions/main.go: none is missing, none leads nowhere.
func TestNavigationNamesWhatTheCityRuns(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../functions/main.go")
	if os.IsNotExist(err) {
		t.Skip("functions/ is not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	// Nobody comes to these by a link: the tick has no pages, and a form leads
	// to the upload of what belongs to it.
	silent := map[string]bool{"deadline-tick": true, "evidence-upload": true}
	runs := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\t"([a-z-]+)":\s+\{\w+\.Handle,`).FindAllStringSubmatch(string(source), -1) {
		if !silent[m[1]] {
			runs[m[1]] = true
		}
	}
	if !maps.Equal(runs, offered) {
		t.Errorf("the city runs %v, pages link to %v: add what is missing to offered in funcs.go", slices.Sorted(maps.Keys(runs)), slices.Sorted(maps.Keys(offered)))
	}
	for _, n := range navigation() {
		if !runs[n.Function] {
			t.Errorf("the navigation leads to %s", n.Function)
		}
	}
	for _, n := range visited {
		if !Has(n.Key) {
			t.Errorf("%s has no name in the navigation", n.Function)
		}
	}
}

func TestMoneyAndDates(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fen  any
		want string
	}{{0, "0元"}, {int64(1), "0.01元"}, {100, "1元"}, {99999, "999.99元"}, {100000, "1,000元"}, {int64(-1 << 63), "−92,233,720,368,547,758.08元"}, {"250", "2.50元"}} {
		if got, err := moneyText(ZH, tt.fen); err != nil || got != tt.want {
			t.Errorf("%v: %s %v, want %s", tt.fen, got, err, tt.want)
		}
	}
	if _, err := moneyText(ZH, "1.5"); err == nil {
		t.Error("half a fen accepted")
	}
	for _, tt := range []struct {
		lang Lang
		d    any
		want string
	}{
		{ZH, "2026-02-28", "2026年2月28日"}, {EN, "2026-12-01", "1 December 2026"}, {ZH, nil, "–"}, {ZH, "", "–"}, {ZH, time.Time{}, "–"},
		{ZH, time.Date(2026, 12, 31, 15, 59, 59, 0, time.UTC), "2026年12月31日"}, {ZH, time.Date(2026, 12, 31, 16, 0, 0, 0, time.UTC), "2027年1月1日"},
	} {
		if got, err := dateHTML(tt.lang, tt.d); err != nil || !strings.Contains(string(got), tt.want) {
			t.Errorf("%v: %s %v, want %s", tt.d, got, err, tt.want)
		}
	}
	if _, err := dateHTML(ZH, "2026-02-30"); err == nil {
		t.Error("30 February accepted")
	}
	for _, tt := range []struct {
		lang      Lang
		d         any
		want, day string
	}{
		{ZH, "2026-02-28", "2026年2月28日（星期六）</time>", "2026年2月28日"}, {EN, "2026-11-25", "Wednesday 25 November 2026</time>", "25 November 2026"},
		{ZH, "", "–", "–"}, {EN, time.Time{}, "–", "–"},
		{ZH, time.Date(2026, 12, 31, 16, 0, 0, 0, time.UTC), "2027年1月1日（星期五）</time>", "2027年1月1日"},
	} {
		if got, err := dueHTML(tt.lang, tt.d); err != nil || !strings.HasSuffix(string(got), tt.want) {
			t.Errorf("%v ends on %s %v, want %s", tt.d, got, err, tt.want)
		}
		if got := Day(tt.lang, tt.d); got != tt.day {
			t.Errorf("%v in a sentence: %s, want %s", tt.d, got, tt.day)
		}
	}
	if _, err := dueHTML(ZH, "2026-02-30"); err == nil {
		t.Error("a time limit ends on 30 February")
	}
	if got := Day(ZH, "2026-02-30"); got != "2026-02-30" {
		t.Errorf("what is no date became %s", got)
	}
}

// assets serves what the pages link to.
func assets(p *Pages) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := p.Asset(w, r); err != nil {
			http.NotFound(w, r)
		}
	})
}

// TestKitInABrowser looks at every partial in a real browser.
func TestKitInABrowser(t *testing.T) {
	b := browsertest.New(t)
	p := testPages(Site{PublicURL: "http://city.example", City: "410700", Demo: true})
	mux := http.NewServeMux()
	mux.Handle("GET /function/credit-lookup/assets/", assets(p))
	show := func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/function/credit-lookup")
		r = r.WithContext(With(r.Context(), Request{Function: "credit-lookup", Reference: "01JZZZ", Lang: LangOf(r)}))
		var err error
		switch r.URL.Path {
		case "/kit":
			err = p.Show(w, r, 200, "kit", newKit(nil))
		case "/wrong":
			err = p.Show(w, r, 422, "kit", newKit(wrongForm()))
		case "/done":
			err = p.Show(w, r, 200, "done", nil)
		case "/small":
			err = p.Frame(w, r, 200, "small", map[string]string{"Code": "91410771MA00AAA104"})
		default:
			Problem(w, r, 503, "01JZZZ", Say(ZH, "page.kind.unavailable"), Say(ZH, "page.problem.ours"), nil)
		}
		if err != nil {
			t.Error(err)
		}
	}
	mux.HandleFunc("GET /function/credit-lookup/", show)
	s := httptest.NewServer(mux)
	defer s.Close()
	for _, tt := range []struct {
		name, path string
		view       browsertest.View
		errors     bool // the status alone makes the browser say something
	}{
		{"kit-1280", "/kit", browsertest.View{}, false},
		{"kit-320", "/kit", browsertest.View{Width: 320}, false}, // 1280 px at 400 % zoom
		{"kit-360", "/kit", browsertest.View{Width: browsertest.Narrow}, false},
		{"kit-en-large-360", "/kit?lang=en&text=large", browsertest.View{Width: browsertest.Narrow}, false},
		{"kit-dark", "/kit", browsertest.View{Dark: true}, false},
		{"kit-print", "/kit", browsertest.View{Print: true, Width: 794}, false},
		{"wrong-1280", "/wrong", browsertest.View{}, true},
		{"wrong-360", "/wrong", browsertest.View{Width: browsertest.Narrow}, true},
		{"done-360", "/done", browsertest.View{Width: browsertest.Narrow}, false},
		{"small-320", "/small", browsertest.View{Width: 320}, false},
		{"problem-1280", "/nowhere", browsertest.View{}, true},
		{"wrong-dark", "/wrong", browsertest.View{Dark: true}, true},
	} {
		v := b.Open(t, s.URL+"/function/credit-lookup"+tt.path, tt.view)
		v.Look("page-" + tt.name)
		v.FitsWidth()
		if !tt.errors {
			v.NoErrors()
		}
		if !tt.view.Print {
			v.Axe()
		}
	}
}

// TestFrameKeepsItsLooksInASandbox frames a page the way snippets do: from
// another origin and sandboxed, so that even its own style sheet is a
// cross-origin request.
func TestFrameKeepsItsLooksInASandbox(t *testing.T) {
	b := browsertest.New(t)
	p := testPages(Site{PublicURL: "http://city.example", City: "410700", Demo: true})
	mux := http.NewServeMux()
	mux.Handle("GET /function/credit-lookup/assets/", assets(p))
	mux.HandleFunc("GET /small", func(w http.ResponseWriter, r *http.Request) {
		if err := p.Frame(w, r, 200, "small", map[string]string{"Code": "91410771MA00AAA104"}); err != nil {
			t.Error(err)
		}
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte(`<!DOCTYPE html><html lang="zh-CN"><title>host</title><link rel="icon" href="data:,"><iframe id="f" width="480" height="240" title="f" sandbox="allow-popups" src="` + s.URL + `/small"></iframe>`))
	}))
	defer host.Close()
	v := b.Open(t, host.URL, browsertest.View{})
	shot := browsertest.Get(v, chromedp.Screenshot(chromedp.CSS("#f")))
	img, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	// The background of the demo mark comes from the style sheet alone.
	for y := range img.Bounds().Dy() {
		if r, g, b, _ := img.At(40, y).RGBA(); r>>8 == 0xff && g>>8 == 0xf3 && b>>8 == 0xcd {
			return
		}
	}
	t.Error("the framed page has no style sheet")
}

// FuzzLinksStayOurs draws a page for whatever address and headers a stranger
// sends: it is drawn, and no link of it leaves the site.
func FuzzLinksStayOurs(f *testing.F) {
	f.Add("/kit", "lang=en&text=large", "en")
	f.Add("//evil.example/%2e%2e", "lang=javascript:alert(1)&q=%zz", "zh;q=9,*")
	f.Add("/a\\b\x00", "text=large\"><script>", ",;q=,en;q=")
	p := testPages(testSite)
	links := regexp.MustCompile(`(?:href|action|src)="([^"]*)"`)
	f.Fuzz(func(t *testing.T, path, query, accept string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.Path, r.URL.RawQuery = path, query
		r.Header.Set("Accept-Language", accept)
		w := httptest.NewRecorder()
		if err := p.Show(w, r, 200, "done", nil); err != nil {
			t.Fatal(err)
		}
		for _, m := range links.FindAllStringSubmatch(w.Body.String(), -1) {
			if m[1] != "#main" && !strings.HasPrefix(m[1], "/credit/function/") && !strings.HasPrefix(m[1], "data:image/svg+xml,") {
				t.Errorf("link to %q", m[1])
			}
		}
		if strings.Contains(w.Body.String(), "<script>") {
			t.Error("markup came through")
		}
	})
}

func BenchmarkShow(b *testing.B) {
	p := testPages(testSite)
	r, data := get("/kit"), newKit(nil)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Show(httptest.NewRecorder(), r, 200, "kit", data); err != nil {
			b.Fatal(err)
		}
	}
}
