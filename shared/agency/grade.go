package agency

import (
	"fmt"
	"strconv"
	"strings"

	"ipcredit/shared/fault"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Points are points of the integrity evaluation, exact to a millionth: a score
// is never rounded before it is compared (79.99 is no B, however it prints).
type Points int64

const (
	pointDecimals = 6
	onePoint      = 1_000_000
	maxPoints     = 1_000_000 * onePoint
)

// ParsePoints reads points that are not negative: digits with at most six
// decimals.
func ParsePoints(s string) (Points, error) {
	whole, part, point := strings.Cut(s, ".")
	if !plain(whole) || point && !plain(part) {
		return 0, fault.New(fault.Invalid, "agency.points_form")
	}
	part = strings.TrimRight(part, "0")
	if len(part) > pointDecimals {
		return 0, fault.New(fault.Invalid, "agency.points_decimals", pointDecimals)
	}
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > 7 {
		return 0, fault.New(fault.Invalid, "agency.points_range")
	}
	n, _ := strconv.ParseInt("0"+whole, 10, 64)
	f, _ := strconv.ParseInt((part + "000000")[:pointDecimals], 10, 64)
	if p := Points(n*onePoint + f); p <= maxPoints {
		return p, nil
	}
	return 0, fault.New(fault.Invalid, "agency.points_range")
}

func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// String is the exact decimal without trailing zeros.
func (p Points) String() string {
	sign := ""
	if p < 0 {
		sign, p = "-", -p
	}
	s := strconv.FormatInt(int64(p)/onePoint, 10)
	if f := int64(p) % onePoint; f != 0 {
		s += "." + strings.TrimRight(strconv.FormatInt(onePoint+f, 10)[1:], "0")
	}
	return sign + s
}

// MarshalJSON writes a JSON number, exactly.
func (p Points) MarshalJSON() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalJSON reads a JSON number or a string.
func (p *Points) UnmarshalJSON(b []byte) error {
	q, err := ParsePoints(strings.Trim(string(b), `"`))
	if err != nil {
		return err
	}
	*p = q
	return nil
}

// Rating is a score with its grade and the arithmetic that gives it.
type Rating struct {
	Score Points `json:"score"`
	Grade string `json:"grade"`
	// Arithmetic is the whole calculation: "100 − 40 + min(14, 10) = 70".
	Arithmetic string          `json:"arithmetic"`
	Basis      []workday.Basis `json:"basis"`
}

// scale is the rule of grades on a day.
type scale struct {
	Base     string `json:"base"`
	BonusMax string `json:"bonusMax"`
	Floor    string `json:"floor"`
	Grades   []struct {
		Grade string `json:"grade"`
		From  string `json:"from"`  // lowest score of the grade
		Above string `json:"above"` // or: every score above this
	} `json:"grades"`
}

// Rate gives the grade of an agency under the rules in force on a day: the base
// of 100 points less the deductions plus the bonus, which counts up to 10; not
// below 0. It refuses a day before the rule was in force.
func Rate(set ruleset.Set, on workday.Date, deductions, bonus Points) (Rating, error) {
	rule, ok := set.For("agency-grade", on)
	if !ok {
		return Rating{}, fault.New(fault.Refused, "agency.no_rule", on.String(), since(set))
	}
	s, err := ruleset.Params[scale](rule)
	if err != nil {
		return Rating{}, err
	}
	base, err1 := ParsePoints(s.Base)
	most, err2 := ParsePoints(s.BonusMax)
	floor, err3 := ParsePoints(s.Floor)
	if err1 != nil || err2 != nil || err3 != nil {
		return Rating{}, fmt.Errorf("agency: points in %s", rule.Ref())
	}
	r := Rating{Basis: []workday.Basis{rule.Basis()}}
	counted, shown := bonus, bonus.String()
	if bonus > most {
		counted, shown = most, fmt.Sprintf("min(%s, %s)", bonus, most)
	}
	if only, ok := set.For("agency-bonus", on); ok {
		p, err := ruleset.Params[struct {
			BonusOnlyForA bool `json:"bonusOnlyForA"`
		}](only)
		if err != nil {
			return Rating{}, err
		}
		if bonus > 0 {
			r.Basis = append(r.Basis, only.Basis())
		}
		if grade, err := s.grade(base - deductions); err != nil {
			return Rating{}, err
		} else if p.BonusOnlyForA && grade != "A" {
			counted, shown = 0, "0"
		}
	}
	r.Score = base - deductions + counted
	r.Arithmetic = fmt.Sprintf("%s − %s + %s = %s", base, deductions, shown, max(r.Score, floor))
	if r.Score < floor {
		r.Arithmetic = fmt.Sprintf("max(%s, %s − %s + %s) = %s", floor, base, deductions, shown, floor)
		r.Score = floor
	}
	r.Grade, err = s.grade(r.Score)
	return r, err
}

// since is the first day on which a rule of grades was in force.
func since(set ruleset.Set) string {
	for _, r := range set.All() { // by first day
		if r.ID == "agency-grade" {
			return r.From.String()
		}
	}
	return "—"
}

func (s scale) grade(score Points) (string, error) {
	for _, g := range s.Grades {
		limit := g.From
		if g.Above != "" {
			limit = g.Above
		}
		at, err := ParsePoints(limit)
		if err != nil {
			return "", fmt.Errorf("agency: limit of grade %s: %w", g.Grade, err)
		}
		if score > at || g.Above == "" && score == at {
			return g.Grade, nil
		}
	}
	if len(s.Grades) == 0 {
		return "", fmt.Errorf("agency: a scale without grades")
	}
	return s.Grades[len(s.Grades)-1].Grade, nil
}

// Deduction is what one finding costs, from the day it was entered.
type Deduction struct {
	Points Points       `json:"points"`
	On     workday.Date `json:"on"`
}

// Counting adds up the deductions that still count on a day: each counts for its
// period from entry, last day included, and then no longer (rolling, not by
// calendar year). Deductions are never removed, only left out.
func Counting(set ruleset.Set, deductions []Deduction, day workday.Date) (Points, error) {
	var sum Points
	for _, d := range deductions {
		rule, ok := set.For("agency-deduction-period", d.On)
		if !ok || day.Before(d.On) {
			continue
		}
		p, err := ruleset.Params[struct {
			Period workday.Period `json:"period"`
		}](rule)
		if err != nil {
			return 0, err
		}
		if !day.After(workday.Official().Last(d.On, p.Period, workday.None)) {
			sum += d.Points
		}
	}
	return sum, nil
}
