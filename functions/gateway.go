package main

import (
	"net"
	"net/http"
	"strings"

	"github.com/oklog/ulid/v2"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
)

// gateway serves the functions under the paths that OpenFaaS's gateway gives
// them, and tells them of the client as a proxy before it does. Like it, and unlike
// http.ServeMux, it leaves the rest of the path as the client wrote it.
func gateway() http.Handler {
	fronts := make(map[string]http.Handler, len(functions))
	for name, f := range functions {
		fronts[name] = fn.HTTP(f.handle)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, found := strings.CutPrefix(r.URL.Path, "/function/"); found {
			name, _, _ := strings.Cut(rest, "/")
			if front, found := fronts[name]; found {
				front.ServeHTTP(w, forwarded(r, name))
				return
			}
		}
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		switch {
		case r.URL.Path == "/healthz" && reads:
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = w.Write([]byte("ok\n")) // the client may be gone
		case r.URL.Path == "/" && reads:
			http.Redirect(w, r, "/function/portal/", http.StatusFound)
		case r.URL.Path == "/healthz" || r.URL.Path == "/":
			w.Header().Set("Allow", "GET, HEAD")
			fn.Refuse(w, r, fault.New(fault.NotAllowed, "fn.method"))
		default:
			fn.Refuse(w, r, fault.New(fault.NotFound, "fn.not_found"))
		}
	})
}

// forwarded is the request as a function gets it from the gateway: without the
// public prefix and with a call id. The client's address is appended to
// X-Forwarded-For, as the proxy does that stands before a gateway in production.
func forwarded(r *http.Request, name string) *http.Request {
	prefix := "/function/" + name
	r2 := r.Clone(r.Context())
	r2.URL.Path = strings.TrimPrefix(r.URL.Path, prefix)
	r2.URL.RawPath = strings.TrimPrefix(r.URL.RawPath, prefix)
	client, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		client = r.RemoteAddr
	}
	if before := strings.Join(r.Header.Values("X-Forwarded-For"), ", "); before != "" {
		client = before + ", " + client
	}
	r2.Header.Set("X-Forwarded-For", client)
	r2.Header.Set("X-Call-Id", ulid.Make().String())
	return r2
}
