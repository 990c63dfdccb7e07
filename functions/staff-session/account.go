package function

import (
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"

	"github.com/skip2/go-qrcode"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

type homePage struct {
	base
	Roles  []staff.Role
	Unread int64
	State  staff.State
}

func (d *desk) home(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	b, err := d.base(r, a)
	if err != nil {
		return err
	}
	p := homePage{base: b, Roles: a.Roles(d.now())}
	if p.Unread, err = d.staff.Unread(r.Context(), a); err != nil {
		return err
	}
	if p.State, err = d.staff.State(r.Context(), a); err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "home", p)
}

// first leads through what is missing: the password, then the second factor.
func (d *desk) first(w http.ResponseWriter, r *http.Request, a staff.Actor, first bool) error {
	st, err := d.staff.State(r.Context(), a)
	switch {
	case err != nil:
		return err
	case first && st.MustChange:
		d.see(w, r, "/account/password")
	case first && !st.Enrolled:
		d.see(w, r, "/account/totp")
	default:
		d.see(w, r, "/")
	}
	return nil
}

type accountPage struct {
	base
	Roles    []staff.Role
	State    staff.State
	Sessions []staff.Session
	Division string
}

func (d *desk) accountPage(r *http.Request, a staff.Actor) (accountPage, error) {
	p := accountPage{Roles: a.Roles(d.now()), Division: divisionName(a.Org.Division())}
	var err error
	if p.base, err = d.base(r, a); err != nil {
		return p, err
	}
	if p.State, err = d.staff.State(r.Context(), a); err != nil {
		return p, err
	}
	if p.Sessions, err = d.staff.Sessions(r.Context(), a, d.now()); err != nil {
		return p, err
	}
	for i, s := range p.Sessions {
		if p.Sessions[i].Agent = browser(s.Agent); p.Sessions[i].Agent == "" {
			p.Sessions[i].Agent = page.Say(fn.Lang(r), "staff-session.account.browser_other")
		}
	}
	return p, nil
}

// browser names the program and the system in a User-Agent, so that a person
// recognises his sessions; "" where it is none of the usual ones. The order
// matters: most browsers claim to be others, too.
func browser(agent string) string {
	pick := func(pairs ...string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if strings.Contains(agent, pairs[i]) {
				return pairs[i+1]
			}
		}
		return ""
	}
	program := pick("MicroMessenger", "WeChat", "Edg", "Edge", "Firefox", "Firefox", "QQBrowser", "QQBrowser",
		"Chrome", "Chrome", "Chromium", "Chromium", "Safari", "Safari", "curl", "curl")
	system := pick("Windows", "Windows", "Android", "Android", "iPhone", "iPhone", "iPad", "iPad", "Mac OS", "macOS", "Linux", "Linux")
	return strings.TrimSuffix(strings.TrimPrefix(program+" · "+system, " · "), " · ")
}

func (d *desk) account(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.accountPage(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "account", p)
}

// again shows the account page with what is wrong.
func (d *desk) accountRefused(w http.ResponseWriter, r *http.Request, a staff.Actor, cause error) error {
	p, err := d.accountPage(r, a)
	if err != nil {
		return err
	}
	status, err := d.refused(w, r, &p.base, cause)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, status, "account", p)
}

func (d *desk) endSession(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	id := r.PostFormValue("id")
	if err := d.staff.EndSession(r.Context(), a, id); err != nil {
		return err
	}
	if id == a.Session {
		d.setCookie(w, "")
		return d.done(w, r, "signed-out", "/sign-in")
	}
	return d.done(w, r, "session-ended", "/account")
}

func (d *desk) endSessions(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := d.staff.EndSessions(r.Context(), a, d.now()); err != nil {
		return err
	}
	d.setCookie(w, "")
	return d.done(w, r, "signed-out", "/sign-in")
}

func (d *desk) declareTie(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	t := staff.Tie{Party: staff.Party{Code: r.PostFormValue("code"), Name: r.PostFormValue("name")}, Reason: r.PostFormValue("reason")}
	if t.Code != "" {
		code, err := readCode("code", t.Code)
		if err != nil {
			return d.accountRefused(w, r, a, err)
		}
		t.Code = code
	}
	if err := d.staff.DeclareTie(r.Context(), a, t, d.now()); err != nil {
		return d.accountRefused(w, r, a, err)
	}
	return d.done(w, r, "tie", "/account")
}

type passwordPage struct {
	base
	Least int
	First bool
}

func (d *desk) passwordForm(w http.ResponseWriter, r *http.Request, a staff.Actor, first bool) error {
	return d.showPassword(w, r, a, first, nil)
}

func (d *desk) showPassword(w http.ResponseWriter, r *http.Request, a staff.Actor, first bool, cause error) error {
	b, err := d.baseOf(r, a, first)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if cause != nil {
		if status, err = d.refused(w, r, &b, cause); err != nil {
			return err
		}
	}
	return d.pages.Show(w, r, status, "password", passwordPage{b, d.staff.Params()["password.least"].Value, first})
}

// baseOf is base without links while a first sign-in is not finished.
func (d *desk) baseOf(r *http.Request, a staff.Actor, first bool) (base, error) {
	b, err := d.base(r, a)
	if first {
		b.Links = nil
	}
	return b, err
}

func (d *desk) password(w http.ResponseWriter, r *http.Request, a staff.Actor, first bool) error {
	if err := form(r); err != nil {
		return err
	}
	next := r.PostFormValue("password")
	if next != r.PostFormValue("again") {
		return d.showPassword(w, r, a, first, fault.New(fault.Invalid, "staff-session.again").With("again", "staff-session.again"))
	}
	s, err := d.staff.ChangePassword(r.Context(), a, r.PostFormValue("current"), next, fn.Network(r), r.UserAgent(), d.now())
	if err != nil {
		return d.showPassword(w, r, a, first, err)
	}
	d.setCookie(w, s.Token)
	if s.First {
		d.see(w, r, "/first")
		return nil
	}
	return d.done(w, r, "password", "/account")
}

type totpPage struct {
	base
	First  bool
	Secret string
	Groups []string
	QR     template.URL
}

func (d *desk) totpForm(w http.ResponseWriter, r *http.Request, a staff.Actor, first bool) error {
	return d.showTOTP(w, r, a, first, nil)
}

func (d *desk) showTOTP(w http.ResponseWriter, r *http.Request, a staff.Actor, first bool, cause error) error {
	b, err := d.baseOf(r, a, first)
	if err != nil {
		return err
	}
	p := totpPage{base: b, First: first}
	if p.Secret, err = d.staff.PendingTOTP(r.Context(), a); err != nil {
		return err
	}
	// A waiting secret is shown only in the flow that made it: to somebody who
	// signs in for the first time, or right after the password was entered.
	if !first && r.Method == http.MethodGet {
		p.Secret = ""
	}
	if p.Secret != "" {
		for i := 0; i < len(p.Secret); i += 4 {
			p.Groups = append(p.Groups, p.Secret[i:min(i+4, len(p.Secret))])
		}
		issuer := page.Say(fn.Lang(r), "staff-session.issuer")
		png, err := qrcode.Encode(staff.TOTPURL(issuer, a.User.Username, p.Secret), qrcode.Medium, 264)
		if err != nil {
			return err
		}
		p.QR = template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png))
	}
	status := http.StatusOK
	if cause != nil {
		if status, err = d.refused(w, r, &p.base, cause); err != nil {
			return err
		}
	}
	return d.pages.Show(w, r, status, "totp", p)
}

func (d *desk) totpBegin(w http.ResponseWriter, r *http.Request, a staff.Actor, first bool) error {
	if err := form(r); err != nil {
		return err
	}
	err := d.staff.BeginTOTP(r.Context(), a, r.PostFormValue("current"), fn.Network(r), d.now())
	return d.showTOTP(w, r, a, first, err)
}

type codesPage struct {
	base
	Codes []string
}

func (d *desk) totpConfirm(w http.ResponseWriter, r *http.Request, a staff.Actor, first bool) error {
	if err := form(r); err != nil {
		return err
	}
	s, codes, err := d.staff.ConfirmTOTP(r.Context(), a, r.PostFormValue("code"), fn.Network(r), r.UserAgent(), d.now())
	if err != nil {
		return d.showTOTP(w, r, a, first, err)
	}
	d.setCookie(w, s.Token)
	b, err := d.baseOf(r, s.Actor, s.First)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "codes", codesPage{b, codes})
}

func (d *desk) newRecovery(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	codes, err := d.staff.NewRecovery(r.Context(), a, r.PostFormValue("current"), fn.Network(r), d.now())
	if err != nil {
		return d.accountRefused(w, r, a, err)
	}
	b, err := d.base(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "codes", codesPage{b, codes})
}
