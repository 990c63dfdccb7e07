package evidence

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/seal"
)

// listEvery is how often all keys are gone through for boxes that the list of what
// is kept has lost or never had.
const listEvery = 24 * time.Hour

// listed stands in the place of the last key looked at once all were.
const listed = "."

func (s *Store) listedKey() string { return s.journal.Tmp("evidence-listed") }

// list puts boxes with a key of their own on the list of what is kept that are not
// on it: those opened before there was a list. It goes through the keys themselves,
// since these are what must be erased, sweepEach at a call, on from where the last
// call stopped, and begins anew a day after it came to the end. Several may run at
// once. It returns how many it found.
func (s *Store) list(ctx context.Context, keys *seal.Keys) (int, error) {
	after, err := journal.Text(ctx, s.journal.Redis(), s.listedKey())
	switch {
	case err != nil:
		return 0, fmt.Errorf("evidence: where the last listing stopped: %w", err)
	case after == listed:
		return 0, nil
	case after == "":
		after = ownKey
	}
	var boxes []string
	last := listed
	for ref, err := range keys.Refs(ctx, after) {
		if err != nil {
			return 0, fmt.Errorf("evidence: keys of boxes: %w", err)
		}
		if !strings.HasPrefix(ref, ownKey) {
			break
		}
		if boxes = append(boxes, strings.TrimPrefix(ref, ownKey)); len(boxes) == sweepEach {
			last = ref
			break
		}
	}
	n := 0
	for _, box := range boxes {
		there, err := s.onList(ctx, box)
		if err != nil {
			return n, err
		}
		if there {
			continue
		}
		done, err := s.enlist(ctx, box)
		if err != nil {
			return n, err
		}
		if done {
			n++
		}
	}
	return n, s.listedTo(ctx, last)
}

// enlist puts one box on the list; false where there is none to put there.
func (s *Store) enlist(ctx context.Context, box string) (bool, error) {
	// Looked at first: a key whose box is dropped or was never opened changes nothing.
	b, err := s.Box(ctx, box)
	if isFault(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, _, ok, err := b.KeptUntil(); err != nil || !ok {
		return false, err
	}
	entry := journal.Entry{Actor: "system", Action: "evidence.enlist", Ref: box, At: s.now()}
	err = s.changeBox(ctx, entry, box, func(tx *journal.Tx, b *Box) error { return s.keep(tx, *b) })
	if fault.Is(err, fault.NotFound) { // dropped meanwhile
		return false, nil
	}
	return err == nil, err
}
