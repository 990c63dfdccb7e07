package fn_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/open"
)

// uploads is a function with one route of a resumable upload.
func uploads(t *testing.T) (*httptest.Server, func() (pieces []fn.Piece, bytes int)) {
	t.Helper()
	open.Use(map[string]string{"public_url": "https://credit.example.org"})
	var mu sync.Mutex
	var pieces []fn.Piece
	stored := 0
	m := fn.NewMux("test-uploads")
	m.HandlePieces("PATCH /files/{n}", func(w http.ResponseWriter, r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		pieces = append(pieces, fn.PieceOf(r))
		stored += len(body)
		if r.Context().Err() != nil {
			t.Error("the call of what came before a cut has no time left")
		}
		w.Header().Set("Tus-Resumable", "1.0.0")
		w.Header().Set("Access-Control-Expose-Headers", "Upload-Offset")
		if strings.Contains(r.URL.Path, "locked") {
			return fault.New(fault.Locked, "fn.key_running")
		}
		w.WriteHeader(http.StatusNoContent)
		return err
	})
	m.Handle("OPTIONS /files/{n}", func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
	m.Open("PATCH /files/{n}", "OPTIONS /files/{n}")
	s := httptest.NewServer(fn.HTTP(m.Serve))
	t.Cleanup(s.Close)
	return s, func() ([]fn.Piece, int) {
		mu.Lock()
		defer mu.Unlock()
		return pieces, stored
	}
}

func TestWhatCameOfAResumableUploadBeforeACutIsHandedOn(t *testing.T) {
	for _, tt := range []struct {
		name            string
		announced, sent int
		media           string
		pieces, stored  int
	}{
		{"short", 100, 10, "application/offset+octet-stream", 1, 10},
		{"nothing came", 100, 0, "application/offset+octet-stream", 0, 0},
		{"in the second piece", 3 * fn.MaxBody, fn.MaxBody + 1000, "application/offset+octet-stream", 2, fn.MaxBody + 1000},
		{"between two pieces", 3 * fn.MaxBody, fn.MaxBody, "application/offset+octet-stream", 1, fn.MaxBody},
		{"another kind of body", 100, 10, "application/json", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, seen := uploads(t)
			conn, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_, _ = fmt.Fprintf(conn, "PATCH /files/1 HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", tt.media, tt.announced)
			_, _ = conn.Write(make([]byte, tt.sent))
			_ = conn.(*net.TCPConn).CloseWrite()
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			pieces, stored := seen()
			if res.StatusCode != 400 || len(pieces) != tt.pieces || stored != tt.stored {
				t.Fatalf("%d, %d pieces, %d bytes; want 400, %d, %d", res.StatusCode, len(pieces), stored, tt.pieces, tt.stored)
			}
			if n := len(pieces); n > 0 && (!pieces[n-1].Cut || pieces[n-1].Last) {
				t.Errorf("%+v", pieces[n-1])
			}
		})
	}
}

func TestARefusalKeepsWhatTheUploadProtocolSaysAndWhoMayReadIt(t *testing.T) {
	s, _ := uploads(t)
	r := request(t, "PATCH", s.URL+"/files/locked", strings.NewReader("x"))
	r.Header.Set("Origin", "https://other.example.org")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	res, _ := do(t, r)
	if res.StatusCode != 423 || res.Header.Get("Tus-Resumable") != "1.0.0" || res.Header.Get("Access-Control-Allow-Origin") != "*" ||
		!strings.Contains(res.Header.Get("Access-Control-Expose-Headers"), "Upload-Offset") || !strings.Contains(res.Header.Get("Access-Control-Expose-Headers"), "X-Request-Id") {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

// asked is an upload's route that is asked before a long body is read; what it was
// called with goes to calls.
func asked(t *testing.T, ask, h fn.Handler) *httptest.Server {
	t.Helper()
	open.Use(map[string]string{"public_url": "https://credit.example.org"})
	m := fn.NewMux("test-asked")
	m.HandlePieces("PATCH /files/{n}", h)
	m.Ask("PATCH /files/{n}", ask)
	m.Handle("PATCH /short/{n}", h)
	s := httptest.NewServer(fn.HTTP(m.Serve))
	t.Cleanup(s.Close)
	return s
}

// begin sends the header of a PATCH and the first bytes of its body.
func begin(t *testing.T, s *httptest.Server, path string, announced, sent int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, _ = fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: %d\r\n\r\n", path, announced)
	_, _ = conn.Write(make([]byte, sent))
	return conn
}

func TestARefusalComesBeforeALongBodyIsSent(t *testing.T) {
	s := asked(t, func(_ http.ResponseWriter, r *http.Request) error {
		if r.PathValue("n") != "7" || fn.PieceOf(r).Total != 3*fn.MaxBody || r.ContentLength > 0 {
			t.Errorf("asked for %q, %+v, with a body of %d", r.PathValue("n"), fn.PieceOf(r), r.ContentLength)
		}
		return fault.New(fault.Locked, "fn.key_running")
	}, func(http.ResponseWriter, *http.Request) error {
		t.Error("the body was taken")
		return nil
	})
	conn := begin(t, s, "/files/7", 3*fn.MaxBody, 0)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != 423 || !res.Close {
		t.Errorf("%d, closed %v", res.StatusCode, res.Close)
	}
}

func TestWhoWaitsForABodyIsToldThatNoneCame(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	note := func(what string) fn.Handler {
		return func(w http.ResponseWriter, r *http.Request) error {
			body, err := io.ReadAll(r.Body)
			mu.Lock()
			defer mu.Unlock()
			p := fn.PieceOf(r)
			seen = append(seen, fmt.Sprint(what, p.Offset, len(body), p.Last, p.Cut))
			w.WriteHeader(http.StatusNoContent)
			return err
		}
	}
	s := asked(t, note("ask"), note("took"))
	for _, tt := range []struct {
		path            string
		announced, sent int
		want            string
	}{
		{"/files/1", 3 * fn.MaxBody, 0, "[ask0 0 false false took0 0 false true]"},
		{"/files/1", 3 * fn.MaxBody, fn.MaxBody + 9, "[ask0 0 false false took0 8388608 false false took8388608 9 false true]"},
		{"/files/1", fn.MaxBody, fn.MaxBody, "[ask0 0 false false took0 8388608 true false]"},
		{"/files/1", 1000, 1000, "[took0 1000 true false]"}, // too short to be asked for
		{"/short/1", fn.MaxBody, fn.MaxBody, "[took0 8388608 true false]"},
	} {
		seen = nil
		conn := begin(t, s, tt.path, tt.announced, tt.sent)
		_ = conn.(*net.TCPConn).CloseWrite()
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		mu.Lock()
		if got := fmt.Sprint(seen); got != tt.want {
			t.Errorf("%d of %d to %s: %s, want %s", tt.sent, tt.announced, tt.path, got, tt.want)
		}
		mu.Unlock()
	}
}

// told is a body that tells when so much of it was read.
type told struct {
	left, tellAt int
	tell         chan struct{}
}

func (b *told) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), b.left)
	b.left -= n
	if b.left <= b.tellAt && b.tell != nil {
		close(b.tell)
		b.tell = nil
	}
	return n, nil
}

func (b *told) Close() error { return nil }

func TestTheNextPieceIsReadWhileTheFunctionWorks(t *testing.T) {
	open.Use(map[string]string{"public_url": "https://credit.example.org"})
	read := make(chan struct{})
	m := fn.NewMux("test-ahead")
	m.HandlePieces("POST /long", func(_ http.ResponseWriter, r *http.Request) error {
		if fn.PieceOf(r).Offset == 0 {
			<-read // the test's time limit ends it where the next piece is not read
		}
		return nil
	})
	r := httptest.NewRequest("POST", "/long", nil)
	r.Body, r.ContentLength = &told{left: 2 * fn.MaxBody, tell: read}, 2*fn.MaxBody
	w := httptest.NewRecorder()
	fn.HTTP(m.Serve).ServeHTTP(w, r)
	if w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// However many send long bodies at once, each arrives whole and in order; only some
// of them are read ahead.
func TestManyLongBodiesAtOnceArriveWhole(t *testing.T) {
	open.Use(map[string]string{"public_url": "https://credit.example.org"})
	var mu sync.Mutex
	got := map[string][]byte{}
	m := fn.NewMux("test-many")
	m.HandlePieces("POST /long/{n}", func(_ http.ResponseWriter, r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		n := r.PathValue("n")
		if int64(len(got[n])) != fn.PieceOf(r).Offset {
			t.Errorf("%s: %d bytes at %d", n, len(got[n]), fn.PieceOf(r).Offset)
		}
		got[n] = append(got[n], body...)
		return err
	})
	s := httptest.NewServer(fn.HTTP(m.Serve))
	defer s.Close()
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			want := make([]byte, 2*fn.MaxBody+i*1000+i%2)
			for k := range want {
				want[k] = byte(k*7 + k>>9 + i)
			}
			body := io.Reader(bytes.NewReader(want))
			if i > 2 {
				body = struct{ io.Reader }{body} // its length is not announced
			}
			res, _ := do(t, request(t, "POST", fmt.Sprintf("%s/long/%d", s.URL, i), body))
			mu.Lock()
			defer mu.Unlock()
			if res.StatusCode != 200 || !bytes.Equal(got[fmt.Sprint(i)], want) {
				t.Errorf("%d: %d, %d bytes", i, res.StatusCode, len(got[fmt.Sprint(i)]))
			}
		})
	}
	all.Wait()
}

// Who is refused in the middle is told at once, also while he sends nothing.
func TestARefusalInTheMiddleDoesNotWaitForTheRest(t *testing.T) {
	s := asked(t, func(http.ResponseWriter, *http.Request) error { return nil }, func(http.ResponseWriter, *http.Request) error {
		return fault.New(fault.WrongType, "fn.want_json")
	})
	for range 4 { // more than are read ahead
		conn := begin(t, s, "/files/1", 3*fn.MaxBody, fn.MaxBody+10)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != 415 || !res.Close {
			t.Errorf("%d, closed %v", res.StatusCode, res.Close)
		}
	}
}
