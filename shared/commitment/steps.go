package commitment

import (
	"context"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/material"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Rewrite replaces what a draft says.
func (s *Store) Rewrite(ctx context.Context, by staff.Actor, no string, seen int, w Writing, now time.Time) (Commitment, error) {
	all, err := s.Templates(ctx)
	if err != nil {
		return Commitment{}, err
	}
	p, err := s.own(ctx, by)
	if err != nil {
		return Commitment{}, err
	}
	return s.step(ctx, by, staff.SubjectFile, EventDrafted, no, seen, now, func(_ *journal.Tx, c Commitment) (Commitment, error) {
		c, err := c.rewrite(all, w, by.User.ID, now)
		if err == nil {
			err = s.available(ctx, c.Kind, p, now)
		}
		return c, err
	})
}

// Drop deletes a draft.
func (s *Store) Drop(ctx context.Context, by staff.Actor, no string, now time.Time) error {
	c, err := s.Get(ctx, by, no, now)
	if err == nil {
		err = s.may(ctx, by, staff.SubjectFile, c, now)
	}
	if err != nil {
		return err
	}
	return s.journal.Commit(ctx, entry(by, c, "dropped", now), []string{s.key("one", no)}, func(tx *journal.Tx) error {
		c, err := s.read(ctx, tx.Read(), no)
		if err == nil {
			err = c.in(Draft)
		}
		if err == nil {
			s.drop(tx, c)
		}
		return err
	})
}

// Sign makes a draft the subject's word and publishes it: by its legal
// representative, and nobody else.
func (s *Store) Sign(ctx context.Context, by staff.Actor, no string, seen int, now time.Time) (Commitment, error) {
	all, err := s.Templates(ctx)
	if err != nil {
		return Commitment{}, err
	}
	p, err := s.own(ctx, by)
	if err != nil {
		return Commitment{}, err
	}
	return s.step(ctx, by, staff.RepairSign, EventSigned, no, seen, now, func(_ *journal.Tx, c Commitment) (Commitment, error) {
		if err := s.available(ctx, c.Kind, p, now); err != nil {
			return c, err
		}
		c.Name, c.District = p.name, p.district // as it is called today
		return c.sign(all, by.User.ID, now)
	})
}

// Take makes the actor the owner: it is watched over from then on.
func (s *Store) Take(ctx context.Context, by staff.Actor, no string, seen int, now time.Time) (Commitment, error) {
	return s.step(ctx, by, staff.CaseHandle, EventTaken, no, seen, now, func(_ *journal.Tx, c Commitment) (Commitment, error) {
		return c.take(by.User.ID, now)
	})
}

// Prove adds a material of the subject that shows that it kept its word.
func (s *Store) Prove(ctx context.Context, by staff.Actor, no, materialNo string, now time.Time) (Commitment, error) {
	bad := fault.New(fault.Refused, "commitment.proof").With("material", "commitment.proof")
	if by.Org.Kind == staff.Subject && strings.TrimSpace(materialNo) == "" {
		return Commitment{}, bad
	}
	m, err := s.materials.Get(ctx, by, materialNo, now)
	if fault.Is(err, fault.NotFound) {
		return Commitment{}, bad
	}
	if err != nil {
		return Commitment{}, err
	}
	return s.step(ctx, by, staff.SubjectFile, EventProof, no, 0, now, func(_ *journal.Tx, c Commitment) (Commitment, error) {
		if m.Subject != c.Subject || m.Kind != material.Fulfilment {
			return c, bad
		}
		return c.prove(m.No, by.User.ID, now)
	})
}

// Fulfil confirms that it was kept, on the day the subject did it.
func (s *Store) Fulfil(ctx context.Context, by staff.Actor, no string, seen int, how string, done workday.Date, now time.Time) (Commitment, error) {
	return s.step(ctx, by, staff.CaseHandle, EventFulfilled, no, seen, now, func(_ *journal.Tx, c Commitment) (Commitment, error) {
		return c.fulfil(how, done, by.User.ID, now)
	})
}

// TakeBack undoes a finding, by another person than made it.
func (s *Store) TakeBack(ctx context.Context, by staff.Actor, no string, seen int, why string, now time.Time) (Commitment, error) {
	return s.step(ctx, by, staff.CaseApprove, EventTakenBack, no, seen, now, func(_ *journal.Tx, c Commitment) (Commitment, error) {
		return c.takeBack(why, by.User.ID, now)
	})
}

// Annul takes it out of the ledger at once, by another person than handled it.
func (s *Store) Annul(ctx context.Context, by staff.Actor, no string, seen int, why string, now time.Time) (Commitment, error) {
	return s.step(ctx, by, staff.CaseApprove, EventAnnulled, no, seen, now, func(_ *journal.Tx, c Commitment) (Commitment, error) {
		return c.annul(why, by.User.ID, now)
	})
}
