package objects

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// verifier passes a body on and answers ErrCorrupt at its end unless size and
// SHA-256 are those written. With an empty sum only the size is checked.
type verifier struct {
	ctx  context.Context
	r    io.ReadCloser
	name string
	left int64
	sum  string
	hash hash.Hash
}

func newVerifier(ctx context.Context, r io.ReadCloser, name string, size int64, sum string) *verifier {
	return &verifier{ctx: ctx, r: r, name: name, left: size, sum: sum, hash: sha256.New()}
}

func (v *verifier) Read(p []byte) (int, error) {
	if err := v.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := v.r.Read(p)
	v.hash.Write(p[:n])
	v.left -= int64(n)
	if v.left < 0 {
		return n, fmt.Errorf("objects: reading %q: %w: longer than written", v.name, ErrCorrupt)
	}
	if err == io.EOF {
		if v.left > 0 {
			return n, fmt.Errorf("objects: reading %q: %w: %d bytes missing", v.name, ErrCorrupt, v.left)
		}
		if v.sum != "" && hex.EncodeToString(v.hash.Sum(nil)) != v.sum {
			return n, fmt.Errorf("objects: reading %q: %w: SHA-256 differs", v.name, ErrCorrupt)
		}
	}
	return n, err
}

func (v *verifier) Close() error { return v.r.Close() }
