package evidence

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// nameRunes is how many characters of a name are shown.
const nameRunes = 120

// Display is a file name as it may be shown, saved and compared: without the
// path before it, without control characters and without the marks that turn
// the direction of writing (a name that reads "fdp.exe" and ends in ".exe"), in
// normal form, and not too long; the ending is kept when it is cut. It may be
// empty.
func Display(name string) string {
	name = strings.ToValidUTF8(name, "")
	if at := strings.LastIndexAny(name, `/\`); at >= 0 {
		name = name[at+1:]
	}
	name = norm.NFC.String(name)
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r), r == utf8.RuneError:
			return -1
		case unicode.IsSpace(r):
			return ' '
		case strings.ContainsRune(`<>:"|?*`, r): // no system saves a file under these
			return '_'
		}
		return r
	}, name)
	name = strings.Trim(name, " .")
	if runes := []rune(name); len(runes) > nameRunes {
		ending := ""
		if at := strings.LastIndexByte(name, '.'); at >= 0 && len(name)-at <= 10 {
			ending = name[at:]
		}
		name = strings.TrimRight(string(runes[:nameRunes-len([]rune(ending))]), " .") + ending
	}
	return name
}

// keptName is as much of the name as is sealed, otherwise as it came.
func keptName(name string, limit int) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	for len(name) > limit {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}
