package share

import (
	"context"
	_ "embed"
	"slices"
	"sync"
	"time"

	"ipcredit/shared/credit"
	"ipcredit/shared/journal"
	"ipcredit/shared/ruleset"
)

//go:embed chosen.json
var chosenData []byte

var chosen = sync.OnceValue(func() ruleset.Chosen { return ruleset.ReadChosen(chosenData) })

// Kept is how long the changes can be read behind a cursor, and how long the log
// of deliveries is kept; the numbers are ours, see chosen.json.
func Kept() (feed, deliveries time.Duration) {
	return chosen().Days("feedDays"), chosen().Days("deliveryDays")
}

// Sweep thins out what is past its time: of the feed, what has ended and what
// everybody who had it was told (credit.Store.Sweep), and old deliveries that are
// not under way. Who was told of what, and what was answered, stays. It does a
// bounded stretch at a time and tells whether there may be more.
func (s *Store) Sweep(ctx context.Context, now time.Time) (more bool, err error) {
	feed, deliveries := Kept()
	more, err = s.config.Credit.Sweep(ctx, journal.Entry{Actor: system, Action: "credit.sweep", Ref: "feed", At: now}, now.Add(-feed), func(ends []credit.Event) (map[string]bool, error) {
		return s.needed(ctx, ends)
	})
	if err != nil {
		return false, err
	}
	list, err := s.all(ctx)
	if err != nil {
		return false, err
	}
	for _, x := range list {
		old, err := s.oldDeliveries(ctx, x.ID, now.Add(-deliveries))
		if err != nil {
			return false, err
		}
		if len(old) == 0 {
			continue
		}
		more = more || len(old) == mostSwept
		if _, err := s.change(ctx, system, "sweep", x.ID, now, func(tx *journal.Tx, x *Subscription) error {
			s.dropDeliveries(tx, x.ID, slices.DeleteFunc(slices.Clone(old), func(id string) bool { return id == x.Current }))
			return nil
		}); err != nil {
			return false, err
		}
	}
	return more, nil
}

// needed are the ends that somebody who had the record has not been told of, or
// has not answered yet.
func (s *Store) needed(ctx context.Context, ends []credit.Event) (map[string]bool, error) {
	var ids []string
	for _, e := range ends {
		if !slices.Contains(ids, e.RecordID) {
			ids = append(ids, e.RecordID)
		}
	}
	told, err := s.Recipients(ctx, ids...)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, e := range ends {
		out[e.ID()] = slices.ContainsFunc(told, func(r Recipient) bool {
			return r.Record == e.RecordID && (r.Event == "" || r.Event == e.ID() && !r.Confirmed())
		})
	}
	return out, nil
}
