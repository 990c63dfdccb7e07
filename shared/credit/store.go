package credit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/notary"
	"ipcredit/shared/subject"
)

// Keys:
//
//	{city}:credit:<code>       the profile of a subject, see Profile
//	{city}:credit:log:<code>   index of its newest entry in the public log,
//	                           written by the log's sequencer
//	{city}:credit:id:<abc>     hash: id of a record that was displayed against
//	                           somebody → code of its subject
//	{city}:credit:list:<act>:<area>  ids by the first day of display, see rank
//	{city}:credit:gone         ids by the first day without the record
//	{city}:credit:feed:<n>     hash: the feed's entries 256n to 256n+255, see Event
//	{city}:credit:merger:<id>  a merger, see Merger
//	{city}:credit:merger-open:<code>  id of the one that waits about the code
//	{city}:credit:mergers      their ids by when they were brought in (ms)
//	{city}:credit:next         codes by the instant (s) at which their answer
//	                           changes by itself
//	{city}:tmp:credit:feed         numbers under way, see enter
//	{city}:tmp:credit:feed:<token> there while the commit may be made

// Store keeps credit profiles. It is the one way to change a subject, so that a
// profile never shows an old name.
type Store struct {
	journal  *journal.Journal
	subjects *subject.Store
	laws     Laws
	log      *notary.Log

	proofs, proofsTag string // see Public
}

// NewStore returns the store of the journal's city. Records are judged by the law
// that laws has in force: InForce, or one Law whatever is imported.
func NewStore(j *journal.Journal, laws Laws) *Store {
	s := &Store{journal: j, subjects: subject.NewStore(j), laws: laws, log: notary.Open(j, nil, notary.Disclosure, nil)}
	return s.Public("")
}

func (s *Store) key(code string) string { return s.journal.Key("credit", code) }

// Subjects is the store of the subjects, for reading.
func (s *Store) Subjects() *subject.Store { return s.subjects }

// Law is the law in force.
func (s *Store) Law(ctx context.Context) (*Law, error) { return s.laws.Current(ctx) }

// read gets a stored profile, the index of its newest entry in the log and the
// version of the law, in one round trip.
func (s *Store) read(ctx context.Context, code string) (h header, index, version string, err error) {
	keys := append(make([]string, 0, 3), s.key(code), s.logKey(code))
	if key := s.laws.versionKey(); key != "" {
		keys = append(keys, key)
	}
	values, err := s.journal.Redis().MGet(ctx, keys...).Result()
	if err != nil {
		return h, "", "", fmt.Errorf("credit: reading profile: %w", err)
	}
	if len(values) > 2 {
		version, _ = values[2].(string)
	}
	value, ok := values[0].(string)
	if !ok {
		return h, "", "", fault.New(fault.NotFound, "credit.unknown")
	}
	index, _ = values[1].(string)
	h, err = split(value)
	if err == nil && h.movedTo != "" {
		err = fault.New(fault.NotFound, "credit.merged", h.movedTo)
	}
	return h, index, version, err
}

// View is the public answer about the subject at this instant: one round trip.
// It is a fault of kind NotFound where the code is not known or its subject was
// merged into another, see Subjects().Resolve.
func (s *Store) View(ctx context.Context, code string, at time.Time) (View, error) {
	h, index, version, err := s.read(ctx, code)
	if err != nil {
		return View{}, err
	}
	law, err := s.laws.at(ctx, version)
	if err != nil {
		return View{}, err
	}
	return h.view(law, at, s.entry(index))
}

// Load is the whole profile, for those who may see more than the public. It has
// the faults of View.
func (s *Store) Load(ctx context.Context, code string) (Profile, error) {
	h, index, _, err := s.read(ctx, code)
	if err != nil {
		return Profile{}, err
	}
	p, err := h.profile()
	p.Log = s.logOf(index)
	return p, err
}

// Outcome is what became of one uploaded item.
type Outcome int

// The outcomes. Same counts as a duplicate; Superseded keeps the old version in
// the record's history.
const (
	Added Outcome = iota
	Same
	Superseded
)

// Change is what one commit does to subjects and their records. Items of the
// same subject take effect in their order.
type Change struct {
	Entry    journal.Entry
	Subjects []subject.Subject
	Records  []Entry
	Grades   map[string]Grade // by credit code
	// Amend changes records that are there, after the items above.
	Amend []Amendment
	// DryRun finds out what would become of each item and changes nothing.
	DryRun bool
	// Also queues further writes into the same commit, knowing what became of
	// the items so far; nil adds none.
	Also func(tx *journal.Tx, subjects, records []Outcome) error

	ahead *ahead
}

// Amendment changes one record: a dispute, a repair, a withdrawal, what is
// withheld. What it replaces of the document's own content, and of whether it is
// withheld, goes to the history.
type Amendment struct {
	// SubjectCode is that of the subject, or of one that was merged into it.
	SubjectCode, ID string
	// Do makes the change, or refuses it. It may run more than once. It keeps ID and
	// Kind.
	Do func(r *Record) error
}

// errDry ends a commit of a dry run before it writes.
var errDry = errors.New("credit: dry run")

// Apply makes the change in one commit and tells what became of each subject and
// of each record. A record about a code that is not registered registers it
// under the name its document gives; one about a subject that was merged goes to
// the subject that took it over.
func (s *Store) Apply(ctx context.Context, c Change) (subjects, records []Outcome, err error) {
	codes, index := c.codes()
	// A subject changes only together with its profile, so the profile stands for
	// both. Redis compares each watched key with all the others: half as many cost
	// a quarter.
	watch := make([]string, len(codes))
	for i, code := range codes {
		watch[i] = s.key(code)
	}
	err = s.commitAt(ctx, c.Entry, watch, len(codes), c.ahead.at(), func(tx *journal.Tx, p place) error {
		texts, err := s.texts(ctx, tx.Read(), codes)
		if err != nil {
			return err
		}
		switch {
		case c.ahead.fits(p, texts):
			subjects, records = c.ahead.subjects, c.ahead.records
			tx.Adopt(c.ahead.draft)
		case c.ahead.heldAt(p):
			// Somebody came between, under a higher number: what this change does
			// comes after that, so it takes one that is higher still.
			return errLate
		default:
			list, err := accountsOf(codes, texts)
			if err != nil {
				return err
			}
			list, all, err := s.successors(ctx, tx, list)
			if err != nil {
				return err
			}
			if p, err = s.behind(ctx, tx, p, list, all); err != nil {
				return err
			}
			if subjects, records, err = s.apply(tx, c, p, list, all, index); err != nil {
				return err
			}
		}
		if c.Also != nil {
			if err := c.Also(tx, subjects, records); err != nil {
				return err
			}
		}
		if c.DryRun {
			return errDry
		}
		return nil
	})
	if err != nil && !errors.Is(err, errDry) {
		return nil, nil, err
	}
	return subjects, records, nil
}

// apply queues the change to the accounts, of which accounts are those of its codes
// and all has also those that took some over.
func (s *Store) apply(tx *journal.Tx, c Change, p place, accounts, all []*account, index map[string]int) (subjects, records []Outcome, err error) {
	at := c.Entry.At
	subjects, records = make([]Outcome, len(c.Subjects)), make([]Outcome, len(c.Records))
	for i, next := range c.Subjects {
		a := accounts[index[next.Code]]
		merged := subject.Merge(a.known, next)
		switch {
		case a.known == nil:
			subjects[i] = Added
		case sameSubject(*a.known, merged):
			subjects[i] = Same
			continue
		default:
			subjects[i] = Superseded
		}
		a.known, a.touched = &merged, true
	}
	for i, e := range c.Records {
		a := accounts[index[e.SubjectCode]]
		if a.known == nil {
			stub := e.subject()
			a.known, a.touched = &stub, true
		}
		r, to := e.Record, a.holder()
		if to != a {
			r.From = a.code
		}
		records[i] = to.profile.put(r, at)
		to.touched = to.touched || records[i] != Same
	}
	for code, grade := range c.Grades {
		a := accounts[index[code]]
		held := a.profile.Grade
		// A list that came late must not bring an older grade back, and a merged
		// agency has none.
		if a.known != nil && a.to == nil && (held == nil || *held != grade && !grade.On.Before(held.On)) {
			a.profile.Grade, a.touched = &grade, true
		}
	}
	for _, m := range c.Amend {
		to := accounts[index[m.SubjectCode]].holder()
		if err := to.amend(m, at); err != nil {
			return nil, nil, err
		}
	}
	for n, a := range accounts {
		if a.touched && a.known.Kind != subject.Person && a.known.Number == 0 {
			a.known.Number = p.first + int64(n)
		}
	}
	return subjects, records, s.write(tx, all, c.ahead.prepared(), p, at)
}

// codes lists each code once, in order of appearance, and its place.
func (c Change) codes() (codes []string, index map[string]int) {
	index = make(map[string]int, len(c.Subjects)+len(c.Records))
	add := func(code string) {
		if _, ok := index[code]; !ok {
			index[code] = len(codes)
			codes = append(codes, code)
		}
	}
	for _, x := range c.Subjects {
		add(x.Code)
	}
	for _, e := range c.Records {
		add(e.SubjectCode)
	}
	for code := range c.Grades {
		add(code)
	}
	for _, m := range c.Amend {
		add(m.SubjectCode)
	}
	return codes, index
}

// stored reads profiles as they are stored, "" where there is none.
func (s *Store) stored(ctx context.Context, rdb redis.Cmdable, codes []string) ([]string, error) {
	keys := make([]string, len(codes))
	for i, code := range codes {
		keys[i] = s.key(code)
	}
	values, err := rdb.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("credit: loading profiles: %w", err)
	}
	list := make([]string, len(codes))
	for i, v := range values {
		list[i], _ = v.(string)
	}
	return list, nil
}

// profiles reads the profiles that there are, by code.
func (s *Store) profiles(ctx context.Context, codes []string) (map[string]Profile, error) {
	values, err := s.stored(ctx, s.journal.Redis(), codes)
	if err != nil {
		return nil, err
	}
	found := map[string]Profile{}
	for i, value := range values {
		if value == "" {
			continue
		}
		if found[codes[i]], err = decode(value); err != nil {
			return nil, fmt.Errorf("credit: %s: %w", codes[i], err)
		}
	}
	return found, nil
}

// texts are what is stored of a code, "" where there is nothing.
type texts struct{ subject, profile string }

// texts reads subjects and profiles in one round trip.
func (s *Store) texts(ctx context.Context, rdb redis.Cmdable, codes []string) ([]texts, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	keys := make([]string, 0, 2*len(codes))
	for _, code := range codes {
		keys = append(keys, s.subjects.Key(code), s.key(code))
	}
	values, err := rdb.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("credit: loading subjects: %w", err)
	}
	list := make([]texts, len(codes))
	for i := range list {
		list[i].subject, _ = values[2*i].(string)
		list[i].profile, _ = values[2*i+1].(string)
	}
	return list, nil
}

// ranked reads from each of the sorted sets at most n entries from the rank most
// down to least. Where some set has more, it says so, and floor is the last entry
// down to which all of them are complete.
func (s *Store) ranked(ctx context.Context, keys []string, most, least float64, n int) (all []entry, floor entry, more bool, err error) {
	pipe := s.journal.Redis().Pipeline()
	reads := make([]*redis.ZSliceCmd, len(keys))
	for i, key := range keys {
		reads[i] = pipe.ZRangeArgsWithScores(ctx, redis.ZRangeArgs{
			Key: key, Start: strconv.FormatFloat(most, 'f', 0, 64), Stop: strconv.FormatFloat(least, 'f', 0, 64), ByScore: true, Rev: true, Count: int64(n),
		})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, floor, false, fmt.Errorf("credit: reading lists: %w", err)
	}
	for _, read := range reads {
		var last entry
		for _, z := range read.Val() {
			id, _ := z.Member.(string)
			last = entry{id, z.Score}
			all = append(all, last)
		}
		if len(read.Val()) == n && (!more || floor.after(last)) {
			floor, more = last, true
		}
	}
	return all, floor, more, nil
}

// latest reads the n latest members of a sorted set.
func (s *Store) latest(ctx context.Context, key string, n int) ([]string, error) {
	ids, err := s.journal.Redis().ZRevRange(ctx, key, 0, int64(n)-1).Result()
	if err != nil {
		return nil, fmt.Errorf("credit: reading a list: %w", err)
	}
	return ids, nil
}

// holders finds the codes of the subjects that have the records with these ids.
func (s *Store) holders(ctx context.Context, ids []string) (map[string]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	pipe := s.journal.Redis().Pipeline()
	reads := make([]*redis.StringCmd, len(ids))
	for i, id := range ids {
		reads[i] = pipe.HGet(ctx, s.idKey(id), id)
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("credit: finding records: %w", err)
	}
	held := make(map[string]string, len(ids))
	for i, read := range reads {
		code, err := read.Result()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("credit: finding records: %w", err)
		}
		held[ids[i]] = code
	}
	return held, nil
}

// longestCommit is how long a commit may take before the feed goes on without it.
const longestCommit = time.Minute

func (s *Store) underWay() string { return s.journal.Tmp("credit", "feed") }

// enter takes numbers for n subjects and makes one commit stand under a bound that
// lies below any number that the feed gives from then on, so that whoever reads in
// between stops there. ahead takes one for the commit at once, which stands then;
// else each try takes its own, see stands. The commit itself ends that, see left;
// leave must be called where it was not made.
func (s *Store) enter(ctx context.Context, n int, ahead bool) (p place, leave func(), err error) {
	rdb := s.journal.Redis()
	below, err := rdb.Get(ctx, s.journal.Key("seq", feed)).Int64()
	if err != nil && !errors.Is(err, redis.Nil) {
		return p, nil, fmt.Errorf("credit: entering the feed: %w", err)
	}
	token := rand.Text()
	p = place{ahead: ahead, seed: newSeed(), tag: hex.EncodeToString(newSeed()[:tagLetters/2]), token: token, mark: s.journal.Tmp("credit", "feed", token)}
	leave = func() {
		// Also after a commit of which nobody knows whether it was made: without
		// its mark it cannot be made any more.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		pipe := rdb.TxPipeline()
		pipe.Del(ctx, p.mark)
		pipe.ZRem(ctx, s.underWay(), token)
		_, _ = pipe.Exec(ctx) // else it ends by itself, see settled
	}
	pipe := rdb.TxPipeline()
	pipe.Set(ctx, p.mark, "1", longestCommit)
	pipe.ZAdd(ctx, s.underWay(), redis.Z{Score: float64(below), Member: token})
	var number *redis.IntCmd
	if ahead {
		number = pipe.Incr(ctx, s.journal.Key("seq", feed))
	}
	first := s.subjects.TakeIn(ctx, pipe, n)
	if _, err := pipe.Exec(ctx); err != nil {
		leave()
		return p, nil, fmt.Errorf("credit: entering the feed: %w", err)
	}
	if p.first = first(); ahead {
		p.number = number.Val()
	}
	return p, leave, nil
}

// left queues the end of standing under way into the commit itself, which saves
// Redis one more write to its disk.
func (s *Store) left(tx *journal.Tx, p place) {
	tx.Forget(p.mark)
	tx.ForgetIn(s.underWay(), p.token)
}

// stands tells whether the commit may still be made, and takes the number that this
// try of it has in the feed.
func (s *Store) stands(ctx context.Context, tx *journal.Tx, p *place) (bool, error) {
	pipe := tx.Read().Pipeline()
	there := pipe.Exists(ctx, p.mark)
	var number *redis.IntCmd
	if !p.ahead {
		number = pipe.Incr(ctx, s.journal.Key("seq", feed))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return false, fmt.Errorf("credit: standing in the feed: %w", err)
	}
	if number != nil {
		p.number = number.Val()
	}
	return there.Val() == 1, nil
}

// settled is the number up to which no commit can come any more, the last that was
// taken, and the first that was not thinned out.
func (s *Store) settled(ctx context.Context) (settled, last, floor int64, err error) {
	rdb := s.journal.Redis()
	for {
		pipe := rdb.TxPipeline()
		lowest := pipe.ZRangeWithScores(ctx, s.underWay(), 0, 0)
		taken := pipe.Get(ctx, s.journal.Key("seq", feed))
		swept := pipe.Get(ctx, s.floorKey())
		if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
			return 0, 0, 0, fmt.Errorf("credit: reading the feed: %w", err)
		}
		if last, err = taken.Int64(); err != nil && !errors.Is(err, redis.Nil) {
			return 0, 0, 0, fmt.Errorf("credit: reading the feed: %w", err)
		}
		if floor, err = swept.Int64(); err != nil && !errors.Is(err, redis.Nil) {
			return 0, 0, 0, fmt.Errorf("credit: reading the feed: %w", err)
		}
		if len(lowest.Val()) == 0 {
			return last, last, floor, nil
		}
		token, _ := lowest.Val()[0].Member.(string)
		there, err := rdb.Exists(ctx, s.journal.Tmp("credit", "feed", token)).Result()
		if err != nil {
			return 0, 0, 0, fmt.Errorf("credit: reading the feed: %w", err)
		}
		if there == 1 {
			return min(last, int64(lowest.Val()[0].Score)), last, floor, nil
		}
		// Its mark ended, so its commit cannot be made.
		if err := rdb.ZRem(ctx, s.underWay(), token).Err(); err != nil {
			return 0, 0, 0, fmt.Errorf("credit: reading the feed: %w", err)
		}
	}
}

// floorIs tells whether the feed is thinned out up to there and no further, as the
// commit sees it.
func (s *Store) floorIs(ctx context.Context, tx *journal.Tx, floor int64) (bool, error) {
	is, err := tx.Read().Get(ctx, s.floorKey()).Int64()
	if err != nil && !errors.Is(err, redis.Nil) {
		return false, fmt.Errorf("credit: reading the feed: %w", err)
	}
	return is == floor, nil
}

// entries reads the entries of the feed with these numbers, those that are there.
func (s *Store) entries(ctx context.Context, first, last int64) (map[int64]string, error) {
	pipe := s.journal.Redis().Pipeline()
	reads := map[int64]*redis.SliceCmd{}
	for from := first; from <= last; {
		to := min(last, (from/perBlock+1)*perBlock-1)
		fields := make([]string, 0, to-from+1)
		for n := from; n <= to; n++ {
			fields = append(fields, strconv.FormatInt(n, 10))
		}
		reads[from] = pipe.HMGet(ctx, s.feedKey(from), fields...)
		from = to + 1
	}
	if len(reads) == 0 {
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("credit: reading the feed: %w", err)
	}
	entries := map[int64]string{}
	for from, read := range reads {
		for i, v := range read.Val() {
			if text, ok := v.(string); ok {
				entries[from+int64(i)] = text
			}
		}
	}
	return entries, nil
}

// turning lists codes whose answers changed by themselves.
func (s *Store) turning(ctx context.Context, at time.Time, n int) ([]string, error) {
	codes, err := s.journal.Redis().ZRangeByScore(ctx, s.nextKey(), &redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(at.Unix(), 10), Count: int64(n)}).Result()
	if err != nil {
		return nil, fmt.Errorf("credit: reading what changes: %w", err)
	}
	return codes, nil
}
