package function

import (
	"net/http"
	"net/url"
	"slices"

	"ipcredit/shared/door"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// signed wraps a page for people who are signed in; what each may is asked
// further down.
func (d *desk) signed(h door.Handler) fn.Handler {
	return d.door.Signed(func(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
		if r.Method == http.MethodPost {
			if err := r.ParseForm(); err != nil {
				return fault.New(fault.Invalid, "credit-share.form").Because(err)
			}
		}
		return h(w, r, a)
	})
}

// base is what every page of this function shows.
type base struct {
	*page.Form
	Actor staff.Actor
	Links []navLink
	Done  string // key of what was done before this page
	Names map[string]string
}

type navLink struct {
	Href, Key string
	Here      bool
}

type option struct{ Value, Text, Hint string }

// manages tells whether the officer manages subscriptions.
func (d *desk) manages(a staff.Actor) bool {
	return staff.Can(a, staff.ShareManage, staff.Resource{Division: a.Org.Division()}, d.env.Now()) == nil
}

// receives tells whether the person answers for an organisation that can receive;
// a bureau that manages subscriptions has the records itself.
func (d *desk) receives(a staff.Actor) bool {
	return slices.Contains(staff.FitsScopes(a.Org.Kind), staff.ScopeShare) && !d.manages(a) &&
		staff.Can(a, staff.ShareAnswer, staff.Resource{Unit: a.Org.ID}, d.env.Now()) == nil
}

// exports tells whether the officer may take files.
func (d *desk) exports(a staff.Actor) bool {
	return staff.Can(a, staff.ExportMake, staff.Resource{Division: a.Org.Division()}, d.env.Now()) == nil
}

// dones are what a page says was done before.
var dones = []string{"proposed", "approve", "refuse", "end", "stop", "resume", "replay", "test-taken", "test-failed", "answered", "source-asked", "on-behalf"}

func (d *desk) base(r *http.Request, a staff.Actor, form url.Values) (base, error) {
	b := base{Form: page.NewForm(form), Actor: a, Names: map[string]string{}}
	if done := r.URL.Query().Get("done"); slices.Contains(dones, done) {
		b.Done = "credit-share.done." + done
	}
	for _, x := range []struct {
		may         bool
		target, key string
	}{
		{d.manages(a), "/subscriptions", "subscriptions"}, {d.manages(a), "/sources", "sources"}, {d.receives(a), "/received", "received"}, {d.exports(a), "/file", "file"},
	} {
		if x.may {
			b.Links = append(b.Links, navLink{d.pages.URL(r, x.target), "credit-share.nav." + x.key, r.URL.Path == x.target})
		}
	}
	orgs, err := d.staff.Organizations(r.Context(), false)
	for _, o := range orgs {
		b.Names[o.ID] = o.Name
	}
	return b, err
}

// index leads everybody to his page.
func (d *desk) index(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	target := ""
	switch {
	case d.manages(a):
		target = "/subscriptions"
	case d.receives(a):
		target = "/received"
	case d.exports(a):
		target = "/file"
	default:
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	http.Redirect(w, r, d.pages.URL(r, target), http.StatusSeeOther)
	return nil
}

// see sends a browser to a page after something was done.
func (d *desk) see(w http.ResponseWriter, r *http.Request, done string, target string, parts ...any) error {
	http.Redirect(w, r, d.pages.URL(r, target, append(parts, url.Values{"done": {done}})...), http.StatusSeeOther)
	return nil
}

// areaName is what a division is called.
func areaName(code string) string {
	if a, ok := ident.AreaOf(code); ok {
		return a.Name
	}
	return code
}

// areas are the divisions of the city, itself first.
func (d *desk) areas() []option {
	out := []option{{Value: d.env.City, Text: areaName(d.env.City)}}
	for _, a := range ident.Areas(d.env.Now()) {
		if a.Kind != ident.Province && a.Code != d.env.City {
			out = append(out, option{Value: a.Code, Text: a.Name})
		}
	}
	return out
}

// worded are options whose words stand in the catalogue.
func worded[T ~string](lang page.Lang, prefix string, values []T) []option {
	out := make([]option, len(values))
	for i, v := range values {
		out[i] = option{Value: string(v), Text: page.Say(lang, prefix+string(v))}
	}
	return out
}
