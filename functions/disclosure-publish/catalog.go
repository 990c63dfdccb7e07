package function

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"ipcredit/shared/catalog"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/workday"
)

// catalogRoutes are the catalogue and the list of measures: for everybody to read,
// and for officers to change.
func (d *desk) catalogRoutes(m *fn.Mux) {
	m.HandleOpen("GET /catalog", d.catalogItems)
	m.HandleOpen("GET /catalog/items/{act}", d.catalogItem)
	m.HandleOpen("GET /catalog/measures", d.measures)
	m.HandleOpen("GET /catalog/measures/{id}", d.measure)
	m.Handle("GET /catalog/desk", d.signed(d.catalogDesk))
	m.Handle("GET /catalog/propose", d.signed(d.catalogForm))
	m.Handle("POST /catalog/proposals", d.signed(d.catalogPropose))
	m.Handle("GET /catalog/proposals/{id}", d.signed(d.catalogProposal))
	m.Handle("POST /catalog/proposals/{id}/{action}", d.signed(d.catalogDecide))
}

// filter is what a list is asked for: the day, and words that an entry must have.
type filter struct {
	*page.Form
	On    workday.Date
	query url.Values
}

// filtered reads the day and checks that each word of the address is one of those
// that its name allows.
func (d *desk) filtered(r *http.Request, allowed map[string][]string) (filter, *fault.Error) {
	f := filter{Form: page.NewForm(r.URL.Query()), On: workday.DateOf(d.env.Now()), query: r.URL.Query()}
	bad := fault.New(fault.Invalid, "catalog.filter")
	if s := strings.TrimSpace(f.query.Get("on")); s != "" {
		on, err := workday.ParseDate(s)
		if e, ok := fault.Of(err); ok {
			bad = bad.With("on", e.Code, e.Args...)
		} else {
			f.On = on
		}
	}
	for name, words := range allowed {
		if v := f.query.Get(name); v != "" && !slices.Contains(words, v) {
			bad = bad.With(name, "catalog.filter")
		}
	}
	if len(bad.Fields) > 0 {
		return f, bad
	}
	return f, nil
}

// wants tells whether an entry with these words is asked for.
func (f filter) wants(name string, words ...string) bool {
	v := f.query.Get(name)
	return v == "" || slices.Contains(words, v)
}

// list answers with a list, or with what is wrong with the question.
func (d *desk) list(w http.ResponseWriter, r *http.Request, bad *fault.Error, f filter, name string, results, view any) error {
	h := w.Header()
	h.Set("Vary", "Accept")
	now := d.env.Now()
	// What is in force changes at midnight, and when somebody approves.
	h.Set("Cache-Control", cached(workday.DateOf(now).End(), now))
	if !fn.WantsHTML(r) {
		if bad != nil {
			return bad
		}
		return d.sendJSON(w, r, struct {
			On      workday.Date `json:"on"`
			Results any          `json:"results"`
			Next    *string      `json:"next"`
		}{On: f.On, Results: results})
	}
	status := http.StatusOK
	if bad != nil {
		f.Form.Refuse(fn.Lang(r), bad)
		status = fn.Status(bad.Kind)
		h.Set("Cache-Control", "no-store")
	}
	return d.drawn(w, r, func(w http.ResponseWriter) error { return d.pages.Show(w, r, status, name, view) })
}

// option is a choice of a form: the word that is sent and the one that is read.
type option struct{ Value, Text, Hint string }

func options[T ~string](lang page.Lang, prefix string, words []T) []option {
	var out []option
	for _, w := range words {
		out = append(out, option{Value: string(w), Text: page.Say(lang, prefix+string(w))})
	}
	return out
}

func strs[T ~string](words []T) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}

// itemLine is an item for whoever may know of it.
type itemLine struct {
	catalog.Item
	Ref string `json:"ref"`
	URL string `json:"url"`
}

func (d *desk) itemLine(i catalog.Item) itemLine {
	return itemLine{i, i.Ref(), d.pages.Absolute("/catalog/items", i.Act)}
}

// known tells whether strangers may know of an item. What is internal is not for
// them, nor that it is.
func known(i catalog.Item) bool { return i.Channel != catalog.Internal }

type itemsPage struct {
	filter
	Items                    []itemLine
	Kinds, Sources, Channels []option
}

// catalogItems lists the items of the catalogue in force on a day.
func (d *desk) catalogItems(w http.ResponseWriter, r *http.Request) error {
	lang := fn.Lang(r)
	f, bad := d.filtered(r, map[string][]string{"kind": strs(catalog.Kinds), "source": strs(catalog.Sources), "channel": strs(catalog.Channels)})
	c, err := d.catalog.Current(r.Context())
	if err != nil {
		return err
	}
	p := itemsPage{
		filter: f, Kinds: options(lang, "credit-lookup.record.", catalog.Kinds), Sources: options(lang, "catalog.source.", catalog.Sources),
		Channels: options(lang, "catalog.channel.", catalog.Channels[:2]), Items: []itemLine{},
	}
	for _, i := range c.Items("") {
		if bad == nil && known(i) && i.InForce(f.On) && f.wants("kind", strs(i.Kinds)...) && f.wants("source", strs(i.Sources)...) && f.wants("channel", string(i.Channel)) {
			p.Items = append(p.Items, d.itemLine(i))
		}
	}
	return d.list(w, r, bad, f, "catalog", p.Items, p)
}

// catalogItem is one item with its history.
func (d *desk) catalogItem(w http.ResponseWriter, r *http.Request) error {
	f, bad := d.filtered(r, nil)
	c, err := d.catalog.Current(r.Context())
	if err != nil {
		return err
	}
	p := struct {
		filter
		Act      string
		Items    []itemLine
		Measures []catalog.Applied
	}{filter: f, Act: r.PathValue("act"), Items: []itemLine{}}
	for _, i := range slices.Backward(c.Items(p.Act)) {
		if known(i) {
			p.Items = append(p.Items, d.itemLine(i))
		}
	}
	if len(p.Items) == 0 {
		return fault.New(fault.NotFound, "catalog.none")
	}
	for _, m := range c.Measures("") {
		if m.InForce(f.On) && !m.Incentive && m.Of(p.Act) {
			p.Measures = append(p.Measures, catalog.Applied{Measure: m})
		}
	}
	return d.list(w, r, bad, f, "catalog-item", p.Items, p)
}
