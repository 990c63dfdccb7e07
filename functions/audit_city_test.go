package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ipcredit/shared/notary"
)

// disguise is what stands between a city's log and its auditor.
type disguise struct {
	// bend alters what the city answers, by the path below the log's address.
	bend func(path string, body []byte) []byte
	// log is another log in its place.
	log *notary.Log
}

// front shows the city's log at an address of its own, in whatever disguise.
func front(t *testing.T, city *program) (address string, wears *atomic.Pointer[disguise]) {
	t.Helper()
	wears = new(atomic.Pointer[disguise])
	wears.Store(&disguise{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, d := strings.TrimPrefix(r.URL.Path, "/"), wears.Load()
		var body []byte
		var err error
		switch {
		case d.log != nil && path == "checkpoint":
			body, err = d.log.Checkpoint(r.Context())
		case d.log != nil && strings.HasPrefix(path, "tile/"):
			body, err = d.log.Object(r.Context(), path)
		default:
			res, asked := http.Get(city.base + "/function/disclosure-publish/" + path)
			if asked != nil {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			defer func() { _ = res.Body.Close() }()
			if res.StatusCode != http.StatusOK {
				w.WriteHeader(res.StatusCode)
				return
			}
			if body, err = io.ReadAll(res.Body); err == nil && d.bend != nil {
				body = d.bend(path, body)
			}
		}
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	return server.URL, wears
}

// logSize is how many entries the city's log has, 0 before its first checkpoint.
func (p *program) logSize() int {
	p.t.Helper()
	lines := strings.Split(p.get("/function/disclosure-publish/checkpoint").body, "\n")
	if len(lines) < 3 {
		return 0
	}
	n, _ := strconv.Atoi(lines[1])
	return n
}

// loggedBy reads the entries of the city's log and the key that signs it, as only
// its operator can.
func loggedBy(t *testing.T, city *program, data string) (*notary.Key, []notary.Leaf) {
	t.Helper()
	key, err := (&place{data: data}).logKey("log-key")
	if err != nil {
		t.Fatal(err)
	}
	v, err := notary.ParsePublic(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	log := at(t, city.base+"/function/disclosure-publish")
	note, err := log.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := v.Checkpoint(note)
	if err != nil {
		t.Fatal(err)
	}
	leaves := make([]notary.Leaf, c.Size)
	for i := range leaves {
		a := city.ask(http.MethodGet, "/function/disclosure-publish/log/"+strconv.Itoa(i)+"/proof", nil, nil)
		p, err := notary.ParseProof([]byte(a.body))
		if err != nil {
			t.Fatal(err)
		}
		if leaves[i], err = notary.ParseLeaf(p.Extra); err != nil {
			t.Fatal(err)
		}
	}
	return key, leaves
}

// signedAnew is a sound log of these entries in this order, signed by the key.
func signedAnew(t *testing.T, key *notary.Key, leaves []notary.Leaf) *notary.Log {
	t.Helper()
	forger := newNotaryOffice(t, notary.Disclosure)
	forger.key = key
	forger.log = notary.Open(forger.j, forger.store, notary.Disclosure, key)
	for _, leaf := range leaves {
		forger.add(leaf)
	}
	return forger.log
}

// TestThreat_TheAuditorsProgramFindsEachTampering: the city serves its log, the
// auditor is a process of its own that has seen it once, and then something is
// done to the log. The process ends with 1, so does the next one, which knows
// nothing but what the first has written down, and neither believes what it saw:
// once the log is itself again, it is sound.
func TestThreat_TheAuditorsProgramFindsEachTampering(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	city := run{path: nothing(t), args: []string{"-data", data, "-demo"}}.serve(t)
	eventually(t, "a few entries are in the log", func() bool { return city.logSize() >= 4 })
	key, leaves := loggedBy(t, city, data)
	stranger := notary.Leaf{V: 1, Event: "profile", At: "2026-11-24", Commitment: notary.Commit(notary.NewSalt(), []byte("x"))}
	n := len(leaves)
	flip := func(prefix string, where func(body []byte) int) *disguise {
		return &disguise{bend: func(path string, body []byte) []byte {
			if strings.HasPrefix(path, prefix) {
				body[where(body)] ^= 1
			}
			return body
		}}
	}
	without := func(i int, more ...notary.Leaf) []notary.Leaf {
		all := append(append([]notary.Leaf(nil), leaves[:i]...), leaves[i+1:]...)
		return append(all, more...)
	}
	line := func(k int) func([]byte) int {
		return func(body []byte) int {
			at := 0
			for range k {
				at += bytes.IndexByte(body[at:], '\n') + 1
			}
			return at
		}
	}
	for name, evil := range map[string]func() *disguise{
		"a byte of an entry": func() *disguise {
			return flip("tile/entries/", func(b []byte) int { return bytes.Index(b, []byte("sha256:")) + 10 })
		},
		"a byte of a tile":               func() *disguise { return flip("tile/0/", func(b []byte) int { return len(b) - 1 }) },
		"a byte of a checkpoint's size":  func() *disguise { return flip("checkpoint", line(1)) },
		"a byte of a checkpoint's root":  func() *disguise { return flip("checkpoint", line(2)) },
		"a byte of a signature":          func() *disguise { return flip("checkpoint", func(b []byte) int { return len(b) - 10 }) },
		"one notice deleted":             func() *disguise { return &disguise{log: signedAnew(t, key, without(1))} },
		"one deleted and another put in": func() *disguise { return &disguise{log: signedAnew(t, key, without(1, stranger))} },
		"a fork that goes on longer": func() *disguise {
			return &disguise{log: signedAnew(t, key, without(n-1, stranger, stranger, stranger))}
		},
		"rolled back by one entry": func() *disguise { return &disguise{log: signedAnew(t, key, leaves[:n-1])} },
		"rolled back to nothing":   func() *disguise { return &disguise{log: signedAnew(t, key, nil)} },
	} {
		t.Run(name, func(t *testing.T) {
			address, wears := front(t, city)
			own := t.TempDir()
			tool := func(args ...string) run {
				return run{path: nothing(t), args: append([]string{"audit", address, "-data", own, "-every", "20ms"}, args...), env: []string{"LANG=en"}}
			}
			tool().must(t)
			watch := tool("-follow").command(t)
			said := &output{}
			watch.Stdout, watch.Stderr = said, said
			if err := watch.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			go func() { _ = watch.Wait(); close(ended) }()
			eventually(t, "the auditor has seen the sound log", func() bool { return strings.Contains(said.String(), "is sound") })
			wears.Store(evil())
			select {
			case <-ended:
			case <-time.After(patience):
				_ = watch.Process.Kill()
				<-ended
				t.Fatalf("the auditor goes on: %s", said)
			}
			if c := watch.ProcessState.ExitCode(); c != exitFailed {
				t.Errorf("the auditor ends with %d: %s", c, said)
			}
			if x := tool("--json").do(t); x.code != exitFailed || !strings.Contains(x.out, `"ok":false`) {
				t.Errorf("the next auditor ends with %d: %s%s", x.code, x.out, x.err)
			}
			wears.Store(&disguise{})
			tool().must(t)
		})
	}
}

// TestACopyOfTheCitysLogIsAuditedWithoutTheCity: as somebody keeps one and shows
// it when the city is gone.
func TestACopyOfTheCitysLogIsAuditedWithoutTheCity(t *testing.T) {
	t.Parallel()
	data, dir := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "copy")
	city := run{path: nothing(t), args: []string{"-data", data, "-demo"}}.serve(t)
	eventually(t, "the log has an entry", func() bool { return city.logSize() > 0 })
	tool := func(args ...string) run {
		return run{path: nothing(t), args: append([]string{"audit", "-data", t.TempDir()}, args...), env: []string{"LANG=en"}}
	}
	tool(city.base+"/function/disclosure-publish", "--copy", dir).must(t)
	city.end(os.Interrupt)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	for _, address := range []string{dir, server.URL} {
		if x := tool(address).must(t); !strings.Contains(x.out, "is sound") {
			t.Errorf("%s: %q %q", address, x.out, x.err)
		}
	}
	if x := tool("--stored", "--copy", dir).do(t); x.code != exitUsage {
		t.Errorf("exit %d %q", x.code, x.err)
	}
	edited := errors.New("no bundle")
	for _, file := range filesBelow(t, filepath.Join(dir, "tile", "entries")) {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		body[len(body)-10] ^= 1
		if edited = os.WriteFile(file, body, 0o600); edited != nil {
			break
		}
	}
	if edited != nil {
		t.Fatal(edited)
	}
	if x := tool(server.URL).do(t); x.code != exitFailed {
		t.Errorf("an edited copy: exit %d %q %q", x.code, x.out, x.err)
	}
}
