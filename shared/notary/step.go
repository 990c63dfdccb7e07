package notary

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// step is one checkpoint with what it adds to the one before: the object that
// decides. It is checked when it is read, so what is in memory is true to the
// signed note. Only how much of it is new is for whoever has the step before to
// check: old must be that one's tree.
type step struct {
	seq  int64
	note []byte
	tree tlog.Tree // after
	old  tlog.Tree // before

	// edge are the incomplete tiles of the old tree from level 1 on.
	edge [][]byte
	// entries begin with the bundle that was incomplete in the old tree: entry i
	// has the index first + i.
	first   int64
	entries [][]byte

	// after are the incomplete tiles of the new tree from level 0 on, nil where a
	// level has none.
	after [][]byte
	// filled are the tiles and bundles that became complete.
	filled map[tlog.Tile][]byte
}

// stepHeader is the first line of the object. Behind it stand the hashes of the
// edge and the bundle of the entries, whose lengths follow from it.
type stepHeader struct {
	V    int    `json:"v"`
	Seq  int64  `json:"seq"`
	Old  int64  `json:"old"`
	Size int64  `json:"size"`
	Note string `json:"note"`
}

const stepVersion = 1

// nothing is the state before the first step.
func nothing() *step {
	s := &step{}
	s.tree.Hash, _ = tlog.TreeHash(0, nil) // of no hash, it reads none
	s.old = s.tree
	return s
}

// next returns the step after s that adds the entries; it is not signed yet.
func (s *step) next(entries [][]byte) (*step, error) {
	n := &step{seq: s.seq + 1, old: s.tree, first: s.tree.N &^ (width - 1)}
	if len(s.after) > 0 {
		n.edge = s.after[1:]
	}
	n.entries = append(n.entries, s.tail()...)
	n.entries = append(n.entries, entries...)
	return n, n.grow()
}

// tail are the entries of the incomplete bundle at the tree's right end.
func (s *step) tail() [][]byte {
	return s.entries[len(s.entries)-int(s.tree.N&(width-1)):]
}

// added are the entries that the step adds.
func (s *step) added() [][]byte { return s.entries[s.old.N-s.first:] }

// grow computes the tree after the step, and the tree before it, from the edge
// and the entries.
func (s *step) grow() error {
	hashes := make([]tlog.Hash, len(s.entries))
	for i, e := range s.entries {
		hashes[i] = tlog.RecordHash(e)
	}
	g := &growth{old: s.old.N, base: tlog.StoredHashIndex(0, s.old.N)}
	g.edge = append(g.edge, tileData(hashes[:s.old.N-s.first]))
	g.edge = append(g.edge, s.edge...)
	var err error
	if s.old.Hash, err = tlog.TreeHash(s.old.N, g); err != nil {
		return fmt.Errorf("notary: tree before checkpoint %d: %w", s.seq, err)
	}
	size := s.first + int64(len(s.entries))
	for n := s.old.N; n < size; n++ {
		fresh, err := tlog.StoredHashesForRecordHash(n, hashes[n-s.first], g)
		if err != nil {
			return fmt.Errorf("notary: entry %d: %w", n, err)
		}
		g.fresh = append(g.fresh, fresh...)
	}
	s.tree.N = size
	if s.tree.Hash, err = tlog.TreeHash(size, g); err != nil {
		return fmt.Errorf("notary: tree of checkpoint %d: %w", s.seq, err)
	}
	return s.cut(g)
}

// cut makes the tiles and bundles that the step fills, and the new right edge.
func (s *step) cut(g *growth) error {
	s.filled = map[tlog.Tile][]byte{}
	for _, t := range tlog.NewTiles(height, s.old.N, s.tree.N) {
		if t.W != width {
			continue
		}
		data, err := tlog.ReadTileData(t, g)
		if err != nil {
			return fmt.Errorf("notary: tile %s: %w", tilePath(t), err)
		}
		s.filled[t] = data
		if t.L == 0 {
			from := t.N<<height - s.first
			s.filled[tlog.Tile{H: height, L: entriesLevel, N: t.N, W: width}] = bundle(s.entries[from : from+width])
		}
	}
	s.after = make([][]byte, levels(s.tree.N))
	for level := range s.after {
		t := rightEdge(level, s.tree.N)
		if t.W == 0 {
			continue
		}
		data, err := tlog.ReadTileData(t, g)
		if err != nil {
			return fmt.Errorf("notary: tile %s: %w", tilePath(t), err)
		}
		s.after[level] = data
	}
	return nil
}

// growth reads the hashes of a tree that grows: those of the old right edge and
// those made since, which tlog numbers one after the other.
type growth struct {
	old   int64
	edge  [][]byte // from level 0 on
	base  int64    // number of the first fresh hash
	fresh []tlog.Hash
}

// ReadHashes implements tlog.HashReader.
func (g *growth) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= g.base {
			if x-g.base >= int64(len(g.fresh)) {
				return nil, fmt.Errorf("hash %d is not made yet", x)
			}
			out[i] = g.fresh[x-g.base]
			continue
		}
		level := tlog.TileForIndex(height, x).L
		t := rightEdge(level, g.old)
		if level >= len(g.edge) || t.W == 0 || len(g.edge[level]) != t.W*tlog.HashSize {
			return nil, fmt.Errorf("hash %d is not in the right edge", x)
		}
		h, err := tlog.HashFromTile(t, g.edge[level], x)
		if err != nil {
			return nil, fmt.Errorf("hash %d: %w", x, err)
		}
		out[i] = h
	}
	return out, nil
}

func tileData(hashes []tlog.Hash) []byte {
	out := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		out = append(out, h[:]...)
	}
	return out
}

// encode writes the object.
func (s *step) encode() ([]byte, error) {
	head, err := json.Marshal(stepHeader{V: stepVersion, Seq: s.seq, Old: s.old.N, Size: s.tree.N, Note: string(s.note)})
	if err != nil {
		return nil, fmt.Errorf("notary: %w", err)
	}
	out := append(head, '\n')
	for _, hashes := range s.edge {
		out = append(out, hashes...)
	}
	return append(out, bundle(s.entries)...), nil
}

// decodeStep reads the object of checkpoint seq and checks that everything in it
// leads to the note's root. v checks the signature; with nil the note is taken
// as it is.
func decodeStep(seq int64, data []byte, v *Verifier) (*step, error) {
	broken := func(why string, err error) (*step, error) {
		if err != nil {
			why += ": " + err.Error()
		}
		return nil, fmt.Errorf("%w: checkpoint %d: %s", ErrBroken, seq, why)
	}
	line, rest, found := bytes.Cut(data, []byte("\n"))
	if !found {
		return broken("header", nil)
	}
	var h stepHeader
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields() // a later version, or not ours
	if err := d.Decode(&h); err != nil {
		return broken("header", err)
	}
	if h.V != stepVersion || h.Seq != seq || h.Old < 0 || h.Size < h.Old || h.Size-h.Old > int64(len(rest)) {
		return broken("header", nil)
	}
	again, err := json.Marshal(h)
	if err != nil || !bytes.Equal(line, again) || !strict(h.Note) {
		return broken("header is not as it was written", err)
	}
	s := &step{seq: seq, note: []byte(h.Note), first: h.Old &^ (width - 1)}
	s.old.N = h.Old
	for level := 1; level < levels(h.Old); level++ {
		n := rightEdge(level, h.Old).W * tlog.HashSize
		if len(rest) < n {
			return broken("right edge", nil)
		}
		s.edge, rest = append(s.edge, rest[:n:n]), rest[n:]
	}
	if s.entries, err = unbundle(rest, int(h.Size-s.first)); err != nil {
		return broken("entries", err)
	}
	if err := s.grow(); err != nil {
		return broken("tree", err)
	}
	signed, err := s.signed(v)
	if err != nil {
		return broken("note", err)
	}
	if signed.Size != s.tree.N || tlog.Hash(signed.Root) != s.tree.Hash {
		return broken("the entries do not make the signed tree", nil)
	}
	return s, nil
}

// strict tells whether the note's signatures are in the one form that base64 has
// for them: its reader passes over bits that mean nothing.
func strict(note string) bool {
	_, signatures, _ := strings.Cut(note, "\n\n")
	for line := range strings.Lines(signatures) {
		text := line[strings.LastIndexByte(line, ' ')+1:]
		if _, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSuffix(text, "\n")); err != nil {
			return false
		}
	}
	return true
}

// signed is what the note says.
func (s *step) signed(v *Verifier) (Checkpoint, error) {
	if v != nil {
		return v.Checkpoint(s.note)
	}
	text, _, _ := bytes.Cut(s.note, []byte("\n\n"))
	return ParseCheckpoint(string(text) + "\n")
}
