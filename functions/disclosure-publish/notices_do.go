package function

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"ipcredit/shared/credit"
	"ipcredit/shared/disclosure"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// stepForms are the steps that a form asks something for; the others are buttons.
var stepForms = []disclosure.Step{disclosure.Serve, disclosure.Answer, disclosure.Agree, disclosure.Send, disclosure.Return, disclosure.Report, disclosure.Retain}

// posted reads a posted form.
func posted(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.Invalid, "disclosure-publish.form").Because(err)
	}
	return nil
}

// draft is the form of a notice, filled with values.
func (d *desk) draft(r *http.Request, a staff.Actor, values url.Values) (draftView, error) {
	v := draftView{office: d.office(r, a), Kinds: disclosure.Kinds, Reviews: disclosure.Reviews, Kind: credit.Kind(values.Get("kind"))}
	if !slices.Contains(v.Kinds, v.Kind) {
		v.Kind = v.Kinds[0]
	}
	v.Form = page.NewForm(values)
	v.Listings = v.Kind == credit.Determination
	var err error
	v.Inputs, err = d.inputs(r, v.Kind)
	for _, code := range d.notices.Divisions(a, d.env.Now()) {
		v.Divisions = append(v.Divisions, division{code, areaName(code)})
	}
	return v, err
}

// noticeNew is an empty form; the kind is in the address, because it decides what
// is asked.
func (d *desk) noticeNew(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if len(d.notices.Divisions(a, d.env.Now())) == 0 {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	v, err := d.draft(r, a, url.Values{"kind": {r.URL.Query().Get("kind")}})
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "notice-form", v)
}

// written is what was typed into the form.
func written(r *http.Request) disclosure.Writing {
	w := disclosure.Writing{Kind: credit.Kind(r.PostForm.Get("kind")), Review: disclosure.Review(r.PostForm.Get("review")), Values: map[string]string{}}
	for name := range r.PostForm {
		w.Values[name] = r.PostForm.Get(name)
	}
	return w
}

func (d *desk) noticeBegin(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := posted(r); err != nil {
		return err
	}
	n, err := d.notices.Begin(r.Context(), a, r.PostForm.Get("division"), written(r), d.env.Now())
	if f, ok := fault.Of(err); ok && f.Kind == fault.Invalid {
		v, err := d.draft(r, a, r.PostForm)
		if err != nil {
			return err
		}
		v.Form.Refuse(fn.Lang(r), f)
		return d.pages.Show(w, r, fn.Status(f.Kind), "notice-form", v)
	}
	if err != nil {
		return err
	}
	return d.done(w, r, n, disclosure.Edit)
}

// done goes to the notice and says what was done.
func (d *desk) done(w http.ResponseWriter, r *http.Request, n disclosure.Notice, step disclosure.Step) error {
	http.Redirect(w, r, d.pages.URL(r, "/notices", n.ID, url.Values{"done": {string(step)}}), http.StatusSeeOther)
	return nil
}

// noticeAdopt takes over a displayed record that came by batch.
func (d *desk) noticeAdopt(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := posted(r); err != nil {
		return err
	}
	n, err := d.notices.Adopt(r.Context(), a, r.PostForm.Get("record"), d.env.Now())
	if f, ok := fault.Of(err); ok && len(f.Fields) > 0 {
		return d.noticesPage(w, r, a, f)
	}
	if err != nil {
		return err
	}
	return d.done(w, r, n, disclosure.Adopt)
}

// editing is the form of a notice that is there.
func (d *desk) editing(r *http.Request, a staff.Actor, n disclosure.Notice, values url.Values) (draftView, error) {
	if values == nil {
		values = url.Values{"review": {string(n.Review)}}
		for name, value := range n.Values {
			values.Set(name, value)
		}
	}
	values.Set("kind", string(n.Kind))
	v, err := d.draft(r, a, values)
	v.ID, v.Version, v.Fixed = n.ID, n.Version, true
	return v, err
}

// noticeForm asks what a step needs.
func (d *desk) noticeForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	now, step := d.env.Now(), disclosure.Step(r.PathValue("step"))
	n, err := d.notices.Get(r.Context(), a, r.PathValue("id"), now)
	if err != nil {
		return err
	}
	if step != disclosure.Edit && !slices.Contains(stepForms, step) {
		return fault.New(fault.NotFound, "disclosure.unknown")
	}
	if !slices.Contains(d.notices.Open(r.Context(), a, n, now), step) {
		return fault.New(fault.Conflict, "disclosure.step")
	}
	if step == disclosure.Edit {
		v, err := d.editing(r, a, n, nil)
		if err != nil {
			return err
		}
		return d.pages.Show(w, r, http.StatusOK, "notice-form", v)
	}
	v, err := d.notice(r, a, n)
	if err != nil {
		return err
	}
	v.Step = step
	v.Form = page.NewForm(url.Values{"on": {workday.DateOf(now).String()}})
	return d.pages.Show(w, r, http.StatusOK, "notice-act", v)
}

// noticeDo takes a step. What cannot be done comes back with what was typed.
func (d *desk) noticeDo(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := posted(r); err != nil {
		return err
	}
	step := disclosure.Step(r.PathValue("step"))
	version, err := strconv.ParseInt(r.PostForm.Get("version"), 10, 64)
	if err != nil {
		return fault.New(fault.Invalid, "disclosure-publish.form")
	}
	act := disclosure.Act{
		ID: r.PathValue("id"), Version: version, Step: step, Reply: disclosure.Reply(r.PostForm.Get("reply")),
		Reason: r.PostForm.Get("reason"), Text: r.PostForm.Get("text"),
		Authority: r.PostForm.Get("authority"), Number: r.PostForm.Get("number"),
	}
	if step == disclosure.Edit {
		act.Writing = written(r)
	}
	// A day that cannot be read is no day, which the step refuses by name.
	if on, err := workday.ParseDate(r.PostForm.Get("on")); err == nil {
		act.On = on
	}
	n, err := d.notices.Do(r.Context(), a, act, d.env.Now())
	f, refused := fault.Of(err)
	if err != nil && (!refused || !slices.Contains([]fault.Kind{fault.Invalid, fault.Refused, fault.Stale, fault.Conflict}, f.Kind)) {
		return err
	}
	if err == nil {
		return d.done(w, r, n, step)
	}
	// The notice as it is now: somebody else may have changed it.
	n, err = d.notices.Get(r.Context(), a, act.ID, d.env.Now())
	if err != nil {
		return err
	}
	if step == disclosure.Edit {
		v, err := d.editing(r, a, n, r.PostForm)
		if err != nil {
			return err
		}
		v.Conflict = f.Kind == fault.Stale
		v.Form.Refuse(fn.Lang(r), f)
		return d.pages.Show(w, r, fn.Status(f.Kind), "notice-form", v)
	}
	v, err := d.notice(r, a, n)
	if err != nil {
		return err
	}
	v.Form = page.NewForm(r.PostForm).Refuse(fn.Lang(r), f)
	v.Step, v.Conflict = step, f.Kind == fault.Stale
	name := "notice"
	if slices.Contains(stepForms, step) {
		name = "notice-act"
	}
	return d.pages.Show(w, r, fn.Status(f.Kind), name, v)
}
