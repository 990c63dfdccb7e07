package fn

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/fault"
	"ipcredit/shared/page"
)

var statuses = map[fault.Kind]int{
	fault.Invalid:      http.StatusBadRequest,
	fault.Refused:      http.StatusUnprocessableEntity,
	fault.Unauthorized: http.StatusUnauthorized,
	fault.Forbidden:    http.StatusForbidden,
	fault.NotFound:     http.StatusNotFound,
	fault.NotAllowed:   http.StatusMethodNotAllowed,
	fault.Conflict:     http.StatusConflict,
	fault.Gone:         http.StatusGone,
	fault.Ended:        http.StatusGone,
	fault.Locked:       http.StatusLocked,
	fault.Mismatch:     460, // checksum mismatch, of the tus protocol
	fault.Stale:        http.StatusPreconditionFailed,
	fault.TooLarge:     http.StatusRequestEntityTooLarge,
	fault.TooLong:      http.StatusRequestURITooLong,
	fault.WrongType:    http.StatusUnsupportedMediaType,
	fault.TooMany:      http.StatusTooManyRequests,
	fault.Unavailable:  http.StatusServiceUnavailable,
}

// Status is the HTTP status a fault of this kind is answered with.
func Status(kind fault.Kind) int { return statuses[kind] }

// Problem is an RFC 9457 problem document.
type Problem struct {
	Type     string         `json:"type"`
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail"`
	Code     string         `json:"code"`
	Instance string         `json:"instance"`
	Errors   []ProblemField `json:"errors,omitempty"`
}

// ProblemField is one thing to correct.
type ProblemField struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// problem words an error for the caller: a page for a browser, a problem
// document for a program. An error that is not a fault says nothing but its
// reference number.
func problem(r *http.Request, err error) handler.Response {
	f, refused := fault.Of(err)
	if !refused {
		f = fault.New("", "fn.internal")
	}
	status := statuses[f.Kind]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	rec := &recorder{header: http.Header{}}
	rec.header.Set("Cache-Control", "no-store")
	if f.RetryAfter > 0 {
		seconds := (f.RetryAfter + time.Second - 1) / time.Second
		rec.header.Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	if f.Kind == fault.Unauthorized {
		rec.header.Set("Www-Authenticate", `Bearer realm="ipcredit"`)
	}
	lang := Lang(r)
	title, detail := page.Fault(lang, f)
	if WantsHTML(r) {
		page.Problem(rec, r, status, RequestID(r), title, detail, f.Fields)
	} else {
		p := Problem{
			Type:  "tag:ipcredit,2026:problem/" + f.Code,
			Title: title, Status: status, Detail: detail, Code: f.Code, Instance: "urn:ipcredit:request:" + RequestID(r),
		}
		for _, field := range f.Fields {
			p.Errors = append(p.Errors, ProblemField{Field: field.Name, Code: field.Code, Message: page.FieldMessage(lang, field)})
		}
		body, err := json.Marshal(p)
		if err != nil { // strings and numbers only: cannot happen
			body = []byte("{}")
		}
		rec.header.Set("Content-Type", "application/problem+json; charset=utf-8")
		rec.header.Set("Content-Language", lang.Tag())
		rec.header.Set("Vary", "Accept, Accept-Language")
		rec.WriteHeader(status)
		_, _ = rec.Write(body) // memory
	}
	return handler.Response{Body: rec.body.Bytes(), StatusCode: rec.status, Header: rec.header}
}

// Refuse answers a request that reaches no function: a problem document for a
// program of whatever origin, a page for a browser.
func Refuse(w http.ResponseWriter, r *http.Request, err error) {
	id := requestID(r)
	w.Header().Set(headerID, id)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	req := handler.Request{Header: r.Header.Clone(), QueryString: r.URL.RawQuery, Method: r.Method, Host: r.Host}
	req.Header.Set(headerID, id)
	req.WithContext(r.Context())
	write(w, r, refusal(req, err))
}

// refusal words an error outside any mux: the edge refused before a route was
// known.
func refusal(req handler.Request, err error) handler.Response {
	r := &http.Request{Method: req.Method, Header: req.Header, URL: &url.URL{Path: "/", RawQuery: req.QueryString}}
	ctx := page.With(req.Context(), page.Request{Lang: page.LangOf(r), Reference: req.Header.Get(headerID)})
	return problem(r.WithContext(ctx), err)
}
