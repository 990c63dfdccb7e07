package liaison

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// Keys, all under {city}:liaison:
//
//	letter:<id>            a letter, JSON, in the clear
//	letter:<id>:content    what it says, sealed
//	letter:<id>:post:<n>   a text written with a step: who and when, and the text sealed
//	from:<division>        sorted set of ids by when they were begun
//	to:<org>               sorted set of ids by when they were sent to it
//	number:<no>            id of the letter of ours with that document number
//	came:<region>:<no>     id of the inbound share with that number
//	mandate:<id>           an instrument of entrustment, JSON
//	mandates               set of their ids
//
// and of what goes to other cities and comes from them:
//
//	out                 set of codes of cities that something was queued for
//	out:<city>          sorted set of ids of parcels for the city by their place
//	out:<city>:last     the last place that was given
//	out:<city>:fetched  the place up to which the city has fetched
//	parcel:<id>         what a parcel is to say, JSON, without the text
//	in                  set of codes of cities that something came from
//	in:<city>           sorted set of ids of parcels to be opened, by when they came (ms)
//	got:<city>          set of ids of parcels that were dealt with
//	thread:<city>:<id>  the letter here that is the other city's letter with the id
//
// and the sealed parcels themselves, which no journal keeps for ever, because what
// they say must be erasable: {city}:tmp:liaison:out:<id> and …:in:<city>:<id>. One
// that is lost is made or fetched again.
type store struct{ journal *journal.Journal }

func (s store) key(parts ...string) string {
	return s.journal.Key(append([]string{"liaison"}, parts...)...)
}

var errUnknown = fault.New(fault.NotFound, "liaison.unknown")

func (s store) letter(ctx context.Context, id string) (Letter, error) {
	return s.letterIn(ctx, s.journal.Redis(), id)
}

func (s store) letterIn(ctx context.Context, rdb redis.Cmdable, id string) (Letter, error) {
	l, ok, err := journal.Read[Letter](ctx, rdb, s.key("letter", id))
	if err == nil && !ok {
		err = errUnknown
	}
	return l, err
}

// current is the letter as the commit sees it.
func (s store) current(ctx context.Context, tx *journal.Tx, id string) (Letter, error) {
	return s.letterIn(ctx, tx.Read(), id)
}

// write queues the letter.
func (s store) write(tx *journal.Tx, l Letter) error {
	return journal.Put(tx, s.key("letter", l.ID), l)
}

func (s store) content(ctx context.Context, id string) (string, error) {
	text, err := s.journal.Redis().Get(ctx, s.key("letter", id, "content")).Result()
	if err != nil {
		return "", fmt.Errorf("liaison: content: %w", err)
	}
	return text, nil
}

func (s store) setContent(tx *journal.Tx, id, sealed string) {
	tx.Set(s.key("letter", id, "content"), sealed)
}

func (s store) setPost(tx *journal.Tx, id string, n int, p storedPost) error {
	return journal.Put(tx, s.key("letter", id, "post", strconv.Itoa(n)), p)
}

func (s store) posts(ctx context.Context, id string, n int) ([]storedPost, error) {
	var out []storedPost
	for i := 1; i <= n; i++ {
		p, ok, err := journal.Read[storedPost](ctx, s.journal.Redis(), s.key("letter", id, "post", strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, p)
		}
	}
	return out, nil
}

// drop removes the sealed texts of an erased letter.
func (s store) drop(tx *journal.Tx, l Letter) {
	keys := []string{s.key("letter", l.ID, "content")}
	for i := 1; i <= l.Posts; i++ {
		keys = append(keys, s.key("letter", l.ID, "post", strconv.Itoa(i)))
	}
	tx.Del(keys...)
}

// index puts a letter on a list.
func (s store) index(tx *journal.Tx, l Letter, at float64, list ...string) {
	tx.ZAdd(s.key(list...), at, l.ID)
}

func (s store) numberKey(no string) string       { return s.key("number", no) }
func (s store) cameKey(region, no string) string { return s.key("came", region, no) }

// holder is the letter that has the key, "" where none has.
func (s store) holder(ctx context.Context, rdb redis.Cmdable, key string) (string, error) {
	id, err := rdb.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("liaison: reading: %w", err)
	}
	return id, nil
}

func (s store) takenBy(ctx context.Context, tx *journal.Tx, key string) (string, error) {
	return s.holder(ctx, tx.Read(), key)
}

func (s store) came(ctx context.Context, region, no string) (string, error) {
	return s.holder(ctx, s.journal.Redis(), s.cameKey(region, no))
}

// list reads a stretch of a list, newest first, beginning behind the cursor
// ("<score>:<id>" of the last one shown).
func (s store) list(ctx context.Context, key, cursor string, n int) ([]journal.Place, error) {
	var from journal.Place
	if cursor != "" {
		score, id, ok := strings.Cut(cursor, ":")
		at, err := strconv.ParseFloat(score, 64)
		if !ok || err != nil || math.IsNaN(at) || math.IsInf(at, 0) {
			return nil, fault.New(fault.Invalid, "liaison.cursor")
		}
		from = journal.Place{Score: at, Member: id}
	}
	return s.journal.Behind(ctx, key, from, true, n)
}

// letters reads many letters in one round trip, in order; those that are gone
// are left out.
func (s store) letters(ctx context.Context, ids []string) ([]Letter, error) {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = s.key("letter", id)
	}
	return journal.ReadAll[Letter](ctx, s.journal.Redis(), keys)
}

// mandates reads the register.
func (s store) mandates(ctx context.Context) ([]Mandate, error) {
	ids, err := s.journal.Redis().SMembers(ctx, s.key("mandates")).Result()
	if err != nil {
		return nil, fmt.Errorf("liaison: reading the register: %w", err)
	}
	var out []Mandate
	for _, id := range ids {
		m, ok, err := journal.Read[Mandate](ctx, s.journal.Redis(), s.key("mandate", id))
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, m)
		}
	}
	return out, nil
}

func (s store) mandate(ctx context.Context, tx *journal.Tx, id string) (Mandate, bool, error) {
	return journal.Read[Mandate](ctx, tx.Read(), s.key("mandate", id))
}

func (s store) putMandate(tx *journal.Tx, m Mandate) error {
	tx.SAdd(s.key("mandates"), m.ID)
	return journal.Put(tx, s.key("mandate", m.ID), m)
}

// number reads a whole number, 0 where there is none.
func number(ctx context.Context, rdb redis.Cmdable, key string) (int64, error) {
	n, err := rdb.Get(ctx, key).Int64()
	if errors.Is(err, redis.Nil) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("liaison: reading: %w", err)
	}
	return n, nil
}

// outgoing are the parcels for the city behind the place, in order.
func (s store) outgoing(ctx context.Context, city string, behind, most int64) ([]queued, error) {
	ids, err := s.journal.Redis().ZRangeByScore(ctx, s.key("out", city), &redis.ZRangeBy{Min: "(" + strconv.FormatInt(behind, 10), Max: "+inf", Count: most}).Result()
	if err != nil {
		return nil, fmt.Errorf("liaison: reading parcels: %w", err)
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = s.key("parcel", id)
	}
	return journal.ReadAll[queued](ctx, s.journal.Redis(), keys)
}

// sealed is the text of a parcel as it was sealed; "" where it is not there, or is
// not that text.
func (s store) sealed(ctx context.Context, q queued) (string, error) {
	text, err := s.journal.Redis().Get(ctx, s.bodyKey(q.ID)).Result()
	if errors.Is(err, redis.Nil) || err == nil && sum(text) != q.Sum {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("liaison: reading a parcel: %w", err)
	}
	return text, nil
}

// arrivals are the parcels from the city that are to be opened, in the order in
// which they came.
func (s store) arrivals(ctx context.Context, city string, most int64) ([]incoming, error) {
	list, err := s.journal.Redis().ZRangeWithScores(ctx, s.key("in", city), 0, most-1).Result()
	if err != nil {
		return nil, fmt.Errorf("liaison: reading parcels: %w", err)
	}
	out := make([]incoming, len(list))
	for i, z := range list {
		out[i].id, _ = z.Member.(string)
		out[i].at = time.UnixMilli(int64(z.Score)).UTC()
	}
	return out, nil
}

// incoming is a parcel that came, and when.
type incoming struct {
	id string
	at time.Time
}

// fetched is the place up to which the city has fetched.
func (s store) fetched(ctx context.Context, rdb redis.Cmdable, city string) (int64, error) {
	return number(ctx, rdb, s.key("out", city, "fetched"))
}

// cities are those that something was queued for ("out") or came from ("in").
func (s store) cities(ctx context.Context, way string) ([]string, error) {
	list, err := s.journal.Redis().SMembers(ctx, s.key(way)).Result()
	if err != nil {
		return nil, fmt.Errorf("liaison: reading: %w", err)
	}
	slices.Sort(list)
	return list, nil
}

// hold keeps a parcel's sealed text while it is under way, outside the journal.
func (s store) hold(ctx context.Context, key, text string) error {
	if err := s.journal.Redis().Set(ctx, key, text, carriedFor).Err(); err != nil {
		return fmt.Errorf("liaison: keeping a parcel: %w", err)
	}
	return nil
}

// unseal forgets the sealed text of a parcel.
func (s store) unseal(ctx context.Context, key string) error {
	if err := s.journal.Redis().Del(ctx, key).Err(); err != nil {
		return fmt.Errorf("liaison: forgetting a parcel: %w", err)
	}
	return nil
}

// held tells whether the sealed text of a parcel is here.
func (s store) held(ctx context.Context, key string) (bool, error) {
	n, err := s.journal.Redis().Exists(ctx, key).Result()
	if err != nil {
		return false, fmt.Errorf("liaison: reading: %w", err)
	}
	return n > 0, nil
}

// got tells whether a parcel of the city was taken before.
func (s store) got(ctx context.Context, rdb redis.Cmdable, city, id string) (bool, error) {
	got, err := rdb.SIsMember(ctx, s.key("got", city), id).Result()
	if err != nil {
		return false, fmt.Errorf("liaison: reading: %w", err)
	}
	return got, nil
}

// waits tells whether a parcel of the city is to be opened.
func (s store) waits(ctx context.Context, rdb redis.Cmdable, city, id string) (bool, error) {
	at, err := rdb.ZMScore(ctx, s.key("in", city), id).Result()
	if err != nil {
		return false, fmt.Errorf("liaison: reading: %w", err)
	}
	return at[0] != 0, nil
}
