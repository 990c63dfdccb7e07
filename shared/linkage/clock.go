package linkage

import (
	"strings"

	"ipcredit/shared/clock"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Clock is one time limit of an application. Words for its name are the
// catalogue's "linkage.clock."+Name.
type Clock = clock.Clock

// The clocks' names.
const (
	NoticeClock   = "notice"   // 通报: receipt of the list → a unit has taken it on
	ActionClock   = "action"   // 处理: taken on → the holder was told
	FeedbackClock = "feedback" // 反馈: what was done → reported upward
	FollowClock   = "follow"   // nothing else runs and there is no outcome: look again
)

// Timers are the application's time limits, computed from its events, in the order
// in which they began. While an application has no outcome one of them runs; what
// came with its outcome has none.
//
// What a list says is not reported back to whoever sent it: only what this
// city's officers did or found out sets the feedback clock running.
func (a Application) Timers(r Rules) ([]clock.Timer, error) {
	c := timing{rules: r.Filled()}
	if a.Received.IsZero() {
		return nil, nil
	}
	outcome := false
	if !a.arrivedFinal() {
		if err := c.begin(NoticeClock, a.Received); err != nil {
			return nil, err
		}
	}
	last := a.Received
	for _, e := range a.Events {
		if e.Undone {
			continue
		}
		last = workday.Max(last, e.On)
		s := State(e.What)
		fromList := strings.HasPrefix(e.Ref, batchRef)
		var err error
		switch {
		case s == Notified: // again, after it had been accepted as normal
			outcome, c.acted = false, false
			err = c.begin(NoticeClock, e.On)
		case s == Assigned:
			c.end(e.On, NoticeClock)
			if !outcome && !c.acted {
				err = c.begin(ActionClock, e.On)
			}
		case e.What == HandedOver:
			c.end(e.On, ActionClock)
			err = c.begin(NoticeClock, e.On)
		case e.What == LetterSent || e.What == ContactMade:
			c.acted = true
			c.end(e.On, NoticeClock, ActionClock)
			err = c.begin(FeedbackClock, e.On)
		case s == Explained:
			c.acted = true
			c.end(e.On, ActionClock)
			if !fromList {
				err = c.begin(FeedbackClock, e.On)
			}
		case s == Pending, s.Final():
			if outcome = s.Final(); outcome {
				c.end(e.On, NoticeClock, ActionClock)
			}
			if !fromList {
				err = c.begin(FeedbackClock, e.On)
			}
		case e.What == Reported:
			c.end(e.On, FeedbackClock)
		}
		if err != nil {
			return nil, err
		}
	}
	if !a.State.Final() && !c.running() {
		if err := c.begin(FollowClock, last); err != nil {
			return nil, err
		}
	}
	return c.timers, nil
}

// arrivedFinal tells whether the list that brought the application brought its
// outcome too.
func (a Application) arrivedFinal() bool {
	return len(a.Events) > 0 && State(a.Events[0].What).Final() && strings.HasPrefix(a.Events[0].Ref, batchRef)
}

// Clocks are the timers as they stand today.
func (a Application) Clocks(r Rules, today workday.Date) ([]Clock, error) {
	timers, err := a.Timers(r)
	if err != nil {
		return nil, err
	}
	return clock.All(timers, r.Filled().Calendar, today), nil
}

// timing goes through the events of an application.
type timing struct {
	rules  Rules
	timers []clock.Timer
	acted  bool // the holder was told or has spoken
}

// begin sets a clock running unless one of the name runs already.
func (c *timing) begin(name string, from workday.Date) error {
	for _, t := range c.timers {
		if t.Name == name && t.Done.IsZero() {
			return nil
		}
	}
	found, terms, err := ruleset.Of[terms](c.rules.Set, "linkage-clocks", from)
	if err != nil {
		return err
	}
	period := map[string]workday.Period{
		NoticeClock: terms.Notice, ActionClock: terms.Action, FeedbackClock: terms.Feedback, FollowClock: terms.Follow,
	}[name]
	c.timers = append(c.timers, clock.Timer{Name: name, From: from, Period: period, Roll: workday.Duty, Rule: found})
	return nil
}

// end stops the clocks of these names that still run.
func (c *timing) end(on workday.Date, names ...string) {
	for i := range c.timers {
		for _, name := range names {
			if t := &c.timers[i]; t.Name == name && t.Done.IsZero() {
				t.Done = workday.Max(on, t.From)
			}
		}
	}
}

func (c *timing) running() bool {
	for _, t := range c.timers {
		if t.Done.IsZero() {
			return true
		}
	}
	return false
}
