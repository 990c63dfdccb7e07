package function

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	drafts "ipcredit/shared/draft"
	"ipcredit/shared/fault"
	"ipcredit/shared/pace"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// A draft is kept here only as ciphertext, for a day, under a hash of a token
// that only the reporter's device has: 256 random bits in a cookie that no
// script sees, and in each form of the flow for browsers that keep no cookie.
// The key is derived from the token, so what Redis holds can be read by nobody
// but that device, and what the device keeps is the token and nothing else.
//
// Each page carries the ciphertext too: a page that is sent after the draft has
// ended here loses nothing.

// sealDraft seals the draft for its token; name is what it is kept under.
func sealDraft(token string, v *draft) (name, sealed string, err error) {
	name, key, err := drafts.Key(token)
	if err != nil {
		return "", "", err
	}
	if sealed, err = drafts.Lock(key, name, v); err != nil {
		return "", "", err
	}
	if len(sealed) > chosen.N("draft.kib")<<10 {
		return "", "", fault.New(fault.TooLarge, "report-intake.draft_large")
	}
	return name, sealed, nil
}

// room tells whether n bytes more of drafts may be kept: drafts lie in memory that
// lookups need, and anybody can send some. Where there is no room the page carries
// the draft alone, and only a page that is killed loses it.
func (d *desk) room(r *http.Request, n int) (bool, error) {
	now, kib := d.env.Now(), 1+n>>10
	wait, err := pace.Take(r.Context(), d.env.Journal, "draft:"+d.network(r, now), rate("draft.network_kib_minute", "draft.network_kib_burst"), kib, now)
	if err != nil || wait > 0 {
		return false, err
	}
	all, err := d.drafts.Count(r.Context(), workday.DateOf(now).String(), kib)
	return err == nil && all <= int64(chosen.N("draft.day_mib"))<<10, err
}

// save keeps the draft and returns its ciphertext for the page; kept is false
// where there was no room for it.
func (d *desk) save(r *http.Request, token string, v *draft) (sealed string, kept bool, err error) {
	name, sealed, err := sealDraft(token, v)
	if err != nil {
		return "", false, err
	}
	if kept, err = d.room(r, len(sealed)); err != nil {
		return "", false, err
	}
	if kept {
		err = d.drafts.Put(r.Context(), name, sealed, chosen.Hours("draft.hours"))
	} else {
		// An earlier one would be taken for the draft as it stands.
		err = d.drafts.Drop(r.Context(), name)
	}
	if err != nil {
		return "", false, err
	}
	return sealed, kept, nil
}

// saveUnchanged is save for what a page keeps by itself: it gives way to whatever
// the reporter has sent meanwhile.
func (d *desk) saveUnchanged(r *http.Request, token string, v *draft) error {
	name, sealed, err := sealDraft(token, v)
	if err != nil {
		return err
	}
	if room, err := d.room(r, len(sealed)); err != nil || !room {
		return err
	}
	return d.drafts.Replace(r.Context(), name, v.read, sealed, chosen.Hours("draft.hours"))
}

// load returns the draft of the token: the one kept here, or where it has ended
// the one a page carried. Nil where neither is there.
func (d *desk) load(ctx context.Context, token, carried string) (*draft, error) {
	if !drafts.IsToken(token) {
		return nil, nil
	}
	name, key, err := drafts.Key(token)
	if err != nil {
		return nil, err
	}
	sealed, err := d.drafts.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, s := range []string{sealed, carried} {
		v := new(draft)
		if s != "" && drafts.Unlock(key, name, s, v) && v.Version == draftVersion {
			v.restored, v.read = s == carried && s != sealed, sealed
			return v, nil
		}
	}
	return nil, nil
}

// drop forgets the draft of the token.
func (d *desk) drop(ctx context.Context, token string) error {
	if !drafts.IsToken(token) {
		return nil
	}
	name, _, err := drafts.Key(token)
	if err != nil {
		return err
	}
	return d.drafts.Drop(ctx, name)
}

// The names of the cookie. Browsers take the first one only from this very host
// over HTTPS and for all of its paths: no neighbouring site can plant a token of
// a draft that it reads along. The second is for this machine's own plain
// address.
const (
	cookieSecure = "__Host-report-draft"
	cookiePlain  = "report-draft"
)

// cookieToken is the token in the device's cookie, or "".
func (d *desk) cookieToken(r *http.Request) string {
	name := cookieSecure
	if d.plain() {
		name = cookiePlain
	}
	if c, err := r.Cookie(name); err == nil && drafts.IsToken(c.Value) {
		return c.Value
	}
	return ""
}

// plain tells whether people reach us without HTTPS, where no browser keeps a
// Secure cookie. Beyond this machine nothing is kept there: the forms carry the
// token.
func (d *desk) plain() bool { return strings.HasPrefix(d.env.PublicURL, "http://") }

// setCookie gives the device its token, or takes it away when it is "".
func (d *desk) setCookie(w http.ResponseWriter, token string) {
	path := "/function/" + Needs.Function
	if u, err := url.Parse(d.env.PublicURL); err == nil {
		path = strings.TrimSuffix(u.EscapedPath(), "/") + path
	}
	c := http.Cookie{
		Name: cookieSecure, Value: token, Path: "/", Secure: true, HttpOnly: true,
		SameSite: http.SameSiteStrictMode, MaxAge: int(chosen.Hours("draft.hours").Seconds()),
	}
	if d.plain() {
		c.Name, c.Path, c.Secure = cookiePlain, path, false
	}
	if token == "" {
		c.MaxAge = -1
	} else if d.plain() && !staff.Loopback(d.env.PublicURL) {
		return
	}
	http.SetCookie(w, &c)
}
