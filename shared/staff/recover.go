package staff

import (
	"context"
	"slices"
	"time"

	"ipcredit/shared/fault"
)

// Recover gives somebody who has lost his second factor and his recovery codes a
// way in again, from the machine's command line: a new one-time password, no
// second factor until he sets one up at the first sign-in, all sessions ended. It
// is for the case in which nobody in the system can do it: the only head of
// discipline inspection, whom no administrator may become, or the last
// administrator but one. Where two people could, it is refused (Conflict
// "staff.recover.others").
//
// It cannot be done quietly: it stands in the journal as the operator's, and the
// person's own organisation and the lead bureau find it in their inboxes, with the
// reason.
func (d *Desk) Recover(ctx context.Context, username, reason string, now time.Time) (Outcome, error) {
	target, known, err := d.UserByName(ctx, username)
	if err != nil {
		return Outcome{}, err
	}
	if !known {
		return Outcome{}, fault.New(fault.NotFound, "staff.recover.unknown").With("username", "staff.recover.unknown")
	}
	if target.Disabled {
		return Outcome{}, fault.New(fault.Conflict, "staff.recover.disabled")
	}
	others, err := d.othersCan(ctx, target, now)
	if err != nil {
		return Outcome{}, err
	}
	if others {
		return Outcome{}, fault.New(fault.Conflict, "staff.recover.others")
	}
	return d.Do(ctx, Operator(), Order{Kind: OrderReset, User: target.ID, Reason: reason}, now)
}

// othersCan tells whether people in the system can reset the account: one who
// orders it and, where one is needed, another who confirms.
func (d *Desk) othersCan(ctx context.Context, target User, now time.Time) (bool, error) {
	org, err := d.org(ctx, d.rdb(), target.Org)
	if err != nil {
		return false, err
	}
	first, err := d.active(ctx, []Role{System}, target.ID, now)
	if err != nil || len(first) == 0 {
		return false, err
	}
	if !NeedsSecond(Order{Kind: OrderReset}, target, org) {
		return true, nil
	}
	second, err := d.active(ctx, []Role{System, Security}, target.ID, now)
	if err != nil {
		return false, err
	}
	if org.Kind == Discipline {
		heads, err := d.Able(ctx, org.ID, UserVouch, Resource{Unit: org.ID}, now)
		if err != nil {
			return false, err
		}
		if len(heads) > 0 { // then it is for them alone, see mayConfirm
			second = nil
			for _, h := range heads {
				if h.ID != target.ID {
					second = append(second, h.ID)
				}
			}
		}
	}
	return slices.ContainsFunc(second, func(id string) bool { return len(first) > 1 || first[0] != id }), nil
}

// active are the people in one of the administrators' roles, one left out.
func (d *Desk) active(ctx context.Context, roles []Role, but string, now time.Time) ([]string, error) {
	var out []string
	for _, r := range roles {
		ids, err := set(ctx, d.rdb(), d.key("holders", string(r)))
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			u, known, err := fetch[User](ctx, d.rdb(), d.key("user", id))
			if err != nil {
				return nil, err
			}
			if known && id != but && !u.Disabled && u.Has(r, now) && !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	return out, nil
}

// recovered is what everybody is told whom a reset at the machine concerns: the
// person's own organisation and the lead bureau.
func (d *Desk) recovered(ctx context.Context, target User, reason string, now time.Time) ([]Message, error) {
	to := []string{target.Org}
	lead, known, err := d.Unit(ctx, d.j.City())
	if err != nil {
		return nil, err
	}
	if known && lead.ID != target.Org {
		to = append(to, lead.ID)
	}
	var out []Message
	for _, org := range to {
		out = append(out, NewMessage(org, "staff.recovered", "user:"+target.ID, "staff.inbox.recovered", "", now, target.Username, reason))
	}
	return out, nil
}
