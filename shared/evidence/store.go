package evidence

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/objects"
	"ipcredit/shared/seal"
)

// Keys:
//
//	{city}:evidence:box:<box>           the box, JSON
//	{city}:evidence:file:<box>:<n>      a file of it, JSON
//	{city}:evidence:pieces:<box>:<n>    hash: index of a piece → what is known of it
//	{city}:evidence:of:<for>            set of the boxes that belong to something
//	{city}:evidence:receiving           sorted set of "<box> <n>" by when they are given up
//	{city}:evidence:ends                sorted set of drafts' boxes by when they end
//	{city}:evidence:keep                sorted set of boxes with a key of their own by when it is erased
//	{city}:evidence:left                sorted set of "<box> <n>" whose objects are to be deleted, by when
//	{city}:evidence:unlocked            set of "<box> <n>", whole and not yet locked in the store
//	{city}:tmp:evidence:<box>:<n>       who is writing to the file
//	{city}:tmp:evidence-form:<hash>     the file that a form with this ticket has stored

// Store keeps the boxes of one city.
type Store struct {
	journal *journal.Journal
	objects objects.Store
	now     func() time.Time
	limits  Limits
	// sealing bounds how many pieces are sealed and not stored yet, and with them
	// memory.
	sealing chan struct{}
}

// atOnce is how many pieces of one process are being sealed or on their way to the
// store at a time: while one is sealed, three are stored. The others wait with one
// call's body in memory each.
const atOnce = 4

// NewStore returns the boxes of the journal's city; pieces are kept in store,
// which is objects.Buckets.Main.
func NewStore(j *journal.Journal, store objects.Store, now func() time.Time) *Store {
	return &Store{journal: j, objects: store, now: now, limits: DefaultLimits(), sealing: make(chan struct{}, atOnce)}
}

// With returns the store with other limits, for tests.
func (s *Store) With(l Limits) *Store {
	other := *s
	other.limits = l
	return &other
}

// Limits are the limits in force.
func (s *Store) Limits() Limits { return s.limits }

func (s *Store) boxKey(box string) string { return s.journal.Key("evidence", "box", box) }
func (s *Store) fileKey(box string, n int) string {
	return s.journal.Key("evidence", "file", box, strconv.Itoa(n))
}
func (s *Store) piecesKey(box string, n int) string {
	return s.journal.Key("evidence", "pieces", box, strconv.Itoa(n))
}
func (s *Store) ofKey(what string) string { return s.journal.Key("evidence", "of", what) }
func (s *Store) receivingKey() string     { return s.journal.Key("evidence", "receiving") }
func (s *Store) endsKey() string          { return s.journal.Key("evidence", "ends") }
func (s *Store) keepKey() string          { return s.journal.Key("evidence", "keep") }
func (s *Store) unlockedKey() string      { return s.journal.Key("evidence", "unlocked") }

func member(box string, n int) string { return box + " " + strconv.Itoa(n) }

// piece is what is known of one sealed piece, in the clear.
type piece struct {
	Size int64  `json:"size"`
	Sum  string `json:"sha256"` // of the sealed piece
	Try  string `json:"try"`    // the random part of its object's name
}

// create records a new file of the box; sealed gives what is kept of its name
// under the number it gets.
func (s *Store) create(ctx context.Context, b Box, in NewFile, sealed func(n int) (string, error)) (File, error) {
	var f File
	metas := map[int]string{} // sealed once a number, however often the commit runs
	entry := journal.Entry{Actor: sender(b), Action: "evidence.create", Ref: b.ID, At: b.noted(s.now())}
	err := s.journal.Commit(ctx, entry, []string{s.boxKey(b.ID)}, func(tx *journal.Tx) error {
		now, err := s.open(ctx, tx, b.ID)
		if err != nil {
			return err
		}
		if err := s.limits.takes(now, in); err != nil {
			return err
		}
		n := now.Files + 1
		if metas[n] == "" {
			if metas[n], err = sealed(n); err != nil {
				return err
			}
		}
		f = s.limits.begin(now, n, in.Size, metas[n], s.now())
		now.Files, now.Live, now.Bytes = n, now.Live+1, now.Bytes+f.counted()
		tx.ZAdd(s.receivingKey(), float64(f.Expires), member(b.ID, n))
		if err := journal.Put(tx, s.fileKey(b.ID, n), f); err != nil {
			return err
		}
		return journal.Put(tx, s.boxKey(b.ID), now)
	})
	return f, err
}

// open reads the box within a commit and refuses one that has ended.
func (s *Store) open(ctx context.Context, tx *journal.Tx, box string) (Box, error) {
	b, known, err := journal.Read[Box](ctx, tx.Read(), s.boxKey(box))
	switch {
	case err != nil:
		return b, err
	case !known:
		return b, fault.New(fault.NotFound, "evidence.no_box")
	case b.Dropped || !s.now().Before(b.Ends()):
		return b, fault.New(fault.Ended, "evidence.box_ended")
	}
	return b, nil
}

// sender is who a change of the box's files is recorded as done by.
func sender(b Box) string {
	if b.Org != "" && b.By != "" {
		return b.By
	}
	return "sender"
}

// advance makes before into next with the pieces in between, if the file is still
// as before.
func (s *Store) advance(ctx context.Context, b Box, before, next File, staged []piece) error {
	key := s.fileKey(b.ID, before.N)
	entry := journal.Entry{Actor: sender(b), Action: "evidence.append", Ref: member(b.ID, before.N), At: b.noted(s.now())}
	return s.journal.Commit(ctx, entry, []string{key, s.boxKey(b.ID)}, func(tx *journal.Tx) error {
		box, err := s.open(ctx, tx, b.ID)
		if err != nil {
			return err
		}
		f, known, err := journal.Read[File](ctx, tx.Read(), key)
		switch {
		case err != nil:
			return err
		case !known:
			return fault.New(fault.NotFound, "evidence.no_file")
		case f.Fence != before.Fence:
			if err := f.writable(s.now()); err != nil {
				return err
			}
			return fault.New(fault.Conflict, "evidence.offset", f.Offset)
		}
		if f.Size < 0 && next.Size >= 0 {
			box.Bytes += next.Size
			if err := journal.Put(tx, s.boxKey(b.ID), box); err != nil {
				return err
			}
		}
		for i, p := range staged {
			value, err := json.Marshal(p)
			if err != nil {
				return fmt.Errorf("evidence: encoding: %w", err)
			}
			tx.HSet(s.piecesKey(b.ID, before.N), strconv.Itoa(before.Pieces+i), string(value))
		}
		if next.State == Whole {
			tx.ZRem(s.receivingKey(), member(b.ID, next.N))
			tx.SAdd(s.unlockedKey(), member(b.ID, next.N))
		} else if next.Expires != f.Expires {
			tx.ZAdd(s.receivingKey(), float64(next.Expires), member(b.ID, next.N))
		}
		return journal.Put(tx, key, next)
	})
}

// pieces reads what is known of the first n pieces of a file.
func (s *Store) pieces(ctx context.Context, box string, file, n int) ([]piece, error) {
	all := make([]piece, 0, n+1)
	for from := 0; from < n; from += 1000 {
		fields := make([]string, 0, 1000)
		for i := from; i < n && i < from+1000; i++ {
			fields = append(fields, strconv.Itoa(i))
		}
		values, err := s.journal.Redis().HMGet(ctx, s.piecesKey(box, file), fields...).Result()
		if err != nil {
			return nil, fmt.Errorf("evidence: reading pieces: %w", err)
		}
		for i, v := range values {
			text, _ := v.(string)
			var p piece
			if err := json.Unmarshal([]byte(text), &p); err != nil {
				return nil, fmt.Errorf("evidence: piece %d of %s: %w", from+i, member(box, file), err)
			}
			all = append(all, p)
		}
	}
	return all, nil
}

// leaseTime is how long a writer keeps others from starting the same work after
// it was last heard of: short, for the client of a writer that died comes back
// within seconds.
const leaseTime = 5 * time.Second

// lease tells other writers early that somebody is at it. What keeps the file
// right is the fence in advance: a lease that is lost does no harm.
type lease struct {
	store *Store
	key   string
	id    string
	at    time.Time // when it was last renewed
}

// hold takes or renews a lease. KEYS[1] the lease; ARGV: holder, now and lifetime
// in milliseconds. The end stands in the value, so that it is our clock that
// counts. It answers 0 where the lease is the holder's, else for how many
// milliseconds it is still another's.
var hold = redis.NewScript(`
local held = redis.call('GET', KEYS[1])
if held then
  local id, ends = string.match(held, '^(%S+) (%d+)$')
  local left = tonumber(ends) - tonumber(ARGV[2])
  if id ~= ARGV[1] and left > 0 then return left end
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. string.format('%.0f', tonumber(ARGV[2]) + tonumber(ARGV[3])), 'PX', ARGV[3])
return 0`)

// letGo ends a lease that is still the holder's.
var letGo = redis.NewScript(`
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 1, string.len(ARGV[1]) + 1) == ARGV[1] .. ' ' then return redis.call('DEL', KEYS[1]) end
return 0`)

func (s *Store) lease(ctx context.Context, box string, n int) (*lease, error) {
	l := &lease{store: s, key: s.journal.Tmp("evidence", box, strconv.Itoa(n)), id: rand.Text()}
	return l, l.renew(ctx)
}

func (l *lease) renew(ctx context.Context) error {
	now := l.store.now()
	left, err := hold.Run(ctx, l.store.journal.Redis(), []string{l.key}, l.id, now.UnixMilli(), leaseTime.Milliseconds()).Int64()
	if err != nil {
		return fmt.Errorf("evidence: lease: %w", err)
	}
	if left > 0 {
		// Whoever holds it may have died; then this is when it is free again.
		wait := (time.Duration(left)*time.Millisecond + time.Second - 1).Truncate(time.Second)
		return fault.New(fault.Locked, "evidence.busy", int64(wait/time.Second)).After(wait)
	}
	l.at = now
	return nil
}

// keep renews the lease in time.
func (l *lease) keep(ctx context.Context) error {
	if l.store.now().Sub(l.at) < leaseTime/4 {
		return nil
	}
	return l.renew(ctx)
}

func (l *lease) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = letGo.Run(ctx, l.store.journal.Redis(), []string{l.key}, l.id).Err() // it ends by itself
}

// quiet is when nobody can still be storing a piece of what has just been dropped:
// later than any call lasts. Deleting before would leave that piece behind.
func (s *Store) quiet() float64 { return float64(s.now().Add(time.Minute).Unix()) }

func (s *Store) leftKey() string { return s.journal.Key("evidence", "left") }

// due lists the members of a sorted set whose time has come.
func (s *Store) due(ctx context.Context, key string) ([]string, error) {
	return s.scored(ctx, key, 0, s.now().Unix(), sweepEach)
}

// scored lists the members of a sorted set with scores from one to another, the
// first n.
func (s *Store) scored(ctx context.Context, key string, from, to int64, n int) ([]string, error) {
	all, err := s.journal.Redis().ZRangeByScore(ctx, key, &redis.ZRangeBy{Min: strconv.FormatInt(from, 10), Max: strconv.FormatInt(to, 10), Count: int64(n)}).Result()
	if err != nil {
		return nil, fmt.Errorf("evidence: listing what is due: %w", err)
	}
	return all, nil
}

// onList tells whether a box is on the list of what is kept.
func (s *Store) onList(ctx context.Context, box string) (bool, error) {
	err := s.journal.Redis().ZScore(ctx, s.keepKey(), box).Err()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("evidence: what is kept: %w", err)
	}
	return true, nil
}

// unlocked lists some of the complete files that are not locked yet, others each
// time where there are many: drafts' wait among them.
func (s *Store) unlocked(ctx context.Context, n int64) ([]string, error) {
	all, err := s.journal.Redis().SRandMemberN(ctx, s.unlockedKey(), n).Result()
	if err != nil {
		return nil, fmt.Errorf("evidence: listing what to lock: %w", err)
	}
	return all, nil
}

func (s *Store) piece(ctx context.Context, box string, n, index int) (piece, error) {
	var p piece
	text, err := s.journal.Redis().HGet(ctx, s.piecesKey(box, n), strconv.Itoa(index)).Bytes()
	if errors.Is(err, redis.Nil) || err == nil && json.Unmarshal(text, &p) != nil {
		err = seal.ErrDamaged
	}
	if err != nil {
		return p, fmt.Errorf("evidence: piece %d of %s: %w", index, member(box, n), err)
	}
	return p, nil
}

// ticketTime is how long it is remembered that a form was sent.
const ticketTime = 24 * time.Hour

func (s *Store) ticketKey(box, ticket string) string {
	sum := sha256.Sum256([]byte("evidence form\n" + box + "\n" + ticket))
	return s.journal.Tmp("evidence-form", hex.EncodeToString(sum[:16]))
}

// Sent is the file that Remember was told for this box and ticket within a day, 0
// for none. A ticket is what crypto/rand.Text gives; nothing else is remembered.
func (s *Store) Sent(ctx context.Context, box, ticket string) (int, error) {
	if len(ticket) != len(rand.Text()) {
		return 0, nil
	}
	n, err := s.journal.Redis().Get(ctx, s.ticketKey(box, ticket)).Int()
	if err != nil && !errors.Is(err, redis.Nil) {
		return 0, fmt.Errorf("evidence: reading a ticket: %w", err)
	}
	return n, nil
}

// Remember notes that a form with this ticket has stored file n of the box.
func (s *Store) Remember(ctx context.Context, box, ticket string, n int) error {
	if len(ticket) != len(rand.Text()) {
		return nil
	}
	if err := s.journal.Redis().Set(ctx, s.ticketKey(box, ticket), n, ticketTime).Err(); err != nil {
		return fmt.Errorf("evidence: keeping a ticket: %w", err)
	}
	return nil
}

// boxesOf are the ids of the boxes that belong to something, in no order.
func (s *Store) boxesOf(ctx context.Context, what string) ([]string, error) {
	ids, err := s.journal.Redis().SMembers(ctx, s.ofKey(what)).Result()
	if err != nil {
		return nil, fmt.Errorf("evidence: listing: %w", err)
	}
	return ids, nil
}

// listedTo notes up to which key boxes were looked for, for a day.
func (s *Store) listedTo(ctx context.Context, last string) error {
	if err := s.journal.Redis().Set(ctx, s.listedKey(), last, listEvery).Err(); err != nil {
		return fmt.Errorf("evidence: where this listing stopped: %w", err)
	}
	return nil
}
