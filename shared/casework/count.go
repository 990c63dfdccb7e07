package casework

import (
	"context"
	"slices"
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

// Outline is what other functions need to know of a case, without any key.
type Outline struct {
	Number string
	Unit   string // label of the unit responsible
	// NotifiedOn is the day on which it was notified to its subject, none before;
	// Codes are those of the organisations that it is notified to.
	NotifiedOn workday.Date
	Codes      []string
}

// NotifiedTo tells whether the organisation with the code knows of the case on that
// day, because it was notified to it. To everybody else outside it is not there.
func (o Outline) NotifiedTo(code string, on workday.Date) bool {
	return code != "" && !o.NotifiedOn.IsZero() && !on.Before(o.NotifiedOn) && slices.Contains(o.Codes, code)
}

// OutlineOf reads a case by its number or Ref, or a fault of kind NotFound.
func OutlineOf(ctx context.Context, j *journal.Journal, number string) (Outline, error) {
	number, err := ParseNumber(strings.TrimPrefix(number, Ref("")))
	if err != nil {
		return Outline{}, err
	}
	c, err := base{j: j}.one(ctx, number)
	if err != nil {
		return Outline{}, err
	}
	o := Outline{Number: c.Number, Unit: c.Unit, NotifiedOn: c.NotifiedOn()}
	for _, p := range c.Parties {
		if p.Code != "" && p.Role == Respondent {
			o.Codes = append(o.Codes, p.Code)
		}
	}
	return o, nil
}

// NotifiedOn is Case.NotifiedOn by the case's number or Ref, with the codes of the
// organisations that it is notified to. It needs no key.
func NotifiedOn(ctx context.Context, j *journal.Journal, number string) (on workday.Date, codes []string, err error) {
	o, err := OutlineOf(ctx, j, number)
	return o.NotifiedOn, o.Codes, err
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
