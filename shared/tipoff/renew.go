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
	s := newStore(j, Rules{})
	for _, closed := range []bool{false, true} {
		err := s.each(ctx, s.of(n.Unit, closed), func(r Report) (bool, error) {
			if r.Notes == 0 || r.State == Erased {
				return true, nil
			}
			done, err := s.renew(ctx, keys, n, r, now)
			renewed += done
			return err == nil, err
		})
		if err != nil {
			return renewed, err
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

// CustodyRenewal is a change of the custodian's key, for identities that were
// sealed to that key itself, before they had keys of their own (see
// seal.Keys.RewrapAll, with CustodianLabel, for those that have).
type CustodyRenewal struct {
	// Units are the identities of the units, by label: what is to be renewed is
	// sealed to the tip-off as well.
	Units     map[string]seal.Identity
	Custodian seal.Identity  // the former key, or both
	To        seal.Recipient // the new one
	Escrow    seal.Recipient
}

// RenewIdentities gives each such identity a key of its own, wrapped to the new
// custodian and the escrow, and returns how many and how many it had to leave:
// while any is left the former key must be kept. Doing it again does what was
// left.
func RenewIdentities(ctx context.Context, j *journal.Journal, keys *seal.Keys, c CustodyRenewal, now time.Time) (renewed, left int, err error) {
	s := newStore(j, Rules{})
	for unit, opener := range c.Units {
		for _, closed := range []bool{false, true} {
			err := s.each(ctx, s.of(unit, closed),
				func(r Report) (bool, error) {
					if !r.Identity || r.Person != "" || r.State == Erased {
						return true, nil
					}
					done, err := s.renewIdentity(ctx, keys, c, opener, r, now)
					switch {
					case err != nil:
						return false, err
					case done:
						renewed++
					default:
						left++
					}
					return true, nil
				})
			if err != nil {
				return renewed, left, err
			}
		}
	}
	return renewed, left, nil
}

// renewIdentity does it for one tip-off; false where it cannot be opened.
func (s store) renewIdentity(ctx context.Context, keys *seal.Keys, c CustodyRenewal, opener seal.Identity, r Report, now time.Time) (bool, error) {
	id, err := keys.Open(ctx, r.Key, UnitLabel(r.Unit), opener)
	switch {
	case errors.Is(err, seal.ErrErased):
		return true, nil
	case errors.Is(err, seal.ErrNoLabel), errors.Is(err, seal.ErrWrongKey):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("tipoff: %w", err)
	}
	to, err := seal.ParseRecipient(r.To)
	if err != nil {
		return false, err
	}
	ref := ""
	// again seals one text anew; a lodged identity and one that came with a claim
	// of a reward share the key.
	again := func(hidden string) (string, error) {
		who, err := openReporter(ctx, keys, r, CustodianLabel, c.Custodian, hidden)
		if err != nil {
			return "", err
		}
		if ref == "" {
			made, err := newPerson(ctx, keys, c.To, c.Escrow, who)
			ref = made.ref
			return made.sealed, err
		}
		key, err := keys.Recipient(ctx, ref)
		if err != nil {
			return "", fmt.Errorf("tipoff: %w", err)
		}
		return sealReporter(key, who)
	}
	text, err := s.content(ctx, r.Number)
	if err != nil {
		return false, err
	}
	inside, err := unsealed[content](id, text)
	if err != nil {
		return false, err
	}
	text = ""
	if inside.Reporter != "" {
		if inside.Reporter, err = again(inside.Reporter); err == nil {
			text, err = sealed(to, inside)
		}
	}
	posts := map[string]string{}
	if err == nil {
		posts, err = s.renewPosts(ctx, r, id, to, again)
	}
	if errors.Is(err, seal.ErrWrongKey) {
		return false, nil
	}
	if err != nil || ref == "" {
		return false, err
	}
	_, err = s.update(ctx, journal.Entry{Actor: "system", Action: "tipoff.renew_identity", At: now}, r.Number, func(tx *journal.Tx, now *Report) error {
		if now.State == Erased {
			return fault.New(fault.Gone, "tipoff.erased", now.ErasedOn.String())
		}
		now.Person = ref
		if text != "" {
			s.setContent(tx, r.Number, text)
		}
		for field, value := range posts {
			s.set(tx, r.Number, "thread", field, value)
		}
		return nil
	})
	if fault.Is(err, fault.Gone) {
		return true, nil
	}
	return err == nil, err
}

// renewPosts seals anew the messages that hold an identity. Messages are only ever
// added: what is read here still stands when it is written.
func (s store) renewPosts(ctx context.Context, r Report, id seal.Identity, to seal.Recipient, again func(string) (string, error)) (map[string]string, error) {
	values, err := s.hash(ctx, r.Number, "thread")
	if err != nil {
		return nil, err
	}
	fresh := map[string]string{}
	for at, v := range values {
		var p post
		if err := json.Unmarshal([]byte(v), &p); err != nil {
			return nil, fmt.Errorf("tipoff: reading a message: %w", err)
		}
		text, err := unsealed[said](id, p.Sealed)
		if errors.Is(err, seal.ErrDamaged) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if text.Reporter == "" {
			continue
		}
		if text.Reporter, err = again(text.Reporter); err != nil {
			return nil, err
		}
		if p.Sealed, err = sealed(to, text); err != nil {
			return nil, err
		}
		value, err := json.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("tipoff: %w", err)
		}
		fresh[strconv.Itoa(at+1)] = string(value)
	}
	return fresh, nil
}
