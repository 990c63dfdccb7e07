// Package open turns settings and secrets into clients. It is the only package
// that reads the environment or a secret file.
//
// Settings are environment variables in lower_snake_case, as OpenFaaS writes
// them in stack.yml. Secrets are files under secret_mount_path, one a secret,
// as OpenFaaS mounts them; a function gets those its Needs name and no others.
package open

import (
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Setting is one environment variable.
type Setting struct {
	Name    string
	Default string
	What    string // one line for the README and doctor
}

// Settings lists every setting there is, in the order of the README's table.
// A test compares it with that table and with stack.yml.
func Settings() []Setting { return settings }

var settings = []Setting{
	{"city", "410700", "GB/T 2260 code of the city; the hash tag of all its keys"},
	{"public_url", "http://127.0.0.1:8080", "origin (and path) under which people reach the gateway; links are built from it"},
	{"trusted_hops", "1", "how many proxies in front append to X-Forwarded-For; 0 = none"},
	{"redis_url", "", "redis:// or rediss:// address without credentials; several hosts separated by commas for Cluster or Sentinel"},
	{"redis_master", "", "name of the Sentinel master; empty = single server or Cluster"},
	{"redis_ca", "", "PEM file that signs Redis's certificate; empty = the system's"},
	{"s3_url", "", "http(s) address of the object store, or file:///directory"},
	{"s3_region", "us-east-1", "region named in S3 signatures"},
	{"s3_bucket", "ipcredit", "PREFIX of the two buckets: PREFIX-locked (versioned, with object lock) and PREFIX-keys (neither)"},
	{"s3_ca", "", "PEM file that signs the object store's certificate; empty = the system's"},
	{"archive", "", "sync = answers of functions that open the object store wait until their journal entries are in it; empty = each minute"},
	{"demo", "", "1 = every page says 演示数据"},
	{"quick_exit_url", "https://www.weather.com.cn/", "where the quick exit of the reporting pages leads: a site anybody may have open"},
	{"report_frame_ancestors", "", "origins, with spaces between, that may show the reporting form in a frame; empty = none"},
	{"clamd_addr", "", "clamd that case-handling asks about evidence: host:port or unix:///path; empty = files stay 未检"},
	{"notify_url", "", "https address of the city's SMS or mail gateway that tells named reporters there is news (Standard Webhooks); empty = nobody is told"},
	{"outgoing_allow", "", "private networks (CIDR, separated by commas) that outgoing calls may reach; none by default"},
	{"listen", "127.0.0.1:8082", "address of the function behind its watchdog"},
	{"read_timeout", "20s", "longest time to read a request"},
	{"write_timeout", "25s", "longest time from the end of a request's header to the end of its answer"},
	{"exec_timeout", "20s", "longest time a request may take; one call of a function gets nine tenths of it"},
	{"secret_mount_path", "/var/openfaas/secrets", "directory of the secret files"},
}

var (
	mu        sync.RWMutex
	overrides = map[string]string{}
)

// Use sets settings for this process, over the environment. The local runner
// calls it before any function is called.
func Use(values map[string]string) {
	mu.Lock()
	defer mu.Unlock()
	for name, value := range values {
		overrides[name] = value
	}
}

// Value returns a setting as it is in force. Asking for a name that Settings
// does not list is a mistake in our code.
func Value(name string) string {
	mu.RLock()
	value, ok := overrides[name]
	mu.RUnlock()
	if ok {
		return value
	}
	for _, s := range settings {
		if s.Name == name {
			if value := os.Getenv(name); value != "" {
				return value
			}
			return s.Default
		}
	}
	panic("open: unknown setting " + name)
}

// Edge is what the HTTP edge needs to know.
type Edge struct {
	Listen       string
	PublicURL    string
	TrustedHops  int
	ReadTimeout  time.Duration
	WriteTimeout time.Duration
	ExecTimeout  time.Duration
}

// ReadEdge reads the edge's settings; a value that makes no sense is replaced
// by its default and logged.
//
// The watchdog in front counts exec_timeout too, from earlier on, and gives up
// with an empty 504. A call gets a tenth less, so that our answer, with its
// reference number, comes first.
func ReadEdge() Edge {
	return Edge{
		Listen:       Value("listen"),
		PublicURL:    strings.TrimSuffix(Value("public_url"), "/"),
		TrustedHops:  number("trusted_hops", 0, 8),
		ReadTimeout:  duration("read_timeout"),
		WriteTimeout: duration("write_timeout"),
		ExecTimeout:  duration("exec_timeout") * 9 / 10,
	}
}

func duration(name string) time.Duration {
	d, err := time.ParseDuration(Value(name))
	if err != nil || d <= 0 {
		slog.Error("setting is not a duration", "setting", name, "error", fmt.Sprint(err))
		d, _ = time.ParseDuration(byDefault(name))
	}
	return d
}

func number(name string, low, high int) int {
	n, err := strconv.Atoi(Value(name))
	if err != nil || n < low || n > high {
		slog.Error("setting is out of range", "setting", name, "low", low, "high", high)
		n, _ = strconv.Atoi(byDefault(name))
	}
	return n
}

func byDefault(name string) string {
	for _, s := range settings {
		if s.Name == name {
			return s.Default
		}
	}
	return ""
}

// Log writes one JSON line a record to standard error, where OpenFaaS collects
// it.
func Log() *slog.Logger {
	return slog.New(slog.NewJSONHandler(os.Stderr, nil))
}
