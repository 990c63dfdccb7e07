package linkage

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// FeedbackRow is one line of the file that is sent upward: nothing in it is a
// natural person's.
type FeedbackRow struct {
	ID       string
	Kind     Kind
	Number   string
	Class    int
	List     string
	Division string
	State    State
	StateOn  workday.Date
	// Told is the first day on which the holder was told; none where he was not.
	// The right to 陈述意见 is explained with every letter and contact.
	Told workday.Date
	// Changed says that its state is another than the one last reported.
	Changed bool
}

// exported is how many applications are read at a time for a file, and marked in
// one commit: a list of any length takes no more memory than that.
const exported = 500

// purposeForm is how a purpose is named; its words are the page's.
var purposeForm = regexp.MustCompile(`^[a-z][a-z-]{1,39}$`)

// Results calls each with the lines of a list (批次) in the actor's reach, by
// number (staff.ExportMake). The journal has who took it and why before the first
// line is given.
func (o *Office) Results(ctx context.Context, a staff.Actor, kind Kind, list, purpose string, now time.Time, each func(FeedbackRow) error) error {
	units, err := reach(a, now, staff.ExportMake)
	if err != nil {
		return err
	}
	if !purposeForm.MatchString(purpose) {
		return fault.New(fault.Invalid, "linkage.purpose").With("purpose", "linkage.purpose")
	}
	ids, err := o.listed(ctx, kind, list, units)
	if err != nil {
		return err
	}
	if err := o.store.note(ctx, entry(a, "linkage.export", purpose, now), a.User.ID, "list:"+list); err != nil {
		return err
	}
	for some := range slices.Chunk(ids, exported) {
		held, err := o.store.load(ctx, o.store.journal.Redis(), some)
		if err != nil {
			return err
		}
		for _, h := range held {
			if h == nil || !units[h.Unit] {
				continue
			}
			if err := each(h.feedback(list)); err != nil {
				return err
			}
		}
	}
	return nil
}

// listed are the numbers of what a list named, in order.
func (o *Office) listed(ctx context.Context, kind Kind, list string, units map[string]bool) ([]string, error) {
	v, err := o.store.view(ctx)
	if err != nil {
		return nil, err
	}
	f := Filter{Kind: kind, Named: list}
	var ids []string
	for _, part := range v.parts {
		for i := range part {
			if f.takes(&part[i], units) {
				ids = append(ids, part[i].id)
			}
		}
	}
	if list == "" || len(ids) == 0 {
		return nil, fault.New(fault.NotFound, "linkage.no_list")
	}
	slices.Sort(ids)
	return ids, nil
}

func (a Application) feedback(list string) FeedbackRow {
	row := FeedbackRow{
		ID: a.ID, Kind: a.Kind, Number: a.Number, Class: a.Class, List: list, Division: a.Division, State: a.State, StateOn: a.StateOn,
		Changed: a.FedBack == nil || a.FedBack.State != a.State || a.FedBack.StateOn != a.StateOn,
	}
	for _, e := range a.Events {
		if e.What == LetterSent || e.What == ContactMade {
			row.Told = e.On
			break
		}
	}
	return row
}

// Report marks as fed back, as they now stand, those of a list's applications in
// the actor's reach whose feedback clock runs (staff.CaseHandle, or
// staff.CaseSupervise for the divisions beneath). It returns the feedback's number
// and how many were marked; 0 and 0 where there was nothing to report. The
// feedback clocks end. Marking goes on where it broke off.
func (o *Office) Report(ctx context.Context, a staff.Actor, kind Kind, list string, now time.Time) (no int64, marked int, err error) {
	units, err := reach(a, now, staff.CaseHandle, staff.CaseSupervise)
	if err != nil {
		return 0, 0, err
	}
	ids, err := o.listed(ctx, kind, list, units)
	if err != nil {
		return 0, 0, err
	}
	day := workday.DateOf(now)
	for some := range slices.Chunk(ids, exported) {
		owed, err := o.owed(ctx, some, units)
		if err != nil {
			return no, marked, err
		}
		if len(owed) == 0 {
			continue
		}
		if no == 0 {
			if no, err = o.store.journal.Next(ctx, "linkage-feedback"); err != nil {
				return 0, 0, err
			}
		}
		result, _, err := o.store.change(ctx, entry(a, "linkage.feedback", strconv.FormatInt(no, 10), now), owed, func(r Rules, x *Application) error {
			if err := x.owes(r); err != nil || !units[x.Unit] {
				return fault.New(fault.Conflict, "linkage.reported")
			}
			x.FedBack = &FedBack{State: x.State, StateOn: x.StateOn, On: day, No: no}
			x.Events = append(x.Events, Event{What: Reported, On: day, At: now.UTC(), By: a.User.ID, Ref: strconv.FormatInt(no, 10)})
			return nil
		}, func(tx *journal.Tx, _ []Application) error {
			tx.Counter("linkage-feedback", no)
			return nil
		}, nil)
		if err != nil {
			return no, marked, err
		}
		marked += len(result.Done)
	}
	return no, marked, nil
}

// owed are those whose feedback clock runs.
func (o *Office) owed(ctx context.Context, ids []string, units map[string]bool) ([]string, error) {
	rules, err := o.store.Rules(ctx)
	if err != nil {
		return nil, err
	}
	held, err := o.store.load(ctx, o.store.journal.Redis(), ids)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, h := range held {
		if h != nil && units[h.Unit] && h.owes(rules) == nil {
			out = append(out, h.ID)
		}
	}
	return out, nil
}

// owes tells, by nil, that a report upward is owed.
func (a Application) owes(r Rules) error {
	timers, err := a.Timers(r)
	if err != nil {
		return err
	}
	for _, t := range timers {
		if t.Name == FeedbackClock && t.Done.IsZero() {
			return nil
		}
	}
	return fault.New(fault.Conflict, "linkage.reported")
}
