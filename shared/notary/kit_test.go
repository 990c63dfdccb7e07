package notary

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"

	"ipcredit/shared/journal"
	"ipcredit/shared/objects"
)

const city = "410700"

var start = time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC)

// newKey makes a key of the log of disclosures.
func newKey(t testing.TB) *Key {
	t.Helper()
	origin, err := Origin("https://credit.example.cn", city, Disclosure)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := NewKey(origin)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// world is a city with one log, on servers that a test may exchange.
type world struct {
	t     testing.TB
	j     *journal.Journal
	store objects.Store
	key   *Key
}

func newWorld(t testing.TB, rdb *redis.Client, store objects.Store) *world {
	return &world{t, journal.New(rdb, city, journal.Options{}), store, newKey(t)}
}

// open is a fresh replica: it knows nothing but what is stored.
func (w *world) open() *Log { return Open(w.j, w.store, Disclosure, w.key) }

func leafFor(i int) Leaf {
	return Leaf{
		V: leafVersion, Event: "profile", At: start.Add(time.Duration(i) * time.Second).Format(time.RFC3339),
		Commitment: Commit(make([]byte, SaltSize), []byte(strconv.Itoa(i))),
	}
}

func id(i int) string { return fmt.Sprintf("leaf/%06d", i) }

func (w *world) place(i int) string { return w.j.Key("test", "log", strconv.Itoa(i)) }

// queue queues leaves from up to but not with to, each with a place of its own,
// a hundred a commit.
func (w *world) queue(from, to int) {
	w.t.Helper()
	l := w.open()
	for ; from < to; from += 100 {
		err := w.j.Commit(context.Background(), journal.Entry{Actor: "t", Action: "test.queue", At: start}, nil,
			func(tx *journal.Tx) error {
				for i := from; i < min(from+100, to); i++ {
					if err := l.Queue(tx, id(i), leafFor(i), w.place(i)); err != nil {
						return err
					}
				}
				return nil
			})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// sequence sequences until nothing waits.
func (w *world) sequence(l *Log) int {
	w.t.Helper()
	n, err := l.Sequence(context.Background(), start)
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// forsake ends the lease of a sequencer that died, which time would do too.
func (w *world) forsake() {
	w.t.Helper()
	if err := w.j.Redis().Del(context.Background(), w.open().leaseKey()).Err(); err != nil {
		w.t.Fatal(err)
	}
}

// entries reads the whole log as it is served, and fails the test if it does not
// pass an audit.
func (w *world) entries(l *Log, remembered ...[]byte) [][]byte {
	w.t.Helper()
	f, err := Audit(context.Background(), l, w.key.verifier(), remembered, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := l.Check(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	var all [][]byte
	for n := int64(0); n<<height < f.Size; n++ {
		t := tlog.Tile{H: height, L: entriesLevel, N: n}
		t.W = inTree(t, f.Size)
		data, err := l.Object(context.Background(), tilePath(t))
		if err != nil {
			w.t.Fatal(err)
		}
		some, err := unbundle(data, t.W)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, some...)
	}
	if root := otherRoot(w.t, all); string(root) != string(f.Root[:]) {
		w.t.Fatalf("another implementation has the root %x, we %x", root, f.Root)
	}
	return all
}

// whole makes sure that the log holds the first n leaves, each once, that each
// place tells the entry of its leaf, and that nothing waits.
func (w *world) whole(l *Log, n int, remembered ...[]byte) {
	w.t.Helper()
	all := w.entries(l, remembered...)
	if len(all) != n {
		w.t.Errorf("%d entries for %d leaves", len(all), n)
	}
	at := map[string]int{}
	for i, e := range all {
		if first, twice := at[string(e)]; twice {
			w.t.Errorf("entries %d and %d are the same", first, i)
		}
		at[string(e)] = i
	}
	for i := range n {
		entry, err := leafFor(i).Entry()
		if err != nil {
			w.t.Fatal(err)
		}
		index, logged := at[string(entry)]
		if !logged {
			w.t.Errorf("leaf %d is lost", i)
			continue
		}
		told, err := w.j.Redis().Get(context.Background(), w.place(i)).Result()
		if err != nil || told != strconv.Itoa(index) {
			w.t.Errorf("leaf %d is entry %d, its place says %q (%v)", i, index, told, err)
		}
	}
	if left, err := l.Waiting(context.Background()); err != nil || left != 0 {
		w.t.Errorf("%d leaves wait (%v)", left, err)
	}
}

// otherRoot is the root of a tree of the entries by an implementation that is
// not the one we use.
func otherRoot(t testing.TB, entries [][]byte) []byte {
	t.Helper()
	hasher := rfc6962.DefaultHasher
	if len(entries) == 0 {
		return hasher.EmptyRoot()
	}
	factory := &compact.RangeFactory{Hash: hasher.HashChildren}
	r := factory.NewEmptyRange(0)
	for _, e := range entries {
		if err := r.Append(hasher.HashLeaf(e), nil); err != nil {
			t.Fatal(err)
		}
	}
	root, err := r.GetRootHash(nil)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// mustBe fails the test unless err is the one wanted.
func mustBe(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}
