package journal

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/redis/go-redis/v9"

	"ipcredit/shared/objects"
	"ipcredit/shared/redistest"
)

// asOlder archives the stream as the deadline-tick did that knew of no packed
// entries: each as it stands.
func asOlder(t *testing.T, a *Archive, j *Journal) {
	t.Helper()
	entries, err := j.rdb.XRange(t.Context(), j.Key("journal"), "-", "+").Result()
	if err != nil {
		t.Fatal(err)
	}
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	h := header{V: 1, City: j.city, Seq: 1, First: entries[0].ID, Last: entries[len(entries)-1].ID, Count: len(entries)}
	data, err := pack(z, h, entries)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.store.Create(t.Context(), segmentName(j.city, 1), data, objects.Attr{}); err != nil {
		t.Fatal(err)
	}
}

func packedArchive(t *testing.T) *Archive {
	t.Helper()
	b, err := objects.Open(objects.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return NewArchive(b.Main, 0, time.Now)
}

// TestAPackedEntryThatAnOlderTickArchivedIsRestored: functions are deployed in any
// order.
func TestAPackedEntryThatAnOlderTickArchivedIsRestored(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		a, j := packedArchive(t), New(rdb, "410700", Options{})
		commit := func(n int) {
			t.Helper()
			err := j.Commit(ctx, Entry{Actor: "u1", Action: "test.put", At: time.Now()}, nil, func(tx *Tx) error {
				for i := range n {
					tx.Set(j.Key("test", fmt.Sprint(n, i)), strings.Repeat("商标侵权", 100))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		commit(200)
		commit(1)
		asOlder(t, a, j)
		commit(201) // the newer one takes over what the older left half done
		if n, err := a.Run(ctx, j); err != nil || n != 3 {
			t.Fatalf("archived %d, %v", n, err)
		}
		var versions []string
		if _, err := a.Walk(ctx, "410700", func(p Past) error { versions = append(versions, p.V); return nil }); err != nil || fmt.Sprint(versions) != "[2 1 1]" {
			t.Fatalf("the archive has versions %v (%v)", versions, err)
		}
		want, keys, err := j.Digest(ctx)
		if err != nil || keys != 402 {
			t.Fatalf("%d keys, %v", keys, err)
		}
		if err := rdb.FlushAll(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		if err := a.Restore(ctx, j, nil); err != nil {
			t.Fatal(err)
		}
		if got, _, err := j.Digest(ctx); err != nil || got != want {
			t.Errorf("digest %s, want %s (%v)", got, want, err)
		}
	})
}

func TestAnEntryThatUnpacksToNoSuchWritesIsRefused(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		good := s2.Encode(nil, encode([][]string{{"SET", "{410700}:test:1", "v"}}))
		for name, w := range map[string]string{
			"says that it is too long": "\x81\x80\x80\x80\x02" + string(good[1:]), // 512 MiB and a byte
			"is cut off":               string(good[:len(good)-2]),
			"is not packed":            "*1",
			"is empty":                 "",
		} {
			if err := rdb.FlushAll(ctx).Err(); err != nil {
				t.Fatal(err)
			}
			a, j := packedArchive(t), New(rdb, "410700", Options{})
			rdb.XAdd(ctx, &redis.XAddArgs{Stream: j.Key("journal"), Values: []string{
				"actor", "u1", "action", "test.put", "ref", "", "at", "2026-05-20T00:00:00Z", "rule", "", "v", schemaPacked, "w", w,
			}})
			if _, err := a.Run(ctx, j); !errors.Is(err, ErrBroken) {
				t.Errorf("%s: in the stream: %v", name, err)
			}
			asOlder(t, a, j)
			if err := rdb.FlushAll(ctx).Err(); err != nil {
				t.Fatal(err)
			}
			if err := a.Restore(ctx, j, nil); !errors.Is(err, ErrBroken) {
				t.Errorf("%s: in the archive: %v", name, err)
			}
		}
	})
}
