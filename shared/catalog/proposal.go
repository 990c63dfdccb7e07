package catalog

import (
	"ipcredit/shared/fault"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// State is where a proposal stands. The words are "catalog.state."+State.
type State = staff.Standing

// The states.
const (
	Proposed  = staff.Moved
	Approved  = staff.Carried
	Refused   = staff.Denied  // by the second person
	Withdrawn = staff.Dropped // by who proposed it
)

// States lists them in the order pages offer them.
var States = []State{Proposed, Approved, Refused, Withdrawn}

// Proposal is a version that somebody wants to have in force: of an item or of a
// measure.
type Proposal struct {
	staff.Motion
	Item    *Item    `json:"item,omitempty"`
	Measure *Measure `json:"measure,omitempty"`
	// Reason is why: the document that makes it necessary.
	Reason string `json:"reason"`
	// Order counts the approvals of the city, from 1.
	Order int `json:"order,omitempty"`
}

// Name is the act or the measure that the proposal is about.
func (p Proposal) Name() string {
	switch {
	case p.Item != nil:
		return p.Item.Act
	case p.Measure != nil:
		return p.Measure.ID
	}
	return ""
}

// Span is the days and the provision of the version proposed.
func (p Proposal) Span() Span {
	switch {
	case p.Item != nil:
		return p.Item.Span
	case p.Measure != nil:
		return p.Measure.Span
	}
	return Span{}
}

// confirmed is the proposal as two people confirm it: they have read the provision.
func (p Proposal) confirmed() Proposal {
	if p.Item != nil {
		i := *p.Item
		i.Confidence, i.Revision, i.Replaced = ruleset.Verified, 0, false
		p.Item = &i
	}
	if p.Measure != nil {
		m := *p.Measure
		m.Confidence, m.ListConfidence, m.Revision, m.Replaced = ruleset.Verified, ruleset.Verified, 0, false
		p.Measure = &m
	}
	return p
}

// Before is what is in force on the first day of the version proposed, as the page
// puts beside it; an empty one where there is nothing.
func (c Catalog) Before(p Proposal) (item *Item, measure *Measure) {
	if p.Item != nil {
		if i, ok := c.Item(p.Item.Act, p.Item.From); ok {
			item = &i
		}
	}
	if p.Measure != nil {
		for _, m := range c.measures[p.Measure.ID] {
			if m.InForce(p.Measure.From) {
				measure = &m
			}
		}
	}
	return item, measure
}

// Late tells that the version counts for events before the day: what was stored
// about them stays as it is.
func (p Proposal) Late(today workday.Date) bool { return p.Span().From.Before(today) }

func errWhy(field string) error {
	return fault.New(fault.Invalid, "catalog.why", mostWhy).With(field, "catalog.why", mostWhy)
}
