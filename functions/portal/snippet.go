package function

import (
	"html"
	"net/url"

	"ipcredit/shared/embed"
	"ipcredit/shared/page"
)

// builder is what the snippet page needs.
type builder struct {
	*page.Form
	Code      string
	Snippets  []snippet
	Path      string // of the component's script, below credit-lookup
	Integrity string
}

// snippet is one way of showing a subject on another website.
type snippet struct {
	Kind string // badge, frame, component, json, markdown
	Text string
}

// build writes the snippets for a code. All addresses come from public_url:
// what is copied out of here must work from anywhere.
func (b *builder) build(pages *page.Pages, lang page.Lang, code string) {
	q := url.Values{}
	if lang != page.ZH {
		q.Set("lang", string(lang))
	}
	at := func(target string, segments ...any) string {
		return pages.Absolute("credit-lookup/"+target, append(segments, q)...)
	}
	subject, badge, answer := at("subjects", code), at("badge", code+".svg"), at("badge", code+".json")
	frame, script := at("embed", code), pages.Absolute("credit-lookup/"+embed.Path)
	alt := page.Say(lang, "portal.snippet.alt", code)
	attr := html.EscapeString
	b.Code, b.Path, b.Integrity = code, embed.Path, embed.Integrity()
	b.Snippets = []snippet{
		{"badge", `<a href="` + attr(subject) + `"><img src="` + attr(badge) + `" alt="` + attr(alt) + `" height="24" loading="lazy"></a>`},
		{"frame", `<iframe src="` + attr(frame) + `" title="` + attr(alt) + `" width="100%" height="240" loading="lazy"` +
			` referrerpolicy="no-referrer" sandbox="allow-popups allow-popups-to-escape-sandbox" style="border:0;max-width:30rem"></iframe>`},
		{"component", `<script src="` + attr(script) + `" integrity="` + b.Integrity + `" crossorigin="anonymous" defer></script>` + "\n" +
			`<ip-credit code="` + code + `" lang="` + string(lang) + `"><a href="` + attr(subject) + `">` + attr(alt) + `</a></ip-credit>`},
		{"json", answer},
		{"markdown", "[![" + alt + "](" + badge + ")](" + subject + ")"},
	}
}
