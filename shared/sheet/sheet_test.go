package sheet

import (
	"bytes"
	"encoding/json"
	"go/parser"
	"go/token"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/simplifiedchinese"

	"ipcredit/shared/fault"
	"ipcredit/shared/page"
)

// shop is a table of no law at all.
var shop = Schema{Name: "shop", Columns: []Column{
	{Field: "name", Header: "商品名称", National: "SP_MC", Required: true, Example: "鸭梨（示例）"},
	{Field: "code", Header: "商品代码", National: "SP_DM", Required: true, Kind: Code, Example: "00123"},
	{Field: "madeOn", Header: "生产日期", National: "SP_RQ", Kind: Date, Example: "2026-01-31"},
	{Field: "price", Header: "单价(元)", Kind: Money, Example: "12.50"},
	{Field: "size", Header: "规格", Kind: Choice, Choices: []string{"大", "中", "小"}, Example: "大"},
}}

// readAll reads to the end; the error is nil after io.EOF.
func readAll(r io.Reader, limits Limits) (*Reader, []Row, error) {
	rd, err := Open(shop, r, limits)
	if err != nil {
		return nil, nil, err
	}
	var rows []Row
	for {
		row, err := rd.Next()
		if err == io.EOF {
			return rd, rows, nil
		}
		if err != nil {
			return rd, rows, err
		}
		rows = append(rows, row)
	}
}

func mustRead(t *testing.T, data string) []Row {
	t.Helper()
	_, rows, err := readAll(strings.NewReader(data), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// only hides everything but Read, as a request body does.
type only struct{ io.Reader }

func codeOf(err error) string {
	if f, ok := fault.Of(err); ok {
		return f.Code
	}
	if err != nil {
		return "not a fault: " + err.Error()
	}
	return ""
}

func problems(r Row) []string {
	var out []string
	for _, p := range r.Problems() {
		out = append(out, p.Field+":"+p.Code)
	}
	return out
}

func gb(t testing.TB, s string) string {
	t.Helper()
	out, err := simplifiedchinese.GB18030.NewEncoder().String(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestHeadersAreKnownByAnyNameInAnyOrder(t *testing.T) {
	t.Parallel()
	for _, header := range []string{
		"商品名称,商品代码,生产日期,单价(元),规格",
		"规格,单价（元）,生产日期,商品代码,商品名称",
		"SP_MC,SP_DM,SP_RQ,单价(元),规格",
		"sp_mc,ＳＰ＿ＤＭ, 生 产 日 期 ,单价（元）,规格",
		"name,code,madeOn,price,size",
		"*商品名称,商品代码＊,生产日期,单价(元),规格,错误说明",
	} {
		cells := map[string]string{"name": "梨", "code": "007", "madeOn": "2026/1/2", "price": "3", "size": "大"}
		known, err := shop.names()
		if err != nil {
			t.Fatal(err)
		}
		var row []string
		headers := strings.Split(header, ",")
		for _, h := range headers {
			if i, ok := known.columns[fold(h)]; ok {
				row = append(row, cells[shop.Columns[i].Field])
			} else {
				row = append(row, "旧的错误说明")
			}
		}
		rows := mustRead(t, header+"\n"+strings.Join(row, ",")+"\n")
		if len(rows) != 1 || len(rows[0].Problems()) > 0 {
			t.Fatalf("%q: %v", header, rows)
		}
		cells["madeOn"] = "2026-01-02"
		for field, want := range cells {
			if got := rows[0].Get(field); got != want {
				t.Errorf("%q: %s = %q, want %q", header, field, got, want)
			}
		}
		if got := len(rows[0].Cells()); got != 5 {
			t.Errorf("%q: %d cells, want 5: the column of messages is not the uploader's", header, got)
		}
	}
}

func TestHeaderIsShownAsTheUploaderWroteIt(t *testing.T) {
	t.Parallel()
	rows := mustRead(t, "sp_mc,商 品 代码\n梨,1\n")
	for field, want := range map[string]string{"name": "sp_mc", "code": "商 品 代码", "size": "规格", "nothing": "nothing"} {
		if got := rows[0].Header(field); got != want {
			t.Errorf("Header(%s) = %q, want %q", field, got, want)
		}
	}
	if !rows[0].Has("name") || rows[0].Has("size") {
		t.Error("Has does not tell uploaded columns from others")
	}
}

func TestRefusesFilesThatCannotBeReadAsAWhole(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, data, code string }{
		{"nothing", "", "sheet.empty"},
		{"BOM only", "\uFEFF", "sheet.empty"},
		{"blank lines", "\n\n \r\n", "sheet.empty"},
		{"commas only", ",,,\n,,\n", "sheet.empty"},
		{"header only", "商品名称,商品代码\n", "sheet.header_only"},
		{"header and blank rows", "商品名称,商品代码\n,\n\n", "sheet.header_only"},
		{"title row", "商品一览表,\n商品名称,商品代码\n梨,1\n", "sheet.not_a_header"},
		{"unknown header", "商品名称,商品代码,颜色\n梨,1,黄\n", "sheet.unknown_header"},
		{"misspelt header", "商品名,商品代码\n梨,1\n", "sheet.unknown_header_near"},
		{"same header twice", "商品名称,商品代码,商品名称\n梨,1,梨\n", "sheet.duplicate_header"},
		{"same column by two names", "商品名称,商品代码,SP_MC\n梨,1,梨\n", "sheet.duplicate_header"},
		{"missing header", "商品名称,规格\n梨,大\n", "sheet.missing_header"},
		{"UTF-16 without BOM", "n\x00a\x00m\x00e\x00,\x00c\x00o\x00d\x00e\x00\n\x00", "sheet.unknown_format"},
		{"web page", "\n<html><table><tr><td>商品名称", "sheet.html"},
		{"PDF", "%PDF-1.7\n", "sheet.unknown_format"},
		{"picture", "\x89PNG\r\n\x1a\n", "sheet.unknown_format"},
		{"old Excel without container", "\x09\x08\x10\x00\x00\x06\x05\x00", "sheet.xls"},
		{"program", "MZ\x90\x00\x03\x00", "sheet.unknown_format"},
		{"broken zip", "PK\x03\x04 and then nothing", "sheet.zip_broken"},
		{"empty zip", "PK\x05\x06" + strings.Repeat("\x00", 18), "sheet.zip_not_xlsx"},
		{"open quote", "商品名称,商品代码\n\"梨,1\n苹果,2\n", "sheet.quote"},
		{"no encoding at all", "name,code\n\xFF\xFF\xC3(,1\n", "sheet.encoding_row"},
		{"header in no encoding", "name,code,\xFF\xFF(\n1,1\n", "sheet.encoding_header"},
	} {
		for _, stream := range []bool{false, true} {
			var r io.Reader = strings.NewReader(c.data)
			if stream {
				r = only{r}
			}
			_, _, err := readAll(r, Limits{})
			if got := codeOf(err); got != c.code {
				t.Errorf("%s (stream %v): %s, want %s", c.name, stream, got, c.code)
			}
		}
	}
}

func TestRefusalNamesTheHeaderAndTheNearest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, data, want string }{
		{"near", "商品名,商品代码\n梨,1\n", "表头“商品名”不认识，是否应为“商品名称”？请改正列名，或删去这一列。"},
		{"near a national code", "SP_MMC,商品代码\n梨,1\n", "表头“SP_MMC”不认识，是否应为“SP_MC”？请改正列名，或删去这一列。"},
		{"far", "商品名称,商品代码,颜色\n梨,1,黄\n", "表头“颜色”不认识。请使用模板中的列名，或删去这一列。"},
		{"missing", "规格\n大\n", "缺少必填列：商品名称、商品代码。请按模板补上表头和内容。"},
		{"bidi in the header is not shown", "商品名称,商品代码,颜\u202E色\n梨,1,黄\n", "表头“颜色”不认识。请使用模板中的列名，或删去这一列。"},
	} {
		_, _, err := readAll(strings.NewReader(c.data), Limits{})
		f, ok := fault.Of(err)
		if !ok {
			t.Fatalf("%s: %v", c.name, err)
		}
		if _, got := page.Fault(page.ZH, f); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
		if len(f.Fields) == 0 {
			t.Errorf("%s: no field named", c.name)
		}
	}
}

func TestBadRowsAreNamedAndCostNoOtherRow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, line string
		want       []string
	}{
		{"good", "梨,1,2026-01-02,3,大", nil},
		{"NUL", "梨\x00,1,,,", []string{"name:sheet.control_character"}},
		{"bidi", "梨,\u202E1,,,", []string{"code:sheet.control_character"}},
		{"zero width", "梨,1\u200B,,,", []string{"code:sheet.control_character"}},
		{"BOM inside", "\uFEFF梨,1,,,", []string{"name:sheet.control_character"}},
		{"replacement character", "梨\uFFFD,1,,,", []string{"name:sheet.broken_text"}},
		{"too few cells", "梨,1,,", []string{":sheet.ragged"}},
		{"too many cells", "梨,1,,,大,x", []string{":sheet.ragged"}},
		{"empty cells behind", "梨,1,,,大,,,", nil},
		{"code saved as a number", "梨,9.14107E+17,,,", []string{"code:sheet.digits_lost"}},
		{"the same in a text is text", "9.14107E+17,1,,,", nil},
		{"too long", strings.Repeat("梨", 51) + ",1,,,", []string{"name:sheet.cell_too_long"}},
		{"long enough", strings.Repeat("梨", 50) + ",1,,,", nil},
		{"text behind a quote", `"梨"子,1,,,`, nil},
		{"tab and line end inside", "\"梨\t\r\n子\",1,,,", nil},
	} {
		header := "商品名称,商品代码,生产日期,单价(元),规格\r\n"
		_, rows, err := readAll(strings.NewReader(header+c.line+"\r\n苹果,2,,,\r\n"), Limits{CellRunes: 50})
		if err != nil || len(rows) != 2 {
			t.Errorf("%s: %d rows, %v", c.name, len(rows), err)
			continue
		}
		if diff := cmp.Diff(c.want, problems(rows[0])); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if rows[1].Get("name") != "苹果" || len(rows[1].Problems()) > 0 {
			t.Errorf("%s: the next row is %v", c.name, rows[1])
		}
	}
}

func TestCheckNamesWhatTheSchemaForbids(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		values map[string]string
		want   []string
	}{
		{"good", map[string]string{"name": "梨", "code": "1", "madeOn": "2024-02-29", "price": "1,234.50", "size": "中"}, nil},
		{"least", map[string]string{"name": "梨", "code": "1"}, nil},
		{"empty required", map[string]string{"name": " \u3000 "}, []string{"name:sheet.required", "code:sheet.required"}},
		{"no such day", map[string]string{"name": "梨", "code": "1", "madeOn": "2026-02-30"}, []string{"madeOn:sheet.date"}},
		{"no leap day", map[string]string{"name": "梨", "code": "1", "madeOn": "2026-02-29"}, []string{"madeOn:sheet.date"}},
		{"day last", map[string]string{"name": "梨", "code": "1", "madeOn": "02/01/2026"}, []string{"madeOn:sheet.date"}},
		{"amount in words", map[string]string{"name": "梨", "code": "1", "price": "三元"}, []string{"price:sheet.number"}},
		{"amount with wrong marks", map[string]string{"name": "梨", "code": "1", "price": "12,34"}, []string{"price:sheet.number"}},
		{"no such size", map[string]string{"name": "梨", "code": "1", "size": "特大"}, []string{"size:sheet.choice"}},
		{"reading comes first", map[string]string{"name": "\x00", "code": "1"}, []string{"name:sheet.control_character"}},
	} {
		var got []string
		for _, p := range NewRow(shop, 1, c.values).Check() {
			got = append(got, p.Field+":"+p.Code)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestDayReadsOnlyWhatLeavesNoDoubt(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"2026-01-02": "2026-01-02", "2026/1/2": "2026-01-02", "2026.01.2": "2026-01-02", "2026年1月2日": "2026-01-02",
		"２０２６－０１－０２": "2026-01-02", "20260102": "2026-01-02", "2026-01-02 00:00:00": "2026-01-02",
		"2026-02-30": "2026-02-30", "2099/12/31": "2099-12-31",
		"1/2/2026": "", "26-1-2": "", "2026-1": "", "2026-01-02 08:00": "", "2026-001-2": "", "2026年1月": "", "2026年13": "", "": "", "四月": "", "2026-1-2-3": "",
	} {
		if got, ok := Day(in); got != want || ok != (want != "") {
			t.Errorf("Day(%q) = %q, %v; want %q", in, got, ok, want)
		}
	}
}

func TestValidateRefusesSchemasThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		add  []Column
		good bool
	}{
		{"as it is", nil, true},
		{"one name twice for one column", []Column{{Field: "origin", Header: "产地", Also: []string{"ORIGIN", "产 地"}}}, true},
		{"no field", []Column{{Header: "产地"}}, false},
		{"no header", []Column{{Field: "place"}}, false},
		{"a header twice", []Column{{Field: "place", Header: "规格"}}, false},
		{"a header that only looks different", []Column{{Field: "place", Header: "单价（元）"}}, false},
		{"another name that is a column's code", []Column{{Field: "place", Header: "产地", Also: []string{"sp_mc"}}}, false},
	} {
		s := shop
		s.Columns = append(s.Columns[:len(s.Columns):len(s.Columns)], c.add...)
		err := s.Validate()
		if (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, ok := fault.Of(err); ok {
			t.Errorf("%s: the uploader is blamed", c.name)
		}
	}
}

func TestNewRowPanicsOnAnUnknownField(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewRow(shop, 1, map[string]string{"colour": "黄"})
}

func TestLimitsEndTheReading(t *testing.T) {
	t.Parallel()
	two := "商品名称,商品代码\n梨,1\n苹果,2\n"
	long := "商品名称,商品代码\n梨,1\n" + strings.Repeat("苹", 2000) + ",2\n"
	for _, c := range []struct {
		name, data string
		limits     Limits
		rows       int
		code       string
	}{
		{"rows, at the limit", two, Limits{Rows: 2}, 2, ""},
		{"rows, past the limit", two, Limits{Rows: 1}, 1, "sheet.too_many_rows"},
		{"columns, at the limit", two, Limits{Columns: 2}, 2, ""},
		{"columns, past the limit", two, Limits{Columns: 1}, 0, "sheet.too_many_columns"},
		{"row bytes", long, Limits{RowBytes: 4096}, 1, "sheet.row_too_long"},
		{"row bytes across many lines", "商品名称,商品代码\n梨,1\n\"" + strings.Repeat("苹\n", 2000), Limits{RowBytes: 4096}, 1, "sheet.quote"},
		{"file bytes", two + strings.Repeat("\n", 1<<20), Limits{FileBytes: 1 << 19}, 2, "sheet.file_too_large"},
		{"JSON string", `[{"name":"梨","code":"1"},{"name":"` + strings.Repeat("a", 1<<20) + `"}]`, Limits{RowBytes: 4096}, 1, "sheet.row_too_long"},
		{"JSON depth", `[{"name":"梨","code":"1"},{"name":` + strings.Repeat("[", 1<<20), Limits{RowBytes: 4096}, 1, "sheet.row_too_long"},
	} {
		_, rows, err := readAll(only{strings.NewReader(c.data)}, c.limits)
		if got := codeOf(err); got != c.code || len(rows) != c.rows {
			t.Errorf("%s: %d rows, %s; want %d, %s", c.name, len(rows), got, c.rows, c.code)
		}
	}
}

// TestFailingStorageIsNotABrokenFile: the uploader must not be blamed.
func TestFailingStorageIsNotABrokenFile(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := WriteCSV(&b, []string{"商品名称", "商品代码"}, each([]string{"梨", "1"})); err != nil {
		t.Fatal(err)
	}
	for _, r := range []io.Reader{
		io.MultiReader(bytes.NewReader(b.Bytes()), failing{}),
		io.MultiReader(strings.NewReader(`[{"name":"梨","code":"1"},`), failing{}),
	} {
		_, _, err := readAll(only{r}, Limits{})
		if _, ok := fault.Of(err); ok || err == nil {
			t.Errorf("a failing read gives %v", err)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

func each[T any](items ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, i := range items {
			if !yield(i, nil) {
				return
			}
		}
	}
}

// TestEveryCodeHasASentence reads our own source: problems are not fault.New
// calls, so the catalogue's own test cannot see them.
func TestEveryCodeHasASentence(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	// Package book words what it writes by the same file of words.
	written, err := filepath.Glob("book/*.go")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, written...)
	used := make(map[string]bool)
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.ParseFile(token.NewFileSet(), name, src, 0); err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"(sheet\.[a-z_0-9.]+)"`).FindAllStringSubmatch(string(src), -1) {
			used[m[1]] = true
			if !page.Has("fault."+m[1]) && !page.Has(m[1]) {
				t.Errorf("%s: no words for %s", name, m[1])
			}
		}
	}
	words, err := os.ReadFile("../page/words/sheet.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(words, &all); err != nil {
		t.Fatal(err)
	}
	for key := range all {
		if !used[strings.TrimPrefix(key, "fault.")] {
			t.Errorf("words nobody uses: %s", key)
		}
	}
}
