package notary

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/journal"
	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
)

// errDead is what a process sees of itself that is not there any more.
var errDead = errors.New("dead")

// mortal is an object store whose caller dies at its n-th call, before the call
// takes effect or after it, and never comes back.
type mortal struct {
	objects.Store
	life  *atomic.Int64 // calls left
	after bool
}

func (m *mortal) call(do func() error) error {
	left := m.life.Add(-1)
	if left < 0 || left == 0 && !m.after {
		return errDead
	}
	err := do()
	if left == 0 {
		return errDead
	}
	return err
}

func (m *mortal) Create(ctx context.Context, name string, body []byte, a objects.Attr) (info objects.Info, err error) {
	err = m.call(func() (err error) { info, err = m.Store.Create(ctx, name, body, a); return err })
	return info, err
}

func (m *mortal) Get(ctx context.Context, name string) (body []byte, info objects.Info, err error) {
	err = m.call(func() (err error) { body, info, err = m.Store.Get(ctx, name); return err })
	return body, info, err
}

// mortalRedis does the same to a Redis client.
type mortalRedis struct {
	life  *atomic.Int64
	after bool
}

func (m mortalRedis) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (m mortalRedis) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := (&mortal{life: m.life, after: m.after}).call(func() error { return next(ctx, cmd) })
		if errors.Is(err, errDead) {
			cmd.SetErr(err)
		}
		return err
	}
}

func (m mortalRedis) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := (&mortal{life: m.life, after: m.after}).call(func() error { return next(ctx, cmds) })
		if errors.Is(err, errDead) {
			for _, c := range cmds {
				c.SetErr(err)
			}
		}
		return err
	}
}

// TestCrashAtAnyStepLosesAndForksNothing lets the sequencer die at its n-th
// call, of Redis and of the object store, for every n there is, once before the
// call takes effect and once after. What was shown before and what anybody may
// have seen meanwhile stays true, and the next sequencer finishes the work.
func TestCrashAtAnyStepLosesAndForksNothing(t *testing.T) {
	t.Parallel()
	// 250 entries are there; 20 come, and the tile of level 0 becomes full.
	const had, come = 250, 20
	for _, after := range []bool{false, true} {
		survived := false
		for n := int64(1); !survived; n++ {
			t.Run(fmt.Sprintf("call %d, effect %v", n, after), func(t *testing.T) {
				rdb := redistest.Embedded(t)
				w := newWorld(t, rdb, objectstest.Directory(t).Main)
				w.queue(0, had)
				w.sequence(w.open())
				shown, err := w.open().Checkpoint(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				w.queue(had, had+come)

				life := new(atomic.Int64)
				life.Store(n)
				dying := redis.NewClient(rdb.Options())
				defer func() { _ = dying.Close() }()
				dying.AddHook(mortalRedis{life, after})
				l := Open(journal.New(dying, city, journal.Options{}), &mortal{w.store, life, after}, Disclosure, w.key)
				_, err = l.Sequence(t.Context(), start)
				survived = life.Load() > 0
				if survived && err != nil {
					t.Fatal(err)
				}
				// What anybody sees between the crash and the next sequencer.
				between, err := w.open().Checkpoint(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				w.entries(w.open(), shown, between)

				w.queue(had+come, had+come+1)
				w.forsake()
				w.sequence(w.open())
				w.whole(w.open(), had+come+1, shown, between)
			})
		}
	}
}

// TestFirstSequencingMayCrashToo: before there is anything.
func TestFirstSequencingMayCrashToo(t *testing.T) {
	t.Parallel()
	survived := false
	for n := int64(1); !survived; n++ {
		w := newWorld(t, redistest.Embedded(t), objectstest.Directory(t).Main)
		w.queue(0, 3)
		life := new(atomic.Int64)
		life.Store(n)
		dying := w.open()
		dying.store = &mortal{w.store, life, true}
		_, err := dying.Sequence(t.Context(), start)
		if survived = life.Load() > 0; survived && err != nil {
			t.Fatal(err)
		}
		w.sequence(w.open())
		w.whole(w.open(), 3)
	}
}

// TestManyWritersAndSequencersLoseAndDoubleNothing: 16 writers queue while four
// sequencers work, none of which waits for another: they take each other's lease
// all the time, and safety must not depend on it.
func TestManyWritersAndSequencersLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		w := newWorld(t, rdb, objectstest.Directory(t).Main)
		const writers, each = 16, 40
		var writing, working sync.WaitGroup
		done := make(chan struct{})
		fail := make(chan error, writers+4)
		for i := range writers {
			writing.Go(func() {
				l := w.open()
				for n := range each {
					i := i*each + n
					err := w.j.Commit(t.Context(), journal.Entry{Actor: "t", Action: "test.queue", At: start}, []string{w.j.Key("test", id(i))},
						func(tx *journal.Tx) error { return l.Queue(tx, id(i), leafFor(i), w.place(i)) })
					if err != nil {
						fail <- err
						return
					}
				}
			})
		}
		var shown sync.Map
		for range 4 {
			working.Go(func() {
				l := w.open()
				l.batch = 7
				// As long as somebody writes, and then until nothing waits.
				for more := true; more; {
					select {
					case <-done:
						left, err := l.Waiting(t.Context())
						if err != nil {
							fail <- err
							return
						}
						more = left > 0
					default:
					}
					if err := rdb.Del(t.Context(), l.leaseKey()).Err(); err != nil {
						fail <- err
						return
					}
					if _, err := l.Sequence(t.Context(), start); err != nil {
						fail <- err
						return
					}
					note, err := l.Checkpoint(t.Context())
					if err != nil && !errors.Is(err, ErrNotFound) {
						fail <- err
						return
					}
					shown.Store(string(note), true)
				}
			})
		}
		writing.Wait()
		close(done)
		working.Wait()
		close(fail)
		for err := range fail {
			t.Error(err)
		}
		var remembered [][]byte
		shown.Range(func(note, _ any) bool {
			if s := note.(string); s != "" {
				remembered = append(remembered, []byte(s))
			}
			return true
		})
		if n, err := w.open().Check(t.Context()); err != nil || n < writers*each/7 {
			t.Errorf("%d checkpoints (%v) for batches of 7 at most", n, err)
		}
		w.whole(w.open(), writers*each, remembered...)
	})
}

// TestLosingTheLastOfRedisDoesNotFork: Redis comes back as it was some changes
// ago, from the journal's archive. The objects are ahead of it.
func TestLosingTheLastOfRedisDoesNotFork(t *testing.T) {
	t.Parallel()
	// What Redis still knows when it comes back.
	for _, tt := range []struct {
		name string
		// kept is how many of the steps below Redis remembers.
		kept int
		// again is the first leaf that is queued once more.
		again int
	}{
		{"the queue, not the sequencing", 3, 5},
		{"neither the last leaves nor their sequencing", 2, 5},
		{"only the first leaves, queued", 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
				store := objectstest.Directory(t).Main
				w := newWorld(t, rdb, store)
				archive := journal.NewArchive(store, 0, nil)
				steps := []func(){
					func() { w.queue(0, 5) },
					func() { w.sequence(w.open()) },
					func() { w.queue(5, 300) },
					func() { w.sequence(w.open()) },
				}
				for i, step := range steps {
					step()
					if i+1 == tt.kept {
						if _, err := archive.Run(t.Context(), w.j); err != nil {
							t.Fatal(err)
						}
					}
				}
				old := w.open()
				shown, err := old.Checkpoint(t.Context())
				if err != nil {
					t.Fatal(err)
				}

				if err := rdb.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
				if err := archive.Restore(t.Context(), w.j, func(int64) {}); err != nil {
					t.Fatal(err)
				}
				// Nobody is shown less than before, neither by a replica that runs on
				// nor by a fresh one.
				for _, l := range []*Log{old, w.open()} {
					note, err := l.Checkpoint(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if string(note) != string(shown) {
						t.Errorf("after the loss the checkpoint is\n%s, it was\n%s", note, shown)
					}
				}
				// What Redis does not know is done again: the same leaves come back.
				w.queue(tt.again, 301)
				w.sequence(w.open())
				w.whole(w.open(), 301, shown)
				if left := rdb.HLen(t.Context(), w.open().orphansKey()).Val(); left != 0 {
					t.Errorf("%d orphans are left", left)
				}
			})
		})
	}
}

// TestObjectsBehindRedisStopTheLog: the bucket was put back to an older state,
// or somebody removed the newest checkpoint. Nothing is signed on top of that.
func TestObjectsBehindRedisStopTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, redistest.Embedded(t), objectstest.Directory(t).Main)
	w.queue(0, 3)
	w.sequence(w.open())
	w.queue(3, 5)
	whole := w.store
	w.store = objectstest.Directory(t).Main // all is gone
	_, err := w.open().Sequence(t.Context(), start)
	mustBe(t, err, ErrBroken)
	_, err = w.open().Checkpoint(t.Context())
	mustBe(t, err, ErrBroken)

	// Another log of the same key in its place.
	w.forsake()
	other := newWorld(t, redistest.Embedded(t), w.store)
	other.key = w.key
	other.queue(10, 13)
	other.sequence(other.open())
	_, err = w.open().Sequence(t.Context(), start)
	mustBe(t, err, ErrBroken)

	w.forsake()
	w.store = whole
	w.sequence(w.open())
	w.whole(w.open(), 5)
}
