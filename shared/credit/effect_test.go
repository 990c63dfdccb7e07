package credit

import (
	"slices"
	"strings"
	"testing"

	"ipcredit/shared/catalog"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/sheet"
	"ipcredit/shared/workday"
)

func measureIDs(effects []Effect) string {
	var s []string
	for _, e := range effects {
		s = append(s, e.ID+" "+e.First.String()+" "+e.Last.String())
	}
	return strings.Join(s, "; ")
}

func listing(on string) Record {
	r := determined("SL"+on, on)
	r.Act, r.Tier, r.Channel, r.Authority = SeriousList, Serious, Original, "新乡市市场监督管理局"
	return r
}

func TestMeasuresLastAsLongAsTheRecordThatBringsThem(t *testing.T) {
	t.Parallel()
	repaired := determined("D1", "2025-03-10")
	repaired.Repaired = &Repair{On: day("2025-10-01")}
	withdrawn := determined("D1", "2025-03-10")
	withdrawn.Withdrawn = &Withdrawal{At: noon("2025-10-01"), Reason: "annulled"}
	minor := determined("D1", "2026-04-10")
	minor.Tier = Minor
	upheld := punished("2026-05-06", "罚款", 60000)
	for _, tt := range []struct {
		name    string
		records []Record
		on      string
		n       int
		last    string
	}{
		{"on the day of the determination", []Record{determined("D1", "2025-03-10")}, "2025-03-10", 6, "2026-03-10"},
		{"the day before", []Record{determined("D1", "2025-03-10")}, "2025-03-09", 0, ""},
		{"on the last day", []Record{determined("D1", "2025-03-10")}, "2026-03-10", 6, "2026-03-10"},
		{"the day after the last", []Record{determined("D1", "2025-03-10")}, "2026-03-11", 0, ""},
		{"the day before its repair", []Record{repaired}, "2025-09-30", 6, "2026-03-10"},
		{"the day of its repair", []Record{repaired}, "2025-10-01", 0, ""},
		{"after it was annulled", []Record{withdrawn}, "2025-10-02", 0, ""},
		{"before the rule of CNIPA", []Record{determined("D1", "2022-01-23")}, "2022-02-01", 0, ""},
		{"on the rule's first day", []Record{determined("D1", "2022-01-24")}, "2022-02-01", 6, "2023-01-24"},
		{"of a minor record nothing is applied", []Record{minor}, "2026-05-01", 0, ""},
		{"a penalty brings none", []Record{upheld}, "2027-03-01", 0, ""},
		{"a listing, on its last day", []Record{listing("2026-04-10")}, "2029-04-10", 4, "2029-04-10"},
		{"a listing, the day after", []Record{listing("2026-04-10")}, "2029-04-11", 0, ""},
		{"a listing before the tiers", []Record{listing("2024-02-29")}, "2027-02-28", 4, "2027-02-28"},
		{"a listing is not lengthened by a determination", []Record{listing("2024-02-29"), determined("D1", "2026-12-01")}, "2027-03-01", 6, "2027-12-01"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []Effect
			shown, _ := Show(tt.records, noon(tt.on))
			for _, s := range shown {
				got = append(got, Shipped().Effects(s, day(tt.on))...)
			}
			if len(got) != tt.n {
				t.Fatalf("%s", measureIDs(got))
			}
			for _, e := range got {
				if e.Last.String() != tt.last || e.Basis == "" || e.ListItem == "" {
					t.Errorf("%+v", e)
				}
			}
		})
	}
}

func TestAPenaltyOpenToChallengeBringsNoMeasures(t *testing.T) {
	t.Parallel()
	law := Shipped().Under(mustWith(t, catalog.Proposal{Measure: &catalog.Measure{
		Span: catalog.Span{From: day("2026-01-01"), Basis: "测试办法", Article: "第一条", Confidence: ruleset.Verified, Title: ruleset.Words{ZH: "测", EN: "test"}},
		ID:   "test", List: "清单", ListItem: "第一项", ListConfidence: ruleset.Verified, Acts: []string{"penalty"}, Tiers: []catalog.Tier{General}, By: ruleset.Words{ZH: "甲", EN: "a"},
	}}))
	r := punished("2026-05-06", "罚款", 60000)
	last := law.openUntil(&r)
	for _, tt := range []struct {
		on   workday.Date
		want int
	}{{last, 0}, {last.AddDays(1), 1}} {
		shown, _ := law.Show([]Record{r}, tt.on.Start())
		if len(shown) != 1 || len(law.Effects(shown[0], tt.on)) != tt.want {
			t.Errorf("%s: %+v", tt.on, shown)
		}
	}
	heavier := punished("2026-05-06", "吊销许可证件", 0)
	shown, _ := law.Show([]Record{heavier}, last.AddDays(1).Start())
	if len(shown) != 1 || len(law.Effects(shown[0], last.AddDays(1))) != 0 {
		t.Errorf("another tier brings it: %+v", shown)
	}
}

func mustWith(t *testing.T, p catalog.Proposal) catalog.Catalog {
	t.Helper()
	c, err := catalog.Shipped().With(p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestThreeGoodYearsAreCompleteTheDayAfterTheirLast(t *testing.T) {
	t.Parallel()
	repaired := determined("D1", "2023-03-10")
	repaired.Repaired = &Repair{On: day("2023-10-01")}
	annulled := determined("D1", "2025-03-10")
	annulled.Withdrawn = &Withdrawal{At: noon("2025-04-01"), Reason: "annulled"}
	internal := determined("D1", "2025-03-10")
	internal.Channel = Internal
	licensed := Record{ID: "L", Kind: Licence, Act: "licence", DeterminedOn: day("2025-03-10"), Content: Content{Licence: &LicenceContent{}}}
	for _, tt := range []struct {
		name    string
		records []Record
		on      string
		reached bool
		from    string
	}{
		{"nothing was ever found", nil, "2026-05-01", true, ""},
		{"the last day of the third year", []Record{determined("D1", "2023-03-10")}, "2026-03-10", false, "2026-03-11"},
		{"the day after", []Record{determined("D1", "2023-03-10")}, "2026-03-11", true, "2026-03-11"},
		{"a leap day", []Record{determined("D1", "2024-02-29")}, "2027-03-01", true, "2027-03-01"},
		{"a leap day, the day before", []Record{determined("D1", "2024-02-29")}, "2027-02-28", false, "2027-03-01"},
		{"repair does not shorten them", []Record{repaired}, "2026-03-10", false, "2026-03-11"},
		{"what was annulled never was", []Record{annulled}, "2025-06-01", true, ""},
		{"what is internal leaves no trace", []Record{internal}, "2025-06-01", true, ""},
		{"a licence is nothing bad", []Record{licensed}, "2025-06-01", true, ""},
		{"a penalty still open breaks none yet", []Record{punished("2026-05-06", "罚款", 60000)}, "2026-05-10", true, ""},
		{"a penalty that is final does", []Record{punished("2026-05-06", "罚款", 60000)}, "2027-01-10", false, "2029-05-07"},
		{"not while a listing is displayed", []Record{listing("2023-03-10")}, "2026-03-10", false, "2026-03-11"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g, ok := Shipped().GoodYears(tt.records, noon(tt.on))
			if !ok || g.Reached != tt.reached || g.From.String() != tt.from || !g.Rule.Labelled() || (len(g.Incentives) > 0) != tt.reached {
				t.Errorf("%+v", g)
			}
		})
	}
	if _, ok := Shipped().GoodYears(nil, noon("2022-01-23")); ok {
		t.Error("before the rule")
	}
}

func TestOnlyWhatTheCatalogueHasOnItsDayBecomesARecord(t *testing.T) {
	t.Parallel()
	narrowed := catalog.Shipped()
	for _, change := range []func(*catalog.Item){
		func(i *catalog.Item) { i.Act, i.Channel, i.From = "DA1", Internal, day("2026-05-06") },
		func(i *catalog.Item) { i.Act, i.Tier, i.From = "DA2", General, day("2026-05-06") },
		func(i *catalog.Item) { i.Act, i.Kinds, i.From = "DA3", []Kind{Penalty}, day("2026-05-06") },
		func(i *catalog.Item) { i.Act, i.Sources, i.From = "DA4", []Source{Judicial}, day("2026-05-06") },
		func(i *catalog.Item) { i.Act, i.From, i.To = "DA7", day("2022-01-24"), day("2026-05-06") },
	} {
		i, _ := catalog.Shipped().Item("DA1", day("2026-05-01"))
		i.Title = ruleset.Words{ZH: "改后的条目", EN: "changed"}
		change(&i)
		next, err := narrowed.With(catalog.Proposal{Item: &i})
		if err != nil {
			t.Fatal(err)
		}
		narrowed = next
	}
	law := Shipped().Under(narrowed)
	now := noon("2026-06-01")
	for _, tt := range []struct {
		name, act, on string
		problem       string
		channel       Channel
		tier          Tier
		item          string
	}{
		{"before the item's first day", "DA1", "2022-01-23", "act credit.not_in_catalogue", "", "", ""},
		{"on it", "DA1", "2022-01-24", "", Republish, "", "DA1@2022-01-24"},
		{"the last day of a version", "DA1", "2026-05-05", "", Republish, "", "DA1@2022-01-24"},
		{"the first of the next, which is internal", "DA1", "2026-05-06", "", Internal, "", "DA1@2026-05-06"},
		{"a tier of the catalogue's", "DA2", "2026-05-06", "", Republish, General, "DA2@2026-05-06"},
		{"none the day before", "DA2", "2026-05-05", "", Republish, "", "DA2@2022-01-24"},
		{"a kind it does not take", "DA3", "2026-05-06", "act credit.kind_not_in_catalogue", "", "", ""},
		{"a source it does not take", "DA4", "2026-05-06", "authority credit.source_not_in_catalogue", "", "", ""},
		{"on the last day of an item that ended", "DA7", "2026-05-06", "", Republish, "", "DA7@2022-01-24.1"},
		{"the day after", "DA7", "2026-05-07", "act credit.not_in_catalogue", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, problems := law.Parse(Determination, rowOf(t, Determination, map[string]string{"act": tt.act, "determinedOn": tt.on, "tier": ""}), Context{Now: now})
			got := ""
			for _, p := range problems {
				got = p.Field + " " + p.Code
			}
			if got != tt.problem || e.Record.Channel != tt.channel || e.Record.Tier != tt.tier || e.Record.Item != tt.item {
				t.Errorf("%q %+v", got, e.Record)
			}
		})
	}
}

// TestThreat_AChangedCatalogueAltersNoStoredRecord: neither by itself nor when the
// same list is uploaded again.
func TestThreat_AChangedCatalogueAltersNoStoredRecord(t *testing.T) {
	t.Parallel()
	i, _ := catalog.Shipped().Item("DA1", day("2026-05-06"))
	i.Channel, i.Tier = Internal, Serious
	law := Shipped().Under(mustWith(t, catalog.Proposal{Item: &i}))
	row := rowOf(t, Determination, map[string]string{"tier": ""})
	first, problems := Shipped().Parse(Determination, row, Context{Now: noon("2026-06-01")})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	again, problems := law.Parse(Determination, row, Context{Now: noon("2026-06-02")})
	if len(problems) > 0 || again.Record.Channel != Internal || again.Record.Item != "DA1@2022-01-24.1" {
		t.Fatalf("%v %+v", problems, again.Record)
	}
	if r, changed := Supersede(first.Record, again.Record, noon("2026-06-02")); changed || r.Channel != Republish || r.Tier != "" {
		t.Errorf("changed %v: %+v", changed, r)
	}
	corrected, _ := law.Parse(Determination, rowOf(t, Determination, map[string]string{"tier": "", "basis": "第六条第一项，更正"}), Context{Now: noon("2026-06-02")})
	if r, changed := Supersede(first.Record, corrected.Record, noon("2026-06-02")); !changed || r.Item != "DA1@2022-01-24.1" || len(r.History) != 1 {
		t.Errorf("a corrected row is read by what is in force: %v %+v", changed, r)
	}
	without := first.Record
	without.Item = "" // stored before the catalogue was
	if _, changed := Supersede(without, first.Record, noon("2026-06-02")); changed {
		t.Error("a record of before the catalogue counts twice")
	}
}

func TestAListingIsByWhoMayAndByNotice(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, authority, code string
		notice                bool
		want                  string
	}{
		{"ours, by notice", "新乡市测试区市场监督管理局", "11410700000000019U", true, ""},
		{"ours, by batch", "新乡市测试区市场监督管理局", "11410700000000019U", false, "credit.listing_by_notice"},
		{"by another province's, by batch", "测试省测试市市场监督管理局", "11110000000000019K", false, ""},
		{"by an association", "新乡市样例协会", "11410700000000019U", true, "credit.competence.serious-list"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			row := rowOf(t, Determination, map[string]string{"act": SeriousList, "authority": tt.authority, "authorityCode": tt.code, "tier": ""})
			e, problems := Shipped().Parse(Determination, row, Context{Now: noon("2026-06-01"), Notice: tt.notice})
			var got []string
			for _, p := range problems {
				got = append(got, p.Code)
			}
			if strings.Join(got, " ") != tt.want {
				t.Fatalf("%v", problems)
			}
			if tt.want == "" && (e.Record.Tier != Serious || !slices.Contains([]Channel{Original, Republish}, e.Record.Channel)) {
				t.Errorf("%+v", e.Record)
			}
		})
	}
}

func day(s string) workday.Date { return workday.MustDate(s) }

// TestANaturalPersonsMinorActMadeGoodIsNotCollected: Henan arts. 11 to 13; an
// organisation's is, and so is one that was not made good.
func TestANaturalPersonsMinorActMadeGoodIsNotCollected(t *testing.T) {
	t.Parallel()
	person := map[string]string{"subjectName": "张样例", "subjectType": "自然人", "subjectCode": "", "personIdType": "身份证", "personId": "11010519491231002X", "legalRep": ""}
	for _, tt := range []struct {
		name, facts string
		person      bool
		refused     bool
	}{
		{"minor and made good", "违法行为轻微，并及时改正", true, true},
		{"made good in other words", "情节轻微，当事人已改正", true, true},
		{"minor, not made good", "违法行为轻微，未及时改正", true, false},
		{"minor, made good only at the end", "违法行为轻微，未及时改正，经责令后已改正", true, true},
		{"minor, nothing said of the rest", "违法行为轻微", true, false},
		{"made good, not minor", "销售侵权商品，已改正", true, false},
		{"an organisation's", "违法行为轻微，并及时改正", false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			changes := map[string]string{"facts": tt.facts}
			if tt.person {
				for k, v := range person {
					changes[k] = v
				}
			}
			_, problems := Shipped().Parse(Penalty, rowOf(t, Penalty, changes), testContext)
			got := slices.ContainsFunc(problems, func(p sheet.Problem) bool { return p.Code == "credit.made_good_person" })
			if got != tt.refused || !got && len(problems) > 0 {
				t.Errorf("%v", problems)
			}
		})
	}
}
