package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"

	"ipcredit/shared/open"
)

// language is the template's folder and the lang of every function.
const language = "template/golang-credit"

// A function's binary should have 18 MiB. It has more: html/template reaches
// methods by name, so the linker keeps every method of every type that meets an
// interface, and go-redis alone has 8 MiB of them. What is enforced keeps it from
// growing unseen.
const (
	budget  = 18 << 20
	largest = 36 << 20
)

// TestFunctionsBuildAsTheirImages lays every function out as faas-cli and then
// the Dockerfile do, and vets and builds it there: what compiles here may not
// there, where a function is the package ipcredit/function.
func TestFunctionsBuildAsTheirImages(t *testing.T) {
	if testing.Short() {
		t.Skip("builds every function")
	}
	t.Parallel()
	extra := readStack(t).Configuration.Copy
	for name := range functions {
		t.Run(name, func(t *testing.T) {
			size := build(t, layOut(t, filepath.Join(root, "functions", name), extra))
			t.Logf("%s: %.1f MiB (budget %d MiB)", name, float64(size)/(1<<20), budget>>20)
			if size > largest {
				t.Errorf("the binary has %d bytes, the most is %d", size, largest)
			}
		})
	}
}

// TestNewFunctionBuildsAsItComes: what `faas-cli new` makes of the template is a
// working function.
func TestNewFunctionBuildsAsItComes(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a function")
	}
	t.Parallel()
	build(t, layOut(t, filepath.Join(root, language, "function"), readStack(t).Configuration.Copy))
}

// layOut returns the folder in which the image's build stage compiles: faas-cli
// copies the template, over its function/ the handler's folder, then the extra
// paths; the Dockerfile moves the module to the top.
func layOut(t *testing.T, handler string, extra []string) string {
	t.Helper()
	context, src := t.TempDir(), t.TempDir()
	overlay(t, filepath.Join(root, language), context)
	entries, err := os.ReadDir(handler)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == "build" || e.Name() == "template" {
			continue
		}
		overlay(t, filepath.Join(handler, e.Name()), filepath.Join(context, "function", e.Name()))
	}
	for _, p := range extra {
		overlay(t, filepath.Join(root, p), filepath.Join(context, "function", p))
	}
	// COPY function/go.mod function/go.sum ./, COPY function/shared ./shared,
	// COPY main.go ./, COPY function ./function; then the three are removed there.
	for _, p := range []string{"go.mod", "go.sum", "shared"} {
		from := filepath.Join(context, "function", p)
		overlay(t, from, filepath.Join(src, p))
		if err := os.RemoveAll(from); err != nil {
			t.Fatal(err)
		}
	}
	overlay(t, filepath.Join(context, "main.go"), filepath.Join(src, "main.go"))
	overlay(t, filepath.Join(context, "function"), filepath.Join(src, "function"))
	return src
}

// overlay copies a file or folder over what is at to already, as faas-cli does;
// os.CopyFS would refuse a file that exists.
func overlay(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "node_modules" {
			return fs.SkipDir // kept out of the image by .dockerignore
		}
		rel, err := filepath.Rel(from, p)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if d.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		content, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// build runs the Dockerfile's commands and returns the size of the binary. Its
// trimmed paths also let the build cache serve every function and every run.
func build(t *testing.T, src string) int64 {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "handler")
	for _, args := range [][]string{
		{"vet", "-trimpath", "./..."},
		{"build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", binary, "."},
	} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = src
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOFLAGS=", "GOWORK=off")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestImageHasTheModulesGo: official images refuse a module that wants a newer
// Go than theirs, so the numbers change together.
func TestImageHasTheModulesGo(t *testing.T) {
	t.Parallel()
	versions := map[string]string{}
	for _, p := range []string{"go.mod", language + "/go.mod"} {
		m, err := modfile.Parse(p, []byte(read(t, p)), nil)
		if err != nil {
			t.Fatal(err)
		}
		versions[p] = m.Go.Version
	}
	if versions["go.mod"] != versions[language+"/go.mod"] {
		t.Errorf("go.mod wants Go %s, the template's %s", versions["go.mod"], versions[language+"/go.mod"])
	}
	image := regexp.MustCompile(`(?m)^FROM .*\bgolang:([0-9.]+)-alpine AS build$`).FindStringSubmatch(read(t, language+"/Dockerfile"))
	if image == nil {
		t.Fatal("Dockerfile: no stage of a golang image")
	}
	if got := versions["go.mod"]; got != image[1] && !strings.HasPrefix(got, image[1]+".") {
		t.Errorf("go.mod wants Go %s, the image has %s", got, image[1])
	}
}

func TestDockerfileStages(t *testing.T) {
	t.Parallel()
	file := read(t, language+"/Dockerfile")
	var stages, images []string
	for _, m := range regexp.MustCompile(`(?m)^FROM (?:--platform=\S+ )?(\S+) AS (\S+)$`).FindAllStringSubmatch(file, -1) {
		images, stages = append(images, m[1]), append(stages, m[2])
	}
	if got := strings.Join(stages, " "); got != "watchdog build ship" || strings.Count(file, "\nFROM ") != 3 {
		t.Fatalf("stages %q", got)
	}
	for _, image := range images {
		if _, tag, found := strings.Cut(image, ":"); !found || tag == "latest" {
			t.Errorf("image %s is not pinned", image)
		}
	}
	_, ship, _ := strings.Cut(file, " AS ship\n")
	if user := regexp.MustCompile(`(?m)^USER (\S+)$`).FindStringSubmatch(ship); user == nil || user[1] == "root" || user[1] == "0" {
		t.Error("the function runs as root")
	}
	for what, line := range map[string]string{
		"nobody downloads modules again for a changed function": "COPY function/go.mod function/go.sum ./\nRUN go mod download\n",
		"shared code is one layer for all functions":            "COPY function/shared ./shared\n",
		"the module is at the top once only":                    "RUN rm -rf function/shared function/go.mod function/go.sum\n",
		"the build changes nothing in go.mod":                   "go build -mod=readonly -trimpath -ldflags \"-s -w\" -o /handler .\n",
		"the watchdog starts the function":                      "fprocess=\"./handler\"",
		"the watchdog speaks HTTP":                              "mode=\"http\"",
		"it is ready when the function is":                      "ready_path=\"/readyz\"",
		"the container is the watchdog":                         "CMD [\"fwatchdog\"]",
	} {
		if !strings.Contains(file, line) {
			t.Errorf("Dockerfile: %s: %q is missing", what, line)
		}
	}
	for _, s := range open.Settings() {
		if s.Name == "listen" && !strings.Contains(file, `upstream_url="http://`+s.Default+`"`) {
			t.Errorf("Dockerfile: the watchdog does not look where the function listens, %s", s.Default)
		}
	}
}

func TestTemplateIsWhatItsFolderSays(t *testing.T) {
	t.Parallel()
	text := read(t, language+"/template.yml")
	for _, line := range []string{"language: golang-credit\n", "fprocess: ./handler\n"} {
		if !strings.Contains(text, line) {
			t.Errorf("template.yml: %q is missing", line)
		}
	}
	if strings.Contains(text, "handler_folder") {
		t.Error("template.yml: the Dockerfile wants the handler in function/")
	}
	entries, err := os.ReadDir(filepath.Join(root, language, "function"))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != "handler.go" {
		t.Errorf("%s/function holds %v: whatever is there is laid under every function", language, entries)
	}
}
