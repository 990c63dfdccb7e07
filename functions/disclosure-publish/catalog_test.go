package function

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/catalog"
	"ipcredit/shared/credit"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
)

var proposalAddress = regexp.MustCompile(`/catalog/proposals/([0-9A-Z]{26})`)

// itemForm is the form of an item as it stands, changed.
func itemForm(act string, change ...string) url.Values {
	list := catalog.Shipped().Items(act)
	i := list[len(list)-1]
	f := url.Values{
		"what": {"item"}, "act": {act}, "titleZH": {i.Title.ZH}, "titleEN": {i.Title.EN}, "kinds": strs(i.Kinds), "channel": {string(i.Channel)},
		"sources": strs(i.Sources), "tier": {string(i.Tier)}, "basis": {i.Basis}, "article": {i.Article}, "from": {"2026-06-01"}, "reason": {"测试文件"},
	}
	for n := 0; n < len(change); n += 2 {
		f[change[n]] = []string{change[n+1]}
	}
	return f
}

func measureForm(change ...string) url.Values {
	f := url.Values{
		"what": {"measure"}, "sort": {"punishment"}, "id": {"of-test"}, "titleZH": {"测试措施"}, "titleEN": {"a measure of a test"}, "acts": {"DA1", "DA2"}, "tiers": {"serious"},
		"byZH": {"测试局"}, "byEN": {"a body"}, "basis": {"测试管理办法（测试〔2026〕1号）"}, "article": {"第三条"}, "list": {"全国失信惩戒措施基础清单（测试版）"},
		"listItem": {"纳入重点监管范围"}, "from": {"2026-06-01"}, "reason": {"测试文件"},
	}
	for n := 0; n < len(change); n += 2 {
		f[change[n]] = []string{change[n+1]}
	}
	return f
}

// proposed sends a form and gives the address of the proposal.
func (b *bureau) proposed(user string, form url.Values) string {
	b.t.Helper()
	status, to := b.as(user, "/catalog/proposals", form)
	if status != http.StatusSeeOther || !proposalAddress.MatchString(to) {
		b.t.Fatalf("%d %s", status, to)
	}
	return proposalAddress.FindString(to)
}

// TestThreat_AnOfficerAloneCannotChangeTheCatalogue: it takes the page of a second
// person, and until then strangers see what there was.
func TestThreat_AnOfficerAloneCannotChangeTheCatalogue(t *testing.T) {
	b := newBureau(t, "2026-05-11 10:00:00")
	at := b.proposed("lead.handler", measureForm())
	public := func() string {
		return string(b.ask(http.MethodGet, "/catalog/measures?on=2026-06-01", asData).body)
	}
	if status, body := b.as("lead.handler", at, nil); status != 200 || strings.Contains(body, at+"/approve") || !strings.Contains(body, at+"/withdraw") {
		t.Errorf("%d %s", status, body)
	}
	for _, user := range []string{"lead.handler", "lead.publisher", "lead.intake", "hongqi.approver", "science.inquirer"} {
		if status, _ := b.as(user, at+"/approve", url.Values{}); status != http.StatusForbidden {
			t.Errorf("%s approves: %d", user, status)
		}
	}
	for _, user := range []string{"lead.intake", "lead.approver", "hongqi.handler", "science.inquirer"} {
		if status, _ := b.as(user, "/catalog/proposals", measureForm("id", "other")); status != http.StatusForbidden {
			t.Errorf("%s proposes: %d", user, status)
		}
	}
	if a := b.ask(http.MethodGet, at, asPage); a.status != http.StatusSeeOther {
		t.Errorf("a stranger: %d", a.status)
	}
	if strings.Contains(public(), "of-test") {
		t.Error("in force already")
	}
	if status, body := b.as("lead.approver", at, nil); status != 200 || !strings.Contains(body, at+"/approve") {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := b.as("lead.approver", at+"/approve", url.Values{}); status != http.StatusSeeOther {
		t.Errorf("%d", status)
	}
	if !strings.Contains(public(), `"of-test"`) || strings.Contains(string(b.ask(http.MethodGet, "/catalog/measures?on=2026-05-31", asData).body), "of-test") {
		t.Errorf("%s", public())
	}
	if status, _ := b.as("lead.approver", at+"/approve", url.Values{}); status != http.StatusConflict {
		t.Errorf("again: %d", status)
	}
}

func TestAFormWithoutBasisIsRefusedAndKeepsWhatWasTyped(t *testing.T) {
	b := newBureau(t, "2026-05-11 10:00:00")
	for _, tt := range []struct {
		name string
		form url.Values
		want []string
	}{
		{"no legal basis", measureForm("basis", ""), []string{"没有法律依据", `href="#f-basis"`, "测试措施"}},
		{"no item of the list", measureForm("listItem", ""), []string{"清单之外", `href="#f-listItem"`}},
		{"wider", itemForm("DA1", "channel", "ORIGINAL"), []string{"不能比法定的公开方式更宽", `href="#f-channel"`}},
		{"no day", itemForm("DA1", "from", "2026-06-31"), []string{`value="2026-06-31"`, `href="#f-from"`}},
		{"no reason", itemForm("DA1", "article", "新条", "reason", ""), []string{`href="#f-reason"`, "新条"}},
		{"nothing changes", itemForm("DA1"), []string{"没有可修改的"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, body := b.as("lead.handler", "/catalog/proposals", tt.form)
			if status != http.StatusBadRequest {
				t.Errorf("%d", status)
			}
			for _, w := range tt.want {
				if !strings.Contains(html.UnescapeString(body), w) {
					t.Errorf("no %s in %s", w, body)
				}
			}
		})
	}
	at := b.proposed("lead.handler", itemForm("DA1", "channel", "INTERNAL", "from", "2026-05-01"))
	if _, body := b.as("lead.approver", at, nil); !strings.Contains(body, "内部使用") || !strings.Contains(body, "有改动") || !strings.Contains(body, "开始日期早于今天") {
		t.Errorf("%s", body)
	}
	if status, body := b.as("lead.approver", at+"/refuse", url.Values{"why": {""}}); status != http.StatusBadRequest || !strings.Contains(body, `href="#f-why"`) {
		t.Errorf("%d", status)
	}
	if status, _ := b.as("lead.approver", at+"/refuse", url.Values{"why": {"没有依据"}}); status != http.StatusSeeOther {
		t.Errorf("%d", status)
	}
	if _, body := b.as("lead.handler", "/catalog/desk?state=refused", nil); !strings.Contains(body, at) {
		t.Error("the refused one is not listed")
	}
	if _, body := b.as("lead.handler", "/catalog/desk?state=proposed", nil); strings.Contains(body, at) {
		t.Error("it waits no more")
	}
}

func TestTheCatalogueIsPublicAndDated(t *testing.T) {
	b := newBureau(t, "2026-05-11 23:59:30")
	var got struct {
		On      string
		Results []struct {
			Act, Channel, Ref, Basis, From, URL string
			Tier                                *string
			Kinds, Sources                      []string
		}
		Next *string
	}
	ask := func(path string) int {
		t.Helper()
		a := b.ask(http.MethodGet, path, asData)
		got.Results = nil
		if a.status == http.StatusOK {
			if err := json.Unmarshal(a.body, &got); err != nil {
				t.Fatal(err)
			}
		}
		return a.status
	}
	acts := func() string {
		var out []string
		for _, x := range got.Results {
			out = append(out, x.Act)
		}
		return strings.Join(out, " ")
	}
	for _, tt := range []struct {
		path   string
		status int
		acts   string
	}{
		{"/catalog", 200, "DA1 DA2 DA3 DA4 DA5 DA6 DA7 SL commendation judgment licence penalty"},
		{"/catalog?on=2022-01-23", 200, "SL commendation judgment licence penalty"},
		{"/catalog?on=2021-08-31", 200, "commendation judgment licence penalty"},
		{"/catalog?kind=judgment", 200, "judgment"},
		{"/catalog?source=INDUSTRY", 200, "commendation"},
		{"/catalog?channel=REPUBLISH&kind=judgment", 200, "judgment"},
		{"/catalog?channel=INTERNAL", 200, ""},
		{"/catalog?channel=SECRET", 400, ""},
		{"/catalog?on=2026-02-30", 400, ""},
		{"/catalog/items/penalty", 200, "penalty penalty"},
		{"/catalog/items/DA9", 404, ""},
		{"/catalog/measures/none", 404, ""},
	} {
		if status := ask(tt.path); status != tt.status || acts() != tt.acts {
			t.Errorf("%s: %d %s", tt.path, status, acts())
		}
	}
	a := b.ask(http.MethodGet, "/catalog", asData)
	if a.header.Get("Cache-Control") != "public, max-age=30" || a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("ETag") == "" {
		t.Errorf("%v", a.header)
	}
	if again := b.ask(http.MethodGet, "/catalog", map[string]string{"Accept": "application/json", "If-None-Match": a.header.Get("ETag")}); again.status != http.StatusNotModified {
		t.Errorf("%d", again.status)
	}
}

// TestThreat_WhatIsInternalIsSeenByNoStranger makes an item internal and looks for a
// record read under it, and for the item itself, at every public address.
func TestThreat_WhatIsInternalIsSeenByNoStranger(t *testing.T) {
	b := newBureau(t, "2026-05-11 10:00:00")
	at := b.proposed("lead.handler", itemForm("DA4", "channel", "INTERNAL", "from", "2026-05-01", "article", "内部条款"))
	if status, _ := b.as("lead.approver", at+"/approve", url.Values{}); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	law, err := b.desk().Law(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	schema, _ := credit.Schema(credit.Determination)
	e, problems := law.Parse(credit.Determination, sheet.NewRow(schema, 1, map[string]string{
		"subjectName": firmName, "subjectCode": firm, "instrumentNo": "国知测认〔2026〕4号", "act": "DA4", "authority": "国家知识产权局测试司",
		"authorityCode": "11410700000000019U", "determinedOn": "2026-05-04", "basis": "第六条第四项", "sourceUrl": "https://source.example/4",
	}), credit.Context{Now: b.env.Now()})
	if len(problems) > 0 || e.Record.Channel != credit.Internal {
		t.Fatalf("%v %+v", problems, e.Record)
	}
	b.change(credit.Change{Records: []credit.Entry{e}})
	open := b.determined(second, secondName, "国知测认〔2026〕5号", "2026-05-04")
	b.tick()
	answers := b.everywhere(e.Record.ID)
	for _, path := range []string{"/catalog", "/catalog?on=2026-05-01", "/catalog/items/DA4", "/disclosures?act=DA4"} {
		answers[path] = b.ask(http.MethodGet, path, asData)
		answers[path+" "] = b.ask(http.MethodGet, path, asPage)
	}
	for path, a := range answers {
		for _, leak := range []string{e.Record.ID, "2026〕4号", firmName, "INTERNAL", "内部条款", "DA4@2026-05-01"} {
			if strings.Contains(string(a.body), leak) && !strings.HasPrefix(path, "/disclosures/") {
				t.Errorf("%s tells %s", path, leak)
			}
		}
		if strings.HasPrefix(path, "/disclosures/") && (a.status != http.StatusNotFound || strings.Contains(string(a.body), firmName)) {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := b.ask(http.MethodGet, "/disclosures/"+open, asPage); a.status != http.StatusOK || !strings.Contains(string(a.body), "https://source.example/1") {
		t.Errorf("a republished one shows its source: %d", a.status)
	}
	if v, err := b.desk().View(t.Context(), firm, b.env.Now()); err != nil || strings.Contains(fmt.Sprint(v), "4号") {
		t.Errorf("%v %+v", err, v)
	}
	if _, body := b.as("lead.handler", "/catalog/desk", nil); !strings.Contains(body, "内部使用") {
		t.Error("officers see it")
	}
}

// TestOneMoreActIsBroughtInByTwoPeopleAndShownWithoutADeploy: what two officers put
// into the catalogue is read, displayed and listed by the functions that run already.
func TestOneMoreActIsBroughtInByTwoPeopleAndShownWithoutADeploy(t *testing.T) {
	b := newBureau(t, "2026-05-11 10:00:00")
	form := func(change ...string) url.Values {
		return itemForm(catalog.Rest, append([]string{"act", "da8", "titleZH", "测试增列的失信行为", "titleEN", "an act of a test", "from", "2026-05-01"}, change...)...)
	}
	read := func(act string) (credit.Entry, []sheet.Problem) {
		t.Helper()
		law, err := b.desk().Law(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		schema, _ := credit.Schema(credit.Determination)
		return law.Parse(credit.Determination, sheet.NewRow(schema, 1, map[string]string{
			"subjectName": firmName, "subjectCode": firm, "instrumentNo": "国知测认〔2026〕8号", "act": act, "authority": "国家知识产权局测试司",
			"authorityCode": "11410700000000019U", "determinedOn": "2026-05-04", "basis": "第六条第七项", "sourceUrl": "https://source.example/8",
		}), credit.Context{Now: b.env.Now()})
	}
	for name, f := range map[string]url.Values{
		"the city's own to publish": form("channel", "ORIGINAL"), "called as none can be": form("act", "八号"), "a penalty": form("kinds", "penalty"),
	} {
		if status, _ := b.as("lead.handler", "/catalog/proposals", f); status != http.StatusUnprocessableEntity && status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, body := b.as("lead.handler", "/catalog/propose?sort=item", nil); status != 200 || !strings.Contains(body, `name="act"`) {
		t.Errorf("the form: %d", status)
	}
	at := b.proposed("lead.handler", form())
	if _, problems := read("DA8"); len(problems) != 1 {
		t.Errorf("before the second person: %v", problems)
	}
	if a := b.ask(http.MethodGet, "/disclosures?act=DA8", asData); a.status != http.StatusBadRequest {
		t.Errorf("before the second person: %d", a.status)
	}
	if status, _ := b.as("lead.approver", at+"/approve", url.Values{}); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	e, problems := read("DA8")
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	b.change(credit.Change{Records: []credit.Entry{e}})
	if a := b.ask(http.MethodGet, "/disclosures?act=DA8", asData); a.status != 200 || !strings.Contains(string(a.body), e.Record.ID) || !strings.Contains(string(a.body), `"act":"DA8"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, path := range []string{"/disclosures", "/disclosures?act=DA8", "/disclosures/" + e.Record.ID, "/catalog/items/DA8", "/catalog"} {
		if a := b.ask(http.MethodGet, path, asPage); a.status != 200 || !strings.Contains(string(a.body), "测试增列的失信行为") || strings.Contains(string(a.body), "〔credit.act") {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := b.ask(http.MethodGet, "/catalog/measures?act=DA8", asData); a.status != 200 || !strings.Contains(string(a.body), `"key-supervision"`) || strings.Contains(string(a.body), `"incentive":true`) {
		t.Errorf("its measures: %d %s", a.status, a.body)
	}
	if status, body := b.as("lead.handler", "/catalog/propose?sort=punishment", nil); status != 200 || !strings.Contains(body, `value="DA8"`) {
		t.Errorf("a measure for it: %d", status)
	}
	// A notice about it says so as well, and correcting one does not lose its act.
	if status, body := b.as("lead.handler", "/notices/new?kind=determination", nil); status != 200 || !strings.Contains(body, `value="DA8"`) {
		t.Errorf("a notice of it: %d", status)
	}
	_, to := b.as("lead.handler", "/notices/adopt", url.Values{"record": {e.Record.ID}})
	id := noticeAddress.FindStringSubmatch(to)
	if id == nil {
		t.Fatal(to)
	}
	if status, to := b.step("lead.handler", id[1], "correct"); status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, to)
	}
	if status, body := b.as("lead.handler", "/notices/"+id[1]+"/edit", nil); status != 200 || !strings.Contains(body, `value="DA8" selected`) {
		t.Errorf("a correction of it: %d", status)
	}
}

func (b *bureau) desk() *credit.Store {
	return credit.NewStore(b.env.Journal, credit.NewInForce(b.env.Journal))
}

// enter signs the browser in.
func (b *bureau) enter(br *browsertest.Browser, user string) {
	b.t.Helper()
	if b.tokens[user] == "" {
		b.tokens[user] = b.people.Session(b.t, user, &b.clock)
	}
	token := b.tokens[user]
	br.Open(b.t, b.url+"/readyz", browsertest.View{}).Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.SetCookie, network.SetCookieParams{Name: staff.CookiePlain, Value: token, URL: b.url})
		return err
	}))
}

// TestCataloguePagesAreAccessible proposes a change by the keyboard and looks at
// every page of the catalogue.
func TestCataloguePagesAreAccessible(t *testing.T) {
	br := browsertest.New(t)
	b := newBureau(t, "2026-05-11 10:00:00")
	at := b.proposed("lead.handler", itemForm("DA1", "channel", "INTERNAL", "from", "2026-05-01", "tier", "general"))
	b.proposed("lead.handler", measureForm())
	look := func(name, path string, status int) {
		t.Helper()
		for _, width := range []int{browsertest.Narrow, browsertest.Wide} {
			v := browsertest.View{Width: width}
			if (width == browsertest.Wide) != slices.Contains([]string{"catalog", "catalog-form", "measures", "catalog-proposal"}, name) {
				v.Language = "en"
			}
			p := br.Open(t, b.url+path, v)
			if p.Status() != status {
				t.Errorf("%s: %d", name, p.Status())
			}
			if status == http.StatusOK {
				p.NoErrors()
			}
			p.FitsWidth()
			p.Axe()
			p.Look(fmt.Sprintf("%s-%d", name, width))
		}
	}
	b.enter(br, "lead.handler")
	look("catalog", "/catalog", 200)
	look("catalog-bad", "/catalog?on=2026-02-30", 400)
	look("catalog-item", "/catalog/items/penalty", 200)
	look("measures", "/catalog/measures", 200)
	look("measures-one", "/catalog/measures/list-weight", 200)
	look("catalog-desk", "/catalog/desk", 200)
	look("catalog-form", "/catalog/propose?item=DA2", 200)
	look("catalog-new", "/catalog/propose?sort=item", 200)
	look("measures-form", "/catalog/propose?measure=merit", 200)
	look("measures-new", "/catalog/propose?sort=incentive", 200)
	look("catalog-own", at, 200)
	page := br.Open(t, b.url+"/catalog/propose?item=DA2", browsertest.View{Width: browsertest.Narrow})
	page.Do(chromedp.Focus(chromedp.CSS("main .btns .btn")), chromedp.KeyEvent("\r"), chromedp.WaitReady(chromedp.CSS(".wrong")))
	page.Axe()
	page.FitsWidth()
	page.Look("catalog-form-wrong-360")
	b.enter(br, "lead.approver")
	look("catalog-proposal", at, 200)
	page = br.Open(t, b.url+at, browsertest.View{Width: browsertest.Narrow})
	page.Do(chromedp.Focus(chromedp.CSS("form[action$='/approve'] .btn")), chromedp.KeyEvent("\r"), chromedp.WaitReady(chromedp.CSS(".notice.good")))
	page.Axe()
	page.Look("catalog-approved-360")
}
