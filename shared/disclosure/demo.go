package disclosure

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

//go:embed demo.json
var demoData []byte

type demoNotice struct {
	By      string
	Kind    credit.Kind
	Decided int // days ago
	Values  map[string]string
	Steps   []struct {
		By   string
		Step Step
		Ago  int
	}
}

// Demo fills a demonstration city with fictitious notices, one of each state that
// somebody has to act on, through the same doors that real ones use. actor finds a
// user by name. A city that has notices already is left as it is.
func (s *Store) Demo(ctx context.Context, actor func(user string) (staff.Actor, error), now time.Time) error {
	var d struct {
		Source, AsOf string
		Notices      []demoNotice
	}
	if err := json.Unmarshal(demoData, &d); err != nil {
		return fmt.Errorf("disclosure: demo: %w", err)
	}
	known, err := s.begun(ctx, s.journal.City(), journal.Place{}, 1)
	if err != nil || len(known) > 0 {
		return err
	}
	for i, x := range d.Notices {
		if err := s.demoNotice(ctx, actor, x, now); err != nil {
			return fmt.Errorf("disclosure: demo: notice %d: %w", i+1, err)
		}
	}
	return nil
}

func (s *Store) demoNotice(ctx context.Context, actor func(user string) (staff.Actor, error), x demoNotice, now time.Time) error {
	by, err := actor(x.By)
	if err != nil {
		return err
	}
	today := workday.DateOf(now)
	decided := today.AddDays(-x.Decided)
	w := Writing{Kind: x.Kind, Review: Clear, Values: map[string]string{"determinedOn": decided.String()}}
	for name, value := range x.Values {
		if name == "number" {
			name, value = "instrumentNo", strings.ReplaceAll(value, "%d", fmt.Sprint(decided.Year()))
		}
		w.Values[name] = value
	}
	n, err := s.Begin(ctx, by, s.journal.City(), w, now)
	if err != nil {
		return err
	}
	for _, step := range x.Steps {
		who, err := actor(step.By)
		if err != nil {
			return err
		}
		act := Act{ID: n.ID, Version: n.Version, Step: step.Step}
		if step.Step == Serve {
			act.On = today.AddDays(-step.Ago)
		}
		if n, err = s.Do(ctx, who, act, now); err != nil {
			return fmt.Errorf("%s: %w", step.Step, err)
		}
	}
	return nil
}
