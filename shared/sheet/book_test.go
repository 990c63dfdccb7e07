package sheet_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"ipcredit/shared/sheet"
	"ipcredit/shared/sheet/book"
)

func init() { sheet.Template = book.Template }

// TestWhatWeWriteReadsBack: any table of printable text, as XLSX and as CSV.
func TestWhatWeWriteReadsBack(t *testing.T) {
	t.Parallel()
	plain := sheet.Schema{Name: "plain", Columns: []sheet.Column{{Field: "a", Header: "甲"}, {Field: "b", Header: "乙", Kind: sheet.Code}, {Field: "c", Header: "丙"}}}
	cell := rapid.OneOf(
		rapid.StringOf(rapid.RuneFrom(nil, unicode.L, unicode.N, unicode.P, unicode.S, unicode.Zs)),
		rapid.StringOf(rapid.SampledFrom([]rune("'=+-@ \"\",;\n\r\t0123456789E_x000D_梨𠮷"))),
		rapid.StringMatching(`0*[0-9]{1,20}`),
	)
	rapid.Check(t, func(t *rapid.T) {
		var table [][]string
		for range rapid.IntRange(1, 6).Draw(t, "rows") {
			row := []string{cell.Draw(t, "a"), cell.Draw(t, "b"), cell.Draw(t, "c")}
			for i, s := range row {
				if strings.ContainsRune(s, '\uFFFD') || strings.ContainsFunc(s, sheet.Control) {
					row[i] = "x"
				}
			}
			if sheet.Blank(row) {
				row[0] = "x"
			}
			table = append(table, row)
		}
		headers := []string{"甲", "乙", "丙"}
		var c, x bytes.Buffer
		if err := sheet.WriteCSV(&c, headers, sheet.Each(table...)); err != nil {
			t.Fatal(err)
		}
		var rejected []book.Rejected
		for _, row := range table {
			rejected = append(rejected, book.Rejected{Cells: row, Message: "m"})
		}
		if err := book.WriteErrors(&x, sheet.Layout{Headers: headers}, sheet.Each(rejected...)); err != nil {
			t.Fatal(err)
		}
		for _, file := range []*bytes.Buffer{&c, &x} {
			r, err := sheet.Open(plain, bytes.NewReader(file.Bytes()), sheet.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range table {
				row, err := r.Next()
				if err != nil {
					t.Fatalf("%s row %d: %v", r.Format(), i+1, err)
				}
				if row.Number != i+1 {
					t.Fatalf("%s row %d has number %d", r.Format(), i+1, row.Number)
				}
				for j, field := range []string{"a", "b", "c"} {
					if got := row.Get(field); got != strings.TrimSpace(want[j]) {
						t.Fatalf("%s row %d %s: %q, want %q", r.Format(), i+1, field, got, want[j])
					}
				}
			}
			if _, err := r.Next(); err != io.EOF {
				t.Fatalf("%s: %v behind the last row", r.Format(), err)
			}
		}
	})
}
