package tipoff

import (
	"context"
	"ipcredit/shared/clock"
	"strconv"
	"strings"
)

// mark is a place in the list of a unit, or in the lists of several read as one:
// what orders them, then the number. The zero mark is before everything.
type mark struct {
	score  float64
	number string
}

func (m mark) String() string { return strconv.FormatFloat(m.score, 'f', -1, 64) + ":" + m.number }

func parseMark(text string) (mark, bool) {
	score, number, found := strings.Cut(text, ":")
	n, err := strconv.ParseFloat(score, 64)
	if err != nil || !found || !(n >= 0 && n <= clock.Never) {
		return mark{}, false
	}
	if parsed, err := ParseNumber(number); err != nil || parsed != number {
		return mark{}, false
	}
	return mark{n, number}, true
}

// before tells whether m comes before n; where the newest come first, whether it
// comes after it.
func (m mark) before(n mark, newest bool) bool {
	if newest {
		m, n = n, m
	}
	return m.score < n.score || m.score == n.score && m.number < n.number
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
	from  mark
	ahead []mark
	end   bool
}

func (s store) merge(units []string, closed bool, from mark) *merge {
	m := &merge{store: s, closed: closed}
	for _, u := range units {
		m.lists = append(m.lists, &unitList{unit: u, from: from})
	}
	return m
}

// next returns the next n places, fewer at the end.
func (m *merge) next(ctx context.Context, n int) ([]mark, error) {
	var out []mark
	for len(out) < n {
		var first *unitList
		for _, l := range m.lists {
			if len(l.ahead) == 0 && !l.end {
				var err error
				if l.ahead, l.end, err = m.store.after(ctx, l.unit, m.closed, l.from, int64(n)); err != nil {
					return nil, err
				}
			}
			if len(l.ahead) > 0 && (first == nil || l.ahead[0].before(first.ahead[0], m.closed)) {
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
