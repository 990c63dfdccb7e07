package inquiry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// Keys, all under {city}:inquiry:
//
//	<id>            a lookup, JSON: organisation, person, time, purpose, numbers
//	<id>:content    project, reason and the list of subjects, sealed
//	of:<org>        sorted set of ids by time, of an organisation's lookups
//	all             the same of the city
//	seen:<code>     sorted set of ids by time: what the subject is told of
//	case:<number>   set of ids made to verify something in that case
//	withheld        set of the numbers of cases with lookups that are withheld
//
// Until a lookup is revealed nothing under seen: has it.
type store struct{ journal *journal.Journal }

func (s store) key(parts ...string) string {
	return s.journal.Key(append([]string{"inquiry"}, parts...)...)
}

func (s store) one(ctx context.Context, tx *journal.Tx, id string) (Inquiry, bool, error) {
	if tx != nil {
		return journal.Read[Inquiry](ctx, tx.Read(), s.key(id))
	}
	return journal.Read[Inquiry](ctx, s.journal.Redis(), s.key(id))
}

func (s store) content(ctx context.Context, id string) (string, error) {
	text, err := s.journal.Redis().Get(ctx, s.key(id, "content")).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("inquiry: reading: %w", err)
	}
	return text, nil
}

func (s store) members(ctx context.Context, key string) ([]string, error) {
	out, err := s.journal.Redis().SMembers(ctx, key).Result()
	if err != nil {
		return nil, fmt.Errorf("inquiry: reading: %w", err)
	}
	return out, nil
}

// page reads a stretch of a list, newest first; the cursor is "<score>:<id>" of
// the last one shown.
func (s store) page(ctx context.Context, key, cursor string, n int) (out []Inquiry, next string, err error) {
	top, after := "+inf", ""
	if cursor != "" {
		score, id, ok := strings.Cut(cursor, ":")
		if _, err := strconv.ParseInt(score, 10, 64); !ok || err != nil {
			return nil, "", fault.New(fault.Invalid, "inquiry.cursor")
		}
		top, after = score, id
	}
	var ids []redis.Z
	for offset := int64(0); len(ids) <= n; {
		const step = 200
		got, err := s.journal.Redis().ZRevRangeByScoreWithScores(ctx, key, &redis.ZRangeBy{Min: "-inf", Max: top, Offset: offset, Count: step}).Result()
		if err != nil {
			return nil, "", fmt.Errorf("inquiry: listing: %w", err)
		}
		for _, z := range got {
			id, _ := z.Member.(string)
			if after != "" && strconv.FormatInt(int64(z.Score), 10) == top && id >= after {
				continue
			}
			ids = append(ids, z)
		}
		if len(got) < step {
			break
		}
		offset += step
	}
	if len(ids) > n {
		ids = ids[:n]
		last := ids[n-1]
		next = fmt.Sprintf("%d:%s", int64(last.Score), last.Member)
	}
	if len(ids) == 0 {
		return nil, "", nil
	}
	keys := make([]string, len(ids))
	for i, z := range ids {
		id, _ := z.Member.(string)
		keys[i] = s.key(id)
	}
	values, err := s.journal.Redis().MGet(ctx, keys...).Result()
	if err != nil {
		return nil, "", fmt.Errorf("inquiry: reading: %w", err)
	}
	for _, v := range values {
		text, ok := v.(string)
		if !ok {
			continue
		}
		var q Inquiry
		if err := json.Unmarshal([]byte(text), &q); err != nil {
			return nil, "", fmt.Errorf("inquiry: reading: %w", err)
		}
		out = append(out, q)
	}
	return out, next, nil
}
