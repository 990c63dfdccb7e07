package notary

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"golang.org/x/mod/sumdb/tlog"

	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
)

// entryAt is the entry at an index of a log whose leaves were queued in order.
func entryAt(t *testing.T, i int) []byte {
	t.Helper()
	entry, err := leafFor(i).Entry()
	if err != nil {
		t.Fatal(err)
	}
	return entry
}

// proves makes sure that the mirror, read without any object, answers for these
// leaves of a log of size as Proof does.
func (w *world) proves(t *testing.T, size int, leaves ...int) {
	t.Helper()
	reader, full := Open(w.j, nil, Disclosure, nil), w.open()
	for _, i := range leaves {
		got, err := reader.MirroredProof(t.Context(), int64(i), entryAt(t, i))
		if i >= size {
			mustBe(t, err, ErrNotFound)
			continue
		}
		if err != nil {
			t.Fatalf("leaf %d of %d: %v", i, size, err)
		}
		want, err := full.Proof(t.Context(), int64(i))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("leaf %d of %d: the mirror says\n%s, the objects\n%s", i, size, got, want)
		}
		p, err := ParseProof(got)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := p.Verify(entryAt(t, i), w.key.verifier()); err != nil || c.Size != int64(size) {
			t.Errorf("leaf %d of %d: %v", i, size, err)
		}
	}
}

// TestMirrorProvesWhatTheObjectsProve at each side of a full tile.
func TestMirrorProvesWhatTheObjectsProve(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newWorld(t, rdb, objectstest.Directory(t).Main)
		_, err := Open(w.j, nil, Disclosure, nil).MirroredProof(t.Context(), 0, entryAt(t, 0))
		mustBe(t, err, ErrNotFound)
		had := 0
		for _, size := range []int{0, 1, 2, 255, 256, 257, 511, 512, 700, 1024} {
			w.queue(had, size)
			w.sequence(w.open().Mirror())
			w.proves(t, size, 0, 1, 254, 255, 256, 511, max(size-1, 0), size, size+1)
			had = size
		}
		reader := Open(w.j, nil, Disclosure, nil)
		_, err = reader.MirroredProof(t.Context(), -1, entryAt(t, 0))
		mustBe(t, err, ErrNotFound)
		// Whoever believes in another entry is not given a proof of this one.
		_, err = reader.MirroredProof(t.Context(), 3, entryAt(t, 4))
		mustBe(t, err, ErrBroken)
	})
}

// TestMirrorComesBackByItself after Redis was restored without it, after it lost
// a part, and in a log that was kept without one before.
func TestMirrorComesBackByItself(t *testing.T) {
	t.Parallel()
	const size = 256*3 + 17
	for _, tt := range []struct {
		name string
		lose func(w *world, rdb *redis.Client) error
		// lacks tells whether proofs lack until the next run.
		lacks bool
	}{
		{"restored", func(w *world, rdb *redis.Client) error {
			keys, err := rdb.Keys(w.t.Context(), w.j.Tmp("*")).Result()
			if err != nil {
				return err
			}
			return rdb.Del(w.t.Context(), keys...).Err()
		}, true},
		{"without its checkpoint", func(w *world, rdb *redis.Client) error {
			return rdb.Del(w.t.Context(), w.open().mirrorKey()).Err()
		}, true},
		{"several checkpoints behind", func(w *world, _ *redis.Client) error {
			l := w.open()
			l.batch = 100 // more than one step, with none of them reflected
			w.queue(size, size+300)
			w.sequence(l)
			return nil
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
				w := newWorld(t, rdb, objectstest.Directory(t).Main)
				w.queue(0, size)
				w.sequence(w.open().Mirror())
				w.proves(t, size, 0, size-1)
				if err := tt.lose(w, rdb); err != nil {
					t.Fatal(err)
				}
				if tt.lacks {
					_, err := Open(w.j, nil, Disclosure, nil).MirroredProof(t.Context(), 0, entryAt(t, 0))
					mustBe(t, err, ErrNotFound)
				}
				w.sequence(w.open().Mirror())
				n, err := w.open().newest(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				w.proves(t, int(n.tree.N), 0, 255, 256, size-1, int(n.tree.N)-1, int(n.tree.N))
			})
		})
	}
}

// TestThreat_AFalseMirrorProvesNothing: whoever can write Redis, but does not have
// the log's key, gets no proof out of it that leads anywhere.
func TestThreat_AFalseMirrorProvesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, redistest.Embedded(t), objectstest.Directory(t).Main)
	w.queue(0, 600)
	l := w.open().Mirror()
	w.sequence(l)
	reader := Open(w.j, nil, Disclosure, nil)
	key := l.mirrorTileKey(tlog.Tile{H: height, L: 0, N: 1, W: width})
	rdb := w.j.Redis()
	whole, err := rdb.Get(t.Context(), key).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 31, 32, len(whole) - 1} {
		bent := []byte(whole)
		bent[at] ^= 1
		if err := rdb.Set(t.Context(), key, bent, 0).Err(); err != nil {
			t.Fatal(err)
		}
		if data, err := reader.MirroredProof(t.Context(), 300, entryAt(t, 300)); err == nil {
			t.Errorf("byte %d of a tile: %s", at, data)
		}
	}
	// Another log's checkpoint in its place: the proof that follows is signed by
	// nobody we know.
	if err := rdb.Set(t.Context(), key, whole, 0).Err(); err != nil {
		t.Fatal(err)
	}
	forger := newWorld(t, redistest.Embedded(t), objectstest.Directory(t).Main)
	forger.queue(0, 600)
	forger.sequence(forger.open().Mirror())
	false_, err := forger.j.Redis().Get(t.Context(), l.mirrorKey()).Result()
	if err != nil {
		t.Fatal(err)
	}
	if err := rdb.Set(t.Context(), l.mirrorKey(), false_, 0).Err(); err != nil {
		t.Fatal(err)
	}
	data, err := reader.MirroredProof(t.Context(), 3, entryAt(t, 3))
	if err != nil {
		t.Fatal(err) // it is a good proof of the forger's log
	}
	p, err := ParseProof(data)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Verify(entryAt(t, 3), w.key.verifier())
	mustBe(t, err, ErrSignature)
}

// TestMirrorIsOutsideTheState: it is not journaled, so a digest and a restore do
// not know it, and it costs the journal nothing.
func TestMirrorIsOutsideTheState(t *testing.T) {
	t.Parallel()
	w := newWorld(t, redistest.Embedded(t), objectstest.Directory(t).Main)
	digest := func() string {
		t.Helper()
		d, _, err := w.j.Digest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	w.queue(0, 300)
	w.sequence(w.open())
	before := digest()
	w.sequence(w.open().Mirror())
	w.proves(t, 300, 0, 299)
	if after := digest(); after != before {
		t.Errorf("the digest is %s, it was %s", after, before)
	}
}
