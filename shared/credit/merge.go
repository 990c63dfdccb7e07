package credit

import (
	"context"
	"slices"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/subject"
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
	return s.commit(ctx, entry, []string{s.key(from), s.key(into)}, func(tx *journal.Tx, p place) error {
		if from == into {
			return fault.New(fault.Refused, "subject.merger_circle").With("into", "subject.merger_circle")
		}
		list, all, err := s.accounts(ctx, tx, []string{from, into})
		if err != nil {
			return err
		}
		a, b := list[0], list[1]
		if a.held == nil {
			return unknown("from")
		}
		if b.held == nil {
			return unknown("into")
		}
		if err := subject.CheckMerger(*a.held, *b.held, *b.holder().held); err != nil {
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

func unknown(field string) error {
	return fault.New(fault.NotFound, "subject.unknown").With(field, "subject.unknown")
}

// Unmerge takes a merger back: from stands for itself again, with the records
// whose documents name it, those that came after the merger among them, and with
// whatever had been merged into it before.
func (s *Store) Unmerge(ctx context.Context, entry journal.Entry, from string) error {
	return s.commit(ctx, entry, []string{s.key(from)}, func(tx *journal.Tx, p place) error {
		list, all, err := s.accounts(ctx, tx, []string{from})
		if err != nil {
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
