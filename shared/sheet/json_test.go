package sheet

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ipcredit/shared/fault"
)

func asFault(t *testing.T, err error) *fault.Error {
	t.Helper()
	f, ok := fault.Of(err)
	if !ok {
		t.Fatalf("not a fault: %v", err)
	}
	return f
}

func TestJSONIsKeyedByAnyNameAndKeepsNumbersAsWritten(t *testing.T) {
	t.Parallel()
	r, rows, err := readAll(only{strings.NewReader("\uFEFF \n" + `[
		{"name":"梨","code":914107001234567890,"price":1.50},
		{"商品名称":"苹果","SP_DM":"002","size":null,"madeOn":"2026/1/2"},
		{"SP_MC":"=1+1","code":true}
	]`)}, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Format() != JSON {
		t.Errorf("format %s", r.Format())
	}
	if diff := cmp.Diff([]string{"商品名称", "商品代码", "生产日期", "单价(元)", "规格"}, r.Layout().Headers); diff != "" {
		t.Error(diff)
	}
	want := [][]string{
		{"梨", "914107001234567890", "", "1.50", ""},
		{"苹果", "002", "2026/1/2", "", ""},
		{"=1+1", "true", "", "", ""},
	}
	for i, row := range rows {
		if diff := cmp.Diff(want[i], row.Cells()); diff != "" {
			t.Errorf("row %d: %s", i+1, diff)
		}
		if row.Number != i+1 || len(row.Problems()) > 0 {
			t.Errorf("row %d: number %d, %v", i+1, row.Number, row.Problems())
		}
	}
	for i, want := range []string{"name", "商品名称", "SP_MC"} {
		if got := rows[i].Header("name"); got != want {
			t.Errorf("row %d: header %q, want %q", i+1, got, want)
		}
	}
	if got := rows[1].Get("madeOn"); got != "2026-01-02" {
		t.Errorf("day %q", got)
	}
}

func TestJSONRefusals(t *testing.T) {
	t.Parallel()
	good := `{"name":"梨","code":"1"}`
	for _, c := range []struct {
		name, data, code string
		row              any
	}{
		{"object", `{"rows":[]}`, "sheet.json_not_array", nil},
		{"empty array", `[]`, "sheet.header_only", nil},
		{"key twice", `[` + good + `,{"name":"a","code":"1","name":"b"}]`, "sheet.duplicate_key", 2},
		{"key twice by two names", `[{"name":"a","code":"1","SP_MC":"a"}]`, "sheet.duplicate_key", 1},
		{"key twice, first null", `[{"name":null,"name":"a","code":"1"}]`, "sheet.duplicate_key", 1},
		{"key twice, escaped", `[{"name":"a","\u006eame":"a","code":"1"}]`, "sheet.duplicate_key", 1},
		{"unknown key", `[{"name":"a","code":"1","颜色":"b"}]`, "sheet.unknown_key", 1},
		{"unknown key near", `[` + good + `,{"nane":"a","code":"1"}]`, "sheet.unknown_key_near", 2},
		{"row is no object", `[` + good + `,"梨"]`, "sheet.json_not_object", 2},
		{"cut off", `[` + good + `,{"name":"a"`, "sheet.json_broken", 2},
		{"cut off between rows", `[` + good, "sheet.json_broken", 2},
		{"syntax", `[` + good + ` ` + good + `]`, "sheet.json_broken", 2},
		{"more behind", `[` + good + `] []`, "sheet.json_broken", 2},
		{"unknown word", `[{"name":nul}]`, "sheet.json_broken", 1},
	} {
		_, _, err := readAll(strings.NewReader(c.data), Limits{})
		if got := codeOf(err); got != c.code {
			t.Errorf("%s: %s, want %s", c.name, got, c.code)
			continue
		}
		if c.row != nil && asFault(t, err).Args[0] != c.row {
			t.Errorf("%s: row %v, want %v", c.name, asFault(t, err).Args[0], c.row)
		}
	}
}

func TestJSONRowProblems(t *testing.T) {
	t.Parallel()
	rows := mustRead(t, `[{"name":{"a":[1,{"b":2}]},"code":"1"},{"name":"\u0000","code":"\ud800"},{},{"name":"ok","code":"2"}]`)
	for i, want := range [][]string{
		{"name:sheet.json_nested"},
		{"name:sheet.control_character", "code:sheet.broken_text"},
		nil, nil,
	} {
		if diff := cmp.Diff(want, problems(rows[i])); diff != "" {
			t.Errorf("row %d: %s", i+1, diff)
		}
	}
	if got := len(rows[2].Check()); got != 2 {
		t.Errorf("an empty object has %d problems, want 2 required columns", got)
	}
}
