package kind

import (
	"strings"
	"testing"
)

// zipped begins like an archive whose first entry has this name.
func zipped(name string) string {
	return "PK\x03\x04\x14\x00\x00\x00\x08\x00\x00\x00\x21\x00" + strings.Repeat("\x00", 12) + string(rune(len(name))) + "\x00\x00\x00" + name
}

func TestWhatRunsOnADeskIsNeverEvidence(t *testing.T) {
	t.Parallel()
	pad, spaces := strings.Repeat("\x00\x01", 2000), strings.Repeat(" a", 300)
	for what, files := range map[string]map[string]string{
		"program": {
			"exe": "MZ\x90\x00" + pad, "elf": "\x7fELF\x02\x01\x01" + pad, "mach-o": "\xcf\xfa\xed\xfe\x07\x00\x00\x01" + pad, "java class": "\xca\xfe\xba\xbe\x00\x00\x00\x34" + pad,
			"dex": "dex\n035\x00" + pad, "wasm": "\x00asm\x01\x00\x00\x00" + pad, "deb": "!<arch>\ndebian-binary" + pad, "rpm": "\xed\xab\xee\xdb" + pad, "flash": "FWS\x05" + pad,
			"link": "\x4c\x00\x00\x00\x01\x14\x02\x00" + pad, "help": "ITSF\x03\x00\x00\x00" + pad, "cabinet": "MSCF\x00\x00\x00\x00" + pad, "lua": "\x1bLua\x53" + pad, "extension": "Cr24" + pad,
			"apk": zipped("AndroidManifest.xml") + pad, "jar": zipped("META-INF/MANIFEST.MF") + pad, "apk further on": zipped("a") + pad + "classes.dex",
		},
		"script": {
			"shell": "#!/bin/sh\n" + spaces, "php": "<?PHP echo" + spaces, "asp": "<%@ Page" + spaces, "batch": "@ECHO OFF\r\n" + spaces, "vbs": "On Error Resume Next\r\n" + spaces,
			"powershell": "Set-ExecutionPolicy x\r\n" + spaces, "registry": "Windows Registry Editor Version 5.00\r\n" + spaces, "behind a mark": "\xef\xbb\xbf \n#!/bin/sh",
		},
		"page": {
			"html": "\n  <!-- x --><HTML><script>" + spaces, "svg": "<?xml version=\"1.0\"?><svg onload=x>" + spaces, "svg's type": "<!DOCTYPE svg PUBLIC>" + spaces,
			"meta": "<meta http-equiv=refresh>" + spaces, "hta": "<hta:application>" + spaces, "utf-16": "\xff\xfe<\x00s\x00c\x00r\x00i\x00p\x00t\x00>\x00",
		},
		"": {
			"amr": "#!AMR\n" + pad, "amr-wb": "#!AMR-WB\n" + pad, "jpeg": "\xff\xd8\xff\xe0" + pad, "docx": zipped("[Content_Types].xml") + pad, "text": "该公司批量提交" + spaces,
			"markdown": "<!-- 目录 -->\n# 标题" + spaces, "m4a": "\x00\x00\x00\x20ftypM4A " + pad, "nothing": "",
		},
	} {
		for name, head := range files {
			if got := Never([]byte(head)); got != what {
				t.Errorf("%s is %q (%s), want %q", name, got, Media([]byte(head)), what)
			}
		}
	}
}

func TestAPictureThatIsAPageTooIsFound(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]bool{
		"\xff\xd8\xff\xe0\x00\x10JFIF\x00<SCRIPT>alert(1)</script>": true, "GIF89a/*<html*/": true, "\x89PNG <?php": true, "\xff\xd8\xff\xe0 script html": false,
	} {
		if got := PageWithin([]byte(head)); got != want {
			t.Errorf("%q: %v", head, got)
		}
	}
}

func TestAPDFIsToldWithinTheFirstKiB(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]string{
		"%PDF-1.7": "application/pdf", "\xef\xbb\xbf%PDF-1.7": "application/pdf", "MZ\x90\x00" + strings.Repeat("\x00", 600) + "%PDF-1.7": "application/vnd.microsoft.portable-executable",
		strings.Repeat("a", 1024) + "%PDF-1.7": "text/plain", "": "text/plain",
	} {
		if got := Media([]byte(head)); got != want {
			t.Errorf("%.20q: %s, want %s", head, got, want)
		}
	}
}

// Whatever is sent, nothing panics, and what is a text has letters.
func FuzzKind(f *testing.F) {
	for _, s := range []string{"", "MZ", "<!--", "<?xml", "PK\x03\x04", "#!AMR", "\xff\xfe<\x00", "%PDF-", "a%PDF-"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		if Media(head) == "" {
			t.Error("no media type")
		}
		Never(head)
		PageWithin(head)
		if letters := Letters(head); len(letters) > 3*64 {
			t.Errorf("%d letters", len(letters))
		}
		Text(head)
	})
}
