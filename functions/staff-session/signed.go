package function

import (
	"net/http"
	"net/url"
	"path"
	"strings"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/staff"
)

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
func (d *desk) signed(h actorHandler) fn.Handler {
	return d.begun(func(w http.ResponseWriter, r *http.Request, a staff.Actor, first bool) error {
		if first {
			d.see(w, r, "/first")
			return nil
		}
		return h(w, r, a)
	})
}

// anybody wraps a page that needs no session.
func (d *desk) anybody(h actorHandler) fn.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Cache-Control", "no-store")
		return h(w, r, staff.Actor{})
	}
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
