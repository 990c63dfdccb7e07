// Package outgoing makes calls to addresses that somebody outside named: of
// gateways and of receivers. A call never reaches a private address that the
// city did not allow, whatever the name resolves to at the moment of the call,
// never goes by a proxy of the environment, and never on to where an answer
// points. A receiver that is slow or says too much is left.
package outgoing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrPrivate: an address of our own networks.
var ErrPrivate = errors.New("outgoing: private address")

// ErrAddress: no address that may be called at all.
var ErrAddress = errors.New("outgoing: no https address without credentials")

// reserved are the networks that are not the public internet and that netip
// has no word for (RFC 6890): shared address space, protocol assignments,
// benchmarks, documentation, former class E, NAT64 and 6to4, which carry any of
// the others inside.
var reserved = func() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16",
	} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}()

// Guard says where calls may go. The zero one lets them reach the public
// internet by https.
type Guard struct{ allowed []netip.Prefix }

// NewGuard reads networks inside that may be called too, with commas or spaces
// between.
func NewGuard(networks string) (Guard, error) {
	var g Guard
	for _, part := range strings.FieldsFunc(networks, func(r rune) bool { return r == ',' || r == ' ' }) {
		p, err := netip.ParsePrefix(part)
		if err != nil {
			return Guard{}, fmt.Errorf("outgoing: %w", err)
		}
		g.allowed = append(g.allowed, p.Masked())
	}
	return g, nil
}

// Reaches tells whether a call may go to the address.
func (g Guard) Reaches(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	for _, p := range g.allowed {
		if p.Contains(ip) {
			return true
		}
	}
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() {
		return false
	}
	for _, p := range reserved {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// longestURL is how long an address may be.
const longestURL = 2000

// Check refuses an address that may not be called: ErrAddress or ErrPrivate. It
// is https, or http with a number inside an allowed network. A name is not
// resolved; that is done at each call.
func (g Guard) Check(address string) error {
	u, err := url.Parse(address)
	if err != nil || len(address) > longestURL || u.User != nil || u.Host == "" || u.Hostname() == "" || u.Fragment != "" ||
		u.Scheme != "https" && u.Scheme != "http" {
		return ErrAddress // a URL error would quote what may hold a password
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return ErrAddress
		}
	}
	ip, err := netip.ParseAddr(u.Hostname())
	switch {
	case err == nil && !g.Reaches(ip):
		return ErrPrivate
	case u.Scheme == "http" && (err != nil || Guard{}.Reaches(ip)):
		return ErrAddress
	}
	return nil
}

// Client makes calls as a Guard allows. It is safe for concurrent use.
type Client struct{ http *http.Client }

// Close ends what it keeps open for further calls.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Client makes calls of at most the given length.
func (g Guard) Client(most time.Duration) *Client {
	dial := &net.Dialer{
		Timeout: most * 5 / 8,
		Control: func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || !g.Reaches(to.Addr()) {
				return ErrPrivate
			}
			return nil
		},
	}
	return &Client{&http.Client{
		Timeout: most,
		Transport: &http.Transport{
			DialContext: dial.DialContext, ForceAttemptHTTP2: true, MaxIdleConns: 4, IdleConnTimeout: 30 * time.Second,
			TLSHandshakeTimeout: most * 5 / 8, ResponseHeaderTimeout: most * 3 / 4, MaxResponseHeaderBytes: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// mostAnswer is how much of an answer is read.
const mostAnswer = 64 << 10

// Answer is what a receiver said.
type Answer struct {
	Status int
	// After is how long it asked to be left alone (Retry-After), 0 if it did not.
	After time.Duration
	// Body is what it said, as a stranger's word; nil of an answer that was cut off
	// or is longer than is bearable.
	Body []byte
}

// Taken tells whether the receiver took the body.
func (a Answer) Taken() bool { return a.Status/100 == 2 }

// Gone tells whether the receiver wants no more.
func (a Answer) Gone() bool { return a.Status == http.StatusGone }

// OK tells whether the answer is what was asked for.
func (a Answer) OK() bool { return a.Status == http.StatusOK }

// Bad tells whether the question was refused as wrong.
func (a Answer) Bad() bool { return a.Status == http.StatusBadRequest }

// Denied tells whether the key does not open what was asked for.
func (a Answer) Denied() bool {
	return a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden
}

// Unknown tells whether there is no such thing.
func (a Answer) Unknown() bool { return a.Status == http.StatusNotFound }

// Busy tells whether asking again later may help.
func (a Answer) Busy() bool { return a.Status == http.StatusTooManyRequests || a.Status/100 == 5 }

// Post sends a body and reads the answer to its end or as far as is bearable.
// The error is ErrPrivate where the address is private, and never quotes what
// the receiver said.
func (c *Client) Post(ctx context.Context, address string, headers map[string]string, body io.Reader, now time.Time) (Answer, error) {
	return c.call(ctx, http.MethodPost, address, headers, body, mostAnswer, now)
}

// Get asks for something of at most so many bytes. Its errors are those of Post.
func (c *Client) Get(ctx context.Context, address string, headers map[string]string, most int64, now time.Time) (Answer, error) {
	return c.call(ctx, http.MethodGet, address, headers, nil, most, now)
}

func (c *Client) call(ctx context.Context, method, address string, headers map[string]string, body io.Reader, most int64, now time.Time) (Answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return Answer{}, ErrAddress
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w, err := c.http.Do(r)
	if err != nil {
		if errors.Is(err, ErrPrivate) {
			return Answer{}, ErrPrivate
		}
		return Answer{}, errors.New("outgoing: not reached, or no answer in time")
	}
	text, err := io.ReadAll(io.LimitReader(w.Body, most+1))
	_ = w.Body.Close()
	if err != nil || int64(len(text)) > most {
		text = nil
	}
	return Answer{w.StatusCode, retryAfter(w.Header.Get("Retry-After"), now), text}, nil
}

// retryAfter reads seconds or an instant (RFC 9110, 10.2.3); anything else is none.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.ParseInt(text, 10, 32); err == nil && n >= 0 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}
