// Package seal encrypts what only named people may read, and forgets keys.
//
// Everything sealed is an age file (age-encryption.org/v1, X25519 recipients),
// so whoever holds a key opens it without this program, with any age tool.
//
// Sealing needs a public key only. It hides content and shows alteration of a
// sealed text, but it proves no sender: whoever has the public key can seal
// something else. What must be known to come from us is hashed into the journal
// by its owner.
//
// No private key appears in an error, in a log or in any formatted output of
// this package; Identity.Reveal is the one way to see one.
package seal

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"filippo.io/age"
)

// What opening answers. Compare with errors.Is. None of these errors quotes
// what was read, for it may be plain text that should have been sealed.
var (
	// ErrWrongKey: sealed, but to none of the identity's keys.
	ErrWrongKey = errors.New("seal: sealed to another key")
	// ErrDamaged: altered, cut short, put in another's place, or never sealed.
	ErrDamaged = errors.New("seal: damaged or not sealed")
	// ErrKey: the text is no key of the kind expected.
	ErrKey = errors.New("seal: not a key")
)

const (
	// MaxKeys is how many keys one party may have at a time (rotation overlap).
	MaxKeys = 8
	// maxHeader bounds the part of a sealed text that costs a key agreement a
	// line, so that a hostile one is refused before it costs anything.
	maxHeader = 4096
	intro     = "age-encryption.org/v1\n"
)

// Recipient is a party that things are sealed to: one public key, or several
// while its key is being changed. The zero Recipient refuses to seal.
type Recipient struct {
	keys []publicKey
}

// ParseRecipient reads public keys (age1…), one a line; empty lines and lines
// that begin with # are skipped. What is sealed opens with any of them.
func ParseRecipient(text string) (Recipient, error) {
	var r Recipient
	err := lines(text, func(line string) error {
		// No error quotes the line, which may be a private key that somebody put
		// into the wrong file.
		k, err := parsePublic(line)
		if err != nil {
			return err
		}
		r.keys = append(r.keys, k)
		return nil
	})
	if err != nil {
		return Recipient{}, fmt.Errorf("seal: reading public keys: %w", err)
	}
	return r, nil
}

// lines calls f for each line that is neither empty nor a comment.
func lines(text string, f func(string) error) error {
	n, found := 0, 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if found++; found > MaxKeys {
			return fmt.Errorf("%w: more than %d", ErrKey, MaxKeys)
		}
		if err := f(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if found == 0 {
		return fmt.Errorf("%w: there is none", ErrKey)
	}
	return nil
}

// Keys lists the public keys, age1….
func (r Recipient) Keys() []string {
	keys := make([]string, len(r.keys))
	for i, k := range r.keys {
		keys[i] = k.String()
	}
	return keys
}

// String is the public keys, one a line, as ParseRecipient reads them.
func (r Recipient) String() string { return strings.Join(r.Keys(), "\n") }

// Seal returns plain sealed to the recipient. Sealing the same twice gives
// different texts of equal length; the length tells that of plain: see Pad.
func (r Recipient) Seal(plain []byte) ([]byte, error) { return r.seal(plain) }

// seal seals the parts as one text, without joining them first.
func (r Recipient) seal(parts ...[]byte) ([]byte, error) {
	if len(r.keys) == 0 {
		return nil, errors.New("seal: sealing to nobody")
	}
	to := make([]age.Recipient, len(r.keys))
	for i, k := range r.keys {
		to[i] = k
	}
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	var sealed bytes.Buffer
	sealed.Grow(sealedSize(size, len(to)))
	w, err := age.Encrypt(&sealed, to...)
	if err != nil {
		return nil, fmt.Errorf("seal: sealing: %w", err)
	}
	for _, p := range parts {
		if _, err := w.Write(p); err != nil {
			return nil, fmt.Errorf("seal: sealing: %w", err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("seal: sealing: %w", err)
	}
	return sealed.Bytes(), nil
}

// sealedSize is at least the length of a sealed text.
func sealedSize(plain, keys int) int {
	const chunk, tag = 64 << 10, 16
	return plain + (plain/chunk+1)*tag + 128*(keys+1)
}

// SealString is Seal in base64 (standard alphabet, no padding), for values in
// Redis and in the journal.
func (r Recipient) SealString(plain string) (string, error) {
	sealed, err := r.Seal([]byte(plain))
	if err != nil {
		return "", err
	}
	return base64.RawStdEncoding.EncodeToString(sealed), nil
}

// SealText is SealString of the padded text: use it where the length alone
// would say something, as it does of a name, a message or a narrative.
func (r Recipient) SealText(text string) (string, error) {
	sealed, err := r.Seal(Pad([]byte(text)))
	if err != nil {
		return "", err
	}
	return base64.RawStdEncoding.EncodeToString(sealed), nil
}

// Identity opens what is sealed to its Recipient: one private key, or several
// while a key is being changed. The zero Identity opens nothing. However it is
// formatted, it shows nothing; it refuses to be encoded.
type Identity struct {
	keys []privateKey
}

// Generate returns a new identity.
func Generate() (Identity, error) {
	secret, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return Identity{}, fmt.Errorf("seal: making a key: %w", err)
	}
	return Identity{keys: []privateKey{newPrivate(secret)}}, nil
}

// ParseIdentity reads private keys (AGE-SECRET-KEY-1…), one a line; empty lines
// and lines that begin with # are skipped. Each of them opens.
func ParseIdentity(text string) (Identity, error) {
	var i Identity
	err := lines(text, func(line string) error {
		k, err := parsePrivate(line)
		if err != nil {
			return err
		}
		i.keys = append(i.keys, k)
		return nil
	})
	if err != nil {
		return Identity{}, fmt.Errorf("seal: reading private keys: %w", err)
	}
	return i, nil
}

// Recipient is the public side: what is sealed to it opens with i.
func (i Identity) Recipient() Recipient {
	var r Recipient
	for _, k := range i.keys {
		r.keys = append(r.keys, k.public())
	}
	return r
}

// Unseal opens a sealed text: ErrWrongKey if it is sealed to others, ErrDamaged
// if it is not exactly what was sealed. Nothing is returned of a damaged one.
func (i Identity) Unseal(sealed []byte) ([]byte, error) {
	if len(i.keys) == 0 {
		return nil, ErrWrongKey
	}
	header := sealed[:min(len(sealed), maxHeader)]
	if !bytes.HasPrefix(header, []byte(intro)) || !bytes.Contains(header, []byte("\n--- ")) {
		return nil, ErrDamaged
	}
	ids := make([]age.Identity, len(i.keys))
	for n, k := range i.keys {
		opener, err := k.opener()
		if err != nil {
			return nil, ErrKey // the library's own error may quote the key
		}
		ids[n] = opener
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), ids...)
	var nobody *age.NoIdentityMatchError
	if errors.As(err, &nobody) {
		return nil, ErrWrongKey
	}
	if err != nil {
		return nil, ErrDamaged
	}
	var plain bytes.Buffer
	plain.Grow(len(sealed) + bytes.MinRead)
	if _, err := io.Copy(&plain, r); err != nil {
		return nil, ErrDamaged
	}
	return plain.Bytes(), nil
}

// UnsealString opens what SealString made.
func (i Identity) UnsealString(sealed string) (string, error) {
	raw, err := base64.RawStdEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return "", ErrDamaged
	}
	plain, err := i.Unseal(raw)
	return string(plain), err
}

// UnsealText opens what SealText made.
func (i Identity) UnsealText(sealed string) (string, error) {
	padded, err := i.UnsealString(sealed)
	if err != nil {
		return "", err
	}
	text, err := Unpad([]byte(padded))
	return string(text), err
}

// Reveal returns the private keys, one a line, as ParseIdentity reads them. It
// is for writing a new secret file and for nothing else.
func (i Identity) Reveal() string {
	keys := make([]string, len(i.keys))
	for n, k := range i.keys {
		keys[n] = bech32Secret(k.secret)
	}
	return strings.Join(keys, "\n")
}

// hidden is all that any formatting shows of an identity.
const hidden = "[private key]"

// String shows nothing.
func (Identity) String() string { return hidden }

// Format shows nothing under any verb, also inside other values.
func (Identity) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue shows nothing.
func (Identity) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText refuses: a private key is never part of a document.
func (Identity) MarshalText() ([]byte, error) {
	return nil, errors.New("seal: a private key cannot be encoded")
}
