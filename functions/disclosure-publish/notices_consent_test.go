package function

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"ipcredit/shared/browsertest"
	"ipcredit/shared/credit"
	"ipcredit/shared/workday"
)

// listed begins a listing of the city's own as lead.handler and gives its id.
func (b *bureau) listed() string {
	b.t.Helper()
	const no, authority, code = "新测市监处罚〔2026〕7号", "新乡市测试区市场监督管理局", "11410700000000019U"
	b.change(credit.Change{Records: []credit.Entry{{SubjectCode: firm, SubjectName: firmName, Record: credit.Record{
		ID: credit.NewID(credit.Penalty, authority, no, firm), Kind: credit.Penalty, Act: "penalty", InstrumentNo: no, Authority: authority, AuthorityCode: code,
		Source: credit.Admin, Channel: credit.Original, DeterminedOn: workday.MustDate("2026-05-06"), PublishedOn: workday.MustDate("2026-05-06"), CollectedAt: b.env.Now(),
		Content: credit.Content{Penalty: &credit.PenaltyContent{Violation: "商标侵权", Facts: "x", Basis: "x", Classes: []string{"罚款"}, FineFen: 9000000}},
	}}}})
	form := url.Values{
		"kind": {"determination"}, "division": {"410700"}, "review": {"clear"}, "subjectName": {firmName}, "subjectCode": {firm}, "act": {"SL"},
		"instrumentNo": {"新测市监严列〔2026〕1号"}, "basis": {"第九条第二项"}, "determinedOn": {"2026-05-06"},
		"authority": {authority}, "authorityCode": {code},
	}
	if status, body := b.as("lead.handler", "/notices", form); status != http.StatusBadRequest || !strings.Contains(body, `href="#f-penalty"`) || !strings.Contains(body, "较重行政处罚决定的文号") {
		b.t.Errorf("without a penalty: %d %s", status, body)
	}
	form.Set("penalty", "新测市监处罚[2026]7号")
	status, to := b.as("lead.handler", "/notices", form)
	if status != http.StatusSeeOther || !noticeAddress.MatchString(to) {
		b.t.Fatalf("%d %s", status, to)
	}
	return noticeAddress.FindStringSubmatch(to)[1]
}

func TestAListingShowsThatItLacksTheConsentAndTakesIt(t *testing.T) {
	b := newBureau(t, "2026-05-11 10:00:00")
	id := b.listed()
	if _, body := b.as("lead.handler", "/notices/"+id, nil); !strings.Contains(body, "尚未登记") || !strings.Contains(body, "新测市监处罚〔2026〕7号") || !strings.Contains(body, "/"+id+"/consent") || !strings.Contains(body, "第44号") {
		t.Errorf("%s", body)
	}
	if status, _ := b.step("lead.handler", id, "serve", "on", "2026-05-06"); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	if status, body := b.step("lead.handler", id, "submit"); status != http.StatusUnprocessableEntity || !strings.Contains(body, "上级市场监督管理部门同意") {
		t.Errorf("%d %s", status, body)
	}
	if status, body := b.step("lead.handler", id, "consent", "authority", "新乡市测试区市场监督管理局", "number", "1号", "on", "2026-05-07"); status != http.StatusBadRequest ||
		!strings.Contains(body, `href="#f-authority"`) || !strings.Contains(body, `href="#f-number"`) || !strings.Contains(body, `href="#f-on"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := b.step("lead.handler", id, "consent", "authority", "河南省测试市场监督管理局", "number", "豫测市监[2026]9号", "on", "2026-05-05"); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	if _, body := b.as("lead.handler", "/notices/"+id, nil); !strings.Contains(body, "豫测市监〔2026〕9号") {
		t.Errorf("%s", body)
	}
	for _, want := range []string{"新测市监处罚〔2026〕7号", "管理措施", "/catalog/measures", "提前移出", "行政复议"} {
		if _, body := b.as("lead.handler", "/notices/"+id+"/print", nil); !strings.Contains(body, want) {
			t.Errorf("the prior notice lacks %s: %s", want, body)
		}
	}
}

func TestConsentPagesAreAccessible(t *testing.T) {
	br := browsertest.New(t)
	b := newBureau(t, "2026-05-11 10:00:00")
	id := b.listed()
	b.looked(t, br, map[string]string{"notice-listing": "/notices/" + id, "notice-consent": "/notices/" + id + "/consent", "notice-listing-print": "/notices/" + id + "/print"})
}

// looked opens the pages as the handler, at both widths.
func (b *bureau) looked(t *testing.T, br *browsertest.Browser, pages map[string]string) {
	t.Helper()
	b.enter(br, "lead.handler")
	for _, width := range []int{browsertest.Narrow, browsertest.Wide} {
		for name, path := range pages {
			p := br.Open(t, b.url+path, browsertest.View{Width: width})
			p.NoErrors()
			p.FitsWidth()
			p.Axe()
			if width == browsertest.Narrow {
				p.Look(name + "-360")
			} else {
				p.Look(name + "-1280")
			}
		}
	}
}
