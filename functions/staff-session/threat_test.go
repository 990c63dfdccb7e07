package function

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/page"
)

func TestSignInGivesACookieThatOnlyThisSiteGets(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	a := c.client().post("/sign-in", c.form("hongqi.handler"))
	wantStatus(t, a, http.StatusSeeOther)
	cookies := a.Cookies()
	if len(cookies) != 2 {
		t.Fatalf("cookies %v", cookies)
	}
	host, plain := cookies[0], cookies[1]
	if host.Name != "__Host-ipcredit" || !host.Secure || !host.HttpOnly || host.SameSite != http.SameSiteStrictMode || host.Path != "/" || host.Domain != "" || len(host.Value) != 43 {
		t.Errorf("cookie %v", host)
	}
	if plain.Name != "ipcredit" || !plain.HttpOnly || plain.SameSite != http.SameSiteStrictMode || plain.Value != host.Value {
		t.Errorf("cookie %v", plain)
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Error("the answer may be stored")
	}

	// Anywhere but on this machine's own plain address there is the one cookie.
	c.desk.site.PublicURL = "https://credit.example.com"
	c.pass(30 * time.Second)
	a = c.client().post("/sign-in", c.form("hongqi.handler"))
	if n := len(a.Cookies()); n != 1 || a.Cookies()[0].Name != "__Host-ipcredit" {
		t.Errorf("%d cookies under https", n)
	}
	token := a.Cookies()[0].Value
	for cookie, want := range map[string]int{"__Host-ipcredit=" + token: 200, "ipcredit=" + token: 401} {
		if got := c.client().do("GET", "/session", nil, "Cookie", cookie, "Accept", "application/json"); got.StatusCode != want {
			t.Errorf("%s: %d, want %d", cookie[:12], got.StatusCode, want)
		}
	}
}

func TestSessionTellsWhoIsSignedIn(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	a := c.client().do("GET", "/session", nil, "Accept", "application/json")
	wantStatus(t, a, http.StatusUnauthorized)
	wantIn(t, a, `"code":"staff.signed_out"`)
	b := c.in("jia.legal")
	a = b.do("GET", "/session", nil, "Accept", "application/json", "Origin", "https://other.example", "Sec-Fetch-Site", "cross-site")
	wantStatus(t, a, http.StatusOK)
	wantIn(t, a, `"user":"jia.legal"`, `"roles":["representative"]`, `"code":"91410771MA00AAA104"`, `"kind":"subject"`)
	if a.Header.Get("Access-Control-Allow-Origin") != "" || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", a.Header)
	}
}

func TestThreat_UserNamesCannotBeFoundOut(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	seen := map[string]bool{}
	known := c.form("hongqi.handler")
	known.Set("password", "gt7-vk2-wq9x")
	unknown := c.form("hongqi.handler")
	unknown.Set("username", "hongqi.nobody")
	code := c.form("hongqi.handler")
	code.Set("code", "12")
	for _, form := range []url.Values{known, unknown, code} {
		a := c.client().post("/sign-in", form)
		wantStatus(t, a, http.StatusUnauthorized)
		wantIn(t, a, "用户名、密码或动态码不正确")
		if strings.Contains(a.body, form.Get("password")) || len(a.Cookies()) > 0 {
			t.Error("the refusal repeats the password or sets a cookie")
		}
		// What differs is what was typed, and the number of the request.
		a.body = strings.ReplaceAll(a.body, form.Get("username"), "NAME")
		seen[regexp.MustCompile(`[0-9A-Z]{26}`).ReplaceAllString(a.body, "ID")] = true
	}
	if len(seen) != 1 {
		t.Errorf("%d different pages of refusal", len(seen))
	}
	for _, name := range []string{"hongqi.approver", "hongqi.nobody2"} {
		var last answer
		for range 6 {
			last = c.client().post("/sign-in", url.Values{"username": {name}, "password": {"wrong"}})
		}
		wantStatus(t, last, http.StatusTooManyRequests)
		if last.Header.Get("Retry-After") != "30" {
			t.Errorf("%s: Retry-After %q", name, last.Header.Get("Retry-After"))
		}
	}
}

func TestThreat_SessionCannotBePlanted(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	// The attacker's own session, put into the victim's browser.
	attacker := c.in("muye.handler")
	planted := token(t, attacker)
	c.pass(30 * time.Second)
	victim := c.client()
	a := victim.do("POST", "/sign-in", c.form("hongqi.handler"), "Cookie", "ipcredit="+planted)
	wantStatus(t, a, http.StatusSeeOther)
	if a.Cookies()[0].Value == planted {
		t.Fatal("the planted session went on")
	}
	if got := attacker.do("GET", "/session", nil, "Accept", "application/json"); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("the planted session is still open: %d", got.StatusCode)
	}
	made := c.client()
	if got := made.do("GET", "/session", nil, "Accept", "application/json", "Cookie", "ipcredit="+strings.Repeat("A", 43)); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("a made-up session is open: %d", got.StatusCode)
	}
}

func TestThreat_OtherOriginsCannotPost(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	b := c.in("lead.security")
	for _, path := range []string{"/sign-in", "/sign-out", "/account/password", "/account/sessions/end-all", "/keys", "/users/x/orders", "/activate", "/organizations"} {
		for name, header := range map[string][]string{
			"fetch metadata": {"Sec-Fetch-Site", "cross-site", "Origin", "https://other.example"},
			"origin only":    {"Sec-Fetch-Site", "", "Origin", "https://other.example"},
			"a sibling site": {"Sec-Fetch-Site", "same-site", "Origin", "https://evil.example.com"},
		} {
			a := b.do("POST", path, url.Values{}, header...)
			if a.StatusCode != http.StatusForbidden {
				t.Errorf("%s with %s: %d", path, name, a.StatusCode)
			}
		}
	}
	wantStatus(t, b.do("GET", "/session", nil, "Accept", "application/json"), http.StatusOK)
}

func TestReturnLeadsNowhereElse(t *testing.T) {
	t.Parallel()
	d := &desk{site: page.Site{PublicURL: "https://credit.example.com/ip"}}
	for _, tc := range []struct{ in, want string }{
		{"/ip/function/case-handling/cases?state=open", "/ip/function/case-handling/cases?state=open"},
		{"/ip/function/staff-session/inbox", "/ip/function/staff-session/inbox"},
		{"", ""},
		{"/function/case-handling/", ""},
		{"https://evil.example/ip/function/x", ""},
		{"//evil.example/ip/function/x", ""},
		{"/\\evil.example/ip/function/x", ""},
		{"/ip/function/../../evil", ""},
		{"/ip/function/%2e%2e/%2e%2e/x", ""},
		{"/ip/function/x\r\nSet-Cookie: a=b", ""},
		{"/ip/function/x y", ""},
		{"javascript:alert(1)", ""},
		{"/ip/function/x#y", ""},
		{"/ip/function/" + strings.Repeat("x", 1000), ""},
	} {
		if got := d.returnTo(tc.in); got != tc.want {
			t.Errorf("%q leads to %q, want %q", tc.in, got, tc.want)
		}
	}
	c := newCity(t, start)
	a := c.client().get("/inbox")
	wantStatus(t, a, http.StatusSeeOther)
	if a.location() != "/sign-in?return=%2Ffunction%2Fstaff-session%2Finbox" {
		t.Fatalf("to %q", a.location())
	}
	form := c.form("hongqi.handler")
	form.Set("return", prefix+"/inbox")
	if a = c.client().post("/sign-in", form); a.location() != "/inbox" {
		t.Fatalf("after signing in to %q", a.location())
	}
	c.pass(30 * time.Second)
	form = c.form("hongqi.handler")
	form.Set("return", "https://evil.example/")
	if a = c.client().post("/sign-in", form); a.location() != "/" {
		t.Fatalf("after signing in to %q", a.location())
	}
}

func FuzzReturnTo(f *testing.F) {
	f.Add("/function/x/y")
	f.Add("//evil")
	d := &desk{site: page.Site{PublicURL: "http://127.0.0.1:8080"}}
	f.Fuzz(func(t *testing.T, s string) {
		got := d.returnTo(s)
		if got == "" {
			return
		}
		base, _ := url.Parse("http://127.0.0.1:8080/")
		u, err := base.Parse(got)
		if err != nil || u.Host != "127.0.0.1:8080" || !strings.HasPrefix(u.Path, "/function/") {
			t.Fatalf("%q leads to %v, %v", s, u, err)
		}
	})
}
