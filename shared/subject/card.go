package subject

import (
	_ "embed"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"ipcredit/shared/ident"
)

// A card is what the index keeps under a subject's number: the code, and behind
// it what judging needs, so that a search reads no document for most of those it
// looks at. Cards stand 32 to a hash, and none is longer than 64 bytes: such a
// hash Redis keeps as one compact list, and finds a card in it by passing few
// others.
//
//	code                                 read the document
//	code = name                          kind and district are as the code says
//	code + district (6 digits) name      the district is another
//
// A name is UTF-16, big-endian, with the words of shorthand.txt written as one
// character of the private use area. Whoever has former names, a successor, a
// kind of its own or a long name has a card with the code alone.
const (
	cardBlock   = 5  // log2 of the cards in one hash
	longestCard = 64 // bytes: hash-max-listpack-value
	codeLength  = 18

	districtAsCode, districtOwn = '=', '+'
)

// Before there were cards, the code alone stood at another key. It is still read
// where there is no card; Store.Reindex moves it.
const codeBlock = 7

//go:embed shorthand.txt
var shorthandData string

const shorthandBase = 0xe000

var shorthand = func() (list []string) {
	for row := range strings.Lines(shorthandData) {
		if row = strings.TrimSpace(row); row != "" && row[0] != '#' {
			list = append(list, row)
		}
	}
	return list
}()

var shorten = func() *strings.Replacer {
	var pairs []string
	for i, word := range shorthand {
		pairs = append(pairs, word, string(rune(shorthandBase+i)))
	}
	return strings.NewReplacer(pairs...)
}()

func (s *Store) cardKey(n int64) (key, field string) {
	return s.journal.Key("subject", "card", strconv.FormatInt(n>>cardBlock, 10)),
		strconv.FormatInt(n&(1<<cardBlock-1), 10)
}

func (s *Store) oldCodeKey(n int64) (key, field string) {
	return s.journal.Key("subject", "n", strconv.FormatInt(n>>codeBlock, 10)),
		strconv.FormatInt(n&(1<<codeBlock-1), 10)
}

// card is the card of a subject that is no person.
func card(s Subject) string {
	code := ident.USCC(s.Code)
	if len(code) != codeLength || len(s.FormerNames) > 0 || s.MergedInto != "" || s.Kind != code.Kind() {
		return s.Code
	}
	b := make([]byte, 0, longestCard)
	b = append(b, code...)
	if s.District == code.Area() {
		b = append(b, districtAsCode)
	} else {
		b = append(b, districtOwn)
		b = append(b, s.District...)
	}
	for _, unit := range utf16.Encode([]rune(shorten.Replace(s.Name))) {
		b = append(b, byte(unit>>8), byte(unit))
	}
	// What would not read back the same (a name with private characters of its
	// own, a district that is none) is left to the document.
	if back, whole := ofCard(string(b), s.Number); len(b) > longestCard || !whole || back.Name != s.Name || back.District != s.District {
		return s.Code
	}
	return string(b)
}

// ofCard reads a card; whole is false where the document must be read.
func ofCard(card string, number int64) (s Subject, whole bool) {
	if len(card) <= codeLength {
		return Subject{Code: card, Number: number}, false
	}
	code, rest := ident.USCC(card[:codeLength]), card[codeLength+1:]
	s = Subject{Code: string(code), Kind: code.Kind(), District: code.Area(), Number: number}
	switch mark := card[codeLength]; {
	case mark == districtAsCode:
	case mark == districtOwn && len(rest) >= 6:
		s.District, rest = rest[:6], rest[6:]
	default:
		return s, false // from a later version
	}
	name := make([]byte, 0, 3*longestCard)
	for ; len(rest) >= 2; rest = rest[2:] {
		r := rune(rest[0])<<8 | rune(rest[1])
		switch {
		case r >= shorthandBase && int(r-shorthandBase) < len(shorthand):
			name = append(name, shorthand[r-shorthandBase]...)
			continue
		case utf16.IsSurrogate(r) && len(rest) >= 4:
			r = utf16.DecodeRune(r, rune(rest[2])<<8|rune(rest[3]))
			rest = rest[2:]
		}
		name = utf8.AppendRune(name, r)
	}
	s.Name = string(name)
	return s, rest == "" && s.Name != ""
}
