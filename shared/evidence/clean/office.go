package clean

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
)

func isZIP(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06"))
}

func isOLE(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"))
}

// directory is what the end of a ZIP says of its table of contents (APPNOTE
// 4.3.16).
type directory struct {
	entries int
	size    int64
}

// findDirectory finds the end record of a ZIP in the end of a file and checks
// that it leads to a table of contents, so that four chance bytes do not count.
func findDirectory(tail []byte, size int64) (directory, bool) {
	for at := len(tail) - 22; at >= 0 && at >= len(tail)-22-1<<16; at-- {
		if tail[at] != 'P' || !bytes.HasPrefix(tail[at:], []byte("PK\x05\x06")) {
			continue
		}
		if comment := int(binary.LittleEndian.Uint16(tail[at+20:])); at+22+comment > len(tail) {
			continue
		}
		d := directory{int(binary.LittleEndian.Uint16(tail[at+10:])), int64(binary.LittleEndian.Uint32(tail[at+12:]))}
		if d.entries == 0 && d.size == 0 {
			return d, true
		}
		if start := int64(at) - d.size; start >= 0 {
			if !bytes.HasPrefix(tail[start:], []byte("PK\x01\x02")) {
				continue
			}
		} else if d.size > size {
			continue
		}
		return d, true
	}
	return directory{}, false
}

// Bounds of looking into an archive (ours to choose).
const (
	maxDirectory = 8 << 20
	maxEntries   = 50_000
	maxRels      = 1 << 20
	bombBytes    = 1 << 30
	bombRatio    = 200
)

// zip looks at the table of contents of an archive or an office document, never
// at more of its content than lists of relations.
func (in *inspection) zip() error {
	d, ok := findDirectory(in.tail, in.size)
	if !ok || d.size > maxDirectory || d.entries > maxEntries {
		in.add(FoundUnread, "ZIP", false)
		return nil
	}
	z, err := zip.NewReader(in.r, in.size)
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		if cerr := in.ctx.Err(); cerr != nil {
			return cerr
		}
		in.add(FoundUnread, "ZIP", false)
		return nil // damaged: a finding
	}
	var unpacked uint64
	for _, f := range z.File {
		unpacked += f.UncompressedSize64
		in.entry(f)
		if f.Flags&1 != 0 {
			in.add(FoundPassword, "", true)
		}
	}
	if unpacked > bombBytes && unpacked/uint64(max(1, in.size)) > bombRatio {
		in.add(FoundBomb, fmt.Sprintf("%d MiB", unpacked>>20), true)
	}
	return nil
}

func (in *inspection) entry(f *zip.File) {
	name := strings.ToLower(strings.ReplaceAll(f.Name, `\`, "/"))
	base := path.Base(name)
	ext := strings.TrimPrefix(path.Ext(base), ".")
	office := strings.HasPrefix(in.media, "application/vnd.openxmlformats") || strings.HasPrefix(in.media, "application/vnd.oasis") ||
		strings.HasPrefix(in.media, "application/vnd.ms-")
	switch {
	case base == "vbaproject.bin", base == "vbadata.xml":
		in.add(FoundMacro, "VBA", true)
	case strings.Contains(name, "/macrosheets/"):
		in.add(FoundMacro, "Excel 4.0", true)
	case strings.Contains(name, "/activex/"):
		in.add(FoundMacro, "ActiveX", true)
	case strings.HasPrefix(name, "basic/") && base != "script-lb.xml" && base != "script-lc.xml" && base != "dialog-lb.xml" && base != "dialog-lc.xml" && !strings.HasSuffix(name, "/"):
		in.add(FoundMacro, "Basic", true)
	case strings.HasPrefix(name, "scripts/") && !strings.HasSuffix(name, "/"):
		in.add(FoundMacro, "script", true)
	case strings.Contains(name, "/embeddings/") && ext == "bin":
		in.add(FoundEmbedded, "OLE", true)
	case strings.HasSuffix(name, ".rels"):
		in.relations(f)
	case name == "meta-inf/manifest.mf":
		in.add(FoundProgram, "JAR", true)
	case !office && slices.Contains(runnable, ext):
		in.add(FoundProgram, "."+ext, true)
	case !office && slices.Contains([]string{"zip", "7z", "rar", "gz", "tar"}, ext):
		in.add(FoundArchive, "."+ext, false)
	}
}

// relations reads a list of relations of an office document for what it would
// load from elsewhere when opened: templates, frames, objects. Hyperlinks wait
// for a person.
func (in *inspection) relations(f *zip.File) {
	r, err := f.Open()
	if err != nil {
		return
	}
	defer func() { _ = r.Close() }()
	text, err := io.ReadAll(io.LimitReader(r, maxRels))
	if err != nil || !bytes.Contains(text, []byte("External")) {
		return
	}
	for _, part := range bytes.Split(text, []byte("<Relationship ")) {
		if !bytes.Contains(part, []byte(`"External"`)) && !bytes.Contains(part, []byte(`'External'`)) {
			continue
		}
		for _, kind := range []string{"attachedTemplate", "oleObject", "frame", "subDocument", "externalLink"} {
			if bytes.Contains(part, []byte("/"+kind)) {
				in.add(FoundExternal, kind, true)
			}
		}
	}
}

// ole walks the directory of a compound file (MS-CFB 2.6) through its
// allocation table, as far as its bounds go.
func (in *inspection) ole() error {
	if len(in.head) < 512 {
		in.add(FoundUnread, "OLE", false)
		return nil
	}
	shift := binary.LittleEndian.Uint16(in.head[30:])
	if shift != 9 && shift != 12 {
		in.add(FoundUnread, "OLE", false)
		return nil
	}
	sector := int64(1) << shift
	at := func(n uint32) int64 { return (int64(n) + 1) * sector }
	table := map[uint32][]byte{} // sectors of the allocation table, by number
	fat := func(n uint32) (uint32, bool, error) {
		per := uint32(sector / 4)
		k := n / per
		if k >= 109 { // further ones are listed elsewhere; the directory is near the beginning
			return 0, false, nil
		}
		where := binary.LittleEndian.Uint32(in.head[76+4*k:])
		if where >= 0xfffffffa || at(where)+sector > in.size {
			return 0, false, nil
		}
		b, ok := table[where]
		if !ok {
			var err error
			if b, err = in.read(at(where), sector); err != nil {
				return 0, false, err
			}
			table[where] = b
		}
		return binary.LittleEndian.Uint32(b[4*(n%per):]), true, nil
	}
	seen := map[uint32]bool{}
	for n := binary.LittleEndian.Uint32(in.head[48:]); n < 0xfffffffa; {
		if seen[n] || len(seen) > 2000 || at(n)+sector > in.size {
			in.add(FoundUnread, "OLE", false)
			return nil
		}
		seen[n] = true
		b, err := in.read(at(n), sector)
		if err != nil {
			return err
		}
		for ; len(b) >= 128; b = b[128:] {
			in.oleEntry(b[:128])
		}
		next, ok, err := fat(n)
		if err != nil {
			return err
		}
		if !ok {
			in.add(FoundUnread, "OLE", false)
			return nil
		}
		n = next
	}
	return nil
}

func (in *inspection) oleEntry(b []byte) {
	n := int(binary.LittleEndian.Uint16(b[64:]))
	if n < 2 || n > 64 {
		return
	}
	units := make([]uint16, n/2-1)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	switch name := string(utf16.Decode(units)); strings.ToLower(name) {
	case "vba", "_vba_project", "_vba_project_cur", "macros":
		in.add(FoundMacro, "VBA", true)
	case "\x01ole10native", "\x01ole10itemname":
		in.add(FoundEmbedded, "OLE", true)
	case "equation native":
		in.add(FoundEmbedded, "Equation", true)
	case "encryptedpackage", "encryptedsummary":
		in.add(FoundPassword, "", true)
	}
}

// scanPDF reads a document and says what it may do; why is "" where it could be
// read, else the finding.
func scanPDF(ctx context.Context, data []byte) (t tally, why string) {
	defer func() { // see Clean
		if recover() != nil {
			t, why = nil, FoundUnread
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	doc, err := readPDF(ctx, data)
	switch {
	case errors.Is(err, pdfcpu.ErrWrongPassword):
		return nil, FoundPassword
	case err != nil:
		return nil, FoundUnread
	}
	t = tally{}
	found(t, doc)
	return t, ""
}
