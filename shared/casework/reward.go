package casework

import (
	"ipcredit/shared/fault"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Claimant is who a reporter is, as far as it decides on a reward. The words are
// the catalogue's "casework.claimant."+Claimant.
type Claimant string

// The claimants. Only a natural person without another part in the matter can be
// rewarded; an insider can although he took part.
const (
	Natural      Claimant = "natural"
	Organisation Claimant = "organisation"
	Official     Claimant = "official"   // the regulator's staff, and who has a duty to report
	Injured      Claimant = "injured"    // the infringed party and its agents
	Wrongdoer    Claimant = "wrongdoer"  //
	Insider      Claimant = "insider"    // 内部举报人
	Paid         Claimant = "paid"       // by another market entity
	Fraudulent   Claimant = "fraudulent" // a tip-off made up for the reward
)

// Claimants lists the claimants in the order forms show them.
func Claimants() []Claimant {
	return []Claimant{Natural, Insider, Organisation, Official, Injured, Wrongdoer, Paid, Fraudulent}
}

// Claim is what a reward is assessed by. It names nobody.
type Claim struct {
	Claimant Claimant
	// Major: a major illegal act in the sense of the rules (重大违法行为).
	Major bool
	// Definite: a definite object and facts, with key evidence.
	Definite bool
	// New: not already known to the regulator.
	New bool
	// Led: it led to a penalty or to prosecution.
	Led bool
	// Grade is 1 (一级) to 3 (三级).
	Grade int
	// SumFen is fines and confiscation together; 0 without either.
	SumFen int64
	// On is the day of the decision that it led to.
	On workday.Date
}

// Reward is an assessment: “may meet the conditions, subject to the decision”,
// never a promise.
type Reward struct {
	// Eligible says that nothing known speaks against it; Why lists what does, as
	// catalogue keys "casework.reward.why."+….
	Eligible bool
	Why      []string
	// ShareFen is the percentage of the sum, rounded down; AmountFen what comes of
	// it between floor and cap. 0 where not eligible.
	Percent            int64
	ShareFen, FloorFen int64
	AmountFen          int64
	Floored, Capped    bool
	// Joint says that it is fixed jointly with the finance department.
	Joint bool
	// More says that an insider may get more, with the finance department's consent.
	More bool
	// Told is the last day for telling the reporter, of a rule to be checked.
	Told workday.Date
	Rule ruleset.Rule
}

type rewardTerms struct {
	Grades []struct {
		Grade    int   `json:"grade"`
		Percent  int64 `json:"percent"`
		FloorFen int64 `json:"floorFen"`
	} `json:"grades"`
	CapFen   int64 `json:"capFen"`
	JointFen int64 `json:"jointFen"`
}

// Assess computes a reward (domain reference E.3, M.15). Money is in fen.
func (c Claim) Assess(rules Rules) (Reward, error) {
	rules = rules.Filled()
	rule, terms, err := ruleset.Of[rewardTerms](rules.Set, "casework-reward", c.On)
	if err != nil {
		return Reward{}, fault.New(fault.Invalid, "casework.form").With("on", "casework.reward.day").Because(err)
	}
	r := Reward{Rule: rule}
	at := -1
	for n, g := range terms.Grades {
		if g.Grade == c.Grade {
			at = n
		}
	}
	switch {
	case at < 0:
		return r, fault.New(fault.Invalid, "casework.form").With("grade", "casework.reward.grade")
	case c.SumFen < 0:
		return r, fault.New(fault.Invalid, "casework.form").With("sum", "casework.money")
	}
	no := func(wrong bool, why string) {
		if wrong {
			r.Why = append(r.Why, why)
		}
	}
	no(c.Claimant != Natural && c.Claimant != Insider, string(c.Claimant))
	no(!c.Major, "not-major")
	no(!c.Definite, "not-definite")
	no(!c.New, "known")
	no(!c.Led, "led-to-nothing")
	if r.Eligible = len(r.Why) == 0; !r.Eligible {
		return r, nil
	}
	g := terms.Grades[at]
	r.Percent, r.FloorFen, r.More = g.Percent, g.FloorFen, c.Claimant == Insider
	// In two parts, so that no sum is too large.
	r.ShareFen = times(c.SumFen/100, g.Percent) + c.SumFen%100*g.Percent/100
	r.AmountFen = r.ShareFen
	if r.AmountFen < g.FloorFen {
		r.AmountFen, r.Floored = g.FloorFen, true
	}
	if r.AmountFen > terms.CapFen {
		r.AmountFen, r.Capped = terms.CapFen, true
	}
	r.Joint = r.AmountFen >= terms.JointFen
	if _, p, err := ruleset.Of[struct{ Told workday.Period }](rules.Set, "casework-reward-time", c.On); err == nil {
		r.Told = rules.Calendar.Last(c.On, p.Told, workday.Duty)
	}
	return r, nil
}
