package commitment

import (
	"context"
	_ "embed" // the demonstration's commitments
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

//go:embed data/demo.json
var demoFile []byte

type demoCommitment struct {
	By, Unit, Code string
	Template, What string
	Signed, Until  int // days ago
	Steps          []struct {
		By, Step, Why, Document, Facts string
		Done                           int // days ago
	}
}

// Demo fills the demonstration city with commitments in different states, through
// the same doors that real ones use. actor finds a user by name; leads opens the
// investigation of the broken one. A city that has commitments already is left as
// it is; subjects that it does not know, or that may not, make none.
func (s *Store) Demo(ctx context.Context, actor func(user string) (staff.Actor, error), leads Leads, now time.Time) error {
	var f struct {
		Source, AsOf string
		Commitments  []demoCommitment
	}
	if err := json.Unmarshal(demoFile, &f); err != nil {
		return fmt.Errorf("commitment: demo: %w", err)
	}
	known, err := s.behind(ctx, s.key("public"), 0, 1)
	if err != nil || len(known) > 0 {
		return err
	}
	for i, x := range f.Commitments {
		err := s.demo(ctx, actor, leads, x, now)
		if g, ok := fault.Of(err); ok && len(g.Fields) == 1 && slices.Contains([]string{"commitment.no_subject", "commitment.excluded"}, g.Fields[0].Code) {
			continue
		}
		if err != nil {
			return fmt.Errorf("commitment: demo: %d: %w", i+1, err)
		}
	}
	return nil
}

func (s *Store) demo(ctx context.Context, actor func(user string) (staff.Actor, error), leads Leads, x demoCommitment, now time.Time) error {
	by, err := actor(x.By)
	if err != nil {
		return err
	}
	today := workday.DateOf(now)
	w := Writing{Template: x.Template, What: x.What, Until: today.AddDays(-x.Until)}
	var c Commitment
	if x.Code == "" {
		c, err = s.Begin(ctx, by, w, now)
	} else {
		c, err = s.Record(ctx, by, x.Unit, x.Code, w, today.AddDays(-x.Signed), now)
	}
	if err != nil {
		return err
	}
	for _, step := range x.Steps {
		if by, err = actor(step.By); err != nil {
			return err
		}
		switch step.Step {
		case "sign":
			_, err = s.Sign(ctx, by, c.No, 0, now)
		case "take":
			_, err = s.Take(ctx, by, c.No, 0, now)
		case "fulfil":
			_, err = s.Fulfil(ctx, by, c.No, 0, OnSite, today.AddDays(-step.Done), now)
		case "break":
			_, err = s.Break(ctx, by, leads, c.No, 0, Finding{step.Why, step.Document, step.Facts}, now)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", step.Step, err)
		}
	}
	return nil
}
