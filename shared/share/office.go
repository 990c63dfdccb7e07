package share

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/liaison"
	"ipcredit/shared/outgoing"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Ref names a subscription in the journal and in messages.
func Ref(id string) string { return "subscription:" + id }

func newID(prefix string, at time.Time) string {
	return prefix + strings.ToLower(ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String())
}

// Proposal is a subscription as an officer enters it.
type Proposal struct {
	Org     string
	Purpose Purpose
	Acts    []string
	Areas   []string
	Basis   string
	Until   workday.Date
	URL     string
	Shared  bool
}

// manages refuses whoever may not manage subscriptions of the division.
func manages(a staff.Actor, division string, now time.Time) error {
	return staff.Can(a, staff.ShareManage, staff.Resource{Division: division}, now)
}

// Propose asks for a subscription; another person must approve it.
func (s *Store) Propose(ctx context.Context, a staff.Actor, p Proposal, now time.Time) (Subscription, error) {
	x := Subscription{ID: newID("s", now), Division: a.Org.Division(), Owner: a.Org.ID, State: Proposed, AskedBy: a.User.ID, AskedAt: now.UTC(), Version: 1}
	if err := manages(a, x.Division, now); err != nil {
		return x, err
	}
	if err := s.check(ctx, &x, p, now); err != nil {
		return x, err
	}
	return x, s.journal.Commit(ctx, journal.Entry{Actor: a.User.ID, Action: "share.propose", Ref: Ref(x.ID), At: now}, nil, func(tx *journal.Tx) error {
		tx.SAdd(s.key("subs"), x.ID)
		return journal.Put(tx, s.key("sub", x.ID), x)
	})
}

func (s *Store) check(ctx context.Context, x *Subscription, p Proposal, now time.Time) error {
	bad := fault.New(fault.Invalid, "share.incomplete")
	org, err := s.config.Staff.Organization(ctx, p.Org)
	switch {
	case fault.Is(err, fault.NotFound):
		bad = bad.With("org", "share.choose")
	case err != nil:
		return err
	case org.Closed || !slices.Contains(staff.FitsScopes(org.Kind), staff.ScopeShare):
		bad = bad.With("org", "share.org")
	case !slices.Contains(Purposes, p.Purpose):
		bad = bad.With("purpose", "share.choose")
	case !slices.ContainsFunc(Acts(), func(act string) bool { return p.Purpose.Fits(org.Kind, act) }):
		bad = bad.With("purpose", "share.purpose")
	}
	if len(p.Acts) == 0 {
		bad = bad.With("acts", "share.choose")
	}
	for _, act := range p.Acts {
		if !slices.Contains(Acts(), act) {
			bad = bad.With("acts", "share.choose")
			break
		}
		if len(bad.Fields) == 0 && !p.Purpose.Fits(org.Kind, act) {
			bad = bad.With("acts", "share.act")
			break
		}
	}
	if len(p.Areas) == 0 {
		bad = bad.With("areas", "share.choose")
	}
	for _, code := range p.Areas {
		area, ok := ident.AreaOf(code)
		if !ok || area.Kind == ident.Province || area.Successor != "" {
			bad = bad.With("areas", "share.choose")
			break
		}
	}
	x.Basis = strings.TrimSpace(p.Basis)
	if x.Basis == "" {
		bad = bad.With("basis", "share.basis")
	} else if err := liaison.CheckText(x.Basis, 300); err != nil {
		f, _ := fault.Of(err)
		bad = bad.With("basis", f.Code, f.Args...)
	}
	if !p.Until.IsZero() && p.Until.Before(workday.DateOf(now)) {
		bad = bad.With("until", "share.past")
	}
	if x.URL = strings.TrimSpace(p.URL); x.URL != "" {
		if code := s.urlCode(x.URL); code != "" {
			bad = bad.With("url", code)
		}
	}
	if len(bad.Fields) > 0 {
		return bad
	}
	x.Org, x.Purpose, x.Acts, x.Areas, x.Until, x.Shared = p.Org, p.Purpose, slices.Clone(p.Acts), slices.Clone(p.Areas), p.Until, p.Shared && x.URL != ""
	if x.Shared {
		x.Generation = 1
	}
	return nil
}

func (s *Store) urlCode(address string) string {
	switch err := s.config.Guard.Check(address); {
	case errors.Is(err, outgoing.ErrPrivate):
		return "share.url_private"
	case err != nil:
		return "share.url"
	}
	return ""
}

// apart refuses whoever asked for the subscription himself, or stands in for who
// did: it takes two people.
func apart(a staff.Actor, askedBy string, now time.Time) error {
	if askedBy == a.User.ID || slices.ContainsFunc(a.Lent, func(l staff.Lent) bool { return l.Absent == askedBy }) {
		return fault.New(fault.Forbidden, "staff.can.asked")
	}
	return nil
}

func stale(x Subscription, version int) error {
	if x.Version != version {
		return fault.New(fault.Stale, "share.stale")
	}
	return nil
}

// Decide approves or refuses a proposal. It must be another person than who asked.
// Deliveries begin with what is shown, so a receiver needs no other way to begin.
func (s *Store) Decide(ctx context.Context, a staff.Actor, id string, version int, approve bool, now time.Time) (Subscription, error) {
	return s.change(ctx, a.User.ID, "decide", id, now, func(_ *journal.Tx, x *Subscription) error {
		if err := manages(a, x.Division, now); err != nil {
			return err
		}
		if err := apart(a, x.AskedBy, now); err != nil {
			return err
		}
		if x.State != Proposed {
			return fault.New(fault.Conflict, "share.state")
		}
		if err := stale(*x, version); err != nil {
			return err
		}
		x.State = Refused
		if approve {
			x.State = Active
		}
		x.DecidedBy, x.DecidedAt = a.User.ID, now.UTC()
		x.Version++
		return nil
	})
}

// End ends a subscription. Nothing new is told; the ends of records that were told
// still are.
func (s *Store) End(ctx context.Context, a staff.Actor, id string, version int, now time.Time) (Subscription, error) {
	return s.managed(ctx, a, "end", id, version, now, func(x *Subscription) error {
		if x.State != Active && x.State != Proposed {
			return fault.New(fault.Conflict, "share.state")
		}
		x.State, x.EndedBy = Ended, a.User.ID
		return nil
	})
}

// Stop stops deliveries, Resume goes on where they stopped.
func (s *Store) Stop(ctx context.Context, a staff.Actor, id string, version int, now time.Time) (Subscription, error) {
	return s.managed(ctx, a, "stop", id, version, now, func(x *Subscription) error {
		if x.Stopped != "" || x.URL == "" {
			return fault.New(fault.Conflict, "share.state")
		}
		x.Stopped = WhyOff
		return nil
	})
}

// Resume goes on where deliveries stopped: with the one that failed, under an id of
// its own, so nothing is lost.
func (s *Store) Resume(ctx context.Context, a staff.Actor, id string, version int, now time.Time) (Subscription, error) {
	return s.managed(ctx, a, "resume", id, version, now, func(x *Subscription) error {
		if x.Stopped == "" {
			return fault.New(fault.Conflict, "share.state")
		}
		x.Stopped, x.Current = "", ""
		return nil
	})
}

// Secret is the secret shared with the receiver, for who manages the subscription;
// with renew, a new one, and the old is good no more.
func (s *Store) Secret(ctx context.Context, a staff.Actor, id string, renew bool, now time.Time) (string, error) {
	x, err := s.change(ctx, a.User.ID, "secret", id, now, func(_ *journal.Tx, x *Subscription) error {
		if err := manages(a, x.Division, now); err != nil {
			return err
		}
		if !x.Shared {
			return fault.New(fault.Conflict, "share.no_secret")
		}
		if renew {
			x.Generation++
			x.Version++
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return s.config.Key.Secret(x.ID, x.Generation)
}

func (s *Store) managed(ctx context.Context, a staff.Actor, action, id string, version int, now time.Time, do func(*Subscription) error) (Subscription, error) {
	return s.change(ctx, a.User.ID, action, id, now, func(_ *journal.Tx, x *Subscription) error {
		if err := manages(a, x.Division, now); err != nil {
			return err
		}
		if err := stale(*x, version); err != nil {
			return err
		}
		x.Version++
		return do(x)
	})
}

// List are the subscriptions that the actor manages, the newest first.
func (s *Store) List(ctx context.Context, a staff.Actor, now time.Time) ([]Subscription, error) {
	if err := manages(a, a.Org.Division(), now); err != nil {
		return nil, err
	}
	list, err := s.all(ctx)
	return slices.DeleteFunc(list, func(x Subscription) bool { return manages(a, x.Division, now) != nil }), err
}

// Get is one subscription, for who manages it.
func (s *Store) Get(ctx context.Context, a staff.Actor, id string, now time.Time) (Subscription, error) {
	x, err := s.subscription(ctx, s.journal.Redis(), id)
	if err != nil {
		return x, err
	}
	return x, manages(a, x.Division, now)
}

// Log are the deliveries of a subscription, for who manages it, the newest first.
func (s *Store) Log(ctx context.Context, a staff.Actor, id, cursor string, limit int, now time.Time) ([]Delivery, string, error) {
	if _, err := s.Get(ctx, a, id, now); err != nil {
		return nil, "", err
	}
	return s.log(ctx, id, cursor, int64(limit))
}

// Organizations are those that can have a subscription.
func (s *Store) Organizations(ctx context.Context) ([]staff.Organization, error) {
	list, err := s.config.Staff.Organizations(ctx, false)
	return slices.DeleteFunc(list, func(o staff.Organization) bool {
		return o.Closed || !slices.Contains(staff.FitsScopes(o.Kind), staff.ScopeShare)
	}), err
}
