package tipoff

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// A reporter's identity is opened by two people and never unseen: one who handles
// the tip-off asks with a reason, a custodian agrees, and the reporter reads on
// his page that it was asked, why, when it was agreed to and when it was read.
// What it was said for stays with those two; lists, hand-overs and other officers
// see “named” and nothing else.

// AskIdentity asks for the reporter's identity with a reason the reporter will
// read (staff.IdentityAsk); it returns the request's id. Conflict
// "tipoff.identity.none" where no identity is sealed with it,
// "tipoff.identity.asked" while another request waits.
func (o *Office) AskIdentity(ctx context.Context, a staff.Actor, number, reason string, now time.Time) (string, error) {
	reason, err := CheckMessage("reason", reason, o.store.rules, workday.DateOf(now))
	if err != nil {
		return "", err
	}
	f, err := o.enter(ctx, a, staff.IdentityAsk, number, now)
	if err != nil {
		return "", err
	}
	sealed, err := o.sealMessage(f.report, plainMessage, reason, now)
	if err != nil {
		return "", err
	}
	id := ""
	_, err = o.commit(ctx, a, f, work{name: "tipoff.ask_identity", untouched: true,
		act: func(tx *journal.Tx, r *Report, today workday.Date) error {
			switch {
			case !r.Identity:
				return fault.New(fault.Conflict, "tipoff.identity.none")
			case slices.ContainsFunc(r.Asks, func(k Ask) bool { return k.State == AskOpen }):
				return fault.New(fault.Conflict, "tipoff.identity.asked")
			}
			id = strconv.Itoa(len(r.Asks) + 1)
			r.Asks = append(r.Asks, Ask{ID: id, By: a.User.ID, On: today, State: AskOpen})
			o.store.set(tx, r.Number, "reasons", id, sealed)
			return nil
		}}, now)
	return id, err
}

// ask finds a request.
func (r *Report) ask(id string) (*Ask, error) {
	for n := range r.Asks {
		if r.Asks[n].ID == id {
			return &r.Asks[n], nil
		}
	}
	return nil, fault.New(fault.NotFound, "tipoff.identity.no_ask")
}

// OpenIdentity is the second person's decision (staff.IdentityOpen, never who
// asked). Granted, the asker may read it with Identity for the rule's days.
func (o *Office) OpenIdentity(ctx context.Context, a staff.Actor, number, ask string, grant bool, now time.Time) error {
	f, err := o.enter(ctx, a, staff.IdentityOpen, number, now)
	if err != nil {
		return err
	}
	_, terms, err := ruleset.Of[identityTerms](o.store.rules.Set, "tipoff-identity", workday.DateOf(now))
	if err != nil {
		return err
	}
	_, err = o.commit(ctx, a, f, work{name: "tipoff.open_identity", untouched: true,
		act: func(_ *journal.Tx, r *Report, today workday.Date) error {
			k, err := r.ask(ask)
			if err != nil {
				return err
			}
			res := r.resource(f.parties)
			res.AskedBy = k.By
			if err := o.canFor(ctx, a, staff.IdentityOpen, *r, res, f.parties, now); err != nil {
				return err
			}
			if k.State != AskOpen {
				return fault.New(fault.Conflict, "tipoff.identity.decided")
			}
			k.Second, k.DecidedOn, k.State = a.User.ID, today, AskRefused
			if grant {
				k.State = AskGranted
				k.Until = o.store.rules.Calendar.Last(today, terms.Readable, workday.None)
			}
			return nil
		}}, now)
	return err
}

// Identity reads the reporter's identity, for who asked and while it is granted.
// The view is in the journal and on the reporter's page before it is given.
func (o *Office) Identity(ctx context.Context, a staff.Actor, number, ask string, now time.Time) (Reporter, error) {
	f, err := o.enter(ctx, a, staff.IdentityAsk, number, now)
	if err != nil {
		return Reporter{}, err
	}
	_, err = o.commit(ctx, a, f, work{name: "tipoff.read_identity", untouched: true,
		act: func(_ *journal.Tx, r *Report, today workday.Date) error {
			k, err := r.ask(ask)
			switch {
			case err != nil:
				return err
			case k.By != a.User.ID:
				return fault.New(fault.Forbidden, "tipoff.identity.asker")
			case k.State != AskGranted:
				return fault.New(fault.Conflict, "tipoff.identity.closed")
			case today.After(k.Until):
				return fault.New(fault.Conflict, "tipoff.identity.ended", k.Until.String())
			}
			k.Reads = append(k.Reads, today)
			return nil
		}}, now)
	if err != nil {
		return Reporter{}, err
	}
	return o.reporter(ctx, f)
}

// reporter opens the identity that was lodged, or that came with a claim of a
// reward.
func (o *Office) reporter(ctx context.Context, f file) (Reporter, error) {
	hidden := f.inside.Reporter
	if hidden == "" {
		_, all, err := o.store.thread(ctx, f.report.Number, f.id, new(damage))
		if err != nil {
			return Reporter{}, err
		}
		for _, s := range all {
			if s.Reporter != "" {
				hidden = s.Reporter
			}
		}
	}
	if hidden == "" {
		return Reporter{}, fmt.Errorf("tipoff: report %s says it holds an identity: %w", f.report.Number, seal.ErrDamaged)
	}
	return openReporter(ctx, o.keys, f.report, CustodianLabel, o.custody, hidden)
}

// openReporter opens a sealed identity for a party that its key is wrapped to.
// One that was sealed before identities had keys opens with the custodian's own.
func openReporter(ctx context.Context, keys *seal.Keys, r Report, label string, party seal.Identity, hidden string) (Reporter, error) {
	who, err := struct{ Name, Contact string }{}, seal.ErrWrongKey
	if r.Person != "" {
		own, openErr := keys.Open(ctx, r.Person, label, party)
		if openErr != nil {
			return Reporter{}, fmt.Errorf("tipoff: the reporter's key: %w", openErr)
		}
		who, err = unsealed[struct{ Name, Contact string }](own, hidden)
	}
	if errors.Is(err, seal.ErrWrongKey) {
		who, err = unsealed[struct{ Name, Contact string }](party, hidden)
	}
	return Reporter{who.Name, who.Contact}, err
}
