package function

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"ipcredit/shared/batch"
	"ipcredit/shared/redistest"
)

// heap watches how much memory the process's objects take, client and function
// together, until stop returns the most that was seen, in MiB. The collector is
// told to keep below the limit of the test, as a container's is: what is above is
// needed, and not garbage that nobody had time for.
func heap() (stop func() uint64) {
	before := debug.SetMemoryLimit(96 << 20)
	const name = "/memory/classes/heap/objects:bytes"
	var most atomic.Uint64
	done, ended := make(chan struct{}), make(chan struct{})
	debug.FreeOSMemory()
	go func() {
		defer close(ended)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		sample := []metrics.Sample{{Name: name}}
		for {
			metrics.Read(sample)
			most.Store(max(most.Load(), sample[0].Value.Uint64()))
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	return func() uint64 {
		close(done)
		<-ended
		debug.SetMemoryLimit(before)
		return most.Load() >> 20
	}
}

// endless is a table that goes on for ever: a header, then one row again and
// again.
type endless struct {
	head, row []byte
	at        int
}

func (e *endless) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		part := e.row
		if e.head != nil {
			part = e.head
		}
		k := copy(p[n:], part[e.at:])
		n, e.at = n+k, e.at+k
		if e.at == len(part) {
			e.head, e.at = nil, 0
		}
	}
	return n, nil
}

// TestGigabyteIsTakenInWithFlatMemory sends a file of 1 GiB, which is allowed, and
// whose header names no column there is: it is taken in to its last byte, and
// then refused as a whole with the reason.
func TestGigabyteIsTakenInWithFlatMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("stores 1 GiB")
	}
	c := embedded(t)
	const size = 1 << 30
	facts := penalty(1)
	facts[atFacts] = strings.Repeat("销售侵犯注册商标专用权的商品。", 100)
	file := &endless{head: table(append([]string{"不存在的列"}, header...)), row: table(append([]string{""}, facts...))}
	r, err := http.NewRequestWithContext(t.Context(), "POST", c.public+prefix+"/batches?kind=penalty&dryRun=1", io.LimitReader(file, size))
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = size
	r.Header = c.as("").header
	most := heap()
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusAccepted {
		t.Fatalf("%d %s %v", res.StatusCode, body, err)
	}
	b := c.as("").done(answer{res, body})
	if peak := most(); peak > 128 {
		t.Errorf("memory went up to %d MiB for a body of %d MiB", peak, size>>20)
	} else {
		t.Logf("at most %d MiB for a body of %d MiB", peak, size>>20)
	}
	if b.State != "failed" || b.Problem == nil || b.Problem.Code != "sheet.unknown_header" || b.Rows != 0 {
		t.Errorf("%+v", b)
	}
	stored, err := c.store.Get(t.Context(), b.ID)
	if err != nil || stored.Size != size || len(stored.Pieces) != size>>23 {
		t.Errorf("%d bytes in %d pieces stored: %v", stored.Size, len(stored.Pieces), err)
	}
}

// TestBodyOverTheLimitIsRefusedBeforeItIsRead: whoever announces too much is told
// after the first piece; whoever announces nothing, with the piece that is too
// much.
func TestBodyOverTheLimitIsRefusedBeforeItIsRead(t *testing.T) {
	c := embedded(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.public, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	// The rest never comes: an answer proves that nobody waits for it.
	_, _ = fmt.Fprintf(conn, "POST %s/batches?kind=penalty HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n",
		prefix, c.as("").header.Get("Authorization"), int64(batch.MaxSize)+1)
	_, _ = io.CopyN(conn, &endless{head: table(header), row: table(penalty(1))}, 8<<20+1)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var problem toldBatch
	if err := json.NewDecoder(res.Body).Decode(&problem); err != nil || res.StatusCode != http.StatusRequestEntityTooLarge || problem.Code != "batch.too_large" {
		t.Errorf("%d %+v %v", res.StatusCode, problem, err)
	}
	if n := len(c.batches(t)); n != 0 {
		t.Errorf("%d batches were begun", n)
	}
}

// TestHundredThousandRowsThroughTheInterface sends so many rows as a program does,
// a tenth of them bad, and takes the bad ones back. Ten times as many:
// go run ./functions bench -only import -rows 1000000.
func TestHundredThousandRowsThroughTheInterface(t *testing.T) {
	if testing.Short() {
		t.Skip("takes in 100,000 rows")
	}
	rdb := redistest.Durable(t, t.TempDir(), "--appendonly", "yes", "--appendfsync", "always")
	c := newCity(t, rdb)
	const n, bad = 100_000, 10_000
	in, out := io.Pipe()
	go func() {
		w := csv.NewWriter(out)
		_ = w.Write(header)
		for i := range n {
			row := penalty(i)
			if i%(n/bad) == 3 {
				row[atDate] = "2026-02-30"
			}
			_ = w.Write(row)
		}
		w.Flush()
		_ = out.CloseWithError(w.Error())
	}()
	most := heap()
	archiving := make(chan struct{})
	go func() { // as deadline-tick does
		defer close(archiving)
		for c.t.Context().Err() == nil && c.rdb.Ping(t.Context()).Err() == nil {
			_, _ = c.env.Archive.Run(t.Context(), c.env.Journal)
			if list, _, err := c.store.Of(t.Context(), "lead", "", 1); err == nil && len(list) == 1 && list[0].Finished() {
				return
			}
		}
	}()
	began := time.Now()
	a := c.as("").do("POST", "/batches?kind=penalty", in) // chunked: of unknown length
	if a.StatusCode != http.StatusAccepted {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	b := c.as("").done(a)
	<-archiving
	if b.State != "done" || b.Rows != n || b.Accepted != n-bad || b.Rejected != bad || !b.MoreErrors || b.Errors[0].Row != 4 || b.Errors[0].Code != "sheet.date" {
		t.Fatalf("%s: %d rows, %d accepted, %d rejected, first %+v", b.State, b.Rows, b.Accepted, b.Rejected, b.Errors[:1])
	}
	x := c.as("").get("/batches/" + b.ID + "/errors.xlsx")
	t.Logf("%d rows in %s, at most %d MiB for client, function and its answers", n, time.Since(began).Round(time.Millisecond), most())
	f, err := excelize.OpenReader(bytes.NewReader(x.body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := f.GetRows(f.GetSheetName(0))
	if err != nil || len(rows) != bad+1 || rows[1][atNumber] != penalty(3)[atNumber] || rows[bad][atNumber] != penalty(n - 7)[atNumber] {
		t.Errorf("%d rows come back: %v", len(rows), err)
	}
	for _, i := range []int{0, 1, n / 2, n - 1} {
		if _, err := c.credit.View(t.Context(), code(i), c.clock.Now()); err != nil {
			t.Errorf("row %d: %v", i+1, err)
		}
	}
}
