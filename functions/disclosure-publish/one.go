package function

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// whole is a disclosure for machines.
type whole struct {
	listItem
	Content credit.Content `json:"content"`
	// Counts tells that it is dishonesty: final, and of a kind that counts.
	Counts    bool         `json:"counts"`
	OpenUntil workday.Date `json:"openUntil"`
	SourceURL string       `json:"sourceUrl,omitempty"`
	// Basis are the rules behind the days.
	Basis []workday.Basis `json:"basis"`
	AsOf  time.Time       `json:"asOf"`
	Next  *time.Time      `json:"nextChange"`
	Log   *credit.Log     `json:"log"`
}

// onePage is what the page of a disclosure shows.
type onePage struct {
	credit.Disclosure
	Facts []credit.Fact
	Notes []ruleset.Rule // the rules behind the days that must be labelled
	Log   *credit.Log
	Data  linked
	URL   string
}

// Area is the district's name.
func (p onePage) Area() string { return areaName(p.District) }

// linked is the page as data of schema.org.
type linked struct {
	Context   string       `json:"@context"`
	Type      string       `json:"@type"`
	ID        string       `json:"@id"`
	Name      string       `json:"name"`
	Language  string       `json:"inLanguage"`
	Published workday.Date `json:"datePublished"`
	Expires   string       `json:"expires,omitempty"`
	Publisher organization `json:"publisher"`
	About     organization `json:"about"`
	BasedOn   string       `json:"isBasedOn,omitempty"`
}

type organization struct {
	Type       string `json:"@type"`
	Name       string `json:"name"`
	Identifier string `json:"identifier,omitempty"`
}

func (d *desk) linked(x credit.Disclosure, r *http.Request) linked {
	l := linked{
		Context: "https://schema.org", Type: "WebPage", ID: d.address(x.ID), Language: fn.Lang(r).Tag(),
		Name: x.Name + " " + x.InstrumentNo, Published: x.DisplayFrom, BasedOn: x.SourceURL,
		Publisher: organization{"GovernmentOrganization", x.Authority, ""}, About: organization{"Organization", x.Name, x.Code},
	}
	if !x.DisplayUntil.IsZero() {
		l.Expires = x.DisplayUntil.String()
	}
	return l
}

// disclosure shows one record while it is displayed, and says that it is over
// after that.
func (d *desk) disclosure(w http.ResponseWriter, r *http.Request) error {
	now := d.env.Now()
	c, err := d.credit.Case(r.Context(), r.PathValue("id"), now)
	if err != nil {
		return err
	}
	if c.Fate != credit.Displayed {
		return d.ended(w, r, c)
	}
	h := w.Header()
	h.Set("Vary", "Accept")
	h.Set("Cache-Control", cached(c.Next, now))
	log := c.Profile.Log
	if c.Person {
		h.Set("X-Robots-Tag", "noindex")
		log = nil
	}
	if !fn.WantsHTML(r) {
		out := whole{
			listItem: d.item(c.Disclosure), Content: c.Content, Counts: c.Counts, OpenUntil: c.OpenUntil, SourceURL: c.SourceURL,
			Basis: []workday.Basis{}, AsOf: c.ChangedAt.UTC().Truncate(time.Second), Log: log,
		}
		for _, rule := range c.Applied {
			out.Basis = append(out.Basis, rule.Basis())
		}
		if !c.Next.IsZero() {
			next := c.Next.In(workday.CST)
			out.Next = &next
		}
		return d.sendJSON(w, r, out)
	}
	p := onePage{Disclosure: c.Disclosure, Facts: c.Content.Facts(), Log: log, Data: d.linked(c.Disclosure, r), URL: d.address(c.ID)}
	for _, rule := range c.Applied {
		if rule.Labelled() {
			p.Notes = append(p.Notes, rule)
		}
	}
	return d.drawn(w, r, func(w http.ResponseWriter) error { return d.pages.Show(w, r, http.StatusOK, "disclosure", p) })
}

// overPage says that a disclosure has ended, and why only if it was annulled.
type overPage struct{ Annulled, Reason string }

// reasonKey words a reason that has words; another is text.
const reasonKey = "disclosure.withdrawn."

// ended answers for a record that is not displayed. The answer for one whose
// display ended is the same to the byte whoever it was about and however it
// ended: it has no reference, no id and no time.
func (d *desk) ended(w http.ResponseWriter, r *http.Request, c credit.Case) error {
	if c.Fate == credit.Unseen {
		return fault.New(fault.NotFound, "disclosure-publish.unknown")
	}
	code, p := "disclosure-publish.over", overPage{}
	if c.Fate == credit.Annulled {
		code, p.Annulled, p.Reason = "disclosure-publish.annulled", "1", c.Reason
		if key := reasonKey + c.Reason; page.Has(key) {
			p.Reason = page.Say(fn.Lang(r), key)
		}
	}
	return d.gone(w, r, code, p)
}

// gone is the answer for what is public no more: nothing in it tells what it was.
func (d *desk) gone(w http.ResponseWriter, r *http.Request, code string, p overPage) error {
	h := w.Header()
	h.Set("Vary", "Accept")
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(chosen.N("cache.gone_seconds")))
	h.Set("X-Robots-Tag", "noindex")
	if fn.WantsHTML(r) {
		// The page offers itself in another language by its address, which is the list's here.
		list := r.Clone(r.Context())
		list.URL = &url.URL{Path: "/disclosures"}
		if lang := r.URL.Query().Get("lang"); lang != "" {
			list.URL.RawQuery = url.Values{"lang": {lang}}.Encode()
		}
		return d.pages.Show(w, list, http.StatusGone, "over", p)
	}
	h.Add("Vary", "Accept-Language")
	body, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Code   string `json:"code"`
		Reason string `json:"reason,omitempty"`
	}{"about:blank", page.Say(fn.Lang(r), code+".title"), http.StatusGone, page.Say(fn.Lang(r), code+".detail"), code, p.Reason})
	if err != nil {
		return fmt.Errorf("disclosure-publish: encoding: %w", err)
	}
	h.Set("Content-Type", "application/problem+json; charset=utf-8")
	w.WriteHeader(http.StatusGone)
	_, err = w.Write(append(body, '\n'))
	return err
}

// disclosureProof proves a displayed record in the public log: as a .tlog-proof,
// or as JSON with the opening. Nothing opens the commitment to a record that is
// not displayed.
func (d *desk) disclosureProof(w http.ResponseWriter, r *http.Request) error {
	now := d.env.Now()
	c, err := d.credit.Case(r.Context(), r.PathValue("id"), now)
	if err != nil {
		return err
	}
	if c.Fate != credit.Displayed {
		return d.ended(w, r, c)
	}
	if c.Person {
		return fault.New(fault.NotFound, "disclosure-publish.person_not_logged")
	}
	e, err := d.credit.Evidence(r.Context(), c.Profile, now)
	if err != nil {
		return err
	}
	if e == nil {
		return fault.New(fault.NotFound, "disclosure-publish.not_logged").After(time.Minute)
	}
	h := w.Header()
	h.Set("Vary", "Accept")
	h.Set("Cache-Control", cached(c.Next, now))
	if wantsJSON(r) {
		out, ok := e.Of(c.ID)
		if !ok {
			return fmt.Errorf("disclosure-publish: the proof of %s does not hold it", c.ID)
		}
		return d.sendJSON(w, r, out)
	}
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="ip-credit-%s.tlog-proof"`, c.ID))
	return send(w, r, text, h.Get("Cache-Control"), []byte(e.Proof))
}
