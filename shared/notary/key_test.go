package notary

import (
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func TestOriginIsHostCityAndName(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ public, want string }{
		{"https://credit.example.cn", "credit.example.cn/410700/disclosure"},
		{"https://credit.example.cn/", "credit.example.cn/410700/disclosure"},
		{"https://example.cn/credit/", "example.cn/credit/410700/disclosure"},
		{"http://127.0.0.1:8080", "127.0.0.1:8080/410700/disclosure"},
		{"credit.example.cn", ""},
		{"", ""},
	} {
		got, err := Origin(tt.public, city, Disclosure)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: %q (%v)", tt.public, got, err)
		}
	}
}

func TestSecretIsThatOfSignedNotes(t *testing.T) {
	t.Parallel()
	secret, public, err := note.GenerateKey(nil, "example.com/log")
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParseKey([]byte("\n" + secret + "\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	if k.Origin() != "example.com/log" || k.Public() != public+"\n" {
		t.Errorf("%s, %s", k.Origin(), k.Public())
	}
	signed, err := k.Sign("text\n")
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(signed, note.VerifierList(v)); err != nil {
		t.Error(err)
	}
}

// TestKeysMayHoldAnyByte: base64 has a "+" of its own, which the notation uses
// between its parts.
func TestKeysMayHoldAnyByte(t *testing.T) {
	t.Parallel()
	for range 200 {
		secret, public, err := note.GenerateKey(nil, "a")
		if err != nil {
			t.Fatal(err)
		}
		if k, err := ParseKey([]byte(secret)); err != nil || k.Public() != public+"\n" {
			t.Fatalf("%s: %v", public, err)
		}
	}
}

func TestThreat_UnusableKeyIsRefusedWithoutBeingTold(t *testing.T) {
	t.Parallel()
	good, err := NewKey("example.com/log")
	if err != nil {
		t.Fatal(err)
	}
	other, err := NewKey("example.com/other")
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{
		"nothing":                 "",
		"blank lines":             "\n\n",
		"a key that is cut":       good[:len(good)-4],
		"a public key":            "example.com/log+e78a7ba1+AUsmVzSMYvNdcnwKLvRSnPR7q5gLdHGNaEV5+mQ9wtX/",
		"32 bytes of base64":      "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"a second key's line":     good + "\n" + other,
		"a second line of slag":   good + "\nsecret-slag",
		"an age identity instead": "AGE-SECRET-KEY-1",
	} {
		k, err := ParseKey([]byte(secret))
		if err == nil {
			t.Errorf("%s: taken as %s", name, k.Origin())
			continue
		}
		for line := range strings.Lines(secret) {
			if line = strings.TrimSpace(line); line != "" && strings.Contains(err.Error(), line) {
				t.Errorf("%s: the error tells the secret", name)
			}
		}
	}
	for _, public := range []string{"", "x", good} {
		if _, err := ParsePublic(public); err == nil {
			t.Errorf("%q passes for a public key", public)
		}
	}
}
