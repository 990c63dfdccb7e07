package evidence

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
)

// OpenBox opens a box. The token is given out and not kept; box is its hash, by
// which everybody else knows the box.
func (s *Store) OpenBox(ctx context.Context, spec BoxSpec) (token, box string, err error) {
	token = NewToken()
	b, err := s.OpenBoxOf(ctx, token, spec)
	return token, b.ID, err
}

func (s *Store) opening(spec BoxSpec) journal.Entry {
	b := Box{By: spec.By, Org: spec.Org}
	return journal.Entry{Actor: sender(b), Action: "evidence.open", Ref: spec.For, At: b.noted(s.now())}
}

// OpenBoxOf is OpenBox for a token that the caller has made, by NewToken or
// TokenOf. A box that the token has already is returned as it is. A reporter's that
// would be one too many is a fault of kind Refused.
func (s *Store) OpenBoxOf(ctx context.Context, token string, spec BoxSpec) (Box, error) {
	id, err := BoxOf(token)
	if err != nil {
		return Box{}, err
	}
	var b Box
	keys := []string{s.boxKey(id)}
	counted := spec.Org == "" && spec.For != Draft // a draft has one, and nobody knows how many drafts there are
	if counted {
		keys = append(keys, s.ofKey(spec.For))
	}
	err = s.journal.Commit(ctx, s.opening(spec), keys, func(tx *journal.Tx) error {
		var known bool
		if b, known, err = journal.Read[Box](ctx, tx.Read(), s.boxKey(id)); err != nil || known {
			return err
		}
		if counted {
			n, err := tx.Read().SCard(ctx, s.ofKey(spec.For)).Result()
			if err != nil {
				return fmt.Errorf("evidence: counting: %w", err)
			}
			if n >= int64(s.limits.Boxes) {
				return fault.New(fault.Refused, "evidence.boxes", s.limits.Boxes)
			}
		}
		if _, err := s.AddBox(tx, token, spec); err != nil {
			return err
		}
		b, err = newBox(token, spec, s.now())
		return err
	})
	return b, err
}

// AddBox opens the box of a token from NewToken within the caller's own commit.
func (s *Store) AddBox(tx *journal.Tx, token string, spec BoxSpec) (box string, err error) {
	b, err := newBox(token, spec, s.now())
	if err != nil {
		return "", err
	}
	tx.SAdd(s.ofKey(b.For), b.ID)
	if b.Draft() {
		tx.ZAdd(s.endsKey(), float64(b.Until), b.ID)
	}
	if err := s.keep(tx, b); err != nil {
		return "", err
	}
	return b.ID, journal.Put(tx, s.boxKey(b.ID), b)
}

// Rebind hands a box over to something else within the caller's commit: the
// draft's to the report. From until on it takes nothing more; the zero time
// leaves its end as it is. A box that ended, is unknown or belongs to something
// else already is a fault; binding it again to the same thing is not.
func (s *Store) Rebind(ctx context.Context, tx *journal.Tx, box, ref string, until time.Time) error {
	if err := checkFor(ref); err != nil {
		return err
	}
	if err := tx.Watch(s.boxKey(box)); err != nil {
		return err
	}
	b, known, err := journal.Read[Box](ctx, tx.Read(), s.boxKey(box))
	switch {
	case err != nil:
		return err
	case !known:
		return fault.New(fault.NotFound, "evidence.no_box")
	case b.Dropped || b.Draft() && !s.now().Before(b.Ends()):
		return fault.New(fault.Ended, "evidence.box_ended")
	case b.For == ref:
		return nil
	case !b.Draft():
		return fault.New(fault.Conflict, "evidence.bound")
	}
	tx.SRem(s.ofKey(b.For), box)
	tx.ZRem(s.endsKey(), box)
	b.For = ref
	if !until.IsZero() {
		b.Until = until.Unix()
	}
	tx.SAdd(s.ofKey(ref), box)
	return journal.Put(tx, s.boxKey(box), b)
}

// Box returns a box by its id, or a fault of kind NotFound.
func (s *Store) Box(ctx context.Context, box string) (Box, error) {
	b, known, err := journal.Read[Box](ctx, s.journal.Redis(), s.boxKey(box))
	if err == nil && !known {
		err = fault.New(fault.NotFound, "evidence.no_box")
	}
	return b, err
}

// Open returns the box of the token while it takes files: a fault of kind
// NotFound where there is none, of kind Ended afterwards.
func (s *Store) Open(ctx context.Context, token string) (Box, error) {
	box, err := BoxOf(token)
	if err != nil {
		return Box{}, err
	}
	b, err := s.Box(ctx, box)
	if err != nil {
		return Box{}, err
	}
	if b.Dropped || !s.now().Before(b.Ends()) {
		return Box{}, fault.New(fault.Ended, "evidence.box_ended")
	}
	return b, nil
}

// Boxes lists the boxes that belong to something, in no order.
func (s *Store) Boxes(ctx context.Context, what string) ([]Box, error) {
	ids, err := s.boxesOf(ctx, what)
	if err != nil {
		return nil, err
	}
	boxes := make([]Box, 0, len(ids))
	for _, id := range ids {
		b, known, err := journal.Read[Box](ctx, s.journal.Redis(), s.boxKey(id))
		if err != nil {
			return nil, err
		}
		if known && !b.Dropped {
			boxes = append(boxes, b)
		}
	}
	return boxes, nil
}

// File returns one file of a box as it stands, or a fault of kind NotFound.
func (s *Store) File(ctx context.Context, box string, n int) (File, error) {
	f, known, err := journal.Read[File](ctx, s.journal.Redis(), s.fileKey(box, n))
	if err == nil && !known {
		err = fault.New(fault.NotFound, "evidence.no_file")
	}
	return f, err
}

// Files lists the files of a box that are not gone, by number. One that cannot be
// read is Broken and does not keep the others from being listed.
func (s *Store) Files(ctx context.Context, box string) ([]File, error) {
	b, err := s.Box(ctx, box)
	if err != nil {
		return nil, err
	}
	files := []File{}
	for from := 1; from <= b.Files; from += 500 {
		var keys []string
		for n := from; n <= b.Files && n < from+500; n++ {
			keys = append(keys, s.fileKey(box, n))
		}
		texts, err := journal.Texts(ctx, s.journal.Redis(), keys)
		if err != nil {
			return nil, err
		}
		for i, text := range texts {
			if text == "" {
				continue
			}
			var f File
			if err := json.Unmarshal([]byte(text), &f); err != nil || f.N != from+i {
				f = File{N: from + i, Size: -1, State: Broken}
			}
			if f.At(s.now()) != Gone {
				files = append(files, f)
			}
		}
	}
	return files, nil
}
