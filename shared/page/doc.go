// Package page turns what a function knows into what a person reads.
//
// It owns the message catalogue (words/, Chinese and English), the layout and
// the form partials every page shares (html/), and the one style sheet (asset/).
// Pages are whole without JavaScript, set no cookie, and ask nothing of any
// other host or function.
//
// A function embeds its templates beside its code and makes its pages once:
//
//	//go:embed *.html
//	var files embed.FS
//
//	pages := page.New("credit-lookup", files, env.Site())
//	pages.Allow("batch", "script-src 'self'", "connect-src 'self'")
//	mux.Handle("GET /assets/{name}", pages.Asset)
//	mux.Handle("GET /{$}", func(w http.ResponseWriter, r *http.Request) error {
//		w.Header().Set("Cache-Control", "public, max-age=300") // else no-store
//		return pages.Show(w, r, http.StatusOK, "home", data)
//	})
//
// home.html then reads
//
//	{{define "title"}}{{say "credit-lookup.title"}}{{end}}
//	{{define "crumbs"}}{{template "breadcrumbs" (list (link (url "portal/") (say "page.nav.home")))}}{{end}}
//	{{define "main"}}
//	{{template "errors" .}}
//	<h1>{{say "credit-lookup.title"}}</h1>
//	<form method="post" action="{{url "/search"}}">
//	{{template "input" (dict "Form" .Form "Name" "q" "Label" (say "credit-lookup.q"))}}
//	{{template "button" (dict "Text" (say "credit-lookup.go"))}}
//	</form>
//	{{end}}
//
// where the data embeds *Form for pages with forms. "main", "title" and the
// other blocks see the data itself. Partials and what they take are described
// in html/partials.html, template functions in funcs.go. A GET form needs
// {{keep}} among its inputs, so that language and text size survive it.
//
// The semantics of the form partials follow the GOV.UK Design System's
// published guidance (error summary, hints, check answers, confirmation); the
// markup and the style sheet are our own.
package page
