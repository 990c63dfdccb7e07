package tipoff

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/calendar"
	"ipcredit/shared/clock"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/pace"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"
)

// store keeps tip-offs in Redis. Its keys, all under the city's hash tag:
//
//	tipoff:<no>            Report, JSON: all that is in the clear
//	tipoff:<no>:receipt    what the receipt derives: tag.fingerprint
//	tipoff:<no>:content    sealed content
//	tipoff:<no>:thread     hash: number of the message → sealed message
//	tipoff:<no>:notes      hash: number of the note → note, its text sealed
//	tipoff:<no>:reasons    hash: id of the request → sealed reason
//	tipoff:<no>:once       hash: hash of a form's ticket → hash of what it sent, keyed
//	tipoff:<no>:views      hash: user → when he last looked
//	tipoff:open:<unit>     sorted set of numbers by the day of the next limit
//	tipoff:closed:<unit>   sorted set of numbers by the day of closing
//	tipoff:retain          sorted set of numbers by the last day they are kept
//	tmp:tipoff:reclock     how far Reclock has come
//	tmp:pace:tipoff:…      tries of receipts
//
// What is due is in the index of package clock as well, written in each commit.
type store struct {
	j *journal.Journal
	// rules have the shipped calendar; law has the one in force.
	rules    Rules
	calendar *calendar.Store // nil where the rules were given a calendar of their own
	clocks   *clock.Store
}

func newStore(j *journal.Journal, rules Rules) store {
	s := store{j: j, rules: rules.Filled(), clocks: clock.New(j)}
	if len(rules.Calendar.Years()) == 0 {
		s.calendar = calendar.New(j)
	}
	return s
}

// law are the rules with the calendar in force: what counts working days.
func (s store) law(ctx context.Context) (Rules, error) {
	rules := s.rules
	if s.calendar == nil {
		return rules, nil
	}
	var err error
	rules.Calendar, err = s.calendar.Current(ctx)
	return rules, err
}

func (s store) key(number string, part ...string) string {
	return s.j.Key(append([]string{"tipoff", number}, part...)...)
}

func (s store) open(unit string) string   { return s.j.Key("tipoff", "open", unit) }
func (s store) closed(unit string) string { return s.j.Key("tipoff", "closed", unit) }
func (s store) retain() string            { return s.j.Key("tipoff", "retain") }

// receipt is what stands beside the number for its receipt, "" where the number
// does not exist.
func (s store) receipt(ctx context.Context, number string) (string, error) {
	return journal.Text(ctx, s.j.Redis(), s.key(number, "receipt"))
}

func (s store) content(ctx context.Context, number string) (string, error) {
	return journal.Text(ctx, s.j.Redis(), s.key(number, "content"))
}

// report returns a report; false when there is none.
func (s store) report(ctx context.Context, number string) (Report, bool, error) {
	return s.read(ctx, s.j.Redis(), number)
}

func (s store) read(ctx context.Context, c redis.Cmdable, number string) (Report, bool, error) {
	return journal.Read[Report](ctx, c, s.key(number))
}

func (s store) keys(numbers []string, part ...string) []string {
	keys := make([]string, len(numbers))
	for i, n := range numbers {
		keys[i] = s.key(n, part...)
	}
	return keys
}

// reports returns those of the numbers that exist, in their order.
func (s store) reports(ctx context.Context, numbers []string) ([]Report, error) {
	return journal.ReadAll[Report](ctx, s.j.Redis(), s.keys(numbers))
}

// contents returns the sealed contents of the numbers, "" for what is missing.
func (s store) contents(ctx context.Context, numbers []string) ([]string, error) {
	return journal.Texts(ctx, s.j.Redis(), s.keys(numbers, "content"))
}

// hash reads a hash of the report whose fields are numbers, in their order.
func (s store) hash(ctx context.Context, number, part string) ([]string, error) {
	return journal.Numbered(ctx, s.j.Redis(), s.key(number, part))
}

func (s store) reasons(ctx context.Context, number string) (map[string]string, error) {
	all, err := s.j.Redis().HGetAll(ctx, s.key(number, "reasons")).Result()
	if err != nil {
		return nil, fmt.Errorf("tipoff: reading: %w", err)
	}
	return all, nil
}

func (s store) views(ctx context.Context, number string) ([]Look, error) {
	all, err := s.j.Redis().HGetAll(ctx, s.key(number, "views")).Result()
	if err != nil {
		return nil, fmt.Errorf("tipoff: reading: %w", err)
	}
	var looks []Look
	for user, at := range all {
		t, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return nil, fmt.Errorf("tipoff: reading a view: %w", err)
		}
		looks = append(looks, Look{By: user, At: t})
	}
	slices.SortFunc(looks, func(a, b Look) int { return b.At.Compare(a.At) })
	return looks, nil
}

// lodge writes a new report, unless its number is taken: then it returns what
// stands there for its receipt and writes nothing. also adds writes of others.
func (s store) lodge(ctx context.Context, entry journal.Entry, r Report, receipt, content string, rules Rules, also func(tx *journal.Tx) error) (taken string, err error) {
	key := s.key(r.Number, "receipt")
	err = s.j.Commit(ctx, entry, []string{key}, func(tx *journal.Tx) error {
		var err error
		if taken, err = journal.Text(ctx, tx.Read(), key); err != nil || taken != "" {
			return err
		}
		tx.Set(key, receipt)
		tx.Set(s.key(r.Number, "content"), content)
		if err := s.write(tx, Report{}, r, rules, entry.At); err != nil {
			return err
		}
		return also(tx)
	})
	return taken, err
}

// update changes a report in one commit. f may queue more writes; a report that
// f leaves as it was is written all the same, for the trail of who looked.
func (s store) update(ctx context.Context, entry journal.Entry, number string, f func(tx *journal.Tx, r *Report) error) (Report, error) {
	var r Report
	entry.Ref = Ref(number)
	err := s.j.Commit(ctx, entry, []string{s.key(number)}, func(tx *journal.Tx) error {
		before, known, err := s.read(ctx, tx.Read(), number)
		if err != nil {
			return err
		}
		if !known {
			return fault.New(fault.NotFound, "tipoff.none")
		}
		// f must not write into what before shares.
		if r, _, err = s.read(ctx, tx.Read(), number); err != nil {
			return err
		}
		if err := f(tx, &r); err != nil {
			return err
		}
		return s.put(ctx, tx, before, r, entry.At)
	})
	return r, err
}

// put is write under the law in force.
func (s store) put(ctx context.Context, tx *journal.Tx, before, r Report, at time.Time) error {
	rules, err := s.law(ctx)
	if err != nil {
		return err
	}
	return s.write(tx, before, r, rules, at)
}

// write writes the report, where it stands in the lists, and its clocks.
func (s store) write(tx *journal.Tx, before, r Report, rules Rules, at time.Time) error {
	value, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("tipoff: %w", err)
	}
	tx.Set(s.key(r.Number), string(value))
	clocks, err := r.Clocks(rules, workday.DateOf(at))
	if err != nil {
		return err
	}
	is, was := place{}, place{}
	is.of(s, r, clocks)
	if before.Number != "" {
		old, err := before.Clocks(rules, workday.DateOf(at))
		if err != nil {
			return err
		}
		was.of(s, before, old)
	}
	if is.list != was.list && was.list != "" {
		tx.ZRem(was.list, r.Number)
	}
	// Also where nothing happened: what it was put there by may have been another
	// calendar.
	tx.ZAdd(is.list, is.score, r.Number)
	if is.retained != was.retained {
		if is.retained == 0 {
			tx.ZRem(s.retain(), r.Number)
		} else {
			tx.ZAdd(s.retain(), is.retained, r.Number)
		}
	}
	return s.clocks.Keep(tx, r.kept(clocks, rules.Calendar.Version()))
}

// place is where a report stands in the lists.
type place struct {
	list     string
	score    float64
	retained float64 // 0 where nothing waits to be erased
}

func (p *place) of(s store, r Report, clocks []Clock) {
	if r.State.Open() {
		next, _ := Next(clocks)
		p.list, p.score = s.open(r.Unit), clock.Score(next.Due)
		return
	}
	p.list, p.score = s.closed(r.Unit), clock.Score(r.Day)
	for _, e := range r.Events {
		if e.What == string(Closed) {
			p.score = clock.Score(e.On)
		}
	}
	for _, k := range clocks {
		if k.Name == RetentionClock && k.Done.IsZero() && !r.Held {
			p.retained = clock.Score(k.Due)
		}
	}
}

// set queues one field of a hash of the report.
func (s store) set(tx *journal.Tx, number, part, field, value string) {
	tx.HSet(s.key(number, part), field, value)
}

// once tells whether a form's ticket was used for this report, and notes it; the
// ticket and what it sent are known by hashes keyed with each other. A ticket
// used for something else is a fault.
func (s store) once(ctx context.Context, tx *journal.Tx, number, ticket, sent string) (again bool, err error) {
	if ticket == "" {
		return false, nil
	}
	field, value := onceMark(ticket, sent)
	key := s.key(number, "once")
	if err := tx.Watch(key); err != nil {
		return false, err
	}
	was, err := tx.Read().HGet(ctx, key, field).Result()
	switch {
	case errors.Is(err, redis.Nil):
		tx.HSet(key, field, value)
		return false, nil
	case err != nil:
		return false, fmt.Errorf("tipoff: reading: %w", err)
	case was != value:
		return false, fault.New(fault.Refused, "tipoff.key.reused").With("Idempotency-Key", "tipoff.key.reused")
	}
	return true, nil
}

// clear drops everything of a report but what stands in the clear and what knows
// its receipt.
func (s store) clear(tx *journal.Tx, number string) {
	tx.Del(s.key(number, "content"), s.key(number, "thread"), s.key(number, "notes"), s.key(number, "reasons"),
		s.key(number, "once"), s.key(number, "views"))
}

// setContent replaces the sealed content.
func (s store) setContent(tx *journal.Tx, number, value string) {
	tx.Set(s.key(number, "content"), value)
}

// setReceipt replaces what stands for the receipt.
func (s store) setReceipt(tx *journal.Tx, number, value string) {
	tx.Set(s.key(number, "receipt"), value)
}

// after reads up to n places of a unit's list behind a place; fewer are its end.
func (s store) after(ctx context.Context, unit string, closed bool, from journal.Place, n int) ([]journal.Place, error) {
	key := s.open(unit)
	if closed {
		key = s.closed(unit)
	}
	return s.j.Behind(ctx, key, from, closed, n)
}

// list reads the first n numbers of a unit: open ones by their next limit, closed
// ones newest first.
func (s store) list(ctx context.Context, unit string, closed bool, n int) ([]string, error) {
	places, err := s.after(ctx, unit, closed, journal.Place{}, n)
	return journal.Members(places), err
}

// page is how many tip-offs are read at a time.
const page = 200

// places reads up to n places of a list behind a place; fewer are its end.
type places func(ctx context.Context, from journal.Place, n int) ([]journal.Place, error)

// of are the places of a unit's list.
func (s store) of(unit string, closed bool) places {
	return func(ctx context.Context, from journal.Place, n int) ([]journal.Place, error) {
		return s.after(ctx, unit, closed, from, n)
	}
}

// retained are those whose last day is no later than the day.
func (s store) retained(on workday.Date) places {
	return func(ctx context.Context, from journal.Place, n int) ([]journal.Place, error) {
		found, err := s.j.Behind(ctx, s.retain(), from, false, n)
		if past := slices.IndexFunc(found, func(at journal.Place) bool { return at.Score > clock.Score(on) }); past >= 0 {
			found = found[:past]
		}
		return found, err
	}
}

// each goes through the tip-offs of a list, page by page, until there are no more
// or visit wants none. It goes on behind the last place and not by counting, so
// that nobody is missed because others left the list meanwhile.
func (s store) each(ctx context.Context, list places, visit func(Report) (more bool, err error)) error {
	for from := (journal.Place{}); ; {
		some, err := list(ctx, from, page)
		if err != nil {
			return err
		}
		reports, err := s.reports(ctx, journal.Members(some))
		if err != nil {
			return err
		}
		for _, r := range reports {
			if more, err := visit(r); err != nil || !more {
				return err
			}
		}
		if len(some) < page {
			return nil
		}
		from = some[len(some)-1]
	}
}

// reclocked is how far the pass of that name has come: the last number looked at.
func (s store) reclocked(ctx context.Context, name string) (last string, err error) {
	v, err := journal.Text(ctx, s.j.Redis(), s.j.Tmp("tipoff", "reclock"))
	if was, last, _ := strings.Cut(v, " "); was == name {
		return last, err
	}
	return "", err
}

// reclockedTo notes it. It is no state: a pass that is forgotten begins again and
// finds nothing to do.
func (s store) reclockedTo(ctx context.Context, name, last string) error {
	if err := s.j.Redis().Set(ctx, s.j.Tmp("tipoff", "reclock"), name+" "+last, 0).Err(); err != nil {
		return fmt.Errorf("tipoff: %w", err)
	}
	return nil
}

// try counts a wrong try of a receipt from a network; the number counts whether or
// not it exists.
func (s store) try(ctx context.Context, number, network string, now time.Time) error {
	if network == "" {
		return nil
	}
	_, terms, err := ruleset.Of[triesTerms](s.rules.Set, "tipoff-tries", workday.DateOf(now))
	if err != nil {
		return err
	}
	wait, err := pace.Take(ctx, s.j, "tipoff:"+number+":"+network, pace.Limit{PerMinute: terms.PerMinute, Burst: terms.Burst}, 1, now)
	if err != nil {
		return fmt.Errorf("tipoff: %w", err)
	}
	if wait > 0 {
		return fault.New(fault.TooMany, "tipoff.tries").After(wait)
	}
	return nil
}

// other reads a second report within a commit that changes both.
func (s store) other(ctx context.Context, tx *journal.Tx, number string) (Report, error) {
	if err := tx.Watch(s.key(number)); err != nil {
		return Report{}, err
	}
	r, known, err := s.read(ctx, tx.Read(), number)
	if err == nil && !known {
		err = fault.New(fault.NotFound, "tipoff.none")
	}
	return r, err
}
