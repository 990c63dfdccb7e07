package subject

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"ipcredit/shared/ident"
)

// Reason is one part of why a hit was found: a key of the catalogue and what
// fills its sentence.
type Reason struct {
	Key  string `json:"key"`
	Args []any  `json:"args,omitempty"`
}

// Features are the parts of a score, each between 0 and 1.
type Features struct {
	Code     float64 `json:"code"`     // the identifier is the same
	Name     float64 `json:"name"`     // pairs of characters shared by the whole names
	Brand    float64 `json:"brand"`    // trade name
	Industry float64 `json:"industry"` // what stands behind the trade name
	Division float64 `json:"division"` // province, city, county
	Sound    float64 `json:"sound"`    // trade names read alike
}

// The steps of the ranking. Each kind of match has a band of its own that the
// fine differences inside (division, form, industry) cannot leave, so that a
// better kind of match always comes first. Our own choice [design].
const (
	scoreCode     = 1.0
	scoreExact    = 0.98
	scoreCore     = 0.88 // to 0.96
	scorePrefix   = 0.78 // to 0.86
	scoreBrand    = 0.66 // to 0.77: the trade name is the same, the industry is not
	scoreContains = 0.58 // to 0.66
	scoreOverlap  = 0.34 // to 0.57
	scoreSound    = 0.22 // to 0.33
	scoreGeneric  = 0.12 // to 0.20
	scoreFloor    = 0.10

	formerNames = 0.985 // a match with a former name counts this much
)

// query is what somebody looks for, taken apart once.
type query struct {
	text     string // as typed, cleaned
	name     ident.Name
	readings [][]string // ways to say the trade name
	brand    []rune
	sounds   [][]string // readings of each character of the trade name
	pairs    []pair     // of the whole normalised name
	trade    []pair     // of the industry
	letters  []string   // if the query may be pinyin: its letters, with and without a leading division
	cuts     [][]string
	code     string // if it looks like a code or the beginning of one
}

func newQuery(text string) query {
	q := query{text: text, name: ident.ParseName(text)}
	q.pairs, q.trade = pairs(nil, q.name.Normal), pairs(nil, q.name.Industry)
	q.brand = []rune(q.name.Brand)
	for _, r := range q.brand {
		q.sounds = append(q.sounds, ident.ReadingsOf(r))
	}
	q.code = codeLike(text)
	if latin, ok := latinOnly(text); ok {
		q.cuts = ident.Syllables(latin, 8)
		letters := strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' {
				return r
			}
			return -1
		}, latin)
		q.letters = []string{letters}
		for _, d := range divisionSounds {
			if rest, ok := strings.CutPrefix(letters, d); ok && len(rest) > 1 {
				q.letters = append(q.letters, rest)
				q.cuts = append(q.cuts, ident.Syllables(rest, 4)...)
			}
		}
	} else {
		q.readings = ident.Readings(q.name.Brand, readings)
	}
	return q
}

// divisionSounds are the readings of the city's own divisions, longest first.
var divisionSounds = func() []string {
	var list []string
	for _, name := range []string{"410000", "410700", "410702", "410703", "410704", "410711", "410721", "410724",
		"410725", "410726", "410727", "410781", "410782", "410783"} {
		area, ok := ident.AreaOf(name)
		if !ok {
			continue
		}
		full := []rune(area.Name)
		for _, part := range []string{area.Name, string(full[:len(full)-1])} {
			if len([]rune(part)) > 1 {
				list = append(list, ident.Pinyin(part, 1)...)
			}
		}
	}
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	return list
}()

// latinOnly gives the query in small letters without tones if it holds nothing
// but latin letters and what stands between them.
func latinOnly(text string) (string, bool) {
	var b strings.Builder
	any := false
	for _, r := range ident.Plain(text) {
		switch {
		case r >= 'a' && r <= 'z':
			b.WriteRune(r)
			any = true
		case unicode.IsSpace(r) || r == '\'' || r == '-' || r == '’':
			b.WriteRune(' ')
		default:
			return "", false
		}
	}
	return b.String(), any
}

// codeLike gives the query as a code in canonical form if it may be one or the
// beginning of one.
func codeLike(text string) string {
	c := strings.ToUpper(ident.Normal(text))
	if len(c) < codeHead || len(c) > 18 {
		return ""
	}
	digits := 0
	for i := 0; i < len(c); i++ {
		switch {
		case c[i] >= '0' && c[i] <= '9':
			digits++
		case c[i] < 'A' || c[i] > 'Z':
			return ""
		}
	}
	if digits < 6 {
		return ""
	}
	return c
}

// judge scores one subject against the query; a score below scoreFloor is no
// hit.
func (q query) judge(s Subject) (score float64, why []Reason, features Features) {
	for i, name := range append([]string{s.Name}, s.FormerNames...) {
		sc, w, f := q.compare(ident.ParseName(name), s.District)
		if i > 0 {
			sc *= formerNames
			w = append(w, Reason{Key: "subject.why.former", Args: []any{name}})
		}
		if sc > score {
			score, why, features = sc, w, f
		}
	}
	return score, why, features
}

func (q query) compare(n ident.Name, district string) (float64, []Reason, Features) {
	var f Features
	if q.name.Normal == "" || n.Normal == "" {
		return 0, nil, f
	}
	if q.name.Normal == n.Normal {
		return scoreExact, []Reason{{Key: "subject.why.exact"}}, Features{Name: 1, Brand: 1, Industry: 1, Division: 1, Sound: 1}
	}
	var space [32]pair
	f.Name = dice(q.pairs, pairs(space[:0], n.Normal))
	if q.letters != nil {
		if sc, reason := q.spelled(n); sc > 0 {
			f.Sound = 1
			return sc + 0.01*q.shortness(n), []Reason{reason}, f
		}
	}
	f.Brand = q.similarBrand(n)
	f.Industry = q.similarIndustry(n.Industry)
	var division []Reason
	f.Division, division = q.division(n, district)
	f.Sound = q.similarSound(n.Brand)
	// fine stays below the distance between two steps.
	fine := 0.030*f.Division + 0.025*f.Name + 0.010*form(q.name.Form, n.Form)
	if strings.Contains(n.Normal, q.name.Normal) {
		fine += 0.010
	}

	switch {
	case q.name.Generic:
		return q.generic(n, fine)
	case q.name.Core == n.Core:
		key := "subject.why.core"
		if n.Industry == "" {
			key = "subject.why.brand"
		}
		return scoreCore + fine, append([]Reason{{Key: key, Args: []any{n.Core}}}, division...), f
	case q.name.Industry == "" && q.name.Brand == n.Brand:
		return scorePrefix + 0.01 + fine, append([]Reason{{Key: "subject.why.brand", Args: []any{n.Brand}}}, division...), f
	case strings.HasPrefix(n.Core, q.name.Core):
		return scorePrefix + fine*0.9, append([]Reason{{Key: "subject.why.prefix", Args: []any{q.name.Core}}}, division...), f
	case q.name.Brand == n.Brand:
		return scoreBrand + 0.04*f.Industry + fine, append([]Reason{{Key: "subject.why.brand", Args: []any{n.Brand}}, {Key: "subject.why.industry_differs"}}, division...), f
	case utf8.RuneCountInString(q.name.Core) > 1 && strings.Contains(n.Core, q.name.Core):
		return scoreContains + fine, append([]Reason{{Key: "subject.why.contains", Args: []any{q.name.Core}}}, division...), f
	}

	// A trade name of two characters with one of them wrong is half another
	// name: the industry must speak for it, or the sound.
	alike := f.Brand > 0.5 || f.Brand >= 0.45 && (f.Industry >= 0.3 || f.Sound == 1)
	if alike {
		reasons := []Reason{{Key: "subject.why.similar", Args: []any{n.Brand}}}
		if f.Sound == 1 {
			reasons = []Reason{{Key: "subject.why.homophone", Args: []any{n.Brand}}}
		}
		return scoreOverlap + 0.08*f.Brand + 0.04*f.Industry + 0.03*f.Sound + fine, append(reasons, division...), f
	}
	if f.Sound == 1 {
		return scoreSound + 0.04*f.Industry + fine*0.8, append([]Reason{{Key: "subject.why.homophone", Args: []any{n.Brand}}}, division...), f
	}
	return 0, nil, f
}

// generic judges a query without a trade name: whoever has its words.
func (q query) generic(n ident.Name, fine float64) (float64, []Reason, Features) {
	switch {
	case n.Core == q.name.Core:
		return scoreCore + fine, []Reason{{Key: "subject.why.core", Args: []any{n.Core}}}, Features{Industry: 1}
	case strings.Contains(n.Normal, q.name.Normal), strings.Contains(n.Normal, q.name.Core):
		return scoreGeneric + fine, []Reason{{Key: "subject.why.words", Args: []any{q.name.Core}}}, Features{Industry: 1}
	}
	return 0, nil, Features{}
}

// spelled matches pinyin and initials with trade name and industry.
func (q query) spelled(n ident.Name) (float64, Reason) {
	core := []rune(n.Core)
	brand := len([]rune(n.Brand))
	best, reason := 0.0, Reason{}
	for i, letters := range q.letters {
		less := 0.004 * float64(i)
		if used := spells(core, letters); used > 0 {
			sc := scoreSound + 0.02
			switch {
			case used == len(core) || used == brand:
				sc += 0.06
			case used > brand:
				sc += 0.05
			}
			if sc-less > best {
				best, reason = sc-less, Reason{Key: "subject.why.pinyin", Args: []any{string(core[:used])}}
			}
		} else if used := abbreviates(core, letters); used >= 2 {
			sc := scoreSound
			if used == len(core) || used == brand {
				sc += 0.015
			}
			if sc-less > best {
				best, reason = sc-less, Reason{Key: "subject.why.initials", Args: []any{string(core[:used])}}
			}
		}
	}
	return best, reason
}

// shortness prefers the shorter of two names that fit a query equally.
func (q query) shortness(n ident.Name) float64 {
	return 1 / float64(1+len([]rune(n.Core)))
}

// spells tells how many characters of core the letters write out, from its
// beginning; the last syllable may be cut short if another one stands before
// it. 0 is none.
func spells(core []rune, letters string) int {
	var walk func(at int, rest string) int
	walk = func(at int, rest string) int {
		if rest == "" {
			return at
		}
		if at == len(core) {
			return 0
		}
		for _, reading := range ident.ReadingsOf(core[at]) {
			if tail, ok := strings.CutPrefix(rest, reading); ok {
				if used := walk(at+1, tail); used > 0 {
					return used
				}
			}
		}
		for _, reading := range ident.ReadingsOf(core[at]) {
			if at > 0 && len(rest) > 1 && strings.HasPrefix(reading, rest) {
				return at + 1
			}
		}
		return 0
	}
	return walk(0, letters)
}

// abbreviates tells how many characters of core the letters are the initials
// of, from its beginning.
func abbreviates(core []rune, letters string) int {
	if len(letters) > len(core) {
		return 0
	}
	for i := range len(letters) {
		if !slices.ContainsFunc(ident.ReadingsOf(core[i]), func(r string) bool { return r[0] == letters[i] }) {
			return 0
		}
	}
	return len(letters)
}

// division compares where the names say they are: 1 the same, 0.5 nothing said
// or one inside the other, 0 different.
func (q query) division(n ident.Name, district string) (float64, []Reason) {
	if len(q.name.Divisions) == 0 {
		return 0.5, nil
	}
	same, known := 0, 0
	for _, d := range q.name.Divisions {
		if slices.Contains(n.Divisions, d) {
			same++
			continue
		}
		if area, ok := ident.DivisionCode(d); ok && inside(district, area) {
			known++
		}
	}
	switch {
	case same == len(q.name.Divisions):
		return 1, nil
	case same > 0:
		return 0.8, nil
	case known > 0:
		return 0.5, []Reason{{Key: "subject.why.division_differs"}}
	}
	return 0, []Reason{{Key: "subject.why.division_differs"}}
}

// inside tells whether the area lies in the division: 410702 in 410700.
func inside(area, division string) bool {
	for strings.HasSuffix(division, "00") {
		division = division[:len(division)-2]
	}
	return division != "" && strings.HasPrefix(area, division)
}

func form(q, n string) float64 {
	switch {
	case q == n:
		return 1
	case q == "", strings.HasSuffix(n, q), strings.HasSuffix(q, n):
		return 0.5
	}
	return 0
}

// similarBrand compares trade names: 1 minus the share of characters to change,
// where one trade name inside the other (somebody typed the words in another
// order, or knows half of it) counts more than its length.
func (q query) similarBrand(n ident.Name) float64 {
	if q.name.Brand == n.Brand && n.Brand != "" {
		return 1
	}
	a, b := q.brand, []rune(n.Brand)
	longest := max(len(a), len(b))
	if longest == 0 {
		return 0
	}
	best := 1 - float64(distance(a, b))/float64(longest)
	if len(a) == len(b) && len(a) > 1 && sameRunes(a, b) {
		best = max(best, 0.75)
	}
	if len(a) > 1 && len(a) < len(b) {
		// The best place for the shorter one inside the longer one.
		for i := range len(b) - len(a) + 1 {
			best = max(best, 0.9*(1-float64(distance(a, b[i:i+len(a)]))/float64(len(a))))
		}
	}
	if len(b) > 1 && strings.Contains(q.name.Core, n.Brand) {
		best = max(best, 0.55+0.35*float64(len(b))/float64(utf8.RuneCountInString(q.name.Core)))
	}
	if len(a) > 1 && strings.Contains(n.Core, q.name.Brand) {
		best = max(best, 0.55+0.4*float64(len(a))/float64(longest))
	}
	return best
}

// sameRunes tells whether a is b in another order; both are equally long.
func sameRunes(a, b []rune) bool {
	count := func(list []rune, r rune) (n int) {
		for _, x := range list {
			if x == r {
				n++
			}
		}
		return n
	}
	return !slices.ContainsFunc(a, func(r rune) bool { return count(a, r) != count(b, r) })
}

// similarIndustry is 0.5 where the query names none.
func (q query) similarIndustry(n string) float64 {
	switch {
	case q.name.Industry == n:
		return 1
	case q.name.Industry == "":
		return 0.5
	case n == "":
		return 0.2
	}
	var space [32]pair
	return dice(q.trade, pairs(space[:0], n))
}

// similarSound is 1 if both can be read alike, from the first character to the
// last.
func (q query) similarSound(brand string) float64 {
	if len(q.brand) < 2 || utf8.RuneCountInString(brand) != len(q.brand) {
		return 0
	}
	i := 0
	for _, r := range brand {
		if mine := q.sounds[i]; r != q.brand[i] && !slices.ContainsFunc(ident.ReadingsOf(r), func(s string) bool { return slices.Contains(mine, s) }) {
			return 0
		}
		i++
	}
	return 1
}

// pair is two neighbouring characters, one in each half: ident.Grams in a form
// that compares fast.
type pair uint64

// pairs appends the pairs of s to list, each once.
func pairs(list []pair, s string) []pair {
	last := rune(-1)
	for _, r := range s {
		if p := pair(last)<<32 | pair(r); last >= 0 && !slices.Contains(list, p) {
			list = append(list, p)
		}
		last = r
	}
	return list
}

// dice is the share of pairs that two texts have in common; 0 where neither has
// any.
func dice(a, b []pair) float64 {
	if len(a)+len(b) == 0 {
		return 0
	}
	shared := 0
	for _, g := range a {
		if slices.Contains(b, g) {
			shared++
		}
	}
	return 2 * float64(shared) / float64(len(a)+len(b))
}

// distance counts insertions, deletions, changes and swaps of neighbours.
func distance(a, b []rune) int {
	n := len(b) + 1
	var space [3 * 16]int // enough for nearly every trade name
	rows := space[:]
	if 3*n > len(rows) {
		rows = make([]int, 3*n)
	}
	before, last, row := rows[:n], rows[n:2*n], rows[2*n:3*n]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
