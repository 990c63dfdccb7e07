package function

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"ipcredit/shared/clock"
	"ipcredit/shared/redistest"
	"ipcredit/shared/tipoff"
	"ipcredit/shared/workday"

	"github.com/redis/go-redis/v9"
)

// yearFields are the invented notice as an officer types it.
func yearFields(change ...string) []string {
	f := []string{
		"way", "form", "year", "2027", "title", "测试用放假安排(虚构)", "notice", "国办发明电〔2026〕测1号", "source", "https://example.com/2027", "published", "2026-11-05",
		"off", "元旦 2026-12-31 2027-01-02\n春节 2027-02-05 2027-02-12\n清明节,2027-04-03,2027-04-05\r\n\r\n劳动节　2027-05-01　2027-05-05\n端午节 2027-06-09\n中秋节 2027-09-15\n国庆节 2027-10-01 2027-10-07\n",
		"work", "2027-01-03 2027-01-30\r\n2027-02-20\r\n2027-05-08\n2027-09-26\n2027-10-09",
	}
	for i := 0; i+1 < len(change); i += 2 {
		for n := 0; n < len(f); n += 2 {
			if f[n] == change[i] {
				f[n+1] = change[i+1]
			}
		}
	}
	return f
}

// hiddenIn is what stands in a page's hidden field.
func hiddenIn(t *testing.T, a answer, name string) string {
	t.Helper()
	_, rest, found := strings.Cut(a.body, `name="`+name+`" value="`)
	value, _, ok := strings.Cut(rest, `"`)
	if !found || !ok {
		t.Fatalf("no field %s: %s", name, words(a.body))
	}
	return strings.NewReplacer("&#34;", `"`, "&amp;", "&", "&#43;", "+", "&#39;", "'", "&lt;", "<", "&gt;", ">").Replace(value)
}

func TestAYearIsImportedByTwoOfficersWhoSeeWhatItMoves(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		c.clock.Set(time.Date(2026, 12, 15, 2, 0, 0, 0, time.UTC))
		in, _ := c.lodge(tipoff.Lodged{})
		if !in.Due.Provisional {
			t.Fatalf("%+v", in.Due)
		}
		handler, approver := c.as("lead.handler"), c.as("lead.approver")
		wantIn(t, handler.get("/calendar"), "2026", "/calendar/import", "国办发明电〔2025〕7号", "248")
		wantIn(t, handler.get("/"), "/calendar")
		preview := handler.upload("/calendar/preview", "", nil, yearFields()...)
		wantStatus(t, preview, http.StatusOK)
		wantIn(t, preview, "2026-12-31", "2027-01-03", "国办发明电〔2026〕测1号")
		if list, err := c.desk.calendar.List(t.Context()); err != nil || len(list) != 0 {
			t.Fatalf("a preview proposes nothing: %v %v", list, err)
		}
		a := handler.post("/calendar", "json", hiddenIn(t, preview, "json"))
		wantStatus(t, a, http.StatusSeeOther)
		at := strings.TrimPrefix(a.Header.Get("Location"), prefix)
		address, _, _ := strings.Cut(at, "?")
		own := handler.get(at)
		wantIn(t, own, "withdraw", "您提出的")
		wantNone(t, own, `imports`+strings.TrimPrefix(address, "/calendar/imports")+`/approve"`)
		// Who proposed it cannot, nor can another district's head.
		wantStatus(t, handler.post(address+"/approve"), http.StatusForbidden)
		wantStatus(t, c.as("hongqi.approver").post(address+"/approve"), http.StatusForbidden)
		look := approver.get(address)
		wantIn(t, look, "/approve", "/refuse", "正在计时的全部期限")
		a = approver.follow(address + "/approve")
		wantIn(t, a, "已生效")
		wantStatus(t, approver.post(address+"/approve"), http.StatusConflict)
		wantIn(t, approver.get("/calendar"), "国办发明电〔2026〕测1号", "2027")

		// The officer's page of the tip-off counts by it at once.
		handlerOf := c.as("hongqi.handler")
		wantNone(t, handlerOf.get("/"), "暂定")
		k, known, err := clock.New(c.env.Journal).Of(t.Context(), "tip-off:"+in.Number)
		if err != nil || !known {
			t.Fatalf("%v %v", known, err)
		}
		cal, err := c.desk.calendar.Current(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if now := k.At(cal, workday.DateOf(c.clock.Now())); now.Clocks[0].Provisional {
			t.Errorf("%+v", now.Clocks)
		}
	})
}

func TestAYearFromAFileIsTheSame(t *testing.T) {
	c := embedded(t)
	c.clock.Set(time.Date(2026, 12, 15, 2, 0, 0, 0, time.UTC))
	handler := c.as("lead.handler")
	file, err := os.ReadFile("../../shared/workday/testdata/2027-invented.json")
	if err != nil {
		t.Fatal(err)
	}
	byFile := handler.upload("/calendar/preview", "2027.json", file, "way", "file")
	byForm := handler.upload("/calendar/preview", "", nil, yearFields()...)
	wantStatus(t, byFile, http.StatusOK)
	if a, b := hiddenIn(t, byFile, "json"), hiddenIn(t, byForm, "json"); a != b {
		t.Errorf("\n%s\n%s", a, b)
	}
	wrong := strings.Replace(string(file), `"2027-02-20"`, `"2027-02-22"`, 1) // a Monday
	a := handler.upload("/calendar/preview", "2027.json", []byte(wrong), "way", "file")
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, `href="#f-work"`, "2027-02-22", "国庆节 2027-10-01 2027-10-07", `value="2027"`)
	for name, file := range map[string]string{
		"empty": "", "no JSON": "元旦", "another shape": `[1]`, "unknown field": `{"year":2027,"note":1}`, "large": strings.Repeat("x", maxYear+1),
	} {
		a := handler.upload("/calendar/preview", "2027.json", []byte(file), "way", "file")
		if a.StatusCode != http.StatusBadRequest && a.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(a.body, `href="#f-`) {
			t.Errorf("%s: %d %s", name, a.StatusCode, words(a.body))
		}
	}
}

func TestAWrongYearKeepsWhatWasTyped(t *testing.T) {
	c := embedded(t)
	c.clock.Set(time.Date(2026, 12, 15, 2, 0, 0, 0, time.UTC))
	handler := c.as("lead.handler")
	for _, tt := range []struct {
		name   string
		change []string
		want   []string
	}{
		{"a year that is none", []string{"year", "27"}, []string{`href="#f-year"`}},
		{"a line that is none", []string{"off", "元旦 一月一日"}, []string{`href="#f-off"`}},
		{"too many words", []string{"off", "元旦 2027-01-01 2027-01-02 2027-01-03"}, []string{`href="#f-off"`}},
		{"a day that does not exist", []string{"work", "2027-02-30"}, []string{`href="#f-work"`}},
		{"no source", []string{"source", " "}, []string{`href="#f-source"`}},
		{"of a day to come", []string{"published", "2026-12-16"}, []string{`href="#f-published"`}},
		{"1 October worked", []string{"off", "元旦 2027-01-01\n劳动节 2027-05-01\n国庆节 2027-10-02 2027-10-03"}, []string{`href="#f-off"`, "2027-10-01"}},
	} {
		a := handler.upload("/calendar/preview", "", nil, yearFields(tt.change...)...)
		wantStatus(t, a, http.StatusBadRequest)
		wantIn(t, a, append(tt.want, `value="测试用放假安排(虚构)"`)...)
	}
	wantStatus(t, handler.post("/calendar", "json", `{"year":2027}`), http.StatusBadRequest)
	wantStatus(t, handler.get("/calendar/imports/none"), http.StatusNotFound)
	wantStatus(t, handler.post("/calendar/imports/none/approve"), http.StatusNotFound)
	wantStatus(t, handler.post("/calendar/imports/none/delete"), http.StatusNotFound)
}

func TestWhoMaySeeAndBringInAYear(t *testing.T) {
	c := embedded(t)
	c.clock.Set(time.Date(2026, 12, 15, 2, 0, 0, 0, time.UTC))
	for who, status := range map[string]int{"lead.handler": 200, "lead.publisher": 200, "lead.approver": 403, "hongqi.handler": 403, "jia.agent": 403} {
		wantStatus(t, c.as(who).get("/calendar"), http.StatusOK)
		wantStatus(t, c.as(who).get("/calendar/import"), status)
		wantStatus(t, c.as(who).upload("/calendar/preview", "", nil, yearFields()...), status)
	}
	wantStatus(t, c.as("").get("/calendar"), http.StatusSeeOther)
}

func TestARefusedYearCountsForNothing(t *testing.T) {
	c := embedded(t)
	c.clock.Set(time.Date(2026, 12, 15, 2, 0, 0, 0, time.UTC))
	handler, approver := c.as("lead.handler"), c.as("lead.approver")
	propose := func() string {
		a := handler.post("/calendar", "json", hiddenIn(t, handler.upload("/calendar/preview", "", nil, yearFields()...), "json"))
		wantStatus(t, a, http.StatusSeeOther)
		at, _, _ := strings.Cut(strings.TrimPrefix(a.Header.Get("Location"), prefix), "?")
		return at
	}
	at := propose()
	if again := propose(); again != at {
		t.Errorf("a form sent twice is two proposals: %s, %s", at, again)
	}
	a := approver.post(at+"/refuse", "why", "")
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, `href="#f-why"`)
	wantIn(t, approver.follow(at+"/refuse", "why", "与原文不符"), "已退回", "与原文不符")
	wantIn(t, handler.follow(propose()+"/withdraw"), "已撤回")
	if cal, err := c.desk.calendar.Current(t.Context()); err != nil || cal.Covers(2027) {
		t.Errorf("%v", err)
	}
	wantIn(t, handler.get("/calendar"), "已退回", "已撤回")
}
