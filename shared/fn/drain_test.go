package fn

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ipcredit/shared/open"
)

func TestDrainingFunctionRefusesNewCalls(t *testing.T) {
	t.Parallel()
	m := NewMux("test-desk")
	e := &edge{call: m.Serve, settings: open.ReadEdge(), log: slog.New(slog.DiscardHandler)}
	m.HandleOpen("GET /open", func(http.ResponseWriter, *http.Request) error { return nil })
	before := httptest.NewRecorder()
	e.ServeHTTP(before, httptest.NewRequest("GET", "/readyz", nil))
	e.draining.Store(true)
	after := httptest.NewRecorder()
	e.ServeHTTP(after, httptest.NewRequest("GET", "/readyz", nil))
	if before.Code != 200 || after.Code != 503 {
		t.Errorf("ready %d, draining %d; want 200, 503", before.Code, after.Code)
	}
	if after.Header().Get("Retry-After") == "" || after.Header().Get("Connection") != "close" || !strings.Contains(after.Body.String(), "fn.draining") {
		t.Errorf("draining answer: %v %s", after.Header(), after.Body)
	}
	elsewhere := httptest.NewRecorder()
	e.ServeHTTP(elsewhere, httptest.NewRequest("GET", "/open", nil))
	if elsewhere.Code != 503 || elsewhere.Header().Get("Access-Control-Allow-Origin") != "*" || after.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("an open route while draining: %d %v", elsewhere.Code, elsewhere.Header())
	}
}
