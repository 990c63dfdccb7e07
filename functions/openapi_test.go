package main

import (
	"go/ast"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// describedIn is the description of all interfaces, as the portal embeds it.
const describedIn = "portal/openapi.json"

// described reads the description.
func described(t testing.TB) *openapi3.T {
	t.Helper()
	text, err := os.ReadFile(describedIn)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatalf("%s: %v", describedIn, err)
	}
	return doc
}

// operation is one call that the description names.
type operation struct {
	*openapi3.Operation
	method, path string
}

func operations(doc *openapi3.T) map[string]operation {
	all := map[string]operation{}
	for where, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			all[o.OperationID] = operation{o, method, where}
		}
	}
	return all
}

// TestDescriptionIsOpenAPI31 has the library check the document, its references
// and its examples against the schemas beside them, and looks for what every call
// of ours must say.
func TestDescriptionIsOpenAPI31(t *testing.T) {
	t.Parallel()
	doc := described(t)
	if !doc.IsOpenAPI31OrLater() {
		t.Errorf("openapi is %s", doc.OpenAPI)
	}
	if err := doc.Validate(t.Context(), openapi3.EnableExamplesValidation(), openapi3.EnableSchemaPatternValidation()); err != nil {
		t.Error(err)
	}
	chinese := regexp.MustCompile(`\p{Han}`)
	seen := map[string]string{}
	for where, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			name := method + " " + where
			if o.OperationID == "" || seen[o.OperationID] != "" {
				t.Errorf("%s: operationId %q, that of %q", name, o.OperationID, seen[o.OperationID])
			}
			seen[o.OperationID] = name
			if !chinese.MatchString(o.Summary) || len(o.Description) < 12 || chinese.MatchString(strings.NewReplacer("无失信公示", "", "有 N 条公示", "", "未收录", "", "查询异常", "").Replace(o.Description)) {
				t.Errorf("%s: the summary is Chinese and the description English: %q, %q", name, o.Summary, o.Description)
			}
			if o.Security == nil || o.Responses.Default() == nil && method != http.MethodHead {
				t.Errorf("%s: says nothing of who may call it, or of failures", name)
			}
			if len(o.Tags) != 1 || !strings.HasPrefix(where, "/"+o.Tags[0]+"/") {
				t.Errorf("%s: tags %v", name, o.Tags)
			}
		}
	}
	for name, scheme := range map[string]string{"apiKey": "http", "session": "apiKey"} {
		if s := doc.Components.SecuritySchemes[name]; s == nil || s.Value.Type != scheme {
			t.Errorf("security scheme %s: %+v", name, s)
		}
	}
}

// pages are the routes that are made for people, and those of the machinery: the
// description leaves them out. A line ending in * stands for all routes that begin
// so; no route that answers JSON may hide behind it.
var pages = map[string]string{
	"": `GET /{$}  POST /{$}  GET /assets/*`, // of every function; POST is the tick
	"case-handling": `GET /tip-offs/*  POST /tip-offs/*  GET /identities  GET /retention  GET /undelivered  GET /register  POST /register
		GET /import  POST /import  GET /calendar*  POST /calendar*  GET /applications*  POST /applications/*  GET /letters/*  POST /letters/*
		GET /notices*  POST /notices*  GET /shares*  POST /shares*  GET /mandates*  POST /mandates*  GET /inquiries*  POST /inquiries*
		GET /campaigns*  POST /campaigns*  GET /inspections*  POST /inspections*  GET /cases*  POST /cases*
		GET /day  GET /templates*  POST /templates/*  GET /repairs/*  POST /repairs/*  GET /materials/*  POST /materials/*
		POST /retention/hold  GET /objections*  POST /objections*`,
	"credit-repair": `GET /records*  GET /queries  POST /report  GET /applications*  POST /applications*  GET /desk*  POST /desk/*
		GET /materials*  POST /materials*  GET /objections*  POST /objections*  GET /object*  POST /object*  GET /promises*  POST /promises*
		GET /received*  GET /ended`,
	"credit-share": `GET /subscriptions*  POST /subscriptions*  GET /file  POST /file  GET /received  POST /received/*  GET /sources
		POST /sources  POST /sources/{id}/{step}`,
	"disclosure-publish": `GET /notices*  POST /notices*  GET /objections*  POST /objections*  GET /catalog/desk  GET /catalog/propose
		POST /catalog/proposals*  GET /catalog/proposals/*  GET /mergers*  POST /mergers*`,
	"summary-report":  `GET /pending  POST /export`,
	"evidence-upload": `GET /forms  GET /forms/{token}  POST /forms/{token}/remove`,
	"portal":          `GET /guides*  GET /embed`,
	"report-intake": `GET /frame  GET /channels/{what}  GET /privacy  GET /report/{step}  POST /report/{step}  POST /clear  POST /exit
		GET /receipt  POST /receipt/*  GET /track`,
	"staff-session": `GET /sign-in  POST /sign-in  GET /recovery  POST /recovery  POST /sign-out  GET /activate  POST /activate  GET /first
		GET /account*  POST /account/*  POST /inbox  GET /organization*  POST /organization*  GET /users/*  POST /users*  GET /proposals
		POST /proposals/{id}  GET /keys*  POST /keys*  GET /activations  POST /activations*`,
}

// route is one pattern of a mux, with the handler's names as the source has them.
type route struct {
	function, pattern string
	at                token.Position
	json              []string // how what it calls comes to write JSON; nil where it does not
}

var pattern = regexp.MustCompile(`^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /`)

// routes reads the routes of all functions out of their source.
func routes(t *testing.T) []route {
	t.Helper()
	var all []route
	for name := range functions {
		files := slices.DeleteFunc(goFiles(t, "functions/"+name), func(f goFile) bool { return f.test })
		calls := map[string]map[string]bool{} // function or method → what it calls or hands on
		for _, f := range files {
			for _, d := range f.tree.Decls {
				if fun, ok := d.(*ast.FuncDecl); ok && fun.Body != nil {
					name := fun.Name.Name
					if fun.Recv != nil && len(fun.Recv.List[0].Names) > 0 {
						// As its callers write it: a type's receiver has one name everywhere.
						name = fun.Recv.List[0].Names[0].Name + "." + name
					}
					if calls[name] == nil {
						calls[name] = map[string]bool{}
					}
					maps.Copy(calls[name], namesIn(fun.Body))
				}
			}
		}
		before := len(all)
		for _, f := range files {
			ast.Inspect(f.tree, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok || len(call.Args) == 0 {
					return true
				}
				literal, ok := call.Args[0].(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					if s, ok := call.Fun.(*ast.SelectorExpr); ok && len(call.Args) == 2 && slices.Contains([]string{"Handle", "HandleOpen", "HandlePieces"}, s.Sel.Name) {
						// A wrapper hands its own argument on; anything else hides a route.
						if x, ok := call.Args[0].(*ast.Ident); !ok || x.Name != "pattern" {
							t.Errorf("%s: a route is not written out", f.set.Position(call.Pos()))
						}
					}
					return true
				}
				text, err := strconv.Unquote(literal.Value)
				if err != nil || !pattern.MatchString(text) || len(call.Args) != 2 {
					return true // also of Open: routes added before
				}
				if s, ok := call.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "Open" || s.Sel.Name == "Ask") {
					return true
				}
				all = append(all, route{name, text, f.set.Position(call.Pos()), reaches(calls, namesIn(call.Args[1]), "fn.WriteJSON")})
				return true
			})
		}
		if len(all) == before {
			t.Errorf("%s has no routes: the test does not find them", name)
		}
	}
	return all
}

// namesIn are the functions and methods that a piece of source calls; of a
// handler also those that are handed on to a wrapper.
func namesIn(n ast.Node) map[string]bool {
	names := map[string]bool{}
	add := func(e ast.Expr) {
		switch x := e.(type) {
		case *ast.SelectorExpr:
			if of, near := x.X.(*ast.Ident); near { // d.show and fn.WriteJSON, not d.pages.Show
				names[of.Name+"."+x.Sel.Name] = true
			}
		case *ast.Ident:
			names[x.Name] = true
		}
	}
	_, handler := n.(ast.Expr)
	ast.Inspect(n, func(n ast.Node) bool {
		switch x := n.(type) {
		case *ast.SelectorExpr:
			if handler {
				add(x)
			}
		case *ast.CallExpr:
			add(x.Fun)
		}
		return true
	})
	return names
}

// reaches is the way from one of the names to the wanted one; nil where none
// leads there.
func reaches(calls map[string]map[string]bool, from map[string]bool, want string) []string {
	seen := map[string]bool{}
	var walk func(map[string]bool) []string
	walk = func(names map[string]bool) []string {
		for _, n := range slices.Sorted(maps.Keys(names)) {
			if n == want {
				return []string{n}
			}
			if seen[n] {
				continue
			}
			seen[n] = true
			if rest := walk(calls[n]); rest != nil {
				return append([]string{n}, rest...)
			}
		}
		return nil
	}
	return walk(from)
}

// TestEveryRouteIsDescribedOrAPage: what a function's mux serves stands in the
// description, or among the pages; what the description names is served.
func TestEveryRouteIsDescribedOrAPage(t *testing.T) {
	t.Parallel()
	doc := described(t)
	all := routes(t)
	muxes := map[string]*http.ServeMux{}
	for _, r := range all {
		if muxes[r.function] == nil {
			muxes[r.function] = http.NewServeMux()
		}
		muxes[r.function].HandleFunc(r.pattern, func(http.ResponseWriter, *http.Request) {})
	}
	inDoc := map[string]bool{}
	for _, o := range operations(doc) {
		function, rest, _ := strings.Cut(strings.TrimPrefix(o.path, "/"), "/")
		if muxes[function] == nil {
			t.Errorf("%s %s: there is no such function", o.method, o.path)
			continue
		}
		filled := regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(rest, "x")
		_, served := muxes[function].Handler(httptest.NewRequest(o.method, "/"+filled, nil))
		if served == "" || !strings.HasPrefix(served, o.method+" ") {
			t.Errorf("%s %s is described and not served", o.method, o.path)
			continue
		}
		inDoc[function+" "+served] = true
	}
	used := map[string]bool{}
	listed := func(r route) (entry string) {
		for _, function := range []string{"", r.function} {
			for _, e := range regexp.MustCompile(`[A-Z]+ /\S*`).FindAllString(pages[function], -1) {
				prefix, open := strings.CutSuffix(e, "*")
				if e == r.pattern || open && strings.HasPrefix(r.pattern, prefix) {
					used[function+" "+e] = true
					return e
				}
			}
		}
		return ""
	}
	for _, r := range all {
		entry, known := listed(r), inDoc[r.function+" "+r.pattern]
		switch {
		case known && entry != "" && !strings.HasSuffix(entry, "*"):
			t.Errorf("%s: %s %s is described and listed as a page", r.at, r.function, r.pattern)
		case !known && r.json != nil:
			t.Errorf("%s: %s %s answers JSON (%s) and is not described", r.at, r.function, r.pattern, strings.Join(r.json, ", "))
		case !known && entry == "":
			t.Errorf("%s: %s %s is neither described nor listed as a page", r.at, r.function, r.pattern)
		}
	}
	for function, list := range pages {
		for _, e := range regexp.MustCompile(`[A-Z]+ /\S*`).FindAllString(list, -1) {
			if !used[function+" "+e] {
				t.Errorf("pages of %q: %s is no route any more", function, e)
			}
		}
	}
}
