package function

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/redistest"
)

// BenchmarkReport sends documents from many networks at once, without the network
// in between, on a server that syncs each write.
func BenchmarkReport(b *testing.B) {
	c := newCity(b, redistest.Durable(b, b.TempDir(), "--appendonly", "yes", "--appendfsync", "always"))
	mux := c.desk.mux()
	body, err := json.Marshal(report())
	if err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.SetParallelism(8) // 16 clients on two processors
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			req := handler.Request{Body: body, Method: http.MethodPost, Header: http.Header{
				"Content-Type": {"application/json"}, "X-Fn-Path": {"/reports"}, "X-Fn-Network": {fmt.Sprintf("10.%d.%d.0/24", i>>8&255, i&255)},
			}}
			if i%8000 == 0 {
				c.clock.Pass(2 * 60e9) // the bucket of everybody is not what is measured
			}
			a, err := mux.Serve(req)
			if err != nil || a.StatusCode != http.StatusCreated {
				b.Fatal(err, a.StatusCode, strings.TrimSpace(string(a.Body)))
			}
		}
	})
}
