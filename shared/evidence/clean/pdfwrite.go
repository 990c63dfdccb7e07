package clean

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

func itoa(n int) string { return strconv.Itoa(n) }

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// rules say which entries of a dictionary are left out.
type rules map[string]bool

// resourceRules leave out of everything a page draws with: what acts, what
// points outside or back into the document, and what only tells how it was
// made. /F and its kin make of a stream a file outside (7.3.8), /Ref and /OPI
// of a drawing a page of another document.
var resourceRules = func() rules {
	r := rules{}
	for _, key := range []string{
		"A", "AA", "AF", "Alternates", "CreatorInfo", "EF", "F", "FDecodeParms", "FFilter", "JS", "JavaScript", "LastModified", "Metadata",
		"Measure", "Names", "OC.User", "OPI", "OpenAction", "P", "Parent", "PieceInfo", "PtData", "Ref", "StructParent", "StructParents",
		"Thumb", "User", "VP",
	} {
		r[key] = true
	}
	return r
}()

// exempt are the places where one of these keys means something else: names of
// resources are the author's to choose, and /F of an annotation are its flags.
var exempt = []string{"Font", "XObject", "ExtGState", "ColorSpace", "Pattern", "Shading", "Properties", "CharProcs"}

// number takes the next object number of the copy.
func (b *builder) number() int {
	b.offsets = append(b.offsets, 0)
	return len(b.offsets)
}

// object writes one object; stream is nil where it has none.
func (b *builder) object(n int, text string, stream []byte) {
	b.offsets[n-1] = b.out.Len()
	fmt.Fprintf(&b.out, "%d 0 obj\n%s\n", n, text)
	if stream != nil {
		b.out.WriteString("stream\n")
		b.out.Write(stream)
		b.out.WriteString("\nendstream\n")
	}
	b.out.WriteString("endobj\n")
}

// end writes the cross-reference table and the trailer (7.5.4, 7.5.5), without
// the identifier that would tie the copy to other versions of the document.
func (b *builder) end(catalog int) []byte {
	at := b.out.Len()
	fmt.Fprintf(&b.out, "xref\n0 %d\n0000000000 65535 f \n", len(b.offsets)+1)
	for _, offset := range b.offsets {
		fmt.Fprintf(&b.out, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b.out, "trailer\n<</Size %d/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(b.offsets)+1, catalog, at)
	return b.out.Bytes()
}

// ref is the copy's reference to an object of the original, which is written
// later.
func (b *builder) ref(object int) (string, error) {
	n, ok := b.numbers[object]
	if !ok {
		if len(b.numbers) > maxObjects {
			return "", errTooComplex
		}
		n = b.number()
		b.numbers[object] = n
		b.queue = append(b.queue, object)
	}
	return itoa(n) + " 0 R", nil
}

// write writes an object of the original into the copy.
func (b *builder) write(object int) error {
	n := b.numbers[object]
	o, err := b.doc.Dereference(*types.NewIndirectRef(object, 0))
	if err != nil {
		return err
	}
	var stream *types.StreamDict
	switch s := o.(type) {
	case types.StreamDict:
		stream = &s
	case *types.StreamDict:
		stream = s
	case types.Dict:
		if kind, _ := s["Type"].(types.Name); kind == "Page" || kind == "Pages" || kind == "Catalog" {
			o = nil // a way back into the document, around what was left out
		}
	}
	if stream == nil {
		text, err := b.value(o, resourceRules, 0)
		if err != nil {
			return err
		}
		b.object(n, text, nil)
		return nil
	}
	d, raw := stream.Dict, stream.Raw
	if kind, _ := d["Subtype"].(types.Name); kind == "PS" {
		b.t.add(goneExternal, "PS")
		d, raw = types.Dict{}, []byte{} // a program for printers (8.8.2)
	}
	if last := lastFilter(d); last == "DCTDecode" || last == "DCT" {
		if filters(d) == 1 {
			if plain, ok := bare(b.t, raw); ok {
				raw = plain
			} else {
				b.t.add(gonePicture, "DCT")
				d, raw = types.Dict{}, []byte{}
			}
		}
	}
	d = maps.Clone(d)
	d["Length"] = types.Integer(len(raw))
	text, err := b.value(d, resourceRules, 0)
	if err != nil {
		return err
	}
	b.object(n, text, raw)
	return nil
}

func filters(d types.Dict) int {
	if list, ok := d["Filter"].(types.Array); ok {
		return len(list)
	}
	if d["Filter"] == nil {
		return 0
	}
	return 1
}

func lastFilter(d types.Dict) string {
	switch f := d["Filter"].(type) {
	case types.Name:
		return string(f)
	case types.Array:
		if len(f) > 0 {
			if n, ok := f[len(f)-1].(types.Name); ok {
				return string(n)
			}
		}
	}
	return ""
}

// value writes an object as it stands inside another one.
func (b *builder) value(o types.Object, r rules, depth int) (string, error) {
	if depth > maxDepth {
		return "", errTooComplex
	}
	switch o := o.(type) {
	case nil:
		return "null", nil
	case types.IndirectRef:
		return b.ref(o.ObjectNumber.Value())
	case *types.IndirectRef:
		return b.ref(o.ObjectNumber.Value())
	case types.Array:
		parts := make([]string, len(o))
		for i, x := range o {
			var err error
			if parts[i], err = b.value(x, r, depth+1); err != nil {
				return "", err
			}
		}
		return "[" + strings.Join(parts, " ") + "]", nil
	case types.Dict:
		return b.dict(o, r, depth)
	case types.Name:
		return name(string(o)), nil
	case types.Float:
		return strconv.FormatFloat(float64(o), 'f', -1, 64), nil
	case types.StringLiteral:
		return literal(string(o)), nil
	case types.HexLiteral:
		return "<" + hexDigits(string(o)) + ">", nil
	case types.Integer, types.Boolean:
		return o.PDFString(), nil
	}
	return "null", nil
}

func (b *builder) dict(d types.Dict, r rules, depth int) (string, error) {
	var out bytes.Buffer
	out.WriteString("<<")
	for _, key := range sorted(d) {
		if r[key] {
			continue
		}
		inside := r
		if slices.Contains(exempt, key) {
			inside = nil
		} else if r == nil {
			inside = resourceRules // one level of chosen names, then the rules again
		}
		v, err := b.value(d[key], inside, depth+1)
		if err != nil {
			return "", err
		}
		out.WriteString(name(key) + " " + v)
	}
	out.WriteString(">>")
	return out.String(), nil
}

// name writes a name (7.3.5).
func name(s string) string {
	var b strings.Builder
	b.WriteByte('/')
	for i := range len(s) {
		if c := s[i]; c > 0x20 && c < 0x7f && !strings.ContainsRune("()<>[]{}/%#", rune(c)) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "#%02X", c)
		}
	}
	return b.String()
}

// literal writes a string whose escapes are still in it (7.3.4.2): what would
// end it early, or open what nothing closes, is escaped.
func literal(s string) string {
	var b strings.Builder
	b.WriteByte('(')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			b.WriteByte(c)
			i++
			b.WriteByte(s[i])
		case c == '\\':
			b.WriteString(`\\`)
		case c == '(' || c == ')':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte(')')
	return b.String()
}

func hexDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F' {
			return r
		}
		return -1
	}, s)
}
