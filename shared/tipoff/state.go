package tipoff

import (
	"slices"

	"ipcredit/shared/workday"
)

// State is where a tip-off stands (domain reference N, TipOff).
type State string

// The states.
const (
	Received    State = "received"
	OutOfScope  State = "out-of-scope" // not ours: the reporter is told where to go
	Assigned    State = "assigned"     // somebody handles it
	Verifying   State = "verifying"    // 核查
	Extended    State = "extended"     // 核查, the limit extended by the head
	Merged      State = "merged"       // handled with another of the same subject
	CaseFiled   State = "case-filed"   // 立案
	NotFiled    State = "not-filed"    // 不予立案
	Transferred State = "transferred"  // 移送 to a body outside this system
	Notified    State = "notified"     // the named reporter was told of the decision
	Closed      State = "closed"
	Disputed    State = "disputed" // the reporter said “not solved”, once
	Erased      State = "erased"   // only the tombstone is left
)

// States lists the states in the order of the work.
func States() []State {
	return []State{Received, OutOfScope, Assigned, Verifying, Extended, Merged, CaseFiled, NotFiled,
		Transferred, Notified, Closed, Disputed, Erased}
}

// moves lists where ChangeState may take a tip-off from each state. Besides, an
// extension leads to Extended, the reporter's “not solved” to Disputed, and
// erasure to Erased.
var moves = map[State][]State{
	Received:    {Assigned, OutOfScope},
	Assigned:    {Verifying, OutOfScope, Transferred},
	Verifying:   {CaseFiled, NotFiled, Transferred, OutOfScope},
	Extended:    {CaseFiled, NotFiled, Transferred, OutOfScope},
	Merged:      {CaseFiled, NotFiled, Transferred, OutOfScope},
	CaseFiled:   {Notified, Closed},
	NotFiled:    {Notified, Closed},
	Transferred: {Notified, Closed},
	OutOfScope:  {Closed},
	Notified:    {Closed},
	Disputed:    {Verifying, Closed},
}

// mergeable are the states from which Merge may take a tip-off.
var mergeable = []State{Received, Assigned, Verifying, Extended}

// Next lists where an officer may take the report now. A decision on a named
// tip-off is told to the reporter before it is closed; an anonymous one knows no
// notice.
func (r Report) Next() []State {
	var next []State
	for _, s := range moves[r.State] {
		if s == Notified && !r.Named || s == Closed && r.Named && r.State.Decided() {
			continue
		}
		next = append(next, s)
	}
	return next
}

// MustAnswer tells whether whoever takes the report to this state has to write
// to the reporter: a decision, a refusal and the answer to “not solved” need
// their reasons.
func (r Report) MustAnswer(to State) bool {
	return to.Decided() || to == OutOfScope || r.State == Disputed && to == Closed
}

// Decided tells whether the check ended with this decision.
func (s State) Decided() bool { return s == CaseFiled || s == NotFiled || s == Transferred }

// Open tells whether officers still have something to do.
func (s State) Open() bool { return s != Closed && s != Erased }

// checking tells whether the check runs.
func (r Report) checking() bool {
	return slices.Contains([]State{Received, Assigned, Verifying, Extended, Merged}, r.State) &&
		!slices.ContainsFunc(r.Events, func(e Event) bool { s := State(e.What); return s.Decided() || s == OutOfScope })
}

// has tells whether something happened to the report.
func (r Report) has(what string) bool {
	return slices.ContainsFunc(r.Events, func(e Event) bool { return e.What == what })
}

// paused tells whether the clock stands.
func (r Report) pausing() bool {
	open := false
	for _, e := range r.Events {
		open = e.What == PauseBegun || open && e.What != PauseEnded
	}
	return open
}

// closedOn is the day of the last closing; none while it is open.
func (r Report) closedOn() workday.Date {
	if r.State != Closed {
		return workday.Date{}
	}
	var on workday.Date
	for _, e := range r.Events {
		if e.What == string(Closed) {
			on = e.On
		}
	}
	return on
}

// move takes the report to a state.
func (r *Report) move(to State, on workday.Date, by string) {
	r.State = to
	r.happen(string(to), on, by)
}

func (r *Report) happen(what string, on workday.Date, by string) {
	r.Events = append(r.Events, Event{On: on, What: what, By: by})
}

// Status is what a reporter is told: a catalogue key ("tipoff.status."+Word,
// and "tipoff.status."+Word+".more" for what comes next), the provision it rests
// on and the last day of what comes next, none where nothing is due.
type Status struct {
	Word        string        `json:"word"`
	Since       workday.Date  `json:"since"`
	Due         workday.Date  `json:"due,omitzero"`
	Provisional bool          `json:"provisional,omitzero"`
	Labelled    bool          `json:"labelled,omitzero"`
	Basis       workday.Basis `json:"basis,omitzero"`
}

// public is the report as its reporter may see it: without officers, and as if
// it had never been handled together with another one, for that would tell that
// somebody else reported the same.
func (r Report) public() Report {
	state := Received
	var events []Event
	for _, e := range r.Events {
		switch {
		case e.What == string(Merged), e.What == HoldBegun, e.What == HoldEnded, e.What == ExtensionAsked,
			e.What == ExtensionRefused, e.What == HandedOver:
			continue
		case slices.Contains(States(), State(e.What)):
			state = State(e.What)
		}
		e.By = ""
		events = append(events, e)
	}
	asks := slices.Clone(r.Asks)
	for n := range asks {
		asks[n].By, asks[n].Second = "", ""
	}
	r.State, r.Events, r.Asks = state, events, asks
	r.Handlers, r.Approvers, r.Held, r.News, r.Notes, r.Leaving = nil, nil, false, false, 0, ""
	return r
}

// status is where a public report stands, with the clocks of the whole one.
func (r Report) status(clocks []Clock) Status {
	s := Status{Word: string(r.State)}
	for _, e := range r.Events {
		if e.What == string(r.State) {
			s.Since = e.On
		}
	}
	if next, ok := Next(clocks); ok {
		s.Due, s.Provisional = next.Due, next.Provisional
		s.Labelled, s.Basis = next.Labelled, next.Basis
		return s
	}
	if len(clocks) > 0 {
		s.Labelled, s.Basis = clocks[0].Labelled, clocks[0].Basis
	}
	return s
}
