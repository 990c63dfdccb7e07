package casework

import (
	"context"
	"time"

	"ipcredit/shared/staff"
)

// FromCommitment prepares the lead that a broken commitment becomes (domain
// reference N), for the person who found it broken (staff.CaseApprove): it waits for
// a handler. Hand Opening.With to the commit of the finding: both happen or none
// does.
func (s *Store) FromCommitment(ctx context.Context, a staff.Actor, unit string, d Draft, now time.Time) (*Opening, error) {
	if err := s.ours(unit); err != nil {
		return nil, err
	}
	d.Source, d.Unit, d.Filed, d.Key = OwnCheck, unit, false, ""
	return s.prepare(ctx, a, staff.CaseApprove, Case{Source: OwnCheck, Unit: unit, Division: d.Division, ReceivedOn: d.Received}, d, now)
}
