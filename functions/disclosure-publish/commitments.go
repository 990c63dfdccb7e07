package function

import (
	"net/http"
	"net/url"
	"strings"

	"ipcredit/shared/commitment"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/page"
	"ipcredit/shared/workday"
)

// commitmentRoutes are the public ledger of credit commitments (S7.6).
func (d *desk) commitmentRoutes(m *fn.Mux) {
	m.HandleOpen("GET /commitments", d.ledger)
	m.HandleOpen("GET /commitments/{no}", d.commitment)
}

// commitmentItem is an entry for machines.
type commitmentItem struct {
	commitment.Entry
	URL string `json:"url"`
}

func (d *desk) promised(e commitment.Entry) commitmentItem {
	return commitmentItem{e, d.pages.Absolute("/commitments", e.Number)}
}

// ledgerPage is what the list of commitments shows.
type ledgerPage struct {
	*page.Form
	List   []commitment.Entry
	Titles map[string]string // in the reader's language, by version of the text
	Kinds  []commitment.Kind
	States []commitment.State
	Areas  []ident.Area
	Query  url.Values // without the cursor
	Next   string
}

// Area is a district's name.
func (ledgerPage) Area(code string) string { return areaName(code) }

// textTitles are the titles of the texts in the reader's language.
func (d *desk) textTitles(r *http.Request) (map[string]string, error) {
	all, err := d.promises.Templates(r.Context())
	out := make(map[string]string, len(all))
	for _, t := range all {
		out[t.Ref()] = t.Title.ZH
		if fn.Lang(r) == page.EN {
			out[t.Ref()] = t.Title.EN
		}
	}
	return out, err
}

// ledgerAsked reads what the list is asked for. Only searches by name are counted:
// they read more than one list.
func (d *desk) ledgerAsked(r *http.Request) (commitment.Asked, error) {
	q := r.URL.Query()
	a := commitment.Asked{
		Subject: strings.TrimSpace(q.Get("subject")), Kind: commitment.Kind(q.Get("kind")), State: commitment.State(q.Get("state")),
		District: strings.TrimSpace(q.Get("district")), Cursor: q.Get("cursor"),
	}
	if err := a.Check(); err != nil || a.Subject == "" {
		return a, err
	}
	return a, d.paced(r, "commitments")
}

// ledger lists the commitments that are public now, the newest first; the filters
// stand in the address.
func (d *desk) ledger(w http.ResponseWriter, r *http.Request) error {
	now := d.env.Now()
	a, err := d.ledgerAsked(r)
	var found commitment.Ledger
	if err == nil {
		found, err = d.promises.Ledger(r.Context(), a, now)
	}
	html, f, err := d.listed(w, r, found.Until, err)
	if err != nil {
		return err
	}
	if !html {
		out := struct {
			Results []commitmentItem `json:"results"`
			Next    *string          `json:"next"`
		}{Results: make([]commitmentItem, 0, len(found.List)), Next: further(found.Next)}
		for _, e := range found.List {
			out.Results = append(out.Results, d.promised(e))
		}
		return d.sendJSON(w, r, out)
	}
	p := ledgerPage{Form: page.NewForm(r.URL.Query()), List: found.List, Kinds: commitment.Kinds, States: commitment.PublicStates, Areas: ident.Areas(now), Query: url.Values{}}
	if p.Titles, err = d.textTitles(r); err != nil {
		return err
	}
	status := http.StatusOK
	if f != nil {
		p.Form.Refuse(fn.Lang(r), f)
		status = fn.Status(f.Kind)
	}
	for _, name := range []string{"subject", "kind", "state", "district"} {
		if v := r.URL.Query().Get(name); v != "" {
			p.Query.Set(name, v)
		}
	}
	if found.Next != "" {
		q := url.Values{"cursor": {found.Next}}
		for name, v := range p.Query {
			q[name] = v
		}
		p.Next = d.pages.URL(r, "/commitments", q)
	}
	return d.drawn(w, r, func(w http.ResponseWriter) error { return d.pages.Show(w, r, status, "commitments", p) })
}

// commitmentPage is what the page of one commitment shows.
type commitmentPage struct {
	commitment.Full
	URL string
}

// Area is the district's name.
func (p commitmentPage) Area() string { return areaName(p.District) }

// Titled is the title in the reader's language.
func (p commitmentPage) Titled(lang page.Lang) string {
	if lang == page.EN {
		return p.Text.Title.EN
	}
	return p.Text.Title.ZH
}

// commitment shows one while it is public; after that, one answer that is the same
// whatever became of it.
func (d *desk) commitment(w http.ResponseWriter, r *http.Request) error {
	now := d.env.Now()
	e, err := d.promises.Entry(r.Context(), r.PathValue("no"), now)
	if fault.Is(err, fault.Gone) {
		return d.gone(w, r, "disclosure-publish.over", overPage{})
	}
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Vary", "Accept")
	// What is open may be taken down any day, and what is about a record ends with it.
	h.Set("Cache-Control", cached(workday.DateOf(now).End(), now))
	if !fn.WantsHTML(r) {
		return d.sendJSON(w, r, struct {
			commitment.Full
			URL string `json:"url"`
		}{e, d.pages.Absolute("/commitments", e.Number)})
	}
	p := commitmentPage{e, d.pages.Absolute("/commitments", e.Number)}
	return d.drawn(w, r, func(w http.ResponseWriter) error { return d.pages.Show(w, r, http.StatusOK, "commitment", p) })
}
