package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestEveryThreatNamesATestOrIsStatedAsNonProtection(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "data" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(source, -1) {
			tests[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	named := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 || strings.Trim(cells[1], " 0123456789") != "" || strings.TrimSpace(cells[1]) == "" {
			continue
		}
		rows++
		shown := strings.TrimSpace(cells[4])
		named[shown] = true
		if !tests[shown] && !strings.Contains(cells[3], "non-protection") {
			t.Errorf("threat %s names %q, which is no test, and is not stated as a non-protection", strings.TrimSpace(cells[1]), shown)
		}
	}
	if rows < 10 {
		t.Fatalf("only %d rows found: has the table changed its form?", rows)
	}
	for name := range tests {
		if strings.HasPrefix(name, "TestThreat_") && !named[name] {
			t.Errorf("%s is in no row of SECURITY.md", name)
		}
	}
}
