package credit

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ipcredit/shared/catalog"
	"ipcredit/shared/sheet"
	"ipcredit/shared/workday"
)

type (
	competenceRule struct {
		Entries []competence `json:"entries"`
	}
	// competence is one line of the table: when the tests that are given match,
	// the authority must be one of those named, and the fine must not pass the
	// maximum of the one document it rests on.
	competence struct {
		Name         string   `json:"name"`
		Kinds        []Kind   `json:"kinds"`
		Acts         []string `json:"acts"`      // none: any
		Authority    []string `json:"authority"` // none: any
		Law          string   `json:"law"`
		Articles     []int    `json:"articles"` // of Law; none: any
		Conduct      []string `json:"conduct"`
		Content      []string `json:"content"`
		Classes      []string `json:"classes"`
		MaxFen       int64    `json:"maxFen"`
		PersonMaxFen int64    `json:"personMaxFen"`
		Source       string   `json:"source"`
		Article      string   `json:"article"`
	}
	authorityRule struct {
		CNIPA             []string `json:"cnipa"`
		CNIPANot          []string `json:"cnipaNot"`
		Provinces         []string `json:"provinces"`
		ProvincialOffices []string `json:"provincialOffices"`
		MarketRegulator   []string `json:"marketRegulator"`
		Court             []string `json:"court"`
		Association       []string `json:"association"`
	}
)

// is tells whether an authority of this name is of the class.
func (a authorityRule) is(class, name string) bool {
	contains := func(words []string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(name, w) })
	}
	switch class {
	case "cnipa":
		return slices.ContainsFunc(a.CNIPA, func(p string) bool { return strings.HasPrefix(name, p) }) && !contains(a.CNIPANot)
	case "province":
		for _, p := range a.Provinces {
			rest, ok := strings.CutPrefix(name, p)
			if ok && slices.ContainsFunc(a.ProvincialOffices, func(o string) bool { return strings.HasPrefix(rest, o) }) {
				return true
			}
		}
		return false
	case "market-regulator":
		return contains(a.MarketRegulator)
	case "court":
		return contains(a.Court)
	case "association":
		return contains(a.Association)
	}
	return false
}

// claim is what a row says somebody did to somebody.
type claim struct {
	kind          Kind
	act           string
	on            workday.Date
	authority     string
	basis         string
	conduct       string // violation and facts
	content       string
	classes       []string
	fineFen       int64
	naturalPerson bool
}

// competent names what the row claims that its authority may not do. field and
// fineField are where the problems belong.
func (l *Law) competent(c claim, field, fineField string) []sheet.Problem {
	table := l.competence.or(c.on).P
	names := l.authorities.or(c.on).P
	var found []sheet.Problem
	said := map[string]bool{}
	maximum, bounded := int64(0), competence{}
	c.act = catalog.Under(c.act)
	for _, e := range table.Entries {
		if !e.applies(c) {
			continue
		}
		allowed := len(e.Authority) == 0
		for _, class := range e.Authority {
			allowed = allowed || names.is(class, c.authority)
		}
		if !allowed && !said[e.Name] {
			said[e.Name] = true
			found = append(found, sheet.Problem{Field: field, Code: "credit.competence." + e.Name, Args: []any{e.Source, e.Article}})
		}
		top := e.MaxFen
		if c.naturalPerson && e.PersonMaxFen > 0 {
			top = e.PersonMaxFen
		}
		if top > maximum {
			maximum, bounded = top, e
		}
	}
	// A decision resting on several documents may add their fines up.
	if maximum > 0 && c.fineFen > maximum && strings.Count(c.basis, "《") <= 1 {
		found = append(found, sheet.Problem{Field: fineField, Code: "credit.fine_above_maximum",
			Args: []any{bounded.Source, bounded.Article, Wan(maximum), Wan(c.fineFen)}})
	}
	return found
}

func (e competence) applies(c claim) bool {
	any := func(words []string, text string) bool {
		return len(words) == 0 || slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	return slices.Contains(e.Kinds, c.kind) && (len(e.Acts) == 0 || slices.Contains(e.Acts, c.act)) &&
		(e.Law == "" || cites(c.basis, e.Law, e.Articles)) &&
		any(e.Conduct, c.conduct) && any(e.Content, c.content) &&
		(len(e.Classes) == 0 || meets(c.classes, e.Classes))
}

var articleForm = regexp.MustCompile(`第\s*([〇零一二三四五六七八九十百0-9]+)\s*条`)

// cites tells whether a legal basis names the document and one of its articles;
// no articles ask for the document alone. Articles belong to the document named
// last before them.
func cites(basis, law string, articles []int) bool {
	for rest := basis; ; {
		i := strings.Index(rest, law)
		if i < 0 {
			return false
		}
		rest = rest[i+len(law):]
		// 商标法 is not 商标法实施条例, whose articles are others.
		if strings.HasPrefix(rest, "实施") {
			continue
		}
		if len(articles) == 0 {
			return true
		}
		own := rest
		if j := strings.Index(own, "《"); j >= 0 {
			own = own[:j]
		}
		for _, m := range articleForm.FindAllStringSubmatch(own, -1) {
			if n, ok := numeral(m[1]); ok && slices.Contains(articles, n) {
				return true
			}
		}
	}
}

// numeral reads a Chinese or Arabic number below 1000.
func numeral(s string) (int, bool) {
	if n, err := strconv.Atoi(s); err == nil {
		return n, true
	}
	total, digit := 0, 0
	for _, r := range s {
		switch r {
		case '〇', '零':
			digit = 0
		case '十':
			total += max(digit, 1) * 10
			digit = 0
		case '百':
			total += max(digit, 1) * 100
			digit = 0
		default:
			i := strings.IndexRune("一二三四五六七八九", r)
			if i < 0 {
				return 0, false
			}
			digit = i/3 + 1
		}
	}
	return total + digit, total+digit > 0
}

// sourceOf is ADMIN, JUDICIAL or INDUSTRY by the name of who decided.
func (l *Law) sourceOf(authority string, on workday.Date) Source {
	names := l.authorities.or(on).P
	switch {
	case names.is("association", authority):
		return Industry
	case names.is("court", authority):
		return Judicial
	}
	return Admin
}
