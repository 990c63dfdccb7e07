package linkage

import (
	"slices"

	"ipcredit/shared/workday"
)

// State is where an application stands. Words are the catalogue's
// "linkage.state."+State.
type State string

// The states. Lists bring the seven of design §8; Assigned and Contacted are our
// own work and no list says them.
const (
	Notified  State = "notified"           // 通报
	Assigned  State = "assigned"           // DISTRICT_ASSIGNED: a unit has taken it on
	Contacted State = "contacted"          // CONTACTED: the holder was told
	Explained State = "explained"          // 陈述意见
	Pending   State = "pending"            // 待定
	Withdrawn State = "withdrawn"          // 已撤回
	Deemed    State = "deemed-withdrawn"   // 视为撤回
	Rejected  State = "rejected"           // 驳回
	Accepted  State = "accepted-as-normal" // 认定正常
)

// States lists them in the order in which they come about.
var States = []State{Notified, Assigned, Contacted, Explained, Pending, Withdrawn, Deemed, Rejected, Accepted}

// Final tells whether nothing more is expected. What is final can still be
// overturned by CNIPA, on review or in court.
func (s State) Final() bool {
	return s == Withdrawn || s == Deemed || s == Rejected || s == Accepted
}

// rank orders states of the same day: how far the procedure has come.
func (s State) rank() int {
	switch s {
	case Notified:
		return 0
	case Assigned:
		return 1
	case Contacted:
		return 2
	case Explained, Pending:
		return 3
	}
	return 4
}

// moves are the states an officer may take an application to. What only CNIPA
// decides needs its document, see needsDocument.
var moves = map[State][]State{
	Notified:  {Assigned, Explained, Withdrawn, Deemed, Rejected, Accepted, Pending},
	Assigned:  {Contacted, Explained, Withdrawn, Deemed, Rejected, Accepted, Pending},
	Contacted: {Explained, Withdrawn, Deemed, Rejected, Accepted, Pending},
	Explained: {Withdrawn, Deemed, Rejected, Accepted, Pending},
	Pending:   {Explained, Withdrawn, Deemed, Rejected, Accepted},
	// Restored rights (细则 art. 6), review and court overturn a decision.
	Deemed:   {Pending, Accepted},
	Rejected: {Pending, Accepted},
}

// Next lists the states an officer may take the application to from here.
func (s State) Next() []State { return slices.Clone(moves[s]) }

// CanMove tells whether that is one of them.
func (s State) CanMove(to State) bool { return slices.Contains(moves[s], to) }

// NeedsDocument tells whether an officer may enter the state only with the number
// of CNIPA's document: it alone decides so (domain reference 0.4). A withdrawal
// is shown by the holder's receipt or such a document.
func (s State) NeedsDocument() bool { return s == Deemed || s == Rejected || s == Accepted }

// takes tells whether a list's row that says state to on a day takes the place of
// what is held. A list never takes a state back in time:
//
//   - a row dated before the day of the state held says nothing new about it;
//   - on the same day only what is as far or further in the procedure counts;
//   - 通报 again says that another list names it, no more: it reopens only what
//     had been accepted as normal before that day.
func takes(held State, heldOn workday.Date, to State, on workday.Date) bool {
	switch {
	case to == held && on == heldOn:
		return false
	case to == Notified:
		return held == Accepted && on.After(heldOn)
	case on.Before(heldOn):
		return false
	case on == heldOn:
		return to.rank() >= held.rank()
	}
	return true
}
