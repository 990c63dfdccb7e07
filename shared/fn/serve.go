package fn

import (
	"sync"
	"sync/atomic"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/open"
)

// Serve is what a function's Handle does: it opens what needs names and builds
// the mux at the first call, because a desk loads every function of the city
// before it has the settings for them, and answers from the mux. What cannot be
// opened now is tried again at the next call, so a secret that is mounted late
// needs no restart.
func Serve(needs open.Needs, build func(*open.Env) (*Mux, error)) Func {
	var building sync.Mutex
	var built atomic.Pointer[Mux]
	mux := func() (*Mux, error) {
		if m := built.Load(); m != nil {
			return m, nil
		}
		building.Lock()
		defer building.Unlock()
		if m := built.Load(); m != nil {
			return m, nil
		}
		env, err := open.Open(needs)
		if err != nil {
			return nil, err
		}
		m, err := build(env)
		if err != nil {
			return nil, err
		}
		built.Store(m)
		return m, nil
	}
	return func(req handler.Request) (handler.Response, error) {
		m, err := mux()
		if err != nil {
			return handler.Response{}, err
		}
		return m.Serve(req)
	}
}
