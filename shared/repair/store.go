package repair

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/workday"
)

// Keys, all under {city}:repair:
//
//	application:<no>   an application, JSON
//	of:<code>          sorted set of the numbers of a subject's applications, by day
//	open:<record>      the number of the application that a record has open
//	unit:<unit>        sorted set of a unit's applications that are open, by day
//	closed:<unit>      the same of those that are not
//	spreading          sorted set of those that were approved and that not everybody
//	                   who was told of the records has confirmed, by day
//	reports:<code>     hash: day-number → number of the free report given out
type store struct{ journal *journal.Journal }

func (s store) key(parts ...string) string {
	return s.journal.Key(append([]string{"repair"}, parts...)...)
}

func (s store) applicationKey(no string) string { return s.key("application", no) }

// errUnknown is also the answer to whoever may not know of an application.
func errUnknown() error { return fault.New(fault.NotFound, "repair.unknown") }

func (s store) get(ctx context.Context, rdb redis.Cmdable, no string) (Application, error) {
	a, ok, err := journal.Read[Application](ctx, rdb, s.applicationKey(no))
	if err == nil && !ok {
		err = errUnknown()
	}
	return a, err
}

// current is the application as the commit sees it; another change starts the
// commit again.
func (s store) current(ctx context.Context, tx *journal.Tx, no string) (Application, error) {
	if err := tx.Watch(s.applicationKey(no)); err != nil {
		return Application{}, err
	}
	return s.get(ctx, tx.Read(), no)
}

// put queues the application with its places in the lists. old is the zero value
// for a new one.
func (s store) put(tx *journal.Tx, old, a Application) error {
	text, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("repair: %w", err)
	}
	tx.Set(s.applicationKey(a.No), string(text))
	day := score(a.FiledOn)
	if old.No == "" {
		tx.ZAdd(s.key("of", a.Subject), day, a.No)
	}
	switch {
	case a.State.Open() && !old.State.Open():
		for _, id := range a.Records {
			tx.Set(s.key("open", id), a.No)
		}
		tx.ZAdd(s.key("unit", a.Unit), day, a.No)
	case !a.State.Open() && old.State.Open():
		for _, id := range a.Records {
			tx.Del(s.key("open", id))
		}
		tx.ZRem(s.key("unit", a.Unit), a.No)
		tx.ZAdd(s.key("closed", a.Unit), day, a.No)
	}
	switch {
	case a.State == Approved && old.State != Approved:
		tx.ZAdd(s.key("spreading"), day, a.No)
	case a.State != Approved && old.State == Approved:
		tx.ZRem(s.key("spreading"), a.No)
	}
	return nil
}

// spreading are the numbers of those that were approved and are not closed, the
// oldest first.
func (s store) spreading(ctx context.Context) ([]string, error) {
	list, err := s.journal.Redis().ZRange(ctx, s.key("spreading"), 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("repair: reading what spreads: %w", err)
	}
	return list, nil
}

func score(d workday.Date) float64 {
	return float64(d.Year()*10000 + int(d.Month())*100 + d.Day())
}

// openFor is the number of the application that each record has open, "" for none,
// as the commit sees it.
func (s store) openFor(ctx context.Context, tx *journal.Tx, records []string) ([]string, error) {
	keys := make([]string, len(records))
	for i, id := range records {
		keys[i] = s.key("open", id)
	}
	if err := tx.Watch(keys...); err != nil {
		return nil, err
	}
	return s.texts(ctx, tx.Read(), keys)
}

func (s store) texts(ctx context.Context, rdb redis.Cmdable, keys []string) ([]string, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	values, err := rdb.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("repair: reading: %w", err)
	}
	out := make([]string, len(values))
	for i, v := range values {
		out[i], _ = v.(string)
	}
	return out, nil
}

// list reads a stretch of a list, newest first, behind the cursor ("<day>-<no>" of
// the last one).
func (s store) list(ctx context.Context, key, cursor string, n int) ([]Application, string, error) {
	top, after := "+inf", ""
	if cursor != "" {
		day, no, ok := strings.Cut(cursor, "-")
		if _, err := strconv.Atoi(day); err != nil || !ok || no == "" || len(cursor) > 40 {
			return nil, "", fault.New(fault.Invalid, "repair.cursor")
		}
		top, after = day, no
	}
	var nos []string
	for offset := int64(0); len(nos) <= n; {
		got, err := s.journal.Redis().ZRevRangeByScoreWithScores(ctx, key, &redis.ZRangeBy{Min: "-inf", Max: top, Offset: offset, Count: int64(n + 1)}).Result()
		if err != nil {
			return nil, "", fmt.Errorf("repair: listing: %w", err)
		}
		for _, z := range got {
			no, _ := z.Member.(string)
			if after == "" || strconv.FormatFloat(z.Score, 'f', 0, 64) != top || no < after {
				nos = append(nos, no)
			}
		}
		if len(got) <= n {
			break
		}
		offset += int64(len(got))
	}
	more := len(nos) > n
	nos = nos[:min(len(nos), n)]
	keys := make([]string, len(nos))
	for i, no := range nos {
		keys[i] = s.applicationKey(no)
	}
	texts, err := s.texts(ctx, s.journal.Redis(), keys)
	if err != nil {
		return nil, "", err
	}
	out := make([]Application, 0, len(texts))
	for _, text := range texts {
		var a Application
		if text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			return nil, "", fmt.Errorf("repair: reading an application: %w", err)
		}
		out = append(out, a)
	}
	if !more || len(out) == 0 {
		return out, "", nil
	}
	last := out[len(out)-1]
	return out, strconv.FormatFloat(score(last.FiledOn), 'f', 0, 64) + "-" + last.No, nil
}

// reports are the free reports that a subject got, as "<day> <n>".
func (s store) reports(ctx context.Context, rdb redis.Cmdable, code string) (map[string]string, error) {
	all, err := rdb.HGetAll(ctx, s.key("reports", code)).Result()
	if err != nil {
		return nil, fmt.Errorf("repair: reading reports: %w", err)
	}
	return all, nil
}
