package function

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/evidence/custody"
)

// eicar is the test file of eicar.org in two halves, so that this one is not
// taken for it.
var eicar = []byte(`X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-` + `STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`)

// clamdLike speaks clamd's protocol: it reads INSTREAM, gives up after limit
// bytes, and answers what say says of the rest.
func clamdLike(t *testing.T, limit int, say func(data []byte) string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				command := make([]byte, len("zINSTREAM\x00"))
				if _, err := io.ReadFull(c, command); err != nil || string(command) != "zINSTREAM\x00" {
					_, _ = io.WriteString(c, "UNKNOWN COMMAND\x00")
					return
				}
				var data []byte
				for {
					var head [4]byte
					if _, err := io.ReadFull(c, head[:]); err != nil {
						return
					}
					n := binary.BigEndian.Uint32(head[:])
					if n == 0 {
						break
					}
					if len(data)+int(n) > limit {
						_, _ = io.WriteString(c, "INSTREAM size limit exceeded. ERROR\x00")
						return
					}
					part := make([]byte, n)
					if _, err := io.ReadFull(c, part); err != nil {
						return
					}
					data = append(data, part...)
				}
				_, _ = io.WriteString(c, say(data)+"\x00")
			}()
		}
	}()
	return l.Addr().String()
}

func TestScannerSpeaksClamd(t *testing.T) {
	t.Parallel()
	honest := func(data []byte) string {
		if bytes.Contains(data, eicar) {
			return "stream: Eicar-Test-Signature FOUND"
		}
		return "stream: OK"
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	for _, tt := range []struct {
		name    string
		address string
		data    []byte
		want    custody.Scan
	}{
		{"nothing wrong", clamdLike(t, 1<<24, honest), make([]byte, 3<<20), custody.Scan{Asked: true, Whole: true}},
		{"nothing at all", clamdLike(t, 1<<24, honest), nil, custody.Scan{Asked: true, Whole: true}},
		{"EICAR", clamdLike(t, 1<<24, honest), append(make([]byte, 2<<20), eicar...), custody.Scan{Asked: true, Whole: true, Virus: "Eicar-Test-Signature"}},
		{"too long", clamdLike(t, 1<<20, honest), make([]byte, 20<<20), custody.Scan{Asked: true, Why: custody.WhyTooLong}},
		{"another answer", clamdLike(t, 1<<24, func([]byte) string { return "stream: Can't allocate memory ERROR" }), []byte("x"), custody.Scan{Asked: true, Why: custody.WhyAway}},
		{"no answer", closed.Addr().String(), []byte("x"), custody.Scan{Asked: true, Why: custody.WhyAway}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := newScanner(tt.address)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.scan(t.Context(), func(w io.Writer) error {
				n, err := w.Write(tt.data)
				if n != len(tt.data) {
					t.Errorf("%d of %d bytes taken", n, len(tt.data))
				}
				return err
			})
			// A refusal sent while we still write may be lost with the connection.
			if err != nil || got != tt.want && !(tt.name == "too long" && got.Why == custody.WhyAway) {
				t.Errorf("%+v %v, want %+v", got, err, tt.want)
			}
		})
	}
	broken := errors.New("broken")
	s, _ := newScanner(clamdLike(t, 1<<20, honest))
	if _, err := s.scan(t.Context(), func(io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("the file's own failure is %v", err)
	}
	for _, bad := range []string{"nowhere", "tcp://nowhere"} {
		if _, err := newScanner(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// realClamd starts the machine's clamd with a data base of one signature.
func realClamd(t *testing.T) string {
	t.Helper()
	program, err := exec.LookPath("clamd")
	if err != nil {
		t.Skip("no clamd")
	}
	dir := t.TempDir()
	db := filepath.Join(dir, "db")
	if err := os.Mkdir(db, 0o755); err != nil {
		t.Fatal(err)
	}
	// MD5, length and name of the EICAR file.
	if err := os.WriteFile(filepath.Join(db, "eicar.hdb"), []byte("44d88612fea8a8f36de82e1278abb02f:68:Test.Eicar\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "clamd.sock")
	conf := filepath.Join(dir, "clamd.conf")
	text := fmt.Sprintf("DatabaseDirectory %s\nLocalSocket %s\nForeground yes\nStreamMaxLength 8M\nTemporaryDirectory %s\n", db, socket, dir)
	if os.Getuid() == 0 {
		text += "User root\n"
	}
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "-c", conf)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		cancel()
		t.Skipf("clamd does not start: %v", err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		if c, err := net.Dial("unix", socket); err == nil {
			_ = c.Close()
			return "unix://" + socket
		}
		select {
		case <-ended:
			t.Skipf("clamd does not run here: %s", strings.TrimSpace(log.String()))
		case <-t.Context().Done():
			t.Fatal("clamd never answered")
		case <-again.C:
		}
	}
}

func TestRealClamdFindsEICAR(t *testing.T) {
	s, err := newScanner(realClamd(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		data []byte
		want custody.Scan
	}{
		{"nothing wrong", []byte("plain words"), custody.Scan{Asked: true, Whole: true}},
		{"EICAR", eicar, custody.Scan{Asked: true, Whole: true, Virus: "Test.Eicar"}},
		{"long", make([]byte, 5<<20), custody.Scan{Asked: true, Whole: true}},
	} {
		got, err := s.scan(t.Context(), func(w io.Writer) error {
			_, err := w.Write(tt.data)
			return err
		})
		got.Virus = strings.TrimSuffix(got.Virus, ".UNOFFICIAL")
		if err != nil || got != tt.want {
			t.Errorf("%s: %+v %v, want %+v", tt.name, got, err, tt.want)
		}
	}
	got, err := s.scan(t.Context(), func(w io.Writer) error {
		_, err := w.Write(make([]byte, 30<<20))
		return err
	})
	if err != nil || got.Whole || got.Virus != "" {
		t.Errorf("too long: %+v %v", got, err)
	}
}
