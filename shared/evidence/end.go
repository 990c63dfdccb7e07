package evidence

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/objects"
)

// Terminate drops a file at its sender's wish, and gives its room back. What has
// been handed over, a complete file of a box that is no draft's, stays: then it is
// evidence. Dropping what is gone is a fault of kind Ended.
func (s *Store) Terminate(ctx context.Context, b Box, n int) error {
	return s.drop(ctx, b.ID, n, "evidence.terminate", func(box Box, f File) error {
		switch {
		case f.At(s.now()) == Gone:
			return fault.New(fault.Ended, "evidence.gone")
		case f.State == Whole && !box.Draft():
			return fault.New(fault.Conflict, "evidence.kept")
		}
		return nil
	})
}

// Swept tells what a sweep did.
type Swept struct {
	GivenUp int // incomplete files nobody continued
	Dropped int // drafts' boxes whose report never came
	Deleted int // objects removed
	Locked  int // complete files locked in the store
}

// sweepEach bounds one sweep, so that a tick stays within a call's time: what is
// left comes with the next.
const sweepEach = 200

// Sweep does what time asks for: it gives up files that nobody continues, drops
// drafts that became no report, deletes what belongs to nothing any more, and
// locks complete files in the store until LockDays have passed. It may run in
// several processes at once and be cut off anywhere. It stops early when ctx is
// about to end.
func (s *Store) Sweep(ctx context.Context) (Swept, error) {
	var done Swept
	due, err := s.due(ctx, s.receivingKey())
	if err != nil {
		return done, err
	}
	for _, m := range due {
		box, n := split(m)
		err := s.drop(ctx, box, n, "evidence.give_up", func(_ Box, f File) error {
			if f.State != Receiving || s.now().Unix() < f.Expires {
				return fault.New(fault.Conflict, "evidence.offset", f.Offset)
			}
			return nil
		})
		switch {
		case err == nil:
			done.GivenUp++
		case !isFault(err):
			return done, err
		}
	}
	if due, err = s.due(ctx, s.endsKey()); err != nil {
		return done, err
	}
	for _, box := range due {
		b, err := s.Box(ctx, box)
		if err == nil && b.Draft() {
			err = s.Abandon(ctx, box)
			done.Dropped++
		}
		if err != nil && !isFault(err) {
			return done, err
		}
	}
	if due, err = s.due(ctx, s.leftKey()); err != nil {
		return done, err
	}
	// One file that the store will not let go of does not keep the others.
	var failed error
	for _, m := range due {
		n, err := s.deleteLeft(ctx, m)
		done.Deleted += n
		failed = errors.Join(failed, err)
	}
	unlocked, err := s.unlocked(ctx, sweepEach)
	if err != nil {
		return done, err
	}
	for _, m := range unlocked {
		n, locked, err := s.lock(ctx, m)
		done.Deleted += n
		failed = errors.Join(failed, err)
		if locked {
			done.Locked++
		}
	}
	return done, failed
}

func isFault(err error) bool {
	_, ok := fault.Of(err)
	return ok && !fault.Is(err, fault.Unavailable)
}

func split(m string) (box string, n int) {
	box, number, _ := strings.Cut(m, " ")
	n, _ = strconv.Atoi(number) // 0 stands for the whole box
	return box, n
}

// deleteLeft deletes all objects of a file or box that is gone.
func (s *Store) deleteLeft(ctx context.Context, m string) (int, error) {
	box, n := split(m)
	deleted, retained := 0, false
	for info, err := range s.objects.List(ctx, prefix(box, n), "") {
		if err == nil {
			err = s.objects.Delete(ctx, info.Name)
		}
		switch {
		case errors.Is(err, objects.ErrRetained):
			retained = true
		case err != nil:
			return deleted, fmt.Errorf("evidence: deleting what is left: %w", err)
		default:
			deleted++
		}
	}
	again := time.Time{}
	if retained { // its key is erased; the sealed bytes go when their lock ends
		again = s.now().AddDate(0, 0, 30)
	}
	return deleted, s.settleLeft(ctx, m, again)
}

// lock locks a complete file's objects in the store and deletes those that lost
// against it. A draft's file is not locked: it may still be taken back.
func (s *Store) lock(ctx context.Context, m string) (deleted int, locked bool, err error) {
	box, n := split(m)
	b, err := s.Box(ctx, box)
	if isFault(err) || err == nil && b.Dropped {
		return 0, false, s.settleLock(ctx, m, "")
	}
	if err != nil || b.Draft() {
		return 0, false, err
	}
	f, err := s.File(ctx, box, n)
	if isFault(err) || err == nil && f.State != Whole {
		return 0, false, s.settleLock(ctx, m, "")
	}
	if err != nil {
		return 0, false, err
	}
	pieces, err := s.pieces(ctx, box, n, f.Pieces)
	if err != nil {
		return 0, false, err
	}
	keep := map[string]bool{f.Manifest: true}
	for i, p := range pieces {
		keep[pieceName(box, n, i, p.Try)] = true
	}
	until := midnight(s.now().AddDate(0, 0, s.limits.LockDays))
	for info, err := range s.objects.List(ctx, prefix(box, n), "") {
		if err != nil {
			return deleted, false, fmt.Errorf("evidence: locking: %w", err)
		}
		if !keep[info.Name] {
			if err := s.objects.Delete(ctx, info.Name); err != nil {
				return deleted, false, fmt.Errorf("evidence: deleting what is left: %w", err)
			}
			deleted++
			continue
		}
		if s.limits.LockDays > 0 {
			if err := s.objects.Retain(ctx, info.Name, until); err != nil {
				return deleted, false, fmt.Errorf("evidence: locking: %w", err)
			}
		}
	}
	if s.limits.LockDays == 0 {
		return deleted, false, s.settleLock(ctx, m, "")
	}
	return deleted, true, s.settleLock(ctx, m, day(until.Add(-time.Second)))
}
