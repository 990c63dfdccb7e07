package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/journal"
	"ipcredit/shared/objects"
	"ipcredit/shared/redistest"
)

func directory(t testing.TB) objects.Store {
	t.Helper()
	b, err := objects.Open(objects.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return b.Main
}

func fill(t *testing.T, j *journal.Journal, archive *journal.Archive) {
	t.Helper()
	for i := range 25 {
		commit(t, j, i)
		if i%7 == 3 {
			run(t, archive, j)
		}
	}
	if err := j.Commit(t.Context(), entry("test.change"), nil, func(tx *journal.Tx) error {
		n, err := j.Next(t.Context(), "reports")
		if err != nil {
			return err
		}
		tx.Counter("reports", n+41)
		tx.Del(j.Key("test", "3"))
		tx.SRem(j.Key("test", "all"), "3")
		tx.HSet(j.Key("test", "hash"), "a", "1")
		tx.HSet(j.Key("test", "hash"), "b", "2")
		tx.HDel(j.Key("test", "hash"), "a")
		tx.ZAdd(j.Key("test", "zset"), 2.25, "二")
		tx.ZAdd(j.Key("test", "zset"), 1e15, "大")
		tx.ZRem(j.Key("test", "zset"), "none")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	run(t, archive, j)
}

func run(t *testing.T, a *journal.Archive, j *journal.Journal) {
	t.Helper()
	if _, err := a.Run(t.Context(), j); err != nil {
		t.Fatal(err)
	}
}

func newArchive(store objects.Store) *journal.Archive {
	return journal.NewArchive(store, 0, func() time.Time { return noon })
}

func TestRestoreOfAnEmptyRedisHasTheSameDigest(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		store := directory(t)
		archive := newArchive(store)
		j := journal.New(rdb, "410700", journal.Options{})
		fill(t, j, archive)
		rdb.Set(ctx, j.Tmp("session"), "secret", 0)
		before, keys, err := j.Digest(ctx)
		if err != nil || keys == 0 {
			t.Fatalf("digest of %d keys: %v", keys, err)
		}
		if err := archive.Restore(ctx, j, nil); !errors.Is(err, journal.ErrNotEmpty) {
			t.Fatalf("restore over live state: %v, want ErrNotEmpty", err)
		}
		rdb.FlushAll(ctx)
		if err := archive.Restore(ctx, j, nil); err != nil {
			t.Fatal(err)
		}
		after, _, err := j.Digest(ctx)
		if err != nil || after != before {
			t.Errorf("digest after restore %s, before %s (%v)", after, before, err)
		}
		if n := rdb.Exists(ctx, j.Tmp("session")).Val(); n != 0 {
			t.Error("a session came back")
		}
		if n, _ := j.Next(ctx, "reports"); n != 43 {
			t.Errorf("next number after restore = %d, want 43", n)
		}
		// The journal goes on where it was.
		commit(t, j, 99)
		run(t, archive, j)
		again, _, _ := j.Digest(ctx)
		rdb.FlushAll(ctx)
		if err := archive.Restore(ctx, j, nil); err != nil {
			t.Fatal(err)
		}
		if last, _, _ := j.Digest(ctx); last != again {
			t.Error("digest differs after a second restore")
		}
	})
}

func TestRestoreRefusesABrokenArchiveAndLeavesNothing(t *testing.T) {
	seg := func(n int) string { return fmt.Sprintf("journal/410700/%012d", n) }
	tests := []struct {
		name   string
		damage func(t *testing.T, s objects.Store)
	}{
		{"middle segment missing", func(t *testing.T, s objects.Store) { remove(t, s, seg(2)) }},
		{"last segment missing", func(t *testing.T, s objects.Store) { remove(t, s, seg(5)) }},
		{"all segments missing", func(t *testing.T, s objects.Store) {
			for n := 1; n <= 5; n++ {
				remove(t, s, seg(n))
			}
		}},
		{"two segments exchanged", func(t *testing.T, s objects.Store) {
			a, b := get(t, s, seg(2)), get(t, s, seg(3))
			put(t, s, seg(2), b)
			put(t, s, seg(3), a)
		}},
		{"a byte altered", func(t *testing.T, s objects.Store) {
			data := bytes.Clone(get(t, s, seg(3)))
			data[len(data)-5] ^= 1
			put(t, s, seg(3), data)
		}},
		{"header altered", func(t *testing.T, s objects.Store) {
			data := strings.Replace(string(get(t, s, seg(2))), `"count":7`, `"count":6`, 1)
			put(t, s, seg(2), []byte(data))
		}},
		{"last segment replaced by the one before", func(t *testing.T, s objects.Store) {
			put(t, s, seg(5), get(t, s, seg(4)))
		}},
		{"a segment of another city", func(t *testing.T, s objects.Store) {
			data := strings.Replace(string(get(t, s, seg(1))), "410700", "410800", 1)
			put(t, s, seg(1), []byte(data))
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			rdb := redistest.Embedded(t)
			store := directory(t)
			archive := newArchive(store)
			j := journal.New(rdb, "410700", journal.Options{})
			fill(t, j, archive)
			test.damage(t, store)
			rdb.FlushAll(ctx)
			if err := archive.Restore(ctx, j, nil); !errors.Is(err, journal.ErrBroken) {
				t.Fatalf("error = %v, want ErrBroken", err)
			}
			if n := rdb.DBSize(ctx).Val(); n != 0 {
				t.Errorf("a refused restore left %d keys", n)
			}
		})
	}
}

func TestArchiveNeverForksAfterLosingRedis(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		archive := newArchive(directory(t))
		j := journal.New(rdb, "410700", journal.Options{})
		fill(t, j, archive)
		rdb.FlushAll(t.Context())
		if _, err := archive.Run(t.Context(), j); !errors.Is(err, journal.ErrBehind) {
			t.Errorf("archiving an empty Redis: %v, want ErrBehind", err)
		}
		commit(t, j, 1)
		if _, err := archive.Run(t.Context(), j); !errors.Is(err, journal.ErrBehind) {
			t.Errorf("archiving new changes of a Redis that lost the old: %v, want ErrBehind", err)
		}
	})
}

func TestArchivingAtOnceInManyProcessesLosesNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		archive := newArchive(directory(t))
		j := journal.New(rdb, "410700", journal.Options{})
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 20 {
					commit(t, j, w*100+i)
					if _, err := archive.Run(context.WithoutCancel(ctx), j); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		run(t, archive, j)
		entries := 0
		if _, err := archive.Walk(ctx, "410700", func(journal.Past) error { entries++; return nil }); err != nil {
			t.Fatal(err)
		}
		if entries != 80 {
			t.Errorf("archive has %d entries, want 80", entries)
		}
		if n := rdb.XLen(ctx, j.Key("journal")).Val(); n != 0 {
			t.Errorf("%d entries left in Redis", n)
		}
	})
}

func TestSyncedCommitIsInTheArchiveWhenItReturns(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		archive := newArchive(directory(t))
		j := journal.New(rdb, "410700", journal.Options{Archive: archive, Sync: true})
		for i := range 3 {
			commit(t, j, i)
			entries := 0
			if _, err := archive.Walk(t.Context(), "410700", func(journal.Past) error { entries++; return nil }); err != nil {
				t.Fatal(err)
			}
			if entries != i+1 {
				t.Fatalf("after %d commits the archive has %d", i+1, entries)
			}
		}
	})
}

func remove(t *testing.T, s objects.Store, name string) {
	t.Helper()
	if err := s.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, s objects.Store, name string) []byte {
	t.Helper()
	data, _, err := s.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func put(t *testing.T, s objects.Store, name string, data []byte) {
	t.Helper()
	if _, err := s.Put(t.Context(), name, data, objects.Attr{}); err != nil {
		t.Fatal(err)
	}
}
