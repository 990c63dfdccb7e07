package tipoff

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"ipcredit/shared/workday"
)

// Report is all of a tip-off that stands in the clear.
type Report struct {
	Number string `json:"number"`
	// Division is a GB/T 2260 or zone code; of an official's matter the city's.
	Division string `json:"division"`
	// Unit is the label of the unit that handles it: a division code, or Discipline.
	Unit string `json:"unit"`
	Kind Kind   `json:"kind"`
	// Day is when it was received, in China.
	Day workday.Date `json:"day"`
	// Size is the bucket its content is padded to, in bytes.
	Size  int   `json:"size"`
	State State `json:"state"`
	// Named says that a reporter has to be told of the decision.
	Named bool `json:"named,omitzero"`
	// Key is the reference of its key in seal.Keys, To the public side of it.
	Key string `json:"key"`
	To  string `json:"to"`
	// Commitment is what the receipt's proof is of, see Proof.
	Commitment string `json:"commitment,omitzero"`
	// Events are what happened, oldest first.
	Events []Event `json:"events"`
	// Handlers are the users who handled it, Approvers those who decided for the head.
	Handlers  []string `json:"handlers,omitempty"`
	Approvers []string `json:"approvers,omitempty"`
	// Asks are the requests to open the reporter's identity, oldest first.
	Asks []Ask `json:"asks,omitempty"`
	// Identity says that somebody's identity is sealed with it: a named reporter's,
	// or that of one who named himself to claim a reward.
	Identity bool `json:"identity,omitzero"`
	// Person is the reference of that identity's own key in seal.Keys, wrapped to the
	// custodian and the escrow; "" where nobody's is sealed, or where it was sealed
	// to the custodian itself, as it once was.
	Person string `json:"person,omitzero"`
	// Posts counts the messages of the thread, Notes the unit's remarks. News says
	// that the reporter wrote something no officer has looked at yet.
	Posts int  `json:"posts,omitzero"`
	Notes int  `json:"notes,omitzero"`
	News  bool `json:"news,omitzero"`
	// Disputed, Rated and Claimed say that the reporter did so; each once.
	Disputed bool `json:"disputed,omitzero"`
	Rated    bool `json:"rated,omitzero"`
	Claimed  bool `json:"claimed,omitzero"`
	// Held says that retention is stayed (legal hold).
	Held bool `json:"held,omitzero"`
	// ErasedOn is the day of a tombstone.
	ErasedOn workday.Date `json:"erasedOn,omitzero"`
	// Leaving is the label of a unit whose wrap is still to be dropped after the
	// tip-off went to another.
	Leaving string `json:"leaving,omitzero"`
}

// Version names the state that a tip-off is in: it changes with whatever happens
// to it. That somebody has read it changes nothing to decide.
func (r Report) Version() string {
	r.News = false
	text, err := json.Marshal(r)
	if err != nil {
		panic("tipoff: a report is always JSON: " + err.Error())
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}

// Ref names a tip-off to other packages: what an evidence box is For.
func Ref(number string) string { return "tip-off:" + number }

// Event is one thing that happened to a tip-off.
type Event struct {
	On workday.Date `json:"on"`
	// What is a State reached, or one of the others.
	What string `json:"what"`
	// By is the user, "" for the reporter, "system" for the program.
	By string `json:"by,omitzero"`
}

// Events besides states.
const (
	ExtensionAsked   = "extension-asked"
	ExtensionRefused = "extension-refused"
	PauseBegun       = "pause" // an expert's work is waited for
	PauseEnded       = "resume"
	Rerouted         = "rerouted" // went to another unit
	HoldBegun        = "hold"
	HoldEnded        = "hold-ended"
	HandedOver       = "handed-over" // a hand-over was exported
)

// Ask is a request to open a reporter's identity. Its reason is sealed; the
// reporter reads it.
type Ask struct {
	ID    string       `json:"id"`
	By    string       `json:"by"` // who asked
	On    workday.Date `json:"on"`
	State AskState     `json:"state"`
	// Second is the custodian who decided, DecidedOn when; Until is the last day
	// on which By may read the identity.
	Second    string       `json:"second,omitzero"`
	DecidedOn workday.Date `json:"decidedOn,omitzero"`
	Until     workday.Date `json:"until,omitzero"`
	// Reads are the days on which it was read.
	Reads []workday.Date `json:"reads,omitempty"`
	// Reason is filled for those who may read it, never stored here. Damaged says
	// that it can be read no more.
	Reason  string `json:"reason,omitzero"`
	Damaged bool   `json:"-"`
}

// AskState is where a request to open an identity stands.
type AskState string

// The states of a request.
const (
	AskOpen    AskState = "asked"
	AskGranted AskState = "opened"
	AskRefused AskState = "refused"
)

// Speaker is who wrote a message.
type Speaker string

// The speakers.
const (
	ByReporter Speaker = "reporter"
	ByUnit     Speaker = "unit"
)

// Message is one entry of the thread between reporter and unit.
type Message struct {
	N  int     `json:"n"` // counted from 1
	By Speaker `json:"by"`
	// Kind is message, answer (with a decision), dispute, rating or reward.
	Kind string       `json:"kind"`
	On   workday.Date `json:"on"`
	Text string       `json:"text"`
	// Score is that of a rating, 1 to 5.
	Score int `json:"score,omitzero"`
	// Damaged says that what it said can be read no more.
	Damaged bool `json:"-"`
}

// Note is a remark of the unit that the reporter cannot open.
type Note struct {
	N    int          `json:"n"`
	By   string       `json:"by"`
	On   workday.Date `json:"on"`
	Text string       `json:"text"`
	// Lost says that it was sealed to a key that is gone, and has no text; Damaged
	// that it can be read no more for another reason.
	Lost    bool `json:"lost,omitzero"`
	Damaged bool `json:"-"`
}

// handled notes who did something to the report.
func (r *Report) handled(user string) {
	if !slices.Contains(r.Handlers, user) {
		r.Handlers = append(r.Handlers, user)
	}
}

// approved notes who decided for the head.
func (r *Report) approved(user string) {
	if !slices.Contains(r.Approvers, user) {
		r.Approvers = append(r.Approvers, user)
	}
}
