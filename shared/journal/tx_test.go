package journal_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/s2"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
)

// TestWritesOfOneCommitTakeEffectInTheirOrder compares commits, in which commands
// on one key are joined, with the same writes one commit each.
func TestWritesOfOneCommitTakeEffectInTheirOrder(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		together, apart, drafted := journal.New(rdb, "410700", journal.Options{}), journal.New(rdb, "410800", journal.Options{}), journal.New(rdb, "410900", journal.Options{})
		rapid.Check(t, func(r *rapid.T) {
			if err := rdb.FlushAll(ctx).Err(); err != nil {
				r.Fatal(err)
			}
			type write func(j *journal.Journal, tx *journal.Tx)
			var writes []write
			for range rapid.IntRange(1, 25).Draw(r, "writes") {
				// A key holds one type, as those of the matters do.
				n, member := rapid.IntRange(0, 1).Draw(r, "key"), fmt.Sprint(rapid.IntRange(0, 2).Draw(r, "member"))
				value := fmt.Sprint(rapid.IntRange(0, 9).Draw(r, "value"))
				key := func(j *journal.Journal, kind string) string { return j.Key("test", kind, fmt.Sprint(n)) }
				writes = append(writes, rapid.SampledFrom([]write{
					func(j *journal.Journal, tx *journal.Tx) { tx.Set(key(j, "string"), value) },
					func(j *journal.Journal, tx *journal.Tx) { tx.Del(key(j, "string"), key(j, "set")) },
					func(j *journal.Journal, tx *journal.Tx) { tx.Del(key(j, "zset")) },
					func(j *journal.Journal, tx *journal.Tx) { tx.SAdd(key(j, "set"), member, "x") },
					func(j *journal.Journal, tx *journal.Tx) { tx.SRem(key(j, "set"), member) },
					func(j *journal.Journal, tx *journal.Tx) { tx.ZAdd(key(j, "zset"), float64(len(member)+n), member) },
					func(j *journal.Journal, tx *journal.Tx) { tx.ZAdd(key(j, "zset"), float64(value[0]), member) },
					func(j *journal.Journal, tx *journal.Tx) { tx.ZRem(key(j, "zset"), member) },
					func(j *journal.Journal, tx *journal.Tx) { tx.HSet(key(j, "hash"), member, value) },
					func(j *journal.Journal, tx *journal.Tx) { tx.HDel(key(j, "hash"), member) },
				}).Draw(r, "write"))
			}
			commit := func(j *journal.Journal, f func(tx *journal.Tx) error) {
				if err := j.Commit(ctx, entry("test.put"), nil, f); err != nil {
					r.Fatal(err)
				}
			}
			commit(together, func(tx *journal.Tx) error {
				for _, w := range writes {
					w(together, tx)
				}
				return nil
			})
			for _, w := range writes {
				commit(apart, func(tx *journal.Tx) error { w(apart, tx); return nil })
			}
			cut := rapid.IntRange(0, len(writes)).Draw(r, "drafted")
			draft, err := drafted.Draft(ctx, func(tx *journal.Tx) error {
				for _, w := range writes[:cut] {
					w(drafted, tx)
				}
				return nil
			})
			if err != nil {
				r.Fatal(err)
			}
			commit(drafted, func(tx *journal.Tx) error {
				tx.Adopt(draft)
				for _, w := range writes[cut:] {
					w(drafted, tx)
				}
				return nil
			})
			want := held(r, rdb, "{410800}:test:")
			for _, city := range []string{"410700", "410900"} {
				if diff := cmp.Diff(want, held(r, rdb, "{"+city+"}:test:")); diff != "" {
					r.Fatalf("%s (-apart +together):\n%s", city, diff)
				}
			}
		})
	})
}

// held is what the keys with the prefix hold, without the prefix.
func held(t *rapid.T, rdb *redis.Client, prefix string) map[string]string {
	ctx := context.Background()
	out := map[string]string{}
	keys, err := rdb.Keys(ctx, prefix+"*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		name := strings.TrimPrefix(key, prefix)
		switch kind, _, _ := strings.Cut(name, ":"); kind {
		case "string":
			out[name] = rdb.Get(ctx, key).Val()
		case "set":
			out[name] = fmt.Sprint(rdb.SMembersMap(ctx, key).Val())
		case "zset":
			out[name] = fmt.Sprint(rdb.ZRangeWithScores(ctx, key, 0, -1).Val())
		case "hash":
			out[name] = fmt.Sprint(rdb.HGetAll(ctx, key).Val())
		}
	}
	return out
}

func TestMembersOfOneKeyAreOneCommand(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		j := journal.New(rdb, "410700", journal.Options{})
		err := j.Commit(t.Context(), entry("test.put"), nil, func(tx *journal.Tx) error {
			for i := range 300 {
				tx.ZAdd(j.Key("test", "list"), float64(i), fmt.Sprint(i))
				tx.Set(j.Key("test", fmt.Sprint(i)), "v")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		w := rdb.XRange(t.Context(), j.Key("journal"), "-", "+").Val()[0].Values["w"].(string)
		if n := strings.Count(w, "ZADD"); n != 1 {
			t.Errorf("the entry has %d ZADD, want 1", n)
		}
		if n := rdb.ZCard(t.Context(), j.Key("test", "list")).Val(); n != 300 {
			t.Errorf("%d members, want 300", n)
		}
	})
}

// TestLongEntriesArePackedUntilTheyAreArchived: what is restored is the same, and
// the archive needs no other reader than before.
func TestLongEntriesArePackedUntilTheyAreArchived(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		archive := newArchive(directory(t))
		j := journal.New(rdb, "410700", journal.Options{})
		value := strings.Repeat("商标侵权", 100)
		for _, n := range []int{1, 200} { // 1 KiB and 250 KiB of writes
			err := j.Commit(ctx, entry("test.put"), nil, func(tx *journal.Tx) error {
				for i := range n {
					tx.Set(j.Key("test", fmt.Sprint(n, i)), value)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		entries := rdb.XRange(ctx, j.Key("journal"), "-", "+").Val()
		if v := entries[0].Values["v"]; v != "1" {
			t.Errorf("the short entry has version %v, want 1", v)
		}
		w := entries[1].Values["w"].(string)
		plain, err := s2.Decode(nil, []byte(w))
		if entries[1].Values["v"] != "2" || err != nil || len(w) > len(plain)/4 || strings.Count(string(plain), value) != 200 {
			t.Errorf("the long entry: version %v, %d of %d bytes, %v", entries[1].Values["v"], len(w), len(plain), err)
		}
		want, keys, err := j.Digest(ctx)
		if err != nil || keys != 201 {
			t.Fatalf("%d keys, %v", keys, err)
		}
		run(t, archive, j)
		if left := rdb.Get(ctx, j.Tmp("journal")).Val(); left != "0" {
			t.Errorf("%s bytes still count as waiting", left)
		}
		_, err = archive.Walk(ctx, "410700", func(p journal.Past) error {
			if p.V != "1" {
				t.Errorf("entry %s is archived as version %s", p.ID, p.V)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := rdb.FlushAll(ctx).Err(); err != nil {
			t.Fatal(err)
		}
		if err := archive.Restore(ctx, j, nil); err != nil {
			t.Fatal(err)
		}
		if got, _, err := j.Digest(ctx); err != nil || got != want {
			t.Errorf("digest %s, want %s (%v)", got, want, err)
		}
	})
}

func TestForgettingNothingSpoilsNoCommit(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		j := journal.New(rdb, "410700", journal.Options{})
		rdb.Set(t.Context(), j.Tmp("mark"), "1", 0)
		rdb.ZAdd(t.Context(), j.Tmp("list"), redis.Z{Member: "a"}, redis.Z{Member: "b"})
		err := j.Commit(t.Context(), entry("test.put"), nil, func(tx *journal.Tx) error {
			tx.Forget()
			tx.ForgetIn(j.Tmp("list"))
			tx.Forget(j.Tmp("mark"))
			tx.ForgetIn(j.Tmp("list"), "a")
			tx.Set(j.Key("test", "1"), "v")
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := rdb.Exists(t.Context(), j.Tmp("mark")).Val(); n != 0 {
			t.Error("the mark is still there")
		}
		if left := rdb.ZRange(t.Context(), j.Tmp("list"), 0, -1).Val(); len(left) != 1 || left[0] != "b" {
			t.Errorf("left is %v, want b", left)
		}
		w := rdb.XRange(t.Context(), j.Key("journal"), "-", "+").Val()[0].Values["w"].(string)
		if strings.Contains(w, ":tmp:") {
			t.Errorf("the journal has %q", w)
		}
	})
}

func TestWhatIsWatchedAsItIsReadMakesTheCommitStartAgain(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		ctx := t.Context()
		j := journal.New(rdb, "410700", journal.Options{})
		if err := rdb.Set(ctx, j.Key("there"), "1", 0).Err(); err != nil {
			t.Fatal(err)
		}
		tries := 0
		err := j.Commit(ctx, journal.Entry{Actor: "test", Action: "test.watch", At: time.Unix(0, 0)}, nil, func(tx *journal.Tx) error {
			tries++
			found, err := tx.WatchTexts(j.Key("missing"), j.Key("there"))
			if err != nil {
				return err
			}
			want := []string{"", "1"}
			if tries > 1 {
				want = []string{"2", "1"}
			} else if err := rdb.Set(ctx, j.Key("missing"), "2", 0).Err(); err != nil { // somebody comes between
				return err
			}
			if diff := cmp.Diff(want, found); diff != "" {
				t.Errorf("try %d: %s", tries, diff)
			}
			tx.Set(j.Key("out"), strings.Join(found, ","))
			return nil
		})
		if out := rdb.Get(ctx, j.Key("out")).Val(); err != nil || tries != 2 || out != "2,1" {
			t.Errorf("%d tries wrote %q (%v), want the second to count", tries, out, err)
		}
	})
}
