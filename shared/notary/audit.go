package notary

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// Source is where an auditor gets a log from: a *Log, or its public address.
// Both methods answer ErrNotFound for what is not there; any error that is
// neither that nor ErrBroken means that the source cannot be reached.
type Source interface {
	// Checkpoint is the newest signed checkpoint.
	Checkpoint(ctx context.Context) ([]byte, error)
	// Object is the tile or bundle at a path of C2SP's tlog-tiles.
	Object(ctx context.Context, path string) ([]byte, error)
}

// Fork is the proof that a log was altered: two checkpoints that its key signed
// and that cannot both be true. Whoever is shown them needs nothing else.
type Fork struct {
	// Remembered and Served are the signed notes.
	Remembered, Served []byte
	Why                string
}

func (f *Fork) Error() string { return "notary: the log contradicts its own checkpoint: " + f.Why }

// Is makes errors.Is(err, ErrBroken) true.
func (f *Fork) Is(target error) bool { return target == ErrBroken }

// Findings are what an audit has seen.
type Findings struct {
	Checkpoint
	// Note is the signed checkpoint that was audited: what to remember.
	Note []byte
	// Entries and Objects are how many were read and hashed.
	Entries, Objects int64
}

// Audit reads the whole log from src, hashes every entry again and makes sure
// that
//
//   - the newest checkpoint is signed by a key of v,
//   - the entries make the signed tree, to the last byte,
//   - each entry is a leaf as Leaf.Entry writes it: nothing else got in,
//   - the tiles, which others build proofs from, hold the same tree,
//   - each of the remembered checkpoints is a beginning of this log.
//
// An error that Is ErrBroken or ErrSignature is evidence against the log, a
// *Fork among them; any other error means that the log could not be read, and
// ErrNotFound that it has no checkpoint yet. seen is told how many entries are
// done, now and then; it may be nil.
func Audit(ctx context.Context, src Source, v *Verifier, remembered [][]byte, seen func(entries, size int64)) (Findings, error) {
	var f Findings
	note, err := src.Checkpoint(ctx)
	switch {
	case errors.Is(err, ErrNotFound) && len(remembered) == 0:
		return f, fmt.Errorf("notary: audit: there is no checkpoint yet: %w", err)
	case err != nil:
		return f, evidence("the checkpoint", err)
	}
	f.Note = note
	if f.Checkpoint, err = v.Checkpoint(note); err != nil {
		return f, evidence("the checkpoint", err)
	}
	a := &auditor{src: src, findings: &f, size: f.Size}
	for _, signed := range remembered {
		c, err := v.Checkpoint(signed)
		if err != nil {
			return f, fmt.Errorf("notary: audit: remembered checkpoint: %w", err)
		}
		if c.Size > f.Size {
			return f, &Fork{Remembered: signed, Served: note, Why: fmt.Sprintf("it had %d entries and has %d", c.Size, f.Size)}
		}
		a.marks = append(a.marks, mark{c, signed})
	}
	slices.SortFunc(a.marks, func(x, y mark) int { return int(x.Size - y.Size) })
	if err := a.entries(ctx, seen); err != nil {
		return f, err
	}
	if err := a.upper(ctx); err != nil {
		return f, err
	}
	return f, nil
}

// mark is a remembered checkpoint.
type mark struct {
	Checkpoint
	note []byte
}

// auditor rebuilds the tree from the entries.
type auditor struct {
	src      Source
	findings *Findings
	size     int64
	marks    []mark // by size; those not passed yet
	// hashes are those of each level of tiles: level 0 of the present tile only,
	// all of the others.
	hashes [][]byte
	first  int64 // index of the first hash of level 0
}

// piece is a bundle of entries with its tile, as fetched.
type piece struct {
	n      int64
	leaves []byte // hashes of the entries
	err    error
}

// entries goes through all entries, fetching some ahead.
func (a *auditor) entries(ctx context.Context, seen func(entries, size int64)) error {
	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	defer working.Wait() // nothing is asked of the source any more after the audit
	defer cancel()
	a.hashes = [][]byte{nil}
	if err := a.pass(0); err != nil {
		return err
	}
	ahead := make(chan chan piece, 2*atOnce)
	working.Go(func() {
		defer close(ahead)
		for n := int64(0); n<<height < a.size; n++ {
			done := make(chan piece, 1)
			select {
			case ahead <- done:
			case <-ctx.Done():
				return
			}
			working.Go(func() {
				leaves, err := a.fetch(ctx, n)
				done <- piece{n, leaves, err}
			})
		}
	})
	for done := range ahead {
		p := <-done
		if p.err != nil {
			return p.err
		}
		a.first, a.hashes[0] = p.n<<height, p.leaves
		count := int64(len(p.leaves) / tlog.HashSize)
		a.findings.Entries += count
		a.findings.Objects += 2
		if count == width {
			if err := a.up(0, p.n, p.leaves); err != nil {
				return err
			}
		}
		if err := a.pass(a.findings.Entries); err != nil {
			return err
		}
		if seen != nil {
			seen(a.findings.Entries, a.size)
		}
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("notary: audit: %w", err)
	}
	root, err := tlog.TreeHash(a.size, a)
	if err != nil {
		return fmt.Errorf("notary: audit: %w", err)
	}
	if root != tlog.Hash(a.findings.Root) {
		return fmt.Errorf("%w: the %d entries do not make the signed tree", ErrBroken, a.size)
	}
	return nil
}

// fetch reads a bundle and its tile, hashes the entries and compares.
func (a *auditor) fetch(ctx context.Context, n int64) ([]byte, error) {
	t := tlog.Tile{H: height, L: entriesLevel, N: n}
	t.W = inTree(t, a.size)
	data, err := a.src.Object(ctx, tilePath(t))
	if err != nil {
		return nil, evidence(tilePath(t), err)
	}
	entries, err := unbundle(data, t.W)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrBroken, tilePath(t), err)
	}
	leaves := make([]byte, 0, len(entries)*tlog.HashSize)
	for i, e := range entries {
		h := tlog.RecordHash(e)
		leaves = append(leaves, h[:]...)
		if _, err := ParseLeaf(e); err != nil {
			return nil, fmt.Errorf("%w: entry %d: %w", ErrBroken, n<<height+int64(i), err)
		}
	}
	t.L = 0
	return leaves, a.same(ctx, t, leaves)
}

// same compares a tile with what it should be.
func (a *auditor) same(ctx context.Context, t tlog.Tile, want []byte) error {
	data, err := a.src.Object(ctx, tilePath(t))
	if err != nil {
		return evidence(tilePath(t), err)
	}
	if !bytes.Equal(data, want) {
		return fmt.Errorf("%w: %s is not made of the entries", ErrBroken, tilePath(t))
	}
	return nil
}

// up adds the root of a full tile to the level above, and so on.
func (a *auditor) up(level int, n int64, data []byte) error {
	t := tlog.Tile{H: height, L: level, N: n, W: width}
	top := height*(level+1) - 1 // the row of the tile's two last halves
	left, err := tlog.HashFromTile(t, data, tlog.StoredHashIndex(top, 2*n))
	if err != nil {
		return fmt.Errorf("notary: audit: %w", err)
	}
	right, err := tlog.HashFromTile(t, data, tlog.StoredHashIndex(top, 2*n+1))
	if err != nil {
		return fmt.Errorf("notary: audit: %w", err)
	}
	root := tlog.NodeHash(left, right)
	if level+1 == len(a.hashes) {
		a.hashes = append(a.hashes, nil)
	}
	a.hashes[level+1] = append(a.hashes[level+1], root[:]...)
	above := a.hashes[level+1]
	if count := int64(len(above) / tlog.HashSize); count%width == 0 {
		return a.up(level+1, count/width-1, above[len(above)-width*tlog.HashSize:])
	}
	return nil
}

// pass checks the remembered checkpoints of sizes up to n, which lie in the tile
// at hand.
func (a *auditor) pass(n int64) error {
	for len(a.marks) > 0 && a.marks[0].Size <= n {
		m := a.marks[0]
		root, err := tlog.TreeHash(m.Size, a)
		if err != nil {
			return fmt.Errorf("notary: audit: %w", err)
		}
		if root != tlog.Hash(m.Root) {
			return &Fork{
				Remembered: m.note, Served: a.findings.Note,
				Why: fmt.Sprintf("its first %d entries are not those it had then", m.Size),
			}
		}
		a.marks = a.marks[1:]
	}
	return nil
}

// upper compares the tiles above level 0.
func (a *auditor) upper(ctx context.Context) error {
	for level := 1; level < levels(a.size); level++ {
		for n := int64(0); ; n++ {
			t := tlog.Tile{H: height, L: level, N: n}
			if t.W = inTree(t, a.size); t.W == 0 {
				break
			}
			from := int(n) << height * tlog.HashSize
			if err := a.same(ctx, t, a.hashes[level][from:from+t.W*tlog.HashSize]); err != nil {
				return err
			}
			a.findings.Objects++
		}
	}
	return nil
}

// ReadHashes implements tlog.HashReader over what was rebuilt so far.
func (a *auditor) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		t := tlog.TileForIndex(height, x)
		if t.L >= len(a.hashes) {
			return nil, fmt.Errorf("hash %d is not rebuilt", x)
		}
		from := t.N << height
		if t.L == 0 {
			from -= a.first
		}
		data := a.hashes[t.L]
		if from < 0 || int(from)*tlog.HashSize > len(data) {
			return nil, fmt.Errorf("hash %d is not at hand", x)
		}
		h, err := tlog.HashFromTile(t, data[int(from)*tlog.HashSize:], x)
		if err != nil {
			return nil, fmt.Errorf("hash %d: %w", x, err)
		}
		out[i] = h
	}
	return out, nil
}

// evidence makes what a source does not have evidence against it: the checkpoint
// promises it.
func evidence(what string, err error) error {
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w: %s is missing", ErrBroken, what)
	}
	return fmt.Errorf("notary: audit: %s: %w", what, err)
}
