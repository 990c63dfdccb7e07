package credit

import (
	"context"

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
	values, err := s.stored(ctx, s.journal.Redis(), codes)
	if err != nil {
		return err
	}
	var stale []string
	for i, value := range values {
		old, err := s.stale(value)
		if err != nil {
			return err
		}
		if old {
			stale = append(stale, codes[i])
		}
	}
	if len(stale) == 0 {
		return nil
	}
	watch := make([]string, len(stale))
	for i, code := range stale {
		watch[i] = s.key(code)
	}
	seed := newSeed()
	return s.journal.Commit(ctx, entry, watch, func(tx *journal.Tx) error {
		list, err := s.load(ctx, tx, stale)
		if err != nil {
			return err
		}
		for _, a := range list {
			a.touched, a.kept = a.held != nil, true
		}
		return s.write(tx, list, subject.Prepared{}, seed, entry.At)
	})
}

// stale tells whether a stored profile is not as this version would write it.
func (s *Store) stale(value string) (bool, error) {
	if value == "" {
		return false, nil
	}
	h, err := split(value)
	if err != nil || h.movedTo != "" {
		return false, err
	}
	if h.version != stored2 || h.law != anyLaw && h.law != s.law.fingerprint {
		return true, nil
	}
	if h.law == anyLaw && !h.showsLog {
		return false, nil // neither records nor a grade
	}
	p, err := h.profile()
	return err == nil && p.logged == nil && p.says(p.Subject.Kind), err
}
