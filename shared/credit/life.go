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
// displayed before it, by any of its versions while that stood: a correction can
// end a display, also on a day before it began, and does not undo that it was.
func (l *Law) wasShown(records []Record, i int, at time.Time) bool {
	today := workday.DateOf(at)
	return slices.ContainsFunc(l.stints(records[i]), func(x stint) bool {
		return !x.first.After(today) && l.shownOn(records, i, x.record, x.first)
	})
}

// shownOn tells whether the version r of the record is displayed on the first day of
// its display.
func (l *Law) shownOn(records []Record, i int, r Record, first workday.Date) bool {
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

// stint is a version of a record that may be displayed as speaking against its
// subject, while that version stood.
type stint struct {
	record Record
	term   Shown // of a determination by itself
	// first is the first day on which it can have been displayed.
	first workday.Date
	// until is the day on which another version took its place; none of the newest.
	until workday.Date
}

// stints are those of the record's versions that may be displayed, or could while
// they stood; the newest first.
func (l *Law) stints(r Record) []stint {
	var list []stint
	add := func(v Record, began, until workday.Date) {
		v.Repaired, v.Withdrawn, v.From = r.Repaired, r.Withdrawn, r.From
		term, ok := l.against(&v)
		first := workday.Max(workday.Max(term.DisplayFrom, v.PublishedOn), began)
		if ok && (until.IsZero() || !first.After(until)) {
			list = append(list, stint{v, term, first, until})
		}
	}
	var until workday.Date
	for i, v := range slices.Backward(r.History) {
		replaced, newer := workday.DateOf(v.ReplacedAt), r
		if i+1 < len(r.History) {
			newer = r.History[i+1].Record
		}
		add(newer, replaced, until)
		until = replaced
	}
	oldest := r
	if len(r.History) > 0 {
		oldest = r.History[0].Record
	}
	add(oldest, workday.Date{}, until)
	return list
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
	// corrected tells that another version ended it, which is not displayed.
	corrected bool
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
		var first life
		for _, v := range l.spans(records[i]) {
			x, ok := l.lifeOf(v, chained[l.chainOf(&v.record)])
			if !ok {
				continue
			}
			if first.id == "" {
				first = x
			}
			// One that ended before it could be displayed ended nothing: the display
			// that there was is an older version's.
			if x.gone.IsZero() || !x.gone.Before(v.first) {
				first = x
				break
			}
		}
		if first.id != "" {
			list = append(list, first)
		}
	}
	return list
}

// spans are the record's stints; where it has none, the newest version that may be
// displayed, though it never was.
func (l *Law) spans(r Record) []stint {
	if list := l.stints(r); len(list) > 0 {
		return list
	}
	newest, term, until, ok := l.displayable(r)
	if !ok {
		return nil
	}
	return []stint{{newest, term, workday.Max(term.DisplayFrom, newest.PublishedOn), until}}
}

// lifeOf is the life of a version; days are the determinations of its chain. False
// if it has none.
func (l *Law) lifeOf(v stint, days []workday.Date) (life, bool) {
	r, s, ok := &v.record, v.term, true
	if r.Kind == Determination {
		if !slices.Contains(days, r.DeterminedOn) {
			days = append(slices.Clone(days), r.DeterminedOn)
		}
		s, ok = l.term(r, l.chain(days))
	}
	if !ok || !s.DisplayUntil.IsZero() && s.DisplayUntil.Before(s.DisplayFrom) {
		return life{}, false
	}
	x := life{id: r.ID, act: r.Act, agency: r.agencyWork(), from: s.DisplayFrom, gone: workday.Min(r.ended(), v.until)}
	if !s.DisplayUntil.IsZero() {
		x.gone = workday.Min(x.gone, s.DisplayUntil.AddDays(1))
	}
	x.corrected = !v.until.IsZero() && x.gone == v.until
	return x, true
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
