// Package custody keeps what became of evidence after it was opened: what a
// check found, and who looked at it or took it away.
//
// What a check found says something about the content, so it is sealed to the
// same key as the evidence and dies with it. Who did what and when stays, in the
// clear and in the journal: it is the chain of custody (行政处罚法 art. 41, 46;
// domain.md E.4), and it names officers, never reporters.
package custody

import (
	"slices"
	"strings"
	"time"

	"ipcredit/shared/evidence/clean"
	"ipcredit/shared/fault"
)

// What somebody did with a file.
type What string

// The steps of a chain of custody. Their words are the catalogue's
// "custody.step."+What.
const (
	Checked What = "checked" // examined by the program at an officer's wish
	Viewed  What = "viewed"  // its cleaned copy was looked at
	Copied  What = "copied"  // its cleaned copy was downloaded
	Taken   What = "taken"   // the original was downloaded
)

// Steps lists the steps.
func Steps() []What { return []What{Checked, Viewed, Copied, Taken} }

// Step is one thing that was done with a file.
type Step struct {
	Box  string    `json:"-"`
	N    int       `json:"n"`
	What What      `json:"what"`
	By   string    `json:"by"` // the user
	At   time.Time `json:"at"`
}

// State is how far a file can be trusted. The words are the catalogue's
// "custody.state."+State.
type State string

// The states.
const (
	Unscanned  State = "unscanned"  // 未检: no virus scanner is configured, or nobody asked
	Waiting    State = "waiting"    // 待检: the scanner could not be asked, or not for all of it
	Safe       State = "safe"       // 安全: examined and scanned, nothing found
	Suspicious State = "suspicious" // 可疑
	Damaged    State = "damaged"    // 已损坏: not all of it can be read any more
)

// States lists the states.
func States() []State { return []State{Unscanned, Waiting, Safe, Suspicious, Damaged} }

// Scan is what the virus scanner said.
type Scan struct {
	// Asked says that a scanner is configured, Whole that it saw the whole file.
	Asked bool `json:"asked"`
	Whole bool `json:"whole"`
	// Virus is its name for what it found.
	Virus string `json:"virus,omitempty"`
	// Why is, where it did not see the whole file, the catalogue's
	// "custody.scan."+Why.
	Why string `json:"why,omitempty"`
}

// Why a scanner did not see the whole file.
const (
	WhyAway    = "away"     // it did not answer
	WhyTooLong = "too-long" // it takes no file of this length
)

// Check is what is known of a file's content, without any of it.
type Check struct {
	Type     string          `json:"type"` // by content
	Findings []clean.Finding `json:"findings,omitempty"`
	Scan     Scan            `json:"scan"`
	// CopyType is the media type of the cleaned copy, "" where there is none;
	// Removed is what it lacks, NoCopy why there is none.
	CopyType string          `json:"copyType,omitempty"`
	CopySize int             `json:"copySize,omitempty"`
	Removed  []clean.Removed `json:"removed,omitempty"`
	NoCopy   *Refusal        `json:"noCopy,omitempty"`
	// Damaged says that what is stored is not what was stored, or is gone.
	Damaged bool `json:"damaged,omitempty"`
	// SHA256 is of the whole file, in hex, "" where not all of it was read.
	SHA256 string    `json:"sha256,omitempty"`
	At     time.Time `json:"at"`
}

// Refusal is a fault as it can be kept and worded again.
type Refusal struct {
	Code string `json:"code"`
	Args []any  `json:"args,omitempty"`
}

// Fault is the refusal as it was.
func (r Refusal) Fault() *fault.Error {
	args := slices.Clone(r.Args)
	for i, a := range args {
		if f, ok := a.(float64); ok { // how JSON gives numbers back
			args[i] = int64(f)
		}
	}
	return fault.New(fault.Refused, r.Code, args...)
}

// State judges a check. A grave finding or a virus makes a file suspicious
// whatever else is known; it is safe only when a scanner has seen all of it.
func (c Check) State() State {
	switch {
	case c.Damaged:
		return Damaged
	case c.Scan.Virus != "" || clean.Report{Findings: c.Findings}.Grave():
		return Suspicious
	case !c.Scan.Asked:
		return Unscanned
	case !c.Scan.Whole:
		return Waiting
	}
	return Safe
}

// Picture tells whether the cleaned copy is one that a page can show.
func (c Check) Picture() bool { return strings.HasPrefix(c.CopyType, "image/") }
