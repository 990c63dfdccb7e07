package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// resident is a city behind one address that stays while the program is killed
// and started again, as it does behind a gateway. Whoever asks meanwhile waits.
type resident struct {
	t    testing.TB
	city run
	data string
	base string // the address people know

	mu      sync.Mutex
	program *program
	up      chan struct{} // closed while there is a program
	cut     *cut
	// counting is the method whose bodies are counted.
	counting string
	counted  int64
}

// cut is one request that does not arrive whole.
type cut struct {
	wants   func(*http.Request) bool
	after   int64 // bytes of its body that do
	reached chan struct{}
	release chan struct{}
}

// reside starts the demonstration city on the real parts, or on the embedded ones
// where those are missing and need not be there.
func reside(t testing.TB, env ...string) *resident {
	t.Helper()
	installed(t, "redis-server")
	installed(t, "minio")
	r := &resident{t: t, data: filepath.Join(t.TempDir(), "data"), up: make(chan struct{})}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.base = server.URL
	r.city = run{env: append([]string{"public_url=" + r.base}, env...), args: []string{"-data", r.data, "-demo"}}
	r.start()
	return r
}

// lasting skips a test of what an embedded city forgets when it is killed: drafts
// that were not sent, and who is signed in.
func lasting(t testing.TB) {
	t.Helper()
	slow(t)
	if !installed(t, "redis-server") || !installed(t, "minio") {
		t.Skip("redis-server and minio are not both on PATH")
	}
}

// start starts the program, on the data that are there.
func (r *resident) start() {
	r.t.Helper()
	p := r.city.serve(r.t)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.program = p
	close(r.up)
}

// end ends the program with the signal.
func (r *resident) end(signal syscall.Signal) {
	r.t.Helper()
	r.mu.Lock()
	p := r.program
	r.up = make(chan struct{})
	r.mu.Unlock()
	if code := p.end(signal); signal != syscall.SIGKILL && code != 0 {
		r.t.Errorf("exit %d", code)
	}
	p.http.CloseIdleConnections()
}

// demo is demo.json.
func (r *resident) demo() demoFile { return readDemo(r.t, r.data) }

// visitor is somebody with a browser's cookies of his own.
func (r *resident) visitor() *program {
	r.t.Helper()
	return &program{t: r.t, base: r.base, http: client(r.t)}
}

// cutOff lets only so many bytes of the first request that wants it arrive, then
// holds it until the returned function is called: the line is lost then.
func (r *resident) cutOff(wants func(*http.Request) bool, after int64) (reached <-chan struct{}, lose func()) {
	c := &cut{wants: wants, after: after, reached: make(chan struct{}), release: make(chan struct{})}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = c
	return c.reached, func() { close(c.release) }
}

func (r *resident) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	for {
		r.mu.Lock()
		up, p, c, counting := r.up, r.program, r.cut, r.counting
		if c != nil && c.wants(req) {
			r.cut = nil
		} else {
			c = nil
		}
		r.mu.Unlock()
		select {
		case <-up:
		case <-req.Context().Done():
			return
		}
		if p == nil {
			continue
		}
		to, err := url.Parse(p.base)
		if err != nil {
			panic(err)
		}
		if req.Method == counting {
			req.Body = countedBody{req.Body, r}
		}
		if c != nil {
			req.Body = io.NopCloser(io.MultiReader(io.LimitReader(req.Body, c.after), &lost{c}))
		}
		proxy := httputil.ReverseProxy{
			Rewrite: func(x *httputil.ProxyRequest) {
				x.SetURL(to)
				x.Out.Host = x.In.Host
			},
			Transport: p.http.Transport,
			// What was asked of a program that is killed is lost, not refused.
			ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		}
		proxy.ServeHTTP(w, req)
		return
	}
}

// lost is the rest of a body that does not come.
type lost struct{ cut *cut }

func (l *lost) Read([]byte) (int, error) {
	select {
	case <-l.cut.reached:
	default:
		close(l.cut.reached)
	}
	<-l.cut.release
	return 0, errors.New("the line is lost")
}

// hiddenFields are those of the first form on a page whose action ends so.
func hiddenFields(t testing.TB, a answer, action string) url.Values {
	t.Helper()
	forms := strings.Split(a.body, "<form ")[1:]
	for _, f := range forms {
		head, _, _ := strings.Cut(f, ">")
		if !strings.Contains(head, action+`"`) {
			continue
		}
		f, _, _ = strings.Cut(f, "</form>")
		v := url.Values{}
		for _, m := range hiddenField.FindAllStringSubmatch(f, -1) {
			v.Add(m[1], m[2])
		}
		return v
	}
	t.Fatalf("no form for %s: %d %s", action, a.status, a.body)
	return nil
}

// countBytes counts what of the bodies with this method arrives from now on.
func (r *resident) countBytes(method string) func() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counted, r.counting = 0, method
	return func() int64 {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.counted
	}
}

// countedBody adds what is read of a body.
type countedBody struct {
	io.ReadCloser
	r *resident
}

func (b countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.r.mu.Lock()
	b.r.counted += int64(n)
	b.r.mu.Unlock()
	return n, err
}
