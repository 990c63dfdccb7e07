package casework

import (
	"slices"

	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// State is where a case stands (domain reference N, Case). The words are the
// catalogue's "casework.state."+State.
type State string

// The states. Lead comes before domain reference N's first: a lead of our own
// that is checked for whether to open a case at all; a tip-off is checked as a
// tip-off.
const (
	Lead          State = "lead"          // 线索核查
	Filed         State = "filed"         // 立案, to be approved by the head
	Investigating State = "investigating" // 调查取证
	Suspended     State = "suspended"     // 中止调查
	Review        State = "review"        // 审核
	Notice        State = "notice"        // 行政处罚告知
	Hearing       State = "hearing"       // 听证
	Decided       State = "decided"       // 处罚决定
	Served        State = "served"        // 已送达
	Performed     State = "performed"     // 已履行
	Enforced      State = "enforced"      // 已强制执行
	NoPenalty     State = "no-penalty"    // 不予行政处罚, to be served and closed
	ToProvince    State = "to-province"   // 移送省局
	ToPolice      State = "to-police"     // 移送公安
	ToCourt       State = "to-court"      // 移送法院
	ToOther       State = "to-other"      // 移送其他机关、其他城市

	NotFiled        State = "not-filed"        // 不予立案
	NoDetermination State = "no-determination" // withdrawn, corrected in time: 不予认定
	Merged          State = "merged"           // 并案
	Closed          State = "closed"           // 结案
)

// States lists the states in the order of the work.
func States() []State {
	return []State{Lead, Filed, Investigating, Suspended, Review, Notice, Hearing, Decided, Served, Performed, Enforced,
		NoPenalty, ToProvince, ToPolice, ToCourt, ToOther, NotFiled, NoDetermination, Merged, Closed}
}

// Open tells whether something is still to be done.
func (s State) Open() bool {
	return slices.Contains(States(), s) && !slices.Contains([]State{NotFiled, NoDetermination, Merged, Closed}, s)
}

// Transferred tells whether it went to a body outside.
func (s State) Transferred() bool {
	return slices.Contains([]State{ToProvince, ToPolice, ToCourt, ToOther}, s)
}

// working are the states in which the case is being worked on before a decision.
var working = []State{Filed, Investigating, Suspended, Review, Notice, Hearing}

// move is one way on, and who may take it.
type move struct {
	to     State
	action staff.Action
	// reason says that he must write why; body that he must name who gets it.
	reason, body bool
}

// transfers are the ways out to bodies outside, from wherever the case is still
// being worked on.
var transfers = []move{
	{to: ToProvince, action: staff.CaseHandle, reason: true},
	{to: ToPolice, action: staff.CaseHandle, reason: true},
	{to: ToCourt, action: staff.CaseHandle, reason: true, body: true},
	{to: ToOther, action: staff.CaseHandle, reason: true, body: true},
}

// back is the way in from a body that returned the case.
var back = []move{
	{to: Closed, action: staff.CaseApprove},
	{to: Investigating, action: staff.CaseHandle, reason: true},
}

var moves = map[State][]move{
	Lead: append([]move{
		{to: Filed, action: staff.CaseHandle},
		{to: NotFiled, action: staff.CaseApprove, reason: true},
	}, transfers...),
	Filed: append([]move{
		{to: Investigating, action: staff.CaseApprove},
		{to: NotFiled, action: staff.CaseApprove, reason: true},
	}, transfers...),
	Investigating: append([]move{
		{to: Review, action: staff.CaseHandle},
		{to: Suspended, action: staff.CaseApprove, reason: true},
		{to: NoDetermination, action: staff.CaseApprove, reason: true},
	}, transfers...),
	Suspended: {{to: Investigating, action: staff.CaseHandle}},
	Review: append([]move{
		{to: Notice, action: staff.CaseReview},
		{to: Investigating, action: staff.CaseReview, reason: true},
		{to: NoPenalty, action: staff.CaseApprove, reason: true},
		{to: NoDetermination, action: staff.CaseApprove, reason: true},
	}, transfers...),
	Notice: append([]move{
		{to: Hearing, action: staff.CaseHandle},
		{to: Decided, action: staff.CaseApprove},
		{to: NoPenalty, action: staff.CaseApprove, reason: true},
	}, transfers...),
	Hearing: append([]move{
		{to: Decided, action: staff.CaseApprove},
		{to: NoPenalty, action: staff.CaseApprove, reason: true},
	}, transfers...),
	Decided:    {{to: Served, action: staff.CaseHandle}},
	Served:     {{to: Performed, action: staff.CaseHandle}, {to: Enforced, action: staff.CaseHandle}},
	Performed:  {{to: Closed, action: staff.CaseApprove}},
	Enforced:   {{to: Closed, action: staff.CaseApprove}},
	NoPenalty:  {{to: Closed, action: staff.CaseApprove}},
	ToProvince: back,
	ToPolice:   back,
	ToCourt:    back,
	ToOther:    back,
}

// Next is a way on from here: what a page offers.
type Next struct {
	To State `json:"to"`
	// Action is what whoever takes it must be allowed.
	Action staff.Action `json:"action"`
	// Reason says that a reason is needed, Body the name of who gets it, Penalty
	// what is decided.
	Reason  bool `json:"reason,omitzero"`
	Body    bool `json:"body,omitzero"`
	Penalty bool `json:"penalty,omitzero"`
}

// Next lists the ways on that the state machine and competence know: an
// unlicensed agency is the province's, so without an instrument of entrustment in
// force on that day no way leads to a penalty. What else stands in the way (a
// clock that is paused, a defence that can still be made) Move says.
func (c Case) Next(today workday.Date) []Next {
	var out []Next
	for _, m := range moves[c.State] {
		if m.to == NoDetermination && c.Kind != tipoff.AbnormalFilingAgency {
			// 国知发保字〔2022〕8号 art. 7 knows this way for abnormal filings only.
			continue
		}
		if punishes(m.to) && c.provincial() && !c.Entrusted.InForce(today) {
			continue
		}
		if c.State.Transferred() && m.to == Investigating {
			m.to = c.resumes()
		}
		out = append(out, Next{To: m.to, Action: m.action, Reason: m.reason, Body: m.body, Penalty: m.to == Decided})
	}
	return out
}

// resumes is where a case goes on that a body outside returned: where it came from,
// but not behind what the investigation has to do anew.
func (c Case) resumes() State {
	switch {
	case c.has(string(Investigating)):
		return Investigating
	case c.has(string(Filed)):
		return Filed
	}
	return Lead
}

// provincial tells whether only the province may punish this.
func (c Case) provincial() bool { return c.Kind == tipoff.UnlicensedAgency }

// punishes tells whether a state is on the way to a penalty of ours. A decision
// not to punish is one about a penalty, too.
func punishes(s State) bool { return slices.Contains([]State{Notice, Hearing, Decided, NoPenalty}, s) }

// Events besides states.
const (
	Assigned        = "assigned" // Ref the user
	Claimed         = "claimed"
	Queued          = "queued"            // back into the queue
	DelegatedTo     = "delegated"         // Ref the 监管所
	Undelegated     = "undelegated"       // returned by it, or taken back
	Offered         = "offered"           // Ref the unit
	Accepted        = "accepted"          // Ref the unit it came from
	Declined        = "declined"          // Ref the unit that returned it
	DisputeBegun    = "dispute"           // Ref the other unit
	DisputeSettled  = "dispute-settled"   // Ref the unit that gets it
	OfferWithdrawn  = "offer-withdrawn"   // by who offered
	ExtensionAsked  = "extension-asked"   //
	ExtensionDenied = "extension-refused" //
	Extended        = "extended"          // Days, by the head
	ExtendedAgain   = "extended-again"    // Days, by collective discussion
	CheckExtended   = "check-extended"    // the lead's check
	ReviewExtended  = "review-extended"
	PauseBegun      = "pause"             // Ref what is waited for, see Pauses
	PauseEnded      = "resume"            // Ref likewise
	Preserved       = "preserved"         // Ref an id of the list of evidence
	PreservedDone   = "preserved-done"    // Ref likewise
	NoticeServed    = "notice-served"     // the party has the notice: its time begins
	DefenceMade     = "defence-made"      // 陈述申辩
	DefenceWaived   = "defence-waived"    // in writing
	HearingNoticed  = "hearing-noticed"   // Until the day of the hearing
	HearingHeld     = "hearing-held"      //
	HearingDropped  = "hearing-withdrawn" // the party took its request back
	ServiceMade     = "service"           // of a decision not to punish
	ReceiptGot      = "receipt"           // the body outside confirmed it
	RecusedUser     = "recused"           // Ref the user
	RecusalLifted   = "recusal-lifted"    // Ref the user
	HandedOver      = "handed-over"       // Ref the user who has it now
	ZoneConfirmed   = "zone"              // Ref the zone
	EntrustedBy     = "entrusted"         // Ref the instrument
	MergedIn        = "merged-in"         // Ref the other case
	MergeUndone     = "merge-undone"      // a merger that was taken back; Ref the other case
	Unmerged        = "unmerged"          // Ref the other case
	Edited          = "edited"            //
	Documented      = "document"          // Ref the kind
	ErasedEvent     = "erased"
)

// Waits are what a pause waits for: the days are not counted (domain reference
// E.1, E.2). The words are the catalogue's "casework.wait."+Wait.
func Waits() []string {
	return []string{"appraisal", "inspection", "testing", "quarantine", "right-holder", "publication"}
}

// waiting lists what is being waited for.
func (c Case) waiting() []string {
	var out []string
	for _, e := range c.Events {
		switch e.What {
		case PauseBegun:
			out = append(out, e.Ref)
		case PauseEnded:
			if at := slices.Index(out, e.Ref); at >= 0 {
				out = slices.Delete(out, at, at+1)
			}
		}
	}
	return out
}

// preserved lists the evidence that is held and not yet dealt with.
func (c Case) preserved() []Event {
	var out []Event
	for _, e := range c.Events {
		switch e.What {
		case Preserved:
			out = append(out, e)
		case PreservedDone:
			out = slices.DeleteFunc(out, func(p Event) bool { return p.Ref == e.Ref })
		}
	}
	return out
}

// happen notes an event.
func (c *Case) happen(e Event) { c.Events = append(c.Events, e) }

// reach takes the case to a state.
func (c *Case) reach(to State, on workday.Date, by string) {
	c.State = to
	c.happen(Event{On: on, What: string(to), By: by})
	if to.Transferred() || slices.Contains([]State{Decided, NoPenalty, NotFiled, NoDetermination, Merged}, to) {
		c.Outcome = to
	}
	if slices.Contains(working, to) || to == Lead {
		c.Outcome, c.Body = "", "" // a body outside returned it
	}
}
