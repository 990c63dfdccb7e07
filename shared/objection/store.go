package objection

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/workday"
)

// Keys, all under {city}:objection:
//
//	one:<no>        an objection, JSON
//	of:<code>       sorted set of a subject's numbers, by number
//	open:<record>   the number of the objection that a record has open
//	unit:<unit>     sorted set of what a unit has open, by number
//	closed:<unit>   the same of what is closed
//	box:<box>       the number of the objection that has the box
//	dismissed:<record>:<ground>  the number of the last one that was dismissed
//
// and {city}:tmp:objection:day:<day>, see DaySecret.
type store struct{ journal *journal.Journal }

func (s store) key(parts ...string) string {
	return s.journal.Key(append([]string{"objection"}, parts...)...)
}

// errUnknown is also the answer to whoever may not know of an objection.
func errUnknown() error { return fault.New(fault.NotFound, "objection.unknown") }

func (s store) get(ctx context.Context, rdb redis.Cmdable, no string) (Objection, error) {
	var o Objection
	text, err := rdb.Get(ctx, s.key("one", no)).Result()
	if errors.Is(err, redis.Nil) {
		return o, errUnknown()
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &o)
	}
	if err != nil {
		return o, fmt.Errorf("objection: reading %q: %w", no, err)
	}
	return o, nil
}

// inside is the objection as the commit sees it; another change starts the commit
// again.
func (s store) inside(ctx context.Context, tx *journal.Tx, no string) (Objection, error) {
	if err := tx.Watch(s.key("one", no)); err != nil {
		return Objection{}, err
	}
	return s.get(ctx, tx.Read(), no)
}

// text reads one small value, "" where there is none; inside a commit, another
// change of it starts that again.
func (s store) text(ctx context.Context, tx *journal.Tx, key string) (string, error) {
	rdb := redis.Cmdable(s.journal.Redis())
	if tx != nil {
		if err := tx.Watch(key); err != nil {
			return "", err
		}
		rdb = tx.Read()
	}
	v, err := rdb.Get(ctx, key).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("objection: reading: %w", err)
	}
	return v, nil
}

// OpenIn is the number of the objection that a record has open, "" where it has
// none, as the commit sees it; another change of that starts the commit again.
func OpenIn(ctx context.Context, tx *journal.Tx, record string) (string, error) {
	s := store{tx.Journal()}
	return s.text(ctx, tx, s.key("open", record))
}

// place is what lists are in the order of: the number's running part.
func place(no string) (float64, error) {
	if len(no) <= len(prefix)+4 {
		return 0, fmt.Errorf("objection: no number: %q", no)
	}
	n, err := strconv.ParseUint(no[len(prefix)+4:], 10, 53)
	return float64(n), err
}

// put queues the objection with its places in the lists. old is the zero value for
// a new one.
func (s store) put(tx *journal.Tx, old, o Objection) error {
	text, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("objection: %w", err)
	}
	n, err := place(o.No)
	if err != nil {
		return err
	}
	tx.Set(s.key("one", o.No), string(text))
	if old.No == "" {
		tx.ZAdd(s.key("of", o.Subject), n, o.No)
		tx.ZAdd(s.key("unit", o.Unit), n, o.No)
		tx.Set(s.key("open", o.Record), o.No)
	}
	if old.State.Open() && !o.State.Open() {
		tx.ZRem(s.key("unit", o.Unit), o.No)
		tx.ZAdd(s.key("closed", o.Unit), n, o.No)
		tx.Del(s.key("open", o.Record))
		if o.State == Dismissed {
			tx.Set(s.key("dismissed", o.Record, string(o.Ground)), o.No)
		}
	}
	for _, p := range o.Papers[len(old.Papers):] {
		tx.Set(s.key("box", p.Box), o.No)
	}
	return nil
}

// bound tells which of the boxes belong to an objection.
func (s store) bound(ctx context.Context, boxes []string) ([]string, error) {
	keys := make([]string, len(boxes))
	for i, box := range boxes {
		keys[i] = s.key("box", box)
	}
	return s.texts(ctx, keys)
}

func (s store) texts(ctx context.Context, keys []string) ([]string, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	values, err := s.journal.Redis().MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("objection: reading: %w", err)
	}
	out := make([]string, len(values))
	for i, v := range values {
		out[i], _ = v.(string)
	}
	return out, nil
}

// list reads at most n of a list that the filter takes, newest first, behind the
// number of the last one shown; next is the place of the following page.
func (s store) list(ctx context.Context, key, cursor string, n int, takes func(Objection) bool) (out []Objection, next string, err error) {
	top := "+inf"
	if cursor != "" {
		if _, err := strconv.ParseUint(cursor, 10, 53); err != nil {
			return nil, "", fault.New(fault.Invalid, "objection.cursor")
		}
		top = "(" + cursor
	}
	for {
		got, err := s.journal.Redis().ZRevRangeByScoreWithScores(ctx, key, &redis.ZRangeBy{Min: "-inf", Max: top, Count: 100}).Result()
		if err != nil {
			return nil, "", fmt.Errorf("objection: listing: %w", err)
		}
		keys := make([]string, len(got))
		for i, z := range got {
			no, _ := z.Member.(string)
			keys[i] = s.key("one", no)
		}
		texts, err := s.texts(ctx, keys)
		if err != nil {
			return nil, "", err
		}
		for i, text := range texts {
			var o Objection
			if err := json.Unmarshal([]byte(text), &o); err != nil {
				return nil, "", fmt.Errorf("objection: reading %v: %w", got[i].Member, err)
			}
			if !takes(o) {
				continue
			}
			if len(out) == n {
				return out, next, nil
			}
			out, next = append(out, o), strconv.FormatFloat(got[i].Score, 'f', 0, 64)
		}
		if len(got) < 100 {
			return out, "", nil
		}
		top = "(" + strconv.FormatFloat(got[len(got)-1].Score, 'f', 0, 64)
	}
}

// DaySecret is a random secret of the day, which ends after it: what is hashed with
// it can be compared for a day, and later nobody can tell what it was.
func (s *Office) DaySecret(ctx context.Context, day workday.Date) ([]byte, error) {
	key := s.store.journal.Tmp("objection", "day", day.String())
	pipe := s.store.journal.Redis().TxPipeline()
	pipe.SetNX(ctx, key, rand.Text(), 48*time.Hour)
	secret := pipe.Get(ctx, key)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("objection: the day's secret: %w", err)
	}
	return []byte(secret.Val()), nil
}
