package function

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/pace"
	"ipcredit/shared/page"
	"ipcredit/shared/workday"
)

const jsonKind = "application/json; charset=utf-8"

// publicRoutes are what anybody may read and copy.
func (d *desk) publicRoutes(m *fn.Mux) {
	m.HandleOpen("GET /disclosures", d.disclosures)
	m.HandleOpen("GET /disclosures/{id}", d.disclosure)
	m.HandleOpen("GET /disclosures/{id}/proof", d.disclosureProof)
	m.HandleOpen("GET /agencies", d.agencies)
	m.HandleOpen("GET /feed.atom", d.atom)
	m.HandleOpen("GET /feed.json", d.jsonFeed)
	m.HandleOpen("GET /removed.json", d.removed)
	m.HandleOpen("GET /sitemap.xml", d.sitemap)
	m.HandleOpen("GET /robots.txt", d.robots)
}

// listItem is a disclosure in a list for machines.
type listItem struct {
	credit.Shown
	Code     string `json:"code,omitempty"`
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	District string `json:"district,omitempty"`
	URL      string `json:"url"`
}

func (d *desk) item(x credit.Disclosure) listItem {
	return listItem{x.Shown, x.Code, x.Name, x.SubjectKind, x.District, d.address(x.ID)}
}

func (d *desk) address(id string) string { return d.pages.Absolute("/disclosures", id) }

// asked reads what a list is asked for.
func (d *desk) asked(r *http.Request) (credit.Asked, error) {
	q := r.URL.Query()
	a := credit.Asked{Text: strings.TrimSpace(q.Get("q")), Act: strings.TrimSpace(q.Get("act")), Cursor: q.Get("cursor")}
	if n := chosen.N("search.runes"); utf8.RuneCountInString(a.Text) > n {
		return a, fault.New(fault.Invalid, "disclosure-publish.long", n).With("q", "disclosure-publish.long", n)
	}
	law, err := d.credit.Law(r.Context())
	if err != nil {
		return a, err
	}
	if a.Act != "" && !slices.Contains(law.Listable(), a.Act) {
		return a, fault.New(fault.Invalid, "disclosure-publish.act").With("act", "disclosure-publish.act")
	}
	if district := strings.TrimSpace(q.Get("district")); district != "" {
		area, err := ident.ParseArea(district)
		if f, ok := fault.Of(err); ok {
			return a, f.With("district", f.Code, f.Args...)
		}
		a.District = area.Code
	}
	if a.Text == "" {
		return a, nil
	}
	return a, d.paced(r, "disclosures")
}

// paced lets through so many searches of one network a minute.
func (d *desk) paced(r *http.Request, what string) error {
	now := d.env.Now()
	limit := pace.Limit{PerMinute: chosen.N("search.per_minute"), Burst: chosen.N("search.burst")}
	wait, err := pace.Take(r.Context(), d.env.Journal, what+":"+d.network(r, now), limit, 1, now)
	if err == nil && wait > 0 {
		err = fault.New(fault.TooMany, "disclosure-publish.rate").After(wait)
	}
	return err
}

// network names the caller's network for one day, so that it cannot be found out
// from what Redis holds.
func (d *desk) network(r *http.Request, now time.Time) string {
	mac := hmac.New(sha256.New, d.tag)
	fmt.Fprintf(mac, "network %s %s", workday.DateOf(now), fn.Network(r))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:12])
}

// listPage is what the list of disclosures shows.
type listPage struct {
	*page.Form
	List         []credit.Disclosure
	Acts         []string
	Areas        []ident.Area
	Query        url.Values // without the cursor
	Filtered     bool
	Next         string
	Title, About string // catalogue keys
	Here         string // path of the list
	Feed         string
}

// Area is a district's name, or its code where it lies outside the city.
func (listPage) Area(code string) string { return areaName(code) }

func areaName(code string) string {
	if a, ok := ident.AreaOf(code); ok {
		return a.Name
	}
	return code
}

// disclosures lists what is displayed now, the newest first.
func (d *desk) disclosures(w http.ResponseWriter, r *http.Request) error {
	p := listPage{Title: "disclosure-publish.list.title", About: "disclosure-publish.list.about", Here: "/disclosures", Form: page.NewForm(r.URL.Query())}
	a, err := d.asked(r)
	return d.show(w, r, a, err, p)
}

// further is a cursor as lists give it: null on the last page.
func further(cursor string) *string {
	if cursor == "" {
		return nil
	}
	return &cursor
}

// agencies lists dishonesty of patent agencies and agents (S6.13).
func (d *desk) agencies(w http.ResponseWriter, r *http.Request) error {
	p := listPage{Title: "disclosure-publish.agencies.title", About: "disclosure-publish.agencies.about", Here: "/agencies", Form: page.NewForm(nil)}
	return d.show(w, r, credit.Asked{Agencies: true, Cursor: r.URL.Query().Get("cursor")}, nil, p)
}

func (d *desk) show(w http.ResponseWriter, r *http.Request, a credit.Asked, err error, p listPage) error {
	now := d.env.Now()
	var found credit.Disclosures
	if err == nil {
		found, err = d.credit.Disclosures(r.Context(), a, now)
	}
	html, f, err := d.listed(w, r, found.Until, err)
	if err != nil {
		return err
	}
	if !html {
		out := struct {
			Results []listItem `json:"results"`
			Next    *string    `json:"next"`
		}{Results: make([]listItem, 0, len(found.List)), Next: further(found.Next)}
		for _, x := range found.List {
			out.Results = append(out.Results, d.item(x))
		}
		return d.sendJSON(w, r, out)
	}
	status := http.StatusOK
	if f != nil {
		p.Form.Refuse(fn.Lang(r), f)
		status = fn.Status(f.Kind)
	}
	p.List, p.Next = found.List, found.Next
	law, err := d.credit.Law(r.Context())
	if err != nil {
		return err
	}
	p.Acts, p.Areas = law.Listable(), ident.Areas(now)
	p.Query = url.Values{}
	for _, name := range []string{"q", "act", "district"} {
		if v := r.URL.Query().Get(name); v != "" && p.Here == "/disclosures" {
			p.Query.Set(name, v)
			p.Filtered = true
		}
	}
	p.Feed = d.pages.Absolute("/feed.atom")
	return d.drawn(w, r, func(w http.ResponseWriter) error { return d.pages.Show(w, r, status, "disclosures", p) })
}

// listed sets the headers of a list that holds until the instant. What was wrong in
// the question is for the page to say, where a page was asked for.
func (d *desk) listed(w http.ResponseWriter, r *http.Request, until time.Time, err error) (html bool, wrong *fault.Error, rest error) {
	html = fn.WantsHTML(r)
	h := w.Header()
	h.Set("Vary", "Accept")
	f, refused := fault.Of(err)
	switch {
	case refused && html && f.Kind == fault.Invalid:
		h.Set("Cache-Control", "no-store")
		return html, f, nil
	case err != nil:
		return html, nil, err
	}
	h.Set("Cache-Control", cached(until, d.env.Now()))
	return html, nil, nil
}

// sendJSON answers with v against its hash; the headers are those of w.
func (d *desk) sendJSON(w http.ResponseWriter, r *http.Request, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("disclosure-publish: encoding: %w", err)
	}
	return send(w, r, jsonKind, w.Header().Get("Cache-Control"), append(body, '\n'))
}

// held holds a drawn page back until its hash is known.
type held struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (h *held) WriteHeader(status int)      { h.status = status }
func (h *held) Write(p []byte) (int, error) { return h.body.Write(p) }

// drawn sends what draw drew, against its hash if it is a page to keep.
func (d *desk) drawn(w http.ResponseWriter, r *http.Request, draw func(http.ResponseWriter) error) error {
	p := &held{ResponseWriter: w, status: http.StatusOK}
	if err := draw(p); err != nil {
		return err
	}
	h := w.Header()
	h.Del("Content-Length")
	if p.status == http.StatusOK {
		return send(w, r, h.Get("Content-Type"), h.Get("Cache-Control"), p.body.Bytes())
	}
	w.WriteHeader(p.status)
	_, err := w.Write(p.body.Bytes())
	return err
}
