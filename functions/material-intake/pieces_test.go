package function

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/batch"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/redistest"
)

// long is a table of more than 8 MiB.
func long(t testing.TB) ([]byte, int) {
	t.Helper()
	rows := penalties(6000)
	for i := range rows {
		rows[i][atFacts] = strings.Repeat("销售侵犯注册商标专用权的商品。", 40)
	}
	rows[4321][atDate] = "2026-02-30"
	body := table(header, rows...)
	if len(body) <= 8<<20 {
		t.Fatalf("only %d bytes", len(body))
	}
	return body, len(rows)
}

func TestLongUploadIsTakenInPiecesAndPolledToItsEnd(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		body, n := long(t)
		a := c.as("").post("kind=penalty", body)
		if a.StatusCode != http.StatusAccepted || a.Header.Get("Retry-After") == "" || a.Header.Get("Location") == "" {
			t.Fatalf("%d %v %s", a.StatusCode, a.Header, a.body)
		}
		if want := fmt.Sprintf(`{"id":%q}`, a.read(t).ID); string(a.body) != want {
			t.Errorf("202 says %s, want %s", a.body, want)
		}
		b := c.as("").done(a)
		if b.State != "done" || b.Rows != n || b.Total != n || b.Accepted != n-1 || b.Rejected != 1 || b.Errors[0].Row != 4322 {
			t.Errorf("%+v", b)
		}
		// The same as a form, whose fields come with its first piece only.
		k := c.browser("lead.uploader")
		f := k.form("", body, "kind", "penalty", "dryRun", "1")
		if f.StatusCode != http.StatusSeeOther {
			t.Fatalf("form: %d %s", f.StatusCode, f.body)
		}
		id := f.Header.Get("Location")[strings.LastIndex(f.Header.Get("Location"), "/")+1:]
		if b = c.as("").done(answer{&http.Response{StatusCode: 202}, []byte(`{"id":"` + id + `"}`)}); b.Rows != n || b.Duplicates != n-1 || b.Rejected != 1 {
			t.Errorf("form: %+v", b)
		}
	})
}

func TestUploadIsNotRefusedInItsMiddle(t *testing.T) {
	c := embedded(t)
	k := c.as("")
	for range 599 { // one call is left of the burst
		k.get("/batches")
	}
	body, n := long(t)
	tick := time.NewTicker(5 * time.Millisecond)
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-tick.C:
				c.clock.Pass(5 * time.Millisecond)
			case <-stop:
				return
			}
		}
	}()
	a := k.post("kind=penalty&dryRun=1", body)
	close(stop)
	if a.StatusCode != http.StatusAccepted {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	c.clock.Pass(time.Minute)
	if b := k.done(a); b.Rows != n {
		t.Errorf("%+v", b)
	}
}

func TestCutUploadLeavesNothingHalfWrittenAndGoesOnByItsKey(t *testing.T) {
	c := embedded(t)
	body, n := long(t)
	const key = "cut-upload-0123456789"
	send := func(until int) { // announces all, sends less, and goes away
		conn, err := net.Dial("tcp", strings.TrimPrefix(c.public, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = fmt.Fprintf(conn, "POST %s/batches?kind=penalty HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nIdempotency-Key: %s\r\nContent-Length: %d\r\n\r\n",
			prefix, c.as("").header.Get("Authorization"), key, len(body))
		_, _ = conn.Write(body[:until])
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
	}
	send(1 << 20) // before the first piece was whole
	if list := c.batches(t); len(list) != 0 {
		t.Fatalf("%+v", list)
	}
	send(8<<20 + 12345)
	list := c.batches(t)
	if len(list) != 1 || list[0].State != batch.Receiving || list[0].Size != 8<<20 {
		t.Fatalf("%+v", list)
	}
	if _, err := c.credit.View(t.Context(), code(1), c.clock.Now()); !fault.Is(err, fault.NotFound) {
		t.Errorf("a row of half a file went in: %v", err)
	}
	b := c.as("").done(c.as("").with("Idempotency-Key", key).post("kind=penalty", body))
	if b.Rows != n || b.Accepted != n-1 {
		t.Errorf("sent again: %+v", b)
	}
	if n := len(c.batches(t)); n != 1 {
		t.Errorf("%d batches, want 1", n)
	}
}

func TestTickGoesOnWithWhatIsOpenAndGivesUpWhatBrokeOff(t *testing.T) {
	c := embedded(t)
	own, _ := identities()
	desk := batch.NewDesk(c.env.Journal, c.env.Objects, credit.Shipped(), batch.Secrets{Identity: own, Escrow: own.Recipient(), HashKey: []byte(strings.Repeat("k", 44))}, c.clock.Now)
	whole, err := desk.Receive(t.Context(), batch.Upload{Kind: "penalty", Org: "lead", Actor: "u", Request: "whole", Last: true, Body: table(header, penalty(1))})
	if err != nil {
		t.Fatal(err)
	}
	broken, err := desk.Receive(t.Context(), batch.Upload{Kind: "penalty", Org: "lead", Actor: "u", Request: "broken", Body: table(header, penalty(2))})
	if err != nil {
		t.Fatal(err)
	}
	tick := func() {
		c.rdb.Del(t.Context(), c.env.Journal.Tmp("tick", Needs.Function))
		if a := c.anybody().do("POST", "/", nil); a.StatusCode != http.StatusNoContent {
			t.Fatalf("%d %s", a.StatusCode, a.body)
		}
	}
	tick()
	if b := c.as("").done(answer{&http.Response{StatusCode: 202}, []byte(`{"id":"` + whole.ID + `"}`)}); b.Accepted != 1 {
		t.Errorf("%+v", b)
	}
	if b := c.as("").get("/batches/" + broken.ID).read(t); b.State != "receiving" {
		t.Errorf("given up too early: %+v", b)
	}
	c.clock.Pass(batch.Patience + time.Second)
	tick()
	if b := c.as("").get("/batches/" + broken.ID).read(t); b.State != "failed" || b.Problem.Code != "batch.cut_off" {
		t.Errorf("not given up: %+v", b)
	}
}
