package credit

import (
	"time"

	"ipcredit/shared/workday"
)

// What happens to a record is typed: published, corrected, disputed and so on.
// In the public log the type stands inside the commitment to the record and not
// on the leaf. Each profile names its newest leaf, for as long as anything of it
// is shown: a leaf that said "repaired" would tell everybody for ever that the
// subject once had something to repair, and one that said "published" beside an
// old record that something newer is gone. Inside the commitment it is as
// binding, it is opened together with the record while that is displayed, and of
// a record that has ended nobody can open it. Nothing is logged where a display
// ends by its day: the days follow from what is logged already.

// Deed is one event in the life of a record.
type Deed struct {
	Action string       `json:"action"`
	On     workday.Date `json:"on"`
}

// The actions, as they stand in the log.
const (
	wasPublished  = "published"  // first stood in this system
	wasCorrected  = "corrected"  // what the document says was changed
	wasDisputed   = "disputed"   // an objection is being checked
	wasUndisputed = "undisputed" // it was ruled on
	wasWithdrawn  = "withdrawn"
	wasReinstated = "reinstated" // a withdrawal was taken back
	wasRepaired   = "repaired"
	wasUnrepaired = "unrepaired" // a repair was taken back
)

// deeds are the events of a record after a change: those before it, and those
// the change is. corrected tells that it changed what the document says.
func deeds(old, next Record, corrected bool, at time.Time) []Deed {
	events := old.Deeds[:len(old.Deeds):len(old.Deeds)]
	day := workday.DateOf(at)
	add := func(is bool, action string) {
		if is {
			events = append(events, Deed{action, day})
		}
	}
	add(corrected, wasCorrected)
	add(!old.Disputed && next.Disputed, wasDisputed)
	add(old.Disputed && !next.Disputed, wasUndisputed)
	add(old.Withdrawn == nil && next.Withdrawn != nil, wasWithdrawn)
	add(old.Withdrawn != nil && next.Withdrawn == nil, wasReinstated)
	add(old.Repaired == nil && next.Repaired != nil, wasRepaired)
	add(old.Repaired != nil && next.Repaired == nil, wasUnrepaired)
	return events
}

// deeds are the record's events from the first on, as the log commits to them.
// They are never nil.
func (r Record) deeds() []Deed {
	events := make([]Deed, 0, 1+len(r.Deeds))
	if !r.PublishedOn.IsZero() {
		events = append(events, Deed{wasPublished, r.PublishedOn})
	}
	return append(events, r.Deeds...)
}
