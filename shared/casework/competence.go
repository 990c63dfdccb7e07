package casework

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Measure is what a penalty does. The words are the catalogue's
// "casework.measure."+Measure.
type Measure string

// The measures.
const (
	Warning       Measure = "warning"
	Correct       Measure = "correct" // 责令改正、责令停止
	Fine          Measure = "fine"
	Confiscation  Measure = "confiscation"
	Suspension    Measure = "suspend-business" // 责令停止承接新业务
	Revocation    Measure = "revoke-licence"
	StopAccept    Measure = "stop-acceptance" // 停止受理
	Determination Measure = "determination"   // 失信认定: never ours
)

// Measures lists the measures in the order forms show them: all but
// Determination, which no form offers and Check refuses.
func Measures() []Measure {
	return []Measure{Warning, Correct, Fine, Confiscation, Suspension, Revocation, StopAccept}
}

// Penalty is a decision to punish.
type Penalty struct {
	Instrument string       `json:"instrument"` // document number
	On         workday.Date `json:"on"`
	Target     Target       `json:"target"`
	Measures   []Measure    `json:"measures"`
	FineFen    int64        `json:"fineFen,omitzero"`
	TakenFen   int64        `json:"takenFen,omitzero"` // confiscated
	// BaseFen is the illegal gain or turnover that the fine is measured by.
	BaseFen int64 `json:"baseFen,omitzero"`
	// Rule is the version of the competence table applied.
	Rule string `json:"rule,omitzero"`
}

// Level is how high a body stands.
type Level string

// The levels, from low to high. Never is above all: nobody of this system.
const (
	County   Level = "county"
	City     Level = "city"
	Province Level = "province"
	CNIPA    Level = "cnipa"
	Never    Level = "never"
)

func (l Level) rank() int { return slices.Index([]Level{County, City, Province, CNIPA, Never}, l) }

// LevelOf is the level of the body that decides a case of this unit on that day:
// the bureau's own, or the province's while an instrument of entrustment is in
// force.
func (c Case) LevelOf(on workday.Date) Level {
	if c.Entrusted.InForce(on) {
		return Province
	}
	if d, ok := staff.DistrictOf(c.Unit); ok && d.Level == "city" {
		return City
	}
	return County
}

// power is one line of the table: who may do this to whom, and how much.
type power struct {
	Name     string    `json:"name"`
	Targets  []Target  `json:"targets"` // none: any
	Measures []Measure `json:"measures"`
	Level    Level     `json:"level"` // the lowest that may
	MinFen   int64     `json:"minFen"`
	MaxFen   int64     `json:"maxFen"`
	// Times and TimesMin measure the fine by the gain; below BelowFen, and without
	// one, WithoutBaseFen is the most.
	TimesMin       int64  `json:"timesMin"`
	Times          int64  `json:"times"`
	BelowFen       int64  `json:"belowFen"`
	WithoutBaseFen int64  `json:"withoutBaseFen"`
	Source         string `json:"source"`
	Article        string `json:"article"`
}

type powers struct {
	Entries []power `json:"entries"`
}

// Check refuses a penalty that a body of this level may not impose (domain
// reference 0.4): the measure is another body's, no provision gives it for this
// target, or the fine is outside what the provision allows. It returns p with its
// document number in its one form and the rule version applied. The sentence
// names the provision.
func (p Penalty) Check(set ruleset.Set, by Level) (Penalty, error) {
	wrong := fault.New(fault.Invalid, "casework.form")
	no, err := ident.ParseDocNo(p.Instrument)
	if f, ok := fault.Of(err); ok {
		wrong.With("instrument", f.Code, f.Args...)
	} else {
		p.Instrument = no.String()
	}
	if !slices.Contains(Targets(), p.Target) {
		wrong.With("target", "casework.target")
	}
	if len(p.Measures) == 0 {
		wrong.With("measures", "casework.measure.none")
	}
	if p.FineFen < 0 || p.TakenFen < 0 || p.BaseFen < 0 {
		wrong.With("fine", "casework.money")
	}
	if slices.Contains(p.Measures, Fine) != (p.FineFen > 0) {
		wrong.With("fine", "casework.fine")
	}
	if slices.Contains(p.Measures, Confiscation) != (p.TakenFen > 0) {
		wrong.With("taken", "casework.taken")
	}
	if p.On.IsZero() {
		wrong.With("on", "casework.day")
	}
	if len(wrong.Fields) > 0 {
		return p, wrong
	}
	rule, table, err := ruleset.Of[powers](set, "casework-competence", p.On)
	if err != nil {
		return p, err
	}
	p.Rule = rule.Ref()
	for _, m := range p.Measures {
		power, ok := table.of(p.Target, m)
		switch {
		case !ok:
			return p, fault.New(fault.Refused, "casework.competence.none").With("measures", "casework.competence.none")
		case power.Level.rank() > by.rank():
			code := "casework.competence." + string(power.Level)
			return p, fault.New(fault.Refused, code, power.Source, power.Article).With("measures", code, power.Source, power.Article)
		case m == Fine:
			least, most := power.bounds(p.BaseFen)
			if p.FineFen < least || most >= 0 && p.FineFen > most {
				args := []any{power.Source, power.Article, yuan(least), yuan(most)}
				return p, fault.New(fault.Refused, "casework.competence.fine", args...).With("fine", "casework.competence.fine", args...)
			}
		}
	}
	return p, nil
}

// of is the line for a measure against a target: one that names the target before
// one for any.
func (t powers) of(target Target, m Measure) (power, bool) {
	for _, named := range []bool{true, false} {
		for _, e := range t.Entries {
			if slices.Contains(e.Measures, m) && (len(e.Targets) > 0) == named && (!named || slices.Contains(e.Targets, target)) {
				return e, true
			}
		}
	}
	return power{}, false
}

// bounds are the least and the most a fine may be, given what it is measured by;
// most is negative where there is no maximum.
func (e power) bounds(base int64) (least, most int64) {
	least, most = e.MinFen, -1
	if e.MaxFen > 0 {
		most = e.MaxFen
	}
	if e.Times == 0 {
		return least, most
	}
	if base == 0 || base < e.BelowFen {
		return least, e.WithoutBaseFen
	}
	least = max(least, times(base, e.TimesMin))
	if by := times(base, e.Times); most < 0 || by < most {
		most = by
	}
	return least, most
}

// times multiplies, stopping at the largest number.
func times(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}

// yuan writes fen as yuan; "—" where there is no bound.
func yuan(fen int64) string {
	switch {
	case fen < 0:
		return "—"
	case fen%100 == 0:
		return strconv.FormatInt(fen/100, 10)
	}
	return fmt.Sprintf("%d.%02d", fen/100, fen%100)
}
