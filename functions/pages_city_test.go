package main

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"ipcredit/shared/page"
)

// readers are who looks at the pages of the demonstration city: somebody of each
// kind of organisation and each side of a matter; "" is the public.
var readers = []string{
	"", "hongqi.handler", "lead.approver", "lead.supervisor", "lead.publisher", "lead.custodian", "lead.system", "lead.security",
	"hongqi.suo", "science.handler", "science.inquirer", "association.trustee", "province.supervisor", "service.inquirer",
	"discipline.reviewer", "jia.agent", "xinghe.legal",
}

// stroll is one reader's way through the pages, each kind of page once.
type stroll struct {
	p    *program
	lang page.Lang
	seen map[string]bool
	todo []string
}

var (
	hrefs  = regexp.MustCompile(`<a [^>]*href="(/function/[^"#]*)`)
	number = regexp.MustCompile(`/[^/]*[0-9%][^/]*`)
	tags   = regexp.MustCompile(`(?s)<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>`)
	dotted = regexp.MustCompile(`[a-z][a-z-]+(?:\.[a-z0-9_-]+)+`)
	titles = regexp.MustCompile(`(?s)<title>(.*?)</title>`)
	idents = regexp.MustCompile(` id="([^"]*)"`)
	desks  = regexp.MustCompile(`(?s)<ul class="cards">.*?</ul>|<nav class="local.*?</nav>`)
	bars   = regexp.MustCompile(`(?s)<nav class="nav".*?</nav>`)
	// unset is what Go prints for what nobody filled in, or cannot print.
	unset = regexp.MustCompile(`0001-01-01|\b0001年|1 January 0001|%!|<nil>|ZgotmplZ|map\[|\[\]string|\bNaN\b`)
)

// add puts the pages that an answer links to on the way.
func (w *stroll) add(links [][]string) {
	for _, m := range links {
		link := html.UnescapeString(m[1])
		u, err := url.Parse(link)
		if err != nil {
			w.p.t.Errorf("link %q: %v", link, err)
			continue
		}
		kind := number.ReplaceAllString(u.Path, "/*")
		if q := u.Query(); q.Has("lang") || q.Get("text") != "" || w.seen[kind] || strings.Contains(u.Path, "/assets/") {
			continue
		}
		w.seen[kind] = true
		w.todo = append(w.todo, link)
	}
}

// all looks at every kind of page that can be reached by links.
func (w *stroll) all() {
	for len(w.todo) > 0 {
		path := w.todo[0]
		w.todo = w.todo[1:]
		a := w.ask(path)
		if strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			w.add(hrefs.FindAllStringSubmatch(a.body, -1))
			w.check(path, a)
		}
	}
}

func (w *stroll) ask(path string) answer {
	a := w.p.ask(http.MethodGet, path, map[string]string{"Accept": "text/html", "Accept-Language": w.lang.Tag()}, nil)
	for range 5 {
		to := a.header.Get("Location")
		if a.status < 300 || a.status >= 400 || to == "" {
			break
		}
		a = w.p.ask(http.MethodGet, strings.TrimPrefix(to, w.p.base), map[string]string{"Accept": "text/html", "Accept-Language": w.lang.Tag()}, nil)
	}
	return a
}

// check is what a machine can say of any page.
func (w *stroll) check(path string, a answer) {
	t := w.p.t
	t.Helper()
	says := func(format string, args ...any) { t.Helper(); t.Errorf(path+" ("+w.lang.Tag()+"): "+format, args...) }
	if a.status >= 500 {
		says("%d", a.status)
		return
	}
	for what, want := range map[string]int{"<h1": 1, "<main": 1, `<html lang="` + w.lang.Tag() + `"`: 1, `<a class="skip" href="#main">`: 1, `id="main"`: 1} {
		if got := strings.Count(a.body, what); got != want {
			says("%d of %s", got, what)
		}
	}
	site := page.Say(w.lang, "page.site", page.Say(w.lang, "page.city.410700"))
	if m := titles.FindStringSubmatch(a.body); m == nil || len(strings.TrimSpace(strings.TrimSuffix(html.UnescapeString(m[1]), " - "+site))) < 4 || !strings.HasSuffix(html.UnescapeString(m[1]), " - "+site) {
		says("title %q", m)
	}
	if current := strings.Count(bars.FindString(a.body), "aria-current"); current != 1 && !strings.Contains(path, "/evidence-upload/") {
		says("the navigation marks %d places", current)
	}
	if !strings.Contains(a.body, page.Say(w.lang, "page.demo")) {
		says("is not marked as demonstration")
	}
	ids := map[string]bool{}
	for _, m := range idents.FindAllStringSubmatch(a.body, -1) {
		if ids[m[1]] {
			says("id %s twice", m[1])
		}
		ids[m[1]] = true
	}
	if m := unset.FindString(a.body); m != "" {
		says("shows %q", m)
	}
	text := html.UnescapeString(tags.ReplaceAllString(a.body, "\n"))
	if m := unset.FindString(text); m != "" {
		says("shows %q", m)
	}
	for _, key := range dotted.FindAllString(text, -1) {
		if page.Has(key) {
			says("shows the key %s instead of its words", key)
		}
	}
	for _, desk := range desks.FindAllString(a.body, -1) {
		for _, m := range hrefs.FindAllStringSubmatch(desk, -1) {
			link := html.UnescapeString(m[1])
			if to := "desk " + link; !w.seen[to] {
				w.seen[to] = true
				if got := w.ask(link).status; got != http.StatusOK {
					says("leads to %s: %d", link, got)
				}
			}
		}
	}
}

// lookAtPages walks through the city as each reader, in both languages.
func lookAtPages(t *testing.T, p *program, demo demoFile) {
	whole := p.t
	p.t = t
	defer func() { p.t = whole }()
	for _, who := range readers {
		if who != "" {
			i := slices.IndexFunc(demo.Staff, func(s demoLogin) bool { return s.User == who })
			if i < 0 {
				t.Errorf("nobody is called %s", who)
				continue
			}
			enter(t, p, demo.Staff[i])
		}
		for _, lang := range []page.Lang{page.ZH, page.EN} {
			w := &stroll{p: p, lang: lang, seen: map[string]bool{}}
			start := [][]string{{"", "/function/staff-session/"}}
			if who == "" {
				start = [][]string{{"", "/function/portal/"}, {"", "/function/credit-repair/estimate"}, {"", "/function/credit-repair/object"}, {"", "/function/evidence-upload/forms"}}
			}
			w.add(start)
			w.all()
			if looked := len(w.seen); looked < 20 {
				t.Errorf("%q came to %d pages", who, looked)
			}
		}
		if who != "" {
			p.post("/function/staff-session/sign-out", nil)
		}
	}
}

// enter signs in over the form.
func enter(t *testing.T, p *program, s demoLogin) {
	t.Helper()
	code, err := totp.GenerateCode(s.TOTPSecret, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if a := p.post("/function/staff-session/sign-in", url.Values{"username": {s.User}, "password": {s.Password}, "code": {code}}); a.status != http.StatusSeeOther {
		t.Fatalf("%s: %d %s", s.User, a.status, a.body)
	}
}
