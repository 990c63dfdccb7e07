package catalog

import (
	"fmt"
	"strings"
	"testing"

	"ipcredit/shared/fault"
	"ipcredit/shared/page"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/workday"

	"pgregory.net/rapid"
)

func day(s string) workday.Date { return workday.MustDate(s) }

func item(t testing.TB, act string, change func(*Item)) Proposal {
	t.Helper()
	list := shipped.Items(act)
	if len(list) == 0 {
		t.Fatal(act)
	}
	i := list[len(list)-1]
	i.From, i.To = day("2027-01-01"), workday.Date{}
	change(&i)
	return Proposal{Item: &i, Reason: "测试文件"}
}

func measure(change func(*Measure)) Proposal {
	m := Measure{
		Span: Span{From: day("2027-01-01"), Basis: "测试管理办法（测试〔2026〕1号）", Article: "第三条", Confidence: ruleset.Verified, Title: ruleset.Words{ZH: "测试措施", EN: "a measure of a test"}},
		ID:   "of-test", List: "全国失信惩戒措施基础清单（测试版）", ListItem: "纳入重点监管范围", ListConfidence: ruleset.Verified, Acts: []string{"DA1"}, By: ruleset.Words{ZH: "测试局", EN: "a body"},
	}
	change(&m)
	return Proposal{Measure: &m, Reason: "测试文件"}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t testing.TB, err error, code string) {
	t.Helper()
	f, is := fault.Of(err)
	if !is {
		t.Errorf("%v, want %s", err, code)
		return
	}
	for _, x := range f.Fields {
		if x.Code == code {
			return
		}
	}
	if f.Code != code {
		t.Errorf("%v, want %s", err, code)
	}
}

func TestTheVersionOfTheDayOfTheEventCounts(t *testing.T) {
	t.Parallel()
	c, err := shipped.With(item(t, "DA1", func(i *Item) { i.Channel = Internal }))
	ok(t, err)
	for _, tt := range []struct {
		name, act, on, ref string
		channel            Channel
	}{
		{"before CNIPA's rule", "DA1", "2022-01-23", "", ""},
		{"on its first day", "DA1", "2022-01-24", "DA1@2022-01-24", Republish},
		{"the day before the new version", "DA1", "2026-12-31", "DA1@2022-01-24", Republish},
		{"on its first day", "DA1", "2027-01-01", "DA1@2027-01-01", Internal},
		{"another act is as it was", "DA2", "2027-01-01", "DA2@2022-01-24", Republish},
		{"old stock of penalties", "penalty", "2021-08-31", "penalty@1985-04-01", Original},
		{"Order 45", "penalty", "2021-09-01", "penalty@2021-09-01", Original},
		{"no such act", "DA8", "2026-05-01", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			i, found := c.Item(tt.act, day(tt.on))
			if found != (tt.ref != "") || found && (i.Ref() != tt.ref || i.Channel != tt.channel) {
				t.Errorf("%v %+v", found, i)
			}
			if found {
				if back, known := c.Ref(tt.ref); !known || back.Ref() != i.Ref() {
					t.Error("what a record names is found again")
				}
			}
		})
	}
	if i, _ := shipped.Item("DA1", day("2027-01-01")); i.Channel != Republish {
		t.Error("With changes the catalogue it starts from")
	}
}

func TestACorrectionTakesThePlaceAndWhatItReplacedStaysToBeRead(t *testing.T) {
	t.Parallel()
	c, err := shipped.With(item(t, "DA1", func(i *Item) { i.From, i.Article = day("2022-01-24"), "第六条第（一）项" }))
	ok(t, err)
	now, _ := c.Item("DA1", day("2024-01-01"))
	old, known := c.Ref("DA1@2022-01-24")
	if now.Ref() != "DA1@2022-01-24.1" || now.Article != "第六条第（一）项" || !known || !old.Replaced || old.Article != "第六条第一项" {
		t.Errorf("%+v %+v", now, old)
	}
}

func TestRefusesWhatCannotStand(t *testing.T) {
	t.Parallel()
	later, err := shipped.With(item(t, "DA1", func(i *Item) { i.Channel = Internal }))
	ok(t, err)
	for _, tt := range []struct {
		name string
		p    Proposal
		code string // "" for accepted
	}{
		{"a channel as wide as the law's", item(t, "DA2", func(i *Item) { i.Article = "新条款" }), ""},
		{"a wider channel", item(t, "DA2", func(i *Item) { i.Channel = Original }), "catalog.wider"},
		{"wider again than the city had it, not than the law", item(t, "DA1", func(i *Item) { i.From = day("2027-02-01") }), ""},
		{"an unknown channel", item(t, "DA2", func(i *Item) { i.Channel = "PUBLIC" }), "catalog.channel"},
		{"an act without a name", item(t, "DA2", func(i *Item) { i.Act = "" }), "catalog.act"},
		{"an item without basis", item(t, "DA2", func(i *Item) { i.Basis = " " }), "catalog.basis"},
		{"without article", item(t, "DA2", func(i *Item) { i.Article = "" }), "catalog.missing"},
		{"without a kind", item(t, "DA2", func(i *Item) { i.Kinds = nil }), "catalog.kinds"},
		{"without a source", item(t, "DA2", func(i *Item) { i.Sources = nil }), "catalog.sources"},
		{"a tier there is not", item(t, "DA2", func(i *Item) { i.Tier = "grave" }), "catalog.tier"},
		{"the day before a later version", item(t, "DA1", func(i *Item) { i.From, i.Article = day("2026-12-31"), "x" }), "catalog.superseded"},
		{"the same as in force", item(t, "DA2", func(*Item) {}), "catalog.same"},
		{"the same, but it ends", item(t, "DA2", func(i *Item) { i.To = day("2027-12-31") }), ""},
		{"ended before it begins", item(t, "DA2", func(i *Item) { i.To = day("2026-12-31") }), "catalog.to"},
		{"ended on its first day", item(t, "DA2", func(i *Item) { i.To = day("2027-01-01") }), ""},
		{"a text of two lines", item(t, "DA2", func(i *Item) { i.Basis = "a\nb" }), "catalog.long"},
		{"as long as allowed", item(t, "DA2", func(i *Item) { i.Basis = strings.Repeat("长", mostBasis) }), ""},
		{"a character longer", item(t, "DA2", func(i *Item) { i.Basis = strings.Repeat("长", mostBasis+1) }), "catalog.long"},
		{"a measure", measure(func(*Measure) {}), ""},
		{"a measure without legal basis", measure(func(m *Measure) { m.Basis = "" }), "catalog.basis"},
		{"a measure outside the basic list", measure(func(m *Measure) { m.ListItem = "\t" }), "catalog.list_item"},
		{"a measure of no list", measure(func(m *Measure) { m.List = "" }), "catalog.missing"},
		{"a measure for anything", measure(func(m *Measure) { m.Acts = nil }), "catalog.acts"},
		{"a measure for an act there is not", measure(func(m *Measure) { m.Acts = []string{"DA9"} }), "catalog.acts"},
		{"a measure nobody applies", measure(func(m *Measure) { m.By.ZH = "" }), "catalog.missing"},
		{"an incentive", measure(func(m *Measure) { m.Incentive, m.Acts = true, nil }), ""},
		{"an incentive without basis", measure(func(m *Measure) { m.Incentive, m.Acts, m.Basis = true, nil, "" }), "catalog.basis"},
		{"an incentive for dishonesty", measure(func(m *Measure) { m.Incentive = true }), "catalog.incentive_acts"},
		{"a measure that takes an incentive's name", measure(func(m *Measure) { m.ID = "good-funds" }), "catalog.other_measure"},
		{"a name of other letters", measure(func(m *Measure) { m.ID = "Über" }), "catalog.id"},
		{"neither item nor measure", Proposal{}, "catalog.incomplete"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := later.With(tt.p); tt.code == "" {
				ok(t, err)
			} else {
				refused(t, err, tt.code)
			}
		})
	}
}

func TestAMeasureEndsWhenTheListDropsIt(t *testing.T) {
	t.Parallel()
	shortened, err := shipped.With(Proposal{Measure: func() *Measure {
		m := shipped.Measures("merit")[0]
		m.From, m.To = day("2026-01-01"), day("2026-12-31")
		return &m
	}()})
	ok(t, err)
	goesOn, err := shortened.With(Proposal{Measure: func() *Measure {
		m := shipped.Measures("merit")[0]
		m.From, m.To, m.Article = day("2027-01-01"), day("2028-06-30"), "新条"
		return &m
	}()})
	ok(t, err)
	for _, tt := range []struct {
		name  string
		c     Catalog
		on    string
		until string
	}{
		{"no end is known", shipped, "2025-03-10", ""},
		{"the next version ends it", shortened, "2025-03-10", "2026-12-31"},
		{"of that version itself", shortened, "2026-12-31", "2026-12-31"},
		{"after it there is none", shortened, "2027-01-01", "none"},
		{"a version that follows at once carries it on", goesOn, "2025-03-10", "2028-06-30"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := "none"
			for _, m := range tt.c.Brought("DA1", "", day(tt.on)) {
				if m.ID == "merit" {
					got = m.Until.String()
				}
			}
			if got != tt.until {
				t.Errorf("%s, want %s", got, tt.until)
			}
		})
	}
}

func TestMeasuresGoByActAndTier(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		act  string
		tier Tier
		n    int
	}{{"DA1", "", 6}, {"DA7", Serious, 6}, {"SL", Serious, 4}, {"SL", General, 0}, {"penalty", Serious, 0}, {"judgment", "", 0}} {
		if got := shipped.Brought(tt.act, tt.tier, day("2026-05-01")); len(got) != tt.n {
			t.Errorf("%s %s: %d", tt.act, tt.tier, len(got))
		}
	}
	if got := shipped.Incentives(day("2026-05-01")); len(got) != 4 {
		t.Errorf("%d incentives", len(got))
	}
}

func TestTheNarrowerChannelCounts(t *testing.T) {
	t.Parallel()
	for i, a := range Channels {
		for j, b := range Channels {
			if got := Narrower(a, b); got != Channels[max(i, j)] {
				t.Errorf("%s and %s: %s", a, b, got)
			}
		}
	}
}

func TestEverythingShippedSaysWhereItIsFrom(t *testing.T) {
	t.Parallel()
	for _, i := range shipped.Items("") {
		if !page.Has("credit.act." + i.Act) {
			t.Errorf("%s has no words", i.Act)
		}
	}
	for _, m := range shipped.Measures("") {
		if m.Labelled() && !page.Has("ruleset.label."+string(m.Confidence)) || m.ListItem == "" {
			t.Errorf("%+v", m)
		}
	}
}

// TestACatalogueIsTheSameHoweverItWasPutTogether walks through random versions: one
// at most is in force on any day, what was ever named is found again, and what was in
// force before the first day of a new version still is.
func TestAnyNumberOfVersionsLeavesThePastAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, from := shipped, day("2022-01-24")
		var refs []string
		for n := range rapid.IntRange(1, 8).Draw(t, "versions") {
			from = from.AddDays(rapid.IntRange(0, 400).Draw(t, "days"))
			i := shipped.Items("DA1")[0]
			i.From, i.Article = from, fmt.Sprintf("第%d版", n)
			if rapid.Bool().Draw(t, "ends") {
				i.To = from.AddDays(rapid.IntRange(0, 300).Draw(t, "length"))
			}
			next, err := c.With(Proposal{Item: &i})
			if err != nil {
				t.Fatal(err)
			}
			before := from.AddDays(-rapid.IntRange(1, 500).Draw(t, "before"))
			was, had := c.Item("DA1", before)
			is, has := next.Item("DA1", before)
			if had != has || had && was.Ref() != is.Ref() {
				t.Fatalf("%s: %v %s, then %v %s", before, had, was.Ref(), has, is.Ref())
			}
			now, _ := next.Item("DA1", from)
			if now.Article != i.Article {
				t.Fatalf("%+v", now)
			}
			c, refs = next, append(refs, now.Ref())
		}
		on := day("2022-01-01").AddDays(rapid.IntRange(0, 4000).Draw(t, "day"))
		n := 0
		for _, i := range c.Items("DA1") {
			if i.InForce(on) {
				n++
			}
		}
		if n > 1 {
			t.Fatalf("%d versions on %s", n, on)
		}
		for _, ref := range refs {
			if _, known := c.Ref(ref); !known {
				t.Fatalf("%s is lost", ref)
			}
		}
	})
}
