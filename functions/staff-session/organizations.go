package function

import (
	"net/http"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

type organizationsPage struct {
	base
	Groups    []organizationGroup
	MayManage bool
	Find      string
	// For the form of a new one.
	KindOptions, DivisionOptions, ParentOptions []option
}

type organizationGroup struct {
	Kind staff.Kind
	Orgs []organizationView
}

type organizationView struct {
	staff.Organization
	Division string
}

func (d *desk) organizationsPage(r *http.Request, a staff.Actor) (data, error) {
	now, lang := d.now(), fn.Lang(r)
	if err := staff.Can(a, staff.UserRead, staff.Resource{}, now); err != nil {
		return nil, err
	}
	b, err := d.base(r, a)
	if err != nil {
		return nil, err
	}
	all, err := d.staff.Organizations(r.Context(), false)
	if err != nil {
		return nil, err
	}
	p := &organizationsPage{base: b, MayManage: a.May(staff.OrgManage, now), Find: r.URL.Query().Get("find")}
	for _, o := range all {
		if n := len(p.Groups); n == 0 || p.Groups[n-1].Kind != o.Kind {
			p.Groups = append(p.Groups, organizationGroup{Kind: o.Kind})
		}
		g := &p.Groups[len(p.Groups)-1]
		g.Orgs = append(g.Orgs, organizationView{o, divisionName(o.Division())})
		if o.Kind == staff.LeadBureau || o.Kind == staff.DistrictBureau {
			p.ParentOptions = append(p.ParentOptions, option{Value: o.ID, Text: o.Name})
		}
	}
	for _, k := range staff.Kinds() {
		if k != staff.Subject {
			p.KindOptions = append(p.KindOptions, option{Value: string(k), Text: page.Say(lang, "staff.kind."+string(k))})
		}
	}
	for _, dist := range staff.Districts() {
		p.DivisionOptions = append(p.DivisionOptions, option{Value: dist.Code, Text: divisionName(dist.Code)})
	}
	return p, nil
}

// organizations lists the administration's organisations. Subjects may be as
// many as there are firms: one is found by its code.
func (d *desk) organizations(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	return d.find(w, r, a, "organizations", d.organizationsPage, func(code string) (reply, error) {
		if err := staff.Can(a, staff.UserRead, staff.Resource{}, d.now()); err != nil {
			return nil, err
		}
		o, ok, err := d.staff.OrganizationByCode(r.Context(), code)
		if err == nil && !ok {
			err = fault.New(fault.NotFound, "staff.org.none").With("find", "staff.org.none")
		}
		return func(w http.ResponseWriter, r *http.Request, _ staff.Actor) error {
			d.see(w, r, "/organizations", o.ID)
			return nil
		}, err
	})
}

func (d *desk) newOrganization(r *http.Request, a staff.Actor) (data, error) {
	if err := staff.Can(a, staff.OrgManage, staff.Resource{}, d.now()); err != nil {
		return nil, err
	}
	return d.organizationsPage(r, a)
}

func (d *desk) createOrganization(r *http.Request, a staff.Actor) (reply, error) {
	o := staff.Organization{Kind: staff.Kind(r.PostFormValue("kind")), Name: r.PostFormValue("name"),
		Parent: r.PostFormValue("parent"), Divisions: r.PostForm["division"]}
	var err error
	if o.Code, err = readOptional("code", r.PostFormValue("code")); err != nil {
		return nil, err
	}
	o, err = d.staff.CreateOrganization(r.Context(), a, o, d.now())
	return d.after("staff.org_create", o.ID), err
}

func (d *desk) closeOrganization(r *http.Request, a staff.Actor) (reply, error) {
	id := r.PathValue("id")
	return d.after("staff.org_close", id), d.staff.CloseOrganization(r.Context(), a, id, d.now())
}
