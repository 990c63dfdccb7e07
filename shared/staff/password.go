package staff

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"ipcredit/shared/fault"
)

var common = sync.OnceValue(func() map[string]bool {
	b, err := data.ReadFile("data/common-passwords.txt")
	if err != nil {
		panic("staff: data/common-passwords.txt: " + err.Error())
	}
	all := make(map[string]bool)
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all[line] = true
		}
	}
	return all
})

// CheckPassword refuses a password that is too short, too long, contains the
// user name, is one of the common ones (also with digits and punctuation put
// around it), or has too few different characters. It asks for no mixture of
// kinds of characters and no change after a time: both make people choose
// worse ones.
func CheckPassword(p Params, username, password string) error {
	bad := func(code string, args ...any) error {
		return fault.New(fault.Invalid, code, args...).With("password", code, args...)
	}
	password = norm.NFKC.String(password)
	n := utf8.RuneCountInString(password)
	switch {
	case n < p.N("password.least"):
		return bad("staff.password.short", p.N("password.least"))
	case n > p.N("password.most"):
		return bad("staff.password.long", p.N("password.most"))
	case strings.ContainsFunc(password, unicode.IsControl):
		return bad("staff.password.control")
	}
	low := strings.ToLower(password)
	letters := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, low)
	if name := strings.ToLower(username); len(name) >= 3 && strings.Contains(low, name) {
		return bad("staff.password.username")
	}
	if common()[low] || letters != "" && common()[unit(letters)] || common()[unit(low)] {
		return bad("staff.password.common")
	}
	distinct := make(map[rune]bool)
	for _, r := range low {
		distinct[r] = true
	}
	if len(distinct) < p.N("password.distinct") || walk(low) {
		return bad("staff.password.simple")
	}
	return nil
}

// unit is the shortest text that s is a repetition of.
func unit(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if len(s)%n == 0 && strings.Repeat(s[:n], len(s)/n) == s {
			return s[:n]
		}
	}
	return s
}

// walk tells whether every character follows the one before it in the alphabet
// or in the digits, up or down.
func walk(s string) bool {
	rs := []rune(s)
	step := func(d rune) bool {
		for i := 1; i < len(rs); i++ {
			if rs[i]-rs[i-1] != d && !(rs[i-1] == '9' && rs[i] == '0') && !(rs[i-1] == '0' && rs[i] == '9') {
				return false
			}
		}
		return true
	}
	return len(rs) > 1 && (step(1) || step(-1))
}

// ReadUsername folds a user name to its one stored form, or refuses it: 3 to 32
// of a–z, 0–9, dot, hyphen, underscore, beginning with a letter. It cannot be a
// telephone or identity number.
func ReadUsername(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(norm.NFKC.String(s)))
	ok := len(s) >= 3 && len(s) <= 32 && s[0] >= 'a' && s[0] <= 'z'
	for i := 0; ok && i < len(s); i++ {
		c := s[i]
		ok = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_'
	}
	if !ok {
		return "", fault.New(fault.Invalid, "staff.username.form").With("username", "staff.username.form")
	}
	return s, nil
}

// readName checks a display name: one line, 1 to 40 characters, nothing
// invisible.
func readName(field, s string, most int) (string, error) {
	s = strings.TrimSpace(s)
	n := utf8.RuneCountInString(s)
	if n == 0 || n > most || !utf8.ValidString(s) || strings.ContainsFunc(s, hidden) {
		return "", fault.New(fault.Invalid, "staff.name.form", most).With(field, "staff.name.form", most)
	}
	return s, nil
}

// hidden characters change what a reader sees: controls, bidi marks, zero width.
func hidden(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }
