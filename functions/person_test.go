package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/page"
)

// The addresses of the functions that take part.
const (
	intakePath   = "/function/report-intake"
	evidencePath = "/function/evidence-upload"
	casePath     = "/function/case-handling"
	staffPath    = "/function/staff-session"
	lookupPath   = "/function/credit-lookup"
)

// reportedCode and reportedName are of the demonstration's register.
const (
	reportedCode = "91410702MA00AAC13T"
	reportedName = "新乡市演示丙食品有限公司"
)

var (
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([A-Za-z.]+)" value="([^"]*)">`)
	tagsOfPage  = regexp.MustCompile(`<[^>]*>`)
)

// zh is a word of the catalogue.
func zh(key string, args ...any) string { return page.Say(page.ZH, key, args...) }

func shaOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// snapshot is n bytes that begin as a photograph and that nobody can guess.
func snapshot(n int, seed byte) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // never fails
	copy(b, "\xff\xd8\xff\xe0")
	return b
}

// solve answers the plain question that is asked under pressure.
func solve(t testing.TB, question string) string {
	t.Helper()
	numbers := map[string]int{}
	for n := 2; n <= 18; n++ {
		numbers[zh("report-intake.numeral."+strconv.Itoa(n))] = n
	}
	for form := range 4 {
		for a := range numbers {
			for b := range numbers {
				if zh("report-intake.question."+strconv.Itoa(form), a, b) != question {
					continue
				}
				x, y := numbers[a], numbers[b]
				switch form {
				case 2:
					return strconv.Itoa(max(x, y))
				case 3:
					return strconv.Itoa(x + 1)
				}
				return strconv.Itoa(x + y)
			}
		}
	}
	t.Fatalf("no answer to %q", question)
	return ""
}

// person is a browser in which a person walks through the city's pages.
type person struct {
	*browsertest.Page
	t         *testing.T
	base      string
	downloads string
}

// visit opens a page in a tab and forgets whoever used the browser before.
func visit(t *testing.T, b *browsertest.Browser, r *resident, path string, v browsertest.View) *person {
	t.Helper()
	p := &person{Page: b.Open(t, r.base+intakePath+"/privacy", v), t: t, base: r.base, downloads: t.TempDir()}
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
			Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: p.downloads,
		})
		return err
	}))
	p.to(path)
	return p
}

func (p *person) to(path string) {
	p.t.Helper()
	p.Do(chromedp.Navigate(p.base+path), chromedp.WaitReady(chromedp.CSS("h1")))
}

func (p *person) types(pairs ...string) {
	p.t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		p.Do(chromedp.SendKeys(chromedp.CSS(pairs[i]), pairs[i+1]))
	}
}

// presses presses a button and waits for the page after it.
func (p *person) presses(button, until string) {
	p.t.Helper()
	p.Do(chromedp.Click(chromedp.CSS(button)), chromedp.WaitReady(chromedp.CSS(until)))
}

func (p *person) chooses(files ...string) {
	p.t.Helper()
	p.Do(chromedp.SetUploadFiles(chromedp.CSS("#f-file"), files))
}

// saves presses what makes the browser save a file, and returns it.
func (p *person) saves(button string) (path string, data []byte) {
	p.t.Helper()
	before := p.saved()
	p.Do(chromedp.Click(chromedp.CSS(button)))
	eventually(p.t, "the file is saved", func() bool {
		for name := range p.saved() {
			if before[name] || strings.HasSuffix(name, ".crdownload") || strings.HasPrefix(name, ".") {
				continue
			}
			path = filepath.Join(p.downloads, name)
			var err error
			if data, err = os.ReadFile(path); err != nil {
				p.t.Fatal(err)
			}
			return len(data) > 0
		}
		return false
	})
	return path, data
}

func (p *person) saved() map[string]bool {
	p.t.Helper()
	list, err := os.ReadDir(p.downloads)
	if err != nil {
		p.t.Fatal(err)
	}
	names := map[string]bool{}
	for _, e := range list {
		names[e.Name()] = true
	}
	return names
}

func (r *resident) login(user string) demoLogin {
	r.t.Helper()
	for _, s := range r.demo().Staff {
		if s.User == user {
			return s
		}
	}
	r.t.Fatalf("nobody is called %s", user)
	return demoLogin{}
}

// signIn signs an officer in over the page, with password and second factor.
func (p *person) signIn(s demoLogin) {
	p.t.Helper()
	p.to(staffPath + "/sign-in")
	code, err := totp.GenerateCode(s.TOTPSecret, time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	p.types("#f-username", s.User, "#f-password", s.Password, "#f-code", code)
	p.presses("main .btn", "nav.local")
}

// enters is signIn without a browser.
func (p *program) enters(s demoLogin) {
	p.t.Helper()
	code, err := totp.GenerateCode(s.TOTPSecret, time.Now())
	if err != nil {
		p.t.Fatal(err)
	}
	a := p.post(staffPath+"/sign-in", url.Values{"username": {s.User}, "password": {s.Password}, "code": {code}})
	if a.status != http.StatusSeeOther {
		p.t.Fatalf("sign-in of %s: %d %s", s.User, a.status, a.body)
	}
}

// follows sends a form that is accepted, and goes where the answer leads.
func (p *program) follows(path string, form url.Values) answer {
	p.t.Helper()
	a := p.post(path, form)
	switch a.status {
	case http.StatusOK:
		return a
	case http.StatusSeeOther:
		return p.page(a.header.Get("Location"))
	}
	p.t.Fatalf("POST %s: %d %s", path, a.status, textOf(a.body))
	return a
}

// does fills in the form of an officer's act and sends it.
func (p *program) does(number, act string, pairs ...string) answer {
	p.t.Helper()
	path := casePath + "/tip-offs/" + number + "/" + act
	form := hiddenFields(p.t, p.page(path), "/"+act)
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return p.follows(path, form)
}

// opens opens a tip-off and has its evidence checked; it returns its page.
func (p *program) opens(number string) answer {
	p.t.Helper()
	path := casePath + "/tip-offs/" + number
	a := p.follows(path+"/open", nil)
	// One press checks for some seconds.
	for strings.Contains(a.body, `/evidence/check"`) {
		a = p.follows(path+"/evidence/check", nil)
	}
	return a
}

var fileLink = regexp.MustCompile(`href="(/function/case-handling/tip-offs/\d+/evidence/[^"/]+/\d+)">([^<]*)<`)

// originals downloads every original by ranges, as the officer's page does, by the
// names they were sent under.
func (p *program) originals(tip answer) map[string][]byte {
	p.t.Helper()
	out := map[string][]byte{}
	for _, m := range fileLink.FindAllStringSubmatch(tip.body, -1) {
		name := html.UnescapeString(m[2])
		if _, twice := out[name]; twice {
			p.t.Errorf("two files are called %s", name)
		}
		data := []byte{}
		for total := -1; total < 0 || len(data) < total; {
			a := p.ask(http.MethodGet, m[1]+"/original", map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", len(data), len(data)+8<<20-1)}, nil)
			if a.status != http.StatusPartialContent || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") || len(a.body) == 0 {
				p.t.Fatalf("%s: %d %v", name, a.status, a.header)
			}
			data = append(data, a.body...)
			if _, err := fmt.Sscanf(a.header.Get("Content-Range")[strings.LastIndexByte(a.header.Get("Content-Range"), '/'):], "/%d", &total); err != nil {
				p.t.Fatal(err)
			}
		}
		out[name] = data
	}
	return out
}

// textOf is what a page says, for the message of a failed test.
func textOf(body string) string {
	if _, main, found := strings.Cut(body, "<main"); found {
		body = main
	}
	return strings.Join(strings.Fields(tagsOfPage.ReplaceAllString(body, " ")), " ")
}

// sent is what a program that lodged a tip-off was answered.
type sent struct {
	ReportNo, Receipt, ReceiptProof, EvidenceEndpoint, Due string
}

// lodges sends a tip-off as a program does; key may be empty.
func (p *program) lodges(key string, tip any, header ...string) answer {
	p.t.Helper()
	body, err := json.Marshal(tip)
	if err != nil {
		p.t.Fatal(err)
	}
	h := map[string]string{"Content-Type": "application/json", "Accept": "application/json"}
	if key != "" {
		h["Idempotency-Key"] = key
	}
	for i := 0; i+1 < len(header); i += 2 {
		h[header[i]] = header[i+1]
	}
	return p.ask(http.MethodPost, intakePath+"/reports", h, bytes.NewReader(body))
}

// tipAbout is a tip-off with more members, in pairs.
func tipAbout(name, code string, more ...any) map[string]any {
	party := map[string]string{"name": name}
	if code != "" {
		party["code"] = code
	}
	tip := map[string]any{
		"kind": "counterfeit", "parties": []any{party}, "narrative": "仓库里有三百箱贴牌商品，演示用举报，并无其事。",
		"anonymous": true, "language": "zh",
	}
	for i := 0; i+1 < len(more); i += 2 {
		tip[more[i].(string)] = more[i+1]
	}
	return tip
}

// track asks about a tip-off as a program does.
func (p *program) track(number, receipt string) answer {
	p.t.Helper()
	body, err := json.Marshal(map[string]string{"reportNo": number, "receipt": receipt})
	if err != nil {
		p.t.Fatal(err)
	}
	return p.ask(http.MethodPost, intakePath+"/track", map[string]string{"Content-Type": "application/json", "Accept": "application/json"}, bytes.NewReader(body))
}

// tracked is part of what the reporter is told.
type tracked struct {
	ReportNo string
	Status   struct{ Word string }
	Lodged   struct{ Narrative string }
	Thread   []struct{ By, Kind, Text string }
	ErasedOn string

	ReceiptProof, InclusionProof string
}

func saveFile(t testing.TB, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func mustURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func cookiesOf(p *person, base string) []*http.Cookie {
	p.t.Helper()
	var out []*http.Cookie
	p.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		got, err := cdp.Call(ctx, t, network.GetCookies, network.GetCookiesParams{URLs: []string{base + "/"}})
		if err != nil {
			return err
		}
		for _, x := range got.Cookies {
			if !x.Secure {
				out = append(out, &http.Cookie{Name: x.Name, Value: x.Value, Path: x.Path})
			}
		}
		return nil
	}))
	return out
}

func browserPath(p *person) string {
	p.t.Helper()
	u := mustURL(p.t, browsertest.Get(p.Page, chromedp.Location()))
	return u.RequestURI()
}

// await waits for a channel to be closed.
func await(t testing.TB, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("it never came that %s", what)
	}
}

// each does it n times, at most so many at the same time.
func each(n, atOnce int, do func(i int)) {
	var all sync.WaitGroup
	room := make(chan struct{}, atOnce)
	for i := range n {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			do(i)
		})
	}
	all.Wait()
}

// NoErrorsBut fails the test if the page has caused any errors but those that hold
// one of the texts.
func (p *person) NoErrorsBut(texts ...string) {
	p.t.Helper()
	for _, e := range p.ConsoleErrors() {
		if !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(e, text) }) {
			p.t.Error(e)
		}
	}
}
