package citytest

import (
	"testing"

	"ipcredit/shared/fault"
)

// OK ends the test on an error, and says what a fault says of single fields.
func OK(t testing.TB, err error) {
	t.Helper()
	if f, is := fault.Of(err); is {
		t.Fatalf("%v %v", err, f.Fields)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Refused ends the test unless the error is the fault of that kind and code, and
// returns the fault.
func Refused(t testing.TB, err error, kind fault.Kind, code string) *fault.Error {
	t.Helper()
	f, is := fault.Of(err)
	if !is || f.Kind != kind || f.Code != code {
		t.Fatalf("got %v, want %s %s", err, kind, code)
	}
	return f
}
