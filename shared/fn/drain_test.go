package fn

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"ipcredit/shared/open"
)

func TestDrainingFunctionRefusesNewCalls(t *testing.T) {
	t.Parallel()
	m := NewMux("test-desk")
	e := &edge{call: m.Serve, settings: open.ReadEdge(), log: slog.New(slog.DiscardHandler)}
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
}
