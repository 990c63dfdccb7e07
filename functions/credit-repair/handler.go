// Package function is the subject's side of its credit record: when something
// ends or can be repaired, and, for whoever signs in, its own record.
package function

import (
	"embed"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/calendar"
	"ipcredit/shared/commitment"
	"ipcredit/shared/credit"
	"ipcredit/shared/door"
	"ipcredit/shared/evidence"
	"ipcredit/shared/fn"
	"ipcredit/shared/inquiry"
	"ipcredit/shared/material"
	"ipcredit/shared/objection"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
	"ipcredit/shared/repair"
	"ipcredit/shared/share"
	"ipcredit/shared/staff"
)

// Needs is what this function opens: the public keys that papers are sealed to. It
// can open none of them.
var Needs = open.Needs{
	Function: "credit-repair", Redis: open.Write, Objects: open.Store,
	Secrets: []string{"escrow-recipient", "unit-recipients"},
}

//go:embed *.html *.css
var files embed.FS

var serve = fn.Serve(Needs, routes)

// Handle answers one call.
func Handle(req handler.Request) (handler.Response, error) { return serve(req) }

// desk is the function at work.
type desk struct {
	env       *open.Env
	calendar  *calendar.Store
	staff     *staff.Store
	repair    *repair.Office
	inquiries *inquiry.Store
	materials *material.Store
	promises  *commitment.Store
	objects   *objection.Office
	evidence  *evidence.Store // nil where there is no object store
	share     *share.Store
	credit    *credit.Store
	pages     *page.Pages
	signed    func(door.Handler) fn.Handler
}

func routes(env *open.Env) (*fn.Mux, error) {
	d := &desk{
		env:       env,
		calendar:  calendar.New(env.Journal),
		staff:     staff.New(env.Journal),
		repair:    repair.New(env.Journal),
		inquiries: inquiry.New(env.Journal, inquiry.Config{}),
		materials: material.New(env.Journal),
		promises:  commitment.New(env.Journal),
		objects:   objection.New(env.Journal),
		pages:     page.New(Needs.Function, files, env.Site()),
	}
	d.credit = credit.NewStore(env.Journal, credit.NewInForce(env.Journal)).Public(env.PublicURL)
	d.share = share.New(env.Journal, share.Config{
		Credit: d.credit, Staff: d.staff, Calendar: d.calendar.Current, Repairs: d.repair,
	})
	d.signed = door.New(env, d.staff, d.pages).Signed
	if env.Objects != nil {
		d.evidence = evidence.NewStore(env.Journal, env.Objects.Main, func() time.Time { return env.Now() })
	}
	mux := fn.NewMux(Needs.Function)
	mux.Handle("GET /assets/{name}", d.pages.Asset)
	mux.HandleOpen("GET /estimate", d.estimate)
	d.recordRoutes(mux)
	d.applicationRoutes(mux)
	d.deskRoutes(mux)
	d.receivedRoutes(mux)
	d.endedRoutes(mux)
	d.materialRoutes(mux)
	d.promiseRoutes(mux)
	d.promiseDeskRoutes(mux)
	d.promiseTextRoutes(mux)
	d.objectionRoutes(mux)
	d.codeRoutes(mux)
	return mux, nil
}
