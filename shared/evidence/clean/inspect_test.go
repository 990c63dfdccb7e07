package clean

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

func inspect(t *testing.T, data []byte, name, declared string) Report {
	t.Helper()
	r, err := Inspect(t.Context(), bytes.NewReader(data), int64(len(data)), name, declared)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func zipFile(names ...string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, n := range names {
		name, body, _ := strings.Cut(n, "=")
		w, err := z.Create(name)
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(w, body)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func docx(more ...string) []byte {
	return zipFile(append([]string{`[Content_Types].xml=<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`, "_rels/.rels=<Relationships/>", "word/document.xml=<w:document/>"}, more...)...)
}

// oleFile is a compound file whose directory has entries of these names.
func oleFile(names ...string) []byte {
	b := make([]byte, 512)
	copy(b, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
	binary.LittleEndian.PutUint16(b[30:], 9)
	for i := range 109 {
		binary.LittleEndian.PutUint32(b[76+4*i:], 0xffffffff)
	}
	sectors := (len(names) + 4) / 4
	binary.LittleEndian.PutUint32(b[76:], 0)
	binary.LittleEndian.PutUint32(b[48:], 1)
	table := make([]byte, 512)
	binary.LittleEndian.PutUint32(table, 0xfffffffd)
	for i := range sectors {
		next := uint32(i + 2)
		if i == sectors-1 {
			next = 0xfffffffe
		}
		binary.LittleEndian.PutUint32(table[4*(i+1):], next)
	}
	b = append(b, table...)
	for i := range sectors * 4 {
		e := make([]byte, 128)
		name := "Root Entry"
		if i > 0 {
			name = ""
			if i <= len(names) {
				name = names[i-1]
			}
		}
		u := utf16.Encode([]rune(name))
		for k, c := range u {
			binary.LittleEndian.PutUint16(e[2*k:], c)
		}
		if name != "" {
			binary.LittleEndian.PutUint16(e[64:], uint16(2*len(u)+2))
		}
		b = append(b, e...)
	}
	return b
}

func TestFindings(t *testing.T) {
	t.Parallel()
	eicarFile := bytes.Clone(eicar)
	html := []byte("<!DOCTYPE html><html><script>alert(1)</script></html>")
	exe := append([]byte("MZ\x90\x00"), make([]byte, 200)...)
	jar := zipFile("META-INF/MANIFEST.MF=Manifest-Version: 1.0", "A.class=\xca\xfe\xba\xbe")
	gif := append([]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00"), ';')
	commented := app(plainJPEG(16, 16), segment{marker: mCOM, body: []byte("*/=1;</comment><ScRiPt>alert(1)</sCrIpT>")})
	tests := []struct {
		name     string
		data     []byte
		file     string
		declared string
		grave    []string // "code" or "code detail"
		note     []string
	}{
		{"a plain photograph", plainJPEG(16, 16), "IMG_1.JPG", "image/jpeg", nil, nil},
		{"a photograph that tells its place", telephone(1), "a.jpg", "", nil, []string{"location", "trailing"}},
		{"a plain document", plainPDF(), "合同.pdf", "application/pdf", nil, nil},
		{"words", []byte("你好，证据如下。"), "说明.txt", "text/plain", nil, nil},
		{"nothing", nil, "空.txt", "text/plain", nil, nil},
		{"an office document", docx(), "a.docx", "", nil, nil},
		{"an old office document", oleFile("WordDocument", "1Table"), "a.doc", "", nil, nil},
		{"EICAR", eicarFile, "eicar.txt", "", []string{"eicar"}, nil},
		{"EICAR behind spaces", append([]byte("  "), eicarFile...), "a.txt", "", []string{"eicar"}, nil},
		{"a program", exe, "setup.exe", "", []string{"program", "ending .exe"}, nil},
		{"a program called a picture", exe, "photo.jpg", "image/jpeg", []string{"program"}, []string{"mismatch", "declared"}},
		{"ELF", append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 100)...), "a", "", []string{"program"}, nil},
		{"a page", html, "a.txt", "", []string{"page"}, nil},
		{"a page called a picture", html, "a.jpg", "", []string{"page"}, []string{"mismatch"}},
		{"a vector picture", []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>`), "a.svg", "", []string{"page", "ending .svg"}, nil},
		{"a script", []byte("#!/bin/sh\nrm -rf /\n"), "a.txt", "", []string{"script"}, nil},
		{"JPEG and HTML", commented, "a.jpg", "", []string{"polyglot HTML"}, nil},
		{"JPEG and ZIP", append(plainJPEG(16, 16), zipFile("a.txt=x")...), "a.jpg", "", []string{"polyglot ZIP", "trailing"}, nil},
		{"GIFAR", append(gif, jar...), "a.gif", "", []string{"polyglot ZIP", "polyglot JAR"}, nil},
		{"PDF and ZIP", append(plainPDF(), zipFile("a.txt=x")...), "a.pdf", "", []string{"polyglot ZIP"}, nil},
		{"JPEG and PDF", app(plainJPEG(16, 16), segment{marker: mCOM, body: []byte("%PDF-1.4")}), "a.jpg", "", []string{"polyglot PDF"}, nil},
		{"PNG and a program", append(plainPNG(4, 4), exe...), "a.png", "", []string{"trailing"}, nil},
		{"PDF whose first lines are a page", append([]byte("%PDF-1.4\n%<html><script>alert(1)</script>\n"), plainPDF()[9:]...), "a.pdf", "", []string{"polyglot HTML"}, nil},
		{"PDF with JavaScript", armedPDF(), "a.pdf", "", []string{"javascript", "action Launch", "attachment", "external"}, nil},
		{"PDF with JavaScript that is damaged", bytes.ReplaceAll(bytes.ReplaceAll(armedPDF(), []byte("xref"), []byte("xxxx")), []byte("/Pages 2 0 R"), []byte("/Pages 99 0 R")), "a.pdf", "", []string{"javascript", "action Launch", "attachment"}, nil},
		{"macros", docx("word/vbaProject.bin=x"), "a.docx", "", []string{"macro VBA"}, nil},
		{"macros under their own ending", docx("word/vbaProject.bin=x"), "a.docm", "", []string{"macro VBA", "ending .docm"}, nil},
		{"Excel 4 macros", zipFile("[Content_Types].xml=<Types/>", "_rels/.rels=x", "xl/workbook.xml=x", "xl/macrosheets/sheet1.xml=x"), "a.xlsx", "", []string{"macro Excel 4.0"}, nil},
		{"controls", docx("word/activeX/activeX1.xml=x"), "a.docx", "", []string{"macro ActiveX"}, nil},
		{"a packed object", docx("word/embeddings/oleObject1.bin=x"), "a.docx", "", []string{"embedded OLE"}, nil},
		{"a template from elsewhere", docx(`word/_rels/settings.xml.rels=<Relationships><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/attachedTemplate" Target="http://192.0.2.1/x.dotm" TargetMode="External"/></Relationships>`), "a.docx", "", []string{"external attachedTemplate"}, nil},
		{"a hyperlink", docx(`word/_rels/document.xml.rels=<Relationships><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink" Target="http://example.com" TargetMode="External"/></Relationships>`), "a.docx", "", nil, nil},
		{"old macros", oleFile("WordDocument", "Macros", "VBA"), "a.doc", "", []string{"macro VBA"}, nil},
		{"macros far down an old directory", oleFile(append(slices.Repeat([]string{"x"}, 60), "_VBA_PROJECT_CUR")...), "a.xls", "", []string{"macro VBA"}, nil},
		{"a document under a password", oleFile("EncryptedPackage", "EncryptionInfo"), "a.docx", "", []string{"password"}, nil},
		{"an old packed object", oleFile("WordDocument", "\x01Ole10Native"), "a.doc", "", []string{"embedded OLE"}, nil},
		{"RTF with an object", []byte(`{\rtf1\ansi{\object\objemb{\*\objdata 0105}}}`), "a.rtf", "", []string{"embedded objdata"}, nil},
		{"an archive with a program", zipFile("docs/a.pdf=x", "docs/run.EXE=x"), "a.zip", "", []string{"program .exe"}, nil},
		{"an archive in an archive", zipFile("a.zip=x"), "a.zip", "", nil, []string{"archive .zip"}},
		{"two endings", plainPDF(), "报告.pdf.exe", "", []string{"ending .exe", "double .pdf.exe"}, nil},
		{"two endings, the dangerous one first", plainJPEG(9, 9), "a.exe.jpg", "", []string{"double .exe.jpg"}, nil},
		{"an ending behind spaces", plainPDF(), "a.pdf      .exe  ", "", []string{"ending .exe", "double"}, nil},
		{"a name with a version", plainPDF(), "合同 v1.2.pdf", "", nil, nil},
		{"a name written backwards", plainPDF(), "a\u202efdp.exe", "", []string{"bidi", "ending .exe"}, nil},
		{"a photograph of another kind", plainPNG(9, 9), "a.jpg", "image/jpeg", nil, []string{"mismatch"}},
		{"a kind nobody knows", []byte{1, 2, 3, 0, 255, 254}, "a.bin", "", nil, []string{"unknown"}},
		{"an archive that is cut", zipFile("a.txt=x")[:40], "a.zip", "", nil, []string{"unread"}},
		{"an old document that is cut", oleFile("WordDocument")[:700], "a.doc", "", nil, []string{"unread"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := inspect(t, tt.data, tt.file, tt.declared)
			check := func(want []string, grave bool) {
				for _, w := range want {
					code, detail, _ := strings.Cut(w, " ")
					if !slices.ContainsFunc(r.Findings, func(f Finding) bool {
						return f.Code == code && f.Grave == grave && (detail == "" || f.Detail == detail)
					}) {
						t.Errorf("no %s (grave %t) in %+v", w, grave, r.Findings)
					}
				}
			}
			check(tt.grave, true)
			check(tt.note, false)
			if r.Grave() != (tt.grave != nil) {
				t.Errorf("grave %t: %+v", r.Grave(), r.Findings)
			}
			if tt.grave == nil && tt.note == nil && len(r.Findings) > 0 {
				t.Errorf("%s: %+v", r.Type, r.Findings)
			}
		})
	}
}

func TestBombIsFoundByItsTableOfContents(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	zeros := make([]byte, 1<<20)
	for i := range 3 {
		w, err := z.Create(fmt.Sprintf("%d.txt", i))
		if err != nil {
			t.Fatal(err)
		}
		for range 400 {
			_, _ = w.Write(zeros)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if r := inspect(t, b.Bytes(), "a.zip", ""); !r.Grave() || r.Findings[0].Code != FoundBomb {
		t.Errorf("%+v", r.Findings)
	}
}

// counting counts what is read.
type counting struct {
	io.ReaderAt
	n int64
}

func (c *counting) ReadAt(b []byte, at int64) (int, error) {
	c.n += int64(len(b))
	return c.ReaderAt.ReadAt(b, at)
}

// sparse is a long file of zeros with a beginning and an end.
type sparse struct {
	head, tail []byte
	size       int64
}

func (s sparse) ReadAt(b []byte, at int64) (int, error) {
	if at >= s.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), s.size-at))
	for i := range n {
		b[i] = 0
		if p := at + int64(i); p < int64(len(s.head)) {
			b[i] = s.head[p]
		} else if p >= s.size-int64(len(s.tail)) {
			b[i] = s.tail[p-s.size+int64(len(s.tail))]
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func TestLongFilesAreReadAtTheirEndsOnly(t *testing.T) {
	t.Parallel()
	mp4 := []byte("\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom")
	for _, tt := range []struct {
		name       string
		head, tail []byte
		grave      bool
	}{
		{"a film", mp4, nil, false},
		{"a film and an archive", mp4, zipFile("a.txt=x"), true},
		{"a long archive", []byte("PK\x03\x04"), zipFile("x.exe=x"), true},
		{"a long PDF", []byte("%PDF-1.4\n<</S/J#61vaScript/JS (x)>>"), []byte("%%EOF"), true},
		{"a long photograph", plainJPEG(9, 9), nil, false},
	} {
		c := &counting{ReaderAt: sparse{tt.head, tt.tail, 3 << 30}}
		r, err := Inspect(t.Context(), c, 3<<30, "a", "")
		if err != nil {
			t.Fatal(err)
		}
		if r.Grave() != tt.grave && tt.name != "a long archive" {
			t.Errorf("%s: %+v", tt.name, r.Findings)
		}
		if c.n > 4*edge {
			t.Errorf("%s: %d bytes read", tt.name, c.n)
		}
	}
}

func FuzzInspect(f *testing.F) {
	for _, data := range [][]byte{telephone(6), webpFile(5, 4, true), armedPDF(), docx("word/vbaProject.bin=x"), oleFile("Macros"), eicar} {
		f.Add(data, "a.jpg", "image/jpeg")
	}
	f.Add(zipFile("a.exe=x"), "a\u202egpj.zip", "")
	f.Fuzz(func(t *testing.T, data []byte, name, declared string) {
		r, err := Inspect(t.Context(), bytes.NewReader(data), int64(len(data)), name, declared)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range r.Findings {
			if !slices.Contains(Findings(), x.Code) || len(x.Detail) > 100 {
				t.Errorf("%+v", x)
			}
		}
	})
}
