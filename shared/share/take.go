package share

import (
	"context"
	"fmt"
	"slices"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/workday"
)

// Received is what became of changes that another city told of.
type Received struct {
	// Ended is how many records it ended here, Brought how many came or were
	// corrected.
	Ended, Brought int
	// Problem is why the last record that did not come was not taken over.
	Problem string
	answers atOnceAnswers
}

// Body is the answer to a delivery.
func (r Received) Body() any {
	if r.answers.Answers == nil {
		r.answers.Answers = []atOnceAnswer{}
	}
	return r.answers
}

// fetch asks the source for a record: false where there is none to be had.
type fetch func(ctx context.Context, id string) (credit.Entry, bool, error)

// theirs tells whether a record came from an authority of the source's region and
// is shown here on its word.
func (x Source) theirs(r credit.Record) bool {
	area := ident.USCC(r.AuthorityCode).Area()
	return r.Channel == credit.Republish && len(area) >= 4 && area[:4] == x.Region[:4]
}

// take makes the changes that another city tells of true here: of records of its
// authorities that are shown here on its word. What it repaired or took back ends
// here too; what is disputed there is flagged here; what expired there ends by the
// day that came with it. What is new or corrected there is fetched, where fetch is
// not nil; else it comes with its file.
func (s *Store) take(ctx context.Context, entry journal.Entry, x Source, list []Change, fetch fetch) (Received, error) {
	var got Received
	for _, c := range list {
		known, err := s.config.Credit.Case(ctx, c.RecordID, entry.At)
		if err != nil {
			return got, fmt.Errorf("share: %w", err)
		}
		at := slices.IndexFunc(known.Profile.Records, func(r credit.Record) bool { return r.ID == c.RecordID })
		mine := at >= 0 && x.theirs(known.Profile.Records[at])
		switch {
		case c.Type.Ends():
			action, err := s.endHere(ctx, entry, x, c, known, at, mine)
			if err != nil {
				return got, err
			}
			if action == Removed && mine && known.Fate == credit.Displayed {
				got.Ended++
			}
			if action != "" {
				got.answers.Answers = append(got.answers.Answers, atOnceAnswer{c.ID, Feedback{Action: action}})
			}
		case c.Type == credit.Contested || c.Type == credit.DisputeEnded:
			if mine && known.Profile.Records[at].Disputed != (c.Type == credit.Contested) {
				err = s.amendTheirs(ctx, entry, x, known, c.RecordID, func(r *credit.Record) { r.Disputed = c.Type == credit.Contested })
			}
		case fetch != nil && slices.Contains([]credit.Happening{credit.Published, credit.Corrected, credit.Final}, c.Type):
			err = s.bring(ctx, entry, x, c.RecordID, at >= 0 && !mine, fetch, &got)
		}
		if err != nil {
			return got, err
		}
	}
	return got, nil
}

// endHere ends a record here that ended there, and tells what is to be answered:
// nothing where it is still shown.
func (s *Store) endHere(ctx context.Context, entry journal.Entry, x Source, c Change, known credit.Case, at int, mine bool) (Action, error) {
	switch {
	case at < 0:
		return None, nil // it never came here
	case !mine:
		return None, nil // not theirs to end: it stands on another's word
	case known.Fate != credit.Displayed:
		return Removed, nil
	case c.Type == credit.ExpiredByDate:
		return "", nil
	}
	return Removed, s.amendTheirs(ctx, entry, x, known, c.RecordID, func(r *credit.Record) {
		switch {
		case r.Repaired != nil || r.Withdrawn != nil:
		case c.Type == credit.RepairedEnd:
			r.Repaired = &credit.Repair{On: workday.DateOf(entry.At)}
		default:
			r.Withdrawn = &credit.Withdrawal{At: entry.At, Reason: "annulled"}
		}
	})
}

func (s *Store) amendTheirs(ctx context.Context, entry journal.Entry, x Source, known credit.Case, id string, do func(*credit.Record)) error {
	_, _, err := s.config.Credit.Apply(ctx, credit.Change{Entry: entry, Amend: []credit.Amendment{{
		SubjectCode: known.Profile.Subject.Code, ID: id, Do: func(r *credit.Record) error {
			if x.theirs(*r) {
				do(r)
			}
			return nil
		},
	}}})
	return err
}

// bring takes a record over. It must be one of the source's own region, under the
// id that was told; nothing that stands on another's word is replaced. What is
// wrong with a record is noted and holds up no other.
func (s *Store) bring(ctx context.Context, entry journal.Entry, x Source, id string, others bool, fetch fetch, got *Received) error {
	if others {
		return nil
	}
	e, ok, err := fetch(ctx, id)
	if f, is := fault.Of(err); is {
		got.Problem = f.Code
		return nil
	}
	if err != nil || !ok {
		return err
	}
	if !x.theirs(e.Record) || e.Record.ID != id || e.NaturalPerson {
		got.Problem = "share.not_theirs"
		return nil
	}
	_, records, err := s.config.Credit.Apply(ctx, credit.Change{Entry: entry, Records: []credit.Entry{e}})
	if f, is := fault.Of(err); is && f.Kind != fault.Conflict {
		got.Problem = f.Code
		return nil
	}
	if err == nil && slices.ContainsFunc(records, func(o credit.Outcome) bool { return o != credit.Same }) {
		got.Brought++
	}
	return err
}
