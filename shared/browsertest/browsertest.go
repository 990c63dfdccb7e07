// Package browsertest looks at pages in a real browser, for tests.
//
// It drives the chromium on PATH and runs axe-core, which `npm ci` in this
// folder installs. Where either is missing a test is skipped; with REQUIRE_REAL=1
// in the environment it fails instead.
package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Narrow and Wide are the widths every page is looked at: a small telephone and
// an office screen.
const (
	Narrow = 360
	Wide   = 1280
)

// limit ends a browser that hangs; it is no measure of speed.
const limit = 2 * time.Minute

// Browser is one headless browser with a fresh profile.
type Browser struct {
	ctx context.Context
}

// Available tells whether a browser can be started here.
func Available() bool { return program() != "" }

func program() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	return ""
}

func absent(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("REQUIRE_REAL") == "1" {
		t.Fatalf("REQUIRE_REAL=1, but there is no %s", what)
	}
	t.Skipf("no %s here", what)
}

// New starts a browser that ends with the test.
func New(t testing.TB) *Browser {
	t.Helper()
	exe := program()
	if exe == "" {
		absent(t, "chromium on PATH")
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(exe),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless,
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("disable-features", "Translate,OptimizationHints,MediaRouter"),
	)
	// The first context owns the browser: it takes no timeout.
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithErrorf(func(string, ...any) {}))
	if err := chromedp.Do(ctx); err != nil {
		cancel()
		stop()
		t.Fatalf("starting %s: %v", exe, err)
	}
	t.Cleanup(func() {
		// Cancel waits until the browser has gone, so that its profile can be
		// removed.
		ending, done := context.WithTimeout(ctx, limit)
		_ = chromedp.Cancel(ending)
		done()
		cancel()
		stop()
	})
	return &Browser{ctx: ctx}
}

// View is how somebody looks at a page. The zero View is an office screen with
// JavaScript, in Chinese.
type View struct {
	Width    int  // CSS pixels; 0 = Wide
	NoScript bool // JavaScript off
	Dark     bool // the system prefers dark colours
	Print    bool // as printed
	Language string
	Headers  map[string]string
}

// Page is one open tab.
type Page struct {
	t      testing.TB
	ctx    context.Context
	url    string
	mu     sync.Mutex
	errors []string
	status int64
}

// Open opens url in a new tab and waits until it is loaded.
func (b *Browser) Open(t testing.TB, url string, v View) *Page {
	t.Helper()
	if v.Width == 0 {
		v.Width = Wide
	}
	if v.Language == "" {
		v.Language = "zh-CN,zh"
	}
	ctx, cancel := chromedp.NewContext(b.ctx)
	t.Cleanup(cancel)
	p := &Page{t: t, ctx: ctx, url: url}
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	headers := network.Headers{"Accept-Language": v.Language}
	for k, h := range v.Headers {
		headers[k] = h
	}
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}}
	if v.Print {
		media.Media = "print"
	}
	p.Do(
		command(network.Enable, network.EnableParams{}),
		command(log.Enable, cdp.Empty{}),
		command(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: headers}),
		command(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: int64(v.Width), Height: 900, DeviceScaleFactor: 1, Mobile: v.Width < 600,
		}),
		command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: v.NoScript}),
		command(emulation.SetEmulatedMedia, media),
		chromedp.Navigate(url),
	)
	return p
}

func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func (p *Page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			var words []string
			for _, a := range e.Args {
				words = append(words, string(a.Value))
			}
			p.errors = append(p.errors, "console: "+strings.Join(words, " "))
		}
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		p.errors = append(p.errors, "exception: "+text)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			p.errors = append(p.errors, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeDocument && p.status == 0 {
			p.status = e.Response.Status
		}
	}
}

// Do does chromedp actions and fails the test if one fails.
func (p *Page) Do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, done := context.WithTimeout(p.ctx, limit)
	defer done()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("%s: %v", p.url, err)
	}
}

// Get does one chromedp action and returns its value; it fails the test if the
// action fails.
func Get[T any](p *Page, a chromedp.Action[T]) T {
	p.t.Helper()
	ctx, done := context.WithTimeout(p.ctx, limit)
	defer done()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		p.t.Fatalf("%s: %v", p.url, err)
	}
	return v
}

// Status is the status of the document that was opened.
func (p *Page) Status() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int(p.status)
}

// ConsoleErrors are the errors and warnings the page has caused so far: script
// errors, refused content, failed requests.
func (p *Page) ConsoleErrors() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.errors...)
}

// NoErrors fails the test if the page has caused any.
func (p *Page) NoErrors() {
	p.t.Helper()
	for _, e := range p.ConsoleErrors() {
		p.t.Errorf("%s: %s", p.url, e)
	}
}

// Text is the visible text of the first element that matches the CSS selector.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	return Get(p, chromedp.Text(chromedp.CSS(selector)))
}

// HTML is the document as it stands now.
func (p *Page) HTML() string {
	p.t.Helper()
	return Get(p, chromedp.OuterHTML(chromedp.CSS("html")))
}

// Eval evaluates an expression, or the promise it gives, in the page.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	return Get(p, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Screenshot writes the whole page as a PNG to the file.
func (p *Page) Screenshot(file string) {
	p.t.Helper()
	png := Get(p, chromedp.FullScreenshot(100))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// Look takes a screenshot into the folder that the environment names in
// SCREENSHOTS, for a person to look at; without it, nothing happens.
func (p *Page) Look(name string) {
	p.t.Helper()
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		p.Screenshot(filepath.Join(dir, name+".png"))
	}
}

// FitsWidth fails the test if the page has to be scrolled sideways.
func (p *Page) FitsWidth() {
	p.t.Helper()
	over := Eval[struct {
		Page, Window float64
		Widest       string
	}](p, `(() => {
		const w = document.documentElement.clientWidth;
		let widest = "", right = w;
		for (const e of document.body.querySelectorAll("*")) {
			const r = e.getBoundingClientRect();
			if (r.right > right + 1) { right = r.right; widest = e.tagName + "." + e.className; }
		}
		return {Page: document.documentElement.scrollWidth, Window: w, Widest: widest};
	})()`)
	if over.Page > over.Window {
		p.t.Errorf("%s: %v px wide in a window of %v: %s", p.url, over.Page, over.Window, over.Widest)
	}
}

// rulesOf is what a page must meet: WCAG 2.2 A and AA, and axe's best practices.
const rulesOf = `{runOnly: {type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}, resultTypes: ["violations"]}`

// Axe runs axe-core and fails the test for each rule that a node breaks.
func (p *Page) Axe() {
	p.t.Helper()
	script := axe(p.t)
	Eval[int](p, script+"\n;0")
	raw := Eval[string](p, `axe.run(document, `+rulesOf+`).then(r => JSON.stringify(r.violations.map(v => ({
		rule: v.id, impact: v.impact, help: v.help,
		nodes: v.nodes.map(n => n.target.join(" ") + ": " + (n.failureSummary || "").replace(/\s+/g, " "))}))))`)
	var found []struct {
		Rule, Impact, Help string
		Nodes              []string
	}
	if err := json.Unmarshal([]byte(raw), &found); err != nil {
		p.t.Fatalf("%s: reading axe's answer: %v", p.url, err)
	}
	for _, v := range found {
		for _, n := range v.Nodes {
			p.t.Errorf("%s: axe %s (%s): %s: %s", p.url, v.Rule, v.Impact, v.Help, n)
		}
	}
}

// Module is a file of a package that `npm ci` installs in this package's folder.
// Where it is missing the test is skipped, and fails when REQUIRE_REAL is set.
func Module(t testing.TB, parts ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
	file := filepath.Join(append([]string{dir, "shared", "browsertest", "node_modules"}, parts...)...)
	if _, err := os.Stat(file); os.IsNotExist(err) {
		absent(t, filepath.Join(parts...)+": run npm ci in shared/browsertest")
	} else if err != nil {
		t.Fatal(err)
	}
	return file
}

// axe reads axe-core.
func axe(t testing.TB) string {
	t.Helper()
	script, err := os.ReadFile(Module(t, "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

// UploadClients serves, from an origin of its own, a page that has loaded
// tus-js-client (as tus) and Uppy (as Uppy) as npm has them, and returns its
// address.
func UploadClients(t testing.TB) string {
	t.Helper()
	scripts := map[string]string{
		"/tus.js": Module(t, "tus-js-client", "dist", "tus.min.js"), "/uppy.js": Module(t, "uppy", "dist", "uppy.min.js"),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!DOCTYPE html><html lang="zh-CN"><title>clients</title><link rel="icon" href="data:,"><script src="/tus.js"></script><script src="/uppy.js"></script>`)
	})
	for path, file := range scripts {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/"
}
