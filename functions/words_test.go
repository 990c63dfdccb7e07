package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"ipcredit/shared/page"
)

// TestProgramSpeaksFromTheCatalogue reads this program's own files: every word
// for people is in the catalogue, and every word there is spoken.
func TestProgramSpeaksFromTheCatalogue(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../shared/page/words/runner.json")
	if err != nil {
		t.Fatal(err)
	}
	var catalogue map[string]struct{ ZH, EN string }
	if err := json.Unmarshal(text, &catalogue); err != nil {
		t.Fatal(err)
	}
	// What a city that cannot be is made of is no word for people.
	fiction := map[string]bool{"demo.go": true, "bench_data.go": true}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`^runner\.[a-z0-9_.]+$`)
	spoken := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			l, ok := n.(*ast.BasicLit)
			if !ok || l.Kind != token.STRING {
				return true
			}
			s, err := strconv.Unquote(l.Value)
			if err != nil {
				t.Fatal(err)
			}
			if key.MatchString(s) {
				spoken[s] = true
				if _, found := catalogue[s]; !found {
					t.Errorf("%s: no word for %q", set.Position(l.Pos()), s)
				}
			}
			if !fiction[name] && strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
				t.Errorf("%s: %q belongs into the catalogue", set.Position(l.Pos()), s)
			}
			return true
		})
	}
	for k := range catalogue {
		if !spoken[k] {
			t.Errorf("nobody says %q", k)
		}
	}
}

func TestTerminalChoosesTheLanguage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		env  map[string]string
		want page.Lang
	}{
		{"nothing said", nil, page.ZH},
		{"Chinese", map[string]string{"LANG": "zh_CN.UTF-8"}, page.ZH},
		{"English", map[string]string{"LANG": "en_US.UTF-8"}, page.EN},
		{"plain English", map[string]string{"LANG": "en"}, page.EN},
		{"no language at all", map[string]string{"LANG": "C.UTF-8"}, page.ZH},
		{"another language", map[string]string{"LANG": "de_DE.UTF-8"}, page.ZH},
		{"messages in English", map[string]string{"LC_MESSAGES": "en_GB", "LANG": "zh_CN"}, page.EN},
		{"all in Chinese goes before", map[string]string{"LC_ALL": "zh_CN", "LC_MESSAGES": "en_GB", "LANG": "en_GB"}, page.ZH},
		{"empty says nothing", map[string]string{"LC_ALL": "", "LANG": "en_GB"}, page.EN},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tongue(func(name string) string { return tt.env[name] }); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
