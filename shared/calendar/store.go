package calendar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
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
	j *journal.Journal

	mu      sync.Mutex
	known   bool
	version string
	current workday.Calendar
}

// New returns the store of the journal's city.
func New(j *journal.Journal) *Store { return &Store{j: j} }

func (s *Store) imports() string { return s.j.Key("calendar", "imports") }

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
	list, err := s.read(ctx, s.j.Redis())
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

func (s *Store) read(ctx context.Context, c redis.Cmdable) ([]Import, error) {
	all, err := c.HGetAll(ctx, s.imports()).Result()
	if err != nil {
		return nil, fmt.Errorf("calendar: reading imports: %w", err)
	}
	out := make([]Import, 0, len(all))
	for _, text := range all {
		var x Import
		if err := json.Unmarshal([]byte(text), &x); err != nil {
			return nil, fmt.Errorf("calendar: reading an import: %w", err)
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Import) int { return strings.Compare(b.ID, a.ID) })
	return out, nil
}

// List lists what was ever imported, newest first.
func (s *Store) List(ctx context.Context) ([]Import, error) { return s.read(ctx, s.j.Redis()) }

// Import returns one import.
func (s *Store) Import(ctx context.Context, id string) (Import, error) {
	return s.one(ctx, s.j.Redis(), id)
}

func (s *Store) one(ctx context.Context, c redis.Cmdable, id string) (Import, error) {
	var x Import
	text, err := c.HGet(ctx, s.imports(), id).Result()
	if errors.Is(err, redis.Nil) {
		return x, fault.New(fault.NotFound, "calendar.none")
	}
	if err != nil {
		return x, fmt.Errorf("calendar: reading an import: %w", err)
	}
	if err := json.Unmarshal([]byte(text), &x); err != nil {
		return x, fmt.Errorf("calendar: reading an import: %w", err)
	}
	return x, nil
}

// resource is the calendar, as staff.Can sees it: it is the whole city's.
func (s *Store) resource(askedBy string) staff.Resource {
	return staff.Resource{Division: s.j.City(), AskedBy: askedBy}
}

// MayPropose says nil when the actor may bring a year in.
func (s *Store) MayPropose(a staff.Actor, now time.Time) error {
	return staff.Can(a, staff.CatalogEdit, s.resource(""), now)
}

// MayDecide says nil when the actor may approve or refuse the import: another
// person than who proposed it.
func (s *Store) MayDecide(a staff.Actor, x Import, now time.Time) error {
	return staff.Can(a, staff.CatalogApprove, s.resource(x.By), now)
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
	if err := s.MayPropose(a, now); err != nil {
		return Import{}, err
	}
	x := Import{ID: ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String(), Year: y, State: Proposed, By: a.User.ID, At: now.UTC()}
	err := s.change(ctx, a, "calendar.propose", x.ID, now, func(tx *journal.Tx) error {
		list, err := s.read(ctx, tx.Read())
		if err != nil {
			return err
		}
		if _, err := With(list, y, workday.DateOf(now)); err != nil {
			return err
		}
		open := 0
		for _, old := range list {
			if old.State != Proposed {
				continue
			}
			open++
			if reflect.DeepEqual(old.Year, y) {
				if old.By != a.User.ID {
					return fault.New(fault.Conflict, "calendar.proposed")
				}
				x = old // a form sent twice
				return nil
			}
		}
		if open >= waiting {
			return fault.New(fault.Conflict, "calendar.waiting", waiting)
		}
		return s.put(tx, x)
	})
	return x, err
}

// Approve puts an import in force. Whoever proposed it cannot.
func (s *Store) Approve(ctx context.Context, a staff.Actor, id string, now time.Time) (Import, error) {
	return s.decide(ctx, a, "calendar.approve", id, now, func(tx *journal.Tx, list []Import, x *Import) error {
		if err := s.MayDecide(a, *x, now); err != nil {
			return err
		}
		// What is in force may have changed since it was proposed.
		if _, err := With(list, x.Year, workday.DateOf(now)); err != nil {
			return err
		}
		x.State = Approved
		tx.Set(s.VersionKey(), x.ID)
		return nil
	})
}

// Refuse ends a proposal, with the reason.
func (s *Store) Refuse(ctx context.Context, a staff.Actor, id, why string, now time.Time) (Import, error) {
	why = strings.Join(strings.Fields(why), " ")
	if n := len([]rune(why)); n == 0 || n > maxWhy {
		return Import{}, fault.New(fault.Invalid, "calendar.why", maxWhy).With("why", "calendar.why", maxWhy)
	}
	return s.decide(ctx, a, "calendar.refuse", id, now, func(_ *journal.Tx, _ []Import, x *Import) error {
		if err := s.MayDecide(a, *x, now); err != nil {
			return err
		}
		x.State, x.Why = Refused, why
		return nil
	})
}

const maxWhy = 200

// Withdraw ends the actor's own proposal.
func (s *Store) Withdraw(ctx context.Context, a staff.Actor, id string, now time.Time) (Import, error) {
	return s.decide(ctx, a, "calendar.withdraw", id, now, func(_ *journal.Tx, _ []Import, x *Import) error {
		if x.By != a.User.ID {
			return fault.New(fault.Forbidden, "calendar.not_own")
		}
		x.State = Withdrawn
		return nil
	})
}

func (s *Store) decide(ctx context.Context, a staff.Actor, action, id string, now time.Time, f func(*journal.Tx, []Import, *Import) error) (Import, error) {
	var x Import
	err := s.change(ctx, a, action, id, now, func(tx *journal.Tx) error {
		list, err := s.read(ctx, tx.Read())
		if err != nil {
			return err
		}
		at := slices.IndexFunc(list, func(old Import) bool { return old.ID == id })
		if at < 0 {
			return fault.New(fault.NotFound, "calendar.none")
		}
		x = list[at]
		if x.State != Proposed {
			return fault.New(fault.Conflict, "calendar.decided")
		}
		if err := f(tx, list, &x); err != nil {
			return err
		}
		x.Second, x.Ended = a.User.ID, now.UTC()
		return s.put(tx, x)
	})
	return x, err
}

// change commits under a watch of all imports: a handful of writes a year, so that
// nothing is decided against what was just put in force.
func (s *Store) change(ctx context.Context, a staff.Actor, action, id string, now time.Time, f func(*journal.Tx) error) error {
	entry := journal.Entry{Actor: a.User.ID, Action: action, Ref: "calendar:" + id, At: now}
	return s.j.Commit(ctx, entry, []string{s.imports()}, f)
}

func (s *Store) put(tx *journal.Tx, x Import) error {
	text, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("calendar: %w", err)
	}
	tx.HSet(s.imports(), x.ID, string(text))
	return nil
}
