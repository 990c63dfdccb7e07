package clean

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/png"

	"golang.org/x/image/webp"

	"ipcredit/shared/fault"
)

var pngHead = []byte("\x89PNG\r\n\x1a\n")

// pngChunks walks a PNG to its IEND (PNG specification, third edition, 5.3) and
// returns where the picture ends.
func pngChunks(data []byte, visit func(kind string, body []byte)) (end int, err error) {
	if !bytes.HasPrefix(data, pngHead) {
		return 0, errShort
	}
	i := len(pngHead)
	for i+12 <= len(data) {
		n := binary.BigEndian.Uint32(data[i:])
		if n > 1<<31-1 || int64(i)+12+int64(n) > int64(len(data)) {
			return 0, errShort
		}
		kind := string(data[i+4 : i+8])
		visit(kind, data[i+8:i+8+int(n)])
		i += 12 + int(n)
		if kind == "IEND" {
			return i, nil
		}
	}
	return 0, errShort
}

func cleanPNG(data []byte, memory int64) (Copy, error) {
	t := tally{}
	var width, height, perPixel int64
	end, err := pngChunks(data, func(kind string, body []byte) {
		switch kind {
		case "IHDR":
			if len(body) == 13 && perPixel == 0 {
				width, height = int64(binary.BigEndian.Uint32(body)), int64(binary.BigEndian.Uint32(body[4:]))
				// 8 bytes for 16 bits a channel, 4 else; as much again where
				// the lines come interlaced.
				perPixel = 4
				if body[8] == 16 {
					perPixel = 8
				}
				if body[12] != 0 {
					perPixel *= 2
				}
			}
		case "PLTE", "IDAT", "IEND", "tRNS", "sRGB", "gAMA", "cHRM", "sBIT", "bKGD", "pHYs", "hIST", "cICP", "mDCV", "cLLI":
		case "iCCP":
			t.add(goneProfile)
		case "eXIf":
			t.add(goneEXIF)
		case "tIME":
			t.add(goneTime, kind)
		case "tEXt", "zTXt", "iTXt":
			name, _, _ := bytes.Cut(body[:min(len(body), 80)], []byte{0})
			if string(name) == "XML:com.adobe.xmp" {
				t.add(goneXMP)
			} else {
				t.add(goneText, string(name))
			}
		case "acTL", "fcTL", "fdAT":
			t.add(goneAnimation)
		default:
			t.add(goneApplication, kind)
		}
	})
	if err != nil || perPixel == 0 {
		return Copy{}, damaged(err)
	}
	if n := len(data) - end; n > 0 {
		t.add(goneTrailing, bytesOf(n))
	}
	turn := describe(t, data, "image/png")
	if turn > 1 {
		perPixel += 8
	}
	if width <= 0 || height <= 0 || width > memory/perPixel/height {
		return Copy{}, tooManyPixels(int(width), int(height))
	}
	img, err := png.Decode(bytes.NewReader(data[:end]))
	if err != nil {
		return Copy{}, damaged(err)
	}
	return encodePNG(upright(img, turn), t)
}

func encodePNG(img image.Image, t tally) (Copy, error) {
	var b bytes.Buffer
	enc := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := enc.Encode(&b, img); err != nil {
		return Copy{}, damaged(err)
	}
	return Copy{Data: b.Bytes(), Type: "image/png", Ext: ".png", Removed: t.list()}, nil
}

// webpChunks walks the chunks of a RIFF WebP and returns where the picture ends.
func webpChunks(data []byte, visit func(kind string, body []byte)) (end int, err error) {
	if len(data) < 12 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WEBP" {
		return 0, errShort
	}
	size := int64(binary.LittleEndian.Uint32(data[4:])) + 8
	if size > int64(len(data)) {
		return 0, errShort
	}
	end = int(size)
	for i := 12; i+8 <= end; {
		n := int64(binary.LittleEndian.Uint32(data[i+4:]))
		if int64(i)+8+n > size {
			return 0, errShort
		}
		visit(string(data[i:i+4]), data[i+8:i+8+int(n)])
		i += 8 + int(n+n&1)
	}
	return end, nil
}

// webpTold is the file with its metadata alone, each chunk with its padding
// counted in its length: the reader of metadata takes the byte that pads an odd
// chunk for the next one's name.
func webpTold(data []byte) []byte {
	b := []byte("RIFF\x00\x00\x00\x00WEBP")
	_, _ = webpChunks(data, func(kind string, body []byte) {
		if kind != "VP8X" && kind != "EXIF" && kind != "XMP " {
			return
		}
		b = append(b, kind...)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(body)+len(body)%2))
		b = append(b, body...)
		b = append(b, make([]byte, len(body)%2)...)
	})
	return b
}

func cleanWebP(data []byte, memory int64) (Copy, error) {
	t := tally{}
	moving, lossless := false, false
	end, err := webpChunks(data, func(kind string, _ []byte) {
		switch kind {
		case "VP8X", "VP8 ", "ALPH":
		case "VP8L":
			lossless = true
		case "EXIF":
			t.add(goneEXIF)
		case "XMP ":
			t.add(goneXMP)
		case "ICCP":
			t.add(goneProfile)
		case "ANIM", "ANMF":
			moving = true
		default:
			t.add(goneApplication, kind)
		}
	})
	if err != nil {
		return Copy{}, damaged(err)
	}
	if moving {
		return Copy{}, fault.New(fault.Refused, "clean.moving")
	}
	if n := len(data) - end; n > 0 {
		t.add(goneTrailing, bytesOf(n))
	}
	turn := describe(t, webpTold(data), "image/webp")
	c, err := webp.DecodeConfig(bytes.NewReader(data[:end]))
	if err != nil {
		return Copy{}, damaged(err)
	}
	perPixel := int64(4)
	if lossless {
		perPixel = 12 // the decoder keeps the pixels before and after its transforms
	}
	if turn > 1 {
		perPixel += 8
	}
	if c.Width <= 0 || c.Height <= 0 || int64(c.Width) > memory/perPixel/int64(c.Height) {
		return Copy{}, tooManyPixels(c.Width, c.Height)
	}
	img, err := webp.Decode(bytes.NewReader(data[:end]))
	if err != nil {
		return Copy{}, damaged(err)
	}
	if plain, ok := img.(*image.YCbCr); ok {
		return encodeJPEG(upright(plain, turn), t)
	}
	return encodePNG(upright(img, turn), t)
}
