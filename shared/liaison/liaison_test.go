package liaison

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ipcredit/shared/fault"
	"ipcredit/shared/ruleset"
	"ipcredit/shared/staff"
	"ipcredit/shared/workday"
)

func day(s string) workday.Date { return workday.MustDate(s) }

func department(name string) staff.Organization {
	return staff.Organization{ID: "x", Kind: staff.Department, Name: name, Divisions: []string{"410700"}}
}

func TestEachReceiverHasItsTemplate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		org  staff.Organization
		want string
	}{
		{department("新乡市科学技术局"), "science"},
		{department("新乡市科技和工业信息化局"), "science"},
		{department("新乡市教育局"), "education"},
		{department("新乡市卫生健康委员会"), "health"},
		{department("新乡市农业农村局"), "department"},
		{staff.Organization{Kind: staff.Court, Name: "样例人民法院"}, "court"},
		{staff.Organization{Kind: staff.Customs, Name: "样例海关"}, "customs"},
		{staff.Organization{Kind: staff.Police, Name: "样例公安局"}, "police"},
		{staff.Organization{Kind: staff.Association, Name: "样例知识产权保护协会"}, "association"},
		{staff.Organization{Kind: staff.Province, Name: "河南省知识产权局"}, "province"},
		{staff.Organization{Kind: staff.Subject, Name: "虚构甲科技有限公司"}, ""},
		{staff.Organization{Kind: staff.CreditService, Name: "样例征信服务有限公司"}, ""},
		{staff.Organization{Kind: staff.Subject, Name: "虚构教育科技有限公司"}, ""},
	} {
		got, ok := For(tt.org)
		if got.ID != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q, want %q", tt.org.Name, got.ID, tt.want)
		}
	}
}

// good is a letter to the template's receiver that says everything it may.
func good(t Template) map[string]string {
	values := map[string]string{
		"subject": "虚构甲科技有限公司", "code": "91410771MA00AAA104", "holder": "enterprise", "matter": "abnormal-application",
		"applications": "202510999999.3；202520999999.9", "marks": "99000001", "count": "2", "progress": "已通知撤回", "instrument": "新测市监函[2026]1号",
		"authority": "新乡市市场监督管理局", "instrumentOn": "2026-05-01", "agency": "样例星河知识产权代理有限公司", "agencyCode": "41990",
		"facts": "同日提交多件内容雷同的申请", "evidence": "通报清单", "amount": "5", "caseNumber": "410700-2026-1", "request": "请在项目评审中核实",
	}
	out := map[string]string{}
	for _, f := range t.Fields {
		out[f.ID] = values[f.ID]
	}
	return out
}

func TestLetterSaysWhatItsTemplateAllowsAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, tpl := range shipped {
		t.Run(tpl.ID, func(t *testing.T) {
			in := good(tpl)
			out, err := tpl.Check(in, day("2026-05-20"))
			if err != nil {
				t.Fatalf("a full letter: %v", err)
			}
			if len(out) != len(tpl.Fields) {
				t.Errorf("%d fields of %d", len(out), len(tpl.Fields))
			}
			if v := out["applications"]; v != "" && v != "202510999999.3\n202520999999.9" {
				t.Errorf("applications %q", v)
			}
			if v := out["instrument"]; v != "" && v != "新测市监函〔2026〕1号" {
				t.Errorf("instrument %q", v)
			}
			again, err := tpl.Check(out, day("2026-05-20"))
			if err != nil || len(again) != len(out) {
				t.Errorf("its own canonical form: %v", err)
			}
			all := map[string]bool{}
			for _, other := range shipped {
				for _, f := range other.Fields {
					all[f.ID] = true
				}
			}
			for id := range all {
				if tpl.Takes(id) {
					continue
				}
				more := good(tpl)
				more[id] = "x"
				_, err := tpl.Check(more, day("2026-05-20"))
				if f, ok := fault.Of(err); !ok || f.Kind != fault.Refused || !named(f, id, "liaison.field") {
					t.Errorf("with %s: %v", id, err)
				}
			}
			for _, f := range tpl.Fields {
				less := good(tpl)
				less[f.ID] = " "
				_, err := tpl.Check(less, day("2026-05-20"))
				if f.Required && err == nil {
					t.Errorf("without %s", f.ID)
				}
			}
			person := good(tpl)
			if tpl.Takes("holder") {
				person["holder"], person["subject"] = "person", "张样例"
				if !slices.ContainsFunc(tpl.Fields, func(f Field) bool { return f.ID == "code" && f.Required }) {
					person["code"] = ""
				}
				if _, err := tpl.Check(person, day("2026-05-20")); (err == nil) != tpl.Persons {
					t.Errorf("about a person: %v", err)
				}
			}
			if strings.Contains(strings.ToLower(tpl.ID+strings.Join(ids(tpl), " ")), "reporter") {
				t.Error("it has a field for a reporter")
			}
		})
	}
}

func ids(t Template) []string {
	var out []string
	for _, f := range t.Fields {
		out = append(out, f.ID)
	}
	return out
}

func named(f *fault.Error, field, code string) bool {
	return slices.ContainsFunc(f.Fields, func(x fault.Field) bool { return x.Name == field && x.Code == code })
}

func TestFieldsAreReadByTheirForm(t *testing.T) {
	t.Parallel()
	tpl, _ := TemplateOf("province")
	for _, tt := range []struct{ field, value, code string }{
		{"code", "91410771MA00AAA105", "uscc"},
		{"applications", "201710601862.4", "ident.application"},
		{"marks", "abc", "ident.trademark"},
		{"count", "-1", "liaison.count"},
		{"count", "1.5", "liaison.count"},
		{"matter", "gossip", "liaison.choice"},
		{"holder", "ghost", "liaison.choice"},
		{"agencyCode", "00000", "ident.agency.code"},
		{"facts", strings.Repeat("事", 4001), "liaison.long"},
		{"facts", "电话19900001234", "liaison.personal"},
		{"facts", "电话 199-0000-1234", "liaison.personal"},
		{"facts", "１９９００００１２３４", "liaison.personal"},
		{"facts", "a@example.com", "liaison.personal"},
		{"facts", "身份证410799190001019907", "liaison.personal"},
		{"facts", "方向\u202e", "ident.text.bidi"},
	} {
		in := good(tpl)
		in[tt.field] = tt.value
		_, err := tpl.Check(in, day("2026-05-20"))
		f, ok := fault.Of(err)
		if !ok || len(f.Fields) != 1 || f.Fields[0].Name != tt.field || !strings.Contains(f.Fields[0].Code, tt.code) {
			t.Errorf("%s=%q: %v", tt.field, tt.value, err)
		}
	}
	in := good(tpl)
	in["facts"] = strings.Repeat("事", 4000)
	if _, err := tpl.Check(in, day("2026-05-20")); err != nil {
		t.Errorf("4000 characters: %v", err)
	}
	court, _ := TemplateOf("court")
	for _, tt := range []struct {
		on string
		ok bool
	}{{"2026-05-20", true}, {"2026-05-21", false}, {"2026-02-30", false}} {
		in := good(court)
		in["instrumentOn"] = tt.on
		if _, err := court.Check(in, day("2026-05-20")); (err == nil) != tt.ok {
			t.Errorf("instrument of %s: %v", tt.on, err)
		}
	}
	in = good(court)
	in["instrument"] = "新测市监〔26〕1号"
	if _, err := court.Check(in, day("2026-05-20")); err == nil {
		t.Error("a year of two digits")
	}
}

func TestRegionIsAnothersDivision(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ code, want string }{
		{"420100", "420100"}, {"４２０１００", "420100"}, {"410100", "410100"},
		{"410711", ""}, {"410700", ""}, {"990100", ""}, {"4201", ""}, {"42010a", ""}, {"", ""},
	} {
		got, err := CheckRegion(tt.code, "410700")
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: %q, %v", tt.code, got, err)
		}
	}
}

func TestMedianIsOfWorkingDaysOnTheOfficialCalendar(t *testing.T) {
	t.Parallel()
	cal := workday.Official()
	share := func(sent, replied string) Turnaround {
		x := Turnaround{Kind: Outbound, Sent: day(sent)}
		if replied != "" {
			x.Replied = day(replied)
		}
		return x
	}
	gone := share("2026-05-06", "")
	gone.Withdrawn = true
	for _, tt := range []struct {
		name string
		list []Turnaround
		want string
		m    Metrics
	}{
		{"none", nil, "", Metrics{}},
		{"one open", []Turnaround{share("2026-05-06", "")}, "", Metrics{Sent: 1, Open: 1}},
		{"the same day", []Turnaround{share("2026-05-06", "2026-05-06")}, "0", Metrics{Sent: 1, Answered: 1}},
		{"over the labour holiday: 05-09 is worked", []Turnaround{share("2026-04-30", "2026-05-09")}, "4", Metrics{Sent: 1, Answered: 1, Halves: 8}},
		{"even number", []Turnaround{share("2026-05-11", "2026-05-12"), share("2026-05-11", "2026-05-15")}, "2.5", Metrics{Sent: 2, Answered: 2, Halves: 5}},
		{"odd, unsorted", []Turnaround{share("2026-05-11", "2026-05-29"), share("2026-05-11", "2026-05-12"), share("2026-05-11", "2026-05-13")}, "2", Metrics{Sent: 3, Answered: 3, Halves: 4}},
		{"withdrawn counts as sent only", []Turnaround{gone, share("2026-05-11", "2026-05-12")}, "1", Metrics{Sent: 2, Answered: 1, Halves: 2}},
		{"into a year without a calendar", []Turnaround{share("2026-12-31", "2027-01-05")}, "2", Metrics{Sent: 1, Answered: 1, Halves: 4, Provisional: true}},
		{"sent in the Spring Festival", []Turnaround{share("2026-02-16", "2026-02-24")}, "1", Metrics{Sent: 1, Answered: 1, Halves: 2}},
	} {
		got := Measure(append(tt.list, Turnaround{Kind: Inbound, Sent: day("2026-01-05"), Replied: day("2026-03-05")}, Turnaround{Kind: Outbound}), Outbound, cal)
		if got != tt.m || got.Median() != tt.want {
			t.Errorf("%s: %+v %q, want %+v %q", tt.name, got, got.Median(), tt.m, tt.want)
		}
	}
}

func TestMedianDoesNotDependOnTheOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		days := rapid.SliceOfN(rapid.IntRange(0, 60), 1, 30).Draw(t, "days")
		mixed := rapid.Permutation(days).Draw(t, "mixed")
		h := halves(days)
		if h != halves(mixed) {
			t.Fatal("order matters")
		}
		below, above := 0, 0
		for _, d := range days {
			if 2*d < h {
				below++
			}
			if 2*d > h {
				above++
			}
		}
		if 2*below > len(days) || 2*above > len(days) {
			t.Fatalf("%d below, %d above of %d", below, above, len(days))
		}
	})
}

func TestClocksOfALetter(t *testing.T) {
	t.Parallel()
	rules := Rules{ruleset.Shipped(), workday.Official()}
	l := Letter{Kind: Notice, Template: "science", State: Sent, Started: day("2026-04-29")}
	clocks, err := l.Clocks(rules, day("2026-05-20"))
	if err != nil || len(clocks) != 2 {
		t.Fatalf("%+v, %v", clocks, err)
	}
	// 04-30 and 05-06 are the two working days after 04-29; the tenth is 05-15,
	// for Saturday 05-09 is worked.
	if clocks[0].Name != ReceiptClock || clocks[0].Due != day("2026-05-06") || !clocks[0].Overdue(day("2026-05-07")) || clocks[0].Overdue(day("2026-05-06")) || !clocks[0].Labelled {
		t.Errorf("receipt %+v", clocks[0])
	}
	if clocks[1].Name != ReplyClock || clocks[1].Due != day("2026-05-15") || clocks[1].Overdue(day("2026-05-15")) {
		t.Errorf("reply %+v", clocks[1])
	}
	l.Template = "share-assistance"
	if clocks, _ = l.Clocks(rules, day("2026-05-20")); clocks[1].Due != day("2026-05-22") || !strings.HasPrefix(clocks[1].Rule, "liaison-assistance@") {
		t.Errorf("assistance %+v", clocks[1])
	}
	l.Template, l.State, l.Signed, l.Replied, l.AskedOn = "science", Asked, day("2026-05-06"), day("2026-05-11"), day("2026-05-12")
	if clocks, _ = l.Clocks(rules, day("2026-05-20")); clocks[0].Running() || !clocks[1].Running() || clocks[1].From != day("2026-05-12") {
		t.Errorf("asked again %+v", clocks)
	}
	for _, s := range []State{Withdrawn, Returned, Erased, Discarded} {
		l.State = s
		if clocks, _ = l.Clocks(rules, day("2026-05-20")); len(clocks) != 0 {
			t.Errorf("%s owes %+v", s, clocks)
		}
	}
	if _, err := (Letter{Started: day("2020-01-06"), State: Sent}).Clocks(Rules{ruleset.Shipped(), workday.Official()}, day("2020-01-07")); err == nil {
		t.Error("a letter of before the plan has a clock")
	}
}

// TestEveryOpenStateHasAWayOn: a letter that is not at an end has somebody who can
// do something, and every end can be erased but never taken further.
func TestEveryOpenStateHasAWayOn(t *testing.T) {
	t.Parallel()
	for _, k := range []Kind{Notice, Outbound, Inbound} {
		start := Draft
		if k == Inbound {
			start = Arrived
		}
		reached := []State{start}
		for i := 0; i < len(reached); i++ {
			s := reached[i]
			steps := Letter{Kind: k, State: s}.Next()
			if s.Open() && len(steps) == 0 {
				t.Errorf("%s in %s has no way on", k, s)
			}
			for _, step := range steps {
				m, _ := find(k, s, step)
				if !s.Open() && step != Erase && step != Withdraw {
					t.Errorf("%s in %s goes on by %s", k, s, step)
				}
				if k == Outbound && m.by == receiver {
					t.Errorf("%s waits for somebody outside to press a button", step)
				}
				if !slices.Contains(reached, m.to) {
					reached = append(reached, m.to)
				}
			}
		}
		for _, s := range reached {
			if !slices.Contains(States(), s) {
				t.Errorf("state %s is on no list", s)
			}
		}
	}
}

func TestMandateCoversItsKindDivisionAndDays(t *testing.T) {
	t.Parallel()
	m := Mandate{ID: "m1", From: day("2026-01-01"), To: day("2026-12-31"), Kinds: []string{"unlicensed-agency"}, Divisions: []string{"410700"}, ApprovedBy: "u2"}
	later := m
	later.ID, later.To = "m2", day("2027-12-31")
	ended := later
	ended.ID, ended.Ended = "m3", day("2026-06-01")
	waiting := later
	waiting.ID, waiting.ApprovedBy = "m4", ""
	for _, tt := range []struct {
		name, kind, division, on string
		mandate                  Mandate
		want                     bool
	}{
		{"first day", "unlicensed-agency", "410700", "2026-01-01", m, true},
		{"day before", "unlicensed-agency", "410700", "2025-12-31", m, false},
		{"last day", "unlicensed-agency", "410700", "2026-12-31", m, true},
		{"day after", "unlicensed-agency", "410700", "2027-01-01", m, false},
		{"another kind", "agency-misconduct", "410700", "2026-05-01", m, false},
		{"a district under the city", "unlicensed-agency", "410711", "2026-05-01", m, false},
		{"day before it was ended", "unlicensed-agency", "410700", "2026-05-31", ended, true},
		{"day it was ended", "unlicensed-agency", "410700", "2026-06-01", ended, false},
		{"not approved", "unlicensed-agency", "410700", "2026-05-01", waiting, false},
	} {
		if got := tt.mandate.Covers(tt.kind, tt.division, day(tt.on)); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

func FuzzCheckText(f *testing.F) {
	for _, s := range []string{"请核实", "19900001234", "1-9-9", "４８２１ ０９３７ ５５１６", "a@b.cd"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if CheckText(s, 100) == nil && len([]rune(s)) > 100 {
			t.Error("too long")
		}
	})
}
