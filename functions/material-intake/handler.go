// Package function takes in agencies' batches: credit records, subjects and
// registries as CSV, XLSX or JSON.
package function

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/batch"
	"ipcredit/shared/credit"
	"ipcredit/shared/door"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/linkage"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// Needs is what this function opens: the identity that uploads are sealed to
// (it gives them back to their owner), the public keys of the units and of the
// offline escrow, and the key under which identity numbers are hashed.
var Needs = open.Needs{
	Function: "material-intake", Redis: open.Write, Objects: open.Store,
	Secrets: []string{"escrow-recipient", "id-hash", "material-identity", "unit-recipients"},
}

//go:embed *.html *.js
var files embed.FS

var serve = fn.Serve(Needs, routes)

// Handle answers one call.
func Handle(req handler.Request) (handler.Response, error) { return serve(req) }

// desk is the function at work.
type desk struct {
	env     *open.Env
	batches *batch.Desk
	staff   *staff.Store
	pages   *page.Pages
	door    door.Door
	// working limits how many batches one replica works off at a time.
	working chan struct{}
	// patience is how long an answer waits for a short batch: most of a call's
	// time, the rest is for telling where the batch stands.
	patience time.Duration
}

// atOnce is how many batches a replica works off at a time: one writes as fast
// as Redis syncs, and a second keeps a small batch from waiting for a large one.
const atOnce = 2

func routes(env *open.Env) (*fn.Mux, error) {
	secrets, err := readSecrets(env)
	if err != nil {
		return nil, err
	}
	d := &desk{
		env:     env,
		batches: batch.NewDesk(env.Journal, env.Objects, credit.NewInForce(env.Journal), secrets, env.Now),
		staff:   staff.New(env.Journal),
		pages:   page.New(Needs.Function, files, env.Site()),
		working: make(chan struct{}, atOnce),

		patience: open.ReadEdge().ExecTimeout * 5 / 6,
	}
	d.door = door.New(env, d.staff, d.pages)
	for _, name := range []string{"index", "batch"} {
		d.pages.Allow(name, "script-src 'self'", "connect-src 'self'")
	}
	mux := fn.NewMux(Needs.Function)
	mux.Handle("GET /{$}", d.index)
	mux.Handle("POST /{$}", fn.Tick(env.Journal, Needs.Function, d.tick))
	mux.HandlePieces("POST /batches", d.receive)
	mux.Handle("GET /batches", d.list)
	mux.Handle("GET /batches/{id}", d.show)
	mux.Handle("GET /batches/{id}/errors.xlsx", d.errors)
	mux.Handle("GET /templates/{file}", d.template)
	mux.Handle("GET /assets/{file}", d.pages.Asset)
	return mux, nil
}

func readSecrets(env *open.Env) (batch.Secrets, error) {
	var s batch.Secrets
	identity, err := env.Secret("material-identity")
	if err != nil {
		return s, err
	}
	if s.Identity, err = seal.ParseIdentity(string(identity)); err != nil {
		return s, fmt.Errorf("material-intake: material-identity: %w", err)
	}
	escrow, err := env.Secret("escrow-recipient")
	if err != nil {
		return s, err
	}
	if s.Escrow, err = seal.ParseRecipient(string(escrow)); err != nil {
		return s, fmt.Errorf("material-intake: escrow-recipient: %w", err)
	}
	units, err := env.Secret("unit-recipients")
	if err != nil {
		return s, err
	}
	if s.Units, err = tipoff.ParseUnits(string(units)); err != nil {
		return s, fmt.Errorf("material-intake: %w", err)
	}
	s.HashKey, err = env.Secret("id-hash")
	return s, err
}

// caller is who sends or asks: a key of an organisation, or somebody signed in.
type caller struct {
	org   string
	actor string
	// name and orgName are those of somebody signed in; a program has none.
	name, orgName string
}

// caller recognises who asks and refuses whoever may not hand in batches.
func (d *desk) caller(r *http.Request) (caller, error) {
	now := d.env.Now()
	if auth := r.Header.Get("Authorization"); auth != "" {
		key, err := d.staff.Key(r.Context(), auth, staff.ScopeMaterial, now)
		if err != nil {
			return caller{}, err
		}
		return caller{org: key.Org, actor: "key:" + key.ID}, nil
	}
	if staff.Token(r.Header.Values("Cookie"), d.env.PublicURL) == "" {
		return caller{}, fault.New(fault.Unauthorized, "material-intake.sign_in")
	}
	who, err := d.door.Who(r)
	if err != nil {
		return caller{}, err
	}
	c := caller{org: who.Org.ID, actor: who.User.ID, name: who.User.Name, orgName: who.Org.Name}
	return c, staff.Can(who, staff.RecordImport, staff.Resource{Division: who.Org.Division()}, now)
}

// sender is the caller of one piece of an upload. A piece that is not the first
// waits where it comes faster than a key's calls may: the upload was let in, and
// refusing in its middle would lose it.
func (d *desk) sender(r *http.Request) (caller, error) {
	for {
		who, err := d.caller(r)
		f, _ := fault.Of(err)
		if err == nil || f == nil || f.Kind != fault.TooMany || fn.PieceOf(r).Offset == 0 {
			return who, err
		}
		select {
		case <-r.Context().Done():
			return who, err
		case <-time.After(f.RetryAfter):
		}
	}
}

// receive takes one piece of an upload; with the last one the batch is worked
// off, at once where it is short.
func (d *desk) receive(w http.ResponseWriter, r *http.Request) error {
	chosen := url.Values{}
	err := d.take(w, r, chosen)
	f, refused := fault.Of(err)
	if !refused || !fn.WantsHTML(r) || r.Header.Get("Authorization") != "" {
		return err
	}
	switch f.Kind {
	case fault.Invalid, fault.Refused, fault.WrongType, fault.TooLarge, fault.Conflict, fault.Unauthorized:
		return d.askAgain(w, r, chosen, f)
	}
	return err
}

func (d *desk) take(w http.ResponseWriter, r *http.Request, chosen url.Values) error {
	who, err := d.sender(r)
	if err != nil {
		return err
	}
	u, err := upload(r, who, chosen)
	if err != nil {
		return err
	}
	if err := d.mayHandIn(r.Context(), who, u); err != nil {
		return err
	}
	b, err := d.batches.Receive(r.Context(), u)
	if err != nil {
		if f, _ := fault.Of(err); f != nil && f.Code == "fn.key_reused" && strings.HasPrefix(u.Request, byTicket) {
			err = fault.New(fault.Refused, "material-intake.ticket")
		}
		return err
	}
	if !u.Last {
		return nil
	}
	if u.Index == 0 {
		if b, err = d.now(r, b); err != nil {
			return err
		}
	} else {
		d.start(b.ID)
	}
	return d.answer(w, r, b)
}

// mayHandIn refuses lists of notified applications from whom they do not come.
func (d *desk) mayHandIn(ctx context.Context, who caller, u batch.Upload) error {
	if u.Index > 0 || !slices.Contains(linkage.Kinds, linkage.Kind(u.Kind)) {
		return nil
	}
	org, err := d.staff.Organization(ctx, who.org)
	if err != nil {
		return err
	}
	if !linkage.MayHandIn(org.Kind) {
		return fault.New(fault.Refused, "linkage.sender").With("kind", "linkage.sender")
	}
	return nil
}

// What a request is known by when it comes again: the client's key, the number
// in the form, or nothing but itself.
const (
	byKey    = "key "
	byTicket = "ticket "
)

// options are what the address of an upload may say.
var options = []string{"kind", "dryRun", "atomic", "ticket", "lang", "text"}

// upload reads one piece of a request. A form names its options in the fields
// before the file, a program in the query; chosen gets all of them.
func upload(r *http.Request, who caller, chosen url.Values) (batch.Upload, error) {
	p := fn.PieceOf(r)
	if p.Total > batch.MaxSize {
		// Said before the rest is read.
		return batch.Upload{}, fault.New(fault.TooLarge, "batch.too_large", batch.MaxSize>>30)
	}
	u := batch.Upload{Org: who.org, Actor: who.actor, Request: p.ID, Index: int(p.Offset / fn.MaxBody), Last: p.Last}
	key, err := fn.IdempotencyKey(r)
	if err != nil {
		return u, err
	}
	q := r.URL.Query()
	switch ticket := q.Get("ticket"); {
	case key != "":
		u.Request = byKey + key
	case len(ticket) == len(rand.Text()):
		u.Request = byTicket + ticket
	}
	for name := range q {
		// A rehearsal with its option misspelt must not become the real thing.
		if !slices.Contains(options, name) {
			return u, fault.New(fault.Invalid, "material-intake.option", name).With(name, "material-intake.option", name)
		}
	}
	for _, name := range []string{"kind", "dryRun", "atomic"} {
		if q.Has(name) {
			chosen.Set(name, q.Get(name))
		}
		if name != "kind" && q.Has(name) && q.Get(name) == "" {
			chosen.Set(name, "1") // ?kind=K&dryRun
		}
	}
	if u.Body, err = body(r); err != nil {
		return u, err
	}
	if media := r.Header.Get("Content-Type"); u.Index == 0 && strings.HasPrefix(strings.ToLower(media), "multipart/") {
		u.Media = media
		if err := form(&u, chosen); err != nil {
			return u, err
		}
	}
	u.Kind = chosen.Get("kind")
	if u.DryRun, err = yes("dryRun", chosen.Get("dryRun")); err != nil {
		return u, err
	}
	u.Atomic, err = yes("atomic", chosen.Get("atomic"))
	return u, err
}

func yes(name, value string) (bool, error) {
	switch value {
	case "", "0", "false":
		return false, nil
	case "1", "true":
		return true, nil
	}
	return false, fault.New(fault.Invalid, "material-intake.yes_no").With(name, "material-intake.yes_no")
}

// body is the piece's content, which the edge has in memory already.
func body(r *http.Request) ([]byte, error) {
	data := make([]byte, max(0, r.ContentLength))
	if _, err := io.ReadFull(r.Body, data); err != nil {
		return nil, fmt.Errorf("material-intake: reading body: %w", err)
	}
	return data, nil
}

// form reads the fields before the file into chosen. Where the whole form is
// here, it takes the file out of it; else the batch is read out of the form
// later.
func form(u *batch.Upload, chosen url.Values) error {
	part, fields, err := batch.FilePart(bytes.NewReader(u.Body), u.Media)
	for name, value := range fields {
		chosen.Set(name, value)
	}
	if err != nil || !u.Last {
		return err
	}
	file, err := io.ReadAll(part)
	if err != nil {
		return fault.New(fault.Invalid, "batch.media").Because(err)
	}
	if len(file) == 0 {
		return fault.New(fault.Invalid, "batch.no_file").With("file", "batch.no_file")
	}
	u.Body, u.Media = file, ""
	return nil
}
