// Package objectstest is the one suite both backends of package objects pass,
// and the way for other packages' tests to get stores.
package objectstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ipcredit/shared/objects"
)

// Run holds the stores that open returns, empty ones at each call, to every
// promise of objects.Store.
func Run(t *testing.T, open func(t *testing.T) *objects.Buckets) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, b *objects.Buckets)
	}{
		{"WhatIsPutIsRead", whatIsPutIsRead},
		{"PutReplaces", putReplaces},
		{"EveryByteAndSizeSurvives", everySizeSurvives},
		{"MissingIsNotFound", missingIsNotFound},
		{"CreateNeverReplaces", createNeverReplaces},
		{"OneOfManyCreatorsWins", oneCreatorWins},
		{"SwapReplacesOnlyTheVersionNamed", swapReplaces},
		{"CountersBySwapLoseNothing", swapCounts},
		{"RangesAreTheBytesAskedFor", ranges},
		{"ListIsInByteOrderAndResumes", list},
		{"ListCrossesPages", listPages},
		{"ListStopsWhenAsked", listStops},
		{"NamesKeepTheirCaseAndCharacters", names},
		{"BadNamesAreRefused", badNames},
		{"TooLargeIsRefused", tooLarge},
		{"LockedObjectStays", locked},
		{"LockIsNeverShortened", lockGrows},
		{"LockInThePastIsRefused", lockInThePast},
		{"KeysAreNeverLocked", keysNeverLocked},
		{"DeleteLeavesNoVersion", deleteLeavesNothing},
		{"DeletedNameCanBeCreatedAgain", createAfterDelete},
		{"EndedContextEndsTheCall", endedContext},
		{"ReadersNeverSeeAPart", readersSeeWhole},
		{"AgreesWithAModel", model},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func put(t testing.TB, s objects.Store, name, body string) objects.Info {
	t.Helper()
	info, err := s.Put(t.Context(), name, []byte(body), objects.Attr{})
	if err != nil {
		t.Fatalf("Put %q: %v", name, err)
	}
	return info
}

func want(t testing.TB, s objects.Store, name, body string) {
	t.Helper()
	got, info, err := s.Get(t.Context(), name)
	if err != nil {
		t.Fatalf("Get %q: %v", name, err)
	}
	if string(got) != body || info.Size != int64(len(body)) {
		t.Fatalf("Get %q = %d bytes %.40q, want %d bytes %.40q", name, len(got), got, len(body), body)
	}
}

func wantErr(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("error = %v, want %v", err, target)
	}
}

func keys(t testing.TB, s objects.Store, prefix, after string) []string {
	t.Helper()
	names := []string{}
	for info, err := range s.List(t.Context(), prefix, after) {
		if err != nil {
			t.Fatalf("List %q after %q: %v", prefix, after, err)
		}
		names = append(names, info.Name)
	}
	return names
}

func whatIsPutIsRead(t *testing.T, b *objects.Buckets) {
	for _, s := range []objects.Store{b.Main, b.Keys} {
		body := "文件内容\x00\xff"
		began := time.Now()
		written, err := s.Put(t.Context(), "a/b.txt", []byte(body), objects.Attr{Type: "text/plain"})
		if err != nil {
			t.Fatal(err)
		}
		want(t, s, "a/b.txt", body)
		stat, err := s.Stat(t.Context(), "a/b.txt")
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(body))
		for _, info := range []objects.Info{written, stat} {
			if info.Name != "a/b.txt" || info.Size != int64(len(body)) || info.Type != "text/plain" ||
				info.SHA256 != hex.EncodeToString(sum[:]) || info.ETag == "" || !info.RetainUntil.IsZero() {
				t.Errorf("info = %+v", info)
			}
			if d := info.Modified.Sub(began).Abs(); d > time.Minute || info.Modified.Location() != time.UTC {
				t.Errorf("modified %s, wrote at %s", info.Modified, began)
			}
		}
		if written.ETag != stat.ETag {
			t.Errorf("ETag %q when written, %q later", written.ETag, stat.ETag)
		}
		r, info, err := s.Open(t.Context(), "a/b.txt")
		if err != nil {
			t.Fatal(err)
		}
		streamed, err := io.ReadAll(r)
		if err != nil || string(streamed) != body || info.Size != int64(len(body)) {
			t.Errorf("streamed %q, %+v, %v", streamed, info, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		put(t, s, "untyped", "x")
		if stat, err := s.Stat(t.Context(), "untyped"); err != nil || stat.Type != "application/octet-stream" {
			t.Errorf("untyped: %+v, %v", stat, err)
		}
	}
}

func putReplaces(t *testing.T, b *objects.Buckets) {
	for _, s := range []objects.Store{b.Main, b.Keys} {
		first := put(t, s, "n", "one")
		second := put(t, s, "n", "two, longer")
		if first.ETag == second.ETag {
			t.Error("another content has the same ETag")
		}
		want(t, s, "n", "two, longer")
		put(t, s, "n", "")
		want(t, s, "n", "")
	}
}

func everySizeSurvives(t *testing.T, b *objects.Buckets) {
	block := make([]byte, objects.MaxSize)
	for i := range block {
		block[i] = byte(i*7 + i>>8)
	}
	for _, size := range []int{0, 1, 255, 4095, 4096, 65536, 1<<20 + 1, 5<<20 - 1, 8 << 20, objects.MaxSize} {
		name := fmt.Sprintf("size/%d", size)
		if _, err := b.Main.Create(t.Context(), name, block[:size], objects.Attr{}); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		got, _, err := b.Main.Get(t.Context(), name)
		if err != nil || !bytes.Equal(got, block[:size]) {
			t.Errorf("%d bytes: read %d, %v", size, len(got), err)
		}
	}
}

func missingIsNotFound(t *testing.T, b *objects.Buckets) {
	for _, s := range []objects.Store{b.Main, b.Keys} {
		for range 2 { // before the bucket exists, and after
			_, _, err := s.Get(t.Context(), "none")
			wantErr(t, err, objects.ErrNotFound)
			_, _, err = s.Open(t.Context(), "none")
			wantErr(t, err, objects.ErrNotFound)
			_, err = s.Range(t.Context(), "none", 0, 1)
			wantErr(t, err, objects.ErrNotFound)
			_, err = s.Stat(t.Context(), "none")
			wantErr(t, err, objects.ErrNotFound)
			if got := keys(t, s, "", ""); len(got) > 1 {
				t.Errorf("listed %q", got)
			}
			put(t, s, "some", "x")
		}
		if err := s.Delete(t.Context(), "none"); err != nil {
			t.Errorf("deleting what is not there: %v", err)
		}
	}
	wantErr(t, b.Main.Retain(t.Context(), "none", time.Now().Add(time.Hour)), objects.ErrNotFound)
}

func createNeverReplaces(t *testing.T, b *objects.Buckets) {
	for _, s := range []objects.Store{b.Main, b.Keys} {
		if _, err := s.Create(t.Context(), "n", []byte("first"), objects.Attr{}); err != nil {
			t.Fatal(err)
		}
		for _, body := range []string{"second", "first", ""} {
			_, err := s.Create(t.Context(), "n", []byte(body), objects.Attr{})
			wantErr(t, err, objects.ErrExists)
		}
		want(t, s, "n", "first")
		put(t, s, "empty", "")
		_, err := s.Create(t.Context(), "empty", []byte("x"), objects.Attr{})
		wantErr(t, err, objects.ErrExists)
	}
}

func oneCreatorWins(t *testing.T, b *objects.Buckets) {
	for round := range 8 {
		name := fmt.Sprintf("race/%d", round)
		var wins sync.Map
		var wg sync.WaitGroup
		begin := make(chan struct{})
		for i := range 16 {
			wg.Go(func() {
				<-begin
				body := fmt.Sprintf("creator %d", i)
				_, err := b.Main.Create(t.Context(), name, []byte(body), objects.Attr{})
				if err == nil {
					wins.Store(i, body)
				} else if !errors.Is(err, objects.ErrExists) {
					t.Errorf("creator %d: %v", i, err)
				}
			})
		}
		close(begin)
		wg.Wait()
		var winners []string
		wins.Range(func(_, body any) bool { winners = append(winners, body.(string)); return true })
		if len(winners) != 1 {
			t.Fatalf("%d creators won: %q", len(winners), winners)
		}
		want(t, b.Main, name, winners[0])
	}
}

func swapReplaces(t *testing.T, b *objects.Buckets) {
	for _, s := range []objects.Store{b.Main, b.Keys} {
		_, err := s.Swap(t.Context(), "n", []byte("x"), "0123456789abcdef0123456789abcdef", objects.Attr{})
		wantErr(t, err, objects.ErrChanged)
		first := put(t, s, "n", "one")
		second, err := s.Swap(t.Context(), "n", []byte("two"), first.ETag, objects.Attr{Type: "text/plain"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Swap(t.Context(), "n", []byte("late"), first.ETag, objects.Attr{})
		wantErr(t, err, objects.ErrChanged)
		want(t, s, "n", "two")
		if _, err := s.Swap(t.Context(), "n", []byte("three"), second.ETag, objects.Attr{}); err != nil {
			t.Fatal(err)
		}
		want(t, s, "n", "three")
	}
}

func swapCounts(t *testing.T, b *objects.Buckets) {
	put(t, b.Keys, "counter", strings.Repeat(".", 100))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				for {
					body, info, err := b.Keys.Get(t.Context(), "counter")
					if err != nil {
						t.Error(err)
						return
					}
					_, err = b.Keys.Swap(t.Context(), "counter", append(body, '.'), info.ETag, objects.Attr{})
					if err == nil {
						break
					}
					if !errors.Is(err, objects.ErrChanged) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	want(t, b.Keys, "counter", strings.Repeat(".", 140))
}

func ranges(t *testing.T, b *objects.Buckets) {
	const body = "0123456789"
	put(t, b.Main, "n", body)
	put(t, b.Main, "empty", "")
	for _, test := range []struct {
		name   string
		object string
		off, n int64
		want   string
		err    error
	}{
		{"first byte", "n", 0, 1, "0", nil},
		{"all", "n", 0, 10, body, nil},
		{"middle", "n", 3, 4, "3456", nil},
		{"last byte", "n", 9, 1, "9", nil},
		{"past the end is cut", "n", 8, 100, "89", nil},
		{"from the end", "n", 10, 1, "", objects.ErrRange},
		{"beyond the end", "n", 11, 1, "", objects.ErrRange},
		{"of nothing", "empty", 0, 1, "", objects.ErrRange},
		{"negative offset", "n", -1, 1, "", objects.ErrRange},
		{"no bytes", "n", 0, 0, "", objects.ErrRange},
		{"negative length", "n", 0, -1, "", objects.ErrRange},
		{"largest", "n", 0, objects.MaxSize, body, nil},
		{"larger than the largest", "n", 0, objects.MaxSize + 1, "", objects.ErrTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := b.Main.Range(t.Context(), test.object, test.off, test.n)
			if !errors.Is(err, test.err) || string(got) != test.want {
				t.Errorf("Range(%d, %d) = %q, %v; want %q, %v", test.off, test.n, got, err, test.want, test.err)
			}
		})
	}
}

func list(t *testing.T, b *objects.Buckets) {
	all := []string{"A", "B/x", "a-b", "a/0", "a/1", "a/10", "a/2/x", "a/2/y", "a/b", "a0", "b", "中/文", "中文"}
	if !slices.IsSorted(all) {
		t.Fatal("the example is not in byte order")
	}
	for _, i := range []int{7, 2, 12, 0, 9, 4, 1, 11, 3, 10, 5, 8, 6} {
		put(t, b.Main, all[i], all[i])
	}
	for _, prefix := range []string{"", "a", "a/", "a/1", "a/2/", "b", "中", "中/", "x", "a-b"} {
		for _, after := range append([]string{"", "a.", "a/2", "a/2/", "a/3", "zz", "龙"}, all...) {
			expect := []string{}
			for _, name := range all {
				if strings.HasPrefix(name, prefix) && name > after {
					expect = append(expect, name)
				}
			}
			if got := keys(t, b.Main, prefix, after); !slices.Equal(got, expect) {
				t.Errorf("List(%q, %q) = %q, want %q", prefix, after, got, expect)
			}
		}
	}
	for info, err := range b.Main.List(t.Context(), "a/1", "") {
		if err != nil || info.Size != int64(len(info.Name)) || info.ETag == "" || info.Modified.IsZero() {
			t.Errorf("listed %+v, %v", info, err)
		}
		stat, err := b.Main.Stat(t.Context(), info.Name)
		if err != nil || stat.ETag != info.ETag {
			t.Errorf("listed ETag %q, stat %q, %v", info.ETag, stat.ETag, err)
		}
	}
	for _, prefix := range []string{"/", "../", "a//", "\x00"} {
		for _, err := range b.Main.List(t.Context(), prefix, "") {
			wantErr(t, err, objects.ErrName)
		}
	}
}

func listPages(t *testing.T, b *objects.Buckets) {
	const n = 1100 // S3 answers 1,000 at a time
	var wg sync.WaitGroup
	next := make(chan int)
	for range 8 {
		wg.Go(func() {
			for i := range next {
				put(t, b.Keys, fmt.Sprintf("seg/%06d", i), "x")
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	got := keys(t, b.Keys, "seg/", "")
	if len(got) != n || !slices.IsSorted(got) {
		t.Fatalf("listed %d of %d, sorted: %v", len(got), n, slices.IsSorted(got))
	}
	if rest := keys(t, b.Keys, "seg/", got[1049]); !slices.Equal(rest, got[1050:]) {
		t.Errorf("resumed with %d, want %d", len(rest), n-1050)
	}
}

func listStops(t *testing.T, b *objects.Buckets) {
	for _, name := range []string{"a/1", "a/2", "b"} {
		put(t, b.Main, name, "")
	}
	for info, err := range b.Main.List(t.Context(), "", "") {
		if err != nil || info.Name != "a/1" {
			t.Fatalf("%+v, %v", info, err)
		}
		break
	}
}

func names(t *testing.T, b *objects.Buckets) {
	all := []string{
		"91410700MA3X5F2G1U", "91410700ma3x5f2g1u", "a b", "a+b", "a%2Fb", "a%b", "a&b=c?d#e", "~", "x.obj", "y.obj/z", "y",
		"file.", "con", "(1)*<>|\":;'", "企业/营业执照 (1).pdf", "é", "e\u0301", "😀", strings.Repeat("X", objects.MaxPart),
		strings.Repeat("目", objects.MaxPart/3), strings.Repeat("d/", 60) + "deep", "-", "_", "a..b", "...x"[3:],
	}
	seen := map[string]bool{}
	for _, name := range all {
		put(t, b.Main, name, name)
		seen[name] = true
	}
	for name := range seen {
		want(t, b.Main, name, name)
	}
	if got, expect := keys(t, b.Main, "", ""), slices.Sorted(maps.Keys(seen)); !slices.Equal(got, expect) {
		t.Errorf("listed %q\nwant   %q", got, expect)
	}
	for name := range seen {
		if err := b.Main.Delete(t.Context(), name); err != nil {
			t.Errorf("Delete %q: %v", name, err)
		}
	}
	if got := keys(t, b.Main, "", ""); len(got) > 0 {
		t.Errorf("left %q", got)
	}
}

func badNames(t *testing.T, b *objects.Buckets) {
	for _, name := range []string{
		"", "/", "/etc/passwd", "a/", "a//b", ".", "..", "../x", "a/../b", "a/./b", "a/..", ".hidden", "a/.hidden", ".probe/x",
		"a\x00b", "a\nb", "a\x7fb", `a\b`, `..\x`, "\xff", "a\u0085", strings.Repeat("x", objects.MaxPart+1), strings.Repeat("a/", 256) + "bc",
	} {
		t.Run(fmt.Sprintf("%.20q", name), func(t *testing.T) {
			ctx := t.Context()
			_, err := b.Main.Put(ctx, name, nil, objects.Attr{})
			wantErr(t, err, objects.ErrName)
			_, err = b.Main.Create(ctx, name, nil, objects.Attr{})
			wantErr(t, err, objects.ErrName)
			_, err = b.Main.Swap(ctx, name, nil, "x", objects.Attr{})
			wantErr(t, err, objects.ErrName)
			_, _, err = b.Main.Get(ctx, name)
			wantErr(t, err, objects.ErrName)
			_, _, err = b.Main.Open(ctx, name)
			wantErr(t, err, objects.ErrName)
			_, err = b.Main.Range(ctx, name, 0, 1)
			wantErr(t, err, objects.ErrName)
			_, err = b.Main.Stat(ctx, name)
			wantErr(t, err, objects.ErrName)
			wantErr(t, b.Main.Delete(ctx, name), objects.ErrName)
			wantErr(t, b.Main.Retain(ctx, name, time.Now().Add(time.Hour)), objects.ErrName)
		})
	}
}

func tooLarge(t *testing.T, b *objects.Buckets) {
	_, err := b.Main.Put(t.Context(), "n", make([]byte, objects.MaxSize+1), objects.Attr{})
	wantErr(t, err, objects.ErrTooLarge)
	_, err = b.Main.Stat(t.Context(), "n")
	wantErr(t, err, objects.ErrNotFound)
	for _, media := range []string{"text/plain\r\nX-Evil: 1", "文本", strings.Repeat("x", 300)} {
		if _, err := b.Main.Put(t.Context(), "n", nil, objects.Attr{Type: media}); err == nil {
			t.Errorf("media type %.20q accepted", media)
		}
	}
}

func endedContext(t *testing.T, b *objects.Buckets) {
	put(t, b.Main, "n", "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := b.Main
	_, err := s.Put(ctx, "m", nil, objects.Attr{})
	wantErr(t, err, context.Canceled)
	_, err = s.Create(ctx, "m", nil, objects.Attr{})
	wantErr(t, err, context.Canceled)
	_, err = s.Swap(ctx, "n", nil, "x", objects.Attr{})
	wantErr(t, err, context.Canceled)
	_, _, err = s.Get(ctx, "n")
	wantErr(t, err, context.Canceled)
	_, _, err = s.Open(ctx, "n")
	wantErr(t, err, context.Canceled)
	_, err = s.Range(ctx, "n", 0, 1)
	wantErr(t, err, context.Canceled)
	_, err = s.Stat(ctx, "n")
	wantErr(t, err, context.Canceled)
	wantErr(t, s.Delete(ctx, "n"), context.Canceled)
	wantErr(t, s.Retain(ctx, "n", time.Now().Add(time.Hour)), context.Canceled)
	failed := false
	for _, err := range s.List(ctx, "", "") {
		wantErr(t, err, context.Canceled)
		failed = true
	}
	if !failed {
		t.Error("List ended as if there were nothing")
	}
	want(t, s, "n", "x")
	_, err = s.Stat(t.Context(), "m")
	wantErr(t, err, objects.ErrNotFound)
}

func readersSeeWhole(t *testing.T, b *objects.Buckets) {
	bodies := map[string]bool{}
	for i := range 4 {
		bodies[strings.Repeat(string(rune('a'+i)), 100_000*(i+1))] = true
	}
	put(t, b.Keys, "n", strings.Repeat("a", 100_000))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				got, _, err := b.Keys.Get(t.Context(), "n")
				if err != nil || !bodies[string(got)] {
					t.Errorf("read %d bytes that nobody wrote, %v", len(got), err)
					return
				}
			}
		})
	}
	for range 5 {
		for body := range bodies {
			put(t, b.Keys, "n", body)
		}
	}
	close(done)
	readers.Wait()
}
