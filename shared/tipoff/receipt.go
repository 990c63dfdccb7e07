package tipoff

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"iter"
	"math/big"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"ipcredit/shared/fault"
	"ipcredit/shared/notary"
	"ipcredit/shared/seal"
)

// A tip-off is known by two things. The number may be said on the telephone and
// printed on an answer: twelve digits in three groups, the last of them a check
// digit. It opens nothing. The receipt is the secret that opens: thirty
// characters in six groups, 131 bits and a check character.
//
// Both come from one HMAC of the idempotency key, so that a submission sent
// twice gives the same though no receipt is stored anywhere.

const (
	numberDigits = 12
	numberGroup  = 4

	// receiptAlphabet has no two characters that are taken for each other, written
	// or printed: of 0 O D Q, 1 I L J and U V, at most one stands here, and letters
	// that look like a digit are read as the digit. That it has 23, a prime, lets
	// the check character find every wrong character and every two exchanged ones.
	receiptAlphabet = "23456789ACEFHKMNPRTVWXY"
	receiptSecret   = 29 // 23^29 > 2^131
	receiptLength   = receiptSecret + 1
	receiptGroup    = 5
)

// receiptReads are the characters read as another one.
var receiptReads = map[rune]rune{'B': '8', 'G': '6', 'S': '5', 'Z': '2', 'U': 'V'}

// receiptBase is how many receipts there are.
var receiptBase = new(big.Int).Exp(big.NewInt(int64(len(receiptAlphabet))), big.NewInt(receiptSecret), nil)

// receipt is a receipt's secret: the number that its characters write, in 17
// bytes, most significant first.
type receipt [17]byte

// String shows nothing, so that no log line holds a receipt.
func (receipt) String() string { return "[receipt]" }

// GoString shows nothing.
func (receipt) GoString() string { return "[receipt]" }

// deriveReceipt makes the receipt of an idempotency key.
func deriveReceipt(mac []byte, key string) receipt {
	n := new(big.Int).SetBytes(derive(mac, "receipt 1", key))
	var r receipt
	// The remainder is as good as uniform: the HMAC has 124 bits more.
	n.Mod(n, receiptBase).FillBytes(r[:])
	return r
}

// deriveNumber makes the number of an idempotency key; attempt counts how many
// before it belong to somebody else.
func deriveNumber(mac []byte, key string, attempt int) string {
	sum := derive(mac, "number 1", fmt.Sprint(attempt), key)
	// No leading zero, which spreadsheets drop.
	n := 10_000_000_000 + binary.BigEndian.Uint64(sum)%90_000_000_000
	digits := fmt.Sprint(n)
	return digits + string('0'+damm(digits))
}

// derive is HMAC-SHA-256 over the parts, which cannot run into each other.
func derive(mac []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, mac)
	for _, p := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}

// text writes the receipt in groups, for people.
func (r receipt) text() string {
	n, base, digit := new(big.Int).SetBytes(r[:]), big.NewInt(int64(len(receiptAlphabet))), new(big.Int)
	var chars [receiptLength]byte
	for i := receiptSecret - 1; i >= 0; i-- {
		n.DivMod(n, base, digit)
		chars[i] = receiptAlphabet[digit.Int64()]
	}
	chars[receiptSecret] = receiptAlphabet[receiptCheck(chars[:receiptSecret])]
	return group(string(chars[:]), receiptGroup, "-")
}

// receiptCheck is the index of the check character: with it the weighted sum is
// a multiple of 23. Weights run from 1 to 22 and again, so that none is a
// multiple of 23 and neighbours differ.
func receiptCheck(chars []byte) int {
	const p = len(receiptAlphabet)
	sum := 0
	for i, c := range chars {
		sum += (i%(p-1) + 1) * strings.IndexByte(receiptAlphabet, c)
	}
	// The check character's own weight is w: w*x = -sum. There are 22 to try.
	w := len(chars)%(p-1) + 1
	for x := range p {
		if (w*x+sum)%p == 0 {
			return x
		}
	}
	return 0
}

// receiptChars goes through what was typed as a receipt: width and case do not
// matter, fillers are passed over, look-alikes are read as what they stand for.
func receiptChars(typed string) iter.Seq[rune] {
	return func(yield func(rune) bool) {
		for _, c := range norm.NFKC.String(typed) {
			if filler(c) {
				continue
			}
			c = unicode.ToUpper(c)
			if to, ok := receiptReads[c]; ok {
				c = to
			}
			if !yield(c) {
				return
			}
		}
	}
}

// parseReceipt reads a receipt as people type it: any case, width, spaces and
// dashes, and letters that look like a digit for the digit. The fault names the
// field and where it is wrong, never what stands there.
func parseReceipt(s string) (receipt, error) {
	refuse := func(code string, args ...any) (receipt, error) {
		return receipt{}, fault.New(fault.Invalid, "tipoff.receipt", receiptLength).With("receipt", code, args...)
	}
	if len(s) > 1000 {
		return refuse("tipoff.receipt.length", receiptLength)
	}
	var chars []byte
	for c := range receiptChars(s) {
		if c >= 0x80 || strings.IndexByte(receiptAlphabet, byte(c)) < 0 {
			return refuse("tipoff.receipt.character", len(chars)+1)
		}
		if chars = append(chars, byte(c)); len(chars) > receiptLength {
			break
		}
	}
	if len(chars) != receiptLength {
		return refuse("tipoff.receipt.length", receiptLength)
	}
	if receiptAlphabet[receiptCheck(chars[:receiptSecret])] != chars[receiptSecret] {
		return refuse("tipoff.receipt.check")
	}
	n, base := new(big.Int), big.NewInt(int64(len(receiptAlphabet)))
	for _, c := range chars[:receiptSecret] {
		n.Mul(n, base).Add(n, big.NewInt(int64(strings.IndexByte(receiptAlphabet, c))))
	}
	var r receipt
	n.FillBytes(r[:])
	return r, nil
}

// filler tells whether people put the character between groups.
func filler(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || strings.ContainsRune("._·−\u200b\ufeff", r)
}

// CheckReceipt tells whether s can be a receipt (length, alphabet, check
// character) without looking anything up; a fault names the field receipt.
func CheckReceipt(s string) error {
	_, err := parseReceipt(s)
	return err
}

// FormatReceipt writes a receipt as it was given out, however it was typed.
func FormatReceipt(s string) (string, error) {
	r, err := parseReceipt(s)
	if err != nil {
		return "", err
	}
	return r.text(), nil
}

// LastGroup is the last group of a receipt, which a reporter types again to show
// that he has saved it.
func LastGroup(receipt string) string {
	return receipt[strings.LastIndexByte(receipt, '-')+1:]
}

// SameGroup tells whether what was typed is the last group of the receipt.
func SameGroup(receipt, typed string) bool {
	chars := slices.Collect(receiptChars(typed))
	return subtle.ConstantTimeCompare([]byte(string(chars)), []byte(LastGroup(receipt))) == 1
}

// FormatNumber writes a number in groups for people: 4821 0937 5516.
func FormatNumber(number string) string { return group(number, numberGroup, " ") }

// ParseNumber reads a number as people type it (spaces, dashes, full width) and
// checks its check digit; a fault names the field reportNo.
func ParseNumber(s string) (string, error) {
	refuse := func(code string, args ...any) (string, error) {
		return "", fault.New(fault.Invalid, "tipoff.number").With("reportNo", code, args...)
	}
	if len(s) > 1000 {
		return refuse("tipoff.number.length", numberDigits)
	}
	var digits []byte
	for _, c := range norm.NFKC.String(s) {
		switch {
		case filler(c):
			continue
		case c < '0' || c > '9':
			return refuse("tipoff.number.digit", len(digits)+1)
		}
		if digits = append(digits, byte(c)); len(digits) > numberDigits {
			break
		}
	}
	switch {
	case len(digits) != numberDigits:
		return refuse("tipoff.number.length", numberDigits)
	case damm(string(digits)) != 0:
		return refuse("tipoff.number.check")
	}
	return string(digits), nil
}

func group(s string, n int, between string) string {
	var b strings.Builder
	for i := range len(s) {
		if i > 0 && i%n == 0 {
			b.WriteString(between)
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// damm is the check digit of decimal digits (H. M. Damm, 2004): it finds every
// wrong digit and every two neighbours exchanged, which is how numbers go wrong
// on the telephone. Over digits with their check digit it is 0.
func damm(digits string) byte {
	var interim byte
	for _, d := range []byte(digits) {
		interim = dammTable[interim][d-'0']
	}
	return interim
}

// dammTable is a totally antisymmetric quasigroup of order 10, as published.
var dammTable = [10][10]byte{
	{0, 3, 1, 7, 5, 9, 8, 6, 4, 2},
	{7, 0, 9, 2, 1, 5, 4, 8, 6, 3},
	{4, 2, 0, 6, 8, 7, 1, 3, 5, 9},
	{1, 7, 5, 0, 9, 8, 3, 4, 2, 6},
	{6, 1, 2, 3, 0, 4, 5, 9, 7, 8},
	{3, 6, 7, 4, 2, 0, 9, 5, 8, 1},
	{5, 8, 6, 9, 7, 2, 0, 1, 3, 4},
	{8, 9, 4, 5, 3, 6, 2, 0, 1, 7},
	{9, 4, 3, 8, 6, 1, 7, 2, 0, 5},
	{2, 5, 8, 1, 4, 3, 6, 7, 9, 0},
}

// What a receipt's secret is good for, each apart from the others. Changing one
// makes that use of every receipt handed out fail.
const (
	useTag        = "ipcredit receipt tag 1"        // whether it fits a number
	useBody       = "ipcredit receipt body 1"       // whether a body is the one lodged
	useCommitment = "ipcredit receipt commitment 1" // the salt of the proof
)

// use derives what a use of the receipt needs, for this number.
func (r receipt) use(what, number string, size int) []byte {
	out, err := hkdf.Key(sha256.New, r[:], []byte(number), what, size)
	if err != nil {
		panic("tipoff: " + err.Error()) // only for a size that HKDF cannot give
	}
	return out
}

// tag is what tells that a receipt belongs to a number. It is stored: nobody
// finds 131 bits by trying.
func (r receipt) tag(number string) string {
	return base64.RawURLEncoding.EncodeToString(r.use(useTag, number, 16))
}

// body is the fingerprint of what was lodged. It is keyed with the receipt, so
// that somebody with every secret and every byte we store cannot find out by
// trying whether a text he suspects was lodged.
func (r receipt) body(number string, canonical []byte) string {
	h := hmac.New(sha256.New, r.use(useBody, number, 32))
	h.Write(canonical)
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// salt is that of the proof's commitment.
func (r receipt) salt(number string) []byte { return r.use(useCommitment, number, notary.SaltSize) }

// identity is what the tip-off's key is wrapped to for the reporter.
func (r receipt) identity(number string) (seal.Identity, error) {
	return seal.FromReceipt(r[:], number)
}

// stored is what stands beside a report for its receipt: tag and fingerprint.
func (r receipt) stored(number string, canonical []byte) string {
	return r.tag(number) + "." + r.body(number, canonical)
}

// fits compares the receipt with what is stored for the number, in the same time
// whether or not it fits; "" is stored for a number that does not exist.
func (r receipt) fits(number, stored string) bool {
	tag, _, _ := strings.Cut(stored, ".")
	mine := r.tag(number)
	if len(tag) != len(mine) {
		tag = strings.Repeat("-", len(mine))
	}
	return subtle.ConstantTimeCompare([]byte(mine), []byte(tag)) == 1
}

// sameBody tells whether what is stored is of this body.
func (r receipt) sameBody(number, stored string, canonical []byte) bool {
	_, body, _ := strings.Cut(stored, ".")
	return subtle.ConstantTimeCompare([]byte(r.body(number, canonical)), []byte(body)) == 1
}

// CheckKey refuses an idempotency key that may not have 128 random bits: 22 to
// 200 visible ASCII characters, at least ten of them different.
func CheckKey(key string) error {
	seen := map[rune]bool{}
	ok := len(key) >= 22 && len(key) <= 200
	for _, c := range key {
		ok = ok && c > ' ' && c <= '~'
		seen[c] = true
	}
	if !ok || len(seen) < 10 {
		return fault.New(fault.Invalid, "tipoff.key").With("Idempotency-Key", "tipoff.key")
	}
	return nil
}

// tagOnly leaves of what is stored for a receipt what still tells that it fits.
func tagOnly(stored string) string {
	tag, _, _ := strings.Cut(stored, ".")
	return tag + "."
}
