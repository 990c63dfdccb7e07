package notary

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"ipcredit/shared/journal"
	"ipcredit/shared/objects"
)

// Log is one log of a city. Its methods may be called by many goroutines, and
// by many processes on the same Redis and objects.
type Log struct {
	journal *journal.Journal
	store   objects.Store
	name    string
	key     *Key
	checks  *Verifier // of key's public half

	mirrors bool // see Mirror

	// batch is how many leaves one checkpoint takes in.
	batch int64
	// known is the newest step that was read or made here.
	known atomic.Pointer[step]
}

// mostLeaves keeps the object of a checkpoint and the commit that follows it
// near a megabyte, which blocks Redis for a few milliseconds.
const mostLeaves = 4096

// longest is how long one call goes on while leaves keep coming: a function's
// call has little more. The rest is for the next one.
const longest = 10 * time.Second

// atOnce is how many objects are written or read at the same time.
const atOnce = 8

// Open returns the city's log of this name. store is objects.Buckets.Main; with
// nil the log can queue and tell indexes, nothing else. key is the log's key;
// with nil the log can be read but not sequenced. Nothing is asked of a server.
func Open(j *journal.Journal, store objects.Store, name string, key *Key) *Log {
	l := &Log{journal: j, store: store, name: name, key: key, batch: mostLeaves}
	if key != nil {
		l.checks = key.verifier()
	}
	return l
}

// Sequence appends what waits, for ten seconds at most, and returns how many
// entries that were. Any number may call it at once: one works, the others
// return 0. It first finishes what an earlier call left undone. The first call of all makes the checkpoint of the
// empty log. ErrBroken if the objects contradict Redis or themselves; then
// nothing is appended until somebody has found out why.
func (l *Log) Sequence(ctx context.Context, now time.Time) (int, error) {
	if l.store == nil || l.key == nil {
		return 0, ErrNoKey
	}
	fence, err := l.lease(ctx)
	if err != nil || fence == 0 {
		return 0, err
	}
	// A call that was given up must not keep the next one out.
	defer l.release(context.WithoutCancel(ctx), fence)
	// A round is not broken off, only no further one begun: what is half done
	// would be done twice.
	enough, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	total := 0
	for {
		n, more, err := l.round(ctx, now)
		total += n
		if err != nil || !more || enough.Err() != nil {
			return total, err
		}
		if held, err := l.renew(ctx, fence); err != nil || !held {
			return total, err
		}
	}
}

// round makes one step, or finishes one that is decided but not committed. more
// tells whether another round may find work.
//
// It reads the head before it reads the queue. A leaf that is in a step is out of
// the queue from the commit on that makes the step the head. So whoever creates
// the step after the head that he read has not seen a leaf of that head or of one
// before it: no leaf gets two entries, whatever else runs at the same time.
func (l *Log) round(ctx context.Context, now time.Time) (n int, more bool, err error) {
	head, err := l.head(ctx)
	if err != nil {
		return 0, false, err
	}
	last, err := l.stepOf(ctx, head)
	if err != nil {
		return 0, false, err
	}
	decided, err := l.load(ctx, head.Seq+1)
	switch {
	case err == nil:
		n, err = l.adopt(ctx, last, decided, now)
		return n, true, err
	case !errors.Is(err, ErrNotFound):
		return 0, false, err
	}
	var leaves []queued
	if head.Seq > 0 { // the first checkpoint is that of the empty log
		if leaves, err = l.waiting(ctx); err != nil {
			return 0, false, err
		}
		full := int64(len(leaves)) == l.batch
		if leaves, err = l.rejoin(ctx, leaves, now); err != nil {
			return 0, false, err
		}
		if len(leaves) == 0 {
			return 0, full, l.reflect(ctx, last)
		}
	}
	made, err := l.decide(ctx, last, leaves, now)
	if errors.Is(err, objects.ErrExists) {
		return 0, true, nil // another one was faster; adopt his
	}
	if err != nil {
		return 0, false, err
	}
	if err := l.fill(ctx, made, now); err != nil {
		return 0, false, err
	}
	if err := l.commit(ctx, made, leaves, nil, now); err != nil {
		return 0, false, err
	}
	return len(leaves), head.Seq == 0 || int64(len(leaves)) == l.batch, l.reflect(ctx, made)
}

// stepOf returns the step that Redis calls the head.
func (l *Log) stepOf(ctx context.Context, head head) (*step, error) {
	if head.Seq == 0 {
		return nothing(), nil
	}
	s, err := l.load(ctx, head.Seq)
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%w: Redis knows checkpoint %d of %s and the objects lack it", ErrBroken, head.Seq, l.name)
	}
	if err != nil {
		return nil, err
	}
	if s.tree.N != head.Size || s.tree.Hash != head.Root {
		return nil, fmt.Errorf("%w: Redis and the objects differ in checkpoint %d of %s", ErrBroken, head.Seq, l.name)
	}
	return s, nil
}

// decide signs and creates the step that adds the leaves; objects.ErrExists if
// the step after last has been made by somebody else.
func (l *Log) decide(ctx context.Context, last *step, leaves []queued, now time.Time) (*step, error) {
	entries := make([][]byte, len(leaves))
	for i, q := range leaves {
		entries[i] = q.entry
	}
	s, err := last.next(entries)
	if err != nil {
		return nil, err
	}
	text := Checkpoint{Origin: l.key.Origin(), Size: s.tree.N, Root: s.tree.Hash}.Text()
	if s.note, err = l.key.Sign(text); err != nil {
		return nil, err
	}
	body, err := s.encode()
	if err != nil {
		return nil, err
	}
	_, err = l.store.Create(ctx, l.stepName(s.seq), body, kept(now))
	if err != nil {
		return nil, fmt.Errorf("notary: checkpoint %d of %s: %w", s.seq, l.name, err)
	}
	l.remember(s)
	return s, nil
}

// kept is how the store keeps what is created: as long as the journal's archive,
// nobody replaces or deletes it where the store has locks.
func kept(now time.Time) objects.Attr {
	return objects.Attr{Type: "application/octet-stream", RetainUntil: now.Add(journal.KeepSegments)}
}

// adopt finishes a step that is decided and that Redis does not know.
func (l *Log) adopt(ctx context.Context, last, s *step, now time.Time) (int, error) {
	if s.old != last.tree {
		return 0, fmt.Errorf("%w: checkpoint %d of %s does not follow the one before", ErrBroken, s.seq, l.name)
	}
	if err := l.fill(ctx, s, now); err != nil {
		return 0, err
	}
	leaves, orphans, err := l.match(ctx, s)
	if err != nil {
		return 0, err
	}
	if err := l.commit(ctx, s, leaves, orphans, now); err != nil {
		return 0, err
	}
	return len(s.added()), l.reflect(ctx, s)
}

// fill writes the tiles and bundles that the step has filled.
func (l *Log) fill(ctx context.Context, s *step, now time.Time) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for t, data := range s.filled {
		group.Go(func() error {
			name := l.objectName(tilePath(t))
			_, err := l.store.Create(ctx, name, data, kept(now))
			if errors.Is(err, objects.ErrExists) {
				var there []byte
				if there, _, err = l.store.Get(ctx, name); err == nil && string(there) != string(data) {
					err = ErrBroken
				}
			}
			if errors.Is(err, objects.ErrCorrupt) {
				err = fmt.Errorf("%w: %w", ErrBroken, err)
			}
			if err != nil {
				return fmt.Errorf("notary: %s of %s: %w", tilePath(t), l.name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (l *Log) objectName(path string) string {
	return "notary/" + l.journal.City() + "/" + l.name + "/" + path
}

func (l *Log) stepName(seq int64) string { return l.objectName(fmt.Sprintf("checkpoint/%012d", seq)) }

// load reads a step; ErrNotFound if it is not made yet.
func (l *Log) load(ctx context.Context, seq int64) (*step, error) {
	if s := l.known.Load(); s != nil && s.seq == seq {
		return s, nil
	}
	data, _, err := l.store.Get(ctx, l.stepName(seq))
	switch {
	case errors.Is(err, objects.ErrNotFound):
		return nil, fmt.Errorf("%w: checkpoint %d of %s", ErrNotFound, seq, l.name)
	case errors.Is(err, objects.ErrCorrupt):
		return nil, fmt.Errorf("%w: checkpoint %d of %s: %w", ErrBroken, seq, l.name, err)
	case err != nil:
		return nil, fmt.Errorf("notary: checkpoint %d of %s: %w", seq, l.name, err)
	}
	s, err := decodeStep(seq, data, l.checks)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", l.name, err)
	}
	l.remember(s)
	return s, nil
}

// remember keeps the step if it is newer than the one known.
func (l *Log) remember(s *step) {
	for {
		known := l.known.Load()
		if known != nil && known.seq >= s.seq || l.known.CompareAndSwap(known, s) {
			return
		}
	}
}

// newest is the newest step there is. Redis only says where to begin looking: a
// step is part of the log from the moment its object exists.
func (l *Log) newest(ctx context.Context) (*step, error) {
	if l.store == nil {
		return nil, ErrNoKey
	}
	head, err := l.head(ctx)
	if err != nil {
		return nil, err
	}
	seq := max(head.Seq, 1)
	if s := l.known.Load(); s != nil {
		seq = max(seq, s.seq)
	}
	s, err := l.load(ctx, seq)
	for err == nil {
		var next *step
		if next, err = l.load(ctx, s.seq+1); errors.Is(err, ErrNotFound) {
			return s, nil
		}
		if err == nil && next.old != s.tree {
			err = fmt.Errorf("%w: checkpoint %d of %s does not follow the one before", ErrBroken, next.seq, l.name)
		}
		s = next
	}
	if errors.Is(err, ErrNotFound) && seq > 1 {
		err = fmt.Errorf("%w: checkpoint %d of %s is gone", ErrBroken, seq, l.name)
	}
	return nil, err
}

// holding returns a step whose tree has this many entries, the one known if it
// has.
func (l *Log) holding(ctx context.Context, size int64) (*step, error) {
	if s := l.known.Load(); s != nil && s.tree.N >= size {
		return s, nil
	}
	s, err := l.newest(ctx)
	if err == nil && s.tree.N < size {
		err = ErrNotFound
	}
	return s, err
}

// Checkpoint is the newest signed checkpoint. It never is older than one that
// this or another replica has shown before, whatever Redis has lost.
// ErrNotFound before the log's first sequencing.
func (l *Log) Checkpoint(ctx context.Context) ([]byte, error) {
	s, err := l.newest(ctx)
	if err != nil {
		return nil, err
	}
	return s.note, nil
}

// Object is the tile or bundle at a path of C2SP's tlog-tiles:
// "tile/0/x001/234", "tile/entries/000.p/5". ErrNotFound where the newest
// checkpoint does not cover it or the path is none; ErrBroken where it should be
// there and is not, or is not what was written.
func (l *Log) Object(ctx context.Context, path string) ([]byte, error) {
	t, ok := parseTilePath(path)
	if !ok {
		return nil, ErrNotFound
	}
	s, err := l.holding(ctx, reach(t))
	if err != nil {
		return nil, err
	}
	return l.tile(ctx, s, t)
}

// reach is the least size of a tree that has all of the tile.
func reach(t tlog.Tile) int64 {
	return (t.N<<height + int64(t.W)) << (height * max(t.L, 0))
}

// tile reads a tile or bundle, or its beginning, from the tree of a step that
// covers it.
func (l *Log) tile(ctx context.Context, s *step, t tlog.Tile) ([]byte, error) {
	whole := inTree(t, s.tree.N)
	var data []byte
	switch {
	case whole < t.W:
		return nil, ErrNotFound
	case whole == width:
		var err error
		data, _, err = l.store.Get(ctx, l.objectName(tilePath(full(t))))
		if errors.Is(err, objects.ErrNotFound) {
			// Decided a moment ago and not written yet?
			if data = s.filled[full(t)]; data != nil {
				err = nil
			}
		}
		switch {
		case errors.Is(err, objects.ErrNotFound), errors.Is(err, objects.ErrCorrupt):
			return nil, fmt.Errorf("%w: %s of %s: %w", ErrBroken, tilePath(full(t)), l.name, err)
		case err != nil:
			return nil, fmt.Errorf("notary: %s of %s: %w", tilePath(full(t)), l.name, err)
		}
		if all, err := partOf(t.L, data, width); err != nil || len(all) != len(data) {
			return nil, fmt.Errorf("%w: %s of %s has another length", ErrBroken, tilePath(full(t)), l.name)
		}
	case t.L == entriesLevel:
		data = bundle(s.tail())
	default:
		data = s.after[t.L]
	}
	part, err := partOf(t.L, data, t.W)
	if err != nil {
		return nil, fmt.Errorf("%w: %s of %s: %w", ErrBroken, tilePath(t), l.name, err)
	}
	return part, nil
}

// Proof is the C2SP tlog-proof of the entry in a checkpoint that holds it, with
// the entry itself as its extra data: a file that is checked offline with the
// log's public key. ErrNotFound where the index is not in the log yet; ErrBroken
// where what is stored does not make a proof.
func (l *Log) Proof(ctx context.Context, index int64) ([]byte, error) {
	if index < 0 || index >= 1<<62 { // no tree is that large, and sums must not overflow
		return nil, ErrNotFound
	}
	s, err := l.holding(ctx, index+1)
	if err != nil {
		return nil, err
	}
	t := tlog.Tile{H: height, L: entriesLevel, N: index >> height}
	t.W = inTree(t, s.tree.N)
	data, err := l.tile(ctx, s, t)
	if err != nil {
		return nil, err
	}
	entries, err := unbundle(data, t.W)
	if err != nil {
		return nil, fmt.Errorf("%w: %s of %s: %w", ErrBroken, tilePath(t), l.name, err)
	}
	entry := entries[index&(width-1)]
	path, err := tlog.ProveRecord(s.tree.N, index, tlog.TileHashReader(s.tree, &tileReader{ctx, l, s}))
	if err == nil {
		err = tlog.CheckRecord(path, s.tree.N, s.tree.Hash, index, tlog.RecordHash(entry))
	}
	if err != nil {
		if away(err) {
			return nil, fmt.Errorf("notary: proof of entry %d of %s: %w", index, l.name, err)
		}
		return nil, fmt.Errorf("%w: proof of entry %d of %s: %w", ErrBroken, index, l.name, err)
	}
	p := Proof{Extra: entry, Index: index, Checkpoint: s.note}
	for _, h := range path {
		p.Path = append(p.Path, h)
	}
	return p.Format(), nil
}

// Check reads every checkpoint's object there is and makes sure that each is
// signed, leads to its signed tree and follows the one before. Together with an
// Audit of the log it covers every byte stored. It returns how many checkpoints
// it has seen.
func (l *Log) Check(ctx context.Context) (int64, error) {
	if l.store == nil {
		return 0, ErrNoKey
	}
	newest, err := l.newest(ctx)
	if err != nil {
		return 0, err
	}
	last := nothing()
	for seq := int64(1); seq <= newest.seq; seq++ {
		// Not from memory: what is stored counts.
		data, _, err := l.store.Get(ctx, l.stepName(seq))
		if errors.Is(err, objects.ErrNotFound) || errors.Is(err, objects.ErrCorrupt) {
			err = fmt.Errorf("%w: %w", ErrBroken, err)
		}
		if err != nil {
			return seq - 1, fmt.Errorf("notary: checkpoint %d of %s: %w", seq, l.name, err)
		}
		s, err := decodeStep(seq, data, l.checks)
		if err != nil {
			return seq - 1, err
		}
		if s.old != last.tree {
			return seq - 1, fmt.Errorf("%w: checkpoint %d of %s does not follow the one before", ErrBroken, seq, l.name)
		}
		last = s
	}
	return newest.seq, nil
}

// tileReader gives package tlog the tiles of a step's tree.
type tileReader struct {
	ctx  context.Context
	log  *Log
	step *step
}

// Height implements tlog.TileReader.
func (r *tileReader) Height() int { return height }

// SaveTiles implements tlog.TileReader: nothing is kept, full tiles are cached
// where they are served.
func (r *tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles implements tlog.TileReader.
func (r *tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	group, ctx := errgroup.WithContext(r.ctx)
	group.SetLimit(atOnce)
	for i, t := range tiles {
		group.Go(func() (err error) {
			out[i], err = r.log.tile(ctx, r.step, t)
			return err
		})
	}
	return out, group.Wait()
}
