package ident

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"ipcredit/shared/fault"
)

// CheckText refuses text that does not show what it holds: bytes that are no
// UTF-8, control characters (line ends and tabs are allowed), marks that turn
// the direction of writing, and characters without width. The fault names the
// code point and its position, counted in characters from 1.
func CheckText(s string) error {
	position := 0
	for i, r := range s {
		position++
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return fault.New(fault.Invalid, "ident.text.encoding", position)
			}
		}
		if code := hostile(r); code != "" {
			return fault.New(fault.Invalid, code, fmt.Sprintf("%U", r), position)
		}
	}
	return nil
}

// Clean is CheckText for a value of one line: it returns s composed (NFC), with
// spaces, tabs and line ends at both sides dropped and runs of them inside made
// one space.
func Clean(s string) (string, error) {
	if err := CheckText(s); err != nil {
		return "", err
	}
	return norm.NFC.String(strings.Join(strings.Fields(s), " ")), nil
}

// hostile gives the fault code for a character that has no place in a value, or
// nothing.
func hostile(r rune) string {
	switch {
	case r == '\n' || r == '\r' || r == '\t':
		return ""
	case r == 0:
		return "ident.text.nul"
	case unicode.Is(unicode.Bidi_Control, r):
		return "ident.text.bidi"
	case invisible(r):
		return "ident.text.invisible"
	case unicode.IsControl(r), r == 0x2028, r == 0x2029, r&0xfffe == 0xfffe, r >= 0xfdd0 && r <= 0xfdef:
		return "ident.text.control"
	}
	return ""
}

// invisible tells characters that take no room on the screen, so that two texts
// that look the same differ: format characters, fillers, variation selectors.
func invisible(r rune) bool {
	switch r {
	case 0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x3164, 0xffa0:
		return true
	}
	return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r)
}
