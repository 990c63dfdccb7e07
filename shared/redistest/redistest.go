// Package redistest runs a test's body on every Redis there is: the embedded
// server always, the real one when it is installed. A store that passes only on
// the embedded server has proved nothing about scripts, expiry or transactions.
package redistest

import (
	"bufio"
	"context"
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

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// Each runs body as the subtests "embedded" and "redis-server", each on an
// empty server of its own. The second is skipped where redis-server is not on
// PATH, and fails there when REQUIRE_REAL is set.
func Each(t *testing.T, body func(t *testing.T, rdb *redis.Client)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { body(t, Embedded(t)) })
	t.Run("redis-server", func(t *testing.T) { body(t, Real(t)) })
}

// Embedded returns a client of an empty in-process server that ends with the
// test.
func Embedded(tb testing.TB) *redis.Client {
	tb.Helper()
	server := miniredis.RunT(tb)
	return Client(tb, server.Addr(), "", "")
}

// Real returns a client of an empty redis-server child process that ends with
// the test.
func Real(tb testing.TB) *redis.Client {
	tb.Helper()
	return Durable(tb, tb.TempDir(), "--appendonly", "no")
}

// Durable is Real with its files in dir and extra settings, so that a later
// server can be started on the same data.
func Durable(tb testing.TB, dir string, settings ...string) *redis.Client {
	tb.Helper()
	return Client(tb, start(tb, dir, settings...), "", "")
}

// Guarded starts a redis-server child process with this list of users (see
// Redis's ACL files) and returns its address, for Client.
func Guarded(tb testing.TB, acl string) string {
	tb.Helper()
	dir := tb.TempDir()
	file := filepath.Join(dir, "users.acl")
	if err := os.WriteFile(file, []byte(acl), 0o600); err != nil {
		tb.Fatalf("redistest: %v", err)
	}
	return start(tb, dir, "--appendonly", "no", "--aclfile", file)
}

// Client returns a client that ends with the test; without a user it asks as
// nobody.
func Client(tb testing.TB, addr, user, password string) *redis.Client {
	rdb := redis.NewClient(&redis.Options{
		Addr: addr, Username: user, Password: password, Protocol: 2, DisableIdentity: true,
	})
	tb.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// wrapper runs its arguments, ends them when standard input closes, which the
// system does even when the test binary is killed, and ends when they do. A
// background command's standard input is nothing, hence the third descriptor.
const wrapper = `exec 3<&0
"$@" 3<&- & child=$!
(read -r _ <&3; kill "$child") >/dev/null 2>&1 &
wait "$child"`

// start runs a server that ends with the test and returns its address once it
// answers.
func start(tb testing.TB, dir string, settings ...string) string {
	tb.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("REQUIRE_REAL") != "" {
			tb.Fatal("redistest: redis-server is not on PATH and REQUIRE_REAL is set")
		}
		tb.Skip("redis-server is not on PATH")
	}
	for range 3 { // somebody else may take the free port first
		var addr string
		if addr, err = startOnce(tb, path, dir, settings); err == nil {
			return addr
		}
	}
	tb.Fatalf("redistest: redis-server did not start: %v", err)
	return ""
}

func startOnce(tb testing.TB, path, dir string, settings []string) (string, error) {
	addr, port, err := freePort()
	if err != nil {
		return "", err
	}
	args := append([]string{
		"-c", wrapper, "sh", path, "--bind", "127.0.0.1", "--port", port, "--dir", dir,
		"--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no",
	}, settings...)
	cmd := exec.Command("sh", args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the wrapper's status says nothing of the server's
		close(ended)
	}()
	stop := func() { stopWrapper(stdin, cmd, ended) }
	if err := answers(addr, ended); err != nil {
		stop()
		return "", fmt.Errorf("%w: %s", err, tail(out.String()))
	}
	tb.Cleanup(stop)
	return addr, nil
}

func stopWrapper(stdin io.Closer, cmd *exec.Cmd, ended <-chan struct{}) {
	_ = stdin.Close()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		_ = cmd.Process.Kill()
		<-ended
	}
}

// answers waits until the server takes commands, be it that it wants a password
// first.
func answers(addr string, ended <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		err := ping(ctx, addr)
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return errors.New("it ended")
		case <-ctx.Done():
			return err
		case <-again.C:
		}
	}
}

// ping speaks to the server without a client library, which would wait longer
// between its tries than a server needs to start.
func ping(ctx context.Context, addr string) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if limit, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(limit); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(conn, "PING\r\n"); err != nil {
		return err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.HasPrefix(line, "+PONG") && !strings.HasPrefix(line, "-NOAUTH") {
		return fmt.Errorf("it answered %q", strings.TrimSpace(line))
	}
	return nil
}

// tail is the end of what the server said, which holds the reason.
func tail(s string) string {
	const most = 500
	return s[max(0, len(s)-most):]
}

func freePort() (addr, port string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	defer func() { _ = l.Close() }()
	addr = l.Addr().String()
	_, port, err = net.SplitHostPort(addr)
	return addr, port, err
}
