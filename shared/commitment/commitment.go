// Package commitment keeps credit commitments (信用承诺): what subjects promise in
// public, by when, and whether they kept it.
//
// A commitment is signed by the subject's legal representative, or recorded by an
// officer from paper; from then on it stands in a public ledger, with its text and
// the hash of it. An officer watches over it until another day named in it; whoever
// did not handle it may find it broken, and in the same commit that becomes a lead
// for an investigation — never a record of dishonesty: those need an instrument.
// What became of a commitment leaves the public ledger on its day, at read time.
//
// The rules are pure: the law, the templates and the day are arguments. Only
// organisations make commitments here, so none is by a minor. In the clear stand
// organisations, numbers, dates, codes of reasons, ids of users, and what the
// subject itself wrote in order to be published, without numbers and addresses of
// people (credit.Redact). What officers write to show that one was broken stands
// only sealed, in the lead.
package commitment

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the chosen numbers
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

//go:embed params.json
var paramsFile []byte

var chosen = ruleset.ReadChosen(paramsFile)

// Limits are the lengths and numbers that pages show: "what", "facts", …
func Limits(name string) int { return chosen.N(name) }

// State is where a commitment stands. The words are the catalogue's
// "commitment.state."+State.
type State string

// The states (domain reference N).
const (
	Draft      State = "DRAFT"      // written, not signed: nobody but the subject sees it
	Published  State = "PUBLISHED"  // signed, in the public ledger
	Fulfilling State = "FULFILLING" // an officer watches over it
	Fulfilled  State = "FULFILLED"
	Broken     State = "BROKEN"
	Annulled   State = "ANNULLED" // never should have been published
)

// PublicStates are those that the public ledger shows, in the order of pages.
var PublicStates = []State{Published, Fulfilling, Fulfilled, Broken}

// Open tells whether the promise is still to be kept.
func (s State) Open() bool { return s == Published || s == Fulfilling }

// Why it was found broken. The words are "commitment.why."+code.
const (
	NotDone = "not-done" // its last day has passed
	False   = "false"    // what it says is not so
)

// Breaches lists the reasons in the order pages show them.
var Breaches = []string{NotDone, False}

// Mistakes are why a finding is taken back, or a commitment annulled; the words are
// "commitment.mistake."+code.
var (
	Mistakes   = []string{"kept", "wrong-facts", "wrong-subject", "procedure"}
	Annulments = []string{"wrong-subject", "wrong-text", "not-signed", "twice"}
)

// How an officer knows that a commitment was kept. The words are
// "commitment.how."+code.
const (
	ByProof = "proof" // what the subject handed in
	OnSite  = "site"
)

// Ways lists them in the order pages show them.
var Ways = []string{ByProof, OnSite}

// Signature is the making of a commitment.
type Signature struct {
	On workday.Date `json:"on"`
	At time.Time    `json:"at"` // when it was signed or recorded here
	By string       `json:"by"` // user id
	// Paper says that it was made on paper, and By recorded it.
	Paper bool `json:"paper,omitempty"`
	// Hash is the SHA-256 of Document, in hexadecimal.
	Hash string `json:"hash"`
}

// Proof is a material that the subject handed in to show that it kept it.
type Proof struct {
	Material string    `json:"material"` // its number
	At       time.Time `json:"at"`
	By       string    `json:"by"`
}

// Kept is the confirmation of an officer.
type Kept struct {
	On     workday.Date `json:"on"`     // of the confirmation
	DoneOn workday.Date `json:"doneOn"` // when the subject did it
	How    string       `json:"how"`
	By     string       `json:"by"`
}

// Breach is a finding that it was not kept.
type Breach struct {
	On  workday.Date `json:"on"`
	Why string       `json:"why"`
	// Document is the number of the paper that shows it.
	Document string `json:"document"`
	By       string `json:"by"`
	// Case is the lead that it became.
	Case string `json:"case"`
}

// What an event is. The words are "commitment.event."+What.
const (
	EventDrafted   = "drafted"
	EventSigned    = "signed"
	EventRecorded  = "recorded" // from paper
	EventTaken     = "taken"
	EventProof     = "proof"
	EventFulfilled = "fulfilled"
	EventBroken    = "broken"
	EventTakenBack = "taken-back" // a finding
	EventAnnulled  = "annulled"
)

// Event is a step that was taken.
type Event struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	What string    `json:"what"`
	// Why is the code of a reason, No a number: of a material, or of a case.
	Why string `json:"why,omitempty"`
	No  string `json:"no,omitempty"`
}

// Commitment is one, as it stands in the clear.
type Commitment struct {
	No       string `json:"no"`
	Subject  string `json:"subject"` // credit code
	Name     string `json:"name"`    // as it was when it was written
	District string `json:"district"`
	// Unit is the label of the unit that watches over it.
	Unit     string `json:"unit"`
	Kind     Kind   `json:"kind"`
	Template string `json:"template"` // see Template.Ref
	// What is what the subject promises to do, in its own words; Until by when,
	// that day included; none where there is no last day.
	What  string       `json:"what"`
	Until workday.Date `json:"until,omitzero"`
	// Repair is the application for repair that it belongs to, Records what that is
	// about: it is not public for longer than they are.
	Repair  string   `json:"repair,omitempty"`
	Records []string `json:"records,omitempty"`

	State  State      `json:"state"`
	Signed *Signature `json:"signed,omitempty"`
	// Owner is the officer who watches over it; Handlers are all who did, and who
	// recorded it.
	Owner    string   `json:"owner,omitempty"`
	Handlers []string `json:"handlers,omitempty"`
	Proofs   []Proof  `json:"proofs,omitempty"`
	Kept     *Kept    `json:"kept,omitempty"`
	Breach   *Breach  `json:"breach,omitempty"`
	Events   []Event  `json:"events"`
	// Seen counts the changes.
	Seen int `json:"seen"`
}

// Ref names the commitment for clocks and the journal.
func (c Commitment) Ref() string { return "commitment:" + c.No }

// TemplateID is the template without its version.
func (c Commitment) TemplateID() string {
	id, _, _ := bytes.Cut([]byte(c.Template), []byte("@"))
	return string(id)
}

// Late tells whether it was kept after its last day.
func (c Commitment) Late() bool {
	return c.Kept != nil && !c.Until.IsZero() && c.Kept.DoneOn.After(c.Until)
}

// Changed is the day on which it came into its state.
func (c Commitment) Changed() workday.Date {
	switch {
	case c.State == Fulfilled && c.Kept != nil:
		return c.Kept.On
	case c.State == Broken && c.Breach != nil:
		return c.Breach.On
	}
	for _, e := range slices.Backward(c.Events) {
		if e.What != EventProof {
			return workday.DateOf(e.At)
		}
	}
	return workday.Date{}
}

// Document is the text that was signed, in canonical form: anybody can compute its
// hash again. It is the same for ever.
func (c Commitment) Document(t Template) string {
	type party struct {
		Code string `json:"code"`
		Name string `json:"name"`
	}
	doc := struct {
		Number   string       `json:"number"`
		Template string       `json:"template"`
		Title    string       `json:"title"`
		Subject  party        `json:"subject"`
		What     string       `json:"what"`
		Until    workday.Date `json:"until,omitzero"`
		Clauses  []string     `json:"clauses"`
		SignedOn workday.Date `json:"signedOn"`
	}{c.No, t.Ref(), t.Title.ZH, party{c.Subject, c.Name}, c.What, c.Until, t.Clauses.ZH, workday.Date{}}
	if c.Signed != nil {
		doc.SignedOn = c.Signed.On
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(doc) // texts and days always encode
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// Sum is the hash of a document.
func Sum(document string) string {
	sum := sha256.Sum256([]byte(document))
	return hex.EncodeToString(sum[:])
}

// ForSubject is what the subject itself may see: who of the officers did what, and
// which case it became, is not its to know.
func (c Commitment) ForSubject() Commitment {
	c.Owner, c.Handlers = "", nil
	c.Events = slices.Clone(c.Events)
	for i := range c.Events {
		c.Events[i].By = ""
		if c.Events[i].What != EventProof {
			c.Events[i].No = ""
		}
	}
	if c.Breach != nil {
		b := *c.Breach
		b.By, b.Case = "", ""
		c.Breach = &b
	}
	if c.Kept != nil {
		k := *c.Kept
		k.By = ""
		c.Kept = &k
	}
	return c
}
