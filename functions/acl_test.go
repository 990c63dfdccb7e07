package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/journal"
	"ipcredit/shared/open"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
	"ipcredit/shared/subject"
)

// The two cities of these tests share a server, as cities may.
const cityHere, cityElsewhere = "410700", "410100"

// guarded is a redis-server with the users that `go run ./functions` makes.
type guarded struct {
	addr  string
	users map[string]redisUser
}

func newGuarded(t *testing.T) guarded {
	t.Helper()
	users, err := redisUsers(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	g := guarded{addr: redistest.Guarded(t, aclFile(cityHere, users)), users: map[string]redisUser{}}
	for _, u := range users {
		g.users[u.name] = u
	}
	return g
}

func (g guarded) client(t *testing.T, name string) *redis.Client {
	t.Helper()
	u, ok := g.users[name]
	if !ok {
		t.Fatalf("there is no user %s", name)
	}
	return redistest.Client(t, g.addr, u.name, u.password)
}

// refused tells whether Redis forbade it, which is not the same as failing. A
// command that is forbidden inside a transaction is told by the transaction.
func refused(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "NOPERM") || strings.Contains(err.Error(), "EXECABORT") ||
		strings.Contains(err.Error(), "The user executing the script can't"))
}

func TestRedisKnowsItsUsersOnly(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	for name, f := range functions {
		if _, known := g.users[name]; known != (f.needs.Redis != open.None) {
			t.Errorf("%s: it opens Redis as %v, and has a user: %v", name, f.needs.Redis, known)
		}
	}
	for name := range g.users {
		if err := g.client(t, name).Ping(t.Context()).Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, tt := range []struct{ name, user, password, want string }{
		{"nobody", "", "", "NOAUTH"},
		{"the default user", "default", "x", "WRONGPASS"},
		{"a wrong password", "credit-lookup", "guess", "WRONGPASS"},
		{"an empty password", "credit-lookup", "", "WRONGPASS"},
		{"another function's password", "credit-lookup", g.users["staff-session"].password, "WRONGPASS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// Not through go-redis, which sends no AUTH with an empty password.
			rdb := redistest.Client(t, g.addr, "", "")
			err := rdb.Do(t.Context(), "GET", "{"+cityHere+"}:x").Err()
			if tt.user != "" {
				err = rdb.Do(t.Context(), "AUTH", tt.user, tt.password).Err()
			}
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestRedisUsersMayWhatTheirNeedsSay goes through every function's user.
func TestRedisUsersMayWhatTheirNeedsSay(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	ctx := t.Context()
	admin := g.client(t, operator.Function)
	j := journal.New(admin, cityHere, journal.Options{})
	for _, err := range []error{
		admin.Set(ctx, j.Key("matter", "1"), "here", 0).Err(),
		admin.Set(ctx, "{"+cityElsewhere+"}:matter:1", "elsewhere", 0).Err(),
		admin.Set(ctx, "{"+cityHere+"1}:matter:1", "longer", 0).Err(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, f := range functions {
		if f.needs.Redis == open.None {
			continue
		}
		t.Run(name, func(t *testing.T) {
			rdb := g.client(t, name)
			writes := f.needs.Redis == open.Write
			own, tmp := j.Key("matter", "1"), j.Tmp("matter", name)
			for _, tt := range []struct {
				name string
				may  bool
				args []any
			}{
				{"read its city", true, []any{"GET", own}},
				{"read many", true, []any{"MGET", own, tmp}},
				{"write its city", writes, []any{"SET", own, "here"}},
				{"write beside it", writes, []any{"SADD", j.Key("matter", "index"), "1"}},
				{"append to the journal", writes, []any{"XADD", j.Key("journal"), "*", "a", "b"}},
				{"count on", writes, []any{"INCR", j.Key("seq", "matter")}},
				{"write tmp", true, []any{"SET", tmp, "1", "EX", "60"}},
				{"delete tmp", true, []any{"DEL", tmp}},
				{"move from tmp", writes, []any{"COPY", tmp, j.Key("matter", "2")}},
				{"run a script on tmp", true, []any{"EVAL", "return redis.call('SET', KEYS[1], '1')", "1", tmp}},
				{"write by a script", writes, []any{"EVAL", "return redis.call('SET', KEYS[1], 'here')", "1", own}},
				{"read another city", false, []any{"GET", "{" + cityElsewhere + "}:matter:1"}},
				{"read another city beside its own", false, []any{"MGET", own, "{" + cityElsewhere + "}:matter:1"}},
				{"write another city", false, []any{"SET", "{" + cityElsewhere + "}:tmp:1", "1"}},
				{"read another city by a script", false, []any{"EVAL", "return redis.call('GET', '{" + cityElsewhere + "}:matter:1')", "0"}},
				{"read a city whose code begins alike", false, []any{"GET", "{" + cityHere + "1}:matter:1"}},
				{"read outside any city", false, []any{"GET", "matter"}},
				{"list keys", false, []any{"KEYS", "*"}},
				{"walk through keys", false, []any{"SCAN", "0"}},
				{"draw a key", false, []any{"RANDOMKEY"}},
				{"empty the server", false, []any{"FLUSHALL"}},
				{"empty the database", false, []any{"FLUSHDB"}},
				{"read the configuration", false, []any{"CONFIG", "GET", "*"}},
				{"change the configuration", false, []any{"CONFIG", "SET", "appendonly", "no"}},
				{"read the users", false, []any{"ACL", "LIST"}},
				{"watch the others", false, []any{"MONITOR"}},
				{"read the slow log", false, []any{"SLOWLOG", "GET"}},
				{"list the others", false, []any{"CLIENT", "LIST"}},
				{"stop the server", false, []any{"SHUTDOWN", "NOSAVE"}},
				{"follow another server", false, []any{"REPLICAOF", "127.0.0.1", "1"}},
				{"swap databases", false, []any{"SWAPDB", "0", "1"}},
				{"bring in bytes of its own", false, []any{"RESTORE", own, "0", "x"}},
				{"forget the scripts of others", false, []any{"SCRIPT", "FLUSH"}},
				{"leave a function behind", false, []any{"FUNCTION", "FLUSH"}},
				{"speak to all", false, []any{"PUBLISH", "c", "m"}},
			} {
				err := rdb.Do(ctx, tt.args...).Err()
				if got := !refused(err); got != tt.may {
					t.Errorf("%s (%v): allowed is %t, want %t (%v)", tt.name, tt.args[0], got, tt.may, err)
				}
			}
		})
	}
}

// TestStoresWorkUnderTheirUsers runs what the functions do to Redis as the users
// they are there.
func TestStoresWorkUnderTheirUsers(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	ctx := t.Context()
	at := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	for name, f := range functions {
		if f.needs.Redis == open.None {
			continue
		}
		t.Run(name, func(t *testing.T) {
			j := journal.New(g.client(t, name), cityHere, journal.Options{})
			err := commitAll(ctx, j, name, at)
			if f.needs.Redis == open.Read {
				if !refused(err) {
					t.Errorf("a user that only reads committed: %v", err)
				}
			} else if err != nil {
				t.Errorf("commit: %v", err)
			}
			if err := j.Room(ctx); err != nil {
				t.Errorf("reading the backlog: %v", err)
			}
			tick := fn.Tick(j, name, func(*http.Request) error { return nil })
			for _, h := range []fn.Handler{tick, tick} {
				r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
				w := httptest.NewRecorder()
				if err := h(w, r); err != nil || w.Code >= 300 {
					t.Errorf("under tmp: %d, %v", w.Code, err)
				}
			}
			store := staff.New(j)
			if err := store.Spend(ctx, staff.Key{ID: "k-" + name}, 1, at); err != nil {
				t.Errorf("rate of a key: %v", err)
			}
			if _, err := store.Key(ctx, "Bearer ipc_k_s", staff.ScopeLookup, at); !fault.Is(err, fault.Unauthorized) {
				t.Errorf("an unknown key: %v", err)
			}
		})
	}
	t.Run("what one writes the other finds", func(t *testing.T) {
		writer := credit.NewStore(journal.New(g.client(t, "material-intake"), cityHere, journal.Options{}), credit.Shipped())
		lookup := credit.NewStore(journal.New(g.client(t, "credit-lookup"), cityHere, journal.Options{}), credit.Shipped())
		reader := lookup.Subjects()
		s := subject.Subject{Code: "91410771MA00AAA104", Name: "新乡市样例星河科技有限公司", Kind: "enterprise", District: "410771"}
		change := credit.Change{Entry: journal.Entry{Actor: "u", Action: "subject.put", Ref: s.Code, At: at}, Subjects: []subject.Subject{s}}
		if _, _, err := writer.Apply(ctx, change); err != nil {
			t.Fatal(err)
		}
		if got, err := reader.Get(ctx, s.Code); err != nil || got.Name != s.Name {
			t.Errorf("got %+v, %v", got, err)
		}
		for _, q := range []string{s.Code, s.Name, "星河", "yanglixinghe"} {
			if got, err := reader.Search(ctx, q, 10, ""); err != nil || len(got.Hits) != 1 {
				t.Errorf("%s: %+v, %v", q, got, err)
			}
		}
		if _, _, err := lookup.Apply(ctx, change); !refused(err) {
			t.Errorf("the reader wrote: %v", err)
		}
	})
}

// commitAll makes one commit with every kind of write, twice: the second time
// what it read was changed by the first.
func commitAll(ctx context.Context, j *journal.Journal, name string, at time.Time) error {
	key := func(part string) string { return j.Key("probe", name, part) }
	for range 2 {
		n, err := j.Next(ctx, "probe")
		if err != nil {
			return err
		}
		entry := journal.Entry{Actor: "system", Action: "probe.write", Ref: name, At: at}
		err = j.Commit(ctx, entry, []string{key("s")}, func(tx *journal.Tx) error {
			if err := tx.Watch(key("h")); err != nil {
				return err
			}
			if err := tx.Read().Get(ctx, key("s")).Err(); err != nil && !errors.Is(err, redis.Nil) {
				return err
			}
			tx.Counter("probe", n)
			tx.Set(key("s"), fmt.Sprint(n))
			tx.HSet(key("h"), "f", "v")
			tx.HDel(key("h"), "g")
			tx.SAdd(key("m"), "a")
			tx.SRem(key("m"), "b")
			tx.ZAdd(key("z"), 1, "a")
			tx.ZRem(key("z"), "b")
			tx.Del(key("gone"))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
