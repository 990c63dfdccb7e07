package ident

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"ipcredit/shared/fault"
)

// PersonID is a resident identity number (公民身份号码, GB 11643-1999). It is
// held only while it is being checked: what is stored is its Hash. Printing one
// shows the masked form, so that no log line can carry the number.
type PersonID struct {
	number string
	birth  time.Time
}

var personWeights = [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}

// ParsePersonID reads an 18-character number on the day that is in China at the
// instant on. The birth date must exist and not lie after that day. The area is
// not looked up: numbers keep the codes of areas that are gone. Faults say what
// is wrong without repeating any of the number.
func ParsePersonID(s string, on time.Time) (PersonID, error) {
	id := fold(s)
	if n := len([]rune(id)); n != 18 {
		return PersonID{}, fault.New(fault.Invalid, "ident.person.length", n)
	}
	position := 0
	for _, r := range id {
		position++
		if (r < '0' || r > '9') && !(position == 18 && r == 'X') {
			return PersonID{}, fault.New(fault.Invalid, "ident.person.character", position)
		}
	}
	birth, err := time.ParseInLocation("20060102", id[6:14], cst)
	if err != nil {
		return PersonID{}, fault.New(fault.Invalid, "ident.person.birth")
	}
	if birth.Format("20060102") > on.In(cst).Format("20060102") {
		return PersonID{}, fault.New(fault.Invalid, "ident.person.unborn")
	}
	sum := 0
	for i, w := range personWeights {
		sum += int(id[i]-'0') * w
	}
	if id[17] != "10X98765432"[sum%11] {
		return PersonID{}, fault.New(fault.Invalid, "ident.person.check")
	}
	return PersonID{number: id, birth: birth}, nil
}

// BirthDate is the day of birth, at midnight in China.
func (p PersonID) BirthDate() time.Time { return p.birth }

// Minor tells whether the person is under 18 (未成年人保护法, art. 2) on the day
// it is in China at the instant on: the eighteenth birthday is the first day of
// full age. Somebody born on 29 February comes of age on 1 March of a common
// year.
func (p PersonID) Minor(on time.Time) bool {
	y, m, d := p.birth.Date()
	full := time.Date(y+18, m, d, 0, 0, 0, 0, cst)
	return on.Before(full)
}

// Hash is the keyed hash (HMAC-SHA-256, hexadecimal) by which a person is known
// to the system. There are so few numbers that a hash without a key would be as
// good as the number.
func (p PersonID) Hash(key []byte) string { return KeyedHash(key, p.number) }

// String is the masked form.
func (p PersonID) String() string { return MaskID(p.number) }

// GoString is the masked form.
func (p PersonID) GoString() string { return p.String() }

// KeyedHash is HMAC-SHA-256 over the parts, in hexadecimal; parts cannot run
// into each other.
func KeyedHash(key []byte, parts ...string) string {
	mac := hmac.New(sha256.New, key)
	for i, part := range parts {
		if i > 0 {
			mac.Write([]byte{0})
		}
		mac.Write([]byte(part))
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// MaskID shows the first four and the last two characters of an identity number
// and nothing else: for use inside the system. The public never sees any of it.
func MaskID(id string) string {
	r := []rune(id)
	if len(r) <= 6 {
		return strings.Repeat("*", len(r))
	}
	return string(r[:4]) + strings.Repeat("*", len(r)-6) + string(r[len(r)-2:])
}
