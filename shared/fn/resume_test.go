package fn_test

import (
	"bufio"
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
