package function

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/xuri/excelize/v2"

	"ipcredit/shared/batch"
	"ipcredit/shared/redistest"
)

// TestTemplateFilledWithAThousandRowsExplainsExactlyTheBadOnes is the newcomer's
// way: download, fill in, upload, download what is wrong, correct, upload again.
func TestTemplateFilledWithAThousandRowsExplainsExactlyTheBadOnes(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		f := openBook(t, c.anybody().get("/templates/penalty.xlsx"))
		sheet := f.GetSheetName(0)
		head, err := f.GetRows(sheet)
		if err != nil || len(head) != 1 {
			t.Fatalf("template: %q %v", head, err)
		}
		column := map[string]int{}
		for i, h := range head[0] {
			column[h] = i + 1
		}
		fields := []string{"行政处罚决定书文号", "行政相对人名称", "统一社会信用代码", "违法行为类型", "违法事实", "处罚依据", "处罚类别", "处罚内容", "罚款金额(万元)", "处罚决定日期", "处罚机关", "处罚机关代码"}
		put := func(f *excelize.File, sheet string, row int, header, value string) {
			t.Helper()
			for h, at := range column {
				if strings.EqualFold(strings.NewReplacer("（", "(", "）", ")").Replace(h), header) {
					cell, _ := excelize.CoordinatesToCellName(at, row)
					if err := f.SetCellStr(sheet, cell, value); err != nil {
						t.Fatal(err)
					}
					return
				}
			}
			t.Fatalf("the template has no column %s: %q", header, head[0])
		}
		// 37 bad rows, each in a way of its own.
		spoil := []struct{ header, value string }{
			{fields[2], "91410702MA0000009X"}, {fields[2], "91410702MAOOOO0001"}, {fields[2], "9141070"}, {fields[2], ""}, {fields[2], "914107O2MA0000001X"},
			{fields[9], "2026-02-30"}, {fields[9], "2099-01-01"}, {fields[9], "2025-02-29"}, {fields[9], "2026-13-01"}, {fields[9], "昨天"}, {fields[9], ""}, {fields[9], "0000-00-00"},
			{fields[0], ""}, {fields[0], "新测市监处罚1号"}, {fields[0], "处罚"}, {fields[0], "新测市监处罚〔二〇二六〕1号"},
			{fields[6], "口头批评"}, {fields[6], ""}, {fields[6], "罚款;口头批评"}, {fields[6], "没收"},
			{fields[8], "贰万"}, {fields[8], "-2"}, {fields[8], "0.0000001"}, {fields[8], "2万"}, {fields[8], "1e5000"}, {fields[8], "0"},
			{fields[1], ""}, {fields[1], "新乡市\u200b测试公司"}, {fields[3], ""}, {fields[4], ""}, {fields[4], "销售\u202e侵权商品"},
			{fields[5], ""}, {fields[7], "罚款\u202e20000元"}, {fields[10], ""}, {fields[11], "91410771MA00AAA104"}, {fields[11], "11410700000000019V"}, {fields[11], "12410000000000027F"},
		}
		if len(spoil) != 37 {
			t.Fatalf("%d ways", len(spoil))
		}
		bad := map[int]int{} // data row → way
		for i := range 1000 {
			for j, v := range []string{fmt.Sprintf("新测市监处罚〔2026〕%d号", i+1), fmt.Sprintf("新乡市测试第%d机械有限公司", i), code(i),
				"商标侵权", "销售侵权商品", "《商标法》第六十条", "罚款", "罚款人民币20000元", "2", "2026-04-29", "新乡市市场监督管理局", "11410700000000019U"} {
				put(f, sheet, i+2, fields[j], v)
			}
			if i%27 == 13 && i/27 < len(spoil) {
				s := spoil[i/27]
				put(f, sheet, i+2, s.header, s.value)
				bad[i+1] = i / 27
			}
		}
		a := c.as("").post("kind=penalty", written(t, f))
		b := a.read(t)
		if a.StatusCode != 201 || b.Rows != 1000 || b.Accepted != 1000-37 || b.Rejected != 37 || b.Duplicates != 0 {
			t.Fatalf("%d: %d rows, %d accepted, %d duplicates, %d rejected", a.StatusCode, b.Rows, b.Accepted, b.Duplicates, b.Rejected)
		}
		explained := map[int]bool{}
		for _, e := range b.Errors {
			way, isBad := bad[e.Row]
			if !isBad {
				t.Errorf("row %d is good: %+v", e.Row, e)
				continue
			}
			if plain := strings.NewReplacer("（", "(", "）", ")").Replace(e.Field); plain == spoil[way].header && e.Code != "" && e.Message != "" {
				explained[e.Row] = true
			}
		}
		if len(explained) != 37 {
			for row, way := range bad {
				if !explained[row] {
					t.Errorf("row %d is not explained at %s (%q)", row, spoil[way].header, spoil[way].value)
				}
			}
		}

		// What was wrong comes back in the same layout with one column more.
		wrong := openBook(t, c.as("").get("/batches/"+b.ID+"/errors.xlsx"))
		name := wrong.GetSheetName(0)
		rows, err := wrong.GetRows(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) != 38 || len(rows[0]) != len(head[0])+1 || !slices.Equal(rows[0][:len(head[0])], head[0]) {
			t.Fatalf("errors.xlsx: %d rows, header %q", len(rows), rows[0])
		}
		order := make([]int, 0, len(bad))
		for row := range bad {
			order = append(order, row)
		}
		slices.Sort(order)
		for i, row := range order {
			if len(rows[i+1]) != len(rows[0]) || rows[i+1][len(rows[0])-1] == "" {
				t.Errorf("row %d of errors.xlsx says nothing: %q", i+1, rows[i+1])
				continue
			}
			for j, v := range []string{fmt.Sprintf("新测市监处罚〔2026〕%d号", row), fmt.Sprintf("新乡市测试第%d机械有限公司", row-1), code(row - 1),
				"商标侵权", "销售侵权商品", "《商标法》第六十条", "罚款", "罚款人民币20000元", "2", "2026-04-29", "新乡市市场监督管理局", "11410700000000019U"} {
				if fields[j] == spoil[bad[row]].header {
					put(wrong, name, i+2, fields[j], v) // corrected by hand
				}
			}
		}
		again := c.as("").post("kind=penalty", written(t, wrong)).read(t)
		if again.Rows != 37 || again.Accepted != 37 || again.Rejected != 0 {
			t.Errorf("corrected: %+v", again)
		}
	})
}

func openBook(t *testing.T, a answer) *excelize.File {
	t.Helper()
	if a.StatusCode != 200 || a.Header.Get("Content-Type") != "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment;") {
		t.Fatalf("%d %v", a.StatusCode, a.Header)
	}
	f, err := excelize.OpenReader(bytes.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func written(t *testing.T, f *excelize.File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEveryKindHasATemplateForAnybody(t *testing.T) {
	c := embedded(t)
	for _, kind := range batch.Kinds() {
		f := openBook(t, c.anybody().get("/templates/"+kind+".xlsx"))
		schema, _ := batch.Schema(kind)
		rows, err := f.GetRows(f.GetSheetName(0))
		if err != nil || len(rows) != 1 || len(rows[0]) != len(schema.Columns) {
			t.Errorf("%s: %q %v", kind, rows, err)
		}
		if a := c.as("").post("kind="+kind, written(t, f)); a.StatusCode != 400 || a.read(t).Code != "sheet.header_only" {
			t.Errorf("%s, empty: %d %s", kind, a.StatusCode, a.body)
		}
	}
	for _, path := range []string{"/templates/none.xlsx", "/templates/penalty", "/templates/penalty.csv", "/templates/.xlsx"} {
		if a := c.anybody().get(path); a.StatusCode != 404 {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
}

func TestNoCellOfWhatIsGivenBackIsAFormula(t *testing.T) {
	c := embedded(t)
	row := spoilt(spoilt(penalty(1), atFine, "x"), atFacts, `=HYPERLINK("http://192.0.2.1","a")`)
	b := c.as("").post("kind=penalty", table(header, row)).read(t)
	f := openBook(t, c.as("").get("/batches/"+b.ID+"/errors.xlsx"))
	name := f.GetSheetName(0)
	rows, err := f.GetRows(name)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range rows {
		for j := range row {
			cell, _ := excelize.CoordinatesToCellName(j+1, i+1)
			if formula, _ := f.GetCellFormula(name, cell); formula != "" {
				t.Errorf("%s is the formula %s", cell, formula)
			}
		}
	}
}
