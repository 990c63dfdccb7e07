package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ipcredit/shared/notary"
	"ipcredit/shared/objects"
)

// shown is a log at an address, whose operator a test may exchange.
type shownLog struct {
	url string
	// key is what it shows as its public key.
	key atomic.Pointer[string]
	log atomic.Pointer[notary.Log]
	// status, when not 0, is all it answers.
	status atomic.Int64
	asked  chan struct{} // a checkpoint was asked for
}

func show(t *testing.T, o *notaryOffice) *shownLog {
	t.Helper()
	s := &shownLog{asked: make(chan struct{}, 1000)}
	public := o.key.Public()
	s.key.Store(&public)
	s.log.Store(o.log)
	answer := func(w http.ResponseWriter, data []byte, err error) {
		switch {
		case s.status.Load() != 0:
			w.WriteHeader(int(s.status.Load()))
		case errors.Is(err, notary.ErrBroken):
			w.WriteHeader(http.StatusGone)
		case err != nil:
			w.WriteHeader(http.StatusNotFound)
		default:
			_, _ = w.Write(data)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /log/key", func(w http.ResponseWriter, _ *http.Request) { answer(w, []byte(*s.key.Load()), nil) })
	mux.HandleFunc("GET /checkpoint", func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.asked <- struct{}{}:
		default:
		}
		data, err := s.log.Load().Checkpoint(r.Context())
		answer(w, data, err)
	})
	mux.HandleFunc("GET /tile/", func(w http.ResponseWriter, r *http.Request) {
		data, err := s.log.Load().Object(r.Context(), strings.TrimPrefix(r.URL.Path, "/"))
		answer(w, data, err)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// auditing is the command with a data directory of its own.
func auditing(t *testing.T) audit {
	return audit{place: &place{data: t.TempDir(), json: true}, every: time.Millisecond}
}

// at is the log at the address.
func at(t *testing.T, address string) published {
	t.Helper()
	src, err := publishedAt(address)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// rewritten is the same log, by the same key, in which one entry is another.
func rewritten(t *testing.T, o *notaryOffice, size, altered int) *notary.Log {
	t.Helper()
	forger := newNotaryOffice(t, notary.Disclosure)
	forger.key = o.key
	forger.log = notary.Open(forger.j, forger.store, notary.Disclosure, o.key)
	forger.fill(0, altered)
	forger.fill(100_000, 100_001)
	forger.fill(altered+1, size)
	return forger.log
}

func TestAuditPassesASoundLogAndRemembersIt(t *testing.T) {
	t.Parallel()
	o := newNotaryOffice(t, notary.Disclosure)
	o.fill(0, 300)
	s := show(t, o)
	a := auditing(t)
	for size := 300; size <= 302; size++ {
		o.fill(size, size+1)
		if err := a.public(t.Context(), at(t, s.url)); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := recall(filepath.Join(a.place.data, "audit.json"))
	if err != nil {
		t.Fatal(err)
	}
	log := kept.Logs[o.key.Origin()]
	if log == nil || len(log.Checkpoints) != 3 || log.Key != o.key.Public() {
		t.Errorf("remembered %+v", log)
	}
}

// TestThreat_AuditFindsWhatAnOperatorWithTheKeyDoes: after one honest audit the
// operator does something that his key lets him do.
func TestThreat_AuditFindsWhatAnOperatorWithTheKeyDoes(t *testing.T) {
	t.Parallel()
	const size = 300
	for _, tt := range []struct {
		name string
		evil func(t *testing.T, o *notaryOffice, s *shownLog)
		fork bool
	}{
		{"one notice deleted, all signed anew", func(t *testing.T, o *notaryOffice, s *shownLog) {
			forger := newNotaryOffice(t, notary.Disclosure)
			forger.key = o.key
			forger.log = notary.Open(forger.j, forger.store, notary.Disclosure, o.key)
			forger.fill(0, 150)
			forger.fill(151, size+10)
			s.log.Store(forger.log)
		}, true},
		{"one entry altered, all signed anew", func(t *testing.T, o *notaryOffice, s *shownLog) { s.log.Store(rewritten(t, o, size+5, 7)) }, true},
		{"the last entry altered", func(t *testing.T, o *notaryOffice, s *shownLog) { s.log.Store(rewritten(t, o, size, size-1)) }, true},
		{"the log cut short", func(t *testing.T, o *notaryOffice, s *shownLog) { s.log.Store(rewritten(t, o, size-10, size-11)) }, true},
		{"another key", func(t *testing.T, _ *notaryOffice, s *shownLog) {
			other := newNotaryOffice(t, notary.Disclosure)
			other.fill(0, size)
			public := other.key.Public()
			s.key.Store(&public)
			s.log.Store(other.log)
		}, false},
		{"the log taken away", func(t *testing.T, _ *notaryOffice, s *shownLog) {
			s.log.Store(newNotaryOffice(t, notary.Disclosure).log)
		}, false},
		{"a bundle lost", func(t *testing.T, o *notaryOffice, s *shownLog) {
			o.fill(size, size+1)
			s.log.Store(notary.Open(o.j, without{o.store, "notary/410700/disclosure/tile/entries/000"}, notary.Disclosure, o.key))
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newNotaryOffice(t, notary.Disclosure)
			o.fill(0, size)
			s := show(t, o)
			a := auditing(t)
			if err := a.public(t.Context(), at(t, s.url)); err != nil {
				t.Fatal(err)
			}
			tt.evil(t, o, s)
			err := a.public(t.Context(), at(t, s.url))
			if c := code(t, err); c != exitFailed {
				t.Errorf("exit %d (%v)", c, err)
			}
			var fork *notary.Fork
			if errors.As(err, &fork) != tt.fork {
				t.Errorf("%v", err)
			}
			// It stays found: what was remembered is not replaced by the forgery.
			if c := code(t, a.public(t.Context(), at(t, s.url))); c != exitFailed {
				t.Errorf("the next audit: exit %d", c)
			}
		})
	}
}

// without is a store in which one object is lost.
type without struct {
	objects.Store
	name string
}

func (s without) Get(ctx context.Context, name string) ([]byte, objects.Info, error) {
	if name == s.name {
		return nil, objects.Info{}, objects.ErrNotFound
	}
	return s.Store.Get(ctx, name)
}

func TestAuditTellsAwayFromAltered(t *testing.T) {
	t.Parallel()
	o := newNotaryOffice(t, notary.Disclosure)
	s := show(t, o)
	s.status.Store(http.StatusServiceUnavailable)
	a := auditing(t)
	if c := code(t, a.public(t.Context(), at(t, s.url))); c != exitUnreachable {
		t.Errorf("a log in trouble: exit %d", c)
	}
	s.status.Store(0)
	if c := code(t, a.public(t.Context(), at(t, s.url))); c != exitUnreachable {
		t.Errorf("a log with no checkpoint yet: exit %d", c)
	}
	o.fill(0, 3)
	if err := a.public(t.Context(), at(t, s.url)); err != nil {
		t.Error(err)
	}
	s.status.Store(http.StatusBadGateway)
	if c := code(t, a.public(t.Context(), at(t, s.url))); c != exitUnreachable {
		t.Errorf("a log in trouble again: exit %d", c)
	}
	server := httptest.NewServer(http.NotFoundHandler())
	address := server.URL
	server.Close()
	if c := code(t, a.public(t.Context(), at(t, address))); c != exitUnreachable {
		t.Errorf("nobody there: exit %d", c)
	}
	a.memory = filepath.Join(t.TempDir(), "memory")
	if err := os.WriteFile(a.memory, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.status.Store(0)
	if c := code(t, a.public(t.Context(), at(t, s.url))); c != exitUnreachable {
		t.Errorf("a memory that cannot be read: exit %d", c)
	}
	a.memory, a.key = "", "slag+"
	if c := code(t, a.public(t.Context(), at(t, s.url))); c != exitUsage {
		t.Errorf("a key that is none: exit %d", c)
	}
}

// TestAuditFollowsUntilTheLogIsAltered: it goes on through growth and a short
// absence, and ends with the first alteration.
func TestAuditFollowsUntilTheLogIsAltered(t *testing.T) {
	t.Parallel()
	o := newNotaryOffice(t, notary.Disclosure)
	o.fill(0, 300)
	s := show(t, o)
	a := auditing(t)
	a.follow = true
	var following sync.WaitGroup
	var err error
	following.Go(func() { err = a.public(t.Context(), at(t, s.url)) })
	rounds := func(n int) {
		for range n {
			<-s.asked
		}
	}
	rounds(3)
	o.fill(300, 310)
	rounds(3)
	s.log.Store(rewritten(t, o, 320, 42))
	following.Wait()
	if c := code(t, err); c != exitFailed {
		t.Errorf("exit %d (%v)", c, err)
	}
}

func TestAuditThatFollowsGivesUpOnALogThatStaysAway(t *testing.T) {
	t.Parallel()
	o := newNotaryOffice(t, notary.Disclosure)
	o.fill(0, 3)
	s := show(t, o)
	a := auditing(t)
	if err := a.public(t.Context(), at(t, s.url)); err != nil {
		t.Fatal(err)
	}
	a.follow = true
	s.status.Store(http.StatusServiceUnavailable)
	if c := code(t, a.public(t.Context(), at(t, s.url))); c != exitUnreachable {
		t.Errorf("exit %d", c)
	}
}

func TestAuditThatFollowsEndsWhenItIsTold(t *testing.T) {
	t.Parallel()
	o := newNotaryOffice(t, notary.Disclosure)
	o.fill(0, 3)
	s := show(t, o)
	a := auditing(t)
	a.follow = true
	ctx, cancel := context.WithCancel(t.Context())
	var following sync.WaitGroup
	var err error
	following.Go(func() { err = a.public(ctx, at(t, s.url)) })
	<-s.asked
	<-s.asked
	cancel()
	following.Wait()
	if err != nil {
		t.Error(err)
	}
}

// TestAuditIsAProgramThatFollows: the real city, the real program beside it, and
// an edit where the city keeps its objects.
func TestAuditIsAProgramThatFollows(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	start := func() *program {
		city := run{path: nothing(t), args: []string{"-data", data, "-demo"}}.serve(t)
		eventually(t, "the log answers", func() bool {
			a := city.get("/function/disclosure-publish/checkpoint")
			lines := strings.Split(a.body, "\n")
			return a.status == http.StatusGone || a.status == http.StatusOK && len(lines) > 2 && lines[1] != "0"
		})
		return city
	}
	city := start()
	// The city keeps its address though it is started again; meanwhile it waits.
	var here sync.RWMutex
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		here.RLock()
		defer here.RUnlock()
		target, err := url.Parse(city.base)
		if err != nil {
			t.Error(err)
			return
		}
		httputil.NewSingleHostReverseProxy(target).ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	address, own := front.URL+"/function/disclosure-publish", t.TempDir()
	tool := func(args ...string) run {
		return run{path: nothing(t), args: append([]string{"audit", "-data", own, "-every", "20ms"}, args...), env: []string{"LANG=en"}}
	}
	if x := tool(address).must(t); !strings.Contains(x.out, "is sound") || !strings.Contains(x.err, "only this key") {
		t.Errorf("%q %q", x.out, x.err)
	}
	if x := tool(address, "--json").must(t); !strings.Contains(x.out, `"ok":true`) || x.err != "" {
		t.Errorf("%q %q", x.out, x.err)
	}
	watch := tool(address, "-follow").command(t)
	said := &output{}
	watch.Stdout, watch.Stderr = said, said
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = watch.Wait(); close(ended) }()
	eventually(t, "the auditor has seen the log twice", func() bool { return strings.Count(said.String(), "is sound") >= 2 })

	here.Lock()
	if c := city.end(os.Interrupt); c != 0 {
		t.Errorf("the city ended with %d", c)
	}
	editCommitment(t, data)
	city = start()
	here.Unlock()
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
	// Known by its key, the log is found altered under another address too.
	if x := tool(city.base + "/function/disclosure-publish").do(t); x.code != exitFailed {
		t.Errorf("under another address: exit %d %q %q", x.code, x.out, x.err)
	}
	city.end(os.Interrupt)
	if x := (run{path: nothing(t), args: []string{"audit", "--stored", "-data", data}}).do(t); x.code != exitFailed {
		t.Errorf("the audit of the stores ends with %d: %s%s", x.code, x.out, x.err)
	}
	for _, args := range [][]string{{"nowhere"}, {address, "x"}, {address, "--stored"}, {"--stored", "--follow"}, {address, "-every", "0s"}} {
		if x := tool(args...).do(t); x.code != exitUsage || strings.Count(x.err, "\n") != 1 {
			t.Errorf("%q: exit %d %q %q", args, x.code, x.out, x.err)
		}
	}
}

// editCommitment changes one digit of a commitment in each checkpoint's object
// that has one.
func editCommitment(t *testing.T, data string) {
	t.Helper()
	edited := 0
	for _, path := range filesBelow(t, data) {
		if !strings.Contains(filepath.ToSlash(path), "notary/410700/disclosure/checkpoint/") {
			continue
		}
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if i := strings.Index(string(body), `"commitment":"sha256:`); i > 0 {
			body[i+30] ^= 1
			if err := os.WriteFile(path, body, 0o600); err != nil {
				t.Fatal(err)
			}
			edited++
		}
	}
	if edited == 0 {
		t.Fatal("no checkpoint with entries was found to edit")
	}
}

// filesBelow are all files below a folder.
func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(fmt.Errorf("walking %s: %w", dir, err))
	}
	return files
}
