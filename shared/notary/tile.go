package notary

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// height is the height of a tile, fixed by C2SP tlog-tiles: 256 hashes wide.
const (
	height = 8
	width  = 1 << height
)

// entriesLevel is the level by which package tlog knows bundles of entries.
const entriesLevel = -1

// tilePath is a tile's path in C2SP's form: without the height that sumdb
// writes, and with "entries" for its "data".
func tilePath(t tlog.Tile) string {
	rest := strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", height))
	if data, found := strings.CutPrefix(rest, "data/"); found {
		rest = "entries/" + data
	}
	return "tile/" + rest
}

// parseTilePath reads a path of C2SP's form, and no other.
func parseTilePath(path string) (tlog.Tile, bool) {
	rest, found := strings.CutPrefix(path, "tile/")
	if !found || len(path) > 100 {
		return tlog.Tile{}, false
	}
	if n, found := strings.CutPrefix(rest, "entries/"); found {
		rest = "data/" + n
	}
	t, err := tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s", height, rest))
	if err != nil || tilePath(t) != path {
		return tlog.Tile{}, false
	}
	// The entries below the tile must be countable; see reach.
	if t.L > 6 || t.N >= 1<<(62-height*(max(t.L, 0)+1)) {
		return tlog.Tile{}, false
	}
	return t, true
}

// rightEdge is the incomplete tile of a level in a tree of this size; its width
// is 0 where all are complete.
func rightEdge(level int, size int64) tlog.Tile {
	n := size >> (height * max(level, 0))
	return tlog.Tile{H: height, L: level, N: n >> height, W: int(n & (width - 1))}
}

// levels is how many levels of tiles a tree of this size has.
func levels(size int64) int {
	n := 0
	for size > 0 {
		n, size = n+1, size>>height
	}
	return n
}

// inTree is how wide the tile is in a tree of this size, 0 where it is not in it.
func inTree(t tlog.Tile, size int64) int {
	edge := rightEdge(t.L, size)
	switch {
	case t.N < edge.N:
		return width
	case t.N == edge.N:
		return edge.W
	}
	return 0
}

// full is the complete tile of which t is a part.
func full(t tlog.Tile) tlog.Tile {
	t.W = width
	return t
}

// bundle writes entries as C2SP has them: each behind its length in two bytes.
func bundle(entries [][]byte) []byte {
	var out []byte
	for _, e := range entries {
		out = binary.BigEndian.AppendUint16(out, uint16(len(e)))
		out = append(out, e...)
	}
	return out
}

// unbundle reads n entries and refuses a bundle that holds more, less or half of
// one.
func unbundle(data []byte, n int) ([][]byte, error) {
	entries := make([][]byte, 0, n)
	for range n {
		if len(data) < 2 {
			return nil, fmt.Errorf("notary: bundle ends before entry %d of %d", len(entries), n)
		}
		size := int(binary.BigEndian.Uint16(data))
		if data = data[2:]; len(data) < size {
			return nil, fmt.Errorf("notary: bundle ends in entry %d of %d", len(entries), n)
		}
		entries, data = append(entries, data[:size:size]), data[size:]
	}
	if len(data) > 0 {
		return nil, fmt.Errorf("notary: bundle goes on after entry %d", n)
	}
	return entries, nil
}

// partOf cuts the first w hashes or entries out of a tile or bundle that has
// more.
func partOf(level int, data []byte, w int) ([]byte, error) {
	if level >= 0 {
		if len(data) < w*tlog.HashSize {
			return nil, fmt.Errorf("notary: tile holds %d bytes", len(data))
		}
		return data[:w*tlog.HashSize], nil
	}
	end := 0
	for range w {
		if len(data) < end+2 {
			return nil, fmt.Errorf("notary: bundle ends early")
		}
		end += 2 + int(binary.BigEndian.Uint16(data[end:]))
	}
	if len(data) < end {
		return nil, fmt.Errorf("notary: bundle ends early")
	}
	return data[:end], nil
}
