package function

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/feeds"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/workday"
)

// wantsJSON tells whether the caller names JSON: everybody else gets the form
// that the address is known for.
func wantsJSON(r *http.Request) bool {
	return strings.Contains(strings.ToLower(r.Header.Get("Accept")), "application/json")
}

// newest reads at most n disclosures about organisations, the newest first.
// Natural persons are in no list that is made to be copied.
func (d *desk) newest(r *http.Request, a credit.Asked, n int, now time.Time) (list []credit.Disclosure, until time.Time, err error) {
	a.Limit = min(n, 100)
	for {
		found, err := d.credit.Disclosures(r.Context(), a, now)
		if err != nil {
			return nil, until, err
		}
		until = found.Until
		for _, x := range found.List {
			if !x.Person && len(list) < n {
				list = append(list, x)
			}
			if !x.Next.IsZero() && x.Next.Before(until) {
				until = x.Next
			}
		}
		if a.Cursor = found.Next; a.Cursor == "" || len(list) >= n {
			return list, until, nil
		}
	}
}

// feed is what both feeds hold: only what is displayed now. What a reader kept
// and does not find in removed.json any more is still displayed.
func (d *desk) feed(r *http.Request) (*feeds.Feed, time.Time, error) {
	a, err := d.asked(r)
	if err != nil {
		return nil, time.Time{}, err
	}
	a.Text, a.Cursor = "", ""
	now, lang := d.env.Now(), fn.Lang(r)
	list, until, err := d.newest(r, a, chosen.N("feed.entries"), now)
	if err != nil {
		return nil, until, err
	}
	home := d.pages.Absolute("/disclosures") + narrowed(r)
	f := &feeds.Feed{
		Title: page.Say(lang, "disclosure-publish.feed.title"), Description: page.Say(lang, "disclosure-publish.feed.about"),
		Id: home, Link: &feeds.Link{Href: home}, Author: &feeds.Author{Name: page.Say(lang, "page.foot.authority")},
	}
	for _, x := range list {
		act := page.Say(lang, "credit.act."+x.Act)
		changed := x.DisplayFrom.Start()
		if x.ChangedAt.After(changed) {
			changed = x.ChangedAt
		}
		if changed.After(f.Updated) {
			f.Updated = changed.UTC().Truncate(time.Second)
		}
		until := page.Say(lang, "disclosure-publish.feed.endless")
		if !x.DisplayUntil.IsZero() {
			until = x.DisplayUntil.String()
		}
		disputed := ""
		if x.Status == credit.Disputed {
			disputed = page.Say(lang, "disclosure-publish.feed.disputed")
		}
		f.Items = append(f.Items, &feeds.Item{
			Id: d.address(x.ID), Link: &feeds.Link{Href: d.address(x.ID), Rel: "alternate", Type: "text/html"},
			Title:       page.Say(lang, "disclosure-publish.feed.item", x.Name, act) + disputed,
			Description: page.Say(lang, "disclosure-publish.feed.text", x.Name, x.Code, act, x.InstrumentNo, x.Authority, x.DeterminedOn.String(), x.DisplayFrom.String(), until),
			Created:     x.DisplayFrom.Start(), Updated: changed.UTC().Truncate(time.Second),
		})
	}
	if f.Updated.IsZero() {
		f.Updated = workday.DateOf(now).Start().UTC() // an empty feed says what is so since midnight
	}
	return f, until, nil
}

// narrowed is what of the query makes another feed of it.
func narrowed(r *http.Request) string {
	kept := url.Values{}
	for _, name := range []string{"act", "district"} {
		if v := r.URL.Query().Get(name); v != "" {
			kept.Set(name, v)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return "?" + kept.Encode()
}

// atomFeed is the library's with a second link.
type atomFeed struct {
	*feeds.AtomFeed
	Links []feeds.AtomLink `xml:"link"`
}

// FeedXml is what the library writes.
func (a atomFeed) FeedXml() any { return a }

func (d *desk) atom(w http.ResponseWriter, r *http.Request) error {
	f, until, err := d.feed(r)
	if err != nil {
		return err
	}
	a := (&feeds.Atom{Feed: f}).AtomFeed()
	for i, e := range a.Entries {
		e.Published = f.Items[i].Created.UTC().Format(time.RFC3339)
		e.Links = append(e.Links, feeds.AtomLink{Href: f.Items[i].Id + "/proof", Rel: "related", Type: "text/plain"})
	}
	links := []feeds.AtomLink{
		{Href: d.pages.Absolute("/feed.atom") + narrowed(r), Rel: "self", Type: "application/atom+xml"},
		{Href: f.Link.Href, Rel: "alternate", Type: "text/html"},
	}
	a.Link = nil
	body, err := feeds.ToXML(atomFeed{a, links})
	if err != nil {
		return fmt.Errorf("disclosure-publish: feed: %w", err)
	}
	w.Header().Set("Vary", "Accept-Language")
	return send(w, r, "application/atom+xml; charset=utf-8", cached(until, d.env.Now()), []byte(body))
}

func (d *desk) jsonFeed(w http.ResponseWriter, r *http.Request) error {
	f, until, err := d.feed(r)
	if err != nil {
		return err
	}
	j := (&feeds.JSON{Feed: f}).JSONFeed()
	j.FeedUrl, j.Language = d.pages.Absolute("/feed.json")+narrowed(r), fn.Lang(r).Tag()
	for i, e := range j.Items {
		e.ContentText, e.Summary = f.Items[i].Description, ""
		e.Attachments = []feeds.JSONAttachment{{Url: f.Items[i].Id + "/proof", MIMEType: "text/plain"}}
	}
	if j.Items == nil {
		j.Items = []*feeds.JSONItem{}
	}
	body, err := j.ToJSON()
	if err != nil {
		return fmt.Errorf("disclosure-publish: feed: %w", err)
	}
	// The library leaves an empty list out, which the format must have.
	if len(j.Items) == 0 {
		body = strings.TrimSuffix(strings.TrimSpace(body), "}") + ",\n  \"items\": []\n}"
	}
	w.Header().Set("Vary", "Accept-Language")
	return send(w, r, "application/feed+json; charset=utf-8", cached(until, d.env.Now()), []byte(body))
}

// removed lists the ids of what is displayed no more, so that whoever copied it
// drops it. It holds ids and days and nothing else.
func (d *desk) removed(w http.ResponseWriter, r *http.Request) error {
	now := d.env.Now()
	since := workday.DateOf(now).AddDays(-chosen.N("removed.days"))
	if s := r.URL.Query().Get("since"); s != "" {
		day, err := workday.ParseDate(s)
		if err != nil {
			return fault.New(fault.Invalid, "disclosure-publish.since").With("since", "disclosure-publish.since")
		}
		since = workday.Max(since, day)
	}
	list, next, err := d.credit.Removed(r.Context(), since, r.URL.Query().Get("cursor"), chosen.N("removed.page"), now)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", cached(workday.DateOf(now).End(), now))
	return d.sendJSON(w, r, struct {
		Since   workday.Date     `json:"since"`
		Results []credit.Removal `json:"results"`
		Next    *string          `json:"next"`
	}{since, list, further(next)})
}

type siteAddress struct {
	Address string `xml:"loc"`
	Changed string `xml:"lastmod,omitempty"`
}

func (d *desk) sitemap(w http.ResponseWriter, r *http.Request) error {
	now := d.env.Now()
	list, until, err := d.newest(r, credit.Asked{}, chosen.N("sitemap.addresses"), now)
	if err != nil {
		return err
	}
	out := struct {
		XMLName   xml.Name      `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 urlset"`
		Addresses []siteAddress `xml:"url"`
	}{Addresses: []siteAddress{{Address: d.pages.Absolute("/disclosures")}, {Address: d.pages.Absolute("/agencies")}}}
	for _, x := range list {
		out.Addresses = append(out.Addresses, siteAddress{d.address(x.ID), workday.DateOf(x.ChangedAt).String()})
	}
	body, err := xml.Marshal(out)
	if err != nil {
		return fmt.Errorf("disclosure-publish: sitemap: %w", err)
	}
	return send(w, r, "application/xml; charset=utf-8", cached(until, now), append([]byte(xml.Header), body...))
}

// robots lets the pages be found and keeps lists by name and proofs out.
func (d *desk) robots(w http.ResponseWriter, r *http.Request) error {
	at := fn.Prefix(r)
	body := "User-agent: *\nDisallow: " + at + "/disclosures?\nDisallow: " + at + "/disclosures/*/proof\nDisallow: " + at + "/log/\nSitemap: " +
		d.pages.Absolute("/sitemap.xml") + "\n"
	return send(w, r, text, cacheKey, []byte(body))
}
