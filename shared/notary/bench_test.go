package notary

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
)

// BenchmarkLeaf is what a leaf costs, from the queue to its index, with its share
// of tiles, checkpoint object and commit: real Redis that syncs each write, real
// MinIO. An operation is one leaf; the sub-benchmarks are the sizes of a batch.
func BenchmarkLeaf(b *testing.B) {
	for _, batch := range []int{100, 1000, 4096} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			rdb := redistest.Durable(b, b.TempDir(), "--appendonly", "yes", "--appendfsync", "always")
			w := newWorld(b, rdb, objectstest.Real(b).Main)
			l := w.open()
			w.sequence(l)
			var queuing, sequencing time.Duration
			done := 0
			b.ResetTimer()
			for done < b.N {
				start := time.Now()
				w.queue(done, done+batch)
				queuing += time.Since(start)
				start = time.Now()
				if n := w.sequence(l); n != batch {
					b.Fatalf("sequenced %d", n)
				}
				sequencing += time.Since(start)
				done += batch
			}
			b.StopTimer()
			b.ReportMetric(float64(queuing.Microseconds())/float64(done)/1000, "queue-ms/leaf")
			b.ReportMetric(float64(sequencing.Microseconds())/float64(done)/1000, "sequence-ms/leaf")
		})
	}
}

// BenchmarkAudit is an audit of a log of 65,792 entries, with objects on MinIO
// and in memory: the rate is entries a second, so 1,000,000 entries take
// 1,000,000 ÷ rate seconds.
func BenchmarkAudit(b *testing.B) {
	const size = 65_792
	for _, tt := range []struct {
		name string
		open func() objects.Store
	}{
		{"memory", func() objects.Store { return &memory{} }},
		{"minio", func() objects.Store { return objectstest.Real(b).Main }},
	} {
		b.Run(tt.name, func(b *testing.B) {
			w := newWorld(b, redistest.Embedded(b), tt.open())
			l := grown(b, w, size)
			b.ResetTimer()
			for range b.N {
				f, err := Audit(context.Background(), l, w.key.verifier(), nil, nil)
				if err != nil || f.Entries != size {
					b.Fatalf("%d entries: %v", f.Entries, err)
				}
			}
			b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

// BenchmarkProof is one proof out of a log of 65,792 entries on MinIO.
func BenchmarkProof(b *testing.B) {
	const size = 65_792
	w := newWorld(b, redistest.Embedded(b), objectstest.Real(b).Main)
	l := grown(b, w, size)
	b.ResetTimer()
	for i := range b.N {
		if _, err := l.Proof(context.Background(), int64(i*7919)%size); err != nil {
			b.Fatal(err)
		}
	}
}

// grown puts this many entries into the log without the queue.
func grown(b *testing.B, w *world, size int) *Log {
	b.Helper()
	l := w.open()
	w.sequence(l)
	for n := 0; n < size; {
		var leaves []queued
		for range min(mostLeaves, size-n) {
			entry, err := leafFor(n).Entry()
			if err != nil {
				b.Fatal(err)
			}
			leaves = append(leaves, queued{entry: entry})
			n++
		}
		last, err := l.newest(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		s, err := l.decide(context.Background(), last, leaves, start)
		if err != nil {
			b.Fatal(err)
		}
		if err := l.fill(context.Background(), s, start); err != nil {
			b.Fatal(err)
		}
	}
	return l
}

// memory is a store without any cost of its own.
type memory struct {
	objects.Store
	m sync.Map
}

func (m *memory) Create(_ context.Context, name string, body []byte, _ objects.Attr) (objects.Info, error) {
	if _, found := m.m.LoadOrStore(name, body); found {
		return objects.Info{}, objects.ErrExists
	}
	return objects.Info{}, nil
}

func (m *memory) Get(_ context.Context, name string) ([]byte, objects.Info, error) {
	body, found := m.m.Load(name)
	if !found {
		return nil, objects.Info{}, objects.ErrNotFound
	}
	return body.([]byte), objects.Info{}, nil
}
