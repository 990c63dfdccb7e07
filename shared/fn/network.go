package fn

import (
	"net/http"
	"net/netip"
	"strings"
)

// network is the client's network: the /24 of an IPv4 address, the /64 of an
// IPv6 one, "unknown" where neither can be told. It is read from
// X-Forwarded-For counted from the right: each of the trusted hops appended one
// entry, and whatever stands further left was written by the client. The
// address itself goes no further than this function.
func network(r *http.Request, hops int) string {
	address := r.RemoteAddr
	if hops > 0 {
		entries := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if len(entries) < hops {
			return "unknown"
		}
		address = strings.TrimSpace(entries[len(entries)-hops])
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		port, err := netip.ParseAddrPort(address)
		if err != nil {
			return "unknown"
		}
		ip = port.Addr()
	}
	ip = ip.Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 24
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return prefix.String()
}
