package repair

import (
	"context"
	"slices"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Revocation is how an approval is taken back: one person begins it, the subject is
// told and can speak, and another decides. Then the records are displayed again, as
// long as they would have been.
type Revocation struct {
	// Why is one of the rule repair-revocation's; the words are the catalogue's
	// "repair.revocation."+Why.
	Why        string       `json:"why"`
	ProposedOn workday.Date `json:"proposedOn"`
	ProposedBy string       `json:"proposedBy"`
	// Decision is the number of what was decided, On its day; none until then.
	Decision string       `json:"decision,omitempty"`
	On       workday.Date `json:"on,omitzero"`
	By       string       `json:"by,omitempty"`
}

// Revoking tells that taking the approval back was begun and is not decided.
func (a Application) Revoking() bool { return a.Revocation != nil && a.Revocation.On.IsZero() }

type revocationRule struct {
	Why []string `json:"why"`
}

// Revocations are why an approval of that day can be taken back.
func (r Rules) Revocations(on workday.Date) ([]string, error) {
	_, p, err := params[revocationRule](r, "repair-revocation", on)
	return p.Why, err
}

// propose begins to take an approval back.
func (a Application) propose(rules Rules, why, by string, now time.Time) (Application, error) {
	if err := a.in(Approved, Propagated); err != nil {
		return a, err
	}
	if a.Revoking() {
		return a, fault.New(fault.Conflict, "repair.revoking")
	}
	list, err := rules.Revocations(a.ClosedOn)
	if err != nil {
		return a, err
	}
	if !slices.Contains(list, why) {
		return a, fault.New(fault.Refused, "repair.revocation").With("why", "repair.revocation")
	}
	a.Revocation = &Revocation{Why: why, ProposedOn: workday.DateOf(now), ProposedBy: by}
	return a.step(by, EventRevoking, "", now), nil
}

// keep leaves the approval as it is.
func (a Application) keep(by string, now time.Time) (Application, error) {
	if !a.Revoking() {
		return a, fault.New(fault.Conflict, "repair.state")
	}
	a.Revocation = nil
	return a.step(by, EventKept, "", now), nil
}

// revoke takes the approval back.
func (a Application) revoke(decision, by string, now time.Time) (Application, error) {
	if err := a.in(Approved, Propagated); err != nil {
		return a, err
	}
	if !a.Revoking() {
		return a, fault.New(fault.Conflict, "repair.state")
	}
	decision, err := number("decision", decision)
	if err != nil {
		return a, err
	}
	r := *a.Revocation
	r.Decision, r.On, r.By = decision, workday.DateOf(now), by
	a.Revocation, a.State = &r, Revoked
	return a.step(by, EventRevoked, decision, now), nil
}

// again undoes what the approval did to a record, and nothing that somebody else
// did.
func (a Application) again(x *credit.Record) error {
	if x.Repaired != nil && x.Repaired.On == a.DecidedOn {
		x.Repaired = nil
	}
	return nil
}

// report notes that the result was passed to 信用中国.
func (a Application) report(by string, now time.Time) (Application, error) {
	if err := a.in(Approved, Propagated, Denied, Refused, Revoked); err != nil {
		return a, err
	}
	if a.CreditChina == "" {
		return a, fault.New(fault.Conflict, "repair.no_number")
	}
	if !a.ReportedOn.IsZero() && (a.State != Revoked || !a.ReportedOn.Before(a.Revocation.On)) {
		return a, fault.New(fault.Conflict, "repair.reported", a.ReportedOn.String())
	}
	a.ReportedOn = workday.DateOf(now)
	return a.step(by, EventReported, a.CreditChina, now), nil
}

// ProposeRevocation begins to take an approval back; the subject is told.
func (o *Office) ProposeRevocation(ctx context.Context, by staff.Actor, no string, version int, why string, now time.Time) (Application, error) {
	return o.do(ctx, by, no, version, step{action: staff.RepairAccept, what: EventRevoking, officer: true, move: func(rules Rules, _ []Reason, a Application) (Application, error) {
		return a.propose(rules, why, by.User.ID, now)
	}}, now)
}

// Keep drops what ProposeRevocation began.
func (o *Office) Keep(ctx context.Context, by staff.Actor, no string, version int, now time.Time) (Application, error) {
	return o.do(ctx, by, no, version, step{action: staff.RepairAccept, what: EventKept, officer: true, move: func(_ Rules, _ []Reason, a Application) (Application, error) {
		return a.keep(by.User.ID, now)
	}}, now)
}

// Revoke takes an approval back, by another person than began it. In the same commit
// the records are displayed again, as long as they would have been.
func (o *Office) Revoke(ctx context.Context, by staff.Actor, no string, version int, decision string, now time.Time) (Application, error) {
	return o.do(ctx, by, no, version, step{action: staff.RepairDecide, what: EventRevoked, amend: Application.again, move: func(_ Rules, _ []Reason, a Application) (Application, error) {
		return a.revoke(decision, by.User.ID, now)
	}}, now)
}

// Report notes that the result was passed to 信用中国, which took the application in.
func (o *Office) Report(ctx context.Context, by staff.Actor, no string, version int, now time.Time) (Application, error) {
	return o.do(ctx, by, no, version, step{action: staff.RepairAccept, what: EventReported, officer: true, move: func(_ Rules, _ []Reason, a Application) (Application, error) {
		return a.report(by.User.ID, now)
	}}, now)
}
