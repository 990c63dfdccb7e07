package book

import (
	"fmt"
	"io"
	"strings"

	"github.com/xuri/excelize/v2"

	"ipcredit/shared/sheet"
)

// Template writes an empty XLSX to fill in: a sheet with the headers alone,
// required ones marked, codes and days as text, drop-downs and hints on the
// columns; and a sheet of instructions with one fictitious example. In a demo
// the instructions say so first. The same schema gives the same bytes.
func Template(w io.Writer, schema sheet.Schema, demo bool) (err error) {
	if err := schema.Validate(); err != nil {
		return err
	}
	f := excelize.NewFile()
	defer func() { err = closed(f, err) }()
	t := &template{f: f, schema: schema, data: say("sheet.data.title"), notes: say("sheet.notes.title"), lists: say("sheet.lists.title")}
	if t.styles, err = newStyles(f); err != nil {
		return err
	}
	for _, step := range []func() error{t.header, t.validations, func() error { return t.instructions(demo) }} {
		if err := step(); err != nil {
			return writing(err)
		}
	}
	return send(f, w)
}

type template struct {
	f      *excelize.File
	schema sheet.Schema
	styles styles
	data   string // names of the sheets
	notes  string
	lists  string
	listed int // columns used on the sheet of lists
}

func (t *template) header() error {
	if err := t.f.SetSheetName("Sheet1", t.data); err != nil {
		return err
	}
	for i, c := range t.schema.Columns {
		column, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return err
		}
		if c.Kind == sheet.Code || c.Kind == sheet.Date || c.Kind == sheet.Choice {
			if err := t.f.SetColStyle(t.data, column, t.styles.text); err != nil {
				return err
			}
		}
		width := float64(min(40, max(14, 2*len([]rune(c.Header))+4, len(c.Example)+2)))
		if err := t.f.SetColWidth(t.data, column, column, width); err != nil {
			return err
		}
		style := t.styles.optional
		if c.Required {
			style = t.styles.required
		}
		cell := column + "1"
		if err := t.f.SetCellStr(t.data, cell, c.Header); err != nil {
			return err
		}
		if err := t.f.SetCellStyle(t.data, cell, cell, style); err != nil {
			return err
		}
	}
	if err := t.f.SetRowHeight(t.data, 1, 32); err != nil {
		return err
	}
	return t.f.SetPanes(t.data, headerPane())
}

// validations puts a hint on every column, which also says in words what the
// colour of the header says, and the list on those that have one.
func (t *template) validations() error {
	for i, c := range t.schema.Columns {
		column, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return err
		}
		v := excelize.NewDataValidation(true)
		v.SetSqref(fmt.Sprintf("%s2:%s%d", column, column, sheet.XLSXRows))
		hint := []string{must(c), kindWord(c.Kind)}
		for _, s := range []string{c.Note, c.Example} {
			if s != "" {
				hint = append(hint, s)
			}
		}
		v.SetInput(clip(c.Header, 32), clip(strings.Join(hint, "；"), 250))
		if len(c.Choices) > 0 && c.Kind == sheet.Choice {
			if err := t.list(v, c.Choices); err != nil {
				return err
			}
			v.SetError(excelize.DataValidationErrorStyleStop, say("sheet.choice.title"), say("sheet.choice.message", clip(c.Header, 40)))
		}
		if err := t.f.AddDataValidation(t.data, v); err != nil {
			return err
		}
	}
	return nil
}

// list offers the choices in the cell itself where they fit: 255 characters
// and no comma. Longer lists stand on a hidden sheet.
func (t *template) list(v *excelize.DataValidation, choices []string) error {
	joined := strings.Join(choices, ",")
	if strings.Count(joined, ",") == len(choices)-1 && !strings.ContainsAny(joined, "\"=") && len([]rune(joined)) <= 255 {
		return v.SetDropList(choices)
	}
	if t.listed == 0 {
		if _, err := t.f.NewSheet(t.lists); err != nil {
			return err
		}
		if err := t.f.SetSheetVisible(t.lists, false); err != nil {
			return err
		}
	}
	t.listed++
	column, err := excelize.ColumnNumberToName(t.listed)
	if err != nil {
		return err
	}
	for i, choice := range choices {
		if err := t.f.SetCellStr(t.lists, fmt.Sprintf("%s%d", column, i+1), choice); err != nil {
			return err
		}
	}
	v.SetSqrefDropList(fmt.Sprintf("'%s'!$%s$1:$%s$%d", t.lists, column, column, len(choices)))
	return nil
}

// instructions come after the data, so that the data sheet is the first.
func (t *template) instructions(demo bool) error {
	if _, err := t.f.NewSheet(t.notes); err != nil {
		return err
	}
	row := 0
	put := func(style int, values ...string) error {
		row++
		for i, v := range values {
			cell, err := excelize.CoordinatesToCellName(i+1, row)
			if err != nil {
				return err
			}
			if err := t.f.SetCellStr(t.notes, cell, v); err != nil {
				return err
			}
			if err := t.f.SetCellStyle(t.notes, cell, cell, style); err != nil {
				return err
			}
		}
		return nil
	}
	lines := [][]string{}
	if demo {
		lines = append(lines, []string{say("sheet.notes.demo")})
	}
	lines = append(lines, []string{say("sheet.notes.where", t.data)}, []string{say("sheet.notes.required")}, []string{say("sheet.notes.date")}, nil)
	if err := put(t.styles.title, t.notes); err != nil {
		return err
	}
	for _, line := range lines {
		if err := put(0, line...); err != nil {
			return err
		}
	}
	if err := put(t.styles.optional, say("sheet.notes.column"), say("sheet.notes.national"), say("sheet.notes.must"), say("sheet.notes.kind"),
		say("sheet.notes.how"), say("sheet.notes.choices"), say("sheet.notes.example")); err != nil {
		return err
	}
	var headers, examples []string
	for _, c := range t.schema.Columns {
		if err := put(t.styles.wrap, c.Header, c.National, must(c), kindWord(c.Kind), c.Note, strings.Join(c.Choices, "\n"), c.Example); err != nil {
			return err
		}
		headers, examples = append(headers, c.Header), append(examples, c.Example)
	}
	for _, line := range []struct {
		style  int
		values []string
	}{{0, nil}, {t.styles.title, []string{say("sheet.notes.example_row")}}, {t.styles.optional, headers}, {t.styles.wrap, examples}} {
		if err := put(line.style, line.values...); err != nil {
			return err
		}
	}
	return t.f.SetColWidth(t.notes, "A", "G", 24)
}

func must(c sheet.Column) string {
	if c.Required {
		return say("sheet.must.yes")
	}
	return say("sheet.must.no")
}

func kindWord(k sheet.Kind) string {
	switch k {
	case sheet.Date:
		return say("sheet.kind.date")
	case sheet.Money:
		return say("sheet.kind.money")
	case sheet.Choice:
		return say("sheet.kind.choice")
	case sheet.Code:
		return say("sheet.kind.code")
	}
	return say("sheet.kind.text")
}
