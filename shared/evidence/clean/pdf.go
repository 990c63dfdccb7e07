package clean

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"

	"ipcredit/shared/fault"
)

// A PDF is not stripped but built anew: from the page tree down, each kind of
// object takes along the entries that showing a page needs and no others
// (ISO 32000-1). What nobody thought of stays behind, and so does every object
// no page reaches, such as the earlier state of a document saved incrementally.

// readPDF reads a document within the bounds, without its password. The
// context ends reading that takes too long.
func readPDF(ctx context.Context, data []byte) (*model.Context, error) {
	noSettings()
	conf := model.NewDefaultConfiguration()
	conf.ValidationMode = model.ValidationRelaxed
	conf.Offline = true
	conf.Limits = model.ResourceLimits{
		MaxStreamBytes: MaxBytes, MaxDecodeBytes: 64 << 20, MaxImagePixels: 1 << 24, MaxImageBytes: 64 << 20,
		MaxObjectCount: 500_000, MaxObjectStreamCount: 50_000, MaxObjectStreamFirst: 4 << 20,
		MaxXRefEntries: 500_000, MaxRecursionDepth: 100,
	}
	return pdfcpu.ReadWithContext(ctx, bytes.NewReader(data), conf)
}

// noSettings keeps the library from looking for a folder of settings.
var noSettings = sync.OnceFunc(func() { model.ConfigPath = "disable" })

func cleanPDF(ctx context.Context, data []byte) (Copy, error) {
	doc, err := readPDF(ctx, data)
	switch {
	case errors.Is(err, pdfcpu.ErrWrongPassword):
		return Copy{}, fault.New(fault.Refused, "clean.password").Because(err)
	case err != nil && ctx.Err() != nil:
		return Copy{}, fault.New(fault.Refused, "clean.too_complex").Because(err)
	case err != nil:
		return Copy{}, damaged(err)
	}
	t := tally{}
	found(t, doc)
	if at := bytes.Index(data, []byte("%PDF-")); at > 0 {
		t.add(goneUnseen, bytesOf(at))
	}
	if end := bytes.LastIndex(data, []byte("%%EOF")); end >= 0 {
		if rest := bytes.TrimSpace(data[end+len("%%EOF"):]); len(rest) > 0 {
			t.add(goneTrailing, bytesOf(len(rest)))
		}
	}
	b := builder{ctx: ctx, doc: doc, t: t, numbers: map[int]int{}}
	out, err := b.build()
	switch {
	case errors.Is(err, errTooComplex) || ctx.Err() != nil:
		return Copy{}, fault.New(fault.Refused, "clean.too_complex").Because(err)
	case err != nil:
		return Copy{}, damaged(err)
	}
	return Copy{Data: out, Type: "application/pdf", Ext: ".pdf", Removed: t.list()}, nil
}

// found notes what a document holds that its copy will not, wherever it
// stands: also what no page reaches is worth knowing.
func found(t tally, doc *model.Context) {
	if doc.Encrypt != nil {
		t.add(goneEncryption)
	}
	if doc.Info != nil {
		if d, err := doc.DereferenceDict(*doc.Info); err == nil {
			for name := range d {
				t.add(goneInfo, name)
			}
		}
	}
	for _, entry := range doc.Table {
		if entry == nil || entry.Free {
			continue
		}
		note(t, entry.Object, false, 0)
	}
}

// noteworthy are the entries of dictionaries whose presence says what is gone.
var noteworthy = map[string]string{
	"JS": goneJavaScript, "JavaScript": goneJavaScript, "OpenAction": goneOpening, "AA": goneAction,
	"EmbeddedFiles": goneAttachment, "EF": goneAttachment, "AF": goneAttachment, "Collection": goneAttachment,
	"RichMediaContent": goneMedia, "RichMediaSettings": goneMedia, "XFA": goneForm, "AcroForm": goneForm,
	"Metadata": goneMetadata, "PieceInfo": goneProduction, "Outlines": goneOutline,
	"StructTreeRoot": goneStructure, "ByteRange": goneSignature, "DSS": goneSignature, "Threads": goneStructure,
}

// The actions of ISO 32000-1, 12.6.4, by what they amount to.
var actions = map[string]string{
	"JavaScript": goneJavaScript, "Launch": goneAction, "SubmitForm": goneAction, "ImportData": goneAction,
	"ResetForm": goneAction, "Hide": goneAction, "Named": goneAction, "SetOCGState": goneAction, "Trans": goneAction,
	"GoToE": goneAttachment, "GoToR": goneExternal, "URI": goneLink, "GoTo": goneLink,
	"Sound": goneMedia, "Movie": goneMedia, "Rendition": goneMedia, "GoTo3DView": goneMedia, "RichMediaExecute": goneMedia,
}

// note looks through one object, not through its references: every object is
// looked at by itself. chosen says that the entries' names are the author's.
func note(t tally, o types.Object, chosen bool, depth int) {
	if depth > 40 {
		return
	}
	switch o := o.(type) {
	case types.Array:
		for _, x := range o {
			note(t, x, false, depth+1)
		}
	case types.StreamDict:
		noteStream(t, o.Dict, depth)
	case *types.StreamDict:
		if o != nil {
			noteStream(t, o.Dict, depth)
		}
	case types.Dict:
		for key, x := range o {
			if what, ok := noteworthy[key]; ok && x != nil && !chosen {
				t.add(what, detailOf(what, key))
			}
			note(t, x, slices.Contains(exempt, key) && !chosen, depth+1)
		}
		if s, ok := o["S"].(types.Name); ok {
			if what, ok := actions[string(s)]; ok && actionLike(o) {
				t.add(what, string(s))
			}
		}
		if s, ok := o["Subtype"].(types.Name); ok && o["Rect"] != nil {
			switch string(s) {
			case "FileAttachment":
				t.add(goneAttachment, string(s))
			case "Sound", "Movie", "Screen", "3D", "RichMedia":
				t.add(goneMedia, string(s))
			}
		}
	}
}

// noteStream is note for a stream, whose data or drawing may stand in another
// file (7.3.8, 8.10.4).
func noteStream(t tally, d types.Dict, depth int) {
	note(t, d, false, depth)
	for _, key := range []string{"F", "Ref", "OPI"} {
		if d[key] != nil {
			t.add(goneExternal, key)
		}
	}
}

// actionLike tells an action from another dictionary with an /S, such as a
// transparency group or a page transition.
func actionLike(d types.Dict) bool {
	if kind, ok := d["Type"].(types.Name); ok {
		return kind == "Action"
	}
	for _, key := range []string{"JS", "URI", "F", "D", "N", "Win", "Fields", "OP", "State"} {
		if d[key] != nil {
			return true
		}
	}
	return false
}

func detailOf(what, key string) string {
	if what == goneJavaScript || what == goneMetadata {
		return ""
	}
	return key
}

// builder writes the copy.
type builder struct {
	ctx     context.Context
	doc     *model.Context
	t       tally
	numbers map[int]int // of the original's objects in the copy
	queue   []int       // objects of the original still to be written
	out     bytes.Buffer
	offsets []int // by number in the copy, from 1
	pages   int
}

var errTooComplex = errors.New("clean: too complex")

const (
	maxPages   = 5000
	maxObjects = 300_000
	maxDepth   = 60
)

func (b *builder) build() ([]byte, error) {
	root, err := b.doc.Catalog()
	if err != nil {
		return nil, err
	}
	// 1.7 covers whatever a page may show; the mark of binary content follows
	// (ISO 32000-1, 7.5.2).
	b.out.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	catalog, tree := b.number(), b.number()
	var kids []string
	start, ok := root.Find("Pages")
	if !ok {
		return nil, errors.New("clean: no pages")
	}
	if err := b.walk(start, types.Dict{}, map[int]bool{}, tree, &kids, 0); err != nil {
		return nil, err
	}
	if b.pages == 0 {
		return nil, errors.New("clean: no pages")
	}
	b.object(tree, "<</Type/Pages/Count "+itoa(b.pages)+"/Kids["+strings.Join(kids, " ")+"]>>", nil)
	layers := ""
	if oc, ok := root.Find("OCProperties"); ok { // which layers are shown
		if layers, err = b.value(oc, resourceRules, 0); err != nil {
			return nil, err
		}
		layers = "/OCProperties " + layers
	}
	for len(b.queue) > 0 {
		if err := b.ctx.Err(); err != nil {
			return nil, err
		}
		next := b.queue[0]
		b.queue = b.queue[1:]
		if err := b.write(next); err != nil {
			return nil, err
		}
	}
	b.object(catalog, "<</Type/Catalog/Pages "+itoa(tree)+" 0 R"+layers+">>", nil)
	return b.end(catalog), nil
}

// inherited are the entries a page takes from the nodes above it (table 30).
var inherited = []string{"Resources", "MediaBox", "CropBox", "Rotate"}

// walk goes through the page tree in order.
func (b *builder) walk(o types.Object, above types.Dict, seen map[int]bool, parent int, kids *[]string, depth int) error {
	if err := b.ctx.Err(); err != nil {
		return err
	}
	if ref, ok := o.(types.IndirectRef); ok {
		n := ref.ObjectNumber.Value()
		if seen[n] || depth > maxDepth {
			return errTooComplex
		}
		seen[n] = true
	}
	d, err := b.doc.DereferenceDict(o)
	if err != nil {
		return err
	}
	if d == nil {
		return nil
	}
	mine := types.Dict{}
	for _, key := range inherited {
		if v, ok := d.Find(key); ok {
			mine[key] = v
		} else if v, ok := above.Find(key); ok {
			mine[key] = v
		}
	}
	if sub, ok := d.Find("Kids"); ok {
		list, err := b.doc.DereferenceArray(sub)
		if err != nil {
			return err
		}
		for _, kid := range list {
			if err := b.walk(kid, mine, seen, parent, kids, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	if b.pages++; b.pages > maxPages {
		return errTooComplex
	}
	for _, key := range []string{"Contents", "BleedBox", "TrimBox", "ArtBox", "UserUnit", "Group"} {
		if v, ok := d.Find(key); ok {
			mine[key] = v
		}
	}
	text := "<</Type/Page/Parent " + itoa(parent) + " 0 R"
	for _, key := range sorted(mine) {
		v, err := b.value(mine[key], resourceRules, 0)
		if err != nil {
			return err
		}
		text += "/" + key + " " + v
	}
	annotations, err := b.annotations(d)
	if err != nil {
		return err
	}
	page := b.number()
	b.object(page, text+annotations+">>", nil)
	*kids = append(*kids, itoa(page)+" 0 R")
	return nil
}

// shown are the annotations that are part of what a reader sees: remarks, marks
// and filled-in fields. They keep their look and lose what they do and who made
// them (12.5).
var shown = []string{
	"Text", "FreeText", "Line", "Square", "Circle", "Polygon", "PolyLine", "Highlight", "Underline", "Squiggly",
	"StrikeOut", "Stamp", "Caret", "Ink", "Widget", "Redact",
}

func (b *builder) annotations(page types.Dict) (string, error) {
	o, ok := page.Find("Annots")
	if !ok {
		return "", nil
	}
	list, err := b.doc.DereferenceArray(o)
	if err != nil {
		return "", nil // unreadable remarks are no reason to refuse the page
	}
	var kept []string
	for _, o := range list {
		d, err := b.doc.DereferenceDict(o)
		if err != nil || d == nil {
			continue
		}
		kind, _ := d["Subtype"].(types.Name)
		switch {
		case kind == "Link":
			b.t.add(goneLink)
			continue
		case !slices.Contains(shown, string(kind)):
			continue // noted by found, where it is more than a look
		case kind == "Widget":
			b.t.add(goneForm)
		case d["T"] != nil:
			b.t.add(gonePerson, "T")
		}
		text := "<</Type/Annot/Subtype/" + string(kind)
		for _, key := range []string{"AP", "AS", "BS", "Border", "C", "CA", "Contents", "F", "IC", "InkList", "L", "LE", "QuadPoints", "RD", "Rect", "Vertices"} {
			v, ok := d.Find(key)
			if !ok {
				continue
			}
			s, err := b.value(v, resourceRules, 0)
			if err != nil {
				return "", err
			}
			text += "/" + key + " " + s
		}
		if kind == "Widget" {
			text += "/FT/Tx/Ff 1" // a field that nobody can change, so no viewer asks for a form
		}
		n := b.number()
		b.object(n, text+">>", nil)
		kept = append(kept, itoa(n)+" 0 R")
	}
	if len(kept) == 0 {
		return "", nil
	}
	return "/Annots[" + strings.Join(kept, " ") + "]", nil
}
