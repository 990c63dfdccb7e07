package book_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"ipcredit/shared/fault"
	"ipcredit/shared/sheet"
	"ipcredit/shared/sheet/book"
)

// shop is a table of no law at all.
var shop = sheet.Schema{Name: "shop", Columns: []sheet.Column{
	{Field: "name", Header: "商品名称", National: "SP_MC", Required: true, Example: "鸭梨（示例）"},
	{Field: "code", Header: "商品代码", National: "SP_DM", Required: true, Kind: sheet.Code, Example: "00123"},
	{Field: "madeOn", Header: "生产日期", National: "SP_RQ", Kind: sheet.Date, Example: "2026-01-31"},
	{Field: "price", Header: "单价(元)", Kind: sheet.Money, Example: "12.50"},
	{Field: "size", Header: "规格", Kind: sheet.Choice, Choices: []string{"大", "中", "小"}, Example: "大"},
}}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// read reads a file of the shop to its end.
func read(t testing.TB, r io.Reader) (*sheet.Reader, []sheet.Row) {
	t.Helper()
	rd, err := sheet.Open(shop, r, sheet.Limits{})
	must(t, err)
	var rows []sheet.Row
	for {
		row, err := rd.Next()
		if err == io.EOF {
			return rd, rows
		}
		must(t, err)
		rows = append(rows, row)
	}
}

func each(rows ...book.Rejected) iter.Seq2[book.Rejected, error] {
	return func(yield func(book.Rejected, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func TestErrorsKeepTheUploadedLayout(t *testing.T) {
	t.Parallel()
	upload := "规格,SP_MC, 商品 代码 \n大,=cmd|'/c calc'!A0,00123\n小, 苹果 ,914107001234567890\n"
	r, rows := read(t, strings.NewReader(upload))
	refused := func(rows []sheet.Row) iter.Seq2[book.Rejected, error] {
		return each(book.Rejected{Cells: rows[0].Cells(), Message: "第一个错误"}, book.Rejected{Cells: rows[1].Cells(), Message: "=第二个"})
	}
	var b bytes.Buffer
	must(t, book.WriteErrors(&b, r.Layout(), refused(rows)))
	f, err := excelize.OpenReader(bytes.NewReader(b.Bytes()))
	must(t, err)
	defer f.Close()
	got, err := f.GetRows(f.GetSheetName(0))
	must(t, err)
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
	r2, again := read(t, bytes.NewReader(b.Bytes()))
	if diff := cmp.Diff(want[0][:3], r2.Layout().Headers); diff != "" {
		t.Error(diff)
	}
	for i := range again {
		if diff := cmp.Diff(rows[i].Cells(), again[i].Cells()); diff != "" {
			t.Errorf("row %d: %s", i+1, diff)
		}
	}
	var b2 bytes.Buffer
	must(t, book.WriteErrors(&b2, r2.Layout(), refused(again)))
	if !bytes.Equal(b.Bytes(), b2.Bytes()) {
		t.Error("writing what was read gives another file")
	}
}

func TestRowsThatAreWrittenAreReadBack(t *testing.T) {
	t.Parallel()
	rows := func(yield func([]string, error) bool) {
		_ = yield([]string{"=cmd|'/c calc'!A0", "00123", "2026-01-31", "12.50", "大"}, nil) && yield([]string{"苹果", "914107001234567890"}, nil)
	}
	var b bytes.Buffer
	must(t, book.Write(&b, []string{"商品名称", "商品代码", "生产日期", "单价(元)", "规格"}, rows))
	_, got := read(t, bytes.NewReader(b.Bytes()))
	if len(got) != 2 || got[0].Get("name") != "=cmd|'/c calc'!A0" || got[0].Get("code") != "00123" || got[0].Get("size") != "大" || got[1].Get("code") != "914107001234567890" {
		t.Errorf("%+v", got)
	}
	lost := errors.New("lost")
	if err := book.Write(io.Discard, []string{"a"}, func(yield func([]string, error) bool) { yield(nil, lost) }); !errors.Is(err, lost) {
		t.Error(err)
	}
	if err := book.Write(full{}, []string{"a"}, rows); err == nil {
		t.Error("a full disk was not noticed")
	}
}

func TestErrorsOfTheSourceAndOfTheTargetAreReturned(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	rows := func(yield func(book.Rejected, error) bool) { yield(book.Rejected{}, lost) }
	if err := book.WriteErrors(io.Discard, sheet.Layout{Headers: []string{"商品名称"}}, rows); !errors.Is(err, lost) {
		t.Error(err)
	}
	if err := book.WriteErrors(full{}, sheet.Layout{Headers: []string{"商品名称"}}, each()); err == nil {
		t.Error("a full disk was not noticed")
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestTemplateReadsBack(t *testing.T) {
	t.Parallel()
	long := shop
	long.Columns = append(long.Columns[:len(long.Columns):len(long.Columns)],
		sheet.Column{Field: "place", Header: "产地", Kind: sheet.Choice, Choices: manyChoices(100)},
		sheet.Column{Field: "grade", Header: "等级", Kind: sheet.Choice, Choices: []string{"甲,上", "乙"}})
	for _, demo := range []bool{false, true} {
		var b, same bytes.Buffer
		must(t, book.Template(&b, long, demo))
		must(t, book.Template(&same, long, demo))
		if !bytes.Equal(b.Bytes(), same.Bytes()) {
			t.Error("two templates of one schema differ")
		}
		_, err := sheet.Open(long, bytes.NewReader(b.Bytes()), sheet.Limits{})
		if refusal, ok := fault.Of(err); !ok || refusal.Code != "sheet.header_only" {
			t.Errorf("unmodified: %v", err)
		}
		f, err := excelize.OpenReader(bytes.NewReader(b.Bytes()))
		must(t, err)
		data := f.GetSheetName(0)
		headers, err := f.GetRows(data)
		must(t, err)
		if diff := cmp.Diff([][]string{{"商品名称", "商品代码", "生产日期", "单价(元)", "规格", "产地", "等级"}}, headers); diff != "" {
			t.Error(diff)
		}
		lists := map[string]string{}
		hints := 0
		validations, err := f.GetDataValidations(data)
		must(t, err)
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
		must(t, err)
		text := fmt.Sprint(notes)
		if !strings.Contains(text, "示例行") || !strings.Contains(text, "鸭梨（示例）") || strings.Contains(text, "演示数据") != demo {
			t.Errorf("instructions: %s", text)
		}
		for column, want := range map[string]int{"A": 0, "B": 49, "C": 49, "D": 0} {
			id, err := f.GetColStyle(data, column)
			must(t, err)
			s, err := f.GetStyle(id)
			must(t, err)
			if s.NumFmt != want {
				t.Errorf("column %s has format %d, want %d", column, s.NumFmt, want)
			}
		}
		required, err := f.GetCellStyle(data, "A1")
		must(t, err)
		if optional, err := f.GetCellStyle(data, "C1"); err != nil || required == optional {
			t.Error("required headers are not marked")
		}

		filled := [][]string{{"梨", "00123", "2026-01-31", "1.5", "大", "地100", "甲,上"}, {"=1+1", "914107001234567890", "", "", "", "", ""}}
		for i, row := range filled {
			for j, v := range row {
				cell, err := excelize.CoordinatesToCellName(j+1, i+2)
				must(t, err)
				if v != "" {
					must(t, f.SetCellStr(data, cell, v))
				}
			}
		}
		saved, err := f.WriteToBuffer()
		must(t, err)
		must(t, f.Close())
		r, err := sheet.Open(long, bytes.NewReader(saved.Bytes()), sheet.Limits{})
		must(t, err)
		for i, want := range filled {
			row, err := r.Next()
			must(t, err)
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

func TestTemplateOfASchemaThatCannotBeReadIsRefused(t *testing.T) {
	t.Parallel()
	twice := sheet.Schema{Name: "twice", Columns: []sheet.Column{{Field: "a", Header: "名称"}, {Field: "b", Header: "名 称"}}}
	var b bytes.Buffer
	if err := book.Template(&b, twice, false); err == nil || b.Len() > 0 {
		t.Errorf("%v, %d bytes", err, b.Len())
	}
}

func manyChoices(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("地%03d", i+1))
	}
	return out
}
