package function

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"strconv"
	"unicode/utf8"

	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/page"
	"ipcredit/shared/subject"
)

// question is one query of a match: who is this? A code decides; a name is
// compared; a district makes others less likely.
type question struct {
	ID       *string `json:"id"`
	Name     string  `json:"name"`
	Code     string  `json:"code"`
	District string  `json:"district"`
}

// matched answers one question. What could not be used of it is named; the rest
// is answered all the same.
type matched struct {
	ID         string      `json:"id"`
	Candidates []candidate `json:"candidates"`
	Errors     []unusable  `json:"errors,omitempty"`
}

type candidate struct {
	hit
	Features features `json:"features"`
}

// features are the parts of a score, each between 0 and 1.
type features struct {
	subject.Features
	// InDistrict is 1 in the district asked for and 0 in another; null when none
	// was asked for.
	InDistrict *float64 `json:"inDistrict"`
}

type unusable struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// longestID bounds what is sent back as it came.
const longestID = 200

// match answers many questions in one call. It changes nothing.
func (l *lookup) match(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Queries []question `json:"queries"`
	}
	if err := fn.ReadJSON(r, &in); err != nil {
		return err
	}
	if in.Queries == nil {
		return fault.New(fault.Invalid, "credit-lookup.queries_missing").With("queries", "credit-lookup.queries_missing")
	}
	if n := len(in.Queries); n > subject.MostQueries {
		return fault.New(fault.Refused, "credit-lookup.queries", n, subject.MostQueries).With("queries", "credit-lookup.queries", n, subject.MostQueries)
	}
	for i, q := range in.Queries {
		if q.ID != nil && utf8.RuneCountInString(*q.ID) > longestID {
			return fault.New(fault.Invalid, "credit-lookup.id", longestID).With("queries/"+strconv.Itoa(i)+"/id", "credit-lookup.id", longestID)
		}
	}
	if err := l.spend(r, 1+len(in.Queries)/chosen.N("match.per_call")); err != nil {
		return err
	}
	results, err := l.answer(r, in.Queries)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return fn.WriteJSON(w, http.StatusOK, map[string]any{"results": results, "next": nil})
}

// answer asks by code first, then by name where no code decided.
func (l *lookup) answer(r *http.Request, queries []question) ([]matched, error) {
	lang := fn.Lang(r)
	results := make([]matched, len(queries))
	districts := make([]string, len(queries))
	texts := make([]string, len(queries))
	for i, q := range queries {
		m := &results[i]
		m.ID, m.Candidates = strconv.Itoa(i), []candidate{}
		if q.ID != nil {
			m.ID = *q.ID
		}
		if q.District != "" {
			if area, err := ident.ParseArea(q.District); err != nil {
				m.refuse(lang, "district", err)
			} else {
				districts[i] = area.Code
			}
		}
		if q.Code != "" {
			if code, err := ident.ParseUSCC(q.Code); err != nil {
				m.refuse(lang, "code", err)
			} else {
				texts[i] = string(code)
			}
		}
		if q.Code == "" && q.Name == "" {
			m.refuse(lang, "name", fault.New(fault.Invalid, "credit-lookup.query_empty"))
		}
	}
	store := l.credit.Subjects()
	byCode, err := store.Match(r.Context(), texts, 1)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(queries))
	for i, q := range queries {
		if len(byCode[i].Hits) == 0 {
			names[i] = q.Name
			continue
		}
		results[i].add(lang, byCode[i].Hits, districts[i])
		if name := ident.Normal(q.Name); name != "" && name != ident.Normal(byCode[i].Hits[0].Name) {
			c := &results[i].Candidates[0]
			c.Why += page.Say(lang, "credit-lookup.and") + page.Say(lang, "credit-lookup.name_differs")
		}
	}
	byName, err := store.Match(r.Context(), names, chosen.N("match.candidates"))
	if err != nil {
		return nil, err
	}
	for i := range results {
		if names[i] == "" {
			continue
		}
		for _, s := range byName[i].Suggest {
			if s.Key == "subject.suggest.refused" && len(s.Args) > 0 {
				if code, ok := s.Args[0].(string); ok {
					results[i].refuse(lang, "name", fault.New(fault.Invalid, code, s.Args[1:]...))
				}
			}
		}
		results[i].add(lang, byName[i].Hits, districts[i])
	}
	return results, nil
}

func (m *matched) refuse(lang page.Lang, field string, err error) {
	f, ok := fault.Of(err)
	if !ok {
		f = fault.New(fault.Invalid, "credit-lookup.query_empty")
	}
	_, message := page.Fault(lang, f)
	m.Errors = append(m.Errors, unusable{Field: field, Code: f.Code, Message: message})
}

// add takes hits as candidates, those of another district a little lower. A code
// is decisive wherever its subject is.
func (m *matched) add(lang page.Lang, hits []subject.Hit, district string) {
	less := 1 - float64(chosen.N("match.district_percent"))/100
	for _, h := range hits {
		c := candidate{hit{Code: h.Code, Name: h.Name, Score: h.Score, Why: words(lang, h.Why)}, features{Features: h.Features}}
		if district != "" {
			in, key := 1.0, "credit-lookup.district_same"
			if h.District != district {
				in, key = 0, "credit-lookup.district_differs"
				if h.Features.Code < 1 {
					c.Score = math.Round(c.Score*less*1e4) / 1e4
				}
			}
			c.Features.InDistrict = &in
			c.Why += page.Say(lang, "credit-lookup.and") + page.Say(lang, key)
		}
		m.Candidates = append(m.Candidates, c)
	}
	slices.SortStableFunc(m.Candidates, func(a, b candidate) int { return cmp.Compare(b.Score, a.Score) })
}
