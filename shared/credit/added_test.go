package credit

import (
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/catalog"
	"ipcredit/shared/redistest"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/sheet"
	"ipcredit/shared/workday"
)

// withAct is the law with one more act of the catalogue from that day.
func withAct(t testing.TB, act, from string, channel Channel) *Law {
	t.Helper()
	rest := catalog.Shipped().Items(catalog.Rest)
	i := rest[len(rest)-1]
	i.Act, i.From, i.Channel, i.Title = act, workday.MustDate(from), channel, ruleset.Words{ZH: "测试增列行为", EN: "an act of a test"}
	c, err := catalog.Shipped().With(catalog.Proposal{Item: &i})
	if err != nil {
		t.Fatal(err)
	}
	return Shipped().Under(c)
}

// An act that officers put into the catalogue is imported, displayed, chained and
// held against its competent authority as the law's own, with nothing built anew.
func TestOneMoreActOfTheCatalogueIsReadAsTheLawsOwn(t *testing.T) {
	t.Parallel()
	law := withAct(t, "DA8", "2026-04-10", Republish)
	type m = map[string]string
	for _, tt := range []struct {
		name    string
		changes m
		code    string // of the problem, "" for none
		field   string
	}{
		{"CNIPA's, on its first day", m{"act": "DA8"}, "", ""},
		{"full width and small letters", m{"act": "ｄａ８"}, "", ""},
		{"the day before", m{"act": "DA8", "determinedOn": "2026-04-09"}, "credit.not_in_catalogue", "act"},
		{"the city's own", m{"act": "DA8", "authority": "新乡市知识产权局"}, "credit.competence.determination", "authority"},
		{"of a market regulator", m{"act": "DA8", "authority": "新乡市测试区市场监督管理局"}, "credit.competence.determination", "authority"},
		{"without instrument", m{"act": "DA8", "instrumentNo": ""}, "sheet.required", "instrumentNo"},
		{"another that nobody added", m{"act": "DA9"}, "sheet.choice", "act"},
		{"a kind's name", m{"act": "penalty"}, "sheet.choice", "act"},
		{"none", m{"act": ""}, "sheet.required", "act"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, problems := law.Parse(Determination, rowOf(t, Determination, tt.changes), testContext)
			if tt.code != "" {
				if !slices.ContainsFunc(problems, func(p sheet.Problem) bool { return p.Code == tt.code && p.Field == tt.field }) || len(problems) != 1 {
					t.Errorf("%v", problems)
				}
				said(t, problems)
				return
			}
			if len(problems) > 0 || e.Record.Act != "DA8" || e.Record.Item != "DA8@2026-04-10" || e.Record.Channel != Republish {
				t.Errorf("%v %+v", problems, e.Record)
			}
		})
	}
	if _, problems := Shipped().Parse(Determination, rowOf(t, Determination, m{"act": "DA8"}), testContext); len(problems) != 1 {
		t.Errorf("without the catalogue's version: %v", problems)
	}
	if e, _ := withAct(t, "DA8", "2026-04-10", Internal).Parse(Determination, rowOf(t, Determination, m{"act": "DA8"}), testContext); e.Record.Channel != Internal {
		t.Errorf("of an internal act: %+v", e.Record)
	}
	// It stands in the same chain, and brings the measures.
	first, second := determined("国知测认〔2025〕1号", "2025-03-10"), determined("国知测认〔2026〕2号", "2026-03-10")
	second.Act = "DA8"
	visible, _ := law.Show([]Record{first, second}, noon("2026-03-10"))
	if len(visible) != 2 || visible[0].Act != "DA8" || visible[0].DisplayUntil != workday.MustDate("2027-03-10") || !visible[0].Counts {
		t.Fatalf("%+v", visible)
	}
	if got, want := len(law.Effects(visible[0], workday.MustDate("2026-03-10"))), len(law.catalog.Brought(catalog.Rest, "", workday.MustDate("2026-03-10"))); got != want || got == 0 {
		t.Errorf("%d measures, want %d", got, want)
	}
}

// Lists find it by its code, and a function of an older version, which does not know
// the code, finds it among all.
func TestOneMoreActIsFoundInItsListAndInAll(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb, "2026-05-06")
		law := withAct(t, "DA8", "2026-01-01", Republish)
		c.store = NewStore(c.j, law)
		other := c.record(firmB, "2026-03-11")
		r := determined("国知测认〔2026〕8号", "2026-03-10")
		r.Act = "DA8"
		r.ID, r.CollectedAt, r.PublishedOn = NewID(Determination, r.Authority, r.InstrumentNo, firmA), c.now, workday.DateOf(c.now)
		c.apply(Change{Records: []Entry{{SubjectCode: firmA, SubjectName: "新乡市虚构甲科技有限公司", Record: r}}})
		same(t, "by the act", c.listed(Asked{Act: "DA8"}), r.ID)
		same(t, "all", c.listed(Asked{}), other.ID, r.ID)
		same(t, "another act", c.listed(Asked{Act: "DA7"}))
		if !slices.Contains(law.Listable(), "DA8") || slices.Contains(withAct(t, "DA8", "2026-01-01", Internal).Listable(), "DA8") {
			t.Error("what strangers can list by")
		}
		list, _ := c.fed(Place{})
		if len(list) != 2 || list[1].Act != "DA8" {
			t.Errorf("the feed: %+v", list)
		}
		c.store = NewStore(c.j, Shipped()) // an older function
		same(t, "all, by who does not know it", c.listed(Asked{}), other.ID, r.ID)
	})
}
