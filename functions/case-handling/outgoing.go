package function

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"ipcredit/shared/courier"
	"ipcredit/shared/page"
)

// errPrivate: an address of our own networks, which no outgoing call may reach
// unless the setting names it.
var errPrivate = errors.New("case-handling: private address")

// reserved are the networks that are not the public internet and that netip
// has no word for (RFC 6890): shared address space, protocol assignments,
// benchmarks, documentation, former class E, NAT64 and 6to4, which carry any of
// the others inside.
var reserved = func() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16",
	} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}()

// reachable tells whether an outgoing call may go to the address.
func reachable(ip netip.Addr, allowed []netip.Prefix) bool {
	ip = ip.Unmap().WithZone("")
	for _, p := range allowed {
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

// client makes outgoing calls: never to a private address that is not allowed,
// whatever the name resolves to at the moment of the call, never by a proxy of
// the environment, and never on to where an answer points.
func client(allowed []netip.Prefix) *http.Client {
	dial := &net.Dialer{
		Timeout: 5 * time.Second,
		Control: func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || !reachable(to.Addr(), allowed) {
				return errPrivate
			}
			return nil
		},
	}
	return &http.Client{
		Timeout: 8 * time.Second,
		Transport: &http.Transport{
			DialContext: dial.DialContext, ForceAttemptHTTP2: true, MaxIdleConns: 4, IdleConnTimeout: 30 * time.Second,
			TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 6 * time.Second, MaxResponseHeaderBytes: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// gateway is the city's SMS or mail gateway; the zero one is none.
type gateway struct {
	url    string
	sign   courier.Signer
	client *http.Client
	public string // the page that reporters are told to go to
}

// newGateway reads the settings: notify_url, and outgoing_allow with networks
// inside that may be called. The address is https unless it lies in such a
// network, for the message names whom to tell.
func newGateway(address, allow, secret, public string) (gateway, error) {
	if address == "" {
		return gateway{}, nil
	}
	var allowed []netip.Prefix
	for _, part := range strings.FieldsFunc(allow, func(r rune) bool { return r == ',' || r == ' ' }) {
		p, err := netip.ParsePrefix(part)
		if err != nil {
			return gateway{}, fmt.Errorf("case-handling: outgoing_allow: %w", err)
		}
		allowed = append(allowed, p.Masked())
	}
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return gateway{}, fmt.Errorf("case-handling: notify_url: %w", err)
	case u.User != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return gateway{}, errors.New("case-handling: notify_url is no http(s) address without credentials")
	case u.Scheme == "http":
		ip, err := netip.ParseAddr(u.Hostname())
		if err != nil || reachable(ip, nil) || !reachable(ip, allowed) {
			return gateway{}, errors.New("case-handling: notify_url must be https outside the networks of outgoing_allow")
		}
	}
	sign, err := courier.NewSigner(secret)
	if err != nil {
		return gateway{}, fmt.Errorf("case-handling: notify-key: %w", err)
	}
	return gateway{u.String(), sign, client(allowed), public}, nil
}

// event is the body of a call (Standard Webhooks 1.0): whom to tell, and words
// that say nothing of what it is about.
type event struct {
	Type      string    `json:"type"`
	Timestamp string    `json:"timestamp"`
	Data      eventData `json:"data"`
}

type eventData struct {
	ReportNo string `json:"reportNo"`
	Contact  string `json:"contact"`
	Language string `json:"language"`
	Text     string `json:"text"`
	URL      string `json:"url"`
}

// tell hands the gateway one message and returns why it failed, "" when it did
// not. Neither the address nor what was answered is logged: both may repeat the
// contact.
func (g gateway) tell(ctx context.Context, p courier.Parcel, contact string, lang page.Lang, now time.Time) string {
	body, err := json.Marshal(event{
		Type: "tip-off." + string(p.Kind), Timestamp: now.UTC().Format(time.RFC3339),
		Data: eventData{p.Number, contact, lang.Tag(), page.Say(lang, "courier.text."+string(p.Kind), p.Number), g.public},
	})
	if err != nil {
		return courier.WhyRefused
	}
	headers, err := g.sign.Headers(p.ID, now, body)
	if err != nil {
		return courier.WhyRefused
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, bytes.NewReader(body))
	if err != nil {
		return courier.WhyRefused
	}
	r.Header.Set("Content-Type", "application/json")
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w, err := g.client.Do(r)
	if err != nil {
		if errors.Is(err, errPrivate) {
			return courier.WhyPrivate
		}
		return courier.WhyAway
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(w.Body, 64<<10))
	_ = w.Body.Close()
	if w.StatusCode/100 != 2 {
		return courier.WhyRefused
	}
	return ""
}
