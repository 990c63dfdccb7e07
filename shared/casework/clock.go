package casework

import (
	"slices"

	"ipcredit/shared/clock"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Clock is a time limit of a case, see package clock. The words of its name are
// the catalogue's "casework.clock."+Name.
type Clock = clock.Clock

// The clocks' names.
const (
	CheckClock        = "check"        // Lead: open a case or not, 15 (+15) working days
	DecisionClock     = "decision"     // from Filed: decide, 90 (+30, + collectively) days
	ReviewClock       = "review"       // Review: 10 (+10) working days
	DefenceClock      = "defence"      // Notice: the party's 5 working days
	HearingClock      = "hearing"      // Hearing: hold it
	SuspensionClock   = "suspension"   // Suspended: look at it again
	WaitClock         = "wait"         // a pause: look whether it is over
	PreservationClock = "preservation" // preserved evidence: 7 working days
	ServiceClock      = "service"      // Decided, NoPenalty: 7 working days
	PerformanceClock  = "performance"  // Served: the party's 15 days to pay
	ClosingClock      = "closing"      // all is done: close
	ReceiptClock      = "receipt"      // transferred: the receipt of the body outside
	OfferClock        = "offer"        // Offer: the other unit's answer
	JurisdictionClock = "jurisdiction" // a dispute: 7 working days, then the common superior
)

// Rules are the law to apply; the zero value is what the program ships.
type Rules = ruleset.Laws

// terms are the parameters of a time limit.
type terms struct {
	Base      workday.Period `json:"base"`
	Extension workday.Period `json:"extension"`
}

// Clocks computes all clocks of the case as they stand today, in the order in
// which they began. Time limits: domain reference E.1, E.2, M.12.
//
//   - check, of a lead: 15 working days from the day it reached the bureau, 15 more
//     when the head extended it; until a case is opened or not, or transferred;
//   - decision: 90 days from the filing, 30 more when the head extended it, and
//     what a collective discussion then added; until the decision. Days on which
//     something was waited for, of a suspension, of a hearing and with a body that
//     returned it are not counted. A last day of rest rolls (民法典 art. 203);
//   - review: 10 working days from each time it was handed in;
//   - defence: the party's 5 working days from the service of the notice; it ends
//     by itself;
//   - preservation: 7 working days for each list of evidence;
//   - service: 7 working days from the decision; performance: 15 days from service;
//   - jurisdiction: 7 working days from the day the units disagreed;
//   - hearing, suspension, wait, receipt, offer, closing: our own targets, so that
//     nothing lies still.
func (c Case) Clocks(rules Rules, today workday.Date) ([]Clock, error) {
	rules = rules.Filled()
	timers, err := c.timers(rules.Set)
	if err != nil {
		return nil, err
	}
	clocks := clock.All(timers, rules.Calendar, today)
	for n := range clocks {
		// The party's time passes; nobody can be late with it.
		if k := &clocks[n]; k.Name == DefenceClock && k.Running() && today.After(k.Due) {
			k.Done = k.Due
		}
	}
	return clocks, nil
}

// kept are the clocks that somebody can be late with: what the index holds.
func kept(clocks []Clock) []Clock {
	return slices.DeleteFunc(slices.Clone(clocks), func(k Clock) bool { return k.Name == DefenceClock })
}

// winding goes through the events of a case.
type winding struct {
	set    ruleset.Set
	timers []clock.Timer
	refs   []string // what each timer is about
	err    error
	// still counts why the decision's days are not counted.
	still  int
	pauses []clock.Pause
}

// timers are what the clocks are computed from.
func (c Case) timers(set ruleset.Set) ([]clock.Timer, error) {
	w := winding{set: set}
	for _, e := range c.Events {
		if slices.Contains(States(), State(e.What)) {
			w.leave(e)
		}
		w.enter(c, e)
	}
	if w.err != nil {
		return nil, w.err
	}
	for n := range w.timers {
		if t := &w.timers[n]; t.Name == DecisionClock || t.Name == CheckClock {
			t.Pauses = w.pauses
		}
	}
	return w.timers, nil
}

// start begins a clock.
func (w *winding) start(name, ref string, from workday.Date) *clock.Timer {
	rule, p, err := ruleset.Of[terms](w.set, "casework-"+name, from)
	if err != nil && w.err == nil {
		w.err = err
	}
	w.timers = append(w.timers, clock.Timer{
		Name: name, From: from, Period: p.Base, Extension: p.Extension, Roll: workday.Duty, Rule: rule,
	})
	w.refs = append(w.refs, ref)
	return &w.timers[len(w.timers)-1]
}

// running is the clock of this name that still runs.
func (w *winding) running(name, ref string) *clock.Timer {
	for n := len(w.timers) - 1; n >= 0; n-- {
		if t := &w.timers[n]; t.Name == name && t.Done.IsZero() && (ref == "" || w.refs[n] == ref) {
			return t
		}
	}
	return nil
}

// stop ends the clocks of these names that still run; no names end all.
func (w *winding) stop(on workday.Date, names ...string) {
	for n := range w.timers {
		if t := &w.timers[n]; t.Done.IsZero() && (len(names) == 0 || slices.Contains(names, t.Name)) {
			t.Done = on
		}
	}
}

// hold begins a time that is not counted, release ends it. They may lie over each
// other.
func (w *winding) hold(on workday.Date) {
	if w.still++; w.still == 1 {
		w.pauses = append(w.pauses, clock.Pause{From: on, Open: true})
	}
}

func (w *winding) release(on workday.Date) {
	if w.still--; w.still == 0 {
		p := &w.pauses[len(w.pauses)-1]
		p.To, p.Open = on, false
	}
}

// leave ends what belongs to the state that is left with the event.
func (w *winding) leave(e Event) {
	if w.running(HearingClock, "") != nil {
		w.release(e.On) // neither held nor taken back
	}
	if w.running(SuspensionClock, "") != nil {
		w.release(e.On)
	}
	w.stop(e.On, ReviewClock, DefenceClock, HearingClock, SuspensionClock, ServiceClock, PerformanceClock, ClosingClock)
	if w.running(ReceiptClock, "") != nil {
		w.stop(e.On, ReceiptClock)
	}
}

// enter begins, lengthens and ends what an event is about.
func (w *winding) enter(c Case, e Event) {
	switch s := State(e.What); {
	case s == Lead:
		if w.again(e, CheckClock) {
			return
		}
		w.start(CheckClock, "", c.ReceivedOn)
	case s == Filed:
		if w.again(e, DecisionClock) {
			return
		}
		w.stop(e.On, CheckClock)
		w.start(DecisionClock, "", e.On)
	case s == Investigating:
		w.again(e, DecisionClock)
	case s == Suspended:
		w.start(SuspensionClock, "", e.On)
		w.hold(e.On)
	case s == Review:
		w.start(ReviewClock, "", e.On)
	case s == Hearing:
		w.start(HearingClock, "", e.On)
		w.hold(e.On)
	case s == Decided, s == NoPenalty:
		w.stop(e.On, DecisionClock)
		w.start(ServiceClock, "", e.On)
	case s == Served:
		w.start(PerformanceClock, "", e.On)
	case s == Performed, s == Enforced:
		w.start(ClosingClock, "", e.On)
	case s.Transferred():
		w.stop(e.On, CheckClock, DecisionClock)
		w.start(ReceiptClock, "", e.On)
	case s == NotFiled, s == NoDetermination, s == Merged, s == Closed:
		w.stop(e.On)
	default:
		w.other(e)
	}
}

// again takes up the clock that stopped when the case went to a body outside, which
// returned it: the days there are not counted.
func (w *winding) again(e Event, name string) bool {
	for n := range w.timers {
		t := &w.timers[n]
		if t.Name != name || t.Done.IsZero() || w.running(name, "") != nil {
			continue
		}
		w.pauses = append(w.pauses, clock.Pause{From: t.Done, To: e.On})
		t.Done = workday.Date{}
		return true
	}
	return false
}

// other is an event that is no state.
func (w *winding) other(e Event) {
	switch e.What {
	case CheckExtended:
		w.lengthen(CheckClock, e, false)
	case Extended:
		w.lengthen(DecisionClock, e, false)
	case ExtendedAgain:
		w.lengthen(DecisionClock, e, true)
	case ReviewExtended:
		w.lengthen(ReviewClock, e, false)
	case PauseBegun:
		w.start(WaitClock, e.Ref, e.On)
		w.hold(e.On)
	case PauseEnded:
		if t := w.running(WaitClock, e.Ref); t != nil {
			t.Done = e.On
			w.release(e.On)
		}
	case Preserved:
		w.start(PreservationClock, e.Ref, e.On)
	case PreservedDone:
		if t := w.running(PreservationClock, e.Ref); t != nil {
			t.Done = e.On
		}
	case NoticeServed:
		w.start(DefenceClock, "", e.On)
	case DefenceWaived:
		w.stop(e.On, DefenceClock)
	case HearingHeld, HearingDropped:
		if w.running(HearingClock, "") != nil {
			w.stop(e.On, HearingClock)
			w.release(e.On)
		}
	case ServiceMade:
		w.stop(e.On, ServiceClock)
		w.start(ClosingClock, "", e.On)
	case ReceiptGot:
		w.stop(e.On, ReceiptClock)
		w.start(ClosingClock, "", e.On)
	case Offered:
		w.start(OfferClock, "", e.On)
	case DisputeBegun:
		w.stop(e.On, OfferClock)
		w.start(JurisdictionClock, "", e.On)
	case Declined, OfferWithdrawn, Accepted, DisputeSettled:
		w.stop(e.On, OfferClock, JurisdictionClock)
	}
}

// lengthen adds the days that the event names to a clock: those that the decision
// gave, so that a later version of the rule changes nothing.
func (w *winding) lengthen(name string, e Event, further bool) {
	t := w.running(name, "")
	if t == nil {
		return
	}
	if further {
		t.Extension.N += e.Days
		return
	}
	unit := t.Period.Unit
	t.Extended, t.Extension = true, workday.Period{N: e.Days, Unit: unit}
}

// named is the clock of this name that runs.
func named(clocks []Clock, name string) (Clock, bool) {
	for _, k := range clocks {
		if k.Name == name && k.Running() {
			return k, true
		}
	}
	return Clock{}, false
}

// HearingFrom is the first day on which a hearing can be held of which the party
// is told on that day: seven working days lie between, the day of the notice not
// counted (行政处罚法 art. 64, 85).
func HearingFrom(rules Rules, noticed workday.Date) (workday.Date, error) {
	rules = rules.Filled()
	_, p, err := ruleset.Of[struct{ Before workday.Period }](rules.Set, "casework-hearing-notice", noticed)
	if err != nil {
		return workday.Date{}, err
	}
	return rules.Calendar.Last(noticed, p.Before, workday.Duty), nil
}
