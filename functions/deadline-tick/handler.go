// Package function does what time demands: it moves the journal to object
// storage, brings clocks up to the calendar in force, urges, supervises and
// reports what is late, tells of notified lists that miss the target of the
// withdrawal rate, and erases what is past its time of keeping. It holds no key that signs or opens anything.
package function

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/casework"
	"ipcredit/shared/clock"
	"ipcredit/shared/fn"
	"ipcredit/shared/linkage"
	"ipcredit/shared/open"
	"ipcredit/shared/seal"
	"ipcredit/shared/tipoff"
)

// Needs is what this function opens.
var Needs = open.Needs{Function: "deadline-tick", Redis: open.Write, Objects: open.Store}

var serve = fn.Serve(Needs, routes)

// Handle does the work that is due. The cron connector calls POST / each
// minute; on OpenFaaS CE anybody else can too, so a run is at most one a minute
// whoever calls.
func Handle(req handler.Request) (handler.Response, error) { return serve(req) }

func routes(env *open.Env) (*fn.Mux, error) {
	clocks, notified := clock.New(env.Journal), linkage.NewStore(env.Journal)
	mux := fn.NewMux(Needs.Function)
	mux.Handle("POST /{$}", fn.Tick(env.Journal, Needs.Function, func(r *http.Request) error {
		return run(r.Context(), env, clocks, notified, env.Now())
	}))
	return mux, nil
}

// run does each kind of work, whatever became of the others. Each is bounded and
// goes on at the next run.
func run(ctx context.Context, env *open.Env, clocks *clock.Store, notified *linkage.Store, now time.Time) error {
	var wrong error
	failed := func(what string, err error) {
		if err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("deadline-tick: %s: %w", what, err))
		}
	}
	// First what lets nothing be lost.
	_, err := env.Archive.Run(ctx, env.Journal)
	failed("archive", err)
	_, err = tipoff.Reclock(ctx, env.Journal, now)
	failed("tip-offs' clocks", err)
	_, err = casework.Reclock(ctx, env.Journal, now)
	failed("cases' clocks", err)
	_, err = clocks.Escalate(ctx, now)
	failed("clocks", err)
	_, err = notified.Alarm(ctx, now)
	failed("notified lists", err)
	_, err = notified.Expire(ctx, seal.NewKeys(env.Objects.Keys), now)
	failed("retention", err)
	return wrong
}
