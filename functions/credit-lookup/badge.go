package function

import (
	_ "embed"
	"encoding/xml"
	"net/http"
	"strings"
	"text/template"

	"golang.org/x/text/width"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/workday"
)

// shield is a badge in the schema of shields.io's endpoint badges.
type shield struct {
	SchemaVersion int    `json:"schemaVersion"`
	Label         string `json:"label"`
	Message       string `json:"message"`
	Color         string `json:"color"`
	IsError       bool   `json:"isError,omitempty"`
	CacheSeconds  int    `json:"cacheSeconds"`
}

// colours by name for shields, and as they are drawn here: white on each has a
// contrast of at least 4.5:1. The words say the same without any colour.
var colours = map[state]struct{ name, hex string }{
	clean:   {"green", "#0b6b3a"},
	listed:  {"red", "#a61b1f"},
	unknown: {"lightgrey", "#4a5663"},
	failed:  {"orange", "#8a4b00"},
}

// badge draws a subject's state as an image or as data for one. The language is
// the one the address asks for and Chinese else: a badge is part of somebody's
// page, not of the reader's settings.
func (l *lookup) badge(w http.ResponseWriter, r *http.Request) error {
	file := r.PathValue("file")
	raw, image := strings.CutSuffix(file, ".svg")
	if !image {
		var data bool
		if raw, data = strings.CutSuffix(file, ".json"); !data {
			return fault.New(fault.NotFound, "credit-lookup.badge")
		}
	}
	s := l.standing(r, raw)
	if s.Moved != "" {
		return moveTo(w, r, s.Moved)
	}
	lang := asked(r)
	h := w.Header()
	s.cached(h)
	h.Set("Content-Language", lang.Tag())
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if !image {
		seconds := 0
		if s.State == clean || s.State == listed {
			seconds = keep(s.Next, s.Now)
		}
		// Whoever draws this (shields.io, our own component) takes any other status
		// for a failure of the address and shows words of its own instead of ours.
		// That something is wrong is said as the schema says it: isError.
		return fn.WriteJSON(w, http.StatusOK, shield{
			SchemaVersion: 1, Label: page.Say(lang, "credit-lookup.badge.label"), Message: s.State.words(lang, s.Count),
			Color: colours[s.State].name, IsError: s.State == unknown || s.State == failed, CacheSeconds: seconds,
		})
	}
	body, err := l.draw(s, lang)
	if err != nil {
		return err
	}
	h.Set("Content-Type", "image/svg+xml; charset=utf-8")
	// Opened by its own address a drawing is a document: give it no powers.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	return send(w, r, s.status(), tagOf([]byte(body)), []byte(body))
}

// asked is the language named in the address.
func asked(r *http.Request) page.Lang {
	if r.URL.Query().Get("lang") == string(page.EN) {
		return page.EN
	}
	return page.ZH
}

//go:embed badge.svg.tmpl
var badgeText string

var badgeTemplate = template.Must(template.New("badge").Funcs(template.FuncMap{
	"xml": func(s string) (string, error) {
		var b strings.Builder
		err := xml.EscapeText(&b, []byte(s))
		return b.String(), err
	},
}).Parse(badgeText))

// drawing is what the template needs: lengths are in pixels.
type drawing struct {
	Lang, Label, Message, Title, Note, Colour string
	LabelWidth, MessageWidth                  int
}

// Width and the places of the words.
func (d drawing) Width() int         { return d.LabelWidth + d.MessageWidth }
func (d drawing) LabelMiddle() int   { return d.LabelWidth / 2 }
func (d drawing) MessageMiddle() int { return d.LabelWidth + d.MessageWidth/2 }

func (l *lookup) draw(s standing, lang page.Lang) (string, error) {
	d := drawing{
		Lang: lang.Tag(), Label: page.Say(lang, "credit-lookup.badge.label"), Message: s.State.words(lang, s.Count),
		Note: page.Say(lang, "credit-lookup.note"), Colour: colours[s.State].hex,
	}
	today := workday.DateOf(s.Now).String()
	switch {
	case s.Because != nil:
		_, detail := page.Fault(lang, s.Because)
		d.Title = page.Say(lang, "credit-lookup.badge.title_code", d.Message, detail)
	case s.State == failed:
		d.Title = page.Say(lang, "credit-lookup.badge.title_failed", d.Message, s.Code, today)
	case s.State == unknown:
		d.Title = page.Say(lang, "credit-lookup.badge.title_unknown", s.Code, d.Message, today)
	default:
		d.Title = page.Say(lang, "credit-lookup.badge.title", s.Name, d.Message, today, workday.DateOf(s.Answer.AsOf).String())
	}
	if l.env.Demo {
		d.Title += " · " + page.Say(lang, "page.demo")
	}
	d.LabelWidth, d.MessageWidth = textWidth(d.Label)+2*badgePadding, textWidth(d.Message)+2*badgePadding
	var b strings.Builder
	err := badgeTemplate.Execute(&b, d)
	return b.String(), err
}

const (
	badgeFont    = 13 // pixels to an em
	badgePadding = 9
)

// textWidth is room for a text in any font a reader may have, in pixels: a
// Chinese character fills one em in all of them; Latin letters are given what
// the widest common font takes, so that nothing is ever squeezed or cut.
func textWidth(s string) int {
	hundredths := 0
	for _, r := range s {
		switch k := width.LookupRune(r).Kind(); {
		case k == width.EastAsianWide || k == width.EastAsianFullwidth:
			hundredths += 100
		case r == ' ' || strings.ContainsRune("ijlI.,:;'|!", r):
			hundredths += 38
		case strings.ContainsRune("mwMW%@", r):
			hundredths += 98
		case r >= 'A' && r <= 'Z':
			hundredths += 78
		case r >= 0x80:
			hundredths += 100
		default:
			hundredths += 66
		}
	}
	return (hundredths*badgeFont + 99) / 100
}
