package evidence

import (
	"bytes"
	"slices"
	"strings"

	"ipcredit/shared/evidence/kind"
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
	taken, pure, media := false, false, kind.Media(head)
	for _, g := range l.Groups {
		if g.is(head, media) {
			taken, pure = true, pure || g.Pure
		}
	}
	never := kind.Never(head)
	if never == "" && pure && kind.PageWithin(head) {
		never = "page"
	}
	if never != "" {
		code := "evidence.denied." + never
		return enough, fault.New(fault.WrongType, code).With("file", code)
	}
	if taken && locked(head) {
		return enough, fault.New(fault.WrongType, "evidence.password").With("file", "evidence.password")
	}
	if enough && !taken {
		return true, fault.New(fault.WrongType, "evidence.type").With("file", "evidence.type")
	}
	return enough, nil
}

// is tells whether a file that begins so, which is of that media type, belongs to
// the group.
func (g Group) is(head []byte, media string) bool {
	return slices.ContainsFunc(g.Types, func(t string) bool { return strings.HasPrefix(media, t) }) || kind.Begins(g.starts, head) || g.Text && kind.Text(head)
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
