package inquiry

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// Keys, all under {city}:inquiry:
//
//	<id>            a lookup, JSON: organisation, person, time, purpose, numbers
//	<id>:content    project, reason and the list of subjects, sealed
//	of:<org>        sorted set of ids by time, of an organisation's lookups
//	all             the same of the city
//	seen:<code>     sorted set of ids by time: what the subject is told of
//	case:<number>   set of ids made to verify something in that case
//	withheld        set of the numbers of cases with lookups that are withheld
//
// Until a lookup is revealed nothing under seen: has it.
type store struct{ journal *journal.Journal }

func (s store) key(parts ...string) string {
	return s.journal.Key(append([]string{"inquiry"}, parts...)...)
}

func (s store) one(ctx context.Context, tx *journal.Tx, id string) (Inquiry, bool, error) {
	if tx != nil {
		return journal.Read[Inquiry](ctx, tx.Read(), s.key(id))
	}
	return journal.Read[Inquiry](ctx, s.journal.Redis(), s.key(id))
}

func (s store) content(ctx context.Context, id string) (string, error) {
	return journal.Text(ctx, s.journal.Redis(), s.key(id, "content"))
}

func (s store) members(ctx context.Context, key string) ([]string, error) {
	out, err := s.journal.Redis().SMembers(ctx, key).Result()
	if err != nil {
		return nil, fmt.Errorf("inquiry: reading: %w", err)
	}
	return out, nil
}

// page reads a stretch of a list, newest first; the cursor is "<score>:<id>" of
// the last one shown.
func (s store) page(ctx context.Context, key, cursor string, n int) (out []Inquiry, next string, err error) {
	var from journal.Place
	if cursor != "" {
		score, id, ok := strings.Cut(cursor, ":")
		at, err := strconv.ParseInt(score, 10, 64)
		if !ok || err != nil {
			return nil, "", fault.New(fault.Invalid, "inquiry.cursor")
		}
		from = journal.Place{Score: float64(at), Member: id}
	}
	places, err := s.journal.Behind(ctx, key, from, true, n+1)
	if err != nil {
		return nil, "", err
	}
	if len(places) > n {
		places = places[:n]
		last := places[n-1]
		next = fmt.Sprintf("%d:%s", int64(last.Score), last.Member)
	}
	keys := make([]string, len(places))
	for i, at := range places {
		keys[i] = s.key(at.Member)
	}
	out, err = journal.ReadAll[Inquiry](ctx, s.journal.Redis(), keys)
	return out, next, err
}
