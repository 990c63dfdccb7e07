// Package sheet turns what agencies upload into rows and rows into files.
//
// It reads XLSX, CSV (UTF-8, UTF-8 with BOM, GB18030, UTF-16 with BOM) and
// JSON against a Schema, one row at a time, inside fixed limits, and writes
// exports as CSV in which no cell can become a formula; spreadsheets are written
// by package book. It knows nothing of credit law: what a value means is for the
// matter that asked for the rows.
//
// What is wrong with a file as a whole is a fault (package fault) and ends the
// reading. What is wrong with one row is a Problem of that row, and reading
// goes on: one bad row never costs the others.
package sheet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Kind says how a column is written, offered and checked. It does not say what
// the value means.
type Kind int

// The kinds of columns.
const (
	Text   Kind = iota // free text
	Date               // a day, YYYY-MM-DD
	Money              // a decimal number; the unit is the matter's business
	Choice             // one of Column.Choices
	Code               // an identifier: digits are not a number and never rounded
)

// Column is one thing a row may say.
type Column struct {
	// Field is the name in JSON and in Go, lowerCamel.
	Field string
	// Header is the Chinese name, as templates show it.
	Header string
	// National is the code of the national list, such as CF_XDR_MC, or "".
	National string
	// Also are further names that uploads may call the column by.
	Also []string
	// Required columns must be in the header and filled in every row.
	Required bool
	Kind     Kind
	// Choices are the values a Choice column takes, in the order offered.
	Choices []string
	// Example is a fictitious value for the instructions of the template.
	Example string
	// Note tells in Chinese what to fill in.
	Note string
}

// Schema is the table one kind of upload must have. Columns stand in the order
// of the template; an upload may have them in any order.
type Schema struct {
	Name    string
	Columns []Column
}

// Column returns the column of that field.
func (s Schema) Column(field string) (Column, bool) {
	for _, c := range s.Columns {
		if c.Field == field {
			return c, true
		}
	}
	return Column{}, false
}

// Problem is one thing wrong with one row. Its sentence is the catalogue's
// "fault."+Code with Args; the first argument is the header of the column where
// the problem belongs to one.
type Problem struct {
	// Field is Column.Field, or "" where the whole row is meant.
	Field string
	Code  string
	Args  []any
}

// Row is one row of an upload. It is valid for as long as it is kept: reading
// on does not change it.
type Row struct {
	// Number counts data rows from 1 as a spreadsheet program shows them: the
	// header is not counted, an empty row in between is.
	Number int

	layout   *Layout
	cells    []string
	headers  map[string]string // only where a row has its own: JSON keys
	problems []Problem
}

// NewRow returns a row as if it had been uploaded under the schema's own
// headers. Values are keyed by field; a field the schema does not have is a
// mistake of the program and panics.
func NewRow(schema Schema, number int, values map[string]string) Row {
	l := schema.layout()
	cells := make([]string, len(l.Headers))
	for _, field := range slices.Sorted(maps.Keys(values)) {
		i, ok := l.at[field]
		if !ok {
			panic(fmt.Sprintf("sheet: schema %q has no field %q", schema.Name, field))
		}
		cells[i] = values[field]
	}
	return Row{Number: number, layout: l, cells: cells, problems: l.inspect(cells, Limits{}.filled())}
}

// Get returns the value of the field: trimmed, and for a Date column written
// YYYY-MM-DD where the cell says year, month and day in another usual way (see
// Day). It is "" for an empty cell and for a column the upload does not have.
func (r Row) Get(field string) string {
	if r.layout == nil {
		return ""
	}
	i, ok := r.layout.at[field]
	if !ok || i >= len(r.cells) {
		return ""
	}
	v := strings.TrimSpace(r.cells[i])
	if r.layout.kinds[i] == Date {
		if d, ok := Day(v); ok {
			return d
		}
	}
	return v
}

// Cells returns the row as uploaded, in the order of Layout.Headers, not
// trimmed. Excel's dates are written YYYY-MM-DD and its numbers in full. The
// caller must not change the slice.
func (r Row) Cells() []string { return r.cells }

// Header returns the header of the field as the uploader wrote it; for a column
// the upload does not have, the schema's Chinese header, so that a message can
// always name it.
func (r Row) Header(field string) string {
	if r.layout == nil {
		return field
	}
	if h, ok := r.headers[field]; ok {
		return h
	}
	if i, ok := r.layout.at[field]; ok {
		return r.layout.Headers[i]
	}
	if c, ok := r.layout.schema.Column(field); ok {
		return c.Header
	}
	return field
}

// Has tells whether the upload has a column for the field.
func (r Row) Has(field string) bool {
	if r.layout == nil {
		return false
	}
	_, ok := r.layout.at[field]
	return ok
}

// Problems returns what was found wrong while reading, before anybody asked
// what the values mean: control characters, lost digits, ragged rows. A row
// with problems must not be accepted.
func (r Row) Problems() []Problem { return r.problems }
