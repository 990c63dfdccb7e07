package fn_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
)

// TestRefusalsOfOpenRoutesCanBeReadOnOtherOrigins: a page of another origin sees
// an answer only with the header, and must see why it was refused.
func TestRefusalsOfOpenRoutesCanBeReadOnOtherOrigins(t *testing.T) {
	t.Parallel()
	m, _ := desk(t)
	s := serve(t, m)
	long := strings.Repeat("x", fn.MaxBody+1)
	tests := []struct {
		name, method, target string
		body                 string
		status               int
		code                 string
		open                 bool
	}{
		{"too large, open", "POST", "/match", long, 413, "fn.body_too_large", true},
		{"too large, not open", "POST", "/things", long, 413, "fn.body_too_large", false},
		{"address too long, open", "POST", "/match?q=" + strings.Repeat("x", 9000), "", 414, "fn.target_too_long", true},
		{"address too long, not open", "GET", "/?q=" + strings.Repeat("x", 9000), "", 414, "fn.target_too_long", false},
		{"wrong method of an open route", "DELETE", "/match", "", 405, "fn.method", true},
		{"no such address beside open routes", "GET", "/matches", "", 404, "fn.not_found", true},
	}
	for _, tt := range tests {
		r := request(t, tt.method, s.URL+tt.target, strings.NewReader(tt.body), "Origin", "https://elsewhere.example", "Sec-Fetch-Site", "cross-site", "Accept-Language", "en")
		if !tt.open {
			r.Header.Del("Origin")
			r.Header.Del("Sec-Fetch-Site")
		}
		res, body := do(t, r)
		var p fn.Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil || res.StatusCode != tt.status || p.Code != tt.code || p.Detail == "" {
			t.Errorf("%s: %d %.200s", tt.name, res.StatusCode, body)
		}
		if got := res.Header.Get("Access-Control-Allow-Origin") == "*"; got != tt.open {
			t.Errorf("%s: readable elsewhere %t, want %t", tt.name, got, tt.open)
		}
		if res.Header.Get("Content-Language") != "en" {
			t.Errorf("%s: in %q", tt.name, res.Header.Get("Content-Language"))
		}
	}
}

func TestCutOffBodyOfAnOpenRouteIsToldToOtherOrigins(t *testing.T) {
	t.Parallel()
	m, c := desk(t)
	s := serve(t, m)
	for _, tt := range []struct {
		target, accept, kind string
		open                 bool
	}{
		{"/match", "application/json", "application/problem+json", true},
		{"/match", "text/html", "text/html", true},
		{"/things", "application/json", "application/problem+json", false},
	} {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAccept: %s\r\nContent-Length: 100\r\nConnection: close\r\n\r\nhalf", tt.target, tt.accept)
		_ = conn.(*net.TCPConn).CloseWrite()
		raw, err := io.ReadAll(conn)
		_ = conn.Close()
		if err != nil {
			t.Fatal(err)
		}
		head, body, _ := strings.Cut(string(raw), "\r\n\r\n")
		if !strings.HasPrefix(head, "HTTP/1.1 400 ") || !strings.Contains(head, "Content-Type: "+tt.kind) || !strings.Contains(body, page.Say(page.ZH, "fault.fn.body_cut")) {
			t.Errorf("%s %s: %s\n%.300s", tt.target, tt.accept, head, body)
		}
		if got := strings.Contains(head, "Access-Control-Allow-Origin: *"); got != tt.open {
			t.Errorf("%s: readable elsewhere %t, want %t", tt.target, got, tt.open)
		}
	}
	if len(c.pieces) != 0 {
		t.Errorf("a half body reached a handler: %+v", c.pieces)
	}
}

func TestRequestThatReachesNoFunctionIsRefusedInWords(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fn.Refuse(w, r, fault.New(fault.NotFound, "fn.not_found"))
	}))
	defer s.Close()
	for _, tt := range []struct{ accept, language, kind, says string }{
		{"application/json", "zh", "application/problem+json; charset=utf-8", page.Say(page.ZH, "fault.fn.not_found")},
		{"*/*", "en", "application/problem+json; charset=utf-8", page.Say(page.EN, "fault.fn.not_found")},
		{"text/html", "zh", "text/html; charset=utf-8", page.Say(page.ZH, "fault.fn.not_found")},
		{"text/html", "en", "text/html; charset=utf-8", page.Say(page.EN, "fault.fn.not_found")},
	} {
		res, body := do(t, request(t, "GET", s.URL+"/function/nowhere/x", nil, "Accept", tt.accept, "Accept-Language", tt.language, "X-Fn-Path", "/forged"))
		if res.StatusCode != 404 || res.Header.Get("Content-Type") != tt.kind || !strings.Contains(body, tt.says) {
			t.Errorf("%s %s: %d %v %.300s", tt.accept, tt.language, res.StatusCode, res.Header, body)
		}
		if id := res.Header.Get("X-Request-Id"); id == "" || !strings.Contains(body, id) || res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: reference %q in %v", tt.accept, id, res.Header)
		}
		if strings.Contains(body, "/function//") {
			t.Errorf("%s: a link leads to no function", tt.accept)
		}
	}
}

func TestPreflightNamesEveryMethodOfTheAddress(t *testing.T) {
	t.Parallel()
	m := fn.NewMux("test-desk")
	none := func(http.ResponseWriter, *http.Request) error { return nil }
	m.HandleOpen("GET /both", none)
	m.HandleOpen("POST /both", none)
	m.HandleOpen("GET /one", none)
	s := serve(t, m)
	for path, want := range map[string]string{"/both": "GET, POST, HEAD, OPTIONS", "/one": "GET, HEAD, OPTIONS"} {
		res, _ := do(t, request(t, "OPTIONS", s.URL+path, nil, "Origin", "https://elsewhere.example", "Access-Control-Request-Method", "POST"))
		if res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Methods") != want || res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v", path, res.StatusCode, res.Header)
		}
	}
}
