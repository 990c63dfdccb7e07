// Package door lets through to a function's pages whoever is signed in, and
// sends a browser that is not to the sign-in page and back.
//
// What each may do further in is asked there; here it is only known who comes.
package door

import (
	"net/http"
	"net/url"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// Handler answers somebody who is signed in.
type Handler func(http.ResponseWriter, *http.Request, staff.Actor) error

// Door is the entrance of one function.
type Door struct {
	env   *open.Env
	staff *staff.Store
	pages *page.Pages
}

// New is the entrance of the function whose pages are given.
func New(env *open.Env, s *staff.Store, pages *page.Pages) Door {
	return Door{env: env, staff: s, pages: pages}
}

// Who is the person whose session the request carries; fault.Unauthorized
// "staff.signed_out" without one that is open.
func (d Door) Who(r *http.Request) (staff.Actor, error) {
	token := staff.Token(r.Header.Values("Cookie"), d.env.PublicURL)
	if token == "" {
		return staff.Actor{}, fault.New(fault.Unauthorized, "staff.signed_out")
	}
	return d.staff.Who(r.Context(), token, d.env.Now())
}

// Signed wraps a page for people who are signed in. No answer of it is stored by
// anybody: it is for this reader alone.
func (d Door) Signed(h Handler) fn.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Cache-Control", "no-store")
		a, err := d.Who(r)
		if err != nil {
			return d.SignIn(w, r, err)
		}
		return h(w, r, a)
	}
}

// SignIn answers what kept somebody out: a browser that is not signed in goes to
// the sign-in page, and from there back to the page it asked for; everybody else
// is told why.
func (d Door) SignIn(w http.ResponseWriter, r *http.Request, why error) error {
	if !fault.Is(why, fault.Unauthorized) || !fn.WantsHTML(r) || r.Header.Get("Authorization") != "" {
		return why
	}
	back := url.Values{}
	if r.Method == http.MethodGet {
		back.Set("return", d.pages.URL(r, r.URL.EscapedPath(), r.URL.Query()))
	}
	http.Redirect(w, r, d.pages.URL(r, "staff-session/sign-in", back), http.StatusSeeOther)
	return nil
}
