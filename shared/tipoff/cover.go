package tipoff

import (
	"context"
	"slices"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
)

// covered are the actions whoever may do one of sees what stands in the clear of
// a tip-off: he works on it, keeps its clocks, or decides about it.
var covered = []staff.Action{staff.TipoffOpen, staff.TipoffClock, staff.CaseApprove, staff.IdentityOpen}

// Cover is one tip-off as a list has it: nothing of it was sealed. NotFound
// "tipoff.none", or Forbidden for whoever has no part in it.
func (o *Office) Cover(ctx context.Context, a staff.Actor, number string, now time.Time) (Row, error) {
	r, err := o.known(ctx, number)
	if err != nil {
		return Row{}, err
	}
	for _, action := range covered {
		if err = o.can(ctx, a, action, r, nil, now); err == nil {
			return o.row(ctx, a, r, now)
		}
	}
	return Row{}, err
}

func (o *Office) known(ctx context.Context, number string) (Report, error) {
	number, err := ParseNumber(number)
	if err != nil {
		return Report{}, err
	}
	r, known, err := o.store.report(ctx, number)
	if err == nil && !known {
		err = fault.New(fault.NotFound, "tipoff.none")
	}
	return r, err
}

// Asked is a request to open the identity of a tip-off's reporter.
type Asked struct {
	Number string
	Ask    Ask // without its reason
}

// Asks lists the requests about open tip-offs that the actor made, or may decide
// as a custodian of the unit; those that wait come first, then the newest.
func (o *Office) Asks(ctx context.Context, a staff.Actor, now time.Time) ([]Asked, error) {
	decides := a.Units(staff.IdentityOpen, now)
	units := slices.Clone(decides)
	for _, u := range a.Units(staff.IdentityAsk, now) {
		if !slices.Contains(units, u) {
			units = append(units, u)
		}
	}
	if len(units) == 0 {
		return nil, fault.New(fault.Forbidden, "staff.can.role")
	}
	var out []Asked
	for _, unit := range units {
		err := o.store.each(ctx, o.store.of(unit, false),
			func(r Report) (bool, error) {
				for _, k := range r.Asks {
					if k.By == a.User.ID || slices.Contains(decides, unit) {
						out = append(out, Asked{r.Number, k})
					}
				}
				return true, nil
			})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(out, func(x, y Asked) int {
		if wait := x.Ask.State == AskOpen; wait != (y.Ask.State == AskOpen) {
			if wait {
				return -1
			}
			return 1
		}
		return y.Ask.On.Compare(x.Ask.On)
	})
	return out, nil
}

// Asked is one request with its reason, for who made it and for whoever may
// decide it (staff.IdentityOpen). MayDecide tells which of the two he is.
func (o *Office) Asked(ctx context.Context, a staff.Actor, number, ask string, now time.Time) (k Ask, mayDecide bool, err error) {
	r, err := o.known(ctx, number)
	if err != nil {
		return Ask{}, false, err
	}
	found, err := r.ask(ask)
	if err != nil {
		return Ask{}, false, err
	}
	action := staff.IdentityOpen
	if found.By == a.User.ID {
		action = staff.IdentityAsk
	}
	f, err := o.enter(ctx, a, action, number, now)
	if err != nil {
		return Ask{}, false, err
	}
	all, err := o.store.asks(ctx, f.report, f.id, new(damage))
	if err != nil {
		return Ask{}, false, err
	}
	n := slices.IndexFunc(all, func(k Ask) bool { return k.ID == ask })
	if n < 0 {
		return Ask{}, false, fault.New(fault.NotFound, "tipoff.identity.no_ask")
	}
	return all[n], action == staff.IdentityOpen && all[n].State == AskOpen, nil
}

// Contact opens where a named reporter wants to be told, for one message that
// says nothing but that there is news: the program's own act, for no person to
// see, and in the journal. A fault where there is nobody to tell any more. The
// language is that of the tip-off.
func (o *Office) Contact(ctx context.Context, number string, now time.Time) (contact, language string, err error) {
	r, err := o.known(ctx, number)
	switch {
	case err != nil:
		return "", "", err
	case r.State == Erased:
		return "", "", fault.New(fault.Gone, "tipoff.erased", r.ErasedOn.String())
	case !r.Named || !r.Identity:
		return "", "", fault.New(fault.Conflict, "tipoff.identity.none")
	}
	f := file{report: r}
	if f.id, err = o.unwrap(ctx, r); err != nil {
		return "", "", err
	}
	text, err := o.store.content(ctx, r.Number)
	if err != nil {
		return "", "", err
	}
	if f.inside, err = unsealed[content](f.id, text); err != nil {
		return "", "", err
	}
	if f.lodged, err = f.inside.lodged(); err != nil {
		return "", "", err
	}
	if _, err := o.store.update(ctx, journal.Entry{Actor: "system", Action: "tipoff.contact", At: now}, r.Number,
		func(*journal.Tx, *Report) error { return nil }); err != nil {
		return "", "", err
	}
	who, err := o.reporter(ctx, f)
	return who.Contact, f.lodged.Language, err
}
