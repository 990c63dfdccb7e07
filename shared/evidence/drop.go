package evidence

import (
	"context"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// drop makes a file gone, unless may refuses, and leaves its objects to the sweep.
func (s *Store) drop(ctx context.Context, box string, n int, action string, may func(Box, File) error) error {
	entry := journal.Entry{Actor: "system", Action: action, Ref: member(box, n), At: s.now()}
	if action == "evidence.terminate" {
		b, err := s.Box(ctx, box)
		if err != nil {
			return err
		}
		entry.Actor, entry.At = sender(b), b.noted(s.now())
	}
	keys := []string{s.boxKey(box), s.fileKey(box, n)}
	return s.journal.Commit(ctx, entry, keys, func(tx *journal.Tx) error {
		b, known, err := journal.Read[Box](ctx, tx.Read(), s.boxKey(box))
		if err != nil {
			return err
		}
		f, there, err := journal.Read[File](ctx, tx.Read(), s.fileKey(box, n))
		if err != nil {
			return err
		}
		if !known || !there {
			tx.ZRem(s.receivingKey(), member(box, n))
			return nil
		}
		if err := may(b, f); err != nil {
			return err
		}
		b.Live, b.Bytes = b.Live-1, b.Bytes-f.counted()
		tx.ZRem(s.receivingKey(), member(box, n))
		tx.SRem(s.unlockedKey(), member(box, n))
		tx.Del(s.piecesKey(box, n))
		tx.ZAdd(s.leftKey(), s.quiet(), member(box, n))
		if err := journal.Put(tx, s.fileKey(box, n), f.gone()); err != nil {
			return err
		}
		return journal.Put(tx, s.boxKey(box), b)
	})
}

// Drop forgets a box with all its files, for erasure: afterwards its token and
// its files answer that they have ended, and the sweep deletes the objects as far
// as the store lets it. What makes them unreadable everywhere is that the caller
// erases the key they are sealed to. Dropping again changes nothing.
func (s *Store) Drop(ctx context.Context, box string) error {
	return s.dropBox(ctx, box, func(Box) bool { return true })
}

// Abandon is Drop for a box of a draft that is given up. One that has become a
// report's meanwhile stays as it is: what is in it is evidence.
func (s *Store) Abandon(ctx context.Context, box string) error {
	return s.dropBox(ctx, box, Box.Draft)
}

func (s *Store) dropBox(ctx context.Context, box string, may func(Box) bool) error {
	entry := journal.Entry{Actor: "system", Action: "evidence.drop", Ref: box, At: s.now()}
	return s.journal.Commit(ctx, entry, []string{s.boxKey(box)}, func(tx *journal.Tx) error {
		b, known, err := journal.Read[Box](ctx, tx.Read(), s.boxKey(box))
		switch {
		case err != nil:
			return err
		case !known:
			return fault.New(fault.NotFound, "evidence.no_box")
		case b.Dropped || !may(b):
			return nil
		}
		for n := 1; n <= b.Files; n++ {
			tx.Del(s.fileKey(box, n), s.piecesKey(box, n))
			tx.ZRem(s.receivingKey(), member(box, n))
			tx.SRem(s.unlockedKey(), member(box, n))
		}
		tx.SRem(s.ofKey(b.For), box)
		tx.ZRem(s.endsKey(), box)
		tx.ZRem(s.keepKey(), box)
		tx.ZAdd(s.leftKey(), s.quiet(), member(box, 0))
		return journal.Put(tx, s.boxKey(box), Box{ID: box, Day: b.Day, Dropped: true})
	})
}

// settleLeft notes that nothing is left of a file or box, or when to look again.
func (s *Store) settleLeft(ctx context.Context, m string, again time.Time) error {
	entry := journal.Entry{Actor: "system", Action: "evidence.deleted", Ref: m, At: s.now()}
	return s.journal.Commit(ctx, entry, nil, func(tx *journal.Tx) error {
		if again.IsZero() {
			tx.ZRem(s.leftKey(), m)
		} else {
			tx.ZAdd(s.leftKey(), float64(again.Unix()), m)
		}
		return nil
	})
}

// settleLock notes until which day a file is locked; "" that it needs no lock.
func (s *Store) settleLock(ctx context.Context, m, until string) error {
	box, n := split(m)
	entry := journal.Entry{Actor: "system", Action: "evidence.lock", Ref: m, At: s.now()}
	return s.journal.Commit(ctx, entry, []string{s.fileKey(box, n)}, func(tx *journal.Tx) error {
		tx.SRem(s.unlockedKey(), m)
		f, known, err := journal.Read[File](ctx, tx.Read(), s.fileKey(box, n))
		if err != nil || !known || f.State != Whole || until == "" {
			return err
		}
		f.Locked = until
		return journal.Put(tx, s.fileKey(box, n), f)
	})
}
