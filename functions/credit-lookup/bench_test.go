package function

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fn"
	"ipcredit/shared/redistest"
)

// BenchmarkLookup compares a lookup by code with a function that does one bare
// GET of the same bytes, in turns, through the edge and on a real Redis. The
// budget is at least 0.9 of its calls a second (design §11).
func BenchmarkLookup(b *testing.B) {
	c := newCity(b, redistest.Real(b), "2026-05-06")
	c.firms()
	c.determination(firm, "国知信认〔2026〕1号", "2026-04-29", credit.General)
	// Sequenced as disclosure-publish does.
	if err := c.rdb.Set(b.Context(), c.env.Journal.Key("credit", "log", firm), "1234567", 0).Err(); err != nil {
		b.Fatal(err)
	}
	keys, err := readKeys([]byte(seed))
	if err != nil {
		b.Fatal(err)
	}
	lookups := fn.HTTP(routes(c.env, keys).Serve)
	body := c.get("/subjects/" + firm).body
	if err := c.rdb.Set(b.Context(), "bare", body, 0).Err(); err != nil {
		b.Fatal(err)
	}
	mux := fn.NewMux("bare")
	mux.Handle("GET /subjects/{code}", func(w http.ResponseWriter, r *http.Request) error {
		value, err := c.rdb.Get(r.Context(), "bare").Bytes()
		if err != nil {
			return err
		}
		_, err = w.Write(value)
		return err
	})
	bare := fn.HTTP(mux.Serve)
	call := func(h http.Handler) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/subjects/"+firm, nil))
		if w.Code != 200 || w.Body.Len() != len(body) {
			b.Fatal(w.Code, w.Body.String())
		}
	}
	for range 1000 {
		call(bare)
		call(lookups)
	}
	var times [2][]time.Duration
	var sum [2]time.Duration
	for b.Loop() {
		for i, h := range []http.Handler{bare, lookups} {
			start := time.Now()
			call(h)
			took := time.Since(start)
			times[i], sum[i] = append(times[i], took), sum[i]+took
		}
	}
	p99 := func(d []time.Duration) float64 {
		slices.Sort(d)
		return float64(d[len(d)*99/100])
	}
	b.ReportMetric(float64(sum[0])/float64(sum[1]), "of-bare-calls/s")
	b.ReportMetric(p99(times[1])/p99(times[0]), "x-bare-p99")
	b.ReportMetric(float64(sum[1].Microseconds())/float64(len(times[1])), "µs/lookup")
}

// BenchmarkAnswers measures what else websites call.
func BenchmarkAnswers(b *testing.B) {
	c := newCity(b, redistest.Real(b), "2026-05-06")
	c.firms()
	c.determination(firm, "国知信认〔2026〕1号", "2026-04-29", credit.General)
	keys, err := readKeys([]byte(seed))
	if err != nil {
		b.Fatal(err)
	}
	h := fn.HTTP(routes(c.env, keys).Serve)
	for name, path := range map[string]string{
		"badge": "/badge/" + firm + ".svg", "badge-data": "/badge/" + firm + ".json", "embed": "/embed/" + firm,
		"statement": "/statement/" + firm, "page": "/subjects/" + firm,
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				w := httptest.NewRecorder()
				r := httptest.NewRequest("GET", path, nil)
				if name == "page" {
					r.Header.Set("Accept", "text/html")
				}
				h.ServeHTTP(w, r)
				if w.Code != 200 {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
