package repair

import (
	"context"
	"slices"
	"strconv"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// step is one change of an application.
type step struct {
	action staff.Action
	what   string
	// officer says that who does it handles the application from then on.
	officer bool
	move    func(rules Rules, computed []Reason, a Application) (Application, error)
	// computes says that the move wants to know the computed reasons.
	computes bool
	// amend is what the step does to each of the records, nil for nothing.
	amend func(a Application, x *credit.Record) error
	// also queues further writes into the same commit.
	also []func(tx *journal.Tx) error
}

// do makes the step in one commit. version is the one that the actor has seen, 0
// where it does not matter.
func (o *Office) do(ctx context.Context, by staff.Actor, no string, version int, s step, now time.Time) (Application, error) {
	a, err := o.Get(ctx, by, no, now)
	if err != nil {
		return a, err
	}
	if err := o.may(ctx, by, s.action, a, now); err != nil {
		return a, err
	}
	rules, err := o.Rules(ctx)
	if err != nil {
		return a, err
	}
	messages, err := o.tell(ctx, a, s.what, by.Org.Kind == staff.Subject, now)
	if err != nil {
		return a, err
	}
	var next Application
	change := func(tx *journal.Tx) error {
		var profile credit.Profile
		if s.computes {
			// An approval watches the profile, and its change starts the commit again. It
			// is read before the application: who decided it meanwhile is seen there.
			var err error
			if profile, err = o.Profile(ctx, a); err != nil {
				return err
			}
		}
		a, err := o.store.current(ctx, tx, no)
		if err != nil {
			return err
		}
		if version != 0 && version != a.Version {
			return fault.New(fault.Stale, "repair.stale")
		}
		// Somebody may have become its handler meanwhile.
		if err := o.may(ctx, by, s.action, a, now); err != nil {
			return err
		}
		var computed []Reason
		if s.computes {
			if computed, err = rules.Computed(profile.Records, a); err != nil {
				return err
			}
		}
		if next, err = s.move(rules, computed, a); err != nil {
			return err
		}
		if s.officer && !slices.Contains(next.Handlers, by.User.ID) {
			next.Handlers = append(slices.Clone(next.Handlers), by.User.ID)
		}
		for _, queue := range s.also {
			if err := queue(tx); err != nil {
				return err
			}
		}
		return o.write(ctx, tx, rules, a, next, messages, now)
	}
	entry := o.entry(by, s.what, a, now)
	if s.amend == nil {
		err = o.store.journal.Commit(ctx, entry, nil, change)
		return next, err
	}
	c := credit.Change{Entry: entry, Also: func(tx *journal.Tx, _, _ []credit.Outcome) error { return change(tx) }}
	for _, id := range a.Records {
		code := a.Subject
		if p, known, err := o.credit.Holder(ctx, id); err != nil {
			return next, err
		} else if known {
			code = p.Subject.Code
		}
		c.Amend = append(c.Amend, credit.Amendment{SubjectCode: code, ID: id, Do: func(r *credit.Record) error { return s.amend(a, r) }})
	}
	_, _, err = o.credit.Apply(ctx, c)
	return next, err
}

// repairs ends a record from the day on.
func repairs(on workday.Date) func(Application, *credit.Record) error {
	return func(_ Application, r *credit.Record) error {
		if r.Repaired == nil {
			r.Repaired = &credit.Repair{On: on}
		}
		return nil
	}
}

// HandIn adds a paper of the subject: into a box, or at the counter.
func (o *Office) HandIn(ctx context.Context, by staff.Actor, no string, p Paper, box string, now time.Time) (Application, error) {
	s := step{action: staff.RepairFile, what: EventPaper, move: func(_ Rules, _ []Reason, a Application) (Application, error) {
		return a.handIn(p, box, by.User.ID, now)
	}}
	if by.Org.Kind != staff.Subject {
		s.action, s.officer = staff.RepairAccept, true
	}
	return o.do(ctx, by, no, 0, s, now)
}

// Sign signs the commitment: the representative's, and nobody else's. also queues
// further writes into the same commit: the entry of the public ledger.
func (o *Office) Sign(ctx context.Context, by staff.Actor, no string, now time.Time, also ...func(tx *journal.Tx) error) (Application, error) {
	return o.do(ctx, by, no, 0, step{action: staff.RepairSign, what: EventSigned, also: also, move: func(_ Rules, _ []Reason, a Application) (Application, error) {
		return a.sign(by.User.ID, now)
	}}, now)
}

// Complete sends in again what was returned; all that was asked for must be there.
func (o *Office) Complete(ctx context.Context, by staff.Actor, no string, now time.Time) (Application, error) {
	return o.do(ctx, by, no, 0, step{action: staff.RepairFile, what: EventCompleted, move: func(_ Rules, _ []Reason, a Application) (Application, error) {
		return a.complete(by.User.ID, now)
	}}, now)
}

// Withdraw takes the application back.
func (o *Office) Withdraw(ctx context.Context, by staff.Actor, no string, now time.Time) (Application, error) {
	return o.do(ctx, by, no, 0, step{action: staff.RepairFile, what: EventWithdrawn, move: func(_ Rules, _ []Reason, a Application) (Application, error) {
		return a.withdraw(by.User.ID, now)
	}}, now)
}

// Return sends the subject, once, the full list of what is missing; unproven are
// papers that came and do not show what they must.
func (o *Office) Return(ctx context.Context, by staff.Actor, no string, version int, unproven []Paper, now time.Time) (Application, error) {
	return o.do(ctx, by, no, version, step{action: staff.RepairAccept, what: EventReturned, officer: true, move: func(rules Rules, _ []Reason, a Application) (Application, error) {
		return a.giveBack(rules, unproven, by.User.ID, now)
	}}, now)
}

// HandOver records the number under which 信用中国 has the application.
func (o *Office) HandOver(ctx context.Context, by staff.Actor, no string, version int, number string, now time.Time) (Application, error) {
	return o.do(ctx, by, no, version, step{action: staff.RepairAccept, what: EventHanded, officer: true, move: func(_ Rules, _ []Reason, a Application) (Application, error) {
		return a.handOver(number, by.User.ID, now)
	}}, now)
}

// Accept accepts an application about a determination of ours.
func (o *Office) Accept(ctx context.Context, by staff.Actor, no string, version int, now time.Time) (Application, error) {
	return o.do(ctx, by, no, version, step{action: staff.RepairAccept, what: EventAccepted, officer: true, computes: true, move: func(rules Rules, computed []Reason, a Application) (Application, error) {
		return a.accept(rules, computed, by.User.ID, now)
	}}, now)
}

// Refuse does not accept an application, for reasons of the step's and those that
// the program computes.
func (o *Office) Refuse(ctx context.Context, by staff.Actor, no string, version int, reasons []string, decision string, now time.Time) (Application, error) {
	return o.do(ctx, by, no, version, step{action: staff.RepairAccept, what: EventRefused, officer: true, computes: true, move: func(rules Rules, computed []Reason, a Application) (Application, error) {
		if err := a.in(Submitted); err != nil {
			return a, err
		}
		return a.refuse(rules, reasons, computed, decision, by.User.ID, now)
	}}, now)
}

// Forward passes an application to the authority that must decide it, under the
// number that it has there.
func (o *Office) Forward(ctx context.Context, by staff.Actor, no string, version int, external string, now time.Time) (Application, error) {
	return o.do(ctx, by, no, version, step{action: staff.RepairAccept, what: EventForwarded, officer: true, move: func(rules Rules, _ []Reason, a Application) (Application, error) {
		return a.forward(rules, external, by.User.ID, now)
	}}, now)
}

// Approve allows the repair, by another person than handled it. The records end
// with the commit. What another authority determined is refused: fault.Conflict.
func (o *Office) Approve(ctx context.Context, by staff.Actor, no string, version int, decision string, now time.Time) (Application, error) {
	return o.do(ctx, by, no, version, step{
		action: staff.RepairDecide, what: EventApproved, computes: true, amend: repairs(workday.DateOf(now)),
		move: func(_ Rules, computed []Reason, a Application) (Application, error) {
			return a.approve(computed, decision, by.User.ID, now)
		},
	}, now)
}

// Deny refuses the repair with reasons, by another person than handled it.
func (o *Office) Deny(ctx context.Context, by staff.Actor, no string, version int, reasons []string, decision string, now time.Time) (Application, error) {
	return o.do(ctx, by, no, version, step{action: staff.RepairDecide, what: EventDenied, computes: true, move: func(rules Rules, computed []Reason, a Application) (Application, error) {
		// Said before the state: whoever tries must learn that it is not his to decide.
		if !a.Authority.Own() {
			return a, fault.New(fault.Conflict, "repair.other_authority", a.Authority.Name)
		}
		if err := a.in(Accepted); err != nil {
			return a, err
		}
		return a.refuse(rules, reasons, computed, decision, by.User.ID, now)
	}}, now)
}

// Import takes over what the other authority decided, by another person than
// forwarded it. An approval ends the records in the same commit, from the day of
// that decision.
func (o *Office) Import(ctx context.Context, by staff.Actor, no string, version int, f Foreign, now time.Time) (Application, error) {
	s := step{action: staff.RepairDecide, what: EventImported, move: func(rules Rules, _ []Reason, a Application) (Application, error) {
		return a.foreign(rules, f, by.User.ID, now)
	}}
	if f.Approved {
		if f.On.IsZero() {
			return Application{}, fault.New(fault.Refused, "repair.decided_on").With("on", "repair.decided_on")
		}
		s.amend = repairs(f.On)
	}
	return o.do(ctx, by, no, version, s, now)
}

// Reports tells which of the year's free reports the actor's subject has had, by
// day, and how many it gets.
func (o *Office) Reports(ctx context.Context, by staff.Actor, now time.Time) (had []workday.Date, free int, err error) {
	if err := staff.Can(by, staff.SubjectRead, staff.Resource{Subject: by.Org.Code}, now); err != nil {
		return nil, 0, err
	}
	rules, err := o.Rules(ctx)
	if err != nil {
		return nil, 0, err
	}
	all, err := o.store.reports(ctx, o.store.journal.Redis(), by.Org.Code)
	if err != nil {
		return nil, 0, err
	}
	free, _, err = rules.FreeReports(workday.DateOf(now))
	return inYear(all, workday.DateOf(now).Year()), free, err
}

func inYear(all map[string]string, year int) []workday.Date {
	var out []workday.Date
	for _, text := range all {
		if d, err := workday.ParseDate(text); err == nil && d.Year() == year {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, workday.Date.Compare)
	return out
}

// TakeReport counts one of the year's free reports (河南省社会信用条例 art. 40). The
// same report again on the same day is not another one; a third in a year is
// refused with the day from which there is one again.
func (o *Office) TakeReport(ctx context.Context, by staff.Actor, now time.Time) (n int, err error) {
	_, free, err := o.Reports(ctx, by, now)
	if err != nil {
		return 0, err
	}
	today, key := workday.DateOf(now), o.store.key("reports", by.Org.Code)
	entry := journal.Entry{Actor: by.User.ID, Action: "repair.report", Ref: "subject:" + by.Org.Code, At: now}
	err = o.store.journal.Commit(ctx, entry, []string{key}, func(tx *journal.Tx) error {
		all, err := o.store.reports(ctx, tx.Read(), by.Org.Code)
		if err != nil {
			return err
		}
		had := inYear(all, today.Year())
		n = len(had)
		if n > 0 && had[n-1] == today {
			return nil
		}
		if n >= free {
			return fault.New(fault.Conflict, "repair.reports_used", free, strconv.Itoa(today.Year()+1)+"-01-01")
		}
		n++
		tx.HSet(key, strconv.Itoa(today.Year())+"-"+strconv.Itoa(n), today.String())
		return nil
	})
	return n, err
}
