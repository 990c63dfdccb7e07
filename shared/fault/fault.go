// Package fault names the ways a request can be refused.
//
// A fault carries a kind, which the edge turns into a status code, and a code,
// which the message catalogue (package page) turns into a sentence for the
// person who asked. An error that is not a fault is ours: the edge logs it
// whole and shows a reference number and nothing else.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind is what went wrong, seen from the caller.
type Kind string

// The kinds, each with the HTTP status the edge answers.
const (
	Invalid      Kind = "invalid"      // 400: the request cannot be understood
	Refused      Kind = "refused"      // 422: understood, but a rule forbids it
	Unauthorized Kind = "unauthorized" // 401: who is asking is not known
	Forbidden    Kind = "forbidden"    // 403: known, but not allowed
	NotFound     Kind = "not_found"    // 404
	NotAllowed   Kind = "not_allowed"  // 405: the path exists, the method does not
	Conflict     Kind = "conflict"     // 409: the state does not permit it now
	Gone         Kind = "gone"         // 410: was public, is not any more
	Ended        Kind = "ended"        // 410: took something until then, does not any more
	Locked       Kind = "locked"       // 423: somebody else is writing to it now
	Mismatch     Kind = "mismatch"     // 460: what arrived is not what the checksum says (tus)
	Stale        Kind = "stale"        // 412: somebody changed it first
	TooLarge     Kind = "too_large"    // 413
	TooLong      Kind = "too_long"     // 414: the address is too long
	WrongType    Kind = "wrong_type"   // 415
	TooMany      Kind = "too_many"     // 429: with RetryAfter
	Unavailable  Kind = "unavailable"  // 503: with RetryAfter
)

// Error is a refusal that may be shown to the caller.
type Error struct {
	Kind Kind
	// Code is the catalogue key below "fault.": "uscc.check_digit" is worded by
	// "fault.uscc.check_digit". Stable: clients may switch on it.
	Code string
	// Args fill the catalogue sentence. They are shown: never put a secret or
	// a natural person's data here.
	Args []any
	// Fields names what to correct, in the order of the form or document.
	Fields []Field
	// RetryAfter is when asking again may succeed; zero says nothing.
	RetryAfter time.Duration

	cause error
}

// Field is one thing to correct in the input.
type Field struct {
	// Name is the field as the caller wrote it: a form name, a JSON pointer
	// without the leading slash, a column header.
	Name string
	// Code is a catalogue key below "fault.".
	Code string
	Args []any
}

// New returns a fault whose sentence is the catalogue's "fault."+code.
func New(kind Kind, code string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Args: args}
}

// With returns e with one more field to correct; it changes e.
func (e *Error) With(name, code string, args ...any) *Error {
	e.Fields = append(e.Fields, Field{Name: name, Code: code, Args: args})
	return e
}

// After returns e with the time after which to try again; it changes e.
func (e *Error) After(d time.Duration) *Error {
	e.RetryAfter = d
	return e
}

// Because returns e with the cause kept for the log; it changes e. The cause is
// never shown to the caller.
func (e *Error) Because(err error) *Error {
	e.cause = err
	return e
}

// Error is for logs. People read the catalogue sentence instead.
func (e *Error) Error() string {
	s := string(e.Kind) + ": " + e.Code
	for _, f := range e.Fields {
		s += fmt.Sprintf(" [%s: %s]", f.Name, f.Code)
	}
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.cause }

// Of returns the fault in err's chain, if there is one.
func Of(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// Is tells whether err is a fault of this kind.
func Is(err error, kind Kind) bool {
	e, ok := Of(err)
	return ok && e.Kind == kind
}
