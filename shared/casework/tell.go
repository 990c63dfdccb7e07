package casework

import (
	"context"
	"time"

	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
)

// letters are messages to organisations, made before a commit that sends them.
type letters []staff.Message

// letter adds a message about a case to an organisation; its words are the
// catalogue's "casework.message."+what, its only argument the number.
func (s *Store) letter(to letters, org, what string, c Case, now time.Time) letters {
	if org == "" {
		return to
	}
	return append(to, staff.NewMessage(org, "casework."+what, Ref(c.Number), "casework.message."+what, "case-handling/cases/"+c.Number, now, c.Number))
}

// toUnit is letter to the organisation behind a unit's label.
func (s *Store) toUnit(ctx context.Context, to letters, unit, what string, c Case, now time.Time) (letters, error) {
	o, ok, err := s.c.Staff.Unit(ctx, unit)
	if err != nil || !ok {
		return to, err
	}
	return s.letter(to, o.ID, what, c, now), nil
}

// send queues the messages with whatever else an act writes.
func (s *Store) send(to letters, also func(*journal.Tx, *Case) error) func(*journal.Tx, *Case) error {
	return func(tx *journal.Tx, c *Case) error {
		for _, m := range to {
			if err := s.c.Staff.Tell(tx, m); err != nil {
				return err
			}
		}
		if also == nil {
			return nil
		}
		return also(tx, c)
	}
}
