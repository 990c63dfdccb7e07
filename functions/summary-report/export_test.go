package function

import (
	"encoding/csv"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"ipcredit/shared/linkage"
	"ipcredit/shared/redistest"
	"ipcredit/shared/staff"
)

// take posts the form that takes figures out, as a browser of somebody signed in.
func (c *city) take(user string, pairs ...string) reply {
	c.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.public+prefix+"/export", strings.NewReader(form.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "text/html")
	if user != "" {
		r.Header.Set("Cookie", staff.CookiePlain+"="+c.people.Session(c.t, user, &c.clock))
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w, err := client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = w.Body.Close() }()
	data, err := io.ReadAll(w.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return reply{w, string(data)}
}

// taken counts the journal's entries of figures that were taken out.
func (c *city) taken(rdb *redis.Client) (purposes []string) {
	c.t.Helper()
	all, err := rdb.XRange(c.t.Context(), "{410700}:journal", "-", "+").Result()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, x := range all {
		if x.Values["action"] == "linkage.export_rates" {
			purposes = append(purposes, x.Values["ref"].(string))
		}
	}
	return purposes
}

func TestFiguresAreTakenOutForAPurposeAndTheJournalHasItFirst(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb *redis.Client) {
		c := newCity(t, rdb)
		c.cohort(1, 20, 18, map[string]string{"list": "=1+1 甲批"})
		c.cohort(100, 19, 17, map[string]string{"list": "乙批", "division": "410702"})
		c.put(linkage.Patent, application(200, map[string]string{"list": "丙批", "applicant": canary, "applicantCode": "", "holder": "个人", "state": "认定正常"}))
		for name, pairs := range map[string][]string{
			"no purpose":      {"by", "list"},
			"another purpose": {"by", "list", "purpose", "curiosity"},
			"no breakdown":    {"purpose", "province"},
			"another one":     {"by", "applicant", "purpose", "province"},
			"a wrong filter":  {"by", "list", "purpose", "province", "holder", "nobody"},
		} {
			if a := c.take("lead.statistics", pairs...); a.StatusCode != http.StatusBadRequest || strings.Contains(a.Header.Get("Content-Type"), "csv") {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.Header.Get("Content-Type"))
			}
		}
		for _, user := range []string{"lead.approver", "hongqi.handler", "science.handler", "jia.legal", ""} {
			if a := c.take(user, "by", "list", "purpose", "province"); a.StatusCode < 300 || strings.Contains(a.body, "乙批") {
				t.Errorf("%q takes figures out: %d", user, a.StatusCode)
			}
		}
		if got := c.taken(rdb); len(got) != 0 {
			t.Errorf("refusals are in the journal: %v", got)
		}
		a := c.take("lead.statistics", "by", "list", "purpose", "assessment", "kind", "abnormal-application")
		if a.StatusCode != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") || a.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Fatal(a.StatusCode, a.Header)
		}
		rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(a.body, "\ufeff"))).ReadAll()
		if err != nil || len(rows) != 4 {
			t.Fatalf("%v %v", rows, err)
		}
		if head := strings.Join(rows[0], " "); head != "批次 应计件数 已撤回 视为撤回 驳回 未结 认定正常 撤回率（百分比） 处置率（百分比） 是否达标" {
			t.Error(head)
		}
		got := map[string][]string{}
		for _, r := range rows[1:] {
			if len(r) != len(columns) {
				t.Fatalf("%v", r)
			}
			got[r[0]] = r[1:]
		}
		for name, want := range map[string]string{
			"'=1+1 甲批": "20 18 0 0 2 0 90.0 90.0 达到", "乙批": "19 17 0 0 2 0 89.4 89.4 未达到", "丙批": "0 0 0 0 0 1   ",
		} {
			if line := strings.Join(got[name], " "); line != want {
				t.Errorf("%s: %q, want %q", name, line, want)
			}
		}
		for _, hidden := range []string{canary, "虚构甲", "91410771MA00AAA104", linkage.DemoNumber(1)} {
			if strings.Contains(a.body, hidden) {
				t.Error("the file tells", hidden)
			}
		}
		if got := c.taken(rdb); len(got) != 1 || got[0] != "assessment" {
			t.Errorf("the journal has %v", got)
		}
		// Narrowed as the page was; a district's officer gets his own only.
		if a := c.take("lead.statistics", "by", "list", "purpose", "check", "district", "410702"); strings.Contains(a.body, "甲批") || !strings.Contains(a.body, "乙批") {
			t.Error(a.body)
		}
		if a := c.take("gaoxin.approver", "by", "list", "purpose", "check"); a.StatusCode != http.StatusOK || strings.Contains(a.body, "乙批") {
			t.Error(a.StatusCode, a.body)
		}
	})
}
