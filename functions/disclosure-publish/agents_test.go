package function

import (
	"bytes"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"ipcredit/shared/credit"
	"ipcredit/shared/workday"
)

// TestAnAgentIsOnThePageOfTheTradeMaskedAndIsWithdrawnByTwoPeople follows the
// penalty of a patent agent, who is a natural person: it stands on the page of
// agencies and agents under a masked name and in nothing that is made to be copied,
// and officers take it back as they do a firm's.
func TestAnAgentIsOnThePageOfTheTradeMaskedAndIsWithdrawnByTwoPeople(t *testing.T) {
	b := newBureau(t, "2026-05-11 10:00:00")
	const no, authority, code = "豫知罚〔2026〕3号", "河南省知识产权局", "p:h7x2"
	e := credit.Entry{SubjectCode: code, SubjectName: "欧*样", NaturalPerson: true, Record: credit.Record{
		ID: credit.NewID(credit.Penalty, authority, no, code), Kind: credit.Penalty, Act: "penalty", NaturalPerson: true, InstrumentNo: no, Authority: authority,
		Source: credit.Admin, Channel: credit.Republish, DeterminedOn: workday.MustDate("2026-05-06"), PublishedOn: workday.MustDate("2026-05-07"), CollectedAt: b.env.Now(),
		Content: credit.Content{Penalty: &credit.PenaltyContent{
			Violation: "自行接受委托办理专利代理业务", Facts: "x", Basis: "《专利代理条例》第二十六条", Classes: []string{"罚款"}, Text: "罚款", FineFen: 3_000_000,
		}},
	}}
	b.change(credit.Change{Records: []credit.Entry{e}})
	id := e.Record.ID
	shown := func(want bool) {
		t.Helper()
		for path, holds := range map[string]bool{"/agencies": want, "/agencies?lang=en": want, "/disclosures": want, "/feed.atom": false, "/feed.json": false, "/sitemap.xml": false} {
			a := b.ask(http.MethodGet, path, asPage)
			if got := bytes.Contains(a.body, []byte(id)); a.status != http.StatusOK || got != holds || bytes.Contains(a.body, []byte(code)) {
				t.Errorf("%s: %d, holds it: %t", path, a.status, got)
			}
		}
	}
	shown(true)
	if status, page := b.as("lead.handler", "/notices/adopt", url.Values{"record": {id}}); status != http.StatusSeeOther {
		t.Fatalf("%d %s", status, page)
	} else {
		notice := noticeAddress.FindStringSubmatch(page)[1]
		status, page := b.as("lead.handler", "/notices/"+notice, nil)
		if status != http.StatusOK || strings.Contains(page, code) || !strings.Contains(page, "样") || strings.Contains(page, "/correct\"") {
			t.Errorf("%d %s", status, regexp.MustCompile(`(?s)<main.*</main>`).FindString(page))
		}
		if status, _ := b.step("lead.handler", notice, "report", "on", "2026-05-11", "reason", "annulled"); status != http.StatusSeeOther {
			t.Fatal(status)
		}
		if status, _ := b.step("lead.handler", notice, "recall"); status != http.StatusForbidden {
			t.Errorf("withdrawn by who asked for it: %d", status)
		}
		shown(true)
		if status, _ := b.step("lead.publisher", notice, "recall"); status != http.StatusSeeOther {
			t.Fatal(status)
		}
	}
	shown(false)
	if a := b.ask(http.MethodGet, "/disclosures/"+id, asPage); a.status != http.StatusGone || !strings.Contains(string(a.body), "已被撤销") || strings.Contains(string(a.body), "样例") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := b.ask(http.MethodGet, "/removed.json", nil); !bytes.Contains(a.body, []byte(id)) {
		t.Errorf("%s", a.body)
	}
}
