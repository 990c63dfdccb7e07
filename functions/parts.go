package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"ipcredit/shared/journal"
	"ipcredit/shared/open"
)

// operator is what the operator's commands open: everything, by a Redis user of
// its own that no function knows.
var operator = open.Needs{
	Function: "operator", Redis: open.Write, Objects: open.Store, Admin: true,
	Secrets: []string{"password-pepper", "totp-seal", "id-hash", "material-identity", "escrow-recipient", "unit-recipients"},
}

// parts are the servers the city runs on: configured ones, child processes, or
// parts of this process.
type parts struct {
	lines    []string // what was chosen and what that weakens, for the person
	embedded *miniredis.Miniredis
	children []*child
}

func (p *parts) say(key string, args ...any) {
	p.lines = append(p.lines, say(key, args...))
}

// stop ends the child processes, the last started first.
func (p *parts) stop() {
	for _, c := range slices.Backward(p.children) {
		c.stop()
	}
	if p.embedded != nil {
		p.embedded.Close()
	}
}

// startParts finds or starts Redis and the object store and points the settings
// at them, in this order: what is configured, what is installed, what is built
// in. When it fails, nothing it started is left running.
func startParts(ctx context.Context, place place) (_ *parts, err error) {
	p := &parts{}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	data, err := filepath.Abs(place.data)
	if err != nil {
		return nil, unreachable(err, "runner.fail.data", place.data)
	}
	own := os.Getenv("secret_mount_path") == ""
	if own {
		open.Use(map[string]string{"secret_mount_path": filepath.Join(data, "secrets")})
		if !place.look {
			if err := makeSecrets(filepath.Join(data, "secrets"), false); err != nil {
				return nil, err
			}
		}
	}
	if err := p.objects(ctx, data, own); err != nil {
		return nil, err
	}
	// Before Redis: an embedded one is filled from the archive at once.
	if err := reachObjects(ctx); err != nil {
		return nil, err
	}
	if err := p.redis(ctx, place, data, own); err != nil {
		return nil, err
	}
	return p, reachRedis(ctx)
}

func (p *parts) objects(ctx context.Context, data string, own bool) error {
	if address := open.Value("s3_url"); address != "" {
		if own {
			open.WithoutCredentials("s3-")
		}
		p.say("runner.objects.configured", withoutUser(address))
		return nil
	}
	if path, err := exec.LookPath("minio"); err == nil && own {
		address, c, err := startMinio(ctx, path, data)
		if err != nil {
			return err
		}
		p.children = append(p.children, c)
		open.Use(map[string]string{"s3_url": address})
		p.say("runner.objects.child", address, filepath.Join(data, "minio"))
		return nil
	}
	dir := filepath.Join(data, "objects")
	open.Use(map[string]string{"s3_url": "file://" + dir})
	p.say("runner.objects.embedded", dir)
	return nil
}

func (p *parts) redis(ctx context.Context, place place, data string, own bool) error {
	if address := open.Value("redis_url"); address != "" {
		if own {
			open.WithoutCredentials("redis-")
		}
		p.say("runner.redis.configured", withoutUser(address))
		return nil
	}
	users, err := redisUsers(filepath.Join(data, "secrets"))
	if err != nil {
		return unreachable(err, "runner.fail.write", filepath.Join(data, "secrets"))
	}
	if path, err := exec.LookPath("redis-server"); err == nil {
		address, c, err := startRedis(ctx, path, data, users)
		if err != nil {
			return err
		}
		p.children = append(p.children, c)
		open.Use(map[string]string{"redis_url": address})
		if err := forgetWorkers(ctx); err != nil {
			return err
		}
		p.say("runner.redis.child", withoutUser(address), filepath.Join(data, "redis"))
		return nil
	}
	return p.embed(ctx, place, data, users)
}

// embed runs Redis inside this process. Its memory does not survive, so each
// commit waits for the journal's archive, and a start replays it.
func (p *parts) embed(ctx context.Context, place place, data string, users []redisUser) error {
	server := miniredis.NewMiniRedis()
	for _, u := range users {
		server.RequireUserAuth(u.name, u.password)
	}
	if err := server.StartAddr("127.0.0.1:0"); err != nil {
		return unreachable(err, "runner.fail.embedded")
	}
	p.embedded = server
	open.Use(map[string]string{"redis_url": "redis://" + server.Addr(), "archive": "sync"})
	open.OnDesk(open.Store)
	env, err := open.Open(operator)
	if err != nil {
		return unreachable(err, "runner.fail.embedded")
	}
	p.say("runner.redis.embedded")
	if place.bare {
		return nil
	}
	err = env.Archive.Restore(ctx, env.Journal, nil)
	if errors.Is(err, journal.ErrBroken) {
		return unreachable(err, "runner.fail.altered")
	}
	if err != nil {
		return unreachable(err, "runner.fail.replay")
	}
	return nil
}

// soonEnough is how long a server may take to answer at all.
const soonEnough = 10 * time.Second

// reachRedis makes sure that Redis answers before anything is promised.
func reachRedis(ctx context.Context) error {
	env, err := open.Open(operator)
	if err != nil {
		return unreachable(err, "runner.fail.settings")
	}
	ctx, cancel := context.WithTimeout(ctx, soonEnough)
	defer cancel()
	if err := env.Redis.Ping(ctx).Err(); err != nil {
		return unreachable(err, "runner.fail.redis", withoutUser(open.Value("redis_url")))
	}
	return nil
}

// reachObjects makes sure of the object store.
func reachObjects(ctx context.Context) error {
	env, err := open.Open(open.Needs{Function: operator.Function, Objects: open.Store})
	if err != nil {
		return unreachable(err, "runner.fail.settings")
	}
	ctx, cancel := context.WithTimeout(ctx, soonEnough)
	defer cancel()
	if _, err := env.Objects.Main.Probe(ctx); err != nil {
		return unreachable(err, "runner.fail.objects", withoutUser(open.Value("s3_url")))
	}
	return nil
}

// withoutUser is an address that may be shown: without what stands before @.
func withoutUser(address string) string {
	if scheme, rest, found := strings.Cut(address, "://"); found {
		if _, host, found := strings.Cut(rest, "@"); found {
			return scheme + "://" + host
		}
	}
	return address
}

// portTries is how often a server is started, each time on other ports: what was
// free may be somebody else's a moment later.
const portTries = 3

func startRedis(ctx context.Context, path, data string, users []redisUser) (string, *child, error) {
	dir := filepath.Join(data, "redis")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, unreachable(err, "runner.fail.write", dir)
	}
	if err := os.WriteFile(filepath.Join(dir, "users.acl"), []byte(aclFile(open.Value("city"), users)), 0o600); err != nil {
		return "", nil, unreachable(err, "runner.fail.write", dir)
	}
	var me redisUser
	for _, u := range users {
		if u.name == operator.Function {
			me = u
		}
	}
	for try := 1; ; try++ {
		port, err := freePort()
		if err != nil {
			return "", nil, err
		}
		config := fmt.Sprintf(`bind 127.0.0.1
port %d
dir %q
aclfile %q
appendonly yes
appendfsync always
save ""
maxmemory-policy noeviction
`, port, dir, filepath.Join(dir, "users.acl"))
		if err := os.WriteFile(filepath.Join(dir, "redis.conf"), []byte(config), 0o600); err != nil {
			return "", nil, unreachable(err, "runner.fail.write", dir)
		}
		c, err := startChild(ctx, "redis-server", data, filepath.Join(dir, "redis.log"), nil, path, filepath.Join(dir, "redis.conf"))
		if err != nil {
			return "", nil, err
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		client := redis.NewClient(&redis.Options{Addr: address, Username: me.name, Password: me.password, Protocol: 2, DisableIdentity: true, MaxRetries: -1})
		// Loading a large file takes its time: PING answers LOADING until then.
		err = c.wait(ctx, 5*time.Minute, func(ctx context.Context) error { return client.Ping(ctx).Err() })
		_ = client.Close()
		if err == nil {
			return "redis://" + address, c, nil
		}
		c.stop()
		if try == portTries || ctx.Err() != nil {
			return "", nil, unreachable(err, "runner.fail.child", "redis-server", filepath.Join(dir, "redis.log"))
		}
	}
}

func startMinio(ctx context.Context, path, data string) (string, *child, error) {
	dir := filepath.Join(data, "minio")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, unreachable(err, "runner.fail.write", dir)
	}
	user, password, err := storeCredentials(filepath.Join(data, "secrets"))
	if err != nil {
		return "", nil, unreachable(err, "runner.fail.write", filepath.Join(data, "secrets"))
	}
	log := filepath.Join(data, "minio.log")
	for try := 1; ; try++ {
		port, err := freePort()
		if err != nil {
			return "", nil, err
		}
		console, err := freePort()
		if err != nil {
			return "", nil, err
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		c, err := startChild(ctx, "minio", data, log, []string{"MINIO_ROOT_USER=" + user, "MINIO_ROOT_PASSWORD=" + password, "MINIO_UPDATE=off"},
			path, "server", "--quiet", "--address", address, "--console-address", fmt.Sprintf("127.0.0.1:%d", console), dir)
		if err != nil {
			return "", nil, err
		}
		err = c.wait(ctx, time.Minute, func(ctx context.Context) error { return answers(ctx, "http://"+address+"/minio/health/ready") })
		if err == nil {
			return "http://" + address, c, nil
		}
		c.stop()
		if try == portTries || ctx.Err() != nil {
			return "", nil, unreachable(err, "runner.fail.child", "minio", log)
		}
	}
}

// forgetWorkers ends the claims of workers of an earlier start: who did the last
// tick, and who works on a batch. Nobody else uses this Redis, so a claim that is
// left is a dead process's, and its work need not wait until the claim runs out.
func forgetWorkers(ctx context.Context) error {
	env, err := open.Open(operator)
	if err != nil {
		return unreachable(err, "runner.fail.settings")
	}
	for _, claim := range []string{env.Journal.Tmp("tick"), env.Journal.Tmp("batch")} {
		claims := env.Redis.Scan(ctx, 0, claim+":*", 1000).Iterator()
		for claims.Next(ctx) {
			if err := env.Redis.Del(ctx, claims.Val()).Err(); err != nil {
				return unreachable(err, "runner.fail.redis", withoutUser(open.Value("redis_url")))
			}
		}
		if err := claims.Err(); err != nil {
			return unreachable(err, "runner.fail.redis", withoutUser(open.Value("redis_url")))
		}
	}
	return nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, unreachable(err, "runner.fail.port")
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
