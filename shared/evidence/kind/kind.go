// Package kind tells what a file is by its beginning. Who takes evidence in and who
// examines it afterwards ask here, so that they cannot disagree.
package kind

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
)

//go:embed kind.json
var file []byte

// table is what no evidence is.
type table struct {
	Never []never `json:"never"`
	// Anywhere is what must not stand in the first bytes of a picture or a recording.
	Anywhere []string `json:"anywhere"`
}

// never is one kind of file that is never taken, whatever it is called.
type never struct {
	// What is the kind in the catalogue: "fault.evidence.denied."+What.
	What   string   `json:"what"`
	Types  []string `json:"types"`
	Starts []string `json:"starts"`
	// Inside tells it by names within a container that begins so.
	Inside map[string][]string `json:"inside"`
	// Letters are first letters, in lower case, of a text; Except those that only
	// look like it.
	Letters []string `json:"letters"`
	Except  []string `json:"except"`
	starts  []Start
}

var shipped = sync.OnceValue(func() table {
	var t table
	err := json.Unmarshal(file, &t)
	for i := range t.Never {
		if err == nil {
			t.Never[i].starts, err = ReadStarts(t.Never[i].Starts)
		}
	}
	if err != nil || len(t.Never) == 0 || len(t.Anywhere) == 0 {
		panic(fmt.Errorf("kind: %w", err)) // a broken build, found by any test
	}
	return t
})

// Media is the media type of a file that begins so, without parameters;
// "application/octet-stream" where nothing tells.
func Media(head []byte) string {
	// Viewers look for a PDF's header in the first KiB; where another kind of
	// file begins before it, that kind counts.
	if at := bytes.Index(head[:min(len(head), 1024)], []byte("%PDF-")); at == 0 {
		return "application/pdf"
	} else if at > 0 {
		if m := mimetype.Detect(head[:at]); m.Is("application/octet-stream") || m.Is("text/plain") {
			return "application/pdf"
		}
		head = head[:at]
	}
	media, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
	return media
}

// Never tells whether a file that begins so is of a kind that is no evidence:
// "program", "script" or "page", else "".
func Never(head []byte) string {
	media, letters := Media(head), Letters(head)
	for _, n := range shipped().Never {
		if slices.Contains(n.Types, media) && !n.excepts(letters) || n.begins(head, letters) {
			return n.What
		}
	}
	return ""
}

func (n never) excepts(letters string) bool {
	return slices.ContainsFunc(n.Except, func(t string) bool { return strings.HasPrefix(letters, t) })
}

func (n never) begins(head []byte, letters string) bool {
	if Begins(n.starts, head) {
		return true
	}
	for container, names := range n.Inside {
		if start, err := hex.DecodeString(container); err != nil || !bytes.HasPrefix(head, start) {
			continue
		}
		if slices.ContainsFunc(names, func(name string) bool { return bytes.Contains(head, []byte(name)) }) {
			return true
		}
	}
	return !n.excepts(letters) && slices.ContainsFunc(n.Letters, func(t string) bool { return strings.HasPrefix(letters, t) })
}

// PageWithin tells whether a page or a script begins anywhere in the beginning of
// what should be a picture or a recording: it was made to be two things at once.
func PageWithin(head []byte) bool {
	lower := bytes.ToLower(head)
	return slices.ContainsFunc(shipped().Anywhere, func(t string) bool { return bytes.Contains(lower, []byte(t)) })
}

// Start is the first bytes of a kind of file.
type Start struct {
	bytes []byte
	any   []bool // places where every byte will do
}

// ReadStarts reads beginnings in hex, in which ?? is any byte.
func ReadStarts(texts []string) ([]Start, error) {
	all := make([]Start, 0, len(texts))
	for _, text := range texts {
		raw, err := hex.DecodeString(strings.ReplaceAll(text, "??", "00"))
		if err != nil || len(raw) < 2 {
			return nil, fmt.Errorf("kind: %q is no beginning", text)
		}
		s := Start{bytes: raw, any: make([]bool, len(raw))}
		for i := range raw {
			s.any[i] = text[2*i] == '?'
		}
		all = append(all, s)
	}
	return all, nil
}

func (s Start) of(head []byte) bool {
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

// Begins tells whether a file that begins so begins with any of them.
func Begins(all []Start, head []byte) bool {
	return slices.ContainsFunc(all, func(s Start) bool { return s.of(head) })
}

// Text tells whether a beginning can be that of a text in UTF-8, GB18030 or,
// with its mark, UTF-16.
func Text(head []byte) bool {
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

// Letters is the first letters of a text as a browser or a shell would read
// them: without byte order mark, zero bytes of UTF-16, space and comments, in
// lower case.
func Letters(head []byte) string {
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
