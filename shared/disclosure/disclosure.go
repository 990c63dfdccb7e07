// Package disclosure is the officers' way to a published record: a notice is
// drafted, the subject is told of it before, another person approves it, a third
// step publishes it, and whoever learns that its document has fallen takes it back.
//
// What it guarantees: nothing is published that Law.Parse of package credit
// refuses (no instrument, no legal basis, a body that is not competent), that an
// officer has marked as secret or as about a minor, or of which the subject was not
// told; nobody publishes or approves what he handled; the record appears, changes
// or goes in the very commit that changes the notice. A notice holds what would be
// published and nothing more: texts are redacted before they are stored, and nothing
// about natural persons is drafted here. About whom it is, what it says and why is stored
// sealed in every state, see filed: neither a draft nor one that ended can be read
// in Redis or in the journal.
package disclosure

import (
	"fmt"
	"slices"
	"time"

	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// State is where a notice stands. The words are the catalogue's
// "disclosure.state."+State.
type State string

// The states: Draft → Submitted → Approved → Published → Withdrawn. A published
// one that is corrected is a Draft again while what was published stays.
const (
	Draft     State = "draft"
	Submitted State = "submitted" // waits for approval
	Approved  State = "approved"  // waits for publication
	Published State = "published"
	Withdrawn State = "withdrawn"
	Discarded State = "discarded" // never published
)

// States lists the states in the order pages offer them.
func States() []State {
	return []State{Draft, Submitted, Approved, Published, Withdrawn, Discarded}
}

// Step is something done to a notice. The words are "disclosure.step."+Step.
type Step string

// The steps.
const (
	Edit    Step = "edit"
	Serve   Step = "serve"   // the prior notice reached the subject
	Answer  Step = "answer"  // what the subject said to it
	Agree   Step = "consent" // the level above agreed to a listing
	Send    Step = "send"    // the decision went to the bureau of the subject's province
	Submit  Step = "submit"  // for approval
	Approve Step = "approve" // by another person
	Return  Step = "return"  // back to the draft, with a reason
	Publish Step = "publish"
	Correct Step = "correct" // begin a correction of what is published
	Keep    Step = "keep"    // give the correction up
	Report  Step = "report"  // the document has fallen or was wrong: to be withdrawn
	Retain  Step = "retain"  // the report was mistaken
	Recall  Step = "recall"  // withdraw what is published
	Discard Step = "discard"
	Adopt   Step = "adopt" // deal by notice with a record that came by another way; see Store.Adopt
)

// who may take a step.
type who int

const (
	handler who = iota
	approver
	publisher
)

type move struct {
	step Step
	from []State
	to   State // "": stays
	by   who
}

var moves = []move{
	{Edit, []State{Draft}, "", handler},
	{Serve, []State{Draft}, "", handler},
	{Answer, []State{Draft}, "", handler},
	{Agree, []State{Draft}, "", handler},
	{Send, []State{Draft, Submitted, Approved, Published}, "", handler},
	{Submit, []State{Draft}, Submitted, handler},
	{Approve, []State{Submitted}, Approved, approver},
	{Return, []State{Submitted}, Draft, approver},
	{Return, []State{Approved}, Draft, publisher},
	{Publish, []State{Approved}, Published, publisher},
	{Correct, []State{Published}, Draft, handler},
	{Keep, []State{Draft}, Published, handler},
	{Report, []State{Published}, "", handler},
	{Retain, []State{Published}, "", publisher},
	{Recall, []State{Published}, Withdrawn, publisher},
	{Discard, []State{Draft}, Discarded, handler},
}

// Kinds are the kinds of records that are published by notice.
var Kinds = []credit.Kind{credit.Penalty, credit.Determination}

// Review is the outcome of the secrecy review (Order 45 arts. 5 and 6; 政府信息公开条例
// arts. 14 and 15; 未成年人保护法 art. 103). The words are "disclosure.review."+Review.
type Review string

// The outcomes; only Clear can be published.
const (
	Clear       Review = "clear"
	TradeSecret Review = "trade-secret"
	StateSecret Review = "state-secret"
	OfMinor     Review = "minor"
)

// Reviews lists them in the order pages offer them.
var Reviews = []Review{Clear, TradeSecret, StateSecret, OfMinor}

// Reply is what the subject said to the prior notice. The words are
// "disclosure.reply."+Reply.
type Reply string

// The replies.
const (
	Waived    Reply = "waived"    // it will not object
	Dismissed Reply = "dismissed" // it objected, and the objection was found to be without ground
)

// Replies lists them in the order pages offer them. One that is well founded is
// no reply to record: the draft is changed or discarded.
var Replies = []Reply{Waived, Dismissed}

// Reasons are why a published record is withdrawn; the words are
// "disclosure.withdrawn."+reason, which the public page says.
var Reasons = []string{"annulled", "changed", "unlawful", "void", "error"}

// Notice is one notice. About natural persons it has the ids of those who worked on
// it, and what a record about one says, the name masked.
type Notice struct {
	ID       string      `json:"id"`
	Division string      `json:"division"`
	Kind     credit.Kind `json:"kind"`
	State    State       `json:"state"`
	Version  int64       `json:"version"`

	SubjectCode string `json:"subjectCode"`
	SubjectName string `json:"subjectName"`
	// Person tells that the subject is a natural person, whose name is masked.
	Person bool `json:"person,omitempty"`
	// Values are the fields of the form, by the batch's names, redacted.
	Values map[string]string `json:"values"`
	Review Review            `json:"review"`
	// Record is what is published or will be.
	Record credit.Record `json:"record"`

	// ServedOn is the day the prior notice was served: of a penalty, with its
	// decision (Order 45 art. 8).
	ServedOn workday.Date `json:"servedOn,omitzero"`
	Reply    Reply        `json:"reply,omitempty"`
	// Consent is that of the level above, where a listing needs it.
	Consent *Consent `json:"consent,omitempty"`
	// Penalty is the id of the record of the heavier penalty that a listing rests on.
	Penalty string `json:"penalty,omitempty"`
	// SentOn is the day the decision went to the bureau of the subject's province.
	SentOn workday.Date `json:"sentOn,omitzero"`
	// PublishedOn is the day it was first published.
	PublishedOn workday.Date `json:"publishedOn,omitzero"`
	// Before is what is published while a draft corrects it.
	Before *Edition `json:"before,omitempty"`
	Fallen *Fallen  `json:"fallen,omitempty"`

	Handlers    []string `json:"handlers"`
	ApprovedBy  string   `json:"approvedBy,omitempty"`
	PublishedBy string   `json:"publishedBy,omitempty"`
	Events      []Event  `json:"events"`

	// Closed is set where nothing but what stands in the clear can be read.
	Closed   Closed       `json:"-"`
	ErasedOn workday.Date `json:"-"`

	to string // whom it is sealed to, "" where it is not yet
}

// Edition is what was published.
type Edition struct {
	SubjectName string            `json:"subjectName,omitempty"` // older ones have none
	Values      map[string]string `json:"values"`
	Review      Review            `json:"review"`
	Record      credit.Record     `json:"record"`
	Penalty     string            `json:"penalty,omitempty"`
}

// restored is the notice as it was before the correction that is under way.
func (n Notice) restored() Notice {
	b := n.Before
	n.Values, n.Review, n.Record, n.Penalty, n.Before = b.Values, b.Review, b.Record, b.Penalty, nil
	if b.SubjectName != "" {
		n.SubjectName = b.SubjectName
	}
	return n
}

// Fallen is why what is published must go.
type Fallen struct {
	Reason    string       `json:"reason"`
	LearnedOn workday.Date `json:"learnedOn"`
	DoneOn    workday.Date `json:"doneOn,omitzero"`
}

// Event is a step that was taken.
type Event struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Step Step      `json:"step"`
	Note string    `json:"note,omitempty"`
}

// Public tells whether a record of the notice is published now.
func (n Notice) Public() bool {
	return !n.PublishedOn.IsZero() && n.State != Withdrawn
}

// Correction tells whether it is a draft, or on its way, that corrects what is
// published.
func (n Notice) Correction() bool { return n.Before != nil }

// Steps are those that could be taken in this state, whoever asks; none on what
// cannot be read.
func (n Notice) Steps() []Step {
	var out []Step
	if n.Closed != "" {
		return nil
	}
	for _, m := range moves {
		if m.fits(n) && !slices.Contains(out, m.step) {
			out = append(out, m.step)
		}
	}
	return out
}

func (m move) fits(n Notice) bool {
	if !slices.Contains(m.from, n.State) {
		return false
	}
	switch m.step {
	case Serve, Answer:
		return !n.Correction() && (m.step == Serve || n.windowed() && !n.ServedOn.IsZero())
	case Agree:
		return n.listing()
	case Send:
		return n.elsewhere() && n.SentOn.IsZero()
	case Keep:
		return n.Correction()
	case Discard:
		return !n.Correction()
	case Correct:
		return n.Fallen == nil && n.formed()
	case Report:
		return n.Fallen == nil
	case Retain, Recall:
		return n.Fallen != nil
	}
	return true
}

func (n Notice) find(step Step) (move, bool) {
	for _, m := range moves {
		if m.step == step && m.fits(n) {
			return m, true
		}
	}
	return move{}, false
}

// formed tells whether there is a form for what the record says; else it came by
// batch and is corrected by batch.
func (n Notice) formed() bool { return !n.Person && slices.Contains(Kinds, n.Kind) }

// windowed tells whether the subject may object before publication: to lists and
// determinations (Henan art. 28). A penalty is published on its own clocks.
func (n Notice) windowed() bool { return n.Kind != credit.Penalty }

// elsewhere tells whether the subject is registered in another province.
func (n Notice) elsewhere() bool {
	code := ident.USCC(n.SubjectCode)
	return n.Kind == credit.Penalty && len(code) == 18 && code.Area()[:2] != homeProvince
}

const homeProvince = "41"

// Law is the rules and the calendar that notices are judged by.
type Law struct {
	Set      ruleset.Set
	Calendar workday.Calendar
}

type windowRule struct {
	Within workday.Period `json:"within"`
}

type clockRule struct {
	DoublePublicity      workday.Period `json:"doublePublicity"`
	Display              workday.Period `json:"display"`
	SendOtherProvince    workday.Period `json:"sendOtherProvince"`
	DisplayOtherProvince workday.Period `json:"displayOtherProvince"`
	Withdraw             workday.Period `json:"withdraw"`
}

// Window is the last day on which the subject can object before publication, with
// the rule; none before it was told, and where there is no window.
func (l Law) Window(n Notice) (last workday.Date, r ruleset.Rule, err error) {
	if !n.windowed() || n.ServedOn.IsZero() {
		return last, r, nil
	}
	r, ok := l.Set.For("notice-objection-window", n.ServedOn)
	if !ok {
		return last, r, nil
	}
	p, err := ruleset.Params[windowRule](r)
	if err != nil {
		return last, r, fmt.Errorf("disclosure: %w", err)
	}
	return l.Calendar.Last(n.ServedOn, p.Within, workday.Duty), r, nil
}

// The clocks. Words are "disclosure.clock."+name.
const (
	DoublePublicityClock = "double-publicity" // 双公示, 7 working days
	DisplayClock         = "display"          // Order 45 art. 9, 20 working days
	SendClock            = "send"             // Order 45 art. 10, 10 working days
	WithdrawClock        = "withdraw"         // Order 45 art. 11, 3 working days
)

// Timers are the obligations that run or ran for the notice.
func (l Law) Timers(n Notice) ([]clock.Timer, error) {
	if n.State == Discarded {
		return nil, nil
	}
	var out []clock.Timer
	add := func(name string, from, done workday.Date, period func(clockRule) workday.Period) error {
		r, ok := l.Set.For("penalty-clocks", from)
		if !ok {
			return nil // before the rule there was no limit
		}
		p, err := ruleset.Params[clockRule](r)
		if err != nil {
			return fmt.Errorf("disclosure: %w", err)
		}
		out = append(out, clock.Timer{Name: name, From: from, Period: period(p), Roll: workday.Duty, Rule: r, Done: done})
		return nil
	}
	if n.Kind == credit.Penalty {
		on := n.Record.DeterminedOn
		if err := add(DoublePublicityClock, on, n.PublishedOn, func(p clockRule) workday.Period { return p.DoublePublicity }); err != nil {
			return nil, err
		}
		if n.elsewhere() {
			if err := add(SendClock, on, n.SentOn, func(p clockRule) workday.Period { return p.SendOtherProvince }); err != nil {
				return nil, err
			}
		} else if err := add(DisplayClock, on, n.PublishedOn, func(p clockRule) workday.Period { return p.Display }); err != nil {
			return nil, err
		}
	}
	if n.Fallen != nil {
		if err := add(WithdrawClock, n.Fallen.LearnedOn, n.Fallen.DoneOn, func(p clockRule) workday.Period { return p.Withdraw }); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Ready says nil when the notice can be submitted, approved and published at the
// instant, or why not: secret, not told, without the consent of the level above, the
// window still open, or a record that nobody would be shown.
func (l Law) Ready(n Notice, law *credit.Law, at time.Time) error {
	if n.Review != Clear {
		return fault.New(fault.Refused, "disclosure.review."+string(n.Review)).With("review", "disclosure.review."+string(n.Review))
	}
	if n.ServedOn.IsZero() {
		return fault.New(fault.Refused, "disclosure.not_served").With("servedOn", "disclosure.not_served")
	}
	// A correction can have moved the decision to before its consent.
	if needed, _, err := l.ConsentNeeded(n); err != nil || needed && (n.Consent == nil || n.Consent.On.After(n.Record.DeterminedOn)) {
		if err == nil {
			err = fault.New(fault.Refused, "disclosure.no_consent")
		}
		return err
	}
	last, _, err := l.Window(n)
	if err != nil {
		return err
	}
	if n.Reply == "" && !last.IsZero() && !workday.DateOf(at).After(last) {
		return fault.New(fault.Refused, "disclosure.window", last.String())
	}
	r := n.Record
	r.PublishedOn = workday.DateOf(at)
	if shown, _ := law.Show([]credit.Record{r}, at); len(shown) == 0 {
		return fault.New(fault.Refused, "disclosure.never_shown")
	}
	return nil
}
