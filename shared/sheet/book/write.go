package book

import (
	"fmt"
	"io"
	"iter"

	"github.com/xuri/excelize/v2"

	"ipcredit/shared/fault"
	"ipcredit/shared/sheet"
)

// Write writes rows under a header as XLSX: what an export is. All cells are
// text and none can become a formula, so package sheet reads the same back. The
// rows are streamed. An error of rows ends the writing and is returned; what w
// has then is not a file.
func Write(w io.Writer, header []string, rows iter.Seq2[[]string, error]) (err error) {
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
	if len(header) > 0 {
		if err := sw.SetColWidth(1, len(header), 20); err != nil {
			return writing(err)
		}
	}
	if err := sw.SetPanes(headerPane()); err != nil {
		return writing(err)
	}
	cells := make([]any, len(header))
	put := func(at, style int, values []string) error {
		for i := range cells {
			cells[i] = nil
			if i < len(values) && values[i] != "" {
				cells[i] = excelize.Cell{StyleID: style, Value: sheet.Neutral(values[i])}
			}
		}
		return writing(sw.SetRow(fmt.Sprintf("A%d", at), cells))
	}
	if err := put(1, styles.optional, header); err != nil {
		return err
	}
	at := 1
	for row, err := range rows {
		if err != nil {
			return err
		}
		if at++; at > sheet.XLSXRows {
			return fault.New(fault.TooLarge, "sheet.too_many_rows", sheet.XLSXRows-1)
		}
		if err := put(at, styles.text, row); err != nil {
			return err
		}
	}
	if err := writing(sw.Flush()); err != nil {
		return err
	}
	return send(f, w)
}
