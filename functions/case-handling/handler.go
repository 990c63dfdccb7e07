// Package function is where officers work on tip-offs: it opens what was
// sealed to their unit, answers, decides and keeps the clocks, and gives out
// evidence, checked and cleaned.
//
// Nothing that was sealed is shown by a link alone: opening is a form that is
// posted, and each view stands in the journal before it is given.
package function

import (
	"context"
	"embed"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/calendar"
	"ipcredit/shared/casework"
	"ipcredit/shared/clock"
	"ipcredit/shared/courier"
	"ipcredit/shared/door"
	"ipcredit/shared/evidence"
	"ipcredit/shared/evidence/custody"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/material"
	"ipcredit/shared/notary"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
	"ipcredit/shared/repair"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// Needs is what this function opens: the identities of the units whose officers
// work here and the custodian's, the public keys that tip-offs are sealed to,
// and the key that signs what the city's gateway is told.
var Needs = open.Needs{
	Function: "case-handling", Redis: open.Write, Objects: open.Store,
	Secrets: []string{"custodian-identity", "escrow-recipient", "notify-key", "unit-identities", "unit-recipients"},
}

//go:embed *.html *.js *.css
var files embed.FS

var serve = fn.Serve(Needs, routes)

// Handle answers one call.
func Handle(req handler.Request) (handler.Response, error) { return serve(req) }

func routes(env *open.Env) (*fn.Mux, error) {
	d, err := newDesk(env)
	if err != nil {
		return nil, err
	}
	return d.mux(), nil
}

// desk is the function at work.
type desk struct {
	env       *open.Env
	office    *tipoff.Office
	units     tipoff.Units
	staff     *staff.Store
	evidence  *evidence.Store
	custody   *custody.Store
	courier   *courier.Store
	cases     *casework.Store
	repairs   *repair.Office
	materials *material.Store
	clocks    *clock.Store
	calendar  *calendar.Store
	scanner   scanner
	gateway   gateway
	pages     *page.Pages
	signed    func(door.Handler) fn.Handler
	contacts
	linked
	// cleaning limits how many files a replica reads as a whole at a time: each
	// may take most of its memory.
	cleaning chan struct{}
}

func newDesk(env *open.Env) (*desk, error) {
	d := &desk{
		env:       env,
		staff:     staff.New(env.Journal),
		evidence:  evidence.NewStore(env.Journal, env.Objects.Main, func() time.Time { return env.Now() }),
		custody:   custody.NewStore(env.Journal),
		courier:   courier.NewStore(env.Journal),
		repairs:   repair.New(env.Journal),
		materials: material.New(env.Journal),
		pages:     page.New(Needs.Function, files, env.Site()),
		cleaning:  make(chan struct{}, 1),
	}
	d.signed = door.New(env, d.staff, d.pages).Signed
	d.pages.Allow("file", "script-src 'self'", "connect-src 'self'", "img-src 'self' data:")
	c, err := d.config()
	if err != nil {
		return nil, err
	}
	d.units = c.Units
	if d.office, err = tipoff.NewOffice(env.Journal, seal.NewKeys(env.Objects.Keys), c); err != nil {
		return nil, err
	}
	if err := d.openCases(c); err != nil {
		return nil, err
	}
	d.contacts = d.newContacts(c)
	d.linked = d.newLinked(c)
	if d.scanner, err = newScanner(open.Value("clamd_addr")); err != nil {
		return nil, err
	}
	if address := open.Value("notify_url"); address != "" {
		key, err := env.Secret("notify-key")
		if err != nil {
			return nil, err
		}
		track := d.pages.Absolute("report-intake/track")
		if d.gateway, err = newGateway(address, open.Value("outgoing_allow"), string(key), track); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// config reads the secrets.
func (d *desk) config() (tipoff.OfficeConfig, error) {
	c := tipoff.OfficeConfig{Evidence: d.evidence, Log: notary.Open(d.env.Journal, nil, notary.Intake, nil), Staff: d.staff}
	identities, err := d.env.Secret("unit-identities")
	if err != nil {
		return c, err
	}
	if c.Identities, err = tipoff.ParseIdentities(string(identities)); err != nil {
		return c, err
	}
	units, err := d.env.Secret("unit-recipients")
	if err != nil {
		return c, err
	}
	if c.Units, err = tipoff.ParseUnits(string(units)); err != nil {
		return c, err
	}
	escrow, err := d.env.Secret("escrow-recipient")
	if err != nil {
		return c, err
	}
	if c.Escrow, err = seal.ParseRecipient(string(escrow)); err != nil {
		return c, err
	}
	custodian, err := d.env.Secret("custodian-identity")
	if err != nil {
		return c, err
	}
	c.Custodian, err = seal.ParseIdentity(string(custodian))
	return c, err
}

func (d *desk) mux() *fn.Mux {
	m := fn.NewMux(Needs.Function)
	m.Handle("GET /assets/{name}", d.pages.Asset)
	m.Handle("POST /{$}", fn.Tick(d.env.Journal, Needs.Function, d.tick))
	m.Handle("GET /{$}", d.signed(d.list))

	m.Handle("GET /tip-offs/{no}", d.signed(d.tip))
	m.Handle("POST /tip-offs/{no}/open", d.signed(d.openTip))
	m.Handle("GET /tip-offs/{no}/{action}", d.signed(d.actForm))
	m.Handle("POST /tip-offs/{no}/{action}", d.signed(d.act))
	m.Handle("GET /tip-offs/{no}/identity/{ask}", d.signed(d.identityPage))
	m.Handle("POST /tip-offs/{no}/identity/{ask}", d.signed(d.identity))

	m.Handle("POST /tip-offs/{no}/evidence/check", d.signed(d.checkAll))
	m.Handle("GET /tip-offs/{no}/evidence/{box}/{n}", d.signed(d.file))
	m.Handle("POST /tip-offs/{no}/evidence/{box}/{n}/check", d.signed(d.checkFile))
	m.Handle("GET /tip-offs/{no}/evidence/{box}/{n}/copy", d.signed(d.copy))
	m.Handle("GET /tip-offs/{no}/evidence/{box}/{n}/original", d.signed(d.original))

	m.Handle("GET /identities", d.signed(d.identities))
	m.Handle("GET /retention", d.signed(d.retention))
	m.Handle("POST /retention/hold", d.signed(d.holdKept))
	m.Handle("GET /undelivered", d.signed(d.undelivered))
	m.Handle("GET /register", d.signed(d.registerForm))
	m.Handle("POST /register", d.signed(d.register))
	m.Handle("GET /import", d.signed(d.importForm))
	m.Handle("POST /import", d.signed(d.importFile))

	d.caseRoutes(m)
	d.applicationRoutes(m)
	d.liaisonRoutes(m)
	d.campaignRoutes(m)
	d.calendarRoutes(m)
	d.repairRoutes(m)
	d.objectionRoutes(m)
	return m
}

// see sends a browser to another page of this function.
func (d *desk) see(w http.ResponseWriter, r *http.Request, target string, parts ...any) error {
	http.Redirect(w, r, d.pages.URL(r, target, parts...), http.StatusSeeOther)
	return nil
}

// done is the query that makes the next page say what was done.
func done(what string) url.Values { return url.Values{"done": {what}} }

// base is what every page of this function shows.
type base struct {
	*page.Form
	Actor staff.Actor
	Links []link
	Done  string
}

// tipoffKinds are the organisations that tip-offs are handled in.
var tipoffKinds = []staff.Kind{staff.LeadBureau, staff.DistrictBureau, staff.SubOffice, staff.ZoneAdministration, staff.Discipline}

type link struct {
	Href, Key string
	Here      bool
}

func (d *desk) base(r *http.Request, a staff.Actor) base {
	b := base{Form: page.NewForm(nil), Actor: a}
	if done := r.URL.Query().Get("done"); done != "" && page.Has("case-handling.done."+done) {
		b.Done = "case-handling.done." + done
	}
	now := d.env.Now()
	add := func(target, key string, actions ...staff.Action) {
		for _, action := range actions {
			if a.May(action, now) {
				b.Links = append(b.Links, link{d.pages.URL(r, target), key, r.URL.Path == target})
				return
			}
		}
	}
	if len(d.dayUnits(a)) > 0 {
		add("/day", "cases.nav.day", staff.CaseRead, staff.CaseSupervise)
	}
	// A department or a court has handlers too, but neither tip-offs nor notified
	// applications.
	tips := slices.Contains(tipoffKinds, a.Org.Kind)
	// Who has a role without a unit, as in an office beneath a bureau, sees the cases
	// given to it and no list of a unit.
	unit := func(actions ...staff.Action) bool {
		return slices.ContainsFunc(actions, func(x staff.Action) bool { return len(a.Units(x, now)) > 0 })
	}
	if tips && unit(staff.TipoffClock, staff.TipoffOpen) {
		add("/", "case-handling.nav.list", staff.TipoffClock, staff.TipoffOpen)
	}
	if d.seesCases(a) {
		add("/cases", "cases.nav.list", staff.CaseRead, staff.CaseSupervise)
	}
	if d.seesCases(a) && unit(staff.CaseRead, staff.CaseSupervise) {
		add("/applications", "applications.nav", staff.CaseRead, staff.CaseSupervise, staff.ReportRead)
	} else {
		add("/applications", "applications.nav", staff.ReportRead)
	}
	d.liaisonNav(a, add)
	add("/register", "case-handling.nav.register", staff.TipoffIntake)
	add("/import", "case-handling.nav.import", staff.TipoffIntake)
	if tips && (a.May(staff.IdentityOpen, now) || unit(staff.IdentityAsk)) {
		add("/identities", "case-handling.nav.identities", staff.IdentityOpen, staff.IdentityAsk)
	}
	add("/retention", "case-handling.nav.retention", staff.TipoffClock)
	add("/calendar", "calendar.nav", staff.CatalogEdit, staff.CatalogApprove)
	if d.gateway.url != "" {
		add("/undelivered", "case-handling.nav.undelivered", staff.TipoffClock)
	}
	return b
}

// refused puts what is wrong into the form of a page and tells the status to
// answer with. An error of ours goes on to the edge.
func refused(r *http.Request, b *base, err error) (int, error) {
	f, ok := fault.Of(err)
	if !ok {
		return 0, err
	}
	b.Form = page.NewForm(r.PostForm).Refuse(fn.Lang(r), f)
	return fn.Status(f.Kind), nil
}

// form reads a posted form.
func form(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.Invalid, "case-handling.form").Because(err)
	}
	return nil
}

// tick opens what other cities' desks sent and seals what they are to be told, tells
// named reporters what is due, as far as the call's time goes, and shows subjects the lookups that were withheld from them until now.
func (d *desk) tick(r *http.Request) error {
	ctx, now := r.Context(), d.env.Now()
	_, err := d.inquiries.RevealDue(ctx, now)
	return errors.Join(err, d.letters.TakeIn(ctx, now), d.letters.Pack(ctx, now), d.deliver(ctx))
}

// alone runs f while no other file is read as a whole by this replica.
func (d *desk) alone(ctx context.Context, f func() error) error {
	select {
	case d.cleaning <- struct{}{}:
	case <-ctx.Done():
		return fault.New(fault.Unavailable, "case-handling.busy").After(5 * time.Second)
	}
	defer func() { <-d.cleaning }()
	return f()
}
