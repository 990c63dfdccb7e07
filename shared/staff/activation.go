package staff

import (
	"context"
	"encoding/hex"
	"slices"
	"sort"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
)

// activationLength is 20 characters of the clear alphabet: 90 bits, so that a
// plain hash of it cannot be turned back and tries need no slow one.
const activationLength = 20

// Activation lets one person open an account for a subject. The code itself is
// printed on a notice or handed over at the counter and stored nowhere.
type Activation struct {
	Hash string `json:"hash"`
	// Code is the subject's unified social credit code: it is asked for
	// together with the activation code.
	Code string `json:"code"`
	Name string `json:"name"`
	// Division is where the subject is.
	Division string `json:"division"`
	Role     Role   `json:"role"` // Agent or Representative
	// Invited is the subject's organisation where a member invites a second.
	Invited   string    `json:"invited,omitempty"`
	IssuedBy  string    `json:"issuedBy"`
	IssuedAt  time.Time `json:"issuedAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	UsedAt    time.Time `json:"usedAt,omitzero"`
	Withdrawn bool      `json:"withdrawn,omitempty"`
}

// Works tells whether the code still opens an account.
func (a Activation) Works(at time.Time) bool {
	return a.UsedAt.IsZero() && !a.Withdrawn && at.Before(a.ExpiresAt)
}

// Issue asks for an activation code.
type Issue struct {
	Code     string // unified social credit code
	Name     string
	Division string
	Role     Role
}

// IssueActivation makes a code for a subject, on a notice or at the counter.
func (s *Store) IssueActivation(ctx context.Context, by Actor, in Issue, now time.Time) (Activation, string, error) {
	if err := Can(by, ActivationIssue, Resource{Division: in.Division}, now); err != nil {
		return Activation{}, "", err
	}
	code, err := ident.ParseUSCC(in.Code)
	if err != nil {
		return Activation{}, "", fieldFault("code", err)
	}
	a := Activation{Code: string(code), Division: in.Division, Role: in.Role, ExpiresAt: now.Add(s.p.Days("activation.days")).UTC()}
	if a.Name, err = readName("name", in.Name, 80); err != nil {
		return Activation{}, "", err
	}
	if _, ok := DistrictOf(in.Division); !ok {
		return Activation{}, "", fault.New(fault.Invalid, "staff.org.division").With("division", "staff.org.division")
	}
	return s.issue(ctx, by, a, now)
}

// Invite makes a code for a second member of the actor's own subject.
func (s *Store) Invite(ctx context.Context, by Actor, role Role, now time.Time) (Activation, string, error) {
	if err := Can(by, SubjectInvite, Resource{Unit: by.Org.ID}, now); err != nil {
		return Activation{}, "", err
	}
	return s.issue(ctx, by, Activation{Code: by.Org.Code, Name: by.Org.Name, Division: by.Org.Division(), Role: role,
		Invited: by.Org.ID, ExpiresAt: now.Add(s.p.Days("invitation.days")).UTC()}, now)
}

func (s *Store) issue(ctx context.Context, by Actor, a Activation, now time.Time) (Activation, string, error) {
	if a.Role != Agent && a.Role != Representative {
		return a, "", fault.New(fault.Invalid, "staff.activation.role").With("role", "staff.activation.role")
	}
	code := randomCode(activationLength)
	a.Hash, a.IssuedBy, a.IssuedAt = hashSecret(readCode(code)), by.id(), now.UTC()
	err := s.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.activation_issue", Ref: "activation:" + a.Code, At: now},
		[]string{s.key("activation", a.Hash)}, func(tx *journal.Tx) error {
			tx.SAdd(s.key("activations", a.Code), a.Hash)
			return put(tx, s.key("activation", a.Hash), a)
		})
	if err != nil {
		return a, "", err
	}
	return a, code, nil
}

// fieldFault names the form field of a refusal that came without one.
func fieldFault(field string, err error) error {
	f, ok := fault.Of(err)
	if ok && len(f.Fields) == 0 {
		f.With(field, f.Code, f.Args...)
	}
	return err
}

// Activations lists the codes issued for a subject, newest first.
func (s *Store) Activations(ctx context.Context, by Actor, code string, now time.Time) ([]Activation, error) {
	if by.Org.Kind != Subject || by.Org.Code != code || !by.May(SubjectInvite, now) {
		if err := Can(by, ActivationIssue, Resource{}, now); err != nil {
			return nil, err
		}
	}
	hashes, err := set(ctx, s.rdb(), s.key("activations", code))
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(hashes))
	for i, h := range hashes {
		keys[i] = s.key("activation", h)
	}
	out, err := fetchAll[Activation](ctx, s.rdb(), keys)
	sort.Slice(out, func(i, j int) bool { return out[i].IssuedAt.After(out[j].IssuedAt) })
	return out, err
}

// Activate is what a person enters to open an account for a subject.
type Activate struct {
	Activation string // the code handed over
	Code       string // the subject's credit code
	Username   string
	Name       string
	Password   string
	Network    string
}

// Activate opens the account. An unknown, used, expired or withdrawn code and a
// code for another subject are one refusal, "staff.activation.wrong"; tries are
// limited by network. The first sign-in asks for a second factor.
func (d *Desk) Activate(ctx context.Context, in Activate, now time.Time) (User, error) {
	wrong := fault.New(fault.Refused, "staff.activation.wrong").With("activation", "staff.activation.wrong")
	code, err := ident.ParseUSCC(in.Code)
	if err != nil {
		return User{}, fieldFault("code", err)
	}
	net := "a" + hex.EncodeToString(d.v.mac("try-activation", day(now), in.Network)[:12])
	wait, _, err := d.try(ctx, net, d.p.lock("signin.network_failures"), now)
	if err != nil {
		return User{}, err
	}
	if wait > 0 {
		return User{}, fault.New(fault.TooMany, "staff.signin.wait", minutes(wait)).After(wait)
	}
	hash := hashSecret(readCode(in.Activation))
	akey := d.key("activation", hash)
	act, ok, err := fetch[Activation](ctx, d.rdb(), akey)
	if err != nil {
		return User{}, err
	}
	if !ok || !act.Works(now) || act.Code != string(code) {
		return User{}, wrong
	}
	if err := d.untry(ctx, net, false); err != nil {
		return User{}, err
	}
	u, err := d.newUser(NewUser{Username: in.Username, Name: in.Name}, nil, "activation", now)
	if err != nil {
		return User{}, err
	}
	if err := CheckPassword(d.p, u.Username, in.Password); err != nil {
		return User{}, err
	}
	hashed, err := d.v.hash(ctx, u.ID, in.Password)
	if err != nil {
		return User{}, err
	}
	fresh := Organization{ID: newID("o", now), Kind: Subject, Name: act.Name, Code: act.Code, Divisions: []string{act.Division}}
	ckey := d.key("code", act.Code)
	err = d.commit(ctx, journal.Entry{Actor: u.ID, Action: "staff.activate", Ref: "activation:" + act.Code, At: now},
		[]string{akey, ckey, d.key("name", u.Username)}, func(tx *journal.Tx) error {
			a, ok, err := fetch[Activation](ctx, tx.Read(), akey)
			if err != nil {
				return err
			}
			if !ok || !a.Works(now) {
				return wrong
			}
			a.UsedAt = now.UTC()
			org := fresh
			id, err := text(ctx, tx.Read(), ckey)
			if err != nil {
				return err
			}
			if id == "" {
				if err := d.addOrganization(ctx, tx, org, "subjects"); err != nil {
					return err
				}
			} else if org, err = d.org(ctx, tx.Read(), id); err != nil {
				return err
			}
			if org.Kind != Subject || org.Closed || a.Invited != "" && a.Invited != org.ID {
				return wrong
			}
			member := u
			member.Org, member.Grants = org.ID, nil
			if err := grant(&member, org, Grant{Role: a.Role, By: a.IssuedBy, At: now.UTC()}, now); err != nil {
				return err
			}
			if err := put(tx, akey, a); err != nil {
				return err
			}
			u.Org, u.Grants = member.Org, member.Grants
			return d.addUser(ctx, tx, member, credential{Hash: hashed, ChangedAt: now.UTC()})
		})
	if err != nil {
		return User{}, err
	}
	return u, nil
}

// RemoveMember ends the account of another member of the actor's own subject.
func (s *Store) RemoveMember(ctx context.Context, by Actor, user string, now time.Time) error {
	if err := Can(by, SubjectInvite, Resource{Unit: by.Org.ID}, now); err != nil {
		return err
	}
	key := s.key("user", user)
	return s.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.member_remove", Ref: "user:" + user, At: now},
		[]string{key}, func(tx *journal.Tx) error {
			u, err := s.user(ctx, tx.Read(), user)
			if err != nil {
				return err
			}
			if u.Org != by.Org.ID {
				return fault.New(fault.NotFound, "staff.user.none")
			}
			if u.ID == by.id() {
				return fault.New(fault.Refused, "staff.order.self")
			}
			u.Disabled = true
			u.Epoch++
			return put(tx, key, u)
		})
}

// WithdrawActivation ends a code that was not used.
func (s *Store) WithdrawActivation(ctx context.Context, by Actor, hash string, now time.Time) error {
	key := s.key("activation", hash)
	return s.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.activation_withdraw", Ref: "activation", At: now},
		[]string{key}, func(tx *journal.Tx) error {
			a, ok, err := fetch[Activation](ctx, tx.Read(), key)
			if err != nil {
				return err
			}
			if !ok {
				return fault.New(fault.NotFound, "staff.activation.none")
			}
			if a.Invited == "" || a.Invited != by.Org.ID || !by.May(SubjectInvite, now) {
				if err := Can(by, ActivationIssue, Resource{Division: a.Division}, now); err != nil {
					return err
				}
			}
			a.Withdrawn = true
			return put(tx, key, a)
		})
}

// Sweep takes proposals past their end off the list, and the notes of
// submissions that can no longer come again. It is safe to call at any time and
// says how many it took. Sessions, attempts and codes need no sweep: they end
// when read.
func (s *Store) Sweep(ctx context.Context, now time.Time) (int, error) {
	ids, err := set(ctx, s.rdb(), s.key("proposals"))
	if err != nil {
		return 0, err
	}
	n, err := s.forget(ctx, now)
	if err != nil {
		return 0, err
	}
	slices.Sort(ids)
	for _, id := range ids {
		key := s.key("proposal", id)
		err := s.j.Commit(ctx, journal.Entry{Actor: "system", Action: "staff.proposal_expire", Ref: "proposal:" + id, At: now},
			[]string{key}, func(tx *journal.Tx) error {
				p, ok, err := fetch[Proposal](ctx, tx.Read(), key)
				if err != nil || ok && p.Done == "" && now.Before(p.ExpiresAt) {
					return err
				}
				if ok && p.Done == "" {
					p.Done, p.DoneAt, p.DoneBy = "expired", now.UTC(), "system"
					if err := put(tx, key, p); err != nil {
						return err
					}
				}
				n++
				tx.SRem(s.key("proposals"), id)
				return nil
			})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}
