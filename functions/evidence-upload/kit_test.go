package function

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/citytest"
	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/objects"
	"ipcredit/shared/open"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	if at := os.Getenv("EVIDENCE_AT"); at != "" {
		if err := asAClient(at, os.Getenv("EVIDENCE_SIZE")); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	m.Run()
}

const prefix = "/function/evidence-upload"

var begun = time.Date(2026, 5, 20, 2, 0, 0, 0, time.UTC)

// city is the function behind a gateway on the loopback interface, with the
// demonstration city's staff and a clock that only the test moves. Settings are
// the process's, so cities are made one after the other.
type city struct {
	t      testing.TB
	public string
	rdb    *redis.Client
	env    *open.Env
	dir    string // of the objects
	desk   *desk
	boxes  *evidence.Store
	staff  citytest.Staff
	clock  citytest.Clock
	server *httptest.Server
	known  map[string]seal.Recipient // receipts that open a tip-off's endpoint
}

// keys are made once: making one takes longer than most tests.
var keys = sync.OnceValue(func() map[string]seal.Identity {
	m := map[string]seal.Identity{}
	for _, name := range []string{"410700", "410702", "escrow", "draft"} {
		id, err := seal.Generate()
		if err != nil {
			panic(err)
		}
		m[name] = id
	}
	return m
})

func newCity(t testing.TB, rdb *redis.Client) *city {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "objects")
	c := cityWith(t, rdb, map[string]string{"s3_url": "file://" + dir})
	c.dir = dir
	return c
}

func cityWith(t testing.TB, rdb *redis.Client, settings map[string]string) *city {
	t.Helper()
	c := &city{t: t, rdb: rdb, known: map[string]seal.Recipient{}}
	c.clock.Set(begun)
	secrets := citytest.Secrets(t, map[string]string{
		"escrow-recipient": keys()["escrow"].Recipient().String(),
		"unit-recipients":  "410700 " + keys()["410700"].Recipient().String() + "\n410702 " + keys()["410702"].Recipient().String(),
	})
	gateway := http.NewServeMux()
	c.server = httptest.NewUnstartedServer(gateway)
	c.public = "http://" + c.server.Listener.Addr().String()
	open.Use(map[string]string{
		"redis_url": "redis://" + rdb.Options().Addr, "secret_mount_path": secrets,
		"public_url": c.public, "city": "410700", "demo": "1", "exec_timeout": "60s", "read_timeout": "60s", "quick_exit_url": exitSite,
	})
	open.Use(settings)
	env, err := open.Open(Needs)
	if err != nil {
		t.Fatal(err)
	}
	env.Now = c.clock.Now
	c.env = env
	if c.desk, err = newDesk(env); err != nil {
		t.Fatal(err)
	}
	c.desk.reports = c
	c.boxes = c.desk.evidence
	gateway.Handle(prefix+"/", http.StripPrefix(prefix, fn.HTTP(c.desk.mux().Serve)))
	for _, other := range []string{"/function/report-intake/", "/function/portal/"} {
		gateway.HandleFunc(other, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = fmt.Fprintf(w, `<!DOCTYPE html><html lang="zh-CN"><title>返回</title><h1 id="returned">%s %s</h1>`, r.Method, r.PostFormValue("draft"))
		})
	}
	c.server.Start()
	t.Cleanup(c.server.Close)

	c.staff = citytest.NewStaff(t, env.Journal, c.clock.Now())
	c.client().get("/readyz") // the mux reads its settings at the first call
	return c
}

// Admit stands in for the gate of tip-offs, which has its own tests.
func (c *city) Admit(_ context.Context, claim tipoff.Claim, _ time.Time) (tipoff.Report, seal.Recipient, error) {
	to, ok := c.known[claim.Number+" "+claim.Receipt]
	if !ok || claim.Network == "" || strings.Contains(claim.Network, "127.0.0") {
		return tipoff.Report{}, to, fault.New(fault.NotFound, "tipoff.unknown")
	}
	return tipoff.Report{Number: claim.Number}, to, nil
}

func embedded(t testing.TB) *city { return newCity(t, redistest.Embedded(t)) }

// draft opens a reporter's box and returns its token.
func (c *city) draft() string {
	c.t.Helper()
	token, _, err := c.boxes.OpenBox(c.t.Context(), evidence.BoxSpec{
		For: evidence.Draft, To: keys()["draft"].Recipient(), Until: c.clock.Now().Add(7 * 24 * time.Hour), Return: "report-intake/report/evidence",
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return token
}

func (c *city) box(token string) string {
	c.t.Helper()
	id, err := evidence.BoxOf(token)
	if err != nil {
		c.t.Fatal(err)
	}
	return id
}

// opens fails the test unless file n of the token's box opens to the content.
func (c *city) opens(token string, n int, id seal.Identity, want []byte) seal.Manifest {
	c.t.Helper()
	var got bytes.Buffer
	m, _, err := c.boxes.Copy(c.t.Context(), &got, c.box(token), n, id)
	if err != nil {
		c.t.Fatalf("file %d: %v", n, err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		c.t.Errorf("file %d has %d bytes, want %d", n, got.Len(), len(want))
	}
	return m
}

func (c *city) objects() []objects.Info {
	c.t.Helper()
	var all []objects.Info
	for info, err := range c.env.Objects.Main.List(c.t.Context(), "evidence/", "") {
		if err != nil {
			c.t.Fatal(err)
		}
		all = append(all, info)
	}
	return all
}

// client sends requests as one caller.
type client struct {
	c      *city
	header http.Header
}

func (c *city) client() client { return client{c, http.Header{}} }

// tus is a client that speaks the protocol.
func (c *city) tus() client { return c.client().with("Tus-Resumable", "1.0.0") }

func (c *city) key(scope staff.Scope) client {
	return c.client().with("Authorization", "Bearer "+c.staff.Demo.APIKeys[scope])
}

func (c *city) browser(user string) client {
	k := c.client().with("Accept", "text/html,application/xhtml+xml", "Sec-Fetch-Site", "same-origin")
	if user != "" {
		k = k.with("Cookie", staff.CookiePlain+"="+c.signIn(user))
	}
	return k
}

func (c *city) signIn(name string) string { c.t.Helper(); return c.staff.Session(c.t, name, &c.clock) }

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

func (k client) try(method, target string, body io.Reader) (answer, error) {
	if strings.HasPrefix(target, "/function/") {
		target = k.c.public + target
	} else if !strings.HasPrefix(target, "http") {
		target = k.c.public + prefix + target
	}
	r, err := http.NewRequestWithContext(k.c.t.Context(), method, target, body)
	if err != nil {
		return answer{}, err
	}
	r.Header = k.header.Clone()
	w, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = w.Body.Close() }()
	text, err := io.ReadAll(w.Body)
	return answer{w, text}, err
}

func (k client) do(method, target string, body []byte) answer {
	k.c.t.Helper()
	a, err := k.try(method, target, bytes.NewReader(body))
	if err != nil {
		k.c.t.Fatal(err)
	}
	return a
}

func (k client) get(path string) answer { return k.do("GET", path, nil) }

// begin creates an upload and returns its address.
func (k client) begin(token string, size int, pairs ...string) answer {
	k.c.t.Helper()
	return k.with("Upload-Length", strconv.Itoa(size), "Upload-Metadata", metadata(append([]string{"filename", "现场.jpg"}, pairs...)...)).do("POST", "/files/"+token, nil)
}

func metadata(pairs ...string) string {
	var all []string
	for i := 0; i+1 < len(pairs); i += 2 {
		all = append(all, pairs[i]+" "+base64.StdEncoding.EncodeToString([]byte(pairs[i+1])))
	}
	return strings.Join(all, ",")
}

func (k client) patch(at string, offset int, body []byte) answer {
	k.c.t.Helper()
	return k.with("Upload-Offset", strconv.Itoa(offset), "Content-Type", octets).do("PATCH", at, body)
}

func (a answer) location() string { return a.Header.Get("Location") }

// is fails the test unless the answer has this status and, with a code, is a
// problem document of that code.
func (a answer) is(t testing.TB, status int, code string) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("%s %s: %d, want %d: %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.body)
		return
	}
	if code == "" || a.Request.Method == "HEAD" {
		return
	}
	var p fn.Problem
	if err := json.Unmarshal(a.body, &p); err != nil || p.Code != code || p.Detail == "" || strings.Contains(p.Detail, "〔") {
		t.Errorf("%s %s: %s, want %s", a.Request.Method, a.Request.URL.Path, a.body, code)
	}
}

func (k client) offset(at string) string {
	k.c.t.Helper()
	a := k.do("HEAD", at, nil)
	a.is(k.c.t, 200, "")
	return a.Header.Get("Upload-Offset")
}

// picture is n bytes that begin as a JPEG and that nobody can guess.
func picture(n int, seed uint64) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	b := make([]byte, n)
	_, _ = r.Read(b)
	copy(b, "\xff\xd8\xff\xe0")
	return b
}

// form sends a file as a browser's form does; fields are names and values.
func (k client) form(path, name string, file []byte, fields ...string) answer {
	k.c.t.Helper()
	body, media := multi(name, file, fields...)
	return k.with("Content-Type", media, "Accept", "text/html").do("POST", path, body)
}

func multi(name string, file []byte, fields ...string) (body []byte, media string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(fields); i += 2 {
		_ = w.WriteField(fields[i], fields[i+1])
	}
	part, _ := w.CreatePart(map[string][]string{
		"Content-Disposition": {fmt.Sprintf(`form-data; name="file"; filename="%s"`, name)}, "Content-Type": {"application/octet-stream"},
	})
	_, _ = part.Write(file)
	_ = w.Close()
	return b.Bytes(), w.FormDataContentType()
}
