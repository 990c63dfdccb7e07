package page

import (
	"html/template"
	"net/http"
	"sync"

	"ipcredit/shared/fault"
)

const problemName = "\x00problem"

// problemPage is the error page: what happened, what to correct, the number to
// quote when asking for help. It empties the blocks that a function's partials
// fill from the data of its own pages, which it does not have; a definition
// without any action would not replace theirs.
const problemPage = `{{define "account"}}{{""}}{{end}}{{define "crumbs"}}{{""}}{{end}}{{define "hero"}}{{""}}{{end}}{{define "scripts"}}{{""}}{{end}}
{{define "title"}}{{.Title}}{{end}}
{{define "main"}}
<h1>{{.Title}}</h1>
<p class="lead">{{.Detail}}</p>
{{with .Fields}}<ul class="bullets">{{range .}}<li><b>{{.Field}}</b>{{say "page.colon"}}{{.Message}}</li>{{end}}</ul>{{end}}
<p>{{say .Advice}}</p>
{{with .Reference}}<p>{{say "page.problem.reference"}}<code>{{.}}</code></p>{{end}}
<ul class="bullets">{{if .Desk}}<li><a href="{{url "staff-session/"}}">{{say "page.problem.desk"}}</a></li>{{end}}<li><a href="{{url "portal/"}}">{{say "page.problem.home"}}</a></li></ul>
{{end}}`

type problemData struct {
	Title, Detail, Reference string
	Fields                   []Wrong
	// Advice is the key of what the reader can do about it.
	Advice string
	// Desk leads back to the desk who has one and was refused something there.
	Desk bool
}

// advice is the key of what a reader can do about an answer of that status. To
// correct and try again helps only where something was entered.
func advice(status int) string {
	switch {
	case status >= 500:
		return "page.problem.ours"
	case status == http.StatusForbidden:
		return "page.problem.forbidden"
	case status == http.StatusNotFound, status == http.StatusGone:
		return "page.problem.missing"
	}
	return "page.problem.yours"
}

// Errors makes the layout put "Error:" before the title.
func (d problemData) Errors() []Wrong { return d.Fields }

// plain draws error pages in a process that has made no pages of its own; their
// style sheet is the front door's.
var plain = sync.OnceValue(func() *Pages { return parsed("portal", nil, Site{}) })

// Problem writes the page for a request that is not served: title and detail as
// Fault words them, what to correct, and the reference under which it is
// logged. It looks like the other pages of the function in r's context. It
// always writes an answer.
func Problem(w http.ResponseWriter, r *http.Request, status int, reference, title, detail string, fields []fault.Field) {
	lang := variantOf(r).lang
	data := problemData{Title: title, Detail: detail, Reference: reference, Advice: advice(status), Desk: status == http.StatusForbidden && Offers("staff-session")}
	for _, f := range fields {
		data.Fields = append(data.Fields, Wrong{Field: f.Name, Message: FieldMessage(lang, f)})
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Accept")
	if err := pagesFor(r).Show(w, r, status, problemName, data); err != nil {
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Del("Content-Length")
		w.WriteHeader(status)
		// The layout itself is broken; this needs nothing of it.
		_, _ = w.Write([]byte("<!DOCTYPE html><title>" + template.HTMLEscapeString(title) + "</title><h1>" +
			template.HTMLEscapeString(title) + "</h1><p>" + template.HTMLEscapeString(detail) + "</p><p>" + template.HTMLEscapeString(reference) + "</p>"))
	}
}

// pagesFor finds the pages of the function that answers. Before a function is
// known any of the process will do: they differ in nothing an error page shows.
func pagesFor(r *http.Request) *Pages {
	if p, ok := drawn.Load(From(r.Context()).Function); ok {
		return p.(*Pages)
	}
	found := (*Pages)(nil)
	drawn.Range(func(_, p any) bool {
		found = p.(*Pages)
		return false
	})
	if found == nil {
		return plain()
	}
	return found
}
