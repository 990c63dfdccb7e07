package sheet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"
)

func TestNeutralTextIsNoFormulaAndCanBeUndone(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@a": "'@a", "\tx": "'\tx", "\rx": "'\rx", " =1": "' =1", "＝1": "'＝1",
		"'=1": "''=1", "'a": "'a", "a=1": "a=1", "": "", "梨": "梨", `="1"`: `'="1"`,
	} {
		if got := neutral(in); got != want {
			t.Errorf("neutral(%q) = %q, want %q", in, got, want)
		}
		if got := natural(neutral(in)); got != in {
			t.Errorf("natural(neutral(%q)) = %q", in, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.SampledFrom([]rune("'=+-@＝ \ta1\"梨"))).Draw(t, "s")
		if rounded(strings.TrimSuffix(s, "\t")) && strings.HasSuffix(s, "\t") {
			return // a tab behind digits is taken off
		}
		if got := natural(neutral(s)); got != s {
			t.Fatalf("%q came back as %q", s, got)
		}
		if n := neutral(s); n != "" && strings.ContainsRune("=+-@＝\t", []rune(n)[0]) {
			t.Fatalf("%q starts a formula", n)
		}
	})
}

func TestErrorsKeepTheUploadedLayout(t *testing.T) {
	t.Parallel()
	upload := "规格,SP_MC, 商品 代码 \n大,=cmd|'/c calc'!A0,00123\n小, 苹果 ,914107001234567890\n"
	r, rows, err := readAll(strings.NewReader(upload), Limits{})
	must0(t, err)
	var b bytes.Buffer
	must0(t, WriteErrors(&b, r.Layout(), each(
		Rejected{rows[0].Cells(), "第一个错误"}, Rejected{rows[1].Cells(), "=第二个"})))
	f, err := excelize.OpenReader(bytes.NewReader(b.Bytes()))
	must0(t, err)
	defer f.Close()
	got, err := f.GetRows(f.GetSheetName(0))
	must0(t, err)
	want := [][]string{
		{"规格", "SP_MC", "商品 代码", "错误说明"},
		{"大", "'=cmd|'/c calc'!A0", "00123", "第一个错误"},
		{"小", " 苹果 ", "914107001234567890", "'=第二个"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, cell := range []string{"A2", "B2", "C3"} {
		if kind, err := f.GetCellType(f.GetSheetName(0), cell); err != nil || kind != excelize.CellTypeInlineString {
			t.Errorf("%s is not text: %v %v", cell, kind, err)
		}
	}

	// Corrected or not, the file can be uploaded as it is, again and again.
	r2, again, err := readAll(bytes.NewReader(b.Bytes()), Limits{})
	must0(t, err)
	if diff := cmp.Diff(want[0][:3], r2.Layout().Headers); diff != "" {
		t.Error(diff)
	}
	for i := range again {
		if diff := cmp.Diff(rows[i].Cells(), again[i].Cells()); diff != "" {
			t.Errorf("row %d: %s", i+1, diff)
		}
	}
	var b2 bytes.Buffer
	must0(t, WriteErrors(&b2, r2.Layout(), each(Rejected{again[0].Cells(), "第一个错误"}, Rejected{again[1].Cells(), "=第二个"})))
	if !bytes.Equal(b.Bytes(), b2.Bytes()) {
		t.Error("writing what was read gives another file")
	}
}

func TestErrorsOfTheSourceAreReturned(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	rows := func(yield func(Rejected, error) bool) { yield(Rejected{}, lost) }
	if err := WriteErrors(io.Discard, *shop.layout(), rows); !errors.Is(err, lost) {
		t.Error(err)
	}
	if err := WriteCSV(io.Discard, []string{"a"}, func(yield func([]string, error) bool) { yield(nil, lost) }); !errors.Is(err, lost) {
		t.Error(err)
	}
	if err := WriteErrors(full{}, *shop.layout(), each[Rejected]()); err == nil {
		t.Error("a full disk was not noticed")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestTemplateReadsBack(t *testing.T) {
	t.Parallel()
	long := shop
	long.Columns = append(long.Columns[:len(long.Columns):len(long.Columns)],
		Column{Field: "place", Header: "产地", Kind: Choice, Choices: manyChoices(100)},
		Column{Field: "grade", Header: "等级", Kind: Choice, Choices: []string{"甲,上", "乙"}})
	for _, demo := range []bool{false, true} {
		var b, same bytes.Buffer
		must0(t, Template(&b, long, demo))
		must0(t, Template(&same, long, demo))
		if !bytes.Equal(b.Bytes(), same.Bytes()) {
			t.Error("two templates of one schema differ")
		}
		if _, err := Open(long, bytes.NewReader(b.Bytes()), Limits{}); codeOf(err) != "sheet.header_only" {
			t.Errorf("unmodified: %v", err)
		}
		f, err := excelize.OpenReader(bytes.NewReader(b.Bytes()))
		must0(t, err)
		data := f.GetSheetName(0)
		headers, err := f.GetRows(data)
		must0(t, err)
		if diff := cmp.Diff([][]string{{"商品名称", "商品代码", "生产日期", "单价(元)", "规格", "产地", "等级"}}, headers); diff != "" {
			t.Error(diff)
		}
		lists := map[string]string{}
		hints := 0
		validations, err := f.GetDataValidations(data)
		must0(t, err)
		for _, v := range validations {
			if v.Type == "list" {
				lists[v.Sqref] = v.Formula1
			}
			if v.Prompt != nil && (strings.HasPrefix(*v.Prompt, "必填") || strings.HasPrefix(*v.Prompt, "选填")) {
				hints++
			}
		}
		if diff := cmp.Diff(map[string]string{
			"E2:E1048576": `"大,中,小"`, "F2:F1048576": "'选项'!$A$1:$A$100", "G2:G1048576": "'选项'!$B$1:$B$2",
		}, lists); diff != "" {
			t.Error(diff)
		}
		if hints != 7 {
			t.Errorf("%d columns say whether they are required, want 7", hints)
		}
		if visible, err := f.GetSheetVisible("选项"); err != nil || visible {
			t.Errorf("the lists are visible: %v %v", visible, err)
		}
		notes, err := f.GetRows("填写说明")
		must0(t, err)
		text := fmt.Sprint(notes)
		if !strings.Contains(text, "示例行") || !strings.Contains(text, "鸭梨（示例）") || strings.Contains(text, "演示数据") != demo {
			t.Errorf("instructions: %s", text)
		}
		for column, want := range map[string]int{"A": 0, "B": 49, "C": 49, "D": 0} {
			id, err := f.GetColStyle(data, column)
			must0(t, err)
			s, err := f.GetStyle(id)
			must0(t, err)
			if s.NumFmt != want {
				t.Errorf("column %s has format %d, want %d", column, s.NumFmt, want)
			}
		}
		required, err := f.GetCellStyle(data, "A1")
		must0(t, err)
		if optional, err := f.GetCellStyle(data, "C1"); err != nil || required == optional {
			t.Error("required headers are not marked")
		}

		filled := [][]string{{"梨", "00123", "2026-01-31", "1.5", "大", "地100", "甲,上"}, {"=1+1", "914107001234567890", "", "", "", "", ""}}
		for i, row := range filled {
			for j, v := range row {
				cell, err := excelize.CoordinatesToCellName(j+1, i+2)
				must0(t, err)
				if v != "" {
					must0(t, f.SetCellStr(data, cell, v))
				}
			}
		}
		saved, err := f.WriteToBuffer()
		must0(t, err)
		must0(t, f.Close())
		r, err := Open(long, bytes.NewReader(saved.Bytes()), Limits{})
		must0(t, err)
		for i, want := range filled {
			row, err := r.Next()
			must0(t, err)
			for j, c := range long.Columns {
				if got := row.Get(c.Field); got != want[j] {
					t.Errorf("row %d, %s: %q, want %q", i+1, c.Field, got, want[j])
				}
			}
			if p := row.Check(); len(p) > 0 {
				t.Errorf("row %d: %v", i+1, p)
			}
		}
	}
}

func manyChoices(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("地%03d", i+1))
	}
	return out
}

// TestWhatWeWriteReadsBack: any table of printable text, as XLSX and as CSV.
func TestWhatWeWriteReadsBack(t *testing.T) {
	t.Parallel()
	plain := Schema{Name: "plain", Columns: []Column{{Field: "a", Header: "甲"}, {Field: "b", Header: "乙", Kind: Code}, {Field: "c", Header: "丙"}}}
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
				if strings.ContainsRune(s, '\uFFFD') || strings.ContainsFunc(s, control) {
					row[i] = "x"
				}
			}
			if blank(row) {
				row[0] = "x"
			}
			table = append(table, row)
		}
		var c, x bytes.Buffer
		if err := WriteCSV(&c, []string{"甲", "乙", "丙"}, each(table...)); err != nil {
			t.Fatal(err)
		}
		var rejected []Rejected
		for _, row := range table {
			rejected = append(rejected, Rejected{row, "m"})
		}
		if err := WriteErrors(&x, *plain.layout(), each(rejected...)); err != nil {
			t.Fatal(err)
		}
		for _, file := range []*bytes.Buffer{&c, &x} {
			r, err := Open(plain, bytes.NewReader(file.Bytes()), Limits{})
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
