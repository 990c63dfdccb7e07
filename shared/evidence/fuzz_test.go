package evidence

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"ipcredit/shared/fault"
)

func FuzzDisplay(f *testing.F) {
	for _, s := range []string{"", "a.jpg", "../../etc/passwd", `C:\a\b.doc`, "\u202egpj.exe", "a\x00b", strings.Repeat("长", 300) + ".jpeg", "...", "con", "e\u0301.pdf", "\xff\xfe"} {
		f.Add(s)
	}
	l := DefaultLimits()
	f.Fuzz(func(t *testing.T, name string) {
		shown := Display(name)
		if !utf8.ValidString(shown) || utf8.RuneCountInString(shown) > nameRunes || strings.ContainsAny(shown, `/\<>:"|?*`) || strings.HasPrefix(shown, ".") {
			t.Errorf("%q is shown as %q", name, shown)
		}
		for _, r := range shown {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
				t.Errorf("%q is shown as %q", name, shown)
			}
		}
		if again := Display(shown); again != shown {
			t.Errorf("%q is shown as %q and then as %q", name, shown, again)
		}
		if kept := keptName(name, 1000); len(kept) > 1000 || !utf8.ValidString(kept) {
			t.Errorf("%q is kept as %q", name, kept)
		}
		if err := l.CheckName(name); err != nil && !fault.Is(err, fault.WrongType) {
			t.Error(err)
		}
	})
}

func FuzzSniff(f *testing.F) {
	for _, s := range []string{"", "MZ", "\xff\xd8\xff", "<!--", "<?xml", "PK\x03\x04\x00\x00\x01", "#!AMR", "#!", "\xff\xfe<\x00", "II*\x00\xff\xff\xff\xff", "MM\x00*\x00\x00\x00\x08\x00\x01\x88\x25"} {
		f.Add([]byte(s), true)
	}
	l := DefaultLimits()
	f.Fuzz(func(t *testing.T, head []byte, whole bool) {
		enough, err := l.Sniff(head, whole)
		if err != nil && !fault.Is(err, fault.WrongType) {
			t.Error(err)
		}
		if whole && !enough {
			t.Error("a whole file is not enough")
		}
		TellsPlace(head)
	})
}
