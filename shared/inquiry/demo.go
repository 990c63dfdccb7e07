package inquiry

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"ipcredit/shared/staff"
)

//go:embed demo.json
var demoData []byte

// Demo makes the lookups of a demonstration city, after its subjects are there.
// actor finds a user by name. Made again they are the same lookups.
func (s *Store) Demo(ctx context.Context, actor func(user string) (staff.Actor, error), now time.Time) error {
	var d struct {
		Source, AsOf string
		Questions    []struct {
			By  string
			Ago int
			Question
		}
	}
	if err := json.Unmarshal(demoData, &d); err != nil {
		return fmt.Errorf("inquiry: demo: %w", err)
	}
	for _, q := range d.Questions {
		a, err := actor(q.By)
		if err != nil {
			return err
		}
		if _, err := s.Ask(ctx, a, q.Question, now.AddDate(0, 0, -q.Ago)); err != nil {
			return fmt.Errorf("inquiry: demo: %w", err)
		}
	}
	return nil
}
