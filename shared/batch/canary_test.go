package batch_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/redis/go-redis/v9"
)

// grepRedis looks for the canary in every key and value.
func grepRedis(t *testing.T, rdb *redis.Client, canary string) {
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
				for _, v := range m.Values {
					values = append(values, v.(string))
				}
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

// grepDir looks for the canary in every object, unpacked where it is packed.
func grepDir(t *testing.T, dir, canary string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		if i := bytes.Index(data, []byte("\x28\xb5\x2f\xfd")); i >= 0 { // zstd
			z, err := zstd.NewReader(nil)
			if err != nil {
				return err
			}
			defer z.Close()
			if plain, err := z.DecodeAll(data[i:], nil); err == nil {
				data = append(data, plain...)
			}
		}
		if bytes.Contains(data, []byte(canary)) || strings.Contains(path, canary) {
			t.Errorf("object %s holds %s", path, canary)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatal("no objects to look into")
	}
}
