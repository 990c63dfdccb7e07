package staff

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/text/unicode/norm"
)

// Vault holds the two secrets behind passwords and second factors. A dump of
// Redis without them verifies no password and opens no TOTP secret.
type Vault struct {
	pepper []byte
	seal   []byte
	cost   cost
	decoy  string
	// slots bound how many argon2id computations run at once, each holding
	// its full memory: a burst of sign-ins waits, the function does not grow.
	slots chan struct{}
}

type cost struct{ memory, passes, threads uint32 }

// NewVault takes the secrets password-pepper and totp-seal, each of at least 32
// bytes.
func NewVault(pepper, totpSeal []byte, p Params) (*Vault, error) {
	if len(pepper) < 32 || len(totpSeal) < 32 {
		return nil, errors.New("staff: password-pepper and totp-seal need 32 bytes or more")
	}
	v := &Vault{
		cost: cost{uint32(p.N("password.memory_kib")), uint32(p.N("password.passes")), uint32(p.N("password.threads"))},
		// Two at once: one sign-in never waits for a single slow one.
		slots: make(chan struct{}, 2),
	}
	var err error
	if v.pepper, err = hkdf.Key(sha256.New, pepper, nil, "ipcredit staff pepper v1", 32); err != nil {
		return nil, fmt.Errorf("staff: deriving pepper key: %w", err)
	}
	if v.seal, err = hkdf.Key(sha256.New, totpSeal, nil, "ipcredit staff totp v1", 32); err != nil {
		return nil, fmt.Errorf("staff: deriving seal key: %w", err)
	}
	// The unknown user is checked against this: the same cost, and a sum that
	// no password has but by a chance of 2^-256.
	random := make([]byte, 48)
	rand.Read(random)
	v.decoy = v.encode(v.cost, random[:16], random[16:])
	return v, nil
}

// mac is keyed with the pepper and a label, so that no two uses share a value.
func (v *Vault) mac(label string, parts ...string) []byte {
	h := hmac.New(sha256.New, v.pepper)
	fmt.Fprintf(h, "%d:%s", len(label), label)
	for _, p := range parts {
		fmt.Fprintf(h, "|%d:%s", len(p), p)
	}
	return h.Sum(nil)
}

func (v *Vault) slot(ctx context.Context) (func(), error) {
	select {
	case v.slots <- struct{}{}:
		return func() { <-v.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// digest is bound to the user: a hash copied to another user's record opens
// nothing there.
func (v *Vault) digest(user, password string, salt []byte, c cost) []byte {
	in := v.mac("password", user, norm.NFKC.String(password))
	return argon2.IDKey(in, salt, c.passes, c.memory, uint8(c.threads), 32)
}

func (v *Vault) encode(c cost, salt, sum []byte) string {
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.threads,
		b.EncodeToString(salt), b.EncodeToString(sum))
}

// hash returns the PHC string of a user's password.
func (v *Vault) hash(ctx context.Context, user, password string) (string, error) {
	release, err := v.slot(ctx)
	if err != nil {
		return "", fmt.Errorf("staff: waiting to hash: %w", err)
	}
	defer release()
	salt := make([]byte, 16)
	rand.Read(salt)
	return v.encode(v.cost, salt, v.digest(user, password, salt, v.cost)), nil
}

// verify tells whether the password is the one hashed for the user. It costs the same for
// any stored hash of today's cost, the decoy included.
func (v *Vault) verify(ctx context.Context, user, encoded, password string) (bool, error) {
	release, err := v.slot(ctx)
	if err != nil {
		return false, fmt.Errorf("staff: waiting to verify: %w", err)
	}
	defer release()
	var version int
	var c cost
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, errors.New("staff: stored password hash is not argon2id")
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &c.memory, &c.passes, &c.threads); err != nil || version != argon2.Version {
		return false, fmt.Errorf("staff: stored password hash has unknown parameters: %v", err)
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	sum, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err := errors.Join(err1, err2); err != nil {
		return false, fmt.Errorf("staff: stored password hash: %w", err)
	}
	return subtle.ConstantTimeCompare(v.digest(user, password, salt, c), sum) == 1, nil
}

// outdated tells whether a hash was made at another cost than today's.
func (v *Vault) outdated(encoded string) bool {
	empty := v.encode(v.cost, nil, nil) // "$argon2id$v=…$m=…$" and one more "$"
	return !strings.HasPrefix(encoded, strings.TrimSuffix(empty, "$"))
}

// sealSecret encrypts a TOTP secret for one user; it opens for no other.
func (v *Vault) sealSecret(user, secret string) (string, error) {
	aead, err := chacha20poly1305.NewX(v.seal)
	if err != nil {
		return "", fmt.Errorf("staff: sealing: %w", err)
	}
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce)
	return base64.RawStdEncoding.EncodeToString(aead.Seal(nonce, nonce, []byte(secret), []byte("totp:"+user))), nil
}

func (v *Vault) openSecret(user, sealed string) (string, error) {
	aead, err := chacha20poly1305.NewX(v.seal)
	if err != nil {
		return "", fmt.Errorf("staff: opening: %w", err)
	}
	b, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil || len(b) < aead.NonceSize() {
		return "", errors.New("staff: sealed TOTP secret is damaged")
	}
	plain, err := aead.Open(nil, b[:aead.NonceSize()], b[aead.NonceSize():], []byte("totp:"+user))
	if err != nil {
		return "", fmt.Errorf("staff: TOTP secret does not open with totp-seal: %w", err)
	}
	return string(plain), nil
}

// totpPeriod and totpDigits are what every authenticator app assumes (RFC 6238).
const totpPeriod = 30

const totpDigits = otp.DigitsSix

// totpStep is the number of the time step of an instant.
func totpStep(at time.Time) int64 { return at.Unix() / totpPeriod }

// matchTOTP returns the step whose code this is, looking at window steps
// before and after now and only at steps later than last: a code works once
// (RFC 6238 §5.2). It looks at every step whatever it finds.
func matchTOTP(secret, code string, at time.Time, window int, last int64) (int64, bool) {
	code = digitsOf(code)
	now := totpStep(at)
	var found int64
	ok := 0
	for s := now - int64(window); s <= now+int64(window); s++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(s), hotp.ValidateOpts{Digits: totpDigits, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, false
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && s > last && ok == 0 {
			found, ok = s, 1
		}
	}
	return found, ok == 1
}

// digitsOf keeps the digits of what a person typed, full-width ones too.
func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, norm.NFKC.String(s))
}

// newTOTPSecret is 160 random bits in base32, as RFC 4226 §4 asks.
func newTOTPSecret() string {
	b := make([]byte, 20)
	rand.Read(b)
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)
}

// TOTPURL is the otpauth address that an authenticator app reads from a QR code.
func TOTPURL(issuer, username, secret string) string {
	esc := func(s string) string {
		const hex = "0123456789ABCDEF"
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			c := s[i]
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
				b.WriteByte(c)
				continue
			}
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
		return b.String()
	}
	return "otpauth://totp/" + esc(issuer) + ":" + esc(username) + "?secret=" + secret + "&issuer=" + esc(issuer) +
		fmt.Sprintf("&algorithm=SHA1&digits=6&period=%d", totpPeriod)
}

// clear is an alphabet without look-alikes: no 0 O, 1 I L, 2 Z, 5 S, 8 B, U V.
const clear = "34679ACDEFGHJKMNPQRTWXY"

// randomCode returns n random characters of the clear alphabet in groups of
// five, 4.52 bits each.
func randomCode(n int) string {
	var b strings.Builder
	top := big.NewInt(int64(len(clear)))
	for i := range n {
		if i > 0 && i%5 == 0 {
			b.WriteByte('-')
		}
		k, _ := rand.Int(rand.Reader, top) // crypto/rand does not fail since Go 1.24
		b.WriteByte(clear[k.Int64()])
	}
	return b.String()
}

// readCode is what a person typed of such a code: upper case, no separators.
func readCode(s string) string { return plain(s) }

// recoveryLength is 15 characters: 67 bits, and the stored form is keyed with
// the pepper besides.
const recoveryLength = 15

// newRecovery returns n single-use codes and what is stored of them.
func (v *Vault) newRecovery(user string, n int) (codes, stored []string) {
	for range n {
		c := randomCode(recoveryLength)
		codes = append(codes, c)
		stored = append(stored, v.recovery(user, c))
	}
	return codes, stored
}

func (v *Vault) recovery(user, code string) string {
	return base64.RawStdEncoding.EncodeToString(v.mac("recovery", user, readCode(code)))
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// randomBase62 returns n characters, 5.95 bits each.
func randomBase62(n int) string {
	out := make([]byte, 0, n)
	var b [1]byte
	for len(out) < n {
		rand.Read(b[:])
		if b[0] < 248 { // 4 × 62: no character is likelier than another
			out = append(out, base62[b[0]%62])
		}
	}
	return string(out)
}

// derive returns n base62 characters that depend on the pepper and the parts
// alone: the credentials of a demonstration city stay the same over a restart.
func (v *Vault) derive(n int, parts ...string) string {
	out := make([]byte, 0, n)
	for round := 0; len(out) < n; round++ {
		for _, b := range v.mac("derive", append([]string{fmt.Sprint(round)}, parts...)...) {
			if b < 248 && len(out) < n {
				out = append(out, base62[b%62])
			}
		}
	}
	return string(out)
}

func (v *Vault) deriveTOTP(parts ...string) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(v.mac("derive-totp", parts...)[:20])
}
