package liaison

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/workday"
)

// queued is a parcel for another city before and after it was sealed.
type queued struct {
	ID    string `json:"id"`
	City  string `json:"city"`
	Place int64  `json:"place"`
	// Letter is the letter whose step it tells, "" of a bounce.
	Letter string       `json:"letter,omitempty"`
	Step   Step         `json:"step"`
	On     workday.Date `json:"on,omitzero"`
	// Post is the number of the text that goes with it, 0 without one.
	Post  int    `json:"post,omitempty"`
	DocNo string `json:"docNo,omitempty"`
	// Re and Why are what a bounce says.
	Re  string    `json:"re,omitempty"`
	Why string    `json:"why,omitempty"`
	At  time.Time `json:"at"`
	// Sum is the SHA-256 of the sealed text, so that nobody puts another in its
	// place; Void: there is nothing to send any more.
	Sum  string `json:"sum,omitempty"`
	Void bool   `json:"void,omitempty"`
}

// carriedFor is how long a parcel waits to be fetched: as long as what it says is
// of use at all ([design]). An unanswered letter is overdue long before.
const carriedFor = 30 * 24 * time.Hour

func sum(sealed string) string {
	h := sha256.Sum256([]byte(sealed))
	return hex.EncodeToString(h[:])
}

func (s store) bodyKey(id string) string        { return s.journal.Tmp("liaison", "out", id) }
func (s store) cameBody(city, id string) string { return s.journal.Tmp("liaison", "in", city, id) }
func (s store) threadKey(city, thread string) string {
	return s.key("thread", city, thread)
}

// queue queues a parcel for another city at the next place. Only letters to the
// same city wait for each other.
func (s store) queue(ctx context.Context, tx *journal.Tx, q queued) (queued, error) {
	key := s.key("out", q.City, "last")
	if err := tx.Watch(key); err != nil {
		return q, err
	}
	last, err := number(ctx, tx.Read(), key)
	if err != nil {
		return q, err
	}
	q.Place = last + 1
	tx.Set(key, strconv.FormatInt(q.Place, 10))
	tx.ZAdd(s.key("out", q.City), float64(q.Place), q.ID)
	tx.SAdd(s.key("out"), q.City)
	return q, journal.Put(tx, s.key("parcel", q.ID), q)
}

// seal keeps the sealed text for as long as the parcel waits, and notes which.
func (s store) seal(ctx context.Context, q queued, text string, now time.Time) error {
	if err := s.hold(ctx, s.bodyKey(q.ID), text); err != nil {
		return err
	}
	q.Sum = sum(text)
	return s.setQueued(ctx, q, "liaison.pack", now)
}

// setQueued writes a parcel that is there still.
func (s store) setQueued(ctx context.Context, q queued, action string, now time.Time) error {
	key := s.key("parcel", q.ID)
	return s.journal.Commit(ctx, journal.Entry{Actor: "system", Action: action, Ref: "parcel:" + q.ID, At: now}, []string{key}, func(tx *journal.Tx) error {
		if _, ok, err := journal.Read[queued](ctx, tx.Read(), key); err != nil || !ok {
			return err
		}
		return journal.Put(tx, key, q)
	})
}

// dropQueued ends parcels that nobody fetched in their time.
func (s store) dropQueued(ctx context.Context, list []queued, now time.Time) error {
	if len(list) == 0 {
		return nil
	}
	return s.journal.Commit(ctx, journal.Entry{Actor: "system", Action: "liaison.sweep", Ref: "parcels:" + list[0].City, At: now}, nil, func(tx *journal.Tx) error {
		for _, q := range list {
			tx.ZRem(s.key("out", q.City), q.ID)
			tx.Del(s.key("parcel", q.ID))
		}
		return nil
	})
}

// arrived is a parcel that is to be opened; false where its text was lost.
func (s store) arrived(ctx context.Context, city, id string) (Sealed, bool, error) {
	return journal.Read[Sealed](ctx, s.journal.Redis(), s.cameBody(city, id))
}

// dealtWith queues that a parcel was dealt with; false where it was before.
func (s store) dealtWith(ctx context.Context, tx *journal.Tx, city, id string) (bool, error) {
	was, err := tx.Read().SIsMember(ctx, s.key("got", city), id).Result()
	if err != nil {
		return false, fmt.Errorf("liaison: reading: %w", err)
	}
	tx.ZRem(s.key("in", city), id)
	tx.SAdd(s.key("got", city), id)
	return !was, nil
}

// parcelOf is a parcel of ours that is known still.
func (s store) parcelOf(ctx context.Context, id string) (queued, bool, error) {
	return journal.Read[queued](ctx, s.journal.Redis(), s.key("parcel", id))
}

// Mail is what carries parcels between the desks of two cities: it sees which there
// are, and can read none. It is safe for concurrent use.
type Mail struct{ store store }

// NewMail returns the mail of the journal's city.
func NewMail(j *journal.Journal) Mail { return Mail{store{j}} }

// Waiting lists parcels for the city behind the cursor, "" being the start, as far
// as they are sealed, and the cursor to go on from. A cursor that was never given
// is a fault of kind Invalid.
func (m Mail) Waiting(ctx context.Context, city, cursor string, most int) (ids []string, next string, more bool, err error) {
	behind, err := m.place(ctx, city, cursor)
	if err != nil {
		return nil, "", false, err
	}
	list, err := m.store.outgoing(ctx, city, behind, int64(most)+1)
	if err != nil {
		return nil, "", false, err
	}
	for _, q := range list {
		if q.Sum == "" && !q.Void {
			return ids, cursor, false, nil // those behind it must not come first
		}
		if len(ids) == most {
			return ids, cursor, true, nil
		}
		if !q.Void {
			ids = append(ids, q.ID)
		}
		cursor = strconv.FormatInt(q.Place, 10) + "." + q.ID
	}
	return ids, cursor, false, nil
}

// place reads a cursor: a place and the id of the parcel that was there.
func (m Mail) place(ctx context.Context, city, cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	bad := fault.New(fault.Invalid, "liaison.cursor").With("cursor", "liaison.cursor")
	text, id, _ := strings.Cut(cursor, ".")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || strconv.FormatInt(n, 10) != text || id == "" {
		return 0, bad
	}
	last, err := m.Last(ctx, city)
	if err != nil {
		return 0, err
	}
	if n > last {
		return 0, bad // from the future, or from what was lost with the server
	}
	there, err := m.store.outgoing(ctx, city, n-1, 1)
	if err == nil && len(there) > 0 && there[0].Place == n && there[0].ID != id {
		err = bad
	}
	return n, err
}

// Last is the last place given to a parcel for the city.
func (m Mail) Last(ctx context.Context, city string) (int64, error) {
	return number(ctx, m.store.journal.Redis(), m.store.key("out", city, "last"))
}

// Fetched is the place up to which the city has fetched its parcels.
func (m Mail) Fetched(ctx context.Context, city string) (int64, error) {
	return m.store.fetched(ctx, m.store.journal.Redis(), city)
}

// NoteFetched notes that the city asks behind the cursor, which Waiting took.
func (m Mail) NoteFetched(ctx context.Context, by, city, cursor string, now time.Time) error {
	text, _, _ := strings.Cut(cursor, ".")
	place, err := strconv.ParseInt(text, 10, 64)
	if cursor == "" || err != nil {
		return nil
	}
	key := m.store.key("out", city, "fetched")
	return m.store.journal.Commit(ctx, journal.Entry{Actor: by, Action: "liaison.fetched", Ref: "city:" + city, At: now}, []string{key}, func(tx *journal.Tx) error {
		before, err := m.store.fetched(ctx, tx.Read(), city)
		if err == nil && place > before {
			tx.Set(key, strconv.FormatInt(place, 10))
		}
		return err
	})
}

// Body is the sealed text of a parcel for the city; to everything else, and while
// it is not sealed, there is fault.NotFound.
func (m Mail) Body(ctx context.Context, city, id string) (string, error) {
	q, ok, err := m.store.parcelOf(ctx, id)
	if err != nil {
		return "", err
	}
	if !ok || q.City != city || q.Void {
		return "", errUnknown
	}
	text, err := m.store.sealed(ctx, q)
	if err == nil && text == "" {
		err = errUnknown
	}
	return text, err
}

// mostArrived bounds what of one city waits to be opened.
const mostArrived = 500

// Wanted are those of the parcels that are to be fetched: which did not come yet,
// or were lost before they were opened. false where there is no room for more.
func (m Mail) Wanted(ctx context.Context, city string, ids []string) (wanted []string, room bool, err error) {
	s := m.store
	list, err := s.arrivals(ctx, city, mostArrived)
	if err != nil {
		return nil, false, err
	}
	waiting := map[string]bool{}
	for _, x := range list {
		if waiting[x.id], err = s.held(ctx, s.cameBody(city, x.id)); err != nil {
			return nil, false, err
		}
		if !waiting[x.id] {
			wanted = append(wanted, x.id)
		}
	}
	for _, id := range ids {
		if _, here := waiting[id]; here {
			continue
		}
		got, err := s.got(ctx, s.journal.Redis(), city, id)
		if err != nil {
			return nil, false, err
		}
		if !got && !slices.Contains(wanted, id) {
			wanted = append(wanted, id)
		}
	}
	return wanted, len(list)+len(ids) <= mostArrived, nil
}

// Keep takes a parcel that came, whose signature the caller has checked, until the
// desk opens it. The same one again changes nothing.
func (m Mail) Keep(ctx context.Context, by, city string, p Sealed, now time.Time) error {
	s := m.store
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("liaison: %w", err)
	}
	if err := s.hold(ctx, s.cameBody(city, p.ID), string(text)); err != nil {
		return err
	}
	return s.journal.Commit(ctx, journal.Entry{Actor: by, Action: "liaison.arrived", Ref: "parcel:" + p.ID, At: now}, nil, func(tx *journal.Tx) error {
		if waits, err := s.waits(ctx, tx.Read(), city, p.ID); err != nil || waits {
			return err
		}
		if got, err := s.got(ctx, tx.Read(), city, p.ID); err != nil || got {
			return err
		}
		tx.ZAdd(s.key("in", city), float64(now.UnixMilli()), p.ID)
		tx.SAdd(s.key("in"), city)
		return nil
	})
}
