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
	// Work are the other functions in which the actor has something to do.
	Work   []link
	Roles  []staff.Role
	Unread int64
	State  staff.State
}

func (d *desk) homePage(r *http.Request, a staff.Actor) (data, error) {
	b, err := d.base(r, a)
	if err != nil {
		return nil, err
	}
	p := &homePage{base: b, Roles: a.Roles(d.now())}
	if p.Unread, err = d.staff.Unread(r.Context(), a); err != nil {
		return nil, err
	}
	if p.Work, err = d.work(r.Context(), r, a); err != nil {
		return nil, err
	}
	p.State, err = d.staff.State(r.Context(), a)
	return p, err
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

func (d *desk) accountPage(r *http.Request, a staff.Actor) (data, error) {
	p := &accountPage{Roles: a.Roles(d.now()), Division: divisionName(a.Org.Division())}
	var err error
	if p.base, err = d.base(r, a); err != nil {
		return nil, err
	}
	if p.State, err = d.staff.State(r.Context(), a); err != nil {
		return nil, err
	}
	if p.Sessions, err = d.staff.Sessions(r.Context(), a, d.now()); err != nil {
		return nil, err
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

func (d *desk) declareTie(r *http.Request, a staff.Actor) (reply, error) {
	t := staff.Tie{Party: staff.Party{Name: r.PostFormValue("name")}, Reason: r.PostFormValue("reason")}
	var err error
	if t.Code, err = readOptional("code", r.PostFormValue("code")); err != nil {
		return nil, err
	}
	return d.after("staff.tie", ""), d.staff.DeclareTie(r.Context(), a, t, d.now())
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
	return d.pages.Show(w, r, status, "password", &passwordPage{b, d.staff.Params().N("password.least"), first})
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
	p := &totpPage{base: b, First: first}
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

// codes shows new recovery codes, once.
func (d *desk) codes(codes []string, first bool) reply {
	return func(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
		b, err := d.baseOf(r, a, first)
		if err != nil {
			return err
		}
		return d.pages.Show(w, r, http.StatusOK, "codes", &codesPage{b, codes})
	}
}

// totpConfirm puts the new factor in force. All sessions end and this browser
// gets a new one, so a repeated submission that still has the old one leads to
// the sign-in page.
func (d *desk) totpConfirm(w http.ResponseWriter, r *http.Request, a staff.Actor, first bool) error {
	then, err := d.once(r, a, func(r *http.Request, a staff.Actor) (reply, error) {
		s, codes, err := d.staff.ConfirmTOTP(r.Context(), a, r.PostFormValue("code"), fn.Network(r), r.UserAgent(), d.now())
		return func(w http.ResponseWriter, r *http.Request, _ staff.Actor) error {
			d.setCookie(w, s.Token)
			return d.codes(codes, s.First)(w, r, s.Actor)
		}, err
	})
	if err != nil {
		return d.showTOTP(w, r, a, first, err)
	}
	return then(w, r, a)
}

func (d *desk) newRecovery(r *http.Request, a staff.Actor) (reply, error) {
	codes, err := d.staff.NewRecovery(r.Context(), a, r.PostFormValue("current"), fn.Network(r), d.now())
	return d.codes(codes, false), err
}
