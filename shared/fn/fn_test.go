package fn_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	m.Run()
}

// desk is a function with one route of each kind.
func desk(t *testing.T) (*fn.Mux, *calls) {
	t.Helper()
	c := &calls{}
	m := fn.NewMux("test-desk")
	m.Handle("GET /{$}", func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.WriteString(w, "home")
		return err
	})
	m.Handle("GET /things/{id}", func(w http.ResponseWriter, r *http.Request) error {
		_, err := fmt.Fprintf(w, "%s|%s|%s|%s", r.PathValue("id"), r.URL.RawQuery, r.Host, fn.Network(r))
		return err
	})
	m.Handle("POST /things", func(w http.ResponseWriter, r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		c.add(fn.PieceOf(r), body)
		http.Redirect(w, r, "/things/1", http.StatusSeeOther)
		return err
	})
	m.HandlePieces("POST /long", func(w http.ResponseWriter, r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		p := fn.PieceOf(r)
		c.add(p, body)
		if bytes.Contains(body, []byte("STOP")) {
			return fault.New(fault.WrongType, "fn.want_json")
		}
		_, err = fmt.Fprintf(w, "stored to %d", p.Offset+int64(len(body)))
		return err
	})
	m.HandleOpen("POST /match", func(w http.ResponseWriter, r *http.Request) error {
		return fn.WriteJSON(w, http.StatusOK, map[string]string{"ok": "yes"})
	})
	m.Handle("GET /broken", func(http.ResponseWriter, *http.Request) error {
		return errors.New("secret detail 410799190001019907")
	})
	m.Handle("GET /panic", func(http.ResponseWriter, *http.Request) error { panic("secret detail") })
	m.Handle("GET /elsewhere", func(w http.ResponseWriter, r *http.Request) error {
		http.Redirect(w, r, "/function/portal/", http.StatusFound)
		return nil
	})
	return m, c
}

type calls struct {
	sync.Mutex
	pieces []fn.Piece
	bytes  int
}

func (c *calls) add(p fn.Piece, body []byte) {
	c.Lock()
	defer c.Unlock()
	c.pieces = append(c.pieces, p)
	c.bytes += len(body)
}

func serve(t *testing.T, m *fn.Mux) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(fn.HTTP(m.Serve))
	t.Cleanup(s.Close)
	return s
}

func do(t *testing.T, r *http.Request) (*http.Response, string) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func request(t *testing.T, method, target string, body io.Reader, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

func TestPathQueryAndHostReachTheHandler(t *testing.T) {
	m, _ := desk(t)
	s := serve(t, m)
	res, body := do(t, request(t, "GET", s.URL+"/things/%E7%94%B2%2F1?a=b&a=c", nil, "X-Forwarded-For", "203.0.113.7"))
	want := "甲/1|a=b&a=c|" + strings.TrimPrefix(s.URL, "http://") + "|203.0.113.0/24"
	if res.StatusCode != 200 || body != want {
		t.Errorf("%d %q, want %q", res.StatusCode, body, want)
	}
	if res.Header.Get("X-Request-Id") == "" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", res.Header)
	}
	for name := range res.Header {
		if strings.HasPrefix(name, "X-Fn-") {
			t.Errorf("private header %s reached the client", name)
		}
	}
}

func TestThreat_ForgedPathHeader(t *testing.T) {
	m, c := desk(t)
	s := serve(t, m)
	for _, name := range []string{"X-Fn-Path", "x-fn-path", "X-FN-PATH"} {
		_, body := do(t, request(t, "GET", s.URL+"/", nil, name, "/things/forged", "X-Fn-Network", "forged", "X-Fn-Piece", "5 9 false"))
		if body != "home" {
			t.Errorf("with %s the client chose the path: %q", name, body)
		}
	}
	_, _ = do(t, request(t, "POST", s.URL+"/long", strings.NewReader("x"), "X-Fn-Piece", "7 100 false"))
	if p := c.pieces[0]; p.Offset != 0 || !p.Last {
		t.Errorf("the client chose the piece: %+v", p)
	}
}

func TestUnknownPathsAndMethodsAreProblems(t *testing.T) {
	m, _ := desk(t)
	s := serve(t, m)
	tests := []struct {
		method, path, accept string
		status               int
		contains             string
	}{
		{"GET", "/nowhere", "", 404, `"code":"fn.not_found"`},
		{"DELETE", "/things/1", "", 405, `"code":"fn.method"`},
		{"GET", "/nowhere", "text/html", 404, "<html"},
		{"GET", "/" + strings.Repeat("a", 9000), "", 414, `"code":"fn.target_too_long"`},
		{"GET", "/things/%00", "", 400, `"code":"fn.bad_path"`},
	}
	for _, test := range tests {
		res, body := do(t, request(t, test.method, s.URL+test.path, nil, "Accept", test.accept))
		if res.StatusCode != test.status || !strings.Contains(body, test.contains) {
			t.Errorf("%s %.40s: %d %.200s, want %d with %s", test.method, test.path, res.StatusCode, body, test.status, test.contains)
		}
		if test.status == 405 && res.Header.Get("Allow") == "" {
			t.Error("405 without Allow")
		}
	}
}

func TestOurFaultShowsAReferenceAndNothingElse(t *testing.T) {
	m, _ := desk(t)
	s := serve(t, m)
	for _, path := range []string{"/broken", "/panic"} {
		for _, accept := range []string{"application/json", "text/html"} {
			res, body := do(t, request(t, "GET", s.URL+path, nil, "Accept", accept))
			if res.StatusCode != 500 || strings.Contains(body, "secret") || strings.Contains(body, "4107") {
				t.Errorf("%s: %d %q", path, res.StatusCode, body)
			}
			if id := res.Header.Get("X-Request-Id"); !strings.Contains(body, id) {
				t.Errorf("%s %s: the answer does not show its reference %s", path, accept, id)
			}
		}
	}
}

func TestRedirectGetsThePublicPrefixBack(t *testing.T) {
	m, _ := desk(t)
	s := serve(t, m)
	tests := []struct{ method, path, want string }{
		{"POST", "/things", "/function/test-desk/things/1"},
		{"GET", "/elsewhere", "/function/portal/"},
		{"GET", "/things//1", "/function/test-desk/things/1"},
	}
	for _, test := range tests {
		res, _ := do(t, request(t, test.method, s.URL+test.path, nil))
		if got := res.Header.Get("Location"); got != test.want {
			t.Errorf("%s %s: Location %q, want %q", test.method, test.path, got, test.want)
		}
	}
}

func TestThreat_CrossOriginWriteIsRefused(t *testing.T) {
	m, c := desk(t)
	s := serve(t, m)
	tests := []struct {
		name   string
		header []string
		path   string
		status int
	}{
		{"same origin", []string{"Sec-Fetch-Site", "same-origin", "Origin", s.URL}, "/things", 303},
		{"a program without browser headers", nil, "/things", 303},
		{"the public origin through a gateway", []string{"Origin", "http://127.0.0.1:8080"}, "/things", 303},
		{"another site", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, "/things", 403},
		{"a sister site", []string{"Sec-Fetch-Site", "same-site", "Origin", "https://x.example"}, "/things", 403},
		{"an old browser from another site", []string{"Origin", "https://evil.example"}, "/things", 403},
		{"a route any origin may call", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, "/match", 200},
	}
	for _, test := range tests {
		before := len(c.pieces)
		res, _ := do(t, request(t, "POST", s.URL+test.path, strings.NewReader("x"), test.header...))
		if res.StatusCode != test.status {
			t.Errorf("%s: %d, want %d", test.name, res.StatusCode, test.status)
		}
		if test.status == 403 && len(c.pieces) != before {
			t.Errorf("%s: the handler ran", test.name)
		}
		if cors := res.Header.Get("Access-Control-Allow-Origin"); (cors != "") != (test.path == "/match") {
			t.Errorf("%s: Access-Control-Allow-Origin %q", test.name, cors)
		}
	}
	res, _ := do(t, request(t, "OPTIONS", s.URL+"/match", nil, "Origin", "https://x.example"))
	if res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("preflight: %d %v", res.StatusCode, res.Header)
	}
}

func TestBodyOverTheCapIsRefusedUnlessTheRouteTakesPieces(t *testing.T) {
	m, c := desk(t)
	s := serve(t, m)
	tests := []struct {
		name    string
		path    string
		size    int
		chunked bool
		status  int
		pieces  int
	}{
		{"exactly the cap", "/things", fn.MaxBody, false, 303, 1},
		{"cap + 1", "/things", fn.MaxBody + 1, false, 413, 0},
		{"cap + 1 of unknown length", "/things", fn.MaxBody + 1, true, 413, 0},
		{"exactly the cap of unknown length", "/things", fn.MaxBody, true, 303, 1},
		{"pieces: empty", "/long", 0, false, 200, 1},
		{"pieces: exactly the cap", "/long", fn.MaxBody, false, 200, 1},
		{"pieces: cap + 1", "/long", fn.MaxBody + 1, false, 200, 2},
		{"pieces: twice the cap", "/long", 2 * fn.MaxBody, true, 200, 2},
		{"pieces: twice the cap + 1", "/long", 2*fn.MaxBody + 1, true, 200, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			*c = calls{}
			var body io.Reader = bytes.NewReader(make([]byte, test.size))
			if test.chunked {
				body = struct{ io.Reader }{body}
			}
			res, text := do(t, request(t, "POST", s.URL+test.path, body))
			if res.StatusCode != test.status {
				t.Fatalf("%d %s, want %d", res.StatusCode, text, test.status)
			}
			if len(c.pieces) != test.pieces {
				t.Fatalf("%d calls, want %d", len(c.pieces), test.pieces)
			}
			if test.pieces == 0 {
				return
			}
			if c.bytes != test.size {
				t.Errorf("the function saw %d bytes of %d", c.bytes, test.size)
			}
			offset := int64(0)
			for i, p := range c.pieces {
				if p.Offset != offset || p.Last != (i == len(c.pieces)-1) || p.ID != c.pieces[0].ID {
					t.Errorf("piece %d = %+v at %d", i, p, offset)
				}
				offset += fn.MaxBody
			}
			if test.path == "/long" && text != fmt.Sprintf("stored to %d", test.size) {
				t.Errorf("answer %q is not the last piece's", text)
			}
		})
	}
}

func TestRefusedPieceEndsTheUpload(t *testing.T) {
	m, c := desk(t)
	s := serve(t, m)
	body := make([]byte, 3*fn.MaxBody)
	copy(body, "STOP")
	res, text := do(t, request(t, "POST", s.URL+"/long", bytes.NewReader(body)))
	if res.StatusCode != 415 || len(c.pieces) != 1 {
		t.Errorf("%d %s after %d pieces, want 415 after 1", res.StatusCode, text, len(c.pieces))
	}
}

func TestBodyCutOffByTheNetworkIsNotHandedOn(t *testing.T) {
	m, c := desk(t)
	s := serve(t, m)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n0123456789")
	_ = conn.(*net.TCPConn).CloseWrite()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != 400 || !strings.Contains(string(body), "fn.body_cut") {
		t.Errorf("%d %s, want 400 fn.body_cut", res.StatusCode, body)
	}
	if len(c.pieces) != 0 {
		t.Error("the handler saw a body that was cut off")
	}
}

func TestWholePiecesBeforeACutStay(t *testing.T) {
	m, c := desk(t)
	s := serve(t, m)
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintf(conn, "POST /long HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 3*fn.MaxBody)
	_, _ = conn.Write(make([]byte, fn.MaxBody+1000))
	_ = conn.(*net.TCPConn).CloseWrite()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 400 || c.bytes != fn.MaxBody {
		t.Errorf("%d with %d bytes stored, want 400 with the first piece whole", res.StatusCode, c.bytes)
	}
}

func TestNetworkIsCountedFromTheRight(t *testing.T) {
	m, _ := desk(t)
	tests := []struct {
		hops, xff, want string
	}{
		{"1", "198.51.100.1, 203.0.113.9", "203.0.113.0/24"},
		{"2", "6.6.6.6, 198.51.100.1, 203.0.113.9", "198.51.100.0/24"},
		{"3", "198.51.100.1, 203.0.113.9", "unknown"},
		{"1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		{"1", "::ffff:203.0.113.9", "203.0.113.0/24"},
		{"1", "garbage", "unknown"},
		{"0", "203.0.113.9", "127.0.0.0/24"},
	}
	for _, test := range tests {
		open.Use(map[string]string{"trusted_hops": test.hops})
		s := serve(t, m)
		_, body := do(t, request(t, "GET", s.URL+"/things/1", nil, "X-Forwarded-For", test.xff))
		if got := body[strings.LastIndex(body, "|")+1:]; got != test.want {
			t.Errorf("%s hops, %q: %s, want %s", test.hops, test.xff, got, test.want)
		}
	}
	open.Use(map[string]string{"trusted_hops": "1"})
}

func TestMetricsNameNobodyAndAreNotPublic(t *testing.T) {
	m, _ := desk(t)
	s := serve(t, m)
	_, _ = do(t, request(t, "GET", s.URL+"/things/91410771MA00AAA104", nil))
	res, _ := do(t, request(t, "GET", s.URL+"/metrics", nil, "X-Forwarded-For", "203.0.113.7"))
	if res.StatusCode != 404 {
		t.Errorf("metrics through the gateway: %d, want 404", res.StatusCode)
	}
	_, body := do(t, request(t, "GET", s.URL+"/metrics", nil))
	if !strings.Contains(body, `route="GET /things/{id}"`) || strings.Contains(body, "91410771MA00AAA104") {
		t.Errorf("metrics: %s", body)
	}
	if page.Say(page.ZH, "fn.no-such-word"); strings.Contains(body, "no-such-word") {
		t.Error("a key is shown")
	}
	if _, body = do(t, request(t, "GET", s.URL+"/metrics", nil)); !strings.Contains(body, "ipcredit_missing_words ") || strings.Contains(body, "ipcredit_missing_words 0\n") {
		t.Errorf("a missing word is not counted: %s", body)
	}
}

func TestReadJSONRefusesWhatTwoReadersCouldReadDifferently(t *testing.T) {
	type thing struct {
		Name string `json:"name"`
		N    int    `json:"n"`
		Sub  []struct {
			A string `json:"a"`
		} `json:"sub"`
	}
	tests := []struct{ name, body, code string }{
		{"good", `{"name":"甲","n":1,"sub":[{"a":"1"},{"a":"2"}]}`, ""},
		{"duplicate key", `{"name":"甲","name":"乙"}`, "fn.json_twice"},
		{"duplicate key inside", `{"sub":[{"a":"1","a":"2"}]}`, "fn.json_twice"},
		{"unknown field", `{"nane":"甲"}`, "fn.json_unknown"},
		{"wrong type", `{"n":"one"}`, "fn.json_type"},
		{"two values", `{} {}`, "fn.json_more"},
		{"cut off", `{"name":"甲`, "fn.json"},
		{"empty", ``, "fn.json_empty"},
		{"too deep", strings.Repeat("[", 100) + strings.Repeat("]", 100), "fn.json_depth"},
	}
	for _, test := range tests {
		var v thing
		err := fn.DecodeJSON([]byte(test.body), &v)
		code := ""
		if f, ok := fault.Of(err); ok {
			code = f.Code
		}
		if code != test.code {
			t.Errorf("%s: %v, want %q", test.name, err, test.code)
		}
	}
}

func FuzzDecodeJSON(f *testing.F) {
	f.Add([]byte(`{"name":"甲","sub":[{"a":1}]}`))
	f.Add([]byte(`{"a":{"a":[1,2,{"b":null}]},"b":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var v any
		err := fn.DecodeJSON(data, &v)
		if err == nil && !json.Valid(data) {
			t.Fatalf("accepted %q", data)
		}
		if _, refused := fault.Of(err); err != nil && !refused {
			t.Fatalf("not a refusal: %v", err)
		}
	})
}

func FuzzServeNeverPanics(f *testing.F) {
	f.Add("GET", "/things/1", "a=b", "text/html", []byte("x"))
	f.Add("POST", "/long", "", "", []byte{})
	f.Add("OPTIONS", "*", "%zz", "\x00", []byte("y"))
	f.Fuzz(func(t *testing.T, method, path, query, accept string, body []byte) {
		m, _ := desk(t)
		req := handler.Request{Method: method, QueryString: query, Body: body, Header: http.Header{
			"X-Fn-Path": {path}, "Accept": {accept},
		}}
		req.WithContext(context.Background())
		res, err := m.Serve(req)
		if strings.HasPrefix(path, "/panic") || err != nil {
			return
		}
		if res.StatusCode != 0 && (res.StatusCode < 200 || res.StatusCode > 599) {
			t.Fatalf("status %d", res.StatusCode)
		}
	})
}

func TestIdempotencyKeyThatOthersCouldGuessIsRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, key string
		refused   bool
	}{
		{"none", "", false},
		{"15 characters", "0123456789abcde", true},
		{"16 characters", "0123456789abcdef", false},
		{"200 characters", strings.Repeat("k", 200), false},
		{"201 characters", strings.Repeat("k", 201), true},
		{"a space", "01234567 89abcdef", true},
		{"a control character", "0123456789abcdef\x07", true},
		{"not ASCII", "0123456789abcdef甲", true},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Idempotency-Key", tt.key)
		key, err := fn.IdempotencyKey(r)
		f, _ := fault.Of(err)
		if refused := f != nil && f.Code == "fn.key_length" && len(f.Fields) == 1; refused != tt.refused || !refused && key != tt.key {
			t.Errorf("%s: %q, %v", tt.name, key, err)
		}
	}
}
