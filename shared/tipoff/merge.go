package tipoff

import (
	"context"
	"strconv"
	"strings"

	"ipcredit/shared/clock"
	"ipcredit/shared/journal"
)

// cursor is how a place in the list of a unit, or in the lists of several read as
// one, is written: what orders them, then the number.
func cursor(at journal.Place) string {
	return strconv.FormatFloat(at.Score, 'f', -1, 64) + ":" + at.Member
}

func parseCursor(text string) (journal.Place, bool) {
	score, number, found := strings.Cut(text, ":")
	n, err := strconv.ParseFloat(score, 64)
	if err != nil || !found || !(n >= 0 && n <= clock.Never) {
		return journal.Place{}, false
	}
	if parsed, err := ParseNumber(number); err != nil || parsed != number {
		return journal.Place{}, false
	}
	return journal.Place{Score: n, Member: number}, true
}

// merge reads the lists of several units as one, in their common order.
type merge struct {
	store  store
	closed bool
	lists  []*unitList
}

// unitList is how far a unit's list was read.
type unitList struct {
	unit  string
	from  journal.Place
	ahead []journal.Place
	end   bool
}

func (s store) merge(units []string, closed bool, from journal.Place) *merge {
	m := &merge{store: s, closed: closed}
	for _, u := range units {
		m.lists = append(m.lists, &unitList{unit: u, from: from})
	}
	return m
}

// next returns the next n places, fewer at the end.
func (m *merge) next(ctx context.Context, n int) ([]journal.Place, error) {
	var out []journal.Place
	for len(out) < n {
		var first *unitList
		for _, l := range m.lists {
			if len(l.ahead) == 0 && !l.end {
				var err error
				if l.ahead, err = m.store.after(ctx, l.unit, m.closed, l.from, n); err != nil {
					return nil, err
				}
				l.end = len(l.ahead) < n
			}
			if len(l.ahead) > 0 && (first == nil || first.ahead[0].Behind(l.ahead[0], m.closed)) {
				first = l
			}
		}
		if first == nil {
			break
		}
		first.from = first.ahead[0]
		out, first.ahead = append(out, first.from), first.ahead[1:]
	}
	return out, nil
}
