package function

import (
	"context"
	"net/http"

	"ipcredit/shared/evidence"
	"ipcredit/shared/fault"
	"ipcredit/shared/repair"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// openBox opens a box for a paper of an application, sealed to the unit that
// handles it and to the escrow, and returns the address where files are put in.
// This function cannot open what is put there.
func (d *desk) openBox(r *http.Request, a staff.Actor, no string, paper repair.Paper) (string, error) {
	ctx, now := r.Context(), d.env.Now()
	x, err := d.repair.Get(ctx, a, no, now)
	if err != nil {
		return "", err
	}
	if err := staff.Can(a, staff.RepairFile, staff.Resource{Subject: x.Subject}, now); err != nil {
		return "", err
	}
	switch {
	case !x.State.Open():
		return "", fault.New(fault.Conflict, "repair.state")
	case paper != repair.Correction && paper != repair.Performance && paper != repair.Ruling:
		return "", fault.New(fault.Invalid, "repair.paper")
	}
	return d.boxAt(r, a, boxFor(no, paper), x.Unit, "credit-repair/applications/"+no)
}

// boxAt opens a box of the subject, sealed to the unit, from which people come
// back to the page, and returns the address where files are put in.
func (d *desk) boxAt(r *http.Request, a staff.Actor, what, label, back string) (string, error) {
	token, _, err := d.box(r.Context(), evidence.BoxSpec{For: what, By: a.User.ID, Org: a.Org.ID, Return: back}, label)
	if err != nil {
		return "", err
	}
	return d.pages.URL(r, "evidence-upload/forms", token), nil
}

// box opens a box that is sealed to the unit and to the escrow; the rest is spec's.
func (d *desk) box(ctx context.Context, spec evidence.BoxSpec, label string) (token string, b evidence.Box, err error) {
	if d.evidence == nil {
		return "", b, fault.New(fault.Unavailable, "credit-repair.no_box")
	}
	units, escrow, err := d.recipients()
	if err != nil {
		return "", b, err
	}
	spec.Unit = label
	unit, ok := units[label]
	if !ok { // a district without a key of its own: the city's unit
		label = d.env.City
		if unit, ok = units[label]; !ok {
			return "", b, fault.New(fault.Unavailable, "credit-repair.no_box")
		}
	}
	token = evidence.NewToken()
	id, err := evidence.BoxOf(token)
	if err != nil {
		return "", b, err
	}
	// The key first: a box whose key is missing would lose what it takes.
	spec.Key, spec.Until = "evidence."+id, d.env.Now().Add(boxTime)
	if spec.To, err = seal.NewKeys(d.env.Objects.Keys).New(ctx, spec.Key,
		seal.Party{Label: tipoff.UnitLabel(label), To: unit}, seal.Party{Label: tipoff.EscrowLabel, To: escrow}); err != nil {
		return "", b, err
	}
	b, err = d.evidence.OpenBoxOf(ctx, token, spec)
	return token, b, err
}

// recipients reads the public keys that papers are sealed to.
func (d *desk) recipients() (tipoff.Units, seal.Recipient, error) {
	text, err := d.env.Secret("unit-recipients")
	if err != nil {
		return nil, seal.Recipient{}, err
	}
	units, err := tipoff.ParseUnits(string(text))
	if err != nil {
		return nil, seal.Recipient{}, err
	}
	if text, err = d.env.Secret("escrow-recipient"); err != nil {
		return nil, seal.Recipient{}, err
	}
	escrow, err := seal.ParseRecipient(string(text))
	return units, escrow, err
}
