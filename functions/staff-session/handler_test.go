package function

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/fn"
	"ipcredit/shared/journal"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}

const prefix = "/function/staff-session"

// city is the function behind a gateway on the loopback interface, with the
// demonstration city and a clock that only the test moves.
type city struct {
	t       *testing.T
	public  string
	desk    *desk
	rdb     *redis.Client
	journal *journal.Journal
	staff   citytest.Staff
	offset  atomic.Int64
	start   time.Time
}

func (c *city) now() time.Time { return c.start.Add(time.Duration(c.offset.Load())) }

func (c *city) pass(d time.Duration) {
	c.offset.Add(int64(d))
}

func newCity(t *testing.T, start time.Time) *city {
	t.Helper()
	c := &city{t: t, start: start}
	c.rdb = redistest.Embedded(t)
	j := journal.New(c.rdb, "410700", journal.Options{})
	c.journal = j
	c.staff = citytest.NewStaff(t, j, c.now())
	gateway := http.NewServeMux()
	server := httptest.NewUnstartedServer(gateway)
	c.public = "http://" + server.Listener.Addr().String()
	c.desk = newDesk(page.Site{PublicURL: c.public, City: "410700", Demo: true}, c.staff.Desk, c.now)
	gateway.Handle(prefix+"/", http.StripPrefix(prefix, fn.HTTP(c.desk.mux(j).Serve)))
	server.Start()
	t.Cleanup(server.Close)
	return c
}

func (c *city) user(name string) staff.DemoUser { c.t.Helper(); return c.staff.User(c.t, name) }

func (c *city) code(secret string) string { c.t.Helper(); return citytest.Code(c.t, secret, c.now()) }

// client is one browser: its cookies, its own pages as where it comes from.
type client struct {
	c    *city
	http *http.Client
}

func (c *city) client() *client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return &client{c, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

type answer struct {
	*http.Response
	body string
}

func (a answer) location() string { return strings.TrimPrefix(a.Header.Get("Location"), prefix) }

func (b *client) do(method, path string, form url.Values, header ...string) answer {
	b.c.t.Helper()
	target := path
	if strings.HasPrefix(path, "/") {
		target = b.c.public + prefix + path
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequest(method, target, body)
	if err != nil {
		b.c.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("X-Forwarded-For", "192.0.2.7")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w, err := b.http.Do(r)
	if err != nil {
		b.c.t.Fatal(err)
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		b.c.t.Fatal(err)
	}
	return answer{w, string(text)}
}

func (b *client) get(path string) answer { b.c.t.Helper(); return b.do("GET", path, nil) }

func (b *client) post(path string, form url.Values) answer {
	b.c.t.Helper()
	return b.do("POST", path, form)
}

func (c *city) form(name string) url.Values {
	u := c.user(name)
	return url.Values{"username": {name}, "password": {u.Password}, "code": {c.code(u.TOTPSecret)}}
}

// in is a browser in which this user is signed in.
func (c *city) in(name string) *client {
	c.t.Helper()
	c.pass(30 * time.Second)
	b := c.client()
	a := b.post("/sign-in", c.form(name))
	if a.StatusCode != http.StatusSeeOther || a.location() != "/" {
		c.t.Fatalf("%s: %d to %q: %s", name, a.StatusCode, a.location(), a.body)
	}
	return b
}

var start = time.Date(2026, 9, 18, 1, 0, 0, 0, time.UTC)

func wantStatus(t *testing.T, a answer, status int) {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: %d, want %d: %s", a.Request.Method, a.Request.URL, a.StatusCode, status, a.body)
	}
}

func wantIn(t *testing.T, a answer, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if !strings.Contains(a.body, s) {
			t.Fatalf("%s %s lacks %q: %s", a.Request.Method, a.Request.URL, s, a.body)
		}
	}
}

func token(t *testing.T, b *client) string {
	t.Helper()
	u, err := url.Parse(b.c.public + prefix + "/")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range b.http.Jar.Cookies(u) {
		if k.Name == "ipcredit" {
			return k.Value
		}
	}
	t.Fatal("no session")
	return ""
}

func TestFirstSignInWithoutJavaScript(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	system := c.in("lead.system")
	wantIn(t, system.get("/organizations/muye"), "新乡市牧野区市场监督管理局")
	a := system.post("/users", url.Values{"org": {"muye"}, "username": {"Bad Name"}, "name": {"王测试"}})
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, `href="#f-username"`, `value="Bad Name"`)
	a = system.post("/users", url.Values{"org": {"muye"}, "username": {"wang.ceshi"}, "name": {"王测试"}})
	wantStatus(t, a, http.StatusOK)
	password := regexp.MustCompile(`<code>([a-z0-9-]{23})</code>`).FindStringSubmatch(a.body)
	if password == nil {
		t.Fatalf("no password: %s", a.body)
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Error("a page with a password may be stored")
	}

	b := c.client()
	a = b.post("/sign-in", url.Values{"username": {"wang.ceshi"}, "password": {password[1]}})
	if a.location() != "/first" {
		t.Fatalf("to %q", a.location())
	}
	// Nothing else is open yet.
	for _, path := range []string{"/", "/account", "/organization", "/inbox"} {
		if a = b.get(path); a.location() != "/first" {
			t.Errorf("%s leads to %q", path, a.location())
		}
	}
	wantStatus(t, b.do("GET", "/session", nil, "Accept", "application/json"), http.StatusUnauthorized)
	if a = b.get("/first"); a.location() != "/account/password" {
		t.Fatalf("to %q", a.location())
	}
	change := url.Values{"current": {password[1]}, "password": {"gt7-vk2-wq9x"}, "again": {"gt7-vk2-wq9"}}
	a = b.post("/account/password", change)
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, "两次输入的密码不一致")
	change.Set("again", "gt7-vk2-wq9x")
	if a = b.post("/account/password", change); a.location() != "/first" {
		t.Fatalf("to %q: %s", a.location(), a.body)
	}
	if a = b.get("/first"); a.location() != "/account/totp" {
		t.Fatalf("to %q", a.location())
	}
	a = b.post("/account/totp", url.Values{"current": {"gt7-vk2-wq9x"}})
	wantIn(t, a, "data:image/png;base64,")
	secret := regexp.MustCompile(`<span class="code">([A-Z2-7 ]{39})</span>`).FindStringSubmatch(a.body)
	if secret == nil {
		t.Fatalf("no secret: %s", a.body)
	}
	a = b.post("/account/totp/confirm", url.Values{"code": {"1"}})
	wantStatus(t, a, http.StatusUnprocessableEntity)
	wantIn(t, a, "data:image/png;base64,", `href="#f-code"`)
	a = b.post("/account/totp/confirm", url.Values{"code": {c.code(strings.ReplaceAll(secret[1], " ", ""))}})
	wantStatus(t, a, http.StatusOK)
	codes := regexp.MustCompile(`<span class="code">([0-9A-Z-]{17})</span>`).FindAllStringSubmatch(a.body, -1)
	if len(codes) != 10 {
		t.Fatalf("%d recovery codes: %s", len(codes), a.body)
	}
	wantIn(t, b.get("/"), "您还没有角色")

	a = c.client().post("/recovery", url.Values{"username": {"wang.ceshi"}, "password": {"gt7-vk2-wq9x"}, "recovery": {codes[0][1]}})
	if a.location() != "/account?done=recovery-used" {
		t.Fatalf("to %q", a.location())
	}
	a = c.client().post("/recovery", url.Values{"username": {"wang.ceshi"}, "password": {"gt7-vk2-wq9x"}, "recovery": {codes[0][1]}})
	wantStatus(t, a, http.StatusUnauthorized)
	a = c.client().post("/recovery", url.Values{"username": {"wang.ceshi"}, "password": {"gt7-vk2-wq9x"}, "recovery": {""}})
	wantStatus(t, a, http.StatusUnauthorized)

	// The system administrator gives no roles; the security administrator does.
	u, _, err := c.desk.staff.UserByName(t.Context(), "wang.ceshi")
	if err != nil {
		t.Fatal(err)
	}
	grant := url.Values{"kind": {"grant"}, "role": {"reviewer"}, "division": {"410711"}, "reason": {"入职"}}
	wantStatus(t, system.post("/users/"+u.ID+"/orders", grant), http.StatusForbidden)
	security := c.in("lead.security")
	wantIn(t, security.get("/users/"+u.ID+"/orders?kind=grant"), "授予角色", "审核")
	wantStatus(t, security.get("/users/"+u.ID+"/orders?kind=made-up"), http.StatusNotFound)
	if a = security.post("/users/"+u.ID+"/orders", grant); a.location() != "/users/"+u.ID+"?done=order" {
		t.Fatalf("to %q: %s", a.location(), a.body)
	}
	wantIn(t, security.get("/users/"+u.ID), "审核")
	wantIn(t, b.get("/"), "审核")
}

func TestAdministratorsResetNeedsTwoPeople(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	system, security := c.in("lead.system"), c.in("lead.security")
	auditor, _, err := c.desk.staff.UserByName(t.Context(), "lead.auditor")
	if err != nil {
		t.Fatal(err)
	}
	a := system.post("/users/"+auditor.ID+"/orders", url.Values{"kind": {"reset"}})
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, `href="#f-reason"`)
	if a = system.post("/users/"+auditor.ID+"/orders", url.Values{"kind": {"reset"}, "reason": {"手机遗失"}}); a.location() != "/proposals?done=proposed" {
		t.Fatalf("to %q: %s", a.location(), a.body)
	}
	wantIn(t, system.get("/proposals"), "等待其他管理员确认", "lead.auditor")
	list := security.get("/proposals")
	id := regexp.MustCompile(`/proposals/(p[0-9a-z]{26})`).FindStringSubmatch(list.body)
	if id == nil {
		t.Fatalf("no proposal: %s", list.body)
	}
	wantStatus(t, system.post("/proposals/"+id[1], url.Values{"decision": {"confirm"}}), http.StatusForbidden)
	a = security.post("/proposals/"+id[1], url.Values{"decision": {"confirm"}})
	wantStatus(t, a, http.StatusOK)
	wantIn(t, a, "只显示这一次", "lead.auditor")
	wantStatus(t, security.post("/proposals/"+id[1], url.Values{"decision": {"confirm"}}), http.StatusConflict)
}

func TestSubjectOpensItsAccountWithThePrintedCode(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	officer := c.in("hongqi.handler")
	wantStatus(t, officer.get("/activations"), http.StatusOK)
	issue := url.Values{"code": {"91410702MA00AAC13X"}, "name": {"虚构丙有限公司"}, "division": {"410702"}, "role": {"representative"}}
	a := officer.post("/activations", issue)
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, `href="#f-code"`)
	issue.Set("code", "91410702MA00AAC13T")
	a = officer.post("/activations", issue)
	wantStatus(t, a, http.StatusOK)
	wantIn(t, a, "账号激活通知书", "虚构丙有限公司", c.public+prefix+"/activate")
	code := regexp.MustCompile(`<strong class="code">([0-9A-Z-]{23})</strong>`).FindStringSubmatch(a.body)
	if code == nil {
		t.Fatalf("no code: %s", a.body)
	}
	wantIn(t, officer.get("/activations?find=91410702MA00AAC13T"), "未使用")
	b := c.client()
	wantStatus(t, b.get("/activate"), http.StatusOK)
	form := url.Values{"activation": {code[1]}, "code": {"91410771MA00AAA104"}, "name": {"李演示"}, "username": {"bing.legal"}, "password": {"gt7-vk2-wq9x"}, "again": {"gt7-vk2-wq9x"}}
	a = b.post("/activate", form)
	wantStatus(t, a, http.StatusUnprocessableEntity)
	form.Set("code", "91410702ma00aac13t")
	if a = b.post("/activate", form); a.location() != "/sign-in?done=activated" {
		t.Fatalf("to %q: %s", a.location(), a.body)
	}
	if a = b.post("/sign-in", form); a.location() != "/first" {
		t.Fatalf("to %q", a.location())
	}
	wantIn(t, officer.get("/activations?find=91410702MA00AAC13T"), "已使用")
	// A subject sees nothing of the administration.
	jia := c.in("jia.agent")
	for _, path := range []string{"/organizations", "/organizations/lead", "/keys", "/proposals", "/activations", "/users/x"} {
		wantStatus(t, jia.get(path), http.StatusForbidden)
	}
	wantIn(t, jia.get("/organization"), "虚构甲科技有限公司", "jia.legal")
}

func TestKeyIsShownOnceAndRotates(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	security := c.in("lead.security")
	a := security.post("/keys", url.Values{"org": {"science"}, "name": {"项目审查系统"}})
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, `href="#f-scope"`)
	a = security.post("/keys", url.Values{"org": {"science"}, "name": {"项目审查系统"}, "scope": {"lookup"}})
	wantStatus(t, a, http.StatusOK)
	key := regexp.MustCompile(`ipc_([0-9A-Za-z]{12})_[0-9A-Za-z]{27}`).FindStringSubmatch(a.body)
	if key == nil {
		t.Fatalf("no key: %s", a.body)
	}
	if _, err := c.desk.staff.Key(t.Context(), "Bearer "+key[0], staff.ScopeLookup, c.now()); err != nil {
		t.Fatal(err)
	}
	list := security.get("/keys")
	if strings.Contains(list.body, key[0]) {
		t.Fatal("the list shows the key")
	}
	wantIn(t, list, "ipc_"+key[1]+"_…", "项目审查系统")
	a = security.post("/keys/"+key[1], url.Values{"do": {"rotate"}, "overlap": {"2026-09-30"}})
	wantStatus(t, a, http.StatusOK)
	if a = security.post("/keys/"+key[1], url.Values{"do": {"revoke"}}); a.location() != "/keys?done=revoked" {
		t.Fatalf("to %q", a.location())
	}
	if _, err := c.desk.staff.Key(t.Context(), "Bearer "+key[0], staff.ScopeLookup, c.now()); err == nil {
		t.Fatal("a revoked key works")
	}
}

func TestHeadDelegatesAndAppointsASubstitute(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	head := c.in("hongqi.approver")
	wantStatus(t, head.get("/organization/delegations"), http.StatusOK)
	form := url.Values{"office": {"hongqi-suo"}, "role": {"handler"}, "instrument": {"新测红委〔2026〕1号"}, "from": {"2026-09-18"}, "to": {"2026-09-17"}}
	a := head.post("/organization/delegations", form)
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, `href="#f-to"`, "新测红委〔2026〕1号")
	form.Set("to", "2026-10-18")
	if a = head.post("/organization/delegations", form); a.location() != "/organization?done=delegated" {
		t.Fatalf("to %q: %s", a.location(), a.body)
	}
	wantIn(t, head.get("/organization"), "新测红委〔2026〕1号", "生效中")
	suo := c.in("hongqi.suo")
	inbox := suo.get("/inbox")
	wantIn(t, inbox, "收到委托：新测红委〔2026〕1号", "未读")
	id := regexp.MustCompile(`name="id" value="([0-9A-Z]{26})"`).FindStringSubmatch(inbox.body)
	if a = suo.post("/inbox", url.Values{"id": {id[1]}}); a.location() != "/organization" {
		t.Fatalf("to %q", a.location())
	}
	wantIn(t, suo.get("/inbox"), "已读")
	members, err := c.desk.staff.Members(t.Context(), "hongqi")
	if err != nil {
		t.Fatal(err)
	}
	who := map[string]string{}
	for _, m := range members {
		who[m.Username] = m.ID
	}
	form = url.Values{"absent": {who["hongqi.approver"]}, "standIn": {who["hongqi.reviewer"]}, "role": {"approver"}, "from": {"2026-09-18"}, "to": {"2026-09-30"}}
	if a = head.post("/organization/substitutes", form); a.location() != "/organization?done=substituted" {
		t.Fatalf("to %q: %s", a.location(), a.body)
	}
	reviewer := c.in("hongqi.reviewer")
	wantIn(t, reviewer.get("/"), "审批（负责人）")
	wantStatus(t, reviewer.get("/organization/delegations"), http.StatusOK)
	handler := c.in("hongqi.handler")
	wantStatus(t, handler.get("/organization/delegations"), http.StatusForbidden)
}

func TestSessionsCanBeEndedFromTheAccountPage(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	first, second := c.in("hongqi.handler"), c.in("hongqi.handler")
	a := second.get("/account")
	ids := regexp.MustCompile(`name="id" value="([0-9a-f]{16})"`).FindAllStringSubmatch(a.body, -1)
	if len(ids) != 2 {
		t.Fatalf("%d sessions: %s", len(ids), a.body)
	}
	second.post("/account/sessions/end", url.Values{"id": {ids[1][1]}})
	wantStatus(t, first.do("GET", "/session", nil, "Accept", "application/json"), http.StatusUnauthorized)
	third := c.in("hongqi.handler")
	if a = second.post("/account/sessions/end-all", url.Values{}); a.location() != "/sign-in?done=signed-out" {
		t.Fatalf("to %q", a.location())
	}
	for _, b := range []*client{second, third} {
		wantStatus(t, b.do("GET", "/session", nil, "Accept", "application/json"), http.StatusUnauthorized)
	}
	fourth := c.in("hongqi.handler")
	stolen := token(t, fourth)
	fourth.post("/sign-out", url.Values{})
	wantStatus(t, c.client().do("GET", "/session", nil, "Accept", "application/json", "Cookie", "ipcredit="+stolen), http.StatusUnauthorized)
}

func TestTickEndsProposalsWhoeverCalls(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	auditor, _, err := c.desk.staff.UserByName(t.Context(), "lead.auditor")
	if err != nil {
		t.Fatal(err)
	}
	a := c.in("lead.system").post("/users/"+auditor.ID+"/orders", url.Values{"kind": {"reset"}, "reason": {"手机遗失"}})
	if a.location() != "/proposals?done=proposed" {
		t.Fatalf("to %q: %s", a.location(), a.body)
	}
	c.pass(8 * 24 * time.Hour)
	for range 3 {
		wantStatus(t, c.client().do("POST", "/", nil, "Accept", "*/*", "Sec-Fetch-Site", ""), http.StatusNoContent)
	}
	if n, err := c.desk.staff.Sweep(t.Context(), c.now()); err != nil || n != 0 {
		t.Errorf("%d proposals were left to sweep, %v", n, err)
	}
}

func TestSubjectIsFoundByItsCode(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	b := c.in("lead.system")
	list := b.get("/organizations")
	if strings.Contains(list.body, "虚构甲") {
		t.Error("the list holds subjects")
	}
	if a := b.get("/organizations?find=91410771ma00aaa104"); a.location() != "/organizations/subject-jia" {
		t.Errorf("to %q", a.location())
	}
	wantStatus(t, b.get("/organizations?find=91410771MA00AAA291"), http.StatusNotFound)
	a := b.get("/organizations?find=91410771MA00AAA105")
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, `href="#f-find"`, `value="91410771MA00AAA105"`)
}

func TestMachineGetsAProblemDocument(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	a := c.client().do("POST", "/sign-in", url.Values{"username": {"x"}}, "Accept", "application/json")
	wantStatus(t, a, http.StatusUnauthorized)
	wantIn(t, a, `"code":"staff.signin"`)
	a = c.client().do("GET", "/inbox", nil, "Accept", "application/json")
	wantStatus(t, a, http.StatusUnauthorized)
	b := c.in("lead.handler")
	a = b.do("GET", "/inbox", nil, "Accept", "application/json")
	wantStatus(t, a, http.StatusOK)
	wantIn(t, a, `{"results":[],"next":null}`)
}

func formOf(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v
}

// TestDeskLeadsToWhatThePersonWorksIn: an officer's desk begins with his work, in
// the functions that the city runs.
func TestDeskLeadsToWhatThePersonWorksIn(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	for _, tc := range []struct {
		user string
		want string // paths under /function/, in the order of the desk
	}{
		{"hongqi.handler", "case-handling/day case-handling/ case-handling/cases case-handling/applications case-handling/notices disclosure-publish/notices disclosure-publish/objections credit-repair/desk credit-share/"},
		{"lead.custodian", "case-handling/identities"},
		{"discipline.reviewer", "case-handling/day case-handling/ disclosure-publish/notices"},
		{"hongqi.suo", "case-handling/day case-handling/cases case-handling/notices"},
		{"science.inquirer", "case-handling/inquiries credit-share/"},
		{"province.supervisor", "case-handling/day case-handling/cases case-handling/applications case-handling/notices disclosure-publish/notices disclosure-publish/objections credit-repair/desk credit-share/ summary-report/"},
		{"lead.publisher", "disclosure-publish/notices disclosure-publish/objections credit-repair/desk disclosure-publish/catalog/desk credit-share/"},
		{"service.inquirer", "credit-share/"},
		{"hongqi.uploader", "material-intake/"},
		{"jia.legal", "credit-repair/records credit-repair/materials credit-repair/applications credit-repair/objections credit-repair/promises credit-repair/queries"},
		{"lead.system", ""},
	} {
		_, main, _ := strings.Cut(c.in(tc.user).get("/").body, `<ul class="cards">`)
		main, _, _ = strings.Cut(main, "</ul>")
		var got []string
		for _, m := range regexp.MustCompile(`href="/function/([^"]*)"`).FindAllStringSubmatch(main, -1) {
			if !strings.HasPrefix(m[1], "staff-session/") {
				got = append(got, m[1])
			}
		}
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s has the work\n%s\nwant\n%s", tc.user, strings.Join(got, " "), tc.want)
		}
	}
}

// TestHeadOfInspectionConfirmsForItsPeople walks the pages of a reset that the
// administrators cannot finish.
func TestHeadOfInspectionConfirmsForItsPeople(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	inspector := user(t, c, "discipline.handler")
	system, security, head := c.in("lead.system"), c.in("lead.security"), c.in("discipline.approver")
	wantIn(t, system.get("/users/"+inspector.ID), "须由该机构负责人确认")
	wantIn(t, system.get("/users/"+inspector.ID+"/orders?kind=reset"), "须由该机构负责人确认")
	if a := system.post("/users/"+inspector.ID+"/orders", formOf("kind", "reset", "reason", "手机遗失")); a.location() != "/proposals?done=proposed" {
		t.Fatalf("to %q: %s", a.location(), a.body)
	}
	wantIn(t, security.get("/proposals"), "等待纪检监察机构负责人确认", "discipline.handler")
	wantIn(t, head.get("/"), "/proposals")
	list := head.get("/proposals")
	if strings.Contains(list.body, prefix+"/users/") {
		t.Error("the head is led to pages of the administrators")
	}
	id := regexp.MustCompile(`/proposals/(p[0-9a-z]{26})`).FindStringSubmatch(list.body)
	if id == nil {
		t.Fatalf("no proposal: %s", list.body)
	}
	wantStatus(t, security.post("/proposals/"+id[1], formOf("decision", "confirm")), http.StatusForbidden)
	form := formOf("decision", "confirm", "ticket", strings.Repeat("A2", 13))
	wantIn(t, head.post("/proposals/"+id[1], form), "只显示这一次", "discipline.handler")
	again := head.post("/proposals/"+id[1], form)
	wantStatus(t, again, http.StatusOK)
	wantIn(t, again, "已经提交过", "discipline.handler", "请系统管理员再提出一次重置")
	wantStatus(t, c.in("hongqi.approver").get("/proposals"), http.StatusForbidden)
}

func TestEmployerIsRecordedByTheSystemAdministrator(t *testing.T) {
	t.Parallel()
	c := newCity(t, start)
	system := c.in("lead.system")
	form := formOf("org", "hongqi", "username", "lent.one", "name", "借调员", "employer", "虚构乙有限公司", "employerCode", "91410771MA00AAA290")
	a := system.post("/users", form)
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, `href="#f-employerCode"`, "<details open>")
	form.Set("employerCode", "91410771ma00aaa291")
	wantStatus(t, system.post("/users", form), http.StatusOK)
	u := user(t, c, "lent.one")
	if u.Employer.Code != "91410771MA00AAA291" || u.Employer.Name != "虚构乙有限公司" {
		t.Fatalf("%+v", u.Employer)
	}
	wantIn(t, system.get("/users/"+u.ID), "虚构乙有限公司", "91410771MA00AAA291")
	wantStatus(t, c.in("lead.security").post("/users/"+u.ID+"/employer", formOf("employer", "")), http.StatusForbidden)
	if a := system.post("/users/"+u.ID+"/employer", formOf("employer", "", "employerCode", "")); a.location() != "/users/"+u.ID+"?done=employer" {
		t.Fatalf("to %q: %s", a.location(), a.body)
	}
	if u = user(t, c, "lent.one"); u.Employer != (staff.Party{}) {
		t.Fatalf("%+v", u.Employer)
	}
}
