package function

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/objection"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// ruled is the ruling of the form.
func ruled(r *http.Request) objection.Ruling {
	f := r.PostForm
	x := objection.Ruling{
		Outcome: objection.Outcome(f.Get("outcome")), Decision: f.Get("decision"), DecidedOn: dayOf(r, "decidedOn"),
		Reasons: f["reasons"], On: dayOf(r, "day"), Why: f.Get("why"),
	}
	if x.Outcome == objection.Correct {
		x.Values = map[string]string{}
		for name := range f {
			x.Values[name] = f.Get(name)
		}
	}
	return x
}

// objectionStep takes the step of the address.
func (d *desk) objectionStep(r *http.Request, a staff.Actor) error {
	ctx, no, now, f := r.Context(), r.PathValue("no"), d.env.Now(), r.PostForm
	version, err := seen(r)
	if err != nil {
		return err
	}
	switch r.PathValue("step") {
	case "ask":
		_, err = d.objects.Ask(ctx, a, no, version, dayOf(r, "on"), now)
	case "answered":
		_, err = d.objects.Answered(ctx, a, no, version, objection.Answer(f.Get("answer")), dayOf(r, "on"), now)
	case "pause":
		_, err = d.objects.Pause(ctx, a, no, version, now)
	case "resume":
		_, err = d.objects.Resume(ctx, a, no, version, now)
	case "check":
		_, err = d.objects.Check(ctx, a, no, version, objection.Finding(f.Get("finding")), now)
	case "forward":
		_, err = d.objects.Forward(ctx, a, no, version, f.Get("number"), dayOf(r, "on"), now)
	case "rule":
		_, err = d.objects.Rule(ctx, a, no, version, ruled(r), now)
	case "import":
		_, err = d.objects.Import(ctx, a, no, version, ruled(r), now)
	default:
		err = fault.New(fault.NotFound, "objection.unknown")
	}
	return err
}

// objectionDo takes a step. What cannot be done comes back with what was typed.
func (d *desk) objectionDo(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := posted(r); err != nil {
		return err
	}
	err := d.objectionStep(r, a)
	if err == nil {
		http.Redirect(w, r, d.pages.URL(r, "/objections", r.PathValue("no"), url.Values{"done": {r.PathValue("step")}}), http.StatusSeeOther)
		return nil
	}
	f, ok := fault.Of(err)
	if !ok || !fn.WantsHTML(r) || !slices.Contains([]fault.Kind{fault.Invalid, fault.Refused, fault.Stale, fault.Conflict}, f.Kind) {
		return err
	}
	v, err := d.objectionView(r, a)
	if err != nil {
		return err
	}
	v.Form, v.Conflict = page.NewForm(r.PostForm).Refuse(fn.Lang(r), f), f.Kind == fault.Stale
	name := "objection"
	if objection.Outcome(r.PostForm.Get("outcome")) == objection.Correct && v.Corrects && v.Has(v.Ruling()) {
		name = "objection-correct"
		if v.Inputs, err = d.inputs(r, v.Record.Kind); err != nil {
			return err
		}
	}
	return d.pages.Show(w, r, fn.Status(f.Kind), name, v)
}

// paperView is the form of an objection that came on paper.
type paperView struct {
	office
	Grounds []option
}

func (d *desk) paperView(r *http.Request, a staff.Actor) (paperView, error) {
	if a.Org.Kind == staff.Subject || !a.May(staff.ObjectionCheck, d.env.Now()) {
		return paperView{}, fault.New(fault.Forbidden, "staff.can.role")
	}
	return paperView{d.objecting(r, a), options(fn.Lang(r), "objection.ground.", objection.Grounds)}, nil
}

func (d *desk) objectionPaper(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	v, err := d.paperView(r, a)
	if err != nil {
		return err
	}
	v.Form = page.NewForm(url.Values{"record": r.URL.Query()["record"]})
	return d.pages.Show(w, r, http.StatusOK, "objection-register", v)
}

func (d *desk) objectionRegister(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := posted(r); err != nil {
		return err
	}
	in := objection.Order{Record: strings.ToLower(strings.TrimSpace(r.PostForm.Get("record"))), Ground: objection.Ground(r.PostForm.Get("ground"))}
	o, err := d.objects.Register(r.Context(), a, in, dayOf(r, "on"), d.env.Now())
	if err == nil {
		http.Redirect(w, r, d.pages.URL(r, "/objections", o.No, url.Values{"done": {"register"}}), http.StatusSeeOther)
		return nil
	}
	f, ok := fault.Of(err)
	if !ok || !fn.WantsHTML(r) || f.Kind == fault.Forbidden {
		return err
	}
	v, err := d.paperView(r, a)
	if err != nil {
		return err
	}
	v.Form = page.NewForm(r.PostForm).Refuse(fn.Lang(r), f)
	return d.pages.Show(w, r, fn.Status(f.Kind), "objection-register", v)
}

// Fixed are the fields that a correction cannot change: the values that name the
// record.
func (v objectionView) Fixed(field string) bool {
	return slices.Contains([]string{"subjectName", "subjectCode", "instrumentNo", "authority"}, field)
}
