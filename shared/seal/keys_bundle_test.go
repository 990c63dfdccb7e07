package seal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
)

// gate is a store whose Creates wait until it is opened, and are counted.
type gate struct {
	objects.Store
	open    chan struct{}
	err     error
	mu      sync.Mutex
	creates []string
}

func (g *gate) Create(ctx context.Context, name string, body []byte, a objects.Attr) (objects.Info, error) {
	<-g.open
	g.mu.Lock()
	g.creates = append(g.creates, name)
	g.mu.Unlock()
	if g.err != nil {
		return objects.Info{}, g.err
	}
	return g.Store.Create(ctx, name, body, a)
}

// bundleOf makes n keys that stand in one bundle.
func bundleOf(t testing.TB, store objects.Store, c city, n int) (refs []string, to []Recipient) {
	t.Helper()
	g := &gate{Store: store, open: make(chan struct{})}
	k := NewKeys(g)
	type made struct {
		ref string
		to  Recipient
	}
	results := make(chan made, n+bundleWriters)
	var wg sync.WaitGroup
	add := func() {
		wg.Go(func() {
			ref, to, err := k.Add(t.Context(), c.parties()...)
			if err != nil {
				t.Error(err)
			}
			results <- made{ref, to}
		})
	}
	waiting := func(writers, entries int) {
		for {
			k.mu.Lock()
			got := 0
			for _, p := range k.queue {
				got += len(p.Entries)
			}
			ok := k.writers == writers && got == entries
			k.mu.Unlock()
			if ok {
				return
			}
			runtime.Gosched()
		}
	}
	for i := range bundleWriters {
		add()
		waiting(i+1, 0)
	}
	for range n {
		add()
	}
	waiting(bundleWriters, n)
	close(g.open)
	wg.Wait()
	close(results)
	counts := map[string][]made{}
	for m := range results {
		name, _, ok := cutRef(m.ref)
		if !ok {
			t.Fatalf("reference %q", m.ref)
		}
		counts[name] = append(counts[name], m)
	}
	if len(g.creates) != bundleWriters+(n+maxBundle-1)/maxBundle {
		t.Fatalf("%d keys took %d writes", n+bundleWriters, len(g.creates))
	}
	for _, list := range counts {
		if len(list) == 1 && n > 1 {
			continue // one of those that went before
		}
		slices.SortFunc(list, func(a, b made) int { return strings.Compare(a.ref, b.ref) })
		for _, m := range list {
			refs, to = append(refs, m.ref), append(to, m.to)
		}
	}
	return refs, to
}

func TestKeysMadeAtTheSameTimeShareOneWrite(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *Keys, store objects.Store) {
		c := newCity(t)
		refs, to := bundleOf(t, store, c, 16)
		if len(refs) != 16 {
			t.Fatalf("%d references in the bundle", len(refs))
		}
		name, _, _ := strings.Cut(refs[0], ".")
		for i, ref := range refs {
			if !strings.HasPrefix(ref, name+".") {
				t.Errorf("%s is not in %s", ref, name)
			}
			kept, err := k.Recipient(t.Context(), ref)
			if err != nil || kept.String() != to[i].String() {
				t.Errorf("%s: %s, %v", ref, kept, err)
			}
		}
		assertNoSecret(t, store, c)
	})
}

func TestMoreKeysThanABundleHoldsTakeTheNext(t *testing.T) {
	t.Parallel()
	refs, _ := bundleOf(t, objectstest.Directory(t).Keys, newCity(t), maxBundle+6)
	if len(refs) != maxBundle+6 {
		t.Errorf("%d references", len(refs))
	}
}

func TestBundledKeyOpensRotatesAndForgetsLikeAnyOther(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *Keys, store objects.Store) {
		c := newCity(t)
		refs, to := bundleOf(t, store, c, 3)
		sealed := sealTo(t, to[0], []byte("举报内容"))
		for label, party := range map[string]Identity{"unit:410702": c.unit, "escrow": c.escrow, "receipt": c.receipt} {
			id, err := k.Open(t.Context(), refs[0], label, party)
			if err != nil {
				t.Fatalf("%s: %v", label, err)
			}
			if got, err := id.Unseal(sealed); err != nil || string(got) != "举报内容" {
				t.Errorf("%s: %q, %v", label, got, err)
			}
			if _, err := k.Open(t.Context(), refs[0], label, generate(t)); !errors.Is(err, ErrWrongKey) {
				t.Errorf("a stranger as %s: %v", label, err)
			}
		}
		name, _, _ := strings.Cut(refs[0], ".")
		for _, ref := range []string{name + "." + strings.Repeat("a", bundleEntry), bundleMark + strings.Repeat("a", bundleName) + "." + strings.Repeat("a", bundleEntry)} {
			if _, err := k.Open(t.Context(), ref, "escrow", c.escrow); !errors.Is(err, ErrNoKey) {
				t.Errorf("%s: %v", ref, err)
			}
			if err := k.Erase(t.Context(), ref, time.Now()); !errors.Is(err, ErrNoKey) {
				t.Errorf("erasing %s: %v", ref, err)
			}
		}
		other := generate(t)
		if err := k.Grant(t.Context(), refs[0], "unit:410702", c.unit, Party{"unit:410703", other.Recipient()}); err != nil {
			t.Fatal(err)
		}
		if err := k.Revoke(t.Context(), refs[0], "unit:410702"); err != nil {
			t.Fatal(err)
		}
		if err := k.Rewrap(t.Context(), refs[0], "escrow", c.escrow, other.Recipient()); err != nil {
			t.Fatal(err)
		}
		labels, err := k.Labels(t.Context(), refs[0])
		if err != nil || !slices.Equal(labels, []string{"escrow", "receipt", "unit:410703"}) {
			t.Errorf("labels %q, %v", labels, err)
		}
		if _, err := k.Open(t.Context(), refs[0], "unit:410702", c.unit); !errors.Is(err, ErrNoLabel) {
			t.Errorf("revoked: %v", err)
		}
		for _, label := range []string{"escrow", "unit:410703"} {
			if _, err := k.Open(t.Context(), refs[0], label, other); err != nil {
				t.Errorf("%s: %v", label, err)
			}
		}
		if labels, err := k.Labels(t.Context(), refs[1]); err != nil || len(labels) != 3 || labels[0] != "unit:410702" {
			t.Errorf("a neighbour changed: %q, %v", labels, err)
		}
	})
}

func TestErasingOneKeyOfABundleLeavesTheOthers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *Keys, store objects.Store) {
		c := newCity(t)
		refs, _ := bundleOf(t, store, c, 3)
		name, entry, _ := cutRef(refs[1])
		before, _, err := k.readBundle(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		mine, err := before.record(entry)
		if err != nil {
			t.Fatal(err)
		}
		// 16:00 UTC is midnight of the next day in China.
		for _, at := range []time.Time{time.Date(2026, 11, 24, 16, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)} {
			if err := k.Erase(t.Context(), refs[1], at); err != nil {
				t.Fatal(err)
			}
		}
		var erased *Erased
		_, err = k.Open(t.Context(), refs[1], "escrow", c.escrow)
		if !errors.Is(err, ErrErased) || !errors.As(err, &erased) || erased.On != "2026-11-25" || erased.Ref != refs[1] {
			t.Errorf("error = %v", err)
		}
		if err := k.Grant(t.Context(), refs[1], "escrow", c.escrow, Party{"x", c.unit.Recipient()}); !errors.Is(err, ErrErased) {
			t.Errorf("grant: %v", err)
		}
		left, _, err := store.Get(t.Context(), folder+name)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range mine.Wraps {
			if strings.Contains(string(left), w.Sealed) {
				t.Errorf("the wrap of %s is still there", w.Label)
			}
		}
		for _, ref := range []string{refs[0], refs[2]} {
			if _, err := k.Open(t.Context(), ref, "escrow", c.escrow); err != nil {
				t.Errorf("a neighbour suffered: %v", err)
			}
		}
	})
}

func TestErasureInABundleWinsAgainstEverybodyElse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *Keys, store objects.Store) {
		c := newCity(t)
		refs, _ := bundleOf(t, store, c, 8)
		var wg sync.WaitGroup
		for i, ref := range refs {
			wg.Go(func() {
				err := k.Grant(t.Context(), ref, "escrow", c.escrow, Party{fmt.Sprintf("u%d", i), c.unit.Recipient()})
				if err != nil && !errors.Is(err, ErrErased) {
					t.Error(err)
				}
			})
			if i%2 == 0 {
				wg.Go(func() {
					if err := k.Erase(t.Context(), ref, time.Now()); err != nil {
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		for i, ref := range refs {
			labels, err := k.Labels(t.Context(), ref)
			switch {
			case i%2 == 0 && !errors.Is(err, ErrErased):
				t.Errorf("%s came back: %v", ref, err)
			case i%2 == 1 && (err != nil || len(labels) != 4):
				t.Errorf("%s: %q, %v", ref, labels, err)
			}
		}
	})
}

func TestEntryInAnothersPlaceIsRefused(t *testing.T) {
	t.Parallel()
	store := objectstest.Directory(t).Keys
	k := NewKeys(store)
	same := generate(t)
	refs, _ := bundleOf(t, store, city{same, same, same}, 3)
	name, first, _ := cutRef(refs[0])
	_, second, _ := cutRef(refs[1])
	b, etag, err := k.readBundle(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	var moved record
	if err := json.Unmarshal(b.Entries[second], &moved); err != nil {
		t.Fatal(err)
	}
	moved.Ref = first
	if b.Entries[first], err = json.Marshal(moved); err != nil {
		t.Fatal(err)
	}
	if err := k.swapBundle(t.Context(), b, etag); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Open(t.Context(), refs[0], "escrow", same); !errors.Is(err, ErrDamaged) {
		t.Errorf("error = %v", err)
	}
	if err := k.Erase(t.Context(), refs[0], time.Now()); err != nil {
		t.Errorf("a damaged entry is erased too: %v", err)
	}
	if _, err := k.Open(t.Context(), refs[1], "escrow", same); err != nil {
		t.Errorf("a neighbour suffered: %v", err)
	}
	if _, err := store.Put(t.Context(), folder+name, []byte("{"), objects.Attr{}); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		k.Erase(t.Context(), refs[1], time.Now()), k.Revoke(t.Context(), refs[1], "escrow"),
	} {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("a damaged bundle: %v", err)
		}
	}
}

func TestNewRefusesTheReferencesOfAdd(t *testing.T) {
	t.Parallel()
	store := objectstest.Directory(t).Keys
	k := NewKeys(store)
	c := newCity(t)
	ref, _, err := k.Add(t.Context(), c.parties()...)
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(ref, ".")
	for _, taken := range []string{ref, name} {
		if _, err := k.New(t.Context(), taken, c.parties()...); err == nil {
			t.Errorf("New took %q", taken)
		}
	}
	for _, parties := range [][]Party{nil, {{"", c.unit.Recipient()}}, {{"escrow", Recipient{}}}, {{"x", c.unit.Recipient()}, {"x", c.unit.Recipient()}}} {
		if _, _, err := k.Add(t.Context(), parties...); err == nil {
			t.Errorf("Add took %v", parties)
		}
	}
}

func TestFailedWriteIsToldToEverybodyWhoWaited(t *testing.T) {
	t.Parallel()
	g := &gate{Store: objectstest.Directory(t).Keys, open: make(chan struct{}), err: errors.New("no room")}
	k := NewKeys(g)
	c := newCity(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if ref, _, err := k.Add(t.Context(), c.parties()...); !errors.Is(err, g.err) || ref != "" {
				t.Errorf("%q, %v", ref, err)
			}
		})
	}
	close(g.open)
	wg.Wait()
	g.err = nil
	if _, _, err := k.Add(t.Context(), c.parties()...); err != nil {
		t.Errorf("after the store is back: %v", err)
	}
}

func TestCallerThatGoesAwayTakesNobodyWithIt(t *testing.T) {
	t.Parallel()
	g := &gate{Store: objectstest.Directory(t).Keys, open: make(chan struct{})}
	k := NewKeys(g)
	c := newCity(t)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, _, err := k.Add(ctx, c.parties()...)
		gone <- err
	}()
	stays := make(chan error)
	go func() {
		_, _, err := k.Add(t.Context(), c.parties()...)
		stays <- err
	}()
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
	close(g.open)
	if err := <-stays; err != nil {
		t.Errorf("the other caller: %v", err)
	}
}

func TestAllReferencesAreListedAndResumed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *Keys, store objects.Store) {
		c := newCity(t)
		refs, _ := bundleOf(t, store, c, 3)
		for _, single := range []string{"A", "zz"} {
			c.make(t, k, single)
		}
		list := func(after string) (got []string) {
			for ref, err := range k.Refs(t.Context(), after) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, ref)
			}
			return got
		}
		all := list("")
		if len(all) != 3+bundleWriters+2 || all[0] != "A" || all[len(all)-1] != "zz" {
			t.Fatalf("all %q", all)
		}
		for i, ref := range all {
			if got := list(ref); !slices.Equal(got, all[i+1:]) {
				t.Errorf("after %s: %q", ref, got)
			}
		}
		for _, ref := range refs {
			if !slices.Contains(all, ref) {
				t.Errorf("%s is missing", ref)
			}
		}
	})
}

func TestUnitKeyRotatesAndIsRescuedForEveryReference(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *Keys, store objects.Store) {
		c := newCity(t)
		refs, _ := bundleOf(t, store, c, 3)
		c.make(t, k, "single")
		c.make(t, k, "erased")
		refs = append(refs, "single")
		if _, err := k.New(t.Context(), "another-unit", Party{"unit:410703", c.unit.Recipient()}); err != nil {
			t.Fatal(err)
		}
		for _, ref := range []string{"erased", refs[0]} {
			if err := k.Erase(t.Context(), ref, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		refs = refs[1:]
		left := len(refs) + bundleWriters
		fresh := generate(t)
		if n, err := k.RewrapAll(t.Context(), "unit:410702", generate(t), "unit:410702", fresh.Recipient(), nil); n != 0 || !errors.Is(err, ErrWrongKey) {
			t.Errorf("a stranger rotated %d: %v", n, err)
		}
		told := 0
		n, err := k.RewrapAll(t.Context(), "unit:410702", c.unit, "unit:410702", fresh.Recipient(), func(n int) { told = n })
		if err != nil || n != left || told != n {
			t.Fatalf("rotated %d (told %d) of %d, %v", n, told, left, err)
		}
		if n, err := k.RewrapAll(t.Context(), "unit:410702", c.unit, "unit:410702", fresh.Recipient(), nil); n != 0 || err != nil {
			t.Errorf("again: %d, %v", n, err)
		}
		rescued := generate(t)
		if n, err := k.RewrapAll(t.Context(), "escrow", c.escrow, "unit:410702", rescued.Recipient(), nil); n != left || err != nil {
			t.Errorf("rescued %d of %d, %v", n, left, err)
		}
		seen := 0
		for ref, o := range k.OpenAll(t.Context(), append(refs, "erased", "none"), "unit:410702", rescued) {
			seen++
			switch {
			case ref == "erased" && !errors.Is(o.Err, ErrErased), ref == "none" && !errors.Is(o.Err, ErrNoKey):
				t.Errorf("%s: %v", ref, o.Err)
			case slices.Contains(refs, ref) && o.Err != nil:
				t.Errorf("%s: %v", ref, o.Err)
			}
		}
		if seen != len(refs)+2 {
			t.Errorf("%d were opened", seen)
		}
		if _, err := k.Open(t.Context(), "another-unit", "unit:410703", c.unit); err != nil {
			t.Errorf("another unit suffered: %v", err)
		}
	})
}

func FuzzReferences(f *testing.F) {
	for _, s := range []string{"R-1", "b-" + strings.Repeat("a", bundleName) + "." + strings.Repeat("7", bundleEntry), "b-.", "..", "b-aaaaaaaaaaaaaaaaaaaa", "batch:01"} {
		f.Add(s)
	}
	store := objectstest.Directory(f).Keys
	k := NewKeys(store)
	f.Fuzz(func(t *testing.T, ref string) {
		if _, err := k.Labels(t.Context(), ref); err == nil {
			t.Errorf("%q has a key", ref)
		}
		if name, entry, ok := cutRef(ref); ok && (CheckRef(ref) != nil || !bundled(name) || name+"."+entry != ref) {
			t.Errorf("%q is taken apart as %q and %q", ref, name, entry)
		}
	})
}

// BenchmarkKeysAdd is New for callers at the same time; compare keys/s with
// BenchmarkKeysNew.
func BenchmarkKeysAdd(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *objects.Buckets{"directory": objectstest.Directory, "minio": objectstest.Real} {
		for _, callers := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/callers=%d", name, callers), func(b *testing.B) {
				k := NewKeys(open(b).Keys)
				parties := newCity(b).parties()
				if _, _, err := k.Add(b.Context(), parties...); err != nil {
					b.Fatal(err) // makes the bucket
				}
				work := make(chan struct{})
				var wg sync.WaitGroup
				for range callers {
					wg.Go(func() {
						for range work {
							if _, _, err := k.Add(b.Context(), parties...); err != nil {
								b.Error(err)
							}
						}
					})
				}
				for b.Loop() {
					work <- struct{}{}
				}
				close(work)
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "keys/s")
			})
		}
	}
}

// A bundle written by version 1 opens for ever.
func TestKnownBundleOpens(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/bundle.json")
	if err != nil {
		t.Fatal(err)
	}
	var known struct {
		Identity, Ref, Recipient, Erased string
		Object                           json.RawMessage
	}
	if err := json.Unmarshal(raw, &known); err != nil {
		t.Fatal(err)
	}
	party, err := ParseIdentity(known.Identity)
	if err != nil {
		t.Fatal(err)
	}
	store := objectstest.Directory(t).Keys
	name, _, _ := strings.Cut(known.Ref, ".")
	if _, err := store.Create(t.Context(), folder+name, known.Object, objects.Attr{}); err != nil {
		t.Fatal(err)
	}
	k := NewKeys(store)
	id, err := k.Open(t.Context(), known.Ref, "escrow", party)
	if err != nil || id.Recipient().String() != known.Recipient {
		t.Errorf("%v", err)
	}
	var erased *Erased
	if _, err := k.Open(t.Context(), known.Erased, "escrow", party); !errors.As(err, &erased) || erased.On != "2026-11-24" {
		t.Errorf("the erased one: %v", err)
	}
}
