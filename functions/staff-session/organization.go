package function

import (
	"net/http"
	"slices"
	"strings"

	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

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
	MayDelegate, MaySubstitute, MayInvite, MayManage, MayCreate, MayIssueKey bool
	RoleOptions, DelegateRoles, SubOffices, MemberOptions                    []option
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

func (d *desk) organizationPage(r *http.Request, a staff.Actor, id string) (*organizationPage, error) {
	ctx, now, lang := r.Context(), d.now(), fn.Lang(r)
	p := &organizationPage{Own: id == a.Org.ID}
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
	p.MayIssueKey = !p.Own && a.May(staff.KeyManage, now) && !p.Org.Closed
	p.RoleOptions = roleOptions(lang, slices.DeleteFunc(staff.FitsKind(p.Org.Kind), func(r staff.Role) bool { return !staff.Lendable(r) }))
	p.DelegateRoles = roleOptions(lang, []staff.Role{staff.Intake, staff.Handler})
	return p, nil
}

func (d *desk) ownOrganization(r *http.Request, a staff.Actor) (data, error) {
	return d.organizationPage(r, a, a.Org.ID)
}

func (d *desk) organization(r *http.Request, a staff.Actor) (data, error) {
	return d.organizationPage(r, a, r.PathValue("id"))
}

func (d *desk) delegationPage(r *http.Request, a staff.Actor) (data, error) {
	if err := staff.Can(a, staff.DelegationGrant, staff.Resource{Unit: a.Org.ID}, d.now()); err != nil {
		return nil, err
	}
	return d.ownOrganization(r, a)
}

func (d *desk) substitutePage(r *http.Request, a staff.Actor) (data, error) {
	if err := staff.Can(a, staff.SubstituteGrant, staff.Resource{Unit: a.Org.ID}, d.now()); err != nil {
		return nil, err
	}
	return d.ownOrganization(r, a)
}

func (d *desk) delegate(r *http.Request, a staff.Actor) (reply, error) {
	_, err := d.staff.Delegate(r.Context(), a, r.PostFormValue("office"), chosenRoles(r), span(r), r.PostFormValue("instrument"), d.now())
	return d.after("staff.delegate", ""), err
}

func (d *desk) endDelegation(r *http.Request, a staff.Actor) (reply, error) {
	err := d.staff.EndDelegation(r.Context(), a, r.PostFormValue("office"), r.PostFormValue("id"), d.now())
	return d.after("staff.delegation_end", ""), err
}

func (d *desk) substitute(r *http.Request, a staff.Actor) (reply, error) {
	_, err := d.staff.Substitute(r.Context(), a, r.PostFormValue("absent"), r.PostFormValue("standIn"), chosenRoles(r), span(r), d.now())
	return d.after("staff.substitute", ""), err
}

func (d *desk) endSubstitute(r *http.Request, a staff.Actor) (reply, error) {
	err := d.staff.EndSubstitute(r.Context(), a, r.PostFormValue("standIn"), r.PostFormValue("id"), d.now())
	return d.after("staff.substitute_end", ""), err
}

func (d *desk) invite(r *http.Request, a staff.Actor) (reply, error) {
	made, code, err := d.staff.Invite(r.Context(), a, staff.Role(r.PostFormValue("role")), d.now())
	return d.notice(made, code), err
}

func (d *desk) removeMember(r *http.Request, a staff.Actor) (reply, error) {
	err := d.staff.RemoveMember(r.Context(), a, r.PostFormValue("user"), d.now())
	return d.after("staff.member_remove", ""), err
}
