package linkage_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"ipcredit/shared/linkage"
	"ipcredit/shared/page"
	"ipcredit/shared/sheet"
)

func TestRowsOfAListAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		kind   linkage.Kind
		values map[string]string
		check  func(linkage.Entry) bool
	}{
		{"as in the template", linkage.Patent, nil, func(e linkage.Entry) bool {
			return e.ID == number(1) && e.Type == "invention" && !e.Person && e.Code == firm && e.State == linkage.Notified && e.Holder == linkage.Enterprise
		}},
		{"number behind ZL, without its dot, with spaces", linkage.Patent, map[string]string{"number": "ZL 2017 1 0601862 3"},
			func(e linkage.Entry) bool { return e.ID == "201710601862.3" }},
		{"number of the time before 2003", linkage.Patent, map[string]string{"number": "95115608.x"}, func(e linkage.Entry) bool { return e.ID == "95115608.X" }},
		{"several grounds, in the order of the order", linkage.Patent, map[string]string{"grounds": "ａｆ3、AF1，af3"},
			func(e linkage.Entry) bool { return slices.Equal(e.Grounds, []string{"AF1", "AF3"}) }},
		{"no agency by zeros", linkage.Patent, map[string]string{"agency": "００000"}, func(e linkage.Entry) bool { return e.Agency == linkage.NoAgency }},
		{"no agency by nothing", linkage.Patent, map[string]string{"agency": ""}, func(e linkage.Entry) bool { return e.Agency == "" }},
		{"division by name", linkage.Patent, map[string]string{"division": "高新区"}, func(e linkage.Entry) bool { return e.Division == "410771" }},
		{"a code that is no longer in force", linkage.Patent, map[string]string{"division": "410728"}, func(e linkage.Entry) bool { return e.Division == "410783" }},
		{"notified today", linkage.Patent, map[string]string{"notifiedAt": "2026-03-03", "replyBy": "2026-03-03"}, func(e linkage.Entry) bool { return e.On == day("2026-03-03") }},
		{"a person", linkage.Patent, map[string]string{"applicant": person, "applicantCode": "", "holder": "个人"}, func(e linkage.Entry) bool { return e.Person && e.Code == "" }},
		{"a person with an identity number, which is not kept", linkage.Patent, map[string]string{"applicant": person, "applicantCode": "41079919000101994X", "holder": "自然人"},
			func(e linkage.Entry) bool { return e.Person && !strings.Contains(fmt.Sprint(e), "41079919000101994X") }},
		{"an organisation without a code, known by its form", linkage.Patent, map[string]string{"applicantCode": ""}, func(e linkage.Entry) bool { return !e.Person }},
		{"a name that may be a person's, whatever the holder type says", linkage.Patent, map[string]string{"applicant": person, "applicantCode": ""},
			func(e linkage.Entry) bool { return e.Person }},
		{"a firm and a person together", linkage.Patent, map[string]string{"applicant": "新乡市虚构甲科技有限公司；" + person, "applicantCode": ""},
			func(e linkage.Entry) bool { return e.Person }},
		{"a mark in its class", linkage.Mark, map[string]string{"number": "第99000001号", "class": "第35类", "grounds": "TM32、TM4"},
			func(e linkage.Entry) bool {
				return e.ID == "99000001-35" && slices.Equal(e.Grounds, []string{"TM4", "TM32"})
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, problems := linkage.Parse(c.kind, row(c.kind, c.values), at("2026-03-03"))
			if len(problems) > 0 || !c.check(e) {
				t.Errorf("%+v %v", e, problems)
			}
		})
	}
}

func TestWrongRowsAreRefusedNamingFieldAndReason(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		kind        linkage.Kind
		values      map[string]string
		field, code string
		says        string // what the Chinese message must name
	}{
		{"wrong check digit", linkage.Patent, map[string]string{"number": "201710601862.4"}, "number", "ident.application.check", "3"},
		{"no check digit", linkage.Patent, map[string]string{"number": "201710601862"}, "number", "ident.application.no_check", ""},
		{"a publication number", linkage.Patent, map[string]string{"number": "CN107000000A"}, "number", "ident.application.publication", ""},
		{"no number", linkage.Patent, map[string]string{"number": ""}, "number", "sheet.required", "申请号"},
		{"letter in a credit code", linkage.Patent, map[string]string{"applicantCode": "91410771MA00AAA1O4"}, "applicantCode", "", ""},
		{"credit code of an individual", linkage.Patent, map[string]string{"holder": "个人"}, "applicantCode", "linkage.code_of_person", ""},
		{"identity number of a firm", linkage.Patent, map[string]string{"applicantCode": "41079919000101994X"}, "applicantCode", "linkage.person_code", ""},
		{"a ground that is none", linkage.Patent, map[string]string{"grounds": "AF9"}, "grounds", "linkage.grounds", "AF8"},
		{"a mark's ground for a patent", linkage.Patent, map[string]string{"grounds": "TM4"}, "grounds", "linkage.grounds", ""},
		{"a state that is none", linkage.Patent, map[string]string{"state": "已办"}, "state", "linkage.state", "视为撤回"},
		{"a state of our own work", linkage.Patent, map[string]string{"state": "contacted"}, "state", "linkage.state", ""},
		{"a holder that is none", linkage.Patent, map[string]string{"holder": "公司"}, "holder", "linkage.holder", "科研院所"},
		{"an unknown division", linkage.Patent, map[string]string{"division": "410799"}, "division", "ident.area.unknown", "410799"},
		{"the whole province", linkage.Patent, map[string]string{"division": "410000"}, "division", "linkage.division", ""},
		{"notified tomorrow", linkage.Patent, map[string]string{"notifiedAt": "2026-03-04"}, "notifiedAt", "linkage.future", "2026-03-04"},
		{"a day that does not exist", linkage.Patent, map[string]string{"notifiedAt": "2026-02-30"}, "notifiedAt", "", ""},
		{"notified before it was filed", linkage.Patent, map[string]string{"notifiedAt": "2024-12-31", "replyBy": ""}, "notifiedAt", "linkage.before_filing", "2025"},
		{"reply before the notice", linkage.Patent, map[string]string{"replyBy": "2026-03-01"}, "replyBy", "linkage.reply_before", ""},
		{"a state of before the notification", linkage.Patent, map[string]string{"state": "已撤回", "stateOn": "2026-03-01"}, "stateOn", "linkage.state_before", ""},
		{"a state of tomorrow", linkage.Patent, map[string]string{"state": "已撤回", "stateOn": "2026-03-04"}, "stateOn", "linkage.future", ""},
		{"an agency of four digits", linkage.Patent, map[string]string{"agency": "4199"}, "agency", "", ""},
		{"class 46", linkage.Mark, map[string]string{"class": "46"}, "class", "ident.trademark.class", ""},
		{"a name that turns its writing around", linkage.Patent, map[string]string{"applicant": "虚构\u202e甲公司"}, "applicant", "", ""},
		{"a list without end", linkage.Patent, map[string]string{"list": strings.Repeat("批", 61)}, "list", "linkage.long", "60"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, problems := linkage.Parse(c.kind, row(c.kind, c.values), at("2026-03-03"))
			if len(problems) != 1 || problems[0].Field != c.field || c.code != "" && problems[0].Code != c.code {
				t.Fatal(problems)
			}
			for _, lang := range []page.Lang{page.ZH, page.EN} {
				if says := page.Say(lang, "fault."+problems[0].Code, problems[0].Args...); strings.Contains(says, "%!") || lang == page.ZH && !strings.Contains(says, c.says) {
					t.Error(says)
				}
			}
		})
	}
}

func TestEveryChoiceAndWordHasItsSentenceInBothLanguages(t *testing.T) {
	t.Parallel()
	var keys []string
	for _, k := range linkage.Kinds {
		keys = append(keys, "kind."+string(k))
		column, _ := linkage.Schemas()[k].Column("grounds")
		if len(column.Choices) == 0 {
			t.Error("no grounds of", k)
		}
		for _, g := range column.Choices {
			keys = append(keys, "ground."+g)
		}
		if err := linkage.Schemas()[k].Validate(); err != nil {
			t.Error(err)
		}
	}
	for _, h := range linkage.Holders {
		keys = append(keys, "holder."+string(h))
	}
	for _, s := range linkage.States {
		keys = append(keys, "state."+string(s))
	}
	for _, m := range linkage.Methods {
		keys = append(keys, "method."+m)
	}
	for _, m := range linkage.MaterialKinds {
		keys = append(keys, "material."+string(m))
	}
	for _, r := range linkage.Reasons {
		keys = append(keys, "reason."+r)
	}
	for _, d := range linkage.Dimensions {
		keys = append(keys, "by."+string(d))
	}
	for _, e := range []string{linkage.LetterSent, linkage.ContactMade, linkage.Added, linkage.Reported, linkage.HandedOver, linkage.Forgotten} {
		keys = append(keys, "event."+e)
	}
	for _, c := range []string{linkage.NoticeClock, linkage.ActionClock, linkage.FeedbackClock, linkage.FollowClock} {
		keys = append(keys, "clock."+c)
	}
	for _, k := range keys {
		if !page.Has("linkage." + k) {
			t.Error("no words for linkage." + k)
		}
	}
}

// The columns are fixed by design §8.
func TestColumnsOfAbnormalApplicationsAreTheAgreedOnes(t *testing.T) {
	t.Parallel()
	var got []string
	for _, c := range linkage.Schemas()[linkage.Patent].Columns {
		name := c.Header
		if !c.Required {
			name = "[" + name + "]"
		}
		got = append(got, name)
	}
	want := "申请号, 申请人, [申请人代码], [代理机构代码], 情形, 批次, 通报日期, [答复期限], 状态, [状态日期], 区划代码, 权利人类型"
	if strings.Join(got, ", ") != want {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(true, "201710601862.3", "新乡市虚构甲科技有限公司", firm, "41990", "AF1、AF2", "2026年第1批", "2026-03-02", "2026-05-06", "通报", "", "410771", "企业")
	f.Add(false, "99000001", person, "", "", "TM4", "x", "2026/3/2", "", "视为撤回", "20260303", "红旗区", "个人")
	f.Fuzz(func(t *testing.T, patent bool, no, name, code, agency, ground, list, on, reply, state, stateOn, division, holder string) {
		kind := linkage.Patent
		values := map[string]string{
			"number": no, "applicant": name, "applicantCode": code, "agency": agency, "grounds": ground, "list": list,
			"notifiedAt": on, "replyBy": reply, "state": state, "stateOn": stateOn, "division": division, "holder": holder,
		}
		if !patent {
			kind = linkage.Mark
			values["class"] = "35"
		}
		now := at("2026-03-03")
		e, problems := linkage.Parse(kind, sheet.NewRow(linkage.Schemas()[kind], 1, values), now)
		if len(problems) > 0 {
			for _, p := range problems {
				if !page.Has("fault." + p.Code) {
					t.Fatal("no words for", p.Code)
				}
			}
			return
		}
		switch {
		case e.ID == "" || e.List == "" || e.Name == "" || len(e.Grounds) == 0 || e.State == "" || e.Holder == "" || e.Division == "":
			t.Fatalf("a good row lacks something: %+v", e)
		case e.On.IsZero() || e.On.After(day("2026-03-03")):
			t.Fatal("notified on", e.On)
		case !e.StateOn.IsZero() && e.StateOn.Before(e.On):
			t.Fatal("a state of", e.StateOn, "before", e.On)
		case strings.ContainsAny(e.List+e.Name, "\t\n\r\x1f"):
			t.Fatalf("%q %q", e.List, e.Name)
		}
		if back, err := linkage.ParseID(e.ID); err != nil || back != e.ID {
			t.Fatal("the id does not come back:", e.ID, back, err)
		}
		if e.Person && e.Code != "" {
			t.Fatal("a person with a credit code")
		}
	})
}
