package disclosure

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/seal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

//go:embed params.json
var paramData []byte

// chosen are the numbers that no law gives.
var chosen = ruleset.ReadChosen(paramData)

// expireAtOnce bounds what one call erases; what is left comes with the next.
const expireAtOnce = 100

// Expire erases the keys of drafts that were discarded long enough ago, and tells
// how many: nothing came of them, and what they say is not read again, neither here
// nor in the journal. It may run in several processes at once and be cut off
// anywhere: one stays on the list until its key is gone.
func (s *Store) Expire(ctx context.Context, now time.Time) (int, error) {
	before := workday.DateOf(now).AddDays(-chosen.N("discarded.days"))
	ids, err := s.discarded(ctx, before.Start(), expireAtOnce)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	if s.sealing.Keys == nil {
		return 0, errors.New("disclosure: this store erases no notices")
	}
	for i, id := range ids {
		if err := s.sealing.Keys.Erase(ctx, keyRef(id), now); err != nil && !errors.Is(err, seal.ErrNoKey) {
			return i, fmt.Errorf("disclosure: erasing %s: %w", id, err)
		}
		e := journal.Entry{Actor: "system", Action: "disclosure.forget", Ref: id, At: now}
		err := s.journal.Commit(ctx, e, nil, func(tx *journal.Tx) error {
			tx.ZRem(s.key("discarded"), id)
			return nil
		})
		if err != nil {
			return i, err
		}
	}
	return len(ids), nil
}

// Settle seals what an earlier release stored in the clear and nobody has changed
// since: what has ended never changes again. It looks once a day, and tells how many
// it sealed.
func (s *Store) Settle(ctx context.Context, now time.Time) (sealed int, err error) {
	if first, err := s.firstToday(ctx); err != nil || !first {
		return 0, err
	}
	for _, division := range staff.UnitLabels() {
		for from := (journal.Place{}); ; {
			places, err := s.begun(ctx, division, from, chunk)
			if err != nil {
				return sealed, err
			}
			if len(places) == 0 {
				break
			}
			from = places[len(places)-1]
			found, err := s.find(ctx, s.journal.Redis(), journal.Members(places)...)
			if err != nil {
				return sealed, err
			}
			for _, h := range found {
				if h.clear == nil {
					continue
				}
				e := journal.Entry{Actor: "system", Action: "disclosure.seal", Ref: h.clear.ID, At: now}
				err := s.journal.Commit(ctx, e, nil, func(tx *journal.Tx) error {
					h, err := s.inside(ctx, tx, h.clear.ID)
					if err != nil || h.clear == nil {
						return err
					}
					return s.write(ctx, tx, *h.clear)
				})
				if err != nil {
					return sealed, err
				}
				sealed++
			}
		}
	}
	return sealed, nil
}
