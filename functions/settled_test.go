package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestEmbeddedCityTellsOnlyWhatIsArchived looks at one answer on its way out.
func TestEmbeddedCityTellsOnlyWhatIsArchived(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		archive  error
		handler  http.HandlerFunc
		status   int
		body     string
		kept     string // of the handler's header X
		archives int
	}{
		{"archived", nil, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", "1")
			w.WriteHeader(http.StatusCreated)
			w.WriteHeader(http.StatusOK) // too late
			_, _ = w.Write([]byte("a"))
			_, _ = w.Write([]byte("b"))
		}, http.StatusCreated, "ab", "1", 1},
		{"archived, status not named", nil, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("a"))
		}, http.StatusOK, "a", "", 1},
		{"not archived", errors.New("disk full"), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X", "1")
			w.Header().Set("Content-Length", "1")
			w.WriteHeader(http.StatusCreated)
			if n, err := w.Write([]byte("a")); n != 1 || err != nil {
				t.Errorf("a dropped write gives %d, %v", n, err)
			}
		}, http.StatusServiceUnavailable, `"code":"fn.away"`, "", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			times := 0
			h := settled(tt.handler, func(context.Context) error { times++; return tt.archive })
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) || w.Header().Get("X") != tt.kept || times != tt.archives {
				t.Errorf("%d %q X=%q archived %d times", w.Code, w.Body, w.Header().Get("X"), times)
			}
		})
	}
}
