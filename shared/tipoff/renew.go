package tipoff

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/seal"
)

// sealNote seals a remark to a unit and the escrow, and that to the tip-off's key.
func sealNote(r Report, unit, escrow seal.Recipient, n noted) (string, error) {
	both, err := seal.ParseRecipient(unit.String() + "\n" + escrow.String())
	if err != nil {
		return "", fmt.Errorf("tipoff: %w", err)
	}
	inner, err := sealed(both, n)
	if err != nil {
		return "", err
	}
	to, err := seal.ParseRecipient(r.To)
	if err != nil {
		return "", err
	}
	return to.SealString(inner)
}

// Renewal is a change of a unit's key, for what is sealed to that key itself and
// not to a tip-off's (see seal.Keys.RewrapAll for those).
type Renewal struct {
	Unit string
	// By is the label that Opener opens tip-offs as: UnitLabel of the unit with its
	// keys, or EscrowLabel with the escrow's.
	By     string
	Opener seal.Identity
	To     seal.Recipient // the unit's new key
	Escrow seal.Recipient
}

// RenewNotes seals the remarks of the unit on the tip-offs it handles to its new
// key and returns how many. What the opener does not open is left as it is. Doing
// it again changes nothing that can be read.
func RenewNotes(ctx context.Context, j *journal.Journal, keys *seal.Keys, n Renewal, now time.Time) (renewed int, err error) {
	s := store{j, Rules{}.filled()}
	for _, closed := range []bool{false, true} {
		for from, step := int64(0), int64(200); ; from += step {
			numbers, err := s.list(ctx, n.Unit, closed, from, step)
			if err != nil {
				return renewed, err
			}
			reports, err := s.reports(ctx, numbers)
			if err != nil {
				return renewed, err
			}
			for _, r := range reports {
				if r.Notes == 0 || r.State == Erased {
					continue
				}
				done, err := s.renew(ctx, keys, n, r, now)
				renewed += done
				if err != nil {
					return renewed, err
				}
			}
			if int64(len(numbers)) < step {
				break
			}
		}
	}
	return renewed, nil
}

// renew does it for one tip-off. Remarks are only ever added: what is read here
// still stands when it is written.
func (s store) renew(ctx context.Context, keys *seal.Keys, n Renewal, r Report, now time.Time) (int, error) {
	id, err := keys.Open(ctx, r.Key, n.By, n.Opener)
	switch {
	case errors.Is(err, seal.ErrErased), errors.Is(err, seal.ErrNoLabel), errors.Is(err, seal.ErrWrongKey):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("tipoff: %w", err)
	}
	values, err := s.hash(ctx, r.Number, "notes")
	if err != nil {
		return 0, err
	}
	fresh := map[string]string{}
	for at, v := range values {
		var note storedNote
		if err := json.Unmarshal([]byte(v), &note); err != nil {
			return 0, fmt.Errorf("tipoff: reading a note: %w", err)
		}
		if note.Unit != n.Unit {
			continue
		}
		inner, err := id.UnsealString(note.Sealed)
		if err != nil {
			return 0, fmt.Errorf("tipoff: opening: %w", err)
		}
		text, err := unsealed[noted](n.Opener, inner)
		if errors.Is(err, seal.ErrWrongKey) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if note.Sealed, err = sealNote(r, n.To, n.Escrow, text); err != nil {
			return 0, err
		}
		value, err := json.Marshal(note)
		if err != nil {
			return 0, fmt.Errorf("tipoff: %w", err)
		}
		fresh[strconv.Itoa(at+1)] = string(value)
	}
	if len(fresh) == 0 {
		return 0, nil
	}
	_, err = s.update(ctx, journal.Entry{Actor: "system", Action: "tipoff.renew_notes", At: now}, r.Number, func(tx *journal.Tx, now *Report) error {
		if now.State == Erased {
			return fault.New(fault.Gone, "tipoff.erased", now.ErasedOn.String())
		}
		for field, value := range fresh {
			s.set(tx, r.Number, "notes", field, value)
		}
		return nil
	})
	if fault.Is(err, fault.Gone) {
		return 0, nil
	}
	return len(fresh), err
}
