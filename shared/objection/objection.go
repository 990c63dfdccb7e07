// Package objection is how a subject contests one of its records: the record is
// marked as disputed in the very commit that takes the objection in, and in no
// other; somebody checks it, asks the source where he must, and another person
// rules on it inside the time limits of 河南省社会信用条例 art. 41. Ruling or
// withdrawal takes the mark away in the commit that makes it, together with what
// the ruling does to the record.
//
// Whoever provided a record checks it (谁提供、谁核查): an objection to another
// authority's record is forwarded, and ends with the answer of that authority when
// it is taken over. A ruling on its substance here is refused.
//
// The rules are pure: dates and the calendar are arguments. Nothing here holds free
// text or a natural person's name: grounds, findings and reasons are codes, papers
// lie sealed in boxes of evidence-upload, people are user ids.
package objection

import (
	"slices"
	"time"

	"ipcredit/shared/clock"
	"ipcredit/shared/repair"
	"ipcredit/shared/workday"
)

// Ground is why a subject objects. The words are the catalogue's
// "objection.ground."+Ground.
type Ground string

// The grounds.
const (
	Facts      Ground = "facts"      // something that the record says is wrong
	Identity   Ground = "identity"   // it is about somebody else
	Expired    Ground = "expired"    // its time is over
	Repaired   Ground = "repaired"   // it was repaired already
	Instrument Ground = "instrument" // the document was changed or annulled
	Other      Ground = "other"      // as the papers say
)

// Grounds lists them in the order pages show them.
var Grounds = []Ground{Facts, Identity, Expired, Repaired, Instrument, Other}

// State is where an objection stands. The words are "objection.state."+State.
type State string

// The states. Filed waits for the handler; Asked for what the source says to him;
// Checked for another person's ruling; Forwarded for the authority that rules.
const (
	Filed     State = "filed"
	Asked     State = "asked"
	Checked   State = "checked"
	Forwarded State = "forwarded"
	Upheld    State = "upheld"
	Dismissed State = "dismissed"
	Withdrawn State = "withdrawn" // by the subject
)

// States lists them in the order pages show them.
var States = []State{Filed, Asked, Checked, Forwarded, Upheld, Dismissed, Withdrawn}

// Open tells whether the objection is still to be answered: as long as it is, the
// record is marked.
func (s State) Open() bool {
	return s == Filed || s == Asked || s == Checked || s == Forwarded
}

// Way is how an objection came in. The words are "objection.way."+Way.
type Way string

// The ways.
const (
	ByAccount Way = "account"
	ByCode    Way = "code"    // with the activation code printed on a notice, without an account
	AtCounter Way = "counter" // on paper; an officer registered it
)

// Finding is what the check found. The words are "objection.finding."+Finding.
type Finding string

// The findings.
const (
	Founded   Finding = "founded"
	Unfounded Finding = "unfounded"
)

// Findings lists them in the order pages show them.
var Findings = []Finding{Founded, Unfounded}

// Answer is what the source said of the record. The words are
// "objection.answer."+Answer.
type Answer string

// The answers.
const (
	Confirms Answer = "confirms"
	Changes  Answer = "changes"
	Revokes  Answer = "revokes"
	Silent   Answer = "silent" // it said nothing inside its time
)

// Answers lists them in the order pages show them.
var Answers = []Answer{Confirms, Changes, Revokes, Silent}

// Outcome is what a ruling does. The words are "objection.outcome."+Outcome.
type Outcome string

// The outcomes; all but Dismiss uphold the objection.
const (
	Correct Outcome = "correct" // the record says something else from now on
	End     Outcome = "end"     // its display ended, or ends, on another day
	Repair  Outcome = "repair"  // it was repaired on a day
	Recall  Outcome = "recall"  // it is taken back with a reason
	Dismiss Outcome = "dismiss"
)

// Outcomes lists them in the order pages show them.
var Outcomes = []Outcome{Correct, End, Repair, Recall, Dismiss}

// Reasons are why an objection is dismissed. The words are "objection.reason."+it.
var Reasons = []string{"accurate", "same-subject", "still-shown", "not-repaired", "in-force", "no-proof", "other-remedy"}

// Paper is a box with files of the subject.
type Paper struct {
	Box string    `json:"box"`
	At  time.Time `json:"at"`
}

// Source is what was asked of who provided the record, and what he said.
type Source struct {
	On         workday.Date `json:"on"`
	AnsweredOn workday.Date `json:"answeredOn,omitzero"`
	Answer     Answer       `json:"answer,omitempty"`
}

// Waits tells whether an answer is waited for.
func (s *Source) Waits() bool { return s != nil && s.AnsweredOn.IsZero() }

// Event is a step of an objection. The words are "objection.event."+What.
type Event struct {
	At    time.Time `json:"at"`
	By    string    `json:"by"` // a user's id, or "activation"
	What  string    `json:"what"`
	State State     `json:"state"`
	No    string    `json:"no,omitempty"` // the number that the step has elsewhere
}

// Objection is an objection as it stands in the clear.
type Objection struct {
	No      string `json:"no"`
	Subject string `json:"subject"`        // the code of who objects
	Name    string `json:"name,omitempty"` // "" of a natural person
	// Record is the id of the record, Holder the code that its document names: by it
	// the record is found whatever was merged since.
	Record    string           `json:"record"`
	Holder    string           `json:"holder"`
	Ground    Ground           `json:"ground"`
	Authority repair.Authority `json:"authority"` // who provided the record and so decides
	Unit      string           `json:"unit"`      // label of the unit that handles it
	State     State            `json:"state"`
	Way       Way              `json:"way"`
	// Code is the hash of the activation code that it was filed with.
	Code    string       `json:"code,omitempty"`
	FiledOn workday.Date `json:"filedOn"`
	FiledBy string       `json:"filedBy"`
	Papers  []Paper      `json:"papers,omitempty"`

	Source *Source `json:"source,omitempty"`
	// Pauses are inspections and appraisals, whose time is not counted.
	Pauses    []clock.Pause `json:"pauses,omitempty"`
	Finding   Finding       `json:"finding,omitempty"`
	CheckedOn workday.Date  `json:"checkedOn,omitzero"`
	// External is the number at the authority that it was forwarded to.
	External string `json:"external,omitempty"`

	Outcome Outcome `json:"outcome,omitempty"`
	// Why is the reason of a recall, one of disclosure.Reasons; Reasons are those of
	// a dismissal.
	Why     string   `json:"why,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
	// On is the day that the outcome names: the last one of display, or that of the
	// repair.
	On workday.Date `json:"on,omitzero"`
	// Decision is the number of the ruling, DecidedOn its day; ClosedOn is when it
	// took effect here.
	Decision  string       `json:"decision,omitempty"`
	DecidedOn workday.Date `json:"decidedOn,omitzero"`
	ClosedOn  workday.Date `json:"closedOn,omitzero"`

	Handlers []string `json:"handlers,omitempty"`
	Decider  string   `json:"decider,omitempty"`
	Events   []Event  `json:"events"`
	Version  int      `json:"version"`
	Rules    []string `json:"rules"`
}

// Ref names the objection for clocks, custody and the journal.
func (o Objection) Ref() string { return "objection:" + o.No }

// Paused tells whether an inspection or appraisal is waited for.
func (o Objection) Paused() bool {
	return slices.ContainsFunc(o.Pauses, func(p clock.Pause) bool { return p.Open })
}

// Sourced tells whether who provided the record must be asked: then the longer
// limit applies.
func (o Objection) Sourced() bool { return !o.Authority.Own() || o.Source != nil }
