package objects_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"ipcredit/shared/fault"
	"ipcredit/shared/objects"
	"ipcredit/shared/objects/objectstest"
)

func TestEncryptedEndpointNeedsItsAuthority(t *testing.T) {
	t.Parallel()
	c := objectstest.MinIO(t)
	real, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = real.Scheme, real.Host
		r.Out.Host = r.In.Host
	}})
	s.Config.ErrorLog = nil
	s.StartTLS()
	defer s.Close()
	c.URL = s.URL
	if _, err := open(t, c).Main.Put(t.Context(), "n", nil, objects.Attr{}); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a certificate nobody vouches for: %v", err)
	}
	c.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(c.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	b := open(t, c)
	if _, err := b.Main.Create(t.Context(), "n", []byte("body"), objects.Attr{}); err != nil {
		t.Fatal(err)
	}
	if got, _, err := b.Main.Get(t.Context(), "n"); err != nil || string(got) != "body" {
		t.Errorf("%q, %v", got, err)
	}
	if err := os.WriteFile(c.CAFile, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := objects.Open(c); err == nil {
		t.Error("a file without certificate was accepted")
	}
}

func TestReadThatBreaksOffIsReadAgain(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte("0123456789"), 100_000)
	var breaks atomic.Int32
	c := between(t, objectstest.MinIO(t), nil, func(r *http.Response) error {
		if r.Request.Method == http.MethodGet && strings.HasSuffix(r.Request.URL.Path, "/n") && breaks.Add(-1) >= 0 {
			r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, 500_000), broken{}))
		}
		return nil
	})
	b := open(t, c)
	if _, err := b.Main.Put(t.Context(), "n", body, objects.Attr{}); err != nil {
		t.Fatal(err)
	}
	breaks.Store(2)
	if got, _, err := b.Main.Get(t.Context(), "n"); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	breaks.Store(1)
	r, _, err := b.Main.Open(t.Context(), "n")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if n, err := io.Copy(io.Discard, r); err == nil || n >= int64(len(body)) {
		t.Errorf("a stream that broke off ended well: %d bytes, %v", n, err)
	}
	breaks.Store(1 << 20)
	if _, _, err := b.Main.Get(t.Context(), "n"); !fault.Is(err, fault.Unavailable) || errors.Is(err, objects.ErrCorrupt) {
		t.Errorf("broken for ever: %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("cable pulled") }
