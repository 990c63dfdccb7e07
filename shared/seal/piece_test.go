package seal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// upload is a file cut at the given sizes and sealed.
type upload struct {
	manifest Manifest
	sealed   [][]byte
	plain    []byte
}

func cut(t rapid.TB, to Recipient, file string, plain []byte, sizes []int) upload {
	t.Helper()
	whole := sha256.Sum256(plain)
	u := upload{plain: plain, manifest: Manifest{File: file, Name: "证据.pdf", Size: int64(len(plain)), SHA256: hex.EncodeToString(whole[:])}}
	for i, n := range sizes {
		sealed, err := SealPiece(to, file, i, i == len(sizes)-1, plain[:n])
		if err != nil {
			t.Fatal(err)
		}
		plain = plain[n:]
		u.sealed = append(u.sealed, sealed)
		u.manifest.Pieces = append(u.manifest.Pieces, SumPiece(sealed, n))
	}
	return u
}

func (u upload) fetch(_ context.Context, i int) ([]byte, error) { return u.sealed[i], nil }

func drawUpload(t *rapid.T, to Recipient, file string) upload {
	sizes := rapid.SliceOfN(rapid.IntRange(1, 50), 1, 6).Draw(t, "sizes")
	total := 0
	for _, n := range sizes {
		total += n
	}
	return cut(t, to, file, rapid.SliceOfN(rapid.Byte(), total, total).Draw(t, "plain"), sizes)
}

func TestFileComesBackInOrder(t *testing.T) {
	t.Parallel()
	id := generate(t)
	rapid.Check(t, func(rt *rapid.T) {
		u := drawUpload(rt, id.Recipient(), "file-1")
		sealed, err := SealManifest(id.Recipient(), u.manifest)
		if err != nil {
			rt.Fatal(err)
		}
		m, err := OpenManifest(id, "file-1", sealed)
		if err != nil {
			rt.Fatal(err)
		}
		var got bytes.Buffer
		sum, err := OpenPieces(t.Context(), &got, id, m, u.fetch)
		if err != nil || !bytes.Equal(got.Bytes(), u.plain) || sum != u.manifest.SHA256 {
			rt.Fatalf("%x, %s, %v", got.Bytes(), sum, err)
		}
	})
}

// tampering changes an upload; it returns false if it cannot change this one.
var tampering = map[string]func(t *rapid.T, u *upload, other upload) bool{
	"two pieces swapped": func(t *rapid.T, u *upload, _ upload) bool {
		i := rapid.IntRange(0, len(u.sealed)-1).Draw(t, "i")
		j := rapid.IntRange(0, len(u.sealed)-1).Draw(t, "j")
		u.sealed[i], u.sealed[j] = u.sealed[j], u.sealed[i]
		u.manifest.Pieces[i], u.manifest.Pieces[j] = u.manifest.Pieces[j], u.manifest.Pieces[i]
		return i != j
	},
	"a piece dropped": func(t *rapid.T, u *upload, _ upload) bool {
		i := rapid.IntRange(0, len(u.sealed)-1).Draw(t, "i")
		u.manifest.Size -= u.manifest.Pieces[i].Size
		u.sealed = append(u.sealed[:i:i], u.sealed[i+1:]...)
		u.manifest.Pieces = append(u.manifest.Pieces[:i:i], u.manifest.Pieces[i+1:]...)
		return len(u.sealed) > 0
	},
	"a piece of another file": func(t *rapid.T, u *upload, other upload) bool {
		i := rapid.IntRange(0, min(len(u.sealed), len(other.sealed))-1).Draw(t, "i")
		u.manifest.Size += other.manifest.Pieces[i].Size - u.manifest.Pieces[i].Size
		u.sealed[i], u.manifest.Pieces[i] = other.sealed[i], other.manifest.Pieces[i]
		return true
	},
	"a piece repeated": func(t *rapid.T, u *upload, _ upload) bool {
		i := rapid.IntRange(0, len(u.sealed)-1).Draw(t, "i")
		u.manifest.Size += u.manifest.Pieces[i].Size
		u.sealed = append(u.sealed, u.sealed[i])
		u.manifest.Pieces = append(u.manifest.Pieces, u.manifest.Pieces[i])
		return true
	},
	"a piece cut short": func(t *rapid.T, u *upload, _ upload) bool {
		i := rapid.IntRange(0, len(u.sealed)-1).Draw(t, "i")
		n := rapid.IntRange(0, len(u.sealed[i])-1).Draw(t, "n")
		u.sealed[i] = u.sealed[i][:n]
		u.manifest.Pieces[i].SHA256 = SumPiece(u.sealed[i], 0).SHA256
		return true
	},
	"a byte of a piece altered": func(t *rapid.T, u *upload, _ upload) bool {
		i := rapid.IntRange(0, len(u.sealed)-1).Draw(t, "i")
		n := rapid.IntRange(0, len(u.sealed[i])-1).Draw(t, "n")
		u.sealed[i] = bytes.Clone(u.sealed[i])
		u.sealed[i][n] ^= 1
		u.manifest.Pieces[i].SHA256 = SumPiece(u.sealed[i], 0).SHA256
		return true
	},
	"sizes moved between pieces": func(t *rapid.T, u *upload, _ upload) bool {
		if len(u.sealed) < 2 || u.manifest.Pieces[0].Size < 2 {
			return false
		}
		u.manifest.Pieces[0].Size--
		u.manifest.Pieces[1].Size++
		return true
	},
}

// Even somebody who can rewrite the manifest's hashes to fit gets nowhere: the
// pieces know their place themselves.
func TestPiecesOutOfTheirPlaceAreRefusedWhateverTheManifestSays(t *testing.T) {
	t.Parallel()
	id := generate(t)
	for name, tamper := range tampering {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				u := drawUpload(rt, id.Recipient(), "file-1")
				other := drawUpload(rt, id.Recipient(), "file-2")
				if !tamper(rt, &u, other) {
					rt.Skip("nothing to change")
				}
				u.manifest.SHA256 = ""
				var got bytes.Buffer
				if _, err := OpenPieces(t.Context(), &got, id, u.manifest, u.fetch); err == nil {
					rt.Fatalf("accepted: %x", got.Bytes())
				}
				if !bytes.HasPrefix(u.plain, got.Bytes()) {
					rt.Fatal("bytes were written that were not checked")
				}
			})
		})
	}
}

func TestManifestRefusesOtherPiecesOfTheSamePlace(t *testing.T) {
	t.Parallel()
	id := generate(t)
	a := cut(t, id.Recipient(), "f", []byte("the true evidence"), []int{8, 9})
	forged := cut(t, id.Recipient(), "f", []byte("a forged evidence"), []int{8, 9})
	// Whoever has the public key can seal this; the manifest's hash shows it.
	if _, err := OpenPiece(id, a.manifest, 1, forged.sealed[1]); !errors.Is(err, ErrDamaged) {
		t.Errorf("error = %v", err)
	}
	for _, i := range []int{-1, 2} {
		if _, err := OpenPiece(id, a.manifest, i, a.sealed[1]); !errors.Is(err, ErrDamaged) {
			t.Errorf("piece %d: %v", i, err)
		}
	}
}

func TestWholeFileMustHaveTheHashTheSenderGave(t *testing.T) {
	t.Parallel()
	id := generate(t)
	u := cut(t, id.Recipient(), "f", []byte("evidence"), []int{8})
	right := u.manifest.SHA256
	u.manifest.SHA256 = strings.Repeat("0", 64)
	var got bytes.Buffer
	if sum, err := OpenPieces(t.Context(), &got, id, u.manifest, u.fetch); !errors.Is(err, ErrDamaged) || sum != right {
		t.Errorf("%s, %v", sum, err)
	}
	u.manifest.SHA256 = ""
	if sum, err := OpenPieces(t.Context(), &got, id, u.manifest, u.fetch); err != nil || sum != right {
		t.Errorf("none given: %s, %v", sum, err)
	}
}

func TestFetchErrorsAndEndedContextsEndTheReading(t *testing.T) {
	t.Parallel()
	id := generate(t)
	u := cut(t, id.Recipient(), "f", []byte("evidence"), []int{4, 4})
	away := errors.New("store is away")
	if _, err := OpenPieces(t.Context(), &bytes.Buffer{}, id, u.manifest, func(context.Context, int) ([]byte, error) { return nil, away }); !errors.Is(err, away) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := OpenPieces(ctx, &bytes.Buffer{}, id, u.manifest, u.fetch); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestSizesOfFiles(t *testing.T) {
	t.Parallel()
	id := generate(t)
	most := bytes.Repeat([]byte("0123456789abcdef"), MaxPiece/16)
	for _, test := range []struct {
		name  string
		plain []byte
		sizes []int
	}{
		{"empty", nil, []int{0}},
		{"one byte", []byte("x"), []int{1}},
		{"largest piece", most, []int{MaxPiece}},
		{"largest piece and one byte", append(bytes.Clone(most), 'x'), []int{MaxPiece, 1}},
		{"at the cipher's chunk", most[:65536], []int{65535, 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := cut(t, id.Recipient(), "f", test.plain, test.sizes)
			var got bytes.Buffer
			if _, err := OpenPieces(t.Context(), &got, id, u.manifest, u.fetch); err != nil || !bytes.Equal(got.Bytes(), test.plain) {
				t.Errorf("%d bytes, %v", got.Len(), err)
			}
		})
	}
	for _, test := range []struct {
		name  string
		file  string
		index int
		size  int
	}{
		{"too large", "f", 0, MaxPiece + 1}, {"no file", "", 0, 1}, {"long file id", strings.Repeat("x", MaxFileID+1), 0, 1},
		{"negative index", "f", -1, 1}, {"index too high", "f", MaxPieces, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := SealPiece(id.Recipient(), test.file, test.index, true, make([]byte, test.size)); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestManifestsThatDescribeNoFileAreRefused(t *testing.T) {
	t.Parallel()
	id := generate(t)
	hash := strings.Repeat("0a", 32)
	for _, test := range []struct {
		name string
		m    Manifest
		ok   bool
	}{
		{"empty file", Manifest{File: "f", Pieces: []Sum{{0, hash}}}, true},
		{"two pieces", Manifest{File: "f", Size: 3, Pieces: []Sum{{1, hash}, {2, hash}}}, true},
		{"whole hash", Manifest{File: "f", Size: 1, SHA256: hash, Pieces: []Sum{{1, hash}}}, true},
		{"no file id", Manifest{Size: 1, Pieces: []Sum{{1, hash}}}, false},
		{"no pieces", Manifest{File: "f"}, false},
		{"sizes short", Manifest{File: "f", Size: 4, Pieces: []Sum{{1, hash}, {2, hash}}}, false},
		{"sizes long", Manifest{File: "f", Size: 2, Pieces: []Sum{{1, hash}, {2, hash}}}, false},
		{"negative piece", Manifest{File: "f", Size: 1, Pieces: []Sum{{2, hash}, {-1, hash}}}, false},
		{"empty piece among others", Manifest{File: "f", Size: 1, Pieces: []Sum{{1, hash}, {0, hash}}}, false},
		{"piece too large", Manifest{File: "f", Size: MaxPiece + 1, Pieces: []Sum{{MaxPiece + 1, hash}}}, false},
		{"no hash", Manifest{File: "f", Size: 1, Pieces: []Sum{{1, ""}}}, false},
		{"hash in capitals", Manifest{File: "f", Size: 1, Pieces: []Sum{{1, strings.ToUpper(hash)}}}, false},
		{"short whole hash", Manifest{File: "f", Size: 1, SHA256: hash[2:], Pieces: []Sum{{1, hash}}}, false},
		{"too many pieces", Manifest{File: "f", Size: MaxPieces + 1, Pieces: slicesOf(Sum{1, hash}, MaxPieces+1)}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := test.m.Check(); (err == nil) != test.ok || err != nil && !errors.Is(err, ErrDamaged) {
				t.Errorf("Check: %v", err)
			}
			if _, err := SealManifest(id.Recipient(), test.m); (err == nil) != test.ok {
				t.Errorf("SealManifest: %v", err)
			}
		})
	}
}

func slicesOf(s Sum, n int) []Sum {
	all := make([]Sum, n)
	for i := range all {
		all[i] = s
	}
	return all
}

func TestManifestOfAnotherFileIsRefused(t *testing.T) {
	t.Parallel()
	id := generate(t)
	u := cut(t, id.Recipient(), "f", []byte("x"), []int{1})
	sealed, err := SealManifest(id.Recipient(), u.manifest)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenManifest(id, "g", sealed); !errors.Is(err, ErrDamaged) {
		t.Errorf("another file: %v", err)
	}
	if _, err := OpenManifest(id, "f", u.sealed[0]); !errors.Is(err, ErrDamaged) {
		t.Errorf("a piece for a manifest: %v", err)
	}
	if _, err := openBound(id, "f", 0, true, 1, sealed); !errors.Is(err, ErrDamaged) {
		t.Errorf("a manifest for a piece: %v", err)
	}
	if _, err := OpenManifest(generate(t), "f", sealed); !errors.Is(err, ErrWrongKey) {
		t.Errorf("another key: %v", err)
	}
}

func BenchmarkSeal(b *testing.B) {
	id := generate(b)
	to := id.Recipient()
	for _, size := range []int{200, 64 << 10, MaxPiece} {
		plain := make([]byte, size)
		sealed, err := SealPiece(to, "f", 0, true, plain)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("SealPiece/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := SealPiece(to, "f", 0, true, plain); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("Unseal/%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := id.Unseal(sealed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
