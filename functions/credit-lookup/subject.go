package function

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
)

type ctx = context.Context

var (
	jsonKind   = []string{"application/json; charset=utf-8"}
	varyAccept = []string{"Accept"}
)

// subject answers by code. As JSON this is the call everybody makes most: one
// round trip, whose value is sent as it is.
func (l *lookup) subject(w http.ResponseWriter, r *http.Request) error {
	code, err := ident.ParseUSCC(r.PathValue("code"))
	if err != nil {
		return err
	}
	if fn.WantsHTML(r) {
		return l.subjectPage(w, r, string(code))
	}
	now := l.now()
	v, err := l.credit.View(r.Context(), string(code), now)
	if err != nil {
		return l.elsewhere(w, r, string(code), err)
	}
	h := w.Header()
	h["Content-Type"], h["Vary"] = jsonKind, varyAccept
	fresh(h, v.Next, now)
	return send(w, r, http.StatusOK, v.ETag, v.Body)
}

// elsewhere answers for a code that has no answer of its own: with the way to the subject
// that took it over, or with err.
func (l *lookup) elsewhere(w http.ResponseWriter, r *http.Request, code string, err error) error {
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	to, moved, resolveErr := l.successor(r.Context(), code)
	if resolveErr != nil {
		return resolveErr
	}
	if !moved {
		return err
	}
	return moveTo(w, r, to)
}

// moveTo sends the caller to the same call about another code.
func moveTo(w http.ResponseWriter, r *http.Request, code string) error {
	dir, last := path.Split(r.URL.Path)
	to := url.URL{Path: dir + code + path.Ext(last), RawQuery: r.URL.RawQuery}
	h := w.Header()
	h.Set("Cache-Control", public("cache.seconds"))
	h.Set("Location", to.String())
	w.WriteHeader(http.StatusPermanentRedirect)
	return nil
}

// successor is the code that answers for code today, where that is another.
func (l *lookup) successor(c ctx, code string) (to string, moved bool, err error) {
	s, err := l.credit.Subjects().Resolve(c, code)
	if fault.Is(err, fault.NotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	return s.Code, s.Code != code, nil
}

// standing is how a subject stands for all that shows one line about it: badge,
// frame, component.
type standing struct {
	Code   string
	Name   string
	State  state
	Count  int // of what counts as dishonesty
	Answer credit.Answer
	Now    time.Time
	Next   time.Time // when this changes by itself; zero if never
	// Moved is the code to look under instead, else "".
	Moved string
	// Because is the fault of a code that is none.
	Because *fault.Error
}

// state is one of the four things a badge can say.
type state string

const (
	clean   state = "clean"   // known, and nothing counts as dishonesty
	listed  state = "listed"  // some records count
	unknown state = "unknown" // not in the city's system
	failed  state = "failed"  // the question or the answer went wrong
)

// status is what HTTP says about the state.
func (s standing) status() int {
	switch {
	case s.State == unknown:
		return http.StatusNotFound
	case s.Because != nil:
		return http.StatusBadRequest
	case s.State == failed:
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

// cached sets for how long the line may be kept.
func (s standing) cached(h http.Header) {
	switch {
	case s.State == unknown || s.Because != nil:
		h.Set("Cache-Control", public("cache.unknown_seconds"))
	case s.State == failed:
		h.Set("Cache-Control", "no-store")
		h.Set("Retry-After", "30")
	default:
		fresh(h, s.Next, s.Now)
	}
}

// standing never fails: what goes wrong is one of its states, so that a picture
// or frame elsewhere always says something true.
func (l *lookup) standing(r *http.Request, raw string) standing {
	s := standing{State: failed, Now: l.now()}
	code, err := ident.ParseUSCC(raw)
	if err != nil {
		f, ok := fault.Of(err)
		if !ok {
			f = fault.New(fault.Invalid, "ident.uscc.length", len([]rune(raw)))
		}
		s.Because = f
		return s
	}
	s.Code = string(code)
	p, err := l.credit.Load(r.Context(), s.Code)
	if fault.Is(err, fault.NotFound) {
		var moved bool
		if s.Moved, moved, err = l.successor(r.Context(), s.Code); err == nil {
			if !moved {
				s.Moved, s.State = "", unknown
			}
			return s
		}
	}
	if err != nil {
		report(r, err)
		return s
	}
	law, err := l.credit.Law(r.Context())
	if err != nil {
		report(r, err)
		return s
	}
	s.set(p.Answer(law, s.Now))
	return s
}

func (s *standing) set(a credit.Answer) {
	s.Answer, s.Code, s.Name = a, a.Code, a.Name
	if a.Next != nil {
		s.Next = *a.Next
	}
	s.State = clean
	if s.Count = credit.Dishonest(a.Records); s.Count > 0 {
		s.State = listed
	}
}

// report logs an error that the caller sees as a state and not as a failure.
func report(r *http.Request, err error) {
	slog.Error("failed", "id", fn.RequestID(r), "function", Needs.Function, "error", err.Error())
}
