package objectstest

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ipcredit/shared/objects"
)

// Each runs body as the subtests "directory" and "minio", each on two empty
// stores of its own. The second is skipped where minio is not on PATH, and fails
// there when REQUIRE_REAL is set.
func Each(t *testing.T, body func(t *testing.T, b *objects.Buckets)) {
	t.Helper()
	t.Run("directory", func(t *testing.T) { body(t, Directory(t)) })
	t.Run("minio", func(t *testing.T) { body(t, Real(t)) })
}

// Directory returns two empty stores in a directory that ends with the test.
func Directory(tb testing.TB) *objects.Buckets {
	tb.Helper()
	return open(tb, objects.Config{Dir: filepath.Join(tb.TempDir(), "objects")})
}

// Real returns two empty buckets of a real server.
func Real(tb testing.TB) *objects.Buckets {
	tb.Helper()
	return open(tb, MinIO(tb))
}

func open(tb testing.TB, c objects.Config) *objects.Buckets {
	tb.Helper()
	b, err := objects.Open(c)
	if err != nil {
		tb.Fatalf("objectstest: %v", err)
	}
	return b
}

// MinIO returns the settings of two buckets, not yet made and nobody else's, on
// a minio child process. The test binary's tests share the process; it ends
// when the last of them does, or when the test binary dies.
func MinIO(tb testing.TB) objects.Config {
	tb.Helper()
	path, err := exec.LookPath("minio")
	if err != nil {
		if os.Getenv("REQUIRE_REAL") != "" {
			tb.Fatal("objectstest: minio is not on PATH and REQUIRE_REAL is set")
		}
		tb.Skip("minio is not on PATH")
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.users == 0 {
		s, err := start(path)
		if err != nil {
			tb.Fatalf("objectstest: %v", err)
		}
		shared.server = s
	}
	shared.users++
	tb.Cleanup(func() {
		shared.Lock()
		defer shared.Unlock()
		if shared.users--; shared.users == 0 {
			shared.server.stop()
			shared.server = nil
		}
	})
	return objects.Config{
		URL: shared.server.url, AccessKey: shared.server.user, SecretKey: shared.server.password,
		Prefix: "t-" + strings.ToLower(rand.Text()), PathStyle: true, Create: true,
	}
}

var shared struct {
	sync.Mutex
	users  int
	server *server
}

type server struct {
	url, user, password string
	dir                 string
	cmd                 *exec.Cmd
	stdin               io.Closer
	ended               chan struct{}
}

// wrapper runs its arguments and ends them when standard input closes, which
// the system does even when the test binary is killed.
const wrapper = `"$@" & child=$!; read -r _; kill "$child"; wait "$child"`

// start runs the server at path on a free port, in a directory of its own.
func start(path string) (*server, error) {
	var err error
	for range 3 { // somebody else may take the free port first
		var s *server
		if s, err = startOnce(path); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func startOnce(path string) (*server, error) {
	dir, err := os.MkdirTemp("", "objectstest")
	if err != nil {
		return nil, err
	}
	s := &server{user: rand.Text(), password: rand.Text(), dir: dir, ended: make(chan struct{})}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	console, err := freeAddr()
	if err != nil {
		return nil, err
	}
	s.url = "http://" + addr
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	s.cmd = exec.Command("/bin/sh", "-c", wrapper, "sh", path, "server", "--quiet", "--address", addr, "--console-address", console, filepath.Join(dir, "data"))
	s.cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+s.user, "MINIO_ROOT_PASSWORD="+s.password,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=1", "HOME="+dir)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { _ = s.cmd.Wait(); close(s.ended) }()
	if err := s.awaitReady(); err != nil {
		said, _ := os.ReadFile(log.Name())
		s.stop()
		return nil, fmt.Errorf("%w; it said: %s", err, said)
	}
	return s, nil
}

func (s *server) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/minio/health/ready", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-s.ended:
			return fmt.Errorf("minio ended at once")
		case <-ctx.Done():
			return fmt.Errorf("minio did not become ready")
		}
	}
}

// stop ends the server, through the wrapper, and removes its data.
func (s *server) stop() {
	_ = s.stdin.Close()
	<-s.ended
	_ = os.RemoveAll(s.dir)
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("no free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}
