package notary

import (
	"bytes"
	"context"
	"strconv"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"

	"ipcredit/shared/journal"
	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
)

// everywhere runs a test on both kinds of Redis with objects in a directory, and
// once with both real servers.
func everywhere(t *testing.T, body func(t *testing.T, w *world)) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		body(t, newWorld(t, rdb, objectstest.Directory(t).Main))
	})
	t.Run("minio", func(t *testing.T) { body(t, newWorld(t, redistest.Real(t), objectstest.Real(t).Main)) })
}

func TestLeavesGetEntriesAndTheirPlacesTellWhich(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, w *world) {
		l := w.open()
		if _, err := l.Checkpoint(t.Context()); err == nil {
			t.Error("a checkpoint before the first sequencing")
		} else {
			mustBe(t, err, ErrNotFound)
		}
		var shown [][]byte
		for _, size := range []int{0, 1, 2, 255, 256, 257, 300, 600} {
			before := 0
			if len(shown) > 0 {
				c, err := w.key.verifier().Checkpoint(shown[len(shown)-1])
				if err != nil {
					t.Fatal(err)
				}
				before = int(c.Size)
			}
			w.queue(before, size)
			if got := w.sequence(l); got != size-before {
				t.Errorf("sequenced %d of %d", got, size-before)
			}
			note, err := l.Checkpoint(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			shown = append(shown, note)
			w.whole(l, size, shown...)
			w.whole(w.open(), size, shown...)
		}
		if got := w.sequence(l); got != 0 {
			t.Errorf("sequenced %d leaves of none", got)
		}
		if n, err := l.Check(t.Context()); err != nil || n != 8 {
			t.Errorf("%d checkpoints (%v), want one for each time something was added and the first", n, err)
		}
	})
}

func TestLargeBatchesAreSeveralCheckpoints(t *testing.T) {
	t.Parallel()
	w := newWorld(t, redistest.Embedded(t), objectstest.Directory(t).Main)
	w.queue(0, 1000)
	l := w.open()
	l.batch = 300
	if got := w.sequence(l); got != 1000 {
		t.Errorf("sequenced %d", got)
	}
	w.whole(w.open(), 1000)
	if n, err := l.Check(t.Context()); err != nil || n != 1+4 {
		t.Errorf("%d checkpoints (%v)", n, err)
	}
}

// TestProofsHoldInAnotherImplementation: what we hand out is checked by
// transparency-dev/merkle, which shares no code with the one that made it.
func TestProofsHoldInAnotherImplementation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, redistest.Embedded(t), objectstest.Directory(t).Main)
	l, v := w.open(), w.key.verifier()
	var heads []Checkpoint
	for size := 0; size <= 700; size += 35 {
		w.queue(max(0, size-35), size)
		w.sequence(l)
		note, err := l.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c, err := v.Checkpoint(note)
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, c)
	}
	entries := w.entries(l)
	for i, e := range entries {
		data, err := l.Proof(t.Context(), int64(i))
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParseProof(data)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(p.Extra, e) {
			t.Errorf("the proof of entry %d brings another entry", i)
		}
		c, err := p.Verify(e, v)
		if err != nil {
			t.Fatal(err)
		}
		err = proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(i), uint64(c.Size),
			rfc6962.DefaultHasher.HashLeaf(e), hashes(p.Path), c.Root[:])
		if err != nil {
			t.Errorf("entry %d: %v", i, err)
		}
	}
	last := heads[len(heads)-1]
	s, err := l.newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reader := tlog.TileHashReader(s.tree, &tileReader{t.Context(), l, s})
	for _, old := range heads[1:] {
		path, err := tlog.ProveTree(last.Size, old.Size, reader)
		if err != nil {
			t.Fatal(err)
		}
		list := make([][]byte, len(path))
		for i, h := range path {
			list[i] = h[:]
		}
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(old.Size), uint64(last.Size), list, old.Root[:], last.Root[:]); err != nil {
			t.Errorf("from %d to %d: %v", old.Size, last.Size, err)
		}
	}
}

func hashes(path [][tlog.HashSize]byte) [][]byte {
	out := make([][]byte, len(path))
	for i := range path {
		out[i] = path[i][:]
	}
	return out
}

func TestOnlyWhatIsInTheTreeIsServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, redistest.Embedded(t), objectstest.Directory(t).Main)
	w.queue(0, 300)
	l := w.open()
	w.sequence(l)
	for _, tt := range []struct {
		path string
		size int // of the answer, -1 for one that is not there
	}{
		{"tile/0/000", 256 * 32},
		{"tile/0/000.p/255", 255 * 32},
		{"tile/0/001.p/44", 44 * 32},
		{"tile/0/001.p/1", 32},
		{"tile/0/001.p/45", -1},
		{"tile/0/001", -1},
		{"tile/0/002.p/1", -1},
		{"tile/1/000.p/1", 32},
		{"tile/1/000.p/2", -1},
		{"tile/2/000.p/1", -1},
		{"tile/entries/000", 256 * (2 + 140)},
		{"tile/entries/000.p/3", 3 * (2 + 140)},
		{"tile/entries/001.p/44", 44 * (2 + 140)},
		{"tile/entries/001.p/45", -1},
		{"tile/entries/1", -1},
		{"tile/entries/000.p/0", -1},
		{"tile/entries/000.p/256", -1},
		{"tile/entries/000.p/01", -1},
		{"tile/data/000", -1},
		{"tile/8/0/000", -1},
		{"tile/00/000", -1},
		{"tile/-1/000", -1},
		{"tile/0/x000/000", -1},
		{"tile/0/x999/x999/x999/x999/x999/x999/999", -1},
		{"tile/63/000", -1},
		{"tile/7/000", -1},
		{"tile/", -1},
		{"checkpoint", -1},
		{"checkpoint/000000000001", -1},
		{"../disclosure/tile/0/000", -1},
	} {
		t.Run(tt.path, func(t *testing.T) {
			data, err := l.Object(t.Context(), tt.path)
			if tt.size < 0 {
				mustBe(t, err, ErrNotFound)
			} else if err != nil || len(data) != tt.size {
				t.Errorf("%d bytes (%v), want %d", len(data), err, tt.size)
			}
		})
	}
	for _, index := range []int64{-1, 300, 1 << 40, 1<<63 - 1} {
		_, err := l.Proof(t.Context(), index)
		mustBe(t, err, ErrNotFound)
	}
}

func TestOneLeafQueuedTwiceIsOneEntryAndTwoLeavesOfOneIDAreTwo(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newWorld(t, rdb, objectstest.Directory(t).Main)
		l := w.open()
		place := w.place(7)
		commit := func(id string, leaf Leaf, at string) {
			t.Helper()
			err := w.j.Commit(t.Context(), journal.Entry{Actor: "t", Action: "test.queue", At: start}, nil,
				func(tx *journal.Tx) error { return l.Queue(tx, id, leaf, at) })
			if err != nil {
				t.Fatal(err)
			}
		}
		early, late := leafFor(1), leafFor(2)
		late.At = early.At // then the id decides which is later
		commit("b/2", late, place)
		commit("b/1", early, place)
		commit("b/1", early, place)
		commit("alone", leafFor(3), "")
		if waits, err := l.Waits(t.Context(), "b/1", early, place); err != nil || !waits {
			t.Errorf("b/1 waits: %v (%v)", waits, err)
		}
		if got := w.sequence(l); got != 3 {
			t.Errorf("sequenced %d, want 3", got)
		}
		if waits, err := l.Waits(t.Context(), "b/1", early, place); err != nil || waits {
			t.Errorf("b/1 waits after sequencing: %v (%v)", waits, err)
		}
		entries := w.entries(l)
		want, err := late.Entry()
		if err != nil {
			t.Fatal(err)
		}
		told, err := rdb.Get(t.Context(), place).Result()
		if err != nil {
			t.Fatal(err)
		}
		index, err := strconv.Atoi(told)
		if err != nil || !bytes.Equal(entries[index], want) {
			t.Errorf("the place tells entry %s, which is not the later leaf", told)
		}
		index64, found, err := l.Index(t.Context(), "alone")
		if err != nil || !found || index64 != 2 {
			t.Errorf("index of the leaf without a place: %d %v (%v)", index64, found, err)
		}
		if _, found, err := l.Index(t.Context(), "never"); found || err != nil {
			t.Errorf("an index of what never was (%v)", err)
		}
		err = w.j.Commit(t.Context(), journal.Entry{Actor: "t", Action: "test.forget", At: start}, nil,
			func(tx *journal.Tx) error { l.Forget(tx, "alone"); return nil })
		if err != nil {
			t.Fatal(err)
		}
		if _, found, err := l.Index(t.Context(), "alone"); found || err != nil {
			t.Errorf("the index is not forgotten (%v)", err)
		}
	})
}

func TestQueueRefusesWhatIsNotALeaf(t *testing.T) {
	t.Parallel()
	w := newWorld(t, redistest.Embedded(t), nil)
	l := w.open()
	good := leafFor(1)
	for _, tt := range []struct {
		name string
		id   string
		leaf func(*Leaf)
		at   string
	}{
		{"no id", "", nil, ""},
		{"an id with a space", "a b", nil, ""},
		{"an id with a line break", "a\nb", nil, ""},
		{"an id that is a name", "王某", nil, ""},
		{"an id too long", string(bytes.Repeat([]byte("x"), 201)), nil, ""},
		{"a place in another city", "a", nil, "{410500}:x"},
		{"a place that does not last", "a", nil, w.j.Tmp("x")},
		{"a place that is no key", "a", nil, "x"},
		{"a place with a line break", "a", nil, w.j.Key("x\ny")},
		{"another version", "a", func(l *Leaf) { l.V = 2 }, ""},
		{"no event", "a", func(l *Leaf) { l.Event = "" }, ""},
		{"an event that is a sentence", "a", func(l *Leaf) { l.Event = "zhang san filed" }, ""},
		{"an event in Chinese", "a", func(l *Leaf) { l.Event = "张三" }, ""},
		{"a time that is none", "a", func(l *Leaf) { l.At = "yesterday" }, ""},
		{"a local time", "a", func(l *Leaf) { l.At = "2026-11-24T08:00:00+08:00" }, ""},
		{"a name for a commitment", "a", func(l *Leaf) { l.Commitment = "sha256:zhang san" }, ""},
		{"a bare hash", "a", func(l *Leaf) { l.Commitment = l.Commitment[7:] }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			leaf := good
			if tt.leaf != nil {
				tt.leaf(&leaf)
			}
			err := w.j.Commit(t.Context(), journal.Entry{Actor: "t", Action: "test.queue", At: start}, nil,
				func(tx *journal.Tx) error { return l.Queue(tx, tt.id, leaf, tt.at) })
			if err == nil {
				t.Error("was queued")
			}
		})
	}
}

func TestLogWithoutKeyQueuesAndReads(t *testing.T) {
	t.Parallel()
	w := newWorld(t, redistest.Embedded(t), objectstest.Directory(t).Main)
	w.queue(0, 3)
	w.sequence(w.open())
	reader := Open(w.j, w.store, Disclosure, nil)
	w.whole(reader, 3)
	_, err := reader.Sequence(t.Context(), start)
	mustBe(t, err, ErrNoKey)
	blind := Open(w.j, nil, Disclosure, nil)
	_, err = blind.Checkpoint(t.Context())
	mustBe(t, err, ErrNoKey)
	_, err = blind.Object(t.Context(), "tile/0/000.p/1")
	mustBe(t, err, ErrNoKey)
}

func TestLogsOfACityDoNotMix(t *testing.T) {
	t.Parallel()
	w := newWorld(t, redistest.Embedded(t), objectstest.Directory(t).Main)
	w.queue(0, 3)
	secret, err := NewKey("credit.example.cn/410700/intake")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	other := Open(w.j, w.store, Intake, key)
	if n := w.sequence(other); n != 0 {
		t.Errorf("%d leaves of the other log", n)
	}
	w.sequence(w.open())
	note, err := other.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.key.verifier().Checkpoint(note); err == nil {
		t.Error("one log's checkpoint passes for the other's")
	}
}

func TestSequencerLeavesWorkToTheOneThatHoldsTheLease(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newWorld(t, rdb, objectstest.Directory(t).Main)
		w.queue(0, 3)
		l := w.open()
		fence, err := l.lease(t.Context())
		if err != nil || fence == 0 {
			t.Fatalf("lease %d (%v)", fence, err)
		}
		if n := w.sequence(w.open()); n != 0 {
			t.Errorf("sequenced %d while another one works", n)
		}
		if held, err := l.renew(t.Context(), fence); err != nil || !held {
			t.Errorf("the lease is not ours (%v)", err)
		}
		if held, err := l.renew(t.Context(), fence-1); err != nil || held {
			t.Errorf("an older fence number holds the lease (%v)", err)
		}
		l.release(t.Context(), fence-1)
		if n := w.sequence(w.open()); n != 0 {
			t.Errorf("a stale sequencer gave the lease away")
		}
		l.release(context.Background(), fence)
		if n := w.sequence(w.open()); n != 3 {
			t.Errorf("sequenced %d after the lease was given up", n)
		}
		w.whole(w.open(), 3)
	})
}

func TestKeyIsChangedWithoutBreakingTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, redistest.Embedded(t), objectstest.Directory(t).Main)
	next, err := NewKey(w.key.Origin())
	if err != nil {
		t.Fatal(err)
	}
	old, err := NewKey(w.key.Origin())
	if err != nil {
		t.Fatal(err)
	}
	both, err := ParseKey([]byte(old + "\n" + next + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	var notes [][]byte
	for i, secret := range []string{old, old + "\n" + next, next} {
		if w.key, err = ParseKey([]byte(secret)); err != nil {
			t.Fatal(err)
		}
		w.queue(i, i+1)
		l := w.open()
		w.sequence(l)
		note, err := l.Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		notes = append(notes, note)
	}
	// Who knows both keys can follow the log from end to end.
	if _, err := Audit(t.Context(), w.open(), both.verifier(), notes, nil); err != nil {
		t.Error(err)
	}
	// Who knows the old one only follows while both sign.
	was, err := ParseKey([]byte(old))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := was.verifier().Checkpoint(notes[1]); err != nil {
		t.Error(err)
	}
	_, err = was.verifier().Checkpoint(notes[2])
	mustBe(t, err, ErrSignature)
}

var _ objects.Store = (*mortal)(nil)
