package function

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/repair"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// see sends a browser to another page of this function.
func (d *desk) see(w http.ResponseWriter, r *http.Request, target string, parts ...any) error {
	http.Redirect(w, r, d.pages.URL(r, target, parts...), http.StatusSeeOther)
	return nil
}

// done is the query that makes the next page say what was done.
func done(what string) url.Values { return url.Values{"done": {what}} }

// base is what every page for people who are signed in shows.
type base struct {
	*page.Form
	Actor staff.Actor
	Links []link
	Done  string
}

// Fields is the form, for the templates of inputs.
func (b base) Fields() *page.Form { return b.Form }

// CN is a day as papers write it, which are Chinese in every language.
func (b base) CN(d workday.Date) string {
	return strconv.Itoa(d.Year()) + "年" + strconv.Itoa(int(d.Month())) + "月" + strconv.Itoa(d.Day()) + "日"
}

// Word is a word of the catalogue as papers write it.
func (b base) Word(prefix string, value any) string {
	return page.Say(page.ZH, fmt.Sprintf("%s.%v", prefix, value))
}

// Reason is a reason as papers write it.
func (b base) Reason(reason repair.Reason) string { return why(page.ZH, reason) }

// Subject tells whether the reader is on the side of a subject.
func (b base) Subject() bool { return b.Actor.Org.Kind == staff.Subject }

type link struct {
	Href, Key string
	Here      bool
}

func (d *desk) base(r *http.Request, a staff.Actor) base {
	b := base{Form: page.NewForm(nil), Actor: a}
	if what := r.URL.Query().Get("done"); what != "" && page.Has("credit-repair.done."+what) {
		b.Done = "credit-repair.done." + what
	}
	add := func(target, key string) {
		b.Links = append(b.Links, link{d.pages.URL(r, target), "credit-repair.nav." + key, r.URL.Path == target})
	}
	if b.Subject() {
		add("/records", "records")
		add("/applications", "applications")
		add("/objections", "objections")
		add("/materials", "materials")
		add("/promises", "promises")
		add("/queries", "queries")
		add("/received", "received")
	} else {
		add("/desk", "desk")
		// Not who only reads on: a province's officers, or discipline inspection.
		if units := a.Units(staff.CaseRead, d.env.Now()); len(units) > 0 && a.Org.Kind != staff.Discipline {
			add("/desk/materials", "desk_materials")
			add("/desk/promises", "desk_promises")
		}
		if a.May(staff.RepairAccept, d.env.Now()) {
			add("/desk/register", "register")
		}
	}
	add("/estimate", "estimate")
	return b
}

// refused puts what is wrong into the form of a page and tells the status to
// answer with. An error of ours goes on to the edge.
func refused(r *http.Request, b *base, err error) (int, error) {
	f, ok := fault.Of(err)
	if !ok || f.Kind == fault.NotFound || f.Kind == fault.Forbidden || f.Kind == fault.Unauthorized {
		return 0, err
	}
	b.Form = page.NewForm(r.PostForm).Refuse(fn.Lang(r), f)
	return fn.Status(f.Kind), nil
}

// form reads a posted form.
func form(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.Invalid, "credit-repair.form").Because(err)
	}
	return nil
}

// version is what If-Match, or the form's hidden field, says; 0 says nothing.
func version(r *http.Request) (int, error) {
	text := strings.Trim(r.Header.Get("If-Match"), `"`)
	if text == "" {
		text = r.PostForm.Get("version")
	}
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fault.New(fault.Invalid, "credit-repair.form")
	}
	return n, nil
}

// date reads a day of a form; none where it is empty.
func date(r *http.Request, name string) (workday.Date, error) {
	text := strings.TrimSpace(r.PostForm.Get(name))
	if text == "" {
		return workday.Date{}, nil
	}
	on, err := workday.ParseDate(text)
	if f, ok := fault.Of(err); ok && len(f.Fields) == 0 {
		err = fault.New(f.Kind, f.Code, f.Args...).With(name, f.Code, f.Args...)
	}
	return on, err
}

// today is the day in China.
func (d *desk) today() workday.Date { return workday.DateOf(d.env.Now()) }
