package sheet

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Day reads a day written in one of the ways that leave no doubt: 2026-01-02,
// 2026/1/2, 2026.1.2, 2026年1月2日, 20260102, with full-width digits, and with a
// time of midnight after it as some programs export days. It returns YYYY-MM-DD.
//
// It looks at the form only: 2026-02-30 comes back as 2026-02-30, so that
// whoever checks the calendar can name it. Year-last and two-digit forms are
// not understood.
func Day(s string) (string, bool) {
	s = strings.TrimSpace(width.Narrow.String(s))
	if i := strings.IndexAny(s, " T"); i > 0 {
		switch strings.TrimSpace(s[i+1:]) {
		case "00:00:00", "0:00:00", "00:00", "0:00", "00:00:00.000", "00:00:00Z", "00:00:00.000Z":
			s = strings.TrimSpace(s[:i])
		default:
			return "", false
		}
	}
	if len(s) == 8 && digits(s) {
		return s[:4] + "-" + s[4:6] + "-" + s[6:], true
	}
	var parts []string
	switch {
	case strings.Contains(s, "年"):
		y, rest, _ := strings.Cut(s, "年")
		m, rest, ok := strings.Cut(rest, "月")
		if !ok {
			return "", false
		}
		d, rest, _ := strings.Cut(rest, "日")
		if rest != "" {
			return "", false
		}
		parts = []string{strings.TrimSpace(y), strings.TrimSpace(m), strings.TrimSpace(d)}
	default:
		for _, mark := range []string{"-", "/", "."} {
			if parts = strings.Split(s, mark); len(parts) == 3 {
				break
			}
		}
	}
	if len(parts) != 3 || len(parts[0]) != 4 || len(parts[1]) > 2 || len(parts[2]) > 2 {
		return "", false
	}
	for i, p := range parts {
		if p == "" || !digits(p) {
			return "", false
		}
		if len(p) == 1 {
			parts[i] = "0" + p
		}
	}
	return strings.Join(parts, "-"), true
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// control tells characters that have no business in a name or number because a
// reader can't see them or they turn the text around: C0 and C1 but tab and
// line ends, zero-width characters, bidirectional marks, line separators.
func control(r rune) bool {
	switch {
	case r < 0x20:
		return r != '\t' && r != '\n' && r != '\r'
	case r < 0x7F, r >= 0x3000 && r < 0xFEFF: // most of what is read, told early
		return false
	case r <= 0x9F, r == 0xAD, r == 0x61C, r == 0x180E, r == 0xFEFF:
		return true
	case r >= 0x200B && r <= 0x200F, r >= 0x2028 && r <= 0x202E, r >= 0x2060 && r <= 0x206F:
		return true
	case r >= 0xFFF9 && r <= 0xFFFB, r >= 0xE0000 && r <= 0xE007F:
		return true
	}
	return false
}

// inspect names what is wrong with cells before anybody asks what they mean.
func (l *Layout) inspect(cells []string, limits Limits) []Problem {
	var found []Problem
	for i, cell := range cells {
		if cell == "" {
			continue
		}
		if p, bad := l.inspectCell(i, cell, limits); bad {
			found = append(found, p)
		}
	}
	return found
}

func (l *Layout) inspectCell(i int, cell string, limits Limits) (Problem, bool) {
	field := l.fields[i]
	header := func() string { return show(l.Headers[i]) } // costs more than the look at the cell
	plain := true
	for j := 0; j < len(cell); j++ {
		if c := cell[j]; c < 0x20 || c >= 0x7F {
			plain = false
			break
		}
	}
	if !plain {
		for _, r := range cell {
			if r == utf8.RuneError {
				return Problem{field, "sheet.broken_text", []any{header()}}, true
			}
			if control(r) {
				return Problem{field, "sheet.control_character", []any{header(), fmt.Sprintf("U+%04X", r)}}, true
			}
		}
	}
	if len(cell) > limits.CellRunes && utf8.RuneCountInString(cell) > limits.CellRunes {
		return Problem{field, "sheet.cell_too_long", []any{header(), limits.CellRunes}}, true
	}
	if field == "" && strings.TrimSpace(cell) != "" {
		return Problem{"", "sheet.cell_without_header", []any{show(cell)}}, true
	}
	if l.kinds[i] == Code && exponent(strings.TrimSpace(cell)) {
		return Problem{field, "sheet.digits_lost", []any{header(), show(cell)}}, true
	}
	return Problem{}, false
}

// exponent tells what a spreadsheet program makes of a long number when it
// saves it as CSV: 9.14107E+17.
func exponent(s string) bool {
	mantissa, power, ok := strings.Cut(s, "E+")
	if !ok {
		mantissa, power, ok = strings.Cut(s, "e+")
	}
	if !ok || !digits(power) {
		return false
	}
	whole, part, _ := strings.Cut(mantissa, ".")
	return len(whole) == 1 && digits(whole) && (part == "" || digits(part))
}

// Check returns Problems and what the row's own schema forbids: a required cell
// left empty, a choice that is not offered, a day that is not on the calendar, an
// amount that is not a decimal number. At most one problem a column, columns in
// the schema's order.
func (r Row) Check() []Problem {
	found := slices.Clone(r.problems)
	if r.layout == nil {
		return found
	}
	bad := make(map[string]bool, len(found))
	for _, p := range found {
		bad[p.Field] = true
	}
	for _, c := range r.layout.schema.Columns {
		if bad[c.Field] {
			continue
		}
		v := r.Get(c.Field)
		// The header is worded for a problem only: most rows have none.
		header := func() string { return show(r.Header(c.Field)) }
		switch {
		case v == "":
			if c.Required {
				found = append(found, Problem{c.Field, "sheet.required", []any{header()}})
			}
		case c.Kind == Choice && len(c.Choices) > 0 && !slices.Contains(c.Choices, v):
			found = append(found, Problem{c.Field, "sheet.choice", []any{header(), show(v), offered(c.Choices)}})
		case c.Kind == Date && !calendarDay(v):
			found = append(found, Problem{c.Field, "sheet.date", []any{header(), show(v)}})
		case c.Kind == Money && !decimal(v):
			found = append(found, Problem{c.Field, "sheet.number", []any{header(), show(v)}})
		}
	}
	return found
}

// offered lists choices for a sentence, the first dozen.
func offered(choices []string) string {
	if len(choices) > 12 {
		return strings.Join(choices[:12], "、") + "…"
	}
	return strings.Join(choices, "、")
}

func calendarDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// decimal tells 12, 12.5, -0.25; with thousands marks only where they are right.
func decimal(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, part, point := strings.Cut(s, ".")
	if point && !digits(part) {
		return false
	}
	groups := strings.Split(whole, ",")
	for i, g := range groups {
		if !digits(g) || i > 0 && len(g) != 3 || len(groups) > 1 && i == 0 && len(g) > 3 {
			return false
		}
	}
	return true
}

// Neutral makes a cell that a spreadsheet program would take for a formula into
// text, by an apostrophe in front; any other cell comes back as it is. Package
// book passes every cell through it, and Open takes the apostrophe off again.
func Neutral(s string) string {
	if dangerous(s) {
		return "'" + s
	}
	return s
}

// natural undoes Neutral: natural(Neutral(s)) == s. It also undoes what people
// and programs do to keep a number as text: ="00123" and a tab behind the digits.
func natural(s string) string {
	if s == "" {
		return s
	}
	switch {
	case s[0] == '\'' && dangerous(s[1:]):
		return s[1:]
	case s[0] == '=' && len(s) > 3 && s[1] == '"' && s[len(s)-1] == '"' && !strings.ContainsAny(s[2:len(s)-1], `"&`):
		return s[2 : len(s)-1]
	case s[len(s)-1] == '\t' && rounded(s[:len(s)-1]):
		return s[:len(s)-1]
	}
	return s
}

// rounded tells text that a spreadsheet program opening a CSV takes for a number
// and changes: long digits, leading zeros, 12E3.
func rounded(s string) bool {
	if before, after, ok := strings.Cut(strings.ToUpper(s), "E"); ok {
		return digits(before) && digits(after)
	}
	return digits(s) && (len(s) > 11 || len(s) > 1 && s[0] == '0')
}

// dangerous tells cells that Excel, WPS or LibreOffice may run: those starting
// with = + - @, their full-width forms, a tab or a line end, also behind spaces
// or apostrophes.
func dangerous(s string) bool {
	for _, r := range s {
		switch r {
		case '\'', ' ':
			continue
		case '=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠':
			return true
		}
		return false
	}
	return false
}
