package function

import (
	"net/http"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fn"
	"ipcredit/shared/ident"
	"ipcredit/shared/page"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// subjectView is what the page about a subject shows.
type subjectView struct {
	credit.Answer
	State state
	Count int
	// Counted are the records that are dishonesty, Open those that can still be
	// challenged, Other the rest: licences, commendations, favourable judgments.
	Counted, Open, Other []recordView
	Rules                []ruleset.Rule // labelled ones among those applied
	Now                  time.Time
}

// recordView is one record with what its reader wants to know.
type recordView struct {
	credit.Shown
	Facts []credit.Fact
	// RepairFrom is the first day of applying for repair; none where the rules
	// of the record's time give no day.
	RepairFrom workday.Date
	Notes      []ruleset.Rule
}

// Area is the district's name, or its code where it lies outside the city.
func (v subjectView) Area() string { return areaName(v.District) }

// Words is the state in words.
func (v subjectView) Words(lang page.Lang) string { return v.State.words(lang, v.Count) }

func areaName(code string) string {
	if a, ok := ident.AreaOf(code); ok {
		return a.Name
	}
	return code
}

var tones = map[state]string{clean: "green", listed: "red", unknown: "grey", failed: "amber"}

// words is what a badge says.
func (s state) words(lang page.Lang, n int) string {
	key := "credit-lookup.state." + string(s)
	switch {
	case s == listed && n == 1:
		return page.Say(lang, key+"_one")
	case s == listed:
		return page.Say(lang, key, n)
	}
	return page.Say(lang, key)
}

func (l *lookup) subjectPage(w http.ResponseWriter, r *http.Request, code string) error {
	p, err := l.credit.Load(r.Context(), code)
	if err != nil {
		return l.elsewhere(w, r, code, err)
	}
	law, err := l.credit.Law(r.Context())
	if err != nil {
		return err
	}
	now := l.now()
	var s standing
	s.set(p.Answer(law, now))
	h := w.Header()
	h["Vary"] = []string{"Accept"}
	fresh(h, s.Next, now)
	return drawn(w, r, func(w http.ResponseWriter) error {
		return l.pages.Show(w, r, http.StatusOK, "subject", l.view(s, law, now, fn.Lang(r)))
	})
}

func (l *lookup) view(s standing, law *credit.Law, now time.Time, lang page.Lang) subjectView {
	v := subjectView{Answer: s.Answer, State: s.State, Count: s.Count, Now: now}
	// By the code that the documents name: a merger lengthens nothing.
	chained := map[string][]workday.Date{}
	for _, x := range s.Answer.Records {
		if _, ok := tiered(law, x); !ok && x.Kind == credit.Determination {
			chained[x.From] = append(chained[x.From], x.DeterminedOn)
		}
	}
	seen := map[string]bool{}
	for _, x := range s.Answer.Records {
		view := recordView{Shown: x, Facts: x.Content.Facts(), RepairFrom: repairFrom(law, x, chained[x.From])}
		for _, rule := range x.Applied {
			if !rule.Labelled() {
				continue
			}
			view.Notes = append(view.Notes, rule)
			if !seen[rule.Ref()] {
				seen[rule.Ref()] = true
				v.Rules = append(v.Rules, rule)
			}
		}
		switch {
		case x.Counts:
			v.Counted = append(v.Counted, view)
		case x.Status == credit.OpenToChallenge, x.Status == credit.Disputed && x.Kind == credit.Penalty:
			v.Open = append(v.Open, view)
		default:
			v.Other = append(v.Other, view)
		}
	}
	return v
}

// tiered is the law's answer by the tier of a record, where that is how it ends:
// not for records without one, nor before tiers were in force.
func tiered(law *credit.Law, x credit.Shown) (credit.Estimate, bool) {
	e, err := law.Estimate(credit.Question{Route: credit.ByTiers, Tier: x.Tier, Determined: []workday.Date{x.DeterminedOn}})
	return e, err == nil
}

// repairFrom is the first day of applying for repair; chained are all
// determinations of its chain that do not follow a tier.
func repairFrom(law *credit.Law, x credit.Shown, chained []workday.Date) workday.Date {
	if !x.Counts || x.Kind == credit.Judgment {
		return workday.Date{}
	}
	if e, ok := tiered(law, x); ok {
		return e.RepairFrom
	}
	if x.Kind != credit.Determination {
		return workday.Date{}
	}
	e, err := law.Estimate(credit.Question{Route: credit.CNIPA, Determined: chained})
	if err != nil {
		return workday.Date{}
	}
	return e.RepairFrom
}
