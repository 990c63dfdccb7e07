package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
)

// Keys:
//
//	{city}:catalog:proposals  hash: id → Proposal, JSON; some a year, never removed
//	{city}:catalog:version    id of what was approved last

// Store keeps what a city changed in the catalogue. It is safe for concurrent use.
type Store struct {
	j         *journal.Journal
	proposals staff.Motions[Proposal]

	mu      sync.Mutex
	version string
	current Catalog
}

// New returns the store of the journal's city.
func New(j *journal.Journal) *Store {
	return &Store{j: j, current: shipped, proposals: staff.Motions[Proposal]{
		Journal: j, Room: "catalog", Key: j.Key("catalog", "proposals"), Of: func(p *Proposal) *staff.Motion { return &p.Motion },
		Unknown: fault.New(fault.NotFound, "catalog.none"), Decided: fault.New(fault.Conflict, "catalog.decided"),
		NotOwn: fault.New(fault.Forbidden, "catalog.not_own"),
	}}
}

// actWords begins the keys of what acts are called. An act that officers brought in
// is called by its title once its catalogue was read, by its code before.
const actWords = "credit.act."

func init() { page.Family(actWords, "credit.act_added") }

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
	list, err := s.List(ctx)
	if err != nil {
		return Catalog{}, err
	}
	c, err := Over(list)
	if err != nil {
		return Catalog{}, err
	}
	// What was approved since the key was read is in the list already.
	s.version, s.current = c.version, c
	for _, act := range c.Added(false) {
		title := c.items[act][len(c.items[act])-1].Title
		page.Name(actWords+act, title.ZH, title.EN)
	}
	return c, nil
}

// List lists what was ever proposed, newest first.
func (s *Store) List(ctx context.Context) ([]Proposal, error) { return s.proposals.List(ctx) }

// Get is one proposal.
func (s *Store) Get(ctx context.Context, id string) (Proposal, error) {
	return s.proposals.One(ctx, id)
}

// MayPropose says nil when the actor may propose a version.
func (s *Store) MayPropose(a staff.Actor, now time.Time) error {
	return s.proposals.MayPropose(a, now)
}

// MayDecide says nil when the actor may approve or refuse the proposal: another
// person than who made it.
func (s *Store) MayDecide(a staff.Actor, p Proposal, now time.Time) error {
	return s.proposals.MayDecide(a, p.By, now)
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
	p.Reason, p.Order = reason, 0
	return s.proposals.Propose(ctx, a, p, now, func(list []Proposal) (*Proposal, error) {
		c, err := Over(list)
		if err != nil {
			return nil, err
		}
		if _, err := c.With(p); err != nil {
			return nil, err
		}
		open := 0
		for _, old := range list {
			switch {
			case old.State != Proposed:
			case old.By == a.User.ID && old.proposes() == p.proposes():
				return &old, nil // a form sent twice
			default:
				open++
			}
		}
		if open >= waiting {
			return nil, fault.New(fault.Conflict, "catalog.waiting", waiting)
		}
		return nil, nil
	})
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
	return s.proposals.Approve(ctx, a, id, now, func(tx *journal.Tx, list []Proposal, p *Proposal) error {
		c, err := Over(list)
		if err != nil {
			return err
		}
		if _, err := c.With(*p); err != nil {
			return err
		}
		p.Order = 1
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
	return s.proposals.Refuse(ctx, a, id, why, now)
}

// Withdraw ends the actor's own proposal.
func (s *Store) Withdraw(ctx context.Context, a staff.Actor, id string, now time.Time) (Proposal, error) {
	return s.proposals.Withdraw(ctx, a, id, now)
}
