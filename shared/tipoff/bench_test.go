package tipoff

import (
	"slices"
	"sync"
	"testing"
	"time"

	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
)

// BenchmarkLodge is sixteen reporters at a time on a real Redis that syncs every
// write to disk and a real object store: the budget is 1,000 tip-offs a second
// and 100 ms at the 99th percentile.
func BenchmarkLodge(b *testing.B) {
	rdb := redistest.Durable(b, b.TempDir(), "--appendonly", "yes", "--appendfsync", "always")
	w := newTown(b, rdb, objectstest.Real(b))
	w.lodge(b, withName()) // makes the bucket
	work := make(chan struct{})
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			var mine []time.Duration
			for range work {
				start := time.Now()
				if _, err := w.intake.Lodge(b.Context(), Submission{Key: ticket(), Lodged: withName(), Token: newToken()}, noon); err != nil {
					b.Error(err)
				}
				mine = append(mine, time.Since(start))
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
		})
	}
	for b.Loop() {
		work <- struct{}{}
	}
	close(work)
	wg.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tip-offs/s")
	b.ReportMetric(float64(took[len(took)*99/100])/float64(time.Millisecond), "p99-ms")
}

// BenchmarkTrack is one reporter who looks at his tip-off.
func BenchmarkTrack(b *testing.B) {
	w := newTown(b, redistest.Real(b), objectstest.Real(b))
	in := w.lodge(b, withName())
	for b.Loop() {
		if _, err := w.intake.Track(b.Context(), in.claim(), noon); err != nil {
			b.Fatal(err)
		}
	}
}
