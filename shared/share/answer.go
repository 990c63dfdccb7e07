package share

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/journal"
)

// A receiver that takes a record off while it is told of its end may say so in the
// body of its answer, so that nobody needs a key in both directions:
//
//	{"answers": [{"change": "7-1-0badcafe", "action": "removed", "reference": "…"}]}
//
// Any other body says nothing: what is not answered there is answered as feedback.
type atOnceAnswers struct {
	Answers []atOnceAnswer `json:"answers"`
}

type atOnceAnswer struct {
	Change string `json:"change"`
	Feedback
}

// saidAtOnce are the answers of a body about ends that this very call told. What a
// receiver says of anything else counts for nothing, and so does what is no answer
// to an end.
func saidAtOnce(x Subscription, told []credit.Event, body []byte, now time.Time) []Answered {
	var said atOnceAnswers
	if json.Unmarshal(body, &said) != nil {
		return nil
	}
	var out []Answered
	for _, a := range said.Answers {
		at := slices.IndexFunc(told, func(e credit.Event) bool { return e.ID() == a.Change })
		if at < 0 || !told[at].Type.Ends() || a.check(told[at].Type) != nil ||
			slices.ContainsFunc(out, func(y Answered) bool { return y.Event == a.Change }) {
			continue
		}
		out = append(out, Answered{Feedback: a.Feedback, Event: a.Change, Org: x.Org, By: Ref(x.ID), At: now.UTC()})
	}
	return out
}

// keepAtOnce queues the answers; what was answered before stays, because a person
// may have said more than a machine.
func (s *Store) keepAtOnce(ctx context.Context, tx *journal.Tx, list []Answered) error {
	if len(list) == 0 {
		return nil
	}
	events := make([]string, len(list))
	for i, a := range list {
		events[i] = a.Event
	}
	known, err := s.answersIn(ctx, tx.Read(), list[0].Org, events...)
	if err != nil {
		return err
	}
	for _, a := range list {
		if _, ok := known[a.Event]; ok {
			continue
		}
		if err := s.keepAnswer(tx, a); err != nil {
			return err
		}
	}
	return nil
}
