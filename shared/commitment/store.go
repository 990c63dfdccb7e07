package commitment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// Keys, all under {city}:commitment:
//
//	one:<no>            a commitment, JSON
//	of:<code>           sorted set of a subject's numbers, by number, drafts among them
//	open:<unit>         sorted set of what a unit has to watch over, by number
//	closed:<unit>       sorted set of what it has no more to do with, by number
//	public              sorted set of all that was ever published, by number
//	kind:<kind>         those of a kind
//	district:<code>     those of a district
//	state:<state>       those in a state
//	repair:<no>         number of the commitment of an application for repair
//	templates           hash: version of a template → it, JSON, as officers made it
//	proposed            hash: version of a template → it, waiting for a second person
type store struct{ journal *journal.Journal }

func (s store) key(parts ...string) string {
	return s.journal.Key(append([]string{"commitment"}, parts...)...)
}

func errUnknown() error { return fault.New(fault.NotFound, "commitment.unknown") }

// number is the place of a commitment in lists; 0 of what is no number of one.
func number(no string) int64 {
	if len(no) < len("XC2026000001") || no[:2] != "XC" {
		return 0
	}
	n, err := strconv.ParseInt(no[len("XC2026"):], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (s store) read(ctx context.Context, rdb redis.Cmdable, no string) (Commitment, error) {
	var c Commitment
	if number(no) == 0 {
		return c, errUnknown()
	}
	text, err := rdb.Get(ctx, s.key("one", no)).Result()
	if errors.Is(err, redis.Nil) {
		return c, errUnknown()
	}
	if err != nil {
		return c, fmt.Errorf("commitment: reading: %w", err)
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return c, fmt.Errorf("commitment: reading %s: %w", no, err)
	}
	return c, nil
}

func (s store) current(ctx context.Context, no string) (Commitment, error) {
	return s.read(ctx, s.journal.Redis(), no)
}

// write queues the commitment with its places in the lists; old is what it was,
// the zero Commitment of a new one.
func (s store) write(tx *journal.Tx, old, c Commitment) error {
	n := float64(number(c.No))
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("commitment: %w", err)
	}
	tx.Set(s.key("one", c.No), string(text))
	if old.No == "" {
		tx.ZAdd(s.key("of", c.Subject), n, c.No)
	}
	if c.Signed == nil {
		return nil
	}
	if old.Signed == nil {
		tx.ZAdd(s.key("public"), n, c.No)
		tx.ZAdd(s.key("kind", string(c.Kind)), n, c.No)
		tx.ZAdd(s.key("district", c.District), n, c.No)
	}
	if old.State != c.State {
		tx.ZRem(s.key("state", string(old.State)), c.No)
		tx.ZAdd(s.key("state", string(c.State)), n, c.No)
	}
	if is, was := c.State.Open(), old.Signed != nil && old.State.Open(); is != was || old.Signed == nil {
		here, there := "closed", "open"
		if is {
			here, there = there, here
		}
		tx.ZAdd(s.key(here, c.Unit), n, c.No)
		tx.ZRem(s.key(there, c.Unit), c.No)
	}
	return nil
}

// drop removes a draft.
func (s store) drop(tx *journal.Tx, c Commitment) {
	tx.Del(s.key("one", c.No))
	tx.ZRem(s.key("of", c.Subject), c.No)
}

// smallest is the shortest of some lists.
func (s store) smallest(ctx context.Context, keys []string) (string, error) {
	pipe := s.journal.Redis().Pipeline()
	sizes := make([]*redis.IntCmd, len(keys))
	for i, key := range keys {
		sizes[i] = pipe.ZCard(ctx, key)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return "", fmt.Errorf("commitment: listing: %w", err)
	}
	best := 0
	for i := range keys {
		if sizes[i].Val() < sizes[best].Val() {
			best = i
		}
	}
	return keys[best], nil
}

// behind reads at most n of a list, the newest first, behind the number of the
// last one seen, 0 from the top.
func (s store) behind(ctx context.Context, key string, last int64, n int) ([]Commitment, error) {
	top := "+inf"
	if last > 0 {
		top = "(" + strconv.FormatInt(last, 10)
	}
	numbers, err := s.journal.Redis().ZRevRangeByScore(ctx, key, &redis.ZRangeBy{Min: "-inf", Max: top, Count: int64(n)}).Result()
	if err != nil {
		return nil, fmt.Errorf("commitment: listing: %w", err)
	}
	if len(numbers) == 0 {
		return nil, nil
	}
	keys := make([]string, len(numbers))
	for i, no := range numbers {
		keys[i] = s.key("one", no)
	}
	values, err := s.journal.Redis().MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("commitment: listing: %w", err)
	}
	out := make([]Commitment, 0, len(values))
	for _, v := range values {
		text, ok := v.(string)
		if !ok {
			continue // dropped between the two reads
		}
		var c Commitment
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			return nil, fmt.Errorf("commitment: listing: %w", err)
		}
		out = append(out, c)
	}
	return out, nil
}

// cursor reads the place in a list.
func cursor(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != text {
		return 0, fault.New(fault.Invalid, "commitment.cursor").With("cursor", "commitment.cursor")
	}
	return n, nil
}

// list is one page of a list and the cursor of the next.
func (s store) list(ctx context.Context, key, from string, n int) ([]Commitment, string, error) {
	last, err := cursor(from)
	if err != nil {
		return nil, "", err
	}
	n = min(max(n, 1), 200)
	list, err := s.behind(ctx, key, last, n+1)
	if err != nil || len(list) <= n {
		return list, "", err
	}
	list = list[:n]
	return list, strconv.FormatInt(number(list[n-1].No), 10), nil
}

// ofRepair is the number of the commitment of an application, "" for none.
func (s store) ofRepair(ctx context.Context, rdb redis.Cmdable, application string) (string, error) {
	no, err := rdb.Get(ctx, s.key("repair", application)).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("commitment: reading: %w", err)
	}
	return no, nil
}

// templates are the versions in a hash, by name and first day.
func (s store) templates(ctx context.Context, rdb redis.Cmdable, which string) (Templates, error) {
	all, err := rdb.HGetAll(ctx, s.key(which)).Result()
	if err != nil {
		return nil, fmt.Errorf("commitment: reading templates: %w", err)
	}
	var out Templates
	for ref, text := range all {
		var t Template
		if err := json.Unmarshal([]byte(text), &t); err != nil {
			return nil, fmt.Errorf("commitment: reading template %s: %w", ref, err)
		}
		out = append(out, t)
	}
	slices.SortFunc(out, func(a, b Template) int { return strings.Compare(a.Ref(), b.Ref()) })
	return out, nil
}
