package sheet

import (
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strconv"
	"strings"
	"unicode/utf16"

	"ipcredit/shared/fault"
	"ipcredit/shared/page"
)

// XLSX is read here and not by excelize, with which package book writes our
// files: excelize's row iterator does not tell which numbers are days nor which
// have lost digits, and it wants the whole archive in memory.

// book is an open XLSX file.
type book struct {
	parts   *parts
	epoch   bool // days are counted from 1904
	formats []numberFormat
	shared  texts
	sheets  []worksheet
}

type worksheet struct {
	name, part string
	hidden     bool
}

// texts is the table of shared texts in one piece of memory.
type texts struct {
	all  []byte
	ends []uint32
}

func (t *texts) get(i int) (string, bool) {
	if i < 0 || i >= len(t.ends) {
		return "", false
	}
	from := uint32(0)
	if i > 0 {
		from = t.ends[i-1]
	}
	return string(t.all[from:t.ends[i]]), true
}

const sheetsMost = 50

func openXLSX(schema Schema, known names, at io.ReaderAt, size int64, limits Limits) (source, *Layout, error) {
	p, err := openZip(at, size, limits)
	if err != nil {
		return nil, nil, err
	}
	b := &book{parts: p}
	if err := b.open(); err != nil {
		return nil, nil, err
	}
	rows, headers, err := b.choose(known, limits)
	if err != nil {
		return nil, nil, err
	}
	if len(headers) > limits.Columns {
		return nil, nil, fault.New(fault.TooLarge, "sheet.too_many_columns", limits.Columns)
	}
	l, err := schema.readHeader(known, headers)
	if err != nil {
		rows.tokens.close()
		return nil, nil, err
	}
	return rows, l, nil
}

// open reads everything but the rows.
func (b *book) open() error {
	root, err := b.parts.relations("")
	if err != nil {
		return err
	}
	main := ""
	for _, r := range root {
		if r.kind == "officeDocument" {
			main = r.target
		}
	}
	if !strings.HasSuffix(strings.ToLower(main), ".xml") || !strings.HasPrefix(strings.ToLower(path.Base(main)), "workbook") {
		return fault.New(fault.WrongType, "sheet.zip_not_xlsx") // a text document, slides, XLSB
	}
	if err := b.contentTypes(); err != nil {
		return err
	}
	rels, err := b.parts.relations(main)
	if err != nil {
		return err
	}
	if err := b.workbook(main, rels); err != nil {
		return err
	}
	for _, r := range rels {
		switch r.kind {
		case "styles":
			if b.formats, err = b.parts.formats(r.target); err != nil {
				return err
			}
		case "sharedStrings":
			if err := b.sharedTexts(r.target); err != nil {
				return err
			}
		}
	}
	return nil
}

// contentTypes refuses a workbook that declares macros, whatever it is called.
func (b *book) contentTypes() error {
	t, err := b.parts.part("[Content_Types].xml")
	if err != nil {
		return err
	}
	defer t.close()
	for {
		token, err := t.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if e, ok := token.(xml.StartElement); ok && strings.Contains(strings.ToLower(attribute(e, "ContentType")), "macroenabled") {
			return fault.New(fault.WrongType, "sheet.macros")
		}
	}
}

func (b *book) workbook(part string, rels map[string]relation) error {
	t, err := b.parts.part(part)
	if err != nil {
		return err
	}
	defer t.close()
	for {
		token, err := t.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "workbookPr":
			v := attribute(e, "date1904")
			b.epoch = v == "1" || v == "true"
		case "sheet":
			id := ""
			for _, a := range e.Attr {
				if a.Name.Local == "id" && a.Name.Space != "" {
					id = a.Value
				}
			}
			state := attribute(e, "state")
			if r := rels[id]; r.kind == "worksheet" && len(b.sheets) < sheetsMost {
				b.sheets = append(b.sheets, worksheet{attribute(e, "name"), r.target, state == "hidden" || state == "veryHidden"})
			}
		}
	}
	if len(b.sheets) == 0 {
		return fault.New(fault.Invalid, "sheet.empty")
	}
	return nil
}

func (b *book) sharedTexts(part string) error {
	t, err := b.parts.part(part)
	if err != nil {
		return err
	}
	defer t.close()
	most := b.parts.limits.SharedTextBytes
	var text inline
	start := 0 // of the text in all
	for {
		token, err := t.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch e := token.(type) {
		case xml.StartElement:
			text.start(e.Name.Local)
		case xml.CharData:
			if text.on() {
				b.shared.all = append(b.shared.all, e...)
			}
		case xml.EndElement:
			text.end(e.Name.Local)
			if e.Name.Local == "si" {
				if plain := unescape(string(b.shared.all[start:])); len(plain) != len(b.shared.all)-start {
					b.shared.all = append(b.shared.all[:start], plain...)
				}
				start = len(b.shared.all)
				b.shared.ends = append(b.shared.ends, uint32(start))
			}
		}
		if len(b.shared.all)+4*len(b.shared.ends) > most {
			return fault.New(fault.TooLarge, "sheet.xlsx_too_much_text")
		}
		if len(b.shared.all)-start > b.parts.limits.RowBytes {
			return fault.New(fault.TooLarge, "sheet.zip_bomb")
		}
	}
}

// inline follows the text of an <si> or <is>: all <t> in it but phonetic hints.
type inline struct{ t, phonetic int }

func (i *inline) start(name string) {
	switch name {
	case "t":
		i.t++
	case "rPh":
		i.phonetic++
	}
}

func (i *inline) end(name string) {
	switch name {
	case "t":
		i.t = max(0, i.t-1)
	case "rPh":
		i.phonetic = max(0, i.phonetic-1)
	}
}

func (i *inline) on() bool { return i.t > 0 && i.phonetic == 0 }

// unescape resolves _x000D_, how OOXML writes what XML can't (ST_Xstring).
func unescape(s string) string {
	if !strings.Contains(s, "_x") {
		return s
	}
	var b strings.Builder
	for {
		i := strings.Index(s, "_x")
		if i < 0 || i+7 > len(s) {
			b.WriteString(s)
			return b.String()
		}
		n, err := strconv.ParseUint(s[i+2:i+6], 16, 16)
		if err != nil || s[i+6] != '_' || utf16.IsSurrogate(rune(n)) {
			b.WriteString(s[:i+2])
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		b.WriteRune(rune(n))
		s = s[i+7:]
	}
}

// choose finds the sheet with the rows: the first visible one whose first row
// has headers we know, else the first visible one, whose header row then says
// what is wrong. Rows on a second such sheet would be lost, so they are refused.
func (b *book) choose(known names, limits Limits) (*sheetRows, []string, error) {
	var rows *sheetRows
	var headers []string
	need := min(2, len(known.columns))
	found := false
	for pass := range 2 {
		for _, s := range b.sheets {
			// Where no sheet is visible the hidden ones must do.
			if s.hidden && pass == 0 || s.name == page.Say(page.ZH, "sheet.notes.title") {
				continue
			}
			r, err := b.rows(s.part, limits)
			if err != nil {
				return nil, nil, err
			}
			h, err := r.cells()
			if err != nil && err != io.EOF {
				r.tokens.close()
				return nil, nil, err
			}
			fits := known.known(h) >= need
			switch {
			case fits && found:
				_, err := r.cells()
				r.tokens.close()
				if err == nil {
					return nil, nil, fault.New(fault.Invalid, "sheet.second_sheet", show(s.name))
				}
				if err != io.EOF {
					return nil, nil, err
				}
			case rows == nil && err == nil, fits && !found:
				if rows != nil {
					rows.tokens.close()
				}
				rows, headers, found = r, h, fits
			default:
				r.tokens.close()
			}
		}
		if rows != nil {
			break
		}
	}
	if rows == nil {
		return nil, nil, fault.New(fault.Invalid, "sheet.empty")
	}
	rows.header = rows.at
	return rows, headers, nil
}

// sheetRows streams the rows of one sheet.
type sheetRows struct {
	book   *book
	tokens *tokens
	limits Limits
	at     int // the number of the row last read, as Excel counts
	header int
	odd    map[int]oddity
	done   bool
}

func (b *book) rows(part string, limits Limits) (*sheetRows, error) {
	t, err := b.parts.part(part)
	if err != nil {
		return nil, err
	}
	r := &sheetRows{book: b, tokens: t, limits: limits}
	for {
		token, err := t.next()
		if err == io.EOF {
			r.done = true
			return r, nil
		}
		if err != nil {
			t.close()
			return nil, err
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "sheetData" {
			return r, nil
		}
	}
}

func (r *sheetRows) next() (raw, error) {
	cells, err := r.cells()
	if err != nil {
		r.tokens.close()
		return raw{}, err
	}
	return raw{number: r.at - r.header, cells: cells, odd: r.odd}, nil
}

var errOrder = errors.New("rows or cells out of order")

// XLSXRows is how many rows a sheet of an XLSX file can have, its header
// included.
const XLSXRows = 1 << 20

const columnsMost = 1 << 14

// cells returns the next row that has any text.
func (r *sheetRows) cells() ([]string, error) {
	for !r.done {
		token, err := r.tokens.next()
		if err == io.EOF {
			// A whole sheet ends with </sheetData>.
			return nil, fault.New(fault.Invalid, "sheet.xlsx_broken").Because(io.ErrUnexpectedEOF)
		}
		if err != nil {
			return nil, err
		}
		switch e := token.(type) {
		case xml.EndElement:
			if e.Name.Local == "sheetData" {
				r.done = true
			}
		case xml.StartElement:
			if e.Name.Local != "row" {
				continue
			}
			at := r.at + 1
			if v := attribute(e, "r"); v != "" {
				if at, err = strconv.Atoi(v); err != nil {
					return nil, r.book.parts.broken(err)
				}
			}
			if at <= r.at || at > XLSXRows {
				return nil, r.book.parts.broken(errOrder)
			}
			r.at = at
			cells, err := r.row()
			if err != nil {
				return nil, err
			}
			if !blank(cells) || len(r.odd) > 0 {
				return cells, nil
			}
		}
	}
	return nil, io.EOF
}

// row reads the cells up to </row>.
func (r *sheetRows) row() ([]string, error) {
	cells := make([]string, 0, 32)
	r.odd = nil
	column, size := -1, 0
	for {
		token, err := r.tokens.next()
		if err != nil {
			return nil, r.cut(err)
		}
		switch e := token.(type) {
		case xml.EndElement:
			if e.Name.Local == "row" {
				return cells, nil
			}
		case xml.StartElement:
			if e.Name.Local != "c" {
				continue
			}
			next := column + 1
			if ref := attribute(e, "r"); ref != "" {
				next = columnOf(ref)
			}
			if next <= column || next >= columnsMost {
				return nil, r.book.parts.broken(errOrder)
			}
			column = next
			text, odd, err := r.cell(attribute(e, "t"), attribute(e, "s"))
			if err != nil {
				return nil, err
			}
			if text == "" && odd.code == "" {
				continue
			}
			if size += len(text); size > r.limits.RowBytes {
				return nil, fault.New(fault.TooLarge, "sheet.row_too_long", max(0, r.at-r.header), r.limits.RowBytes>>10)
			}
			// Of all that stands beyond the limit the first is enough to
			// complain of; a row must not cost 16,384 cells.
			column := min(column, r.limits.Columns)
			if len(cells) > column {
				continue
			}
			for len(cells) < column {
				cells = append(cells, "")
			}
			cells = append(cells, text)
			if odd.code != "" {
				if r.odd == nil {
					r.odd = make(map[int]oddity)
				}
				r.odd[column] = odd
			}
		}
	}
}

func (r *sheetRows) cut(err error) error {
	if err == io.EOF {
		return r.book.parts.broken(io.ErrUnexpectedEOF)
	}
	return err
}

// cell reads up to </c>.
func (r *sheetRows) cell(kind, style string) (string, oddity, error) {
	var value, text []byte
	var in inline
	var inValue, hasValue, formula bool
	for {
		token, err := r.tokens.next()
		if err != nil {
			return "", oddity{}, r.cut(err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			switch e.Name.Local {
			case "v":
				inValue, hasValue = true, true
			case "f":
				formula = true
			}
			in.start(e.Name.Local)
		case xml.CharData:
			if inValue {
				value = append(value, e...)
			} else if in.on() {
				text = append(text, e...)
			}
			if len(value)+len(text) > r.limits.RowBytes {
				return "", oddity{}, fault.New(fault.TooLarge, "sheet.row_too_long", max(0, r.at-r.header), r.limits.RowBytes>>10)
			}
		case xml.EndElement:
			in.end(e.Name.Local)
			switch e.Name.Local {
			case "v":
				inValue = false
			case "c":
				if formula && !hasValue {
					return "", oddity{"sheet.formula_without_value", ""}, nil
				}
				return r.value(kind, style, string(value), string(text))
			}
		}
	}
}

// value turns what a cell stores into the text a person means by it.
func (r *sheetRows) value(kind, style, value, text string) (string, oddity, error) {
	switch kind {
	case "s":
		if value == "" {
			return "", oddity{}, nil
		}
		i, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil {
			return "", oddity{}, r.book.parts.broken(err)
		}
		s, ok := r.book.shared.get(i)
		if !ok {
			return "", oddity{}, r.book.parts.broken(errors.New("no shared text " + value))
		}
		return natural(s), oddity{}, nil
	case "inlineStr":
		return natural(unescape(text)), oddity{}, nil
	case "str":
		return natural(unescape(value)), oddity{}, nil
	case "b":
		if strings.TrimSpace(value) == "1" {
			return "TRUE", oddity{}, nil
		}
		return "FALSE", oddity{}, nil
	case "e":
		return value, oddity{"sheet.formula_error", value}, nil
	case "d":
		return strings.TrimSuffix(value, "T00:00:00"), oddity{}, nil
	}
	value = strings.TrimSpace(value)
	if value == "" {
		return "", oddity{}, nil
	}
	format := numberFormat{}
	if i, err := strconv.Atoi(style); err == nil && i >= 0 && i < len(r.book.formats) {
		format = r.book.formats[i]
	}
	s, lost := number(value, format, r.book.epoch)
	if lost {
		return s, oddity{"sheet.digits_lost", s}, nil
	}
	return s, oddity{}, nil
}

// columnOf reads the column of a reference such as AB12, from 0; -1 if there
// is none.
func columnOf(ref string) int {
	n := 0
	for i := 0; i < len(ref) && i < 4; i++ {
		c := ref[i] &^ 0x20
		if c < 'A' || c > 'Z' {
			break
		}
		n = n*26 + int(c-'A') + 1
	}
	return n - 1
}
