package page

import (
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// china is where every date shown is meant.
var china = time.FixedZone("CST", 8*3600)

// Link is a place to go and what to call it.
type Link struct{ Href, Text string }

// funcs are the functions every template may use, bound to one kind of reader.
func (p *Pages) funcs(v variant) template.FuncMap {
	return template.FuncMap{
		// say "key" args…: the catalogue's sentence.
		"say": func(key string, args ...any) string { return Say(v.lang, key, args...) },
		// url "/path" or "function/path", segments…, (query …): see Pages.URL.
		"url": func(target string, parts ...any) string { return build(p.base, p.function, target, &v, parts...) },
		// absolute: the same, for other sites; see Pages.Absolute.
		"absolute": p.Absolute,
		// query "name" value …: an address's query; an empty value is left out.
		"query": query,
		// keep: hidden inputs that carry the reader's choices through a GET form.
		"keep": func() template.HTML { return keep(v) },
		"asset": func(name string) (string, error) {
			a, ok := p.assets[name]
			if !ok {
				return "", fmt.Errorf("page: %s has no asset %q", p.function, name)
			}
			return build(p.base, p.function, "/assets", nil, a.url), nil
		},
		"lang": func() Lang { return v.lang },
		// chinese marks text that is Chinese in every language: names, document
		// numbers, statutes. A screen reader then changes its voice.
		"chinese": func(s any) template.HTML {
			if v.lang == ZH {
				return template.HTML(template.HTMLEscapeString(text(s)))
			}
			return template.HTML(`<span lang="zh-CN">` + template.HTMLEscapeString(text(s)) + `</span>`)
		},
		"date":    func(d any) (template.HTML, error) { return dateHTML(v.lang, d) },
		"moment":  func(t time.Time) template.HTML { return momentHTML(v.lang, t) },
		"money":   func(fen any) (string, error) { return moneyText(v.lang, fen) },
		"number":  func(n any) (string, error) { return numberText(n) },
		"dict":    dict,
		"list":    func(items ...any) []any { return items },
		"link":    func(href, text string) Link { return Link{href, text} },
		"fieldid": fieldID,
		"nav":     navigation,
		// has "function": whether the city has it, before a link to it is shown.
		"has": Offers,
	}
}

// text prints a template value as a path segment or words.
func text(a any) string {
	if s, ok := a.(string); ok {
		return s
	}
	return fmt.Sprint(a)
}

func query(pairs ...any) (url.Values, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("page: query wants names and values")
	}
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if s := text(pairs[i+1]); s != "" {
			q.Add(text(pairs[i]), s)
		}
	}
	return q, nil
}

func keep(v variant) template.HTML {
	var b strings.Builder
	if v.asked {
		fmt.Fprintf(&b, `<input type="hidden" name="%s" value="%s">`, langParam, v.lang)
	}
	if v.large {
		fmt.Fprintf(&b, `<input type="hidden" name="%s" value="%s">`, textParam, textLarge)
	}
	return template.HTML(b.String())
}

func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("page: dict wants keys and values")
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		k, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("page: dict key %v is not a string", pairs[i])
		}
		m[k] = pairs[i+1]
	}
	return m, nil
}

// dateHTML writes a civil date: a time.Time is shown as its day in China; any
// other value must print itself as 2026-04-29. No date is an en dash.
func dateHTML(lang Lang, d any) (template.HTML, error) {
	var day time.Time
	if t, ok := d.(time.Time); ok {
		if t.IsZero() {
			return "–", nil
		}
		day = t.In(china)
	} else {
		s := text(d)
		if d == nil || s == "" {
			return "–", nil
		}
		t, err := time.Parse(time.DateOnly, s)
		if err != nil {
			return "", fmt.Errorf("page: %q is not a date", s)
		}
		day = t
	}
	return template.HTML(`<time datetime="` + day.Format(time.DateOnly) + `">` + dayText(lang, day) + `</time>`), nil
}

func dayText(lang Lang, t time.Time) string {
	if lang == EN {
		return t.Format("2 January 2006")
	}
	return t.Format("2006年1月2日")
}

// momentHTML writes an instant to the minute in China time.
func momentHTML(lang Lang, t time.Time) template.HTML {
	if t.IsZero() {
		return "–"
	}
	local := t.In(china)
	s := dayText(lang, local)
	if lang == EN {
		s += ", " + local.Format("15:04") + " (UTC+8)"
	} else {
		s += local.Format(" 15:04")
	}
	return template.HTML(`<time datetime="` + local.Format(time.RFC3339) + `">` + s + `</time>`)
}

// whole reads any of Go's integer kinds; sums of money and counts come as
// int64 from the matters and as int from len.
func whole(n any) (int64, error) {
	switch n := n.(type) {
	case int64:
		return n, nil
	case int:
		return int64(n), nil
	case int32:
		return int64(n), nil
	case uint64:
		if n > 1<<63-1 {
			return 0, fmt.Errorf("page: %d is too large", n)
		}
		return int64(n), nil
	}
	return strconv.ParseInt(fmt.Sprint(n), 10, 64)
}

// grouped writes an absolute value with a comma before each three digits.
func grouped(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func magnitude(n int64) (sign string, abs uint64) {
	if n < 0 {
		return "−", uint64(-(n + 1)) + 1
	}
	return "", uint64(n)
}

func numberText(n any) (string, error) {
	i, err := whole(n)
	if err != nil {
		return "", err
	}
	sign, abs := magnitude(i)
	return sign + grouped(abs), nil
}

// moneyText writes fen (hundredths of a yuan) as yuan; whole yuan without
// decimals.
func moneyText(lang Lang, fen any) (string, error) {
	n, err := whole(fen)
	if err != nil {
		return "", err
	}
	sign, abs := magnitude(n)
	s := sign + grouped(abs/100)
	if rest := abs % 100; rest != 0 {
		s += fmt.Sprintf(".%02d", rest)
	}
	return Say(lang, "page.money", s), nil
}

// navItem is one entry of the main navigation: a function that people visit.
type navItem struct{ Function, Path, Key string }

// visited are the functions that anybody may visit, in the order of the main
// navigation. Those only officers visit are reached from their desk in
// staff-session.
var visited = []navItem{
	{"portal", "portal/", "page.nav.home"},
	{"credit-lookup", "credit-lookup/", "page.nav.lookup"},
	{"report-intake", "report-intake/", "page.nav.report"},
	{"disclosure-publish", "disclosure-publish/disclosures", "page.nav.disclosures"},
	{"material-intake", "material-intake/", "page.nav.materials"},
	{"staff-session", "staff-session/", "page.nav.account"},
}

// offered are the functions with pages that the city runs. A function is linked
// from others only when it stands here; a test compares this with the map in
// functions/main.go, so that adding one there adds it here.
var offered = map[string]bool{
	"case-handling": true, "credit-lookup": true, "credit-repair": true, "credit-share": true, "disclosure-publish": true, "material-intake": true,
	"portal": true, "report-intake": true, "staff-session": true, "summary-report": true,
}

// Offers tells whether the city runs a function that has pages.
func Offers(function string) bool { return offered[function] }

// navigation is what of visited the city offers.
func navigation() []navItem {
	return slices.DeleteFunc(slices.Clone(visited), func(n navItem) bool { return !Offers(n.Function) })
}
