package journal_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
)

var errKilled = errors.New("killed")

// killed lets the first n calls to Redis through and no other, as for a process
// that ends there.
type killed struct{ left *int }

func (k killed) DialHook(next redis.DialHook) redis.DialHook { return next }

func (k killed) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if *k.left--; *k.left < 0 {
			cmd.SetErr(errKilled)
			return errKilled
		}
		return next(ctx, cmd)
	}
}

func (k killed) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if *k.left--; *k.left < 0 {
			for _, c := range cmds {
				c.SetErr(errKilled)
			}
			return errKilled
		}
		return next(ctx, cmds)
	}
}

// TestRestoreKilledAnywhereIsBegunAgain ends a restore after each of its calls.
// Until another has come to its end nobody can write, and then nothing is
// missing.
func TestRestoreKilledAnywhereIsBegunAgain(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		archive := newArchive(directory(t))
		j := journal.New(rdb, "410700", journal.Options{})
		fill(t, j, archive)
		before, _, err := j.Digest(ctx)
		if err != nil {
			t.Fatal(err)
		}
		halves := 0
		for n := 0; ; n++ {
			if n > 200 {
				t.Fatal("a restore of a small city makes no end of calls")
			}
			rdb.FlushAll(ctx)
			left := n
			dying := redis.NewClient(rdb.Options())
			dying.AddHook(killed{&left})
			err := archive.Restore(ctx, journal.New(dying, "410700", journal.Options{}), nil)
			_ = dying.Close()
			if err == nil && left >= 0 {
				break // nothing was cut off
			}
			rdb.Del(ctx, j.Tmp("restore")) // the lease runs out
			now, keys, derr := j.Digest(ctx)
			if derr != nil {
				t.Fatal(derr)
			}
			if now != before && keys > 0 {
				halves++
				wrote := j.Commit(ctx, entry("test.meanwhile"), nil, func(tx *journal.Tx) error {
					tx.Set(j.Key("test", "meanwhile"), "1")
					return nil
				})
				if f, _ := fault.Of(wrote); f == nil || f.Code != "journal.restoring" || f.RetryAfter == 0 {
					t.Errorf("after %d calls: a write into a part of the city gives %v", n, wrote)
				}
			}
			again := archive.Restore(ctx, j, nil)
			if errors.Is(again, journal.ErrNotEmpty) && now == before {
				continue // all was there but the end of the lease
			}
			if again != nil {
				t.Fatalf("after %d calls: %v", n, again)
			}
			if now, _, err = j.Digest(ctx); err != nil || now != before {
				t.Fatalf("after %d calls the next restore gives another state: %v", n, err)
			}
			if err := j.Commit(ctx, entry("test.after"), nil, func(tx *journal.Tx) error {
				tx.Set(j.Key("test", "after"), fmt.Sprint(n))
				return nil
			}); err != nil {
				t.Fatalf("after %d calls and a restore: %v", n, err)
			}
		}
		if halves < 3 {
			t.Errorf("only %d of the restores were cut off in their middle", halves)
		}
	})
}

func TestOneRestoreAtATime(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		archive := newArchive(directory(t))
		j := journal.New(rdb, "410700", journal.Options{})
		fill(t, j, archive)
		rdb.FlushAll(ctx)
		second := 0
		err := archive.Restore(ctx, j, func(int64) {
			second++
			if err := archive.Restore(ctx, j, nil); !errors.Is(err, journal.ErrRestoring) {
				t.Errorf("beside another: %v", err)
			}
		})
		if err != nil || second == 0 {
			t.Fatalf("%d parts, %v", second, err)
		}
		// A city that is there is not touched, whatever was left behind.
		digest, _, err := j.Digest(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := archive.Restore(ctx, j, nil); !errors.Is(err, journal.ErrNotEmpty) {
			t.Errorf("over a whole city: %v", err)
		}
		if now, _, err := j.Digest(ctx); err != nil || now != digest {
			t.Errorf("a refused restore changed the city: %v", err)
		}
		if n := rdb.Exists(ctx, j.Tmp("restore"), j.Tmp("restoring")).Val(); n != 0 {
			t.Errorf("%d marks were left", n)
		}
	})
}

// TestCommitThatARestoreOvertakesIsRefused: the mark is set while the commit is
// under way.
func TestCommitThatARestoreOvertakesIsRefused(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		j := journal.New(rdb, "410700", journal.Options{})
		err := j.Commit(ctx, entry("test.late"), []string{j.Key("test", "a")}, func(tx *journal.Tx) error {
			rdb.Set(ctx, j.Tmp("restoring"), "1", 0)
			tx.Set(j.Key("test", "a"), "1")
			return nil
		})
		if f, _ := fault.Of(err); f == nil || f.Code != "journal.restoring" {
			t.Errorf("%v, want refused", err)
		}
		if n := rdb.Exists(ctx, j.Key("test", "a"), j.Key("journal")).Val(); n != 0 {
			t.Error("it wrote")
		}
	})
}
