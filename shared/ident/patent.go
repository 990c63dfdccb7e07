package ident

import (
	"regexp"
	"strings"
	"unicode"

	"ipcredit/shared/fault"
)

// Application is a Chinese patent application number (申请号). A granted patent
// has the same number behind the letters ZL.
type Application struct {
	// Number is canonical: 201710601862.3 (ZC 0006-2003, from 2003-10-01) or
	// 95115608.X (before).
	Number string
	// Year of filing.
	Year int
	// Kind is invention, utility-model, design, pct-invention or
	// pct-utility-model.
	Kind string
}

var applicationKinds = map[byte]string{
	'1': "invention", '2': "utility-model", '3': "design",
	'8': "pct-invention", '9': "pct-utility-model",
}

var publicationForm = regexp.MustCompile(`^(CN)?[0-9]{7,12}(\.[0-9X])?[ABCUSYED][0-9]?$`)

// ParseApplication reads a patent application number, old or new form, with its
// check character: with or without dot, behind ZL or CN, with spaces, in full
// width. Publication numbers (CN107000000A) are another series and are refused,
// as is a number without its check character.
func ParseApplication(s string) (Application, error) {
	n := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return -1
		case r == '。' || r == '．' || r == '·':
			return '.'
		}
		return r
	}, fold(s))
	refuse := func(code string, args ...any) (Application, error) {
		return Application{}, fault.New(fault.Invalid, code, args...)
	}
	if publicationForm.MatchString(n) {
		return refuse("ident.application.publication")
	}
	n = strings.TrimPrefix(strings.TrimPrefix(n, "ZL"), "CN")
	if body, check, ok := strings.Cut(n, "."); ok {
		if len(check) != 1 || (len(body) != 12 && len(body) != 8) {
			return refuse("ident.application.form")
		}
		n = body + check
	}
	for i := 0; i < len(n); i++ {
		if (n[i] < '0' || n[i] > '9') && !(n[i] == 'X' && i == len(n)-1) {
			return refuse("ident.application.form")
		}
	}
	var year int
	var kind byte
	switch len(n) {
	case 13:
		year = number(n[:4])
		kind = n[4]
		if year < 2003 || year > 2999 {
			return refuse("ident.application.year", n[:4])
		}
	case 9:
		year = number(n[:2])
		kind = n[2]
		// The Patent Law took effect on 1985-04-01; the old form ended 2003-09-30.
		switch {
		case year >= 85:
			year += 1900
		case year <= 3:
			year += 2000
		default:
			return refuse("ident.application.year", n[:2])
		}
	case 12, 8:
		return refuse("ident.application.no_check")
	default:
		return refuse("ident.application.form")
	}
	name, ok := applicationKinds[kind]
	if !ok {
		return refuse("ident.application.kind", string(kind))
	}
	body := n[:len(n)-1]
	if want := applicationCheck(body); n[len(n)-1] != want {
		return refuse("ident.application.check", string(n[len(n)-1]), string(want))
	}
	return Application{Number: body + "." + n[len(n)-1:], Year: year, Kind: name}, nil
}

// applicationCheck is the check character of ZC 0006-2003: weights 2 to 9 from
// the left, beginning again after 9.
func applicationCheck(body string) byte {
	sum := 0
	for i := 0; i < len(body); i++ {
		sum += int(body[i]-'0') * (2 + i%8)
	}
	return "0123456789X"[sum%11]
}

func number(digits string) int {
	n := 0
	for i := 0; i < len(digits); i++ {
		if digits[i] < '0' || digits[i] > '9' {
			return -1
		}
		n = n*10 + int(digits[i]-'0')
	}
	return n
}
