package notary

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is the head of a log's tree, as a signed note carries it.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   [tlog.HashSize]byte
}

// Text is the body of the note: origin, size and root, a line each (C2SP
// tlog-checkpoint).
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}

// ParseCheckpoint reads the body of a checkpoint. Further lines, which the
// format allows, are passed over.
func ParseCheckpoint(text string) (Checkpoint, error) {
	bad := errors.New("notary: no checkpoint")
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[len(lines)-1] != "" {
		return Checkpoint{}, bad
	}
	for _, line := range lines[:len(lines)-1] {
		if line == "" {
			return Checkpoint{}, bad
		}
	}
	c := Checkpoint{Origin: lines[0]}
	var err error
	if c.Size, err = decimal(lines[1]); err != nil {
		return Checkpoint{}, bad
	}
	if c.Root, err = parseHash(lines[2]); err != nil {
		return Checkpoint{}, bad
	}
	return c, nil
}

// Checkpoint opens a signed checkpoint of the log that v's keys are named after:
// ErrSignature if none of them signed it, ErrBroken if what they signed is no
// checkpoint of that log.
func (v *Verifier) Checkpoint(signed []byte) (Checkpoint, error) {
	text, err := v.Open(signed)
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := ParseCheckpoint(text)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if c.Origin != v.Origin() {
		return Checkpoint{}, fmt.Errorf("%w: checkpoint of %q, not of %q", ErrBroken, c.Origin, v.Origin())
	}
	return c, nil
}

// Proof is a C2SP tlog-proof: that an entry is in a log at an index.
type Proof struct {
	// Extra is data beside the proof that nothing in it vouches for. Log.Proof
	// puts the entry there.
	Extra []byte
	Index int64
	// Path are the hashes from the entry's sibling to the root's child.
	Path [][tlog.HashSize]byte
	// Checkpoint is the signed checkpoint, as the log served it.
	Checkpoint []byte
}

// The words of a tlog-proof.
const (
	proofHeader = "c2sp.org/tlog-proof@v1"
	proofExtra  = "extra "
	proofIndex  = "index "
)

// longestPath is how many hashes a proof can have: one for each level of a tree
// of 2⁶³ entries.
const longestPath = 63

// Format writes the proof as C2SP's text, the content of a .tlog-proof file.
func (p Proof) Format() []byte {
	var b bytes.Buffer
	b.WriteString(proofHeader + "\n")
	if len(p.Extra) > 0 {
		b.WriteString(proofExtra + base64.StdEncoding.EncodeToString(p.Extra) + "\n")
	}
	b.WriteString(proofIndex + strconv.FormatInt(p.Index, 10) + "\n")
	for _, h := range p.Path {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	b.WriteByte('\n')
	b.Write(p.Checkpoint)
	return b.Bytes()
}

// ParseProof reads a .tlog-proof file.
func ParseProof(data []byte) (Proof, error) {
	bad := func(what string) (Proof, error) {
		return Proof{}, fmt.Errorf("notary: no tlog-proof: %s", what)
	}
	head, rest, found := strings.Cut(string(data), "\n\n")
	if !found || rest == "" || strings.Contains(head, "\r") {
		return bad("no checkpoint")
	}
	lines := strings.Split(head, "\n")
	if lines[0] != proofHeader {
		return bad("header")
	}
	var p Proof
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], proofExtra) {
		extra, err := base64.StdEncoding.Strict().DecodeString(lines[0][len(proofExtra):])
		if err != nil {
			return bad("extra")
		}
		p.Extra, lines = extra, lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], proofIndex) {
		return bad("index")
	}
	var err error
	if p.Index, err = decimal(lines[0][len(proofIndex):]); err != nil {
		return bad("index")
	}
	lines = lines[1:]
	if len(lines) > longestPath {
		return bad("too many hashes")
	}
	for _, line := range lines {
		h, err := parseHash(line)
		if err != nil {
			return bad("hash")
		}
		p.Path = append(p.Path, h)
	}
	p.Checkpoint = []byte(rest)
	return p, nil
}

// ErrNotIncluded is returned where a proof does not lead from the entry to the
// checkpoint's root.
var ErrNotIncluded = errors.New("notary: the proof does not lead to the checkpoint")

// Verify checks that the log of v's keys has signed a tree that holds the entry
// at the proof's index, and returns the checkpoint that says so.
func (p Proof) Verify(entry []byte, v *Verifier) (Checkpoint, error) {
	c, err := v.Checkpoint(p.Checkpoint)
	if err != nil {
		return Checkpoint{}, err
	}
	path := make(tlog.RecordProof, len(p.Path))
	for i, h := range p.Path {
		path[i] = h
	}
	if p.Index >= c.Size {
		return Checkpoint{}, ErrNotIncluded
	}
	if err := tlog.CheckRecord(path, c.Size, c.Root, p.Index, tlog.RecordHash(entry)); err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrNotIncluded, err)
	}
	return c, nil
}

// decimal reads a number as C2SP writes it: digits, no sign, no leading zero.
func decimal(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, fmt.Errorf("notary: %q is no number", s)
	}
	return n, nil
}

func parseHash(s string) ([tlog.HashSize]byte, error) {
	var h [tlog.HashSize]byte
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(h) || strings.ContainsAny(s, "\r\n") {
		return h, errors.New("notary: no hash")
	}
	copy(h[:], b)
	return h, nil
}
