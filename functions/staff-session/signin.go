package function

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/fn"
	"ipcredit/shared/staff"
)

func seconds(d time.Duration) string {
	return strconv.Itoa(int(math.Ceil(d.Seconds())))
}

type signInPage struct {
	base
	Return   string
	Recovery bool
	// Insecure says that the address is plain HTTP in a network: no browser
	// would keep the session.
	Insecure bool
	Demo     bool
}

func (d *desk) signInPage(r *http.Request, recovery bool) (*signInPage, error) {
	b, err := d.base(r, staff.Actor{})
	return &signInPage{
		base: b, Return: d.returnTo(r.FormValue("return")), Recovery: recovery, Demo: d.site.Demo,
		Insecure: strings.HasPrefix(d.site.PublicURL, "http://") && !staff.Loopback(d.site.PublicURL),
	}, err
}

func (d *desk) signInForm(w http.ResponseWriter, r *http.Request) error {
	p, err := d.signInPage(r, false)
	if err != nil {
		return err
	}
	if _, first, err := d.staff.WhoFirst(r.Context(), d.token(r), d.now()); err == nil {
		d.enter(w, r, first, p.Return)
		return nil
	}
	return d.pages.Show(w, r, http.StatusOK, "sign-in", p)
}

func (d *desk) recoveryForm(w http.ResponseWriter, r *http.Request) error {
	p, err := d.signInPage(r, true)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "sign-in", p)
}

// enter sends a person who has just signed in to where he wanted to go.
func (d *desk) enter(w http.ResponseWriter, r *http.Request, first bool, to string) {
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case first:
		d.see(w, r, "/first")
	case to != "":
		http.Redirect(w, r, to, http.StatusSeeOther)
	default:
		d.see(w, r, "/")
	}
}

// signIn takes password and code, or password and recovery code, in one form.
// The page of a refusal keeps the user name and nothing else, and says the same
// whatever was wrong.
func (d *desk) signIn(w http.ResponseWriter, r *http.Request) error {
	if err := form(r); err != nil {
		return err
	}
	recovery := r.URL.Path == "/recovery"
	in := staff.SignIn{
		Username: r.PostFormValue("username"), Password: r.PostFormValue("password"),
		Code: r.PostFormValue("code"), Network: fn.Network(r), Agent: r.UserAgent(),
	}
	if recovery {
		// An empty one must fail as a wrong one does, not fall back to a code.
		if in.Recovery = r.PostFormValue("recovery"); in.Recovery == "" {
			in.Recovery = "-"
		}
	}
	s, err := d.staff.SignIn(r.Context(), in, d.now())
	if err != nil {
		p, perr := d.signInPage(r, recovery)
		if perr != nil {
			return perr
		}
		if !fn.WantsHTML(r) {
			return err
		}
		r.Form = url.Values{"username": {in.Username}}
		status, err := d.refused(w, r, &p.base, err)
		if err != nil {
			return err
		}
		return d.pages.Show(w, r, status, "sign-in", p)
	}
	// Whatever session the browser came with ends: nobody can have planted it.
	if old := d.token(r); old != "" {
		if err := d.staff.SignOut(r.Context(), old); err != nil {
			return err
		}
	}
	d.setCookie(w, s.Token)
	if s.RecoveryLeft >= 0 && !s.First {
		d.see(w, r, "/account", url.Values{"done": {"recovery-used"}})
		return nil
	}
	d.enter(w, r, s.First, d.returnTo(r.PostFormValue("return")))
	return nil
}

func (d *desk) signOut(w http.ResponseWriter, r *http.Request) error {
	if t := d.token(r); t != "" {
		if err := d.staff.SignOut(r.Context(), t); err != nil {
			return err
		}
	}
	d.setCookie(w, "")
	return d.done(w, r, "signed-out", "/sign-in")
}

// whoAmI is the answer of GET session.
type whoAmI struct {
	User         string       `json:"user"`
	Name         string       `json:"name"`
	Roles        []staff.Role `json:"roles"`
	Organization struct {
		ID        string     `json:"id"`
		Kind      staff.Kind `json:"kind"`
		Name      string     `json:"name"`
		Code      string     `json:"code,omitempty"`
		Divisions []string   `json:"divisions"`
	} `json:"organization"`
	Unread int64 `json:"unread"`
}

// session tells a signed-in browser's own scripts who is signed in. No other
// origin can read it: there is no CORS and the cookie is SameSite Strict.
func (d *desk) session(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	a, err := d.staff.Who(r.Context(), d.token(r), d.now())
	if err != nil {
		return err
	}
	out := whoAmI{User: a.User.Username, Name: a.User.Name, Roles: a.Roles(d.now())}
	out.Organization.ID, out.Organization.Kind, out.Organization.Name = a.Org.ID, a.Org.Kind, a.Org.Name
	out.Organization.Code, out.Organization.Divisions = a.Org.Code, a.Org.Divisions
	if out.Unread, err = d.staff.Unread(r.Context(), a); err != nil {
		return err
	}
	return fn.WriteJSON(w, http.StatusOK, out)
}
