// Package function does what time demands: it moves the journal to object
// storage. It holds no key that signs or opens anything.
package function

import (
	"fmt"
	"net/http"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/fn"
	"ipcredit/shared/open"
)

// Needs is what this function opens.
var Needs = open.Needs{Function: "deadline-tick", Redis: open.Write, Objects: open.Store}

var serve = fn.Serve(Needs, routes)

// Handle does the work that is due. The cron connector calls POST / each
// minute; on OpenFaaS CE anybody else can too, so a run is at most one a minute
// whoever calls.
func Handle(req handler.Request) (handler.Response, error) { return serve(req) }

func routes(env *open.Env) (*fn.Mux, error) {
	mux := fn.NewMux(Needs.Function)
	mux.Handle("POST /{$}", fn.Tick(env.Journal, Needs.Function, func(r *http.Request) error {
		if _, err := env.Archive.Run(r.Context(), env.Journal); err != nil {
			return fmt.Errorf("deadline-tick: archive: %w", err)
		}
		return nil
	}))
	return mux, nil
}
