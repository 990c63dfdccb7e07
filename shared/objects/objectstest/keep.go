package objectstest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"ipcredit/shared/objects"
)

func locked(t *testing.T, b *objects.Buckets) {
	until := time.Now().Add(time.Hour + time.Millisecond)
	info, err := b.Main.Create(t.Context(), "evidence", []byte("original"), objects.Attr{RetainUntil: until})
	if err != nil {
		t.Fatal(err)
	}
	check := func(info objects.Info) {
		t.Helper()
		if d := info.RetainUntil.Sub(until); d < 0 || d >= time.Second {
			t.Errorf("locked until %s, asked for %s", info.RetainUntil, until)
		}
	}
	check(info)
	stat, err := b.Main.Stat(t.Context(), "evidence")
	if err != nil {
		t.Fatal(err)
	}
	check(stat)
	_, err = b.Main.Put(t.Context(), "evidence", []byte("forged"), objects.Attr{})
	wantErr(t, err, objects.ErrRetained)
	_, err = b.Main.Swap(t.Context(), "evidence", []byte("forged"), info.ETag, objects.Attr{})
	wantErr(t, err, objects.ErrRetained)
	_, err = b.Main.Create(t.Context(), "evidence", []byte("forged"), objects.Attr{})
	wantErr(t, err, objects.ErrExists)
	wantErr(t, b.Main.Delete(t.Context(), "evidence"), objects.ErrRetained)
	want(t, b.Main, "evidence", "original")
}

func lockGrows(t *testing.T, b *objects.Buckets) {
	put(t, b.Main, "n", "body")
	hour, day := time.Now().Add(time.Hour), time.Now().Add(24*time.Hour)
	for _, step := range []struct{ ask, expect time.Time }{{hour, hour}, {day, day}, {hour, day}} {
		if err := b.Main.Retain(t.Context(), "n", step.ask); err != nil {
			t.Fatal(err)
		}
		stat, err := b.Main.Stat(t.Context(), "n")
		if err != nil {
			t.Fatal(err)
		}
		if d := stat.RetainUntil.Sub(step.expect); d < 0 || d >= time.Second {
			t.Errorf("locked until %s, want %s", stat.RetainUntil, step.expect)
		}
	}
	wantErr(t, b.Main.Delete(t.Context(), "n"), objects.ErrRetained)
	want(t, b.Main, "n", "body")
}

func lockInThePast(t *testing.T, b *objects.Buckets) {
	_, err := b.Main.Create(t.Context(), "n", nil, objects.Attr{RetainUntil: time.Now().Add(-time.Second)})
	if err == nil {
		t.Error("a lock that is already over was accepted")
	}
	_, err = b.Main.Stat(t.Context(), "n")
	wantErr(t, err, objects.ErrNotFound)
}

func keysNeverLocked(t *testing.T, b *objects.Buckets) {
	until := time.Now().Add(time.Hour)
	_, err := b.Keys.Create(t.Context(), "k", nil, objects.Attr{RetainUntil: until})
	wantErr(t, err, objects.ErrUnsupported)
	put(t, b.Keys, "k", "x")
	wantErr(t, b.Keys.Retain(t.Context(), "k", until), objects.ErrUnsupported)
	if err := b.Keys.Delete(t.Context(), "k"); err != nil {
		t.Error(err)
	}
}

func deleteLeavesNothing(t *testing.T, b *objects.Buckets) {
	for _, s := range []objects.Store{b.Main, b.Keys} {
		for i := range 3 {
			put(t, s, "n", fmt.Sprint(i))
			put(t, s, "n2", fmt.Sprint(i))
		}
		for range 2 {
			if err := s.Delete(t.Context(), "n"); err != nil {
				t.Fatal(err)
			}
			_, _, err := s.Get(t.Context(), "n")
			wantErr(t, err, objects.ErrNotFound)
		}
		want(t, s, "n2", "2")
		if got := keys(t, s, "", ""); !slices.Equal(got, []string{"n2"}) {
			t.Errorf("listed %q", got)
		}
	}
}

func createAfterDelete(t *testing.T, b *objects.Buckets) {
	for _, s := range []objects.Store{b.Main, b.Keys} {
		put(t, s, "n", "one")
		if err := s.Delete(t.Context(), "n"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Create(t.Context(), "n", []byte("two"), objects.Attr{}); err != nil {
			t.Fatal(err)
		}
		want(t, s, "n", "two")
	}
}
