package casework

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	_ "embed" // the demonstration's cases

	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

//go:embed data/demo.json
var demoFile []byte

type demoCase struct {
	Bureau  string   `json:"bureau"`
	Unit    string   `json:"unit"`
	Kind    Kind     `json:"kind"`
	Ago     int      `json:"ago"`
	To      State    `json:"to"`
	Party   string   `json:"party"`
	Code    string   `json:"code"`
	Target  Target   `json:"target"`
	Numbers []string `json:"numbers"`
	Tags    []string `json:"tags"`
	Fine    int64    `json:"fine"` // fen
	Base    int64    `json:"base"`
	Facts   string   `json:"facts"`
}

// Demo opens the cases of the demonstration city (domain reference L), as its
// officers would have: staff.Desk.Demo comes before. first is the demonstration's
// first day; what is there already stays as it is, so it may be called at every
// start. Units that have no key have no cases.
func (s *Store) Demo(ctx context.Context, first time.Time) error {
	var f struct {
		Cases []demoCase `json:"cases"`
	}
	if err := json.Unmarshal(demoFile, &f); err != nil {
		return fmt.Errorf("casework: %w", err)
	}
	for n, d := range f.Cases {
		if s.ours(d.Unit) != nil {
			continue
		}
		if err := s.demo(ctx, d, n, first); err != nil {
			return fmt.Errorf("casework: demo case %d: %w", n+1, err)
		}
	}
	return nil
}

// demoWay is what leads to each state, state by state.
var demoWay = []State{Filed, Investigating, Review, Notice, Decided, Served, Performed, Closed}

func (s *Store) demo(ctx context.Context, d demoCase, n int, first time.Time) error {
	person := func(role string) (staff.Actor, error) {
		for _, bureau := range []string{d.Bureau, "lead"} {
			u, known, err := s.c.Staff.UserByName(ctx, bureau+"."+role)
			if err != nil {
				return staff.Actor{}, err
			}
			if known {
				return s.c.Staff.Actor(ctx, u.ID)
			}
		}
		return staff.Actor{}, fmt.Errorf("no %s of %s", role, d.Bureau)
	}
	people := map[staff.Action]staff.Actor{}
	for action, role := range map[staff.Action]string{staff.CaseHandle: "handler", staff.CaseReview: "reviewer", staff.CaseApprove: "approver", staff.CaseIntake: "intake"} {
		a, err := person(role)
		if err != nil {
			return err
		}
		people[action] = a
	}
	handler, intake := people[staff.CaseHandle], people[staff.CaseIntake]
	if d.Bureau != "lead" {
		intake = handler // who takes in there as well
	}
	second, err := person("handler2")
	if err != nil {
		return err
	}
	now := first.Add(-time.Duration(d.Ago) * 24 * time.Hour)
	draft := Draft{
		Kind: d.Kind, Source: OwnCheck, Unit: d.Unit, Parties: []Party{{Name: d.Party, Code: d.Code, Role: Respondent}},
		Facts: d.Facts, Target: d.Target, Numbers: d.Numbers, Tags: d.Tags, Key: fmt.Sprintf("demonstration case %03d", n+1),
	}
	c, err := s.Open(ctx, intake, draft, now)
	if err != nil || c.Version > 1 || d.To == Lead {
		return err
	}
	seen := func() Seen { return Seen{c.Number, c.Version} }
	if c, err = s.Assign(ctx, intake, seen(), []string{handler.User.ID, second.User.ID}, now); err != nil {
		return err
	}
	take := func(to State, action staff.Action) error {
		today := workday.DateOf(now)
		ch := Change{To: to, Reason: "演示数据"}
		if to == Decided {
			ch.Penalty = &Penalty{
				Instrument: fmt.Sprintf("新测市监处罚〔%d〕%d号", today.Year(), n+1), On: today, Measures: []Measure{Fine}, FineFen: d.Fine, BaseFen: d.Base,
			}
		}
		c, err = s.Move(ctx, people[action], seen(), ch, now)
		return err
	}
	for _, state := range demoWay {
		if c.State == d.To {
			return nil
		}
		at := slices.IndexFunc(moves[c.State], func(m move) bool { return m.to == d.To })
		if at >= 0 && !slices.Contains(demoWay, d.To) && (d.To == NotFiled || c.State == Investigating) {
			return take(d.To, moves[c.State][at].action)
		}
		now = now.Add(2 * 24 * time.Hour)
		if state == Decided {
			if c, err = s.Record(ctx, handler, seen(), Fact{What: NoticeServed}, now); err != nil {
				return err
			}
			// Five working days to answer in, around the longest holiday.
			now = now.Add(16 * 24 * time.Hour)
		}
		way := moves[c.State][slices.IndexFunc(moves[c.State], func(m move) bool { return m.to == state })]
		if err := take(state, way.action); err != nil {
			return err
		}
	}
	return nil
}
