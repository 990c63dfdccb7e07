package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Read reads a record that Put has stored; ok is false where there is none.
func Read[T any](ctx context.Context, rdb redis.Cmdable, key string) (v T, ok bool, err error) {
	text, err := rdb.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return v, false, nil
	}
	if err != nil {
		return v, false, fmt.Errorf("journal: reading a record: %w", err)
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return v, false, fmt.Errorf("journal: reading %s: %w", key, err)
	}
	return v, true, nil
}

// Put queues a record, as JSON.
func Put(tx *Tx, key string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("journal: a record for %s: %w", key, err)
	}
	tx.Set(key, string(text))
	return nil
}
