package seal

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"filippo.io/age"
	"pgregory.net/rapid"
)

// TestKeysAreThoseOfTheLibrary: what one side writes the other reads, public and
// private, and what is sealed by either opens with the other.
func TestKeysAreThoseOfTheLibrary(t *testing.T) {
	t.Parallel()
	for range 50 {
		ours, err := Generate()
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := age.ParseX25519Identity(ours.Reveal())
		if err != nil || theirs.String() != ours.Reveal() || theirs.Recipient().String() != ours.Recipient().String() {
			t.Fatalf("the library reads another key: %v", err)
		}
		sealed, err := ours.Recipient().Seal([]byte("sealed here"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := age.Decrypt(bytes.NewReader(sealed), theirs)
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := io.ReadAll(r); err != nil || string(plain) != "sealed here" {
			t.Errorf("the library reads %q (%v)", plain, err)
		}
		var out bytes.Buffer
		w, err := age.Encrypt(&out, theirs.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("sealed there")); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if len(out.Bytes()) != len(sealed)+len("sealed there")-len("sealed here") {
			t.Errorf("ours is %d bytes long, theirs %d", len(sealed), out.Len())
		}
		if plain, err := ours.Unseal(out.Bytes()); err != nil || string(plain) != "sealed there" {
			t.Errorf("we read %q (%v)", plain, err)
		}
	}
}

// TestKeysAreReadAsTheLibraryReadsThem: the same texts are keys, and the same are
// none.
func TestKeysAreReadAsTheLibraryReadsThem(t *testing.T) {
	t.Parallel()
	id, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom([]string{id.Reveal(), id.Recipient().String()}).Draw(t, "key")
		switch rapid.IntRange(0, 6).Draw(t, "change") {
		case 0:
		case 1:
			at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			text = text[:at] + string(rapid.SampledFrom([]rune("aqpzAQ1b -")).Draw(t, "letter")) + text[at+1:]
		case 2:
			text = text[:rapid.IntRange(1, len(text)).Draw(t, "end")]
		case 3:
			text += rapid.SampledFrom([]string{"q", "l", "Q"}).Draw(t, "more")
		case 4:
			text = strings.ToLower(text)
		case 5:
			text = strings.ToUpper(text)
		case 6:
			raw := rapid.SliceOfN(rapid.Byte(), 30, 34).Draw(t, "raw")
			text = bech32(rapid.SampledFrom([]string{publicPrefix, privatePrefix, "agf"}).Draw(t, "prefix"), raw)
			if rapid.Bool().Draw(t, "capitals") {
				text = strings.ToUpper(text)
			}
		}
		public, err := parsePublic(text)
		theirPublic, theirErr := age.ParseX25519Recipient(text)
		if (err == nil) != (theirErr == nil) || err == nil && public.String() != theirPublic.String() {
			t.Errorf("public key %q: %v, the library %v", text, err, theirErr)
		}
		private, err := parsePrivate(text)
		theirPrivate, theirErr := age.ParseX25519Identity(text)
		if (err == nil) != (theirErr == nil) || err == nil && private.public().String() != theirPrivate.Recipient().String() {
			t.Errorf("private key: %v, the library %v", err, theirErr)
		}
	})
}

// TestAPointOfLowOrderIsSealedToByNobody: everybody would know the secret.
func TestAPointOfLowOrderIsSealedToByNobody(t *testing.T) {
	t.Parallel()
	for _, first := range []byte{0, 1} {
		raw := make([]byte, 32)
		raw[0] = first
		r, err := ParseRecipient(bech32(publicPrefix, raw))
		if err != nil {
			continue
		}
		if sealed, err := r.Seal([]byte("x")); err == nil {
			t.Errorf("sealed: %q", sealed)
		}
	}
}

// BenchmarkWrap is one wrap, ours and the library's.
func BenchmarkWrap(b *testing.B) {
	id, err := Generate()
	if err != nil {
		b.Fatal(err)
	}
	theirs, err := age.ParseX25519Recipient(id.Recipient().String())
	if err != nil {
		b.Fatal(err)
	}
	for name, r := range map[string]age.Recipient{"here": id.Recipient().keys[0], "library": theirs} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := r.Wrap(make([]byte, 16)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
