package fn

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
)

// Mux serves a function's requests by method and path pattern, as
// http.ServeMux does. What a handler returns as an error becomes a problem
// document or a page; see refusal.
type Mux struct {
	name    string
	routes  *http.ServeMux
	open    map[string]bool     // patterns any origin may call
	methods map[string][]string // path of a pattern → what any origin may do there
	pieces  map[string]bool     // patterns that take a body in pieces
	asked   map[string]Handler  // patterns with something to do before the body is read
	keyed   map[string]bool     // paths that any origin may call with a key
	prefix  string
	guard   *http.CrossOriginProtection
	once    sync.Once
	ready   func(context.Context) error
}

// Handler answers one request or returns why not.
type Handler func(w http.ResponseWriter, r *http.Request) error

// NewMux returns an empty mux for the function with this name. It serves
// GET /readyz by itself.
func NewMux(function string) *Mux {
	m := &Mux{
		name: function, routes: http.NewServeMux(),
		open: map[string]bool{}, pieces: map[string]bool{}, asked: map[string]Handler{}, methods: map[string][]string{},
		keyed: map[string]bool{},
	}
	m.Handle("GET /readyz", func(w http.ResponseWriter, r *http.Request) error {
		if m.ready != nil {
			if err := m.ready(r.Context()); err != nil {
				return fault.New(fault.Unavailable, "fn.not_ready").Because(err)
			}
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, err := w.Write([]byte("ok\n"))
		return err
	})
	return m
}

// Ready sets what must work for the function to be ready.
func (m *Mux) Ready(check func(context.Context) error) { m.ready = check }

// Handle adds a route. A state-changing method is refused when a browser sends
// it from another origin.
func (m *Mux) Handle(pattern string, h Handler) { m.add(pattern, h) }

// HandleOpen adds a route that any origin may call and read, without
// credentials: it must change no state. Preflights are answered.
func (m *Mux) HandleOpen(pattern string, h Handler) {
	m.open[pattern] = true
	m.add(pattern, h)
	method, path, _ := strings.Cut(pattern, " ")
	m.methods[path] = append(m.methods[path], method)
	preflight := "OPTIONS " + path
	if m.open[preflight] {
		return
	}
	m.open[preflight] = true
	m.add(preflight, func(w http.ResponseWriter, r *http.Request) error {
		h := w.Header()
		h.Set("Access-Control-Allow-Methods", strings.Join(m.methods[path], ", ")+", HEAD, OPTIONS")
		headers := "Content-Type, If-None-Match, Accept"
		if m.keyed[path] {
			headers += ", Authorization"
		}
		h.Set("Access-Control-Allow-Headers", headers)
		h.Set("Access-Control-Max-Age", "86400")
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// HandleKeyed is HandleOpen for a route that also takes an API key: a page of any
// origin may send one in Authorization. A browser never adds one by itself.
func (m *Mux) HandleKeyed(pattern string, h Handler) {
	_, path, _ := strings.Cut(pattern, " ")
	m.keyed[path] = true
	m.HandleOpen(pattern, h)
}

// HandlePieces adds a route that takes a body of any length in several calls,
// see PieceOf. The answers to all but the last piece are not shown unless they
// refuse.
func (m *Mux) HandlePieces(pattern string, h Handler) {
	m.pieces[pattern] = true
	m.add(pattern, h)
}

// Ask adds what is called before a long body of the route is read, which must take
// pieces and be a resumable upload's continuation: a refusal then costs the client
// nothing. Where it is none, the handler is called with the same PieceOf ID for the
// body, or, with Piece.Cut and nothing else, to be told that none came.
func (m *Mux) Ask(pattern string, h Handler) {
	m.asked[pattern] = h
}

// Open lets any origin call and read the routes of these patterns, which must be
// added already: their address itself is what gives the right, and they look at
// no cookie, so a page of another site can do nothing with them that its own
// server could not. Preflights are the function's to answer. What a handler puts
// into Access-Control-Expose-Headers can be read there too.
func (m *Mux) Open(patterns ...string) {
	for _, p := range patterns {
		m.open[p] = true
	}
}

func (m *Mux) add(pattern string, h Handler) {
	m.routes.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		h := h
		if asks(r) {
			if h = m.asked[pattern]; h == nil {
				w.WriteHeader(http.StatusNoContent) // the body may come
				return
			}
		}
		if err := h(w, r); err != nil {
			w.(*recorder).err = err
		}
	})
}

// Serve answers one call of the function. The error is ours, never the
// caller's.
func (m *Mux) Serve(req handler.Request) (handler.Response, error) {
	m.once.Do(m.settle)
	r, err := m.rebuild(req)
	if err != nil {
		return refusal(req, fault.New(fault.Invalid, "fn.bad_path").Because(err)), nil
	}
	rec := &recorder{header: http.Header{}}
	h, pattern := m.routes.Handler(r)
	refused, _ := r.Context().Value(refusedKey{}).(error)
	switch {
	case refused != nil:
		rec.err = refused
	case pattern == "":
		h.ServeHTTP(rec, r)
		rec.err = m.unmatched(rec)
	case r.Header.Get(headerPiece) != "" && !m.pieces[pattern] && !asks(r):
		rec.err = fault.New(fault.TooLarge, "fn.body_too_large", MaxBody>>20)
	case !m.open[pattern] && m.guard.Check(r) != nil:
		rec.err = fault.New(fault.Forbidden, "fn.cross_origin")
	default:
		// ServeHTTP of the mux, not of h: it sets the path values.
		m.routes.ServeHTTP(rec, r)
	}
	if m.open[pattern] || pattern == "" && len(m.open) > 0 {
		// Also where no route took the request: a page of another origin that
		// mistook the address or the method is told so.
		rec.header["Access-Control-Allow-Origin"] = anyOrigin
		expose := exposed
		if more := rec.header.Get("Access-Control-Expose-Headers"); more != "" {
			expose = []string{exposed[0] + ", " + more}
		}
		rec.header["Access-Control-Expose-Headers"] = expose
	}
	if rec.err != nil {
		if _, ours := fault.Of(rec.err); !ours {
			slog.Error("failed", "id", RequestID(r), "function", m.name, "route", pattern, "error", rec.err.Error())
			if journal.Away(rec.err) {
				rec.err = fault.New(fault.Unavailable, "fn.away").After(30 * time.Second).Because(rec.err)
			}
		}
		answer := problem(r, rec.err)
		for keep, v := range rec.header {
			if keptHeaders[keep] && answer.Header.Get(keep) == "" {
				answer.Header[keep] = v
			}
		}
		answer.Header.Set(headerRoute, route(pattern))
		return answer, nil
	}
	m.publicLocation(rec.header)
	rec.header.Set(headerRoute, route(pattern))
	if asks(r) && m.asked[pattern] != nil || !asks(r) && m.pieces[pattern] && !PieceOf(r).Last {
		rec.header.Set(headerMore, "1")
	}
	return handler.Response{Body: rec.body.Bytes(), StatusCode: rec.status, Header: rec.header}, nil
}

// What any origin may do with an answer, and what it may read of its headers. They
// are the same in every answer and never changed.
var (
	anyOrigin = []string{"*"}
	exposed   = []string{"ETag, Retry-After, X-Request-Id"}
)

// keptHeaders are what a refusal keeps of the headers its handler has set: who may
// read it, and what the tus protocol says with every answer.
var keptHeaders = map[string]bool{
	"Allow": true, "Www-Authenticate": true, "Access-Control-Allow-Origin": true, "Access-Control-Expose-Headers": true, "Set-Cookie": true,
	"Tus-Resumable": true, "Tus-Version": true, "Upload-Offset": true, "Upload-Expires": true,
}

// settle reads the settings once, at the first call: a mux is built before the
// local runner has set them.
func (m *Mux) settle() {
	public := open.ReadEdge().PublicURL
	m.guard = http.NewCrossOriginProtection()
	if u, err := url.Parse(public); err == nil && u.Host != "" {
		m.prefix = strings.TrimSuffix(u.Path, "/")
		// Behind a gateway Host is the gateway's idea of us, so the public
		// origin is named here.
		_ = m.guard.AddTrustedOrigin(u.Scheme + "://" + u.Host)
	}
	m.prefix += "/function/" + m.name
}

// rebuild turns the call back into the request the client made, with the path
// below the function's public prefix.
func (m *Mux) rebuild(req handler.Request) (*http.Request, error) {
	path := req.Header.Get(headerPath)
	if path == "" || path[0] != '/' {
		path = "/" + path
	}
	target := path
	if req.QueryString != "" {
		target += "?" + req.QueryString
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, fmt.Errorf("fn: target: %w", err)
	}
	ctx := req.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	r, err := http.NewRequestWithContext(ctx, req.Method, "/", bytes.NewReader(req.Body))
	if err != nil {
		return nil, fmt.Errorf("fn: request: %w", err)
	}
	r.URL, r.RequestURI, r.Host = u, u.RequestURI(), req.Host
	if len(req.Body) > 0 {
		r.Body = &inMemory{bytes.NewReader(req.Body), req.Body}
	}
	r.Header = req.Header
	return r.WithContext(page.With(ctx, page.Request{
		Function: m.name, Prefix: m.prefix, Lang: page.LangOf(r), Reference: req.Header.Get(headerID),
	})), nil
}

// inMemory is a body that is in memory already, as every call's is.
type inMemory struct {
	*bytes.Reader
	data []byte
}

func (*inMemory) Close() error { return nil }

// Body is the whole body of the call, in memory once: it is not to be changed or
// kept. Long bodies would otherwise need their room twice.
func Body(r *http.Request) ([]byte, error) {
	if b, ok := r.Body.(*inMemory); ok {
		return b.data, nil
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("fn: reading body: %w", err)
	}
	return data, nil
}

// unmatched tells why no route took the request: ServeMux has written its own
// plain answer, of which only the status and Allow are kept. A redirect to the
// clean path stands as it is.
func (m *Mux) unmatched(rec *recorder) error {
	switch {
	case rec.status == http.StatusMethodNotAllowed:
		return fault.New(fault.NotAllowed, "fn.method")
	case rec.status >= 300 && rec.status < 400:
		return nil
	}
	return fault.New(fault.NotFound, "fn.not_found")
}

// publicLocation gives a redirect within the function its public prefix back.
func (m *Mux) publicLocation(h http.Header) {
	location := h.Get("Location")
	if !strings.HasPrefix(location, "/") || strings.HasPrefix(location, "//") {
		return
	}
	if public := strings.TrimSuffix(m.prefix, m.name); strings.HasPrefix(location, public) {
		return
	}
	h.Set("Location", m.prefix+location)
}

func route(pattern string) string {
	if pattern == "" {
		return "none"
	}
	return pattern
}

// Piece is a part of a body that came in several calls.
type Piece struct {
	ID     string // the same for all pieces of one body
	Offset int64  // of this piece's first byte in the body
	Total  int64  // announced length of the body, -1 where it was not announced
	Last   bool   // whether the body ends with this piece
	Cut    bool   // whether the network ended the body behind this piece; nothing more comes
}

// PieceOf says which part of its body the request carries; a body that came
// whole is its own last piece.
func PieceOf(r *http.Request) Piece {
	p := Piece{ID: RequestID(r), Total: r.ContentLength, Last: true}
	var last string
	if f := strings.Fields(r.Header.Get(headerPiece)); len(f) == 3 {
		p.Offset, _ = strconv.ParseInt(f[0], 10, 64)
		p.Total, _ = strconv.ParseInt(f[1], 10, 64)
		last = f[2]
		p.Last, p.Cut = last == "true", last == "cut"
	}
	return p
}

// asks tells whether the request's body was not read yet.
func asks(r *http.Request) bool { return strings.HasSuffix(r.Header.Get(headerPiece), " ask") }

// RequestID is the number under which the request stands in the logs and which
// an error page shows.
func RequestID(r *http.Request) string { return r.Header.Get(headerID) }

// Network is the client's network (/24 or /64), never its address; "unknown"
// where it cannot be told.
func Network(r *http.Request) string { return r.Header.Get(headerNetwork) }

// Lang is the language the caller reads.
func Lang(r *http.Request) page.Lang { return page.From(r.Context()).Lang }

// Prefix is the public path of the function, without a slash at its end.
func Prefix(r *http.Request) string { return page.From(r.Context()).Prefix }

// recorder collects an answer in memory.
type recorder struct {
	header http.Header
	body   bytes.Buffer
	status int
	err    error
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.body.Write(p)
}

// WantsHTML tells whether to answer with a page instead of data: a browser's
// navigation asks for HTML first, a program does not.
func WantsHTML(r *http.Request) bool {
	data, html := 0.0, 0.0
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		kind, rest, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if v, found := strings.CutPrefix(strings.TrimSpace(rest), "q="); found {
			q, _ = strconv.ParseFloat(v, 64) // 0 where it is no number: not asked for
		}
		switch kind = strings.ToLower(strings.TrimSpace(kind)); {
		case kind == "text/html":
			html = max(html, q)
		case kind == "application/json" || strings.HasSuffix(kind, "+json"):
			data = max(data, q)
		}
	}
	return html > 0 && html >= data
}
