// Package liaison keeps the letters between the city's bureaus and others:
// notices (通报函) to the science, education and health departments and the other
// members of the joint conference (新知战联办〔2022〕8号 S4.11), and regulatory
// shares (监管信息共享) with authorities of other regions, both ways (S3.5, S3.6).
//
// A template fixes which fields a receiver may get: what is not in it cannot be
// sent. A letter goes out when somebody else than who wrote it has approved it;
// the receiver signs for it and answers; a letter that was wrong is withdrawn,
// which its receiver is told, and replaced by a new one. Nothing in a letter can
// say who tipped off: no template has a field for it, there is no link from a
// letter to a tip-off, and the number of one is refused wherever text is typed.
//
// What people write stands sealed to a key of the letter's own, so that it can be
// erased; numbers, states, dates and organisations stand in the clear.
package liaison

import (
	"slices"
	"time"

	"ipcredit/shared/workday"
)

// Kind is which way a letter goes.
type Kind string

// The kinds. Words are the catalogue's "liaison.kind."+Kind.
const (
	Notice   Kind = "notice"   // 通报函 to an organisation of this city or the province
	Outbound Kind = "outbound" // a share to another region
	Inbound  Kind = "inbound"  // a share from another region
)

// State is where a letter stands. Words are the catalogue's
// "liaison.state."+State.
type State string

// The states. A notice and an outbound share go Draft → Submitted → Sent →
// Received → Answered → Closed; an inbound one Arrived → Received → Proposed →
// Answered → Closed.
const (
	Draft     State = "draft"     // being written
	Submitted State = "submitted" // waiting for approval
	Sent      State = "sent"      // with the receiver, not signed for
	Received  State = "received"  // signed for, not answered
	Asked     State = "asked"     // answered, and asked something more
	Answered  State = "answered"  // the answer is there
	Closed    State = "closed"    // nothing more is expected
	Withdrawn State = "withdrawn" // 撤回: not to be used any more
	Discarded State = "discarded" // a draft that was never sent
	Arrived   State = "arrived"   // inbound, not signed for
	Proposed  State = "proposed"  // inbound, its answer waits for approval
	Returned  State = "returned"  // inbound, sent back as not ours
	Erased    State = "erased"    // its content can be read by nobody any more
)

// States lists the states in the order pages offer them.
func States() []State {
	return []State{Draft, Submitted, Sent, Arrived, Received, Proposed, Asked, Answered, Closed, Withdrawn, Returned, Discarded, Erased}
}

// Step is something that is done with a letter. Words are the catalogue's
// "liaison.step."+Step.
type Step string

// The steps.
const (
	Edit     Step = "edit"
	Submit   Step = "submit"
	SendBack Step = "send-back" // the approver returns a draft or an answer
	Send     Step = "send"      // approved, and on its way
	Receive  Step = "receive"   // 签收
	Reply    Step = "reply"
	Follow   Step = "follow" // asking once more after an answer
	Close    Step = "close"
	Withdraw Step = "withdraw"
	Discard  Step = "discard"
	Propose  Step = "propose" // inbound: an answer is put up for approval
	Refuse   Step = "refuse"  // inbound: not ours, sent back
	Erase    Step = "erase"
	// Created and Replaced are events, not steps that somebody chooses.
	Created  Step = "created"
	Replaced Step = "replaced"
)

// Steps lists what somebody can choose to do, in the order pages offer it.
func Steps() []Step {
	return []Step{Edit, Submit, SendBack, Send, Receive, Refuse, Propose, Reply, Follow, Close, Withdraw, Discard, Erase}
}

// side is whose step it is.
type side int

const (
	writer   side = iota // who writes and follows it up
	approver             // somebody else, with the authority to approve
	receiver             // the organisation it was sent to
)

// move is one arrow of the graph of states.
type move struct {
	step Step
	from []State
	to   State
	by   side
}

var notice = []move{
	{Edit, []State{Draft}, Draft, writer},
	{Submit, []State{Draft}, Submitted, writer},
	{SendBack, []State{Submitted}, Draft, approver},
	{Send, []State{Submitted}, Sent, approver},
	{Receive, []State{Sent}, Received, receiver},
	{Reply, []State{Received, Asked}, Answered, receiver},
	{Follow, []State{Answered}, Asked, writer},
	{Close, []State{Answered}, Closed, writer},
	{Withdraw, []State{Sent, Received, Asked, Answered, Closed}, Withdrawn, approver},
	{Discard, []State{Draft}, Discarded, writer},
	{Erase, []State{Closed, Withdrawn, Discarded, Returned}, Erased, approver},
}

// outbound is what becomes of a share: as of a notice, and the other region may
// return it as not its own.
var outbound = append(slices.Clone(notice), move{Refuse, []State{Sent, Received, Asked}, Returned, receiver})

var inbound = []move{
	{Receive, []State{Arrived}, Received, writer},
	{Refuse, []State{Arrived, Received}, Returned, writer},
	{Propose, []State{Received, Asked}, Proposed, writer},
	{SendBack, []State{Proposed}, Received, approver},
	{Send, []State{Proposed}, Answered, approver},
	{Close, []State{Answered}, Closed, writer},
	{Withdraw, []State{Arrived, Received, Proposed, Asked, Answered, Closed}, Withdrawn, writer},
	{Erase, []State{Closed, Withdrawn, Discarded, Returned}, Erased, approver},
}

// moves is the graph of a kind. Of an outbound share the receiver's steps are
// entered by the writer's side, as the partner's letters come in.
func moves(k Kind) []move {
	switch k {
	case Inbound:
		return inbound
	case Outbound:
		return outbound
	}
	return notice
}

// find is the move of a step from a state.
func find(k Kind, s State, step Step) (move, bool) {
	for _, m := range moves(k) {
		if m.step == step && slices.Contains(m.from, s) {
			if k == Outbound && m.by == receiver {
				m.by = writer
			}
			return m, true
		}
	}
	return move{}, false
}

// Next lists the steps that the letter's state allows to somebody.
func (l Letter) Next() []Step {
	var out []Step
	for _, s := range Steps() {
		if _, ok := find(l.Kind, l.State, s); ok {
			out = append(out, s)
		}
	}
	return out
}

// Open tells whether something is still expected of somebody.
func (s State) Open() bool {
	return !slices.Contains([]State{Closed, Withdrawn, Discarded, Returned, Erased}, s)
}

// Letter is a letter as it stands, as far as it is in the clear.
type Letter struct {
	ID       string `json:"id"`
	Kind     Kind   `json:"kind"`
	Template string `json:"template"`
	// Edition is the date of the file of templates it was written by.
	Edition string `json:"edition"`
	// Division and From are whose letter it is: the division's bureau.
	Division string `json:"division"`
	From     string `json:"from"`
	// To is the organisation a notice goes to.
	To string `json:"to,omitempty"`
	// Region and Partner are the division code and the name of the authority of
	// the other region.
	Region  string `json:"region,omitempty"`
	Partner string `json:"partner,omitempty"`
	// DocNo is the number of the document (文号): ours, or of an inbound share
	// the partner's. TheirNo is the number of the partner's answer.
	DocNo   string `json:"docNo,omitempty"`
	TheirNo string `json:"theirNo,omitempty"`
	// Case is the case it belongs to, "" without one.
	Case string `json:"case,omitempty"`
	// Basis are the ids of the legal bases (staff.Bases).
	Basis []string `json:"basis"`
	State State    `json:"state"`
	// Version counts the changes.
	Version int64 `json:"version"`
	// Key is the reference of the key that the content is sealed to.
	Key string `json:"key"`
	// Handlers wrote at it, Approvers approved or withdrew.
	Handlers  []string `json:"handlers,omitempty"`
	Approvers []string `json:"approvers,omitempty"`
	// Started is when the receiver's time began: the day it was sent, or that an
	// inbound share came in. None before.
	Started workday.Date `json:"started,omitzero"`
	// Signed and Replied are the days of receipt and of the last answer.
	Signed  workday.Date `json:"signed,omitzero"`
	Replied workday.Date `json:"replied,omitzero"`
	// AskedOn is when more was asked for.
	AskedOn workday.Date `json:"askedOn,omitzero"`
	Ended   workday.Date `json:"ended,omitzero"`
	// Replaces is the withdrawn letter this one corrects, ReplacedBy the one that
	// corrects it.
	Replaces   string  `json:"replaces,omitempty"`
	ReplacedBy string  `json:"replacedBy,omitempty"`
	Posts      int     `json:"posts,omitempty"`
	Events     []Event `json:"events"`
	// Carry is how a share travels between the cities' systems; nil where it goes on
	// paper.
	Carry *Carry `json:"carry,omitempty"`
	// Imported is the file's own name of an inbound share, so that a second
	// import finds it.
	Imported string `json:"imported,omitempty"`
}

// Event is one thing that happened to a letter.
type Event struct {
	Step Step      `json:"step"`
	By   string    `json:"by"`
	Org  string    `json:"org"`
	At   time.Time `json:"at"`
	// Post is the number of the text written with it, 0 without one.
	Post int `json:"post,omitempty"`
}

// Title is what a list calls the letter: its document number, or its id while it
// has none.
func (l Letter) Title() string {
	if l.DocNo != "" {
		return l.DocNo
	}
	return l.ID
}

// Share tells whether the letter goes to or came from another region.
func (l Letter) Share() bool { return l.Kind != Notice }
