package casework

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/workday"
)

// base keeps cases in Redis. Its keys, all under the city's hash tag:
//
//	casework:<no>                   Case, JSON: all that is in the clear
//	casework:<no>:content           sealed: facts, persons, address of a zone
//	casework:<no>:notes             hash: number of the note → note, its text sealed
//	casework:<no>:documents         hash: number → document, its fields sealed
//	casework:open:<unit>            sorted set of numbers by the day of the next limit
//	casework:closed:<unit>          sorted set of numbers by the day of closing
//	casework:offered:<unit>         sorted set of what others offered to the unit
//	casework:mine:<user>            sorted set of what a user handles
//	casework:by:<field>:<value>     set of numbers: state, kind, party, number, tag,
//	                                campaign, office, tipoff, handler, queue
//	casework:once:<hash>            hash of a form's ticket → number of its case
//	casework:export:<n>             who took what out for which purpose
//	casework:templates              hash: id → template, JSON
//	casework:template:<id>          hash: version → what it was
//	casework:infringed:<code>       hash: instrument → day and case
type base struct {
	j      *journal.Journal
	clocks *clock.Store
}

func (b base) key(parts ...string) string {
	return b.j.Key(append([]string{"casework"}, parts...)...)
}

func (b base) by(field, value string) string { return b.key("by", field, value) }

func (b base) read(ctx context.Context, r redis.Cmdable, number string) (Case, error) {
	c, ok, err := journal.Read[Case](ctx, r, b.key(number))
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "casework.none")
	}
	return c, err
}

// one reads a case; NotFound "casework.none" without it.
func (b base) one(ctx context.Context, number string) (Case, error) {
	return b.read(ctx, b.j.Redis(), number)
}

// many returns those of the numbers that exist, in their order.
func (b base) many(ctx context.Context, numbers []string) ([]Case, error) {
	keys := make([]string, len(numbers))
	for i, n := range numbers {
		keys[i] = b.key(n)
	}
	return journal.ReadAll[Case](ctx, b.j.Redis(), keys)
}

func (b base) content(ctx context.Context, number string) (string, error) {
	return journal.Text(ctx, b.j.Redis(), b.key(number, "content"))
}

// hash reads a hash whose fields are numbers, in their order.
func (b base) hash(ctx context.Context, key string) ([]string, error) {
	return journal.Numbered(ctx, b.j.Redis(), key)
}

// field reads one field of a hash, "" without it.
func (b base) field(ctx context.Context, r redis.Cmdable, key, field string) (string, error) {
	v, err := r.HGet(ctx, key, field).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("casework: reading: %w", err)
	}
	return v, nil
}

// all reads a whole hash.
func (b base) all(ctx context.Context, key string) (map[string]string, error) {
	v, err := b.j.Redis().HGetAll(ctx, key).Result()
	if err != nil {
		return nil, fmt.Errorf("casework: reading: %w", err)
	}
	return v, nil
}

// size is how many fields a hash has.
func (b base) size(ctx context.Context, key string) (int64, error) {
	n, err := b.j.Redis().HLen(ctx, key).Result()
	if err != nil {
		return 0, fmt.Errorf("casework: reading: %w", err)
	}
	return n, nil
}

// members are those of a set, sorted.
func (b base) members(ctx context.Context, key string) ([]string, error) {
	v, err := b.j.Redis().SMembers(ctx, key).Result()
	if err != nil {
		return nil, fmt.Errorf("casework: reading: %w", err)
	}
	slices.Sort(v)
	return v, nil
}

// ticketed is the number of the case that a form's ticket opened already.
func (b base) ticketed(ctx context.Context, tx *journal.Tx, ticket string) (string, error) {
	key := b.key("once", ticket)
	if err := tx.Watch(key); err != nil {
		return "", err
	}
	return journal.Text(ctx, tx.Read(), key)
}

// update changes a case that stands in the version seen, in one commit. f may
// queue more writes.
func (b base) update(ctx context.Context, e journal.Entry, seen Seen, rules Rules, f func(tx *journal.Tx, c *Case) error) (Case, error) {
	var c Case
	e.Ref = Ref(seen.Number)
	err := b.j.Commit(ctx, e, []string{b.key(seen.Number)}, func(tx *journal.Tx) error {
		var before Case
		var err error
		if before, c, err = b.pair(ctx, tx, seen); err != nil {
			return err
		}
		if err := f(tx, &c); err != nil {
			return err
		}
		return b.put(tx, before, &c, rules, e.At)
	})
	return c, err
}

// pair reads a case twice, for what it was and what becomes of it.
func (b base) pair(ctx context.Context, tx *journal.Tx, seen Seen) (before, c Case, err error) {
	if err = tx.Watch(b.key(seen.Number)); err != nil {
		return before, c, err
	}
	if before, err = b.read(ctx, tx.Read(), seen.Number); err != nil {
		return before, c, err
	}
	if before.Version != seen.Version {
		return before, c, fault.New(fault.Stale, "casework.stale")
	}
	// What changes the one must not write into what the other shares.
	c, err = b.read(ctx, tx.Read(), seen.Number)
	return before, c, err
}

// put writes the case in its next version, and where it stands in the lists.
func (b base) put(tx *journal.Tx, before Case, c *Case, rules Rules, at time.Time) error {
	today := workday.DateOf(at)
	c.Version++
	value, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("casework: %w", err)
	}
	tx.Set(b.key(c.Number), string(value))
	clocks, err := c.Clocks(rules, today)
	if err != nil {
		return err
	}
	is, was := b.places(*c, clocks), places{}
	if before.Number != "" {
		old, err := before.Clocks(rules, today)
		if err != nil {
			return err
		}
		was = b.places(before, old)
	}
	is.replace(tx, was, c.Number)
	if before.Penalty == nil && c.Penalty != nil {
		b.infringe(tx, *c)
	}
	return b.keep(tx, *c, clocks, rules)
}

// infringe notes a decided trademark infringement with each party it is of.
func (b base) infringe(tx *journal.Tx, c Case) {
	if c.Penalty == nil || c.Penalty.Target != MarkInfringer {
		return
	}
	for _, p := range c.Parties {
		if p.Code != "" && p.Role == Respondent {
			tx.HSet(b.key("infringed", p.Code), c.Penalty.Instrument, c.Penalty.On.String()+" "+c.Number)
		}
	}
}

// viewed notes when a user was last shown the case.
func (b base) viewed(tx *journal.Tx, number, user string, at time.Time) {
	tx.HSet(b.key(number, "views"), user, at.UTC().Format(time.RFC3339))
}

// keep hands the clocks to the index of deadline-tick.
func (b base) keep(tx *journal.Tx, c Case, clocks []Clock, rules Rules) error {
	if b.clocks == nil {
		return nil
	}
	return b.clocks.Keep(tx, clock.Kept{
		Ref: Ref(c.Number), Unit: c.Unit, Division: c.Division, Owners: c.Owners(), Matter: "casework", Clocks: kept(clocks),
		Calendar: rules.Filled().Calendar.Version(), Link: "case-handling/cases/" + c.Number,
	})
}

// places are where a case stands in the lists: key → score, unranked for sets.
type places map[string]float64

const unranked = -1

func (b base) places(c Case, clocks []Clock) places {
	p := places{}
	next, _ := clock.Next(kept(clocks))
	due := clock.Score(next.Due)
	if c.Open() {
		p[b.key("open", c.Unit)] = due
		for _, h := range c.Handlers {
			p[b.key("mine", h)] = due
			p[b.by("handler", h)] = unranked
		}
		if len(c.Handlers) == 0 {
			p[b.by("queue", "waiting")] = unranked
		}
		if c.Offer != nil {
			p[b.key("offered", c.Offer.To)] = due
		}
	} else {
		var on workday.Date
		for _, e := range c.Events {
			if e.What == string(c.State) {
				on = e.On
			}
		}
		p[b.key("closed", c.Unit)] = clock.Score(on)
	}
	set := func(field, value string) {
		if value != "" {
			p[b.by(field, value)] = unranked
		}
	}
	set("state", string(c.State))
	set("kind", string(c.Kind))
	set("campaign", c.Campaign)
	set("office", c.Office)
	for _, x := range c.Parties {
		set("party", x.Code)
	}
	for _, x := range slices.Concat(c.Applications, c.Marks) {
		set("number", x)
	}
	for _, x := range c.Tags {
		set("tag", x)
	}
	for _, x := range c.TipOffs {
		set("tipoff", x)
	}
	return p
}

// replace queues what changed from was. Keys go in their order, so that the same
// change is the same entry.
func (p places) replace(tx *journal.Tx, was places, number string) {
	sorted := func(m places) []string {
		keys := make([]string, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		return keys
	}
	for _, k := range sorted(was) {
		if _, still := p[k]; still {
			continue
		}
		if was[k] == unranked {
			tx.SRem(k, number)
		} else {
			tx.ZRem(k, number)
		}
	}
	for _, k := range sorted(p) {
		old, had := was[k]
		switch {
		case had && old == p[k]:
		case p[k] == unranked:
			tx.SAdd(k, number)
		default:
			tx.ZAdd(k, p[k], number)
		}
	}
}

// rank lists what is in the ranked key and in all the sets, from behind a place
// on, at most n. One key alone is read by ranges; several are intersected by
// Redis, beginning with the smallest.
func (b base) rank(ctx context.Context, key string, sets []string, behind journal.Place, descending bool, n int) ([]journal.Place, error) {
	if len(sets) == 0 {
		return b.j.Behind(ctx, key, behind, descending, n)
	}
	keys := append([]string{key}, sets...)
	weights := make([]float64, len(keys))
	weights[0] = 1
	found, err := b.j.Redis().ZInterWithScores(ctx, &redis.ZStore{Keys: keys, Weights: weights}).Result()
	if err != nil {
		return nil, fmt.Errorf("casework: listing: %w", err)
	}
	var out []journal.Place
	for _, z := range found {
		number, _ := z.Member.(string)
		if x := (journal.Place{Score: z.Score, Member: number}); x.Behind(behind, descending) {
			out = append(out, x)
		}
	}
	// The embedded server returns them in an order of its own.
	slices.SortFunc(out, func(x, y journal.Place) int {
		switch {
		case x == y:
			return 0
		case x.Behind(y, descending):
			return 1
		}
		return -1
	})
	return out[:min(n, len(out))], nil
}

// infringed lists a party's decided infringements: instrument → "day case".
func (b base) infringed(ctx context.Context, code string) ([]Infringed, error) {
	all, err := b.all(ctx, b.key("infringed", code))
	if err != nil {
		return nil, err
	}
	var out []Infringed
	for instrument, v := range all {
		day, number, _ := strings.Cut(v, " ")
		on, err := workday.ParseDate(day)
		if err != nil {
			return nil, fmt.Errorf("casework: reading: %w", err)
		}
		out = append(out, Infringed{On: on, Instrument: instrument, Case: number})
	}
	slices.SortFunc(out, func(x, y Infringed) int {
		return 2*x.On.Compare(y.On) + strings.Compare(x.Instrument, y.Instrument)
	})
	return out, nil
}

// next takes the next number of a series.
func (b base) next(ctx context.Context, series string) (int64, error) {
	n, err := b.j.Next(ctx, series)
	if err != nil {
		return 0, fmt.Errorf("casework: %w", err)
	}
	return n, nil
}

// recounts writes places and clocks of those whose limit has moved without
// anybody's doing: by the day, by the calendar. The cases themselves, and their
// versions, stay.
func (b base) recounts(ctx context.Context, found []journal.Place, rules Rules, now time.Time) (moved int, err error) {
	numbers := journal.Members(found)
	cases, err := b.many(ctx, numbers)
	if err != nil {
		return 0, err
	}
	today := workday.DateOf(now)
	for _, c := range cases {
		at := found[slices.Index(numbers, c.Number)]
		clocks, err := c.Clocks(rules, today)
		if err != nil {
			return moved, err
		}
		if b.places(c, clocks)[b.key("open", c.Unit)] == at.Score {
			continue
		}
		e := journal.Entry{Actor: "system", Action: "casework.recount", Ref: Ref(c.Number), At: now}
		err = b.j.Commit(ctx, e, []string{b.key(c.Number)}, func(tx *journal.Tx) error {
			c, err := b.read(ctx, tx.Read(), c.Number)
			if err != nil || !c.Open() {
				return err
			}
			clocks, err := c.Clocks(rules, today)
			if err != nil {
				return err
			}
			for key, v := range b.places(c, clocks) {
				if v != unranked {
					tx.ZAdd(key, v, c.Number)
				}
			}
			return b.keep(tx, c, clocks, rules)
		})
		if err != nil {
			return moved, err
		}
		moved++
	}
	return moved, nil
}

// recounted is the mark of the last Reclock; none after Redis was lost, and then
// it is done again.
func (b base) recounted(ctx context.Context) (string, error) {
	mark, err := b.j.Redis().Get(ctx, b.j.Tmp("casework", "recounted")).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return mark, err
}

func (b base) setRecounted(ctx context.Context, mark string) error {
	return b.j.Redis().Set(ctx, b.j.Tmp("casework", "recounted"), mark, 0).Err()
}
