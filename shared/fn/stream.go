package fn

import (
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"

	handler "github.com/openfaas/templates-sdk/go-http"
)

// Stream answers with what produce writes, while it writes it: a long answer
// needs no memory. The status is 200 and the headers are those of w. An error
// before the first byte is answered as one that the handler returned; after it
// the connection is cut, so that nobody takes half an answer for a whole one.
// produce has the rest of the call's time and may use r's context.
func Stream(w http.ResponseWriter, r *http.Request, produce func(io.Writer) error) error {
	body, ok := r.Context().Value(streamedKey{}).(*streamed)
	if !ok { // no edge of ours stands before this function
		return produce(w)
	}
	body.produce = produce
	w.WriteHeader(http.StatusOK)
	return nil
}

// streamed is how a handler hands its producer to the edge: handler.Response has
// no place for it, but edge and function are one process.
type streamed struct {
	produce func(io.Writer) error
}

type streamedKey struct{}

// stream sends a streamed answer and returns its route.
func (e *edge) stream(w http.ResponseWriter, r *http.Request, answer handler.Response, body *streamed, id string) string {
	route := answer.Header.Get(headerRoute)
	if r.Method == http.MethodHead {
		head(w, answer)
		w.WriteHeader(http.StatusOK)
		return route
	}
	out := &unsent{w: w, answer: answer}
	err := produced(body.produce, out)
	switch {
	case err == nil && !out.sent:
		return write(w, r, answer)
	case err == nil:
		return route
	}
	if !out.sent {
		return write(w, r, e.refuse(r, id, err))
	}
	e.log.Error("failed", "id", id, "route", route, "error", err.Error())
	if c, ok := w.(*counted); ok {
		c.cut = true
	}
	return route
}

func produced(produce func(io.Writer) error, w io.Writer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("fn: panic: %v\n%s", p, debug.Stack())
		}
	}()
	return produce(w)
}

// unsent sends the answer's header with the first byte.
type unsent struct {
	w      http.ResponseWriter
	answer handler.Response
	sent   bool
}

func (u *unsent) Write(p []byte) (int, error) {
	if !u.sent {
		u.sent = true
		head(u.w, u.answer)
		u.w.WriteHeader(http.StatusOK)
	}
	return u.w.Write(p)
}

// head sets the answer's headers but for those that are for us only.
func head(w http.ResponseWriter, answer handler.Response) {
	for name, values := range answer.Header {
		if !strings.HasPrefix(name, private) {
			w.Header()[name] = values
		}
	}
}
