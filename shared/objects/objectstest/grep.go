package objectstest

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// Grep fails the test where the canary stands in clear in any object of the
// directory store under dir, in its name, or in what it holds packed.
func Grep(t testing.TB, dir, canary string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		if i := bytes.Index(data, []byte("\x28\xb5\x2f\xfd")); i >= 0 { // zstd
			z, err := zstd.NewReader(nil)
			if err != nil {
				return err
			}
			defer z.Close()
			if plain, err := z.DecodeAll(data[i:], nil); err == nil {
				data = append(data, plain...)
			}
		}
		if bytes.Contains(data, []byte(canary)) || strings.Contains(path, canary) {
			t.Errorf("object %s holds %s", path, canary)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatal("no objects to look into")
	}
}
