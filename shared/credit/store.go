package credit

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/notary"
	"ipcredit/shared/subject"
)

// Keys:
//
//	{city}:credit:<code>       the profile of a subject, see Profile
//	{city}:credit:log:<code>   index of its newest entry in the public log,
//	                           written by the log's sequencer

// Store keeps credit profiles. It is the one way to change a subject, so that a
// profile never shows an old name.
type Store struct {
	journal  *journal.Journal
	subjects *subject.Store
	law      *Law
	log      *notary.Log

	proofs, proofsTag string // see Public
}

// NewStore returns the store of the journal's city.
func NewStore(j *journal.Journal, law *Law) *Store {
	s := &Store{journal: j, subjects: subject.NewStore(j), law: law, log: notary.Open(j, nil, notary.Disclosure, nil)}
	return s.Public("")
}

func (s *Store) key(code string) string { return s.journal.Key("credit", code) }

// Subjects is the store of the subjects, for reading.
func (s *Store) Subjects() *subject.Store { return s.subjects }

// read gets a stored profile and the index of its newest entry in the log, in
// one round trip.
func (s *Store) read(ctx context.Context, code string) (h header, index string, err error) {
	values, err := s.journal.Redis().MGet(ctx, s.key(code), s.logKey(code)).Result()
	if err != nil {
		return h, "", fmt.Errorf("credit: reading profile: %w", err)
	}
	value, ok := values[0].(string)
	if !ok {
		return h, "", fault.New(fault.NotFound, "credit.unknown")
	}
	index, _ = values[1].(string)
	h, err = split(value)
	if err == nil && h.movedTo != "" {
		err = fault.New(fault.NotFound, "credit.merged", h.movedTo)
	}
	return h, index, err
}

// View is the public answer about the subject at this instant: one round trip.
// It is a fault of kind NotFound where the code is not known or its subject was
// merged into another, see Subjects().Resolve.
func (s *Store) View(ctx context.Context, code string, at time.Time) (View, error) {
	h, index, err := s.read(ctx, code)
	if err != nil {
		return View{}, err
	}
	return h.view(s.law, at, s.entry(index))
}

// Load is the whole profile, for those who may see more than the public. It has
// the faults of View.
func (s *Store) Load(ctx context.Context, code string) (Profile, error) {
	h, index, err := s.read(ctx, code)
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
// under the name its document gives; one about a subject that was merged goes to
// the subject that took it over.
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
	at, seed := c.Entry.At, newSeed()
	err = s.journal.Commit(ctx, c.Entry, watch, func(tx *journal.Tx) error {
		subjects, records = make([]Outcome, len(c.Subjects)), make([]Outcome, len(c.Records))
		accounts, all, err := s.accounts(ctx, tx, codes)
		if err != nil {
			return err
		}
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
		for n, a := range accounts {
			if a.touched && a.known.Kind != subject.Person && a.known.Number == 0 {
				a.known.Number = first + int64(n)
			}
		}
		if err := s.write(tx, all, c.ahead, seed, at); err != nil {
			return err
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
