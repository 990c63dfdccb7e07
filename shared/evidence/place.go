package evidence

import (
	"bytes"
	"encoding/binary"
)

// TellsPlace tells whether part of a picture or a recording (its first piece, or
// its last) says where it was taken: whether it holds an Exif block with a GPS
// position, as telephones write it into JPEG, PNG, WebP, TIFF and HEIC, or a
// position as they write it into MP4 and MOV (ISO 6709). It is for a warning: what
// it misses is found when the cleaned copy is made.
//
// The same rule runs in the sender's browser before anything is sent
// (functions/evidence-upload/place.js); a test compares the two.
func TellsPlace(part []byte) bool {
	if position(part) || bytes.Contains(part, []byte(quickTimePlace)) {
		return true
	}
	for rest := part; ; {
		// JPEG and HEIC put "Exif\0\0" before the block, PNG and WebP a chunk name and
		// a length.
		at := bytes.Index(rest, []byte("II*\x00"))
		if big := bytes.Index(rest, []byte("MM\x00*")); at < 0 || big >= 0 && big < at {
			at = big
		}
		if at < 0 {
			return false
		}
		if tiffGPS(rest[at:]) {
			return true
		}
		rest = rest[at+4:]
	}
}

// quickTimePlace names the position in a MOV file of Apple's telephones.
const quickTimePlace = "com.apple.quicktime.location.ISO6709"

// position finds the user data that other telephones write: ©xyz, a length, a
// language, and a latitude with its sign.
func position(part []byte) bool {
	for rest := part; ; {
		at := bytes.Index(rest, []byte("\xa9xyz"))
		if at < 0 || at+10 > len(rest) {
			return false
		}
		if sign, digit := rest[at+8], rest[at+9]; (sign == '+' || sign == '-') && digit >= '0' && digit <= '9' {
			return true
		}
		rest = rest[at+4:]
	}
}

// Numbers of TIFF 6.0 and Exif 2.3.
const (
	tagGPS       = 0x8825
	tagLatitude  = 2
	tagLongitude = 4
	maxEntries   = 512
)

// tiffGPS tells whether the TIFF block at the beginning of data has a GPS
// directory with a position in it.
func tiffGPS(data []byte) bool {
	if len(data) < 8 {
		return false
	}
	var order binary.ByteOrder
	switch string(data[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return false
	}
	gps := uint32(0)
	entries(data, order, order.Uint32(data[4:]), func(tag uint16, value uint32) {
		if tag == tagGPS {
			gps = value
		}
	})
	position := false
	if gps > 0 {
		entries(data, order, gps, func(tag uint16, _ uint32) {
			position = position || tag == tagLatitude || tag == tagLongitude
		})
	}
	return position
}

func entries(data []byte, order binary.ByteOrder, at uint32, visit func(tag uint16, value uint32)) {
	if int64(at)+2 > int64(len(data)) {
		return
	}
	n := int(order.Uint16(data[at:]))
	if n > maxEntries {
		return
	}
	for i := range n {
		e := int64(at) + 2 + int64(i)*12
		if e+12 > int64(len(data)) {
			return
		}
		visit(order.Uint16(data[e:]), order.Uint32(data[e+8:]))
	}
}
