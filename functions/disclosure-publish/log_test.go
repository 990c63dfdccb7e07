package function

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/citytest"
	"ipcredit/shared/fn"
	"ipcredit/shared/journal"
	"ipcredit/shared/notary"
	"ipcredit/shared/objects"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}

const prefix = "/function/disclosure-publish"

var start = time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC)

// city is the function behind its edge on the loopback interface. Settings are
// the process's, so cities are made one after the other.
type city struct {
	t    testing.TB
	env  *open.Env
	url  string
	dir  string // of the objects
	key  *notary.Key
	open *notary.Verifier
}

func newCity(t testing.TB, rdb *redis.Client) *city {
	t.Helper()
	c := &city{t: t, dir: filepath.Join(t.TempDir(), "objects")}
	secret, err := notary.NewKey("credit.example.cn/410700/disclosure")
	if err != nil {
		t.Fatal(err)
	}
	notices, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	escrow, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	secrets := citytest.Secrets(t, map[string]string{
		"log-key": secret, "notice-identity": notices.Reveal(), "escrow-recipient": escrow.Recipient().String(),
	})
	if c.key, err = notary.ParseKey([]byte(secret)); err != nil {
		t.Fatal(err)
	}
	if c.open, err = notary.ParsePublic(c.key.Public()); err != nil {
		t.Fatal(err)
	}
	gateway := http.NewServeMux()
	server := httptest.NewUnstartedServer(gateway)
	public := "http://" + server.Listener.Addr().String()
	open.Use(map[string]string{
		"redis_url": "redis://" + rdb.Options().Addr, "s3_url": "file://" + c.dir, "secret_mount_path": secrets,
		"public_url": public, "city": "410700", "demo": "1",
	})
	if c.env, err = open.Open(Needs); err != nil {
		t.Fatal(err)
	}
	c.env.Now = func() time.Time { return start }
	mux, err := routes(c.env)
	if err != nil {
		t.Fatal(err)
	}
	gateway.Handle(prefix+"/", http.StripPrefix(prefix, fn.HTTP(mux.Serve)))
	server.Start()
	t.Cleanup(server.Close)
	c.url = public + prefix
	return c
}

// queue queues leaves, as functions without the key do.
func (c *city) queue(from, to int) {
	c.t.Helper()
	l := notary.Open(c.env.Journal, nil, notary.Disclosure, nil)
	err := c.env.Journal.Commit(context.Background(), journal.Entry{Actor: "t", Action: "test.queue", At: start}, nil,
		func(tx *journal.Tx) error {
			for i := from; i < to; i++ {
				leaf := notary.Leaf{
					V: 1, Event: "profile", At: "2026-11-24T01:00:00Z",
					Commitment: notary.Commit(make([]byte, notary.SaltSize), []byte(strconv.Itoa(i))),
				}
				if err := l.Queue(tx, fmt.Sprintf("leaf/%06d", i), leaf, c.env.Journal.Key("test", strconv.Itoa(i))); err != nil {
					return err
				}
			}
			return nil
		})
	if err != nil {
		c.t.Fatal(err)
	}
}

// tick is the cron connector's call; a minute has passed since the last.
func (c *city) tick() {
	c.t.Helper()
	if err := c.env.Redis.Del(context.Background(), c.env.Journal.Tmp("tick", Needs.Function)).Err(); err != nil {
		c.t.Fatal(err)
	}
	if a := c.ask(http.MethodPost, "/", nil); a.status != http.StatusNoContent {
		c.t.Fatalf("tick: %d %s", a.status, a.body)
	}
}

// lose takes an object away where the store keeps it.
func (c *city) lose(name string) {
	c.t.Helper()
	gone := 0
	err := filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(filepath.ToSlash(path), name) {
			gone++
			err = os.Remove(path)
		}
		return err
	})
	if err != nil || gone == 0 {
		c.t.Fatalf("%d files of %s (%v)", gone, name, err)
	}
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (c *city) ask(method, path string, header map[string]string) answer {
	c.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, c.url+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{res.StatusCode, res.Header, body}
}

// Checkpoint and Object make the city a source for an audit.
func (c *city) Checkpoint(ctx context.Context) ([]byte, error) { return c.Object(ctx, "checkpoint") }

func (c *city) Object(_ context.Context, path string) ([]byte, error) {
	switch a := c.ask(http.MethodGet, "/"+path, nil); a.status {
	case http.StatusOK:
		return a.body, nil
	case http.StatusNotFound, http.StatusGone:
		return nil, notary.ErrNotFound
	default:
		return nil, fmt.Errorf("%s: %d", path, a.status)
	}
}

// TestLogIsServedAsTlogTiles: paths, types, caching and access from other
// origins are those of C2SP's tlog-tiles, and what is served passes an audit.
func TestLogIsServedAsTlogTiles(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		if a := c.ask(http.MethodGet, "/checkpoint", nil); a.status != http.StatusNotFound {
			t.Errorf("checkpoint before the first tick: %d", a.status)
		}
		c.tick()
		first := c.ask(http.MethodGet, "/checkpoint", nil)
		if h, err := c.open.Checkpoint(first.body); err != nil || h.Size != 0 {
			t.Errorf("first checkpoint: %+v (%v)", h, err)
		}
		c.queue(0, 300)
		c.tick()
		const immutable = "public, max-age=31536000, immutable"
		for _, tt := range []struct {
			path, media, cache string
			status             int
		}{
			{"/checkpoint", "text/plain; charset=utf-8", "no-cache", 200},
			{"/tile/0/000", "application/octet-stream", immutable, 200},
			{"/tile/0/001.p/44", "application/octet-stream", immutable, 200},
			{"/tile/1/000.p/1", "application/octet-stream", immutable, 200},
			{"/tile/entries/000", "application/octet-stream", immutable, 200},
			{"/tile/entries/001.p/44", "application/octet-stream", immutable, 200},
			{"/log/0/proof", "text/plain; charset=utf-8", "public, max-age=300", 200},
			{"/log/299/proof", "text/plain; charset=utf-8", "public, max-age=300", 200},
			{"/log/key", "text/plain; charset=utf-8", "public, max-age=300", 200},
			{"/tile/0/001", "", "", 404},
			{"/tile/0/001.p/45", "", "", 404},
			{"/tile/entries/002.p/1", "", "", 404},
			{"/tile/8/0/000", "", "", 404},
			{"/tile/entries/..%2f..%2f410700", "", "", 404},
			{"/log/300/proof", "", "", 404},
			{"/log/-1/proof", "", "", 404},
			{"/log/007/proof", "", "", 404},
			{"/log/x/proof", "", "", 404},
			{"/log/9223372036854775807/proof", "", "", 404},
			{"/log/99999999999999999999/proof", "", "", 404},
		} {
			a := c.ask(http.MethodGet, tt.path, map[string]string{"Origin": "https://elsewhere.example"})
			if a.status != tt.status {
				t.Errorf("%s: %d", tt.path, a.status)
				continue
			}
			if a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Set-Cookie") != "" {
				t.Errorf("%s cannot be read from another origin: %v", tt.path, a.header)
			}
			if tt.status != http.StatusOK {
				if strings.Contains(a.header.Get("Cache-Control"), "immutable") {
					t.Errorf("%s: that there is nothing yet is kept for ever", tt.path)
				}
				continue
			}
			if got := a.header.Get("Content-Type"); got != tt.media {
				t.Errorf("%s is %s", tt.path, got)
			}
			if got := a.header.Get("Cache-Control"); got != tt.cache {
				t.Errorf("%s may be cached %q", tt.path, got)
			}
			again := c.ask(http.MethodGet, tt.path, map[string]string{"If-None-Match": a.header.Get("ETag")})
			if again.status != http.StatusNotModified || len(again.body) != 0 {
				t.Errorf("%s again: %d, %d bytes", tt.path, again.status, len(again.body))
			}
		}
		f, err := notary.Audit(t.Context(), c, c.open, [][]byte{first.body}, nil)
		if err != nil || f.Size != 300 {
			t.Errorf("audit: %d entries (%v)", f.Size, err)
		}
		for _, i := range []int{0, 255, 256, 299} {
			proof, err := notary.ParseProof(c.ask(http.MethodGet, fmt.Sprintf("/log/%d/proof", i), nil).body)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := proof.Verify(proof.Extra, c.open); err != nil || proof.Index != int64(i) {
				t.Errorf("proof of %d: %v", i, err)
			}
		}
		if a := c.ask(http.MethodGet, "/log/key", nil); string(a.body) != c.key.Public() {
			t.Errorf("public key %s", a.body)
		}
	})
}

func TestEntriesArePackedForWhoeverTakesThem(t *testing.T) {
	c := newCity(t, redistest.Embedded(t))
	c.queue(0, 300)
	c.tick()
	plain := c.ask(http.MethodGet, "/tile/entries/000", nil)
	if got := plain.header.Get("Content-Encoding"); got != "" {
		t.Errorf("packed unasked: %s", got)
	}
	packed := c.ask(http.MethodGet, "/tile/entries/000", map[string]string{"Accept-Encoding": "br, gzip;q=0.8"})
	if packed.header.Get("Content-Encoding") != "gzip" || packed.header.Get("Vary") != "Accept-Encoding" || len(packed.body)*2 > len(plain.body)*2-len(plain.body)/2 {
		t.Errorf("%v, %d bytes of %d", packed.header, len(packed.body), len(plain.body))
	}
	z, err := gzip.NewReader(bytes.NewReader(packed.body))
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(z); err != nil || !bytes.Equal(body, plain.body) {
		t.Errorf("unpacked to other bytes (%v)", err)
	}
	if packed.header.Get("ETag") == plain.header.Get("ETag") {
		t.Error("packed and plain bytes share an ETag")
	}
	if a := c.ask(http.MethodGet, "/tile/entries/000", map[string]string{"Accept-Encoding": "gzip;q=0"}); a.header.Get("Content-Encoding") != "" {
		t.Error("packed for somebody who does not take it")
	}
}

// TestThreat_DamagedLogIsToldFromALogThatIsAway: an auditor over the network must
// be able to tell a lost or altered object (410) from a server in trouble (503).
func TestThreat_DamagedLogIsToldFromALogThatIsAway(t *testing.T) {
	c := newCity(t, redistest.Embedded(t))
	c.queue(0, 300)
	c.tick()
	const lost = "notary/410700/disclosure/tile/entries/000"
	if err := c.env.Objects.Main.Delete(t.Context(), lost); !errors.Is(err, objects.ErrRetained) {
		t.Errorf("the store lets a bundle be deleted: %v", err)
	}
	c.queue(300, 301) // what the newest checkpoint has filled could be made again from it
	c.tick()
	c.lose(lost)
	for _, path := range []string{"/tile/entries/000", "/tile/entries/000.p/3", "/log/7/proof"} {
		if a := c.ask(http.MethodGet, path, nil); a.status != http.StatusGone || strings.Contains(a.header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s of a lost bundle: %d %v", path, a.status, a.header)
		}
	}
	if a := c.ask(http.MethodGet, "/log/299/proof", nil); a.status != http.StatusOK {
		t.Errorf("the rest of the log: %d", a.status)
	}
	if _, err := notary.Audit(t.Context(), c, c.open, nil, nil); err == nil {
		t.Error("the audit finds nothing")
	}
}

// TestThreat_StrangerCannotSequenceMoreThanOnceAMinute: the tick is public.
func TestThreat_StrangerCannotSequenceMoreThanOnceAMinute(t *testing.T) {
	c := newCity(t, redistest.Embedded(t))
	c.tick()
	c.queue(0, 3)
	for range 5 {
		if a := c.ask(http.MethodPost, "/", nil); a.status != http.StatusNoContent || len(a.body) > 0 {
			t.Errorf("tick: %d %s", a.status, a.body)
		}
	}
	if h, err := c.open.Checkpoint(c.ask(http.MethodGet, "/checkpoint", nil).body); err != nil || h.Size != 0 {
		t.Errorf("sequenced again within the minute: %+v (%v)", h, err)
	}
	c.tick()
	if h, err := c.open.Checkpoint(c.ask(http.MethodGet, "/checkpoint", nil).body); err != nil || h.Size != 3 {
		t.Errorf("not sequenced in the next minute: %+v (%v)", h, err)
	}
}

func TestUnusableKeyIsNamed(t *testing.T) {
	c := newCity(t, redistest.Embedded(t))
	if err := os.WriteFile(filepath.Join(open.Value("secret_mount_path"), "log-key"), []byte("slag"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := routes(c.env); err == nil || !strings.Contains(err.Error(), "log-key") || strings.Contains(err.Error(), "slag") {
		t.Errorf("%v", err)
	}
}

func TestPageShowsTheLogAndAnEntry(t *testing.T) {
	c := newCity(t, redistest.Embedded(t))
	html := map[string]string{"Accept": "text/html"}
	if a := c.ask(http.MethodGet, "/", html); a.status != http.StatusOK || !strings.Contains(string(a.body), "一分钟后") {
		t.Errorf("before the first checkpoint: %d\n%s", a.status, a.body)
	}
	c.queue(0, 300)
	c.tick()
	for _, tt := range []struct {
		path   string
		status int
		want   []string
	}{
		{"/", 200, []string{"300", strings.TrimSpace(c.key.Public()), "/checkpoint"}},
		{"/?lang=en", 200, []string{"Log of disclosures", "300"}},
		{"/?index=299", 200, []string{"第 299 号存证", "信用记录变更", "2026-11-24T01:00:00Z", "/log/299/proof"}},
		{"/?index=%20299%20", 200, []string{"第 299 号存证"}},
		{"/?index=300", 404, []string{"没有“300”号"}},
		{"/?index=%3Cscript%3E", 404, []string{"&lt;script&gt;"}},
		{"/?index=-1&lang=en", 404, []string{"no entry"}},
	} {
		a := c.ask(http.MethodGet, tt.path, html)
		if a.status != tt.status {
			t.Errorf("%s: %d", tt.path, a.status)
		}
		// Templates write "+" and "=" as references.
		body := strings.NewReplacer("&#43;", "+", "&#34;", `"`).Replace(string(a.body))
		for _, want := range tt.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s does not say %q:\n%s", tt.path, want, body)
			}
		}
	}
	if missing := page.Missing(); missing > 0 {
		t.Errorf("%d words are missing", missing)
	}
}

func TestPagesInABrowser(t *testing.T) {
	b := browsertest.New(t)
	c := newCity(t, redistest.Embedded(t))
	c.queue(0, 300)
	c.tick()
	for _, p := range []struct {
		name, path string
		view       browsertest.View
		status     int
	}{
		{"log", "/", browsertest.View{}, 200},
		{"log-en", "/?lang=en", browsertest.View{}, 200},
		{"log-large-dark", "/?text=large", browsertest.View{Dark: true}, 200},
		{"log-entry", "/?index=77", browsertest.View{NoScript: true}, 200},
		{"log-no-entry", "/?index=300&lang=en", browsertest.View{}, 404},
		{"log-print", "/?index=77", browsertest.View{Print: true}, 200},
	} {
		for _, width := range []int{browsertest.Narrow, browsertest.Wide} {
			p.view.Width = width
			page := b.Open(t, c.url+p.path, p.view)
			if got := page.Status(); got != p.status {
				t.Errorf("%s: %d", p.name, got)
			}
			if p.status == 200 {
				page.NoErrors()
			}
			page.FitsWidth()
			if !p.view.NoScript {
				page.Axe()
			}
			page.Look(fmt.Sprintf("disclosure-%s-%d", p.name, width))
		}
	}
}
