package journal_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
)

var noon = time.Date(2026, 4, 10, 4, 0, 0, 0, time.UTC)

func entry(action string) journal.Entry {
	return journal.Entry{Actor: "system", Action: action, Ref: "r1", At: noon}
}

func TestCommitWritesStateAndEntryTogether(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		j := journal.New(rdb, "410700", journal.Options{})
		err := j.Commit(ctx, entry("test.put"), nil, func(tx *journal.Tx) error {
			tx.Set(j.Key("test", "a"), "甲\x00乙")
			tx.SAdd(j.Key("test", "set"), "x", "y")
			tx.ZAdd(j.Key("test", "zset"), 1.5, "m")
			tx.HSet(j.Key("test", "hash"), "f", "v")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := rdb.Get(ctx, "{410700}:test:a").Val(); got != "甲\x00乙" {
			t.Errorf("value = %q", got)
		}
		entries := rdb.XRange(ctx, "{410700}:journal", "-", "+").Val()
		if len(entries) != 1 || entries[0].Values["action"] != "test.put" {
			t.Fatalf("journal = %v, want one test.put", entries)
		}
	})
}

func TestRefusedCommitLeavesNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		j := journal.New(rdb, "410700", journal.Options{})
		refusal := fault.New(fault.Refused, "test.no")
		err := j.Commit(ctx, entry("test.put"), nil, func(tx *journal.Tx) error {
			tx.Set(j.Key("test", "a"), "1")
			return refusal
		})
		if !errors.Is(err, refusal) {
			t.Fatalf("error = %v, want the refusal itself", err)
		}
		if n := rdb.Exists(ctx, "{410700}:test:a", "{410700}:journal").Val(); n != 0 {
			t.Error("a refused commit left something")
		}
	})
}

func TestConcurrentCommitsOnOneRecordLoseNoUpdate(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		j := journal.New(rdb, "410700", journal.Options{})
		key := j.Key("test", "n")
		const writers, each = 4, 10
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for done := 0; done < each; {
					err := j.Commit(ctx, entry("test.add"), []string{key}, func(tx *journal.Tx) error {
						n, err := tx.Read().Get(ctx, key).Int()
						if err != nil && !errors.Is(err, redis.Nil) {
							return err
						}
						tx.Set(key, strconv.Itoa(n+1))
						return nil
					})
					if fault.Is(err, fault.Conflict) {
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					done++
				}
			})
		}
		wg.Wait()
		if n, _ := rdb.Get(ctx, key).Int(); n != writers*each {
			t.Errorf("counted %d, want %d", n, writers*each)
		}
		if n := rdb.XLen(ctx, j.Key("journal")).Val(); n != writers*each {
			t.Errorf("journal has %d entries, want %d", n, writers*each)
		}
	})
}

func TestCommitsThatReadBesideThemselvesNeverWaitForEachOther(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		options := *rdb.Options()
		options.PoolSize, options.PoolTimeout = 4, 2*time.Second
		few := redis.NewClient(&options)
		t.Cleanup(func() { _ = few.Close() })
		j := journal.New(few, "410700", journal.Options{})
		var all sync.WaitGroup
		for n := range 100 {
			all.Go(func() {
				err := j.Commit(ctx, entry("test.put"), []string{j.Key("test", strconv.Itoa(n))}, func(tx *journal.Tx) error {
					if err := j.Redis().Get(ctx, j.Key("calendar")).Err(); !errors.Is(err, redis.Nil) {
						return err
					}
					tx.Set(j.Key("test", strconv.Itoa(n)), "1")
					return nil
				})
				if err != nil {
					t.Errorf("%d: %v", n, err)
				}
			})
		}
		all.Wait()
	})
}

func TestBulkWorkWaitsForTheArchive(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		j := journal.New(rdb, "410700", journal.Options{Backlog: 2})
		for i := range 3 {
			if err := j.Room(ctx); err != nil {
				t.Fatalf("refused at %d entries: %v", i, err)
			}
			commit(t, j, i)
		}
		if err := j.Room(ctx); !fault.Is(err, fault.Unavailable) {
			t.Errorf("with 3 entries of 2 waiting: %v, want unavailable", err)
		}
	})
}

func TestBulkWorkWaitsForTheArchiveByBytesToo(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		archive := newArchive(directory(t))
		j := journal.New(rdb, "410700", journal.Options{BacklogBytes: 300})
		for i := 0; ; i++ {
			if err := j.Room(t.Context()); fault.Is(err, fault.Unavailable) {
				break
			} else if err != nil || i > 20 {
				t.Fatalf("after %d commits: %v, want unavailable", i, err)
			}
			commit(t, j, i)
		}
		run(t, archive, j)
		if err := j.Room(t.Context()); err != nil {
			t.Errorf("after archiving: %v", err)
		}
	})
}

func commit(t *testing.T, j *journal.Journal, i int) {
	t.Helper()
	err := j.Commit(context.Background(), entry("test.put"), nil, func(tx *journal.Tx) error {
		tx.Set(j.Key("test", fmt.Sprint(i)), fmt.Sprint("value ", i))
		tx.SAdd(j.Key("test", "all"), fmt.Sprint(i))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func BenchmarkCommit(b *testing.B) {
	rdb := redistest.Durable(b, b.TempDir(), "--appendonly", "yes", "--appendfsync", "always")
	j := journal.New(rdb, "410700", journal.Options{})
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			err := j.Commit(b.Context(), entry("test.put"), nil, func(tx *journal.Tx) error {
				tx.Set(j.Key("test", fmt.Sprint(i)), "value")
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
