package tipoff

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/seal"
	"ipcredit/shared/workday"
)

// View is what a reporter sees of his tip-off.
type View struct {
	// Report is without officers and without what would tell of other tip-offs.
	Report Report
	Status Status
	Clocks []Clock
	// Lodged is what he lodged, without Reporter; Document its canonical JSON.
	Lodged   Lodged
	Document []byte
	Channel  Channel
	Thread   []Message
	// Asks are the requests to open his identity, with reasons: he sees that and
	// when it happened, not by whom.
	Asks []Ask
	// Proof is the receipt's proof, as at lodging; nil where there is none. Once
	// Log.Index knows the number, Log.Proof shows that it is in the log.
	Proof []byte
	// To is what later evidence is sealed to.
	To seal.Recipient
	// May tell what he can still do.
	MayDispute, MayRate, MayClaim bool
	// Damage are the parts that can be read no more: for the log, and nothing of it
	// for the reporter but that they are damaged.
	Damage []error
	// ErasedOn is the day on which it was erased; nothing but Report and Status is
	// filled then.
	ErasedOn workday.Date
}

// Track shows a reporter his tip-off. A number that does not exist and a receipt
// that does not fit are the same fault (NotFound, "tipoff.unknown") after the
// same work; what is no number or no receipt at all (check characters) is a fault
// of kind Invalid naming the field reportNo or receipt, before any look-up.
func (i *Intake) Track(ctx context.Context, c Claim, now time.Time) (View, error) {
	r, id, err := i.enter(ctx, c, now)
	if err != nil {
		return View{}, err
	}
	today := workday.DateOf(now)
	v := View{Report: r.public()}
	if r.State == Erased {
		v.ErasedOn = r.ErasedOn
		v.Status = Status{Word: string(Erased), Since: r.ErasedOn}
		return v, nil
	}
	rules, err := i.store.law(ctx)
	if err != nil {
		return View{}, err
	}
	if v.Clocks, err = v.Report.Clocks(rules, today); err != nil {
		return View{}, err
	}
	v.Status = v.Report.status(v.Clocks)
	text, err := i.store.content(ctx, r.Number)
	if err != nil {
		return View{}, err
	}
	inside, err := unsealed[content](id, text)
	if err != nil {
		return View{}, err
	}
	v.Document, v.Channel = []byte(inside.Document), inside.Channel
	if v.Lodged, err = inside.lodged(); err != nil {
		return View{}, err
	}
	if v.Thread, _, err = i.store.thread(ctx, r.Number, id, (*damage)(&v.Damage)); err != nil {
		return View{}, err
	}
	if v.Asks, err = i.store.asks(ctx, v.Report, id, (*damage)(&v.Damage)); err != nil {
		return View{}, err
	}
	if v.Proof, err = signProof(i.receipts, r); err != nil {
		return View{}, err
	}
	v.To, err = seal.ParseRecipient(r.To)
	v.MayDispute = r.mayDispute(rules, today) == nil
	v.MayRate = r.has(string(Closed)) && !r.Rated
	v.MayClaim = !r.Claimed
	return v, err
}

// enter admits a claim and unwraps its key. An erased tip-off opens with the zero
// identity, as a tombstone, also when only its key is gone yet.
func (i *Intake) enter(ctx context.Context, c Claim, now time.Time) (Report, seal.Identity, error) {
	r, secret, err := i.gate.admit(ctx, c, now)
	if err != nil || r.State == Erased {
		return r, seal.Identity{}, err
	}
	reader, err := secret.identity(r.Number)
	if err != nil {
		return r, seal.Identity{}, err
	}
	id, err := i.keys.Open(ctx, r.Key, receiptLabel, reader)
	var erased *seal.Erased
	if errors.As(err, &erased) {
		r.State = Erased
		r.ErasedOn, err = workday.ParseDate(erased.On)
		return r, seal.Identity{}, err
	}
	if err != nil {
		return r, seal.Identity{}, fmt.Errorf("tipoff: %w", err)
	}
	return r, id, nil
}

// write is one act of a reporter.
type write struct {
	ticket string
	// same is what a ticket used again must have sent.
	same string
	said said
	// may refuses, change notes the act; both see the report as it is now.
	may    func(r Report) error
	change func(r *Report)
}

// act seals what a reporter says and commits it. The reporter writes without
// being read: nothing is opened for it.
func (i *Intake) act(ctx context.Context, c Claim, action string, w write, now time.Time) error {
	if err := checkTicket(w.ticket); err != nil {
		return err
	}
	r, _, err := i.gate.admit(ctx, c, now)
	if err != nil {
		return err
	}
	if r.State == Erased {
		return fault.New(fault.Gone, "tipoff.erased", r.ErasedOn.String())
	}
	to, err := seal.ParseRecipient(r.To)
	if err != nil {
		return err
	}
	w.said.At = now.UTC().Truncate(time.Second)
	text, err := sealed(to, w.said)
	if err != nil {
		return err
	}
	today := workday.DateOf(now)
	entry := journal.Entry{Actor: "reporter", Action: action, At: today.Start()}
	_, err = i.store.update(ctx, entry, r.Number, func(tx *journal.Tx, r *Report) error {
		if again, err := i.store.once(ctx, tx, r.Number, w.ticket, w.same); again || err != nil {
			return err
		}
		if r.State == Erased {
			return fault.New(fault.Gone, "tipoff.erased", r.ErasedOn.String())
		}
		if err := w.may(*r); err != nil {
			return err
		}
		w.change(r)
		r.News = true
		return i.store.addPost(tx, r, ByReporter, today, text)
	})
	return err
}

// Say adds a message of the reporter. key is the form's ticket (128 random bits,
// see CheckKey; empty is none): the same key and text again adds nothing.
func (i *Intake) Say(ctx context.Context, c Claim, key, text string, now time.Time) error {
	today := workday.DateOf(now)
	text, err := CheckMessage("text", text, i.store.rules, today)
	if err != nil {
		return err
	}
	form, err := FormOf(i.store.rules, today)
	if err != nil {
		return err
	}
	return i.act(ctx, c, "tipoff.say", write{
		ticket: key, same: text, said: said{Kind: plainMessage, Text: text},
		may: func(r Report) error {
			if r.Posts >= form.Messages {
				return fault.New(fault.Refused, "tipoff.thread.full", form.Messages)
			}
			return nil
		},
		change: func(*Report) {},
	}, now)
}

// Dispute says “not solved”, once, after closing and within the rule's days; it
// takes the tip-off back to the unit. Conflict "tipoff.dispute.open", ".twice" or
// ".late" otherwise.
func (i *Intake) Dispute(ctx context.Context, c Claim, reason string, now time.Time) error {
	today := workday.DateOf(now)
	reason, err := CheckMessage("reason", reason, i.store.rules, today)
	if err != nil {
		return err
	}
	rules, err := i.store.law(ctx)
	if err != nil {
		return err
	}
	return i.act(ctx, c, "tipoff.dispute", write{
		said: said{Kind: disputeMessage, Text: reason},
		may:  func(r Report) error { return r.mayDispute(rules, today) },
		change: func(r *Report) {
			r.Disputed = true
			r.move(Disputed, today, "")
		},
	}, now)
}

// mayDispute tells why the reporter cannot say “not solved” today.
func (r Report) mayDispute(rules Rules, today workday.Date) error {
	switch {
	case r.Disputed:
		return fault.New(fault.Conflict, "tipoff.dispute.twice")
	case r.State != Closed:
		return fault.New(fault.Conflict, "tipoff.dispute.open")
	}
	_, terms, err := ruleset.Of[disputeTerms](rules.Set, "tipoff-dispute", r.closedOn())
	if err != nil {
		return err
	}
	if last := rules.Calendar.Last(r.closedOn(), terms.Within, workday.Duty); today.After(last) {
		return fault.New(fault.Conflict, "tipoff.dispute.late", last.String())
	}
	return nil
}

// Rate gives a score of 1 to 5 and a comment (may be empty), once, after closing.
func (i *Intake) Rate(ctx context.Context, c Claim, score int, comment string, now time.Time) error {
	if score < 1 || score > 5 {
		return fault.New(fault.Invalid, "tipoff.form").With("score", "tipoff.rating.score")
	}
	if comment != "" {
		var err error
		if comment, err = CheckMessage("comment", comment, i.store.rules, workday.DateOf(now)); err != nil {
			return err
		}
	}
	return i.act(ctx, c, "tipoff.rate", write{
		said: said{Kind: ratingMessage, Text: comment, Score: score},
		may: func(r Report) error {
			switch {
			case r.Rated:
				return fault.New(fault.Conflict, "tipoff.rating.twice")
			case !r.has(string(Closed)):
				return fault.New(fault.Conflict, "tipoff.rating.open")
			}
			return nil
		},
		change: func(r *Report) { r.Rated = true },
	}, now)
}

// ClaimReward asks to be considered for a reward (possible, never promised:
// domain reference E.3), once. An anonymous reporter may name himself by it; who
// is sealed like any reporter. text may be empty.
func (i *Intake) ClaimReward(ctx context.Context, c Claim, who *Reporter, text string, now time.Time) error {
	today := workday.DateOf(now)
	form, err := FormOf(i.store.rules, today)
	if err != nil {
		return err
	}
	if text != "" {
		if text, err = CheckMessage("text", text, i.store.rules, today); err != nil {
			return err
		}
	}
	if who != nil {
		check := checker{form: form, today: today}
		clean := check.person("reporter", *who)
		if len(check.fields) > 0 {
			refused := fault.New(fault.Invalid, "tipoff.form")
			refused.Fields = check.fields
			return refused
		}
		who = &clean
	}
	// An identity that was lodged has its key; what is sealed again goes to it too.
	var named person
	if who != nil {
		if named, err = i.naming(ctx, c, *who, now); err != nil {
			return err
		}
	}
	return i.act(ctx, c, "tipoff.claim_reward", write{
		said: said{Kind: rewardMessage, Text: text, Reporter: named.sealed},
		may: func(r Report) error {
			if r.Claimed {
				return fault.New(fault.Conflict, "tipoff.reward.twice")
			}
			return nil
		},
		change: func(r *Report) {
			r.Claimed = true
			if who != nil {
				r.Identity, r.Person = true, named.ref
			}
		},
	}, now)
}

// naming seals who names himself for a reward to the key that the tip-off's
// identity has, or to one made for it. That two do it at once does not happen: the
// claim is made once, and the first one counts.
func (i *Intake) naming(ctx context.Context, c Claim, who Reporter, now time.Time) (person, error) {
	r, _, err := i.gate.admit(ctx, c, now)
	if err != nil || r.Person == "" {
		if err == nil {
			return i.person(ctx, who)
		}
		return person{}, err
	}
	to, err := i.keys.Recipient(ctx, r.Person)
	if err != nil {
		return person{}, fmt.Errorf("tipoff: %w", err)
	}
	text, err := sealReporter(to, who)
	return person{r.Person, text}, err
}
