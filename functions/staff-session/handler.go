// Package function is where people sign in and organisations look after
// themselves: password and second factor, sessions, roles, delegations,
// substitutes, the inbox, API keys, and the account of a subject that opens with
// a code printed on a notice.
//
// It is the only function that holds the password pepper and the key of the
// TOTP secrets; every other one asks package staff who is signed in.
package function

import (
	"embed"
	"net/http"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/fn"
	"ipcredit/shared/journal"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// Needs is what this function opens.
var Needs = open.Needs{
	Function: "staff-session", Redis: open.Write,
	Secrets: []string{"password-pepper", "totp-seal"},
}

//go:embed *.html *.css
var files embed.FS

var serve = fn.Serve(Needs, routes)

// Handle answers one request.
func Handle(req handler.Request) (handler.Response, error) { return serve(req) }

func routes(env *open.Env) (*fn.Mux, error) {
	pepper, err := env.Secret("password-pepper")
	if err != nil {
		return nil, err
	}
	seal, err := env.Secret("totp-seal")
	if err != nil {
		return nil, err
	}
	store := staff.New(env.Journal)
	vault, err := staff.NewVault(pepper, seal, store.Params())
	if err != nil {
		return nil, err
	}
	return newDesk(env.Site(), staff.NewDesk(store, vault), env.Now).mux(env.Journal), nil
}

type desk struct {
	site  page.Site
	staff *staff.Desk
	pages *page.Pages
	now   func() time.Time
}

func newDesk(site page.Site, s *staff.Desk, now func() time.Time) *desk {
	return &desk{site: site, staff: s, pages: page.New(Needs.Function, files, site), now: now}
}

// mux wires the pages; ticks are counted in j.
func (d *desk) mux(j *journal.Journal) *fn.Mux {
	m := fn.NewMux(Needs.Function)
	m.Handle("GET /assets/{name}", d.pages.Asset)
	m.Handle("POST /{$}", fn.Tick(j, Needs.Function, func(r *http.Request) error {
		_, err := d.staff.Sweep(r.Context(), d.now())
		return err
	}))
	signed := func(pattern string, h actorHandler) { m.Handle(pattern, d.signed(h)) }

	m.Handle("GET /sign-in", d.signInForm)
	m.Handle("POST /sign-in", d.signIn)
	m.Handle("GET /recovery", d.recoveryForm)
	m.Handle("POST /recovery", d.signIn)
	m.Handle("POST /sign-out", d.signOut)
	m.Handle("GET /session", d.session)
	m.Handle("GET /activate", d.anybody(d.show("activate", d.activatePage)))
	m.Handle("POST /activate", d.anybody(d.submit("activate", d.activatePage, d.activate)))

	m.Handle("GET /first", d.begun(d.first))
	m.Handle("GET /account/password", d.begun(d.passwordForm))
	m.Handle("POST /account/password", d.begun(d.password))
	m.Handle("GET /account/totp", d.begun(d.totpForm))
	m.Handle("POST /account/totp", d.begun(d.totpBegin))
	m.Handle("POST /account/totp/confirm", d.begun(d.totpConfirm))
	signed("GET /{$}", d.show("home", d.homePage))
	signed("GET /account", d.show("account", d.accountPage))
	signed("POST /account/recovery", d.submit("account", d.accountPage, d.newRecovery))
	signed("POST /account/sessions/end", d.endSession)
	signed("POST /account/sessions/end-all", d.endSessions)
	signed("POST /account/ties", d.submit("account", d.accountPage, d.declareTie))

	signed("GET /inbox", d.inbox)
	signed("POST /inbox", d.readMessage)
	signed("GET /organization", d.show("organization", d.ownOrganization))
	signed("GET /organization/delegations", d.show("delegation-new", d.delegationPage))
	signed("POST /organization/delegations", d.submit("delegation-new", d.delegationPage, d.delegate))
	signed("POST /organization/delegations/end", d.submit("organization", d.ownOrganization, d.endDelegation))
	signed("GET /organization/substitutes", d.show("substitute-new", d.substitutePage))
	signed("POST /organization/substitutes", d.submit("substitute-new", d.substitutePage, d.substitute))
	signed("POST /organization/substitutes/end", d.submit("organization", d.ownOrganization, d.endSubstitute))
	signed("POST /organization/invitations", d.submit("organization", d.ownOrganization, d.invite))
	signed("POST /organization/members/remove", d.submit("organization", d.ownOrganization, d.removeMember))

	signed("GET /organizations", d.organizations)
	signed("POST /organizations", d.submit("organization-new", d.newOrganization, d.createOrganization))
	signed("GET /organizations/new", d.show("organization-new", d.newOrganization))
	signed("GET /organizations/{id}", d.show("organization", d.organization))
	signed("POST /organizations/{id}/close", d.submit("organization", d.organization, d.closeOrganization))
	signed("POST /users", d.submit("user-new", d.newUserPage, d.createUser))
	signed("GET /users/new", d.show("user-new", d.newUserPage))
	signed("GET /users/{id}", d.show("user", d.userPage))
	signed("GET /users/{id}/orders", d.show("order", d.orderPage))
	signed("POST /users/{id}/orders", d.submit("order", d.orderPage, d.order))
	signed("POST /users/{id}/employer", d.submit("user", d.userPage, d.setEmployer))
	signed("POST /users/{id}/ties/drop", d.press(d.dropTie))
	signed("GET /proposals", d.show("proposals", d.proposalsPage))
	signed("POST /proposals/{id}", d.press(d.decide))
	signed("GET /keys", d.show("keys", d.keysPage))
	signed("POST /keys", d.submit("key-new", d.newKeyPage, d.issueKey))
	signed("GET /keys/new", d.show("key-new", d.newKeyPage))
	signed("POST /keys/{id}", d.submit("keys", d.keysPage, d.changeKey))

	signed("GET /activations", d.activations)
	signed("POST /activations", d.submit("activations", d.activationsPage, d.issueActivation))
	signed("POST /activations/withdraw", d.press(d.withdrawActivation))
	return m
}
