// Package function takes in evidence: resumable uploads by the tus protocol, and
// a form for browsers without scripts. It can't open what it stores.
package function

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/batch"
	"ipcredit/shared/evidence"
	"ipcredit/shared/fn"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// Needs is what this function opens: public keys only. Reporters' files are sealed
// to the key of their tip-off, organisations' to the unit that handles the matter
// and to the offline escrow.
var Needs = open.Needs{
	Function: "evidence-upload", Redis: open.Write, Objects: open.Store,
	Secrets: []string{"escrow-recipient", "unit-recipients"},
}

//go:embed *.html *.js *.css
var files embed.FS

var serve = fn.Serve(Needs, routes)

// Handle answers one call.
func Handle(req handler.Request) (handler.Response, error) { return serve(req) }

// reports tells whether somebody shows the receipt of a tip-off, and what its
// evidence is sealed to.
type reports interface {
	Admit(ctx context.Context, c tipoff.Claim, now time.Time) (tipoff.Report, seal.Recipient, error)
}

// desk is the function at work.
type desk struct {
	env      *open.Env
	evidence *evidence.Store
	keys     *seal.Keys
	units    tipoff.Units
	escrow   seal.Recipient
	reports  reports
	batches  *batch.Store
	staff    *staff.Store
	pages    *page.Pages
	running  running
	exit     string // where the quick exit leads
}

func routes(env *open.Env) (*fn.Mux, error) {
	fn.Lean(30)
	d, err := newDesk(env)
	if err != nil {
		return nil, err
	}
	return d.mux(), nil
}

func (d *desk) mux() *fn.Mux {
	mux := fn.NewMux(Needs.Function)
	mux.Handle("GET /{$}", d.index)
	mux.Handle("POST /{$}", fn.Tick(d.env.Journal, Needs.Function, d.tick))

	mux.Handle("OPTIONS /files", d.options)
	mux.Handle("OPTIONS /files/{token}", d.options)
	mux.Handle("OPTIONS /files/{token}/{n}", d.options)
	mux.HandlePieces("POST /files", tus(d.createForReport))
	mux.HandlePieces("POST /files/{token}", tus(d.create))
	mux.Handle("GET /files/{token}", d.list)
	mux.Handle("HEAD /files/{token}/{n}", tus(d.head))
	mux.HandlePieces("PATCH /files/{token}/{n}", tus(d.patch))
	mux.Handle("DELETE /files/{token}/{n}", tus(d.terminate))
	mux.HandlePieces("POST /files/{token}/{n}", tus(d.override))
	mux.Ask("PATCH /files/{token}/{n}", tus(d.ask))
	mux.Ask("POST /files/{token}/{n}", tus(d.askOverride))
	mux.Open("OPTIONS /files", "OPTIONS /files/{token}", "OPTIONS /files/{token}/{n}", "POST /files", "POST /files/{token}", "GET /files/{token}",
		"HEAD /files/{token}/{n}", "PATCH /files/{token}/{n}", "DELETE /files/{token}/{n}", "POST /files/{token}/{n}")

	mux.Handle("GET /forms", d.enter)
	mux.HandlePieces("POST /forms", d.enterForm)
	mux.Handle("GET /forms/{token}", d.form)
	mux.HandlePieces("POST /forms/{token}", d.takeForm)
	mux.Handle("POST /forms/{token}/remove", d.remove)

	mux.Handle("POST /boxes", d.openBox)
	mux.Handle("GET /boxes", d.listBoxes)
	mux.Handle("GET /assets/{file}", d.pages.Asset)
	return mux
}

func newDesk(env *open.Env) (*desk, error) {
	d := &desk{
		env:      env,
		evidence: evidence.NewStore(env.Journal, env.Objects.Main, env.Now),
		keys:     seal.NewKeys(env.Objects.Keys),
		reports:  tipoff.NewGate(env.Journal),
		batches:  batch.NewStore(env.Journal),
		staff:    staff.New(env.Journal),
		pages:    page.New(Needs.Function, files, env.Site()),
	}
	d.running.now = env.Now
	exit, site, err := leaveTo(open.Value("quick_exit_url"))
	if err != nil {
		return nil, err
	}
	d.exit = exit
	// The button that forgets a draft is redirected there.
	d.pages.Allow("form", "script-src 'self'", "connect-src 'self'", "form-action 'self' "+site)
	escrow, err := env.Secret("escrow-recipient")
	if err != nil {
		return nil, err
	}
	if d.escrow, err = seal.ParseRecipient(string(escrow)); err != nil {
		return nil, fmt.Errorf("evidence-upload: escrow-recipient: %w", err)
	}
	units, err := env.Secret("unit-recipients")
	if err != nil {
		return nil, err
	}
	if d.units, err = tipoff.ParseUnits(string(units)); err != nil {
		return nil, fmt.Errorf("evidence-upload: unit-recipients: %w", err)
	}
	return d, nil
}

// sweepTime is how much of a call's time a tick may take.
const sweepTime = 12 * time.Second

// tick gives up what nobody continues, deletes what belongs to nothing, locks what
// is complete, and erases the keys of material whose time of keeping has passed.
// What it does not get done comes with the next.
func (d *desk) tick(r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), sweepTime)
	defer cancel()
	_, err := d.evidence.Sweep(ctx)
	_, expireErr := d.evidence.Expire(ctx, d.keys)
	err = errors.Join(err, expireErr)
	if ctx.Err() != nil && r.Context().Err() == nil {
		return nil
	}
	return err
}

// running are the requests whose body comes in several calls and of which
// something is kept in memory between them: a hash that is checked at the end, a
// form that is being read. A request that broke off leaves its entry behind; it
// is ended when it has been still for a while.
type running struct {
	mu  sync.Mutex
	now func() time.Time
	all map[string]*run
}

// run is one such request.
type run struct {
	at  time.Time
	end func() // gives up
	v   any
}

// still is after how long a request that sends nothing has broken off.
const still = 2 * time.Minute

// of returns what is kept of the request, or nil.
func (r *running) of(id string) any {
	r.mu.Lock()
	defer r.mu.Unlock()
	if x := r.all[id]; x != nil {
		x.at = r.now()
		return x.v
	}
	return nil
}

// keep keeps something of the request until done is called; end gives it up.
func (r *running) keep(id string, v any, end func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = map[string]*run{}
	}
	for other, x := range r.all {
		if r.now().Sub(x.at) > still {
			delete(r.all, other)
			go x.end()
		}
	}
	r.all[id] = &run{at: r.now(), end: end, v: v}
}

func (r *running) done(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.all, id)
}
