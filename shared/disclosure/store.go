package disclosure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// Keys, all under {city}:disclosure:
//
//	filed:<id>        a notice, JSON of type filed
//	notice:<id>       one that has not changed since notices are sealed, JSON
//	of:<division>     sorted set of the ids of its notices by when they were begun
//	record:<id>       id of the notice of a published record
//	discarded         sorted set of the ids of what was discarded, by when
//
// An older release knows nothing of filed:<id>: it would write back less than it
// read. So it finds no notice there.
type store struct {
	journal *journal.Journal
	sealing Sealing
}

func (s store) key(parts ...string) string {
	return s.journal.Key(append([]string{"disclosure"}, parts...)...)
}

func errUnknown() error { return fault.New(fault.NotFound, "disclosure.unknown") }

// stored is a notice as it is found, still sealed, or in the clear.
type stored struct {
	filed *filed
	clear *Notice
}

// state and version stand in the clear either way.
func (h stored) state() State {
	if h.filed != nil {
		return h.filed.State
	}
	return h.clear.State
}

func (h stored) version() int64 {
	if h.filed != nil {
		return h.filed.Version
	}
	return h.clear.Version
}

func (s store) open(ctx context.Context, h stored) (Notice, error) {
	if h.filed != nil {
		return s.sealing.open(ctx, *h.filed)
	}
	return *h.clear, nil
}

// find reads notices by their ids; what is none is left out.
func (s store) find(ctx context.Context, rdb redis.Cmdable, ids ...string) ([]stored, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	keys := make([]string, 0, 2*len(ids))
	for _, id := range ids {
		keys = append(keys, s.key("filed", id), s.key("notice", id))
	}
	values, err := rdb.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("disclosure: reading: %w", err)
	}
	var list []stored
	for i, id := range ids {
		var h stored
		if text, ok := values[2*i].(string); ok {
			h.filed = new(filed)
			err = json.Unmarshal([]byte(text), h.filed)
		} else if text, ok := values[2*i+1].(string); ok {
			h.clear = new(Notice)
			err = json.Unmarshal([]byte(text), h.clear)
		} else {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("disclosure: reading %s: %w", id, err)
		}
		list = append(list, h)
	}
	return list, nil
}

// one reads a notice, or says that there is none.
func (s store) one(ctx context.Context, rdb redis.Cmdable, id string) (stored, error) {
	list, err := s.find(ctx, rdb, id)
	if err == nil && len(list) == 0 {
		err = errUnknown()
	}
	if err != nil {
		return stored{}, err
	}
	return list[0], nil
}

func (s store) current(ctx context.Context, id string) (Notice, error) {
	h, err := s.one(ctx, s.journal.Redis(), id)
	if err != nil {
		return Notice{}, err
	}
	return s.open(ctx, h)
}

// inside reads the notice in a commit, which starts again if it changes.
func (s store) inside(ctx context.Context, tx *journal.Tx, id string) (stored, error) {
	if err := tx.Watch(s.key("filed", id), s.key("notice", id)); err != nil {
		return stored{}, err
	}
	return s.one(ctx, tx.Read(), id)
}

// write seals the notice and writes it; what stood in the clear before goes.
func (s store) write(ctx context.Context, tx *journal.Tx, n Notice) error {
	to, err := s.sealing.recipient(ctx, n)
	if err != nil {
		return err
	}
	f, err := n.file(to)
	if err != nil {
		return err
	}
	value, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("disclosure: %w", err)
	}
	tx.Set(s.key("filed", n.ID), string(value))
	if n.to == "" {
		tx.Del(s.key("notice", n.ID))
	}
	if n.State == Discarded {
		tx.ZAdd(s.key("discarded"), float64(n.Events[len(n.Events)-1].At.Unix()), n.ID)
	}
	return nil
}

// begun lists at most n of a division's notices behind a place, the newest first,
// by when they were begun, in milliseconds. Fewer are the end of the list.
func (s store) begun(ctx context.Context, division string, from journal.Place, n int) ([]journal.Place, error) {
	return s.journal.Behind(ctx, s.key("of", division), from, true, n)
}

// firstToday tells whether nobody has asked for a day.
func (s store) firstToday(ctx context.Context) (bool, error) {
	first, err := s.journal.Redis().SetNX(ctx, s.journal.Tmp("disclosure", "settled"), "1", 24*time.Hour).Result()
	if err != nil {
		return false, fmt.Errorf("disclosure: %w", err)
	}
	return first, nil
}

// discarded lists at most n ids of what was discarded before the instant.
func (s store) discarded(ctx context.Context, before time.Time, n int64) ([]string, error) {
	ids, err := s.journal.Redis().ZRangeByScore(ctx, s.key("discarded"), &redis.ZRangeBy{Min: "-inf", Max: "(" + strconv.FormatInt(before.Unix(), 10), Count: n}).Result()
	if err != nil {
		return nil, fmt.Errorf("disclosure: listing: %w", err)
	}
	return ids, nil
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
