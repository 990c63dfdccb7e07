package seal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
)

// A long file is sealed piece by piece as it arrives, so that an upload resumes
// without any plaintext, or state made from plaintext, being kept between
// requests. Each piece says inside its seal which file it belongs to, where it
// stands and whether it is the last. The sealed manifest, written at the end,
// lists all of them in order.
//
// The manifest hashes the pieces as they are sealed, not their plaintext: the
// hash of a piece has to be kept in the clear until the manifest is written,
// and a hash of plaintext would tell whoever reads it whether the reporter sent
// a file they know.

// Limits of a sealed file.
const (
	// MaxPiece is the longest plaintext of one piece.
	MaxPiece = 8 << 20
	// MaxPieces is how many pieces a file may have.
	MaxPieces = 100_000
	// MaxFileID is the longest file id, in bytes.
	MaxFileID = 200
)

// pieceMagic begins the plaintext of every piece; the number is the version.
const pieceMagic = "ipcredit piece 1\n"

// pieceHead is what is sealed before the piece's bytes: magic, length of the
// file id (2 bytes), file id, index (4), last (1), length of the bytes (4), all
// big-endian.
func pieceHead(file string, index int, last bool, size int) []byte {
	h := append([]byte(pieceMagic), byte(len(file)>>8), byte(len(file)))
	h = append(h, file...)
	h = binary.BigEndian.AppendUint32(h, uint32(index))
	if last {
		h = append(h, 1)
	} else {
		h = append(h, 0)
	}
	return binary.BigEndian.AppendUint32(h, uint32(size))
}

// SealPiece seals the piece at index of a file, counted from 0. Exactly the
// file's last piece is last; a file of no bytes is one empty, last piece.
func SealPiece(to Recipient, file string, index int, last bool, plain []byte) ([]byte, error) {
	switch {
	case file == "" || len(file) > MaxFileID:
		return nil, fmt.Errorf("seal: a file id of %d bytes", len(file))
	case index < 0 || index >= MaxPieces:
		return nil, fmt.Errorf("seal: piece %d of a file", index)
	case len(plain) > MaxPiece:
		return nil, fmt.Errorf("seal: a piece of %d bytes", len(plain))
	}
	return to.seal(pieceHead(file, index, last, len(plain)), plain)
}

// Sum describes one sealed piece. Nothing in it depends on the content, so it
// may be kept in the clear while the upload goes on.
type Sum struct {
	Size   int64  `json:"size"`   // bytes of plaintext
	SHA256 string `json:"sha256"` // of the sealed piece, lower-case hex
}

// SumPiece describes a sealed piece whose plaintext has size bytes.
func SumPiece(sealed []byte, size int) Sum {
	sum := sha256.Sum256(sealed)
	return Sum{Size: int64(size), SHA256: hex.EncodeToString(sum[:])}
}

// Manifest describes a sealed file. It is sealed itself: name and type of a
// file say as much as its content.
type Manifest struct {
	File string `json:"file"`
	Name string `json:"name,omitempty"` // as the sender's device called it; never trusted
	Type string `json:"type,omitempty"` // as the sender's device called it; never trusted
	Size int64  `json:"size"`
	// SHA256 is of the whole plaintext, lower-case hex, as the sender's browser
	// computed it; empty if it gave none.
	SHA256 string `json:"sha256,omitempty"`
	Pieces []Sum  `json:"pieces"`
}

// Check refuses (ErrDamaged) a manifest that cannot describe a file: no pieces,
// too many, sizes out of bounds or not adding up, an empty piece beside others,
// hashes that are none.
func (m Manifest) Check() error {
	bad := func(why string) error { return fmt.Errorf("seal: manifest: %w: %s", ErrDamaged, why) }
	if m.File == "" || len(m.File) > MaxFileID {
		return bad("file id")
	}
	if len(m.Pieces) == 0 || len(m.Pieces) > MaxPieces {
		return bad("number of pieces")
	}
	if m.SHA256 != "" && !isHash(m.SHA256) {
		return bad("hash of the file")
	}
	total := int64(0)
	for _, p := range m.Pieces {
		if p.Size < 0 || p.Size > MaxPiece || p.Size == 0 && len(m.Pieces) > 1 {
			return bad("size of a piece")
		}
		if !isHash(p.SHA256) {
			return bad("hash of a piece")
		}
		total += p.Size
	}
	if total != m.Size {
		return bad("sizes do not add up")
	}
	return nil
}

func isHash(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == sha256.Size && hex.EncodeToString(raw) == s
}

// manifestMagic begins a manifest's plaintext; the number is the version.
const manifestMagic = "ipcredit manifest 1\n"

// SealManifest seals a manifest that Check passes, padded like a text.
func SealManifest(to Recipient, m Manifest) ([]byte, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return to.Seal(Pad(append([]byte(manifestMagic), body...)))
}

// OpenManifest opens the manifest of this file: ErrDamaged if it is another's.
func OpenManifest(id Identity, file string, sealed []byte) (Manifest, error) {
	padded, err := id.Unseal(sealed)
	if err != nil {
		return Manifest{}, fmt.Errorf("seal: manifest of %s: %w", file, err)
	}
	plain, err := Unpad(padded)
	if err != nil {
		return Manifest{}, fmt.Errorf("seal: manifest of %s: %w", file, err)
	}
	body, ok := bytes.CutPrefix(plain, []byte(manifestMagic))
	var m Manifest
	if !ok || json.Unmarshal(body, &m) != nil || m.File != file {
		return Manifest{}, fmt.Errorf("seal: manifest of %s: %w", file, ErrDamaged)
	}
	return m, m.Check()
}

// OpenPiece opens the sealed piece at index of the manifest's file: ErrDamaged
// if it is any other piece, or altered.
func OpenPiece(id Identity, m Manifest, index int, sealed []byte) ([]byte, error) {
	if index < 0 || index >= len(m.Pieces) {
		return nil, fmt.Errorf("seal: piece %d of %s: %w", index, m.File, ErrDamaged)
	}
	p := m.Pieces[index]
	if SumPiece(sealed, int(p.Size)) != p {
		return nil, fmt.Errorf("seal: piece %d of %s: %w", index, m.File, ErrDamaged)
	}
	return openBound(id, m.File, index, index == len(m.Pieces)-1, p.Size, sealed)
}

// openBound opens a piece and checks what it says about itself, whatever the
// manifest says about it.
func openBound(id Identity, file string, index int, last bool, size int64, sealed []byte) ([]byte, error) {
	plain, err := id.Unseal(sealed)
	if err != nil {
		return nil, fmt.Errorf("seal: piece %d of %s: %w", index, file, err)
	}
	body, ok := bytes.CutPrefix(plain, pieceHead(file, index, last, int(size)))
	if !ok || int64(len(body)) != size {
		return nil, fmt.Errorf("seal: piece %d of %s: %w", index, file, ErrDamaged)
	}
	return body, nil
}

// OpenPieces writes the manifest's file to w, piece after piece as fetch returns
// them sealed, each checked before a byte of it is written, and returns the
// SHA-256 of the whole in hex. If the sender gave another hash the error is
// ErrDamaged, after everything has been written: whoever saves the file keeps
// it only on nil. Memory is one piece.
func OpenPieces(ctx context.Context, w io.Writer, id Identity, m Manifest, fetch func(ctx context.Context, index int) ([]byte, error)) (string, error) {
	if err := m.Check(); err != nil {
		return "", err
	}
	whole := sha256.New()
	for i := range m.Pieces {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		sealed, err := fetch(ctx, i)
		if err != nil {
			return "", fmt.Errorf("seal: piece %d of %s: %w", i, m.File, err)
		}
		plain, err := OpenPiece(id, m, i, sealed)
		if err != nil {
			return "", err
		}
		whole.Write(plain)
		if _, err := w.Write(plain); err != nil {
			return "", fmt.Errorf("seal: writing %s: %w", m.File, err)
		}
	}
	sum := hex.EncodeToString(whole.Sum(nil))
	if m.SHA256 != "" && m.SHA256 != sum {
		return sum, fmt.Errorf("seal: %s: %w: not the hash the sender gave", m.File, ErrDamaged)
	}
	return sum, nil
}
