package share

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ipcredit/shared/credit"
	"ipcredit/shared/fault"
	"ipcredit/shared/ident"
	"ipcredit/shared/journal"
	"ipcredit/shared/objection"
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
			if mine {
				err = s.disputeHere(ctx, entry, x, known, known.Profile.Records[at], c.Type == credit.Contested)
			}
		case fetch != nil && slices.Contains([]credit.Happening{credit.Published, credit.Corrected, credit.Final}, c.Type):
			err = s.bring(ctx, entry, x, c.RecordID, known, at, fetch, &got)
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
			r.Repaired, r.EndedThere = &credit.Repair{On: workday.DateOf(entry.At)}, true
		default:
			r.Withdrawn, r.EndedThere = &credit.Withdrawal{At: entry.At, Reason: "annulled"}, true
		}
	})
}

// errAnother ends a commit that was made for another state of our own objection.
var errAnother = errors.New("share: an objection began or ended meanwhile")

// disputeHere flags a record that is disputed there, and takes that off again. It
// stays flagged as long as an objection to it is open here: the flag is for either.
func (s *Store) disputeHere(ctx context.Context, entry journal.Entry, x Source, known credit.Case, r credit.Record, there bool) error {
	if r.DisputedThere == there && r.Disputed == there {
		return nil
	}
	ours := false
	for range 3 {
		changed := false
		c := s.amendment(entry, x, known, r.ID, func(r *credit.Record) {
			flag := there || ours
			changed = r.DisputedThere != there || r.Disputed != flag
			r.DisputedThere, r.Disputed = there, flag
		})
		c.Also = func(tx *journal.Tx, _, _ []credit.Outcome) error {
			no, err := objection.OpenIn(ctx, tx, r.ID)
			if err == nil && (no != "") != ours {
				err = errAnother
			}
			if err == nil && !changed {
				err = errNothing
			}
			return err
		}
		_, _, err := s.config.Credit.Apply(ctx, c)
		switch {
		case errors.Is(err, errAnother):
			ours = !ours
		case errors.Is(err, errNothing):
			return nil
		default:
			return err
		}
	}
	return fmt.Errorf("share: flagging %s: %w", r.ID, errAnother)
}

// errNothing ends a commit that would change nothing.
var errNothing = errors.New("share: nothing to change")

func (s *Store) amendTheirs(ctx context.Context, entry journal.Entry, x Source, known credit.Case, id string, do func(*credit.Record)) error {
	_, _, err := s.config.Credit.Apply(ctx, s.amendment(entry, x, known, id, do))
	return err
}

// amendment changes a record while it is the source's.
func (s *Store) amendment(entry journal.Entry, x Source, known credit.Case, id string, do func(*credit.Record)) credit.Change {
	return credit.Change{Entry: entry, Amend: []credit.Amendment{{
		SubjectCode: known.Profile.Subject.Code, ID: id, Do: func(r *credit.Record) error {
			if x.theirs(*r) {
				do(r)
			}
			return nil
		},
	}}}
}

// bring takes a record over, and shows it again where it ended here on the source's
// word and stands there again. at is its place in the profile, negative where it is
// new. It must be one of the source's own region, under the id that was told;
// nothing that stands on another's word is replaced. What is wrong with a record is
// noted and holds up no other.
func (s *Store) bring(ctx context.Context, entry journal.Entry, x Source, id string, known credit.Case, at int, fetch fetch, got *Received) error {
	if at >= 0 && !x.theirs(known.Profile.Records[at]) {
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
	c, back := credit.Change{Entry: entry}, false
	if at >= 0 && known.Profile.Records[at].EndedThere {
		c = s.amendment(entry, x, known, id, func(r *credit.Record) {
			if back = r.EndedThere; back {
				r.Repaired, r.Withdrawn, r.EndedThere = nil, nil, false
			}
		})
	}
	c.Records = []credit.Entry{e}
	_, records, err := s.config.Credit.Apply(ctx, c)
	if f, is := fault.Of(err); is && f.Kind != fault.Conflict {
		got.Problem = f.Code
		return nil
	}
	if err == nil && (back || slices.ContainsFunc(records, func(o credit.Outcome) bool { return o != credit.Same })) {
		got.Brought++
	}
	return err
}
