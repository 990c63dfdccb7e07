package credit

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"ipcredit/shared/journal"
)

// The feed grows with every change and is read from its beginning by whoever is
// new. Past its time it is thinned out: what is kept of an old stretch are the
// beginnings of records that are still shown, and the ends that somebody still has
// to hear of. So reading from the beginning stays a full export of what stands,
// and no end is lost. Who went on from a place in such a stretch cannot know what
// was there: it is told to begin anew.

// sweptLine stands where a line was: the others keep their numbers.
const sweptLine = "-"

func (s *Store) floorKey() string { return s.journal.Key("credit", "feed", "floor") }

// Sweep thins out the oldest stretch of the feed that is wholly older than before
// and was not thinned out yet. needed tells which of the ends somebody still has
// to hear of. It tells whether it did one; false means that none is left.
func (s *Store) Sweep(ctx context.Context, entry journal.Entry, before time.Time, needed func([]Event) (map[string]bool, error)) (bool, error) {
	settled, _, floor, err := s.settled(ctx)
	if err != nil {
		return false, err
	}
	first := floor
	end := (first/perBlock+1)*perBlock - 1
	if end > settled {
		return false, nil
	}
	texts, err := s.entries(ctx, first, end)
	if err != nil {
		return false, err
	}
	var all, ends []Event
	for n := first; n <= end; n++ {
		events, err := entriesOf(texts, n)
		if err != nil {
			return false, err
		}
		for _, e := range events {
			if !e.At.Before(before) {
				return false, nil
			}
			if all = append(all, e); e.Type.Ends() {
				ends = append(ends, e)
			}
		}
	}
	standing, err := s.Standing(ctx, all, entry.At)
	if err != nil {
		return false, err
	}
	keep := map[string]bool{}
	if len(ends) > 0 {
		if keep, err = needed(ends); err != nil {
			return false, err
		}
	}
	lines := map[int64][]int{} // of each entry, those that go
	for _, e := range all {
		if _, stands := standing[e.RecordID]; e.Type.Ends() && !keep[e.ID()] || !e.Type.Ends() && !stands {
			lines[e.Number] = append(lines[e.Number], e.Line)
		}
	}
	return true, s.journal.Commit(ctx, entry, []string{s.floorKey()}, func(tx *journal.Tx) error {
		if same, err := s.floorIs(ctx, tx, floor); err != nil || !same {
			return err // somebody else was faster
		}
		for n := first; n <= end; n++ {
			text, changed := thinned(texts[n], lines[n])
			switch {
			case changed && text == "":
				tx.HDel(s.feedKey(n), strconv.FormatInt(n, 10))
			case changed:
				tx.HSet(s.feedKey(n), strconv.FormatInt(n, 10), text)
			}
		}
		tx.Set(s.floorKey(), strconv.FormatInt(end+1, 10))
		return nil
	})
}

// thinned is an entry without some of its lines, "" where none is left.
func thinned(text string, gone []int) (string, bool) {
	if len(gone) == 0 {
		return text, false
	}
	lines := strings.Split(text, "\n")
	for _, n := range gone {
		lines[n] = sweptLine
	}
	if !slices.ContainsFunc(lines[1:], func(line string) bool { return line != sweptLine }) {
		return "", true
	}
	return strings.Join(lines, "\n"), true
}
