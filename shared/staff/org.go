package staff

import (
	"context"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// operatorID stands in the journal for the person at the machine.
const operatorID = "operator"

// Operator is the person who runs commands on the machine itself and holds its
// secrets anyway: he may do what the administrators may. Only the operator's
// commands use it; no session ever becomes one.
func Operator() Actor { return Actor{User: User{ID: operatorID}} }

func (a Actor) id() string { return a.User.ID }

// allow is Can, and lets the operator administer.
func (a Actor) allow(action Action, r Resource, at time.Time) error {
	if a.User.ID == operatorID && a.Org.ID == "" {
		for _, role := range rules[action].roles {
			if role.Administrator() {
				return nil
			}
		}
	}
	return Can(a, action, r, at)
}

func newID(prefix string, at time.Time) string {
	return prefix + strings.ToLower(ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String())
}

// Organization returns one organisation.
func (s *Store) Organization(ctx context.Context, id string) (Organization, error) {
	return s.org(ctx, s.rdb(), id)
}

// OrganizationByCode returns the organisation with this credit code; false when
// there is none.
func (s *Store) OrganizationByCode(ctx context.Context, code string) (Organization, bool, error) {
	id, err := text(ctx, s.rdb(), s.key("code", code))
	if err != nil || id == "" {
		return Organization{}, false, err
	}
	o, err := s.org(ctx, s.rdb(), id)
	return o, err == nil, err
}

// Organizations lists the organisations, by kind, division and name. Subjects
// are left out unless asked for: there may be as many as firms in the city.
func (s *Store) Organizations(ctx context.Context, subjects bool) ([]Organization, error) {
	ids, err := set(ctx, s.rdb(), s.key("orgs"))
	if err != nil {
		return nil, err
	}
	if subjects {
		more, err := set(ctx, s.rdb(), s.key("subjects"))
		if err != nil {
			return nil, err
		}
		ids = append(ids, more...)
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = s.key("org", id)
	}
	out, err := fetchAll[Organization](ctx, s.rdb(), keys)
	if err != nil {
		return nil, err
	}
	kinds := Kinds()
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if x, y := slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind); x != y {
			return x < y
		}
		if a.Division() != b.Division() {
			return a.Division() < b.Division()
		}
		return a.Name < b.Name
	})
	return out, nil
}

// Members lists the people of an organisation by user name.
func (s *Store) Members(ctx context.Context, org string) ([]User, error) {
	ids, err := set(ctx, s.rdb(), s.key("members", org))
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = s.key("user", id)
	}
	out, err := fetchAll[User](ctx, s.rdb(), keys)
	sort.Slice(out, func(i, j int) bool { return out[i].Username < out[j].Username })
	return out, err
}

// User returns one user.
func (s *Store) User(ctx context.Context, id string) (User, error) {
	return s.user(ctx, s.rdb(), id)
}

// UserByName returns the user with this user name; false when there is none.
func (s *Store) UserByName(ctx context.Context, username string) (User, bool, error) {
	id, err := text(ctx, s.rdb(), s.key("name", username))
	if err != nil || id == "" {
		return User{}, false, err
	}
	u, err := s.user(ctx, s.rdb(), id)
	return u, err == nil, err
}

// CreateOrganization adds an organisation that is not a subject (those come by
// activation) and returns it. An empty ID is filled.
func (s *Store) CreateOrganization(ctx context.Context, by Actor, o Organization, now time.Time) (Organization, error) {
	if err := by.allow(OrgManage, Resource{}, now); err != nil {
		return o, err
	}
	if o.Kind == Subject {
		return o, fault.New(fault.Refused, "staff.org.subject").With("kind", "staff.org.subject")
	}
	return s.createOrganization(ctx, by, o, now)
}

func (s *Store) createOrganization(ctx context.Context, by Actor, o Organization, now time.Time) (Organization, error) {
	if !slices.Contains(Kinds(), o.Kind) {
		return o, fault.New(fault.Invalid, "staff.org.kind").With("kind", "staff.org.kind")
	}
	var err error
	if o.Name, err = readName("name", o.Name, 80); err != nil {
		return o, err
	}
	if len(o.Divisions) == 0 {
		return o, fault.New(fault.Invalid, "staff.org.division").With("division", "staff.org.division")
	}
	for _, d := range o.Divisions {
		if _, ok := DistrictOf(d); !ok {
			return o, fault.New(fault.Invalid, "staff.org.division").With("division", "staff.org.division")
		}
	}
	if o.Kind == SubOffice && o.Parent == "" {
		return o, fault.New(fault.Invalid, "staff.org.parent").With("parent", "staff.org.parent")
	}
	if o.ID == "" {
		o.ID = newID("o", now)
	}
	o.Received, o.Closed = nil, false
	list := "orgs"
	if o.Kind == Subject {
		list = "subjects"
	}
	watch := []string{s.key("org", o.ID)}
	if o.Code != "" {
		watch = append(watch, s.key("code", o.Code))
	}
	if o.Parent != "" {
		watch = append(watch, s.key("org", o.Parent))
	}
	err = s.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.org_create", Ref: "org:" + o.ID, At: now},
		watch, func(tx *journal.Tx) error { return s.addOrganization(ctx, tx, o, list) })
	return o, err
}

func (s *Store) addOrganization(ctx context.Context, tx *journal.Tx, o Organization, list string) error {
	taken, err := exists(ctx, tx.Read(), s.key("org", o.ID))
	if err != nil {
		return err
	}
	if taken {
		return fault.New(fault.Conflict, "staff.org.taken").With("id", "staff.org.taken")
	}
	if o.Kind == Discipline {
		// A second one would open what was sealed to the first. It is made once
		// in the life of a city, so that watching all organisations costs nothing.
		if err := tx.Watch(s.key("orgs")); err != nil {
			return err
		}
		_, have, err := s.Unit(ctx, DisciplineUnit)
		if err != nil {
			return err
		}
		if have {
			return fault.New(fault.Conflict, "staff.org.discipline").With("kind", "staff.org.discipline")
		}
	}
	if o.Code != "" {
		if taken, err = exists(ctx, tx.Read(), s.key("code", o.Code)); err != nil {
			return err
		}
		if taken {
			return fault.New(fault.Conflict, "staff.org.code_taken").With("code", "staff.org.code_taken")
		}
		tx.Set(s.key("code", o.Code), o.ID)
	}
	if o.Parent != "" {
		above, err := s.org(ctx, tx.Read(), o.Parent)
		if err != nil {
			return err
		}
		if o.Kind == SubOffice && above.Kind != DistrictBureau {
			return fault.New(fault.Refused, "staff.org.parent").With("parent", "staff.org.parent")
		}
		tx.SAdd(s.key("below", o.Parent), o.ID)
	}
	tx.SAdd(s.key(list), o.ID)
	return put(tx, s.key("org", o.ID), o)
}

// CloseOrganization ends an organisation: nobody of it can act, its keys end.
// Its history stays.
func (s *Store) CloseOrganization(ctx context.Context, by Actor, id string, now time.Time) error {
	if err := by.allow(OrgManage, Resource{}, now); err != nil {
		return err
	}
	if id == by.Org.ID {
		return fault.New(fault.Refused, "staff.org.own")
	}
	o, err := s.org(ctx, s.rdb(), id)
	if err != nil {
		return err
	}
	if o.Kind == Discipline && by.id() != operatorID {
		// Its head would be gone, and with him whoever has to agree.
		heads, err := s.Able(ctx, id, UserVouch, Resource{Unit: id}, now)
		if err != nil {
			return err
		}
		if len(heads) > 0 {
			return fault.New(fault.Refused, "staff.org.discipline_close")
		}
	}
	ids, err := set(ctx, s.rdb(), s.key("keys"))
	if err != nil {
		return err
	}
	key := s.key("org", id)
	return s.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.org_close", Ref: "org:" + id, At: now},
		[]string{key}, func(tx *journal.Tx) error {
			o, err := s.org(ctx, tx.Read(), id)
			if err != nil {
				return err
			}
			o.Closed = true
			for _, kid := range ids {
				k, ok, err := fetch[Key](ctx, tx.Read(), s.key("key", kid))
				if err != nil {
					return err
				}
				if ok && k.Org == id && k.RevokedAt.IsZero() {
					k.RevokedAt = now.UTC()
					if err := put(tx, s.key("key", kid), k); err != nil {
						return err
					}
				}
			}
			return put(tx, key, o)
		})
}

// Delegate lets a 监管所 act in the name of the actor's own bureau for some
// roles between two days (S3.11). The roles can be intake and handler: the
// decision stays with the bureau.
func (s *Store) Delegate(ctx context.Context, by Actor, to string, roles []Role, span Span, instrument string, now time.Time) (Delegation, error) {
	d := Delegation{ID: newID("d", now), Bureau: by.Org.ID, Roles: roles, Span: span, By: by.id(), At: now.UTC()}
	if err := Can(by, DelegationGrant, Resource{Unit: by.Org.ID}, now); err != nil {
		return d, err
	}
	if err := span.check(now, s.p.N("delegation.days")); err != nil {
		return d, err
	}
	if len(roles) == 0 || slices.ContainsFunc(roles, func(r Role) bool { return !slices.Contains(delegable, r) }) {
		return d, fault.New(fault.Refused, "staff.delegation.roles").With("role", "staff.delegation.roles")
	}
	var err error
	if d.Instrument, err = readName("instrument", instrument, 80); err != nil {
		return d, err
	}
	key := s.key("org", to)
	err = s.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.delegate", Ref: "org:" + to, At: now},
		[]string{key}, func(tx *journal.Tx) error {
			o, err := s.org(ctx, tx.Read(), to)
			if err != nil {
				return err
			}
			if o.Kind != SubOffice || o.Parent != by.Org.ID {
				return fault.New(fault.Refused, "staff.delegation.to").With("office", "staff.delegation.to")
			}
			o.Received = append(o.Received, d)
			if err := s.Tell(tx, NewMessage(to, "staff.delegation", d.ID, "staff.message.delegation", "staff-session/organization", now, d.Instrument)); err != nil {
				return err
			}
			return put(tx, key, o)
		})
	return d, err
}

// EndDelegation ends a delegation before its last day; it stays recorded.
func (s *Store) EndDelegation(ctx context.Context, by Actor, to, id string, now time.Time) error {
	if err := Can(by, DelegationGrant, Resource{Unit: by.Org.ID}, now); err != nil {
		return err
	}
	key := s.key("org", to)
	return s.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.delegation_end", Ref: "org:" + to, At: now},
		[]string{key}, func(tx *journal.Tx) error {
			o, err := s.org(ctx, tx.Read(), to)
			if err != nil {
				return err
			}
			for i, d := range o.Received {
				if d.ID == id && d.Bureau == by.Org.ID {
					o.Received[i].Ended = true
					return put(tx, key, o)
				}
			}
			return fault.New(fault.NotFound, "staff.delegation.none")
		})
}

// Substitute lets a member of the actor's organisation act for an absent one
// between two days. No administrator's or custodian's role can be lent, and no
// administrator can stand in.
func (s *Store) Substitute(ctx context.Context, by Actor, absent, standIn string, roles []Role, span Span, now time.Time) (Substitute, error) {
	sub := Substitute{ID: newID("s", now), Absent: absent, Roles: roles, Span: span, By: by.id(), At: now.UTC()}
	if err := Can(by, SubstituteGrant, Resource{Unit: by.Org.ID}, now); err != nil {
		return sub, err
	}
	if err := span.check(now, s.p.N("substitute.days")); err != nil {
		return sub, err
	}
	if absent == standIn {
		return sub, fault.New(fault.Refused, "staff.substitute.self").With("standIn", "staff.substitute.self")
	}
	if len(roles) == 0 || slices.ContainsFunc(roles, func(r Role) bool { return !Lendable(r) }) {
		return sub, fault.New(fault.Refused, "staff.substitute.roles").With("role", "staff.substitute.roles")
	}
	key := s.key("user", standIn)
	err := s.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.substitute", Ref: "user:" + standIn, At: now},
		[]string{key, s.key("user", absent)}, func(tx *journal.Tx) error {
			u, err := s.user(ctx, tx.Read(), standIn)
			if err != nil {
				return err
			}
			a, err := s.user(ctx, tx.Read(), absent)
			if err != nil {
				return err
			}
			if u.Org != by.Org.ID || a.Org != by.Org.ID {
				return fault.New(fault.Refused, "staff.substitute.org").With("standIn", "staff.substitute.org")
			}
			if u.Disabled || slices.ContainsFunc(u.Grants, func(g Grant) bool { return g.Role.Administrator() }) {
				return fault.New(fault.Refused, "staff.substitute.admin").With("standIn", "staff.substitute.admin")
			}
			for _, r := range roles {
				if !slices.ContainsFunc(a.Grants, func(g Grant) bool { return g.Role == r }) {
					return fault.New(fault.Refused, "staff.substitute.not_his").With("role", "staff.substitute.not_his")
				}
			}
			u.StandsFor = append(u.StandsFor, sub)
			return put(tx, key, u)
		})
	return sub, err
}

// EndSubstitute ends a substitution before its last day; it stays recorded.
func (s *Store) EndSubstitute(ctx context.Context, by Actor, standIn, id string, now time.Time) error {
	if err := Can(by, SubstituteGrant, Resource{Unit: by.Org.ID}, now); err != nil {
		return err
	}
	key := s.key("user", standIn)
	return s.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.substitute_end", Ref: "user:" + standIn, At: now},
		[]string{key}, func(tx *journal.Tx) error {
			u, err := s.user(ctx, tx.Read(), standIn)
			if err != nil {
				return err
			}
			for i, sub := range u.StandsFor {
				if sub.ID == id && u.Org == by.Org.ID {
					u.StandsFor[i].Ended = true
					return put(tx, key, u)
				}
			}
			return fault.New(fault.NotFound, "staff.substitute.none")
		})
}

// DeclareTie records that the actor stays away from a party's matters (回避).
// A tie is declared by the person and only an administrator takes it off.
func (s *Store) DeclareTie(ctx context.Context, a Actor, t Tie, now time.Time) error {
	var err error
	if t.Name, err = readName("name", t.Name, 80); err != nil {
		return err
	}
	if t.Reason, err = readName("reason", t.Reason, 80); err != nil {
		return err
	}
	t.Code = plain(t.Code)
	key := s.key("user", a.User.ID)
	return s.commit(ctx, journal.Entry{Actor: a.User.ID, Action: "staff.tie", Ref: "user:" + a.User.ID, At: now},
		[]string{key}, func(tx *journal.Tx) error {
			u, err := s.user(ctx, tx.Read(), a.User.ID)
			if err != nil {
				return err
			}
			if len(u.Ties) >= 50 {
				return fault.New(fault.Refused, "staff.tie.many")
			}
			u.Ties = append(u.Ties, t)
			return put(tx, key, u)
		})
}

// DropTie takes a tie off again; n counts from 0.
func (s *Store) DropTie(ctx context.Context, by Actor, user string, n int, now time.Time) error {
	if err := by.allow(UserGrant, Resource{}, now); err != nil {
		return err
	}
	key := s.key("user", user)
	return s.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.tie_drop", Ref: "user:" + user, At: now},
		[]string{key}, func(tx *journal.Tx) error {
			u, err := s.user(ctx, tx.Read(), user)
			if err != nil {
				return err
			}
			if n < 0 || n >= len(u.Ties) {
				return fault.New(fault.NotFound, "staff.tie.none")
			}
			u.Ties = slices.Delete(u.Ties, n, n+1)
			return put(tx, key, u)
		})
}
