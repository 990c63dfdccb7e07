package page

import (
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
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
		// tongue: text of either language; foreign: whether it is Chinese for a reader
		// of another, where no element can be put around it.
		"tongue": func(s any) template.HTML {
			if marked, ok := s.(template.HTML); ok {
				return marked
			}
			return tongue(v.lang, text(s))
		},
		"foreign": func(s any) bool { return v.lang != ZH && strings.ContainsFunc(text(s), han) },
		"date":    func(d any) (template.HTML, error) { return dateHTML(v.lang, d) },
		// due: a date with its weekday; day: a date for the argument of a sentence.
		"due":     func(d any) (template.HTML, error) { return dueHTML(v.lang, d) },
		"day":     func(d any) string { return Day(v.lang, d) },
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

func han(r rune) bool { return unicode.Is(unicode.Han, r) }

// tongue marks the Chinese in a text for who reads another language: the longest
// stretches that begin and end with a character.
func tongue(lang Lang, s string) template.HTML {
	if lang == ZH {
		return template.HTML(template.HTMLEscapeString(s))
	}
	return template.HTML(stretch.ReplaceAllString(template.HTMLEscapeString(s), `<span lang="zh-CN">$0</span>`))
}

// stretch is Chinese text with what stands inside it: 新测市监函〔2026〕14号.
var stretch = regexp.MustCompile(`\p{Han}(?:[\p{Han}\p{Nd}〔〕（）《》“”、，：；·]*\p{Han})?`)

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

// civil reads a civil date: a time.Time is its day in China; any other value must
// print itself as 2026-04-29. None is false.
func civil(d any) (day time.Time, found bool, err error) {
	if t, ok := d.(time.Time); ok {
		return t.In(china), !t.IsZero(), nil
	}
	s := text(d)
	if d == nil || s == "" {
		return day, false, nil
	}
	if day, err = time.Parse(time.DateOnly, s); err != nil {
		return day, false, fmt.Errorf("page: %q is not a date", s)
	}
	return day, true, nil
}

// dateHTML writes a civil date; no date is an en dash.
func dateHTML(lang Lang, d any) (template.HTML, error) {
	day, found, err := civil(d)
	if err != nil || !found {
		return "–", err
	}
	return template.HTML(`<time datetime="` + day.Format(time.DateOnly) + `">` + dayText(lang, day) + `</time>`), nil
}

// dueHTML writes a civil date with its weekday, for days that something ends on.
func dueHTML(lang Lang, d any) (template.HTML, error) {
	day, found, err := civil(d)
	if err != nil || !found {
		return "–", err
	}
	s := Say(lang, "page.weekday", Say(lang, fmt.Sprintf("page.weekday.%d", day.Weekday())), dayText(lang, day))
	return template.HTML(`<time datetime="` + day.Format(time.DateOnly) + `">` + s + `</time>`), nil
}

// Day words a civil date that prints itself as 2026-04-29, for sentences; no date is
// an en dash, and what is no date stays as it is.
func Day(lang Lang, d any) string {
	switch day, found, err := civil(d); {
	case err != nil:
		return text(d)
	case found:
		return dayText(lang, day)
	}
	return "–"
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

// section is the entry of the main navigation that a function's pages belong to:
// what only people with an account see belongs to their desk.
func section(function string) string {
	switch function {
	case "case-handling", "credit-repair", "credit-share", "summary-report":
		return "staff-session"
	}
	return function
}
