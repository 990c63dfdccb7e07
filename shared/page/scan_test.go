package page

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	tmplparse "text/template/parse"
)

// use is one place that asks the catalogue for a key.
type use struct {
	at     string
	key    string
	prefix bool // only the beginning of the key is known
	args   int  // how many arguments are given; -1 = not known here
}

// TestEveryKeyInTheSourceHasAWord reads all Go source and templates and wants
// each literal key in the catalogue, with as many arguments as it prints.
// Inside an image only shared/ is there; then only shared/ is read.
func TestEveryKeyInTheSourceHasAWord(t *testing.T) {
	t.Parallel()
	all, _ := readWords(wordFiles)
	for _, root := range []string{"..", "../../functions"} {
		if _, err := os.Stat(root); os.IsNotExist(err) {
			t.Logf("%s is not here: not read", root)
			continue
		}
		uses, err := usesUnder(root)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range uses {
			if u.prefix {
				if !anyWithPrefix(all, u.key) {
					t.Errorf("%s: no word starts with %q", u.at, u.key)
				}
				continue
			}
			e, ok := all[u.key]
			if !ok {
				t.Errorf("%s: no word for %q", u.at, u.key)
				continue
			}
			if need, err := verbs(e.ZH); err == nil && u.args >= 0 && u.args < len(need) {
				t.Errorf("%s: %q prints %d arguments, %d given", u.at, u.key, len(need), u.args)
			}
		}
	}
}

func anyWithPrefix(all map[string]entry, prefix string) bool {
	for k := range all {
		if strings.HasPrefix(k, prefix) {
			return true
		}
	}
	return false
}

// usesUnder collects the uses in every .go file (tests excepted) and .html file.
func usesUnder(root string) ([]use, error) {
	consts := make(map[string]map[string]string) // folder → constant → value
	wrappers := make(map[string]map[string]int)  // folder → function → place of its code
	var goFiles []*ast.File
	var dirs []string
	fset := token.NewFileSet()
	var uses []use
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name == "testdata" || name == "node_modules" || (strings.HasPrefix(name, ".") && len(name) > 2) {
				return filepath.SkipDir
			}
			return nil
		}
		switch {
		case strings.HasSuffix(p, ".html"):
			data, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			u, err := usesInTemplate(p, string(data))
			uses = append(uses, u...)
			return err
		case strings.HasSuffix(p, ".go") && !strings.HasSuffix(p, "_test.go"):
			f, err := parser.ParseFile(fset, p, nil, parser.SkipObjectResolution)
			if err != nil {
				return nil // a file being written: the compiler says it better
			}
			goFiles, dirs = append(goFiles, f), append(dirs, filepath.Dir(p))
			collectConsts(consts, filepath.Dir(p), f)
			collectWrappers(wrappers, filepath.Dir(p), f)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, f := range goFiles {
		uses = append(uses, usesInGo(fset, f, consts[dirs[i]], wrappers[dirs[i]])...)
	}
	return uses, nil
}

func collectConsts(all map[string]map[string]string, dir string, f *ast.File) {
	if all[dir] == nil {
		all[dir] = make(map[string]string)
	}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			for i, name := range v.Names {
				if i < len(v.Values) {
					if text, ok := literal(v.Values[i]); ok {
						all[dir][name.Name] = text
					}
				}
			}
		}
	}
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(l.Value)
	return s, err == nil
}

func usesInGo(fset *token.FileSet, f *ast.File, consts map[string]string, wrappers map[string]int) []use {
	imports := make(map[string]string) // local name → path
	for _, im := range f.Imports {
		p, _ := strconv.Unquote(im.Path.Value)
		name := p[strings.LastIndexByte(p, '/')+1:]
		if im.Name != nil {
			name = im.Name.Name
		}
		imports[name] = p
	}
	isPkg := func(e ast.Expr, suffix string) bool {
		id, ok := e.(*ast.Ident)
		return ok && strings.HasSuffix(imports[id.Name], suffix)
	}
	var uses []use
	add := func(prefix string, key ast.Expr, args int) {
		u := use{at: fset.Position(key.Pos()).String(), args: args}
		switch k := key.(type) {
		case *ast.BasicLit:
			text, ok := literal(k)
			if !ok {
				return
			}
			u.key = text
		case *ast.Ident:
			text, ok := consts[k.Name]
			if !ok {
				return // a variable: the place that fills it is checked instead
			}
			u.key = text
		case *ast.BinaryExpr:
			text, ok := literal(k.X)
			if !ok || k.Op != token.ADD {
				return
			}
			u.key, u.prefix = text, true
		default:
			return
		}
		if u.key == "" {
			return
		}
		u.key = prefix + u.key
		uses = append(uses, u)
	}
	count := func(c *ast.CallExpr, from int) int {
		if c.Ellipsis.IsValid() {
			return -1
		}
		return len(c.Args) - from
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok {
				if at, wraps := wrappers[id.Name]; wraps && at < len(n.Args) && f.Name.Name != "fault" {
					add("fault.", n.Args[at], count(n, at+1))
				}
				if id.Name == "Say" && f.Name.Name == "page" && len(n.Args) >= 2 {
					add("", n.Args[1], count(n, 2))
				}
			}
			sel, ok := n.Fun.(*ast.SelectorExpr)
			if ok {
				_, ofPackage := sel.X.(*ast.Ident)
				ofPackage = ofPackage && imports[sel.X.(*ast.Ident).Name] != ""
				if at, wraps := wrappers[sel.Sel.Name]; wraps && !ofPackage && at < len(n.Args) && f.Name.Name != "fault" {
					add("fault.", n.Args[at], count(n, at+1))
				}
			}
			if !ok || len(n.Args) < 2 {
				return true
			}
			switch {
			case sel.Sel.Name == "New" && isPkg(sel.X, "/shared/fault"):
				add("fault.", n.Args[1], count(n, 2))
			case sel.Sel.Name == "Say" && isPkg(sel.X, "/shared/page"):
				add("", n.Args[1], count(n, 2))
			case sel.Sel.Name == "With" && imports["fault"] != "":
				// Only a chain that starts at a fault: slog.With and the like
				// are called on a package or take something else.
				if id, ok := sel.X.(*ast.Ident); ok && imports[id.Name] != "" {
					return true
				}
				if _, ok := literal(n.Args[1]); ok || startsAtFault(sel.X, isPkg) {
					add("fault.", n.Args[1], count(n, 2))
				}
			}
		case *ast.CompositeLit:
			of, ok := codeAt(n.Type, f.Name.Name, isPkg)
			lits := []*ast.CompositeLit{n}
			if arr, isArr := n.Type.(*ast.ArrayType); isArr { // []fault.Field{{…}}
				of, ok = codeAt(arr.Elt, f.Name.Name, isPkg)
				lits = nil
				for _, e := range n.Elts {
					if c, is := e.(*ast.CompositeLit); is && c.Type == nil {
						lits = append(lits, c)
					}
				}
			}
			if !ok {
				return true
			}
			for _, c := range lits {
				var code, args ast.Expr
				for i, e := range c.Elts {
					kv, keyed := e.(*ast.KeyValueExpr)
					switch {
					case keyed && kv.Key.(*ast.Ident).Name == "Code":
						code = kv.Value
					case keyed && kv.Key.(*ast.Ident).Name == "Args":
						args = kv.Value
					case !keyed && i == of:
						code = e
					case !keyed && i == of+1:
						args = e
					}
				}
				if code == nil {
					continue
				}
				given := -1
				if list, is := args.(*ast.CompositeLit); is {
					given = len(list.Elts)
				} else if args == nil {
					given = 0
				}
				add("fault.", code, given)
			}
		}
		return true
	})
	return uses
}

// codeAt tells whether a type carries a code in a field named Code, and which
// place that is when the fields are not named.
func codeAt(t ast.Expr, pkg string, isPkg func(ast.Expr, string) bool) (int, bool) {
	var name string
	var in func(suffix string) bool
	switch t := t.(type) {
	case *ast.SelectorExpr:
		name, in = t.Sel.Name, func(suffix string) bool { return isPkg(t.X, suffix) }
	case *ast.Ident:
		name, in = t.Name, func(suffix string) bool { return suffix == "/shared/"+pkg }
	default:
		return 0, false
	}
	switch {
	case name == "Problem" && in("/shared/sheet"), (name == "Field" || name == "Error") && in("/shared/fault"):
		return 1, true
	case name == "Problem" && in("/shared/batch"):
		return 2, true
	}
	return 0, false
}

// collectWrappers finds the functions of a folder that hand a code on: those
// whose parameters end in (code string, args ...any).
func collectWrappers(all map[string]map[string]int, dir string, f *ast.File) {
	if all[dir] == nil {
		all[dir] = make(map[string]int)
	}
	note := func(name string, t *ast.FuncType) {
		at := 0
		for _, p := range t.Params.List {
			for _, n := range p.Names {
				if n.Name == "code" {
					all[dir][name] = at
				}
				at++
			}
		}
		last := t.Params.List
		if i, ok := all[dir][name]; !ok || i != at-2 {
			delete(all[dir], name)
		} else if _, variadic := last[len(last)-1].Type.(*ast.Ellipsis); !variadic {
			delete(all[dir], name)
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			note(n.Name.Name, n.Type)
		case *ast.AssignStmt: // refuse := func(code string, args ...any) …
			if len(n.Lhs) == 1 && len(n.Rhs) == 1 {
				if lit, ok := n.Rhs[0].(*ast.FuncLit); ok {
					if id, ok := n.Lhs[0].(*ast.Ident); ok {
						note(id.Name, lit.Type)
					}
				}
			}
		}
		return true
	})
}

func startsAtFault(e ast.Expr, isPkg func(ast.Expr, string) bool) bool {
	for {
		switch x := e.(type) {
		case *ast.CallExpr:
			e = x.Fun
		case *ast.SelectorExpr:
			if isPkg(x.X, "/shared/fault") {
				return true
			}
			e = x.X
		default:
			return false
		}
	}
}

// usesInTemplate finds {{say "key" …}} wherever it stands in a template, also
// as an argument of another function.
func usesInTemplate(name, text string) ([]use, error) {
	trees := make(map[string]*tmplparse.Tree)
	tree := tmplparse.New(name)
	tree.Mode = tmplparse.SkipFuncCheck
	if _, err := tree.Parse(text, "", "", trees); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var uses []use
	command := func(c *tmplparse.CommandNode, piped bool) {
		if len(c.Args) < 2 {
			return
		}
		if id, ok := c.Args[0].(*tmplparse.IdentifierNode); !ok || id.Ident != "say" {
			return
		}
		key, ok := c.Args[1].(*tmplparse.StringNode)
		if !ok {
			return
		}
		args := len(c.Args) - 2
		if piped {
			args++
		}
		uses = append(uses, use{at: name, key: key.Text, args: args})
	}
	var walk func(n tmplparse.Node)
	pipe := func(p *tmplparse.PipeNode) {
		if p == nil {
			return
		}
		for i, c := range p.Cmds {
			command(c, i > 0)
			for _, a := range c.Args {
				walk(a)
			}
		}
	}
	branch := func(b *tmplparse.BranchNode) {
		pipe(b.Pipe)
		walk(b.List)
		if b.ElseList != nil {
			walk(b.ElseList)
		}
	}
	walk = func(n tmplparse.Node) {
		switch n := n.(type) {
		case *tmplparse.ListNode:
			if n != nil {
				for _, c := range n.Nodes {
					walk(c)
				}
			}
		case *tmplparse.ActionNode:
			pipe(n.Pipe)
		case *tmplparse.PipeNode:
			pipe(n)
		case *tmplparse.TemplateNode:
			pipe(n.Pipe)
		case *tmplparse.IfNode:
			branch(&n.BranchNode)
		case *tmplparse.RangeNode:
			branch(&n.BranchNode)
		case *tmplparse.WithNode:
			branch(&n.BranchNode)
		}
	}
	for _, tr := range trees {
		walk(tr.Root)
	}
	return uses, nil
}

func TestScanFindsKeysWhereverTheyStand(t *testing.T) {
	t.Parallel()
	const src = `package x
import ("ipcredit/shared/fault"; "ipcredit/shared/page"; "ipcredit/shared/sheet"; "log/slog")
const named = "named.code"
func f(l page.Lang, r string) error {
	slog.With("not", "acode")
	page.Say(l, "x.word", 1)
	_ = sheet.Problem{Field: "a", Code: "problem.code"}
	_ = []fault.Field{{Name: "n", Code: "inner.code"}}
	_ = sheet.Problem{"a", "place.code", []any{1}}
	p.add("f", "wrapped.code", 1, 2)
	refuse := func(code string, args ...any) error { return nil }
	refuse("inline.code")
	_ = fault.New(fault.Invalid, named)
	_ = fault.New(fault.Invalid, "begin."+r)
	return fault.New(fault.Invalid, "new.code", 1, 2).With("f", "with.code", 3)
}
func (p *parser) add(field, code string, args ...any) {}
func other(code string, n int) { other("not a code", 1) }`
	const html = `{{define "a"}}{{if .X}}{{template "b" (dict "Label" (say "x.label" .N))}}{{else}}{{.Y | say "x.piped"}}{{end}}{{end}}`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "x.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	consts := make(map[string]map[string]string)
	collectConsts(consts, "d", f)
	got := make(map[string]use)
	wrappers := make(map[string]map[string]int)
	collectWrappers(wrappers, "d", f)
	for _, u := range usesInGo(fset, f, consts["d"], wrappers["d"]) {
		got[u.key] = u
	}
	in, err := usesInTemplate("x.html", html)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range in {
		got[u.key] = u
	}
	want := map[string]int{
		"x.word": 1, "fault.problem.code": 0, "fault.inner.code": 0, "fault.named.code": 0, "fault.begin.": 0,
		"fault.place.code": 1, "fault.wrapped.code": 2, "fault.inline.code": 0,
		"fault.new.code": 2, "fault.with.code": 1, "x.label": 1, "x.piped": 1,
	}
	for k, n := range want {
		if u, ok := got[k]; !ok || u.args != n {
			t.Errorf("%s: found %v with %d arguments, want %d", k, ok, u.args, n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("found %d keys, want %d: %v", len(got), len(want), got)
	}
}
