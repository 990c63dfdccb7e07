package sheet

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"ipcredit/shared/fault"
)

// FuzzReadAnything: whatever a stranger uploads, reading ends, does not panic,
// stays inside its limits, and blames the file by a fault.
func FuzzReadAnything(f *testing.F) {
	text := "商品名称,商品代码,规格\n\"鸭\"\"梨\",00123,大\n,,\n获嘉\u202E,9E+17,小\n"
	f.Add([]byte(text))
	f.Add([]byte("\uFEFF" + text))
	f.Add([]byte(gb(f, text)))
	f.Add([]byte("sep=;\nSP_MC;SP_DM\n梨;1\n"))
	f.Add([]byte("\xFF\xFES\x00P\x00"))
	f.Add([]byte(`[{"name":"梨","code":1e5,"size":null},{"SP_MC":"a","code":[{}]}]`))
	f.Add(container("EncryptedPackage"))
	f.Add(excel(f, func(x *excelize.File) {
		_ = x.SetSheetRow("Sheet1", "A1", &[]any{"商品名称", "商品代码", "生产日期"})
		_ = x.SetSheetRow("Sheet1", "A2", &[]any{"梨", 1.5, true})
	}))
	var b bytes.Buffer
	if err := Template(&b, shop, false); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	limits := Limits{
		Rows: 50, Columns: 20, CellRunes: 100, RowBytes: 1 << 14, FileBytes: 1 << 20, XLSXBytes: 1 << 20,
		InflatedBytes: 1 << 20, SharedTextBytes: 1 << 16,
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, r := range []io.Reader{bytes.NewReader(data), only{bytes.NewReader(data)}} {
			_, rows, err := readAll(r, limits)
			if _, ok := fault.Of(err); err != nil && !ok {
				t.Fatalf("not a fault: %v", err)
			}
			if len(rows) > limits.Rows {
				t.Fatalf("%d rows", len(rows))
			}
			number := 0
			for _, row := range rows {
				if row.Number <= number {
					t.Fatalf("row %d after row %d", row.Number, number)
				}
				number = row.Number
				if len(row.Cells()) > limits.Columns || len(row.Cells()) != len(row.layout.Headers) {
					t.Fatalf("%d cells", len(row.Cells()))
				}
				size := 0
				for _, c := range row.Cells() {
					size += len(c)
					if len(row.Check()) == 0 && (utf8.RuneCountInString(c) > limits.CellRunes || strings.ContainsFunc(c, control)) {
						t.Fatalf("%q passed as good", c)
					}
				}
				if size > 4*limits.RowBytes {
					t.Fatalf("a row of %d bytes", size)
				}
			}
		}
	})
}

// FuzzReadSheet fuzzes the rows of a workbook: the fuzzer cannot compute the
// checksums of a zip.
func FuzzReadSheet(f *testing.F) {
	f.Add(inlineHeader + inlineRow("梨", "1"))
	f.Add(inlineHeader + `<row r="3"><c r="A3" s="1"><v>46053</v></c><c t="s"><v>0</v></c><c t="e"><f/><v>#N/A</v></c></row>`)
	f.Fuzz(func(t *testing.T, rows string) {
		_, got, err := readAll(bytes.NewReader(workbook(t, rows, nil)), Limits{Rows: 50, RowBytes: 1 << 14})
		if _, ok := fault.Of(err); err != nil && !ok {
			t.Fatalf("not a fault: %v", err)
		}
		if len(got) > 50 {
			t.Fatalf("%d rows", len(got))
		}
	})
}
