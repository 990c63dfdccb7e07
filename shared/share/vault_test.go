package share

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

// The text of Standard Webhooks 1.0: v1a is Ed25519 over "id.timestamp.body", its
// public key "whpk_" and base64. This reads it with nothing of ours.
func TestAV1aSignatureIsWhatTheSpecificationSays(t *testing.T) {
	t.Parallel()
	text, _ := NewKey()
	k, err := ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"type":"credit.changed"}`
	h, err := k.Headers("d1", time.Unix(1778040000, 0), []byte(body), "")
	if err != nil {
		t.Fatal(err)
	}
	public, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(k.Public(), "whpk_"))
	if err != nil || len(public) != ed25519.PublicKeySize {
		t.Fatal(len(public), err)
	}
	version, value, _ := strings.Cut(h["webhook-signature"], ",")
	signature, err := base64.StdEncoding.DecodeString(value)
	if err != nil || version != "v1a" || h["webhook-timestamp"] != "1778040000" {
		t.Fatal(h, err)
	}
	for signed, ok := range map[string]bool{"d1.1778040000." + body: true, "d1.1778040001." + body: false, "d2.1778040000." + body: false, "d1.1778040000." + body + " ": false} {
		if ed25519.Verify(public, []byte(signed), signature) != ok {
			t.Errorf("%q: %t", signed, !ok)
		}
	}
}

func TestThreat_OurKeysAtOtherCitiesOpenWithTheDeliveryKeyAlone(t *testing.T) {
	t.Parallel()
	fresh := func() Key {
		text, _ := NewKey()
		k, err := ParseKey(text)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	k, other := fresh(), fresh()
	sealed, err := k.seal("c1", "ipc_secret_of_another_city")
	if err != nil || strings.Contains(sealed, "ipc_") {
		t.Fatal(sealed, err)
	}
	if text, err := k.unseal("c1", sealed); err != nil || text != "ipc_secret_of_another_city" {
		t.Error(text, err)
	}
	for name, try := range map[string]func() (string, error){
		"another key":     func() (string, error) { return other.unseal("c1", sealed) },
		"another source":  func() (string, error) { return k.unseal("c2", sealed) },
		"damaged":         func() (string, error) { return k.unseal("c1", sealed[4:]) },
		"nothing":         func() (string, error) { return k.unseal("c1", "") },
		"no delivery key": func() (string, error) { return Key{}.unseal("c1", sealed) },
	} {
		if text, err := try(); err == nil || text != "" || strings.Contains(err.Error(), "ipc_") {
			t.Errorf("%s: %q %v", name, text, err)
		}
	}
}
