package credit

import (
	"regexp"
	"strings"
	"time"

	"ipcredit/shared/ident"
)

// hidden stands where a natural person's data stood.
const hidden = "[*]"

var (
	// numberForm finds runs of digits, grouped by single spaces or hyphens as
	// people write long numbers.
	numberForm = regexp.MustCompile(`[0-9](?:[ -]?[0-9]){6,}[Xx]?`)
	groupForm  = regexp.MustCompile(`[0-9]+[Xx]?`)
	phoneForm  = regexp.MustCompile(`^(?:86)?1[3-9][0-9]{9}$`)
	lineForm   = regexp.MustCompile(`^(?:86[ -]?)?0[0-9]{2,3}[ -][0-9]{7,8}$`)
	// addressForm finds where somebody lives: a word that says so, and what follows
	// up to a number of a house, a flat or a village. The seat of an organisation
	// (住所) is none.
	addressForm = regexp.MustCompile(`((?:家庭住址|住址|现住址|户籍所在地|户籍地址|户籍地|家住|住在|住于|居住于|居住在|[人某，,、；;（(:：。 ]住址?|^住址?)[为是于在:： ]*)` +
		`[^，,。；;、()（）所房宅院宿持][^，,。；;、()（）]{2,60}?(?:号楼|号院|号|室|村|组|栋|单元|小区|社区|庄)` +
		`(?:[^，,。；;、()（）]{0,30}(?:号|室|层|栋|单元|组))?`)
	halfDigits = strings.NewReplacer("０", "0", "１", "1", "２", "2", "３", "3", "４", "4",
		"５", "5", "６", "6", "７", "7", "８", "8", "９", "9", "Ｘ", "X", "－", "-", "—", "-")
)

// farFuture lets a birth date of any year pass: a number is hidden whenever it was issued.
var farFuture = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// redact hides in free text what may never be published (domain reference F.7):
// identity numbers, bank accounts, phone numbers, home addresses as far as words
// around them tell; and it masks the names of the
// natural persons known from the row, except inside keep, the name of the
// organisation. It is done before a text is stored. Document, patent, licence
// and credit code numbers stay.
func redact(text, keep string, names ...string) string {
	if text == "" {
		return ""
	}
	text = redactNumbers(text)
	if strings.Contains(text, "住") || strings.Contains(text, "户籍") {
		text = addressForm.ReplaceAllString(text, "${1}"+hidden)
	}
	parts := []string{text}
	if keep != "" {
		parts = strings.Split(text, keep)
	}
	for i := range parts {
		for _, name := range names {
			if len([]rune(name)) >= 2 {
				parts[i] = strings.ReplaceAll(parts[i], name, ident.MaskName(name))
			}
		}
	}
	return strings.Join(parts, keep)
}

func redactNumbers(text string) string {
	if strings.ContainsAny(text, "０１２３４５６７８９") {
		text = halfDigits.Replace(text)
	}
	if !manyDigits(text) {
		return text
	}
	var b strings.Builder
	last := 0
	for _, m := range numberForm.FindAllStringIndex(text, -1) {
		if inCreditCode(text, m[0], m[1]) {
			continue
		}
		// A date may stand next to a number: try every stretch of groups, the
		// longest first.
		groups := groupForm.FindAllStringIndex(text[m[0]:m[1]], -1)
		for i := 0; i < len(groups); i++ {
			for j := len(groups) - 1; j >= i; j-- {
				from, to := m[0]+groups[i][0], m[0]+groups[j][1]
				if to-from <= 30 && personal(text[from:to]) {
					b.WriteString(text[last:from])
					b.WriteString(hidden)
					last = to
					i = j
					break
				}
			}
		}
	}
	if last == 0 {
		return text
	}
	b.WriteString(text[last:])
	return b.String()
}

// manyDigits tells whether text has the seven digits in a row that the shortest
// number to hide has; most texts have not, and are done with.
func manyDigits(text string) bool {
	n := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			if n++; n >= 7 {
				return true
			}
		case c == ' ' || c == '-':
		default:
			n = 0
		}
	}
	return false
}

// inCreditCode tells whether the digits are part of a credit code written out.
func inCreditCode(text string, from, to int) bool {
	for from > 0 && alphanumeric(text[from-1]) {
		from--
	}
	for to < len(text) && alphanumeric(text[to]) {
		to++
	}
	if to-from != 18 {
		return false
	}
	_, err := ident.ParseUSCC(text[from:to])
	if err != nil {
		return false
	}
	_, err = ident.ParsePersonID(text[from:to], farFuture)
	return err != nil
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// personal tells whether a run of digits is a person's number.
func personal(s string) bool {
	if lineForm.MatchString(s) {
		return true
	}
	plain := strings.NewReplacer(" ", "", "-", "").Replace(s)
	if phoneForm.MatchString(plain) {
		return true
	}
	switch n := len(plain); {
	case n == 18:
		if _, err := ident.ParsePersonID(plain, farFuture); err == nil {
			return true
		}
		if _, err := ident.ParseUSCC(plain); err == nil {
			return false
		}
		// A mistyped identity number is one all the same: area, then a birth date.
		return birth(plain[6:14]) || luhn(plain)
	case n == 15 && birth("19"+plain[6:12]):
		return true
	case n >= 16 && n <= 19:
		return luhn(plain)
	}
	return false
}

func birth(s string) bool {
	t, err := time.Parse("20060102", s)
	return err == nil && t.Year() >= 1900 && t.Year() < 2100
}

// luhn is the check of bank card numbers (ISO/IEC 7812-1).
func luhn(s string) bool {
	sum, double := 0, false
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		d := int(s[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum, double = sum+d, !double
	}
	return sum%10 == 0
}

// Redact hides in what an officer writes about a record the same numbers and
// addresses of people as in the record itself.
func Redact(text string) string { return redact(text, "") }
