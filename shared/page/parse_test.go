package page

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// TestEveryTemplateOfEveryFunctionParses: functions parse a page when it is first
// drawn, so this test is what finds a broken one before a visitor does.
func TestEveryTemplateOfEveryFunctionParses(t *testing.T) {
	t.Parallel()
	found, err := filepath.Glob("../../functions/*/*.html")
	if err != nil || len(found) == 0 {
		t.Fatalf("no templates: %v", err)
	}
	seen := map[string]bool{}
	for _, file := range found {
		dir := filepath.Dir(file)
		if seen[dir] {
			continue
		}
		seen[dir] = true
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			p := parsed(filepath.Base(dir), os.DirFS(dir), Site{City: "410700"})
			if err := p.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCheckNamesThePageThatDoesNotParse(t *testing.T) {
	t.Parallel()
	good := `{{define "title"}}x{{end}}{{define "main"}}x{{end}}`
	tests := []struct {
		name, file, text, want string
	}{
		{"all parse", "b.html", good, ""},
		{"a page", "b.html", `{{define "main"}}{{nosuch}}{{end}}`, "parsing b"},
		{"a page that calls for what is not there", "b.html", `{{define "title"}}x{{end}}{{define "main"}}{{if .}}{{template "nosuch" .}}{{end}}{{end}}`, "parsing b"},
		{"a page that cannot be escaped", "b.html", `{{define "title"}}x{{end}}{{define "main"}}{{if .}}<a href="{{end}}{{end}}`, "parsing b"},
		{"a partial", "_b.html", `{{define "p"}}{{if}}{{end}}`, "parsing partials"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := parsed("f", fstest.MapFS{"a.html": {Data: []byte(good)}, tt.file: {Data: []byte(tt.text)}}, Site{})
			err := p.Check()
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Check() = %v, want %q", err, tt.want)
			}
		})
	}
}
