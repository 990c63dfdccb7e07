package function

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/fault"
)

func mergerForm(from, into string, change ...string) url.Values {
	f := url.Values{
		"what": {"merge"}, "from": {from}, "into": {into}, "instrument": {"新测市监登记合并〔2026〕1号"}, "authority": {"新乡市测试区市场监督管理局"}, "on": {"2026-05-08"},
	}
	for n := 0; n < len(change); n += 2 {
		f[change[n]] = []string{change[n+1]}
	}
	return f
}

// TestAMergerIsBroughtInByOneAndAgreedToByAnother: by the pages, with what strangers see
// of it, and back again.
func TestAMergerIsBroughtInByOneAndAgreedToByAnother(t *testing.T) {
	b := newBureau(t, "2026-05-11 10:00:00")
	id := b.determined(firm, firmName, "国知测认〔2026〕5号", "2026-05-04")
	kept := b.determined(second, secondName, "国知测认〔2026〕6号", "2026-05-05")
	for name, tt := range map[string]struct {
		form url.Values
		want string
	}{
		"no document": {mergerForm(firm, second, "instrument", ""), `href="#f-instrument"`},
		"no day":      {mergerForm(firm, second, "on", ""), `href="#f-on"`},
		"a bad day":   {mergerForm(firm, second, "on", "2026-02-30"), `href="#f-on"`},
		"a bad code":  {mergerForm("9141", second), `href="#f-from"`},
		"into itself": {mergerForm(firm, firm), `href="#f-into"`},
		"not merged":  {mergerForm(firm, "", "what", "undo"), `href="#f-from"`},
	} {
		if status, body := b.as("lead.handler", "/mergers", tt.form); status < 400 || status >= 500 || !strings.Contains(body, tt.want) || !strings.Contains(body, "新乡市测试区市场监督管理局") {
			t.Errorf("%s: %d", name, status)
		}
	}
	propose := func(f url.Values) string {
		t.Helper()
		status, to := b.as("lead.handler", "/mergers", f)
		at, _, _ := strings.Cut(to[strings.Index(to, "/mergers"):], "?")
		if status != http.StatusSeeOther {
			t.Fatal(status, to)
		}
		return at
	}
	at := propose(mergerForm(firm, second))
	if status, body := b.as("lead.handler", at, nil); status != 200 || strings.Contains(body, at+"/approve") || !strings.Contains(body, at+"/withdraw") || !strings.Contains(body, firmName) {
		t.Errorf("its own page: %d", status)
	}
	for _, user := range []string{"lead.handler", "lead.intake", "hongqi.approver", "science.inquirer"} {
		if status, _ := b.as(user, at+"/approve", url.Values{}); status != http.StatusForbidden {
			t.Errorf("%s agrees: %d", user, status)
		}
	}
	for _, user := range []string{"lead.intake", "science.inquirer", "hongqi.handler"} {
		if status, _ := b.as(user, "/mergers", nil); status != http.StatusForbidden {
			t.Errorf("%s reads: %d", user, status)
		}
	}
	if a := b.ask(http.MethodGet, "/mergers", asPage); a.status != http.StatusSeeOther {
		t.Errorf("a stranger: %d", a.status)
	}
	if status, _ := b.as("lead.approver", at+"/approve", url.Values{}); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	if _, err := b.desk().View(t.Context(), firm, b.env.Now()); !fault.Is(err, fault.NotFound) {
		t.Errorf("the old code: %v", err)
	}
	for _, x := range []string{id, kept} {
		if a := b.ask(http.MethodGet, "/disclosures/"+x, asPage); a.status != 200 || !strings.Contains(string(a.body), secondName) {
			t.Errorf("%s: %d", x, a.status)
		}
	}
	if status, _ := b.as("lead.approver", at+"/refuse", url.Values{"why": {"迟了"}}); status != http.StatusConflict {
		t.Errorf("after it: %d", status)
	}
	undo := propose(mergerForm(firm, "", "what", "undo"))
	if status, _ := b.as("lead.approver", undo+"/approve", url.Values{}); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	if a := b.ask(http.MethodGet, "/disclosures/"+id, asPage); a.status != 200 || !strings.Contains(string(a.body), firmName) {
		t.Errorf("taken back: %d", a.status)
	}
	if _, body := b.as("lead.approver", "/mergers", nil); !strings.Contains(body, at) || !strings.Contains(body, undo) || strings.Contains(body, `name="instrument"`) {
		t.Error("the list")
	}
}

func TestMergerPagesAreAccessible(t *testing.T) {
	br := browsertest.New(t)
	b := newBureau(t, "2026-05-11 10:00:00")
	b.determined(firm, firmName, "国知测认〔2026〕5号", "2026-05-04")
	b.determined(second, secondName, "国知测认〔2026〕6号", "2026-05-05")
	_, to := b.as("lead.handler", "/mergers", mergerForm(firm, second))
	at, _, _ := strings.Cut(to[strings.Index(to, "/mergers"):], "?")
	look := func(name, path string) {
		t.Helper()
		for _, v := range []browsertest.View{{Width: browsertest.Narrow}, {Width: browsertest.Wide, Language: "en"}} {
			p := br.Open(t, b.url+path, v)
			p.NoErrors()
			p.FitsWidth()
			p.Axe()
			p.Look(fmt.Sprintf("%s-%d", name, v.Width))
		}
	}
	b.enter(br, "lead.handler")
	look("mergers", "/mergers")
	b.enter(br, "lead.approver")
	look("merger", at)
}
