package seal

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

// MinSecret is the least a receipt's secret may have, in bytes: 128 bits cannot
// be guessed, so no slow hash is needed to stretch it.
const MinSecret = 16

// receiptInfo separates this use of a receipt's secret from any other. Changing
// it makes every receipt handed out useless.
const receiptInfo = "ipcredit receipt X25519 v1"

// FromReceipt derives the identity that a receipt's secret stands for: HKDF
// with SHA-256 (RFC 5869), the secret as input, ref as salt, 32 bytes as the
// X25519 scalar. The same secret under another ref is another identity. The
// secret is the raw bytes, never the text people type.
func FromReceipt(secret []byte, ref string) (Identity, error) {
	if len(secret) < MinSecret {
		return Identity{}, fmt.Errorf("seal: a receipt secret of %d bytes, at least %d are needed", len(secret), MinSecret)
	}
	if ref == "" {
		return Identity{}, errors.New("seal: a receipt secret without its report")
	}
	scalar, err := hkdf.Key(sha256.New, secret, []byte(ref), receiptInfo, 32)
	if err != nil {
		return Identity{}, fmt.Errorf("seal: deriving a key: %w", err)
	}
	key, err := ecdh.X25519().NewPrivateKey(scalar)
	if err != nil {
		return Identity{}, fmt.Errorf("seal: deriving a key: %w", err)
	}
	return Identity{keys: []privateKey{newPrivate(key)}}, nil
}

// bech32 writes data as BIP 173 does: the form that age's keys have outside. The
// library keeps its own writer to itself.
func bech32(hrp string, data []byte) string {
	// Eight-bit bytes regrouped into five-bit digits, the last filled with zeros.
	var digits []byte
	acc, bits := uint32(0), 0
	for _, b := range data {
		acc, bits = acc<<8|uint32(b), bits+8
		for bits >= 5 {
			bits -= 5
			digits = append(digits, byte(acc>>bits)&31)
		}
	}
	if bits > 0 {
		digits = append(digits, byte(acc<<(5-bits))&31)
	}

	check := uint32(1)
	feed := func(digit byte) {
		top := check >> 25
		check = check&0x1ffffff<<5 ^ uint32(digit)
		for i, g := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				check ^= g
			}
		}
	}
	for _, c := range []byte(hrp) {
		feed(c >> 5)
	}
	feed(0)
	for _, c := range []byte(hrp) {
		feed(c & 31)
	}
	for _, d := range digits {
		feed(d)
	}
	for range 6 {
		feed(0)
	}
	check ^= 1

	var b strings.Builder
	b.WriteString(hrp)
	b.WriteByte('1')
	for _, d := range digits {
		b.WriteByte(alphabet[d])
	}
	for i := range 6 {
		b.WriteByte(alphabet[check>>(5*(5-i))&31])
	}
	return b.String()
}
