package staff

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"ipcredit/shared/journal"
)

// Standing is where a motion stands.
type Standing string

// The standings.
const (
	Moved   Standing = "proposed"
	Carried Standing = "approved"
	Denied  Standing = "refused"   // by the second person
	Dropped Standing = "withdrawn" // by who proposed it
)

// Motion is the part that everything has which the whole city counts by and which
// one person proposes and another approves or refuses.
type Motion struct {
	ID    string   `json:"id"`
	State Standing `json:"state"`
	// By proposed it; Second decided, or withdrew his own.
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Second string    `json:"second,omitzero"`
	Ended  time.Time `json:"ended,omitzero"`
	// Why is the reason of a refusal.
	Why string `json:"why,omitzero"`
}

// NewMotion is the actor's, for another person to decide.
func NewMotion(a Actor, now time.Time) Motion {
	return Motion{ID: ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String(), State: Moved, By: a.User.ID, At: now.UTC()}
}

// Motions keeps the motions of one matter of a journal's city: some a year, none
// ever removed.
type Motions[M any] struct {
	Journal *journal.Journal
	// Room is the matter, as the journal's entries name it; Key the hash: id → M.
	Room, Key string
	// Of is the motion in what is moved.
	Of func(*M) *Motion
	// What is said where there is none, where it was decided already, and to who
	// would withdraw another's.
	Unknown, Decided, NotOwn error
}

// resource is what the city counts by, as Can sees it.
func (s Motions[M]) resource(askedBy string) Resource {
	return Resource{Division: s.Journal.City(), AskedBy: askedBy}
}

// MayPropose says nil when the actor may propose (CatalogEdit).
func (s Motions[M]) MayPropose(a Actor, now time.Time) error {
	return Can(a, CatalogEdit, s.resource(""), now)
}

// MayDecide says nil when the actor may approve or refuse what somebody proposed
// (CatalogApprove): another person.
func (s Motions[M]) MayDecide(a Actor, by string, now time.Time) error {
	return Can(a, CatalogApprove, s.resource(by), now)
}

// List lists what was ever proposed, newest first.
func (s Motions[M]) List(ctx context.Context) ([]M, error) {
	list, err := journal.ReadFields[M](ctx, s.Journal.Redis(), s.Key)
	return s.sorted(list), err
}

func (s Motions[M]) sorted(list []M) []M {
	slices.SortFunc(list, func(a, b M) int { return cmp.Compare(s.Of(&b).ID, s.Of(&a).ID) })
	return list
}

func (s Motions[M]) find(list []M, id string) (M, error) {
	at := slices.IndexFunc(list, func(m M) bool { return s.Of(&m).ID == id })
	if at < 0 {
		var none M
		return none, s.Unknown
	}
	return list[at], nil
}

// One is one of them, or Unknown.
func (s Motions[M]) One(ctx context.Context, id string) (M, error) {
	list, err := s.List(ctx)
	if err != nil {
		var none M
		return none, err
	}
	return s.find(list, id)
}

// Propose brings m in, for another person to decide, unless check refuses it by all
// there are. What check returns instead is the one that is there already, of the
// same person: a form sent twice.
func (s Motions[M]) Propose(ctx context.Context, a Actor, m M, now time.Time, check func(list []M) (same *M, err error)) (M, error) {
	if err := s.MayPropose(a, now); err != nil {
		return m, err
	}
	*s.Of(&m) = NewMotion(a, now)
	made := m
	err := s.change(ctx, a, "propose", s.Of(&m).ID, now, func(tx *journal.Tx, list []M) error {
		made = m
		same, err := check(list)
		if err != nil {
			return err
		}
		if same != nil {
			made = *same
			return nil
		}
		return s.put(tx, m)
	})
	return made, err
}

// Approve carries a motion; effect queues what then counts and may refuse it.
// Whoever proposed it cannot.
func (s Motions[M]) Approve(ctx context.Context, a Actor, id string, now time.Time, effect func(tx *journal.Tx, list []M, m *M) error) (M, error) {
	return s.end(ctx, a, "approve", id, Carried, "", now, effect)
}

// Refuse ends a motion, with the reason. Whoever proposed it cannot.
func (s Motions[M]) Refuse(ctx context.Context, a Actor, id, why string, now time.Time) (M, error) {
	return s.end(ctx, a, "refuse", id, Denied, why, now, nothing)
}

// Withdraw ends the actor's own motion.
func (s Motions[M]) Withdraw(ctx context.Context, a Actor, id string, now time.Time) (M, error) {
	return s.end(ctx, a, "withdraw", id, Dropped, "", now, nothing)
}

func nothing[M any](*journal.Tx, []M, *M) error { return nil }

// End ends the motion in m, unless it is decided, or not for this actor to end so:
// whoever proposed it withdraws it, and another person decides. It is for commits of
// others, which keep m themselves.
func (s Motions[M]) End(a Actor, m *M, to Standing, why string, now time.Time) error {
	x := s.Of(m)
	if x.State != Moved {
		return s.Decided
	}
	if to == Dropped {
		if x.By != a.User.ID {
			return s.NotOwn
		}
	} else if err := s.MayDecide(a, x.By, now); err != nil {
		return err
	}
	x.State, x.Second, x.Ended, x.Why = to, a.User.ID, now.UTC(), why
	return nil
}

func (s Motions[M]) end(ctx context.Context, a Actor, verb, id string, to Standing, why string, now time.Time, f func(*journal.Tx, []M, *M) error) (m M, err error) {
	err = s.change(ctx, a, verb, id, now, func(tx *journal.Tx, list []M) error {
		if m, err = s.find(list, id); err != nil {
			return err
		}
		if err := s.End(a, &m, to, why, now); err != nil {
			return err
		}
		if err := f(tx, list, &m); err != nil {
			return err
		}
		return s.put(tx, m)
	})
	return m, err
}

// change commits under a watch of all motions of the matter: a handful of writes a
// year, so that nothing is decided against what was just put in force.
func (s Motions[M]) change(ctx context.Context, a Actor, verb, id string, now time.Time, f func(*journal.Tx, []M) error) error {
	e := journal.Entry{Actor: a.User.ID, Action: s.Room + "." + verb, Ref: s.Room + ":" + id, At: now}
	return s.Journal.Commit(ctx, e, []string{s.Key}, func(tx *journal.Tx) error {
		list, err := journal.ReadFields[M](ctx, tx.Read(), s.Key)
		if err != nil {
			return err
		}
		return f(tx, s.sorted(list))
	})
}

func (s Motions[M]) put(tx *journal.Tx, m M) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("staff: a motion of %s: %w", s.Room, err)
	}
	tx.HSet(s.Key, s.Of(&m).ID, string(text))
	return nil
}
