package share

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/outgoing"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// system is who does what nobody asked for.
const system = "system"

// The types of what is delivered.
const (
	typeChanged = "credit.changed"
	typeTest    = "credit.test"
	typeLetters = "letters.waiting"
)

// envelope is the body of a delivery (Standard Webhooks 1.0).
type envelope struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      payload   `json:"data"`
}

type payload struct {
	Subscription string   `json:"subscription"`
	Changes      []Change `json:"changes"`
}

const (
	// perDelivery changes go together: fewer than 20 kB, which Standard Webhooks
	// asks of a payload.
	perDelivery = 50
	mostBody    = 20_000
	// perRun deliveries go to one receiver in one run.
	perRun = 20
	// longestCall is how long a receiver may take.
	longestCall = 8 * time.Second
	// longestRun is how long one run holds a receiver at most.
	longestRun = perRun*longestCall + time.Minute
)

// Deliver makes the deliveries that are due, to each receiver one after the other
// and in the order of the feed, so that nobody hears of an end before the
// beginning. It may be called as often as one likes and by several at once. What
// cannot be reached is tried again later; the error is ours.
func (s *Store) Deliver(ctx context.Context, now func() time.Time) error {
	list, err := s.all(ctx)
	if err != nil {
		return err
	}
	client := s.config.Guard.Client(longestCall)
	defer client.Close()
	var failed []error
	for _, x := range list {
		if x.URL == "" || x.Stopped != "" || x.DecidedAt.IsZero() || x.State != Active && x.State != Ended {
			continue
		}
		if err := ctx.Err(); err != nil {
			break // out of time: the next run goes on
		}
		if err := s.deliverTo(ctx, client, x.ID, now); err != nil {
			failed = append(failed, fmt.Errorf("share: delivering to %s: %w", x.ID, err))
		}
	}
	return errors.Join(failed...)
}

func (s *Store) deliverTo(ctx context.Context, client *outgoing.Client, id string, now func() time.Time) error {
	won, free, err := s.claim(ctx, id, longestRun)
	if err != nil || !won {
		return err
	}
	defer free()
	for range perRun {
		x, err := s.subscription(ctx, s.journal.Redis(), id)
		if err != nil || x.Stopped != "" || ctx.Err() != nil {
			return err
		}
		if x.Current == "" {
			ready, err := s.prepare(ctx, x, now())
			if err != nil || !ready {
				return err
			}
			continue
		}
		d, err := s.delivery(ctx, s.journal.Redis(), x.Current)
		if err != nil || d.Next.After(now()) {
			return err
		}
		taken, err := s.try(ctx, client, x, d, now)
		if err != nil || !taken {
			return err
		}
	}
	return nil
}

// prepare makes the next delivery of the subscription and notes what it tells as
// told: once it is sent nobody can say that it was not. False if there is none.
func (s *Store) prepare(ctx context.Context, x Subscription, now time.Time) (bool, error) {
	from, err := credit.ParsePlace(x.Done)
	if err != nil {
		return false, err
	}
	list, to, _, err := s.changes(ctx, x.Org, s.covering([]Subscription{x}, workday.DateOf(now)), from, perDelivery, now)
	if fault.Is(err, fault.Gone) || fault.Is(err, fault.Invalid) {
		// The feed was lost from there on: tell everything anew.
		list, to, _, err = s.changes(ctx, x.Org, s.covering([]Subscription{x}, workday.DateOf(now)), credit.Place{}, perDelivery, now)
	}
	if err == nil && to == from {
		return s.prepareLetters(ctx, x, now)
	}
	if err != nil {
		return false, err
	}
	_, err = s.change(ctx, system, "prepare", x.ID, now, func(tx *journal.Tx, next *Subscription) error {
		if next.Current != "" || next.Done != x.Done || next.Stopped != "" {
			return nil // somebody else was faster
		}
		if len(list) == 0 {
			next.Done = to.Cursor()
			return nil
		}
		d := Delivery{ID: newID("d", now), Subscription: x.ID, To: to.Cursor(), Made: now.UTC(), Next: now.UTC()}
		for _, c := range list {
			d.Events = append(d.Events, c.ID)
		}
		next.Current = d.ID
		if err := s.told(ctx, tx, x.Org, list, now); err != nil {
			return err
		}
		return s.keep(tx, d)
	})
	return err == nil, err
}

// body is what a delivery says at the instant: of what has ended since it was made
// nothing but its end, which follows.
// The events are those that it tells.
func (s *Store) body(ctx context.Context, d Delivery, now time.Time) ([]byte, []credit.Event, error) {
	e := envelope{Type: typeChanged, Timestamp: now.UTC().Truncate(time.Second), Data: payload{d.Subscription, []Change{}}}
	switch {
	case d.Letters:
		e.Type = typeLetters
	case len(d.Events) == 0:
		e.Type = typeTest
	}
	var events []credit.Event
	for _, id := range d.Events {
		place, err := credit.ParsePlace(id)
		if err != nil {
			return nil, nil, err
		}
		event, err := s.config.Credit.Event(ctx, place)
		if fault.Is(err, fault.Gone) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		events = append(events, event)
	}
	standing, err := s.standing(ctx, events, now)
	if err != nil {
		return nil, nil, err
	}
	told := events[:0]
	for _, event := range events {
		if _, stands := standing[event.RecordID]; stands != event.Type.Ends() {
			e.Data.Changes = append(e.Data.Changes, thin(event, s.config.Public+lookupPath))
			told = append(told, event)
		}
	}
	text, err := json.Marshal(e)
	if err == nil && len(text) >= mostBody {
		err = fmt.Errorf("share: a delivery of %d bytes", len(text))
	}
	return text, told, err
}

// sent is what came of one call.
type sent struct {
	Try
	after time.Duration
	// answers are what the receiver said at once about ends that it was told of.
	answers []Answered
}

// send makes one call.
func (s *Store) send(ctx context.Context, client *outgoing.Client, x Subscription, d Delivery, now time.Time) (sent, error) {
	out := sent{Try: Try{At: now}}
	body, told, err := s.body(ctx, d, now)
	if err != nil {
		return out, err
	}
	secret := ""
	if x.Shared {
		if secret, err = s.config.Key.Secret(x.ID, x.Generation); err != nil {
			return out, err
		}
	}
	headers, err := s.config.Key.Headers(d.ID, now, body, secret)
	if err != nil {
		return out, err
	}
	answer, err := client.Post(ctx, x.URL, headers, bytes.NewReader(body), now)
	out.Status, out.after = answer.Status, answer.After
	switch {
	case errors.Is(err, outgoing.ErrPrivate):
		out.Why = WhyPrivate
	case err != nil:
		out.Why = WhyAway
	case answer.Gone():
		out.Why = WhyGone
	case !answer.Taken():
		out.Why = WhyRefused
	default:
		out.answers = saidAtOnce(x, told, answer.Body, now)
	}
	return out, nil
}

// try makes one call of a delivery and keeps what came of it.
func (s *Store) try(ctx context.Context, client *outgoing.Client, x Subscription, d Delivery, now func() time.Time) (taken bool, err error) {
	t, err := s.send(ctx, client, x, d, now())
	if err != nil {
		return false, err
	}
	d, stopped := d.tried(t.Try, t.after)
	// What the receiver has must be known even if the caller went away meanwhile.
	ctx = context.WithoutCancel(ctx)
	_, err = s.change(ctx, system, "deliver", x.ID, t.At, func(tx *journal.Tx, next *Subscription) error {
		if next.Current == d.ID {
			switch {
			case !d.Taken.IsZero():
				next.Current = ""
				if d.To != "" {
					next.Done = d.To
				}
			case stopped != "":
				next.Stopped = stopped
				next.Version++
				if err := s.config.Staff.Tell(tx, staff.NewMessage(x.Owner, "share.stopped", Ref(x.ID), "share.message.stopped",
					"credit-share/subscriptions/"+x.ID, t.At, staff.Word("share.why."+stopped))); err != nil {
					return err
				}
			}
		}
		if err := s.keepAtOnce(ctx, tx, t.answers); err != nil {
			return err
		}
		return s.keep(tx, d)
	})
	return err == nil && !d.Taken.IsZero(), err
}

// Replay sends an earlier delivery once more, under its id, so that a receiver
// which has it can tell; it goes with the next run.
func (s *Store) Replay(ctx context.Context, a staff.Actor, id, delivery string, now time.Time) (Subscription, error) {
	return s.change(ctx, a.User.ID, "replay", id, now, func(tx *journal.Tx, x *Subscription) error {
		if err := manages(a, x.Division, now); err != nil {
			return err
		}
		d, err := s.delivery(ctx, tx.Read(), delivery)
		if err != nil {
			return err
		}
		if d.Subscription != x.ID || len(d.Events) == 0 {
			return unknown()
		}
		if x.Current != "" || x.Stopped != "" || x.URL == "" || x.State != Active {
			return fault.New(fault.Conflict, "share.busy")
		}
		d.Taken, d.Failed, d.Next, d.By, d.Round = time.Time{}, false, now.UTC(), a.User.ID, len(d.Tries)
		if d.To != x.Done {
			d.To = "" // what came after it stays delivered
		}
		x.Current = d.ID
		return s.keep(tx, d)
	})
}

// Test sends a delivery without changes at once and tells what came of it.
func (s *Store) Test(ctx context.Context, a staff.Actor, id string, now time.Time) (Delivery, error) {
	x, err := s.Get(ctx, a, id, now)
	if err != nil {
		return Delivery{}, err
	}
	if x.URL == "" || x.State != Active {
		return Delivery{}, fault.New(fault.Conflict, "share.state")
	}
	client := s.config.Guard.Client(longestCall)
	defer client.Close()
	d := Delivery{ID: newID("d", now), Subscription: id, Made: now.UTC(), By: a.User.ID}
	t, err := s.send(ctx, client, x, d, now)
	if err != nil {
		return Delivery{}, err
	}
	d.Tries, d.Failed = []Try{t.Try}, t.Why != ""
	if !d.Failed {
		d.Taken = t.At
	}
	ctx = context.WithoutCancel(ctx)
	return d, s.journal.Commit(ctx, journal.Entry{Actor: a.User.ID, Action: "share.test", Ref: Ref(id), At: now}, nil, func(tx *journal.Tx) error {
		return s.keep(tx, d)
	})
}
