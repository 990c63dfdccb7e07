package casework

import (
	"slices"

	"ipcredit/shared/fault"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// offerable are the states in which a unit can find that it is another's.
var offerable = []State{Lead, Filed, Investigating}

// offer asks another unit to take the case over.
func (c *Case) offer(d doing, unit string) error {
	switch {
	case c.Offer != nil:
		return fault.New(fault.Conflict, "casework.offered")
	case !slices.Contains(offerable, c.State) || c.Leaving != "":
		return fault.New(fault.Conflict, "casework.offer.state")
	case unit == c.Unit || unit == staff.DisciplineUnit:
		return fault.New(fault.Invalid, "casework.form").With("unit", "casework.offer.unit")
	}
	if len(c.Handlers) > 0 {
		if err := c.mine(d); err != nil {
			return err
		}
	}
	c.Offer = &Offer{To: unit, On: d.today, By: d.by}
	c.happen(Event{On: d.today, What: Offered, By: d.by, Ref: unit})
	return nil
}

// pass takes the case to the unit it was offered to. Its clocks go on; the place may
// now lie in a zone, so that has to be found anew.
func (c *Case) pass(d doing, what string) {
	from := c.Unit
	c.Unit, c.Leaving = c.Offer.To, from
	if at, ok := staff.DistrictOf(c.Unit); ok && at.Level != "city" {
		c.Division, c.Zone = c.Unit, nil
	}
	c.Handlers, c.Office, c.Bureau, c.Offer = nil, "", "", nil
	ref := from
	if what == DisputeSettled {
		ref = c.Unit
	}
	c.happen(Event{On: d.today, What: what, By: d.by, Ref: ref})
}

// accept is the other unit's.
func (c *Case) accept(d doing) error {
	// After a return it can still think better of it.
	if c.Offer == nil || c.Leaving != "" {
		return fault.New(fault.Conflict, "casework.offer.none")
	}
	c.pass(d, Accepted)
	return nil
}

func (c *Case) decline(d doing) error {
	if c.Offer == nil || c.Offer.Answered {
		return fault.New(fault.Conflict, "casework.offer.none")
	}
	o := *c.Offer
	o.Answered = true
	c.Offer = &o
	c.happen(Event{On: d.today, What: Declined, By: d.by, Ref: o.To})
	return nil
}

func (c *Case) withdraw(d doing) error {
	if c.Offer == nil {
		return fault.New(fault.Conflict, "casework.offer.none")
	}
	c.happen(Event{On: d.today, What: OfferWithdrawn, By: d.by, Ref: c.Offer.To})
	c.Offer = nil
	return nil
}

// dispute begins the seven working days. A dispute with the city's own unit is for
// a superior outside this system.
func (c *Case) dispute(d doing) error {
	switch {
	case c.Offer == nil || !c.Offer.Answered || !c.Offer.Disputed.IsZero():
		return fault.New(fault.Conflict, "casework.dispute.state")
	case superior(c.Unit, c.Offer.To) == "":
		return fault.New(fault.Refused, "casework.dispute.above")
	}
	o := *c.Offer
	o.Disputed = d.today
	c.Offer = &o
	c.happen(Event{On: d.today, What: DisputeBegun, By: d.by, Ref: o.To})
	return nil
}

// superior is the unit right above both; "" where there is none here.
func superior(a, b string) string {
	x, okX := staff.DistrictOf(a)
	y, okY := staff.DistrictOf(b)
	if !okX || !okY || x.Above != y.Above || x.Level == "city" || y.Level == "city" {
		return ""
	}
	return x.Above
}

// settle is the common superior's.
func (c *Case) settle(d doing, unit string) error {
	if c.Offer == nil || c.Offer.Disputed.IsZero() {
		return fault.New(fault.Conflict, "casework.dispute.none")
	}
	if unit != c.Unit && unit != c.Offer.To {
		return fault.New(fault.Invalid, "casework.form").With("unit", "casework.dispute.unit")
	}
	k, ok, err := c.clockNow(JurisdictionClock, d)
	switch {
	case err != nil:
		return err
	case ok && !d.today.After(k.Due):
		return fault.New(fault.Conflict, "casework.dispute.early", k.Due.String())
	}
	if unit == c.Offer.To {
		c.pass(d, DisputeSettled)
		return nil
	}
	c.happen(Event{On: d.today, What: DisputeSettled, By: d.by, Ref: unit})
	c.Offer = nil
	return nil
}

// mergeable are the states from which a case can be handled with another.
var mergeable = []State{Lead, Filed, Investigating}

// merge puts what the case is about into another of the unit and ends it.
func (c *Case) merge(d doing, into *Case) error {
	if c.Number == into.Number || c.Unit != into.Unit || c.Kind != into.Kind {
		return fault.New(fault.Refused, "casework.form").With("into", "casework.merge.other")
	}
	if err := c.mine(d); err != nil {
		return err
	}
	switch {
	case !slices.Contains(mergeable, c.State) || !slices.Contains(mergeable, into.State),
		c.Offer != nil, into.Offer != nil:
		return fault.New(fault.Conflict, "casework.merge.state")
	case slices.Index(mergeable, into.State) < slices.Index(mergeable, c.State), into.began().After(c.began()):
		// The clock of the older one goes on.
		return fault.New(fault.Conflict, "casework.merge.order")
	case len(c.waiting()) > 0:
		return fault.New(fault.Conflict, "casework.paused")
	case len(c.preserved()) > 0:
		return fault.New(fault.Conflict, "casework.preserved")
	}
	was := *into
	union := func(to *[]string, from []string) {
		for _, v := range from {
			if !slices.Contains(*to, v) {
				*to = append(slices.Clone(*to), v)
			}
		}
	}
	for _, p := range c.Parties {
		if !slices.ContainsFunc(into.Parties, func(q Party) bool { return q.Name == p.Name && q.Code == p.Code && q.Role == p.Role }) {
			into.Parties = append(slices.Clone(into.Parties), p)
		}
	}
	union(&into.Applications, c.Applications)
	union(&into.Marks, c.Marks)
	union(&into.Agents, c.Agents)
	union(&into.Tags, c.Tags)
	union(&into.TipOffs, c.TipOffs)
	union(&into.Same, append([]string{c.Number}, c.Same...))
	// Who had a part in the one had it in the other.
	union(&into.Worked, c.Worked)
	union(&into.Reviewers, c.Reviewers)
	union(&into.Approvers, c.Approvers)
	union(&into.Recused, c.Recused)
	for _, h := range into.Handlers {
		if err := into.mayHandle(h); err != nil {
			return err
		}
	}
	into.People += c.People
	if into.ActEnded.Before(c.ActEnded) {
		into.ActEnded = c.ActEnded
	}
	into.Continuing, into.Health = into.Continuing || c.Continuing, into.Health || c.Health
	all := map[string]Took{c.Number: took(was, *into)}
	for number, t := range into.Took {
		all[number] = t
	}
	into.Took = all
	into.happen(Event{On: d.today, What: MergedIn, By: d.by, Ref: c.Number})
	c.Into = into.Number
	c.reach(Merged, d.today, d.by)
	c.acted(staff.CaseHandle, d.by)
	into.acted(staff.CaseHandle, d.by)
	return nil
}

// began is the day from which the clock of the check or of the decision runs.
func (c Case) began() workday.Date {
	if filed, ok := c.last(string(Filed)); ok {
		return filed.On
	}
	return c.ReceivedOn
}
