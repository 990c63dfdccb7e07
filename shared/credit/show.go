package credit

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Status is how a visible record stands.
type Status string

// The public states. What is repaired, withdrawn or past its end has none: it is
// not visible.
const (
	Disclosed Status = "disclosed"
	// Disputed: an objection is being checked (Henan art. 41).
	Disputed Status = "disputed"
	// OpenToChallenge: a penalty that can still be taken to review or court; it
	// is no dishonesty yet (Henan art. 20).
	OpenToChallenge Status = "open-to-challenge"
)

// Shown is a record as a stranger may see it. The JSON is the fixed interface;
// what pages need besides is not part of it.
type Shown struct {
	ID           string       `json:"id"`
	Act          string       `json:"act"`
	Tier         Tier         `json:"tier"`
	InstrumentNo string       `json:"instrumentNo"`
	Authority    string       `json:"authority"`
	Source       Source       `json:"source"`
	DeterminedOn workday.Date `json:"determinedOn"`
	DisplayFrom  workday.Date `json:"displayFrom"`
	// DisplayUntil is the last day, included; none where there is no end.
	DisplayUntil workday.Date `json:"displayUntil"`
	Status       Status       `json:"status"`
	// From is the credit code that the document names, where the subject with
	// that code was merged into the one asked for.
	From string `json:"namedCode,omitempty"`

	Kind Kind `json:"-"`
	// Adverse tells that the record speaks against the subject.
	Adverse bool `json:"-"`
	// Counts tells that it is dishonesty for the badge: adverse and final.
	Counts bool `json:"-"`
	// OpenUntil is the last day for review or suit, while the status says so;
	// none while a challenge is pending.
	OpenUntil workday.Date `json:"-"`
	Content   Content      `json:"-"`
	SourceURL string       `json:"-"`
	// CountFrom is the day from which a penalty's terms of display count before
	// the tiers: that of its publication, or the last on which it was due where
	// that was earlier, since nobody's delay lengthens a display.
	CountFrom workday.Date `json:"-"`
	// Applied are the rules that set the days and the state. Those that are
	// Labelled must be shown as such.
	Applied []ruleset.Rule `json:"-"`
}

// Show is Shipped().Show.
func Show(records []Record, at time.Time) (visible []Shown, next time.Time) {
	return shipped.Show(records, at)
}

// Show gives the records of one subject that a stranger may see at the instant
// at, latest first, and the next instant at which that answer changes by itself
// (zero if it never does). Last days are included: a record is gone at 00:00 in
// China of the day after. The order of records is irrelevant, and all of the
// subject's records must be given: determinations lengthen each other.
func (l *Law) Show(records []Record, at time.Time) (visible []Shown, next time.Time) {
	visible, next, events := l.show(records, at)
	// Without withdrawals and repairs to come, next is exact. With them, a
	// boundary may turn out to change nothing: look at each in turn.
	for len(events) > 0 {
		if next.IsZero() || events[0].Before(next) {
			next = events[0]
		}
		then, after, rest := l.show(records, next)
		if !slices.EqualFunc(visible, then, sameAnswer) {
			return visible, next
		}
		next, events = after, rest
	}
	return visible, next
}

func sameAnswer(a, b Shown) bool {
	return a.ID == b.ID && a.DisplayFrom == b.DisplayFrom && a.DisplayUntil == b.DisplayUntil &&
		a.Status == b.Status && a.Counts == b.Counts
}

// Dishonest counts what the badge counts: adverse records that are final.
// Licences and commendations never count.
func Dishonest(shown []Shown) int {
	n := 0
	for _, s := range shown {
		if s.Counts {
			n++
		}
	}
	return n
}

// show is Show without a look at future withdrawals and repairs, which it lists
// in order.
func (l *Law) show(records []Record, at time.Time) (visible []Shown, next time.Time, events []time.Time) {
	today := workday.DateOf(at)
	soonest := func(t time.Time) {
		if t.After(at) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	live := func(r *Record) bool {
		if r.Withdrawn != nil {
			if !r.Withdrawn.At.After(at) {
				return false
			}
			events = append(events, r.Withdrawn.At)
		}
		if r.Repaired != nil {
			start := r.Repaired.On.Start()
			if !start.After(at) {
				return false
			}
			events = append(events, start)
		}
		return true
	}

	var standing []*Record
	// By the subject that the document names: a merger alone lengthens nothing.
	var chained map[string][]workday.Date
	for i := range records {
		r := &records[i]
		if !live(r) {
			continue
		}
		standing = append(standing, r)
		if l.stacks(r) {
			if chained == nil {
				chained = map[string][]workday.Date{}
			}
			chain := l.chainOf(r)
			chained[chain] = append(chained[chain], r.DeterminedOn)
		}
	}
	runs := make(map[string][]run, len(chained))
	for chain, days := range chained {
		runs[chain] = l.chain(days)
	}
	for _, r := range standing {
		s, ok := l.term(r, runs[l.chainOf(r)])
		if !ok || !s.DisplayUntil.IsZero() && s.DisplayUntil.Before(s.DisplayFrom) {
			continue
		}
		switch {
		case today.Before(s.DisplayFrom):
			soonest(s.DisplayFrom.Start())
			continue
		case !s.DisplayUntil.IsZero() && today.After(s.DisplayUntil):
			continue
		}
		soonest(s.DisplayUntil.End())
		open := l.open(r, today, &s)
		if open {
			soonest(s.OpenUntil.End())
		}
		s.Counts = s.Adverse && !open && l.counts(r)
		switch {
		case r.Disputed:
			s.Status = Disputed
		case open:
			s.Status = OpenToChallenge
		}
		visible = append(visible, s)
	}
	slices.SortFunc(visible, func(a, b Shown) int {
		return cmp.Or(b.DeterminedOn.Compare(a.DeterminedOn), strings.Compare(a.ID, b.ID))
	})
	slices.SortFunc(events, time.Time.Compare)
	return visible, next, events
}

// chainOf names the chain that a determination stands in.
func (l *Law) chainOf(r *Record) string {
	if r.From == "" || l.merged.or(r.DeterminedOn).P.ChainTogether {
		return ""
	}
	return r.From
}

// term is the first and last day of a record's display, with the rules that set
// them. False means that it is never displayed. runs are the chain of
// determinations that the record stands in.
func (l *Law) term(r *Record, runs []run) (Shown, bool) {
	s := Shown{
		ID: r.ID, Act: r.Act, Tier: r.Tier, InstrumentNo: r.InstrumentNo, Authority: r.Authority, Source: r.Source,
		DeterminedOn: r.DeterminedOn, DisplayFrom: r.DeterminedOn, Status: Disclosed, From: r.From,
		Kind: r.Kind, Adverse: true, Content: r.Content, SourceURL: r.SourceURL,
	}
	if r.Unpublished != "" || r.Channel == Internal || r.DeterminedOn.IsZero() {
		return s, false
	}
	ok := true
	switch r.Kind {
	case Penalty:
		ok = l.penaltyTerm(r, &s)
	case Determination:
		ok = l.determinationTerm(r, runs, &s)
	case Judgment:
		l.judgmentTerm(r, &s)
	case Licence:
		s.Adverse = false
		c := r.Content.Licence
		if c == nil || c.Void {
			return s, false
		}
		if c.ValidUntil != Endless {
			s.DisplayUntil = c.ValidUntil
		}
		return s, true
	case Commendation:
		// Good-credit data may stay without end: Henan art. 19.
		s.Adverse = false
		return s, true
	default:
		return s, false
	}
	if !ok {
		return s, false
	}
	// The source's own end, and five years at most (Henan art. 19), for all that
	// speaks against a subject.
	s.end(r.SourceUntil)
	maximum := l.maximum.or(r.DeterminedOn)
	s.endBy(maximum.Rule, l.calendar.Last(r.DeterminedOn, maximum.P.Longest, workday.None))
	return s, true
}

// end brings the last day forward to d, never back. None says nothing.
func (s *Shown) end(d workday.Date) bool {
	if d.IsZero() || !s.DisplayUntil.IsZero() && !d.Before(s.DisplayUntil) {
		return false
	}
	s.DisplayUntil = d
	return true
}

// endBy is end with the rule that asks for it.
func (s *Shown) endBy(rule ruleset.Rule, d workday.Date) {
	if s.end(d) {
		s.Applied = append(s.Applied, rule)
	}
}

// penaltyTerm applies Order 45, Order 58 before 2026-04-01 and the tiers of
// Order 36 after it.
func (l *Law) penaltyTerm(r *Record, s *Shown) bool {
	c := r.Content.Penalty
	if c == nil {
		return false
	}
	rule := l.penalty.or(r.DeterminedOn)
	if within(c.Classes, rule.P.NeverAlone) {
		return false
	}
	// Order 45 counts from the start of display, which is ours only where we
	// publish our own.
	shown := workday.Max(r.DeterminedOn, r.PublishedOn)
	if r.PublishedOn.IsZero() && !r.CollectedAt.IsZero() {
		shown = workday.Max(r.DeterminedOn, workday.DateOf(r.CollectedAt))
	}
	// Whoever publishes later than the law allows, or loads old stock, does not
	// lengthen a display by it; and under the tiers every term counts from the
	// document's date.
	tiers, tiered := l.tiers.on(r.DeterminedOn)
	count := shown
	if tiered {
		count = r.DeterminedOn
	} else {
		republish := l.republish.or(r.DeterminedOn)
		if latest := l.calendar.Last(r.DeterminedOn, republish.P.Latest, workday.None); latest.Before(count) {
			count = latest
			s.Applied = append(s.Applied, republish.Rule)
		}
	}
	s.CountFrom = count
	if l.short(r, c, rule.P, s) {
		s.endBy(rule.Rule, l.calendar.Last(count, rule.P.Short, workday.None))
	} else {
		until := l.calendar.Last(count, rule.P.Long, workday.None)
		if meets(c.Classes, rule.P.BanClasses) {
			until = workday.Max(until, c.ValidUntil)
		}
		s.endBy(rule.Rule, until)
	}
	if longest, ok := l.longest58.on(r.DeterminedOn); ok {
		s.endBy(longest.Rule, l.calendar.Last(count, longest.P.Penalty, workday.None))
	}
	if !tiered {
		// Before the tiers, display begins with its publication.
		s.DisplayFrom = shown
		return s.Tier != Minor || r.ShowMinor != ""
	}
	if s.Tier == "" {
		classified := l.penaltyTier.or(r.DeterminedOn)
		s.Tier = classified.P.of(c)
		s.Applied = append(s.Applied, classified.Rule)
	}
	return l.tierTerm(r, s, tiers)
}

// tierTerm ends display at the longest term of the tier, counted from the
// document's date however late it was uploaded. The minor tier is not displayed
// unless somebody gave the reason why it must be.
func (l *Law) tierTerm(r *Record, s *Shown, tiers version[tierRule]) bool {
	term, ok := tiers.P.of(s.Tier)
	if !ok {
		return false
	}
	if !term.Displayed && r.ShowMinor == "" {
		return false
	}
	s.endBy(tiers.Rule, l.calendar.Last(r.DeterminedOn, term.Longest, workday.None))
	return true
}

// short tells whether Order 45 art. 13 gives the short term: notice of criticism
// or a lower fine and nothing heavier. A fine of unknown amount counts as lower:
// not knowing must not lengthen a display.
func (l *Law) short(r *Record, c *PenaltyContent, rule penaltyRule, s *Shown) bool {
	fine := l.classes.or(r.DeterminedOn).P.Fine
	fined := false
	for _, class := range c.Classes {
		switch {
		case slices.Contains(rule.ShortClasses, class):
		case class == fine && rule.ShortWithLowerFine:
			fined = true
		default:
			return false
		}
	}
	if !fined {
		return true
	}
	lower := l.lowerFine.or(r.DeterminedOn)
	s.Applied = append(s.Applied, lower.Rule)
	if r.NaturalPerson {
		return c.FineFen < lower.P.PersonBelowFen
	}
	return c.FineFen < lower.P.OrganizationBelowFen
}

// of is the heaviest tier among the classes of a penalty.
func (p penaltyTierRule) of(c *PenaltyContent) Tier {
	rank := map[Tier]int{Minor: 1, General: 2, Serious: 3}
	tier := Minor
	for _, class := range c.Classes {
		if t, ok := p.Classes[class]; ok && rank[t] > rank[tier] {
			tier = t
		}
	}
	if p.HugeFineFen > 0 && c.FineFen >= p.HugeFineFen {
		tier = Serious
	}
	return tier
}

// tiered tells whether a determination follows its tier and not the chain.
func (l *Law) tiered(r *Record) bool {
	rule, ok := l.tierInstead.on(r.DeterminedOn)
	return ok && rule.P.Applies && r.Tier != ""
}

// stacks tells whether a record is a determination that stands in a chain: one under
// 国知发保字〔2022〕8号 whose tier does not say otherwise.
func (l *Law) stacks(r *Record) bool {
	return r.Kind == Determination && r.Act != SeriousList && !r.DeterminedOn.IsZero() && !l.tiered(r)
}

func (l *Law) determinationTerm(r *Record, runs []run, s *Shown) bool {
	if r.Act == SeriousList {
		rule := l.list44.or(r.DeterminedOn)
		s.endBy(rule.Rule, l.calendar.Last(r.DeterminedOn, rule.P.Longest, workday.None))
		return true
	}
	if l.tiered(r) {
		tiers, ok := l.tiers.on(r.DeterminedOn)
		if !ok {
			return false
		}
		s.Applied = append(s.Applied, l.tierInstead.or(r.DeterminedOn).Rule)
		return l.tierTerm(r, s, tiers)
	}
	if r.Tier == Minor && r.ShowMinor == "" {
		return false
	}
	i, ok := slices.BinarySearchFunc(runs, r.DeterminedOn, func(a run, d workday.Date) int { return a.on.Compare(d) })
	if !ok {
		return false
	}
	s.endBy(l.cnipa.or(r.DeterminedOn).Rule, runs[i].last)
	if r.From != "" {
		s.Applied = append(s.Applied, l.merged.or(r.DeterminedOn).Rule)
	}
	return true
}

func (l *Law) judgmentTerm(r *Record, s *Shown) {
	rule := l.judgment.or(r.DeterminedOn)
	s.endBy(rule.Rule, l.calendar.Last(r.DeterminedOn, rule.P.Longest, workday.None))
	if c := r.Content.Judgment; c != nil {
		for _, words := range rule.P.Favourable {
			if strings.Contains(c.Result, words) {
				s.Adverse = false
			}
		}
	}
}

// open tells whether a penalty can still be taken to review or court, and sets
// the last day for it: the later of both windows, moved off rest days because
// whoever wants to challenge must act by then.
func (l *Law) open(r *Record, today workday.Date, s *Shown) bool {
	if r.Kind != Penalty {
		return false
	}
	rule := l.challenge.or(r.DeterminedOn)
	if !r.UpheldOn.IsZero() {
		s.OpenUntil = r.UpheldOn.AddDays(-1)
	} else if !r.ChallengedOn.IsZero() {
		s.Applied = append(s.Applied, rule.Rule)
		return true
	} else {
		s.OpenUntil = l.openUntil(r)
	}
	if today.After(s.OpenUntil) {
		s.OpenUntil = workday.Date{}
		return false
	}
	s.Applied = append(s.Applied, rule.Rule)
	return true
}

// openUntil is the last day of both windows.
func (l *Law) openUntil(r *Record) workday.Date {
	rule, from := l.challenge.or(r.DeterminedOn).P, workday.Max(r.DeterminedOn, r.ServedOn)
	return workday.Max(l.calendar.Last(from, rule.Review, workday.Duty), l.calendar.Last(from, rule.Suit, workday.Duty))
}

func (l *Law) counts(r *Record) bool {
	return slices.Contains(l.badge.or(r.DeterminedOn).P.Kinds, r.Kind)
}

// within tells whether all of a are in b; an empty a is not.
func within(a, b []string) bool {
	for _, s := range a {
		if !slices.Contains(b, s) {
			return false
		}
	}
	return len(a) > 0
}

// meets tells whether any of a is in b.
func meets(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
