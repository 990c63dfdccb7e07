package function

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/liaison"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// step is the step of the address, where the actor may take it now.
func (d *desk) step(ctx context.Context, r *http.Request, a staff.Actor) (liaison.Opened, liaison.Step, error) {
	o, err := d.letters.Open(ctx, a, r.PathValue("id"), d.env.Now())
	if err != nil {
		return o, "", err
	}
	s := liaison.Step(r.PathValue("step"))
	if !slices.Contains(liaison.Steps(), s) {
		return o, s, fault.New(fault.NotFound, "fn.not_found")
	}
	return o, s, nil
}

// stepPage is the form of a step.
func (d *desk) stepPage(r *http.Request, a staff.Actor, o liaison.Opened, s liaison.Step) (formView, error) {
	lang := fn.Lang(r)
	if s == liaison.Edit {
		v, err := d.letterPage(r, a, liaison.Writing{Kind: o.Kind, To: o.To, Template: o.Template})
		v.Action, v.Version, v.Crumbs, v.Back = d.pages.URL(r, "/notices", o.ID, "edit"), strconv.FormatInt(o.Version, 10), d.letterCrumbs(r, o.Letter, true), d.pages.URL(r, "/notices", o.ID)
		v.Title = speak(r, "liaison.step.edit")
		return v, err
	}
	v := formView{
		base: d.place(r, a), Title: page.Say(lang, "liaison.step."+string(s)), Lead: o.Title() + " · " + page.Say(lang, "liaison.state."+string(o.State)), Action: d.pages.URL(r, "/notices", o.ID, string(s)),
		Button: page.Say(lang, "liaison.step."+string(s)), Back: d.pages.URL(r, "/notices", o.ID), Crumbs: d.letterCrumbs(r, o.Letter, true), Version: strconv.FormatInt(o.Version, 10),
	}
	if page.Has("liaison.about." + string(s)) {
		v.About = page.Say(lang, "liaison.about."+string(s))
	}
	var in []control
	byHand := o.Kind == liaison.Outbound && slices.Contains([]liaison.Step{liaison.Receive, liaison.Reply, liaison.Refuse}, s)
	if s == liaison.Send {
		in = append(in, control{Kind: "input", Name: "docNo", Label: speak(r, "liaison.number"), Hint: speak(r, "liaison.number_hint"), Width: "w-code"})
	}
	if byHand {
		in = append(in, control{Kind: "input", Name: "on", Label: speak(r, "liaison.on"), Type: "date", Width: "w-short"})
		if s == liaison.Reply {
			in = append(in, control{Kind: "input", Name: "docNo", Label: speak(r, "liaison.their_number"), Width: "w-code", Optional: true})
		}
	}
	switch s {
	case liaison.SendBack, liaison.Reply, liaison.Follow, liaison.Withdraw, liaison.Propose, liaison.Refuse:
		in = append(in, control{Kind: "textarea", Name: "text", Label: page.Say(lang, "liaison.text."+string(s)), Hint: speak(r, "liaison.no_reporter"), Rows: 8})
	case liaison.Erase, liaison.Discard:
		v.Tone = "warn"
	}
	v.Groups = []group{{Inputs: in}}
	return v, nil
}

func (d *desk) letterForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	o, s, err := d.step(r.Context(), r, a)
	if err != nil {
		return err
	}
	if !slices.Contains(o.Steps, s) {
		return fault.New(fault.Conflict, "liaison.step")
	}
	v, err := d.stepPage(r, a, o, s)
	if err != nil {
		return err
	}
	values := url.Values{"on": {d.today().String()}}
	if s == liaison.Edit {
		values = url.Values{"region": {o.Region}, "partner": {o.Partner}, "case": {o.Case}, "basis": o.Basis}
		for id, text := range o.Fields {
			values.Set(id, text)
		}
	}
	v.Form = page.NewForm(values)
	return d.pages.Show(w, r, http.StatusOK, "liaison-form", v)
}

func (d *desk) letterDo(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	o, s, err := d.step(r.Context(), r, a)
	if err != nil {
		return err
	}
	version, err := seenVersion(r)
	var act liaison.Act
	if err == nil {
		act = liaison.Act{ID: o.ID, Version: version, Step: s, Text: typed(r, "text"), DocNo: typed(r, "docNo"), On: dayOf(r.PostForm, "on")}
		if s == liaison.Edit {
			act.Writing = writing(r.PostForm)
			act.Writing.To, act.Writing.Template = o.To, o.Template
			err = d.letterCase(r.Context(), a, act.Writing.Case)
		}
	}
	if err == nil {
		_, err = d.letters.Do(r.Context(), a, act, d.env.Now())
	}
	if err != nil {
		if fault.Is(err, fault.Forbidden) {
			return err
		}
		v, verr := d.stepPage(r, a, o, s)
		if verr != nil {
			return verr
		}
		for _, e := range o.Events[max(0, len(o.Events)-3):] {
			v.Since = append(v.Since, workday.DateOf(e.At).String()+" "+page.Say(fn.Lang(r), "liaison.event."+string(e.Step)))
		}
		return d.again(w, r, v, err)
	}
	if s == liaison.Erase {
		// The key is gone, and what was attached with it: its pieces go too.
		boxes, err := d.evidence.Boxes(r.Context(), liaison.Ref(o.ID))
		if err != nil {
			return err
		}
		for _, b := range boxes {
			if err := d.evidence.Drop(r.Context(), b.ID); err != nil {
				return err
			}
		}
	}
	return d.see(w, r, "/notices", o.ID, done("letter-"+string(s)))
}
