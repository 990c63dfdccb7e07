package function

import (
	"net/http"

	"ipcredit/shared/staff"
)

type proposalsPage struct {
	base
	Proposals []proposalView
	MayDecide bool
	MaySee    bool // the pages of the users they are about
}

type proposalView struct {
	staff.Proposal
	ByName   string
	Division string
	Own      bool // proposed by the actor, or about him
	Vouched  bool // for a head of discipline inspection to confirm
}

func (d *desk) proposalsPage(r *http.Request, a staff.Actor) (data, error) {
	now := d.now()
	list, err := d.staff.Proposals(r.Context(), a, now)
	if err != nil {
		return nil, err
	}
	b, err := d.base(r, a)
	if err != nil {
		return nil, err
	}
	p := &proposalsPage{base: b, MayDecide: a.May(staff.UserDisable, now) || a.Vouches(now), MaySee: a.May(staff.UserRead, now)}
	for _, pr := range list {
		v := proposalView{Proposal: pr, Own: pr.By == a.User.ID || pr.Order.User == a.User.ID, Division: divisionName(pr.Order.Division)}
		by, err := d.staff.User(r.Context(), pr.By)
		if err != nil {
			return nil, err
		}
		v.ByName = by.Name
		org, err := d.staff.Organization(r.Context(), pr.Org)
		if err != nil {
			return nil, err
		}
		v.Vouched = org.Kind == staff.Discipline && a.Org.ID != org.ID
		p.Proposals = append(p.Proposals, v)
	}
	return p, nil
}

func (d *desk) decide(r *http.Request, a staff.Actor) (reply, error) {
	id := r.PathValue("id")
	if r.PostFormValue("decision") != "confirm" {
		return d.after("staff.proposal_withdraw", ""), d.staff.Withdraw(r.Context(), a, id, d.now())
	}
	out, err := d.staff.Confirm(r.Context(), a, id, d.now())
	if err != nil {
		return nil, err
	}
	return d.outcome(r, out, out.Order)
}
