package fn_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
)

func TestStreamedAnswer(t *testing.T) {
	t.Parallel()
	part := bytes.Repeat([]byte("0123456789abcdef"), 4<<10) // 64 KiB
	parts := func(n int, then error) func(io.Writer) error {
		return func(w io.Writer) error {
			for range n {
				if _, err := w.Write(part); err != nil {
					return err
				}
			}
			return then
		}
	}
	routes := map[string]func(io.Writer) error{
		"whole":   parts(100, nil),
		"empty":   parts(0, nil),
		"refused": parts(0, fault.New(fault.NotFound, "fn.not_found")),
		"failed":  parts(0, errors.New("secret detail")),
		"panics":  func(io.Writer) error { panic("secret detail") },
		"cut":     parts(100, errors.New("secret detail")),
	}
	m := fn.NewMux("test-desk")
	for name, produce := range routes {
		m.HandleOpen("GET /"+name, func(w http.ResponseWriter, r *http.Request) error {
			w.Header().Set("Content-Type", "application/x-test")
			return fn.Stream(w, r, func(w io.Writer) error {
				if err := r.Context().Err(); err != nil {
					t.Errorf("%s: the call's time was over before it began: %v", name, err)
				}
				return produce(w)
			})
		})
	}
	s := serve(t, m)
	tests := []struct {
		name   string
		status int
		size   int // -1: whatever
		cut    bool
	}{
		{"whole", 200, 100 * len(part), false},
		{"empty", 200, 0, false},
		{"refused", 404, -1, false},
		{"failed", 500, -1, false},
		{"panics", 500, -1, false},
		{"cut", 200, -1, true},
	}
	for _, tt := range tests {
		res, err := http.Get(s.URL + "/" + tt.name)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if (err != nil) != tt.cut {
			t.Errorf("%s: reading to the end: %v, want cut off %t", tt.name, err, tt.cut)
		}
		if res.StatusCode != tt.status || tt.size >= 0 && len(body) != tt.size || strings.Contains(string(body), "secret detail") {
			t.Errorf("%s: %d with %d bytes", tt.name, res.StatusCode, len(body))
		}
		kind := "application/problem+json; charset=utf-8"
		if tt.status == 200 {
			kind = "application/x-test"
		}
		if res.Header.Get("Content-Type") != kind || res.Header.Get("Access-Control-Allow-Origin") != "*" || res.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: %v", tt.name, res.Header)
		}
		for name := range res.Header {
			if strings.HasPrefix(name, "X-Fn-") {
				t.Errorf("%s: private header %s reached the client", tt.name, name)
			}
		}
	}
	res, body := do(t, request(t, "HEAD", s.URL+"/whole", nil))
	if res.StatusCode != 200 || body != "" || res.Header.Get("Content-Type") != "application/x-test" {
		t.Errorf("HEAD: %d %v", res.StatusCode, res.Header)
	}
}
