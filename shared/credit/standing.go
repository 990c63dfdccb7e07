package credit

import (
	"context"
	"slices"
	"time"

	"ipcredit/shared/subject"
)

// Standing is a record that is shown, with its subject.
type Standing struct {
	Shown
	Record  Record
	Subject subject.Public
}

// Standing finds those of the events' records that are shown at the instant, by
// their ids, where the event's code still has them. Who reads the feed late must
// not learn from it of what has ended since.
func (s *Store) Standing(ctx context.Context, events []Event, at time.Time) (map[string]Standing, error) {
	law, err := s.laws.Current(ctx)
	if err != nil {
		return nil, err
	}
	wanted := map[string]string{}
	var codes, persons []string
	for _, e := range events {
		if e.Type.Ends() {
			continue
		}
		if wanted[e.RecordID] = e.Code; e.Code == "" {
			persons = append(persons, e.RecordID)
		} else {
			codes = append(codes, e.Code)
		}
	}
	held, err := s.holders(ctx, persons)
	if err != nil {
		return nil, err
	}
	for id, code := range held {
		wanted[id] = code
		codes = append(codes, code)
	}
	if len(codes) == 0 {
		return nil, nil
	}
	slices.Sort(codes)
	codes = slices.Compact(codes)
	profiles, err := s.profiles(ctx, codes)
	if err != nil {
		return nil, err
	}
	out := map[string]Standing{}
	for code, p := range profiles {
		visible, _ := law.Show(p.Records, at)
		for _, x := range visible {
			if wanted[x.ID] != code {
				continue
			}
			at := slices.IndexFunc(p.Records, func(r Record) bool { return r.ID == x.ID })
			out[x.ID] = Standing{x, p.Records[at], p.Subject}
		}
	}
	return out, nil
}
