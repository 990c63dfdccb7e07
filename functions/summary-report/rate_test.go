package function

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/linkage"
	"ipcredit/shared/redistest"
)

// The fixed interface (design §8).
func TestWithdrawalRateIsTheAgreedDocument(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		empty := c.get("/withdrawal-rate")
		if empty.StatusCode != http.StatusOK || !strings.Contains(empty.body, `"notified":0`) || !strings.Contains(empty.body, `"rate":null,"reached":null`) {
			t.Fatal(empty.StatusCode, empty.body)
		}
		c.cohort(0, 10, 9, nil)
		c.put(linkage.Patent,
			application(100, map[string]string{"state": "认定正常"}), application(101, map[string]string{"state": "视为撤回", "division": "410702"}),
			application(102, map[string]string{"state": "驳回", "division": "410702"}),
			application(103, map[string]string{"applicant": canary, "applicantCode": "", "holder": "个人", "division": "410702", "notifiedAt": "2026-05-07", "replyBy": ""}))
		c.put(linkage.Mark, map[string]string{
			"number": "99000001", "class": "35", "applicant": "新乡市虚构甲科技有限公司", "grounds": "TM4", "list": "第1批", "notifiedAt": "2026-03-02",
			"state": "通报", "division": "410771", "holder": "企业",
		})
		for _, x := range []struct{ name, query, want string }{
			{"the city", "", `"notified":13,"withdrawn":9,"deemedWithdrawn":1,"rejected":1,"acceptedAsNormal":1,"rate":0.6923,"reached":false`},
			{"the city by its code", "?district=410700", `"notified":13,"withdrawn":9,"deemedWithdrawn":1,"rejected":1,"acceptedAsNormal":1,"rate":0.6923,"reached":false`},
			{"a zone, exactly nine of ten", "?district=410771", `"notified":10,"withdrawn":9,"deemedWithdrawn":0,"rejected":0,"acceptedAsNormal":1,"rate":0.9,"reached":true`},
			{"a district by name", "?district=%E7%BA%A2%E6%97%97%E5%8C%BA", `"notified":3,"withdrawn":0,"deemedWithdrawn":1,"rejected":1,"acceptedAsNormal":0,"rate":0,"reached":false`},
			{"a district without any", "?district=410783", `"notified":0,"withdrawn":0,"deemedWithdrawn":0,"rejected":0,"acceptedAsNormal":0,"rate":null,"reached":null`},
			{"an old code", "?district=410728", `"notified":0,"withdrawn":0,"deemedWithdrawn":0,"rejected":0,"acceptedAsNormal":0,"rate":null,"reached":null`},
			{"until the day before", "?to=2026-03-01", `"notified":0,"withdrawn":0,"deemedWithdrawn":0,"rejected":0,"acceptedAsNormal":0,"rate":null,"reached":null`},
			{"that day alone", "?from=2026-03-02&to=2026-03-02", `"notified":12,"withdrawn":9,"deemedWithdrawn":1,"rejected":1,"acceptedAsNormal":1,"rate":0.75,"reached":false`},
			{"from the day after", "?from=2026-03-03", `"notified":1,"withdrawn":0,"deemedWithdrawn":0,"rejected":0,"acceptedAsNormal":0,"rate":0,"reached":false`},
		} {
			a := c.get("/withdrawal-rate" + x.query)
			if want := `{"asOf":"2026-06-10T04:00:00Z",` + x.want + "}"; strings.TrimSpace(a.body) != want {
				t.Errorf("%s: %s\nnot %s", x.name, a.body, want)
			}
			if strings.Contains(a.body, canary) {
				t.Error("a name is told")
			}
		}
	})
}

func TestRatesJustBelowTheTargetAreNotRoundedUp(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	c.cohort(0, 1999, 1799, nil)
	c.cohort(5000, 199, 179, map[string]string{"division": "410702"})
	c.cohort(6000, 19, 17, map[string]string{"division": "410772"})
	for district, want := range map[string]string{
		"410771": `"rate":0.8999,"reached":false`, "410702": `"rate":0.8994,"reached":false`, "410772": `"rate":0.8947,"reached":false`,
		// Σ/Σ: 1995 of 2217, not the mean of the districts.
		"410700": `"rate":0.8998,"reached":false`,
	} {
		if a := c.get("/withdrawal-rate?district=" + district); !strings.Contains(a.body, want) {
			t.Error(district, a.body)
		}
	}
	page := c.page("lead.statistics", "/?district=410771")
	if !strings.Contains(page.body, "89.9 %") || strings.Contains(page.body, "90.0 %") || strings.Contains(page.body, "90 %") || !strings.Contains(page.body, "未达到") {
		t.Error("the page rounds up")
	}
	// One more is enough.
	c.put(linkage.Patent, application(1799, map[string]string{"state": "已撤回", "stateOn": "2026-06-10"}))
	if a := c.get("/withdrawal-rate?district=410771"); !strings.Contains(a.body, `"withdrawn":1800`) || !strings.Contains(a.body, `"rate":0.9004,"reached":true`) {
		t.Error(a.body)
	}
}

func TestWrongQuestionsAreRefusedNamingTheParameter(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	for _, x := range []struct{ query, field string }{
		{"district=410799", "district"}, {"district=410000", "district"}, {"district=x", "district"}, {"district=330100", "district"},
		{"from=2026-02-30", "from"}, {"from=yesterday", "from"}, {"to=2026-13-01", "to"}, {"to=20260301x", "to"},
		{"from=2026-03-02&to=2026-03-01", "to"}, {"distrct=410771", "distrct"}, {"agency=41990", "agency"}, {"district=410771&district=410772", "district"},
	} {
		c.get("/withdrawal-rate?"+x.query).refusedFor(t, http.StatusBadRequest, x.field)
	}
	for _, query := range []string{"", "district=", "from=&to=", "from=2026-03-01&to=2026-03-01", "lang=en"} {
		if a := c.get("/withdrawal-rate?" + query); a.StatusCode != http.StatusOK {
			t.Error(query, a.body)
		}
	}
}

func TestFiguresAreAskedAgainOnlyWhenTheyChange(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	c.cohort(0, 3, 1, nil)
	first := c.get("/withdrawal-rate")
	tag := first.Header.Get("ETag")
	c.clock.Pass(1e12)
	if a := c.get("/withdrawal-rate", "If-None-Match", tag); a.StatusCode != http.StatusNotModified {
		t.Error(a.StatusCode, "though nothing changed")
	}
	c.put(linkage.Patent, application(2, map[string]string{"state": "已撤回"}))
	if a := c.get("/withdrawal-rate", "If-None-Match", tag); a.StatusCode != http.StatusOK || !strings.Contains(a.body, `"withdrawn":2`) {
		t.Error("an old figure is told", a.StatusCode, a.body)
	}
	if first.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Error("no other site may ask")
	}
}

func TestThreat_FiguresOfSingleAgenciesAreForOfficers(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	c.demo()
	for _, path := range []string{"/", "/pending", "/withdrawal-rate", "/?agency=41990"} {
		a := c.page("", path)
		if a.StatusCode != http.StatusSeeOther {
			t.Error(path, a.StatusCode)
		}
		if strings.Contains(a.body, "41993") {
			t.Error("an agency's figure is told to strangers")
		}
	}
	for _, path := range []string{"/", "/pending"} {
		if a := c.get(path); a.StatusCode != http.StatusUnauthorized {
			t.Error(path, a.StatusCode)
		}
		if a := c.page("hongqi.handler", path); a.StatusCode != http.StatusForbidden {
			t.Error(path, a.StatusCode, "for somebody who counts nothing")
		}
	}
	all := c.page("lead.statistics", "/")
	for _, want := range []string{"高新技术产业开发区", "演示2025年第1批", "41993", "企业", "高校", "2025", "撤回率低于目标", "新知战联办〔2022〕8号"} {
		if !strings.Contains(all.body, want) {
			t.Error("the page lacks", want)
		}
	}
	own := c.page("gaoxin.approver", "/")
	if own.StatusCode != http.StatusOK || strings.Contains(own.body, "卫辉市") && strings.Contains(own.body, ">卫辉市</a></th>") {
		t.Error("another division's figures", own.StatusCode)
	}
	narrow := c.page("lead.statistics", "/?agency=41993&year=2026&holder=university")
	if narrow.StatusCode != http.StatusOK || !strings.Contains(narrow.body, "取消") {
		t.Error(narrow.StatusCode)
	}
	if a := c.page("lead.statistics", "/?holder=nobody"); a.StatusCode != http.StatusBadRequest || !strings.Contains(a.body, "请从列出的选项中选择") {
		t.Error(a.StatusCode)
	}
	if a := c.page("lead.statistics", "/?kind=bad-faith-mark"); a.StatusCode != http.StatusOK || strings.Contains(a.body, "未达到") || !strings.Contains(a.body, "不计入专利撤回率") {
		t.Error("marks have a target", a.StatusCode)
	}
}

func TestPendingApplicationsStandByReplyDeadlineAndNameNobodyToPress(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	c.put(linkage.Patent,
		application(1, map[string]string{"replyBy": "2026-06-30"}), application(2, map[string]string{"replyBy": "2026-05-06"}), application(3, map[string]string{"replyBy": ""}),
		application(4, map[string]string{"replyBy": "2026-06-11", "applicant": canary, "applicantCode": "", "holder": "个人"}), application(5, map[string]string{"state": "已撤回"}))
	a := c.page("lead.supervisor", "/pending")
	at := -1
	for _, i := range []int{2, 4, 1, 3} {
		next := strings.Index(a.body, linkage.DemoNumber(i))
		if next <= at {
			t.Error("out of order at", i)
		}
		at = next
	}
	for _, hidden := range []string{linkage.DemoNumber(5), "虚构甲", "41990", canary} {
		if strings.Contains(a.body, hidden) {
			t.Error("the list tells", hidden)
		}
	}
	var rows []map[string]string
	for i := range 120 {
		rows = append(rows, application(1000+i, map[string]string{"replyBy": fmt.Sprintf("2026-07-%02d", 1+i%31)}))
	}
	c.put(linkage.Patent, rows...)
	seen := map[string]bool{}
	for path := "/pending"; path != ""; {
		a := c.page("lead.supervisor", path)
		for i := range 120 {
			if n := linkage.DemoNumber(1000 + i); strings.Contains(a.body, ">"+n+"<") {
				if seen[n] {
					t.Fatal(n, "twice")
				}
				seen[n] = true
			}
		}
		_, rest, more := strings.Cut(a.body, `rel="next" href="`)
		if path = ""; more {
			href, _, _ := strings.Cut(rest, `"`)
			path = strings.TrimPrefix(strings.ReplaceAll(href, "&amp;", "&"), prefix)
		}
	}
	if len(seen) != 120 {
		t.Error(len(seen))
	}
	if a := c.page("lead.supervisor", "/pending?cursor=x"); a.StatusCode != http.StatusBadRequest {
		t.Error(a.StatusCode)
	}
}

func TestTheDemonstrationHasRatesOnBothSidesOfTheTarget(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	c.demo()
	a := c.get("/withdrawal-rate")
	var got struct{ Notified, Withdrawn, AcceptedAsNormal int }
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || got.Notified+got.AcceptedAsNormal != 600 || got.Withdrawn != 456 {
		t.Error(a.body, err)
	}
	who := c.people.User(t, "lead.statistics")
	u, _, err := c.people.UserByName(t.Context(), who.User)
	if err != nil {
		t.Fatal(err)
	}
	actor, err := c.people.Actor(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	lists, err := c.store.Rates(t.Context(), actor, linkage.Filter{}, linkage.ByList, c.clock.Now())
	if err != nil || len(lists) != 6 {
		t.Fatal(lists, err)
	}
	for i, want := range []bool{true, false, true, true, false, false} {
		if reached := lists[i].Reached(linkage.Target{Reach: 9, Of: 10}); reached == nil || *reached != want {
			t.Error(lists[i])
		}
	}
}
