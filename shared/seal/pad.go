package seal

import "bytes"

// The sizes Pad fills up to, in bytes, so that a sealed text tells its bucket
// and no more: a short answer, a page, a long narrative. Above the last one it
// is the next multiple of that.
var buckets = [...]int{512, 2 << 10, 8 << 10, 32 << 10, 128 << 10}

// Bucket is the size that a text of n bytes is padded to. One byte of it marks
// where the text ends, so 511 bytes are the most that fit 512.
func Bucket(n int) int {
	n++
	for _, b := range buckets {
		if n <= b {
			return b
		}
	}
	last := buckets[len(buckets)-1]
	return (n + last - 1) / last * last
}

// padMark ends the text inside the padding (ISO/IEC 7816-4): any text, also one
// that ends in zeros, comes back as it was.
const padMark = 0x80

// Pad returns text, a mark, and zeros up to its bucket.
func Pad(text []byte) []byte {
	padded := make([]byte, Bucket(len(text)))
	copy(padded, text)
	padded[len(text)] = padMark
	return padded
}

// Unpad returns what Pad was given; ErrDamaged if it is not a padded text.
func Unpad(padded []byte) ([]byte, error) {
	text := bytes.TrimRight(padded, "\x00")
	if len(text) == 0 || text[len(text)-1] != padMark {
		return nil, ErrDamaged
	}
	text = text[:len(text)-1]
	if Bucket(len(text)) != len(padded) {
		return nil, ErrDamaged
	}
	return text, nil
}
