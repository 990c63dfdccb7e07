package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// Place is where a member stands in a sorted set: by its score, among the same
// scores by its name. The zero Place is before the first in either direction.
type Place struct {
	Score  float64
	Member string
}

// Behind tells whether p comes after q in a list that goes up, or down.
func (p Place) Behind(q Place, down bool) bool {
	switch {
	case q == Place{}:
		return true
	case p == q:
		return false
	case p.Score != q.Score:
		return (p.Score > q.Score) != down
	}
	return (p.Member > q.Member) != down
}

// Behind reads at most n places of a sorted set, going up or down, behind a place
// that need no longer be there. Fewer than n are the end of the list.
func (j *Journal) Behind(ctx context.Context, key string, from Place, down bool, n int) ([]Place, error) {
	by := &redis.ZRangeBy{Min: "-inf", Max: "+inf", Count: int64(n)}
	read, edge := j.Redis().ZRangeByScoreWithScores, &by.Min
	if down {
		read, edge = j.Redis().ZRevRangeByScoreWithScores, &by.Max
	}
	if from != (Place{}) {
		*edge = strconv.FormatFloat(from.Score, 'f', -1, 64)
	}
	var out []Place
	for len(out) < n {
		found, err := read(ctx, key, by).Result()
		if err != nil {
			return nil, fmt.Errorf("journal: listing: %w", err)
		}
		for _, z := range found {
			member, _ := z.Member.(string)
			if at := (Place{z.Score, member}); len(out) < n && at.Behind(from, down) {
				out = append(out, at)
			}
		}
		if int64(len(found)) < by.Count {
			break
		}
		by.Offset += by.Count // the rest of the page had the score of from
	}
	return out, nil
}

// Members are the names of the places, in their order.
func Members(places []Place) []string {
	out := make([]string, len(places))
	for i, p := range places {
		out[i] = p.Member
	}
	return out
}

// Text reads a small value, "" where there is none.
func Text(ctx context.Context, rdb redis.Cmdable, key string) (string, error) {
	v, err := rdb.Get(ctx, key).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("journal: reading: %w", err)
	}
	return v, nil
}

// Texts reads many small values at once, "" for what is not there.
func Texts(ctx context.Context, rdb redis.Cmdable, keys []string) ([]string, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	values, err := rdb.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("journal: reading: %w", err)
	}
	return textsOf(values), nil
}

func textsOf(values []any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i], _ = v.(string)
	}
	return out
}

// ReadAll reads many records that Put has stored at once, in the order of the keys;
// what is not there is left out.
func ReadAll[T any](ctx context.Context, rdb redis.Cmdable, keys []string) ([]T, error) {
	texts, err := Texts(ctx, rdb, keys)
	if err != nil {
		return nil, err
	}
	out := make([]T, 0, len(texts))
	for i, text := range texts {
		if text == "" {
			continue
		}
		var v T
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return nil, fmt.Errorf("journal: reading %s: %w", keys[i], err)
		}
		out = append(out, v)
	}
	return out, nil
}

// Numbered reads a hash whose fields are numbers: its values in the numbers' order.
func Numbered(ctx context.Context, rdb redis.Cmdable, key string) ([]string, error) {
	all, err := rdb.HGetAll(ctx, key).Result()
	if err != nil {
		return nil, fmt.Errorf("journal: reading: %w", err)
	}
	fields := make([]int, 0, len(all))
	for f := range all {
		n, err := strconv.Atoi(f)
		if err != nil {
			return nil, fmt.Errorf("journal: field %q of %s is no number", f, key)
		}
		fields = append(fields, n)
	}
	slices.Sort(fields)
	out := make([]string, len(fields))
	for i, n := range fields {
		out[i] = all[strconv.Itoa(n)]
	}
	return out, nil
}

// ReadFields reads all records of a hash whose fields hold JSON, in no order.
func ReadFields[T any](ctx context.Context, rdb redis.Cmdable, key string) ([]T, error) {
	texts, err := rdb.HVals(ctx, key).Result()
	if err != nil {
		return nil, fmt.Errorf("journal: reading: %w", err)
	}
	out := make([]T, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal([]byte(text), &out[i]); err != nil {
			return nil, fmt.Errorf("journal: reading %s: %w", key, err)
		}
	}
	return out, nil
}
