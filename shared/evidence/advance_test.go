package evidence

import (
	"bytes"
	"context"
	"errors"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/objects"
)

// held is a store that holds the pieces with these indexes back until their
// channel is closed, and fails when the test says so.
type held struct {
	objects.Store
	back   map[string]chan struct{}
	broken atomic.Bool
}

func (h *held) Create(ctx context.Context, name string, body []byte, a objects.Attr) (objects.Info, error) {
	index, _, _ := strings.Cut(path.Base(name), "-")
	if back := h.back[index]; back != nil {
		select {
		case <-back:
		case <-ctx.Done():
			return objects.Info{}, ctx.Err()
		}
	}
	if h.broken.Load() {
		return objects.Info{}, errDied
	}
	return h.Store.Create(ctx, name, body, a)
}

// writer begins to write a file of so many bytes through the store.
func (k *kit) writer(t *testing.T, store objects.Store, data []byte) (*Writer, Box, File) {
	t.Helper()
	s := *k.Store
	s.objects = store
	_, b := k.open(t, BoxSpec{})
	f := k.create(t, b, int64(len(data)))
	w, err := s.Writer(t.Context(), b, f.N, 0)
	if err != nil {
		t.Fatal(err)
	}
	return w, b, f
}

func (k *kit) offset(t *testing.T, b Box, n int) int64 {
	t.Helper()
	f, err := k.File(t.Context(), b.ID, n)
	if err != nil {
		t.Fatal(err)
	}
	return f.Offset
}

func TestOneWriterKeepsWhatIsStoredWhileTheRestComes(t *testing.T) {
	each(t, func(t *testing.T, k *kit) {
		l := tiny()
		l.CommitBytes, l.CommitMillis = 12_000, 1000
		k.Store = k.With(l)
		data := content(30_000, 1)
		w, b, f := k.writer(t, k.main, data)
		body := make([]byte, 6000)
		for at := 0; at < len(data); at += len(body) {
			n := copy(body, data[at:])
			if err := w.Write(t.Context(), body[:n], false); err != nil {
				t.Fatal(err)
			}
			clear(body) // the writer may not look at it any more
			if err := w.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Advance(t.Context()); err != nil {
				t.Fatal(err)
			}
			// Each 12,000 bytes, and never the end without its manifest.
			want := int64(at+n) / 12_000 * 12_000
			if got := k.offset(t, b, f.N); got != want {
				t.Errorf("%d came, %d are kept, want %d", at+n, got, want)
			}
		}
		if f, err := w.Commit(t.Context()); err != nil || f.State != Whole {
			t.Fatalf("%+v %v", f, err)
		}
		k.reads(t, b.ID, f.N, data)
	})
}

func TestWhatIsOnItsWayForASecondIsKept(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	data := content(60_000, 2)
	w, b, f := k.writer(t, k.main, data)
	if err := w.Write(t.Context(), data[:9000], false); err != nil {
		t.Fatal(err)
	}
	if err := w.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.pass(999 * time.Millisecond)
	if _, err := w.Advance(t.Context()); err != nil || k.offset(t, b, f.N) != 0 {
		t.Fatal(err, k.offset(t, b, f.N))
	}
	k.pass(time.Millisecond)
	if _, err := w.Advance(t.Context()); err != nil || k.offset(t, b, f.N) != 9000 {
		t.Fatal(err, k.offset(t, b, f.N))
	}
	// The process dies here: nobody commits what comes after, and its client goes on
	// from what is kept when the lease has ended.
	if err := w.Write(t.Context(), data[9000:20_000], false); err != nil {
		t.Fatal(err)
	}
	k.pass(leaseTime)
	if _, err := k.Append(t.Context(), b, f.N, 9000, data[9000:]); err != nil {
		t.Fatal(err)
	}
	k.reads(t, b.ID, f.N, data)
}

// Pieces are stored in any order; what is kept is always the file's beginning.
func TestOnlyTheBeginningThatIsStoredIsKept(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	first := make(chan struct{})
	data := content(30_000, 3)
	w, b, f := k.writer(t, &held{Store: k.main, back: map[string]chan struct{}{"000000": first}}, data)
	if err := w.Write(t.Context(), data[:3*4096], false); err != nil {
		t.Fatal(err)
	}
	all := w.staged
	for _, step := range []struct {
		stored []*staged
		kept   int64
	}{{all[1:], 0}, {all, 3 * 4096}} {
		if step.kept > 0 {
			close(first)
		}
		for _, p := range step.stored {
			<-p.done
		}
		if _, err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := k.offset(t, b, f.N); got != step.kept {
			t.Errorf("%d are stored, %d bytes are kept, want %d", len(step.stored), got, step.kept)
		}
	}
	if err := w.Write(t.Context(), data[3*4096:], false); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.reads(t, b.ID, f.N, data)
}

func TestAPieceThatCannotBeStoredEndsTheWriterAndWhatWasBeforeStays(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	h := &held{Store: k.main}
	data := content(40_000, 4)
	w, b, f := k.writer(t, h, data)
	if err := w.Write(t.Context(), data[:2*4096], false); err != nil {
		t.Fatal(err)
	}
	if err := w.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.broken.Store(true)
	if err := w.Write(t.Context(), data[2*4096:4*4096], false); err != nil {
		t.Fatal(err)
	}
	if err := w.wait(t.Context()); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	if err := w.Write(t.Context(), data[4*4096:], false); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	if _, err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Discard(t.Context())
	if at := k.offset(t, b, f.N); at != 2*4096 {
		t.Errorf("%d bytes are kept", at)
	}
	if _, err := k.Append(t.Context(), b, f.N, 2*4096, data[2*4096:]); err != nil {
		t.Fatal(err)
	}
	k.reads(t, b.ID, f.N, data)
	for _, name := range k.objectsIn(t, prefix(b.ID, f.N)) {
		if strings.HasSuffix(name, w.try) && !strings.Contains(name, "/000000-") && !strings.Contains(name, "/000001-") {
			t.Errorf("left: %s", name)
		}
	}
}

// Whoever was discarded leaves nothing, not even what was on its way.
func TestDiscardWaitsForWhatIsOnItsWay(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	h := &held{Store: k.main, back: map[string]chan struct{}{"000001": make(chan struct{}), "000002": make(chan struct{})}}
	data := content(20_000, 5)
	w, b, f := k.writer(t, h, data)
	if err := w.Write(t.Context(), data[:3*4096], false); err != nil {
		t.Fatal(err)
	}
	w.Discard(t.Context()) // returns: what waits is called back
	if left := k.objectsIn(t, prefix(b.ID, f.N)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if _, err := k.Append(t.Context(), b, f.N, 0, data); err != nil {
		t.Fatal(err)
	}
	k.reads(t, b.ID, f.N, data)
}

func TestWhoComesSecondIsToldWhenTheFirstIsGone(t *testing.T) {
	each(t, func(t *testing.T, k *kit) {
		_, b := k.open(t, BoxSpec{})
		f := k.create(t, b, 1000)
		if _, err := k.Writer(t.Context(), b, f.N, 0); err != nil { // and it dies
			t.Fatal(err)
		}
		for _, tt := range []struct{ after, wait time.Duration }{
			{0, 5 * time.Second}, {time.Millisecond, 5 * time.Second}, {time.Second, 4 * time.Second}, {2999 * time.Millisecond, time.Second},
		} {
			k.pass(tt.after)
			_, err := k.Writer(t.Context(), b, f.N, 0)
			refused(t, err, fault.Locked, "evidence.busy")
			if r, _ := fault.Of(err); r == nil || r.RetryAfter != tt.wait && r.RetryAfter != tt.wait+time.Second || len(r.Args) != 1 {
				t.Errorf("%+v, want %v", r, tt.wait)
			}
		}
		k.pass(time.Second)
		if _, err := k.Append(t.Context(), b, f.N, 0, content(1000, 1)); err != nil {
			t.Fatal(err)
		}
		k.reads(t, b.ID, f.N, content(1000, 1))
	})
}

// A slow sender holds the file only as long as something of it comes.
func TestAWriterThatHangsDoesNotCommitOverWhoWentOn(t *testing.T) {
	t.Parallel()
	k := embedded(t)
	data := content(9000, 6)
	sent := bytes.Clone(data)
	ours, b, f := k.writer(t, k.main, data)
	if err := ours.Write(t.Context(), data[:5000], false); err != nil {
		t.Fatal(err)
	}
	k.pass(leaseTime)
	theirs, err := k.Writer(t.Context(), b, f.N, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = ours.Commit(t.Context())
	refused(t, err, fault.Locked, "evidence.busy")
	if err := theirs.Write(t.Context(), data, false); err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.reads(t, b.ID, f.N, data)
	if !bytes.Equal(data, sent) {
		t.Error("the sender's bytes were changed")
	}
}
