package fn

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// The labels are patterns and numbers only: a path value may be a subject's
// code, and what was asked for is nobody's business.
var (
	registry = prometheus.NewRegistry()
	requests = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "ipcredit_request_seconds",
		Help:    "Time to answer, by route pattern, method and status.",
		Buckets: []float64{.001, .003, .01, .03, .1, .3, 1, 3, 10},
	}, []string{"route", "method", "status"})
	registered = sync.OnceFunc(func() { registry.MustRegister(requests) })
)

func metrics() http.Handler {
	registered()
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

func observe(route, method string, status int, took time.Duration) {
	requests.WithLabelValues(route, knownMethod(method), strconv.Itoa(status)).Observe(took.Seconds())
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
