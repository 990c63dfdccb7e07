package seal

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"ipcredit/shared/objects"
)

// What Keys answers besides ErrWrongKey and ErrDamaged.
var (
	// ErrNoKey: no key was ever made for this reference.
	ErrNoKey = errors.New("seal: no key for this reference")
	// ErrExists: New found that the reference has, or had, a key.
	ErrExists = errors.New("seal: the reference has a key already")
	// ErrNoLabel: the key is not wrapped to a party of this label.
	ErrNoLabel = errors.New("seal: not wrapped to this party")
	// ErrErased: the key was erased; errors.As with *Erased tells the day.
	ErrErased = errors.New("seal: erased")
)

// Erased says that a reference's key is gone, and with it everything sealed to
// it, in the store, in the locked journal and in every copy of either.
type Erased struct {
	Ref string
	On  string // the day in China, YYYY-MM-DD
}

func (e *Erased) Error() string { return "seal: " + e.Ref + " was erased on " + e.On }

// Is makes errors.Is(err, ErrErased) true.
func (e *Erased) Is(target error) bool { return target == ErrErased }

// Party is somebody a key is wrapped to.
type Party struct {
	// Label names the party in the clear: "unit:410702", "escrow", "receipt".
	Label string
	To    Recipient
}

// Keys are the erasable keys of a city: one object, keys/<ref>, for each
// reference of New, and one, keys/<bundle>, for those that were made by Add at
// the same moment, in the bucket that keeps no versions and takes no locks. It
// holds a reference's public key in the clear and its private key wrapped,
// apart, to each party.
//
// What must be erasable is sealed to the reference's public key before it goes
// anywhere else, so that erasing this one object erases it everywhere: nothing
// here is cached, copied to the journal or kept in a version.
//
// Each wrap is an age file of a small JSON document, so a party can open it, and
// then all that is sealed to the reference, without this program.
type Keys struct {
	store objects.Store

	mu      sync.Mutex
	queue   []*pending // bundles that wait to be written; the last one takes more
	writers int
}

// NewKeys returns the keys kept in the store: objects.Buckets.Keys.
func NewKeys(store objects.Store) *Keys { return &Keys{store: store} }

// folder is where the objects are in the bucket.
const folder = "keys/"

const version = 1

// swaps bounds how often a change starts again because another one came between.
const swaps = 16

// china is the zone of the day written on a tombstone.
var china = time.FixedZone("CST", 8*60*60)

// record is the stored object, or one entry of a bundle: a key, or, once erased,
// only the day. A bundle's entry goes by the entry's name alone.
type record struct {
	Version   int    `json:"v"`
	Ref       string `json:"ref"`
	Recipient string `json:"recipient,omitempty"`
	Wraps     []wrap `json:"wraps,omitempty"`
	ErasedOn  string `json:"erasedOn,omitempty"`

	bound string // what is stored as Ref; Ref itself is the whole reference when read
}

type wrap struct {
	Label string `json:"label"`
	// To are the public keys wrapped to: a rotation that was broken off sees
	// what it has done already.
	To     []string `json:"to"`
	Sealed string   `json:"sealed"`
}

// wrapped is what a wrap seals. Ref and label are inside so that a wrap moved
// to another place is refused.
type wrapped struct {
	Version int    `json:"v"`
	Ref     string `json:"ref"`
	Label   string `json:"label"`
	Key     string `json:"key"`
}

// CheckRef refuses a reference that is not 1 to 80 of letters, digits and
// "-_.:", or that begins with a dot: it becomes an object's name and is visible
// to whoever sees the store, so it must not be a person's name or number.
func CheckRef(ref string) error { return check("reference", ref) }

func check(what, s string) error {
	ok := s != "" && len(s) <= objects.MaxPart && s[0] != '.'
	for _, c := range []byte(s) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.:", c) >= 0)
	}
	if !ok {
		return fmt.Errorf("seal: bad %s %q", what, s)
	}
	return nil
}

// New makes the reference's key, wrapped to each party, and returns its public
// side. The private key exists only during the call. ErrExists if the reference
// has a key or had one: an erased reference never gets another.
func (k *Keys) New(ctx context.Context, ref string, parties ...Party) (Recipient, error) {
	if err := CheckRef(ref); err != nil {
		return Recipient{}, err
	}
	if _, _, ok := cutRef(ref); ok || bundled(ref) {
		return Recipient{}, fmt.Errorf("seal: reference %q is kept for Add", ref)
	}
	r, id, err := newRecord(ref, parties)
	if err != nil {
		return Recipient{}, err
	}
	body, err := json.Marshal(r)
	if err != nil {
		return Recipient{}, fmt.Errorf("seal: %w", err)
	}
	_, err = k.store.Create(ctx, folder+ref, body, objects.Attr{Type: "application/json"})
	if errors.Is(err, objects.ErrExists) {
		return Recipient{}, fmt.Errorf("%w: %s", ErrExists, ref)
	}
	if err != nil {
		return Recipient{}, fmt.Errorf("seal: keeping the key of %s: %w", ref, err)
	}
	return id.Recipient(), nil
}

// newRecord makes a key and wraps it to each party, all bound to the name.
func newRecord(name string, parties []Party) (*record, Identity, error) {
	if len(parties) == 0 {
		return nil, Identity{}, errors.New("seal: a key for nobody")
	}
	id, err := Generate()
	if err != nil {
		return nil, Identity{}, err
	}
	r := &record{Version: version, Ref: name, bound: name, Recipient: id.Recipient().String()}
	for _, p := range parties {
		if r.find(p.Label) >= 0 {
			return nil, Identity{}, fmt.Errorf("seal: two parties called %q", p.Label)
		}
		w, err := wrapFor(name, id, p)
		if err != nil {
			return nil, Identity{}, err
		}
		r.Wraps = append(r.Wraps, w)
	}
	return r, id, nil
}

// Recipient is the public side of the reference's key.
func (k *Keys) Recipient(ctx context.Context, ref string) (Recipient, error) {
	r, _, err := k.read(ctx, ref)
	if err != nil {
		return Recipient{}, err
	}
	return ParseRecipient(r.Recipient)
}

// Open unwraps the reference's key for the party of this label.
func (k *Keys) Open(ctx context.Context, ref, label string, party Identity) (Identity, error) {
	r, _, err := k.read(ctx, ref)
	if err != nil {
		return Identity{}, err
	}
	return r.open(label, party)
}

// Labels are the parties the reference's key is wrapped to, in their order.
func (k *Keys) Labels(ctx context.Context, ref string) ([]string, error) {
	r, _, err := k.read(ctx, ref)
	if err != nil {
		return nil, err
	}
	labels := make([]string, len(r.Wraps))
	for i, w := range r.Wraps {
		labels[i] = w.Label
	}
	return labels, nil
}

// Rewrap wraps the reference's key to another recipient in place of the party's
// present one, which must open it with old. Doing it again changes nothing.
func (k *Keys) Rewrap(ctx context.Context, ref, label string, old Identity, to Recipient) error {
	return k.change(ctx, ref, func(r *record) (bool, error) {
		i := r.find(label)
		if i < 0 {
			return false, fmt.Errorf("%w: %s of %s", ErrNoLabel, label, ref)
		}
		if slices.Equal(r.Wraps[i].To, to.Keys()) {
			return false, nil
		}
		id, err := r.open(label, old)
		if err != nil {
			return false, err
		}
		r.Wraps[i], err = wrapFor(r.bound, id, Party{Label: label, To: to})
		return true, err
	})
}

// Grant wraps the reference's key to one more party. Whoever grants must be a
// party, of the label by, itself. A label that is taken is refused: see Rewrap.
func (k *Keys) Grant(ctx context.Context, ref, by string, granter Identity, p Party) error {
	return k.change(ctx, ref, func(r *record) (bool, error) {
		id, err := r.open(by, granter)
		if err != nil {
			return false, err
		}
		if r.find(p.Label) >= 0 {
			return false, fmt.Errorf("%w for %s", ErrExists, p.Label)
		}
		w, err := wrapFor(r.bound, id, p)
		r.Wraps = append(r.Wraps, w)
		return true, err
	})
}

// Revoke drops the party's wrap. What the party has opened before it may have
// kept; that is a matter of the audit trail. The last wrap is never dropped:
// that would be an erasure without its tombstone.
func (k *Keys) Revoke(ctx context.Context, ref, label string) error {
	return k.change(ctx, ref, func(r *record) (bool, error) {
		i := r.find(label)
		switch {
		case i < 0:
			return false, nil
		case len(r.Wraps) == 1:
			return false, fmt.Errorf("seal: %s is the last party of %s", label, ref)
		}
		r.Wraps = slices.Delete(r.Wraps, i, i+1)
		return true, nil
	})
}

// Erase destroys the reference's key. When it returns nil, nothing sealed to the
// key can be read any more by anybody who has not unwrapped it before; what is
// left is a tombstone with the day of at in China. Erasing again keeps the first
// day. A damaged key is erased too, but of a bundle whose whole object is damaged
// nothing can be changed (ErrDamaged). ErrNoKey if there never was one.
func (k *Keys) Erase(ctx context.Context, ref string, at time.Time) error {
	_, _, err := k.read(ctx, ref)
	switch {
	case errors.Is(err, ErrErased):
		return nil
	case err != nil && !errors.Is(err, ErrDamaged):
		return err
	}
	if err := k.bury(ctx, ref, at.In(china).Format(time.DateOnly)); err != nil {
		return err
	}
	_, _, err = k.read(ctx, ref)
	switch {
	case errors.Is(err, ErrErased):
		return nil
	case err == nil:
		return fmt.Errorf("seal: erasing %s: the store still gives the key", ref)
	}
	return fmt.Errorf("seal: erasing %s: looking again: %w", ref, err)
}

// bury writes the tombstone in the key's place.
func (k *Keys) bury(ctx context.Context, ref, day string) error {
	tombstone := record{Version: version, Ref: ref, ErasedOn: day}
	name, entry, inBundle := cutRef(ref)
	if inBundle {
		tombstone.Ref = entry
	}
	body, err := json.Marshal(tombstone)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	if inBundle {
		return k.eraseEntry(ctx, name, entry, body)
	}
	// Unconditional: whatever a concurrent change writes is either overwritten
	// by this or refused because of it.
	if _, err := k.store.Put(ctx, folder+ref, body, objects.Attr{Type: "application/json"}); err != nil {
		return fmt.Errorf("seal: erasing %s: %w", ref, err)
	}
	return nil
}

// Refs goes through all references behind after, the erased ones among them, in
// byte order of the objects' names and, within a bundle, of the entries'.
func (k *Keys) Refs(ctx context.Context, after string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if name, entry, ok := cutRef(after); ok {
			// The rest of the bundle that was being listed.
			if !k.entries(ctx, name, entry, yield) {
				return
			}
			after = name
		}
		if after != "" {
			after = folder + after
		}
		for info, err := range k.store.List(ctx, folder, after) {
			if err != nil {
				yield("", fmt.Errorf("seal: listing keys: %w", err))
				return
			}
			name := strings.TrimPrefix(info.Name, folder)
			if bundled(name) {
				if !k.entries(ctx, name, "", yield) {
					return
				}
			} else if !yield(name, nil) {
				return
			}
		}
	}
}

// entries yields the references of a bundle behind an entry; false when it is to
// end.
func (k *Keys) entries(ctx context.Context, name, after string, yield func(string, error) bool) bool {
	b, _, err := k.readBundle(ctx, name)
	if errors.Is(err, ErrNoKey) {
		return true
	}
	if err != nil {
		yield("", err)
		return false
	}
	for _, entry := range slices.Sorted(maps.Keys(b.Entries)) {
		if entry > after && !yield(name+"."+entry, nil) {
			return false
		}
	}
	return true
}

// read returns the reference's record and the version of its object.
func (k *Keys) read(ctx context.Context, ref string) (*record, string, error) {
	if err := CheckRef(ref); err != nil {
		return nil, "", err
	}
	if name, entry, ok := cutRef(ref); ok {
		b, etag, err := k.readBundle(ctx, name)
		if err != nil {
			return nil, "", err
		}
		r, err := b.record(entry)
		return r, etag, err
	}
	body, info, err := k.store.Get(ctx, folder+ref)
	switch {
	case errors.Is(err, objects.ErrNotFound):
		return nil, "", fmt.Errorf("%w: %s", ErrNoKey, ref)
	case errors.Is(err, objects.ErrCorrupt):
		return nil, "", fmt.Errorf("seal: key of %s: %w", ref, ErrDamaged)
	case err != nil:
		return nil, "", fmt.Errorf("seal: reading the key of %s: %w", ref, err)
	}
	r, err := decodeRecord(body, ref, ref)
	return r, info.ETag, err
}

// decodeRecord reads the record of ref, stored under the name bound.
func decodeRecord(body []byte, ref, bound string) (*record, error) {
	var r record
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields() // a later version, or not ours
	if d.Decode(&r) != nil || d.More() || r.Version != version || r.Ref != bound {
		return nil, fmt.Errorf("seal: key of %s: %w", ref, ErrDamaged)
	}
	if r.ErasedOn != "" {
		return nil, &Erased{Ref: ref, On: r.ErasedOn}
	}
	r.Ref, r.bound = ref, bound
	return &r, nil
}

// encode is the record as it is stored.
func (r *record) encode() ([]byte, error) {
	stored := *r
	stored.Ref = r.bound
	body, err := json.Marshal(stored)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return body, nil
}

// change applies f to the record and keeps the result, on whatever version is
// current; f tells whether it changed anything.
func (k *Keys) change(ctx context.Context, ref string, f func(*record) (bool, error)) error {
	attempts := swaps
	if _, _, ok := cutRef(ref); ok {
		attempts = bundleSwaps
	}
	for range attempts {
		err := k.changeOnce(ctx, ref, f)
		if !errors.Is(err, objects.ErrChanged) {
			return err
		}
	}
	return fmt.Errorf("seal: key of %s: %w", ref, objects.ErrChanged)
}

func (k *Keys) changeOnce(ctx context.Context, ref string, f func(*record) (bool, error)) error {
	if err := CheckRef(ref); err != nil {
		return err
	}
	name, entry, inBundle := cutRef(ref)
	var b bundle
	var r *record
	var etag string
	var err error
	if inBundle {
		if b, etag, err = k.readBundle(ctx, name); err == nil {
			r, err = b.record(entry)
		}
	} else {
		r, etag, err = k.read(ctx, ref)
	}
	if err != nil {
		return err
	}
	changed, err := f(r)
	if err != nil || !changed {
		return err
	}
	body, err := r.encode()
	if err != nil {
		return err
	}
	if inBundle {
		b.Entries[entry] = body
		return k.swapBundle(ctx, b, etag)
	}
	if _, err = k.store.Swap(ctx, folder+ref, body, etag, objects.Attr{Type: "application/json"}); err != nil {
		return fmt.Errorf("seal: keeping the key of %s: %w", ref, err)
	}
	return nil
}

func (r *record) find(label string) int {
	return slices.IndexFunc(r.Wraps, func(w wrap) bool { return w.Label == label })
}

// open unwraps the key for a party and makes sure that it is this reference's.
func (r *record) open(label string, party Identity) (Identity, error) {
	i := r.find(label)
	if i < 0 {
		return Identity{}, fmt.Errorf("%w: %s of %s", ErrNoLabel, label, r.Ref)
	}
	damaged := fmt.Errorf("seal: key of %s for %s: %w", r.Ref, label, ErrDamaged)
	sealed, err := base64.RawStdEncoding.Strict().DecodeString(r.Wraps[i].Sealed)
	if err != nil {
		return Identity{}, damaged
	}
	plain, err := party.Unseal(sealed)
	if err != nil {
		return Identity{}, fmt.Errorf("seal: key of %s for %s: %w", r.Ref, label, err)
	}
	var w wrapped
	if json.Unmarshal(plain, &w) != nil || w.Version != version || w.Ref != r.bound || w.Label != label {
		return Identity{}, damaged
	}
	id, err := ParseIdentity(w.Key)
	if err != nil || id.Recipient().String() != r.Recipient {
		return Identity{}, damaged
	}
	return id, nil
}

// wrapFor wraps the key of ref to a party.
func wrapFor(ref string, id Identity, p Party) (wrap, error) {
	if err := check("label", p.Label); err != nil {
		return wrap{}, err
	}
	plain, err := json.Marshal(wrapped{Version: version, Ref: ref, Label: p.Label, Key: id.Reveal()})
	if err != nil {
		return wrap{}, fmt.Errorf("seal: %w", err)
	}
	sealed, err := p.To.Seal(plain)
	if err != nil {
		return wrap{}, fmt.Errorf("seal: wrapping the key of %s for %s: %w", ref, p.Label, err)
	}
	return wrap{Label: p.Label, To: p.To.Keys(), Sealed: base64.RawStdEncoding.EncodeToString(sealed)}, nil
}
