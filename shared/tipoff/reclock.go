package tipoff

import (
	"context"
	"errors"
	"slices"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
)

// reclockAtOnce bounds how many tip-offs one call writes.
const reclockAtOnce = 500

// over is after every number.
const over = "~"

// Reclock brings the open tip-offs up to the calendar in force, in the unit's list
// and in the index of clocks: those from before there was such an index, and after
// an import of a year those that were counted by the calendar before. It opens
// nothing. A call does a bounded part, and the next one goes on from there; once
// all are done a call costs two reads until another year is imported. It returns
// how many it brought up.
func Reclock(ctx context.Context, j *journal.Journal, now time.Time) (int, error) {
	s := newStore(j, Rules{})
	rules, err := s.law(ctx)
	if err != nil {
		return 0, err
	}
	version := rules.Calendar.Version()
	last, err := s.reclocked(ctx, version)
	if err != nil || last == over {
		return 0, err
	}
	numbers, err := s.openAfter(ctx, last)
	if err != nil {
		return 0, err
	}
	done := 0
	var wrong error
	for _, number := range numbers {
		if done == reclockAtOnce || ctx.Err() != nil {
			return done, errors.Join(wrong, s.reclockedTo(context.WithoutCancel(ctx), version, last))
		}
		changed, err := s.reclock(ctx, number, version, now)
		wrong = errors.Join(wrong, err) // the others are not kept waiting
		if changed {
			done++
		}
		last = number
	}
	return done, errors.Join(wrong, s.reclockedTo(ctx, version, over))
}

// openAfter lists the numbers of what is open behind a number, in their order.
func (s store) openAfter(ctx context.Context, last string) ([]string, error) {
	var out []string
	for _, unit := range staff.UnitLabels() {
		for from := (journal.Place{}); ; {
			some, err := s.after(ctx, unit, false, from, page)
			if err != nil {
				return nil, err
			}
			for _, at := range some {
				if at.Member > last {
					out = append(out, at.Member)
				}
			}
			if len(some) < page {
				break
			}
			from = some[len(some)-1]
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// reclock writes a tip-off as it is, unless it stands in the index by the calendar
// of that version.
func (s store) reclock(ctx context.Context, number, version string, now time.Time) (bool, error) {
	k, known, err := s.clocks.Of(ctx, Ref(number))
	if err != nil || known && k.Calendar == version {
		return false, err
	}
	_, err = s.update(ctx, journal.Entry{Actor: "system", Action: "tipoff.reclock", At: now}, number,
		func(*journal.Tx, *Report) error { return nil })
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil, err
}
