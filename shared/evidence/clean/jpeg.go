package clean

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"

	"ipcredit/shared/fault"
)

// Markers of ITU T.81, table B.1.
const (
	mSOI  = 0xd8
	mEOI  = 0xd9
	mSOS  = 0xda
	mCOM  = 0xfe
	mAPP0 = 0xe0
)

// segment is one marker segment; body is what follows its length.
type segment struct {
	marker byte
	body   []byte
	// at and end are where it stands in the file, its marker included.
	at, end int
}

// segments walks a JPEG to its end marker and returns where the picture ends.
// In the scans between it looks for markers only.
func segments(data []byte, visit func(segment)) (end int, err error) {
	if len(data) < 2 || data[0] != 0xff || data[1] != mSOI {
		return 0, errShort
	}
	i := 2
	for {
		for i < len(data) && data[i] != 0xff { // entropy-coded data
			next := bytes.IndexByte(data[i:], 0xff)
			if next < 0 {
				return 0, errShort
			}
			i += next
		}
		at := i
		for i < len(data) && data[i] == 0xff {
			i++
		}
		if i >= len(data) {
			return 0, errShort
		}
		m := data[i]
		i++
		switch {
		case m == 0 || m == 0x01 || m >= 0xd0 && m <= 0xd7: // stuffed byte, TEM, RSTn
			continue
		case m == mEOI:
			return i, nil
		case m == mSOI:
			return 0, errShort
		}
		if i+2 > len(data) {
			return 0, errShort
		}
		n := int(binary.BigEndian.Uint16(data[i:]))
		if n < 2 || i+n > len(data) {
			return 0, errShort
		}
		visit(segment{m, data[i+2 : i+n], at, i + n})
		i += n
	}
}

// frame is what the header of a JPEG says of its size.
type frame struct {
	width, height int
	samples       int64 // of all components together
	progressive   bool
}

func isFrame(m byte) bool {
	return m >= 0xc0 && m <= 0xcf && m != 0xc4 && m != 0xc8 && m != 0xcc
}

// readFrame reads a SOFn segment (T.81 B.2.2).
func readFrame(s segment) (frame, bool) {
	b := s.body
	if len(b) < 6 {
		return frame{}, false
	}
	f := frame{height: int(binary.BigEndian.Uint16(b[1:])), width: int(binary.BigEndian.Uint16(b[3:])), progressive: s.marker != 0xc0 && s.marker != 0xc1}
	n := int(b[5])
	if n == 0 || n > 4 || len(b) < 6+3*n || f.width == 0 || f.height == 0 {
		return frame{}, false
	}
	most := int64(1)
	var sum int64
	for k := range n {
		hv := b[6+3*k+1]
		here := int64(hv>>4) * int64(hv&15)
		if here == 0 || here > 16 {
			return frame{}, false
		}
		most, sum = max(most, here), sum+here
	}
	f.samples = (int64(f.width)*int64(f.height)*sum + most - 1) / most
	return f, true
}

func cleanJPEG(data []byte, memory int64) (Copy, error) {
	t := tally{}
	var f frame
	var known bool
	end, err := segments(data, func(s segment) {
		if isFrame(s.marker) && !known {
			f, known = readFrame(s)
		}
		sayJPEG(t, s)
	})
	if err != nil || !known {
		return Copy{}, damaged(err)
	}
	if n := len(data) - end; n > 0 {
		t.add(goneTrailing, bytesOf(n))
		if bytes.HasPrefix(data[end:], []byte{0xff, mSOI}) {
			t.add(goneSecond)
		}
	}
	turn := describe(t, data, "image/jpeg")
	cost := f.samples
	if f.progressive {
		cost += 4 * f.samples // the decoder keeps its coefficients in four bytes each
	}
	if turn > 1 {
		cost += f.samples
	}
	if cost > memory {
		return Copy{}, tooManyPixels(f.width, f.height)
	}
	img, err := jpeg.Decode(bytes.NewReader(data[:end]))
	if err != nil {
		return Copy{}, damaged(err)
	}
	return encodeJPEG(upright(img, turn), t)
}

// sayJPEG notes what a segment holds beside the picture.
func sayJPEG(t tally, s segment) {
	b := s.body
	switch {
	case s.marker == mCOM:
		t.add(goneText, "COM")
	case s.marker == mAPP0+1 && bytes.HasPrefix(b, []byte("Exif\x00")):
		t.add(goneEXIF)
	case s.marker == mAPP0+1 && bytes.HasPrefix(b, []byte("http://ns.adobe.com/x")):
		t.add(goneXMP)
	case s.marker == mAPP0+2 && bytes.HasPrefix(b, []byte("ICC_PROFILE\x00")):
		t.add(goneProfile)
	case s.marker == mAPP0+2 && bytes.HasPrefix(b, []byte("MPF\x00")):
		t.add(goneSecond, "MPF")
	case s.marker == mAPP0+11 && bytes.Contains(b[:min(len(b), 64)], []byte("jumb")):
		t.add(goneProvenance, "C2PA")
	case s.marker == mAPP0+13 && bytes.HasPrefix(b, []byte("Photoshop 3.0\x00")):
		t.add(goneIPTC)
	case s.marker == mAPP0 && (bytes.HasPrefix(b, []byte("JFIF\x00")) || bytes.HasPrefix(b, []byte("JFXX\x00"))):
		if len(b) > 14 && b[0] == 'J' && (b[3] == 'X' || b[12] != 0 && b[13] != 0) {
			t.add(goneThumbnail, "JFIF")
		}
	case s.marker == mAPP0+14 && bytes.HasPrefix(b, []byte("Adobe")): // how colours are coded
	case s.marker >= mAPP0 && s.marker <= mAPP0+15:
		name, _, _ := bytes.Cut(b[:min(len(b), 32)], []byte{0})
		t.add(goneApplication, "APP"+string('0'+rune(s.marker-mAPP0)/10)+string('0'+rune(s.marker-mAPP0)%10)+" "+string(name))
	}
}

func tooManyPixels(width, height int) error {
	return fault.New(fault.Refused, "clean.too_many_pixels", width, height)
}

// quality keeps what a person sees of a document photographed with a telephone
// (ours to choose).
const quality = 90

func encodeJPEG(img image.Image, t tally) (Copy, error) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		return Copy{}, damaged(err)
	}
	return Copy{Data: b.Bytes(), Type: "image/jpeg", Ext: ".jpg", Removed: t.list()}, nil
}

// bare returns a JPEG without its comments, application segments and what
// follows it, its coded picture unchanged: for pictures inside documents, whose
// orientation is the document's. It keeps APP0 without thumbnail and APP14,
// which say how colours are coded. Only t learns what is dropped.
func bare(t tally, data []byte) ([]byte, bool) {
	out := []byte{0xff, mSOI}
	from := 2
	found := tally{}
	end, err := segments(data, func(s segment) {
		keep := s.marker < mAPP0 || s.marker > 0xef && s.marker != mCOM ||
			s.marker == mAPP0+14 && bytes.HasPrefix(s.body, []byte("Adobe")) ||
			s.marker == mAPP0+2 && bytes.HasPrefix(s.body, []byte("ICC_PROFILE\x00"))
		if keep {
			return
		}
		if s.marker != mAPP0 {
			sayJPEG(found, s)
		}
		out = append(out, data[from:s.at]...)
		from = s.end
	})
	if err != nil {
		return nil, false
	}
	if end < len(data) && len(bytes.TrimRight(data[end:], "\r\n\x00")) > 0 {
		found.add(goneTrailing)
	}
	for what := range found {
		t.add(gonePicture, what)
	}
	return append(out, data[from:end]...), true
}
