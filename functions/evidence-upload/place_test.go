package function

import (
	"encoding/binary"
	"testing"

	"ipcredit/shared/evidence"
)

type placed struct {
	data  []byte
	tells bool
}

// exif is an Exif block with the tags of its first directory and of its GPS one.
func exif(order binary.AppendByteOrder, gps ...uint16) []byte {
	mark := []byte("II*\x00")
	if order == binary.BigEndian {
		mark = []byte("MM\x00*")
	}
	b := order.AppendUint32(mark, 8)
	b = order.AppendUint16(b, 2)
	entry := func(tag uint16, value uint32) {
		b = order.AppendUint16(b, tag)
		b = order.AppendUint16(b, 4)
		b = order.AppendUint32(b, 1)
		b = order.AppendUint32(b, value)
	}
	entry(0x0112, 1)
	if len(gps) > 0 {
		entry(0x8825, 8+2+24+4)
	} else {
		entry(0x0131, 0)
	}
	b = order.AppendUint32(b, 0)
	b = order.AppendUint16(b, uint16(len(gps)))
	for _, tag := range gps {
		entry(tag, 0)
	}
	return order.AppendUint32(b, 0)
}

func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func places() map[string]placed {
	jpeg := func(block []byte) []byte {
		return join([]byte("\xff\xd8\xff\xe1\x00\x80Exif\x00\x00"), block, picture(500, 3))
	}
	return map[string]placed{
		"jpeg with a place":          {jpeg(exif(binary.BigEndian, 1, 2, 3, 4)), true},
		"jpeg, little-endian":        {jpeg(exif(binary.LittleEndian, 2)), true},
		"jpeg without":               {jpeg(exif(binary.BigEndian)), false},
		"jpeg with the time only":    {jpeg(exif(binary.BigEndian, 7, 29)), false},
		"png":                        {join([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x40eXIf"), exif(binary.LittleEndian, 4)), true},
		"webp":                       {join([]byte("RIFF\x00\x01\x00\x00WEBPVP8 "), picture(100, 1), []byte("EXIF\x40\x00\x00\x00"), exif(binary.BigEndian, 2, 4)), true},
		"heic":                       {join([]byte("\x00\x00\x00\x24ftypheic"), picture(300, 2), []byte("\x00\x00\x00\x06Exif\x00\x00"), exif(binary.BigEndian, 2)), true},
		"tiff":                       {exif(binary.LittleEndian, 2), true},
		"cut off within the block":   {jpeg(exif(binary.BigEndian, 2))[:30], false},
		"recording":                  {join([]byte("\x00\x00\x00\x20ftypisom"), picture(99, 4), []byte("\xa9xyz\x00\x12\x15\xc7+35.3030+113.9268/")), true},
		"recording without":          {join([]byte("\x00\x00\x00\x20ftypisom"), []byte("\xa9xyz\x00\x00\x15\xc7????")), false},
		"mov":                        {join([]byte("\x00\x00\x00\x14ftypqt  "), []byte("mdtacom.apple.quicktime.location.ISO6709")), true},
		"nothing":                    {nil, false},
		"a text about MM\\0* and II": {[]byte("MM\x00* and II*\x00 are marks"), false},
	}
}

func TestPicturesThatTellWhereTheyWereTaken(t *testing.T) {
	for name, p := range places() {
		if got := evidence.TellsPlace(p.data); got != p.tells {
			t.Errorf("%s: %v", name, got)
		}
	}
}
