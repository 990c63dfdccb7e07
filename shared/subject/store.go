package subject

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// Keys:
//
//	{city}:subject:<code>        the subject, JSON
//	{city}:subject:card:<n>>5>   hash: number within 32 → card, see card.go
//	{city}:subject:<term>[:<b>]  set of numbers, see index.go
//	{city}:seq:subject           the last number given
//
// A code has 18 characters and a person's key begins with "P-"; no term looks
// like either.

// series names the number series of the index.
const series = "subject"

// Store keeps subjects of one city.
type Store struct{ journal *journal.Journal }

// NewStore returns the store of the journal's city.
func NewStore(j *journal.Journal) *Store { return &Store{journal: j} }

// Key is what to watch in a commit that writes the subject.
func (s *Store) Key(code string) string { return s.journal.Key("subject", code) }

func encode(s Subject) string {
	data, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return string(data)
}

// Decode reads a subject as it is stored under its Key.
func Decode(text string) (*Subject, error) {
	s := new(Subject)
	if err := json.Unmarshal([]byte(text), s); err != nil {
		return nil, fmt.Errorf("subject: document: %w", err)
	}
	return s, nil
}

// Take reserves n index numbers and returns the first. A number that is not
// used is lost, which costs nothing.
func (s *Store) Take(ctx context.Context, n int) (int64, error) {
	last, err := s.journal.Take(ctx, series, int64(n))
	if err != nil {
		return 0, err
	}
	return last - int64(n) + 1, nil
}

// TakeIn is Take as part of a pipeline; the function returns the first number once
// that was executed.
func (s *Store) TakeIn(ctx context.Context, pipe redis.Pipeliner, n int) func() int64 {
	if n == 0 {
		return func() int64 { return 0 }
	}
	last := pipe.IncrBy(ctx, s.journal.Key("seq", series), int64(n))
	return func() int64 { return last.Val() - int64(n) + 1 }
}

// Put is a Batch of one: it queues next over old with all index writes.
func (s *Store) Put(tx *journal.Tx, old *Subject, next Subject) {
	b := s.Batch(tx)
	b.Put(old, next)
	b.Flush()
}

// Load reads subjects by code on the given connection (tx.Read() in a commit);
// the result has nil where there is none.
func (s *Store) Load(ctx context.Context, rdb redis.Cmdable, codes ...string) ([]*Subject, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	keys := make([]string, len(codes))
	for i, c := range codes {
		keys[i] = s.Key(c)
	}
	values, err := rdb.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("subject: loading: %w", err)
	}
	list := make([]*Subject, len(codes))
	for i, v := range values {
		text, ok := v.(string)
		if !ok {
			continue
		}
		if list[i], err = Decode(text); err != nil {
			return nil, fmt.Errorf("%s: %w", keys[i], err)
		}
	}
	return list, nil
}

// Get returns the subject stored under the code, merged or not.
func (s *Store) Get(ctx context.Context, code string) (Subject, error) {
	text, err := s.journal.Redis().Get(ctx, s.Key(code)).Result()
	if errors.Is(err, redis.Nil) {
		return Subject{}, fault.New(fault.NotFound, "subject.unknown")
	}
	if err != nil {
		return Subject{}, fmt.Errorf("subject: reading: %w", err)
	}
	sub, err := Decode(text)
	if err != nil {
		return Subject{}, err
	}
	return *sub, nil
}

// Resolve returns the subject that answers for the code today: itself, or the
// last of those it was merged into.
func (s *Store) Resolve(ctx context.Context, code string) (Subject, error) {
	for seen := map[string]bool{}; !seen[code]; {
		seen[code] = true
		sub, err := s.Get(ctx, code)
		if err != nil || sub.MergedInto == "" {
			return sub, err
		}
		code = sub.MergedInto
	}
	return Subject{}, fmt.Errorf("subject: mergers of %s go round in a circle", strings.ToUpper(code))
}
