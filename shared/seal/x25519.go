package seal

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"

	"filippo.io/age"
	"golang.org/x/crypto/chacha20poly1305"
)

// The keys are age's X25519 keys, and what they wrap opens with any age tool. The
// library's own recipient multiplies four times for each wrap, twice of it to
// find public halves that are known, and two thirds of what a tip-off costs are
// these multiplications. So wrapping is done here, with two: the scheme is that
// of age-encryption.org/v1, the primitives are the standard library's. Opening is
// the library's.

const (
	publicPrefix  = "age"
	privatePrefix = "age-secret-key-"
	// wrapInfo separates this use of a shared secret from any other (age-encryption.org/v1).
	wrapInfo = "age-encryption.org/v1/X25519"
)

// publicKey is a recipient; it implements age.Recipient.
type publicKey struct{ point *ecdh.PublicKey }

func parsePublic(text string) (publicKey, error) {
	raw, ok := unbech32(publicPrefix, text, strings.ToLower)
	if !ok {
		return publicKey{}, ErrKey
	}
	point, err := ecdh.X25519().NewPublicKey(raw)
	if err != nil {
		return publicKey{}, ErrKey
	}
	return publicKey{point}, nil
}

func (k publicKey) String() string { return bech32(publicPrefix, k.point.Bytes()) }

// Wrap implements age.Recipient: the stanza of an X25519 recipient.
func (k publicKey) Wrap(fileKey []byte) ([]*age.Stanza, error) {
	ephemeral, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("seal: wrapping: %w", err)
	}
	// Refuses a point of low order, which would make the secret known to all.
	secret, err := ephemeral.ECDH(k.point)
	if err != nil {
		return nil, fmt.Errorf("seal: wrapping: %w", err)
	}
	ours := ephemeral.PublicKey().Bytes()
	salt := append(append([]byte(nil), ours...), k.point.Bytes()...)
	key, err := hkdf.Key(sha256.New, secret, salt, wrapInfo, chacha20poly1305.KeySize)
	if err != nil {
		return nil, fmt.Errorf("seal: wrapping: %w", err)
	}
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		return nil, fmt.Errorf("seal: wrapping: %w", err)
	}
	// The key is good for this one text: its nonce is zero, as the scheme has it.
	return []*age.Stanza{{
		Type: "X25519", Args: []string{base64.RawStdEncoding.EncodeToString(ours)},
		Body: aead.Seal(nil, make([]byte, chacha20poly1305.NonceSize), fileKey, nil),
	}}, nil
}

// privateKey is an identity.
type privateKey struct {
	secret *ecdh.PrivateKey
	// opener is the library's, made when something is opened: most keys are made
	// to seal to, and to be wrapped, and are never seen again.
	opener func() (*age.X25519Identity, error)
}

func newPrivate(secret *ecdh.PrivateKey) privateKey {
	return privateKey{secret, sync.OnceValues(func() (*age.X25519Identity, error) {
		return age.ParseX25519Identity(bech32Secret(secret))
	})}
}

func bech32Secret(secret *ecdh.PrivateKey) string {
	return strings.ToUpper(bech32(privatePrefix, secret.Bytes()))
}

func parsePrivate(text string) (privateKey, error) {
	raw, ok := unbech32(privatePrefix, text, strings.ToUpper)
	if !ok {
		return privateKey{}, ErrKey
	}
	secret, err := ecdh.X25519().NewPrivateKey(raw)
	if err != nil {
		return privateKey{}, ErrKey
	}
	return newPrivate(secret), nil
}

func (k privateKey) public() publicKey { return publicKey{k.secret.PublicKey()} }

// alphabet are the digits of BIP 173.
const alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// unbech32 reads 32 bytes out of the one text that bech32 writes for them, in the
// letters that letters makes.
func unbech32(hrp, text string, letters func(string) string) ([]byte, bool) {
	digits, found := strings.CutPrefix(strings.ToLower(text), hrp+"1")
	if !found || len(digits) != 52+6 {
		return nil, false
	}
	raw := make([]byte, 0, 32)
	acc, bits := uint32(0), 0
	for _, c := range []byte(digits[:52]) {
		d := strings.IndexByte(alphabet, c)
		if d < 0 {
			return nil, false
		}
		acc, bits = acc<<5|uint32(d), bits+5
		if bits >= 8 {
			bits -= 8
			raw = append(raw, byte(acc>>bits))
		}
	}
	return raw, letters(bech32(hrp, raw)) == text
}
