package journal

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrNotEmpty is returned when a restore finds state of the city in Redis.
var ErrNotEmpty = errors.New("journal: Redis already holds this city")

// ErrRestoring is returned when another restore of the city is at work.
var ErrRestoring = errors.New("journal: another restore of this city is at work")

// restoring names the mark of a restore that has begun and not ended: what Redis
// holds of the city is then a part of it. No commit is made beside the mark, and
// the next restore takes the part away. A crash leaves it where it is.
func (j *Journal) restoring() string { return j.Tmp("restoring") }

// restoreLease is how long a restore keeps others out without a sign of life; it
// gives one with each part it replays.
const restoreLease = 30 * time.Second

// replayable are the commands an entry may hold. Anything else in an archive
// was not written by this package.
var replayable = map[string]bool{
	"SET": true, "DEL": true, "HSET": true, "HDEL": true, "SADD": true, "SREM": true,
	"ZADD": true, "ZREM": true, counter: true,
}

// Restore rebuilds the city's state in an empty Redis from the archive, and
// reports after each segment how many entries it has replayed. It refuses an
// archive that is broken (ErrBroken); what it replayed until then is taken away
// again, also what one left behind that was killed. Sessions, tickets and locks do
// not come back. One restore works at a time (ErrRestoring), and nobody can commit
// until it has ended.
func (a *Archive) Restore(ctx context.Context, j *Journal, progress func(entries int64)) (err error) {
	lease, token := j.Tmp("restore"), rand.Text()
	alone, err := j.rdb.SetNX(ctx, lease, token, restoreLease).Result()
	if err != nil {
		return fmt.Errorf("journal: restore: %w", err)
	}
	if !alone {
		return ErrRestoring
	}
	defer func() {
		// It ends by itself where this does not reach Redis.
		j.rdb.Del(context.WithoutCancel(ctx), lease)
	}()
	if err := begin(ctx, j); err != nil {
		return err
	}
	defer func() {
		ctx := context.WithoutCancel(ctx)
		if err != nil {
			if undone := wipe(ctx, j); undone != nil {
				err = errors.Join(err, undone)
				return // the mark stays: part of the city is there
			}
		}
		if end := j.rdb.Del(ctx, j.restoring()).Err(); end != nil {
			err = errors.Join(err, fmt.Errorf("journal: restore: %w", end))
		}
	}()
	var done int64
	counters := map[string]int64{}
	at, _, err := a.walk(ctx, j.city, func(s segment) error {
		pipe := j.rdb.Pipeline()
		pipe.PExpire(ctx, lease, restoreLease)
		for _, e := range s.entries {
			writes, err := unpackedWrites(e.V, e.writes)
			if err != nil {
				return fmt.Errorf("%w: entry %s: %w", ErrBroken, e.ID, err)
			}
			commands, err := decode(writes)
			if err != nil {
				return fmt.Errorf("%w: entry %s: %w", ErrBroken, e.ID, err)
			}
			for _, c := range commands {
				if !replayable[c[0]] || len(c) < 2 || !strings.HasPrefix(c[1], "{"+j.city+"}:") {
					return fmt.Errorf("%w: entry %s holds %q", ErrBroken, e.ID, c[0])
				}
				if c[0] == counter {
					n, err := strconv.ParseInt(c[len(c)-1], 10, 64)
					if err != nil {
						return fmt.Errorf("%w: entry %s: counter: %w", ErrBroken, e.ID, err)
					}
					counters[c[1]] = max(counters[c[1]], n)
					continue
				}
				args := make([]any, len(c))
				for i := range c {
					args[i] = c[i]
				}
				pipe.Do(ctx, args...)
			}
			if pipe.Len() > 5_000 {
				if _, err := pipe.Exec(ctx); err != nil {
					return fmt.Errorf("journal: replaying entry %s: %w", e.ID, err)
				}
			}
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("journal: replaying segment %d: %w", s.Seq, err)
		}
		done += int64(len(s.entries))
		if progress != nil {
			progress(done)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if at.Seq == 0 {
		return nil
	}
	_, err = j.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for key, n := range counters {
			p.Set(ctx, key, n, 0)
		}
		p.HSet(ctx, j.Key("journal", "head"), "seq", at.Seq, "hash", at.Hash, "last", at.Last)
		// The stream must go on after the last archived id even where this
		// machine's clock is behind the lost one's.
		p.Do(ctx, "XADD", j.Key("journal"), at.Last, "restored", "1")
		p.Do(ctx, "XDEL", j.Key("journal"), at.Last)
		return nil
	})
	if err != nil {
		return fmt.Errorf("journal: setting head: %w", err)
	}
	return nil
}

// begin marks the city as being restored, having seen that there is nothing of it
// but what a restore left that did not come to its end.
func begin(ctx context.Context, j *Journal) error {
	half, err := j.rdb.Exists(ctx, j.restoring()).Result()
	if err != nil {
		return fmt.Errorf("journal: restore: %w", err)
	}
	if half == 1 {
		// The stream may have got its last id already, which it takes only once.
		waiting, err := j.rdb.XLen(ctx, j.Key("journal")).Result()
		if err == nil && waiting == 0 {
			err = j.rdb.Del(ctx, j.Key("journal")).Err()
		}
		if err != nil {
			return fmt.Errorf("journal: restore: %w", err)
		}
		return wipe(ctx, j)
	}
	if err := untouched(ctx, j); err != nil {
		return err
	}
	if err := j.rdb.Set(ctx, j.restoring(), "1", 0).Err(); err != nil {
		return fmt.Errorf("journal: restore: %w", err)
	}
	// Now nobody commits; somebody may have between the look and the mark.
	if err := untouched(ctx, j); err != nil {
		return errors.Join(err, j.rdb.Del(ctx, j.restoring()).Err())
	}
	return nil
}

// untouched returns ErrNotEmpty where Redis holds state of the city.
func untouched(ctx context.Context, j *Journal) error {
	err := each(ctx, j, func(string) error { return ErrNotEmpty })
	if err != nil && !errors.Is(err, ErrNotEmpty) {
		return fmt.Errorf("journal: restore: %w", err)
	}
	return err
}

// wipe removes what a failed restore left.
func wipe(ctx context.Context, j *Journal) error {
	var keys []string
	if err := each(ctx, j, func(key string) error { keys = append(keys, key); return nil }); err != nil {
		return err
	}
	for part := range slices.Chunk(keys, 1000) {
		if err := j.rdb.Del(ctx, part...).Err(); err != nil {
			return fmt.Errorf("journal: removing a half restore: %w", err)
		}
	}
	return nil
}

// each visits every key of the city's state: not tmp, not the journal itself,
// not the counters (a number may have been taken for a commit that never came).
func each(ctx context.Context, j *Journal, visit func(key string) error) error {
	skip := []string{j.Tmp(""), j.Key("journal"), j.Key("seq")}
	seen := map[string]bool{} // SCAN may return a key twice while a table grows
	scan := func(ctx context.Context, c redis.Cmdable) error {
		it := c.Scan(ctx, 0, "{"+j.city+"}:*", 2000).Iterator()
		for it.Next(ctx) {
			key := it.Val()
			if seen[key] || slices.ContainsFunc(skip, func(p string) bool { return strings.HasPrefix(key, p) }) {
				continue
			}
			seen[key] = true
			if err := visit(key); err != nil {
				return err
			}
		}
		return it.Err()
	}
	if cluster, ok := j.rdb.(*redis.ClusterClient); ok {
		// All keys of a city are on one node.
		node, err := cluster.MasterForKey(ctx, j.Key("journal"))
		if err != nil {
			return fmt.Errorf("journal: finding the city's node: %w", err)
		}
		return scan(ctx, node)
	}
	return scan(ctx, j.rdb)
}

// Digest is a hash over the city's whole state in canonical form (keys and
// members sorted): two servers with the same digest hold the
// same state. It returns the number of keys too. Nobody may write meanwhile.
func (j *Journal) Digest(ctx context.Context) (digest string, keys int, err error) {
	var names []string
	if err := each(ctx, j, func(key string) error { names = append(names, key); return nil }); err != nil {
		return "", 0, err
	}
	slices.Sort(names)
	sum := sha256.New()
	for part := range slices.Chunk(names, 500) {
		if err := canonical(ctx, j.rdb, part, sum); err != nil {
			return "", 0, err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), len(names), nil
}

func canonical(ctx context.Context, rdb redis.UniversalClient, keys []string, w io.Writer) error {
	pipe := rdb.Pipeline()
	kinds := make([]*redis.StatusCmd, len(keys))
	for i, key := range keys {
		kinds[i] = pipe.Type(ctx, key)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("journal: digest: %w", err)
	}
	values := make([]redis.Cmder, len(keys))
	for i, key := range keys {
		switch kinds[i].Val() {
		case "string":
			values[i] = pipe.Get(ctx, key)
		case "hash":
			values[i] = pipe.HGetAll(ctx, key)
		case "set":
			values[i] = pipe.SMembers(ctx, key)
		case "zset":
			values[i] = pipe.ZRangeWithScores(ctx, key, 0, -1)
		default:
			return fmt.Errorf("journal: digest: key of type %q", kinds[i].Val())
		}
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("journal: digest: %w", err)
	}
	for i, key := range keys {
		line := []string{key, kinds[i].Val()}
		switch v := values[i].(type) {
		case *redis.StringCmd:
			line = append(line, v.Val())
		case *redis.MapStringStringCmd:
			for _, f := range sorted(v.Val()) {
				line = append(line, f, v.Val()[f])
			}
		case *redis.StringSliceCmd:
			members := v.Val()
			slices.Sort(members)
			line = append(line, members...)
		case *redis.ZSliceCmd:
			for _, z := range v.Val() {
				line = append(line, strconv.FormatFloat(z.Score, 'g', -1, 64), fmt.Sprint(z.Member))
			}
		}
		if _, err := w.Write(encode([][]string{line})); err != nil {
			return err
		}
	}
	return nil
}

func sorted(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
