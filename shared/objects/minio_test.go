package objects_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
)

// between puts a meddler before a real server. Requests pass as they are signed.
func between(t *testing.T, c objects.Config, wrap func(real http.Handler) http.Handler, answer func(*http.Response) error) objects.Config {
	t.Helper()
	real, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = real.Scheme, real.Host
			r.Out.Host = r.In.Host // signed
		},
		ModifyResponse: answer,
	}
	var h http.Handler = proxy
	if wrap != nil {
		h = wrap(proxy)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c.URL = s.URL
	return c
}

func open(t *testing.T, c objects.Config) *objects.Buckets {
	t.Helper()
	b, err := objects.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCreatorWhoseAnswerWasLostStillWins(t *testing.T) {
	t.Parallel()
	var lose atomic.Bool
	c := between(t, objectstest.MinIO(t), func(real http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/n") && lose.CompareAndSwap(true, false) {
				real.ServeHTTP(httptest.NewRecorder(), r) // the store has done it …
				panic(http.ErrAbortHandler)               // … and nobody is told
			}
			real.ServeHTTP(w, r)
		})
	}, nil)
	b := open(t, c)
	for _, s := range []objects.Store{b.Main, b.Keys} {
		lose.Store(true)
		created, err := s.Create(t.Context(), "n", []byte("mine"), objects.Attr{})
		if err != nil {
			t.Fatal(err)
		}
		if lose.Load() {
			t.Fatal("no answer was lost")
		}
		lose.Store(true)
		if _, err := s.Swap(t.Context(), "n", []byte("also mine"), created.ETag, objects.Attr{}); err != nil {
			t.Fatal(err)
		}
		if got, _, err := s.Get(t.Context(), "n"); err != nil || string(got) != "also mine" {
			t.Errorf("read %q, %v", got, err)
		}
		lose.Store(true)
		if _, err := s.Create(t.Context(), "n", []byte("mine"), objects.Attr{}); !errors.Is(err, objects.ErrExists) {
			t.Errorf("an earlier object of the same content passed for this write: %v", err)
		}
	}
}

func TestBytesAlteredOnTheWayAreCorrupt(t *testing.T) {
	t.Parallel()
	c := between(t, objectstest.MinIO(t), nil, func(r *http.Response) error {
		if r.Request.Method != http.MethodGet || !strings.HasSuffix(r.Request.URL.Path, "/n") {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		body[0] ^= 1
		r.Body = io.NopCloser(bytes.NewReader(body))
		return nil
	})
	b := open(t, c)
	if _, err := b.Main.Put(t.Context(), "n", []byte("body"), objects.Attr{}); err != nil {
		t.Fatal(err)
	}
	if got, _, err := b.Main.Get(t.Context(), "n"); !errors.Is(err, objects.ErrCorrupt) {
		t.Errorf("Get = %q, %v", got, err)
	}
}

func TestStoreThatDoesNotVouchForChecksumsIsReadBack(t *testing.T) {
	t.Parallel()
	var alter atomic.Bool
	var reads atomic.Int32
	c := between(t, objectstest.MinIO(t), nil, func(r *http.Response) error {
		r.Header.Del("X-Amz-Checksum-Sha256")
		if r.Request.Method == http.MethodGet && strings.HasSuffix(r.Request.URL.Path, "/n") {
			reads.Add(1)
			if alter.Load() {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return err
				}
				body[0] ^= 1
				r.Body = io.NopCloser(bytes.NewReader(body))
			}
		}
		return nil
	})
	b := open(t, c)
	if _, err := b.Main.Put(t.Context(), "n", []byte("body"), objects.Attr{}); err != nil || reads.Load() != 1 {
		t.Errorf("%v after %d reads", err, reads.Load())
	}
	alter.Store(true)
	if _, err := b.Main.Put(t.Context(), "n", []byte("body"), objects.Attr{}); !errors.Is(err, objects.ErrCorrupt) {
		t.Errorf("what the store holds was not compared: %v", err)
	}
	caps, err := b.Main.Probe(t.Context())
	if err != nil || caps.Checksum {
		t.Errorf("%v, %v", caps, err)
	}
}

func TestLockThatDidNotTakeEffectIsAnError(t *testing.T) {
	t.Parallel()
	c := between(t, objectstest.MinIO(t), nil, func(r *http.Response) error {
		r.Header.Del("X-Amz-Object-Lock-Retain-Until-Date")
		return nil
	})
	b := open(t, c)
	_, err := b.Main.Create(t.Context(), "n", []byte("x"), objects.Attr{RetainUntil: time.Now().Add(time.Hour)})
	if !errors.Is(err, objects.ErrUnsupported) {
		t.Errorf("error = %v", err)
	}
}

func TestAnsweredRangeIsChecked(t *testing.T) {
	t.Parallel()
	c := between(t, objectstest.MinIO(t), nil, func(r *http.Response) error {
		r.Header.Del("Content-Range")
		return nil
	})
	b := open(t, c)
	if _, err := b.Main.Put(t.Context(), "n", []byte("0123456789"), objects.Attr{}); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Main.Range(t.Context(), "n", 2, 3); !errors.Is(err, objects.ErrUnsupported) {
		t.Errorf("Range = %q, %v", got, err)
	}
}

// A server that says 200 to everything is what an old S3 imitation is to a
// conditional write. No real server on hand does that.
func TestStoreThatIgnoresConditionsIsRefused(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", `"0123456789abcdef0123456789abcdef"`)
		w.Header().Set("X-Amz-Checksum-Sha256", r.Header.Get("X-Amz-Checksum-Sha256"))
		switch {
		case r.URL.Query().Has("object-lock"):
			w.WriteHeader(http.StatusNotImplemented)
		case r.URL.Query().Has("versioning"):
			_, _ = io.WriteString(w, `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></VersioningConfiguration>`)
		case r.Method == http.MethodHead && strings.Count(r.URL.Path, "/") > 2:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer s.Close()
	b := open(t, objects.Config{URL: s.URL, Prefix: "t", AccessKey: "a", SecretKey: "b", PathStyle: true})
	for _, s := range []objects.Store{b.Main, b.Keys} {
		if _, err := s.Create(t.Context(), "n", []byte("x"), objects.Attr{}); !errors.Is(err, objects.ErrUnsupported) {
			t.Errorf("Create: %v", err)
		}
		if _, err := s.Swap(t.Context(), "n", []byte("x"), "e", objects.Attr{}); !errors.Is(err, objects.ErrUnsupported) {
			t.Errorf("Swap: %v", err)
		}
	}
}

func TestUnreachableStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close() // now nobody listens there
	const secret = "canary-of-the-secret-key"
	c := objects.Config{URL: "http://" + l.Addr().String(), Prefix: "t", AccessKey: "a", SecretKey: secret, PathStyle: true, Create: true}
	b := open(t, c)
	_, err = b.Main.Put(t.Context(), "n", nil, objects.Attr{})
	f, ok := fault.Of(err)
	if !ok || f.Kind != fault.Unavailable || f.RetryAfter <= 0 {
		t.Errorf("Put: %v", err)
	}
	if _, _, err := b.Keys.Get(t.Context(), "n"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Get: %v", err)
	}
	if _, err := b.Main.Probe(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("Probe: %v", err)
	}
	for _, text := range []string{fmt.Sprint(err), c.String(), fmt.Sprintf("%v %+v %#v %s", c, c, c, c)} {
		if strings.Contains(text, secret) {
			t.Errorf("the secret key is in %q", text)
		}
	}
}

func TestBadSettingsAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		c    objects.Config
	}{
		{"nothing", objects.Config{}},
		{"no scheme", objects.Config{URL: "127.0.0.1:9000", Prefix: "p"}},
		{"another scheme", objects.Config{URL: "ftp://h", Prefix: "p"}},
		{"a path", objects.Config{URL: "http://h/bucket", Prefix: "p"}},
		{"a password in the address", objects.Config{URL: "http://a:canary@h", Prefix: "p"}},
		{"no prefix", objects.Config{URL: "http://h"}},
		{"no such authority", objects.Config{URL: "https://h", Prefix: "p", CAFile: t.TempDir() + "/none"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := objects.Open(test.c); err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("error = %v", err)
			}
		})
	}
}

func TestWrongCredentialsAreNotAnAbsence(t *testing.T) {
	t.Parallel()
	c := objectstest.MinIO(t)
	if _, err := open(t, c).Main.Put(t.Context(), "n", []byte("x"), objects.Attr{}); err != nil {
		t.Fatal(err)
	}
	c.SecretKey = "wrong-secret-key"
	b := open(t, c)
	if _, _, err := b.Main.Get(t.Context(), "n"); err == nil || errors.Is(err, objects.ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	if _, err := b.Main.Put(t.Context(), "n", nil, objects.Attr{}); err == nil {
		t.Error("Put passed")
	}
	for _, err := range b.Main.List(t.Context(), "", "") {
		if err == nil || errors.Is(err, objects.ErrNotFound) {
			t.Errorf("List: %v", err)
		}
	}
}

func TestMissingBucketIsMadeOnlyWhenAllowed(t *testing.T) {
	t.Parallel()
	c := objectstest.MinIO(t)
	c.Create = false
	if _, err := open(t, c).Main.Put(t.Context(), "n", nil, objects.Attr{}); err == nil || !strings.Contains(err.Error(), c.Prefix+"-locked") {
		t.Errorf("Put: %v", err)
	}
	c.Create = true
	if _, err := open(t, c).Main.Put(t.Context(), "n", nil, objects.Attr{}); err != nil {
		t.Errorf("Put: %v", err)
	}
	c.Create = false
	if _, _, err := open(t, c).Main.Get(t.Context(), "n"); err != nil {
		t.Errorf("Get: %v", err)
	}
}

func TestProbeSeesWhatTheStoreCanDo(t *testing.T) {
	t.Run("directory", func(t *testing.T) {
		b := objectstest.Directory(t)
		probe(t, b.Main, objects.Capabilities{Backend: "directory", Conditional: true, Swap: true, Checksum: true, Range: true},
			"objects.weak.versioning objects.weak.lock")
		probe(t, b.Keys, objects.Capabilities{Backend: "directory", Erasable: true, Conditional: true, Swap: true, Checksum: true, Range: true}, "")
	})
	t.Run("minio", func(t *testing.T) {
		b := objectstest.Real(t)
		for range 2 { // the second finds the locked leftover of the first
			probe(t, b.Main, objects.Capabilities{Backend: "s3", Versioning: true, Lock: true, Conditional: true, Swap: true, Checksum: true, Range: true}, "")
			probe(t, b.Keys, objects.Capabilities{Backend: "s3", Erasable: true, Conditional: true, Swap: true, Checksum: true, Range: true}, "")
		}
	})
}

func probe(t *testing.T, s objects.Store, want objects.Capabilities, weak string) {
	t.Helper()
	got, err := s.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Skew.Abs() > 2*time.Second {
		t.Errorf("clock off by %s on the same machine", got.Skew)
	}
	got.Skew = 0
	if got != want {
		t.Errorf("probe saw %+v\nwant      %+v", got, want)
	}
	if w := strings.Join(got.Weak(), " "); w != weak {
		t.Errorf("weak: %q, want %q", w, weak)
	}
	for info, err := range s.List(context.Background(), "", "") {
		t.Errorf("the probe left %+v, %v", info, err)
	}
}

func TestEveryWeaknessIsNamed(t *testing.T) {
	t.Parallel()
	main := strings.Join(objects.Capabilities{Skew: -time.Minute}.Weak(), " ")
	if main != "objects.weak.versioning objects.weak.lock objects.weak.conditional objects.weak.swap objects.weak.checksum objects.weak.range objects.weak.skew" {
		t.Errorf("main: %s", main)
	}
	keys := strings.Join(objects.Capabilities{Erasable: true, Versioning: true}.Weak(), " ")
	if keys != "objects.weak.keys_versioned objects.weak.conditional objects.weak.swap objects.weak.checksum objects.weak.range" {
		t.Errorf("keys: %s", keys)
	}
	for _, skew := range []time.Duration{objects.MaxSkew, -objects.MaxSkew} {
		all := objects.Capabilities{Versioning: true, Lock: true, Conditional: true, Swap: true, Checksum: true, Range: true, Skew: skew}
		if w := all.Weak(); len(w) > 0 {
			t.Errorf("skew %s: %q", skew, w)
		}
	}
}

func TestBucketOfKeysThatKeepsVersionsIsRefused(t *testing.T) {
	t.Parallel()
	c := objectstest.MinIO(t)
	if err := objects.KeepVersions(t.Context(), open(t, c).Keys); err != nil {
		t.Fatal(err)
	}
	s := open(t, c).Keys
	if _, err := s.Create(t.Context(), "k", []byte("key"), objects.Attr{}); !errors.Is(err, objects.ErrUnsupported) {
		t.Errorf("Create: %v", err)
	}
	caps, err := s.Probe(t.Context())
	if err != nil || !caps.Versioning || caps.Weak()[0] != "objects.weak.keys_versioned" {
		t.Errorf("%v, %v", caps, err)
	}
}

func TestWithoutObjectLockThisPackageKeepsTheLock(t *testing.T) {
	t.Parallel()
	c := objectstest.MinIO(t)
	if err := objects.MakePlain(t.Context(), open(t, c).Main); err != nil {
		t.Fatal(err)
	}
	s := open(t, c).Main
	until := time.Now().Add(time.Hour)
	if _, err := s.Create(t.Context(), "n", []byte("original"), objects.Attr{RetainUntil: until, Type: "text/plain"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Retain(t.Context(), "n", until.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "n"); !errors.Is(err, objects.ErrRetained) {
		t.Errorf("Delete: %v", err)
	}
	if _, err := s.Put(t.Context(), "n", nil, objects.Attr{}); !errors.Is(err, objects.ErrRetained) {
		t.Errorf("Put: %v", err)
	}
	got, info, err := s.Get(t.Context(), "n")
	if err != nil || string(got) != "original" || info.Type != "text/plain" || info.RetainUntil.Before(until.Add(time.Hour)) {
		t.Errorf("%q, %+v, %v", got, info, err)
	}
	caps, err := s.Probe(t.Context())
	if err != nil || strings.Join(caps.Weak(), " ") != "objects.weak.versioning objects.weak.lock" {
		t.Errorf("%v, %v", caps, err)
	}
}

func TestLockedVersionOutlivesADeleteMarker(t *testing.T) {
	t.Parallel()
	s := objectstest.Real(t).Main
	if _, err := s.Create(t.Context(), "n", []byte("original"), objects.Attr{RetainUntil: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if err := objects.HideByMarker(t.Context(), s, "n"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), "n"); !errors.Is(err, objects.ErrNotFound) {
		t.Fatalf("the marker did not hide it: %v", err)
	}
	if err := s.Delete(t.Context(), "n"); !errors.Is(err, objects.ErrRetained) {
		t.Errorf("Delete: %v", err)
	}
}
