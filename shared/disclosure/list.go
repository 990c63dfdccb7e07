package disclosure

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"

	"ipcredit/shared/fault"
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
	behind   string // id of the last one shown, "" at the beginning
	instant  string // of that one
	read     int64
	ids      []string
	end      bool
}

// head is the next id, "" at the end.
func (l *line) head(ctx context.Context, s store) (string, error) {
	for len(l.ids) == 0 && !l.end {
		ids, err := s.begunBefore(ctx, l.division, l.instant, l.read, chunk)
		if err != nil {
			return "", err
		}
		l.read += int64(len(ids))
		l.end = len(ids) < chunk
		for _, id := range ids {
			// Those begun at the same instant stand on both sides of the place.
			if l.behind == "" || id < l.behind {
				l.ids = append(l.ids, id)
			}
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
	instant := "+inf"
	if cursor != "" {
		id, err := ulid.ParseStrict(cursor)
		if err != nil {
			return nil, "", fault.New(fault.Invalid, "disclosure.cursor").With("cursor", "disclosure.cursor")
		}
		instant = strconv.FormatUint(id.Time(), 10)
	}
	var lines []*line
	for _, d := range reach(a, now) {
		lines = append(lines, &line{division: d, behind: cursor, instant: instant})
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
