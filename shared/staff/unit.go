package staff

import (
	"context"
	"slices"
	"time"
)

// DisciplineUnit is the label of the unit that gets every tip-off against a
// bureau or an official. All other labels are division codes.
const DisciplineUnit = "discipline"

// UnitLabels lists the labels a sealed tip-off can be addressed to: the city
// and each division beneath it, then DisciplineUnit.
func UnitLabels() []string {
	var out []string
	for _, d := range districts() {
		if d.Level != "province" {
			out = append(out, d.Code)
		}
	}
	return append(out, DisciplineUnit)
}

// UnitResource is what is sealed to the unit with this label, as Can sees it.
// Who handles it follows from the label and not from the division where it
// happened: a tip-off of a county that was sealed to the city's unit, because
// the county has no key, is the city's. What is sealed to DisciplineUnit keeps
// its division, which discipline inspection reaches wherever in the city it is.
//
// A matter adds what it knows: Parties once it is opened, Unit when it was
// assigned to a 监管所, Handlers, AskedBy. See Store.Matter for the rest.
func UnitResource(label, division string) Resource {
	if label == DisciplineUnit {
		return Resource{Division: division, Official: true}
	}
	return Resource{Division: label}
}

// Units lists the labels of the units for whose matters the actor may do the
// action, in the order of UnitLabels: what a list of tip-offs may show him.
// They are those for which Can allows a UnitResource of which nothing else is
// known; a single one can still be refused him (a party he is tied to, his own
// part in it), so whoever opens it asks Can again.
func (a Actor) Units(action Action, at time.Time) []string {
	return slices.DeleteFunc(UnitLabels(), func(label string) bool {
		return Can(a, action, UnitResource(label, ""), at) != nil
	})
}

// TiedTo tells whether the actor must stay away from one of the parties (回避):
// because it is the organisation he works in, his employer, or one he declared.
// Can asks it for every resource with Parties; it is there for lists, which
// leave out what he would be refused.
func (a Actor) TiedTo(parties []Party) bool {
	return a.User.tiedTo(a.Org, parties)
}

func (u User) tiedTo(org Organization, parties []Party) bool {
	ties := []Party{{Code: org.Code, Name: org.Name}, u.Employer}
	for _, t := range u.Ties {
		ties = append(ties, t.Party)
	}
	return slices.ContainsFunc(parties, func(p Party) bool {
		return slices.ContainsFunc(ties, func(t Party) bool { return same(t, p) })
	})
}

// Unit returns the organisation behind a label: the bureau or zone
// administration whose main division it is, or discipline inspection. False
// when the city has none that is open.
func (s *Store) Unit(ctx context.Context, label string) (Organization, bool, error) {
	all, err := s.Organizations(ctx, false)
	if err != nil {
		return Organization{}, false, err
	}
	for _, o := range all {
		switch {
		case o.Closed:
		case label == DisciplineUnit && o.Kind == Discipline,
			o.Division() == label && slices.Contains([]Kind{LeadBureau, DistrictBureau, ZoneAdministration}, o.Kind):
			return o, true, nil
		}
	}
	return Organization{}, false, nil
}

// Matter completes a resource made by UnitResource with what only the
// organisations know: the unit that handles it, the one above, and Small, which
// lets the one above do the action. A unit is too small when it lacks three
// different people for handling, review and approval, or when nobody of it may
// do this action to this resource: everybody is tied to a party, the custodian
// is who asked, or there is none. Above a matter of discipline inspection
// nobody stands.
func (s *Store) Matter(ctx context.Context, action Action, label string, r Resource, at time.Time) (Resource, error) {
	if r.Unit == "" {
		o, ok, err := s.Unit(ctx, label)
		if err != nil || !ok {
			return r, err
		}
		r.Unit, r.Parent = o.ID, o.Parent
	} else {
		o, err := s.org(ctx, s.rdb(), r.Unit)
		if err != nil {
			return r, err
		}
		r.Parent = o.Parent
	}
	if r.Official {
		r.Parent, r.Small = "", false
		return r, nil
	}
	able, err := s.Able(ctx, r.Unit, action, r, at)
	if err != nil {
		return r, err
	}
	r.Small = len(able) == 0
	if st := rules[action].step; !r.Small && (st == review || st == approve) {
		members, err := s.Members(ctx, r.Unit)
		if err != nil {
			return r, err
		}
		r.Small = Small(members, r.Division, at)
	}
	return r, nil
}

// Units is Actor.Units together with the units beneath the actor's organisation
// that cannot do the action themselves (see Matter), in the order of UnitLabels:
// whose requests a custodian of the city is to answer. It reads the members of
// those units; a list of tip-offs does with Actor.Units.
func (s *Store) Units(ctx context.Context, a Actor, action Action, at time.Time) ([]string, error) {
	var out []string
	own := a.Units(action, at)
	for _, label := range UnitLabels() {
		if slices.Contains(own, label) {
			out = append(out, label)
			continue
		}
		if rules[action].reach != unitAbove || !a.May(action, at) {
			continue
		}
		r, err := s.Matter(ctx, action, label, UnitResource(label, ""), at)
		if err != nil {
			return nil, err
		}
		if Can(a, action, r, at) == nil {
			out = append(out, label)
		}
	}
	return out, nil
}

// Able lists the members of an organisation who may do the action to the
// resource, by user name: whom it can be assigned to, or who can be asked.
func (s *Store) Able(ctx context.Context, org string, action Action, r Resource, at time.Time) ([]User, error) {
	members, err := s.Members(ctx, org)
	if err != nil {
		return nil, err
	}
	var out []User
	for _, u := range members {
		a, err := s.Actor(ctx, u.ID)
		if err != nil {
			return nil, err
		}
		if Can(a, action, r, at) == nil {
			out = append(out, u)
		}
	}
	return out, nil
}
