// Package function publishes disclosures: the pages and feeds of what is displayed
// against subjects, and the log that proves what was disclosed and when, with
// checkpoint, tiles, proofs, and how to check them.
package function

import (
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"net/http"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/catalog"
	"ipcredit/shared/commitment"
	"ipcredit/shared/credit"
	"ipcredit/shared/disclosure"
	"ipcredit/shared/door"
	"ipcredit/shared/fn"
	"ipcredit/shared/notary"
	"ipcredit/shared/objection"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
)

// Needs is what this function opens: it alone holds the key of the log of
// disclosures, and the identity that opens notices and nothing else.
var Needs = open.Needs{
	Function: "disclosure-publish", Redis: open.Write, Objects: open.Store,
	Secrets: []string{"escrow-recipient", "log-key", "notice-identity"},
}

//go:embed *.html
var files embed.FS

var serve = fn.Serve(Needs, routes)

// Handle answers one call.
func Handle(req handler.Request) (handler.Response, error) { return serve(req) }

// desk is the function at work.
type desk struct {
	env   *open.Env
	pages *page.Pages
	log   *notary.Log
	key   *notary.Key
	// credit has what is displayed; tag makes names of networks out of the log's
	// secret, which stays where it is.
	credit  *credit.Store
	tag     []byte
	staff   *staff.Store
	notices *disclosure.Store
	objects *objection.Office
	// promises is the ledger of commitments.
	promises *commitment.Store
	catalog  *catalog.Store
	signed   func(door.Handler) fn.Handler
}

func routes(env *open.Env) (*fn.Mux, error) {
	secret, err := env.Secret("log-key")
	if err != nil {
		return nil, err
	}
	key, err := notary.ParseKey(secret)
	if err != nil {
		return nil, fmt.Errorf("disclosure-publish: log-key: %w", err)
	}
	d := &desk{
		env:   env,
		pages: page.New(Needs.Function, files, env.Site()),
		log:   notary.Open(env.Journal, env.Objects.Main, notary.Disclosure, key).Mirror(),
		key:   key,
	}
	d.credit = credit.NewStore(env.Journal, credit.NewInForce(env.Journal)).Public(env.PublicURL)
	sealing, err := sealing(env)
	if err != nil {
		return nil, err
	}
	d.staff, d.notices = staff.New(env.Journal), disclosure.NewStore(env.Journal, d.credit, sealing)
	d.signed = door.New(env, d.staff, d.pages).Signed
	d.catalog = catalog.New(env.Journal)
	tag := sha256.Sum256(append([]byte("disclosure-publish networks\n"), secret...))
	d.tag = tag[:]
	mux := fn.NewMux(Needs.Function)
	mux.Handle("POST /{$}", fn.Tick(env.Journal, Needs.Function, d.tick))
	mux.Handle("GET /{$}", d.index)
	mux.HandleOpen("GET /checkpoint", d.checkpoint)
	mux.HandleOpen("GET /tile/{path...}", d.tile)
	mux.HandleOpen("GET /log/{index}/proof", d.proof)
	mux.HandleOpen("GET /log/key", d.publicKey)
	d.publicRoutes(mux)
	d.noticeRoutes(mux)
	d.objects = objection.New(env.Journal).Notices(d.notices)
	d.objectionRoutes(mux)
	d.promises = commitment.New(env.Journal)
	d.commitmentRoutes(mux)
	d.catalogRoutes(mux)
	d.mergerRoutes(mux)
	mux.Handle("GET /assets/{name}", d.pages.Asset)
	mux.Ready(func(ctx context.Context) error {
		if err := env.Redis.Ping(ctx).Err(); err != nil {
			return fmt.Errorf("disclosure-publish: redis: %w", err)
		}
		return nil
	})
	return mux, nil
}

// sealing is what notices are sealed and opened with.
func sealing(env *open.Env) (x disclosure.Sealing, err error) {
	identity, err := env.Secret("notice-identity")
	if err != nil {
		return x, err
	}
	if x.Identity, err = seal.ParseIdentity(string(identity)); err != nil {
		return x, fmt.Errorf("disclosure-publish: notice-identity: %w", err)
	}
	escrow, err := env.Secret("escrow-recipient")
	if err != nil {
		return x, err
	}
	if x.Escrow, err = seal.ParseRecipient(string(escrow)); err != nil {
		return x, fmt.Errorf("disclosure-publish: escrow-recipient: %w", err)
	}
	x.Keys = seal.NewKeys(env.Objects.Keys)
	return x, nil
}

// tick appends what waits to the log, and forgets what was discarded long ago.
func (d *desk) tick(r *http.Request) error {
	if _, err := d.log.Sequence(r.Context(), d.env.Now()); err != nil {
		return fmt.Errorf("disclosure-publish: log: %w", err)
	}
	if _, err := d.notices.Settle(r.Context(), d.env.Now()); err != nil {
		return fmt.Errorf("disclosure-publish: notices: %w", err)
	}
	if _, err := d.notices.Expire(r.Context(), d.env.Now()); err != nil {
		return fmt.Errorf("disclosure-publish: notices: %w", err)
	}
	return nil
}
