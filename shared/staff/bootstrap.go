package staff

import (
	"context"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// First is what the operator asks for when an administrator is missing.
type First struct {
	// Org is the organisation he belongs to; it is made when there is none
	// with this ID. Its Kind must be LeadBureau.
	Org      Organization
	Username string
	Name     string
	Role     Role   // System, Security or Auditor
	Issuer   string // shown by the authenticator app
}

// FirstSecrets are shown to the operator once.
type FirstSecrets struct {
	Username   string   `json:"user"`
	Password   string   `json:"password"`
	TOTPSecret string   `json:"totpSecret"`
	TOTPURL    string   `json:"totpUrl"`
	Recovery   []string `json:"recoveryCodes"`
}

// Bootstrap makes an administrator from the machine's command line: only while
// nobody active has the role (conflict otherwise), so that afterwards the
// administrators themselves decide, two by two. The password is changed at the
// first sign-in; the second factor works at once.
func (d *Desk) Bootstrap(ctx context.Context, f First, now time.Time) (FirstSecrets, error) {
	var out FirstSecrets
	if !f.Role.Administrator() {
		return out, fault.New(fault.Invalid, "staff.bootstrap.role").With("role", "staff.bootstrap.role")
	}
	if f.Org.Kind != LeadBureau {
		return out, fault.New(fault.Invalid, "staff.bootstrap.org").With("organization", "staff.bootstrap.org")
	}
	have, ok, err := fetch[Organization](ctx, d.rdb(), d.key("org", f.Org.ID))
	switch {
	case err != nil:
		return out, err
	case ok && have.Kind != LeadBureau:
		return out, fault.New(fault.Invalid, "staff.bootstrap.org").With("organization", "staff.bootstrap.org")
	case ok:
		f.Org = have
	default:
		if f.Org, err = d.createOrganization(ctx, Operator(), f.Org, now); err != nil {
			return out, err
		}
	}
	u, err := d.newUser(NewUser{Org: f.Org.ID, Username: f.Username, Name: f.Name}, nil, operatorID, now)
	if err != nil {
		return out, err
	}
	if err := grant(&u, f.Org, Grant{Role: f.Role, By: operatorID, At: now.UTC()}, now); err != nil {
		return out, err
	}
	out.Username, out.Password, out.TOTPSecret = u.Username, oneTime(), newTOTPSecret()
	out.TOTPURL = TOTPURL(f.Issuer, u.Username, out.TOTPSecret)
	c := credential{Must: true, OneTimeUntil: now.Add(d.p.Hours("password.one_time_hours")).UTC(), ChangedAt: now.UTC()}
	if c.Hash, err = d.v.hash(ctx, u.ID, out.Password); err != nil {
		return out, err
	}
	if c.TOTP, err = d.v.sealSecret(u.ID, out.TOTPSecret); err != nil {
		return out, err
	}
	out.Recovery, c.Recovery = d.v.newRecovery(u.ID, d.p.N("recovery.codes"))
	err = d.j.Commit(ctx, journal.Entry{Actor: operatorID, Action: "staff.bootstrap", Ref: "user:" + u.ID, At: now},
		[]string{d.key("name", u.Username), d.key("holders", string(f.Role))}, func(tx *journal.Tx) error {
			n, err := d.holders(ctx, tx, f.Role, "", now)
			if err != nil {
				return err
			}
			if n > 0 {
				return fault.New(fault.Conflict, "staff.bootstrap.taken")
			}
			return d.addUser(ctx, tx, u, c)
		})
	if err != nil {
		return FirstSecrets{}, err
	}
	return out, nil
}
