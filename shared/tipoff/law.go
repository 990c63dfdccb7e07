package tipoff

import (
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Rules are the law to apply; the zero value is what the program ships.
type Rules = ruleset.Laws

// The parameters of the rules "tipoff-…".
type (
	checkTerms struct {
		Base      workday.Period `json:"base"`
		Extension workday.Period `json:"extension"`
	}
	noticeTerms     struct{ Told workday.Period }
	limitationTerms struct{ Ordinary workday.Period }
	disputeTerms    struct {
		Within workday.Period `json:"within"`
		Answer workday.Period `json:"answer"`
	}
	identityTerms  struct{ Readable workday.Period }
	laterTerms     struct{ Open workday.Period }
	retentionTerms struct {
		Unfounded   workday.Period `json:"unfounded"`
		Transferred workday.Period `json:"transferred"`
		Filed       workday.Period `json:"filed"`
		Remind      int            `json:"remind"` // days before the end
	}
	triesTerms struct {
		PerMinute int `json:"perMinute"`
		Burst     int `json:"burst"`
	}
	similarTerms struct {
		Text       int `json:"text"`       // least likeness of texts, in per cent
		Candidates int `json:"candidates"` // how many are compared at most
		Shown      int `json:"shown"`
	}
	wordLists struct {
		Complaint     []string `json:"complaint"`
		Petition      []string `json:"petition"`
		Question      []string `json:"question"`
		Government    []string `json:"government"`
		NotGovernment []string `json:"notGovernment"`
		Official      []string `json:"official"`
	}
	noTerms struct{}
)

// Form are the lengths and numbers that a tip-off's content may have: what pages
// show and Check enforces.
type Form struct {
	Narrative int `json:"narrative"` // characters
	Short     int `json:"short"`     // fewer are warned about
	Parties   int `json:"parties"`
	Name      int `json:"name"` // of a party
	Place     int `json:"place"`
	Numbers   int `json:"numbers"`
	Number    int `json:"number"`
	Contact   int `json:"contact"`
	Person    int `json:"person"` // a reporter's name
	Files     int `json:"files"`
	Message   int `json:"message"`  // characters of a message
	Messages  int `json:"messages"` // of the reporter, in one thread
}

// FormOf are the lengths in force on a day.
func FormOf(r Rules, on workday.Date) (Form, error) {
	_, f, err := ruleset.Of[Form](r.Filled().Set, "tipoff-form", on)
	return f, err
}
