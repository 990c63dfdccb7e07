package function

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/batch"
	"ipcredit/shared/citytest"
	"ipcredit/shared/credit"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/open"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}

const prefix = "/function/material-intake"

var start = time.Date(2026, 5, 20, 2, 0, 0, 0, time.UTC)

// city is the function behind a gateway on the loopback interface, with the
// demonstration city's staff and a clock that only the test moves. Settings are
// the process's, so cities are made one after the other.
type city struct {
	t      testing.TB
	public string
	rdb    *redis.Client
	env    *open.Env
	dir    string // of the objects
	staff  citytest.Staff
	store  *batch.Store
	credit *credit.Store
	clock  citytest.Clock
}

// identities are made once: making one takes longer than most tests.
var identities = sync.OnceValues(func() (own, escrow seal.Identity) {
	own, err := seal.Generate()
	if err == nil {
		escrow, err = seal.Generate()
	}
	if err != nil {
		panic(err)
	}
	return own, escrow
})

func newCity(t testing.TB, rdb *redis.Client) *city {
	t.Helper()
	c := &city{t: t, rdb: rdb, dir: filepath.Join(t.TempDir(), "objects")}
	c.clock.Set(start)
	own, escrow := identities()
	secrets := citytest.Secrets(t, map[string]string{
		"material-identity": own.Reveal(), "escrow-recipient": escrow.Recipient().String(), "id-hash": strings.Repeat("k", 44),
		"unit-recipients": "410700 " + own.Recipient().String(),
	})
	gateway := http.NewServeMux()
	server := httptest.NewUnstartedServer(gateway)
	c.public = "http://" + server.Listener.Addr().String()
	open.Use(map[string]string{
		"redis_url": "redis://" + rdb.Options().Addr, "s3_url": "file://" + c.dir, "secret_mount_path": secrets,
		"public_url": c.public, "city": "410700", "demo": "1",
	})
	env, err := open.Open(Needs)
	if err != nil {
		t.Fatal(err)
	}
	env.Now = c.clock.Now
	c.env = env
	mux, err := routes(env)
	if err != nil {
		t.Fatal(err)
	}
	gateway.Handle(prefix+"/", http.StripPrefix(prefix, fn.HTTP(mux.Serve)))
	gateway.HandleFunc("/function/staff-session/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!DOCTYPE html><html lang="zh-CN"><title>登录</title><h1>登录</h1>`)
	})
	server.Start()
	t.Cleanup(server.Close)

	c.staff = citytest.NewStaff(t, env.Journal, c.clock.Now())
	c.store, c.credit = batch.NewStore(env.Journal), credit.NewStore(env.Journal, credit.Shipped())
	c.as("").get("/readyz") // the mux reads its settings at the first call
	return c
}

// embedded is a city on the embedded server.
func embedded(t testing.TB) *city { return newCity(t, redistest.Embedded(t)) }

// key makes an API key of the organisation.
func (c *city) key(org, until string, scopes ...staff.Scope) string {
	c.t.Helper()
	u, known, err := c.staff.UserByName(c.t.Context(), "lead.security")
	if err != nil || !known {
		c.t.Fatal("no security administrator", err)
	}
	by, err := c.staff.Actor(c.t.Context(), u.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	_, text, err := c.staff.IssueKey(c.t.Context(), by, staff.KeyOrder{Org: org, Name: "test", Scopes: scopes, Until: until}, c.clock.Now())
	if err != nil {
		c.t.Fatal(err)
	}
	return text
}

func (c *city) signIn(name string) string { c.t.Helper(); return c.staff.Session(c.t, name, &c.clock) }

// client sends requests as one caller.
type client struct {
	c      *city
	header http.Header
}

// as is a program with a key; "" is the material key of the lead bureau.
func (c *city) as(key string) client {
	if key == "" {
		key = c.staff.Demo.APIKeys[staff.ScopeMaterial]
	}
	return client{c, http.Header{"Authorization": {"Bearer " + key}}}
}

// anybody is a program without a key.
func (c *city) anybody() client { return client{c, http.Header{}} }

// browser is a signed-in user's, or with "" that of somebody who is not.
func (c *city) browser(user string) client {
	h := http.Header{"Accept": {"text/html,application/xhtml+xml"}, "Sec-Fetch-Site": {"same-origin"}}
	if user != "" {
		h.Set("Cookie", staff.CookiePlain+"="+c.signIn(user))
	}
	return client{c, h}
}

func (k client) with(pairs ...string) client {
	k.header = k.header.Clone()
	for i := 0; i+1 < len(pairs); i += 2 {
		k.header.Set(pairs[i], pairs[i+1])
	}
	return k
}

type answer struct {
	*http.Response
	body []byte
}

func (k client) do(method, target string, body io.Reader) answer {
	k.c.t.Helper()
	if !strings.HasPrefix(target, "http") {
		target = k.c.public + prefix + target
	}
	r, err := http.NewRequestWithContext(k.c.t.Context(), method, target, body)
	if err != nil {
		k.c.t.Fatal(err)
	}
	r.Header = k.header.Clone()
	w, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		k.c.t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		k.c.t.Fatal(err)
	}
	return answer{w, text}
}

func (k client) get(path string) answer { return k.do("GET", path, nil) }

func (k client) post(query string, body []byte) answer {
	k.c.t.Helper()
	return k.do("POST", "/batches?"+query, bytes.NewReader(body))
}

// form sends a file as a browser's form does; fields are names and values.
func (k client) form(query string, file []byte, fields ...string) answer {
	k.c.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(fields); i += 2 {
		_ = w.WriteField(fields[i], fields[i+1])
	}
	name := "表.csv"
	if file == nil {
		name = ""
	}
	part, _ := w.CreatePart(map[string][]string{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="file"; filename="%s"`, name)}, "Content-Type": {"application/octet-stream"},
	})
	_, _ = part.Write(file)
	_ = w.Close()
	return k.with("Content-Type", w.FormDataContentType()).post(query, b.Bytes())
}

// told is an answer about a batch, or a problem document.
type toldBatch struct {
	ID         string
	Kind       string
	State      string
	Rows       int
	Total      int
	Accepted   int
	Corrected  int
	Duplicates int
	Rejected   int
	Held       int
	MoreErrors bool
	Errors     []struct {
		Row                  int
		Field, Code, Message string
	}
	Code, Detail, Title string
	Status              int
	Problem             *fn.Problem
}

func (a answer) read(t testing.TB) toldBatch {
	t.Helper()
	var b toldBatch
	if err := json.Unmarshal(a.body, &b); err != nil {
		t.Fatalf("%d %s: %v", a.StatusCode, a.body, err)
	}
	return b
}

// done polls a batch that was answered 202 until it is finished.
func (k client) done(a answer) toldBatch {
	k.c.t.Helper()
	if a.StatusCode != http.StatusAccepted && a.StatusCode != http.StatusCreated {
		k.c.t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	b := a.read(k.c.t)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		k.c.clock.Pass(time.Second) // the key's rate is counted on the city's clock
		now := k.get("/batches/" + b.ID)
		if now.StatusCode != http.StatusOK {
			k.c.t.Fatalf("%d %s", now.StatusCode, now.body)
		}
		if b = now.read(k.c.t); b.State == "done" || b.State == "failed" {
			return b
		}
		select {
		case <-k.c.t.Context().Done():
			k.c.t.Fatal("the batch was never finished")
		case <-again.C:
		}
	}
}

// code is the i-th fictitious credit code.
func code(i int) string {
	c, err := ident.MakeUSCC(fmt.Sprintf("91410702MA%06d", i))
	if err != nil {
		panic(err)
	}
	return string(c)
}

var header = []string{"CF_WSH", "行政相对人名称", "统一社会信用代码", "CF_WFXW", "CF_SY", "CF_YJ", "CF_CFLB", "CF_NR", "CF_NR_FK", "CF_JDRQ", "处罚机关", "CF_CFJGDM"}

// Places in header.
const (
	atNumber = iota
	atName
	atCode
	atViolation
	atFacts
	atBasis
	atClasses
	atText
	atFine
	atDate
	atAuthority
	atAuthorityCode
)

func penalty(i int) []string {
	return []string{fmt.Sprintf("新测市监处罚〔2026〕%d号", i+1), fmt.Sprintf("新乡市测试第%d机械有限公司", i), code(i),
		"商标侵权", "销售侵权商品", "《商标法》第六十条", "罚款", "罚款人民币20000元", "2", "2026/04/29", "新乡市市场监督管理局", "11410700000000019U"}
}

func penalties(n int) [][]string {
	rows := make([][]string, n)
	for i := range rows {
		rows[i] = penalty(i)
	}
	return rows
}

func spoilt(row []string, at int, value string) []string {
	row = slices.Clone(row)
	row[at] = value
	return row
}

func table(header []string, rows ...[]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(header)
	_ = w.WriteAll(rows)
	return b.Bytes()
}
