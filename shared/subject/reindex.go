package subject

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/journal"
)

// reindexSlice is how many numbers one commit of Reindex looks at.
const reindexSlice = 500

// memberships is what the sets of the index hold, by subject: for each number
// the places in keys of the sets it is in.
type memberships struct {
	keys []string
	of   [][]uint32
}

// Reindex makes the index entries of all subjects what this version of the
// program would write: for changes of word lists and formats. It writes only
// differences, in slices, each one commit with the given entry; progress, which
// may be nil, is told after each slice how many numbers are done and may archive
// the journal meanwhile. Subjects may be searched and changed while it runs. It
// stops with a fault where the archive is far behind; running it again goes on,
// since what is right already is not written. It needs about 200 bytes of memory
// a subject.
func (s *Store) Reindex(ctx context.Context, entry journal.Entry, progress func(done int)) error {
	last, err := s.Last(ctx)
	if err != nil || last == 0 {
		return err
	}
	held, err := s.memberships(ctx, last)
	if err != nil {
		return err
	}
	return s.InSlices(ctx, last, progress, func(from, to int) error {
		return s.reindex(ctx, entry, held, int64(from), int64(to))
	})
}

// InSlices calls work for the numbers of subjects from 1 to last, a slice after
// the other, and tells progress, which may be nil, how many are done: progress may
// archive the journal meanwhile. It stops with a fault where the archive is far
// behind.
func (s *Store) InSlices(ctx context.Context, last int, progress func(done int), work func(from, to int) error) error {
	for from := 1; from <= last; from += reindexSlice {
		if err := s.journal.Room(ctx); err != nil {
			return err
		}
		to := min(from+reindexSlice-1, last)
		if err := work(from, to); err != nil {
			return err
		}
		if progress != nil {
			progress(to)
		}
	}
	return nil
}

// Last is the last number that was given to a subject, 0 if none was.
func (s *Store) Last(ctx context.Context) (int, error) {
	last, err := s.journal.Redis().Get(ctx, s.journal.Key("seq", series)).Int()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("subject: last number: %w", err)
	}
	return last, nil
}

// Codes are the codes of the subjects with the numbers from first to last, in
// order; numbers that nobody has are passed over.
func (s *Store) Codes(ctx context.Context, first, last int) ([]string, error) {
	_, codes, _, err := s.numbered(ctx, int64(first), int64(last))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(codes, func(c string) bool { return c == "" }), nil
}

// numbered reads the cards of the numbers from first to last, the codes that
// stand in them, and the codes that stand at the old place. All are "" for a
// number that nobody has.
func (s *Store) numbered(ctx context.Context, first, last int64) (cards, codes, old []string, err error) {
	var part []candidate
	for n := first; n <= last; n++ {
		part = append(part, candidate{number: n})
	}
	if cards, err = s.cards(ctx, part, s.cardKey); err != nil {
		return nil, nil, nil, err
	}
	if old, err = s.cards(ctx, part, s.oldCodeKey); err != nil {
		return nil, nil, nil, err
	}
	codes = make([]string, len(cards))
	for i, c := range cards {
		sub, _ := ofCard(c, 0)
		if codes[i] = sub.Code; codes[i] == "" {
			codes[i] = old[i]
		}
	}
	return cards, codes, old, nil
}

// memberships reads all sets of the index, each in parts that do not hold Redis
// up.
func (s *Store) memberships(ctx context.Context, last int) (memberships, error) {
	held := memberships{of: make([][]uint32, last+1)}
	var rdb redis.Cmdable = s.journal.Redis()
	if cluster, ok := rdb.(*redis.ClusterClient); ok {
		// All keys of a city are on one node.
		node, err := cluster.MasterForKey(ctx, s.journal.Key("journal"))
		if err != nil {
			return held, fmt.Errorf("subject: finding the city's node: %w", err)
		}
		rdb = node
	}
	seen := map[string]bool{} // SCAN may return a key twice
	for cursor := uint64(0); ; {
		keys, next, err := rdb.ScanType(ctx, cursor, s.journal.Key("subject", "*"), 1000, "set").Result()
		if err != nil {
			return held, fmt.Errorf("subject: sets of the index: %w", err)
		}
		keys = slices.DeleteFunc(keys, func(key string) bool {
			again := seen[key]
			seen[key] = true
			return again
		})
		if err := held.read(ctx, rdb, keys); err != nil {
			return held, err
		}
		if cursor = next; cursor == 0 {
			return held, nil
		}
	}
}

// read adds the members of the sets.
func (m *memberships) read(ctx context.Context, rdb redis.Cmdable, keys []string) error {
	first := len(m.keys)
	m.keys = append(m.keys, keys...)
	places, cursors := make([]int, len(keys)), make([]uint64, len(keys))
	for i := range places {
		places[i] = first + i
	}
	for len(places) > 0 {
		parts := make([]*redis.ScanCmd, len(places))
		_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, place := range places {
				parts[i] = p.SScan(ctx, m.keys[place], cursors[i], "", 1000)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("subject: members of the index: %w", err)
		}
		var more []int
		var on []uint64
		for i, place := range places {
			members, next := parts[i].Val()
			for _, n := range parseNumbers(members) {
				// Who got a number since is indexed by this version.
				if n > 0 && n < int64(len(m.of)) {
					m.of[n] = append(m.of[n], uint32(place))
				}
			}
			if next != 0 {
				more, on = append(more, place), append(on, next)
			}
		}
		places, cursors = more, on
	}
	return nil
}

// reindex writes what differs for the numbers from first to last.
func (s *Store) reindex(ctx context.Context, entry journal.Entry, held memberships, first, last int64) error {
	cards, numbered, old, err := s.numbered(ctx, first, last)
	if err != nil {
		return err
	}
	var codes, watch []string
	var places []int // of codes, after first
	for i, code := range numbered {
		if code != "" {
			codes, watch, places = append(codes, code), append(watch, s.Key(code)), append(places, i)
		}
	}
	if len(codes) == 0 {
		return nil
	}
	return s.journal.Commit(ctx, entry, watch, func(tx *journal.Tx) error {
		// A document cannot change unseen, and nothing else changes its entries: so
		// what was read of them before is put right whatever happened since.
		subjects, err := s.Load(ctx, tx.Read(), codes...)
		if err != nil {
			return err
		}
		b := s.Batch(tx)
		for i, sub := range subjects {
			n := first + int64(places[i])
			if sub == nil || sub.Number != n {
				continue
			}
			b.repair(*sub, held, cards[places[i]])
			if old[places[i]] != "" {
				key, field := s.oldCodeKey(n)
				tx.HDel(key, field)
			}
		}
		b.Flush()
		return nil
	})
}

// repair queues what turns the entries that a subject has into those it should
// have. Writes of what is there already would change nothing.
func (b *Batch) repair(s Subject, held memberships, has string) {
	if want := card(s); s.Kind != Person && want != has {
		key, field := b.store.cardKey(s.Number)
		b.tx.HSet(key, field, want)
	}
	member := strconv.FormatInt(s.Number, 10)
	extra := map[string]bool{}
	for _, place := range held.of[s.Number] {
		extra[held.keys[place]] = true
	}
	for _, t := range terms(s) {
		key := t.key(b.store.journal, s.Number)
		if extra[key] {
			delete(extra, key)
			continue
		}
		m := b.of(key)
		m.add = append(m.add, member)
	}
	for key := range extra {
		m := b.of(key)
		m.remove = append(m.remove, member)
	}
}
