package function

import (
	"context"
	"net/http"
	"slices"

	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/linkage"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// linkageOffer fills what the form of the action offers.
func (d *desk) linkageOffer(r *http.Request, a staff.Actor, p *linkageActPage) error {
	lang := fn.Lang(r)
	switch p.Action {
	case "letter":
		p.To = options(lang, "applications.to.", []string{linkage.ToApplicant})
		if p.Agency {
			p.To = options(lang, "applications.to.", []string{linkage.ToApplicant, linkage.ToAgency})
		}
	case "contact":
		p.Methods = options(lang, "linkage.method.", linkage.Methods)
	case "result":
		var all []linkage.State
		for _, s := range linkage.States {
			if slices.ContainsFunc(p.Members, func(m linkageMember) bool { return slices.Contains(linkageOutcomes(m.State), s) }) {
				all = append(all, s)
			}
		}
		p.Outcomes = options(lang, "linkage.state.", all)
		for i, s := range all {
			if page.Has("applications.outcome_hint." + string(s)) {
				p.Outcomes[i].Hint = page.Say(lang, "applications.outcome_hint."+string(s))
			}
		}
	case "assign", "reroute":
		for _, area := range ident.Areas(d.env.Now()) {
			switch area.Kind {
			case ident.City:
				p.Divisions = append(p.Divisions, option{Value: area.Code, Text: page.Say(lang, "applications.to_city", area.Name)})
			case ident.County, ident.Zone:
				p.Divisions = append(p.Divisions, option{Value: area.Code, Text: area.Name})
			}
		}
		if p.Action == "reroute" {
			p.Reasons = options(lang, "linkage.reason.", linkage.Reasons)
			return nil
		}
		var err error
		p.Owners, err = d.linkageOwners(r.Context(), a, p.Members)
		return err
	}
	return nil
}

// linkageOwners are the officers who may handle all of the applications: of the
// unit and of the 监管所 that it has delegated to.
func (d *desk) linkageOwners(ctx context.Context, a staff.Actor, list []linkageMember) ([]option, error) {
	if len(list) == 0 {
		return nil, nil
	}
	unit := list[0].Application.Unit
	if slices.ContainsFunc(list, func(m linkageMember) bool { return m.Application.Unit != unit }) {
		return nil, nil // of several units: to oneself only, where one may
	}
	bureau, ok, err := d.staff.Unit(ctx, unit)
	if err != nil || !ok {
		return nil, err
	}
	orgs, err := d.staff.Organizations(ctx, false)
	if err != nil {
		return nil, err
	}
	var out []option
	for _, o := range orgs {
		if o.Closed || o.ID != bureau.ID && (o.Parent != bureau.ID || o.Kind != staff.SubOffice) {
			continue
		}
		able, err := d.staff.Able(ctx, o.ID, staff.CaseHandle, staff.UnitResource(unit, unit), d.env.Now())
		if err != nil {
			return nil, err
		}
		for _, u := range able {
			text := u.Name
			if o.ID != bureau.ID {
				text += "（" + o.Name + "）"
			}
			out = append(out, option{Value: u.ID, Text: text})
		}
	}
	// Whoever assigns is the first.
	slices.SortStableFunc(out, func(x, y option) int {
		switch a.User.ID {
		case x.Value:
			return -1
		case y.Value:
			return 1
		}
		return 0
	})
	return out, nil
}
