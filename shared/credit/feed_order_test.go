package credit

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
)

// toggle withdraws a record that stands and takes the withdrawal of another back.
func (c *city) toggle() func(*Record) error {
	return func(r *Record) error {
		if r.Withdrawn == nil {
			r.Withdrawn = &Withdrawal{At: c.now.Add(-time.Hour), Reason: "决定被撤销"}
		} else {
			r.Withdrawn = nil
		}
		return nil
	}
}

// A receiver takes the last line about a record for what holds now: the line of the
// commit that was made last has to be the last, whoever was asked first.
func TestThreat_TheFeedTellsOfOneSubjectInTheOrderOfItsCommits(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		r := c.record(firmA, "2026-03-10")
		var at Place
		c.happened(&at)
		change := Change{Entry: c.entry(), Amend: []Amendment{{SubjectCode: firmA, ID: r.ID, Do: c.toggle()}}}
		tries := 0
		change.Also = func(*journal.Tx, []Outcome, []Outcome) error {
			if tries++; tries == 1 { // another comes between, and this one is tried again
				c.amend(firmA, r.ID, func(r *Record) { _ = c.toggle()(r) })
			}
			return nil
		}
		if _, _, err := c.store.Apply(t.Context(), change); err != nil || tries != 2 {
			t.Fatalf("%d tries, %v", tries, err)
		}
		same(t, "the one between and then the other", c.happened(&at), "revoked 104", "published 104")
		if got := c.shown(firmA); got == "" {
			t.Error("what the feed says last does not hold")
		}
	})
}

// meanwhile does something once when the law is asked for: in a commit that has its
// number and has not read its successors.
type meanwhile struct {
	Laws
	do func()
}

func (m *meanwhile) Current(ctx context.Context) (*Law, error) {
	if do := m.do; do != nil {
		m.do = nil
		do()
	}
	return m.Laws.Current(ctx)
}

// The same where a subject has the record that another's document names: who has it is
// found after the commit has its number.
func TestThreat_TheFeedKeepsItsOrderAfterAMerger(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		r := c.record(firmB, "2026-03-10")
		if err := c.store.Merge(t.Context(), c.entry(), firmB, firmA); err != nil {
			t.Fatal(err)
		}
		for _, way := range []struct {
			name string
			do   func(*Store) error
			want []string
		}{
			{"a change", func(s *Store) error {
				_, _, err := s.Apply(t.Context(), Change{Entry: c.entry(), Amend: []Amendment{{SubjectCode: firmB, ID: r.ID, Do: c.toggle()}}})
				return err
			}, []string{"revoked 104", "published 104"}},
			{"a merger taken back", func(s *Store) error {
				return s.Unmerge(t.Context(), c.entry(), firmB)
			}, []string{"disputed 104", "corrected 291"}},
		} {
			var at Place
			c.happened(&at)
			laws := &meanwhile{Laws: Shipped()}
			laws.do = func() {
				c.amend(firmA, r.ID, func(r *Record) {
					if way.name == "a change" {
						_ = c.toggle()(r)
					} else {
						r.Disputed = true
					}
				})
			}
			if err := way.do(NewStore(c.j, laws)); err != nil || laws.do != nil {
				t.Fatalf("%s: %v", way.name, err)
			}
			same(t, way.name, c.happened(&at), way.want...)
		}
	})
}

// Many writers change one subject by every way there is, on clocks that differ.
func TestThreat_ManyWritersOfOneSubjectLeaveTheFeedInTheirOrder(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		r := c.record(firmA, "2026-03-10")
		const writers, each = 12, 15
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					entry := c.entry()
					entry.At = entry.At.Add(time.Duration(rand.IntN(4000)) * time.Millisecond)
					change := Change{Entry: entry, Amend: []Amendment{{SubjectCode: firmA, ID: r.ID, Do: c.toggle()}}}
					var lines *Line
					if w%4 == 3 { // an import beside: a corrected row, made ready ahead
						next := r
						next.Tier = []Tier{General, Serious}[i%2]
						change = Change{Entry: entry, Records: []Entry{{SubjectCode: firmA, SubjectName: "新乡市虚构甲科技有限公司", Record: next}}}
						lines = c.store.Line()
						lines.Prepare(t.Context(), &Change{Entry: entry, Records: []Entry{{SubjectCode: firmB, Record: next}}})
						lines.Prepare(t.Context(), &change)
					}
					for {
						_, _, err := c.store.Apply(t.Context(), change)
						if err == nil {
							break
						}
						if !fault.Is(err, fault.Conflict) {
							t.Error(err)
							return
						}
					}
				}
			})
		}
		wg.Wait()
		list, _ := c.fed(Place{})
		shown, last, toggles := false, time.Time{}, 0
		for _, e := range list {
			if e.RecordID != r.ID {
				t.Fatalf("a line about %s", e.RecordID)
			}
			wrong := e.Type == Published && shown || e.Type.Ends() && !shown || e.Type == Corrected && !shown
			if wrong {
				t.Fatalf("%s at %d, where it is shown: %v", e.Type, e.Number, shown)
			}
			if e.At.Before(last) {
				t.Fatalf("line %s is of %s, the one before it of %s", e.ID(), e.At, last)
			}
			if last = e.At; e.Type != Corrected {
				shown = e.Type == Published
				toggles++
			}
		}
		if want := 1 + writers*each*3/4; toggles != want {
			t.Errorf("%d times shown and gone, want %d", toggles, want)
		}
		if got := c.shown(firmA) != ""; got != shown {
			t.Errorf("the feed ends with shown %v, the answer has %v", shown, got)
		}
	})
}

// Who began anew in the part that was thinned out has what was ended since told to
// it, as long as nothing of that is thinned out in turn.
func TestThreat_AReaderThatBeganAnewIsToldWhenWhatEndedSinceIsThinnedOut(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		nobody := func([]Event) (map[string]bool, error) { return nil, nil }
		sweep := func() {
			t.Helper()
			for more := true; more; {
				var err error
				if more, err = c.store.Sweep(t.Context(), c.entry(), c.now.Add(-24*time.Hour), nobody); err != nil {
					t.Fatal(err)
				}
			}
		}
		fill := func() { // a stretch of numbers
			t.Helper()
			for range perBlock + 1 {
				rdb.Incr(t.Context(), c.j.Key("seq", feed))
			}
		}
		r := c.record(firmA, "2026-03-10")
		c.record(firmB, "2026-03-11")
		fill()
		c.now = c.now.Add(48 * time.Hour)
		sweep()
		list, began, err := c.store.Events(t.Context(), Place{}, 1)
		if err != nil || len(list) != 1 || list[0].RecordID != r.ID {
			t.Fatalf("%+v %v", list, err)
		}
		back, err := ParsePlace(began.Cursor())
		if err != nil || back != began || began.Anew == 0 {
			t.Fatalf("%+v %q %v", began, began.Cursor(), err)
		}
		for name, p := range map[string]Place{"without its mark": {began.Number, began.Line, began.Tag, 0}, "with the mark that had no number": {began.Number, began.Line, began.Tag, anewOnce}} {
			if _, _, err := c.store.Events(t.Context(), p, 1); !fault.Is(err, fault.Gone) {
				t.Errorf("%s: %v", name, err)
			}
		}
		c.amend(firmA, r.ID, func(r *Record) { r.Withdrawn = &Withdrawal{At: c.now, Reason: "决定被撤销"} })
		fill()
		rest, _ := c.fed(began)
		if !slices.ContainsFunc(rest, func(e Event) bool { return e.Type == Revoked && e.RecordID == r.ID }) {
			t.Errorf("it does not hear of the end: %+v", rest)
		}
		c.now = c.now.Add(48 * time.Hour)
		sweep() // also the end, which nobody has to hear of any more
		_, _, err = c.store.Events(t.Context(), began, 5)
		if f, _ := fault.Of(err); f == nil || f.Kind != fault.Gone || f.Code != "credit.feed.swept" {
			t.Errorf("it goes on as if nothing had ended: %v", err)
		}
		again, _ := c.fed(Place{})
		standing, err := c.store.Standing(t.Context(), again, c.now)
		if _, ok := standing[r.ID]; ok || len(standing) != 1 || err != nil {
			t.Errorf("begun anew: %+v %v", standing, err)
		}
	})
}
