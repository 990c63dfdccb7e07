package disclosure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// Keys, all under {city}:disclosure:
//
//	notice:<id>       a notice, JSON
//	of:<division>     sorted set of the ids of its notices by when they were begun
//	record:<id>       id of the notice of a published record
type store struct{ journal *journal.Journal }

func (s store) key(parts ...string) string {
	return s.journal.Key(append([]string{"disclosure"}, parts...)...)
}

func errUnknown() error { return fault.New(fault.NotFound, "disclosure.unknown") }

func (s store) notice(ctx context.Context, rdb redis.Cmdable, id string) (n Notice, err error) {
	text, err := rdb.Get(ctx, s.key("notice", id)).Result()
	if errors.Is(err, redis.Nil) {
		return n, errUnknown()
	}
	if err != nil {
		return n, fmt.Errorf("disclosure: reading: %w", err)
	}
	if err := json.Unmarshal([]byte(text), &n); err != nil {
		return n, fmt.Errorf("disclosure: reading %s: %w", id, err)
	}
	return n, nil
}

func (s store) current(ctx context.Context, id string) (Notice, error) {
	return s.notice(ctx, s.journal.Redis(), id)
}

// inside reads the notice in a commit, which starts again if it changes.
func (s store) inside(ctx context.Context, tx *journal.Tx, id string) (Notice, error) {
	if err := tx.Watch(s.key("notice", id)); err != nil {
		return Notice{}, err
	}
	return s.notice(ctx, tx.Read(), id)
}

func (s store) write(tx *journal.Tx, n Notice) error {
	value, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("disclosure: %w", err)
	}
	tx.Set(s.key("notice", n.ID), string(value))
	return nil
}

// of lists at most n ids of a division's notices from a place on, the newest
// first.
func (s store) of(ctx context.Context, division string, from, n int) ([]string, error) {
	ids, err := s.journal.Redis().ZRevRange(ctx, s.key("of", division), int64(from), int64(from+n-1)).Result()
	if err != nil {
		return nil, fmt.Errorf("disclosure: listing: %w", err)
	}
	return ids, nil
}

// many reads notices; ids that are none are left out.
func (s store) many(ctx context.Context, ids []string) ([]Notice, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = s.key("notice", id)
	}
	values, err := s.journal.Redis().MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("disclosure: listing: %w", err)
	}
	var list []Notice
	for _, v := range values {
		text, ok := v.(string)
		if !ok {
			continue
		}
		var n Notice
		if err := json.Unmarshal([]byte(text), &n); err != nil {
			return nil, fmt.Errorf("disclosure: listing: %w", err)
		}
		list = append(list, n)
	}
	return list, nil
}

// ofRecord is the id of the notice behind a published record, "" if there is none.
func (s store) ofRecord(ctx context.Context, record string) (string, error) {
	return s.behind(ctx, s.journal.Redis(), record)
}

func (s store) behind(ctx context.Context, rdb redis.Cmdable, record string) (string, error) {
	id, err := rdb.Get(ctx, s.key("record", record)).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("disclosure: reading: %w", err)
	}
	return id, nil
}
