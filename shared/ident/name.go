package ident

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

//go:embed data/simplified.txt
var simplifiedData string

//go:embed data/divisions.txt
var divisionData string

//go:embed data/forms.txt
var formData string

//go:embed data/industries.txt
var industryData string

// division is a name that an organisation's name may begin with.
type division struct{ code, kind, full, short string }

var (
	simpleRune    = map[rune]rune{}
	simplePhrases *strings.Replacer
	phraseRune    = map[rune]bool{} // the characters that phrases begin with
	// settled marks the characters that Normal leaves as they are wherever they
	// stand: unified ideographs that are simplified, small letters, digits.
	settled [0xa000]bool

	divisions = func() []division {
		var list []division
		for _, row := range lines(divisionData) {
			f := strings.Split(row, "\t")
			list = append(list, division{f[0], f[1], f[2], f[3]})
		}
		return list
	}()
	// divisionOf finds a division by what stands in a name: the full name, or
	// the short one where that alone counts. bare says which.
	divisionOf = map[string]division{}
	bare       = map[string]bool{}
	formOf     = map[string]bool{} // value: ends a branch's name
	industryOf = map[string]bool{}

	longestDivision, longestForm, longestIndustry int
	// formEnds and industryEnds are the last characters of those words: most
	// texts end with another, and are not searched for one.
	formEnds, industryEnds = map[rune]bool{}, map[rune]bool{}
)

func init() {
	var phrases []string
	for _, row := range lines(simplifiedData) {
		from, to, _ := strings.Cut(row, "\t")
		if r, size := utf8.DecodeRuneInString(from); size == len(from) {
			simpleRune[r], _ = utf8.DecodeRuneInString(to)
		} else {
			phrases = append(phrases, from, to)
			phraseRune[r] = true
		}
	}
	simplePhrases = strings.NewReplacer(phrases...)
	for r := range rune(len(settled)) {
		_, folds := simpleRune[r]
		settled[r] = plain(r) && !folds && !phraseRune[r]
	}
	for _, d := range divisions {
		divisionOf[d.full] = d
		longestDivision = max(longestDivision, utf8.RuneCountInString(d.full))
	}
	for _, d := range divisions {
		if _, known := divisionOf[d.short]; !known {
			divisionOf[d.short], bare[d.short] = d, true
		}
	}
	for _, row := range lines(formData) {
		form, branch := strings.CutPrefix(row, "^")
		formOf[form] = branch
		longestForm = max(longestForm, utf8.RuneCountInString(form))
		formEnds[end(form)] = true
	}
	for _, row := range lines(industryData) {
		for word := range strings.FieldsSeq(row) {
			industryOf[word] = true
			longestIndustry = max(longestIndustry, utf8.RuneCountInString(word))
			industryEnds[end(word)] = true
		}
	}
	for form := range formOf {
		if isIndustry(form) {
			industryEnds[end(form)] = true
		}
	}
}

// Simplify folds traditional and variant characters to simplified ones.
func Simplify(s string) string {
	if strings.ContainsFunc(s, func(r rune) bool { return phraseRune[r] }) {
		s = simplePhrases.Replace(s)
	}
	return strings.Map(func(r rune) rune {
		if to, ok := simpleRune[r]; ok {
			return to
		}
		return r
	}, s)
}

// Normal is the form in which names are compared: compatibility forms and widths
// folded (NFKC), lower case, simplified characters, and only letters and digits
// left, so that brackets, spaces and punctuation never keep two names apart.
func Normal(name string) string {
	return keep(folded(name))
}

func folded(name string) string {
	if !strings.ContainsFunc(name, unsettled) {
		return name // nearly every name that is stored
	}
	return Simplify(compatible(strings.ToLower(compatible(strings.ToValidUTF8(name, "")))))
}

func unsettled(r rune) bool { return int(r) >= len(settled) || !settled[r] }

// plain tells the unified ideographs, small letters and digits: nearly every
// name holds nothing else.
func plain(r rune) bool {
	return r >= 0x4e00 && r <= 0x9fff || r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
}

// compatible is NFKC; small letters of a few scripts are not yet in that form
// when made from capitals that are.
func compatible(s string) string {
	if norm.NFKC.IsNormalString(s) {
		return s
	}
	return norm.NFKC.String(s)
}

func keep(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) {
			return r
		}
		return -1
	}, s))
}

// Name is an organisation's name taken apart (企业名称登记管理规定 2020, art. 6):
// division, trade name, industry, organisation form.
type Name struct {
	Normal string // see the function Normal
	// Divisions are the full names of the divisions before the trade name or in
	// brackets, widest first as written: 河南省, 新乡市.
	Divisions []string
	Core      string // trade name and industry; never empty unless Normal is
	Brand     string // trade name (字号)
	Industry  string // may be empty
	Form      string // as written; may be empty
	Branch    bool   // the name of a branch
	// Generic says that Core holds no trade name at all, only words that many
	// names share (科技, 新乡市): such a name finds nobody in particular.
	Generic bool
}

// ParseName takes a name, or a part of one as people search for it, apart. It
// refuses nothing and never strips a name to nothing.
func ParseName(name string) Name {
	f := folded(name)
	n := Name{Normal: keep(f)}
	rest := n.Normal
	if rest != f {
		rest = n.unbracket(f)
	}
	if rest == "" {
		rest = n.Normal
	}
	rest = n.stripForms(rest)
	rest = n.stripDivisions(rest)
	n.Core = rest
	n.Brand, n.Industry = SplitCore(rest)
	if n.Industry == "" && (allIndustry(rest) || isDivision(rest) || isForm(rest)) {
		n.Generic = true
	}
	return n
}

// Core is the trade name and industry of an organisation's name: what is left
// without division and organisation form.
func Core(name string) string { return ParseName(name).Core }

// unbracket takes brackets out: a division or an organisation form inside is
// noted and dropped, anything else stays where it was.
func (n *Name) unbracket(s string) string {
	var out strings.Builder
	for s != "" {
		open := strings.IndexAny(s, "([{〔【〈《「『<")
		if open < 0 {
			break
		}
		_, width := utf8.DecodeRuneInString(s[open:])
		length := strings.IndexAny(s[open+width:], ")]}〕】〉》」』>")
		if length < 0 {
			break
		}
		inside := keep(s[open+width : open+width+length])
		out.WriteString(s[:open])
		_, closing := utf8.DecodeRuneInString(s[open+width+length:])
		s = s[open+width+length+closing:]
		switch d, ok := divisionOf[inside]; {
		case ok:
			n.Divisions = append(n.Divisions, d.full)
		case isForm(inside):
			n.Form += inside
		default:
			out.WriteString(inside)
		}
	}
	out.WriteString(s)
	return keep(out.String())
}

// mostParts bounds how many forms or divisions are taken off one name, so that
// the work on a text that is no name stays small.
const mostParts = 8

func (n *Name) stripForms(s string) string {
	company := false
	for range mostParts {
		if !formEnds[end(s)] {
			return s
		}
		form := tail(s, longestForm, isForm)
		if form == "" || form == s {
			return s
		}
		rest := strings.TrimSuffix(s, form)
		soft := !legal(form) && !formOf[form]
		// Behind 有限公司 the words 超市 or 酒店 say the trade, not the form; and one
		// character (行, 社, 部) is as often the end of a trade name.
		if soft && (company || utf8.RuneCountInString(form) == 1 && utf8.RuneCountInString(rest) < 3) {
			return s
		}
		n.Form = form + n.Form
		s = rest
		company = company || legal(form) && (strings.HasSuffix(form, "公司") || strings.HasSuffix(form, "集团"))
		if formOf[form] {
			n.Branch = true
			// …有限公司新乡分公司: the branch's place goes with the ending.
			if place := tail(s, longestDivision, isDivision); place != "" && place != s {
				if r := strings.TrimSuffix(s, place); isForm(tail(r, longestForm, isForm)) {
					n.Divisions = append(n.Divisions, divisionOf[place].full)
					s = r
				}
			}
		}
	}
	return s
}

func (n *Name) stripDivisions(s string) string {
	found := []string{}
	for range mostParts {
		start := head(s, longestDivision, isDivision)
		if start == "" || start == s {
			break
		}
		rest := strings.TrimPrefix(s, start)
		d := divisionOf[start]
		// A short name may be the beginning of a trade name (长春藤, 朝阳机械), so
		// something that can be a trade name must be left behind it.
		if bare[start] && (allIndustry(rest) || utf8.RuneCountInString(rest) < 2) {
			break
		}
		if d.kind == "town" && len(n.Divisions)+len(found) == 0 {
			break // without its county a township's name says too little
		}
		found = append(found, d.full)
		s = rest
	}
	n.Divisions = append(found, n.Divisions...)
	return s
}

// SplitCore splits trade name and industry. Industry words go from the right,
// longest first; at least one character stays.
func SplitCore(core string) (brand, industry string) {
	rest := core
	for industryEnds[end(rest)] {
		word := tail(rest, longestIndustry, isIndustry)
		if word == "" || word == rest {
			break
		}
		rest = strings.TrimSuffix(rest, word)
	}
	return rest, strings.TrimPrefix(core, rest)
}

// legal tells the forms that an act of law gives, which say nothing of the trade.
func legal(form string) bool {
	for _, end := range []string{"公司", "集团", "合伙", "合伙企业", "合作社", "联合社", "个人独资", "个人独资企业", "个体工商户"} {
		if strings.HasSuffix(form, end) {
			return true
		}
	}
	return false
}

func allIndustry(s string) bool {
	brand, _ := SplitCore(s)
	return isIndustry(brand)
}

// isIndustry also knows the endings of two characters and more that stand before
// a legal form: 砚葵超市有限公司.
func isIndustry(w string) bool {
	if industryOf[w] {
		return true
	}
	branch, form := formOf[w]
	return form && !branch && utf8.RuneCountInString(w) > 1 && !legal(w)
}

func isDivision(s string) bool { _, ok := divisionOf[s]; return ok }
func isForm(s string) bool     { _, ok := formOf[s]; return ok }

// end is the last character of s.
func end(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}

// tail is the longest ending of s, at most n characters, that satisfies is.
func tail(s string, n int, is func(string) bool) string {
	longest := ""
	for i, count := len(s), 0; i > 0 && count < n; count++ {
		_, size := utf8.DecodeLastRuneInString(s[:i])
		i -= size
		if is(s[i:]) {
			longest = s[i:]
		}
	}
	return longest
}

// head is the longest beginning of s, at most n characters, that satisfies is.
func head(s string, n int, is func(string) bool) string {
	longest := ""
	for i, count := 0, 0; i < len(s) && count < n; count++ {
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
		if is(s[:i]) {
			longest = s[:i]
		}
	}
	return longest
}

// Grams are the pairs of neighbouring characters of s, each once, in order.
func Grams(s string) []string {
	n := utf8.RuneCountInString(s)
	if n < 2 {
		return nil
	}
	if !utf8.ValidString(s) {
		s = string([]rune(s)) // a pair is text, even of a text that is none
	}
	grams := make([]string, 0, n-1)
	var seen map[string]bool
	if n > 32 { // below, looking through the list is faster
		seen = make(map[string]bool, n)
	}
	last := 0 // where the character before begins
	for i, r := range s {
		if i == 0 {
			continue
		}
		g := s[last : i+utf8.RuneLen(r)]
		last = i
		if seen[g] || seen == nil && slices.Contains(grams, g) {
			continue
		}
		if seen != nil {
			seen[g] = true
		}
		grams = append(grams, g)
	}
	return grams
}

// CommonGrams are the pairs inside the words that many names share: industry
// words, organisation forms, and the divisions of the city and its province. An
// index keeps them in another way than the rest.
func CommonGrams() map[string]bool { return commonGrams }

var commonGrams map[string]bool

func init() {
	commonGrams = map[string]bool{}
	add := func(word string) {
		for _, g := range Grams(word) {
			commonGrams[g] = true
		}
	}
	for w := range industryOf {
		add(w)
	}
	for w := range formOf {
		add(w)
	}
	for _, d := range divisions {
		if d.kind != "town" && (strings.HasPrefix(d.code, "4107") || d.code == "410000") {
			add(d.full)
		}
	}
}

// DivisionCode is the code of a division by its full or short name.
func DivisionCode(name string) (string, bool) {
	d, ok := divisionOf[name]
	return d.code, ok
}

// Plain folds compatibility forms, width, case and marks above letters (ü is
// written v): what is left of SUÌ　cén is "sui cen".
func Plain(s string) string {
	s = strings.ToLower(norm.NFKC.String(s))
	s = strings.NewReplacer("ü", "v", "ǖ", "v", "ǘ", "v", "ǚ", "v", "ǜ", "v").Replace(s)
	return norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(s)))
}
