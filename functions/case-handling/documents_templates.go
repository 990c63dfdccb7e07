package function

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"ipcredit/shared/casework"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// templateOptions are the texts that an officer can begin with, for a kind of case.
func (d *desk) templateOptions(r *http.Request, kind casework.Kind) ([]option, error) {
	all, err := d.cases.Templates(r.Context(), false)
	if err != nil {
		return nil, err
	}
	var out []option
	for _, t := range all {
		if kind == "" || len(t.Kinds) == 0 || slices.Contains(t.Kinds, kind) {
			out = append(out, option{Value: t.ID, Text: t.Title})
		}
	}
	return out, nil
}

// templateText is a template filled with what is known of the case.
func (d *desk) templateText(r *http.Request, id string, f casework.File) (string, error) {
	t, err := d.template(r, id)
	if err != nil {
		return "", err
	}
	party := mainParty(f.Case).Name
	return t.Fill(f.Row, d.unitName(r.Context(), f.Case.Unit), party, d.today()), nil
}

func (d *desk) template(r *http.Request, id string) (casework.Template, error) {
	all, err := d.cases.Templates(r.Context(), true)
	if err != nil {
		return casework.Template{}, err
	}
	for _, t := range all {
		if t.ID == id {
			return t, nil
		}
	}
	return casework.Template{}, fault.New(fault.NotFound, "cases.no_template")
}

// bulkTexts puts the templates, and what the first case's would say, on the page
// of a bulk notice.
func (d *desk) bulkTexts(r *http.Request, files []casework.File, p *bulkPage) error {
	var err error
	if p.Templates, err = d.templateOptions(r, ""); err != nil || len(files) == 0 || p.Kind == "" {
		return err
	}
	if id := fieldText(r.PostForm, "template"); id != "" && r.PostForm.Get("step") == "text" {
		t, err := d.template(r, id)
		if err != nil {
			return err
		}
		for _, f := range p.Fields {
			if f.Type == "long" {
				r.PostForm.Set(f.Name, t.Text)
				break
			}
		}
		p.Form = page.NewForm(r.PostForm)
	}
	forms := commonForms(files)
	at := slices.IndexFunc(forms, func(f casework.Form) bool { return f.Kind == p.Kind })
	if at < 0 {
		return nil
	}
	filled := d.fieldsFor(r.Context(), files[0], forms[at], r.PostForm)
	for _, f := range p.Fields {
		if v := filled[f.Name]; v != "" {
			p.Preview = append(p.Preview, caseFact{page.Say(fn.Lang(r), "casework.document.field."+f.Name), v})
		}
	}
	return nil
}

type templatesPage struct {
	base
	Templates []casework.Template
	MayEdit   bool
	All       bool
}

func (d *desk) templates(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if !a.May(staff.CaseRead, d.env.Now()) {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	p := templatesPage{base: d.casesBase(r, a), MayEdit: a.May(staff.CatalogEdit, d.env.Now()), All: r.URL.Query().Get("all") == "1"}
	var err error
	if p.Templates, err = d.cases.Templates(r.Context(), p.All); err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "templates", p)
}

type templatePage struct {
	base
	Template casework.Template
	Versions []casework.Template
	Kinds    []option
	MayEdit  bool
	// Preview is the text filled with an invented case.
	Preview string
	New     bool
}

// newTemplate is the name in the address of a template that is not there yet.
const newTemplate = "new"

func (d *desk) templateForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if !a.May(staff.CaseRead, d.env.Now()) {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	id := r.PathValue("id")
	var t casework.Template
	if id != newTemplate {
		var err error
		if t, err = d.template(r, id); err != nil {
			return err
		}
	}
	values := url.Values{"title": {t.Title}, "text": {t.Text}, "version": {strconv.FormatInt(t.Version, 10)}}
	for _, k := range t.Kinds {
		values.Add("kinds", string(k))
	}
	if t.Retired {
		values.Set("retired", "yes")
	}
	p, err := d.templatePage(r, a, t, values)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "template", p)
}

func (d *desk) templatePage(r *http.Request, a staff.Actor, t casework.Template, values url.Values) (templatePage, error) {
	p := templatePage{
		base: d.casesBase(r, a), Template: t, Kinds: options(fn.Lang(r), "tipoff.kind.", casework.Kinds()), MayEdit: a.May(staff.CatalogEdit, d.env.Now()), New: t.ID == "",
	}
	p.Form = page.NewForm(values)
	p.Preview = d.templatePreview(r, fieldText(values, "text"))
	if p.New {
		return p, nil
	}
	var err error
	p.Versions, err = d.cases.TemplateVersions(r.Context(), t.ID)
	return p, err
}

// templatePreview fills a text with a case that nobody has.
func (d *desk) templatePreview(r *http.Request, text string) string {
	lang, today := fn.Lang(r), d.today()
	row := casework.Row{Case: casework.Case{Number: page.Say(page.ZH, "cases.preview_number"), Unit: d.env.City}, Due: today}
	return casework.Template{Text: text}.Fill(row, d.unitName(r.Context(), d.env.City), page.Say(lang, "cases.preview_party"), today)
}

// saveTemplate makes a new version of a template, or a new one. What was typed is
// kept when it is refused; the button “preview” saves nothing.
func (d *desk) saveTemplate(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	id := r.PathValue("id")
	var t casework.Template
	var err error
	if id != newTemplate {
		if t, err = d.template(r, id); err != nil {
			return err
		}
	}
	next := casework.Template{ID: t.ID, Title: fieldText(r.PostForm, "title"), Text: fieldText(r.PostForm, "text"), Retired: r.PostForm.Get("retired") == "yes"}
	next.Version, _ = strconv.ParseInt(formVersion(r), 10, 64)
	for _, k := range r.PostForm["kinds"] {
		next.Kinds = append(next.Kinds, casework.Kind(k))
	}
	if r.PostForm.Get("do") != "preview" {
		saved, err := d.cases.SaveTemplate(r.Context(), a, next, d.env.Now())
		if err == nil {
			return d.see(w, r, "/templates", saved.ID, done("template"))
		}
		return d.templateRefused(w, r, a, t, err)
	}
	p, err := d.templatePage(r, a, t, r.PostForm)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "template", p)
}

func (d *desk) templateRefused(w http.ResponseWriter, r *http.Request, a staff.Actor, t casework.Template, why error) error {
	if fault.Is(why, fault.Forbidden) {
		return why
	}
	p, err := d.templatePage(r, a, t, r.PostForm)
	if err != nil {
		return err
	}
	status, err := refused(r, &p.base, why)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, status, "template", p)
}
