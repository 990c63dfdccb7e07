package redistest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/redis/go-redis/v9"
)

// Grep fails the test where the canary stands in clear in any key or value.
func Grep(t testing.TB, rdb *redis.Client, canary string) {
	t.Helper()
	ctx := t.Context()
	it := rdb.Scan(ctx, 0, "*", 1000).Iterator()
	for it.Next(ctx) {
		key := it.Val()
		var values []string
		switch rdb.Type(ctx, key).Val() {
		case "string":
			values = []string{rdb.Get(ctx, key).Val()}
		case "hash":
			for k, v := range rdb.HGetAll(ctx, key).Val() {
				values = append(values, k, v)
			}
		case "set":
			values = rdb.SMembers(ctx, key).Val()
		case "zset":
			values = rdb.ZRange(ctx, key, 0, -1).Val()
		case "stream":
			for _, m := range rdb.XRange(ctx, key, "-", "+").Val() {
				values = append(values, Texts(t, m)...)
			}
		default:
			t.Fatalf("key %s has a type this test does not look into", key)
		}
		for _, v := range append(values, key) {
			if strings.Contains(v, canary) {
				t.Errorf("Redis key %s holds %s", key, canary)
			}
		}
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
}

// Texts are the fields and values of an entry of a stream; what the journal has
// packed is unpacked as well.
func Texts(t testing.TB, m redis.XMessage) []string {
	t.Helper()
	var values []string
	for k, v := range m.Values {
		values = append(values, k, fmt.Sprint(v))
	}
	if w, _ := m.Values["w"].(string); m.Values["v"] == "2" {
		plain, err := s2.Decode(nil, []byte(w))
		if err != nil {
			t.Fatalf("entry %s: %v", m.ID, err)
		}
		values = append(values, string(plain))
	}
	return values
}
