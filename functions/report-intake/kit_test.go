package function

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/credit"
	"ipcredit/shared/evidence"
	"ipcredit/shared/fn"
	"ipcredit/shared/journal"
	"ipcredit/shared/notary"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/subject"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}

const (
	prefix = "/function/report-intake"
	away   = "https://away.example/"
	firm   = "91410771MA00AAA104"
)

var start = time.Date(2026, 9, 18, 2, 0, 0, 0, time.UTC)

// city is the function behind a gateway on the loopback interface, with a clock
// that only the test moves.
type city struct {
	t       testing.TB
	public  string
	rdb     *redis.Client
	env     *open.Env
	desk    *desk
	dir     string // of the objects
	secrets string // folder
	clock   citytest.Clock
}

// parties are those whom everything is sealed to, made once.
var parties = sync.OnceValue(func() (p struct {
	units             map[string]seal.Identity
	escrow, custodian seal.Identity
}) {
	p.units = map[string]seal.Identity{}
	make := func() seal.Identity {
		id, err := seal.Generate()
		if err != nil {
			panic(err)
		}
		return id
	}
	for _, label := range staff.UnitLabels() {
		p.units[label] = make()
	}
	p.escrow, p.custodian = make(), make()
	return p
})

// settings are those of a test, in pairs of name and value.
func newCity(t testing.TB, rdb *redis.Client, settings ...string) *city {
	t.Helper()
	c := &city{t: t, rdb: rdb, dir: filepath.Join(t.TempDir(), "objects")}
	c.clock.Set(start)
	gateway := http.NewServeMux()
	server := httptest.NewUnstartedServer(gateway)
	c.public = "http://" + server.Listener.Addr().String()
	origin, err := notary.Origin(c.public, "410700", notary.Intake)
	if err != nil {
		t.Fatal(err)
	}
	key, err := notary.NewKey(origin)
	if err != nil {
		t.Fatal(err)
	}
	units := ""
	for label, id := range parties().units {
		units += label + " " + id.Recipient().String() + "\n"
	}
	c.secrets = citytest.Secrets(t, map[string]string{
		"unit-recipients": units, "escrow-recipient": parties().escrow.Recipient().String(),
		"custodian-recipient": parties().custodian.Recipient().String(), "intake-mac": strings.Repeat("m", 44), "receipt-signing": key,
	})
	values := map[string]string{
		"redis_url": "redis://" + rdb.Options().Addr, "s3_url": "file://" + c.dir, "secret_mount_path": c.secrets,
		"public_url": c.public, "city": "410700", "demo": "1", "quick_exit_url": away, "report_frame_ancestors": "",
	}
	for i := 0; i+1 < len(settings); i += 2 {
		values[settings[i]] = settings[i+1]
	}
	open.Use(values)
	if c.env, err = open.Open(Needs); err != nil {
		t.Fatal(err)
	}
	c.env.Now = c.clock.Now
	if c.desk, err = openDesk(c.env); err != nil {
		t.Fatal(err)
	}
	mux := c.desk.mux()
	gateway.Handle(prefix+"/", http.StripPrefix(prefix, fn.HTTP(mux.Serve)))
	gateway.HandleFunc("/function/evidence-upload/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!DOCTYPE html><html lang="zh-CN"><title>上传</title><link rel="icon" href="data:,"><main><h1>上传</h1><a href="`+prefix+`/report/evidence">返回</a></main>`)
	})
	server.Start()
	t.Cleanup(server.Close)
	if a := c.program().get("/readyz"); a.StatusCode != 200 { // the mux reads its settings at the first call
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	return c
}

func embedded(t testing.TB, settings ...string) *city {
	return newCity(t, redistest.Embedded(t), settings...)
}

// firms registers fictitious subjects.
func (c *city) firms() {
	c.t.Helper()
	if _, _, err := credit.NewStore(c.env.Journal, credit.Shipped()).Apply(c.t.Context(), credit.Change{
		Entry: journal.Entry{Actor: "test", Action: "credit.import", Ref: "test", At: c.clock.Now()},
		Subjects: []subject.Subject{
			{Code: firm, Name: "新乡市虚构甲科技有限公司", Kind: "enterprise", District: "410771"},
			{Code: "91410771MA00AAA291", Name: "新乡市虚构乙机械有限公司", Kind: "enterprise", District: "410771"},
		},
	}); err != nil {
		c.t.Fatal(err)
	}
}

// client is one browser or program: its cookies and headers.
type client struct {
	c      *city
	http   *http.Client
	header http.Header
}

// browser is somebody's browser; without cookies it keeps none.
func (c *city) browser(cookies bool) *client {
	k := &client{c: c, header: http.Header{"Accept": {"text/html,application/xhtml+xml"}, "Sec-Fetch-Site": {"same-origin"}, "X-Forwarded-For": {"192.0.2.7"}}}
	k.http = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if cookies {
		jar, err := cookiejar.New(nil)
		if err != nil {
			c.t.Fatal(err)
		}
		k.http.Jar = jar
	}
	return k
}

// program sends documents.
func (c *city) program() *client {
	k := c.browser(false)
	k.header = http.Header{"X-Forwarded-For": {"198.51.100.7"}}
	return k
}

func (k *client) with(pairs ...string) *client {
	next := *k
	next.header = k.header.Clone()
	for i := 0; i+1 < len(pairs); i += 2 {
		next.header.Set(pairs[i], pairs[i+1])
	}
	return &next
}

// answer is a response read to its end.
type answer struct {
	*http.Response
	body string
}

func (k *client) do(method, target, media, body string) answer {
	k.c.t.Helper()
	if strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "/function/") {
		target = prefix + target
	}
	if !strings.HasPrefix(target, "http") {
		target = k.c.public + target
	}
	var from io.Reader
	if method != http.MethodGet {
		from = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(k.c.t.Context(), method, target, from)
	if err != nil {
		k.c.t.Fatal(err)
	}
	r.Header = k.header.Clone()
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	w, err := k.http.Do(r)
	if err != nil {
		k.c.t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		k.c.t.Fatal(err)
	}
	return answer{w, string(text)}
}

func (k *client) get(path string) answer { k.c.t.Helper(); return k.do("GET", path, "", "") }

func (k *client) form(path string, v url.Values) answer {
	k.c.t.Helper()
	return k.do("POST", path, "application/x-www-form-urlencoded", v.Encode())
}

func (k *client) json(path string, v any) answer {
	k.c.t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		k.c.t.Fatal(err)
	}
	return k.do("POST", path, "application/json", string(body))
}

// follow goes where a redirect leads.
func (k *client) follow(a answer) answer {
	k.c.t.Helper()
	if a.StatusCode == http.StatusSeeOther {
		return k.get(a.Header.Get("Location"))
	}
	return a
}

var (
	hiddenInput = regexp.MustCompile(`<input type="hidden" name="([a-z.]+)" value="([^"]*)">`)
	mainForm    = regexp.MustCompile(`(?s)<form[^>]*action="[^"]*(?:/report/[a-z]+|/reports|/receipt/saved|/track/messages)"[^>]*>.*?</form>`)
)

// fields are the hidden fields of the page's main form: the last that a step has.
func (a answer) fields() url.Values {
	v := url.Values{}
	forms := mainForm.FindAllString(a.body, -1)
	if len(forms) == 0 {
		return v
	}
	for _, m := range hiddenInput.FindAllStringSubmatch(forms[len(forms)-1], -1) {
		v.Set(m[1], m[2])
	}
	return v
}

// step sends the form of the page with more fields, in pairs, and shows what
// comes.
func (k *client) step(on answer, path string, pairs ...string) answer {
	k.c.t.Helper()
	v := on.fields()
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return k.follow(k.form(path, v))
}

func wantStatus(t testing.TB, a answer, status int) {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: %d, want %d: %s", a.Request.Method, a.Request.URL, a.StatusCode, status, a.body)
	}
}

func wantIn(t testing.TB, a answer, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if !strings.Contains(a.body, s) {
			t.Fatalf("%s %s lacks %q: %s", a.Request.Method, a.Request.URL, s, a.body)
		}
	}
}

func say(key string, args ...any) string { return page.Say(page.ZH, key, args...) }

// missingWord finds a key that the catalogue has no sentence for; document numbers
// have the same brackets.
var missingWord = regexp.MustCompile(`〔[a-z][a-z-]*\.`)

// story is what the walks of the tests tell.
const story = "2026年3月起，该公司编造了二十件实用新型专利申请，附图与他人的完全相同。"

// fill walks to the last page.
func (k *client) fill() answer {
	k.c.t.Helper()
	a := k.get("/report/kind")
	wantStatus(k.c.t, a, 200)
	k.c.clock.Pass(20 * time.Second)
	a = k.step(a, "/report/kind", "kind", "abnormal-filing-agency")
	wantIn(k.c.t, a, say("report-intake.step.whom"))
	a = k.step(a, "/report/whom", "party", "虚构的代理公司")
	wantIn(k.c.t, a, say("report-intake.step.what"))
	a = k.step(a, "/report/what", "narrative", story, "occurredOn", "2026年3月5日", "numbers", "202510999999.3")
	wantIn(k.c.t, a, say("report-intake.step.evidence"))
	a = k.step(a, "/report/evidence")
	wantIn(k.c.t, a, say("report-intake.step.who"))
	a = k.step(a, "/report/who", "anonymous", "yes")
	wantIn(k.c.t, a, say("report-intake.step.check"), story)
	return a
}

var (
	numberOf  = regexp.MustCompile(`id="report-number">([0-9 ]+)<`)
	receiptOf = regexp.MustCompile(`id="report-receipt">(.*?)</dd>`)
	tags      = regexp.MustCompile(`<[^>]*>`)
)

// given is number and receipt that a page shows.
func (a answer) given(t testing.TB) (number, receipt string) {
	t.Helper()
	n, r := numberOf.FindStringSubmatch(a.body), receiptOf.FindStringSubmatch(a.body)
	if n == nil || r == nil {
		t.Fatalf("%d: no receipt in %s", a.StatusCode, a.body)
	}
	return strings.ReplaceAll(n[1], " ", ""), tags.ReplaceAllString(r[1], "")
}

// lodged is a report sent by a program.
func (c *city) lodged(extra ...any) lodgedAnswer {
	c.t.Helper()
	body := report(extra...)
	a := c.program().json("/reports", body)
	wantStatus(c.t, a, http.StatusCreated)
	var out lodgedAnswer
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		c.t.Fatal(err)
	}
	return out
}

// report is a document; extra are members in pairs.
func report(extra ...any) map[string]any {
	body := map[string]any{
		"kind": "counterfeit", "parties": []map[string]string{{"name": "虚构的商店", "code": firm}}, "narrative": story, "anonymous": true, "language": "zh",
	}
	for i := 0; i+1 < len(extra); i += 2 {
		body[extra[i].(string)] = extra[i+1]
	}
	return body
}

// put puts a file into a box, as the upload function does.
func (c *city) put(token, name string, data []byte) {
	c.t.Helper()
	ctx := c.t.Context()
	store := c.desk.evidence
	b, err := store.Open(ctx, token)
	if err != nil {
		c.t.Fatal(err)
	}
	f, err := store.Create(ctx, b, evidence.NewFile{Name: name, Type: "text/plain", Size: int64(len(data))})
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := store.Append(ctx, b, f.N, 0, data); err != nil {
		c.t.Fatal(err)
	}
}
