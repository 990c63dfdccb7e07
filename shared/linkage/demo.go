package linkage

import (
	"fmt"

	"ipcredit/shared/ident"
	"ipcredit/shared/workday"
)

// DemoList is one list of the demonstration city, as the table that a batch of its
// kind takes: everything in it is fictitious (domain reference L).
type DemoList struct {
	Kind   Kind
	Header []string
	Rows   [][]string
}

// demoDivisions are the divisions of the demonstration, the pilots first.
var demoDivisions = []string{"410771", "410772", "410702", "410711", "410781", "410783"}

// demoFirms are those of domain reference L, by division.
var demoFirms = map[string][2]string{
	"410771": {"新乡市虚构甲科技有限公司", "91410771MA00AAA104"},
	"410772": {"新乡市演示黄河食品有限公司", "91410772MA00AAB17X"},
	"410702": {"新乡市样例星河知识产权代理有限公司", "91410702MA00AAC13T"},
	"410711": {"新乡市虚构丁机械有限公司", "91410711MA00AAD1X2"},
	"410781": {"卫辉市虚构戊材料有限公司", "91410781MA00AAE16W"},
	"410783": {"长垣市虚构己起重机械有限公司", "91410783MA00AAF123"},
}

// demoRates are how many of the hundred applications of each list are withdrawn,
// deemed withdrawn, rejected, accepted as normal and explained; the rest has no
// outcome. Withdrawn of what is left in the denominator: 90 of 100 and 90 of 99
// reach the target, 89 of 99 (89.89 %) and the others do not.
var demoRates = [][5]int{
	{90, 5, 2, 0, 3},
	{89, 6, 3, 1, 1},
	{90, 4, 3, 1, 2},
	{95, 2, 1, 0, 1},
	{72, 8, 4, 2, 6},
	{20, 0, 0, 0, 10},
}

// Demo are the lists of the demonstration city as they stand on a day: 600
// applications in six lists with rates on both sides of 90 %, and one list of
// marks. The same day gives the same lists, so that loading them again changes
// nothing.
func Demo(today workday.Date) []DemoList {
	patents := DemoList{Kind: Patent, Header: headers(Patent)}
	n := 0
	for list, rates := range demoRates {
		on := today.AddDays(-45 * (len(demoRates) - list))
		var rows []State
		for i, s := range []State{Withdrawn, Deemed, Rejected, Accepted, Explained} {
			for range rates[i] {
				rows = append(rows, s)
			}
		}
		for i := range 100 {
			state, stateOn := Notified, on
			if i < len(rows) {
				state, stateOn = rows[i], on.AddDays(10+i%30)
			}
			// States are mixed among divisions and agencies, each its own way.
			division := demoDivisions[(i*7+list)%len(demoDivisions)]
			firm := demoFirms[division]
			v := map[string]string{
				"number": DemoNumber(n), "applicant": firm[0], "applicantCode": firm[1], "agency": fmt.Sprintf("4199%d", (i*3+list)%10),
				"grounds": fmt.Sprintf("AF%d", 1+(i+list)%8), "list": fmt.Sprintf("演示%d年第%d批", on.Year(), list+1), "notifiedAt": on.String(),
				"replyBy": on.AddDays(60).String(), "state": states.Offer(state), "stateOn": stateOn.String(), "division": division, "holder": "企业",
			}
			switch i % 10 {
			case 3:
				v["applicant"], v["applicantCode"], v["holder"] = "演示大学", "12410000000000027F", "高校"
			case 6:
				v["applicant"], v["applicantCode"], v["holder"] = []string{"张样例", "李演示", "王测试", "赵虚构"}[i/10%4], "", "个人"
			}
			patents.Rows = append(patents.Rows, rowOfValues(Patent, v))
			n++
		}
	}
	marks := DemoList{Kind: Mark, Header: headers(Mark)}
	on := today.AddDays(-20)
	for i := range 20 {
		division := demoDivisions[i%len(demoDivisions)]
		firm := demoFirms[division]
		state, stateOn := Notified, on
		if i%3 == 0 {
			state, stateOn = Withdrawn, on.AddDays(7)
		}
		marks.Rows = append(marks.Rows, rowOfValues(Mark, map[string]string{
			"number": fmt.Sprint(99_000_101 + i), "class": fmt.Sprint(1 + i%45), "applicant": firm[0], "applicantCode": firm[1], "agency": "91410702MA00AAC13T",
			"grounds": []string{"TM4", "TM32", "TM15"}[i%3], "list": fmt.Sprintf("演示%d年商标第1批", on.Year()), "notifiedAt": on.String(),
			"replyBy": on.AddDays(30).String(), "state": states.Offer(state), "stateOn": stateOn.String(), "division": division, "holder": "企业",
		}))
	}
	return []DemoList{patents, marks}
}

// DemoLong is one fictitious list of n applications as it stands on a day, for
// measuring: twelve lists of a year, all divisions of the demonstration, ten
// agencies, a fifth of the applicants natural persons with ten applications each.
func DemoLong(n int, today workday.Date) DemoList {
	out := DemoList{Kind: Patent, Header: headers(Patent)}
	for i := range n {
		division := demoDivisions[i%len(demoDivisions)]
		v := map[string]string{
			"number": DemoNumber(i), "applicant": fmt.Sprintf("新乡市虚构第%d科技有限公司", i%997), "agency": fmt.Sprintf("4199%d", i%10),
			"grounds": fmt.Sprintf("AF%d", 1+i%8), "list": fmt.Sprintf("测量第%d批", 1+i%12), "notifiedAt": today.AddDays(-60 - 30*(i%12)).String(),
			"state": states.Offered[i%5], "division": division, "holder": "企业",
		}
		if i%5 == 0 {
			v["applicant"], v["holder"] = fmt.Sprintf("张样例%d", i/50), "个人"
		}
		out.Rows = append(out.Rows, rowOfValues(Patent, v))
	}
	return out
}

// DemoNumber is the i-th fictitious patent application, of a serial that CNIPA
// does not reach, with its check character.
func DemoNumber(i int) string {
	body := fmt.Sprintf("2024%d%07d", 1+i%3, 9_990_000-i)
	for _, check := range "0123456789X" {
		if a, err := ident.ParseApplication(body + "." + string(check)); err == nil {
			return a.Number
		}
	}
	return ""
}

func headers(k Kind) []string {
	var out []string
	for _, c := range schemas[k].Columns {
		out = append(out, c.Header)
	}
	return out
}

func rowOfValues(k Kind, values map[string]string) []string {
	var out []string
	for _, c := range schemas[k].Columns {
		out = append(out, values[c.Field])
	}
	return out
}
