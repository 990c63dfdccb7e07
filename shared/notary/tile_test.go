package notary

import (
	"bytes"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// TestTilesLieAtThePathsOfC2SP: the examples of tlog-tiles.
func TestTilesLieAtThePathsOfC2SP(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]tlog.Tile{
		"tile/0/x001/x234/067":         {H: 8, L: 0, N: 1234067, W: 256},
		"tile/0/x001/x234/067.p/1":     {H: 8, L: 0, N: 1234067, W: 1},
		"tile/4/000.p/255":             {H: 8, L: 4, N: 0, W: 255},
		"tile/entries/x001/x234/067":   {H: 8, L: -1, N: 1234067, W: 256},
		"tile/entries/999.p/7":         {H: 8, L: -1, N: 999, W: 7},
		"tile/entries/x001/000":        {H: 8, L: -1, N: 1000, W: 256},
		"tile/entries/x001/000.p/2":    {H: 8, L: -1, N: 1000, W: 2},
		"tile/1/x001/000":              {H: 8, L: 1, N: 1000, W: 256},
		"tile/entries/x999/x999/999":   {H: 8, L: -1, N: 999_999_999, W: 256},
		"tile/0/x123/x456/x789/012.p/": {},
		"tile/0/x1/000":                {},
		"tile/0/1000":                  {},
		"tile/0/0":                     {},
		"tile/entries/x000/001":        {},
	} {
		got, ok := parseTilePath(path)
		if ok != (want.H != 0) || ok && got != want {
			t.Errorf("%s: %+v %v", path, got, ok)
		}
		if ok && tilePath(got) != path {
			t.Errorf("%+v lies at %s, not %s", got, tilePath(got), path)
		}
	}
}

// TestTreeHasTheTilesOfC2SP: a tree of 70,000 entries, the example of tlog-tiles.
func TestTreeHasTheTilesOfC2SP(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		size int64
		want []string // the incomplete tiles
		full []int64  // complete tiles of each level
	}{
		{70_000, []string{"tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"}, []int64{273, 1, 0}},
		{256, []string{"tile/1/000.p/1"}, []int64{1, 0}},
		{255, []string{"tile/0/000.p/255"}, []int64{0}},
		{0, nil, nil},
	} {
		var got []string
		for level := range levels(tt.size) {
			edge := rightEdge(level, tt.size)
			if edge.W > 0 {
				got = append(got, tilePath(edge))
			}
			if edge.N != tt.full[level] {
				t.Errorf("%d: %d full tiles at level %d, want %d", tt.size, edge.N, level, tt.full[level])
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%d: %q, want %q", tt.size, got, tt.want)
		}
	}
}

func TestBundleHoldsItsEntriesAndNothingElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 0, 300)).Draw(t, "entries")
		data := bundle(entries)
		back, err := unbundle(data, len(entries))
		if err != nil {
			t.Fatal(err)
		}
		for i := range entries {
			if !bytes.Equal(back[i], entries[i]) {
				t.Fatalf("entry %d: %x", i, back[i])
			}
		}
		if _, err := unbundle(data, len(entries)+1); err == nil {
			t.Fatal("one entry more was read")
		}
		if _, err := unbundle(append(bytes.Clone(data), 0), len(entries)); err == nil {
			t.Fatal("a byte behind the last entry was passed over")
		}
		if len(entries) == 0 {
			return
		}
		if _, err := unbundle(data, len(entries)-1); err == nil {
			t.Fatal("an entry was passed over")
		}
		if _, err := unbundle(data[:len(data)-1], len(entries)); err == nil {
			t.Fatal("half an entry was read")
		}
		w := rapid.IntRange(1, len(entries)).Draw(t, "width")
		part, err := partOf(entriesLevel, data, w)
		if err != nil || !bytes.Equal(part, bundle(entries[:w])) {
			t.Fatalf("the first %d: %x (%v)", w, part, err)
		}
	})
}

// TestStepsGrowAsIfTheTreeWasMadeAtOnce: whatever is added in whatever pieces,
// root, tiles and bundles are those of the whole, and a step survives being
// written and read.
func TestStepsGrowAsIfTheTreeWasMadeAtOnce(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	rapid.Check(t, func(rt *rapid.T) {
		s := nothing()
		var all [][]byte
		stored := map[tlog.Tile][]byte{}
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			var added [][]byte
			for range rapid.SampledFrom([]int{0, 1, 2, 3, 100, 255, 256, 257, 600}).Draw(rt, "added") {
				added = append(added, fmt.Appendf(nil, "entry %d", len(all)+len(added)))
			}
			all = append(all, added...)
			next, err := s.next(added)
			if err != nil {
				rt.Fatal(err)
			}
			if next.note, err = key.Sign(Checkpoint{key.Origin(), next.tree.N, next.tree.Hash}.Text()); err != nil {
				rt.Fatal(err)
			}
			if want := otherRoot(t, all); !bytes.Equal(next.tree.Hash[:], want) {
				rt.Fatalf("root of %d: %x, want %x", len(all), next.tree.Hash, want)
			}
			if next.old != s.tree {
				rt.Fatalf("grew from %v, not from %v", next.old, s.tree)
			}
			for tile, data := range next.filled {
				if stored[tile] != nil {
					rt.Fatalf("%s is filled twice", tilePath(tile))
				}
				stored[tile] = data
			}
			body, err := next.encode()
			if err != nil {
				rt.Fatal(err)
			}
			read, err := decodeStep(next.seq, body, key.verifier())
			if err != nil {
				rt.Fatal(err)
			}
			if fmt.Sprint(read) != fmt.Sprint(next) {
				rt.Fatal("read back as another step")
			}
			if _, err := decodeStep(next.seq+1, body, key.verifier()); err == nil {
				rt.Fatal("passes for another checkpoint")
			}
			at := rapid.IntRange(0, len(body)-1).Draw(rt, "position")
			body[at] ^= byte(rapid.IntRange(1, 255).Draw(rt, "flip"))
			// Where the step begins is not signed; that it follows the one before is
			// checked by whoever reads both.
			if bent, err := decodeStep(next.seq, body, key.verifier()); err == nil && bent.old == s.tree {
				rt.Fatalf("byte %d flipped and not found", at)
			}
			s = next
		}
		for n := int64(0); n < int64(len(all))>>height; n++ {
			for _, level := range []int{0, entriesLevel} {
				if stored[tlog.Tile{H: height, L: level, N: n, W: width}] == nil {
					rt.Fatalf("tile %d of level %d was never filled", n, level)
				}
			}
		}
	})
}

// FuzzParseTilePath: any path that is taken is written again the same, and no
// number of entries below it overflows.
func FuzzParseTilePath(f *testing.F) {
	for _, seed := range []string{"tile/0/x001/x234/067", "tile/entries/000.p/5", "tile/6/000", "tile/0/", "tile/63/x999/999", "tile/entries/../../key"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got, ok := parseTilePath(path)
		if ok && (tilePath(got) != path || reach(got) <= 0 || got.W < 1 || got.W > width) {
			t.Errorf("%q is %+v, %q, and needs %d entries", path, got, tilePath(got), reach(got))
		}
	})
}

// FuzzUnbundle: what is read of a bundle that somebody serves is the bundle, to
// the byte.
func FuzzUnbundle(f *testing.F) {
	f.Add(bundle([][]byte{[]byte("a"), nil, []byte("bc")}), 3)
	f.Add([]byte{0xff, 0xff, 1}, 1)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		if n < 0 || n > width {
			return
		}
		entries, err := unbundle(data, n)
		if err == nil && (len(entries) != n || !bytes.Equal(bundle(entries), data)) {
			t.Errorf("%d entries of %q", len(entries), data)
		}
	})
}
