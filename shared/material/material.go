// Package material is what a subject hands in about itself: proof of
// rectification, statements, receipts of withdrawals and the like. Each has a
// receipt, versions, and an answer of the unit whose subject it is: admitted, or
// returned with what is wrong with it.
//
// The files lie sealed in boxes of evidence-upload; nothing here holds free text.
package material

import (
	"slices"
	"strings"
	"time"

	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Kind is what is handed in. The words are the catalogue's "material.kind."+Kind.
type Kind string

// The kinds. An annual report is a copy and does not replace the national filing.
const (
	Rectification Kind = "rectification"    // 整改证明
	Statement     Kind = "statement"        // 陈述意见
	Withdrawal    Kind = "withdrawal"       // 撤回申请的回执
	Fulfilment    Kind = "fulfilment"       // 承诺履行证明
	AnnualReport  Kind = "annual-report"    // 年度报告副本
	Service       Kind = "service-standard" // 服务标准证据
)

// Kinds lists them in the order pages show them.
var Kinds = []Kind{Rectification, Statement, Withdrawal, Fulfilment, AnnualReport, Service}

// State is where a material stands.
type State string

// The states.
const (
	Received State = "received" // waits for the unit's answer
	Returned State = "returned" // waits for another version
	Admitted State = "admitted"
)

// Flaw is what is wrong with a version. The words are the catalogue's
// "material.flaw."+Flaw.
type Flaw string

// The flaws.
const (
	Unreadable Flaw = "unreadable"
	WrongKind  Flaw = "wrong-kind"
	Unsigned   Flaw = "unsigned" // neither sealed nor signed
	Partial    Flaw = "partial"  // pages or enclosures are missing
	Unrelated  Flaw = "unrelated"
)

// Flaws lists them in the order pages show them.
var Flaws = []Flaw{Unreadable, WrongKind, Unsigned, Partial, Unrelated}

// Version is one handing-in, with what was answered to it.
type Version struct {
	Box        string       `json:"box"`
	At         time.Time    `json:"at"`
	By         string       `json:"by"`
	AnsweredOn workday.Date `json:"answeredOn,omitzero"`
	AnsweredBy string       `json:"answeredBy,omitempty"`
	Flaws      []Flaw       `json:"flaws,omitempty"`
}

// Material is one thing handed in, as it stands in the clear.
type Material struct {
	No      string `json:"no"`
	Subject string `json:"subject"` // credit code
	Name    string `json:"name"`
	Kind    Kind   `json:"kind"`
	// About is the id of the record that it belongs to, "" for none.
	About    string    `json:"about,omitempty"`
	Unit     string    `json:"unit"` // label of the unit that answers
	State    State     `json:"state"`
	Versions []Version `json:"versions"` // oldest first, at least one
	// Seen counts the changes.
	Seen int `json:"seen"`
}

// Ref names the material for clocks, custody and the journal.
func (m Material) Ref() string { return "material:" + m.No }

// Last is the newest version.
func (m Material) Last() Version { return m.Versions[len(m.Versions)-1] }

// BoxFor names the boxes that a subject's files are put into before they are
// handed in as something.
func BoxFor(code string) string { return "material:" + strings.ToLower(code) }

// again adds a version to one that was returned.
func (m Material) again(box, by string, now time.Time) (Material, error) {
	if m.State != Returned {
		return m, fault.New(fault.Conflict, "material.state")
	}
	if slices.ContainsFunc(m.Versions, func(v Version) bool { return v.Box == box }) {
		return m, fault.New(fault.Conflict, "material.same")
	}
	m.Versions = append(slices.Clone(m.Versions), Version{Box: box, At: now.UTC(), By: by})
	m.State, m.Seen = Received, m.Seen+1
	return m, nil
}

// answer admits the newest version, or returns it with its flaws.
func (m Material) answer(flaws []Flaw, by string, now time.Time) (Material, error) {
	if m.State != Received {
		return m, fault.New(fault.Conflict, "material.state")
	}
	for _, f := range flaws {
		if !slices.Contains(Flaws, f) {
			return m, fault.New(fault.Invalid, "material.flaw").With("flaws", "material.flaw")
		}
	}
	m.Versions = slices.Clone(m.Versions)
	v := &m.Versions[len(m.Versions)-1]
	v.AnsweredOn, v.AnsweredBy, v.Flaws = workday.DateOf(now), by, slices.Compact(slices.Sorted(slices.Values(flaws)))
	m.State = Admitted
	if len(flaws) > 0 {
		m.State = Returned
	}
	m.Seen++
	return m, nil
}

// CheckClock is the limit for the answer; the words are "material.clock.check".
const CheckClock = "check"

// Clock is the limit for answering the newest version: 5 working days from the day
// it came (河南省社会信用条例 art. 17).
func (m Material) Clock(cal workday.Calendar, today workday.Date) (clock.Clock, error) {
	from := workday.DateOf(m.Last().At)
	rule, ok := ruleset.For("material-check", from)
	if !ok {
		return clock.Clock{}, fault.New(fault.Refused, "material.no_rule")
	}
	p, err := ruleset.Params[struct {
		Check workday.Period `json:"check"`
	}](rule)
	if err != nil {
		return clock.Clock{}, err
	}
	return clock.Timer{Name: CheckClock, From: from, Period: p.Check, Rule: rule, Done: m.Last().AnsweredOn}.Clock(cal, today), nil
}
