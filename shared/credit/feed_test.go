package credit

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/journal"
	"ipcredit/shared/redistest"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

// fed reads the feed behind the place to its end, three lines at a time.
func (c *city) fed(from Place) (list []Event, to Place) {
	c.t.Helper()
	for {
		some, next, err := c.store.Events(c.t.Context(), from, 3)
		if err != nil {
			c.t.Fatal(err)
		}
		if list = append(list, some...); next == from {
			return list, next
		}
		from = next
	}
}

// happened is what the feed has behind the place, by the end of the code.
func (c *city) happened(from *Place) []string {
	c.t.Helper()
	var out []string
	list, to := c.fed(*from)
	for _, e := range list {
		out = append(out, strings.TrimPrefix(string(e.Type), "record.")+" "+e.Code[max(0, len(e.Code)-3):])
	}
	*from = to
	return out
}

func (c *city) turn() int {
	c.t.Helper()
	n, err := c.store.Turn(c.t.Context(), c.entry(), 100)
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

func TestFeedTellsEachChangeOfWhatIsShownOnceAndInOrder(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		var at Place
		same(t, "subjects alone", c.happened(&at))
		r := c.record(firmA, "2026-03-10")
		same(t, "a record", c.happened(&at), "published 104")
		c.apply(Change{Records: []Entry{{SubjectCode: firmA, SubjectName: "新乡市虚构甲科技有限公司", Record: r}}})
		same(t, "the same row again", c.happened(&at))
		c.amend(firmA, r.ID, func(r *Record) { r.Disputed = true })
		same(t, "an objection", c.happened(&at), "disputed 104")
		c.amend(firmA, r.ID, func(r *Record) { r.Disputed = false })
		same(t, "an objection that was ruled", c.happened(&at), "dispute-ended 104")
		c.amend(firmA, r.ID, func(r *Record) { r.Content.Determination = &DeterminationContent{Basis: "第六条第（三）项"} })
		same(t, "a correction of what pages show", c.happened(&at), "corrected 104")
		if err := c.store.Merge(t.Context(), c.entry(), firmA, firmB); err != nil {
			t.Fatal(err)
		}
		same(t, "a merger", c.happened(&at), "corrected 291")
		if err := c.store.Unmerge(t.Context(), c.entry(), firmA); err != nil {
			t.Fatal(err)
		}
		same(t, "a merger undone", c.happened(&at), "corrected 104")
		c.amend(firmA, r.ID, func(r *Record) { r.Withdrawn = &Withdrawal{At: c.now, Reason: "决定被撤销"} })
		same(t, "an annulment", c.happened(&at), "revoked 104")
		c.amend(firmA, r.ID, func(r *Record) { r.Disputed = true })
		same(t, "what happens to a record that is not shown", c.happened(&at))
		s := c.record(firmB, "2026-03-11")
		c.amend(firmB, s.ID, func(r *Record) { r.Repaired = &Repair{On: workday.MustDate("2026-05-06")} })
		same(t, "a repair", c.happened(&at), "published 291", "repaired 291")
		x := c.record(firmC, "2026-03-12")
		c.amend(firmC, x.ID, func(r *Record) { r.Unpublished = TradeSecret })
		same(t, "withheld", c.happened(&at), "published 17X", "revoked 17X")
		list, end := c.fed(Place{})
		if len(list) != 11 || end != at || !slices.IsSortedFunc(list, func(a, b Event) int {
			return int(a.Number-b.Number)*1000 + a.Line - b.Line
		}) {
			t.Errorf("from the start: %d lines, to %v", len(list), end)
		}
		if p, err := c.store.Newest(t.Context()); err != nil || p != end {
			t.Errorf("newest is %v, %v", p, err)
		}
	})
}

func TestFeedTellsWhatComesAndGoesByItsDayOnce(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		var at Place
		r := c.record(firmA, "2026-03-10")
		s := c.record(firmB, "2026-03-10")
		c.amend(firmB, s.ID, func(r *Record) { r.Repaired = &Repair{On: workday.MustDate("2026-05-08")} })
		c.happened(&at)
		c.at("2026-05-07 23:59:59")
		if n := c.turn(); n != 0 {
			t.Errorf("%d subjects changed a second too early", n)
		}
		c.at("2026-05-08 00:00:00")
		if n := c.turn(); n != 1 {
			t.Errorf("%d subjects changed at midnight", n)
		}
		same(t, "a repair from a later day", c.happened(&at), "repaired 291")
		c.at("2027-03-10 23:59:59")
		c.turn()
		same(t, "the last second", c.happened(&at))
		c.at("2027-03-11 00:00:00")
		c.turn()
		same(t, "the first day without it", c.happened(&at), "expired 104")
		if n := c.turn(); n != 0 {
			t.Error("it changed twice")
		}
		// A change after the end, before anybody turned, tells of both.
		x := c.record(firmC, "2027-03-01")
		c.happened(&at)
		c.at("2028-03-05 09:00:00")
		c.record(firmC, "2028-03-01")
		same(t, "a commit before the turn", c.happened(&at), "expired 17X", "published 17X")
		c.turn()
		same(t, "and the turn after it", c.happened(&at))
		_, _ = r, x
		// The public log has no leaf for what a day brings.
		c.sequence()
	})
}

func TestThreat_AReaderOfTheFeedMissesNothingThatIsCommittedLate(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		const writers, each = 16, 12
		var done atomic.Bool
		read := make(chan []Event, 1)
		go func() {
			var got []Event
			var at Place
			for last := false; ; {
				list, next, err := c.store.Events(t.Context(), at, 5)
				if err != nil {
					t.Error(err)
					break
				}
				got = append(got, list...)
				if next == at && last {
					break
				}
				last = next == at && done.Load()
				at = next
			}
			read <- got
		}()
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					code := []string{firmA, firmB, firmC, firmD}[(w+i)%4]
					r := determined(fmt.Sprintf("国知测认〔2026〕%d%02d号", w+1, i), "2026-03-10")
					r.ID, r.CollectedAt, r.PublishedOn = NewID(Determination, r.Authority, r.InstrumentNo, code), c.now, workday.DateOf(c.now)
					change := Change{Entry: c.entry(), Records: []Entry{{SubjectCode: code, SubjectName: "新乡市虚构某科技有限公司", Record: r}}}
					if i%4 == 3 { // numbers that come to nothing
						change.Also = func(*journal.Tx, []Outcome, []Outcome) error { return fault.New(fault.Refused, "test") }
					}
					for {
						_, _, err := c.store.Apply(t.Context(), change)
						if err == nil || fault.Is(err, fault.Refused) {
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
		done.Store(true)
		got := <-read
		published := map[string]int{}
		for _, e := range got {
			if e.Type == Published {
				published[e.RecordID]++
			}
		}
		if len(published) != writers*each*3/4 {
			t.Errorf("the reader saw %d records of %d", len(published), writers*each*3/4)
		}
		for id, n := range published {
			if n != 1 {
				t.Errorf("%s was published %d times", id, n)
			}
		}
		again, _ := c.fed(Place{})
		if !slices.Equal(again, got) {
			t.Errorf("read along: %d lines, read afterwards: %d", len(got), len(again))
		}
		if n := rdb.ZCard(t.Context(), c.store.underWay()).Val(); n != 0 {
			t.Errorf("%d numbers are still under way", n)
		}
	})
}

func TestThreat_NobodyReadsPastACommitUnderWayAndOneGivenUpCannotCome(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		var at Place
		change := Change{Entry: c.entry()}
		r := determined("国知测认〔2026〕7号", "2026-03-10")
		r.ID, r.CollectedAt, r.PublishedOn = NewID(Determination, r.Authority, r.InstrumentNo, firmA), c.now, workday.DateOf(c.now)
		change.Records = []Entry{{SubjectCode: firmA, SubjectName: "新乡市虚构甲科技有限公司", Record: r}}
		tries := 0
		change.Also = func(*journal.Tx, []Outcome, []Outcome) error {
			tries++
			if tries > 1 {
				return nil
			}
			// While this one is made, another with a higher number is there first.
			c.record(firmB, "2026-03-11")
			same(t, "behind a commit under way", c.happened(&at))
			// It takes too long: its mark ends.
			for _, token := range rdb.ZRange(t.Context(), c.store.underWay(), 0, -1).Val() {
				rdb.Del(t.Context(), c.j.Tmp("credit", "feed", token))
			}
			same(t, "once it was given up", c.happened(&at), "published 291")
			return nil
		}
		if _, _, err := c.store.Apply(t.Context(), change); err != nil || tries != 2 {
			t.Fatalf("%d tries, %v", tries, err)
		}
		same(t, "under its second number", c.happened(&at), "published 104")
	})
}

func TestRefusesACursorFromTheFutureAndOneOfALostFeed(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		c.record(firmA, "2026-03-10")
		p, err := c.store.Newest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name, cursor string
			kind         fault.Kind
		}{
			{"as given", p.Cursor(), ""},
			{"none", "", ""},
			{"nonsense", "seven", fault.Invalid},
			{"another spelling", "0" + p.Cursor(), fault.Invalid},
			{"zero", "0-1-" + p.Tag, fault.Invalid},
			{"a number not taken", fmt.Sprintf("%d-1-%s", p.Number+1, p.Tag), fault.Invalid},
			{"a line not there", fmt.Sprintf("%d-2-%s", p.Number, p.Tag), fault.Gone},
			{"another entry under the number", fmt.Sprintf("%d-1-00000000", p.Number), fault.Gone},
		} {
			place, err := ParsePlace(tt.cursor)
			if err == nil {
				_, _, err = c.store.Events(t.Context(), place, 5)
			}
			if f, _ := fault.Of(err); (err == nil) != (tt.kind == "") || err != nil && f.Kind != tt.kind {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
	})
}

func TestANaturalPersonStandsInTheFeedWithoutACode(t *testing.T) {
	t.Parallel()
	list := happened([]*account{{
		code: "person", touched: true, known: &subject.Subject{Kind: subject.Person},
		sees: mustSee(t, `{"code":"person","kind":"person","district":"410771","records":[{"id":"a","act":"penalty"}]}`),
	}}, noon("2026-05-06"))
	if len(list) != 1 || list[0].Code != "" || list[0].RecordID != "a" {
		t.Errorf("%+v", list)
	}
}

func mustSee(t *testing.T, body string) []seen {
	t.Helper()
	list, err := seenIn(fmt.Sprintf("2 0 0 %d x - 0\n%s{}", len(body), body))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func FuzzFeedEntriesComeBackAsTheyWere(f *testing.F) {
	f.Add("1 abcdef01\npabc 91410771MA00AAA104 DA1 410771")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := readFeed(7, text)
		if err != nil || len(list) == 0 {
			return
		}
		if again, err := readFeed(7, feedText(list, list[0].Tag, list[0].At)); err != nil || !slices.Equal(list, again) {
			t.Errorf("%q: %v", text, err)
		}
	})
}

// TestALineKeepsItsPlaceWhenThoseBeforeItAreThinnedOut: what a receiver answers to, and
// what a delivery still has to tell, is found by that place.
func TestALineKeepsItsPlaceWhenThoseBeforeItAreThinnedOut(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		var records []Entry
		for _, code := range []string{firmA, firmB, firmC} {
			r := determined("国知测认〔2026〕0310号", "2026-03-10")
			r.ID, r.CollectedAt, r.PublishedOn = NewID(Determination, r.Authority, r.InstrumentNo, code), c.now, workday.DateOf(c.now)
			records = append(records, Entry{SubjectCode: code, SubjectName: "新乡市虚构某科技有限公司", Record: r})
		}
		c.apply(Change{Records: records})
		list, _ := c.fed(Place{})
		if len(list) != 3 {
			t.Fatalf("%d lines, want 3", len(list))
		}
		n := list[0].Number
		entries, err := c.store.entries(t.Context(), n, n)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := thinned(entries[n], []int{list[0].Line})
		if err := rdb.HSet(t.Context(), c.store.feedKey(n), fmt.Sprint(n), text).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.store.Event(t.Context(), list[0].Place); !fault.Is(err, fault.Gone) {
			t.Errorf("the line that went: %v", err)
		}
		for _, want := range list[1:] {
			if got, err := c.store.Event(t.Context(), want.Place); err != nil || got != want {
				t.Errorf("at %v is %+v (%v), want %+v", want.Place, got, err, want)
			}
		}
	})
}
