package function

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ipcredit/shared/linkage"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
)

// Pages over 50,000 applications, four clients, real Redis: p95 below 200 ms.
func BenchmarkPages(b *testing.B) {
	c := newCity(b, redistest.Real(b))
	divisions := []string{"410771", "410772", "410702", "410711", "410781", "410783"}
	states := []string{"通报", "已撤回", "视为撤回", "驳回", "待定"}
	for first := 0; first < 50_000; first += 5000 {
		var rows []map[string]string
		for i := first; i < first+5000; i++ {
			rows = append(rows, application(i, map[string]string{
				"state": states[i%5], "division": divisions[i%6], "list": fmt.Sprintf("第%d批", i%12), "agency": fmt.Sprintf("41%03d", i%40),
				"notifiedAt": fmt.Sprintf("%d-%02d-02", 2025+i%2, 1+i%5), "replyBy": "",
			}))
		}
		c.put(linkage.Patent, rows...)
	}
	cookie := staff.CookiePlain + "=" + c.people.Session(b, "lead.statistics", &c.clock)
	for _, path := range []string{"/withdrawal-rate?district=410771&from=2026-01-01", "/", "/?agency=41007", "/pending"} {
		b.Run(path, func(b *testing.B) {
			var mu sync.Mutex
			var times []time.Duration
			var wg sync.WaitGroup
			work := make(chan struct{})
			for range 4 {
				wg.Go(func() {
					for range work {
						start := time.Now()
						r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, c.public+prefix+path, nil)
						if err != nil {
							b.Error(err)
							continue
						}
						if !strings.HasPrefix(path, "/withdrawal-rate") {
							r.Header.Set("Cookie", cookie)
							r.Header.Set("Accept", "text/html")
						}
						w, err := http.DefaultClient.Do(r)
						if err != nil || w.StatusCode != http.StatusOK {
							b.Error(w, err)
							continue
						}
						_, _ = io.Copy(io.Discard, w.Body)
						_ = w.Body.Close()
						mu.Lock()
						times = append(times, time.Since(start))
						mu.Unlock()
					}
				})
			}
			for b.Loop() {
				work <- struct{}{}
			}
			close(work)
			wg.Wait()
			slices.Sort(times)
			if len(times) > 0 {
				b.ReportMetric(float64(times[len(times)*95/100].Microseconds())/1000, "p95-ms")
			}
		})
	}
}
