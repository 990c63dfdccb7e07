package campaign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// Keys, all under {city}:campaign:
//
//	<id>            a campaign, JSON, in the clear
//	<id>:result     what was written at its closing, sealed
//	<id>:entry:<n>  a piece of progress
//	all             sorted set of ids by first day
//	inspection:<id>         a joint inspection
//	inspection:<id>:people  who is sent, sealed, by organisation (hash)
//	inspections             sorted set of ids by first day
type store struct{ journal *journal.Journal }

func (s store) key(parts ...string) string {
	return s.journal.Key(append([]string{"campaign"}, parts...)...)
}

var errUnknown = fault.New(fault.NotFound, "campaign.unknown")

// one reads a record by its key.
func one[T any](ctx context.Context, s store, tx *journal.Tx, key string) (T, error) {
	var rdb redis.Cmdable = s.journal.Redis()
	if tx != nil {
		rdb = tx.Read()
	}
	v, ok, err := journal.Read[T](ctx, rdb, key)
	if err == nil && !ok {
		err = errUnknown
	}
	return v, err
}

// text reads a sealed text, "" where there is none.
func (s store) text(ctx context.Context, key string) (string, error) {
	v, err := s.journal.Redis().Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("campaign: reading: %w", err)
	}
	return v, nil
}

func (s store) people(ctx context.Context, id string) (map[string]string, error) {
	v, err := s.journal.Redis().HGetAll(ctx, s.key("inspection", id, "people")).Result()
	if err != nil {
		return nil, fmt.Errorf("campaign: reading: %w", err)
	}
	return v, nil
}

// all reads the records of a list, the latest first.
func all[T any](ctx context.Context, s store, list string, key func(id string) string) ([]T, error) {
	ids, err := s.journal.Redis().ZRevRange(ctx, s.key(list), 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("campaign: listing: %w", err)
	}
	var out []T
	for from := 0; from < len(ids); from += 500 {
		var keys []string
		for _, id := range ids[from:min(from+500, len(ids))] {
			keys = append(keys, key(id))
		}
		values, err := s.journal.Redis().MGet(ctx, keys...).Result()
		if err != nil {
			return nil, fmt.Errorf("campaign: reading: %w", err)
		}
		for _, v := range values {
			text, ok := v.(string)
			if !ok {
				continue
			}
			var x T
			if err := json.Unmarshal([]byte(text), &x); err != nil {
				return nil, fmt.Errorf("campaign: reading: %w", err)
			}
			out = append(out, x)
		}
	}
	return out, nil
}

// entries reads the progress of a campaign, the newest first, at most most.
func (s store) entries(ctx context.Context, c Campaign, most int) ([]Entry, error) {
	var keys []string
	for n := c.Entries; n > 0 && len(keys) < most; n-- {
		keys = append(keys, s.key(c.ID, "entry", strconv.Itoa(n)))
	}
	if len(keys) == 0 {
		return nil, nil
	}
	values, err := s.journal.Redis().MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("campaign: reading: %w", err)
	}
	var out []Entry
	for _, v := range values {
		text, ok := v.(string)
		if !ok {
			continue
		}
		var e Entry
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			return nil, fmt.Errorf("campaign: reading: %w", err)
		}
		out = append(out, e)
	}
	return out, nil
}
