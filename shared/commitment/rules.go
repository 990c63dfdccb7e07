package commitment

import (
	"fmt"
	"slices"
	"time"

	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Rules are the law and the calendar that commitments are judged by.
type Rules struct {
	Set      ruleset.Set
	Calendar workday.Calendar
}

type terms struct {
	Check          workday.Period `json:"check"`
	ShownFulfilled workday.Period `json:"shownFulfilled"`
	ShownBroken    workday.Period `json:"shownBroken"`
}

func (r Rules) terms(on workday.Date) (t terms, rule ruleset.Rule, err error) {
	rule, ok := r.Set.For("commitment-terms", on)
	if !ok {
		return t, rule, fault.New(fault.Refused, "commitment.no_rule", on.String())
	}
	t, err = ruleset.Params[terms](rule)
	return t, rule, err
}

// The clocks. Words are "commitment.clock."+name.
const (
	DueClock   = "due"   // the subject's: the last day it promised
	CheckClock = "check" // the unit's: to look at the newest proof
)

// Clocks are the obligations that run or ran: the subject's, which nothing
// lengthens, and the unit's to answer a proof.
func (r Rules) Clocks(c Commitment, today workday.Date) ([]clock.Clock, error) {
	if c.Signed == nil || c.State == Annulled {
		return nil, nil
	}
	var ended, done workday.Date // of the checking; of the promise
	switch {
	case c.Kept != nil:
		ended, done = c.Kept.On, c.Kept.DoneOn
	case c.Breach != nil:
		ended, done = c.Breach.On, c.Breach.On
	}
	var timers []clock.Timer
	if !c.Until.IsZero() {
		_, rule, err := r.terms(c.Signed.On)
		if err != nil {
			return nil, err
		}
		timers = append(timers, clock.Timer{Name: DueClock, From: c.Signed.On, Until: c.Until, Rule: rule, Done: done})
	}
	if n := len(c.Proofs); n > 0 {
		from := workday.DateOf(c.Proofs[n-1].At)
		t, rule, err := r.terms(from)
		if err != nil {
			return nil, err
		}
		timers = append(timers, clock.Timer{Name: CheckClock, From: from, Period: t.Check, Rule: rule, Done: ended})
	}
	return clock.All(timers, r.Calendar, today), nil
}

// Shown tells whether the public ledger has it on the day, and its last day there,
// that day included; none while it is open. The rule is the one applied.
func (r Rules) Shown(c Commitment, today workday.Date) (shown bool, last workday.Date, rule ruleset.Rule, err error) {
	var from workday.Date
	switch {
	case c.State.Open():
		return true, last, rule, nil
	case c.State == Fulfilled:
		from = c.Kept.On
	case c.State == Broken:
		from = c.Breach.On
	default:
		return false, last, rule, nil
	}
	t, rule, err := r.terms(from)
	if err != nil {
		return false, last, rule, err
	}
	period := t.ShownFulfilled
	if c.State == Broken {
		period = t.ShownBroken
	}
	last = r.Calendar.Last(from, period, workday.None)
	return !today.After(last), last, rule, nil
}

type excluded struct {
	Kinds   []Kind        `json:"kinds"`
	Records []credit.Kind `json:"records"`
}

// Available refuses a commitment of a kind to a subject whose records exclude it
// from the commitment system (国知发保字〔2022〕8号 art. 9 no. 6), with the last day
// on which they do.
func (r Rules) Available(k Kind, law *credit.Law, records []credit.Record, at time.Time) error {
	rule, ok := r.Set.For("commitment-excluded", workday.DateOf(at))
	if !ok {
		return nil
	}
	p, err := ruleset.Params[excluded](rule)
	if err != nil {
		return fmt.Errorf("commitment: %w", err)
	}
	if !slices.Contains(p.Kinds, k) {
		return nil
	}
	visible, _ := law.Show(records, at)
	var last workday.Date
	endless, found := false, false
	for _, s := range visible {
		if s.Counts && slices.Contains(p.Records, s.Kind) {
			found, endless = true, endless || s.DisplayUntil.IsZero()
			last = workday.Max(last, s.DisplayUntil)
		}
	}
	switch {
	case endless:
		return fault.New(fault.Refused, "commitment.excluded_for_now").With("template", "commitment.excluded_for_now")
	case found:
		return fault.New(fault.Refused, "commitment.excluded", last.String()).With("template", "commitment.excluded", last.String())
	}
	return nil
}
