package function

import (
	"crypto/rand"
	"net/http"
	"strings"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// base is what every page of this function shows.
type base struct {
	*page.Form
	Actor  staff.Actor
	Signed bool
	Links  []link
	Done   string
	// Ticket makes what a form of this page asks for happen once.
	Ticket string
}

func (b *base) common() *base { return b }

type link struct {
	Href, Key string
	Count     int64
	Here      bool
}

func (d *desk) base(r *http.Request, a staff.Actor) (base, error) {
	b := base{Form: page.NewForm(nil), Actor: a, Signed: a.User.ID != "", Ticket: rand.Text()}
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
			at := r.URL.Path
			if strings.HasPrefix(at, "/users/") { // found through their organisation
				at = "/organizations"
			}
			here := at == target || target != "/" && strings.HasPrefix(at, target+"/")
			b.Links = append(b.Links, link{d.pages.URL(r, target), key, count, here})
		}
	}
	add(true, "/", "staff-session.nav.home", 0)
	add(true, "/inbox", "staff-session.nav.inbox", unread)
	add(true, "/organization", "staff-session.nav.organization", 0)
	add(may(staff.UserRead), "/organizations", "staff-session.nav.organizations", 0)
	add(may(staff.UserRead) || a.Vouches(now), "/proposals", "staff-session.nav.proposals", 0)
	add(may(staff.KeyManage, staff.JournalRead), "/keys", "staff-session.nav.keys", 0)
	add(staff.Can(a, staff.ActivationIssue, staff.Resource{}, now) == nil, "/activations", "staff-session.nav.activations", 0)
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
	b.Form = page.NewForm(r.Form).Refuse(fn.Lang(r), f)
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

// readCode reads a credit code and names the form field of a refusal.
func readCode(field, s string) (string, error) {
	code, err := ident.ParseUSCC(s)
	if f, ok := fault.Of(err); ok && len(f.Fields) == 0 {
		f.With(field, f.Code, f.Args...)
	}
	return string(code), err
}

// readOptional is readCode for a field that may be left empty.
func readOptional(field, s string) (string, error) {
	if s == "" {
		return "", nil
	}
	return readCode(field, s)
}

// find answers a page with a search by credit code in its query: found leads on
// from there, and a code that is wrong or unknown is shown in the form.
func (d *desk) find(w http.ResponseWriter, r *http.Request, a staff.Actor, name string, v view, found func(code string) (reply, error)) error {
	typed := r.URL.Query().Get("find")
	if typed == "" {
		return d.draw(w, r, a, name, v, nil)
	}
	code, err := readCode("find", typed)
	var then reply
	if err == nil {
		then, err = found(code)
	}
	if err != nil || then == nil {
		return d.draw(w, r, a, name, v, err)
	}
	return then(w, r, a)
}

func span(r *http.Request) staff.Span {
	return staff.Span{From: r.PostFormValue("from"), To: r.PostFormValue("to")}
}
