package function

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ipcredit/shared/journal"
	"ipcredit/shared/linkage"
	"ipcredit/shared/seal"
	"ipcredit/shared/sheet"
	"ipcredit/shared/staff"
	"ipcredit/shared/tipoff"
)

// What must be seen on no page but those of the unit that handles it. All are
// fictitious.
const (
	holder   = "新乡市虚构甲科技有限公司"
	holderNo = "91410771MA00AAA104"
	private  = "钱样例金雀"            // a natural person's name
	called   = "孙样例银雀"            // who was spoken to
	spoken   = "将于六月十日前陈述意见，样例铜雀" // what was said
)

// applicationNo is the i-th fictitious patent application of 2025.
func applicationNo(i int) string {
	body := fmt.Sprintf("20251%07d", 9_000_000+i)
	sum := 0
	for n, d := range body {
		sum += int(d-'0') * (2 + n%8)
	}
	return body + "." + string("0123456789X"[sum%11])
}

// notified imports rows of a list, as material-intake does; each is what differs
// from an ordinary row of 红旗区.
func (c *city) notified(rows ...map[string]string) {
	c.t.Helper()
	ctx, now := c.t.Context(), c.clock.Now()
	units := tipoff.Units{}
	for label, to := range c.desk.units {
		units[label] = to
	}
	by := linkage.Import{Batch: fmt.Sprintf("b%d", c.seq.Add(1)), Actor: "key:test", At: now, City: "410700", Units: units}
	var list []linkage.Entry
	for _, values := range rows {
		all := map[string]string{
			"applicant": holder, "applicantCode": holderNo, "agency": "41990", "grounds": "AF1", "list": "2026年第1批",
			"notifiedAt": "2026-05-18", "replyBy": "2026-06-30", "state": "通报", "division": "410702", "holder": "企业",
		}
		kind := linkage.Patent
		if values["class"] != "" {
			kind = linkage.Mark
			all["agency"], all["grounds"] = "", "TM4"
		}
		for k, v := range values {
			all[k] = v
		}
		e, problems := linkage.Parse(kind, sheet.NewRow(linkage.Schemas()[kind], 1, all), now)
		if len(problems) > 0 {
			c.t.Fatal(problems)
		}
		list = append(list, e)
	}
	sealer := linkage.Sealer{Keys: seal.NewKeys(c.env.Objects.Keys), Escrow: keys()["escrow"].Recipient(), Label: "material", Identity: keys()["custodian"]}
	for part := range slices.Chunk(list, 500) {
		if err := c.desk.notified.Prepare(ctx, part, by, &sealer, false); err != nil {
			c.t.Fatal(err)
		}
		err := c.env.Journal.Commit(ctx, journal.Entry{Actor: "key:test", Action: "batch.rows", Ref: by.Batch, At: now}, nil, func(tx *journal.Tx) error {
			_, err := c.desk.notified.Put(ctx, tx, part, by)
			return err
		})
		if err != nil {
			c.t.Fatal(err)
		}
	}
}

// row is one of rows that differ by their number and what is given.
func notifiedRow(i int, pairs ...string) map[string]string {
	out := map[string]string{"number": applicationNo(i)}
	for n := 0; n+1 < len(pairs); n += 2 {
		out[pairs[n]] = pairs[n+1]
	}
	return out
}

func notifiedRows(from, to int, pairs ...string) []map[string]string {
	var out []map[string]string
	for i := from; i <= to; i++ {
		out = append(out, notifiedRow(i, pairs...))
	}
	return out
}

var seenField = regexp.MustCompile(`name="seen" value="([^"]+)"`)

// fields are the fields of the form of an action, with all applications chosen but
// those left out.
func (k visitor) fields(path string, leave ...string) []string {
	k.c.t.Helper()
	a := k.get(path)
	wantStatus(k.c.t, a, http.StatusOK)
	var out []string
	for _, m := range seenField.FindAllStringSubmatch(a.body, -1) {
		id, _, _ := strings.Cut(m[1], "=")
		out = append(out, "seen", m[1])
		if !slices.Contains(leave, id) {
			out = append(out, "id", id)
		}
	}
	return out
}

// bulk fills in the form of an action and sends it.
func (k visitor) bulk(action, query string, fields ...string) answer {
	k.c.t.Helper()
	path := "/applications/act/" + action + "?" + query
	return k.post(path, append(k.fields(path), fields...)...)
}

// bulked is bulk that must succeed.
func (k visitor) bulked(action, query string, fields ...string) answer {
	k.c.t.Helper()
	a := k.bulk(action, query, fields...)
	if a.StatusCode != http.StatusSeeOther {
		k.c.t.Fatalf("%s: %d %s", action, a.StatusCode, words(a.body))
	}
	return k.get(a.Header.Get("Location"))
}

// groupOf is the query of the group of the firm of these tests.
func groupOf(unit string) string {
	return url.Values{"group": {holderNo}, "agency": {"41990"}, "unit": {unit}, "kind": {"abnormal-application"}}.Encode()
}

func TestOfficersSeeTheApplicationsOfTheirOwnDistrictOnly(t *testing.T) {
	c := embedded(t)
	c.notified(notifiedRow(1), notifiedRow(2, "division", "410711"))
	hongqi, muye := c.as("hongqi.handler"), c.as("muye.handler")
	a := hongqi.get("/applications/items")
	wantStatus(t, a, http.StatusOK)
	wantIn(t, a, applicationNo(1), holder, say("applications.count", 1), "2026-06-30")
	wantNone(t, a, applicationNo(2))
	wantIn(t, muye.get("/applications/items"), applicationNo(2))
	wantIn(t, hongqi.get("/applications/items/"+applicationNo(1)), holder, say("linkage.ground.AF1"), say("linkage.clock.notice"))
	for _, path := range []string{"/applications/items/" + applicationNo(1), "/applications/act/result?id=" + applicationNo(1), "/applications/act/letter?" + groupOf("410702"), "/applications/group?" + groupOf("410702")} {
		a := muye.get(path)
		if a.StatusCode == http.StatusSeeOther {
			a = muye.get(a.Header.Get("Location"))
		}
		wantNone(t, a, holder)
		if a.StatusCode < 400 {
			t.Errorf("muye gets %s: %d", path, a.StatusCode)
		}
	}
	seen := []string{"id", applicationNo(1), "seen", applicationNo(1) + "=1"}
	for action, fields := range map[string][]string{
		"letter": {"to", "applicant"}, "contact": {"method", "phone", "rights", "1", "on", "2026-05-20", "person", "x", "note", "x"},
		"result": {"to", "explained", "on", "2026-05-20"}, "assign": {"owner", "x"}, "reroute": {"division", "410711", "reason", "address"},
	} {
		for _, query := range []string{"id=" + applicationNo(1), groupOf("410702")} {
			if a := muye.post("/applications/act/"+action+"?"+query, append(fields, seen...)...); a.StatusCode < 400 {
				t.Errorf("muye may %s: %d %s", action, a.StatusCode, words(a.body))
			}
		}
	}
	if x, err := c.desk.notified.Get(t.Context(), applicationNo(1)); err != nil || x.Version != 1 {
		t.Errorf("it was changed: %+v %v", x, err)
	}
	// The lead bureau's supervisor sees figures and lists of all; departments none.
	all := c.as("lead.supervisor")
	wantIn(t, all.get("/applications?by=division"), "红旗区", "牧野区", "0/2")
	wantIn(t, all.get("/applications/items"), applicationNo(1), applicationNo(2))
	for _, user := range []string{"science.handler", "jia.legal", "lead.auditor", "discipline.handler"} {
		for _, path := range []string{"/applications", "/applications/items", "/applications/groups"} {
			a := c.as(user).get(path)
			wantNone(t, a, applicationNo(1), holder, "0/2", "红旗区")
		}
	}
	// An address that is no number, and one with a wrong check digit, are nobody's.
	for _, id := range []string{"x", "202510999999.4", "201710601862.4", "99000001-46", applicationNo(9)} {
		wantStatus(t, hongqi.get("/applications/items/"+id), http.StatusNotFound)
		if a := hongqi.get("/applications/act/result?id=" + id); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", id, a.StatusCode)
		}
	}
	// A number may be written in other ways.
	wantIn(t, hongqi.get("/applications/items/ZL"+strings.ReplaceAll(applicationNo(1), ".", "")), holder)
}

func TestRatesAreCutOffAndNeverRounded(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name        string
		part, whole int
		want        string
	}{
		{"exactly ninety", 9, 10, "90.0"}, {"eighteen of twenty", 18, 20, "90.0"}, {"89.995 is below", 1799, 1999, "89.9"},
		{"89.95 is below", 179, 199, "89.9"}, {"nothing of some", 0, 3, "0.0"}, {"all", 7, 7, "100.0"}, {"nothing notified", 0, 0, ""},
	} {
		if got := percentCut(x.part, x.whole); got != x.want {
			t.Errorf("%s: %q, want %q", x.name, got, x.want)
		}
	}
}

func TestListsShowFractionsAndAnAlarmThatPressesNobody(t *testing.T) {
	c := embedded(t)
	done := []string{"state", "已撤回", "stateOn", "2026-05-19"}
	c.notified(slices.Concat(notifiedRows(1, 179, done...), notifiedRows(180, 199), notifiedRows(301, 309, append([]string{"list", "2026年第2批", "division", "410711"}, done...)...),
		notifiedRows(310, 310, "list", "2026年第2批", "division", "410711"), notifiedRows(401, 402, "list", "2026年第3批", "state", "认定正常", "stateOn", "2026-05-19"))...)
	hongqi := c.as("hongqi.handler")
	a := hongqi.get("/applications")
	wantStatus(t, a, http.StatusOK)
	wantIn(t, a, "179/199", "89.9%", say("applications.below"), say("applications.alarm_title"), say("applications.alarm"), say("applications.not_applicable"), "2026年第3批")
	wantNone(t, a, "90.0%", "89.95", "2026年第2批")
	for _, word := range []string{"催促", "动员", "劝退"} {
		wantNone(t, a, word)
	}
	// The city's figure is made of sums: 188 of 209, not the mean of 89.9 and 90.
	a = c.as("lead.supervisor").get("/applications?by=division")
	wantIn(t, a, "179/199", "9/10", "90.0%", "188/209", "89.9%")
	for by, text := range map[string]string{"list": "2026年第2批", "agency": "41990", "holder": say("linkage.holder.enterprise"), "year": say("applications.year", "2026")} {
		wantIn(t, c.as("lead.supervisor").get("/applications?by="+by), text, "188/209")
	}
	// Drilling down stands in the address.
	a = c.as("lead.supervisor").get("/applications?by=agency&division=410711&year=2026&holder=enterprise")
	wantIn(t, a, "9/10", "90.0%", "牧野区")
	wantNone(t, a, say("applications.alarm_title"))
	wantIn(t, hongqi.get("/applications?year=2025"), say("applications.rates.none"), say("applications.not_applicable"))
	for _, query := range []string{"?by=x", "?kind=x", "?holder=x", "?year=26", "?year=+2026"} {
		wantStatus(t, hongqi.get("/applications"+query), http.StatusBadRequest)
	}
	// The same list again counts nothing twice.
	c.notified(notifiedRows(180, 199)...)
	wantIn(t, c.as("hongqi.handler").get("/applications"), "179/199")
}

func TestPendingOnesStandInTheOrderOfTheirReplyDeadline(t *testing.T) {
	c := embedded(t)
	c.notified(notifiedRow(1, "replyBy", "2026-07-30"), notifiedRow(2, "replyBy", "2026-05-19"), notifiedRow(3, "replyBy", ""), notifiedRow(4, "state", "已撤回", "replyBy", "2026-05-19"))
	k := c.as("hongqi.handler")
	a := k.get("/applications/items")
	at := []int{strings.Index(a.body, applicationNo(2)), strings.Index(a.body, applicationNo(1)), strings.Index(a.body, applicationNo(3))}
	if at[0] < 0 || !slices.IsSorted(at) {
		t.Errorf("they stand at %v", at)
	}
	wantNone(t, a, applicationNo(4))
	wantIn(t, a, say("applications.reply_past"), say("applications.items.about"))
	wantIn(t, k.get("/applications/items?show=all"), applicationNo(4))
	wantNone(t, k.get("/applications/items?show=mine"), applicationNo(1))
	a = k.get("/applications/items?replyBy=2026-06-01")
	wantIn(t, a, applicationNo(2))
	wantNone(t, a, applicationNo(1), applicationNo(3))
	for _, query := range []string{"?state=x", "?kind=x", "?show=x", "?replyBy=2026-02-30", "?cursor=x"} {
		wantStatus(t, k.get("/applications/items"+query), http.StatusBadRequest)
	}
}

func TestOneLetterCoversHundredsOfApplications(t *testing.T) {
	c := embedded(t)
	c.notified(slices.Concat(notifiedRows(1, 240), notifiedRows(301, 303, "agency", "41991"))...)
	k := c.as("hongqi.handler")
	a := k.get("/applications/groups")
	wantIn(t, a, say("applications.groups.count", 2), holder, "41990", "41991", ">240<")
	a = k.get("/applications/group?" + groupOf("410702"))
	wantIn(t, a, holder, applicationNo(1), applicationNo(240), say("applications.act.letter"))
	wantNone(t, a, applicationNo(301))
	a = k.bulk("letter", groupOf("410702"), "to", "applicant", "docNo", "新测联函[26]3号")
	wantStatus(t, a, http.StatusBadRequest)
	wantIn(t, a, "新测联函[26]3号", `aria-invalid="true"`)
	a = k.bulked("letter", groupOf("410702"), "to", "applicant")
	wantIn(t, a, say("applications.letter.number", 2026, 1), holder, say("applications.done.letter"), say("applications.letter.name.abnormal-application"),
		"2026年6月30日", "第五十条", "第四十五条", "第三条", "国家知识产权局令第77号", applicationNo(1), applicationNo(240), "自己决定")
	if n := strings.Count(a.body, "paper annex"); n != 18 { // 240 of 14 a page
		t.Errorf("the annex has %d pages", n)
	}
	x, err := c.desk.notified.Get(t.Context(), applicationNo(200))
	if err != nil || x.State != linkage.Contacted {
		t.Errorf("it is %s (%v)", x.State, err)
	}
	wantIn(t, k.get("/applications/group?"+groupOf("410702")), say("applications.letter.number", 2026, 1), say("linkage.state.contacted"))
	wantIn(t, k.get("/applications/items/"+applicationNo(7)), say("applications.letter.number", 2026, 1))
	// The letter is its unit's.
	for _, user := range []string{"muye.handler", "science.handler", "jia.legal"} {
		a := c.as(user).get("/letters/1")
		wantNone(t, a, holder)
		if a.StatusCode < 400 {
			t.Errorf("%s reads the letter: %d", user, a.StatusCode)
		}
	}
	for _, no := range []string{"2", "0", "-1", "x", "01"} {
		wantStatus(t, k.get("/letters/"+no), http.StatusNotFound)
	}
}

// A form that is sent twice writes one letter: the second finds another version.
func TestSameLetterIsNotWrittenTwice(t *testing.T) {
	c := embedded(t)
	c.notified(notifiedRows(1, 3)...)
	k := c.as("hongqi.handler")
	path := "/applications/act/letter?" + groupOf("410702")
	fields := append(k.fields(path), "to", "applicant", "docNo", "新测联函〔2026〕3号")
	wantStatus(t, k.post(path, fields...), http.StatusSeeOther)
	a := k.post(path, fields...)
	wantStatus(t, a, http.StatusPreconditionFailed)
	wantIn(t, a, "新测联函〔2026〕3号", say("applications.stale_title"))
	wantStatus(t, k.get("/letters/2"), http.StatusNotFound)
}

func TestContactNeedsTheRightsExplainedAndKeepsWhatWasTyped(t *testing.T) {
	c := embedded(t)
	c.notified(notifiedRows(1, 30)...)
	k := c.as("hongqi.handler")
	query := groupOf("410702")
	for name, fields := range map[string][]string{
		"rights": {"method", "phone", "on", "2026-05-20"}, "method": {"rights", "1", "on", "2026-05-20"},
		"on": {"method", "phone", "rights", "1", "on", "2026-05-32"}, "day": {"method", "phone", "rights", "1", "on", "2026-05-21"},
	} {
		a := k.bulk("contact", query, append(fields, "person", called, "note", spoken)...)
		if a.StatusCode < 400 || a.StatusCode >= 500 {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
		wantIn(t, a, called, spoken, `class="wrong"`)
	}
	a := k.bulk("contact", query, "method", "phone", "rights", "1", "on", "2026-05-20", "note", spoken)
	wantStatus(t, a, http.StatusBadRequest)
	a = k.bulked("contact", query, "method", "phone", "rights", "1", "on", "2026-05-20", "person", called, "note", spoken)
	wantIn(t, a, say("applications.done.applications-contact"), say("linkage.state.contacted"))
	wantNone(t, a, called, spoken)
	wantIn(t, k.get("/applications/items/"+applicationNo(30)), called, spoken, say("applications.rights_done"), say("linkage.method.phone"), say("applications.count", 30))
	if n := c.journaled("linkage.view", applicationNo(30)); n == 0 {
		t.Error("the view is not in the journal")
	}
}

func TestResultsOfManyAreRecordedAtOnceAndTakenBack(t *testing.T) {
	c := embedded(t)
	c.notified(notifiedRows(1, 40)...)
	k := c.as("hongqi.handler")
	query := groupOf("410702")
	for name, fields := range map[string][]string{
		"without document": {"to", "accepted-as-normal", "on", "2026-05-20"}, "without receipt": {"to", "withdrawn", "on", "2026-05-20"},
		"of no form": {"to", "withdrawn", "on", "2026-05-20", "document", "第三号"}, "before the notice": {"to", "explained", "on", "2026-05-17"},
		"in the future": {"to", "explained", "on", "2026-05-21"}, "no state": {"on", "2026-05-20"}, "not by this form": {"to", "contacted", "on", "2026-05-20"},
	} {
		a := k.bulk("result", query, fields...)
		if a.StatusCode < 400 || a.StatusCode >= 500 || a.StatusCode == http.StatusPreconditionFailed {
			t.Errorf("%s: %d %s", name, a.StatusCode, words(a.body))
		}
		wantIn(t, a, `class="wrong"`)
	}
	path := "/applications/act/result?" + query
	a := k.post(path, append(k.fields(path, applicationNo(1), applicationNo(2)), "to", "withdrawn", "on", "2026-05-20", "document", "2026052000012345")...)
	wantStatus(t, a, http.StatusSeeOther)
	wantIn(t, k.get("/applications"), "38/40", "95.0%")
	group := k.get("/applications/group?" + query + "&show=all")
	wantIn(t, group, say("applications.acts"), say("applications.count", 38))
	undo := regexp.MustCompile(`/applications/undo/([A-Za-z0-9-]+)`).FindStringSubmatch(group.body)
	if undo == nil {
		t.Fatalf("it cannot be taken back: %s", words(group.body))
	}
	// One of them has moved on since: it stays.
	wantStatus(t, k.bulk("assign", "id="+applicationNo(40), "owner", c.userID("hongqi.handler")), http.StatusSeeOther)
	wantIn(t, k.get(undo[0]), say("applications.act.result"), say("linkage.state.withdrawn"), "郭样例")
	if a := c.as("muye.handler").post(undo[0]); a.StatusCode < 400 {
		t.Errorf("another district takes it back: %d", a.StatusCode)
	}
	a = k.post(undo[0])
	wantStatus(t, a, http.StatusConflict)
	wantIn(t, a, applicationNo(40), say("applications.result.done", 37))
	wantIn(t, k.get("/applications"), "1/40")
	x, err := c.desk.notified.Get(t.Context(), applicationNo(9))
	if err != nil || x.State != linkage.Notified {
		t.Errorf("it is %s (%v)", x.State, err)
	}
	if a := k.post(undo[0]); a.StatusCode < 400 {
		t.Errorf("taken back twice: %d", a.StatusCode)
	}
	wantIn(t, k.get("/applications/items/"+applicationNo(9)), say("applications.undone_tag"), say("linkage.event.taken-back"))
	// The whole of a second one comes back.
	wantIn(t, k.bulked("result", query, "to", "explained", "on", "2026-05-20"), say("applications.done.applications-result"))
	undo = regexp.MustCompile(`/applications/undo/([0-9]+)`).FindStringSubmatch(k.get("/applications/group?" + query).body)
	wantIn(t, k.follow(undo[0]), say("applications.done.undone"), say("linkage.state.notified"))
	for _, no := range []string{"0", "99", "x", "01"} {
		wantStatus(t, k.get("/applications/undo/"+no), http.StatusNotFound)
	}
}

func TestAcceptedAsNormalNeedsCNIPAsDocumentAndLeavesTheDenominator(t *testing.T) {
	c := embedded(t)
	c.notified(notifiedRows(1, 10)...)
	k := c.as("hongqi.handler")
	k.bulked("result", "id="+applicationNo(1), "to", "accepted-as-normal", "on", "2026-05-20", "document", "国知发测函字〔2026〕12号")
	wantIn(t, k.get("/applications"), "0/9")
	wantIn(t, k.get("/applications/items/"+applicationNo(1)), say("linkage.state.accepted-as-normal"), "国知发测函字〔2026〕12号")
}

func TestWhatSomebodyElseDidFirstCostsNoText(t *testing.T) {
	c := embedded(t)
	c.notified(notifiedRows(1, 12)...)
	k, other := c.as("hongqi.handler"), c.as("hongqi.handler")
	path := "/applications/act/contact?" + groupOf("410702")
	fields := append(k.fields(path), "method", "visit", "rights", "1", "on", "2026-05-20", "person", called, "note", spoken)
	other.bulked("result", "id="+applicationNo(3), "to", "explained", "on", "2026-05-20")
	other.bulked("result", "id="+applicationNo(4), "to", "withdrawn", "on", "2026-05-20", "document", "2026052000012345")
	a := k.post(path, fields...)
	wantStatus(t, a, http.StatusPreconditionFailed)
	wantIn(t, a, spoken, called, say("applications.stale_title"), say("linkage.state.explained"), applicationNo(3))
	// What it shows now can be sent as it is.
	var again []string
	for _, m := range seenField.FindAllStringSubmatch(a.body, -1) {
		id, _, _ := strings.Cut(m[1], "=")
		again = append(again, "seen", m[1], "id", id)
	}
	wantStatus(t, k.post(path, append(again, "method", "visit", "rights", "1", "on", "2026-05-20", "person", called, "note", spoken)...), http.StatusSeeOther)
	wantStatus(t, k.post(path, "method", "visit", "id", applicationNo(1)), http.StatusBadRequest) // without versions
	wantStatus(t, k.post(path, k.fields(path, applicationNo(1), applicationNo(2), applicationNo(3))[:2]...), http.StatusBadRequest)
}

func TestApplicationsAreAssignedAndSentToAnotherDistrict(t *testing.T) {
	c := embedded(t)
	c.notified(slices.Concat(notifiedRows(1, 5), []map[string]string{notifiedRow(6, "applicant", private, "applicantCode", "", "holder", "个人", "agency", "")})...)
	k := c.as("hongqi.handler")
	wantIn(t, k.get("/applications/act/assign?"+groupOf("410702")), "郭样例")
	wantStatus(t, k.bulk("assign", groupOf("410702"), "owner", ""), http.StatusBadRequest)
	if a := k.bulk("assign", groupOf("410702"), "owner", c.userID("muye.handler")); a.StatusCode < 400 {
		t.Errorf("assigned to another district's officer: %d", a.StatusCode)
	}
	a := k.bulked("assign", groupOf("410702"), "owner", c.userID("hongqi.handler"))
	wantIn(t, a, say("linkage.state.assigned"), "郭样例")
	wantNone(t, k.get("/applications/items/"+applicationNo(5)), say("applications.confirmed"))
	wantIn(t, k.bulked("assign", groupOf("410702"), "owner", c.userID("hongqi.handler"), "confirmed", "1"), say("applications.act.assign"))
	wantIn(t, k.get("/applications/items/"+applicationNo(5)), say("applications.confirmed"))
	wantIn(t, k.get("/applications/items?show=mine"), applicationNo(5))

	for _, fields := range [][]string{{"division", "410711"}, {"reason", "address"}, {"division", "410711", "reason", "x"}, {"division", "999999", "reason", "address"}} {
		if a := k.bulk("reroute", "id="+applicationNo(6), fields...); a.StatusCode < 400 || a.StatusCode >= 500 {
			t.Errorf("%v: %d", fields, a.StatusCode)
		}
	}
	a = k.bulked("reroute", "id="+applicationNo(6), "division", "410711", "reason", "address")
	wantIn(t, a, say("applications.done.applications-reroute"))
	if a := k.get("/applications/items/" + applicationNo(6)); a.StatusCode < 400 {
		t.Errorf("the district it left: %d", a.StatusCode)
	}
	a = c.as("muye.handler").get("/applications/items/" + applicationNo(6))
	wantIn(t, a, private, say("linkage.reason.address"), "牧野区")
}

// A 监管所 gets them where its bureau has delegated to it, and returns to the city
// are a choice like any other.
func TestApplicationsGoToADelegatedSubOfficeAndBackToTheCity(t *testing.T) {
	c := embedded(t)
	c.notified(notifiedRows(1, 4)...)
	k := c.as("hongqi.handler")
	form := "/applications/act/assign?" + groupOf("410702")
	wantNone(t, k.get(form), "样例街道市场监督管理所")
	span := staff.Span{From: "2026-05-01", To: "2026-12-31"}
	if _, err := c.staff.Delegate(t.Context(), c.actor("hongqi.approver"), "hongqi-suo", []staff.Role{staff.Handler, staff.Intake}, span, "新红市监委〔2026〕1号", c.clock.Now()); err != nil {
		t.Fatal(err)
	}
	wantIn(t, k.get(form), "赵测试（样例街道市场监督管理所）")
	k.bulked("assign", groupOf("410702"), "owner", c.userID("hongqi.suo"))
	suo := c.as("hongqi.suo")
	wantIn(t, suo.get("/applications/items?show=mine"), applicationNo(1))
	suo.bulked("contact", "id="+applicationNo(1), "method", "visit", "rights", "1", "on", "2026-05-20", "person", called, "note", spoken)

	k.bulked("letter", groupOf("410702"), "to", "applicant")
	wantIn(t, k.get("/applications/act/reroute?id="+applicationNo(4)), say("applications.to_city", "新乡市"))
	wantStatus(t, k.bulk("reroute", "id="+applicationNo(4), "division", "410700", "reason", "list-error"), http.StatusSeeOther)
	wantIn(t, c.as("lead.handler").get("/applications/items"), applicationNo(4))
	// A letter that was sent says what it said, wherever its applications went.
	a := k.get("/letters/1")
	wantIn(t, a, applicationNo(4), say("applications.letter.annex", 4), holder)
}

func TestWhoOnlyCountsSeesFiguresAndWhatIsPending(t *testing.T) {
	c := embedded(t)
	c.notified(notifiedRow(1), notifiedRow(2, "division", "410711"), notifiedRow(3, "state", "已撤回", "stateOn", "2026-05-19"))
	k := c.as("lead.statistics")
	wantIn(t, k.get("/applications"), "1/3")
	a := k.get("/applications/items")
	wantIn(t, a, applicationNo(1), applicationNo(2))
	wantNone(t, a, applicationNo(3), "/applications/items/"+applicationNo(1), "/applications/act/")
	for _, path := range []string{"/applications/items/" + applicationNo(1), "/applications/act/assign?id=" + applicationNo(1), "/applications/group?" + groupOf("410702")} {
		if a := k.get(path); a.StatusCode < 400 {
			t.Errorf("%s: %d", path, a.StatusCode)
		}
	}
}

func TestResultsOfAListAreExportedForAPurposeAndMarkedAsFedBack(t *testing.T) {
	c := embedded(t)
	c.notified(notifiedRow(1, "state", "已撤回", "stateOn", "2026-05-19"), notifiedRow(2), notifiedRow(3, "applicant", private, "applicantCode", "", "holder", "个人", "agency", ""), notifiedRow(4, "division", "410711"))
	k := c.as("hongqi.handler")
	list := url.Values{"list": {"2026年第1批"}}.Encode()
	wantIn(t, k.get("/applications"), "/applications/feedback?kind=abnormal-application&amp;"+list)
	wantIn(t, k.get("/applications/feedback?"+list), "2026年第1批", say("applications.count", 3), say("applications.feedback.mark"))
	wantStatus(t, k.get("/applications/feedback?list=x"), http.StatusNotFound)
	post := func(fields ...string) answer {
		return k.post("/applications/feedback", append(fields, "list", "2026年第1批", "kind", "abnormal-application")...)
	}
	wantStatus(t, post("do", "export", "format", "csv"), http.StatusBadRequest)
	wantStatus(t, post("do", "export", "format", "csv", "purpose", "x"), http.StatusBadRequest)
	wantStatus(t, post("do", "export", "purpose", "province"), http.StatusBadRequest)
	wantStatus(t, post("do", "x"), http.StatusBadRequest)
	a := post("do", "export", "format", "csv", "purpose", "province")
	wantStatus(t, a, http.StatusOK)
	wantIn(t, a, applicationNo(1), applicationNo(2), applicationNo(3), say("linkage.state.withdrawn"), "红旗区", say("applications.column.number"))
	wantNone(t, a, applicationNo(4), private, holder, holderNo)
	if a.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("headers %v", a.Header)
	}
	if c.journaled("linkage.export", "province") != 1 {
		t.Errorf("%d exports in the journal", c.journaled("linkage.export", "province"))
	}
	a = post("do", "export", "format", "xlsx", "purpose", "notifier")
	wantStatus(t, a, http.StatusOK)
	if !strings.HasPrefix(a.body, "PK") {
		t.Error("it is no spreadsheet")
	}
	// Who only reviews exports nothing, and another district gets its own only.
	if a := c.as("hongqi.reviewer").post("/applications/feedback", "do", "export", "format", "csv", "purpose", "check", "list", "2026年第1批"); a.StatusCode < 400 {
		t.Errorf("a reviewer exports: %d", a.StatusCode)
	}
	a = c.as("muye.handler").post("/applications/feedback", "do", "export", "format", "csv", "purpose", "check", "list", "2026年第1批")
	wantIn(t, a, applicationNo(4))
	wantNone(t, a, applicationNo(1))

	k.bulked("contact", "id="+applicationNo(2), "method", "phone", "rights", "1", "on", "2026-05-20", "person", called, "note", spoken)
	a = k.follow("/applications/feedback", "do", "report", "list", "2026年第1批", "kind", "abnormal-application")
	wantIn(t, a, say("applications.feedback.done", "1", "1"))
	wantIn(t, k.get("/applications/items/"+applicationNo(2)), say("applications.feedback.no", 1))
	a = k.follow("/applications/feedback", "do", "report", "list", "2026年第1批", "kind", "abnormal-application")
	wantIn(t, a, say("applications.feedback.nothing"))
}

func TestMarksAreWrittenToUnderTheTrademarkLaw(t *testing.T) {
	c := embedded(t)
	c.notified(map[string]string{"number": "99000001", "class": "35"}, map[string]string{"number": "99000001", "class": "9"})
	k := c.as("hongqi.handler")
	wantIn(t, k.get("/applications?kind=bad-faith-mark"), "0/2")
	wantIn(t, k.get("/applications/items/99000001-9"), say("applications.class", 9), say("linkage.ground.TM4"))
	query := url.Values{"group": {holderNo}, "agency": {"-"}, "unit": {"410702"}, "kind": {"bad-faith-mark"}}.Encode()
	wantStatus(t, k.bulk("letter", query, "to", "agency"), http.StatusUnprocessableEntity)
	a := k.bulked("letter", query, "to", "applicant")
	wantIn(t, a, say("applications.letter.name.bad-faith-mark"), "商标法", "第三十四条")
	wantNone(t, a, "专利法")
}
