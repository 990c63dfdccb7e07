package disclosure

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/ruleset"
)

// PenaltyField is the field of the form that names the penalty a listing rests on:
// the number of its decision, or the id of its record.
const PenaltyField = "penalty"

type penaltyRule struct {
	Required bool `json:"required"`
	// Light are the classes of penalties that are never the heavier ones.
	Light []string `json:"light"`
}

// PenaltyNeeded tells whether the notice must name the heavier penalty of the same
// body that it rests on (Order 44 arts. 2 and 13), with the rule of the day of the
// decision.
func (l Law) PenaltyNeeded(n Notice) (bool, ruleset.Rule, error) {
	needed, r, _, err := l.penalty(n)
	return needed, r, err
}

func (l Law) penalty(n Notice) (needed bool, r ruleset.Rule, p penaltyRule, err error) {
	if !n.listing() {
		return false, r, p, nil
	}
	r, ok := l.Set.For("serious-list-penalty", n.Record.DeterminedOn)
	if !ok {
		return false, r, p, nil
	}
	if p, err = ruleset.Params[penaltyRule](r); err != nil {
		return false, r, p, fmt.Errorf("disclosure: %w", err)
	}
	return p.Required, r, p, nil
}

// rests says nil when the listing can rest on the record, which is its subject's, or
// why not: no penalty, another body's, taken back, later than the listing, or none
// of the heavier ones.
func (l Law) rests(n Notice, x credit.Record, p penaltyRule) *fault.Error {
	refuse := func(code string, args ...any) *fault.Error {
		return fault.New(fault.Refused, code, args...).With(PenaltyField, code, args...)
	}
	own := ident.Normal(x.Authority) == ident.Normal(n.Record.Authority)
	if x.AuthorityCode != "" && n.Record.AuthorityCode != "" {
		own = x.AuthorityCode == n.Record.AuthorityCode
	}
	heavy := x.Content.Penalty != nil && slices.ContainsFunc(x.Content.Penalty.Classes, func(c string) bool { return !slices.Contains(p.Light, c) })
	switch {
	case x.Kind != credit.Penalty:
		return refuse("disclosure.penalty_none", x.InstrumentNo)
	case !own:
		return refuse("disclosure.penalty_body", x.InstrumentNo, x.Authority)
	case x.Withdrawn != nil:
		return refuse("disclosure.penalty_withdrawn", x.InstrumentNo)
	case x.DeterminedOn.After(n.Record.DeterminedOn):
		return refuse("disclosure.penalty_later", x.DeterminedOn.String())
	case !heavy:
		return refuse("disclosure.penalty_light", x.InstrumentNo)
	}
	return nil
}

// rest finds the penalty that the listing names and puts it into the notice and its
// values, or says by field why the listing cannot rest on it.
func (s *Store) rest(ctx context.Context, n *Notice, named string, now time.Time) error {
	law, err := s.Law(ctx)
	if err != nil {
		return err
	}
	needed, _, p, err := law.penalty(*n)
	n.Penalty = ""
	if err != nil || !needed {
		return err
	}
	x, err := s.named(ctx, *n, strings.TrimSpace(named), now)
	if err == nil {
		if f := law.rests(*n, x, p); f != nil {
			err = f
		}
	}
	if f, ok := fault.Of(err); ok && f.Kind == fault.Refused {
		err = fault.New(fault.Invalid, "disclosure.incomplete").With(PenaltyField, f.Code, f.Args...)
	}
	if err != nil {
		return err
	}
	n.Penalty, n.Values[PenaltyField] = x.ID, x.InstrumentNo
	return nil
}

// named is the record of the notice's subject that has the number or the id.
func (s *Store) named(ctx context.Context, n Notice, named string, now time.Time) (x credit.Record, err error) {
	refuse := func(code string, args ...any) (credit.Record, error) {
		return x, fault.New(fault.Refused, code, args...)
	}
	if named == "" {
		return refuse("disclosure.penalty_missing")
	}
	code, records, err := s.records(ctx, n.SubjectCode)
	if err != nil {
		return x, err
	}
	id, number := strings.ToLower(named), named
	if doc, err := ident.ParseDocNo(named); err == nil {
		number = doc.String()
	}
	found := slices.IndexFunc(records, func(x credit.Record) bool {
		return x.ID == id || x.Kind == credit.Penalty && x.InstrumentNo == number
	})
	// A number can be that of two bodies' decisions: the own one counts.
	if own := credit.NewID(credit.Penalty, ident.Normal(n.Record.Authority), number, n.SubjectCode); found >= 0 {
		if i := slices.IndexFunc(records, func(x credit.Record) bool { return x.ID == own }); i >= 0 {
			found = i
		}
		return records[found], nil
	}
	c, err := s.credit.Case(ctx, id, now)
	if err == nil && c.Profile.Subject.Code != "" && c.Profile.Subject.Code != code {
		return refuse("disclosure.penalty_subject", named)
	}
	if err != nil {
		return x, err
	}
	return refuse("disclosure.penalty_none", named)
}

// rested says nil when the penalty that the notice rests on is still one it can rest
// on.
func (s *Store) rested(ctx context.Context, law Law, n Notice) error {
	needed, _, p, err := law.penalty(n)
	if err != nil || !needed {
		return err
	}
	if n.Penalty == "" {
		return fault.New(fault.Refused, "disclosure.penalty_missing").With(PenaltyField, "disclosure.penalty_missing")
	}
	_, records, err := s.records(ctx, n.SubjectCode)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(records, func(x credit.Record) bool { return x.ID == n.Penalty })
	if i < 0 {
		number := n.Values[PenaltyField]
		return fault.New(fault.Refused, "disclosure.penalty_none", number).With(PenaltyField, "disclosure.penalty_none", number)
	}
	if f := law.rests(n, records[i], p); f != nil {
		return f
	}
	return nil
}

// records are those that the subject of the code has now, with the code it goes by;
// none of one that is not known.
func (s *Store) records(ctx context.Context, code string) (string, []credit.Record, error) {
	subject, err := s.credit.Subjects().Resolve(ctx, code)
	if fault.Is(err, fault.NotFound) {
		return code, nil, nil
	}
	if err != nil {
		return code, nil, err
	}
	p, err := s.credit.Load(ctx, subject.Code)
	if fault.Is(err, fault.NotFound) {
		return subject.Code, nil, nil
	}
	return subject.Code, p.Records, err
}
