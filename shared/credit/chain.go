package credit

import (
	"slices"

	"ipcredit/shared/workday"
)

// run is the stretch of management and display that one day's determinations
// bring: from that day through last, both included.
type run struct {
	on    workday.Date // the day of the determinations
	start workday.Date // the first day of the chain they stand in
	last  workday.Date
}

// chain gives each day of determinations its last day under 国知发保字〔2022〕8号:
// one year; while a year is running, the next one begins after its end; at most
// three years from the first day of the chain. A determination on the last day
// still joins the chain. Several determinations of one day run one after the
// other, and none of them can be said to end before the others.
//
// days may have any order and repeat; the result is by day, each once. What a
// later day adds does not lengthen an earlier one.
func (l *Law) chain(days []workday.Date) []run {
	sorted := slices.Clone(days)
	slices.SortFunc(sorted, workday.Date.Compare)
	var runs []run
	var start, last workday.Date
	for _, d := range sorted {
		rule := l.cnipa.or(d).P
		if start.IsZero() || d.After(last) {
			start, last = d, l.calendar.Last(d, rule.Term, workday.None)
		} else {
			last = workday.Min(
				l.calendar.Last(last, rule.Term, workday.None),
				l.calendar.Last(start, rule.Longest, workday.None),
			)
		}
		if n := len(runs); n > 0 && runs[n-1].on == d {
			runs[n-1].last = last
			continue
		}
		runs = append(runs, run{on: d, start: start, last: last})
	}
	return runs
}
