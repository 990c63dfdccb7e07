package liaison

import (
	"fmt"
	"slices"

	"ipcredit/shared/clock"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// The clocks of a letter. Words are the catalogue's "liaison.clock."+Name.
const (
	ReceiptClock = "receipt"
	ReplyClock   = "reply"
)

// Rules are the law to apply.
type Rules struct {
	Set      ruleset.Set
	Calendar workday.Calendar
}

type within struct {
	Within workday.Period `json:"within"`
}

// Timers are the obligations that run or ran for the letter: to sign for it and
// to answer it, each from the day it was sent, and once more from the day on which
// more was asked for. What was withdrawn, sent back or erased owes nothing.
func (l Letter) Timers(set ruleset.Set) ([]clock.Timer, error) {
	if l.Started.IsZero() || slices.Contains([]State{Withdrawn, Returned, Erased, Discarded}, l.State) {
		return nil, nil
	}
	reply := "liaison-reply"
	if t, ok := TemplateOf(l.Template); ok {
		reply = t.Reply
	}
	receipt, err := timer(set, ReceiptClock, "liaison-receipt", l.Started, l.Signed)
	if err != nil {
		return nil, err
	}
	from, done := l.Started, l.Replied
	if !l.AskedOn.IsZero() {
		from = l.AskedOn
		// The other city asked us: it is owed until our answer is approved.
		ours := l.Kind == Inbound && (l.State == Received || l.State == Proposed)
		if l.State == Asked || ours {
			done = workday.Date{}
		}
	}
	answer, err := timer(set, ReplyClock, reply, from, done)
	if err != nil {
		return nil, err
	}
	return []clock.Timer{receipt, answer}, nil
}

func timer(set ruleset.Set, name, id string, from, done workday.Date) (clock.Timer, error) {
	r, ok := set.For(id, from)
	if !ok {
		return clock.Timer{}, fmt.Errorf("liaison: no rule %s for %s", id, from)
	}
	p, err := ruleset.Params[within](r)
	return clock.Timer{Name: name, From: from, Period: p.Within, Roll: workday.Duty, Rule: r, Done: done}, err
}

// Clocks are the time limits of the letter as they stand today.
func (l Letter) Clocks(r Rules, today workday.Date) ([]clock.Clock, error) {
	timers, err := l.Timers(r.Set)
	return clock.All(timers, r.Calendar, today), err
}

// Turnaround is how a share was dealt with, for counting.
type Turnaround struct {
	Kind      Kind
	Sent      workday.Date // none before it was sent
	Replied   workday.Date // none before it was answered
	Withdrawn bool
}

// Metrics says how quickly shares are answered (S3.6).
type Metrics struct {
	Sent, Answered, Open int
	// Halves is twice the median number of working days from the day of sending
	// to the day of the answer, over the answered ones: a whole number, so that
	// nothing is rounded. Meaningless where Answered is 0.
	Halves int
	// Provisional tells that some answer took days of a year without an official
	// calendar.
	Provisional bool
}

// Median is the median as people write it: 3 or 3.5; "" where nothing was
// answered.
func (m Metrics) Median() string {
	if m.Answered == 0 {
		return ""
	}
	s := fmt.Sprint(m.Halves / 2)
	if m.Halves%2 != 0 {
		s += ".5"
	}
	return s
}

// Measure counts the shares of a kind. One that was withdrawn counts as sent and
// neither as answered nor as open. The day of sending is not counted: an answer
// of the same day took 0 working days.
func Measure(list []Turnaround, k Kind, cal workday.Calendar) Metrics {
	var m Metrics
	var days []int
	for _, x := range list {
		if x.Kind != k || x.Sent.IsZero() {
			continue
		}
		m.Sent++
		switch {
		case x.Withdrawn:
		case x.Replied.IsZero():
			m.Open++
		default:
			m.Answered++
			days = append(days, max(0, cal.Between(x.Sent, x.Replied)))
			for y := x.Sent.Year(); y <= x.Replied.Year(); y++ {
				m.Provisional = m.Provisional || !cal.Covers(y)
			}
		}
	}
	m.Halves = halves(days)
	return m
}

// halves is twice the median.
func halves(days []int) int {
	if len(days) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(days))
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return 2 * sorted[mid]
	}
	return sorted[mid-1] + sorted[mid]
}
