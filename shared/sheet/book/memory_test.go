package book_test

import (
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"

	"ipcredit/shared/sheet"
	"ipcredit/shared/sheet/book"
)

// TestManyErrorsTakeLittleMemory writes as many rejected rows as no answer could
// hold: they pass through, part on disk, and none stays.
func TestManyErrorsTakeLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 150,000 rows")
	}
	const n = 150_000
	headers := make([]string, 12)
	for i := range headers {
		headers[i] = fmt.Sprintf("列%d", i)
	}
	var peak uint64
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	look := func() {
		metrics.Read(sample)
		peak = max(peak, sample[0].Value.Uint64())
	}
	// What is no longer used shall not count as held.
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	debug.FreeOSMemory()
	look()
	before := peak
	size := int64(0)
	rows := func(yield func(book.Rejected, error) bool) {
		cells := make([]string, len(headers))
		for i := range n {
			for k := range cells {
				// Digits that do not repeat: the compressed file is long too.
				cells[k] = fmt.Sprintf("%s%x", strings.Repeat("值", 8), uint64(i*len(cells)+k)*0x9E3779B97F4A7C15)
			}
			if i%1000 == 0 {
				look()
			}
			if !yield(book.Rejected{Cells: cells, Message: "不是有效日期"}, nil) {
				return
			}
		}
	}
	err := book.WriteErrors(writer(func(p []byte) (int, error) { look(); size += int64(len(p)); return len(p), nil }), sheet.Layout{Headers: headers}, rows)
	if err != nil {
		t.Fatal(err)
	}
	if grown := (peak - before) >> 20; grown > 64 {
		t.Errorf("%d rows took %d MiB", n, grown)
	} else {
		t.Logf("%d rows in a file of %d MiB took %d MiB", n, size>>20, grown)
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
