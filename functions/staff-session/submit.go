package function

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// Most pages of this function are one shape: a view draws the page's data for
// whoever is signed in; an act does what its form asks for and says what to
// reply; what is refused is shown in the form it came from.
type (
	actorHandler func(http.ResponseWriter, *http.Request, staff.Actor) error
	view         func(*http.Request, staff.Actor) (data, error)
	act          func(*http.Request, staff.Actor) (reply, error)
	// reply is what a browser gets after its form was carried out.
	reply func(http.ResponseWriter, *http.Request, staff.Actor) error
)

// data is what a page is drawn from; it embeds base.
type data interface{ common() *base }

// show answers with a page.
func (d *desk) show(name string, v view) actorHandler {
	return func(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
		return d.draw(w, r, a, name, v, nil)
	}
}

// draw shows a page, with what is wrong with its form where there is a cause. A
// cause that is an error of ours goes on to the edge, as does any where no
// person reads the answer.
func (d *desk) draw(w http.ResponseWriter, r *http.Request, a staff.Actor, name string, v view, cause error) error {
	if _, ok := fault.Of(cause); cause != nil && (!ok || !fn.WantsHTML(r)) {
		return cause
	}
	p, err := v(r, a)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if cause != nil {
		if status, err = d.refused(w, r, p.common(), cause); err != nil {
			return err
		}
	}
	return d.pages.Show(w, r, status, name, p)
}

// submit carries out a form that v draws on page name.
func (d *desk) submit(name string, v view, do act) actorHandler {
	return func(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
		then, err := d.once(r, a, do)
		if err != nil {
			return d.draw(w, r, a, name, v, err)
		}
		return then(w, r, a)
	}
}

// press carries out a form that is a button: nothing was typed, so a refusal is
// a page of its own.
func (d *desk) press(do act) actorHandler {
	return func(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
		then, err := d.once(r, a, do)
		if err != nil {
			return err
		}
		return then(w, r, a)
	}
}

// once reads a posted form and does what it asks for, or finds that it was done
// already: a program says so with the header Idempotency-Key, a form with its
// ticket. The reply to a repeated one names what was made; a secret that the
// first reply showed is kept nowhere and not shown again.
func (d *desk) once(r *http.Request, a staff.Actor, do act) (reply, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fault.New(fault.Invalid, "staff-session.form").Because(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err := form(r); err != nil {
		return nil, err
	}
	key, err := fn.IdempotencyKey(r)
	if err != nil {
		return nil, err
	}
	ticket := key == ""
	if ticket {
		if key = r.PostFormValue("ticket"); len(key) < 16 {
			return do(r, a)
		}
	}
	ctx := staff.Once(r.Context(), r.URL.Path+"\x00"+a.User.ID, key, body)
	r = r.WithContext(ctx)
	var then reply
	if err = d.staff.Made(ctx, d.now()); err == nil {
		if then, err = do(r, a); err != nil {
			// Of two sent at once, this one may be refused for what the other has
			// just done.
			if made := d.staff.Made(ctx, d.now()); made != nil {
				err = made
			}
		}
	}
	var again *staff.Repeated
	switch f, _ := fault.Of(err); {
	case errors.As(err, &again):
		return d.repeated(again.Made), nil
	case f != nil && f.Code == "fn.key_reused" && ticket:
		return nil, fault.New(fault.Refused, "staff-session.ticket")
	}
	return then, err
}

// againPage replies to what was carried out before and then showed a secret.
type againPage struct {
	base
	Title, Text, Button, Href string
}

// repeated is the reply to what was sent again.
func (d *desk) repeated(m staff.Made) reply {
	_, id, _ := strings.Cut(m.Ref, ":")
	return func(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
		w.Header().Set("Idempotent-Replayed", "true")
		say := func(what string, args []any, target string, parts ...any) error {
			b, err := d.base(r, a)
			if err != nil {
				return err
			}
			lang, key := fn.Lang(r), "staff-session.again."+what
			return d.pages.Show(w, r, http.StatusOK, "again", &againPage{
				base: b, Title: page.Say(lang, key, args...), Text: page.Say(lang, key+"_text"),
				Button: page.Say(lang, key+"_button"), Href: d.pages.URL(r, target, parts...),
			})
		}
		switch m.Action {
		case "staff.user_create", "staff.order_reset":
			u, err := d.staff.User(r.Context(), id)
			if err != nil {
				return err
			}
			if !a.May(staff.UserReset, d.now()) {
				return say("confirmed", []any{u.Name, u.Username}, "/proposals")
			}
			what := strings.TrimPrefix(m.Action, "staff.")
			return say(what, []any{u.Name, u.Username}, "/users", u.ID, "orders", url.Values{"kind": {string(staff.OrderReset)}})
		case "staff.key_issue", "staff.key_rotate":
			return say("key", nil, "/keys")
		case "staff.activation_issue":
			if a.Org.Kind == staff.Subject {
				return say("invitation", nil, "/organization")
			}
			return say("activation", []any{id}, "/activations", url.Values{"find": {id}})
		case "staff.totp", "staff.recovery":
			return say("codes", nil, "/account")
		}
		return d.after(m.Action, id)(w, r, a)
	}
}

// afterwards are the pages that follow what showed no secret, by the action in
// the journal: the first time and when it is sent again. An address that ends
// with a slash takes the id of what was changed.
var afterwards = map[string]struct{ done, target string }{
	"staff.activate":            {"activated", "/sign-in"},
	"staff.activation_withdraw": {"ended", "/activations"},
	"staff.delegate":            {"delegated", "/organization"},
	"staff.delegation_end":      {"ended", "/organization"},
	"staff.employer":            {"employer", "/users/"},
	"staff.key_revoke":          {"revoked", "/keys"},
	"staff.member_remove":       {"removed", "/organization"},
	"staff.order_disable":       {"order", "/users/"},
	"staff.order_enable":        {"order", "/users/"},
	"staff.order_grant":         {"order", "/users/"},
	"staff.order_revoke":        {"order", "/users/"},
	"staff.org_close":           {"closed", "/organizations/"},
	"staff.org_create":          {"organization", "/organizations/"},
	"staff.proposal_withdraw":   {"withdrawn", "/proposals"},
	"staff.propose":             {"proposed", "/proposals"},
	"staff.substitute":          {"substituted", "/organization"},
	"staff.substitute_end":      {"ended", "/organization"},
	"staff.tie":                 {"tie", "/account"},
	"staff.tie_drop":            {"order", "/users/"},
}

// after sends a browser to the page that follows an action and says there what
// was done.
func (d *desk) after(action, id string) reply {
	return func(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
		then, ok := afterwards[action]
		if !ok {
			d.see(w, r, "/")
			return nil
		}
		target, takes := strings.CutSuffix(then.target, "/")
		switch {
		case takes && target == "/users" && !a.May(staff.UserRead, d.now()):
			// A head of discipline inspection has confirmed it; the user's page is
			// the administrators'.
			target = "/proposals"
		case takes:
			return d.done(w, r, then.done, target, id)
		}
		return d.done(w, r, then.done, target)
	}
}
