package linkage_test

import (
	"testing"

	"ipcredit/shared/linkage"
)

// The three clocks of S4.3 to S4.5: our own lengths, rule linkage-clocks.
func TestOneClockForEachObligationAndOneRunsWhileThereIsNoOutcome(t *testing.T) {
	t.Parallel()
	event := func(what, on, ref string) linkage.Event { return linkage.Event{What: what, On: day(on), Ref: ref} }
	type want struct{ name, from, due, done string }
	for _, c := range []struct {
		name     string
		received string
		state    linkage.State
		events   []linkage.Event
		want     []want
	}{
		{"received on a Saturday worked in exchange", "2026-02-14", linkage.Notified, nil,
			// The Spring Festival begins the day after: the next working day is 24 February.
			[]want{{"notice", "2026-02-14", "2026-02-24", ""}}},
		{"taken on", "2026-03-03", linkage.Assigned, []linkage.Event{event("assigned", "2026-03-04", "")},
			[]want{{"notice", "2026-03-03", "2026-03-04", "2026-03-04"}, {"action", "2026-03-04", "2026-03-11", ""}}},
		{"the holder is told", "2026-03-03", linkage.Contacted, []linkage.Event{event("assigned", "2026-03-04", ""), event("letter", "2026-03-05", "1")},
			[]want{{"notice", "2026-03-03", "2026-03-04", "2026-03-04"}, {"action", "2026-03-04", "2026-03-11", "2026-03-05"}, {"feedback", "2026-03-05", "2026-03-09", ""}}},
		{"told again before it was reported: the first day counts", "2026-03-03", linkage.Contacted,
			[]linkage.Event{event("assigned", "2026-03-04", ""), event("letter", "2026-03-05", "1"), event("contact", "2026-03-06", "1")},
			[]want{{"notice", "2026-03-03", "2026-03-04", "2026-03-04"}, {"action", "2026-03-04", "2026-03-11", "2026-03-05"}, {"feedback", "2026-03-05", "2026-03-09", ""}}},
		{"reported without outcome", "2026-03-03", linkage.Contacted,
			[]linkage.Event{event("assigned", "2026-03-04", ""), event("contact", "2026-03-05", "1"), event("fed-back", "2026-03-09", "1")},
			[]want{{"notice", "2026-03-03", "2026-03-04", "2026-03-04"}, {"action", "2026-03-04", "2026-03-11", "2026-03-05"}, {"feedback", "2026-03-05", "2026-03-09", "2026-03-09"}, {"follow", "2026-03-09", "2026-03-23", ""}}},
		{"withdrawn, as an officer found out", "2026-03-03", linkage.Withdrawn,
			[]linkage.Event{event("assigned", "2026-03-04", ""), event("withdrawn", "2026-03-06", "202603")},
			[]want{{"notice", "2026-03-03", "2026-03-04", "2026-03-04"}, {"action", "2026-03-04", "2026-03-11", "2026-03-06"}, {"feedback", "2026-03-06", "2026-03-10", ""}}},
		{"withdrawn, as a list says: it knows already", "2026-03-03", linkage.Withdrawn,
			[]linkage.Event{event("assigned", "2026-03-04", ""), event("withdrawn", "2026-03-06", "batch:b2")},
			[]want{{"notice", "2026-03-03", "2026-03-04", "2026-03-04"}, {"action", "2026-03-04", "2026-03-11", "2026-03-06"}}},
		{"arrived with its outcome", "2026-03-03", linkage.Deemed, []linkage.Event{event("deemed-withdrawn", "2026-02-20", "batch:b1")}, nil},
		{"arrived with an opinion: somebody must take it on", "2026-03-03", linkage.Explained, []linkage.Event{event("explained", "2026-02-20", "batch:b1")},
			[]want{{"notice", "2026-03-03", "2026-03-04", ""}}},
		{"handed over to another unit", "2026-03-03", linkage.Notified, []linkage.Event{event("assigned", "2026-03-04", ""), event("handed-over", "2026-03-05", "address")},
			[]want{{"notice", "2026-03-03", "2026-03-04", "2026-03-04"}, {"action", "2026-03-04", "2026-03-11", "2026-03-05"}, {"notice", "2026-03-05", "2026-03-06", ""}}},
		{"notified again after it was accepted as normal", "2026-03-03", linkage.Notified,
			[]linkage.Event{event("accepted-as-normal", "2026-03-02", "batch:b1"), event("notified", "2026-04-01", "batch:b2")},
			[]want{{"notice", "2026-04-01", "2026-04-02", ""}}},
		{"a deadline in a year without a calendar", "2026-12-31", linkage.Notified, nil, []want{{"notice", "2026-12-31", "2027-01-04", ""}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := linkage.Application{Received: day(c.received), State: c.state, Events: c.events}
			clocks, err := a.Clocks(linkage.Rules{}, day(c.received))
			if err != nil {
				t.Fatal(err)
			}
			var got []want
			for _, k := range clocks {
				got = append(got, want{k.Name, k.From.String(), k.Due.String(), k.Done.String()})
				if !k.Labelled || k.Rule == "" {
					t.Error("our own length is not labelled", k)
				}
			}
			if len(got) != len(c.want) {
				t.Fatalf("%v\nnot %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("%v\nnot %v", got[i], c.want[i])
				}
			}
		})
	}
}
