// Package clean makes copies of evidence that can be looked at without harm,
// and says what is dangerous about a file.
//
// Clean returns a copy that holds what a person sees of a picture or document
// and nothing else: no place, time, device or author in its metadata, no
// script, action, attachment or data behind its end. Pictures are decoded and
// encoded anew; a PDF is built anew from the objects its pages show. What cannot
// be made safe gets no copy, and the refusal says why. The original is never
// touched: what is evidence is the original.
//
// Inspect reads a file as far as it must and names what is suspicious.
//
// Both take whatever a stranger sent. They are bounded in memory, in time and in
// what they allocate from a declared size, and they panic for nothing. What they
// report about a file are names and kinds, never the values removed: a list that
// showed the coordinates would undo the cleaning.
package clean

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/fault"
)

// The bounds of Clean. All are ours to choose: a function that cleans has a
// memory limit of 384 MiB and works on one file at a time.
const (
	// MaxBytes is the longest file that is cleaned: longer ones can be
	// downloaded as they are.
	MaxBytes = 32 << 20
	// maxMemory is what decoding one picture may take, by its declared size:
	// 48 million pixels of an ordinary telephone, 16 million of a lossless one.
	maxMemory = 192 << 20
	// maxTime is how long reading one PDF may take.
	maxTime = 10 * time.Second
)

// Removed is one kind of thing that a copy lacks.
type Removed struct {
	// What is a kind; its words are the catalogue's "clean.removed."+What.
	What string `json:"what"`
	// Detail are the names of the fields removed, or how many bytes; never a
	// value.
	Detail string `json:"detail,omitempty"`
}

// Copy is a file that may be shown.
type Copy struct {
	Data []byte
	// Type is the copy's media type, Ext its usual extension with the dot.
	Type, Ext string
	// Removed lists what the original holds and the copy does not, in the order
	// of removal kinds.
	Removed []Removed
}

// Clean makes a copy of a file that may be shown. The type is told from the
// content, never from a name. A file that gets no copy is a fault.Refused whose
// sentence says why: not a type that is cleaned, too long, too many pixels,
// damaged, under a password.
func Clean(ctx context.Context, data []byte) (Copy, error) { return within(ctx, data, maxMemory) }

// within is Clean with a bound on what one picture may take.
func within(ctx context.Context, data []byte, memory int64) (c Copy, err error) {
	if len(data) > MaxBytes {
		return Copy{}, fault.New(fault.Refused, "clean.too_long", MaxBytes>>20)
	}
	// The decoders below are fuzzed by their owners and by us; a panic they
	// still have must cost one file its copy and not the function its life.
	defer func() {
		if p := recover(); p != nil {
			c, err = Copy{}, fault.New(fault.Refused, "clean.damaged").Because(fmt.Errorf("clean: panic: %v", p))
		}
	}()
	switch Sniff(data) {
	case "image/jpeg":
		return cleanJPEG(data, memory)
	case "image/png":
		return cleanPNG(data, memory)
	case "image/webp":
		return cleanWebP(data, memory)
	case "application/pdf":
		ctx, cancel := context.WithTimeout(ctx, maxTime)
		defer cancel()
		return cleanPDF(ctx, data)
	}
	return Copy{}, fault.New(fault.Refused, "clean.not_this_type")
}

func damaged(err error) error {
	return fault.New(fault.Refused, "clean.damaged").Because(err)
}

var errShort = errors.New("clean: ends too early")

// What can be removed, in the order in which it is listed.
const (
	goneLocation    = "location"
	goneDevice      = "device"
	goneTime        = "time"
	gonePerson      = "person"
	goneSoftware    = "software"
	goneMakerNote   = "maker-note"
	goneThumbnail   = "thumbnail"
	goneEXIF        = "exif"
	goneXMP         = "xmp"
	goneIPTC        = "iptc"
	goneText        = "text"
	goneProfile     = "profile"
	goneProvenance  = "provenance"
	goneApplication = "application"
	goneSecond      = "second-image"
	goneAnimation   = "animation"
	goneTrailing    = "trailing"

	goneJavaScript = "javascript"
	goneOpening    = "opening"
	goneAction     = "action"
	goneAttachment = "attachment"
	goneMedia      = "media"
	goneExternal   = "external"
	goneLink       = "link"
	goneForm       = "form"
	goneSignature  = "signature"
	goneMetadata   = "metadata"
	goneInfo       = "info"
	goneOutline    = "outline"
	goneStructure  = "structure"
	goneProduction = "production"
	gonePicture    = "picture-metadata"
	goneEncryption = "encryption"
	goneUnseen     = "unseen"
)

// Kinds lists the kinds of things that can be removed, in the order in which
// they are listed.
func Kinds() []string {
	return []string{
		goneJavaScript, goneOpening, goneAction, goneAttachment, goneMedia, goneExternal,
		goneLocation, goneDevice, goneTime, gonePerson, goneSoftware, goneMakerNote, goneThumbnail, goneEXIF, goneXMP,
		goneIPTC, goneText, goneProfile, goneProvenance, goneApplication, goneSecond, goneAnimation, goneTrailing,
		goneLink, goneForm, goneSignature, goneMetadata, goneInfo, goneOutline, goneStructure, goneProduction, gonePicture,
		goneEncryption, goneUnseen,
	}
}

// tally collects what is removed, kind by kind.
type tally map[string][]string

// maxNames bounds the names listed of one kind: a file can hold thousands.
const maxNames = 24

func (t tally) add(what string, names ...string) {
	have, ok := t[what]
	if !ok {
		t[what] = have
	}
	for _, n := range names {
		if n = tidy(n); n != "" && !slices.Contains(t[what], n) && len(t[what]) <= maxNames {
			t[what] = append(t[what], n)
		}
	}
}

// tidy keeps a name that a stranger chose to what a page can show in one line.
func tidy(name string) string {
	var b strings.Builder
	for _, r := range name {
		if b.Len() >= 40 {
			break
		}
		if r >= 0x20 && r < 0x7f {
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(b.String())
}

func (t tally) list() []Removed {
	var out []Removed
	for _, what := range Kinds() {
		names, ok := t[what]
		if !ok {
			continue
		}
		slices.Sort(names)
		more := ""
		if len(names) > maxNames {
			names, more = names[:maxNames], ", …"
		}
		out = append(out, Removed{What: what, Detail: strings.Join(names, ", ") + more})
	}
	return out
}

func bytesOf(n int) string { return fmt.Sprintf("%d B", n) }
