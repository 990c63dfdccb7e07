package disclosure

import (
	"context"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/journal"
	"ipcredit/shared/workday"
)

// Ruled keeps the notice behind a record in step with a ruling that changed the
// record in the same commit; a record without a notice needs nothing. r is the
// record as the ruling left it, by the user who ruled, why the number of the
// ruling.
//
// A correction that was under way ends: its draft was made of what the ruling found
// wrong, and publishing it would bring that back. A record that was taken back takes
// its notice with it.
func (s *Store) Ruled(ctx context.Context, tx *journal.Tx, r credit.Record, by, why string, now time.Time) error {
	if err := tx.Watch(s.key("record", r.ID)); err != nil {
		return err
	}
	id, err := s.behind(ctx, tx.Read(), r.ID)
	if err != nil || id == "" {
		return err
	}
	h, err := s.inside(ctx, tx, id)
	if err != nil || h.state() == Withdrawn {
		return err
	}
	n, err := s.open(ctx, h)
	if err == nil {
		err = n.readable()
	}
	if err != nil {
		return err
	}
	if n.Correction() {
		n = n.restored()
	}
	r.History, r.Deeds, r.Disputed = nil, nil, false
	penalty := n.Values[PenaltyField]
	n.Record = r
	if n.formed() {
		n.Values = valuesOf(r, n.SubjectCode, n.SubjectName)
		put(n.Values, PenaltyField, penalty)
	}
	n.State, n.Version = Published, n.Version+1
	step := Correct
	if r.Withdrawn != nil {
		step, n.State = Recall, Withdrawn
		today := workday.DateOf(now)
		fallen := Fallen{Reason: r.Withdrawn.Reason, LearnedOn: today, DoneOn: today}
		if n.Fallen != nil {
			fallen.LearnedOn = n.Fallen.LearnedOn
		}
		n.Fallen = &fallen
	}
	n.Events = append(n.Events, Event{now.UTC(), by, step, why})
	return s.keep(ctx, tx, n, now)
}
