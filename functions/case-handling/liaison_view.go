package function

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// What the pages of letters, shares, lookups and campaigns are made of: a list, a
// form, a record, a sheet of paper. Each page says what stands on it; four
// templates draw them.

// control is one control of a form.
type control struct {
	// Kind is input, textarea, select, radios, checkboxes or file.
	Kind, Name, Label, Hint string
	Type, Width, Inputmode  string
	Accept, Blank           string
	Rows                    int
	Options                 []option
	Optional                bool
}

type group struct {
	Legend, Hint string
	Inputs       []control
}

type unseen struct{ Name, Value string }

// fact is one line of a record: a text, a day, a link or a tag.
type fact struct {
	Key, Text, Href, Tone, Note string
	Day                         any
	Chinese                     bool
}

// knob is a link or a button.
type knob struct{ Href, Text, Tone string }

type said struct {
	Who, Text string
	Theirs    bool
}

type section struct {
	Title, ID, About, Text, None string
	Facts                        []fact
	Thread                       []said
	Table                        *page.Table
	Lines                        []string
	Buttons                      []knob
}

type happened struct {
	At        time.Time
	What, Who string
}

type listView struct {
	base
	Title, About, Here string
	Crumbs             []page.Link
	FactsTitle         string
	Facts              []fact
	Buttons, Posts     []knob
	Filters            []control
	Table              page.Table
	Next, None         string
	Bases              []string
}

type formView struct {
	base
	Title, Lead, About, Action, Button, Tone, Back string
	Crumbs                                         []page.Link
	Version, Ticket                                string
	Hidden                                         []unseen
	Groups                                         []group
	Multipart, Stale, Get                          bool
	Since                                          []string
}

type recordView struct {
	base
	Title    string
	Crumbs   []page.Link
	Warnings []string
	Facts    []fact
	Version  int64
	Buttons  []knob
	// Posts are steps that need nothing but a press.
	Posts    []knob
	Sections []section
	History  []happened
}

type printView struct {
	base
	Title, Number, To, Stamp, Signed, On string
	Crumbs                               []page.Link
	Paragraphs                           []string
	Sections                             []section
	Foot                                 []string
}

// again shows a form once more with what was typed and what is wrong with it, each
// message with the label of its control: “fill this in” alone says little in the
// summary at the top.
func (d *desk) again(w http.ResponseWriter, r *http.Request, p formView, err error) error {
	if f, ok := fault.Of(err); ok {
		labels := map[string]string{}
		for _, g := range p.Groups {
			for _, c := range g.Inputs {
				labels[c.Name] = c.Label
			}
		}
		for i, x := range f.Fields {
			if label := labels[x.Name]; label != "" {
				f.Fields[i] = fault.Field{Name: x.Name, Code: "liaison.named", Args: []any{label, page.FieldMessage(fn.Lang(r), x)}}
			}
		}
	}
	status, err := refused(r, &p.base, err)
	if err != nil {
		return err
	}
	p.Stale = status == http.StatusPreconditionFailed
	if sent := r.PostForm.Get("ticket"); p.Ticket != "" && len(sent) == len(p.Ticket) {
		p.Ticket = sent
	}
	return d.pages.Show(w, r, status, "liaison-form", p)
}

// seenVersion is the version that whoever sends a form saw.
func seenVersion(r *http.Request) (int64, error) {
	v := r.PostForm.Get("version")
	if match := strings.Trim(r.Header.Get("If-Match"), `"`); match != "" {
		v = match
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return 0, fault.New(fault.Invalid, "case-handling.no_version")
	}
	return n, nil
}

// typed is what stands in a field of a posted form.
func typed(r *http.Request, name string) string {
	return strings.TrimSpace(strings.ReplaceAll(r.PostForm.Get(name), "\r\n", "\n"))
}

// dayOf reads a day of a form, none where it is empty or is none: what needs one
// refuses that.
func dayOf(v url.Values, name string) workday.Date {
	d, err := workday.ParseDate(strings.TrimSpace(v.Get(name)))
	if err != nil {
		return workday.Date{}
	}
	return d
}

// areaName is what a division is called.
func areaName(code string) string {
	if a, ok := ident.AreaOf(code); ok {
		return a.Name
	}
	return code
}

// orgs are the organisations by id, read once for a page.
func (d *desk) orgs(ctx context.Context) (map[string]staff.Organization, error) {
	list, err := d.staff.Organizations(ctx, false)
	out := make(map[string]staff.Organization, len(list))
	for _, o := range list {
		out[o.ID] = o
	}
	return out, err
}

// dueText words a clock for a cell or a line.
func dueText(lang page.Lang, c *clock.Clock, today workday.Date) string {
	if c == nil {
		return "–"
	}
	s := c.Due.String() + " " + page.Say(lang, "liaison.clock."+c.Name)
	if c.Overdue(today) {
		s += " " + page.Say(lang, "case-handling.overdue")
	}
	if c.Provisional {
		s += " " + page.Say(lang, "case-handling.provisional")
	}
	return s
}

// basisText words what a clock rests on.
func basisText(lang page.Lang, c clock.Clock) string {
	s := page.Say(lang, "liaison.clock."+c.Name) + page.Say(lang, "case-handling.colon") + c.Basis.Source + " " + c.Basis.Article
	if c.Labelled {
		s += " " + page.Say(lang, "case-handling.labelled")
	}
	return strings.TrimSpace(s)
}

// speak is the catalogue in the language of the request.
func speak(r *http.Request, key string, args ...any) string {
	return page.Say(fn.Lang(r), key, args...)
}

// place is base, with the words of these pages for what was done.
func (d *desk) place(r *http.Request, a staff.Actor) base {
	b := d.base(r, a)
	done := r.URL.Query().Get("done")
	for _, prefix := range []string{"liaison.done.", "campaign.done.", "inquiry.done."} {
		if done != "" && b.Done == "" && page.Has(prefix+done) {
			b.Done = prefix + done
		}
	}
	return b
}
