package staff

import (
	"context"
	"slices"
	"sort"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// OrderKind is what an administrator asks for.
type OrderKind string

// The orders.
const (
	OrderGrant   OrderKind = "grant"   // give a role
	OrderRevoke  OrderKind = "revoke"  // take a role
	OrderReset   OrderKind = "reset"   // new one-time password, no second factor
	OrderDisable OrderKind = "disable" // no sign-in any more
	OrderEnable  OrderKind = "enable"
)

var orderActions = map[OrderKind]Action{
	OrderGrant: UserGrant, OrderRevoke: UserGrant, OrderReset: UserReset, OrderDisable: UserDisable, OrderEnable: UserDisable,
}

// Order is a change to an account.
type Order struct {
	Kind     OrderKind `json:"kind"`
	User     string    `json:"user"`
	Role     Role      `json:"role,omitempty"`
	Division string    `json:"division,omitempty"`
	Span     Span      `json:"span"`
	Reason   string    `json:"reason"`
}

// Proposal is an order that waits for a second administrator.
type Proposal struct {
	ID    string `json:"id"`
	Order Order  `json:"order"`
	// Username and Org are the user's, for the list.
	Username  string    `json:"username"`
	Org       string    `json:"org"`
	By        string    `json:"by"`
	At        time.Time `json:"at"`
	ExpiresAt time.Time `json:"expiresAt"`
	Done      string    `json:"done,omitempty"` // "confirmed" or "withdrawn"
	DoneBy    string    `json:"doneBy,omitempty"`
	DoneAt    time.Time `json:"doneAt,omitzero"`
}

// Outcome is what came of an order.
type Outcome struct {
	// Order is what was carried out, or waits.
	Order Order
	// Proposal is set when the order waits for a second person.
	Proposal *Proposal
	// OneTime is the password to hand over after a reset, shown once.
	OneTime string
}

// guarded roles are powerful enough that one person alone neither gives nor
// takes them, nor gets into the account of somebody who has one.
func guarded(r Role) bool { return r.Administrator() || r == Custodian }

// NeedsSecond tells whether an order about a user of an organisation needs a
// second person: it gives or takes an administrator's or a custodian's role, or
// resets, disables or enables somebody who has or had one; or it is about
// anybody of discipline inspection, whom the bureau's administrators must not
// be able to become.
func NeedsSecond(o Order, target User, org Organization) bool {
	if org.Kind == Discipline {
		return true
	}
	if o.Kind == OrderGrant || o.Kind == OrderRevoke {
		return guarded(o.Role)
	}
	return slices.ContainsFunc(target.Grants, func(g Grant) bool { return guarded(g.Role) })
}

// mayConfirm says nil when the actor may be the second person for an order
// about a member of the organisation: a head of discipline inspection for its
// own people, as soon as it has one; otherwise a system or security
// administrator.
func (s *Store) mayConfirm(ctx context.Context, by Actor, org Organization, now time.Time) error {
	if org.Kind == Discipline {
		r := Resource{Unit: org.ID}
		heads, err := s.Able(ctx, org.ID, UserVouch, r, now)
		if err != nil {
			return err
		}
		if len(heads) > 0 {
			if by.Org.ID != org.ID || !by.Vouches(now) {
				return fault.New(fault.Forbidden, "staff.proposal.discipline")
			}
			return nil
		}
	}
	return by.allow(UserDisable, Resource{}, now)
}

// Do carries out an order, or keeps it as a proposal where a second person is
// needed. The operator at the machine is one person and enough: he holds all
// secrets, and his commands stand in the journal.
func (d *Desk) Do(ctx context.Context, by Actor, o Order, now time.Time) (Outcome, error) {
	action, ok := orderActions[o.Kind]
	if !ok {
		return Outcome{}, fault.New(fault.Invalid, "staff.order.kind")
	}
	if err := by.allow(action, Resource{}, now); err != nil {
		return Outcome{}, err
	}
	var err error
	if o.Reason, err = readName("reason", o.Reason, 200); err != nil {
		return Outcome{}, err
	}
	target, err := d.user(ctx, d.rdb(), o.User)
	if err != nil {
		return Outcome{}, err
	}
	if target.ID == by.id() {
		return Outcome{}, fault.New(fault.Refused, "staff.order.self")
	}
	org, err := d.org(ctx, d.rdb(), target.Org)
	if err != nil {
		return Outcome{}, err
	}
	if !NeedsSecond(o, target, org) || by.id() == operatorID {
		return d.execute(ctx, by, o, nil, now)
	}
	p := Proposal{ID: newID("p", now), Order: o, Username: target.Username, Org: org.ID, By: by.id(), At: now.UTC(),
		ExpiresAt: now.Add(d.p.Days("proposal.days")).UTC()}
	err = d.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.propose", Ref: "proposal:" + p.ID, At: now},
		nil, func(tx *journal.Tx) error {
			tx.SAdd(d.key("proposals"), p.ID)
			return put(tx, d.key("proposal", p.ID), p)
		})
	return Outcome{Order: o, Proposal: &p}, err
}

// Vouches tells whether the actor confirms orders about his own organisation's
// people: a head of discipline inspection.
func (a Actor) Vouches(at time.Time) bool { return a.Org.Kind == Discipline && a.May(UserVouch, at) }

// Confirm carries out a proposal as its second person (see NeedsSecond): an
// administrator, or a head of discipline inspection for its own people, who is
// neither who proposed it nor whom it is about.
func (d *Desk) Confirm(ctx context.Context, by Actor, id string, now time.Time) (Outcome, error) {
	p, ok, err := d.proposal(ctx, by, id, now)
	if err != nil {
		return Outcome{}, err
	}
	switch {
	case !ok || p.Done != "" || !now.Before(p.ExpiresAt):
		return Outcome{}, fault.New(fault.Conflict, "staff.proposal.ended")
	case p.By == by.id() || p.Order.User == by.id():
		return Outcome{}, fault.New(fault.Forbidden, "staff.proposal.own")
	}
	target, err := d.Actor(ctx, p.Order.User)
	if err != nil {
		return Outcome{}, err
	}
	if err := d.mayConfirm(ctx, by, target.Org, now); err != nil {
		return Outcome{}, err
	}
	// Who proposed it must still be allowed to.
	first, err := d.Actor(ctx, p.By)
	if err != nil {
		return Outcome{}, err
	}
	if err := Can(first, orderActions[p.Order.Kind], Resource{}, now); err != nil {
		return Outcome{}, err
	}
	return d.execute(ctx, by, p.Order, &p, now)
}

// proposal reads a proposal for somebody who may see it: an administrator, or a
// head of the organisation whose member it is about. Nobody else learns whether
// it is there.
func (d *Desk) proposal(ctx context.Context, by Actor, id string, now time.Time) (Proposal, bool, error) {
	p, ok, err := fetch[Proposal](ctx, d.rdb(), d.key("proposal", id))
	if err != nil {
		return p, false, err
	}
	return p, ok, d.seesProposal(by, p, now)
}

func (s *Store) seesProposal(by Actor, p Proposal, now time.Time) error {
	if p.Org == by.Org.ID && by.Vouches(now) {
		return nil
	}
	return by.allow(UserDisable, Resource{}, now)
}

// Withdraw ends a proposal without carrying it out.
func (d *Desk) Withdraw(ctx context.Context, by Actor, id string, now time.Time) error {
	if _, _, err := d.proposal(ctx, by, id, now); err != nil {
		return err
	}
	return d.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.proposal_withdraw", Ref: "proposal:" + id, At: now},
		[]string{d.key("proposal", id)}, func(tx *journal.Tx) error {
			return d.finish(ctx, tx, id, "withdrawn", by.id(), now)
		})
}

// finish queues the end of a proposal; the caller watches it.
func (d *Desk) finish(ctx context.Context, tx *journal.Tx, id, how, by string, now time.Time) error {
	p, ok, err := fetch[Proposal](ctx, tx.Read(), d.key("proposal", id))
	if err != nil {
		return err
	}
	if !ok || p.Done != "" || how == "confirmed" && !now.Before(p.ExpiresAt) {
		return fault.New(fault.Conflict, "staff.proposal.ended")
	}
	p.Done, p.DoneBy, p.DoneAt = how, by, now.UTC()
	tx.SRem(d.key("proposals"), id)
	return put(tx, d.key("proposal", id), p)
}

// Proposals lists those that wait, oldest first: all of them for an
// administrator, those about his own people for a head of discipline
// inspection. Ones past their end are left out; Sweep takes them off the list.
func (s *Store) Proposals(ctx context.Context, by Actor, now time.Time) ([]Proposal, error) {
	all := by.allow(UserRead, Resource{}, now)
	if all != nil && !by.Vouches(now) {
		return nil, all
	}
	ids, err := set(ctx, s.rdb(), s.key("proposals"))
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = s.key("proposal", id)
	}
	out, err := fetchAll[Proposal](ctx, s.rdb(), keys)
	out = slices.DeleteFunc(out, func(p Proposal) bool {
		return p.Done != "" || !now.Before(p.ExpiresAt) || all != nil && p.Org != by.Org.ID
	})
	sort.Slice(out, func(i, j int) bool { return out[i].ID < out[j].ID })
	return out, err
}

// execute changes the account, with the end of its proposal in one commit.
func (d *Desk) execute(ctx context.Context, by Actor, o Order, p *Proposal, now time.Time) (Outcome, error) {
	out := Outcome{Order: o}
	var reset credential
	if o.Kind == OrderReset {
		out.OneTime = oneTime()
		hash, err := d.v.hash(ctx, o.User, out.OneTime)
		if err != nil {
			return Outcome{}, err
		}
		reset = credential{Hash: hash, Must: true, OneTimeUntil: now.Add(d.p.Hours("password.one_time_hours")).UTC(), ChangedAt: now.UTC()}
	}
	// What one person alone does at the machine is told to those it concerns.
	var loud []Message
	if o.Kind == OrderReset && by.id() == operatorID {
		target, err := d.user(ctx, d.rdb(), o.User)
		if err != nil {
			return Outcome{}, err
		}
		if loud, err = d.recovered(ctx, target, o.Reason, now); err != nil {
			return Outcome{}, err
		}
	}
	ukey := d.key("user", o.User)
	watch := []string{ukey}
	if p != nil {
		watch = append(watch, d.key("proposal", p.ID))
	}
	// An order that could leave the city without an administrator reads the
	// other holders; their list is short and changes seldom.
	for _, r := range []Role{System, Security, Auditor} {
		watch = append(watch, d.key("holders", string(r)))
	}
	err := d.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.order_" + string(o.Kind), Ref: "user:" + o.User, At: now},
		watch, func(tx *journal.Tx) error {
			u, err := d.user(ctx, tx.Read(), o.User)
			if err != nil {
				return err
			}
			org, err := d.org(ctx, tx.Read(), u.Org)
			if err != nil {
				return err
			}
			before := u
			if err := apply(&u, org, o, by.id(), now); err != nil {
				return err
			}
			if o.Kind == OrderRevoke || o.Kind == OrderDisable {
				if err := d.keepsAdministrators(ctx, tx, before, u, now); err != nil {
					return err
				}
			}
			if o.Kind == OrderGrant && o.Role.Administrator() {
				tx.SAdd(d.key("holders", string(o.Role)), u.ID)
			}
			if o.Kind == OrderReset {
				if err := put(tx, d.secretKey(u.ID), reset); err != nil {
					return err
				}
			}
			for _, m := range loud {
				if err := d.Tell(tx, m); err != nil {
					return err
				}
			}
			if p != nil {
				if err := d.finish(ctx, tx, p.ID, "confirmed", by.id(), now); err != nil {
					return err
				}
			}
			return put(tx, ukey, u)
		})
	if err != nil {
		return Outcome{}, err
	}
	return out, nil
}

// apply is what an order does to a user.
func apply(u *User, org Organization, o Order, by string, now time.Time) error {
	switch o.Kind {
	case OrderGrant:
		return grant(u, org, Grant{Role: o.Role, Division: o.Division, Span: o.Span, By: by, At: now.UTC()}, now)
	case OrderRevoke:
		n := len(u.Grants)
		u.Grants = slices.DeleteFunc(slices.Clone(u.Grants), func(g Grant) bool {
			return g.Role == o.Role && (o.Division == "" || g.Division == o.Division)
		})
		if len(u.Grants) == n {
			return fault.New(fault.NotFound, "staff.grant.none")
		}
	case OrderDisable:
		u.Disabled = true
	case OrderEnable:
		u.Disabled = false
		return nil
	}
	// Whatever takes something away ends the sessions as well.
	u.Epoch++
	return nil
}

// grant adds a role if the person may have it beside his others.
func grant(u *User, org Organization, g Grant, now time.Time) error {
	if g.Division == "" {
		g.Division = org.Division()
	}
	if !slices.ContainsFunc(org.Divisions, func(d string) bool { return covers(d, g.Division) }) {
		return fault.New(fault.Refused, "staff.grant.division").With("division", "staff.grant.division")
	}
	if g.From != "" || g.To != "" {
		if g.From == "" {
			g.From = day(now)
		}
		span := g.Span
		if span.To == "" {
			span.To = max(span.From, day(now)) // an open end is fine for a role
		}
		if err := span.check(now, 0); err != nil {
			return err
		}
	}
	roles := []Role{g.Role}
	for _, have := range u.Grants {
		if have.To == "" || have.To >= day(now) {
			if have.Role == g.Role && have.Division == g.Division {
				return fault.New(fault.Conflict, "staff.grant.has").With("role", "staff.grant.has")
			}
			roles = append(roles, have.Role)
		}
	}
	if err := CheckRoles(org.Kind, roles); err != nil {
		return err
	}
	if g.Role.Administrator() && slices.ContainsFunc(u.StandsFor, func(s Substitute) bool { return !s.Ended && s.To >= day(now) }) {
		return fault.New(fault.Refused, "staff.role.admin_business").With("role", "staff.role.admin_business")
	}
	u.Grants = append(slices.Clone(u.Grants), g)
	return nil
}

// keepsAdministrators refuses what would leave the city without an active
// person in one of the three administrators' roles.
func (d *Desk) keepsAdministrators(ctx context.Context, tx *journal.Tx, before, after User, now time.Time) error {
	for _, r := range []Role{System, Security, Auditor} {
		if !before.Has(r, now) || before.Disabled || after.Has(r, now) && !after.Disabled {
			continue
		}
		n, err := d.holders(ctx, tx, r, before.ID, now)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.Refused, "staff.order.last_administrator")
		}
	}
	return nil
}

// holders counts the active people in an administrator's role, one left out.
func (d *Desk) holders(ctx context.Context, tx *journal.Tx, r Role, but string, now time.Time) (int, error) {
	ids, err := set(ctx, tx.Read(), d.key("holders", string(r)))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, id := range ids {
		// Two administrators disabling each other at once must not both succeed.
		if err := tx.Watch(d.key("user", id)); err != nil {
			return 0, err
		}
		u, ok, err := fetch[User](ctx, tx.Read(), d.key("user", id))
		if err != nil {
			return 0, err
		}
		if ok && id != but && !u.Disabled && u.Has(r, now) {
			n++
		}
	}
	return n, nil
}
