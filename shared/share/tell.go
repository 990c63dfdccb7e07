package share

import (
	"context"
	"slices"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

// Page is what one call by cursor gets.
type Page struct {
	Changes []Change
	// Next is the cursor to go on from, always; More tells that there is more now.
	Next string
	More bool
}

const (
	// atOnce lines of the feed are looked at together, mostLooked for one page.
	atOnce     = 500
	mostLooked = 20 * atOnce
	// MostChanges is how many changes one page has at most.
	MostChanges = 500
)

// lookupPath is where records are shown by credit code.
const lookupPath = "/function/credit-lookup/subjects/"

// changes reads what the organisation may be told behind the place: of what is
// shown, what covers says; of what has ended, what it was told of. It reads up to
// limit changes and tells whether there is more.
func (s *Store) changes(ctx context.Context, org string, covers func(credit.Event) bool, from credit.Place, limit int, now time.Time) (list []Change, to credit.Place, more bool, err error) {
	list = []Change{}
	for looked := 0; looked < mostLooked; looked += atOnce {
		events, next, err := s.config.Credit.Events(ctx, from, atOnce)
		if err != nil {
			return nil, from, false, err
		}
		if next == from {
			return list, from, false, nil
		}
		var asked []credit.Event
		var ended []string
		for _, e := range events {
			if e.Type.Ends() {
				ended = append(ended, e.RecordID)
			} else if !covers(e) {
				continue
			}
			asked = append(asked, e)
		}
		standing, err := s.standing(ctx, asked, now)
		if err != nil {
			return nil, from, false, err
		}
		had, err := s.had(ctx, org, ended)
		if err != nil {
			return nil, from, false, err
		}
		// A record can come and go on one page.
		now := map[string]bool{}
		for _, e := range events {
			_, stands := standing[e.RecordID]
			if e.Type.Ends() && !stands && (had[e.RecordID] || now[e.RecordID]) || !e.Type.Ends() && covers(e) && stands {
				if len(list) == limit {
					return list, from, true, nil
				}
				now[e.RecordID] = true
				list = append(list, thin(e, s.config.Public+lookupPath))
			}
			from = e.Place
		}
		from = next
	}
	return list, from, true, nil
}

// standing are the records of the events that are displayed at the instant, also
// those that had ended and stand again: a repair that was annulled, a withdrawal
// that was taken back. Such an end is told to nobody, for it is none.
func (s *Store) standing(ctx context.Context, events []credit.Event, now time.Time) (map[string]credit.Standing, error) {
	asked := slices.Clone(events)
	for i := range asked {
		asked[i].Type = credit.Published
	}
	return s.config.Credit.Standing(ctx, asked, now)
}

// covering is what the subscriptions cover together on the day.
func (s *Store) covering(list []Subscription, today workday.Date) func(credit.Event) bool {
	city := s.journal.City()
	return func(e credit.Event) bool {
		return slices.ContainsFunc(list, func(x Subscription) bool { return x.On(today) && x.Covers(e.Act, e.District, city) })
	}
}

// Of are the subscriptions of an organisation that were ever active.
func (s *Store) Of(ctx context.Context, org string) ([]Subscription, error) {
	list, err := s.all(ctx)
	return slices.DeleteFunc(list, func(x Subscription) bool {
		return x.Org != org || x.State == Proposed || x.State == Refused || x.DecidedAt.IsZero()
	}), err
}

// Read gives an organisation the changes behind the cursor, "" being the start, and
// notes that it was told of them. by is the key that asks. An organisation that
// never had a subscription is refused.
func (s *Store) Read(ctx context.Context, org, by, cursor string, limit int, now time.Time) (Page, error) {
	from, err := credit.ParsePlace(cursor)
	if err != nil {
		return Page{}, err
	}
	list, err := s.Of(ctx, org)
	if err != nil {
		return Page{}, err
	}
	if len(list) == 0 {
		return Page{}, fault.New(fault.Forbidden, "share.none")
	}
	limit = min(max(limit, 1), MostChanges)
	changes, to, more, err := s.changes(ctx, org, s.covering(list, workday.DateOf(now)), from, limit, now)
	if err != nil {
		return Page{}, err
	}
	p := Page{Changes: changes, Next: to.Cursor(), More: more}
	if len(changes) == 0 {
		return p, nil
	}
	return p, s.journal.Commit(ctx, journal.Entry{Actor: by, Action: "share.read", Ref: "organisation:" + org, At: now}, nil, func(tx *journal.Tx) error {
		return s.told(ctx, tx, org, changes, now)
	})
}

// Give takes what an organisation says it did with a change that it was told of.
func (s *Store) Give(ctx context.Context, org, by, event string, f Feedback, now time.Time) (Answered, error) {
	return s.give(ctx, org, by, event, f, "", now)
}

func (s *Store) give(ctx context.Context, org, by, event string, f Feedback, paper Paper, now time.Time) (Answered, error) {
	place, err := credit.ParsePlace(event)
	if err != nil || event == "" {
		return Answered{}, unknown()
	}
	e, err := s.config.Credit.Event(ctx, place)
	if fault.Is(err, fault.Gone) {
		return Answered{}, unknown()
	}
	if err != nil {
		return Answered{}, err
	}
	had, err := s.had(ctx, org, []string{e.RecordID})
	if err != nil {
		return Answered{}, err
	}
	if !had[e.RecordID] {
		return Answered{}, unknown()
	}
	if err := f.check(e.Type); err != nil {
		return Answered{}, err
	}
	a := Answered{Feedback: f, Event: e.ID(), Org: org, By: by, At: now.UTC(), Paper: paper}
	if err := s.answer(ctx, journal.Entry{Actor: by, Action: "share.feedback", Ref: "change:" + e.ID(), At: now}, a); err != nil {
		return a, err
	}
	if e.Type.Ends() {
		_, err = s.Spread(ctx, now)
	}
	return a, err
}

// Answer is Give by a person of the organisation (staff.ShareAnswer).
func (s *Store) Answer(ctx context.Context, a staff.Actor, event string, f Feedback, now time.Time) (Answered, error) {
	if err := staff.Can(a, staff.ShareAnswer, staff.Resource{Unit: a.Org.ID}, now); err != nil {
		return Answered{}, err
	}
	return s.Give(ctx, a.Org.ID, a.User.ID, event, f, now)
}

// Open lists the ends of records that the organisation was told of and has not
// answered, the oldest first, for who manages shares and for itself.
func (s *Store) Open(ctx context.Context, a staff.Actor, org string, now time.Time) ([]Open, error) {
	if err := s.sees(a, org, now); err != nil {
		return nil, err
	}
	list, err := s.open(ctx, org, MostChanges)
	if err != nil {
		return nil, err
	}
	calendar, err := s.config.Calendar(ctx)
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].Due = due(calendar, list[i].Told)
	}
	return list, nil
}

// Answers lists what the organisation has answered, the latest first, for who
// manages shares and for itself.
func (s *Store) Answers(ctx context.Context, a staff.Actor, org string, most int, now time.Time) ([]Answered, error) {
	if err := s.sees(a, org, now); err != nil {
		return nil, err
	}
	all, err := s.answers(ctx, org)
	if err != nil {
		return nil, err
	}
	list := make([]Answered, 0, len(all))
	for _, x := range all {
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b Answered) int { return b.At.Compare(a.At) })
	return list[:min(len(list), most)], nil
}

// sees refuses whoever neither manages shares nor belongs to the organisation.
func (s *Store) sees(a staff.Actor, org string, now time.Time) error {
	if org == a.Org.ID {
		return staff.Can(a, staff.ShareAnswer, staff.Resource{Unit: org}, now)
	}
	return manages(a, a.Org.Division(), now)
}

// Told is Read by a person of the organisation (staff.ShareAnswer), with what was
// answered to each change.
func (s *Store) Told(ctx context.Context, a staff.Actor, cursor string, limit int, now time.Time) (Page, map[string]Answered, error) {
	if err := staff.Can(a, staff.ShareAnswer, staff.Resource{Unit: a.Org.ID}, now); err != nil {
		return Page{}, nil, err
	}
	p, err := s.Read(ctx, a.Org.ID, a.User.ID, cursor, limit, now)
	if err != nil || len(p.Changes) == 0 {
		return p, nil, err
	}
	ids := make([]string, len(p.Changes))
	for i, c := range p.Changes {
		ids[i] = c.ID
	}
	answered, err := s.answers(ctx, a.Org.ID, ids...)
	return p, answered, err
}
