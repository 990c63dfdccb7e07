package notary

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/mod/sumdb/tlog"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// leaseTime is how long a sequencer that died keeps the others out. It saves
// work, nothing else: what decides is which object was created.
const leaseTime = 30 * time.Second

// queued is a leaf that waits, as one member of the queue's sorted set:
// id, place and entry, a line each.
type queued struct {
	member string
	id, at string
	entry  []byte
}

// head is the newest checkpoint that Redis knows of.
type head struct {
	Seq  int64     `json:"seq"`
	Size int64     `json:"size"`
	Root tlog.Hash `json:"root"`
}

// Queue makes the leaf part of the log once the commit is made and the sequencer
// has come by. It reads nothing and watches nothing.
//
// id names the leaf to us, never to the public: up to 200 printable ASCII
// characters without space. The same id, place and leaf queued twice while it
// waits is one leaf; otherwise each queued leaf gets an entry of its own.
//
// at is the full name of a key of the city, or "". The sequencer sets it to the
// decimal index of the entry in the same commit that takes the leaf out of the
// queue. Of several leaves for one key that wait together the last one counts,
// by Leaf.At and then by id: let the ids of one key sort in the order of events,
// for instance with a version number of fixed width at the end.
// With at == "" the index is kept under the id, see Index.
func (l *Log) Queue(tx *journal.Tx, id string, leaf Leaf, at string) error {
	member, when, err := l.member(id, leaf, at)
	if err != nil {
		return err
	}
	tx.ZAdd(l.queueKey(), float64(when.UnixMilli()), member)
	return nil
}

// Waits tells whether a leaf that was queued like this still waits for its entry.
func (l *Log) Waits(ctx context.Context, id string, leaf Leaf, at string) (bool, error) {
	member, _, err := l.member(id, leaf, at)
	if err != nil {
		return false, err
	}
	err = l.journal.Redis().ZScore(ctx, l.queueKey(), member).Err()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("notary: queue: %w", err)
	}
	return true, nil
}

// member is the leaf as it stands in the queue, and its time, which orders it.
func (l *Log) member(id string, leaf Leaf, at string) (string, time.Time, error) {
	entry, err := leaf.Entry()
	if err != nil {
		return "", time.Time{}, err
	}
	when, err := leaf.when()
	if err != nil {
		return "", time.Time{}, err
	}
	if !printable(id) || len(id) > 200 {
		return "", time.Time{}, fmt.Errorf("notary: %q names no leaf", id)
	}
	if at != "" && (!printable(at) || !strings.HasPrefix(at, l.journal.Key("")) || strings.HasPrefix(at, l.journal.Tmp(""))) {
		return "", time.Time{}, fmt.Errorf("notary: %q is no key of the city's state", at)
	}
	return id + "\n" + at + "\n" + string(entry), when, nil
}

func printable(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return s != ""
}

func parseQueued(member string) (queued, error) {
	parts := strings.SplitN(member, "\n", 3)
	if len(parts) != 3 {
		return queued{}, fmt.Errorf("%w: a member of the queue is no leaf", ErrBroken)
	}
	return queued{member: member, id: parts[0], at: parts[1], entry: []byte(parts[2])}, nil
}

func (l *Log) queueKey() string   { return l.journal.Key("notary", l.name, "queue") }
func (l *Log) headKey() string    { return l.journal.Key("notary", l.name, "head") }
func (l *Log) indexKey() string   { return l.journal.Key("notary", l.name, "index") }
func (l *Log) orphansKey() string { return l.journal.Key("notary", l.name, "orphans") }
func (l *Log) leaseKey() string   { return l.journal.Tmp("notary", l.name, "lease") }
func (l *Log) fenceKey() string   { return l.journal.Tmp("notary", l.name, "fence") }

func (l *Log) mirrorKey() string { return l.journal.Tmp("notary", l.name, "mirror") }

func (l *Log) mirrorTileKey(t tlog.Tile) string {
	return l.journal.Tmp("notary", l.name, "tile", strconv.Itoa(t.L), strconv.FormatInt(t.N, 10))
}

// readMirror is the mirror; its Seq is 0 where there is none.
func (l *Log) readMirror(ctx context.Context) (mirrored, error) {
	var m mirrored
	text, err := l.journal.Redis().Get(ctx, l.mirrorKey()).Result()
	if errors.Is(err, redis.Nil) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &m)
	}
	if err != nil {
		return m, fmt.Errorf("notary: mirror: %w", err)
	}
	return m, nil
}

// writeMirror writes complete tiles and then, unless it is nil, the mirror that
// needs them.
func (l *Log) writeMirror(ctx context.Context, tiles map[tlog.Tile][]byte, m *mirrored) error {
	_, err := l.journal.Redis().TxPipelined(ctx, func(p redis.Pipeliner) error {
		for t, data := range tiles {
			p.Set(ctx, l.mirrorTileKey(t), data, 0)
		}
		if m == nil {
			return nil
		}
		text, err := json.Marshal(m)
		if err == nil {
			p.Set(ctx, l.mirrorKey(), text, 0)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("notary: mirror: %w", err)
	}
	return nil
}

// lacking are those of the tiles that the mirror does not have.
func (l *Log) lacking(ctx context.Context, tiles []tlog.Tile) ([]tlog.Tile, error) {
	there, err := l.journal.Redis().Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, t := range tiles {
			p.Exists(ctx, l.mirrorTileKey(t))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("notary: mirror: %w", err)
	}
	var lacking []tlog.Tile
	for i, c := range there {
		if n, ok := c.(*redis.IntCmd); ok && n.Val() == 0 {
			lacking = append(lacking, tiles[i])
		}
	}
	return lacking, nil
}

// mirrorTiles reads complete tiles, nil where one is not there.
func (l *Log) mirrorTiles(ctx context.Context, tiles []tlog.Tile) ([][]byte, error) {
	if len(tiles) == 0 {
		return nil, nil
	}
	keys := make([]string, len(tiles))
	for i, t := range tiles {
		keys[i] = l.mirrorTileKey(t)
	}
	values, err := l.journal.Redis().MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("notary: mirror: %w", err)
	}
	out := make([][]byte, len(tiles))
	for i, v := range values {
		if text, ok := v.(string); ok {
			out[i] = []byte(text)
		}
	}
	return out, nil
}

// Index tells the index of the leaf queued under the id with no place of its
// own; false while it waits, and for what never was.
func (l *Log) Index(ctx context.Context, id string) (int64, bool, error) {
	text, err := l.journal.Redis().HGet(ctx, l.indexKey(), id).Result()
	if errors.Is(err, redis.Nil) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("notary: index: %w", err)
	}
	n, err := decimal(text)
	if err != nil {
		return 0, false, fmt.Errorf("notary: index of %s: %w", id, err)
	}
	return n, true, nil
}

// Forget drops what Index knows of the id, as part of an erasure. The entry
// stays, and nothing but its commitment tells what it was.
func (l *Log) Forget(tx *journal.Tx, id string) { tx.HDel(l.indexKey(), id) }

// Waiting is how many leaves are queued.
func (l *Log) Waiting(ctx context.Context) (int64, error) {
	n, err := l.journal.Redis().ZCard(ctx, l.queueKey()).Result()
	if err != nil {
		return 0, fmt.Errorf("notary: queue: %w", err)
	}
	return n, nil
}

func (l *Log) head(ctx context.Context) (head, error) {
	return readHead(ctx, l.journal.Redis(), l.headKey())
}

func readHead(ctx context.Context, rdb redis.Cmdable, key string) (head, error) {
	var h head
	text, err := rdb.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return h, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &h)
	}
	if err != nil {
		return h, fmt.Errorf("notary: head: %w", err)
	}
	return h, nil
}

// waiting are the leaves that come next.
func (l *Log) waiting(ctx context.Context) ([]queued, error) {
	return l.queue(ctx, 0)
}

func (l *Log) queue(ctx context.Context, from int64) ([]queued, error) {
	members, err := l.journal.Redis().ZRange(ctx, l.queueKey(), from, from+l.batch-1).Result()
	if err != nil {
		return nil, fmt.Errorf("notary: queue: %w", err)
	}
	leaves := make([]queued, len(members))
	for i, m := range members {
		if leaves[i], err = parseQueued(m); err != nil {
			return nil, err
		}
	}
	return leaves, nil
}

// match finds the leaves of a step's entries in the queue, in the order of the
// entries. Entries whose leaf is not there any more, because Redis has lost it,
// are orphans: leaf hash → index.
func (l *Log) match(ctx context.Context, s *step) (leaves []queued, orphans map[string]int64, err error) {
	added := s.added()
	wanted := make(map[string][]int, len(added))
	for i, e := range added {
		wanted[string(e)] = append(wanted[string(e)], i)
	}
	leaves = make([]queued, len(added))
	seen := map[string]bool{} // a window may have moved by a leaf that came meanwhile
	left := len(added)
	for from := int64(0); left > 0; from += l.batch {
		window, err := l.queue(ctx, from)
		if err != nil {
			return nil, nil, err
		}
		for _, q := range window {
			places := wanted[string(q.entry)]
			if len(places) == 0 || seen[q.member] {
				continue
			}
			seen[q.member] = true
			leaves[places[0]], wanted[string(q.entry)] = q, places[1:]
			left--
		}
		if int64(len(window)) < l.batch {
			break
		}
	}
	orphans = map[string]int64{}
	for i, q := range leaves {
		if q.member == "" {
			orphans[leafHash(added[i])] = s.old.N + int64(i)
		}
	}
	return leaves, orphans, nil
}

func leafHash(entry []byte) string {
	h := tlog.RecordHash(entry)
	return hex.EncodeToString(h[:])
}

// rejoin gives leaves that were queued again the entries they have already, and
// returns the others.
func (l *Log) rejoin(ctx context.Context, leaves []queued, now time.Time) ([]queued, error) {
	lost, err := l.journal.Redis().HLen(ctx, l.orphansKey()).Result()
	if err != nil {
		return nil, fmt.Errorf("notary: orphans: %w", err)
	}
	if lost == 0 || len(leaves) == 0 {
		return leaves, nil
	}
	fields := make([]string, len(leaves))
	for i, q := range leaves {
		fields[i] = leafHash(q.entry)
	}
	found, err := l.journal.Redis().HMGet(ctx, l.orphansKey(), fields...).Result()
	if err != nil {
		return nil, fmt.Errorf("notary: orphans: %w", err)
	}
	var fresh, again []queued
	var indexes []int64
	var taken []string
	used := map[string]bool{}
	for i, q := range leaves {
		text, isOrphan := found[i].(string)
		if !isOrphan || used[fields[i]] {
			fresh = append(fresh, q)
			continue
		}
		n, err := decimal(text)
		if err != nil {
			return nil, fmt.Errorf("notary: orphan: %w", err)
		}
		used[fields[i]] = true
		again, indexes, taken = append(again, q), append(indexes, n), append(taken, fields[i])
	}
	if len(again) == 0 {
		return fresh, nil
	}
	err = l.journal.Commit(ctx, journal.Entry{Actor: "system", Action: "notary.rejoin", Ref: l.name, At: now}, nil,
		func(tx *journal.Tx) error {
			l.place(tx, again, func(i int) int64 { return indexes[i] })
			tx.HDel(l.orphansKey(), taken...)
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("notary: rejoin: %w", err)
	}
	return fresh, nil
}

// commit takes the leaves of a step out of the queue, tells their indexes and
// makes the step the head, all at once. A step that is the head already, or was,
// is left alone.
func (l *Log) commit(ctx context.Context, s *step, leaves []queued, orphans map[string]int64, now time.Time) error {
	text, err := json.Marshal(head{Seq: s.seq, Size: s.tree.N, Root: s.tree.Hash})
	if err != nil {
		return fmt.Errorf("notary: %w", err)
	}
	entry := journal.Entry{
		Actor: "system", Action: "notary.sequence", Ref: l.name + ":" + strconv.FormatInt(s.seq, 10), At: now,
	}
	err = l.journal.Commit(ctx, entry, []string{l.headKey()}, func(tx *journal.Tx) error {
		h, err := readHead(ctx, tx.Read(), l.headKey())
		if err != nil || h.Seq >= s.seq {
			return err
		}
		if h.Seq != s.seq-1 {
			return fmt.Errorf("notary: Redis went back to checkpoint %d of %s", h.Seq, l.name)
		}
		tx.Set(l.headKey(), string(text))
		l.place(tx, leaves, func(i int) int64 { return s.old.N + int64(i) })
		for hash, n := range orphans {
			tx.HSet(l.orphansKey(), hash, strconv.FormatInt(n, 10))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("notary: checkpoint %d of %s: %w", s.seq, l.name, err)
	}
	return nil
}

// place queues the writes that give leaves their indexes.
func (l *Log) place(tx *journal.Tx, leaves []queued, index func(i int) int64) {
	var members []string
	last := map[string]int64{}
	for i, q := range leaves {
		switch {
		case q.member == "":
			continue
		case q.at == "":
			tx.HSet(l.indexKey(), q.id, strconv.FormatInt(index(i), 10))
		default:
			last[q.at] = index(i)
		}
		members = append(members, q.member)
	}
	for at, n := range last {
		tx.Set(at, strconv.FormatInt(n, 10))
	}
	for part := range slices.Chunk(members, 1000) {
		tx.ZRem(l.queueKey(), part...)
	}
}

// lease takes the sequencer's place for leaseTime and returns its fence number;
// 0 if somebody else has it.
func (l *Log) lease(ctx context.Context) (int64, error) {
	rdb := l.journal.Redis()
	fence, err := rdb.Incr(ctx, l.fenceKey()).Result()
	if err != nil {
		return 0, fmt.Errorf("notary: lease: %w", err)
	}
	won, err := rdb.SetNX(ctx, l.leaseKey(), fence, leaseTime).Result()
	if err != nil {
		return 0, fmt.Errorf("notary: lease: %w", err)
	}
	if !won {
		return 0, nil
	}
	return fence, nil
}

// renew tells whether the place is still ours, and keeps it for another
// leaseTime.
func (l *Log) renew(ctx context.Context, fence int64) (bool, error) {
	held, err := l.whileOurs(ctx, fence, func(p redis.Pipeliner) { p.PExpire(ctx, l.leaseKey(), leaseTime) })
	if err != nil {
		return false, fmt.Errorf("notary: lease: %w", err)
	}
	return held, nil
}

// release gives the place up if it is still ours. If that fails it ends by
// itself.
func (l *Log) release(ctx context.Context, fence int64) {
	_, _ = l.whileOurs(ctx, fence, func(p redis.Pipeliner) { p.Del(ctx, l.leaseKey()) })
}

func (l *Log) whileOurs(ctx context.Context, fence int64, do func(redis.Pipeliner)) (bool, error) {
	ours := false
	err := l.journal.Redis().Watch(ctx, func(tx *redis.Tx) error {
		holder, err := tx.Get(ctx, l.leaseKey()).Int64()
		if errors.Is(err, redis.Nil) || err == nil && holder != fence {
			return nil
		}
		if err != nil {
			return err
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error { do(p); return nil })
		ours = err == nil
		return err
	}, l.leaseKey())
	if errors.Is(err, redis.TxFailedErr) {
		return false, nil
	}
	return ours, err
}

// away tells whether an error says that a server cannot be reached, and nothing
// about the log.
func away(err error) bool {
	return journal.Away(err) || fault.Is(err, fault.Unavailable) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
