package redistest

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestEachServerIsEmptyAndForgets(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, rdb *redis.Client) {
		if n, err := rdb.DBSize(t.Context()).Result(); err != nil || n != 0 {
			t.Fatalf("a new server holds %d keys, %v", n, err)
		}
		if err := rdb.Set(t.Context(), "k", "v", time.Hour).Err(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestGuardedServerKnowsItsUsersOnly(t *testing.T) {
	t.Parallel()
	addr := Guarded(t, "user default off\nuser one on >secret ~* +@all\n")
	for _, tt := range []struct{ name, user, password, want string }{
		{"nobody", "", "", "NOAUTH"},
		{"somebody else", "two", "secret", "WRONGPASS"},
		{"a wrong password", "one", "guess", "WRONGPASS"},
		{"the user", "one", "secret", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Client(t, addr, tt.user, tt.password).Set(t.Context(), "k", "v", 0).Err()
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestServerThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not on PATH")
	}
	if _, err := startOnce(t, path, t.TempDir(), []string{"--no-such-setting", "1"}); err == nil || !strings.Contains(err.Error(), "no-such-setting") {
		t.Fatalf("got %v", err)
	}
}
