package liaison

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

//go:embed demo.json
var demoData []byte

type demoLetter struct {
	By                                          string
	Ago                                         int
	Kind                                        Kind
	To, Template, Region, Partner, DocNo, Basis string
	Fields                                      map[string]string
	Steps                                       []struct {
		By, Text, DocNo string
		Step            Step
		Ago             int
	}
}

// Demo fills a demonstration city with fictitious letters and one instrument of
// entrustment, through the same doors that real ones use. actor finds a user by
// name. A city that has letters already is left as it is.
func (s *Store) Demo(ctx context.Context, actor func(user string) (staff.Actor, error), now time.Time) error {
	var d struct {
		Source, AsOf string
		Mandate      struct {
			Number, Issuer, By, Approver string
			Days, Term                   int
		}
		Letters []demoLetter
	}
	if err := json.Unmarshal(demoData, &d); err != nil {
		return fmt.Errorf("liaison: demo: %w", err)
	}
	known, err := s.Mandates(ctx)
	if err != nil || len(known) > 0 {
		return err
	}
	for i, x := range d.Letters {
		if err := s.demoLetter(ctx, actor, x, now); err != nil {
			return fmt.Errorf("liaison: demo: letter %d: %w", i+1, err)
		}
	}
	// Last, because it is what says that the city has been filled.
	today := workday.DateOf(now)
	by, err := actor(d.Mandate.By)
	if err != nil {
		return err
	}
	approver, err := actor(d.Mandate.Approver)
	if err != nil {
		return err
	}
	from := today.AddDays(-d.Mandate.Days)
	m, err := s.RecordMandate(ctx, by, Mandate{Number: d.Mandate.Number, Issuer: d.Mandate.Issuer, On: from, From: from, To: from.AddDays(d.Mandate.Term),
		Kinds: MandateKinds()[:1], Divisions: []string{s.store.journal.City()}}, now)
	if err != nil {
		return fmt.Errorf("liaison: demo: %w", err)
	}
	return s.ApproveMandate(ctx, approver, m.ID, true, now)
}

func (s *Store) demoLetter(ctx context.Context, actor func(user string) (staff.Actor, error), x demoLetter, now time.Time) error {
	at := func(ago int) time.Time { return now.AddDate(0, 0, -ago) }
	by, err := actor(x.By)
	if err != nil {
		return err
	}
	in := Writing{Kind: x.Kind, Template: x.Template, To: x.To, Region: x.Region, Partner: x.Partner, Fields: x.Fields}
	var l Letter
	if x.Kind == Inbound {
		l, err = s.Register(ctx, by, Arrival{Writing: in, DocNo: x.DocNo, On: workday.DateOf(at(x.Ago)), Basis: x.Basis}, at(x.Ago))
	} else {
		in.Basis = []string{staff.Bases()[0].ID}
		l, err = s.Draft(ctx, by, in, at(x.Ago))
	}
	if err != nil {
		return err
	}
	for _, step := range x.Steps {
		if by, err = actor(step.By); err != nil {
			return err
		}
		if l, err = s.Do(ctx, by, Act{ID: l.ID, Version: l.Version, Step: step.Step, Text: step.Text, DocNo: step.DocNo}, at(step.Ago)); err != nil {
			return fmt.Errorf("%s: %w", step.Step, err)
		}
	}
	return nil
}
