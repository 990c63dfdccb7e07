package clock

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Kept is what the index holds of one record.
type Kept struct {
	// Ref names the record: "tip-off:<no>", "case:<id>", "application:<no>", …. What
	// comes before the colon has the word "clock.matter."+it, what comes after is
	// the number that people know it by.
	Ref string
	// Unit is the label of the unit that handles it (staff.UnitLabels) or the id of
	// an organisation; Division is where it belongs.
	Unit     string
	Division string
	// Owners are the users who handle it.
	Owners []string
	// Matter is the package that words the clocks: its catalogue's
	// "<matter>.clock.<name>".
	Matter string
	// Link is a path of this site, beginning with the function's name, that leads
	// to the record; "" where there is none.
	Link string
	// Clocks are those of the record; ones that are done are not kept.
	Clocks []Clock
	// Calendar is the version of the calendar that they were computed with
	// (workday.Calendar.Version), "" where the matter does not say.
	Calendar string
	// Acts are the levels that were acted on, oldest first: read, never kept. They
	// stay known after the clock is done, see Store.Acts.
	Acts []Act
}

// Act is one level of one clock that was acted on.
type Act struct {
	Clock string       `json:"clock"`
	From  workday.Date `json:"from"` // of the clock
	Due   workday.Date `json:"due"`  // as it stood
	Level Level        `json:"level"`
	On    workday.Date `json:"on"`
}

// Number is what people know the record by.
func (k Kept) Number() string {
	_, no, _ := strings.Cut(k.Ref, ":")
	return no
}

// Kind is what sort of record it is: the first part of Ref.
func (k Kept) Kind() string {
	kind, _, _ := strings.Cut(k.Ref, ":")
	return kind
}

// Next is the clock that ends first; false where none runs.
func (k Kept) Next() (Clock, bool) { return Next(k.Clocks) }

// At is k with its clocks computed anew under a calendar, as of a day. Clocks that
// were not made by a Timer stay as they are.
func (k Kept) At(cal workday.Calendar, today workday.Date) Kept {
	k.Clocks = slices.Clone(k.Clocks)
	for i, c := range k.Clocks {
		if c.Timer != nil {
			k.Clocks[i] = c.Timer.Clock(cal, today)
		}
	}
	k.Calendar = cal.Version()
	return k
}

// running is k without the clocks that are done.
func (k Kept) running() Kept {
	k.Clocks = slices.DeleteFunc(slices.Clone(k.Clocks), func(c Clock) bool { return !c.Running() })
	return k
}

// told is the highest level of the clock that was acted on as the clock now
// stands: what was done before its last day moved away counts no more.
func (k Kept) told(c Clock, days []workday.Date) Level {
	told := Quiet
	for _, a := range k.Acts {
		if a.Clock != c.Name || a.From != c.From || !a.Level.Over(told) {
			continue
		}
		if n := a.Level.rank(); n > 0 && n <= len(days) && !a.On.Before(days[n-1]) {
			told = a.Level
		}
	}
	return told
}

// due are the levels to act on today, one for each clock at most, and the first
// day after which there is more to do; none where there never will be. A level
// that was passed while nobody looked is not acted on by itself: the higher one
// tells everybody whom it would have told.
func (k Kept) due(set ruleset.Set, cal workday.Calendar, today workday.Date) (acts []Act, next workday.Date, err error) {
	for _, c := range k.Clocks {
		days, err := c.days(set, cal)
		if err != nil {
			return nil, workday.Date{}, err
		}
		level, later := c.level(days, today)
		if level.Over(k.told(c, days)) {
			acts = append(acts, Act{Clock: c.Name, From: c.From, Due: c.Due, Level: level, On: today})
		}
		next = workday.Min(next, later)
	}
	return acts, next, nil
}

// pending is the first day of a level that was not acted on; none where there is
// none. It is the day on which due has something to say.
func (k Kept) pending(set ruleset.Set) (next workday.Date, err error) {
	for _, c := range k.Clocks {
		if c.Paused {
			continue
		}
		days, err := c.days(set, c.calendar())
		if err != nil {
			return workday.Date{}, err
		}
		if n := k.told(c, days).rank(); n < len(days) {
			next = workday.Min(next, days[n])
		}
	}
	return next, nil
}

// stored is Kept as the index writes it: with what is needed to compute its clocks
// anew.
type stored struct {
	Ref      string        `json:"ref"`
	Unit     string        `json:"unit"`
	Division string        `json:"division,omitzero"`
	Owners   []string      `json:"owners,omitempty"`
	Matter   string        `json:"matter,omitzero"`
	Link     string        `json:"link,omitzero"`
	Calendar string        `json:"calendar,omitzero"`
	Clocks   []storedClock `json:"clocks"`
}

// storedClock is a Clock that runs. Its provision stands in the rule that it
// names, and here only where the rule is not known.
type storedClock struct {
	Name        string         `json:"name"`
	From        workday.Date   `json:"from"`
	Due         workday.Date   `json:"due"`
	Provisional bool           `json:"provisional,omitzero"`
	Extended    bool           `json:"extended,omitzero"`
	Paused      bool           `json:"paused,omitzero"`
	Rule        string         `json:"rule"`
	Labelled    bool           `json:"labelled,omitzero"`
	Basis       *workday.Basis `json:"basis,omitempty"`
	Timer       *storedTimer   `json:"timer,omitempty"`
}

// storedTimer is what of a Timer its Clock does not say.
type storedTimer struct {
	Period    *workday.Period `json:"period,omitempty"`
	Roll      workday.Roll    `json:"roll,omitzero"`
	Extension *workday.Period `json:"extension,omitempty"`
	Until     workday.Date    `json:"until,omitzero"`
	Pauses    []Pause         `json:"pauses,omitempty"`
}

func (k Kept) encode(rules ruleset.Set) (string, error) {
	out := stored{
		Ref: k.Ref, Unit: k.Unit, Division: k.Division, Owners: k.Owners, Matter: k.Matter, Link: k.Link,
		Calendar: k.Calendar, Clocks: []storedClock{},
	}
	for _, c := range k.Clocks {
		x := storedClock{
			Name: c.Name, From: c.From, Due: c.Due, Provisional: c.Provisional, Extended: c.Extended, Paused: c.Paused,
			Rule: c.Rule, Labelled: c.Labelled,
		}
		if r, ok := rules.Ref(c.Rule); !ok || r.Basis() != c.Basis {
			x.Basis = &c.Basis
		}
		if t := c.Timer; t != nil {
			x.Timer = &storedTimer{Period: period(t.Period), Roll: t.Roll, Extension: period(t.Extension), Until: t.Until, Pauses: t.Pauses}
		}
		out.Clocks = append(out.Clocks, x)
	}
	text, err := json.Marshal(out)
	if err != nil {
		return "", fmt.Errorf("clock: %w", err)
	}
	return string(text), nil
}

func decode(text string, rules ruleset.Set) (Kept, error) {
	var in stored
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		return Kept{}, fmt.Errorf("clock: reading the index: %w", err)
	}
	k := Kept{
		Ref: in.Ref, Unit: in.Unit, Division: in.Division, Owners: in.Owners, Matter: in.Matter, Link: in.Link,
		Calendar: in.Calendar,
	}
	for _, x := range in.Clocks {
		c := Clock{
			Name: x.Name, From: x.From, Due: x.Due, Provisional: x.Provisional, Extended: x.Extended, Paused: x.Paused,
			Rule: x.Rule, Labelled: x.Labelled,
		}
		rule := x.rule(rules)
		c.Basis = rule.Basis()
		if t := x.Timer; t != nil {
			c.Timer = &Timer{
				Name: c.Name, From: c.From, Period: none(t.Period), Roll: t.Roll, Rule: rule,
				Extension: none(t.Extension), Extended: c.Extended, Until: t.Until, Pauses: t.Pauses,
			}
		}
		k.Clocks = append(k.Clocks, c)
	}
	return k, nil
}

// rule is the rule version of a clock: the known one, or as much of it as the
// clock tells.
func (x storedClock) rule(rules ruleset.Set) ruleset.Rule {
	if x.Basis == nil {
		if r, ok := rules.Ref(x.Rule); ok {
			return r
		}
		x.Basis = &workday.Basis{}
	}
	id, from, _ := strings.Cut(x.Rule, "@")
	first, err := workday.ParseDate(from)
	if err != nil {
		first = workday.Date{} // no rule at all: an instrument's own day
	}
	return ruleset.Rule{ID: id, From: first, Source: x.Basis.Source, Article: x.Basis.Article, Confidence: ruleset.Confidence(x.Basis.Confidence)}
}

func period(p workday.Period) *workday.Period {
	if p.IsZero() {
		return nil
	}
	return &p
}

func none(p *workday.Period) workday.Period {
	if p == nil {
		return workday.Period{}
	}
	return *p
}
