package staff

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// Desk is a Store with the two secrets: what signing in and looking after
// accounts needs. Only staff-session and the operator's commands have one.
type Desk struct {
	*Store
	v *Vault
}

// NewDesk joins the two.
func NewDesk(s *Store, v *Vault) *Desk { return &Desk{s, v} }

// credential is how a user proves who he is. Nothing in it works without the
// secrets of the Vault.
type credential struct {
	Hash string `json:"hash"`
	// Must says that the password is to be changed; OneTimeUntil ends a first
	// password that was handed over.
	Must         bool      `json:"must,omitempty"`
	OneTimeUntil time.Time `json:"oneTimeUntil,omitzero"`
	TOTP         string    `json:"totp,omitempty"`    // sealed
	Pending      string    `json:"pending,omitempty"` // sealed, until a code of it was entered
	LastStep     int64     `json:"lastStep,omitempty"`
	Recovery     []string  `json:"recovery,omitempty"`
	ChangedAt    time.Time `json:"changedAt"`
}

// first tells whether a sign-in opens only the page where the account is made
// ready.
func (c credential) first() bool { return c.Must || c.TOTP == "" }

// SignIn is one attempt to sign in.
type SignIn struct {
	Username, Password string
	// Code is the six digits of the app; Recovery, if not empty, is used
	// instead of it.
	Code, Recovery string
	Network        string // client network prefix, never the address
	Agent          string
}

// Signed is a session just opened.
type Signed struct {
	Token string
	Actor Actor
	// First says that the session opens only the account's own first page.
	First bool
	// RecoveryLeft counts the recovery codes left when one was used, else -1.
	RecoveryLeft int
}

// SignIn opens a session, or refuses with fault.Unauthorized "staff.signin"
// whatever was wrong (unknown name, disabled user, password, code, a code used
// before), after the same work each time; or with fault.TooMany while too many
// failures of this name or from this network are fresh.
func (d *Desk) SignIn(ctx context.Context, in SignIn, now time.Time) (Signed, error) {
	username, err := ReadUsername(in.Username)
	if err != nil {
		username = "?" + short(in.Username, 64) // counts like any other name, and is nobody's
	}
	try, err := d.attempt(ctx, username, in.Network, now)
	if err != nil {
		return Signed{}, err
	}
	wrong := fault.New(fault.Unauthorized, "staff.signin")

	id, err := text(ctx, d.rdb(), d.key("name", username))
	if err != nil {
		return Signed{}, err
	}
	if id == "" {
		id = "nobody"
	}
	u, known, err := fetch[User](ctx, d.rdb(), d.key("user", id))
	if err != nil {
		return Signed{}, err
	}
	c, has, err := fetch[credential](ctx, d.rdb(), d.secretKey(id))
	if err != nil {
		return Signed{}, err
	}
	known = known && has && !u.Disabled
	if !has {
		c.Hash = d.v.decoy
	}
	ok, err := d.v.verify(ctx, id, c.Hash, in.Password)
	if err != nil {
		return Signed{}, err
	}
	step, recovery, second := d.second(id, c, in, now)
	if !known || !ok || !second || !c.OneTimeUntil.IsZero() && !now.Before(c.OneTimeUntil) {
		return Signed{}, try.lost(ctx, wrong)
	}

	rehashed := ""
	if d.v.outdated(c.Hash) {
		if rehashed, err = d.v.hash(ctx, id, in.Password); err != nil {
			return Signed{}, err
		}
	}
	left := -1
	key := d.secretKey(id)
	err = d.j.Commit(ctx, journal.Entry{Actor: id, Action: "staff.sign_in", Ref: "user:" + id, At: now},
		[]string{key}, func(tx *journal.Tx) error {
			fresh, ok, err := fetch[credential](ctx, tx.Read(), key)
			if err != nil {
				return err
			}
			// What was checked must still stand: of two sign-ins with one code
			// only the first gets through.
			if !ok || fresh.Hash != c.Hash || fresh.TOTP != c.TOTP {
				return wrong
			}
			switch {
			case recovery != "":
				i := slices.Index(fresh.Recovery, recovery)
				if i < 0 {
					return wrong
				}
				fresh.Recovery = slices.Delete(fresh.Recovery, i, i+1)
				left = len(fresh.Recovery)
			case fresh.TOTP != "":
				if step <= fresh.LastStep {
					return wrong
				}
				fresh.LastStep = step
			}
			if rehashed != "" {
				fresh.Hash = rehashed
			}
			return put(tx, key, fresh)
		})
	if errors.Is(err, wrong) {
		return Signed{}, try.lost(ctx, wrong)
	}
	if err != nil {
		return Signed{}, err
	}
	if err := try.won(ctx); err != nil {
		return Signed{}, err
	}
	a, err := d.Actor(ctx, id)
	if err != nil {
		return Signed{}, err
	}
	if a.Org.Closed {
		return Signed{}, wrong
	}
	token, err := d.open(ctx, a.User, c.first(), in.Agent, now)
	a.Session = hashToken(token)[:16]
	return Signed{Token: token, Actor: a, First: c.first(), RecoveryLeft: left}, err
}

// second checks the second factor. It does the work of opening a secret and
// computing codes also where there is none to check.
func (d *Desk) second(id string, c credential, in SignIn, now time.Time) (step int64, recovery string, ok bool) {
	if in.Recovery != "" {
		want, found := d.v.recovery(id, in.Recovery), 0
		for _, have := range c.Recovery {
			found |= subtle.ConstantTimeCompare([]byte(want), []byte(have))
		}
		return 0, want, found == 1 && c.TOTP != ""
	}
	secret := decoySecret
	if c.TOTP != "" {
		var err error
		if secret, err = d.v.openSecret(id, c.TOTP); err != nil {
			return 0, "", false
		}
	}
	step, ok = matchTOTP(secret, in.Code, now, d.p.N("totp.window_steps"), c.LastStep)
	if c.TOTP == "" {
		// Nothing enrolled yet: the password opens the first page and no other.
		return 0, "", true
	}
	return step, "", ok
}

// decoySecret is the secret whose codes are computed where there is none.
var decoySecret = newTOTPSecret()

// tried is an attempt that was counted and may be looked at.
type tried struct {
	d         *Desk
	name, net string
	failures  int // of this name, if this attempt fails
	now       time.Time
}

// attempt counts an attempt under the user name and the network, or refuses.
func (d *Desk) attempt(ctx context.Context, username, network string, now time.Time) (tried, error) {
	t := tried{d: d, now: now,
		net:  "n" + hex.EncodeToString(d.v.mac("try-network", day(now), network)[:12]),
		name: "u" + hex.EncodeToString(d.v.mac("try-user", username)[:12])}
	wait, _, err := d.try(ctx, t.net, d.p.lock("signin.network_failures"), now)
	if err != nil {
		return t, err
	}
	if wait > 0 {
		return t, fault.New(fault.TooMany, "staff.signin.wait", minutes(wait)).After(wait)
	}
	wait, t.failures, err = d.try(ctx, t.name, d.p.lock("signin.free_failures"), now)
	if err != nil {
		return t, err
	}
	if wait > 0 {
		// Who has to wait anyway does not use up the patience with his office.
		if err := d.untry(ctx, t.net, false); err != nil {
			return t, err
		}
		return t, fault.New(fault.TooMany, "staff.signin.wait", minutes(wait)).After(wait)
	}
	return t, nil
}

// won forgets the failures of the name, and this one of the network.
func (t tried) won(ctx context.Context) error {
	if err := t.d.untry(ctx, t.name, true); err != nil {
		return err
	}
	return t.d.untry(ctx, t.net, false)
}

// lost returns refused after telling the auditor where a lock began: known
// name or not, and without the name.
func (t tried) lost(ctx context.Context, refused error) error {
	l := t.d.p.lock("signin.free_failures")
	if t.failures < l.Free {
		return refused
	}
	err := t.d.j.Commit(ctx, journal.Entry{Actor: "anonymous", Action: "staff.locked", Ref: "signin:" + t.name, At: t.now},
		nil, func(tx *journal.Tx) error {
			// One key, so that strangers' guesses cannot fill Redis.
			tx.Set(t.d.key("locked"), t.name+" "+Failures{t.failures, t.now}.Until(l).UTC().Format(time.RFC3339))
			return nil
		})
	if err != nil {
		return err
	}
	return refused
}

func minutes(d time.Duration) int { return int((d + time.Minute - 1) / time.Minute) }

// confirm asks a signed-in person for his password again, before something
// that a stolen session must not be able to do.
func (d *Desk) confirm(ctx context.Context, a Actor, password, network string, now time.Time) (credential, error) {
	try, err := d.attempt(ctx, a.User.Username, network, now)
	if err != nil {
		return credential{}, err
	}
	c, ok, err := fetch[credential](ctx, d.rdb(), d.secretKey(a.User.ID))
	if err != nil {
		return c, err
	}
	if !ok {
		return c, fault.New(fault.Forbidden, "staff.password.wrong")
	}
	same, err := d.v.verify(ctx, a.User.ID, c.Hash, password)
	if err != nil {
		return c, err
	}
	if !same {
		return c, try.lost(ctx, fault.New(fault.Refused, "staff.password.wrong").With("current", "staff.password.wrong"))
	}
	return c, try.won(ctx)
}

// change applies a change to a credential that is still the one seen, and ends
// the user's sessions.
func (d *Desk) change(ctx context.Context, actor, action, user string, now time.Time, seen string, f func(*credential) error) error {
	key, ukey := d.secretKey(user), d.key("user", user)
	return d.commit(ctx, journal.Entry{Actor: actor, Action: action, Ref: "user:" + user, At: now},
		[]string{key, ukey}, func(tx *journal.Tx) error {
			c, ok, err := fetch[credential](ctx, tx.Read(), key)
			if err != nil {
				return err
			}
			if !ok || seen != "" && c.Hash != seen {
				return fault.New(fault.Conflict, "staff.changed")
			}
			u, err := d.user(ctx, tx.Read(), user)
			if err != nil {
				return err
			}
			if err := f(&c); err != nil {
				return err
			}
			u.Epoch++
			if err := put(tx, ukey, u); err != nil {
				return err
			}
			return put(tx, key, c)
		})
}

// reopen starts a session after a change that ended all others.
func (d *Desk) reopen(ctx context.Context, user, agent string, now time.Time) (Signed, error) {
	a, err := d.Actor(ctx, user)
	if err != nil {
		return Signed{}, err
	}
	c, _, err := fetch[credential](ctx, d.rdb(), d.secretKey(user))
	if err != nil {
		return Signed{}, err
	}
	token, err := d.open(ctx, a.User, c.first(), agent, now)
	a.Session = hashToken(token)[:16]
	return Signed{Token: token, Actor: a, First: c.first(), RecoveryLeft: -1}, err
}

// ChangePassword replaces the actor's password, ends all his sessions and
// opens a new one.
func (d *Desk) ChangePassword(ctx context.Context, a Actor, current, next, network, agent string, now time.Time) (Signed, error) {
	if err := CheckPassword(d.p, a.User.Username, next); err != nil {
		return Signed{}, err
	}
	c, err := d.confirm(ctx, a, current, network, now)
	if err != nil {
		return Signed{}, err
	}
	if same, err := d.v.verify(ctx, a.User.ID, c.Hash, next); err != nil || same {
		if err == nil {
			err = fault.New(fault.Refused, "staff.password.same").With("password", "staff.password.same")
		}
		return Signed{}, err
	}
	hash, err := d.v.hash(ctx, a.User.ID, next)
	if err != nil {
		return Signed{}, err
	}
	err = d.change(ctx, a.User.ID, "staff.password", a.User.ID, now, c.Hash, func(c *credential) error {
		c.Hash, c.Must, c.OneTimeUntil, c.ChangedAt = hash, false, time.Time{}, now.UTC()
		return nil
	})
	if err != nil {
		return Signed{}, err
	}
	return d.reopen(ctx, a.User.ID, agent, now)
}

// State is what a person may know of his own credential.
type State struct {
	MustChange   bool
	Enrolled     bool
	Pending      bool
	RecoveryLeft int
	ChangedAt    time.Time
}

// State returns the state of the actor's own credential.
func (d *Desk) State(ctx context.Context, a Actor) (State, error) {
	c, _, err := fetch[credential](ctx, d.rdb(), d.secretKey(a.User.ID))
	return State{c.Must, c.TOTP != "", c.Pending != "", len(c.Recovery), c.ChangedAt}, err
}

// BeginTOTP makes a new second factor wait for its first code; the old one
// works until then. It asks for the password: a stolen session must not be able
// to replace the factor.
func (d *Desk) BeginTOTP(ctx context.Context, a Actor, password, network string, now time.Time) error {
	c, err := d.confirm(ctx, a, password, network, now)
	if err != nil {
		return err
	}
	sealed, err := d.v.sealSecret(a.User.ID, newTOTPSecret())
	if err != nil {
		return err
	}
	key := d.secretKey(a.User.ID)
	return d.commit(ctx, journal.Entry{Actor: a.User.ID, Action: "staff.totp_begin", Ref: "user:" + a.User.ID, At: now},
		[]string{key}, func(tx *journal.Tx) error {
			fresh, ok, err := fetch[credential](ctx, tx.Read(), key)
			if err != nil {
				return err
			}
			if !ok || fresh.Hash != c.Hash {
				return fault.New(fault.Conflict, "staff.changed")
			}
			fresh.Pending = sealed
			return put(tx, key, fresh)
		})
}

// PendingTOTP is the secret waiting for its first code, to be shown to its
// owner; "" when none waits.
func (d *Desk) PendingTOTP(ctx context.Context, a Actor) (string, error) {
	c, _, err := fetch[credential](ctx, d.rdb(), d.secretKey(a.User.ID))
	if err != nil || c.Pending == "" {
		return "", err
	}
	return d.v.openSecret(a.User.ID, c.Pending)
}

// ConfirmTOTP makes the waiting factor the one in force, gives new recovery
// codes (shown once), ends all sessions and opens a new one.
func (d *Desk) ConfirmTOTP(ctx context.Context, a Actor, code, network, agent string, now time.Time) (Signed, []string, error) {
	try, err := d.attempt(ctx, a.User.Username, network, now)
	if err != nil {
		return Signed{}, nil, err
	}
	secret, err := d.PendingTOTP(ctx, a)
	if err != nil {
		return Signed{}, nil, err
	}
	wrong := fault.New(fault.Refused, "staff.totp.wrong").With("code", "staff.totp.wrong")
	if secret == "" {
		return Signed{}, nil, fault.New(fault.Conflict, "staff.changed")
	}
	step, ok := matchTOTP(secret, code, now, d.p.N("totp.window_steps"), 0)
	if !ok {
		return Signed{}, nil, try.lost(ctx, wrong)
	}
	codes, stored := d.v.newRecovery(a.User.ID, d.p.N("recovery.codes"))
	err = d.change(ctx, a.User.ID, "staff.totp", a.User.ID, now, "", func(c *credential) error {
		if now := c.Pending; now == "" {
			return fault.New(fault.Conflict, "staff.changed")
		} else if open, err := d.v.openSecret(a.User.ID, now); err != nil || open != secret {
			return fault.New(fault.Conflict, "staff.changed")
		}
		c.TOTP, c.Pending, c.LastStep, c.Recovery = c.Pending, "", step, stored
		return nil
	})
	if err != nil {
		return Signed{}, nil, err
	}
	if err := try.won(ctx); err != nil {
		return Signed{}, nil, err
	}
	signed, err := d.reopen(ctx, a.User.ID, agent, now)
	return signed, codes, err
}

// NewRecovery replaces the actor's recovery codes and returns them, once.
func (d *Desk) NewRecovery(ctx context.Context, a Actor, password, network string, now time.Time) ([]string, error) {
	c, err := d.confirm(ctx, a, password, network, now)
	if err != nil {
		return nil, err
	}
	if c.TOTP == "" {
		return nil, fault.New(fault.Conflict, "staff.totp.none")
	}
	codes, stored := d.v.newRecovery(a.User.ID, d.p.N("recovery.codes"))
	key := d.secretKey(a.User.ID)
	err = d.commit(ctx, journal.Entry{Actor: a.User.ID, Action: "staff.recovery", Ref: "user:" + a.User.ID, At: now},
		[]string{key}, func(tx *journal.Tx) error {
			fresh, ok, err := fetch[credential](ctx, tx.Read(), key)
			if err != nil {
				return err
			}
			if !ok || fresh.Hash != c.Hash {
				return fault.New(fault.Conflict, "staff.changed")
			}
			fresh.Recovery = stored
			return put(tx, key, fresh)
		})
	return codes, err
}

// oneTime is a password to be handed over and changed at first use.
func oneTime() string { return strings.ToLower(randomCode(20)) }
