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
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
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

var wired struct {
	sync.Mutex
	mux *fn.Mux
}

// Handle answers one request. What cannot be opened now is tried again at the
// next call.
func Handle(req handler.Request) (handler.Response, error) {
	mux, err := wire()
	if err != nil {
		return handler.Response{}, err
	}
	return mux.Serve(req)
}

func wire() (*fn.Mux, error) {
	wired.Lock()
	defer wired.Unlock()
	if wired.mux != nil {
		return wired.mux, nil
	}
	env, err := open.Open(Needs)
	if err != nil {
		return nil, err
	}
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
	wired.mux = newDesk(env.Site(), staff.NewDesk(store, vault), env.Now).mux(env.Journal)
	return wired.mux, nil
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
	m.Handle("GET /{$}", d.signed(d.home))
	m.Handle("GET /session", d.session)

	m.Handle("GET /sign-in", d.signInForm)
	m.Handle("POST /sign-in", d.signIn)
	m.Handle("GET /recovery", d.recoveryForm)
	m.Handle("POST /recovery", d.signIn)
	m.Handle("POST /sign-out", d.signOut)
	m.Handle("GET /activate", d.activateForm)
	m.Handle("POST /activate", d.activate)

	m.Handle("GET /first", d.begun(d.first))
	m.Handle("GET /account", d.signed(d.account))
	m.Handle("GET /account/password", d.begun(d.passwordForm))
	m.Handle("POST /account/password", d.begun(d.password))
	m.Handle("GET /account/totp", d.begun(d.totpForm))
	m.Handle("POST /account/totp", d.begun(d.totpBegin))
	m.Handle("POST /account/totp/confirm", d.begun(d.totpConfirm))
	m.Handle("POST /account/recovery", d.signed(d.newRecovery))
	m.Handle("POST /account/sessions/end", d.signed(d.endSession))
	m.Handle("POST /account/sessions/end-all", d.signed(d.endSessions))
	m.Handle("POST /account/ties", d.signed(d.declareTie))

	m.Handle("GET /organization", d.signed(d.ownOrganization))
	m.Handle("GET /organization/delegations", d.signed(d.delegationForm))
	m.Handle("GET /organization/substitutes", d.signed(d.substituteForm))
	m.Handle("POST /organization/delegations", d.signed(d.delegate))
	m.Handle("POST /organization/delegations/end", d.signed(d.endDelegation))
	m.Handle("POST /organization/substitutes", d.signed(d.substitute))
	m.Handle("POST /organization/substitutes/end", d.signed(d.endSubstitute))
	m.Handle("POST /organization/invitations", d.signed(d.invite))
	m.Handle("POST /organization/members/remove", d.signed(d.removeMember))
	m.Handle("GET /inbox", d.signed(d.inbox))
	m.Handle("POST /inbox", d.signed(d.readMessage))

	m.Handle("GET /organizations", d.signed(d.organizations))
	m.Handle("GET /organizations/new", d.signed(d.organizationForm))
	m.Handle("POST /organizations", d.signed(d.createOrganization))
	m.Handle("GET /organizations/{id}", d.signed(d.organization))
	m.Handle("POST /organizations/{id}/close", d.signed(d.closeOrganization))
	m.Handle("GET /users/new", d.signed(d.userForm))
	m.Handle("POST /users", d.signed(d.createUser))
	m.Handle("GET /users/{id}", d.signed(d.user))
	m.Handle("GET /users/{id}/orders", d.signed(d.orderForm))
	m.Handle("POST /users/{id}/orders", d.signed(d.order))
	m.Handle("GET /proposals", d.signed(d.proposals))
	m.Handle("POST /proposals/{id}", d.signed(d.decide))
	m.Handle("GET /keys", d.signed(d.keys))
	m.Handle("POST /keys", d.signed(d.issueKey))
	m.Handle("POST /keys/{id}", d.signed(d.changeKey))

	m.Handle("GET /activations", d.signed(d.activations))
	m.Handle("POST /activations", d.signed(d.issueActivation))
	return m
}

// token is the session token the request carries.
func (d *desk) token(r *http.Request) string {
	return staff.Token(r.Header.Values("Cookie"), d.site.PublicURL)
}

// setCookie hands a token to the browser, or takes it away when it is "". The
// cookie ends with the browser; the session behind it ends sooner.
func (d *desk) setCookie(w http.ResponseWriter, token string) {
	c := http.Cookie{Name: staff.Cookie, Value: token, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if token == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, &c)
	if staff.Loopback(d.site.PublicURL) {
		c.Name, c.Secure = staff.CookiePlain, false
		http.SetCookie(w, &c)
	}
}

// signed wraps a page for people who are signed in. A browser that is not goes
// to the sign-in page and comes back.
func (d *desk) signed(h func(http.ResponseWriter, *http.Request, staff.Actor) error) fn.Handler {
	return d.begun(func(w http.ResponseWriter, r *http.Request, a staff.Actor, first bool) error {
		if first {
			d.see(w, r, "/first")
			return nil
		}
		return h(w, r, a)
	})
}

// begun is signed for the pages of a first sign-in as well.
func (d *desk) begun(h func(http.ResponseWriter, *http.Request, staff.Actor, bool) error) fn.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Cache-Control", "no-store")
		a, first, err := d.staff.WhoFirst(r.Context(), d.token(r), d.now())
		if fault.Is(err, fault.Unauthorized) && fn.WantsHTML(r) {
			q := url.Values{}
			if r.Method == http.MethodGet && r.URL.Path != "/" {
				q.Set("return", d.pages.URL(r, r.URL.EscapedPath()))
			}
			d.see(w, r, "/sign-in", q)
			return nil
		}
		if err != nil {
			return err
		}
		return h(w, r, a, first)
	}
}

// see sends a browser to another page of this function.
func (d *desk) see(w http.ResponseWriter, r *http.Request, target string, parts ...any) {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, d.pages.URL(r, target, parts...), http.StatusSeeOther)
}

// done sends a browser back to a page that says what was done.
func (d *desk) done(w http.ResponseWriter, r *http.Request, what, target string, parts ...any) error {
	d.see(w, r, target, append(parts, url.Values{"done": {what}})...)
	return nil
}

// returnTo is where to go after signing in: a path of this site, or "". What
// could lead anywhere else is dropped, not repaired.
func (d *desk) returnTo(s string) string {
	base := ""
	if u, err := url.Parse(d.site.PublicURL); err == nil {
		base = strings.TrimSuffix(u.Path, "/")
	}
	u, err := url.Parse(s)
	if err != nil || len(s) > 1000 || u.Scheme != "" || u.Host != "" || u.User != nil || u.Fragment != "" ||
		strings.ContainsAny(s, "\\") || !strings.HasPrefix(s, base+"/function/") ||
		strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return ""
	}
	if c := path.Clean(u.Path); !strings.HasPrefix(c, base+"/function/") || strings.ContainsAny(u.Path, "\\") {
		return ""
	}
	return s
}

// base is what every page of this function shows.
type base struct {
	*page.Form
	Actor  staff.Actor
	Signed bool
	Links  []link
	Done   string
}

type link struct {
	Href, Key string
	Count     int64
	Here      bool
}

func (d *desk) base(r *http.Request, a staff.Actor) (base, error) {
	b := base{Form: page.NewForm(nil), Actor: a, Signed: a.User.ID != ""}
	if done := r.URL.Query().Get("done"); done != "" && page.Has("staff-session.done."+done) {
		b.Done = "staff-session.done." + done
	}
	if !b.Signed {
		return b, nil
	}
	now := d.now()
	unread, err := d.staff.Unread(r.Context(), a)
	if err != nil {
		return b, err
	}
	may := func(actions ...staff.Action) bool {
		for _, action := range actions {
			if a.May(action, now) {
				return true
			}
		}
		return false
	}
	add := func(show bool, target, key string, count int64) {
		if show {
			b.Links = append(b.Links, link{d.pages.URL(r, target), key, count, r.URL.Path == target})
		}
	}
	add(true, "/", "staff-session.nav.home", 0)
	add(true, "/inbox", "staff-session.nav.inbox", unread)
	add(true, "/organization", "staff-session.nav.organization", 0)
	add(may(staff.UserRead), "/organizations", "staff-session.nav.organizations", 0)
	add(may(staff.UserRead), "/proposals", "staff-session.nav.proposals", 0)
	add(may(staff.KeyManage, staff.JournalRead), "/keys", "staff-session.nav.keys", 0)
	add(may(staff.ActivationIssue), "/activations", "staff-session.nav.activations", 0)
	add(true, "/account", "staff-session.nav.account", 0)
	return b, nil
}

// refused puts what is wrong into the form of a page and tells the status to
// answer with. An error of ours, and a refusal that is about who asks and not
// what, goes on to the edge.
func (d *desk) refused(w http.ResponseWriter, r *http.Request, b *base, err error) (int, error) {
	f, ok := fault.Of(err)
	if !ok {
		return 0, err
	}
	if f.Kind == fault.TooMany && f.RetryAfter > 0 {
		w.Header().Set("Retry-After", seconds(f.RetryAfter))
	}
	b.Form = page.NewForm(r.PostForm).Refuse(fn.Lang(r), f)
	return fn.Status(f.Kind), nil
}

// form reads a posted form.
func form(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.Invalid, "staff-session.form").Because(err)
	}
	return nil
}

type option struct{ Value, Text, Hint string }

func roleOptions(lang page.Lang, roles []staff.Role) []option {
	out := make([]option, len(roles))
	for i, r := range roles {
		out[i] = option{Value: string(r), Text: page.Say(lang, "staff.role."+string(r))}
	}
	return out
}

func chosenRoles(r *http.Request) []staff.Role {
	var out []staff.Role
	for _, v := range r.PostForm["role"] {
		out = append(out, staff.Role(v))
	}
	return out
}

func divisionName(code string) string {
	if a, ok := ident.AreaOf(code); ok {
		return a.Name
	}
	return code
}

func divisionOptions(codes []string) []option {
	out := make([]option, len(codes))
	for i, c := range codes {
		out[i] = option{Value: c, Text: divisionName(c)}
	}
	return out
}

// beneath lists the divisions an organisation can give roles for.
func beneath(divisions []string) []string {
	var out []string
	for _, d := range staff.Districts() {
		for _, have := range divisions {
			if d.Code == have || d.Above == have {
				out = append(out, d.Code)
				break
			}
		}
	}
	return out
}
