package function

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/simplifiedchinese"

	"ipcredit/shared/batch"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
)

func TestAnswerHasTheFixedShape(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		a := c.as("").post("kind=penalty", table(header, penalty(1), penalty(1), spoilt(penalty(2), atDate, "2026-02-30")))
		if a.StatusCode != http.StatusCreated || a.Header.Get("Content-Type") != "application/json; charset=utf-8" || a.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v %s", a.StatusCode, a.Header, a.body)
		}
		var shape map[string]any
		if err := json.Unmarshal(a.body, &shape); err != nil {
			t.Fatal(err)
		}
		if got, want := slices.Sorted(maps.Keys(shape)), []string{"accepted", "duplicates", "errors", "id", "kind", "rejected", "rows"}; !slices.Equal(got, want) {
			t.Errorf("members %q, want %q", got, want)
		}
		one := shape["errors"].([]any)[0].(map[string]any)
		if got, want := slices.Sorted(maps.Keys(one)), []string{"code", "field", "message", "row"}; !slices.Equal(got, want) {
			t.Errorf("members of an error %q, want %q", got, want)
		}
		b := a.read(t)
		if b.Kind != "penalty" || b.Rows != 3 || b.Accepted != 1 || b.Duplicates != 1 || b.Rejected != 1 {
			t.Errorf("%s", a.body)
		}
		if e := b.Errors[0]; e.Row != 3 || e.Field != "CF_JDRQ" || e.Code == "" || !strings.Contains(e.Message, "日") {
			t.Errorf("error %+v", e)
		}
		if want := prefix + "/batches/" + b.ID; a.Header.Get("Location") != want {
			t.Errorf("Location %q, want %q", a.Header.Get("Location"), want)
		}
		again := c.as("").get("/batches/" + b.ID).read(t)
		if again.State != "done" || again.Total != 3 || again.Accepted != 1 || len(again.Errors) != 1 {
			t.Errorf("asked again: %+v", again)
		}
		p, err := c.credit.Load(t.Context(), code(1))
		if err != nil || len(p.Records) != 1 || p.Records[0].Content.Penalty.FineFen != 2_000_000 {
			t.Errorf("the record: %+v %v", p, err)
		}
	})
}

func TestWhoMayNotHandInIsToldWhy(t *testing.T) {
	c := embedded(t)
	body := table(header, penalty(1))
	expired := c.key("lead", "2026-05-21", staff.ScopeMaterial)
	other := c.staff.Demo.APIKeys[staff.ScopeLookup]
	tests := []struct {
		name   string
		client client
		after  time.Duration
		status int
		code   string
	}{
		{"no key", c.anybody(), 0, 401, "material-intake.sign_in"},
		{"no such key", c.as("ipc_000000000000_000000000000000000000000000"), 0, 401, "staff.key.none"},
		{"another scheme", c.anybody().with("Authorization", "Basic Zm9vOmJhcg=="), 0, 401, "staff.key.none"},
		{"no such session", c.anybody().with("Cookie", staff.CookiePlain+"="+strings.Repeat("A", 43)), 0, 401, "staff.signed_out"},
		{"without the scope", c.as(other), 0, 403, "staff.key.scope"},
		{"signed in without the role", c.browser("lead.handler").with("Accept", "application/json"), 0, 403, ""},
		{"on its last day", c.as(expired), 0, 201, ""},
		{"expired", c.as(expired), 48 * time.Hour, 401, "staff.key.none"},
	}
	for _, tt := range tests {
		c.clock.Pass(tt.after)
		a := tt.client.post("kind=penalty", body)
		b := a.read(t)
		if a.StatusCode != tt.status || tt.code != "" && b.Code != tt.code {
			t.Errorf("%s: %d %s, want %d %s", tt.name, a.StatusCode, a.body, tt.status, tt.code)
		}
		if tt.status == 401 && !strings.HasPrefix(a.Header.Get("Www-Authenticate"), "Bearer") {
			t.Errorf("%s: no Www-Authenticate", tt.name)
		}
		if tt.status >= 400 && (a.Header.Get("Content-Type") != "application/problem+json; charset=utf-8" || b.Detail == "" || b.Status != tt.status) {
			t.Errorf("%s: no problem document: %s", tt.name, a.body)
		}
	}
	for _, path := range []string{"/batches", "/batches/b00000000000000000000", "/batches/b00000000000000000000/errors.xlsx"} {
		if a := c.anybody().get(path); a.StatusCode != 401 {
			t.Errorf("%s without a key: %d", path, a.StatusCode)
		}
	}
}

func TestTooManyCallsAreRefusedForAWhile(t *testing.T) {
	c := embedded(t)
	k := c.as("")
	var a answer
	for range 1000 {
		if a = k.get("/batches"); a.StatusCode != http.StatusOK {
			break
		}
	}
	if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") != "1" {
		t.Fatalf("%d, Retry-After %q", a.StatusCode, a.Header.Get("Retry-After"))
	}
	if a := k.post("kind=penalty", table(header, penalty(1))); a.StatusCode != http.StatusTooManyRequests {
		t.Errorf("an upload: %d", a.StatusCode)
	}
	c.clock.Pass(time.Second)
	if a := k.get("/batches"); a.StatusCode != http.StatusOK {
		t.Errorf("a second later: %d", a.StatusCode)
	}
}

// zipped is a zip archive with one stored name.
func zipped(t *testing.T, name string, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	w, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	for n := 0; n < size; n += len(zeros) {
		if _, err := w.Write(zeros[:min(len(zeros), size-n)]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFileThatCannotBeReadIsRefusedWholeAndSaysWhy(t *testing.T) {
	c := embedded(t)
	good := table(header, penalty(1))
	gbk, err := simplifiedchinese.GB18030.NewEncoder().Bytes(table(header, penalty(2))[len(table(header)):])
	if err != nil {
		t.Fatal(err)
	}
	late := table(header, penalties(1500)...)
	tests := []struct {
		name   string
		query  string
		body   []byte
		status int
		code   string // or its beginning, up to a dot
		field  string
	}{
		{"no kind", "", good, 400, "batch.kind", "kind"},
		{"unknown kind", "kind=trademark", good, 400, "batch.kind", "kind"},
		{"bad switch", "kind=penalty&dryRun=maybe", good, 400, "material-intake.yes_no", "dryRun"},
		{"nothing", "kind=penalty", nil, 400, "sheet.empty", ""},
		{"white space", "kind=penalty", []byte(" \r\n\t\n"), 400, "sheet.empty", ""},
		{"header only", "kind=penalty", table(header), 400, "sheet.header_only", ""},
		{"unknown header", "kind=penalty", table(append([]string{"处罚心情"}, header...), append([]string{"x"}, penalty(1)...)), 400, "sheet.unknown_header", "处罚心情"},
		{"header nearly right", "kind=penalty", table(spoilt(header, atCode, "统一社会信用代号"), penalty(1)), 400, "sheet.unknown_header_near", "统一社会信用代号"},
		{"header twice", "kind=penalty", table(append([]string{"CF_XDR_SHXYM"}, header...), append([]string{code(1)}, penalty(1)...)), 400, "sheet.duplicate_header", ""},
		{"header missing", "kind=penalty", table(header[1:], penalty(1)[1:]), 400, "sheet.missing_header", "行政处罚决定书文号"},
		{"two encodings in one file", "kind=penalty", append(slices.Clone(good), gbk...), 400, "sheet.", ""},
		{"two encodings, far into the file", "kind=penalty", append(slices.Clone(late), gbk...), 400, "sheet.", ""},
		{"neither UTF-8 nor GB18030", "kind=penalty", append(slices.Clone(good), 0xff, 0xfe, 0xff, '\n'), 400, "sheet.", ""},
		{"a zip that is no spreadsheet", "kind=penalty", zipped(t, "readme.txt", 100), 0, "sheet.", ""},
		{"a zip bomb", "kind=penalty", zipped(t, "xl/worksheets/sheet1.xml", 64<<20), 0, "sheet.", ""},
		{"half a zip", "kind=penalty", zipped(t, "xl/worksheets/sheet1.xml", 5000)[:40], 0, "sheet.", ""},
		{"an image", "kind=penalty", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), 0, "sheet.", ""},
		{"half a JSON document", "kind=penalty", []byte(`[{"instrumentNo":"新测市监处罚〔2026〕1号"`), 400, "sheet.", ""},
		{"all or nothing, too long", "kind=penalty&atomic=1", table(header, penalties(batch.MaxAtomic+1)...), 413, "batch.atomic_rows", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := c.as("").post(tt.query, tt.body)
			b := a.read(t)
			if a.StatusCode < 400 || a.StatusCode >= 500 || tt.status != 0 && a.StatusCode != tt.status || !strings.HasPrefix(b.Code, tt.code) {
				t.Fatalf("%d %s, want %d %s", a.StatusCode, a.body, tt.status, tt.code)
			}
			if b.Detail == "" || strings.Contains(b.Detail, "〔fault") || strings.Contains(b.Detail, "%!") {
				t.Errorf("worded %q", b.Detail)
			}
			if tt.field != "" && (len(b.Errors) == 0 || b.Errors[0].Field != tt.field) {
				t.Errorf("fields %+v, want %s", b.Errors, tt.field)
			}
			if _, err := c.credit.View(t.Context(), code(0), c.clock.Now()); !fault.Is(err, fault.NotFound) {
				t.Errorf("a row of a refused file went in: %v", err)
			}
		})
	}
	for _, b := range c.batches(t) {
		if b.Accepted != 0 || b.State != batch.Failed {
			t.Errorf("batch %+v after a refusal", b)
		}
		now := c.as("").get("/batches/" + b.ID).read(t)
		if now.State != "failed" || now.Problem == nil || now.Problem.Detail == "" || now.Problem.Status < 400 {
			t.Errorf("asked later: %+v", now)
		}
	}
}

// batches are all of the lead bureau.
func (c *city) batches(t *testing.T) []batch.Batch {
	t.Helper()
	list, _, err := c.store.Of(t.Context(), "lead", "", 200)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestEachBadRowIsNamedWithFieldCodeAndReason(t *testing.T) {
	c := embedded(t)
	wrong := func(at int) string { // another character that is allowed there
		s := []byte(code(7))
		if s[at] == '1' {
			s[at] = '2'
		} else {
			s[at] = '1'
		}
		return string(s)
	}
	tests := []struct {
		name  string
		at    int
		value string
		code  string
		says  string
	}{
		{"check character 18 wrong", atCode, wrong(17), "", "18"},
		{"check character 17 wrong", atCode, wrong(16), "", "17"},
		{"a letter that codes do not have", atCode, "91410702MAO000001X", "", "O"},
		{"too short", atCode, "91410702MA", "", "18"},
		{"no code", atCode, "", "", ""},
		{"30 February", atDate, "2026-02-30", "", ""},
		{"a day that is yet to come", atDate, "2099-01-01", "", ""},
		{"no date at all", atDate, "去年春天", "", ""},
		{"document number without its year", atNumber, "新测市监处罚1号", "", ""},
		{"no name", atName, "", "", ""},
		{"class that is none", atClasses, "口头批评", "", ""},
		{"money in words", atFine, "贰万", "", ""},
		{"a ten-millionth of 10,000 yuan", atFine, "0.0000001", "", ""},
		{"negative money", atFine, "-2", "", ""},
		{"NUL", atFacts, "销售\x00侵权商品", "", ""},
		{"bidi override", atFacts, "销售\u202e侵权商品", "", ""},
		{"zero width", atName, "新乡市\u200b测试有限公司", "", ""},
		{"an enterprise as authority", atAuthorityCode, "91410771MA00AAA104", "", ""},
		{"authority with a wrong check character", atAuthorityCode, "11410700000000019V", "", ""},
	}
	rows := [][]string{penalty(0)}
	for i, tt := range tests {
		rows = append(rows, spoilt(penalty(i+1), tt.at, tt.value))
	}
	for _, lang := range []string{"", "en"} {
		k := c.as("")
		if lang != "" {
			k = k.with("Accept-Language", lang)
		}
		b := k.post("kind=penalty&dryRun=1", table(header, rows...)).read(t)
		if b.Rejected != len(tests) || b.Accepted != 1 {
			t.Errorf("%d rejected, %d accepted of %d bad and 1 good", b.Rejected, b.Accepted, len(tests))
		}
		for i, tt := range tests {
			var said []string
			for _, e := range b.Errors {
				if e.Row == i+2 && e.Field == header[tt.at] && e.Code != "" {
					said = append(said, e.Message)
				}
			}
			all := strings.Join(said, " ")
			if all == "" || !strings.Contains(all, tt.says) || strings.Contains(all, "〔fault") || strings.Contains(all, "%!") {
				t.Errorf("%s (%q): said %q about %s", tt.name, lang, all, header[tt.at])
			}
			if strings.ContainsAny(all, "\x00\u202e\u200b") {
				t.Errorf("%s: what cannot be seen is repeated", tt.name)
			}
			if chinese := strings.ContainsFunc(strings.ReplaceAll(all, header[tt.at], ""), func(r rune) bool { return r >= 0x4e00 && r < 0xa000 }); lang == "" && !chinese {
				t.Errorf("%s: not in Chinese: %s", tt.name, all)
			}
		}
	}
}

func TestDuplicateJSONKeyIsRefusedWithItsName(t *testing.T) {
	c := embedded(t)
	row := func(extra string) string {
		p := penalty(1)
		return fmt.Sprintf(`{"instrumentNo":%q,"subjectName":%q,"CF_XDR_SHXYM":%q,"violation":"商标侵权","facts":"销售侵权商品","basis":"《商标法》第六十条","classes":"罚款","text":"罚款人民币20000元","fine":"2","determinedOn":"2026-04-29","authority":"新乡市市场监督管理局","authorityCode":"11410700000000019U"%s}`, p[0], p[1], p[2], extra)
	}
	if b := c.as("").post("kind=penalty", []byte("["+row("")+"]")).read(t); b.Accepted != 1 {
		t.Fatalf("without: %+v", b)
	}
	for name, extra := range map[string]string{"the same key": `,"fine":"3"`, "two names of one column": `,"CF_NR_FK":"3"`} {
		a := c.as("").post("kind=penalty", []byte("["+row(extra)+"]"))
		if b := a.read(t); b.Accepted != 0 || len(b.Errors) == 0 || !strings.Contains(string(a.body), "fine") && !strings.Contains(string(a.body), "CF_NR_FK") {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
}

// workbook is the table as a spreadsheet, every cell text.
func workbook(t testing.TB, rows ...[]string) []byte {
	t.Helper()
	f := excelize.NewFile()
	for i, row := range rows {
		for j, v := range row {
			cell, err := excelize.CoordinatesToCellName(j+1, i+1)
			if err == nil {
				err = f.SetCellStr("Sheet1", cell, v)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestEveryFormatEncodingAndOrderOfColumnsGivesTheSame(t *testing.T) {
	rows := [][]string{penalty(1), penalty(2), spoilt(penalty(3), atFine, "贰万"), penalty(1)}
	csvText := table(header, rows...)
	gb, err := simplifiedchinese.GB18030.NewEncoder().Bytes(csvText)
	if err != nil {
		t.Fatal(err)
	}
	schema, _ := credit.Schema(credit.Penalty)
	renamed := func(name func(field, header, national string) string) []byte {
		out := slices.Clone(header)
		for i, h := range out {
			for _, col := range schema.Columns {
				if h == col.Header || h == col.National {
					out[i] = name(col.Field, col.Header, col.National)
				}
			}
		}
		return table(out, rows...)
	}
	turned := func(row []string) []string { row = slices.Clone(row); slices.Reverse(row); return row }
	var reversed [][]string
	var objects []map[string]string
	for _, row := range rows {
		reversed = append(reversed, turned(row))
		o := map[string]string{}
		for i, h := range header {
			o[h] = row[i]
		}
		objects = append(objects, o)
	}
	jsonText, err := json.Marshal(objects)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		body []byte
	}{
		{"CSV", csvText},
		{"CSV with BOM", append([]byte("\xef\xbb\xbf"), csvText...)},
		{"CSV in GB18030", gb},
		{"CSV with semicolons", bytes.ReplaceAll(csvText, []byte(","), []byte(";"))},
		{"XLSX", workbook(t, append([][]string{header}, rows...)...)},
		{"JSON", jsonText},
		{"national codes", renamed(func(_, _, national string) string { return national })},
		{"Chinese names", renamed(func(_, header, _ string) string { return header })},
		{"other order", table(turned(header), reversed...)},
	}
	// Each into a city of its own, so that each counts from nothing.
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := embedded(t)
			a := c.as("").post("kind=penalty", tt.body)
			b := a.read(t)
			if a.StatusCode != 201 || b.Rows != 4 || b.Accepted != 2 || b.Duplicates != 1 || b.Rejected != 1 || len(b.Errors) != 1 || b.Errors[0].Row != 3 {
				t.Fatalf("%d %s", a.StatusCode, a.body)
			}
			p, err := c.credit.Load(t.Context(), code(2))
			if err != nil || len(p.Records) != 1 {
				t.Fatalf("%+v %v", p, err)
			}
			if r := p.Records[0]; r.InstrumentNo != penalty(2)[atNumber] || r.Content.Penalty.FineFen != 2_000_000 || r.DeterminedOn.String() != "2026-04-29" {
				t.Errorf("record %+v", r)
			}
		})
	}
}

func TestDryRunChangesNothingAndAtomicIsAllOrNothing(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		k := c.as("")
		body := table(header, penalty(1), penalty(2), spoilt(penalty(3), atDate, "2026-13-01"))
		dry := k.post("kind=penalty&dryRun=1", body).read(t)
		held := k.post("kind=penalty&atomic=1", body).read(t)
		if _, err := c.credit.View(t.Context(), code(1), c.clock.Now()); !fault.Is(err, fault.NotFound) {
			t.Errorf("a row went in: %v", err)
		}
		if held.Rows != 3 || held.Accepted != 0 || held.Rejected != 1 || held.Held != 2 {
			t.Errorf("atomic with a bad row: %+v", held)
		}
		wet := k.post("kind=penalty", body).read(t)
		if dry.Rows != wet.Rows || dry.Accepted != wet.Accepted || dry.Rejected != wet.Rejected || wet.Accepted != 2 {
			t.Errorf("dry run said %+v, then %+v", dry, wet)
		}
		if b := k.post("kind=penalty&atomic=1", table(header, penalty(4), penalty(5))).read(t); b.Accepted != 2 {
			t.Errorf("atomic, all good: %+v", b)
		}
	})
}

func TestSameKeySameAnswerAndAnotherBodyIsRefused(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		k := c.as("").with("Idempotency-Key", "0123456789abcdef-1")
		body := table(header, penalty(1), spoilt(penalty(2), atFine, "x"))
		first, again := k.post("kind=penalty", body), k.post("kind=penalty", body)
		if first.StatusCode != 201 || again.StatusCode != 201 || !bytes.Equal(first.body, again.body) || first.Header.Get("Location") != again.Header.Get("Location") {
			t.Errorf("first %d %s, then %d %s", first.StatusCode, first.body, again.StatusCode, again.body)
		}
		if n := len(c.batches(t)); n != 1 {
			t.Errorf("%d batches, want 1", n)
		}
		tests := []struct {
			name, query, key string
			body             []byte
			status           int
			code             string
		}{
			{"another file", "kind=penalty", "0123456789abcdef-1", table(header, penalty(3)), 422, "fn.key_reused"},
			{"another kind", "kind=licence", "0123456789abcdef-1", body, 422, "fn.key_reused"},
			{"other options", "kind=penalty&dryRun=1", "0123456789abcdef-1", body, 422, "fn.key_reused"},
			{"key too short", "kind=penalty", "short", body, 400, "fn.key_length"},
			{"key with a space", "kind=penalty", "0123456789 abcdef", body, 400, "fn.key_length"},
			{"key too long", "kind=penalty", strings.Repeat("k", 201), body, 400, "fn.key_length"},
		}
		for _, tt := range tests {
			a := c.as("").with("Idempotency-Key", tt.key).post(tt.query, tt.body)
			if b := a.read(t); a.StatusCode != tt.status || b.Code != tt.code || len(b.Errors) == 0 || b.Errors[0].Field != "Idempotency-Key" {
				t.Errorf("%s: %d %s", tt.name, a.StatusCode, a.body)
			}
		}
		other := c.as(c.key("lead", "", staff.ScopeMaterial)).with("Idempotency-Key", "0123456789abcdef-1")
		if b := other.post("kind=penalty", table(header, penalty(9))).read(t); b.Accepted != 1 {
			t.Errorf("another key's caller with the same Idempotency-Key: %+v", b)
		}
		c.clock.Pass(24 * time.Hour)
		if b := k.post("kind=penalty", table(header, penalty(3))).read(t); b.Accepted != 1 || b.ID == first.read(t).ID {
			t.Errorf("another file under the key a day later: %+v", b)
		}
	})
}

func TestAnotherOrganisationsBatchIsNotThere(t *testing.T) {
	c := embedded(t)
	mine := c.as("").post("kind=penalty", table(header, spoilt(penalty(1), atFine, "x"))).read(t)
	other := c.as(c.key("court", "", staff.ScopeMaterial))
	unknown := other.get("/batches/b00000000000000000000").read(t)
	for _, path := range []string{"/batches/" + mine.ID, "/batches/" + mine.ID + "/errors.xlsx"} {
		a := other.get(path)
		if b := a.read(t); a.StatusCode != 404 || b.Code != unknown.Code || b.Detail != unknown.Detail {
			t.Errorf("%s: %d %s", path, a.StatusCode, a.body)
		}
	}
	if a := other.get("/batches"); strings.Contains(string(a.body), mine.ID) {
		t.Error("another organisation's list names the batch")
	}
	if a := c.as("").get("/batches"); !strings.Contains(string(a.body), mine.ID) {
		t.Error("its own list does not")
	}
	for _, id := range []string{"", "x", "b0000000000000000000g", "../" + mine.ID, mine.ID + "0"} {
		if a := c.as("").get("/batches/" + id + "/errors.xlsx"); a.StatusCode != 404 && a.StatusCode != 301 && a.StatusCode != 307 {
			t.Errorf("id %q: %d", id, a.StatusCode)
		}
	}
}

func TestListGoesThroughAllBatchesNewestFirst(t *testing.T) {
	c := embedded(t)
	want := make([]string, listed+3)
	for i := range want {
		if i%2 == 0 { // two in the same millisecond
			c.clock.Pass(time.Minute)
		}
		b, err := c.post(t, table(header, penalty(i)))
		if err != nil {
			t.Fatal(err)
		}
		want[i] = b
	}
	var got []string
	cursor := ""
	for {
		var page struct {
			Results []toldBatch
			Next    *string
		}
		a := c.as("").get("/batches?cursor=" + cursor)
		if err := json.Unmarshal(a.body, &page); err != nil {
			t.Fatalf("%s: %v", a.body, err)
		}
		for _, b := range page.Results {
			got = append(got, b.ID)
			if b.State != "done" || b.Accepted != 1 || b.Kind != "penalty" {
				t.Errorf("entry %+v", b)
			}
		}
		if page.Next == nil {
			break
		}
		cursor = *page.Next
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%d listed, want %d, each once", len(got), len(want))
	}
	for _, bad := range []string{"x", "1-2", "-", "99999999999999999-b00000000000000000000", "1%26-b00000000000000000000"} {
		if a := c.as("").get("/batches?cursor=" + bad); a.StatusCode != 400 {
			t.Errorf("cursor %s: %d", bad, a.StatusCode)
		}
	}
}

// post hands a table in and returns the batch's id.
func (c *city) post(t *testing.T, body []byte) (string, error) {
	t.Helper()
	a := c.as("").post("kind=penalty", body)
	if a.StatusCode != 201 {
		return "", fmt.Errorf("%d %s", a.StatusCode, a.body)
	}
	return a.read(t).ID, nil
}
