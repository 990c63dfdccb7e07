package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// order lists the packages of shared/ from low to high: one may import those
// before it and none after it. It is written here and nowhere else.
var order = []string{
	// Platform below the matters.
	"fault", "workday", "ruleset", "ident", "objects", "journal", "pace", "outgoing", "seal", "draft", "notary", "page", "sheet", "book", "embed",
	"staff", "calendar", "clock",
	// The matters. batch takes in rows of the others' kinds, summary counts all.
	"subject", "catalog", "credit", "disclosure", "kind", "clean", "custody", "evidence", "courier", "tipoff", "casework", "linkage", "liaison",
	"campaign", "inquiry", "repair", "material", "objection", "commitment", "share", "agency",
	"trademark", "patent", "batch", "summary",
	// Between the matters and the network; no matter knows of these.
	"open", "fn", "door",
	// For tests only.
	"redistest", "objectstest", "citytest", "browsertest",
}

// may lists, for each import that not everybody may have, who has it. A package
// is named by its folder, a file by its path; tests are free.
var may = map[string][]string{
	"net/http": {"shared/page", "shared/fn", "shared/objects", "shared/outgoing", "shared/door", "functions"},
	"os":       {"shared/open", "shared/objects", "functions"},
	// The entrypoint of a container ends on a signal.
	"os/signal":                             {"shared/fn/main.go", "functions"},
	"os/exec":                               {"functions"},
	"github.com/openfaas/templates-sdk":     {"shared/fn", functionFolders},
	"github.com/minio/minio-go":             {"shared/objects"},
	"github.com/alicebob/miniredis":         {"functions"},
	"github.com/spf13/cobra":                {"functions"},
	"github.com/yuin/goldmark":              {"functions/portal"},
	"github.com/microcosm-cc/bluemonday":    {"functions/portal"},
	"github.com/prometheus/client_golang":   {"shared/fn"},
	"github.com/xuri/excelize":              {"shared/sheet/book"}, // large: who only reads rows does not carry it
	"github.com/pdfcpu/pdfcpu":              {"shared/evidence/clean"},
	"github.com/bep/imagemeta":              {"shared/evidence/clean"},
	"golang.org/x/image":                    {"shared/evidence/clean"},
	"golang.org/x/mod":                      {"shared/notary"},
	"github.com/chromedp":                   {},
	"pgregory.net/rapid":                    {},
	"github.com/google/go-cmp":              {},
	"testing":                               {},
	"github.com/6tail/lunar-go/HolidayUtil": {}, // its calendar is a check of ours, never the source
	"github.com/redis/go-redis": {
		"functions", "shared/journal", "shared/pace", "shared/open",
		anyStore, "shared/*/*/store.go",
		// The name index is read and rebuilt in more steps than one file holds.
		"shared/subject/find.go", "shared/subject/search.go", "shared/subject/reindex.go",
	},
}

const (
	functionFolders = "functions/*"       // the folder of any function
	anyStore        = "shared/*/store.go" // the file of a matter that speaks Redis
)

// functionsMay are the libraries that a function may have beside shared/ and the
// standard library; see may for who has which.
var functionsMay = []string{
	"github.com/openfaas/templates-sdk", "github.com/yuin/goldmark", "github.com/microcosm-cc/bluemonday",
	"github.com/go-jose/go-jose", "github.com/getkin/kin-openapi", "github.com/skip2/go-qrcode",
	"github.com/oklog/ulid", "golang.org/x/text", "github.com/gorilla/feeds",
}

// clocks are the files that may ask what time it is; everywhere else the time is
// an argument.
var clocks = []string{
	"shared/open/open.go",                              // hands it out as Env.Now
	"shared/fn/edge.go",                                // how long an answer took
	"shared/objects/dir.go", "shared/objects/minio.go", // retention, against the store's clock
	"shared/batch/store.go", // when a lease was renewed, against Redis's clock
}

// vague are package names that say nothing about what is inside.
var vague = []string{
	"utils", "util", "common", "types", "helpers", "helper", "base", "misc", "models", "manager", "service", "lib",
}

// goFile is one Go file of the repository.
type goFile struct {
	path string // from the root, with slashes
	dir  string
	test bool // a test, or a package for tests
	text string
	tree *ast.File
	set  *token.FileSet
}

func (f goFile) imports() []string {
	var out []string
	for _, i := range f.tree.Imports {
		if p, err := strconv.Unquote(i.Path.Value); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// skipped tells whether a folder is not ours: git's, npm's, faas-cli's, or the
// data of a desk that was run here.
func skipped(rel string) bool {
	return rel == ".git" || rel == "build" || rel == "data" || path.Base(rel) == "node_modules"
}

// walk calls visit for each file below a folder of the repository.
func walk(t *testing.T, folder string, visit func(file, text string)) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(root, folder), func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch {
		case d.IsDir() && skipped(rel):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		visit(rel, string(b))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// goFiles parses the Go files below a folder of the repository.
func goFiles(t *testing.T, folder string) []goFile {
	t.Helper()
	var files []goFile
	walk(t, folder, func(file, text string) {
		if !strings.HasSuffix(file, ".go") {
			return
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		dir := path.Dir(file)
		files = append(files, goFile{
			path: file, dir: dir, text: text, tree: tree, set: set,
			test: strings.HasSuffix(file, "_test.go") || strings.HasSuffix(dir, "test"),
		})
	})
	return files
}

// under tells whether an import is a package of this module or module path, or
// below it.
func under(imported, prefix string) bool {
	return imported == prefix || strings.HasPrefix(imported, prefix+"/")
}

// stands tells whether a file is among those that entries name.
func stands(f goFile, entries []string) bool {
	for _, e := range entries {
		if e == f.path || e == f.dir {
			return true
		}
		if strings.Contains(e, "*") {
			for _, p := range []string{f.path, f.dir} {
				if ok, err := path.Match(e, p); err == nil && ok {
					return true
				}
			}
		}
	}
	return false
}

func TestPackagesImportOnlyLowerOnes(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t, "shared") {
		name := path.Base(f.dir)
		at := slices.Index(order, name)
		if at < 0 {
			t.Errorf("%s: package %q has no place in the order", f.path, name)
			continue
		}
		for _, i := range f.imports() {
			switch {
			case under(i, "ipcredit/functions"), under(i, "ipcredit/template"):
				t.Errorf("%s imports %s: shared/ knows no function", f.path, i)
			case under(i, "ipcredit/shared") && !f.test:
				if to := slices.Index(order, path.Base(i)); to >= at {
					t.Errorf("%s imports %s, which comes after it", f.path, i)
				}
			}
		}
	}
}

func TestFunctionsImportSharedAndNothingElseOfOurs(t *testing.T) {
	t.Parallel()
	for name := range functions {
		for _, f := range goFiles(t, "functions/"+name) {
			for _, i := range f.imports() {
				if under(i, "ipcredit/functions") || under(i, "ipcredit/template") {
					t.Errorf("%s imports %s: functions meet in shared/ and in Redis", f.path, i)
				}
				switch {
				case f.test:
				case under(i, "ipcredit/shared"):
					if strings.HasSuffix(i, "test") {
						t.Errorf("%s imports %s, which is for tests", f.path, i)
					}
				case strings.Contains(i, ".") && !slices.ContainsFunc(functionsMay, func(p string) bool { return under(i, p) }):
					t.Errorf("%s imports %s: a function is wiring, such libraries belong to shared/", f.path, i)
				}
			}
		}
	}
}

func TestOutsideIsReachedFromFewPlaces(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"shared", "functions"} {
		for _, f := range goFiles(t, folder) {
			if f.test {
				continue
			}
			entries := func(what string) []string {
				// Every function speaks HTTP; only the runner speaks to the system.
				if what == "net/http" {
					return append(slices.Clone(may[what]), functionFolders)
				}
				return may[what]
			}
			for _, i := range f.imports() {
				for what := range may {
					rule := i == what || strings.Contains(what, ".") && under(i, what)
					if rule && !stands(f, entries(what)) {
						t.Errorf("%s imports %s: only %s may", f.path, i, strings.Join(entries(what), ", "))
					}
				}
			}
		}
	}
}

func TestEnvironmentAndSecretsAreReadInOnePlace(t *testing.T) {
	t.Parallel()
	readers := []string{"Getenv", "LookupEnv", "Environ", "ExpandEnv", "Setenv"}
	for _, folder := range []string{"shared", "functions", "template"} {
		for _, f := range goFiles(t, folder) {
			if f.test || f.dir == "shared/open" || f.dir == "functions" {
				continue
			}
			for call, at := range selections(f, "os") {
				if slices.Contains(readers, call) {
					t.Errorf("%s: os.%s: settings come from shared/open", f.set.Position(at), call)
				}
			}
			for _, word := range []string{"/var/openfaas/secrets", "secret_mount_path"} {
				if strings.Contains(f.text, word) {
					t.Errorf("%s mentions %s: secrets come from shared/open", f.path, word)
				}
			}
		}
	}
}

func TestTimeIsAnArgument(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"shared", "functions"} {
		for _, f := range goFiles(t, folder) {
			if f.test || f.dir == "functions" || slices.Contains(clocks, f.path) {
				continue
			}
			for call, at := range selections(f, "time") {
				if call == "Now" || call == "Since" || call == "Until" {
					t.Errorf("%s: time.%s: rules get the time as an argument, functions from Env.Now", f.set.Position(at), call)
				}
			}
		}
	}
}

// selections are the uses of a package's names in a file, under whatever name it
// is imported: name → the first place.
func selections(f goFile, imported string) map[string]token.Pos {
	local := ""
	for _, i := range f.tree.Imports {
		if i.Path.Value == strconv.Quote(imported) {
			local = path.Base(imported)
			if i.Name != nil {
				local = i.Name.Name
			}
		}
	}
	out := map[string]token.Pos{}
	if local == "" {
		return out
	}
	ast.Inspect(f.tree, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == local {
				if _, seen := out[s.Sel.Name]; !seen {
					out[s.Sel.Name] = s.Pos()
				}
			}
		}
		return true
	})
	return out
}

// TestSecretsAreDeclaredAndUsed: what a function asks for is in its Needs, and
// what is in its Needs is asked for.
func TestSecretsAreDeclaredAndUsed(t *testing.T) {
	t.Parallel()
	for name, fun := range functions {
		asked := map[string]bool{}
		for _, f := range goFiles(t, "functions/"+name) {
			if f.test {
				continue
			}
			ast.Inspect(f.tree, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				s, ok := call.Fun.(*ast.SelectorExpr)
				if !ok || s.Sel.Name != "Secret" || len(call.Args) != 1 {
					return true
				}
				literal, ok := call.Args[0].(*ast.BasicLit)
				if !ok {
					t.Errorf("%s: the name of a secret is written out where it is asked for", f.set.Position(call.Pos()))
					return true
				}
				secret, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Errorf("%s: %v", f.set.Position(call.Pos()), err)
				}
				asked[secret] = true
				return true
			})
		}
		declared := slices.Sorted(slices.Values(fun.needs.Secrets))
		if got := slices.Sorted(maps.Keys(asked)); !slices.Equal(got, declared) {
			t.Errorf("%s asks for the secrets %q and declares %q", name, got, declared)
		}
	}
}

// TestFunctionFoldersAreFlat: in the image a function is the package
// ipcredit/function; a package below it or beside it would have another path
// there.
func TestFunctionFoldersAreFlat(t *testing.T) {
	t.Parallel()
	for name := range functions {
		folder := "functions/" + name
		for _, f := range goFiles(t, folder) {
			if f.dir != folder {
				t.Errorf("%s: a function has no packages below it", f.path)
			} else if f.tree.Name.Name != "function" {
				t.Errorf("%s: package %s, want function, also in tests", f.path, f.tree.Name.Name)
			}
		}
	}
}

func TestPackageNamesSayWhatIsInside(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t, "shared") {
		base := path.Base(f.dir)
		if slices.Contains(vague, base) {
			t.Errorf("%s: %q says nothing", f.path, base)
		}
		if got := strings.TrimSuffix(f.tree.Name.Name, "_test"); got != base {
			t.Errorf("%s: package %s in folder %s", f.path, got, base)
		}
	}
}

// TestFilesHoldNothingUnfinishedOrLocal: no promise to write something later,
// and no path of the machine something was written on.
func TestFilesHoldNothingUnfinishedOrLocal(t *testing.T) {
	t.Parallel()
	unfinished := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`)
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	local := []string{"/ro" + "ot/", "/wo" + "rk/"}
	for _, p := range []string{here, os.Getenv("HOME")} {
		// A path of one part, like /src, is a word of the Dockerfile too.
		if strings.Count(filepath.ToSlash(p), "/") > 1 {
			local = append(local, p)
		}
	}
	walk(t, ".", func(file, text string) {
		if strings.HasSuffix(file, ".go") {
			if found := unfinished.FindString(text); found != "" {
				t.Errorf("%s: %s", file, found)
			}
		}
		for _, p := range local {
			if strings.Contains(text, p) {
				t.Errorf("%s holds the path %s", file, p)
			}
		}
	})
}

// TestFunctionsSpeakNoRedis: what is kept there is a store's in shared/. Asking
// whether the server is there is all that a function may do with the client that
// it hands on.
func TestFunctionsSpeakNoRedis(t *testing.T) {
	t.Parallel()
	for name := range functions {
		for _, f := range goFiles(t, "functions/"+name) {
			if f.test {
				continue
			}
			ast.Inspect(f.tree, func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				on := s.X
				if c, called := on.(*ast.CallExpr); called {
					on = c.Fun
				}
				if x, ok := on.(*ast.SelectorExpr); ok && x.Sel.Name == "Redis" && s.Sel.Name != "Ping" {
					t.Errorf("%s: Redis.%s", f.set.Position(s.Pos()), s.Sel.Name)
				}
				return true
			})
		}
	}
}
