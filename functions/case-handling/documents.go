package function

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ipcredit/shared/casework"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// issuePage asks what a document says, and shows what it will look like.
type issuePage struct {
	base
	Line      caseLine
	Kind      string
	Doc       casework.Form
	Fields    []casework.FormField
	Templates []option
	Version   string
	Ticket    string
	// Preview is the document as it would be printed; nil before it was asked for.
	Preview *paper
	Attach  []string
	Stale   bool
	Number  bool // it can be given a number of the office's own register
}

// findForm opens the case of the address and finds the document in it.
func (d *desk) findForm(r *http.Request, a staff.Actor) (casework.File, casework.Form, error) {
	no, err := caseNumber(r)
	if err != nil {
		return casework.File{}, casework.Form{}, err
	}
	kind := r.PathValue("kind")
	if _, ok := casework.FormOf(kind); !ok {
		return casework.File{}, casework.Form{}, fault.New(fault.NotFound, "fn.not_found")
	}
	f, err := d.viewCase(r, a, no)
	if err != nil {
		return f, casework.Form{}, err
	}
	at := slices.IndexFunc(f.Forms, func(x casework.Form) bool { return x.Kind == kind })
	if at < 0 || !slices.Contains(f.Can, "issue") {
		return f, casework.Form{}, fault.New(fault.Conflict, "cases.no_document_now", word("casework.state.", f.Case.State))
	}
	return f, f.Forms[at], nil
}

func (d *desk) issuePage(r *http.Request, a staff.Actor, f casework.File, form casework.Form, values url.Values) (issuePage, error) {
	p := issuePage{
		base: d.casesBase(r, a), Kind: form.Kind, Doc: form, Version: strconv.FormatInt(f.Case.Version, 10), Ticket: ticket(), Attach: form.Attach, Number: form.Word != "",
	}
	p.Form = page.NewForm(values)
	x, err := d.newLines(r)
	if err != nil {
		return p, err
	}
	p.Line = x.of(f.Row)
	p.Fields = append(p.Fields, form.Fields...)
	p.Templates, err = d.templateOptions(r, f.Case.Kind)
	return p, err
}

func (d *desk) issueForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	f, form, err := d.findForm(r, a)
	if err != nil {
		return err
	}
	values := url.Values{}
	if id := r.URL.Query().Get("template"); id != "" {
		text, err := d.templateText(r, id, f)
		if err != nil {
			return err
		}
		for _, field := range form.Fields {
			if field.Type == "long" {
				values.Set(field.Name, text)
				break
			}
		}
	}
	p, err := d.issuePage(r, a, f, form, values)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "document-issue", p)
}

// issue shows the document as it would be printed, and on the second press makes
// it: from then on it is what it was on that day.
func (d *desk) issue(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	f, doc, err := d.findForm(r, a)
	if err != nil {
		return err
	}
	ctx := r.Context()
	if again, err := d.wasSent(ctx, a, r.PostForm.Get("ticket")); err != nil || again {
		if err != nil {
			return err
		}
		return d.see(w, r, "/cases", f.Case.Number, done("issue"))
	}
	show := func(why error) error {
		p, err := d.issuePage(r, a, f, doc, r.PostForm)
		if err != nil {
			return err
		}
		status := http.StatusOK
		if why != nil {
			if status, err = refused(r, &p.base, why); err != nil {
				return err
			}
			p.Stale = status == http.StatusPreconditionFailed
		} else {
			paper, err := d.preview(ctx, r, f, doc, d.fieldsFor(ctx, f, doc, r.PostForm))
			if err != nil {
				return err
			}
			p.Preview = &paper
			p.Ticket = r.PostForm.Get("ticket")
		}
		return d.pages.Show(w, r, status, "document-issue", p)
	}
	c := caseCall{r, a, f, fn.Lang(r)}
	switch {
	case formVersion(r) == "":
		return show(fault.New(fault.Invalid, "case-handling.no_version"))
	case formVersion(r) != strconv.FormatInt(f.Case.Version, 10):
		return show(fault.New(fault.Stale, "cases.stale"))
	}
	if err := checkFields(doc, r.PostForm); err != nil {
		return show(err)
	}
	if c.text("do") == "preview" {
		return show(nil)
	}
	_, docs, err := d.cases.Issue(ctx, a, c.seen(), casework.Issuing{Kind: doc.Kind, Fields: d.fieldsFor(ctx, f, doc, r.PostForm), Number: c.text("number")}, d.env.Now())
	if err != nil {
		return show(err)
	}
	if err := d.sent(ctx, a, c.text("ticket")); err != nil {
		return err
	}
	return d.see(w, r, "/cases", f.Case.Number, "documents", docs[0].N, done("issue"))
}

// checkFields refuses a form in which something that has to be said is not.
func checkFields(doc casework.Form, f url.Values) error {
	wrong := fault.New(fault.Invalid, "case-handling.incomplete")
	for _, field := range doc.Fields {
		if field.Required && fieldText(f, field.Name) == "" {
			wrong = wrong.With(field.Name, "case-handling.required")
		}
	}
	if len(wrong.Fields) > 0 {
		return wrong
	}
	return nil
}

// fieldsFor are the fields of a document, with what is known of the case in place
// of {number}, {party} and the like.
func (d *desk) fieldsFor(ctx context.Context, f casework.File, doc casework.Form, typedIn url.Values) map[string]string {
	out, unit := map[string]string{}, d.unitName(ctx, f.Case.Unit)
	party := mainParty(f.Case).Name
	if party == "" && len(f.People) > 0 {
		party = f.People[0].Name
	}
	for _, field := range doc.Fields {
		v := fieldText(typedIn, field.Name)
		if v != "" && strings.Contains(v, "{") {
			v = casework.Template{Text: v}.Fill(f.Row, unit, party, d.today())
		}
		if v != "" {
			out[field.Name] = v
		}
	}
	return out
}

// papersPage is what is printed: one document or many, each on pages of its own.
type papersPage struct {
	base
	Papers []paper
	Case   string // the case of a single one
	Count  int
}

// document prints one document and those attached to it (两书同达).
func (d *desk) document(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	no, err := caseNumber(r)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 1 || strconv.Itoa(n) != r.PathValue("n") {
		return fault.New(fault.NotFound, "cases.no_document")
	}
	p := papersPage{base: d.casesBase(r, a), Case: no}
	if p.Papers, err = d.papers(r, a, no, n); err != nil {
		return err
	}
	return d.showPapers(w, r, p)
}

// documentsOfMany prints documents of many cases in one go.
func (d *desk) documentsOfMany(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	asked := r.URL.Query()["d"]
	switch {
	case len(asked) == 0:
		return fault.New(fault.Invalid, "cases.none_chosen")
	case len(asked) > maxBulk:
		return fault.New(fault.Invalid, "cases.too_many", maxBulk)
	}
	p := papersPage{base: d.casesBase(r, a)}
	for _, s := range asked {
		seen, ok := seenOf(s)
		if !ok {
			return fault.New(fault.NotFound, "cases.no_document")
		}
		more, err := d.papers(r, a, seen.Number, int(seen.Version))
		if err != nil {
			return err
		}
		p.Papers = append(p.Papers, more...)
		p.Count++
	}
	return d.showPapers(w, r, p)
}

func (d *desk) showPapers(w http.ResponseWriter, r *http.Request, p papersPage) error {
	if len(p.Papers) > 0 {
		p.Papers[0].First = true
	}
	return d.pages.Show(w, r, http.StatusOK, "documents", p)
}

// papers opens a document for printing, and those attached to it.
func (d *desk) papers(r *http.Request, a staff.Actor, no string, n int) ([]paper, error) {
	got, err := d.cases.Print(r.Context(), a, no, n, d.env.Now())
	if err != nil {
		return nil, err
	}
	main, err := d.paper(r, got, got.Document, got.Form)
	if err != nil {
		return nil, err
	}
	out := []paper{main}
	got.Basis = nil // what goes with it rests on provisions of its own
	for _, att := range got.Attached {
		form, _ := casework.FormOf(att.Kind)
		x, err := d.paper(r, got, att, form)
		if err != nil {
			return nil, err
		}
		x.Main = main.Number
		out = append(out, x)
	}
	return out, nil
}
