package notary

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// A mirror is what proofs are made of, in Redis: the newest checkpoint, the
// incomplete tiles of its tree and all complete ones, 32 bytes a leaf. It is for
// functions that read Redis and no objects. It can be lost at any time, so it
// stands under tmp, outside the journal: the sequencer makes it anew out of the
// objects. No reader takes a hash from it that does not lead to its checkpoint's
// root.

// Mirror lets the log's sequencer keep a mirror; it returns l.
func (l *Log) Mirror() *Log {
	l.mirrors = true
	return l
}

// mirrored is a mirror without its complete tiles.
type mirrored struct {
	Seq  int64  `json:"seq"`
	Note []byte `json:"note"`
	// Edge are the incomplete tiles from level 0 on, as step.after has them.
	Edge [][]byte `json:"edge"`
}

// tree is the tree of the mirror's checkpoint.
func (m mirrored) tree() (tlog.Tree, error) {
	c, err := (&step{note: m.Note}).signed(nil)
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("%w: the mirror's checkpoint: %w", ErrBroken, err)
	}
	return tlog.Tree{N: c.Size, Hash: c.Root}, nil
}

// reflect brings the mirror up to the step, which is the head or was. After the
// step before, that is one write; otherwise every tile is looked for and those
// that lack are read from the objects. If ctx ends meanwhile the next call goes
// on.
func (l *Log) reflect(ctx context.Context, s *step) error {
	if !l.mirrors || s.seq == 0 {
		return nil
	}
	last, err := l.readMirror(ctx)
	if err != nil {
		return err
	}
	now := mirrored{Seq: s.seq, Note: s.note, Edge: s.after}
	switch last.Seq {
	case s.seq:
		return nil
	case s.seq - 1:
		tiles := map[tlog.Tile][]byte{}
		for t, data := range s.filled {
			if t.L >= 0 {
				tiles[t] = data
			}
		}
		return l.writeMirror(ctx, tiles, &now)
	}
	for level := range levels(s.tree.N) {
		count := rightEdge(level, s.tree.N).N
		for from := int64(0); from < count; from += tilesAtOnce {
			if err := l.mend(ctx, s, level, from, min(from+tilesAtOnce, count)); err != nil {
				return err
			}
		}
	}
	return l.writeMirror(ctx, nil, &now)
}

// tilesAtOnce is how many tiles are looked for and written in one round trip: a
// megabyte at most.
const tilesAtOnce = 128

// mend writes those of a level's complete tiles from ≤ N < to that the mirror
// lacks.
func (l *Log) mend(ctx context.Context, s *step, level int, from, to int64) error {
	var all []tlog.Tile
	for n := from; n < to; n++ {
		all = append(all, tlog.Tile{H: height, L: level, N: n, W: width})
	}
	lacking, err := l.lacking(ctx, all)
	if err != nil || len(lacking) == 0 {
		return err
	}
	data, err := (&tileReader{ctx, l, s}).ReadTiles(lacking)
	if err != nil {
		return err
	}
	tiles := make(map[tlog.Tile][]byte, len(lacking))
	for i, t := range lacking {
		tiles[t] = data[i]
	}
	return l.writeMirror(ctx, tiles, nil)
}

// MirroredProof is what Proof answers, from the mirror alone: that the entry is
// the log's at the index. ErrNotFound where the mirror does not hold it, or not
// yet: it follows the log within one sequencing. ErrBroken where the entry at the
// index is another.
func (l *Log) MirroredProof(ctx context.Context, index int64, entry []byte) ([]byte, error) {
	m, err := l.readMirror(ctx)
	if err != nil {
		return nil, err
	}
	if m.Seq == 0 || index < 0 {
		return nil, ErrNotFound
	}
	tree, err := m.tree()
	if err != nil {
		return nil, err
	}
	if index >= tree.N {
		return nil, ErrNotFound
	}
	path, err := tlog.ProveRecord(tree.N, index, tlog.TileHashReader(tree, &mirrorReader{ctx, l, m, tree.N}))
	if err == nil {
		err = tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(entry))
	}
	switch {
	case errors.Is(err, ErrNotFound), err != nil && away(err):
		return nil, fmt.Errorf("notary: mirrored proof of entry %d of %s: %w", index, l.name, err)
	case err != nil:
		return nil, fmt.Errorf("%w: mirrored proof of entry %d of %s: %w", ErrBroken, index, l.name, err)
	}
	p := Proof{Extra: entry, Index: index, Checkpoint: m.Note}
	for _, h := range path {
		p.Path = append(p.Path, h)
	}
	return p.Format(), nil
}

// mirrorReader gives package tlog the tiles of a mirror.
type mirrorReader struct {
	ctx    context.Context
	log    *Log
	mirror mirrored
	size   int64
}

// Height implements tlog.TileReader.
func (r *mirrorReader) Height() int { return height }

// SaveTiles implements tlog.TileReader: they are where they are read from.
func (r *mirrorReader) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles implements tlog.TileReader.
func (r *mirrorReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	var places []int
	var complete []tlog.Tile
	for i, t := range tiles {
		switch {
		case inTree(t, r.size) == width:
			places, complete = append(places, i), append(complete, full(t))
		case t.L < len(r.mirror.Edge):
			out[i] = r.mirror.Edge[t.L]
		}
	}
	found, err := r.log.mirrorTiles(r.ctx, complete)
	if err != nil {
		return nil, err
	}
	for i, data := range found {
		if data == nil {
			return nil, fmt.Errorf("%w: the mirror lacks %s", ErrNotFound, tilePath(complete[i]))
		}
		out[places[i]] = data
	}
	for i, t := range tiles {
		if out[i], err = partOf(t.L, out[i], t.W); err != nil {
			return nil, err
		}
	}
	return out, nil
}
