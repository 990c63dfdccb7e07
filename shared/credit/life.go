package credit

import (
	"slices"
	"strings"
	"time"

	"ipcredit/shared/workday"
)

// Fate is how a record stands on the public pages of what speaks against
// subjects.
type Fate string

// The fates. A record that was never displayed, and one that is favourable, is
// Unseen: a stranger must not be able to tell it from one that does not exist.
const (
	Unseen    Fate = ""
	Displayed Fate = "displayed"
	// Over: its display ended by its day or by repair, or it is withheld now. The
	// three look alike to strangers.
	Over Fate = "over"
	// Annulled: it was displayed and then taken back with a reason.
	Annulled Fate = "annulled"
)

// Fate tells how one of a subject's records stands at the instant; all of the
// subject's records must be given, as for Show. The Shown is set where the record
// is displayed, and next is the next instant at which that can change by itself;
// the reason is a Withdrawal's.
func (l *Law) Fate(records []Record, id string, at time.Time) (f Fate, s Shown, next time.Time, reason string) {
	i := slices.IndexFunc(records, func(r Record) bool { return r.ID == id })
	if i < 0 {
		return Unseen, s, next, ""
	}
	visible, next := l.Show(records, at)
	for _, s := range visible {
		if s.ID == id && s.Adverse {
			return Displayed, s, next, ""
		}
	}
	r := records[i]
	if !l.wasShown(records, i, at) {
		return Unseen, s, next, ""
	}
	if r.Withdrawn != nil && !r.Withdrawn.At.After(at) {
		return Annulled, s, next, r.Withdrawn.Reason
	}
	return Over, s, next, ""
}

// wasShown tells whether the record, which is not displayed at the instant, was
// displayed before it.
func (l *Law) wasShown(records []Record, i int, at time.Time) bool {
	r, term, _, ok := l.displayable(records[i])
	if !ok {
		return false
	}
	first := workday.Max(term.DisplayFrom, r.PublishedOn)
	if first.After(workday.DateOf(at)) {
		return false
	}
	// What ended it on its very first day ended something that was there.
	if r.Repaired != nil && r.Repaired.On == first {
		r.Repaired = nil
	}
	if r.Withdrawn != nil && workday.DateOf(r.Withdrawn.At) == first {
		r.Withdrawn = nil
	}
	then := slices.Clone(records)
	then[i] = r
	visible, _, _ := l.show(then, first.Start())
	return slices.ContainsFunc(visible, func(s Shown) bool { return s.ID == r.ID && s.Adverse })
}

// displayable is the newest version of the record that may be displayed as
// speaking against its subject, with its term (that of a determination by itself);
// and, where it is not the record itself, because an officer withholds it now or a
// correction made it one that is not displayed, the day from which it is not.
// False if there is none.
func (l *Law) displayable(r Record) (newest Record, term Shown, until workday.Date, ok bool) {
	if term, ok = l.against(&r); ok {
		return r, term, until, true
	}
	for _, v := range slices.Backward(r.History) {
		old := v.Record
		if term, ok = l.against(&old); ok {
			old.Repaired, old.Withdrawn = r.Repaired, r.Withdrawn
			return old, term, workday.DateOf(v.ReplacedAt), true
		}
	}
	return r, term, until, false
}

// against is the term of a record that speaks against its subject, as if it were
// the only one; false if it is never displayed or favourable.
func (l *Law) against(r *Record) (Shown, bool) {
	if r.Kind == Licence || r.Kind == Commendation {
		return Shown{}, false
	}
	var alone []run
	if r.Kind == Determination {
		alone = []run{{on: r.DeterminedOn, start: r.DeterminedOn, last: workday.MaxDate}}
	}
	s, ok := l.term(r, alone)
	return s, ok && s.Adverse
}

// life is what lists need to know of a record that speaks against its subject:
// where it is listed and the days of its display. It orders and finds; what is
// shown is always decided by Show.
type life struct {
	id, act string
	agency  bool // of the trade of patent agencies whoever did it, see agencyWork
	from    workday.Date
	gone    workday.Date // the first day without it; none if nothing ends it
}

// lives are those of the records that may be displayed or were.
func (l *Law) lives(records []Record) []life {
	var list []life
	var chained map[string][]workday.Date
	for i := range records {
		r := &records[i]
		if l.stacks(r) && r.ended().IsZero() {
			if chained == nil {
				chained = map[string][]workday.Date{}
			}
			chain := l.chainOf(r)
			chained[chain] = append(chained[chain], r.DeterminedOn)
		}
	}
	for i := range records {
		newest, s, withheld, ok := l.displayable(records[i])
		if !ok {
			continue
		}
		r := &newest
		if r.Kind == Determination {
			days := chained[l.chainOf(r)]
			if !slices.Contains(days, r.DeterminedOn) {
				days = append(slices.Clone(days), r.DeterminedOn)
			}
			s, ok = l.term(r, l.chain(days))
		}
		if !ok || !s.DisplayUntil.IsZero() && s.DisplayUntil.Before(s.DisplayFrom) {
			continue
		}
		x := life{id: r.ID, act: r.Act, agency: r.agencyWork(), from: s.DisplayFrom, gone: workday.Min(r.ended(), withheld)}
		if !s.DisplayUntil.IsZero() {
			x.gone = workday.Min(x.gone, s.DisplayUntil.AddDays(1))
		}
		list = append(list, x)
	}
	return list
}

// agencyWork tells by the document that it is about the work of patent agencies:
// by its act, or by the regulation that a penalty rests on. It may be about an
// agent, or about somebody who is no agency.
func (r *Record) agencyWork() bool {
	c := r.Content.Penalty
	return r.Act == agencyAct || c != nil && strings.Contains(c.Basis, agencyLaw)
}

const (
	agencyAct = "DA3"
	agencyLaw = "专利代理" // 专利代理条例, 专利代理管理办法, 专利代理违法行为…
)

// ended is the first day without the record because of a repair or withdrawal;
// none without one.
func (r *Record) ended() workday.Date {
	var d workday.Date
	if r.Repaired != nil {
		d = r.Repaired.On
	}
	if r.Withdrawn != nil {
		d = workday.Min(d, workday.DateOf(r.Withdrawn.At))
	}
	return d
}

// rank places a record in a list by day, the ids of one day by themselves. Two
// ids share a place so seldom that a reader only has to look, see List.
func rank(d workday.Date, id string) float64 {
	n := int64(0)
	for i := range rankedLetters {
		n *= int64(len(idLetters))
		if i < len(id) {
			n += int64(max(0, strings.IndexByte(idLetters, id[i])))
		}
	}
	return float64((int64(d.Year())*10000+int64(d.Month())*100+int64(d.Day()))<<rankedBits + n)
}

const (
	idLetters     = "0123456789abcdefghjkmnpqrstvwxyz"
	rankedLetters = 5
	rankedBits    = 25 // of five letters; with eight digits of a day 50 bits, exact in a float64
)
