package staff

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// Store keeps staff in Redis. Its keys, all under the city's hash tag:
//
//	staff:org:<id>            Organization        staff:orgs              set of ids
//	staff:code:<code>         id of the organisation with this credit code
//	staff:below:<id>          set of ids directly beneath an organisation
//	staff:user:<id>           User                staff:members:<org>     set of user ids
//	staff:name:<username>     user id             staff:holders:<role>    set of user ids (administrators)
//	staff:key:<id>            Key                 staff:keys              set of ids
//	staff:proposal:<id>       Proposal            staff:proposals         set of open ids
//	staff:activation:<hash>   Activation          staff:activations:<code> set of hashes
//	staff:once:<hash>         Made                staff:onces             sorted set of hashes by time
//	staff:inbox:<org>         sorted set of ids   staff:unread:<org>      set of ids
//	staff:message:<org>:<id>  Message             staff:locked            the latest lock
//	staff-secret:<user>       credential: only staff-session's Redis user may read it
//	tmp:session:<hash>        Session             tmp:sessions:<user>     sorted set of hashes
//	tmp:try:<mac>             Failures            tmp:keyuse:<id>         last use of a key
//	tmp:keyrate:<id>          token bucket of a key
type Store struct {
	j *journal.Journal
	p Params
}

// New returns the store of the journal's city with the embedded parameters.
func New(j *journal.Journal) *Store { return &Store{j: j, p: Defaults()} }

// With returns a store with other parameters.
func (s *Store) With(p Params) *Store { return &Store{j: s.j, p: p} }

// Params are the numbers the store works by.
func (s *Store) Params() Params { return s.p }

func (s *Store) key(parts ...string) string {
	return s.j.Key(append([]string{"staff"}, parts...)...)
}

func (s *Store) secretKey(user string) string { return s.j.Key("staff-secret", user) }

// fetch reads one JSON document; false when there is none.
func fetch[T any](ctx context.Context, c redis.Cmdable, key string) (T, bool, error) {
	var v T
	b, err := c.Get(ctx, key).Bytes()
	if errors.Is(err, redis.Nil) {
		return v, false, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		return v, false, fmt.Errorf("staff: reading %s: %w", key, err)
	}
	return v, true, nil
}

// fetchAll reads the documents of many keys in one call and leaves out those
// that are gone.
func fetchAll[T any](ctx context.Context, c redis.Cmdable, keys []string) ([]T, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	values, err := c.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("staff: reading %d documents: %w", len(keys), err)
	}
	out := make([]T, 0, len(values))
	for i, raw := range values {
		text, ok := raw.(string)
		if !ok {
			continue
		}
		var v T
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return nil, fmt.Errorf("staff: reading %s: %w", keys[i], err)
		}
		out = append(out, v)
	}
	return out, nil
}

// put queues one JSON document.
func put(tx *journal.Tx, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("staff: encoding %s: %w", key, err)
	}
	tx.Set(key, string(b))
	return nil
}

func text(ctx context.Context, c redis.Cmdable, key string) (string, error) {
	v, err := c.Get(ctx, key).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("staff: reading %s: %w", key, err)
	}
	return v, nil
}

func set(ctx context.Context, c redis.Cmdable, key string) ([]string, error) {
	v, err := c.SMembers(ctx, key).Result()
	if err != nil {
		return nil, fmt.Errorf("staff: reading %s: %w", key, err)
	}
	return v, nil
}

// exists tells whether a key is there.
func exists(ctx context.Context, c redis.Cmdable, key string) (bool, error) {
	n, err := c.Exists(ctx, key).Result()
	if err != nil {
		return false, fmt.Errorf("staff: looking for %s: %w", key, err)
	}
	return n > 0, nil
}

// readers for the other files, which speak of documents and not of Redis.

func (s *Store) rdb() redis.UniversalClient { return s.j.Redis() }

func (s *Store) user(ctx context.Context, c redis.Cmdable, id string) (User, error) {
	u, ok, err := fetch[User](ctx, c, s.key("user", id))
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "staff.user.none")
	}
	return u, err
}

func (s *Store) org(ctx context.Context, c redis.Cmdable, id string) (Organization, error) {
	o, ok, err := fetch[Organization](ctx, c, s.key("org", id))
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "staff.org.none")
	}
	return o, err
}

// page reads ids of a sorted set of equal scores, newest first: from, if not
// empty, is the last id of the page before.
func (s *Store) page(ctx context.Context, key, from string, limit int) ([]string, error) {
	top := "+"
	if from != "" {
		top = "(" + from
	}
	ids, err := s.rdb().ZRevRangeByLex(ctx, key, &redis.ZRangeBy{Min: "-", Max: top, Count: int64(limit)}).Result()
	if err != nil {
		return nil, fmt.Errorf("staff: reading %s: %w", key, err)
	}
	return ids, nil
}

// before lists the members of a sorted set whose score, a Unix time, is not
// after t, earliest first.
func (s *Store) before(ctx context.Context, key string, t time.Time, limit int) ([]string, error) {
	names, err := s.rdb().ZRangeByScore(ctx, key, &redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(t.Unix(), 10), Count: int64(limit)}).Result()
	if err != nil {
		return nil, fmt.Errorf("staff: reading %s: %w", key, err)
	}
	return names, nil
}

func (s *Store) count(ctx context.Context, key string) (int64, error) {
	n, err := s.rdb().SCard(ctx, key).Result()
	if err != nil {
		return 0, fmt.Errorf("staff: counting %s: %w", key, err)
	}
	return n, nil
}

// try counts an attempt before it is looked at: however many come at once,
// only as many are looked at as the lock allows. It returns how long to wait
// (0: go on) and how many failures there are if this one fails.
func (s *Store) try(ctx context.Context, name string, l Lock, now time.Time) (wait time.Duration, failures int, err error) {
	key := s.j.Tmp("try", name)
	for range 64 {
		err = s.rdb().Watch(ctx, func(tx *redis.Tx) error {
			f, _, err := fetch[Failures](ctx, tx, key)
			if err != nil {
				return err
			}
			var next Failures
			if wait, next = f.Try(l, now); wait > 0 {
				return nil
			}
			failures = next.Count
			b, err := json.Marshal(next)
			if err != nil {
				return err
			}
			_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
				p.Set(ctx, key, b, l.Forget)
				return nil
			})
			return err
		}, key)
		if !errors.Is(err, redis.TxFailedErr) {
			break
		}
	}
	switch {
	case errors.Is(err, redis.TxFailedErr):
		// So many at once is no person: all but the first wait.
		return l.First, 0, nil
	case err != nil:
		return 0, 0, fmt.Errorf("staff: counting attempts: %w", err)
	}
	return wait, failures, nil
}

// untry takes back an attempt that did not fail: one of many, or all.
func (s *Store) untry(ctx context.Context, name string, all bool) error {
	key := s.j.Tmp("try", name)
	err := s.rdb().Watch(ctx, func(tx *redis.Tx) error {
		f, ok, err := fetch[Failures](ctx, tx, key)
		if err != nil || !ok {
			return err
		}
		f.Count--
		b, err := json.Marshal(f)
		if err != nil {
			return err
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error {
			if all || f.Count <= 0 {
				p.Del(ctx, key)
			} else {
				p.Set(ctx, key, b, redis.KeepTTL)
			}
			return nil
		})
		return err
	}, key)
	if err != nil && !errors.Is(err, redis.TxFailedErr) {
		return fmt.Errorf("staff: clearing attempts: %w", err)
	}
	return nil
}

// putSession writes a session and lists it under its user.
func (s *Store) putSession(ctx context.Context, hash string, v Session, ttl time.Duration) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("staff: encoding session: %w", err)
	}
	list := s.j.Tmp("sessions", v.User)
	_, err = s.rdb().TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Set(ctx, s.j.Tmp("session", hash), b, ttl)
		p.ZAdd(ctx, list, redis.Z{Score: float64(v.Created.Unix()), Member: hash})
		p.Expire(ctx, list, s.p.Hours("session.absolute_hours"))
		return nil
	})
	if err != nil {
		return fmt.Errorf("staff: writing session: %w", err)
	}
	return nil
}

// touchSession writes the last use of a session that still exists: a session
// revoked meanwhile is not brought back.
func (s *Store) touchSession(ctx context.Context, hash string, v Session, ttl time.Duration) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("staff: encoding session: %w", err)
	}
	err = s.rdb().SetXX(ctx, s.j.Tmp("session", hash), b, ttl).Err()
	if err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("staff: writing session: %w", err)
	}
	return nil
}

func (s *Store) dropSessions(ctx context.Context, user string, hashes ...string) error {
	if len(hashes) == 0 {
		return nil
	}
	_, err := s.rdb().TxPipelined(ctx, func(p redis.Pipeliner) error {
		for _, h := range hashes {
			p.Del(ctx, s.j.Tmp("session", h))
			p.ZRem(ctx, s.j.Tmp("sessions", user), h)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("staff: ending sessions: %w", err)
	}
	return nil
}

// sessionHashes lists the sessions written for a user, newest first.
func (s *Store) sessionHashes(ctx context.Context, user string) ([]string, error) {
	out, err := s.rdb().ZRevRange(ctx, s.j.Tmp("sessions", user), 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("staff: listing sessions: %w", err)
	}
	return out, nil
}

// keyAndUse reads a key and when its last use was written.
func (s *Store) keyAndUse(ctx context.Context, id string) (Key, bool, time.Time, error) {
	var k Key
	values, err := s.rdb().MGet(ctx, s.key("key", id), s.j.Tmp("keyuse", id)).Result()
	if err != nil {
		return k, false, time.Time{}, fmt.Errorf("staff: reading key: %w", err)
	}
	raw, ok := values[0].(string)
	if !ok {
		return k, false, time.Time{}, nil
	}
	if err := json.Unmarshal([]byte(raw), &k); err != nil {
		return k, false, time.Time{}, fmt.Errorf("staff: reading key: %w", err)
	}
	var used time.Time
	if raw, ok := values[1].(string); ok {
		used, _ = time.Parse(time.RFC3339, raw)
	}
	return k, true, used, nil
}

func (s *Store) writeUse(ctx context.Context, id string, at time.Time) error {
	err := s.rdb().Set(ctx, s.j.Tmp("keyuse", id), at.UTC().Format(time.RFC3339), 400*24*time.Hour).Err()
	if err != nil {
		return fmt.Errorf("staff: writing last use of a key: %w", err)
	}
	return nil
}
