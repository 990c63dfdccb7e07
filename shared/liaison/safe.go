package liaison

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ipcredit/shared/seal"
	"ipcredit/shared/tipoff"
)

// Safe seals what people write in a matter, each record to a key of its own that
// is wrapped to the unit whose record it is and to the city's escrow, and opens
// it again for the officers' side. Destroying the key erases the record in Redis,
// in the locked journal and in every copy of either.
type Safe struct {
	keys       *seal.Keys
	city       string
	units      tipoff.Units
	escrow     seal.Recipient
	identities map[string]seal.Identity
}

// NewSafe takes the secrets of case-handling. A unit without a key of its own
// seals to the city's.
func NewSafe(keys *seal.Keys, city string, units tipoff.Units, escrow seal.Recipient, identities map[string]seal.Identity) *Safe {
	return &Safe{keys, city, units, escrow, identities}
}

// Make makes the key of a record of the unit.
func (s *Safe) Make(ctx context.Context, unit string) (ref string, to seal.Recipient, err error) {
	if _, ok := s.units[unit]; !ok {
		unit = s.city
	}
	ref, to, err = s.keys.Add(ctx, seal.Party{Label: tipoff.UnitLabel(unit), To: s.units[unit]}, seal.Party{Label: tipoff.EscrowLabel, To: s.escrow})
	if err != nil {
		return "", to, fmt.Errorf("liaison: making a key: %w", err)
	}
	return ref, to, nil
}

// Recipient is the public side of a record's key.
func (s *Safe) Recipient(ctx context.Context, ref string) (seal.Recipient, error) {
	to, err := s.keys.Recipient(ctx, ref)
	if err != nil {
		return to, fmt.Errorf("liaison: %w", err)
	}
	return to, nil
}

// Open opens a record's key for the officers' side; errors.Is(err,
// seal.ErrErased) where it was erased.
func (s *Safe) Open(ctx context.Context, ref string) (seal.Identity, error) {
	labels, err := s.keys.Labels(ctx, ref)
	if err != nil {
		return seal.Identity{}, fmt.Errorf("liaison: %w", err)
	}
	for _, label := range labels {
		unit, ok := strings.CutPrefix(label, tipoff.UnitLabel(""))
		id, have := s.identities[unit]
		if !ok || !have {
			continue
		}
		opened, err := s.keys.Open(ctx, ref, label, id)
		if err != nil {
			return opened, fmt.Errorf("liaison: opening a key: %w", err)
		}
		return opened, nil
	}
	return seal.Identity{}, fmt.Errorf("liaison: no identity among %d opens %s", len(s.identities), slices.Sorted(slices.Values(labels)))
}

// unseal opens what another city sealed to this one's desk, whichever unit's key it
// has. No error quotes what was read.
func (s *Safe) unseal(text string) (string, error) {
	labels := slices.Sorted(maps.Keys(s.identities))
	for _, label := range append([]string{s.city}, labels...) {
		id, have := s.identities[label]
		if !have {
			continue
		}
		if plain, err := id.UnsealText(text); err == nil {
			return plain, nil
		}
	}
	return "", errors.New("liaison: a parcel is sealed to none of our keys")
}

// Erase destroys a record's key.
func (s *Safe) Erase(ctx context.Context, ref string, at time.Time) error {
	if err := s.keys.Erase(ctx, ref, at); err != nil {
		return fmt.Errorf("liaison: erasing: %w", err)
	}
	return nil
}

// Seal seals a value as JSON, padded so that only its size bucket shows.
func Seal(to seal.Recipient, v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("liaison: %w", err)
	}
	text, err := to.SealText(string(raw))
	if err != nil {
		return "", fmt.Errorf("liaison: %w", err)
	}
	return text, nil
}

// Unseal opens what Seal made. No error quotes what was read.
func Unseal[T any](id seal.Identity, text string) (T, error) {
	var v T
	raw, err := id.UnsealText(text)
	if err != nil {
		return v, fmt.Errorf("liaison: opening: %w", err)
	}
	if json.Unmarshal([]byte(raw), &v) != nil {
		return v, fmt.Errorf("liaison: opening: %w", seal.ErrDamaged)
	}
	return v, nil
}
