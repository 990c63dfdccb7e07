package ident

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/mozillazg/go-pinyin"
	"golang.org/x/text/unicode/norm"
)

// maxReadings bounds the readings kept of one character: dictionaries list
// readings that no living name uses.
const maxReadings = 3

// syllables are the pinyin syllables without tone that some character has. They
// are found when first needed: most functions never cut pinyin, and starting
// fast matters to all.
var syllables = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for _, list := range pinyin.PinyinDict {
		for r := range strings.SplitSeq(list, ",") {
			if s := toneless(r); s != "" && len(s) <= 6 {
				set[s] = true
			}
		}
	}
	// Interjections read with a consonant alone cut words in the wrong places.
	for _, s := range []string{"m", "n", "ng", "hm", "hng", "g"} {
		delete(set, s)
	}
	return set
})

// toneless drops tone marks and whatever is no letter; ü is written v.
func toneless(s string) string {
	var b []byte
	for _, r := range s {
		switch {
		case r >= 'a' && r <= 'z':
			b = append(b, byte(r))
		case r >= 'A' && r <= 'Z':
			b = append(b, byte(r-'A'+'a'))
		default:
			b = append(b, toneMarks[r])
			if b[len(b)-1] == 0 {
				b = b[:len(b)-1]
			}
		}
	}
	return string(b)
}

var toneMarks = func() map[rune]byte {
	marks := map[rune]byte{}
	for base, marked := range map[byte]string{
		'a': "āáǎàâăĀÁǍÀ", 'e': "ēéěèêĒÉĚÈếềễ", 'i': "īíǐìĪÍǏÌ", 'o': "ōóǒòŌÓǑÒ", 'u': "ūúǔùŪÚǓÙ",
		'v': "üǖǘǚǜÜǕǗǙǛ", 'n': "ńňǹŃŇǸ", 'm': "ḿ",
	} {
		for _, r := range marked {
			marks[r] = base
		}
	}
	return marks
}()

// ReadingsOf lists the readings of one character without tone, the usual one
// first: 行 has xing, hang, heng. A latin letter or digit reads as itself; other
// characters have none. The caller must not change the list.
func ReadingsOf(r rune) []string {
	if r < 0x80 {
		if r = unicode.ToLower(r); r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return []string{string(r)}
		}
		return nil
	}
	if list, ok := readings.Load(r); ok {
		return list.([]string)
	}
	var list []string
	for reading := range strings.SplitSeq(pinyin.PinyinDict[int(r)], ",") {
		if s := toneless(reading); s != "" && !slices.Contains(list, s) {
			list = append(list, s)
			if len(list) == maxReadings {
				break
			}
		}
	}
	if len(list) > 0 {
		readings.Store(r, list) // at most as many as the dictionary has
	}
	return list
}

// readings caches what ReadingsOf found.
var readings sync.Map

// Readings gives the ways to read s aloud, syllable by syllable without tones,
// at most limit of them, the likeliest first; none if some character has no
// reading, or if s is longer than any trade name (64 characters): the work would
// grow with the square of its length.
func Readings(s string, limit int) [][]string {
	if utf8.RuneCountInString(s) > 64 {
		return nil
	}
	type way struct {
		syllables []string
		rank      int // sum of the positions in the dictionary's order
	}
	ways := []way{{}}
	for _, r := range s {
		list := ReadingsOf(r)
		if len(list) == 0 {
			return nil
		}
		if len(list) == 1 {
			for i := range ways {
				ways[i].syllables = append(ways[i].syllables, list[0])
			}
			continue
		}
		next := make([]way, 0, len(ways)*len(list))
		for _, w := range ways {
			for i, reading := range list {
				next = append(next, way{append(slices.Clone(w.syllables), reading), w.rank + i})
			}
		}
		slices.SortStableFunc(next, func(a, b way) int { return a.rank - b.rank })
		ways = next[:min(len(next), limit)]
	}
	var list [][]string
	for _, w := range ways {
		if len(w.syllables) > 0 {
			list = append(list, w.syllables)
		}
	}
	return list
}

// Pinyin is Readings with each way written as one word, each word once.
func Pinyin(s string, limit int) []string {
	return joined(Readings(s, limit), func(syllable string) string { return syllable })
}

// Initials gives the first letters of the ways to read s: 行远 has xy and hy.
func Initials(s string, limit int) []string {
	return joined(Readings(s, limit), func(syllable string) string { return syllable[:1] })
}

func joined(ways [][]string, take func(string) string) []string {
	var list []string
	for _, w := range ways {
		var b strings.Builder
		for _, syllable := range w {
			b.WriteString(take(syllable))
		}
		if text := b.String(); !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}

// Syllables cuts a latin text into pinyin syllables, in every way there is, at
// most limit of them. Spaces and apostrophes are cuts for certain. It gives none
// when some part is no pinyin: then the text may be initials, or not Chinese.
func Syllables(s string, limit int) [][]string {
	words := strings.FieldsFunc(strings.ToLower(norm.NFC.String(s)), func(r rune) bool {
		return unicode.IsSpace(r) || r == '\'' || r == '’' || r == '-'
	})
	ways := [][]string{nil}
	for _, word := range words {
		word = strings.NewReplacer("ü", "v", "u:", "v").Replace(word)
		cuts := cut(toneless(word), limit)
		if len(cuts) == 0 {
			return nil
		}
		var next [][]string
		for _, w := range ways {
			for _, c := range cuts {
				if len(next) < limit {
					next = append(next, append(slices.Clone(w), c...))
				}
			}
		}
		ways = next
	}
	if len(words) == 0 {
		return nil
	}
	return ways
}

// cut lists the segmentations of one word, longer syllables first. Words longer
// than any name are not cut: the work grows with their length.
func cut(word string, limit int) [][]string {
	if len(word) > 96 {
		return nil
	}
	known := syllables()
	dead := map[int]bool{} // positions from which no way leads to the end
	var ways [][]string
	var walk func(at int, path []string) bool
	walk = func(at int, path []string) bool {
		if at == len(word) {
			ways = append(ways, slices.Clone(path))
			return true
		}
		if dead[at] {
			return false
		}
		found := false
		for n := min(6, len(word)-at); n >= 1 && len(ways) < limit; n-- {
			if known[word[at:at+n]] {
				found = walk(at+n, append(path, word[at:at+n])) || found
			}
		}
		if !found && len(ways) < limit {
			dead[at] = true
		}
		return found
	}
	if word != "" {
		walk(0, nil)
	}
	return ways
}
