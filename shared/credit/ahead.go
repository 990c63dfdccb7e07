package credit

import (
	"context"
	"slices"

	"ipcredit/shared/journal"
	"ipcredit/shared/subject"
)

// Line makes changes ready that are made one after the other, each beside the
// commit of the one before it: what a commit holds everybody else up for is then
// little more than what Redis does.
type Line struct {
	store *Store
	// recent are the codes of the changes that may not be made yet, the latest last.
	recent []map[string]int
}

// mayWait is how many changes of a line may be ready and not made yet.
const mayWait = 2

// Line begins a line.
func (s *Store) Line() *Line { return &Line{store: s} }

// ahead is what was made of a change before its commit began.
type ahead struct {
	terms subject.Prepared
	*entered
	texts             []texts // as they were stored then
	draft             *journal.Draft
	subjects, records []Outcome
}

// Prepare does what making the change can do before its commit. Its time must be
// set. Apply works without it, and where it turns out that something was guessed
// wrong; Drop must be called for a change that is not applied.
func (l *Line) Prepare(ctx context.Context, c *Change) {
	c.prepare()
	codes, index := c.codes()
	alone := len(codes) > 0 && !slices.ContainsFunc(l.recent, func(other map[string]int) bool { return overlap(index, other) })
	first := len(l.recent) == 0 // whose commit waits for this
	if l.recent = append(l.recent, index); len(l.recent) > mayWait {
		l.recent = l.recent[1:]
	}
	if alone && !first && !c.DryRun && len(c.Amend) == 0 && !c.Entry.At.IsZero() {
		l.store.rehearse(ctx, c, codes, index)
	}
}

// Drop gives up what was prepared.
func (l *Line) Drop(c Change) {
	if e := c.ahead.at(); e != nil {
		e.leave()
	}
}

func overlap(a, b map[string]int) bool {
	for code := range a {
		if _, ok := b[code]; ok {
			return true
		}
	}
	return false
}

// prepare finds the terms of the subjects that may be new.
func (c *Change) prepare() {
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
	c.ahead = &ahead{terms: subject.Prepare(subjects...)}
}

// rehearse makes the whole change out of what is stored now. What fails here will
// fail in the commit, or not there.
func (s *Store) rehearse(ctx context.Context, c *Change, codes []string, index map[string]int) {
	texts, err := s.texts(ctx, s.journal.Redis(), codes)
	if err != nil {
		return
	}
	list, err := accountsOf(codes, texts)
	if err != nil || slices.ContainsFunc(list, func(a *account) bool { return a.held != nil && a.held.MergedInto != "" }) {
		return
	}
	law, err := s.laws.Current(ctx)
	if err != nil {
		return
	}
	p, leave, err := s.enter(ctx, len(codes), true)
	if err != nil {
		return
	}
	p.law = law
	made := *c.ahead
	made.entered, made.texts = &entered{p, leave}, texts
	made.draft, err = s.journal.Draft(ctx, func(tx *journal.Tx) (err error) {
		made.subjects, made.records, err = s.apply(tx, *c, p, list, list, index)
		return err
	})
	if err != nil {
		leave()
		return
	}
	c.ahead = &made
}

func (a *ahead) at() *entered {
	if a == nil {
		return nil
	}
	return a.entered
}

func (a *ahead) prepared() subject.Prepared {
	if a == nil {
		return nil
	}
	return a.terms
}

// heldAt tells whether the place is the one that was entered ahead.
func (a *ahead) heldAt(p place) bool { return a.at() != nil && a.place.token == p.token }

// fits tells whether the commit at this place finds what was guessed.
func (a *ahead) fits(p place, found []texts) bool {
	return a.heldAt(p) && a.place.law == p.law && slices.Equal(a.texts, found)
}
