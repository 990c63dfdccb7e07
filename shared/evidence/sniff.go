package evidence

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"ipcredit/shared/fault"
)

// CheckName refuses a file whose name already tells that it is not taken. A file
// without a name is judged by its beginning alone.
func (l Limits) CheckName(name string) error {
	if Display(name) == "" {
		return nil
	}
	if _, ok := l.group(name); !ok {
		return fault.New(fault.WrongType, "evidence.type").With("file", "evidence.type")
	}
	return nil
}

// start is the first bytes of a kind of file.
type start struct {
	bytes []byte
	any   []bool // places where every byte will do
}

func readStarts(texts []string) ([]start, error) {
	all := make([]start, 0, len(texts))
	for _, text := range texts {
		raw, err := hex.DecodeString(strings.ReplaceAll(text, "??", "00"))
		if err != nil || len(raw) < 2 {
			return nil, fmt.Errorf("evidence: limits: %q is no beginning", text)
		}
		s := start{bytes: raw, any: make([]bool, len(raw))}
		for i := range raw {
			s.any[i] = text[2*i] == '?'
		}
		all = append(all, s)
	}
	return all, nil
}

func (s start) of(head []byte) bool {
	if len(head) < len(s.bytes) {
		return false
	}
	for i, b := range s.bytes {
		if !s.any[i] && head[i] != b {
			return false
		}
	}
	return true
}

func anyOf(all []start, head []byte) bool {
	return slices.ContainsFunc(all, func(s start) bool { return s.of(head) })
}

// Sniff refuses a file by its beginning: programs, scripts and pages, and whatever
// is none of the kinds taken. head is what arrived of it first; whole tells that
// there is no more. Where less than HeadBytes of a longer file came, only what is
// never taken can be told, and enough is false.
//
// The name is not looked at: it is sealed before the first piece comes. That it
// fits, macros, files that are two things at once further on, and viruses are
// found after opening.
func (l Limits) Sniff(head []byte, whole bool) (enough bool, err error) {
	enough = whole || len(head) >= l.HeadBytes
	head = head[:min(len(head), l.HeadBytes)]
	taken, pure := false, false
	for _, g := range l.Groups {
		if anyOf(g.starts, head) || g.Text && isText(head) {
			taken, pure = true, pure || g.Pure
		}
	}
	letters := beginning(head)
	for _, d := range l.Denied {
		if d.denies(head, letters, pure) {
			code := "evidence.denied." + d.What
			return enough, fault.New(fault.WrongType, code).With("file", code)
		}
	}
	if taken && locked(head) {
		return enough, fault.New(fault.WrongType, "evidence.password").With("file", "evidence.password")
	}
	if enough && !taken {
		return true, fault.New(fault.WrongType, "evidence.type").With("file", "evidence.type")
	}
	return enough, nil
}

// locked tells whether a beginning is that of an archive or an office file that
// only a password opens: nobody who handles it could look into it, and no scanner.
func locked(head []byte) bool {
	const encrypted = 1 // bit 0 of the general purpose flag (APPNOTE.TXT 4.4.4)
	switch {
	case len(head) >= 8 && bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return head[6]&encrypted != 0
	case bytes.HasPrefix(head, []byte("\xd0\xcf\x11\xe0")):
		// MS-OFFCRYPTO: the stream an encrypted document is kept in.
		return bytes.Contains(head, wide("EncryptedPackage"))
	}
	return false
}

func wide(s string) []byte {
	var b []byte
	for _, c := range []byte(s) {
		b = append(b, c, 0)
	}
	return b
}

func (d Deny) denies(head []byte, letters string, pure bool) bool {
	if anyOf(d.starts, head) {
		return true
	}
	for container, names := range d.Inside {
		if start, err := hex.DecodeString(container); err != nil || !bytes.HasPrefix(head, start) {
			continue
		}
		if slices.ContainsFunc(names, func(n string) bool { return bytes.Contains(head, []byte(n)) }) {
			return true
		}
	}
	begins := func(t string) bool { return strings.HasPrefix(letters, t) }
	if slices.ContainsFunc(d.Letters, begins) && !slices.ContainsFunc(d.Except, begins) {
		return true
	}
	if !pure || len(d.Anywhere) == 0 {
		return false
	}
	lower := bytes.ToLower(head)
	return slices.ContainsFunc(d.Anywhere, func(t string) bool { return bytes.Contains(lower, []byte(t)) })
}

// isText tells whether a beginning can be that of a text in UTF-8, GB18030 or,
// with its mark, UTF-16.
func isText(head []byte) bool {
	if order := byteOrder(head); order != nil {
		var units []uint16
		for at := 2; at+2 <= len(head); at += 2 {
			units = append(units, order.Uint16(head[at:]))
		}
		head = []byte(string(utf16.Decode(units)))
	}
	high := false
	for _, b := range head {
		if b < 0x20 && !bytes.ContainsRune([]byte("\t\n\r\f\x1b"), rune(b)) || b == 0x7F {
			return false
		}
		high = high || b >= 0x80
	}
	return len(head) > 0 && (!high || cutUTF8(head) || isGB(head))
}

// byteOrder is that of a text in UTF-16 with its mark; nil for any other.
func byteOrder(head []byte) binary.ByteOrder {
	switch {
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}):
		return binary.LittleEndian
	case bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		return binary.BigEndian
	}
	return nil
}

// cutUTF8 tells whether the text is UTF-8 but for a character cut off at its end.
func cutUTF8(text []byte) bool {
	for range utf8.UTFMax {
		if utf8.Valid(text) {
			return true
		}
		text = text[:max(0, len(text)-1)]
	}
	return false
}

// isGB tells whether all high bytes pair up as GB18030 has them.
func isGB(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < 0x80 {
			continue
		}
		if text[i] == 0x80 || text[i] == 0xFF {
			return false
		}
		if i++; i < len(text) && (text[i] < 0x30 || text[i] == 0x7F || text[i] == 0xFF) {
			return false
		}
	}
	return true
}

// beginning is the first letters of a text as a browser or a shell would read
// them: without byte order mark, zero bytes of UTF-16, space and comments, in
// lower case.
func beginning(head []byte) string {
	text := head
	switch {
	case bytes.HasPrefix(text, []byte{0xEF, 0xBB, 0xBF}):
		text = text[3:]
	case byteOrder(text) != nil:
		text = bytes.ReplaceAll(text[2:], []byte{0}, nil)
	}
	for {
		text = bytes.TrimLeft(text, " \t\r\n\f\v\x00")
		switch {
		case bytes.HasPrefix(text, []byte("<!--")):
			end := bytes.Index(text, []byte("-->"))
			if end < 0 {
				return "<!--"
			}
			text = text[end+3:]
		case len(text) > 5 && bytes.EqualFold(text[:5], []byte("<?xml")) && text[5] != '-':
			end := bytes.Index(text, []byte("?>"))
			if end < 0 {
				return "<?xml"
			}
			text = text[end+2:]
		default:
			return strings.ToLower(string(text[:min(len(text), 64)]))
		}
	}
}
