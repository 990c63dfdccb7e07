package staff

import (
	"context"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// NewUser asks for an account. Roles are given apart, by the security
// administrator (三员分立).
type NewUser struct {
	Org, Username, Name string
	// Employer is who pays him where that is not Org, else zero.
	Employer Party
}

// CreateUser makes an account without roles and returns the password to hand
// over: it works for three days and is changed at the first sign-in.
func (d *Desk) CreateUser(ctx context.Context, by Actor, n NewUser, now time.Time) (User, string, error) {
	if err := by.allow(UserCreate, Resource{}, now); err != nil {
		return User{}, "", err
	}
	o, err := d.org(ctx, d.rdb(), n.Org)
	if err != nil {
		return User{}, "", err
	}
	if o.Kind == Subject {
		return User{}, "", fault.New(fault.Refused, "staff.org.subject").With("org", "staff.org.subject")
	}
	u, err := d.newUser(n, nil, by.id(), now)
	if err != nil {
		return User{}, "", err
	}
	password := oneTime()
	hash, err := d.v.hash(ctx, u.ID, password)
	if err != nil {
		return User{}, "", err
	}
	c := credential{Hash: hash, Must: true, OneTimeUntil: now.Add(d.p.Hours("password.one_time_hours")).UTC(), ChangedAt: now.UTC()}
	err = d.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.user_create", Ref: "user:" + u.ID, At: now},
		[]string{d.key("name", u.Username), d.key("org", n.Org)}, func(tx *journal.Tx) error {
			o, err := d.org(ctx, tx.Read(), n.Org)
			if err != nil {
				return err
			}
			if o.Closed {
				return fault.New(fault.Refused, "staff.org.closed").With("org", "staff.org.closed")
			}
			return d.addUser(ctx, tx, u, c)
		})
	return u, password, err
}

func (d *Desk) newUser(n NewUser, grants []Grant, by string, now time.Time) (User, error) {
	username, err := ReadUsername(n.Username)
	if err != nil {
		return User{}, err
	}
	name, err := readName("name", n.Name, 40)
	if err != nil {
		return User{}, err
	}
	employer, err := readEmployer(n.Employer)
	if err != nil {
		return User{}, err
	}
	return User{ID: newID("u", now), Username: username, Name: name, Org: n.Org, Employer: employer, Grants: grants,
		CreatedAt: now.UTC(), CreatedBy: by}, nil
}

func readEmployer(p Party) (Party, error) {
	if p == (Party{}) {
		return p, nil
	}
	var err error
	p.Name, err = readName("employer", p.Name, 80)
	p.Code = plain(p.Code)
	return p, err
}

// SetEmployer records who pays a user where that is not the organisation he
// works in; the zero Party takes the record off. He stays away from the
// employer's matters from then on.
func (d *Desk) SetEmployer(ctx context.Context, by Actor, user string, employer Party, now time.Time) error {
	if err := by.allow(UserCreate, Resource{}, now); err != nil {
		return err
	}
	employer, err := readEmployer(employer)
	if err != nil {
		return err
	}
	key := d.key("user", user)
	return d.commit(ctx, journal.Entry{Actor: by.id(), Action: "staff.employer", Ref: "user:" + user, At: now},
		[]string{key}, func(tx *journal.Tx) error {
			u, err := d.user(ctx, tx.Read(), user)
			if err != nil {
				return err
			}
			if u.ID == by.id() {
				return fault.New(fault.Refused, "staff.order.self")
			}
			u.Employer = employer
			return put(tx, key, u)
		})
}

// addUser queues a new user; the caller watches the key of his name.
func (d *Desk) addUser(ctx context.Context, tx *journal.Tx, u User, c credential) error {
	taken, err := exists(ctx, tx.Read(), d.key("name", u.Username))
	if err != nil {
		return err
	}
	if taken {
		return fault.New(fault.Conflict, "staff.username.taken").With("username", "staff.username.taken")
	}
	tx.Set(d.key("name", u.Username), u.ID)
	tx.SAdd(d.key("members", u.Org), u.ID)
	for _, g := range u.Grants {
		if g.Role.Administrator() {
			tx.SAdd(d.key("holders", string(g.Role)), u.ID)
		}
	}
	if err := put(tx, d.secretKey(u.ID), c); err != nil {
		return err
	}
	return put(tx, d.key("user", u.ID), u)
}
