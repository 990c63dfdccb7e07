package ident

import (
	_ "embed"
	"strings"

	"ipcredit/shared/fault"
)

// USCC is a unified social credit code (统一社会信用代码, GB 32100-2015) in its
// canonical form: 18 characters, upper case, half width, both check characters
// right unless it came from UncheckedUSCC.
type USCC string

// usccAlphabet has 31 characters, each standing for its index: no I, O, S, V, Z,
// which are easily read as 1, 0, 5, U, 2.
const usccAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"

var (
	// GB 32100-2015, 4.6: 3^(i-1) mod 31.
	usccWeights = [17]int{1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28}
	// GB 11714-1997, 3.2.
	orgWeights = [8]int{3, 7, 9, 10, 5, 8, 4, 2}
)

//go:embed data/uscc.txt
var usccData string

// usccKinds maps the first two characters to the kind of subject.
var usccKinds = func() map[string]string {
	kinds := map[string]string{}
	for _, row := range lines(usccData) {
		f := strings.Split(row, "\t")
		kinds[f[0]+f[1]] = f[2]
	}
	return kinds
}()

// ParseUSCC reads a unified social credit code. Space around it, lower case and
// full width are accepted. The fault names the character at fault and its
// position, and for a check character (positions 17 and 18) the one that would
// be right.
func ParseUSCC(s string) (USCC, error) {
	code, err := UncheckedUSCC(s)
	if err != nil {
		return "", err
	}
	org := orgCheck(string(code[8:16]))
	last := usccCheck(string(code[:17]))
	corrected := usccCheck(string(code[:16]) + string(org))
	switch {
	case code[16] == org && code[17] == last:
		return code, nil
	case code[16] == org:
		return "", fault.New(fault.Invalid, "ident.uscc.check", 18, string(code[17]), string(last))
	case code[17] == last, code[17] == corrected:
		// One wrong character at 17 spoils the sum at 18 too; 18 is not to blame.
		return "", fault.New(fault.Invalid, "ident.uscc.organisation_check", 17, string(code[16]), string(org))
	default:
		return "", fault.New(fault.Invalid, "ident.uscc.both_checks",
			string(code[16]), string(org), string(code[17]), string(corrected))
	}
}

// UncheckedUSCC reads a code and checks its form but not its check characters.
// Some early codes were issued with wrong ones: it is for the logged override by
// an officer who has the certificate before him, and for nothing else.
func UncheckedUSCC(s string) (USCC, error) {
	code := fold(s)
	position := 0
	for _, r := range code {
		position++
		if position > 18 {
			break
		}
		if strings.ContainsRune("IOSVZ", r) {
			return "", fault.New(fault.Invalid, "ident.uscc.letter", position, string(r))
		}
		if r >= 0x80 || !strings.ContainsRune(usccAlphabet, r) {
			if hostile(r) != "" {
				return "", CheckText(s)
			}
			return "", fault.New(fault.Invalid, "ident.uscc.character", position, string(r))
		}
		if position >= 3 && position <= 8 && (r < '0' || r > '9') {
			return "", fault.New(fault.Invalid, "ident.uscc.area", position, string(r))
		}
	}
	if n := len([]rune(code)); n != 18 {
		return "", fault.New(fault.Invalid, "ident.uscc.length", n)
	}
	return USCC(code), nil
}

// MakeUSCC completes a body of 16 characters (department, type, area and the
// first eight of the organisation code) with both check characters. It is for
// fictitious data: a registry issues real codes.
func MakeUSCC(body string) (USCC, error) {
	body = fold(body)
	if len(body) != 16 {
		return "", fault.New(fault.Invalid, "ident.uscc.length", len([]rune(body)))
	}
	for i, r := range body {
		if !strings.ContainsRune(usccAlphabet, r) {
			return "", fault.New(fault.Invalid, "ident.uscc.character", i+1, string(r))
		}
	}
	body += string(orgCheck(body[8:]))
	return ParseUSCC(body + string(usccCheck(body)))
}

// usccCheck is the character at position 18 for the 17 before it.
func usccCheck(body string) byte {
	sum := 0
	for i, w := range usccWeights {
		sum += strings.IndexByte(usccAlphabet, body[i]) * w
	}
	return usccAlphabet[(31-sum%31)%31]
}

// orgCheck is the ninth character of an organisation code (position 17).
func orgCheck(body string) byte {
	sum := 0
	for i, w := range orgWeights {
		v := int(body[i] - '0')
		if body[i] >= 'A' {
			v = int(body[i]-'A') + 10 // GB 11714 counts all 26 letters
		}
		sum += v * w
	}
	switch c := 11 - sum%11; c {
	case 10:
		return 'X'
	case 11:
		return '0'
	default:
		return byte('0' + c)
	}
}

// Kind is the kind of subject that the registering department and type say:
// enterprise, individual-business, cooperative, government, institution,
// social-organisation, law-practice or other.
func (c USCC) Kind() string {
	if len(c) == 18 {
		if kind, ok := usccKinds[string(c[:2])]; ok {
			return kind
		}
	}
	return "other"
}

// Area is the code at positions 3 to 8: where the subject was registered when
// the code was given. It says nothing about where the subject is now, and never
// whether it lies in a development zone: that is decided by its address.
func (c USCC) Area() string {
	if len(c) != 18 {
		return ""
	}
	return string(c[2:8])
}
