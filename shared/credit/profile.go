package credit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

// Profile is everything kept about one subject's credit: what its public answer
// is made of.
type Profile struct {
	Subject subject.Public
	Records []Record
	Grade   *Grade
	// ChangedAt is when anything of this was last changed.
	ChangedAt time.Time
	// Log is the newest entry of the public log about this profile; nil while
	// there is none.
	Log *Log

	logged   *logged
	absorbed map[string]absorbed // by credit code
}

// Grade is the national credit grade of an agency as it was imported; the city
// does not grade (domain: CNIPA and the province evaluate).
type Grade struct {
	Grade  string       `json:"grade"`
	On     workday.Date `json:"date"`
	Source string       `json:"source"`
}

// absorbed is what a merged subject had that is nobody else's now. An undone
// merger gives it back.
type absorbed struct {
	Grade  *Grade  `json:"grade,omitempty"`
	Logged *logged `json:"log,omitempty"`
}

// Answer is the fixed interface's answer about one subject.
type Answer struct {
	Code     string     `json:"code"`
	Name     string     `json:"name"`
	Kind     string     `json:"kind"`
	District string     `json:"district"`
	Records  []Shown    `json:"records"`
	Grade    *Grade     `json:"grade"`
	AsOf     time.Time  `json:"asOf"`
	Next     *time.Time `json:"nextChange"`
	Names    []string   `json:"formerNames,omitempty"`
	// Log is nil while nothing is logged, and while nothing is shown: otherwise
	// an entry beside an empty list would tell that there was something.
	Log *Log `json:"log"` // stays the last field, see withLog
}

// Answer is what a stranger may know at this instant.
func (p Profile) Answer(law *Law, at time.Time) Answer {
	shown, next := law.Show(p.Records, at)
	if shown == nil {
		shown = []Shown{}
	}
	a := Answer{
		Code: p.Subject.Code, Name: p.Subject.Name, Kind: p.Subject.Kind, District: p.Subject.District,
		Records: shown, Grade: p.Grade, AsOf: p.ChangedAt.UTC().Truncate(time.Second), Names: p.Subject.FormerNames,
	}
	if !next.IsZero() {
		next = next.In(workday.CST)
		a.Next = &next
	}
	if a.showsLog() {
		a.Log = p.Log
	}
	return a
}

func (a Answer) showsLog() bool { return len(a.Records) > 0 || a.Grade != nil }

// View is a profile's answer at an instant, ready to send.
type View struct {
	// Body is the JSON of Answer.
	Body []byte
	// ETag is a hash of Body, quoted as HTTP wants it.
	ETag string
	// Next is when Body changes by itself; zero if it never does.
	Next time.Time
}

// state is the part of a profile that its answer does not hold.
type state struct {
	Records  []Record            `json:"records,omitempty"`
	At       time.Time           `json:"at"`
	Logged   *logged             `json:"log,omitempty"`
	Absorbed map[string]absorbed `json:"absorbed,omitempty"`
}

// The stored form is one header line, the answer as it was when the profile was
// written, and the state behind it:
//
//	2 <from> <until> <length of body> <etag> <law> <log>\n<body><state>
//
// From and until are Unix seconds; the answer holds from ≤ t < until, 0 meaning
// for ever, and only under a law that agrees with what it relied on (see
// Law.reliance); anyLaw where no rule had a say in it. So a lookup inside that time costs one round trip and no
// decoding, and one after it, or under another law, is computed from the state:
// nothing past its end, and nothing by rules of yesterday, is ever sent, even if
// no job ran. Log is showLog or hideLog: whether an entry of the log, which
// stands at a key of its own, belongs into the answer.
//
// A header of version 1 lacks the last two fields, and log stood before the
// former names in the body. Such an answer is always computed anew.
//
// A subject that another took over has no answer:
//
//	m <code>\n
const (
	stored1 = "1"
	stored2 = "2"
	moved   = "m"

	anyLaw  = "-"
	showLog = "1"
	hideLog = "0"
)

// answered writes the profile as of at, with the answer that it holds.
func (p Profile) answered(law *Law, at time.Time) (value string, a Answer, err error) {
	p.Log = nil // it stands at its own key
	a = p.Answer(law, at)
	body, err := json.Marshal(a)
	if err != nil {
		return "", a, fmt.Errorf("credit: encoding profile: %w", err)
	}
	var until int64
	if a.Next != nil {
		until = a.Next.Unix()
	}
	print, log := anyLaw, hideLog
	if len(p.Records) > 0 {
		print = law.reliance(p.Records)
	}
	if a.showsLog() {
		log = showLog
	}
	var rest []byte
	if len(p.Records) > 0 || p.logged != nil || len(p.absorbed) > 0 {
		if rest, err = json.Marshal(state{p.Records, p.ChangedAt, p.logged, p.absorbed}); err != nil {
			return "", a, fmt.Errorf("credit: encoding profile: %w", err)
		}
	}
	var b bytes.Buffer
	b.Grow(96 + len(body) + len(rest))
	fmt.Fprintf(&b, "%s %d %d %d %s %s %s\n", stored2, at.Unix(), until, len(body), etag(body), print, log)
	b.Write(body)
	b.Write(rest)
	return b.String(), a, nil
}

// tombstone is what is stored for a subject that the one with the code took over.
func tombstone(into string) string { return moved + " " + into + "\n" }

func etag(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

var errStored = errors.New("credit: stored profile is malformed")

// header is a stored profile taken apart without decoding it.
type header struct {
	version     string
	from, until int64
	tag         string
	law         string // "" in version 1
	showsLog    bool
	body, rest  string
	movedTo     string
}

func split(value string) (h header, err error) {
	line, after, found := strings.Cut(value, "\n")
	if !found {
		return h, errStored
	}
	var f [7]string
	n := 0
	for rest := line; n < len(f); n++ {
		var more bool
		if f[n], rest, more = strings.Cut(rest, " "); !more {
			n++
			break
		}
		if n == len(f)-1 {
			return h, errStored
		}
	}
	h.version = f[0]
	switch {
	case h.version == moved && n == 2 && f[1] != "":
		h.movedTo = f[1]
		return h, nil
	case h.version == stored1 && n == 5:
	case h.version == stored2 && n == 7:
		h.law, h.showsLog = f[5], f[6] == showLog
	default:
		return h, errStored
	}
	var err1, err2, err3 error
	var length int
	h.from, err1 = strconv.ParseInt(f[1], 10, 64)
	h.until, err2 = strconv.ParseInt(f[2], 10, 64)
	length, err3 = strconv.Atoi(f[3])
	if err1 != nil || err2 != nil || err3 != nil || length < 0 || length > len(after) {
		return h, errStored
	}
	h.tag, h.body, h.rest = f[4], after[:length], after[length:]
	return h, nil
}

// decode is the reverse of encode.
func decode(value string) (Profile, error) {
	h, err := split(value)
	if err != nil {
		return Profile{}, err
	}
	return h.profile()
}

func (h header) profile() (Profile, error) {
	if h.movedTo != "" {
		return Profile{}, nil
	}
	var a struct {
		subject.Public
		Grade *Grade    `json:"grade"`
		AsOf  time.Time `json:"asOf"`
	}
	if err := json.Unmarshal([]byte(h.body), &a); err != nil {
		return Profile{}, fmt.Errorf("%w: %w", errStored, err)
	}
	p := Profile{Subject: a.Public, Grade: a.Grade, ChangedAt: a.AsOf}
	if h.rest != "" {
		var s state
		if err := json.Unmarshal([]byte(h.rest), &s); err != nil {
			return Profile{}, fmt.Errorf("%w: %w", errStored, err)
		}
		p.Records, p.ChangedAt, p.logged, p.absorbed = s.Records, s.At, s.Logged, s.Absorbed
	}
	return p, nil
}

// holds tells whether the stored answer is the answer at the instant under the
// law.
func (h header) holds(law *Law, at time.Time) bool {
	now := at.Unix()
	return h.version == stored2 && (h.law == anyLaw || law.agrees(h.law)) &&
		now >= h.from && (h.until == 0 || now < h.until)
}

// view answers from a stored profile as of at. log is the JSON of the newest
// entry of the log, with its mark for the ETag; empty if there is none.
func (h header) view(law *Law, at time.Time, log entryText) (View, error) {
	if h.holds(law, at) {
		v := View{}
		if h.until != 0 {
			v.Next = time.Unix(h.until, 0)
		}
		if !h.showsLog {
			log = entryText{}
		}
		v.Body, v.ETag = withLog(h.body, h.tag, log)
		return v, nil
	}
	p, err := h.profile()
	if err != nil {
		return View{}, err
	}
	a := p.Answer(law, at)
	body, err := json.Marshal(a)
	if err != nil {
		return View{}, fmt.Errorf("credit: answering: %w", err)
	}
	v := View{}
	if a.Next != nil {
		v.Next = *a.Next
	}
	if !a.showsLog() {
		log = entryText{}
	}
	v.Body, v.ETag = withLog(string(body), etag(body), log)
	return v, nil
}

// noLog is how every answer ends that was made without an entry of the log.
const noLog = "null}"

// withLog puts an entry of the log into an answer that has none.
func withLog(body, tag string, log entryText) ([]byte, string) {
	b := make([]byte, 0, len(body)+len(log.json))
	if log.json == "" || len(body) < len(noLog) {
		return append(b, body...), `"` + tag + `"`
	}
	b = append(b, body[:len(body)-len(noLog)]...)
	b = append(b, log.json...)
	return append(b, '}'), `"` + tag + log.tag + `"`
}
