package notary

import (
	"bytes"
	"strings"
	"testing"

	"ipcredit/shared/objects/objectstest"
	"ipcredit/shared/redistest"
)

// someProof is the proof of entry 77 in a log of 300.
func someProof(t testing.TB) (*world, Proof) {
	t.Helper()
	w := newWorld(t, redistest.Embedded(t), objectstest.Directory(t).Main)
	w.queue(0, 300)
	w.sequence(w.open())
	data, err := w.open().Proof(t.Context(), 77)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ParseProof(data)
	if err != nil {
		t.Fatal(err)
	}
	if again := p.Format(); !bytes.Equal(again, data) {
		t.Errorf("written again:\n%s\nfirst:\n%s", again, data)
	}
	return w, p
}

// TestProofIsWrittenAsC2SPHasIt: header, extra, index, hashes, an empty line and
// the checkpoint as it is.
func TestProofIsWrittenAsC2SPHasIt(t *testing.T) {
	t.Parallel()
	p := Proof{Index: 5, Path: [][32]byte{{1}, {2}}, Checkpoint: []byte("example.com/log\n6\nroot\n\n— example.com/log sig\n")}
	const hashes = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nAgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	want := "c2sp.org/tlog-proof@v1\nindex 5\n" + hashes + "\nexample.com/log\n6\nroot\n\n— example.com/log sig\n"
	if got := string(p.Format()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	p.Extra, p.Path = []byte("extra"), nil
	want = "c2sp.org/tlog-proof@v1\nextra ZXh0cmE=\nindex 5\n\nexample.com/log\n6\nroot\n\n— example.com/log sig\n"
	if got := string(p.Format()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestParseProofRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	const hash = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	for name, text := range map[string]string{
		"nothing":              "",
		"another version":      "c2sp.org/tlog-proof@v2\nindex 0\n\nnote\n",
		"no index":             "c2sp.org/tlog-proof@v1\n" + hash + "\n\nnote\n",
		"an empty index":       "c2sp.org/tlog-proof@v1\nindex \n\nnote\n",
		"a leading zero":       "c2sp.org/tlog-proof@v1\nindex 01\n\nnote\n",
		"a sign":               "c2sp.org/tlog-proof@v1\nindex +1\n\nnote\n",
		"a negative index":     "c2sp.org/tlog-proof@v1\nindex -1\n\nnote\n",
		"an index too large":   "c2sp.org/tlog-proof@v1\nindex 9223372036854775808\n\nnote\n",
		"extra that is none":   "c2sp.org/tlog-proof@v1\nextra !!\nindex 0\n\nnote\n",
		"extra behind":         "c2sp.org/tlog-proof@v1\nindex 0\nextra AA==\n\nnote\n",
		"a short hash":         "c2sp.org/tlog-proof@v1\nindex 0\nAQ==\n\nnote\n",
		"a hash in hex":        "c2sp.org/tlog-proof@v1\nindex 0\n" + strings.Repeat("0", 64) + "\n\nnote\n",
		"a hash with slack":    "c2sp.org/tlog-proof@v1\nindex 0\nAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n\nnote\n",
		"Windows line ends":    "c2sp.org/tlog-proof@v1\r\nindex 0\r\n\r\nnote\r\n",
		"a return in a hash":   "c2sp.org/tlog-proof@v1\nindex 0\n" + hash + "\r\n\nnote\n",
		"no checkpoint":        "c2sp.org/tlog-proof@v1\nindex 0\n",
		"an empty checkpoint":  "c2sp.org/tlog-proof@v1\nindex 0\n\n",
		"64 hashes":            "c2sp.org/tlog-proof@v1\nindex 0\n" + strings.Repeat(hash+"\n", 64) + "\nnote\n",
		"a line before":        "\nc2sp.org/tlog-proof@v1\nindex 0\n\nnote\n",
		"a space in the index": "c2sp.org/tlog-proof@v1\nindex  0\n\nnote\n",
	} {
		if p, err := ParseProof([]byte(text)); err == nil {
			t.Errorf("%s: read as %+v", name, p)
		}
	}
}

// TestThreat_ProofHoldsForItsEntryIndexAndLogOnly.
func TestThreat_ProofHoldsForItsEntryIndexAndLogOnly(t *testing.T) {
	t.Parallel()
	w, good := someProof(t)
	v := w.key.verifier()
	entry := good.Extra
	c, err := good.Verify(entry, v)
	if err != nil || c.Size != 300 || c.Origin != w.key.Origin() {
		t.Fatalf("%+v (%v)", c, err)
	}
	another, err := leafFor(78).Entry()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		entry []byte
		bend  func(p *Proof)
		key   *Verifier
		want  error
	}{
		{"another entry", another, nil, v, ErrNotIncluded},
		{"an altered entry", bytes.Replace(entry, []byte("profile"), []byte("profilf"), 1), nil, v, ErrNotIncluded},
		{"another index", entry, func(p *Proof) { p.Index++ }, v, ErrNotIncluded},
		{"an index behind the tree", entry, func(p *Proof) { p.Index = 300 }, v, ErrNotIncluded},
		{"a hash less", entry, func(p *Proof) { p.Path = p.Path[1:] }, v, ErrNotIncluded},
		{"a hash more", entry, func(p *Proof) { p.Path = append(p.Path, [32]byte{}) }, v, ErrNotIncluded},
		{"an altered hash", entry, func(p *Proof) { p.Path[3][0] ^= 1 }, v, ErrNotIncluded},
		{"an altered checkpoint", entry, func(p *Proof) {
			p.Checkpoint = bytes.Replace(p.Checkpoint, []byte("\n300\n"), []byte("\n301\n"), 1)
		}, v, ErrSignature},
		{"no signature", entry, func(p *Proof) { p.Checkpoint, _, _ = bytes.Cut(p.Checkpoint, []byte("\n\n")) }, v, ErrSignature},
		{"the key of somebody else", entry, nil, newKey(t).verifier(), ErrSignature},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := ParseProof(good.Format())
			if err != nil {
				t.Fatal(err)
			}
			if tt.bend != nil {
				tt.bend(&p)
			}
			_, err = p.Verify(tt.entry, tt.key)
			mustBe(t, err, tt.want)
		})
	}
	// The extra data is nobody's word: the entry is what counts.
	p := good
	p.Extra = another
	if _, err := p.Verify(entry, v); err != nil {
		t.Errorf("other extra data: %v", err)
	}
}

func TestParseCheckpointRefusesWhatIsNone(t *testing.T) {
	t.Parallel()
	const root = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	for _, tt := range []struct {
		name, text string
		ok         bool
	}{
		{"three lines", "o\n5\n" + root + "\n", true},
		{"an extension line", "o\n5\n" + root + "\nmore\n", true},
		{"of the empty log", "o\n0\n" + root + "\n", true},
		{"two lines", "o\n5\n", false},
		{"no line end", "o\n5\n" + root, false},
		{"no origin", "\n5\n" + root + "\n", false},
		{"an empty line", "o\n5\n" + root + "\n\n", false},
		{"a leading zero", "o\n05\n" + root + "\n", false},
		{"a negative size", "o\n-5\n" + root + "\n", false},
		{"a short root", "o\n5\nAQ==\n", false},
	} {
		c, err := ParseCheckpoint(tt.text)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err == nil && !strings.HasPrefix(tt.text, c.Text()) {
			t.Errorf("%s: written again as %q", tt.name, c.Text())
		}
	}
}

func FuzzParseProof(f *testing.F) {
	_, p := someProof(f)
	f.Add(p.Format())
	f.Add([]byte("c2sp.org/tlog-proof@v1\nindex 0\n\nexample.com/log\n1\nroot\n\n— example.com/log sig\n"))
	v := newKey(f).verifier()
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseProof(data)
		if err != nil {
			return
		}
		if again := p.Format(); !bytes.Equal(again, data) && len(p.Extra) > 0 {
			t.Errorf("%q is written again as %q", data, again)
		}
		if _, err := p.Verify(p.Extra, v); err == nil {
			t.Error("a proof that nobody signed")
		}
	})
}

// FuzzParseCheckpoint: what is read is written again as it was, but for further
// lines; and a note that holds it passes with the log's signature only.
func FuzzParseCheckpoint(f *testing.F) {
	for _, seed := range []string{
		"example.com/log\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
		"example.com/log\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nmore\n",
		"example.com/log\n03\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", "", "\n\n\n",
	} {
		f.Add(seed)
	}
	v := newKey(f).verifier()
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCheckpoint(text)
		if err != nil {
			return
		}
		if c.Size < 0 || !strings.HasPrefix(text, c.Text()) {
			t.Errorf("%q is written again as %q", text, c.Text())
		}
		if _, err := v.Checkpoint([]byte(text + "\n— " + c.Origin + " AAAAAAAA\n")); err == nil {
			t.Error("a checkpoint that nobody signed")
		}
	})
}
