package casework

import (
	"context"
	"strings"

	"ipcredit/shared/journal"
	"ipcredit/shared/workday"
)

// NotifiedOn is the day on which the case was first notified to its subject: of
// the notice of a penalty, or of a decision served; none before. Until then nothing
// that the subject can see may tell of it.
func (c Case) NotifiedOn() workday.Date {
	for _, e := range c.Events {
		switch e.What {
		case NoticeServed, ServiceMade, string(Served):
			return e.On
		}
	}
	return workday.Date{}
}

// NotifiedOn is Case.NotifiedOn by the case's number or Ref, with the codes of the
// organisations that it is notified to. It needs no key.
func NotifiedOn(ctx context.Context, j *journal.Journal, number string) (on workday.Date, codes []string, err error) {
	number, err = ParseNumber(strings.TrimPrefix(number, Ref("")))
	if err != nil {
		return on, nil, err
	}
	c, err := base{j: j}.one(ctx, number)
	if err != nil {
		return on, nil, err
	}
	for _, p := range c.Parties {
		if p.Code != "" && p.Role == Respondent {
			codes = append(codes, p.Code)
		}
	}
	return c.NotifiedOn(), codes, nil
}

// Count is how many cases there are of something.
type Count struct {
	All, Open, Punished, Transferred int
}

// CountCampaign counts the cases of a campaign by division. It needs no key.
func CountCampaign(ctx context.Context, j *journal.Journal, id string) (map[string]Count, error) {
	s := base{j: j}
	numbers, err := s.members(ctx, s.by("campaign", id))
	if err != nil {
		return nil, err
	}
	out := map[string]Count{}
	for len(numbers) > 0 {
		n := min(len(numbers), 500)
		cases, err := s.many(ctx, numbers[:n])
		if err != nil {
			return nil, err
		}
		numbers = numbers[n:]
		for _, c := range cases {
			k := out[c.Division]
			k.All++
			if c.Open() {
				k.Open++
			}
			if c.Penalty != nil {
				k.Punished++
			}
			if c.Outcome.Transferred() {
				k.Transferred++
			}
			out[c.Division] = k
		}
	}
	return out, nil
}

// NotifiedOn is the function of this name for the store's city.
func (s *Store) NotifiedOn(ctx context.Context, number string) (on workday.Date, codes []string, err error) {
	return NotifiedOn(ctx, s.j, number)
}

// CountCampaign is the function of this name for the store's city.
func (s *Store) CountCampaign(ctx context.Context, id string) (map[string]Count, error) {
	return CountCampaign(ctx, s.j, id)
}
