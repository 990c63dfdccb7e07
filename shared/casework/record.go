package casework

import (
	"slices"
	"strconv"

	"ipcredit/shared/fault"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Fact is something that happened to a case: one of the events that Facts lists.
type Fact struct {
	What string
	// Ref is the kind of waiting (Waits), or the list of evidence; see Event.
	Ref string
	// On is the day, none means today; Until the day of a hearing.
	On, Until workday.Date
	Text      string // sealed among the notes
}

// Facts lists what Record takes now.
func (c Case) Facts() []string {
	var out []string
	add := func(what string, when bool) {
		if when {
			out = append(out, what)
		}
	}
	in := func(states ...State) bool { return slices.Contains(states, c.State) }
	add(PauseBegun, in(Lead, Filed, Investigating, Review, Notice))
	add(PauseEnded, len(c.waiting()) > 0)
	add(Preserved, in(Lead, Filed, Investigating))
	add(PreservedDone, len(c.preserved()) > 0)
	served := c.since(string(Notice), NoticeServed)
	add(NoticeServed, in(Notice) && !served)
	add(DefenceMade, in(Notice, Hearing) && served)
	add(DefenceWaived, in(Notice, Hearing) && served && !c.since(string(Notice), DefenceWaived))
	hearing := in(Hearing) && !c.since(string(Hearing), HearingHeld) && !c.since(string(Hearing), HearingDropped)
	add(HearingNoticed, hearing)
	add(HearingHeld, hearing && c.since(string(Hearing), HearingNoticed))
	add(HearingDropped, hearing)
	add(ServiceMade, in(NoPenalty) && !c.since(string(NoPenalty), ServiceMade))
	add(ReceiptGot, c.State.Transferred() && !c.since(string(c.State), ReceiptGot))
	return out
}

// record notes a fact.
func (c *Case) record(d doing, f Fact) error {
	if err := c.mine(d); err != nil {
		return err
	}
	if !slices.Contains(c.Facts(), f.What) {
		return fault.New(fault.Conflict, "casework.fact")
	}
	on, err := c.day(f.On, d.today)
	if err != nil {
		return err
	}
	e := Event{On: on, What: f.What, By: d.by}
	wrong := func(field, code string, args ...any) error {
		return fault.New(fault.Invalid, "casework.form").With(field, code, args...)
	}
	switch f.What {
	case PauseBegun:
		switch {
		case !slices.Contains(Waits(), f.Ref):
			return wrong("ref", "casework.wait")
		case slices.Contains(c.waiting(), f.Ref):
			return fault.New(fault.Conflict, "casework.wait.twice")
		}
		e.Ref = f.Ref
	case PauseEnded:
		waiting := c.waiting()
		if f.Ref == "" && len(waiting) == 1 {
			f.Ref = waiting[0]
		}
		if !slices.Contains(waiting, f.Ref) {
			return wrong("ref", "casework.wait.none")
		}
		e.Ref = f.Ref
	case Preserved:
		n := 1
		for _, x := range c.Events {
			if x.What == Preserved {
				n++
			}
		}
		e.Ref = strconv.Itoa(n)
	case PreservedDone:
		held := c.preserved()
		if f.Ref == "" && len(held) == 1 {
			f.Ref = held[0].Ref
		}
		if !slices.ContainsFunc(held, func(p Event) bool { return p.Ref == f.Ref }) {
			return wrong("ref", "casework.preserved.none")
		}
		e.Ref = f.Ref
	case HearingNoticed:
		from, err := HearingFrom(d.rules, on)
		if err != nil {
			return err
		}
		if f.Until.IsZero() || f.Until.Before(from) {
			return fault.New(fault.Refused, "casework.hearing.soon", from.String()).With("until", "casework.hearing.soon", from.String())
		}
		e.Until = f.Until
	case HearingHeld:
		if noticed, _ := c.last(HearingNoticed); on.Before(noticed.Until) {
			return wrong("on", "casework.hearing.before", noticed.Until.String())
		}
	}
	c.happen(e)
	c.acted(staff.CaseHandle, d.by)
	return nil
}
