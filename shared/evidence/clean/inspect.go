package clean

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"unicode"

	"ipcredit/shared/evidence/kind"
)

// Finding is one thing to know about a file before opening it.
type Finding struct {
	// Code is what was found; its words are the catalogue's
	// "clean.finding."+Code.
	Code string `json:"code"`
	// Detail names it: a kind of content, an extension, an entry; never content.
	Detail string `json:"detail,omitempty"`
	// Grave findings make a file suspicious; the others are worth knowing.
	Grave bool `json:"grave"`
}

// The findings.
const (
	FoundEICAR      = "eicar"      // the test file of the antivirus industry
	FoundProgram    = "program"    // a program or a library, whatever it is called
	FoundScript     = "script"     // a script
	FoundPage       = "page"       // HTML or SVG: opened from disk it runs scripts
	FoundPolyglot   = "polyglot"   // two kinds of file at once
	FoundMacro      = "macro"      // macros or controls in an office document
	FoundEmbedded   = "embedded"   // an object packed into a document
	FoundExternal   = "external"   // loads something from elsewhere when opened
	FoundJavaScript = "javascript" // scripts in a PDF
	FoundAction     = "action"     // a PDF that starts something or sends data
	FoundAttachment = "attachment" // files inside a PDF
	FoundEnding     = "ending"     // the name ends like a program's
	FoundDouble     = "double"     // the name hides its ending behind another
	FoundBidi       = "bidi"       // the name hides its ending by writing direction
	FoundPassword   = "password"   // cannot be looked into
	FoundBomb       = "bomb"       // unpacks to far more than it is
	FoundUnread     = "unread"     // too long, too complex or damaged: not looked into as a whole
	FoundMismatch   = "mismatch"   // the name says another kind than the content
	FoundDeclared   = "declared"   // the sender's device said another kind
	FoundTrailing   = "trailing"   // bytes behind the end of a picture
	FoundArchive    = "archive"    // an archive in the archive
	FoundLocation   = "location"   // the picture says where it was taken
	FoundUnknown    = "unknown"    // no kind of file known here
)

// Findings lists all codes.
func Findings() []string {
	return []string{
		FoundEICAR, FoundProgram, FoundScript, FoundPage, FoundPolyglot, FoundMacro, FoundEmbedded, FoundExternal,
		FoundJavaScript, FoundAction, FoundAttachment, FoundEnding, FoundDouble, FoundBidi, FoundPassword, FoundBomb,
		FoundUnread, FoundMismatch, FoundDeclared, FoundTrailing, FoundArchive, FoundLocation, FoundUnknown,
	}
}

// Report is what Inspect found.
type Report struct {
	// Type is the media type by content.
	Type     string    `json:"type"`
	Findings []Finding `json:"findings,omitempty"`
}

// Grave tells whether any finding is.
func (r Report) Grave() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Grave })
}

// edge is how much of the beginning and the end of a file is searched. What is
// hidden deeper inside a long recording is the virus scanner's to find.
const edge = 1 << 20

// Inspect reads of a file what it must and tells what is suspicious. name and
// declared are what the sender's device called it, "" where it said nothing.
// It reads at most the first and the last MiB, directories of archives and
// office documents, and PDFs and pictures of up to MaxBytes whole. The error is
// r's or the context's.
func Inspect(ctx context.Context, r io.ReaderAt, size int64, name, declared string) (Report, error) {
	in := inspection{ctx: ctx, r: r, size: size}
	var err error
	if in.head, err = in.read(0, edge); err != nil {
		return Report{}, err
	}
	if in.tail, err = in.read(max(0, size-edge), edge); err != nil {
		return Report{}, err
	}
	in.media = Sniff(in.head)
	in.names(name, declared)
	if err := in.content(); err != nil {
		return Report{}, err
	}
	return Report{Type: in.media, Findings: in.found}, nil
}

// Sniff is the media type of a file that begins so, see kind.Media.
func Sniff(head []byte) string { return kind.Media(head) }

type inspection struct {
	ctx        context.Context
	r          io.ReaderAt
	size       int64
	head, tail []byte
	media      string
	found      []Finding
}

func (in *inspection) read(at, n int64) ([]byte, error) {
	if err := in.ctx.Err(); err != nil {
		return nil, err
	}
	b := make([]byte, min(n, in.size-at))
	got, err := in.r.ReadAt(b, at)
	if err == io.EOF && got == len(b) {
		err = nil
	}
	return b, err
}

func (in *inspection) add(code, detail string, grave bool) {
	f := Finding{code, tidy(detail), grave}
	if len(in.found) < 40 && !slices.Contains(in.found, f) {
		in.found = append(in.found, f)
	}
}

// whole is the file, where it is short enough to be read as one.
func (in *inspection) whole() ([]byte, bool, error) {
	switch {
	case in.size <= int64(len(in.head)):
		return in.head, true, nil
	case in.size > MaxBytes:
		return nil, false, nil
	}
	b, err := in.read(0, in.size)
	return b, err == nil, err
}

// eicar is the test string of eicar.org, in two halves so that this program is
// not taken for it.
var eicar = []byte(`X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-` + `STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`)

func (in *inspection) content() error {
	if bytes.Contains(in.head, eicar) || bytes.Contains(in.tail, eicar) {
		in.add(FoundEICAR, "", true)
	}
	in.kind()
	in.polyglot()
	switch {
	case in.media == "application/pdf":
		return in.pdf()
	case isZIP(in.head):
		return in.zip()
	case isOLE(in.head):
		return in.ole()
	case in.media == "text/rtf":
		in.rtf()
	case in.media == "application/x-7z-compressed" || in.media == "application/x-rar-compressed" || in.media == "application/vnd.rar":
		in.add(FoundUnread, strings.TrimPrefix(in.media, "application/"), false)
	case strings.HasPrefix(in.media, "image/"):
		return in.picture()
	}
	return nil
}

func (in *inspection) kind() {
	switch what := kind.Never(in.head); {
	case what == "program":
		in.add(FoundProgram, strings.TrimPrefix(in.media, "application/"), true)
	case what == "script":
		in.add(FoundScript, in.media, true)
	case what == "page", in.media == "text/html":
		in.add(FoundPage, in.media, true)
	case in.media == "application/octet-stream" && in.size > 0:
		in.add(FoundUnknown, "", false)
	}
}

// markers of other kinds of file in a file that has its own; each is long
// enough not to come up by chance in 2 MiB.
var markers = []struct{ text, what string }{
	{"<script", "HTML"}, {"<html", "HTML"}, {"<!doctype html", "HTML"}, {"<iframe", "HTML"}, {"<?php", "PHP"},
	{"this program cannot be run in dos mode", "Windows"},
}

// polyglot looks for a second kind of file in pictures, recordings, documents
// and archives. What matters is not how it was put there but that a program
// given the file under another name would take it for its own.
func (in *inspection) polyglot() {
	media, text := in.media, strings.HasPrefix(in.media, "text/") || strings.HasSuffix(in.media, "+xml") || in.media == "application/json" || strings.HasPrefix(in.media, "message/")
	if text {
		return
	}
	recorded := strings.HasPrefix(media, "image/") || strings.HasPrefix(media, "audio/") || strings.HasPrefix(media, "video/")
	places := [][]byte{in.head[:min(len(in.head), 1024)]}
	if recorded {
		places = [][]byte{in.head, in.tail}
	} else if media == "application/pdf" {
		if end := bytes.LastIndex(in.tail, []byte("%%EOF")); end >= 0 {
			places = append(places, in.tail[end:])
		}
	}
	for _, place := range places {
		lower := bytes.ToLower(place)
		for _, m := range markers {
			if at := bytes.Index(lower, []byte(m.text)); at >= 0 && !(at == 0 && len(place) == len(in.head)) {
				in.add(FoundPolyglot, m.what, true)
			}
		}
	}
	if at := bytes.Index(in.head[:min(len(in.head), 1024)], []byte("%PDF-")); at >= 0 && media != "application/pdf" {
		in.add(FoundPolyglot, "PDF", true)
	} else if at > 0 && in.head[0] != '\r' && in.head[0] != '\n' {
		in.add(FoundPolyglot, "PDF", false) // bytes in front of the header: some scanners do that
	}
	if !isZIP(in.head) {
		if d, ok := findDirectory(in.tail, in.size); ok && d.entries > 0 {
			in.add(FoundPolyglot, "ZIP", true)
			if bytes.Contains(in.tail, []byte("META-INF/MANIFEST.MF")) {
				in.add(FoundPolyglot, "JAR", true)
			}
		}
	}
}

// picture looks behind the end of a picture and for the place it was taken at.
func (in *inspection) picture() error {
	data, ok, err := in.whole()
	if err != nil {
		return err
	}
	if !ok {
		in.add(FoundUnread, "", false)
		return nil
	}
	if HasLocation(data) {
		in.add(FoundLocation, "", false)
	}
	end := len(data)
	switch in.media {
	case "image/jpeg":
		end, err = segments(data, func(segment) {})
	case "image/png", "image/apng", "image/vnd.mozilla.apng":
		end, err = pngChunks(data, func(string, []byte) {})
	case "image/webp":
		end, err = webpChunks(data, func(string, []byte) {})
	}
	if err != nil {
		in.add(FoundUnread, "", false)
		return nil // a damaged picture is a finding, not a failure
	}
	if rest := data[end:]; len(bytes.Trim(rest, "\x00\r\n ")) > 0 {
		inner := inspection{ctx: in.ctx, head: rest, tail: rest, size: int64(len(rest)), media: Sniff(rest)}
		inner.kind()
		grave := slices.ContainsFunc(inner.found, func(f Finding) bool { return f.Grave }) || isZIP(rest) || isOLE(rest) ||
			slices.Contains([]string{"application/pdf", "application/x-7z-compressed", "application/x-rar-compressed", "application/vnd.rar"}, inner.media)
		in.add(FoundTrailing, bytesOf(len(rest))+" "+inner.media, grave)
	}
	return nil
}

func (in *inspection) pdf() error {
	data, ok, err := in.whole()
	if err != nil {
		return err
	}
	if !ok {
		in.add(FoundUnread, "", false)
		in.rawPDF(append(slices.Clone(in.head), in.tail...))
		return nil
	}
	t, why := scanPDF(in.ctx, data)
	if err := in.ctx.Err(); err != nil {
		return err
	}
	switch why {
	case "":
	case FoundPassword:
		in.add(FoundPassword, "", true)
		return nil
	default:
		in.add(FoundUnread, "", false)
		in.rawPDF(data)
	}
	if _, ok := t[goneJavaScript]; ok {
		in.add(FoundJavaScript, "", true)
	}
	for _, name := range t[goneAction] {
		if name == "Launch" || name == "SubmitForm" || name == "ImportData" {
			in.add(FoundAction, name, true)
		}
	}
	if _, ok := t[goneAttachment]; ok {
		in.add(FoundAttachment, "", true)
	}
	if _, ok := t[goneMedia]; ok {
		in.add(FoundEmbedded, "RichMedia", true)
	}
	if _, ok := t[goneExternal]; ok {
		in.add(FoundExternal, "", true)
	}
	return nil
}

// rawPDF searches a document that could not be read for what it may do, with
// names written in any of the ways names can be (ISO 32000-1, 7.3.5).
func (in *inspection) rawPDF(data []byte) {
	plain := data
	if bytes.IndexByte(data, '#') >= 0 {
		plain = unescapeNames(data)
	}
	for _, w := range []struct{ name, code, detail string }{
		{"/JavaScript", FoundJavaScript, ""}, {"/JS", FoundJavaScript, ""}, {"/Launch", FoundAction, "Launch"},
		{"/SubmitForm", FoundAction, "SubmitForm"}, {"/EmbeddedFile", FoundAttachment, ""}, {"/RichMedia", FoundEmbedded, "RichMedia"},
	} {
		for rest := plain; ; {
			at := bytes.Index(rest, []byte(w.name))
			if at < 0 {
				break
			}
			rest = rest[at+len(w.name):]
			if len(rest) == 0 || !isRegular(rest[0]) || w.name == "/EmbeddedFile" || w.name == "/RichMedia" {
				in.add(w.code, w.detail, true)
				break
			}
		}
	}
}

func isRegular(c byte) bool {
	return c > ' ' && !strings.ContainsRune("()<>[]{}/%", rune(c))
}

func unescapeNames(data []byte) []byte {
	out := make([]byte, 0, len(data))
	for i := 0; i < len(data); i++ {
		if data[i] == '#' && i+2 < len(data) {
			if hi, lo := hexDigit(data[i+1]), hexDigit(data[i+2]); hi >= 0 && lo >= 0 {
				out = append(out, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		out = append(out, data[i])
	}
	return out
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

func (in *inspection) rtf() {
	text := bytes.ToLower(in.head)
	for _, word := range []string{`\objdata`, `\objupdate`, `\objautlink`, `\*\template`} {
		if bytes.Contains(text, []byte(word)) {
			in.add(FoundEmbedded, word[1:], true)
		}
	}
}

// runnable are endings that a desk computer runs when the file is opened.
var runnable = []string{
	"exe", "com", "scr", "pif", "bat", "cmd", "msi", "msp", "mst", "dll", "cpl", "sys", "ocx", "jar", "apk", "app", "dmg", "pkg", "deb", "rpm", "run",
	"js", "jse", "vbs", "vbe", "wsf", "wsh", "wsc", "hta", "ps1", "psm1", "psd1", "sh", "bash", "py", "pl", "rb", "php", "lnk", "url", "scf", "inf", "reg", "chm",
	"gadget", "iso", "img", "vhd", "html", "htm", "xhtml", "shtml", "mht", "mhtml", "svg", "xll", "docm", "dotm", "xlsm", "xltm", "xlam", "pptm", "ppam", "potm", "ppsm", "sldm",
}

// endings says which media types an ending stands for, by their beginnings.
var endings = map[string][]string{
	"jpg": {"image/jpeg"}, "jpeg": {"image/jpeg"}, "png": {"image/png", "image/apng", "image/vnd.mozilla.apng"}, "gif": {"image/gif"},
	"webp": {"image/webp"}, "heic": {"image/hei"}, "heif": {"image/hei"}, "avif": {"image/avif"}, "bmp": {"image/bmp"}, "tif": {"image/tiff"}, "tiff": {"image/tiff"},
	"pdf": {"application/pdf"}, "ofd": {"application/zip", "application/ofd"},
	"doc": {"application/msword", "application/x-ole-storage", "text/rtf"}, "wps": {"application/msword", "application/x-ole-storage", "application/vnd.ms-works"},
	"xls": {"application/vnd.ms-excel", "application/x-ole-storage"}, "et": {"application/vnd.ms-excel", "application/x-ole-storage"},
	"ppt": {"application/vnd.ms-powerpoint", "application/x-ole-storage"}, "dps": {"application/vnd.ms-powerpoint", "application/x-ole-storage"},
	"docx": {"application/vnd.openxmlformats", "application/zip", "application/x-ole-storage"}, "xlsx": {"application/vnd.openxmlformats", "application/zip", "application/x-ole-storage"},
	"pptx": {"application/vnd.openxmlformats", "application/zip", "application/x-ole-storage"},
	"odt":  {"application/vnd.oasis"}, "ods": {"application/vnd.oasis"}, "odp": {"application/vnd.oasis"}, "rtf": {"text/rtf"},
	"txt": {"text/"}, "csv": {"text/"}, "md": {"text/"}, "log": {"text/"}, "json": {"application/json", "text/"}, "eml": {"message/", "text/"},
	"mp3": {"audio/mpeg"}, "m4a": {"audio/", "video/mp4"}, "aac": {"audio/"}, "amr": {"audio/amr"}, "wav": {"audio/wav"}, "ogg": {"audio/ogg", "application/ogg", "video/ogg"},
	"mp4": {"video/", "audio/mp4"}, "m4v": {"video/"}, "mov": {"video/"}, "3gp": {"video/", "audio/"}, "avi": {"video/"}, "mkv": {"video/"}, "webm": {"video/"}, "wmv": {"video/"},
	"zip": {"application/zip"}, "7z": {"application/x-7z-compressed"}, "rar": {"application/x-rar-compressed", "application/vnd.rar"},
}

// names looks at what the sender's device called the file.
func (in *inspection) names(name, declared string) {
	for _, r := range name {
		if unicode.Is(unicode.Bidi_Control, r) {
			in.add(FoundBidi, "", true)
			break
		}
	}
	base := name[strings.LastIndexAny(name, `/\`)+1:]
	base = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || unicode.IsControl(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, base)
	base = strings.TrimRight(base, " .\u3000")
	parts := strings.Split(base, ".")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	last := parts[len(parts)-1]
	known := func(ext string) bool { return endings[ext] != nil || slices.Contains(runnable, ext) }
	if len(parts) > 1 {
		if slices.Contains(runnable, last) {
			in.add(FoundEnding, "."+last, true)
		}
		if len(parts) > 2 {
			if before := parts[len(parts)-2]; known(before) && known(last) && before != last &&
				(slices.Contains(runnable, last) || slices.Contains(runnable, before)) {
				in.add(FoundDouble, "."+before+"."+last, true)
			}
		}
		if want, ok := endings[last]; ok && in.size > 0 && !fits(want, in.media) {
			in.add(FoundMismatch, "."+last+" / "+in.media, false)
		}
	}
	if declared, _, _ = strings.Cut(strings.ToLower(declared), ";"); declared != "" && declared != "application/octet-stream" && in.size > 0 {
		major, _, _ := strings.Cut(declared, "/")
		mine, _, _ := strings.Cut(in.media, "/")
		// The families differ; within one, devices disagree about names.
		if major != mine && (major == "image" || major == "audio" || major == "video" || major == "text") && !(major == "audio" && mine == "video") {
			in.add(FoundDeclared, declared+" / "+in.media, false)
		}
	}
}

func fits(want []string, media string) bool {
	return slices.ContainsFunc(want, func(w string) bool { return strings.HasPrefix(media, w) })
}
