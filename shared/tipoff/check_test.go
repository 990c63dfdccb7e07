package tipoff

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ipcredit/shared/fault"
	"ipcredit/shared/seal"

	"pgregory.net/rapid"
)

func TestRefusesNamingTheFieldAndTheReason(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(l *Lodged)
		want   string // field: code
	}{
		{"kind", func(l *Lodged) { l.Kind = "spam" }, "kind: tipoff.kind"},
		{"no kind", func(l *Lodged) { l.Kind = "" }, "kind: tipoff.kind"},
		{"language", func(l *Lodged) { l.Language = "fr" }, "language: tipoff.language"},
		{"nobody", func(l *Lodged) { l.Parties = nil }, "parties: tipoff.parties.none"},
		{"nobody in particular", func(l *Lodged) { l.Parties = []Party{{Name: "甲"}, {}} }, "parties/1/name: tipoff.party.name"},
		{"too many", func(l *Lodged) { l.Parties = make([]Party, 21) }, "parties: tipoff.parties.many"},
		{"a code with a wrong check digit", func(l *Lodged) { l.Parties[0].Code = "91410771MA00AAA105" }, "parties/0/code: ident.uscc.check"},
		{"a name that turns its direction", func(l *Lodged) { l.Parties[0].Name = "甲\u202e乙" }, "parties/0/name: ident.text.bidi"},
		{"a name of 201 characters", func(l *Lodged) { l.Parties[0].Name = strings.Repeat("甲", 201) }, "parties/0/name: tipoff.long"},
		{"no narrative", func(l *Lodged) { l.Narrative = " \n\t " }, "narrative: tipoff.narrative.none"},
		{"a narrative of 10,001 characters", func(l *Lodged) { l.Narrative = strings.Repeat("举", 10_001) }, "narrative: tipoff.long"},
		{"a control character", func(l *Lodged) { l.Narrative = "a\x00b" }, "narrative: ident.text.control"},
		{"anonymous with a name", func(l *Lodged) { l.Reporter = &Reporter{"甲", "123"} }, "reporter: tipoff.reporter.anonymous"},
		{"named without a name", func(l *Lodged) { l.Anonymous = false }, "reporter: tipoff.reporter.none"},
		{"a name without a contact", func(l *Lodged) { l.Anonymous, l.Reporter = false, &Reporter{Name: "甲"} }, "reporter/contact: tipoff.reporter.contact"},
		{"a contact without a name", func(l *Lodged) { l.Anonymous, l.Reporter = false, &Reporter{Contact: "19900001234"} }, "reporter/name: tipoff.reporter.name"},
		{"tomorrow", func(l *Lodged) { l.OccurredOn = day("2025-09-23") }, "occurredOn: tipoff.occurred.future"},
		{"a province", func(l *Lodged) { l.Division = "410000" }, "division: tipoff.division"},
		{"no division", func(l *Lodged) { l.Division = "999999" }, "division: ident.area.unknown"},
		{"an application with a wrong check digit", func(l *Lodged) { l.Numbers = []string{"99000001", "201710601862.4"} }, "numbers/1: ident.application.check"},
		{"a hash that is none", func(l *Lodged) { l.Files = []File{{Name: "a.jpg", Size: 1, SHA256: "xyz"}} }, "files/0/sha256: tipoff.file.hash"},
		{"a negative size", func(l *Lodged) { l.Files = []File{{Name: "a.jpg", Size: -1}} }, "files/0/size: tipoff.file.size"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := withoutName()
			tt.change(&l)
			_, _, err := Check(l, Rules{}, day("2025-09-22"))
			f, is := fault.Of(err)
			if !is || f.Kind != fault.Invalid || f.Code != "tipoff.form" || len(f.Fields) == 0 {
				t.Fatalf("error = %v", err)
			}
			field, code, _ := strings.Cut(tt.want, ": ")
			if f.Fields[0].Name != field || !strings.HasPrefix(f.Fields[0].Code, code) && !strings.HasPrefix(code, "ident.") {
				t.Errorf("%s: %s, want %s", f.Fields[0].Name, f.Fields[0].Code, tt.want)
			}
		})
	}
	all := Lodged{Kind: "x", Narrative: "", OccurredOn: day("2030-01-01"), Parties: []Party{{Code: "1"}}}
	_, _, err := Check(all, Rules{}, day("2025-09-22"))
	if f, _ := fault.Of(err); len(f.Fields) != 5 {
		t.Errorf("all at once: %v", err)
	}
}

func TestTakesWhatPeopleWriteAndMakesItCanonical(t *testing.T) {
	t.Parallel()
	l := withName()
	l.Parties = []Party{{Name: "  虚构甲　科技有限公司 ", Code: "９１４１０７７１ma00aaa104"}}
	l.Narrative = "一\r\n二\u2028三\n"
	l.Numbers = []string{"ZL 2025 1 0999999.3", "202510999999.3", "99000001"}
	l.Division = "红旗区"
	l.Files = []File{{Name: "a.jpg", Size: 3, SHA256: strings.Repeat("AB", 32)}}
	got, warnings, err := Check(l, Rules{}, day("2025-09-22"))
	ok(t, err)
	if got.Parties[0].Code != "91410771MA00AAA104" || got.Narrative != "一\n二\n三" || !slices.Equal(got.Numbers, []string{"202510999999.3", "99000001"}) ||
		got.Division != "410702" || got.Language != "zh" || got.Files[0].SHA256 != strings.Repeat("ab", 32) {
		t.Errorf("%+v", got)
	}
	again, _, err := Check(got, Rules{}, day("2025-09-22"))
	ok(t, err)
	if fmt.Sprintf("%+v", again) != fmt.Sprintf("%+v", got) {
		t.Errorf("checked twice: %+v", again)
	}
	if !slices.ContainsFunc(warnings, func(w Warning) bool { return w.Code == "short" }) {
		t.Errorf("warnings %+v", warnings)
	}
	unclear := Lodged{Kind: Unclear, Narrative: "有人在卖假货", Anonymous: true}
	if _, _, err := Check(unclear, Rules{}, day("2025-09-22")); err != nil {
		t.Errorf("who knows neither what nor who: %v", err)
	}
	longest := withoutName()
	longest.Narrative = strings.Repeat("举", 10_000)
	if _, _, err := Check(longest, Rules{}, day("2025-09-22")); err != nil {
		t.Errorf("10,000 characters: %v", err)
	}
}

// Domain reference D.4 and M: 行政处罚法 art. 36 flags and never refuses.
func TestLimitationIsFlaggedFromTheDayAfterTwoYears(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, occurred string
		continuing     bool
		warned         string
	}{
		{"ended 2023-09-01", "2023-09-01", false, "2025-09-01"},
		{"two years and a day", "2023-09-21", false, "2025-09-21"},
		{"two years to the day", "2023-09-22", false, ""},
		{"yesterday", "2025-09-21", false, ""},
		{"old, and it goes on", "2020-01-01", true, ""},
		{"not known when", "", false, ""},
	} {
		l := withoutName()
		l.Continuing = tt.continuing
		if tt.occurred != "" {
			l.OccurredOn = day(tt.occurred)
		}
		_, warnings, err := Check(l, Rules{}, day("2025-09-22"))
		ok(t, err)
		got := ""
		for _, w := range warnings {
			if w.Code == "limitation" {
				got = w.Args[0].(string)
				if w.Field != "occurredOn" || w.Basis == nil || w.Basis.Article != "第三十六条" {
					t.Errorf("%s: %+v", tt.name, w)
				}
			}
		}
		if got != tt.warned {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

func TestOtherChannelsAreHintedAt(t *testing.T) {
	t.Parallel()
	for text, code := range map[string]string{
		"我买到假货，商家不肯退款": "complaint", "I want a REFUND": "complaint", "我要申请行政复议": "petition",
		"我要提出信息公开申请": "question", "有局长收受好处，局长收了钱": "official",
	} {
		l := withoutName()
		l.Narrative = text
		_, warnings, err := Check(l, Rules{}, day("2026-06-01"))
		ok(t, err)
		if !slices.ContainsFunc(warnings, func(w Warning) bool { return w.Code == code && w.Basis != nil }) {
			t.Errorf("%q: %+v", text, warnings)
		}
	}
	l := withoutName()
	l.Reward = true
	_, warnings, err := Check(l, Rules{}, day("2026-06-01"))
	ok(t, err)
	if len(warnings) != 1 || warnings[0].Code != "reward" {
		t.Errorf("%+v", warnings)
	}
}

func TestRouteGoesByWhereTheActTookPlace(t *testing.T) {
	t.Parallel()
	to := generate(t).Recipient()
	units := Units{"410700": to, "410702": to, "410771": to, Discipline: to}
	for _, tt := range []struct {
		name           string
		l              Lodged
		division, unit string
	}{
		{"nothing said", Lodged{}, "410700", "410700"},
		{"chosen", Lodged{Division: "410702", Place: "牧野区"}, "410702", "410702"},
		{"place, no unit there", Lodged{Place: "新乡市牧野区示例路1号"}, "410711", "410700"},
		{"a zone by its address", Lodged{Place: "高新区示例路"}, "410771", "410771"},
		{"a town", Lodged{Place: "洪门镇示例村"}, "410702", "410702"},
		{"another city's zone", Lodged{Place: "郑州高新区示例路"}, "410700", "410700"},
		{"a former county", Lodged{Place: "长垣县"}, "410783", "410700"},
		{"the first place named", Lodged{Place: "红旗区，后来搬到牧野区"}, "410702", "410702"},
		{"a party's code", Lodged{Parties: []Party{{Name: "甲", Code: "91410702MA00AAC13T"}}}, "410702", "410702"},
		{"a code says nothing of a zone", Lodged{Parties: []Party{{Name: "甲", Code: "91410771MA00AAA104"}}}, "410700", "410700"},
		{"a party's name", Lodged{Parties: []Party{{Name: "新乡市红旗区虚构商行"}}}, "410702", "410702"},
		{"an official, said so", Lodged{Official: true, Division: "410702"}, "410700", Discipline},
		{"a government body by code", Lodged{Parties: []Party{{Name: "甲", Code: "11410700000000019U"}}}, "410700", Discipline},
		{"this bureau by name", Lodged{Parties: []Party{{Name: "虚构市市场监督管理局"}}}, "410700", Discipline},
		{"a sub-office", Lodged{Parties: []Party{{Name: "虚构镇监管所"}}}, "410700", Discipline},
		{"a firm whose name has such a word", Lodged{Parties: []Party{{Name: "虚构海关报关服务有限公司"}}}, "410700", "410700"},
		{"a firm's code decides over its name", Lodged{Parties: []Party{{Name: "知识产权局", Code: "91410702MA00AAC13T"}}}, "410702", "410702"},
	} {
		division, unit, err := Route(tt.l, units, Rules{}, "410700", day("2026-06-01"))
		if err != nil || division != tt.division || unit != tt.unit {
			t.Errorf("%s: %s, %s, %v", tt.name, division, unit, err)
		}
	}
}

func TestUnitKeysAreReadAndNeverQuoted(t *testing.T) {
	t.Parallel()
	a, b := generate(t), generate(t)
	units, err := ParseUnits("# 单位\n\n410700 " + a.Recipient().String() + "\n410700  " + b.Recipient().String() + "\ndiscipline " + b.Recipient().String() + "\n")
	ok(t, err)
	if len(units) != 2 || len(units["410700"].Keys()) != 2 {
		t.Errorf("%v", units)
	}
	ids, err := ParseIdentities("410702 " + a.Reveal())
	ok(t, err)
	if ids["410702"].Recipient().String() != a.Recipient().String() {
		t.Error("another identity")
	}
	for _, text := range []string{"", "410700", "999999 " + a.Recipient().String(), "410700 " + a.Reveal(), a.Reveal(), "410700 age1x"} {
		if _, err := ParseUnits(text); err == nil || strings.Contains(strings.ToUpper(err.Error()), "AGE-SECRET") {
			t.Errorf("%v", err)
		}
		if _, err := ParseIdentities(text); text != "410700 "+a.Reveal() && (err == nil || strings.Contains(strings.ToUpper(err.Error()), "AGE-SECRET")) {
			t.Errorf("%v", err)
		}
	}
}

func TestIntakeRefusesToStartWithoutItsKeys(t *testing.T) {
	t.Parallel()
	w := desk(t)
	good := IntakeConfig{Units: w.intake.units, Escrow: w.escrow.Recipient(), Custodian: w.custody.Recipient(), MAC: w.mac}
	for name, change := range map[string]func(*IntakeConfig){
		"short MAC":       func(c *IntakeConfig) { c.MAC = c.MAC[:31] },
		"no escrow":       func(c *IntakeConfig) { c.Escrow = seal.Recipient{} },
		"no custodian":    func(c *IntakeConfig) { c.Custodian = seal.Recipient{} },
		"no unit of city": func(c *IntakeConfig) { c.Units = Units{"410702": c.Escrow} },
	} {
		c := good
		change(&c)
		if _, err := NewIntake(w.j, w.keys, c); err == nil {
			t.Errorf("%s: started", name)
		}
	}
	if _, err := NewIntake(w.j, w.keys, good); err != nil {
		t.Error(err)
	}
}

// What is hashed for the receipt does not depend on who writes the JSON.
func TestDocumentIsCanonicalJSON(t *testing.T) {
	t.Parallel()
	l := withoutName()
	l.Narrative = `<a&b> "引号" \u 😀 ` + "\n\t"
	checked, _, err := Check(l, Rules{}, day("2026-06-01"))
	ok(t, err)
	doc, err := document(checked)
	ok(t, err)
	want := `{"anonymous":true,"kind":"abnormal-filing-agency","language":"zh","narrative":"<a&b> \"引号\" \\u 😀","numbers":["202510999999.3"],"parties":[{"name":"样例星河知识产权代理有限公司"}],"place":"新乡市红旗区示例路1号"}`
	if string(doc) != want {
		t.Errorf("got  %s\nwant %s", doc, want)
	}
	var back Lodged
	ok(t, json.Unmarshal(doc, &back))
	again, err := document(back)
	if err != nil || string(again) != string(doc) {
		t.Errorf("again %s, %v", again, err)
	}
}

func TestLikenessOfTexts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("甲乙丙丁戊己庚辛壬癸子丑寅卯")), 1, 600, -1).Draw(t, "text")
		a := featureOf(Lodged{Narrative: text}).grams
		b := featureOf(Lodged{Narrative: rapid.StringOfN(rapid.RuneFrom([]rune("天地玄黄宇宙洪荒")), 0, 600, -1).Draw(t, "other")}).grams
		if len(a) > 0 && like(a, a) != 100 {
			t.Fatalf("a text is %d like itself", like(a, a))
		}
		if like(a, b) != 0 || like(a, b) != like(b, a) {
			t.Fatalf("texts without a common character are %d alike", like(a, b))
		}
	})
}

func FuzzCheck(f *testing.F) {
	for _, l := range []Lodged{withName(), withoutName(), {}} {
		b, err := json.Marshal(l)
		ok(f, err)
		f.Add(b)
	}
	f.Add([]byte(`{"kind":"unclear","narrative":"\u2028<>&","anonymous":true,"numbers":["ZL201710601862.3"],"division":"红旗区","occurredOn":"2020-02-29"}`))
	today := day("2026-06-01")
	f.Fuzz(func(t *testing.T, body []byte) {
		var l Lodged
		if json.Unmarshal(body, &l) != nil {
			return
		}
		got, _, err := Check(l, Rules{}, today)
		if err != nil {
			if _, is := fault.Of(err); !is {
				t.Fatal(err)
			}
			return
		}
		doc, err := document(got)
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := Check(got, Rules{}, today)
		if err != nil {
			t.Fatalf("what was taken is refused: %v", err)
		}
		if twice, err := document(again); err != nil || string(twice) != string(doc) {
			t.Fatalf("%s\n%s\n%v", doc, twice, err)
		}
		if _, _, err := Route(got, Units{}, Rules{}, "410700", today); err != nil {
			t.Fatal(err)
		}
	})
}
