package courier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/redis/go-redis/v9"

	"ipcredit/shared/journal"
)

// Keys:
//
//	{city}:courier:<id>        the parcel, JSON
//	{city}:courier:due         sorted set of ids by when they are tried next
//	{city}:courier:given-up    sorted set of ids by when they were given up
//	{city}:tmp:courier:<id>    who is trying now

// Store keeps the parcels of a city.
type Store struct{ journal *journal.Journal }

// NewStore returns the store of the journal's city.
func NewStore(j *journal.Journal) *Store { return &Store{j} }

func (s *Store) key(id string) string { return s.journal.Key("courier", id) }
func (s *Store) due() string          { return s.journal.Key("courier", "due") }
func (s *Store) givenUp() string      { return s.journal.Key("courier", "given-up") }

// Hand gives the courier a parcel that is first tried at that time. The caller
// hands it over before it does what the parcel tells of, and takes it back when
// that fails: a crash in between tells a reporter to look once too often, never
// once too little.
func (s *Store) Hand(ctx context.Context, number string, k Kind, first, now time.Time) (Parcel, error) {
	p := Parcel{ID: ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String(), Number: number, Kind: k, Made: now.UTC(), Next: first.UTC()}
	return p, s.commit(ctx, "courier.hand", p, now, func(tx *journal.Tx) error { return s.put(tx, p) })
}

// TakeBack forgets a parcel that was not sent.
func (s *Store) TakeBack(ctx context.Context, p Parcel, now time.Time) error {
	return s.commit(ctx, "courier.take_back", p, now, func(tx *journal.Tx) error {
		s.drop(tx, p.ID)
		return nil
	})
}

// Due lists parcels to be tried now, the longest due first, at most n.
func (s *Store) Due(ctx context.Context, now time.Time, n int64) ([]Parcel, error) {
	ids, err := s.journal.Redis().ZRangeByScore(ctx, s.due(), &redis.ZRangeBy{Min: "-inf", Max: fmt.Sprint(now.UnixMilli()), Count: n}).Result()
	if err != nil {
		return nil, fmt.Errorf("courier: reading what is due: %w", err)
	}
	return s.parcels(ctx, ids)
}

// GivenUp lists the parcels that were given up, newest first, at most n.
func (s *Store) GivenUp(ctx context.Context, n int64) ([]Parcel, error) {
	ids, err := s.journal.Redis().ZRevRange(ctx, s.givenUp(), 0, n-1).Result()
	if err != nil {
		return nil, fmt.Errorf("courier: reading what was given up: %w", err)
	}
	return s.parcels(ctx, ids)
}

func (s *Store) parcels(ctx context.Context, ids []string) ([]Parcel, error) {
	var out []Parcel
	for _, id := range ids {
		text, err := s.journal.Redis().Get(ctx, s.key(id)).Bytes()
		if errors.Is(err, redis.Nil) {
			continue // taken by another process meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("courier: reading a parcel: %w", err)
		}
		var p Parcel
		if err := json.Unmarshal(text, &p); err != nil {
			return nil, fmt.Errorf("courier: reading a parcel: %w", err)
		}
		out = append(out, p)
	}
	return out, nil
}

// Claim tells whether the caller is the one who tries the parcel now; another
// process may take it after that time.
func (s *Store) Claim(ctx context.Context, p Parcel, within time.Duration) (bool, error) {
	won, err := s.journal.Redis().SetNX(ctx, s.journal.Tmp("courier", p.ID), "1", within).Result()
	if err != nil {
		return false, fmt.Errorf("courier: claiming: %w", err)
	}
	return won, nil
}

// Told forgets a parcel that the gateway has taken.
func (s *Store) Told(ctx context.Context, p Parcel, now time.Time) error {
	return s.commit(ctx, "courier.told", p, now, func(tx *journal.Tx) error {
		s.drop(tx, p.ID)
		return nil
	})
}

// Missed records a try that failed, and gives the parcel up where it has failed
// often enough.
func (s *Store) Missed(ctx context.Context, p Parcel, why string, now time.Time) error {
	next, given := p.Failed(why, now)
	err := s.commit(ctx, "courier.missed", p, now, func(tx *journal.Tx) error {
		if given {
			tx.ZRem(s.due(), p.ID)
			tx.ZAdd(s.givenUp(), float64(now.UnixMilli()), p.ID)
			return s.set(tx, next)
		}
		return s.put(tx, next)
	})
	if err != nil {
		return err
	}
	if err := s.journal.Redis().Del(ctx, s.journal.Tmp("courier", p.ID)).Err(); err != nil {
		return fmt.Errorf("courier: releasing: %w", err)
	}
	return nil
}

func (s *Store) set(tx *journal.Tx, p Parcel) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("courier: %w", err)
	}
	tx.Set(s.key(p.ID), string(text))
	return nil
}

func (s *Store) put(tx *journal.Tx, p Parcel) error {
	tx.ZAdd(s.due(), float64(p.Next.UnixMilli()), p.ID)
	return s.set(tx, p)
}

func (s *Store) drop(tx *journal.Tx, id string) {
	tx.Del(s.key(id))
	tx.ZRem(s.due(), id)
	tx.ZRem(s.givenUp(), id)
}

func (s *Store) commit(ctx context.Context, action string, p Parcel, now time.Time, f func(*journal.Tx) error) error {
	return s.journal.Commit(ctx, journal.Entry{Actor: "system", Action: action, Ref: "tip-off:" + p.Number, At: now}, []string{s.key(p.ID)}, f)
}
