package function

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/liaison"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// letterFields are the controls of a template: what it has no field for cannot be
// typed at all.
func letterFields(r *http.Request, t liaison.Template) []control {
	lang := fn.Lang(r)
	var out []control
	for _, f := range t.Fields {
		c := control{Kind: "input", Name: f.ID, Label: page.Say(lang, "liaison.field."+f.ID), Optional: !f.Required, Width: "w-full"}
		if page.Has("liaison.hint." + f.ID) {
			c.Hint = page.Say(lang, "liaison.hint."+f.ID)
		}
		switch f.Form {
		case "choice":
			choices := f.Choices
			if f.ID == "holder" && !t.Persons {
				choices = slices.DeleteFunc(slices.Clone(choices), func(s string) bool { return s == "person" })
			}
			c.Kind, c.Options, c.Blank = "select", options(lang, "liaison."+f.ID+".", choices), page.Say(lang, "case-handling.choose")
		case "text", "applications", "marks":
			c.Kind, c.Rows = "textarea", 4
		case "past":
			c.Type, c.Width = "date", "w-short"
		case "count", "money":
			c.Inputmode, c.Width = "numeric", "w-short"
		case "uscc", "agency", "docno":
			c.Width = "w-code"
		}
		out = append(out, c)
	}
	return out
}

// bases are the legal bases in force, to choose from.
func bases(now time.Time) []option {
	var out []option
	for _, b := range staff.Bases() {
		if b.InForce(now) {
			out = append(out, option{Value: b.ID, Text: b.Title, Hint: b.Number})
		}
	}
	return out
}

// letterPage is the form of a letter: first to whom, then what.
func (d *desk) letterPage(r *http.Request, a staff.Actor, in liaison.Writing) (formView, error) {
	lang := fn.Lang(r)
	share := in.Kind == liaison.Outbound
	room, target := "notices", "/notices"
	if share {
		room, target = "shares", "/shares"
	}
	v := formView{base: d.place(r, a), Title: speak(r, "liaison.new."+string(in.Kind)), Back: d.pages.URL(r, target), Crumbs: []page.Link{{Href: d.pages.URL(r, target), Text: speak(r, "liaison."+room+".title")}}}
	t, ok := liaison.Template{}, false
	name := ""
	if share {
		t, ok = liaison.TemplateOf(in.Template)
		ok = ok && t.Share
	} else if in.To != "" {
		o, err := d.staff.Organization(r.Context(), in.To)
		if _, refused := fault.Of(err); err != nil && !refused {
			return v, err
		}
		if err == nil {
			t, ok = liaison.For(o)
			name = o.Name
		}
	}
	if !ok {
		v.Get, v.Action, v.Button = true, d.pages.URL(r, "/notices/new"), speak(r, "liaison.next")
		v.Hidden = []unseen{{"kind", string(in.Kind)}, {"replaces", in.Replaces}}
		c := control{Kind: "radios", Name: "to", Label: speak(r, "liaison.choose_to")}
		if share {
			c.Name, c.Label = "template", speak(r, "liaison.choose_template")
			for _, t := range liaison.Templates(true) {
				c.Options = append(c.Options, option{Value: t.ID, Text: page.Say(lang, "liaison.template."+t.ID), Hint: d.fieldList(lang, t)})
			}
		} else {
			orgs, err := d.staff.Organizations(r.Context(), false)
			if err != nil {
				return v, err
			}
			for _, o := range orgs {
				if t, ok := liaison.For(o); ok && !o.Closed {
					c.Options = append(c.Options, option{Value: o.ID, Text: o.Name, Hint: d.fieldList(lang, t)})
				}
			}
		}
		v.About, v.Groups = speak(r, "liaison.limited"), []group{{Inputs: []control{c}}}
		return v, nil
	}
	v.Lead, v.About = name, speak(r, "liaison.limited")
	if share {
		v.Lead = page.Say(lang, "liaison.template."+t.ID)
	}
	v.Action, v.Button, v.Ticket = d.pages.URL(r, "/notices"), speak(r, "liaison.save"), ticket()
	v.Hidden = []unseen{{"kind", string(in.Kind)}, {"to", in.To}, {"replaces", in.Replaces}}
	if share {
		v.Hidden[1] = unseen{"template", in.Template}
		v.Groups = append(v.Groups, group{Legend: speak(r, "liaison.partner_title"), Inputs: partnerFields(r)})
	}
	v.Groups = append(v.Groups,
		group{Legend: speak(r, "liaison.content"), Hint: speak(r, "liaison.no_reporter"), Inputs: letterFields(r, t)},
		group{Legend: speak(r, "liaison.basis"), Inputs: []control{
			{Kind: "checkboxes", Name: "basis", Label: speak(r, "liaison.basis_choose"), Options: bases(d.env.Now())},
			{Kind: "input", Name: "case", Label: speak(r, "liaison.case"), Width: "w-code", Optional: true},
		}})
	return v, nil
}

func partnerFields(r *http.Request) []control {
	return []control{
		{Kind: "input", Name: "region", Label: speak(r, "liaison.region"), Hint: speak(r, "liaison.region_hint"), Inputmode: "numeric", Width: "w-short"},
		{Kind: "input", Name: "partner", Label: speak(r, "liaison.partner"), Width: "w-full"},
	}
}

// fieldList words what a template lets a receiver have.
func (d *desk) fieldList(lang page.Lang, t liaison.Template) string {
	s := ""
	for _, f := range t.Fields {
		if s != "" {
			s += page.Say(lang, "case-handling.comma")
		}
		s += page.Say(lang, "liaison.field."+f.ID)
	}
	return page.Say(lang, "liaison.gets", s)
}

// writing reads the form of a letter.
func writing(v url.Values) liaison.Writing {
	in := liaison.Writing{
		Kind: liaison.Kind(v.Get("kind")), Template: v.Get("template"), To: v.Get("to"), Region: v.Get("region"), Partner: v.Get("partner"),
		Case: v.Get("case"), Basis: v["basis"], Replaces: v.Get("replaces"), Fields: map[string]string{},
	}
	known := []string{"kind", "template", "to", "region", "partner", "case", "basis", "replaces", "version", "ticket", "docNo", "on", "lang", "text"}
	for name := range v {
		if !slices.Contains(known, name) {
			in.Fields[name] = v.Get(name)
		}
	}
	return in
}

// mayWrite refuses whoever may write no letter of the kind.
func (d *desk) mayWrite(r *http.Request, a staff.Actor, k liaison.Kind) error {
	return d.letters.MayBegin(r.Context(), a, k, d.env.Now())
}

func (d *desk) letterNew(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	in := writing(r.URL.Query())
	if in.Kind != liaison.Outbound {
		in.Kind = liaison.Notice
	}
	if err := d.mayWrite(r, a, in.Kind); err != nil {
		return err
	}
	if in.Replaces != "" && in.To == "" && in.Template == "" {
		old, err := d.letters.Open(r.Context(), a, in.Replaces, d.env.Now())
		if err != nil {
			return err
		}
		in.Kind, in.To, in.Template = old.Kind, old.To, old.Template
	}
	v, err := d.letterPage(r, a, in)
	if err != nil {
		return err
	}
	v.Form = page.NewForm(r.URL.Query())
	return d.pages.Show(w, r, http.StatusOK, "liaison-form", v)
}

func (d *desk) letterDraft(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	in := writing(r.PostForm)
	err := d.letterCase(r.Context(), a, in.Case)
	var l liaison.Letter
	if err == nil {
		l, err = d.letters.Draft(r.Context(), a, in, d.env.Now())
	}
	if err != nil {
		if fault.Is(err, fault.Forbidden) {
			return err
		}
		v, verr := d.letterPage(r, a, in)
		if verr != nil {
			return verr
		}
		return d.again(w, r, v, err)
	}
	return d.see(w, r, "/notices", l.ID, done("letter-draft"))
}

// letterCase refuses the number of a case that the writer does not work on.
func (d *desk) letterCase(ctx context.Context, a staff.Actor, number string) error {
	if strings.TrimSpace(number) == "" {
		return nil
	}
	err := d.worksOnCase(ctx, a, strings.TrimSpace(number), d.env.Now())
	if _, refused := fault.Of(err); refused {
		return fault.New(fault.Invalid, "liaison.incomplete").With("case", "liaison.case")
	}
	return err
}
