package objection

import (
	"context"
	"fmt"
	"slices"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/disclosure"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// demo are the fictitious penalties that the demonstration's subject objects to:
// one objection that waits, one that was upheld and one that was dismissed.
var demo = []struct {
	number  int
	ground  Ground
	finding Finding // "": it waits for the check
	outcome Outcome
}{
	{911, Facts, "", ""},
	{912, Facts, Founded, Correct},
	{913, Identity, Unfounded, Dismiss},
}

// Demo files them through the same doors that real ones use. actor finds a user by
// name. It goes on where an earlier call stopped, and a call after that changes
// nothing.
func (s *Office) Demo(ctx context.Context, actor func(user string) (staff.Actor, error), now time.Time) error {
	agent, err := actor("jia.agent")
	if err != nil {
		return err
	}
	handler, err := actor("lead.handler")
	if err != nil {
		return err
	}
	approver, err := actor("lead.approver")
	if err != nil {
		return err
	}
	have, _, err := s.Of(ctx, agent, "", 200, now)
	if err != nil {
		return err
	}
	if len(have) > 0 { // it began on an earlier day, and its numbers are of that year
		now = later(now, have[len(have)-1].Events[0].At)
	}
	for _, x := range demo {
		r, err := s.demoRecord(ctx, agent.Org, handler.Org, x.number, have, now)
		if err != nil {
			return fmt.Errorf("objection: demo: %w", err)
		}
		o := Objection{}
		if i := slices.IndexFunc(have, func(o Objection) bool { return o.Record == r.ID }); i >= 0 {
			o = have[i]
		} else if o, err = s.File(ctx, agent, Order{Record: r.ID, Ground: x.ground}, now); err != nil {
			return fmt.Errorf("objection: demo: %w", err)
		}
		if x.finding != "" && o.State == Filed {
			if o, err = s.Check(ctx, handler, o.No, o.Version, x.finding, now); err != nil {
				return fmt.Errorf("objection: demo: %w", err)
			}
		}
		if o.State != Checked {
			continue
		}
		values := disclosure.Values(r, agent.Org.Code, o.Name)
		values["fine"] = "0.9"
		ruling := Ruling{Outcome: x.outcome, Decision: fmt.Sprintf("新测市监异〔%d〕%d号", o.FiledOn.Year(), x.number), Values: values}
		if x.outcome == Dismiss {
			ruling.Reasons = []string{"same-subject"}
		}
		if _, err = s.Rule(ctx, approver, o.No, o.Version, ruling, now); err != nil {
			return fmt.Errorf("objection: demo: %w", err)
		}
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// demoRecord is one of the penalties, which it stores where it is not there yet.
func (s *Office) demoRecord(ctx context.Context, of, by staff.Organization, number int, have []Objection, now time.Time) (credit.Record, error) {
	decided := workday.DateOf(now).AddDays(-40)
	if len(have) > 0 {
		decided = have[len(have)-1].FiledOn.AddDays(-40)
	}
	r := credit.Record{
		Kind: credit.Penalty, Act: string(credit.Penalty), InstrumentNo: fmt.Sprintf("新测市监处罚〔%d〕%d号", decided.Year(), number),
		Authority: by.Name, AuthorityCode: by.Code, Source: credit.Admin, Channel: credit.Original, DeterminedOn: decided, PublishedOn: workday.DateOf(now),
		CollectedAt: now.UTC(), BatchID: "demo",
		Content: credit.Content{Penalty: &credit.PenaltyContent{
			Violation: "商标侵权（演示）", Facts: "样例事实（演示）", Basis: "《中华人民共和国商标法》第六十条", Classes: []string{"罚款"}, Text: "罚款（演示）", FineFen: 9000000,
		}},
	}
	r.ID = credit.NewID(r.Kind, r.Authority, r.InstrumentNo, of.Code)
	p, err := s.credit.Load(ctx, of.Code)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return r, err
	}
	if i := slices.IndexFunc(p.Records, func(x credit.Record) bool { return x.ID == r.ID }); i >= 0 {
		return p.Records[i], nil
	}
	name := of.Name
	if p.Subject.Name != "" {
		name = p.Subject.Name
	}
	_, _, err = s.credit.Apply(ctx, credit.Change{
		Entry:   journal.Entry{Actor: "system", Action: "credit.demo", Ref: "objection:demo", At: now},
		Records: []credit.Entry{{SubjectCode: of.Code, SubjectName: name, Record: r}},
	})
	return r, err
}
