package seal

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/objects"
)

// One object a key costs one write of the store a key, 5 to 6 ms on MinIO. Keys
// that many callers ask for at the same time therefore go into one object
// together, a bundle: whoever comes while a bundle is being written waits for
// the next one. Nothing else differs; erasing one key of a bundle leaves the
// others as they are. That two keys share a bundle says that they were made at
// the same moment, as the times of two objects would.

const (
	// bundleMark begins the name of a bundle; the two lengths are of random
	// base32, 100 and 80 bits. No reference of New looks like that.
	bundleMark  = "b-"
	bundleName  = 20
	bundleEntry = 16
	// maxBundle bounds what erasing one key of a bundle has to read and write.
	maxBundle = 64
	// bundleWriters is how many bundles are written at the same time: a second one
	// makes bundles smaller, and a store's work is by the object.
	bundleWriters = 1
	// gather is how long a writer that is busy lets more keys come before it
	// writes the next bundle. A key that comes alone waits for nothing.
	gather = 4 * time.Millisecond
	// bundleWait bounds the write of a bundle, which no single caller may call off.
	bundleWait = 30 * time.Second
)

// bundle is the stored object of several keys, by entry.
type bundle struct {
	Version int                        `json:"v"`
	Bundle  string                     `json:"bundle"`
	Entries map[string]json.RawMessage `json:"entries"`
}

// pending is a bundle that callers wait for.
type pending struct {
	bundle
	done chan struct{}
	err  error // readable when done is closed
}

// cutRef takes a reference to a bundled key apart; false for any other.
func cutRef(ref string) (name, entry string, ok bool) {
	name, entry, ok = strings.Cut(ref, ".")
	return name, entry, ok && bundled(name) && random(entry, bundleEntry)
}

// bundled tells whether an object of this name is a bundle.
func bundled(name string) bool {
	id, ok := strings.CutPrefix(name, bundleMark)
	return ok && random(id, bundleName)
}

func random(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

func newRandom(n int) string { return strings.ToLower(rand.Text())[:n] }

// Add makes a key under a reference of its own choice, wrapped to each party, and
// returns the reference and the public side: New for many callers at a time, who
// then share one write. The key is durable when Add returns nil. A caller that
// goes away early leaves a key that nothing is sealed to.
func (k *Keys) Add(ctx context.Context, parties ...Party) (ref string, to Recipient, err error) {
	entry := newRandom(bundleEntry)
	r, id, err := newRecord(entry, parties)
	if err != nil {
		return "", Recipient{}, err
	}
	body, err := json.Marshal(r)
	if err != nil {
		return "", Recipient{}, fmt.Errorf("seal: %w", err)
	}
	p := k.join(ctx, entry, body)
	select {
	case <-p.done:
	case <-ctx.Done():
		return "", Recipient{}, fmt.Errorf("seal: keeping a key: %w", ctx.Err())
	}
	if p.err != nil {
		return "", Recipient{}, fmt.Errorf("seal: keeping a key: %w", p.err)
	}
	return p.Bundle + "." + entry, id.Recipient(), nil
}

// join puts a key into the next bundle and makes sure that somebody writes it.
func (k *Keys) join(ctx context.Context, entry string, body []byte) *pending {
	k.mu.Lock()
	defer k.mu.Unlock()
	if n := len(k.queue); n == 0 || len(k.queue[n-1].Entries) >= maxBundle {
		k.queue = append(k.queue, &pending{
			bundle: bundle{Version: version, Bundle: bundleMark + newRandom(bundleName), Entries: map[string]json.RawMessage{}},
			done:   make(chan struct{}),
		})
	}
	p := k.queue[len(k.queue)-1]
	p.Entries[entry] = body
	if k.writers < bundleWriters {
		k.writers++
		go k.write(context.WithoutCancel(ctx))
	}
	return p
}

// write writes bundles until none is waiting.
func (k *Keys) write(ctx context.Context) {
	for busy := false; ; busy = true {
		if busy {
			time.Sleep(gather)
		}
		k.mu.Lock()
		if len(k.queue) == 0 {
			k.writers--
			k.mu.Unlock()
			return
		}
		p := k.queue[0]
		k.queue = k.queue[1:]
		k.mu.Unlock()
		p.err = k.writeBundle(ctx, p.bundle)
		close(p.done)
	}
}

func (k *Keys) writeBundle(ctx context.Context, b bundle) error {
	ctx, cancel := context.WithTimeout(ctx, bundleWait)
	defer cancel()
	body, err := json.Marshal(b)
	if err != nil {
		return err
	}
	_, err = k.store.Create(ctx, folder+b.Bundle, body, objects.Attr{Type: "application/json"})
	return err
}

// readBundle reads a bundle and its version.
func (k *Keys) readBundle(ctx context.Context, name string) (bundle, string, error) {
	body, info, err := k.store.Get(ctx, folder+name)
	switch {
	case errors.Is(err, objects.ErrNotFound):
		return bundle{}, "", fmt.Errorf("%w: %s", ErrNoKey, name)
	case errors.Is(err, objects.ErrCorrupt):
		return bundle{}, "", fmt.Errorf("seal: keys of %s: %w", name, ErrDamaged)
	case err != nil:
		return bundle{}, "", fmt.Errorf("seal: reading the keys of %s: %w", name, err)
	}
	var b bundle
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if d.Decode(&b) != nil || d.More() || b.Version != version || b.Bundle != name {
		return bundle{}, "", fmt.Errorf("seal: keys of %s: %w", name, ErrDamaged)
	}
	return b, info.ETag, nil
}

// swapBundle writes a changed bundle in place of the version read.
func (k *Keys) swapBundle(ctx context.Context, b bundle, etag string) error {
	body, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	_, err = k.store.Swap(ctx, folder+b.Bundle, body, etag, objects.Attr{Type: "application/json"})
	if err != nil {
		return fmt.Errorf("seal: keeping the keys of %s: %w", b.Bundle, err)
	}
	return nil
}

// eraseEntry puts the tombstone in the entry's place, whatever stands there.
func (k *Keys) eraseEntry(ctx context.Context, name, entry string, tombstone []byte) error {
	for range bundleSwaps {
		b, etag, err := k.readBundle(ctx, name)
		if err != nil {
			return err
		}
		if _, ok := b.Entries[entry]; !ok {
			return fmt.Errorf("%w: %s.%s", ErrNoKey, name, entry)
		}
		b.Entries[entry] = tombstone
		if err := k.swapBundle(ctx, b, etag); !errors.Is(err, objects.ErrChanged) {
			return err
		}
	}
	return fmt.Errorf("seal: erasing %s.%s: %w", name, entry, objects.ErrChanged)
}

// bundleSwaps bounds how often a change of a bundle starts again: every key of
// it may be changed by somebody at the same time.
const bundleSwaps = 4 * maxBundle

// OpenAll opens the keys of many references for one party and yields each with
// its error, if any, reading each bundle once. The order is its own.
func (k *Keys) OpenAll(ctx context.Context, refs []string, label string, party Identity) iter.Seq2[string, Opened] {
	return func(yield func(string, Opened) bool) {
		byBundle := map[string][]string{}
		for _, ref := range refs {
			name, _, ok := cutRef(ref)
			if !ok {
				name = ref
			}
			byBundle[name] = append(byBundle[name], ref)
		}
		for _, name := range slices.Sorted(maps.Keys(byBundle)) {
			var b bundle
			var err error
			if bundled(name) {
				b, _, err = k.readBundle(ctx, name)
			}
			for _, ref := range byBundle[name] {
				if !yield(ref, k.openIn(ctx, b, err, ref, label, party)) {
					return
				}
			}
		}
	}
}

// Opened is what OpenAll yields: a key, or why there is none.
type Opened struct {
	Identity Identity
	Err      error
}

func (k *Keys) openIn(ctx context.Context, b bundle, err error, ref, label string, party Identity) Opened {
	_, entry, ok := cutRef(ref)
	var r *record
	switch {
	case !ok:
		r, _, err = k.read(ctx, ref)
	case err == nil:
		r, err = b.record(entry)
	}
	if err != nil {
		return Opened{Err: err}
	}
	id, err := r.open(label, party)
	return Opened{id, err}
}

// record reads one key of the bundle.
func (b bundle) record(entry string) (*record, error) {
	ref := b.Bundle + "." + entry
	body, ok := b.Entries[entry]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNoKey, ref)
	}
	return decodeRecord(body, ref, entry)
}

// RewrapAll wraps every key that has a party of this label to another recipient
// in that party's place: the rotation of a unit's key (by is the label itself,
// opener its old identity), or its rescue (by is the escrow's label). It goes on
// after a key that it cannot change and returns how many it changed with what
// went wrong. Doing it again changes what was left. progress, if not nil, is
// told the changes so far after each object.
func (k *Keys) RewrapAll(ctx context.Context, by string, opener Identity, label string, to Recipient, progress func(changed int)) (int, error) {
	changed := 0
	var failed []error
	for info, err := range k.store.List(ctx, folder, "") {
		if err != nil {
			return changed, errors.Join(append(failed, fmt.Errorf("seal: listing keys: %w", err))...)
		}
		name := strings.TrimPrefix(info.Name, folder)
		var n int
		if bundled(name) {
			n, err = k.rewrapBundle(ctx, name, by, opener, label, to)
		} else {
			n, err = k.rewrapOne(ctx, name, by, opener, label, to)
		}
		changed += n
		if err != nil {
			failed = append(failed, err)
		}
		if progress != nil {
			progress(changed)
		}
	}
	return changed, errors.Join(failed...)
}

func (k *Keys) rewrapOne(ctx context.Context, ref, by string, opener Identity, label string, to Recipient) (int, error) {
	n := 0
	err := k.change(ctx, ref, func(r *record) (changed bool, err error) {
		changed, err = r.rewrap(by, opener, label, to)
		n = 0
		if changed {
			n = 1
		}
		return changed, err
	})
	if errors.Is(err, ErrErased) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return n, nil
}

func (k *Keys) rewrapBundle(ctx context.Context, name, by string, opener Identity, label string, to Recipient) (int, error) {
	for range bundleSwaps {
		b, etag, err := k.readBundle(ctx, name)
		if err != nil {
			return 0, err
		}
		n := 0
		var failed []error
		for _, entry := range slices.Sorted(maps.Keys(b.Entries)) {
			r, err := b.record(entry)
			if errors.Is(err, ErrErased) {
				continue
			}
			changed := false
			if err == nil {
				changed, err = r.rewrap(by, opener, label, to)
			}
			if err == nil && changed {
				b.Entries[entry], err = r.encode()
				n++
			}
			if err != nil {
				failed = append(failed, err)
			}
		}
		if n > 0 {
			err := k.swapBundle(ctx, b, etag)
			if errors.Is(err, objects.ErrChanged) {
				continue
			}
			if err != nil {
				return 0, err
			}
		}
		return n, errors.Join(failed...)
	}
	return 0, fmt.Errorf("seal: keys of %s: %w", name, objects.ErrChanged)
}

// rewrap wraps the key to the recipient in place of the label's party, opened by
// another party or the same; nothing where there is no such party, or where it
// has been done.
func (r *record) rewrap(by string, opener Identity, label string, to Recipient) (bool, error) {
	i := r.find(label)
	if i < 0 || slices.Equal(r.Wraps[i].To, to.Keys()) {
		return false, nil
	}
	id, err := r.open(by, opener)
	if err != nil {
		return false, err
	}
	r.Wraps[i], err = wrapFor(r.bound, id, Party{Label: label, To: to})
	return err == nil, err
}
