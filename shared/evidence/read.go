package evidence

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"ipcredit/shared/fault"
	"ipcredit/shared/objects"
	"ipcredit/shared/seal"
)

// Damaged tells whether what is stored of a file is not what was stored, or is not
// there any more: the file, or that part of it, is lost, and others are not.
func Damaged(err error) bool {
	for _, lost := range []error{seal.ErrDamaged, seal.ErrWrongKey, objects.ErrCorrupt, objects.ErrNotFound} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return false
}

// Manifest opens the manifest of a complete file for whoever has the identity
// that the box is sealed to, with the name, the type and, where the server did not
// see all of it pass, the hash that the sender's device gave. A fault of kind
// Conflict where the file is not complete; seal.ErrDamaged where what is stored is
// not what was stored.
func (s *Store) Manifest(ctx context.Context, box string, n int, id seal.Identity) (seal.Manifest, error) {
	var m seal.Manifest
	f, err := s.whole(ctx, box, n)
	if err != nil {
		return m, err
	}
	sealed, _, err := s.objects.Get(ctx, f.Manifest)
	if err != nil {
		return m, fmt.Errorf("evidence: manifest: %w", err)
	}
	if sum := sha256.Sum256(sealed); hex.EncodeToString(sum[:]) != f.ManifestSum {
		return m, fmt.Errorf("evidence: manifest of %s: %w", FileID(box, n), seal.ErrDamaged)
	}
	if m, err = seal.OpenManifest(id, FileID(box, n), sealed); err != nil {
		return m, fmt.Errorf("evidence: %w", err)
	}
	meta, err := f.Open(box, id)
	if err != nil {
		return m, err
	}
	if m.Size != f.Size || len(m.Pieces) != f.Pieces || meta.Size >= 0 && meta.Size != m.Size {
		return m, fmt.Errorf("evidence: manifest of %s: %w", FileID(box, n), seal.ErrDamaged)
	}
	m.Name, m.Type = meta.Name, meta.Type
	if m.SHA256 == "" {
		m.SHA256 = meta.SHA256
	}
	return m, nil
}

// Open opens what the sender's device said of the file of this box, complete or
// not.
func (f File) Open(box string, id seal.Identity) (Meta, error) {
	var meta Meta
	text, err := id.UnsealText(f.Meta)
	if err != nil {
		return meta, fmt.Errorf("evidence: name of %s: %w", FileID(box, f.N), err)
	}
	if json.Unmarshal([]byte(text), &meta) != nil || meta.File != FileID(box, f.N) {
		return meta, fmt.Errorf("evidence: name of %s: %w", FileID(box, f.N), seal.ErrDamaged)
	}
	return meta, nil
}

// Piece reads one sealed piece of a complete file, for seal.OpenPiece.
func (s *Store) Piece(ctx context.Context, box string, n, index int) ([]byte, error) {
	f, err := s.whole(ctx, box, n)
	if err != nil {
		return nil, err
	}
	if index < 0 || index >= f.Pieces {
		return nil, fault.New(fault.NotFound, "evidence.no_piece")
	}
	p, err := s.piece(ctx, box, n, index)
	if err != nil {
		return nil, err
	}
	sealed, _, err := s.objects.Get(ctx, pieceName(box, n, index, p.Try))
	if err != nil {
		return nil, fmt.Errorf("evidence: piece %d of %s: %w", index, FileID(box, n), err)
	}
	return sealed, nil
}

// Copy opens a complete file and writes it to w, each piece checked before a byte
// of it is written; it returns the manifest and the SHA-256 of the whole. Whoever
// saves the file keeps it only without an error: see seal.OpenPieces. Memory is
// one piece.
func (s *Store) Copy(ctx context.Context, w io.Writer, box string, n int, id seal.Identity) (seal.Manifest, string, error) {
	m, err := s.Manifest(ctx, box, n, id)
	if err != nil {
		return m, "", err
	}
	sum, err := seal.OpenPieces(ctx, w, id, m, func(ctx context.Context, index int) ([]byte, error) {
		return s.Piece(ctx, box, n, index)
	})
	return m, sum, err
}

func (s *Store) whole(ctx context.Context, box string, n int) (File, error) {
	f, err := s.File(ctx, box, n)
	switch {
	case err != nil:
		return f, err
	case f.At(s.now()) == Gone:
		return f, fault.New(fault.Ended, "evidence.gone")
	case f.State != Whole:
		return f, fault.New(fault.Conflict, "evidence.incomplete")
	}
	return f, nil
}
