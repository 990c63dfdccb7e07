package sheet

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"
)

// workbook writes a file by hand, so that what excelize never writes can be
// read too. Parts override or add to the least a workbook needs.
func workbook(t testing.TB, sheetData string, parts map[string]string) []byte {
	t.Helper()
	all := map[string]string{
		"[Content_Types].xml":        `<Types><Default Extension="xml" ContentType="application/xml"/></Types>`,
		"_rels/.rels":                `<Relationships><Relationship Id="r1" Type="http://x/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml":            `<workbook xmlns:r="y"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="r1" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`,
		"xl/worksheets/sheet1.xml":   `<worksheet><sheetData>` + sheetData + `</sheetData></worksheet>`,
	}
	for name, content := range parts {
		all[name] = content
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range all {
		if content == "-" {
			continue
		}
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// cells writes a row of inline texts.
func inlineRow(values ...string) string {
	var b strings.Builder
	b.WriteString("<row>")
	for _, v := range values {
		b.WriteString(`<c t="inlineStr"><is><t>` + v + `</t></is></c>`)
	}
	return b.String() + "</row>"
}

var inlineHeader = inlineRow("商品名称", "商品代码", "生产日期", "单价(元)", "规格")

// excel builds a file with excelize; fill works on sheet "Sheet1".
func excel(t testing.TB, fill func(f *excelize.File)) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	fill(f)
	b, err := f.WriteToBuffer()
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func must0(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestXLSXCellsComeOutAsAPersonReadsThem(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	chinese := `yyyy"年"m"月"d"日";@`
	dayOnly, clock := "d-mmm-yy", "yyyy/m/d h:mm"
	zeros := "000000"
	for _, c := range []struct {
		name  string
		value any
		style *excelize.Style
		field string
		want  string
		odd   string
	}{
		{"text", "  鸭梨 ", nil, "name", "鸭梨", ""},
		{"line end", "a\r\nb", nil, "name", "a\r\nb", ""},
		{"built-in day", day, &excelize.Style{NumFmt: 14}, "madeOn", "2026-01-31", ""},
		{"Chinese built-in day", day, &excelize.Style{NumFmt: 31}, "madeOn", "2026-01-31", ""},
		{"Chinese custom day", day, &excelize.Style{CustomNumFmt: &chinese}, "madeOn", "2026-01-31", ""},
		{"format without the year", day, &excelize.Style{CustomNumFmt: &dayOnly}, "madeOn", "2026-01-31", ""},
		{"day and time", day.Add(90 * time.Minute), &excelize.Style{CustomNumFmt: &clock}, "madeOn", "2026-01-31 01:30:00", ""},
		{"day written as text", "2026年1月31日", nil, "madeOn", "2026-01-31", ""},
		{"serial without format stays a number", 46053, nil, "madeOn", "46053", ""},
		{"day in a text column", day, &excelize.Style{NumFmt: 14}, "name", "2026-01-31", ""},
		{"money", 1234.5, &excelize.Style{NumFmt: 4}, "price", "1234.5", ""},
		{"binary noise", 0.1 + 0.2, nil, "price", "0.3", ""},
		{"six decimals", 0.000001, nil, "price", "0.000001", ""},
		{"negative", -5, nil, "price", "-5", ""},
		{"code as a number", 410700, nil, "code", "410700", ""},
		{"code with leading zeros by format", 123, &excelize.Style{CustomNumFmt: &zeros}, "code", "000123", ""},
		{"15 digits", 123456789012345, nil, "code", "123456789012345", ""},
		{"16 digits", 1234567890123456, nil, "code", "1234567890123456", "sheet.digits_lost"},
		{"18 digits", 9.14107001234567e17, nil, "code", "914107001234567000", "sheet.digits_lost"},
		{"18 digits as text", "914107001234567890", nil, "code", "914107001234567890", ""},
		{"18 digits as a number in a text", 9.14107001234567e17, nil, "name", "914107001234567000", "sheet.digits_lost"},
		{"truth", true, nil, "name", "TRUE", ""},
	} {
		data := excel(t, func(f *excelize.File) {
			must0(t, f.SetSheetRow("Sheet1", "A1", &[]any{"SP_MC", "SP_DM", "SP_RQ", "单价(元)", "规格"}))
			must0(t, f.SetSheetRow("Sheet1", "A2", &[]any{"x", "1"}))
			at := map[string]string{"name": "A2", "code": "B2", "madeOn": "C2", "price": "D2"}[c.field]
			must0(t, f.SetCellValue("Sheet1", at, c.value))
			if c.style != nil {
				id, err := f.NewStyle(c.style)
				must0(t, err)
				must0(t, f.SetCellStyle("Sheet1", at, at, id))
			}
		})
		_, rows, err := readAll(bytes.NewReader(data), Limits{})
		if err != nil || len(rows) != 1 {
			t.Errorf("%s: %d rows, %v", c.name, len(rows), err)
			continue
		}
		if got := rows[0].Get(c.field); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		var want []string
		if c.odd != "" {
			want = []string{c.field + ":" + c.odd}
		}
		if diff := cmp.Diff(want, problems(rows[0])); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestXLSXSerialDays(t *testing.T) {
	t.Parallel()
	day, both := numberFormat{day: true}, numberFormat{day: true, clock: true}
	for _, c := range []struct {
		stored string
		format numberFormat
		epoch  bool
		want   string
	}{
		{"1", day, false, "1900-01-01"}, {"59", day, false, "1900-02-28"}, {"60", day, false, "1900-02-29"}, {"61", day, false, "1900-03-01"},
		{"0", day, true, "1904-01-01"}, {"44592", day, true, "2026-02-01"}, {"2958465", day, false, "9999-12-31"}, {"2958466", day, false, "2958466"},
		{"-1", day, false, "-1"}, {"46053.99999999", both, false, "2026-02-01"}, {"46053.5", day, false, "2026-01-31"},
		{"46053.5", both, false, "2026-01-31 12:00:00"}, {"0.5", numberFormat{clock: true}, false, "12:00:00"},
		{"1E+300", day, false, "1" + strings.Repeat("0", 300)}, {"1e999", day, false, "1e999"}, {"NaN", day, false, "NaN"},
	} {
		if got, _ := number(c.stored, c.format, c.epoch); got != c.want {
			t.Errorf("%s %+v: %s, want %s", c.stored, c.format, got, c.want)
		}
	}
}

func TestNumberFormatsThatMeanADay(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]numberFormat{
		"General": {}, "G/通用格式": {}, "0.00": {}, "#,##0.00_ ;[Red]-#,##0.00": {}, "0.00E+00": {}, `0"d"`: {}, `0\d`: {}, "@": {}, "[DBNum1]General": {},
		"yyyy-mm-dd": {day: true}, "YYYY/M/D": {day: true}, `[$-804]yyyy"年"m"月"d"日";@`: {day: true}, "mmm": {day: true}, "e年": {day: true}, "[Red]d": {day: true},
		"h:mm": {clock: true}, "[h]:mm": {clock: true}, "mm:ss": {clock: true}, "h AM/PM": {clock: true}, "yyyy-m-d h:mm": {day: true, clock: true},
		"00000": {zeros: 5}, "0": {}, `"open`: {}, "[open": {},
	} {
		if got := parseFormat(code); got != want {
			t.Errorf("%q: %+v, want %+v", code, got, want)
		}
	}
}

func TestXLSXByHand(t *testing.T) {
	t.Parallel()
	shared := map[string]string{
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="r1" Type="http://purl.oclc.org/ooxml/officeDocument/relationships/worksheet" Target="/xl/worksheets/sheet1.xml"/>
			<Relationship Id="r2" Type="http://x/sharedStrings" Target="sharedStrings.xml"/></Relationships>`,
		"xl/sharedStrings.xml": `<x:sst xmlns:x="z"><x:si><x:t>鸭</x:t></x:si><x:si><x:r><x:t>获</x:t></x:r><x:r><x:t>嘉</x:t></x:r><x:rPh><x:t>huo</x:t></x:rPh></x:si><x:si><x:t>a_x0000_b</x:t></x:si></x:sst>`,
	}
	for _, c := range []struct {
		name, rows string
		parts      map[string]string
		want       []string
		problems   []string
		number     int
		code       string
	}{
		{"inline", inlineHeader + inlineRow("梨", "1"), nil, []string{"梨", "1", "", "", ""}, nil, 1, ""},
		{"shared, rich and phonetic", inlineHeader + `<row r="9"><c r="A9" t="s"><v>1</v></c><c r="B9" t="s"><v>0</v></c></row>`, shared, []string{"获嘉", "鸭", "", "", ""}, nil, 8, ""},
		{"escaped NUL", inlineHeader + `<row><c t="s"><v>2</v></c><c><v>1</v></c></row>`, shared, []string{"a\x00b", "1", "", "", ""}, []string{"name:sheet.control_character"}, 1, ""},
		{"text that looks escaped", inlineHeader + inlineRow("a_x005F_x000D_b_x", "_x1"), nil, []string{"a_x000D_b_x", "_x1", "", "", ""}, nil, 1, ""},
		{"prefixed names", strings.NewReplacer("</", "</x:", "<", "<x:").Replace(inlineHeader + inlineRow("梨", "1")), nil, []string{"梨", "1", "", "", ""}, nil, 1, ""},
		{"cached value of a formula", inlineHeader + `<row><c t="str"><f>A1&amp;"x"</f><v>梨</v></c><c><f>1+1</f><v>2</v></c></row>`, nil, []string{"梨", "2", "", "", ""}, nil, 1, ""},
		{"formula that gives nothing", inlineHeader + `<row><c t="inlineStr"><is><t>梨</t></is></c><c><v>1</v></c><c t="str"><f>""</f><v></v></c></row>`, nil, []string{"梨", "1", "", "", ""}, nil, 1, ""},
		{"formula without value", inlineHeader + `<row><c><f>A1</f></c><c><v>1</v></c></row>`, nil, []string{"", "1", "", "", ""}, []string{"name:sheet.formula_without_value"}, 1, ""},
		{"formula in error", inlineHeader + `<row><c t="e"><f>A1/0</f><v>#DIV/0!</v></c><c><v>1</v></c></row>`, nil, []string{"#DIV/0!", "1", "", "", ""}, []string{"name:sheet.formula_error"}, 1, ""},
		{"ISO day", inlineHeader + `<row><c><v>1</v></c><c><v>1</v></c><c t="d"><v>2026-01-31T00:00:00</v></c></row>`, nil, []string{"1", "1", "2026-01-31", "", ""}, nil, 1, ""},
		{"cell behind the header", inlineHeader + `<row><c r="A2"><v>1</v></c><c r="B2"><v>1</v></c><c r="AA2"><v>9</v></c></row>`, nil, []string{"1", "1", "", "", ""}, []string{":sheet.cell_without_header"}, 1, ""},
		{"cells at the last column", inlineHeader + `<row><c r="A2"><v>1</v></c><c r="B2"><v>1</v></c><c r="XFC2"><v>8</v></c><c r="XFD2"><v>9</v></c></row>`, nil, []string{"1", "1", "", "", ""}, []string{":sheet.cell_without_header"}, 1, ""},
		{"header at the last column", `<row><c r="A1" t="inlineStr"><is><t>商品名称</t></is></c><c r="B1" t="inlineStr"><is><t>商品代码</t></is></c><c r="XFD1"><v>9</v></c></row>` + inlineRow("梨", "1"), nil, nil, nil, 0, "sheet.too_many_columns"},
		{"exponent", inlineHeader + `<row><c><v>1</v></c><c><v>1.2E+5</v></c></row>`, nil, []string{"1", "120000", "", "", ""}, nil, 1, ""},
		{"neutralised", inlineHeader + inlineRow("&apos;=1+1", "1"), nil, []string{"=1+1", "1", "", "", ""}, nil, 1, ""},
		{"styled but empty rows", inlineHeader + `<row r="2"><c r="A2" s="1"/></row>` + `<row r="5"><c><v>1</v></c><c><v>1</v></c></row><row r="6"><c s="3"/></row>`, nil, []string{"1", "1", "", "", ""}, nil, 4, ""},
		{"no shared text of that number", inlineHeader + `<row><c t="s"><v>7</v></c></row>`, shared, nil, nil, 0, "sheet.xlsx_broken"},
		{"rows out of order", inlineHeader + `<row r="3"><c><v>1</v></c></row><row r="2"><c><v>1</v></c></row>`, nil, nil, nil, 0, "sheet.xlsx_broken"},
		{"cells out of order", inlineHeader + `<row><c r="B2"><v>1</v></c><c r="A2"><v>1</v></c></row>`, nil, nil, nil, 0, "sheet.xlsx_broken"},
		{"column beyond Excel", inlineHeader + `<row><c r="ZZZZ2"><v>1</v></c></row>`, nil, nil, nil, 0, "sheet.xlsx_broken"},
		{"row beyond Excel", inlineHeader + `<row r="99999999999"><c><v>1</v></c></row>`, nil, nil, nil, 0, "sheet.xlsx_broken"},
		{"cut off", inlineHeader + `<row><c><v>1</v></c><c><v>1`, map[string]string{"xl/worksheets/sheet1.xml": "<worksheet><sheetData>" + inlineHeader + "<row><c><v>1"}, nil, nil, 0, "sheet.xlsx_broken"},
		{"entity bomb", "", map[string]string{"xl/worksheets/sheet1.xml": `<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet><sheetData><row><c t="inlineStr"><is><t>&a;</t></is></c></row></sheetData></worksheet>`}, nil, nil, 0, "sheet.xlsx_broken"},
		{"no rows at all", "", nil, nil, nil, 0, "sheet.empty"},
		{"header only", inlineHeader, nil, nil, nil, 0, "sheet.header_only"},
		{"title row", inlineRow("商品一览") + inlineHeader + inlineRow("梨", "1"), nil, nil, nil, 0, "sheet.not_a_header"},
		{"macros by part", inlineHeader, map[string]string{"xl/vbaProject.bin": "x"}, nil, nil, 0, "sheet.macros"},
		{"macros by content type", inlineHeader, map[string]string{"[Content_Types].xml": `<Types><Override PartName="/xl/workbook.xml" ContentType="application/vnd.ms-excel.sheet.macroEnabled.main+xml"/></Types>`}, nil, nil, 0, "sheet.macros"},
		{"embedded file", inlineHeader, map[string]string{"xl/embeddings/a.zip": "PK"}, nil, nil, 0, "sheet.embedded"},
		{"path out of the archive", inlineHeader, map[string]string{"../../etc/x": "x"}, nil, nil, 0, "sheet.zip_odd"},
		{"absolute path", inlineHeader, map[string]string{"/etc/x": "x"}, nil, nil, 0, "sheet.zip_odd"},
		{"part twice but for case", inlineHeader, map[string]string{"XL/workbook.xml": "x"}, nil, nil, 0, "sheet.zip_odd"},
		{"just a zip", "", map[string]string{"[Content_Types].xml": "-"}, nil, nil, 0, "sheet.zip_not_xlsx"},
		{"text document", "", map[string]string{"_rels/.rels": `<Relationships><Relationship Id="r1" Type="http://x/officeDocument" Target="word/document.xml"/></Relationships>`}, nil, nil, 0, "sheet.zip_not_xlsx"},
		{"binary workbook", "", map[string]string{"_rels/.rels": `<Relationships><Relationship Id="r1" Type="http://x/officeDocument" Target="xl/workbook.bin"/></Relationships>`}, nil, nil, 0, "sheet.zip_not_xlsx"},
		{"sheet missing", inlineHeader, map[string]string{"xl/worksheets/sheet1.xml": "-"}, nil, nil, 0, "sheet.xlsx_broken"},
	} {
		data := workbook(t, c.rows, c.parts)
		for _, r := range []io.Reader{bytes.NewReader(data), only{bytes.NewReader(data)}} {
			_, rows, err := readAll(r, Limits{})
			if got := codeOf(err); got != c.code {
				t.Errorf("%s: %s, want %s (%v)", c.name, got, c.code, err)
				continue
			}
			if c.code != "" {
				continue
			}
			if len(rows) != 1 || rows[0].Number != c.number {
				t.Errorf("%s: %+v", c.name, rows)
				continue
			}
			if diff := cmp.Diff(c.want, rows[0].Cells()); diff != "" {
				t.Errorf("%s: %s", c.name, diff)
			}
			if diff := cmp.Diff(c.problems, problems(rows[0])); diff != "" {
				t.Errorf("%s: %s", c.name, diff)
			}
		}
	}
}

func TestXLSXSheetsAreChosenByTheirHeaders(t *testing.T) {
	t.Parallel()
	rows := func(f *excelize.File, sheet string, n int) {
		if i, _ := f.GetSheetIndex(sheet); i < 0 {
			_, err := f.NewSheet(sheet)
			must0(t, err)
		}
		must0(t, f.SetSheetRow(sheet, "A1", &[]any{"商品名称", "商品代码"}))
		for i := range n {
			must0(t, f.SetSheetRow(sheet, fmt.Sprintf("A%d", i+2), &[]any{sheet, "1"}))
		}
	}
	for _, c := range []struct {
		name string
		fill func(f *excelize.File)
		want string
		code string
	}{
		{"one", func(f *excelize.File) { rows(f, "Sheet1", 1) }, "Sheet1", ""},
		{"empty ones besides", func(f *excelize.File) { rows(f, "Sheet1", 1); _, _ = f.NewSheet("Sheet2") }, "Sheet1", ""},
		{"notes first", func(f *excelize.File) { _ = f.SetCellStr("Sheet1", "A1", "说明"); rows(f, "B", 1) }, "B", ""},
		{"a legend besides", func(f *excelize.File) {
			rows(f, "Sheet1", 1)
			_, _ = f.NewSheet("B")
			_ = f.SetCellStr("B", "A1", "说明")
		}, "Sheet1", ""},
		{"a second with a header only", func(f *excelize.File) { rows(f, "Sheet1", 1); rows(f, "B", 0) }, "Sheet1", ""},
		{"a second with rows", func(f *excelize.File) { rows(f, "Sheet1", 1); rows(f, "B", 1) }, "", "sheet.second_sheet"},
		{"a hidden one with rows", func(f *excelize.File) { rows(f, "Sheet1", 1); rows(f, "B", 1); must0(t, f.SetSheetVisible("B", false)) }, "Sheet1", ""},
	} {
		_, got, err := readAll(bytes.NewReader(excel(t, c.fill)), Limits{})
		if codeOf(err) != c.code || c.code == "" && (len(got) != 1 || got[0].Get("name") != c.want) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
}

func TestZipBombsAreRefusedBeforeAndWhileInflating(t *testing.T) {
	t.Parallel()
	big := inlineHeader + strings.Repeat(" ", 8<<20) + inlineRow("梨", "1")
	declared := workbook(t, big, nil)
	if _, _, err := readAll(bytes.NewReader(declared), Limits{}); codeOf(err) != "sheet.zip_bomb" {
		t.Errorf("ratio: %v", err)
	}
	if _, _, err := readAll(bytes.NewReader(workbook(t, inlineHeader+inlineRow("梨", "1"), nil)), Limits{InflatedBytes: 300}); codeOf(err) != "sheet.zip_bomb" {
		t.Errorf("declared size: %v", err)
	}
	// One long token must not fill the memory, whatever the ratio allows.
	if _, _, err := readAll(bytes.NewReader(declared), Limits{Ratio: 2000, RowBytes: 1 << 16}); codeOf(err) != "sheet.zip_bomb" {
		t.Errorf("token: %v", err)
	}
	// A size that is a lie: the central directory says 100 bytes.
	lying := bytes.Clone(declared)
	at := bytes.LastIndex(lying, []byte("xl/worksheets/sheet1.xml"))
	binary.LittleEndian.PutUint32(lying[at-46+24:], 100)
	if _, _, err := readAll(bytes.NewReader(lying), Limits{}); codeOf(err) != "sheet.xlsx_broken" {
		t.Errorf("lying size: %v", err)
	}
	// Text of many cells, each small.
	var many strings.Builder
	many.WriteString(inlineHeader)
	for range 2000 {
		many.WriteString(inlineRow("梨", "1"))
	}
	if _, _, err := readAll(bytes.NewReader(workbook(t, many.String(), nil)), Limits{XLSXBytes: 100}); codeOf(err) != "sheet.xlsx_too_large" {
		t.Errorf("file size: %v", err)
	}
	if _, rows, err := readAll(bytes.NewReader(workbook(t, many.String(), nil)), Limits{Rows: 1999}); codeOf(err) != "sheet.too_many_rows" || len(rows) != 1999 {
		t.Errorf("rows: %d %v", len(rows), err)
	}
}

func TestSharedTextsAreBounded(t *testing.T) {
	t.Parallel()
	data := excel(t, func(f *excelize.File) {
		must0(t, f.SetSheetRow("Sheet1", "A1", &[]any{"商品名称", "商品代码"}))
		for i := range 100 {
			must0(t, f.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+2), &[]any{fmt.Sprintf("%0100d", i), "1"}))
		}
	})
	if _, rows, err := readAll(bytes.NewReader(data), Limits{SharedTextBytes: 20_000}); err != nil || len(rows) != 100 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	if _, _, err := readAll(bytes.NewReader(data), Limits{SharedTextBytes: 5_000}); codeOf(err) != "sheet.xlsx_too_much_text" {
		t.Errorf("%v", err)
	}
}

func TestOverlongListOfEntriesIsRefused(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range 50_000 {
		w, err := z.CreateRaw(&zip.FileHeader{Name: fmt.Sprintf("%040d", i), CRC32: crc32.ChecksumIEEE(nil)})
		must0(t, err)
		_, _ = w.Write(nil)
	}
	must0(t, z.Close())
	if _, _, err := readAll(bytes.NewReader(b.Bytes()), Limits{}); codeOf(err) != "sheet.zip_odd" {
		t.Errorf("%v", err)
	}
}

func TestPasswordAndOldFormatsAreNamed(t *testing.T) {
	t.Parallel()
	f := excelize.NewFile()
	must0(t, f.SetSheetRow("Sheet1", "A1", &[]any{"商品名称", "商品代码"}))
	var locked bytes.Buffer
	must0(t, f.Write(&locked, excelize.Options{Password: "secret"}))
	zipLocked := workbook(t, inlineHeader, nil)
	at := bytes.LastIndex(zipLocked, []byte("PK\x01\x02"))
	zipLocked[at+8] |= 1
	for _, c := range []struct {
		name string
		data []byte
		code string
	}{
		{"excelize's encryption", locked.Bytes(), "sheet.password"},
		{"by stream names", container("EncryptionInfo", "EncryptedPackage"), "sheet.password"},
		{"encrypted zip entry", zipLocked, "sheet.password"},
		{"XLS", container("Workbook"), "sheet.xls"},
		{"older XLS", container("Book"), "sheet.xls"},
		{"old text document", container("WordDocument"), "sheet.unknown_format"},
		{"container cut short", container("Workbook")[:100], "sheet.unknown_format"},
		{"directory beyond the end", container("Workbook")[:600], "sheet.unknown_format"},
	} {
		for _, r := range []io.Reader{bytes.NewReader(c.data), only{bytes.NewReader(c.data)}} {
			if _, _, err := readAll(r, Limits{}); codeOf(err) != c.code {
				t.Errorf("%s: %v, want %s", c.name, err, c.code)
			}
		}
	}
}

// container is an OLE compound file with nothing but names in its directory.
func container(streams ...string) []byte {
	b := make([]byte, 512*4)
	copy(b, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")
	binary.LittleEndian.PutUint16(b[30:], 9)
	binary.LittleEndian.PutUint32(b[48:], 1)
	for i, name := range append([]string{"Root Entry"}, streams...) {
		entry := b[1024+128*i:]
		for j, c := range utf16.Encode([]rune(name)) {
			binary.LittleEndian.PutUint16(entry[2*j:], c)
		}
		binary.LittleEndian.PutUint16(entry[64:], uint16(2*len(name)+2))
	}
	return b
}
