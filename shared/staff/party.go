package staff

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// same tells whether two parties are one: by code where both have one, by name
// otherwise.
func same(a, b Party) bool {
	if a.Code != "" && b.Code != "" {
		return plain(a.Code) == plain(b.Code)
	}
	return a.Name != "" && plain(a.Name) == plain(b.Name)
}

// plain folds what people write in different ways: width, case, spaces,
// brackets and other punctuation.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, norm.NFKC.String(s))
}
