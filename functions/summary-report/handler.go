// Package function sums up: the withdrawal rate of rapid linkage, for anybody as
// one aggregate and for officers by division, list, agency, holder type and year.
//
// Figures of a single agency or list are for officers only: a rate beside a
// firm's name is an evaluation that no law provides for.
package function

import (
	"context"
	"embed"
	"fmt"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/agency"
	"ipcredit/shared/door"
	"ipcredit/shared/fn"
	"ipcredit/shared/linkage"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// Needs is what this function opens: it reads figures, opens nothing sealed, and
// writes only that somebody took figures out.
var Needs = open.Needs{Function: "summary-report", Redis: open.Write}

//go:embed *.html *.css
var files embed.FS

var serve = fn.Serve(Needs, func(env *open.Env) (*fn.Mux, error) { return routes(env), nil })

// Handle answers one request.
func Handle(req handler.Request) (handler.Response, error) { return serve(req) }

// desk is the function at work.
type desk struct {
	env      *open.Env
	linkage  *linkage.Store
	staff    *staff.Store
	agencies *agency.Store
	pages    *page.Pages
	door     door.Door
}

func routes(env *open.Env) *fn.Mux {
	d := &desk{
		env: env, linkage: linkage.NewStore(env.Journal), staff: staff.New(env.Journal), agencies: agency.NewStore(env.Journal),
		pages: page.New(Needs.Function, files, env.Site()),
	}
	d.door = door.New(env, d.staff, d.pages)
	mux := fn.NewMux(Needs.Function)
	mux.HandleOpen("GET /withdrawal-rate", d.rate)
	mux.Handle("GET /{$}", d.signed(d.index))
	mux.Handle("POST /export", d.signed(d.export))
	mux.Handle("GET /pending", d.signed(d.pending))
	mux.Handle("GET /assets/{name}", d.pages.Asset)
	mux.Ready(func(ctx context.Context) error {
		if err := env.Redis.Ping(ctx).Err(); err != nil {
			return fmt.Errorf("summary-report: redis: %w", err)
		}
		return nil
	})
	return mux
}
