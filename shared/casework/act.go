package casework

import (
	"slices"

	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// The acts of this file and of record.go, assign.go and transfer.go are pure: they
// change a case or refuse, by the case, the day and the rules alone. Whether this
// person may at all, staff.Can has said before.

// doing is who does something, when.
type doing struct {
	by string
	// as are the users in whose name he acts: himself, and whom he stands in for.
	as    []string
	today workday.Date
	rules Rules
}

func (d doing) is(users []string) bool {
	return slices.ContainsFunc(d.as, func(u string) bool { return slices.Contains(users, u) })
}

// Change takes a case to another state.
type Change struct {
	To State
	// Reason is why, sealed among the notes; needed where Next.Reason.
	Reason string
	// Body is who gets it; needed where Next.Body. A name of an authority.
	Body string
	// Penalty is what is decided; needed for Decided.
	Penalty *Penalty
	// On is the day it happened, none means today: a service, a payment. Not in the
	// future, not before the last event.
	On workday.Date
}

// way finds the move, or says why there is none; where only competence forbids it,
// the answer still names who would take it.
func (c Case) way(to State, today workday.Date) (Next, error) {
	for _, n := range c.Next(today) {
		if n.To == to {
			return n, nil
		}
	}
	if at := slices.IndexFunc(moves[c.State], func(m move) bool { return m.to == to }); at >= 0 && punishes(to) {
		return Next{To: to, Action: moves[c.State][at].action}, fault.New(fault.Refused, "casework.province_only")
	}
	return Next{}, fault.New(fault.Conflict, "casework.state")
}

// day checks the day something is said to have happened on.
func (c Case) day(on, today workday.Date) (workday.Date, error) {
	if on.IsZero() {
		return today, nil
	}
	last := c.Events[len(c.Events)-1].On
	switch {
	case on.After(today):
		return on, fault.New(fault.Invalid, "casework.form").With("on", "casework.day.future")
	case on.Before(last):
		return on, fault.New(fault.Invalid, "casework.form").With("on", "casework.day.early", last.String())
	}
	return on, nil
}

// move takes the case on.
func (c *Case) move(d doing, ch Change) error {
	n, err := c.way(ch.To, d.today)
	if err != nil {
		return err
	}
	if n.Action == staff.CaseHandle {
		if err := c.mine(d); err != nil {
			return err
		}
	}
	if ch.Penalty != nil && ch.On.IsZero() {
		ch.On = ch.Penalty.On
	}
	on, err := c.day(ch.On, d.today)
	if err != nil {
		return err
	}
	wrong := fault.New(fault.Invalid, "casework.form")
	if n.Reason && ch.Reason == "" {
		wrong.With("reason", "casework.reason.none")
	}
	if n.Body && ch.Body == "" {
		wrong.With("body", "casework.body.none")
	}
	if n.Penalty && ch.Penalty == nil {
		wrong.With("measures", "casework.measure.none")
	}
	if len(wrong.Fields) > 0 {
		return wrong
	}
	if err := c.ready(ch.To, on, d); err != nil {
		return err
	}
	if n.Penalty {
		p := *ch.Penalty
		p.On = on
		if p.Target == "" {
			p.Target = c.Target
		}
		if p.Target != "" && !slices.Contains(TargetsOf(c.Kind), p.Target) {
			return fault.New(fault.Invalid, "casework.form").With("target", "casework.target.kind")
		}
		if p, err = p.Check(d.rules.Set, c.LevelOf(on)); err != nil {
			return err
		}
		c.Penalty, c.Target = &p, p.Target
	}
	if ch.To.Transferred() {
		c.Body = ch.Body
	}
	c.reach(ch.To, on, d.by)
	c.acted(n.Action, d.by)
	return nil
}

// mine refuses whoever is none of the handlers.
func (c Case) mine(d doing) error {
	switch {
	case len(c.Handlers) == 0:
		return fault.New(fault.Conflict, "casework.unassigned")
	case !d.is(c.Handlers):
		return fault.New(fault.Forbidden, "casework.not_handler")
	}
	return nil
}

// acted notes who did what kind of thing.
func (c *Case) acted(action staff.Action, by string) {
	note := func(users *[]string) {
		if !slices.Contains(*users, by) {
			*users = append(slices.Clone(*users), by)
		}
	}
	switch action {
	case staff.CaseHandle:
		note(&c.Worked)
	case staff.CaseReview:
		note(&c.Reviewers)
	case staff.CaseApprove:
		note(&c.Approvers)
	}
}

// ready says what stands in the way of a state on that day.
func (c Case) ready(to State, on workday.Date, d doing) error {
	conflict := func(code string, args ...any) error { return fault.New(fault.Conflict, code, args...) }
	two := []State{Review, Notice, Hearing, Decided, NoPenalty, NoDetermination}
	if c.State == Filed && to == Investigating || slices.Contains(two, to) {
		if len(c.Handlers) < 2 {
			return fault.New(fault.Refused, "casework.handlers")
		}
	}
	if to == Filed && len(c.Handlers) == 0 {
		return conflict("casework.unassigned")
	}
	if c.State == Filed && to == Investigating && c.zoneOpen() {
		return fault.New(fault.Refused, "casework.zone.open")
	}
	if !slices.Contains([]State{Filed, Investigating, Suspended}, to) {
		switch {
		case len(c.waiting()) > 0:
			return conflict("casework.paused")
		case c.Offer != nil && (!to.Open() || to.Transferred() || to == Decided || to == NoPenalty):
			return conflict("casework.offered")
		}
	}
	if len(c.preserved()) > 0 && (!to.Open() || to.Transferred() || to == Decided || to == NoPenalty) {
		return conflict("casework.preserved")
	}
	switch {
	case to == Hearing, to == Decided:
		return c.heard(to, on, d)
	case to == Closed && c.State == NoPenalty && !c.since(string(NoPenalty), ServiceMade):
		return conflict("casework.service.none")
	case to == Closed && c.State.Transferred() && !c.since(string(c.State), ReceiptGot):
		return conflict("casework.receipt.none")
	}
	return nil
}

// zoneOpen tells whether an officer still has to say whether the place lies in a
// zone.
func (c Case) zoneOpen() bool {
	at, ok := staff.DistrictOf(c.Division)
	return ok && at.Level == "zone" && (c.Zone == nil || c.Zone.Code != c.Division)
}

// heard says whether the party's rights before a penalty have had their time
// (行政处罚法 art. 44, 45, 63, 64): the notice is served; a hearing is asked for
// within five working days; nothing is decided before they have passed, unless the
// party waived them in writing, nor before a hearing has been held.
func (c Case) heard(to State, on workday.Date, d doing) error {
	if !c.since(string(Notice), NoticeServed) {
		return fault.New(fault.Conflict, "casework.notice.unserved")
	}
	timers, err := c.timers(d.rules.Set)
	if err != nil {
		return err
	}
	var due workday.Date
	for _, t := range timers {
		if t.Name == DefenceClock {
			due = t.Clock(d.rules.Calendar, d.today).Due
		}
	}
	if to == Hearing {
		if on.After(due) {
			return fault.New(fault.Refused, "casework.hearing.late", due.String())
		}
		return nil
	}
	if c.State == Hearing {
		switch {
		case c.since(string(Hearing), HearingHeld):
			return nil
		case !c.since(string(Hearing), HearingDropped):
			return fault.New(fault.Conflict, "casework.hearing.open")
		}
	}
	if !c.since(string(Notice), DefenceWaived) && !on.After(due) {
		return fault.New(fault.Conflict, "casework.defence.running", due.String())
	}
	return nil
}

// clockNow is the clock of this name, where it runs.
func (c Case) clockNow(name string, d doing) (clock.Clock, bool, error) {
	clocks, err := c.Clocks(d.rules, d.today)
	if err != nil {
		return clock.Clock{}, false, err
	}
	k, ok := named(clocks, name)
	return k, ok, nil
}

// Extending is the head's decision on an extension.
type Extending struct {
	Grant bool
	// Clock is CheckClock, DecisionClock or ReviewClock.
	Clock string
	// Collective is the day of the collective discussion that a further extension
	// of the decision needs, Days how long it then is.
	Collective workday.Date
	Days       int
}

// extended maps the clocks that can be extended to their events.
var extended = map[string]string{CheckClock: CheckExtended, DecisionClock: Extended, ReviewClock: ReviewExtended}

// asking is the clock for which an extension waits for the head; "" for none.
func (c Case) asking() string {
	waiting := ""
	for _, e := range c.Events {
		switch e.What {
		case ExtensionAsked:
			waiting = e.Ref
		case ExtensionDenied, CheckExtended, Extended, ExtendedAgain, ReviewExtended, Accepted:
			waiting = ""
		default:
			switch s := State(e.What); {
			case s == Filed && waiting == CheckClock,
				slices.Contains([]State{Review, Investigating, Notice}, s) && waiting == ReviewClock,
				s.Transferred(), s == Decided, s == NoPenalty, s == Closed:
				waiting = "" // that clock has stopped
			}
		}
	}
	return waiting
}

// extendedOnce tells whether the clock that runs now was extended already.
func (c Case) extendedOnce(name string) bool {
	switch name {
	case CheckClock:
		return c.has(CheckExtended)
	case ReviewClock:
		return c.since(string(Review), ReviewExtended)
	}
	return c.has(Extended)
}

// mayExtend says why a clock cannot be extended today: it does not run, or it is
// late already. A clock is extended once; the decision's by collective discussion
// further.
func (c Case) mayExtend(name string, d doing) error {
	if _, ok := extended[name]; !ok {
		return fault.New(fault.Invalid, "casework.form").With("clock", "casework.extension.clock")
	}
	k, ok, err := c.clockNow(name, d)
	switch {
	case err != nil:
		return err
	case !ok:
		return fault.New(fault.Conflict, "casework.extension.state")
	case d.today.After(k.Due):
		return fault.New(fault.Conflict, "casework.extension.late", k.Due.String())
	case name != DecisionClock && c.extendedOnce(name):
		return fault.New(fault.Conflict, "casework.extension.twice")
	}
	return nil
}

// askExtension asks the head.
func (c *Case) askExtension(d doing, name string) error {
	if err := c.mine(d); err != nil {
		return err
	}
	if err := c.mayExtend(name, d); err != nil {
		return err
	}
	if c.asking() != "" {
		return fault.New(fault.Conflict, "casework.extension.asked")
	}
	c.happen(Event{On: d.today, What: ExtensionAsked, By: d.by, Ref: name})
	c.acted(staff.CaseHandle, d.by)
	return nil
}

// extend is the head's decision.
func (c *Case) extend(d doing, e Extending) error {
	if e.Clock == "" {
		e.Clock = c.asking()
	}
	if c.asking() == "" || c.asking() != e.Clock {
		return fault.New(fault.Conflict, "casework.extension.none")
	}
	if !e.Grant {
		c.happen(Event{On: d.today, What: ExtensionDenied, By: d.by, Ref: e.Clock})
		c.acted(staff.CaseApprove, d.by)
		return nil
	}
	if err := c.mayExtend(e.Clock, d); err != nil {
		return err
	}
	event := Event{On: d.today, What: extended[e.Clock], By: d.by, Ref: e.Clock}
	if e.Clock == DecisionClock && c.has(Extended) {
		days, err := c.further(d, e)
		if err != nil {
			return err
		}
		event.What, event.Days, event.Until = ExtendedAgain, days, e.Collective
	} else {
		days, err := c.first(d.rules.Set, e.Clock)
		if err != nil {
			return err
		}
		event.Days = days
	}
	c.happen(event)
	c.acted(staff.CaseApprove, d.by)
	return nil
}

// first is how long the first extension of a clock is.
func (c Case) first(set ruleset.Set, name string) (int, error) {
	from, rule := c.ReceivedOn, "casework-check"
	switch name {
	case DecisionClock:
		filed, _ := c.last(string(Filed))
		from, rule = filed.On, "casework-decision"
	case ReviewClock:
		handed, _ := c.last(string(Review))
		from, rule = handed.On, "casework-review-extension"
	}
	_, p, err := ruleset.Of[terms](set, rule, from)
	return p.Extension.N, err
}

// further checks a collective discussion and the reasonable time it set.
func (c Case) further(d doing, e Extending) (int, error) {
	_, p, err := ruleset.Of[struct{ Longest int }](d.rules.Set, "casework-decision-further", d.today)
	if err != nil {
		return 0, err
	}
	wrong := fault.New(fault.Invalid, "casework.form")
	first, _ := c.last(Extended)
	switch {
	case e.Collective.IsZero():
		wrong.With("collective", "casework.extension.collective")
	case e.Collective.After(d.today) || e.Collective.Before(first.On):
		wrong.With("collective", "casework.extension.collective_day")
	}
	if e.Days < 1 || e.Days > p.Longest {
		wrong.With("days", "casework.extension.days", p.Longest)
	}
	if len(wrong.Fields) > 0 {
		return 0, wrong
	}
	return e.Days, nil
}
