package credit

import (
	"context"
	"fmt"
	"slices"

	"ipcredit/shared/journal"
	"ipcredit/shared/subject"
)

// Reindex brings stored profiles up to this version of the program: those of an
// older form or under another law get the answer of today, which saves computing
// it at every call, and those of which nothing stands in the public log yet get
// their leaf. It writes only what differs, in slices, each one commit with the
// given entry; progress, which may be nil, is told after each slice how many
// subjects' numbers are done and may archive the journal meanwhile. Running it
// again goes on.
func (s *Store) Reindex(ctx context.Context, entry journal.Entry, progress func(done int)) error {
	last, err := s.subjects.Last(ctx)
	if err != nil {
		return err
	}
	return s.subjects.InSlices(ctx, last, progress, func(from, to int) error {
		codes, err := s.subjects.Codes(ctx, from, to)
		if err != nil {
			return err
		}
		return s.reindex(ctx, entry, codes)
	})
}

func (s *Store) reindex(ctx context.Context, entry journal.Entry, codes []string) error {
	if len(codes) == 0 {
		return nil
	}
	law, err := s.laws.Current(ctx)
	if err != nil {
		return err
	}
	values, err := s.stored(ctx, s.journal.Redis(), codes)
	if err != nil {
		return err
	}
	var old []string
	for i, value := range values {
		is, err := stale(law, value)
		if err != nil {
			return err
		}
		if is {
			old = append(old, codes[i])
		}
	}
	if old, err = s.unlisted(ctx, law, codes, values, old); err != nil {
		return err
	}
	if old, err = s.untimed(ctx, codes, values, old); err != nil || len(old) == 0 {
		return err
	}
	watch := make([]string, len(old))
	for i, code := range old {
		watch[i] = s.key(code)
	}
	return s.commit(ctx, entry, watch, func(tx *journal.Tx, p place) error {
		list, err := s.load(ctx, tx, old)
		if err != nil {
			return err
		}
		for _, a := range list {
			a.touched, a.kept = a.held != nil, true
		}
		return s.write(tx, list, subject.Prepared{}, p, entry.At)
	})
}

// stale tells whether a stored profile is not as this version would write it.
func stale(law *Law, value string) (bool, error) {
	if value == "" {
		return false, nil
	}
	h, err := split(value)
	if err != nil || h.movedTo != "" {
		return false, err
	}
	if h.version != stored2 || h.law != anyLaw && !law.agrees(h.law) {
		return true, nil
	}
	if h.law == anyLaw && !h.showsLog {
		return false, nil // neither records nor a grade
	}
	p, err := h.profile()
	return err == nil && p.logged == nil && p.says(p.Subject.Kind), err
}

// unlisted adds to old the subjects with records that the index does not know.
func (s *Store) unlisted(ctx context.Context, law *Law, codes, values, old []string) ([]string, error) {
	var ids []string
	of := map[string]string{}
	for i, value := range values {
		if value == "" || slices.Contains(old, codes[i]) {
			continue
		}
		h, err := split(value)
		if err != nil {
			return nil, err
		}
		if h.movedTo != "" || h.rest == "" {
			continue
		}
		p, err := h.profile()
		if err != nil {
			return nil, err
		}
		for _, l := range law.lives(p.Records) {
			ids = append(ids, l.id)
			of[l.id] = codes[i]
		}
	}
	held, err := s.holders(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if held[id] != of[id] && !slices.Contains(old, of[id]) {
			old = append(old, of[id])
		}
	}
	return old, nil
}

// untimed adds to old the subjects whose answers change by themselves without
// anybody knowing when.
func (s *Store) untimed(ctx context.Context, codes, values, old []string) ([]string, error) {
	times, err := s.journal.Redis().ZMScore(ctx, s.nextKey(), codes...).Result()
	if err != nil {
		return nil, fmt.Errorf("credit: reading what changes: %w", err)
	}
	for i, value := range values {
		if value == "" || times[i] != 0 || slices.Contains(old, codes[i]) {
			continue
		}
		h, err := split(value)
		if err != nil {
			return nil, err
		}
		if h.until != 0 {
			old = append(old, codes[i])
		}
	}
	return old, nil
}
