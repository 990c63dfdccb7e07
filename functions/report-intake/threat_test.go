package function

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	drafts "ipcredit/shared/draft"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
	"ipcredit/shared/tipoff"
)

// A fictitious person and what only he would write.
var canaries = []string{"欧阳样例", "13800009999", "canary@example.com", "仓库里有三百箱贴牌商品", "金丝雀商店", "示例路4711号"}

func TestThreat_WhatAReporterTypesIsInNoLogKeyValueOrObject(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		log := citytest.Logged(t)
		c := newCity(t, rdb)
		c.firms()

		// Through the form, with everything that can go wrong on the way.
		k := c.browser(true)
		a := k.step(k.get("/report/kind"), "/report/kind", "kind", "counterfeit")
		c.clock.Pass(20 * time.Second)
		a = k.step(a, "/report/whom", "go", "search", "party", canaries[4])
		a = k.step(a, "/report/whom", "party", canaries[4])
		a = k.step(a, "/report/what", "narrative", canaries[3]+canaries[0], "place", canaries[5], "numbers", canaries[1])
		wantStatus(t, a, http.StatusBadRequest)
		a = k.step(a, "/report/what", "narrative", canaries[3], "place", canaries[5])
		v := a.fields()
		v.Set("go", "attach")
		up := k.form("/report/evidence", v)
		c.put(up.Header.Get("Location")[strings.LastIndexByte(up.Header.Get("Location"), '/')+1:], canaries[4]+".txt", []byte(canaries[3]))
		a = k.step(k.get("/report/evidence"), "/report/evidence")
		a = k.step(a, "/report/who", "anonymous", "no", "name", canaries[0], "contact", canaries[1])
		searched := func(secrets ...string) {
			t.Helper()
			for _, s := range append(secrets, canaries...) {
				if said := log.String(); strings.Contains(said, s) {
					t.Errorf("logged %s: %s", s, near(said, s))
				}
				redistest.Grep(t, rdb, s)
				objectstest.Grep(t, c.dir, s)
			}
		}
		searched(v.Get("draft")) // before it is sent
		a = k.step(a, "/reports")
		number, receipt := a.given(t)
		bare := strings.ReplaceAll(receipt, "-", "")
		for _, s := range canaries { // his own page shows nobody what he typed
			if strings.Contains(a.body, s) {
				t.Errorf("the page of the receipt shows %s", s)
			}
		}
		file := k.form("/receipt/file", a.fields())
		wantStatus(t, file, http.StatusOK)
		for _, s := range canaries[:3] {
			if strings.Contains(file.body, s) {
				t.Errorf("the file names the reporter: %s", s)
			}
		}
		searched(receipt, bare)
		done := k.step(a, "/receipt/saved", "group", receipt[strings.LastIndexByte(receipt, '-')+1:])
		wantStatus(t, done, http.StatusOK)

		// As a document, with refusals that could quote it.
		p := c.program()
		doc := report("narrative", canaries[3], "parties", []map[string]string{{"name": canaries[4]}}, "place", canaries[5],
			"anonymous", false, "reporter", map[string]string{"name": canaries[0], "contact": canaries[2]})
		sent := p.json("/reports", doc)
		wantStatus(t, sent, http.StatusCreated)
		var l lodgedAnswer
		decode(t, sent, &l)
		for _, bad := range []map[string]any{
			report("kind", canaries[3]), report("numbers", []string{canaries[1]}), report("place", strings.Repeat(canaries[5], 500)),
			report(canaries[0], 1), report("division", canaries[0]), report("occurredOn", canaries[1]), report("narrative", 4711),
		} {
			if a := p.json("/reports", bad); a.StatusCode != http.StatusBadRequest {
				t.Errorf("%d %s", a.StatusCode, a.body)
			}
		}
		for _, body := range []map[string]any{
			{"reportNo": number, "receipt": receipt}, {"reportNo": number, "receipt": l.Receipt}, {"reportNo": canaries[1], "receipt": canaries[0]},
			{"reportNo": number, "receipt": receipt, "text": canaries[3]},
		} {
			path := "/track"
			if body["text"] != nil {
				path = "/track/messages"
			}
			a := p.json(path, body)
			if strings.Contains(a.body, canaries[0]) || strings.Contains(a.body, receipt) || strings.Contains(a.body, l.Receipt) {
				t.Errorf("%s answers with a name or receipt: %s", path, a.body)
			}
		}
		if a := p.do("POST", "/", "", ""); a.StatusCode != http.StatusNoContent {
			t.Errorf("tick: %d", a.StatusCode)
		}
		if _, err := c.env.Archive.Run(t.Context(), c.env.Journal); err != nil {
			t.Fatal(err)
		}
		searched(receipt, bare, l.Receipt, strings.ReplaceAll(l.Receipt, "-", ""))
		searched("192.0.2.", "198.51.100.")
		if log.String() == "" {
			t.Error("nothing was logged at all")
		}
	})
}

func near(s, canary string) string {
	at := strings.Index(s, canary)
	return strings.ToValidUTF8(s[max(0, at-120):min(len(s), at+120)], "")
}

func TestThreat_NoAddressHoldsASecret(t *testing.T) {
	c := embedded(t)
	var visited []string
	k := c.browser(true)
	k.http.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		visited = append(visited, r.URL.String())
		return nil
	}
	a := k.step(k.fill(), "/reports")
	number, receipt := a.given(t)
	token := a.fields().Get("draft")
	a = k.form("/track", formOf("reportNo", number, "receipt", receipt))
	visited = append(visited, tagsOf(a.body)...)
	for _, u := range visited {
		s, err := url.QueryUnescape(u)
		if err != nil {
			s = u
		}
		for _, secret := range []string{receipt, strings.ReplaceAll(receipt, "-", ""), token, number, story} {
			if strings.Contains(s, secret) {
				t.Errorf("the address %s holds a secret", u)
			}
		}
	}
	// A receipt in an address is not looked at.
	k.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if a := k.get("/track?reportNo=" + number + "&receipt=" + receipt); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != prefix+"/track" {
		t.Errorf("a receipt in an address: %d to %s", a.StatusCode, a.Header.Get("Location"))
	}
}

// tagsOf are the addresses a page leads to.
func tagsOf(body string) []string {
	var out []string
	for _, part := range strings.Split(body, `="`)[1:] {
		v, _, _ := strings.Cut(part, `"`)
		if strings.HasPrefix(v, "/") || strings.HasPrefix(v, "http") {
			out = append(out, v)
		}
	}
	return out
}

func TestThreat_StolenNumberOpensNothing(t *testing.T) {
	c := embedded(t)
	l, r := c.lodged(), c.lodged().Receipt
	tries, limited := 0, false
	for range 200 {
		a := c.program().json("/track", map[string]string{"reportNo": l.ReportNo, "receipt": r})
		if a.StatusCode == http.StatusTooManyRequests {
			limited = a.Header.Get("Retry-After") != ""
			break
		}
		if a.StatusCode != http.StatusNotFound || strings.Contains(a.body, "narrative") {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		tries++
	}
	if !limited {
		t.Errorf("%d tries were not slowed down", tries)
	}
	// The reporter himself, from another network, is not locked out.
	k := c.program().with("X-Forwarded-For", "203.0.113.77")
	wantStatus(t, k.json("/track", map[string]string{"reportNo": l.ReportNo, "receipt": l.Receipt}), http.StatusOK)
}

func TestThreat_ReplayedFormMakesNoSecondReportAndNothingElse(t *testing.T) {
	c := embedded(t)
	k := c.browser(true)
	a := k.fill()
	sent := a.fields()
	number, _ := k.step(a, "/reports").given(t)
	// Somebody who recorded the form but has not the device's cookie gets the same
	// receipt as often as he sends it, and no second report.
	thief := c.browser(false)
	if n, _ := thief.form("/reports", sent).given(t); n != number {
		t.Errorf("a second report: %s", n)
	}
	// Without the token the ciphertext is nothing: the ticket alone starts anew.
	sent.Set("draft", drafts.NewToken())
	if a := thief.form("/reports", sent); a.StatusCode != http.StatusBadRequest || strings.Contains(a.body, story) {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

func TestThreat_ForgedPathHeaderAndForeignOriginChangeNothing(t *testing.T) {
	c := embedded(t)
	l := c.lodged()
	a := c.program().with("X-Fn-Path", "/track", "X-Fn-Network", "203.0.113.0/24").get("/readyz")
	if a.body != "ok\n" {
		t.Errorf("a forged path leads to %s", a.body)
	}
	for name, header := range map[string][]string{
		"said by the browser": {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
		"a sibling site":      {"Sec-Fetch-Site", "same-site", "Origin", "https://evil.example.com"},
		"a sandboxed frame":   {"Sec-Fetch-Site", "cross-site", "Origin", "null"},
	} {
		k := c.browser(true).with(header...)
		for _, path := range []string{"/reports", "/track", "/track/messages", "/exit", "/clear", "/report/kind", "/receipt/saved"} {
			if a := k.form(path, formOf("reportNo", l.ReportNo, "receipt", l.Receipt)); a.StatusCode != http.StatusForbidden {
				t.Errorf("%s, %s: %d", name, path, a.StatusCode)
			}
		}
	}
}

func TestThreat_PlantedCookieReadsNothing(t *testing.T) {
	c := embedded(t)
	// Somebody plants his own draft's token in a victim's browser; the victim
	// begins at the first page.
	planted := drafts.NewToken()
	victim := c.browser(true)
	first := victim.with("Cookie", cookiePlain+"="+planted).get("/report/kind")
	if got := first.fields().Get("draft"); got == planted {
		t.Error("a token of somebody else's choice is used for a new draft")
	}
}

func TestThreat_OnlyListedSitesFrameTheForm(t *testing.T) {
	c := embedded(t)
	wantStatus(t, c.browser(true).get("/frame"), http.StatusNotFound)
	c = embedded(t, "report_frame_ancestors", "https://city.example https://other.example")
	k := c.browser(true)
	a := k.get("/frame")
	wantStatus(t, a, http.StatusOK)
	policy := a.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "frame-ancestors https://city.example https://other.example") || strings.Contains(policy, "*") {
		t.Errorf("policy %s", policy)
	}
	if p := k.get("/report/kind").Header.Get("Content-Security-Policy"); !strings.Contains(p, "frame-ancestors 'none'") {
		t.Errorf("outside the frame: %s", p)
	}
	// The whole way inside a frame, where no cookie is kept.
	c.clock.Pass(20 * time.Second)
	a = k.step(a, "/report/kind", "go", "to:kind")
	for _, s := range []struct {
		path  string
		pairs []string
	}{
		{"/report/kind", []string{"kind", "counterfeit"}}, {"/report/whom", []string{"party", "虚构的商店"}},
		{"/report/what", []string{"narrative", story}}, {"/report/evidence", nil}, {"/report/who", []string{"anonymous", "yes"}},
	} {
		a = k.step(a, s.path, s.pairs...)
		wantStatus(t, a, http.StatusOK)
		if p := a.Header.Get("Content-Security-Policy"); !strings.Contains(p, "frame-ancestors https://city.example") {
			t.Errorf("%s: %s", s.path, p)
		}
		if len(a.Cookies()) > 0 {
			t.Errorf("%s sets a cookie in a frame", s.path)
		}
	}
	c.clock.Pass(20 * time.Second)
	a = k.step(a, "/reports")
	wantStatus(t, a, http.StatusCreated)
	_, receipt := a.given(t)
	a = k.step(a, "/receipt/saved", "group", receipt[strings.LastIndexByte(receipt, '-')+1:])
	wantIn(t, a, say("report-intake.done_title"))
	for _, bad := range []string{"https://city.example/path", "*", "city.example", "https://a.example; script-src *", "javascript:x"} {
		if _, err := framesOf(bad); err == nil {
			t.Errorf("%q is taken for a site", bad)
		}
	}
}

func TestThreat_PagesAreStoredByNobodyAndRunNothingForeign(t *testing.T) {
	c := embedded(t)
	k := c.browser(true)
	a := k.fill()
	for _, x := range []answer{a, k.get("/report/what"), k.get("/track"), k.step(a, "/reports")} {
		h := x.Header
		if h.Get("Cache-Control") != "no-store" || !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", x.Request.URL, h)
		}
		// Nothing leaves the site; see package page for why it is not no-referrer.
		if h.Get("Referrer-Policy") != "same-origin" {
			t.Errorf("%s: Referrer-Policy %s", x.Request.URL, h.Get("Referrer-Policy"))
		}
	}
	cs := c.browser(true).with().form("/report/kind", formOf("kind", "unclear")).Cookies()
	if len(cs) != 1 || !cs[0].HttpOnly || cs[0].SameSite != http.SameSiteStrictMode || cs[0].Path != prefix || cs[0].MaxAge != 24*3600 {
		t.Errorf("cookie %+v", cs)
	}
	d := *c.desk
	env := *c.env
	env.PublicURL = "https://credit.example.com/ip"
	d.env = &env
	rec := recorder{h: http.Header{}}
	d.setCookie(rec, drafts.NewToken())
	if s := rec.h.Get("Set-Cookie"); !strings.HasPrefix(s, "__Host-") || !strings.Contains(s, "Path=/;") || !strings.Contains(s, "Secure") {
		t.Errorf("over HTTPS: %s", s)
	}
}

type recorder struct{ h http.Header }

func (r recorder) Header() http.Header         { return r.h }
func (r recorder) Write(b []byte) (int, error) { return len(b), nil }
func (r recorder) WriteHeader(int)             {}

// FuzzReport sends whatever a stranger can send. Whatever it is, the answer is a
// receipt or a refusal in words, and never our own failure.
func FuzzReport(f *testing.F) {
	add := func(v any) {
		body, err := json.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(0), "application/json", string(body), "")
	}
	add(report())
	add(report("anonymous", false, "reporter", map[string]string{"name": "张样例", "contact": "a@example.com"}))
	add(report("occurredOn", "2020-02-29", "numbers", []string{"95115608.X"}, "language", "en", "insider", true, "official", true))
	f.Add(uint8(0), "application/json", `{"kind":"unclear","narrative":"\u202e","anonymous":true}`, "x")
	f.Add(uint8(0), "application/x-www-form-urlencoded", "kind=unclear&narrative=abc", "3f0c9a5e-1b7d-4c66-9d2e-77aa01b4c8f3")
	f.Add(uint8(0), "multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"kind\"\r\n\r\nunclear\r\n--b--\r\n", "")
	f.Add(uint8(0), "application/x-www-form-urlencoded", "draft="+drafts.NewToken()+"&carried=AAAA&go=to:check", "")
	paths := []string{
		"/reports", "/report/kind", "/report/whom", "/report/what", "/report/evidence", "/report/who", "/report/check", "/receipt/saved",
		"/receipt/file", "/track", "/track/messages", "/track/satisfaction", "/track/reward", "/numbers", "/exit", "/clear",
	}
	for n := range paths {
		f.Add(uint8(n), "application/x-www-form-urlencoded", "draft="+drafts.NewToken()+"&carried=AAAA&go=pick:x&kind=unclear&party=%F0%9F%8D%8E&numbers=1&narrative=%E2%80%AE&pass=AAAA&from=check", "")
		f.Add(uint8(n), "application/json", `{"reportNo":"482109375516","receipt":"A","score":-1,"text":"x","numbers":["1"]}`, "")
	}
	c := embedded(f)
	f.Fuzz(func(t *testing.T, to uint8, media, body, key string) {
		c.t = t
		c.clock.Pass(time.Second)
		printable := func(s string) string {
			if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
				return ""
			}
			return s
		}
		k := c.program()
		if key = printable(key); key != "" {
			k = k.with("Idempotency-Key", key)
		}
		a := k.do("POST", paths[int(to)%len(paths)], printable(media), body)
		if a.StatusCode >= 500 {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
		if missingWord.MatchString(a.body) || strings.Contains(a.body, "%!") {
			t.Fatalf("a word is missing: %s", a.body)
		}
		if int(to)%len(paths) == 0 && a.StatusCode == http.StatusCreated && strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
			var l lodgedAnswer
			decode(t, a, &l)
			if tipoff.CheckReceipt(l.Receipt) != nil || l.Due.IsZero() {
				t.Fatalf("%s", a.body)
			}
		}
	})
}
