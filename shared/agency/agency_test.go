package agency

import (
	"encoding/json"
	"ipcredit/shared/subject"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/fault"
	"ipcredit/shared/page"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/sheet"
	"ipcredit/shared/workday"

	"pgregory.net/rapid"
)

var today = workday.MustDate("2026-06-01")

func points(t *testing.T, s string) Points {
	t.Helper()
	p, err := ParsePoints(s)
	if err != nil {
		t.Fatal(s, err)
	}
	return p
}

func TestGradesOnBothSidesOfEachBoundary(t *testing.T) {
	t.Parallel()
	tests := []struct {
		deductions, bonus, score, grade, arithmetic string
	}{
		{"0", "0", "100", "A", "100 − 0 + 0 = 100"},
		{"10", "0", "90", "A", "100 − 10 + 0 = 90"},
		{"10.1", "0", "89.9", "B", "100 − 10.1 + 0 = 89.9"},
		{"10.000001", "0", "89.999999", "B", "100 − 10.000001 + 0 = 89.999999"},
		{"20", "0", "80", "B", "100 − 20 + 0 = 80"},
		{"20.01", "0", "79.99", "C", "100 − 20.01 + 0 = 79.99"},
		{"40", "0", "60", "C", "100 − 40 + 0 = 60"},
		{"40.01", "0", "59.99", "D", "100 − 40.01 + 0 = 59.99"},
		{"41", "0", "59", "D", "100 − 41 + 0 = 59"},
		{"60", "0", "40", "D", "100 − 60 + 0 = 40"},
		{"100", "0", "0", "D", "100 − 100 + 0 = 0"},
		{"140", "5", "0", "D", "max(0, 100 − 140 + 5) = 0"},
		{"0", "6", "106", "A+", "100 − 0 + 6 = 106"},
		{"0", "0.01", "100.01", "A+", "100 − 0 + 0.01 = 100.01"},
		{"6", "6", "100", "A", "100 − 6 + 6 = 100"},
		{"0", "10", "110", "A+", "100 − 0 + 10 = 110"},
		{"40", "14", "70", "C", "100 − 40 + min(14, 10) = 70"},
		{"0", "14", "110", "A+", "100 − 0 + min(14, 10) = 110"},
		{"15", "5", "90", "A", "100 − 15 + 5 = 90"},
	}
	for _, tt := range tests {
		r, err := Rate(ruleset.Shipped(), today, points(t, tt.deductions), points(t, tt.bonus))
		if err != nil || r.Score.String() != tt.score || r.Grade != tt.grade || r.Arithmetic != tt.arithmetic {
			t.Errorf("%s, %s: %v %s %q %v, want %s %s %q", tt.deductions, tt.bonus, r.Score, r.Grade, r.Arithmetic, err, tt.score, tt.grade, tt.arithmetic)
		}
	}
	r, _ := Rate(ruleset.Shipped(), today, points(t, "20.01"), 0)
	if b, _ := json.Marshal(r); !strings.HasPrefix(string(b), `{"score":79.99,"grade":"C","arithmetic":"100 − 20.01 + 0 = 79.99","basis":[{"source":`) {
		t.Errorf("%s", b)
	}
	if _, err := Rate(ruleset.Shipped(), workday.MustDate("2023-04-30"), 0, 0); !fault.Is(err, fault.Refused) {
		t.Errorf("the rule is in force from 2023-05-01: %v", err)
	}
	if _, err := Rate(ruleset.Shipped(), workday.MustDate("2023-05-01"), 0, 0); err != nil {
		t.Error(err)
	}
}

func TestTheConservativeReadingOfBonusIsOneRuleVersionAway(t *testing.T) {
	t.Parallel()
	old, _ := ruleset.For("agency-bonus", today)
	strict := old
	strict.Params = json.RawMessage(`{"bonusOnlyForA": true}`)
	set, err := ruleset.Shipped().With(strict)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ deductions, grade, score string }{{"15", "B", "85"}, {"10", "A", "95"}, {"0", "A+", "105"}} {
		r, err := Rate(set, today, points(t, tt.deductions), points(t, "5"))
		if err != nil || r.Grade != tt.grade || r.Score.String() != tt.score {
			t.Errorf("%s: %+v %v", tt.deductions, r, err)
		}
	}
}

func TestADeductionDropsOutAfterItsPeriod(t *testing.T) {
	t.Parallel()
	list := []Deduction{{points(t, "40"), workday.MustDate("2025-06-01")}, {points(t, "0.5"), workday.MustDate("2026-01-15")}}
	for day, want := range map[string]string{"2025-05-31": "0", "2025-06-01": "40", "2026-06-01": "40.5", "2026-06-02": "0.5", "2027-01-15": "0.5", "2027-01-16": "0"} {
		if got, err := Counting(ruleset.Shipped(), list, workday.MustDate(day)); err != nil || got.String() != want {
			t.Errorf("on %s: %v %v, want %s", day, got, err, want)
		}
	}
}

func TestPointsAreExact(t *testing.T) {
	t.Parallel()
	for in, code := range map[string]string{
		"": "agency.points_form", "-1": "agency.points_form", "+1": "agency.points_form", "1e2": "agency.points_form", ".5": "agency.points_form",
		"1.": "agency.points_form", "NaN": "agency.points_form", "1.0000001": "agency.points_decimals", "1000001": "agency.points_range",
		"99999999999999999999": "agency.points_range", "1000000.000001": "agency.points_range",
	} {
		if _, err := ParsePoints(in); err == nil {
			t.Errorf("%q read", in)
		} else if f, ok := fault.Of(err); !ok || f.Code != code || !page.Has("fault."+code) {
			t.Errorf("%q: %v", in, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		p := Points(rapid.Int64Range(0, maxPoints).Draw(t, "p"))
		if q, err := ParsePoints(p.String()); err != nil || q != p {
			t.Fatalf("%d: %s %v", p, p, err)
		}
	})
}

func TestMoreDeductionsNeverRaiseAGrade(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Points { return Points(rapid.Int64Range(0, 150*onePoint).Draw(t, name)) }
		a, b, bonus := draw("a"), draw("b"), draw("bonus")
		x, err1 := Rate(ruleset.Shipped(), today, min(a, b), bonus)
		y, err2 := Rate(ruleset.Shipped(), today, max(a, b), bonus)
		if err1 != nil || err2 != nil || x.Score < y.Score || slices.Index(grades, x.Grade) > slices.Index(grades, y.Grade) {
			t.Fatalf("%v %v", x, y)
		}
	})
}

var (
	now       = today.Start().Add(12 * time.Hour)
	goodOne   = map[string]string{"code": "41990", "name": "样例星河知识产权代理有限公司", "creditCode": "91410772MA00AAB17X", "district": "410772", "state": "正常", "grade": "Ａ＋", "gradeOn": "2026/4/1"}
	goodAgent = map[string]string{"qualification": "4199001", "name": "李演示", "licence": "41990990018", "agency": "41990", "state": "执业"}
)

func changed(good, changes map[string]string) map[string]string {
	m := maps.Clone(good)
	maps.Copy(m, changes)
	return m
}

func TestReadsRowsOfAgenciesAndAgents(t *testing.T) {
	t.Parallel()
	a, problems := Parse(sheet.NewRow(AgencyColumns, 1, goodOne), now)
	if len(problems) > 0 || a.Code != "41990" || a.State != Active || a.Grade == nil || a.Grade.Grade != "A+" || a.Grade.On.String() != "2026-04-01" || a.Grade.Source == "" {
		t.Errorf("%+v %v", a, problems)
	}
	if s := a.Subject(); s.Code != a.CreditCode || s.Name != a.Name || s.District != "410772" {
		t.Errorf("%+v", s)
	}
	if a, problems := Parse(sheet.NewRow(AgencyColumns, 1, changed(goodOne, map[string]string{"grade": "", "gradeOn": ""})), now); len(problems) > 0 || a.Grade != nil {
		t.Errorf("%+v %v", a, problems)
	}
	// 长垣县 became 长垣市: the old code and the old name lead to the new code.
	for _, district := range []string{"410728", "长垣县", "410783"} {
		a, problems := Parse(sheet.NewRow(AgencyColumns, 1, changed(goodOne, map[string]string{"district": district})), now)
		if len(problems) > 0 || a.District != "410783" {
			t.Errorf("%s: %+v %v", district, a, problems)
		}
	}
	g, problems := ParseAgent(sheet.NewRow(AgentColumns, 1, goodAgent))
	if len(problems) > 0 || g.Qualification != "4199001" || g.Licence != "41990990018" || g.State != Active {
		t.Errorf("%+v %v", g, problems)
	}
}

func TestRefusesRowsNamingTheField(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		agent   bool
		changes map[string]string
		field   string
		code    string
	}{
		{"no agency", false, map[string]string{"code": "00000"}, "code", "ident.agency.code"},
		{"check digit", false, map[string]string{"creditCode": "91410772MA00AAB171"}, "creditCode", "ident.uscc.check"},
		{"unknown district", false, map[string]string{"district": "999999"}, "district", "ident.area.unknown"},
		{"the whole province", false, map[string]string{"district": "410000"}, "district", "agency.district"},
		{"unknown state", false, map[string]string{"state": "装修"}, "state", "agency.state"},
		{"no state", false, map[string]string{"state": ""}, "state", "sheet.required"},
		{"grade E", false, map[string]string{"grade": "E"}, "grade", "agency.grade"},
		{"grade without date", false, map[string]string{"gradeOn": ""}, "gradeOn", "agency.grade_date_missing"},
		{"date without grade", false, map[string]string{"grade": ""}, "grade", "agency.grade_missing"},
		{"grade of tomorrow", false, map[string]string{"gradeOn": "2026-06-02"}, "gradeOn", "agency.grade_future"},
		{"grade before the rule", false, map[string]string{"gradeOn": "2023-04-30"}, "gradeOn", "agency.grade_before"},
		{"grade of 30 February", false, map[string]string{"gradeOn": "2026-02-30"}, "gradeOn", "sheet.date"},
		{"qualification of six digits", true, map[string]string{"qualification": "419900"}, "qualification", "ident.agency.qualification"},
		{"licence of another agency", true, map[string]string{"licence": "41991990018"}, "licence", "ident.agency.licence_agency"},
		{"licence of another agent", true, map[string]string{"licence": "41990990028"}, "licence", "ident.agency.licence_qualification"},
		{"unknown state of an agent", true, map[string]string{"state": "?"}, "state", "agency.state"},
	} {
		var problems []sheet.Problem
		if tt.agent {
			_, problems = ParseAgent(sheet.NewRow(AgentColumns, 1, changed(goodAgent, tt.changes)))
		} else {
			_, problems = Parse(sheet.NewRow(AgencyColumns, 1, changed(goodOne, tt.changes)), now)
		}
		if len(problems) != 1 || problems[0].Field != tt.field || problems[0].Code != tt.code {
			t.Errorf("%s: %v, want %s at %s", tt.name, problems, tt.code, tt.field)
			continue
		}
		if strings.HasPrefix(tt.code, "agency.") {
			for _, lang := range []page.Lang{page.ZH, page.EN} {
				if s := page.Say(lang, "fault."+tt.code, problems[0].Args...); strings.Contains(s, "%!") || strings.Contains(s, "〔fault") ||
					tt.code == "agency.grade_before" && !strings.Contains(s, "2023-05-01") {
					t.Errorf("%s: %s", tt.name, s)
				}
			}
		}
	}
}

func TestTheExamplesOfTheTemplatesAreGood(t *testing.T) {
	t.Parallel()
	example := func(s sheet.Schema) sheet.Row {
		m := map[string]string{}
		for _, c := range s.Columns {
			m[c.Field] = c.Example
		}
		return sheet.NewRow(s, 1, m)
	}
	if _, problems := Parse(example(AgencyColumns), now); len(problems) > 0 {
		t.Error(problems)
	}
	if _, problems := ParseAgent(example(AgentColumns)); len(problems) > 0 {
		t.Error(problems)
	}
}

func FuzzRows(f *testing.F) {
	f.Add("41990", "样例", "91410772MA00AAB17X", "410772", "正常", "A", "2026-04-01", "4199001", "41990990018")
	f.Fuzz(func(t *testing.T, code, name, creditCode, district, state, grade, on, qualification, licence string) {
		a, problems := Parse(sheet.NewRow(AgencyColumns, 1, map[string]string{"code": code, "name": name, "creditCode": creditCode,
			"district": district, "state": state, "grade": grade, "gradeOn": on}), now)
		if len(problems) == 0 && (a.Code == "" || a.CreditCode == "" || a.State == "") {
			t.Fatalf("%+v", a)
		}
		g, problems := ParseAgent(sheet.NewRow(AgentColumns, 1, map[string]string{"qualification": qualification, "name": name,
			"licence": licence, "agency": code, "state": state}))
		if len(problems) == 0 && (g.Qualification == "" || g.Agency == "") {
			t.Fatalf("%+v", g)
		}
	})
}

func TestAnAgencyRowKeepsWhatOnlyTheSubjectRegisterKnows(t *testing.T) {
	t.Parallel()
	without := true
	old := subject.Subject{Code: "91410772MA00AAB17X", Name: "新乡市样例星河知识产权代理有限公司", Kind: "agency", District: "410772", NoIPDepartment: &without}
	merged := subject.Merge(&old, Agency{Code: "41990", Name: old.Name, CreditCode: old.Code, District: "410772"}.Subject())
	if merged.Kind != "agency" || merged.NoIPDepartment == nil || !*merged.NoIPDepartment {
		t.Errorf("%+v", merged)
	}
}
