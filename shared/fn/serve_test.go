package fn_test

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/fn"
	"ipcredit/shared/open"
)

func TestFunctionIsOpenedOnceAndAgainWhereItCouldNotBe(t *testing.T) {
	t.Parallel()
	var builds atomic.Int32
	handle := fn.Serve(open.Needs{Function: "test-desk"}, func(env *open.Env) (*fn.Mux, error) {
		if builds.Add(1) == 1 {
			return nil, errors.New("a secret is not mounted yet")
		}
		m := fn.NewMux("test-desk")
		m.Handle("GET /{$}", func(w http.ResponseWriter, _ *http.Request) error {
			_, err := io.WriteString(w, env.City)
			return err
		})
		return m, nil
	})
	call := func() (handler.Response, error) {
		return handle(handler.Request{Method: "GET", Header: http.Header{}})
	}
	if _, err := call(); err == nil {
		t.Fatal("a function that cannot be opened answered")
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if a, err := call(); err != nil || a.StatusCode != 200 || string(a.Body) != "410700" {
				t.Errorf("%d %s %v", a.StatusCode, a.Body, err)
			}
		})
	}
	wg.Wait()
	if n := builds.Load(); n != 2 {
		t.Errorf("built %d times, want 2", n)
	}
}
