package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
)

// Keys:
//
//	{city}:catalog:proposals  hash: id → Proposal, JSON; some a year, never removed
//	{city}:catalog:version    id of what was approved last

// Store keeps what a city changed in the catalogue. It is safe for concurrent use.
type Store struct {
	j *journal.Journal

	mu      sync.Mutex
	version string
	current Catalog
}

// New returns the store of the journal's city.
func New(j *journal.Journal) *Store { return &Store{j: j, current: shipped} }

func (s *Store) proposals() string { return s.j.Key("catalog", "proposals") }

func (s *Store) versionKey() string { return s.j.Key("catalog", "version") }

// Current is the catalogue in force: the shipped one with what was approved laid
// over it. It costs one small read, and computes only after an approval.
func (s *Store) Current(ctx context.Context) (Catalog, error) {
	version, err := s.j.Redis().Get(ctx, s.versionKey()).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return Catalog{}, fmt.Errorf("catalog: %w", err)
	}
	if version == "" {
		return shipped, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version == version {
		return s.current, nil
	}
	list, err := s.read(ctx, s.j.Redis())
	if err != nil {
		return Catalog{}, err
	}
	c, err := Over(list)
	if err != nil {
		return Catalog{}, err
	}
	// What was approved since the key was read is in the list already.
	s.version, s.current = c.version, c
	return c, nil
}

func (s *Store) read(ctx context.Context, rdb redis.Cmdable) ([]Proposal, error) {
	texts, err := rdb.HVals(ctx, s.proposals()).Result()
	if err != nil {
		return nil, fmt.Errorf("catalog: reading proposals: %w", err)
	}
	list := make([]Proposal, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal([]byte(text), &list[i]); err != nil {
			return nil, fmt.Errorf("catalog: reading a proposal: %w", err)
		}
	}
	slices.SortFunc(list, func(a, b Proposal) int { return strings.Compare(b.ID, a.ID) })
	return list, nil
}

// List lists what was ever proposed, newest first.
func (s *Store) List(ctx context.Context) ([]Proposal, error) { return s.read(ctx, s.j.Redis()) }

// Get is one proposal.
func (s *Store) Get(ctx context.Context, id string) (Proposal, error) {
	list, err := s.List(ctx)
	if err != nil {
		return Proposal{}, err
	}
	i, err := find(list, id)
	if err != nil {
		return Proposal{}, err
	}
	return list[i], nil
}

func find(list []Proposal, id string) (int, error) {
	i := slices.IndexFunc(list, func(p Proposal) bool { return p.ID == id })
	if i < 0 {
		return i, fault.New(fault.NotFound, "catalog.none")
	}
	return i, nil
}

// resource is the catalogue, as staff.Can sees it: it is the whole city's.
func (s *Store) resource(askedBy string) staff.Resource {
	return staff.Resource{Division: s.j.City(), AskedBy: askedBy}
}

// MayPropose says nil when the actor may propose a version.
func (s *Store) MayPropose(a staff.Actor, now time.Time) error {
	return staff.Can(a, staff.CatalogEdit, s.resource(""), now)
}

// MayDecide says nil when the actor may approve or refuse the proposal: another
// person than who made it.
func (s *Store) MayDecide(a staff.Actor, p Proposal, now time.Time) error {
	return staff.Can(a, staff.CatalogApprove, s.resource(p.By), now)
}

// MayRead says nil when the actor sees the officers' side of the catalogue.
func (s *Store) MayRead(a staff.Actor, now time.Time) error {
	if s.MayDecide(a, Proposal{}, now) == nil {
		return nil
	}
	return s.MayPropose(a, now)
}

// waiting bounds how many proposals wait for a second person at a time. [design]
const waiting = 50

// Propose brings a version in, for another person to approve. What the same person
// proposes again while it waits is one proposal. Faults are those of Catalog.With.
func (s *Store) Propose(ctx context.Context, a staff.Actor, p Proposal, now time.Time) (Proposal, error) {
	if err := s.MayPropose(a, now); err != nil {
		return p, err
	}
	reason, ok := line(p.Reason)
	if !ok {
		return p, errWhy("reason")
	}
	p = p.confirmed()
	p.ID, p.Reason, p.State = ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String(), reason, Proposed
	p.By, p.At, p.Second, p.Ended, p.Why = a.User.ID, now.UTC(), "", time.Time{}, ""
	made := p
	err := s.change(ctx, a, "propose", p.ID, now, func(tx *journal.Tx, list []Proposal) error {
		c, err := Over(list)
		if err != nil {
			return err
		}
		if _, err := c.With(p); err != nil {
			return err
		}
		open := 0
		for _, old := range list {
			switch {
			case old.State != Proposed:
			case old.By == p.By && old.proposes() == p.proposes():
				made = old // a form sent twice
				return nil
			default:
				open++
			}
		}
		if open >= waiting {
			return fault.New(fault.Conflict, "catalog.waiting", waiting)
		}
		made = p
		return s.put(tx, p)
	})
	return made, err
}

// proposes is the version proposed, to compare.
func (p Proposal) proposes() string {
	b, err := json.Marshal(Proposal{Item: p.Item, Measure: p.Measure})
	if err != nil {
		panic("catalog: a proposal is always JSON: " + err.Error())
	}
	return string(b)
}

// line is a reason on one line; false if there is none or it is too long.
func line(text string) (string, bool) {
	text = strings.Join(strings.Fields(text), " ")
	return text, text != "" && utf8.RuneCountInString(text) <= mostWhy
}

// Approve puts a proposal in force. Whoever made it cannot, and what has come into
// force since it was made is taken into account.
func (s *Store) Approve(ctx context.Context, a staff.Actor, id string, now time.Time) (Proposal, error) {
	return s.decide(ctx, a, "approve", id, now, func(tx *journal.Tx, list []Proposal, p *Proposal) error {
		if err := s.MayDecide(a, *p, now); err != nil {
			return err
		}
		c, err := Over(list)
		if err != nil {
			return err
		}
		if _, err := c.With(*p); err != nil {
			return err
		}
		p.State, p.Order = Approved, 1
		for _, old := range list {
			p.Order = max(p.Order, old.Order+1)
		}
		tx.Set(s.versionKey(), p.ID)
		return nil
	})
}

// Refuse ends a proposal, with the reason.
func (s *Store) Refuse(ctx context.Context, a staff.Actor, id, why string, now time.Time) (Proposal, error) {
	why, ok := line(why)
	if !ok {
		return Proposal{}, errWhy("why")
	}
	return s.decide(ctx, a, "refuse", id, now, func(_ *journal.Tx, _ []Proposal, p *Proposal) error {
		p.State, p.Why = Refused, why
		return s.MayDecide(a, *p, now)
	})
}

// Withdraw ends the actor's own proposal.
func (s *Store) Withdraw(ctx context.Context, a staff.Actor, id string, now time.Time) (Proposal, error) {
	return s.decide(ctx, a, "withdraw", id, now, func(_ *journal.Tx, _ []Proposal, p *Proposal) error {
		if p.By != a.User.ID {
			return fault.New(fault.Forbidden, "catalog.not_own")
		}
		p.State = Withdrawn
		return nil
	})
}

func (s *Store) decide(ctx context.Context, a staff.Actor, verb, id string, now time.Time, f func(*journal.Tx, []Proposal, *Proposal) error) (p Proposal, err error) {
	err = s.change(ctx, a, verb, id, now, func(tx *journal.Tx, list []Proposal) error {
		at, err := find(list, id)
		if err != nil {
			return err
		}
		if p = list[at]; p.State != Proposed {
			return fault.New(fault.Conflict, "catalog.decided")
		}
		if err := f(tx, list, &p); err != nil {
			return err
		}
		p.Second, p.Ended = a.User.ID, now.UTC()
		return s.put(tx, p)
	})
	return p, err
}

// change commits under a watch of all proposals: a handful of writes a year, so
// that nothing is decided against what was just put in force.
func (s *Store) change(ctx context.Context, a staff.Actor, verb, id string, now time.Time, f func(*journal.Tx, []Proposal) error) error {
	e := journal.Entry{Actor: a.User.ID, Action: "catalog." + verb, Ref: "catalog:" + id, At: now}
	return s.j.Commit(ctx, e, []string{s.proposals()}, func(tx *journal.Tx) error {
		list, err := s.read(ctx, tx.Read())
		if err != nil {
			return err
		}
		return f(tx, list)
	})
}

func (s *Store) put(tx *journal.Tx, p Proposal) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("catalog: %w", err)
	}
	tx.HSet(s.proposals(), p.ID, string(text))
	return nil
}
