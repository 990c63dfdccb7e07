package function

import (
	"net/http"
	"slices"
	"strconv"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/linkage"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// day reads a date of a form; a wrong one is named.
func (c linkageCall) day(name string) (workday.Date, error) {
	text := c.text(name)
	if text == "" {
		return workday.Date{}, fault.New(fault.Invalid, "case-handling.incomplete").With(name, "case-handling.required")
	}
	on, err := workday.ParseDate(text)
	if err != nil {
		return on, fault.New(fault.Invalid, "case-handling.date").With(name, "case-handling.date")
	}
	return on, nil
}

// offered refuses a choice that the form does not offer.
func (c linkageCall) offered(name string, values []string) (string, error) {
	v := c.text(name)
	if !slices.Contains(values, v) {
		return "", fault.New(fault.Invalid, "case-handling.choose").With(name, "case-handling.choose")
	}
	return v, nil
}

// linkageDoLetter writes one letter for all of them.
func (d *desk) linkageDoLetter(c linkageCall) (linkageDone, error) {
	to, err := c.offered("to", []string{linkage.ToApplicant, linkage.ToAgency})
	if err != nil {
		return linkageDone{}, err
	}
	letter, err := d.linkage.Send(c.r.Context(), c.who, linkage.Letter{To: to, DocNo: c.text("docNo"), IDs: c.ids, Versions: c.versions}, d.env.Now())
	return linkageDone{linkage.Result{Done: c.ids}, letter.No}, err
}

// linkageDoContact records one call or visit about all of them. What was said is
// sealed; that the rights were explained is asked each time.
func (d *desk) linkageDoContact(c linkageCall) (linkageDone, error) {
	method, err := c.offered("method", linkage.Methods)
	if err != nil {
		return linkageDone{}, err
	}
	on, err := c.day("on")
	if err != nil {
		return linkageDone{}, err
	}
	if err := c.required("person", "note"); err != nil {
		return linkageDone{}, err
	}
	_, err = d.linkage.Contacted(c.r.Context(), c.who, linkage.Contact{
		IDs: c.ids, Method: method, On: on, Rights: c.text("rights") == "1", Person: c.text("person"), Note: c.text("note"), Versions: c.versions,
	}, d.env.Now())
	return linkageDone{linkage.Result{Done: c.ids}, 0}, err
}

// linkageDoResult records how they ended, or that the holder has spoken.
func (d *desk) linkageDoResult(c linkageCall) (linkageDone, error) {
	to := linkage.State(c.text("to"))
	if !slices.Contains(linkage.States, to) || to == linkage.Assigned || to == linkage.Contacted || to == linkage.Notified {
		return linkageDone{}, fault.New(fault.Invalid, "case-handling.choose").With("to", "case-handling.choose")
	}
	on, err := c.day("on")
	if err != nil {
		return linkageDone{}, err
	}
	moves := make([]linkage.Move, len(c.ids))
	for i, id := range c.ids {
		moves[i] = linkage.Move{ID: id, Version: c.versions[id], To: to, On: on, Document: c.text("document")}
	}
	got, err := d.linkage.MoveAll(c.r.Context(), c.who, moves, d.env.Now())
	if err == nil && len(got.Done) == 0 {
		// Nothing was done: the form is shown again with the reason.
		err = got.Refused[c.ids[0]]
	}
	return linkageDone{got, 0}, err
}

// linkageDoAssign gives them to an officer of the unit or of one of its 监管所, and
// confirms by the address where the holder is, if he says so: a zone is no
// division that a credit code could tell.
func (d *desk) linkageDoAssign(c linkageCall) (linkageDone, error) {
	owner, err := c.offered("owner", c.owners)
	if err != nil {
		return linkageDone{}, err
	}
	in := linkage.Assign{IDs: c.ids, Owner: owner, Versions: c.versions}
	if c.text("confirmed") == "1" {
		if in.Division = c.division; in.Division == "" {
			return linkageDone{}, fault.New(fault.Refused, "applications.mixed_division").With("confirmed", "applications.mixed_division")
		}
	}
	return d.linkageAssign(c, in)
}

// linkageDoReroute gives them to another district, or back to the city, with the
// reason.
func (d *desk) linkageDoReroute(c linkageCall) (linkageDone, error) {
	if err := c.required("division"); err != nil {
		return linkageDone{}, err
	}
	reason, err := c.offered("reason", linkage.Reasons)
	if err != nil {
		return linkageDone{}, err
	}
	return d.linkageAssign(c, linkage.Assign{IDs: c.ids, Division: c.text("division"), Reason: reason, Versions: c.versions})
}

func (d *desk) linkageAssign(c linkageCall, in linkage.Assign) (linkageDone, error) {
	got, err := d.linkage.Assign(c.r.Context(), c.who, in, d.env.Now())
	if err == nil && len(got.Done) == 0 {
		err = got.Refused[c.ids[0]]
	}
	return linkageDone{got, 0}, err
}

type linkageUndoPage struct {
	base
	Act  linkageActLine
	Back string
	// after is where to go once it is taken back.
	after string
}

// linkageUndoOf is an action that somebody wants to take back, as he may see it.
func (d *desk) linkageUndoOf(r *http.Request, a staff.Actor) (linkageUndoPage, error) {
	no, err := strconv.ParseInt(r.PathValue("act"), 10, 64)
	if err != nil || strconv.FormatInt(no, 10) != r.PathValue("act") {
		return linkageUndoPage{}, fault.New(fault.NotFound, "linkage.none")
	}
	act, err := d.linkage.ActOf(r.Context(), a, no, d.env.Now())
	if err != nil {
		return linkageUndoPage{}, err
	}
	p := linkageUndoPage{base: d.linkageBase(r, a), Act: linkageActLine{Act: act, Who: d.name(r.Context(), names{}, act.By)}}
	p.Back, p.after = d.pages.URL(r, "/applications/items", act.IDs[0]), d.pages.URL(r, "/applications/items", done("undone"))
	rows, err := d.linkage.Rows(r.Context(), a, act.IDs[:1], d.env.Now())
	if err != nil || len(rows) == 0 {
		p.Back = d.pages.URL(r, "/applications/items")
		return p, err
	}
	p.after = d.pages.URL(r, "/applications/items", act.IDs[0], done("undone"))
	if len(act.IDs) > 1 {
		x := rows[0]
		q := linkageGroupQuery(linkage.Group{Key: x.Applicant.Group(), Agency: x.Application.Agency, Unit: x.Application.Unit, Kind: x.Kind}, nil)
		p.Back, p.after = d.pages.URL(r, "/applications/group", q), d.pages.URL(r, "/applications/group", withQuery(q, "done", "undone"))
	}
	return p, nil
}

func (d *desk) linkageUndoForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.linkageUndoOf(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "applications-undo", p)
}

// linkageUndo takes a bulk action back for each application that nobody has
// touched since; what was touched is told.
func (d *desk) linkageUndo(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	p, err := d.linkageUndoOf(r, a)
	if err != nil {
		return err
	}
	got, err := d.linkage.Undo(r.Context(), a, p.Act.No, d.env.Now())
	if err == nil && len(got.Done) == 0 {
		err = got.Refused[p.Act.IDs[0]]
	}
	if err != nil {
		status, err := refused(r, &p.base, err)
		if err != nil {
			return err
		}
		return d.pages.Show(w, r, status, "applications-undo", p)
	}
	if len(got.Refused) > 0 {
		out := linkageResultPage{base: d.linkageBase(r, a), Action: "undo", Count: len(got.Done), Back: p.Back}
		for _, id := range p.Act.IDs {
			if f, ok := fault.Of(got.Refused[id]); ok {
				out.Refused = append(out.Refused, linkageRefused{id, page.Say(fn.Lang(r), "fault."+f.Code, f.Args...)})
			}
		}
		return d.pages.Show(w, r, http.StatusConflict, "applications-result", out)
	}
	http.Redirect(w, r, p.after, http.StatusSeeOther)
	return nil
}
