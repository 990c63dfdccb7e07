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

func read[T any](ctx context.Context, rdb redis.Cmdable, key string) (T, bool, error) {
	var v T
	value, err := rdb.Get(ctx, key).Bytes()
	if errors.Is(err, redis.Nil) {
		return v, false, nil
	}
	if err == nil {
		err = json.Unmarshal(value, &v)
	}
	if err != nil {
		return v, false, fmt.Errorf("evidence: reading: %w", err)
	}
	return v, true, nil
}

func put(tx *journal.Tx, key string, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("evidence: encoding: %w", err)
	}
	tx.Set(key, string(value))
	return nil
}

// OpenBox opens a box. The token is given out and not kept; box is its hash, by
// which everybody else knows the box.
func (s *Store) OpenBox(ctx context.Context, spec BoxSpec) (token, box string, err error) {
	token = NewToken()
	b, err := s.OpenBoxOf(ctx, token, spec)
	return token, b.ID, err
}

func (s *Store) opening(spec BoxSpec) journal.Entry {
	b := Box{By: spec.By, Org: spec.Org}
	return journal.Entry{Actor: sender(b), Action: "evidence.open", Ref: spec.For, At: b.noted(s.now())}
}

// OpenBoxOf is OpenBox for a token that the caller has made, by NewToken or
// TokenOf. A box that the token has already is returned as it is. A reporter's that
// would be one too many is a fault of kind Refused.
func (s *Store) OpenBoxOf(ctx context.Context, token string, spec BoxSpec) (Box, error) {
	id, err := BoxOf(token)
	if err != nil {
		return Box{}, err
	}
	var b Box
	keys := []string{s.boxKey(id)}
	counted := spec.Org == "" && spec.For != Draft // a draft has one, and nobody knows how many drafts there are
	if counted {
		keys = append(keys, s.ofKey(spec.For))
	}
	err = s.journal.Commit(ctx, s.opening(spec), keys, func(tx *journal.Tx) error {
		var known bool
		if b, known, err = read[Box](ctx, tx.Read(), s.boxKey(id)); err != nil || known {
			return err
		}
		if counted {
			n, err := tx.Read().SCard(ctx, s.ofKey(spec.For)).Result()
			if err != nil {
				return fmt.Errorf("evidence: counting: %w", err)
			}
			if n >= int64(s.limits.Boxes) {
				return fault.New(fault.Refused, "evidence.boxes", s.limits.Boxes)
			}
		}
		if _, err := s.AddBox(tx, token, spec); err != nil {
			return err
		}
		b, err = newBox(token, spec, s.now())
		return err
	})
	return b, err
}

// AddBox opens the box of a token from NewToken within the caller's own commit.
func (s *Store) AddBox(tx *journal.Tx, token string, spec BoxSpec) (box string, err error) {
	b, err := newBox(token, spec, s.now())
	if err != nil {
		return "", err
	}
	tx.SAdd(s.ofKey(b.For), b.ID)
	if b.Draft() {
		tx.ZAdd(s.endsKey(), float64(b.Until), b.ID)
	}
	if err := s.keep(tx, b); err != nil {
		return "", err
	}
	return b.ID, put(tx, s.boxKey(b.ID), b)
}

// Rebind hands a box over to something else within the caller's commit: the
// draft's to the report. From until on it takes nothing more; the zero time
// leaves its end as it is. A box that ended, is unknown or belongs to something
// else already is a fault; binding it again to the same thing is not.
func (s *Store) Rebind(ctx context.Context, tx *journal.Tx, box, ref string, until time.Time) error {
	if err := checkFor(ref); err != nil {
		return err
	}
	if err := tx.Watch(s.boxKey(box)); err != nil {
		return err
	}
	b, known, err := read[Box](ctx, tx.Read(), s.boxKey(box))
	switch {
	case err != nil:
		return err
	case !known:
		return fault.New(fault.NotFound, "evidence.no_box")
	case b.Dropped || b.Draft() && !s.now().Before(b.Ends()):
		return fault.New(fault.Ended, "evidence.box_ended")
	case b.For == ref:
		return nil
	case !b.Draft():
		return fault.New(fault.Conflict, "evidence.bound")
	}
	tx.SRem(s.ofKey(b.For), box)
	tx.ZRem(s.endsKey(), box)
	b.For = ref
	if !until.IsZero() {
		b.Until = until.Unix()
	}
	tx.SAdd(s.ofKey(ref), box)
	return put(tx, s.boxKey(box), b)
}

// Box returns a box by its id, or a fault of kind NotFound.
func (s *Store) Box(ctx context.Context, box string) (Box, error) {
	b, known, err := read[Box](ctx, s.journal.Redis(), s.boxKey(box))
	if err == nil && !known {
		err = fault.New(fault.NotFound, "evidence.no_box")
	}
	return b, err
}

// Open returns the box of the token while it takes files: a fault of kind
// NotFound where there is none, of kind Ended afterwards.
func (s *Store) Open(ctx context.Context, token string) (Box, error) {
	box, err := BoxOf(token)
	if err != nil {
		return Box{}, err
	}
	b, err := s.Box(ctx, box)
	if err != nil {
		return Box{}, err
	}
	if b.Dropped || !s.now().Before(b.Ends()) {
		return Box{}, fault.New(fault.Ended, "evidence.box_ended")
	}
	return b, nil
}

// Boxes lists the boxes that belong to something, in no order.
func (s *Store) Boxes(ctx context.Context, what string) ([]Box, error) {
	ids, err := s.journal.Redis().SMembers(ctx, s.ofKey(what)).Result()
	if err != nil {
		return nil, fmt.Errorf("evidence: listing: %w", err)
	}
	boxes := make([]Box, 0, len(ids))
	for _, id := range ids {
		b, known, err := read[Box](ctx, s.journal.Redis(), s.boxKey(id))
		if err != nil {
			return nil, err
		}
		if known && !b.Dropped {
			boxes = append(boxes, b)
		}
	}
	return boxes, nil
}

// File returns one file of a box as it stands, or a fault of kind NotFound.
func (s *Store) File(ctx context.Context, box string, n int) (File, error) {
	f, known, err := read[File](ctx, s.journal.Redis(), s.fileKey(box, n))
	if err == nil && !known {
		err = fault.New(fault.NotFound, "evidence.no_file")
	}
	return f, err
}

// Files lists the files of a box that are not gone, by number. One that cannot be
// read is Broken and does not keep the others from being listed.
func (s *Store) Files(ctx context.Context, box string) ([]File, error) {
	b, err := s.Box(ctx, box)
	if err != nil {
		return nil, err
	}
	files := []File{}
	for from := 1; from <= b.Files; from += 500 {
		var keys []string
		for n := from; n <= b.Files && n < from+500; n++ {
			keys = append(keys, s.fileKey(box, n))
		}
		values, err := s.journal.Redis().MGet(ctx, keys...).Result()
		if err != nil {
			return nil, fmt.Errorf("evidence: listing: %w", err)
		}
		for i, v := range values {
			text, ok := v.(string)
			if !ok {
				continue
			}
			var f File
			if err := json.Unmarshal([]byte(text), &f); err != nil || f.N != from+i {
				f = File{N: from + i, Size: -1, State: Broken}
			}
			if f.At(s.now()) != Gone {
				files = append(files, f)
			}
		}
	}
	return files, nil
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
		if err := put(tx, s.fileKey(b.ID, n), f); err != nil {
			return err
		}
		return put(tx, s.boxKey(b.ID), now)
	})
	return f, err
}

// open reads the box within a commit and refuses one that has ended.
func (s *Store) open(ctx context.Context, tx *journal.Tx, box string) (Box, error) {
	b, known, err := read[Box](ctx, tx.Read(), s.boxKey(box))
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
		f, known, err := read[File](ctx, tx.Read(), key)
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
			if err := put(tx, s.boxKey(b.ID), box); err != nil {
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
		return put(tx, key, next)
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

// unlocked lists some of the complete files that are not locked yet, others each
// time where there are many: drafts' wait among them.
func (s *Store) unlocked(ctx context.Context, n int64) ([]string, error) {
	all, err := s.journal.Redis().SRandMemberN(ctx, s.unlockedKey(), n).Result()
	if err != nil {
		return nil, fmt.Errorf("evidence: listing what to lock: %w", err)
	}
	return all, nil
}

// drop makes a file gone, unless may refuses, and leaves its objects to the sweep.
func (s *Store) drop(ctx context.Context, box string, n int, action string, may func(Box, File) error) error {
	entry := journal.Entry{Actor: "system", Action: action, Ref: member(box, n), At: s.now()}
	if action == "evidence.terminate" {
		b, err := s.Box(ctx, box)
		if err != nil {
			return err
		}
		entry.Actor, entry.At = sender(b), b.noted(s.now())
	}
	keys := []string{s.boxKey(box), s.fileKey(box, n)}
	return s.journal.Commit(ctx, entry, keys, func(tx *journal.Tx) error {
		b, known, err := read[Box](ctx, tx.Read(), s.boxKey(box))
		if err != nil {
			return err
		}
		f, there, err := read[File](ctx, tx.Read(), s.fileKey(box, n))
		if err != nil {
			return err
		}
		if !known || !there {
			tx.ZRem(s.receivingKey(), member(box, n))
			return nil
		}
		if err := may(b, f); err != nil {
			return err
		}
		b.Live, b.Bytes = b.Live-1, b.Bytes-f.counted()
		tx.ZRem(s.receivingKey(), member(box, n))
		tx.SRem(s.unlockedKey(), member(box, n))
		tx.Del(s.piecesKey(box, n))
		tx.ZAdd(s.leftKey(), s.quiet(), member(box, n))
		if err := put(tx, s.fileKey(box, n), f.gone()); err != nil {
			return err
		}
		return put(tx, s.boxKey(box), b)
	})
}

// Drop forgets a box with all its files, for erasure: afterwards its token and
// its files answer that they have ended, and the sweep deletes the objects as far
// as the store lets it. What makes them unreadable everywhere is that the caller
// erases the key they are sealed to. Dropping again changes nothing.
func (s *Store) Drop(ctx context.Context, box string) error {
	return s.dropBox(ctx, box, func(Box) bool { return true })
}

// Abandon is Drop for a box of a draft that is given up. One that has become a
// report's meanwhile stays as it is: what is in it is evidence.
func (s *Store) Abandon(ctx context.Context, box string) error {
	return s.dropBox(ctx, box, Box.Draft)
}

func (s *Store) dropBox(ctx context.Context, box string, may func(Box) bool) error {
	entry := journal.Entry{Actor: "system", Action: "evidence.drop", Ref: box, At: s.now()}
	return s.journal.Commit(ctx, entry, []string{s.boxKey(box)}, func(tx *journal.Tx) error {
		b, known, err := read[Box](ctx, tx.Read(), s.boxKey(box))
		switch {
		case err != nil:
			return err
		case !known:
			return fault.New(fault.NotFound, "evidence.no_box")
		case b.Dropped || !may(b):
			return nil
		}
		for n := 1; n <= b.Files; n++ {
			tx.Del(s.fileKey(box, n), s.piecesKey(box, n))
			tx.ZRem(s.receivingKey(), member(box, n))
			tx.SRem(s.unlockedKey(), member(box, n))
		}
		tx.SRem(s.ofKey(b.For), box)
		tx.ZRem(s.endsKey(), box)
		tx.ZRem(s.keepKey(), box)
		tx.ZAdd(s.leftKey(), s.quiet(), member(box, 0))
		return put(tx, s.boxKey(box), Box{ID: box, Day: b.Day, Dropped: true})
	})
}

// settleLeft notes that nothing is left of a file or box, or when to look again.
func (s *Store) settleLeft(ctx context.Context, m string, again time.Time) error {
	entry := journal.Entry{Actor: "system", Action: "evidence.deleted", Ref: m, At: s.now()}
	return s.journal.Commit(ctx, entry, nil, func(tx *journal.Tx) error {
		if again.IsZero() {
			tx.ZRem(s.leftKey(), m)
		} else {
			tx.ZAdd(s.leftKey(), float64(again.Unix()), m)
		}
		return nil
	})
}

// settleLock notes until which day a file is locked; "" that it needs no lock.
func (s *Store) settleLock(ctx context.Context, m, until string) error {
	box, n := split(m)
	entry := journal.Entry{Actor: "system", Action: "evidence.lock", Ref: m, At: s.now()}
	return s.journal.Commit(ctx, entry, []string{s.fileKey(box, n)}, func(tx *journal.Tx) error {
		tx.SRem(s.unlockedKey(), m)
		f, known, err := read[File](ctx, tx.Read(), s.fileKey(box, n))
		if err != nil || !known || f.State != Whole || until == "" {
			return err
		}
		f.Locked = until
		return put(tx, s.fileKey(box, n), f)
	})
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
