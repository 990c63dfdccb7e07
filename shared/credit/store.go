package credit

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/subject"
)

// Keys:
//
//	{city}:credit:<code>   the profile of a subject, see Profile

// Store keeps credit profiles. It is the one way to change a subject, so that a
// profile never shows an old name.
type Store struct {
	journal  *journal.Journal
	subjects *subject.Store
	law      *Law
}

// NewStore returns the store of the journal's city.
func NewStore(j *journal.Journal, law *Law) *Store {
	return &Store{journal: j, subjects: subject.NewStore(j), law: law}
}

func (s *Store) key(code string) string { return s.journal.Key("credit", code) }

// Subjects is the store of the subjects, for reading.
func (s *Store) Subjects() *subject.Store { return s.subjects }

// View is the public answer about the subject at this instant: one GET. It is a
// fault of kind NotFound where the code is not known.
func (s *Store) View(ctx context.Context, code string, at time.Time) (View, error) {
	value, err := s.journal.Redis().Get(ctx, s.key(code)).Bytes()
	if errors.Is(err, redis.Nil) {
		return View{}, fault.New(fault.NotFound, "credit.unknown")
	}
	if err != nil {
		return View{}, fmt.Errorf("credit: reading profile: %w", err)
	}
	return view(s.law, value, at)
}

// Load is the whole profile, for those who may see more than the public.
func (s *Store) Load(ctx context.Context, code string) (Profile, error) {
	value, err := s.journal.Redis().Get(ctx, s.key(code)).Bytes()
	if errors.Is(err, redis.Nil) {
		return Profile{}, fault.New(fault.NotFound, "credit.unknown")
	}
	if err != nil {
		return Profile{}, fmt.Errorf("credit: reading profile: %w", err)
	}
	return decode(value)
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
	// DryRun finds out what would become of each item and changes nothing.
	DryRun bool
	// Also queues further writes into the same commit, knowing what became of
	// the items so far; nil adds none.
	Also func(tx *journal.Tx, subjects, records []Outcome) error

	ahead subject.Prepared
}

// Prepare does, beside another commit, what making the change can do before it
// reads anything. Apply works without it.
func (c *Change) Prepare() {
	subjects := slices.Clone(c.Subjects)
	seen := make(map[string]bool, len(subjects)+len(c.Records))
	for _, x := range subjects {
		seen[x.Code] = true
	}
	for _, e := range c.Records {
		if !seen[e.SubjectCode] && !e.NaturalPerson {
			seen[e.SubjectCode] = true
			subjects = append(subjects, e.subject())
		}
	}
	c.ahead = subject.Prepare(subjects...)
}

// errDry ends a commit of a dry run before it writes.
var errDry = errors.New("credit: dry run")

// Apply makes the change in one commit and tells what became of each subject and
// of each record. A record about a code that is not registered registers it
// under the name its document gives.
func (s *Store) Apply(ctx context.Context, c Change) (subjects, records []Outcome, err error) {
	codes, index := c.codes()
	first, err := s.subjects.Take(ctx, len(codes))
	if err != nil {
		return nil, nil, err
	}
	// A subject changes only together with its profile, so the profile stands for
	// both. Redis compares each watched key with all the others: half as many cost
	// a quarter.
	watch := make([]string, len(codes))
	for i, code := range codes {
		watch[i] = s.key(code)
	}
	at := c.Entry.At
	err = s.journal.Commit(ctx, c.Entry, watch, func(tx *journal.Tx) error {
		subjects, records = make([]Outcome, len(c.Subjects)), make([]Outcome, len(c.Records))
		held, err := s.subjects.Load(ctx, tx.Read(), codes...)
		if err != nil {
			return err
		}
		profiles, err := s.profiles(ctx, tx.Read(), codes)
		if err != nil {
			return err
		}
		known := make([]*subject.Subject, len(codes))
		copy(known, held)
		touched := make([]bool, len(codes))
		for i, next := range c.Subjects {
			n := index[next.Code]
			merged := subject.Merge(known[n], next)
			switch {
			case known[n] == nil:
				subjects[i] = Added
			case sameSubject(*known[n], merged):
				subjects[i] = Same
				continue
			default:
				subjects[i] = Superseded
			}
			known[n], touched[n] = &merged, true
		}
		for i, e := range c.Records {
			n := index[e.SubjectCode]
			if known[n] == nil {
				stub := e.subject()
				known[n], touched[n] = &stub, true
			}
			outcome := profiles[n].put(e.Record, at)
			records[i] = outcome
			touched[n] = touched[n] || outcome != Same
		}
		for code, grade := range c.Grades {
			n := index[code]
			held := profiles[n].Grade
			// A list that came late must not bring an older grade back.
			if known[n] != nil && (held == nil || *held != grade && !grade.On.Before(held.On)) {
				profiles[n].Grade, touched[n] = &grade, true
			}
		}
		for n := range codes {
			if touched[n] && known[n].Kind != subject.Person && known[n].Number == 0 {
				known[n].Number = first + int64(n)
			}
		}
		values, err := s.encodeAll(profiles, known, touched, at)
		if err != nil {
			return err
		}
		batch := s.subjects.Batch(tx)
		batch.Use(c.ahead)
		for n, code := range codes {
			if !touched[n] {
				continue
			}
			if held[n] == nil || !sameSubject(*held[n], *known[n]) {
				batch.Put(held[n], *known[n])
			}
			tx.Set(s.key(code), values[n])
		}
		batch.Flush()
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

// encodeAll writes the touched profiles, on all cores: an import writes hundreds
// in one commit, and Redis waits for them.
func (s *Store) encodeAll(profiles []Profile, known []*subject.Subject, touched []bool, at time.Time) ([]string, error) {
	values := make([]string, len(profiles))
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	const share = 64
	for from := 0; from < len(profiles); from += share {
		work.Go(func() error {
			for n := from; n < min(len(profiles), from+share); n++ {
				if !touched[n] {
					continue
				}
				p := profiles[n]
				p.Subject, p.ChangedAt = shownSubject(*known[n]), at
				value, err := p.encode(s.law, at)
				if err != nil {
					return err
				}
				values[n] = value
			}
			return nil
		})
	}
	return values, work.Wait()
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
	return codes, index
}

func (s *Store) profiles(ctx context.Context, rdb redis.Cmdable, codes []string) ([]Profile, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	keys := make([]string, len(codes))
	for i, code := range codes {
		keys[i] = s.key(code)
	}
	values, err := rdb.MGet(ctx, keys...).Result()
	if err != nil {
		return nil, fmt.Errorf("credit: loading profiles: %w", err)
	}
	profiles := make([]Profile, len(codes))
	for i, v := range values {
		text, ok := v.(string)
		if !ok {
			continue
		}
		if profiles[i], err = decode([]byte(text)); err != nil {
			return nil, err
		}
	}
	return profiles, nil
}

// put adds or corrects one record.
func (p *Profile) put(r Record, at time.Time) Outcome {
	for i := range p.Records {
		if p.Records[i].ID == r.ID {
			next, changed := Supersede(p.Records[i], r, at)
			if !changed {
				return Same
			}
			p.Records[i] = next
			return Superseded
		}
	}
	p.Records = append(p.Records, r)
	return Added
}

// subject is what a record's document says of a subject that no register has
// brought yet.
func (e Entry) subject() subject.Subject {
	x := subject.Subject{Code: e.SubjectCode, Name: e.SubjectName, Kind: subject.Person}
	if e.NaturalPerson {
		return x
	}
	code := ident.USCC(e.SubjectCode)
	x.Kind = subject.KindOf(code, e.SubjectName)
	if area, err := ident.ParseArea(code.Area()); err == nil {
		x.District = area.Code
	}
	return x
}

// shownSubject is the part of the subject that its answer holds. Of a natural
// person that is the masked name, and nobody serves that answer.
func shownSubject(x subject.Subject) subject.Public {
	if public, ok := x.Public(); ok {
		return public
	}
	return subject.Public{Code: x.Code, Name: x.Name, Kind: x.Kind}
}

func sameSubject(a, b subject.Subject) bool {
	b.Number = a.Number
	return reflect.DeepEqual(a, b)
}
