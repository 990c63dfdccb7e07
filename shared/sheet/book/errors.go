package book

import (
	"fmt"
	"io"
	"iter"

	"github.com/xuri/excelize/v2"

	"ipcredit/shared/fault"
	"ipcredit/shared/sheet"
)

// Rejected is a row that was not accepted, with the reason in words.
type Rejected struct {
	// Cells are sheet.Row.Cells.
	Cells   []string
	Message string
}

// WriteErrors writes rejected rows as XLSX in the layout they were uploaded in,
// with one column of messages added at the end. Corrected, it can be uploaded
// as it is. All cells are text and none can become a formula. An error of
// rejected ends the writing and is returned; what w has then is not a file.
func WriteErrors(w io.Writer, layout sheet.Layout, rejected iter.Seq2[Rejected, error]) (err error) {
	f := excelize.NewFile()
	defer func() { err = closed(f, err) }()
	name := say("sheet.data.title")
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
		cells[i] = excelize.Cell{StyleID: styles.optional, Value: sheet.Neutral(h)}
	}
	cells[last] = excelize.Cell{StyleID: styles.required, Value: sheet.ErrorsHeader()}
	if err := sw.SetRow("A1", cells); err != nil {
		return writing(err)
	}
	at := 1
	for r, err := range rejected {
		if err != nil {
			return err
		}
		if at++; at > sheet.XLSXRows {
			return fault.New(fault.TooLarge, "sheet.too_many_rows", sheet.XLSXRows-1)
		}
		for i := range last {
			cells[i] = nil
			if i < len(r.Cells) && r.Cells[i] != "" {
				cells[i] = excelize.Cell{StyleID: styles.text, Value: sheet.Neutral(r.Cells[i])}
			}
		}
		cells[last] = excelize.Cell{StyleID: styles.message, Value: sheet.Neutral(r.Message)}
		if err := sw.SetRow(fmt.Sprintf("A%d", at), cells); err != nil {
			return writing(err)
		}
	}
	if err := sw.Flush(); err != nil {
		return writing(err)
	}
	return send(f, w)
}
