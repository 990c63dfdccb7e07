package material

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/calendar"
	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Keys, all under {city}:material:
//
//	one:<no>     a material, JSON
//	box:<box>    the number of the material that has the box
//	of:<code>    sorted set of a subject's numbers, by number
//	wait:<unit>  sorted set of what waits for a unit's answer, by number
//	done:<unit>  sorted set of what it has answered, by number

// Store keeps what subjects hand in. It is safe for concurrent use.
type Store struct {
	journal  *journal.Journal
	credit   *credit.Store
	staff    *staff.Store
	clocks   *clock.Store
	calendar *calendar.Store
}

// New returns the store of the journal's city.
func New(j *journal.Journal) *Store {
	return &Store{j, credit.NewStore(j, credit.NewInForce(j)), staff.New(j), clock.New(j), calendar.New(j)}
}

func (s *Store) key(parts ...string) string {
	return s.journal.Key(append([]string{"material"}, parts...)...)
}

func errUnknown() error { return fault.New(fault.NotFound, "material.unknown") }

func (s *Store) read(ctx context.Context, rdb redis.Cmdable, no string) (Material, error) {
	m, ok, err := journal.Read[Material](ctx, rdb, s.key("one", no))
	if err == nil && !ok {
		err = errUnknown()
	}
	return m, err
}

// Hand takes in what the actor's subject hands in: a box with whole files. Which
// unit answers follows from where the subject is.
func (s *Store) Hand(ctx context.Context, by staff.Actor, k Kind, about, box string, now time.Time) (Material, error) {
	if err := staff.Can(by, staff.SubjectFile, staff.Resource{Subject: by.Org.Code}, now); err != nil {
		return Material{}, err
	}
	if !slices.Contains(Kinds, k) {
		return Material{}, fault.New(fault.Invalid, "material.kind").With("kind", "material.kind")
	}
	if box == "" {
		return Material{}, fault.New(fault.Invalid, "material.box").With("box", "material.box")
	}
	name := by.Org.Name
	if about != "" {
		p, err := s.credit.Load(ctx, by.Org.Code)
		if err != nil {
			return Material{}, err
		}
		if !slices.ContainsFunc(p.Records, func(r credit.Record) bool { return r.ID == about }) {
			return Material{}, fault.New(fault.NotFound, "credit.no_record")
		}
	}
	unit, err := s.UnitOf(ctx, by.Org)
	if err != nil {
		return Material{}, err
	}
	n, err := s.journal.Next(ctx, "material")
	if err != nil {
		return Material{}, err
	}
	m := Material{
		No: fmt.Sprintf("CL%d%06d", workday.DateOf(now).Year(), n), Subject: by.Org.Code, Name: name, Kind: k, About: about, Unit: unit,
		State: Received, Versions: []Version{{Box: box, At: now.UTC(), By: by.User.ID}}, Seen: 1,
	}
	return m, s.commit(ctx, by, "material.handed", m, now, func(tx *journal.Tx) (Material, error) {
		tx.Counter("material", n)
		tx.ZAdd(s.key("of", m.Subject), float64(n), m.No)
		return m, s.take(ctx, tx, box, m.No)
	})
}

// take makes sure that a box belongs to one material.
func (s *Store) take(ctx context.Context, tx *journal.Tx, box, no string) error {
	key := s.key("box", box)
	if err := tx.Watch(key); err != nil {
		return err
	}
	switch _, err := tx.Read().Get(ctx, key).Result(); {
	case err == nil:
		return fault.New(fault.Conflict, "material.same")
	case !errors.Is(err, redis.Nil):
		return fmt.Errorf("material: reading: %w", err)
	}
	tx.Set(key, no)
	return nil
}

// UnitOf is the label of the unit that answers a subject: that of its district, or
// the city's.
func (s *Store) UnitOf(ctx context.Context, o staff.Organization) (string, error) {
	_, ok, err := s.staff.Unit(ctx, o.Division())
	if err != nil || !ok {
		return s.journal.City(), err
	}
	return o.Division(), nil
}

// commit writes what f makes of the material, with its clock, its place in the
// lists and the news of it.
func (s *Store) commit(ctx context.Context, by staff.Actor, action string, m Material, now time.Time, f func(tx *journal.Tx) (Material, error)) error {
	cal, err := s.calendar.Current(ctx)
	if err != nil {
		return err
	}
	var message []staff.Message
	if by.Org.Kind == staff.Subject {
		if org, ok, err := s.staff.Unit(ctx, m.Unit); err != nil {
			return err
		} else if ok {
			message = []staff.Message{staff.NewMessage(org.ID, action, m.Ref(), "material.told.handed", "credit-repair/desk/materials/"+m.No, now, m.No)}
		}
	} else if org, ok, err := s.staff.OrganizationByCode(ctx, m.Subject); err != nil {
		return err
	} else if ok {
		message = []staff.Message{staff.NewMessage(org.ID, action, m.Ref(), "material.told.answered", "credit-repair/materials/"+m.No, now, m.No)}
	}
	return s.journal.Commit(ctx, journal.Entry{Actor: by.User.ID, Action: action, Ref: m.Ref(), At: now}, []string{s.key("one", m.No)}, func(tx *journal.Tx) error {
		next, err := f(tx)
		if err != nil {
			return err
		}
		c, err := next.Clock(cal, workday.DateOf(now))
		if err != nil {
			return err
		}
		if err := s.clocks.Keep(tx, clock.Kept{
			Ref: next.Ref(), Unit: next.Unit, Division: next.Unit, Matter: "material", Link: "credit-repair/desk/materials/" + next.No,
			Clocks: []clock.Clock{c}, Calendar: cal.Version(),
		}); err != nil {
			return err
		}
		for _, msg := range message {
			if err := s.staff.Tell(tx, msg); err != nil {
				return err
			}
		}
		n, err := strconv.ParseInt(next.No[len("CL2026"):], 10, 64)
		if err != nil {
			return fmt.Errorf("material: number %s: %w", next.No, err)
		}
		if next.State == Received {
			tx.ZAdd(s.key("wait", next.Unit), float64(n), next.No)
			tx.ZRem(s.key("done", next.Unit), next.No)
		} else {
			tx.ZRem(s.key("wait", next.Unit), next.No)
			tx.ZAdd(s.key("done", next.Unit), float64(n), next.No)
		}
		text, err := json.Marshal(next)
		if err != nil {
			return fmt.Errorf("material: %w", err)
		}
		tx.Set(s.key("one", next.No), string(text))
		return nil
	})
}

// Again hands in another version of what was returned.
func (s *Store) Again(ctx context.Context, by staff.Actor, no, box string, now time.Time) (Material, error) {
	m, err := s.Get(ctx, by, no, now)
	if err != nil {
		return m, err
	}
	if err := staff.Can(by, staff.SubjectFile, staff.Resource{Subject: m.Subject}, now); err != nil {
		return m, err
	}
	if box == "" {
		return m, fault.New(fault.Invalid, "material.box").With("box", "material.box")
	}
	var next Material
	err = s.commit(ctx, by, "material.again", m, now, func(tx *journal.Tx) (Material, error) {
		m, err := s.read(ctx, tx.Read(), no)
		if err != nil {
			return m, err
		}
		if next, err = m.again(box, by.User.ID, now); err != nil {
			return m, err
		}
		return next, s.take(ctx, tx, box, no)
	})
	return next, err
}

// Answer admits the newest version, or returns it with its flaws. seen is what the
// officer has seen, 0 where it does not matter.
func (s *Store) Answer(ctx context.Context, by staff.Actor, no string, seen int, flaws []Flaw, now time.Time) (Material, error) {
	m, err := s.Get(ctx, by, no, now)
	if err != nil {
		return m, err
	}
	if err := s.may(ctx, by, staff.CaseHandle, m, now); err != nil {
		return m, err
	}
	var next Material
	err = s.commit(ctx, by, "material.answered", m, now, func(tx *journal.Tx) (Material, error) {
		m, err := s.read(ctx, tx.Read(), no)
		if err != nil {
			return m, err
		}
		if seen != 0 && seen != m.Seen {
			return m, fault.New(fault.Stale, "material.stale")
		}
		next, err = m.answer(flaws, by.User.ID, now)
		return next, err
	})
	return next, err
}

func (s *Store) may(ctx context.Context, by staff.Actor, action staff.Action, m Material, now time.Time) error {
	return s.staff.CanIn(ctx, by, action, staff.SubjectMatter{
		Unit: m.Unit, Subject: staff.Party{Code: m.Subject, Name: m.Name},
	}, errUnknown(), now)
}

// MayAnswer tells whether the actor answers the material: for pages.
func (s *Store) MayAnswer(ctx context.Context, by staff.Actor, m Material, now time.Time) bool {
	return by.Org.Kind != staff.Subject && s.may(ctx, by, staff.CaseHandle, m, now) == nil
}

// Free are those of the boxes that no material has.
func (s *Store) Free(ctx context.Context, boxes []string) ([]string, error) {
	if len(boxes) == 0 {
		return nil, nil
	}
	keys := make([]string, len(boxes))
	for i, box := range boxes {
		keys[i] = s.key("box", box)
	}
	values, err := s.journal.Redis().MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("material: reading: %w", err)
	}
	var out []string
	for i, v := range values {
		if v == nil {
			out = append(out, boxes[i])
		}
	}
	return out, nil
}

// Get is a material that the actor may see; to everybody else there is none.
func (s *Store) Get(ctx context.Context, by staff.Actor, no string, now time.Time) (Material, error) {
	m, err := s.read(ctx, s.journal.Redis(), no)
	if err != nil {
		return Material{}, err
	}
	action := staff.CaseRead
	if by.Org.Kind == staff.Subject {
		action = staff.SubjectRead
	}
	if err := s.may(ctx, by, action, m, now); err != nil {
		if _, ok := fault.Of(err); ok {
			return Material{}, errUnknown()
		}
		return Material{}, err
	}
	return m, nil
}

// Of lists what the actor's subject has handed in, newest first.
func (s *Store) Of(ctx context.Context, by staff.Actor, cursor string, n int, now time.Time) ([]Material, string, error) {
	if err := staff.Can(by, staff.SubjectRead, staff.Resource{Subject: by.Org.Code}, now); err != nil {
		return nil, "", err
	}
	return s.list(ctx, s.key("of", by.Org.Code), cursor, n)
}

// Queue lists what waits for a unit's answer, or what it has answered, newest
// first.
func (s *Store) Queue(ctx context.Context, by staff.Actor, unit string, waiting bool, cursor string, n int, now time.Time) ([]Material, string, error) {
	r, err := s.staff.Matter(ctx, staff.CaseRead, unit, staff.UnitResource(unit, ""), now)
	if err != nil {
		return nil, "", err
	}
	if err := staff.Can(by, staff.CaseRead, r, now); err != nil {
		return nil, "", err
	}
	list := "done"
	if waiting {
		list = "wait"
	}
	return s.list(ctx, s.key(list, unit), cursor, n)
}

// list reads a stretch of a list behind the number of the last one shown.
func (s *Store) list(ctx context.Context, key, cursor string, n int) ([]Material, string, error) {
	top := "+inf"
	if cursor != "" {
		if v, err := strconv.ParseUint(cursor, 10, 63); err != nil || strconv.FormatUint(v, 10) != cursor {
			return nil, "", fault.New(fault.Invalid, "material.cursor")
		}
		top = "(" + cursor
	}
	n = min(max(n, 1), 200)
	got, err := s.journal.Redis().ZRevRangeByScoreWithScores(ctx, key, &redis.ZRangeBy{Min: "-inf", Max: top, Count: int64(n + 1)}).Result()
	if err != nil {
		return nil, "", fmt.Errorf("material: listing: %w", err)
	}
	next := ""
	if len(got) > n {
		got = got[:n]
		next = strconv.FormatFloat(got[n-1].Score, 'f', 0, 64)
	}
	out := make([]Material, 0, len(got))
	for _, z := range got {
		no, _ := z.Member.(string)
		m, err := s.read(ctx, s.journal.Redis(), strings.TrimSpace(no))
		if err != nil {
			return nil, "", err
		}
		out = append(out, m)
	}
	return out, next, nil
}
