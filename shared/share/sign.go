package share

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// The prefixes of Standard Webhooks 1.0: private and public keys of v1a
// signatures, and shared secrets of v1.
const (
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
	sharedPrefix  = "whsec_"
)

// Key signs what receivers are sent (Standard Webhooks 1.0): with Ed25519 (v1a)
// for everybody, and with a secret that one receiver shares (v1) for those whose
// libraries know only that.
type Key struct{ private ed25519.PrivateKey }

// NewKey makes a key as ParseKey reads it.
func NewKey() (string, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("share: making a key: %w", err)
	}
	return privatePrefix + base64.StdEncoding.EncodeToString(private), nil
}

// ParseKey reads "whsk_" and base64 of a key of 64 bytes, or of its seed of 32.
// The error does not quote it.
func ParseKey(text string) (Key, error) {
	wrong := errors.New("share: the key is not whsk_ and base64 of an Ed25519 key")
	encoded, ok := strings.CutPrefix(strings.TrimSpace(text), privatePrefix)
	data, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil {
		return Key{}, wrong
	}
	switch len(data) {
	case ed25519.SeedSize:
		return Key{ed25519.NewKeyFromSeed(data)}, nil
	case ed25519.PrivateKeySize:
		private := ed25519.NewKeyFromSeed(data[:ed25519.SeedSize])
		if !private.Equal(ed25519.PrivateKey(data)) {
			return Key{}, wrong // its public half is another key's
		}
		return Key{private}, nil
	}
	return Key{}, wrong
}

// Public is the key that verifies v1a signatures: "whpk_" and base64.
func (k Key) Public() string {
	public, _ := k.private.Public().(ed25519.PublicKey)
	return publicPrefix + base64.StdEncoding.EncodeToString(public)
}

// Secret is the secret shared with the receiver of a subscription, "whsec_" and
// base64. It follows from the key, the subscription and how often its secret was
// changed, so it is stored nowhere.
func (k Key) Secret(subscription string, generation int) (string, error) {
	secret, err := hkdf.Key(sha256.New, k.private.Seed(), nil, "webhook secret "+subscription+" "+strconv.Itoa(generation), 32)
	if err != nil {
		return "", fmt.Errorf("share: deriving a secret: %w", err)
	}
	return sharedPrefix + base64.StdEncoding.EncodeToString(secret), nil
}

// Headers are the headers that go with a body. The id stays the same over all
// tries, so a receiver can tell a repetition. With a shared secret there are two
// signatures; a receiver takes the one that its library knows.
func (k Key) Headers(id string, at time.Time, body []byte, shared string) (map[string]string, error) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	signed := append([]byte(id+"."+stamp+"."), body...)
	signature := "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(k.private, signed))
	if shared != "" {
		hook, err := webhooks.NewWebhook(shared)
		if err != nil {
			return nil, errors.New("share: a shared secret is not whsec_ and base64")
		}
		symmetric, err := hook.Sign(id, at, body)
		if err != nil {
			return nil, fmt.Errorf("share: signing: %w", err)
		}
		signature += " " + symmetric
	}
	return map[string]string{webhooks.HeaderWebhookID: id, webhooks.HeaderWebhookTimestamp: stamp, webhooks.HeaderWebhookSignature: signature}, nil
}

// Verify checks a v1a signature as a receiver does: of these headers, by the
// public key, at most five minutes old or ahead.
func Verify(public, id, stamp, signatures string, body []byte, now time.Time) error {
	key, err := publicKey(public)
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id == "" || strings.Contains(id, ".") || err != nil {
		return errors.New("share: webhook headers are missing or malformed")
	}
	const tolerance = 5 * time.Minute
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return errors.New("share: the delivery is too old or from the future")
	}
	signed := append([]byte(id+"."+stamp+"."), body...)
	for part := range strings.FieldsSeq(signatures) {
		value, ok := strings.CutPrefix(part, "v1a,")
		signature, err := base64.StdEncoding.DecodeString(value)
		if ok && err == nil && ed25519.Verify(key, signed, signature) {
			return nil
		}
	}
	return errors.New("share: no signature matches")
}

// publicKey reads "whpk_" and base64.
func publicKey(text string) (ed25519.PublicKey, error) {
	encoded, ok := strings.CutPrefix(strings.TrimSpace(text), publicPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) != ed25519.PublicKeySize {
		return nil, errors.New("share: the public key is not whpk_ and base64 of an Ed25519 key")
	}
	return key, nil
}
