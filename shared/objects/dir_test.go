package objects

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func testDir(t testing.TB) *dir {
	t.Helper()
	d, err := newDir(filepath.Join(t.TempDir(), "store"), false)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDirectoryLockEndsWhenItSaid(t *testing.T) {
	t.Parallel()
	d := testDir(t)
	until := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	d.now = func() time.Time { return until.Add(-time.Hour) }
	if _, err := d.Create(t.Context(), "n", []byte("x"), Attr{RetainUntil: until}); err != nil {
		t.Fatal(err)
	}
	d.now = func() time.Time { return until.Add(-time.Nanosecond) }
	if err := d.Delete(t.Context(), "n"); !errors.Is(err, ErrRetained) {
		t.Errorf("a moment before: %v", err)
	}
	d.now = func() time.Time { return until }
	if err := d.Delete(t.Context(), "n"); err != nil {
		t.Errorf("on time: %v", err)
	}
}

func TestDirectoryLockSurvivesReopening(t *testing.T) {
	t.Parallel()
	d := testDir(t)
	if _, err := d.Create(t.Context(), "n", []byte("x"), Attr{RetainUntil: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	again, err := newDir(d.root, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Delete(t.Context(), "n"); !errors.Is(err, ErrRetained) {
		t.Errorf("deleting: %v", err)
	}
}

func TestAlteredFileIsCorrupt(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		damage func([]byte) []byte
	}{
		{"last byte flipped", func(f []byte) []byte { f[len(f)-1] ^= 1; return f }},
		{"first body byte flipped", func(f []byte) []byte { f[slices.Index(f, '\n')+1] ^= 0x80; return f }},
		{"cut short", func(f []byte) []byte { return f[:len(f)-1] }},
		{"cut to its head", func(f []byte) []byte { return f[:slices.Index(f, '\n')+1] }},
		{"cut inside its head", func(f []byte) []byte { return f[:10] }},
		{"empty", func(f []byte) []byte { return nil }},
		{"grown", func(f []byte) []byte { return append(f, 'x') }},
		{"head is no JSON", func(f []byte) []byte { f[0] = 'x'; return f }},
		{"a later version", func(f []byte) []byte { return []byte(strings.Replace(string(f), `"v":1`, `"v":2`, 1)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := testDir(t)
			if _, err := d.Put(t.Context(), "n", []byte("the body"), Attr{}); err != nil {
				t.Fatal(err)
			}
			file, err := os.ReadFile(d.path("n"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(d.path("n"), test.damage(file), 0o600); err != nil {
				t.Fatal(err)
			}
			if body, _, err := d.Get(t.Context(), "n"); !errors.Is(err, ErrCorrupt) {
				t.Errorf("Get = %q, %v", body, err)
			}
			r, _, err := d.Open(t.Context(), "n")
			if err == nil {
				_, err = io.ReadAll(r)
				_ = r.Close()
			}
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("streamed: %v", err)
			}
			if err := d.Delete(t.Context(), "n"); err != nil {
				t.Errorf("a damaged object cannot be deleted: %v", err)
			}
		})
	}
}

func TestLeftoversOfKilledWritersAreSweptOnceOld(t *testing.T) {
	t.Parallel()
	d := testDir(t)
	for _, name := range []string{"old", "young"} {
		if err := os.WriteFile(filepath.Join(d.temp(), name), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-2 * staleTemp)
	if err := os.Chtimes(filepath.Join(d.temp(), "old"), past, past); err != nil {
		t.Fatal(err)
	}
	again, err := newDir(d.root, false)
	if err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(again.temp())
	if err != nil || len(left) != 1 || left[0].Name() != "young" {
		t.Errorf("left %v, %v", left, err)
	}
}

func TestStrangeFilesAreNotObjects(t *testing.T) {
	t.Parallel()
	d := testDir(t)
	for _, name := range []string{"README", "Upper.obj", "bad%.obj", "bad%zz.obj", "%2e%2e.obj", ".obj", "~.obj~"} {
		if err := os.WriteFile(filepath.Join(d.root, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(d.root, "x.obj"), 0o700); err != nil {
		t.Fatal(err)
	}
	for info, err := range d.List(t.Context(), "", "") {
		t.Errorf("listed %+v, %v", info, err)
	}
}

func TestEscapedNamesAreDistinctFilesOnACaselessFileSystem(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.StringMatching(`[ -.0-~é中\x{1F600}]{1,20}(/[ -.0-~中]{1,20})?`)
		a, b := name.Draw(rt, "a"), name.Draw(rt, "b")
		if CheckName(a) != nil || CheckName(b) != nil {
			rt.Skip("no name")
		}
		d := &dir{root: "/r"}
		pa, pb := d.path(a), d.path(b)
		if (a == b) != (strings.EqualFold(pa, pb)) {
			rt.Fatalf("%q is %s, %q is %s", a, pa, b, pb)
		}
		if filepath.Clean(pa) != pa || !strings.HasPrefix(pa, "/r/") {
			rt.Fatalf("%q leaves the directory: %s", a, pa)
		}
		for part := range strings.SplitSeq(a, "/") {
			if got, ok := unescape(escape(part)); !ok || got != part {
				rt.Fatalf("%q became %q", part, got)
			}
			if len(escape(part)) > 240 {
				rt.Fatalf("%q is too long for a file name", escape(part))
			}
		}
	})
}

func FuzzCheckName(f *testing.F) {
	for _, s := range []string{"a/b", "..", "a/../b", "/x", "a\x00", "中", "A.obj/x", `a\b`, "a//b", ".probe/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckName(name) != nil {
			return
		}
		path := (&dir{root: "/r"}).path(name)
		if filepath.Clean(path) != path || !strings.HasPrefix(path, "/r/") || strings.ContainsAny(path, "\x00\\") || strings.Contains(path, "/.") {
			t.Errorf("%q is kept at %q", name, path)
		}
		base, _ := strings.CutSuffix(filepath.Base(path), suffix)
		if part, ok := unescape(base); !ok || !strings.HasSuffix(name, part) {
			t.Errorf("%q comes back as %q", name, part)
		}
	})
}
