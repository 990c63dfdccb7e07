package function

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ipcredit/shared/credit"
	"ipcredit/shared/embed"
	"ipcredit/shared/page"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

func TestBadgeSaysOneOfFourThings(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.firms()
	c.determination(second, "国知信认〔2026〕1号", "2026-04-29", credit.General)
	c.determination(third, "国知信认〔2026〕2号", "2026-04-29", credit.General)
	c.determination(third, "国知信认〔2026〕3号", "2026-04-30", credit.Serious)
	tests := []struct {
		name, code, zh, en, colour string
		status                     int
		isError                    bool
	}{
		{"nothing", firm, "无失信公示", "No disclosed record", "green", 200, false},
		{"one", second, "有 1 条公示", "1 disclosed record", "red", 200, false},
		{"two", third, "有 2 条公示", "2 disclosed records", "red", 200, false},
		{"lower case", strings.ToLower(firm), "无失信公示", "No disclosed record", "green", 200, false},
		{"full width", "９１４１０７７１ＭＡ００ＡＡＡ１０４", "无失信公示", "No disclosed record", "green", 200, false},
		{"unknown", nobody, "未收录", "Not listed", "lightgrey", 404, true},
		{"wrong check digit", "91410771MA00AAA105", "查询异常", "Lookup failed", "orange", 400, true},
		{"no code", "abc", "查询异常", "Lookup failed", "orange", 400, true},
	}
	for _, tt := range tests {
		for _, lang := range []page.Lang{page.ZH, page.EN} {
			want, query := tt.zh, ""
			if lang == page.EN {
				want, query = tt.en, "?lang=en"
			}
			a := c.get("/badge/"+tt.code+".svg"+query, "Accept-Language", "en")
			if a.StatusCode != tt.status || a.Header.Get("Content-Type") != "image/svg+xml; charset=utf-8" || !strings.Contains(a.body, ">"+want+"</text>") {
				t.Errorf("%s: %d %s", tt.name, a.StatusCode, a.body)
			}
			if strings.Contains(a.body, colours[clean].hex) != (tt.colour == "green") {
				t.Errorf("%s: wrong colour", tt.name)
			}
			for _, must := range []string{`role="img"`, `aria-label="`, "<title>", "<desc>" + page.Say(lang, "credit-lookup.note"), "2026-05-06"} {
				if !strings.Contains(a.body, must) && (must != "2026-05-06" || tt.status != 400) {
					t.Errorf("%s: no %s in %s", tt.name, must, a.body)
				}
			}
			for _, never := range []string{"textLength", "<script", "href", "<style", "〔"} {
				if strings.Contains(a.body, never) {
					t.Errorf("%s: has %s", tt.name, never)
				}
			}
			if csp := a.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "sandbox") {
				t.Errorf("%s: policy %q", tt.name, csp)
			}
			d := xml.NewDecoder(strings.NewReader(a.body))
			for {
				if _, err := d.Token(); err == io.EOF {
					break
				} else if err != nil {
					t.Fatalf("%s: no XML: %v", tt.name, err)
				}
			}
			b := c.get("/badge/" + tt.code + ".json" + query)
			var got shield
			b.decode(t, &got)
			if b.StatusCode != 200 || got.SchemaVersion != 1 || got.Message != want || got.Color != tt.colour || got.IsError != tt.isError ||
				got.Label == "" || b.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: %d %+v", tt.name, b.StatusCode, got)
			}
		}
	}
	for _, path := range []string{"/badge/" + firm, "/badge/" + firm + ".png", "/badge/.svg/x"} {
		if a := c.get(path); a.StatusCode != 404 {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
	if a := c.get("/badge/91410771MA00AAA105.svg"); !strings.Contains(a.body, "18") {
		t.Errorf("the wrong character is not named: %s", a.body)
	}
}

func TestColoursAndWordsOfTheStatesAllDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range []state{clean, listed, unknown, failed} {
		for _, what := range []string{colours[s].name, colours[s].hex, s.words(page.ZH, 2), s.words(page.EN, 2), "tag " + tones[s]} {
			if seen[what] || what == "" || what == "tag " {
				t.Errorf("%s: %q twice", s, what)
			}
			seen[what] = true
		}
	}
}

func TestBadgeGivesEachChineseCharacterAnEm(t *testing.T) {
	t.Parallel()
	for text, least := range map[string]int{"无失信公示": 5 * badgeFont, "有 12 条公示": 4*badgeFont + 2*7, "未收录": 3 * badgeFont, "": 0} {
		if got := textWidth(text); got < least || got > least+2*badgeFont {
			t.Errorf("%q: %d px, at least %d", text, got, least)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		if textWidth(a+b) < max(textWidth(a), textWidth(b)) {
			t.Fatalf("%q and %q together are narrower", a, b)
		}
	})
}

func TestNamesCannotBecomeMarkup(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.subjects(subject.Subject{Code: firm, Name: `<script>alert(1)</script>"&'有限公司`, Kind: "enterprise", District: "410771"})
	for _, path := range []string{"/badge/" + firm + ".svg", "/embed/" + firm, "/subjects/" + firm, "/search?q=" + firm, "/search?q=%3Cscript%3Ealert(1)"} {
		if a := c.page(path); strings.Contains(a.body, "<script>alert") || strings.Contains(a.body, `"&'有`) {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}

func TestWithdrawnAndRepairedRecordsLeaveEverywhereAtOnce(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, last, gone string
		end              func(*credit.Record)
	}{
		{"repaired", "2026-09-02 23:59:59", "2026-09-03 00:00:00", func(r *credit.Record) {
			r.Repaired = &credit.Repair{On: workday.MustDate("2026-09-03")}
		}},
		{"withdrawn", "2026-09-02 23:59:59", "2026-09-03 00:00:00", func(r *credit.Record) {
			r.Withdrawn = &credit.Withdrawal{At: workday.MustDate("2026-09-03").Start(), Reason: "annulled"}
		}},
		{"source ended earlier", "2026-09-02 23:59:59", "2026-09-03 00:00:00", func(r *credit.Record) {
			r.SourceUntil = workday.MustDate("2026-09-02")
		}},
	}
	for _, tt := range tests {
		c := embedded(t, "2026-05-06")
		c.firms()
		c.determination(firm, "国知信认〔2026〕1号", "2026-04-29", credit.General, tt.end)
		for at, shown := range map[string]bool{tt.last: true, tt.gone: false, "2026-11-24": false} {
			c.at(at)
			for _, path := range []string{"/subjects/" + firm, "/badge/" + firm + ".svg", "/badge/" + firm + ".json", "/embed/" + firm} {
				for _, accept := range []string{"application/json", "text/html"} {
					a := c.get(path, "Accept", accept)
					if got := strings.Contains(a.body, "〔2026〕1号") || strings.Contains(a.body, "有 1 条公示"); got != shown {
						t.Errorf("%s at %s, %s (%s): shown %t", tt.name, at, path, accept, got)
					}
					// What ended leaves no word about how.
					if !shown && (strings.Contains(a.body, "已修复") || strings.Contains(a.body, "annulled") || strings.Contains(a.body, "repaired")) {
						t.Errorf("%s at %s, %s: tells how it ended", tt.name, at, path)
					}
				}
			}
			if s := c.signed(firm); len(s.Records) > 0 != shown {
				t.Errorf("%s at %s: statement has %d", tt.name, at, len(s.Records))
			}
		}
	}
}

func TestWhatIsNeverPublishedIsNowhere(t *testing.T) {
	t.Parallel()
	for name, hide := range map[string]func(*credit.Record){
		"trade secret": func(r *credit.Record) { r.Unpublished = credit.TradeSecret },
		"internal":     func(r *credit.Record) { r.Channel = credit.Internal },
		"minor tier":   func(r *credit.Record) { r.Tier = credit.Minor },
	} {
		c := embedded(t, "2026-05-06")
		c.firms()
		c.determination(firm, "国知信认〔2026〕1号", "2026-04-29", credit.General, hide)
		for _, path := range []string{"/subjects/" + firm, "/badge/" + firm + ".svg", "/embed/" + firm} {
			for _, accept := range []string{"application/json", "text/html"} {
				if a := c.get(path, "Accept", accept); a.StatusCode != 200 || strings.Contains(a.body, "〔2026〕1号") || strings.Contains(a.body, "有 1 条公示") {
					t.Errorf("%s, %s: %s", name, path, a.body)
				}
			}
		}
	}
}

func TestWidgetIsServedByVersionWithItsHash(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	a := c.get("/" + embed.Path)
	if a.StatusCode != 200 || a.body != string(embed.Script()) || a.Header.Get("Content-Type") != "text/javascript; charset=utf-8" ||
		a.Header.Get("Access-Control-Allow-Origin") != "*" || a.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	a = c.get("/widget.js")
	if a.StatusCode != 200 || a.body != string(embed.Script()) || strings.Contains(a.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("alias: %d %v", a.StatusCode, a.Header)
	}
	for _, name := range []string{"99.js", "1", "..%2F1.js"} {
		if a := c.get("/widget/" + name); a.StatusCode != 404 {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
}

func TestOnlyTheEmbedRouteMayBeFramed(t *testing.T) {
	t.Parallel()
	c := embedded(t, "2026-05-06")
	c.firms()
	for path, framed := range map[string]bool{
		"/": false, "/search": false, "/search?q=虚构": false, "/subjects/" + firm: false, "/subjects/" + nobody: false,
		"/embed/" + firm: true, "/embed/" + nobody: true, "/embed/91410771MA00AAA105": true,
	} {
		a := c.page(path)
		csp := a.Header.Get("Content-Security-Policy")
		if strings.Contains(csp, "frame-ancestors *") != framed || !framed && !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("%s: %q", path, csp)
		}
		if a.Header.Get("Set-Cookie") != "" || a.Header.Get("X-Frame-Options") != "" || strings.Contains(csp, "unsafe-inline") {
			t.Errorf("%s: %v", path, a.Header)
		}
	}
}

// TestParametersAreLabelled keeps the numbers we chose apart from law.
func TestParametersAreLabelled(t *testing.T) {
	t.Parallel()
	var f struct {
		Source, AsOf string
		Params       map[string]struct {
			Value     int
			Mark, Why string
		}
	}
	if err := json.Unmarshal(paramData, &f); err != nil || f.Source == "" || f.AsOf == "" {
		t.Fatal(err, f)
	}
	for name, p := range f.Params {
		if p.Value <= 0 || p.Why == "" || !slices.Contains([]string{"[design]", "[memory-check]"}, p.Mark) {
			t.Errorf("%s: %+v", name, p)
		}
	}
}
