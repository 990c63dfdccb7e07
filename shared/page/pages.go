package page

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
)

//go:embed html/*.html
var ownTemplates embed.FS

// Site is what a deployment is called and where it is seen.
type Site struct {
	// PublicURL is the gateway's address as people type it, without a slash at
	// the end. Links are built from it, never from what a client sent as Host.
	PublicURL string
	// City is the division code ("410700"); a city without a name in the
	// catalogue is shown as it is written here.
	City string
	// Demo marks every page as demonstration data.
	Demo bool
}

// Pages are the pages of one function.
type Pages struct {
	function string
	site     Site
	base     string // path of PublicURL
	files    fs.FS
	names    []string // page files, without .html
	partials []string // files starting with "_", parsed into every page
	assets   map[string]*asset
	byURL    map[string]*asset
	policies map[string]policy
	sets     sync.Map // variant → *set
}

// set holds the templates of one variant: those that all pages share, and the
// pages. Each is parsed when it is first drawn, so that a function is ready at once
// and holds no page that nobody asks for; Check parses all.
type set struct {
	once   sync.Once
	shared *template.Template
	err    error
	pages  sync.Map // name → *parsedPage
}

type parsedPage struct {
	once sync.Once
	t    *template.Template
	err  error
}

// drawn remembers the pages of each function of this process, so that the edge
// can draw an error page in the look of the function it stands before.
var drawn sync.Map // function name → *Pages

// New takes the *.html files of a function: each is a page named after its
// file, which defines "title" and "main" and may define "crumbs", "hero", "head",
// "account", "scripts"; a file whose name starts with "_" holds partials of all
// of them. *.js and *.css files beside them are served by Asset. A template that does
// not parse is found by Check, which a test calls for every function.
func New(function string, files fs.FS, site Site) *Pages {
	p := parsed(function, files, site)
	drawn.Store(function, p)
	return p
}

func parsed(function string, files fs.FS, site Site) *Pages {
	site.PublicURL = strings.TrimSuffix(site.PublicURL, "/")
	p := &Pages{function: function, site: site, files: files, policies: make(map[string]policy)}
	if u, err := url.Parse(site.PublicURL); err == nil {
		p.base = strings.TrimSuffix(u.EscapedPath(), "/")
	}
	if files != nil {
		found, err := fs.Glob(files, "*.html")
		if err != nil {
			panic(fmt.Errorf("page: %s: listing templates: %w", function, err))
		}
		sort.Strings(found)
		for _, f := range found {
			if strings.HasPrefix(f, "_") {
				p.partials = append(p.partials, f)
			} else {
				p.names = append(p.names, strings.TrimSuffix(f, ".html"))
			}
		}
	}
	p.assets, p.byURL = collectAssets(files)
	return p
}

// Allow widens the content policy of one page: "script-src 'self'" lets its
// scripts run, "frame-ancestors *" lets any site show it in a frame. A
// directive given here replaces the same one of the base policy. Call it right
// after New.
func (p *Pages) Allow(name string, directives ...string) {
	p.policies[name] = widen(directives)
}

// Check parses every page and tells what is wrong with the first that does not, or
// that calls for a template that is not there or can't be escaped: html/template
// finds that out when it first draws.
func (p *Pages) Check() error {
	for _, name := range append(p.Names(), problemName) {
		t, err := p.template(variant{lang: ZH}, name)
		if err != nil {
			return err
		}
		var wrong *template.Error
		// Without data it ends early, in another error, which tells nothing.
		if err := t.ExecuteTemplate(io.Discard, "layout", view{}); errors.As(err, &wrong) {
			return fmt.Errorf("page: %s: parsing %s: %w", p.function, name, err)
		}
	}
	return nil
}

// template is a page of a variant.
func (p *Pages) template(v variant, name string) (*template.Template, error) {
	if name != problemName && !slices.Contains(p.names, name) {
		return nil, fmt.Errorf("page: %s has no page %q", p.function, name)
	}
	kept, ok := p.sets.Load(v)
	if !ok {
		kept, _ = p.sets.LoadOrStore(v, &set{})
	}
	s := kept.(*set)
	s.once.Do(func() { s.shared, s.err = p.parseShared(v) })
	if s.err != nil {
		return nil, s.err
	}
	kept, ok = s.pages.Load(name)
	if !ok {
		kept, _ = s.pages.LoadOrStore(name, &parsedPage{})
	}
	one := kept.(*parsedPage)
	one.once.Do(func() { one.t, one.err = p.parse(s.shared, name) })
	return one.t, one.err
}

func (p *Pages) parseShared(v variant) (*template.Template, error) {
	shared := template.New("").Funcs(p.funcs(v))
	if _, err := shared.ParseFS(ownTemplates, "html/*.html"); err != nil {
		return nil, fmt.Errorf("page: parsing the layout: %w", err)
	}
	if len(p.partials) > 0 {
		if _, err := shared.ParseFS(p.files, p.partials...); err != nil {
			return nil, fmt.Errorf("page: %s: parsing partials: %w", p.function, err)
		}
	}
	return shared, nil
}

func (p *Pages) parse(shared *template.Template, name string) (*template.Template, error) {
	t, err := shared.Clone()
	switch {
	case err != nil:
	case name == problemName:
		t, err = t.Parse(problemPage)
	default:
		t, err = t.ParseFS(p.files, name+".html")
	}
	if err != nil {
		return nil, fmt.Errorf("page: %s: parsing %s: %w", p.function, name, err)
	}
	return t, nil
}

// view is what the layout sees; "main" and the other blocks see Data.
type view struct {
	Data      any
	City      string
	Demo      bool
	Large     bool
	Wrong     bool
	Refresh   bool
	Here      string // function this page belongs to
	Switches  bool   // the address can be asked for again in another language
	LangHref  string
	TextHref  string
	Reference string
}

// Show draws page name with data and writes it with the given status. Nothing
// is written when it returns an error. Unless the handler has set Cache-Control
// before, the answer is not stored by anybody.
func (p *Pages) Show(w http.ResponseWriter, r *http.Request, status int, name string, data any) error {
	return p.draw(w, r, status, name, "layout", data)
}

// Frame draws page name without header, navigation and footer, to be shown in a
// frame of any other website.
func (p *Pages) Frame(w http.ResponseWriter, r *http.Request, status int, name string, data any) error {
	return p.draw(w, r, status, name, "frame", data)
}

func (p *Pages) draw(w http.ResponseWriter, r *http.Request, status int, name, layout string, data any) error {
	v := variantOf(r)
	t, err := p.template(v, name)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	body.Grow(16 << 10)
	if err := t.ExecuteTemplate(&body, layout, p.view(r, v, data)); err != nil {
		return fmt.Errorf("page: %s: drawing %s: %w", p.function, name, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.lang.Tag())
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	if !v.asked {
		h.Add("Vary", "Accept-Language")
	}
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	secure(h, p.policies[name], layout == "frame")
	w.WriteHeader(status)
	_, err = w.Write(body.Bytes())
	return err
}

func (p *Pages) view(r *http.Request, v variant, data any) view {
	out := view{
		Data: data, City: p.cityName(v.lang), Demo: p.site.Demo, Large: v.large,
		Here: section(p.function), Reference: From(r.Context()).Reference,
	}
	if f, ok := data.(interface{ Errors() []Wrong }); ok {
		out.Wrong = len(f.Errors()) > 0
	}
	if f, ok := data.(interface{ Pending() bool }); ok {
		out.Refresh = f.Pending() && r.URL.Query().Get(refreshParam) == "1"
	}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		out.Switches = true
		out.LangHref = p.again(r, langParam, string(v.lang.Other()))
		to := textLarge
		if v.large {
			to = ""
		}
		out.TextHref = p.again(r, textParam, to)
	}
	return out
}

// refreshParam asks a page that waits for something to reload itself. It is
// never on by itself: a page that moves under a reader's eyes fails WCAG 2.2.1.
const refreshParam = "refresh"

// again is the address of this page with one choice changed.
func (p *Pages) again(r *http.Request, param, value string) string {
	q := r.URL.Query()
	q.Del(param)
	if value != "" {
		q.Set(param, value)
	}
	to := p.base + "/function/" + p.function + path.Clean("/"+r.URL.EscapedPath())
	if len(q) > 0 {
		to += "?" + q.Encode()
	}
	return to
}

func (p *Pages) cityName(lang Lang) string {
	if key := "page.city." + p.site.City; Has(key) {
		return Say(lang, key)
	}
	return p.site.City
}

// URL is the path of a page with the reader's language and text size carried
// on, for redirects: target is "/path" here or "function/path" elsewhere; parts
// are further path segments, escaped, or a url.Values with the query.
func (p *Pages) URL(r *http.Request, target string, parts ...any) string {
	v := variantOf(r)
	return build(p.base, p.function, target, &v, parts...)
}

// Absolute is the address of a page or call for use outside this site: from
// PublicURL, without the reader's choices.
func (p *Pages) Absolute(target string, parts ...any) string {
	return strings.TrimSuffix(p.site.PublicURL, p.base) + build(p.base, p.function, target, nil, parts...)
}

// Names lists the pages, for tests that look at each.
func (p *Pages) Names() []string { return append([]string(nil), p.names...) }
