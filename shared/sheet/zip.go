package sheet

import (
	"archive/zip"
	"bufio"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strings"

	"ipcredit/shared/fault"
)

// parts are the entries of an XLSX file, looked over before any is opened.
type parts struct {
	at       *watched
	byName   map[string]*zip.File // lower case: part names ignore case
	limits   Limits
	inflated int64
}

// watched remembers why the storage failed, so that a failing disk is not
// called a broken file, and bounds how much the list of entries may take.
type watched struct {
	at     io.ReaderAt
	budget int64 // bytes; < 0 is unbounded
	failed error
}

var errBudget = errors.New("sheet: list of zip entries too long")

func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	if w.budget >= 0 {
		if w.budget -= int64(len(p)); w.budget < 0 {
			w.budget = 0
			return 0, errBudget
		}
	}
	if off < 0 {
		return 0, zip.ErrFormat // an offset made up by the file
	}
	n, err := w.at.ReadAt(p, off)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		w.failed = err
	}
	return n, err
}

const (
	directoryBytes = 2 << 20 // of reading; Excel's lists of entries take a few KiB
	entriesMost    = 4096
	ratioFrom      = 1 << 20
)

// openZip lists the entries and refuses what no spreadsheet program writes:
// entries twice, paths out of the archive, unknown compression, macros, embedded
// files, and sizes or ratios beyond the limits.
func openZip(at io.ReaderAt, size int64, limits Limits) (*parts, error) {
	if size > limits.XLSXBytes {
		return nil, fault.New(fault.TooLarge, "sheet.xlsx_too_large", limits.XLSXBytes>>20)
	}
	p := &parts{at: &watched{at: at, budget: directoryBytes}, byName: make(map[string]*zip.File), limits: limits}
	z, err := zip.NewReader(p.at, size)
	switch {
	case p.at.failed != nil:
		return nil, p.at.failed
	case errors.Is(err, errBudget):
		return nil, fault.New(fault.Invalid, "sheet.zip_odd")
	case err != nil && !errors.Is(err, zip.ErrInsecurePath):
		return nil, fault.New(fault.Invalid, "sheet.zip_broken").Because(err)
	case len(z.File) > entriesMost:
		return nil, fault.New(fault.Invalid, "sheet.zip_odd")
	}
	p.at.budget = -1
	var total uint64
	for _, f := range z.File {
		name := strings.ToLower(f.Name)
		_, twice := p.byName[name]
		p.byName[name] = f
		switch {
		case f.Flags&1 != 0:
			return nil, fault.New(fault.WrongType, "sheet.password")
		case twice, f.Method != zip.Store && f.Method != zip.Deflate,
			strings.ContainsAny(name, "\\\x00"), strings.HasPrefix(name, "/"),
			path.Clean(name) != strings.TrimSuffix(name, "/"), strings.HasPrefix(path.Clean(name), ".."):
			return nil, fault.New(fault.Invalid, "sheet.zip_odd")
		case f.UncompressedSize64 > uint64(limits.InflatedBytes),
			f.UncompressedSize64 > ratioFrom && f.UncompressedSize64/uint64(limits.Ratio) > f.CompressedSize64:
			return nil, fault.New(fault.TooLarge, "sheet.zip_bomb")
		}
		if total += f.UncompressedSize64; total > uint64(limits.InflatedBytes) {
			return nil, fault.New(fault.TooLarge, "sheet.zip_bomb")
		}
	}
	if p.byName["[content_types].xml"] == nil {
		return nil, fault.New(fault.WrongType, "sheet.zip_not_xlsx")
	}
	for name := range p.byName {
		switch {
		case strings.HasSuffix(name, "vbaproject.bin"), strings.Contains(name, "/macrosheets/"), strings.Contains(name, "/activex/"):
			return nil, fault.New(fault.WrongType, "sheet.macros")
		case strings.Contains(name, "/embeddings/") && !strings.HasSuffix(name, "/"):
			return nil, fault.New(fault.WrongType, "sheet.embedded")
		}
	}
	return p, nil
}

// broken words an error met while reading a part.
func (p *parts) broken(err error) error {
	var f *fault.Error
	switch {
	case p.at.failed != nil:
		return p.at.failed
	case errors.As(err, &f):
		return err
	}
	return fault.New(fault.Invalid, "sheet.xlsx_broken").Because(err)
}

// part opens one part as a stream of XML tokens.
func (p *parts) part(name string) (*tokens, error) {
	f := p.byName[strings.ToLower(strings.TrimPrefix(name, "/"))]
	if f == nil {
		return nil, fault.New(fault.Invalid, "sheet.xlsx_broken").Because(errors.New("no part " + name))
	}
	rc, err := f.Open()
	if err != nil {
		return nil, p.broken(err)
	}
	t := &tokens{parts: p, file: rc}
	t.guard = &paced{r: inflating{rc, p}, most: int64(p.limits.RowBytes) + window, over: func() error {
		return fault.New(fault.TooLarge, "sheet.zip_bomb")
	}}
	t.dec = xml.NewDecoder(bufio.NewReaderSize(t.guard, window))
	return t, nil
}

// inflating counts what all parts together really hold: a declared size is
// only a claim.
type inflating struct {
	r io.Reader
	p *parts
}

func (i inflating) Read(b []byte) (int, error) {
	n, err := i.r.Read(b)
	if i.p.inflated += int64(n); i.p.inflated > 2*i.p.limits.InflatedBytes {
		// Twice: the header rows of all sheets are read before the rows are.
		return 0, fault.New(fault.TooLarge, "sheet.zip_bomb")
	}
	return n, err
}

// tokens reads XML without building anything, each token bounded.
type tokens struct {
	parts *parts
	file  io.Closer
	dec   *xml.Decoder
	guard *paced
}

// next returns a token that is good until the next call, or io.EOF.
func (t *tokens) next() (xml.Token, error) {
	token, err := t.dec.RawToken()
	if err == io.EOF {
		return nil, io.EOF
	}
	if err != nil {
		return nil, t.parts.broken(err)
	}
	t.guard.mark = t.dec.InputOffset()
	return token, nil
}

func (t *tokens) close() { _ = t.file.Close() }

// relation is one entry of a .rels part.
type relation struct {
	kind   string // the last path element of its type
	target string // a part name
}

// relations reads what a part points to, by id; "" is the package itself.
func (p *parts) relations(of string) (map[string]relation, error) {
	dir, base := path.Split(of)
	name := dir + "_rels/" + base + ".rels"
	out := make(map[string]relation)
	if p.byName[strings.ToLower(name)] == nil {
		return out, nil
	}
	t, err := p.part(name)
	if err != nil {
		return nil, err
	}
	defer t.close()
	for {
		token, err := t.next()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		e, ok := token.(xml.StartElement)
		if !ok || e.Name.Local != "Relationship" || len(out) >= entriesMost {
			continue
		}
		if attribute(e, "TargetMode") == "External" {
			continue
		}
		target := attribute(e, "Target")
		if !strings.HasPrefix(target, "/") {
			target = path.Join(dir, target)
		}
		out[attribute(e, "Id")] = relation{path.Base(attribute(e, "Type")), strings.TrimPrefix(path.Clean(target), "/")}
	}
}

func attribute(e xml.StartElement, local string) string {
	for _, a := range e.Attr {
		if a.Name.Local == local && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}
