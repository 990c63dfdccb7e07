package clock

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/calendar"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Keys:
//
//	{city}:clock:of:<ref>       what is kept of a record, JSON; none where no clock runs
//	{city}:clock:acts:<ref>     the levels acted on, JSON; stays
//	{city}:clock:unit:<unit>    sorted set of "<yyyymmdd> <ref>", the next last day, by name
//	{city}:clock:owner:<user>   the same for who handles it
//	{city}:clock:next           sorted set of refs by the day on which a level is reached
//	{city}:clock:all            sorted set of refs, by name
//	{city}:tmp:clock:pass       how far computing anew has come, see recompute

//go:embed chosen.json
var chosenFile []byte

var chosen = ruleset.ReadChosen(chosenFile)

// Store is the index of running clocks of a city. It is safe for concurrent use.
type Store struct {
	j        *journal.Journal
	calendar *calendar.Store
	staff    *staff.Store
	rules    ruleset.Set
}

// New returns the index of the journal's city.
func New(j *journal.Journal) *Store {
	return &Store{j: j, calendar: calendar.New(j), staff: staff.New(j), rules: ruleset.Shipped()}
}

func (s *Store) of(ref string) string     { return s.j.Key("clock", "of", ref) }
func (s *Store) acts(ref string) string   { return s.j.Key("clock", "acts", ref) }
func (s *Store) unit(unit string) string  { return s.j.Key("clock", "unit", unit) }
func (s *Store) owner(user string) string { return s.j.Key("clock", "owner", user) }
func (s *Store) next() string             { return s.j.Key("clock", "next") }
func (s *Store) all() string              { return s.j.Key("clock", "all") }
func (s *Store) pass() string             { return s.j.Tmp("clock", "pass") }

// Keep writes what the index holds of records, inside the matters' own commit. It
// says all of it: a record without a running clock is taken out. What was acted on
// stays known. Records of one commit are best kept by one call, which reads the
// old ones together.
func (s *Store) Keep(tx *journal.Tx, records ...Kept) error {
	refs := make([]string, len(records))
	for i, k := range records {
		if kind, no, ok := strings.Cut(k.Ref, ":"); !ok || kind == "" || no == "" || k.Unit == "" {
			return fmt.Errorf("clock: a record is kept by its kind and number, and in a unit: %q in %q", k.Ref, k.Unit)
		}
		refs[i] = k.Ref
	}
	old, err := s.watched(tx, refs)
	if err != nil {
		return err
	}
	for i, k := range records {
		k.Acts = old[i].Acts
		if err := s.put(tx, old[i], k.running()); err != nil {
			return err
		}
	}
	return nil
}

// watched reads records inside a commit, the zero Kept but for Acts where there is
// none, and makes the commit start again when one changes.
func (s *Store) watched(tx *journal.Tx, refs []string) ([]Kept, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	texts, err := tx.WatchTexts(s.keys(refs)...)
	if err != nil {
		return nil, err
	}
	return s.decode(texts)
}

// read returns records in the order of refs, the zero Kept but for Acts where
// there is none.
func (s *Store) read(ctx context.Context, c redis.Cmdable, refs []string) ([]Kept, error) {
	texts, err := journal.Texts(ctx, c, s.keys(refs))
	if err != nil {
		return nil, err
	}
	return s.decode(texts)
}

// keys are those of records and of what was acted on, in turn.
func (s *Store) keys(refs []string) []string {
	keys := make([]string, 0, 2*len(refs))
	for _, ref := range refs {
		keys = append(keys, s.of(ref), s.acts(ref))
	}
	return keys
}

// decode reads what stood at keys.
func (s *Store) decode(texts []string) (out []Kept, err error) {
	out = make([]Kept, len(texts)/2)
	for i := range out {
		if text := texts[2*i]; text != "" {
			if out[i], err = decode(text, s.rules); err != nil {
				return nil, err
			}
		}
		if text := texts[2*i+1]; text != "" {
			if err := json.Unmarshal([]byte(text), &out[i].Acts); err != nil {
				return nil, fmt.Errorf("clock: reading what was acted on: %w", err)
			}
		}
	}
	return out, nil
}

// put queues what takes a record from what the index held to what it holds now.
func (s *Store) put(tx *journal.Tx, old, k Kept) error {
	was, is := s.places(old), s.places(k)
	for key, member := range was {
		if is[key] != member {
			tx.ZRem(key, member)
		}
	}
	if len(k.Clocks) == 0 {
		if old.Ref != "" {
			tx.Del(s.of(old.Ref))
			tx.ZRem(s.next(), old.Ref)
			tx.ZRem(s.all(), old.Ref)
		}
		return nil
	}
	for _, key := range sortedKeys(is) {
		if member := is[key]; was[key] != member {
			tx.ZAdd(key, 0, member)
		}
	}
	text, err := k.encode(s.rules)
	if err != nil {
		return err
	}
	before := ""
	if old.Ref != "" {
		if before, err = old.encode(s.rules); err != nil {
			return err
		}
	} else {
		tx.ZAdd(s.all(), 0, k.Ref)
	}
	if text != before {
		tx.Set(s.of(k.Ref), text)
	}
	next, err := k.pending(s.rules)
	if err != nil {
		return err
	}
	if next.IsZero() {
		tx.ZRem(s.next(), k.Ref)
	} else {
		tx.ZAdd(s.next(), Score(next), k.Ref)
	}
	return nil
}

// places are the sorted lists that a record is in, with what it is there.
func (s *Store) places(k Kept) map[string]string {
	out := map[string]string{}
	next, ok := k.Next()
	if !ok {
		return out
	}
	member := fmt.Sprintf("%08.0f %s", Score(next.Due), k.Ref)
	out[s.unit(k.Unit)] = member
	for _, user := range k.Owners {
		out[s.owner(user)] = member
	}
	return out
}

func sortedKeys(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Due lists what units (labels, or ids of organisations) have to do by a day, none
// for whenever, the most urgent first, at most limit; next is the cursor of the
// following page, "" at the end. A cursor that it did not make is a fault. Clocks
// are as the index has them: computed at the record's last change, after the last
// import of a calendar, or at most a day ago.
func (s *Store) Due(ctx context.Context, units []string, by workday.Date, cursor string, limit int) (list []Kept, next string, err error) {
	keys := make([]string, len(units))
	for i, unit := range units {
		keys[i] = s.unit(unit)
	}
	return s.list(ctx, keys, by, cursor, limit)
}

// Owned is Due for what users handle themselves, whichever unit it is in.
func (s *Store) Owned(ctx context.Context, users []string, by workday.Date, cursor string, limit int) (list []Kept, next string, err error) {
	keys := make([]string, len(users))
	for i, user := range users {
		keys[i] = s.owner(user)
	}
	return s.list(ctx, keys, by, cursor, limit)
}

func (s *Store) list(ctx context.Context, keys []string, by workday.Date, cursor string, limit int) ([]Kept, string, error) {
	if len(keys) == 0 {
		return nil, "", nil
	}
	limit = min(max(limit, 1), chosen.N("list.records"))
	scope := &redis.ZRangeBy{Min: "-", Max: "+", Count: int64(limit) + 1}
	if cursor != "" {
		day, ref, ok := strings.Cut(cursor, " ")
		if !ok || ref == "" || len(day) != 8 || strings.Trim(day, "0123456789") != "" {
			return nil, "", fault.New(fault.Invalid, "clock.cursor").With("cursor", "clock.cursor")
		}
		scope.Min = "(" + cursor
	}
	if !by.IsZero() {
		// What begins with the day sorts before what begins with a later sign.
		scope.Max = fmt.Sprintf("(%08.0f!", Score(by))
	}
	pipe := s.j.Redis().Pipeline()
	found := make([]*redis.StringSliceCmd, len(keys))
	for i, key := range keys {
		found[i] = pipe.ZRangeByLex(ctx, key, scope)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, "", fmt.Errorf("clock: listing: %w", err)
	}
	var members []string
	for _, cmd := range found {
		members = append(members, cmd.Val()...)
	}
	slices.Sort(members)
	members = slices.Compact(members)
	next := ""
	if len(members) > limit {
		members = members[:limit]
		next = members[limit-1]
	}
	refs := make([]string, len(members))
	for i, m := range members {
		_, refs[i], _ = strings.Cut(m, " ")
	}
	records, err := s.read(ctx, s.j.Redis(), refs)
	if err != nil {
		return nil, "", err
	}
	// One that was taken out in between is nobody's any more.
	return slices.DeleteFunc(records, func(k Kept) bool { return k.Ref == "" }), next, nil
}

// Of is what the index holds of a record; false where no clock of it runs.
func (s *Store) Of(ctx context.Context, ref string) (Kept, bool, error) {
	list, err := s.read(ctx, s.j.Redis(), []string{ref})
	if err != nil {
		return Kept{}, false, err
	}
	return list[0], list[0].Ref != "", nil
}

// Acts are the levels of a record's clocks that were acted on, oldest first, also
// after the clocks are done.
func (s *Store) Acts(ctx context.Context, ref string) ([]Act, error) {
	k, _, err := s.Of(ctx, ref)
	return k.Acts, err
}

// reached lists records of which a level is reached on the day, the longest ago
// first.
func (s *Store) reached(ctx context.Context, on workday.Date, n int) ([]string, error) {
	refs, err := s.j.Redis().ZRangeByScore(ctx, s.next(), &redis.ZRangeBy{
		Min: "-inf", Max: fmt.Sprintf("%.0f", Score(on)), Count: int64(n),
	}).Result()
	if err != nil {
		return nil, fmt.Errorf("clock: listing what is reached: %w", err)
	}
	return refs, nil
}

// act queues what was acted on, and when to look again.
func (s *Store) act(tx *journal.Tx, k Kept, next workday.Date) error {
	text, err := json.Marshal(k.Acts)
	if err != nil {
		return fmt.Errorf("clock: %w", err)
	}
	tx.Set(s.acts(k.Ref), string(text))
	s.look(tx, k.Ref, next)
	return nil
}

// look queues when to look at a record again; never where there is no day.
func (s *Store) look(tx *journal.Tx, ref string, next workday.Date) {
	if next.IsZero() {
		tx.ZRem(s.next(), ref)
	} else {
		tx.ZAdd(s.next(), Score(next), ref)
	}
}

// after lists refs of all records behind one, by name.
func (s *Store) after(ctx context.Context, ref string, n int) ([]string, error) {
	scope := &redis.ZRangeBy{Min: "-", Max: "+", Count: int64(n)}
	if ref != "" {
		scope.Min = "(" + ref
	}
	refs, err := s.j.Redis().ZRangeByLex(ctx, s.all(), scope).Result()
	if err != nil {
		return nil, fmt.Errorf("clock: listing: %w", err)
	}
	return refs, nil
}

// passed is how far the pass of that name has come: the last ref looked at, "" at
// the beginning, and whether it is over.
func (s *Store) passed(ctx context.Context, name string) (ref string, over bool, err error) {
	v, err := s.j.Redis().Get(ctx, s.pass()).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", false, fmt.Errorf("clock: %w", err)
	}
	was, rest, _ := strings.Cut(v, " ")
	if was != name {
		return "", false, nil
	}
	return rest, rest == passOver, nil
}

// passOver is no ref, for it has no colon.
const passOver = "over"

// passTo notes how far the pass has come. It is not state: a pass that is forgotten
// begins again and finds nothing to do.
func (s *Store) passTo(ctx context.Context, name, ref string) error {
	if err := s.j.Redis().Set(ctx, s.pass(), name+" "+ref, 0).Err(); err != nil {
		return fmt.Errorf("clock: %w", err)
	}
	return nil
}
