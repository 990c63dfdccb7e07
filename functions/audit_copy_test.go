package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ipcredit/shared/notary"
)

// TestACopyIsAuditedLikeTheLog: anybody can keep the files of the log and show
// them, and whoever audits them finds what he would find at the log itself.
func TestACopyIsAuditedLikeTheLog(t *testing.T) {
	t.Parallel()
	o := newNotaryOffice(t, notary.Disclosure)
	s := show(t, o)
	dir := filepath.Join(t.TempDir(), "copy")
	a := auditing(t)
	a.copyTo = dir
	sizes := []int{3, 300, 300, 520}
	had := 0
	for _, size := range sizes {
		o.fill(had, size)
		had = size
		if err := a.public(t.Context(), at(t, s.url)); err != nil {
			t.Fatal(err)
		}
	}
	var files []string
	for _, f := range filesBelow(t, dir) {
		rel, err := filepath.Rel(dir, f)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, filepath.ToSlash(rel))
	}
	slices.Sort(files)
	want := []string{
		"checkpoint", "checkpoints/000000000003", "checkpoints/000000000300", "checkpoints/000000000520", "log/key",
		"tile/0/000", "tile/0/001", "tile/0/002.p/8", "tile/1/000.p/2", "tile/entries/000", "tile/entries/001", "tile/entries/002.p/8",
	}
	if !slices.Equal(files, want) {
		t.Errorf("the copy is %q", files)
	}

	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	for _, address := range []string{dir, server.URL, server.URL + "/"} {
		if err := auditing(t).public(t.Context(), at(t, address)); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	// Each checkpoint in it is evidence that anybody can hold against the log.
	for _, name := range want[1:4] {
		note, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		v, err := notary.ParsePublic(o.key.Public())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := notary.Audit(t.Context(), rewritten(t, o, 530, 1), v, [][]byte{note}, nil); err == nil {
			t.Errorf("%s does not find the altered log", name)
		}
	}
	// What is altered in the copy is found there.
	for _, name := range []string{"checkpoint", "tile/0/001", "tile/entries/000", "tile/entries/002.p/8", "tile/1/000.p/2"} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		bent := slices.Clone(whole)
		bent[len(bent)/2] ^= 1
		for _, data := range [][]byte{bent, whole[:len(whole)-1], nil} {
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if c := code(t, auditing(t).public(t.Context(), at(t, server.URL))); c != exitFailed {
				t.Errorf("%s altered: exit %d", name, c)
			}
		}
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestThreat_AnAlteredLogDoesNotReachTheCopy: whoever keeps a copy keeps what he
// was shown, and needs no other memory to find that the log contradicts it.
func TestThreat_AnAlteredLogDoesNotReachTheCopy(t *testing.T) {
	t.Parallel()
	o := newNotaryOffice(t, notary.Disclosure)
	o.fill(0, 300)
	s := show(t, o)
	dir := t.TempDir()
	copying := func() error {
		a := auditing(t)
		a.copyTo = dir
		return a.public(t.Context(), at(t, s.url))
	}
	if err := copying(); err != nil {
		t.Fatal(err)
	}
	stands := func() string {
		var all strings.Builder
		for _, f := range filesBelow(t, dir) {
			if strings.Contains(f, unproved) {
				continue
			}
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all.WriteString(f + "\n" + string(data) + "\n")
		}
		return all.String()
	}
	before := stands()
	for name, log := range map[string]*notary.Log{"altered and longer": rewritten(t, o, 400, 42), "cut short": rewritten(t, o, 200, 199)} {
		s.log.Store(log)
		if c := code(t, copying()); c != exitFailed {
			t.Errorf("%s: exit %d", name, c)
		}
		if stands() != before {
			t.Errorf("%s: the copy has changed", name)
		}
	}
	// What was read of it does not come in with what is sound later.
	s.log.Store(o.log)
	o.fill(300, 310)
	if err := copying(); err != nil {
		t.Fatal(err)
	}
	if err := auditing(t).public(t.Context(), at(t, dir)); err != nil {
		t.Error(err)
	}
	other := newNotaryOffice(t, notary.Intake)
	other.fill(0, 3)
	s = show(t, other)
	if c := code(t, copying()); c != exitUsage {
		t.Errorf("another log in the same folder: exit %d", c)
	}
}
