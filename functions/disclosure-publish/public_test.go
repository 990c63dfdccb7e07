package function

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/journal"
	"ipcredit/shared/notary"
	"ipcredit/shared/redistest"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

const (
	firm       = "91410771MA00AAA104"
	firmName   = "新乡市虚构甲科技有限公司"
	second     = "91410771MA00AAA291"
	secondName = "新乡市虚构乙机械有限公司"
)

var (
	asPage = map[string]string{"Accept": "text/html"}
	asData = map[string]string{"Accept": "application/json"}
)

// at sets the function's clock, in China.
func (c *city) at(s string) {
	c.t.Helper()
	at, err := time.ParseInLocation(time.DateTime, s, workday.CST)
	if err != nil {
		c.t.Fatal(err)
	}
	c.env.Now = func() time.Time { return at }
}

func (c *city) change(ch credit.Change) {
	c.t.Helper()
	ch.Entry = journal.Entry{Actor: "test", Action: "credit.import", Ref: "test", At: c.env.Now()}
	if _, _, err := credit.NewStore(c.env.Journal, credit.Shipped()).Apply(c.t.Context(), ch); err != nil {
		c.t.Fatal(err)
	}
}

// determined stores a determination about a subject.
func (c *city) determined(code, name, no, on string, with ...func(*credit.Entry)) string {
	c.t.Helper()
	e := credit.Entry{SubjectCode: code, SubjectName: name, Record: credit.Record{
		ID: credit.NewID(credit.Determination, "国家知识产权局", no, code), Kind: credit.Determination, Act: "DA1",
		InstrumentNo: no, Authority: "国家知识产权局", Source: credit.Admin, Channel: credit.Republish, DeterminedOn: workday.MustDate(on),
		PublishedOn: workday.DateOf(c.env.Now()), CollectedAt: c.env.Now(), SourceURL: "https://source.example/1",
		Content: credit.Content{Determination: &credit.DeterminationContent{Basis: "国知发保字〔2022〕8号第六条<b>"}},
	}}
	for _, f := range with {
		f(&e)
	}
	c.change(credit.Change{Records: []credit.Entry{e}})
	return e.Record.ID
}

func (c *city) amend(code, id string, do func(*credit.Record)) {
	c.t.Helper()
	c.change(credit.Change{Amend: []credit.Amendment{{SubjectCode: code, ID: id, Do: func(r *credit.Record) error { do(r); return nil }}}})
}

// everywhere is what each public address answers, one after the other.
func (c *city) everywhere(id string) map[string]answer {
	out := map[string]answer{}
	for path, header := range map[string]map[string]string{
		"/disclosures": asPage, "/disclosures?act=DA1": asData, "/disclosures?district=410771": asData, "/disclosures?q=虚构": asPage,
		"/agencies": asPage, "/feed.atom": nil, "/feed.json": nil, "/sitemap.xml": nil, "/removed.json": nil,
		"/disclosures/" + id: asPage, "/disclosures/" + id + "/proof": asData,
	} {
		out[path] = c.ask(http.MethodGet, path, header)
	}
	return out
}

func TestAnEndedDisclosureIsGoneEverywhereAtMidnight(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		c.at("2026-03-10 12:00:00")
		c.change(credit.Change{Subjects: []subject.Subject{{Code: firm, Name: firmName, Kind: "agency", District: "410771"}}})
		c.at("2025-03-10 12:00:00")
		id := c.determined(firm, firmName, "国知测认〔2025〕1号", "2025-03-10")
		c.tick()
		c.at("2026-03-10 23:59:30")
		for path, a := range c.everywhere(id) {
			holds := bytes.Contains(a.body, []byte(id)) || strings.HasSuffix(path, "/proof")
			if a.status != http.StatusOK || holds != (path != "/removed.json") {
				t.Errorf("%s before its end: %d %s", path, a.status, a.body)
			}
			if got := a.header.Get("Cache-Control"); got != "public, max-age=30" {
				t.Errorf("%s thirty seconds before its end: %q", path, got)
			}
			if got := a.header.Get("Access-Control-Allow-Origin"); got != "*" {
				t.Errorf("%s cannot be read elsewhere", path)
			}
			again := c.ask(http.MethodGet, path, map[string]string{"Accept": "text/html", "If-None-Match": a.header.Get("ETag")})
			if strings.Contains(a.header.Get("Content-Type"), "html") && again.status != http.StatusNotModified {
				t.Errorf("%s again: %d", path, again.status)
			}
		}
		c.at("2026-03-11 00:00:00")
		for path, a := range c.everywhere(id) {
			if bytes.Contains(a.body, []byte(firm)) || bytes.Contains(a.body, []byte(firmName)) || bytes.Contains(a.body, []byte("2025〕1号")) {
				t.Errorf("%s after its end: %s", path, a.body)
			}
			if one := strings.HasPrefix(path, "/disclosures/"); one != (a.status == http.StatusGone) {
				t.Errorf("%s after its end: %d", path, a.status)
			}
		}
		var removed struct{ Results []map[string]string }
		a := c.ask(http.MethodGet, "/removed.json", nil)
		if err := json.Unmarshal(a.body, &removed); err != nil || len(removed.Results) != 1 || len(removed.Results[0]) != 2 ||
			removed.Results[0]["id"] != id || removed.Results[0]["removedOn"] != "2026-03-11" {
			t.Errorf("removed: %s", a.body)
		}
	})
}

// TestThreat_NobodyCanTellRepairFromExpiry compares the answers to the byte, in every
// form and language; only an annulment says why.
func TestThreat_NobodyCanTellRepairFromExpiry(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		c.at("2025-03-10 12:00:00")
		expired := c.determined(firm, firmName, "国知测认〔2025〕1号", "2025-03-10")
		c.at("2026-05-11 12:00:00")
		repaired := c.determined(second, secondName, "国知测认〔2026〕2号", "2026-05-04")
		annulled := c.determined(second, secondName, "国知测认〔2026〕3号", "2026-05-05")
		withheld := c.determined(second, secondName, "国知测认〔2026〕4号", "2026-05-06")
		never := c.determined(second, secondName, "国知测认〔2026〕5号", "2026-05-06", func(e *credit.Entry) { e.Record.Unpublished = credit.OfMinor })
		corrected := c.determined(second, secondName, "国知测认〔2026〕6号", "2026-05-06")
		c.at("2026-05-12 12:00:00")
		c.amend(second, repaired, func(r *credit.Record) { r.Repaired = &credit.Repair{On: workday.MustDate("2026-05-12")} })
		c.amend(second, annulled, func(r *credit.Record) { r.Withdrawn = &credit.Withdrawal{At: c.env.Now(), Reason: "annulled"} })
		c.amend(second, withheld, func(r *credit.Record) { r.Unpublished = credit.TradeSecret })
		// A ruling found that it had ended before it was published here. It was shown all the same.
		c.amend(second, corrected, func(r *credit.Record) { r.SourceUntil = workday.MustDate("2026-05-05") })
		for _, header := range []map[string]string{asPage, asData, {"Accept": "text/html", "Accept-Language": "en"}, {"Accept-Language": "en"}} {
			for _, tail := range []string{"", "/proof"} {
				want := c.ask(http.MethodGet, "/disclosures/"+expired+tail, header)
				head := c.ask(http.MethodHead, "/disclosures/"+expired+tail, header)
				if head.status != want.status || len(head.body) != 0 || head.header.Get("Content-Length") != want.header.Get("Content-Length") || head.header.Get("ETag") != want.header.Get("ETag") {
					t.Errorf("HEAD: %d %v", head.status, head.header)
				}
				if want.status != http.StatusGone || !bytes.Contains(want.body, []byte("公示已结束")) && header["Accept-Language"] == "" {
					t.Errorf("expired: %d %s", want.status, want.body)
				}
				for _, id := range []string{repaired, withheld, corrected} {
					got := c.ask(http.MethodGet, "/disclosures/"+id+tail, header)
					for _, h := range []http.Header{want.header, got.header} {
						h.Del("X-Request-Id")
						h.Del("Date")
					}
					if got.status != want.status || !bytes.Equal(got.body, want.body) {
						t.Errorf("%v: %s\nis not\n%s", header, got.body, want.body)
					}
					for name := range want.header {
						if !slices.Equal(want.header[name], got.header[name]) {
							t.Errorf("%s: %v, not %v", name, got.header[name], want.header[name])
						}
					}
				}
				if a := c.ask(http.MethodGet, "/disclosures/"+annulled+tail, header); a.status != http.StatusGone || bytes.Equal(a.body, want.body) {
					t.Errorf("annulled: %d", a.status)
				}
				for _, id := range []string{never, "0000000000000000", "x", strings.Repeat("0", 300)} {
					if a := c.ask(http.MethodGet, "/disclosures/"+id+tail, header); a.status != http.StatusNotFound {
						t.Errorf("%s: %d", id, a.status)
					}
				}
			}
		}
		if a := c.ask(http.MethodGet, "/disclosures/"+annulled, asPage); !bytes.Contains(a.body, []byte("文书已被撤销")) {
			t.Errorf("annulled does not say why: %s", a.body)
		}
		removed := c.ask(http.MethodGet, "/removed.json", nil).body
		for id, want := range map[string]bool{expired: true, repaired: true, annulled: true, withheld: true, corrected: true, never: false} {
			if got := bytes.Contains(removed, []byte(id)); got != want {
				t.Errorf("removed holds %s: %t", id, got)
			}
		}
	})
}

// TestAProofOpensWithWhatComesBesideIt checks the answer as anybody could, with
// the log's key alone.
func TestAProofOpensWithWhatComesBesideIt(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		c.at("2026-05-11 12:00:00")
		id := c.determined(firm, firmName, "国知测认〔2026〕1号", "2026-05-04")
		if a := c.ask(http.MethodGet, "/disclosures/"+id+"/proof", nil); a.status != http.StatusNotFound {
			t.Errorf("before it is logged: %d", a.status)
		}
		c.tick()
		a := c.ask(http.MethodGet, "/disclosures/"+id+"/proof", asData)
		var p credit.Proven
		if err := json.Unmarshal(a.body, &p); err != nil || a.status != http.StatusOK {
			t.Fatalf("%d %s", a.status, a.body)
		}
		entry, err := p.Leaf.Entry()
		if err != nil {
			t.Fatal(err)
		}
		file := c.ask(http.MethodGet, "/disclosures/"+id+"/proof", nil)
		for _, text := range []string{p.Proof, string(file.body)} {
			proof, err := notary.ParseProof([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := proof.Verify(entry, c.open); err != nil || proof.Index != p.Index {
				t.Errorf("proof: %v", err)
			}
		}
		shown := string(c.ask(http.MethodGet, "/disclosures/"+id, asPage).body)
		if !strings.Contains(shown, c.url+"/disclosures/"+id+"/proof<") || !strings.Contains(shown, "index=0") {
			t.Errorf("the page does not lead to the proof, or not when it is printed: %s", shown)
		}
		if got := notary.Commit(p.Salt, []byte(p.Document)); got != p.Leaf.Commitment {
			t.Errorf("the document is not what the entry commits to")
		}
		if !strings.Contains(p.Document, notary.Commit(p.Record.Salt, []byte(p.Record.Document))) || !strings.Contains(p.Record.Document, id) {
			t.Errorf("the record is not in the document: %s", p.Record.Document)
		}
	})
}

func TestFeedsHoldWhatTheirFormatsAsk(t *testing.T) {
	c := newCity(t, redistest.Embedded(t))
	c.at("2026-05-11 12:00:00")
	var empty struct{ Items []any }
	if a := c.ask(http.MethodGet, "/feed.json", nil); json.Unmarshal(a.body, &empty) != nil || empty.Items == nil {
		t.Errorf("an empty feed: %s", a.body)
	}
	if a := c.ask(http.MethodGet, "/feed.atom", nil); !bytes.Contains(a.body, []byte("<updated>2026-05-10T16:00:00Z</updated>")) {
		t.Errorf("an empty feed: %s", a.body)
	}
	id := c.determined(firm, firmName+"<&>", "国知测认〔2026〕1号", "2026-05-04")
	person := c.determined("p:abc", "张样三", "国知测认〔2026〕2号", "2026-05-05", func(e *credit.Entry) { e.NaturalPerson, e.Record.NaturalPerson = true, true })
	var atom struct {
		XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
		Id      string   `xml:"id"`
		Updated string   `xml:"updated"`
		Link    []struct {
			Href string `xml:"href,attr"`
			Rel  string `xml:"rel,attr"`
		} `xml:"link"`
		Entry []struct {
			Id        string `xml:"id"`
			Updated   string `xml:"updated"`
			Published string `xml:"published"`
			Title     string `xml:"title"`
			Link      []struct {
				Href string `xml:"href,attr"`
				Rel  string `xml:"rel,attr"`
			} `xml:"link"`
		} `xml:"entry"`
	}
	a := c.ask(http.MethodGet, "/feed.atom", nil)
	if err := xml.Unmarshal(a.body, &atom); err != nil || len(atom.Entry) != 1 {
		t.Fatalf("%v %s", err, a.body)
	}
	if e := atom.Entry[0]; e.Id != c.url+"/disclosures/"+id || e.Published != "2026-05-03T16:00:00Z" || e.Updated != "2026-05-11T04:00:00Z" ||
		atom.Updated != e.Updated || !strings.Contains(e.Title, firmName+"<&>") {
		t.Errorf("%+v", atom)
	}
	if l := atom.Link; len(l) != 2 || l[0].Rel != "self" || l[0].Href != c.url+"/feed.atom" || l[1].Rel != "alternate" || l[1].Href != c.url+"/disclosures" || atom.Id != l[1].Href {
		t.Errorf("%s: %+v", atom.Id, l)
	}
	narrow := c.ask(http.MethodGet, "/feed.atom?district=410771&lang=zh", nil)
	if !bytes.Contains(narrow.body, []byte("<id>"+c.url+"/disclosures?district=410771</id>")) || !bytes.Contains(narrow.body, []byte(`href="`+c.url+`/feed.atom?district=410771" rel="self"`)) {
		t.Errorf("a feed of one area has an id of its own: %s", narrow.body)
	}
	var feed struct {
		Version string
		Items   []struct {
			ID, URL     string
			ContentText string `json:"content_text"`
			Attachments []struct{ URL string }
		}
	}
	proof := c.url + "/disclosures/" + id + "/proof"
	if l := atom.Entry[0].Link; len(l) != 2 || l[1].Rel != "related" || l[1].Href != proof {
		t.Errorf("the entry does not lead to its proof: %+v", l)
	}
	a = c.ask(http.MethodGet, "/feed.json", nil)
	if err := json.Unmarshal(a.body, &feed); err != nil || len(feed.Items) != 1 || feed.Items[0].ID != c.url+"/disclosures/"+id || !strings.Contains(feed.Items[0].ContentText, firm) ||
		len(feed.Items[0].Attachments) != 1 || feed.Items[0].Attachments[0].URL != proof {
		t.Errorf("%s", a.body)
	}
	var site struct {
		URL []struct {
			Loc string `xml:"loc"`
		} `xml:"url"`
	}
	a = c.ask(http.MethodGet, "/sitemap.xml", nil)
	if err := xml.Unmarshal(a.body, &site); err != nil || len(site.URL) != 3 || site.URL[2].Loc != c.url+"/disclosures/"+id {
		t.Errorf("%v %s", err, a.body)
	}
	// A natural person stands on a page under a masked name, and in nothing that is
	// made to be copied or searched.
	one := c.ask(http.MethodGet, "/disclosures/"+person, asPage)
	if one.status != http.StatusOK || !bytes.Contains(one.body, []byte("张*三")) || bytes.Contains(one.body, []byte("张样三")) ||
		bytes.Contains(one.body, []byte("p:abc")) || one.header.Get("X-Robots-Tag") != "noindex" || bytes.Contains(one.body, []byte("ld+json")) {
		t.Errorf("%d %v %s", one.status, one.header, one.body)
	}
	for _, path := range []string{"/feed.atom", "/feed.json", "/sitemap.xml", "/disclosures?q=张样三"} {
		if a := c.ask(http.MethodGet, path, nil); bytes.Contains(a.body, []byte(person)) || bytes.Contains(a.body, []byte("张")) && path != "/disclosures?q=张样三" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	if a := c.ask(http.MethodGet, "/robots.txt", nil); !bytes.Contains(a.body, []byte("Sitemap: "+c.url+"/sitemap.xml")) {
		t.Errorf("%s", a.body)
	}
	page := string(c.ask(http.MethodGet, "/disclosures/"+id, asPage).body)
	_, data, _ := strings.Cut(page, `<script type="application/ld+json">`)
	data, _, _ = strings.Cut(data, "</script>")
	var ld struct {
		Expires string
		About   struct{ Name, Identifier string }
	}
	if err := json.Unmarshal([]byte(data), &ld); err != nil || ld.Expires != "2027-05-04" || ld.About.Identifier != firm || ld.About.Name != firmName+"<&>" {
		t.Errorf("%v %s", err, data)
	}
}

func TestListsRefuseWhatTheyDoNotKnow(t *testing.T) {
	c := newCity(t, redistest.Embedded(t))
	c.at("2026-05-11 12:00:00")
	for path, status := range map[string]int{
		"/disclosures": 200, "/disclosures?act=DA1&district=红旗区": 200, "/disclosures?act=DA9": 400, "/disclosures?district=999999": 400,
		"/disclosures?cursor=x": 400, "/disclosures?q=" + strings.Repeat("新", 101): 400, "/removed.json?cursor=x": 400,
		"/removed.json?since=x": 400, "/removed.json?since=2026-05-01": 200, "/feed.atom?act=DA9": 400,
	} {
		for _, header := range []map[string]string{asPage, asData} {
			if a := c.ask(http.MethodGet, path, header); a.status != status {
				t.Errorf("%s: %d %s", path, a.status, a.body)
			}
		}
	}
}
