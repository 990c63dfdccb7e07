// Package fn is the edge between HTTP and a function.
//
// HTTP wraps a function's Handle for the network: the container's entrypoint
// and the local gateway use the same one. Mux is the other half, inside Handle:
// it rebuilds a *http.Request and serves it by method and path, as everywhere
// in Go. Between the two stands only the SDK's handler.Request.
//
// handler.Request has no path, so the edge hands it on in a private header,
// after deleting whatever a client put there. The same holds for every header
// that starts with X-Fn-.
package fn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/fault"
	"ipcredit/shared/open"
)

// MaxBody is the longest body one call of a function gets: 8 MiB.
const MaxBody = 8 << 20

// maxTarget is the longest path with query that is looked at; beyond it answers
// 414. Reading further would only help whoever sends it.
const maxTarget = 8 << 10

// Func is what a function exports as Handle.
type Func = func(handler.Request) (handler.Response, error)

// The private headers between edge and mux. A client cannot set them.
const (
	private       = "X-Fn-"
	headerPath    = private + "Path"
	headerNetwork = private + "Network"
	headerPiece   = private + "Piece"
	headerRoute   = private + "Route" // answer: the matched pattern, for log and metrics
	headerMore    = private + "More"  // answer: the route takes further pieces
	headerID      = "X-Request-Id"
)

// HTTP serves f to the network:
//
//   - a body over MaxBody is refused (413) unless the route takes pieces (see
//     Mux.HandlePieces); a body cut off by the network is refused (400) and f
//     does not see the piece that was cut, unless it is a resumable upload's;
//   - f gets a context that ends with the client or the exec_timeout setting;
//   - every answer has X-Request-Id; an error from f is logged whole and
//     answered 500 with that number and no detail;
//   - one log line a request, without query, body, path values or address;
//   - GET /metrics answers only who did not come through the gateway.
func HTTP(f Func) http.Handler {
	return &edge{call: f, settings: open.ReadEdge(), log: slog.Default()}
}

type edge struct {
	call     Func
	settings open.Edge
	log      *slog.Logger
	draining atomic.Bool
}

func (e *edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	id := requestID(r)
	w.Header().Set(headerID, id)
	w.Header().Set("X-Content-Type-Options", "nosniff")

	if r.URL.Path == "/metrics" && direct(r) {
		exposition(w, r)
		return
	}
	out := &counted{ResponseWriter: w}
	in, route := e.serve(out, r, id)
	elapsed := time.Since(start)
	observe(route, r.Method, out.status, elapsed)
	e.log.LogAttrs(r.Context(), slog.LevelInfo, "request",
		slog.String("id", id), slog.String("method", knownMethod(r.Method)), slog.String("route", route),
		slog.Int("status", out.status), slog.Int64("in", in), slog.Int64("out", out.n),
		slog.Duration("took", elapsed))
	if out.cut {
		panic(http.ErrAbortHandler) // closes the connection, so that the client notices
	}
}

// serve answers one request and returns the bytes read and the route matched.
func (e *edge) serve(w http.ResponseWriter, r *http.Request, id string) (int64, string) {
	refuse := func(err error) string { return write(w, r, e.refuse(r, id, err)) }
	switch {
	case e.draining.Load():
		w.Header().Set("Connection", "close")
		return 0, refuse(fault.New(fault.Unavailable, "fn.draining").After(time.Second))
	case len(r.RequestURI) > maxTarget:
		return 0, refuse(fault.New(fault.TooLong, "fn.target_too_long"))
	case strings.ContainsRune(r.URL.Path, 0):
		return 0, refuse(fault.New(fault.Invalid, "fn.bad_path"))
	}

	begun := false
	if resumable(r) && (r.ContentLength < 0 || r.ContentLength > askFrom) {
		answer := e.invoke(e.piece(r, id, nil, 0, "ask"), id)
		if answer.StatusCode >= 400 {
			w.Header().Set("Connection", "close") // the body stays unread
			return 0, write(w, r, answer)
		}
		begun = answer.Header.Get(headerMore) != ""
	}
	body, more, err := readPiece(r.Body, r.ContentLength)
	if err != nil {
		e.rest(r, id, body, 0, begun)
		return int64(len(body)), refuse(err)
	}
	if !more {
		return int64(len(body)), e.answer(w, r, e.request(r, id, body), id)
	}
	return e.pieces(w, r, id, body, begun)
}

// askFrom is the length from which on a resumable upload's function is asked before
// the body is read: shorter ones are there sooner than the answer.
const askFrom = 256 << 10

// pieces hands a body over MaxBody to f one piece after the other, and reads the
// next while f works. The last answer is the client's; so is the first that is a
// refusal or comes from a route that takes no pieces.
func (e *edge) pieces(w http.ResponseWriter, r *http.Request, id string, body []byte, begun bool) (int64, string) {
	var offset int64
	var spare []byte
	for {
		next := readAhead(r, spare)
		<-next.begun
		more := next.length() > 0
		if !more {
			next.wait()
		}
		if !more && next.err != nil {
			// The piece in hand is whole: it is stored before the cut is told.
			e.invoke(e.piece(r, id, body, offset, "cut"), id)
			return offset + int64(len(body)), write(w, r, e.refuse(r, id, next.err))
		}
		answer := e.invoke(e.piece(r, id, body, offset, strconv.FormatBool(!more)), id)
		offset += int64(len(body))
		if !more || answer.Header.Get(headerMore) == "" || answer.StatusCode >= 400 {
			if more {
				// The rest is not read: the connection cannot be used again.
				next.stop(w)
				w.Header().Set("Connection", "close")
			}
			return offset, write(w, r, answer)
		}
		next.wait()
		body, spare = next.body, body
		if next.err != nil {
			e.rest(r, id, body, offset, begun)
			return offset + int64(len(body)), write(w, r, e.refuse(r, id, next.err))
		}
	}
}

// ahead bounds how many requests of a process hold two pieces at once; the others
// read the next one when the function is done with the last.
var ahead = make(chan struct{}, 2)

// reading is the next piece of a body while the one before is worked on.
type reading struct {
	begun chan struct{} // closed when its first byte is there, or when there is none
	on    chan struct{} // closed when it may be read further
	done  chan struct{} // closed when body is whole
	ahead bool
	first []byte
	body  []byte
	err   error
}

// readAhead begins to read the next piece, into spare where that has the room.
func readAhead(r *http.Request, spare []byte) *reading {
	n := &reading{begun: make(chan struct{}), on: make(chan struct{}), done: make(chan struct{})}
	select {
	case ahead <- struct{}{}:
		n.ahead = true
		close(n.on)
	default:
	}
	go func() {
		defer close(n.done)
		n.first, n.err = oneByte(r)
		close(n.begun)
		<-n.on
		if len(n.first) > 0 {
			n.body, _, n.err = fill(spare, n.first, r.Body, r.ContentLength > 0)
		}
	}()
	return n
}

// length is how much has come, once it has begun: 0 at the body's end.
func (n *reading) length() int { return len(n.first) }

// wait waits until the piece is whole, or its body broke off.
func (n *reading) wait() {
	if n.ahead {
		<-n.done
		<-ahead
		return
	}
	close(n.on)
	<-n.done
}

// stop gives the rest of the body up.
func (n *reading) stop(w http.ResponseWriter) {
	// What cannot set a deadline has the body in memory.
	_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
	n.wait()
}

// readPiece reads up to MaxBody and tells whether there may be more. size is
// the announced length, or -1.
func readPiece(r io.Reader, size int64) (body []byte, more bool, err error) {
	if r == nil || size == 0 {
		return nil, false, nil
	}
	if size > 0 && size <= MaxBody {
		body = make([]byte, size)
		n, err := io.ReadFull(r, body)
		if err != nil {
			return body[:n], false, cut(err)
		}
		return body, false, nil
	}
	return fill(nil, nil, r, size > 0)
}

// fill reads behind start until MaxBody bytes are there or the client is done, into
// room where that is long enough. A body that announced more than that gets all the
// room at once: growing would need twice as much for a moment.
func fill(room, start []byte, r io.Reader, announced bool) (body []byte, full bool, err error) {
	if cap(room) < MaxBody {
		size := MaxBody
		if !announced {
			size = 64 << 10
		}
		room = make([]byte, 0, size)
	}
	body = append(room[:0], start...)
	for len(body) < MaxBody {
		if len(body) == cap(body) {
			body = append(make([]byte, 0, min(2*cap(body), MaxBody)), body...)
		}
		n, err := r.Read(body[len(body):min(cap(body), MaxBody)])
		body = body[:len(body)+n]
		switch {
		case errors.Is(err, io.EOF):
			return body, false, nil
		case err != nil:
			return body, false, cut(err)
		}
	}
	return body, true, nil
}

// oneByte tells whether there is more, by reading it.
func oneByte(r *http.Request) ([]byte, error) {
	b := make([]byte, 1)
	switch _, err := io.ReadFull(r.Body, b); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, cut(err)
	}
	return b, nil
}

func cut(err error) error {
	return fault.New(fault.Invalid, "fn.body_cut").Because(err)
}

// rest hands on what came of a piece before the network cut it off, where the
// protocol says that the server keeps as much as it can: a client on a bad line
// whose pieces never arrive whole would begin again for ever. A function that has
// begun to wait for it is told also where nothing came.
func (e *edge) rest(r *http.Request, id string, body []byte, offset int64, begun bool) {
	if begun || len(body) > 0 && resumable(r) {
		e.invoke(e.piece(r, id, body, offset, "cut"), id)
	}
}

// resumable tells whether the request is an upload's continuation by the tus
// protocol, which asks for the offset after a cut before it goes on.
func resumable(r *http.Request) bool {
	if r.Header.Get("Content-Type") != "application/offset+octet-stream" {
		return false
	}
	return r.Method == http.MethodPatch || r.Header.Get("X-Http-Method-Override") == http.MethodPatch
}

// piece is the call for a part of a body; last is "true", "false" or "cut", or "ask"
// before any of it was read.
func (e *edge) piece(r *http.Request, id string, body []byte, offset int64, last string) handler.Request {
	req := e.request(r, id, body)
	if offset == 0 && last == "true" {
		return req // it came whole after all
	}
	if last != "ask" {
		// What came is kept even if the client goes meanwhile, which is seen while
		// the next piece is read.
		req.WithContext(context.WithoutCancel(r.Context()))
	}
	req.Header.Set(headerPiece, fmt.Sprintf("%d %d %s", offset, r.ContentLength, last))
	return req
}

// request is the one place that turns what came over the network into what f
// may believe.
func (e *edge) request(r *http.Request, id string, body []byte) handler.Request {
	header := r.Header.Clone()
	for name := range header {
		if len(name) >= len(private) && strings.EqualFold(name[:len(private)], private) {
			delete(header, name)
		}
	}
	header.Set(headerPath, r.URL.EscapedPath())
	header.Set(headerNetwork, network(r, e.settings.TrustedHops))
	header.Set(headerID, id)
	req := handler.Request{
		Body: body, Header: header, QueryString: r.URL.RawQuery, Method: r.Method, Host: r.Host,
	}
	req.WithContext(r.Context())
	return req
}

// refuse words what the edge refuses by itself. The function's mux does it, which
// knows whether the route is one that other origins may read; a function that
// cannot be opened leaves it to the edge.
func (e *edge) refuse(r *http.Request, id string, err error) handler.Response {
	req := e.request(r, id, nil)
	req.WithContext(context.WithValue(r.Context(), refusedKey{}, err))
	if answer := e.invoke(req, id); answer.Header.Get(headerRoute) != "" {
		return answer
	}
	return refusal(req, err)
}

// refusedKey is where a request that is not to be served carries why.
type refusedKey struct{}

// answer calls f and sends what it answers, a streamed body within the call's
// time too. It returns the route.
func (e *edge) answer(w http.ResponseWriter, r *http.Request, req handler.Request, id string) string {
	body := &streamed{}
	ctx, cancel := context.WithTimeout(context.WithValue(req.Context(), streamedKey{}, body), e.settings.ExecTimeout)
	defer cancel()
	req.WithContext(ctx)
	answer := e.run(req, id)
	if body.produce == nil {
		return write(w, r, answer)
	}
	return e.stream(w, r, answer, body, id)
}

// invoke is run with a call's time.
func (e *edge) invoke(req handler.Request, id string) handler.Response {
	ctx, cancel := context.WithTimeout(req.Context(), e.settings.ExecTimeout)
	defer cancel()
	req.WithContext(ctx)
	return e.run(req, id)
}

// run calls f once; whatever goes wrong in it is our fault and becomes 500.
func (e *edge) run(req handler.Request, id string) (answer handler.Response) {
	defer func() {
		if p := recover(); p != nil {
			e.log.Error("panic", "id", id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			answer = refusal(req, errOurs)
		}
	}()
	answer, err := e.call(req)
	if err != nil {
		e.log.Error("failed", "id", id, "error", err.Error())
		return refusal(req, errOurs)
	}
	return answer
}

// errOurs stands for any error of ours once it has been logged.
var errOurs = errors.New("fn: internal")

// shortBody is a length for which http.Server surely adds the Content-Length, as
// http.ResponseWriter promises for a few KB.
const shortBody = 1 << 10

// write sends the answer and returns its route, which is for us only.
func write(w http.ResponseWriter, r *http.Request, answer handler.Response) string {
	route := answer.Header.Get(headerRoute)
	head(w, answer)
	status := answer.StatusCode
	if status == 0 {
		status = http.StatusOK
	}
	// A short body's length the server adds itself, past the map of headers, which
	// grows beyond what a lookup's answer has.
	short := len(answer.Body) <= shortBody && r.Method != http.MethodHead
	if !short && status != http.StatusNotModified && status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(answer.Body)))
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(answer.Body) // the client may be gone; nothing to do about it
	}
	if route == "" {
		route = "none"
	}
	return route
}

type counted struct {
	http.ResponseWriter
	status int
	n      int64
	cut    bool // the answer could not be sent to its end
}

func (c *counted) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n += int64(n)
	return n, err
}

func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// requestID keeps the gateway's call id where it has the form of one, so that
// its log and ours can be read together.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Call-Id")
	if len(id) < 16 || len(id) > 64 {
		return ulid.Make().String()
	}
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' {
			return ulid.Make().String()
		}
	}
	return id
}

// direct tells whether nobody forwarded the request: gateways always say so,
// and a client cannot take that header away again.
func direct(r *http.Request) bool {
	return r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("X-Call-Id") == ""
}
