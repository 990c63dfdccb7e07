package sheet

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"ipcredit/shared/fault"
	"ipcredit/shared/page"
)

// Rejected is a row that was not accepted, with the reason in words.
type Rejected struct {
	// Cells are Row.Cells.
	Cells   []string
	Message string
}

// WriteErrors writes rejected rows as XLSX in the layout they were uploaded in,
// with one column of messages added at the end. Corrected, it can be uploaded
// as it is. All cells are text and none can become a formula. An error of
// rejected ends the writing and is returned; what w has then is not a file.
func WriteErrors(w io.Writer, layout Layout, rejected iter.Seq2[Rejected, error]) (err error) {
	f := excelize.NewFile()
	defer func() { err = closed(f, err) }()
	name := page.Say(page.ZH, "sheet.data.title")
	if err := f.SetSheetName("Sheet1", name); err != nil {
		return writing(err)
	}
	styles, err := newStyles(f)
	if err != nil {
		return err
	}
	sw, err := f.NewStreamWriter(name)
	if err != nil {
		return writing(err)
	}
	last := len(layout.Headers)
	if last > 0 {
		if err := sw.SetColWidth(1, last, 20); err != nil {
			return writing(err)
		}
	}
	if err := sw.SetColWidth(last+1, last+1, 60); err != nil {
		return writing(err)
	}
	if err := sw.SetPanes(headerPane()); err != nil {
		return writing(err)
	}
	cells := make([]any, last+1)
	for i, h := range layout.Headers {
		cells[i] = excelize.Cell{StyleID: styles.optional, Value: neutral(h)}
	}
	cells[last] = excelize.Cell{StyleID: styles.required, Value: errorsHeader()}
	if err := sw.SetRow("A1", cells); err != nil {
		return writing(err)
	}
	at := 1
	for r, err := range rejected {
		if err != nil {
			return err
		}
		if at++; at > rowsMost {
			return fault.New(fault.TooLarge, "sheet.too_many_rows", rowsMost-1)
		}
		for i := range last {
			cells[i] = nil
			if i < len(r.Cells) && r.Cells[i] != "" {
				cells[i] = excelize.Cell{StyleID: styles.text, Value: neutral(r.Cells[i])}
			}
		}
		cells[last] = excelize.Cell{StyleID: styles.message, Value: neutral(r.Message)}
		if err := sw.SetRow(fmt.Sprintf("A%d", at), cells); err != nil {
			return writing(err)
		}
	}
	if err := sw.Flush(); err != nil {
		return writing(err)
	}
	return send(f, w)
}

// send writes the workbook straight to w: excelize itself would hold the whole
// archive in memory first.
func send(f *excelize.File, w io.Writer) error {
	f.SetZipWriter(func(io.Writer) excelize.ZipWriter { return zip.NewWriter(w) })
	return writing(f.Write(io.Discard))
}

func closed(f *excelize.File, err error) error {
	if e := f.Close(); err == nil {
		return writing(e)
	}
	return err
}

func writing(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("sheet: writing: %w", err)
}

// WriteCSV writes UTF-8 with BOM, commas and CRLF, as spreadsheet programs in
// China open it without asking. Text that would run as a formula is
// neutralised, digits that would be rounded or lose their zeros are kept as
// text by a tab behind them; Open undoes both.
func WriteCSV(w io.Writer, header []string, rows iter.Seq2[[]string, error]) error {
	b := bufio.NewWriter(w)
	_, _ = b.WriteString("\uFEFF") // errors stay in b until Flush
	writeRecord(b, header)
	for cells, err := range rows {
		if err != nil {
			return err
		}
		writeRecord(b, cells)
	}
	return writing(b.Flush())
}

func writeRecord(b *bufio.Writer, cells []string) {
	for i, cell := range cells {
		if i > 0 {
			_ = b.WriteByte(',')
		}
		cell = neutral(cell)
		if rounded(cell) {
			cell += "\t"
		}
		if !strings.ContainsAny(cell, ",;\"\r\n") {
			_, _ = b.WriteString(cell)
			continue
		}
		_ = b.WriteByte('"')
		_, _ = b.WriteString(strings.ReplaceAll(cell, `"`, `""`))
		_ = b.WriteByte('"')
	}
	_, _ = b.WriteString("\r\n")
}

// styles are the cell styles of our files, by excelize's number.
type styles struct{ required, optional, text, message, title, wrap int }

func newStyles(f *excelize.File) (styles, error) {
	var out styles
	border := []excelize.Border{
		{Type: "left", Color: "BFBFBF", Style: 1}, {Type: "right", Color: "BFBFBF", Style: 1},
		{Type: "top", Color: "BFBFBF", Style: 1}, {Type: "bottom", Color: "BFBFBF", Style: 1},
	}
	const asText = 49 // the built-in format "@"
	for _, s := range []struct {
		into  *int
		style excelize.Style
	}{
		{&out.required, excelize.Style{
			Font: &excelize.Font{Bold: true, Color: "FFFFFF"}, Border: border, NumFmt: asText,
			Fill:      excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"9C2A10"}},
			Alignment: &excelize.Alignment{Vertical: "center", WrapText: true},
		}},
		{&out.optional, excelize.Style{
			Font: &excelize.Font{Bold: true, Color: "1F2933"}, Border: border, NumFmt: asText,
			Fill:      excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"DCE6F1"}},
			Alignment: &excelize.Alignment{Vertical: "center", WrapText: true},
		}},
		{&out.text, excelize.Style{NumFmt: asText}},
		{&out.message, excelize.Style{
			Font: &excelize.Font{Color: "9C2A10"}, NumFmt: asText,
			Alignment: &excelize.Alignment{Vertical: "top", WrapText: true},
		}},
		{&out.title, excelize.Style{Font: &excelize.Font{Bold: true, Size: 14}}},
		{&out.wrap, excelize.Style{Border: border, NumFmt: asText, Alignment: &excelize.Alignment{Vertical: "top", WrapText: true}}},
	} {
		id, err := f.NewStyle(&s.style)
		if err != nil {
			return out, writing(err)
		}
		*s.into = id
	}
	return out, nil
}

func headerPane() *excelize.Panes {
	return &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}
}

// clip shortens to so many characters, as Excel's own limits demand.
func clip(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
