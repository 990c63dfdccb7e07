package share

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ipcredit/shared/outgoing"
	"ipcredit/shared/redistest"
)

// TestThreat_ALyingReceiverChangesNothingAndHoldsUpNobody goes through what a
// receiver may answer.
func TestThreat_ALyingReceiverChangesNothingAndHoldsUpNobody(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		answer  func(w http.ResponseWriter, now time.Time)
		taken   bool
		stopped string
		wait    time.Duration // at least until the next try, where there is one
	}{
		{"200 with garbage", func(w http.ResponseWriter, _ time.Time) { _, _ = w.Write([]byte("\x00{\"answers\":[[[")) }, true, "", 0},
		{"200 with answers to what it was not told", func(w http.ResponseWriter, _ time.Time) {
			_, _ = w.Write([]byte(`{"answers":[{"change":"1-1-00000000","action":"removed"},{"change":"","action":"noted"}]}`))
		}, true, "", 0},
		{"200 without an end", func(w http.ResponseWriter, _ time.Time) {
			for range 100 {
				_, _ = w.Write(make([]byte, 64<<10))
			}
		}, true, "", 0},
		{"410", func(w http.ResponseWriter, _ time.Time) { w.WriteHeader(http.StatusGone) }, false, WhyGone, 0},
		{"a redirect inside", func(w http.ResponseWriter, _ time.Time) {
			w.Header().Set("Location", "http://169.254.169.254/latest/meta-data")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, false, "", waits[0] * 9 / 10},
		{"Retry-After as a date", func(w http.ResponseWriter, now time.Time) {
			w.Header().Set("Retry-After", now.Add(3*time.Hour).UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusServiceUnavailable)
		}, false, "", 3*time.Hour - time.Second},
		{"Retry-After of years", func(w http.ResponseWriter, _ time.Time) {
			w.Header().Set("Retry-After", "2000000000")
			w.WriteHeader(http.StatusTooManyRequests)
		}, false, "", longestWait},
		{"Retry-After in the year 9999", func(w http.ResponseWriter, _ time.Time) {
			w.Header().Set("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, false, "", longestWait},
		{"Retry-After that is none", func(w http.ResponseWriter, _ time.Time) {
			w.Header().Set("Retry-After", "-5")
			w.WriteHeader(http.StatusBadGateway)
		}, false, "", waits[0] * 9 / 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t, redistest.Embedded(t), "410700")
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { tt.answer(w, k.now.Now()) }))
			defer server.Close()
			p := wholeCity("court")
			p.URL = server.URL
			x := k.subscribe(p)
			a := k.record(1, firmA)
			k.deliver()
			x, err := k.store.subscription(t.Context(), k.rdb, x.ID)
			if err != nil || x.Stopped != tt.stopped || (x.Current == "") != tt.taken {
				t.Fatalf("%+v, %v", x, err)
			}
			list, err := k.store.recipients(t.Context(), []string{"court"}, []string{a})
			if err != nil || len(list) != 1 || list[0].Answer != nil {
				t.Errorf("%+v, %v", list, err)
			}
			if tt.wait == 0 {
				return
			}
			d, err := k.store.delivery(t.Context(), k.rdb, x.Current)
			if wait := d.Next.Sub(d.Tries[0].At); err != nil || wait < tt.wait || wait > max(tt.wait, longestWait) {
				t.Errorf("it waits %v, %v", wait, err)
			}
		})
	}
}

// TestThreat_AnAddressInsideIsCalledInNoSpelling: what only looks like a name is
// found out when it is connected to.
func TestThreat_AnAddressInsideIsCalledInNoSpelling(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := outgoing.Guard{}.Client(10 * time.Second)
	defer client.Close()
	for _, host := range []string{"127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:1]", "localhost", "LOCALHOST", "0.0.0.0", "[::]"} {
		address := "http://" + host + ":" + u.Port() + "/"
		if _, err := client.Post(t.Context(), address, nil, strings.NewReader("{}"), time.Now()); err == nil || calls.Load() != 0 {
			t.Errorf("%s: %v, %d calls", host, err, calls.Load())
		}
	}
}
