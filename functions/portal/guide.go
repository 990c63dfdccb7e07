package function

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"regexp"
	"strings"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	table "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"ipcredit/shared/page"
)

//go:embed guides/*.md
var guideFiles embed.FS

// guideOrder is the order of the list, most asked first. Each has an article
// guides/NAME.LANG.md in both languages and a line portal.guide.NAME.
var guideOrder = []string{"reading", "rules", "embedding", "privacy", "accessibility"}

// guideBook holds the articles by name and language.
type guideBook map[string]map[page.Lang]*guide

// guide is one article. Its source is ours and trusted, but what is shown is
// cleaned all the same: a policy text pasted from elsewhere may bring markup.
type guide struct {
	name, title string
	source      []byte
}

// shownGuide is what guide.html needs.
type shownGuide struct {
	Name, Title string
	Body        template.HTML
	Others      []listed
}

// listed is a line of the list of guides.
type listed struct{ Name, Title, About string }

var (
	markdown = goldmark.New(goldmark.WithExtensions(extension.Table))
	clean    = func() *bluemonday.Policy {
		p := bluemonday.UGCPolicy()
		p.RequireNoFollowOnLinks(false)
		p.AllowAttrs("scope").OnElements("th")
		p.AllowAttrs("role").Matching(regexp.MustCompile(`^(table|row|cell)$`)).OnElements("table", "tr", "td")
		p.AllowDataAttributes()
		return p
	}()
)

func readGuides(files fs.FS) (guideBook, error) {
	book := make(guideBook)
	for _, name := range guideOrder {
		book[name] = make(map[page.Lang]*guide)
		for _, lang := range []page.Lang{page.ZH, page.EN} {
			source, err := fs.ReadFile(files, "guides/"+name+"."+string(lang)+".md")
			if err != nil {
				return nil, fmt.Errorf("portal: reading a guide: %w", err)
			}
			first, _, _ := strings.Cut(string(source), "\n")
			title, ok := strings.CutPrefix(first, "# ")
			if !ok {
				return nil, fmt.Errorf("portal: guide %s.%s does not begin with a title", name, lang)
			}
			book[name][lang] = &guide{name: name, title: title, source: source}
		}
	}
	return book, nil
}

func (b guideBook) find(name string, lang page.Lang) (*guide, bool) {
	g, ok := b[name][lang]
	return g, ok
}

func (b guideBook) list(lang page.Lang) []listed {
	out := make([]listed, 0, len(guideOrder))
	for _, name := range guideOrder {
		out = append(out, listed{name, b[name][lang].title, page.Say(lang, "portal.guide."+name)})
	}
	return out
}

// html renders the article. A link "function:credit-lookup/…" or "function:/…"
// becomes what address makes of the part after the colon.
func (g *guide) html(address func(target string) string) (template.HTML, error) {
	doc := markdown.Parser().Parse(text.NewReader(g.source))
	err := ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link:
			if target, ours := bytes.CutPrefix(n.Destination, []byte("function:")); ours {
				n.Destination = []byte(address(string(target)))
			}
		case *table.Table:
			g.label(n)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		return "", fmt.Errorf("portal: guide %s: %w", g.name, err)
	}
	var out bytes.Buffer
	if err := markdown.Renderer().Render(&out, g.source, doc); err != nil {
		return "", fmt.Errorf("portal: rendering guide %s: %w", g.name, err)
	}
	return template.HTML(clean.SanitizeBytes(out.Bytes())), nil
}

// label gives each cell its column's name, which the narrow layout shows beside
// it, and writes out the roles that the same layout takes away.
func (g *guide) label(t *table.Table) {
	t.SetAttributeString("role", []byte("table"))
	var columns [][]byte
	for row := t.FirstChild(); row != nil; row = row.NextSibling() {
		_, head := row.(*table.TableHeader)
		if !head {
			row.SetAttributeString("role", []byte("row"))
		}
		i := 0
		for cell := row.FirstChild(); cell != nil; cell, i = cell.NextSibling(), i+1 {
			switch {
			case head:
				columns = append(columns, cell.Lines().Value(g.source))
				cell.SetAttributeString("scope", []byte("col"))
			case i < len(columns):
				cell.SetAttributeString("role", []byte("cell"))
				cell.SetAttributeString("data-label", columns[i])
			}
		}
	}
}
