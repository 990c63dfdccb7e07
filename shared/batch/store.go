package batch

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// Keys:
//
//	{city}:batch:<id>         the batch, JSON
//	{city}:batch:open         set of ids that are whole and not finished
//	{city}:batch:receiving    sorted set of ids still arriving by time of the last piece
//	{city}:batch:of:<org>     sorted set of an organisation's ids by time
//	{city}:tmp:batch:<id>     who is working on it

// Store keeps the batches of one city.
type Store struct{ journal *journal.Journal }

// NewStore returns the store of the journal's city.
func NewStore(j *journal.Journal) *Store { return &Store{journal: j} }

func (s *Store) key(id string) string { return s.journal.Key("batch", id) }
func (s *Store) open() string         { return s.journal.Key("batch", "open") }
func (s *Store) receiving() string    { return s.journal.Key("batch", "receiving") }
func (s *Store) of(org string) string { return s.journal.Key("batch", "of", org) }

// Get returns a batch, or a fault of kind NotFound.
func (s *Store) Get(ctx context.Context, id string) (Batch, error) {
	if err := CheckID(id); err != nil {
		return Batch{}, err
	}
	b, known, err := s.find(ctx, id)
	if err == nil && !known {
		return Batch{}, fault.New(fault.NotFound, "batch.unknown")
	}
	return b, err
}

func (s *Store) find(ctx context.Context, id string) (Batch, bool, error) {
	return read(ctx, s.journal.Redis(), s.key(id))
}

func read(ctx context.Context, rdb redis.Cmdable, key string) (Batch, bool, error) {
	value, err := rdb.Get(ctx, key).Bytes()
	if errors.Is(err, redis.Nil) {
		return Batch{}, false, nil
	}
	if err != nil {
		return Batch{}, false, fmt.Errorf("batch: reading: %w", err)
	}
	var b Batch
	if err := decode(value, &b); err != nil {
		return Batch{}, false, fmt.Errorf("batch: reading: %w", err)
	}
	return b, true, nil
}

// Of lists an organisation's batches, newest first, at most n: those behind the
// cursor, or the first ones where it is empty. next is the cursor for what
// follows, empty at the end. A cursor that Of did not make is a fault.
func (s *Store) Of(ctx context.Context, org, cursor string, n int) (list []Batch, next string, err error) {
	from, behind := "+inf", ""
	if cursor != "" {
		var found bool
		if from, behind, found = strings.Cut(cursor, "-"); !found || len(from) > 15 || strings.Trim(from, "0123456789") != "" || CheckID(behind) != nil {
			return nil, "", fault.New(fault.Invalid, "batch.cursor").With("cursor", "batch.cursor")
		}
	}
	list = make([]Batch, 0, n)
	for at := int64(0); ; {
		page, err := s.journal.Redis().ZRevRangeByScoreWithScores(ctx, s.of(org), &redis.ZRangeBy{Min: "-inf", Max: from, Offset: at, Count: int64(n) + 1}).Result()
		if err != nil {
			return nil, "", fmt.Errorf("batch: listing: %w", err)
		}
		for _, z := range page {
			id, score := z.Member.(string), strconv.FormatInt(int64(z.Score), 10)
			if behind != "" && score == from && id >= behind {
				continue // of the same millisecond, shown before
			}
			if len(list) == n {
				return list, next, nil
			}
			b, known, err := s.find(ctx, id)
			if err != nil {
				return nil, "", err
			}
			if known {
				list, next = append(list, b), score+"-"+id
			}
		}
		if len(page) <= n {
			return list, "", nil
		}
		at += int64(len(page))
	}
}

// Open lists the batches that are whole and not finished.
func (s *Store) Open(ctx context.Context) ([]string, error) {
	ids, err := s.journal.Redis().SMembers(ctx, s.open()).Result()
	if err != nil {
		return nil, fmt.Errorf("batch: listing: %w", err)
	}
	return ids, nil
}

// named is the batch that a request's key stands for: the newest one that the key
// made, or a new one where the key begins a request and that one is finished and
// no longer Remembered. first is the id of the first batch of the key. Whoever asks
// at the same time gets the same id.
func (s *Store) named(ctx context.Context, first string, u Upload, now time.Time) (string, Batch, bool, error) {
	id := first
	b, known, err := s.find(ctx, first)
	if err == nil && known && b.Later != "" {
		id = b.Later
		b, known, err = s.find(ctx, id)
	}
	if err != nil {
		return "", Batch{}, false, err
	}
	if known && u.Index == 0 && b.Finished() && now.Sub(b.CreatedAt) >= Remembered {
		return newID(u.Org, u.Actor, u.Request+"\x00after "+id), Batch{}, false, nil
	}
	return id, b, known, nil
}

// receive records a stored piece of the batch id, and where it is its first and
// the key made batches before, which batch the key stands for now.
func (s *Store) receive(ctx context.Context, first, id string, u Upload, p Piece, now time.Time) (Batch, error) {
	entry := journal.Entry{Actor: u.Actor, Action: "batch.receive", Ref: id, At: now}
	var b Batch
	err := s.journal.Commit(ctx, entry, []string{s.key(id)}, func(tx *journal.Tx) error {
		var known bool
		var err error
		if b, known, err = read(ctx, tx.Read(), s.key(id)); err != nil {
			return err
		}
		if !known {
			b = Batch{
				ID: id, Kind: u.Kind, Org: u.Org, Actor: u.Actor, State: Receiving, Options: u.Options,
				Media: u.Media, CreatedAt: now.UTC(),
			}
			tx.ZAdd(s.of(u.Org), float64(now.UnixMilli()), id)
			if id != first {
				if err := s.succeed(ctx, tx, first, id); err != nil {
					return err
				}
			}
		}
		if known {
			// Another copy of the same request may have come first.
			if same, err := b.again(known, u, p); same || err != nil {
				return err
			}
		}
		b.Pieces = append(b.Pieces, p)
		b.Size += p.Size
		if u.Last {
			b.State = Queued
			tx.SAdd(s.open(), id)
			tx.ZRem(s.receiving(), id)
		} else {
			tx.ZAdd(s.receiving(), float64(now.UnixMilli()), id)
		}
		return s.put(tx, b)
	})
	return b, err
}

// succeed makes id the batch that the key of first stands for.
func (s *Store) succeed(ctx context.Context, tx *journal.Tx, first, id string) error {
	if err := tx.Watch(s.key(first)); err != nil {
		return err
	}
	b, _, err := read(ctx, tx.Read(), s.key(first))
	if err != nil {
		return err
	}
	b.Later = id
	return s.put(tx, b)
}

// stale lists the uploads that stand still since before.
func (s *Store) stale(ctx context.Context, before time.Time) ([]string, error) {
	ids, err := s.journal.Redis().ZRangeByScore(ctx, s.receiving(), &redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(before.UnixMilli(), 10), Count: 100}).Result()
	if err != nil {
		return nil, fmt.Errorf("batch: listing: %w", err)
	}
	return ids, nil
}

// giveUp ends an upload that broke off, and tells whether that is its end.
func (s *Store) giveUp(ctx context.Context, id string, now time.Time) (bool, error) {
	gone := false
	entry := journal.Entry{Actor: "system", Action: "batch.give_up", Ref: id, At: now}
	err := s.journal.Commit(ctx, entry, []string{s.key(id)}, func(tx *journal.Tx) error {
		b, known, err := read(ctx, tx.Read(), s.key(id))
		if err != nil {
			return err
		}
		if gone = known && (b.State == Receiving || b.State == Failed); !gone || b.State == Failed {
			return nil
		}
		b.fail(fault.New(fault.Invalid, "batch.cut_off"), now)
		return s.put(tx, b)
	})
	return gone, err
}

func (s *Store) gaveUp(ctx context.Context, id string, now time.Time) error {
	entry := journal.Entry{Actor: "system", Action: "batch.gave_up", Ref: id, At: now}
	return s.journal.Commit(ctx, entry, nil, func(tx *journal.Tx) error {
		tx.ZRem(s.receiving(), id)
		return nil
	})
}

func (s *Store) put(tx *journal.Tx, b Batch) error {
	value, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("batch: encoding: %w", err)
	}
	tx.Set(s.key(b.ID), string(value))
	if b.Finished() {
		tx.SRem(s.open(), b.ID)
	}
	return nil
}

// advance writes the batch's progress into a slice's commit, if nobody else has
// worked it on since before.
func (s *Store) advance(ctx context.Context, tx *journal.Tx, before, after Batch) error {
	if err := tx.Watch(s.key(before.ID)); err != nil {
		return err
	}
	now, known, err := read(ctx, tx.Read(), s.key(before.ID))
	if err != nil {
		return err
	}
	if !known || now.Rows != before.Rows || now.Finished() {
		return errMoved
	}
	return s.put(tx, after)
}

// save is advance in a commit of its own.
func (s *Store) save(ctx context.Context, before, after Batch, action string, now time.Time) error {
	entry := journal.Entry{Actor: after.Actor, Action: action, Ref: after.ID, At: now}
	return s.journal.Commit(ctx, entry, nil, func(tx *journal.Tx) error {
		return s.advance(ctx, tx, before, after)
	})
}

// leaseTime is how long a worker holds a batch without renewing.
const leaseTime = 30 * time.Second

// lease keeps other workers from doing the same work. It only saves work: what
// keeps the result right is the check in advance.
type lease struct {
	store   *Store
	key     string
	token   string
	renewed time.Time
}

func (s *Store) lease(ctx context.Context, id string) (*lease, bool, error) {
	l := &lease{store: s, key: s.journal.Tmp("batch", id), token: rand.Text(), renewed: time.Now()}
	won, err := s.journal.Redis().SetNX(ctx, l.key, l.token, leaseTime).Result()
	if err != nil {
		return nil, false, fmt.Errorf("batch: lease: %w", err)
	}
	return l, won, nil
}

// renewAfter is how long a lease is left alone: most slices take a fraction of it,
// and one of them may take several times as long before somebody else can hold it.
const renewAfter = leaseTime / 6

// renew is called with each slice.
func (l *lease) renew(ctx context.Context) error {
	if time.Since(l.renewed) < renewAfter {
		return nil
	}
	token, err := l.store.journal.Redis().Get(ctx, l.key).Result()
	if errors.Is(err, redis.Nil) || err == nil && token != l.token {
		return errMoved
	}
	if err != nil {
		return fmt.Errorf("batch: lease: %w", err)
	}
	if err := l.store.journal.Redis().PExpire(ctx, l.key, leaseTime).Err(); err != nil {
		return fmt.Errorf("batch: lease: %w", err)
	}
	l.renewed = time.Now()
	return nil
}

func (l *lease) release() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if token, err := l.store.journal.Redis().Get(ctx, l.key).Result(); err == nil && token == l.token {
		l.store.journal.Redis().Del(ctx, l.key) // it ends by itself if this fails
	}
}
