package credit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
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
}

// Grade is the national credit grade of an agency as it was imported; the city
// does not grade (domain: CNIPA and the province evaluate).
type Grade struct {
	Grade  string       `json:"grade"`
	On     workday.Date `json:"date"`
	Source string       `json:"source"`
}

// Log is where a record stands in the public log.
type Log struct {
	Index int64  `json:"index"`
	URL   string `json:"url"`
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
	Log      *Log       `json:"log"`
	Names    []string   `json:"formerNames,omitempty"`
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
	return a
}

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
	Records []Record  `json:"records,omitempty"`
	At      time.Time `json:"at"`
}

// The stored form is one header line, the answer as it was when the profile was
// written, and the state behind it:
//
//	1 <from> <until> <length of body> <etag>\n<body><state>
//
// From and until are Unix seconds; the answer holds from ≤ t < until, 0 meaning
// for ever. So a lookup inside that time costs one GET and no decoding, and one
// after it is computed from the state: nothing past its end is ever sent, even
// if no job ran.
const stored = "1"

// encode writes the profile as of at.
func (p Profile) encode(law *Law, at time.Time) (string, error) {
	a := p.Answer(law, at)
	body, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("credit: encoding profile: %w", err)
	}
	var until int64
	if a.Next != nil {
		until = a.Next.Unix()
	}
	var rest []byte
	if len(p.Records) > 0 {
		if rest, err = json.Marshal(state{Records: p.Records, At: p.ChangedAt}); err != nil {
			return "", fmt.Errorf("credit: encoding profile: %w", err)
		}
	}
	var b bytes.Buffer
	b.Grow(80 + len(body) + len(rest))
	fmt.Fprintf(&b, "%s %d %d %d %s\n", stored, at.Unix(), until, len(body), etag(body))
	b.Write(body)
	b.Write(rest)
	return b.String(), nil
}

func etag(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

var errStored = errors.New("credit: stored profile is malformed")

// split takes a stored profile apart without decoding it.
func split(value []byte) (from, until int64, tag string, body, rest []byte, err error) {
	line, after, found := bytes.Cut(value, []byte("\n"))
	f := bytes.Fields(line)
	if !found || len(f) != 5 || string(f[0]) != stored {
		return 0, 0, "", nil, nil, errStored
	}
	from, err1 := strconv.ParseInt(string(f[1]), 10, 64)
	until, err2 := strconv.ParseInt(string(f[2]), 10, 64)
	n, err3 := strconv.Atoi(string(f[3]))
	if err := errors.Join(err1, err2, err3); err != nil || n < 0 || n > len(after) {
		return 0, 0, "", nil, nil, errStored
	}
	return from, until, string(f[4]), after[:n], after[n:], nil
}

// decode is the reverse of encode.
func decode(value []byte) (Profile, error) {
	_, _, _, body, rest, err := split(value)
	if err != nil {
		return Profile{}, err
	}
	var a struct {
		subject.Public
		Grade *Grade    `json:"grade"`
		AsOf  time.Time `json:"asOf"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return Profile{}, fmt.Errorf("%w: %w", errStored, err)
	}
	p := Profile{Subject: a.Public, Grade: a.Grade, ChangedAt: a.AsOf}
	if len(rest) > 0 {
		var s state
		if err := json.Unmarshal(rest, &s); err != nil {
			return Profile{}, fmt.Errorf("%w: %w", errStored, err)
		}
		p.Records, p.ChangedAt = s.Records, s.At
	}
	return p, nil
}

// view answers from a stored profile as of at.
func view(law *Law, value []byte, at time.Time) (View, error) {
	from, until, tag, body, _, err := split(value)
	if err != nil {
		return View{}, err
	}
	now := at.Unix()
	if now >= from && (until == 0 || now < until) {
		v := View{Body: body, ETag: `"` + tag + `"`}
		if until != 0 {
			v.Next = time.Unix(until, 0)
		}
		return v, nil
	}
	p, err := decode(value)
	if err != nil {
		return View{}, err
	}
	a := p.Answer(law, at)
	body, err = json.Marshal(a)
	if err != nil {
		return View{}, fmt.Errorf("credit: answering: %w", err)
	}
	v := View{Body: body, ETag: `"` + etag(body) + `"`}
	if a.Next != nil {
		v.Next = *a.Next
	}
	return v, nil
}
