package disclosure

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Adopt makes a notice for a record that is displayed and came by a batch, so
// that it can be corrected or withdrawn by the same people and within the same
// limits as what was published by notice; one that has no form here, as those about
// natural persons, can be withdrawn only. It belongs to the division of its subject,
// or, where the actor has no say there, to his own.
func (s *Store) Adopt(ctx context.Context, a staff.Actor, record string, now time.Time) (Notice, error) {
	record = strings.ToLower(strings.TrimSpace(record))
	none := fault.New(fault.NotFound, "disclosure.no_record", record).With("record", "disclosure.no_record", record)
	divisions := s.Divisions(a, now)
	if len(divisions) == 0 {
		return Notice{}, fault.New(fault.Forbidden, "staff.can.role")
	}
	c, err := s.credit.Case(ctx, record, now)
	if err != nil {
		return Notice{}, err
	}
	if c.Fate != credit.Displayed {
		return Notice{}, none
	}
	if id, err := s.ofRecord(ctx, record); err != nil || id != "" {
		if err == nil {
			err = fault.New(fault.Conflict, "disclosure.adopted").With("record", "disclosure.adopted")
		}
		return Notice{}, err
	}
	n := Notice{
		ID: ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String(), Division: divisions[0], Kind: c.Kind, State: Published, Version: 1,
		SubjectCode: c.Profile.Subject.Code, SubjectName: c.Name, Person: c.Person, Review: Clear, PublishedOn: c.DisplayFrom, Handlers: []string{a.User.ID},
	}
	if slices.Contains(divisions, c.District) {
		n.Division = c.District
	}
	for _, r := range c.Profile.Records {
		if r.ID == record {
			n.Record = r
		}
	}
	n.Record.History = nil
	if n.Record.From != "" {
		n.SubjectCode = n.Record.From
	}
	n.PublishedOn = workday.Max(n.PublishedOn, n.Record.PublishedOn)
	// What was published by batch was served outside of this system.
	n.ServedOn = workday.Max(n.Record.DeterminedOn, n.Record.ServedOn)
	if n.formed() {
		n.Values = valuesOf(n.Record, n.SubjectCode, n.SubjectName)
	}
	if err := s.allowed(ctx, a, n, move{by: handler}, now); err != nil {
		return n, err
	}
	n.note(a, Adopt, "", now)
	err = s.journal.Commit(ctx, entry(a, n, "adopt", now), []string{s.key("record", record)}, func(tx *journal.Tx) error {
		if id, err := s.ofRecord(ctx, record); err != nil || id != "" {
			if err == nil {
				err = fault.New(fault.Conflict, "disclosure.adopted").With("record", "disclosure.adopted")
			}
			return err
		}
		tx.ZAdd(s.key("of", n.Division), float64(now.UnixMilli()), n.ID)
		tx.Set(s.key("record", record), n.ID)
		return s.keep(ctx, tx, n, now)
	})
	return n, err
}
