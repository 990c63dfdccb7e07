package function

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// readCode reads a credit code and names the form field of a refusal.
func readCode(field, s string) (string, error) {
	code, err := ident.ParseUSCC(s)
	if f, ok := fault.Of(err); ok && len(f.Fields) == 0 {
		f.With(field, f.Code, f.Args...)
	}
	return string(code), err
}

type organizationPage struct {
	base
	Org       staff.Organization
	Divisions string
	Parent    *staff.Organization
	Flags     []string
	Members   []memberView
	Below     []staff.Organization
	// Delegations are those given by this organisation to its sub-offices, or
	// received by it.
	Delegations []delegationView
	Substitutes []substituteView
	Own         bool
	// What the actor may do here.
	MayDelegate, MaySubstitute, MayInvite, MayManage, MayCreate bool
	RoleOptions, DelegateRoles, SubOffices, MemberOptions       []option
}

type memberView struct {
	staff.User
	Held []staff.Role
}

type delegationView struct {
	staff.Delegation
	OtherID, Other string
	Given, Active  bool
}

type substituteView struct {
	staff.Substitute
	StandIn, StandInName, AbsentName string
	Active                           bool
}

func (d *desk) organizationPage(r *http.Request, a staff.Actor, id string) (organizationPage, error) {
	ctx, now, lang := r.Context(), d.now(), fn.Lang(r)
	p := organizationPage{Own: id == a.Org.ID}
	if !p.Own {
		if err := staff.Can(a, staff.UserRead, staff.Resource{}, now); err != nil {
			return p, err
		}
	}
	var err error
	if p.base, err = d.base(r, a); err != nil {
		return p, err
	}
	if p.Org, err = d.staff.Organization(ctx, id); err != nil {
		return p, err
	}
	var names []string
	for _, code := range p.Org.Divisions {
		names = append(names, divisionName(code))
		if dist, ok := staff.DistrictOf(code); ok {
			p.Flags = append(p.Flags, dist.Flags...)
		}
	}
	p.Divisions = strings.Join(names, page.Say(lang, "staff-session.comma"))
	orgName := map[string]string{p.Org.ID: p.Org.Name}
	if p.Org.Parent != "" {
		parent, err := d.staff.Organization(ctx, p.Org.Parent)
		if err != nil {
			return p, err
		}
		p.Parent, orgName[parent.ID] = &parent, parent.Name
	}
	members, err := d.staff.Members(ctx, id)
	if err != nil {
		return p, err
	}
	userName := map[string]string{}
	for _, m := range members {
		v := memberView{User: m}
		for _, g := range m.Grants {
			if g.In(now) {
				v.Held = append(v.Held, g.Role)
			}
		}
		p.Members = append(p.Members, v)
		userName[m.ID] = m.Name
		if !m.Disabled {
			p.MemberOptions = append(p.MemberOptions, option{Value: m.ID, Text: m.Name + " (" + m.Username + ")"})
		}
	}
	for _, m := range members {
		for _, s := range m.StandsFor {
			p.Substitutes = append(p.Substitutes, substituteView{s, m.ID, m.Name, userName[s.Absent], !s.Ended && s.In(now)})
		}
	}
	all, err := d.staff.Organizations(ctx, false)
	if err != nil {
		return p, err
	}
	for _, o := range all {
		if o.Parent == id {
			p.Below = append(p.Below, o)
			if o.Kind == staff.SubOffice && !o.Closed {
				p.SubOffices = append(p.SubOffices, option{Value: o.ID, Text: o.Name})
			}
			for _, del := range o.Received {
				if del.Bureau == id {
					p.Delegations = append(p.Delegations, delegationView{del, o.ID, o.Name, true, !del.Ended && del.In(now)})
				}
			}
		}
	}
	for _, del := range p.Org.Received {
		p.Delegations = append(p.Delegations, delegationView{del, del.Bureau, orgName[del.Bureau], false, !del.Ended && del.In(now)})
	}
	p.MayDelegate = p.Own && a.May(staff.DelegationGrant, now) && len(p.SubOffices) > 0
	p.MaySubstitute = p.Own && a.May(staff.SubstituteGrant, now)
	p.MayInvite = p.Own && a.May(staff.SubjectInvite, now)
	p.MayManage = !p.Own && a.May(staff.OrgManage, now)
	p.MayCreate = a.May(staff.UserCreate, now) && p.Org.Kind != staff.Subject
	p.RoleOptions = roleOptions(lang, slices.DeleteFunc(staff.FitsKind(p.Org.Kind), func(r staff.Role) bool { return !staff.Lendable(r) }))
	p.DelegateRoles = roleOptions(lang, []staff.Role{staff.Intake, staff.Handler})
	return p, nil
}

func (d *desk) showOrganization(w http.ResponseWriter, r *http.Request, a staff.Actor, id string, cause error) error {
	return d.showOrganizationAs(w, r, a, id, "organization", cause)
}

// showOrganizationAs shows one of the pages that are drawn from an
// organisation: itself, or a form about it.
func (d *desk) showOrganizationAs(w http.ResponseWriter, r *http.Request, a staff.Actor, id, name string, cause error) error {
	p, err := d.organizationPage(r, a, id)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if cause != nil {
		if status, err = d.refused(w, r, &p.base, cause); err != nil {
			return err
		}
	}
	return d.pages.Show(w, r, status, name, p)
}

func (d *desk) ownOrganization(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	return d.showOrganization(w, r, a, a.Org.ID, nil)
}

func (d *desk) organization(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	return d.showOrganization(w, r, a, r.PathValue("id"), nil)
}

func span(r *http.Request) staff.Span {
	return staff.Span{From: r.PostFormValue("from"), To: r.PostFormValue("to")}
}

func (d *desk) delegationForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := staff.Can(a, staff.DelegationGrant, staff.Resource{Unit: a.Org.ID}, d.now()); err != nil {
		return err
	}
	return d.showOrganizationAs(w, r, a, a.Org.ID, "delegation-new", nil)
}

func (d *desk) substituteForm(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := staff.Can(a, staff.SubstituteGrant, staff.Resource{Unit: a.Org.ID}, d.now()); err != nil {
		return err
	}
	return d.showOrganizationAs(w, r, a, a.Org.ID, "substitute-new", nil)
}

// changed answers a change of the actor's own organisation; name is the page
// with the form.
func (d *desk) changed(w http.ResponseWriter, r *http.Request, a staff.Actor, name, what string, err error) error {
	if err != nil {
		return d.showOrganizationAs(w, r, a, a.Org.ID, name, err)
	}
	return d.done(w, r, what, "/organization")
}

func (d *desk) delegate(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	_, err := d.staff.Delegate(r.Context(), a, r.PostFormValue("office"), chosenRoles(r), span(r), r.PostFormValue("instrument"), d.now())
	return d.changed(w, r, a, "delegation-new", "delegated", err)
}

func (d *desk) endDelegation(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	err := d.staff.EndDelegation(r.Context(), a, r.PostFormValue("office"), r.PostFormValue("id"), d.now())
	return d.changed(w, r, a, "organization", "ended", err)
}

func (d *desk) substitute(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	_, err := d.staff.Substitute(r.Context(), a, r.PostFormValue("absent"), r.PostFormValue("standIn"), chosenRoles(r), span(r), d.now())
	return d.changed(w, r, a, "substitute-new", "substituted", err)
}

func (d *desk) endSubstitute(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	err := d.staff.EndSubstitute(r.Context(), a, r.PostFormValue("standIn"), r.PostFormValue("id"), d.now())
	return d.changed(w, r, a, "organization", "ended", err)
}

// noticePage is the paper with an activation code on it.
type noticePage struct {
	base
	Activation staff.Activation
	Code       string
	Address    string
	Division   string
	By         string
}

func (d *desk) showNotice(w http.ResponseWriter, r *http.Request, a staff.Actor, act staff.Activation, code string) error {
	b, err := d.base(r, a)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, http.StatusOK, "notice",
		noticePage{b, act, code, d.pages.Absolute("/activate"), divisionName(act.Division), a.Org.Name})
}

func (d *desk) invite(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	act, code, err := d.staff.Invite(r.Context(), a, staff.Role(r.PostFormValue("role")), d.now())
	if err != nil {
		return d.showOrganization(w, r, a, a.Org.ID, err)
	}
	return d.showNotice(w, r, a, act, code)
}

func (d *desk) removeMember(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	return d.changed(w, r, a, "organization", "removed", d.staff.RemoveMember(r.Context(), a, r.PostFormValue("user"), d.now()))
}

type inboxPage struct {
	base
	Messages []messageView
	Next     string
}

type messageView struct {
	staff.Message
	Text string
}

func (d *desk) inbox(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	b, err := d.base(r, a)
	if err != nil {
		return err
	}
	p := inboxPage{base: b}
	messages, next, err := d.staff.Inbox(r.Context(), a, r.URL.Query().Get("cursor"), 50)
	if err != nil {
		return err
	}
	if !fn.WantsHTML(r) {
		if messages == nil {
			messages = []staff.Message{}
		}
		return fn.WriteJSON(w, http.StatusOK, map[string]any{"results": messages, "next": next})
	}
	for _, m := range messages {
		args := make([]any, len(m.Args))
		for i, v := range m.Args {
			args[i] = v
		}
		p.Messages = append(p.Messages, messageView{m, page.Say(fn.Lang(r), m.Title, args...)})
	}
	if next != "" {
		p.Next = d.pages.URL(r, "/inbox", url.Values{"cursor": {next}})
	}
	return d.pages.Show(w, r, http.StatusOK, "inbox", p)
}

// readMessage notes that a message was read and goes where it leads.
func (d *desk) readMessage(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	m, err := d.staff.ReadMessage(r.Context(), a, r.PostFormValue("id"), d.now())
	if err != nil {
		return err
	}
	if m.Link == "" {
		d.see(w, r, "/inbox")
		return nil
	}
	d.see(w, r, m.Link)
	return nil
}

type activationsPage struct {
	base
	RoleOptions, DivisionOptions []option
	Code                         string
	Issued                       []activationView
}

type activationView struct {
	staff.Activation
	Works bool
}

func (d *desk) activationsPage(r *http.Request, a staff.Actor) (activationsPage, error) {
	var p activationsPage
	var err error
	if err = staff.Can(a, staff.ActivationIssue, staff.Resource{}, d.now()); err != nil {
		return p, err
	}
	if p.base, err = d.base(r, a); err != nil {
		return p, err
	}
	p.RoleOptions = roleOptions(fn.Lang(r), []staff.Role{staff.Representative, staff.Agent})
	p.DivisionOptions = divisionOptions(beneath(a.Org.Divisions))
	if q := r.URL.Query().Get("code"); q != "" {
		code, err := readCode("find", q)
		if err != nil {
			return p, err
		}
		list, err := d.staff.Activations(r.Context(), a, code, d.now())
		if err != nil {
			return p, err
		}
		p.Code = code
		for _, act := range list {
			p.Issued = append(p.Issued, activationView{act, act.Works(d.now())})
		}
	}
	return p, nil
}

func (d *desk) activations(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	p, err := d.activationsPage(r, a)
	status := http.StatusOK
	if f, ok := fault.Of(err); ok && f.Kind == fault.Invalid {
		if status, err = d.refused(w, r, &p.base, err); err == nil {
			return d.pages.Show(w, r, status, "activations", p)
		}
	}
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, status, "activations", p)
}

func (d *desk) issueActivation(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	if err := form(r); err != nil {
		return err
	}
	if hash := r.PostFormValue("withdraw"); hash != "" {
		if err := d.staff.WithdrawActivation(r.Context(), a, hash, d.now()); err != nil {
			return err
		}
		return d.done(w, r, "ended", "/activations")
	}
	act, code, err := d.staff.IssueActivation(r.Context(), a, staff.Issue{
		Code: r.PostFormValue("code"), Name: r.PostFormValue("name"),
		Division: r.PostFormValue("division"), Role: staff.Role(r.PostFormValue("role")),
	}, d.now())
	if err == nil {
		return d.showNotice(w, r, a, act, code)
	}
	p, perr := d.activationsPage(r, a)
	if perr != nil {
		return perr
	}
	status, err := d.refused(w, r, &p.base, err)
	if err != nil {
		return err
	}
	return d.pages.Show(w, r, status, "activations", p)
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}
