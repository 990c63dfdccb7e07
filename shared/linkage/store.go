package linkage

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/calendar"
	"ipcredit/shared/clock"
	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// Keys:
//
//	{city}:linkage:app:<id>       an application, JSON
//	{city}:linkage:short:<n>      hash of a shard: id → short form
//	{city}:linkage:shards         hash: shard → token, another with each change of it
//	{city}:linkage:letter:<no>    a letter, JSON
//	{city}:linkage:contact:<no>   an entry of the contact log, JSON
//	{city}:linkage:keep           sorted set: id by the day from which its personal data is erased
//	{city}:linkage:views:<id>     hash: who looked at a natural person's name → when;
//	                              of list:<list>, who took its file

// Store keeps the notified applications of one city.
type Store struct {
	journal  *journal.Journal
	ledger   *ledger
	clocks   *clock.Store
	calendar *calendar.Store
	set      ruleset.Set
}

// NewStore returns the store of the journal's city. One store should serve a whole
// process: it remembers the short forms it has read.
func NewStore(j *journal.Journal) *Store {
	return &Store{
		journal: j, ledger: &ledger{tokens: map[string]string{}, sums: map[cell]Counts{}}, clocks: clock.New(j), calendar: calendar.New(j),
		set: ruleset.Shipped(),
	}
}

// Rules are the law with the calendar in force.
func (s *Store) Rules(ctx context.Context) (Rules, error) {
	cal, err := s.calendar.Current(ctx)
	if err != nil {
		return Rules{}, err
	}
	return Rules{Set: s.set, Calendar: cal}.Filled(), nil
}

func (s *Store) key(id string) string { return s.journal.Key("linkage", "app", id) }
func (s *Store) short(n int) string   { return s.journal.Key("linkage", "short", strconv.Itoa(n)) }
func (s *Store) keepKey() string      { return s.journal.Key("linkage", "keep") }
func (s *Store) tokens() string       { return s.journal.Key("linkage", "shards") }
func (s *Store) numbered(what string, no int64) string {
	return s.journal.Key("linkage", what, strconv.FormatInt(no, 10))
}

// Get returns an application, or a fault of kind NotFound.
func (s *Store) Get(ctx context.Context, id string) (Application, error) {
	list, err := s.load(ctx, s.journal.Redis(), []string{id})
	if err != nil {
		return Application{}, err
	}
	if list[0] == nil {
		return Application{}, fault.New(fault.NotFound, "linkage.none")
	}
	return *list[0], nil
}

// load reads applications; nil stands for one that is not known.
func (s *Store) load(ctx context.Context, rdb redis.Cmdable, ids []string) ([]*Application, error) {
	out := make([]*Application, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = s.key(id)
	}
	values, err := rdb.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("linkage: reading: %w", err)
	}
	for i, v := range values {
		text, ok := v.(string)
		if !ok {
			continue
		}
		out[i] = new(Application)
		if err := json.Unmarshal([]byte(text), out[i]); err != nil {
			return nil, fmt.Errorf("linkage: reading %s: %w", ids[i], err)
		}
	}
	return out, nil
}

// writer queues applications into one commit.
type writer struct {
	store  *Store
	rules  Rules
	cal    string // version of the calendar
	token  string
	shards map[int]bool
	kept   []clock.Kept
}

func (s *Store) writer(r Rules) *writer {
	return &writer{store: s, rules: r, cal: r.Filled().Calendar.Version(), token: rand.Text()[:13], shards: map[int]bool{}}
}

// put queues one application; flush must follow.
func (w *writer) put(tx *journal.Tx, a Application, today workday.Date) error {
	value, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("linkage: encoding: %w", err)
	}
	n := shardOf(a.ID)
	tx.Set(w.store.key(a.ID), string(value))
	tx.HSet(w.store.short(n), a.ID, shortOf(a).encode())
	if !w.shards[n] {
		w.shards[n] = true
		tx.HSet(w.store.tokens(), strconv.Itoa(n), w.token)
	}
	if err := w.keep(tx, a); err != nil {
		return err
	}
	clocks, err := a.Clocks(w.rules, today)
	if err != nil {
		return err
	}
	kept := clock.Kept{
		Ref: Ref(a.ID), Unit: a.Unit, Division: a.Division, Matter: "linkage", Link: "case-handling/applications/items/" + a.ID,
		Clocks: clocks, Calendar: w.cal,
	}
	if a.Owner != "" {
		kept.Owners = []string{a.Owner}
	}
	w.kept = append(w.kept, kept)
	return nil
}

// flush notes the running clocks of what was put, for deadline-tick and lists.
func (w *writer) flush(tx *journal.Tx) error {
	if len(w.kept) == 0 {
		return nil
	}
	return w.store.clocks.Keep(tx, w.kept...)
}

// Put queues a list's rows into a commit and tells what becomes of each: Added,
// Superseded where it changes what is held, Same where it says nothing new. Rows
// about the same application take effect in their order. Rows about natural
// persons must have gone through Prepare; ErrMoved says that they must again.
func (s *Store) Put(ctx context.Context, tx *journal.Tx, list []Entry, by Import) ([]credit.Outcome, error) {
	rules, err := s.Rules(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(list))
	keys := make([]string, len(list))
	for i, e := range list {
		ids[i], keys[i] = e.ID, s.key(e.ID)
	}
	if err := tx.Watch(keys...); err != nil {
		return nil, err
	}
	held, err := s.load(ctx, tx.Read(), ids)
	if err != nil {
		return nil, err
	}
	now := make(map[string]*Application, len(list))
	changed := map[string]bool{}
	outcomes := make([]credit.Outcome, len(list))
	for i, e := range list {
		old, seen := now[e.ID]
		if !seen {
			old = held[i]
		}
		next, err := by.lay(old, e)
		if err != nil {
			return nil, err
		}
		now[e.ID] = &next
		switch {
		case old == nil:
			outcomes[i] = credit.Added
		case sameApplication(*old, next):
			outcomes[i] = credit.Same
			now[e.ID] = old
			continue
		default:
			outcomes[i] = credit.Superseded
		}
		changed[e.ID] = true
	}
	w := s.writer(rules)
	for _, id := range ids {
		if !changed[id] {
			continue
		}
		delete(changed, id)
		a := *now[id]
		a.Version++
		a.ChangedAt = by.At.UTC()
		if err := w.put(tx, a, workday.DateOf(by.At)); err != nil {
			return nil, err
		}
	}
	return outcomes, w.flush(tx)
}

func sameApplication(a, b Application) bool { return reflect.DeepEqual(a, b) }

// change applies f to the applications with these ids in one commit of the
// entry. f gets one that exists, may change it, and says whether it did; its
// refusals are collected (in seen too, where an error of also undoes it all); any
// other error ends the commit.
func (s *Store) change(ctx context.Context, entry journal.Entry, ids []string, f func(Rules, *Application) error, also func(tx *journal.Tx, done []Application) error, seen *Result) (Result, []Application, error) {
	watch := make([]string, len(ids))
	for i, id := range ids {
		watch[i] = s.key(id)
	}
	var result Result
	var done []Application
	rules, err := s.Rules(ctx)
	if err != nil {
		return result, nil, err
	}
	err = s.journal.Commit(ctx, entry, watch, func(tx *journal.Tx) error {
		result, done = Result{Refused: map[string]error{}}, nil
		held, err := s.load(ctx, tx.Read(), ids)
		if err != nil {
			return err
		}
		w := s.writer(rules)
		for i, id := range ids {
			if held[i] == nil {
				result.Refused[id] = fault.New(fault.NotFound, "linkage.none")
				continue
			}
			a := *held[i]
			if err := f(rules, &a); err != nil {
				if _, refused := fault.Of(err); !refused {
					return err
				}
				result.Refused[id] = err
				continue
			}
			a.Version++
			a.ChangedAt = entry.At.UTC()
			if err := w.put(tx, a, workday.DateOf(entry.At)); err != nil {
				return err
			}
			result.Done, done = append(result.Done, id), append(done, a)
		}
		if seen != nil {
			*seen = result
		}
		if err := w.flush(tx); err != nil || also == nil || len(done) == 0 {
			return err
		}
		return also(tx, done)
	})
	return result, done, err
}

// record reads a numbered document: a letter, a contact.
func record[T any](ctx context.Context, s *Store, what string, no int64) (T, error) {
	var v T
	text, err := s.journal.Redis().Get(ctx, s.numbered(what, no)).Bytes()
	if errors.Is(err, redis.Nil) {
		return v, fault.New(fault.NotFound, "linkage.none")
	}
	if err != nil {
		return v, fmt.Errorf("linkage: reading: %w", err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return v, fmt.Errorf("linkage: reading: %w", err)
	}
	return v, nil
}

// scored lists ids on the list of what is kept with scores from one to another, the
// first n.
func (s *Store) scored(ctx context.Context, from, to int64, n int) ([]string, error) {
	ids, err := s.journal.Redis().ZRangeByScore(ctx, s.keepKey(), &redis.ZRangeBy{Min: strconv.FormatInt(from, 10), Max: strconv.FormatInt(to, 10), Count: int64(n)}).Result()
	if err != nil {
		return nil, fmt.Errorf("linkage: listing what is kept: %w", err)
	}
	return ids, nil
}

func setRecord(tx *journal.Tx, key string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("linkage: encoding: %w", err)
	}
	tx.Set(key, string(text))
	return nil
}

// note writes that an officer looked, or took a file, before he is given it.
func (s *Store) note(ctx context.Context, entry journal.Entry, field string, names ...string) error {
	return s.journal.Commit(ctx, entry, nil, func(tx *journal.Tx) error {
		for _, name := range names {
			tx.HSet(s.journal.Key("linkage", "views", name), field, entry.At.UTC().Format(time.RFC3339))
		}
		return nil
	})
}

// Counts adds up the applications that the filter takes.
func (s *Store) Counts(ctx context.Context, f Filter) (Counts, error) {
	v, err := s.view(ctx)
	if err != nil {
		return Counts{}, err
	}
	return v.count(f, nil), nil
}

// view brings the ledger up to date and returns what it then holds. Tokens are
// read before shards: a shard read later than its token says is read again the
// next time, never kept too long.
func (s *Store) view(ctx context.Context) (view, error) {
	tokens, err := s.journal.Redis().HGetAll(ctx, s.tokens()).Result()
	if err != nil {
		return view{}, fmt.Errorf("linkage: reading: %w", err)
	}
	l := s.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	var stale []int
	for n := range shards {
		if field := strconv.Itoa(n); l.tokens[field] != tokens[field] {
			stale = append(stale, n)
		}
	}
	for some := range slices.Chunk(stale, 32) {
		if err := s.reread(ctx, some, tokens); err != nil {
			return view{}, err
		}
	}
	return l.now(), nil
}

// reread reads some shards anew.
func (s *Store) reread(ctx context.Context, some []int, tokens map[string]string) error {
	answers := make([]*redis.MapStringStringCmd, len(some))
	_, err := s.journal.Redis().Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, n := range some {
			answers[i] = p.HGetAll(ctx, s.short(n))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("linkage: reading: %w", err)
	}
	d := decoder{seen: map[string]string{}}
	for i, n := range some {
		fields := answers[i].Val()
		part := make([]short, 0, len(fields))
		for id, value := range fields {
			x, err := d.decode(id, value)
			if err != nil {
				return err
			}
			part = append(part, x)
		}
		s.ledger.replace(n, part)
		field := strconv.Itoa(n)
		if token, ok := tokens[field]; ok {
			s.ledger.tokens[field] = token
		} else {
			delete(s.ledger.tokens, field)
		}
	}
	return nil
}
