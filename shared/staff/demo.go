package staff

import (
	"context"
	"fmt"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// Demonstration is what demo.json says of staff and keys.
type Demonstration struct {
	APIKeys map[Scope]string `json:"apiKeys"`
	Staff   []DemoUser       `json:"staff"`
}

// DemoUser is one user of the demonstration city, with everything needed to
// sign in as him.
type DemoUser struct {
	User           string `json:"user"`
	Password       string `json:"password"`
	TOTPSecret     string `json:"totpSecret"`
	Roles          []Role `json:"roles"`
	Organization   string `json:"organization"`
	OrganizationID string `json:"organizationId"`
	Kind           Kind   `json:"kind"`
	Division       string `json:"division"`
	Code           string `json:"code,omitempty"`
}

// Demo fills the store with the fictitious city of domain.md §L: organisations
// of every kind, users of every role, one API key a scope. Passwords and second
// factors are derived from the Vault's pepper: random for each installation,
// the same after a restart. What is already there stays as it is, so Demo may
// be called at every start; a user who changed his password keeps it.
func (d *Desk) Demo(ctx context.Context, now time.Time) (Demonstration, error) {
	var f struct {
		Orgs  []Organization
		Users []struct {
			Username, Name, Org string
			Roles               []Role
		}
		Keys []struct {
			Scope     Scope
			Org, Name string
		}
	}
	read("demo.json", &f)
	out := Demonstration{APIKeys: make(map[Scope]string)}
	orgs := make(map[string]Organization)
	for _, o := range f.Orgs {
		orgs[o.ID] = o
		if _, err := d.createOrganization(ctx, Operator(), o, now); err != nil && !fault.Is(err, fault.Conflict) {
			return out, fmt.Errorf("staff: demo organisation %s: %w", o.ID, err)
		}
	}
	for _, in := range f.Users {
		o := orgs[in.Org]
		m := DemoUser{
			User: in.Username, Password: d.v.derive(20, "demo-password", in.Username),
			TOTPSecret: d.v.deriveTOTP("demo", in.Username), Roles: in.Roles,
			Organization: o.Name, OrganizationID: o.ID, Kind: o.Kind, Division: o.Division(), Code: o.Code,
		}
		out.Staff = append(out.Staff, m)
		if err := d.demoUser(ctx, m, in.Name, o, now); err != nil {
			return out, fmt.Errorf("staff: demo user %s: %w", in.Username, err)
		}
	}
	for _, in := range f.Keys {
		id, secret := d.v.derive(keyIDLength, "demo-key", string(in.Scope)), d.v.derive(keySecretLen, "demo-secret", string(in.Scope))
		out.APIKeys[in.Scope] = keyPrefix + "_" + id + "_" + secret
		k, ok, _, err := d.keyAndUse(ctx, id)
		if err != nil {
			return out, err
		}
		if ok && k.Works(now) {
			continue
		}
		order := KeyOrder{Org: in.Org, Name: in.Name, Scopes: []Scope{in.Scope}}
		if _, _, err := d.issueKey(ctx, Operator(), order, id, secret, now); err != nil {
			return out, fmt.Errorf("staff: demo key %s: %w", in.Scope, err)
		}
	}
	return out, nil
}

// demoCost is low on purpose: a derived password has 119 random bits, which no
// slow hash need protect, and sixty of them are made while somebody waits. The
// first sign-in of each hashes it again at full cost.
var demoCost = cost{memory: 64, passes: 1, threads: 1}

func (d *Desk) demoUser(ctx context.Context, m DemoUser, name string, o Organization, now time.Time) error {
	_, known, err := d.UserByName(ctx, m.User)
	if err != nil || known {
		return err
	}
	u, err := d.newUser(NewUser{Org: o.ID, Username: m.User, Name: name}, nil, operatorID, now)
	if err != nil {
		return err
	}
	for _, r := range m.Roles {
		if err := grant(&u, o, Grant{Role: r, By: operatorID, At: now.UTC()}, now); err != nil {
			return err
		}
	}
	salt := d.v.mac("demo-salt", m.User)[:16]
	c := credential{Hash: d.v.encode(demoCost, salt, d.v.digest(u.ID, m.Password, salt, demoCost)), ChangedAt: now.UTC()}
	if c.TOTP, err = d.v.sealSecret(u.ID, m.TOTPSecret); err != nil {
		return err
	}
	return d.j.Commit(ctx, journal.Entry{Actor: operatorID, Action: "staff.demo_user", Ref: "user:" + u.ID, At: now},
		[]string{d.key("name", u.Username)}, func(tx *journal.Tx) error { return d.addUser(ctx, tx, u, c) })
}
