package sheet

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding/unicode"
)

func TestEncodingsAreTold(t *testing.T) {
	t.Parallel()
	text := "商品名称,商品代码,规格\n新乡鸭梨,00123,大\n获嘉𠮷果·乙,4,小\n"
	codes := "SP_MC,SP_DM\n"
	late := codes + strings.Repeat("pear,1\n", 200_000)
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(strings.ReplaceAll(text, ",", "\t"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, data, last string }{
		{"UTF-8", text, "获嘉𠮷果·乙"},
		{"UTF-8 with BOM", "\uFEFF" + text, "获嘉𠮷果·乙"},
		{"GB18030", gb(t, text), "获嘉𠮷果·乙"},
		{"GB18030 with BOM", "\x84\x31\x95\x33" + gb(t, text), "获嘉𠮷果·乙"},
		{"UTF-16 with BOM", utf16, "获嘉𠮷果·乙"},
		{"first Chinese late, UTF-8", late + "鸭梨,1\n", "鸭梨"},
		{"first Chinese late, GB18030", late + gb(t, "鸭梨,1\n"), "鸭梨"},
		{"late and one character, UTF-8", late + "梨,1\n", "梨"},
		{"late and one character, GB18030", late + gb(t, "梨,1\n"), "梨"},
		// 联 is C1 AA, not UTF-8; 路 is C2 B7, which UTF-8 reads as a middle dot.
		{"characters that are valid UTF-8 by chance", codes + gb(t, "路,1\n"), "路"},
		{"the same with more behind", codes + gb(t, "路,1\n鸭梨路,2\n"), "鸭梨路"},
		{"even number of characters in UTF-8 is valid GB18030", codes + "中文,1\n", "中文"},
		{"UTF-8 in a whole file that GB18030 accepts", codes + strings.Repeat("中文,1\n", 50), "中文"},
		{"old Mac line ends", strings.ReplaceAll(text, "\n", "\r"), "获嘉𠮷果·乙"},
		{"Windows line ends", strings.ReplaceAll(text, "\n", "\r\n"), "获嘉𠮷果·乙"},
		{"no last line end", strings.TrimSuffix(text, "\n"), "获嘉𠮷果·乙"},
		{"no last line end, GB18030", strings.TrimSuffix(gb(t, text), "\n"), "获嘉𠮷果·乙"},
	} {
		rows := mustRead(t, c.data)
		last := rows[len(rows)-1]
		if got := last.Get("name"); got != c.last {
			t.Errorf("%s: %q, want %q", c.name, got, c.last)
		}
		if p := problems(last); p != nil {
			t.Errorf("%s: %v", c.name, p)
		}
	}
}

func TestMixedEncodingsAreRefusedNamingTheRow(t *testing.T) {
	t.Parallel()
	head, row := "商品名称,商品代码\n", "新乡鸭梨,1\n"
	for _, c := range []struct {
		name, data string
		rows       int
		args       []any
	}{
		{"GB18030 after UTF-8", head + row + gb(t, row), 1, []any{"UTF-8", 2}},
		{"GB18030 at once after a UTF-8 header", head + gb(t, row), 0, []any{"UTF-8", 1}},
		{"UTF-8 after GB18030", gb(t, head+row) + "新乡鸭梨铺,1\n", 1, []any{"GB18030", 2}},
		{"UTF-8 after GB18030, where GB18030 accepts it", gb(t, head+row) + row, 1, []any{"GB18030", 2}},
		{"far behind", "SP_MC,SP_DM\n" + strings.Repeat(row, 10_000) + gb(t, row), 10_000, []any{"UTF-8", 10_001}},
		{"GB18030 after a BOM", "\uFEFF" + head + gb(t, row), 0, []any{"UTF-8", 1}},
	} {
		_, rows, err := readAll(strings.NewReader(c.data), Limits{})
		if codeOf(err) != "sheet.encoding_mixed" || len(rows) != c.rows {
			t.Errorf("%s: %d rows, %v", c.name, len(rows), err)
			continue
		}
		f := asFault(t, err)
		if f.Args[0] != c.args[0] || f.Args[1] != c.args[1] {
			t.Errorf("%s: %v, want %v", c.name, f.Args, c.args)
		}
	}
}

func TestSeparatorsAreTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, data string }{
		{"comma", "商品名称,商品代码,规格\n\"鸭,梨;\t\"\"甲\"\"\",1,大\n"},
		{"semicolon", "商品名称;商品代码;规格\n\"鸭,梨;\t\"\"甲\"\"\";1;大\n"},
		{"tab", "商品名称\t商品代码\t规格\n\"鸭,梨;\t\"\"甲\"\"\"\t1\t大\n"},
		{"Excel's hint", "sep=;\r\n商品名称;商品代码;规格\r\n\"鸭,梨;\t\"\"甲\"\"\";1;大\r\n"},
		{"quoted headers", "\"商品名称\";\"商品\n代码\";\"规格\"\n\"鸭,梨;\t\"\"甲\"\"\";1;大\n"},
		{"GB18030 with semicolon", gb(t, "商品名称;商品代码;规格\n\"鸭,梨;\t\"\"甲\"\"\";1;大\n")},
	} {
		rows := mustRead(t, c.data)
		if got := rows[0].Get("name"); got != "鸭,梨;\t\"甲\"" || rows[0].Get("code") != "1" || rows[0].Get("size") != "大" {
			t.Errorf("%s: %q", c.name, rows[0].Cells())
		}
	}
}

func TestOneColumnIsEnough(t *testing.T) {
	t.Parallel()
	one := Schema{Name: "one", Columns: []Column{{Field: "name", Header: "名称", Required: true}}}
	r, err := Open(one, strings.NewReader("名称\n梨\n"), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if row, err := r.Next(); err != nil || row.Get("name") != "梨" {
		t.Errorf("%v %v", row, err)
	}
}

func TestRowNumbersCountEmptyRows(t *testing.T) {
	t.Parallel()
	rows := mustRead(t, "商品名称,商品代码\n梨,1\n\n,\n苹果,2\n\n\n")
	if len(rows) != 2 || rows[0].Number != 1 || rows[1].Number != 4 {
		t.Errorf("%+v", rows)
	}
}

func TestNumbersKeptAsTextComeBackPlain(t *testing.T) {
	t.Parallel()
	rows := mustRead(t, "商品名称,商品代码\n\"=\"\"001\"\"\",\"=\"\"002\"\"\"\n'=1+1,00123\t\n")
	for i, want := range [][2]string{{"001", "002"}, {"=1+1", "00123"}} {
		if rows[i].Get("name") != want[0] || rows[i].Get("code") != want[1] {
			t.Errorf("%q, want %q", rows[i].Cells(), want)
		}
	}
}
