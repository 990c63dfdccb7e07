package calendar

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Keys:
//
//	{city}:calendar:imports    hash: id → Import, JSON; some a year, never removed
//	{city}:calendar:version    id of what was approved last

// Store keeps the imported years of a city. It is safe for concurrent use.
type Store struct {
	j       *journal.Journal
	imports staff.Motions[Import]

	mu      sync.Mutex
	known   bool
	version string
	current workday.Calendar
}

// New returns the store of the journal's city.
func New(j *journal.Journal) *Store {
	return &Store{j: j, imports: staff.Motions[Import]{
		Journal: j, Room: "calendar", Key: j.Key("calendar", "imports"), Of: func(x *Import) *staff.Motion { return &x.Motion },
		Unknown: fault.New(fault.NotFound, "calendar.none"), Decided: fault.New(fault.Conflict, "calendar.decided"),
		NotOwn: fault.New(fault.Forbidden, "calendar.not_own"),
	}}
}

// VersionKey is the key whose value changes with every approval, for who reads it
// together with something else and then calls At.
func (s *Store) VersionKey() string { return s.j.Key("calendar", "version") }

// Current is the calendar in force: the shipped one with imported years laid over
// it. It costs one small read, and computes only after an approval.
func (s *Store) Current(ctx context.Context) (workday.Calendar, error) {
	version, err := s.j.Redis().Get(ctx, s.VersionKey()).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return workday.Calendar{}, fmt.Errorf("calendar: %w", err)
	}
	return s.At(ctx, version)
}

// At is Current for who has just read the value of VersionKey, "" where there was
// none.
func (s *Store) At(ctx context.Context, version string) (workday.Calendar, error) {
	if version == "" {
		return workday.Official(), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known && s.version == version {
		return s.current, nil
	}
	list, err := s.List(ctx)
	if err != nil {
		return workday.Calendar{}, err
	}
	c, err := Over(list)
	if err != nil {
		return workday.Calendar{}, fmt.Errorf("calendar: what was approved cannot be used: %w", err)
	}
	s.known, s.version, s.current = true, version, c
	return c, nil
}

// List lists what was ever imported, newest first.
func (s *Store) List(ctx context.Context) ([]Import, error) { return s.imports.List(ctx) }

// Import returns one import.
func (s *Store) Import(ctx context.Context, id string) (Import, error) {
	return s.imports.One(ctx, id)
}

// MayPropose says nil when the actor may bring a year in.
func (s *Store) MayPropose(a staff.Actor, now time.Time) error { return s.imports.MayPropose(a, now) }

// MayDecide says nil when the actor may approve or refuse the import: another
// person than who proposed it.
func (s *Store) MayDecide(a staff.Actor, x Import, now time.Time) error {
	return s.imports.MayDecide(a, x.By, now)
}

// Preview is the calendar with the year laid over it, as With has it.
func (s *Store) Preview(ctx context.Context, y workday.Year, now time.Time) (workday.Calendar, error) {
	list, err := s.List(ctx)
	if err != nil {
		return workday.Calendar{}, err
	}
	return With(list, y, workday.DateOf(now))
}

// waiting bounds how many proposals wait for a second person at a time. [design]
const waiting = 20

// Propose brings a year in, for another person to approve. Faults are those of
// workday.Year.Check and With. What the same person proposes again while it waits
// is one proposal.
func (s *Store) Propose(ctx context.Context, a staff.Actor, y workday.Year, now time.Time) (Import, error) {
	return s.imports.Propose(ctx, a, Import{Year: y}, now, func(list []Import) (*Import, error) {
		if _, err := With(list, y, workday.DateOf(now)); err != nil {
			return nil, err
		}
		open := 0
		for _, old := range list {
			if old.State != Proposed {
				continue
			}
			open++
			if reflect.DeepEqual(old.Year, y) {
				if old.By != a.User.ID {
					return nil, fault.New(fault.Conflict, "calendar.proposed")
				}
				return &old, nil // a form sent twice
			}
		}
		if open >= waiting {
			return nil, fault.New(fault.Conflict, "calendar.waiting", waiting)
		}
		return nil, nil
	})
}

// Approve puts an import in force. Whoever proposed it cannot.
func (s *Store) Approve(ctx context.Context, a staff.Actor, id string, now time.Time) (Import, error) {
	return s.imports.Approve(ctx, a, id, now, func(tx *journal.Tx, list []Import, x *Import) error {
		// What is in force may have changed since it was proposed.
		if _, err := With(list, x.Year, workday.DateOf(now)); err != nil {
			return err
		}
		tx.Set(s.VersionKey(), x.ID)
		return nil
	})
}

const maxWhy = 200

// Refuse ends a proposal, with the reason.
func (s *Store) Refuse(ctx context.Context, a staff.Actor, id, why string, now time.Time) (Import, error) {
	why = strings.Join(strings.Fields(why), " ")
	if n := len([]rune(why)); n == 0 || n > maxWhy {
		return Import{}, fault.New(fault.Invalid, "calendar.why", maxWhy).With("why", "calendar.why", maxWhy)
	}
	return s.imports.Refuse(ctx, a, id, why, now)
}

// Withdraw ends the actor's own proposal.
func (s *Store) Withdraw(ctx context.Context, a staff.Actor, id string, now time.Time) (Import, error) {
	return s.imports.Withdraw(ctx, a, id, now)
}
