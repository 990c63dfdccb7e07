package liaison

import (
	"regexp"
	"slices"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/seal"
	"ipcredit/shared/workday"
)

// A share goes to another city's system where the two exchange letters: sealed to
// that city's desk, carried by credit-share, which can read none of it. What
// becomes of it there — receipt, answer, return — comes back the same way, and so
// do a further question and a withdrawal go over. Where the two do not, a letter
// goes on paper or as a file, and officers enter what comes back.

// Peer is another city with which letters are exchanged.
type Peer struct {
	// City is its code, Name what it is called.
	City, Name string
	// To is the public key of its desk.
	To seal.Recipient
	// Proves tells whether the city signed the parcel.
	Proves func(Sealed) bool
}

// Carry is how a share travels between the systems of two cities.
type Carry struct {
	// City is the code of the other city, Thread the letter's id at the one that
	// wrote it.
	City   string `json:"city"`
	Thread string `json:"thread"`
	// Place is that of its last parcel among those for the city; see Mail.
	Place int64 `json:"place,omitempty"`
	// Problem is why the other desk did not take that over, one of Problems.
	Problem string `json:"problem,omitempty"`
}

// Problems are why a desk does not take a parcel over. Words are the catalogue's
// "liaison.problem."+Problem.
const (
	ProblemUnreadable = "unreadable" // sealed to a key that is not its own
	ProblemForm       = "form"       // not what a letter may say
	ProblemCame       = "came"       // the letter of that number is there already
	ProblemState      = "state"      // it does not fit how the letter stands there
)

var problems = []string{ProblemUnreadable, ProblemForm, ProblemCame, ProblemState}

// Sealed is a parcel on its way.
type Sealed struct {
	ID string `json:"id"`
	// Sealed is the parcel, sealed to the receiving desk (seal.Recipient.SealText).
	Sealed string `json:"sealed"`
	// Timestamp and Signature prove that the sending city gave it out.
	Timestamp string `json:"timestamp"`
	Signature string `json:"signature"`
}

// MostSealed is how long a sealed parcel is at most, in bytes: more than every
// field of a letter at its longest.
const MostSealed = 512 << 10

// bounce says that a parcel was not taken over. It is answered by nothing.
const bounce Step = "bounce"

// parcel is what one desk tells the other of a letter. It is sealed.
type parcel struct {
	ID string `json:"id"`
	// From and To are the codes of the two cities: a parcel counts between these
	// alone.
	From   string `json:"from"`
	To     string `json:"to"`
	Thread string `json:"thread,omitempty"`
	Step   Step   `json:"step"`
	// On is the day on which it was done.
	On    workday.Date `json:"on,omitzero"`
	DocNo string       `json:"docNo,omitempty"`
	Text  string       `json:"text,omitempty"`

	// Of a letter.
	Region   string            `json:"region,omitempty"` // division that writes
	Partner  string            `json:"partner,omitempty"`
	Template string            `json:"template,omitempty"`
	Basis    string            `json:"basis,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"`

	// Of a bounce: the parcel that was not taken over, and why.
	Re  string `json:"re,omitempty"`
	Why string `json:"why,omitempty"`
}

// carried are the steps of officers here that the other city is told.
func carried(l Letter, step Step) bool {
	switch {
	case l.Carry == nil:
		return false
	case l.Kind == Outbound:
		return slices.Contains([]Step{Send, Follow, Withdraw}, step)
	case l.Kind == Inbound:
		return slices.Contains([]Step{Receive, Send, Refuse}, step)
	}
	return false
}

// told is the step as the other city hears it: what is sent back as the answer to
// a share is its reply.
func told(l Letter, step Step) Step {
	if l.Kind == Inbound && step == Send {
		return Reply
	}
	return step
}

// theirs is the graph of what the other city's desk does with a letter.
var theirs = map[Kind][]move{
	Outbound: {
		{step: Receive, from: []State{Sent}, to: Received},
		{step: Reply, from: []State{Sent, Received, Asked}, to: Answered},
		{step: Refuse, from: []State{Sent, Received, Asked}, to: Returned},
	},
	Inbound: {
		{step: Follow, from: []State{Received, Proposed, Asked, Answered, Closed}, to: Asked},
		{step: Withdraw, from: []State{Arrived, Received, Proposed, Asked, Answered, Closed}, to: Withdrawn},
	},
}

// threadForm is what the id of a letter looks like, see newID. Where it is one of
// ours it names a key: another city must not choose which.
var threadForm = regexp.MustCompile(`^l[0-9a-z]{1,59}$`)

// check refuses what cannot be a step of the other desk, and brings its text and
// its number into the form in which they are kept.
func (p *parcel) check() error {
	bad := fault.New(fault.Invalid, "liaison.incomplete")
	if p.Step != bounce && !threadForm.MatchString(p.Thread) {
		return bad
	}
	if !slices.Contains([]Step{Send, Receive, Reply, Refuse, Follow, Withdraw, bounce}, p.Step) || p.On.IsZero() && p.Step != bounce {
		return bad
	}
	if slices.Contains([]Step{Reply, Refuse, Follow, Withdraw}, p.Step) == (p.Text == "") {
		return bad
	}
	if err := CheckText(p.Text, mostText); err != nil {
		return err
	}
	if p.DocNo != "" {
		no, err := ident.ParseDocNo(p.DocNo)
		if err != nil {
			return err
		}
		p.DocNo = no.String()
	}
	if p.Step == bounce && !slices.Contains(problems, p.Why) {
		return bad
	}
	return nil
}

// mostEvents bounds what another city can add to one letter.
const mostEvents = 100

// follow is the letter after a step of the other desk; false where it does not fit
// how the letter stands. A day that cannot be is the nearest one that can: the
// other city's clock is not ours.
func (l Letter) follow(p parcel, at time.Time) (Letter, bool) {
	today := workday.DateOf(at)
	on := workday.Min(workday.Max(p.On, l.Started), today)
	if len(l.Events) >= mostEvents {
		return l, false
	}
	for _, m := range theirs[l.Kind] {
		if m.step != p.Step || !slices.Contains(m.from, l.State) {
			continue
		}
		l.State = m.to
		switch p.Step {
		case Receive:
			l.Signed = on
		case Reply:
			if l.Signed.IsZero() {
				l.Signed = on
			}
			l.Replied = workday.Max(on, l.Signed)
			if p.DocNo != "" {
				l.TheirNo = p.DocNo
			}
		case Follow:
			l.AskedOn, l.Ended = today, workday.Date{}
		}
		if !l.State.Open() {
			l.Ended = on
		}
		return l, true
	}
	return l, false
}
