package casework

import (
	"slices"

	"ipcredit/shared/fault"
	"ipcredit/shared/staff"
)

// begun tells whether the investigation has begun: from then on two officers have
// the case at any time.
func (c Case) begun() bool { return c.has(string(Investigating)) }

func (c Case) closedNow() error {
	if !c.Open() {
		return fault.New(fault.Conflict, "casework.closed")
	}
	return nil
}

// claim makes somebody a handler of what waits, or the second one.
func (c *Case) claim(d doing) error {
	if err := c.closedNow(); err != nil {
		return err
	}
	switch {
	case slices.Contains(c.Handlers, d.by):
		return fault.New(fault.Conflict, "casework.claimed")
	case len(c.Handlers) >= 2:
		return fault.New(fault.Conflict, "casework.full")
	case slices.Contains(c.Recused, d.by):
		return fault.New(fault.Forbidden, "casework.recused")
	}
	c.Handlers = append(slices.Clone(c.Handlers), d.by)
	c.happen(Event{On: d.today, What: Claimed, By: d.by, Ref: d.by})
	return nil
}

// assign makes users the handlers. Whoever had it and does not any more is still
// known as having worked on it, where he did.
func (c *Case) assign(d doing, users []string) error {
	if err := c.closedNow(); err != nil {
		return err
	}
	least := 0
	if c.begun() {
		least = 2
	}
	unique := slices.Compact(slices.Sorted(slices.Values(users)))
	switch {
	case len(unique) != len(users) || len(users) > 2:
		return fault.New(fault.Invalid, "casework.form").With("handlers", "casework.handlers.two")
	case len(users) < least:
		return fault.New(fault.Refused, "casework.handlers").With("handlers", "casework.handlers")
	}
	for _, u := range users {
		if err := c.mayHandle(u); err != nil {
			return err
		}
	}
	c.Handlers = slices.Clone(users)
	for _, u := range users {
		c.happen(Event{On: d.today, What: Assigned, By: d.by, Ref: u})
	}
	if len(users) == 0 {
		c.happen(Event{On: d.today, What: Queued, By: d.by})
	}
	return nil
}

// mayHandle refuses a user who was recused, or reviewed or approved.
func (c Case) mayHandle(user string) error {
	switch {
	case slices.Contains(c.Recused, user):
		return fault.New(fault.Refused, "casework.recused").With("handlers", "casework.recused")
	case slices.Contains(c.Reviewers, user):
		return fault.New(fault.Refused, "staff.can.reviewed").With("handlers", "staff.can.reviewed")
	case slices.Contains(c.Approvers, user):
		return fault.New(fault.Refused, "staff.can.approved").With("handlers", "staff.can.approved")
	}
	return nil
}

// replace puts a user in another's place.
func (c *Case) replace(from, to string) error {
	if slices.Contains(c.Handlers, to) {
		return fault.New(fault.Conflict, "casework.claimed")
	}
	if err := c.mayHandle(to); err != nil {
		return err
	}
	at := slices.Index(c.Handlers, from)
	c.Handlers = slices.Clone(c.Handlers)
	c.Handlers[at] = to
	return nil
}

// recuse takes a user off the case. Once the investigation has begun a
// colleague takes his place in the same step; before, the case goes back to the
// queue where nobody else has it.
func (c *Case) recuse(d doing, user, instead string) error {
	if err := c.closedNow(); err != nil {
		return err
	}
	if user == instead || user == "" {
		return fault.New(fault.Invalid, "casework.form").With("instead", "casework.instead")
	}
	if slices.Contains(c.Recused, user) {
		return fault.New(fault.Conflict, "casework.recused")
	}
	at := slices.Index(c.Handlers, user)
	switch {
	case at < 0:
	case instead != "":
		if err := c.replace(user, instead); err != nil {
			return err
		}
	case c.begun():
		return fault.New(fault.Refused, "casework.instead.none").With("instead", "casework.instead.none")
	default:
		c.Handlers = slices.Delete(slices.Clone(c.Handlers), at, at+1)
	}
	c.Recused = append(slices.Clone(c.Recused), user)
	c.happen(Event{On: d.today, What: RecusedUser, By: d.by, Ref: user})
	if at >= 0 && instead != "" {
		c.happen(Event{On: d.today, What: HandedOver, By: d.by, Ref: instead})
	}
	return nil
}

// handOver gives one handler's part to a colleague.
func (c *Case) handOver(d doing, from, to string) error {
	if err := c.closedNow(); err != nil {
		return err
	}
	if !slices.Contains(c.Handlers, from) {
		return fault.New(fault.Conflict, "casework.hand_over.from")
	}
	if err := c.replace(from, to); err != nil {
		return err
	}
	c.happen(Event{On: d.today, What: HandedOver, By: d.by, Ref: to})
	return nil
}

// delegate gives the work to a 监管所.
func (c *Case) delegate(d doing, office, bureau string) error {
	if err := c.closedNow(); err != nil {
		return err
	}
	// The work, never the decision.
	if c.Office != "" || c.Offer != nil || !slices.Contains(offerable, c.State) {
		return fault.New(fault.Conflict, "casework.delegate.state")
	}
	c.Office, c.Bureau, c.Handlers = office, bureau, nil
	c.happen(Event{On: d.today, What: DelegatedTo, By: d.by, Ref: office})
	return nil
}

// undelegate brings it back to the unit's queue.
func (c *Case) undelegate(d doing) error {
	if err := c.closedNow(); err != nil {
		return err
	}
	if c.Office == "" {
		return fault.New(fault.Conflict, "casework.return.state")
	}
	c.happen(Event{On: d.today, What: Undelegated, By: d.by, Ref: c.Office})
	c.Office, c.Bureau, c.Handlers = "", "", nil
	return nil
}

// confirmZone notes an officer's finding by the address.
func (c *Case) confirmZone(d doing, zone string) error {
	if err := c.closedNow(); err != nil {
		return err
	}
	if err := c.mine(d); err != nil {
		return err
	}
	if zone != "" {
		at, ok := staff.DistrictOf(zone)
		if !ok || at.Level != "zone" {
			return fault.New(fault.Invalid, "casework.form").With("zone", "casework.zone")
		}
		c.Zone, c.Division = &Zone{Code: zone, By: d.by, On: d.today}, zone
	} else {
		// Not in a zone: the unit's own division, or the city's.
		c.Zone = nil
		if at, ok := staff.DistrictOf(c.Division); ok && at.Level == "zone" {
			c.Division = c.Unit
			if unit, ok := staff.DistrictOf(c.Unit); ok && unit.Level == "zone" {
				c.Division = unit.Competent
			}
		}
	}
	c.happen(Event{On: d.today, What: ZoneConfirmed, By: d.by, Ref: zone})
	c.acted(staff.CaseHandle, d.by)
	return nil
}
