package sheet

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"strings"
)

// WriteCSV writes rows for people's spreadsheet programs: UTF-8 with BOM, commas
// and CRLF, as such programs in China save them. Text that would run as a formula
// is neutralised, digits that would be rounded or lose their zeros are kept as
// text by a tab behind them; Open undoes both. An error of rows ends the writing
// and is returned; what w has then is not the whole file.
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
	if err := b.Flush(); err != nil {
		return fmt.Errorf("sheet: writing: %w", err)
	}
	return nil
}

func writeRecord(b *bufio.Writer, cells []string) {
	for i, cell := range cells {
		if i > 0 {
			_ = b.WriteByte(',')
		}
		cell = Neutral(cell)
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
