package repair

import (
	"fmt"
	"slices"

	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Rules are the law that applications are judged by.
type Rules struct {
	Law      *credit.Law
	Calendar workday.Calendar
	Set      ruleset.Set // the zero value is what the program ships
}

func (r Rules) set() ruleset.Set {
	if len(r.Set.All()) == 0 {
		return ruleset.Shipped()
	}
	return r.Set
}

type (
	routeRule struct {
		Determination Route `json:"determination"`
		Penalty       Route `json:"penalty"`
		Single        bool  `json:"single"` // 信用中国 alone takes in
	}
	clockRule struct {
		Accept               workday.Period `json:"accept"`
		Decide               workday.Period `json:"decide"`
		DecideFromAcceptance bool           `json:"decideFromAcceptance"`
		Answer               workday.Period `json:"answer"`
		Stop                 workday.Period `json:"stop"`
	}
	effectRule struct {
		Done workday.Period `json:"done"`
	}
	waitingRule struct {
		Long         workday.Period `json:"long"`
		Short        workday.Period `json:"short"`
		ShortClasses []string       `json:"shortClasses"`
		Fine         string         `json:"fine"`
		Never        []string       `json:"never"`
	}
	paperRule struct {
		CNIPA             []Paper `json:"CNIPA"`
		CreditChina       []Paper `json:"CREDIT_CHINA"`
		SAMR              []Paper `json:"SAMR"`
		BankruptcyInstead Paper   `json:"bankruptcyInstead"`
		Bankruptcy        Paper   `json:"bankruptcy"`
	}
	bankruptcyRule struct {
		WhilePerforming bool `json:"whilePerforming"`
	}
	refusalRule struct {
		Computed []string `json:"computed"`
		Accept   []string `json:"accept"`
		Decide   []string `json:"decide"`
	}
	reportRule struct {
		AYear int `json:"aYear"`
	}
	lowerFine struct {
		PersonBelowFen       int64 `json:"personBelowFen"`
		OrganizationBelowFen int64 `json:"organizationBelowFen"`
	}
	removalRule struct {
		After workday.Period `json:"after"`
	}
	dayAfterRule struct {
		DayAfter bool `json:"dayAfter"`
	}
	tierOverChain struct {
		Applies bool `json:"applies"`
	}
)

// params is the version of a rule in force on the day, with its parameters.
func params[T any](r Rules, id string, on workday.Date) (ruleset.Rule, T, error) {
	found, ok := r.set().For(id, on)
	if !ok {
		var none T
		return ruleset.Rule{}, none, fmt.Errorf("repair: no rule %s for %s", id, on)
	}
	p, err := ruleset.Params[T](found)
	return found, p, err
}

// RouteOf is the procedure of an application about a record of this kind that is
// filed on that day, the rule that says so, and whether 信用中国 alone takes it in.
// Judgments, licences and commendations have none: their courts and authorities
// correct them.
func (r Rules) RouteOf(kind credit.Kind, filed workday.Date) (Route, ruleset.Rule, bool, error) {
	rule, p, err := params[routeRule](r, "repair-route", filed)
	if err != nil {
		return "", rule, false, err
	}
	switch kind {
	case credit.Determination:
		return p.Determination, rule, p.Single, nil
	case credit.Penalty:
		return p.Penalty, rule, p.Single, nil
	}
	return "", rule, p.Single, nil
}

// Standing is what an application about a record would meet on a day.
type Standing struct {
	Route Route
	// Single says that 信用中国 alone takes the application in.
	Single bool
	// From is the first day of applying; none where no day would do.
	From workday.Date
	// Until is the last day of display, if it has one.
	Until workday.Date
	// Reasons are why it would be refused on that day; none where it would not.
	Reasons []Reason
	// Rules are the versions applied.
	Rules []ruleset.Rule

	early workday.Date // the first day, but for the last repair
}

// May tells whether an application would be taken in.
func (s Standing) May() bool { return len(s.Reasons) == 0 }

// Standing judges one of a subject's records as of the day filed; all of its
// records must be given. “满” is read as: after the last day of the period has
// passed, see the rule repair-from.
//
//   - a determination without a tier: six months from the newest of its chain
//     (国知发保字〔2022〕8号), and a year after the last repair;
//   - a listing as seriously dishonest from before the tiers: a year from it (Order 44);
//   - anything determined under a tier of Order 36: when the tier's shortest
//     display is over, counted from the document's date;
//   - a penalty from before: when the shortest display of 国市监信规〔2021〕3号 is
//     over, and never where Order 45 art. 14 excepts it.
func (r Rules) Standing(records []credit.Record, id string, filed workday.Date) (Standing, error) {
	x, ok := record(records, id)
	if !ok {
		return Standing{}, fault.New(fault.NotFound, "credit.no_record")
	}
	route, rule, single, err := r.RouteOf(x.Kind, filed)
	if err != nil {
		return Standing{}, err
	}
	s := Standing{Route: route, Single: single, Rules: []ruleset.Rule{rule}}
	if route == "" {
		return s.no(NotRepairable, workday.Date{}, rule), nil
	}
	// The last instant of the day: what ends that day is not there any more.
	shown, displayed := r.shown(records, id, filed)
	s.Until = shown.DisplayUntil
	if !displayed {
		return s.no(NotShown, workday.Date{}, rule), nil
	}
	if err := r.wait(records, x, shown, filed, &s); err != nil {
		return Standing{}, err
	}
	if filed.Before(s.early) {
		s = s.no(Early, s.early, s.Rules[1])
	}
	return s, nil
}

func (s Standing) no(code string, on workday.Date, rule ruleset.Rule) Standing {
	s.Reasons = append(s.Reasons, Reason{Code: code, On: on, Rule: rule.Ref()})
	return s
}

// shown is the record as strangers see it on the day, with the repairs of that
// same day still to come.
func (r Rules) shown(records []credit.Record, id string, on workday.Date) (credit.Shown, bool) {
	visible, _ := r.Law.Show(records, on.Start())
	for _, s := range visible {
		if s.ID == id && s.Adverse {
			return s, true
		}
	}
	return credit.Shown{}, false
}

// wait finds the first day of applying, and the repair that bars it.
func (r Rules) wait(records []credit.Record, x credit.Record, shown credit.Shown, filed workday.Date, s *Standing) error {
	q := credit.Question{Route: credit.ByTiers, Tier: shown.Tier, Determined: []workday.Date{x.DeterminedOn}}
	switch {
	case x.Act == credit.SeriousList && !r.tiered(x):
		return r.waitListed(x, s)
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
			return r.waitPenalty(x, shown, s)
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
// after a year. A listing is no part of CNIPA's chain, and a repair before it does
// not bar it.
func (r Rules) waitListed(x credit.Record, s *Standing) error {
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
// as the display itself is: whoever uploads late puts nobody's repair off.
func (r Rules) waitPenalty(x credit.Record, shown credit.Shown, s *Standing) error {
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

// Since names what was determined or punished after the application was filed
// (国知发保字〔2022〕8号 art. 14: a new determination during the application).
func (r Rules) Since(records []credit.Record, a Application) ([]Reason, error) {
	rule, _, err := params[refusalRule](r, "repair-refusal", a.FiledOn)
	if err != nil {
		return nil, err
	}
	kinds := map[credit.Kind]bool{}
	for _, id := range a.Records {
		if x, ok := record(records, id); ok {
			kinds[x.Kind] = true
		}
	}
	var first workday.Date
	for _, x := range records {
		if kinds[x.Kind] && x.Withdrawn == nil && x.DeterminedOn.After(a.FiledOn) && !slices.Contains(a.Records, x.ID) {
			if first.IsZero() || x.DeterminedOn.Before(first) {
				first = x.DeterminedOn
			}
		}
	}
	if first.IsZero() {
		return nil, nil
	}
	return []Reason{{Code: NewRecord, On: first, Rule: rule.Ref()}}, nil
}

// Computed are the reasons that the program finds against an application: what
// its records met on the day it was filed, and what happened since.
func (r Rules) Computed(records []credit.Record, a Application) ([]Reason, error) {
	out, err := r.Since(records, a)
	if err != nil {
		return nil, err
	}
	for _, id := range a.Records {
		s, err := r.Standing(records, id, a.FiledOn)
		if err != nil {
			return nil, err
		}
		for _, reason := range s.Reasons {
			if !slices.Contains(out, reason) {
				out = append(out, reason)
			}
		}
	}
	return out, nil
}

// Choices are the reasons that an officer can give at a step, beside those that
// the program computes.
func (r Rules) Choices(a Application) ([]string, error) {
	_, p, err := params[refusalRule](r, "repair-refusal", a.FiledOn)
	if a.State == Accepted {
		return p.Decide, err
	}
	return p.Accept, err
}

// Needed are the papers of the application's route: with a court's ruling in place
// of the proof of performance for a firm that applies while it performs.
func (r Rules) Needed(a Application) ([]Paper, error) {
	_, p, err := params[paperRule](r, "repair-papers", a.FiledOn)
	if err != nil {
		return nil, err
	}
	var list []Paper
	switch a.Route {
	case CNIPA:
		list = slices.Clone(p.CNIPA)
	case SAMR:
		list = slices.Clone(p.SAMR)
	case CreditChina:
		list = slices.Clone(p.CreditChina)
	}
	if a.Bankruptcy != nil {
		if i := slices.Index(list, p.BankruptcyInstead); i >= 0 {
			list[i] = p.Bankruptcy
		} else {
			list = append(list, p.Bankruptcy)
		}
	}
	return list, nil
}

// Missing are the papers that have not come.
func (r Rules) Missing(a Application) ([]Paper, error) {
	list, err := r.Needed(a)
	return slices.DeleteFunc(list, a.Has), err
}

// MayWhilePerforming tells whether a firm under a court's ruling may apply on that
// day although its duties are not performed yet.
func (r Rules) MayWhilePerforming(filed workday.Date) bool {
	_, p, err := params[bankruptcyRule](r, "repair-bankruptcy", filed)
	return err == nil && p.WhilePerforming
}

// FreeReports is how many reports a year a subject gets for nothing.
func (r Rules) FreeReports(on workday.Date) (int, ruleset.Rule, error) {
	rule, p, err := params[reportRule](r, "credit-reports", on)
	return p.AYear, rule, err
}

// The clocks' names; the words are the catalogue's "repair.clock."+name.
const (
	AcceptClock = "accept" // whether it is accepted
	DecideClock = "decide" // the decision
	AnswerClock = "answer" // 信用中国's answer to the applicant
	StopClock   = "stop"   // display stopped and everybody told
)

// Clocks are the limits of the application as they stand today. They run from the
// day on which it was complete; while the subject completes it, none runs. An
// application that came to nothing has none left running.
func (r Rules) Clocks(a Application, today workday.Date) ([]clock.Clock, error) {
	timers, err := r.timers(a)
	return clock.All(timers, r.Calendar, today), err
}

func (r Rules) timers(a Application) ([]clock.Timer, error) {
	if a.State == Completeness {
		return nil, nil
	}
	id := map[Route]string{CNIPA: "repair-clocks-cnipa", SAMR: "repair-clocks-samr", CreditChina: "repair-clocks-credit-china"}[a.Route]
	rule, p, err := params[clockRule](r, id, a.FiledOn)
	if err != nil {
		return nil, err
	}
	var out []clock.Timer
	add := func(name string, from workday.Date, period workday.Period, rule ruleset.Rule, done workday.Date) {
		if period.N > 0 && !from.IsZero() {
			out = append(out, clock.Timer{Name: name, From: from, Period: period, Rule: rule, Done: done})
		}
	}
	// What another authority decides it decides in its own time: ours is to
	// forward it.
	forwarded := a.forwardedOn()
	add(AcceptClock, a.CompleteOn, p.Accept, rule, firstOf(a.AcceptedOn, forwarded, a.ClosedOn))
	if a.Authority.Own() {
		from := a.CompleteOn
		if p.DecideFromAcceptance {
			from = a.AcceptedOn
		}
		add(DecideClock, from, p.Decide, rule, a.ClosedOn)
	} else if p.Accept.N == 0 {
		add(AcceptClock, a.CompleteOn, p.Decide, rule, firstOf(forwarded, a.ClosedOn))
	}
	add(AnswerClock, a.CompleteOn, p.Answer, rule, a.ClosedOn)
	if a.State == Approved || a.State == Propagated {
		stop := rule
		period := p.Stop
		if period.N == 0 {
			effect, e, err := params[effectRule](r, "repair-effect", a.ClosedOn)
			if err != nil {
				return nil, err
			}
			stop, period = effect, e.Done
		}
		add(StopClock, a.ClosedOn, period, stop, a.SpreadOn)
	}
	return out, nil
}

func (a Application) forwardedOn() workday.Date {
	for _, e := range a.Events {
		if e.What == EventForwarded {
			return workday.DateOf(e.At)
		}
	}
	return workday.Date{}
}

func firstOf(dates ...workday.Date) workday.Date {
	for _, d := range dates {
		if !d.IsZero() {
			return d
		}
	}
	return workday.Date{}
}
