package share

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Recipient is who was told of a record, and what became of its end there.
type Recipient struct {
	Org    string
	Record string
	// Told is when it was told first.
	Told time.Time
	// Event is the end it was told of last, and EndTold when; none where the record
	// stands, or where a receiver that asks by cursor has not asked since.
	Event   string
	EndTold time.Time
	// Answer is what it said it did about the end; nil where it said nothing.
	Answer *Answered
}

// Confirmed tells whether the recipient said that it does not use the record any
// more.
func (r Recipient) Confirmed() bool { return r.Answer != nil }

// Waiting are those that have not confirmed the end.
func Waiting(list []Recipient) []Recipient {
	return slices.DeleteFunc(slices.Clone(list), Recipient.Confirmed)
}

// Recipients are those who were told of the records, by record. It asks nobody's
// leave: who shows it to somebody has asked whether he may see the records.
func (s *Store) Recipients(ctx context.Context, ids ...string) ([]Recipient, error) {
	list, err := s.all(ctx)
	if err != nil {
		return nil, err
	}
	var orgs []string
	for _, x := range list {
		if !x.DecidedAt.IsZero() && !slices.Contains(orgs, x.Org) {
			orgs = append(orgs, x.Org)
		}
	}
	slices.Sort(orgs)
	return s.recipients(ctx, orgs, ids)
}

// Holding is one of a subject's records and who was told of it.
type Holding struct {
	Record     credit.Record
	Recipients []Recipient
}

// Held are all records of the actor's own subject, also those that have ended, the
// newest determination first, each with who was told of it (staff.SubjectRead;
// 河南省社会信用条例 art. 40). To nobody else there is anything here.
func (s *Store) Held(ctx context.Context, a staff.Actor, now time.Time) ([]Holding, error) {
	if a.Org.Kind != staff.Subject || a.Org.Code == "" {
		return nil, fault.New(fault.NotFound, "credit.no_record")
	}
	if err := staff.Can(a, staff.SubjectRead, staff.Resource{Subject: a.Org.Code}, now); err != nil {
		return nil, err
	}
	p, err := s.config.Credit.Load(ctx, a.Org.Code)
	if fault.Is(err, fault.NotFound) {
		return nil, nil // it is in no register: nothing was ever told
	}
	if err != nil {
		return nil, err
	}
	records := slices.Clone(p.Records)
	slices.SortStableFunc(records, func(a, b credit.Record) int { return b.DeterminedOn.Compare(a.DeterminedOn) })
	ids := make([]string, len(records))
	for i, r := range records {
		ids[i] = r.ID
	}
	list, err := s.Recipients(ctx, ids...)
	if err != nil {
		return nil, err
	}
	out := make([]Holding, len(records))
	for i, r := range records {
		out[i] = Holding{Record: r}
		for _, x := range list {
			if x.Record == r.ID {
				out[i].Recipients = append(out[i].Recipients, x)
			}
		}
	}
	return out, nil
}

// Spread closes every approved repair of which everybody who was told of its
// records has confirmed the end; where nobody was, at once. Who has not confirmed
// keeps it open, past its last day as well (repair.StopClock): Waiting names them.
// It tells how many it closed.
func (s *Store) Spread(ctx context.Context, now time.Time) (int, error) {
	if s.config.Repairs == nil {
		return 0, nil
	}
	list, err := s.config.Repairs.Spreading(ctx)
	if err != nil {
		return 0, err
	}
	closed := 0
	var failed []error
	for _, a := range list {
		told, err := s.Recipients(ctx, a.Records...)
		if err == nil && len(Waiting(told)) > 0 {
			continue
		}
		if err == nil {
			err = s.config.Repairs.Settle(ctx, a.No, now)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("share: closing %s: %w", a.No, err))
			continue
		}
		closed++
	}
	return closed, errors.Join(failed...)
}

// OnBehalf enters what a recipient answered by a document of its own, for who
// manages shares. The document's number and the reason are needed: an officer's
// word alone closes nothing. It is kept that it came on paper.
func (s *Store) OnBehalf(ctx context.Context, a staff.Actor, org, event string, f Feedback, why Paper, now time.Time) (Answered, error) {
	if err := manages(a, a.Org.Division(), now); err != nil {
		return Answered{}, err
	}
	bad := fault.New(fault.Invalid, "share.incomplete")
	if f.Reference == "" {
		bad = bad.With("reference", "share.reference")
	}
	if !slices.Contains(Papers, why) {
		bad = bad.With("paper", "share.choose")
	}
	if len(bad.Fields) > 0 {
		return Answered{}, bad
	}
	return s.give(ctx, org, a.User.ID, event, f, why, now)
}

// due is the last day for taking off what the recipient was told of: one working
// day (河南省社会信用条例 art. 42).
func due(calendar workday.Calendar, told time.Time) workday.Date {
	return calendar.AddWorkdays(workday.DateOf(told), 1).Due
}

// Due is the last day on which the recipient must have taken the record off; none
// where it was not told of the end. Who hears late has its day from then, and who
// asks by cursor hears when it asks.
func (s *Store) Due(ctx context.Context, r Recipient) (workday.Date, error) {
	if r.Event == "" {
		return workday.Date{}, nil
	}
	calendar, err := s.config.Calendar(ctx)
	return due(calendar, r.EndTold), err
}
