package journal

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// Tx queues the writes of one commit. There is no expiry among them: what ends
// on a day ends at read time, by a rule, and state that vanished by itself would
// be missing from the audit trail.
type Tx struct {
	ctx     context.Context
	read    *redis.Tx
	journal *Journal
	writes  [][]string
	last    map[string]int // the last of writes that touches the key
	beside  [][]string     // outside the journal
	drafts  []*Draft       // come before writes
}

// Draft is what a commit can queue before it begins.
type Draft struct {
	empty   bool
	encoded []byte
	args    [][]any
}

// Draft runs f, which must not read, and keeps what it queues for a commit that
// adopts it. So whoever has a guess at what a commit will find can make it ready
// beside another commit.
func (j *Journal) Draft(ctx context.Context, f func(tx *Tx) error) (*Draft, error) {
	tx := &Tx{ctx: ctx, journal: j}
	if err := f(tx); err != nil {
		return nil, err
	}
	return &Draft{empty: tx.Empty(), encoded: encode(tx.writes), args: tx.arguments()}, nil
}

// Adopt queues what was drafted. It comes before what is queued otherwise, so it is
// called first.
func (tx *Tx) Adopt(d *Draft) { tx.drafts = append(tx.drafts, d) }

// encoded are all writes in replayable form.
func (tx *Tx) encoded() []byte {
	own := encode(tx.writes)
	if len(tx.drafts) == 0 {
		return own
	}
	var all []byte
	for _, d := range tx.drafts {
		all = append(all, d.encoded...)
	}
	return append(all, own...)
}

// counter is the one write that Redis does not know: on restore the series
// goes on after the number.
const counter = "COUNTER"

// Read sees the state before this commit's writes.
func (tx *Tx) Read() redis.Cmdable { return tx.read }

// Watch adds keys whose change must make the commit start again; call it before
// reading them.
func (tx *Tx) Watch(keys ...string) error {
	if err := tx.read.Watch(tx.ctx, keys...).Err(); err != nil {
		return fmt.Errorf("journal: watch: %w", err)
	}
	return nil
}

// WatchTexts is Watch, and Texts of the same keys, in one round trip.
func (tx *Tx) WatchTexts(keys ...string) ([]string, error) {
	watch := []any{"WATCH"}
	for _, key := range keys {
		watch = append(watch, key)
	}
	pipe := tx.read.Pipeline()
	pipe.Do(tx.ctx, watch...)
	found := pipe.MGet(tx.ctx, keys...)
	if _, err := pipe.Exec(tx.ctx); err != nil {
		return nil, fmt.Errorf("journal: watch: %w", err)
	}
	return textsOf(found.Val()), nil
}

// Journal is where this commit goes.
func (tx *Tx) Journal() *Journal { return tx.journal }

// Empty tells whether nothing is queued so far: such a commit changes nothing and
// leaves no entry.
func (tx *Tx) Empty() bool {
	return len(tx.writes) == 0 && !slices.ContainsFunc(tx.drafts, func(d *Draft) bool { return !d.empty })
}

// Set replaces the string at key and removes its expiry.
func (tx *Tx) Set(key, value string) { tx.queue("SET", key, value) }

// Del removes keys.
func (tx *Tx) Del(keys ...string) {
	if len(keys) > 0 {
		tx.add(append([]string{"DEL"}, keys...), keys)
	}
}

// HSet sets one field of the hash at key.
func (tx *Tx) HSet(key, field, value string) { tx.queue("HSET", key, field, value) }

// HDel removes fields of the hash at key.
func (tx *Tx) HDel(key string, fields ...string) { tx.queueAll("HDEL", key, fields) }

// SAdd adds members to the set at key.
func (tx *Tx) SAdd(key string, members ...string) { tx.queueAll("SADD", key, members) }

// SRem removes members of the set at key.
func (tx *Tx) SRem(key string, members ...string) { tx.queueAll("SREM", key, members) }

// ZAdd sets the score of member in the sorted set at key.
func (tx *Tx) ZAdd(key string, score float64, member string) {
	tx.queue("ZADD", key, strconv.FormatFloat(score, 'f', -1, 64), member)
}

// ZRem removes members of the sorted set at key.
func (tx *Tx) ZRem(key string, members ...string) { tx.queueAll("ZREM", key, members) }

// Forget removes keys under Tmp in the same transaction, beside the journal: what
// a commit is done with need not be taken away after it, by one more write. A
// commit without writes removes nothing.
func (tx *Tx) Forget(keys ...string) {
	if len(keys) > 0 {
		tx.beside = append(tx.beside, append([]string{"DEL"}, keys...))
	}
}

// ForgetIn removes members of the sorted set at a key under Tmp likewise.
func (tx *Tx) ForgetIn(key string, members ...string) {
	if len(members) > 0 {
		tx.beside = append(tx.beside, append([]string{"ZREM", key}, members...))
	}
}

// Counter records that number n of the series was taken.
func (tx *Tx) Counter(name string, n int64) {
	tx.queue(counter, tx.journal.Key("seq", name), strconv.FormatInt(n, 10))
}

// joins are the commands of which two on the same key are one with the members of
// both. To Redis a command costs as much as ten members, and a list of the city
// gets a member of each row of an import.
var joins = map[string]bool{"SADD": true, "ZADD": true, "HSET": true}

// longestJoined is how many arguments a joined command has at most.
const longestJoined = 10_000

func (tx *Tx) queueAll(command, key string, rest []string) {
	if len(rest) == 0 {
		return
	}
	w := make([]string, 0, len(rest)+2)
	tx.queue(append(append(w, command, key), rest...)...)
}

// queue adds a command, or its members to the last one on its key. Writes are
// absolute and those on different keys don't touch each other, so what counts is
// the order on each key, and that stays.
func (tx *Tx) queue(command ...string) {
	verb, key := command[0], command[1]
	if joins[verb] {
		if i, ok := tx.last[key]; ok && tx.writes[i][0] == verb && len(tx.writes[i]) < longestJoined {
			tx.writes[i] = append(tx.writes[i], command[2:]...)
			return
		}
	}
	tx.add(command, command[1:2])
}

// add appends a command that touches these keys.
func (tx *Tx) add(command, keys []string) {
	if tx.last == nil {
		tx.last = map[string]int{}
	}
	for _, key := range keys {
		tx.last[key] = len(tx.writes)
	}
	tx.writes = append(tx.writes, command)
}

// apply gives Redis the commands.
func (tx *Tx) apply(p redis.Pipeliner) {
	for _, d := range tx.drafts {
		for _, args := range d.args {
			p.Do(tx.ctx, args...)
		}
	}
	for _, args := range tx.arguments() {
		p.Do(tx.ctx, args...)
	}
}

// arguments are the commands as Redis is given them: first the strings of keys that
// nothing touched before, all as one, then the others in their order.
func (tx *Tx) arguments() [][]any {
	all := [][]any{{"MSET"}}
	touched := make(map[string]bool, len(tx.last))
	for _, w := range tx.writes {
		switch {
		case w[0] == counter: // INCR was done when the number was taken
		case w[0] == "SET" && !touched[w[1]]:
			all[0] = append(all[0], &w[1], &w[2])
		default:
			all = append(all, arguments(w))
		}
		touched[w[1]] = true
		if w[0] == "DEL" {
			for _, key := range w[2:] {
				touched[key] = true
			}
		}
	}
	if len(all[0]) == 1 {
		return all[1:]
	}
	return all
}

// arguments are pointers because those need no memory of their own.
func arguments(command []string) []any {
	args := make([]any, len(command))
	for i := range command {
		args[i] = &command[i]
	}
	return args
}
