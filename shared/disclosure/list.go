package disclosure

import (
	"context"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
)

// Divisions are those for which the actor may draft.
func (s *Store) Divisions(a staff.Actor, now time.Time) []string {
	return slices.DeleteFunc(a.Units(staff.NoticeDraft, now), func(l string) bool { return l == staff.DisciplineUnit })
}

// reach are the divisions in which the actor may see notices.
func reach(a staff.Actor, now time.Time) []string {
	var all []string
	for _, action := range reading {
		switch {
		case !a.May(action, now):
		case action == staff.NoticeApprove || action == staff.NoticePublish:
			all = append(all, staff.UnitLabels()...) // of a unit that is too small the one above does it
		default:
			all = append(all, a.Units(action, now)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

const (
	pageSize = 50
	// mostLooked bounds what is looked at for one page; one that finds fewer has a
	// cursor all the same.
	mostLooked = 2000
	chunk      = 100
)

// line runs down the notices of one division, the newest first, from behind a
// place on.
type line struct {
	division string
	from     journal.Place // of the last one read
	ids      []string
	end      bool
}

// head is the next id, "" at the end.
func (l *line) head(ctx context.Context, s store) (string, error) {
	for len(l.ids) == 0 && !l.end {
		places, err := s.begun(ctx, l.division, l.from, chunk)
		if err != nil {
			return "", err
		}
		if l.end = len(places) < chunk; len(places) > 0 {
			l.ids, l.from = journal.Members(places), places[len(places)-1]
		}
	}
	if len(l.ids) == 0 {
		return "", nil
	}
	return l.ids[0], nil
}

// next takes the newest id of all lines, "" at the end. The ids are in the order of
// the instants that the lines are ordered by.
func next(ctx context.Context, s store, lines []*line) (string, error) {
	var best *line
	for _, l := range lines {
		id, err := l.head(ctx, s)
		if err != nil {
			return "", err
		}
		if id != "" && (best == nil || id > best.ids[0]) {
			best = l
		}
	}
	if best == nil {
		return "", nil
	}
	id := best.ids[0]
	best.ids = best.ids[1:]
	return id, nil
}

// List lists the notices of the divisions that the actor works in, the newest
// first, those in one state if one is given; cursor is the place of the following
// page, "" at the end.
func (s *Store) List(ctx context.Context, a staff.Actor, state State, cursor string, now time.Time) (list []Notice, further string, err error) {
	var from journal.Place
	if cursor != "" {
		id, err := ulid.ParseStrict(cursor)
		if err != nil {
			return nil, "", fault.New(fault.Invalid, "disclosure.cursor").With("cursor", "disclosure.cursor")
		}
		from = journal.Place{Score: float64(id.Time()), Member: cursor}
	}
	var lines []*line
	for _, d := range reach(a, now) {
		lines = append(lines, &line{division: d, from: from})
	}
	last := cursor
	for looked := 0; looked < mostLooked; {
		var ids []string
		for len(ids) < pageSize+1 {
			id, err := next(ctx, s.store, lines)
			if err != nil {
				return nil, "", err
			}
			if id == "" {
				break
			}
			ids = append(ids, id)
		}
		if len(ids) == 0 {
			return list, "", nil
		}
		looked += len(ids)
		found, err := s.find(ctx, s.journal.Redis(), ids...)
		if err != nil {
			return nil, "", err
		}
		for _, h := range found {
			if state != "" && h.state() != state {
				continue
			}
			n, err := s.open(ctx, h)
			if err != nil {
				return nil, "", err
			}
			if err := s.reads(ctx, a, n, now); err != nil {
				if _, refused := fault.Of(err); refused {
					continue
				}
				return nil, "", err
			}
			if len(list) == pageSize {
				return list, last, nil
			}
			list, last = append(list, n), n.ID
		}
		if len(list) < pageSize {
			last = ids[len(ids)-1]
		}
	}
	return list, last, nil
}
