package fn

import (
	"fmt"
	"net/http"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"ipcredit/shared/page"
)

// buckets of the time to answer, in seconds.
var buckets = []float64{.001, .003, .01, .03, .1, .3, 1, 3, 10}

// A number of words that are not in the catalogue, 0 in a correct build.
var _ = metrics.NewGauge("ipcredit_missing_words", func() float64 { return float64(page.Missing()) })

// exposition writes the counters in Prometheus's text format. The labels are
// patterns and numbers only: a path value may be a subject's code, and what was
// asked for is nobody's business.
func exposition(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	metrics.WritePrometheus(w, true)
}

func observe(route, method string, status int, took time.Duration) {
	name := fmt.Sprintf("ipcredit_request_seconds{route=%q,method=%q,status=\"%d\"}", route, knownMethod(method), status)
	metrics.GetOrCreatePrometheusHistogramExt(name, buckets).Update(took.Seconds())
}

// knownMethod keeps made-up methods from making up metric series.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}
