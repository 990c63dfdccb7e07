package notary

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Leaf is one event as it stands in the log for ever, for everybody: what
// happened, when, and a commitment to the document it happened to. It has no
// room for a name, a number or a reason, so that a lawful removal of the document
// leaves nothing behind here that had to be removed too.
type Leaf struct {
	// V is the version of this format: 1.
	V int `json:"v"`
	// Event is what happened, as a word of a program: "profile", "tip-off.lodged".
	// Up to 40 of lower-case letters, digits, "." and "-".
	Event string `json:"event"`
	// At is when, as coarse as the caller wants: a day (2006-01-02) or an instant
	// in UTC (RFC 3339, ending in Z).
	At string `json:"at"`
	// Commitment is what Commit returned.
	Commitment string `json:"commitment"`
}

const (
	leafVersion      = 1
	commitmentPrefix = "sha256:"
)

// SaltSize is the length of a salt in bytes. A commitment is opened with a salt
// of exactly this length, so that where the salt ends and the document begins is
// not for anybody to choose.
const SaltSize = 32

// NewSalt returns a salt for a commitment: random, so that nobody can find the
// document by trying. It is kept as long as the document and goes with it.
func NewSalt() []byte {
	salt := make([]byte, SaltSize)
	_, _ = rand.Read(salt) // never fails
	return salt
}

// Commit binds a leaf to a document without telling it: "sha256:" and the
// SHA-256, in hex, of salt and document one after the other. The salt has
// SaltSize bytes; see Opens.
func Commit(salt, document []byte) string {
	h := sha256.New()
	h.Write(salt)
	h.Write(document)
	return commitmentPrefix + hex.EncodeToString(h.Sum(nil))
}

// Opens tells whether the commitment is one to this document with this salt.
func Opens(commitment string, salt, document []byte) bool {
	return len(salt) == SaltSize && subtle.ConstantTimeCompare([]byte(commitment), []byte(Commit(salt, document))) == 1
}

// Entry is the leaf's canonical JSON: the bytes that are hashed into the tree.
// It refuses a leaf whose fields are not as Leaf says.
func (l Leaf) Entry() ([]byte, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	entry, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("notary: %w", err)
	}
	return entry, nil
}

// check keeps everything out of the log that is not a word of a program, a time
// or a hash.
func (l Leaf) check() error {
	if l.V != leafVersion {
		return fmt.Errorf("notary: leaf of version %d", l.V)
	}
	word := l.Event != "" && len(l.Event) <= 40 && l.Event[0] >= 'a' && l.Event[0] <= 'z'
	for _, c := range []byte(l.Event) {
		word = word && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-')
	}
	if !word {
		return fmt.Errorf("notary: %q is no event", l.Event)
	}
	digits, hash := strings.CutPrefix(l.Commitment, commitmentPrefix)
	hash = hash && len(digits) == hex.EncodedLen(sha256.Size)
	for _, c := range []byte(digits) {
		hash = hash && (c >= '0' && c <= '9' || c >= 'a' && c <= 'f')
	}
	if !hash {
		return fmt.Errorf("notary: %q is no commitment", l.Commitment)
	}
	_, err := l.when()
	return err
}

// The canonical form, which encoding/json writes for what check lets through.
const (
	beforeEvent      = `{"v":1,"event":"`
	beforeAt         = `","at":"`
	beforeCommitment = `","commitment":"`
	afterCommitment  = `"}`
)

// ParseLeaf reads an entry of the log and refuses whatever Entry does not write,
// to the byte. An auditor does it a million times, so no JSON reader is asked.
func ParseLeaf(entry []byte) (Leaf, error) {
	l := Leaf{V: leafVersion}
	rest, ok := strings.CutPrefix(string(entry), beforeEvent)
	if ok {
		l.Event, rest, ok = strings.Cut(rest, beforeAt)
	}
	if ok {
		l.At, rest, ok = strings.Cut(rest, beforeCommitment)
	}
	if ok {
		l.Commitment, ok = strings.CutSuffix(rest, afterCommitment)
	}
	if !ok {
		return Leaf{}, errors.New("notary: entry is no leaf in canonical form")
	}
	if err := l.check(); err != nil {
		return Leaf{}, err
	}
	return l, nil
}

// when is At as an instant; a day is its first instant in UTC. It only orders
// what waits.
func (l Leaf) when() (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, l.At); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339Nano, l.At)
	// The standard library also takes a comma and a single digit.
	if err != nil || len(l.At) < len("2006-01-02T15:04:05Z") || l.At[len(l.At)-1] != 'Z' || strings.Contains(l.At, ",") {
		return time.Time{}, fmt.Errorf("notary: %q is neither a day nor an instant in UTC", l.At)
	}
	return t, nil
}
