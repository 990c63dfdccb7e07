package objection

import (
	"slices"

	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Rules are the law that objections are handled by.
type Rules struct {
	Set      ruleset.Set
	Calendar workday.Calendar
}

// The clocks. The words are "objection.clock."+name.
const (
	CheckClock  = "check"  // begin: check the own record, or ask who provided it
	AnswerClock = "answer" // answer the subject
	SourceClock = "source" // the source's own limit
)

type clockRule struct {
	Check            workday.Period `json:"check"`
	Answer           workday.Period `json:"answer"`
	AnswerWithSource workday.Period `json:"answerWithSource"`
	Source           workday.Period `json:"source"`
}

type pauseRule struct {
	Pauses bool `json:"pauses"`
}

type againRule struct {
	NeedsNew bool  `json:"needsNew"`
	Ways     []Way `json:"ways"`
}

func params[T any](r Rules, id string, on workday.Date) (ruleset.Rule, T, error) {
	var none T
	rule, ok := r.Set.For(id, on)
	if !ok {
		return rule, none, fault.New(fault.Refused, "objection.no_rule")
	}
	p, err := ruleset.Params[T](rule)
	return rule, p, err
}

// Applied are the rule versions of an objection that is filed on the day.
func (r Rules) Applied(filed workday.Date) ([]string, error) {
	rule, _, err := params[clockRule](r, "objection-clocks", filed)
	return []string{rule.Ref()}, err
}

// again tells whether the objection, filed after one on the same ground was
// dismissed, must bring something new and brings no papers.
func (r Rules) again(o Objection) (bool, error) {
	rule, ok := r.Set.For("objection-again", o.FiledOn)
	if !ok || len(o.Papers) > 0 {
		return false, nil
	}
	p, err := ruleset.Params[againRule](rule)
	return p.NeedsNew && (o.Way == "" || slices.Contains(p.Ways, o.Way)), err
}

// Timers are the obligations of an objection (河南省社会信用条例 art. 41): within 3
// working days of its filing it is checked or its source asked, and answered; within
// 7 it is answered where the source must be asked, as that of another authority's
// record always must; and the source answers within 3 of being asked.
func (r Rules) Timers(o Objection) ([]clock.Timer, error) {
	rule, p, err := params[clockRule](r, "objection-clocks", o.FiledOn)
	if err != nil {
		return nil, err
	}
	pauses := o.Pauses
	if _, paused, err := params[pauseRule](r, "objection-pause", o.FiledOn); err != nil || !paused.Pauses {
		pauses = nil
	}
	began := workday.Min(o.CheckedOn, o.ClosedOn)
	if o.Source != nil {
		began = workday.Min(began, o.Source.On)
	}
	answer := p.Answer
	if o.Sourced() {
		answer = p.AnswerWithSource
	}
	timers := []clock.Timer{
		{Name: CheckClock, From: o.FiledOn, Period: p.Check, Roll: workday.Duty, Rule: rule, Pauses: pauses, Done: began},
		{Name: AnswerClock, From: o.FiledOn, Period: answer, Roll: workday.Duty, Rule: rule, Pauses: pauses, Done: o.ClosedOn},
	}
	if s := o.Source; s != nil {
		timers = append(timers, clock.Timer{
			Name: SourceClock, From: s.On, Period: p.Source, Roll: workday.Duty, Rule: rule, Done: workday.Min(s.AnsweredOn, o.ClosedOn),
		})
	}
	return timers, nil
}

// Clocks are the limits as they stand today.
func (r Rules) Clocks(o Objection, today workday.Date) ([]clock.Clock, error) {
	timers, err := r.Timers(o)
	return clock.All(timers, r.Calendar, today), err
}

// sourceLate tells whether the source's time is over.
func (r Rules) sourceLate(o Objection, today workday.Date) (bool, error) {
	clocks, err := r.Clocks(o, today)
	for _, c := range clocks {
		if c.Name == SourceClock {
			return c.Overdue(today), err
		}
	}
	return false, err
}
