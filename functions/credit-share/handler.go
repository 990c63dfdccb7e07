// Package function shares credit records: changes by cursor and by webhook, what
// the receivers did, and files in the national layout.
package function

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/http"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/calendar"
	"ipcredit/shared/credit"
	"ipcredit/shared/door"
	"ipcredit/shared/fn"
	"ipcredit/shared/journal"
	"ipcredit/shared/open"
	"ipcredit/shared/outgoing"
	"ipcredit/shared/page"
	"ipcredit/shared/repair"
	"ipcredit/shared/share"
	"ipcredit/shared/staff"
)

// Needs is what this function opens: it alone holds the key that signs what
// receivers are sent. Of the desks' keys it holds the public ones, which other
// cities seal letters to: it opens none.
var Needs = open.Needs{Function: "credit-share", Redis: open.Write, Secrets: []string{"unit-recipients", "webhook-key"}}

//go:embed *.html *.css
var files embed.FS

var serve = fn.Serve(Needs, routes)

// Handle answers one call.
func Handle(req handler.Request) (handler.Response, error) { return serve(req) }

// desk is the function at work.
type desk struct {
	env    *open.Env
	key    share.Key
	credit *credit.Store
	staff  *staff.Store
	share  *share.Store
	pages  *page.Pages
	door   door.Door
}

func routes(env *open.Env) (*fn.Mux, error) {
	secret, err := env.Secret("webhook-key")
	if err != nil {
		return nil, err
	}
	d := &desk{env: env, staff: staff.New(env.Journal), pages: page.New(Needs.Function, files, env.Site())}
	d.door = door.New(env, d.staff, d.pages)
	if d.key, err = share.ParseKey(string(secret)); err != nil {
		return nil, err
	}
	guard, err := outgoing.NewGuard(open.Value("outgoing_allow"))
	if err != nil {
		return nil, fmt.Errorf("credit-share: outgoing_allow: %w", err)
	}
	d.credit = credit.NewStore(env.Journal, credit.NewInForce(env.Journal))
	d.share = share.New(env.Journal, share.Config{
		Credit: d.credit, Staff: d.staff, Calendar: calendar.New(env.Journal).Current, Key: d.key, Guard: guard, Public: env.PublicURL,
		Repairs: repair.New(env.Journal),
	})
	mux := fn.NewMux(Needs.Function)
	mux.Handle("POST /{$}", fn.Tick(env.Journal, Needs.Function, d.tick))
	mux.HandleOpen("GET /key", d.publicKey)
	mux.Handle("GET /changes", d.keyed(d.changes))
	mux.Handle("POST /changes/{id}/feedback", d.keyed(d.feedback))
	mux.Handle("GET /records/{id}", d.keyed(d.whole))
	mux.Handle("GET /letters", d.keyed(d.letters))
	mux.Handle("GET /letters/{id}", d.keyed(d.letter))
	d.officerRoutes(mux)
	d.receiverRoutes(mux)
	d.sourceRoutes(mux)
	mux.Handle("GET /assets/{name}", d.pages.Asset)
	mux.Ready(func(ctx context.Context) error {
		if err := env.Redis.Ping(ctx).Err(); err != nil {
			return fmt.Errorf("credit-share: redis: %w", err)
		}
		return nil
	})
	return mux, nil
}

// atOnce subjects are turned in one commit.
const atOnce = 100

// tick tells the feed what came and went by its day, then the receivers, asks the
// other cities, closes the repairs that everybody has confirmed, and sweeps what is past its
// time. Turning
// goes on in the next run where it takes longer than one call may.
func (d *desk) tick(r *http.Request) error {
	for r.Context().Err() == nil {
		n, err := d.credit.Turn(r.Context(), journal.Entry{Actor: "system", Action: "credit.turn", Ref: "feed", At: d.env.Now()}, atOnce)
		if err != nil {
			return fmt.Errorf("credit-share: turning: %w", err)
		}
		if n < atOnce {
			break
		}
	}
	// One that cannot go on holds up no other.
	now := d.env.Now
	failed := []error{d.share.Deliver(r.Context(), now), d.share.Ask(r.Context(), now)}
	if _, err := d.share.Spread(r.Context(), now()); err != nil {
		failed = append(failed, err)
	}
	for more := true; more && r.Context().Err() == nil; {
		var err error
		if more, err = d.share.Sweep(r.Context(), now()); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
