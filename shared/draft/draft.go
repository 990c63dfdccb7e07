// Package draft keeps what somebody is still writing so that nobody but his own
// device can read it: sealed with a key derived from a token that only the device
// has, under a hash of that token, for a while.
package draft

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"ipcredit/shared/seal"
)

// tokenBytes are the random bytes of a token.
const tokenBytes = 32

var text64 = base64.RawURLEncoding.Strict()

// NewToken is a token for a device: 256 random bits in base64 for addresses,
// though it never belongs into one.
func NewToken() string {
	b := make([]byte, tokenBytes)
	_, _ = rand.Read(b) // never fails
	return text64.EncodeToString(b)
}

// IsToken tells whether s has the form of a token.
func IsToken(s string) bool {
	b, err := text64.DecodeString(s)
	return err == nil && len(b) == tokenBytes
}

// Key is the name that the token's draft is kept under and the cipher it is
// sealed with. From the name neither the token nor the cipher can be found. An
// error is a text that is no token, and does not quote it.
func Key(token string) (name string, key cipher.AEAD, err error) {
	secret, err := text64.DecodeString(token)
	if err != nil || len(secret) != tokenBytes {
		return "", nil, errors.New("draft: not a token")
	}
	// The labels are those of the form that had drafts first.
	id, err := hkdf.Key(sha256.New, secret, nil, "report-intake draft name v1", 16)
	if err != nil {
		return "", nil, fmt.Errorf("draft: %w", err)
	}
	k, err := hkdf.Key(sha256.New, secret, nil, "report-intake draft key v1", 32)
	if err != nil {
		return "", nil, fmt.Errorf("draft: %w", err)
	}
	key, err = Cipher(k)
	return text64.EncodeToString(id), key, err
}

// Cipher is AES-256-GCM under the key. Nonces are random and chosen by it: no key
// may seal more than 2³² texts.
func Cipher(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("draft: %w", err)
	}
	a, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("draft: %w", err)
	}
	return a, nil
}

// Lock seals v as JSON in base64, padded so that its length tells a bucket and no
// more; about is bound to it.
func Lock(key cipher.AEAD, about string, v any) (string, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("draft: sealing: %w", err)
	}
	return text64.EncodeToString(key.Seal(nil, nil, seal.Pad(plain), []byte(about))), nil
}

// Unlock opens what Lock made with the same key and about; false for anything
// else.
func Unlock(key cipher.AEAD, about, sealed string, v any) bool {
	b, err := text64.DecodeString(sealed)
	if err != nil {
		return false
	}
	padded, err := key.Open(nil, nil, b, []byte(about))
	if err != nil {
		return false
	}
	plain, err := seal.Unpad(padded)
	return err == nil && json.Unmarshal(plain, v) == nil
}
