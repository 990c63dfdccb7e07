package commitment

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"ipcredit/shared/casework"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"
)

// Leads opens the investigations that broken commitments become: a
// *casework.Store.
type Leads interface {
	FromCommitment(ctx context.Context, a staff.Actor, unit string, d casework.Draft, now time.Time) (*casework.Opening, error)
}

// Finding is why somebody says that a commitment was broken.
type Finding struct {
	Why      string // of Breaches
	Document string // number of the paper that shows it
	// Facts are the basis in the officer's words: they go into the lead, sealed, and
	// nowhere else.
	Facts string
}

// Break finds a commitment broken, by another person than handled it
// (staff.CaseApprove), and opens the lead in the same commit: the matter of DA5. It
// makes no record of dishonesty.
func (s *Store) Break(ctx context.Context, by staff.Actor, leads Leads, no string, seen int, f Finding, now time.Time) (Commitment, error) {
	if by.Org.Kind == staff.Subject {
		return Commitment{}, errUnknown()
	}
	c, err := s.Get(ctx, by, no, now)
	if err == nil {
		err = s.may(ctx, by, staff.CaseApprove, c, now)
	}
	if err != nil {
		return Commitment{}, err
	}
	if seen != 0 && seen != c.Seen {
		return Commitment{}, fault.New(fault.Stale, "commitment.stale")
	}
	// Refused before a lead is prepared, so that none is for nothing.
	if _, err := c.breach(f.Why, f.Document, by.User.ID, "", now); err != nil {
		return Commitment{}, err
	}
	facts := strings.TrimSpace(strings.ReplaceAll(f.Facts, "\r\n", "\n"))
	switch n, most := utf8.RuneCountInString(facts), chosen.N("facts"); {
	case n == 0:
		return Commitment{}, fault.New(fault.Invalid, "commitment.form").With("facts", "commitment.facts")
	case n > most:
		return Commitment{}, fault.New(fault.Invalid, "commitment.form").With("facts", "commitment.long", most, n)
	}
	opening, err := leads.FromCommitment(ctx, by, c.Unit, casework.Draft{
		Kind: tipoff.BrokenCommitment, Division: c.Unit, Received: workday.DateOf(now),
		Parties: []casework.Party{{Name: c.Name, Code: c.Subject, Role: casework.Respondent}},
		Facts:   c.No + "\n" + c.What + "\n\n" + facts,
	}, now)
	if err != nil {
		return Commitment{}, err
	}
	return s.step(ctx, by, staff.CaseApprove, EventBroken, no, seen, now, func(tx *journal.Tx, c Commitment) (Commitment, error) {
		c, err := c.breach(f.Why, f.Document, by.User.ID, opening.Case.Number, now)
		if err != nil {
			return c, err
		}
		return c, opening.With(tx)
	})
}
