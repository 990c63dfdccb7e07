package clean

import (
	"bytes"
	"strings"

	"github.com/bep/imagemeta"
)

var metaFormats = map[string]imagemeta.ImageFormat{
	"image/jpeg": imagemeta.JPEG, "image/png": imagemeta.PNG, "image/webp": imagemeta.WebP,
	"image/heic": imagemeta.HEIF, "image/heif": imagemeta.HEIF, "image/avif": imagemeta.AVIF, "image/tiff": imagemeta.TIFF,
}

// describe notes in t what a picture's metadata tells and returns the
// orientation it asks for, 0 without one. Metadata that cannot be read is gone
// with the rest all the same.
func describe(t tally, data []byte, media string) (orientation int) {
	format, ok := metaFormats[media]
	if !ok {
		return 0
	}
	_, _ = imagemeta.Decode(imagemeta.Options{
		R: bytes.NewReader(data), ImageFormat: format,
		Sources:         imagemeta.EXIF | imagemeta.IPTC | imagemeta.XMP,
		ShouldHandleTag: func(imagemeta.TagInfo) bool { return true },
		HandleTag: func(tag imagemeta.TagInfo) error {
			if tag.Source == imagemeta.EXIF && tag.Tag == "Orientation" && tag.Namespace == "IFD0" {
				if v, ok := tag.Value.(uint16); ok && orientation == 0 {
					orientation = int(v)
				}
				return nil // applied, so nothing is lost
			}
			t.add(kindOf(tag), tag.Tag)
			return nil
		},
		LimitNumTags: 2000, LimitTagSize: 64 << 10,
	})
	return orientation
}

// kinds of tags, by parts of their names in EXIF 2.32, XMP and IPTC; the first
// that fits counts.
var tagKinds = []struct {
	what  string
	parts []string
}{
	{goneLocation, []string{"GPS", "Location", "City", "Country", "State", "Province", "Geo", "Latitude", "Longitude"}},
	{goneMakerNote, []string{"MakerNote"}},
	{goneThumbnail, []string{"Thumbnail", "JPEGInterchangeFormat", "Preview"}},
	{gonePerson, []string{"Artist", "Owner", "Author", "Creator", "Byline", "By-line", "Copyright", "Credit", "Person", "Contact", "Photographer", "Rights", "XPAuthor", "UserComment"}},
	{goneDevice, []string{"Make", "Model", "Serial", "Lens", "CameraID", "UniqueID", "HostComputer", "Device"}},
	{goneSoftware, []string{"Software", "CreatorTool", "ProcessingSoftware", "Program", "History"}},
	{goneTime, []string{"Date", "Time", "SubSec"}},
}

func kindOf(tag imagemeta.TagInfo) string {
	if strings.Contains(tag.Namespace, "GPS") {
		return goneLocation
	}
	if strings.HasPrefix(tag.Namespace, "IFD1") {
		return goneThumbnail
	}
	if tag.Tag == "CreatorTool" {
		return goneSoftware
	}
	for _, k := range tagKinds {
		for _, part := range k.parts {
			if strings.Contains(tag.Tag, part) {
				return k.what
			}
		}
	}
	switch tag.Source {
	case imagemeta.XMP:
		return goneXMP
	case imagemeta.IPTC:
		return goneIPTC
	}
	return goneEXIF
}

// HasLocation tells whether a picture's metadata says where it was taken. It
// reads pictures of telephones that Clean cannot copy as well.
func HasLocation(data []byte) bool {
	t := tally{}
	media := Sniff(data)
	if media == "image/webp" {
		data = webpTold(data)
	}
	describe(t, data, media)
	_, ok := t[goneLocation]
	return ok
}
