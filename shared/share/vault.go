package share

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// Our API keys at other cities stand in Redis and in the journal, so they stand
// there sealed (AES-256-GCM) under a key that follows from the one that signs
// deliveries: only the function that holds that one can use them, and who copies
// Redis or the journal has nothing.

func (k Key) vault(id string) (cipher.AEAD, error) {
	if k.private == nil {
		return nil, errors.New("share: there is no key to seal with")
	}
	key, err := hkdf.Key(sha256.New, k.private.Seed(), nil, "key of another city "+id, 32)
	if err != nil {
		return nil, fmt.Errorf("share: deriving a key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("share: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal seals a text for the source with the id.
func (k Key) seal(id, text string) (string, error) {
	v, err := k.vault(id)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(v.Seal(nil, nil, []byte(text), []byte(id))), nil
}

// errSealed: sealed under another key, for another source, or damaged.
var errSealed = errors.New("share: a sealed key does not open")

// unseal opens it; the error quotes nothing.
func (k Key) unseal(id, sealed string) (string, error) {
	v, err := k.vault(id)
	if err != nil {
		return "", err
	}
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil {
		return "", errSealed
	}
	text, err := v.Open(nil, nil, raw, []byte(id))
	if err != nil {
		return "", errSealed
	}
	return string(text), nil
}
