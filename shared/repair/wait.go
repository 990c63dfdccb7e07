package repair

import (
	"fmt"
	"slices"

	"ipcredit/shared/credit"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

type (
	waitingRule struct {
		Long         workday.Period `json:"long"`
		Short        workday.Period `json:"short"`
		ShortClasses []string       `json:"shortClasses"`
		Fine         string         `json:"fine"`
		Never        []string       `json:"never"`
		// NotListed and NoneOfTheKind are conditions of Order 45 art. 14.
		NotListed     bool `json:"notListed"`
		NoneOfTheKind bool `json:"noneOfTheKind"`
	}
	lowerFine struct {
		PersonBelowFen       int64 `json:"personBelowFen"`
		OrganizationBelowFen int64 `json:"organizationBelowFen"`
	}
	removalRule struct {
		After   workday.Period `json:"after"`
		Heavier []string       `json:"heavier"` // the classes of a heavier penalty
	}
	dayAfterRule struct {
		DayAfter bool `json:"dayAfter"`
	}
	tierOverChain struct {
		Applies bool `json:"applies"`
	}
)

// wait finds the first day of applying, and the repair that bars it.
func (r Rules) wait(records []credit.Record, x credit.Record, shown credit.Shown, filed workday.Date, s *Standing) error {
	q := credit.Question{Route: credit.ByTiers, Tier: shown.Tier, Determined: []workday.Date{x.DeterminedOn}}
	switch {
	case x.Act == credit.SeriousList && !r.tiered(x):
		return r.waitListed(records, x, s)
	case x.Kind == credit.Determination && !r.tiered(x):
		q.Route, q.Determined = credit.CNIPA, nil
		first, ok := r.first("cnipa-dishonesty")
		for _, o := range records {
			if ok && o.Kind == credit.Determination && o.Act != credit.SeriousList && o.From == x.From && !r.tiered(o) && o.Withdrawn == nil && o.Repaired == nil && !o.DeterminedOn.Before(first) {
				q.Determined = append(q.Determined, o.DeterminedOn)
			}
		}
		q.LastRepair = lastRepair(records)
	case x.Kind == credit.Penalty:
		if _, ok := r.set().For("display-tiers", x.DeterminedOn); !ok {
			return r.waitPenalty(records, x, shown, filed, s)
		}
	}
	e, err := r.Law.Estimate(q)
	if err != nil {
		return fmt.Errorf("repair: the first day of %s: %w", x.ID, err)
	}
	s.From, s.early = e.RepairFrom, e.RepairFrom
	id, on := "display-tiers", x.DeterminedOn
	if q.Route == credit.CNIPA {
		id, on = "cnipa-dishonesty", workday.Max(q.Determined...)
	}
	rule, ok := r.set().For(id, on)
	if !ok {
		return fmt.Errorf("repair: no rule %s for %s", id, on)
	}
	s.Rules = append(s.Rules, rule)
	if !e.RefusedUntil.IsZero() {
		free := e.RefusedUntil.AddDays(1)
		if filed.Before(free) {
			s.Reasons = append(s.Reasons, Reason{Code: RecentRepair, On: free, Rule: rule.Ref()})
		}
		s.early, s.From = s.From, workday.Max(s.From, free)
	}
	return nil
}

// waitListed applies Order 44 to a listing from before the tiers: early removal
// after a year, unless a heavier penalty came since. A listing is no part of CNIPA's
// chain, and a repair before it does not bar it.
func (r Rules) waitListed(records []credit.Record, x credit.Record, s *Standing) error {
	on := x.DeterminedOn
	if first, ok := r.first("serious-list-removal"); ok {
		on = workday.Max(on, first)
	}
	rule, p, err := params[removalRule](r, "serious-list-removal", on)
	if err != nil {
		return err
	}
	s.Rules = append(s.Rules, rule)
	s.From = r.Calendar.Last(x.DeterminedOn, p.After, workday.None)
	reading := on
	if first, ok := r.first("repair-from"); ok {
		reading = workday.Max(reading, first)
	}
	_, full, err := params[dayAfterRule](r, "repair-from", reading)
	if err != nil {
		return err
	}
	if full.DayAfter {
		s.From = s.From.AddDays(1)
	}
	s.early = s.From
	s.again(records, x, rule, func(c *credit.PenaltyContent) bool {
		return slices.ContainsFunc(c.Classes, func(class string) bool { return slices.Contains(p.Heavier, class) })
	})
	return nil
}

// lastRepair is the day of the subject's last repair, none if it had none.
func lastRepair(records []credit.Record) (last workday.Date) {
	for _, x := range records {
		if x.Repaired != nil {
			last = workday.Max(last, x.Repaired.On)
		}
	}
	return last
}

// tiered tells whether a determination follows its tier and not the chain.
func (r Rules) tiered(x credit.Record) bool {
	rule, ok := r.set().For("tier-over-chain", x.DeterminedOn)
	if !ok || x.Tier == "" {
		return false
	}
	p, err := ruleset.Params[tierOverChain](rule)
	return err == nil && p.Applies
}

// first is the first day of the oldest version of a rule.
func (r Rules) first(id string) (workday.Date, bool) {
	var first workday.Date
	for _, rule := range r.set().All() {
		if rule.ID == id && (first.IsZero() || rule.From.Before(first)) {
			first = rule.From
		}
	}
	return first, !first.IsZero()
}

// waitPenalty applies the shortest display of penalties before the tiers, counted
// as the display itself is: whoever uploads late puts nobody's repair off. Who is
// listed as seriously dishonest, or was punished for the same kind of act again, has
// none (Order 45 art. 14).
func (r Rules) waitPenalty(records []credit.Record, x credit.Record, shown credit.Shown, filed workday.Date, s *Standing) error {
	on := x.DeterminedOn
	if first, ok := r.first("repair-penalty-waiting"); ok {
		on = workday.Max(on, first)
	}
	rule, p, err := params[waitingRule](r, "repair-penalty-waiting", on)
	if err != nil {
		return err
	}
	s.Rules = append(s.Rules, rule)
	c := x.Content.Penalty
	if c == nil {
		*s = s.no(NotRepairable, workday.Date{}, rule)
		return nil
	}
	for _, class := range c.Classes {
		if slices.Contains(p.Never, class) {
			*s = s.no(NotRepairable, workday.Date{}, rule)
			return nil
		}
	}
	period := p.Short
	for _, class := range c.Classes {
		if slices.Contains(p.ShortClasses, class) {
			continue
		}
		low, err := r.lowFine(x, c, class == p.Fine, on)
		if err != nil {
			return err
		}
		if !low {
			period = p.Long
		}
	}
	s.From = r.Calendar.Last(shown.CountFrom, period, workday.None).AddDays(1)
	s.early = s.From
	if p.NotListed && r.listed(records, filed) {
		*s = s.no(Listed, workday.Date{}, rule)
	}
	if p.NoneOfTheKind {
		s.again(records, x, rule, func(o *credit.PenaltyContent) bool { return o.Violation == c.Violation })
	}
	return nil
}

func (r Rules) lowFine(x credit.Record, c *credit.PenaltyContent, fine bool, on workday.Date) (bool, error) {
	if !fine {
		return false, nil
	}
	_, p, err := params[lowerFine](r, "penalty-lower-fine", on)
	if x.NaturalPerson {
		return c.FineFen < p.PersonBelowFen, err
	}
	return c.FineFen < p.OrganizationBelowFen, err
}

// listed tells whether the subject is displayed as seriously dishonest on the day.
func (r Rules) listed(records []credit.Record, on workday.Date) bool {
	visible, _ := r.Law.Show(records, on.Start())
	return slices.ContainsFunc(visible, func(s credit.Shown) bool { return s.Act == credit.SeriousList })
}

// again refuses for the first penalty after the record that is of the kind.
func (s *Standing) again(records []credit.Record, x credit.Record, rule ruleset.Rule, kind func(*credit.PenaltyContent) bool) {
	var first workday.Date
	for _, o := range records {
		c := o.Content.Penalty
		if o.Kind != credit.Penalty || c == nil || o.ID == x.ID || o.Withdrawn != nil || !o.DeterminedOn.After(x.DeterminedOn) || !kind(c) {
			continue
		}
		if first.IsZero() || o.DeterminedOn.Before(first) {
			first = o.DeterminedOn
		}
	}
	if !first.IsZero() {
		*s = s.no(NewPenalty, first, rule)
	}
}
