package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
)

// each runs body on the keys bucket of both backends.
func each(t *testing.T, body func(t *testing.T, k *Keys, store objects.Store)) {
	objectstest.Each(t, func(t *testing.T, b *objects.Buckets) { body(t, NewKeys(b.Keys), b.Keys) })
}

type city struct{ unit, escrow, receipt Identity }

func newCity(t testing.TB) city {
	return city{generate(t), generate(t), generate(t)}
}

func (c city) parties() []Party {
	return []Party{{"unit:410702", c.unit.Recipient()}, {"escrow", c.escrow.Recipient()}, {"receipt", c.receipt.Recipient()}}
}

func (c city) make(t testing.TB, k *Keys, ref string) Recipient {
	t.Helper()
	to, err := k.New(t.Context(), ref, c.parties()...)
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func TestEachPartyOpensAndNobodyElse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *Keys, store objects.Store) {
		c := newCity(t)
		to := c.make(t, k, "R-1")
		kept, err := k.Recipient(t.Context(), "R-1")
		if err != nil || kept.String() != to.String() {
			t.Fatalf("recipient %s, %v", kept, err)
		}
		sealed := sealTo(t, kept, []byte("举报内容"))
		for label, party := range map[string]Identity{"unit:410702": c.unit, "escrow": c.escrow, "receipt": c.receipt} {
			id, err := k.Open(t.Context(), "R-1", label, party)
			if err != nil {
				t.Fatalf("%s: %v", label, err)
			}
			if got, err := id.Unseal(sealed); err != nil || string(got) != "举报内容" {
				t.Errorf("%s: %q, %v", label, got, err)
			}
		}
		for _, wrong := range []struct {
			label string
			party Identity
			err   error
		}{
			{"unit:410702", c.escrow, ErrWrongKey}, {"receipt", generate(t), ErrWrongKey}, {"escrow", Identity{}, ErrWrongKey},
			{"unit:410703", c.unit, ErrNoLabel}, {"", c.unit, ErrNoLabel},
		} {
			if _, err := k.Open(t.Context(), "R-1", wrong.label, wrong.party); !errors.Is(err, wrong.err) {
				t.Errorf("%q: %v, want %v", wrong.label, err, wrong.err)
			}
		}
		labels, err := k.Labels(t.Context(), "R-1")
		if err != nil || !slices.Equal(labels, []string{"unit:410702", "escrow", "receipt"}) {
			t.Errorf("labels %q, %v", labels, err)
		}
		if _, err := k.Open(t.Context(), "R-2", "escrow", c.escrow); !errors.Is(err, ErrNoKey) {
			t.Errorf("no such reference: %v", err)
		}
		assertNoSecret(t, store, c)
	})
}

// assertNoSecret looks for private keys in everything stored.
func assertNoSecret(t *testing.T, store objects.Store, c city) {
	t.Helper()
	for info, err := range store.List(t.Context(), "", "") {
		if err != nil {
			t.Fatal(err)
		}
		body, _, err := store.Get(t.Context(), info.Name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(bytes.ToUpper(body), []byte("AGE-SECRET-KEY")) {
			t.Errorf("%s holds a private key in the clear", info.Name)
		}
	}
}

func TestErasedIsUnreadableForEver(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *Keys, store objects.Store) {
		c := newCity(t)
		c.make(t, k, "R-1")
		c.make(t, k, "R-2")
		before, _, err := store.Get(t.Context(), "keys/R-1")
		if err != nil {
			t.Fatal(err)
		}
		// 16:00 UTC is midnight of the next day in China.
		if err := k.Erase(t.Context(), "R-1", time.Date(2026, 11, 24, 16, 0, 0, 0, time.UTC)); err != nil {
			t.Fatal(err)
		}
		if err := k.Erase(t.Context(), "R-1", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)); err != nil {
			t.Errorf("erasing again: %v", err)
		}
		_, openErr := k.Open(t.Context(), "R-1", "escrow", c.escrow)
		_, recipientErr := k.Recipient(t.Context(), "R-1")
		_, labelsErr := k.Labels(t.Context(), "R-1")
		for _, err := range []error{openErr, recipientErr, labelsErr,
			k.Rewrap(t.Context(), "R-1", "escrow", c.escrow, c.unit.Recipient()),
			k.Grant(t.Context(), "R-1", "escrow", c.escrow, Party{"x", c.unit.Recipient()}),
			k.Revoke(t.Context(), "R-1", "escrow"),
		} {
			var erased *Erased
			if !errors.Is(err, ErrErased) || !errors.As(err, &erased) || erased.On != "2026-11-25" || erased.Ref != "R-1" {
				t.Errorf("error = %v", err)
			}
		}
		if _, err := k.New(t.Context(), "R-1", c.parties()...); !errors.Is(err, ErrExists) {
			t.Errorf("an erased reference got another key: %v", err)
		}
		left, _, err := store.Get(t.Context(), "keys/R-1")
		if err != nil || string(left) != `{"v":1,"ref":"R-1","erasedOn":"2026-11-25"}` {
			t.Errorf("left %s, %v", left, err)
		}
		var r record
		if err := json.Unmarshal(before, &r); err != nil {
			t.Fatal(err)
		}
		for _, w := range r.Wraps {
			if bytes.Contains(left, []byte(w.Sealed)) {
				t.Errorf("the wrap of %s is still there", w.Label)
			}
		}
		if _, err := k.Open(t.Context(), "R-2", "escrow", c.escrow); err != nil {
			t.Errorf("another reference suffered: %v", err)
		}
		if err := k.Erase(t.Context(), "R-3", time.Now()); !errors.Is(err, ErrNoKey) {
			t.Errorf("no such reference: %v", err)
		}
	})
}

func TestDamagedKeyIsRefusedAndCanBeErased(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		damage func(r *record, other record)
	}{
		{"wraps of another reference", func(r *record, o record) { r.Wraps = o.Wraps }},
		{"wraps of another reference and its public key", func(r *record, o record) { r.Wraps, r.Recipient = o.Wraps, o.Recipient }},
		{"another public key", func(r *record, o record) { r.Recipient = o.Recipient }},
		{"labels exchanged", func(r *record, o record) { r.Wraps[0].Label, r.Wraps[1].Label = r.Wraps[1].Label, r.Wraps[0].Label }},
		{"base64 broken", func(r *record, o record) { r.Wraps[0].Sealed += "!" }},
		{"wrap cut", func(r *record, o record) { r.Wraps[0].Sealed = r.Wraps[0].Sealed[:40] }},
		{"a later version", func(r *record, o record) { r.Version = 2 }},
		{"another reference's name", func(r *record, o record) { r.Ref = "R-2" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			store := objectstest.Directory(t).Keys
			k := NewKeys(store)
			// One key for all, so that only what is bound inside a wrap protects it.
			same := generate(t)
			c := city{same, same, same}
			c.make(t, k, "R-1")
			c.make(t, k, "R-2")
			mine, _, err := k.read(t.Context(), "R-1")
			if err != nil {
				t.Fatal(err)
			}
			other, _, err := k.read(t.Context(), "R-2")
			if err != nil {
				t.Fatal(err)
			}
			test.damage(mine, *other)
			body, err := json.Marshal(mine)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Put(t.Context(), "keys/R-1", body, objects.Attr{}); err != nil {
				t.Fatal(err)
			}
			if _, err := k.Open(t.Context(), "R-1", "unit:410702", same); !errors.Is(err, ErrDamaged) {
				t.Errorf("error = %v", err)
			}
			if err := k.Erase(t.Context(), "R-1", time.Now()); err != nil {
				t.Errorf("erasing: %v", err)
			}
			if _, err := k.Open(t.Context(), "R-1", "unit:410702", same); !errors.Is(err, ErrErased) {
				t.Errorf("after erasing: %v", err)
			}
		})
	}
}

func TestRotationChangesOnePartyAndCanBeResumed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *Keys, store objects.Store) {
		c := newCity(t)
		to := c.make(t, k, "R-1")
		sealed := sealTo(t, to, []byte("x"))
		fresh := generate(t)
		if err := k.Rewrap(t.Context(), "R-1", "unit:410702", generate(t), fresh.Recipient()); !errors.Is(err, ErrWrongKey) {
			t.Errorf("somebody else rotated: %v", err)
		}
		if err := k.Rewrap(t.Context(), "R-1", "unit:410703", c.unit, fresh.Recipient()); !errors.Is(err, ErrNoLabel) {
			t.Errorf("no such party: %v", err)
		}
		for range 2 { // the second finds it done, though old no longer opens
			if err := k.Rewrap(t.Context(), "R-1", "unit:410702", c.unit, fresh.Recipient()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := k.Open(t.Context(), "R-1", "unit:410702", c.unit); !errors.Is(err, ErrWrongKey) {
			t.Errorf("the old key still opens: %v", err)
		}
		id, err := k.Open(t.Context(), "R-1", "unit:410702", both(t, fresh, c.unit))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := id.Unseal(sealed); err != nil {
			t.Errorf("what was sealed before the rotation: %v", err)
		}
		// A lost unit key: the escrow key makes a new wrap.
		rescued := generate(t)
		if err := k.Revoke(t.Context(), "R-1", "unit:410702"); err != nil {
			t.Fatal(err)
		}
		if err := k.Grant(t.Context(), "R-1", "escrow", c.escrow, Party{"unit:410702", rescued.Recipient()}); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Open(t.Context(), "R-1", "unit:410702", rescued); err != nil {
			t.Error(err)
		}
		for _, party := range []struct {
			label string
			id    Identity
		}{{"escrow", c.escrow}, {"receipt", c.receipt}} {
			if _, err := k.Open(t.Context(), "R-1", party.label, party.id); err != nil {
				t.Errorf("%s suffered: %v", party.label, err)
			}
		}
	})
}

func TestGrantAndRevoke(t *testing.T) {
	t.Parallel()
	k := NewKeys(objectstest.Directory(t).Keys)
	c := newCity(t)
	c.make(t, k, "R-1")
	other := generate(t)
	party := Party{"unit:410703", other.Recipient()}
	if err := k.Grant(t.Context(), "R-1", "unit:410702", generate(t), party); !errors.Is(err, ErrWrongKey) {
		t.Errorf("a stranger granted: %v", err)
	}
	if err := k.Grant(t.Context(), "R-1", "unit:410702", c.unit, Party{"escrow", other.Recipient()}); !errors.Is(err, ErrExists) {
		t.Errorf("a party was replaced: %v", err)
	}
	if err := k.Grant(t.Context(), "R-1", "unit:410702", c.unit, party); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Open(t.Context(), "R-1", "unit:410703", other); err != nil {
		t.Error(err)
	}
	for _, label := range []string{"unit:410702", "escrow", "receipt", "nobody"} {
		if err := k.Revoke(t.Context(), "R-1", label); err != nil {
			t.Errorf("%s: %v", label, err)
		}
	}
	if err := k.Revoke(t.Context(), "R-1", "unit:410703"); err == nil {
		t.Error("the last party was dropped")
	}
	if _, err := k.Open(t.Context(), "R-1", "unit:410702", c.unit); !errors.Is(err, ErrNoLabel) {
		t.Errorf("revoked: %v", err)
	}
}

func TestConcurrentChangesLoseNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *Keys, store objects.Store) {
		c := newCity(t)
		c.make(t, k, "R-1")
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				if err := k.Grant(t.Context(), "R-1", "escrow", c.escrow, Party{fmt.Sprintf("u%d", i), c.unit.Recipient()}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		labels, err := k.Labels(t.Context(), "R-1")
		if err != nil || len(labels) != 7 {
			t.Errorf("labels %q, %v", labels, err)
		}
	})
}

func TestErasureWinsAgainstConcurrentRotation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *Keys, store objects.Store) {
		c := newCity(t)
		for round := range 8 {
			ref := fmt.Sprintf("R-%d", round)
			c.make(t, k, ref)
			var wg sync.WaitGroup
			for i := range 3 {
				wg.Go(func() {
					err := k.Grant(t.Context(), ref, "escrow", c.escrow, Party{fmt.Sprintf("u%d", i), c.unit.Recipient()})
					if err != nil && !errors.Is(err, ErrErased) {
						t.Error(err)
					}
				})
			}
			if err := k.Erase(t.Context(), ref, time.Now()); err != nil {
				t.Error(err)
			}
			wg.Wait()
			if _, err := k.Open(t.Context(), ref, "escrow", c.escrow); !errors.Is(err, ErrErased) {
				t.Errorf("came back: %v", err)
			}
		}
	})
}

func TestOneOfManyMakersWins(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *Keys, store objects.Store) {
		c := newCity(t)
		made := make(chan Recipient, 8)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				to, err := k.New(t.Context(), "R-1", c.parties()...)
				if err == nil {
					made <- to
				} else if !errors.Is(err, ErrExists) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(made) != 1 {
			t.Fatalf("%d keys were made", len(made))
		}
		if kept, err := k.Recipient(t.Context(), "R-1"); err != nil || kept.String() != (<-made).String() {
			t.Errorf("kept %s, %v", kept, err)
		}
	})
}

func TestBadReferencesAndParties(t *testing.T) {
	t.Parallel()
	k := NewKeys(objectstest.Directory(t).Keys)
	to := generate(t).Recipient()
	for _, ref := range []string{"", ".", "..", ".x", "a/b", "../x", "王某", "a b", "a\x00", strings.Repeat("x", 81)} {
		if _, err := k.New(t.Context(), ref, Party{"escrow", to}); err == nil {
			t.Errorf("reference %q accepted", ref)
		}
		if _, err := k.Recipient(t.Context(), ref); err == nil || errors.Is(err, ErrNoKey) {
			t.Errorf("reference %q: %v", ref, err)
		}
	}
	for name, parties := range map[string][]Party{
		"nobody": nil, "no label": {{"", to}}, "bad label": {{"a b", to}}, "no key": {{"escrow", Recipient{}}},
		"twice": {{"escrow", to}, {"escrow", to}},
	} {
		if _, err := k.New(t.Context(), "R-1", parties...); err == nil {
			t.Errorf("%s accepted", name)
		}
	}
	for _, ref := range []string{"x", "subject:91410700MA3X5F2G1U", "R-2026_000001.reporter", strings.Repeat("x", 80)} {
		if _, err := k.New(t.Context(), ref, Party{"escrow", to}); err != nil {
			t.Errorf("reference %q: %v", ref, err)
		}
	}
}

func TestRefsAreListedInOrderAndResumed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *Keys, store objects.Store) {
		to := generate(t).Recipient()
		all := []string{"A", "R-1", "R-10", "R-2", "a"}
		for _, ref := range all {
			if _, err := k.New(t.Context(), ref, Party{"escrow", to}); err != nil {
				t.Fatal(err)
			}
		}
		if err := k.Erase(t.Context(), "R-10", time.Now()); err != nil {
			t.Fatal(err)
		}
		for after, want := range map[string][]string{"": all, "R-1": all[2:], "a": nil} {
			var got []string
			for ref, err := range k.Refs(t.Context(), after) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, ref)
			}
			if !slices.Equal(got, want) {
				t.Errorf("after %q: %q, want %q", after, got, want)
			}
		}
	})
}

// The escrow officer needs an age tool and base64, not this program.
func TestEscrowOpensAWrapWithoutThisProgram(t *testing.T) {
	t.Parallel()
	store := objectstest.Directory(t).Keys
	k := NewKeys(store)
	c := newCity(t)
	to := c.make(t, k, "R-1")
	body, _, err := store.Get(t.Context(), "keys/R-1")
	if err != nil {
		t.Fatal(err)
	}
	var stored struct {
		Wraps []struct{ Label, Sealed string }
	}
	if err := json.Unmarshal(body, &stored); err != nil {
		t.Fatal(err)
	}
	escrow, err := age.ParseX25519Identity(c.escrow.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := base64.RawStdEncoding.DecodeString(stored.Wraps[1].Sealed)
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), escrow)
	if err != nil {
		t.Fatal(err)
	}
	var inside struct{ Ref, Label, Key string }
	if err := json.NewDecoder(r).Decode(&inside); err != nil {
		t.Fatal(err)
	}
	key, err := age.ParseX25519Identity(inside.Key)
	if err != nil || key.Recipient().String() != to.String() || inside.Ref != "R-1" || inside.Label != "escrow" {
		t.Errorf("%s of %s, %v", inside.Label, inside.Ref, err)
	}
}

func BenchmarkKeysNew(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *objects.Buckets{"directory": objectstest.Directory, "minio": objectstest.Real} {
		b.Run(name, func(b *testing.B) {
			k := NewKeys(open(b).Keys)
			parties := newCity(b).parties()
			i := 0
			for b.Loop() {
				i++
				if _, err := k.New(b.Context(), fmt.Sprintf("R-%d-%d", time.Now().UnixNano(), i), parties...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
