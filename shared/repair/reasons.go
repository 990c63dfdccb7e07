package repair

import (
	"slices"

	"ipcredit/shared/credit"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// The steps at which a reason can be given; Computed ones are found by the program
// at every step.
const (
	atComputed = "computed"
	atAccept   = "accept"
	atDecide   = "decide"
)

type (
	refusalRule struct {
		Reasons []refusal `json:"reasons"`
	}
	// refusal is a reason of domain reference B.6 and F.3 with what it stands on.
	refusal struct {
		Code    string   `json:"code"`
		Steps   []string `json:"steps"`
		Grounds []Ground `json:"grounds"`
	}
)

// Ground is the provision that a reason stands on.
type Ground struct {
	// Routes are those of the applications it is for; none is for all others.
	Routes     []Route            `json:"routes"`
	Source     string             `json:"source"`
	Article    string             `json:"article"`
	Confidence ruleset.Confidence `json:"confidence"`
}

// Labelled tells whether pages and papers must say how it is known.
func (g Ground) Labelled() bool {
	return g.Confidence == ruleset.MemoryCheck || g.Confidence == ruleset.Design
}

// at are the codes of a step.
func (p refusalRule) at(step string) (codes []string) {
	for _, x := range p.Reasons {
		if slices.Contains(x.Steps, step) {
			codes = append(codes, x.Code)
		}
	}
	return codes
}

// ground is what a reason stands on in an application of the route.
func (p refusalRule) ground(code string, route Route) (Ground, bool) {
	for _, x := range p.Reasons {
		if x.Code != code {
			continue
		}
		for _, g := range x.Grounds {
			if len(g.Routes) == 0 || slices.Contains(g.Routes, route) {
				return g, true
			}
		}
	}
	return Ground{}, false
}

// Ground is what a reason stands on in an application of the route that was filed
// on that day; false where nothing is known of it.
func (r Rules) Ground(code string, route Route, filed workday.Date) (Ground, bool) {
	_, p, err := params[refusalRule](r, "repair-refusal", filed)
	if err != nil {
		return Ground{}, false
	}
	return p.ground(code, route)
}

// Since names what was determined or punished after the application was filed
// (国知发保字〔2022〕8号 art. 14: a new determination during the application).
func (r Rules) Since(records []credit.Record, a Application) ([]Reason, error) {
	rule, _, err := params[refusalRule](r, "repair-refusal", a.FiledOn)
	if err != nil {
		return nil, err
	}
	kinds := map[credit.Kind]bool{}
	for _, id := range a.Records {
		if x, ok := record(records, id); ok {
			kinds[x.Kind] = true
		}
	}
	var first workday.Date
	for _, x := range records {
		if kinds[x.Kind] && x.Withdrawn == nil && x.DeterminedOn.After(a.FiledOn) && !slices.Contains(a.Records, x.ID) {
			if first.IsZero() || x.DeterminedOn.Before(first) {
				first = x.DeterminedOn
			}
		}
	}
	if first.IsZero() {
		return nil, nil
	}
	return []Reason{{Code: NewRecord, On: first, Rule: rule.Ref()}}, nil
}

// Computed are the reasons that the program finds against an application: what
// its records met on the day it was filed, and what happened since.
func (r Rules) Computed(records []credit.Record, a Application) ([]Reason, error) {
	out, err := r.Since(records, a)
	if err != nil {
		return nil, err
	}
	for _, id := range a.Records {
		s, err := r.Standing(records, id, a.FiledOn)
		if err != nil {
			return nil, err
		}
		for _, reason := range s.Reasons {
			if !slices.Contains(out, reason) {
				out = append(out, reason)
			}
		}
	}
	return out, nil
}

// Choices are the reasons that an officer can give at a step, beside those that
// the program computes.
func (r Rules) Choices(a Application) ([]string, error) {
	_, p, err := params[refusalRule](r, "repair-refusal", a.FiledOn)
	if a.State == Accepted {
		return p.at(atDecide), err
	}
	return p.at(atAccept), err
}

// Foreign are the reasons that another authority can have given: all of them.
func (r Rules) Foreign(a Application) (codes []string, err error) {
	_, p, err := params[refusalRule](r, "repair-refusal", a.FiledOn)
	for _, x := range p.Reasons {
		codes = append(codes, x.Code)
	}
	return codes, err
}
