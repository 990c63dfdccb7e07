package evidence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
	"ipcredit/shared/seal"
)

var begun = time.Date(2026, 5, 20, 2, 30, 0, 0, time.UTC)

// kit is a store on real parts, with a clock that only the test moves, and limits
// small enough to reach.
type kit struct {
	*Store
	rdb   *redis.Client
	main  objects.Store
	clock atomic.Int64
	id    seal.Identity
}

func (k *kit) time() time.Time { return time.Unix(0, k.clock.Load()).UTC() }

func (k *kit) pass(d time.Duration) { k.clock.Add(int64(d)) }

var identity = sync.OnceValue(func() seal.Identity {
	id, err := seal.Generate()
	if err != nil {
		panic(err)
	}
	return id
})

// tiny are limits that a test reaches quickly.
func tiny() Limits {
	l := DefaultLimits()
	l.FileBytes, l.TotalBytes, l.Files, l.PieceBytes, l.HeadBytes, l.Pieces = 64<<10, 160<<10, 5, 4096, 512, 200
	return l
}

func newKit(rdb *redis.Client, main objects.Store) *kit {
	k := &kit{rdb: rdb, main: main, id: identity()}
	k.clock.Store(begun.UnixNano())
	k.Store = NewStore(journal.New(rdb, "410700", journal.Options{}), main, k.time).With(tiny())
	return k
}

// each runs body on the embedded parts and on the real ones.
func each(t *testing.T, body func(t *testing.T, k *kit)) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		if bytes.Contains([]byte(t.Name()), []byte("redis-server")) {
			objectstest.Each(t, func(t *testing.T, b *objects.Buckets) {
				if err := rdb.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
				body(t, newKit(rdb, b.Main))
			})
			return
		}
		body(t, newKit(rdb, objectstest.Directory(t).Main))
	})
}

func embedded(t testing.TB) *kit {
	return newKit(redistest.Embedded(t), objectstest.Directory(t).Main)
}

func (k *kit) open(t testing.TB, spec BoxSpec) (string, Box) {
	t.Helper()
	if spec.For == "" {
		spec.For = Draft
	}
	if len(spec.To.Keys()) == 0 {
		spec.To = k.id.Recipient()
	}
	if spec.Until.IsZero() {
		spec.Until = k.time().Add(7 * 24 * time.Hour)
	}
	token, id, err := k.OpenBox(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	b, err := k.Open(t.Context(), token)
	if err != nil || b.ID != id {
		t.Fatal(b, id, err)
	}
	return token, b
}

func (k *kit) create(t testing.TB, b Box, size int64) File {
	t.Helper()
	f, err := k.Create(t.Context(), b, NewFile{Name: "现场.jpg", Type: "image/jpeg", Size: size})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// content is n bytes of a picture that nobody can guess.
func content(n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	copy(b, "\xff\xd8\xff\xe0")
	return b
}

func sumOf(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// reads fails the test unless the file opens to exactly this.
func (k *kit) reads(t testing.TB, box string, n int, want []byte) {
	t.Helper()
	var got bytes.Buffer
	m, sum, err := k.Copy(context.Background(), &got, box, n, k.id)
	if err != nil {
		t.Fatalf("file %d: %v", n, err)
	}
	if !bytes.Equal(got.Bytes(), want) || sum != sumOf(want) || m.Size != int64(len(want)) {
		t.Errorf("file %d is not what was sent: %d bytes of %d", n, got.Len(), len(want))
	}
}

func refused(t testing.TB, err error, kind fault.Kind, code string) {
	t.Helper()
	f, ok := fault.Of(err)
	if !ok || f.Kind != kind || f.Code != code {
		t.Errorf("answered %v, want %s %s", err, kind, code)
	}
}

// count is how many objects there are.
func (k *kit) objectsIn(t testing.TB, prefix string) []string {
	t.Helper()
	var names []string
	for info, err := range k.main.List(t.Context(), prefix, "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, info.Name)
	}
	return names
}

var errDied = errors.New("the process died here")

// mortal is a store whose n-th write ends the process: the write has happened or
// not, and nothing after it does.
type mortal struct {
	objects.Store
	left  atomic.Int64
	after bool // whether the last write happens
}

func (m *mortal) Create(ctx context.Context, name string, body []byte, a objects.Attr) (objects.Info, error) {
	switch left := m.left.Add(-1); {
	case left < 0:
		return objects.Info{}, errDied
	case left == 0 && m.after:
		_, _ = m.Store.Create(ctx, name, body, a)
		return objects.Info{}, errDied
	case left == 0:
		return objects.Info{}, errDied
	}
	return m.Store.Create(ctx, name, body, a)
}

func (m *mortal) Delete(context.Context, string) error { return errDied }
