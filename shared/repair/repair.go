// Package repair is how a record of dishonesty ends before its time: the subject
// applies, the papers are checked, and whoever made the determination decides
// (谁认定、谁修复).
//
// The rules are pure: dates, records and the law are arguments. An application of
// this city's own determination is accepted and decided here, by two people, and
// the decision ends display and use in the commit that makes it. One of another
// authority's is forwarded, and ends display only when that authority's decision
// is imported.
//
// Nothing here holds free text or a natural person's name: reasons are codes with
// dates, papers are kinds with the boxes they were put in, people are user ids.
package repair

import (
	"slices"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/workday"
)

// Route is the procedure of an application; the day on which it is filed chooses
// it.
type Route string

// The routes.
const (
	CNIPA       Route = "CNIPA"        // 国知发保字〔2022〕8号: to the determining department
	SAMR        Route = "SAMR"         // 国市监信规〔2021〕3号: to the bureau that punished
	Order44     Route = "ORDER_44"     // Order 44: to the bureau that listed
	CreditChina Route = "CREDIT_CHINA" // Order 36: 信用中国 takes in, since 2026-04-01
)

// State is where an application stands.
type State string

// The states (domain reference N). Submitted waits for acceptance or forwarding;
// Completeness waits for the subject, who was told once all that is missing.
const (
	Submitted    State = "SUBMITTED"
	Completeness State = "COMPLETENESS"
	Accepted     State = "ACCEPTED"
	Forwarded    State = "FORWARDED" // with the authority that must decide
	Refused      State = "REFUSED"   // not accepted, with reasons
	Approved     State = "APPROVED"
	Denied       State = "DENIED"
	Propagated   State = "PROPAGATED" // approved, and everybody who was told knows
	Withdrawn    State = "WITHDRAWN"  // by the subject
	Revoked      State = "REVOKED"    // approved, and taken back: the records are there again
)

// Open tells whether something is still to be decided.
func (s State) Open() bool {
	return s == Submitted || s == Completeness || s == Accepted || s == Forwarded
}

// Paper is what an application needs. The words are the catalogue's
// "repair.paper."+Paper.
type Paper string

// The papers. Form and Commitment are made by the program: the form by filing, the
// commitment by the representative's signature.
const (
	Form        Paper = "form"
	Commitment  Paper = "commitment"
	Correction  Paper = "correction"  // that the act was corrected
	Performance Paper = "performance" // that the duties were performed
	Ruling      Paper = "ruling"      // the court's, in a reorganisation or composition
)

// Authority is who decides about a record.
type Authority struct {
	Name string `json:"name"`
	Code string `json:"code,omitempty"`
	// Unit is the label of the unit of this city that decides; "" where another
	// authority does.
	Unit string `json:"unit,omitempty"`
}

// Own tells whether the city itself decides.
func (a Authority) Own() bool { return a.Unit != "" }

// Bankruptcy is the court's ruling on which a firm in reorganisation or
// composition applies while it still performs.
type Bankruptcy struct {
	Court string       `json:"court"`
	No    string       `json:"no"`
	On    workday.Date `json:"on"`
}

// Handed is a paper that was handed in, into a box of evidence-upload.
type Handed struct {
	Paper Paper     `json:"paper"`
	Box   string    `json:"box,omitempty"` // "" at the counter
	At    time.Time `json:"at"`
	By    string    `json:"by"`
	// Version counts the papers of this kind, from 1.
	Version int `json:"version"`
}

// Signature is the commitment: who signed which text, and when.
type Signature struct {
	By   string    `json:"by"`
	At   time.Time `json:"at"`
	Text string    `json:"text"` // its version, see CommitmentText
}

// CommitmentText is the version of the commitment's words in the catalogue.
const CommitmentText = "2026-04-01"

// Reason is why something is refused, see Key for its words; On is the day it names,
// if any.
type Reason struct {
	Code string       `json:"code"`
	On   workday.Date `json:"on,omitzero"`
	// Rule is the version applied, see ruleset.Rule.Ref.
	Rule string `json:"rule,omitempty"`
}

// The reasons. Those of Computed are found by the program, never chosen.
const (
	Early         = "early"          // before the first day, which On names
	RecentRepair  = "recent-repair"  // a repair less than a year ago; On is the first day after
	NewRecord     = "new-record"     // determined or punished again since it was filed; On names the day
	NotRepairable = "not-repairable" // the law says so
	Listed        = "listed"         // displayed as seriously dishonest
	NewPenalty    = "new-penalty"    // punished again since, which On names
	NotShown      = "not-shown"      // it is not displayed: there is nothing to end
	Incomplete    = "incomplete"     // still, after all that was missing was named
	NotOurs       = "not-ours"
	Fraud         = "fraud" // fraud or concealment in the application
	Uncorrected   = "uncorrected"
	Unperformed   = "unperformed"
	Consequences  = "consequences"
)

// Key is the key of the reason's words: with a place for the day where it names one,
// which another authority's do not.
func (r Reason) Key() string {
	if r.On.IsZero() && slices.Contains([]string{Early, RecentRepair, NewRecord, NewPenalty}, r.Code) {
		return "repair.given." + r.Code
	}
	return "repair.reason." + r.Code
}

// Event is a step of an application.
type Event struct {
	At time.Time `json:"at"`
	// By is a user's id, or "system".
	By    string `json:"by"`
	What  string `json:"what"` // see the constants beside the moves
	State State  `json:"state"`
	// No is the number that the step has elsewhere: the external number, the
	// number of a decision.
	No string `json:"no,omitempty"`
}

// Application is an application for repair as it stands in the clear.
type Application struct {
	No      string `json:"no"`
	Subject string `json:"subject"` // credit code
	Name    string `json:"name"`
	// Records are the ids of what is to be repaired: several determinations of one
	// authority are repaired together, because a repair bars the next for a year.
	Records   []string  `json:"records"`
	Authority Authority `json:"authority"`
	// Unit is the label of the unit that handles it.
	Unit  string `json:"unit"`
	Route Route  `json:"route"`
	State State  `json:"state"`
	// FiledOn is the day of the application, here or at 信用中国: it chooses route and
	// rule versions. CompleteOn is when it came to us, or what was missing did: from
	// then the limits run.
	FiledOn    workday.Date `json:"filedOn"`
	CompleteOn workday.Date `json:"completeOn"`
	// Came is the day on which it came to us: that of its filing, or later where it
	// came from 信用中国.
	Came       workday.Date `json:"came,omitzero"`
	AcceptedOn workday.Date `json:"acceptedOn,omitzero"`
	ClosedOn   workday.Date `json:"closedOn,omitzero"`
	SpreadOn   workday.Date `json:"spreadOn,omitzero"`

	Bankruptcy *Bankruptcy `json:"bankruptcy,omitempty"`
	// Corrected, Performed and Removed are what the applicant declares.
	Corrected bool `json:"corrected,omitempty"`
	Performed bool `json:"performed,omitempty"`
	Removed   bool `json:"removed,omitempty"`

	Papers []Handed   `json:"papers,omitempty"`
	Signed *Signature `json:"signed,omitempty"`
	// Asked is the list that the subject was sent, once; AskedOn the day.
	Asked   []Paper      `json:"asked,omitempty"`
	AskedOn workday.Date `json:"askedOn,omitzero"`

	// CreditChina is the number at 信用中国, and CameFrom says that it came from
	// there; without it, it was filed here and handed over.
	CreditChina string `json:"creditChina,omitempty"`
	CameFrom    bool   `json:"cameFrom,omitempty"`
	// External is the number at the authority that decides.
	External string `json:"external,omitempty"`

	// Decision is the number of what was decided and DecidedOn its day, Reasons why
	// it was refused.
	Decision  string       `json:"decision,omitempty"`
	DecidedOn workday.Date `json:"decidedOn,omitzero"`
	Reasons   []Reason     `json:"reasons,omitempty"`

	// Revocation is what was begun, or done, to take an approval back.
	Revocation *Revocation `json:"revocation,omitempty"`
	// ReportedOn is the day on which the result was passed to 信用中国.
	ReportedOn workday.Date `json:"reportedOn,omitzero"`

	FiledBy  string   `json:"filedBy"`
	Handlers []string `json:"handlers,omitempty"`
	Decider  string   `json:"decider,omitempty"`
	Events   []Event  `json:"events"`
	Version  int      `json:"version"`
	Rules    []string `json:"rules"`
}

// Ref names the application for clocks, boxes and the journal.
func (a Application) Ref() string { return Ref(a.No) }

// Ref is the reference of the application with the number.
func Ref(no string) string { return "repair:" + no }

// Has tells whether a paper was handed in or made.
func (a Application) Has(p Paper) bool {
	switch p {
	case Form:
		return true
	case Commitment:
		return a.Signed != nil
	}
	return slices.ContainsFunc(a.Papers, func(h Handed) bool { return h.Paper == p })
}

// Newest is the last of the papers of a kind that were handed in.
func (a Application) Newest(p Paper) (h Handed, ok bool) {
	for _, x := range a.Papers {
		if x.Paper == p {
			h, ok = x, true
		}
	}
	return h, ok
}

// record finds one of a subject's records.
func record(records []credit.Record, id string) (credit.Record, bool) {
	i := slices.IndexFunc(records, func(r credit.Record) bool { return r.ID == id })
	if i < 0 {
		return credit.Record{}, false
	}
	return records[i], true
}
