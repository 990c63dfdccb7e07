// Package ident reads the identifiers and names that people type: unified
// social credit codes, resident identity numbers, patent application and
// trademark numbers, agency and agent codes, areas, document and court case
// numbers, and the names of organisations and people.
//
// Every parser takes what a person may reasonably write (spaces around it, lower
// case, full width) and returns one canonical form; parsing the canonical form
// gives it back unchanged. A refusal is a fault of kind Invalid that says what
// is wrong and where. Nothing here knows the time, the network or a store.
package ident

import (
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// cst is China Standard Time: birthdays and ages are civil dates in China.
var cst = time.FixedZone("CST", 8*3600)

// fold brings what an input method may have produced to one form: half width,
// upper case, no space around it.
func fold(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) {
		s = width.Fold.String(s) // takes longer than all else about a code
	}
	return strings.ToUpper(strings.TrimSpace(s))
}

// lines gives the rows of an embedded data file without its header.
func lines(data string) []string {
	var rows []string
	for row := range strings.Lines(data) {
		row = strings.TrimRight(row, "\r\n")
		if row == "" || row[0] == '#' {
			continue
		}
		rows = append(rows, row)
	}
	return rows
}
