// Package function answers who has which credit records: by code, by name, as a
// badge, a frame, a component and a signed statement.
//
// Whatever the form, an answer holds what the law lets a stranger see at the
// instant of the call, and no cache may keep it past the next change. A natural
// person has no page, no hit and no badge.
package function

import (
	"embed"
	"fmt"
	"net/http"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/credit"
	"ipcredit/shared/fn"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// Needs is what this function opens.
var Needs = open.Needs{Function: "credit-lookup", Redis: open.Read, Secrets: []string{"statement-key"}}

//go:embed *.html *.js
var files embed.FS

var serve = fn.Serve(Needs, func(env *open.Env) (*fn.Mux, error) {
	secret, err := env.Secret("statement-key")
	if err != nil {
		return nil, err
	}
	keys, err := readKeys(secret)
	if err != nil {
		return nil, err
	}
	return routes(env, keys), nil
})

// Handle answers one request.
func Handle(req handler.Request) (handler.Response, error) { return serve(req) }

// lookup is what the routes share.
type lookup struct {
	env    *open.Env
	now    func() time.Time
	pages  *page.Pages
	credit *credit.Store
	staff  *staff.Store
	keys   []key
}

func routes(env *open.Env, keys []key) *fn.Mux {
	l := &lookup{
		env: env, now: env.Now, keys: keys,
		pages: page.New(Needs.Function, files, env.Site()),
		staff: staff.New(env.Journal),
	}
	l.credit = credit.NewStore(env.Journal, credit.NewInForce(env.Journal)).Public(env.PublicURL)
	l.pages.Allow("embed", "script-src 'self'", "form-action 'none'", "frame-ancestors *")

	mux := fn.NewMux(Needs.Function)
	mux.HandleOpen("GET /subjects/{code}", l.subject)
	mux.HandleKeyed("GET /search", l.search)
	mux.HandleKeyed("POST /match", l.match)
	mux.HandleOpen("GET /badge/{file}", l.badge)
	mux.HandleOpen("GET /statement/{code}", l.statement)
	mux.HandleOpen("GET /jwks.json", l.jwks)
	mux.HandleOpen("GET /widget.js", l.widget)
	mux.HandleOpen("GET /widget/{name}", l.widgetVersion)
	mux.Handle("GET /embed/{code}", l.frame)
	mux.Handle("GET /assets/{name}", l.pages.Asset)
	mux.Handle("GET /{$}", func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Cache-Control", "public, max-age=300")
		return l.pages.Show(w, r, http.StatusOK, "search", searchPage{})
	})
	mux.Ready(func(ctx ctx) error {
		if err := env.Redis.Ping(ctx).Err(); err != nil {
			return fmt.Errorf("credit-lookup: redis: %w", err)
		}
		return nil
	})
	return mux
}
