package page

import (
	"strings"
	"testing"
	"testing/fstest"

	"ipcredit/shared/fault"
)

func TestCatalogueIsWhole(t *testing.T) {
	t.Parallel()
	if _, err := readWords(wordFiles); err != nil {
		t.Fatal(err)
	}
}

func TestEveryKindHasATitle(t *testing.T) {
	t.Parallel()
	for _, k := range []fault.Kind{
		fault.Invalid, fault.Refused, fault.Unauthorized, fault.Forbidden, fault.NotFound, fault.NotAllowed, fault.Conflict,
		fault.Gone, fault.Stale, fault.TooLarge, fault.TooLong, fault.WrongType, fault.TooMany, fault.Unavailable, "internal",
	} {
		if !Has("page.kind." + string(k)) {
			t.Errorf("no title for kind %s", k)
		}
	}
}

func TestRefusesABrokenCatalogue(t *testing.T) {
	t.Parallel()
	good := `{"a.x": {"zh": "第%[1]d行，%[2]s", "en": "%[2]s on line %[1]d"}}`
	tests := []struct {
		name  string
		files map[string]string
		want  string // "" = accepted
	}{
		{"indexed verbs in another order", map[string]string{"a": good}, ""},
		{"percent sign", map[string]string{"a": `{"a.x": {"zh": "90%%", "en": "90 %%"}}`}, ""},
		{"key in two files", map[string]string{"a": `{"fault.x": {"zh": "甲", "en": "A"}}`, "b": `{"fault.x": {"zh": "甲", "en": "A"}}`}, "already in words/a.json"},
		{"key twice in one file", map[string]string{"a": `{"a.x": {"zh": "甲", "en": "A"}, "a.x": {"zh": "乙", "en": "B"}}`}, "already in words/a.json"},
		{"language missing", map[string]string{"a": `{"a.x": {"zh": "甲"}}`}, "lacks a language"},
		{"language blank", map[string]string{"a": `{"a.x": {"zh": " ", "en": "A"}}`}, "lacks a language"},
		{"third language", map[string]string{"a": `{"a.x": {"zh": "甲", "en": "A", "fr": "A"}}`}, "unknown field"},
		{"verb in one language only", map[string]string{"a": `{"a.x": {"zh": "%s不对", "en": "wrong"}}`}, "in Chinese and"},
		{"another verb", map[string]string{"a": `{"a.x": {"zh": "%s条", "en": "%d records"}}`}, "in Chinese and"},
		{"order changed without index", map[string]string{"a": `{"a.x": {"zh": "%d%s", "en": "%s %d"}}`}, "in Chinese and"},
		{"argument skipped", map[string]string{"a": `{"a.x": {"zh": "%[2]s", "en": "%[2]s"}}`}, "never printed"},
		{"lone percent sign", map[string]string{"a": `{"a.x": {"zh": "90%", "en": "90%"}}`}, "lone %"},
		{"key of another room", map[string]string{"a": `{"b.x": {"zh": "甲", "en": "A"}}`}, "must start with"},
		{"not an object", map[string]string{"a": `[]`}, "one JSON object"},
		{"two objects", map[string]string{"a": `{} {}`}, "follows the object"},
		{"cut off", map[string]string{"a": `{"a.x": {"zh": "甲", "en": "A"}`}, "EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files := fstest.MapFS{}
			for name, body := range tt.files {
				files["words/"+name+".json"] = &fstest.MapFile{Data: []byte(body)}
			}
			_, err := readWords(files)
			switch {
			case tt.want == "" && err != nil:
				t.Fatal(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Fatalf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestUnknownKeyIsShownAndCounted(t *testing.T) {
	t.Parallel()
	const key = "page.test.no_such_key"
	before := Missing()
	for range 2 {
		if got := Say(EN, key, 1); got != "〔"+key+"〕" {
			t.Fatalf("got %q", got)
		}
	}
	if n := Missing() - before; n < 2 { // other tests may ask for such keys too
		t.Fatalf("counted %d, want 2", n)
	}
}

func TestSayNeverPrintsSpareArguments(t *testing.T) {
	t.Parallel()
	if got := Say(ZH, "page.kind.gone", "spare", 7); got != "公示已结束" {
		t.Fatal(got)
	}
}

func TestUnknownLanguageIsChinese(t *testing.T) {
	t.Parallel()
	if got := Say("fr", "page.kind.not_found"); got != Say(ZH, "page.kind.not_found") {
		t.Fatal(got)
	}
}

func BenchmarkSay(b *testing.B) {
	for b.Loop() {
		Say(ZH, "page.kind.gone")
	}
}
