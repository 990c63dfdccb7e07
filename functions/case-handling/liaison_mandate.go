package function

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"ipcredit/shared/casework"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/liaison"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// mandates lists the register of instruments of entrustment (委托).
func (d *desk) mandates(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	now := d.env.Now()
	if !a.May(staff.CatalogEdit, now) && !a.May(staff.CatalogApprove, now) && !a.May(staff.CaseRead, now) {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	list, err := d.letters.Mandates(r.Context())
	if err != nil {
		return err
	}
	lang, today, who := fn.Lang(r), d.today(), names{}
	v := recordView{
		base: d.place(r, a), Title: speak(r, "liaison.mandates.title"), Crumbs: []page.Link{{Href: d.pages.URL(r, "/shares"), Text: speak(r, "liaison.shares.title")}},
		Sections: []section{{About: speak(r, "liaison.mandates.about"), Title: speak(r, "liaison.mandates.register")}},
	}
	if staff.Can(a, staff.CatalogEdit, staff.Resource{Division: d.env.City}, now) == nil {
		v.Buttons = []knob{{Href: d.pages.URL(r, "/mandates/new"), Text: speak(r, "liaison.mandates.new")}}
	}
	if len(list) == 0 {
		v.Sections[0].None = speak(r, "liaison.mandates.none")
	}
	for _, m := range list {
		s := section{Title: m.Number, Facts: []fact{
			{Key: speak(r, "case-handling.state"), Text: page.Say(lang, "liaison.mandate."+mandateState(m, today.String())), Tone: mandateTone(m, today.String())},
			{Key: speak(r, "liaison.issuer"), Text: m.Issuer, Chinese: true},
			{Key: speak(r, "liaison.issued"), Day: m.On},
			{Key: speak(r, "liaison.valid"), Text: m.From.String() + " – " + m.To.String()},
			{Key: speak(r, "liaison.kinds"), Text: strings.Join(inWords(lang, "tipoff.kind.", m.Kinds), page.Say(lang, "case-handling.comma"))},
			{Key: speak(r, "liaison.divisions"), Text: strings.Join(areaNames(m.Divisions), page.Say(lang, "case-handling.comma")), Chinese: true},
			{Key: speak(r, "liaison.recorded_by"), Text: d.name(r.Context(), who, m.AskedBy), Chinese: true},
		}}
		if m.ApprovedBy != "" {
			s.Facts = append(s.Facts, fact{Key: speak(r, "liaison.approved_by"), Text: d.name(r.Context(), who, m.ApprovedBy), Chinese: true})
		}
		v.Sections = append(v.Sections, s)
		if staff.Can(a, staff.CatalogApprove, staff.Resource{Division: d.env.City, AskedBy: m.AskedBy}, now) != nil {
			continue
		}
		switch {
		case m.ApprovedBy == "" && m.Ended.IsZero():
			v.Posts = append(v.Posts,
				knob{Href: d.pages.URL(r, "/mandates", m.ID, "approve"), Text: speak(r, "liaison.mandate.do.approve", m.Number)},
				knob{Href: d.pages.URL(r, "/mandates", m.ID, "refuse"), Text: speak(r, "liaison.mandate.do.refuse", m.Number), Tone: "second"})
		case m.ApprovedBy != "" && m.Ended.IsZero() && !today.After(m.To):
			v.Posts = append(v.Posts, knob{Href: d.pages.URL(r, "/mandates", m.ID, "end"), Text: speak(r, "liaison.mandate.do.end", m.Number), Tone: "warn"})
		}
	}
	return d.pages.Show(w, r, http.StatusOK, "liaison-record", v)
}

func inWords(lang page.Lang, prefix string, values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = page.Say(lang, prefix+v)
	}
	return out
}

func areaNames(codes []string) []string {
	out := make([]string, len(codes))
	for i, c := range codes {
		out[i] = areaName(c)
	}
	return out
}

// mandateState says in a word how an instrument stands on the day.
func mandateState(m liaison.Mandate, today string) string {
	switch {
	case m.ApprovedBy == "" && !m.Ended.IsZero():
		return "refused"
	case m.ApprovedBy == "":
		return "waiting"
	case !m.Ended.IsZero() && m.Ended.String() <= today, m.To.String() < today:
		return "ended"
	case m.From.String() > today:
		return "later"
	}
	return "force"
}

func mandateTone(m liaison.Mandate, today string) string {
	return map[string]string{"refused": "red", "waiting": "amber", "ended": "grey", "later": "blue", "force": "green"}[mandateState(m, today)]
}

func (d *desk) mandatePage(r *http.Request, a staff.Actor) formView {
	lang := fn.Lang(r)
	var divisions []option
	for _, code := range staff.UnitLabels() {
		if code != staff.DisciplineUnit {
			divisions = append(divisions, option{Value: code, Text: areaName(code)})
		}
	}
	return formView{
		base: d.place(r, a), Title: speak(r, "liaison.mandates.new"), About: speak(r, "liaison.mandates.about"), Action: d.pages.URL(r, "/mandates"), Button: speak(r, "liaison.mandates.record"),
		Back: d.pages.URL(r, "/mandates"), Crumbs: []page.Link{{Href: d.pages.URL(r, "/mandates"), Text: speak(r, "liaison.mandates.title")}},
		Groups: []group{{Inputs: []control{
			{Kind: "input", Name: "number", Label: speak(r, "liaison.number"), Hint: speak(r, "liaison.number_hint"), Width: "w-code"},
			{Kind: "input", Name: "issuer", Label: speak(r, "liaison.issuer"), Width: "w-full"},
			{Kind: "input", Type: "date", Name: "on", Label: speak(r, "liaison.issued"), Width: "w-short"},
			{Kind: "input", Type: "date", Name: "from", Label: speak(r, "liaison.from_day"), Width: "w-short"},
			{Kind: "input", Type: "date", Name: "to", Label: speak(r, "liaison.to_day"), Width: "w-short"},
			{Kind: "checkboxes", Name: "kinds", Label: speak(r, "liaison.kinds"), Options: options(lang, "tipoff.kind.", liaison.MandateKinds())},
			{Kind: "checkboxes", Name: "divisions", Label: speak(r, "liaison.divisions"), Options: divisions},
		}}},
	}
}

func (d *desk) mandateForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := staff.Can(a, staff.CatalogEdit, staff.Resource{Division: d.env.City}, d.env.Now()); err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "liaison-form", d.mandatePage(r, a))
}

func (d *desk) mandateRecord(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	f := r.PostForm
	_, err := d.letters.RecordMandate(r.Context(), a, liaison.Mandate{
		Number: typed(r, "number"), Issuer: typed(r, "issuer"), On: dayOf(f, "on"), From: dayOf(f, "from"), To: dayOf(f, "to"), Kinds: f["kinds"], Divisions: f["divisions"],
	}, d.env.Now())
	if err != nil {
		if fault.Is(err, fault.Forbidden) {
			return err
		}
		return d.again(w, r, d.mandatePage(r, a), err)
	}
	return d.see(w, r, "/mandates", done("mandate-recorded"))
}

func (d *desk) mandateDo(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	var err error
	verb, id := r.PathValue("verb"), r.PathValue("id")
	switch {
	case !slices.Contains([]string{"approve", "refuse", "end"}, verb):
		return fault.New(fault.NotFound, "fn.not_found")
	case verb == "end":
		err = d.letters.EndMandate(r.Context(), a, id, d.env.Now())
	default:
		err = d.letters.ApproveMandate(r.Context(), a, id, verb == "approve", d.env.Now())
	}
	if err != nil {
		return err
	}
	return d.see(w, r, "/mandates", done("mandate-"+verb))
}

// entrusted finds an instrument of the register that covers a case today.
func (d *desk) entrusted(ctx context.Context, instrument string, kind casework.Kind, unit string, on workday.Date) (casework.Entrustment, bool, error) {
	list, err := d.letters.Mandates(ctx)
	for _, m := range list {
		if m.Number == instrument && m.Covers(string(kind), unit, on) {
			return casework.Entrustment{Instrument: m.Number, From: m.From, To: m.To}, true, err
		}
	}
	return casework.Entrustment{}, false, err
}

// fillMandates offers the instruments that cover the case today.
func (d *desk) fillMandates(r *http.Request, _ staff.Actor, p *caseActPage) error {
	list, err := d.letters.Mandates(r.Context())
	for _, m := range list {
		if c := p.File.Case; m.Covers(string(c.Kind), c.Unit, d.today()) {
			p.Mandates = append(p.Mandates, option{Value: m.Number, Text: page.Say(fn.Lang(r), "cases.mandate", m.Number, m.Issuer, m.To.String())})
		}
	}
	return err
}
