package share

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/liaison"
	"ipcredit/shared/outgoing"
	"ipcredit/shared/repair"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Keys, all under {city}:share:
//
//	sub:<id>          a subscription, JSON
//	subs              set of their ids
//	delivery:<id>     a delivery, JSON
//	log:<sub>         sorted set of ids of deliveries by when they were made (ms)
//	had:<org>         sorted set of ids of records of which the organisation was told,
//	                  by when it was told first (ms)
//	end:<org>         hash: id of a record → "<event> <ms>", the last end of it that
//	                  the organisation was told of, and when
//	open:<org>        sorted set of ids of events that end such a record, by when
//	                  they were told (ms), without an answer yet
//	source:<id>       a source, JSON
//	sources           set of their ids
//	export:<id>       the note of a file that was given out, JSON
//	answered:<org>    hash: id of an event → what was answered, JSON
//	whole:<org>       hash: id of a record → when it was given whole last (ms)
//	letter:<org>      hash: id of a parcel → when it was given out last (ms)
//	letters-of:<org>  the id of the source that fetches its letters as the
//	                  organisation, JSON
//	letters-to:<city> the id of the source with which letters of the city are
//	                  exchanged, JSON
//	{city}:tmp:share:<sub>  who delivers now

// Config is what a Store works with.
type Config struct {
	Credit *credit.Store
	Staff  *staff.Store
	// Calendar returns the calendar to count by; nil counts by the shipped one.
	Calendar func(context.Context) (workday.Calendar, error)
	// Key signs deliveries; Guard says where they may go.
	Key   Key
	Guard outgoing.Guard
	// Repairs is told when everybody has confirmed the end of what was repaired; nil
	// tells nobody.
	Repairs *repair.Office
	// Public is the address at which the city is reached.
	Public string
}

// Store keeps subscriptions, what was told and what came of it. Every method that
// takes an actor asks staff.Can first. It is safe for concurrent use.
type Store struct {
	journal *journal.Journal
	mail    liaison.Mail
	config  Config
}

// New returns the store of the journal's city.
func New(j *journal.Journal, c Config) *Store {
	if c.Calendar == nil {
		c.Calendar = func(context.Context) (workday.Calendar, error) { return workday.Official(), nil }
	}
	return &Store{j, liaison.NewMail(j), c}
}

func (s *Store) key(parts ...string) string {
	return s.journal.Key(append([]string{"share"}, parts...)...)
}

func unknown() error { return fault.New(fault.NotFound, "share.unknown") }

func (s *Store) subscription(ctx context.Context, rdb redis.Cmdable, id string) (Subscription, error) {
	x, ok, err := journal.Read[Subscription](ctx, rdb, s.key("sub", id))
	if err == nil && !ok {
		err = unknown()
	}
	return x, err
}

// all are the subscriptions, the newest first.
func (s *Store) all(ctx context.Context) ([]Subscription, error) {
	ids, err := s.journal.Redis().SMembers(ctx, s.key("subs")).Result()
	if err != nil {
		return nil, fmt.Errorf("share: reading: %w", err)
	}
	out := make([]Subscription, 0, len(ids))
	for _, id := range ids {
		x, err := s.subscription(ctx, s.journal.Redis(), id)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	slices.SortFunc(out, func(a, b Subscription) int { return cmp.Or(b.AskedAt.Compare(a.AskedAt), cmp.Compare(a.ID, b.ID)) })
	return out, nil
}

// change reads a subscription in a commit, lets do change it and writes it.
func (s *Store) change(ctx context.Context, actor, action, id string, now time.Time, do func(tx *journal.Tx, x *Subscription) error) (Subscription, error) {
	var out Subscription
	key := s.key("sub", id)
	err := s.journal.Commit(ctx, journal.Entry{Actor: actor, Action: "share." + action, Ref: Ref(id), At: now}, []string{key}, func(tx *journal.Tx) error {
		x, err := s.subscription(ctx, tx.Read(), id)
		if err != nil {
			return err
		}
		if err := do(tx, &x); err != nil {
			return err
		}
		out = x
		return journal.Put(tx, key, x)
	})
	return out, err
}

// had tells of which of the records the organisation was told.
func (s *Store) had(ctx context.Context, org string, ids []string) (map[string]bool, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	times, err := s.journal.Redis().ZMScore(ctx, s.key("had", org), ids...).Result()
	if err != nil {
		return nil, fmt.Errorf("share: reading what was told: %w", err)
	}
	out := map[string]bool{}
	for i, id := range ids {
		out[id] = times[i] != 0
	}
	return out, nil
}

// told queues that the organisation is told of the changes.
func (s *Store) told(ctx context.Context, tx *journal.Tx, org string, list []Change, now time.Time) error {
	var ids, ends []string
	ended := map[string]string{}
	for _, c := range list {
		if c.Type.Ends() {
			ends = append(ends, c.ID)
			ended[c.RecordID] = c.ID
		} else {
			ids = append(ids, c.RecordID)
			delete(ended, c.RecordID) // it came back
		}
	}
	if len(ids) > 0 {
		first, err := tx.Read().ZMScore(ctx, s.key("had", org), ids...).Result()
		if err != nil {
			return fmt.Errorf("share: reading what was told: %w", err)
		}
		before, err := tx.Read().HMGet(ctx, s.key("end", org), ids...).Result()
		if err != nil {
			return fmt.Errorf("share: reading what was told: %w", err)
		}
		for i, id := range ids {
			if first[i] == 0 {
				tx.ZAdd(s.key("had", org), float64(now.UnixMilli()), id)
			}
			if end, ok := before[i].(string); ok { // it came back: nothing is owed about its end
				event, _, _ := strings.Cut(end, " ")
				tx.HDel(s.key("end", org), id)
				tx.ZRem(s.key("open", org), event)
			}
		}
	}
	if len(ends) == 0 {
		return nil
	}
	for record, event := range ended {
		tx.HSet(s.key("end", org), record, event+" "+strconv.FormatInt(now.UnixMilli(), 10))
	}
	answered, err := tx.Read().HMGet(ctx, s.key("answered", org), ends...).Result()
	if err != nil {
		return fmt.Errorf("share: reading answers: %w", err)
	}
	times, err := tx.Read().ZMScore(ctx, s.key("open", org), ends...).Result()
	if err != nil {
		return fmt.Errorf("share: reading what is open: %w", err)
	}
	for i, id := range ends {
		if answered[i] == nil && times[i] == 0 { // told again, it is not due later
			tx.ZAdd(s.key("open", org), float64(now.UnixMilli()), id)
		}
	}
	return nil
}

// open lists what the organisation has not answered, the oldest first.
func (s *Store) open(ctx context.Context, org string, most int64) ([]Open, error) {
	list, err := s.journal.Redis().ZRangeWithScores(ctx, s.key("open", org), 0, most-1).Result()
	if err != nil {
		return nil, fmt.Errorf("share: reading what is open: %w", err)
	}
	out := make([]Open, 0, len(list))
	for _, z := range list {
		id, _ := z.Member.(string)
		out = append(out, Open{Event: id, Org: org, Told: time.UnixMilli(int64(z.Score)).UTC()})
	}
	return out, nil
}

// answer keeps what the organisation answered to an event.
func (s *Store) answer(ctx context.Context, entry journal.Entry, a Answered) error {
	return s.journal.Commit(ctx, entry, nil, func(tx *journal.Tx) error { return s.keepAnswer(tx, a) })
}

// keepAnswer queues it.
func (s *Store) keepAnswer(tx *journal.Tx, a Answered) error {
	text, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("share: %w", err)
	}
	tx.HSet(s.key("answered", a.Org), a.Event, string(text))
	tx.ZRem(s.key("open", a.Org), a.Event)
	return nil
}

// answers reads what the organisation answered to the events; with none named,
// everything, in no order.
func (s *Store) answers(ctx context.Context, org string, events ...string) (map[string]Answered, error) {
	return s.answersIn(ctx, s.journal.Redis(), org, events...)
}

func (s *Store) answersIn(ctx context.Context, rdb redis.Cmdable, org string, events ...string) (map[string]Answered, error) {
	found := map[string]string{}
	if len(events) == 0 {
		all, err := rdb.HGetAll(ctx, s.key("answered", org)).Result()
		if err != nil {
			return nil, fmt.Errorf("share: reading answers: %w", err)
		}
		found = all
	} else {
		values, err := rdb.HMGet(ctx, s.key("answered", org), events...).Result()
		if err != nil {
			return nil, fmt.Errorf("share: reading answers: %w", err)
		}
		for i, v := range values {
			if text, ok := v.(string); ok {
				found[events[i]] = text
			}
		}
	}
	out := map[string]Answered{}
	for id, text := range found {
		var a Answered
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			return nil, fmt.Errorf("share: reading an answer: %w", err)
		}
		out[id] = a
	}
	return out, nil
}

func (s *Store) delivery(ctx context.Context, rdb redis.Cmdable, id string) (Delivery, error) {
	d, ok, err := journal.Read[Delivery](ctx, rdb, s.key("delivery", id))
	if err == nil && !ok {
		err = unknown()
	}
	return d, err
}

// keep queues a delivery and its place in the log.
func (s *Store) keep(tx *journal.Tx, d Delivery) error {
	tx.ZAdd(s.key("log", d.Subscription), float64(d.Made.UnixMilli()), d.ID)
	return journal.Put(tx, s.key("delivery", d.ID), d)
}

// log lists the deliveries of a subscription, the newest first, and the cursor of
// the next page.
func (s *Store) log(ctx context.Context, sub, cursor string, limit int64) ([]Delivery, string, error) {
	from := int64(0)
	if cursor != "" {
		n, err := strconv.ParseInt(cursor, 10, 32)
		if err != nil || n < 0 {
			return nil, "", fault.New(fault.Invalid, "share.cursor").With("cursor", "share.cursor")
		}
		from = n
	}
	ids, err := s.journal.Redis().ZRevRange(ctx, s.key("log", sub), from, from+limit).Result()
	if err != nil {
		return nil, "", fmt.Errorf("share: reading deliveries: %w", err)
	}
	next := ""
	if int64(len(ids)) > limit {
		ids, next = ids[:limit], strconv.FormatInt(from+limit, 10)
	}
	var out []Delivery
	for _, id := range ids {
		d, err := s.delivery(ctx, s.journal.Redis(), id)
		if err != nil {
			return nil, "", err
		}
		out = append(out, d)
	}
	return out, next, nil
}

// mostSwept deliveries go at once.
const mostSwept = 500

// oldDeliveries are those of a subscription that were made before the instant.
func (s *Store) oldDeliveries(ctx context.Context, sub string, before time.Time) ([]string, error) {
	ids, err := s.journal.Redis().ZRangeByScore(ctx, s.key("log", sub), &redis.ZRangeBy{
		Min: "-inf", Max: "(" + strconv.FormatInt(before.UnixMilli(), 10), Count: mostSwept,
	}).Result()
	if err != nil {
		return nil, fmt.Errorf("share: reading deliveries: %w", err)
	}
	return ids, nil
}

// dropDeliveries queues their end.
func (s *Store) dropDeliveries(tx *journal.Tx, sub string, ids []string) {
	if len(ids) == 0 {
		return
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = s.key("delivery", id)
	}
	tx.Del(keys...)
	tx.ZRem(s.key("log", sub), ids...)
}

// recipients reads who was told of the records, of the organisations named, by
// record and then as they are named.
func (s *Store) recipients(ctx context.Context, orgs, ids []string) ([]Recipient, error) {
	if len(orgs) == 0 || len(ids) == 0 {
		return nil, nil
	}
	first, last := make([]*redis.FloatSliceCmd, len(orgs)), make([]*redis.SliceCmd, len(orgs))
	_, err := s.journal.Redis().Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, org := range orgs {
			first[i], last[i] = p.ZMScore(ctx, s.key("had", org), ids...), p.HMGet(ctx, s.key("end", org), ids...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("share: reading who was told: %w", err)
	}
	var out []Recipient
	for i, org := range orgs {
		var mine []Recipient
		var ends []string
		for k, id := range ids {
			told := first[i].Val()[k]
			if told == 0 {
				continue
			}
			r := Recipient{Org: org, Record: id, Told: time.UnixMilli(int64(told)).UTC()}
			if text, ok := last[i].Val()[k].(string); ok {
				event, stamp, _ := strings.Cut(text, " ")
				ms, err := strconv.ParseInt(stamp, 10, 64)
				if err != nil {
					return nil, fmt.Errorf("share: reading an end of %s: %w", id, err)
				}
				r.Event, r.EndTold = event, time.UnixMilli(ms).UTC()
				ends = append(ends, event)
			}
			mine = append(mine, r)
		}
		if len(ends) > 0 {
			answered, err := s.answers(ctx, org, ends...)
			if err != nil {
				return nil, err
			}
			for k := range mine {
				if a, ok := answered[mine[k].Event]; ok {
					mine[k].Answer = &a
				}
			}
		}
		out = append(out, mine...)
	}
	slices.SortStableFunc(out, func(a, b Recipient) int { return cmp.Compare(slices.Index(ids, a.Record), slices.Index(ids, b.Record)) })
	return out, nil
}

// claim makes the caller the one that delivers to the subscription for a while;
// free ends it.
func (s *Store) claim(ctx context.Context, sub string, within time.Duration) (won bool, free func(), err error) {
	key := s.journal.Tmp("share", sub)
	won, err = s.journal.Redis().SetNX(ctx, key, "1", within).Result()
	if err != nil {
		return false, nil, fmt.Errorf("share: claiming: %w", err)
	}
	return won, func() { _ = s.journal.Redis().Del(context.WithoutCancel(ctx), key).Err() }, nil // else it ends by itself
}

func (s *Store) source(ctx context.Context, rdb redis.Cmdable, id string) (Source, error) {
	x, ok, err := journal.Read[Source](ctx, rdb, s.key("source", id))
	if err == nil && !ok {
		err = unknown()
	}
	return x, err
}

func (s *Store) sources(ctx context.Context) ([]Source, error) {
	ids, err := s.journal.Redis().SMembers(ctx, s.key("sources")).Result()
	if err != nil {
		return nil, fmt.Errorf("share: reading: %w", err)
	}
	out := make([]Source, 0, len(ids))
	for _, id := range ids {
		x, err := s.source(ctx, s.journal.Redis(), id)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}
