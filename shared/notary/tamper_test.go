package notary

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"ipcredit/shared/fault"
	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
)

// tampered is a store somebody has altered, checksums and all: one object reads
// as something else, or is not there.
type tampered struct {
	objects.Store
	name string
	with func(body []byte) []byte // nil removes it
}

func (s *tampered) Get(ctx context.Context, name string) ([]byte, objects.Info, error) {
	body, info, err := s.Store.Get(ctx, name)
	if name != s.name || err != nil {
		return body, info, err
	}
	if s.with == nil {
		return nil, objects.Info{}, objects.ErrNotFound
	}
	return s.with(slices.Clone(body)), info, nil
}

// names lists what the log has stored.
func (w *world) names() []string {
	w.t.Helper()
	var names []string
	for info, err := range w.store.List(context.Background(), "notary/", "") {
		if err != nil {
			w.t.Fatal(err)
		}
		names = append(names, info.Name)
	}
	return names
}

// examine is all an operator can do: read every checkpoint's object, then audit.
func (w *world) examine(remembered ...[]byte) error {
	if _, err := w.open().Check(context.Background()); err != nil {
		return err
	}
	_, err := Audit(context.Background(), w.open(), w.key.verifier(), remembered, nil)
	return err
}

// TestThreat_FlippedByteInAnyStoredObjectIsFound flips bytes all over every
// object there is, and takes each away, behind the store's own checksums.
func TestThreat_FlippedByteInAnyStoredObjectIsFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t, redistest.Embedded(t), objectstest.Directory(t).Main)
	for size := 90; size <= 360; size += 90 {
		w.queue(size-90, size)
		w.sequence(w.open())
	}
	if err := w.examine(); err != nil {
		t.Fatal(err)
	}
	names := w.names()
	if want := 5 + 2; len(names) != want { // checkpoints; a tile and its bundle
		t.Errorf("%d objects, want %d: %q", len(names), want, names)
	}
	sound := w.store
	for _, name := range names {
		body, _, err := sound.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		positions := []int{0, 1, len(body) / 3, len(body) / 2, len(body) - 1}
		if head := bytes.IndexByte(body, '\n'); head > 0 && strings.Contains(name, "/checkpoint/") {
			for i := range min(head+2, len(body)) { // every byte of the header and of the signed note
				positions = append(positions, i)
			}
		}
		for _, at := range positions {
			for _, flip := range []byte{1, 0x20, 0x80} {
				w.store = &tampered{sound, name, func(b []byte) []byte { b[at] ^= flip; return b }}
				if err := w.examine(); !errors.Is(err, ErrBroken) && !errors.Is(err, ErrSignature) {
					t.Errorf("%s: byte %d flipped by %#x: %v", name, at, flip, err)
				}
			}
		}
		for what, with := range map[string]func([]byte) []byte{
			"removed": nil, "emptied": func([]byte) []byte { return nil },
			"cut": func(b []byte) []byte { return b[:len(b)-1] }, "longer": func(b []byte) []byte { return append(b, 0) },
		} {
			w.store = &tampered{sound, name, with}
			err := w.examine()
			if err == nil && what == "removed" && name == names[4] {
				continue // the newest checkpoint: only who has seen it misses it, see below
			}
			if !errors.Is(err, ErrBroken) {
				t.Errorf("%s %s: %v", name, what, err)
			}
		}
	}
}

// TestThreat_DamagedStoreIsToldFromAnUnreachableOne: what the store itself calls
// corrupt is evidence, a store that is away is not.
func TestThreat_DamagedStoreIsToldFromAnUnreachableOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, redistest.Embedded(t), objectstest.Directory(t).Main)
	w.queue(0, 300)
	w.sequence(w.open())
	sound := w.store
	for _, tt := range []struct {
		name  string
		err   error
		proof bool
	}{
		{"corrupt", objects.ErrCorrupt, true},
		{"away", fault.New(fault.Unavailable, "objects.unavailable"), false},
		{"given up", context.DeadlineExceeded, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, name := range w.names() {
				w.store = &failing{sound, name, tt.err}
				err := w.examine()
				if err == nil || errors.Is(err, ErrBroken) != tt.proof {
					t.Errorf("%s: %v", name, err)
				}
				if _, err := w.open().Proof(t.Context(), 7); err != nil && errors.Is(err, ErrBroken) != tt.proof {
					t.Errorf("proof without %s: %v", name, err)
				}
			}
		})
	}
}

type failing struct {
	objects.Store
	name string
	err  error
}

func (s *failing) Get(ctx context.Context, name string) ([]byte, objects.Info, error) {
	if name == s.name {
		return nil, objects.Info{}, s.err
	}
	return s.Store.Get(ctx, name)
}

// TestThreat_OperatorWhoResignsIsFoundByWhoeverRemembers: with the real key
// somebody rebuilds the whole log, without one entry, with one altered, with two
// changed over, shorter, and signs it anew. Each rebuilt log is sound in itself.
// Whoever remembers one checkpoint finds out.
func TestThreat_OperatorWhoResignsIsFoundByWhoeverRemembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, redistest.Embedded(t), objectstest.Directory(t).Main)
	var remembered [][]byte
	had := 0
	for _, size := range []int{0, 100, 256, 300} {
		w.queue(had, size)
		had = size
		w.sequence(w.open())
		note, err := w.open().Checkpoint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		remembered = append(remembered, note)
	}
	entries := w.entries(w.open(), remembered...)
	another, err := leafFor(100_000).Entry()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		forge  func(e [][]byte) [][]byte
		honest []int // which remembered checkpoints it does not contradict
	}{
		{"an entry deleted", func(e [][]byte) [][]byte { return slices.Delete(e, 150, 151) }, []int{0, 1}},
		{"an entry deleted, and others added", func(e [][]byte) [][]byte { return append(slices.Delete(e, 150, 151), another, another) }, []int{0, 1}},
		{"the first altered", func(e [][]byte) [][]byte { e[0] = another; return e }, []int{0}},
		{"the last altered", func(e [][]byte) [][]byte { e[len(e)-1] = another; return e }, []int{0, 1, 2}},
		{"two changed over", func(e [][]byte) [][]byte { e[254], e[255] = e[255], e[254]; return e }, []int{0, 1}},
		{"one slipped in", func(e [][]byte) [][]byte { return slices.Insert(e, 256, another) }, []int{0, 1, 2}},
		{"cut off", func(e [][]byte) [][]byte { return e[:256] }, []int{0, 1, 2}},
		{"emptied", func([][]byte) [][]byte { return nil }, []int{0}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			forged := rebuilt(t, w.key, tt.forge(slices.Clone(entries)))
			if _, err := Audit(t.Context(), forged, w.key.verifier(), nil, nil); err != nil {
				t.Fatalf("the forgery is not even sound: %v", err)
			}
			for i, note := range remembered {
				_, err := Audit(t.Context(), forged, w.key.verifier(), [][]byte{note}, nil)
				if slices.Contains(tt.honest, i) {
					if err != nil {
						t.Errorf("checkpoint %d: %v", i, err)
					}
					continue
				}
				var fork *Fork
				if !errors.As(err, &fork) || !errors.Is(err, ErrBroken) {
					t.Errorf("checkpoint %d: %v", i, err)
					continue
				}
				// The evidence speaks for itself.
				if !bytes.Equal(fork.Remembered, note) || len(fork.Served) == 0 {
					t.Errorf("checkpoint %d: the fork does not bring both notes", i)
				}
			}
			if _, err := Audit(t.Context(), forged, w.key.verifier(), remembered, nil); err == nil {
				t.Error("not found with all checkpoints remembered")
			}
		})
	}
}

// rebuilt is a log of these entries, signed by the real key, in a store of its
// own.
func rebuilt(t *testing.T, key *Key, entries [][]byte) *Log {
	t.Helper()
	w := newWorld(t, redistest.Embedded(t), objectstest.Directory(t).Main)
	w.key = key
	l := w.open()
	w.sequence(l) // the checkpoint of the empty log
	if len(entries) == 0 {
		return l
	}
	last, err := l.newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var leaves []queued
	for _, e := range entries {
		leaves = append(leaves, queued{entry: e})
	}
	s, err := l.decide(t.Context(), last, leaves, start)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.fill(t.Context(), s, start); err != nil {
		t.Fatal(err)
	}
	return w.open()
}

// TestThreat_NothingButLeavesGetsIntoTheLog: an operator who logs something that
// is no leaf, a name for instance, is found, although the tree is sound.
func TestThreat_NothingButLeavesGetsIntoTheLog(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	for _, entry := range []string{
		``, `{}`, `张三`, `{"v":1,"event":"profile","at":"2026-11-24","commitment":"zhang san"}`,
		` {"v":1,"event":"profile","at":"2026-11-24","commitment":"` + leafFor(1).Commitment + `"}`,
		`{"v":1,"event":"profile","at":"2026-11-24","commitment":"` + leafFor(1).Commitment + `","name":"x"}`,
	} {
		l := rebuilt(t, key, [][]byte{[]byte(entry)})
		_, err := Audit(t.Context(), l, key.verifier(), nil, nil)
		if !errors.Is(err, ErrBroken) {
			t.Errorf("%q: %v", entry, err)
		}
	}
}

// TestThreat_ForgedCheckpointIsRefused: signed by another key of the same name,
// or not at all.
func TestThreat_ForgedCheckpointIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, redistest.Embedded(t), objectstest.Directory(t).Main)
	w.queue(0, 3)
	w.sequence(w.open())
	stranger := newKey(t)
	_, err := Audit(t.Context(), w.open(), stranger.verifier(), nil, nil)
	mustBe(t, err, ErrSignature)
	note, err := w.open().Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.key.verifier().Checkpoint(bytes.Replace(note, []byte("\n3\n"), []byte("\n4\n"), 1))
	mustBe(t, err, ErrSignature)
	// A receipt signed by the same key is no checkpoint.
	receipt, err := w.key.Sign("receipt\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.key.verifier().Checkpoint(receipt)
	mustBe(t, err, ErrBroken)
}
