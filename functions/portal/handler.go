// Package function is the front door: the home page with its search box, the
// guides, the page that writes embed snippets, the calculator of deadlines, and
// the description of all interfaces for programs. It keeps no state; of Redis it
// reads the years of the official calendar that were imported.
package function

import (
	"embed"
	"net/http"

	handler "github.com/openfaas/templates-sdk/go-http"

	"ipcredit/shared/calendar"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/open"
	"ipcredit/shared/page"
)

// Needs is what this function opens.
var Needs = open.Needs{Function: "portal", Redis: open.Read}

//go:embed *.html *.js
var files embed.FS

var serve = fn.Serve(Needs, routes)

// Handle answers one request.
func Handle(req handler.Request) (handler.Response, error) { return serve(req) }

// kept is how long a cache may keep a page that only a deployment changes.
const kept = "public, max-age=300"

func routes(env *open.Env) (*fn.Mux, error) {
	pages := page.New(Needs.Function, files, env.Site())
	// The snippet page shows what it writes: frames, badges and the component
	// of this same site. frame-src has no fallback but default-src.
	pages.Allow("embed", "script-src 'self'", "connect-src 'self'", "frame-src 'self'")
	guides, err := readGuides(guideFiles)
	if err != nil {
		return nil, err
	}
	described, err := openAPI(env.PublicURL)
	if err != nil {
		return nil, err
	}
	mux := fn.NewMux(Needs.Function)
	mux.HandleOpen("GET /openapi.json", described)
	mux.HandleOpen("GET /deadline", calculator{calendar.New(env.Journal), pages}.get)
	mux.Handle("GET /assets/{name}", pages.Asset)
	mux.Handle("GET /{$}", func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Cache-Control", kept)
		return pages.Show(w, r, http.StatusOK, "home", home{Demo: env.Demo})
	})
	mux.Handle("GET /guides", func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Cache-Control", kept)
		return pages.Show(w, r, http.StatusOK, "guides", guides.list(fn.Lang(r)))
	})
	mux.Handle("GET /guides/{name}", func(w http.ResponseWriter, r *http.Request) error {
		article, ok := guides.find(r.PathValue("name"), fn.Lang(r))
		if !ok {
			return fault.New(fault.NotFound, "portal.guide")
		}
		body, err := article.html(func(target string) string { return pages.URL(r, target) })
		if err != nil {
			return err
		}
		w.Header().Set("Cache-Control", kept)
		return pages.Show(w, r, http.StatusOK, "guide", shownGuide{
			Name: article.name, Title: article.title, Body: body, Others: guides.list(fn.Lang(r)),
		})
	})
	mux.Handle("GET /embed", func(w http.ResponseWriter, r *http.Request) error {
		form := page.NewForm(r.URL.Query())
		data := builder{Form: form}
		if form.Value("code") == "" {
			w.Header().Set("Cache-Control", kept)
			return pages.Show(w, r, http.StatusOK, "embed", data)
		}
		code, err := ident.ParseUSCC(form.Value("code"))
		if f, refused := fault.Of(err); refused {
			form.Refuse(fn.Lang(r), fault.New(f.Kind, f.Code, f.Args...).With("code", f.Code, f.Args...))
			return pages.Show(w, r, http.StatusBadRequest, "embed", data)
		} else if err != nil {
			return err
		}
		data.build(pages, fn.Lang(r), string(code))
		return pages.Show(w, r, http.StatusOK, "embed", data)
	})
	return mux, nil
}

// home is what the home page needs to know.
type home struct{ Demo bool }

// Examples are searches to try in a city of fictitious data; a real city
// offers none, because any choice would point at somebody.
func (h home) Examples() []string {
	if !h.Demo {
		return nil
	}
	return []string{"虚构", "样例星河", "91410771MA00AAA104"}
}
