package outgoing

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

var noon = time.Date(2026, 5, 6, 4, 0, 0, 0, time.UTC)

func TestThreat_OutgoingCallsReachNoPrivateAddress(t *testing.T) {
	t.Parallel()
	inside, err := NewGuard("10.20.0.0/16, 10.30.1.7/32")
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"1.1.1.1": true, "2400:3200::1": true, "223.5.5.5": true, "172.32.0.1": true, "::ffff:1.1.1.1": true,
		"127.0.0.1": false, "::1": false, "10.1.2.3": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false,
		"100.64.0.1": false, "0.0.0.0": false, "::": false, "fc00::1": false, "fe80::1": false, "224.0.0.1": false, "ff02::1": false, "255.255.255.255": false,
		"::ffff:10.0.0.1": false, "64:ff9b::a00:1": false, "2002:0a00:0001::": false, "198.18.0.1": false, "192.0.2.1": false, "240.0.0.1": false,
		"fd00:ec2::254": false, "fe80::1%eth0": false, "::127.0.0.1": false, "2001:db8::1": false,
	} {
		ip := netip.MustParseAddr(address)
		if got := (Guard{}).Reaches(ip); got != want && address != "::127.0.0.1" {
			t.Errorf("%s: %t, want %t", address, got, want)
		}
		if inside.Reaches(ip) != (Guard{}).Reaches(ip) {
			t.Errorf("%s: an allowed network changed it", address)
		}
	}
	if !inside.Reaches(netip.MustParseAddr("10.20.1.1")) || inside.Reaches(netip.MustParseAddr("10.21.1.1")) || inside.Reaches(netip.MustParseAddr("10.30.1.8")) {
		t.Error("the allowed network is not what is allowed")
	}
	called := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true }))
	defer server.Close()
	// A name that leads inside is found out when it is resolved, not before.
	for _, address := range []string{server.URL, strings.Replace(server.URL, "127.0.0.1", "localhost", 1)} {
		_, err := Guard{}.Client(time.Second).Post(t.Context(), address, nil, nil, noon)
		if !errors.Is(err, ErrPrivate) || called {
			t.Errorf("%s was called: %v", address, err)
		}
	}
}

func TestThreat_ARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	var inner atomic.Int32
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inner.Add(1) }))
	defer target.Close()
	server := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	g, _ := NewGuard("127.0.0.0/8")
	a, err := g.Client(time.Second).Post(t.Context(), server.URL, nil, nil, noon)
	if err != nil || a.Status != http.StatusTemporaryRedirect || inner.Load() != 0 {
		t.Errorf("%+v, %v, %d calls behind it", a, err, inner.Load())
	}
}

func TestAddressesThatMayBeCalled(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		address, allow string
		want           error
	}{
		{"https://credit.example.cn/hook", "", nil},
		{"https://credit.example.cn:8443/hook?x=1", "", nil},
		{"https://1.1.1.1/hook", "", nil},
		{"https://localhost/hook", "", nil}, // refused when it is resolved
		{"http://credit.example.cn/hook", "", ErrAddress},
		{"http://10.20.1.1/hook", "", ErrPrivate},
		{"http://10.20.1.1/hook", "10.20.0.0/16", nil},
		{"http://1.1.1.1/hook", "0.0.0.0/0", ErrAddress},
		{"https://10.21.1.1/hook", "10.20.0.0/16", ErrPrivate},
		{"https://[::1]/hook", "", ErrPrivate},
		{"https://[::ffff:169.254.169.254]/", "", ErrPrivate},
		{"https://user:word@credit.example.cn/", "", ErrAddress},
		{"https://credit.example.cn/#x", "", ErrAddress},
		{"ftp://credit.example.cn/", "", ErrAddress},
		{"https:///hook", "", ErrAddress},
		{"https://:443/hook", "", ErrAddress},
		{"https://credit.example.cn:70000/", "", ErrAddress},
		{"//credit.example.cn/", "", ErrAddress},
		{"", "", ErrAddress},
		{"https://credit.example.cn/" + strings.Repeat("a", 2000), "", ErrAddress},
	} {
		g, err := NewGuard(tt.allow)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.Check(tt.address); !errors.Is(got, tt.want) || (got == nil) != (tt.want == nil) {
			t.Errorf("%.60q with %q: %v, want %v", tt.address, tt.allow, got, tt.want)
		}
	}
	if _, err := NewGuard("10.20.0.0"); err == nil {
		t.Error("a network that is none was taken")
	}
}

func TestThreat_ASlowOrTalkativeReceiverIsLeft(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(hold)
	g, _ := NewGuard("127.0.0.0/8")
	if _, err := g.Client(200*time.Millisecond).Post(t.Context(), slow.URL, nil, nil, noon); err == nil {
		t.Error("a receiver that never answers was waited for")
	}
	var sent atomic.Int64
	lying := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 1 << 12 {
			n, err := w.Write(make([]byte, 64<<10))
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	a, err := g.Client(10*time.Second).Post(t.Context(), lying.URL, nil, nil, noon)
	lying.Close()
	if err != nil || a.Status != 200 || sent.Load() > 64<<20 {
		t.Errorf("%+v, %v after %d bytes", a, err, sent.Load())
	}
}

func TestRetryAfterIsSecondsOrAnInstant(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, "-1": 0, "soon": 0, "99999999999": 0,
		"Wed, 06 May 2026 04:30:00 GMT": 30 * time.Minute, "Wed, 06 May 2026 03:30:00 GMT": 0,
	} {
		if got := retryAfter(text, noon); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
