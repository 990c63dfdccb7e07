package credit

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/fault"
	"ipcredit/shared/redistest"
	"ipcredit/shared/subject"
	"ipcredit/shared/workday"
)

func (c *city) at(s string) {
	c.t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04:05", s, workday.CST)
	if err != nil {
		c.t.Fatal(err)
	}
	c.now = at
}

// listed reads all pages.
func (c *city) listed(q Asked) (ids []string) {
	c.t.Helper()
	for pages := 0; ; pages++ {
		page, err := c.store.Disclosures(c.t.Context(), q, c.now)
		if err != nil || pages > 50 {
			c.t.Fatal(pages, err)
		}
		for _, d := range page.List {
			ids = append(ids, d.ID)
		}
		if page.Next == "" {
			return ids
		}
		q.Cursor = page.Next
	}
}

func (c *city) removed() (list []Removal) {
	c.t.Helper()
	for cursor := ""; ; {
		some, next, err := c.store.Removed(c.t.Context(), workday.DateOf(c.now).AddYears(-2), cursor, 2, c.now)
		if err != nil {
			c.t.Fatal(err)
		}
		if list = append(list, some...); next == "" {
			return list
		}
		cursor = next
	}
}

func (c *city) fate(id string) Case {
	c.t.Helper()
	x, err := c.store.Case(c.t.Context(), id, c.now)
	if err != nil {
		c.t.Fatal(err)
	}
	return x
}

func (c *city) amend(code, id string, do func(*Record)) {
	c.t.Helper()
	c.apply(Change{Amend: []Amendment{{SubjectCode: code, ID: id, Do: func(r *Record) error { do(r); return nil }}}})
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, not %v", what, got, want)
	}
}

func TestListsOnlyWhatIsDisplayedToTheSecond(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2025-03-10")
		r := c.record(firmA, "2025-03-10")
		for _, x := range []struct {
			at   string
			fate Fate
		}{
			{"2025-03-10 12:00:00", Displayed},
			{"2026-03-10 23:59:59", Displayed}, // the last day is included
			{"2026-03-11 00:00:00", Over},      // and no job has run since
		} {
			c.at(x.at)
			got := c.fate(r.ID)
			if got.Fate != x.fate {
				t.Errorf("at %s: %q, not %q", x.at, got.Fate, x.fate)
			}
			want, gone := []string{r.ID}, []Removal(nil)
			if x.fate == Over {
				want, gone = nil, []Removal{{r.ID, workday.MustDate("2026-03-11")}}
			}
			same(t, x.at, c.listed(Asked{}), want...)
			same(t, x.at+" by name", c.listed(Asked{Text: "虚构甲"}), want...)
			if got := c.removed(); !slices.Equal(got, gone) {
				t.Errorf("at %s removed: %v, not %v", x.at, got, gone)
			}
		}
		// A page that is kept must not outlive what it shows.
		c.at("2026-03-10 23:59:30")
		page, err := c.store.Disclosures(t.Context(), Asked{}, c.now)
		if err != nil || page.Until.Sub(c.now) != 30*time.Second {
			t.Errorf("holds until %s (%v)", page.Until, err)
		}
	})
}

func TestARepairedOneIsOverAndAnAnnulledOneSaysWhy(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-11")
		repaired, annulled, flagged := c.record(firmA, "2026-05-04"), c.record(firmB, "2026-05-05"), c.record(firmC, "2026-05-06")
		same(t, "before", c.listed(Asked{}), flagged.ID, annulled.ID, repaired.ID)
		c.amend(firmA, repaired.ID, func(r *Record) { r.Repaired = &Repair{On: workday.MustDate("2026-05-12")} })
		if got := c.fate(repaired.ID).Fate; got != Displayed {
			t.Errorf("the day before its repair: %q", got)
		}
		c.at("2026-05-12 00:00:00")
		c.amend(firmB, annulled.ID, func(r *Record) { r.Withdrawn = &Withdrawal{At: c.now, Reason: "annulled"} })
		c.amend(firmC, flagged.ID, func(r *Record) { r.Unpublished = TradeSecret })
		same(t, "after", c.listed(Asked{}))
		if x := c.fate(repaired.ID); x.Fate != Over || x.Reason != "" {
			t.Errorf("repaired: %q %q", x.Fate, x.Reason)
		}
		if x := c.fate(annulled.ID); x.Fate != Annulled || x.Reason != "annulled" {
			t.Errorf("annulled: %q %q", x.Fate, x.Reason)
		}
		if x := c.fate(flagged.ID); x.Fate != Over {
			t.Errorf("withheld after it was displayed: %q", x.Fate)
		}
		if got := c.removed(); len(got) != 3 {
			t.Errorf("removed: %v", got)
		}
		err := c.tryAmend(firmB, repaired.ID)
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("a record of somebody else was changed: %v", err)
		}
	})
}

// A ruling that ends a display on a day before it began ends it that day all the
// same: strangers saw it, and whoever asks what has gone since then hears of it.
func TestACorrectionToAnEndBeforeThePublicationEndsTheDisplayToday(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-11")
		r, bygone := c.record(firmA, "2026-05-04"), c.record(firmB, "2024-05-05")
		other := c.record(firmC, "2026-05-06")
		c.at("2026-05-20 10:00:00")
		c.amend(firmA, r.ID, func(r *Record) {
			r.PublishedOn, r.SourceUntil = workday.MustDate("2026-05-11"), workday.MustDate("2026-05-05")
		})
		c.amend(firmB, bygone.ID, func(r *Record) { r.SourceUntil = workday.MustDate("2024-05-06") })
		if got := c.fate(r.ID).Fate; got != Over {
			t.Errorf("it was shown: %q", got)
		}
		if got := c.fate(bygone.ID).Fate; got != Unseen {
			t.Errorf("it was over when it came: %q", got)
		}
		if got, want := c.removed(), []Removal{{r.ID, workday.MustDate("2026-05-20")}}; !slices.Equal(got, want) {
			t.Errorf("removed: %v, not %v", got, want)
		}
		same(t, "listed", c.listed(Asked{}), other.ID)
		p, err := c.store.Load(t.Context(), firmA)
		if err != nil {
			t.Fatal(err)
		}
		if e := c.law().Ended(p.Records, c.now); len(e) != 1 || e[0].How != Revoked || e[0].On.String() != "2026-05-20" {
			t.Errorf("its subject is told %+v", e)
		}
	})
}

func (c *city) tryAmend(code, id string) error {
	ch := Change{Entry: c.entry(), Amend: []Amendment{{SubjectCode: code, ID: id, Do: func(*Record) error { return nil }}}}
	_, _, err := c.store.Apply(c.t.Context(), ch)
	return err
}

func TestWhatWasNeverDisplayedIsAsIfItWereNot(t *testing.T) {
	t.Parallel()
	on := workday.MustDate("2026-05-04")
	base := determined("国知测认〔2026〕1号", on.String())
	base.ID, base.PublishedOn = "0000000000000000", on
	for _, x := range []struct {
		name string
		with func(*Record)
		want Fate
	}{
		{"displayed and repaired", func(r *Record) { r.Repaired = &Repair{On: on.AddDays(3)} }, Over},
		{"repaired on the day it came", func(r *Record) { r.Repaired = &Repair{On: on} }, Over},
		{"annulled on the day it came", func(r *Record) { r.Withdrawn = &Withdrawal{At: on.Start(), Reason: "x"} }, Annulled},
		{"of a minor", func(r *Record) { r.Unpublished = OfMinor }, Unseen},
		{"internal", func(r *Record) { r.Channel = Internal }, Unseen},
		{"minor tier", func(r *Record) { r.Tier = Minor }, Unseen},
		{"repaired before it came", func(r *Record) { r.PublishedOn, r.Repaired = on.AddDays(9), &Repair{On: on.AddDays(8)} }, Unseen},
		{"came after its end", func(r *Record) { r.DeterminedOn, r.PublishedOn = on.AddYears(-2), on }, Unseen},
		{"ended", func(r *Record) { r.DeterminedOn, r.PublishedOn = on.AddYears(-2), on.AddYears(-2) }, Over},
		{"corrected to a tier that is not displayed", func(r *Record) {
			r.History = []Version{{Record: *r, ReplacedAt: on.AddDays(2).Start()}}
			r.Tier = Minor
		}, Over},
		{"corrected to an end before it came", func(r *Record) {
			r.PublishedOn = on.AddDays(3)
			r.History = []Version{{Record: *r, ReplacedAt: on.AddDays(5).Start(), Amended: true}}
			r.SourceUntil = on.AddDays(2)
		}, Over},
		{"corrected to a day whose term was over before it came", func(r *Record) {
			r.PublishedOn = on.AddDays(3)
			r.History = []Version{{Record: *r, ReplacedAt: on.AddDays(5).Start(), Amended: true}}
			r.DeterminedOn = on.AddYears(-3)
		}, Over},
		{"corrected twice, the second time after its end", func(r *Record) {
			r.History = []Version{{Record: *r, ReplacedAt: on.AddDays(2).Start()}}
			r.SourceUntil = on.AddDays(4)
			r.History = append(r.History, Version{Record: *r, ReplacedAt: on.AddDays(9).Start()})
			r.SourceUntil = on.AddDays(1)
		}, Over},
		{"corrected before its end came, and it was over then already", func(r *Record) {
			r.DeterminedOn, r.PublishedOn = on.AddYears(-2), on
			r.History = []Version{{Record: *r, ReplacedAt: on.AddDays(2).Start()}}
			r.SourceUntil = on.AddDays(-9)
		}, Unseen},
		{"corrected to a tier that is displayed, after the end of that", func(r *Record) {
			r.Tier = Minor
			r.History = []Version{{Record: *r, ReplacedAt: on.AddDays(9).Start()}}
			r.Tier, r.SourceUntil = General, on.AddDays(5)
		}, Unseen},
		{"a licence", func(r *Record) { r.Kind, r.Content = Licence, Content{Licence: &LicenceContent{ValidUntil: on}} }, Unseen},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			r := base
			x.with(&r)
			if got, _, _, _ := Shipped().Fate([]Record{r}, r.ID, on.AddDays(20).Start()); got != x.want {
				t.Errorf("%q, not %q", got, x.want)
			}
		})
	}
}

func TestListsByActAndAreaWhereverTheSubjectGoes(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-11")
		a, b := c.record(firmA, "2026-05-04"), c.record(firmB, "2026-05-05")
		same(t, "act", c.listed(Asked{Act: a.Act}), b.ID, a.ID)
		same(t, "other act", c.listed(Asked{Act: "DA7"}))
		same(t, "area", c.listed(Asked{District: "410771"}), b.ID, a.ID)
		c.apply(Change{Subjects: []subject.Subject{{Code: firmA, Name: "新乡市虚构甲科技有限公司", Kind: "enterprise", District: "410702"}}})
		same(t, "old area", c.listed(Asked{District: "410771"}), b.ID)
		same(t, "new area", c.listed(Asked{District: "410702"}), a.ID)
		if err := c.store.Merge(t.Context(), c.entry(), firmA, firmB); err != nil {
			t.Fatal(err)
		}
		same(t, "merged", c.listed(Asked{District: "410771"}), b.ID, a.ID)
		if x := c.fate(a.ID); x.Fate != Displayed || x.Code != firmB || x.From != firmA {
			t.Errorf("merged: %+v", x)
		}
		if err := c.store.Unmerge(t.Context(), c.entry(), firmA); err != nil {
			t.Fatal(err)
		}
		same(t, "parted", c.listed(Asked{District: "410702"}), a.ID)
	})
}

// TestEveryPageSizeGivesTheSameList pages through records of few days, so that
// pages end inside a day, and skips those that have ended.
func TestEveryPageSizeGivesTheSameList(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-11")
		var ch Change
		var want []entry
		for i := range 60 {
			on := workday.MustDate("2026-05-04").AddDays(i % 3)
			r := determined("国知测认〔2026〕"+string(rune('0'+i%10))+strings.Repeat("1", 1+i/10)+"号", on.String())
			r.Act, r.PublishedOn = Acts[i%7], on
			code := []string{firmA, firmB, firmC, firmD}[i%4]
			r.ID = NewID(Determination, r.Authority, r.InstrumentNo, code)
			if i%5 == 0 {
				r.Repaired = &Repair{On: on.AddDays(1)}
			} else {
				want = append(want, entry{r.ID, rank(on, r.ID)})
			}
			ch.Records = append(ch.Records, Entry{SubjectCode: code, Record: r})
		}
		c.apply(ch)
		slices.SortFunc(want, func(a, b entry) int {
			if a.after(b) {
				return 1
			}
			return -1
		})
		ids := make([]string, len(want))
		for i, e := range want {
			ids[i] = e.id
		}
		for _, limit := range []int{1, 2, 7, 20, 100} {
			same(t, "all", c.listed(Asked{Limit: limit}), ids...)
		}
		if _, err := c.store.Disclosures(t.Context(), Asked{Cursor: "x"}, c.now); !fault.Is(err, fault.Invalid) {
			t.Errorf("a cursor of nobody: %v", err)
		}
	})
}

// TestAgenciesHaveAListOfTheirOwn holds what is about agencies, and what others
// did in their trade (S6.13).
func TestAgenciesHaveAListOfTheirOwn(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-11")
		c.record(firmA, "2026-05-04")
		b := c.record(firmB, "2026-05-05")
		same(t, "before", c.listed(Asked{Agencies: true}))
		c.apply(Change{Subjects: []subject.Subject{{Code: firmB, Name: "新乡市虚构乙代理有限公司", Kind: agencyKind, District: "410771"}}})
		same(t, "an agency", c.listed(Asked{Agencies: true}), b.ID)
		c.amend(firmA, c.record(firmA, "2026-05-06").ID, func(r *Record) { r.Act = agencyAct })
		same(t, "their trade", c.listed(Asked{Agencies: true, Limit: 1})[1:], b.ID)
		c.amend(firmB, b.ID, func(r *Record) { r.Repaired = &Repair{On: workday.MustDate("2026-05-11")} })
		if got := c.listed(Asked{Agencies: true}); len(got) != 1 {
			t.Errorf("repaired: %v", got)
		}
	})
}

func TestReindexListsWhatAnOlderVersionStored(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-11")
		r := c.record(firmA, "2026-05-04")
		keys, err := rdb.Keys(t.Context(), c.j.Key("credit", "*")).Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			for _, part := range []string{":id:", ":list:", ":gone"} {
				if strings.Contains(key, part) {
					rdb.Del(t.Context(), key)
				}
			}
		}
		same(t, "lost", c.listed(Asked{}))
		if err := c.store.Reindex(t.Context(), c.entry(), nil); err != nil {
			t.Fatal(err)
		}
		same(t, "found", c.listed(Asked{}), r.ID)
		if got := c.fate(r.ID).Fate; got != Displayed {
			t.Errorf("found: %q", got)
		}
	})
}

// TestOfANaturalPersonOnlyAMaskedNameIsListed: Order 45 displays the penalties of
// persons too, but nothing by which to find or to identify one.
func TestOfANaturalPersonOnlyAMaskedNameIsListed(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-11")
		r := determined("国知测认〔2026〕9号", "2026-05-04")
		r.ID, r.NaturalPerson, r.PublishedOn = NewID(Determination, r.Authority, r.InstrumentNo, "p:abc"), true, workday.DateOf(c.now)
		c.apply(Change{Records: []Entry{{SubjectCode: "p:abc", SubjectName: "张样三", NaturalPerson: true, Record: r}}})
		page, err := c.store.Disclosures(t.Context(), Asked{}, c.now)
		if err != nil || len(page.List) != 1 {
			t.Fatal(page, err)
		}
		if d := page.List[0]; !d.Person || d.Code != "" || d.Name != "张*三" {
			t.Errorf("%+v", d)
		}
		same(t, "by name", c.listed(Asked{Text: "张样三"}))
	})
}

// FuzzListCursor: what a stranger sends as a cursor is read as it was written or
// refused.
func FuzzListCursor(f *testing.F) {
	on := workday.MustDate("2026-05-04")
	f.Add(entry{"0123456789abcdef", rank(on, "0123456789abcdef")}.cursor())
	f.Add("-")
	f.Add("9223372036854775807-0123456789abcdef")
	f.Add("1e9-0123456789abcdef")
	f.Fuzz(func(t *testing.T, s string) {
		e, ok := readCursor(s)
		if !ok {
			return
		}
		if again, ok := readCursor(e.cursor()); !ok || again != e {
			t.Errorf("%q is %+v, and that %+v", s, e, again)
		}
		if e.after(e) {
			t.Errorf("%q comes after itself", s)
		}
		_ = e.day()
	})
}
