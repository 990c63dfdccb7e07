// Package share tells others what changes about the city's credit records: the
// departments of joint punishment, other cities and credit services, each what
// its subscription covers and nothing else.
//
// What is told is thin: which record, of whom, what became of it. Who needs more
// asks the lookup, which never shows what has ended. Of a record that ended
// since it was published a late reader is told nothing; whoever was told of it
// while it stood is told of its end, whatever became of the subscription, and it
// is kept who has said that it was taken over (河南省社会信用条例 art. 42, 43).
package share

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/catalog"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Purpose is what records are shared for.
type Purpose string

// The purposes.
const (
	Joint   Purpose = "joint-punishment" // 联合惩戒
	Reward  Purpose = "joint-incentive"  // 联合激励
	Region  Purpose = "cross-region"     // another city's market supervision
	Service Purpose = "credit-service"   // a credit service, S7.4
)

// Purposes lists the purposes in the order pages show them.
var Purposes = []Purpose{Joint, Reward, Region, Service}

// favourable are the acts that speak for a subject.
var favourable = []string{string(credit.Licence), string(credit.Commendation)}

// Acts are what a subscription may name: those that speak against a subject, then
// those that speak for it.
func Acts() []string { return append(slices.Clone(credit.Acts), favourable...) }

// Fits tells whether the purpose is one for the organisation, and the act for the
// purpose: who punishes needs no praise, who rewards no blame.
func (p Purpose) Fits(k staff.Kind, act string) bool {
	good := slices.Contains(favourable, act)
	switch p {
	case Joint:
		return k != staff.CreditService && !good
	case Reward:
		return k != staff.CreditService && good
	case Region:
		return k == staff.Province || k == staff.Department
	case Service:
		return k == staff.CreditService
	}
	return false
}

// State is how a subscription stands.
type State string

// The states.
const (
	Proposed State = "proposed" // waits for another person
	Active   State = "active"
	Refused  State = "refused"
	Ended    State = "ended" // ends of records are still told to whoever got them
)

// States lists the states in the order pages show them.
var States = []State{Proposed, Active, Refused, Ended}

// Subscription is what one organisation gets, and why.
type Subscription struct {
	ID      string   `json:"id"`
	Org     string   `json:"org"`
	Purpose Purpose  `json:"purpose"`
	Acts    []string `json:"acts"`
	// Areas are codes of divisions; the city's own means all of it.
	Areas []string `json:"areas"`
	// Basis is the law or agreement it rests on.
	Basis string `json:"basis"`
	// Until is the last day; none is without end.
	Until workday.Date `json:"until,omitzero"`
	// URL is where deliveries go; "" is none, who asks by cursor needs none.
	URL string `json:"url,omitempty"`
	// Shared: deliveries are signed with a shared secret as well (v1), of which
	// this is the Generation-th.
	Shared     bool `json:"shared,omitempty"`
	Generation int  `json:"generation,omitempty"`

	Division string `json:"division"`
	// Owner is the organisation that manages it.
	Owner      string    `json:"owner"`
	State      State     `json:"state"`
	AskedBy    string    `json:"askedBy"`
	AskedAt    time.Time `json:"askedAt"`
	DecidedBy  string    `json:"decidedBy,omitempty"`
	DecidedAt  time.Time `json:"decidedAt,omitzero"`
	EndedBy    string    `json:"endedBy,omitempty"`
	Version    int       `json:"version"`
	Deliveries `json:"deliveries"`
}

// Deliveries is how far the deliveries of a subscription are.
type Deliveries struct {
	// Done is the cursor up to which everything was delivered.
	Done string `json:"done,omitempty"`
	// Current is the id of the delivery that is under way.
	Current string `json:"current,omitempty"`
	// Stopped is why no more are made, one of the Whys; Resume goes on where they
	// stopped, so nothing is lost.
	Stopped string `json:"stopped,omitempty"`
	// Letters is the place of the last letter of which it was told that it waits.
	Letters int64 `json:"letters,omitempty"`
}

// On tells whether the subscription gives a right to what is shown on the day.
func (s Subscription) On(day workday.Date) bool {
	return s.State == Active && (s.Until.IsZero() || !day.After(s.Until))
}

// Covers tells whether the subscription is about the act and district.
func (s Subscription) Covers(act, district, city string) bool {
	return (slices.Contains(s.Acts, act) || slices.Contains(s.Acts, catalog.Under(act))) && (slices.Contains(s.Areas, city) || slices.Contains(s.Areas, areaOf(district)))
}

// areaOf is the division that answers for a district today.
func areaOf(district string) string {
	if a, ok := ident.AreaOf(district); ok && a.Successor != "" {
		return a.Successor
	}
	return district
}

// Change is one thing that became of a record, as receivers get it.
type Change struct {
	ID       string           `json:"id"`
	Type     credit.Happening `json:"type"`
	RecordID string           `json:"recordId"`
	// Code is "" of a natural person and of what has ended.
	Code     string    `json:"code,omitempty"`
	Act      string    `json:"act,omitempty"`
	District string    `json:"district,omitempty"`
	At       time.Time `json:"at"`
	// URL is where the record is shown.
	URL string `json:"url,omitempty"`
}

// thin is what of an event is told. Of what has ended that is the id alone, which
// the receiver has.
func thin(e credit.Event, lookup string) Change {
	c := Change{ID: e.ID(), Type: e.Type, RecordID: e.RecordID, At: e.At}
	if e.Type.Ends() {
		return c
	}
	c.Code, c.Act, c.District = e.Code, e.Act, e.District
	if e.Code != "" {
		c.URL = lookup + e.Code
	}
	return c
}

// Why deliveries fail or stopped. The words are the catalogue's "share.why."+Why.
const (
	WhyAway    = "away"    // not reached, or no answer in time
	WhyRefused = "refused" // an answer other than 2xx
	WhyPrivate = "private" // an address inside, which is not called
	WhyGone    = "gone"    // 410: the receiver wants no more
	WhyTired   = "tired"   // it failed for three days
	WhyOff     = "off"     // an officer stopped it
)

// Try is one call of a delivery.
type Try struct {
	At     time.Time `json:"at"`
	Status int       `json:"status,omitempty"` // of HTTP; 0 where nothing came back
	Why    string    `json:"why,omitempty"`    // "" where it was taken
}

// Delivery is what is told to one receiver at once.
type Delivery struct {
	// ID is that of all its tries (webhook-id).
	ID           string `json:"id"`
	Subscription string `json:"subscription"`
	// Events are the ids of what it tells; none is a test.
	Events []string `json:"events,omitempty"`
	// Letters: it tells that letters wait, and nothing else.
	Letters bool `json:"letters,omitempty"`
	// To is the cursor up to which everything is delivered with it; "" where it
	// repeats an earlier one.
	To    string    `json:"to,omitempty"`
	Made  time.Time `json:"made"`
	Next  time.Time `json:"next,omitzero"` // of a try to come
	Tries []Try     `json:"tries,omitempty"`
	// Round is how many tries there were before it was sent once more.
	Round  int       `json:"round,omitempty"`
	Taken  time.Time `json:"taken,omitzero"`
	Failed bool      `json:"failed,omitempty"` // no more tries
	// By is the officer who had it sent, "" of those that go by themselves.
	By string `json:"by,omitempty"`
}

// waits are how long to wait after each try that failed, about three days in all:
// those that Standard Webhooks recommends. Ours to choose ([design]).
var waits = []time.Duration{
	time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 20 * time.Hour,
}

// longestWait bounds what a receiver may ask for.
const longestWait = 24 * time.Hour

// jitter spreads receivers that failed together: a factor from 0.9 to 1.1, the
// same for the same try of the same delivery.
func jitter(id string, try int) float64 {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s %d", id, try)
	return 0.9 + 0.2*float64(h.Sum32())/float64(1<<32)
}

// tried is the delivery after a try with that outcome; after is what the receiver
// asked for. It is over when it was taken or stopped is a reason.
func (d Delivery) tried(t Try, after time.Duration) (next Delivery, stopped string) {
	t.At = t.At.UTC()
	d.Tries = append(slices.Clone(d.Tries), t)
	d.Next = time.Time{}
	n := len(d.Tries) - d.Round
	switch {
	case t.Why == "":
		d.Taken, d.Failed = t.At, false
		return d, ""
	case t.Why == WhyGone:
		d.Failed = true
		return d, WhyGone
	case n > len(waits):
		d.Failed = true
		return d, WhyTired
	}
	wait := time.Duration(float64(waits[n-1]) * jitter(d.ID, len(d.Tries)))
	d.Next = t.At.Add(max(wait, min(after, longestWait)))
	return d, ""
}

// Action is what a receiver did with what it was told.
type Action string

// The actions. None and Noted are answers too: a receiver that did nothing says so.
const (
	Noted   Action = "noted"   // taken over
	Applied Action = "applied" // a measure was taken
	Lifted  Action = "lifted"  // a measure was lifted
	Removed Action = "removed" // taken off, after the record ended
	None    Action = "none"    // nothing was done
)

// Actions lists the actions in the order pages show them.
var Actions = []Action{Noted, Applied, Lifted, Removed, None}

// answers tells whether the action answers what happened: what ended must have
// been taken off or never used, else it is still open.
func (a Action) answers(h credit.Happening) bool {
	return !h.Ends() || a == Removed || a == Lifted || a == Noted || a == None
}

// Feedback is what a receiver says it did.
type Feedback struct {
	Action Action `json:"action"`
	// Reference is the number of the receiver's own document; no free text, which
	// would name people.
	Reference string `json:"reference,omitempty"`
}

// check refuses what is no feedback on what happened.
func (f *Feedback) check(h credit.Happening) error {
	bad := fault.New(fault.Invalid, "share.incomplete")
	if !slices.Contains(Actions, f.Action) {
		bad = bad.With("action", "share.choose")
	} else if !f.Action.answers(h) || f.Action == Removed && !h.Ends() {
		bad = bad.With("action", "share.action_state")
	}
	if f.Reference = strings.TrimSpace(f.Reference); f.Reference != "" {
		no, err := ident.ParseDocNo(f.Reference)
		if err != nil {
			bad = bad.With("reference", "share.reference")
		} else {
			f.Reference = no.String()
		}
	}
	if len(bad.Fields) > 0 {
		return bad
	}
	return nil
}

// Answered is feedback that was given.
type Answered struct {
	Feedback
	Event string    `json:"event"`
	Org   string    `json:"org"`
	By    string    `json:"by"` // user or key
	At    time.Time `json:"at"`
	// Paper is why an officer here entered it from a document; "" where the receiver
	// said it itself.
	Paper Paper `json:"paper,omitempty"`
}

// Paper is why a receiver's answer came as a document. It is a choice and no text,
// which would name people.
type Paper string

// The reasons. Words are the catalogue's "share.paper."+Paper.
const (
	NoSystem   Paper = "no-system"   // it has neither a system nor an account here
	SystemDown Paper = "system-down" // its system was not to be reached
	ByLetter   Paper = "by-letter"   // it answers by official letter
)

// Papers lists the reasons in the order pages show them.
var Papers = []Paper{NoSystem, SystemDown, ByLetter}

// Open is the end of a record of which the receiver has not said that it took it
// over.
type Open struct {
	Event string
	Org   string
	// Told is when it was told, Due the last day for taking it off: one working
	// day (河南省社会信用条例 art. 42).
	Told time.Time
	Due  workday.Date
}

// Overdue tells whether the day for it is past.
func (o Open) Overdue(today workday.Date) bool { return today.After(o.Due) }
