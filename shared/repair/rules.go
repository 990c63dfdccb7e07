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
		Listing       Route `json:"listing"`
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
	paperRule struct {
		CNIPA             []Paper `json:"CNIPA"`
		CreditChina       []Paper `json:"CREDIT_CHINA"`
		SAMR              []Paper `json:"SAMR"`
		Order44           []Paper `json:"ORDER_44"`
		BankruptcyInstead Paper   `json:"bankruptcyInstead"`
		Bankruptcy        Paper   `json:"bankruptcy"`
	}
	bankruptcyRule struct {
		WhilePerforming bool `json:"whilePerforming"`
	}
	reportRule struct {
		AYear int `json:"aYear"`
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

// RouteOf is the procedure of an application about such a record that is filed on
// that day, the rule that says so, and whether 信用中国 alone takes it in.
// Judgments, licences and commendations have none: their courts and authorities
// correct them.
func (r Rules) RouteOf(x credit.Record, filed workday.Date) (Route, ruleset.Rule, bool, error) {
	rule, p, err := params[routeRule](r, "repair-route", filed)
	if err != nil {
		return "", rule, false, err
	}
	switch {
	case x.Act == credit.SeriousList:
		return p.Listing, rule, p.Single, nil
	case x.Kind == credit.Determination:
		return p.Determination, rule, p.Single, nil
	case x.Kind == credit.Penalty:
		return p.Penalty, rule, p.Single, nil
	}
	return "", rule, p.Single, nil
}

// single is the first day on which 信用中国 takes applications in.
func (r Rules) single() workday.Date {
	first := workday.MaxDate
	for _, x := range r.set().All() {
		if x.ID != "repair-route" {
			continue
		}
		if p, err := ruleset.Params[routeRule](x); err == nil && p.Single {
			first = workday.Min(first, x.From)
		}
	}
	return first
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
	route, rule, single, err := r.RouteOf(x, filed)
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
	case Order44:
		list = slices.Clone(p.Order44)
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
	id := map[Route]string{
		CNIPA: "repair-clocks-cnipa", SAMR: "repair-clocks-samr", Order44: "repair-clocks-listing", CreditChina: "repair-clocks-credit-china",
	}[a.Route]
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
	// 信用中国 counts from the application there, unless something was missing.
	answer := a.FiledOn
	if !a.AskedOn.IsZero() {
		answer = a.CompleteOn
	}
	add(AnswerClock, answer, p.Answer, rule, a.ClosedOn)
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
