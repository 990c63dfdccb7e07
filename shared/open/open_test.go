package open

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"ipcredit/shared/redistest"
)

// The settings are the process's: no test here runs beside another.

// with puts settings in force until the test ends.
func with(t *testing.T, values map[string]string) {
	t.Helper()
	mu.Lock()
	before := overrides
	overrides = map[string]string{}
	mu.Unlock()
	t.Cleanup(func() {
		mu.Lock()
		overrides = before
		mu.Unlock()
	})
	Use(values)
}

// withSecrets puts a directory of secret files in force.
func withSecrets(t *testing.T, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	with(t, map[string]string{"secret_mount_path": dir})
}

func TestRedisAddressBecomesOptions(t *testing.T) {
	for _, tt := range []struct {
		name, url, master, user, password string
		want                              redis.UniversalOptions
		tls                               bool
	}{
		{"one host", "redis://r:6379", "", "u", "p",
			redis.UniversalOptions{Addrs: []string{"r:6379"}, Username: "u", Password: "p"}, false},
		{"without credentials", "redis://r:6379", "", "", "",
			redis.UniversalOptions{Addrs: []string{"r:6379"}}, false},
		{"user and password in the address", "redis://u:p%40@r:6379", "", "", "",
			redis.UniversalOptions{Addrs: []string{"r:6379"}, Username: "u", Password: "p@"}, false},
		{"the secret prevails over the address", "redis://u:p@r:6379", "", "s", "q",
			redis.UniversalOptions{Addrs: []string{"r:6379"}, Username: "s", Password: "q"}, false},
		{"IPv6", "redis://[::1]:6379", "", "", "",
			redis.UniversalOptions{Addrs: []string{"[::1]:6379"}}, false},
		{"TLS", "rediss://r:6380", "", "u", "p",
			redis.UniversalOptions{Addrs: []string{"r:6380"}, Username: "u", Password: "p"}, true},
		{"Cluster", "redis://a:6379, redis://b:6379,redis://c:6379", "", "u", "p",
			redis.UniversalOptions{Addrs: []string{"a:6379", "b:6379", "c:6379"}, Username: "u", Password: "p"}, false},
		{"Cluster with TLS", "rediss://a:6379,rediss://b:6379", "", "u", "p",
			redis.UniversalOptions{Addrs: []string{"a:6379", "b:6379"}, Username: "u", Password: "p"}, true},
		{"Sentinel", "redis://a:26379,redis://b:26379", "main", "u", "p",
			redis.UniversalOptions{Addrs: []string{"a:26379", "b:26379"}, Username: "u", Password: "p",
				MasterName: "main", SentinelUsername: "u", SentinelPassword: "p"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			with(t, map[string]string{"redis_master": tt.master})
			got, err := redisOptions(tt.url, tt.user, tt.password)
			if err != nil {
				t.Fatal(err)
			}
			chosen := redis.UniversalOptions{
				Addrs: got.Addrs, MasterName: got.MasterName, Username: got.Username, Password: got.Password,
				SentinelUsername: got.SentinelUsername, SentinelPassword: got.SentinelPassword,
			}
			if d := cmp.Diff(tt.want, chosen, cmp.Comparer(func(a, b *tls.Config) bool { return a == b })); d != "" {
				t.Error(d)
			}
			if got.Protocol != 2 || !got.DisableIdentity {
				t.Error("the client must speak what Redis 7.0 and the embedded server both know")
			}
			switch c := got.TLSConfig; {
			case !tt.tls && c != nil:
				t.Error("TLS where none was asked for")
			case tt.tls && (c == nil || c.InsecureSkipVerify || c.MinVersion < tls.VersionTLS12 || c.ServerName != ""):
				t.Errorf("TLS: %+v (each host must answer for its own name)", c)
			}
		})
	}
}

func TestUnusableRedisAddressIsRefusedWithoutRepeatingIt(t *testing.T) {
	for _, tt := range []struct{ name, url string }{
		{"no scheme", "u:geheim@r:6379"},
		{"another scheme", "http://u:geheim@r:6379"},
		{"no host", "redis://u:geheim@"},
		{"not an address", "redis://u:geheim%zz@r"},
		{"a bad one after a good one", "redis://a:6379,ftp://u:geheim@r"},
		{"an empty one", "redis://u:geheim@a:6379,"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			with(t, nil)
			_, err := redisOptions(tt.url, "", "")
			if err == nil {
				t.Fatal("it was taken")
			}
			if strings.Contains(err.Error(), "geheim") {
				t.Errorf("the error repeats the password: %v", err)
			}
		})
	}
}

func TestRedisCertificateAuthority(t *testing.T) {
	cert, _ := certificate(t)
	for _, tt := range []struct {
		name, content string
		absent        bool
		wantErr       string
	}{
		{"one certificate", cert, false, ""},
		{"no certificate", "-----BEGIN nothing-----", false, "no certificate"},
		{"no file", "", true, "redis_ca"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "ca.pem")
			if !tt.absent {
				if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			with(t, map[string]string{"redis_ca": file})
			o, err := redisOptions("rediss://u:geheim@r:6380", "", "")
			if tt.wantErr == "" {
				if err != nil || o.TLSConfig.RootCAs == nil {
					t.Fatalf("%+v, %v", o, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.wantErr) || strings.Contains(err.Error(), "geheim") {
				t.Fatalf("got %v", err)
			}
		})
	}
}

// certificate is one that signs itself, for 127.0.0.1.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

func TestTLSVerifiesTheServer(t *testing.T) {
	dir := t.TempDir()
	cert, key := certificate(t)
	for name, content := range map[string]string{"cert.pem": cert, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	redistest.Durable(t, dir, "--tls-port", port, "--tls-cert-file", filepath.Join(dir, "cert.pem"),
		"--tls-key-file", filepath.Join(dir, "key.pem"), "--tls-auth-clients", "no")
	for _, tt := range []struct {
		name, host, ca string
		refused        bool
	}{
		{"with its authority", "127.0.0.1", filepath.Join(dir, "cert.pem"), false},
		{"without", "127.0.0.1", "", true},
		{"under another name", "localhost", filepath.Join(dir, "cert.pem"), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			withSecrets(t, nil)
			Use(map[string]string{"redis_url": "rediss://" + net.JoinHostPort(tt.host, port), "redis_ca": tt.ca})
			e, err := Open(Needs{Function: "tls", Redis: Read})
			if err != nil {
				t.Fatal(err)
			}
			err = e.Redis.Ping(t.Context()).Err()
			var unverified *tls.CertificateVerificationError
			if tt.refused != errors.As(err, &unverified) || !tt.refused && err != nil {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestCredentialsAreTwoLines(t *testing.T) {
	for _, tt := range []struct {
		name, content  string
		user, password string
		wantErr        bool
	}{
		{"user and password", "u\np\n", "u", "p", false},
		{"without the last newline", "u\np", "u", "p", false},
		{"Windows line ends", "u\r\np\r\n", "u", "p", false},
		{"one line", "u:geheim\n", "", "", true},
		{"empty", "", "", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			withSecrets(t, map[string]string{"redis-x": tt.content})
			user, password, err := credentials("redis-x")
			if (err != nil) != tt.wantErr || user != tt.user || password != tt.password {
				t.Fatalf("got %q, %q, %v", user, password, err)
			}
			if err != nil && strings.Contains(err.Error(), "geheim") {
				t.Errorf("the error repeats the secret: %v", err)
			}
		})
	}
	t.Run("no file: the server asks for none", func(t *testing.T) {
		withSecrets(t, nil)
		if user, password, err := credentials("redis-x"); err != nil || user+password != "" {
			t.Fatalf("got %q, %q, %v", user, password, err)
		}
	})
	t.Run("a file that cannot be read is no missing file", func(t *testing.T) {
		withSecrets(t, nil)
		if err := os.Mkdir(filepath.Join(Value("secret_mount_path"), "redis-x"), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, _, err := credentials("redis-x"); err == nil {
			t.Fatal("a directory passed for a secret")
		}
	})
}

func TestFunctionGetsOnlyTheSecretsItDeclares(t *testing.T) {
	withSecrets(t, map[string]string{"mine": "a\n", "yours": "b\n", "lines": "c\nd\r\n\n"})
	e := &Env{needs: Needs{Function: "f", Secrets: []string{"mine", "lines", "gone"}}}
	for _, tt := range []struct {
		name, want string
		wantErr    bool
	}{
		{"mine", "a", false},
		{"lines", "c\nd", false},
		{"yours", "", true},
		{"gone", "", true},
		{"../mine", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := e.Secret(tt.name)
			if (err != nil) != tt.wantErr || string(got) != tt.want {
				t.Fatalf("got %q, %v", got, err)
			}
		})
	}
}

func TestAllSecretsAreTheFunctionsOwnAndItsCredentials(t *testing.T) {
	for _, tt := range []struct {
		name  string
		needs Needs
		want  []string
	}{
		{"nothing", Needs{Function: "f"}, nil},
		{"Redis to read", Needs{Function: "f", Redis: Read}, []string{"redis-f"}},
		{"all", Needs{Function: "f", Redis: Write, Objects: Store, Secrets: []string{"z", "a"}}, []string{"a", "redis-f", "s3-f", "z"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := slices.Clone(tt.needs.Secrets)
			if got := tt.needs.AllSecrets(); !slices.Equal(got, tt.want) {
				t.Errorf("got %q", got)
			}
			if !slices.Equal(before, tt.needs.Secrets) {
				t.Error("the declaration itself was changed")
			}
		})
	}
}

func TestSettingOutOfRangeFallsBackToItsDefault(t *testing.T) {
	for _, tt := range []struct {
		name, setting, value string
		read                 func(Edge) any
		want                 any
	}{
		{"hops", "trusted_hops", "2", func(e Edge) any { return e.TrustedHops }, 2},
		{"no hops", "trusted_hops", "0", func(e Edge) any { return e.TrustedHops }, 0},
		{"most hops", "trusted_hops", "8", func(e Edge) any { return e.TrustedHops }, 8},
		{"too many hops", "trusted_hops", "9", func(e Edge) any { return e.TrustedHops }, 1},
		{"fewer than none", "trusted_hops", "-1", func(e Edge) any { return e.TrustedHops }, 1},
		{"hops in words", "trusted_hops", "one", func(e Edge) any { return e.TrustedHops }, 1},
		{"time", "read_timeout", "1m", func(e Edge) any { return e.ReadTimeout }, time.Minute},
		{"no unit", "read_timeout", "60", func(e Edge) any { return e.ReadTimeout }, 20 * time.Second},
		{"no time at all", "write_timeout", "0s", func(e Edge) any { return e.WriteTimeout }, 25 * time.Second},
		{"before now", "write_timeout", "-1s", func(e Edge) any { return e.WriteTimeout }, 25 * time.Second},
		{"our answer comes before the watchdog's", "exec_timeout", "60s", func(e Edge) any { return e.ExecTimeout }, 54 * time.Second},
		{"also by default", "exec_timeout", "soon", func(e Edge) any { return e.ExecTimeout }, 18 * time.Second},
		{"an origin ends without a slash", "public_url", "https://example.org/ip/", func(e Edge) any { return e.PublicURL }, "https://example.org/ip"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			with(t, map[string]string{tt.setting: tt.value})
			if got := tt.read(ReadEdge()); got != tt.want {
				t.Errorf("%s=%s gives %v, want %v", tt.setting, tt.value, got, tt.want)
			}
		})
	}
}

func TestEveryDefaultIsUsableAsItStands(t *testing.T) {
	names := map[string]bool{}
	for _, s := range Settings() {
		if names[s.Name] || s.What == "" || s.Name != strings.ToLower(s.Name) || strings.Contains(s.Name, "-") {
			t.Errorf("setting %q: named twice, without a line, or not in lower_snake_case", s.Name)
		}
		names[s.Name] = true
	}
	for _, name := range []string{"read_timeout", "write_timeout", "exec_timeout"} {
		if d, err := time.ParseDuration(byDefault(name)); err != nil || d <= 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestValuePrefersUseToEnvironmentToDefault(t *testing.T) {
	with(t, nil)
	t.Setenv("s3_region", "")
	if got := Value("s3_region"); got != "us-east-1" {
		t.Errorf("default: %q", got)
	}
	t.Setenv("s3_region", "cn-north-1")
	if got := Value("s3_region"); got != "cn-north-1" {
		t.Errorf("environment: %q", got)
	}
	Use(map[string]string{"s3_region": "local"})
	if got := Value("s3_region"); got != "local" {
		t.Errorf("use: %q", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("an unknown setting must not pass for an empty one")
		}
	}()
	Value("no_such_setting")
}

func TestFileAddressOpensADirectory(t *testing.T) {
	withSecrets(t, nil)
	dir := filepath.Join(t.TempDir(), "objects")
	Use(map[string]string{"s3_url": "file://" + dir})
	e, err := Open(Needs{Function: "f", Objects: Store})
	if err != nil {
		t.Fatal(err)
	}
	if e.Objects == nil || e.Archive == nil || e.Journal != nil || e.Redis != nil {
		t.Errorf("opened %+v", e)
	}
	if _, err := e.Objects.Main.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	again, err := Open(Needs{Function: "g", Objects: Store})
	if err != nil {
		t.Fatal(err)
	}
	if again.Objects != e.Objects {
		t.Error("two functions of one process opened the same store twice")
	}
}

func TestOpenRefusesWhatItCannotUse(t *testing.T) {
	for _, tt := range []struct {
		name     string
		needs    Needs
		settings map[string]string
	}{
		{"no Redis address", Needs{Function: "f", Redis: Read}, map[string]string{"redis_url": ""}},
		{"no store address", Needs{Function: "f", Objects: Store}, map[string]string{"s3_url": ""}},
		{"a store address that is none", Needs{Function: "f", Objects: Store}, map[string]string{"s3_url": "ftp://u:geheim@store"}},
		{"a store address with a path", Needs{Function: "f", Objects: Store}, map[string]string{"s3_url": "http://u:geheim@store/bucket"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			withSecrets(t, nil)
			Use(tt.settings)
			_, err := Open(tt.needs)
			if err == nil {
				t.Fatal("it was taken")
			}
			if strings.Contains(err.Error(), "geheim") {
				t.Errorf("the error repeats the password: %v", err)
			}
		})
	}
}

func TestOpenOpensWhatIsNeededAndNoMore(t *testing.T) {
	withSecrets(t, nil)
	Use(map[string]string{
		"city": "410700", "public_url": "https://example.org/", "demo": "1",
		"redis_url": "redis://127.0.0.1:1", "s3_url": "http://u:p@127.0.0.1:1",
	})
	// Neither server is there: they are asked at the first call, not before.
	all, err := Open(Needs{Function: "f", Redis: Write, Objects: Store})
	if err != nil {
		t.Fatal(err)
	}
	if all.Redis == nil || all.Journal == nil || all.Objects == nil || all.Archive == nil || all.Now == nil {
		t.Errorf("opened %+v", all)
	}
	if s := all.Site(); s.PublicURL != "https://example.org" || s.City != "410700" || !s.Demo {
		t.Errorf("site %+v", s)
	}
	none, err := Open(Needs{Function: "g"})
	if err != nil {
		t.Fatal(err)
	}
	if none.Redis != nil || none.Journal != nil || none.Objects != nil || none.Archive != nil {
		t.Errorf("opened %+v", none)
	}
	other, err := Open(Needs{Function: "h", Redis: Read})
	if err != nil {
		t.Fatal(err)
	}
	if other.Redis != all.Redis {
		t.Error("two functions of one process with the same user opened two clients")
	}
}
