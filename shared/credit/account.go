package credit

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/notary"
	"ipcredit/shared/subject"
)

// account is one subject with its profile inside a commit.
type account struct {
	code    string
	held    *subject.Subject // as it is stored; nil if it is not
	known   *subject.Subject // as it will be
	profile Profile
	touched bool
	// kept: what is stored is only written anew, nothing about the subject has
	// changed.
	kept bool
	// turned: and what came or went by its day is noted.
	turned bool
	// to has the records of a merged subject; nil where it has its own.
	to *account

	// was are the records as they are stored, wasAt when they were last changed; before and after are the account's
	// entries in the index.
	was           []Record
	wasAt         time.Time
	before, after map[string]placed

	// stored is the profile as it is; saw and sees are what its answer showed and
	// shows, wasUntil and until when that changes by itself.
	stored          string
	saw, sees       []seen
	wasUntil, until int64

	value  string // what is stored, once written
	leaf   notary.Leaf
	logged bool // queue leaf
}

// holder is the account that has the records about this subject.
func (a *account) holder() *account {
	if a.to != nil {
		return a.to
	}
	return a
}

// accounts reads the subjects with these codes, whose profiles are watched, and
// those that took them over. The first result is in the order of codes, the
// second has all of them, each once.
func (s *Store) accounts(ctx context.Context, tx *journal.Tx, codes []string) (list, all []*account, err error) {
	if list, err = s.load(ctx, tx, codes); err != nil {
		return nil, nil, err
	}
	return s.successors(ctx, tx, list)
}

// successors adds the accounts that took some of the list over.
func (s *Store) successors(ctx context.Context, tx *journal.Tx, list []*account) (same, all []*account, err error) {
	known := map[string]*account{}
	merged := false
	for _, a := range list {
		known[a.code] = a
		merged = merged || a.held != nil && a.held.MergedInto != ""
	}
	all = list
	if !merged {
		return list, all, nil
	}
	all = slices.Clone(list)
	for _, a := range list {
		end := a
		seen := map[string]bool{}
		for end.held != nil && end.held.MergedInto != "" {
			code := end.held.MergedInto
			if seen[code] || code == a.code {
				return nil, nil, fmt.Errorf("credit: mergers of %s go round in a circle", a.code)
			}
			seen[code] = true
			next := known[code]
			if next == nil {
				if err := tx.Watch(s.key(code)); err != nil {
					return nil, nil, err
				}
				more, err := s.load(ctx, tx, []string{code})
				if err != nil {
					return nil, nil, err
				}
				next = more[0]
				known[code], all = next, append(all, next)
			}
			end = next
		}
		if end != a {
			if end.held == nil {
				return nil, nil, fmt.Errorf("credit: %s was merged into %s, which is not there", a.code, end.code)
			}
			a.to = end
		}
	}
	return list, all, nil
}

func (s *Store) load(ctx context.Context, tx *journal.Tx, codes []string) ([]*account, error) {
	texts, err := s.texts(ctx, tx.Read(), codes)
	if err != nil {
		return nil, err
	}
	return accountsOf(codes, texts)
}

// accountsOf reads accounts from what is stored of them.
func accountsOf(codes []string, texts []texts) (list []*account, err error) {
	list = make([]*account, len(codes))
	for i, code := range codes {
		a := &account{code: code}
		list[i] = a
		if texts[i].subject != "" {
			if a.held, err = subject.Decode(texts[i].subject); err != nil {
				return nil, fmt.Errorf("credit: subject %s: %w", code, err)
			}
			a.known = a.held
		}
		if a.stored = texts[i].profile; a.stored == "" {
			continue
		}
		if a.profile, err = decode(a.stored); err != nil {
			return nil, err
		}
		a.was, a.wasAt = slices.Clone(a.profile.Records), a.profile.ChangedAt
		if h, err := split(a.stored); err == nil {
			a.wasUntil = h.until
		}
	}
	return list, nil
}

// amend makes one change to a record that is there.
func (a *account) amend(m Amendment, at time.Time) error {
	for i := range a.profile.Records {
		old := a.profile.Records[i]
		if old.ID != m.ID {
			continue
		}
		next := old
		if err := m.Do(&next); err != nil {
			return err
		}
		if next.ID != old.ID || next.Kind != old.Kind {
			return fmt.Errorf("credit: an amendment made another record of %s", old.ID)
		}
		if reflect.DeepEqual(old, next) {
			return nil
		}
		corrected := old.says() != next.says()
		next.Deeds = deeds(old, next, corrected, at)
		if corrected || old.Unpublished != next.Unpublished || old.Channel != next.Channel {
			before := old
			before.History, before.Deeds = nil, nil
			next.History = append(slices.Clone(old.History), Version{Record: before, ReplacedAt: at.UTC(), Amended: corrected})
		}
		a.profile.Records[i], a.touched = next, true
		return nil
	}
	return fault.New(fault.NotFound, "credit.no_record")
}

// write queues what has become of the touched accounts: subject, profile, and a
// leaf of the public log.
func (s *Store) write(tx *journal.Tx, all []*account, ahead subject.Prepared, p place, at time.Time) error {
	if err := s.encode(p.law, all, p.seed, at); err != nil {
		return err
	}
	batch := s.subjects.Batch(tx)
	batch.Use(ahead)
	for _, a := range all {
		if !a.touched {
			continue
		}
		if a.held == nil || !sameSubject(*a.held, *a.known) {
			batch.Put(a.held, *a.known)
		}
		tx.Set(s.key(a.code), a.value)
		if !a.logged {
			continue
		}
		if err := s.log.Queue(tx, a.profile.logged.id(a.code), a.leaf, s.logKey(a.code)); err != nil {
			return fmt.Errorf("credit: log: %w", err)
		}
	}
	batch.Flush()
	s.index(tx, all, at)
	s.note(tx, all, p, at)
	return nil
}

// encode makes the stored forms of the touched accounts, on all cores: an import
// writes hundreds in one commit, and Redis waits for them.
func (s *Store) encode(law *Law, all []*account, seed []byte, at time.Time) error {
	var work errgroup.Group
	work.SetLimit(runtime.GOMAXPROCS(0))
	const share = 64
	for from := 0; from < len(all); from += share {
		work.Go(func() error {
			for _, a := range all[from:min(len(all), from+share)] {
				if !a.touched {
					continue
				}
				if err := a.encode(law, seed, at); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return work.Wait()
}

func (a *account) encode(law *Law, seed []byte, at time.Time) (err error) {
	if !a.kept || a.turned { // what is only written anew is put into the index whole
		a.before = places(law, a.code, a.held, a.was)
	}
	a.after = places(law, a.code, a.known, a.profile.Records)
	if a.saw, err = seenIn(a.stored); err != nil {
		return err
	}
	if a.known.MergedInto != "" {
		a.value = tombstone(a.known.MergedInto)
		return nil
	}
	p := &a.profile
	p.Subject = shownSubject(*a.known)
	if !a.kept {
		p.ChangedAt = latest(at, a.wasAt)
	}
	a.relog(seed, at)
	value, answer, err := p.answered(law, at)
	if err != nil {
		return err
	}
	a.value, a.sees = value, seenOf(answer)
	if answer.Next != nil {
		a.until = answer.Next.Unix()
	}
	return nil
}

// latest is the later of two instants: the clocks of two functions differ, and of
// two changes the one that was asked for first may be made last.
func latest(at, was time.Time) time.Time {
	if at.Before(was) {
		return was
	}
	return at
}

// relog gives the profile a new leaf, if there is anything to log.
func (a *account) relog(seed []byte, at time.Time) {
	a.logged = a.profile.says(a.known.Kind) && (!a.kept || a.profile.logged == nil)
	if a.logged {
		a.profile.renew(seed, at)
		a.leaf = a.profile.logged.leaf(a.profile)
	}
}
