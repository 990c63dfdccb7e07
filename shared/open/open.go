package open

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/journal"
	"ipcredit/shared/objects"
	"ipcredit/shared/page"
)

// Access is what a function may do in Redis; its ACL user can do no more.
type Access int

// The kinds of access. Reading always includes writing under tmp (rate limits,
// sessions, locks).
const (
	None Access = iota
	Read
	Write
)

// Needs is what one function opens. stack.yml must mount exactly these secrets
// and generate exactly this Redis user; a test compares them.
type Needs struct {
	Function string
	Redis    Access
	Objects  Opener   // Store, or nil; naming it is what links the object store's client
	Secrets  []string // names of secret files, without those for Redis and objects
	Admin    bool     // the operator's own commands only: Redis administration
}

// Opener opens the object store for a function.
type Opener func(Needs) (*objects.Buckets, error)

// onDesk opens the store for functions that do not: on a desk without a Redis
// that lasts, everybody's changes must be in the archive before an answer.
var onDesk Opener

// OnDesk makes every function that writes archive through the store opened by o.
// Only the local runner calls it, before any function is called.
func OnDesk(o Opener) { onDesk = o }

// AllSecrets are the secret files the function mounts: its own, and its
// credentials for Redis and the object store.
func (n Needs) AllSecrets() []string {
	all := slices.Clone(n.Secrets)
	if n.Redis != None {
		all = append(all, "redis-"+n.Function)
	}
	if n.Objects != nil {
		all = append(all, "s3-"+n.Function)
	}
	slices.Sort(all)
	return all
}

// Env is a function's view of the outside.
type Env struct {
	City      string
	PublicURL string
	Demo      bool
	Redis     redis.UniversalClient
	Journal   *journal.Journal
	Archive   *journal.Archive
	Objects   *objects.Buckets
	Now       func() time.Time

	needs Needs
}

// Open returns the function's clients. It does not wait for servers: an
// unreachable one shows at the first call and works once it is back. An error
// is a setting or secret that cannot be used.
func Open(n Needs) (*Env, error) {
	e := &Env{
		City:      Value("city"),
		PublicURL: strings.TrimSuffix(Value("public_url"), "/"),
		Demo:      Value("demo") == "1",
		Now:       time.Now,
		needs:     n,
	}
	opener := n.Objects
	synced := Value("archive") == "sync" && n.Redis == Write
	if opener == nil && synced {
		opener = onDesk
	}
	if opener != nil {
		buckets, err := opener(n)
		if err != nil {
			return nil, err
		}
		if n.Objects != nil {
			e.Objects = buckets
		}
		e.Archive = journal.NewArchive(buckets.Main, journal.KeepSegments, time.Now)
	}
	if n.Redis != None {
		rdb, err := openRedis(n)
		if err != nil {
			return nil, err
		}
		e.Redis = rdb
		e.Journal = journal.New(rdb, e.City, journal.Options{
			Archive: e.Archive, Sync: synced && e.Archive != nil,
		})
	}
	return e, nil
}

// Site is what pages need to know of the outside.
func (e *Env) Site() page.Site {
	return page.Site{PublicURL: e.PublicURL, City: e.City, Demo: e.Demo}
}

// Secret returns the content of a secret file without the newline at its end.
// A name that the function's Needs do not list is a mistake in our code.
func (e *Env) Secret(name string) ([]byte, error) {
	if !slices.Contains(e.needs.Secrets, name) {
		return nil, fmt.Errorf("open: %s does not declare the secret %q", e.needs.Function, name)
	}
	return secret(name)
}

func secret(name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(Value("secret_mount_path"), name))
	if err != nil {
		return nil, fmt.Errorf("open: secret %s: %w", name, err)
	}
	return []byte(strings.TrimRight(string(data), "\r\n")), nil
}

// withoutCredentials are the prefixes of credentials that are not used.
var withoutCredentials []string

// WithoutCredentials makes every function open servers of the kind ("redis-",
// "s3-") by what the address itself says. Only the local runner calls it, for
// servers that are not its own: the credentials it made are not for them.
func WithoutCredentials(prefix string) { withoutCredentials = append(withoutCredentials, prefix) }

// credentials reads a two-line secret: a name and a password. Neither is there
// when the server asks for none.
func credentials(name string) (user, password string, err error) {
	for _, prefix := range withoutCredentials {
		if strings.HasPrefix(name, prefix) {
			return "", "", nil
		}
	}
	data, err := secret(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	user, password, found := strings.Cut(string(data), "\n")
	if !found {
		return "", "", fmt.Errorf("open: secret %s must have two lines, user and password", name)
	}
	return strings.TrimSpace(user), strings.TrimSpace(password), nil
}

var clients struct {
	sync.Mutex
	redis   map[string]redis.UniversalClient
	buckets map[string]*objects.Buckets
}

// openRedis shares a client between callers with the same settings and user:
// many functions live in one process on a desk.
func openRedis(n Needs) (redis.UniversalClient, error) {
	user, password, err := credentials("redis-" + n.Function)
	if err != nil {
		return nil, err
	}
	address := Value("redis_url")
	if address == "" {
		return nil, errors.New("open: redis_url is not set")
	}
	clients.Lock()
	defer clients.Unlock()
	id := strings.Join([]string{address, Value("redis_master"), Value("redis_ca"), user, password}, "\x00")
	if c, ok := clients.redis[id]; ok {
		return c, nil
	}
	options, err := redisOptions(address, user, password)
	if err != nil {
		return nil, err
	}
	c := redis.NewUniversalClient(options)
	if clients.redis == nil {
		clients.redis = map[string]redis.UniversalClient{}
	}
	clients.redis[id] = c
	return c, nil
}

func redisOptions(address, user, password string) (*redis.UniversalOptions, error) {
	o := &redis.UniversalOptions{
		MasterName: Value("redis_master"), Username: user, Password: password,
		Protocol: 2, DisableIdentity: true, MaxRetries: 2,
		DialTimeout: 3 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
	}
	for part := range strings.SplitSeq(address, ",") {
		u, err := url.Parse(strings.TrimSpace(part))
		if err != nil || u.Host == "" || u.Scheme != "redis" && u.Scheme != "rediss" {
			// The address itself may hold a password: do not repeat it.
			return nil, errors.New("open: redis_url is not redis://host:port or rediss://host:port")
		}
		o.Addrs = append(o.Addrs, u.Host)
		if u.User != nil && o.Password == "" {
			o.Username = u.User.Username()
			o.Password, _ = u.User.Password()
		}
		if u.Scheme == "rediss" && o.TLSConfig == nil {
			// No server name: each host answers for its own.
			o.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
			if ca := Value("redis_ca"); ca != "" {
				pem, err := os.ReadFile(ca)
				if err != nil {
					return nil, fmt.Errorf("open: redis_ca: %w", err)
				}
				pool := x509.NewCertPool()
				if !pool.AppendCertsFromPEM(pem) {
					return nil, errors.New("open: redis_ca holds no certificate")
				}
				o.TLSConfig.RootCAs = pool
			}
		}
	}
	if o.MasterName != "" {
		o.SentinelUsername, o.SentinelPassword = o.Username, o.Password
	}
	return o, nil
}

// Store opens the buckets of the s3_url setting for the function.
func Store(n Needs) (*objects.Buckets, error) {
	access, key, err := credentials("s3-" + n.Function)
	if err != nil {
		return nil, err
	}
	address := Value("s3_url")
	if address == "" {
		return nil, errors.New("open: s3_url is not set")
	}
	if u, err := url.Parse(address); err == nil && u.User != nil && key == "" {
		access = u.User.Username()
		key, _ = u.User.Password()
		u.User = nil
		address = u.String()
	}
	config := objects.Config{
		URL: address, Region: Value("s3_region"), Prefix: Value("s3_bucket"),
		AccessKey: access, SecretKey: key, CAFile: Value("s3_ca"), PathStyle: true, Create: true,
	}
	if dir, found := strings.CutPrefix(address, "file://"); found {
		config.URL, config.Dir = "", dir
	}
	clients.Lock()
	defer clients.Unlock()
	id := strings.Join([]string{address, config.Prefix, config.Region, config.CAFile, access, key}, "\x00")
	if b, ok := clients.buckets[id]; ok {
		return b, nil
	}
	b, err := objects.Open(config)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	if clients.buckets == nil {
		clients.buckets = map[string]*objects.Buckets{}
	}
	clients.buckets[id] = b
	return b, nil
}
