// Package redistest runs a test's body on every Redis there is: the embedded
// server always, the real one when it is installed. A store that passes only on
// the embedded server has proved nothing about scripts, expiry or transactions.
package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
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
	return client(tb, server.Addr())
}

// Real returns a client of an empty redis-server child process that ends with
// the test.
func Real(tb testing.TB) *redis.Client {
	tb.Helper()
	return Durable(tb, tb.TempDir(), "--appendonly", "no")
}

// Durable is Real with its files in dir and extra settings, so that a test can
// end the process and start it again on the same data.
func Durable(tb testing.TB, dir string, settings ...string) *redis.Client {
	tb.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("REQUIRE_REAL") != "" {
			tb.Fatal("redistest: redis-server is not on PATH and REQUIRE_REAL is set")
		}
		tb.Skip("redis-server is not on PATH")
	}
	port := freePort(tb)
	args := append([]string{
		"--bind", "127.0.0.1", "--port", fmt.Sprint(port), "--dir", dir,
		"--save", "", "--maxmemory-policy", "noeviction", "--daemonize", "no",
	}, settings...)
	cmd := exec.Command(path, args...)
	if err := cmd.Start(); err != nil {
		tb.Fatalf("redistest: starting redis-server: %v", err)
	}
	tb.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	rdb := client(tb, fmt.Sprintf("127.0.0.1:%d", port))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		if err := rdb.Ping(ctx).Err(); err == nil {
			return rdb
		} else if ctx.Err() != nil {
			tb.Fatalf("redistest: redis-server did not answer: %v", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func client(tb testing.TB, addr string) *redis.Client {
	rdb := redis.NewClient(&redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true})
	tb.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("redistest: no free port: %v", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}
