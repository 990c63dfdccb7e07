package function

import (
	"net/http"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/embed"
	"ipcredit/shared/fault"
	"ipcredit/shared/page"
)

// frameView is what the frame shows.
type frameView struct {
	standing
	Shown  []credit.Shown // what counts, at most mostFramed
	More   int            // how many more there are
	Detail string         // what is wrong with the code
}

// mostFramed bounds a frame's list: it is a small window with a link to all.
const mostFramed = 3

// Words, Tone and Known are for the template.
func (v frameView) Words(lang page.Lang) string { return v.State.words(lang, v.Count) }
func (v frameView) Tone() string                { return tones[v.State] }
func (v frameView) Known() bool                 { return v.State == clean || v.State == listed }
func (v frameView) AsOf() time.Time             { return v.Answer.AsOf }

// frame is a subject's state for a frame of any website. It always draws the
// frame: a browser shows nothing of a page that may not be framed.
func (l *lookup) frame(w http.ResponseWriter, r *http.Request) error {
	s := l.standing(r, r.PathValue("code"))
	if s.Moved != "" {
		return moveTo(w, r, s.Moved)
	}
	lang := asked(r)
	q := page.From(r.Context())
	q.Lang = lang
	r = r.WithContext(page.With(r.Context(), q))
	v := frameView{standing: s}
	if s.Because != nil {
		_, v.Detail = page.Fault(lang, s.Because)
	}
	for _, x := range s.Answer.Records {
		switch {
		case !x.Counts:
		case len(v.Shown) < mostFramed:
			v.Shown = append(v.Shown, x)
		default:
			v.More++
		}
	}
	s.cached(w.Header())
	return drawn(w, r, func(w http.ResponseWriter) error {
		return l.pages.Frame(w, r, s.status(), "embed", v)
	})
}

// widget serves the component's latest version for those who do not pin one.
func (l *lookup) widget(w http.ResponseWriter, r *http.Request) error {
	return script(w, r, embed.Script(), public("cache.seconds"))
}

// widgetVersion serves one version, which never changes.
func (l *lookup) widgetVersion(w http.ResponseWriter, r *http.Request) error {
	body, ok := embed.ByName(r.PathValue("name"))
	if !ok {
		return fault.New(fault.NotFound, "credit-lookup.widget", embed.Path)
	}
	return script(w, r, body, "public, max-age=31536000, immutable")
}

func script(w http.ResponseWriter, r *http.Request, body []byte, cache string) error {
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", cache)
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	return send(w, r, http.StatusOK, tagOf(body), body)
}
