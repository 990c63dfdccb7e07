// Package function answers a greeting until its use case is written.
package function

import (
	"net/http"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/fn"
	"ipcredit/shared/open"
)

// Needs is what this function opens. Give it the function's own name.
var Needs = open.Needs{Function: "new-function"}

var serve = fn.Serve(Needs, routes)

// Handle answers one call.
func Handle(req handler.Request) (handler.Response, error) { return serve(req) }

func routes(*open.Env) (*fn.Mux, error) {
	mux := fn.NewMux(Needs.Function)
	mux.Handle("GET /{$}", func(w http.ResponseWriter, r *http.Request) error {
		return fn.WriteJSON(w, http.StatusOK, map[string]string{"function": Needs.Function})
	})
	return mux, nil
}
