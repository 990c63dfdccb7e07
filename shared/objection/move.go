package objection

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/clock"
	"ipcredit/shared/disclosure"
	"ipcredit/shared/fault"
	"ipcredit/shared/workday"
)

// What can happen to an objection.
const (
	EventFiled     = "filed"
	EventPaper     = "paper"
	EventAsked     = "asked"
	EventAnswered  = "answered"
	EventPaused    = "paused"
	EventResumed   = "resumed"
	EventChecked   = "checked"
	EventForwarded = "forwarded"
	EventRuled     = "ruled"
	EventImported  = "imported" // the other authority's answer
	EventWithdrawn = "withdrawn"
)

// mostPapers bounds the boxes of one objection.
const mostPapers = 20

func (o Objection) step(by, what, no string, now time.Time) Objection {
	o.Events = append(slices.Clone(o.Events), Event{At: now.UTC(), By: by, What: what, State: o.State, No: no})
	o.Version++
	return o
}

// in refuses a step in another state.
func (o Objection) in(states ...State) error {
	if !slices.Contains(states, o.State) {
		return fault.New(fault.Conflict, "objection.state")
	}
	return nil
}

// own refuses to decide here about what another authority provided.
func (o Objection) own() error {
	if !o.Authority.Own() {
		return fault.New(fault.Conflict, "objection.other_authority", o.Authority.Name)
	}
	return nil
}

// numberForm bounds what may stand as a number of a document: no sentence, and
// nothing of a person.
var numberForm = regexp.MustCompile(`^[\p{Han}A-Za-z0-9〔〕\[\]()（）\-/.号第]{2,60}$`)

// number checks a number that a step needs. Another form than a document's is not
// taken: free text could stand in it.
func number(field, s string) (string, error) {
	s = strings.TrimSpace(s)
	if !numberForm.MatchString(s) || !strings.ContainsAny(s, "0123456789") {
		return "", fault.New(fault.Invalid, "objection.number").With(field, "objection.number")
	}
	return s, nil
}

// between refuses a day that is none, before the first or after the last.
func between(field string, d, first, last workday.Date) error {
	switch {
	case d.IsZero():
		return fault.New(fault.Refused, "objection.day").With(field, "objection.day")
	case d.Before(first):
		return fault.New(fault.Refused, "objection.day_before", first.String()).With(field, "objection.day_before", first.String())
	case d.After(last):
		return fault.New(fault.Refused, "objection.day_after", last.String()).With(field, "objection.day_after", last.String())
	}
	return nil
}

// paper adds a box with files.
func (o Objection) paper(box, by string, now time.Time) (Objection, error) {
	if err := o.in(Filed, Asked, Checked, Forwarded); err != nil {
		return o, err
	}
	switch {
	case box == "":
		return o, fault.New(fault.Invalid, "objection.box").With("box", "objection.box")
	case slices.ContainsFunc(o.Papers, func(p Paper) bool { return p.Box == box }):
		return o, fault.New(fault.Conflict, "objection.same_box")
	case len(o.Papers) >= mostPapers:
		return o, fault.New(fault.Refused, "objection.papers", mostPapers).With("box", "objection.papers", mostPapers)
	}
	o.Papers = append(slices.Clone(o.Papers), Paper{Box: box, At: now.UTC()})
	return o.step(by, EventPaper, "", now), nil
}

// ask records that the source of the record was asked, and when.
func (o Objection) ask(on workday.Date, by string, now time.Time) (Objection, error) {
	if err := o.own(); err != nil {
		return o, err
	}
	if err := o.in(Filed); err != nil {
		return o, err
	}
	if o.Source != nil {
		return o, fault.New(fault.Conflict, "objection.asked")
	}
	if err := between("on", on, o.FiledOn, workday.DateOf(now)); err != nil {
		return o, err
	}
	o.State, o.Source = Asked, &Source{On: on}
	return o.step(by, EventAsked, "", now), nil
}

// answered records what the source said; that it said nothing, only once its time
// is over.
func (o Objection) answered(rules Rules, a Answer, on workday.Date, by string, now time.Time) (Objection, error) {
	if err := o.in(Asked); err != nil {
		return o, err
	}
	if !slices.Contains(Answers, a) {
		return o, fault.New(fault.Invalid, "objection.answer").With("answer", "objection.answer")
	}
	today := workday.DateOf(now)
	if a == Silent {
		late, err := rules.sourceLate(o, today)
		if err != nil {
			return o, err
		}
		if !late {
			return o, fault.New(fault.Refused, "objection.not_silent").With("answer", "objection.not_silent")
		}
	}
	if err := between("on", on, o.Source.On, today); err != nil {
		return o, err
	}
	o.State, o.Source = Filed, &Source{On: o.Source.On, AnsweredOn: on, Answer: a}
	return o.step(by, EventAnswered, "", now), nil
}

// pause begins an inspection or appraisal, whose time is not counted.
func (o Objection) pause(by string, now time.Time) (Objection, error) {
	if err := o.own(); err != nil {
		return o, err
	}
	if err := o.in(Filed, Asked); err != nil {
		return o, err
	}
	today := workday.DateOf(now)
	// Two pauses do not overlap, so the next begins on no day before the last ended.
	if o.Paused() || len(o.Pauses) > 0 && today.Before(o.Pauses[len(o.Pauses)-1].To) {
		return o, fault.New(fault.Conflict, "objection.paused")
	}
	o.Pauses = append(slices.Clone(o.Pauses), clock.Pause{From: today, Open: true})
	return o.step(by, EventPaused, "", now), nil
}

func (o Objection) resume(by string, now time.Time) (Objection, error) {
	if err := o.in(Filed, Asked); err != nil {
		return o, err
	}
	if !o.Paused() {
		return o, fault.New(fault.Conflict, "objection.not_paused")
	}
	o.Pauses = slices.Clone(o.Pauses)
	last := &o.Pauses[len(o.Pauses)-1]
	last.To, last.Open = workday.Max(last.From, workday.DateOf(now)), false
	return o.step(by, EventResumed, "", now), nil
}

// check records what the handler found.
func (o Objection) check(f Finding, by string, now time.Time) (Objection, error) {
	if err := o.own(); err != nil {
		return o, err
	}
	if err := o.in(Filed); err != nil {
		return o, err
	}
	if o.Paused() {
		return o, fault.New(fault.Conflict, "objection.paused")
	}
	if !slices.Contains(Findings, f) {
		return o, fault.New(fault.Invalid, "objection.finding").With("finding", "objection.finding")
	}
	o.State, o.Finding, o.CheckedOn = Checked, f, workday.DateOf(now)
	return o.step(by, EventChecked, "", now), nil
}

// forward passes it to the authority that provided the record, under the number it
// has there.
func (o Objection) forward(no string, on workday.Date, by string, now time.Time) (Objection, error) {
	if o.Authority.Own() {
		return o, fault.New(fault.Conflict, "objection.own_authority")
	}
	if err := o.in(Filed); err != nil {
		return o, err
	}
	no, err := number("number", no)
	if err != nil {
		return o, err
	}
	if err := between("on", on, o.FiledOn, workday.DateOf(now)); err != nil {
		return o, err
	}
	o.State, o.External, o.Source = Forwarded, no, &Source{On: on}
	return o.step(by, EventForwarded, no, now), nil
}

// Ruling is what is decided about an objection.
type Ruling struct {
	Outcome  Outcome
	Decision string // the number of the document
	// DecidedOn is the day of another authority's document; our own is of today.
	DecidedOn workday.Date
	Reasons   []string          // Dismiss
	On        workday.Date      // End: the last day of display; Repair: the day of it
	Why       string            // Recall: one of disclosure.Reasons
	Values    map[string]string // Correct: all fields of the record's form
}

// rule decides about a record of our own.
func (o Objection) rule(r Ruling, by string, now time.Time) (Objection, error) {
	// Said before the state: whoever tries must learn that it is not his to decide.
	if err := o.own(); err != nil {
		return o, err
	}
	if err := o.in(Checked); err != nil {
		return o, err
	}
	r.DecidedOn = workday.DateOf(now)
	return o.close(r, EventRuled, by, now)
}

// imported takes over what the authority that provided the record answered.
func (o Objection) imported(r Ruling, by string, now time.Time) (Objection, error) {
	if o.Authority.Own() {
		return o, fault.New(fault.Conflict, "objection.own_authority")
	}
	if err := o.in(Forwarded); err != nil {
		return o, err
	}
	if err := between("decidedOn", r.DecidedOn, o.Source.On, workday.DateOf(now)); err != nil {
		return o, err
	}
	o.Source = &Source{On: o.Source.On, AnsweredOn: r.DecidedOn, Answer: map[Outcome]Answer{Dismiss: Confirms, Recall: Revokes}[r.Outcome]}
	if o.Source.Answer == "" {
		o.Source.Answer = Changes
	}
	return o.close(r, EventImported, by, now)
}

func (o Objection) close(r Ruling, what, by string, now time.Time) (Objection, error) {
	today := workday.DateOf(now)
	switch r.Outcome {
	case Dismiss:
		r.Reasons = slices.Compact(slices.Sorted(slices.Values(r.Reasons)))
		if len(r.Reasons) == 0 || slices.ContainsFunc(r.Reasons, func(x string) bool { return !slices.Contains(Reasons, x) }) {
			return o, fault.New(fault.Refused, "objection.reasons").With("reasons", "objection.reasons")
		}
		o.State, o.Reasons = Dismissed, r.Reasons
	case Recall:
		if !slices.Contains(disclosure.Reasons, r.Why) {
			return o, fault.New(fault.Refused, "objection.why").With("why", "objection.why")
		}
		o.State, o.Why = Upheld, r.Why
	case End:
		if r.On.IsZero() {
			return o, between("day", r.On, today, today)
		}
		o.State, o.On = Upheld, r.On
	case Repair:
		if err := between("day", r.On, workday.Date{}, today); err != nil {
			return o, err
		}
		o.State, o.On = Upheld, r.On
	case Correct:
		o.State = Upheld
	default:
		return o, fault.New(fault.Invalid, "objection.outcome").With("outcome", "objection.outcome")
	}
	no, err := number("decision", r.Decision)
	if err != nil {
		return o, err
	}
	o.Outcome, o.Decision, o.DecidedOn, o.ClosedOn, o.Decider = r.Outcome, no, r.DecidedOn, today, by
	return o.step(by, what, no, now), nil
}

// withdraw takes it back, by the subject.
func (o Objection) withdraw(by string, now time.Time) (Objection, error) {
	if err := o.in(Filed, Asked, Checked, Forwarded); err != nil {
		return o, err
	}
	o.State, o.ClosedOn = Withdrawn, workday.DateOf(now)
	// What was begun ends with it.
	if o.Paused() {
		o.Pauses = slices.Clone(o.Pauses)
		last := &o.Pauses[len(o.Pauses)-1]
		last.To, last.Open = workday.Max(last.From, o.ClosedOn), false
	}
	return o.step(by, EventWithdrawn, "", now), nil
}
