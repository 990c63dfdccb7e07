package seal

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"filippo.io/age"
	"pgregory.net/rapid"
)

func generate(t testing.TB) Identity {
	t.Helper()
	id, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func sealTo(t testing.TB, to Recipient, plain []byte) []byte {
	t.Helper()
	sealed, err := to.Seal(plain)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// both joins two identities as a secret file during a rotation does.
func both(t testing.TB, a, b Identity) Identity {
	t.Helper()
	id, err := ParseIdentity("# new\n" + a.Reveal() + "\n\n# old\n" + b.Reveal() + "\n")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestWhatIsSealedOpensWithItsKeyOnly(t *testing.T) {
	t.Parallel()
	id, other := generate(t), generate(t)
	rapid.Check(t, func(rt *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(rt, "plain")
		sealed, err := id.Recipient().Seal(plain)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := id.Unseal(sealed)
		if err != nil || !bytes.Equal(got, plain) {
			rt.Fatalf("opened %x, %v", got, err)
		}
		if len(plain) > 8 && bytes.Contains(sealed, plain) {
			rt.Fatal("the plain text is in the sealed one")
		}
		if got, err := other.Unseal(sealed); !errors.Is(err, ErrWrongKey) || got != nil {
			rt.Fatalf("another key: %x, %v", got, err)
		}
	})
}

func TestSealedBytesAlteredAnywhereAreDamaged(t *testing.T) {
	t.Parallel()
	id := generate(t)
	sealed := sealTo(t, id.Recipient(), []byte("举报内容"))
	for i := range sealed {
		altered := bytes.Clone(sealed)
		altered[i] ^= 1
		if got, err := id.Unseal(altered); err == nil || got != nil {
			t.Fatalf("byte %d altered: %q, %v", i, got, err)
		}
		if got, err := id.Unseal(sealed[:i]); !errors.Is(err, ErrDamaged) || got != nil {
			t.Fatalf("cut at %d: %q, %v", i, got, err)
		}
	}
	if _, err := id.Unseal(append(bytes.Clone(sealed), 0)); !errors.Is(err, ErrDamaged) {
		t.Errorf("one byte more: %v", err)
	}
}

func TestPlainTextIsNotTakenForSealed(t *testing.T) {
	t.Parallel()
	const canary = "王某某 13800000000"
	id := generate(t)
	for _, plain := range []string{"", canary, intro + canary, intro + "-> X25519 " + canary + "\n--- x\n", canary + "\n--- "} {
		_, err := id.Unseal([]byte(plain))
		if !errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "138") {
			t.Errorf("%q: %v", plain, err)
		}
		_, err = id.UnsealString(plain)
		if !errors.Is(err, ErrDamaged) || strings.Contains(err.Error(), "138") {
			t.Errorf("%q: %v", plain, err)
		}
	}
}

func TestHeaderOfManyLinesIsRefusedBeforeItCosts(t *testing.T) {
	t.Parallel()
	hostile := intro + strings.Repeat("-> X25519 "+strings.Repeat("A", 43)+"\n"+strings.Repeat("A", 43)+"\n", 10_000) + "--- " + strings.Repeat("A", 43) + "\n"
	if _, err := generate(t).Unseal([]byte(hostile)); !errors.Is(err, ErrDamaged) {
		t.Errorf("error = %v", err)
	}
}

func TestAnyAgeToolOpensIt(t *testing.T) {
	t.Parallel()
	id := generate(t)
	sealed := sealTo(t, id.Recipient(), []byte("x"))
	k, err := age.ParseX25519Identity(id.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := age.Decrypt(bytes.NewReader(sealed), k); err != nil {
		t.Error(err)
	}
}

func TestRotationOverlapOpensOldAndNew(t *testing.T) {
	t.Parallel()
	old, fresh, stranger := generate(t), generate(t), generate(t)
	overlap := both(t, fresh, old)
	for _, to := range []Recipient{old.Recipient(), fresh.Recipient(), overlap.Recipient()} {
		if got, err := overlap.Unseal(sealTo(t, to, []byte("x"))); err != nil || string(got) != "x" {
			t.Errorf("%q, %v", got, err)
		}
	}
	sealed := sealTo(t, overlap.Recipient(), []byte("x"))
	for _, id := range []Identity{old, fresh} {
		if _, err := id.Unseal(sealed); err != nil {
			t.Error(err)
		}
	}
	if _, err := stranger.Unseal(sealed); !errors.Is(err, ErrWrongKey) {
		t.Error(err)
	}
}

func TestKeyFiles(t *testing.T) {
	t.Parallel()
	id := generate(t)
	private, public := id.Reveal(), id.Recipient().String()
	for _, test := range []struct {
		name, text string
		private    bool
		keys       int // 0: refused
	}{
		{"one", private, true, 1},
		{"one, public", public, false, 1},
		{"comments, blanks and CRLF", "# c\r\n\r\n  " + private + "  \r\n", true, 1},
		{"comments, blanks and CRLF, public", "# c\r\n\r\n  " + public + "  \r\n", false, 1},
		{"most", strings.Repeat(private+"\n", MaxKeys), true, MaxKeys},
		{"one too many", strings.Repeat(private+"\n", MaxKeys+1), true, 0},
		{"most, public", strings.Repeat(public+"\n", MaxKeys), false, MaxKeys},
		{"one too many, public", strings.Repeat(public+"\n", MaxKeys+1), false, 0},
		{"empty", "", true, 0},
		{"only comments", "# x\n", false, 0},
		{"public where private belongs", public, true, 0},
		{"private where public belongs", private, false, 0},
		{"one good, one cut", private + "\n" + private[:30], true, 0},
		{"a letter changed", strings.Replace(private, "1", "1Q", 1), true, 0},
		{"two on a line", private + " " + private, true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var keys int
			var err error
			if test.private {
				var i Identity
				i, err = ParseIdentity(test.text)
				keys = len(i.keys)
			} else {
				var r Recipient
				r, err = ParseRecipient(test.text)
				keys = len(r.keys)
			}
			if keys != test.keys || (err == nil) != (test.keys > 0) || err != nil && !errors.Is(err, ErrKey) {
				t.Errorf("%d keys, %v; want %d", keys, err, test.keys)
			}
			if err != nil && strings.Contains(strings.ToUpper(err.Error()), private[16:26]) {
				t.Errorf("the error quotes the key: %v", err)
			}
		})
	}
	if again, err := ParseRecipient(id.Recipient().String()); err != nil || again.String() != public {
		t.Errorf("%v, %v", again, err)
	}
}

func TestNothingShowsAPrivateKey(t *testing.T) {
	t.Parallel()
	id := generate(t)
	secret := id.Reveal()[len("AGE-SECRET-KEY-1"):]
	type holder struct {
		Name string
		Key  Identity
		key  Identity
	}
	h := holder{"h", id, id}
	var shown strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p"} {
		for _, v := range []any{id, &id, h, &h, []Identity{id}, map[string]Identity{"a": id}} {
			fmt.Fprintf(&shown, verb+"\n", v)
		}
	}
	slog.New(slog.NewTextHandler(&shown, nil)).Info("x", "id", id, "holder", h)
	slog.New(slog.NewJSONHandler(&shown, nil)).Info("x", "id", id, "holder", h)
	for _, form := range []string{secret, strings.ToLower(secret), hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret)))} {
		if strings.Contains(shown.String(), form) {
			t.Fatal("a private key is shown")
		}
	}
	if body, err := json.Marshal(h); err == nil {
		t.Errorf("encoded as %s", body)
	}
}

func TestZeroValuesNeitherSealNorOpen(t *testing.T) {
	t.Parallel()
	if sealed, err := (Recipient{}).Seal([]byte("x")); err == nil {
		t.Errorf("sealed to nobody: %q", sealed)
	}
	if _, err := (Identity{}).Unseal(sealTo(t, generate(t).Recipient(), nil)); !errors.Is(err, ErrWrongKey) {
		t.Error(err)
	}
}

func TestStringsAndTexts(t *testing.T) {
	t.Parallel()
	id := generate(t)
	to := id.Recipient()
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.String().Draw(rt, "text")
		s, err := to.SealString(text)
		if err != nil || strings.ContainsAny(s, "=\n ") {
			rt.Fatalf("%q, %v", s, err)
		}
		if got, err := id.UnsealString(s); err != nil || got != text {
			rt.Fatalf("%q, %v", got, err)
		}
		padded, err := to.SealText(text)
		if err != nil {
			rt.Fatal(err)
		}
		if got, err := id.UnsealText(padded); err != nil || got != text {
			rt.Fatalf("%q, %v", got, err)
		}
	})
	if s, err := to.SealString("no padding in it"); err != nil {
		t.Error(err)
	} else if _, err := id.UnsealText(s); !errors.Is(err, ErrDamaged) {
		t.Errorf("an unpadded text: %v", err)
	}
}

func TestSealedTextsOfOneBucketAreOfOneLength(t *testing.T) {
	t.Parallel()
	to := generate(t).Recipient()
	length := map[int]int{}
	for _, n := range []int{0, 1, 100, 510, 511, 512, 2047, 2048, 8191, 8192} {
		s, err := to.SealText(strings.Repeat("x", n))
		if err != nil {
			t.Fatal(err)
		}
		if l, ok := length[Bucket(n)]; ok && l != len(s) {
			t.Errorf("%d bytes: %d, another of bucket %d: %d", n, len(s), Bucket(n), l)
		}
		length[Bucket(n)] = len(s)
	}
	if len(length) != 4 {
		t.Errorf("%d buckets", len(length))
	}
}

func TestBuckets(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ n, want int }{
		{0, 512}, {511, 512}, {512, 2048}, {2047, 2048}, {2048, 8192}, {8191, 8192}, {8192, 32768}, {32767, 32768}, {32768, 131072},
		{131071, 131072}, {131072, 262144}, {262143, 262144}, {262144, 393216},
	} {
		if got := Bucket(test.n); got != test.want {
			t.Errorf("Bucket(%d) = %d, want %d", test.n, got, test.want)
		}
	}
}

func TestPaddingComesOffWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 0x80, 'a'}), 0, 700).Draw(rt, "text")
		padded := Pad(text)
		if len(padded) != Bucket(len(text)) {
			rt.Fatalf("padded to %d", len(padded))
		}
		got, err := Unpad(padded)
		if err != nil || !bytes.Equal(got, text) {
			rt.Fatalf("%x, %v", got, err)
		}
	})
	for _, bad := range [][]byte{nil, {}, {0}, {0x80}, make([]byte, 512), []byte("plain"), append(Pad([]byte("x")), 0), Pad([]byte("x"))[:511]} {
		if got, err := Unpad(bad); !errors.Is(err, ErrDamaged) {
			t.Errorf("Unpad(%d bytes) = %q, %v", len(bad), got, err)
		}
	}
}

func readVectors(t testing.TB, file string, v any) {
	t.Helper()
	body, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, v); err != nil {
		t.Fatal(err)
	}
}

func TestReceiptVectors(t *testing.T) {
	t.Parallel()
	var known struct {
		Vectors []struct{ Name, Secret, Ref, Scalar, Identity, Recipient string }
	}
	readVectors(t, "receipt.json", &known)
	if len(known.Vectors) < 5 {
		t.Fatal("vectors are missing")
	}
	for _, v := range known.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			secret, err := hex.DecodeString(v.Secret)
			if err != nil {
				t.Fatal(err)
			}
			id, err := FromReceipt(secret, v.Ref)
			if err != nil {
				t.Fatal(err)
			}
			if id.Reveal() != v.Identity || id.Recipient().String() != v.Recipient {
				t.Errorf("recipient %s, want %s", id.Recipient(), v.Recipient)
			}
		})
	}
}

func TestReceiptSecretsTooShortAreRefused(t *testing.T) {
	t.Parallel()
	for n := range MinSecret {
		if _, err := FromReceipt(make([]byte, n), "R"); err == nil {
			t.Errorf("%d bytes accepted", n)
		}
	}
	if _, err := FromReceipt(make([]byte, MinSecret), ""); err == nil {
		t.Error("no reference accepted")
	}
}

func TestReceiptsOpenOnlyTheirOwnReport(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		secret := rapid.SliceOfN(rapid.Byte(), MinSecret, 40).Draw(rt, "secret")
		id, err := FromReceipt(secret, "R1")
		if err != nil {
			rt.Fatal(err)
		}
		sealed, err := id.Recipient().Seal([]byte("x"))
		if err != nil {
			rt.Fatal(err)
		}
		again, err := FromReceipt(bytes.Clone(secret), "R1")
		if err != nil {
			rt.Fatal(err)
		}
		if _, err := again.Unseal(sealed); err != nil {
			rt.Fatal(err)
		}
		other, err := FromReceipt(secret, "R2")
		if err != nil {
			rt.Fatal(err)
		}
		if _, err := other.Unseal(sealed); !errors.Is(err, ErrWrongKey) {
			rt.Fatalf("another report's: %v", err)
		}
	})
}

// What was sealed by an earlier version of this program must open for as long
// as anybody keeps it.
func TestTextsSealedBeforeStillOpen(t *testing.T) {
	t.Parallel()
	var known struct {
		Identity, String, Text, Plain, Manifest, File, Name string
		Pieces                                              []string
	}
	readVectors(t, "sealed.json", &known)
	id, err := ParseIdentity(known.Identity)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := id.UnsealString(known.String); err != nil || got != known.Plain {
		t.Errorf("string: %q, %v", got, err)
	}
	if got, err := id.UnsealText(known.Text); err != nil || got != known.Plain {
		t.Errorf("text: %q, %v", got, err)
	}
	raw := func(s string) []byte {
		b, err := base64.RawStdEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	m, err := OpenManifest(id, known.File, raw(known.Manifest))
	if err != nil || m.Name != known.Name {
		t.Fatalf("manifest: %+v, %v", m, err)
	}
	var whole strings.Builder
	for i, p := range known.Pieces {
		plain, err := OpenPiece(id, m, i, raw(p))
		if err != nil {
			t.Fatal(err)
		}
		whole.Write(plain)
	}
	if whole.String() != known.Plain {
		t.Errorf("file: %q", whole.String())
	}
}

func FuzzUnseal(f *testing.F) {
	id, err := FromReceipt(make([]byte, MinSecret), "fuzz")
	if err != nil {
		f.Fatal(err)
	}
	other, err := FromReceipt(make([]byte, MinSecret), "other")
	if err != nil {
		f.Fatal(err)
	}
	m := Manifest{File: "f", Size: 1, Pieces: []Sum{{Size: 1, SHA256: strings.Repeat("0", 64)}}}
	for _, to := range []Recipient{id.Recipient(), other.Recipient()} {
		sealed := sealTo(f, to, []byte("plain"))
		f.Add(sealed)
		f.Add(sealed[:len(sealed)-1])
		piece, err := SealPiece(to, "f", 0, true, []byte("x"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(piece)
		manifest, err := SealManifest(to, m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(manifest)
	}
	f.Add([]byte(intro))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		plain, err := id.Unseal(sealed)
		if err != nil && (plain != nil || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrWrongKey)) {
			t.Errorf("%q, %v", plain, err)
		}
		_, _ = id.UnsealString(string(sealed))
		_, _ = id.UnsealText(string(sealed))
		if plain, err := openBound(id, "f", 0, true, 1, sealed); err == nil && len(plain) != 1 {
			t.Errorf("piece of %d bytes", len(plain))
		}
		if m, err := OpenManifest(id, "f", sealed); err == nil && m.Check() != nil {
			t.Errorf("manifest %+v", m)
		}
		_, _ = Unpad(sealed)
		if r, err := ParseRecipient(string(sealed)); err == nil && len(r.keys) == 0 {
			t.Error("no keys")
		}
		_, _ = ParseIdentity(string(sealed))
	})
}
