package clean

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"slices"
	"strings"
	"testing"

	"ipcredit/shared/fault"
)

// canaries are what a cleaned copy must never hold; all are fictitious.
var canaries = []string{"虚构手机厂", "SAMPLE-SERIAL-77", "Zhang Yangli", "2026:05:06 07:08:09", "canary-xmp", "canary-iptc", "canary-comment", "canary-trailing"}

// halves is a picture whose left half is red and right half blue, so that a turn
// shows.
func halves(w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{200, 20, 20, 255}
			if x >= w/2 {
				c = color.RGBA{20, 20, 200, 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

func plainJPEG(w, h int) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, halves(w, h), &jpeg.Options{Quality: 95}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func plainPNG(w, h int) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, halves(w, h)); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// tiffTag is one entry of an EXIF directory; text is ASCII, else a number.
type tiffTag struct {
	tag   uint16
	text  string
	short uint16
	rats  [][2]uint32
	sub   []tiffTag
}

// tiff writes EXIF as cameras do: big-endian TIFF with nested directories.
func tiff(tags []tiffTag) []byte {
	b := []byte("MM\x00\x2a\x00\x00\x00\x08")
	var put func(tags []tiffTag)
	put = func(tags []tiffTag) {
		at := len(b)
		b = append(b, make([]byte, 2+12*len(tags)+4)...)
		binary.BigEndian.PutUint16(b[at:], uint16(len(tags)))
		for i, t := range tags {
			e := at + 2 + 12*i
			binary.BigEndian.PutUint16(b[e:], t.tag)
			kind, count := uint16(3), uint32(1)
			switch {
			case t.sub != nil:
				kind = 4
				binary.BigEndian.PutUint32(b[e+8:], uint32(len(b)))
				put(t.sub)
			case t.rats != nil:
				kind, count = 5, uint32(len(t.rats))
				binary.BigEndian.PutUint32(b[e+8:], uint32(len(b)))
				for _, r := range t.rats {
					b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, r[0]), r[1])
				}
			case t.text != "":
				kind, count = 2, uint32(len(t.text)+1)
				if count <= 4 {
					copy(b[e+8:], t.text)
				} else {
					binary.BigEndian.PutUint32(b[e+8:], uint32(len(b)))
					b = append(append(b, t.text...), 0)
					if len(b)%2 != 0 {
						b = append(b, 0)
					}
				}
			default:
				binary.BigEndian.PutUint16(b[e+8:], t.short)
			}
			binary.BigEndian.PutUint16(b[e+2:], kind)
			binary.BigEndian.PutUint32(b[e+4:], count)
		}
	}
	put(tags)
	return b
}

func exif(orientation uint16) []byte {
	return tiff([]tiffTag{
		{tag: 0x010f, text: canaries[0]}, {tag: 0x0110, text: "Model X"}, {tag: 0x0112, short: orientation},
		{tag: 0x0131, text: "Editor 9"}, {tag: 0x0132, text: canaries[3]}, {tag: 0x013b, text: canaries[2]},
		{tag: 0x8769, sub: []tiffTag{{tag: 0x9003, text: canaries[3]}, {tag: 0x927c, text: "maker note bytes"}, {tag: 0xa431, text: canaries[1]}}},
		{tag: 0x8825, sub: []tiffTag{
			{tag: 1, text: "N"}, {tag: 2, rats: [][2]uint32{{35, 1}, {18, 1}, {777, 100}}},
			{tag: 3, text: "E"}, {tag: 4, rats: [][2]uint32{{113, 1}, {52, 1}, {555, 100}}},
		}},
	})
}

func xmp() []byte {
	return []byte(`<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="canary-xmp"><dc:creator><rdf:Seq><rdf:li>Zhang Yangli</rdf:li></rdf:Seq></dc:creator></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`)
}

// iptc is a Photoshop resource block with one IPTC by-line.
func iptc() []byte {
	data := []byte{0x1c, 2, 80, 0, byte(len("canary-iptc"))}
	data = append(data, "canary-iptc"...)
	b := append([]byte("Photoshop 3.0\x008BIM\x04\x04\x00\x00"), 0, 0, 0, byte(len(data)))
	b = append(b, data...)
	if len(data)%2 != 0 {
		b = append(b, 0)
	}
	return b
}

// app inserts marker segments behind the start of a JPEG.
func app(data []byte, segs ...segment) []byte {
	out := slices.Clone(data[:2])
	for _, s := range segs {
		out = append(out, 0xff, s.marker)
		out = binary.BigEndian.AppendUint16(out, uint16(len(s.body)+2))
		out = append(out, s.body...)
	}
	return append(out, data[2:]...)
}

// telephone is a picture as a telephone makes it, and worse.
func telephone(orientation uint16) []byte {
	data := app(plainJPEG(64, 32),
		segment{marker: 0xe1, body: append([]byte("Exif\x00\x00"), exif(orientation)...)},
		segment{marker: 0xe1, body: append([]byte("http://ns.adobe.com/xap/1.0/\x00"), xmp()...)},
		segment{marker: 0xed, body: iptc()},
		segment{marker: 0xe2, body: append([]byte("ICC_PROFILE\x00\x01\x01"), make([]byte, 40)...)},
		segment{marker: 0xe7, body: []byte("VENDOR\x00SAMPLE-SERIAL-77")},
		segment{marker: mCOM, body: []byte("canary-comment")})
	return append(data, "canary-trailing"...)
}

func chunkPNG(kind string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, kind...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// withChunks inserts chunks behind the header chunk of a PNG.
func withChunks(data []byte, chunks ...[]byte) []byte {
	at := len(pngHead) + 25
	return slices.Concat(data[:at], slices.Concat(chunks...), data[at:])
}

// bits writes least significant bits first, as VP8L reads them.
type bits struct {
	b []byte
	n int
}

func (w *bits) put(v uint32, n int) {
	for i := range n {
		if w.n%8 == 0 {
			w.b = append(w.b, 0)
		}
		if v>>i&1 != 0 {
			w.b[len(w.b)-1] |= 1 << (w.n % 8)
		}
		w.n++
	}
}

// webpFile is a lossless WebP whose left half is red 200 and right half red 10,
// with further chunks behind (RFC 9649).
func webpFile(w, h int, alpha bool, chunks ...[2]string) []byte {
	var v bits
	v.put(0x2f, 8)
	v.put(uint32(w-1), 14)
	v.put(uint32(h-1), 14)
	v.put(1, 1)
	v.put(0, 3)
	v.put(0, 3) // no transform, no colour cache, no meta codes
	one := func(s uint32) { v.put(0b101, 3); v.put(s, 8) }
	one(30)         // green
	v.put(0b111, 3) // red: two symbols
	v.put(10, 8)
	v.put(200, 8)
	one(40) // blue
	a := uint32(255)
	if alpha {
		a = 128
	}
	one(a)
	v.put(0b001, 3) // distance: one symbol of one bit
	v.put(0, 1)
	for range h {
		for x := range w {
			if x < w/2 {
				v.put(1, 1)
			} else {
				v.put(0, 1)
			}
		}
	}
	riff := func(kind string, body []byte) []byte {
		b := append([]byte(kind), binary.LittleEndian.AppendUint32(nil, uint32(len(body)))...)
		b = append(b, body...)
		if len(body)%2 != 0 {
			b = append(b, 0)
		}
		return b
	}
	flags := byte(0x10)
	for _, c := range chunks {
		switch c[0] {
		case "EXIF":
			flags |= 8
		case "XMP ":
			flags |= 4
		case "ANIM":
			flags |= 2
		}
	}
	head := []byte{flags, 0, 0, 0, byte(w - 1), byte((w - 1) >> 8), 0, byte(h - 1), byte((h - 1) >> 8), 0}
	body := slices.Concat([]byte("WEBP"), riff("VP8X", head), riff("VP8L", v.b))
	for _, c := range chunks {
		body = append(body, riff(c[0], []byte(c[1]))...)
	}
	return slices.Concat([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(len(body))), body)
}

// pdfFile writes a document of these objects, numbered from 1; the first is the
// catalogue. A stream's text is behind "stream:".
func pdfFile(trailer string, objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	offsets := make([]int, len(objects))
	for i, o := range objects {
		offsets[i] = b.Len()
		text, stream, has := strings.Cut(o, "stream:")
		if has {
			text = strings.Replace(text, ">>", fmt.Sprintf("/Length %d>>", len(stream)), 1)
			if n := strings.LastIndex(o[:strings.Index(o, "stream:")], ">>"); n >= 0 {
				head := o[:strings.Index(o, "stream:")]
				text = head[:n] + fmt.Sprintf("/Length %d>>", len(stream))
			}
		}
		fmt.Fprintf(&b, "%d 0 obj\n%s\n", i+1, text)
		if has {
			fmt.Fprintf(&b, "stream\n%s\nendstream\n", stream)
		}
		b.WriteString("endobj\n")
	}
	at := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, trailer, at)
	return b.Bytes()
}

const (
	pageTree = "<</Type/Pages/Kids[3 0 R]/Count 1>>"
	pageText = "BT /F1 24 Tf 72 720 Td (Visible text) Tj ET"
	pageFont = "<</Font<</F1 5 0 R>>>>"
	font     = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
)

// plainPDF is a page with a line of text.
func plainPDF() []byte {
	return pdfFile("", "<</Type/Catalog/Pages 2 0 R>>", pageTree,
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources "+pageFont+">>",
		"<<>>stream:"+pageText, font)
}

// armedPDF holds one of everything a copy must not have.
func armedPDF() []byte {
	return pdfFile("/Info 6 0 R/ID[<00112233445566778899aabbccddeeff><00112233445566778899aabbccddeeff>]",
		"<</Type/Catalog/Pages 2 0 R/OpenAction 7 0 R/AA<</WC 7 0 R>>/Names<</JavaScript<</Names[(a)7 0 R]>>/EmbeddedFiles<</Names[(evil.exe)8 0 R]>>>>/Metadata 10 0 R/AcroForm<</Fields[11 0 R]/XFA[(x)10 0 R]>>/Outlines 14 0 R/StructTreeRoot<</Type/StructTreeRoot>>>>",
		pageTree,
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>/XObject<</Im1 15 0 R/AA 16 0 R>>>>/AA<</O 7 0 R>>/Annots[11 0 R 12 0 R 13 0 R 17 0 R]/PieceInfo<</X<</LastModified(D:20260506070809)>>>>/Thumb 15 0 R>>",
		"<<>>stream:"+pageText+" q 100 0 0 50 72 600 cm /Im1 Do Q /AA Do",
		font,
		"<</Author(Zhang Yangli)/Creator(canary-xmp)/CreationDate(D:20260506070809)>>",
		"<</Type/Action/S/JavaScript/JS(app.alert\\(1\\))>>",
		"<</Type/Filespec/F(evil.exe)/EF<</F 9 0 R>>>>",
		"<</Type/EmbeddedFile>>stream:MZ canary-trailing",
		"<</Type/Metadata/Subtype/XML>>stream:"+string(xmp()),
		"<</Type/Annot/Subtype/Widget/FT/Tx/DA(/F1 12 Tf)/T(name)/V(typed)/Rect[72 500 200 520]/AA<</K 7 0 R>>/AP<</N 16 0 R>>>>",
		"<</Type/Annot/Subtype/Link/Rect[72 400 200 420]/A<</S/Launch/F(cmd.exe)>>>>",
		"<</Type/Annot/Subtype/FileAttachment/Rect[72 300 90 320]/FS 8 0 R>>",
		"<</Type/Outlines/Count 0>>",
		"<</Type/XObject/Subtype/Image/Width 64/Height 32/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode>>stream:"+string(telephone(1)),
		"<</Type/XObject/Subtype/Form/BBox[0 0 10 10]/Metadata 10 0 R/Ref<</F(other.pdf)/Page 0>>>>stream:0 0 10 10 re f",
		"<</Type/Annot/Subtype/Stamp/Rect[300 300 400 340]/T(Zhang Yangli)/Contents(Checked)/M(D:20260506070809)/A 7 0 R/AP<</N 16 0 R>>>>",
	)
}

func mustClean(t *testing.T, data []byte) Copy {
	t.Helper()
	c, err := Clean(t.Context(), data)
	if err != nil {
		t.Fatalf("no copy: %v", err)
	}
	return c
}

func kinds(c Copy) []string {
	var out []string
	for _, r := range c.Removed {
		out = append(out, r.What)
	}
	return out
}

func noCanary(t *testing.T, where string, data []byte) {
	t.Helper()
	for _, c := range canaries {
		if bytes.Contains(data, []byte(c)) {
			t.Errorf("%s holds %q", where, c)
		}
	}
}

func wantRefused(t *testing.T, err error, code string) {
	t.Helper()
	if f, ok := fault.Of(err); !ok || f.Kind != fault.Refused || f.Code != code {
		t.Errorf("%v, want %s", err, code)
	}
}
