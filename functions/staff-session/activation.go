package function

import (
	"net/http"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/staff"
)

type activationsPage struct {
	base
	RoleOptions, DivisionOptions []option
	// Find is the code that was looked for, Issued what was found.
	Find   string
	Issued []activationView
}

type activationView struct {
	staff.Activation
	Works bool
}

func (d *desk) activationsPage(r *http.Request, a staff.Actor) (data, error) {
	if err := staff.Can(a, staff.ActivationIssue, staff.Resource{}, d.now()); err != nil {
		return nil, err
	}
	b, err := d.base(r, a)
	if err != nil {
		return nil, err
	}
	p := &activationsPage{base: b, Find: r.URL.Query().Get("find")}
	p.RoleOptions = roleOptions(fn.Lang(r), []staff.Role{staff.Representative, staff.Agent})
	p.DivisionOptions = divisionOptions(beneath(a.Org.Divisions))
	if code, err := readCode("find", p.Find); err == nil {
		list, err := d.staff.Activations(r.Context(), a, code, d.now())
		if err != nil {
			return nil, err
		}
		for _, act := range list {
			p.Issued = append(p.Issued, activationView{act, act.Works(d.now())})
		}
	}
	return p, nil
}

func (d *desk) activations(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	return d.find(w, r, a, "activations", d.activationsPage, func(string) (reply, error) { return nil, nil })
}

func (d *desk) issueActivation(r *http.Request, a staff.Actor) (reply, error) {
	made, code, err := d.staff.IssueActivation(r.Context(), a, staff.Issue{
		Code: r.PostFormValue("code"), Name: r.PostFormValue("name"),
		Division: r.PostFormValue("division"), Role: staff.Role(r.PostFormValue("role")),
	}, d.now())
	return d.notice(made, code), err
}

func (d *desk) withdrawActivation(r *http.Request, a staff.Actor) (reply, error) {
	err := d.staff.WithdrawActivation(r.Context(), a, r.PostFormValue("hash"), d.now())
	return d.after("staff.activation_withdraw", ""), err
}

// noticePage is the paper with an activation code on it.
type noticePage struct {
	base
	Activation staff.Activation
	Code       string
	Address    string
	By         string
}

func (d *desk) notice(made staff.Activation, code string) reply {
	return func(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
		b, err := d.base(r, a)
		if err != nil {
			return err
		}
		return d.pages.Show(w, r, http.StatusOK, "notice",
			&noticePage{b, made, code, d.pages.Absolute("/activate"), a.Org.Name})
	}
}

type activatePage struct {
	base
	Least int
}

func (d *desk) activatePage(r *http.Request, a staff.Actor) (data, error) {
	b, err := d.base(r, a)
	return &activatePage{b, d.staff.Params().N("password.least")}, err
}

// activate opens the account of a subject and leads to the sign-in page, where
// the second factor is set up.
func (d *desk) activate(r *http.Request, _ staff.Actor) (reply, error) {
	if r.PostFormValue("password") != r.PostFormValue("again") {
		return nil, fault.New(fault.Invalid, "staff-session.again").With("again", "staff-session.again")
	}
	_, err := d.staff.Activate(r.Context(), staff.Activate{
		Activation: r.PostFormValue("activation"), Code: r.PostFormValue("code"),
		Username: r.PostFormValue("username"), Name: r.PostFormValue("name"),
		Password: r.PostFormValue("password"), Network: fn.Network(r),
	}, d.now())
	return d.after("staff.activate", ""), err
}
