package batch_test

import (
	"fmt"
	"testing"

	"ipcredit/shared/batch"
	"ipcredit/shared/redistest"
)

// BenchmarkImport takes in penalties about subjects that are new to the city,
// validated, indexed and journaled, on a Redis that syncs every write.
func BenchmarkImport(b *testing.B) {
	const rows = 20_000
	body := table(penaltyHeader, penalties(rows)...)
	var total float64
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		c := newCity(b, redistest.Durable(b, b.TempDir(), "--appendonly", "yes", "--appendfsync", "always"))
		var x batch.Batch
		u := batch.Upload{Kind: "penalty", Org: "lead", Actor: "u1", Request: fmt.Sprint(i)}
		const size = 8 << 20
		for k := 0; k*size < len(body); k++ {
			u.Index, u.Body, u.Last = k, body[k*size:min(len(body), (k+1)*size)], (k+1)*size >= len(body)
			var err error
			if x, err = c.desk.Receive(b.Context(), u); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		x, err := c.desk.Work(b.Context(), x.ID)
		if err != nil || x.Accepted != rows {
			b.Fatalf("%+v %v", x, err)
		}
		total += rows
	}
	b.ReportMetric(total/b.Elapsed().Seconds(), "rows/s")
}
