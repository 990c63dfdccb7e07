package page

import (
	"strings"
	"sync"
)

// Some names are data of the city and not words of the program: what officers have
// called an act that they put into the catalogue. They are said like the others.

var (
	named    sync.Map // key → entry
	families sync.Map // prefix → key
)

// Name gives a key that the catalogue does not have the name that data of the city
// says. A later name takes the place of an earlier one; a key of the catalogue keeps
// its sentence.
func Name(key, zh, en string) {
	named.Store(key, entry{ZH: zh, EN: en})
}

// Family lets keys that begin with the prefix and that nobody has named be said by
// the sentence of key, with what follows the prefix as its argument. It is for an
// init: what data of the city may name later is never a missing word.
func Family(prefix, key string) { families.Store(prefix, key) }

// name is what is said for a key that the catalogue does not have.
func name(lang Lang, key string) (string, bool) {
	if v, ok := named.Load(key); ok {
		return v.(entry).in(lang), true
	}
	i := strings.LastIndexByte(key, '.')
	if i < 0 {
		return "", false
	}
	by, ok := families.Load(key[:i+1])
	if !ok || key == by.(string) {
		return "", false
	}
	return Say(lang, by.(string), key[i+1:]), true
}
