package notary

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestEntryIsTheSameBytesForEver: what is in a log cannot be written anew, so the
// form is fixed to the byte.
func TestEntryIsTheSameBytesForEver(t *testing.T) {
	t.Parallel()
	salt, err := hex.DecodeString("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	if err != nil {
		t.Fatal(err)
	}
	l := Leaf{V: 1, Event: "profile", At: "2026-11-24T08:00:00Z", Commitment: Commit(salt, []byte(`{"code":"91410771MA00AAA104"}`))}
	entry, err := l.Entry()
	if err != nil {
		t.Fatal(err)
	}
	// The commitment was computed with coreutils: (salt; document) | sha256sum.
	const want = `{"v":1,"event":"profile","at":"2026-11-24T08:00:00Z",` +
		`"commitment":"sha256:b114159c908be7fe22f318cf5e59e930f1864a2b67fd9f6930bcdd0994a37d83"}`
	if string(entry) != want {
		t.Errorf("got  %s\nwant %s", entry, want)
	}
	back, err := ParseLeaf(entry)
	if err != nil || back != l {
		t.Errorf("read back %+v (%v)", back, err)
	}
}

func TestLeafTakesDaysAndInstants(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		at string
		ok bool
	}{
		{"2026-11-24", true},
		{"2026-11-24T08:00:00Z", true},
		{"2026-11-24T08:00:00.123456Z", true},
		{"2026-11-24T23:59:59Z", true},
		{"2024-02-29", true},
		{"2026-02-29", false},
		{"2026-13-01", false},
		{"2026-11-24T24:00:00Z", false},
		{"2026-11-24T8:00:00Z", false},
		{"2026-11-24T08:00:00", false},
		{"2026-11-24T08:00:00+00:00", false},
		{"2026-11-24T08:00:00,5Z", false},
		{"2026-11-24 08:00:00Z", false},
		{"26-11-24", false},
		{"", false},
	} {
		l := leafFor(1)
		l.At = tt.at
		if _, err := l.Entry(); (err == nil) != tt.ok {
			t.Errorf("%q: %v", tt.at, err)
		}
	}
}

func TestCommitmentOpensWithItsSaltAndDocumentOnly(t *testing.T) {
	t.Parallel()
	salt, document := NewSalt(), []byte("document")
	c := Commit(salt, document)
	if !Opens(c, salt, document) {
		t.Error("does not open")
	}
	other := bytes.Clone(salt)
	other[0] ^= 1
	for name, opens := range map[string]bool{
		"another document":      Opens(c, salt, []byte("Document")),
		"another salt":          Opens(c, other, document),
		"no salt":               Opens(Commit(nil, document), nil, document),
		"the border moved":      Opens(c, append(bytes.Clone(salt), document[0]), document[1:]),
		"the border moved back": Opens(c, salt[:SaltSize-1], append([]byte{salt[SaltSize-1]}, document...)),
		"upper case":            Opens(strings.ToUpper(c), salt, document),
		"another kind of hash":  Opens("sha512:"+c[7:], salt, document),
	} {
		if opens {
			t.Errorf("opens with %s", name)
		}
	}
	if bytes.Equal(NewSalt(), NewSalt()) {
		t.Error("two salts are the same")
	}
}

// TestEntriesAndLeavesAreOneToOne: what one writes the other reads, and nothing
// else.
func TestEntriesAndLeavesAreOneToOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := Leaf{
			V: 1, Event: rapid.StringMatching(`[a-z][a-z0-9.-]{0,39}`).Draw(t, "event"),
			At:         rapid.SampledFrom([]string{"2026-11-24", "2026-11-24T08:00:00Z"}).Draw(t, "at"),
			Commitment: Commit(nil, []byte(rapid.String().Draw(t, "document"))),
		}
		entry, err := l.Entry()
		if err != nil {
			t.Fatal(err)
		}
		back, err := ParseLeaf(entry)
		if err != nil || back != l {
			t.Fatalf("read back %+v (%v)", back, err)
		}
		at := rapid.IntRange(0, len(entry)-1).Draw(t, "position")
		entry[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "flip"))
		if changed, err := ParseLeaf(entry); err == nil && changed == l {
			t.Fatalf("two entries of one leaf: %s", entry)
		}
	})
}

func FuzzParseLeaf(f *testing.F) {
	entry, err := leafFor(1).Entry()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(entry)
	f.Add([]byte(`{"v":1,"event":"a","at":"2026-11-24","commitment":"sha256:"}`))
	f.Fuzz(func(t *testing.T, entry []byte) {
		l, err := ParseLeaf(entry)
		if err != nil {
			return
		}
		again, err := l.Entry()
		if err != nil || !bytes.Equal(again, entry) {
			t.Errorf("%q is written %q (%v)", entry, again, err)
		}
	})
}
