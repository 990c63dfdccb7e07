package ident

import (
	_ "embed"
	"strings"
	"unicode"
)

//go:embed data/surnames.txt
var surnameData string

var surnames = func() map[string]bool {
	set := map[string]bool{}
	for _, row := range lines(surnameData) {
		set[row] = true
	}
	return set
}()

// MaskName hides the middle of a natural person's name: 张三 becomes 张*, 张小三
// becomes 张*三, 欧阳小三 becomes 欧阳*三. A compound surname stays whole when a
// given name follows. In names of several parts (买买提·吐尔逊, John Smith) the
// first and the last character stay, and the marks between the parts.
// Organisations are not masked; nothing tells them apart here.
func MaskName(name string) string {
	r := []rune(strings.TrimSpace(name))
	if len(r) == 0 {
		return ""
	}
	head := 1
	for n := min(4, len(r)-1); n >= 2; n-- {
		if surnames[string(r[:n])] {
			head = n
			break
		}
	}
	if len(r) == 1 {
		return "*"
	}
	tail := len(r)
	if len(r)-head >= 2 {
		tail--
	}
	for i := head; i < tail; i++ {
		if !separates(r[i]) {
			r[i] = '*'
		}
	}
	return string(r)
}

func separates(r rune) bool {
	return unicode.IsSpace(r) || strings.ContainsRune("·•・.．-‧", r)
}
