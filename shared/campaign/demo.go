package campaign

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

type demo struct {
	Source, AsOf, By, Name string
	Basis                  struct{ Number, Title string }
	Begun, Days            int
	Tasks                  []struct {
		District, Measure string
		Target, Due       int
	}
	Entries []struct {
		By, Note       string
		Task, Add, Ago int
	}
	Inspection struct {
		Name        string
		Orgs        []string
		Begun, Days int
		Basis       struct{ Number, Title string }
		Sites       []struct{ Code, Name string }
		Join        []struct {
			By     string
			People []string
		}
		Finding struct {
			By, Outcome, Text string
			Ago               int
		}
	}
}

// Demo fills a demonstration city with a fictitious campaign and a joint
// inspection of it, through the same doors that real ones use. actor finds a user
// by name. A city that has campaigns already is left as it is.
func (s *Store) Demo(ctx context.Context, actor func(user string) (staff.Actor, error), now time.Time) error {
	var d demo
	if err := json.Unmarshal(demoData, &d); err != nil {
		return fmt.Errorf("campaign: demo: %w", err)
	}
	lead, err := actor(d.By)
	if err != nil {
		return err
	}
	known, err := s.List(ctx, lead, "", now)
	if err != nil || len(known) > 0 {
		return err
	}
	if err := s.demoCampaign(ctx, actor, lead, d, now); err != nil {
		return fmt.Errorf("campaign: demo: %w", err)
	}
	return nil
}

func (s *Store) demoCampaign(ctx context.Context, actor func(user string) (staff.Actor, error), lead staff.Actor, d demo, now time.Time) error {
	at := func(ago int) time.Time { return now.AddDate(0, 0, -ago) }
	from := workday.DateOf(at(d.Begun))
	p := Plan{Name: d.Name, From: from, To: from.AddDays(d.Days), Basis: Basis{d.Basis.Number, d.Basis.Title, from.AddDays(-3)}}
	for _, t := range d.Tasks {
		p.Tasks = append(p.Tasks, Task{District: t.District, Measure: t.Measure, Target: t.Target, Due: from.AddDays(t.Due)})
	}
	c, err := s.Create(ctx, lead, p, at(d.Begun))
	if err != nil {
		return err
	}
	if c, err = s.Start(ctx, lead, c.ID, c.Version, at(d.Begun)); err != nil {
		return err
	}
	for _, e := range d.Entries {
		by, err := actor(e.By)
		if err != nil {
			return err
		}
		if c, err = s.Enter(ctx, by, c.ID, c.Version, Entry{Task: fmt.Sprint(e.Task), On: workday.DateOf(at(e.Ago)), Add: e.Add}, e.Note, at(e.Ago)); err != nil {
			return err
		}
	}
	x := d.Inspection
	begun := workday.DateOf(at(x.Begun))
	in := InspectionPlan{Name: x.Name, Campaign: c.ID, From: begun, To: begun.AddDays(x.Days), Basis: Basis{x.Basis.Number, x.Basis.Title, begun.AddDays(-3)}, Orgs: x.Orgs}
	for _, site := range x.Sites {
		in.Sites = append(in.Sites, Site{Code: site.Code, Name: site.Name})
	}
	i, err := s.Plan(ctx, lead, in, at(x.Begun))
	if err != nil {
		return err
	}
	for _, j := range x.Join {
		by, err := actor(j.By)
		if err != nil {
			return err
		}
		if i, err = s.Join(ctx, by, i.ID, i.Version, len(j.People) > 0, j.People, at(x.Begun)); err != nil {
			return err
		}
	}
	if i, err = s.Begin(ctx, lead, i.ID, i.Version, at(x.Begun)); err != nil {
		return err
	}
	by, err := actor(x.Finding.By)
	if err != nil {
		return err
	}
	_, err = s.Find(ctx, by, i.ID, i.Version, i.Sites[0].Code, Finding{Outcome: x.Finding.Outcome, On: workday.DateOf(at(x.Finding.Ago)), Text: x.Finding.Text}, at(x.Finding.Ago))
	return err
}
