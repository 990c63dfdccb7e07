package function

import (
	"net/http"
	"strconv"

	"ipcredit/shared/casework"
	"ipcredit/shared/fault"
	"ipcredit/shared/fn"
	"ipcredit/shared/page"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// rewardPageData asks what a reward depends on and says what may come of it. It
// knows nobody: who reported stays sealed.
type rewardPageData struct {
	base
	Line      caseLine
	Claimants []option
	Grades    []option
	Checks    []option
	Reward    *casework.Reward
	Why       []string
}

// rewardChecks are the conditions, each a box to tick.
var rewardChecks = []string{"major", "definite", "new", "led"}

// rewardPage computes a reward (举报奖励): a calculation that is stored nowhere.
func (d *desk) rewardPage(w http.ResponseWriter, r *http.Request, a staff.Actor) error {
	no, err := caseNumber(r)
	if err != nil {
		return err
	}
	f, err := d.cases.Get(r.Context(), a, no, d.env.Now())
	if err != nil {
		return err
	}
	if !f.MayOpen {
		return fault.New(fault.Forbidden, "staff.can.role")
	}
	x, err := d.newLines(r)
	if err != nil {
		return err
	}
	lang, q := fn.Lang(r), r.URL.Query()
	p := rewardPageData{
		base: d.casesBase(r, a), Line: x.of(f.Row), Claimants: options(lang, "casework.claimant.", casework.Claimants()),
		Grades: options(lang, "cases.grade.", []string{"1", "2", "3"}), Checks: options(lang, "cases.reward.check.", rewardChecks),
	}
	if !q.Has("claimant") {
		// What the case knows already.
		q.Set("on", d.today().String())
		if pen := f.Case.Penalty; pen != nil {
			q.Set("sum", yuan(pen.FineFen+pen.TakenFen))
			q.Set("on", pen.On.String())
			q.Add("checks", "led")
		}
		p.Form = page.NewForm(q)
		return d.pages.Show(w, r, http.StatusOK, "case-reward", p)
	}
	p.Form = page.NewForm(q)
	status := http.StatusOK
	claim := casework.Claim{Claimant: casework.Claimant(q.Get("claimant"))}
	for _, c := range q["checks"] {
		claim.Major = claim.Major || c == "major"
		claim.Definite = claim.Definite || c == "definite"
		claim.New = claim.New || c == "new"
		claim.Led = claim.Led || c == "led"
	}
	claim.Grade, _ = strconv.Atoi(q.Get("grade"))
	got, err := d.assess(r, claim)
	if refusal, ok := fault.Of(err); ok {
		p.Form.Refuse(lang, refusal)
		status = fn.Status(refusal.Kind)
	} else if err != nil {
		return err
	} else {
		p.Reward = &got
		for _, why := range got.Why {
			p.Why = append(p.Why, page.Say(lang, "casework.reward.why."+why))
		}
	}
	return d.pages.Show(w, r, status, "case-reward", p)
}

func (d *desk) assess(r *http.Request, claim casework.Claim) (casework.Reward, error) {
	q := r.URL.Query()
	var err error
	if claim.SumFen, err = fen(fieldText(q, "sum")); err != nil {
		return casework.Reward{}, fault.New(fault.Invalid, "cases.money").With("sum", "cases.money")
	}
	if claim.On, err = date(q, "on"); err != nil {
		return casework.Reward{}, err
	}
	if claim.On.IsZero() {
		claim.On = workday.DateOf(d.env.Now())
	}
	rules, err := d.cases.Rules(r.Context())
	if err != nil {
		return casework.Reward{}, err
	}
	return claim.Assess(rules)
}

// yuan writes fen as a form takes it.
func yuan(fen int64) string {
	s := strconv.FormatInt(fen/100, 10)
	if rest := fen % 100; rest != 0 {
		s += "." + strconv.FormatInt(rest/10, 10) + strconv.FormatInt(rest%10, 10)
	}
	return s
}
