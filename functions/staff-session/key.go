package function

import (
	"net/http"

	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

type keysPage struct {
	base
	Keys       []keyView
	MayManage  bool
	OrgOptions []option
	Overlap    int
}

type keyView struct {
	staff.Key
	OrgName string
	Works   bool
}

func (d *desk) keysPage(r *http.Request, a staff.Actor) (data, error) {
	now := d.now()
	list, err := d.staff.Keys(r.Context(), a, now)
	if err != nil {
		return nil, err
	}
	b, err := d.base(r, a)
	if err != nil {
		return nil, err
	}
	p := &keysPage{base: b, MayManage: a.May(staff.KeyManage, now), Overlap: d.staff.Params().N("key.overlap_days")}
	orgs, err := d.staff.Organizations(r.Context(), false)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, o := range orgs {
		names[o.ID] = o.Name
		if !o.Closed {
			p.OrgOptions = append(p.OrgOptions, option{Value: o.ID, Text: o.Name})
		}
	}
	for _, k := range list {
		if _, ok := names[k.Org]; !ok { // a subject's
			o, err := d.staff.Organization(r.Context(), k.Org)
			if err != nil {
				return nil, err
			}
			names[o.ID] = o.Name
		}
		p.Keys = append(p.Keys, keyView{k, names[k.Org], k.Works(now)})
	}
	return p, nil
}

// newKeyPage asks what a key for one organisation is to open: what its kind may
// have at all.
type newKeyPage struct {
	base
	Org           staff.Organization
	ScopesOptions []option
}

func (d *desk) newKeyPage(r *http.Request, a staff.Actor) (data, error) {
	if err := staff.Can(a, staff.KeyManage, staff.Resource{}, d.now()); err != nil {
		return nil, err
	}
	b, err := d.base(r, a)
	if err != nil {
		return nil, err
	}
	o, err := d.staff.Organization(r.Context(), r.FormValue("org"))
	if err != nil {
		return nil, err
	}
	p := &newKeyPage{base: b, Org: o}
	for _, s := range staff.FitsScopes(o.Kind) {
		p.ScopesOptions = append(p.ScopesOptions, option{Value: string(s), Text: page.Say(fn.Lang(r), "staff.scope."+string(s)), Hint: string(s)})
	}
	return p, nil
}

func (d *desk) issueKey(r *http.Request, a staff.Actor) (reply, error) {
	order := staff.KeyOrder{Org: r.PostFormValue("org"), Name: r.PostFormValue("name"), Until: r.PostFormValue("until")}
	for _, s := range r.PostForm["scope"] {
		order.Scopes = append(order.Scopes, staff.Scope(s))
	}
	k, text, err := d.staff.IssueKey(r.Context(), a, order, d.now())
	return d.handKey(k, text), err
}

// changeKey rotates a key or revokes it.
func (d *desk) changeKey(r *http.Request, a staff.Actor) (reply, error) {
	if r.PostFormValue("do") == "revoke" {
		return d.after("staff.key_revoke", ""), d.staff.RevokeKey(r.Context(), a, r.PathValue("id"), d.now())
	}
	k, text, err := d.staff.RotateKey(r.Context(), a, r.PathValue("id"), r.PostFormValue("overlap"), d.now())
	return d.handKey(k, text), err
}

func (d *desk) handKey(k staff.Key, text string) reply {
	return func(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
		lang := fn.Lang(r)
		return d.hand(handedPage{
			Title: page.Say(lang, "staff-session.handed.key", k.Name), Text: page.Say(lang, "staff-session.handed.key_text"),
			Label: page.Say(lang, "staff-session.handed.api_key"), Secret: text, Back: d.pages.URL(r, "/keys"),
		})(w, r, a)
	}
}
