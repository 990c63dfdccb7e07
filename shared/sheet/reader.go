package sheet

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"ipcredit/shared/fault"
)

// Format is what an upload turned out to be.
type Format string

// The formats that are read.
const (
	CSV  Format = "csv"
	JSON Format = "json"
	XLSX Format = "xlsx"
)

// Reader gives the rows of one upload, one at a time.
type Reader struct {
	format Format
	layout *Layout
	limits Limits
	source source
	ahead  *Row
	rows   int
	err    error
}

// raw is one row as its format gives it.
type raw struct {
	number int
	cells  []string          // by column of the file
	odd    map[int]oddity    // column of the file → what is wrong with the cell
	spelt  map[string]string // field → the key this JSON object used
	broken []Problem         // what is wrong with the JSON object
}

// oddity is a cell that has no trustworthy text.
type oddity struct {
	code string
	text string
}

type source interface {
	// next returns the next row that is not empty, or io.EOF.
	next() (raw, error)
}

const window = 64 << 10 // how far Open and the guessing of encodings look ahead

// Open recognises the format by content, reads the header and the first row,
// and refuses with a fault what cannot be read as a whole: other formats, files
// under a password or with macros, unknown, missing and repeated headers, a
// header without rows.
//
// CSV and JSON are streamed. XLSX needs random access: where r is also an
// io.ReaderAt and io.Seeker (files, bytes.Reader, io.SectionReader) it is read
// in place from the current position on, else it is first read into memory.
func Open(schema Schema, r io.Reader, limits Limits) (*Reader, error) {
	limits = limits.filled()
	known, err := schema.names()
	if err != nil {
		return nil, err
	}
	at, size, random := section(r)
	if random {
		r = io.NewSectionReader(at, 0, size)
	}
	counted := &limited{r: r, left: limits.FileBytes, over: func() error {
		return fault.New(fault.TooLarge, "sheet.file_too_large", limits.FileBytes>>20)
	}}
	br := bufio.NewReaderSize(counted, window)
	head, err := br.Peek(4096)
	if err != nil && err != io.EOF {
		return nil, reading(err)
	}
	out := &Reader{limits: limits}
	switch kind := sniff(head); kind {
	case "empty":
		return nil, fault.New(fault.Invalid, "sheet.empty")
	case "zip":
		if !random {
			if at, size, err = hold(br, limits.XLSXBytes); err != nil {
				return nil, err
			}
		}
		out.format = XLSX
		out.source, out.layout, err = openXLSX(schema, known, at, size, limits)
	case "ole":
		if !random {
			// The directory that tells what is inside may be anywhere.
			if at, size, err = hold(br, limits.XLSXBytes); err != nil {
				return nil, err
			}
		}
		return nil, compound(at, size)
	case "json":
		out.format = JSON
		out.source, out.layout, err = openJSON(schema, known, br, limits)
	case "csv":
		out.format = CSV
		out.source, out.layout, err = openCSV(schema, known, br, limits)
	default:
		return nil, fault.New(fault.WrongType, kind)
	}
	if err != nil {
		return nil, reading(err)
	}
	first, err := out.Next()
	if err == io.EOF {
		return nil, fault.New(fault.Invalid, "sheet.header_only")
	}
	if err != nil {
		return nil, err
	}
	out.ahead = &first
	return out, nil
}

// Format tells what the upload turned out to be.
func (r *Reader) Format() Format { return r.format }

// Layout returns the layout of the upload, for WriteErrors.
func (r *Reader) Layout() Layout { return *r.layout }

// Next returns the next row, or io.EOF after the last. A fault ends the
// reading: what follows in the file cannot be trusted. Rows that are empty are
// left out; they still count in Row.Number.
func (r *Reader) Next() (Row, error) {
	if r.ahead != nil {
		row := *r.ahead
		r.ahead = nil
		return row, nil
	}
	in, err := r.next()
	if err != nil {
		return Row{}, err
	}
	return r.row(in), nil
}

// Skip is Next for a caller that wants to know only whether there is another row:
// its cells are not looked at.
func (r *Reader) Skip() error {
	if r.ahead != nil {
		r.ahead = nil
		return nil
	}
	_, err := r.next()
	return err
}

func (r *Reader) next() (raw, error) {
	if r.err != nil {
		return raw{}, r.err
	}
	in, err := r.source.next()
	if err == nil && r.rows >= r.limits.Rows {
		err = fault.New(fault.TooLarge, "sheet.too_many_rows", r.limits.Rows)
	}
	if err != nil {
		r.err = err
		if err != io.EOF {
			r.err = reading(err)
		}
		return raw{}, r.err
	}
	r.rows++
	return in, nil
}

func (r *Reader) row(in raw) Row {
	l := r.layout
	out := Row{Number: in.number, layout: l, cells: in.cells, headers: in.spelt, problems: in.broken}
	got := len(in.cells)
	if len(l.source) != l.width || got != l.width {
		out.cells = make([]string, len(l.source))
		for i, from := range l.source {
			if from < got {
				out.cells[i] = in.cells[from]
			}
		}
	}
	for i, from := range l.source {
		if from >= got {
			continue
		}
		odd, bad := in.odd[from]
		if !bad || odd.code == "sheet.digits_lost" && l.kinds[i] != Code && l.kinds[i] != Text {
			continue
		}
		out.problems = append(out.problems, Problem{l.fields[i], odd.code, []any{show(l.Headers[i]), show(odd.text)}})
	}
	beyond := in.cells[min(l.width, got):]
	switch {
	// XLSX leaves empty cells out as a matter of course; CSV does not.
	case r.format == CSV && (got < l.width || !blank(beyond)):
		out.problems = append(out.problems, Problem{"", "sheet.ragged", []any{got, l.width}})
	case !blank(beyond):
		i := slices.IndexFunc(beyond, func(s string) bool { return strings.TrimSpace(s) != "" })
		out.problems = append(out.problems, Problem{"", "sheet.cell_without_header", []any{show(beyond[i])}})
	}
	for _, p := range l.inspect(out.cells, r.limits) {
		if !slices.ContainsFunc(out.problems, func(q Problem) bool { return p.Field != "" && q.Field == p.Field }) {
			out.problems = append(out.problems, p)
		}
	}
	return out
}

// sniff tells the format from the first bytes: a kind, or the code of a
// refusal.
func sniff(head []byte) string {
	text := bytes.TrimPrefix(head, []byte("\xEF\xBB\xBF"))
	text = bytes.TrimLeft(text, " \t\r\n")
	switch {
	case len(head) == 0, len(text) == 0:
		return "empty"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return "zip"
	case bytes.HasPrefix(head, []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")):
		return "ole"
	case len(head) > 4 && head[0] == 9 && bytes.IndexByte([]byte{0, 2, 4, 8}, head[1]) >= 0 && head[3] == 0:
		return "sheet.xls" // BIFF without a container
	case bytes.HasPrefix(text, []byte("{\\rtf")):
		return "sheet.unknown_format"
	case text[0] == '[', text[0] == '{':
		return "json"
	case text[0] == '<':
		return "sheet.html"
	}
	for _, magic := range []string{"%PDF", "\x1F\x8B", "Rar!", "7z\xBC\xAF", "\x89PNG", "\xFF\xD8\xFF", "GIF8", "BZh", "\xFD7zXZ", "MZ", "\x7FELF"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			if magic != "MZ" || bytes.IndexByte(head, 0) >= 0 {
				return "sheet.unknown_format"
			}
		}
	}
	return "csv"
}

// section finds out whether r can be read anywhere, and how much is left.
func section(r io.Reader) (io.ReaderAt, int64, bool) {
	rs, ok := r.(interface {
		io.ReaderAt
		io.Seeker
	})
	if !ok {
		return nil, 0, false
	}
	start, err := rs.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, 0, false
	}
	end, err := rs.Seek(0, io.SeekEnd)
	if err != nil || end < start {
		return nil, 0, false
	}
	return io.NewSectionReader(rs, start, end-start), end - start, true
}

// hold reads a stream into memory, up to the limit of an XLSX file.
func hold(r io.Reader, most int64) (io.ReaderAt, int64, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, 0, reading(err)
	}
	if int64(len(data)) > most {
		return nil, 0, fault.New(fault.TooLarge, "sheet.xlsx_too_large", most>>20)
	}
	return bytes.NewReader(data), int64(len(data)), nil
}

// limited passes on so many bytes and then fails.
type limited struct {
	r    io.Reader
	left int64
	over func() error
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, l.over()
	}
	return n, err
}

// reading leaves faults as they are and says of any other error where it
// happened.
func reading(err error) error {
	var f *fault.Error
	if err == nil || errors.As(err, &f) || strings.HasPrefix(err.Error(), "sheet: ") {
		return err
	}
	return fmt.Errorf("sheet: reading: %w", err)
}

func blank(cells []string) bool {
	for _, c := range cells {
		if c != "" && strings.TrimSpace(c) != "" {
			return false
		}
	}
	return true
}
