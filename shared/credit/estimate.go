package credit

import (
	"slices"

	"ipcredit/shared/fault"
	"ipcredit/shared/workday"
)

// Route is the procedure by which a record is repaired.
type Route string

// The routes the estimate knows.
const (
	CNIPA   Route = "CNIPA" // 国知发保字〔2022〕8号, to the determining department
	ByTiers Route = "TIER"  // Order 36, through 信用中国
)

// Question is a what-if about display and repair. Nothing in it need exist.
type Question struct {
	Route Route
	Tier  Tier // route TIER only
	// Determined are the dates of determinations of one subject, in any order.
	Determined []workday.Date
	// LastRepair is the day of the subject's last repair; none if there was none.
	LastRepair workday.Date
}

// Estimate is the answer. Last days are included.
type Estimate struct {
	DisplayFrom  workday.Date `json:"displayFrom"`
	DisplayUntil workday.Date `json:"displayUntil"`
	// RepairFrom is the first day on which an application can be made, counted
	// from the latest determination. For the minor tier it is any day once the
	// duties are performed.
	RepairFrom workday.Date `json:"repairFrom"`
	// RefusedUntil is the last day on which an application is refused because of
	// the last repair; none if it does not matter.
	RefusedUntil workday.Date `json:"refusedUntil"`
	// Displayed is false where such a record is in principle not displayed at
	// all; the dates then hold if it is, where necessary.
	Displayed bool            `json:"displayed"`
	Basis     []workday.Basis `json:"basis"`
}

// maxDetermined bounds a question: the chain caps at three years long before.
const maxDetermined = 100

// Estimate answers a question, or refuses it naming what is wrong: no date, an
// unknown route or tier, a date before the rule was in force.
func (l *Law) Estimate(q Question) (Estimate, error) {
	if len(q.Determined) == 0 || slices.ContainsFunc(q.Determined, workday.Date.IsZero) {
		return Estimate{}, fault.New(fault.Invalid, "credit.estimate.determined").With("determined", "credit.estimate.determined")
	}
	if len(q.Determined) > maxDetermined {
		return Estimate{}, fault.New(fault.Invalid, "credit.estimate.too_many", maxDetermined).With("determined", "credit.estimate.too_many", maxDetermined)
	}
	switch q.Route {
	case CNIPA:
		return l.estimateCNIPA(q)
	case ByTiers:
		return l.estimateTier(q)
	}
	return Estimate{}, fault.New(fault.Invalid, "credit.estimate.route").With("route", "credit.estimate.route")
}

func before(name string, d, from workday.Date) error {
	return fault.New(fault.Refused, "credit.estimate.before", d.String(), from.String()).
		With(name, "credit.estimate.before", d.String(), from.String())
}

func (l *Law) estimateCNIPA(q Question) (Estimate, error) {
	for _, d := range q.Determined {
		if _, ok := l.cnipa.on(d); !ok {
			return Estimate{}, before("determined", d, l.cnipa[0].From)
		}
	}
	runs := l.chain(q.Determined)
	end := runs[len(runs)-1]
	rule, _ := l.cnipa.on(end.on)
	e := Estimate{
		DisplayFrom:  end.start,
		DisplayUntil: end.last,
		RepairFrom:   l.repairable(end.on, rule.P.RepairAfter),
		Displayed:    true,
		Basis:        []workday.Basis{rule.Basis(), l.repairFrom.or(end.on).Basis()},
	}
	if len(runs) < len(q.Determined) {
		e.Basis = append(e.Basis, l.sameDay.or(end.on).Basis())
	}
	if !q.LastRepair.IsZero() {
		e.RefusedUntil = l.calendar.Last(q.LastRepair, rule.P.RefusedAfterRepair, workday.None)
	}
	return e, nil
}

func (l *Law) estimateTier(q Question) (Estimate, error) {
	on := workday.Max(q.Determined...)
	rule, ok := l.tiers.on(on)
	if !ok {
		return Estimate{}, before("determined", on, l.tiers[0].From)
	}
	term, ok := rule.P.of(q.Tier)
	if !ok {
		return Estimate{}, fault.New(fault.Invalid, "credit.estimate.tier").With("tier", "credit.estimate.tier")
	}
	return Estimate{
		DisplayFrom:  on,
		DisplayUntil: l.calendar.Last(on, term.Longest, workday.None),
		RepairFrom:   l.repairable(on, term.Shortest),
		Displayed:    term.Displayed,
		Basis:        []workday.Basis{rule.Basis(), l.repairFrom.or(on).Basis()},
	}, nil
}

// repairable is the first day of applying for repair once the period after the
// determination is complete. No period: the day of the determination itself.
func (l *Law) repairable(on workday.Date, p workday.Period) workday.Date {
	last := l.calendar.Last(on, p, workday.None)
	if p.N > 0 && l.repairFrom.or(on).P.DayAfter {
		return last.AddDays(1)
	}
	return last
}
