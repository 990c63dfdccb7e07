package credit

import (
	"context"
	"fmt"
	"slices"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// Merge records that the subject into took the subject from over: from's code
// leads to into from then on, and into has its records, each still under the code
// that its document names, with its history. What the documents say does not
// change, and no display becomes longer (rule merged-records). If into was itself
// merged, the records go to the last in the chain. It refuses what
// subject.CheckMerger refuses, and codes that are not known.
//
// The change is the operator's or an officer's: it rests on a registry's
// announcement, which entry.Ref names.
func (s *Store) Merge(ctx context.Context, entry journal.Entry, from, into string) error {
	return s.merge(ctx, entry, from, into, nil, func(*journal.Tx) error { return nil })
}

// merge is Merge with what else its commit watches and writes.
func (s *Store) merge(ctx context.Context, entry journal.Entry, from, into string, watch []string, also func(*journal.Tx) error) error {
	return s.commit(ctx, entry, append(watch, s.key(from), s.key(into)), func(tx *journal.Tx, p place) error {
		if err := also(tx); err != nil {
			return err
		}
		list, all, err := s.accounts(ctx, tx, []string{from, into})
		if err != nil {
			return err
		}
		if p, err = s.behind(ctx, tx, p, list, all); err != nil {
			return err
		}
		a, b := list[0], list[1]
		if err := mergeable(a, b); err != nil {
			return err
		}
		to := b.holder()
		for _, r := range a.profile.Records {
			if r.From == "" {
				r.From = from
			}
			to.profile.Records = append(to.profile.Records, r)
		}
		to.profile.absorb(a.profile.absorbed)
		to.profile.absorb(map[string]absorbed{from: {Grade: a.profile.Grade, Logged: a.profile.logged}})
		merged := *a.held
		merged.MergedInto = into
		a.known, a.touched, a.profile, to.touched = &merged, true, Profile{}, true
		return s.write(tx, all, nil, p, entry.At)
	})
}

// behind is the place with a number that was taken after all the accounts were watched:
// those that took others over are found, and watched, when the try has its number.
func (s *Store) behind(ctx context.Context, tx *journal.Tx, p place, list, all []*account) (place, error) {
	if len(all) == len(list) {
		return p, nil
	}
	n, err := tx.Read().Incr(ctx, s.journal.Key("seq", feed)).Result()
	if err != nil {
		return p, fmt.Errorf("credit: standing in the feed: %w", err)
	}
	p.number = n
	return p, nil
}

func unknown(field string) error {
	return fault.New(fault.NotFound, "subject.unknown").With(field, "subject.unknown")
}

// Unmerge takes a merger back: from stands for itself again, with the records
// whose documents name it, those that came after the merger among them, and with
// whatever had been merged into it before.
func (s *Store) Unmerge(ctx context.Context, entry journal.Entry, from string) error {
	return s.unmerge(ctx, entry, from, nil, func(*journal.Tx) error { return nil })
}

// unmerge is Unmerge with what else its commit watches and writes.
func (s *Store) unmerge(ctx context.Context, entry journal.Entry, from string, watch []string, also func(*journal.Tx) error) error {
	return s.commit(ctx, entry, append(watch, s.key(from)), func(tx *journal.Tx, p place) error {
		if err := also(tx); err != nil {
			return err
		}
		list, all, err := s.accounts(ctx, tx, []string{from})
		if err != nil {
			return err
		}
		if p, err = s.behind(ctx, tx, p, list, all); err != nil {
			return err
		}
		a := list[0]
		if a.held == nil {
			return unknown("from")
		}
		if a.to == nil {
			return fault.New(fault.Conflict, "subject.not_merged").With("from", "subject.not_merged")
		}
		to := a.to
		back, err := s.through(ctx, tx, to, from)
		if err != nil {
			return err
		}
		var kept []Record
		for _, r := range to.profile.Records {
			switch {
			case !back[r.From]:
				kept = append(kept, r)
				continue
			case r.From == from:
				r.From = ""
			}
			a.profile.Records = append(a.profile.Records, r)
		}
		to.profile.Records = kept
		for code, x := range to.profile.absorbed {
			if !back[code] {
				continue
			}
			if code == from {
				a.profile.Grade, a.profile.logged = x.Grade, x.Logged
			} else {
				a.profile.absorb(map[string]absorbed{code: x})
			}
		}
		to.profile.release(back)
		alone := *a.held
		alone.MergedInto = ""
		a.known, a.touched, to.touched = &alone, true, true
		return s.write(tx, all, nil, p, entry.At)
	})
}

// through names the codes whose mergers led to the account by way of the code
// via, itself among them.
func (s *Store) through(ctx context.Context, tx *journal.Tx, to *account, via string) (map[string]bool, error) {
	codes := []string{via}
	add := func(code string) {
		if code != "" && !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	for _, r := range to.profile.Records {
		add(r.From)
	}
	for code := range to.profile.absorbed {
		add(code)
	}
	back := map[string]bool{via: true}
	for _, code := range codes[1:] {
		seen := map[string]bool{}
		for at := code; at != "" && at != to.code && !seen[at]; {
			if at == via {
				back[code] = true
				break
			}
			seen[at] = true
			if err := tx.Watch(s.key(at)); err != nil {
				return nil, err
			}
			held, err := s.subjects.Load(ctx, tx.Read(), at)
			if err != nil {
				return nil, err
			}
			if held[0] == nil {
				break
			}
			at = held[0].MergedInto
		}
	}
	return back, nil
}

func (p *Profile) absorb(more map[string]absorbed) {
	if p.absorbed == nil && len(more) > 0 {
		p.absorbed = map[string]absorbed{}
	}
	for code, x := range more {
		p.absorbed[code] = x
	}
}

func (p *Profile) release(codes map[string]bool) {
	for code := range codes {
		delete(p.absorbed, code)
	}
	if len(p.absorbed) == 0 {
		p.absorbed = nil
	}
}
