package notary

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Key signs checkpoints of one log, or receipts. It is one Ed25519 key in the
// notation of signed notes, or several of one name, one a line: then all of them
// sign, so that a new key can be made known before the old one is dropped.
type Key struct {
	signers []note.Signer
	public  []string
}

// Origin names a log: the public host (and path, if any), the city and the log's
// name, as in "credit.example.cn/410700/disclosure". It is the first line of each
// checkpoint and the name of the log's key, and never changes afterwards: a log
// that moves keeps the key, and with it the origin, that it was born with.
func Origin(publicURL, city, name string) (string, error) {
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("notary: %q is no public address", publicURL)
	}
	return u.Host + strings.TrimSuffix(u.EscapedPath(), "/") + "/" + city + "/" + name, nil
}

// NewKey makes a key for the origin and returns the content of the secret file:
// a private key in the notation of signed notes.
func NewKey(origin string) (string, error) {
	private, _, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return "", fmt.Errorf("notary: new key: %w", err)
	}
	return private, nil
}

// ParseKey reads a secret file that NewKey made. The error tells which line
// cannot be used, never what it holds.
func ParseKey(secret []byte) (*Key, error) {
	k := new(Key)
	for line := range bytes.Lines(secret) {
		text := strings.TrimSpace(string(line))
		if text == "" {
			continue
		}
		n := len(k.signers) + 1
		signer, err := note.NewSigner(text)
		if err != nil {
			return nil, fmt.Errorf("notary: line %d is no private key of signed notes", n)
		}
		if n > 1 && signer.Name() != k.Origin() {
			return nil, fmt.Errorf("notary: line %d is a key of another origin", n)
		}
		public, err := publicHalf(text, signer)
		if err != nil {
			return nil, fmt.Errorf("notary: line %d: %w", n, err)
		}
		k.signers, k.public = append(k.signers, signer), append(k.public, public)
	}
	if len(k.signers) == 0 {
		return nil, errors.New("notary: no key")
	}
	return k, nil
}

// publicHalf is the verifier key of a private key that note.NewSigner took:
// PRIVATE+KEY+<name>+<hash>+<base64 of algorithm and seed>.
func publicHalf(private string, signer note.Signer) (string, error) {
	parts := strings.SplitN(private, "+", 5) // base64 may hold a "+" of its own
	data, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(data) != 1+ed25519.SeedSize {
		return "", errors.New("no Ed25519 key")
	}
	seed := ed25519.NewKeyFromSeed(data[1:])
	public, err := note.NewEd25519VerifierKey(signer.Name(), seed.Public().(ed25519.PublicKey))
	if err != nil {
		return "", fmt.Errorf("notary: %w", err)
	}
	return public, nil
}

// Origin is the name of the key.
func (k *Key) Origin() string { return k.signers[0].Name() }

// Public are the verifier keys, one a line: what anybody needs to check what the
// key signed.
func (k *Key) Public() string { return strings.Join(k.public, "\n") + "\n" }

// Sign makes a signed note of the text, which ends in a newline. Whatever is
// signed with a log's key besides its checkpoints must begin with another line
// than the origin: that alone keeps it from being taken for a checkpoint.
func (k *Key) Sign(text string) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: text}, k.signers...)
	if err != nil {
		return nil, fmt.Errorf("notary: signing: %w", err)
	}
	return signed, nil
}

// Verifier checks signed notes with public keys.
type Verifier struct {
	name string
	list note.Verifiers
}

// ParsePublic reads verifier keys, one a line, all of one name.
func ParsePublic(text string) (*Verifier, error) {
	var list []note.Verifier
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		v, err := note.NewVerifier(line)
		if err != nil {
			return nil, fmt.Errorf("notary: line %d is no public key of signed notes", len(list)+1)
		}
		if len(list) > 0 && v.Name() != list[0].Name() {
			return nil, fmt.Errorf("notary: line %d is a key of another name", len(list)+1)
		}
		list = append(list, v)
	}
	if len(list) == 0 {
		return nil, errors.New("notary: no public key")
	}
	return &Verifier{name: list[0].Name(), list: note.VerifierList(list...)}, nil
}

// Origin is the name of the keys.
func (v *Verifier) Origin() string { return v.name }

// ErrSignature is returned for a note that none of the keys has signed.
var ErrSignature = errors.New("notary: not signed by this key")

// Open returns the text of a signed note, ErrSignature if no key of v signed it.
func (v *Verifier) Open(signed []byte) (string, error) {
	n, err := note.Open(signed, v.list)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return n.Text, nil
}

// verifier checks what the key signs.
func (k *Key) verifier() *Verifier {
	v, err := ParsePublic(k.Public())
	if err != nil {
		panic(err) // our own notation
	}
	return v
}
