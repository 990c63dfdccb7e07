package evidence

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/objects"
)

func (k *kit) send(t testing.TB, b Box, n int, seed uint64) (File, []byte) {
	t.Helper()
	data := content(n, seed)
	f := k.create(t, b, int64(n))
	f, err := k.Append(t.Context(), b, f.N, 0, data)
	if err != nil {
		t.Fatal(err)
	}
	return f, data
}

func (k *kit) sweep(t testing.TB) Swept {
	t.Helper()
	done, err := k.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func (k *kit) bind(t testing.TB, box, ref string) {
	t.Helper()
	err := k.journal.Commit(t.Context(), journal.Entry{Actor: "reporter", Action: "test.bind", At: k.time()}, nil, func(tx *journal.Tx) error {
		return k.Rebind(t.Context(), tx, box, ref, time.Time{})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnAbandonedUploadEndsAndItsPiecesAreDeleted(t *testing.T) {
	each(t, func(t *testing.T, k *kit) {
		_, b := k.open(t, BoxSpec{})
		f := k.create(t, b, 9000)
		if _, err := k.Append(t.Context(), b, f.N, 0, content(5000, 1)); err != nil {
			t.Fatal(err)
		}
		k.pass(time.Unix(f.Expires, 0).Sub(k.time()) - time.Second)
		k.sweep(t)
		if now, err := k.File(t.Context(), b.ID, f.N); err != nil || now.At(k.time()) != Receiving {
			t.Fatalf("given up a second early: %+v %v", now, err)
		}
		k.pass(time.Second)
		_, err := k.Append(t.Context(), b, f.N, 5000, content(100, 1)) // before any sweep
		refused(t, err, fault.Ended, "evidence.gone")
		k.sweep(t)
		k.pass(time.Minute)
		k.sweep(t)
		if left := k.objectsIn(t, "evidence/"); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		if now, err := k.File(t.Context(), b.ID, f.N); err != nil || now.State != Gone || now.Meta != "" {
			t.Errorf("%+v %v", now, err)
		}
		if again := k.sweep(t); again != (Swept{}) {
			t.Errorf("swept again: %+v", again)
		}
	})
}

func TestADraftThatBecameNoReportIsDroppedWithItsFiles(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	token, b := k.open(t, BoxSpec{})
	k.send(t, b, 6000, 1)
	_, kept := k.open(t, BoxSpec{})
	f, data := k.send(t, kept, 6000, 2)
	k.bind(t, kept.ID, "tip-off:482109375516")
	k.pass(8 * 24 * time.Hour)
	k.sweep(t)
	k.pass(time.Minute)
	k.sweep(t)
	_, err := k.Open(t.Context(), token)
	refused(t, err, fault.Ended, "evidence.box_ended")
	if left := k.objectsIn(t, prefix(b.ID, 0)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	k.reads(t, kept.ID, f.N, data) // a report's files stay, though their box has ended
}

func TestABoxIsBoundOnceAndOnlyWhileItIsADraft(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	_, b := k.open(t, BoxSpec{})
	k.bind(t, b.ID, "tip-off:1")
	k.bind(t, b.ID, "tip-off:1")
	try := func(box, ref string) error {
		return k.journal.Commit(t.Context(), journal.Entry{Actor: "x", Action: "test.bind", At: k.time()}, nil, func(tx *journal.Tx) error {
			return k.Rebind(t.Context(), tx, box, ref, time.Time{})
		})
	}
	refused(t, try(b.ID, "tip-off:2"), fault.Conflict, "evidence.bound")
	refused(t, try("unknown", "tip-off:2"), fault.NotFound, "evidence.no_box")
	refused(t, try(b.ID, "姓名"), fault.Invalid, "evidence.for")
	boxes, err := k.Boxes(t.Context(), "tip-off:1")
	if err != nil || len(boxes) != 1 || boxes[0].ID != b.ID {
		t.Errorf("%+v %v", boxes, err)
	}
	if drafts, err := k.Boxes(t.Context(), Draft); err != nil || len(drafts) != 0 {
		t.Errorf("%+v %v", drafts, err)
	}
	_, late := k.open(t, BoxSpec{})
	k.pass(8 * 24 * time.Hour)
	refused(t, try(late.ID, "tip-off:2"), fault.Ended, "evidence.box_ended")
}

func TestWhatWasHandedOverCannotBeTakenBackAndIsLocked(t *testing.T) {
	each(t, func(t *testing.T, k *kit) {
		_, b := k.open(t, BoxSpec{})
		f, data := k.send(t, b, 9000, 3)
		mine, _ := k.send(t, b, 700, 4)
		if err := k.Terminate(t.Context(), b, mine.N); err != nil {
			t.Fatal(err) // a draft's file may be
		}
		_, err := k.Append(t.Context(), b, mine.N, 700, nil)
		refused(t, err, fault.Ended, "evidence.gone")
		refused(t, k.Terminate(t.Context(), b, mine.N), fault.Ended, "evidence.gone")
		if k.sweep(t).Locked != 0 {
			t.Error("a draft's file was locked")
		}
		k.bind(t, b.ID, "tip-off:1")
		refused(t, k.Terminate(t.Context(), b, f.N), fault.Conflict, "evidence.kept")
		// A piece that lost against another is left over: it goes, the file stays.
		if _, err := k.main.Create(t.Context(), pieceName(b.ID, f.N, 1, "loser"), []byte("x"), objects.Attr{}); err != nil {
			t.Fatal(err)
		}
		if done := k.sweep(t); done.Locked != 1 || done.Deleted != 1 {
			t.Errorf("%+v", done)
		}
		names := k.objectsIn(t, prefix(b.ID, f.N))
		if len(names) != f.Pieces+1 {
			t.Errorf("%v", names)
		}
		for _, name := range names {
			if err := k.main.Delete(t.Context(), name); !errors.Is(err, objects.ErrRetained) {
				t.Errorf("%s deleted: %v", name, err)
			}
		}
		k.reads(t, b.ID, f.N, data)
		if f, err = k.File(t.Context(), b.ID, f.N); err != nil || f.Locked == "" {
			t.Errorf("%+v %v", f, err)
		}
	})
}

func TestDropForgetsABox(t *testing.T) {
	each(t, func(t *testing.T, k *kit) {
		token, b := k.open(t, BoxSpec{For: "tip-off:1"})
		k.send(t, b, 6000, 1)
		f := k.create(t, b, 600)
		if err := k.Drop(t.Context(), b.ID); err != nil {
			t.Fatal(err)
		}
		if err := k.Drop(t.Context(), b.ID); err != nil {
			t.Errorf("again: %v", err)
		}
		_, err := k.Open(t.Context(), token)
		refused(t, err, fault.Ended, "evidence.box_ended")
		_, err = k.Append(t.Context(), b, f.N, 0, content(600, 1)) // whoever still had the box in hand
		if err == nil {
			t.Error("a dropped box took a piece")
		}
		k.pass(time.Minute)
		k.sweep(t)
		if left := k.objectsIn(t, prefix(b.ID, 0)); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		keys, err := k.rdb.Keys(t.Context(), "{410700}:evidence:*"+b.ID+"*").Result()
		if err != nil || len(keys) != 1 || !strings.HasSuffix(keys[0], ":box:"+b.ID) {
			t.Errorf("%v %v", keys, err)
		}
	})
}

// A sweep cut off anywhere is finished by the next.
func TestASweepThatDiesIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	_, b := k.open(t, BoxSpec{})
	k.send(t, b, 9000, 1)
	if err := k.Drop(t.Context(), b.ID); err != nil {
		t.Fatal(err)
	}
	k.pass(time.Minute)
	dying := NewStore(journal.New(k.rdb, "410700", journal.Options{}), &mortal{Store: k.main}, k.time).With(tiny())
	if _, err := dying.Sweep(t.Context()); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	k.sweep(t)
	if left := k.objectsIn(t, "evidence/"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Sweep(ended); err == nil {
		t.Error("a sweep without time answers nothing")
	}
}
