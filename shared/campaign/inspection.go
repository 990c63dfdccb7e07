package campaign

import (
	"slices"
	"time"

	"ipcredit/shared/workday"
)

// Stage is where a joint inspection stands. Words are the catalogue's
// "campaign.stage."+Stage.
type Stage string

// The stages.
const (
	Invited  Stage = "invited"  // departments were asked to take part
	Ready    Stage = "ready"    // all have answered
	Underway Stage = "underway" // findings come in
	Finished Stage = "finished"
	Canceled Stage = "canceled"
)

// Outcomes are what a department found at a subject. Words are the catalogue's
// "campaign.outcome."+outcome.
func Outcomes() []string {
	return []string{"nothing", "corrected", "order", "lead", "refused", "absent"}
}

// grave are the outcomes after which something has to follow.
var grave = []string{"order", "lead", "refused"}

// Part is one organisation's part in a joint inspection.
type Part struct {
	Org string `json:"org"`
	// Answer is "", "accepted" or "declined"; Inspectors is how many people it
	// sends. Who they are stands sealed.
	Answer     string `json:"answer,omitempty"`
	Inspectors int    `json:"inspectors,omitempty"`
	By         string `json:"by,omitempty"`
}

// Site is one subject that is inspected: an organisation, in the clear.
type Site struct {
	Code string `json:"code"`
	Name string `json:"name"`
	// Findings are by organisation.
	Findings map[string]Finding `json:"findings,omitempty"`
	// Case is the case that followed, "" without one.
	Case string `json:"case,omitempty"`
}

// Finding is what one organisation found at a site; what it wrote is sealed.
type Finding struct {
	Outcome string       `json:"outcome"`
	On      workday.Date `json:"on"`
	By      string       `json:"by"`
	Text    string       `json:"text,omitempty"` // sealed
}

// Inspection is a joint inspection as it stands in the clear.
type Inspection struct {
	ID       string       `json:"id"`
	Name     string       `json:"name"`
	Campaign string       `json:"campaign,omitempty"`
	Division string       `json:"division"`
	Org      string       `json:"org"` // who leads it
	From     workday.Date `json:"from"`
	To       workday.Date `json:"to"`
	Basis    Basis        `json:"basis"`
	Stage    Stage        `json:"stage"`
	Parts    []Part       `json:"parts"`
	Sites    []Site       `json:"sites"`
	Version  int64        `json:"version"`
	Key      string       `json:"key"`
	Handlers []string     `json:"handlers"`
	Events   []Event      `json:"events"`
}

// answered tells whether every organisation has said whether it takes part.
func (i Inspection) answered() bool {
	return !slices.ContainsFunc(i.Parts, func(p Part) bool { return p.Answer == "" })
}

// Taking are the organisations that take part, the leading one first.
func (i Inspection) Taking() []string {
	out := []string{i.Org}
	for _, p := range i.Parts {
		if p.Answer == "accepted" && p.Org != i.Org {
			out = append(out, p.Org)
		}
	}
	return out
}

// Missing are the findings still to come: by site, the organisations that take
// part and have found nothing there yet.
func (i Inspection) Missing() map[string][]string {
	out := map[string][]string{}
	for _, s := range i.Sites {
		for _, org := range i.Taking() {
			if _, ok := s.Findings[org]; !ok {
				out[s.Code] = append(out[s.Code], org)
			}
		}
	}
	return out
}

// Owed are the sites where somebody found what has to be followed up and no case
// is named yet.
func (i Inspection) Owed() []Site {
	var out []Site
	for _, s := range i.Sites {
		if s.Case != "" {
			continue
		}
		for _, f := range s.Findings {
			if slices.Contains(grave, f.Outcome) {
				out = append(out, s)
				break
			}
		}
	}
	return out
}

// Result counts the outcomes of all findings, in the order of Outcomes.
func (i Inspection) Result() map[string]int {
	out := map[string]int{}
	for _, s := range i.Sites {
		for _, f := range s.Findings {
			out[f.Outcome]++
		}
	}
	return out
}

// happen notes what was done.
func (i *Inspection) happen(what, by, org string, at time.Time) {
	i.Version++
	i.Events = append(i.Events, Event{what, by, org, at.UTC()})
}

func (c *Campaign) happen(what, by, org string, at time.Time) {
	c.Version++
	c.Events = append(c.Events, Event{what, by, org, at.UTC()})
}
