// Package citytest is what tests of matters and functions share: a clock that only
// the test moves, the demonstration city's staff and the keys of its units, secret
// files, and what was logged.
package citytest

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
)

// Clock stands still until it is moved. It may be read and moved at once.
type Clock struct{ at atomic.Int64 }

// Set moves the clock to the instant.
func (c *Clock) Set(at time.Time) { c.at.Store(at.UnixNano()) }

// Now is the clock's time.
func (c *Clock) Now() time.Time { return time.Unix(0, c.at.Load()) }

// Pass moves the clock on.
func (c *Clock) Pass(d time.Duration) { c.at.Add(int64(d)) }

// Secrets writes secret files and returns their folder, which ends with the test.
func Secrets(t testing.TB, values map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, value := range values {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Staff are the people of the demonstration city at work.
type Staff struct {
	*staff.Desk
	Demo staff.Demonstration
}

// NewStaff loads them into the journal's city. Passwords cost next to nothing, so
// that a test does not wait for them.
func NewStaff(t testing.TB, j *journal.Journal, now time.Time) Staff {
	t.Helper()
	p := staff.Defaults().Set("password.memory_kib", 64).Set("password.passes", 1)
	vault, err := staff.NewVault([]byte(strings.Repeat("p", 32)), []byte(strings.Repeat("s", 32)), p)
	if err != nil {
		t.Fatal(err)
	}
	s := Staff{Desk: staff.NewDesk(staff.New(j).With(p), vault)}
	if s.Demo, err = s.Desk.Demo(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	return s
}

// User is the demonstration's account of this name.
func (s Staff) User(t testing.TB, name string) staff.DemoUser {
	t.Helper()
	for _, u := range s.Demo.Staff {
		if u.User == name {
			return u
		}
	}
	t.Fatalf("no user %s", name)
	return staff.DemoUser{}
}

// As is the account of this name at work.
func (s Staff) As(t testing.TB, name string) staff.Actor {
	t.Helper()
	u, known, err := s.UserByName(t.Context(), name)
	if err != nil || !known {
		t.Fatalf("no user %s: %v", name, err)
	}
	a, err := s.Actor(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Told counts the messages of a kind in the account's inbox.
func (s Staff) Told(t testing.TB, name, kind string) int {
	t.Helper()
	list, _, err := s.Inbox(t.Context(), s.As(t, name), "", 50)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, m := range list {
		if m.Kind == kind {
			n++
		}
	}
	return n
}

// Code is the number that the second factor shows at the instant.
func Code(t testing.TB, secret string, now time.Time) string {
	t.Helper()
	code, err := totp.GenerateCode(secret, now)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// Session opens a session of the account and returns its token. A code is good for
// one sign-in, so the clock is moved on before.
func (s Staff) Session(t testing.TB, name string, c *Clock) string {
	t.Helper()
	c.Pass(30 * time.Second)
	u := s.User(t, name)
	signed, err := s.SignIn(t.Context(), staff.SignIn{
		Username: name, Password: u.Password, Code: Code(t, u.TOTPSecret, c.Now()), Network: "192.0.2.0/24",
	}, c.Now())
	if err != nil {
		t.Fatal(err)
	}
	return signed.Token
}

// Log is what the process has logged, at every level, since Logged was called.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write is for the logger.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Logged collects what is logged until the test ends. The logger is the process's:
// no other test may run at the same time.
func Logged(t testing.TB) *Log {
	t.Helper()
	l, before := &Log{}, slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() { slog.SetDefault(before) })
	return l
}
