package objects_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
)

// childDir makes the test binary a writer that somebody will kill.
const childDir = "OBJECTS_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := writeForEver(dir, os.Getenv("OBJECTS_TEST_CHILD_FROM")); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// body is what object i must hold: long enough to be killed in the middle of.
func body(i int) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("%08d", i)), 40_000)
}

func writeForEver(dir, from string) error {
	b, err := objects.Open(objects.Config{Dir: dir})
	if err != nil {
		return err
	}
	i, err := strconv.Atoi(from)
	if err != nil {
		return err
	}
	for ; ; i++ {
		if _, err := b.Main.Create(context.Background(), fmt.Sprintf("n/%08d", i), body(i), objects.Attr{}); err != nil {
			return err
		}
		if _, err := b.Main.Put(context.Background(), "head", body(i), objects.Attr{}); err != nil {
			return err
		}
		// Standard output is not buffered: what the parent reads is acknowledged.
		fmt.Println(i)
	}
}

func TestKilledWriterLeavesEveryAcknowledgedObjectAndNoHalfOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acknowledged := -1
	for round := range 8 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childDir+"="+dir, fmt.Sprintf("OBJECTS_TEST_CHILD_FROM=%d", round*1000))
		var said strings.Builder
		child.Stderr = &said
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		first := round * 1000
		for n := 0; n <= round && lines.Scan(); n++ {
			if acknowledged, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatalf("the writer ended by itself: %v, %s", err, said.String())
		}
		for lines.Scan() { // acknowledged before the kill reached it
			if acknowledged, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
		}
		_ = child.Wait()

		b, err := objects.Open(objects.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		for i := first; i <= acknowledged; i++ {
			got, _, err := b.Main.Get(t.Context(), fmt.Sprintf("n/%08d", i))
			if err != nil || !bytes.Equal(got, body(i)) {
				t.Fatalf("round %d: acknowledged object %d: %d bytes, %v", round, i, len(got), err)
			}
		}
		for info, err := range b.Main.List(t.Context(), "", "") {
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := b.Main.Get(t.Context(), info.Name); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
		head, _, err := b.Main.Get(t.Context(), "head")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := strconv.Atoi(string(head[:8])); err != nil || n < acknowledged || !bytes.Equal(head, body(n)) {
			t.Fatalf("round %d: the head is of %d, acknowledged %d, %v", round, n, acknowledged, err)
		}
	}
}

func TestProcessesSharingADirectoryDoNotBothCreate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// Four stores on one directory are four processes to the file locks.
	wins := make(chan int, 64)
	begin := make(chan struct{})
	errs := make(chan error, 64)
	for range 4 {
		b, err := objects.Open(objects.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			<-begin
			for i := range 16 {
				_, err := b.Main.Create(context.Background(), fmt.Sprintf("n%d", i), nil, objects.Attr{})
				if err == nil {
					wins <- i
				} else if !errors.Is(err, objects.ErrExists) {
					errs <- err
				}
			}
			errs <- nil
		}()
	}
	close(begin)
	for range 4 {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	if len(wins) != 16 {
		t.Errorf("%d creators won 16 names", len(wins))
	}
}

func BenchmarkStore(b *testing.B) {
	for _, backend := range []struct {
		name string
		open func(testing.TB) *objects.Buckets
	}{{"directory", objectstest.Directory}, {"minio", objectstest.Real}} {
		b.Run(backend.name, func(b *testing.B) {
			s := backend.open(b)
			for _, size := range []int{64 << 10, 8 << 20} {
				body := make([]byte, size)
				b.Run(fmt.Sprintf("Create/%dKiB", size>>10), func(b *testing.B) {
					b.SetBytes(int64(size))
					b.ReportAllocs()
					for b.Loop() {
						if _, err := s.Main.Create(b.Context(), "c/"+rand.Text(), body, objects.Attr{}); err != nil {
							b.Fatal(err)
						}
					}
				})
				b.Run(fmt.Sprintf("Put/%dKiB", size>>10), func(b *testing.B) {
					b.SetBytes(int64(size))
					b.ReportAllocs()
					for b.Loop() {
						if _, err := s.Keys.Put(b.Context(), fmt.Sprintf("p/%d", size), body, objects.Attr{}); err != nil {
							b.Fatal(err)
						}
					}
				})
				b.Run(fmt.Sprintf("Get/%dKiB", size>>10), func(b *testing.B) {
					b.SetBytes(int64(size))
					b.ReportAllocs()
					for b.Loop() {
						if _, _, err := s.Keys.Get(b.Context(), fmt.Sprintf("p/%d", size)); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}
