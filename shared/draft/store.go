package draft

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/journal"
)

// Keys, all outside the journal:
//
//	{city}:tmp:draft:<name>    a draft, sealed
//	{city}:tmp:draftkib:<day>  KiB of drafts written on a day

// Store keeps the sealed drafts of a city.
type Store struct{ j *journal.Journal }

// NewStore returns the drafts of the journal's city.
func NewStore(j *journal.Journal) *Store { return &Store{j} }

func (s *Store) at(name string) string { return s.j.Tmp("draft", name) }

// Get is the sealed draft of this name, "" where there is none.
func (s *Store) Get(ctx context.Context, name string) (string, error) {
	sealed, err := s.j.Redis().Get(ctx, s.at(name)).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("draft: reading: %w", err)
	}
	return sealed, nil
}

// Put keeps a sealed draft for so long.
func (s *Store) Put(ctx context.Context, name, sealed string, life time.Duration) error {
	if err := s.j.Redis().Set(ctx, s.at(name), sealed, life).Err(); err != nil {
		return fmt.Errorf("draft: keeping: %w", err)
	}
	return nil
}

var replace = redis.NewScript(`
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1`)

// Replace is Put where still stands what was read ("" for nothing); otherwise it
// changes nothing.
func (s *Store) Replace(ctx context.Context, name, read, sealed string, life time.Duration) error {
	if err := replace.Run(ctx, s.j.Redis(), []string{s.at(name)}, read, sealed, int(life.Seconds())).Err(); err != nil {
		return fmt.Errorf("draft: keeping: %w", err)
	}
	return nil
}

// Drop forgets a draft; one that is not there is no error.
func (s *Store) Drop(ctx context.Context, name string) error {
	if err := s.j.Redis().Del(ctx, s.at(name)).Err(); err != nil {
		return fmt.Errorf("draft: dropping: %w", err)
	}
	return nil
}

var add = redis.NewScript(`
local all = redis.call('INCRBY', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return all`)

// Count adds to the KiB that were written on the day and returns the sum. The day
// is a name that no other day has; its sum is forgotten after two days.
func (s *Store) Count(ctx context.Context, day string, kib int) (int64, error) {
	all, err := add.Run(ctx, s.j.Redis(), []string{s.j.Tmp("draftkib", day)}, kib, int((48 * time.Hour).Seconds())).Int64()
	if err != nil {
		return 0, fmt.Errorf("draft: counting: %w", err)
	}
	return all, nil
}
