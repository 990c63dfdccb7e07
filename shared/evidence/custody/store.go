package custody

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"ipcredit/shared/journal"
	"ipcredit/shared/seal"
)

// Keys:
//
//	{city}:custody:<box>             hash: "step <ulid>" → JSON, "check <n>" → sealed JSON
//	{city}:tmp:custody:<who>:<what>  what somebody opened a short while ago

// Store keeps the chain of custody of a city's evidence.
type Store struct{ journal *journal.Journal }

// NewStore returns the store of the journal's city.
func NewStore(j *journal.Journal) *Store { return &Store{j} }

func (s *Store) key(box string) string { return s.journal.Key("custody", box) }

const (
	stepField  = "step "
	checkField = "check "
)

// Note records a step; ref is the matter the evidence belongs to. It is called
// before what it records happens: what cannot be recorded is not done.
func (s *Store) Note(ctx context.Context, ref string, step Step) error {
	id := ulid.MustNew(ulid.Timestamp(step.At), ulid.DefaultEntropy()).String()
	step.At = step.At.UTC()
	text, err := json.Marshal(step)
	if err != nil {
		return fmt.Errorf("custody: %w", err)
	}
	return s.journal.Commit(ctx, journal.Entry{Actor: step.By, Action: "custody." + string(step.What), Ref: ref, At: step.At}, nil,
		func(tx *journal.Tx) error {
			tx.HSet(s.key(step.Box), stepField+id, string(text))
			return nil
		})
}

// Keep records what a check found, sealed to what the box is sealed to, and who
// asked for it.
func (s *Store) Keep(ctx context.Context, ref string, step Step, c Check, to seal.Recipient) error {
	id := ulid.MustNew(ulid.Timestamp(step.At), ulid.DefaultEntropy()).String()
	step.At, step.What = step.At.UTC(), Checked
	text, err := json.Marshal(step)
	if err != nil {
		return fmt.Errorf("custody: %w", err)
	}
	found, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("custody: %w", err)
	}
	sealed, err := to.SealText(string(found))
	if err != nil {
		return fmt.Errorf("custody: %w", err)
	}
	return s.journal.Commit(ctx, journal.Entry{Actor: step.By, Action: "custody.checked", Ref: ref, At: step.At}, nil,
		func(tx *journal.Tx) error {
			tx.HSet(s.key(step.Box), stepField+id, string(text))
			tx.HSet(s.key(step.Box), checkField+strconv.Itoa(step.N), sealed)
			return nil
		})
}

// Steps lists what was done with the files of the box, newest first.
func (s *Store) Steps(ctx context.Context, box string) ([]Step, error) {
	all, err := s.journal.Redis().HGetAll(ctx, s.key(box)).Result()
	if err != nil {
		return nil, fmt.Errorf("custody: reading: %w", err)
	}
	var ids []string
	for field := range all {
		if strings.HasPrefix(field, stepField) {
			ids = append(ids, field)
		}
	}
	slices.Sort(ids)
	steps := make([]Step, len(ids))
	for i, id := range ids {
		if err := json.Unmarshal([]byte(all[id]), &steps[i]); err != nil {
			return nil, fmt.Errorf("custody: reading a step of %s: %w", box, err)
		}
		steps[i].Box = box
	}
	slices.SortStableFunc(steps, func(x, y Step) int { return y.At.Compare(x.At) })
	return steps, nil
}

// Checks returns what the last check of each of the box's files found, for
// whoever has what opens the box. One that cannot be read counts as none: the file
// can be checked again.
func (s *Store) Checks(ctx context.Context, box string, id seal.Identity) (map[int]Check, error) {
	all, err := s.journal.Redis().HGetAll(ctx, s.key(box)).Result()
	if err != nil {
		return nil, fmt.Errorf("custody: reading: %w", err)
	}
	checks := map[int]Check{}
	for field, sealed := range all {
		number, ok := strings.CutPrefix(field, checkField)
		if !ok {
			continue
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("custody: reading a check of %s: %w", box, err)
		}
		text, err := id.UnsealText(sealed)
		if err != nil {
			continue
		}
		var c Check
		if json.Unmarshal([]byte(text), &c) == nil {
			checks[n] = c
		}
	}
	return checks, nil
}

// Mark notes that somebody, known by his session, opened something, and tells
// whether he had not done so within that time. It is no record: Note is.
func (s *Store) Mark(ctx context.Context, session, what string, within time.Duration) (first bool, err error) {
	first, err = s.journal.Redis().SetNX(ctx, s.journal.Tmp("custody", session, what), "1", within).Result()
	if err != nil {
		return false, fmt.Errorf("custody: marking: %w", err)
	}
	return first, nil
}

// Marked tells whether Mark was called for it a short while ago.
func (s *Store) Marked(ctx context.Context, session, what string) (bool, error) {
	n, err := s.journal.Redis().Exists(ctx, s.journal.Tmp("custody", session, what)).Result()
	if err != nil {
		return false, fmt.Errorf("custody: marking: %w", err)
	}
	return n > 0, nil
}
