package function

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/page"
	"ipcredit/shared/subject"
)

// found is the answer of a search.
type found struct {
	Results []hit         `json:"results"`
	Total   subject.Total `json:"total"`
	Next    *string       `json:"next"` // cursor of the next page
	Suggest []string      `json:"suggest,omitempty"`
}

// hit is one subject found, with the reason in words.
type hit struct {
	Code  string  `json:"code"`
	Name  string  `json:"name"`
	Score float64 `json:"score"`
	Why   string  `json:"why"`
}

// search finds subjects by name, former name, pinyin, initials or code.
func (l *lookup) search(w http.ResponseWriter, r *http.Request) error {
	html := fn.WantsHTML(r)
	q := r.URL.Query()
	text := strings.TrimSpace(q.Get("q"))
	if html && text == "" {
		w.Header().Set("Cache-Control", public("cache.seconds"))
		w.Header()["Vary"] = varyAccept
		return l.pages.Show(w, r, http.StatusOK, "search", searchPage{})
	}
	limit, err := limitOf(q)
	if err == nil && text == "" {
		err = fault.New(fault.Invalid, "credit-lookup.q").With("q", "credit-lookup.q")
	}
	if err == nil {
		err = l.spend(r, 1)
	}
	var result subject.Result
	if err == nil {
		result, err = l.credit.Subjects().Search(r.Context(), text, limit, q.Get("cursor"))
		err = named(err)
	}
	lang := fn.Lang(r)
	if f, refused := fault.Of(err); html && refused && (f.Kind == fault.Invalid || f.Kind == fault.Refused) {
		// What was typed stays in the form, with what is wrong beside it. The
		// other parameters have no field to point at.
		if len(f.Fields) > 0 && f.Fields[0].Name != "q" {
			f = fault.New(f.Kind, f.Code, f.Args...)
		}
		form := page.NewForm(q).Refuse(lang, f)
		w.Header()["Vary"] = varyAccept
		return l.pages.Show(w, r, http.StatusBadRequest, "search", searchPage{Form: form, Query: text})
	}
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Cache-Control", public("cache.search_seconds"))
	if !html {
		h["Vary"] = []string{"Accept, Accept-Language"}
		answer := found{Results: make([]hit, len(result.Hits)), Total: result.Total, Suggest: suggestions(lang, text, result)}
		for i, x := range result.Hits {
			answer.Results[i] = hit{Code: x.Code, Name: x.Name, Score: x.Score, Why: words(lang, x.Why)}
		}
		if result.Next != "" {
			answer.Next = &result.Next
		}
		return fn.WriteJSON(w, http.StatusOK, answer)
	}
	h["Vary"] = varyAccept
	view := searchPage{Form: page.NewForm(q), Query: text, Done: true, Total: result.Total, Next: result.Next,
		First: q.Get("cursor") == "", Limit: q.Get("limit"), Suggest: suggestions(lang, text, result)}
	for _, x := range result.Hits {
		view.Hits = append(view.Hits, foundSubject{Code: x.Code, Name: x.Name, Kind: x.Kind, Area: areaName(x.District), Why: words(lang, x.Why)})
	}
	return l.pages.Show(w, r, http.StatusOK, "search", view)
}

// searchPage is what the page shows; without Done it is the form alone.
type searchPage struct {
	*page.Form
	Query   string
	Done    bool
	First   bool // the first page of results
	Hits    []foundSubject
	Total   subject.Total
	Next    string
	Limit   string
	Suggest []string
}

// foundSubject is all the page shows of a hit.
type foundSubject struct{ Code, Name, Kind, Area, Why string }

// AtLeast tells that there are more than were counted.
func (p searchPage) AtLeast() bool { return p.Total.Relation == "gte" }

func limitOf(q url.Values) (int, error) {
	text, most := q.Get("limit"), chosen.N("search.most")
	if text == "" {
		return chosen.N("search.limit"), nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, fault.New(fault.Invalid, "credit-lookup.limit", most).With("limit", "credit-lookup.limit", most)
	}
	return n, nil
}

// named tells which parameter a refusal of the search is about.
func named(err error) error {
	f, refused := fault.Of(err)
	if !refused || len(f.Fields) > 0 || f.Kind != fault.Invalid {
		return err
	}
	field := "q"
	if f.Code == "subject.cursor" {
		field = "cursor"
	}
	return fault.New(f.Kind, f.Code, f.Args...).With(field, f.Code, f.Args...).Because(err)
}

// words are reasons as one text.
func words(lang page.Lang, reasons []subject.Reason) string {
	said := make([]string, len(reasons))
	for i, x := range reasons {
		said[i] = page.Say(lang, x.Key, x.Args...)
	}
	return strings.Join(said, page.Say(lang, "credit-lookup.and"))
}

// suggestions help to ask better: what the search advises, and where a code was
// meant, what is wrong with it.
func suggestions(lang page.Lang, text string, result subject.Result) []string {
	var out []string
	if len(result.Hits) == 0 {
		if code, ok := codeLike(text); ok {
			if _, err := ident.ParseUSCC(code); err == nil {
				return []string{page.Say(lang, "credit-lookup.code_unknown", code)}
			} else if f, refused := fault.Of(err); refused {
				_, detail := page.Fault(lang, f)
				return []string{detail}
			}
		}
	}
	for _, x := range result.Suggest {
		if x.Key == "subject.suggest.code" {
			continue // said above, with the character
		}
		out = append(out, page.Say(lang, x.Key, x.Args...))
	}
	return out
}

// codeLike tells whether somebody meant a credit code, perhaps mistyped.
func codeLike(text string) (string, bool) {
	code := strings.ToUpper(strings.Join(strings.Fields(norm.NFKC.String(text)), ""))
	digits := 0
	for _, r := range code {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case r < 'A' || r > 'Z':
			return "", false
		}
	}
	n := utf8.RuneCountInString(code)
	return code, n >= 15 && n <= 21 && digits >= 6
}
